"""Hostile input to each endpoint and queue of listings is refused by name, and breaks no reader."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart import http_api
from quickstart.announcing import subject_line
from quickstart.http_api import LARGEST_BODY_BYTES
from quickstart.listings import requests
from quickstart.listings.digest import UnreadableOutcomeError, read_outcome, written
from quickstart.listings.notices import Notice, UnreadableNoticeError, read_notice
from quickstart.listings.reading import read_list_request
from quickstart.listings.records import ListingOf, Operation, Party, Payload
from quickstart.listings.skus import sku_fault
from quickstart.own_stack import OwnStack
from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields
from sp_api.regions import Region
from tests import hostile
from tests.unit.quickstart.support import Context
from tests.unit.quickstart.test_hostile_input import hostile_input

GOOD: dict[str, Any] = {
    "SellerId": "A3TH9S8BH6GOGM",
    "RegionCode": "EU",
    "MarketplaceId": "A13V1IB3VIYZZH",
    "Sku": "CUP",
}
COMMON = ("SellerId", "RegionCode", "MarketplaceId", "Sku", "PartyType", "VendorCode", "IssueLocale", "ClientToken")
ROUTES: dict[str, tuple[Callable[[Fields], object], tuple[str, ...]]] = {
    "POST /listings": (
        requests.read_put,
        (*COMMON, "ProductType", "Attributes", "Asin", "Requirements", "Mode", "OnFindings"),
    ),
    "PATCH /listings/{sku}": (requests.read_patch, (*COMMON, "ProductType", "Patches", "Mode", "OnFindings")),
    "DELETE /listings/{sku}": (requests.read_delete, COMMON),
    "GET /listings": (read_list_request, ("SellerId", "Status", "Limit", "NextToken")),
}
PATCH: dict[str, Any] = {"op": "merge", "attribute": "color", "value": [{"value": "blue"}]}
NOTICE: dict[str, Any] = {
    "NotificationType": "LISTINGS_ITEM_STATUS_CHANGE",
    "Payload": {"SellerId": "A1", "MarketplaceId": "A13V1IB3VIYZZH", "Sku": "CUP", "Status": ["BUYABLE"]},
}


def answer(route: str, body: str | None, query: dict[str, Any] | None = None) -> Any:
    method, resource = route.split(" ")
    event = {
        "httpMethod": method,
        "resource": resource,
        "body": body,
        "pathParameters": None,
        "queryStringParameters": query,
        "requestContext": {"requestId": "request-1"},
    }

    def action(fields: Fields) -> dict[str, object]:
        ROUTES[route][0](fields)
        return {}

    return http_api.answer(event, Context(), {route: action})


def refused(route: str, **changed: Any) -> list[str]:
    """The fields of the errors."""
    response = answer(route, json.dumps({**GOOD, **changed}))
    assert response["statusCode"] == 400, response
    return [error["field"] for error in json.loads(response["body"])["errors"]]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith(("POST", "PATCH"))])
@hostile_input
@given(data=st.data())
def test_a_hostile_body_is_400_with_the_name_of_the_field(route: str, data: st.DataObject) -> None:
    names = ROUTES[route][1]
    whole = hostile.objects(*names).map(lambda fields: json.dumps({**GOOD, **fields}).encode())
    body = data.draw(st.one_of(hostile.bodies(*names), whole))
    response = answer(route, body.decode(errors="replace"))
    assert response["statusCode"] in (200, 400, 413)
    response["body"].encode()
    if response["statusCode"] == 400:
        errors = json.loads(response["body"])["errors"]
        assert all(error["field"] and error["message"] for error in errors)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith(("GET", "DELETE"))])
@hostile_input
@given(data=st.data())
def test_so_is_a_hostile_query(route: str, data: st.DataObject) -> None:
    query = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(ROUTES[route][1], hostile.texts)))
    assert answer(route, None, query)["statusCode"] in (200, 400)


@hostile_input
@given(patch=hostile.altered(PATCH))
def test_a_hostile_patch_is_400_with_its_position(patch: Any) -> None:
    body = json.dumps({**GOOD, "Patches": [PATCH, patch]})
    response = answer("PATCH /listings/{sku}", body)
    assert response["statusCode"] in ((413,) if len(body.encode()) > LARGEST_BODY_BYTES else (200, 400, 413))
    if response["statusCode"] == 400:
        # NaN and Infinity make the body something else than JSON.
        place = "Patches" if is_json(body) else "body"
        assert all(place in error["field"] for error in json.loads(response["body"])["errors"])


def is_json(text: str) -> bool:
    def refused(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text, parse_constant=refused)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_python_s_own_numbers_are_no_json(number: str) -> None:
    body = json.dumps({**GOOD, "ProductType": "LUGGAGE"})[:-1] + f', "Attributes": {{"a": [{{"value": {number}}}]}}}}'
    response = answer("POST /listings", body)
    assert (response["statusCode"], "InvalidJson" in response["body"]) == (400, True)


def test_a_number_that_cannot_be_sent() -> None:
    """JSON's grammar has it, but no reader. Also in the value of a merge, which no schema checks."""
    body = json.dumps({**GOOD, "ProductType": "LUGGAGE", "Attributes": {"a": [{"value": 1}]}})
    response = answer("POST /listings", body.replace("1}]", "1e999}]"))
    assert json.loads(response["body"])["errors"][0]["field"] == "Attributes/a/0/value"
    body = json.dumps({**GOOD, "Patches": [PATCH, {**PATCH, "value": [{"value": 1}]}]})
    response = answer("PATCH /listings/{sku}", body.replace("1}]", "1e999}]"))
    assert json.loads(response["body"])["errors"][0]["field"] == "Patches/1/value/0/value"


