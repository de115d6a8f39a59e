"""Files of listings, through real HTTP: from the upload to the acknowledgement of every message."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from deployment import Deployment, aws
from quickstart.listings.feed_files import RESULTS, object_key
from simulator import control
from smtp_mailbox import read_messages
from tests.end_to_end.feed_helpers import (
    document_at_amazon,
    ended,
    feed_outcomes_queue,
    feeds_at_amazon,
    in_state,
    lines,
    message,
    put,
    request_feed,
    send_file,
    show,
    subscribe_feeds,
)
from tests.end_to_end.host import HostProduct, Seller, changed_function, eventually, invoke_function, table_of
from tests.end_to_end.listing_helpers import FRANCE, publish, scale_waits, unique
from tests.waiting import SECONDS

Json = dict[str, Any]


@pytest.fixture(scope="session")
def feed_events(deployment: Deployment) -> str:
    return feed_outcomes_queue(deployment)


@pytest.fixture
def feeding_seller(host: HostProduct, seller: Seller) -> Seller:
    """A seller whose token is stored, and whose finished feeds are subscribed to."""
    host.store_token(seller)
    subscribe_feeds(host, seller)
    return seller


@pytest.fixture(autouse=True)
def _usual_conditions(deployment: Deployment) -> Iterator[None]:
    """Waits of a minute take three seconds."""
    scale_waits(deployment, 0.05)
    yield
    control(deployment.servers.simulator_endpoint, "PUT", "feed-outcomes", [])
    control(deployment.servers.simulator_endpoint, "DELETE", "faults", {})
    scale_waits(deployment, 1)


def fault(seller: Seller, kind: str, operation: str, count: int = 1, **fields: object) -> None:
    seller.control(
        "POST",
        "faults",
        {"fault": kind, "operation": operation, "sellerId": seller.seller_id, "count": count, **fields},
    )


def outcome_of(seller: Seller, **fields: object) -> None:
    seller.control("POST", "feed-outcomes", {"sellerId": seller.seller_id, "count": 1, **fields})


def statuses(feed: Json) -> dict[str, str]:
    return {result["sku"]: result["status"] for result in feed["results"]}


def events_about(deployment: Deployment, queue: str, feed_request_id: str) -> list[Json]:
    """All events about this feed; they stay in the queue."""
    sqs = aws(deployment.servers, "sqs")
    found = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=1).get("Messages"):
        for one in messages:
            detail = json.loads(one["Body"])["detail"]
            if detail["FeedRequestId"] == feed_request_id:
                found.append(detail)
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        if found:
            break
    return found


def test_a_catalogue_is_published_and_every_message_acknowledged(
    deployment: Deployment, host: HostProduct, feeding_seller: Seller, feed_events: str
) -> None:
    seller = feeding_seller
    rule = {
        "sellerId": seller.seller_id,
        "messages": [
            {
                "sku": "F-2",
                "issues": [
                    {
                        "code": "90220",
                        "severity": "ERROR",
                        "message": "'brand' is required.",
                        "attributeName": "brand",
                    }
                ],
            },
            {"sku": "F-3", "itemIssues": [{"code": "18448", "severity": "WARNING", "message": "Add the weight."}]},
            {"sku": "F-5", "itemIssues": [{"code": "8541", "severity": "ERROR", "message": "Another brand."}]},
        ],
    }
    seller.control("POST", "feed-outcomes", rule)
    feed_request_id = send_file(host, seller, lines(message(f"F-{number}") for number in range(1, 6)))
    feed = ended(host, seller, feed_request_id)
    assert feed["status"] == "DONE", feed
    (at_amazon,) = feeds_at_amazon(seller)
    assert (at_amazon["feedId"], at_amazon["uploads"]) == (feed["feedId"], 1)
    document = document_at_amazon(seller, feed["feedId"])
    assert [one["messageId"] for one in document["messages"]] == [1, 2, 3, 4, 5]
    assert document["header"]["report"]["includedData"] == ["summaries", "issues"]
    statuses = {result["sku"]: result["status"] for result in feed["results"]}
    assert statuses == {
        "F-1": "PUBLISHED",
        "F-2": "INVALID",
        "F-3": "PUBLISHED_WITH_ISSUES",
        "F-4": "PUBLISHED",
        "F-5": "REFUSED",
    }
    assert feed["results"][1]["issues"][0]["attributeNames"] == ["brand"]
    counts = feed["counts"]
    assert (counts["messages"], counts["sent"], counts["published"], counts["invalid"]) == (5, 5, 2, 1)
    (event,) = eventually(lambda: events_about(deployment, feed_events, feed_request_id) or None, "the event")
    assert (event["Status"], event["Counts"]["PublishedWithIssues"]) == ("DONE", 1)
    # Each message has a record, beside those of single submissions.
    found = host.get("ListingsUrl", f"/submissions/{feed['results'][1]['submissionId']}", SellerId=seller.seller_id)
    assert (found.json()["status"], found.json()["feedRequestId"]) == ("INVALID", feed_request_id)
    mail = eventually(
        lambda: next((m for m in read_messages(deployment.servers.mail_directory) if feed_request_id in m.body), None),
        "the e-mail",
    )
    assert seller.seller_id in mail.subject
    assert f"STACK={deployment.stack_name}" in mail.body
    assert "docs/listing-feeds.md" in mail.body
    stored = requests.get(feed["links"]["results"]["url"], timeout=SECONDS)
    assert [json.loads(line)["sku"] for line in stored.text.splitlines()] == [f"F-{n}" for n in range(1, 6)]
    problems = ended(host, seller, feed_request_id, Results="PROBLEMS")["results"]
    assert [result["sku"] for result in problems] == ["F-2", "F-3", "F-5"]
    assert FRANCE in feed["marketplaceIds"]


def test_results_that_somebody_deleted(deployment: Deployment, host: HostProduct, feeding_seller: Seller) -> None:
    """The feed's record keeps what it knows: the page of results is empty, and the request does not fail."""
    feed_request_id = send_file(host, feeding_seller, lines([message("D-1")]))
    feed = ended(host, feeding_seller, feed_request_id)
    assert statuses(feed) == {"D-1": "PUBLISHED"}
    aws(deployment.servers, "s3").delete_object(
        Bucket=deployment.outputs["ListingFeedsBucketName"],
        Key=object_key(feeding_seller.seller_id, feed_request_id, RESULTS),
    )
    later = show(host, feeding_seller, feed_request_id)
    assert (later["results"], later["status"], later["counts"]) == ([], "DONE", feed["counts"])


