"""A feed whose createFeed was not answered: looked up before it is created again, and never guessed."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quickstart.listings.feed_files import MESSAGES, REPORT, RESULTS, FeedFiles
from quickstart.listings.feed_ledger import GET_FEEDS, FeedLedger
from quickstart.listings.feed_records import Counts, FeedRecord, FeedState
from quickstart.listings.feed_results import ReportedMessages
from quickstart.listings.feed_sending import FeedSender, Next, Step, _refused_as_a_whole
from quickstart.token_vault import SellerUnknownError
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.errors import TransientError
from sp_api.regions import Region
from sp_api.transport import make_http
from tests.unit.quickstart.listings.test_feed_lanes import FRANCE, record
from tests.unit.quickstart.listings.test_feed_ledger import ConditionalTable
from tests.unit.quickstart.listings.test_feed_results import Bucket
from tests.unit.quickstart.support import Aws, MemoryTable
from tests.unit.sp_api.support import (
    TOKEN_PATH,
    Answer,
    ScriptedServer,
    answer_json,
    errors_json,
    seller_of,
    token_json,
)

NOW = datetime(2026, 11, 26, 12, 10, tzinfo=UTC)
CALLED = NOW - timedelta(minutes=2)
FEEDS = "/eu/feeds/2021-06-30/feeds"
SLOT: Mapping[str, Any] = {"Operation": GET_FEEDS}
LogLines = Callable[[], list[dict[str, Any]]]
UNKNOWN = "Amazon has the feed or may have it, but what became of it is unknown: "


def feed_json(feed_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "feedId": feed_id,
        "feedType": "JSON_LISTINGS_FEED",
        "marketplaceIds": [FRANCE],
        "createdTime": CALLED.isoformat(),
        "processingStatus": "IN_QUEUE",
        **changed,
    }


class Stage:
    """A feed whose createFeed was called two minutes ago."""

    def __init__(self, server: ScriptedServer, folder: Path) -> None:
        self.server, self.folder, self.without_token = server, folder, False
        self.memory = MemoryTable(Aws(), "FeedRequestId", "SellerId")
        self.ledger = FeedLedger(self.memory.table, timedelta(days=1), lambda: CALLED)
        self.bucket = Bucket()
        client: Any = self.bucket
        self.files = FeedFiles(client, "bucket", "A1", "one")
        line = b'{"line":1,"byte":1,"messageId":1,"sku":"A","operation":"UPDATE"}\n'
        self.bucket.objects[self.files.key(MESSAGES)] = line
        self.ledger.receive(record("one", FeedState.CHECKING))
        self.ledger.checked(self.record, Counts(1, 0), "JSON_LINES", 10)
        assert self.ledger.creating(self.record, "document-1")

    @property
    def record(self) -> FeedRecord:
        found = self.ledger.find("A1", "one")
        assert found is not None
        return found

    def sender(self, slot: Mapping[str, Any] = SLOT, now: datetime = NOW) -> FeedSender:
        return FeedSender(
            replace(self.ledger, now=lambda: now),
            self.files,
            self._seller,
            make_http(),
            Deadline.after(10),
            self.folder,
            slot,
            lambda: now,
        )

    def send(self, slot: Mapping[str, Any] = SLOT, now: datetime = NOW) -> Next:
        return self.sender(slot, now).send(self.record)

    @property
    def results(self) -> list[tuple[str, str]]:
        """Status and message of each result."""
        return [(str(entry["status"]), str(entry["message"])) for entry in self.files.entries(RESULTS)]

    def _seller(self, seller_id: str, region: Region) -> Caller:
        if self.without_token:
            raise SellerUnknownError(seller_id, str(region))
        return seller_of(self.server, region=region)

    @staticmethod
    def refusal(operation: str, status: int) -> str:
        """SP-API's answer in words."""
        return f"{operation}: HTTP {status} Unauthorized: Access to requested resource is denied."

    def listed(self, *feeds: Mapping[str, Any]) -> None:
        self.server.answer("GET", FEEDS, answer_json({"feeds": list(feeds)}))


@pytest.fixture
def stage(server: ScriptedServer, tmp_path: Path) -> Stage:
    return Stage(server, tmp_path)


