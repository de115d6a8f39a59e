"""The browser's requests and the real handler: pages, redirects, and log lines that name the selling partner."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from quickstart.authorization import wiring
from quickstart.authorization.addresses import HostAddresses
from quickstart.authorization.connections import Connections
from quickstart.authorization.events import ConnectionEvents
from quickstart.authorization.flow import LoginUri, RedirectUri
from quickstart.authorization.records import Authorizations, Status, new_secret, state_text
from quickstart.authorization.requests import Application
from quickstart.token_vault import TokenVault
from reference.endpoints import CHECKOUT, _load
from sp_api.consent import PartyType
from sp_api.errors import AuthorizationError, TransientError
from sp_api.regions import Environment, Region
from tests.unit.quickstart.support import Aws, Context, MemoryTable

LogLines = Callable[[], list[dict[str, Any]]]
APPLICATION = Application("amzn1.sp.solution.1", frozenset())
CALLBACK = "https://sellercentral.amazon.com/apps/authorize/confirm/amzn1.sp.solution.1"


@dataclass(frozen=True)
class Granted:
    refresh_token: str = "Atzr|granted"


def refused(error: str) -> AuthorizationError:
    return AuthorizationError("getAccessToken", status=400, error=error, message="no", action="fix it")


class Lwa:
    """LWA's answer to an authorization code."""

    def __init__(self) -> None:
        self.answer: Granted | Exception = Granted()
        self.codes: list[str] = []

    def authorization_code(self, code: str, redirect_uri: str, deadline: object) -> Granted:
        assert redirect_uri == "https://id.example.com/prod/authorize/callback"
        assert deadline
        self.codes.append(code)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Stage:
    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        aws.answers |= {
            "Encrypt": lambda _: {"CiphertextBlob": b"ciphertext", "KeyId": "arn:key"},
            "PutEvents": lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
        }
        # One table for each: both answer the same operations.
        self.sellers = MemoryTable(Aws(), "SellerId", "Item")
        self.authorizations = Authorizations(MemoryTable(Aws(), "AuthorizationId").table)
        self.lwa: Any = Lwa()
        redirect = RedirectUri(
            self.authorizations,
            Connections(self.sellers.table),
            TokenVault(self.sellers.table, aws.client("kms"), "arn:key"),
            self.lwa,
            ConnectionEvents(aws.client("events"), "bus"),
        )
        host = HostAddresses("https://app.example.com/connect", ())
        login = LoginUri(self.authorizations, APPLICATION, Environment(), host)
        monkeypatch.setattr(wiring, "redirect_uri", lambda: redirect)
        monkeypatch.setattr(wiring, "login_uri", lambda: login)
        self.handler = _load(CHECKOUT / "functions/authorization_pages/app.py").handler

    def get(self, path: str, **parameters: str) -> Any:
        context = {"requestId": "1", "domainName": "id.example.com", "path": f"/prod{path}"}
        query = {name: [value] for name, value in parameters.items()}
        return self.handler(
            {
                "httpMethod": "GET",
                "resource": path,
                "requestContext": context,
                "multiValueQueryStringParameters": query,
                "headers": {},
            },
            Context(),
        )

    def started(self) -> tuple[str, str]:
        """An authorization that the host product started: its id, and its state."""
        secret = new_secret()
        begun = self.authorizations.begin(
            Region.NA,
            PartyType.SELLER,
            "https://id.example.com/prod/authorize/callback",
            beta=False,
            secret=secret,
            host_reference="user-1",
        )
        return begun.authorization_id, state_text(begun.authorization_id, secret)

    def back(self, state: str, seller_id: str = "A1") -> Any:
        return self.get("/authorize/callback", state=state, selling_partner_id=seller_id, spapi_oauth_code="code")


@pytest.fixture
def stage(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(aws, monkeypatch)


def test_a_consent_is_stored_once(stage: Stage, log_lines: LogLines) -> None:
    authorization_id, state = stage.started()
    assert stage.back(state)["statusCode"] == 200
    assert stage.back(state)["statusCode"] == 409
    assert stage.lwa.codes == ["code"]
    stored = stage.sellers.find(SellerId="A1", Item="TOKEN#NA")
    assert stored is not None
    assert (stored["AuthorizationId"], stored["HostReference"]) == (authorization_id, "user-1")
    assert stage.authorizations.get(authorization_id).status is Status.CONNECTED
    connected, used = [line for line in log_lines() if line["message"] == "browser answered"]
    for line in (connected, used):
        assert (line["authorization_id"], line["seller_id"], line["region"]) == (authorization_id, "A1", "NA")
    assert (connected["page"], used["page"]) == ("connected", "used")


def test_a_state_that_was_not_given_out_names_nobody_in_the_log(stage: Stage, log_lines: LogLines) -> None:
    authorization_id, _ = stage.started()
    assert stage.back(state_text(authorization_id, new_secret()))["statusCode"] == 400
    (line,) = [line for line in log_lines() if line["message"] == "browser answered"]
    assert line["page"] == "unknown"
    assert "seller_id" not in line
    assert stage.lwa.codes == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refused("invalid_grant"), "CodeRefused"),
        (refused("invalid_client"), "ApplicationRefused"),
        (TransientError("no answer"), "AmazonUnavailable"),
    ],
)
def test_a_code_that_is_not_exchanged_ends_the_authorization(stage: Stage, error: Exception, reason: str) -> None:
    authorization_id, state = stage.started()
    stage.lwa.answer = error
    assert stage.back(state)["statusCode"] >= 400
    ended = stage.authorizations.get(authorization_id)
    assert (ended.status, ended.reason) == (Status.REFUSED, reason)
    assert stage.sellers.items == []


def test_a_consent_takes_no_connection_from_another_user(stage: Stage, aws: Aws) -> None:
    stage.sellers.items = [{"SellerId": "A1", "Item": "TOKEN#NA", "AuthorizationId": "x", "HostReference": "user-2"}]
    authorization_id, state = stage.started()
    assert stage.back(state)["statusCode"] == 409
    assert stage.authorizations.get(authorization_id).reason == "ConnectedElsewhere"
    assert stage.lwa.codes == []
    assert "PutEvents" in aws.operations


def test_the_log_in_uri_leads_to_the_log_in_page(stage: Stage, log_lines: LogLines) -> None:
    answer = stage.get("/authorize/login", amazon_callback_uri=CALLBACK, amazon_state="amazon", selling_partner_id="A1")
    address = urlsplit(answer["headers"]["Location"])
    assert address.netloc + address.path == "app.example.com/connect"
    (authorization_id,) = parse_qs(address.query)["authorizationId"]
    (line,) = log_lines()
    assert (line["page"], line["authorization_id"], line["seller_id"]) == ("login", authorization_id, "A1")
