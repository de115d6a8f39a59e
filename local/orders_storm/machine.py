"""Executes a state machine definition on a simulated clock.

Supports only what the solicitation machine uses, and rejects everything else: Pass, Task (lambda:invoke), Choice, Wait
and Succeed, Assign and Output, Retry with a maximum delay and full jitter, Catch, and JSONata paths that start at a
variable, alone or compared with a string or true. A test compares it with LocalStack's interpreter on the same
definition.
"""

import random
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orders_storm.simulated_time import SimulatedTime

Json = Any
Function = Callable[[Json], Json]

_EXPRESSION = re.compile(r"\{%\s*(.*?)\s*%\}")
_PATH = re.compile(r"\$\w+(\.\w+)*")
_COMPARISON = re.compile(r"(\$\w+(?:\.\w+)*) = (?:'(\w+)'|true)")
_FIELDS = {
    "Pass": {"Assign", "Output"},
    "Task": {"Resource", "Arguments", "Assign", "Output", "Retry", "Catch"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds"},
    "Succeed": set(),
}
_RETRY_FIELDS = {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxDelaySeconds", "MaxAttempts", "JitterStrategy"}


class UnknownDefinitionError(ValueError):
    """The definition uses something that this interpreter does not support."""


@dataclass
class Execution:
    """One execution. `status` is RUNNING, SUCCEEDED or FAILED; `states` has the names of entered states in order."""

    name: str
    input: str
    started: datetime
    status: str = "RUNNING"
    error: str = ""
    cause: str = ""
    ended: datetime | None = None
    states: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Machine:
    """A definition, with its functions by their FunctionName."""

    definition: Mapping[str, Json]
    functions: Mapping[str, Function]
    time: SimulatedTime
    chance: random.Random

    def __post_init__(self) -> None:
        if self.definition.get("QueryLanguage") != "JSONata":
            raise UnknownDefinitionError("only JSONata is supported")
        for name, state in self.definition["States"].items():
            kind = state["Type"]
            unknown = set(state) - _FIELDS.get(kind, set()) - {"Type", "Comment", "Next", "End"}
            for retrier in state.get("Retry", []):
                unknown |= set(retrier) - _RETRY_FIELDS
            if kind not in _FIELDS or unknown:
                raise UnknownDefinitionError(f"{name}: {kind} {sorted(unknown)}")

    def run(self, execution: Execution, state_input: Json) -> None:
        """Starts the execution now. It continues as the clock advances."""
        self._resume(execution, self._steps(execution, state_input))

    def _resume(self, execution: Execution, steps: Iterator[float]) -> None:
        for seconds in steps:
            self.time.after(seconds, lambda: self._resume(execution, steps))
            return
        execution.ended = self.time.now()

    def _steps(self, execution: Execution, value: Json) -> Iterator[float]:
        """Runs the execution. Yields each wait in seconds."""
        variables: dict[str, Json] = {}
        name = self.definition["StartAt"]
        while name:
            execution.states.append(name)
            state = self.definition["States"][name]
            context = {"Execution": {"Name": execution.name}}
            scope = {**variables, "states": {"input": value, "context": context}}
            match state["Type"]:
                case "Pass":
                    variables |= _evaluated(state.get("Assign", {}), scope)
                    value = _evaluated(state["Output"], scope) if "Output" in state else value
                    name = state.get("Next")
                case "Choice":
                    name = next(
                        (rule["Next"] for rule in state["Choices"] if _evaluated(rule["Condition"], scope) is True),
                        state.get("Default"),
                    )
                case "Wait":
                    yield _evaluated(state["Seconds"], scope)
                    name = state.get("Next")
                case "Succeed":
                    name = None
                case "Task":
                    outcome = yield from self._task(state, scope)
                    if isinstance(outcome, Exception):
                        catcher = _matching(state.get("Catch", []), outcome)
                        if catcher is None:
                            execution.status, execution.error = "FAILED", type(outcome).__name__
                            execution.cause = str(outcome)
                            return
                        variables |= _evaluated(catcher.get("Assign", {}), scope)
                        name = catcher["Next"]
                    else:
                        scope["states"]["result"] = {"Payload": outcome}
                        variables |= _evaluated(state.get("Assign", {}), scope)
                        value = _evaluated(state["Output"], scope) if "Output" in state else {"Payload": outcome}
                        name = state.get("Next")
        execution.status = "SUCCEEDED"

    def _task(self, state: Mapping[str, Json], scope: Mapping[str, Json]) -> Generator[float, None, Json]:
        """Calls the function until it succeeds or no retrier matches. Returns the result or the exception."""
        arguments = _evaluated(state["Arguments"], scope)
        counts: dict[int, int] = {}
        while True:
            try:
                return self.functions[arguments["FunctionName"]](arguments["Payload"])
            except Exception as error:  # noqa: BLE001 - Lambda reports every exception of a function
                retriers = state.get("Retry", [])
                retrier = _matching(retriers, error)
                if retrier is None:
                    return error
                index = retriers.index(retrier)
                count = counts.get(index, 0)
                if count >= retrier.get("MaxAttempts", 3):
                    return error
                counts[index] = count + 1
                delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** count
                delay = min(delay, retrier.get("MaxDelaySeconds", delay))
                yield self.chance.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay


def _matching(rules: list[Mapping[str, Json]], error: Exception) -> Mapping[str, Json] | None:
    """Step Functions matches the name of the exception's class, but not of its base classes."""
    names = (type(error).__name__, "States.ALL", "States.TaskFailed")
    return next((rule for rule in rules if any(name in rule["ErrorEquals"] for name in names)), None)


def _evaluated(template: Json, scope: Mapping[str, Json]) -> Json:
    match template:
        case str():
            found = _EXPRESSION.fullmatch(template)
            return template if found is None else _expression(found[1], scope)
        case dict():
            return {name: _evaluated(value, scope) for name, value in template.items()}
        case list():
            return [_evaluated(value, scope) for value in template]
        case _:
            return template


def _expression(text: str, scope: Mapping[str, Json]) -> Json:
    comparison = _COMPARISON.fullmatch(text)
    if comparison is not None:
        return _path(comparison[1], scope) == (comparison[2] or True)
    if _PATH.fullmatch(text):
        return _path(text, scope)
    raise UnknownDefinitionError(f"the expression is not supported: {text}")


def _path(text: str, scope: Mapping[str, Json]) -> Json:
    value: Json = scope
    for name in text.removeprefix("$").split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
