"""Executions as Step Functions has them on AWS, with hostile data and pages that are gone."""

import json
from datetime import timedelta
from typing import Any

import pytest

from operations.console.console import Console
from operations.console.pages import executions
from operations.console.reading.executions import (
    Event,
    Execution,
    ExecutionData,
    MachineOf,
    find_failed,
    find_machine,
    machines,
    read_events,
    read_execution,
    read_executions,
    read_states,
)
from operations.outcomes import UNSUCCESSFUL, Machine
from operations.redrive import restarted_name
from tests.unit.operations.console.support import NOW, error, forms, link, make_console, readable, visitor

ARN = "arn:aws:states:eu-west-1:1:stateMachine:ReportProcessor-x"
PAGES = (executions.PAGE,)
SCRIPT = "<script>alert(1)</script>\u202e"
CAUSE = json.dumps({"errorMessage": f"{SCRIPT} denied, Atzr|IwEBexample", "stackTrace": ["line"]})


class States:
    """Step Functions with one execution."""

    def __init__(self, **changed: Any) -> None:
        self.execution = {
            "name": "A1-7-DONE",
            "executionArn": "arn:aws:states:eu-west-1:1:execution:ReportProcessor-x:A1-7-DONE",
            "status": "FAILED",
            "startDate": NOW - timedelta(hours=2),
            "stopDate": NOW - timedelta(hours=1),
            "error": "AccessDeniedError",
            "cause": CAUSE,
            "input": json.dumps({"SellerId": "A1", "ReportId": "7"}),
            "redriveCount": 0,
            "redriveStatus": "REDRIVABLE",
        } | changed
        self.redriven: list[str] = []
        self.token_error = ""
        self.late = False
        self.asked: list[Any] = []

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
        if executionArn != self.execution["executionArn"]:
            raise error("ExecutionDoesNotExist")
        return self.execution

    def list_executions(self, **request: Any) -> Any:
        self.asked.append(request)
        if request.get("nextToken") and self.token_error:
            raise error(self.token_error)
        return {"executions": [self.execution], "nextToken": "next<1>"}

    def get_execution_history(self, **request: Any) -> Any:
        assert request["executionArn"] == self.execution["executionArn"]
        if request.get("nextToken") and self.token_error:
            raise error(self.token_error)
        entered = {"name": f"Retrieve{SCRIPT}", "input": json.dumps({"TaskToken": "AQC8", "title": SCRIPT})}
        events = [
            {"type": "ExecutionStarted", "executionStartedEventDetails": {"input": "{}"}},
            {"type": "TaskStateEntered", "stateEnteredEventDetails": entered},
            {"type": "TaskScheduled", "taskScheduledEventDetails": {"resource": "invoke", "resourceType": "lambda"}},
            {"type": "TaskFailed", "taskFailedEventDetails": {"error": "AccessDeniedError", "cause": CAUSE}},
            {"type": "TaskStateExited", "stateExitedEventDetails": {"name": "Retrieve"}},
            {"type": "ExecutionFailed", "executionFailedEventDetails": {"error": "AccessDeniedError", "cause": CAUSE}},
        ]
        found = [{"id": number, "timestamp": NOW, **event} for number, event in enumerate(events, 1)]
        return {"events": found[::-1] if request.get("reverseOrder") else found, "nextToken": "later"}

    def redrive_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
        self.redriven.append(executionArn)
        if self.late:
            raise error("ExecutionNotRedrivable", "it is too late")
        return {}

    def get_paginator(self, _: str) -> Any:
        class Pages:
            def paginate(self, **request: Any) -> Any:
                return [states.list_executions(**request)]

        states = self
        return Pages()


def pages(states: States, **given: Any) -> Any:
    return visitor(make_console({"stepfunctions": states}, **given, ReportProcessorStateMachineArn=ARN), PAGES)


ONE = "/executions/ReportProcessor/A1-7-DONE"


def test_a_failed_execution_shows_its_cause_and_what_the_e_mail_says() -> None:
    page = pages(States()).get(ONE)
    words = readable(page)
    assert "SP-API or its document store denied access." in words
    assert "make redrive-executions STACK=quick-start REGION=eu-west-1" in words
    assert "AccessDeniedError: &lt;script&gt;alert(1)&lt;/script&gt; denied, ***" in words
    assert "Failed in: Retrieve&lt;script&gt;" in words
    assert "Task scheduled: lambda invoke" in words
    assert 'href="/reports/A1/7"' in page
    for secret in ("IwEB", "AQC8", "<script", "\u202e"):
        assert secret not in page
    # The state of each event, until it is left.
    assert page.count("<strong>Retrieve") == 4