class TestFailures:
    """Whatever fails, nothing is sent twice, and every message has one outcome."""

    @pytest.mark.parametrize(
        ("status", "state", "result"),
        [("FATAL", "FATAL", "UNKNOWN"), ("CANCELLED", "CANCELLED", "NOT_SENT")],
    )
    def test_amazon_ends_the_feed_without_a_report(
        self, host: HostProduct, feeding_seller: Seller, status: str, state: str, result: str
    ) -> None:
        outcome_of(feeding_seller, status=status)
        feed_request_id = send_file(host, feeding_seller, lines([message("E-1"), message("E-2")]))
        feed = ended(host, feeding_seller, feed_request_id)
        assert (feed["status"], statuses(feed)) == (state, {"E-1": result, "E-2": result})
        assert len(feeds_at_amazon(feeding_seller)) == 1

    def test_a_report_that_is_missing(self, host: HostProduct, feeding_seller: Seller) -> None:
        outcome_of(feeding_seller, report=False)
        feed_request_id = send_file(host, feeding_seller, lines([message("R-1")]))
        feed = ended(host, feeding_seller, feed_request_id)
        assert (feed["status"], statuses(feed)) == ("DONE", {"R-1": "UNKNOWN"})
        assert "no processing report" in feed["message"]

    @pytest.mark.parametrize("code", ["4002001", "4002006", "4002008"])
    def test_amazon_refuses_the_whole_file(self, host: HostProduct, feeding_seller: Seller, code: str) -> None:
        outcome_of(feeding_seller, wholeFile=code)
        feed_request_id = send_file(host, feeding_seller, lines([message("W-1"), message("W-2")]))
        feed = ended(host, feeding_seller, feed_request_id)
        assert statuses(feed) == {"W-1": "INVALID", "W-2": "INVALID"}
        assert feed["results"][0]["issues"][0]["code"] == code

    def test_the_answer_of_create_feed_is_lost(self, host: HostProduct, feeding_seller: Seller) -> None:
        fault(feeding_seller, "lose", "createFeed")
        feed_request_id = send_file(host, feeding_seller, lines([message("L-1")]))
        feed = ended(host, feeding_seller, feed_request_id)
        assert (feed["status"], statuses(feed)) == ("DONE", {"L-1": "PUBLISHED"})
        (at_amazon,) = feeds_at_amazon(feeding_seller)
        assert feed["feedId"] == at_amazon["feedId"]

    def test_create_feed_does_not_reach_amazon(self, host: HostProduct, feeding_seller: Seller) -> None:
        fault(feeding_seller, "reset", "createFeed")
        feed_request_id = send_file(host, feeding_seller, lines([message("L-2")]))
        feed = ended(host, feeding_seller, feed_request_id)
        assert (feed["status"], len(feeds_at_amazon(feeding_seller))) == ("DONE", 1)

    def test_calls_that_are_throttled_fail_or_are_lost(self, host: HostProduct, feeding_seller: Seller) -> None:
        for operation in ("createFeedDocument", "createFeed", "getFeed", "getFeedDocument"):
            fault(feeding_seller, "status", operation, status=429)
        for operation in ("createFeedDocument", "getFeed", "getFeedDocument"):
            fault(feeding_seller, "status", operation, status=503)
            fault(feeding_seller, "lose", operation)
        feed_request_id = send_file(host, feeding_seller, lines([message("T-1")]))
        feed = ended(host, feeding_seller, feed_request_id)
        assert (feed["status"], statuses(feed)) == ("DONE", {"T-1": "PUBLISHED"})
        assert len(feeds_at_amazon(feeding_seller)) == 1

    def test_the_upload_to_amazon_is_cut_off_and_the_report_too(
        self, host: HostProduct, feeding_seller: Seller
    ) -> None:
        for kind, operation, more in (
            ("lose", "uploadFeedDocument", {}),
            ("expire", "uploadFeedDocument", {}),
            ("status", "uploadFeedDocument", {"status": 503}),
            ("truncate", "downloadDocument", {"afterBytes": 40}),
            ("expire", "downloadDocument", {}),
        ):
            # Presigned URLs name no seller.
            feeding_seller.control("POST", "faults", {"fault": kind, "operation": operation, "count": 1, **more})
        feed_request_id = send_file(host, feeding_seller, lines([message("U-1")]))
        feed = ended(host, feeding_seller, feed_request_id)
        assert (feed["status"], statuses(feed)) == ("DONE", {"U-1": "PUBLISHED"})
        assert len(feeds_at_amazon(feeding_seller)) == 1

    @pytest.mark.parametrize(
        "notification", [{"copies": 0}, {"copies": 3}, {"beforeAnswer": True}, {"delaySeconds": 3}], ids=str
    )
    def test_a_notice_is_lost_repeated_early_or_late(
        self, host: HostProduct, feeding_seller: Seller, notification: Json
    ) -> None:
        outcome_of(feeding_seller, notification=notification)
        feed_request_id = send_file(host, feeding_seller, lines([message("N-1")]))
        feed = ended(host, feeding_seller, feed_request_id)
        assert (feed["status"], statuses(feed)) == ("DONE", {"N-1": "PUBLISHED"})

    def test_without_a_permission_nothing_is_sent(self, host: HostProduct, feeding_seller: Seller) -> None:
        fault(feeding_seller, "status", "createFeedDocument", count=10, status=403)
        feed_request_id = send_file(host, feeding_seller, lines([message("P-1")]))
        feed = ended(host, feeding_seller, feed_request_id)
        assert (feed["status"], statuses(feed)) == ("FAILED", {"P-1": "NOT_SENT"})
        assert "The feed was not sent" in feed["message"]
        assert feeds_at_amazon(feeding_seller) == []

    def test_an_execution_that_somebody_stopped_is_concluded(
        self, deployment: Deployment, host: HostProduct, feeding_seller: Seller, feed_events: str
    ) -> None:
        outcome_of(feeding_seller, processingSeconds=3600)
        feed_request_id = send_file(host, feeding_seller, lines([message("S-1")]))
        in_state(host, feeding_seller, feed_request_id, "PROCESSING")
        stop(deployment, feed_request_id)
        feed = ended(host, feeding_seller, feed_request_id)
        assert (feed["status"], statuses(feed)) == ("FAILED", {"S-1": "UNKNOWN"})
        assert "somebody stopped the execution" in feed["message"]
        (event,) = eventually(lambda: events_about(deployment, feed_events, feed_request_id) or None, "the event")
        assert event["Status"] == "FAILED"

    def test_a_worker_that_dies_again_and_again(
        self, deployment: Deployment, host: HostProduct, feeding_seller: Seller
    ) -> None:
        """Lambda ends the function in the middle of its work."""
        with changed_function(deployment, "SPAPIListingFeedWorker", Timeout=1):
            requested = [send_file(host, feeding_seller, lines([message(f"K-{number}")])) for number in range(2)]
            in_state(host, feeding_seller, requested[0], "CHECKING", "QUEUED", "SENDING", "PROCESSING", "DONE")
        for number, feed_request_id in enumerate(requested):
            feed = ended(host, feeding_seller, feed_request_id)
            assert statuses(feed) == {f"K-{number}": "PUBLISHED"}
        assert len(feeds_at_amazon(feeding_seller)) == 2


