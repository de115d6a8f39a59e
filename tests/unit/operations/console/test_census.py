"""When reports and orders are counted, and what is made of the counts."""

import threading
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from operations.console.console import LocalServers
from operations.console.reading import census as module
from operations.console.reading.census import BARS, Census, CensusTaker, census, orders_by_stage, troubles
from operations.console.reading.reports import PAGE, Position, ReportState, Search
from tests.unit.operations.console.support import LOCAL, NOW, error, make_console
from tests.unit.operations.console.test_reports import ITEMS, FakeTable, item, marshalled
from tests.waiting import assert_quick, until

OUTPUTS = {"ReportsTableName": "reports", "SolicitationsTableName": "orders"}
FAILED = ITEMS[ReportState.FAILED]


class Clock:
    """Time that passes only while something takes time, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


class Tables:
    """DynamoDB with reports and orders. Reading a page takes `seconds`; `go_on` holds the scan of the reports."""

    def __init__(
        self,
        reports: list[dict[str, Any]],
        orders: list[dict[str, Any]] | None = None,
        *,
        clock: Clock | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.items = {"reports": reports, "orders": orders or []}
        self.clock = clock
        self.seconds = seconds
        self.asked: list[Mapping[str, Any]] = []
        self.fails = False
        self.held, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def get_paginator(self, name: str) -> "Tables":
        assert name == "scan"
        return self

    def paginate(self, **request: Any) -> Iterator[Mapping[str, Any]]:
        self.asked.append(request)
        yield {"Items": self.read(request["TableName"])}
        if self.fails:
            raise error("ThrottlingException")
        self.held.set()
        assert self.go_on.wait(60)

    def read(self, table: str) -> Iterator[Mapping[str, Any]]:
        if self.clock is not None:
            self.clock.now += self.seconds
        yield from map(marshalled, self.items[table])


def counted(tables: Any, **outputs: str) -> Census:
    taker = CensusTaker(make_console({"dynamodb": tables}, **(outputs or OUTPUTS)))
    return until(taker.census, lambda found: found.complete)


@pytest.mark.parametrize(
    ("local", "seconds", "fails", "pause"),
    [
        # Half of the time is left to the pages that somebody looks at: two tables of 10 s take 40 s.
        (None, 10.0, False, 400.0),
        (None, 1.0, False, 300.0),
        (LOCAL, 1.0, False, 40.0),
        (LOCAL, 0.0, False, 5.0),
        # It ends in the first table.
        (None, 0.1, True, 5.0),
    ],
)
def test_a_count_is_followed_by_a_pause(
    clock: Clock, local: LocalServers | None, seconds: float, fails: bool, pause: float
) -> None:
    """Of ten times its length, and of at least 5 s, or 5 minutes on AWS."""
    tables = Tables([item(1)], clock=clock, seconds=seconds)
    tables.fails = fails
    taker = CensusTaker(make_console({"dynamodb": tables}, local=local, **OUTPUTS))
    # While the count runs, each look at it is another object, also in the moment before its end.
    first = until(taker.census, lambda found: (found.complete or found.failure) and taker.census() is found)
    assert (first.complete, first.failure is not None) == (not fails, fails)
    scans, end = len(tables.asked), clock.now
    clock.now = end + pause - 0.001
    assert taker.census() is first
    assert len(tables.asked) == scans
    clock.now = end + pause
    until(taker.census, lambda found: found is not first)
    assert len(tables.asked) == 2 * scans


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """How long each page would wait for the first count. It does not."""
    seconds: list[float | None] = []

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            seconds.append(timeout)
            return False

    monkeypatch.setattr(module, "threading", SimpleNamespace(Lock=threading.Lock, Event=Event))
    return seconds


def test_a_page_waits_a_moment_for_the_first_count(clock: Clock, waits: list[float | None]) -> None:
    """Together for 0.4 s. Later ones show what was counted last."""
    tables = Tables([item(1)])
    tables.go_on.clear()
    taker = CensusTaker(make_console({"dynamodb": tables}, **OUTPUTS))
    assert not taker.census().complete
    assert tables.held.wait(60)
    clock.now += 0.3
    found = taker.census()
    assert (found.report_count, found.complete) == (1, False)
    clock.now += 1
    assert not taker.census().complete
    assert waits == pytest.approx([0.4, 0.1, 0.0])
    # One count at a time.
    assert [request["TableName"] for request in tables.asked] == ["reports"]
    tables.go_on.set()
    until(taker.census, lambda found: found.complete)
    waits.clear()
    assert taker.census().complete
    assert waits == []


def test_only_the_fields_that_are_counted_are_read() -> None:
    tables = Tables([])
    assert counted(tables).at == NOW
    reports, orders = tables.asked
    assert orders == {
        "TableName": "orders",
        "ProjectionExpression": "#a0, #a1, #a2, #a3",
        "ExpressionAttributeNames": {"#a0": "AmazonOrderId", "#a1": "SellerId", "#a2": "State", "#a3": "DueTime"},
    }
    assert reports["TableName"] == "reports"
    assert reports["ProjectionExpression"] == ", ".join(reports["ExpressionAttributeNames"])


def test_tables_that_the_stack_lacks_are_not_read() -> None:
    tables = Tables([item(1)])
    assert counted(tables, ReportsTableName="reports").reports == {ReportState.DELIVERED: 1}
    assert counted(tables, SolicitationsTableName="orders").reports == {}
    assert [request["TableName"] for request in tables.asked] == ["reports", "orders"]


def test_an_exclusion_is_no_order() -> None:
    orders = [
        {"AmazonOrderId": "#EXCLUDED", "SellerId": "A1"},
        {"AmazonOrderId": "SANDBOX#1", "SellerId": "A1", "State": "FAILED"},
        {"AmazonOrderId": "1", "SellerId": "A1", "State": "FAILED"},
    ]
    assert counted(Tables([], orders)).orders == {"FAILED": 2}


def mailed(seconds: list[int]) -> list[dict[str, Any]]:
    """A report for each, which took so long."""
    times = {"RequestedTime": "2026-11-20T00:00:00+00:00"}
    return [
        item(
            number,
            **ITEMS[ReportState.DELIVERED],
            **times,
            SizeBytes=1000,
            NotifiedTime=f"2026-11-{20 + each // 86_400}T{each // 3600 % 24:02}:{each // 60 % 60:02}:{each % 60:02}"
            "+00:00",
        )
        for number, each in enumerate(seconds)
    ]


def test_a_report_belongs_to_the_bar_whose_limit_it_did_not_exceed() -> None:
    given = [0, 10, 11, 60, 61, 3600, 86_400, 86_401]
    found = counted(Tables(mailed(given)))
    bars = dict(zip((label for _, label in BARS), found.bars, strict=True))
    assert {label: count for label, count in bars.items() if count} == {
        "10 s": 2,
        "30 s": 1,
        "1 min": 1,
        "2 min": 1,
        "1 h": 1,
        "1 day": 1,
        "more": 1,
    }
    assert (found.report_count, found.bytes_stored) == (8, 8000)


@pytest.mark.parametrize(
    ("seconds", "median", "slow"),
    [([], None, None), ([7], 7, 7), ([3, 2, 1], 2, 3), (list(range(20, 0, -1)), 11, 19)],
)
def test_half_and_nine_tenths_of_the_reports_took_at_most_so_long(
    seconds: list[int], median: float | None, slow: float | None
) -> None:
    found = counted(Tables(mailed(seconds)))
    assert (found.median, found.slow) == (median, slow)


def test_the_newest_two_hundred_troubles_are_kept() -> None:
    found = counted(Tables([item(number, **FAILED) for number in range(450)]))
    assert [report.report_id for report in found.troubles] == [str(number) for number in range(449, 249, -1)]
    assert found.reports == {ReportState.FAILED: 450}


def searched(count: int, others: int = 0, **given: Any) -> tuple[list[str], Position | None]:
    """Among so many failed reports of one type and others of another type."""
    reports = [{**item(number, **FAILED), "ReportType": "GET_A"} for number in range(count)]
    reports += [{**item(1000 + number, **FAILED), "ReportType": "GET_B"} for number in range(others)]
    console = make_console({"dynamodb": FakeTable(reports)}, ReportsTableName="reports")
    until(lambda: census(console), lambda found: found.complete)
    found = troubles(console, Search(["A1"], state=ReportState.FAILED, **given))
    assert found is not None
    assert (found.read, found.counting) == (count + others, False)
    return [report.report_id for report in found.reports], found.next


def test_without_a_match_among_many_troubles_there_is_no_next_page() -> None:
    assert searched(0, 200, report_type="GET_A") == ([], None)


@pytest.mark.parametrize("count", [50, 51])
def test_a_page_of_troubles_leads_on_if_there_are_more(count: int) -> None:
    shown, following = searched(count)
    assert shown == [str(number) for number in range(count - 1, count - 51, -1)]
    assert (following is not None) == (count > 50)


@pytest.mark.parametrize(("others", "more"), [(198, False), (199, True)])
def test_troubles_that_the_count_did_not_keep_are_on_the_next_page(others: int, more: bool) -> None:
    shown, following = searched(1, others, report_type="GET_A")
    assert (shown, following is not None) == (["0"], more)


def test_troubles_are_limited_by_the_time_of_their_record() -> None:
    times = {"least": item(2)["CreatedTime"], "most": item(4)["CreatedTime"]}
    assert searched(6, **times) == (["4", "3", "2"], None)


@pytest.mark.usefixtures("waits")
def test_troubles_of_a_count_under_way_are_those_so_far() -> None:
    tables = Tables([item(number, **FAILED) for number in range(PAGE + 1)])
    tables.go_on.clear()
    console = make_console({"dynamodb": tables}, **OUTPUTS)
    census(console)
    assert tables.held.wait(60)
    found = troubles(console, Search(["A1"], state=ReportState.FAILED))
    tables.go_on.set()
    assert found is not None
    assert (len(found.reports), found.read, found.next, found.counting) == (PAGE, PAGE + 1, None, True)


def test_a_count_that_failed_cannot_say_the_troubles() -> None:
    tables = Tables([item(1, **FAILED)])
    tables.fails = True
    console = make_console({"dynamodb": tables}, **OUTPUTS)
    until(lambda: census(console), lambda found: found.failure)
    assert troubles(console, Search(["A1"], state=ReportState.FAILED)) is None


def test_a_page_waits_no_longer_than_the_count_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 60.0)
    taker = CensusTaker(make_console({"dynamodb": Tables([item(1)])}, **OUTPUTS))
    assert_quick(30, lambda: taker.census())
    assert taker.census().complete


def test_a_count_without_a_connection_says_so() -> None:
    class Unreachable(Tables):
        def read(self, _: str) -> Iterator[Mapping[str, Any]]:
            raise EndpointConnectionError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com")

    taker = CensusTaker(make_console({"dynamodb": Unreachable([])}, **OUTPUTS))
    found = until(taker.census, lambda found: found.failure)
    assert found.failure is not None
    assert "no response from AWS in the region eu-west-1" in found.failure.text


def test_stages_without_orders_are_empty() -> None:
    assert set(orders_by_stage({}).values()) == {0}
