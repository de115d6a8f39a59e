"""Sets going again what has stopped: `python -m operations.redrive queue STACK`, `... executions STACK`.

Both may be run again and again: what is under way or done is left alone.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from operations.command import ended
from operations.stack import Stack, find_stack

# Step Functions: a name has at most 80 characters.
_LONGEST_NAME = 80
# Filled by a rule and a function, and by schedules: SQS has nowhere to move their messages to. docs/operations.md says
# what answers them.
_WITHOUT_SOURCE_QUEUE = ("ReportFailuresDeadLetterQueueUrl", "SolicitationScheduleDeadLetterQueueUrl")


@dataclass(frozen=True)
class Told:
    """What became of one queue or execution; `well` is False when messages stayed where they were."""

    text: str
    well: bool = True


def redrive_queues(stack: Stack) -> Iterator[Told]:
    """Moves the messages of each dead-letter queue back to the queue they come from; tells of each."""
    sqs = stack.client("sqs")
    for output in sorted(stack.outputs):
        if not output.endswith("DeadLetterQueueUrl") or output in _WITHOUT_SOURCE_QUEUE:
            continue
        attributes = sqs.get_queue_attributes(
            QueueUrl=stack.outputs[output], AttributeNames=["QueueArn", "ApproximateNumberOfMessages"]
        )["Attributes"]
        waiting = int(attributes["ApproximateNumberOfMessages"])
        if waiting == 0:
            yield Told(f"{output}: empty")
            continue
        # Named, because SQS does not know it of messages that a function has sent there with a reason.
        destination = stack.outputs[output.replace("DeadLetterQueueUrl", "QueueArn")]
        sqs.start_message_move_task(SourceArn=attributes["QueueArn"], DestinationArn=destination)
        task = sqs.list_message_move_tasks(SourceArn=attributes["QueueArn"])["Results"][0]
        while task["Status"] == "RUNNING":
            time.sleep(1)
            task = sqs.list_message_move_tasks(SourceArn=attributes["QueueArn"])["Results"][0]
        moved = task.get("ApproximateNumberOfMessagesMoved", 0)
        reason = f": {task['FailureReason']}" if "FailureReason" in task else ""
        yield Told(
            f"{output}: {task['Status']}, {moved} of {waiting} messages moved back{reason}",
            task["Status"] == "COMPLETED",
        )


def redrive_executions(stack: Stack, statuses: tuple[str, ...]) -> Iterator[Told]:
    """Resumes each execution of the stack's state machines that ended so, at the state that failed; tells of each.

    Step Functions takes executions that ended in the last 14 days (AWS: RedriveExecution).
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
                yield Told(f"{execution['name']} ({status}): {_redrive(states, execution['executionArn'])}")


def _redrive(states: Any, execution_arn: str) -> str:
    try:
        states.redrive_execution(executionArn=execution_arn)
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "ExecutionNotRedrivable":
                return f"not redrivable: {error.response['Error']['Message']}"
            case "InvalidAction" | "UnknownOperationException":
                return _start_anew(states, execution_arn)
            case _:
                raise
    return "redriven"


def _start_anew(states: Any, execution_arn: str) -> str:
    """For an emulator that has no RedriveExecution: a new execution with the same input, named after the old one."""
    old = states.describe_execution(executionArn=execution_arn)
    digest = hashlib.sha256(old["name"].encode()).hexdigest()[:8]
    name = f"{old['name'][: _LONGEST_NAME - 10]}-r{digest}"
    try:
        states.start_execution(stateMachineArn=old["stateMachineArn"], name=name, input=old["input"])
    except states.exceptions.ExecutionAlreadyExists:
        return f"already started anew as {name}"
    return f"started anew as {name}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="operations.redrive", description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("queue", "executions"))
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="its region, if it is not your usual one")
    parser.add_argument("--aborted", action="store_true", help="also the executions that somebody stopped")
    options = parser.parse_args()

    def run(session: boto3.Session) -> int:
        stack = find_stack(options.stack, session)
        if options.what == "queue":
            done = redrive_queues(stack)
        else:
            done = redrive_executions(stack, ("FAILED", "TIMED_OUT", *(["ABORTED"] if options.aborted else [])))
        all_told = []
        for told in done:
            print(told.text, flush=True)
            all_told.append(told)
        if not all_told:
            print("Nothing to redrive.")
        return 0 if all(told.well for told in all_told) else 1

    return ended(run, options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
