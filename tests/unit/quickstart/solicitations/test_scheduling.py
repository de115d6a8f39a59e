"""Names and expressions that AWS takes, and what any order of notifications ends with."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders_storm.cloud import DynamoDB, InternalServerError, Scheduler, StepFunctions, Trouble
from orders_storm.machine import Machine
from orders_storm.simulated_time import SimulatedTime
from quickstart.dynamodb import MOST_ATTEMPTS, ItemContestedError, Table
from quickstart.invocation import ExpectedError
from quickstart.solicitations.ledger import OrderForgottenError, Solicitation, SolicitationLedger, State, _item, shipped
from quickstart.solicitations.orders import OrderChange, OrderEvent, OrderKey, due_time
from quickstart.solicitations.scheduling import (
    Arranger,
    at_expression,
    execution_name,
    schedule_name,
    schedule_solicitation,
)

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
DELAY = timedelta(days=5)
KEY = OrderKey("903-8868176-2219830", "A3TH9S8BH6GOGM")
MACHINE = {"QueryLanguage": "JSONata", "StartAt": "End", "States": {"End": {"Type": "Succeed"}}}


def change(hours: int, delivery: datetime, event: OrderEvent = OrderEvent.SHIPPED) -> OrderChange:
    """An order that changed so many hours after NOW."""
    return OrderChange(KEY, "ATVPDKIKX0DER", event, event, NOW + timedelta(hours=hours), delivery, delivery)


@dataclass
class Cloud:
    """The arranger with AWS's part played in memory, time standing still."""

    time: SimulatedTime
    trouble: Trouble
    dynamodb: DynamoDB
    scheduler: Scheduler
    states: StepFunctions
    arranger: Arranger
    known: bool = True

    @classmethod
    def new(cls, failing: float = 0.0, seed: int = 0) -> "Cloud":
        time, chance = SimulatedTime(NOW), random.Random(seed)
        trouble = Trouble(chance, failing)
        dynamodb = DynamoDB(trouble)
        states = StepFunctions(Machine(MACHINE, {}, time, chance), trouble)
        scheduler = Scheduler(states, time, chance, trouble)
        clients: Any = dynamodb, states
        arranger = Arranger(
            ledger=SolicitationLedger(Table(clients[0], "table")),
            scheduler=scheduler,
            states=clients[1],
            state_machine_arn="arn:aws:states:us-east-1:111122223333:stateMachine:Solicitation",
            group_name="group",
            role_arn="role",
            dead_letter_queue_arn="queue",
            now=time.now,
        )
        return cls(time, trouble, dynamodb, scheduler, states, arranger)

    def seller_known(self, _seller_id: str) -> bool:
        return self.known

    def receive(self, *changes: OrderChange) -> Solicitation | None:
        """The last change's record; a message that fails comes again."""
        record = None
        for one in changes:
            while True:
                try:
                    record = schedule_solicitation(one, self.arranger.ledger, self.arranger, DELAY, self.seller_known)
                except InternalServerError:
                    continue
                break
        return record

    def put(self, **changed: Any) -> None:
        """Changes the record past every rule."""
        record = self.arranger.ledger.find(KEY)
        assert record is not None
        self.arranger.ledger.update(record, lambda held: replace(held, **changed))

    def expressions(self) -> list[str]:
        return [schedule["ScheduleExpression"] for schedule in self.scheduler.schedules.values()]


def test_a_new_order_is_written_twice_and_never_read() -> None:
    """docs/decisions/0143: before the schedule is created, and after it."""
    cloud = Cloud.new()
    calls: list[str] = []
    for client, names in (
        (cloud.dynamodb, ("batch_get_item", "get_item", "put_item", "update_item")),
        (cloud.scheduler, ("create_schedule", "update_schedule", "delete_schedule")),
    ):
        for name in names:
            original = getattr(client, name)

            def noted(*, name: str = name, original: Any = original, **given: Any) -> Any:
                calls.append(name)
                return original(**given)

            setattr(client, name, noted)
    cloud.receive(change(0, NOW))
    assert calls == ["put_item", "create_schedule", "put_item"]
    calls.clear()
    # A copy of the message, and then a newer one: the refused write shows the record.
    cloud.receive(change(0, NOW))
    assert calls == ["put_item"]
    calls.clear()
    cloud.receive(change(1, NOW + timedelta(days=1)))
    assert calls == ["put_item", "put_item", "update_schedule", "put_item"]


@given(st.text(min_size=1), st.text(min_size=1), st.booleans())
def test_a_name_is_one_that_aws_takes(order_id: str, seller_id: str, sandbox: bool) -> None:
    key = OrderKey.of(order_id, seller_id, sandbox=sandbox)
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,64}", schedule_name(key))
    record = replace(shipped(None, change(0, NOW), DELAY, NOW), key=key)
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", execution_name(record))


