"""What the e-mails about failed deliveries say."""

import json
from typing import Any

import pytest

from quickstart.delivery_failure import FailedDelivery, read_failure, write_message
from tests.unit.statemachines.throttling import STATE_MACHINE

ARN = "arn:aws:states:eu-west-1:111122223333:execution:ReportProcessor:A3TH9S8BH6GOGM-54517018502-DONE"


class States:
    """Step Functions with one execution."""

    def __init__(self, **execution: str) -> None:
        self.execution = execution

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803 - boto3's spelling
        assert executionArn == ARN
        return self.execution


def failure(**execution: str) -> FailedDelivery:
    detail: dict[str, Any] = {"executionArn": ARN, "status": execution["status"], "redriveCount": None}
    states: Any = States(**execution)
    return read_failure({"detail": detail}, states)


GIVEN = json.dumps({"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "EU", "ReportId": "54517018502", "ReportType": "GET_X"})


def test_a_functions_error_is_told_without_its_stack() -> None:
    cause = {"errorType": "NotFoundError", "errorMessage": "getReport: HTTP 404", "stackTrace": ["  File app.py"]}
    failed = failure(status="FAILED", input=GIVEN, error="NotFoundError", cause=json.dumps(cause))
    assert failed == FailedDelivery(
        execution_arn=ARN,
        redrives=0,
        status="FAILED",
        error="NotFoundError",
        cause="getReport: HTTP 404",
        seller_id="A3TH9S8BH6GOGM",
        report_id="54517018502",
        report_type="GET_X",
    )
    message = write_message(failed)
    assert message.subject == "GET_X was NOT delivered: report 54517018502 of seller A3TH9S8BH6GOGM"
    for part in ("no longer has the report", "getReport: HTTP 404", "Ask for the report again", "eu-west-1.console"):
        assert part in message.body
    assert "stackTrace" not in message.body
    assert message.data == {
        "DeliveryStatus": "FAILED",
        "SellerId": "A3TH9S8BH6GOGM",
        "ReportId": "54517018502",
        "ReportType": "GET_X",
        "ExecutionArn": ARN,
        "ExecutionStatus": "FAILED",
        "Error": "NotFoundError",
        "Explanation": "getReport: HTTP 404",
    }


@pytest.mark.parametrize(
    ("status", "words"), [("TIMED_OUT", "limit of a day"), ("ABORTED", "Somebody stopped the execution")]
)
def test_an_execution_that_ended_without_an_error(status: str, words: str) -> None:
    failed = failure(status=status, input=GIVEN)
    assert (failed.error, failed.cause) == ("", "")
    message = write_message(failed)
    assert words in message.body
    assert "In its own words" not in message.body
    assert (message.data["Error"], message.data["Explanation"]) == (None, None)


def test_every_error_that_the_state_machine_names_is_explained() -> None:
    definition = json.loads(STATE_MACHINE.read_text())
    named = {
        error
        for state in definition["States"].values()
        for retrier in state.get("Retry", [])
        for error in retrier["ErrorEquals"]
        if not error.startswith(("States.", "Lambda.", "Runtime."))
    }
    # This one is caught: it is no failure.
    named.remove("ReportMadeElsewhereError")
    assert len(named) > 10
    for error in named:
        body = write_message(failure(status="FAILED", input=GIVEN, error=error, cause="?")).body
        assert "does not know" not in body, error


@pytest.mark.parametrize("error", ["KeyError", "Runtime.ExitError", "States.QueryEvaluationError"])
def test_an_unknown_error_leads_to_the_log(error: str) -> None:
    assert "Look into the log" in write_message(failure(status="FAILED", input=GIVEN, error=error, cause="plain")).body


@pytest.mark.parametrize("given", ["{}", "[]", "no JSON", ""])
def test_an_execution_with_another_input(given: str) -> None:
    failed = failure(status="FAILED", input=given, error="X")
    assert (failed.seller_id, failed.report_id) == (None, None)
    assert write_message(failed).subject == "(unknown) was NOT delivered: report (unknown) of seller (unknown)"


def test_a_redriven_execution_that_fails_again_is_another_failure() -> None:
    states: Any = States(status="FAILED", input=GIVEN)
    ids = [
        read_failure({"detail": {"executionArn": ARN, "status": "FAILED", "redriveCount": count}}, states).failure_id
        for count in (None, 0, 1)
    ]
    assert ids[0] == ids[1] != ids[2]
