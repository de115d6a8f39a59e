"""POST, GET and DELETE /schedules, and the delivery of what a schedule makes."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from deployment import Deployment
from simulator import control, served_document
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    download,
    eventually,
    link_in,
    mail_about,
    mails_about,
)
from tests.waiting import SECONDS

OTHER_TYPE = "GET_FLAT_FILE_OPEN_LISTINGS_DATA"


@pytest.fixture
def clock(deployment: Deployment) -> Iterator[None]:
    """Five minutes of SP-API's time pass in two seconds."""
    endpoint = deployment.servers.simulator_endpoint
    control(endpoint, "PUT", "clock", {"scale": 150})
    yield
    control(endpoint, "PUT", "clock", {"scale": 1})


def schedule_of(seller: Seller, **changed: object) -> dict[str, object]:
    return {
        "SellerId": seller.seller_id,
        "RegionCode": "NA",
        "ReportType": REPORT_TYPE,
        "MarketplaceIds": "ATVPDKIKX0DER",
        "Period": "P1D",
    } | changed


def create(host: HostProduct, seller: Seller, **changed: object) -> str:
    answer = host.send("ReportSchedulesUrl", schedule_of(seller, **changed))
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"reportScheduleId"}
    return str(answer.json()["reportScheduleId"])


def listed(
    host: HostProduct, seller: Seller, report_types: str = f"{REPORT_TYPE},{OTHER_TYPE}"
) -> list[dict[str, object]]:
    answer = host.get("ReportSchedulesUrl", SellerId=seller.seller_id, RegionCode="NA", ReportTypes=report_types)
    assert answer.status_code == 200, answer.text
    schedules: list[dict[str, object]] = answer.json()["reportSchedules"]
    return schedules


def made_by(seller: Seller, schedule_id: str) -> list[str]:
    reports = seller.control("GET", "reports")["reports"]
    return [report["reportId"] for report in reports if report.get("reportScheduleId") == schedule_id]


