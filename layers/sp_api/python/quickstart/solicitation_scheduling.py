"""What a notification about an order changes: its record, and the schedule or the execution of its workflow."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from quickstart.observability import logger
from quickstart.solicitation_ledger import Solicitation, SolicitationLedger, State, cancelled, shipped
from quickstart.solicitation_orders import OrderChange, OrderEvent, OrderKey

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# EventBridge Scheduler: a schedule's name has 1 to 64 of these characters.
_LONGEST_NAME = 64
_NOT_IN_A_NAME = re.compile(r"[^0-9A-Za-z_.-]")
# A schedule for the next minute could be late before it is made.
_AT_ONCE_WITHIN = timedelta(minutes=2)
# Delivery dates fall on the same hour for all of a day's orders; spread over an hour, a seller's quota of one request
# a second is enough for most.
_SPREAD_MINUTES = 60


def schedule_name(key: OrderKey) -> str:
    """The same for every notification of an order."""
    name = _NOT_IN_A_NAME.sub("_", f"{key.seller_id}-{key.order_id}")
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(f"{key.seller_id} {key.order_id}".encode()).hexdigest()[:16]
    return f"{name[: _LONGEST_NAME - 17]}-{digest}"


def execution_name(record: Solicitation) -> str:
    """The same for every attempt to start an order's workflow at once, and another one once its record was deleted."""
    return f"{schedule_name(record.key)}-{int(record.registered.timestamp())}"


def execution_input(record: Solicitation) -> str:
    """What the workflow is told: which order. Everything else is in the ledger, and may change there."""
    return json.dumps({"AmazonOrderId": record.key.order_id, "SellerId": record.key.seller_id})


def at_expression(time: datetime) -> str:
    """A one-time schedule expression; its time zone is UTC."""
    return f"at({time.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S')})"


@dataclass(frozen=True)
class Arranger:
    """Keeps schedules and executions as the ledger wants them.

    `scheduler` is a boto3 client of EventBridge Scheduler.
    """

    ledger: SolicitationLedger
    scheduler: Any
    states: "SFNClient"
    state_machine_arn: str
    group_name: str
    role_arn: str
    dead_letter_queue_arn: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def arrange(self, record: Solicitation) -> Solicitation:
        """Does what is missing and notes it in the ledger, until nothing is missing; gives the record as it is then.

        What is done is noted whatever another message has written meanwhile, and that is looked at again: two messages
        at once end with the schedule of the newer one.
        """
        while True:
            done: Callable[[Solicitation], Solicitation]
            if record.state is not State.SCHEDULED or record.started:
                if record.scheduled_for is None:
                    return record
                self._remove(record)
                done = _removed
            elif record.due <= self.now() + _AT_ONCE_WITHIN:
                self._start(record)
                done = _started
            elif record.scheduled_for != record.due:
                self._schedule(record)
                done = _scheduled(record.due)
            else:
                return record
            record = self.ledger.update(record, done)

    def _schedule(self, record: Solicitation) -> None:
        """An update leaves nothing of the old definition, so it is sent whole."""
        definition = {
            "Name": schedule_name(record.key),
            "GroupName": self.group_name,
            "ScheduleExpression": at_expression(record.due),
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": _SPREAD_MINUTES},
            "ActionAfterCompletion": "DELETE",
            "State": "ENABLED",
            "Target": {
                "Arn": self.state_machine_arn,
                "RoleArn": self.role_arn,
                "Input": execution_input(record),
                "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
                "DeadLetterConfig": {"Arn": self.dead_letter_queue_arn},
            },
        }
        exceptions = self.scheduler.exceptions
        if record.scheduled_for is not None:
            try:
                self.scheduler.update_schedule(**definition)
            except exceptions.ResourceNotFoundException:
                self.scheduler.create_schedule(**definition)
            return
        try:
            self.scheduler.create_schedule(**definition)
        except exceptions.ConflictException:
            # Made by a message whose note did not reach the ledger.
            self.scheduler.update_schedule(**definition)

    def _remove(self, record: Solicitation) -> None:
        try:
            self.scheduler.delete_schedule(Name=schedule_name(record.key), GroupName=self.group_name)
        except self.scheduler.exceptions.ResourceNotFoundException:
            return

    def _start(self, record: Solicitation) -> None:
        try:
            self.states.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=execution_name(record),
                input=execution_input(record),
            )
        except self.states.exceptions.ExecutionAlreadyExists:
            return


def _removed(record: Solicitation) -> Solicitation:
    return replace(record, scheduled_for=None)


def _started(record: Solicitation) -> Solicitation:
    return replace(record, started=True)


def _scheduled(due: datetime) -> Callable[[Solicitation], Solicitation]:
    return lambda record: replace(record, scheduled_for=due)


_Transition = Callable[[Solicitation | None, OrderChange, timedelta, datetime], Solicitation]
_TRANSITIONS: Mapping[OrderEvent, _Transition] = {OrderEvent.SHIPPED: shipped, OrderEvent.CANCELLED: cancelled}


def schedule_solicitation(
    change: OrderChange, ledger: SolicitationLedger, arranger: Arranger, delay: timedelta
) -> Solicitation | None:
    """Records the change and arranges the order's workflow; None where the change is of no concern.

    Doing it again, for a copy of the notification or after a failure halfway, completes what is missing and changes
    nothing else.
    """
    transition = _TRANSITIONS.get(change.event)
    if transition is None:
        _log("order change is of no concern", change)
        return None
    recorded = ledger.change(change.key, lambda held: transition(held, change, delay, arranger.now()))
    record = arranger.arrange(recorded)
    _log("order change", change, state=record.state, due=record.due.isoformat(), started=record.started)
    return record


def _log(message: str, change: OrderChange, **what: object) -> None:
    logger().info(
        message,
        extra={
            "amazon_order_id": change.key.order_id,
            "seller_id": change.key.seller_id,
            "order_status": change.order_status,
            **what,
        },
    )
