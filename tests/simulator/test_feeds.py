"""The Feeds API: uploads, the life cycle of feeds, processing reports, and how each of them fails."""

from __future__ import annotations

import gzip
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft7Validator

from tests.simulator.conftest import NEWER_MODELS
from tests.simulator.support import MARKETPLACES, US, RecordingQueue, Simulator, eventually

FEEDS = "/feeds/2021-06-30/feeds"
DOCUMENTS = "/feeds/2021-06-30/documents"
CONTENT_TYPE = "application/json; charset=UTF-8"
LISTINGS_FEED = "JSON_LISTINGS_FEED"
SELLER = "A1SELLER"
UPDATE = {
    "operationType": "UPDATE",
    "productType": "LUGGAGE",
    "attributes": {"item_name": [{"value": "Koffer", "marketplace_id": US}]},
}
REPORT = {"includedData": ["summaries", "attributes", "issues"], "apiVersion": "2021-08-01"}
FINAL = ("DONE", "CANCELLED", "FATAL")


def feed_of(*messages: Any, seller: str = SELLER, **header: Any) -> bytes:
    numbered = [{"messageId": number, "sku": f"S-{number}", **message} for number, message in enumerate(messages, 1)]
    whole = {"header": {"sellerId": seller, "version": "2.0", **header}, "messages": numbered}
    if schema := amazon_schema("listings-feed-schema-v2"):
        Draft7Validator(schema).validate(whole)
    return json.dumps(whole, ensure_ascii=False).encode()


def amazon_schema(name: str) -> Any:
    """Amazon's schema of a document; None where it is not there."""
    path = NEWER_MODELS / f"models/{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def new_document(simulator: Simulator, token: str, endpoint: str = "na") -> Any:
    return simulator.call("POST", DOCUMENTS, token, {"contentType": CONTENT_TYPE}, endpoint, status=201).json


def put(simulator: Simulator, url: str, content: bytes, content_type: str = CONTENT_TYPE) -> Any:
    return simulator.fetch("PUT", url, {"content-type": content_type}, content)


def specification(document_id: str, marketplace: str = US, feed_type: str = LISTINGS_FEED) -> dict[str, Any]:
    return {"feedType": feed_type, "marketplaceIds": [marketplace], "inputFeedDocumentId": document_id}


def create(
    simulator: Simulator, token: str, content: bytes, endpoint: str = "na", feed_type: str = LISTINGS_FEED
) -> str:
    made = new_document(simulator, token, endpoint)
    assert put(simulator, made["url"], content).status == 200
    body = specification(made["feedDocumentId"], MARKETPLACES[endpoint], feed_type)
    return str(simulator.call("POST", FEEDS, token, body, endpoint, status=202).json["feedId"])


def get(simulator: Simulator, token: str, feed_id: str, endpoint: str = "na") -> Any:
    return simulator.call("GET", f"{FEEDS}/{feed_id}", token, endpoint=endpoint, status=200).json


def ended(simulator: Simulator, token: str, feed_id: str, endpoint: str = "na") -> Any:
    def check() -> Any:
        feed = get(simulator, token, feed_id, endpoint)
        return feed if feed["processingStatus"] in FINAL else None

    return eventually(check)


def report_of(simulator: Simulator, token: str, feed: Any) -> Any:
    described = simulator.call("GET", f"{DOCUMENTS}/{feed['resultFeedDocumentId']}", token, status=200).json
    content = simulator.fetch("GET", described["url"]).content
    report = json.loads(gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)
    if schema := amazon_schema("listings-feed-processing-report-schema-v2"):
        Draft7Validator(schema).validate(report)
    return report


def processed(simulator: Simulator, content: bytes, **outcome: Any) -> Any:
    simulator.control("PUT", "/feed-outcomes", outcome)
    token = simulator.seller(SELLER)
    return report_of(simulator, token, ended(simulator, token, create(simulator, token, content)))


