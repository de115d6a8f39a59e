"""Redrives messages in dead-letter queues, and failed executions.

`python -m operations.redrive queue STACK`, `python -m operations.redrive executions STACK`.

Both are safe to repeat: they do not touch what is in progress or done.
"""

import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from operations.command import MakeParser, run_command
from operations.stack import Stack, find_stack

# Step Functions allows 80 characters in the name of an execution.
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Outcome:
    """The result for one queue or execution. `succeeded` is False if not all messages were moved."""

    text: str
    succeeded: bool = True


def redrive_queues(stack: Stack) -> Iterator[Outcome]:
    """Moves the messages of each dead-letter queue back to the queue that they came from.

    Dead-letter queues of EventBridge rules, functions and schedules have no such queue: docs/operations.md says what to
    do with their messages.
    """
    for output in sorted(stack.outputs):
        if output.endswith("DeadLetterQueueUrl") and source_of(stack, output) is not None:
            yield _redrive_queue(stack, output)


def source_of(stack: Stack, output: str) -> str | None:
    """The ARN of the queue to which the messages of this output's dead-letter queue go back; None if there is none.

    Explicit, because SQS does not know the source of messages that a function sent to the queue.
    """
    return stack.outputs.get(output.replace("DeadLetterQueueUrl", "QueueArn"))


def start_moving(stack: Stack, output: str) -> tuple[str, int]:
    """Begins to move all messages of the output's dead-letter queue back; returns its ARN and about how many there are.

    SQS moves them on its own. Does nothing if there are none. The queue must have a source.
    """
    sqs = stack.client("sqs")
    names = ["QueueArn", "ApproximateNumberOfMessages"]
    attributes = sqs.get_queue_attributes(QueueUrl=stack.outputs[output], AttributeNames=names)["Attributes"]
    arn, waiting = attributes["QueueArn"], int(attributes["ApproximateNumberOfMessages"])
    if waiting:
        sqs.start_message_move_task(SourceArn=arn, DestinationArn=source_of(stack, output))
    return arn, waiting


def _redrive_queue(stack: Stack, output: str) -> Outcome:
    sqs, name = stack.client("sqs"), output.removesuffix("Url")
    arn, waiting = start_moving(stack, output)
    if waiting == 0:
        return Outcome(f"{name}: empty")
    task = sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]
    while task["Status"] == "RUNNING":
        time.sleep(1)
        task = sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]
    moved = task.get("ApproximateNumberOfMessagesMoved", 0)
    reason = f": {task['FailureReason']}" if "FailureReason" in task else ""
    return Outcome(
        f"{name}: {task['Status']}, {moved} of {waiting} messages moved back{reason}", task["Status"] == "COMPLETED"
    )


def redrive_executions(stack: Stack, statuses: tuple[str, ...]) -> Iterator[Outcome]:
    """Redrives each execution of the stack's state machines with one of these statuses, from the state that failed.

    Step Functions accepts executions that ended in the last 14 days (API reference: RedriveExecution).
    """
    states = stack.client("stepfunctions")
    for output in sorted(stack.outputs):
        if not output.endswith("StateMachineArn"):
            continue
        for status in statuses:
            pages = states.get_paginator("list_executions").paginate(
                stateMachineArn=stack.outputs[output], statusFilter=status
            )
            for execution in [execution for page in pages for execution in page["executions"]]:
                yield Outcome(f"{execution['name']} ({status}): {redrive_execution(states, execution['executionArn'])}")


def redrive_execution(states: Any, execution_arn: str) -> str:
    """What became of it. Raises what AWS raises."""
    try:
        states.redrive_execution(executionArn=execution_arn)
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "ExecutionNotRedrivable":
                return f"cannot be redriven: {error.response['Error']['Message']}"
            case "InvalidAction" | "UnknownOperationException":
                return _start_again(states, execution_arn)
            case _:
                raise
    return "redriven"


def _start_again(states: Any, execution_arn: str) -> str:
    """Starts a new execution with the same input, for an emulator without RedriveExecution."""
    old = states.describe_execution(executionArn=execution_arn)
    name = restarted_name(old["name"])
    try:
        states.start_execution(stateMachineArn=old["stateMachineArn"], name=name, input=old["input"])
    except states.exceptions.ExecutionAlreadyExists:
        return f"already restarted as {name}"
    return f"restarted as {name}"


def restarted_name(name: str) -> str:
    """The name of the execution that is started in place of the one with this name."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 10]}-r{digest}"


def main() -> int:
    parser = MakeParser("make redrive-queue|redrive-executions [STACK=<name>] [REGION=] [ARGS=--aborted]", __doc__)
    parser.add_argument("what", choices=("queue", "executions"))
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="the stack's region (default: the region of your AWS configuration)")
    parser.add_argument("--aborted", action="store_true", help="also redrive executions that were stopped")
    options = parser.parse_args()

    def run(session: boto3.Session) -> int:
        stack = find_stack(options.stack, session)
        if options.what == "queue":
            done = redrive_queues(stack)
        else:
            done = redrive_executions(stack, ("FAILED", "TIMED_OUT", *(["ABORTED"] if options.aborted else [])))
        outcomes = []
        for outcome in done:
            print(outcome.text, flush=True)
            outcomes.append(outcome)
        if not outcomes:
            print("There is nothing to redrive.")
        return 0 if all(outcome.succeeded for outcome in outcomes) else 1

    return run_command(run, options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