def test_the_only_feed_that_can_be_it_is_taken_over(stage: Stage) -> None:
    stage.ledger.sent(replace(record("zero"), feed_request_id="zero"), "5")
    earlier = (CALLED - timedelta(hours=1)).isoformat()
    stage.listed(
        feed_json("7"),
        feed_json("5"),
        feed_json("6", marketplaceIds=["A1PA6795UKMFR9"]),
        feed_json("4", createdTime=earlier),
    )
    assert stage.send().step is Step.POLL
    assert (stage.record.state, stage.record.feed_id) == (FeedState.PROCESSING, "7")
    assert stage.ledger.requests_of("7") == [("A1", "one")]


@pytest.mark.parametrize(("seconds", "found"), [(59, True), (60, True), (61, False)])
def test_amazons_clock_may_be_a_minute_behind(stage: Stage, seconds: int, *, found: bool) -> None:
    stage.listed(feed_json("7", createdTime=(CALLED - timedelta(seconds=seconds)).isoformat()))
    assert stage.send().step is (Step.POLL if found else Step.SEND)
    assert stage.record.feed_id == ("7" if found else None)


def test_of_several_none_is_chosen_and_nothing_is_sent(stage: Stage) -> None:
    stage.listed(feed_json("7"), feed_json("8"))
    assert stage.send().step is Step.ACKNOWLEDGE
    assert (stage.record.state, stage.record.feed_id) == (FeedState.FAILED, None)
    assert "each of these feeds may be this one: 7, 8" in stage.record.message
    assert [entry["status"] for entry in stage.files.entries(RESULTS)] == ["UNKNOWN"]
    assert [call.method for call in stage.server.calls] == ["GET"]


def test_it_is_created_again_when_amazon_does_not_have_it_three_times(stage: Stage) -> None:
    for wait in (60, 60, 0):
        stage.listed()
        following = stage.send()
        assert (following.step, following.wait) == (Step.SEND, wait)
    assert stage.record.creating is None
    assert [call.method for call in stage.server.calls] == ["GET"] * 3


def test_the_first_look_waits_for_the_call_that_may_still_run(stage: Stage) -> None:
    following = stage.send(slot={}, now=CALLED + timedelta(seconds=10))
    assert (following.step, following.wait) == (Step.SEND, 50)
    assert stage.server.calls == []
    stage.listed(feed_json("7"))
    # The wait was shortened.
    assert stage.send(slot=following.slot, now=CALLED + timedelta(seconds=11)).step is Step.POLL


def test_a_refusal_of_get_feeds_leaves_the_feed_unknown_and_unsent(stage: Stage) -> None:
    stage.server.answer("GET", FEEDS, errors_json(403, "Unauthorized", "Access to requested resource is denied."))
    assert stage.send().step is Step.ACKNOWLEDGE
    assert stage.record.state is FeedState.FAILED
    ((status, message),) = stage.results
    assert status == "UNKNOWN"
    assert message == f"{UNKNOWN}getFeeds was refused: {stage.refusal('getFeeds', 403)}"


def test_a_throttled_look_gets_another_slot(stage: Stage) -> None:
    limit = {"x-amzn-RateLimit-Limit": "0.0222"}
    stage.server.answer("GET", FEEDS, errors_json(429, "QuotaExceeded", "slow down", headers=limit))
    following = stage.send()
    assert (following.step, following.slot["Operation"]) == (Step.SEND, GET_FEEDS)
    assert following.wait >= 45
    assert stage.record.lookups == 0


def test_a_feed_whose_sender_was_killed_after_its_record_is_not_sent_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after the record is made up for by the next step."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FeedLedger, "remember", killed)
        with pytest.raises(KeyboardInterrupt):
            stage.ledger.sent(stage.record, "7")
    assert stage.ledger.requests_of("7") == []
    assert stage.send().step is Step.POLL
    assert stage.server.calls == []
    assert stage.ledger.requests_of("7") == [("A1", "one")]
    stage.server.answer("GET", f"{FEEDS}/7", answer_json(feed_json("7")))
    sender = FeedSender(
        stage.ledger, stage.files, stage._seller, make_http(), Deadline.after(10), stage.folder, {}, lambda: NOW
    )
    following = sender.poll(stage.record)
    assert (following.step, following.wait, following.for_news) == (Step.POLL, 120, True)
    assert stage.record.polled is not None


