"""Every place of a deployed stack where a secret could be left, as text."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from deployment import aws
from servers import Servers
from simulator import control
from smtp_mailbox import read_messages
from tests.secret_forms import Secret


@dataclass(frozen=True)
class Place:
    """`kind` is one of KINDS; `name` says which one."""

    kind: str
    name: str
    text: str


@dataclass(frozen=True)
class Found:
    """A secret in a place."""

    place: str
    name: str
    secret: str
    form: str


KINDS = (
    "log",
    "execution",
    "table",
    "function",
    "queue",
    "stack",
    "state machine",
    "rule",
    "alarm",
    "schedule",
    "mail",
)


def search(places: Iterable[Place], secrets: Iterable[Secret]) -> set[Found]:
    """Each secret in each place, in any form."""
    known = tuple(dict.fromkeys(secrets))
    return {
        Found(place.kind, place.name, secret.kind, form)
        for place in places
        for secret in known
        if (form := secret.form_in(place.text))
    }


def issued(servers: Servers) -> list[Secret]:
    """Every token, code and client secret that the simulator has given out."""
    found = control(servers.simulator_endpoint, "GET", "secrets")["secrets"]
    return [Secret(each["kind"], each["value"]) for each in found]


def places(servers: Servers) -> Iterator[Place]:
    """All places of all stacks of the account. The bucket is left out: reports are what it is for."""
    yield from _logs(servers)
    yield from _executions(servers)
    yield from _tables(servers)
    yield from _queues(servers)
    yield from _stacks(servers)
    listings = (
        ("function", "lambda", "list_functions", "Functions", "FunctionName"),
        ("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        ("schedule", "scheduler", "list_schedules", "Schedules", "Name"),
    )
    for kind, service, operation, items, name in listings:
        for item in _listed(servers, service, operation, items):
            described = (
                aws(servers, service).get_schedule(Name=item["Name"], GroupName=item["GroupName"])
                if kind == "schedule"
                else item
            )
            yield Place(kind, item[name], _text(described))
    for bus in _listed(servers, "events", "list_event_buses", "EventBuses"):
        for rule in _listed(servers, "events", "list_rules", "Rules", EventBusName=bus["Name"]):
            of_it = {"Rule": rule["Name"], "EventBusName": bus["Name"]}
            targets = list(_listed(servers, "events", "list_targets_by_rule", "Targets", **of_it))
            yield Place("rule", rule["Name"], _text([rule, targets]))
    for mail in read_messages(servers.mail_directory):
        yield Place("mail", mail.subject, f"{mail.subject}\n{mail.body}")


def _logs(servers: Servers) -> Iterator[Place]:
    logs = aws(servers, "logs")
    for group in _listed(servers, "logs", "describe_log_groups", "logGroups"):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        lines = [event["message"] for page in pages for event in page["events"]]
        yield Place("log", group["logGroupName"], "\n".join([_text(group), *lines]))


def _executions(servers: Servers) -> Iterator[Place]:
    states = aws(servers, "stepfunctions")
    for machine in _listed(servers, "stepfunctions", "list_state_machines", "stateMachines"):
        arn = machine["stateMachineArn"]
        yield Place("state machine", arn, _text(states.describe_state_machine(stateMachineArn=arn)))
        for execution in _listed(servers, "stepfunctions", "list_executions", "executions", stateMachineArn=arn):
            of_it = {"executionArn": execution["executionArn"]}
            history = list(states.get_paginator("get_execution_history").paginate(**of_it))
            yield Place("execution", execution["name"], _text([states.describe_execution(**of_it), history]))


def _tables(servers: Servers) -> Iterator[Place]:
    for table in _listed(servers, "dynamodb", "list_tables", "TableNames"):
        for item in _listed(servers, "dynamodb", "scan", "Items", TableName=table):
            yield Place("table", table, _text(item))


def _queues(servers: Servers) -> Iterator[Place]:
    """Reads at most ten messages of a queue at a time, and makes them visible again afterwards."""
    sqs = aws(servers, "sqs")
    for url in _listed(servers, "sqs", "list_queues", "QueueUrls"):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        yield Place("queue", url, _text(attributes))
        received = []
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 60}
        while messages := sqs.receive_message(
            **asked, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        ).get("Messages", []):
            received += messages
        for message in received:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
            yield Place("queue", url, _text([message["Body"], message.get("MessageAttributes", {})]))


def _stacks(servers: Servers) -> Iterator[Place]:
    cloudformation = aws(servers, "cloudformation")
    for stack in _listed(servers, "cloudformation", "describe_stacks", "Stacks"):
        of_it = {"StackName": stack["StackId"]}
        events = list(_listed(servers, "cloudformation", "describe_stack_events", "StackEvents", **of_it))
        template = cloudformation.get_template(**of_it)["TemplateBody"]
        yield Place("stack", stack["StackName"], _text([stack, events, template]))


def _listed(servers: Servers, service: str, operation: str, items: str, **given: Any) -> Iterator[Any]:
    client = aws(servers, service)
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**given):
            yield from page.get(items, [])
    else:
        yield from getattr(client, operation)(**given).get(items, [])


def _text(value: Any) -> str:
    """JSON, with bytes as text."""
    return json.dumps(
        value,
        ensure_ascii=False,
        default=lambda other: other.decode("latin-1") if isinstance(other, bytes) else str(other),
    )