def stop(deployment: Deployment, feed_request_id: str) -> None:
    arn = deployment.outputs["ListingFeedStateMachineArn"].replace(":stateMachine:", ":execution:")
    aws(deployment.servers, "stepfunctions").stop_execution(executionArn=f"{arn}:{feed_request_id}")


class TestOrder:
    """Files of one account, and single listings of a file's SKUs."""

    def test_two_files_at_once_are_sent_one_after_the_other(self, host: HostProduct, feeding_seller: Seller) -> None:
        outcome_of(feeding_seller, processingSeconds=3)
        first = send_file(host, feeding_seller, lines([message("O-1")]))
        in_state(host, feeding_seller, first, "QUEUED", "SENDING", "PROCESSING")
        second = send_file(host, feeding_seller, lines([message("O-1"), message("O-2")]))
        in_state(host, feeding_seller, second, "QUEUED")
        while not show(host, feeding_seller, first)["final"]:
            assert len(feeds_at_amazon(feeding_seller)) <= 1
        later, earlier = ended(host, feeding_seller, second), ended(host, feeding_seller, first)
        assert earlier["outcomeTime"] < later["sentTime"]
        assert [feed["feedId"] for feed in feeds_at_amazon(feeding_seller)] == [earlier["feedId"], later["feedId"]]

    def test_a_single_listing_waits_for_a_file_with_its_sku(self, host: HostProduct, feeding_seller: Seller) -> None:
        # Longer than a request waits for an answer.
        outcome_of(feeding_seller, processingSeconds=20)
        feed_request_id = send_file(host, feeding_seller, lines([message("G-1"), message("G-2")]))
        in_state(host, feeding_seller, feed_request_id, "PROCESSING")
        waiting = publish(host, feeding_seller, "G-1", Attributes=unique())
        assert waiting["status"] == "WAITING", waiting
        assert feed_request_id in waiting["message"]
        other = publish(host, feeding_seller, "G-3", Attributes=unique())
        assert other["status"] == "ACCEPTED", other
        assert not show(host, feeding_seller, feed_request_id)["final"]
        feed = ended(host, feeding_seller, feed_request_id)
        assert sent_listing(host, feeding_seller, waiting)["sentTime"] > feed["outcomeTime"]
        query = {"SellerId": feeding_seller.seller_id, "RegionCode": "EU", "MarketplaceId": FRANCE}
        found = host.get("ListingsUrl", "/G-1", **query).json()["submissions"]
        assert [one["submissionId"] for one in found] == [
            waiting["submissionId"],
            feed["results"][0]["submissionId"],
        ]

    def test_a_single_listing_also_waits_for_a_file_that_waits(self, host: HostProduct, feeding_seller: Seller) -> None:
        outcome_of(feeding_seller, processingSeconds=20)
        first = send_file(host, feeding_seller, lines([message("H-1")]))
        in_state(host, feeding_seller, first, "PROCESSING")
        second = send_file(host, feeding_seller, lines([message("H-2")]))
        waits_for(host, feeding_seller, second, "Earlier feeds")
        waiting = publish(host, feeding_seller, "H-2", Attributes=unique())
        assert waiting["status"] == "WAITING", waiting
        feed = ended(host, feeding_seller, second)
        assert sent_listing(host, feeding_seller, waiting)["sentTime"] > feed["outcomeTime"]

    def test_a_file_waits_for_a_single_listing_that_is_being_sent(
        self, host: HostProduct, feeding_seller: Seller
    ) -> None:
        fault(feeding_seller, "status", "putListingsItem", count=1000, status=503)
        single = publish(host, feeding_seller, "J-1", Attributes=unique())
        assert single["status"] in ("RECEIVED", "SENDING"), single
        feed_request_id = send_file(host, feeding_seller, lines([message("J-1")]))
        waits_for(host, feeding_seller, feed_request_id, "1 SKUs have a submission")
        # What comes behind the file waits for it.
        last = publish(host, feeding_seller, "J-1", Attributes=unique())
        assert last["status"] == "WAITING", last
        feeding_seller.control("DELETE", "faults", {})
        feed = ended(host, feeding_seller, feed_request_id)
        assert sent_listing(host, feeding_seller, single)["answeredTime"] < feed["sentTime"]
        assert statuses(feed) == {"J-1": "PUBLISHED"}
        assert sent_listing(host, feeding_seller, last)["sentTime"] > feed["outcomeTime"]

    def test_a_file_that_fails_lets_the_next_ones_go_on(
        self, deployment: Deployment, host: HostProduct, feeding_seller: Seller
    ) -> None:
        outcome_of(feeding_seller, processingSeconds=3600)
        first = send_file(host, feeding_seller, lines([message("M-1")]))
        in_state(host, feeding_seller, first, "PROCESSING")
        second = send_file(host, feeding_seller, lines([message("M-2")]))
        waits_for(host, feeding_seller, second, "Earlier feeds")
        waiting = publish(host, feeding_seller, "M-1", Attributes=unique())
        stop(deployment, first)
        assert ended(host, feeding_seller, first)["status"] == "FAILED"
        assert "sentTime" in sent_listing(host, feeding_seller, waiting)
        # Amazon still runs the first one; the second one is behind it there.
        in_state(host, feeding_seller, second, "PROCESSING")


