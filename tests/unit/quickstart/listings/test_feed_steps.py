"""A feed on its way through the account's queue and the lanes of its SKUs, step by step, and its answers meanwhile."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quickstart.dynamodb import TableBusyError
from quickstart.links import Link
from quickstart.listings.feed_files import MESSAGES, PROBLEMS, RESULTS, FeedFiles
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import Counts, FeedOf, FeedRecord, FeedState, ResultStatus
from quickstart.listings.feed_requests import ShowRequest, show_feed
from quickstart.listings.feed_sending import Next, Step, _inflated, _without_report
from quickstart.listings.feed_steps import FeedQueue
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.records import Party, Status, unpacked
from sp_api.regions import Region
from tests.unit.quickstart.listings.test_feed_lanes import ACCOUNT, NOW, PATCH, cup, record
from tests.unit.quickstart.listings.test_feed_results import Bucket
from tests.unit.quickstart.listings.test_lanes import World
from tests.unit.quickstart.support import Aws, MemoryTable
from tests.unit.sp_api.support import ScriptedServer


class Stage:
    """The feeds of an account whose files were checked; each has a message for the SKU CUP."""

    def __init__(self, server: ScriptedServer) -> None:
        self.world, self.now, self.bucket = World(server), NOW, Bucket()
        self.memory = MemoryTable(Aws(), "FeedRequestId", "SellerId")
        self.ledger = FeedLedger(self.memory.table, timedelta(days=1), lambda: self.now)

    def checked(self, name: str) -> FeedRecord:
        self.ledger.receive(record(name, FeedState.AWAITING_UPLOAD))
        self.ledger.uploaded(self.feed(name), 10)
        self.ledger.join(self.feed(name))
        self.ledger.checked(self.feed(name), Counts(2, 1), "JSON_LINES", 10)
        messages = ({"sku": "CUP", "operation": "UPDATE"}, {"sku": "BAD", "status": "INVALID"})
        content = b"".join(json.dumps(one).encode() + b"\n" for one in messages)
        self.bucket.objects[self.files(name).key(MESSAGES)] = content
        return self.feed(name)

    def feed(self, name: str) -> FeedRecord:
        found = self.ledger.find("A1", name)
        assert found is not None
        return found

    def files(self, name: str) -> FeedFiles:
        client: Any = self.bucket
        return FeedFiles(client, "bucket", "A1", name)

    def queue(self, name: str) -> FeedQueue:
        states = self.world.aws.client("stepfunctions")
        return FeedQueue(self.ledger, self.world.ledger, self.world.lanes, states, self.files(name))

    def enter(self, name: str) -> Next:
        return self.queue(name).enter(self.feed(name))

    def turn(self, name: str) -> Next:
        return self.queue(name).turn(self.feed(name))

    def lane(self) -> Any:
        return self.world.ledger.lane(cup()[0])


class _With:
    """A ledger with one method replaced."""

    def __new__(cls, ledger: ListingLedger, **replaced: Callable[..., Any]) -> Any:
        return SimpleNamespace(
            **{name: getattr(ledger, name) for name in dir(ledger) if not name.startswith("_")} | replaced
        )


@pytest.fixture
def stage(server: ScriptedServer) -> Stage:
    return Stage(server)


class TestQueue:
    def test_the_only_feed_enters_and_is_sent(self, stage: Stage) -> None:
        stage.checked("one")
        assert stage.enter("one") == Next(Step.SEND)
        assert stage.lane().holder == "FEED#one"
        assert stage.world.ledger.lane(ACCOUNT.listings("BAD")[0]).holder is None
        assert stage.ledger.queue(ACCOUNT).entered == ("one",)

    def test_a_feed_waits_until_the_earlier_one_has_entered(self, stage: Stage) -> None:
        stage.checked("one")
        stage.checked("two")
        assert stage.enter("two") == Next(Step.ENTER, 1800, for_news=True)
        assert stage.feed("two").message == "An earlier feed of the account is being checked."
        assert stage.lane().holder is None
        assert not stage.queue("two").is_news(stage.feed("two"), Step.ENTER)
        stage.enter("one")
        assert stage.queue("two").is_news(stage.feed("two"), Step.ENTER)
        assert stage.enter("two") == Next(Step.TURN, 1800, for_news=True)
        assert stage.feed("two").message == "Earlier feeds of the account are not finished."
        assert not stage.queue("two").is_news(stage.feed("two"), Step.TURN)

    def test_a_feed_that_has_entered_wakes_the_one_behind_it(self, stage: Stage) -> None:
        stage.checked("one")
        stage.ledger.awaited(stage.checked("two"), "token-2")
        stage.enter("one")
        assert stage.world.woken == [("token-2", '{"News": true}')]

    def test_the_next_feed_is_first_when_the_earlier_one_has_left(self, stage: Stage) -> None:
        for name in ("one", "two"):
            stage.checked(name)
            stage.enter(name)
        assert stage.lane().waiters == ("FEED#two",)
        stage.queue("one").leave(stage.feed("one"))
        assert stage.lane().holder == "FEED#two"
        assert stage.queue("two").is_news(stage.feed("two"), Step.TURN)
        assert stage.turn("two") == Next(Step.SEND)

    @pytest.mark.parametrize(("waited", "seconds"), [(0, 10), (100, 10), (1000, 100), (6000, 600), (60_000, 600)])
    def test_a_lane_that_a_submission_holds_is_waited_for(self, stage: Stage, waited: int, seconds: int) -> None:
        stage.world.entered(1)
        stage.checked("one")
        stage.now = NOW + timedelta(seconds=waited)
        assert stage.enter("one") == Next(Step.TURN, seconds)
        assert stage.feed("one").message == "1 SKUs have a submission that is not answered yet."
        # Its execution may have been interrupted.
        assert stage.world.started.count("1") > 1

    def test_submissions_that_waited_at_the_gate_are_behind_the_feed(self, stage: Stage) -> None:
        stage.checked("one")
        stage.queue("one").close_gate(stage.feed("one"))
        waiting = stage.world.entered(1)
        assert waiting.message == "It waits until the stack has checked a file of listings that arrived earlier."
        stage.enter("one")
        assert stage.lane().waiters == ("1",)
        stage.queue("one").leave(stage.feed("one"))
        assert stage.lane().holder == "1"
        assert stage.world.started == ["1"]

    def test_a_feed_without_a_record_leaves_the_queue(
        self, stage: Stage, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        stage.checked("one")
        stage.ledger.join(record("gone"))
        stage.enter("one")
        assert stage.ledger.queue(ACCOUNT).feeds == ("one",)
        (line,) = log_lines()
        assert (line["level"], line["message"], line["feed_request_id"]) == (
            "WARNING",
            "a feed without a record leaves the queue",
            "gone",
        )

    def test_a_feed_that_was_announced_leaves_the_queue_and_one_that_only_ended_does_not(self, stage: Stage) -> None:
        """The execution of a feed that has ended is about to take it from the queue."""
        for name in ("one", "announced", "ended"):
            stage.checked(name)
        stage.ledger.announced(stage.feed("announced"))
        stage.ledger.concluded(stage.feed("ended"), FeedState.FAILED, "why")
        stage.enter("one")
        assert stage.ledger.queue(ACCOUNT).feeds == ("one", "ended")

    @pytest.mark.parametrize(
        ("state", "token", "woken"),
        [
            ("QUEUED", "token", True),
            ("QUEUED", None, False),
            ("CHECKING", "token", False),
            # It waits for Amazon.
            ("PROCESSING", "token", False),
        ],
    )
    def test_a_feed_that_leaves_wakes_those_that_wait_for_it(
        self, stage: Stage, state: str, token: str | None, *, woken: bool
    ) -> None:
        stage.checked("one")
        stage.checked("two")
        item = stage.memory.find(FeedRequestId="two") or {}
        item |= {"Status": state, **({"TaskToken": token} if token else {})}
        stage.queue("one").leave(stage.feed("one"))
        assert stage.world.woken == ([("token", '{"News": true}')] if woken else [])
        assert stage.ledger.queue(ACCOUNT).feeds == ("two",)

    def test_a_feed_enters_its_lanes_before_the_next_one_may(self, stage: Stage) -> None:
        """An attempt that is interrupted on the way is repeated as a whole."""
        stage.checked("one")
        stage.ledger.awaited(stage.checked("two"), "token-2")
        enter = stage.world.ledger.enter_feed

        def interrupted(*_: object) -> Any:
            raise TableBusyError("listings")

        queue = replace(stage.queue("one"), listings=_With(stage.world.ledger, enter_feed=interrupted))
        queue.close_gate(stage.feed("one"))
        with pytest.raises(TableBusyError):
            queue.enter(stage.feed("one"))
        assert stage.world.ledger.feed_runs("A1", "FEED#one")
        assert stage.ledger.queue(ACCOUNT).entered == ()
        assert stage.world.ledger.gate("A1", ACCOUNT.gate).feeds == ("one",)
        assert stage.world.woken == []
        queue = replace(queue, listings=_With(stage.world.ledger, enter_feed=enter))
        assert queue.enter(stage.feed("one")) == Next(Step.SEND)
        assert stage.ledger.queue(ACCOUNT).entered == ("one",)
        assert stage.world.ledger.gate("A1", ACCOUNT.gate).feeds == ()

    def test_a_feed_that_has_entered_opens_the_gate_again_and_waits_for_its_turn(self, stage: Stage) -> None:
        """An earlier attempt may have ended before it could."""
        stage.checked("one")
        stage.enter("one")
        stage.queue("one").close_gate(stage.feed("one"))
        stage.ledger.awaited(stage.checked("two"), "token-2")
        assert stage.enter("one") == Next(Step.SEND)
        assert stage.world.ledger.gate("A1", ACCOUNT.gate).feeds == ()
        assert stage.world.woken == []

    def test_each_lane_that_is_held_is_counted(self, stage: Stage) -> None:
        stage.world.entered(1)
        feed = stage.checked("one")
        entries = [{"sku": "CUP"}, {"sku": "FREE"}, {"sku": "PLATE"}]
        content = b"".join(json.dumps(one).encode() + b"\n" for one in entries)
        stage.bucket.objects[stage.files("one").key(MESSAGES)] = content
        plate = stage.world.receive(2)
        (listing,) = ACCOUNT.listings("PLATE")
        stage.world.lanes.enter(replace(plate, listing=listing))
        # The time of the check is not known: the shortest wait.
        assert stage.queue("one").enter(replace(feed, times={})) == Next(Step.TURN, 10)
        assert stage.feed("one").message == "2 SKUs have a submission that is not answered yet."

    def test_who_waits_at_a_gate_that_another_feed_keeps_closed_stays_there(self, stage: Stage) -> None:
        stage.checked("one")
        for name in ("one", "two"):
            stage.world.ledger.close_gate("A1", ACCOUNT.gate, name)
        stage.world.entered(1)
        stage.enter("one")
        assert stage.world.ledger.gate("A1", ACCOUNT.gate).waiting == ("1",)
        assert stage.lane().waiters == ()


class TestLeave:
    def lane_writes(self, stage: Stage) -> list[str]:
        """The lanes that are written when the feed leaves."""
        stage.world.aws.calls.clear()
        stage.queue("one").leave(stage.feed("one"))
        keys = [given["Key"]["SubmissionId"]["S"] for name, given in stage.world.aws.calls if name == "UpdateItem"]
        return [key for key in keys if key.startswith("LANE#")]

    def test_a_lane_in_which_nobody_waits_is_not_written(self, stage: Stage) -> None:
        """A file has up to 25,000 of them."""
        stage.checked("one")
        stage.enter("one")
        assert self.lane_writes(stage) == []
        assert not stage.world.ledger.feed_runs("A1", "FEED#one")

    def test_who_waits_for_the_feed_is_next(self, stage: Stage) -> None:
        stage.checked("one")
        stage.enter("one")
        stage.world.entered(1)
        assert self.lane_writes(stage) == [cup()[0].lane]
        assert (stage.lane().holder, stage.world.started) == ("1", ["1"])

    def test_a_feed_that_never_held_the_lane_waits_in_it_no_more(self, stage: Stage) -> None:
        stage.world.entered(1)
        stage.checked("one")
        stage.enter("one")
        assert stage.lane().waiters == ("FEED#one",)
        assert self.lane_writes(stage) == [cup()[0].lane]
        assert (stage.lane().holder, stage.lane().waiters) == ("1", ())

    def test_others_in_the_lane_stay_and_their_execution_is_started_again(self, stage: Stage) -> None:
        """An earlier attempt may have ended between the lane and the start of the execution."""
        stage.checked("one")
        stage.world.entered(1)
        stage.world.entered(2, PATCH)
        stage.world.started.clear()
        assert self.lane_writes(stage) == []
        assert (stage.lane().holder, stage.lane().waiters, stage.world.started) == ("1", ("2",), ["1"])

    def test_a_lane_of_another_feed_is_left_alone(self, stage: Stage) -> None:
        stage.checked("one")
        stage.checked("two")
        stage.world.ledger.feed_began("A1", "FEED#two")
        stage.world.ledger.enter_feed("FEED#two", cup())
        stage.world.ledger.feed_ended("A1", "FEED#two")
        assert self.lane_writes(stage) == []

    def test_a_feed_that_was_not_checked_holds_no_lane(self, stage: Stage) -> None:
        stage.checked("one")
        stage.enter("one")
        item = stage.memory.find(FeedRequestId="one") or {}
        del item["Counts"]
        stage.queue("one").close_gate(stage.feed("one"))
        stage.queue("one").leave(stage.feed("one"))
        assert stage.world.ledger.feed_runs("A1", "FEED#one")
        assert stage.world.ledger.gate("A1", ACCOUNT.gate).feeds == ()
        assert stage.ledger.queue(ACCOUNT).feeds == ()

    def test_a_feed_without_a_list_of_its_messages_can_leave(self, stage: Stage) -> None:
        stage.checked("one")
        del stage.bucket.objects[stage.files("one").key(MESSAGES)]
        assert self.lane_writes(stage) == []
        assert stage.ledger.queue(ACCOUNT).feeds == ()


class TestNews:
    @pytest.mark.parametrize(
        ("news", "polled", "is_news"),
        [
            (None, None, False),
            ("2026-11-26T12:01:00+00:00", None, True),
            ("2026-11-26T12:00:00+00:00", None, False),
            ("2026-11-26T12:02:00+00:00", "2026-11-26T12:01:00+00:00", True),
            ("2026-11-26T12:01:00+00:00", "2026-11-26T12:01:00+00:00", False),
        ],
    )
    def test_what_is_news_of_amazon(self, stage: Stage, news: str | None, polled: str | None, *, is_news: bool) -> None:
        feed = replace(record("one"), news=news, polled=polled, times={"SentTime": "2026-11-26T12:00:00+00:00"})
        assert stage.queue("one").is_news(feed, Step.POLL) is is_news

    @pytest.mark.parametrize("polled", [None, ""])
    def test_a_notice_about_a_feed_whose_sending_has_no_time_is_news(self, stage: Stage, polled: str | None) -> None:
        assert stage.queue("one").is_news(replace(record("one"), news="2026", polled=polled), Step.POLL) is True

    def test_a_feed_that_may_enter_is_not_first_yet(self, stage: Stage) -> None:
        stage.checked("one")
        stage.checked("two")
        stage.enter("one")
        news = [stage.queue("two").is_news(stage.feed("two"), step) for step in (Step.ENTER, Step.TURN)]
        assert news == [True, False]


class TestRecords:
    SENT: Mapping[str, Any] = {
        "submissionId": "s-1",
        "sku": "CUP",
        "operation": "UPDATE",
        "productType": "LUGGAGE",
        "status": "PUBLISHED",
        "message": "why",
        "asin": "B0CUP",
        "issues": [{"message": "no"}],
        "messageId": 7,
    }

    def ended(self, stage: Stage, **changed: object) -> FeedRecord:
        content = json.dumps({**self.SENT, **changed}).encode() + b"\n"
        stage.bucket.objects[stage.files("one").key(RESULTS)] = content
        times = {"SentTime": "2026-11-26T12:01:00+00:00", "OutcomeTime": "2026-11-26T12:30:00+00:00"}
        return replace(stage.checked("one"), counts=Counts(2, 1, 1), has_results=True, times=times)

    def test_a_message_becomes_a_submission_that_was_acknowledged(self, stage: Stage) -> None:
        account = FeedOf("A1", Region.EU, ("M1", "M2"), "MOULI", Party.VENDOR)
        assert stage.queue("one").record_messages(replace(self.ended(stage), account=account)) == 1
        (item,) = [item for item in stage.world.table.items if item["SubmissionId"] == "s-1"]
        assert unpacked(item.pop("Issues")) == [{"message": "no"}]
        assert item == {
            "SubmissionId": "s-1",
            "SellerId": "A1",
            "RegionCode": "EU",
            "MarketplaceId": "M1",
            "Sku": "CUP",
            "ListingSellerId": "MOULI",
            "PartyType": "VENDOR",
            "Operation": "PUT",
            "ProductType": "LUGGAGE",
            "Status": "PUBLISHED",
            "Message": "why",
            "Asin": "B0CUP",
            "FeedRequestId": "one",
            "MessageId": 7,
            "ReceivedTime": "2026-11-26",
            "SentTime": "2026-11-26T12:01:00+00:00",
            "OutcomeTime": "2026-11-26T12:30:00+00:00",
            "AnnouncedTime": "2026-11-26T12:30:00+00:00",
            # As long as other submissions.
            "ExpiresAt": int((NOW + timedelta(days=30)).timestamp()),
        }

    @pytest.mark.parametrize(
        ("operation", "recorded"),
        [("UPDATE", "PUT"), ("PARTIAL_UPDATE", "PATCH"), ("PATCH", "PATCH"), ("DELETE", "DELETE")],
    )
    def test_an_operation_is_that_of_a_submission(self, stage: Stage, operation: str, recorded: str) -> None:
        stage.queue("one").record_messages(self.ended(stage, operation=operation))
        found = stage.world.ledger.find("A1", "s-1")
        assert found is not None
        assert str(found.payload.operation) == recorded

    @pytest.mark.parametrize("status", [str(one) for one in ResultStatus if one is not ResultStatus.NOT_SENT])
    def test_a_result_is_the_status_of_a_submission(self, stage: Stage, status: str) -> None:
        stage.queue("one").record_messages(self.ended(stage, status=status))
        found = stage.world.ledger.find("A1", "s-1")
        assert found is not None
        assert str(found.status) == status

    def test_each_message_that_was_sent_gets_a_record(self, stage: Stage) -> None:
        ended = "2026-11-26T12:30:00+00:00"
        feed = replace(stage.checked("one"), counts=Counts(2, 1, 1), has_results=True, times={"OutcomeTime": ended})
        sent = {
            "submissionId": "s-1",
            "sku": "CUP",
            "operation": "PARTIAL_UPDATE",
            "status": "REFUSED",
            "message": "why",
            "issues": [{"message": "no"}],
            "messageId": 7,
        }
        content = json.dumps(sent).encode() + b"\n" + b'{"sku": "BAD", "status": "INVALID"}\n'
        stage.bucket.objects[stage.files("one").key(RESULTS)] = content
        assert stage.queue("one").record_messages(feed) == 1
        found = stage.world.ledger.find("A1", "s-1")
        assert found is not None
        assert (found.status, found.message, str(found.payload.operation)) == (Status.REFUSED, "why", "PATCH")
        assert found.times == {"OutcomeTime": ended, "AnnouncedTime": ended}
        assert (found.feed_request_id, found.issues) == ("one", ({"message": "no"},))
        for without in (replace(feed, counts=None), replace(feed, has_results=False), replace(feed, counts=Counts(2))):
            assert stage.queue("one").record_messages(without) == 0

    def test_a_removed_seller_gets_no_records(self, stage: Stage) -> None:
        feed = self.ended(stage)
        stage.memory.items.clear()
        assert stage.queue("one").record_messages(feed) == 0
        assert stage.world.ledger.find("A1", "s-1") is None


@pytest.mark.parametrize(
    ("state", "reason", "status", "message"),
    [
        (FeedState.CANCELLED, "", "NOT_SENT", "The feed was cancelled before Amazon processed it."),
        (FeedState.CANCELLED, "by you", "NOT_SENT", "The feed was cancelled before Amazon processed it: by you"),
        (
            FeedState.FATAL,
            "",
            "UNKNOWN",
            "Amazon aborted the feed (FATAL). Some, none or all of its messages may have been processed.",
        ),
        (
            FeedState.FATAL,
            "it broke",
            "UNKNOWN",
            "Amazon aborted the feed (FATAL). Some, none or all of its messages may have been processed: it broke",
        ),
        (FeedState.DONE, "", "UNKNOWN", "Amazon has ended the feed, but has no processing report for it."),
    ],
)
def test_what_is_known_without_a_report(state: FeedState, reason: str, status: str, message: str) -> None:
    verdict = _without_report(state, reason)
    assert (verdict.status, verdict.message) == (ResultStatus(status), message)


@pytest.mark.parametrize("has_results", [True, False])
@pytest.mark.parametrize("has_report", [True, False])
def test_an_end_says_what_there_is_to_read(stage: Stage, *, has_results: bool, has_report: bool) -> None:
    feed = stage.checked("one")
    ended = stage.ledger.concluded(feed, FeedState.DONE, "why", has_results=has_results, has_report=has_report)
    assert ended
    found = stage.feed("one")
    assert (found.state, found.has_results, found.has_report) == (FeedState.DONE, has_results, has_report)


@pytest.mark.parametrize("content", [b'{"header": {}}' * 50_000, b"{}", b"\x1f", b""])
def test_a_report_is_read_whether_it_is_compressed_or_not(tmp_path: Path, content: bytes) -> None:
    for name, stored in (("plain", content), ("gzip", gzip.compress(content))):
        (tmp_path / name).write_bytes(stored)
        assert b"".join(_inflated(tmp_path / name)) == content


def test_a_report_comes_in_pieces_of_64_kib(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x" * (2 * 64 * 1024 + 1))
    assert [len(piece) for piece in _inflated(tmp_path / "plain")] == [65_536, 65_536, 1]


class TestShow:
    @pytest.fixture
    def shown(self, stage: Stage) -> Any:
        stage.checked("one")
        for name, entries in ((RESULTS, ("PUBLISHED", "INVALID")), (PROBLEMS, ("INVALID",))):
            lines = [json.dumps({"status": status}).encode() + b"\n" for status in entries]
            stage.bucket.objects[stage.files("one").key(name)] = b"".join(lines)
        links: Any = SimpleNamespace(presign_all=lambda keys, _: [Link(f"https://{key}", NOW) for key in keys])

        def shown(*, only_problems: bool = False, **changed: object) -> Mapping[str, Any]:
            feed = replace(stage.feed("one"), **changed)
            ledger: Any = SimpleNamespace(find=lambda *_: feed)
            request = ShowRequest("A1", "one", only_problems, 100, 0)
            return show_feed(ledger, links, lambda one: stage.files(one.feed_request_id), request)

        return shown

    def test_a_feed_that_has_ended_has_its_results(self, shown: Any) -> None:
        ended = {"state": FeedState.DONE, "has_results": True, "has_report": True}
        answer = shown(**ended)
        assert [entry["status"] for entry in answer["results"]] == ["PUBLISHED", "INVALID"]
        assert answer["links"].keys() == {"results", "processingReport", "document"}
        assert answer["links"]["results"]["url"].endswith(RESULTS)
        assert [entry["status"] for entry in shown(only_problems=True, **ended)["results"]] == ["INVALID"]

    @pytest.mark.parametrize(
        "changed",
        [
            {"state": FeedState.QUEUED},
            {"state": FeedState.PROCESSING, "has_results": True},
            {"state": FeedState.CHECKED, "has_results": True},
            {"state": FeedState.REFUSED, "has_results": True},
            {"state": FeedState.FAILED},
            {"state": FeedState.FAILED, "has_results": True, "counts": None},
        ],
    )
    def test_any_other_has_the_problems_of_its_file(self, shown: Any, changed: dict[str, Any]) -> None:
        answer = shown(**changed)
        assert [entry["status"] for entry in answer["results"]] == ["INVALID"]
        assert answer["links"]["results"]["url"].endswith(PROBLEMS)

    def test_one_that_was_not_checked_has_neither(self, shown: Any) -> None:
        assert not {"results", "links"} & shown(state=FeedState.CHECKING, times={}).keys()
