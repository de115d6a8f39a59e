"""Schemas of the control API's bodies: JSON Schema with the few keywords that these bodies need.

The same schema checks a body and stands in the OpenAPI document, so the document cannot differ from the check.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sp_api_simulator.control_fields import ControlError

Schema = Mapping[str, Any]

LARGEST = 1_000_000_000
"""The largest number in a body. Larger ones would leave the range of Python's dates."""

_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "object": ((dict,), "a JSON object"),
    "array": ((list,), "a list"),
    "string": ((str,), "a string"),
    "number": ((int, float), "a number"),
    "integer": ((int,), "a whole number"),
    "boolean": ((bool,), "true or false"),
    "null": ((type(None),), "null"),
}
_NOT_EMPTY: Mapping[Any, Schema] = {"string": {"minLength": 1}, "array": {"minItems": 1}}


def text(description: str = "", choices: Iterable[str] = (), *, nullable: bool = False, **more: Any) -> Schema:
    """A string, one of `choices` if there are any."""
    allowed = [*choices, *([None] if nullable else [])]
    chosen = {"enum": allowed} if tuple(choices) else {}
    return _schema(["string", "null"] if nullable else "string", description, chosen | more)


def number(description: str = "", minimum: float = 0, **more: Any) -> Schema:
    return _schema("number", description, {"minimum": minimum, "maximum": LARGEST} | more)


def count(description: str = "", minimum: int = 0, *, nullable: bool = False, **more: Any) -> Schema:
    """A whole number."""
    kind: Any = ["integer", "null"] if nullable else "integer"
    return _schema(kind, description, {"minimum": minimum, "maximum": LARGEST} | more)


def flag(description: str = "", **more: Any) -> Schema:
    return _schema("boolean", description, more)


def texts(description: str = "", choices: Iterable[str] = (), **more: Any) -> Schema:
    return _schema("array", description, {"items": text(choices=choices)} | more)


def anything(description: str) -> Schema:
    """Any JSON value. Its handler says what it takes."""
    return {"description": description}


def items(of: Schema, description: str = "", **more: Any) -> Schema:
    return _schema("array", description, {"items": of} | more)


def fields(
    properties: Mapping[str, Schema], required: Iterable[str] = (), description: str = "", *, nullable: bool = False
) -> Schema:
    """An object with these fields and no others. A required field is not empty."""
    needed = list(required)
    filled = {name: {**properties[name], **_NOT_EMPTY.get(properties[name].get("type"), {})} for name in needed}
    names = {"required": needed} if needed else {}
    kind: Any = ["object", "null"] if nullable else "object"
    return _schema(kind, description, {"properties": {**properties, **filled}, **names, "additionalProperties": False})


def by_name(of: Schema, description: str, names: Iterable[str] = ()) -> Schema:
    """An object with a value for each name: any name, or one of `names`."""
    known = {"propertyNames": {"enum": list(names)}} if tuple(names) else {}
    return _schema("object", description, known | {"additionalProperties": of})


def check(value: Any, schema: Schema, where: str = "") -> None:
    """Raises ControlError, which names the field and the rule, for a value that the schema does not allow."""
    name = where or "the body"
    if (kinds := schema.get("type")) is not None:
        _check_kind(value, [kinds] if isinstance(kinds, str) else kinds, name)
    if value is None:
        return
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join("null" if choice is None else choice or '""' for choice in schema["enum"])
        raise ControlError(f"{name} must be one of {allowed}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ControlError(f"{name} must be a number")
    if "minimum" in schema and value < schema["minimum"]:
        raise ControlError(f"{name} must be {schema['minimum']:g} or more")
    if "maximum" in schema and value > schema["maximum"]:
        raise ControlError(f"{name} must be {schema['maximum']:,} or less")
    if isinstance(value, list) and len(value) < schema.get("minItems", 0):
        raise ControlError(f"{name} must not be empty")
    if isinstance(value, list) and "items" in schema:
        for position, item in enumerate(value):
            check(item, schema["items"], f"{where}[{position}]")
    if isinstance(value, dict):
        _check_fields(value, schema, where)


def _check_fields(value: Mapping[str, Any], schema: Schema, where: str) -> None:
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    start = f"{where}." if where else ""
    for name in schema.get("required", ()):
        if value.get(name) in (None, "", []):
            raise ControlError(f"{start}{name} is required")
    unknown = sorted(value.keys() - properties.keys()) if rest is False else []
    known = schema.get("propertyNames", {}).get("enum")
    unknown += sorted(value.keys() - set(known)) if known is not None else []
    if unknown:
        names = ", ".join(f"{start}{name}" for name in unknown)
        expected = f"The fields are: {', '.join(known or properties)}" if known or properties else "There are none"
        raise ControlError(f"unknown fields: {names}. {expected}")
    for name, content in value.items():
        check(content, properties.get(name, rest if isinstance(rest, Mapping) else {}), f"{start}{name}")


def _check_kind(value: Any, kinds: Iterable[str], name: str) -> None:
    for kind in kinds:
        if isinstance(value, _KINDS[kind][0]) and (kind == "boolean" or not isinstance(value, bool)):
            return
    raise ControlError(f"{name} must be {' or '.join(_KINDS[kind][1] for kind in kinds)}")


def _schema(kind: Any, description: str, more: Mapping[str, Any]) -> Schema:
    described = {"description": description} if description else {}
    return {"type": kind, **described, **more}
