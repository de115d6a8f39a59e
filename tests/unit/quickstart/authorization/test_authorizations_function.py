"""/authorizations: the answers to the host product, and what is built from the template's parameters."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quickstart import callers
from quickstart.authorization import wiring
from quickstart.authorization.addresses import HostAddresses
from quickstart.authorization.connections import Connections
from quickstart.authorization.records import Authorizations, Parked
from quickstart.authorization.requests import Application
from quickstart.times import to_text
from reference.endpoints import CHECKOUT, _load
from sp_api.consent import PartyType
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, Context, MemoryTable

AMAZON = "https://sellercentral.amazon.com/apps/authorize/confirm/amzn1.sp.solution.1"
REDIRECT = "https://id.example.com/prod/authorize/callback"


class Function:
    """The handler, with its tables in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.attempts, self.sellers = MemoryTable(Aws(), "AuthorizationId"), MemoryTable(Aws(), "SellerId", "Item")
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.authorizations = Authorizations(self.attempts.table, lambda: self.now)
        host = HostAddresses("https://app.example.com/login", ("https://app.example.com/",))
        monkeypatch.setattr(wiring, "authorizations", lambda: self.authorizations)
        monkeypatch.setattr(wiring, "connections", lambda: Connections(self.sellers.table, lambda: self.now))
        monkeypatch.setattr(wiring, "application", lambda: Application("amzn1.sp.solution.1", frozenset()))
        monkeypatch.setattr(wiring, "host", lambda: host)
        monkeypatch.delenv("AUTHORIZATION_ADDRESS", raising=False)
        self.handler = _load(CHECKOUT / "functions/authorizations/app.py").handler

    def call(self, method: str, resource: str, body: object = None, query: Any = None, path: Any = None) -> Any:
        event = {
            "httpMethod": method,
            "resource": resource,
            "body": json.dumps(body),
            "isBase64Encoded": False,
            "pathParameters": path,
            "queryStringParameters": query,
            "requestContext": {"requestId": "1", "domainName": "id.example.com", "path": f"/prod{resource}"},
        }
        answer = self.handler(event, Context())
        assert answer["statusCode"] == 200, answer
        return json.loads(answer["body"])


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Function:
    return Function(monkeypatch)


