"""The host product's requests: what each field accepts, and what an error says."""

from collections.abc import Callable
from typing import Any

import pytest

from quickstart.authorization.addresses import HostAddresses
from quickstart.authorization.connections import ConnectionState
from quickstart.authorization.requests import (
    AuthorizationRequest,
    ConnectionQuery,
    LoginRequest,
    read_authorization_id,
    read_authorization_request,
    read_connection_query,
    read_login_request,
)
from quickstart.paging import token
from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields
from sp_api.consent import PartyType
from sp_api.regions import Region

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
START = {"RegionCode": "EU", "PartyType": "vendor"}


def host() -> HostAddresses:
    return HostAddresses("https://app.example.com/login", ("https://app.example.com/done",))


def wrong(read: Callable[[Fields], Any], body: dict[str, object]) -> dict[str | None, str]:
    """The codes of the refusal by field."""
    with pytest.raises(InvalidRequestError) as raised:
        read(Fields(body))
    assert all(error.message.startswith(str(error.field)) for error in raised.value.errors)
    return {error.field: error.code for error in raised.value.errors}


def start(fields: Fields) -> AuthorizationRequest:
    return read_authorization_request(fields, host)


def login(fields: Fields) -> LoginRequest:
    return read_login_request(fields, host)


def test_the_least_that_starts_an_authorization() -> None:
    assert start(Fields(START)) == AuthorizationRequest(
        Region.EU, PartyType.VENDOR, "vendorcentral.amazon.co.uk", None, None, None
    )


def test_all_that_an_authorization_can_be_started_with() -> None:
    given = START | {
        "MarketplaceId": "A1PA6795UKMFR9",
        "HostReference": "user-4711",
        "ReturnUrl": "https://app.example.com/done",
        "SellerId": "amzn1.vg.42",
    }
    assert start(Fields(given)) == AuthorizationRequest(
        Region.EU,
        PartyType.VENDOR,
        "vendorcentral.amazon.de",
        "user-4711",
        "https://app.example.com/done",
        "amzn1.vg.42",
    )


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"RegionCode": None}, "RegionCode", "Missing"),
        ({"RegionCode": "XX"}, "RegionCode", "InvalidValue"),
        ({"PartyType": None}, "PartyType", "Missing"),
        ({"PartyType": "both"}, "PartyType", "InvalidValue"),
        ({"MarketplaceId": "ATVPDKIKX0DER"}, "MarketplaceId", "InvalidValue"),
        ({"MarketplaceId": "a b"}, "MarketplaceId", "InvalidValue"),
        ({"MarketplaceId": "A28R8C7NBKEWEA"}, "MarketplaceId", "InvalidValue"),
        ({"HostReference": "a b"}, "HostReference", "InvalidValue"),
        ({"HostReference": "a" * 129}, "HostReference", "InvalidValue"),
        ({"HostReference": 7}, "HostReference", "InvalidType"),
        ({"ReturnUrl": "https://evil.example/"}, "ReturnUrl", "AddressNotAllowed"),
        ({"SellerId": "a/b"}, "SellerId", "InvalidValue"),
        ({"SellerId": ""}, "SellerId", "Empty"),
        ({"State": "x"}, "State", "UnknownField"),
    ],
)
def test_what_does_not_start_an_authorization(changed: dict[str, object], field: str, code: str) -> None:
    given = {name: value for name, value in (START | changed).items() if value is not None}
    assert wrong(start, given) == {field: code}


def test_everything_that_is_wrong_is_named_at_once() -> None:
    assert wrong(start, {"HostReference": "a b"}).keys() == {"RegionCode", "PartyType", "HostReference"}


def test_a_log_in_that_continues_an_authorization() -> None:
    body = {"AuthorizationId": ID, "HostReference": "user-4711", "ContinuesAuthorizationId": ID}
    assert login(Fields(body)) == LoginRequest(ID, "user-4711", None, ID)
    assert login(Fields({"AuthorizationId": ID})) == LoginRequest(ID, None, None, None)


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"AuthorizationId": "x"}, "AuthorizationId", "InvalidValue"),
        ({"ContinuesAuthorizationId": "x"}, "ContinuesAuthorizationId", "InvalidValue"),
        ({"ReturnUrl": "https://app.example.com/"}, "ReturnUrl", "AddressNotAllowed"),
        ({"RegionCode": "NA"}, "RegionCode", "UnknownField"),
    ],
)
def test_what_does_not_continue_one(changed: dict[str, object], field: str, code: str) -> None:
    assert wrong(login, {"AuthorizationId": ID} | changed) == {field: code}


@pytest.mark.parametrize("path", ["../evil", "a/../../evil", "./..", "%2e%2E/evil", "a/.%2e?x=1", ".."])
def test_no_return_address_leaves_the_folder_that_is_allowed(path: str) -> None:
    host = HostAddresses("https://app.example.com/login", ("https://app.example.com/connected/",))
    assert not host.allows("https://app.example.com/connected/" + path)
    assert host.allows("https://app.example.com/connected/a..b/.hidden?next=/../x")


@pytest.mark.parametrize("text", ["", "x", ID.upper(), f"{ID}/", "../../x"])
def test_ids_that_were_never_given_out(text: str) -> None:
    assert wrong_id(text)


