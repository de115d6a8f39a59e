"""The sandbox: every published example, word for word."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from sp_api_simulator.errors import OperationError
from sp_api_simulator.operations import OPERATIONS, SCOPES, Operation
from sp_api_simulator.sandbox import BUILT_IN, NEWER_EXAMPLES, load_examples
from tests.simulator.support import REPORTS, US, Contract, Simulator

MISMATCH = ("InvalidInput", "Could not match input arguments", "")


@pytest.mark.parametrize("endpoint", ["sandbox.na", "sandbox.eu", "sandbox.fe"])
def test_every_published_example(simulator: Simulator, contracts: tuple[Contract, ...], endpoint: str) -> None:
    seller = simulator.seller()
    tokens = {"": seller} | {scope: simulator.grantless(scope) for scope in SCOPES}
    checked: set[str] = set()
    for contract in contracts:
        for operation in OPERATIONS:
            for number, (status, example, parameters) in enumerate(published(contract, operation)):
                # The simulator has the examples of the npm package, and those of NEWER_EXAMPLES.
                known = operation.name in NEWER_EXAMPLES or parameters in [
                    packaged for _, _, packaged in published(contracts[0], operation)
                ]
                if not known or not sendable(operation, parameters):
                    continue
                path, body = request(operation.path, parameters)
                answer = simulator.call(operation.method, path, tokens[operation.scope], body, endpoint)
                assert answer.status == status, (operation.name, example)
                if "response" in example:
                    assert answer.json == example["response"]
                else:
                    assert answer.content == b""
                checked.add(f"{operation.name} {number}")
    assert len(checked) == (65 if len(contracts) > 1 else 64)


def published(contract: Contract, operation: Operation) -> list[tuple[int, Any, Any]]:
    """Status, example and request parameters of the static examples that a model has of an operation."""
    described = contract.document["paths"].get(operation.path, {}).get(operation.method.lower(), {})
    examples = [
        (int(status), example)
        for status, response in described.get("responses", {}).items()
        for example in response.get("x-amzn-api-sandbox", {}).get("static", [])
    ]
    found = []
    for status, example in examples:
        parameters = example.get("request", {}).get("parameters", {})
        if status == 400 and not parameters and len(examples) > 1:
            parameters = dict.fromkeys(part[1:-1] for part in operation.path.split("/") if part.startswith("{"))
        found.append((status, example, parameters))
    return found


def sendable(operation: Operation, parameters: dict[str, Any]) -> bool:
    """Whether HTTP can carry the example: not an empty part of the path or element of a list, nor a GET with a body."""
    values = {name: value.get("value") for name, value in parameters.items() if value}
    return not any(value in ("", [""]) for value in values.values()) and not (
        operation.method == "GET" and "body" in parameters
    )


def test_the_examples_newer_than_the_package(simulator: Simulator) -> None:
    path = "/notifications/v1/subscriptions?notificationTypes=ANY_OFFER_CHANGED"
    (subscription,) = simulator.call("GET", path, simulator.seller(), endpoint="sandbox.fe", status=200).json[
        "payload"
    ]["subscriptions"]
    assert subscription["payloadVersion"] == "1.0"
    other = path.replace("ANY_OFFER_CHANGED", "ORDER_CHANGE")
    assert simulator.call("GET", other, simulator.seller(), endpoint="sandbox.fe", status=400).error == MISMATCH


def request(template: str, parameters: dict[str, Any]) -> tuple[str, Any]:
    """The path with its query, and the body, that an example asks for."""
    values = {name: value["value"] if value else "anything" for name, value in parameters.items()}
    body = values.pop("body", None)
    path = template
    for part in template.split("/"):
        if part.startswith("{"):
            path = path.replace(part, quote(str(values.pop(part[1:-1], "anything"))))
    query = {name: ",".join(value) if isinstance(value, list) else value for name, value in values.items()}
    return (f"{path}?{urlencode(query)}" if query else path), body


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{REPORTS}/54517018502", None),
        ("GET", f"{REPORTS}?reportTypes=GET_MERCHANT_LISTINGS_ALL_DATA", None),
        ("POST", REPORTS, {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": [US]}),
    ],
)
def test_everything_else_does_not_match(simulator: Simulator, method: str, path: str, body: Any) -> None:
    assert simulator.call(method, path, simulator.seller(), body, "sandbox.na", status=400).error == MISMATCH


def test_the_sandbox_checks_tokens_and_changes_nothing(simulator: Simulator) -> None:
    simulator.call("GET", f"{REPORTS}/ID323", endpoint="sandbox.na", status=403)
    simulator.call("GET", f"{REPORTS}/ID323", simulator.grantless(), endpoint="sandbox.na", status=403)
    body = {
        "reportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
        "dataStartTime": "2024-03-10T20:11:24.000Z",
        "marketplaceIds": ["A1PA6795UKMFR9", "ATVPDKIKX0DER"],
    }
    answer = simulator.call("POST", REPORTS, simulator.seller(), body, "sandbox.na", status=202)
    assert answer.json == {"reportId": "ID323"}
    assert simulator.control("GET", "/reports")["reports"] == []


def test_the_built_in_examples_are_the_published_ones(openapi: Path) -> None:
    packaged = load_examples(openapi)
    assert packaged.loaded
    assert {name: packaged.by_operation[name] for name in BUILT_IN} == BUILT_IN


def test_without_the_package_only_the_built_in_examples_are_there(tmp_path: Path) -> None:
    examples = load_examples(tmp_path / "none.json")
    order = {"amazonOrderId": "123-1234567-1234567", "marketplaceIds": [US]}
    assert examples.answer("getSolicitationActionsForOrder", order).status == 200
    assert examples.answer("createProductReviewAndSellerFeedbackSolicitation", order).status == 201
    with pytest.raises(OperationError, match="Could not match"):
        examples.answer("getSolicitationActionsForOrder", {**order, "amazonOrderId": "1"})
    with pytest.raises(OperationError, match="no sandbox examples"):
        examples.answer("getReport", {"reportId": "ID323"})
