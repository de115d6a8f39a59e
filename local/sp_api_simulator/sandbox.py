"""The sandbox: returns the published examples word for word.

The examples are Amazon's. They are read at the start from an OpenAPI file that has `x-amzn-api-sandbox` (npm package
@selling-partner-api/models, src/merged.json). Without that file, there are those of BUILT_IN.
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
    """One example: the parameters of the request and the response.

    `has_response` is False for a response without a body.
    """

    status: int
    parameters: Mapping[str, Any]
    response: Any
    has_response: bool


NEWER_EXAMPLES: Mapping[str, tuple[SandboxExample, ...]] = {
    "getSubscriptions": (
        SandboxExample(
            200,
            {"notificationTypes": ["ANY_OFFER_CHANGED"]},
            {
                "payload": {
                    "subscriptions": [
                        {
                            "subscriptionId": "7fcacc7e-727b-11e9-8848-1681be663d3e",
                            "payloadVersion": "1.0",
                            "destinationId": "3acafc7e-121b-1329-8ae8-1571be663aa2",
                        }
                    ]
                }
            },
            True,
        ),
    ),
}
"""Examples of operations that the OpenAPI file does not have yet (selling-partner-api-models, notifications.json)."""


_ORDER = "123-1234567-1234567"
_SOLICITATIONS = f"/solicitations/v1/orders/{_ORDER}"
_MARKETPLACE = "ATVPDKIKX0DER"
BUILT_IN: Mapping[str, tuple[SandboxExample, ...]] = {
    "getSolicitationActionsForOrder": (
        SandboxExample(
            200,
            {"amazonOrderId": _ORDER, "marketplaceIds": [_MARKETPLACE]},
            {
                "_links": {
                    "actions": [
                        {
                            "href": f"{_SOLICITATIONS}/solicitations/productReviewAndSellerFeedback"
                            f"?marketplaceIds={_MARKETPLACE}",
                            "name": "productReviewAndSellerFeedback",
                        }
                    ],
                    "self": {"href": f"{_SOLICITATIONS}?marketplaceIds={_MARKETPLACE}"},
                }
            },
            True,
        ),
    ),
    "createProductReviewAndSellerFeedbackSolicitation": (SandboxExample(201, {"amazonOrderId": _ORDER}, {}, True),),
}
"""The published examples of the Solicitations API (selling-partner-api-models, solicitations.json), which the test
message in docs/solicitations.md leads to."""


@dataclass(frozen=True)
class SandboxExamples:
    """The examples by operation name. `source` is the path of the file, `loaded` says whether it exists."""

    source: Path
    loaded: bool
    by_operation: Mapping[str, tuple[SandboxExample, ...]]

    def answer(self, operation: str, arguments: Mapping[str, Any]) -> SandboxExample:
        """The example whose parameters all equal the request's arguments. If several match, the one with the most
        parameters.

        Raises OperationError if none matches.
        """
        if not self.loaded and operation not in self.by_operation:
            raise OperationError(
                400,
                "InvalidInput",
                "The simulator has no sandbox examples",
                f"Install the npm package @selling-partner-api/models or use --models. File not found: {self.source}",
            )
        matching = [
            example
            for example in self.by_operation.get(operation, ())
            if all(
                name in arguments and arguments[name] == value
                for name, value in _distinctive(example.parameters).items()
            )
        ]
        if not matching:
            raise invalid_input("Could not match input arguments")
        return max(matching, key=lambda example: (len(_distinctive(example.parameters)), -example.status))


def _distinctive(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters that a request must have: an empty body in an example stands for any (Listings Items)."""
    return {name: value for name, value in parameters.items() if (name, value) != ("body", {})}


def load_examples(source: Path) -> SandboxExamples:
    """Reads the examples of the simulator's operations.

    Raises ValueError if the file exists and is not an OpenAPI document.
    """
    if not source.is_file():
        return SandboxExamples(source, False, BUILT_IN)
    try:
        paths = json.loads(source.read_text(encoding="utf-8"))["paths"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{source} is not an OpenAPI document") from error
    by_operation = {
        operation.name: tuple(_examples(paths.get(operation.path, {}).get(operation.method.lower(), {})))
        or NEWER_EXAMPLES.get(operation.name, ())
        for operation in OPERATIONS
    }
    return SandboxExamples(source, True, by_operation)


def _examples(operation: Mapping[str, Any]) -> list[SandboxExample]:
    found = []
    for status, response in operation.get("responses", {}).items():
        sandbox = response.get("x-amzn-api-sandbox", {})
        for example in sandbox.get("static", ()):
            parameters = {
                name: _as_sent(value.get("value", {}))
                for name, value in example.get("request", {}).get("parameters", {}).items()
            }
            found.append(SandboxExample(int(status), parameters, example.get("response"), "response" in example))
    return found


def _as_sent(value: Any) -> Any:
    """A number as the query of a request has it; other values are compared as they are."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
