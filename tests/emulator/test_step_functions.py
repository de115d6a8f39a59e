"""Step Functions: names, starting again, retries, errors, limits, status events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.support import Emulator, unique
from tests.waiting import assert_quick, until

WAITING = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 30, "End": True}}}
PASSING = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
FAILING_FUNCTION = """
class TransientError(Exception):
    pass

def handler(event, context):
    raise TransientError("again")
"""
# Fails once there is a file "finish".
FAILING_LATE = """
import os, pathlib, time

folder = pathlib.Path(os.environ["FOLDER"])

def handler(event, context):
    (folder / "running").touch()
    while not (folder / "finish").exists():
        time.sleep(0.05)
    raise ValueError("late")
"""
LARGE_FUNCTION = "def handler(event, context): return 'x' * event['length']"


def code(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return str(raised.value.response["Error"]["Code"])


@pytest.fixture
def status_events(emulator: Emulator) -> Iterator[tuple[str, str]]:
    """The URL of a queue that is the target of a rule of the default bus, and the name of the rule."""
    url, arn = emulator.create_queue()
    events, rule = emulator.client("events"), unique("rule")
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    }
    rule_arn = events.put_rule(Name=rule, EventPattern=json.dumps(pattern))["RuleArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    emulator.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    yield url, rule
    events.remove_targets(Rule=rule, Ids=["queue"])
    events.delete_rule(Name=rule)


def received(emulator: Emulator, url: str, execution_arn: str) -> list[dict[str, Any]]:
    """The status events of the execution that arrive within a second after the first."""
    sqs = emulator.client("sqs")
    found: list[dict[str, Any]] = []

    def receive() -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            event = json.loads(message["Body"])
            if event["detail"]["executionArn"] == execution_arn:
                found.append(event)
        return found

    until(receive, len)
    time.sleep(1)
    return receive()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("a" * 81, "ValidationException"),
        ("report 1", "InvalidName"),
        ("report:1", "InvalidName"),
        ("report/1", "InvalidName"),
        ("report#1", "InvalidName"),
        ("report\u0085", "InvalidName"),
    ],
)
def test_an_invalid_execution_name_is_rejected(emulator: Emulator, name: str, error: str) -> None:
    machine = emulator.create_state_machine(PASSING)
    with pytest.raises(ClientError) as raised:
        emulator.client("stepfunctions").start_execution(stateMachineArn=machine, name=name)

    assert code(raised) == error


def test_a_long_name_with_allowed_characters_is_accepted(emulator: Emulator) -> None:
    machine = emulator.create_state_machine(PASSING)
    name = "A3EXAMPLE_report-1.2@x'()+=!" + "a" * 52

    started = emulator.client("stepfunctions").start_execution(stateMachineArn=machine, name=name)

    assert started["executionArn"].endswith(name)


def test_starting_a_running_execution_again_returns_it(emulator: Emulator) -> None:
    states = emulator.client("stepfunctions")
    machine = emulator.create_state_machine(WAITING)
    first = states.start_execution(stateMachineArn=machine, name="report-1", input='{"a": 1}')

    again = states.start_execution(stateMachineArn=machine, name="report-1", input='{"a": 1}')
    with pytest.raises(ClientError) as other_input:
        states.start_execution(stateMachineArn=machine, name="report-1", input='{"a": 2}')
    states.stop_execution(executionArn=first["executionArn"])
    with pytest.raises(ClientError) as closed:
        states.start_execution(stateMachineArn=machine, name="report-1", input='{"a": 1}')

    assert again["executionArn"] == first["executionArn"]
    assert again["startDate"] == first["startDate"]
    assert code(other_input) == "ExecutionAlreadyExists"
    assert code(closed) == "ExecutionAlreadyExists"
    assert len(states.list_executions(stateMachineArn=machine)["executions"]) == 1


def retrying(function_arn: str, **retrier: Any) -> dict[str, Any]:
    retry = {"ErrorEquals": ["TransientError"], "IntervalSeconds": 1, "MaxAttempts": 4, "BackoffRate": 10, **retrier}
    task = {
        "Type": "Task",
        "Resource": function_arn,
        "Retry": [retry],
        "Catch": [{"ErrorEquals": ["TransientError"], "ResultPath": "$.error", "Next": "Caught"}],
        "End": True,
    }
    return {"StartAt": "Task", "States": {"Task": task, "Caught": {"Type": "Pass", "End": True}}}


def seconds(execution: dict[str, Any]) -> float:
    return float((execution["stopDate"] - execution["startDate"]).total_seconds())


def test_retries_match_the_handlers_exception_and_respect_the_maximum_delay(emulator: Emulator) -> None:
    function = emulator.function_arn(emulator.create_function(FAILING_FUNCTION))
    emulator.scale_waits(0.1)

    # Without a maximum: 1 + 10 + 60 + 60 s, scaled to a tenth here.
    execution = emulator.run_state_machine(emulator.create_state_machine(retrying(function, MaxDelaySeconds=2)))

    emulator.scale_waits(1)
    assert execution["status"] == "SUCCEEDED"
    assert json.loads(execution["output"])["error"]["Error"] == "TransientError"
    history = emulator.client("stepfunctions").get_execution_history(executionArn=execution["executionArn"])["events"]
    assert sum(event["type"] == "TaskFailed" for event in history) == 5
    assert 0.7 <= seconds(execution) < 13


@pytest.mark.parametrize("resource", ["own", "arn:aws:states:::lambda:invoke"])
def test_a_task_invokes_what_the_role_allows(emulator: Emulator, resource: str) -> None:
    granted, other = (emulator.function_arn(emulator.create_function("def handler(e, c): return 1")) for _ in range(2))
    role = emulator.create_role({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": granted})

    def run(function: str) -> dict[str, Any]:
        task: dict[str, Any] = {"Type": "Task", "Resource": function, "End": True}
        if resource != "own":
            task |= {"Resource": resource, "Parameters": {"FunctionName": function, "Payload.$": "$"}}
        # A branch of Parallel runs in its own thread, and so does its task if it has TimeoutSeconds.
        branch = {"StartAt": "Task", "States": {"Task": {**task, "TimeoutSeconds": 30}}}
        states = {"Parallel": {"Type": "Parallel", "Branches": [branch], "End": True}}
        return emulator.run_state_machine(
            emulator.create_state_machine({"StartAt": "Parallel", "States": states}, role)
        )

    assert run(granted)["status"] == "SUCCEEDED"
    denied = run(other)
    assert denied["status"] == "FAILED"
    assert denied["error"] == "Lambda.AWSLambdaException"
    assert "lambda:InvokeFunction" in denied["cause"]


def test_full_jitter_shortens_delays(emulator: Emulator) -> None:
    function = emulator.function_arn(emulator.create_function(FAILING_FUNCTION))
    machine = emulator.create_state_machine(
        retrying(function, IntervalSeconds=60, MaxAttempts=8, BackoffRate=1, JitterStrategy="FULL")
    )
    emulator.scale_waits(0.005)

    # Without jitter: eight delays of 0.3 s.
    assert_quick(2.3, lambda: emulator.run_state_machine(machine))

    emulator.scale_waits(1)


@pytest.mark.parametrize(("length", "status"), [(262_142, "SUCCEEDED"), (262_143, "FAILED")])
def test_a_result_over_256_kib_fails_despite_a_catch(emulator: Emulator, length: int, status: str) -> None:
    function = emulator.function_arn(emulator.create_function(LARGE_FUNCTION))
    task = {
        "Type": "Task",
        "Resource": function,
        "Retry": [{"ErrorEquals": ["States.ALL"]}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "End": True,
    }
    machine = {"StartAt": "Task", "States": {"Task": task, "Caught": {"Type": "Pass", "End": True}}}

    execution = emulator.run_state_machine(emulator.create_state_machine(machine), {"length": length})

    assert execution["status"] == status
    assert execution.get("error") == ("States.DataLimitExceeded" if status == "FAILED" else None)


def test_a_failed_execution_sends_its_status(emulator: Emulator, status_events: tuple[str, str]) -> None:
    machine = emulator.create_state_machine(
        {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "PermanentError", "Cause": "no"}}}
    )
    execution = emulator.run_state_machine(machine)

    events = received(emulator, status_events[0], execution["executionArn"])

    assert [event["detail"]["status"] for event in events] == ["FAILED"]
    assert "output" not in execution
    event = events[0]
    assert event["source"] == "aws.states"
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert event["resources"] == [execution["executionArn"]]
    assert event["account"] == "111122223333"
    assert event["detail"]["error"] == "PermanentError"
    assert event["detail"]["stateMachineArn"] == machine
    assert event["detail"]["input"] == "{}"
    assert event["detail"]["stopDate"] > 1_600_000_000_000


def test_an_aborted_execution_stays_aborted(emulator: Emulator, status_events: tuple[str, str], tmp_path: Path) -> None:
    function = emulator.function_arn(
        emulator.create_function(FAILING_LATE, Environment={"Variables": {"FOLDER": str(tmp_path)}})
    )
    machine = emulator.create_state_machine(
        {"StartAt": "Task", "States": {"Task": {"Type": "Task", "Resource": function, "End": True}}}
    )
    states = emulator.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    until((tmp_path / "running").exists, bool)
    states.stop_execution(executionArn=arn, error="Operator", cause="enough")
    (tmp_path / "finish").touch()

    events = received(emulator, status_events[0], arn)

    assert [event["detail"]["status"] for event in events] == ["ABORTED"]
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"


@pytest.mark.parametrize(
    ("level", "with_data", "types"),
    [
        ("ERROR", False, ["TaskFailed", "ExecutionFailed"]),
        ("ERROR", True, ["TaskFailed", "ExecutionFailed"]),
        ("FATAL", False, ["ExecutionFailed"]),
        ("OFF", False, []),
    ],
)
def test_failures_are_logged_as_configured(emulator: Emulator, level: str, with_data: bool, types: list[str]) -> None:
    states, logs, group = emulator.client("stepfunctions"), emulator.client("logs"), unique("/states/log")
    logs.create_log_group(logGroupName=group)
    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["arn"]
    task = {"Type": "Task", "Resource": emulator.function_arn(emulator.create_function(FAILING_FUNCTION)), "End": True}
    machine = emulator.create_state_machine({"StartAt": "Task", "States": {"Task": task}})
    states.update_state_machine(
        stateMachineArn=machine,
        loggingConfiguration={
            "level": level,
            "includeExecutionData": with_data,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
        },
    )
    execution = emulator.run_state_machine(machine, {"secret": "of the input"})
    # As on AWS, the lines may come after the end.
    events = until(
        lambda: logs.filter_log_events(logGroupName=group)["events"], lambda found: len(found) >= len(types), "lines"
    )
    lines = [json.loads(event["message"]) for event in events]
    assert [line["type"] for line in lines] == types
    for line in lines:
        assert line["execution_arn"] == execution["executionArn"]
        assert line["details"]["error"] == "TransientError"
        assert "again" in line["details"]["cause"]
    assert "of the input" not in str(lines)


def test_an_execution_times_out(emulator: Emulator, status_events: tuple[str, str]) -> None:
    states = emulator.client("stepfunctions")
    machine = emulator.create_state_machine({**WAITING, "TimeoutSeconds": 1})
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]

    events = received(emulator, status_events[0], arn)

    assert [event["detail"]["status"] for event in events] == ["TIMED_OUT"]
    assert states.describe_execution(executionArn=arn)["status"] == "TIMED_OUT"


def waiting_for_a_token(function_arn: str, **fields: Any) -> dict[str, Any]:
    """A JSONata task that gives its token to the function, and a state for its time-out and one for its error."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": function_arn, "Payload": {"TaskToken": "{% $states.context.Task.Token %}"}},
        "Catch": [
            {"ErrorEquals": ["States.Timeout"], "Next": "TimedOut"},
            {"ErrorEquals": ["TransientError"], "Next": "FunctionFailed"},
        ],
        "End": True,
        **fields,
    }
    ends = {name: {"Type": "Pass", "Output": name, "End": True} for name in ("TimedOut", "FunctionFailed")}
    return {"QueryLanguage": "JSONata", "StartAt": "Task", "States": {"Task": task, **ends}}


@pytest.mark.parametrize("time_out", [10, "{% $states.input.seconds %}"])
def test_a_wait_for_a_token_times_out_after_a_number_or_an_expression(emulator: Emulator, time_out: Any) -> None:
    function = emulator.function_arn(emulator.create_function("def handler(event, context): return {}"))
    machine = emulator.create_state_machine(waiting_for_a_token(function, TimeoutSeconds=time_out))
    emulator.scale_waits(0.1)

    execution = emulator.run_state_machine(machine, {"seconds": 10})

    emulator.scale_waits(1)
    assert (execution["status"], json.loads(execution["output"])) == ("SUCCEEDED", "TimedOut")
    assert 0.8 <= seconds(execution) < 10


def test_a_failed_function_ends_the_wait_for_its_token(emulator: Emulator) -> None:
    function = emulator.function_arn(emulator.create_function(FAILING_FUNCTION))

    execution = emulator.run_state_machine(
        emulator.create_state_machine(waiting_for_a_token(function, TimeoutSeconds=60))
    )

    assert (execution["status"], json.loads(execution["output"])) == ("SUCCEEDED", "FunctionFailed")
