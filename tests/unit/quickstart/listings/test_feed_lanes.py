"""Feeds in the lanes of their SKUs and in the queue of their account: ordered, and none overtakes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quickstart.dynamodb import Table, TableBusyError
from quickstart.listings.feed_ledger import FeedLedger, Queue
from quickstart.listings.feed_records import FeedMode, FeedOf, FeedRecord, FeedState, OnBadMessages
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.records import ListingOf, Operation, Payload, Record, Status, message_submission_id
from sp_api.regions import Region
from tests.unit.quickstart.listings.test_lanes import World
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable
from tests.unit.sp_api.support import ScriptedServer

FRANCE = "A13V1IB3VIYZZH"
ACCOUNT = FeedOf("A1", Region.EU, (FRANCE,), "A1")
PUT = Payload(Operation.PUT, "LUGGAGE", "LISTING", {"color": [{"value": "blue"}]})
PATCH = Payload(Operation.PATCH, "LUGGAGE", patches=({"op": "add", "attribute": "color", "value": [{"value": "b"}]},))
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FEED, LATER = "FEED#one", "FEED#two"


def record(name: str, state: FeedState = FeedState.QUEUED) -> FeedRecord:
    return FeedRecord(
        name, ACCOUNT, FeedMode.PUBLISH, OnBadMessages.REFUSE, "hash", state, "2026-11-26", "2026-11-26T13:00:00+00:00"
    )


@pytest.fixture
def world(server: ScriptedServer) -> World:
    return World(server)


@pytest.fixture
def ledger(world: World) -> ListingLedger:
    return world.ledger


def cup() -> list[ListingOf]:
    return ACCOUNT.listings("CUP")


class TestLanes:
    def test_a_feed_holds_free_lanes_of_every_marketplace(self, ledger: ListingLedger) -> None:
        account = replace(ACCOUNT, marketplace_ids=(FRANCE, "A1PA6795UKMFR9"))
        listings = [listing for number in range(150) for listing in account.listings(f"S-{number}")]
        ledger.feed_began("A1", FEED)
        assert ledger.enter_feed(FEED, listings) == []
        assert {lane.holder for _, lane in ledger.lanes_of(listings)} == {FEED}

    def test_entering_again_changes_nothing(self, ledger: ListingLedger) -> None:
        ledger.feed_began("A1", FEED)
        ledger.enter_feed(FEED, cup())
        before = ledger.lane(cup()[0])
        assert ledger.enter_feed(FEED, cup()) == []
        assert ledger.lane(cup()[0]) == before

    def test_a_submission_waits_behind_a_feed_and_says_so(self, world: World) -> None:
        world.ledger.feed_began("A1", FEED)
        world.ledger.enter_feed(FEED, cup())
        waiting = world.entered(1)
        assert (waiting.status, waiting.message) == (Status.WAITING, "It waits until feed one has ended.")
        assert world.started == []

    def test_a_feed_with_a_record_that_counts_as_answered_keeps_its_lane(self, world: World) -> None:
        """The records of a feed's messages are final long before another submission comes."""
        world.ledger.feed_began("A1", FEED)
        world.ledger.enter_feed(FEED, cup())
        lane = world.table.find(SubmissionId=cup()[0].lane) or {}
        item = {**lane, "SubmissionId": message_submission_id("one", "CUP")}
        world.table.items.append({**item, "Status": "PUBLISHED"})
        world.entered(1)
        assert world.ledger.lane(cup()[0]).holder == FEED
        assert world.started == []

    def test_a_put_supersedes_submissions_and_no_feed(self, world: World) -> None:
        world.entered(1)
        world.entered(2, PATCH)
        world.ledger.feed_began("A1", FEED)
        ((_, lane),) = world.ledger.enter_feed(FEED, cup())
        assert lane.waiters == ("2", FEED)
        world.entered(3)
        assert world.ledger.lane(cup()[0]).waiters == (FEED, "3")
        assert world.record(2).status is Status.SUPERSEDED

    def test_a_feed_is_next_and_starts_no_execution(self, world: World) -> None:
        first = world.entered(1)
        world.ledger.feed_began("A1", FEED)
        world.ledger.enter_feed(FEED, cup())
        world.started.clear()
        world.lanes.leave(first)
        assert world.ledger.lane(cup()[0]).holder == FEED
        assert world.started == []

    def test_what_waited_goes_on_when_the_feed_has_ended(self, world: World) -> None:
        world.ledger.feed_began("A1", FEED)
        world.ledger.enter_feed(FEED, cup())
        world.entered(1)
        world.ledger.feed_ended("A1", FEED)
        world.lanes.feed_left(cup()[0], FEED)
        assert world.ledger.lane(cup()[0]).holder == "1"
        assert world.started == ["1"]
        world.lanes.feed_left(cup()[0], FEED)
        assert world.ledger.lane(cup()[0]).holder == "1"

    def test_a_lane_of_a_feed_that_has_ended_is_free(self, world: World) -> None:
        """Only the lanes in which somebody waits are written when a feed ends."""
        world.ledger.feed_began("A1", FEED)
        world.ledger.enter_feed(FEED, cup())
        world.ledger.feed_ended("A1", FEED)
        world.entered(1)
        assert world.ledger.lane(cup()[0]).holder == "1"
        assert world.started == ["1"]
        world.ledger.feed_began("A1", LATER)
        ((_, lane),) = world.ledger.enter_feed(LATER, cup())
        assert lane.waiters == (LATER,)

    def test_a_feed_takes_the_lane_of_one_that_has_ended(self, ledger: ListingLedger) -> None:
        ledger.feed_began("A1", FEED)
        ledger.enter_feed(FEED, cup())
        ledger.feed_ended("A1", FEED)
        ledger.feed_began("A1", LATER)
        assert ledger.enter_feed(LATER, cup()) == []

    def test_a_submission_that_begins_to_wait_while_the_feed_ends_goes_on(self, world: World) -> None:
        world.ledger.feed_began("A1", FEED)
        world.ledger.enter_feed(FEED, cup())
        received = world.receive(1)
        enter = world.ledger.enter

        def and_then_the_feed_ends(record: Record) -> Any:
            lane = enter(record)
            world.ledger.feed_ended("A1", FEED)
            return lane

        object.__setattr__(world.lanes, "ledger", _Replaced(world.ledger, enter=and_then_the_feed_ends))
        world.lanes.enter(received)
        assert world.started == ["1"]

    def test_a_feed_that_ends_while_it_waits_is_passed_over(self, world: World) -> None:
        first = world.entered(1)
        world.ledger.feed_began("A1", FEED)
        world.ledger.enter_feed(FEED, cup())
        world.entered(2, PATCH)
        world.ledger.feed_ended("A1", FEED)
        world.started.clear()
        world.lanes.leave(first)
        assert world.ledger.lane(cup()[0]).holder == "2"
        assert world.started == ["2"]

    def test_a_transaction_that_others_prevent_is_made_one_by_one(self, world: World) -> None:
        world.aws.answers["TransactWriteItems"] = _refused
        world.ledger.feed_began("A1", FEED)
        listings = [*cup(), *ACCOUNT.listings("PLATE")]
        assert world.ledger.enter_feed(FEED, listings) == []
        assert {lane.holder for _, lane in world.ledger.lanes_of(listings)} == {FEED}