def test_a_feed_from_the_upload_to_its_report(simulator: Simulator) -> None:
    token = simulator.seller(SELLER)
    content = feed_of(UPDATE, {"operationType": "DELETE"})
    feed_id = create(simulator, token, content)
    assert get(simulator, token, feed_id)["processingStatus"] in ("IN_QUEUE", "IN_PROGRESS")
    feed = ended(simulator, token, feed_id)
    assert (feed["processingStatus"], feed["feedType"], feed["marketplaceIds"]) == ("DONE", LISTINGS_FEED, [US])
    report = report_of(simulator, token, feed)
    assert report == {
        "header": {"sellerId": SELLER, "version": "2.0", "feedId": feed_id},
        "issues": [],
        "summary": {
            "errors": 0,
            "warnings": 0,
            "messagesProcessed": 2,
            "messagesAccepted": 2,
            "messagesInvalid": 0,
        },
    }
    (listed,) = simulator.control("GET", "/feeds")["feeds"]
    assert (listed["feedId"], listed["uploads"]) == (feed_id, 1)
    assert simulator.fetch("GET", f"{simulator.address}/simulator/feeds/{feed_id}/document").content == content
    assert simulator.fetch("GET", f"{simulator.address}/simulator/feeds/1/document").status == 404


def test_a_report_with_listings(simulator: Simulator) -> None:
    warning = {"code": "18448", "severity": "WARNING", "message": "Add the weight.", "attributeNames": ["item_weight"]}
    refusal = {"code": "90220", "severity": "ERROR", "message": "'brand' is required.", "attributeName": "brand"}
    report = processed(
        simulator,
        feed_of(UPDATE, UPDATE, UPDATE, {"operationType": "DELETE"}, report=REPORT),
        messages=[{"sku": "S-2", "issues": [refusal]}, {"every": 3, "itemIssues": [warning]}],
        compression="none",
    )
    assert report["issues"] == [{"messageId": 2, "sku": "S-2", **refusal}]
    assert report["summary"] == {
        "errors": 1,
        "warnings": 0,
        "messagesProcessed": 4,
        "messagesAccepted": 3,
        "messagesInvalid": 1,
        "itemSummary": {"items": 2, "errors": 0, "warnings": 1},
    }
    assert report["header"]["report"] == REPORT
    first, third = report["items"]
    assert set(first) == {"sku", "summaries", "attributes", "issues"}
    assert (first["sku"], first["summaries"][0]["status"]) == ("S-1", ["BUYABLE", "DISCOVERABLE"])
    assert first["attributes"] == UPDATE["attributes"]
    # A warning does not hide a listing.
    assert (third["sku"], third["issues"]) == ("S-3", [warning])
    assert third["summaries"][0]["status"] == ["BUYABLE", "DISCOVERABLE"]


def test_an_error_of_the_listing_hides_it(simulator: Simulator) -> None:
    error = {"code": "8541", "severity": "ERROR", "message": "Another brand.", "attributeNames": ["brand"]}
    rules = [{"sku": "S-1", "itemIssues": [error]}]
    report = processed(simulator, feed_of(UPDATE, report=REPORT), messages=rules, compression="none")
    assert report["items"][0]["summaries"][0]["status"] == []


def code_and_seller(report: Any) -> tuple[str, str]:
    (issue,) = report["issues"]
    assert "messageId" not in issue
    assert report["summary"]["messagesProcessed"] == 0
    return issue["code"], report["header"]["sellerId"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"sku;title", "4002001"),
        (b"[]", "4002001"),
        ("{}".encode("utf-16"), "4002001"),
        (feed_of(UPDATE).replace(b'"2.0"', b'"1.0"'), "4002006"),
        (b'{"header": {"sellerId": "A1SELLER", "version": "2.0"}, "messages": []}', "4002008"),
        (feed_of(UPDATE, report=REPORT).replace(b"2021-08-01", b"2020-09-01"), "4002008"),
    ],
    ids=["CSV", "no object", "UTF-16", "version", "no messages", "report"],
)
def test_failures_of_the_whole_file(simulator: Simulator, content: bytes, code: str) -> None:
    assert code_and_seller(processed(simulator, content)) == (code, "")


def test_a_failure_of_the_whole_file_by_choice(simulator: Simulator) -> None:
    assert code_and_seller(processed(simulator, feed_of(UPDATE), wholeFile="4002008")) == ("4002008", "")


@pytest.mark.parametrize(
    "message",
    [
        3,
        {"sku": ""},
        {"operationType": "REPLACE"},
        {"operationType": "DELETE", "productType": "LUGGAGE"},
        {**UPDATE, "attributes": {}},
        {**UPDATE, "patches": []},
        {**UPDATE, "requirements": "ALL"},
        {"operationType": "PATCH", "productType": "LUGGAGE", "patches": [{"op": "add"}]},
        {**UPDATE, "messageId": 1},
        {**UPDATE, "messageId": 0},
    ],
)
def test_messages_that_are_not_in_the_schema(simulator: Simulator, message: Any) -> None:
    whole = json.loads(feed_of(UPDATE))
    whole["messages"].append({"messageId": 2, "sku": "S-2", **message} if isinstance(message, dict) else message)
    report = processed(simulator, json.dumps(whole).encode())
    assert [issue["code"] for issue in report["issues"]] == ["4002008"]
    assert (report["summary"]["messagesAccepted"], report["summary"]["messagesInvalid"]) == (1, 1)


