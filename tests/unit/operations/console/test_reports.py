"""What the pages of reports make of the table's items and of histories, beside the end-to-end tests."""

import json
import time
from collections.abc import Iterator, Mapping
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
    Position,
    ReportState,
    Search,
    find_report,
    ledger_events,
    overdue_since,
    read_item,
    search,
)
from operations.console.reading.reports import _told as told
from operations.console.site import PAGES
from operations.outcomes import _reports
from quickstart.dynamodb import Table, _marshal
from quickstart.solicitations.ledger import State
from tests.unit.operations.console.support import NOW, Visitor, error, make_console, readable, visitor
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

    def query(self, **query: Any) -> dict[str, Any]:
        self.reads += 1
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


@pytest.mark.parametrize("text", ["", "x", "{}", "[1, 2, 3]", '["a", "b"]', '["", "", ""]', "[" * 100_000])
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
