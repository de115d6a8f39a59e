"""Reads Amazon's schema documents: parses, repairs and resolves them."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

JsonSchema = dict[str, Any]

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_SCHEMA = frozenset(
    {
        "additionalItems",
        "additionalProperties",
        "contains",
        "else",
        "if",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_LISTS_OF_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf"})
_SCHEMAS_BY_NAME = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_ANNOTATIONS = frozenset(
    {
        "$comment",
        "default",
        "description",
        "editable",
        "enumNames",
        "examples",
        "hidden",
        "replacedBy",
        "replaces",
        "title",
    }
)
# A schema that refers to itself is resolved so many times.
_MOST_LEVELS = 64


class SchemaUnreadableError(ValueError):
    """The document is not a JSON object."""


@dataclass(frozen=True)
class Warned:
    """Something in a schema that cannot be applied, and that was taken out.

    `pointer` is the JSON pointer inside the schema. `attribute_name` is None outside the schema's `properties`.
    """

    pointer: str
    attribute_name: str | None
    message: str


@dataclass(frozen=True)
class Repaired:
    """`schema` can be compiled; `warnings` say what was taken out."""

    schema: Mapping[str, Any]
    warnings: tuple[Warned, ...]


def parsed(body: bytes) -> JsonSchema:
    """The document as an object. Raises SchemaUnreadableError."""
    try:
        schema = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SchemaUnreadableError(f"The schema is not JSON ({type(error).__name__})") from None
    if not isinstance(schema, dict):
        raise SchemaUnreadableError("The schema is not a JSON object")
    return schema


def copied(schema: Mapping[str, Any]) -> JsonSchema:
    """A copy that shares nothing with the schema. Raises SchemaUnreadableError if JSON cannot carry it."""
    try:
        whole: JsonSchema = json.loads(json.dumps(schema))
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaUnreadableError(f"The schema is not JSON ({type(error).__name__})") from None
    return whole


def repaired(schema: Mapping[str, Any]) -> Repaired:
    """Takes out what cannot be applied, such as an empty `enum`, which no value meets.

    The schema itself stays as it is. Raises SchemaUnreadableError if JSON cannot carry it.
    """
    own = copied(schema)
    return Repaired(own, repair(own))


def repair(schema: JsonSchema, each: Callable[[], object] = lambda: None) -> tuple[Warned, ...]:
    """As `repaired`, but changes the schema in place. Calls `each` for each schema inside it, which may raise."""
    warnings: list[Warned] = []
    waiting: list[tuple[JsonSchema, tuple[str, ...]]] = [(schema, ())]
    # A reference may lead to a part of the document to which no keyword leads.
    referred_to: list[tuple[JsonSchema, tuple[str, ...]]] = []
    seen: set[int] = set()
    while waiting or referred_to:
        current, path = (waiting or referred_to).pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        each()
        if "$ref" in current:
            current["$ref"] = _inside(schema, current["$ref"])
        for keyword in list(current):
            reason = _unusable(keyword, current[keyword], schema)
            if reason:
                del current[keyword]
                where = (*path, keyword)
                name = path[1] if len(path) > 1 and path[0] == "properties" else None
                shown = f"of {name} " if name else ""
                warnings.append(Warned(pointer(where), name, f"The rule {keyword} {shown}in Amazon's schema {reason}"))
        waiting.extend(_inner(current, path))
        target = referred(schema, current)
        if target is not None:
            referred_to.append((target, _parts(current["$ref"])))
    return tuple(warnings)


def pointer(path: tuple[str | int, ...]) -> str:
    """The JSON pointer (RFC 6901) of a path."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def referred(root: Mapping[str, Any], schema: Mapping[str, Any]) -> JsonSchema | None:
    """What the `$ref` of a schema refers to inside the document; None if it has none, or refers elsewhere."""
    reference = _inside(root, schema.get("$ref"))
    if reference != "#" and not reference.startswith("#/"):
        return None
    found: Any = root
    for key in _parts(reference):
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found if isinstance(found, dict) else None


def _parts(reference: str) -> tuple[str, ...]:
    """The path of a reference: the inverse of `pointer`, behind a #."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in unquote(reference).split("/")[1:])


def _inside(root: Mapping[str, Any], reference: Any) -> str:
    """A reference without the document's own address; empty if it is no text."""
    address = root.get("$id")
    text = reference if isinstance(reference, str) else ""
    return text.removeprefix(address) if isinstance(address, str) and text.startswith(f"{address}#") else text