def sent_listing(host: HostProduct, seller: Seller, submission: Json) -> Json:
    """A single submission once it was sent."""

    def look() -> Json | None:
        path = f"/submissions/{submission['submissionId']}"
        found: Json = host.get("ListingsUrl", path, SellerId=seller.seller_id).json()
        return found if "sentTime" in found else None

    return eventually(look, f"the submission {submission['submissionId']}")


def waits_for(host: HostProduct, seller: Seller, feed_request_id: str, words: str) -> None:
    eventually(lambda: words in show(host, seller, feed_request_id)["message"] or None, words)


class TestFiles:
    """Files that programs write: a clear answer, and nothing is sent."""

    GOOD = lines([message("A-1"), message("A-2")])

    @pytest.mark.parametrize(
        "content",
        [
            b"\xef\xbb\xbf" + GOOD,
            GOOD.replace(b"\n", b"\r\n"),
            gzip.compress(GOOD),
            json.dumps(
                {
                    "header": {"sellerId": "SELLER", "version": "2.0"},
                    "messages": [message("A-1", messageId=1), message("A-2", messageId=7)],
                }
            ).encode(),
        ],
        ids=["byte order mark", "CRLF", "gzip", "document"],
    )
    def test_a_file_that_is_as_good(self, host: HostProduct, feeding_seller: Seller, content: bytes) -> None:
        content = content.replace(b"SELLER", feeding_seller.seller_id.encode())
        feed = ended(host, feeding_seller, send_file(host, feeding_seller, content, MessageCount=2))
        assert statuses(feed) == {"A-1": "PUBLISHED", "A-2": "PUBLISHED"}

    @pytest.mark.parametrize(
        ("content", "rule", "line"),
        [
            ("Valise légère".encode("cp1252"), "format", 1),
            (lines([message("A-1")]) + '{"sku":"légère"}'.encode("cp1252"), "encoding", 2),
            (GOOD.decode().encode("utf-16"), "encoding", 1),
            (GOOD[:-20], "cutOff", 2),
            (GOOD.replace(b"}\n", b"},\n", 1), "trailingComma", 1),
            (gzip.compress(GOOD)[:-30], "cutOff", None),
            (b"", "noMessages", 1),
            (b"sku;price\nA-1;49,90\n", "format", 1),
            (b"PK\x03\x04spreadsheet", "format", 1),
            (GOOD + GOOD, "repeatedSku", 3),
            (json.dumps({"header": {"sellerId": "A9", "version": "2.0"}, "messages": []}).encode(), "otherSeller", 1),
        ],
        ids=[
            "text",
            "Windows-1252",
            "UTF-16",
            "cut off",
            "comma",
            "gzip cut off",
            "empty",
            "CSV",
            "xlsx",
            "twice",
            "other",
        ],
    )
    def test_a_file_that_is_refused(
        self, host: HostProduct, feeding_seller: Seller, content: bytes, rule: str, line: int | None
    ) -> None:
        feed = ended(host, feeding_seller, send_file(host, feeding_seller, content))
        assert feed["status"] == "REFUSED", feed
        assert rule in [issue["code"] for result in feed["results"] for issue in result["issues"]], feed["results"]
        assert line is None or feed["results"][0]["line"] == line
        assert all(result["byte"] >= 1 for result in feed["results"])
        assert feeds_at_amazon(feeding_seller) == []

    def test_a_file_of_200_megabytes(self, host: HostProduct, feeding_seller: Seller) -> None:
        one = message("B-{:06d}", attributes={"description": [{"value": "x" * 10_000}]})
        template = json.dumps(one)
        content = b"".join((template.replace("{:06d}", f"{number:06d}") + "\n").encode() for number in range(20_000))
        assert len(content) > 200_000_000
        feed = ended(host, feeding_seller, send_file(host, feeding_seller, content), seconds=2 * SECONDS)
        assert (feed["status"], feed["results"][0]["issues"][0]["code"]) == ("REFUSED", "fileTooLarge")
        assert feed["results"][0]["line"] > 9_000
        assert feeds_at_amazon(feeding_seller) == []

    def test_the_good_messages_of_a_file_are_sent(self, host: HostProduct, feeding_seller: Seller) -> None:
        bad = message("C-2")
        del bad["productType"]
        content = lines([message("C-1"), bad, message("C-3", operationType="COPY"), message("C-1"), message("C-4")])
        refused = ended(host, feeding_seller, send_file(host, feeding_seller, content))
        assert (refused["status"], refused["counts"]["bad"]) == ("REFUSED", 3)
        assert [result["line"] for result in refused["results"]] == [2, 3, 4]
        feed = ended(host, feeding_seller, send_file(host, feeding_seller, content, OnBadMessages="SKIP"))
        assert [result["status"] for result in feed["results"]] == [
            "PUBLISHED",
            "NOT_SENT",
            "NOT_SENT",
            "NOT_SENT",
            "PUBLISHED",
        ]
        assert (feed["counts"]["sent"], feed["counts"]["notSent"]) == (2, 3)
        (at_amazon,) = feeds_at_amazon(feeding_seller)
        sent = document_at_amazon(feeding_seller, at_amazon["feedId"])["messages"]
        assert [(one["messageId"], one["sku"]) for one in sent] == [(1, "C-1"), (5, "C-4")]

    def test_a_check_sends_nothing(self, host: HostProduct, feeding_seller: Seller) -> None:
        feed = ended(host, feeding_seller, send_file(host, feeding_seller, self.GOOD, Mode="CHECK"))
        assert (feed["status"], feed["results"], feed["counts"]["messages"]) == ("CHECKED", [], 2)
        assert feeds_at_amazon(feeding_seller) == []

    def test_another_number_of_messages_is_refused(self, host: HostProduct, feeding_seller: Seller) -> None:
        feed = ended(host, feeding_seller, send_file(host, feeding_seller, self.GOOD, MessageCount=3))
        assert (feed["status"], "MessageCount is 3" in feed["message"]) == ("REFUSED", True)