class TestGate:
    """While a file is being checked, nobody knows its SKUs."""

    def closed(self, world: World, *feeds: str) -> None:
        for feed in feeds:
            world.ledger.close_gate("A1", ACCOUNT.gate, feed)

    def opened(self, world: World, feed: str) -> None:
        world.ledger.feed_began("A1", f"FEED#{feed}")
        world.ledger.enter_feed(f"FEED#{feed}", cup())
        world.ledger.open_gate("A1", ACCOUNT.gate, feed)
        world.lanes.pass_gate("A1", ACCOUNT.gate)

    def test_a_submission_waits_and_then_is_behind_the_file(self, world: World) -> None:
        self.closed(world, "one")
        waiting = world.entered(1)
        assert (waiting.status, "checked a file" in waiting.message) == (Status.WAITING, True)
        assert (world.started, world.ledger.lane(cup()[0]).recent) == ([], ())
        self.opened(world, "one")
        lane = world.ledger.lane(cup()[0])
        assert (lane.holder, lane.waiters) == (FEED, ("1",))
        assert world.record(1).message == "It waits until feed one has ended."

    def test_a_file_without_its_sku_delays_it_and_no_more(self, world: World) -> None:
        self.closed(world, "one")
        world.entered(1)
        world.ledger.open_gate("A1", ACCOUNT.gate, "one")
        world.lanes.pass_gate("A1", ACCOUNT.gate)
        assert (world.ledger.lane(cup()[0]).holder, world.started) == ("1", ["1"])
        assert world.ledger.gate("A1", ACCOUNT.gate).waiting == ()

    def test_it_stays_closed_until_all_files_have_entered(self, world: World) -> None:
        self.closed(world, "one", "two", "one")
        world.entered(1)
        self.opened(world, "one")
        assert world.ledger.gate("A1", ACCOUNT.gate).waiting == ("1",)
        self.opened(world, "two")
        assert world.ledger.lane(cup()[0]).waiters == (LATER, "1")

    def test_who_comes_while_others_pass_is_behind_them(self, world: World) -> None:
        self.closed(world, "one")
        world.entered(1, PATCH)
        # The gate is open, but nobody has let the first one pass yet: its worker was interrupted.
        world.ledger.open_gate("A1", ACCOUNT.gate, "one")
        world.entered(2, PATCH)
        lane = world.ledger.lane(cup()[0])
        assert (lane.holder, lane.waiters) == ("1", ("2",))
        assert world.ledger.gate("A1", ACCOUNT.gate).waiting == ()

    def test_a_submission_that_is_gone_or_answered_stops_nobody(self, world: World) -> None:
        self.closed(world, "one")
        for number in (1, 2, 3):
            world.entered(number, PATCH)
        world.ledger.concluded(world.record(1), Status.FAILED, "")
        world.table.items = [item for item in world.table.items if item["SubmissionId"] != "2"]
        world.ledger.open_gate("A1", ACCOUNT.gate, "one")
        world.lanes.pass_gate("A1", ACCOUNT.gate)
        assert (world.ledger.lane(cup()[0]).holder, world.started) == ("3", ["3"])

    def test_other_accounts_and_regions_have_gates_of_their_own(self, world: World) -> None:
        world.ledger.close_gate("A1", replace(ACCOUNT, region=Region.NA).gate, "one")
        world.ledger.close_gate("A2", ACCOUNT.gate, "one")
        assert world.entered(1).status is Status.RECEIVED