def test_names_tell_orders_apart() -> None:
    assert schedule_name(KEY) == "A3TH9S8BH6GOGM-903-8868176-2219830"
    sandbox = OrderKey.of(KEY.order_id, KEY.seller_id, sandbox=True)
    assert re.fullmatch("A3TH9S8BH6GOGM-SANDBOX_903-8868176-2219830-[0-9a-f]{16}", schedule_name(sandbox))
    hyphens = OrderKey("2-3", "A-1"), OrderKey("1-2-3", "A")
    assert schedule_name(hyphens[0]) != schedule_name(hyphens[1])
    long = [OrderKey("1" * 64, "A" * 63 + end) for end in "BC"]
    assert len({schedule_name(key) for key in long}) == 2


def test_the_longest_name() -> None:
    """EventBridge Scheduler takes 64 characters."""
    assert schedule_name(OrderKey("1" * 30, "A" * 33)) == "A" * 33 + "-" + "1" * 30
    assert len(schedule_name(OrderKey("1" * 31, "A" * 33))) == 64
    assert schedule_name(OrderKey("1" * 31, "A" * 33)) != "A" * 33 + "-" + "1" * 30


def test_an_execution_is_named_after_its_order_and_when_that_was_first_heard_of() -> None:
    record = shipped(None, change(0, NOW), DELAY, NOW + timedelta(milliseconds=900))
    assert execution_name(record) == f"A3TH9S8BH6GOGM-903-8868176-2219830-{int(NOW.timestamp())}"


@given(st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1)))  # noqa: DTZ001 - Hypothesis takes naive bounds
def test_an_at_expression_is_in_utc_to_the_second(moment: datetime) -> None:
    text = at_expression(moment.replace(tzinfo=UTC))
    assert re.fullmatch(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)", text)
    assert datetime.fromisoformat(text[3:-1]) == moment.replace(microsecond=0)
    elsewhere = moment.replace(tzinfo=UTC, microsecond=0).astimezone(tz=None)
    assert at_expression(elsewhere) == at_expression(elsewhere.astimezone(UTC))


@pytest.mark.parametrize("event", list(OrderEvent))
def test_a_notification_about_a_seller_who_was_removed_records_and_schedules_nothing(
    event: OrderEvent, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """SP-API may deliver it after the removal."""
    cloud = Cloud.new()
    cloud.known = False
    assert cloud.receive(change(0, NOW + DELAY, event)) is None
    assert (cloud.arranger.ledger.find(KEY), cloud.scheduler.schedules) == (None, {})
    (line,) = log_lines()
    assert (line["level"], line["seller_id"], line["amazon_order_id"]) == ("WARNING", KEY.seller_id, KEY.order_id)
    assert line["message"] == ("order not recorded, and no review will be requested: no token is stored for the seller")


def test_an_order_that_is_recorded_stays_when_its_sellers_token_is_gone() -> None:
    """Its workflow fails then, and says so. The removal of a seller deletes the record itself."""
    cloud = Cloud.new()
    cloud.receive(change(0, NOW))
    cloud.known = False
    record = cloud.receive(change(1, NOW + timedelta(days=1)))
    assert record is not None
    assert cloud.expressions() == ["at(2026-01-16T12:00:00)"]


def test_each_change_is_logged(log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW), change(1, NOW - timedelta(days=6)))
    names = ("level", "message", "amazon_order_id", "seller_id", "order_status", "state", "due", "started")
    known = ("INFO", "order change", KEY.order_id, KEY.seller_id, "SHIPPED", "SCHEDULED")
    assert [tuple(line[name] for name in names) for line in log_lines()] == [
        (*known, "2026-01-15T12:00:00+00:00", False),
        (*known, "2026-01-09T12:00:00+00:00", True),
    ]


def test_a_schedule_is_whole_however_it_is_written() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW))
    (first,) = cloud.scheduler.schedules.values()
    cloud.receive(change(1, NOW + timedelta(days=1)))
    (second,) = cloud.scheduler.schedules.values()
    assert set(first) == set(second)
    assert second == {
        "Name": schedule_name(KEY),
        "GroupName": "group",
        "ScheduleExpression": "at(2026-01-16T12:00:00)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60},
        "ActionAfterCompletion": "DELETE",
        "State": "ENABLED",
        "Target": {
            "Arn": "arn:aws:states:us-east-1:111122223333:stateMachine:Solicitation",
            "RoleArn": "role",
            "Input": second["Target"]["Input"],
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
            "DeadLetterConfig": {"Arn": "queue"},
        },
    }
    assert json.loads(second["Target"]["Input"]) == {"AmazonOrderId": KEY.order_id, "SellerId": KEY.seller_id}


