"""One invocation for a feed: which part does a step, what the functions pass on, and in which order."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from quickstart import clients
from quickstart.listings import feed_wiring, wiring
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import FeedMode, FeedRecord, FeedState
from quickstart.listings.feed_requests import FeedDesk
from quickstart.listings.feed_sending import Next, Step
from quickstart.listings.feed_work import FeedWorker
from quickstart.validation import Fields
from reference.endpoints import CHECKOUT, _load
from tests.unit.quickstart.listings.test_feed_events import NOW, Stage, finished
from tests.unit.quickstart.listings.test_feed_lanes import FRANCE, record
from tests.unit.quickstart.support import Aws, Context, MemoryTable
from tests.unit.quickstart.test_http_api import event

LogLines = Callable[[], list[dict[str, Any]]]


FEED = "the feed"


class Part:
    """A part of the worker: it notes what it is asked to do."""

    def __init__(self, name: str, done: list[tuple[Any, ...]], answers: Mapping[str, Any]) -> None:
        self._name, self._done, self._answers = name, done, answers

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def note(*given: Any) -> Any:
            self._done.append(
                (f"{self._name}.{method}", *(FEED if isinstance(one, FeedRecord) else one for one in given))
            )
            answer = self._answers.get(method)
            return answer() if callable(answer) else answer

        return note


class Work:
    """A worker, and what its parts did."""

    def __init__(self, **answers: Any) -> None:
        self.done: list[tuple[Any, ...]] = []
        parts: list[Any] = [
            Part(name, self.done, answers) for name in ("ledger", "check", "queue", "sender", "announcer")
        ]
        self.worker = FeedWorker(*parts)

    def run(self, feed: FeedRecord, step: Step, *reason: str) -> tuple[Next, list[tuple[Any, ...]]]:
        return self.worker.run(feed, step, *reason), self.done


QUEUED = record("one")
ENDED = record("one", FeedState.DONE)
FOLLOWING = Next(Step.POLL, 7)


@pytest.mark.parametrize(
    ("step", "part"),
    [
        (Step.ENTER, "queue.enter"),
        (Step.TURN, "queue.turn"),
        (Step.SEND, "sender.send"),
        (Step.POLL, "sender.poll"),
        (Step.COLLECT, "sender.collect"),
    ],
)
def test_each_step_is_done_by_its_part_unless_the_feed_has_ended(step: Step, part: str) -> None:
    answers = {part.partition(".")[2]: FOLLOWING}
    assert Work(**answers).run(QUEUED, step) == (FOLLOWING, [(part, FEED)])
    assert Work(**answers).run(ENDED, step) == (Next(Step.ACKNOWLEDGE), [])


def test_a_feed_is_given_up_with_the_reason() -> None:
    for feed in (QUEUED, ENDED):
        work = Work(give_up=FOLLOWING)
        assert work.run(feed, Step.GIVE_UP, "it timed out") == (FOLLOWING, [("sender.give_up", FEED, "it timed out")])


def test_a_feed_leaves_its_lanes_before_its_end_is_told() -> None:
    """Whoever is told may at once send what waits behind the feed."""
    done = [("queue.record_messages", FEED), ("queue.leave", FEED), ("announcer.announce", FEED)]
    assert Work().run(ENDED, Step.ACKNOWLEDGE) == (Next(Step.END), done)


def test_nothing_comes_after_the_end() -> None:
    assert Work().run(QUEUED, Step.END) == (Next(Step.END), [])


@pytest.mark.parametrize(
    ("state", "mode", "found", "following", "done"),
    [
        (
            FeedState.CHECKING,
            FeedMode.PUBLISH,
            QUEUED,
            Step.ENTER,
            [("queue.close_gate", FEED), ("check.check", FEED)],
        ),
        # What is only checked stops nobody.
        (FeedState.CHECKING, FeedMode.CHECK, ENDED, Step.ACKNOWLEDGE, [("check.check", FEED)]),
        (FeedState.CHECKING, FeedMode.CHECK, None, Step.ACKNOWLEDGE, [("check.check", FEED)]),
        # It was checked before.
        (FeedState.QUEUED, FeedMode.PUBLISH, QUEUED, Step.ENTER, []),
    ],
)
def test_a_file_is_checked_once_while_submissions_wait_at_the_gate(
    state: FeedState, mode: FeedMode, found: FeedRecord | None, following: Step, done: list[Any]
) -> None:
    feed = replace(record("one", state), mode=mode)
    assert Work(find=lambda: found).run(feed, Step.CHECK) == (Next(following), [*done, ("ledger.find", "A1", "one")])


def test_a_step_as_the_state_machine_reads_it() -> None:
    assert Next(Step.END).to_workflow() == {"Step": "END", "WaitSeconds": 0, "ForNews": False, "Slot": {}}
    following = Next(Step.POLL, 120, for_news=True, slot={"Operation": "getFeeds"})
    assert following.to_workflow() == {
        "Step": "POLL",
        "WaitSeconds": 120,
        "ForNews": True,
        "Slot": {"Operation": "getFeeds"},
    }


def handler(function: str) -> Any:
    return _load(CHECKOUT / f"functions/{function}/app.py").handler


class TestEvents:
    SCHEDULED: Mapping[str, Any] = {"detail-type": "Scheduled Event"}

    @pytest.fixture
    def stage(self, monkeypatch: pytest.MonkeyPatch) -> Stage:
        made = Stage()
        monkeypatch.setattr(feed_wiring, "events", lambda: made.events)
        made.now = NOW + timedelta(hours=1, minutes=10)
        return made

    def test_an_event_is_taken_and_nothing_is_swept(self, stage: Stage) -> None:
        uploaded: dict[str, Any] = {
            "detail-type": "Object Created",
            "detail": {"object": {"key": "A1/none/upload", "size": 1}},
        }
        handler("listing_feed_events")(uploaded, Context())
        assert stage.started == []
        handler("listing_feed_events")(finished("7"), Context())
        uploaded["detail"] = {"object": {"key": "A1/one/upload", "size": 1}}
        handler("listing_feed_events")(uploaded, Context())
        assert stage.started == [("one", "CHECK")]

    def test_a_scheduled_event_starts_what_was_left_alone(self, stage: Stage, log_lines: LogLines) -> None:
        handler("listing_feed_events")(self.SCHEDULED, Context())
        assert stage.started == [("one", "CHECK")]
        (line,) = log_lines()
        assert (line["level"], line["message"], line["repaired"], line["function_request_id"]) == (
            "WARNING",
            "feeds had been left alone",
            1,
            "function-request-1",
        )
        handler("listing_feed_events")(self.SCHEDULED, Context())
        assert len(log_lines()) == 1

    @pytest.mark.parametrize(("seconds", "started"), [(19.999, 0), (20, 1)])
    def test_the_sweep_leaves_20_seconds_for_a_feed(self, stage: Stage, seconds: float, started: int) -> None:
        handler("listing_feed_events")(self.SCHEDULED, Context(seconds))
        assert len(stage.started) == started


class TestWorker:
    @pytest.fixture(autouse=True)
    def _parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = Aws(SendTaskSuccess=lambda _: {})
        self.memory = MemoryTable(self.aws, "FeedRequestId", "SellerId")
        self.ledger = FeedLedger(self.memory.table, timedelta(days=1), lambda: NOW)
        self.ledger.receive(record("one"))
        self.built: list[Any] = []
        self.ran: list[Any] = []
        self.news = False
        states = self.aws.client("stepfunctions")
        monkeypatch.setattr(clients, "states", lambda: states)
        monkeypatch.setattr(feed_wiring, "feed_ledger", lambda: self.ledger)
        monkeypatch.setattr(feed_wiring, "worker", self._worker)
        monkeypatch.setenv("LISTING_STATE_MACHINE_ARN", "arn:listings")

    def _worker(self, feed: FeedRecord, *given: object) -> Any:
        self.built.append((feed.feed_request_id, *given[:2]))
        queue = SimpleNamespace(is_news=lambda _, step: step is Step.TURN and self.news)
        return SimpleNamespace(run=self._run, queue=queue)

    def _run(self, feed: FeedRecord, *given: object) -> Next:
        self.ran.append((feed.feed_request_id, *given))
        return FOLLOWING

    def work(self, **given: Any) -> Any:
        step = {"FeedRequestId": "one", "SellerId": "A1", "Step": "TURN", **given}
        return handler("listing_feed_worker")(step, Context())

    @property
    def woken(self) -> list[tuple[str, str]]:
        return [(given["taskToken"], given["output"]) for name, given in self.aws.calls if name == "SendTaskSuccess"]

    def test_a_step_is_done(self) -> None:
        assert self.work() == FOLLOWING.to_workflow()
        slot = {"Operation": "getFeeds"}
        self.work(Step="GIVE_UP", Reason="why", Slot=slot)
        self.work(Slot=None)
        assert self.built == [("one", {}, "arn:listings"), ("one", slot, "arn:listings"), ("one", {}, "arn:listings")]
        assert self.ran == [("one", Step.TURN, ""), ("one", Step.GIVE_UP, "why"), ("one", Step.TURN, "")]

    def test_a_feed_whose_seller_was_removed_has_no_more_steps(self, log_lines: LogLines) -> None:
        self.memory.items.clear()
        assert self.work() == {"Step": "END", "WaitSeconds": 0, "ForNews": False, "Slot": {}}
        (line,) = log_lines()
        assert (line["level"], line["message"], line["execution"], line["seller_id"], line["feed_step"]) == (
            "INFO",
            "feed is no longer in the ledger",
            "one",
            "A1",
            "TURN",
        )

    def test_an_execution_waits_with_its_token(self) -> None:
        assert self.work(TaskToken="token") == {}
        assert (self.ledger.find("A1", "one") or ENDED).task_token == "token"
        assert (self.woken, self.ran) == ([], [])

    def test_it_goes_on_at_once_when_the_news_is_there_already(self) -> None:
        self.news = True
        self.work(TaskToken="token", Step="ENTER")
        assert self.woken == []
        assert self.work(TaskToken="token") == {}
        assert self.woken == [("token", '{"News": true}')]

    def test_it_goes_on_at_once_when_the_feed_has_ended(self) -> None:
        self.memory.items[0]["Status"] = "FAILED"
        self.work(TaskToken="token")
        assert self.woken == [("token", '{"News": true}')]

    def test_it_goes_on_at_once_when_the_seller_is_removed_meanwhile(self) -> None:
        write = self.aws.answers["UpdateItem"]

        def and_then_it_is_gone(given: Mapping[str, Any]) -> Mapping[str, Any]:
            answer = write(given)
            self.memory.items.clear()
            return answer

        self.aws.answers["UpdateItem"] = and_then_it_is_gone
        self.work(TaskToken="token")
        assert self.woken == [("token", '{"News": true}')]


def clear_caches() -> None:
    for module in (feed_wiring, wiring):
        for one in vars(module).values():
            if hasattr(one, "cache_clear"):
                one.cache_clear()


class TestWiring:
    @pytest.fixture(autouse=True)
    def _settings(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        values = {
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_REGION": "eu-west-1",
            "EVENT_BUS_NAME": "bus",
            "LISTINGS_TABLE": "listings",
            "LISTING_FEEDS_BUCKET": "feeds-bucket",
            "LISTING_FEEDS_TABLE": "feeds",
            "LISTING_FEEDS_URL": "https://feeds",
            "LISTING_FEED_LINK_ROLE_ARN": "arn:aws:iam::1:role/links",
            "LISTING_FEED_TOPIC_ARN": "arn:topic",
            "LISTING_RETENTION_DAYS": "90",
            "STACK_NAME": "stack",
            "STATE_MACHINE_ARN": "arn:machine",
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        clear_caches()
        yield
        clear_caches()

    def test_links_are_signed_with_the_role_of_feeds_for_an_hour(self) -> None:
        links = feed_wiring.feed_links()
        assert (links.reader_role_arn, links.bucket, links.lifetime) == (
            "arn:aws:iam::1:role/links",
            "feeds-bucket",
            timedelta(hours=1),
        )
        assert (links.sts, links.unsigned_s3) == (clients.sts(), clients.s3_unsigned())

    def test_feeds_are_kept_as_long_as_listings(self) -> None:
        ledger = feed_wiring.feed_ledger()
        assert (ledger.table.name, ledger.kept) == ("feeds", timedelta(days=90))

    def test_a_feeds_objects_are_in_the_bucket_of_feeds(self) -> None:
        files = feed_wiring.files(record("one"))
        assert (files.bucket, files.key("upload")) == ("feeds-bucket", "A1/one/upload")

    def test_a_step_has_half_a_minute_to_record_its_outcome(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
        worker = feed_wiring.worker(record("one"), {"Operation": "getFeeds"}, "arn:listings", Context(100))
        assert worker.sender.deadline.at == 1070
        assert worker.sender.slot == {"Operation": "getFeeds"}
        assert worker.queue.lanes.machine.arn == "arn:listings"
        announcer = worker.announcer
        assert (announcer.bus_name, announcer.topic_arn, announcer.feeds_url) == ("bus", "arn:topic", "https://feeds")
        assert announcer.links() is feed_wiring.feed_links()

    def test_events_start_executions_of_the_machine_of_feeds(self) -> None:
        events = feed_wiring.events()
        assert (events.machine.arn, events.bucket) == ("arn:machine", "feeds-bucket")
        assert (events.machine.states, events.s3) == (clients.states(), clients.s3_documents())


class TestRequests:
    def test_each_route_answers_with_what_it_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        aws = Aws()
        memory = MemoryTable(aws, "FeedRequestId", "SellerId")
        ledger = FeedLedger(memory.table, timedelta(days=1), lambda: NOW)
        links: Any = None
        monkeypatch.setattr(feed_wiring, "feed_ledger", lambda: ledger)
        monkeypatch.setattr(feed_wiring, "feed_links", lambda: links)
        monkeypatch.setattr(feed_wiring, "files", lambda _: None)
        monkeypatch.setattr(feed_wiring, "desk", lambda: FeedDesk(ledger, links, lambda *_: None, lambda: NOW))
        monkeypatch.setattr(FeedDesk, "_upload", lambda *_: {"method": "PUT"})
        routes = _load(CHECKOUT / "functions/listing_feeds/app.py").ROUTES
        new = {"SellerId": "A1", "RegionCode": "EU", "MarketplaceIds": FRANCE}
        requested = routes["POST /listings/feeds"](Fields(new))
        feed_request_id = requested["feedRequestId"]
        assert requested == {
            "feedRequestId": feed_request_id,
            "status": "AWAITING_UPLOAD",
            "upload": {"method": "PUT"},
        }
        found = routes["GET /listings/feeds/{feedRequestId}"](
            Fields({"SellerId": "A1", "FeedRequestId": feed_request_id})
        )
        assert (found["feedRequestId"], found["status"]) == (feed_request_id, "AWAITING_UPLOAD")
        aws.answers["Query"] = aws.answers["Scan"]
        assert routes["GET /listings/feeds"](Fields({"SellerId": "A1"})) == {"feeds": [found]}

    @pytest.mark.parametrize("method", ["POST", "GET"])
    def test_a_request_without_fields_is_answered_with_what_is_missing(self, method: str) -> None:
        answer = handler("listing_feeds")(event(method, "/listings/feeds"), Context())
        assert (answer["statusCode"], "SellerId" in answer["body"]) == (400, True)
