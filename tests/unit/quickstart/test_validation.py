"""Each rule of a request's fields, broken once."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart import report_requests
from quickstart.validation import Fields, InvalidRequestError

REPORT = {
    "SellerId": "A3TH9S8BH6GOGM",
    "RegionCode": "NA",
    "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
    "MarketplaceIds": "ATVPDKIKX0DER",
}


def errors_of(body: dict[str, object]) -> dict[str | None, str]:
    with pytest.raises(InvalidRequestError) as caught:
        report_requests.read_request(Fields(body))
    return {error.field: error.code for error in caught.value.errors}


def test_a_whole_request_is_read() -> None:
    request = report_requests.read_request(
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
    request = report_requests.read_request(
        Fields(REPORT | {"MarketplaceIds": ["A2EUQ1WTGCTBG2"], "ReportOptions": {"custom": "true"}})
    )
    assert request.specification.marketplace_ids == ("A2EUQ1WTGCTBG2",)
    assert request.specification.report_options == {"custom": "true"}


def test_a_marketplace_that_amazon_does_not_publish_is_accepted() -> None:
    request = report_requests.read_request(Fields(REPORT | {"MarketplaceIds": "A2ZV50J4W1RKNI"}))
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
        ("ReportType", "get_report", "InvalidValue"),
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


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    period = {"ReportDataStartTime": "2024-03-11T00:00:00+01:00", "ReportDataEndTime": "2024-03-10T22:59:59Z"}
    assert errors_of(REPORT | period) == {"ReportDataEndTime": "InvalidValue"}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert errors_of({"RegionCode": "XX", "MarketplaceIds": "A1PA6795UKMFR9", "Extra": 1}) == {
        "SellerId": "Missing",
        "RegionCode": "InvalidValue",
        "ReportType": "Missing",
        "Extra": "UnknownField",
    }


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
        request = report_requests.read_request(fields)
    except InvalidRequestError:
        request = None
    assert (request is None) == bool(fields.errors)
