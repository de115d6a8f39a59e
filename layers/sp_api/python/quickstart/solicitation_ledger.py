"""What became of every order: one item each in the solicitations table.

Each step of an order's life is a function from one record to the next, and the ledger writes the next only over the
record it was made from. So two messages, or a message and a workflow, never undo each other, whatever comes first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from boto3.dynamodb.conditions import Attr

from quickstart.dynamodb import Table
from quickstart.solicitation_orders import OrderChange, OrderKey, deadline, due_time

# Long after Amazon itself refuses: what was asked stays known while any notification of the order may still come.
KEPT_AFTER_DEADLINE = timedelta(days=90)
_LONGEST_ANSWER = 1000
# An item of this hash key excludes a seller, or everyone, as its range key says.
_EXCLUDED = "#EXCLUDED"
_EVERYONE = "*"


# By seller and due time; an exclusion has no due time and is not in it.
SELLER_INDEX = "SellerIdDueTimeIndex"


class State(StrEnum):
    """Where an order is. All but the first four are ends."""

    SCHEDULED = "SCHEDULED"
    WAITING = "WAITING"
    SUBMITTING = "SUBMITTING"
    FAILED = "FAILED"
    SOLICITED = "SOLICITED"
    ALREADY_SOLICITED = "ALREADY_SOLICITED"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    FINISHED_WITHOUT_SOLICITATION = "FINISHED_WITHOUT_SOLICITATION"
    CANCELLED = "CANCELLED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"

    @property
    def final(self) -> bool:
        return self not in (State.SCHEDULED, State.WAITING, State.SUBMITTING, State.FAILED)


class OrderForgottenError(LookupError):
    """The operator has deleted an order's record, so that it is no longer this stack's business."""


@dataclass(frozen=True)
class Solicitation:
    """One order's record. Times are in UTC.

    `changed` is the time of the newest notification that counted, `registered` when the order was first seen.
    `scheduled_for` is the time of the schedule that is there, `started` tells that the workflow is, and `execution`
    names the one that the order belongs to, empty until that has begun. `asks` counts the answers that SP-API gave,
    `submits` the requests for a review, the last one made at `submitted`.
    """

    key: OrderKey
    state: State
    marketplace_id: str
    due: datetime
    deadline: datetime
    changed: datetime
    registered: datetime
    cancelled: bool = False
    scheduled_for: datetime | None = None
    started: bool = False
    execution: str = ""
    asks: int = 0
    asked: datetime | None = None
    submits: int = 0
    submitted: datetime | None = None
    last_answer: str = ""
    version: int = 0


def shipped(record: Solicitation | None, change: OrderChange, delay: timedelta, now: datetime) -> Solicitation:
    """The order has been shipped, or its delivery dates have changed. An older notification changes nothing."""
    if record is None:
        return _new(change, State.SCHEDULED, delay, now)
    if record.state.final or change.changed <= record.changed:
        return record
    return replace(
        record,
        due=due_time(change, delay),
        deadline=deadline(change, record.registered),
        marketplace_id=change.marketplace_id,
        changed=change.changed,
    )


def cancelled(record: Solicitation | None, change: OrderChange, delay: timedelta, now: datetime) -> Solicitation:
    """The order is cancelled, for good: a shipment that is heard of later does not bring it back.

    What has been sent stays sent. A request whose answer is lost ends as cancelled only if it turns out not sent.
    """
    if record is None:
        record = _new(change, State.SCHEDULED, delay, now)
    if record.state.final or record.cancelled:
        return record
    if record.state is State.SUBMITTING:
        return replace(record, cancelled=True)
    return replace(record, cancelled=True, state=State.CANCELLED)


def _new(change: OrderChange, state: State, delay: timedelta, now: datetime) -> Solicitation:
    return Solicitation(
        key=change.key,
        state=state,
        marketplace_id=change.marketplace_id,
        due=due_time(change, delay),
        deadline=deadline(change, now),
        changed=change.changed,
        registered=now.replace(microsecond=0),
    )


def begun(record: Solicitation, execution: str, now: datetime) -> Solicitation:
    """The workflow runs. Its schedule has deleted itself, unless it was moved meanwhile.

    A schedule may start it twice: an order stays with the execution that came first.
    """
    if record.execution not in ("", execution):
        return record
    fired = record.scheduled_for is not None and record.scheduled_for <= now
    still_there = None if fired else record.scheduled_for
    return replace(record, started=True, execution=execution, scheduled_for=still_there)


def answered(record: Solicitation, answer: str, now: datetime, *, available: bool) -> Solicitation:
    """SP-API has said whether a review can be asked for.

    When a request was made whose answer is lost, this is how its outcome is known: still available means not sent.
    """
    told = replace(record, asks=record.asks + 1, asked=now, last_answer=answer)
    if record.state is State.SUBMITTING and not available:
        return replace(told, state=State.SOLICITED)
    return replace(told, state=State.CANCELLED if record.cancelled else State.WAITING)


def claimed(record: Solicitation, now: datetime) -> Solicitation:
    """The request is about to be made. Only one claim can be open."""
    if record.state not in (State.WAITING, State.FAILED) or record.cancelled:
        raise ValueError(f"a {record.state} order cannot be claimed")
    return replace(record, state=State.SUBMITTING, submits=record.submits + 1, submitted=now)


def released(record: Solicitation, answer: str) -> Solicitation:
    """The request was not made, for certain."""
    state = State.CANCELLED if record.cancelled else State.WAITING
    return replace(record, state=state, submits=record.submits - 1, last_answer=answer)


def failed(record: Solicitation, answer: str) -> Solicitation:
    """SP-API refuses for a reason that a person must look into.

    The workflow goes on from here when it is redriven, or another one does.
    """
    if record.state.final:
        return record
    state = State.CANCELLED if record.cancelled else State.FAILED
    return replace(record, state=state, execution="", last_answer=answer)


def ended(record: Solicitation, state: State, answer: str) -> Solicitation:
    """SP-API has given the order's end."""
    return replace(record, state=state, last_answer=answer)


