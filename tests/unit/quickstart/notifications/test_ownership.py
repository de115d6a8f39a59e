"""Whose a notification is: each rule, in its order."""

from datetime import UTC, datetime
from typing import Any

import pytest

from quickstart.notifications.ownership import (
    Addressee,
    Owner,
    OwnerUnknownError,
    find_addressee,
    find_owner,
    seller_in,
)
from quickstart.notifications.processing import FinishedReport
from quickstart.reports.open_requests import OpenRequest, OpenRequests
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable

REPORT = FinishedReport("A1", "account", "7", "GET_X", "DONE")
OF_VENDOR = FinishedReport(None, "account", "7", "GET_X", "DONE")


def token(region: str, seller_id: str = "A1") -> dict[str, Any]:
    return {"SellerId": seller_id, "Item": f"TOKEN#{region}"}


def subscription(seller_id: str = "A1", region: str = "FE") -> dict[str, Any]:
    return {
        "SellerId": seller_id,
        "Item": f"SUBSCRIPTION#{region}#X#1.0",
        "RegionCode": region,
        "NotificationType": "X",
        "SubscriptionId": "s-1",
        "DestinationId": "d-1",
        "PayloadVersion": "1.0",
    }


@pytest.fixture
def sellers() -> MemoryTable:
    return MemoryTable(Aws(), "SellerId", "Item")


@pytest.fixture
def reports() -> MemoryTable:
    return MemoryTable(Aws(), "ReportId", "SellerId")


class TestAddressee:
    def test_the_recorded_subscription_comes_first(self, sellers: MemoryTable) -> None:
        sellers.items = [token("NA"), subscription("A2", "FE")]
        assert find_addressee("s-1", "A1", sellers.table) == Addressee("A2", Region.FE)

    def test_a_notification_without_a_subscription_has_the_named_seller(self, sellers: MemoryTable) -> None:
        sellers.items = [token("EU")]
        assert find_addressee("", "A1", sellers.table) == Addressee("A1", Region.EU)

    def test_another_subscription_says_nothing(self, sellers: MemoryTable) -> None:
        sellers.items = [subscription("A2", "FE")]
        assert find_addressee("s-2", None, sellers.table) == Addressee(None, None)

    @pytest.mark.parametrize(
        ("regions", "region"), [((), None), (("EU",), Region.EU), (("EU", "NA"), None), (("*",), None)]
    )
    def test_a_named_seller_has_the_region_of_the_only_token(
        self, sellers: MemoryTable, regions: tuple[str, ...], region: Region | None
    ) -> None:
        sellers.items = [token(code) for code in regions] + [token("FE", "A2")]
        assert find_addressee("s-1", "A1", sellers.table) == Addressee("A1", region)