def wrong_id(text: str) -> bool:
    fields = Fields({"AuthorizationId": text})
    read_authorization_id(fields)
    return bool(fields.errors)


def test_connections_are_asked_for_by_seller_and_state() -> None:
    query = read_connection_query(Fields({"SellerId": "A1", "State": "RENEW_SOON", "Limit": "5"}))
    assert (query.seller_id, query.state, query.limit, query.after) == ("A1", ConnectionState.RENEW_SOON, 5, None)
    assert read_connection_query(Fields({})).limit == 100
    assert wrong(read_connection_query, {"State": "LOST", "Limit": "0", "NextToken": "x"}).keys() == {
        "State",
        "Limit",
        "NextToken",
    }


ADDRESS = (
    "an address that equals an entry of the parameter AuthorizationReturnUrls, or starts with an entry that ends with "
    "a slash"
)
REFERENCE = "1 to 128 printable ASCII characters without spaces: your product's own id of the user or account"


@pytest.mark.parametrize(
    ("read", "body", "messages"),
    [
        (
            start,
            START | {"MarketplaceId": "A28R8C7NBKEWEA"},
            ["MarketplaceId: Amazon publishes no Vendor Central for A28R8C7NBKEWEA"],
        ),
        (
            start,
            START | {"MarketplaceId": "a b"},
            ["MarketplaceId must be a marketplace id, such as ATVPDKIKX0DER"],
        ),
        (
            start,
            START | {"MarketplaceId": "ATVPDKIKX0DER"},
            ["MarketplaceId has marketplaces that are not in region EU: ATVPDKIKX0DER (region NA)"],
        ),
        (
            start,
            {"RegionCode": "EU", "PartyType": "both", "MarketplaceId": "A28R8C7NBKEWEA"},
            ["PartyType must be one of seller, vendor"],
        ),
        (start, START | {"HostReference": "a b"}, [f"HostReference must be {REFERENCE}"]),
        (start, START | {"ReturnUrl": "https://evil.example/"}, [f"ReturnUrl must be {ADDRESS}"]),
        (
            login,
            {"AuthorizationId": "x", "ContinuesAuthorizationId": "y"},
            [
                "AuthorizationId must be an authorizationId that this stack returned",
                "ContinuesAuthorizationId must be the authorizationId from POST /authorizations, if the user started "
                "in your product",
            ],
        ),
        (login, {"AuthorizationId": ""}, ["AuthorizationId must not be empty"]),
        (read_connection_query, {"Limit": "101"}, ["Limit must be a whole number from 1 to 100"]),
        (
            read_connection_query,
            {"State": "LOST"},
            ["State must be one of CONNECTED, RENEW_SOON, RECONNECT_NEEDED"],
        ),
        (read_connection_query, {"SellerId": " "}, ["SellerId must not be empty"]),
        (
            read_connection_query,
            {"NextToken": token({"Item": "TOKEN#NA"})},
            ["NextToken must be the nextToken of the previous page, unchanged"],
        ),
    ],
)
def test_what_an_error_says(read: Callable[[Fields], Any], body: dict[str, object], messages: list[str]) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        read(Fields(body))
    assert [error.message for error in raised.value.errors] == messages


@pytest.mark.parametrize(
    ("read", "body", "described"),
    [
        (
            start,
            START,
            {
                "RegionCode": (True, "one of NA, EU, FE"),
                "PartyType": (True, "one of seller, vendor; in lower case here, but in capitals for /listings"),
                "MarketplaceId": (False, "a marketplace id, such as ATVPDKIKX0DER"),
                "HostReference": (False, REFERENCE),
                "ReturnUrl": (False, ADDRESS),
                "SellerId": (False, "the id of the selling partner whose connection you want to renew"),
            },
        ),
        (
            login,
            {"AuthorizationId": ID},
            {
                "AuthorizationId": (True, "an authorizationId that this stack returned"),
                "HostReference": (False, REFERENCE),
                "ReturnUrl": (False, ADDRESS),
                "ContinuesAuthorizationId": (
                    False,
                    "the authorizationId from POST /authorizations, if the user started in your product",
                ),
            },
        ),
        (
            read_connection_query,
            {},
            {
                "SellerId": (False, "the id of a selling partner, to list only its connections"),
                "State": (False, "one of CONNECTED, RENEW_SOON, RECONNECT_NEEDED"),
                "Limit": (False, "a whole number from 1 to 100; 100 by default"),
                "NextToken": (False, "the nextToken of the previous page, unchanged"),
            },
        ),
    ],
)
def test_the_reference_describes_each_field(
    read: Callable[[Fields], Any], body: dict[str, object], described: dict[str, tuple[bool, str]]
) -> None:
    fields = Fields(body)
    read(fields)
    assert {one.name: (one.required, one.rule) for one in fields.described} == described


def test_a_list_of_connections_takes_up_to_a_hundred_from_where_it_ended() -> None:
    position = {"SellerId": "A1", "Item": "TOKEN#NA"}
    query = read_connection_query(Fields({"Limit": "100", "NextToken": token(position)}))
    assert query == ConnectionQuery(None, None, 100, position)


def test_an_address_without_a_value_is_none() -> None:
    assert login(Fields({"AuthorizationId": ID, "ReturnUrl": "", "HostReference": " "})) == LoginRequest(
        ID, None, None, None
    )
