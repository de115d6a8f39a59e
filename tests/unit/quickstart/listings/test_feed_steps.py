"""A feed on its way through the account's queue and the lanes of its SKUs, step by step, and its answers meanwhile."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quickstart.links import Link
from quickstart.listings.feed_files import MESSAGES, PROBLEMS, RESULTS, FeedFiles
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import Counts, FeedRecord, FeedState, ResultStatus
from quickstart.listings.feed_requests import ShowRequest, show_feed
from quickstart.listings.feed_sending import Next, Step, _inflated, _without_report
from quickstart.listings.feed_steps import FeedQueue
from quickstart.listings.records import Status
from tests.unit.quickstart.listings.test_feed_lanes import ACCOUNT, NOW, cup, record
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

    def test_a_feed_without_a_record_leaves_the_queue(self, stage: Stage) -> None:
        stage.checked("one")
        stage.ledger.join(record("gone"))
        stage.enter("one")
        assert stage.ledger.queue(ACCOUNT).feeds == ("one",)

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