SENT_AT = CALLED


@pytest.fixture
def sent(stage: Stage) -> Stage:
    """Amazon has the feed since two minutes ago."""
    stage.ledger.sent(stage.record, "7")
    return stage


def in_state(stage: Stage, status: str, **changed: Any) -> None:
    stage.server.answer("GET", f"{FEEDS}/7", answer_json(feed_json("7", processingStatus=status, **changed)))


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        (timedelta(0), 120),
        (timedelta(minutes=10) - timedelta(seconds=1), 120),
        (timedelta(minutes=10), 300),
        (timedelta(hours=1) - timedelta(seconds=1), 300),
        (timedelta(hours=1), 900),
        (timedelta(days=3) - timedelta(seconds=1), 900),
    ],
)
def test_the_longer_a_feed_takes_the_more_seldom_it_is_asked_for(sent: Stage, after: timedelta, seconds: int) -> None:
    in_state(sent, "IN_PROGRESS")
    assert sent.sender(now=SENT_AT + after).poll(sent.record) == Next(Step.POLL, seconds, for_news=True)


def test_after_three_days_nobody_waits_any_longer(sent: Stage) -> None:
    in_state(sent, "IN_PROGRESS")
    assert sent.sender(now=SENT_AT + timedelta(days=3)).poll(sent.record) == Next(Step.ACKNOWLEDGE)
    assert sent.record.state is FeedState.FAILED
    assert sent.results == [("UNKNOWN", f"{UNKNOWN}it is still IN_PROGRESS after 3 days")]


def test_a_state_that_cannot_be_read(sent: Stage) -> None:
    sent.server.answer("GET", f"{FEEDS}/7", errors_json(403, "Unauthorized", "no"))
    assert sent.sender().poll(sent.record) == Next(Step.ACKNOWLEDGE)
    ((status, message),) = sent.results
    assert status == "UNKNOWN"
    assert message.startswith(f"{UNKNOWN}its state cannot be read: ")


def test_a_feed_without_a_report_is_asked_for_three_times(sent: Stage) -> None:
    in_state(sent, "DONE")
    steps = [sent.sender().poll(sent.record) for _ in range(3)]
    assert steps == [Next(Step.POLL, 60), Next(Step.POLL, 60), Next(Step.COLLECT)]


@pytest.mark.parametrize(
    ("status", "result", "message"),
    [
        ("DONE", "UNKNOWN", "Amazon has ended the feed, but has no processing report for it."),
        ("CANCELLED", "NOT_SENT", "The feed was cancelled before Amazon processed it."),
        (
            "FATAL",
            "UNKNOWN",
            "Amazon aborted the feed (FATAL). Some, none or all of its messages may have been processed.",
        ),
    ],
)
def test_what_is_known_of_a_feed_without_a_report(sent: Stage, status: str, result: str, message: str) -> None:
    in_state(sent, status)
    while sent.sender().poll(sent.record).step is not Step.COLLECT:
        pass
    assert sent.sender().collect(sent.record) == Next(Step.ACKNOWLEDGE)
    assert (sent.record.state, sent.record.message) == (FeedState(status), message)
    assert sent.results == [(result, message)]
    counts = sent.record.counts
    assert counts is not None
    assert counts.sent == (0 if status == "CANCELLED" else 1)


