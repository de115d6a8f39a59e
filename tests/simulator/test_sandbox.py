"""The sandbox: every published example, word for word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from sp_api_simulator.operations import OPERATIONS
from tests.simulator.support import REPORTS, US, Simulator

MISMATCH = ("InvalidInput", "Could not match input arguments", "")


def test_every_published_example(simulator: Simulator, openapi: Path) -> None:
    paths = json.loads(openapi.read_text())["paths"]
    seller = simulator.seller()
    checked = set()
    for operation in OPERATIONS:
        token = simulator.grantless(operation.scope) if operation.scope else seller
        responses = paths.get(operation.path, {}).get(operation.method.lower(), {}).get("responses", {})
        examples = [
            (int(status), example)
            for status, response in responses.items()
            for example in response.get("x-amzn-api-sandbox", {}).get("static", [])
        ]
        for status, example in examples:
            parameters = example.get("request", {}).get("parameters", {})
            if status == 400 and not parameters and len(examples) > 1:
                parameters = dict.fromkeys(part[1:-1] for part in operation.path.split("/") if part.startswith("{"))
            path, body = request(operation.path, parameters)
            answer = simulator.call(operation.method, path, token, body, "sandbox.eu")
            assert answer.status == status, (operation.name, example)
            if "response" in example:
                assert answer.json == example["response"]
            else:
                assert answer.content == b""
            checked.add(operation.name)
    assert len(checked) >= 20


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
