"""Reports: the search, and the story of one report from the Reports table and its executions."""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from operations.console.console import Console, output
from operations.outcomes import OVERDUE_HOURS
from operations.redrive import restarted_name
from operations.stack import Stack
from quickstart.dynamodb import Item, Table, unmarshal
from quickstart.names import safe_name
from quickstart.reports.failure_announcement import Advice, failed_delivery
from quickstart.reports.ledger import NOT_A_REPORT, SELLER_INDEX, report_key
from quickstart.times import calculable, to_text
from sp_api.errors import presentable

PAGE = 50
# A search reads at most so many items for one page, so that it stays quick whatever it looks for.
_MOST_READ = 1000
_LEAST_READ, _READ_AT_ONCE = 5, 250
# More sellers are not searched together.
MOST_SELLERS = 100
_LONGEST_NAME = 80
# What SP-API says in a notification; the execution is named after it.
_ENDINGS = ("DONE", "CANCELLED", "FATAL")


class ReportState(StrEnum):
    """What became of a report. The names are those of the search."""

    WAITING = "waiting"
    OVERDUE = "overdue"
    IN_DELIVERY = "in delivery"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    FATAL = "fatal"
    FAILED = "failed"


EXPLANATIONS: Mapping[ReportState, str] = {
    ReportState.WAITING: "SP-API has not finished the report yet",
    ReportState.OVERDUE: "SP-API has not finished the report in time. Check that the seller is subscribed to "
    "REPORT_PROCESSING_FINISHED, then request it again",
    ReportState.IN_DELIVERY: "The stack is fetching, storing or e-mailing the report",
    ReportState.DELIVERED: "The e-mail was sent",
    ReportState.CANCELLED: "SP-API cancelled the report, usually because it has no data or repeats an earlier one",
    ReportState.FATAL: "SP-API could not create the report. The e-mail has SP-API's explanation. Request it again",
    ReportState.FAILED: "The stack could not deliver the report. Fix the cause, then redrive",
}
KINDS: Mapping[ReportState, str] = {
    ReportState.WAITING: "waiting",
    ReportState.OVERDUE: "bad",
    ReportState.IN_DELIVERY: "waiting",
    ReportState.DELIVERED: "good",
    ReportState.CANCELLED: "plain",
    ReportState.FATAL: "bad",
    ReportState.FAILED: "bad",
}


@dataclass(frozen=True)
class Report:
    """A report of the Reports table. Times are ISO 8601 text, empty where unknown."""

    report_id: str
    seller_id: str
    region: str
    report_type: str
    marketplaces: tuple[str, ...]
    status: str
    state: ReportState
    recorded: str
    requested: str
    created: str
    stored: str
    notified: str
    failed: str
    error: str
    size: int | None
    key: str
    item: Item

    @property
    def kind(self) -> str:
        return KINDS[self.state]

    @property
    def order(self) -> tuple[str, str, str]:
        """By which searches sort."""
        return self.recorded, self.seller_id, self.report_id

    @property
    def explanation(self) -> str:
        return EXPLANATIONS[self.state]

    @property
    def took(self) -> timedelta | None:
        """From the request to the e-mail."""
        return time_to_delivery(self.item)


def overdue_hours(stack: Stack) -> int:
    """The parameter ReportOverdueHours."""
    return int(stack.parameters.get("ReportOverdueHours") or OVERDUE_HOURS)


def state_of(item: Item, overdue_since: str) -> ReportState:
    """The same as the doctor says. `overdue_since` is the time of a request that is just overdue, in ISO 8601."""
    delivery, status = item.get("DeliveryStatus"), item.get("ReportStatus")
    if delivery == "FAILED":
        return ReportState.FAILED
    if status == "FATAL":
        return ReportState.FATAL
    if status == "IN_QUEUE" and delivery is None:
        late = str(item.get("RequestedTime") or "~") < overdue_since
        return ReportState.OVERDUE if late else ReportState.WAITING
    if delivery == "DELIVERED":
        return ReportState.CANCELLED if status == "CANCELLED" else ReportState.DELIVERED
    return ReportState.IN_DELIVERY