def with_report(stage: Stage, status: str, report: bytes) -> Next:
    """The step that fetches this report."""
    in_state(stage, status, resultFeedDocumentId="document-2")
    location = {"feedDocumentId": "document-2", "url": f"{stage.server.url}/report"}
    stage.server.answer("GET", "/eu/feeds/2021-06-30/documents/document-2", answer_json(location))
    stage.server.answer("GET", "/report", Answer(200, report))
    assert stage.sender().poll(stage.record) == Next(Step.COLLECT)
    first = stage.sender({}).collect(stage.record)
    return stage.sender(first.slot).collect(stage.record) if first.wait else first


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_report_that_cannot_be_read_is_kept(sent: Stage, pack: Callable[[bytes], bytes]) -> None:
    content = pack(b"no JSON")
    assert with_report(sent, "DONE", content) == Next(Step.ACKNOWLEDGE)
    assert sent.record.state is FeedState.DONE
    ((status, message),) = sent.results
    assert status == "UNKNOWN"
    assert (
        message
        == f"{UNKNOWN}its report cannot be read: line 1, byte 1: expected {{ at the start of the document, but found n"
    )
    assert sent.record.has_report
    assert sent.bucket.objects[sent.files.key(REPORT)] == content
    assert list(sent.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "outcome", "feed", "message"),
    [
        (
            "DONE",
            "ACCEPTED",
            "Amazon has processed the feed.",
            "Amazon has accepted the message and reports no error. Its report does not show the listing yet.",
        ),
        (
            "FATAL",
            "UNKNOWN",
            "Amazon aborted the feed (FATAL). Some, none or all of its messages may have been processed: Stopped.",
            "Amazon aborted the feed (FATAL). Some, none or all of its messages may have been processed: Stopped.",
        ),
    ],
)
def test_a_report_decides_about_each_message_of_a_feed_that_was_processed(
    sent: Stage, status: str, outcome: str, feed: str, message: str
) -> None:
    """The report of a feed that Amazon aborted may have only a part."""
    whole: dict[str, Any] = {
        "messageId": None,
        "code": "1",
        "severity": "ERROR",
        "message": "Stopped.",
        "attributeNames": [],
    }
    report = {
        "header": {"sellerId": "A1", "version": "2.0", "feedId": "7"},
        "issues": [whole] if status == "FATAL" else [],
        "summary": {"errors": 0, "warnings": 0, "messagesProcessed": 1, "messagesAccepted": 1, "messagesInvalid": 0},
    }
    assert with_report(sent, status, json.dumps(report).encode()) == Next(Step.ACKNOWLEDGE)
    assert (sent.record.state, sent.record.message) == (FeedState(status), feed)
    assert sent.results == [(outcome, message)]


def test_a_report_that_cannot_be_fetched(sent: Stage) -> None:
    in_state(sent, "DONE", resultFeedDocumentId="document-2")
    path = "/eu/feeds/2021-06-30/documents/document-2"
    sent.server.answer("GET", path, errors_json(404, "NotFound", "no document"))
    assert sent.sender().poll(sent.record) == Next(Step.COLLECT)
    slot = sent.sender({}).collect(sent.record).slot
    if slot:
        sent.sender(slot).collect(sent.record)
    ((status, message),) = sent.results
    assert status == "UNKNOWN"
    assert message.startswith(f"{UNKNOWN}its report cannot be fetched: ")


def test_a_throttled_report_is_fetched_later(sent: Stage) -> None:
    in_state(sent, "DONE", resultFeedDocumentId="document-2")
    assert sent.sender().poll(sent.record) == Next(Step.COLLECT)
    limit = {"x-amzn-RateLimit-Limit": "0.0222"}
    throttled = errors_json(429, "QuotaExceeded", "slow down", headers=limit)
    sent.server.answer("GET", "/eu/feeds/2021-06-30/documents/document-2", throttled)
    following = sent.sender({}).collect(sent.record)
    assert (following.step, following.slot) == (Step.COLLECT, {"Operation": "getFeedDocument"})
    assert following.wait >= 45
    assert sent.record.state is FeedState.PROCESSING
    assert list(sent.folder.iterdir()) == []


def test_an_execution_that_failed_leaves_what_amazon_may_have_unknown(stage: Stage) -> None:
    assert stage.sender().give_up(stage.record, "it timed out") == Next(Step.ACKNOWLEDGE)
    assert stage.results == [("UNKNOWN", f"{UNKNOWN}it timed out")]
    assert stage.sender().give_up(stage.record, "again") == Next(Step.ACKNOWLEDGE)
    assert stage.record.message == f"{UNKNOWN}it timed out"


def test_an_execution_that_failed_before_the_feed_was_sent(stage: Stage) -> None:
    stage.ledger.not_created(stage.record, "")
    assert stage.sender().give_up(stage.record, "it timed out") == Next(Step.ACKNOWLEDGE)
    assert stage.results == [("NOT_SENT", "The feed was not sent: it timed out")]
    assert stage.record.state is FeedState.FAILED


DOCUMENTS = "/eu/feeds/2021-06-30/documents"


