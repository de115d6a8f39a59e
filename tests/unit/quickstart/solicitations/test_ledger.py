"""The records of orders: what each step changes, and how they are stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quickstart.dynamodb import DamagedItemError
from quickstart.solicitations.ledger import (
    Solicitation,
    SolicitationLedger,
    State,
    answered,
    begun,
    call_slots,
    cancelled,
    claimed,
    concluded,
    ended,
    failed,
    noted,
    released,
    shipped,
    solicitation_of,
)
from quickstart.solicitations.orders import OrderChange, OrderEvent, OrderKey
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable

NOW = datetime(2026, 1, 10, 12, 0, 0, 600_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DELAY = timedelta(days=6)
KEY = OrderKey("903-8868176-2219830", "A3TH9S8BH6GOGM")
DELIVERED = datetime(2026, 1, 5, tzinfo=UTC)
CHANGED = datetime(2026, 1, 4, 3, tzinfo=UTC)
CHANGE = OrderChange(KEY, "ATVPDKIKX0DER", OrderEvent.SHIPPED, "Shipped", CHANGED, DELIVERED, DELIVERED)
NEW = Solicitation(
    key=KEY,
    state=State.SCHEDULED,
    marketplace_id="ATVPDKIKX0DER",
    due=DELIVERED + DELAY,
    deadline=DELIVERED + timedelta(days=30),
    changed=CHANGED,
    registered=NOW.replace(microsecond=0),
    cancelled=False,
    scheduled_for=None,
    started=False,
    execution="",
    asks=0,
    asked=None,
    submits=0,
    submitted=None,
    last_answer="",
    version=0,
)
FULL = replace(
    NEW,
    state=State.SUBMITTING,
    cancelled=True,
    scheduled_for=NEW.due,
    started=True,
    execution="one",
    asks=3,
    asked=DELIVERED + SECOND,
    submits=2,
    submitted=DELIVERED + 2 * SECOND,
    last_answer="not available",
)


def test_a_new_order() -> None:
    assert shipped(None, CHANGE, DELAY, NOW) == NEW
    assert cancelled(None, CHANGE, DELAY, NOW) == replace(NEW, cancelled=True, state=State.CANCELLED)


def test_a_newer_change_moves_the_dates_and_the_marketplace() -> None:
    later = timedelta(days=2)
    change = replace(
        CHANGE,
        marketplace_id="A1AM78C64UM0Y8",
        changed=CHANGED + timedelta(microseconds=1),
        earliest_delivery=DELIVERED + later,
        latest_delivery=DELIVERED + later,
    )
    record = replace(FULL, state=State.WAITING)
    assert shipped(record, change, DELAY, NOW) == replace(
        record,
        marketplace_id="A1AM78C64UM0Y8",
        changed=change.changed,
        due=NEW.due + later,
        deadline=NEW.deadline + later,
    )
    for old in (replace(change, changed=CHANGED), replace(change, changed=CHANGED - SECOND)):
        assert shipped(record, old, DELAY, NOW) is record


@pytest.mark.parametrize("state", State)
def test_what_a_cancellation_changes(state: State) -> None:
    record = replace(NEW, state=state)
    expected = record
    if not state.final:
        expected = replace(record, cancelled=True, state=State.SUBMITTING if state is State.SUBMITTING else "CANCELLED")
    assert cancelled(record, CHANGE, DELAY, NOW) == expected
    # A second one changes nothing.
    assert cancelled(replace(record, cancelled=True), CHANGE, DELAY, NOW) == replace(record, cancelled=True)


@pytest.mark.parametrize(
    ("scheduled_for", "kept"), [(None, False), (NOW - SECOND, False), (NOW, False), (NOW + SECOND, True)]
)
def test_a_schedule_that_has_started_the_workflow_is_gone(scheduled_for: datetime | None, *, kept: bool) -> None:
    record = replace(NEW, scheduled_for=scheduled_for)
    started = replace(record, started=True, execution="one", scheduled_for=scheduled_for if kept else None)
    assert begun(record, "one", NOW) == begun(replace(record, execution="one"), "one", NOW) == started
    taken = replace(record, execution="another")
    assert begun(taken, "one", NOW) is taken


@pytest.mark.parametrize(
    ("state", "is_cancelled", "available", "after"),
    [
        (State.SCHEDULED, False, True, State.WAITING),
        (State.SCHEDULED, False, False, State.WAITING),
        (State.WAITING, True, True, State.CANCELLED),
        (State.SUBMITTING, False, False, State.SOLICITED),
        (State.SUBMITTING, True, False, State.SOLICITED),
        (State.SUBMITTING, False, True, State.WAITING),
        (State.SUBMITTING, True, True, State.CANCELLED),
    ],
)
def test_what_an_answer_changes(state: State, *, is_cancelled: bool, available: bool, after: State) -> None:
    record = replace(FULL, state=state, cancelled=is_cancelled)
    assert answered(record, "words", NOW, available=available) == replace(
        record, state=after, asks=4, asked=NOW, last_answer="words"
    )


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_what_can_be_claimed(state: State, *, is_cancelled: bool) -> None:
    record = replace(FULL, state=state, cancelled=is_cancelled)
    if state in (State.WAITING, State.FAILED) and not is_cancelled:
        assert claimed(record, "two", NOW) == replace(
            record, state=State.SUBMITTING, execution="two", submits=3, submitted=NOW
        )
        return
    with pytest.raises(ValueError, match=f"^a {state} order cannot be claimed$"):
        claimed(record, "two", NOW)


@pytest.mark.parametrize(("is_cancelled", "after"), [(False, State.WAITING), (True, State.CANCELLED)])
def test_a_claim_that_is_given_back(is_cancelled: bool, after: State) -> None:
    record = replace(FULL, cancelled=is_cancelled)
    assert released(record, "words") == replace(record, state=after, submits=1, last_answer="words")


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_what_a_failure_changes(state: State, *, is_cancelled: bool) -> None:
    record = replace(FULL, state=state, cancelled=is_cancelled)
    after = State.CANCELLED if is_cancelled else State.FAILED
    expected = record if state.final else replace(record, state=after, execution="", last_answer="words")
    assert failed(record, "words") == expected


@pytest.mark.parametrize("state", State)
def test_an_end_does_not_replace_another(state: State) -> None:
    record = replace(FULL, state=state)
    expected = record if state.final else replace(record, state=State.OUTCOME_UNKNOWN)
    assert concluded(record, State.OUTCOME_UNKNOWN) == expected
    assert ended(record, State.NOT_AVAILABLE, "words") == replace(
        record, state=State.NOT_AVAILABLE, last_answer="words"
    )
    assert noted(record, "words") == replace(record, last_answer="words")


@pytest.fixture
def table(aws: Aws) -> MemoryTable:
    return MemoryTable(aws, "AmazonOrderId", "SellerId")


@pytest.mark.parametrize("record", [NEW, FULL, replace(NEW, marketplace_id="")])
def test_a_record_is_read_as_it_was_written(table: MemoryTable, record: Solicitation) -> None:
    ledger = SolicitationLedger(table.table)
    assert ledger.find(KEY) is None
    written = ledger.change(KEY, lambda _: record)
    assert written == ledger.find(KEY) == replace(record, version=1)


def test_how_a_record_is_stored(table: MemoryTable) -> None:
    """The operator's commands and the console read it."""
    ledger = SolicitationLedger(table.table)
    ledger.change(KEY, lambda _: FULL)
    whole = {
        "AmazonOrderId": KEY.order_id,
        "SellerId": KEY.seller_id,
        "State": "SUBMITTING",
        "MarketplaceId": "ATVPDKIKX0DER",
        "DueTime": "2026-01-11T00:00:00+00:00",
        "Deadline": "2026-02-04T00:00:00+00:00",
        "ChangedTime": "2026-01-04T03:00:00+00:00",
        "RegisteredTime": "2026-01-10T12:00:00+00:00",
        "Cancelled": True,
        "ScheduledFor": "2026-01-11T00:00:00+00:00",
        "WorkflowStarted": True,
        "ExecutionName": "one",
        "Asks": 3,
        "LastAskedTime": "2026-01-05T00:00:01+00:00",
        "Submits": 2,
        "SubmittedTime": "2026-01-05T00:00:02+00:00",
        "LastAnswer": "not available",
        "Version": 1,
        # 90 days after the deadline.
        "ExpiresAt": int(datetime(2026, 5, 5, tzinfo=UTC).timestamp()),
    }
    assert table.items == [whole]
    ledger.change(KEY, lambda _: NEW)
    absent = {"Cancelled", "ScheduledFor", "WorkflowStarted", "ExecutionName"}
    absent |= {"LastAskedTime", "SubmittedTime", "LastAnswer"}
    assert table.items == [
        {name: value for name, value in whole.items() if name not in absent}
        | {"State": "SCHEDULED", "Asks": 0, "Submits": 0}
    ]


