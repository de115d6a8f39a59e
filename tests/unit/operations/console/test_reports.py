"""What the pages of reports make of the table's items and of histories, beside the end-to-end tests."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from operations.console.pages import reports
from operations.console.reading.census import BARS, CensusTaker, orders_by_stage, troubles
from operations.console.reading.reports import _STEPS as STEPS
from operations.console.reading.reports import (
    EXPLANATIONS,
    KINDS,
    PAGE,
    Execution,
    Position,
    Report,
    ReportState,
    Search,
    executions_of,
    find_report,
    ledger_events,
    overdue_since,
    read_item,
    search,
    time_to_delivery,
)
from operations.console.reading.reports import _told as told
from operations.console.site import PAGES
from operations.outcomes import _reports
from operations.redrive import restarted_name
from quickstart.dynamodb import Table, _marshal
from quickstart.solicitations.ledger import State
from tests.unit.operations.console.support import (
    KEYS,
    LOCAL,
    NOW,
    ORIGIN,
    Visitor,
    error,
    forms,
    link,
    make_console,
    readable,
    visitor,
)
from tests.unit.sp_api.support import Answer, ScriptedServer, answer_json
from tests.unit.statemachines.throttling import STATE_MACHINE
from tests.waiting import until

OUTPUTS = {"ReportsTableName": "reports", "SellingPartnersTableName": "partners"}
LATE = "2026-11-25T12:00:00+00:00"
ITEMS: Mapping[ReportState, Mapping[str, Any]] = {
    ReportState.WAITING: {"ReportStatus": "IN_QUEUE", "RequestedTime": "2026-11-26T11:00:00+00:00"},
    ReportState.OVERDUE: {"ReportStatus": "IN_QUEUE", "RequestedTime": "2026-11-24T11:00:00+00:00"},
    ReportState.IN_DELIVERY: {"ReportStatus": "DONE"},
    ReportState.DELIVERED: {"ReportStatus": "DONE", "DeliveryStatus": "DELIVERED"},
    ReportState.CANCELLED: {"ReportStatus": "CANCELLED", "DeliveryStatus": "DELIVERED"},
    ReportState.FATAL: {"ReportStatus": "FATAL", "DeliveryStatus": "DELIVERED"},
    ReportState.FAILED: {"ReportStatus": "DONE", "DeliveryStatus": "FAILED", "DeliveryError": "AccessDeniedError"},
}


def marshalled(item: Mapping[str, Any]) -> dict[str, Any]:
    return _marshal(item)


class FakeTable:
    """DynamoDB with the items of one table, as far as the console asks. Pages have at most `size` items."""

    def __init__(self, items: list[dict[str, Any]], size: int = 1000) -> None:
        self.items = items
        self.size = size
        self.reads = 0
        self.sizes: list[int] = []
        self.asked: list[dict[str, Any]] = []

    def query(self, **query: Any) -> dict[str, Any]:
        self.reads += 1
        self.asked.append(query)
        self.sizes.append(query["Limit"])
        values = {name: value["S"] for name, value in query["ExpressionAttributeValues"].items()}
        found = sorted(
            (
                item
                for item in self.items
                if item["SellerId"] == values[":seller"] and values[":least"] <= item["CreatedTime"] <= values[":most"]
            ),
            key=lambda item: item["CreatedTime"],
            reverse=True,
        )
        start = int(query.get("ExclusiveStartKey", {}).get("at", 0))
        end = start + min(query["Limit"], self.size)
        more = {"LastEvaluatedKey": {"at": end}} if end < len(found) else {}
        return {"Items": [marshalled(item) for item in found[start:end]], **more}

    def get_item(self, **query: Any) -> dict[str, Any]:
        key = {name: value["S"] for name, value in query["Key"].items()}
        found = [item for item in self.items if key.items() <= item.items()]
        return {"Item": marshalled(found[0])} if found else {}

    def get_paginator(self, _: str) -> "FakeTable":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Items": [marshalled(item) for item in self.items]}]


def item(number: int, seller: str = "A1", **more: Any) -> dict[str, Any]:
    return {
        "ReportId": str(number),
        "SellerId": seller,
        "CreatedTime": f"2026-11-20T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000000+00:00",
        "ReportType": "GET_A" if number % 2 else "GET_B",
        **(more or ITEMS[ReportState.DELIVERED]),
    }


def test_every_state_is_told_apart_and_explained() -> None:
    assert {state: read_item({**item(1, **given)}, LATE).state for state, given in ITEMS.items()} == {
        state: state for state in ReportState
    }
    assert set(EXPLANATIONS) == set(KINDS) == set(ReportState)
    assert all(EXPLANATIONS.values())
    assert [str(state) for state in ReportState] == [state.name.lower().replace("_", " ") for state in ReportState]


@pytest.mark.parametrize("state", [ReportState.FAILED, ReportState.FATAL, ReportState.OVERDUE])
def test_the_doctor_complains_of_the_same_reports(state: ReportState, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor lets DynamoDB filter; here the filter is what it would do with this item."""
    console = make_console(**OUTPUTS, clients={"dynamodb": None})
    given = item(1, **ITEMS[state])
    assert overdue_since(console.stack, NOW) == LATE
    monkeypatch.setattr(Table, "scan", lambda *_: [given])
    (finding,) = list(_reports(console.stack, NOW, timedelta(days=14)))
    words = {
        ReportState.FAILED: "not delivered: 1 of seller A1 (AccessDeniedError)",
        ReportState.FATAL: "could not create (FATAL)",
        ReportState.OVERDUE: "not finished by SP-API within 24 hours",
    }
    assert words[state] in finding.state