@pytest.mark.parametrize(
    ("due_in", "starts"),
    [
        (timedelta(days=-400), True),
        (timedelta(seconds=-1), True),
        (timedelta(minutes=2), True),
        (timedelta(minutes=2, seconds=1), False),
    ],
)
def test_what_is_due_within_two_minutes_starts_at_once(due_in: timedelta, starts: bool) -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW + due_in - DELAY))
    assert bool(cloud.states.executions) == starts
    assert bool(cloud.scheduler.schedules) != starts


def test_a_date_moved_into_the_past_starts_at_once_and_leaves_no_schedule() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW), change(1, NOW - timedelta(days=6)))
    assert len(cloud.states.executions) == 1
    assert not cloud.scheduler.schedules


def test_a_copy_that_comes_while_a_schedule_is_about_to_fire_starts_the_order_in_its_place() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW))
    cloud.time.moment = NOW + DELAY - timedelta(minutes=1)
    cloud.receive(change(0, NOW))
    assert len(cloud.states.executions) == 1
    assert not cloud.scheduler.schedules


def test_of_two_changes_of_the_same_time_the_first_that_is_heard_counts() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW), change(0, NOW + timedelta(days=3)))
    assert cloud.expressions() == ["at(2026-01-15T12:00:00)"]


def test_a_schedule_that_the_ledger_does_not_know_of_is_moved() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW))
    cloud.put(scheduled_for=None)
    cloud.receive(change(1, NOW + timedelta(days=3)))
    assert cloud.expressions() == ["at(2026-01-18T12:00:00)"]


def test_a_schedule_that_somebody_has_deleted_is_made_again_when_it_moves() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW))
    cloud.scheduler.schedules.clear()
    cloud.receive(change(1, NOW + timedelta(days=3)))
    assert cloud.expressions() == ["at(2026-01-18T12:00:00)"]


def test_a_cancelled_order_needs_no_schedule_that_somebody_has_deleted() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW))
    cloud.scheduler.schedules.clear()
    record = cloud.receive(change(1, NOW, OrderEvent.CANCELLED))
    assert record is not None
    assert (record.state, record.scheduled_for) == (State.CANCELLED, None)


def test_an_execution_that_the_ledger_does_not_know_of_is_the_orders() -> None:
    """The function may end between the start and the write to the ledger."""
    cloud = Cloud.new()
    cloud.receive(change(0, NOW - timedelta(days=6)))
    cloud.put(started=False)
    record = cloud.receive(change(0, NOW - timedelta(days=6)))
    assert record is not None
    assert record.started
    assert len(cloud.states.executions) == 1


def test_a_shipment_does_not_bring_back_what_was_cancelled_though_it_is_newer() -> None:
    cloud = Cloud.new()
    cancellation = change(0, NOW, OrderEvent.CANCELLED)
    record = cloud.receive(change(-1, NOW), cancellation, change(1, NOW))
    assert record is not None
    assert record.state is State.CANCELLED
    assert not cloud.scheduler.schedules


@pytest.mark.parametrize("state", [state for state in State if state.final])
@pytest.mark.parametrize("event", [OrderEvent.SHIPPED, OrderEvent.CANCELLED])
def test_an_end_is_an_end(state: State, event: OrderEvent) -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW - timedelta(days=6)))
    cloud.arranger.ledger.change(
        KEY, lambda held: replace(held or shipped(None, change(0, NOW), DELAY, NOW), state=state)
    )
    before = dict(cloud.dynamodb.items)
    cloud.receive(change(5, NOW + timedelta(days=3), event))
    assert cloud.dynamodb.items == before
    assert not cloud.scheduler.schedules
    assert len(cloud.states.executions) == 1


def test_a_cancellation_does_not_hide_a_request_under_way() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW - timedelta(days=6)))
    cloud.put(state=State.SUBMITTING)
    record = cloud.receive(change(1, NOW, OrderEvent.CANCELLED))
    assert record is not None
    assert (record.state, record.cancelled) == (State.SUBMITTING, True)


def test_a_deleted_record_lets_an_order_start_again() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW - timedelta(days=6)))
    cloud.dynamodb.items.clear()
    cloud.time.run_until(NOW + timedelta(minutes=1))
    cloud.receive(change(0, NOW - timedelta(days=6)))
    assert len(cloud.states.executions) == 2


def test_a_repeated_change_writes_nothing() -> None:
    cloud = Cloud.new()
    cloud.receive(change(0, NOW))
    writes = cloud.dynamodb.writes
    cloud.receive(change(0, NOW), change(-3, NOW + timedelta(days=9)), change(0, NOW))
    assert cloud.dynamodb.writes == writes


