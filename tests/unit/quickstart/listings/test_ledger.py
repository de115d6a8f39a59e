"""What the Listings table holds of a submission and a lane, and which change each status allows."""

import gzip
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from product_types_storm.cloud import DynamoDB, Trouble
from quickstart.dynamodb import ItemContestedError, Table, unmarshal
from quickstart.listings import ledger as listing_ledger
from quickstart.listings.ledger import Gate, Lane, ListingLedger, expired
from quickstart.listings.records import ListingOf, Operation, Party, Payload, Record, Status, unpacked
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable

LISTING = ListingOf("A1", Region.EU, "A13V1IB3VIYZZH", "CUP", "MOULI", Party.VENDOR)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOW_TEXT = "2026-11-26T12:00:00.000000+00:00"
# Thirty days later.
EXPIRES = 1798286400
PUT = Payload(Operation.PUT, "LUGGAGE", "LISTING", {"color": [{"value": "blue"}]}, issue_locale="en_US")
PATCH = Payload(Operation.PATCH, "LUGGAGE", patches=({"op": "merge"},))


@dataclass
class _Watched(DynamoDB):
    """Calls `after_read` once, after the next read of an item."""

    after_read: Callable[[], object] | None = None

    def get_item(self, **given: Any) -> dict[str, Any]:
        found = super().get_item(**given)
        after, self.after_read = self.after_read, None
        if after is not None:
            after()
        return found


class Book:
    """A ledger whose conditions count. `time` is its clock."""

    def __init__(self) -> None:
        self.database = _Watched(Trouble(random.Random(1)), ("SubmissionId", "SellerId"))
        self.time = NOW
        self.pauses: list[float] = []
        table = Table(cast("Any", self.database), "listings")
        self.ledger = ListingLedger(table, timedelta(days=30), lambda: self.time, self.pauses.append)

    def receive(self, number: int = 1, payload: Payload = PUT) -> Record:
        record = self.ledger.receive(str(number), LISTING, payload, "hash", "token-1")
        assert record is not None
        return record

    def item(self, key: str = "1") -> dict[str, Any]:
        return dict(unmarshal(self.database.items[key, "A1"]))

    def set(self, **values: str) -> None:
        self.database.items["1", "A1"] |= {name: {"S": value} for name, value in values.items()}


@pytest.fixture
def book() -> Book:
    return Book()


def test_a_submission_as_it_is_recorded(book: Book) -> None:
    record = book.receive()
    item = book.item()
    request = json.loads(gzip.decompress(item.pop("Request").value))
    assert item == {
        "SubmissionId": "1",
        "SellerId": "A1",
        "RegionCode": "EU",
        "MarketplaceId": "A13V1IB3VIYZZH",
        "Sku": "CUP",
        "ListingSellerId": "MOULI",
        "PartyType": "VENDOR",
        "Operation": "PUT",
        "ProductType": "LUGGAGE",
        "RequestHash": "hash",
        "ClientToken": "token-1",
        "Status": "RECEIVED",
        "ReceivedTime": NOW_TEXT,
        "Open": "LISTING",
        "DueTime": "2026-11-26T12:05:00+00:00",
        "ExpiresAt": EXPIRES,
    }
    assert request == {
        "productType": "LUGGAGE",
        "requirements": "LISTING",
        "attributes": {"color": [{"value": "blue"}]},
        "patches": [],
        "issueLocale": "en_US",
    }
    assert record == book.ledger.find("A1", "1")
    assert record == Record("1", LISTING, PUT, "hash", Status.RECEIVED, NOW_TEXT, open=True, client_token="token-1")


def test_the_same_id_is_recorded_once(book: Book) -> None:
    book.receive()
    before = book.item()
    assert book.ledger.receive("1", LISTING, PATCH, "another", None) is None
    assert book.item() == before


def test_a_deletion_has_neither_a_product_type_nor_a_token(book: Book) -> None:
    book.ledger.receive("1", LISTING, Payload(Operation.DELETE), "hash", None)
    assert {"ProductType", "ClientToken"} & set(book.item()) == set()


