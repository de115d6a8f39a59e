"""The state of every order: one item each in the solicitations table.

Each transition is a function from one record to the next, and the ledger writes the new record only if the old one is
unchanged. So concurrent messages and workflows never overwrite each other, whatever their order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from boto3.dynamodb.conditions import Attr

from quickstart.call_slots import CallSlots, Quota
from quickstart.dynamodb import MOST_ATTEMPTS, Item, ItemContestedError, Table, get_together, reading_item
from quickstart.solicitations.orders import OrderChange, OrderKey, deadline, due_time
from quickstart.times import calculable, to_text
from quickstart.token_vault import StoredTokens
from sp_api.regions import Region
from sp_api.wire import MalformedError, optional_text, text

# Long after Amazon refuses requests, so that late notifications of the order still find its record.
KEPT_AFTER_DEADLINE = timedelta(days=90)
_LONGEST_ANSWER = 1000
# Items with this hash key exclude the seller in their range key, or everyone.
EXCLUDED = "#EXCLUDED"
EVERYONE = "*"


# By seller and due time; exclusions have no due time, so they are not in it.
SELLER_INDEX = "SellerIdDueTimeIndex"


# SP-API's bucket holds five calls (Solicitations API v1). The one left over is for repeated calls.
_QUOTA = Quota(1, 4)
# The due time of an item that is no order. It sorts before every other.
NOT_AN_ORDER = "!"


def call_slots(table: Table, seller_id: str, region: Region) -> CallSlots:
    """The slots of a seller's calls of getSolicitationActionsForOrder. Their item is in the index of sellers, to be
    deleted with the seller.
    """
    key = {"AmazonOrderId": f"#SLOTS#{region}", "SellerId": seller_id}
    return CallSlots(table, key, _QUOTA, {"DueTime": NOT_AN_ORDER})


class State(StrEnum):
    """The state of an order. All but the first four are final."""

    SCHEDULED = "SCHEDULED"
    WAITING = "WAITING"
    SUBMITTING = "SUBMITTING"
    FAILED = "FAILED"
    SOLICITED = "SOLICITED"
    ALREADY_SOLICITED = "ALREADY_SOLICITED"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    FINISHED_WITHOUT_SOLICITATION = "FINISHED_WITHOUT_SOLICITATION"
    CANCELLED = "CANCELLED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"

    @property
    def final(self) -> bool:
        return self not in (State.SCHEDULED, State.WAITING, State.SUBMITTING, State.FAILED)


class OrderForgottenError(LookupError):
    """The order's record was deleted, so the order needs no more work."""


@dataclass(frozen=True)
class Solicitation:
    """One order's record. Times are in UTC.

    `changed` is the time of the newest notification applied, `registered` the time of the first. `scheduled_for` is the
    time of the existing schedule; `started` is True once the workflow was started, and `execution` is the name of the
    execution that handles the order, empty until it begins. `asks` counts the answers of SP-API, `submits` the requests
    for a review, the last of which was sent at `submitted`.
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
    """The order was cancelled. This is final, even if a notification about its shipment arrives later.

    A request that was sent cannot be undone. If its answer was lost, the order becomes CANCELLED only if the request
    turns out not to have been sent.
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
    """The workflow has begun. Its schedule has deleted itself, unless it was moved in the meantime.

    A schedule may start the workflow twice; the order stays with the first execution.
    """
    if record.execution not in ("", execution):
        return record
    fired = record.scheduled_for is not None and record.scheduled_for <= now
    still_there = None if fired else record.scheduled_for
    return replace(record, started=True, execution=execution, scheduled_for=still_there)


def answered(record: Solicitation, answer: str, now: datetime, *, available: bool) -> Solicitation:
    """SP-API has answered whether a review can be requested.

    After a request whose answer was lost, this determines its outcome: still available means not sent.
    """
    updated = replace(record, asks=record.asks + 1, asked=now, last_answer=answer)
    if record.state is State.SUBMITTING and not available:
        return replace(updated, state=State.SOLICITED)
    return replace(updated, state=State.CANCELLED if record.cancelled else State.WAITING)


def claimed(record: Solicitation, execution: str, now: datetime) -> Solicitation:
    """The request is about to be sent. Only one claim can be open.

    `execution` may have been redriven after a failure, which had taken its name away.
    """
    if record.state not in (State.WAITING, State.FAILED) or record.cancelled:
        raise ValueError(f"a {record.state} order cannot be claimed")
    return replace(record, state=State.SUBMITTING, execution=execution, submits=record.submits + 1, submitted=now)


def released(record: Solicitation, answer: str) -> Solicitation:
    """The request was certainly not sent."""
    state = State.CANCELLED if record.cancelled else State.WAITING
    return replace(record, state=state, submits=record.submits - 1, last_answer=answer)


def failed(record: Solicitation, answer: str) -> Solicitation:
    """SP-API refused for a reason that a person must resolve.

    The workflow, or another one, resumes from here when the execution is redriven.
    """
    if record.state.final:
        return record
    state = State.CANCELLED if record.cancelled else State.FAILED
    return replace(record, state=state, execution="", last_answer=answer)


def ended(record: Solicitation, state: State, answer: str) -> Solicitation:
    """SP-API's answer is final for the order."""
    return replace(record, state=state, last_answer=answer)


def concluded(record: Solicitation, state: State) -> Solicitation:
    """The order ended without another call to SP-API."""
    return record if record.state.final else replace(record, state=state)


def noted(record: Solicitation, answer: str) -> Solicitation:
    """Records the last answer and changes nothing else."""
    return replace(record, last_answer=answer)