def dereferenced(root: Mapping[str, Any], schema: object) -> Mapping[str, Any]:
    """The schema, with what it refers to, and its own keywords over it. Empty if it is not an object."""
    merged: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
    for _ in range(_MOST_LEVELS):
        target = referred(root, merged)
        if target is None:
            break
        merged = {**target, **{keyword: value for keyword, value in merged.items() if keyword != "$ref"}}
    return merged


def resolved(schema: Mapping[str, Any]) -> JsonSchema:
    """The schema with each `$ref` replaced by what it refers to. A reference to itself stays a reference."""
    whole = _resolved(schema, schema, ())
    assert isinstance(whole, dict)
    whole.pop("$defs", None)
    if _has_references(whole):
        whole["$defs"] = copied(schema.get("$defs", {}))
    return whole


def _resolved(root: Mapping[str, Any], value: Any, inside: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_resolved(root, entry, inside) for entry in value]
    if not isinstance(value, Mapping):
        return value
    target = referred(root, value)
    if target is None or value["$ref"] in inside or len(inside) >= _MOST_LEVELS:
        return {keyword: _resolved(root, entry, inside) for keyword, entry in value.items()}
    own = {keyword: _resolved(root, entry, inside) for keyword, entry in value.items() if keyword != "$ref"}
    other = _resolved(root, target, (*inside, value["$ref"]))
    if set(own) & set(other) <= _ANNOTATIONS:
        return {**other, **own}
    return {**own, "allOf": [*own.get("allOf", []), other]}


def _has_references(schema: JsonSchema) -> bool:
    waiting: list[Any] = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _inner(schema: JsonSchema, path: tuple[str, ...]) -> Iterator[tuple[JsonSchema, tuple[str, ...]]]:
    """The schemas directly inside a schema, with their paths."""
    for keyword, value in schema.items():
        if keyword in _LISTS_OF_SCHEMAS or (keyword == "items" and isinstance(value, list)):
            for position, entry in enumerate(value):
                if isinstance(entry, dict):
                    yield entry, (*path, keyword, str(position))
        elif keyword in _SCHEMAS_BY_NAME:
            for name, entry in value.items():
                if isinstance(entry, dict):
                    yield entry, (*path, keyword, name)
        elif (keyword in _SCHEMA or keyword == "items") and isinstance(value, dict):
            yield value, (*path, keyword)


def _unusable(keyword: str, value: Any, root: Mapping[str, Any]) -> str:
    """Why a keyword cannot be applied; empty if it can."""
    if keyword == "enum":
        return "is not a list" if not isinstance(value, list) else "" if value else "is empty"
    if keyword == "$ref":
        return "" if referred(root, {"$ref": value}) is not None else "refers to nothing in the schema"
    rule = _RULES.get(keyword)
    if rule is None:
        return ""
    fits, reason = rule
    return "" if fits(value) else reason


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _are_schemas(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_schema(entry) for entry in value)


def _is_type(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)


_Rule = tuple[Callable[[Any], bool], str]
_COUNT: _Rule = (_is_count, "is not a whole number")
_NUMBER: _Rule = (_is_number, "is not a number")
_TEXTS: _Rule = (_are_texts, "is not a list of names")
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(_SCHEMA, (_is_schema, "is not a schema")),
    **dict.fromkeys(_LISTS_OF_SCHEMAS, (_are_schemas, "is not a list of schemas")),
    **dict.fromkeys(
        _SCHEMAS_BY_NAME,
        (lambda value: isinstance(value, dict) and all(map(_is_schema, value.values())), "is not a set of schemas"),
    ),
    **dict.fromkeys(
        (
            *("maxContains", "maxItems", "maxLength", "maxProperties", "maxUniqueItems", "maxUtf8ByteLength"),
            *("minContains", "minItems", "minLength", "minProperties", "minUniqueItems", "minUtf8ByteLength"),
        ),
        _COUNT,
    ),
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum"), _NUMBER),
    "dependentRequired": (
        lambda value: isinstance(value, dict) and all(map(_are_texts, value.values())),
        "is not a set of lists of names",
    ),
    "items": (lambda value: _is_schema(value) or _are_schemas(value), "is not a schema"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "is not a number above 0"),
    "pattern": (lambda value: isinstance(value, str), "is not a text"),
    "required": _TEXTS,
    "selectors": _TEXTS,
    "type": (_is_type, "is not a type"),
    "uniqueItems": (lambda value: isinstance(value, bool), "is not true or false"),
}