def concluded(record: Solicitation, state: State) -> Solicitation:
    """The ledger itself has given the order's end."""
    return record if record.state.final else replace(record, state=state)


def noted(record: Solicitation, answer: str) -> Solicitation:
    """What happened last, where nothing else changes."""
    return replace(record, last_answer=answer)


@dataclass(frozen=True)
class SolicitationLedger:
    """The solicitations table: AmazonOrderId and SellerId are its key."""

    table: Table

    def find(self, key: OrderKey) -> Solicitation | None:
        item = self.table.get(_key(key))
        return None if item is None else _record(item)

    def change(self, key: OrderKey, step: Callable[[Solicitation | None], Solicitation]) -> Solicitation:
        """Writes what `step` makes of the order's record, and gives it. A step that changes nothing writes nothing.

        `step` is called again when the record has changed meanwhile, so it must only compute.
        """
        while True:
            record = self.find(key)
            written = self._write(record, step(record))
            if written is not None:
                return written

    def update(self, known: Solicitation, step: Callable[[Solicitation], Solicitation]) -> Solicitation:
        """The same for an order whose record has been read. Raises OrderForgottenError when it has been deleted."""
        record: Solicitation | None = known
        while record is not None:
            written = self._write(record, step(record))
            if written is not None:
                return written
            record = self.find(known.key)
        raise OrderForgottenError(f"the record of order {known.key.order_id} of {known.key.seller_id} was deleted")

    def _write(self, before: Solicitation | None, after: Solicitation) -> Solicitation | None:
        """None when the record is no longer the one before."""
        if after == before:
            return after
        version = 0 if before is None else before.version
        written = replace(after, version=version + 1, last_answer=after.last_answer[:_LONGEST_ANSWER])
        unchanged = Attr("Version").eq(version) if version else Attr("Version").not_exists()
        return written if self.table.put(_item(written), unchanged) else None

    def excluded(self, seller_id: str) -> bool:
        """Whether the operator has excluded this seller, or everyone."""
        return any(
            self.table.get({"AmazonOrderId": _EXCLUDED, "SellerId": whom}) is not None
            for whom in (seller_id, _EVERYONE)
        )


def _key(key: OrderKey) -> Mapping[str, str]:
    return {"AmazonOrderId": key.order_id, "SellerId": key.seller_id}


def _item(record: Solicitation) -> dict[str, Any]:
    return {
        **_key(record.key),
        "State": str(record.state),
        "MarketplaceId": record.marketplace_id,
        "DueTime": _text(record.due),
        "Deadline": _text(record.deadline),
        "ChangedTime": record.changed.isoformat(),
        "RegisteredTime": _text(record.registered),
        "Cancelled": record.cancelled or None,
        "ScheduledFor": _text(record.scheduled_for),
        "WorkflowStarted": record.started or None,
        "ExecutionName": record.execution or None,
        "Asks": record.asks,
        "LastAskedTime": _text(record.asked),
        "Submits": record.submits,
        "SubmittedTime": _text(record.submitted),
        "LastAnswer": record.last_answer or None,
        "Version": record.version,
        "ExpiresAt": int((record.deadline + KEPT_AFTER_DEADLINE).timestamp()),
    }


def _record(item: Mapping[str, Any]) -> Solicitation:
    return Solicitation(
        key=OrderKey(item["AmazonOrderId"], item["SellerId"]),
        state=State(item["State"]),
        marketplace_id=item["MarketplaceId"],
        due=datetime.fromisoformat(item["DueTime"]),
        deadline=datetime.fromisoformat(item["Deadline"]),
        changed=datetime.fromisoformat(item["ChangedTime"]),
        registered=datetime.fromisoformat(item["RegisteredTime"]),
        cancelled=bool(item.get("Cancelled")),
        scheduled_for=_time(item.get("ScheduledFor")),
        started=bool(item.get("WorkflowStarted")),
        execution=item.get("ExecutionName", ""),
        asks=int(item["Asks"]),
        asked=_time(item.get("LastAskedTime")),
        submits=int(item["Submits"]),
        submitted=_time(item.get("SubmittedTime")),
        last_answer=item.get("LastAnswer", ""),
        version=int(item["Version"]),
    )


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat(timespec="seconds")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
