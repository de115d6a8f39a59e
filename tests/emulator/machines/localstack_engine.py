"""Executes state machines with LocalStack's interpreter of the Amazon States Language, and with scripted functions.

It runs in an environment of its own (requirements/engine.txt), reads one JSON document from standard input and writes
one to standard output. Its argument is the command that evaluates JSONata.

Input:  [{"definition": ..., "machine": ARN, "input": ..., "name": ..., "script": [...]}, ...]
Output: [{"status", "error", "output", "entered", "calls", "waits", "delays"}, ...]

LocalStack's interpreter is used as it is, but for its edges:
- A function's answers come from the script, and so does the output that its task token is sent with.
- Waits, time-outs of waits for a token, and the delays of retries are noted, in seconds, and take no time. A delay with
  jitter is the longest. A wait whose token the function did not send is over.
- JSONata is evaluated by the reference implementation. LocalStack would download a port to Java, and a JVM.
- A catcher may lead back to its own state (https://states-language.net/spec.html#errors): LocalStack takes that for no
  catcher, and continues with the state's own Next.
- Packages that the interpreter imports, but that no machine here reaches, are absent (see _ABSENT).
"""

import io
import json
import logging
import subprocess
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Json = Any
# Name of a module, and what is imported from it: the JVM's bridge and its download; JSONPath's serializer, in a module
# of EventBridge whose syntax Python 3.11 cannot read; and the states of AWS Batch's jobs.
_ABSENT: Mapping[str, Mapping[str, object]] = {
    "jpype": {},
    "jpype.imports": {},
    "localstack.services.stepfunctions.packages": {"jpype_jsonata_package": None},
    "localstack.services.events.utils": {"to_json_str": None},
    "moto": {},
    "moto.batch": {},
    "moto.batch.utils": {"JobStatus": types.SimpleNamespace(SUCCEEDED=None, FAILED=None)},
}
for _name, _values in _ABSENT.items():
    sys.modules[_name] = types.ModuleType(_name)
    vars(sys.modules[_name]).update(_values)

from localstack.services.stepfunctions.asl.component.common.catch.catch_outcome import CatchOutcome  # noqa: E402
from localstack.services.stepfunctions.asl.component.common.retry import (  # noqa: E402
    jitter_strategy_decl,
    retrier_decl,
)
from localstack.services.stepfunctions.asl.component.state.state_execution.execute_state import (  # noqa: E402
    ExecutionState,
)
from localstack.services.stepfunctions.asl.component.state.state_execution.state_task import (  # noqa: E402
    lambda_eval_utils,
)
from localstack.services.stepfunctions.asl.component.state.state_wait.wait_function.wait_function import (  # noqa: E402
    WaitFunction,
)
from localstack.services.stepfunctions.asl.eval.callback.callback import (  # noqa: E402
    CallbackEndpoint,
    CallbackOutcomeSuccess,
)
from localstack.services.stepfunctions.asl.eval.environment import Environment  # noqa: E402
from localstack.services.stepfunctions.asl.eval.evaluation_details import (  # noqa: E402
    AWSExecutionDetails,
    EvaluationDetails,
    ExecutionDetails,
    StateMachineDetails,
)
from localstack.services.stepfunctions.asl.jsonata import jsonata  # noqa: E402
from localstack.services.stepfunctions.backend.execution_worker import SyncExecutionWorker  # noqa: E402
from localstack.services.stepfunctions.backend.execution_worker_comm import (  # noqa: E402
    ExecutionWorkerCommunication,
)

_ROLE = "arn:aws:iam::111122223333:role/machine"


class Reference:
    """The reference implementation of JSONata, in a process of its own."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def evaluate(self, expression: str) -> Json:
        """The value, or None if it is undefined."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(expression) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise jsonata.JSONataException("UNKNOWN", answer["error"])
        return answer["value"]

    def end(self) -> None:
        self._process.communicate()


