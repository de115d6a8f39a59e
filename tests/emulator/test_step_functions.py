"""Step Functions: names, starting again, retries, errors, limits, status events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.support import Emulator, eventually, unique

WAITING = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 30, "End": True}}}
PASSING = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
FAILING_FUNCTION = """
class TransientError(Exception):
    pass

def handler(event, context):
    raise TransientError("again")
"""
LARGE_FUNCTION = "def handler(event, context): return 'x' * event['length']"


def code(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return str(raised.value.response["Error"]["Code"])


@pytest.fixture
def status_events(emulator: Emulator) -> Iterator[tuple[str, str]]:
    """URL of a queue that a rule of the default bus fills, and the rule's name."""
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
    """The status events of the execution that have come within a second of the first."""
    sqs = emulator.client("sqs")
    found: list[dict[str, Any]] = []

    def receive() -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            event = json.loads(message["Body"])
            if event["detail"]["executionArn"] == execution_arn:
                found.append(event)
        return found

    eventually(receive, len)
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
def test_a_wrong_execution_name_is_refused(emulator: Emulator, name: str, error: str) -> None:
    machine = emulator.create_state_machine(PASSING)
    with pytest.raises(ClientError) as raised:
        emulator.client("stepfunctions").start_execution(stateMachineArn=machine, name=name)

    assert code(raised) == error


def test_a_long_name_with_the_allowed_characters_is_taken(emulator: Emulator) -> None:
    machine = emulator.create_state_machine(PASSING)
    name = "A3EXAMPLE_report-1.2@x'()+=!" + "a" * 52

    started = emulator.client("stepfunctions").start_execution(stateMachineArn=machine, name=name)

    assert started["executionArn"].endswith(name)


def test_starting_a_running_execution_again_gives_it(emulator: Emulator) -> None:
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


def test_retries_match_the_handlers_exception_and_keep_to_the_maximum_delay(emulator: Emulator) -> None:
    function = emulator.function_arn(emulator.create_function(FAILING_FUNCTION))
    emulator.scale_waits(0.1)

    # Without a maximum: 1 + 10 + 60 + 60 s, a tenth of it here.
    execution = emulator.run_state_machine(emulator.create_state_machine(retrying(function, MaxDelaySeconds=2)))

    emulator.scale_waits(1)
    assert execution["status"] == "SUCCEEDED"
    assert json.loads(execution["output"])["error"]["Error"] == "TransientError"
    history = emulator.client("stepfunctions").get_execution_history(executionArn=execution["executionArn"])["events"]
    assert sum(event["type"] == "TaskFailed" for event in history) == 5
    assert 0.7 <= seconds(execution) < 4


@pytest.mark.parametrize("resource", ["own", "arn:aws:states:::lambda:invoke"])
def test_a_task_invokes_what_the_role_lets_it(emulator: Emulator, resource: str) -> None:
    granted, other = (emulator.function_arn(emulator.create_function("def handler(e, c): return 1")) for _ in range(2))
    role = emulator.create_role({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": granted})

    def run(function: str) -> dict[str, Any]:
        task: dict[str, Any] = {"Type": "Task", "Resource": function, "End": True}
        if resource != "own":
            task |= {"Resource": resource, "Parameters": {"FunctionName": function, "Payload.$": "$"}}
        # A branch of Parallel runs in a thread of its own, and with TimeoutSeconds so does its task.
        branch = {"StartAt": "Task", "States": {"Task": {**task, "TimeoutSeconds": 30}}}
        states = {"Parallel": {"Type": "Parallel", "Branches": [branch], "End": True}}
        return emulator.run_state_machine(
            emulator.create_state_machine({"StartAt": "Parallel", "States": states}, role)
        )

    assert run(granted)["status"] == "SUCCEEDED"
    refused = run(other)
    assert refused["status"] == "FAILED"
    assert refused["error"] == "Lambda.AWSLambdaException"
    assert "lambda:InvokeFunction" in refused["cause"]


def test_full_jitter_draws_shorter_delays(emulator: Emulator) -> None:
    function = emulator.function_arn(emulator.create_function(FAILING_FUNCTION))
    machine = emulator.create_state_machine(
        retrying(function, IntervalSeconds=60, MaxAttempts=8, BackoffRate=1, JitterStrategy="FULL")
    )
    emulator.scale_waits(0.01)

    # Without jitter: eight delays of 0.6 s.
    execution = emulator.run_state_machine(machine)

    emulator.scale_waits(1)
    assert seconds(execution) < 4.6


@pytest.mark.parametrize(("length", "status"), [(262_142, "SUCCEEDED"), (262_143, "FAILED")])
def test_a_result_over_256_kib_fails_whatever_is_caught(emulator: Emulator, length: int, status: str) -> None:
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
    event = events[0]
    assert event["source"] == "aws.states"
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert event["resources"] == [execution["executionArn"]]
    assert event["account"] == "111122223333"
    assert event["detail"]["error"] == "PermanentError"
    assert event["detail"]["stateMachineArn"] == machine
    assert event["detail"]["input"] == "{}"
    assert event["detail"]["stopDate"] > 1_600_000_000_000


def test_an_aborted_execution_stays_aborted(emulator: Emulator, status_events: tuple[str, str]) -> None:
    slow = "import time\ndef handler(event, context):\n    time.sleep(0.6)\n    raise ValueError('late')"
    function = emulator.function_arn(emulator.create_function(slow))
    machine = emulator.create_state_machine(
        {"StartAt": "Task", "States": {"Task": {"Type": "Task", "Resource": function, "End": True}}}
    )
    states = emulator.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    time.sleep(0.4)
    states.stop_execution(executionArn=arn, error="Operator", cause="enough")

    events = received(emulator, status_events[0], arn)

    assert [event["detail"]["status"] for event in events] == ["ABORTED"]
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_an_execution_times_out(emulator: Emulator, status_events: tuple[str, str]) -> None:
    states = emulator.client("stepfunctions")
    machine = emulator.create_state_machine({**WAITING, "TimeoutSeconds": 1})
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]

    events = received(emulator, status_events[0], arn)

    assert [event["detail"]["status"] for event in events] == ["TIMED_OUT"]
    assert states.describe_execution(executionArn=arn)["status"] == "TIMED_OUT"