def test_a_schedule_is_made_listed_and_deleted(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    first = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    whole = create(
        host, seller, NextReportCreationTime=first.isoformat(), ReportOptions={"custom": "true"}, Period="PT84H"
    )
    other = create(host, seller, ReportType=OTHER_TYPE, MarketplaceIds=["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"])
    found = {schedule["reportScheduleId"]: schedule for schedule in listed(host, seller)}
    assert found[whole] == {
        "reportScheduleId": whole,
        "reportType": REPORT_TYPE,
        "marketplaceIds": ["ATVPDKIKX0DER"],
        "period": "PT84H",
        "reportOptions": {"custom": "true"},
        "nextReportCreationTime": first.isoformat(),
    }
    assert found[other]["marketplaceIds"] == ["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"]
    assert "reportOptions" not in found[other]
    assert [schedule["reportScheduleId"] for schedule in listed(host, seller, OTHER_TYPE)] == [other]
    answer = host.delete("ReportSchedulesUrl", f"/{whole}", SellerId=seller.seller_id, RegionCode="NA")
    assert (answer.status_code, answer.json()) == (200, {"reportScheduleId": whole, "status": "SUCCESS"})
    assert [schedule["reportScheduleId"] for schedule in listed(host, seller)] == [other]


def test_a_schedule_takes_the_place_of_one_of_the_same_type_and_marketplaces(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    create(host, seller, Period="P1D")
    second = create(host, seller, Period="P7D")
    assert [(entry["reportScheduleId"], entry["period"]) for entry in listed(host, seller)] == [(second, "P7D")]


@pytest.mark.usefixtures("clock")
def test_what_a_schedule_makes_is_delivered_until_it_is_deleted(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    servers, seller = deployment.servers, subscribed_seller
    schedule_id = create(host, seller, Period="PT5M")
    made = eventually(lambda: reports if len(reports := made_by(seller, schedule_id)) > 1 else None, what="two reports")
    host.delete("ReportSchedulesUrl", f"/{schedule_id}", SellerId=seller.seller_id, RegionCode="NA").raise_for_status()
    made = made_by(seller, schedule_id)
    for report_id in made:
        mail = mail_about(servers, report_id)
        assert download(link_in(mail))[1] == served_document(servers.simulator_endpoint, report_id)
        report = host.read_report(seller, report_id)
        assert (report["regionCode"], report["reportType"]) == ("NA", REPORT_TYPE)
    time.sleep(2.5)
    assert made_by(seller, schedule_id) == made
    assert [len(mails_about(servers, report_id)) for report_id in made] == [1] * len(made)
    # Newest first, in the list too; what a schedule made is there although nobody asked for it.
    reports = host.get("ReportCreatorUrl", SellerId=seller.seller_id).json()["reports"]
    assert {report["reportId"] for report in reports} == set(made)


def test_a_schedule_of_another_seller_or_region_is_unknown(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    schedule_id = create(host, seller)
    for path, region in ((schedule_id, "EU"), ("1", "NA")):
        answer = host.delete("ReportSchedulesUrl", f"/{path}", SellerId=seller.seller_id, RegionCode=region)
        assert answer.status_code == 404, answer.text
        assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [("ReportScheduleId", "ScheduleUnknown")]
    assert [schedule["reportScheduleId"] for schedule in listed(host, seller)] == [schedule_id]


def test_a_seller_without_a_token_is_unknown(host: HostProduct, seller: Seller) -> None:
    identity = {"SellerId": seller.seller_id, "RegionCode": "NA"}
    for answer in (
        host.send("ReportSchedulesUrl", schedule_of(seller)),
        host.get("ReportSchedulesUrl", ReportTypes=REPORT_TYPE, **identity),
        host.delete("ReportSchedulesUrl", "/1", **identity),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "SellerUnknown"), answer.text


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"fault": "status", "status": 429}, 429),
        ({"fault": "status", "status": 400, "code": "InvalidInput", "message": "Invalid period."}, 400),
        ({"fault": "status", "status": 403, "code": "Unauthorized", "message": "denied"}, 502),
        ({"fault": "reset"}, 504),
    ],
)
def test_what_sp_api_refuses_is_told(host: HostProduct, seller: Seller, fault: dict[str, object], status: int) -> None:
    host.store_token(seller)
    seller.control("POST", "faults", {"operation": "createReportSchedule", "sellerId": seller.seller_id, **fault})
    answer = host.send("ReportSchedulesUrl", schedule_of(seller))
    assert answer.status_code == status, answer.text
    assert ("Retry-After" in answer.headers) == (status == 429)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"SellerId": "A/1"}, "InvalidValue"),
        ({"SellerId": None}, "Missing"),
        ({"RegionCode": "US"}, "InvalidValue"),
        ({"ReportType": "GET REPORT"}, "InvalidValue"),
        ({"MarketplaceIds": []}, "InvalidValue"),
        ({"MarketplaceIds": "A1PA6795UKMFR9"}, "InvalidValue"),
        ({"Period": None}, "Missing"),
        ({"Period": ""}, "Empty"),
        ({"Period": "PT6M"}, "InvalidValue"),
        ({"Period": 5}, "InvalidType"),
        ({"NextReportCreationTime": "tomorrow"}, "InvalidValue"),
        ({"ReportOptions": {"custom": True}}, "InvalidType"),
        ({"ReportDataStartTime": "2026-11-01"}, "UnknownField"),
    ],
)
def test_what_is_wrong_with_a_new_schedule_is_said(
    host: HostProduct, seller: Seller, changed: dict[str, object], code: str
) -> None:
    answer = host.send("ReportSchedulesUrl", schedule_of(seller, **changed))
    assert answer.status_code == 400, answer.text
    assert [(entry["field"], entry["code"]) for entry in answer.json()["errors"]] == [(*changed, code)]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"SellerId": None}, "Missing"),
        ({"RegionCode": "US"}, "InvalidValue"),
        ({"ReportTypes": None}, "Missing"),
        ({"ReportTypes": ","}, "InvalidValue"),
        ({"ReportTypes": "GET_REPORT~"}, "InvalidValue"),
        ({"ReportTypes": ",".join(f"GET_{number}" for number in range(11))}, "InvalidValue"),
        ({"Period": "P1D"}, "UnknownField"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(
    host: HostProduct, seller: Seller, changed: dict[str, object], code: str
) -> None:
    query: dict[str, Any] = {"SellerId": seller.seller_id, "RegionCode": "NA", "ReportTypes": REPORT_TYPE} | changed
    answer = host.get("ReportSchedulesUrl", **query)
    assert answer.status_code == 400, answer.text
    assert [(entry["field"], entry["code"]) for entry in answer.json()["errors"]] == [(*changed, code)]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/1", {"RegionCode": "NA"}, "SellerId"),
        ("/1", {"SellerId": "A1"}, "RegionCode"),
        ("/~1", {"SellerId": "A1", "RegionCode": "NA"}, "ReportScheduleId"),
        ("/1", {"SellerId": "A1", "RegionCode": "NA", "ReportTypes": "GET_X"}, "ReportTypes"),
    ],
)
def test_what_is_wrong_with_a_deletion_is_said(host: HostProduct, path: str, query: dict[str, str], field: str) -> None:
    answer = host.delete("ReportSchedulesUrl", path, **query)
    assert answer.status_code == 400, answer.text
    assert [entry["field"] for entry in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("GET", ""), ("DELETE", "/1")])
def test_schedules_take_a_signature(deployment: Deployment, method: str, path: str) -> None:
    answer = requests.request(method, deployment.url("ReportSchedulesUrl") + path, timeout=SECONDS)
    assert answer.status_code == 403
