"""The redrive commands against AWS's own answers, which the local emulator cannot give."""

from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from operations import redrive
from operations.redrive import Told, redrive_executions, redrive_queues
from operations.stack import Stack

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:ReportProcessor"
EXECUTION = MACHINE.replace("stateMachine", "execution") + ":A1-7-DONE"
QUEUE = "https://sqs.us-east-1.amazonaws.com/111122223333/dead"
QUEUE_ARN = "arn:aws:sqs:us-east-1:111122223333:dead"
SOURCE_ARN = "arn:aws:sqs:us-east-1:111122223333:source"


def stubbed(service: str) -> tuple[Any, Stubber]:
    make: Callable[..., Any] = boto3.client
    client = make(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    return client, Stubber(client)


def stack(client: Any, outputs: Mapping[str, str]) -> Stack:
    return Stack("quick-start", outputs, {}, lambda _: client, lambda url: url, boto3.Session())


@pytest.mark.parametrize(
    ("code", "told"),
    [("", "redriven"), ("ExecutionNotRedrivable", "not redrivable: it ended 15 days ago")],
)
def test_failed_executions_are_redriven_where_they_failed(code: str, told: str) -> None:
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
    assert lines == [Told(f"A1-7-DONE (FAILED): {told}")]


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (False, "COMPLETED, 3 of 3 messages moved back"),
        (True, "FAILED, 1 of 3 messages moved back: AccessDenied"),
    ],
)
def test_dead_letters_are_moved_to_the_end(monkeypatch: pytest.MonkeyPatch, fails: bool, told: str) -> None:
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
    monkeypatch.setattr(redrive.time, "sleep", lambda _: None)
    outputs = {
        "NotificationsDeadLetterQueueUrl": QUEUE,
        "NotificationsQueueArn": SOURCE_ARN,
        "ReportFailuresDeadLetterQueueUrl": "not looked at",
    }
    with stub:
        lines = list(redrive_queues(stack(client, outputs)))
    assert lines == [Told(f"NotificationsDeadLetterQueueUrl: {told}", well=not fails)]
    stub.assert_no_pending_responses()
