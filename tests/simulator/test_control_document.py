"""The control API's OpenAPI document is what the control API does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sp_api_simulator import control, control_api
from sp_api_simulator.control_api import CONTROL_OPERATIONS, OPENAPI_PATH
from tests.simulator.support import CLIENT_ID, LISTINGS, QUEUE_ARN, US, Simulator, control_contract

FILES = {
    "GET /simulator/reports/{report_id}/document",
    "GET /simulator/feeds/{feed_id}/document",
}
"""Operations whose answer is no JSON; app.py has their routes."""

PATH_VALUES = {"client_id": CLIENT_ID, "seller_id": "A1", "order_id": "902-1", "asin": "B000000001"}

VALUES: dict[str, Any] = {
    "regions": ["NA", "EU", "FE"],
    "region": "NA",
    "sellerId": "A1",
    "clientId": CLIENT_ID,
    "marketplaceId": US,
    "reportType": LISTINGS,
    "rotationQueueArn": QUEUE_ARN,
    "expiryQueueArn": QUEUE_ARN,
    "payloadVersions": "both",
    "tokens": {"": "both"},
    "notificationType": "ORDER_CHANGE",
    **dict.fromkeys(
        ("dataStartTime", "dataEndTime", "deliveredAt", "earliestDeliveryDate", "latestDeliveryDate"),
        "2026-01-02T03:04:05Z",
    ),
}
"""Values of fields for which not every value of the schema is valid."""

APART = {
    # Fields that exclude each other.
    "sku": ("every",),
    "sellerId": ("clientId",),
    "payload": ("body",),
}

WRONG: dict[str, Any] = {
    "string": 1,
    "number": "1",
    "integer": 1.5,
    "boolean": "true",
    "array": "x",
    "object": "x",
}


def sample(schema: Any, name: str = "") -> Any:
    """A valid value with every field."""
    if name in VALUES:
        return VALUES[name]
    if "enum" in schema:
        return next(choice for choice in schema["enum"] if choice)
    kinds = schema.get("type", "object")
    match kinds if isinstance(kinds, str) else kinds[0]:
        case "string":
            return "x"
        case "number" | "integer":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case "array":
            return [sample(schema["items"])]
    return {field: sample(inner, field) for field, inner in schema.get("properties", {}).items()}


def bodies(operation: str) -> list[dict[str, Any]]:
    """Valid bodies that have every field of the operation between them."""
    schema = CONTROL_OPERATIONS[operation].body or {}
    names = schema.get("properties", {}).keys()
    left_out: list[set[str]] = [set()]
    if operation == "POST /simulator/notifications":
        left_out = [{"clientId", "body"}, {"clientId", "payload"}]
    if operation == "PUT /simulator/feed-outcomes" or operation == "POST /simulator/feed-outcomes":
        whole = sample(schema)
        del whole["messages"][0]["every"]
        other = sample(schema)
        del other["messages"][0]["sku"]
        return [whole, other]
    found = [{name: sample(schema["properties"][name], name) for name in names if name not in out} for out in left_out]
    if operation == "POST /simulator/notifications":
        types = ("APPLICATION_OAUTH_CLIENT_NEW_SECRET", "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY")
        found += [{"notificationType": name, "clientId": CLIENT_ID} for name in types]
    return found


def send(simulator: Simulator, operation: str, body: Any, status: int = 200) -> Any:
    method, path = operation.split(" ")
    filled = path.format(**PATH_VALUES).removeprefix("/simulator")
    return simulator.control(method, filled, body, status=status)


@pytest.fixture
def prepared(simulator: Simulator) -> Simulator:
    simulator.seller("A1")
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"rotationQueueArn": QUEUE_ARN, "expiryQueueArn": QUEUE_ARN})
    return simulator


WITH_BODY = [name for name, operation in CONTROL_OPERATIONS.items() if operation.body is not None]
WITHOUT_BODY = [name for name in CONTROL_OPERATIONS if name not in WITH_BODY and name not in FILES]


def test_it_is_served(simulator: Simulator) -> None:
    served = simulator.fetch("GET", f"{simulator.address}{OPENAPI_PATH}")
    assert served.headers["content-type"] == "application/json"
    assert served.json == control_contract().document


def test_it_has_the_operations_that_are_served() -> None:
    handlers = control.handlers(lambda: None)
    assert set(CONTROL_OPERATIONS) == set(handlers) | FILES
    names = [operation.name for operation in CONTROL_OPERATIONS.values()]
    assert len(names) == len(set(names))


def test_it_is_valid(tmp_path: Path, node_modules: Path) -> None:
    document, rules = tmp_path / "openapi.json", tmp_path / "redocly.yaml"
    document.write_text(json.dumps(control_api.document()))
    # It has no address of its own, and no other answers than these.
    rules.write_text("extends: [recommended]\nrules: {no-server-example.com: off}\n")
    command = [node_modules / ".bin/redocly", "lint", document, "--config", rules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("operation", WITH_BODY)
def test_every_field_of_the_document_is_taken(prepared: Simulator, operation: str) -> None:
    for body in bodies(operation):
        send(prepared, operation, body)


@pytest.mark.parametrize("operation", [*WITH_BODY, *WITHOUT_BODY])
def test_an_unknown_field_is_refused(prepared: Simulator, operation: str) -> None:
    body = (bodies(operation) if operation in WITH_BODY else [{}])[0]
    refused = send(prepared, operation, {**body, "colour": "red"}, status=400)
    assert refused["error"].startswith("unknown fields: colour.")
    method, path = operation.split(" ")
    filled = path.format(**PATH_VALUES).removeprefix("/simulator")
    refused = prepared.control(method, f"{filled}?colour=red", body or None, status=400)
    assert refused["error"].startswith("unknown fields: query parameters.colour.")


def fields_of(schema: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The path and the schema of every field with a type, also inside objects and lists."""
    for name, inner in schema.get("properties", {}).items():
        if "type" in inner:
            yield (*path, name), inner
        yield from fields_of(inner, (*path, name))
    if isinstance(schema.get("items"), dict) and "properties" in schema["items"]:
        yield from fields_of(schema["items"], (*path, 0))