class _Replaced:
    """The ledger, with one method replaced."""

    def __init__(self, ledger: ListingLedger, **replaced: Callable[..., Any]) -> None:
        self._ledger, self._replaced = ledger, replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced.get(name) or getattr(self._ledger, name)


def _refused(_: Any) -> Any:
    raise AwsError("TransactionCanceledException")


class TestQueue:
    def test_feeds_enter_and_are_first_in_the_order_of_their_uploads(self) -> None:
        aws = Aws()
        ledger = FeedLedger(MemoryTable(aws, "FeedRequestId", "SellerId").table, timedelta(days=1), lambda: NOW)
        first, second = record("one"), record("two")
        ledger.join(first)
        queue = ledger.join(second)
        assert queue.feeds == ("one", "two")
        assert (queue.may_enter("one"), queue.may_enter("two")) == (True, False)
        assert ledger.join(first).feeds == ("one", "two")
        queue = ledger.entered(first)
        assert (queue.may_enter("two"), queue.is_first("two")) == (True, False)
        queue = ledger.left(ACCOUNT, "one")
        assert (queue.feeds, queue.entered, queue.is_first("two")) == (("two",), (), True)
        assert ledger.left(ACCOUNT, "one") == queue

    def test_a_feed_that_is_in_no_queue_is_behind_all(self) -> None:
        queue = Queue(("one",), ())
        assert not queue.is_first("two")
        assert not queue.may_enter("two")

    def test_accounts_and_regions_have_queues_of_their_own(self) -> None:
        ledger = FeedLedger(MemoryTable(Aws(), "FeedRequestId", "SellerId").table, timedelta(days=1), lambda: NOW)
        ledger.join(record("one"))
        other = replace(record("two"), account=replace(ACCOUNT, region=Region.NA))
        vendor = replace(record("three"), account=replace(ACCOUNT, listing_seller_id="MOULI"))
        assert ledger.join(other).feeds == ("two",)
        assert ledger.join(vendor).feeds == ("three",)


class TestBatches:
    def test_what_is_not_processed_is_sent_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("quickstart.dynamodb._BATCH_PAUSES", (0.0, 0.0))
        aws = Aws()
        memory = MemoryTable(aws, "SubmissionId", "SellerId")
        whole, busy = aws.answers["BatchWriteItem"], [True, False]

        def half(given: Any) -> Any:
            if not busy.pop():
                return whole(given)
            ((name, requests),) = given["RequestItems"].items()
            whole({"RequestItems": {name: requests[:1]}})
            return {"UnprocessedItems": {name: requests[1:]}}

        busy.reverse()
        aws.answers["BatchWriteItem"] = half
        assert memory.table.put_many({"SubmissionId": str(n), "SellerId": "A1"} for n in range(3)) == 3
        assert len(memory.items) == 3

    @pytest.mark.parametrize("operation", ["BatchWriteItem", "BatchGetItem"])
    def test_a_table_that_stays_busy(self, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
        monkeypatch.setattr("quickstart.dynamodb._BATCH_PAUSES", (0.0, 0.0))

        def nothing(given: Any) -> Any:
            left = "UnprocessedKeys" if operation == "BatchGetItem" else "UnprocessedItems"
            return {left: given["RequestItems"], "Responses": {}}

        table = Table(Aws(**{operation: nothing}).client("dynamodb"), "table")
        one = {"SubmissionId": "1", "SellerId": "A1"}
        call = table.get_many if operation == "BatchGetItem" else table.put_many
        with pytest.raises(TableBusyError, match="does not keep up"):
            call([one])


class TestRecordsOfMessages:
    """The seller is removed while the outcomes of a feed's messages are recorded: first the feed, then the records."""

    @staticmethod
    def items(number: int) -> list[dict[str, str]]:
        return [{"SubmissionId": f"one#{place}", "SellerId": "A1"} for place in range(number)]

    def test_all_are_recorded_while_the_feed_has_a_record(self, ledger: ListingLedger) -> None:
        assert ledger.put_records(self.items(1200), lambda: True) == 1200

    def test_those_written_after_the_feed_was_deleted_are_deleted_again(self) -> None:
        table, answers = MemoryTable(Aws(), "SubmissionId", "SellerId"), iter([True, False])
        ledger = ListingLedger(table.table, timedelta(days=1), lambda: NOW)
        assert ledger.put_records(self.items(1200), lambda: next(answers)) == 500
        # The removal finds those before.
        assert len(table.items) == 500