def test_the_later_events_know_their_state() -> None:
    page = pages(States()).get(ONE)
    assert f"{ONE}?after=later&amp;state=" not in page
    assert f"{ONE}?after=later" in page
    assert "<strong>Before</strong>" in pages(States()).get(f"{ONE}?after=later&state=Before")


def test_lists_have_causes_and_pages() -> None:
    states = States()
    page = pages(states).get("/executions/ReportProcessor?status=FAILED")
    assert "AccessDeniedError: &lt;script&gt;" in page
    assert "/executions/ReportProcessor?status=FAILED&amp;after=next%3C1%3E" in page
    assert states.asked[-1]["statusFilter"] == "FAILED"
    assert 'class="state bad">FAILED<' in page
    assert link(page, "A1-7-DONE") == ONE
    assert forms(pages(states).get(ONE)) == [f"{ONE}/redrive"]
    refused = readable(pages(states).get("/executions/ReportProcessor?status=NO", 400))
    assert "Unknown status The status must be one of " in refused
    assert "SUCCEEDED" in refused
    assert "deliveries of reports" in pages(states).get("/executions")


@pytest.mark.parametrize("code", ["InvalidToken", "ValidationException"])
def test_a_page_that_is_gone_leads_to_the_first_one(code: str) -> None:
    states = States()
    states.token_error = code
    browser = pages(states)
    assert "Older executions" in browser.get("/executions/ReportProcessor?after=old")
    assert "Execution failed" in browser.get(f"{ONE}?after=old")
    for path, first in (
        ("/executions/ReportProcessor?status=FAILED&after=old", "/executions/ReportProcessor?status=FAILED"),
        (f"{ONE}?after=old", ONE),
    ):
        answer = browser.client.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, first)
    states.token_error = "ThrottlingException"
    browser.get("/executions/ReportProcessor?after=old", 502)


def test_a_first_page_that_aws_refuses_leads_nowhere() -> None:
    """It would lead to itself."""

    class Refusing(States):
        def list_executions(self, **_: Any) -> Any:
            raise error("ValidationException")

    page = pages(Refusing()).get("/executions/ReportProcessor", 502)
    assert "AWS did not answer as expected" in page


def test_an_execution_is_redriven() -> None:
    states = States()
    page = pages(states).post(f"{ONE}/redrive")
    assert "A1-7-DONE: redriven." in page
    assert states.redriven == [states.execution["executionArn"]]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": "<b>too many</b>"},
            "A1-7-DONE was not redriven: &lt;b&gt;too many&lt;/b&gt;.",
        ),
        ({"redriveStatus": "NOT_REDRIVABLE"}, "A1-7-DONE was not redriven: Step Functions does not allow it."),
        ({"stopDate": NOW - timedelta(days=15)}, "more than 14 days ago"),
        ({"status": "SUCCEEDED", "error": None, "cause": None}, "A1-7-DONE was not redriven: it has not failed."),
    ],
)
def test_an_execution_that_cannot_be_redriven_says_why(changed: Any, words: str) -> None:
    states = States(**changed)
    assert "<button>Redrive" not in pages(states).get(ONE)
    assert words in pages(states).post(f"{ONE}/redrive")
    assert states.redriven == []


def test_a_redrive_that_comes_too_late_is_a_problem() -> None:
    states = States()
    states.late = True
    page = pages(states).post(f"{ONE}/redrive")
    assert "cannot be redriven: it is too late" in page
    assert 'role="alert"' in page


def test_a_read_only_console_redrives_nothing() -> None:
    states = States()
    browser = pages(states, allows_changes=False)
    assert "<form" not in browser.get(ONE)
    browser.post(f"{ONE}/redrive", 403)
    assert states.redriven == []


def test_an_execution_or_state_machine_that_is_not_there_is_explained() -> None:
    browser = pages(States())
    assert (
        "Execution not found ReportProcessor has no execution other. Step Functions keeps an execution for 90 days "
        "after its end."
    ) in readable(browser.get("/executions/ReportProcessor/other", 404))
    assert "State machine not found The stack has no state machine Other." in readable(
        browser.get("/executions/Other", 404)
    )


