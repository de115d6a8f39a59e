"""How many reports and orders are in which state, counted in the background.

Only a scan of the whole table can say this, which takes a while with many reports. So a page shows what was counted
last, and how far the count under way has come.
"""

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from botocore.exceptions import BotoCoreError, ClientError

from operations.console.console import Console
from operations.console.failures import Failure, failure
from operations.console.reading.reports import (
    PAGE,
    Found,
    Position,
    Report,
    ReportState,
    Search,
    is_report,
    overdue_since,
    read_item,
    state_of,
    time_to_delivery,
)
from quickstart.dynamodb import Item, unmarshal
from quickstart.solicitations.ledger import State

# A count may be so many seconds old: longer for a stack on AWS, which bills the reads.
_FRESH_LOCAL, _FRESH_ON_AWS = 5.0, 300.0
# After a count, a pause so many times as long.
_PAUSE = 10
# So long a page waits for the first count, which is over by then if there are a few thousand items.
_PATIENCE = 0.4
_TROUBLES_KEPT = 200
_TROUBLES = (ReportState.FAILED, ReportState.FATAL, ReportState.OVERDUE)
_REPORT_FIELDS = (
    "ReportId", "SellerId", "RegionCode", "ReportType", "ReportStatus", "DeliveryStatus", "DeliveryError",
    "RequestedTime", "NotifiedTime", "CreatedTime", "SizeBytes",
)  # fmt: skip
_ORDER_FIELDS = ("AmazonOrderId", "SellerId", "State", "DueTime")
# Upper limits of the bars of the plot, in seconds, and their labels. The last bar has no limit.
BARS: Sequence[tuple[float, str]] = (
    (10, "10 s"), (30, "30 s"), (60, "1 min"), (120, "2 min"), (300, "5 min"), (600, "10 min"), (1800, "30 min"),
    (3600, "1 h"), (6 * 3600, "6 h"), (24 * 3600, "1 day"), (float("inf"), "more"),
)  # fmt: skip


_LIMITS = [limit for limit, _ in BARS]


@dataclass(frozen=True)
class Census:
    """The counts. `complete` is False while the first scan is under way; `at` is when the scan began.

    `troubles` are the newest reports that failed, are FATAL or overdue. `bars` are how many reports took at most as
    long as each of BARS; `median` and `slow` (of ten, nine are faster) are in seconds.
    """

    at: datetime
    complete: bool
    reports: Mapping[ReportState, int]
    orders: Mapping[str, int]
    troubles: Sequence[Report]
    bars: Sequence[int]
    median: float | None
    slow: float | None
    bytes_stored: int
    failure: Failure | None = None

    @property
    def report_count(self) -> int:
        return sum(self.reports.values())


