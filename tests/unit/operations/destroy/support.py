"""A stack to delete, and AWS clients with scripted responses."""

from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.stub import Stubber

from operations.destroy.target import Target
from operations.stack import Resource, Stack

STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/quick-start/1"
ENDPOINTS = ("NotificationsSubscriberUrl", "ReportSchedulesUrl")
FUNCTIONS = ("SPAPINotificationsSubscriber", "SPAPIReportSchedules")


def stubbed(service: str) -> tuple[Any, Stubber]:
    make: Callable[..., Any] = boto3.client
    client = make(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    return client, Stubber(client)


def resource(path: str, kind: str, physical_id: str, status: str = "CREATE_COMPLETE") -> Resource:
    return Resource(path, kind, physical_id, status)


def target(
    *found: Resource,
    clients: Mapping[str, Any] | None = None,
    outputs: tuple[str, ...] = (),
    stack_id: str = STACK_ID,
    status: str = "CREATE_COMPLETE",
    protected: bool = False,
) -> Target:
    session = boto3.Session("test", "test", region_name="us-east-1")
    stack = Stack(
        "quick-start", dict.fromkeys(outputs, "https://x"), {}, lambda name: (clients or {})[name], str, session
    )
    return Target(stack, stack_id, status, protected, found)