@pytest.fixture
def queued(stage: Stage) -> Stage:
    """The feed's turn has come, and nothing of it is at Amazon."""
    stage.ledger.not_created(stage.record, "")
    stage.bucket.objects[stage.files.key("document.json")] = b"0123456789"
    stage.server.answer(
        "POST", DOCUMENTS, answer_json({"feedDocumentId": "document-9", "url": f"{stage.server.url}/upload"}, 201)
    )
    stage.server.answer("PUT", "/upload", Answer(200))
    return stage


def created(stage: Stage, answer: Answer) -> Next:
    """The step that creates the feed, once its slots are there."""
    stage.server.answer("POST", FEEDS, answer)
    following = stage.sender({}).send(stage.record)
    while following.step is Step.SEND and following.slot:
        following = stage.sender(following.slot).send(stage.record)
    return following


def test_a_feed_is_created_from_the_stored_document(queued: Stage) -> None:
    assert created(queued, answer_json({"feedId": "7"}, 202)) == Next(Step.POLL, 120, for_news=True)
    assert (queued.record.state, queued.record.feed_id) == (FeedState.PROCESSING, "7")
    (upload,) = queued.server.received("/upload")
    assert upload.body == b"0123456789"
    (request,) = queued.server.received(FEEDS, "POST")
    assert json.loads(request.body) == {
        "feedType": "JSON_LISTINGS_FEED",
        "marketplaceIds": [FRANCE],
        "inputFeedDocumentId": "document-9",
    }


def test_a_feed_that_amazon_refuses_was_certainly_not_sent(queued: Stage) -> None:
    refused = errors_json(400, "InvalidInput", "no such marketplace")
    assert created(queued, refused) == Next(Step.ACKNOWLEDGE)
    assert queued.record.creating is None
    ((status, message),) = queued.results
    assert status == "NOT_SENT"
    assert message.startswith("The feed was not sent: createFeed: HTTP 400 InvalidInput: no such marketplace")
    counts = queued.record.counts
    assert counts is not None
    assert counts.sent == 0


def test_a_feed_whose_creation_was_not_answered_is_looked_for(queued: Stage) -> None:
    assert created(queued, Answer(reset="after")) == Next(Step.SEND, 60)
    assert queued.record.creating is not None


class TestWithoutAToken:
    """The seller was removed, or has withdrawn its authorization."""

    WORDS = str(SellerUnknownError("A1", "EU"))

    def test_a_feed_is_not_sent(self, queued: Stage) -> None:
        queued.without_token = True
        assert queued.sender({}).send(queued.record) == Next(Step.ACKNOWLEDGE)
        assert (queued.record.state, queued.record.has_results, queued.record.has_report) == (
            FeedState.FAILED,
            True,
            False,
        )
        assert queued.results == [("NOT_SENT", f"The feed was not sent: {self.WORDS}")]
        assert queued.record.message == f"The feed was not sent: {self.WORDS}"

    def test_one_that_amazon_may_have_stays_unknown(self, stage: Stage) -> None:
        stage.without_token = True
        assert stage.send() == Next(Step.ACKNOWLEDGE)
        assert stage.results == [("UNKNOWN", f"{UNKNOWN}getFeeds was refused: {self.WORDS}")]

    def test_its_state_stays_unknown(self, sent: Stage) -> None:
        sent.without_token = True
        assert sent.sender().poll(sent.record) == Next(Step.ACKNOWLEDGE)
        assert sent.record.state is FeedState.FAILED
        assert sent.results == [("UNKNOWN", f"{UNKNOWN}its state cannot be read: {self.WORDS}")]
        assert sent.server.calls == []

    def test_its_report_stays_unread(self, sent: Stage) -> None:
        in_state(sent, "DONE", resultFeedDocumentId="document-2")
        sent.sender().poll(sent.record)
        sent.without_token = True
        assert sent.sender({}).collect(sent.record) == Next(Step.ACKNOWLEDGE)
        assert (sent.record.state, sent.record.has_report) == (FeedState.DONE, False)
        assert sent.results == [("UNKNOWN", f"{UNKNOWN}its report cannot be fetched: {self.WORDS}")]


