"""Sandbox mode: the published examples, answered verbatim.

The examples are Amazon's; they are read at start from an OpenAPI file that keeps `x-amzn-api-sandbox` (npm package
@selling-partner-api/models, src/merged.json).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sp_api_simulator.errors import OperationError, invalid_input
from sp_api_simulator.operations import OPERATIONS


@dataclass(frozen=True)
class SandboxExample:
    """One example: the parameters it asks for and what it answers.

    `has_response` is False for an answer without a body.
    """

    status: int
    parameters: Mapping[str, Any]
    response: Any
    has_response: bool


@dataclass(frozen=True)
class SandboxExamples:
    """The examples by operation name. `source` is the file looked for, `loaded` says whether it was there."""

    source: Path
    loaded: bool
    by_operation: Mapping[str, tuple[SandboxExample, ...]]

    def answer(self, operation: str, arguments: Mapping[str, Any]) -> SandboxExample:
        """The example whose parameters all equal the request's arguments; the one that names most of them wins.

        Raises OperationError if none does.
        """
        if not self.loaded:
            raise OperationError(
                400,
                "InvalidInput",
                "The simulator has no sandbox examples",
                f"Install the npm package @selling-partner-api/models or start with --models; looked for {self.source}",
            )
        matching = [
            example
            for example in self.by_operation.get(operation, ())
            if all(name in arguments and arguments[name] == value for name, value in example.parameters.items())
        ]
        if not matching:
            raise invalid_input("Could not match input arguments")
        return max(matching, key=lambda example: (len(example.parameters), -example.status))


def load_examples(source: Path) -> SandboxExamples:
    """Reads the examples of the simulator's operations.

    Raises ValueError if the file is there and is not an OpenAPI document.
    """
    if not source.is_file():
        return SandboxExamples(source, False, {})
    try:
        paths = json.loads(source.read_text(encoding="utf-8"))["paths"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{source} is not an OpenAPI document") from error
    by_operation = {
        operation.name: tuple(_examples(paths.get(operation.path, {}).get(operation.method.lower(), {})))
        for operation in OPERATIONS
    }
    return SandboxExamples(source, True, by_operation)


def _examples(operation: Mapping[str, Any]) -> list[SandboxExample]:
    found = []
    for status, response in operation.get("responses", {}).items():
        sandbox = response.get("x-amzn-api-sandbox", {})
        for example in sandbox.get("static", ()):
            parameters = {
                name: value["value"] for name, value in example.get("request", {}).get("parameters", {}).items()
            }
            found.append(SandboxExample(int(status), parameters, example.get("response"), "response" in example))
    return found