@pytest.mark.parametrize("operation", WITH_BODY)
def test_a_wrong_value_is_refused_with_its_name(prepared: Simulator, operation: str) -> None:
    schema = CONTROL_OPERATIONS[operation].body
    for path, inner in fields_of(schema):
        kind = inner["type"] if isinstance(inner["type"], str) else inner["type"][0]
        body = json.loads(json.dumps(sample(schema)))
        place = body
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = WRONG[kind]
        named = ".".join(str(step) for step in path).replace(".0.", "[0].")
        assert send(prepared, operation, body, status=400)["error"].startswith(f"{named} must be ")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b'{"scale": NaN}', "the body is not JSON: NaN"),
        (b'{"scale": Infinity}', "the body is not JSON: Infinity"),
        (b'{"scale": 1e999}', "scale must be"),
        (b'{"advanceSeconds": 1e12}', "advanceSeconds must be 1,000,000,000 or less"),
        (b'{"scale": true}', "scale must be a number"),
        (b'{"\\ud800": 1}', "the body has half of a character"),
        (b"[" * 100_000, "the body is nested too deeply"),
        (b"[]", "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
    ],
)
def test_hostile_bodies(simulator: Simulator, body: bytes, words: str) -> None:
    answer = simulator.fetch("PUT", f"{simulator.address}/simulator/clock", body=body)
    assert (answer.status, answer.json["error"][: len(words)]) == (400, words)


def test_the_position_in_a_list_is_named(simulator: Simulator) -> None:
    rules = [{"status": "DONE"}, {"document": {"rows": -1}}]
    refused = simulator.control("PUT", "/report-outcomes", rules, status=400)
    assert refused["error"] == "[1].document.rows must be 0 or more"


def test_a_misspelt_operation_of_a_fault_is_refused(simulator: Simulator) -> None:
    fault = {"fault": "reset", "operation": "createReports"}
    assert simulator.control("POST", "/faults", fault, status=400)["error"].startswith("operation must be one of ")
    refused = simulator.control("GET", "/requests?operation=createReports", status=400)
    assert refused["error"].startswith("query parameters.operation must be one of ")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nothing", 404, "The control API has no GET /simulator/nothing. /simulator/openapi.json describes it"),
        ("PUT", "/reset", 405, "The control API has no PUT /simulator/reset. It has POST"),
        ("PATCH", "/faults", 405, "The control API has no PATCH /simulator/faults. It has DELETE, GET, HEAD, POST"),
    ],
)
def test_what_there_is_not(simulator: Simulator, method: str, path: str, status: int, words: str) -> None:
    assert simulator.control(method, path, status=status) == {"error": words}


def test_a_page_of_another_site_cannot_use_it(simulator: Simulator) -> None:
    url = f"{simulator.address}/simulator/reset"
    for origin in ("https://example.com", "null", "http://["):
        refused = simulator.fetch("POST", url, {"Origin": origin, "Content-Type": "text/plain"})
        assert (refused.status, refused.json["error"]) == (403, "a page of another site cannot use the simulator")
    assert simulator.fetch("POST", url, {"Origin": simulator.address}).status == 200
    for host, status in (("localhost:80", 200), ("simulator:80", 200), ("[::1]:80", 200), ("rebound.example:80", 403)):
        assert simulator.fetch("POST", url, {"Origin": f"http://{host}", "Host": host}).status == status


@pytest.mark.parametrize(
    ("body", "logged"),
    [
        (b'{"reportType": "\\ud800"}', {"reportType": "\ud800"}),
        (b'{"reportType": NaN}', {"reportType": "NaN"}),
        (b'{"reportType": 1e999}', {"reportType": "1e999"}),
        (b"[" * 100_000, None),
        (b"\xff", None),
    ],
)
def test_a_hostile_request_does_not_spoil_the_log(simulator: Simulator, body: bytes, logged: Any) -> None:
    token = simulator.seller()
    simulator.call("POST", "/reports/2021-06-30/reports", token, body, status=400)
    answer = simulator.fetch("GET", f"{simulator.address}/simulator/requests?operation=createReport")
    (entry,) = json.loads(answer.content, parse_constant=pytest.fail)["requests"]
    assert entry["body"] == logged
    assert simulator.fetch("GET", f"{simulator.address}/").status == 200
