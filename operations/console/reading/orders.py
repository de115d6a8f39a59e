"""Reads the orders for whose review the stack asks: what is due when, and one order's record."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from operations.command import counted
from operations.console.console import Console, output
from operations.console.reading.executions import (
    ORDERS,
    Execution,
    MachineOf,
    find_failed,
    find_machine,
    read_execution,
)
from operations.solicitations import exclusions
from operations.stack import Stack
from quickstart.dynamodb import DamagedItemError, Table, unmarshal
from quickstart.paging import read_token, token
from quickstart.solicitations.ledger import (
    EVERYONE,
    SELLER_INDEX,
    Solicitation,
    State,
    solicitation_of,
)
from quickstart.solicitations.orders import OrderKey
from quickstart.solicitations.scheduling import execution_name
from sp_api.errors import presentable

WEEKS = 5
_PAGE = 50
# A day with more orders is shown as "250+": a page counts 35 days, and DynamoDB reads every order that it counts.
MOST_COUNTED = 250
# What a page reads at most, one read after the other, when it leaves out orders in other states. Most states fill the
# page with the first one.
_READS = (250, 1000, 1000)
_POSITION = ("DueTime", "AmazonOrderId")

STATES: Mapping[State, tuple[str, str]] = {
    State.SCHEDULED: ("waiting", "The order is not due yet, or the stack has not asked Amazon yet."),
    State.WAITING: (
        "waiting",
        "The stack has asked Amazon: the request is not available yet, or the stack is about to send it.",
    ),
    State.SUBMITTING: ("waiting", "The stack is sending the request, or its response was lost."),
    State.FAILED: ("bad", "The stack cannot go on until you fix the cause."),
    State.SOLICITED: ("good", "The stack has sent the request."),
    State.ALREADY_SOLICITED: (
        "plain",
        "Amazon no longer offers the request for this order, usually because the seller or another program sent it.",
    ),
    State.OUTSIDE_WINDOW: ("plain", "Amazon reports that it is too early or too late."),
    State.NOT_AVAILABLE: ("plain", "No request can succeed for this order or its marketplace."),
    State.FINISHED_WITHOUT_SOLICITATION: ("plain", "The deadline has passed."),
    State.CANCELLED: ("plain", "The order was cancelled."),
    State.OUTCOME_UNKNOWN: (
        "plain",
        "The response was lost, and the deadline passed before the stack could find out the outcome.",
    ),
}
"""The colour of each state, and what it means."""


@dataclass(frozen=True)
class Day:
    """How many orders of the seller are due; `more` if there are more than were counted."""

    date: date
    count: int
    more: bool


@dataclass(frozen=True)
class Line:
    """An order in a list: its record, or why its item cannot be read."""

    key: OrderKey
    record: Solicitation | None
    problem: str = ""


@dataclass(frozen=True)
class Orders:
    """A page of a seller's orders by due time; `following` leads to the next page, empty at the end."""

    orders: Sequence[Line]
    following: str


@dataclass(frozen=True)
class SellerState:
    """How many orders of a seller are due within a week, and whether the seller is excluded."""

    seller_id: str
    due: int
    more: bool
    excluded: bool


@dataclass(frozen=True)
class Event:
    """A line of an order's story. `kind` is good, bad, waiting or plain."""

    time: datetime
    what: str
    kind: str = "plain"


def story(record: Solicitation, now: datetime) -> list[Event]:
    """What the table says about an order, in the order of time: what was, and what is to come."""
    sent = f"Review request sent, {counted(record.submits, 'time')} so far" if record.submits else "Review request sent"
    due = "Due: from here on, the stack asks Amazon"
    events = [
        Event(record.registered, "The stack recorded the order"),
        Event(record.due, f"{due}. The schedule exists" if record.scheduled_for else due, _ahead(record.due, now)),
        Event(record.deadline, "Deadline: after it, the stack no longer asks", _ahead(record.deadline, now)),
    ]
    if record.changed.replace(microsecond=0) > record.registered:
        events.append(Event(record.changed, "Latest change of the order at Amazon"))
    if record.asked is not None:
        asks = counted(record.asks, "answer")
        events.append(Event(record.asked, f"Amazon's latest answer whether a review can be requested: {asks} so far"))
    if record.submitted is not None:
        events.append(Event(record.submitted, sent, "good" if record.state is State.SOLICITED else "waiting"))
    return sorted(events, key=lambda event: event.time)


def _ahead(time: datetime, now: datetime) -> str:
    return "waiting" if time > now else "plain"


def read_exclusions(stack: Stack) -> tuple[bool, tuple[str, ...]]:
    """Whether everyone is excluded, and the excluded sellers. Raises what AWS raises."""
    found = exclusions(stack)
    return EVERYONE in found, tuple(sorted(seller for seller in found if seller != EVERYONE))