@pytest.mark.parametrize(
    "body",
    [
        '{"Sku": "A", "Sku": "B"}',
        '{"Sku": "A", "ProductType": "X", "Attributes": {"brand": [], "brand": []}}',
        '{"Sku": "A", "ProductType": "X", "Attributes": {"a": [{"value": 1, "b": 2, "value": 2}]}}',
    ],
)
def test_a_name_that_is_there_twice(body: str) -> None:
    """The first of the two values would be lost."""
    response = answer("POST /listings", body)
    (error,) = json.loads(response["body"])["errors"]
    assert (response["statusCode"], error["code"]) == (400, "DuplicateName")
    assert error["field"] in ("Sku", "brand", "value")


@pytest.mark.parametrize("value", [{"a": [{}] * 12_000}, {f"a{number}": 1 for number in range(12_000)}])
def test_more_values_than_a_request_can_check(value: dict[str, Any]) -> None:
    body = {**GOOD, "ProductType": "LUGGAGE", "Attributes": value}
    response = answer("POST /listings", json.dumps(body))
    (error,) = json.loads(response["body"])["errors"]
    assert (response["statusCode"], error["code"], error["field"]) == (413, "TooManyValues", "Attributes")


@pytest.mark.parametrize(
    "sku", ["", " ", ".", "..", " CUP", "CUP ", "a\x00b", "a\nb", "x" * 256, "\ud800", 1, ["a"], None]
)
def test_a_sku_that_cannot_be_a_segment_of_a_path(sku: Any) -> None:
    assert refused("POST /listings", Sku=sku, ProductType="LUGGAGE", Attributes={"a": []}) == ["Sku"]


