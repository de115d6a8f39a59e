"""Each rule of a request's fields, broken once."""

import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart.paging import token
from quickstart.refusals import InvalidRequestError
from quickstart.reports.requests import read_request
from quickstart.validation import Fields, Sent
from sp_api.regions import Region

REPORT = {
    "SellerId": "A3TH9S8BH6GOGM",
    "RegionCode": "NA",
    "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
    "MarketplaceIds": "ATVPDKIKX0DER",
}


def errors_of(body: dict[str, object]) -> dict[str | None, str]:
    with pytest.raises(InvalidRequestError) as caught:
        read_request(Fields(body))
    return {error.field: error.code for error in caught.value.errors}


def test_a_whole_request_is_read() -> None:
    request = read_request(
        Fields(
            REPORT
            | {
                "MarketplaceIds": "ATVPDKIKX0DER, A2EUQ1WTGCTBG2",
                "ReportDataStartTime": "2024-03-10T20:11:24.000Z",
                "ReportDataEndTime": "2024-03-11",
                "ReportOptions": '{"aggregateByLocation": "LOCAL"}',
            }
        )
    )
    specification = request.specification
    assert specification.marketplace_ids == ("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2")
    assert specification.data_start_time == datetime(2024, 3, 10, 20, 11, 24, tzinfo=UTC)
    assert specification.data_end_time == datetime(2024, 3, 11, tzinfo=UTC)
    assert specification.report_options == {"aggregateByLocation": "LOCAL"}


def test_marketplaces_and_options_may_be_json() -> None:
    request = read_request(Fields(REPORT | {"MarketplaceIds": ["A2EUQ1WTGCTBG2"], "ReportOptions": {"custom": "true"}}))
    assert request.specification.marketplace_ids == ("A2EUQ1WTGCTBG2",)
    assert request.specification.report_options == {"custom": "true"}


def test_a_marketplace_that_amazon_does_not_publish_is_accepted() -> None:
    request = read_request(Fields(REPORT | {"MarketplaceIds": "A2ZV50J4W1RKNI"}))
    assert request.specification.marketplace_ids == ("A2ZV50J4W1RKNI",)


@pytest.mark.parametrize("name", list(REPORT))
@pytest.mark.parametrize(("value", "code"), [(None, "Missing"), (17, "InvalidType"), ({}, "InvalidType")])
def test_a_missing_or_wrongly_typed_field_is_named(name: str, value: object, code: str) -> None:
    assert errors_of(REPORT | {name: value}) == {name: code}


@pytest.mark.parametrize("name", ["SellerId", "RegionCode", "ReportType"])
def test_an_empty_field_is_named(name: str) -> None:
    assert errors_of(REPORT | {name: " "}) == {name: "Empty"}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("RegionCode", "US", "InvalidValue"),
        ("RegionCode", "na", "InvalidValue"),
        ("SellerId", "A3TH/9S8", "InvalidValue"),
        ("SellerId", "A" * 65, "InvalidValue"),
        ("ReportType", "GET REPORT", "InvalidValue"),
        ("ReportType", "A/B", "InvalidValue"),
        ("ReportType", "A" * 129, "InvalidValue"),
        ("MarketplaceIds", "A 1", "InvalidValue"),
        ("MarketplaceIds", "", "InvalidValue"),
        ("MarketplaceIds", [], "InvalidValue"),
        ("MarketplaceIds", [f"A{number}" for number in range(26)], "InvalidValue"),
        ("MarketplaceIds", ["ATVPDKIKX0DER", 3], "InvalidType"),
        ("MarketplaceIds", "A1PA6795UKMFR9", "InvalidValue"),
        ("ReportDataStartTime", "yesterday", "InvalidValue"),
        ("ReportDataEndTime", 1710101484, "InvalidType"),
        ("ReportOptions", "{", "InvalidJson"),
        ("ReportOptions", "[]", "InvalidType"),
        ("ReportOptions", {"custom": True}, "InvalidType"),
        ("ReportStartTime", "2024-03-10", "UnknownField"),
        ("ClientToken", "", "InvalidValue"),
        ("ClientToken", "a b", "InvalidValue"),
        ("ClientToken", "x" * 65, "InvalidValue"),
        ("ClientToken", 7, "InvalidType"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: object, code: str) -> None:
    assert errors_of(REPORT | {name: value}) == {name: code}