@pytest.mark.parametrize(("length", "stored"), [(999, 999), (1000, 1000), (1001, 1000)])
def test_the_longest_answer_that_is_stored(table: MemoryTable, length: int, stored: int) -> None:
    ledger = SolicitationLedger(table.table)
    written = ledger.change(KEY, lambda _: replace(NEW, last_answer="x" * length))
    assert written == ledger.find(KEY)
    assert len(written.last_answer) == stored


def test_each_write_has_the_next_version_and_the_condition_that_the_last_is_there(table: MemoryTable, aws: Aws) -> None:
    ledger = SolicitationLedger(table.table)
    first = ledger.change(KEY, lambda _: NEW)
    second = ledger.update(first, lambda held: noted(held, "words"))
    assert [first.version, second.version] == [1, 2]
    puts = [given for operation, given in aws.calls if operation == "PutItem"]
    conditions = [(put["ConditionExpression"], put.get("ExpressionAttributeValues", {})) for put in puts]
    (created, nothing), (changed, values) = conditions
    assert created.startswith("attribute_not_exists(")
    assert " = " in changed
    assert ([*nothing.values()], [*values.values()]) == ([], [{"N": "1"}])
    assert ledger.update(second, lambda held: held) is second
    assert len([operation for operation in aws.operations if operation == "PutItem"]) == 2


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DueTime", "soon", "DueTime is not a valid time with an offset"),
        ("Deadline", None, "Deadline is not a valid time with an offset"),
        ("LastAskedTime", "2026-01-05T00:00:00", "LastAskedTime is not a valid time with an offset"),
        ("SellerId", "", "SellerId is missing"),
        ("State", "LOST", "ValueError"),
    ],
)
def test_a_record_that_somebody_has_damaged(table: MemoryTable, name: str, value: Any, reason: str) -> None:
    SolicitationLedger(table.table).change(KEY, lambda _: FULL)
    with pytest.raises(DamagedItemError, match=reason) as raised:
        solicitation_of({**table.items[0], name: value})
    if name != "SellerId":
        assert f"{KEY.order_id} of {KEY.seller_id}" in str(raised.value)


def test_the_slots_of_a_seller_are_no_order_of_theirs(table: MemoryTable) -> None:
    """Four calls at once, and one a second. With a due time, the item is in the index of the seller to be deleted."""
    slots = replace(call_slots(table.table, "A1", Region.EU), now=lambda: 1_800_000_000.0)
    assert [slots.take() for _ in range(6)] == [0, 0, 0, 0, 1, 2]
    (item,) = table.items
    assert (item["AmazonOrderId"], item["SellerId"], item["DueTime"]) == ("#SLOTS#EU", "A1", "!")