@pytest.mark.parametrize("sku", ["a b", "a/b", "a#b", "a|b", "é漢", "%2F", "..a", "x" * 255])
def test_a_sku_with_any_other_character(sku: str) -> None:
    body = {**GOOD, "Sku": sku, "ProductType": "LUGGAGE", "Attributes": {"a": []}}
    assert answer("POST /listings", json.dumps(body))["statusCode"] == 200


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({}, ["ProductType", "Attributes"]),
        ({"Asin": "short"}, ["Asin", "ProductType", "Attributes"]),
        ({"Asin": "B071VG5N9D", "Attributes": {"merchant_suggested_asin": [{"value": "B000000000"}]}}, ["Asin"]),
        ({"ProductType": "A/B", "Attributes": {"a": []}}, ["ProductType", "ProductType"]),
        ({"ProductType": "LUGGAGE", "Attributes": []}, ["Attributes", "Attributes"]),
        ({"ProductType": "LUGGAGE", "Attributes": {"a": []}, "MarketplaceId": "ATVPDKIKX0DER"}, ["MarketplaceId"]),
        ({"ProductType": "LUGGAGE", "Attributes": {"a": []}, "VendorCode": "M", "PartyType": "SELLER"}, ["VendorCode"]),
        ({"Asin": "B071VG5N9D", "PartyType": "VENDOR", "Requirements": "LISTING_OFFER_ONLY"}, ["Requirements"]),
        ({"ProductType": "LUGGAGE", "Attributes": {"a": []}, "Other": 1}, ["Other"]),
    ],
)
def test_what_a_post_must_have(changed: dict[str, Any], fields: list[str]) -> None:
    found = refused("POST /listings", **changed)
    assert [name for name in found if name != "Attributes" or "Attributes" in fields] == fields


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ("add", "Patches/0"),
        ({**PATCH, "op": "move"}, "Patches/0/op"),
        ({**PATCH, "attribute": "color/0"}, "Patches/0/attribute"),
        ({**PATCH, "attribute": None}, "Patches/0/attribute"),
        ({**PATCH, "value": {"value": "blue"}}, "Patches/0/value"),
        ({**PATCH, "value": []}, "Patches/0/value"),
        ({**PATCH, "value": [{}]}, "Patches/0/value"),
        ({**PATCH, "from": "size"}, "Patches/0"),
    ],
)
def test_patches_that_amazon_refuses(patch: Any, field: str) -> None:
    assert refused("PATCH /listings/{sku}", Patches=[patch]) == [field]


@pytest.mark.parametrize("path", ["color", "/attributes/color"])
def test_an_attribute_may_be_named_as_amazon_does(path: str) -> None:
    fields = Fields({**GOOD, "Patches": [{"op": "merge", "path": path, "value": [{"value": "blue"}]}]})
    assert requests.read_patch(fields).payload.patches == (PATCH,)


