"""GET /reports and GET /reports/{reportId}: what became of reports, and fresh links to them."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from deployment import Deployment, aws
from simulator import served_document
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    changed_function,
    download,
    eventually,
    held_notifications,
    link_in,
    mail_about,
    reports_table,
)
from tests.waiting import SECONDS


def test_a_report_is_followed_from_the_queue_to_its_link(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    asked = datetime.now(UTC)
    held = {"sellerId": seller.seller_id, "count": 1, "notification": {"hold": True}}
    seller.control("POST", "report-outcomes", [held])
    report_id = host.create_report(seller, ReportDataStartTime="2026-11-01T00:00:00Z")
    answered = datetime.now(UTC)
    waiting = host.read_report(seller, report_id)
    recorded = datetime.fromisoformat(str(waiting.pop("recordedTime")))
    assert asked - timedelta(seconds=1) < recorded < answered
    requested = datetime.fromisoformat(str(waiting.pop("requestedTime")))
    assert asked - timedelta(seconds=1) < requested < answered
    assert str(waiting.pop("clientToken")).startswith("stack-")
    assert waiting == {
        "reportId": report_id,
        "sellerId": seller.seller_id,
        "regionCode": "NA",
        "reportType": REPORT_TYPE,
        "marketplaceIds": ["ATVPDKIKX0DER"],
        "processingStatus": "IN_QUEUE",
        "dataStartTime": "2026-11-01T00:00:00+00:00",
    }
    eventually(lambda: held_notifications(seller) or None, "the notification")
    seller.control("POST", "notifications/release", {})
    mailed = link_in(mail_about(deployment.servers, report_id))
    read = datetime.now(UTC)
    report = eventually(lambda: _announced(host, seller, report_id), what="the report to be noted as announced")
    read_again = datetime.now(UTC)
    stored = served_document(deployment.servers.simulator_endpoint, report_id)
    assert report["processingStatus"] == "DONE"
    assert report["sizeBytes"] == len(stored)
    assert report["sha256"] == hashlib.sha256(stored).hexdigest()
    assert report["createdTime"] <= report["storedTime"] <= report["notifiedTime"]
    expires = datetime.fromisoformat(report["link"]["expires"])
    lifetime = timedelta(hours=1)
    assert read + lifetime - timedelta(seconds=1) < expires < read_again + lifetime + timedelta(seconds=1)
    assert urlsplit(report["link"]["url"]).path == urlsplit(mailed).path
    answer, document = download(report["link"]["url"])
    assert (answer.status_code, document) == (200, stored)


def test_each_answer_has_a_link_of_its_own_and_it_dies(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    report_id = host.create_report(seller)
    mail_about(deployment.servers, report_id)
    # The parameter's least is a minute: the function is told otherwise past the template.
    with changed_function(deployment, "SPAPIReportReader", Environment={"LINK_LIFETIME_SECONDS": "1"}):
        old = host.read_report(seller, report_id)["link"]
        assert parse_qs(urlsplit(old["url"]).query)["X-Amz-Expires"] == ["1"]
        eventually(lambda: requests.get(old["url"], timeout=SECONDS).status_code == 403 or None, "the link's end")
    assert datetime.fromisoformat(old["expires"]) <= datetime.now(UTC)
    assert "expired" in requests.get(old["url"], timeout=SECONDS).text.lower()
    fresh = host.read_report(seller, report_id)["link"]
    assert fresh["url"] != old["url"]
    assert requests.get(fresh["url"], timeout=SECONDS).status_code == 200


def test_a_link_cannot_be_bent_to_another_report(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    report_id = host.create_report(seller)
    mail_about(deployment.servers, report_id)
    link = host.read_report(seller, report_id)["link"]["url"]
    assert requests.get(link.replace(report_id, "1"), timeout=SECONDS).status_code == 403
    assert requests.put(link, data=b"other", timeout=SECONDS).status_code == 403


def test_a_link_is_in_the_answer_and_in_no_log(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    report_id = host.create_report(seller)
    mail_about(deployment.servers, report_id)
    answer = host.get("ReportCreatorUrl", f"/{report_id}", SellerId=seller.seller_id)
    assert answer.headers["Cache-Control"] == "no-store"
    signature = parse_qs(urlsplit(answer.json()["link"]["url"]).query)["X-Amz-Signature"][0]
    host.get("ReportCreatorUrl", f"/{report_id}x", SellerId=seller.seller_id)
    logs = aws(deployment.servers, "logs")
    texts = [
        event["message"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
        for events in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for event in events["events"]
    ]
    assert any(f"{report_id}x" in text for text in texts), "the reader writes a log"
    assert not [text for text in texts if signature in text or "X-Amz-Signature" in text]


def test_a_report_that_came_to_nothing_has_no_link(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    seller.control("POST", "report-outcomes", {"sellerId": seller.seller_id, "status": "CANCELLED", "count": 1})
    report_id = host.create_report(seller)
    mail_about(deployment.servers, report_id)
    report = eventually(lambda: _announced(host, seller, report_id), what="the report to be noted as announced")
    assert report["processingStatus"] == "CANCELLED"
    assert "link" not in report


def test_a_report_of_another_seller_is_unknown(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    report_id = host.create_report(seller)
    for path, seller_id in (
        (report_id, f"{seller.seller_id}0"),
        ("1", seller.seller_id),
        (f"{report_id}0", seller.seller_id),
    ):
        answer = host.get("ReportCreatorUrl", f"/{path}", SellerId=seller_id)
        assert answer.status_code == 404, answer.text
        assert [(entry["field"], entry["code"]) for entry in answer.json()["errors"]] == [("ReportId", "ReportUnknown")]
    assert host.get("ReportCreatorUrl", SellerId=f"{seller.seller_id}0").json() == {"reports": []}


def test_a_report_that_is_to_be_forgotten_is_unknown(deployment: Deployment, host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    old, new = host.create_report(seller), host.create_report(seller)
    reports_table(deployment).update_item(
        Key={"ReportId": old, "SellerId": seller.seller_id},
        UpdateExpression="SET ExpiresAt = :then",
        ExpressionAttributeValues={":then": int(time.time()) - 1},
    )
    assert host.get("ReportCreatorUrl", f"/{old}", SellerId=seller.seller_id).status_code == 404
    listed = host.get("ReportCreatorUrl", SellerId=seller.seller_id).json()
    assert [report["reportId"] for report in listed["reports"]] == [new]


def test_a_list_is_newest_first_and_its_pages_stay_as_they_are(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    made = [host.create_report(seller) for _ in range(5)]
    first = host.get("ReportCreatorUrl", SellerId=seller.seller_id, Limit=2).json()
    # What comes meanwhile is on no later page.
    newest = host.create_report(seller)
    pages = [first]
    while "nextToken" in pages[-1]:
        answer = host.get("ReportCreatorUrl", SellerId=seller.seller_id, Limit=2, NextToken=pages[-1]["nextToken"])
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
    found = [report["reportId"] for page in pages for report in page["reports"]]
    assert found == list(reversed(made))
    assert [len(page["reports"]) for page in pages[:2]] == [2, 2]
    again = host.get("ReportCreatorUrl", SellerId=seller.seller_id, Limit=2, NextToken=first["nextToken"]).json()
    assert again == pages[1]
    whole = host.get("ReportCreatorUrl", SellerId=seller.seller_id).json()
    assert [report["reportId"] for report in whole["reports"]] == [newest, *reversed(made)]
    assert "nextToken" not in whole
    assert all("link" not in report for report in whole["reports"])


def test_a_page_token_leads_to_no_other_sellers_reports(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    for _ in range(3):
        host.create_report(seller)
    token = host.get("ReportCreatorUrl", SellerId=seller.seller_id, Limit=1).json()["nextToken"]
    answer = host.get("ReportCreatorUrl", SellerId=f"{seller.seller_id}0", NextToken=token)
    assert answer.json() == {"reports": []}


@pytest.mark.parametrize(
    ("path", "query", "errors"),
    [
        ("", {}, [("SellerId", "Missing")]),
        ("", {"SellerId": ""}, [("SellerId", "Empty")]),
        ("", {"SellerId": "A/1"}, [("SellerId", "InvalidValue")]),
        ("", {"SellerId": "A1", "Limit": "0"}, [("Limit", "InvalidValue")]),
        ("", {"SellerId": "A1", "Limit": "101"}, [("Limit", "InvalidValue")]),
        ("", {"SellerId": "A1", "Limit": "two"}, [("Limit", "InvalidValue")]),
        ("", {"SellerId": "A1", "NextToken": "!"}, [("NextToken", "InvalidValue")]),
        ("", {"SellerId": "A1", "NextToken": "e30"}, [("NextToken", "InvalidValue")]),
        ("", {"SellerId": "A1", "ReportType": REPORT_TYPE}, [("ReportType", "UnknownField")]),
        ("", {"Limit": "x", "NextToken": "x"}, [(name, None) for name in ("SellerId", "Limit", "NextToken")]),
        ("/1", {}, [("SellerId", "Missing")]),
        ("/~1", {"SellerId": "A1"}, [("ReportId", "InvalidValue")]),
        ("/1", {"SellerId": "A1", "Limit": "1"}, [("Limit", "UnknownField")]),
    ],
)
def test_what_is_wrong_with_a_query_is_said(
    host: HostProduct, path: str, query: dict[str, str], errors: list[tuple[str, str | None]]
) -> None:
    answer = host.get("ReportCreatorUrl", path, **query)
    assert answer.status_code == 400, answer.text
    found = answer.json()["errors"]
    assert [entry["field"] for entry in found] == [field for field, _ in errors]
    assert all(code in (None, entry["code"]) for entry, (_, code) in zip(found, errors, strict=True))


@pytest.mark.parametrize("path", ["", "/1"])
def test_reading_takes_a_signature(deployment: Deployment, path: str) -> None:
    answer = requests.get(deployment.url("ReportCreatorUrl") + path, params={"SellerId": "A1"}, timeout=SECONDS)
    assert answer.status_code == 403


def _announced(host: HostProduct, seller: Seller, report_id: str) -> dict[str, Any] | None:
    report = host.read_report(seller, report_id)
    return report if "notifiedTime" in report else None
