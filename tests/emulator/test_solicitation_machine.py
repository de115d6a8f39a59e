"""The storm's interpreter takes the solicitation machine where the emulator's Step Functions takes it."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orders_storm.amazon import STATE_MACHINE
from orders_storm.machine import Execution, Machine, UnknownDefinitionError
from orders_storm.simulated_time import SimulatedTime
from tests.emulator.support import Emulator, eventually, unique

# Both functions follow one script: a call gives the next answer, or raises the error that it names.
FUNCTION = """
import json
import pathlib

def handler(event, context):
    folder = pathlib.Path(event["SellerId"])
    assert event["AmazonOrderId"] == "order" and event["Execution"]
    with (folder / "calls").open("a") as calls:
        calls.write("NAME\\n")
    step = json.loads((folder / "script").read_text())[len((folder / "calls").read_text().splitlines()) - 1]
    if "Error" in step:
        raise type(step["Error"], (Exception,), {})("as the script says")
    return step
"""
ASK, SUBMIT = "SPAPIGetSolicitationActions", "SPAPISubmitSolicitation"
WAIT, GO = {"Step": "WAIT", "WaitSeconds": 5}, {"Step": "SUBMIT"}
SOLICITED, NONE = {"Step": "END", "Outcome": "SOLICITED"}, {"Step": "END", "Outcome": "CANCELLED"}


def error(name: str, count: int = 1) -> list[dict[str, Any]]:
    return [{"Error": name}] * count


SCRIPTS: dict[str, list[dict[str, Any]]] = {
    "asked at once": [GO, SOLICITED],
    "third ask": [WAIT, WAIT, GO, SOLICITED],
    "no outcome named": [{"Step": "END"}],
    "cancelled": [WAIT, NONE],
    "throttled": [*error("ThrottledError", 4), GO, *error("ThrottledError", 3), SOLICITED],
    "throttled without end": [*error("ThrottledError", 31), GO, SOLICITED],
    "outage without end": [GO, *error("TransientError", 6), GO, SOLICITED],
    "retriers count apart": [
        *error("TransientError", 5),
        *error("ThrottledError", 8),
        *error("KeyError", 8),
        GO,
        SOLICITED,
    ],
    "lost answer": [GO, WAIT, SOLICITED],
    "revoked": error("AuthorizationError"),
    "lost permission": [GO, *error("AccessDeniedError")],
    "broken function": error("KeyError", 9),
}


@pytest.fixture(scope="module")
def machine(emulator: Emulator) -> str:
    definition = STATE_MACHINE.read_text()
    for name in (ASK, SUBMIT):
        definition = definition.replace(f"${{{name}Arn}}", emulator.create_function(FUNCTION.replace("NAME", name)))
    allowed = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
    created = emulator.client("stepfunctions").create_state_machine(
        name=unique("machine"), definition=definition, roleArn=emulator.create_role(allowed)
    )
    return str(created["stateMachineArn"])


def on_the_emulator(emulator: Emulator, machine: str, folder: Path) -> tuple[str, str, list[str]]:
    states = emulator.client("stepfunctions")
    started = states.start_execution(
        stateMachineArn=machine, input=json.dumps({"AmazonOrderId": "order", "SellerId": str(folder)})
    )
    arn = started["executionArn"]
    described = eventually(
        lambda: states.describe_execution(executionArn=arn), lambda found: found["status"] != "RUNNING", seconds=30
    )
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    return described["status"], described.get("error", ""), entered


def interpreted(script: list[dict[str, Any]]) -> tuple[str, str, list[str], list[str]]:
    time = SimulatedTime(datetime(2026, 1, 1, tzinfo=UTC))
    calls: list[str] = []

    def function(name: str) -> Any:
        def call(event: Any) -> Any:
            assert event == {"AmazonOrderId": "order", "SellerId": "seller", "Execution": "one"}
            calls.append(name)
            step = script[len(calls) - 1]
            if "Error" in step:
                raise type(step["Error"], (Exception,), {})
            return step

        return call

    functions = {f"${{{name}Arn}}": function(name) for name in (ASK, SUBMIT)}
    definition = json.loads(STATE_MACHINE.read_text())
    execution = Execution("one", "", time.now())
    machine = Machine(definition, functions, time, random.Random(1))
    machine.run(execution, {"AmazonOrderId": "order", "SellerId": "seller"})
    time.run_until(datetime(2027, 1, 1, tzinfo=UTC))
    return execution.status, execution.error, execution.states, calls


@pytest.mark.parametrize("name", SCRIPTS)
def test_both_go_the_same_way(emulator: Emulator, machine: str, tmp_path: Path, name: str) -> None:
    script = SCRIPTS[name]
    (tmp_path / "script").write_text(json.dumps(script))
    emulator.scale_waits(0.00001)
    try:
        status, failure, entered = on_the_emulator(emulator, machine, tmp_path)
    finally:
        emulator.scale_waits(1)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert (status, failure, entered, calls) == interpreted(script)
    assert len(calls) == len(script), "the script is played to its end"


def test_the_interpreter_refuses_what_it_does_not_know() -> None:
    definition = json.loads(STATE_MACHINE.read_text())
    definition["States"]["WaitAndAskAgain"]["Timestamp"] = "{% $now() %}"
    with pytest.raises(UnknownDefinitionError, match="Timestamp"):
        Machine(definition, {}, SimulatedTime(datetime(2026, 1, 1, tzinfo=UTC)), random.Random(1))