def test_an_authorization_is_started_and_shown(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CENTRAL_ENDPOINT", "https://central.example.com")
    sent = {"RegionCode": "NA", "PartyType": "seller", "HostReference": "u", "ReturnUrl": "https://app.example.com/a"}
    started = function.call("POST", "/authorizations", sent)
    (item,) = function.attempts.items
    expires = to_text(function.now + timedelta(minutes=10))
    url = started["authorizationUrl"]
    assert started == {
        "authorizationId": item["AuthorizationId"],
        "authorizationUrl": url,
        "expiresAt": expires,
    }
    assert url.startswith("https://central.example.com/")
    assert "application_id=amzn1.sp.solution.1&" in url
    assert url.endswith("&redirect_uri=https%3A%2F%2Fid.example.com%2Fprod%2Fauthorize%2Fcallback")
    assert item["RedirectUri"] == REDIRECT
    resource, path = "/authorizations/{authorizationId}", {"authorizationId": item["AuthorizationId"]}
    shown = {
        "authorizationId": item["AuthorizationId"],
        "status": "PENDING",
        "regionCode": "NA",
        "partyType": "seller",
        "sellerId": None,
        "hostReference": "u",
        "reason": None,
        "createdAt": to_text(function.now),
        "expiresAt": expires,
    }
    assert function.call("GET", resource, path=path) == shown
    item |= {"Status": "REFUSED", "Reason": "CodeRefused"}
    assert function.call("GET", resource, path=path) == shown | {"status": "REFUSED", "reason": "CodeRefused"}
    item |= {"Status": "CONNECTED", "SellerId": "A1"}
    assert function.call("GET", resource, path=path) == shown | {"status": "CONNECTED", "sellerId": "A1"}


def test_the_redirect_uri_is_at_the_address_of_the_template(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHORIZATION_ADDRESS", "https://connect.example.com/")
    function.call("POST", "/authorizations", {"RegionCode": "NA", "PartyType": "seller"})
    assert function.attempts.items[0]["RedirectUri"] == "https://connect.example.com/authorize/callback"


def test_connections_are_listed(function: Function) -> None:
    function.sellers.items = [
        {"SellerId": seller_id, "Item": "TOKEN#NA", "ConsentedAt": to_text(function.now - timedelta(days=300))}
        for seller_id in ("A1", "A2")
    ]
    listed = function.call("GET", "/authorizations", query={"SellerId": "A2"})
    assert [(one["sellerId"], one["state"], one["daysLeft"]) for one in listed["connections"]] == [
        ("A2", "RENEW_SOON", 64)
    ]
    assert function.call("GET", "/authorizations", query={"State": "CONNECTED"}) == {"connections": []}
    assert len(function.call("GET", "/authorizations")["connections"]) == 2


def test_a_log_in_is_continued(function: Function) -> None:
    parked = function.authorizations.begin(
        Region.NA, PartyType.SELLER, REDIRECT, beta=True, seller_id="A1", parked=Parked(AMAZON, "amazon's")
    )
    answer = function.call(
        "POST", "/authorizations/{authorizationId}/login", {}, path={"authorizationId": parked.authorization_id}
    )
    url = answer.pop("continueUrl")
    assert url.startswith(f"{AMAZON}?amazon_state=amazon%27s&state={parked.authorization_id}.")
    assert url.endswith("&redirect_uri=https%3A%2F%2Fid.example.com%2Fprod%2Fauthorize%2Fcallback&version=beta")
    assert answer == {
        "authorizationId": parked.authorization_id,
        "sellerId": "A1",
        "regionCode": "NA",
        "partyType": "seller",
        "expiresAt": to_text(function.now + timedelta(minutes=10)),
    }


@pytest.fixture
def without_kept_parts() -> Iterator[None]:
    parts = (wiring.application, wiring.host)
    for part in parts:
        part.cache_clear()
    yield
    for part in parts:
        part.cache_clear()


@pytest.mark.parametrize(
    ("seller", "vendor", "beta"),
    [("Yes", "No", {PartyType.SELLER}), ("No", "Yes", {PartyType.VENDOR}), ("", "", set[PartyType]())],
)
@pytest.mark.usefixtures("without_kept_parts")
def test_a_draft_is_a_draft_for_sellers_or_for_vendors(
    monkeypatch: pytest.MonkeyPatch, seller: str, vendor: str, beta: set[PartyType]
) -> None:
    monkeypatch.setenv("APPLICATION_ID", "amzn1.sp.solution.1")
    monkeypatch.setenv("SELLER_CONSENT_BETA", seller)
    monkeypatch.setenv("VENDOR_CONSENT_BETA", vendor)
    assert wiring.application() == Application("amzn1.sp.solution.1", frozenset(beta))


@pytest.mark.parametrize(
    ("listed", "urls"),
    [("", ()), ("https://a/ , https://b/", ("https://a/", "https://b/")), ("https://a/,, ", ("https://a/",))],
)
@pytest.mark.usefixtures("without_kept_parts")
def test_the_addresses_of_the_host_product(monkeypatch: pytest.MonkeyPatch, listed: str, urls: tuple[str, ...]) -> None:
    monkeypatch.setenv("LOGIN_PAGE", "https://app.example.com/login")
    monkeypatch.setenv("RETURN_URLS", listed)
    assert wiring.host() == HostAddresses("https://app.example.com/login", urls)


def test_amazons_addresses_are_those_of_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SP_API_ENDPOINT", "LWA_ENDPOINT", "CENTRAL_ENDPOINT"):
        monkeypatch.setenv(name, f"https://{name.lower().replace('_', '-')}.example.com")
    amazon = callers.amazon()
    assert amazon.base_url(Region.NA) == "https://sp-api-endpoint.example.com"
    assert amazon.lwa_url == "https://lwa-endpoint.example.com"
    assert amazon.central_url("host") == "https://central-endpoint.example.com"
    assert (amazon.sandbox, callers.amazon(sandbox=True).sandbox) == (False, True)