def console_of(states: Any, **outputs: str) -> tuple[Console, MachineOf]:
    console = make_console({"stepfunctions": states}, **{"ReportProcessorStateMachineArn": ARN} | outputs)
    machine = find_machine(console.stack, "ReportProcessor")
    assert machine is not None
    return console, machine


def read(states: States) -> ExecutionData:
    console, machine = console_of(states)
    found = read_execution(console.stack, machine, "A1-7-DONE", NOW)
    assert found is not None
    return found


def test_state_machines_are_listed_by_name_and_unknown_ones_refer_to_the_documentation() -> None:
    console, _ = console_of(States(), OwnStateMachineArn="own", Other="x")
    own, reports = machines(console.stack)
    assert own == MachineOf(
        "Own", "OwnStateMachineArn", "own", Machine("Own", "see docs/operations.md", "see docs/operations.md")
    )
    assert (reports.name, reports.what) == ("ReportProcessor", "deliveries of reports")
    assert reports.execution_arn("n") == "arn:aws:states:eu-west-1:1:execution:ReportProcessor-x:n"


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("FAILED", "then run make redrive-executions"),
        ("TIMED_OUT", "then run make redrive-executions"),
        ("ABORTED", "if it was a mistake, run make redrive-executions ARGS=--aborted"),
        ("SUCCEEDED", ""),
        ("RUNNING", ""),
    ],
)
def test_what_to_do_depends_on_the_status(status: str, advice: str) -> None:
    _, machine = console_of(States())
    assert machine.advice(status).endswith(advice)
    assert bool(machine.advice(status)) == bool(advice)


@pytest.mark.parametrize(("count", "shown"), [(0, "0"), (99, "99"), (100, "100+"), (101, "100+")])
def test_a_hundred_failures_are_counted(count: int, shown: str) -> None:
    class Failing(States):
        def list_executions(self, **request: Any) -> Any:
            failed = count if request.get("statusFilter") == "FAILED" else 0
            return {"executions": [self.execution] * failed}

    console, machine = console_of(Failing())
    (state,) = read_states(console)
    assert (state.machine, state.unsuccessful) == (machine, {"FAILED": min(count, 100), "TIMED_OUT": 0, "ABORTED": 0})
    words = readable(visitor(console, PAGES).get("/executions"))
    assert f"RUNNING SUCCEEDED {shown} 0 0 " in words


def test_each_count_is_of_its_machine_and_status() -> None:
    """Failures of the last 14 days."""
    numbers = {
        (machine, status): index
        for index, (machine, status) in enumerate(
            (machine, status) for machine in ("own", ARN) for status in UNSUCCESSFUL
        )
    }

    class Several(States):
        def list_executions(self, **request: Any) -> Any:
            old = self.execution | {"stopDate": NOW - timedelta(days=14)}
            number = numbers[request["stateMachineArn"], request["statusFilter"]]
            return {"executions": [self.execution] * number + [old]}

    console, _ = console_of(Several(), OwnStateMachineArn="own")
    assert [state.unsuccessful for state in read_states(console)] == [
        {"FAILED": 0, "TIMED_OUT": 1, "ABORTED": 2},
        {"FAILED": 3, "TIMED_OUT": 4, "ABORTED": 5},
    ]


@pytest.mark.parametrize(
    ("status", "after", "query"),
    [
        ("", "", {}),
        ("RUNNING", "", {"statusFilter": "RUNNING"}),
        ("", "t", {"nextToken": "t"}),
        ("FAILED", "t", {"statusFilter": "FAILED", "nextToken": "t"}),
    ],
)
def test_a_list_asks_for_one_page(status: str, after: str, query: Any) -> None:
    states = States()
    console, machine = console_of(states)
    found = read_executions(console, machine, status, after)
    assert states.asked == [{"stateMachineArn": ARN, "maxResults": 25} | query]
    assert ([each.name for each in found.executions], found.following) == (["A1-7-DONE"], "next<1>")


