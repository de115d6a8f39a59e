"""Lists everything in the emulator's account and at the simulator by name, to compare before and after."""

from collections.abc import Iterable
from typing import Any

import requests

from deployment import aws
from servers import Servers
from simulator import CLIENT_ID, CLIENT_SECRET
from tests.waiting import SECONDS


def account(servers: Servers) -> dict[str, set[str]]:
    """Names by kind. Resources whose deletion is scheduled count as deleted."""
    found: dict[str, set[str]] = {}

    def add(kind: str, service: str, operation: str, items: str, name: str, **given: Any) -> None:
        client = aws(servers, service)
        listed: Iterable[Any] = (
            item
            for page in (
                client.get_paginator(operation).paginate(**given)
                if client.can_paginate(operation)
                else [getattr(client, operation)(**given)]
            )
            for item in page.get(items, [])
        )
        found[kind] = found.get(kind, set()) | {str(item[name] if name else item) for item in listed}

    add("alarms", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName")
    add("APIs", "apigateway", "get_rest_apis", "items", "id")
    add("buckets", "s3", "list_buckets", "Buckets", "Name")
    add("buses", "events", "list_event_buses", "EventBuses", "Name")
    for bus in found["buses"]:
        add("rules", "events", "list_rules", "Rules", "Arn", EventBusName=bus)
    add("event sources", "lambda", "list_event_source_mappings", "EventSourceMappings", "UUID")
    add("functions", "lambda", "list_functions", "Functions", "FunctionName")
    add("groups of schedules", "scheduler", "list_schedule_groups", "ScheduleGroups", "Name")
    add("layers", "lambda", "list_layers", "Layers", "LayerName")
    add("logs", "logs", "describe_log_groups", "logGroups", "logGroupName")
    add("machines", "stepfunctions", "list_state_machines", "stateMachines", "stateMachineArn")
    add("policies", "iam", "list_policies", "Policies", "Arn", Scope="Local")
    add("queues", "sqs", "list_queues", "QueueUrls", "")
    add("roles", "iam", "list_roles", "Roles", "RoleName")
    add("schedules", "scheduler", "list_schedules", "Schedules", "Arn")
    add("secrets", "secretsmanager", "list_secrets", "SecretList", "Name")
    add("stacks", "cloudformation", "describe_stacks", "Stacks", "StackName")
    add("subscriptions", "sns", "list_subscriptions", "Subscriptions", "SubscriptionArn")
    add("tables", "dynamodb", "list_tables", "TableNames", "")
    add("topics", "sns", "list_topics", "Topics", "TopicArn")
    add("users", "iam", "list_users", "Users", "UserName")
    kms = aws(servers, "kms")
    found["keys"] = {
        key["KeyId"]
        for key in kms.list_keys()["Keys"]
        if kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion"
    }
    return {kind: names for kind, names in found.items() if names}


def difference(before: dict[str, set[str]], after: dict[str, set[str]]) -> dict[str, set[str]]:
    """What was added between `before` and `after`."""
    new = {kind: names - before.get(kind, set()) for kind, names in after.items()}
    return {kind: names for kind, names in new.items() if names}


def application_token(servers: Servers) -> str:
    """The application's access token, to call the simulator directly."""
    form = {
        "grant_type": "client_credentials",
        "scope": "sellingpartnerapi::notifications",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    answer = requests.post(f"{servers.simulator_endpoint}/auth/o2/token", data=form, timeout=SECONDS)
    return str(answer.json()["access_token"])


def destinations(servers: Servers) -> list[str]:
    """The ARNs of the queues of SP-API's destinations in North America."""
    answer = requests.get(
        f"{servers.simulator_endpoint}/na/notifications/v1/destinations",
        headers={"x-amz-access-token": application_token(servers)},
        timeout=SECONDS,
    )
    return [each["resource"]["sqs"]["arn"] for each in answer.json()["payload"]]
