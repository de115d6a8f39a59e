"""What a scenario is, and the events with which AWS invokes a function."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from tests.faults.world import Invocation, World

MARKETPLACE = "ATVPDKIKX0DER"


class Kind(StrEnum):
    """Who invokes the function, and so what a failure becomes."""

    API = "API"
    PAGE = "page"
    QUEUE = "queue"
    STREAM = "stream"
    STEP = "workflow"
    EVENT = "event"


def _never(_: Invocation) -> bool:
    return False


def _nothing(_: World) -> str:
    return ""


@dataclass(frozen=True)
class Scenario:
    """One event for one function. `prepare` brings about what must be there before, and returns the event.

    `state` is the state of the workflow. `ends` has the statuses with which a repeated request may end besides 200.
    `repeatable` is False for what a browser cannot send twice: it starts again from the beginning. `leaves_unused` is
    True where each request begins something new, and what nobody uses expires. `completes` is True where a request may
    succeed although a write after the deed failed, which a repeat then completes.

    `unfinished` is whether a step's result makes the state machine call it again. `recorded` returns the failure of
    SP-API that the function has recorded as its result, empty when there is none. `spare` are tables whose items only
    save later requests a call, so that they may be missing after SP-API has failed. `later` is what happens in
    production afterwards in any case, such as the next day's event; it makes up for a recorded failure.
    """

    name: str
    function: str
    kind: Kind
    prepare: Callable[[World], Any]
    state: str = ""
    ends: tuple[int, ...] = ()
    repeatable: bool = True
    leaves_unused: bool = False
    completes: bool = False
    unfinished: Callable[[Invocation], bool] = _never
    recorded: Callable[[World], str] = _nothing
    spare: tuple[str, ...] = ()
    later: Callable[[World], None] | None = None


def request(
    method: str,
    resource: str,
    body: Mapping[str, object] | None = None,
    query: Mapping[str, str] | None = None,
    path: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """API Gateway's event."""
    return {
        "httpMethod": method,
        "resource": resource,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
        "pathParameters": path,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()},
        "headers": {},
        "multiValueHeaders": {},
        "requestContext": {"requestId": "request-1", "domainName": "stack.example", "path": f"/prod{resource}"},
    }


def seller_fields(world: World, **more: object) -> dict[str, Any]:
    """The fields of a request that name the seller."""
    return {"SellerId": world.seller_id, "RegionCode": "NA", **more}


def message(world: World, queue: str, body: Mapping[str, object] | str) -> dict[str, Any]:
    """A batch of one message, as Lambda receives it."""
    text = body if isinstance(body, str) else json.dumps(body)
    sent = world.client("sqs").send_message(QueueUrl=world.resources[f"{queue}_QUEUE_URL"], MessageBody=text)
    while True:
        for record in received(world, queue):
            if record["messageId"] == sent["MessageId"]:
                return {"Records": [record]}
            delete(world, queue, record)


def received(world: World, queue: str, wait_seconds: int = 0) -> list[dict[str, Any]]:
    """The next messages of the queue, as Lambda's event has them."""
    found = world.client("sqs").receive_message(
        QueueUrl=world.resources[f"{queue}_QUEUE_URL"], MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
    )
    return [
        {
            "messageId": one["MessageId"],
            "receiptHandle": one["ReceiptHandle"],
            "body": one["Body"],
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": str(int(datetime.now(UTC).timestamp() * 1000)),
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": world.resources[f"{queue}_QUEUE_ARN"],
        }
        for one in found.get("Messages", [])
    ]


def delete(world: World, queue: str, record: Mapping[str, Any]) -> None:
    """Deletes a received message."""
    url = world.resources[f"{queue}_QUEUE_URL"]
    world.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])


def notification(notification_type: str, payload: Mapping[str, object]) -> dict[str, object]:
    """SP-API's message."""
    return {
        "notificationVersion": "1.0",
        "notificationType": notification_type,
        "payloadVersion": "1.0",
        "eventTime": datetime.now(UTC).isoformat(),
        "payload": payload,
        "notificationMetadata": {
            "applicationId": "amzn1.sp.solution.simulator",
            "subscriptionId": "subscription-1",
            "publishTime": datetime.now(UTC).isoformat(),
            "notificationId": "notification-1",
        },
    }