@pytest.mark.parametrize(
    "fields",
    [
        {"ReportType": "get_report"},
        {"ReportType": "GET_V2.1-REPORT"},
        {"MarketplaceIds": "amazon.com"},
        {"MarketplaceIds": ["a1/b", "amzn1.marketplace.1"]},
        {"ReportDataStartTime": "2024-03-11T00:00:00+01:00", "ReportDataEndTime": "2024-03-10T22:59:59Z"},
    ],
)
def test_what_sp_api_does_not_rule_out_is_left_to_it(fields: dict[str, object]) -> None:
    specification = read_request(Fields(REPORT | fields)).specification
    listed = fields.get("MarketplaceIds", "ATVPDKIKX0DER")
    assert specification.report_type == fields.get("ReportType", REPORT["ReportType"])
    assert specification.marketplace_ids == (tuple(listed) if isinstance(listed, list) else (listed,))


@pytest.mark.parametrize(
    ("value", "read"), [(True, True), (False, False), ("true", True), ("false", False), (None, False)]
)
def test_a_flag(value: object, read: bool) -> None:
    fields = Fields({"Replace": value})
    assert fields.flag("Replace") is read
    fields.finish()


@pytest.mark.parametrize("value", ["yes", "True", 1, 0, "", []])
def test_a_flag_that_is_neither_true_nor_false(value: object) -> None:
    fields = Fields({"Replace": value})
    assert fields.flag("Replace") is False
    with pytest.raises(InvalidRequestError, match="Replace must be true or false"):
        fields.finish()


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert errors_of({"RegionCode": "XX", "MarketplaceIds": "A1PA6795UKMFR9", "Extra": 1}) == {
        "SellerId": "Missing",
        "RegionCode": "InvalidValue",
        "ReportType": "Missing",
        "Extra": "UnknownField",
    }


def test_only_an_invalid_region_leaves_the_marketplaces_unchecked() -> None:
    wrong = {"RegionCode": "NA", "SellerId": "A1", "ReportType": 3, "MarketplaceIds": "A1PA6795UKMFR9"}
    assert errors_of(wrong) == {"ReportType": "InvalidType", "MarketplaceIds": "InvalidValue"}
    assert errors_of(wrong | {"SellerId": 1}).keys() == {"SellerId", "ReportType", "MarketplaceIds"}
    assert errors_of(wrong | {"RegionCode": "XX"}) == {"ReportType": "InvalidType", "RegionCode": "InvalidValue"}


