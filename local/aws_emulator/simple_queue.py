"""SQS."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from ministack.core import iam_actions
from ministack.services import sqs

from aws_emulator.patching import UnexpectedSourceError, wrap

LARGEST_MESSAGE_BYTES = 1024 * 1024
DEAD_LETTER_SOURCE = "DeadLetterQueueSourceArn"


def attributes_count_towards_the_size() -> None:
    """A message has at most 1 MiB with the names, types and values of its attributes; ministack counts the body."""

    @wrap(sqs._HANDLERS, "SendMessage", "3abd766508c8")
    def send(original: Any, request: dict[str, Any], queue_url: str) -> Any:
        texts = [request.get("MessageBody", "")]
        for name, value in request.get("MessageAttributes", {}).items():
            texts += [name, value["DataType"], value.get("StringValue", value.get("BinaryValue", ""))]
        if sum(len(text.encode()) for text in texts) > LARGEST_MESSAGE_BYTES:
            message = f"Reason: Message must be shorter than {LARGEST_MESSAGE_BYTES} bytes."
            raise sqs._Err("InvalidParameterValue", f"One or more parameters are invalid. {message}")
        return original(request, queue_url)


def dead_letters_can_be_moved() -> None:
    """SQS moves the messages of a dead-letter queue to their source or another queue (StartMessageMoveTask,
    ListMessageMoveTasks); ministack has neither action. Here a task is complete when the call returns."""
    if "StartMessageMoveTask" in sqs._HANDLERS:
        raise UnexpectedSourceError("ministack has StartMessageMoveTask now")
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
        # SQS returns the handle of running tasks only.
        results = [{name: task[name] for name in task if name != "TaskHandle"} for task in found]
        return {"Results": results[: request.get("MaxResults", 1)]}

    sqs._HANDLERS["StartMessageMoveTask"] = start
    sqs._HANDLERS["ListMessageMoveTasks"] = list_tasks


def policies_see_the_queue_of_a_move() -> None:
    """On AWS, policies match the queue in SourceArn (StartMessageMoveTask, ListMessageMoveTasks); for ministack, these
    requests have no resource."""

    @wrap(iam_actions, "extract_resource_arn", "82f51700695c")
    def extract(
        original: Any,
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        *scope: Any,
    ) -> Any:
        arn = original(service, method, path, headers, body, query, *scope)
        if service != "sqs" or arn != "*":
            return arn
        return iam_actions._param(body, query, "SourceArn") or arn


def batches_need_the_permission_for_one_message() -> None:
    """On AWS, sqs:SendMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility also allow the same for a batch (SQS
    developer guide, "Actions"); ministack asks for sqs:SendMessageBatch and so on, which do not exist."""

    @wrap(iam_actions, "extract_iam_action", "ec476b92d969")
    def extract(original: Any, service: str, *request: Any) -> Any:
        action = original(service, *request)
        return action.removesuffix("Batch") if service == "sqs" and action else action


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
    """Moves all visible messages, as new messages with the same body. Returns their number."""
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
