"""Reads the executions of the stack's state machines, and one execution's history."""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from operations.console.cleaning import clean, read_json
from operations.console.console import Console
from operations.outcomes import MACHINES, REDRIVABLE, UNSUCCESSFUL, Machine, ended_executions
from operations.redrive import restarted_name
from operations.stack import Stack
from quickstart.reports.failure_announcement import failed_delivery
from sp_api.errors import presentable

_SUFFIX = "StateMachineArn"
REPORTS, ORDERS = "ReportProcessor", "Solicitation"
STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
_PAGE = 25
MOST_COUNTED = 100
_EVENTS = 100
# Failed executions that are looked through for one of them.
_SEARCHED = 50
# What an execution works on, by the field of its input, with the path of its page.
_SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "ReportId": ("reports",),
    "AmazonOrderId": ("orders",),
    "SubmissionId": ("listings",),
    "FeedRequestId": ("listings", "feeds"),
}
_NO_SUCH = ("ExecutionDoesNotExist", "InvalidArn", "InvalidName")
_BAD_TOKEN = ("InvalidToken", "ValidationException")
# "TaskStateEntered": where a word begins.
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class PageGoneError(LookupError):
    """The page of a list is no longer there: Step Functions keeps them for a day."""


@dataclass(frozen=True)
class MachineOf:
    """A state machine of the stack. `name` is its logical name, `what` what its executions do."""

    name: str
    output: str
    arn: str
    machine: Machine

    @property
    def what(self) -> str:
        return self.machine.what

    def execution_arn(self, name: str) -> str:
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"

    def advice(self, status: str) -> str:
        """What to do about an execution with this status; empty if nothing."""
        if status not in UNSUCCESSFUL:
            return ""
        return self.machine.stopped if status == "ABORTED" else self.machine.failed


@dataclass(frozen=True)
class Execution:
    """An execution. `error` and `cause` are those of a failed one."""

    name: str
    status: str
    started: datetime
    stopped: datetime | None
    error: str = ""
    cause: str = ""


@dataclass(frozen=True)
class ExecutionData:
    """One execution in full. `input` and `output` are without secrets; `failed_in` is the state that failed.

    `successor` is the name of the execution that was started in its place, and `redrivable` whether it can be redriven;
    otherwise `why_not` says why. `subject` is the path of the page about what it works on, empty if there is none.
    `meaning` and `remedy` are what the e-mail about a failed delivery of a report says.
    """

    execution: Execution
    arn: str
    input: str
    output: str
    failed_in: str
    successor: str
    redrivable: bool
    why_not: str
    subject: tuple[str, ...]
    meaning: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Event:
    """One event of a history. `state` is the state of the machine that it is in, as far as it is known."""

    number: int
    time: datetime
    what: str
    state: str
    error: str
    cause: str
    data: str
    kind: str


@dataclass(frozen=True)
class Events:
    """A page of a history, the oldest first; `following` leads to the next page, empty at the end."""

    events: Sequence[Event]
    following: str


@dataclass(frozen=True)
class MachineState:
    """How many executions of a state machine have not succeeded in the time in which they can be redriven, by status;
    at most MOST_COUNTED of each. Those that were started again are left out."""

    machine: MachineOf
    unsuccessful: Mapping[str, int]


@dataclass(frozen=True)
class Executions:
    """A page of executions, the newest first."""

    executions: Sequence[Execution]
    following: str


def machines(stack: Stack) -> list[MachineOf]:
    """The stack's state machines, in the order of the outputs."""
    return [
        MachineOf(
            name,
            output,
            stack.outputs[output],
            MACHINES.get(output, Machine(name, "see docs/operations.md", "see docs/operations.md")),
        )
        for output in sorted(stack.outputs)
        if output.endswith(_SUFFIX)
        for name in [output.removesuffix(_SUFFIX)]
    ]


def find_machine(stack: Stack, name: str) -> MachineOf | None:
    return next((machine for machine in machines(stack) if machine.name == name), None)


def read_states(console: Console) -> list[MachineState]:
    """Raises what AWS raises."""
    known = machines(console.stack)
    states = console.stack.client("stepfunctions")

    def count(machine: MachineOf, status: str) -> int:
        found = ended_executions(states, machine.arn, status, console.now(), REDRIVABLE)
        return len(list(itertools.islice(found, MOST_COUNTED)))

    counts = iter(console.together([partial(count, machine, status) for machine in known for status in UNSUCCESSFUL]))
    return [MachineState(machine, {status: next(counts) for status in UNSUCCESSFUL}) for machine in known]


def read_executions(console: Console, machine: MachineOf, status: str = "", after: str = "") -> Executions:
    """A page; `status` is one of STATUSES, or empty for all. Failed executions have their cause.

    Raises PageGoneError and what AWS raises.
    """
    states = console.stack.client("stepfunctions")
    query = ({"statusFilter": status} if status else {}) | ({"nextToken": after} if after else {})
    try:
        page = states.list_executions(stateMachineArn=machine.arn, maxResults=_PAGE, **query)
    except ClientError as error:
        raise _page_gone(error, after) from None
    found = console.together([partial(_with_cause, states, listed) for listed in page["executions"]])
    return Executions(found, page.get("nextToken", ""))


def find_failed(console: Console, machine: MachineOf, subject: Mapping[str, str]) -> str:
    """The name of a failed execution whose input has these fields; empty if none of the newest ones has.

    Raises what AWS raises.
    """
    states = console.stack.client("stepfunctions")
    page = states.list_executions(stateMachineArn=machine.arn, maxResults=_SEARCHED, statusFilter="FAILED")
    arns = [listed["executionArn"] for listed in page["executions"]]
    for found in filter(None, console.together([partial(_describe, states, arn) for arn in arns])):
        given = read_json(found.get("input") or "")
        if isinstance(given, dict) and subject.items() <= given.items():
            return str(found["name"])
    return ""


