"""The redirect URI when something fails between the state's use and the answer: a page, and an outcome to read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from quickstart.authorization import pages
from quickstart.authorization.connections import Connections
from quickstart.authorization.events import ConnectionEvents
from quickstart.authorization.flow import RedirectUri
from quickstart.authorization.records import Authorizations, Parked, Status, new_secret, state_text
from quickstart.authorization.requests import describe, settled
from quickstart.aws_failures import AwsDeadlineExceededError
from quickstart.secrets import SecretUnreadableError
from quickstart.token_vault import TokenVault
from reference.endpoints import CHECKOUT, _load
from sp_api.consent import PartyType
from sp_api.deadline import Deadline
from sp_api.errors import AuthorizationError, TransientError
from sp_api.lwa import AuthorizationGrant
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError, Context, MemoryTable

OWN = "https://connect.example.com"
LogLines = Callable[[], list[dict[str, Any]]]


@dataclass
class Lwa:
    """Login with Amazon, which gives a token."""

    error: Exception | None = None
    codes: list[str] = field(default_factory=list)

    def authorization_code(self, code: str, _redirect_uri: str, _deadline: Deadline) -> AuthorizationGrant:
        self.codes.append(code)
        if self.error is not None:
            raise self.error
        return AuthorizationGrant("Atzr|refresh", "Atza|access", 3600)


class World:
    """The redirect URI of a stack, with its tables in memory."""

    def __init__(self, lwa: Lwa) -> None:
        self.lwa, self.aws = lwa, Aws(Encrypt=lambda _: {"CiphertextBlob": b"sealed", "KeyId": "key"})
        self.authorizations = Authorizations(MemoryTable(Aws(), "AuthorizationId").table)
        self.connections = Connections(MemoryTable(self.aws, "SellerId", "Item").table)
        vault = TokenVault(self.connections.table, self.aws.client("kms"), "key")
        anything: Any = lwa
        events = ConnectionEvents(self.aws.client("events"), "bus")
        self.redirect_uri = RedirectUri(self.authorizations, self.connections, vault, anything, events)
        self.secret = new_secret()
        self.begun = self.authorizations.begin(
            Region.NA, PartyType.SELLER, f"{OWN}/authorize/callback", beta=False, secret=self.secret
        )

    def event(self) -> Mapping[str, Any]:
        state = state_text(self.begun.authorization_id, self.secret)
        query = {"state": [state], "selling_partner_id": ["A1"], "spapi_oauth_code": ["code"]}
        return {"multiValueQueryStringParameters": query}

    def load(self) -> pages.Page | pages.Redirect:
        return self.redirect_uri.serve(self.event(), OWN, Deadline.after(10))

    def shown(self) -> Mapping[str, object]:
        found = settled(self.authorizations.get(self.begun.authorization_id), self.connections)
        return describe(found, datetime.now(UTC))


def test_a_token_that_cannot_be_stored_ends_the_authorization() -> None:
    world = World(Lwa())

    def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError("KMSInvalidStateException")

    world.aws.answers["Encrypt"] = refuse
    assert world.load() == pages.FAILED
    assert (world.shown()["status"], world.shown()["reason"]) == ("REFUSED", "NotStored")
    assert world.load() == pages.USED
    assert world.lwa.codes == ["code"]


def test_an_unreadable_secret_is_the_operators_to_fix() -> None:
    world = World(Lwa(SecretUnreadableError(["AppClientId"])))
    assert world.load() == pages.APPLICATION_REFUSED
    assert (world.shown()["status"], world.shown()["reason"]) == ("REFUSED", "ApplicationRefused")


@pytest.mark.parametrize("stored", [True, False])
def test_a_function_that_dies_before_the_outcome_is_recorded(monkeypatch: pytest.MonkeyPatch, *, stored: bool) -> None:
    """What was stored is shown as connected; a page that is loaded again exchanges nothing."""

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    world = World(Lwa())
    monkeypatch.setattr(Authorizations if stored else TokenVault, "end" if stored else "store", die)
    with pytest.raises(Killed):
        world.load()
    assert world.load() == pages.USED
    assert world.lwa.codes == ["code"]
    shown = world.shown()
    assert (shown["status"], shown["sellerId"]) == ("CONNECTED" if stored else "PENDING", "A1")


def test_a_damaged_authorization_is_a_page(monkeypatch: pytest.MonkeyPatch, log_lines: LogLines) -> None:
    app = _load(CHECKOUT / "functions/authorization_pages/app.py")
    world = World(Lwa())
    world.authorizations.table.update({"AuthorizationId": world.begun.authorization_id}, {"StateEndsAt": "soon"})
    monkeypatch.setattr(app.wiring, "redirect_uri", lambda: world.redirect_uri)
    context = {"requestId": "1", "domainName": "id.example.com", "path": "/prod/authorize/callback"}
    event = {"httpMethod": "GET", "resource": "/authorize/callback", "requestContext": context, **world.event()}
    assert app.handler(event, Context())["statusCode"] == 503
    assert world.lwa.codes == []
    damaged, _ = log_lines()
    assert world.begun.authorization_id in damaged["reason"]
    assert "exception" not in damaged


def test_an_attempt_that_the_host_product_does_not_continue_is_kept_for_a_day() -> None:
    """Anybody can open the log-in URI."""
    memory = MemoryTable(Aws(), "AuthorizationId")
    authorizations = Authorizations(memory.table)
    parked = Parked("https://sellercentral.amazon.com/", "state")
    begun = authorizations.begin(Region.NA, PartyType.SELLER, OWN, beta=False, parked=parked)
    (item,) = memory.items
    assert item["ExpiresAt"] == int(begun.created_at.timestamp()) + 86400
    authorizations.give_state(begun, new_secret(), "user", None, None)
    assert item["ExpiresAt"] == int(begun.created_at.timestamp()) + 30 * 86400


def test_another_attempts_token_connects_nothing() -> None:
    world = World(Lwa())
    assert world.load() == pages.CONNECTED
    other = replace(world.begun, authorization_id="other", seller_id="A1", used_at="now")
    assert settled(other, world.connections).status is Status.PENDING


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            AuthorizationError("token", status=400, error="invalid_grant", message="", action="ask again"),
            "LWA rejected the authorization code",
        ),
        (TransientError("token", message="no answer"), "the authorization code got no answer"),
        (SecretUnreadableError(["AppClientId"]), "the application's credentials cannot be read"),
    ],
)
def test_why_a_code_was_not_exchanged_is_in_the_log(error: Exception, message: str, log_lines: LogLines) -> None:
    world = World(Lwa(error))
    world.aws.answers["PutEvents"] = lambda _: {"FailedEntryCount": 0, "Entries": [{}]}
    world.load()
    (line,) = [line for line in log_lines() if line["message"] == message]
    assert line["reason"] == str(error)


@pytest.mark.parametrize("expected", [None, "A2"])
def test_a_refused_selling_partners_id_is_not_kept(expected: str | None) -> None:
    world = World(Lwa(AuthorizationError("token", status=400, error="invalid_grant", message="", action="")))
    key = {"AuthorizationId": world.begun.authorization_id}
    if expected:
        world.authorizations.table.update(key, {"SellerId": expected})
    world.aws.answers["PutEvents"] = lambda _: {"FailedEntryCount": 0, "Entries": [{}]}
    world.load()
    assert (world.shown()["status"], world.shown()["sellerId"]) == ("REFUSED", expected)
    assert "A1" not in str(world.authorizations.table.get(key))


def test_an_outcome_brings_no_deleted_attempt_back() -> None:
    """The selling partner left while the code was exchanged."""
    world = World(Lwa())
    key = {"AuthorizationId": world.begun.authorization_id}
    world.authorizations.table.delete(key)
    world.authorizations.end(world.begun, Status.CONNECTED, "A1")
    assert world.authorizations.table.get(key) is None


def test_an_attempt_that_another_one_finished_is_used() -> None:
    world = World(Lwa())
    world.authorizations.end(world.begun, Status.CONNECTED, "A1")
    assert world.load() == pages.USED
    assert world.lwa.codes == []


@pytest.mark.parametrize("error", [AwsDeadlineExceededError("no time is left")])
def test_whatever_aws_call_fails_the_browser_gets_a_page(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    app = _load(CHECKOUT / "functions/authorization_pages/app.py")
    world = World(Lwa(error))
    monkeypatch.setattr(app.wiring, "redirect_uri", lambda: world.redirect_uri)
    context = {"requestId": "1", "domainName": "id.example.com", "path": "/prod/authorize/callback"}
    event = {"httpMethod": "GET", "resource": "/authorize/callback", "requestContext": context, **world.event()}
    answer = app.handler(event, Context())
    assert answer["statusCode"] == 503
    assert "Something went wrong here" in answer["body"]