def test_get_feeds_is_asked_for_all_feeds_since_a_minute_before_the_call(stage: Stage) -> None:
    stage.listed(feed_json("7"))
    stage.send()
    (request,) = stage.server.received(FEEDS)
    assert request.query == {
        "feedTypes": "JSON_LISTINGS_FEED",
        "pageSize": "100",
        "createdSince": "2026-11-26T12:07:00.000Z",
    }


@pytest.mark.parametrize(
    ("seconds", "wait"),
    [(0, 60), (0.5, 60), (1, 59), (59, 1), (59.5, 1), (60, 0), (61, 0)],
)
def test_get_feeds_is_asked_a_minute_after_the_call(stage: Stage, seconds: float, wait: int) -> None:
    stage.listed(feed_json("7"))
    following = stage.send({}, CALLED + timedelta(seconds=seconds))
    if wait:
        assert following == Next(Step.SEND, wait, slot={"Waited": True})
    else:
        assert following == Next(Step.POLL, 120, for_news=True)
    assert len(stage.server.calls) == (0 if wait else 1)


def test_of_many_feeds_ten_are_named(stage: Stage) -> None:
    stage.listed(*(feed_json(str(number)) for number in range(11)))
    stage.send()
    reason = "createFeed was not answered, and each of these feeds may be this one: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert stage.record.message == f"{UNKNOWN}{reason}"


def test_an_operator_reads_what_became_of_a_call_without_an_answer(stage: Stage, log_lines: LogLines) -> None:
    stage.listed()
    for _ in range(3):
        stage.send()
    assert [(line["level"], line["message"]) for line in log_lines()] == [
        ("WARNING", "createFeed was not answered, and Amazon does not have the feed"),
    ]
    assert stage.record.message == "Amazon does not have the feed, so it is sent again."
    assert (stage.record.lookups, stage.record.creating) == (2, None)


def test_an_operator_reads_of_a_feed_that_was_taken_over(stage: Stage, log_lines: LogLines) -> None:
    stage.listed(feed_json("7"))
    stage.send()
    assert [(line["level"], line["message"], line["feed_id"]) for line in log_lines()] == [
        ("WARNING", "createFeed was not answered, but Amazon has the feed", "7"),
        ("INFO", "feed sent", "7"),
    ]


def test_a_feed_is_logged_as_sent_once_its_record_says_so(
    stage: Stage, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FeedLedger, "sent", killed)
    stage.listed(feed_json("7"))
    with pytest.raises(KeyboardInterrupt):
        stage.send()
    assert "feed sent" not in [line["message"] for line in log_lines()]


def test_a_feed_that_others_are_about_to_create_is_looked_for(queued: Stage) -> None:
    late = queued.record
    assert queued.ledger.creating(late, "document-8")
    ledger = FeedLedger(ConditionalTable(queued.memory), timedelta(days=1), lambda: CALLED)
    sender = replace(queued.sender({}), ledger=ledger)
    assert sender.send(late) == Next(Step.SEND, 60)
    assert queued.server.received(FEEDS, "POST") == []


def test_a_call_without_an_answer_is_logged(queued: Stage, log_lines: LogLines) -> None:
    created(queued, errors_json(503, "InternalFailure", "later"))
    assert queued.record.creating is not None
    (line,) = log_lines()
    assert (line["level"], line["message"]) == (
        "WARNING",
        "createFeed was not answered; getFeeds is asked before it is repeated",
    )
    assert line["reason"].startswith("createFeed: HTTP 503 InternalFailure: later")


def test_a_throttled_feed_gets_another_slot_and_was_not_created(queued: Stage) -> None:
    limit = {"x-amzn-RateLimit-Limit": "0.0083"}
    queued.server.answer("POST", FEEDS, errors_json(429, "QuotaExceeded", "slow down", headers=limit))
    following = queued.sender({}).send(queued.record)
    assert (following.step, following.slot) == (Step.SEND, {"Operation": "createFeed"})
    assert following.wait >= 60
    assert queued.record.creating is None
    assert queued.record.message.startswith("createFeed: HTTP 429 QuotaExceeded: slow down")
    assert queued.record.state is FeedState.SENDING


