"""Executions as Step Functions has them on AWS, with hostile data and pages that are gone."""

import json
from datetime import timedelta
from typing import Any

import pytest

from operations.console.pages import executions
from tests.unit.operations.console.support import NOW, error, make_console, readable, visitor

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
