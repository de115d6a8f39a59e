"""What the overview says of a stack and its costs, and what it leaves out where a part cannot be read."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operations.command import CommandError
from operations.connections import Line
from operations.console.console import LocalServers
from operations.console.pages import overview
from operations.console.reading import overview as reading
from operations.console.reading.census import BARS, Census
from operations.console.reading.overview import Machine, Queue, costs_so_far
from operations.console.reading.reports import ReportState
from operations.console.site import PAGES
from operations.outcomes import Alarm
from quickstart.dynamodb import _marshal
from quickstart.solicitations.ledger import State
from tests.unit.operations.console.support import LOCAL, NOW, error, make_console, readable, visitor

OUTPUTS = {
    "AlarmTopicArn": "t",
    "NotificationsDeadLetterQueueUrl": "u",
    "ReportsTableName": "r",
    "SellingPartnersTableName": "p",
    "ApplicationSecretArn": "s",
    "ReportProcessorStateMachineArn": "m",
}


TOKEN = {"Ciphertext": "c", "KeyArn": "k", "StoredAt": "2026-01-01T00:00:00+00:00"}
REPORT = {"ReportType": "GET_A", "ReportStatus": "DONE", "CreatedTime": "2026-11-20T00:00:00.000000+00:00"}
TABLES: Mapping[str, list[dict[str, Any]]] = {
    "r": [
        {
            **REPORT,
            "ReportId": "1",
            "SellerId": "A1",
            "DeliveryStatus": "DELIVERED",
            "RequestedTime": "2026-11-20T00:00:00+00:00",
            "NotifiedTime": "2026-11-20T00:00:20+00:00",
            "SizeBytes": 5_000_000_000,
        },
        *(
            {**REPORT, "ReportId": str(number), "SellerId": "A1", "DeliveryStatus": "FAILED", "DeliveryError": "E"}
            for number in range(10, 17)
        ),
        {**REPORT, "ReportId": "20", "SellerId": "A1", "ReportStatus": "IN_QUEUE"},
        {**REPORT, "ReportId": "21", "SellerId": "A1"},
        {**REPORT, "ReportId": "22", "SellerId": "A1", "ReportStatus": "CANCELLED", "DeliveryStatus": "DELIVERED"},
    ],
    "o": [{"AmazonOrderId": str(number), "SellerId": "A1", "State": str(state)} for number, state in enumerate(State)],
    "p": [{"SellerId": "A1", "Item": "TOKEN#NA", **TOKEN}, {"SellerId": "A2", "Item": "TOKEN#EU", "ConsentedAt": "?"}],
}


class Aws:
    """The services of a stack with alarms, messages, executions and sellers."""

    # In each queue: messages, and those that somebody reads.
    QUEUES: Mapping[str, tuple[int, int]] = {"dead-a": (0, 0), "dead-b": (3, 1), "dead-c": (1234, 0), "notices": (2, 5)}

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(Exception):  # noqa: N818 - boto3's name
            pass

    def __init__(self) -> None:
        self.described: list[str] = []

    def __call__(self, _: str) -> "Aws":
        return self

    def get_paginator(self, name: str) -> Any:
        def alarm(name: str, state: str, topic: str = "t", **more: object) -> dict[str, object]:
            return {"AlarmName": f"quick-start-{name}-1A", "StateValue": state, "AlarmActions": [topic], **more}

        found = [
            alarm("ZuluAlarm", "ALARM", StateUpdatedTimestamp=NOW, AlarmDescription="Look at it."),
            alarm("OkAlarm", "OK"),
            alarm("EarlyAlarm", "OK"),
            alarm("AnotherAlarm", "ALARM"),
            alarm("ForeignAlarm", "ALARM", "of another stack"),
        ]

        class Pages:
            def paginate(self, **request: Any) -> Iterator[Mapping[str, Any]]:
                if name == "describe_alarms":
                    yield {"MetricAlarms": found}
                else:
                    yield {"Items": [_marshal(item) for item in TABLES[request["TableName"]]]}

        return Pages()

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803 - AWS's names
        found = dict(
            zip(
                ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"),
                self.QUEUES[QueueUrl],
                strict=True,
            )
        )
        return {"Attributes": {name: str(found[name]) for name in AttributeNames}}

    def list_executions(self, stateMachineArn: str, statusFilter: str, maxResults: int) -> Any:  # noqa: N803
        running = {"reports": 1001, "own": 2}[stateMachineArn] if statusFilter == "RUNNING" else 0
        return {"executions": [{}] * min(running, maxResults)}

    def get_secret_value(self, SecretId: str, VersionStage: str) -> Any:  # noqa: N803 - AWS's names
        if VersionStage != "AWSCURRENT":
            raise self.exceptions.ResourceNotFoundException
        fields = {"AppClientId": SecretId, "AppClientSecret": "hidden", "IssuedAt": "2026-11-01T00:00:00+00:00"}
        return {"VersionId": "v", "SecretString": json.dumps(fields), "CreatedDate": NOW}

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 - AWS's name
        self.described.append(StackName)
        return {"Stacks": [{"CreationTime": datetime(2026, 11, 25, 12, tzinfo=UTC)}]}


WORKING = {
    "AlarmTopicArn": "t",
    "ReportsDeadLetterQueueUrl": "dead-a",
    "OrdersDeadLetterQueueUrl": "dead-b",
    "NotificationsDeadLetterQueueUrl": "dead-c",
    "AccountsDeadLetterQueueUrl": "dead-b",
    "NotificationsQueueUrl": "notices",
    "ReportsTableName": "r",
    "SellingPartnersTableName": "p",
    "SolicitationsTableName": "o",
    "ApplicationSecretArn": "s",
    "ReportProcessorStateMachineArn": "reports",
    "OwnStateMachineArn": "own",
}


class Denied:
    """A client that may call nothing."""

    def __getattr__(self, name: str) -> object:
        raise error("AccessDeniedException", f"not authorized to perform: service:{name}")


def census(reports: int = 0, orders: int = 0, stored: int = 0) -> Census:
    counts = {ReportState.DELIVERED: reports, ReportState.WAITING: 7}
    return Census(NOW, True, counts, {"SOLICITED": orders}, [], [0] * len(BARS), None, None, stored)


def test_costs_are_those_of_the_documentation() -> None:
    """docs/costs.md: 1,000 reports of 1 MB cost 0.358, 10,000 orders 2.217, the idle stack 9.551 a month."""
    month = timedelta(days=365.25 / 12)
    reports, documents, orders, idle = costs_so_far(census(1000, 10_000, 1000 * 1_000_000), NOW - month, NOW)
    assert reports.usd + documents.usd == pytest.approx(0.358, abs=0.01)
    assert orders.usd == pytest.approx(2.217, abs=0.01)
    assert idle.usd == pytest.approx(9.551, abs=0.01)
    assert [line.quantity for line in (reports, documents, orders, idle)] == [
        "1,000",
        "1.00 GB",
        "10,000",
        "1.00 months",
    ]


def test_nothing_costs_nothing() -> None:
    assert sum(line.usd for line in costs_so_far(census(), NOW, NOW)) == 0


@pytest.mark.parametrize(
    ("local", "command"),
    [(None, "make rotate-secret STACK=quick-start REGION=eu-west-1"), (LOCAL, "make rotate-secret")],
)
def test_a_command_about_the_secret_names_the_stack(
    monkeypatch: pytest.MonkeyPatch, local: LocalServers | None, command: str
) -> None:
    monkeypatch.setattr(overview, "read_secret", lambda *_: [Line("expires in 3 days", "then run make rotate-secret")])
    page = readable(visitor(make_console(lambda _: Denied(), local=local, **OUTPUTS), PAGES).get("/"))
    assert f"care expires in 3 days then run {command} " in page


def test_a_part_that_cannot_be_read_names_its_action_and_the_others_are_shown() -> None:
    page = readable(visitor(make_console(lambda _: Denied(), **OUTPUTS), PAGES).get("/"))
    for action in ("get_paginator", "get_queue_attributes", "list_executions", "describe_stacks"):
        assert f"service:{action}" in page
    for heading in (
        "Alarms",
        "Dead letters",
        "Client secret",
        "Connections",
        "Executions that run now",
        "Costs so far",
    ):
        assert heading in page


def test_alarms_that_ring_come_first() -> None:
    stack = make_console(Aws(), **WORKING).stack
    assert reading.read_alarms(stack) == [
        Alarm("AnotherAlarm", "ALARM", None, "see docs/operations.md#alarms"),
        Alarm("ZuluAlarm", "ALARM", NOW, "Look at it."),
        Alarm("EarlyAlarm", "OK", None, "see docs/operations.md#alarms"),
        Alarm("OkAlarm", "OK", None, "see docs/operations.md#alarms"),
    ]
    with pytest.raises(CommandError, match="has no output AlarmTopicArn"):
        reading.read_alarms(make_console(Aws()).stack)


def test_the_fullest_dead_letter_queue_comes_first() -> None:
    """Also with the messages that somebody reads."""
    assert reading.read_dead_letters(make_console(Aws(), **WORKING).stack) == [
        Queue("NotificationsDeadLetterQueue", 1234),
        Queue("AccountsDeadLetterQueue", 4),
        Queue("OrdersDeadLetterQueue", 4),
        Queue("ReportsDeadLetterQueue", 0),
    ]


def test_only_the_queues_that_the_stack_has_are_counted() -> None:
    assert reading.read_queues(make_console(Aws(), **WORKING).stack) == [Queue("NotificationsQueue", 7)]
    both = make_console(Aws(), **WORKING, OrdersQueueUrl="dead-b").stack
    assert reading.read_queues(both) == [Queue("NotificationsQueue", 7), Queue("OrdersQueue", 4)]


def test_executions_that_run_are_counted_up_to_a_thousand() -> None:
    assert reading.read_machines(make_console(Aws(), **WORKING).stack) == [
        Machine("Own", "Own", 2),
        Machine("ReportProcessor", "deliveries of reports", 1000),
    ]


def test_an_item_that_cannot_be_read_follows_the_connections() -> None:
    first, damaged = reading.read_care(make_console(Aws(), **WORKING).stack, NOW)
    assert first == Line("1 stored")
    assert damaged.state == "an item of the sellers' table cannot be read"
    assert "TOKEN#EU of A2 cannot be read" in damaged.advice


@pytest.mark.parametrize(
    ("outputs", "who"),
    [({}, "store a token"), ({"AuthorizationRestApiId": "a"}, "ask them to press Authorize in your product, or store")],
)
def test_sellers_who_connect_themselves_are_asked_to(
    outputs: Mapping[str, str], who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"SellerId": "A1", "Item": "TOKEN#NA", **TOKEN, "ReconnectSince": "2026-11-01T00:00:00+00:00"}
    monkeypatch.setitem(TABLES, "p", [refused])
    _, line = reading.read_care(make_console(Aws(), **WORKING, **outputs).stack, NOW)
    assert line.advice.startswith(who)


def test_the_client_secret_is_told_with_its_rotation_and_never_shown() -> None:
    assert reading.read_secret(make_console(Aws(), **WORKING).stack, NOW) == [
        Line("expires in at most 154 days"),
        Line("rotation: switched off (SecretRotationEnabled)"),
    ]


def test_the_overview_has_all_parts_of_the_stack() -> None:
    aws = Aws()
    browser = visitor(make_console(aws, **WORKING), PAGES)
    page = browser.get("/")
    words = readable(page)
    for part in (
        "quick-start eu-west-1 Overview Reports Sellers Orders Executions Dead letters Logs Overview ",
        "requested 11 waiting at SP-API 1 7 in NotificationsQueue in delivery 1 delivered 1 ",
        "cancelled by SP-API 1 FATAL at SP-API 0 overdue 0 failed 7 ",
        "waiting for their time 3 review requested 2 not possible at Amazon 3 cancelled 1 outcome unknown 1 failed 1 ",
        "Half of the reports were e-mailed within 20.0 s of the request, and nine of ten within 20.0 s.",
        "Reports by the time from the request to the e-mail: up to 30 s 1 ≤ 10 s 1 ≤ 30 s ≤ 1 min",
        "ALARM AnotherAlarm see docs/operations.md#alarms ALARM ZuluAlarm since 2026-11-26 12:00:00 Look at it. Dead",
        "1234 NotificationsDeadLetterQueue 4 AccountsDeadLetterQueue 4 OrdersDeadLetterQueue Client secret",
        "Client secret expires in at most 154 days rotation: switched off (SecretRotationEnabled) Connections 1 stored",
        "Executions that run now Own 2 deliveries of reports 1,000 or more Costs so far",
        "reports without their documents 10 ",
        "documents, kept and downloaded once 5.00 GB ",
        "review requests 11 ",
        "the stack at rest since it was created 0.03 months ",
    ):
        assert part in words, part
    # Of seven reports that failed.
    assert page.count('<th scope="row"><a href="/reports/A1/') == 5
    # The tallest bar.
    assert 'y="25.0" width="48" height="130.0"' in page
    browser.get("/")
    assert aws.described == ["quick-start"]


def test_a_local_stack_with_all_parts_has_every_page() -> None:
    outputs = WORKING | {"ListingsTableName": "l"}
    page = visitor(make_console(Aws(), local=LOCAL, **outputs), PAGES).get("/")
    assert re.findall(r'<li><a href="([^"]+)"[^>]*>([^<]+)</a></li>', page.partition("</nav>")[0]) == [
        ("/", "Overview"),
        ("/reports", "Reports"),
        ("/sellers", "Sellers"),
        ("/orders", "Orders"),
        ("/listings", "Listings"),
        ("/executions", "Executions"),
        ("/dead-letters", "Dead letters"),
        ("/logs", "Logs"),
        ("/inbox", "Inbox"),
        ("/simulator", "Simulator"),
    ]
    assert "The local stack costs nothing: this is what it would cost on AWS." in page