def test_causes_are_read_of_failed_executions_alone() -> None:
    """A list of Step Functions has none. One that is gone meanwhile is shown without."""
    described: list[str] = []

    class Listing(States):
        def list_executions(self, **_: Any) -> Any:
            names = {"running": "RUNNING", "failed": "FAILED", "stopped": "ABORTED", "gone": "TIMED_OUT"}
            listed = [{"name": name, "executionArn": name, "status": names[name], "startDate": NOW} for name in names]
            return {"executions": listed}

        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
            described.append(executionArn)
            if executionArn == "gone":
                raise error("ExecutionDoesNotExist")
            return {"name": executionArn, "status": "FAILED", "startDate": NOW, "error": "E", "cause": "denied"}

    found = read_executions(*console_of(Listing()))
    assert found.executions == [
        Execution("running", "RUNNING", NOW, None),
        Execution("failed", "FAILED", NOW, None, "E", "denied"),
        Execution("stopped", "FAILED", NOW, None, "E", "denied"),
        Execution("gone", "TIMED_OUT", NOW, None),
    ]
    assert sorted(described) == ["failed", "gone", "stopped"]
    assert found.following == ""


def test_a_failed_execution_is_found_by_the_fields_of_its_input() -> None:
    """Among the newest fifty."""
    inputs = {
        "gone": "",
        "without": None,
        "text": "no JSON",
        "list": "[]",
        "other": json.dumps({"SellerId": "A1", "ReportId": "8"}),
        "own": json.dumps({"SellerId": "A1", "ReportId": "7", "More": 1}),
        "later": json.dumps({"SellerId": "A1", "ReportId": "7"}),
    }

    class Listing(States):
        def list_executions(self, **request: Any) -> Any:
            self.asked.append(request)
            return {"executions": [{"executionArn": name} for name in inputs]}

        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
            if executionArn == "gone":
                raise error("ExecutionDoesNotExist")
            return {"name": executionArn, "input": inputs[executionArn]}

    states = Listing()
    console, machine = console_of(states)
    assert find_failed(console, machine, {"SellerId": "A1", "ReportId": "7"}) == "own"
    assert find_failed(console, machine, {"SellerId": "A1", "ReportId": "8"}) == "other"
    assert find_failed(console, machine, {"SellerId": "A2", "ReportId": "7"}) == ""
    assert states.asked[0] == {"stateMachineArn": ARN, "maxResults": 50, "statusFilter": "FAILED"}


def test_an_execution_that_succeeded_needs_nothing() -> None:
    states = States(status="SUCCEEDED", error=None, cause=None, output='{"sent":true}', redriveStatus="NOT_REDRIVABLE")
    assert read(states) == ExecutionData(
        Execution("A1-7-DONE", "SUCCEEDED", NOW - timedelta(hours=2), NOW - timedelta(hours=1)),
        str(states.execution["executionArn"]),
        '{\n  "SellerId": "A1",\n  "ReportId": "7"\n}',
        '{\n  "sent": true\n}',
        failed_in="",
        successor="",
        redrivable=False,
        why_not="",
        subject=("reports", "A1", "7"),
    )


def test_an_execution_that_was_started_again_leads_to_the_other() -> None:
    """An emulator that redrives none has no count of redrives."""
    again = restarted_name("A1-7-DONE")

    class Restarted(States):
        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
            found = {name: value for name, value in self.execution.items() if not name.startswith("redrive")}
            if executionArn.endswith(f":{again}"):
                return found | {"name": again}
            return found

    found = read(Restarted())
    assert (found.successor, found.redrivable) == (again, False)
    assert found.why_not == f"it was started again as {again}"
    page = pages(Restarted()).get(ONE)
    assert f'It was started again as <a href="/executions/ReportProcessor/{again}">{again}</a>.' in page
    succeeded = read(Restarted(status="SUCCEEDED"))
    assert succeeded.successor == ""

    class Failed(Restarted):
        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
            if executionArn.endswith(f":{again}"):
                raise error("ExecutionDoesNotExist")
            return super().describe_execution(executionArn)

    found = read(Failed())
    assert (found.successor, found.redrivable, found.why_not) == ("", True, "")


def test_an_execution_that_was_redriven_was_not_started_again() -> None:
    """Whatever else exists."""

    class Redriven(States):
        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
            self.asked.append(executionArn)
            return self.execution | {"executionArn": executionArn}

    states = Redriven()
    assert read(states).successor == ""
    assert len(states.asked) == 1


