"""Executions of every state machine; one execution's history, and its redrive."""

from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from operations.console.advice import advice
from operations.console.console import Console, Form
from operations.console.pages.addresses import address
from operations.console.reading.executions import (
    MOST_COUNTED,
    STATUSES,
    ExecutionData,
    MachineOf,
    PageGoneError,
    find_machine,
    read_events,
    read_execution,
    read_executions,
    read_states,
)
from operations.console.web import Page, ShownError, done, show
from operations.outcomes import UNSUCCESSFUL
from operations.redrive import redrive_execution

ROOT = "executions"
KINDS = {"SUCCEEDED": "good", "RUNNING": "waiting", **dict.fromkeys(UNSUCCESSFUL, "bad")}
# Where the lines of an execution are.
_AREAS = {
    "ReportProcessor": "reports",
    "Solicitation": "orders",
    "Listing": "listings",
    "ListingFeed": "listings",
    "ProductTypePull": "product types",
}


def all_machines(console: Console, request: Request) -> Response:
    return show(
        console,
        request,
        "executions.html",
        states=read_states(console),
        statuses=list(STATUSES),
        most=MOST_COUNTED,
        address=partial(address, ROOT),
    )


def one_machine(console: Console, request: Request) -> Response:
    machine = _machine(console, request)
    given = request.query_params
    status, name = given.get("status", ""), given.get("name", "").strip()
    if name:
        return RedirectResponse(address(ROOT, machine.name, name), 303)
    if status and status not in STATUSES:
        raise ShownError(400, "Unknown status", f"The status must be one of {', '.join(STATUSES)}.")
    try:
        found = read_executions(console, machine, status, given.get("after", ""))
    except PageGoneError:
        return RedirectResponse(address(ROOT, machine.name, status=status), 303)
    return show(
        console,
        request,
        "state_machine.html",
        machine=machine,
        chosen=status,
        statuses=list(STATUSES),
        kinds=KINDS,
        found=found,
        advice=advice(console, machine.advice(status)),
        later=bool(given.get("after")),
        address=partial(address, ROOT, machine.name),
    )


def one_execution(console: Console, request: Request) -> Response:
    machine, found = _execution(console, request)
    given = request.query_params
    name, after, state = found.execution.name, given.get("after", ""), given.get("state", "")
    try:
        events = console.part(lambda: read_events(console.stack, machine, name, after, state))
    except PageGoneError:
        return RedirectResponse(address(ROOT, machine.name, name), 303)
    return show(
        console,
        request,
        "execution.html",
        machine=machine,
        found=found,
        execution=found.execution,
        kinds=KINDS,
        events=events,
        later=bool(after),
        advice=advice(console, machine.advice(found.execution.status)),
        address=partial(address, ROOT, machine.name),
        logs=partial(address, "logs"),
        area=_AREAS.get(machine.name, ""),
        subject=address(*found.subject) if found.subject else "",
    )


def redrive(console: Console, request: Request, form: Form) -> Response:  # noqa: ARG001 - has no fields
    machine, found = _execution(console, request)
    name = found.execution.name
    if not found.redrivable:
        text = f"{name} was not redriven: {found.why_not or 'it has not failed'}."
        return done(console, address(ROOT, machine.name, name), text, problem=True)
    outcome = redrive_execution(console.stack.client("stepfunctions"), found.arn)
    problem = outcome.startswith("cannot")
    return done(console, address(ROOT, machine.name, name), f"{name}: {outcome}.", problem=problem)


def _machine(console: Console, request: Request) -> MachineOf:
    name = request.path_params["machine"]
    found = find_machine(console.stack, name)
    if found is None:
        raise ShownError(404, "State machine not found", f"The stack has no state machine {name}.")
    return found


def _execution(console: Console, request: Request) -> tuple[MachineOf, ExecutionData]:
    machine, name = _machine(console, request), request.path_params["name"]
    found = read_execution(console.stack, machine, name, console.now())
    if found is None:
        raise ShownError(
            404,
            "Execution not found",
            f"{machine.name} has no execution {name}. Step Functions keeps an execution for 90 days after its end.",
        )
    return machine, found


_ONE = f"/{ROOT}/{{machine}}"
PAGE = Page(
    "Executions",
    f"/{ROOT}",
    {f"/{ROOT}": all_machines, _ONE: one_machine, f"{_ONE}/{{name}}": one_execution},
    {f"{_ONE}/{{name}}/redrive": redrive},
)
