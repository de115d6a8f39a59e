"""What starts, wakes and concludes feeds, and how their end is told: each event twice, late, or not at all."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from quickstart.announcing import EventNotPutError
from quickstart.dynamodb import DamagedItemError, ItemContestedError
from quickstart.links import Link
from quickstart.listings.feed_announcements import FeedAnnouncer, MailInProgressError, event_detail, written
from quickstart.listings.feed_events import FeedEvents, FeedMachine, FeedSweepFailedError, finished_feed
from quickstart.listings.feed_files import FeedFiles, request_of_upload
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import Counts, FeedOf, FeedRecord, FeedState
from quickstart.own_stack import OwnStack
from sp_api.errors import presentable
from sp_api.regions import Region
from sp_api.wire import MalformedError
from tests.unit.quickstart.listings.test_feed_lanes import record
from tests.unit.quickstart.listings.test_feed_ledger import ConditionalTable
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MACHINE = "arn:aws:states:eu-west-1:1:stateMachine:feeds"
LogLines = Callable[[], list[dict[str, Any]]]


def logged(log_lines: LogLines, *names: str) -> list[tuple[Any, ...]]:
    """Level and message of each line, and what it says under these names."""
    return [tuple(line.get(name) for name in ("level", "message", *names)) for line in log_lines()]


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

    @property
    def strict_ledger(self) -> FeedLedger:
        """The same table, with conditions."""
        return FeedLedger(ConditionalTable(self.memory), timedelta(days=1), lambda: self.now)

    @staticmethod
    def _note(where: list[str], what: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        where.append(what)
        return answer

    @property
    def record(self) -> FeedRecord:
        found = self.ledger.find("A1", "one")
        assert found is not None
        return found

    def announcer(self, links: Any = None, ledger: FeedLedger | None = None) -> FeedAnnouncer:
        files = FeedFiles(self.aws.client("s3"), "bucket", "A1", "one")
        sns, events = self.aws.client("sns"), self.aws.client("events")
        return FeedAnnouncer(
            ledger or self.ledger,
            events,
            "bus",
            sns,
            "arn:aws:sns:eu-west-1:1:t",
            links,
            files,
            OwnStack("stack", "eu-west-1"),
            "url",
        )

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """What the executions were given."""
        return [json.loads(given["input"]) for name, given in self.aws.calls if name == "StartExecution"]

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


def test_an_execution_is_given_the_feed_and_its_step(stage: Stage) -> None:
    stage.events.take(uploaded())
    stage.events.take(ended_execution("one", "TIMED_OUT"))
    calls = [given for name, given in stage.aws.calls if name == "StartExecution"]
    assert [(given["stateMachineArn"], given["name"]) for given in calls] == [(MACHINE, "one"), (MACHINE, "one-2")]
    feed = {"FeedRequestId": "one", "SellerId": "A1"}
    assert stage.inputs == [
        {**feed, "Step": "CHECK", "Reason": ""},
        {**feed, "Step": "GIVE_UP", "Reason": "the execution took too long"},
    ]


def test_the_state_of_an_execution_is_asked_for_by_its_name(stage: Stage) -> None:
    assert stage.events.machine.status("one") is None
    stage.statuses["one"] = "ABORTED"
    assert stage.events.machine.status("one") == "ABORTED"
    assert {given["executionArn"] for _, given in stage.aws.calls if "executionArn" in given} == {
        "arn:aws:states:eu-west-1:1:execution:feeds:one"
    }


def test_an_upload_is_logged_with_its_size(stage: Stage, log_lines: LogLines) -> None:
    stage.events.take(uploaded())
    stage.events.take(uploaded("A1/two/upload"))
    stage.events.take({"detail-type": "Another"})
    assert logged(log_lines, "feed_request_id", "size_bytes") == [
        ("INFO", "file uploaded", "one", 10),
        ("WARNING", "an upload belongs to no feed request", None, None),
        ("WARNING", "event of a type that feeds do not use", None, None),
    ]


def test_an_upload_of_an_unknown_size(stage: Stage) -> None:
    stage.events.take({"detail-type": "Object Created", "detail": {"object": {"key": "A1/one/upload"}}})
    assert (stage.record.size_bytes, stage.started) == (0, [("one", "CHECK")])


def test_a_feed_that_has_ended_or_whose_seller_was_removed_does_not_begin(stage: Stage) -> None:
    events, ended = replace(stage.events, ledger=stage.strict_ledger), stage.ended()
    events.start(ended, 10)
    stage.memory.items.clear()
    events.start(ended, 10)
    assert stage.started == []
    assert stage.ledger.queue(ended.account).feeds == ()


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


def test_a_notice_wakes_only_an_execution_that_waits_for_amazon(stage: Stage, log_lines: LogLines) -> None:
    def gone(_: Any) -> Any:
        raise AwsError("TaskDoesNotExist")

    def told() -> tuple[Any, ...]:
        stage.events.take(finished("7"))
        return logged(log_lines, "feed_id", "known", "woken")[-1]

    notice = ("INFO", "notice about a feed", "7")
    assert told() == (*notice, False, 0)
    stage.ledger.sent(stage.record, "7")
    assert told() == (*notice, True, 0)
    stage.ledger.awaited(stage.record, "token")
    assert told() == (*notice, True, 1)
    (item,) = [item for item in stage.memory.items if item["FeedRequestId"] == "one"]
    item["Status"] = "SENDING"
    assert told() == (*notice, True, 0)
    item["Status"] = "PROCESSING"
    stage.aws.answers["SendTaskSuccess"] = gone
    assert told() == (*notice, True, 0)
    assert stage.woken == ["token"]
    stage.events.take(finished(True))
    (line,) = [line for line in log_lines() if line["level"] == "ERROR"]
    assert (line["message"], line["reason"]) == ("unreadable notice about a feed", "feedId is not a string")


def test_a_notice_for_a_feed_whose_seller_is_removed_meanwhile(stage: Stage) -> None:
    stage.ledger.sent(stage.record, "7")
    stage.ledger.awaited(stage.record, "token")
    write = stage.aws.answers["UpdateItem"]

    def and_then_it_is_gone(given: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = write(given)
        stage.memory.items = [item for item in stage.memory.items if item["FeedRequestId"] != "one"]
        return answer

    stage.aws.answers["UpdateItem"] = and_then_it_is_gone
    stage.events.take(finished("7"))
    assert stage.woken == []


def test_a_notice_about_a_feed_has_its_id_as_a_number_or_as_a_text() -> None:
    assert [finished_feed(finished(feed_id)) for feed_id in (7, 0, "7")] == ["7", "0", "7"]
    with pytest.raises(MalformedError, match=r"^the event has no notification$"):
        finished_feed({})


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


def test_an_execution_of_a_feed_that_is_gone_has_no_successor(stage: Stage) -> None:
    stage.memory.items.clear()
    stage.events.take(ended_execution("one"))
    assert stage.started == []


@pytest.mark.parametrize(("runs", "postponed"), [(1, False), (3, False), (4, True)])
def test_after_three_more_executions_only_the_sweep_starts_another(stage: Stage, runs: int, *, postponed: bool) -> None:
    stage.memory.items[0] |= {"Runs": runs, "Status": "CHECKING"}
    due = stage.memory.items[0]["DueTime"]
    stage.events.take(ended_execution(stage.record.execution_name))
    assert stage.started == ([] if postponed else [(f"one-{runs + 1}", "GIVE_UP")])
    assert stage.memory.items[0]["DueTime"] == ("2026-11-26T12:30:00+00:00" if postponed else due)


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

    @pytest.mark.parametrize(("seconds", "expired"), [(-1, False), (0, True)])
    def test_the_upload_has_ten_minutes_more_than_its_link(self, stage: Stage, seconds: int, *, expired: bool) -> None:
        def missing(_: Any) -> Any:
            raise AwsError("404", 404)

        stage.aws.answers["HeadObject"] = missing
        stage.now = NOW + timedelta(hours=1, minutes=10, seconds=seconds)
        assert self.due(stage) == 0
        assert stage.record.state.final is expired
        if expired:
            assert stage.record.message == "The file was not uploaded before the link expired."
            assert stage.inputs == [
                {"FeedRequestId": "one", "SellerId": "A1", "Step": "ACKNOWLEDGE", "Reason": ""},
            ]
            assert stage.record.runs == 1
        else:
            assert stage.memory.items[0]["DueTime"] == "2026-11-26T13:10:00+00:00"

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
        assert stage.record.size_bytes == 10

    def test_an_execution_whose_end_was_not_told(self, stage: Stage) -> None:
        stage.events.take(uploaded())
        stage.statuses["one"] = "TIMED_OUT"
        assert self.due(stage) == 1
        assert stage.started[-1] == ("one-2", "GIVE_UP")

    @pytest.mark.parametrize(
        ("changed", "started"),
        [
            # Its only execution was never started, or is not known any more.
            ({"Status": "CHECKING", "Runs": 1}, ("one", "CHECK")),
            ({"Status": "QUEUED"}, ("one", "CHECK")),
            # An execution took its place, and was never started.
            ({"Status": "QUEUED", "Runs": 2}, ("one-3", "GIVE_UP")),
            ({"Status": "DONE", "Runs": 1}, ("one-2", "ACKNOWLEDGE")),
            ({"Status": "EXPIRED"}, ("one", "ACKNOWLEDGE")),
        ],
    )
    def test_a_feed_without_an_execution_gets_one(
        self, stage: Stage, changed: dict[str, Any], started: tuple[str, str]
    ) -> None:
        stage.memory.items[0] |= changed
        stage.memory.items[0].pop("SizeBytes", None)
        assert self.due(stage) == 1
        assert stage.started == [started]
        assert stage.record.size_bytes == (0 if started == ("one", "CHECK") else None)
        runs = int(changed.get("Runs", 0))
        # One that was counted before is not counted again.
        assert stage.record.runs == (runs if started == ("one", "CHECK") and runs else runs + 1)
        feed = next(item for item in stage.memory.items if item["FeedRequestId"] == "one")
        assert feed["DueTime"] in ("2026-11-26T12:30:00+00:00", "2026-11-26T12:10:00+00:00")

    def test_an_execution_whose_end_was_not_told_is_told_with_its_reason(self, stage: Stage) -> None:
        stage.events.take(uploaded())
        stage.statuses["one"] = "ABORTED"
        self.due(stage)
        assert stage.inputs[-1]["Reason"] == "somebody stopped the execution"
        assert stage.memory.items[0]["DueTime"] == "2026-11-26T12:30:00+00:00"
        assert stage.record.runs == 2

    def test_it_stops_when_its_time_is_up(self, stage: Stage) -> None:
        stage.ledger.receive(record("two", FeedState.AWAITING_UPLOAD))
        answers = iter([False, True])
        for item in stage.memory.items:
            item["DueTime"] = "2026-01-01T00:00:00+00:00"
        assert stage.events.sweep(lambda: next(answers)) == 1
        assert stage.started == [("one", "CHECK")]

    def test_a_feed_that_has_expired_is_none(self, stage: Stage) -> None:
        stage.memory.items[0]["ExpiresAt"] = 1
        assert self.due(stage) == 0

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (AwsError("AccessDenied", 403), "AccessDenied"),
            (EndpointConnectionError(endpoint_url="s3"), 'Could not connect to the endpoint URL: "s3"'),
            (ItemContestedError("an item"), "an item was changed by others"),
            (DamagedItemError("one of A1", "KeyError"), "the stored item one of A1 cannot be read"),
        ],
    )
    def test_a_failure_does_not_stop_the_sweep_and_is_told(
        self, stage: Stage, log_lines: LogLines, error: Exception, reason: str
    ) -> None:
        def failed(given: Mapping[str, Any]) -> Mapping[str, Any]:
            if given["Key"].startswith("A1/two/"):
                return {"ContentLength": 10}
            raise error

        for name in ("two", "three"):
            stage.ledger.receive(record(name, FeedState.AWAITING_UPLOAD))
        stage.aws.answers["HeadObject"] = failed
        with pytest.raises(FeedSweepFailedError, match=r"^2 of 3 feeds could not be swept$"):
            self.due(stage)
        assert stage.started == [("two", "CHECK")]
        lines = logged(log_lines, "feed_request_id")
        assert lines == [("ERROR", "feed not swept", "one"), ("ERROR", "feed not swept", "three")]
        assert all(reason in line["reason"] for line in log_lines())


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

    @pytest.mark.parametrize(("status", "claimed"), [(403, False), (499, False), (500, True), (503, True)])
    def test_a_mail_that_may_have_been_taken_is_not_sent_again_at_once(
        self, stage: Stage, status: int, *, claimed: bool
    ) -> None:
        def failed(_: Any) -> Any:
            raise AwsError("InternalError", status)

        ended = stage.ended()
        stage.aws.answers["Publish"] = failed
        with pytest.raises(ClientError):
            stage.announcer().announce(ended)
        assert ("MailClaimedTime" in (stage.memory.find(FeedRequestId="one") or {})) is claimed
        assert stage.told == []

    def test_whoever_has_begun_to_send_the_mail_has_15_minutes(self, stage: Stage, log_lines: LogLines) -> None:
        ended = stage.ended()
        assert stage.strict_ledger.claim_mail(ended, NOW)
        announcer = stage.announcer(ledger=stage.strict_ledger)
        stage.now = NOW + timedelta(minutes=15)
        with pytest.raises(MailInProgressError):
            announcer.announce(ended)
        stage.now += timedelta(microseconds=1)
        announcer.announce(ended)
        assert stage.told == ["mail Listing feed was not sent: seller A1", "event"]
        item = stage.memory.find(FeedRequestId="one") or {}
        assert item["MailMessageId"] == "m-1"
        assert logged(log_lines, "status") == [("INFO", "feed announced", "REFUSED")]
        # An attempt that has read the feed before: the mail is sent, and the event may come twice.
        announcer.announce(ended)
        assert stage.told[2:] == ["event"]

    def test_a_feed_whose_seller_is_removed_meanwhile_gets_no_mail(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ended = stage.ended()
        monkeypatch.setattr(FeedLedger, "claim_mail", lambda *_: False)
        stage.memory.items.clear()
        stage.announcer().announce(ended)
        assert stage.told == ["event"]

    @pytest.mark.parametrize(("sent", "linked"), [(0, False), (1, True)])
    def test_the_mail_links_to_the_results_of_a_feed_that_was_sent(
        self, stage: Stage, sent: int, *, linked: bool
    ) -> None:
        asked: list[tuple[str, str]] = []

        def presign(key: str, session_name: str) -> Link:
            asked.append((key, session_name))
            return Link("https://s3/results", NOW)

        links = SimpleNamespace(presign=presign)
        stage.announcer(lambda: links).announce(replace(stage.ended(), counts=Counts(2, 1, sent)))
        assert asked == ([("A1/one/results.jsonl", "feed-one")] if linked else [])
        ((_, mail),) = [call for call in stage.aws.calls if call[0] == "Publish"]
        assert ("https://s3/results" in mail["Message"]) is linked
        assert mail["TopicArn"] == "arn:aws:sns:eu-west-1:1:t"

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
            (FeedState.EXPIRED, "has ended"),
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

    def test_a_mail_about_a_file_of_which_nothing_is_known(self, stage: Stage) -> None:
        """The seller's id is part of an address, and other texts are not to be taken for lines of the stack."""
        account = replace(stage.record.account, seller_id="A/1 b", marketplace_ids=("M1", "M2"))
        feed = replace(stage.ended(), account=account, counts=None, message="one\ntwo")
        subject, body = written(feed, None, stage.announcer())
        assert subject == "Listing feed was not sent: seller A/1 b"
        assert body == "\n".join(
            [
                presentable("one\ntwo"),
                "",
                "Stack         stack",
                "Seller        A/1 b",
                "Region        EU",
                "Marketplaces  M1, M2",
                "Feed request  one",
                "",
                "To list what needs attention and get new links, send this request, signed like every request to the "
                "stack:",
                "GET url/one?SellerId=A%2F1%20b&Results=PROBLEMS",
                "",
                "To see what the stack did, run:",
                "make logs STACK=stack REGION=eu-west-1 FUNCTION=SPAPIListingFeedWorker",
                "",
                "What the states mean: docs/listing-feeds.md#results",
                "",
            ]
        )

    def test_a_mail_names_the_messages_in_the_file_and_those_sent_also_when_there_are_none(self, stage: Stage) -> None:
        for counts, lines in (
            (Counts(), ["         0  messages in the file", "         0  sent to Amazon", ""]),
            (
                Counts(25_000, 1),
                ["    25,000  messages in the file", "         1  of these, not sent because of the check"],
            ),
        ):
            _, body = written(replace(stage.ended(), counts=counts), None, stage.announcer())
            assert body.splitlines()[2 : 2 + len(lines)] == lines

    def test_the_event_says_all_that_is_known(self, stage: Stage) -> None:
        ended = replace(
            stage.ended(FeedState.DONE),
            account=FeedOf("A1", Region.NA, ("M1", "M2"), "MOULI"),
            counts=Counts(3, 1, 2, published=1, invalid=1),
            feed_id="7",
            client_token="token",
        )
        assert event_detail(ended) == {
            "FeedRequestId": "one",
            "SellerId": "A1",
            "RegionCode": "NA",
            "MarketplaceIds": ["M1", "M2"],
            "Status": "DONE",
            "Message": "why",
            "FeedId": "7",
            "Counts": {
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
            },
            "ClientToken": "token",
            "ReceivedTime": "2026-11-26",
            "OutcomeTime": "2026-11-26T12:00:00.000000+00:00",
        }
        nothing = event_detail(replace(record("one"), counts=None))
        assert [nothing[name] for name in ("FeedId", "Counts", "ClientToken", "OutcomeTime")] == [None] * 4