class Ended(ExecutionWorkerCommunication):  # type: ignore[misc]
    def terminated(self) -> None:
        """Nobody waits for the end: the worker runs in this thread."""


class Run:
    """One execution: its functions' script, and what happened."""

    def __init__(self, script: Sequence[Mapping[str, Json]]) -> None:
        self._script = script
        self.calls: list[tuple[str, Json]] = []
        self.waits: list[float] = []
        self.delays: list[float] = []
        self._send: Callable[[str, CallbackOutcomeSuccess], object]

    def invoke(self, **request: Json) -> dict[str, Json]:
        """Lambda's Invoke, as botocore's client has it."""
        event = json.loads(request["Payload"])
        self.calls.append((request["FunctionName"], event))
        step = self._script[len(self.calls) - 1]
        if "Error" in step:
            payload = {"errorMessage": step.get("Message", "from the script"), "errorType": step["Error"]}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": _stream(payload)}
        if "TokenOutput" in step:
            token = event["TaskToken"]
            self._send(token, CallbackOutcomeSuccess(token, json.dumps(step["TokenOutput"])))
        return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": _stream(step)}

    def wait_for_token(self, endpoint: CallbackEndpoint, seconds: float) -> CallbackOutcomeSuccess | None:
        """The output that the token was sent with. None, a time-out, if it was not."""
        self.waits.append(seconds)
        return endpoint.get_outcome()

    def play(self, name: str, machine: str, definition: Json, given: Json) -> dict[str, Json]:
        region, account = machine.split(":")[3:5]
        worker = SyncExecutionWorker(
            EvaluationDetails(
                AWSExecutionDetails(account, region, _ROLE),
                ExecutionDetails(
                    machine.replace(":stateMachine:", ":execution:") + f":{name}",
                    name,
                    _ROLE,
                    given,
                    "2026-01-01T00:00:00.000Z",
                ),
                StateMachineDetails(machine, "machine", "STANDARD", json.dumps(definition)),
            ),
            Ended(),
            None,
            {},
        )
        lambda_eval_utils.boto_client_for = lambda **_: self
        retrier_decl.time = types.SimpleNamespace(sleep=self.delays.append)
        WaitFunction._wait_interval = lambda _self, *, wait_seconds, **_: self.waits.append(wait_seconds)
        CallbackEndpoint.wait = lambda endpoint, timeout: self.wait_for_token(endpoint, timeout)
        # The environment, and with it the tokens, is there once the worker runs.
        self._send = lambda token, outcome: worker.env.callback_pool_manager.notify(token, outcome)
        worker.start()
        events = worker.env.event_manager.get_event_history()
        end = events[-1]
        failed = end.get("executionFailedEventDetails", {})
        return {
            "status": end["type"].removeprefix("Execution").upper(),
            "error": failed.get("error") or "",
            "output": json.loads(end.get("executionSucceededEventDetails", {}).get("output", "null")),
            "entered": [
                event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event
            ],
            "calls": self.calls,
            "waits": self.waits,
            "delays": self.delays,
        }


def _stream(payload: Json) -> io.BytesIO:
    return io.BytesIO(json.dumps(payload).encode())


def keep_next_of_catchers() -> None:
    """Lets a state's own Next decide only if no catcher did. The outcome of the catchers is on top of the stack."""
    follow_own_next = ExecutionState._set_next

    def set_next(state: ExecutionState, env: Environment) -> None:
        if not (env.stack and env.stack[-1] is CatchOutcome.Caught):
            follow_own_next(state, env)

    ExecutionState._set_next = set_next


def main() -> None:
    logging.disable(logging.ERROR)
    keep_next_of_catchers()
    reference = Reference(sys.argv[1:])
    jsonata._eval_jsonata = reference.evaluate
    jitter_strategy_decl.random = types.SimpleNamespace(uniform=lambda _shortest, longest: longest)
    runs = json.load(sys.stdin)
    results = [Run(run["script"]).play(run["name"], run["machine"], run["definition"], run["input"]) for run in runs]
    reference.end()
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