@pytest.mark.parametrize(
    ("read", "changed", "messages"),
    [
        (
            requests.read_put,
            {},
            [
                "ProductType is missing; you can leave it out only if you set Asin",
                "Attributes is missing; you can leave it out only if you set Asin",
            ],
        ),
        (
            requests.read_put,
            {"Asin": "B071VG5N9D", "Attributes": {"merchant_suggested_asin": [{"value": "B000000000"}]}},
            ["Asin differs from the attribute merchant_suggested_asin"],
        ),
        (
            requests.read_put,
            {"Asin": "B071VG5N9D", "PartyType": "VENDOR", "Requirements": "LISTING_OFFER_ONLY"},
            [
                "Requirements LISTING_OFFER_ONLY is for sellers: a vendor has no offers "
                "(selling-partner-api-models 4849)"
            ],
        ),
        (
            requests.read_put,
            {"ProductType": "LUGGAGE", "Attributes": {"a": []}, "VendorCode": "M", "PartyType": "SELLER"},
            ["VendorCode is for PartyType VENDOR"],
        ),
        (
            requests.read_put,
            {"ProductType": "A/B", "Attributes": {"a": []}},
            [
                "ProductType must be a product type, such as LUGGAGE",
                "ProductType is missing; you can leave it out only if you set Asin",
            ],
        ),
        (
            requests.read_put,
            {"ProductType": "LUGGAGE", "Attributes": {"\ud800": []}},
            [
                "Attributes: The listing has a name with half of a surrogate pair",
            ],
        ),
        (
            requests.read_put,
            {"ProductType": "LUGGAGE", "Attributes": "x"},
            ["Attributes must be an object", "Attributes is missing; you can leave it out only if you set Asin"],
        ),
        (
            requests.read_put,
            {"ProductType": "LUGGAGE", "Attributes": {"a": []}, "IssueLocale": "english"},
            ["IssueLocale must be the language of Amazon's issues, such as en_US; the marketplace's by default"],
        ),
        (
            requests.read_put,
            {"ProductType": "LUGGAGE", "Attributes": {"a": []}, "Asin": "short"},
            ["Asin must be an ASIN: 10 capital letters and digits"],
        ),
        (
            requests.read_put,
            {"ProductType": "LUGGAGE", "Attributes": {"a": []}, "Sku": " CUP"},
            ["Sku must not begin or end with white space"],
        ),
        (
            requests.read_put,
            {"ProductType": "LUGGAGE", "Attributes": {"a": []}, "Sku": ".."},
            ["Sku must be 1 to 255 characters without control characters; not . or .."],
        ),
        (
            requests.read_put,
            {"ProductType": "LUGGAGE", "Attributes": {"a": []}, "Sku": " .. "},
            ["Sku must be 1 to 255 characters without control characters; not . or .."],
        ),
        (requests.read_patch, {}, ["Patches is missing"]),
        (requests.read_patch, {"Patches": []}, ["Patches must be a list of 1 to 500 objects"]),
        (requests.read_patch, {"Patches": [PATCH] * 501}, ["Patches must be a list of 1 to 500 objects"]),
        (requests.read_patch, {"Patches": {}}, ["Patches must be a list of 1 to 500 objects"]),
        (requests.read_patch, {"Patches": ["add"]}, ["Patches/0 must be an object"]),
        (
            requests.read_patch,
            {"Patches": [PATCH, {**PATCH, "from": "size"}]},
            ["Patches/1 may have op, attribute or path, and value"],
        ),
        (
            requests.read_patch,
            {"Patches": [{**PATCH, "op": "move"}]},
            ["Patches/0/op must be one of add, replace, merge, delete"],
        ),
        (
            requests.read_patch,
            {"Patches": [{**PATCH, "attribute": "color/0"}]},
            ["Patches/0/attribute must be the name of an attribute: only whole attributes can be patched"],
        ),
        (
            requests.read_patch,
            {"Patches": [{**PATCH, "value": []}]},
            ["Patches/0/value must be a list of objects; for delete, with the selectors of the values to delete"],
        ),
        (
            requests.read_patch,
            {"Patches": [{**PATCH, "op": "delete"}], "PartyType": "VENDOR"},
            ["Patches/0/op must not be delete for a vendor: Amazon rejects it. Replace the value instead"],
        ),
    ],
)
def test_what_is_wrong_in_words(read: Callable[[Fields], object], changed: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        read(Fields({**GOOD, **changed}))
    assert [error.message for error in refusal.value.errors] == messages


RULES = {
    "Sku": (True, "1 to 255 characters without control characters; not . or .."),
    "PartyType": (False, "one of SELLER, VENDOR"),
    "VendorCode": (
        False,
        "a vendor code, such as MOULI; required for a vendor whose SellerId is not the vendor code",
    ),
    "IssueLocale": (False, "the language of Amazon's issues, such as en_US; the marketplace's by default"),
    "Mode": (False, "one of CHECK, PREVIEW, PUBLISH"),
    "OnFindings": (False, "one of STOP, SEND"),
}


@pytest.mark.parametrize(
    ("read", "body", "rules"),
    [
        (
            requests.read_put,
            {"Asin": "B071VG5N9D"},
            {
                **RULES,
                "Asin": (False, "an ASIN: 10 capital letters and digits"),
                "ProductType": (False, "a product type, such as LUGGAGE"),
                "Attributes": (
                    False,
                    "an object: each attribute's name with a list of values, as in the product type's schema",
                ),
                "Requirements": (False, "one of LISTING, LISTING_PRODUCT_ONLY, LISTING_OFFER_ONLY"),
            },
        ),
        (
            requests.read_patch,
            {"Patches": [PATCH]},
            {
                **RULES,
                "ProductType": (False, "a product type; PRODUCT by default"),
                "Patches": (
                    False,
                    "1 to 500 objects with op (add, replace, merge, delete), attribute (or path: /attributes/<name>) "
                    "and value, a list of objects",
                ),
            },
        ),
        (requests.read_delete, {}, {name: RULES[name] for name in RULES if name not in ("Mode", "OnFindings")}),
    ],
)
def test_the_rules_that_the_reference_shows(
    read: Callable[[Fields], object], body: dict[str, Any], rules: dict[str, tuple[bool, str]]
) -> None:
    fields = Fields({**GOOD, **body})
    read(fields)
    found = {field.name: (field.required, field.rule) for field in fields.described}
    usual = {"SellerId", "RegionCode", "MarketplaceId", "ClientToken"}
    assert {name: rule for name, rule in found.items() if name not in usual} == rules
    assert set(found) == usual | set(rules)


def test_the_schema_of_attributes_and_patches() -> None:
    fields = Fields({**GOOD, "Asin": "B071VG5N9D"})
    requests.read_put(fields)
    (attributes,) = [field.schema for field in fields.described if field.name == "Attributes"]
    assert attributes == {"type": "object", "additionalProperties": True}
    fields = Fields({**GOOD, "Patches": [PATCH]})
    requests.read_patch(fields)
    (patches,) = [field.schema for field in fields.described if field.name == "Patches"]
    assert patches == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "op": {"type": "string", "enum": ["add", "replace", "merge", "delete"]},
                "attribute": {"type": "string"},
                "path": {"type": "string"},
                "value": {"type": "array", "items": {"type": "object"}, "minItems": 1},
            },
            "required": ["op", "value"],
        },
        "minItems": 1,
        "maxItems": 500,
    }


