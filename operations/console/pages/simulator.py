"""The SP-API simulator of a local stack: request log, faults and clock."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from operations.command import CommandError
from operations.console.console import Console, Form
from operations.console.pages.addresses import address
from operations.console.reading.simulator import FAULTS, STEPS, Simulator
from operations.console.web import Page, done, show

ROOT = "simulator"
_PATH = f"/{ROOT}"


def simulator(console: Console, request: Request) -> Response:
    found = _simulator(console)
    operation = request.query_params.get("operation", "")
    start = request.query_params.get("start", "")
    log = console.start(lambda: found.log(operation, int(start) if start.isdecimal() and len(start) < 6 else 0))
    faults, clock = console.start(found.faults), console.start(found.clock)
    return show(
        console,
        request,
        "simulator.html",
        endpoint=found.endpoint,
        operation=operation,
        log=log.result(),
        faults=faults.result(),
        clock=clock.result(),
        kinds=list(FAULTS),
        steps=STEPS,
        address=partial(address, ROOT),
    )


def add_fault(console: Console, request: Request, form: Form) -> Response:  # noqa: ARG001 - all is in the form
    try:
        _simulator(console).add_fault(_fault(form))
    except CommandError as error:
        return done(console, _PATH, f"No fault was added: {error}", problem=True)
    return done(console, _PATH, "The fault was added.")


def remove_faults(console: Console, request: Request, form: Form) -> Response:  # noqa: ARG001 - has no fields
    _simulator(console).remove_faults()
    return done(console, _PATH, "All faults were removed.")


def set_clock(console: Console, request: Request, form: Form) -> Response:  # noqa: ARG001 - all is in the form
    try:
        change = {name: _number(name, form[name]) for name in ("advanceSeconds", "scale") if form.get(name)}
        clock = _simulator(console).set_clock(change)
    except CommandError as error:
        return done(console, _PATH, f"The clock was not changed: {error}", problem=True)
    return done(
        console, _PATH, f"The simulator's time is {clock.now}; service time runs {clock.scale:g} times as fast."
    )


def _fault(form: Form) -> Mapping[str, Any]:
    """The fault as the control API takes it. Raises CommandError."""
    numbers = {"status": "status", "seconds": "seconds", "afterBytes": "after bytes"}
    fault: dict[str, Any] = {name: form.get(name, "").strip() for name in ("fault", "operation", "sellerId")}
    fault |= {name: _number(words, form[name].strip()) for name, words in numbers.items() if form.get(name, "").strip()}
    count = form.get("count", "").strip()
    fault["count"] = _number("count", count) if count else None
    return {name: value for name, value in fault.items() if value != ""}


def _number(name: str, text: str) -> float:
    """Raises CommandError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CommandError(f"{name} must be a number")
    return int(value) if value.is_integer() else value


def _simulator(console: Console) -> Simulator:
    assert console.local is not None, "the page exists for local stacks only"
    return Simulator(console.local.simulator_endpoint)


PAGE = Page(
    "Simulator",
    _PATH,
    {_PATH: simulator},
    {f"{_PATH}/faults": add_fault, f"{_PATH}/faults/remove": remove_faults, f"{_PATH}/clock": set_clock},
    local_only=True,
)
