"""The redrive commands, with responses of AWS that the local emulator cannot produce."""

import hashlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from operations import redrive
from operations.redrive import Outcome, redrive_executions, redrive_queues
from operations.stack import Stack
from reference.endpoints import CHECKOUT
from tests.yaml_reading import yaml_parse

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:ReportProcessor"
EXECUTION = MACHINE.replace("stateMachine", "execution") + ":A1-7-DONE"
QUEUE = "https://sqs.us-east-1.amazonaws.com/111122223333/dead"
QUEUE_ARN = "arn:aws:sqs:us-east-1:111122223333:dead"
SOURCE_ARN = "arn:aws:sqs:us-east-1:111122223333:source"


def dead_letter_queues_without_source() -> set[str]:
    outputs = yaml_parse((CHECKOUT / "templates/quickstart.yaml").read_text())["Outputs"]
    dead = {name for name in outputs if name.endswith("DeadLetterQueueUrl")}
    return {name for name in dead if name.replace("DeadLetterQueueUrl", "QueueArn") not in outputs}


def test_some_dead_letter_queues_have_no_source_queue() -> None:
    assert "SecretRotationFailuresDeadLetterQueueUrl" in dead_letter_queues_without_source()


def stubbed(service: str) -> tuple[Any, Stubber]:
    make: Callable[..., Any] = boto3.client
    client = make(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    return client, Stubber(client)


def stack(client: Any, outputs: Mapping[str, str]) -> Stack:
    return Stack("quick-start", outputs, {}, lambda _: client, lambda url: url, boto3.Session())


@pytest.mark.parametrize(
    ("code", "result"),
    [("", "redriven"), ("ExecutionNotRedrivable", "cannot be redriven: it ended 15 days ago")],
)
def test_failed_executions_are_redriven_where_they_failed(code: str, result: str) -> None:
    client, stub = stubbed("stepfunctions")
    execution = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "name": "A1-7-DONE"}
    listed = {"executions": [execution | {"status": "FAILED", "startDate": 0}]}
    stub.add_response("list_executions", listed, {"stateMachineArn": MACHINE, "statusFilter": "FAILED"})
    if code:
        stub.add_client_error("redrive_execution", code, "it ended 15 days ago")
    else:
        stub.add_response("redrive_execution", {"redriveDate": 0}, {"executionArn": EXECUTION})
    stub.add_response("list_executions", {"executions": []}, {"stateMachineArn": MACHINE, "statusFilter": "TIMED_OUT"})
    with stub:
        outputs = {"ReportProcessorStateMachineArn": MACHINE, "Other": "x"}
        lines = list(redrive_executions(stack(client, outputs), ("FAILED", "TIMED_OUT")))
    assert lines == [Outcome(f"A1-7-DONE (FAILED): {result}")]