def found_in(console: Any, wanted: Search) -> list[list[str]]:
    """The ids of all pages of a search."""
    pages = []
    while True:
        page = search(console, wanted)
        pages.append([report.report_id for report in page.reports])
        if page.next is None:
            return pages
        again = Position.read(page.next.text())
        wanted = Search(wanted.sellers, wanted.report_type, wanted.state, wanted.least, wanted.most, again)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("sellers", [["A1"], ["A1", "A2", "A3"]])
def test_pages_have_every_report_once_newest_first(sellers: list[str], size: int) -> None:
    items = [item(number, sellers[number % len(sellers)]) for number in range(2 * PAGE + 20)]
    console = make_console({"dynamodb": FakeTable(items, size)}, **OUTPUTS)
    pages = found_in(console, Search(sellers))
    assert list(chain(*pages)) == [str(number) for number in reversed(range(2 * PAGE + 20))]
    assert [len(page) for page in pages] == [PAGE, PAGE, 20]


def test_reports_of_the_same_moment_are_on_one_page_each() -> None:
    items = [{**item(7, f"A{seller:02}"), "ReportId": "7"} for seller in range(PAGE + 10)]
    console = make_console({"dynamodb": FakeTable(items)}, **OUTPUTS)
    wanted = Search([f"A{seller:02}" for seller in range(PAGE + 10)])
    first = search(console, wanted)
    second = search(console, Search(wanted.sellers, after=first.next))
    assert len({report.seller_id for report in [*first.reports, *second.reports]}) == PAGE + 10


def test_a_search_is_limited_by_type_state_and_time() -> None:
    items = [item(1), item(2), item(3, **ITEMS[ReportState.FAILED]), {**item(4), "CreatedTime": "!"}]
    console = make_console({"dynamodb": FakeTable(items)}, **OUTPUTS)

    def found(**given: Any) -> list[str]:
        return found_in(console, Search(["A1"], **given))[0]

    assert found() == ["3", "2", "1"]
    assert found(report_type="GET_B") == ["2"]
    assert found(state=ReportState.FAILED) == ["3"]
    assert found(least="2026-11-20T00:00:02", most="2026-11-20T00:00:02~") == ["2"]
    assert found(least="2026-11-21", most="2026-11-20") == []


def test_a_search_that_finds_nothing_stops_and_can_go_on() -> None:
    table = FakeTable([item(number) for number in range(1500)])
    console = make_console({"dynamodb": table}, **OUTPUTS)
    page = search(console, Search(["A1"], state=ReportState.FAILED))
    assert (page.reports, page.read) == ([], 1000)
    assert search(console, Search(["A1"], state=ReportState.FAILED, after=page.next)).read == 500


@pytest.mark.parametrize(
    "text",
    ["", "x", "{}", '"abc"', '{"a": 1, "b": 2, "c": 3}', "[1, 2, 3]", '["a", "b"]', '["", "", ""]', "[" * 100_000],
)
def test_a_position_that_nobody_was_given_is_refused(text: str) -> None:
    assert Position.read(text) is None


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/reports?state=lost", 400, "Unknown state State must be one of: waiting, overdue, in delivery, delivered, "),
        (
            "/reports?from=yesterday",
            400,
            "Not a time From must be a date or a time such as 2026-11-26 or 2026-11-26T12:00.",
        ),
        ("/reports?to=2026-1-1", 400, "Not a time To must be a date or a time such as "),
        ("/reports?after=1", 400, "Not a page of this list Begin with the first page."),
        (
            "/reports/A1/9",
            404,
            "Report not found The Reports table has no report 9 of seller A1. Records are deleted after the days in "
            "the parameter ReportRetentionDays.",
        ),
    ],
)
def test_what_is_wrong_or_not_there_is_explained(path: str, status: int, words: str) -> None:
    console = make_console({"dynamodb": FakeTable([])}, **OUTPUTS)
    assert words in readable(visitor(console, PAGES).get(path, status))