def overdue_since(stack: Stack, now: datetime) -> str:
    return to_text(now - timedelta(hours=overdue_hours(stack)))


def time_to_delivery(item: Item) -> timedelta | None:
    """From the request to the e-mail; None if one of them is not recorded."""
    asked, mailed = calculable(item.get("RequestedTime")), calculable(item.get("NotifiedTime"))
    return mailed - asked if asked is not None and mailed is not None and mailed >= asked else None


def is_report(item: Item) -> bool:
    """Whether the item of the table is a report: others have a # in place of a report's id."""
    return "#" not in str(item.get("ReportId", "#"))


def read_item(item: Item, late: str) -> Report:
    """`late` as for `state_of`. Never fails: what somebody changed by hand is shown as it is."""

    def text(name: str) -> str:
        value = item.get(name)
        return "" if value is None else str(value)

    marketplaces = item.get("MarketplaceIds")
    size = text("SizeBytes")
    return Report(
        report_id=text("ReportId"),
        seller_id=text("SellerId"),
        region=text("RegionCode"),
        report_type=text("ReportType"),
        marketplaces=tuple(map(str, marketplaces)) if isinstance(marketplaces, list) else (),
        status=text("ReportStatus"),
        state=state_of(item, late),
        recorded=text("CreatedTime"),
        requested=text("RequestedTime"),
        created=text("ReportCreatedTime"),
        stored=text("StoredTime"),
        notified=text("NotifiedTime"),
        failed=text("DeliveryFailedTime"),
        error=text("DeliveryError"),
        size=int(size) if size.isdecimal() else None,
        key=text("ObjectKey"),
        item=item,
    )


@dataclass(frozen=True)
class Position:
    """Where a page of a search ended: the report at its end, or the last one that was looked at."""

    recorded: str
    seller_id: str
    report_id: str

    def text(self) -> str:
        return json.dumps(self.order)

    @property
    def order(self) -> tuple[str, str, str]:
        return self.recorded, self.seller_id, self.report_id

    @classmethod
    def read(cls, text: str) -> "Position | None":
        """The inverse of `text`; None for anything else."""
        try:
            parts = json.loads(text)
        except (ValueError, RecursionError):
            return None
        valid = isinstance(parts, list) and len(parts) == 3 and all(isinstance(part, str) and part for part in parts)
        return cls(*parts) if valid else None


@dataclass(frozen=True)
class Search:
    """`least` and `most` limit the recorded time (ISO 8601), and `after` is where the previous page ended."""

    sellers: Sequence[str]
    report_type: str = ""
    state: ReportState | None = None
    least: str = ""
    most: str = ""
    after: Position | None = None

    def matches(self, report: Report) -> bool:
        return (not self.report_type or self.report_type in report.report_type) and self.state in (None, report.state)


@dataclass(frozen=True)
class Found:
    """A page of a search. `read` is how many reports were looked at; `next` is None at the end.

    `counting` is whether the count that it comes from is still under way.
    """

    reports: Sequence[Report]
    read: int
    next: Position | None
    counting: bool = False


