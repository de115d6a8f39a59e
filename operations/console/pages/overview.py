"""The first page: how the stack is doing."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from operations.console.advice import advice
from operations.console.console import Console
from operations.console.pages.reports import address
from operations.console.reading.census import BARS, census, orders_by_stage
from operations.console.reading.overview import (
    MOST_RUNNING,
    costs_so_far,
    created_at,
    read_alarms,
    read_care,
    read_dead_letters,
    read_machines,
    read_queues,
    read_secret,
)
from operations.console.reading.reports import ReportState
from operations.console.web import Page, show

_TROUBLES_SHOWN = 5


def overview(console: Console, request: Request) -> Response:
    stack, now = console.stack, console.now()
    # All at the same time. Each part fails by itself.
    alarms = console.start(lambda: read_alarms(stack))
    letters = console.start(lambda: read_dead_letters(stack))
    queues = console.start(lambda: read_queues(stack))
    machines = console.start(lambda: read_machines(stack))
    secret = console.start(lambda: read_secret(stack, now))
    care = console.start(lambda: read_care(stack, now))
    created = console.start(lambda: console.remembered("created", float("inf"), lambda: created_at(stack)))
    counted = census(console)
    costs = console.part(lambda: costs_so_far(counted, created.result().needed, now))
    return show(
        console,
        request,
        "overview.html",
        census=counted,
        states=ReportState,
        orders=orders_by_stage(counted.orders),
        bars=[(label, count) for (_, label), count in zip(BARS, counted.bars, strict=True)],
        tallest=max(counted.bars),
        troubles=counted.troubles[:_TROUBLES_SHOWN],
        address=address,
        advice=partial(advice, console),
        alarms=alarms.result(),
        letters=letters.result(),
        queues=queues.result(),
        machines=machines.result(),
        most_running=MOST_RUNNING,
        secret=secret.result(),
        care=care.result(),
        costs=costs,
    )


PAGE = Page("Overview", "/", {"/": overview}, {})