def test_a_feed_that_certainly_did_not_reach_amazon_is_created_again(queued: Stage) -> None:
    """SP-API refuses the access token, and there is no new one now."""
    queued.server.answer("POST", TOKEN_PATH, token_json(), Answer(503))
    queued.server.answer("POST", FEEDS, errors_json(403, "Unauthorized", "The access token you provided has expired."))
    with pytest.raises(TransientError) as raised:
        queued.sender({}).send(queued.record)
    assert (queued.record.creating, queued.record.message) == (None, str(raised.value))
    assert queued.record.state is FeedState.SENDING


@pytest.mark.parametrize("status", ["CANCELLED", "FATAL"])
def test_only_a_feed_that_is_done_is_asked_for_its_report_again(sent: Stage, status: str) -> None:
    in_state(sent, status)
    assert sent.sender().poll(sent.record) == Next(Step.COLLECT)


def test_what_poll_learns_is_recorded(sent: Stage) -> None:
    in_state(sent, "DONE", resultFeedDocumentId="document-2")
    sent.sender().poll(sent.record)
    assert (sent.record.amazon_status, sent.record.result_document_id, sent.record.report_asks) == (
        "DONE",
        "document-2",
        1,
    )


def test_a_feed_whose_sending_has_no_time_was_sent_just_now(sent: Stage) -> None:
    in_state(sent, "IN_QUEUE")
    late = sent.sender(now=SENT_AT + timedelta(days=4))
    assert late.poll(replace(sent.record, times={})) == Next(Step.POLL, 120, for_news=True)


@pytest.mark.parametrize(
    ("processed", "issues", "outcome"),
    [
        # Amazon has read nothing of it.
        (0, 1, ("INVALID", "Amazon refused the whole feed: Stopped 0.")),
        (1, 1, ("UNKNOWN", "Stopped 0.")),
        (0, 0, ("UNKNOWN", "")),
        (1, 4, ("UNKNOWN", "Stopped 0.; Stopped 1.; Stopped 2.")),
    ],
)
def test_a_feed_that_amazon_aborted_before_it_began_was_refused(
    sent: Stage, processed: int, issues: int, outcome: tuple[str, str]
) -> None:
    report = {
        "header": {"sellerId": "A1", "version": "2.0", "feedId": "7"},
        "issues": [{"code": "1", "severity": "ERROR", "message": f"Stopped {number}."} for number in range(issues)],
        "summary": {
            "errors": 0,
            "warnings": 0,
            "messagesProcessed": processed,
            "messagesAccepted": 0,
            "messagesInvalid": 0,
        },
    }
    assert with_report(sent, "FATAL", json.dumps(report).encode()) == Next(Step.ACKNOWLEDGE)
    status, words = outcome
    if status == "UNKNOWN":
        because = f": {words}" if words else "."
        words = f"Amazon aborted the feed (FATAL). Some, none or all of its messages may have been processed{because}"
    assert sent.results == [(status, words)]
    assert (sent.record.has_results, sent.record.has_report) == (True, True)
    assert list(sent.folder.iterdir()) == []


def test_a_report_without_a_summary_refuses_nothing(tmp_path: Path) -> None:
    with ReportedMessages(tmp_path / "report.sqlite") as reported:
        reported.whole_feed.append({"message": "Stopped."})
        assert not _refused_as_a_whole(reported)


def test_a_file_that_was_not_checked_is_given_up_without_results(stage: Stage) -> None:
    stage.ledger.receive(record("two", FeedState.CHECKING))
    feed = record("two", FeedState.CHECKING)
    assert stage.sender().give_up(feed, "it timed out") == Next(Step.ACKNOWLEDGE)
    found = stage.ledger.find("A1", "two")
    assert found is not None
    assert (found.state, found.message, found.has_results, found.counts) == (
        FeedState.FAILED,
        "The feed was not sent: it timed out",
        False,
        None,
    )
    assert stage.files.key(RESULTS) not in stage.bucket.objects


@pytest.mark.parametrize(("feed_id", "creating"), [("7", None), (None, "2026-11-26T12:08:00+00:00")])
def test_what_amazon_has_or_may_have_is_not_called_unsent(
    stage: Stage, feed_id: str | None, creating: str | None
) -> None:
    stage.sender().give_up(replace(stage.record, feed_id=feed_id, creating=creating), "why")
    assert stage.results == [("UNKNOWN", f"{UNKNOWN}why")]
