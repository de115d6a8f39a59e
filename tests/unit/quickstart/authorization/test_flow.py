"""The redirect URI when something fails between the state's use and the answer: a page, and an outcome to read."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
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
NOW = datetime(2027, 1, 10, tzinfo=UTC)
LogLines = Callable[[], list[dict[str, Any]]]


@dataclass
class Lwa:
    """Login with Amazon, which gives a token."""

    error: Exception | None = None
    codes: list[str] = field(default_factory=list)

    def authorization_code(self, code: str, redirect_uri: str, deadline: Deadline) -> AuthorizationGrant:
        assert redirect_uri == f"{OWN}/authorize/callback"
        assert not deadline.spent
        self.codes.append(code)
        if self.error is not None:
            raise self.error
        return AuthorizationGrant("Atzr|refresh", "Atza|access", 3600)


class World:
    """The redirect URI of a stack, with its tables in memory."""

    def __init__(self, lwa: Lwa, **begun: Any) -> None:
        self.lwa, self.aws = lwa, Aws(Encrypt=lambda _: {"CiphertextBlob": b"sealed", "KeyId": "key"})
        self.aws.answers["PutEvents"] = lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
        self.attempts, self.now = MemoryTable(Aws(), "AuthorizationId"), NOW
        self.authorizations = Authorizations(self.attempts.table, lambda: self.now)
        self.connections = Connections(MemoryTable(self.aws, "SellerId", "Item").table)
        vault = TokenVault(self.connections.table, self.aws.client("kms"), "key")
        anything: Any = lwa
        events = ConnectionEvents(self.aws.client("events"), "bus")
        self.redirect_uri = RedirectUri(self.authorizations, self.connections, vault, anything, events)
        self.secret = new_secret()
        self.begun = self.authorizations.begin(
            Region.NA, PartyType.SELLER, f"{OWN}/authorize/callback", beta=False, secret=self.secret, **begun
        )
        self.key = {"AuthorizationId": self.begun.authorization_id}
        self.cookies = ""

    def event(self) -> Mapping[str, Any]:
        state = state_text(self.begun.authorization_id, self.secret)
        query = {"state": [state], "selling_partner_id": ["A1"], "spapi_oauth_code": ["code"]}
        return {"multiValueQueryStringParameters": query, "headers": {"Cookie": self.cookies}}

    def load(self) -> pages.Page | pages.Redirect:
        return self.redirect_uri.serve(self.event(), OWN, Deadline.after(10))

    def shown(self) -> Mapping[str, object]:
        found = settled(self.authorizations.get(self.begun.authorization_id), self.connections)
        return describe(found, self.now)

    @property
    def announced(self) -> list[Any]:
        """The details of the events that were put."""
        return [json.loads(given["Entries"][0]["Detail"]) for name, given in self.aws.calls if name == "PutEvents"]


def test_a_token_that_cannot_be_stored_ends_the_authorization(log_lines: LogLines) -> None:
    world = World(Lwa())

    def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError("KMSInvalidStateException")

    world.aws.answers["Encrypt"] = refuse
    assert world.load() == pages.FAILED
    assert (world.shown()["status"], world.shown()["reason"]) == ("REFUSED", "NotStored")
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("ERROR", "the refresh token was not stored")
    assert (line["authorization_id"], line["seller_id"], line["region"]) == (world.begun.authorization_id, "A1", "NA")
    assert "KMSInvalidStateException" in line["exception"]
    assert world.announced == []
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
    world.load()
    (line,) = [line for line in log_lines() if line["message"] == message]
    assert line["reason"] == str(error)


@pytest.mark.parametrize("expected", [None, "A2"])
def test_a_refused_selling_partners_id_is_not_kept(expected: str | None) -> None:
    world = World(Lwa(AuthorizationError("token", status=400, error="invalid_grant", message="", action="")))
    key = {"AuthorizationId": world.begun.authorization_id}
    if expected:
        world.authorizations.table.update(key, {"SellerId": expected})
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


def test_a_consent_is_stored_with_its_token() -> None:
    world = World(Lwa(), host_reference="user-1")
    assert world.load() == pages.CONNECTED
    item = world.connections.table.get({"SellerId": "A1", "Item": "TOKEN#NA"})
    assert item is not None
    consent = {name: item[name] for name in ("PartyType", "ConsentedAt", "AuthorizationId", "HostReference")}
    assert consent == {
        "PartyType": "seller",
        "ConsentedAt": "2027-01-10T00:00:00+00:00",
        "AuthorizationId": world.begun.authorization_id,
        "HostReference": "user-1",
    }
    (sealed,) = [given for name, given in world.aws.calls if name == "Encrypt"]
    assert sealed["Plaintext"] == b"Atzr|refresh"
    assert world.announced == []


def test_the_browser_returns_to_the_host_product_with_the_outcome() -> None:
    world = World(Lwa(), return_url="https://app.example.com/done?a=b")
    address = f"https://app.example.com/done?a=b&authorizationId={world.begun.authorization_id}&outcome="
    assert world.load() == pages.Redirect("connected", f"{address}CONNECTED")
    refused = World(Lwa(TransientError("token")), return_url="https://app.example.com/done")
    address = f"https://app.example.com/done?authorizationId={refused.begun.authorization_id}&outcome="
    assert refused.load() == pages.Redirect("amazon-unavailable", f"{address}REFUSED")


def test_the_host_product_gets_the_id_of_the_attempt_that_it_started() -> None:
    world = World(Lwa(), return_url="https://app.example.com/done")
    world.authorizations.table.update(world.key, {"Continues": "started"})
    expected = "https://app.example.com/done?authorizationId=started&outcome=CONNECTED"
    assert world.load() == pages.Redirect("connected", expected)


@pytest.mark.parametrize("reason", ["DifferentSellingPartner", "ConnectedElsewhere"])
def test_a_selling_partner_that_may_not_be_connected_is_announced(reason: str) -> None:
    world = World(Lwa(), host_reference="user-1")
    if reason == "DifferentSellingPartner":
        world.authorizations.table.update(world.key, {"SellerId": "A2"})
        assert world.load() == pages.DIFFERENT_SELLING_PARTNER
    else:
        world.connections.table.put({"SellerId": "A1", "Item": "TOKEN#*"})
        assert world.load() == pages.CONNECTED_ELSEWHERE
    assert world.announced == [
        {
            "Change": "REFUSED",
            "SellerId": "A1",
            "RegionCode": "NA",
            "PartyType": "seller",
            "HostReference": "user-1",
            "AuthorizationId": world.begun.authorization_id,
            "ConsentedAt": None,
            "EndsAt": None,
            "DaysLeft": None,
            "Reason": reason,
        }
    ]
    assert (world.shown()["status"], world.shown()["reason"]) == ("REFUSED", reason)
    assert world.lwa.codes == []


@pytest.mark.parametrize(("seconds", "page"), [(599, pages.CONNECTED), (600, pages.EXPIRED)])
def test_an_authorization_ends_after_ten_minutes(seconds: int, page: pages.Page) -> None:
    world = World(Lwa())
    world.now += timedelta(seconds=seconds)
    assert world.load() == page
    assert world.lwa.codes == ([] if page is pages.EXPIRED else ["code"])


def test_of_two_requests_at_once_one_exchanges_the_code() -> None:
    world = World(Lwa())

    def used_meanwhile(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError("ConditionalCheckFailedException")

    world.attempts.aws.answers["UpdateItem"] = used_meanwhile
    assert world.load() == pages.USED
    assert world.lwa.codes == []


def test_another_browser_cannot_finish_an_attempt(log_lines: LogLines) -> None:
    world = World(Lwa(), browser="b" * 43)
    for cookies in ("", f"__Host-authorize={'c' * 43}"):
        world.cookies = cookies
        assert world.load() == pages.OTHER_BROWSER
    assert (world.lwa.codes, world.shown()["status"]) == ([], "PENDING")
    world.cookies = f"__Host-authorize={'b' * 43}"
    assert world.load() == pages.CONNECTED
    assert log_lines() == []


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"used_at": "now", "seller_id": "A1"}, Status.CONNECTED),
        ({"used_at": "now", "seller_id": "A1", "status": Status.REFUSED}, Status.REFUSED),
        # Without these, no token can be of this attempt, and nothing needs to be read.
        ({"used_at": None, "seller_id": "A1"}, Status.PENDING),
        ({"used_at": "now", "seller_id": None}, Status.PENDING),
    ],
)
def test_an_outcome_that_was_not_recorded_follows_from_the_token(changed: dict[str, Any], status: Status) -> None:
    world = World(Lwa())
    world.load()
    world.aws.calls.clear()
    found = settled(replace(world.begun, **changed), world.connections)
    assert found == replace(world.begun, **{**changed, "status": status})
    assert (world.aws.operations == []) == (status is not Status.CONNECTED)
