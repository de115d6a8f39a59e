"""What the messages suggest."""

import pytest

from quickstart.refusals import InvalidRequestError
from quickstart.reports.requests import read_request
from quickstart.reports.schedules import read_list_request
from quickstart.suggestions import field_meant, marketplace_of_country, region_meant, with_commas
from quickstart.validation import Fields

KNOWN = ("SellerId", "RegionCode", "ReportType", "MarketplaceIds", "ReportDataStartTime", "ReportDataEndTime")
REPORT = {"SellerId": "A1", "RegionCode": "NA", "ReportType": "GET_X", "MarketplaceIds": "ATVPDKIKX0DER"}


def messages(**changed: object) -> list[str]:
    with pytest.raises(InvalidRequestError) as caught:
        read_request(Fields({**REPORT, **changed}))
    return [error.message for error in caught.value.errors]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("sellerId", "SellerId"),
        ("seller_id", "SellerId"),
        ("SELLERID", "SellerId"),
        ("marketplaceIds", "MarketplaceIds"),
        ("MarketplaceId", "MarketplaceIds"),
        ("reportTyp", "ReportType"),
        ("dataStartTime", "ReportDataStartTime"),
        ("Period", None),
        # More than three characters, and the end of one field only.
        ("Code", "RegionCode"),
        ("Ids", None),
        ("Time", None),
        ("SellersId", "SellerId"),
        ("Id", None),
        ("", None),
    ],
)
def test_a_field(name: str, meant: str | None) -> None:
    assert field_meant(name, KNOWN) == meant


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("US", "NA, the region of US"),
        ("de", "EU, the region of DE"),
        ("UK", "EU, the region of UK"),
        ("JP", "FE, the region of JP"),
        ("na", "NA"),
        ("Europe", "EU"),
        ("far east", "FE"),
        ("us-west-2", "FE, the region that SP-API serves from us-west-2"),
        ("XX", None),
        ("Atzr|a-secret", None),
    ],
)
def test_a_region(value: str, meant: str | None) -> None:
    assert region_meant(value) == meant
    (message,) = messages(RegionCode=value)
    assert message == "RegionCode must be one of NA, EU, FE" + ("" if meant is None else f". Did you mean {meant}?")


@pytest.mark.parametrize(
    ("country", "marketplace_id"),
    [("US", "ATVPDKIKX0DER"), ("de", "A1PA6795UKMFR9"), ("JP", "A1VC38T7YXB528"), ("UK", "A1F83G8C2ARO7P")],
)
def test_a_country_in_place_of_a_marketplace(country: str, marketplace_id: str) -> None:
    found = marketplace_of_country(country)
    assert found is not None
    assert found.marketplace_id == marketplace_id
    hint = f"MarketplaceIds must contain marketplace ids. Did you mean {marketplace_id} for {country}?"
    assert messages(MarketplaceIds=country) == [hint]
    assert messages(MarketplaceIds=["ATVPDKIKX0DER", country]) == [hint]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("A1;B2", "A1,B2"),
        ("A1 ; B2;", "A1,B2"),
        ("A1 B2", "A1,B2"),
        ("A1,B2", None),
        ("A1, B2", None),
        (" A1 ", None),
        ("", None),
    ],
)
def test_a_list(value: str, meant: str | None) -> None:
    assert with_commas(value) == meant


def test_lists_with_other_separators_are_refused() -> None:
    hint = "must be a list or a text with commas between the entries"
    assert messages(MarketplaceIds="A1;B2") == [f'MarketplaceIds {hint}. Did you mean "A1,B2"?']
    assert messages(MarketplaceIds=["A1;B2"]) == [f'MarketplaceIds {hint}. Did you mean "A1,B2"?']
    # What may be anything is not repeated.
    assert messages(MarketplaceIds="A1;Atzr|IwEBIA") == [f"MarketplaceIds {hint}"]
    with pytest.raises(InvalidRequestError, match='Did you mean "GET_A,GET_B"'):
        read_list_request(Fields({"SellerId": "A1", "RegionCode": "NA", "ReportTypes": "GET_A;GET_B"}))


def test_an_unknown_field_has_a_hint_or_the_list() -> None:
    assert messages(marketplaceIds="A1") == [
        "marketplaceIds is not a field of this request. Did you mean MarketplaceIds?"
    ]
    (message,) = messages(Period="P1D")
    assert message.startswith("Period is not a field of this request; its fields are SellerId, RegionCode")
