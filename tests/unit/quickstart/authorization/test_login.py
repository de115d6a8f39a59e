"""From Amazon to the host product's log-in page and on to Amazon; and who may take over a connection."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from quickstart.authorization import pages
from quickstart.authorization.addresses import HostAddresses
from quickstart.authorization.browser import Callback, cookie_of
from quickstart.authorization.connections import Connection, Connections
from quickstart.authorization.flow import LoginUri, RedirectUri
from quickstart.authorization.records import (
    Authorization,
    Authorizations,
    AuthorizationUnknownError,
    Parked,
    Reason,
    Status,
    new_secret,
    read_state,
)
from quickstart.authorization.requests import (
    Application,
    AuthorizationEndedError,
    AuthorizationRequest,
    DifferentAuthorizationError,
    LoginRequest,
    NotAtLoginPageError,
    continue_after_login,
    start,
)
from quickstart.dynamodb import DamagedItemError
from sp_api.consent import PartyType
from sp_api.regions import Environment, Region
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable

NOW = datetime(2027, 1, 10, tzinfo=UTC)
OWN = "https://connect.example.com"
REDIRECT = f"{OWN}/authorize/callback"
APPLICATION = Application("amzn1.sp.solution.1", frozenset({PartyType.VENDOR}))
AMAZON = "https://sellercentral.amazon.com/apps/authorize/confirm/amzn1.sp.solution.1"
PARKED = Parked(AMAZON, "amazon's state")


class World:
    def __init__(self) -> None:
        self.table = MemoryTable(Aws(), "AuthorizationId")
        self.authorizations = Authorizations(self.table.table, lambda: NOW)
        host = HostAddresses("https://app.example.com/login?from=amazon", ("https://app.example.com/done",))
        self.login = LoginUri(self.authorizations, APPLICATION, Environment(), host)

    def parked(self, **changed: Any) -> Authorization:
        given = {"seller_id": "A1", "browser": "b", "parked": PARKED, **changed}
        return self.authorizations.begin(Region.NA, PartyType.SELLER, REDIRECT, beta=False, **given)

    def started(self, region: Region = Region.NA, **changed: Any) -> Authorization:
        given = {"secret": new_secret(), "host_reference": "user-1", "return_url": "https://a.example/", **changed}
        return self.authorizations.begin(region, PartyType.SELLER, REDIRECT, beta=False, **given)

    def set(self, authorization: Authorization, **values: Any) -> None:
        self.authorizations.table.update({"AuthorizationId": authorization.authorization_id}, values)


def event(cookies: str = "", **changed: str) -> Mapping[str, Any]:
    query = {"amazon_callback_uri": AMAZON, "amazon_state": "s", "selling_partner_id": "A1", **changed}
    parameters = {name: [value] for name, value in query.items() if value}
    return {"multiValueQueryStringParameters": parameters, "headers": {"Cookie": cookies}}


class TestLoginUri:
    @pytest.mark.parametrize(("version", "beta"), [("", False), ("beta", True)])
    def test_the_browser_goes_to_the_hosts_log_in_page(self, version: str, *, beta: bool) -> None:
        world = World()
        answer = world.login.serve(event(version=version), OWN)
        assert isinstance(answer, pages.Redirect)
        (item,) = world.table.items
        assert answer.kind == "login"
        assert answer.address == (
            f"https://app.example.com/login?from=amazon&authorizationId={item['AuthorizationId']}"
        )
        found = world.authorizations.get(item["AuthorizationId"])
        assert (found.region, found.party, found.seller_id, found.beta) == (Region.NA, PartyType.SELLER, "A1", beta)
        assert (found.parked, found.redirect_uri) == (Parked(AMAZON, "s"), REDIRECT)
        assert answer.cookie is not None
        value = answer.cookie.partition(";")[0]
        assert found.is_of_browser(cookie_of({"headers": {"cookie": value}}, OWN))
        assert not found.is_of_browser("")

    def test_a_draft_for_vendors_is_a_draft_without_being_asked(self) -> None:
        """The template's parameter says that it is one."""
        world = World()
        vendor = AMAZON.replace("sellercentral", "vendorcentral")
        world.login.serve(event(amazon_callback_uri=vendor), OWN)
        (item,) = world.table.items
        assert (item["PartyType"], item["Beta"]) == ("vendor", True)

    def test_a_browser_keeps_its_cookie_for_ten_minutes(self) -> None:
        world, value = World(), "c" * 43
        answer = world.login.serve(event(f"__Host-authorize={value}"), OWN)
        assert isinstance(answer, pages.Redirect)
        assert answer.cookie == f"__Host-authorize={value}; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax"
        (item,) = world.table.items
        assert world.authorizations.get(item["AuthorizationId"]).is_of_browser(value)

    @pytest.mark.parametrize("address", ["https://evil.example/", f"{AMAZON}2", AMAZON.replace("https://", "http://")])
    def test_an_address_that_is_not_amazons(self, address: str) -> None:
        world = World()
        assert world.login.serve(event(amazon_callback_uri=address), OWN) == pages.NOT_AMAZON
        assert world.table.items == []

    @pytest.mark.parametrize("name", ["amazon_callback_uri", "amazon_state", "selling_partner_id"])
    def test_a_missing_parameter(self, name: str) -> None:
        world = World()
        assert world.login.serve(event(**{name: ""}), OWN) == pages.UNKNOWN
        assert world.table.items == []