Change = Callable[[ListingLedger, Record], object]
OPEN = {Status.RECEIVED, Status.WAITING, Status.SENDING, Status.ACCEPTED}
FINAL = set(Status) - OPEN
CHANGES: Mapping[str, tuple[Change, set[Status], Mapping[str, object]]] = {
    "waiting": (
        lambda ledger, record: ledger.waiting(record, "why"),
        {Status.RECEIVED, Status.WAITING},
        {"Status": "WAITING", "Message": "why"},
    ),
    "waiting without a reason": (
        lambda ledger, record: ledger.waiting(record, None),
        {Status.RECEIVED, Status.WAITING},
        {"Status": "WAITING"},
    ),
    "sending": (
        lambda ledger, record: ledger.sending(record, Lane(updated="2026-11-25T12:00:00.000000+00:00")),
        {Status.RECEIVED, Status.WAITING, Status.SENDING},
        {
            "Status": "SENDING",
            "Attempts": 3,
            "SentTime": NOW_TEXT,
            "UpdatedBefore": "2026-11-25T12:00:00.000000+00:00",
        },
    ),
    "noted": (lambda ledger, record: ledger.noted(record, "why"), {Status.SENDING}, {"Message": "why"}),
    "not sent": (
        lambda ledger, record: ledger.not_sent(record, "why"),
        {Status.SENDING},
        {"Message": "why", "Attempts": 2},
    ),
    "accepted": (
        lambda ledger, record: ledger.accepted(record, "amazon-1", [{"code": "1"}]),
        {Status.SENDING},
        {
            "Status": "ACCEPTED",
            "Message": "Amazon has accepted the submission and is processing it.",
            "AmazonSubmissionId": "amazon-1",
            "Issues": [{"code": "1"}],
            "AnsweredTime": NOW_TEXT,
        },
    ),
    "concluded": (
        lambda ledger, record: ledger.concluded(
            record, Status.INVALID, "why", asin="B0", issues=[{"code": "1"}], amazon_submission_id="amazon-1"
        ),
        OPEN,
        {
            "Status": "INVALID",
            "Message": "why",
            "Asin": "B0",
            "Issues": [{"code": "1"}],
            "AmazonSubmissionId": "amazon-1",
            "OutcomeTime": NOW_TEXT,
        },
    ),
    "concluded without issues": (
        lambda ledger, record: ledger.concluded(record, Status.FAILED, "why"),
        OPEN,
        {"Status": "FAILED", "Message": "why", "OutcomeTime": NOW_TEXT},
    ),
    "awaited": (
        lambda ledger, record: ledger.awaited(record, "token"),
        {Status.ACCEPTED},
        {"TaskToken": "token"},
    ),
    "checked": (
        lambda ledger, record: ledger.checked(record, "B0", [{"code": "1"}]),
        {Status.ACCEPTED},
        {"CheckedTime": NOW_TEXT, "Asin": "B0", "Issues": [{"code": "1"}]},
    ),
    "noticed": (
        lambda ledger, record: ledger.noticed(record),
        {Status.SENDING, Status.ACCEPTED},
        {"NoticedTime": NOW_TEXT},
    ),
    "announced": (
        lambda ledger, record: ledger.announced(record),
        FINAL,
        {"AnnouncedTime": NOW_TEXT, "Open": None, "DueTime": None},
    ),
    "postponed": (
        lambda ledger, record: ledger.postponed(record, NOW + timedelta(hours=1)),
        OPEN,
        {"DueTime": "2026-11-26T13:00:00+00:00"},
    ),
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_made_only_if_the_status_allows_it(book: Book, name: str, status: Status) -> None:
    """None stands for an attribute that is removed."""
    change, allowed, values = CHANGES[name]
    book.receive()
    book.set(Status=str(status))
    book.database.items["1", "A1"]["Attempts"] = {"N": "2"}
    before, record = book.item(), book.ledger.find("A1", "1")
    assert record is not None
    changed = change(book.ledger, record)
    after = book.item()
    if "Issues" in after:
        after["Issues"] = unpacked(after["Issues"])
    if status in allowed:
        whole = before | dict(values)
        assert after == {attribute: value for attribute, value in whole.items() if value is not None}
    else:
        assert (after, changed) == (before, None)
    if name not in ("noted", "not sent", "announced", "postponed"):
        assert changed == (book.ledger.find("A1", "1") if status in allowed else None)


class TestExpiry:
    @pytest.mark.parametrize(("seconds", "found"), [(-1, True), (0, False), (1, False)])
    def test_a_submission_that_has_expired_is_not_found(self, book: Book, seconds: int, *, found: bool) -> None:
        book.receive()
        book.time = NOW + timedelta(days=30, seconds=seconds)
        assert (book.ledger.find("A1", "1") is not None) == found

    def test_an_item_without_an_end_does_not_expire(self) -> None:
        assert not expired({"SubmissionId": "1"}, NOW)

    def test_a_feed_is_no_submission(self, book: Book) -> None:
        book.ledger.feed_began("A1", "FEED#one")
        assert book.ledger.find("A1", "FEED#one") is None
        assert book.item("FEED#one") == {
            "SubmissionId": "FEED#one",
            "SellerId": "A1",
            "ReceivedTime": "0",
            "ExpiresAt": EXPIRES,
        }


def test_what_is_due_now_is_looked_at_in_the_order_of_the_index(aws: Aws) -> None:
    table = MemoryTable(aws, "SubmissionId", "SellerId")
    time = NOW
    ledger = ListingLedger(table.table, timedelta(days=30), lambda: time)
    for number, seconds in (("1", -1), ("2", 0), ("3", 1), ("4", -2)):
        time = NOW - timedelta(minutes=5) + timedelta(seconds=seconds)
        ledger.receive(number, LISTING, PUT, "hash", None)
    time = NOW
    assert list(ledger.due()) == [("A1", "1"), ("A1", "2")]
    asked = dict(aws.calls)["Query"]
    assert (asked["IndexName"], asked["ExpressionAttributeValues"]) == (
        "OpenDueTimeIndex",
        {":hash": {"S": "LISTING"}},
    )


class TestLane:
    def test_a_lane_as_it_is_stored(self, book: Book) -> None:
        for number in (1, 2, 3):
            lane = book.ledger.enter(book.receive(number, PATCH))
        book.ledger.remember(LISTING, "B0", NOW)
        assert book.item("LANE#MOULI#A13V1IB3VIYZZH#CUP") == {
            "SubmissionId": "LANE#MOULI#A13V1IB3VIYZZH#CUP",
            "SellerId": "A1",
            "ReceivedTime": "0",
            "Holder": "1",
            "HeldTime": NOW_TEXT,
            "Waiting": "2",
            "Queue": ["3"],
            "Recent": ["3", "2", "1"],
            "Superseded": [],
            "Asin": "B0",
            "Updated": NOW_TEXT,
            "Version": 4,
            "ExpiresAt": EXPIRES,
        }
        assert lane == Lane("1", NOW, "2", ("3",), ("3", "2", "1"), version=3)
        assert book.ledger.lane(LISTING) == replace(lane, asin="B0", updated=NOW_TEXT, version=4)
        assert book.ledger.lane(replace(LISTING, sku="PEN")) == Lane()

    def test_a_put_supersedes_all_that_wait(self, book: Book) -> None:
        for number in (1, 2, 3):
            book.ledger.enter(book.receive(number, PATCH))
        lane = book.ledger.enter(book.receive(4))
        assert (lane.holder, lane.waiters, lane.superseded) == ("1", ("4",), ("2", "3"))
        lane = book.ledger.enter(book.receive(5, Payload(Operation.DELETE)))
        assert (lane.waiters, lane.superseded) == (("5",), ("2", "3", "4"))

    def test_each_superseded_submission_is_marked_once(self, book: Book) -> None:
        for number in (1, 2, 3):
            book.ledger.enter(book.receive(number, PATCH))
        book.ledger.enter(book.receive(4))
        book.ledger.superseded_marked(LISTING, ("2", "9"))
        lane = book.ledger.lane(LISTING)
        assert lane.superseded == ("3",)
        book.ledger.superseded_marked(LISTING, ("2",))
        assert book.ledger.lane(LISTING) == lane

    def test_one_that_waits_can_leave(self, book: Book) -> None:
        records = [book.receive(number, PATCH) for number in (1, 2, 3)]
        for record in records:
            book.ledger.enter(record)
        left = book.ledger.leave(records[1])
        assert (left.holder, left.waiters) == ("1", ("3",))
        assert book.ledger.leave(records[1]) == left

    def test_those_that_wait_are_limited(self, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
        """Here with three, which is quicker than 500."""
        monkeypatch.setattr(listing_ledger, "MOST_QUEUED", 3)
        for number in range(4):
            book.ledger.enter(book.receive(number, PATCH))
        with pytest.raises(listing_ledger.LaneFullError):
            book.ledger.enter(book.receive(5, PATCH))
        assert book.ledger.lane(LISTING).waiters == ("1", "2", "3")

    @pytest.mark.parametrize(
        ("asin", "updated", "written"),
        [
            ("B0", NOW, False),
            ("B1", NOW, True),
            ("B0", NOW + timedelta(seconds=1), True),
            (None, NOW, False),
            (None, NOW + timedelta(seconds=1), True),
        ],
    )
    def test_what_amazon_has_is_written_when_it_changes(
        self, book: Book, asin: str | None, updated: datetime, *, written: bool
    ) -> None:
        book.ledger.remember(LISTING, "B0", NOW)
        book.ledger.remember(LISTING, asin, updated)
        lane = book.ledger.lane(LISTING)
        assert (lane.asin, lane.version) == (asin or "B0", 2 if written else 1)

    def test_concurrent_changes_do_not_lose_each_other_s(self, book: Book) -> None:
        first, second, third = (book.receive(number, PATCH) for number in (1, 2, 3))
        book.database.after_read = lambda: book.ledger.enter(second)
        assert book.ledger.enter(first).waiters == ("1",)
        book.database.after_read = lambda: book.ledger.enter(third)
        book.ledger.remember(LISTING, "B0", NOW)
        lane = book.ledger.lane(LISTING)
        assert (lane.holder, lane.waiters, lane.asin) == ("2", ("1", "3"), "B0")
        assert len(book.pauses) == 2

    def test_the_pauses_between_the_attempts(self, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each lasts a random time up to twice as long as the one before, at most 0.4 s."""
        least: list[float] = []

        def longest_pause(shortest: float, longest: float) -> float:
            least.append(shortest)
            return longest

        monkeypatch.setattr(random, "uniform", longest_pause)
        monkeypatch.setattr(Table, "updated", lambda *_, **__: None)
        longest = [0.02, 0.04, 0.08, 0.16, 0.32, *[0.4] * 20]
        with pytest.raises(ItemContestedError, match=r"^the lane of SKU CUP was changed by others during each of 25 "):
            book.ledger.remember(LISTING, "B0", NOW)
        assert book.pauses == longest
        book.pauses.clear()
        with pytest.raises(ItemContestedError, match=r"^the gate GATE#EU#MOULI was changed by others "):
            book.ledger.close_gate("A1", LISTING.gate, "one")
        assert (book.pauses, set(least)) == (longest, {0})

    @pytest.mark.parametrize(("hours", "holder"), [(12, "1"), (12.001, "2")])
    def test_who_waits_gets_the_lane_of_one_that_is_gone(self, book: Book, hours: float, holder: str) -> None:
        """Also when it is the one that waits which enters again."""
        first, second = (book.receive(number, PATCH) for number in (1, 2))
        book.ledger.enter(first)
        book.ledger.enter(second)
        book.time = NOW + timedelta(hours=hours)
        assert book.ledger.enter(second).holder == holder
        assert book.ledger.enter(first).holder == holder

    def test_a_repeat_after_leaving_changes_nothing(self, book: Book) -> None:
        record = book.receive(1)
        book.ledger.enter(record)
        left = book.ledger.leave(record)
        assert book.ledger.enter(record) == left

    def test_a_holder_that_took_long_stays_when_it_enters_again(self, book: Book) -> None:
        """Its execution runs, and ends its hold itself."""
        first = book.receive(1, PATCH)
        book.ledger.enter(first)
        before = book.ledger.enter(book.receive(2, PATCH))
        book.time = NOW + timedelta(hours=13)
        assert book.ledger.enter(first) == before

    def test_a_holder_and_a_waiter_that_the_lane_does_not_remember_enter_once(self, book: Book) -> None:
        records = [book.receive(number, PATCH) for number in range(30)]
        for record in records:
            before = book.ledger.enter(record)
        assert len(before.recent) == 20
        for record in records[:3]:
            assert book.ledger.enter(record) == before


class TestGate:
    def test_a_gate_as_it_is_stored(self, book: Book) -> None:
        book.ledger.close_gate("A1", LISTING.gate, "one")
        book.ledger.close_gate("A1", LISTING.gate, "two")
        gate = book.ledger.wait_at_gate(book.receive(1))
        assert gate == Gate(("one", "two"), ("1",), 3)
        assert book.item("GATE#EU#MOULI") == {
            "SubmissionId": "GATE#EU#MOULI",
            "SellerId": "A1",
            "ReceivedTime": "0",
            "Feeds": ["one", "two"],
            "Waiting": ["1"],
            "Version": 3,
            "ExpiresAt": EXPIRES,
        }

    def test_a_repeat_changes_nothing(self, book: Book) -> None:
        record = book.receive(1)
        book.ledger.close_gate("A1", LISTING.gate, "one")
        book.ledger.wait_at_gate(record)
        before = book.ledger.gate("A1", LISTING.gate)
        book.ledger.close_gate("A1", LISTING.gate, "one")
        assert book.ledger.wait_at_gate(record) == before
        assert book.ledger.open_gate("A1", LISTING.gate, "another") == before
        assert book.ledger.passed_gate("A1", LISTING.gate, "another") == before

    def test_an_open_gate_is_passed_unless_others_wait(self, book: Book) -> None:
        assert book.ledger.wait_at_gate(book.receive(1)) == Gate()
        book.ledger.close_gate("A1", LISTING.gate, "one")
        book.ledger.wait_at_gate(book.receive(2))
        assert book.ledger.open_gate("A1", LISTING.gate, "one") == Gate((), ("2",), 3)
        assert book.ledger.wait_at_gate(book.receive(3)).waiting == ("2", "3")
        assert book.ledger.passed_gate("A1", LISTING.gate, "2").waiting == ("3",)
        assert book.ledger.passed_gate("A1", LISTING.gate, "3").waiting == ()

    def test_concurrent_changes_do_not_lose_each_other_s(self, book: Book) -> None:
        book.ledger.close_gate("A1", LISTING.gate, "one")
        book.database.after_read = lambda: book.ledger.close_gate("A1", LISTING.gate, "two")
        assert book.ledger.open_gate("A1", LISTING.gate, "one").feeds == ("two",)
        assert len(book.pauses) == 1


class TestFeeds:
    FEED, LATER = "FEED#one", "FEED#two"

    @pytest.fixture
    def table(self, aws: Aws) -> MemoryTable:
        return MemoryTable(aws, "SubmissionId", "SellerId")

    @pytest.fixture
    def ledger(self, table: MemoryTable) -> ListingLedger:
        return ListingLedger(table.table, timedelta(days=30), lambda: NOW, lambda _: None)

    def test_a_lane_that_a_feed_holds_as_it_is_stored(self, ledger: ListingLedger, table: MemoryTable) -> None:
        ledger.feed_began("A1", self.FEED)
        assert ledger.enter_feed(self.FEED, [LISTING]) == []
        assert table.find(SubmissionId=LISTING.lane) == {
            "SubmissionId": LISTING.lane,
            "SellerId": "A1",
            "ReceivedTime": "0",
            "Holder": self.FEED,
            "HeldTime": NOW_TEXT,
            "Waiting": "",
            "Queue": [],
            "Recent": [self.FEED],
            "Version": 1,
            "ExpiresAt": EXPIRES,
        }
        ledger.feed_began("A1", self.LATER)
        expected = Lane(self.FEED, NOW, self.LATER, recent=(self.LATER, self.FEED), version=2)
        assert ledger.enter_feed(self.LATER, [LISTING]) == [(LISTING, expected)]
        assert ledger.enter_feed(self.LATER, [LISTING]) == [(LISTING, expected)]

    def test_all_lanes_change_in_transactions_of_a_hundred(self, ledger: ListingLedger, aws: Aws) -> None:
        ledger.feed_began("A1", self.FEED)
        listings = [replace(LISTING, sku=f"SKU-{number}") for number in range(101)]
        waiting = ledger.receive("1", listings[100], PUT, "hash", None)
        assert waiting is not None
        ledger.enter(waiting)
        ((listing, lane),) = ledger.enter_feed(self.FEED, listings)
        assert (listing, lane.holder, lane.waiters) == (listings[100], "1", (self.FEED,))
        sent = [given["TransactItems"] for name, given in aws.calls if name == "TransactWriteItems"]
        assert [len(items) for items in sent] == [100, 1]
        conditions = {
            (update["ConditionExpression"], json.dumps(update.get("ExpressionAttributeValues", {}).get(":v0")))
            for items in sent
            for update in (items[0]["Update"],)
        }
        assert conditions == {("attribute_not_exists(#n0)", "null"), ("#n0 = :v0", '{"N": "1"}')}
        aws.calls.clear()
        assert [lane for _, lane in ledger.enter_feed(self.FEED, listings)] == [lane]
        assert "TransactWriteItems" not in aws.operations, "nothing changes the second time"

    def test_it_asks_once_whether_a_feed_that_holds_many_lanes_runs(self, ledger: ListingLedger, aws: Aws) -> None:
        listings = [replace(LISTING, sku=f"SKU-{number}") for number in range(10)]
        ledger.feed_began("A1", self.FEED)
        ledger.enter_feed(self.FEED, listings)
        aws.calls.clear()
        ledger.enter_feed(self.LATER, listings)
        assert aws.operations == ["BatchGetItem", "GetItem", "TransactWriteItems", "BatchGetItem"]

    def test_a_waiting_feed_gets_the_lane_of_one_that_has_ended(self, ledger: ListingLedger) -> None:
        for feed in (self.FEED, self.LATER):
            ledger.feed_began("A1", feed)
            ledger.enter_feed(feed, [LISTING])
        ledger.feed_ended("A1", self.FEED)
        assert not ledger.feed_runs("A1", self.FEED)
        assert ledger.enter_feed(self.LATER, [LISTING]) == []
        lane = ledger.lane(LISTING)
        assert (lane.holder, lane.waiters, lane.recent) == (self.LATER, (), (self.LATER, self.FEED))

    @pytest.mark.parametrize(("hours", "holder"), [(12, "1"), (12.001, "FEED#one")])
    def test_a_feed_gets_the_lane_of_a_submission_that_is_gone(
        self, table: MemoryTable, hours: float, holder: str
    ) -> None:
        time = NOW
        ledger = ListingLedger(table.table, timedelta(days=30), lambda: time)
        record = ledger.receive("1", LISTING, PUT, "hash", None)
        assert record is not None
        ledger.enter(record)
        time = NOW + timedelta(hours=hours)
        ledger.feed_began("A1", self.FEED)
        ledger.enter_feed(self.FEED, [LISTING])
        assert ledger.lane(LISTING).holder == holder

    def test_a_lane_remembers_twenty_feeds(self, ledger: ListingLedger) -> None:
        for number in range(21):
            ledger.feed_began("A1", f"FEED#{number}")
            ledger.enter_feed(f"FEED#{number}", [LISTING])
        recent = ledger.lane(LISTING).recent
        assert (len(recent), recent[0], recent[-1]) == (20, "FEED#20", "FEED#1")


class TestRecordsOfAFeed:
    @pytest.mark.parametrize(("count", "looks"), [(500, 1), (501, 2)], ids=str)
    def test_after_each_500_it_looks_whether_the_feed_is_wanted(self, aws: Aws, count: int, looks: int) -> None:
        table = MemoryTable(aws, "SubmissionId", "SellerId")
        ledger = ListingLedger(table.table, timedelta(days=30))
        written: list[int] = []

        def wanted() -> bool:
            written.append(len(table.items))
            return True

        items = [{"SubmissionId": str(number), "SellerId": "A1"} for number in range(count)]
        assert ledger.put_records(items, wanted) == count
        assert written == [500, count][:looks]