@pytest.mark.parametrize(("more", "accepted"), [(0, True), (1, False)])
@pytest.mark.parametrize(
    "attributes",
    [{"a": ["x"] * 9_999}, {"a": [{"value": "x"}] * 4_999, "b": []}],
    ids=["one list", "two lists with objects"],
)
def test_ten_thousand_values_are_checked_at_most(attributes: dict[str, Any], *, more: int, accepted: bool) -> None:
    """Values, lists and objects count, at every level."""
    attributes = {**attributes, "a": attributes["a"] + ["x"] * more}
    fields = Fields({**GOOD, "ProductType": "LUGGAGE", "Attributes": attributes})
    if accepted:
        assert requests.read_put(fields).payload.attributes == attributes
    else:
        words = r"^Attributes has more than 10,000 values, lists and objects$"
        with pytest.raises(requests.TooManyValuesError, match=words):
            requests.read_put(fields)


def test_the_values_of_all_patches_count() -> None:
    patch = {**PATCH, "value": [{"value": "x"}] * 20}
    with pytest.raises(requests.TooManyValuesError) as refused:
        requests.read_patch(Fields({**GOOD, "Patches": [patch] * 300}))
    assert refused.value.field == "Patches"


@pytest.mark.parametrize(
    ("changed", "mode", "on_findings", "token"),
    [
        ({}, requests.Mode.PUBLISH, requests.OnFindings.STOP, None),
        ({"Mode": "CHECK"}, requests.Mode.CHECK, requests.OnFindings.STOP, None),
        ({"OnFindings": "SEND", "ClientToken": "t"}, requests.Mode.PUBLISH, requests.OnFindings.SEND, "t"),
    ],
)
def test_what_is_done_with_a_submission(
    changed: dict[str, Any], mode: requests.Mode, on_findings: requests.OnFindings, token: str | None
) -> None:
    for read, body in ((requests.read_put, {"Asin": "B071VG5N9D"}), (requests.read_patch, {"Patches": [PATCH]})):
        found = read(Fields({**GOOD, **body, **changed}))
        assert (found.mode, found.on_findings, found.client_token) == (mode, on_findings, token)