class TestStart:
    def test_the_state_names_the_authorization(self) -> None:
        world = World()
        request = AuthorizationRequest(
            Region.EU, PartyType.VENDOR, "vendorcentral.amazon.de", "user-1", "https://a.example/", "A1"
        )
        started = start(request, world.authorizations, APPLICATION, Environment(), REDIRECT)
        query = dict(parse_qsl(urlsplit(started.url).query))
        state = read_state(query["state"])
        assert state is not None
        assert state.authorization_id == started.authorization.authorization_id
        found = world.authorizations.get(state.authorization_id)
        assert found.has_state(state.secret_hash)
        assert (found.beta, query["version"], found.seller_named) == (True, "beta", True)
        assert (found.host_reference, found.return_url) == ("user-1", "https://a.example/")
        assert started.url == (
            "https://vendorcentral.amazon.de/apps/authorize/consent?application_id=amzn1.sp.solution.1"
            f"&state={query['state']}&redirect_uri=https%3A%2F%2Fconnect.example.com%2Fauthorize%2Fcallback"
            "&version=beta"
        )
        assert started.described() == {
            "authorizationId": state.authorization_id,
            "authorizationUrl": started.url,
            "expiresAt": "2027-01-10T00:10:00+00:00",
        }

    def test_an_application_that_is_published_is_no_draft(self) -> None:
        world = World()
        request = AuthorizationRequest(Region.NA, PartyType.SELLER, "sellercentral.amazon.com", None, None, None)
        started = start(request, world.authorizations, APPLICATION, Environment(), REDIRECT)
        assert "version" not in started.url
        assert (started.authorization.beta, started.authorization.seller_named) == (False, False)


class TestContinueAfterLogin:
    def test_the_browser_goes_back_to_amazon(self) -> None:
        world = World()
        parked = world.parked()
        request = LoginRequest(parked.authorization_id, "user-2", "https://b.example/", None)
        answer = continue_after_login(request, world.authorizations)
        assert {name: answer[name] for name in ("authorizationId", "sellerId", "regionCode", "partyType")} == {
            "authorizationId": parked.authorization_id,
            "sellerId": "A1",
            "regionCode": "NA",
            "partyType": "seller",
        }
        query = dict(parse_qsl(urlsplit(str(answer["continueUrl"])).query))
        assert (query["amazon_state"], query["redirect_uri"]) == ("amazon's state", REDIRECT)
        found = world.authorizations.get(parked.authorization_id)
        state = read_state(query["state"])
        assert state is not None
        assert found.has_state(state.secret_hash)
        assert (found.host_reference, found.return_url, found.seller_named) == ("user-2", "https://b.example/", False)

    @pytest.mark.parametrize(
        ("reference", "address", "expected"),
        [
            (None, None, ("user-1", "https://a.example/")),
            ("user-2", None, ("user-2", "https://a.example/")),
            (None, "https://b.example/", ("user-1", "https://b.example/")),
        ],
    )
    def test_it_takes_over_what_the_started_one_has(
        self, reference: str | None, address: str | None, expected: tuple[str, str]
    ) -> None:
        world = World()
        parked, started = world.parked(), world.started(seller_id="A1")
        request = LoginRequest(parked.authorization_id, reference, address, started.authorization_id)
        continue_after_login(request, world.authorizations)
        found = world.authorizations.get(parked.authorization_id)
        assert (found.host_reference, found.return_url) == expected
        assert (found.continues, found.seller_named) == (started.authorization_id, True)

    @pytest.mark.parametrize("seller_id", [None, "A1"])
    def test_one_that_was_started_for_this_selling_partner_or_for_any(self, seller_id: str | None) -> None:
        world = World()
        parked, started = world.parked(), world.started(seller_id=seller_id)
        request = LoginRequest(parked.authorization_id, None, None, started.authorization_id)
        assert continue_after_login(request, world.authorizations)["sellerId"] == "A1"
        assert world.authorizations.get(parked.authorization_id).seller_named == (seller_id is not None)

    def test_one_that_is_used_at_the_same_moment(self) -> None:
        world = World()
        parked = world.parked()
        world.set(parked, Status="PENDING")

        def used(_: Mapping[str, Any]) -> Mapping[str, Any]:
            world.table.items[0]["Status"] = "CONNECTED"
            raise AwsError("ConditionalCheckFailedException")

        world.table.aws.answers["UpdateItem"] = used
        with pytest.raises(AuthorizationEndedError, match=r"its status is CONNECTED$"):
            continue_after_login(LoginRequest(parked.authorization_id, None, None, None), world.authorizations)

    @pytest.mark.parametrize("changed", [{"RegionCode": "EU"}, {"PartyType": "vendor"}, {"SellerId": "A2"}])
    def test_one_of_another_region_party_or_selling_partner(self, changed: dict[str, str]) -> None:
        world = World()
        parked, started = world.parked(), world.started()
        world.set(started, **changed)
        request = LoginRequest(parked.authorization_id, None, None, started.authorization_id)
        with pytest.raises(DifferentAuthorizationError):
            continue_after_login(request, world.authorizations)

    def test_one_that_did_not_come_by_way_of_the_log_in_uri(self) -> None:
        world = World()
        with pytest.raises(NotAtLoginPageError):
            continue_after_login(LoginRequest(world.started().authorization_id, None, None, None), world.authorizations)

    @pytest.mark.parametrize(
        ("values", "status"),
        [
            ({"Status": "CONNECTED"}, "CONNECTED"),
            ({"UsedAt": "2027-01-10T00:00:00+00:00"}, "PENDING"),
            ({"StateEndsAt": "2027-01-10T00:00:00+00:00"}, "EXPIRED"),
        ],
    )
    @pytest.mark.parametrize("which", ["parked", "started"])
    def test_one_that_has_ended(self, which: str, values: dict[str, str], status: str) -> None:
        world = World()
        attempts = {"parked": world.parked(), "started": world.started()}
        world.set(attempts[which], **values)
        request = LoginRequest(attempts["parked"].authorization_id, None, None, attempts["started"].authorization_id)
        with pytest.raises(AuthorizationEndedError, match=rf"its status is {status}$"):
            continue_after_login(request, world.authorizations)

    def test_one_that_does_not_exist(self) -> None:
        with pytest.raises(AuthorizationUnknownError):
            continue_after_login(LoginRequest("x", None, None, None), World().authorizations)