@pytest.mark.parametrize(
    ("fails", "result"),
    [
        (False, "COMPLETED, 3 of 3 messages moved back"),
        (True, "FAILED, 1 of 3 messages moved back: AccessDenied"),
    ],
)
def test_dead_letters_are_moved_until_the_task_ends(monkeypatch: pytest.MonkeyPatch, fails: bool, result: str) -> None:
    client, stub = stubbed("sqs")
    attributes = {"Attributes": {"QueueArn": QUEUE_ARN, "ApproximateNumberOfMessages": "3"}}
    stub.add_response("get_queue_attributes", attributes)
    stub.add_response(
        "start_message_move_task", {"TaskHandle": "1"}, {"SourceArn": QUEUE_ARN, "DestinationArn": SOURCE_ARN}
    )
    ends = (
        {"Status": "FAILED", "ApproximateNumberOfMessagesMoved": 1, "FailureReason": "AccessDenied"}
        if fails
        else {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 3}
    )
    for task in ({"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 1}, ends):
        stub.add_response("list_message_move_tasks", {"Results": [task]}, {"SourceArn": QUEUE_ARN})
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    outputs = {
        "NotificationsDeadLetterQueueUrl": QUEUE,
        "NotificationsQueueArn": SOURCE_ARN,
        # An output of the template for each dead-letter queue without a queue to move its messages back to.
        **dict.fromkeys(sorted(dead_letter_queues_without_source()), "not used"),
    }
    with stub:
        lines = list(redrive_queues(stack(client, outputs)))
    assert lines == [Outcome(f"NotificationsDeadLetterQueue: {result}", succeeded=not fails)]
    assert slept == [1]
    stub.assert_no_pending_responses()


def test_an_empty_queue_and_one_of_which_nothing_is_known_yet() -> None:
    client, stub = stubbed("sqs")
    names = {"QueueUrl": QUEUE, "AttributeNames": ["QueueArn", "ApproximateNumberOfMessages"]}
    for number in ("0", "1"):
        attributes = {"Attributes": {"QueueArn": QUEUE_ARN, "ApproximateNumberOfMessages": number}}
        stub.add_response("get_queue_attributes", attributes, names)
    stub.add_response("start_message_move_task", {"TaskHandle": "1"})
    older = {"Status": "FAILED", "FailureReason": "an earlier task", "ApproximateNumberOfMessagesMoved": 9}
    stub.add_response("list_message_move_tasks", {"Results": [{"Status": "COMPLETED"}, older]})
    found = stack(client, {"NotificationsDeadLetterQueueUrl": QUEUE, "NotificationsQueueArn": SOURCE_ARN})
    with stub:
        assert list(redrive_queues(found)) == [Outcome("NotificationsDeadLetterQueue: empty")]
        assert list(redrive_queues(found)) == [
            Outcome("NotificationsDeadLetterQueue: COMPLETED, 0 of 1 messages moved back")
        ]
    stub.assert_no_pending_responses()


def test_an_execution_that_may_not_be_redriven_is_not_called_redriven() -> None:
    client, stub = stubbed("stepfunctions")
    execution = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "name": "A1-7-DONE"}
    listed = {"executions": [execution | {"status": "FAILED", "startDate": 0}]}
    stub.add_response("list_executions", listed, {"stateMachineArn": MACHINE, "statusFilter": "FAILED"})
    stub.add_client_error("redrive_execution", "AccessDeniedException", "not authorized")
    results: list[Outcome] = []
    with stub, pytest.raises(ClientError, match="AccessDeniedException"):
        results.extend(redrive_executions(stack(client, {"ReportProcessorStateMachineArn": MACHINE}), ("FAILED",)))
    assert results == []


@pytest.mark.parametrize("exists", [False, True])
def test_where_there_is_no_redrive_an_execution_is_started_again(*, exists: bool) -> None:
    client, stub = stubbed("stepfunctions")
    execution = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "name": "A1-7-DONE"}
    listed = {"executions": [execution | {"status": "FAILED", "startDate": 0}]}
    stub.add_response("list_executions", listed, {"stateMachineArn": MACHINE, "statusFilter": "FAILED"})
    stub.add_client_error("redrive_execution", "InvalidAction" if exists else "UnknownOperationException")
    described = {**execution, "status": "FAILED", "startDate": 0, "input": '{"ReportId": "7"}'}
    stub.add_response("describe_execution", described, {"executionArn": EXECUTION})
    name = "A1-7-DONE-r" + hashlib.sha256(b"A1-7-DONE").hexdigest()[:8]
    if exists:
        stub.add_client_error("start_execution", "ExecutionAlreadyExists")
    else:
        given = {"stateMachineArn": MACHINE, "name": name, "input": '{"ReportId": "7"}'}
        stub.add_response("start_execution", {"executionArn": EXECUTION, "startDate": 0}, given)
    with stub:
        lines = list(redrive_executions(stack(client, {"ReportProcessorStateMachineArn": MACHINE}), ("FAILED",)))
    verb = "already restarted" if exists else "restarted"
    assert lines == [Outcome(f"A1-7-DONE (FAILED): {verb} as {name}")]


@pytest.mark.parametrize(
    ("arguments", "outcomes", "code", "printed"),
    [
        (
            ["queue", "quick-start"],
            [Outcome("a: COMPLETED"), Outcome("b: COMPLETED")],
            0,
            "a: COMPLETED\nb: COMPLETED\n",
        ),
        (["queue", "quick-start"], [Outcome("a: FAILED", succeeded=False), Outcome("b")], 1, "a: FAILED\nb\n"),
        (["queue", "quick-start"], [], 0, "There is nothing to redrive.\n"),
        (["executions", "quick-start"], [], 0, "There is nothing to redrive.\n"),
        (["executions", "quick-start", "--aborted"], [Outcome("x: redriven")], 0, "x: redriven\n"),
    ],
)
def test_the_exit_code_says_whether_all_was_redriven(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    outcomes: list[Outcome],
    code: int,
    printed: str,
) -> None:
    asked: list[object] = []

    def executions(_: Stack, statuses: tuple[str, ...]) -> list[Outcome]:
        asked.append(statuses)
        return outcomes

    monkeypatch.setattr(sys, "argv", ["redrive", *arguments])
    monkeypatch.setattr(redrive, "run_command", lambda run, *_: run(boto3.Session(region_name="eu-west-1")))
    monkeypatch.setattr(redrive, "find_stack", lambda *_: stack(None, {}))
    monkeypatch.setattr(redrive, "redrive_queues", lambda _: outcomes)
    monkeypatch.setattr(redrive, "redrive_executions", executions)
    assert redrive.main() == code
    assert capsys.readouterr().out == printed
    statuses = ("FAILED", "TIMED_OUT", *(["ABORTED"] if "--aborted" in arguments else []))
    assert asked == ([statuses] if arguments[0] == "executions" else [])


@pytest.mark.parametrize("length", [69, 70, 71, 80])
def test_the_name_of_an_execution_that_is_started_again_is_not_too_long(length: int) -> None:
    name = redrive.restarted_name("x" * length)
    assert len(name) == min(length + 10, 80)
    assert name.startswith("x" * min(length, 70) + "-r")
