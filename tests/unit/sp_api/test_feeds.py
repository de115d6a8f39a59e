"""Feeds: each operation as Amazon's models want it, uploads to the byte, and whole feeds at the simulator."""

import contextlib
import gzip
import io
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO

import pytest

from sp_api import documents, feeds
from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.documents import DocumentUrlExpiredError
from sp_api.errors import (
    AccessDeniedError,
    InvalidInputError,
    NotFoundError,
    PermanentError,
    SellingPartnerApiError,
    ThrottledError,
    TransientError,
)
from sp_api.feeds import CreateFeedSpecification, Feed, FeedDocument, FeedFilter, FeedPage, FeedStatus, FeedUpload
from sp_api.transport import make_http
from tests.unit.sp_api import test_simulator
from tests.unit.sp_api.models import check
from tests.unit.sp_api.support import Answer, ScriptedServer, answer_json, errors_json, seller_of
from tests.unit.sp_api.test_operations import Case, run
from tests.unit.sp_api.test_simulator import SELLER_ID, US, Simulator
from tests.waiting import SECONDS

address, simulator = test_simulator.address, test_simulator.simulator
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FEEDS = "/feeds/2021-06-30/feeds"
DOCUMENTS = "/feeds/2021-06-30/documents"
LISTINGS_FEED = feeds.LISTINGS_FEED
FEED = {
    "feedId": "53347018456",
    "feedType": LISTINGS_FEED,
    "marketplaceIds": ["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"],
    "createdTime": "2026-11-21T11:59:18+00:00",
    "processingStatus": "DONE",
    "processingStartTime": "2026-11-21T11:59:27+00:00",
    "processingEndTime": "2026-11-21T12:00:00+00:00",
    "resultFeedDocumentId": "amzn1.tortuga.4.na.1",
}
READ_FEED = Feed(
    "53347018456",
    LISTINGS_FEED,
    FeedStatus.DONE,
    datetime(2026, 11, 21, 11, 59, 18, tzinfo=UTC),
    ("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"),
    datetime(2026, 11, 21, 11, 59, 27, tzinfo=UTC),
    NOON,
    "amzn1.tortuga.4.na.1",
)
URL = "https://tortuga.example/1?X-Amz-Signature=s"
CASES = [
    Case(
        "createFeedDocument",
        feeds.create_feed_document,
        "POST",
        DOCUMENTS,
        answer_json({"feedDocumentId": "d-1", "url": URL}, 201),
        FeedUpload("d-1", "application/json; charset=UTF-8", URL),
        body={"contentType": "application/json; charset=UTF-8"},
    ),
    Case(
        "createFeed",
        lambda caller: feeds.create_feed(
            caller, CreateFeedSpecification(LISTINGS_FEED, ("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"), "d-1", {"a": "b"})
        ),
        "POST",
        FEEDS,
        answer_json({"feedId": 53347018456}, 202),
        "53347018456",
        body={
            "feedType": LISTINGS_FEED,
            "marketplaceIds": ["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"],
            "inputFeedDocumentId": "d-1",
            "feedOptions": {"a": "b"},
        },
    ),
    Case(
        "createFeed",
        lambda caller: feeds.create_feed(caller, CreateFeedSpecification(LISTINGS_FEED, ["ATVPDKIKX0DER"], "d-1")),
        "POST",
        FEEDS,
        answer_json({"feedId": "1"}, 202),
        "1",
        body={"feedType": LISTINGS_FEED, "marketplaceIds": ["ATVPDKIKX0DER"], "inputFeedDocumentId": "d-1"},
    ),
    Case(
        "getFeed",
        lambda caller: feeds.get_feed(caller, "53347018456"),
        "GET",
        f"{FEEDS}/53347018456",
        answer_json(FEED),
        READ_FEED,
    ),
    Case(
        "getFeeds",
        lambda caller: feeds.get_feeds(
            caller,
            FeedFilter([LISTINGS_FEED, "POST_X"], [FeedStatus.DONE, FeedStatus.IN_QUEUE], [US], 100, NOON, NOON),
        ),
        "GET",
        FEEDS,
        answer_json({"feeds": [FEED], "nextToken": "more/of+it=="}),
        FeedPage((READ_FEED,), "more/of+it=="),
        query={
            "feedTypes": "JSON_LISTINGS_FEED,POST_X",
            "processingStatuses": "DONE,IN_QUEUE",
            "marketplaceIds": US,
            "pageSize": "100",
            "createdSince": "2026-11-21T12:00:00.000Z",
            "createdUntil": "2026-11-21T12:00:00.000Z",
        },
    ),
    Case(
        "getFeeds",
        lambda caller: feeds.get_next_feeds(caller, "more/of+it=="),
        "GET",
        FEEDS,
        answer_json({"feeds": [], "nextToken": ""}),
        FeedPage((), None),
        query={"nextToken": "more/of+it=="},
    ),
    Case("cancelFeed", lambda caller: feeds.cancel_feed(caller, "1"), "DELETE", f"{FEEDS}/1", Answer(200), None),
    Case(
        "getFeedDocument",
        lambda caller: feeds.get_feed_document(caller, "amzn1.tortuga.4.na.1"),
        "GET",
        f"{DOCUMENTS}/amzn1.tortuga.4.na.1",
        answer_json({"feedDocumentId": "amzn1.tortuga.4.na.1", "url": URL, "compressionAlgorithm": "GZIP"}),
        FeedDocument("amzn1.tortuga.4.na.1", URL, "GZIP"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.operation}-{n}" for n, case in enumerate(CASES)])
def test_operation(server: ScriptedServer, case: Case) -> None:
    assert set(check(run(server, case))) == {case.operation}


def test_links_are_not_shown() -> None:
    assert "Signature" not in repr(FeedUpload("d", "t", URL)) + repr(FeedDocument("d", URL))


def test_a_feed_is_never_created_twice(server: ScriptedServer) -> None:
    server.answer("POST", f"/na{FEEDS}", errors_json(503, "ServiceUnavailable", "Later."))
    with pytest.raises(TransientError) as caught:
        feeds.create_feed(seller_of(server), CreateFeedSpecification(LISTINGS_FEED, [US], "d-1"))
    assert caught.value.outcome_unknown
    assert len(server.calls) == 1


class TestUploads:
    CONTENT = b"0123456789" * 50_000

    def put(
        self,
        server: ScriptedServer,
        *answers: Answer,
        length: int = len(CONTENT),
        open_content: Callable[[], BinaryIO] | None = None,
        seconds: float = 5,
    ) -> None:
        server.answer("PUT", "/upload", *answers)
        destination = FeedUpload("d-1", "text/x; charset=uTf-8", f"{server.url}/upload?X-Amz-Signature=hidden")
        content = open_content or (lambda: io.BytesIO(self.CONTENT))
        feeds.upload(make_http(), destination, content, length, Deadline.after(seconds))

    def test_bytes_type_and_length_are_exact(self, server: ScriptedServer) -> None:
        self.put(server, Answer(200))
        (request,) = server.requests
        assert (request.method, request.body) == ("PUT", self.CONTENT)
        assert request.headers["content-type"] == "text/x; charset=uTf-8"
        assert request.headers["content-length"] == str(len(self.CONTENT))
        assert "transfer-encoding" not in request.headers
        assert not [name for name in request.headers if name.lower().startswith("x-amz")]

    def test_an_empty_document(self, server: ScriptedServer) -> None:
        self.put(server, Answer(200), length=0, open_content=io.BytesIO)
        assert server.requests[0].headers["content-length"] == "0"

    @pytest.mark.parametrize("length", [len(CONTENT) - 1, len(CONTENT) + 1, 0])
    def test_another_length_is_an_error(self, server: ScriptedServer, length: int) -> None:
        with pytest.raises(ValueError, match=r"^the content of an upload has another length than announced$"):
            self.put(server, Answer(200), length=length)

    @pytest.mark.parametrize(("status", "accepted"), [(200, True), (204, True), (299, True), (300, False)])
    def test_every_success_is_one(self, server: ScriptedServer, status: int, *, accepted: bool) -> None:
        with contextlib.nullcontext() if accepted else pytest.raises(PermanentError, match=f"HTTP {status}"):
            self.put(server, Answer(status))

    def test_content_is_closed_and_not_read_ahead(self, server: ScriptedServer) -> None:
        opened: list[io.BytesIO] = []

        def open_content() -> BinaryIO:
            opened.append(io.BytesIO(self.CONTENT))
            return opened[-1]

        self.put(server, Answer(200), open_content=open_content)
        assert [content.closed for content in opened] == [True]

    def test_a_deadline_ends_an_upload(self, server: ScriptedServer) -> None:
        class Slow(io.BytesIO):
            def read(self, amount: int | None = -1, /) -> bytes:
                time.sleep(0.1)
                return super().read(amount)

        with pytest.raises(DeadlineExceeded):
            self.put(server, Answer(200), open_content=lambda: Slow(self.CONTENT), seconds=0.2)

    @pytest.mark.parametrize(
        ("status", "code", "message", "error"),
        [
            (403, "SignatureDoesNotMatch", "The signature does not match.", AccessDeniedError),
            (403, "AccessDenied", "Request has expired", DocumentUrlExpiredError),
            (404, "NoSuchKey", "None.", NotFoundError),
            (400, "IncompleteBody", "Too short.", PermanentError),
            (400, "RequestTimeout", "Too slow.", TransientError),
            (503, "SlowDown", "Later.", TransientError),
        ],
    )
    def test_refusals(
        self, server: ScriptedServer, status: int, code: str, message: str, error: type[SellingPartnerApiError]
    ) -> None:
        xml = f"<Error><Code>{code}</Code><Message>{message}</Message><SignatureProvided>hidden</SignatureProvided>"
        with pytest.raises(error) as caught:
            self.put(server, Answer(status, xml.encode(), {"Content-Type": "application/xml"}))
        assert type(caught.value) is error
        assert (caught.value.operation, caught.value.code) == ("document upload", code)
        assert "hidden" not in str(caught.value)


def feed_bytes(*skus: str, **header: Any) -> bytes:
    messages = [{"messageId": n, "sku": sku, "operationType": "DELETE"} for n, sku in enumerate(skus, 1)]
    return json.dumps({"header": {"sellerId": SELLER_ID, "version": "2.0", **header}, "messages": messages}).encode()


def uploaded(simulator: Simulator, content: bytes) -> FeedUpload:
    destination = feeds.create_feed_document(simulator.seller())
    feeds.upload(simulator.http, destination, lambda: io.BytesIO(content), len(content), Deadline.after(10))
    return destination


def created(simulator: Simulator, content: bytes) -> str:
    document_id = uploaded(simulator, content).feed_document_id
    return feeds.create_feed(simulator.seller(), CreateFeedSpecification(LISTINGS_FEED, [US], document_id))


def finished(simulator: Simulator, feed_id: str) -> Feed:
    until = time.monotonic() + SECONDS
    while (feed := feeds.get_feed(simulator.seller(), feed_id)).processing_end_time is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    return feed


class TestAtTheSimulator:
    @pytest.mark.parametrize("compression", ["gzip", "multi-member-gzip", "none", "declared"])
    def test_a_feed_from_upload_to_report(self, simulator: Simulator, compression: str) -> None:
        simulator.control("PUT", "/feed-outcomes", {"compression": compression})
        content = feed_bytes("A-1", "Ä 2")
        feed = finished(simulator, created(simulator, content))
        assert (feed.processing_status, feed.marketplace_ids) == (FeedStatus.DONE, (US,))
        assert feed.result_feed_document_id is not None
        found = feeds.get_feed_document(simulator.seller(), feed.result_feed_document_id)
        assert (found.compression_algorithm == "GZIP") == (compression != "none")
        with documents.open_document(simulator.http, found.url, Deadline.after(10)) as document:
            assert document.gzipped == ("gzip" in compression)
            received = document.read()
        report = json.loads(gzip.decompress(received) if "gzip" in compression else received)
        assert report["header"]["feedId"] == feed.feed_id
        assert report["summary"]["messagesAccepted"] == 2
        sent = simulator.control_http.request("GET", f"{simulator.url}/simulator/feeds/{feed.feed_id}/document")
        assert sent.data == content

    def test_a_report_that_is_cut_off(self, simulator: Simulator) -> None:
        feed = finished(simulator, created(simulator, feed_bytes("A-1")))
        assert feed.result_feed_document_id is not None
        url = feeds.get_feed_document(simulator.seller(), feed.result_feed_document_id).url
        simulator.fault("truncate", "downloadDocument", afterBytes=20)
        with (
            pytest.raises(documents.DocumentTruncatedError),
            documents.open_document(simulator.http, url, Deadline.after(10)) as document,
        ):
            document.read()

    def test_another_content_type_is_refused(self, simulator: Simulator) -> None:
        destination = feeds.create_feed_document(simulator.seller())
        other = FeedUpload(destination.feed_document_id, "application/json", destination.url)
        large = b"x" * 5_000_000
        with pytest.raises(AccessDeniedError) as caught:
            feeds.upload(simulator.http, other, lambda: io.BytesIO(large), len(large), Deadline.after(10))
        assert caught.value.code == "SignatureDoesNotMatch"

    def test_an_expired_link(self, simulator: Simulator) -> None:
        destination = feeds.create_feed_document(simulator.seller())
        simulator.control("PUT", "/clock", {"advanceSeconds": 301})
        with pytest.raises(DocumentUrlExpiredError):
            feeds.upload(simulator.http, destination, lambda: io.BytesIO(b"{}"), 2, Deadline.after(10))

    @pytest.mark.parametrize(("fault", "uploads"), [("reset", 1), ("lose", 2)])
    def test_an_upload_is_repeated_once(self, simulator: Simulator, fault: str, uploads: int) -> None:
        simulator.fault(fault, "uploadFeedDocument")
        feed = finished(simulator, created(simulator, feed_bytes("A-1")))
        assert feed.processing_status is FeedStatus.DONE
        assert simulator.calls("uploadFeedDocument") == [0, 200]
        assert simulator.control("GET", "/feeds")["feeds"][0]["uploads"] == uploads

    def test_an_upload_fails_after_two_resets(self, simulator: Simulator) -> None:
        simulator.fault("reset", "uploadFeedDocument", count=2)
        with pytest.raises(TransientError):
            uploaded(simulator, feed_bytes("A-1"))

    def test_pages_and_cancelling(self, simulator: Simulator) -> None:
        simulator.control("PUT", "/feed-outcomes", {"queueSeconds": 100_000})
        made = [created(simulator, feed_bytes("A-1")) for _ in range(3)]
        listed = feeds.list_feeds(simulator.seller(), FeedFilter([LISTINGS_FEED], page_size=2))
        assert [feed.feed_id for feed in listed] == made[::-1]
        assert simulator.calls("getFeeds") == [200, 200]
        feeds.cancel_feed(simulator.seller(), made[1])
        wanted = FeedFilter([LISTINGS_FEED], [FeedStatus.CANCELLED])
        (cancelled,) = feeds.get_feeds(simulator.seller(), wanted).feeds
        assert (cancelled.feed_id, cancelled.processing_status) == (made[1], FeedStatus.CANCELLED)
        with pytest.raises(InvalidInputError):
            feeds.cancel_feed(simulator.seller(), made[1])

    def test_the_sixth_feed_in_five_minutes_is_throttled(self, simulator: Simulator) -> None:
        simulator.control("PUT", "/rate-limits", {"scale": 1})
        document_id = uploaded(simulator, feed_bytes("A-1")).feed_document_id
        specification = CreateFeedSpecification(LISTINGS_FEED, [US], document_id)
        simulator.control("PUT", "/clock", {"scale": 0.001})
        for _ in range(5):
            feeds.create_feed(simulator.seller(), specification)
        with pytest.raises(ThrottledError) as caught:
            feeds.create_feed(simulator.seller(), specification)
        assert caught.value.retry_after == pytest.approx(1 / 0.0083)
        simulator.control("PUT", "/clock", {"scale": 50})

    def test_unknown_ids(self, simulator: Simulator) -> None:
        with pytest.raises(NotFoundError):
            feeds.get_feed(simulator.seller(), "1")
        with pytest.raises(InvalidInputError):
            feeds.get_feed_document(simulator.seller(), "1")


def test_an_upload_does_not_hold_the_document_in_memory(server: ScriptedServer) -> None:
    """The content is read as it is sent: no more than a few pieces before the server has taken the first."""
    read = threading.Event()

    class Watched(io.BytesIO):
        largest = 0

        def read(self, amount: int | None = -1, /) -> bytes:
            Watched.largest = max(Watched.largest, amount or 0)
            read.set()
            return super().read(amount)

    content = b"x" * 1_000_000
    server.answer("PUT", "/upload", Answer(200))
    destination = FeedUpload("d-1", "text/plain", f"{server.url}/upload")
    feeds.upload(make_http(), destination, lambda: Watched(content), len(content), Deadline.after(5))
    assert read.is_set()
    assert 0 < Watched.largest <= 64 * 1024