class TestUploads:
    def test_a_file_is_uploaded_once(self, host: HostProduct, feeding_seller: Seller) -> None:
        requested = request_feed(host, feeding_seller)
        assert put(requested["upload"], TestFiles.GOOD, **{"Content-Type": "text/plain"}).status_code == 403
        assert put(requested["upload"], TestFiles.GOOD).status_code == 200
        assert put(requested["upload"], b"something else").status_code == 412
        assert statuses(ended(host, feeding_seller, requested["feedRequestId"])) == {
            "A-1": "PUBLISHED",
            "A-2": "PUBLISHED",
        }
        assert len(feeds_at_amazon(feeding_seller)) == 1

    def test_a_client_token_gives_the_same_feed(self, host: HostProduct, feeding_seller: Seller) -> None:
        first = request_feed(host, feeding_seller, ClientToken="catalogue-1")
        again = request_feed(host, feeding_seller, ClientToken="catalogue-1")
        assert first["feedRequestId"] == again["feedRequestId"]
        other = request_feed(host, feeding_seller, 409, ClientToken="catalogue-1", Mode="CHECK")
        assert other["errors"][0]["code"] == "ClientTokenReused"
        assert put(again["upload"], TestFiles.GOOD).status_code == 200
        ended(host, feeding_seller, first["feedRequestId"])
        assert "upload" not in request_feed(host, feeding_seller, ClientToken="catalogue-1")

    def test_a_lost_event_of_an_upload_is_found_by_the_sweep(
        self, deployment: Deployment, host: HostProduct, feeding_seller: Seller
    ) -> None:
        with without_rule(deployment, deployment.outputs["ListingFeedsBucketName"]):
            feed_request_id = send_file(host, feeding_seller, TestFiles.GOOD)
        is_due(deployment, feeding_seller, feed_request_id)
        sweep(deployment)
        assert ended(host, feeding_seller, feed_request_id)["status"] == "DONE"

    def test_an_upload_that_never_comes(
        self, deployment: Deployment, host: HostProduct, feeding_seller: Seller, feed_events: str
    ) -> None:
        feed_request_id = request_feed(host, feeding_seller)["feedRequestId"]
        is_due(deployment, feeding_seller, feed_request_id)
        sweep(deployment)
        assert show(host, feeding_seller, feed_request_id)["status"] == "AWAITING_UPLOAD"
        is_due(deployment, feeding_seller, feed_request_id, UploadExpires="2026-01-01T00:00:00+00:00")
        sweep(deployment)
        assert ended(host, feeding_seller, feed_request_id)["status"] == "EXPIRED"
        (event,) = eventually(lambda: events_about(deployment, feed_events, feed_request_id) or None, "the event")
        assert event["Status"] == "EXPIRED"

    def test_a_lost_event_of_a_stopped_execution_is_found_by_the_sweep(
        self, deployment: Deployment, host: HostProduct, feeding_seller: Seller
    ) -> None:
        outcome_of(feeding_seller, processingSeconds=3600)
        feed_request_id = send_file(host, feeding_seller, lines([message("X-1")]))
        in_state(host, feeding_seller, feed_request_id, "PROCESSING")
        with without_rule(deployment, deployment.outputs["ListingFeedStateMachineArn"]):
            stop(deployment, feed_request_id)
        is_due(deployment, feeding_seller, feed_request_id)
        sweep(deployment)
        assert ended(host, feeding_seller, feed_request_id)["status"] == "FAILED"

    def test_invalid_requests(self, host: HostProduct, feeding_seller: Seller) -> None:
        answer = request_feed(
            host, feeding_seller, 400, Mode="SEND", OnBadMessages="?", MessageCount=25_001, MarketplaceIds=[], Sku="A"
        )
        assert {error["field"] for error in answer["errors"]} == {
            "Mode",
            "OnBadMessages",
            "MessageCount",
            "MarketplaceIds",
            "Sku",
        }
        unknown = host.get("ListingFeedsUrl", f"/{'0' * 32}", SellerId=feeding_seller.seller_id)
        assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (404, "FeedRequestUnknown")

    def test_a_seller_without_a_token(self, host: HostProduct, seller: Seller) -> None:
        assert request_feed(host, seller, 404)["errors"][0]["code"] == "SellerUnknown"

    def test_pages(self, host: HostProduct, feeding_seller: Seller) -> None:
        feed_request_id = send_file(host, feeding_seller, lines(message(f"D-{number}") for number in range(5)))
        ended(host, feeding_seller, feed_request_id)
        first = show(host, feeding_seller, feed_request_id, Limit=3)
        second = show(host, feeding_seller, feed_request_id, Limit=3, NextToken=first["nextToken"])
        assert [result["sku"] for result in first["results"] + second["results"]] == [f"D-{n}" for n in range(5)]
        assert "nextToken" not in second
        request_feed(host, feeding_seller)
        listed = host.get("ListingFeedsUrl", SellerId=feeding_seller.seller_id, Limit=1).json()
        assert (len(listed["feeds"]), listed["feeds"][0]["status"]) == (1, "AWAITING_UPLOAD")
        more = host.get("ListingFeedsUrl", SellerId=feeding_seller.seller_id, NextToken=listed["nextToken"]).json()
        assert [feed["feedRequestId"] for feed in more["feeds"]] == [feed_request_id]

    def test_a_removed_seller_leaves_nothing(
        self, deployment: Deployment, host: HostProduct, feeding_seller: Seller
    ) -> None:
        ended(host, feeding_seller, send_file(host, feeding_seller, TestFiles.GOOD))
        answer = host.delete("TokenStorageUrl", f"/{feeding_seller.seller_id}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["listingFeedsDeleted"] >= 1
        assert answer.json()["objectsDeleted"] >= 5
        s3 = aws(deployment.servers, "s3")
        kept = s3.list_object_versions(
            Bucket=deployment.outputs["ListingFeedsBucketName"], Prefix=f"{feeding_seller.seller_id}/"
        )
        assert not kept.get("Versions")


def is_due(deployment: Deployment, seller: Seller, feed_request_id: str, **times: str) -> None:
    """Moves times of the feed into the past; DueTime always."""
    values = {"DueTime": "2026-01-01T00:00:00+00:00", **times}
    table_of(deployment, "ListingFeedsTableName").update_item(
        Key={"FeedRequestId": feed_request_id, "SellerId": seller.seller_id},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
    )


def sweep(deployment: Deployment) -> None:
    invoke_function(deployment, "SPAPIListingFeedEvents", {"detail-type": "Scheduled Event"})


@contextmanager
def without_rule(deployment: Deployment, text: str) -> Iterator[None]:
    """The events of the default bus that the rule with this text in its pattern takes reach nobody meanwhile."""
    events = aws(deployment.servers, "events")
    rules = [rule for page in events.get_paginator("list_rules").paginate() for rule in page["Rules"]]
    (rule,) = [rule["Name"] for rule in rules if text in rule.get("EventPattern", "")]
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)