def search(console: Console, wanted: Search) -> Found:
    """The next reports of these sellers, most recently recorded first. Raises what AWS raises."""
    table = Table(console.stack.client("dynamodb"), output(console.stack, "ReportsTableName"))
    late = overdue_since(console.stack, console.now())
    # Together about two pages, because most of what is read of many sellers is not among the newest of all.
    size = max(_LEAST_READ, 2 * PAGE // max(1, len(wanted.sellers)))
    pages = [_Pages(table, seller, wanted, size) for seller in wanted.sellers]
    console.together([page.load for page in pages])
    found: list[Report] = []
    read = 0
    for item in heapq.merge(*map(_Pages.items, pages), key=_order, reverse=True):
        if wanted.after is not None and _order(item) >= wanted.after.order:
            continue
        read += 1
        report = read_item(item, late)
        if wanted.matches(report):
            found.append(report)
        if len(found) == PAGE or read == _MOST_READ:
            return Found(found, read, Position(*_order(item)))
    return Found(found, read, None)


@dataclass
class _Pages:
    """The reports of one seller, newest first, page by page."""

    table: Table
    seller_id: str
    wanted: Search
    size: int
    page: Sequence[Item] = ()
    last: Mapping[str, Any] | None = None

    def load(self) -> None:
        """Reads the next page."""
        start: dict[str, Any] = {} if self.last is None else {"ExclusiveStartKey": self.last}
        least = self.wanted.least or chr(ord(NOT_A_REPORT) + 1)
        most = self.wanted.after.recorded if self.wanted.after is not None else self.wanted.most or "~"
        if least > most:
            return
        query: dict[str, Any] = {
            "TableName": self.table.name,
            "IndexName": SELLER_INDEX,
            "KeyConditionExpression": "SellerId = :seller AND CreatedTime BETWEEN :least AND :most",
            "ExpressionAttributeValues": {
                ":seller": {"S": self.seller_id},
                ":least": {"S": least},
                ":most": {"S": most},
            },
            "ScanIndexForward": False,
            "Limit": self.size,
        }
        answer = self.table.client.query(**query, **start)
        # A search that needs another page may need many.
        self.size = min(2 * self.size, _READ_AT_ONCE)
        self.page, self.last = [unmarshal(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def items(self) -> Iterator[Item]:
        while True:
            yield from self.page
            if self.last is None:
                return
            self.load()


def _order(item: Item) -> tuple[str, str, str]:
    return str(item["CreatedTime"]), str(item["SellerId"]), str(item["ReportId"])


def find_report(console: Console, seller_id: str, report_id: str) -> Report | None:
    """Raises what AWS raises."""
    table = Table(console.stack.client("dynamodb"), output(console.stack, "ReportsTableName"))
    item = table.get(report_key(seller_id, report_id))
    return None if item is None or not is_report(item) else read_item(item, overdue_since(console.stack, console.now()))


@dataclass(frozen=True)
class Event:
    """A line of a report's story. `kind` is good, bad, waiting or plain."""

    time: str
    what: str
    detail: str = ""
    kind: str = "plain"


@dataclass(frozen=True)
class Execution:
    """An execution of the report-processor. `advice` is None unless it failed; `cause` is the message of its error."""

    arn: str
    name: str
    status: str
    started: datetime
    stopped: datetime | None
    redrives: int
    error: str
    cause: str
    advice: Advice | None
    events: Sequence[Event]
    more_events: bool


def ledger_events(report: Report) -> list[Event]:
    """What the Reports table says about a report, in the order of time."""
    item = report.item
    late = str(item.get("OverdueNotifiedTime") or "")
    events = [
        Event(report.requested, "Requested with POST /reports", f"client token {item.get('ClientToken', '')}"),
        Event(report.created, "SP-API accepted the request"),
        Event(report.stored, "Stored in the bucket", report.key, "good"),
        Event(report.notified, "E-mailed", str(item.get("AnnouncedOutcome") or ""), "good"),
        Event(late, "E-mailed that SP-API has not finished the report in time", "", "bad"),
        Event(report.failed, "E-mailed that the report was not delivered", report.error, "bad"),
    ]
    return sorted((event for event in events if event.time), key=lambda event: event.time)


# More events are left out of one execution's story.
_MOST_EVENTS = 500
_ENDED: Mapping[str, tuple[str, str]] = {
    "ExecutionSucceeded": ("The execution succeeded", "good"),
    "ExecutionFailed": ("The execution failed", "bad"),
    "ExecutionTimedOut": ("The execution took too long", "bad"),
    "ExecutionAborted": ("Somebody stopped the execution", "bad"),
    "ExecutionRedriven": ("The execution was redriven", "plain"),
}
_STEPS: Mapping[str, str] = {
    "RetrieveDocument": "Get the report and the document's address from SP-API",
    "RetrieveExplanation": "Get SP-API's explanation",
    "StoreDocument": "Copy the document to the bucket",
    "PresignAndNotify": "Make the link and e-mail it",
    "WaitForSlot": "Wait for SP-API's quota",
    "WaitForExplanationSlot": "Wait for SP-API's quota",
    "WaitForNewDocumentUrl": "Wait before asking for a new address of the document",
    "WaitForAnnouncement": "Wait, because e-mails are sent at a limited rate",
    "MadeElsewhere": "The report was requested elsewhere, and is not delivered",
    "ReportForgotten": "The table has no record of the report any longer, so it is not delivered",
}


def executions_of(console: Console, report: Report) -> list[Execution]:
    """The executions that delivered the report or failed to, oldest first. Raises what AWS raises.

    Their names consist of seller, report and status. That of a vendor has its account in place of the seller: it is
    known only after a failure, from the record of the e-mail.
    """
    machine = output(console.stack, "ReportProcessorStateMachineArn").replace(":stateMachine:", ":execution:")
    names = [safe_name(report.seller_id, report.report_id, ending, longest=_LONGEST_NAME) for ending in _ENDINGS]
    if console.local is not None:
        # Where executions cannot be redriven, they are started again.
        names += [restarted_name(name) for name in names]
    arns = dict.fromkeys(f"{machine}:{name}" for name in names)
    announced = str(report.item.get("AnnouncedFailure") or "").partition("#")[0]
    if announced.startswith(f"{machine}:"):
        arns[announced] = None
    found = console.together([partial(_execution, console.stack, arn) for arn in arns])
    return sorted((each for each in found if each is not None), key=lambda each: each.started)


def _execution(stack: Stack, arn: str) -> Execution | None:
    states = stack.client("stepfunctions")
    try:
        described = states.describe_execution(executionArn=arn)
    except states.exceptions.ExecutionDoesNotExist:
        return None
    history = states.get_execution_history(executionArn=arn, maxResults=_MOST_EVENTS, includeExecutionData=True)
    failed = failed_delivery(described)
    succeeded = described["status"] in ("SUCCEEDED", "RUNNING")
    return Execution(
        arn,
        described["name"],
        described["status"],
        described["startDate"],
        described.get("stopDate"),
        described.get("redriveCount") or 0,
        failed.error,
        failed.cause,
        None if succeeded else failed.advice,
        list(_told(history["events"])),
        "nextToken" in history,
    )


def _told(history: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
    """The history in words: steps, attempts, waits and errors. Inputs and outputs are left out."""
    attempts = 0
    for event in history:
        kind, time = event["type"], to_text(event["timestamp"], unit="milliseconds")
        details: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
        if kind == "ExecutionStarted":
            yield Event(time, "The notification started an execution")
        elif kind in _ENDED:
            yield Event(time, _ENDED[kind][0], _reason(details), _ENDED[kind][1])
        elif kind in ("TaskStateEntered", "WaitStateEntered", "SucceedStateEntered"):
            attempts = 0
            name = str(details.get("name", ""))
            yield Event(time, _STEPS.get(name, name), "", "waiting" if kind == "WaitStateEntered" else "plain")
        elif kind == "TaskScheduled":
            attempts += 1
            if attempts > 1:
                yield Event(time, f"Attempt {attempts}")
        elif kind.endswith(("Failed", "TimedOut", "Aborted")):
            yield Event(time, "This attempt failed", _reason(details), "bad")


def _reason(details: Mapping[str, Any]) -> str:
    """Error and cause; the cause of a function's error is JSON that contains its message."""
    cause = str(details.get("cause") or "")
    try:
        read = json.loads(cause)
    except (ValueError, RecursionError):
        read = None
    message = read.get("errorMessage") if isinstance(read, dict) else None
    return presentable(": ".join(filter(None, (str(details.get("error") or ""), str(message or cause)))))