def test_a_header_of_another_account(simulator: Simulator) -> None:
    report = processed(simulator, feed_of(UPDATE, UPDATE, seller="A2"))
    assert [(issue["messageId"], issue["code"]) for issue in report["issues"]] == [
        (1, "BAD_REQUEST"),
        (2, "BAD_REQUEST"),
    ]
    assert {issue["message"] for issue in report["issues"]} == {"Invalid 'accountId' provided."}


def test_a_vendor_is_named_by_its_vendor_code(simulator: Simulator) -> None:
    token = simulator.seller(SELLER, vendor=True, vendorCodes=["VEND1"])
    accepted = []
    for named in ("VEND1", SELLER):
        feed_id = create(simulator, token, feed_of({"operationType": "DELETE"}, seller=named))
        accepted.append(report_of(simulator, token, ended(simulator, token, feed_id))["summary"]["messagesAccepted"])
    assert accepted == [1, 0]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", ""])
def test_an_upload_needs_the_signed_content_type(simulator: Simulator, content_type: str) -> None:
    token = simulator.seller(SELLER)
    made = new_document(simulator, token)
    answer = put(simulator, made["url"], feed_of(UPDATE), content_type)
    assert (answer.status, answer.headers["content-type"]) == (403, "application/xml")
    assert b"<Code>SignatureDoesNotMatch</Code>" in answer.content
    assert put(simulator, made["url"], feed_of(UPDATE)).status == 200


def test_upload_links_end(simulator: Simulator) -> None:
    token = simulator.seller(SELLER)
    url = new_document(simulator, token)["url"]
    assert b"AccessDenied" in put(simulator, url.partition("?")[0], b"{}").content
    assert b"SignatureDoesNotMatch" in put(simulator, url.replace("Expires=300", "Expires=900"), b"{}").content
    simulator.control("PUT", "/clock", {"advanceSeconds": 300})
    answer = put(simulator, url, b"{}")
    assert (answer.status, b"Request has expired" in answer.content) == (403, True)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"fault": "expire"}, 403, b"Request has expired"),
        ({"fault": "status", "status": 503}, 503, b"SlowDown"),
    ],
)
def test_faults_of_an_upload(simulator: Simulator, fault: Any, status: int, code: bytes) -> None:
    url = new_document(simulator, simulator.seller(SELLER))["url"]
    simulator.control("POST", "/faults", fault | {"operation": "uploadFeedDocument"})
    answer = put(simulator, url, b"{}")
    assert (answer.status, code in answer.content) == (status, True)
    assert put(simulator, url, b"{}").status == 200


def test_uploads_need_a_length_and_all_of_it(simulator: Simulator) -> None:
    token = simulator.seller(SELLER)
    made = new_document(simulator, token)
    parts = urlsplit(made["url"])
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {CONTENT_TYPE}\r\n"
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n".encode())
        assert b"501 Not Implemented" in connection.recv(4096)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{}}".encode())
    feed_id = simulator.call("POST", FEEDS, token, specification(made["feedDocumentId"]), status=202).json["feedId"]
    assert ended(simulator, token, feed_id)["processingStatus"] == "FATAL"
    assert simulator.control("GET", "/feeds")["feeds"][0]["uploads"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"feedType": None},
        {"feedType": 3},
        {"marketplaceIds": []},
        {"marketplaceIds": US},
        {"marketplaceIds": ["A1PA6795UKMFR9"]},
        {"marketplaceIds": [US] * 26},
        {"inputFeedDocumentId": "unknown"},
        {"inputFeedDocumentId": 3},
        {"feedOptions": {"a": 1}},
    ],
)
def test_feeds_that_are_refused(simulator: Simulator, changes: Any) -> None:
    token = simulator.seller(SELLER)
    body = specification(new_document(simulator, token)["feedDocumentId"]) | changes
    simulator.call("POST", FEEDS, token, body, status=400)
    assert simulator.control("GET", "/feeds")["feeds"] == []