@st.composite
def histories(draw: st.DrawFn) -> list[OrderChange]:
    """What happened to one order, and then what of it is heard: each at least once, in any order."""
    days = draw(st.lists(st.integers(1, 20), min_size=1, max_size=5))
    happened = [change(hours, NOW + timedelta(days=day)) for hours, day in enumerate(days)]
    if draw(st.booleans()):
        cancelled_at = draw(st.integers(0, len(days)))
        happened.append(change(cancelled_at, NOW, OrderEvent.CANCELLED))
    copies = draw(st.lists(st.sampled_from(happened), max_size=6))
    return draw(st.permutations([*happened, *copies]))


@given(histories(), st.sampled_from([0.0, 0.3]), st.integers(0, 1000))
@settings(max_examples=300)
def test_whatever_is_heard_first_the_newest_date_counts_and_a_cancellation_stays(
    heard: list[OrderChange], failing: float, seed: int
) -> None:
    cloud = Cloud.new(failing, seed)
    cloud.receive(*heard)
    record = cloud.arranger.ledger.find(KEY)
    assert record is not None
    if any(one.event is OrderEvent.CANCELLED for one in heard):
        assert record.state is State.CANCELLED
        assert cloud.expressions() == []
    else:
        newest = max((one for one in heard if one.event is OrderEvent.SHIPPED), key=lambda one: one.changed)
        assert record.due == record.scheduled_for == due_time(newest, DELAY)
        assert cloud.expressions() == [at_expression(record.due)]
    assert not cloud.states.executions


@given(st.integers(0, 10_000))
@settings(max_examples=100)
def test_two_messages_at_once_end_with_the_schedule_of_the_newer(seed: int) -> None:
    """The other message is received whole between any two calls of this one."""
    cloud, chance = Cloud.new(), random.Random(seed)
    newer = change(1, NOW + timedelta(days=2), chance.choice([OrderEvent.SHIPPED, OrderEvent.CANCELLED]))
    before = chance.randrange(6)
    calls = 0
    original = cloud.trouble.call

    def call(action: Any) -> None:
        nonlocal calls
        calls += 1
        if calls - 1 == before:
            cloud.receive(newer)
        original(action)

    cloud.trouble.call = call  # type: ignore[method-assign]
    cloud.receive(change(0, NOW))
    if calls <= before:
        cloud.receive(newer)
    expected = [] if newer.event is OrderEvent.CANCELLED else ["at(2026-01-17T12:00:00)"]
    assert cloud.expressions() == expected


def test_a_record_that_others_keep_changing_ends_as_an_error_that_the_queue_retries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = Cloud.new()
    ledger = cloud.arranger.ledger
    cloud.receive(change(0, NOW))
    record = ledger.find(KEY)
    assert record is not None
    held = _item(record)
    writes = []

    def refused(*_: object) -> dict[str, Any]:
        writes.append(1)
        return held

    monkeypatch.setattr(SolicitationLedger, "_write", refused)
    words = f"^the record of order {KEY.order_id} of {KEY.seller_id} was changed by others during each of"
    with pytest.raises(ItemContestedError, match=words):
        ledger.change(KEY, lambda held: held or record)
    with pytest.raises(ItemContestedError, match=words):
        ledger.update(record, lambda held: held)
    assert len(writes) == 2 * MOST_ATTEMPTS
    assert issubclass(ItemContestedError, ExpectedError)


def test_a_record_that_was_deleted_meanwhile_is_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud.new()
    ledger = cloud.arranger.ledger
    record = cloud.receive(change(0, NOW))
    assert record is not None
    monkeypatch.setattr(SolicitationLedger, "_write", lambda *_: None)
    monkeypatch.setattr(SolicitationLedger, "find", lambda *_: None)
    words = f"^the record of order {KEY.order_id} of {KEY.seller_id} was deleted$"
    with pytest.raises(OrderForgottenError, match=words):
        ledger.update(record, lambda held: held)


def test_a_schedule_that_others_keep_moving_ends_as_an_error_that_the_queue_retries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = Cloud.new()
    record = cloud.receive(change(0, NOW))
    assert record is not None
    moved = replace(record, scheduled_for=None)
    # Another message moves the due time after each write.
    monkeypatch.setattr(
        SolicitationLedger, "update", lambda _, known, __: replace(known, due=known.due + timedelta(hours=1))
    )
    words = f"^the record of order {KEY.order_id} of {KEY.seller_id} was changed by others during each of"
    with pytest.raises(ItemContestedError, match=words):
        cloud.arranger.arrange(moved)