def test_a_deletion_is_always_sent() -> None:
    fields = Fields({**GOOD, "IssueLocale": "fr_FR", "ClientToken": "t"})
    listing = ListingOf(GOOD["SellerId"], Region.EU, GOOD["MarketplaceId"], "CUP", GOOD["SellerId"])
    assert requests.read_delete(fields) == requests.Submission(
        listing,
        Payload(Operation.DELETE, issue_locale="fr_FR"),
        requests.Mode.PUBLISH,
        requests.OnFindings.STOP,
        "t",
    )


@pytest.mark.parametrize(("given", "product_type"), [({}, "PRODUCT"), ({"ProductType": "LUGGAGE"}, "LUGGAGE")])
def test_what_a_patch_becomes(given: dict[str, Any], product_type: str) -> None:
    patches = [PATCH, {"op": "delete", "path": "/attributes/size", "value": [{"value": "L"}, {"value": "M"}]}]
    found = requests.read_patch(Fields({**GOOD, **given, "Patches": patches, "IssueLocale": "fr_FR"}))
    second = {"op": "delete", "attribute": "size", "value": [{"value": "L"}, {"value": "M"}]}
    assert found.payload == Payload(Operation.PATCH, product_type, patches=(PATCH, second), issue_locale="fr_FR")


def test_every_invalid_patch_is_named_and_the_rest_is_read() -> None:
    patches = [{**PATCH, "op": "move"}, PATCH, "add", {**PATCH, "value": [{"value": 1}, "blue"]}, {"op": "add"}]
    assert refused("PATCH /listings/{sku}", Patches=patches) == [
        "Patches/0/op",
        "Patches/2",
        "Patches/3/value",
        "Patches/4/attribute",
    ]


@pytest.mark.parametrize(("op", "party"), [("delete", "SELLER"), ("replace", "VENDOR")])
def test_only_a_vendor_s_delete_is_refused(op: str, party: str) -> None:
    patch = {**PATCH, "op": op}
    found = requests.read_patch(Fields({**GOOD, "Patches": [patch], "PartyType": party}))
    assert found.payload.patches == (patch,)


@pytest.mark.parametrize(
    ("sku", "fault"),
    [
        ("x" * 255, False),
        ("x" * 256, True),
        ("", True),
        (" ", True),
        ("a\x1f", True),
        ("a\x7f", True),
        ("a b~", False),
        (".", True),
        ("..", True),
        ("...", False),
        ("a\ud800", True),
    ],
)
def test_which_skus_are_sent(sku: str, *, fault: bool) -> None:
    words = "must be 1 to 255 characters without control characters; not . or .."
    assert sku_fault(sku) == (words if fault else None)


@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        ("VendorCode", "M" * 64, True),
        ("VendorCode", "M" * 65, False),
        ("VendorCode", "M-1", False),
        ("IssueLocale", "en_USA", False),
        ("IssueLocale", "en_us", False),
    ],
)
def test_codes_and_languages(field: str, value: str, *, accepted: bool) -> None:
    fields = Fields({**GOOD, field: value})
    if accepted:
        assert requests.read_delete(fields).listing.listing_seller_id == value
    else:
        with pytest.raises(InvalidRequestError) as refusal:
            requests.read_delete(fields)
        assert [error.field for error in refusal.value.errors] == [field]


def test_a_vendor_code_is_a_vendor_s_in_words() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        requests.read_delete(Fields({**GOOD, "VendorCode": "M-1"}))
    assert [error.message for error in refusal.value.errors] == [
        "VendorCode must be a vendor code, such as MOULI; required for a vendor whose SellerId is not the vendor code"
    ]


