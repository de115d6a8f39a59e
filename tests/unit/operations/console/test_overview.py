"""What the overview says of costs, and what it leaves out where a part cannot be read."""

from datetime import timedelta

import pytest

from operations.connections import Line
from operations.console.console import LocalServers
from operations.console.pages import overview
from operations.console.reading.census import BARS, Census
from operations.console.reading.overview import costs_so_far
from operations.console.reading.reports import ReportState
from operations.console.site import PAGES
from tests.unit.operations.console.support import LOCAL, NOW, error, make_console, readable, visitor

OUTPUTS = {
    "AlarmTopicArn": "t",
    "NotificationsDeadLetterQueueUrl": "u",
    "ReportsTableName": "r",
    "SellingPartnersTableName": "p",
    "ApplicationSecretArn": "s",
    "ReportProcessorStateMachineArn": "m",
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