@pytest.mark.parametrize(
    ("changed", "redrivable"),
    [
        ({"stopDate": NOW - timedelta(days=14)}, True),
        ({"stopDate": NOW - timedelta(days=14, microseconds=1)}, False),
        ({"stopDate": None}, True),
        ({"status": "TIMED_OUT"}, True),
        ({"status": "ABORTED"}, True),
        ({"status": "RUNNING"}, False),
    ],
)
def test_step_functions_redrives_what_failed_in_the_last_two_weeks(changed: Any, redrivable: bool) -> None:
    assert read(States(**changed)).redrivable == redrivable


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"SellerId": "A/1", "ReportId": "7"}, "/reports/A%2F1/7"),
        ({"SellerId": "A1", "AmazonOrderId": "903"}, "/orders/A1/903"),
        ({"SellerId": "A1", "SubmissionId": "s"}, "/listings/A1/s"),
        ({"SellerId": "A1", "FeedRequestId": "f"}, "/listings/feeds/A1/f"),
        ({"SellerId": "", "ReportId": "7"}, ""),
        ({"SellerId": "A1", "ReportId": ""}, ""),
        ({"SellerId": "A1", "ReportId": 7}, ""),
        ({"SellerId": 1, "ReportId": "7"}, ""),
        ({"SellerId": "A1"}, ""),
        (["SellerId"], ""),
    ],
)
def test_an_execution_leads_to_the_page_of_what_it_works_on(given: Any, path: str) -> None:
    page = pages(States(input=json.dumps(given))).get(ONE)
    words = " of ".join(reversed([str(value) for value in given.values()])) if path else "nothing"
    assert link(page, words) == path


@pytest.mark.parametrize(
    ("machine", "area"),
    [
        ("ReportProcessor", "reports"),
        ("Solicitation", "orders"),
        ("Listing", "listings"),
        ("ListingFeed", "listings"),
        ("ProductTypePull", "product types"),
        ("Own", ""),
    ],
)
def test_the_log_lines_of_an_execution_are_looked_for_where_they_are(machine: str, area: str) -> None:
    class Running(States):
        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
            return self.execution | {"executionArn": executionArn}

    console = make_console({"stepfunctions": Running(status="RUNNING")}, **{f"{machine}StateMachineArn": ARN})
    page = visitor(console, PAGES).get(f"/executions/{machine}/A1-7-DONE")
    given = f"&area={area.replace(' ', '+')}" if area else ""
    assert link(page, "log lines") == f"/logs?find=A1-7-DONE&since=14d{given}"


def test_only_a_report_s_failure_has_the_words_of_its_e_mail() -> None:
    assert read(States()).meaning == "SP-API or its document store denied access."
    console = make_console({"stepfunctions": States()}, ListingStateMachineArn=ARN)
    machine = find_machine(console.stack, "Listing")
    assert machine is not None
    found = read_execution(console.stack, machine, "A1-7-DONE", NOW)
    assert found is not None
    assert (found.meaning, found.remedy) == ("", "")
    page = readable(visitor(console, PAGES).get("/executions/Listing/A1-7-DONE"))
    assert (
        "What to do: fix the cause that make logs STACK=quick-start REGION=eu-west-1 FUNCTION=SPAPIListingSender"
        in page
    )


