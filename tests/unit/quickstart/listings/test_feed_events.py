"""What starts, wakes and concludes feeds, and how their end is told: each event twice, late, or not at all."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.announcing import EventNotPutError
from quickstart.links import Link
from quickstart.listings.feed_announcements import FeedAnnouncer, MailInProgressError, event_detail, written
from quickstart.listings.feed_events import FeedEvents, FeedMachine, FeedSweepFailedError, finished_feed
from quickstart.listings.feed_files import FeedFiles, request_of_upload
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import Counts, FeedRecord, FeedState
from quickstart.own_stack import OwnStack
from sp_api.wire import MalformedError
from tests.unit.quickstart.listings.test_feed_lanes import record
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MACHINE = "arn:aws:states:eu-west-1:1:stateMachine:feeds"


class Stage:
    """The table, Step Functions, S3, SNS and EventBridge in memory, with one feed."""

    def __init__(self) -> None:
        self.now = NOW
        self.started: list[tuple[str, str]] = []
        self.told: list[str] = []
        self.woken: list[str] = []
        self.statuses: dict[str, str] = {}
        self.aws = Aws(
            StartExecution=self._start,
            DescribeExecution=self._describe,
            SendTaskSuccess=lambda given: self._note(self.woken, given["taskToken"], {}),
            HeadObject=lambda _: {"ContentLength": 10},
            Publish=lambda given: self._note(self.told, f"mail {given['Subject']}", {"MessageId": "m-1"}),
            PutEvents=lambda _: self._note(self.told, "event", {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}),
        )
        self.memory = MemoryTable(self.aws, "FeedRequestId", "SellerId")
        self.ledger = FeedLedger(self.memory.table, timedelta(days=1), lambda: self.now)
        self.ledger.receive(record("one", FeedState.AWAITING_UPLOAD))
        machine = FeedMachine(self.aws.client("stepfunctions"), MACHINE)
        self.events = FeedEvents(self.ledger, machine, self.aws.client("s3"), "bucket", lambda: self.now)

    @staticmethod
    def _note(where: list[str], what: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        where.append(what)
        return answer

    @property
    def record(self) -> FeedRecord:
        found = self.ledger.find("A1", "one")
        assert found is not None
        return found

    def announcer(self) -> FeedAnnouncer:
        files = FeedFiles(self.aws.client("s3"), "bucket", "A1", "one")
        no_links: Any = None
        sns, events = self.aws.client("sns"), self.aws.client("events")
        return FeedAnnouncer(
            self.ledger,
            events,
            "bus",
            sns,
            "arn:aws:sns:eu-west-1:1:t",
            no_links,
            files,
            OwnStack("stack", "eu-west-1"),
            "url",
        )

    def ended(self, state: FeedState = FeedState.REFUSED) -> FeedRecord:
        self.ledger.concluded(self.record, state, "why", Counts(2, 1))
        return self.record

    def _start(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if given["name"] in self.statuses:
            raise AwsError("ExecutionAlreadyExists")
        self.statuses[given["name"]] = "RUNNING"
        self.started.append((given["name"], given["input"].partition('"Step": "')[2].partition('"')[0]))
        return {"executionArn": "arn", "startDate": NOW}

    def _describe(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        name = given["executionArn"].rpartition(":")[2]
        if name not in self.statuses:
            raise AwsError("ExecutionDoesNotExist")
        return {
            "status": self.statuses[name],
            "executionArn": given["executionArn"],
            "stateMachineArn": MACHINE,
            "startDate": NOW,
        }


@pytest.fixture
def stage() -> Stage:
    return Stage()


def uploaded(key: str = "A1/one/upload") -> Mapping[str, Any]:
    return {"detail-type": "Object Created", "detail": {"object": {"key": key, "size": 10}}}


def ended_execution(name: str, status: str = "FAILED") -> Mapping[str, Any]:
    given = '{"SellerId": "A1", "FeedRequestId": "one"}'
    return {
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"name": name, "status": status, "input": given},
    }


def finished(feed_id: object = "7") -> Mapping[str, Any]:
    payload = {"feedProcessingFinishedNotification": {"feedId": feed_id}}
    return {"detail-type": "FEED_PROCESSING_FINISHED", "detail": {"Notification": {"payload": payload}}}


def test_an_upload_starts_one_execution_however_often_it_is_told(stage: Stage) -> None:
    for _ in range(3):
        stage.events.take(uploaded())
    assert stage.started == [("one", "CHECK")]
    assert (stage.record.state, stage.record.size_bytes, stage.record.runs) == (FeedState.CHECKING, 10, 1)
    assert stage.ledger.queue(stage.record.account).feeds == ("one",)


def test_a_key_that_is_percent_encoded_is_found_too(stage: Stage) -> None:
    stage.events.take(uploaded("A1%2Fone%2Fupload"))
    assert stage.started == [("one", "CHECK")]


@pytest.mark.parametrize("key", ["A1/one/results.jsonl", "A1/two/upload", "upload", "A1/one/two/upload"])
def test_other_objects_start_nothing(stage: Stage, key: str) -> None:
    stage.events.take(uploaded(key))
    assert stage.started == []


def test_the_key_of_an_upload() -> None:
    assert request_of_upload("A1/one/upload") == ("A1", "one")


def test_a_notice_wakes_the_execution_that_waits(stage: Stage) -> None:
    stage.events.take(uploaded())
    stage.ledger.checked(stage.record, Counts(1), "JSON_LINES", 1)
    stage.ledger.sent(stage.record, "7")
    stage.ledger.awaited(stage.record, "token")
    stage.events.take(finished(7))
    stage.events.take(finished("another feed"))
    stage.events.take({"detail-type": "FEED_PROCESSING_FINISHED", "detail": {}})
    assert stage.woken == ["token"]
    assert stage.record.news is not None


def test_a_notice_for_a_feed_that_has_ended_or_expired_is_no_news(stage: Stage) -> None:
    stage.ledger.sent(stage.record, "7")
    stage.ended()
    stage.events.take(finished("7"))
    assert (stage.woken, stage.record.news) == ([], None)
    stage.now = NOW + timedelta(days=400)
    assert stage.ledger.find("A1", "one") is None
    stage.events.take(finished("7"))
    assert stage.woken == []


@pytest.mark.parametrize(
    "event", [{}, {"detail": None}, {"detail": {"Notification": {}}}, finished(True), finished({})]
)
def test_a_notice_that_names_no_feed(event: Mapping[str, Any]) -> None:
    with pytest.raises(MalformedError):
        finished_feed(event)


def test_a_failed_execution_is_concluded_by_another_one_at_most_three_times_at_once(stage: Stage) -> None:
    stage.events.take(uploaded())
    for name in ("one", "one-2", "one-3", "one-4", "one-4"):
        stage.events.take(ended_execution(name))
    # The same event again, and that of an execution that somebody started by hand.
    stage.events.take(ended_execution("one"))
    stage.events.take(ended_execution("by-hand"))
    assert [name for name, _ in stage.started] == ["one", "one-2", "one-3", "one-4"]
    assert {step for _, step in stage.started[1:]} == {"GIVE_UP"}


def test_an_earlier_execution_that_failed_is_no_news(stage: Stage) -> None:
    stage.events.take(uploaded())
    for name in ("one", "one", "by-hand"):
        stage.events.take(ended_execution(name))
    assert [name for name, _ in stage.started] == ["one", "one-2"]


def test_the_acknowledgement_is_completed_when_only_that_failed(stage: Stage) -> None:
    stage.events.take(uploaded())
    stage.ended()
    stage.events.take(ended_execution("one"))
    assert stage.started[-1] == ("one-2", "ACKNOWLEDGE")
    stage.ledger.announced(stage.record)
    stage.events.take(ended_execution("one-2"))
    assert len(stage.started) == 2


class TestSweep:
    def due(self, stage: Stage) -> int:
        for item in stage.memory.items:
            if "DueTime" in item:
                item["DueTime"] = "2026-01-01T00:00:00+00:00"
        return stage.events.sweep(lambda: False)

    def test_an_upload_whose_event_was_lost(self, stage: Stage) -> None:
        assert self.due(stage) == 1
        assert stage.started == [("one", "CHECK")]

    def test_an_upload_that_never_came(self, stage: Stage) -> None:
        def missing(_: Any) -> Any:
            raise AwsError("404", 404)

        stage.aws.answers["HeadObject"] = missing
        self.due(stage)
        assert not stage.record.state.final
        stage.now = NOW + timedelta(hours=2)
        self.due(stage)
        assert stage.record.state is FeedState.EXPIRED
        assert stage.started == [("one", "ACKNOWLEDGE")]

    def test_what_runs_is_left_alone(self, stage: Stage) -> None:
        stage.events.take(uploaded())
        assert self.due(stage) == 0
        assert stage.started == [("one", "CHECK")]
        stage.now = NOW + timedelta(minutes=29)
        assert list(stage.ledger.due()) == []
        stage.now = NOW + timedelta(minutes=30)
        assert list(stage.ledger.due()) == [("A1", "one")]

    def test_an_execution_that_was_never_started(self, stage: Stage) -> None:
        stage.ledger.uploaded(stage.record, 10)
        assert self.due(stage) == 1
        assert stage.started == [("one", "CHECK")]

    def test_an_execution_whose_end_was_not_told(self, stage: Stage) -> None:
        stage.events.take(uploaded())
        stage.statuses["one"] = "TIMED_OUT"
        assert self.due(stage) == 1
        assert stage.started[-1] == ("one-2", "GIVE_UP")

    def test_a_failure_does_not_stop_the_sweep_and_is_told(self, stage: Stage) -> None:
        def denied(_: Any) -> Any:
            raise AwsError("AccessDenied", 403)

        stage.aws.answers["HeadObject"] = denied
        with pytest.raises(FeedSweepFailedError, match="1 of 1 feeds"):
            self.due(stage)


@pytest.mark.parametrize(
    ("more", "expired"),
    [
        ({}, False),
        ({"ExpiresAt": int(NOW.timestamp()) + 1}, False),
        ({"ExpiresAt": int(NOW.timestamp())}, True),
    ],
)
def test_an_item_that_dynamodb_will_delete_is_not_there(stage: Stage, more: dict[str, int], *, expired: bool) -> None:
    assert stage.ledger.expired({"FeedRequestId": "one", "SellerId": "A1", **more}) is expired


class TestAnnouncement:
    def test_one_mail_and_one_event(self, stage: Stage) -> None:
        ended = stage.ended()
        stage.announcer().announce(ended)
        stage.announcer().announce(stage.record)
        assert stage.told == ["mail Listing feed was not sent: seller A1", "event"]
        assert stage.record.announced

    def test_no_second_mail_when_the_event_was_not_taken(self, stage: Stage) -> None:
        ended, taken = stage.ended(), stage.aws.answers["PutEvents"]
        stage.aws.answers["PutEvents"] = lambda _: {
            "FailedEntryCount": 1,
            "Entries": [{"ErrorCode": "InternalFailure"}],
        }
        with pytest.raises(EventNotPutError):
            stage.announcer().announce(ended)
        stage.aws.answers["PutEvents"] = taken
        stage.announcer().announce(stage.record)
        assert len(stage.told) == 2

    def test_a_mail_that_sns_refuses_is_sent_again(self, stage: Stage) -> None:
        def refused(_: Any) -> Any:
            raise AwsError("AuthorizationError", 403)

        ended, taken = stage.ended(), stage.aws.answers["Publish"]
        stage.aws.answers["Publish"] = refused
        with pytest.raises(ClientError):
            stage.announcer().announce(ended)
        assert "MailClaimedTime" not in (stage.memory.find(FeedRequestId="one") or {})
        stage.aws.answers["Publish"] = taken
        stage.announcer().announce(ended)
        assert len(stage.told) == 2

    def test_another_invocation_that_may_be_sending(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        ended = stage.ended()
        monkeypatch.setattr(FeedLedger, "claim_mail", lambda *_: False)
        words = "^another invocation may be sending the e-mail about this feed$"
        with pytest.raises(MailInProgressError, match=words):
            stage.announcer().announce(ended)

    def test_an_upload_that_never_came_gets_no_mail(self, stage: Stage) -> None:
        stage.announcer().announce(stage.ended(FeedState.EXPIRED))
        assert stage.told == ["event"]

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            (FeedState.DONE, "was processed"),
            (FeedState.CHECKED, "was checked"),
            (FeedState.REFUSED, "was not sent"),
            (FeedState.FATAL, "was aborted by Amazon"),
            (FeedState.CANCELLED, "was cancelled"),
            (FeedState.FAILED, "failed"),
        ],
    )
    def test_the_subject_says_how_it_ended(self, stage: Stage, state: FeedState, words: str) -> None:
        subject, _ = written(stage.ended(state), None, stage.announcer())
        assert subject == f"Listing feed {words}: seller A1"

    def test_each_number_is_named(self, stage: Stage) -> None:
        counts = Counts(*range(1, 12))
        _, body = written(replace(stage.ended(), counts=counts), None, stage.announcer())
        assert body.splitlines()[2:13] == [
            "         1  messages in the file",
            "         2  of these, not sent because of the check",
            "         3  sent to Amazon",
            "         4  published",
            "         5  published, with issues",
            "         6  accepted, not shown by Amazon yet",
            "         7  deleted",
            "         8  refused by Amazon",
            "         9  accepted, but not shown because of errors",
            "        10  unknown",
            "        11  not sent",
        ]

    def test_the_event_is_a_listing_feed_outcome(self, stage: Stage) -> None:
        stage.announcer().announce(stage.ended())
        ((_, given),) = [call for call in stage.aws.calls if call[0] == "PutEvents"]
        (entry,) = given["Entries"]
        assert (entry["DetailType"], entry["EventBusName"]) == ("Listing Feed Outcome", "bus")

    def test_what_they_say(self, stage: Stage) -> None:
        ended = replace(stage.ended(FeedState.DONE), counts=Counts(3, 1, 2, published=1, invalid=1), feed_id="7")
        subject, body = written(ended, None, stage.announcer())
        assert subject == "Listing feed was processed: seller A1"
        assert body.splitlines() == [
            "why",
            "",
            "         3  messages in the file",
            "         1  of these, not sent because of the check",
            "         2  sent to Amazon",
            "         1  published",
            "         1  refused by Amazon",
            "",
            "Stack         stack",
            "Seller        A1",
            "Region        EU",
            "Marketplaces  A13V1IB3VIYZZH",
            "Feed request  one",
            "Feed          7",
            "",
            "To list what needs attention and get new links, send this request, signed like every request to the "
            "stack:",
            "GET url/one?SellerId=A1&Results=PROBLEMS",
            "",
            "To see what the stack did, run:",
            "make logs STACK=stack REGION=eu-west-1 FUNCTION=SPAPIListingFeedWorker",
            "",
            "What the states mean: docs/listing-feeds.md#results",
        ]
        link = Link("https://s3/results", NOW)
        assert written(ended, link, stage.announcer())[1].splitlines()[15:18] == [
            "Download the outcome of every message (JSON Lines) with this link:",
            "https://s3/results",
            "The link works until 2026-11-26 12:00:00 UTC. Anyone who has it can read the results.",
        ]
        assert "Feed          " not in written(replace(ended, feed_id=None), None, stage.announcer())[1]
        detail = event_detail(ended)
        assert detail["Counts"] == {
            "Messages": 3,
            "Bad": 1,
            "Sent": 2,
            "Published": 1,
            "PublishedWithIssues": 0,
            "Accepted": 0,
            "Deleted": 0,
            "Invalid": 1,
            "Refused": 0,
            "Unknown": 0,
            "NotSent": 0,
        }
        assert (detail["Status"], detail["FeedId"]) == ("DONE", "7")