def test_documents_belong_to_one_account_and_end_after_two_days(simulator: Simulator) -> None:
    token = simulator.seller(SELLER)
    document_id = new_document(simulator, token)["feedDocumentId"]
    simulator.call("POST", FEEDS, simulator.seller("A2"), specification(document_id), status=400)
    simulator.control("PUT", "/clock", {"advanceSeconds": 2 * 86400 + 1})
    simulator.call("POST", FEEDS, simulator.seller(SELLER), specification(document_id), status=400)
    feed_id = create(simulator, token := simulator.seller(SELLER), feed_of(UPDATE))
    other = simulator.seller("A2")
    simulator.call("GET", f"{FEEDS}/{feed_id}", other, status=404)
    feed = ended(simulator, token, feed_id)
    simulator.call("GET", f"{DOCUMENTS}/{feed['resultFeedDocumentId']}", other, status=400)
    simulator.call("GET", f"/reports/2021-06-30/reports/{feed_id}", token, status=404)


def test_feeds_of_an_account_run_one_after_the_other(simulator: Simulator) -> None:
    """The first is slow; the second waits for it, a feed of another account or region does not."""
    simulator.control("PUT", "/feed-outcomes", {"sellerId": SELLER, "count": 1, "processingSeconds": 100_000})
    token, other = simulator.seller(SELLER), simulator.seller("A2")
    first = create(simulator, token, feed_of(UPDATE))
    second = create(simulator, token, feed_of(UPDATE))
    assert ended(simulator, other, create(simulator, other, feed_of(UPDATE, seller="A2")))
    assert ended(simulator, token, create(simulator, token, feed_of(UPDATE), "eu"), "eu")
    statuses = [get(simulator, token, feed_id)["processingStatus"] for feed_id in (first, second)]
    assert statuses == ["IN_PROGRESS", "IN_QUEUE"]
    simulator.control("PUT", "/clock", {"advanceSeconds": 100_000})
    token = simulator.seller(SELLER)
    done = [ended(simulator, token, feed_id) for feed_id in (first, second)]
    assert done[0]["processingEndTime"] <= done[1]["processingStartTime"]


def test_cancelling(simulator: Simulator, queue: RecordingQueue) -> None:
    token = simulator.seller(SELLER)
    simulator.subscribe(token, simulator.destination(), "FEED_PROCESSING_FINISHED")
    simulator.control("PUT", "/feed-outcomes", {"count": 1, "processingSeconds": 100_000})
    running, waiting = (create(simulator, token, feed_of(UPDATE)) for _ in range(2))
    eventually(lambda: get(simulator, token, running)["processingStatus"] == "IN_PROGRESS")
    simulator.call("DELETE", f"{FEEDS}/{running}", token, status=400)
    simulator.call("DELETE", f"{FEEDS}/{waiting}", token, status=200)
    assert get(simulator, token, waiting)["processingStatus"] == "CANCELLED"
    eventually(lambda: queue.messages)
    simulator.call("DELETE", f"{FEEDS}/{waiting}", token, status=400)
    simulator.control("PUT", "/clock", {"advanceSeconds": 100_000})
    token = simulator.seller(SELLER)
    assert ended(simulator, token, running)["processingStatus"] == "DONE"
    assert get(simulator, token, waiting)["processingStatus"] == "CANCELLED"


def test_lists_of_feeds(simulator: Simulator) -> None:
    token = simulator.seller(SELLER)
    made = [create(simulator, token, feed_of(UPDATE)) for _ in range(3)]
    for feed_id in made:
        ended(simulator, token, feed_id)
    query = f"{FEEDS}?feedTypes={LISTINGS_FEED}&processingStatuses=DONE&pageSize=2"
    page = simulator.call("GET", query, token, status=200).json
    rest = simulator.call("GET", f"{FEEDS}?nextToken={page['nextToken']}", token, status=200).json
    assert [feed["feedId"] for feed in page["feeds"] + rest["feeds"]] == made[::-1]
    assert "nextToken" not in rest
    simulator.call("GET", f"/reports/2021-06-30/reports?nextToken={page['nextToken']}", token, status=400)
    simulator.call("GET", FEEDS, token, status=400)
    empty = simulator.call("GET", f"{FEEDS}?feedTypes=POST_PRODUCT_DATA", token, status=200).json
    assert empty == {"feeds": []}


