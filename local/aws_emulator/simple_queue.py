"""SQS."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from ministack.services import sqs

from aws_emulator.patching import UnexpectedSourceError

DEAD_LETTER_SOURCE = "DeadLetterQueueSourceArn"


def dead_letters_can_be_moved() -> None:
    """SQS moves the messages of a dead-letter queue back to their source, or to a queue named (StartMessageMoveTask,
    ListMessageMoveTasks); ministack knows neither action. A task here is done when the call returns."""
    if "StartMessageMoveTask" in sqs._HANDLERS:
        raise UnexpectedSourceError("ministack has StartMessageMoveTask")
    tasks: list[dict[str, Any]] = []

    def start(request: dict[str, Any], _queue_url: str) -> dict[str, Any]:
        source_arn = request["SourceArn"]
        source = _queue(source_arn)
        if not _is_dead_letter_queue(source_arn):
            raise sqs._Err("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.", 400)
        moved = _move_visible_messages(source, request.get("DestinationArn", ""))
        task = {
            "TaskHandle": str(uuid.uuid4()),
            "Status": "COMPLETED",
            "SourceArn": source_arn,
            "ApproximateNumberOfMessagesMoved": moved,
            "ApproximateNumberOfMessagesToMove": moved,
            "StartedTimestamp": int(time.time() * 1000),
        }
        if "DestinationArn" in request:
            task["DestinationArn"] = request["DestinationArn"]
        tasks.insert(0, task)
        return {"TaskHandle": task["TaskHandle"]}

    def list_tasks(request: dict[str, Any], _queue_url: str) -> dict[str, Any]:
        _queue(request["SourceArn"])
        found = [task for task in tasks if task["SourceArn"] == request["SourceArn"]]
        # A task's handle is given only while it runs.
        results = [{name: task[name] for name in task if name != "TaskHandle"} for task in found]
        return {"Results": results[: request.get("MaxResults", 1)]}

    sqs._HANDLERS["StartMessageMoveTask"] = start
    sqs._HANDLERS["ListMessageMoveTasks"] = list_tasks


def _queue(arn: str) -> Any:
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise sqs._Err(
            "ResourceNotFoundException", "The resource that you specified for the SourceArn doesn't exist.", 404
        )
    return queue


def _is_dead_letter_queue(arn: str) -> bool:
    policies = (json.loads(queue["attributes"].get("RedrivePolicy") or "{}") for queue in sqs._queues.values())
    return any(policy.get("deadLetterTargetArn") == arn for policy in policies)


def _move_visible_messages(source: Any, destination_arn: str) -> int:
    """Moves every message that nobody is reading, as new messages with the old text; gives their number."""
    now = time.time()
    visible = [message for message in source["messages"] if message["visible_at"] <= now]
    for message in visible:
        target = _queue(destination_arn or message["sys"][DEAD_LETTER_SOURCE])
        renewed = {
            "id": str(uuid.uuid4()),
            "receipt_handle": None,
            "sent_at": now,
            "visible_at": now,
            "receive_count": 0,
            "first_receive_at": None,
            "sys": {name: value for name, value in message["sys"].items() if name != DEAD_LETTER_SOURCE},
        }
        target["messages"].append({**message, **renewed})
    source["messages"] = [message for message in source["messages"] if message not in visible]
    sqs.esm_wake.set()
    return len(visible)