class TestTakingOver:
    """Whether a consent may replace the connection that there is."""

    @pytest.mark.parametrize(
        ("authorization", "known", "reason"),
        [
            ({}, None, None),
            ({"seller_id": "A2"}, None, Reason.DIFFERENT_SELLING_PARTNER),
            ({"seller_id": "A1"}, None, None),
            # Stored with POST /tokens: nobody knows whose it is.
            ({}, {}, Reason.CONNECTED_ELSEWHERE),
            ({"seller_id": "A1", "seller_named": True}, {}, None),
            ({"host_reference": "u"}, {"authorization_id": "x", "host_reference": "u"}, None),
            ({"host_reference": "u"}, {"authorization_id": "x", "host_reference": "v"}, Reason.CONNECTED_ELSEWHERE),
            ({"host_reference": "u"}, {"host_reference": "u"}, Reason.CONNECTED_ELSEWHERE),
            (
                {"seller_id": "A1", "seller_named": True, "host_reference": "u"},
                {"authorization_id": "x", "host_reference": "v"},
                None,
            ),
        ],
    )
    def test_it(
        self,
        monkeypatch: pytest.MonkeyPatch,
        authorization: dict[str, Any],
        known: dict[str, Any] | None,
        reason: Reason | None,
    ) -> None:
        found = None if known is None else Connection("A1", "NA", **known)
        monkeypatch.setattr(Connections, "find", lambda *_: found)
        none: Any = None
        uri = RedirectUri(none, Connections(none), none, none, none)
        begun = World().started(host_reference=None)
        assert uri._mismatch(replace(begun, **authorization), Callback("s", "A1", "code")) is reason


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ({"Cookie": "__Host-quickstart=x"}, ""),
        ({}, ""),
        (None, ""),
        ({"cookie": None}, ""),
    ],
)
def test_a_browser_without_the_cookie(headers: Any, value: str) -> None:
    assert cookie_of({"headers": headers}, OWN) == value


def test_a_damaged_flag_is_named() -> None:
    world = World()
    parked = world.parked()
    world.set(parked, SellerNamed="yes")
    with pytest.raises(DamagedItemError, match="SellerNamed is neither true nor false"):
        world.authorizations.get(parked.authorization_id)


def test_a_pending_authorization_expires() -> None:
    begun = World().started()
    assert begun.status_at(begun.expires_at - timedelta(seconds=1)) is Status.PENDING
    assert begun.status_at(begun.expires_at) is Status.EXPIRED
    assert replace(begun, status=Status.CONNECTED).status_at(begun.expires_at) is Status.CONNECTED