@pytest.mark.parametrize("count", [100, 101])
def test_a_search_covers_a_hundred_sellers(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says so only where sellers are left out."""
    monkeypatch.setattr(reports, "known_sellers", lambda _: [f"A{number:03}" for number in range(count)])
    table = FakeTable([])
    page = readable(visitor(make_console({"dynamodb": table}, **OUTPUTS), PAGES).get("/reports"))
    assert table.reads == 100
    assert ("This search covers the first 100 of 101 sellers." in page) == (count > 100)


def test_a_search_reads_twice_as_much_at_each_step() -> None:
    """Of 250 reports at most, because a search that needs another page may need many."""
    table = FakeTable([item(number) for number in range(1000)])
    search(make_console({"dynamodb": table}, **OUTPUTS), Search(["A1"], state=ReportState.FAILED))
    assert table.sizes[:3] == [100, 200, 250]
    assert set(table.sizes[3:]) == {250}


def test_an_item_that_somebody_changed_is_shown_as_it_is() -> None:
    odd = item(1, ReportStatus=7, SizeBytes="many", MarketplaceIds="US", RequestedTime=[1], DeliveryStatus="?")
    report = read_item(odd, LATE)
    assert (report.status, report.size, report.marketplaces, report.took) == ("7", None, (), None)
    assert [event.what for event in ledger_events(report)] == ["Requested with POST /reports"]


def test_other_items_of_the_table_are_no_reports() -> None:
    other = {**item(1), "ReportId": "SLOTS#getReport#NA"}
    console = make_console({"dynamodb": FakeTable([other])}, **OUTPUTS)
    assert find_report(console, "A1", "SLOTS#getReport#NA") is None


def event(kind: str, **details: Any) -> dict[str, Any]:
    return {"timestamp": datetime(2026, 11, 26, tzinfo=UTC), "type": kind, **details}


def test_a_history_is_told_without_its_data() -> None:
    entered = {"stateEnteredEventDetails": {"name": "StoreDocument", "input": "secret"}}
    cause = '{"errorMessage": "HTTP 403 <b>", "errorType": "AccessDeniedError"}'
    history = [
        event("ExecutionStarted", executionStartedEventDetails={"input": "secret"}),
        event("TaskStateEntered", **entered),
        event("TaskScheduled", taskScheduledEventDetails={"parameters": "secret"}),
        event("TaskFailed", taskFailedEventDetails={"error": "AccessDeniedError", "cause": cause}),
        event("TaskScheduled"),
        event("TaskTimedOut", taskTimedOutEventDetails={"error": "States.Timeout"}),
        event("WaitStateEntered", stateEnteredEventDetails={"name": "WaitForSlot"}),
        event("ExecutionFailed", executionFailedEventDetails={"error": "E", "cause": "[" * 100_000}),
        event("ExecutionRedriven"),
        event("ExecutionSucceeded", executionSucceededEventDetails={"output": "secret"}),
    ]
    lines = [(each.what, each.detail[:40], each.kind) for each in told(history)]
    assert lines == [
        ("The notification started an execution", "", "plain"),
        ("Copy the document to the bucket", "", "plain"),
        ("This attempt failed", "AccessDeniedError: HTTP 403 <b>", "bad"),
        ("Attempt 2", "", "plain"),
        ("This attempt failed", "States.Timeout", "bad"),
        ("Wait for SP-API's quota", "", "waiting"),
        ("The execution failed", f"E: {'[' * 37}", "bad"),
        ("The execution was redriven", "", "plain"),
        ("The execution succeeded", "", "good"),
    ]


def test_the_census_counts_reports_orders_and_times() -> None:
    reports = [item(number, **given) for number, given in enumerate(ITEMS.values())]
    mailed = {
        "RequestedTime": "2026-11-20T00:00:00+00:00",
        "NotifiedTime": "2026-11-20T00:00:45+00:00",
        "SizeBytes": 10,
    }
    reports += [item(10, **ITEMS[ReportState.DELIVERED], **mailed), {**item(11), "ReportId": "CLIENT_TOKEN#x"}]
    reports[0]["SizeBytes"] = "many"
    orders = [{"AmazonOrderId": str(state), "SellerId": "A1", "State": str(state)} for state in State]

    class Tables(FakeTable):
        def paginate(self, **query: Any) -> list[dict[str, Any]]:
            self.items = orders if query["TableName"] == "orders" else reports
            return super().paginate()

    console = make_console({"dynamodb": Tables([])}, **OUTPUTS, SolicitationsTableName="orders")
    taker = CensusTaker(console)
    found = taker.census()
    while not found.complete:
        found = taker.census()
    assert found.reports == {state: 2 if state == ReportState.DELIVERED else 1 for state in ReportState}
    assert (found.bytes_stored, found.median) == (10, 45)
    assert [label for (_, label), count in zip(BARS, found.bars, strict=True) if count] == ["1 min"]
    assert [report.state for report in found.troubles] == [ReportState.FAILED, ReportState.FATAL, ReportState.OVERDUE]
    stages = orders_by_stage(found.orders)
    assert stages == {"waiting": 3, "asked": 2, "refused": 3, "cancelled": 1, "unknown": 1, "failed": 1}
    assert sum(stages.values()) == len(State)


def test_a_new_stack_says_how_to_begin() -> None:
    browser = visitor(make_console({"dynamodb": FakeTable([])}, **{"SellingPartnersTableName": "p"} | OUTPUTS), PAGES)
    assert "The stack has no report yet." in browser.get("/reports")
    assert "No report matches" in browser.get("/reports?type=X")
    assert "Store a seller's refresh token" in browser.get("/sellers")
    assert "No seller matches." in browser.get("/sellers?seller=A1")


def test_a_census_that_fails_says_why() -> None:
    class Denied(FakeTable):
        def paginate(self, **_: Any) -> list[dict[str, Any]]:
            raise error("AccessDeniedException", "not authorized to perform: dynamodb:Scan on resource: t")

    taker = CensusTaker(make_console({"dynamodb": Denied([])}, **OUTPUTS))
    found = taker.census()
    while found.failure is None:
        found = taker.census()
    assert (found.failure.denied, found.complete) == ("dynamodb:Scan", False)


def test_a_census_that_failed_is_taken_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """On AWS, too, where a count otherwise stays for minutes."""
    monkeypatch.setattr("operations.console.reading.census._FRESH_LOCAL", 0.0)
    denied = [error("ExpiredTokenException")]

    class Signed(FakeTable):
        def paginate(self, **_: Any) -> list[dict[str, Any]]:
            if denied:
                raise denied[0]
            return super().paginate()

    taker = CensusTaker(make_console({"dynamodb": Signed([item(1)])}, **OUTPUTS))
    failed = until(taker.census, lambda found: found.failure is not None)
    assert failed.failure is not None
    assert failed.failure.title == "Your AWS credentials have expired"
    denied.clear()
    assert until(taker.census, lambda found: found.complete).report_count == 1


def test_troubles_of_all_sellers_come_from_the_count() -> None:
    outcomes = [ITEMS[ReportState.DELIVERED if number % 30 else ReportState.FAILED] for number in range(3000)]
    items = [item(number, **outcome) for number, outcome in enumerate(outcomes)]
    console = make_console({"dynamodb": FakeTable(items)}, **OUTPUTS)
    assert troubles(console, Search(["A1"], state=ReportState.WAITING)) is None
    while (first := troubles(console, Search(["A1"], state=ReportState.FAILED))) is None or first.counting:
        time.sleep(0.01)
    assert [report.report_id for report in first.reports] == [str(number) for number in range(2970, 1470, -30)]
    assert first.read == 3000
    assert first.next is not None
    assert first.next.order == first.reports[-1].order
    assert troubles(console, Search(["A1"], state=ReportState.FAILED, after=first.next)) is None
    one_type = troubles(
        console, Search(["A1"], "GET_B", ReportState.FAILED, least="2026-11-20T00:40", most="2026-11-20T00:41~")
    )
    assert one_type is not None
    assert [report.report_id for report in one_type.reports] == ["2490", "2460", "2430", "2400"]
    assert one_type.next is None


def test_the_table_tells_a_report_s_story_in_the_order_of_time() -> None:
    times = {
        "RequestedTime": "2026-11-20T00:00:00+00:00",
        "ReportCreatedTime": "2026-11-20T00:00:01+00:00",
        "OverdueNotifiedTime": "2026-11-21T00:00:00+00:00",
        "DeliveryFailedTime": "2026-11-21T12:00:00+00:00",
        "StoredTime": "2026-11-22T00:00:00+00:00",
        "NotifiedTime": "2026-11-22T00:00:01+00:00",
    }
    given = {**item(1), **times, "ClientToken": "mine", "DeliveryError": "AccessDeniedError", "ObjectKey": "a/b"}
    events = ledger_events(read_item(given, LATE))
    assert [each.time for each in events] == list(times.values())
    assert [(each.what, each.detail, each.kind) for each in events] == [
        ("Requested with POST /reports", "client token mine", "plain"),
        ("SP-API accepted the request", "", "plain"),
        ("E-mailed that SP-API has not finished the report in time", "", "bad"),
        ("E-mailed that the report was not delivered", "AccessDeniedError", "bad"),
        ("Stored in the bucket", "a/b", "good"),
        ("E-mailed", "", "good"),
    ]
    announced = read_item({**given, "AnnouncedOutcome": "DONE"}, LATE)
    assert ("E-mailed", "DONE") in [(each.what, each.detail) for each in ledger_events(announced)]


def test_every_step_of_the_delivery_has_words() -> None:
    """Also the two ends at which nothing is delivered."""
    states = json.loads(STATE_MACHINE.read_text("utf-8"))["States"]
    assert set(STEPS) == {name for name, state in states.items() if state["Type"] in ("Task", "Wait", "Succeed")}
    assert all(STEPS.values())


def test_the_bars_of_the_census_are_labelled_with_their_limits() -> None:
    seconds = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
    for limit, label in BARS[:-1]:
        number, unit = label.split(" ")
        assert limit == int(number) * seconds[unit]
    assert BARS[-1] == (float("inf"), "more")


class States:
    """Step Functions with the execution of one report, which has failed and can be redriven."""

    MACHINE = "arn:aws:states:eu-west-1:1:stateMachine:ReportProcessor-x"
    ARN = "arn:aws:states:eu-west-1:1:execution:ReportProcessor-x:A1-1-DONE"

    class exceptions:  # noqa: N801 - boto3's name
        class ExecutionDoesNotExist(Exception):  # noqa: N818 - boto3's name
            pass

    def __init__(self) -> None:
        self.redriven: list[str] = []

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
        if executionArn != self.ARN:
            raise self.exceptions.ExecutionDoesNotExist
        return {
            "executionArn": self.ARN,
            "name": "A1-1-DONE",
            "status": "FAILED",
            "startDate": NOW - timedelta(hours=2),
            "stopDate": NOW - timedelta(hours=1),
            "redriveCount": 2,
            "error": "AccessDeniedError",
            "cause": '{"errorMessage": "HTTP 403"}',
            "input": '{"SellerId": "A1", "ReportId": "1"}',
        }

    def get_execution_history(self, **_: Any) -> Any:
        details = {"name": "StoreDocument"}
        return {"events": [event("TaskStateEntered", stateEnteredEventDetails=details)], "nextToken": "more"}

    def redrive_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
        self.redriven.append(executionArn)


STORED = {
    **ITEMS[ReportState.FAILED],
    "RegionCode": "EU",
    "MarketplaceIds": ["A13V1IB3VIYZZH"],
    "ObjectKey": "A1/1",
    "SizeBytes": 1234,
    "PeriodRequested": True,
    "DataStartTime": "2026-11-01T00:00:00+00:00",
}


def one_report(server: ScriptedServer, states: States) -> Visitor:
    """A browser with the pages of report 1, whose stack answers as the server is told."""
    outputs = {
        **OUTPUTS,
        "ReportProcessorStateMachineArn": States.MACHINE,
        "ReportCreatorUrl": f"{server.url}/reports",
    }
    clients = {"dynamodb": FakeTable([item(1, **STORED)]), "stepfunctions": states}
    return visitor(make_console(clients, **outputs), PAGES)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def test_a_report_is_not_older_than_its_executions() -> None:
    """A redriven execution ends while the page is read."""
    table = FakeTable([item(1, **STORED)])

    class Ending(States):
        def get_execution_history(self, **request: Any) -> Any:
            table.items = [item(1, **{**STORED, **ITEMS[ReportState.DELIVERED]})]
            return super().get_execution_history(**request)

    outputs = {**OUTPUTS, "ReportProcessorStateMachineArn": States.MACHINE}
    browser = visitor(make_console({"dynamodb": table, "stepfunctions": Ending()}, **outputs), PAGES)
    page = readable(browser.get("/reports/A1/1"))
    assert EXPLANATIONS[ReportState.DELIVERED] in page
    assert EXPLANATIONS[ReportState.FAILED] not in page


def test_a_report_is_shown_with_the_executions_that_delivered_it(server: ScriptedServer) -> None:
    page = readable(one_report(server, States()).get("/reports/A1/1"))
    for words in (
        "The stack could not deliver the report. Fix the cause, then redrive",
        "A1/1 Size 1.2 kB",
        "A1-1-DONE FAILED started 2026-11-26 10:00:00, took 60 min, redriven 2 times",
        "AccessDeniedError: HTTP 403",
        "SP-API or its document store denied access.",
        "Copy the document to the bucket",
    ):
        assert words in page


def test_the_first_rows_are_read_with_a_link_that_is_not_shown(server: ScriptedServer) -> None:
    link = {"url": f"{server.url}/document?X-Amz-Signature=secret", "expires": "2026-11-26T13:00:00+00:00"}
    server.answer("GET", "/reports/1", answer_json({"link": link}))
    server.answer("GET", "/document", Answer(200, b"sku\tname\nA\tcup\n", {"Content-Type": "text/plain"}))
    page = one_report(server, States()).get("/reports/A1/1/rows")
    assert "sku name A cup" in readable(page)
    assert "secret" not in page
    assert server.received("/reports/1")[0].query == {"SellerId": "A1"}


def test_a_fresh_link_is_shown_once(server: ScriptedServer) -> None:
    link = {"url": "https://s3.example/a?b=1", "expires": "2026-11-26T13:00:00+00:00"}
    server.answer("GET", "/reports/1", answer_json({"link": link}))
    browser = one_report(server, States())
    page = browser.get("/reports/A1/1/link")
    assert 'href="https://s3.example/a?b=1"' in page
    assert "The link works until 2026-11-26 13:00:00 UTC." in readable(page)
    assert "https://s3.example" not in browser.get("/reports/A1/1")


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (answer_json({"reportId": "1"}), 409, "The report is not stored The stack has no document of this report."),
        (
            answer_json({"message": "gone"}, 404),
            502,
            "The stack did not return a link GET ReportCreatorUrl/1: HTTP 404",
        ),
    ],
)
def test_a_report_without_a_link(server: ScriptedServer, answer: Answer, status: int, words: str) -> None:
    server.answer("GET", "/reports/1", answer)
    assert words in readable(one_report(server, States()).get("/reports/A1/1/link", status))


def test_a_report_is_requested_again_as_it_was(server: ScriptedServer) -> None:
    server.answer("POST", "/reports", answer_json({"reportId": "1"}))
    page = one_report(server, States()).post("/reports/A1/1/again", token="console-1")
    assert "Requested: SP-API creates the report 1 for A1." in page
    (request,) = server.received("/reports", "POST")
    assert json.loads(request.body) == {
        "SellerId": "A1",
        "RegionCode": "EU",
        "ReportType": "GET_A",
        "MarketplaceIds": ["A13V1IB3VIYZZH"],
        "ReportDataStartTime": "2026-11-01T00:00:00+00:00",
        "ClientToken": "console-1",
    }


def test_only_an_execution_of_the_report_is_redriven(server: ScriptedServer) -> None:
    states = States()
    browser = one_report(server, states)
    refused = readable(browser.post("/reports/A1/1/redrive", 404, execution="another"))
    assert "Execution not found This report has no such execution. Reload its page." in refused
    assert states.redriven == []
    assert "A1-1-DONE: redriven." in browser.post("/reports/A1/1/redrive", execution=States.ARN)
    assert states.redriven == [States.ARN]


def test_the_pages_of_a_search_keep_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "known_sellers", lambda _: ["A1"])
    items = [item(number) for number in range(2 * PAGE)]
    browser = visitor(make_console({"dynamodb": FakeTable(items)}, **OUTPUTS), PAGES)
    first = browser.get("/reports?seller=A1&from=2026-11-20")
    older = first.partition(">Older")[0].rpartition('href="')[2].removesuffix('"').replace("&amp;", "&")
    assert older.startswith("/reports?seller=A1&from=2026-11-20&after=")
    newest = 'seller=A1&amp;from=2026-11-20">Newest'
    assert newest not in first
    assert newest in browser.get(older)


def test_a_page_of_a_search_is_one_query_for_each_seller() -> None:
    table = FakeTable([])
    console = make_console({"dynamodb": table}, **OUTPUTS)

    def values(**given: Any) -> dict[str, str]:
        search(console, Search(["A1"], **given))
        return {name: value["S"] for name, value in table.asked[-1]["ExpressionAttributeValues"].items()}

    # Other items of the table have a "!" in place of the time.
    assert values() == {":seller": "A1", ":least": '"', ":most": "~"}
    assert table.asked[0] | {"ExpressionAttributeValues": {}} == {
        "TableName": "reports",
        "IndexName": "SellerIdCreatedTimeIndex",
        "KeyConditionExpression": "SellerId = :seller AND CreatedTime BETWEEN :least AND :most",
        "ExpressionAttributeValues": {},
        "ScanIndexForward": False,
        "Limit": 100,
    }
    assert values(least="2026-11-20", most="2026-11-20") == {
        ":seller": "A1",
        ":least": "2026-11-20",
        ":most": "2026-11-20",
    }
    after = Position("2026-11-19", "A1", "7")
    assert values(least="2026-11-18", most="2026-11-20", after=after)[":most"] == "2026-11-19"
    search(console, Search(["A1"], least="2026-11-21", most="2026-11-20"))
    assert table.reads == 3


@pytest.mark.parametrize(("sellers", "size"), [(1, 100), (3, 33), (20, 5), (100, 5)])
def test_a_search_begins_with_about_two_pages_of_all_sellers_together(sellers: int, size: int) -> None:
    table = FakeTable([])
    search(make_console({"dynamodb": table}, **OUTPUTS), Search([f"A{number}" for number in range(sellers)]))
    assert table.sizes == [size] * sellers


def test_a_search_for_no_seller_finds_nothing() -> None:
    found = search(make_console({"dynamodb": FakeTable([])}, **OUTPUTS), Search([]))
    assert (found.reports, found.read, found.next, found.counting) == ([], 0, None, False)


@pytest.mark.parametrize(("count", "read", "more"), [(999, 999, False), (1000, 1000, True), (1001, 1000, True)])
def test_a_search_looks_at_a_thousand_reports(count: int, read: int, more: bool) -> None:
    console = make_console({"dynamodb": FakeTable([item(number) for number in range(count)])}, **OUTPUTS)
    found = search(console, Search(["A1"], state=ReportState.FAILED))
    assert (found.read, found.next is not None) == (read, more)


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"RequestedTime": LATE}, ReportState.WAITING),
        ({"RequestedTime": "2026-11-25T11:59:59+00:00"}, ReportState.OVERDUE),
        ({"RequestedTime": None}, ReportState.WAITING),
        ({"DeliveryStatus": "STORED"}, ReportState.IN_DELIVERY),
        ({"DeliveryStatus": "FAILED"}, ReportState.FAILED),
        ({"ReportStatus": "FATAL", "DeliveryStatus": "FAILED"}, ReportState.FAILED),
        ({"ReportStatus": "FATAL", "DeliveryStatus": None}, ReportState.FATAL),
        ({"ReportStatus": "CANCELLED", "DeliveryStatus": None}, ReportState.IN_DELIVERY),
    ],
)
def test_a_report_is_overdue_only_while_it_waits(changed: Mapping[str, Any], state: ReportState) -> None:
    given = {**item(1, ReportStatus="IN_QUEUE", RequestedTime=LATE, DeliveryStatus=None), **changed}
    assert read_item({name: value for name, value in given.items() if value is not None}, LATE).state == state


@pytest.mark.parametrize(("hours", "since"), [("", LATE), ("48", "2026-11-24T12:00:00+00:00")])
def test_the_parameter_says_when_a_report_is_overdue(hours: str, since: str) -> None:
    stack = replace(make_console().stack, parameters={"ReportOverdueHours": hours})
    assert overdue_since(stack, NOW) == since


@pytest.mark.parametrize(
    ("requested", "notified", "seconds"),
    [
        ("2026-11-20T00:00:00+00:00", "2026-11-20T00:00:00+00:00", 0),
        ("2026-11-20T00:00:00+00:00", "2026-11-20T00:01:00+00:00", 60),
        ("2026-11-20T00:00:01+00:00", "2026-11-20T00:00:00+00:00", None),
        (None, "2026-11-20T00:00:00+00:00", None),
        ("2026-11-20T00:00:00+00:00", None, None),
    ],
)
def test_the_time_to_delivery_is_from_the_request_to_the_e_mail(
    requested: str | None, notified: str | None, seconds: int | None
) -> None:
    found = time_to_delivery({"RequestedTime": requested, "NotifiedTime": notified})
    assert found == (None if seconds is None else timedelta(seconds=seconds))


def test_a_report_is_read_from_its_item() -> None:
    given = {
        **item(1),
        "RegionCode": "EU",
        "MarketplaceIds": ["M1", "M2"],
        "ReportStatus": "DONE",
        "RequestedTime": "requested",
        "ReportCreatedTime": "created",
        "StoredTime": "stored",
        "NotifiedTime": "notified",
        "DeliveryFailedTime": "failed",
        "DeliveryError": "E",
        "SizeBytes": 12,
        "ObjectKey": "a/b",
    }
    found = read_item(given, LATE)
    assert found == Report(
        report_id="1",
        seller_id="A1",
        region="EU",
        report_type="GET_A",
        marketplaces=("M1", "M2"),
        status="DONE",
        state=ReportState.DELIVERED,
        recorded="2026-11-20T00:00:01.000000+00:00",
        requested="requested",
        created="created",
        stored="stored",
        notified="notified",
        failed="failed",
        error="E",
        size=12,
        key="a/b",
        item=given,
    )
    assert found.order == ("2026-11-20T00:00:01.000000+00:00", "A1", "1")
    assert (found.kind, found.explanation) == ("good", "The e-mail was sent")


class Machine(States):
    """Executions by the last part of their ARN."""

    def __init__(self, **executions: Mapping[str, Any]) -> None:
        super().__init__()
        self.executions = executions
        self.asked: list[Any] = []

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
        name = executionArn.rpartition(":")[2]
        self.asked.append(name)
        if name not in self.executions:
            raise self.exceptions.ExecutionDoesNotExist
        found = {"executionArn": executionArn, "name": name, "status": "SUCCEEDED", "startDate": NOW}
        return {**found, **self.executions[name]}

    def get_execution_history(self, **request: Any) -> Any:
        assert (request["maxResults"], request["includeExecutionData"]) == (500, True)
        return {"events": [event("ExecutionStarted")]}


MACHINE = {"ReportProcessorStateMachineArn": States.MACHINE}


def test_the_executions_of_a_report_are_those_of_its_endings_the_oldest_first() -> None:
    late = {"startDate": NOW + timedelta(hours=1), "status": "RUNNING"}
    states = Machine(**{"A1-1-DONE": late, "A1-1-FATAL": {"stopDate": NOW, "redriveCount": 2}})
    console = make_console({"stepfunctions": states}, **MACHINE)
    fatal, done = executions_of(console, read_item(item(1), LATE))
    assert sorted(states.asked) == ["A1-1-CANCELLED", "A1-1-DONE", "A1-1-FATAL"]
    prefix = "arn:aws:states:eu-west-1:1:execution:ReportProcessor-x:"
    assert fatal == Execution(
        f"{prefix}A1-1-FATAL", "A1-1-FATAL", "SUCCEEDED", NOW, NOW, 2, "", "", None, fatal.events, False
    )
    assert [each.what for each in fatal.events] == ["The notification started an execution"]
    assert (done.name, done.stopped, done.redrives, done.advice) == ("A1-1-DONE", None, 0, None)


def test_only_an_execution_that_failed_has_advice() -> None:
    def advice(status: str) -> bool:
        states = Machine(**{"A1-1-DONE": {"status": status, "error": "E", "cause": "no"}})
        console = make_console({"stepfunctions": states}, **MACHINE)
        (found,) = executions_of(console, read_item(item(1), LATE))
        assert (found.error, found.cause) == ("E", "no")
        return found.advice is not None

    statuses = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
    assert [status for status in statuses if advice(status)] == ["FAILED", "TIMED_OUT", "ABORTED"]


def test_where_executions_are_started_again_those_are_looked_for() -> None:
    states = Machine()
    assert (
        executions_of(make_console({"stepfunctions": states}, local=LOCAL, **MACHINE), read_item(item(1), LATE)) == []
    )
    names = ["A1-1-CANCELLED", "A1-1-DONE", "A1-1-FATAL"]
    assert sorted(states.asked) == sorted([*names, *map(restarted_name, names)])


def test_the_execution_of_a_vendor_s_report_is_known_from_the_e_mail_about_its_failure() -> None:
    def asked(failure: str) -> list[str]:
        states = Machine()
        executions_of(
            make_console({"stepfunctions": states}, **MACHINE),
            read_item({**item(1), "AnnouncedFailure": failure}, LATE),
        )
        return [name for name in states.asked if "DONE" not in name and "FATAL" not in name and "CANC" not in name]

    prefix = "arn:aws:states:eu-west-1:1:execution:ReportProcessor-x"
    assert asked(f"{prefix}:vendor#2") == ["vendor"]
    assert asked("arn:aws:states:eu-west-1:1:execution:Another:vendor#2") == []


def test_a_long_name_of_an_execution_is_the_one_that_the_stack_gave_it() -> None:
    """Step Functions takes 80 characters."""
    states = Machine()
    report = read_item({**item(1), "SellerId": "S" * 78}, LATE)
    executions_of(make_console({"stepfunctions": states}, **MACHINE), report)
    assert [len(name) for name in states.asked] == [80, 80, 80]


def test_attempts_are_counted_in_each_step() -> None:
    def entered(kind: str, name: str) -> dict[str, Any]:
        return event(f"{kind}StateEntered", stateEnteredEventDetails={"name": name})

    history = [
        entered("Task", "StoreDocument"),
        *[event("TaskScheduled")] * 3,
        entered("Task", "New"),
        *[event("TaskScheduled")] * 2,
        event("TaskSucceeded"),
        entered("Succeed", "MadeElsewhere"),
        event("ExecutionTimedOut"),
        event("ExecutionAborted"),
        event("MapRunAborted", mapRunAbortedEventDetails={"error": "E"}),
    ]
    assert [(each.what, each.detail, each.kind) for each in told(history)] == [
        ("Copy the document to the bucket", "", "plain"),
        ("Attempt 2", "", "plain"),
        ("Attempt 3", "", "plain"),
        ("New", "", "plain"),
        ("Attempt 2", "", "plain"),
        ("The report was requested elsewhere, and is not delivered", "", "plain"),
        ("The execution took too long", "", "bad"),
        ("Somebody stopped the execution", "", "bad"),
        ("This attempt failed", "E", "bad"),
    ]
    assert {each.time for each in told(history)} == {"2026-11-26T00:00:00.000+00:00"}
    assert [each.what for each in told([event("TaskScheduled")] * 2)] == ["Attempt 2"]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"error": "E", "cause": "words"}, "E: words"),
        ({"cause": '{"errorMessage": "no"}'}, "no"),
        ({"error": "E", "cause": '{"other": 1}'}, 'E: {"other": 1}'),
        ({"error": "E", "cause": "[1]"}, "E: [1]"),
        ({"error": "E"}, "E"),
        ({}, ""),
    ],
)
def test_a_failure_is_told_by_its_error_and_message(details: Mapping[str, str], reason: str) -> None:
    (told_event,) = told([event("TaskFailed", taskFailedEventDetails=details)])
    assert told_event.detail == reason


def test_a_search_is_what_the_form_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "known_sellers", lambda _: ["A1", "A2"])
    table = FakeTable([item(1), item(2), {**item(3), "SellerId": "A2"}])
    browser = visitor(make_console({"dynamodb": table}, **OUTPUTS), PAGES)

    def listed(query: str) -> list[str]:
        page = browser.get(f"/reports?{query}")
        return [number for number in "123" if f'/{number}">{number}<' in page]

    assert listed("") == ["1", "2", "3"]
    assert listed("seller=%20A2%20") == ["3"]
    assert listed("type=%20get_b%20") == ["2"]
    assert listed("type=_a") == ["1", "3"]
    assert listed("state=failed") == []
    assert listed("state=delivered") == ["1", "2", "3"]
    # The whole day, and the whole minute.
    assert listed("from=2026-11-20&to=2026-11-20") == ["1", "2", "3"]
    assert listed("to=2026-11-20T00:00") == ["1", "2", "3"]
    assert listed("to=2026-11-19") == []
    assert listed("from=2026-11-21") == []
    page = browser.get("/reports?seller=A1&type=GET&state=delivered&from=2026-11-20T00:00&to=2026-11-21T00:00")
    for part in (
        'name="seller" list="sellers" value="A1"',
        'name="type" value="GET"',
        "<option selected>delivered</option>",
        'name="from" value="2026-11-20T00:00"',
        'name="to" value="2026-11-21T00:00"',
        '<a class="button" href="/reports">Reset</a>',
    ):
        assert part in page
    assert "Reset" not in browser.get("/reports")
    assert "2 read for this page." in readable(page)


def test_one_seller_is_searched_wherever_it_is_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for troubles, of which the count keeps only the newest of all sellers."""
    monkeypatch.setattr(reports, "known_sellers", lambda _: [f"A{number:03}" for number in range(101)])
    table = FakeTable([item(1, "A100", **ITEMS[ReportState.FAILED])])
    browser = visitor(make_console({"dynamodb": table}, **OUTPUTS), PAGES)
    page = readable(browser.get("/reports?seller=A100&state=failed"))
    assert table.reads == 1
    assert "1 failed AccessDeniedError A100 GET_A" in page
    assert "This search covers" not in page
    browser.get("/reports?state=failed")
    assert table.reads == 1


def test_a_report_names_its_log_lines_and_the_time_limit(server: ScriptedServer) -> None:
    page = one_report(server, States()).get("/reports/A1/1")
    assert link(page, "Log lines of this report") == "/logs?find=1&since=14d&area=reports"
    assert link(page, "First rows") == "/reports/A1/1/rows"
    assert forms(page) == ["/reports/A1/1/again", "/reports/A1/1/redrive"]
    assert re.search(r'name="token" value="console-[0-9a-f-]{36}"', page)
    assert "In the terminal" not in page
    waiting = FakeTable([item(1, **ITEMS[ReportState.WAITING])])
    clients = {"dynamodb": waiting, "stepfunctions": States()}
    page = readable(visitor(make_console(clients, **OUTPUTS, **MACHINE), PAGES).get("/reports/A1/1"))
    assert "SP-API has not said that the report is finished. After 24 hours, it is overdue." in page
    clients = {"dynamodb": FakeTable([item(1, **STORED)]), "stepfunctions": States()}
    page = readable(
        visitor(make_console(clients, allows_changes=False, **OUTPUTS, **MACHINE), PAGES).get("/reports/A1/1")
    )
    assert "In the terminal: fix the cause that make logs STACK=quick-start REGION=eu-west-1 FUNCTION=Rep" in page


def test_a_report_without_a_period_is_requested_with_a_new_token(server: ScriptedServer) -> None:
    """The form has the token; without it, each request is a new one."""
    server.answer("POST", "/reports", answer_json({"reportId": "2 3"}))
    given = {"RegionCode": "EU", "MarketplaceIds": ["M"], "DataStartTime": "s", "DataEndTime": "e"}
    clients = {"dynamodb": FakeTable([item(1, "A 1", **given)]), "stepfunctions": States()}
    browser = visitor(make_console(clients, **OUTPUTS, **MACHINE, ReportCreatorUrl=f"{server.url}/reports"), PAGES)
    for _ in range(2):
        answer = browser.client.post(
            "/reports/A%201/1/again",
            data={"csrf": KEYS.form},
            headers={"Origin": ORIGIN},
            follow_redirects=False,
        )
        assert answer.headers["location"].partition("?")[0] == "/reports/A%201/2%203"
    first, second = (request.json for request in server.received("/reports", "POST"))
    tokens = first.pop("ClientToken"), second.pop("ClientToken")
    assert first == second == {
        "SellerId": "A 1", "RegionCode": "EU", "ReportType": "GET_A", "MarketplaceIds": ["M"],
    }  # fmt: skip
    assert tokens[0] != tokens[1]
    assert all(token.startswith("console-") for token in tokens)


def test_a_period_is_requested_again_from_its_beginning_to_its_end(server: ScriptedServer) -> None:
    server.answer("POST", "/reports", answer_json({"reportId": "1"}))
    given = STORED | {"DataEndTime": "2026-11-02T00:00:00+00:00"}
    clients = {"dynamodb": FakeTable([item(1, **given)]), "stepfunctions": States()}
    browser = visitor(make_console(clients, **OUTPUTS, **MACHINE, ReportCreatorUrl=f"{server.url}/reports"), PAGES)
    browser.post("/reports/A1/1/again", token="t")
    assert server.received("/reports", "POST")[0].json["ReportDataEndTime"] == "2026-11-02T00:00:00+00:00"


def test_a_redrive_that_fails_is_a_problem(server: ScriptedServer) -> None:
    class Late(States):
        def redrive_execution(self, executionArn: str) -> Any:  # noqa: N803 - boto3's name
            raise error("ExecutionNotRedrivable", "it is too late", executionArn)

    page = one_report(server, Late()).post("/reports/A1/1/redrive", execution=States.ARN)
    assert "A1-1-DONE: cannot be redriven: it is too late." in page
    assert 'role="alert"' in page
    assert 'role="alert"' not in one_report(server, States()).post("/reports/A1/1/redrive", execution=States.ARN)


def test_a_request_to_the_stack_is_sent_once(server: ScriptedServer) -> None:
    """Whoever sent the form may send it again, with the same token."""
    busy = answer_json({"message": "busy"}, 503)
    server.answer("POST", "/reports", busy)
    server.answer("GET", "/reports/1", busy)
    browser = one_report(server, States())
    page = readable(browser.post("/reports/A1/1/again", 502, token="t"))
    assert "This did not work POST ReportCreatorUrl: HTTP 503: busy" in page
    page = readable(browser.get("/reports/A1/1/link", 502))
    assert "The stack did not return a link GET ReportCreatorUrl/1: HTTP 503: busy" in page
    assert len(server.requests) == 2