def test_a_seller_may_be_named_as_one() -> None:
    found = requests.read_delete(Fields({**GOOD, "PartyType": "SELLER"})).listing
    assert (found.party, found.listing_seller_id) == (Party.SELLER, GOOD["SellerId"])


def test_500_patches_are_accepted() -> None:
    assert len(requests.read_patch(Fields({**GOOD, "Patches": [PATCH] * 500})).payload.patches) == 500


@pytest.mark.parametrize(
    ("changed", "payload"),
    [
        (
            {"Asin": "B071VG5N9D"},
            {
                "product_type": "PRODUCT",
                "requirements": "LISTING_OFFER_ONLY",
                "attributes": {
                    "merchant_suggested_asin": [{"value": "B071VG5N9D", "marketplace_id": "A13V1IB3VIYZZH"}]
                },
            },
        ),
        (
            {"Asin": "B071VG5N9D", "PartyType": "VENDOR"},
            {
                "product_type": "PRODUCT",
                "requirements": "LISTING",
                "attributes": {
                    "merchant_suggested_asin": [{"value": "B071VG5N9D", "marketplace_id": "A13V1IB3VIYZZH"}]
                },
            },
        ),
        (
            {"ProductType": "LUGGAGE", "Attributes": {"color": [{"value": "blue"}]}, "IssueLocale": "en_US"},
            {
                "product_type": "LUGGAGE",
                "requirements": "LISTING",
                "attributes": {"color": [{"value": "blue"}]},
                "issue_locale": "en_US",
            },
        ),
        (
            {
                "ProductType": "LUGGAGE",
                "Asin": "B071VG5N9D",
                "Requirements": "LISTING_PRODUCT_ONLY",
                "Attributes": {"merchant_suggested_asin": [{"value": "B071VG5N9D"}]},
            },
            {
                "product_type": "LUGGAGE",
                "requirements": "LISTING_PRODUCT_ONLY",
                "attributes": {"merchant_suggested_asin": [{"value": "B071VG5N9D"}]},
            },
        ),
    ],
)
def test_what_a_post_becomes(changed: dict[str, Any], payload: dict[str, Any]) -> None:
    assert requests.read_put(Fields({**GOOD, **changed})).payload == Payload(Operation.PUT, **payload)


@pytest.mark.parametrize(
    ("changed", "owner", "party"),
    [
        ({}, "A3TH9S8BH6GOGM", Party.SELLER),
        ({"PartyType": "VENDOR"}, "A3TH9S8BH6GOGM", Party.VENDOR),
        ({"VendorCode": "MOULI"}, "MOULI", Party.VENDOR),
    ],
)
def test_whose_listing_it_is(changed: dict[str, Any], owner: str, party: Party) -> None:
    found = requests.read_delete(Fields({**GOOD, **changed})).listing
    assert (found.listing_seller_id, found.party) == (owner, party)


def test_a_body_that_is_too_large() -> None:
    body = json.dumps({**GOOD, "Attributes": {"a": ["x" * 300_000]}})
    assert answer("POST /listings", body)["statusCode"] == 413


@pytest.mark.parametrize("name", ["SellerId", "Sku", "MarketplaceId"])
@pytest.mark.parametrize(
    "secret", ["Atzr|IwEBIHxq0123456789", "Bearer amzn1.oa2-cs.v1.f022f022f022f022f022f022f022f022"]
)
def test_a_secret_in_the_place_of_an_id_is_neither_logged_nor_looked_up(name: str, secret: str) -> None:
    body = json.dumps({**NOTICE, "Payload": {**NOTICE["Payload"], name: secret}})
    words = f"^the message is not a notice about a listing: {name} seems to be a token or a secret$"
    with pytest.raises(UnreadableNoticeError, match=words):
        read_notice(body)