def read_execution(stack: Stack, machine: MachineOf, name: str, now: datetime) -> ExecutionData | None:
    """None if there is no such execution, or it ended more than 90 days ago. Raises what AWS raises."""
    states = stack.client("stepfunctions")
    arn = machine.execution_arn(name)
    found = _describe(states, arn)
    if found is None:
        return None
    execution = _execution(found)
    failed = execution.status in UNSUCCESSFUL
    successor = restarted_name(execution.name) if failed and "redriveCount" not in found else ""
    if successor and _describe(states, machine.execution_arn(successor)) is None:
        successor = ""
    redrivable, why_not = _redrivable(execution, found, successor, now)
    of_report = failed_delivery(found).advice if failed and machine.name == REPORTS else None
    return ExecutionData(
        execution,
        arn,
        clean(found.get("input") or ""),
        clean(found.get("output") or ""),
        _failed_in(states, arn) if failed else "",
        successor,
        redrivable,
        why_not,
        _subject(found.get("input") or ""),
        "" if of_report is None else of_report.meaning,
        "" if of_report is None else of_report.remedy,
    )


def read_events(stack: Stack, machine: MachineOf, name: str, after: str = "", state: str = "") -> Events:
    """A page of the history. `state` is where the page before it ended. Raises PageGoneError and what AWS raises."""
    states = stack.client("stepfunctions")
    token = {"nextToken": after} if after else {}
    try:
        page = states.get_execution_history(
            executionArn=machine.execution_arn(name), maxResults=_EVENTS, includeExecutionData=True, **token
        )
    except ClientError as error:
        raise _page_gone(error, after) from None
    found = []
    for event in page["events"]:
        details = _details(event)
        kind = event["type"]
        if kind.endswith("StateEntered"):
            state = str(details.get("name", ""))
        found.append(_event(event, details, state))
        if kind.endswith("StateExited"):
            state = ""
    return Events(found, page.get("nextToken", ""))


def _page_gone(error: ClientError, after: str) -> Exception:
    return PageGoneError() if after and error.response["Error"]["Code"] in _BAD_TOKEN else error


def _with_cause(states: Any, listed: Mapping[str, Any]) -> Execution:
    if listed["status"] not in UNSUCCESSFUL:
        return _execution(listed)
    return _execution(_describe(states, listed["executionArn"]) or listed)


def _describe(states: Any, arn: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = states.describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NO_SUCH:
            return None
        raise
    return found


def _execution(found: Mapping[str, Any]) -> Execution:
    return Execution(
        found["name"],
        found["status"],
        found["startDate"],
        found.get("stopDate"),
        presentable(found.get("error") or ""),
        _words(found.get("cause") or ""),
    )


def _redrivable(execution: Execution, found: Mapping[str, Any], successor: str, now: datetime) -> tuple[bool, str]:
    if execution.status not in UNSUCCESSFUL:
        return False, ""
    if successor:
        return False, f"it was started again as {successor}"
    if found.get("redriveStatus", "REDRIVABLE") != "REDRIVABLE":
        return False, presentable(found.get("redriveStatusReason") or "Step Functions does not allow it")
    if execution.stopped is not None and execution.stopped < now - REDRIVABLE:
        return False, f"it ended more than {REDRIVABLE.days} days ago"
    return True, ""


def _subject(given: str) -> tuple[str, ...]:
    """The path of the page about the report, order, submission or file that an input names."""
    found = read_json(given)
    if isinstance(found, dict):
        for field, path in _SUBJECTS.items():
            seller_id, subject_id = found.get("SellerId"), found.get(field)
            if isinstance(seller_id, str) and isinstance(subject_id, str) and seller_id and subject_id:
                return *path, seller_id, subject_id
    return ()


def _failed_in(states: Any, arn: str) -> str:
    """The state that was entered last."""
    page = states.get_execution_history(
        executionArn=arn, maxResults=_EVENTS, reverseOrder=True, includeExecutionData=False
    )
    for event in page["events"]:
        if event["type"].endswith("StateEntered"):
            return str(_details(event).get("name", ""))
    return ""


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((value for name, value in event.items() if name.endswith("EventDetails") and value), {})


def _event(event: Mapping[str, Any], details: Mapping[str, Any], state: str) -> Event:
    kind = event["type"]
    words = _WORD.sub(" ", kind).lower()
    called = details.get("resource") or ""
    if kind == "TaskScheduled" and called:
        words = f"{words}: {presentable(str(details.get('resourceType', '')))} {presentable(str(called))}"
    texts = [str(details[name]) for name in ("input", "parameters", "output") if details.get(name)]
    bad = kind.endswith(("Failed", "TimedOut", "Aborted"))
    return Event(
        event["id"],
        event["timestamp"],
        words[:1].upper() + words[1:],
        state,
        presentable(str(details.get("error") or "")),
        _words(str(details.get("cause") or "")),
        "\n".join(clean(text) for text in texts),
        "bad" if bad else "good" if kind == "ExecutionSucceeded" else "plain",
    )


def _words(cause: str) -> str:
    """The message of an error: that of a function is in JSON with its stack trace."""
    found = read_json(cause)
    if isinstance(found, dict):
        message = found.get("errorMessage") or found.get("message")
        cause = str(message) if message else json.dumps(found)
    return presentable(cause)