@pytest.mark.parametrize(
    ("outcome", "status", "has_report"),
    [
        ({"status": "FATAL"}, "FATAL", False),
        ({"status": "CANCELLED"}, "CANCELLED", False),
        ({"report": False}, "DONE", False),
        ({}, "DONE", True),
    ],
)
def test_ends_by_choice(simulator: Simulator, outcome: Any, status: str, has_report: bool) -> None:
    simulator.control("POST", "/feed-outcomes", outcome | {"feedType": LISTINGS_FEED, "count": 2})
    token = simulator.seller(SELLER)
    feed = ended(simulator, token, create(simulator, token, feed_of(UPDATE)))
    assert (feed["processingStatus"], "resultFeedDocumentId" in feed) == (status, has_report)


def test_other_types_are_fatal(simulator: Simulator) -> None:
    token = simulator.seller(SELLER)
    feed = ended(simulator, token, create(simulator, token, b"<x/>", feed_type="POST_PRODUCT_DATA"))
    assert feed["processingStatus"] == "FATAL"


@pytest.mark.parametrize(
    "outcome",
    [
        {"status": "IN_QUEUE"},
        {"wholeFile": "1"},
        {"compression": "zip"},
        {"count": 0},
        {"messages": {}},
        {"messages": [{"issues": []}]},
        {"messages": [{"sku": "A", "every": 2}]},
        {"messages": [{"sku": "A", "issues": [{"severity": "BAD", "message": "x"}]}]},
        {"unknown": 1},
    ],
)
def test_outcomes_that_are_refused(simulator: Simulator, outcome: Any) -> None:
    answer = simulator.fetch(
        "PUT",
        f"{simulator.address}/simulator/feed-outcomes",
        {"content-type": "application/json"},
        json.dumps(outcome).encode(),
    )
    assert (answer.status, list(answer.json)) == (400, ["error"])


def test_the_notification(
    simulator: Simulator, queue: RecordingQueue, notification_schemas: dict[tuple[str, str], list[Any]]
) -> None:
    token = simulator.seller(SELLER)
    subscription_id = simulator.subscribe(token, simulator.destination(), "FEED_PROCESSING_FINISHED")
    feed = ended(simulator, token, create(simulator, token, feed_of(UPDATE)))
    (message,) = eventually(lambda: queue.messages)
    notification = message.body
    for schema in notification_schemas["FEED_PROCESSING_FINISHED", "2020-09-04"]:
        Draft7Validator(schema).validate(notification)
    assert notification["notificationVersion"] == "2020-09-04"
    assert notification["notificationMetadata"]["subscriptionId"] == subscription_id
    assert notification["payload"] == {
        "feedProcessingFinishedNotification": {
            "sellerId": SELLER,
            "accountId": f"amzn1.merchant.o.{SELLER}",
            "feedId": feed["feedId"],
            "feedType": LISTINGS_FEED,
            "processingStatus": "DONE",
            "resultFeedDocumentId": feed["resultFeedDocumentId"],
        }
    }


@pytest.mark.parametrize(("copies", "early"), [(0, False), (2, False), (1, True)], ids=["lost", "twice", "early"])
def test_notifications_by_choice(simulator: Simulator, queue: RecordingQueue, copies: int, early: bool) -> None:
    token = simulator.seller(SELLER)
    simulator.subscribe(token, simulator.destination(), "FEED_PROCESSING_FINISHED")
    manner = {"copies": copies, "beforeAnswer": early}
    simulator.control("PUT", "/feed-outcomes", [{"count": 1, "notification": manner}])
    feed_id = create(simulator, token, feed_of(UPDATE))
    if early:
        assert len(queue.messages) == 1
    ended(simulator, token, feed_id)
    ended(simulator, token, create(simulator, token, feed_of(UPDATE)))
    eventually(lambda: len(queue.messages) == copies + 1)


def test_five_listings_feeds_in_five_minutes(simulator: Simulator) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1})
    simulator.control("PUT", "/clock", {"scale": 0.001})
    token = simulator.seller(SELLER)
    made = new_document(simulator, token)
    put(simulator, made["url"], feed_of(UPDATE))
    body = specification(made["feedDocumentId"])
    for _ in range(5):
        simulator.call("POST", FEEDS, token, body, status=202)
    assert simulator.call("POST", FEEDS, token, body, status=429).error[0] == "QuotaExceeded"
    simulator.call("POST", FEEDS, token, body | {"feedType": "POST_PRODUCT_DATA"}, status=202)
    other = simulator.seller("A2")
    theirs = new_document(simulator, other)["feedDocumentId"]
    simulator.call("POST", FEEDS, other, specification(theirs), status=202)
    simulator.control("PUT", "/clock", {"advanceSeconds": 61})
    simulator.call("POST", FEEDS, token, body, status=202)
    simulator.call("POST", FEEDS, token, body, status=429)