def test_a_name_leads_to_its_execution() -> None:
    browser = pages(States())
    answer = browser.client.get("/executions/ReportProcessor?status=NO&name=%20A%2F1%20", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/executions/ReportProcessor/A%2F1")


def test_a_list_leads_back_to_its_newest_page() -> None:
    browser = pages(States())
    first = browser.get("/executions/ReportProcessor?status=FAILED")
    assert link(first, "Newest") == ""
    following = browser.get(link(first, "Older executions"))
    assert link(following, "Newest") == "/executions/ReportProcessor?status=FAILED"
    assert "What to do: fix the cause that make logs" in readable(first)
    page = browser.get(ONE)
    assert link(page, "First events") == ""
    assert link(browser.get(f"{ONE}?after=x"), "First events") == ONE


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (
            {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Store", "input": '{"a":1}'}},
            ("Task state entered", "Store", "", "", '{\n  "a": 1\n}', "plain"),
        ),
        (
            {"type": "TaskStateExited", "stateExitedEventDetails": {"name": "Store", "output": "[]"}},
            ("Task state exited", "Before", "", "", "[]", "plain"),
        ),
        (
            {
                "type": "TaskScheduled",
                "taskScheduledEventDetails": {"resource": "invoke", "resourceType": "lambda", "parameters": '{"b":2}'},
            },
            ("Task scheduled: lambda invoke", "Before", "", "", '{\n  "b": 2\n}', "plain"),
        ),
        ({"type": "TaskScheduled"}, ("Task scheduled", "Before", "", "", "", "plain")),
        (
            {"type": "TaskScheduled", "taskScheduledEventDetails": None},
            ("Task scheduled", "Before", "", "", "", "plain"),
        ),
        (
            {"type": "TaskStarted", "taskStartedEventDetails": {"resource": "invoke", "resourceType": "lambda"}},
            ("Task started", "Before", "", "", "", "plain"),
        ),
        (
            {"type": "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails": {"error": "E", "cause": "no"}},
            ("Lambda function failed", "Before", "E", "no", "", "bad"),
        ),
        (
            {"type": "ExecutionTimedOut", "executionTimedOutEventDetails": {}},
            ("Execution timed out", "Before", "", "", "", "bad"),
        ),
        ({"type": "ExecutionAborted"}, ("Execution aborted", "Before", "", "", "", "bad")),
        (
            {"type": "ExecutionSucceeded", "executionSucceededEventDetails": {"output": '"x"'}},
            ("Execution succeeded", "Before", "", "", '"x"', "good"),
        ),
    ],
)
def test_an_event_is_told_in_words(event: Any, shown: tuple[str, ...]) -> None:
    class One(States):
        def get_execution_history(self, **request: Any) -> Any:
            self.asked.append(request)
            return {"events": [{"id": 7, "timestamp": NOW, **event}]}

    states = One()
    console, machine = console_of(states)
    what, state, failed, cause, data, kind = shown
    found = read_events(console.stack, machine, "A1-7-DONE", "token", "Before")
    assert found.events == [Event(7, NOW, what, state, failed, cause, data, kind)]
    assert found.following == ""
    asked = {"executionArn": f"{ARN.replace('stateMachine', 'execution')}:A1-7-DONE", "maxResults": 100}
    assert states.asked == [asked | {"includeExecutionData": True, "nextToken": "token"}]


def test_events_are_in_a_state_until_it_is_left() -> None:
    names = ("TaskStateEntered", "TaskScheduled", "TaskStateExited", "PassStateEntered", "ExecutionRedriven")

    class Story(States):
        def get_execution_history(self, **_: Any) -> Any:
            found = [{"id": number, "timestamp": NOW, "type": kind} for number, kind in enumerate(names)]
            found[0]["stateEnteredEventDetails"] = {"name": "Store"}
            return {"events": found, "nextToken": "more"}

    console, machine = console_of(Story())
    found = read_events(console.stack, machine, "A1-7-DONE")
    assert [event.state for event in found.events] == ["Store", "Store", "Store", "", ""]
    assert found.following == "more"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ('{"errorMessage": "first", "message": "second"}', "first"),
        ('{"message": "second"}', "second"),
        ('{"code": 7}', '{"code": 7}'),
        ("[1]", "[1]"),
        ("plain words", "plain words"),
        (None, ""),
    ],
)
def test_a_cause_is_shown_by_its_message(cause: str | None, words: str) -> None:
    assert read(States(cause=cause)).execution.cause == words


def test_the_state_that_failed_is_the_one_that_was_entered_last() -> None:
    class Backwards(States):
        def get_execution_history(self, **request: Any) -> Any:
            self.asked.append(request)
            entered = [
                {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": name}} for name in ("Last", "First")
            ]
            return {"events": [{"type": "TaskFailed"}, *entered]}

    states = Backwards()
    assert read(states).failed_in == "Last"
    arn = states.execution["executionArn"]
    assert states.asked == [
        {"executionArn": arn, "maxResults": 100, "reverseOrder": True, "includeExecutionData": False}
    ]
    assert read(Backwards(status="SUCCEEDED")).failed_in == ""


def test_an_execution_without_input_and_output_has_empty_ones() -> None:
    """Step Functions leaves them out where its log has them."""
    found = read(States(input=None, output=None))
    assert (found.input, found.output, found.subject) == ("", "", ())