@given(
    st.dictionaries(
        st.sampled_from([*REPORT, "ReportOptions", "ReportDataStartTime", "Other"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_no_body_breaks_the_reader(body: dict[str, object]) -> None:
    fields = Fields(body)
    try:
        request = read_request(fields)
    except InvalidRequestError:
        request = None
    assert (request is None) == bool(fields.errors)


def test_a_missing_or_unreadable_list_is_empty() -> None:
    """So that the reader goes on and reports what else is wrong."""
    assert Fields({}).marketplace_ids(Region.NA) == ()
    assert Fields({"MarketplaceIds": 5}).marketplace_ids(Region.NA) == ()


ID_RULE = "must be 1 to 64 letters, digits, dots, hyphens and underscores"
COMMAS = "must be a list or a text with commas between the entries"
MARKETPLACES = "MarketplaceIds must contain 1 to 25 marketplace ids, such as ATVPDKIKX0DER"
TYPES = "ReportTypes must contain 1 to 10 report types, separated by commas"
TOKEN_RULE = "must be 1 to 64 printable ASCII characters without spaces"
LETTERS = "Names must contain 1 to 2 letters, such as a: a list, or a comma-separated string"
OPTIONS = "ReportOptions must be an object whose values are all strings"
HALF = "has half of a surrogate pair, which is not valid Unicode"
SECRET = "seems to be a token or a secret, which does not belong here"


def letters(fields: Fields) -> tuple[str, ...]:
    return fields.entries("Names", re.compile("[a-z]"), 2, "letters, such as a")


@pytest.mark.parametrize(
    ("read", "body", "message"),
    [
        (Fields.seller_id, {}, "SellerId is missing"),
        (Fields.seller_id, {"SellerId": 7}, "SellerId must be a string"),
        (Fields.seller_id, {"SellerId": " "}, "SellerId must not be empty"),
        (Fields.seller_id, {"SellerId": "A/1"}, f"SellerId {ID_RULE}"),
        (
            Fields.seller_id,
            {"SellerId": "\ud800"},
            "SellerId has half of a surrogate pair, which is not valid Unicode",
        ),
        (Fields.report_id, {"ReportId": "amzn1.oa2-cs.v1.0123456789abcdef"}, f"ReportId {SECRET}"),
        (Fields.report_id, {"ReportId": "x" * 65}, f"ReportId {ID_RULE}"),
        (
            Fields.report_schedule_id,
            {"ReportScheduleId": "-1"},
            "ReportScheduleId must be 1 to 256 printable ASCII characters, beginning with a letter or digit",
        ),
        (
            Fields.refresh_token,
            {"RefreshToken": "a b"},
            "RefreshToken must be 1 to 2048 printable ASCII characters without spaces",
        ),
        (
            Fields.refresh_token,
            {"RefreshToken": "Atza|0123456789"},
            "RefreshToken must be an LWA refresh token; this seems to be an access token",
        ),
        (
            Fields.report_type,
            {"ReportType": "A B"},
            "ReportType must be 1 to 128 letters, digits, underscores, dots and hyphens",
        ),
        (
            Fields.client_token,
            {"ClientToken": "a b"},
            "ClientToken must be 1 to 64 printable ASCII characters without spaces",
        ),
        (Fields.report_types, {"ReportTypes": "A;B"}, f'ReportTypes {COMMAS}. Did you mean "A,B"?'),
        (Fields.report_types, {"ReportTypes": ",".join(f"T{number}" for number in range(11))}, TYPES),
        (Fields.report_types, {"ReportTypes": "A,/"}, TYPES),
        (lambda fields: fields.limit(20, 100), {"Limit": "0"}, "Limit must be a whole number from 1 to 100"),
        (lambda fields: fields.limit(20, 100), {"Limit": "101"}, "Limit must be a whole number from 1 to 100"),
        (lambda fields: fields.limit(20, 100), {"Limit": "+5"}, "Limit must be a whole number from 1 to 100"),
        (
            lambda fields: fields.next_token(("A",)),
            {"NextToken": "x"},
            "NextToken must be the nextToken of the previous page, unchanged",
        ),
        (Fields.client_token, {"ClientToken": ""}, f"ClientToken {TOKEN_RULE}"),
        (Fields.client_token, {"ClientToken": 7}, "ClientToken must be a string"),
        (Fields.client_token, {"ClientToken": "Atzr|IwEBIHxqZf"}, f"ClientToken {SECRET}"),
        (Fields.report_types, {"ReportTypes": " "}, "ReportTypes must not be empty"),
        (Fields.report_types, {"ReportTypes": "A,"}, TYPES),
        (Fields.region, {"RegionCode": "XX"}, "RegionCode must be one of NA, EU, FE"),
        (Fields.region, {"RegionCode": "eu"}, "RegionCode must be one of NA, EU, FE. Did you mean EU?"),
        (
            lambda fields: fields.choice("Mode", ["A", "B"]),
            {"Mode": "C"},
            "Mode must be one of A, B",
        ),
        (
            Fields.marketplace_id,
            {"MarketplaceId": "/"},
            "MarketplaceId must be a marketplace id, such as ATVPDKIKX0DER",
        ),
        (
            Fields.marketplace_id,
            {"MarketplaceId": "fr"},
            "MarketplaceId must contain marketplace ids. Did you mean A13V1IB3VIYZZH for fr?",
        ),
        (
            lambda fields: fields.marketplace_ids(Region.NA),
            {"MarketplaceIds": 7},
            "MarketplaceIds must be a list of strings or a comma-separated string",
        ),
        (lambda fields: fields.marketplace_ids(Region.NA), {"MarketplaceIds": []}, MARKETPLACES),
        (lambda fields: fields.marketplace_ids(Region.NA), {"MarketplaceIds": "é"}, MARKETPLACES),
        (
            lambda fields: fields.marketplace_ids(Region.NA),
            {"MarketplaceIds": [f"A{number}" for number in range(26)]},
            MARKETPLACES,
        ),
        (
            lambda fields: fields.marketplace_ids(Region.NA),
            {"MarketplaceIds": "A1PA6795UKMFR9,ATVPDKIKX0DER"},
            "MarketplaceIds has marketplaces that are not in region NA: A1PA6795UKMFR9 (region EU)",
        ),
        (
            lambda fields: fields.entries("Names", re.compile("[a-z]"), 2, "letters, such as a"),
            {"Names": ["a", "b", "c"]},
            "Names must contain 1 to 2 letters, such as a: a list, or a comma-separated string",
        ),
        (
            lambda fields: fields.entries("Names", re.compile("[a-z]"), 2, "letters, such as a"),
            {"Names": [1]},
            "Names must be a list of strings or a comma-separated string",
        ),
        (letters, {"Names": ""}, LETTERS),
        (letters, {"Names": []}, LETTERS),
        (letters, {"Names": "a,b,c"}, LETTERS),
        (letters, {"Names": ["a", "B"]}, LETTERS),
        (letters, {"Names": {}}, "Names must be a list of strings or a comma-separated string"),
        (letters, {"Names": "a;b"}, f'Names {COMMAS}. Did you mean "a,b"?'),
        (letters, {"Names": ["a b"]}, f'Names {COMMAS}. Did you mean "a,b"?'),
        (letters, {"Names": ["a", "\ud800"]}, f"Names {HALF}"),
        # What may be a secret, or is too long, is not repeated.
        (letters, {"Names": "a;amzn1.oa2-cs.v1.0123456789abcdef"}, f"Names {COMMAS}"),
        (letters, {"Names": f"a;{'b' * 199}"}, f"Names {COMMAS}"),
        (letters, {"Names": f"a;{'b' * 198}"}, f'Names {COMMAS}. Did you mean "a,{"b" * 198}"?'),
        (
            lambda fields: fields.matching("Name", re.compile("[a-z]"), "a letter"),
            {"Name": "A"},
            "Name must be a letter",
        ),
        (
            lambda fields: fields.time("From"),
            {"From": "soon"},
            "From must be an ISO 8601 date and time, such as 2024-03-10T20:11:24Z",
        ),
        (
            lambda fields: fields.time("From"),
            {"From": "0001-01-01T00:00:00+14:00"},
            "From must be in the years 1 to 9999 in UTC",
        ),
        (Fields.report_options, {"ReportOptions": "{"}, "ReportOptions is a string but not valid JSON"),
        (Fields.report_options, {"ReportOptions": "[" * 100_000}, "ReportOptions is a string but not valid JSON"),
        (Fields.report_options, {"ReportOptions": []}, OPTIONS),
        (Fields.report_options, {"ReportOptions": "7"}, OPTIONS),
        (Fields.report_options, {"ReportOptions": {"a": "b", "c": None}}, OPTIONS),
        (Fields.report_options, {"ReportOptions": {"\ud800": "b"}}, f"ReportOptions {HALF}"),
        (Fields.report_options, {"ReportOptions": {"a": "\ud800"}}, f"ReportOptions {HALF}"),
        (Fields.report_options, {"ReportOptions": '{"a": "\\ud800"}'}, f"ReportOptions {HALF}"),
        (lambda fields: fields.flag("Replace"), {"Replace": 1}, "Replace must be true or false"),
        (lambda fields: fields.text("Name"), {"Name": " "}, "Name must not be empty"),
        (
            Fields.report_options,
            {"ReportOptions": {"a": 1}},
            "ReportOptions must be an object whose values are all strings",
        ),
        (
            Fields.finish,
            {"Other": 1},
            "Other is not a field of this request; its fields are ",
        ),
    ],
)
def test_an_error_says_what_the_field_must_be(
    read: Callable[[Fields], object], body: dict[str, object], message: str
) -> None:
    fields = Fields(body)
    with contextlib.suppress(InvalidRequestError):
        read(fields)
    ((name, _),) = body.items() or [("SellerId", "")]
    assert [(error.field, error.message) for error in fields.errors] == [(name, message)]


def test_a_field_that_is_missing_says_where_to_send_it() -> None:
    fields = Fields({}, sent=Sent.QUERY)
    fields.seller_id()
    assert [error.message for error in fields.errors] == ["SellerId is missing: send it in the query string"]
    fields = Fields({}, elsewhere=("SellerId",))
    fields.seller_id()
    assert [error.message for error in fields.errors] == ["SellerId is missing: send it in the body, as JSON"]


@pytest.mark.parametrize(
    ("read", "rule"),
    [
        (Fields.seller_id, ID_RULE.removeprefix("must be ")),
        (Fields.report_types, "1 to 10 report types, separated by commas"),
        (lambda fields: fields.limit(20, 100), "a whole number from 1 to 100; 20 by default"),
        (lambda fields: fields.next_token(("A",)), "the nextToken of the previous page, unchanged"),
        (Fields.region, "one of NA, EU, FE"),
        (lambda fields: fields.choice("Mode", ["A", "B"]), "one of A, B"),
        (
            lambda fields: fields.marketplace_ids(Region.NA),
            "1 to 25 marketplace ids of the region: a list, or a comma-separated string",
        ),
        (
            lambda fields: fields.entries("Names", re.compile("[a-z]"), 2, "letters"),
            "1 to 2 letters: a list, or a comma-separated string",
        ),
        (lambda fields: fields.time("From"), "an ISO 8601 date or date and time; UTC if it has no offset"),
        (Fields.report_options, "an object of strings, or a JSON string that contains one"),
        (lambda fields: fields.flag("Replace"), "true or false; false by default"),
    ],
)
def test_the_reference_gets_the_rule_of_each_field(read: Callable[[Fields], object], rule: str) -> None:
    """docs/openapi.json is generated from it."""
    fields = Fields({})
    read(fields)
    assert [described.rule for described in fields.described] == [rule]


@pytest.mark.parametrize(("value", "read"), [("1", 1), (" 100 ", 100), (None, 20), ("", 20)])
def test_the_limit_of_a_page(value: object, read: int) -> None:
    fields = Fields({"Limit": value})
    assert fields.limit(20, 100) == read
    fields.finish()


def test_lists_may_be_as_long_as_their_rules_say() -> None:
    fields = Fields(
        {
            "ReportTypes": ",".join(f"T{number}" for number in range(10)),
            "MarketplaceIds": [f"A{number}" for number in range(25)],
            "Names": "a, b, a",
        }
    )
    assert len(fields.report_types()) == 10
    assert len(fields.marketplace_ids(Region.NA)) == 25
    assert fields.entries("Names", re.compile("[a-z]"), 2, "letters") == ("a", "b")
    fields.finish()


TEXT = {"type": "string"}


def listed(most: int) -> dict[str, object]:
    return {"oneOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1, "maxItems": most}]}


@pytest.mark.parametrize(
    ("read", "name", "required", "schema"),
    [
        (Fields.seller_id, "SellerId", True, TEXT | {"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}),
        (Fields.report_types, "ReportTypes", True, TEXT),
        (Fields.client_token, "ClientToken", False, TEXT | {"pattern": "^[!-~]{1,64}$"}),
        (lambda fields: fields.limit(20, 100), "Limit", False, TEXT),
        (lambda fields: fields.next_token(("A",)), "NextToken", False, TEXT),
        (Fields.region, "RegionCode", True, TEXT | {"enum": ["NA", "EU", "FE"]}),
        (Fields.optional_region, "RegionCode", False, TEXT | {"enum": ["NA", "EU", "FE"]}),
        (lambda fields: fields.choice("Mode", ["A", "B"]), "Mode", True, TEXT | {"enum": ["A", "B"]}),
        (lambda fields: fields.choice("Mode", ["A"], required=False), "Mode", False, TEXT | {"enum": ["A"]}),
        (lambda fields: fields.marketplace_ids(Region.NA), "MarketplaceIds", True, listed(25)),
        (letters, "Names", False, listed(2)),
        (lambda fields: fields.time("From"), "From", False, TEXT),
        (
            Fields.report_options,
            "ReportOptions",
            False,
            {"oneOf": [{"type": "object", "additionalProperties": TEXT}, TEXT]},
        ),
        (lambda fields: fields.flag("Replace"), "Replace", False, {"type": "boolean"}),
        (lambda fields: fields.text("Name"), "Name", True, TEXT),
        (lambda fields: fields.known("Other"), "Other", False, {}),
        (lambda fields: fields.known("Other", schema=TEXT), "Other", False, TEXT),
    ],
)
def test_the_reference_gets_the_schema_of_each_field(
    read: Callable[[Fields], object], name: str, required: bool, schema: dict[str, object]
) -> None:
    """A field that is read twice is described once."""
    fields = Fields({})
    for _ in range(2):
        read(fields)
    assert [(one.name, one.required, one.schema) for one in fields.described] == [(name, required, schema)]


def test_a_note_is_for_readers_of_the_reference_only() -> None:
    fields = Fields({"Mode": "C"})
    assert fields.choice("Mode", ["A", "B"], note="in capitals") == ""
    assert [one.rule for one in fields.described] == ["one of A, B; in capitals"]
    assert [error.message for error in fields.errors] == ["Mode must be one of A, B"]


@pytest.mark.parametrize(
    ("read", "body", "value"),
    [
        (Fields.seller_id, {"SellerId": " A1 "}, "A1"),
        (Fields.report_types, {"ReportTypes": " A , B, A"}, ("A", "B")),
        (Fields.client_token, {}, None),
        (Fields.client_token, {"ClientToken": "x" * 64}, "x" * 64),
        (lambda fields: fields.next_token(("A",)), {}, None),
        (lambda fields: fields.next_token(("A",)), {"NextToken": ""}, None),
        (lambda fields: fields.next_token(("A",)), {"NextToken": token({"A": "1"})}, {"A": "1"}),
        (Fields.region, {"RegionCode": "FE"}, Region.FE),
        (Fields.optional_region, {}, None),
        (Fields.optional_region, {"RegionCode": ""}, None),
        (Fields.optional_region, {"RegionCode": "EU"}, Region.EU),
        (lambda fields: fields.choice("Mode", ["A"], required=False), {}, ""),
        (lambda fields: fields.choice("Mode", ["A"]), {"Mode": "A"}, "A"),
        (Fields.marketplace_id, {"MarketplaceId": "ATVPDKIKX0DER"}, "ATVPDKIKX0DER"),
        (letters, {}, ()),
        (letters, {"Names": "a"}, ("a",)),
        (letters, {"Names": [" a", "b", "a"]}, ("a", "b")),
        (lambda fields: fields.time("From"), {}, None),
        (lambda fields: fields.time("From"), {"From": "2024-03-10"}, datetime(2024, 3, 10, tzinfo=UTC)),
        (
            lambda fields: fields.time("From"),
            {"From": "2024-03-10T20:00:00+02:00"},
            datetime(2024, 3, 10, 18, tzinfo=UTC),
        ),
        (Fields.report_options, {}, None),
        (Fields.report_options, {"ReportOptions": " "}, None),
        (Fields.report_options, {"ReportOptions": "null"}, None),
        (Fields.report_options, {"ReportOptions": {}}, {}),
        (lambda fields: fields.text("Name", required=False), {}, ""),
        (lambda fields: fields.text("Name", required=False), {"Name": " x y "}, "x y"),
    ],
)
def test_what_is_read(read: Callable[[Fields], object], body: dict[str, object], value: object) -> None:
    fields = Fields(body)
    assert read(fields) == value
    fields.finish()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("reportTyp", "reportTyp is not a field of this request. Did you mean ReportType?"),
        ("Other", "Other is not a field of this request; its fields are SellerId, ReportType"),
        ("x" * 40, f"{'x' * 40} is not a field of this request; its fields are SellerId, ReportType"),
        *(
            (hidden, "(a name that is not shown) is not a field of this request; its fields are SellerId, ReportType")
            for hidden in ("x" * 41, "Atzr|IwEBIHxqZf", "a b")
        ),
    ],
)
def test_an_unknown_field_is_named_where_it_looks_like_a_name(name: str, shown: str) -> None:
    fields = Fields({"SellerId": "A1", name: 1, "ReportType": "GET_X"})
    fields.seller_id()
    fields.report_type()
    with pytest.raises(InvalidRequestError) as refused:
        fields.finish()
    (error,) = refused.value.errors
    assert (error.field, error.code, error.message) == (shown.partition(" is not a field")[0], "UnknownField", shown)
