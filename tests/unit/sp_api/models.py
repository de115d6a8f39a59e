"""Checks requests against Amazon's published models: the npm package's OpenAPI and, where there are, newer files."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, FormatChecker

from tests.unit.sp_api.support import Received

_REPOSITORY = Path(__file__).resolve().parents[3]
_PACKAGE = _REPOSITORY / "node_modules/@selling-partner-api/models/src/merged.json"
_NEWER = _REPOSITORY.parent / "shared/sp-api/models"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_FORMATS = FormatChecker(())
_FORMATS.checks("date-time")(lambda value: not isinstance(value, str) or _DATE_TIME.fullmatch(value) is not None)

Json = dict[str, Any]


@dataclass(frozen=True)
class Model:
    """One document of operations. `source` says where it comes from."""

    source: str
    document: Json

    def operation(self, method: str, path: str) -> tuple[str, Json, Mapping[str, str]] | None:
        """The path's pattern, the operation and the values of the path's fields."""
        for pattern, operations in self.document["paths"].items():
            expression = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(pattern))
            match = re.fullmatch(expression, path)
            if match and method.lower() in operations:
                return pattern, operations[method.lower()], match.groupdict()
        return None


@cache
def models() -> tuple[Model, ...]:
    """Every model that is there; `make test` installs the npm package."""
    found = []
    if _PACKAGE.exists():
        found.append(Model("npm @selling-partner-api/models", json.loads(_PACKAGE.read_text())))
    if _NEWER.is_dir():
        newer = [Model(path.name, json.loads(path.read_text())) for path in sorted(_NEWER.glob("*.json"))]
        # The folder has JSON Schemas of documents too, which have no operations.
        found += [model for model in newer if "paths" in model.document]
    assert found, f"no models: neither {_PACKAGE.relative_to(_REPOSITORY)} nor newer ones; run `make unit`"
    return tuple(found)


def check(request: Received) -> list[str]:
    """Checks a request against each model that knows its operation and returns the operation's id for each."""
    path = request.path.removeprefix("/na")
    operations = []
    unknown = set(request.query)
    for model in models():
        found = model.operation(request.method, path)
        if found is not None:
            _, operation, fields = found
            # A newer model may have a parameter that the package lacks.
            unknown -= _declared(model, operation, "query")
            _check_parameters(model, operation, request.query, fields)
            _check_body(model, operation, request)
            operations.append(operation["operationId"])
    assert operations, f"no model knows {request.method} {path}"
    assert not unknown, f"{operations[0]} has no parameter {unknown}"
    return operations


def _declared(model: Model, operation: Json, place: str) -> set[str]:
    parameters = (resolved(model.document, raw) for raw in operation.get("parameters", []))
    return {parameter["name"] for parameter in parameters if parameter["in"] == place}


def _check_parameters(model: Model, operation: Json, query: Mapping[str, str], fields: Mapping[str, str]) -> None:
    declared = {
        (parameter["in"], parameter["name"]): parameter
        for parameter in (resolved(model.document, raw) for raw in operation.get("parameters", []))
    }
    for (place, name), parameter in declared.items():
        value = {"query": query, "path": fields}.get(place, {}).get(name)
        if place in ("query", "path"):
            assert value is not None or not parameter.get("required"), f"{name} is required"
        if value is not None:
            schema = inlined(model.document, parameter.get("schema") or parameter)
            _validate(_typed(value, schema), schema)


def _check_body(model: Model, operation: Json, request: Received) -> None:
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
    else:
        bodies = [parameter for parameter in operation.get("parameters", []) if parameter.get("in") == "body"]
        schema = bodies[0]["schema"] if bodies else None
    if schema is None:
        assert request.body == b""
        return
    assert request.headers["content-type"] == "application/json"
    _validate(request.json, inlined(model.document, schema))


def _typed(value: str, schema: Json) -> object:
    """A parameter's text as the type that its schema names; arrays are written with commas."""
    if schema["type"] == "array":
        return [_typed(item, schema["items"]) for item in value.split(",")]
    return int(value) if schema["type"] == "integer" else value


def _validate(value: object, schema: Json) -> None:
    Draft7Validator(schema, format_checker=_FORMATS).validate(value)


def resolved(document: Json, schema: Json) -> Json:
    """The schema itself, or what it refers to."""
    while "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def inlined(document: Json, schema: Json) -> Json:
    """The schema with every reference filled in, `allOf` merged, and closed to fields that it does not name."""
    schema = resolved(document, schema)
    merged: Json = {key: value for key, value in schema.items() if key in _KEPT}
    properties = dict(schema.get("properties", {}))
    required = list(schema.get("required", [])) if isinstance(schema.get("required"), list) else []
    for part in schema.get("allOf", []):
        part = resolved(document, part)
        properties |= part.get("properties", {})
        required += part.get("required", [])
    if properties:
        merged |= {"type": "object", "required": required, "additionalProperties": False}
        merged["properties"] = {name: inlined(document, value) for name, value in properties.items()}
    elif isinstance(schema.get("additionalProperties"), dict):
        merged["additionalProperties"] = inlined(document, schema["additionalProperties"])
    if "items" in schema:
        merged["items"] = inlined(document, schema["items"])
    return merged


_KEPT = (
    "type",
    "enum",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)
