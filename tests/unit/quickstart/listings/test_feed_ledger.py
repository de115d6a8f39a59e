"""The items of feeds and of their queues: what each step writes, in which state it may, and who wins a race."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from boto3.dynamodb.conditions import ConditionBase

from quickstart.dynamodb import DamagedItemError, Item, ItemContestedError, Table
from quickstart.listings.feed_ledger import (
    CREATE_FEED,
    GET_FEED_DOCUMENT,
    GET_FEEDS,
    FeedLedger,
    Queue,
)
from quickstart.listings.feed_records import Counts, FeedMode, FeedOf, FeedRecord, FeedState, OnBadMessages
from quickstart.listings.records import Party
from sp_api.regions import Region
from tests.unit.quickstart.listings.test_feed_lanes import ACCOUNT, FRANCE, record
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable, holds

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TIME = "2026-11-26T12:00:00.000000+00:00"
TOMORROW = int(NOW.timestamp()) + 86_400
OPEN_STATES = ["AWAITING_UPLOAD", "CHECKING", "QUEUED", "SENDING", "PROCESSING"]
FINAL_STATES = ["CHECKED", "REFUSED", "DONE", "FATAL", "CANCELLED", "FAILED", "EXPIRED"]


class ConditionalTable(Table):
    """The table in memory, which refuses a write whose condition is not met."""

    memory: MemoryTable

    def __init__(self, memory: MemoryTable) -> None:
        super().__init__(memory.table.client, memory.table.name)
        object.__setattr__(self, "memory", memory)

    def put(self, item: Item, condition: ConditionBase | None = None) -> bool:
        return self._met(item, condition) and super().put(item)

    def update(
        self,
        key: Item,
        values: Item,
        *,
        unless_present: Item | None = None,
        remove: Iterable[str] = (),
        condition: ConditionBase | None = None,
    ) -> bool:
        met = self._met(key, condition)
        return met and super().update(key, values, unless_present=unless_present, remove=remove)

    def _met(self, key: Item, condition: ConditionBase | None) -> bool:
        return holds(condition, self.memory.find(**{name: key[name] for name in self.memory.key}) or {})


class Stage:
    """A table with conditions."""

    def __init__(self) -> None:
        self.now = NOW
        self.pauses: list[float] = []
        self.aws = Aws()
        self.memory = MemoryTable(self.aws, "FeedRequestId", "SellerId")
        table = ConditionalTable(self.memory)
        self.ledger = FeedLedger(table, timedelta(days=1), lambda: self.now, self.pauses.append)

    def item(self, feed_request_id: str = "one") -> dict[str, Any]:
        found = self.memory.find(FeedRequestId=feed_request_id)
        assert found is not None
        return dict(found)

    @property
    def feed(self) -> FeedRecord:
        found = self.ledger.find("A1", "one")
        assert found is not None
        return found

    def written(self, write: Callable[[FeedRecord], object]) -> tuple[object, dict[str, Any]]:
        """What the write returns, and the attributes that it changes; a removed one is None."""
        before = self.item()
        answer = write(self.feed)
        after = self.item()
        names = before.keys() | after.keys()
        return answer, {name: after.get(name) for name in names if before.get(name) != after.get(name)}


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def received(stage: Stage) -> Stage:
    """A feed that waits for its upload."""
    assert stage.ledger.receive(record("one", FeedState.AWAITING_UPLOAD))
    return stage


def test_a_request_is_recorded_once_with_all_that_it_says(stage: Stage) -> None:
    account = FeedOf("A1", Region.NA, (FRANCE, "A1PA6795UKMFR9"), "MOULI", Party.VENDOR)
    asked = FeedRecord(
        "one",
        account,
        FeedMode.CHECK,
        OnBadMessages.SKIP,
        "hash",
        FeedState.AWAITING_UPLOAD,
        TIME,
        "2026-11-26T13:00:00+00:00",
        message="It waits.",
        message_count=7,
        client_token="token",
        issue_locale="fr_FR",
    )
    assert stage.ledger.receive(asked)
    assert stage.item() == {
        "FeedRequestId": "one",
        "SellerId": "A1",
        "RegionCode": "NA",
        "MarketplaceIds": [FRANCE, "A1PA6795UKMFR9"],
        "ListingSellerId": "MOULI",
        "PartyType": "VENDOR",
        "Mode": "CHECK",
        "OnBadMessages": "SKIP",
        "MessageCount": 7,
        "IssueLocale": "fr_FR",
        "ClientToken": "token",
        "RequestHash": "hash",
        "Status": "AWAITING_UPLOAD",
        "Message": "It waits.",
        "ReceivedTime": TIME,
        "UploadExpires": "2026-11-26T13:00:00+00:00",
        "Open": "FEED",
        # The link works for an hour.
        "DueTime": "2026-11-26T13:10:00+00:00",
        "ExpiresAt": TOMORROW,
    }
    assert stage.feed == asked
    assert not stage.ledger.receive(replace(asked, message="another"))
    assert stage.item()["Message"] == "It waits."


def test_each_step_of_a_feed_writes_what_it_knows(received: Stage) -> None:
    ledger, written = received.ledger, received.written
    assert written(lambda feed: ledger.uploaded(feed, 10)) == (
        True,
        {
            "Status": "CHECKING",
            "Message": "The stack is checking the file.",
            "SizeBytes": 10,
            "UploadedTime": TIME,
            "DueTime": "2026-11-26T12:10:00+00:00",
        },
    )
    assert written(ledger.runs) == (True, {"Runs": 1})
    assert written(ledger.runs) == (True, {"Runs": 2})
    assert written(lambda feed: ledger.checked(feed, Counts(3, 1), "DOCUMENT", 99)) == (
        True,
        {
            "Status": "QUEUED",
            "Message": "The feed waits for its turn.",
            "Counts": {name: {"messages": 3, "bad": 1}.get(name, 0) for name in Counts().to_item()},
            "Layout": "DOCUMENT",
            "DocumentBytes": 99,
            "CheckedTime": TIME,
        },
    )
    assert written(lambda feed: ledger.noted(feed, "It waits.")) == (None, {"Message": "It waits."})
    assert written(lambda feed: ledger.awaited(feed, "token")) == (None, {"TaskToken": "token"})
    assert written(lambda feed: ledger.creating(feed, "document-1")) == (
        True,
        {
            "Status": "SENDING",
            "Message": "The stack is sending the feed to Amazon.",
            "CreatingTime": TIME,
            "InputFeedDocumentId": "document-1",
            "Lookups": 0,
        },
    )
    assert written(ledger.looked_up) == (None, {"Lookups": 1})
    assert written(ledger.looked_up) == (None, {"Lookups": 2})
    assert written(lambda feed: ledger.sent(feed, "7")) == (
        None,
        {
            "Status": "PROCESSING",
            "Message": "Amazon has the feed and processes it.",
            "FeedId": "7",
            "SentTime": TIME,
        },
    )
    assert written(ledger.polled) == (None, {"PolledTime": TIME})
    assert written(ledger.news) == (None, {"NewsTime": TIME})
    assert written(lambda feed: ledger.processed(feed, "DONE", None)) == (
        None,
        {"ProcessingStatus": "DONE", "ReportAsks": 1, "ProcessedTime": TIME},
    )
    assert written(lambda feed: ledger.processed(feed, "DONE", "document-2")) == (
        None,
        {"ResultFeedDocumentId": "document-2", "ReportAsks": 2},
    )
    ended = Counts(3, 1, 2, 2)
    assert written(
        lambda feed: ledger.concluded(feed, FeedState.DONE, "Done.", ended, has_results=True, has_report=True)
    ) == (
        True,
        {
            "Status": "DONE",
            "Message": "Done.",
            "Counts": dict(ended.to_item()),
            "HasResults": True,
            "HasReport": True,
            "OutcomeTime": TIME,
        },
    )
    assert written(lambda feed: ledger.claim_mail(feed, NOW)) == (True, {"MailClaimedTime": TIME})
    assert written(ledger.unclaim_mail) == (None, {"MailClaimedTime": None})
    assert written(lambda feed: ledger.mailed(feed, "m-1")) == (None, {"MailedTime": TIME, "MailMessageId": "m-1"})
    assert written(ledger.announced) == (
        None,
        {"AnnouncedTime": TIME, "Open": None, "DueTime": None, "TaskToken": None},
    )
    assert received.feed == FeedRecord(
        "one",
        ACCOUNT,
        FeedMode.PUBLISH,
        OnBadMessages.REFUSE,
        "hash",
        FeedState.DONE,
        "2026-11-26",
        "2026-11-26T13:00:00+00:00",
        message="Done.",
        layout="DOCUMENT",
        size_bytes=10,
        document_bytes=99,
        counts=ended,
        creating=TIME,
        lookups=2,
        feed_id="7",
        amazon_status="DONE",
        result_document_id="document-2",
        report_asks=2,
        has_results=True,
        has_report=True,
        runs=2,
        news=TIME,
        polled=TIME,
        mailed=True,
        times=dict.fromkeys(
            ("UploadedTime", "CheckedTime", "SentTime", "ProcessedTime", "OutcomeTime", "AnnouncedTime"), TIME
        ),
    )


def test_a_feed_that_was_only_received_knows_nothing_more(received: Stage) -> None:
    assert received.feed == record("one", FeedState.AWAITING_UPLOAD)
    assert (received.feed.document_bytes, received.feed.lookups, received.feed.report_asks, received.feed.runs) == (
        0,
        0,
        0,
        0,
    )


@pytest.mark.parametrize(
    ("state", "has_results", "checked"),
    [("CHECKING", True, True), ("CHECKING", False, False), ("QUEUED", True, False)],
)
def test_a_feed_that_ends_with_its_check_was_checked(
    received: Stage, state: str, *, has_results: bool, checked: bool
) -> None:
    received.memory.items[0]["Status"] = state
    received.ledger.concluded(received.feed, FeedState.REFUSED, "why", layout="DOCUMENT", has_results=has_results)
    item = received.item()
    assert (item["Layout"], item.get("HasResults"), item.get("CheckedTime")) == (
        "DOCUMENT",
        True if has_results else None,
        TIME if checked else None,
    )
    assert "Counts" not in item


WRITES: Mapping[str, tuple[Callable[[FeedLedger, FeedRecord], object], list[str]]] = {
    "uploaded": (lambda ledger, feed: ledger.uploaded(feed, 10), ["AWAITING_UPLOAD"]),
    "runs": (lambda ledger, feed: ledger.runs(feed), [*OPEN_STATES, *FINAL_STATES]),
    "checked": (lambda ledger, feed: ledger.checked(feed, Counts(1), "DOCUMENT", 1), ["CHECKING"]),
    "noted": (lambda ledger, feed: ledger.noted(feed, "noted"), ["QUEUED", "SENDING", "PROCESSING"]),
    "creating": (lambda ledger, feed: ledger.creating(feed, "document"), ["QUEUED", "SENDING"]),
    "not created": (lambda ledger, feed: ledger.not_created(feed, "why"), [*OPEN_STATES, *FINAL_STATES]),
    "looked up": (lambda ledger, feed: ledger.looked_up(feed), ["SENDING"]),
    "sent": (lambda ledger, feed: ledger.sent(feed, "7"), ["QUEUED", "SENDING"]),
    "processed": (lambda ledger, feed: ledger.processed(feed, "DONE", None), ["PROCESSING"]),
    "concluded": (lambda ledger, feed: ledger.concluded(feed, FeedState.FAILED, "why"), OPEN_STATES),
    "awaited": (lambda ledger, feed: ledger.awaited(feed, "token"), [*OPEN_STATES, *FINAL_STATES]),
    "polled": (lambda ledger, feed: ledger.polled(feed), ["PROCESSING"]),
    "news": (lambda ledger, feed: ledger.news(feed), [*OPEN_STATES, *FINAL_STATES]),
    "postponed": (lambda ledger, feed: ledger.postponed(feed, NOW), [*OPEN_STATES, *FINAL_STATES]),
    "mail claimed": (lambda ledger, feed: ledger.claim_mail(feed, NOW), [*OPEN_STATES, *FINAL_STATES]),
    "mailed": (lambda ledger, feed: ledger.mailed(feed, "m"), [*OPEN_STATES, *FINAL_STATES]),
    "announced": (lambda ledger, feed: ledger.announced(feed), FINAL_STATES),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_step_is_recorded_only_in_the_states_in_which_it_can_happen(received: Stage, name: str) -> None:
    """So an attempt that is late changes nothing."""
    write, allowed = WRITES[name]
    written = []
    for state in (*OPEN_STATES, *FINAL_STATES):
        received.memory.items[:] = [received.item() | {"Status": state}]
        before = received.item()
        write(received.ledger, received.feed)
        if received.item() != before:
            written.append(state)
        received.memory.items[:] = [before]
    assert written == allowed


@pytest.mark.parametrize("name", WRITES)
def test_nothing_is_written_of_a_feed_whose_seller_was_removed(received: Stage, name: str) -> None:
    write, _ = WRITES[name]
    feed = received.feed
    received.memory.items.clear()
    write(received.ledger, feed)
    assert received.memory.find(FeedRequestId="one") is None


class TestRaces:
    def test_only_one_of_two_counts_an_execution(self, received: Stage) -> None:
        feed = received.feed
        assert [received.ledger.runs(feed) for _ in range(2)] == [True, False]
        feed = received.feed
        assert [received.ledger.runs(feed) for _ in range(2)] == [True, False]
        assert received.item()["Runs"] == 2

    def test_only_one_of_two_calls_create_feed(self, received: Stage) -> None:
        received.memory.items[0]["Status"] = "QUEUED"
        feed = received.feed
        assert [received.ledger.creating(feed, document) for document in ("1", "2")] == [True, False]
        assert received.item()["InputFeedDocumentId"] == "1"
        received.ledger.not_created(feed, "Amazon refused it.")
        assert (received.feed.creating, received.feed.message) == (None, "Amazon refused it.")
        assert received.ledger.creating(feed, "3")

    def test_a_feed_that_amazon_has_was_created(self, received: Stage) -> None:
        received.memory.items[0] |= {"FeedId": "7", "CreatingTime": TIME, "Message": "It is there."}
        received.ledger.not_created(received.feed, "why")
        assert (received.feed.creating, received.feed.message) == (TIME, "It is there.")

    def test_the_first_end_counts(self, received: Stage) -> None:
        feed = received.feed
        ends = (FeedState.EXPIRED, FeedState.FAILED)
        assert [received.ledger.concluded(feed, state, str(state)) for state in ends] == [True, False]
        assert received.feed.message == "EXPIRED"

    def test_an_announced_feed_is_not_looked_at_again(self, received: Stage) -> None:
        received.memory.items[0]["Status"] = "DONE"
        received.ledger.announced(received.feed)
        received.ledger.postponed(received.feed, NOW)
        assert "DueTime" not in received.item()

    @pytest.mark.parametrize(("microseconds", "taken"), [(-1, False), (0, False), (1, True)])
    def test_a_claim_of_the_mail_ends(self, received: Stage, microseconds: int, *, taken: bool) -> None:
        assert received.ledger.claim_mail(received.feed, NOW)
        before = NOW + timedelta(microseconds=microseconds)
        assert received.ledger.claim_mail(received.feed, before) is taken

    def test_a_mail_that_was_sent_is_not_claimed(self, received: Stage) -> None:
        received.memory.items[0]["MailedTime"] = TIME
        assert not received.ledger.claim_mail(received.feed, NOW)
        received.memory.items[0]["MailClaimedTime"] = TIME
        received.ledger.unclaim_mail(received.feed)
        assert received.item()["MailClaimedTime"] == TIME


class TestDue:
    def test_a_feed_is_due_from_its_time_on(self, stage: Stage) -> None:
        for name in ("one", "two", "three"):
            stage.ledger.receive(record(name, FeedState.AWAITING_UPLOAD))
        assert list(stage.ledger.due()) == []
        stage.ledger.postponed(record("one"), NOW - timedelta(seconds=1))
        stage.ledger.postponed(record("two"), NOW)
        stage.ledger.postponed(record("three"), NOW + timedelta(seconds=1))
        assert list(stage.ledger.due()) == [("A1", "one"), ("A1", "two")]
        (call,) = [given for name, given in stage.aws.calls[-1:] if name == "Query"]
        assert call["IndexName"] == "OpenDueTimeIndex"


class TestAmazonsId:
    def test_a_feed_is_found_by_it_and_remembered_in_the_queue(self, received: Stage) -> None:
        received.memory.items[0]["Status"] = "SENDING"
        assert received.ledger.requests_of("7") == []
        received.aws.calls.clear()
        received.ledger.sent(received.feed, "7")
        assert received.ledger.requests_of("7") == [("A1", "one")]
        assert received.item("AMAZON#7") == {
            "FeedRequestId": "AMAZON#7",
            "SellerId": "A1",
            "For": "one",
            "ReceivedTime": "0",
            "ExpiresAt": TOMORROW,
        }
        assert received.item("QUEUE#EU#A1") == {
            "FeedRequestId": "QUEUE#EU#A1",
            "SellerId": "A1",
            "Sent": ["7"],
            "Version": 1,
            "ReceivedTime": "0",
            "ExpiresAt": TOMORROW,
        }
        writes = [name for name in received.aws.operations if name in ("PutItem", "UpdateItem")]
        # The record, the way from Amazon's id to it, and the queue.
        assert writes == ["UpdateItem", "PutItem", "UpdateItem"]
        received.ledger.remember(received.feed, "7")
        assert received.ledger.queue(ACCOUNT) == Queue(sent=("7",), version=1)

    def test_a_queue_remembers_the_latest_fifty(self, received: Stage) -> None:
        for number in range(51):
            received.ledger.remember(received.feed, str(number))
        sent = received.ledger.queue(ACCOUNT).sent
        assert (len(sent), sent[0], sent[-1]) == (50, "50", "1")


class TestQueue:
    def test_each_change_counts_once(self, stage: Stage) -> None:
        ledger, one, two = stage.ledger, record("one"), record("two")
        assert ledger.queue(ACCOUNT) == Queue()
        assert ledger.join(one) == Queue(("one",), version=1)
        assert ledger.join(two) == Queue(("one", "two"), version=2)
        assert ledger.join(two) == Queue(("one", "two"), version=2)
        assert ledger.entered(one) == Queue(("one", "two"), ("one",), version=3)
        assert ledger.entered(two) == Queue(("one", "two"), ("one", "two"), version=4)
        assert ledger.entered(one) == Queue(("one", "two"), ("one", "two"), version=4)
        assert ledger.left(ACCOUNT, "one") == Queue(("two",), ("two",), version=5)
        assert ledger.left(ACCOUNT, "one") == Queue(("two",), ("two",), version=5)
        assert ledger.left(ACCOUNT, "two") == Queue((), (), version=6)
        assert stage.pauses == []

    @pytest.mark.parametrize("joined", [0, 1])
    def test_who_changes_it_meanwhile_is_not_lost(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, joined: int
    ) -> None:
        """Also when there was no queue before."""
        for number in range(joined):
            stage.ledger.join(record(f"before-{number}"))
        read = stage.aws.answers["GetItem"]

        def and_then_another_joins(given: Mapping[str, Any]) -> Mapping[str, Any]:
            found = read(given)
            stage.aws.answers["GetItem"] = read
            stage.ledger.join(record("other"))
            return found

        monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
        stage.aws.answers["GetItem"] = and_then_another_joins
        names = (*(f"before-{number}" for number in range(joined)), "other", "one")
        assert stage.ledger.join(record("one")) == Queue(names, version=joined + 2)
        assert stage.pauses == [0.01]

    def test_a_queue_that_others_always_change_is_given_up(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        """The pauses are random, and may be twice as long each time, up to 0.4 seconds."""

        def contested(_: object) -> Mapping[str, Any]:
            raise AwsError("ConditionalCheckFailedException")

        least: list[float] = []

        def longest(low: float, high: float) -> float:
            least.append(low)
            return high

        monkeypatch.setattr(random, "uniform", longest)
        stage.aws.answers["UpdateItem"] = contested
        words = "^the queue of feeds of A1 was changed by others during each of 25 attempts to write it$"
        with pytest.raises(ItemContestedError, match=words):
            stage.ledger.join(record("one"))
        assert stage.pauses == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.32, *[0.4] * 20])
        assert set(least) == {0}


@pytest.mark.parametrize(
    ("operation", "at_once", "interval", "more"),
    [
        # Amazon accepts 5 feeds with listings in 5 minutes.
        (CREATE_FEED, 5, 60, {"FeedType": "JSON_LISTINGS_FEED"}),
        # A call every 45 seconds, and 10 at once, of which one is kept for a repeat.
        (GET_FEEDS, 9, 1 / 0.0222, {}),
        (GET_FEED_DOCUMENT, 9, 1 / 0.0222, {}),
    ],
)
def test_the_calls_of_an_account_keep_to_amazons_quota(
    stage: Stage, operation: str, at_once: int, interval: float, more: Mapping[str, str]
) -> None:
    slots = replace(stage.ledger.slots(ACCOUNT, operation), now=NOW.timestamp)
    waits = [slots.take() for _ in range(at_once + 2)]
    assert waits == pytest.approx([0] * at_once + [interval, 2 * interval], abs=0.02)
    item = stage.item(f"SLOTS#{operation}#EU")
    assert {name: item[name] for name in item.keys() - {"LatestSlot", "ExpiresAt"}} == {
        "FeedRequestId": f"SLOTS#{operation}#EU",
        "SellerId": "A1",
        "ReceivedTime": "0",
        **more,
    }


class TestDamage:
    """Somebody changed an item by hand. The message says which one."""

    def test_of_a_feed(self, received: Stage) -> None:
        received.memory.items[0]["RegionCode"] = "MARS"
        with pytest.raises(DamagedItemError, match=r"^the stored item one of A1 cannot be read \(ValueError\): "):
            received.ledger.find("A1", "one")

    def test_of_its_end(self, received: Stage) -> None:
        received.memory.items[0]["ExpiresAt"] = "tomorrow"
        with pytest.raises(DamagedItemError, match=r"^the stored item one of A1 cannot be read \(ValueError\): "):
            received.ledger.find("A1", "one")

    def test_of_a_queue(self, stage: Stage) -> None:
        stage.ledger.join(record("one"))
        del stage.memory.items[0]["Version"]
        words = r"^the stored item QUEUE#EU#A1 of A1 cannot be read \(KeyError\): "
        with pytest.raises(DamagedItemError, match=words):
            stage.ledger.queue(ACCOUNT)


class TestRecord:
    @pytest.mark.parametrize(
        ("runs", "name", "following"),
        [(0, "one", "one"), (1, "one", "one-2"), (2, "one-2", "one-3"), (3, "one-3", "one-4")],
    )
    def test_the_names_of_its_executions(self, runs: int, name: str, following: str) -> None:
        feed = replace(record("one"), runs=runs)
        assert (feed.execution_name, feed.next_execution_name) == (name, following)

    def test_its_token_is_not_in_its_text(self) -> None:
        """Whoever has it can end the execution's wait."""
        assert "secret" not in repr(replace(record("one"), task_token="secret"))

    def test_the_states_after_which_nothing_changes(self) -> None:
        assert [state for state in FeedState if not state.final] == OPEN_STATES
        assert [state for state in FeedState if state.final] == FINAL_STATES

    def test_a_count_that_was_not_written_is_zero(self) -> None:
        assert Counts.from_item({"messages": 2}) == Counts(2)
        assert (Counts(5, 2).good, Counts(5, 2).messages) == (3, 5)

    def test_its_listings_are_one_for_each_marketplace(self) -> None:
        account = FeedOf("A1", Region.NA, ("US", "CA"), "MOULI", Party.VENDOR)
        assert account.gate == "GATE#NA#MOULI"
        assert [
            (one.seller_id, one.region, one.marketplace_id, one.sku, one.listing_seller_id, one.party)
            for one in account.listings("CUP")
        ] == [("A1", Region.NA, name, "CUP", "MOULI", Party.VENDOR) for name in ("US", "CA")]