def read_calendar(console: Console, seller_id: str, first: date, weeks: int = WEEKS) -> list[list[Day]]:
    """Weeks of seven days from `first`. Raises what AWS raises."""

    def read(day: date) -> Day:
        return Day(day, *_count(console.stack, seller_id, day, day))

    found = console.together([partial(read, first + timedelta(days=number)) for number in range(7 * weeks)])
    return [found[start : start + 7] for start in range(0, len(found), 7)]


def read_seller_states(console: Console, seller_ids: Sequence[str], today: date) -> list[SellerState]:
    """Raises what AWS raises."""
    everyone, excluded = read_exclusions(console.stack)

    def state(seller_id: str) -> SellerState:
        due, more = _count(console.stack, seller_id, today, today + timedelta(days=6))
        return SellerState(seller_id, due, more, everyone or seller_id in excluded)

    return console.together([partial(state, seller_id) for seller_id in seller_ids])


def read_orders(
    stack: Stack, seller_id: str, first: date, last: date, state: State | None = None, after: str = ""
) -> Orders:
    """A page of the orders that are due from `first` to `last`, the earliest first.

    A page with `state` may have fewer orders than there are: then `following` is not empty. An unreadable `after` leads
    to the first page. Raises what AWS raises.
    """
    position = read_token(after, _POSITION) if after else None
    found: list[Mapping[str, Any]] = []
    start: Mapping[str, str] | None = None if position is None else {**position, "SellerId": seller_id}
    for most in _READS:
        query = _query(stack, seller_id, first, last) | {"Limit": _PAGE - len(found)}
        if start is not None:
            query["ExclusiveStartKey"] = {name: {"S": value} for name, value in start.items()}
        if state is not None:
            query["FilterExpression"] = "#state = :state"
            query["ExpressionAttributeNames"] = {"#state": "State"}
            query["ExpressionAttributeValues"] = query["ExpressionAttributeValues"] | {":state": {"S": str(state)}}
            query["Limit"] = most
        answer = stack.client("dynamodb").query(**query)
        found += map(unmarshal, answer["Items"])
        reached = answer.get("LastEvaluatedKey")
        start = None if reached is None else {name: str(value["S"]) for name, value in reached.items()}
        if start is None or len(found) >= _PAGE:
            break
    if len(found) > _PAGE:
        found = found[:_PAGE]
        start = {name: str(found[-1][name]) for name in _POSITION}
    following = "" if start is None else token({name: start[name] for name in _POSITION})
    return Orders([_line(item) for item in found], following)


def read_order(stack: Stack, order_id: str, seller_id: str = "") -> list[Line]:
    """The orders with this id: of this seller, or of all sellers. In the sandbox, an id begins with SANDBOX#.

    Raises what AWS raises.
    """
    table = Table(stack.client("dynamodb"), output(stack, "SolicitationsTableName"))
    items = itertools.islice(table.each("AmazonOrderId", order_id), _PAGE)
    return [_line(item) for item in items if "State" in item and seller_id in ("", item["SellerId"])]


def find_execution(console: Console, record: Solicitation) -> tuple[MachineOf, Execution] | None:
    """The execution that handles the order, or that failed with it; None if it is not found.

    The record of a failed order does not name its execution, and schedules choose names of their own. So it may be
    among many failed ones, of which the newest are looked through. Raises what AWS raises.
    """
    stack, now = console.stack, console.now()
    machine = find_machine(stack, ORDERS)
    if machine is None:
        return None
    for name in filter(None, (record.execution, execution_name(record))):
        if (found := read_execution(stack, machine, name, now)) is not None:
            again = read_execution(stack, machine, found.successor, now) if found.successor else None
            return machine, (again or found).execution
    if record.state is not State.FAILED:
        return None
    name = find_failed(console, machine, {"AmazonOrderId": record.key.order_id, "SellerId": record.key.seller_id})
    found = read_execution(stack, machine, name, now) if name else None
    return None if found is None else (machine, found.execution)


def _count(stack: Stack, seller_id: str, first: date, last: date) -> tuple[int, bool]:
    query = _query(stack, seller_id, first, last) | {"Select": "COUNT", "Limit": MOST_COUNTED}
    answer = stack.client("dynamodb").query(**query)
    return answer["Count"], "LastEvaluatedKey" in answer


def _query(stack: Stack, seller_id: str, first: date, last: date) -> dict[str, Any]:
    return {
        "TableName": output(stack, "SolicitationsTableName"),
        "IndexName": SELLER_INDEX,
        "KeyConditionExpression": "SellerId = :seller AND DueTime BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":seller": {"S": seller_id},
            ":first": {"S": first.isoformat()},
            # After every time of this day.
            ":last": {"S": f"{last.isoformat()}~"},
        },
    }


def _line(item: Mapping[str, Any]) -> Line:
    key = OrderKey(str(item["AmazonOrderId"]), str(item["SellerId"]))
    try:
        return Line(key, solicitation_of(item))
    except DamagedItemError as error:
        return Line(key, None, presentable(str(error)))
