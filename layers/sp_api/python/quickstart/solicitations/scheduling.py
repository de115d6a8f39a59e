"""Applies a notification about an order to its record and to the schedule or execution of its workflow."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from quickstart.dynamodb import MOST_ATTEMPTS, ItemContestedError
from quickstart.names import safe_name
from quickstart.observability import logger
from quickstart.solicitations.ledger import Solicitation, SolicitationLedger, State, cancelled, shipped
from quickstart.solicitations.orders import OrderChange, OrderEvent, OrderKey
from quickstart.times import to_text

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# EventBridge Scheduler: a schedule's name has 1 to 64 characters.
_LONGEST_NAME = 64
# The log line about an order of a seller without a token; make doctor looks for it.
NOT_RECORDED = "order not recorded, and no review will be requested: no token is stored for the seller"
# A schedule for the next minute could be in the past by the time it is created.
_AT_ONCE_WITHIN = timedelta(minutes=2)
# All of a day's orders have delivery dates at the same hour; spread over an hour, a seller's quota of one request a
# second suffices for most sellers.
_SPREAD_MINUTES = 60


def schedule_name(key: OrderKey) -> str:
    """The same for every notification of an order."""
    return safe_name(key.seller_id, key.order_id, longest=_LONGEST_NAME)


def execution_name(record: Solicitation) -> str:
    """The same for every attempt to start an order's workflow at once; different after its record was deleted."""
    return f"{schedule_name(record.key)}-{int(record.registered.timestamp())}"


def execution_input(record: Solicitation) -> str:
    """The workflow's input: only the order's key, because everything else may change in the ledger."""
    return json.dumps({"AmazonOrderId": record.key.order_id, "SellerId": record.key.seller_id})


def at_expression(time: datetime) -> str:
    """A one-time schedule expression; its time zone is UTC."""
    return f"at({time.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S')})"


@dataclass(frozen=True)
class Arranger:
    """Keeps schedules and executions consistent with the ledger.

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
        """Creates, moves or removes what is missing, records it in the ledger, and returns the final record.

        It repeats until nothing is missing, because another message may change the record in the meantime: two
        concurrent messages end with the schedule of the newer one. Raises ItemContestedError when the record keeps
        changing; the queue delivers the message again.
        """
        for _ in range(MOST_ATTEMPTS):
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
        raise ItemContestedError(f"the record of order {record.key.order_id} of {record.key.seller_id}")

    def _schedule(self, record: Solicitation) -> None:
        """UpdateSchedule replaces the whole definition, so all of it is sent."""
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
            # Created by a message that failed before it wrote to the ledger.
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
    change: OrderChange,
    ledger: SolicitationLedger,
    arranger: Arranger,
    delay: timedelta,
    seller_known: Callable[[str], bool],
) -> Solicitation | None:
    """Records the change and arranges the order's workflow.

    Repeating it, for a copy of the notification or after a partial failure, completes what is missing and changes
    nothing else. Records nothing and returns None when the seller has no token: a notification may arrive after the
    seller was removed.
    """
    transition = _TRANSITIONS[change.event]
    recorded = ledger.change(change.key, lambda held: transition(held, change, delay, arranger.now()))
    # Asked after the record was created: tokens are deleted before records, so the removal finds the record otherwise.
    if recorded.version == 1 and not seller_known(change.key.seller_id):
        ledger.delete(change.key)
        # A removed seller's late notification, or a subscription of a seller whose token was never stored.
        logger().warning(
            NOT_RECORDED,
            seller_id=change.key.seller_id,
            amazon_order_id=change.key.order_id,
        )
        return None
    record = arranger.arrange(recorded)
    _log("order change", change, state=record.state, due=to_text(record.due), started=record.started)
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