class TestOwner:
    def find(self, reports: MemoryTable, sellers: MemoryTable, report: FinishedReport = REPORT) -> Owner:
        return find_owner(report, "s-1", reports.table, sellers.table)

    def test_the_reports_table_comes_first(self, reports: MemoryTable, sellers: MemoryTable) -> None:
        reports.items = [{"ReportId": "7", "SellerId": "A1", "RegionCode": "EU"}]
        sellers.items = [subscription("A1", "FE")]
        assert self.find(reports, sellers) == Owner("A1", Region.EU, asked_for_here=True)

    def test_a_report_of_the_same_id_of_another_seller_is_another(
        self, reports: MemoryTable, sellers: MemoryTable
    ) -> None:
        reports.items = [{"ReportId": "7", "SellerId": "A2", "RegionCode": "EU"}]
        sellers.items = [subscription("A1", "FE")]
        assert self.find(reports, sellers) == Owner("A1", Region.FE, asked_for_here=False)
        reports.items.append({"ReportId": "7", "SellerId": "A1", "RegionCode": "NA"})
        assert self.find(reports, sellers) == Owner("A1", Region.NA, asked_for_here=True)

    def test_a_vendors_report_is_found_by_its_id_alone(self, reports: MemoryTable, sellers: MemoryTable) -> None:
        reports.items = [{"ReportId": "7", "SellerId": "A2", "RegionCode": "EU"}]
        assert self.find(reports, sellers, OF_VENDOR) == Owner("A2", Region.EU, asked_for_here=True)

    def test_an_id_that_two_sellers_have_does_not_decide(self, reports: MemoryTable, sellers: MemoryTable) -> None:
        reports.items = [
            {"ReportId": "7", "SellerId": "A1", "RegionCode": "EU"},
            {"ReportId": "7", "SellerId": "A2", "RegionCode": "EU"},
        ]
        with pytest.raises(OwnerUnknownError, match="report 7 of account"):
            self.find(reports, sellers, OF_VENDOR)
        unnamed = FinishedReport(None, None, "7", "GET_X", "DONE")
        with pytest.raises(OwnerUnknownError) as caught:
            self.find(reports, sellers, unnamed)
        assert str(caught.value) == (
            "the owner of report 7 of an unnamed seller is unknown: not in the Reports table, no record of "
            "subscription s-1, and the seller's region cannot be derived from its tokens"
        )
        sellers.items = [subscription("A2", "FE")]
        assert self.find(reports, sellers, OF_VENDOR) == Owner("A2", Region.FE, asked_for_here=False)

    def test_an_item_without_a_region_owns_nothing(self, reports: MemoryTable, sellers: MemoryTable) -> None:
        reports.items = [{"ReportId": "7", "SellerId": "A1"}]
        with pytest.raises(OwnerUnknownError, match="report 7 of A1"):
            self.find(reports, sellers)

    @pytest.mark.parametrize("regions", [(), ("EU", "NA"), ("*",)])
    def test_a_seller_without_a_region_is_not_enough(
        self, reports: MemoryTable, sellers: MemoryTable, regions: tuple[str, ...]
    ) -> None:
        sellers.items = [token(code) for code in regions]
        with pytest.raises(OwnerUnknownError):
            self.find(reports, sellers)

    def test_the_only_token_is_the_last_resort(self, reports: MemoryTable, sellers: MemoryTable) -> None:
        sellers.items = [token("EU")]
        assert self.find(reports, sellers) == Owner("A1", Region.EU, asked_for_here=False)

    @pytest.mark.parametrize(
        ("opened", "region"),
        [
            ([(Region.EU, "A1", REPORT.report_type)], Region.EU),
            ([(Region.EU, "A1", REPORT.report_type), (Region.NA, "A2", REPORT.report_type)], Region.EU),
            ([(Region.EU, "A1", REPORT.report_type), (Region.NA, "A1", REPORT.report_type)], None),
            ([(Region.EU, "A1", "GET_ANOTHER")], None),
        ],
    )
    def test_a_seller_with_tokens_for_several_regions_has_that_of_the_open_requests(
        self,
        reports: MemoryTable,
        sellers: MemoryTable,
        opened: list[tuple[Region, str, str]],
        region: Region | None,
    ) -> None:
        sellers.items = [token("EU"), token("NA")]
        moment = datetime(2026, 11, 21, tzinfo=UTC)
        request = OpenRequest("t", moment, moment, frozenset())
        requests = OpenRequests(reports.table, lambda: moment)
        for of_region, seller_id, report_type in opened:
            requests.add(seller_id, of_region, report_type, request)
        # One that is closed does not count.
        requests.add("A1", Region.FE, REPORT.report_type, request)
        requests.remove("A1", Region.FE, REPORT.report_type, request)
        if region is None:
            with pytest.raises(OwnerUnknownError):
                self.find(reports, sellers)
        else:
            assert self.find(reports, sellers) == Owner("A1", region, asked_for_here=False)


@pytest.mark.parametrize(
    ("payload", "seller_id"),
    [
        ({"sellerId": "A1"}, "A1"),
        ({"SellerId": "A1"}, "A1"),
        ({"merchantId": "A1"}, "A1"),
        ({"orderChangeNotification": {"SellerId": "A1"}}, "A1"),
        ({"sellerId": "A1", "inner": {"sellerId": "A2"}}, "A1"),
        ({"one": {"two": {"sellerId": "A1"}}}, None),
        ({"sellerId": "", "merchantId": "A1"}, "A1"),
        ({"sellerId": "x" * 256}, "x" * 256),
        ({"sellerId": "x" * 257}, None),
        ({"sellerId": "\ud800"}, None),
        ({"sellerId": "Atzr|IwEBIHxq0123456789"}, None),
        ({"sellerId": "x"}, "x"),
        ({"sellerId": 7}, None),
        ({"sellerid": "A1"}, None),
        ({}, None),
    ],
)
def test_where_a_payload_names_its_seller(payload: dict[str, object], seller_id: str | None) -> None:
    assert seller_in(payload) == seller_id
