"""Sends a message as SP-API would, to a queue of the local stack: `make notify < message.json`.

An ORDER_CHANGE goes to OrdersQueue, any other notification to NotificationsQueue.
"""

import json
import sys
from typing import Any

import boto3

from environment import RUN_DIRECTORY, STACK_NAME
from operations.doctor import SELLING_PARTNER_API_ACCOUNT
from servers import Servers, are_running, load_servers

QUEUES = {"ORDER_CHANGE": "OrdersQueueUrl"}
OTHER_QUEUE = "NotificationsQueueUrl"


class NotSentError(Exception):
    """The message was not sent. The message of the error says why."""


def send(servers: Servers, stack_name: str, text: str) -> str:
    """Returns a sentence that says to which queue the message was sent. Raises NotSentError."""
    try:
        message = json.loads(text)
    except ValueError as error:
        raise NotSentError(f"the message is not valid JSON: {error}") from None
    if not isinstance(message, dict):
        raise NotSentError("the message must be a JSON object")
    kind = message.get("NotificationType") or message.get("notificationType")
    if not isinstance(kind, str):
        raise NotSentError("the message has no NotificationType")
    cloudformation = _client(servers, "cloudformation", servers.account)
    stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    output = QUEUES.get(kind, OTHER_QUEUE)
    sqs = _client(servers, "sqs", SELLING_PARTNER_API_ACCOUNT)
    sqs.send_message(QueueUrl=outputs[output], MessageBody=text)
    return f"Sent {kind} to {output.removesuffix('Url')}. What becomes of it: make logs SINCE=1m"


def _client(servers: Servers, service: str, account: str) -> Any:
    """The emulator takes an account's id as the access key of its root user."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=servers.aws_endpoint,
        region_name=servers.region,
        aws_access_key_id=account,
        aws_secret_access_key="test",  # noqa: S106 any value works
    )


def main() -> int:
    servers = load_servers(RUN_DIRECTORY)
    if servers is None or not are_running(servers):
        print("No local stack is running. Start one with `make up`", file=sys.stderr)
        return 2
    try:
        print(send(servers, STACK_NAME, sys.stdin.read()))
    except NotSentError as error:
        print(f"Nothing was sent: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