def test_a_notice_as_it_is_read() -> None:
    notice = Notice("LISTINGS_ITEM_STATUS_CHANGE", "A1", "CUP", "A13V1IB3VIYZZH")
    assert read_notice(json.dumps(NOTICE)) == read_notice(json.dumps({"detail": NOTICE})) == notice
    assert read_notice(json.dumps({**NOTICE, "NotificationType": "ORDER_CHANGE"})) is None


def lower(document: dict[str, Any]) -> dict[str, Any]:
    """The names as SP-API writes them in some types of notices."""
    return {name[:1].lower() + name[1:]: value for name, value in document.items()}


@pytest.mark.parametrize("kind", ["LISTINGS_ITEM_STATUS_CHANGE", "LISTINGS_ITEM_ISSUES_CHANGE"])
def test_the_names_of_a_notice_may_begin_with_small_letters(kind: str) -> None:
    body = lower({**NOTICE, "NotificationType": kind, "Payload": lower(NOTICE["Payload"])})
    assert read_notice(json.dumps(body)) == Notice(kind, "A1", "CUP", "A13V1IB3VIYZZH")
    assert read_notice(json.dumps({**body, "detail": None})) == Notice(kind, "A1", "CUP", "A13V1IB3VIYZZH")


@pytest.mark.parametrize("marketplace", [{}, {"MarketplaceId": ""}, {"MarketplaceId": None}])
def test_a_notice_without_a_marketplace(marketplace: dict[str, Any]) -> None:
    body = {**NOTICE, "Payload": {"SellerId": "A1", "Sku": "CUP", **marketplace}}
    assert read_notice(json.dumps(body)) == Notice("LISTINGS_ITEM_STATUS_CHANGE", "A1", "CUP", None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({**NOTICE, "NotificationType": None}, ": NotificationType is missing"),
        ({**NOTICE, "Payload": {"SellerId": "A1"}}, ": Sku is missing"),
        ({**NOTICE, "Payload": {"Sku": "CUP"}}, ": SellerId is missing"),
        ({**NOTICE, "Payload": {**NOTICE["Payload"], "MarketplaceId": {}}}, ": MarketplaceId is not a string"),
        ({**NOTICE, "Payload": []}, ""),
        ({"NotificationType": "LISTINGS_ITEM_STATUS_CHANGE"}, ""),
        ([], ""),
        ("text", ""),
    ],
)
def test_why_a_message_is_no_notice(body: Any, reason: str) -> None:
    with pytest.raises(UnreadableNoticeError, match=rf"^the message is not a notice about a listing{reason}$"):
        read_notice(json.dumps(body))


@pytest.mark.parametrize("body", ["", "{", "[" * 10**5])
def test_a_message_that_is_not_json_is_no_notice(body: str) -> None:
    with pytest.raises(UnreadableNoticeError, match=r"^the message is not a notice about a listing$"):
        read_notice(body)


@hostile_input
@given(body=st.one_of(hostile.bodies("detail", "NotificationType", "Payload"), hostile.altered(NOTICE).map(json.dumps)))
def test_a_hostile_notice_goes_to_the_dead_letter_queue(body: Any) -> None:
    try:
        notice = read_notice(body.decode(errors="replace") if isinstance(body, bytes) else body)
    except UnreadableNoticeError:
        return
    assert notice is None or (notice.sku and notice.seller_id)


@hostile_input
@given(outcome=hostile.altered({"Status": "REFUSED", "Sku": "CUP", "Message": "no", "Issues": [], "Asin": "B0"}))
def test_a_hostile_outcome_is_written_or_refused(outcome: Any) -> None:
    try:
        read = read_outcome(json.dumps({"detail": outcome}))
    except UnreadableOutcomeError:
        return
    subject, body = written([read], OwnStack("quick-start", "us-east-1"))
    assert 1 <= len(subject_line(subject)) < 100
    assert body