@dataclass
class _Tally:
    """A count under way."""

    at: datetime
    late: str
    reports: Counter[ReportState] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    durations: list[float] = field(default_factory=list)
    bars: list[int] = field(default_factory=lambda: [0] * len(BARS))
    troubles: list[Report] = field(default_factory=list)
    bytes_stored: int = 0
    complete: bool = False
    failure: Failure | None = None

    def add_report(self, item: Item) -> None:
        state = state_of(item, self.late)
        self.reports[state] += 1
        size = item.get("SizeBytes")
        # What somebody changed by hand is left out.
        self.bytes_stored += int(size) if isinstance(size, Decimal) else 0
        took = time_to_delivery(item)
        if took is not None:
            seconds = took.total_seconds()
            self.durations.append(seconds)
            self.bars[bisect_left(_LIMITS, seconds)] += 1
        if state in _TROUBLES:
            self.troubles.append(read_item(item, self.late))
            if len(self.troubles) > 2 * _TROUBLES_KEPT:
                self.troubles = _newest(self.troubles)

    def add_order(self, item: Item) -> None:
        self.orders[str(item.get("State"))] += 1

    def census(self) -> Census:
        durations = sorted(self.durations)
        return Census(
            self.at,
            self.complete,
            dict(self.reports),
            dict(self.orders),
            _newest(self.troubles),
            tuple(self.bars),
            durations[len(durations) // 2] if durations else None,
            durations[len(durations) * 9 // 10] if durations else None,
            self.bytes_stored,
            self.failure,
        )


class CensusTaker:
    """Counts again when a page asks and the last count is old. One count at a time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._running: _Tally | None = None
        self._last: Census | None = None
        self._began: float
        self._next_at = 0.0

    @property
    def _fresh(self) -> float:
        return _FRESH_ON_AWS if self._console.local is None else _FRESH_LOCAL

    def census(self) -> Census:
        """The last count, or how far the first one has come. Starts another if the last one is old."""
        with self._lock:
            if self._running is None and time.monotonic() >= self._next_at:
                self._running = _Tally(self._console.now(), overdue_since(self._console.stack, self._console.now()))
                self._began = time.monotonic()
                self._console.run_in_background(self._count)
        if self._last is None:
            self._ended.wait(max(0.0, self._began + _PATIENCE - time.monotonic()))
        with self._lock:
            if self._last is not None:
                return self._last
            assert self._running is not None, "the first count runs until there is a last one"
            return self._running.census()

    def _count(self) -> None:
        tally = self._running
        assert tally is not None
        try:
            for item in _scan(self._console, "ReportsTableName", _REPORT_FIELDS):
                if is_report(item):
                    with self._lock:
                        tally.add_report(item)
            for item in _scan(self._console, "SolicitationsTableName", _ORDER_FIELDS):
                if not str(item["AmazonOrderId"]).startswith("#"):
                    with self._lock:
                        tally.add_order(item)
            tally.complete = True
        except (ClientError, BotoCoreError) as error:
            tally.failure = failure(error, self._console.stack.name, self._console.region)
        finally:
            with self._lock:
                self._last, self._running = tally.census(), None
                now = time.monotonic()
                # What failed is tried again soon: the operator may have fixed the cause.
                fresh = self._fresh if tally.failure is None else _FRESH_LOCAL
                self._next_at = now + max(fresh, _PAUSE * (now - self._began))
            self._ended.set()


def _scan(console: Console, output: str, fields: Sequence[str]) -> Iterator[Item]:
    if output not in console.stack.outputs:
        return
    names = {f"#a{place}": name for place, name in enumerate(fields)}
    pages = (
        console.stack.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=console.stack.outputs[output],
            ProjectionExpression=", ".join(names),
            ExpressionAttributeNames=names,
        )
    )
    for page in pages:
        began = time.monotonic()
        yield from map(unmarshal, page["Items"])
        # Leaves half of the time to the pages that somebody looks at.
        time.sleep(time.monotonic() - began)


def _newest(reports: Sequence[Report]) -> list[Report]:
    return sorted(reports, key=lambda report: report.recorded, reverse=True)[:_TROUBLES_KEPT]


_TAKER = "census"


def census(console: Console) -> Census:
    """The counts of this console's stack."""
    taker: CensusTaker = console.remembered(_TAKER, float("inf"), lambda: CensusTaker(console))
    return taker.census()


def troubles(console: Console, wanted: Search) -> Found | None:
    """The first page of a search over all sellers for reports that failed, are FATAL or overdue, as of the last count:
    among very many reports, a search would read long for the few. None if the count cannot say."""
    if wanted.state not in _TROUBLES or wanted.after is not None:
        return None
    last = census(console)
    if last.failure is not None:
        return None
    matching = [
        report
        for report in last.troubles
        if wanted.matches(report) and wanted.least <= report.recorded <= (wanted.most or "~")
    ]
    shown = matching[:PAGE]
    more = len(matching) > PAGE or len(last.troubles) == _TROUBLES_KEPT
    after = Position(*shown[-1].order) if shown and more and last.complete else None
    return Found(shown, last.report_count, after, not last.complete)


def orders_by_stage(counts: Mapping[str, int]) -> Mapping[str, int]:
    """The orders of the diagram: waiting for their time, asked, not possible at Amazon, and so on."""
    stages: Mapping[str, tuple[State, ...]] = {
        "waiting": (State.SCHEDULED, State.WAITING, State.SUBMITTING),
        "asked": (State.SOLICITED, State.ALREADY_SOLICITED),
        "refused": (State.NOT_AVAILABLE, State.OUTSIDE_WINDOW, State.FINISHED_WITHOUT_SOLICITATION),
        "cancelled": (State.CANCELLED,),
        "unknown": (State.OUTCOME_UNKNOWN,),
        "failed": (State.FAILED,),
    }
    return {stage: sum(counts.get(str(state), 0) for state in states) for stage, states in stages.items()}