@dataclass(frozen=True)
class Situation:
    """What decides about an order's next step.

    `excluded` is whether the operator has excluded the seller, or everyone. `tokens` are those of the seller.
    """

    record: Solicitation
    excluded: bool
    tokens: StoredTokens


@dataclass(frozen=True)
class SolicitationLedger:
    """The solicitations table: AmazonOrderId and SellerId are its key."""

    table: Table

    def find(self, key: OrderKey) -> Solicitation | None:
        item = self.table.get(_key(key))
        return None if item is None else solicitation_of(item)

    def look_up(self, key: OrderKey, selling_partners: Table) -> Situation | None:
        """The order's situation, read with one call; None when the order has no record.

        `selling_partners` is the table with the tokens.
        """
        excluded = [{"AmazonOrderId": EXCLUDED, "SellerId": whom} for whom in (key.seller_id, EVERYONE)]
        (item, *exclusions), tokens = get_together(
            (self.table, [_key(key), *excluded]), (selling_partners, StoredTokens.keys(key.seller_id))
        )
        if item is None:
            return None
        excludes = any(found is not None for found in exclusions)
        return Situation(solicitation_of(item), excludes, StoredTokens.of(key.seller_id, tokens))

    def change(self, key: OrderKey, step: Callable[[Solicitation | None], Solicitation]) -> Solicitation:
        """Applies `step` to the order's record, writes the result and returns it. An unchanged record is not written.

        `step` is called again when there is a record, or it has changed in the meantime, so it must have no side
        effects. Raises ItemContestedError when the record keeps changing.
        """
        # Most orders have none yet. Where there is one, the refused write shows it.
        record: Solicitation | None = None
        for _ in range(MOST_ATTEMPTS):
            held = self._write(record, step(record))
            if isinstance(held, Solicitation):
                return held
            record = solicitation_of(held) if held else None
        raise ItemContestedError(f"the record of order {key.order_id} of {key.seller_id}")

    def delete(self, key: OrderKey) -> None:
        """Deletes the order's record, if there is one."""
        self.table.delete(_key(key))

    def update(self, known: Solicitation, step: Callable[[Solicitation], Solicitation]) -> Solicitation:
        """The same for a record that was read before. Raises OrderForgottenError when it has been deleted."""
        what = f"the record of order {known.key.order_id} of {known.key.seller_id}"
        record = known
        for _ in range(MOST_ATTEMPTS):
            held = self._write(record, step(record))
            if isinstance(held, Solicitation):
                return held
            if not held:
                raise OrderForgottenError(f"{what} was deleted")
            record = solicitation_of(held)
        raise ItemContestedError(what)

    def _write(self, before: Solicitation | None, after: Solicitation) -> Solicitation | Item:
        """Writes the record and returns it; the item as it is when it has changed since `before` was read."""
        if after == before:
            return after
        version = 0 if before is None else before.version
        written = replace(after, version=version + 1, last_answer=after.last_answer[:_LONGEST_ANSWER])
        unchanged = Attr("Version").eq(version) if version else Attr("Version").not_exists()
        held = self.table.put_unless(_item(written), unchanged)
        return written if held is None else held


def _key(key: OrderKey) -> Mapping[str, str]:
    return {"AmazonOrderId": key.order_id, "SellerId": key.seller_id}


def _item(record: Solicitation) -> dict[str, Any]:
    return {
        **_key(record.key),
        "State": str(record.state),
        "MarketplaceId": record.marketplace_id,
        "DueTime": to_text(record.due),
        "Deadline": to_text(record.deadline),
        "ChangedTime": to_text(record.changed, unit="auto"),
        "RegisteredTime": to_text(record.registered),
        "Cancelled": record.cancelled or None,
        "ScheduledFor": to_text(record.scheduled_for),
        "WorkflowStarted": record.started or None,
        "ExecutionName": record.execution or None,
        "Asks": record.asks,
        "LastAskedTime": to_text(record.asked),
        "Submits": record.submits,
        "SubmittedTime": to_text(record.submitted),
        "LastAnswer": record.last_answer or None,
        "Version": record.version,
        "ExpiresAt": int((record.deadline + KEPT_AFTER_DEADLINE).timestamp()),
    }


def solicitation_of(item: Mapping[str, Any]) -> Solicitation:
    """The record in an item of the table. Raises DamagedItemError."""
    with reading_item(f"{item.get('AmazonOrderId')} of {item.get('SellerId')}"):
        return Solicitation(
            key=OrderKey(text(item, "AmazonOrderId"), text(item, "SellerId")),
            state=State(text(item, "State")),
            marketplace_id=optional_text(item, "MarketplaceId") or "",
            due=_time(item, "DueTime"),
            deadline=_time(item, "Deadline"),
            changed=_time(item, "ChangedTime"),
            registered=_time(item, "RegisteredTime"),
            cancelled=bool(item.get("Cancelled")),
            scheduled_for=_optional_time(item, "ScheduledFor"),
            started=bool(item.get("WorkflowStarted")),
            execution=optional_text(item, "ExecutionName") or "",
            asks=int(item["Asks"]),
            asked=_optional_time(item, "LastAskedTime"),
            submits=int(item["Submits"]),
            submitted=_optional_time(item, "SubmittedTime"),
            last_answer=optional_text(item, "LastAnswer") or "",
            version=int(item["Version"]),
        )


def _time(item: Mapping[str, Any], name: str) -> datetime:
    time = calculable(item.get(name))
    if time is None:
        raise MalformedError(f"{name} is not a valid time with an offset")
    return time


def _optional_time(item: Mapping[str, Any], name: str) -> datetime | None:
    return None if item.get(name) is None else _time(item, name)
