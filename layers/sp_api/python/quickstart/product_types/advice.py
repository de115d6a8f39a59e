"""Warnings about what the schema accepts and Amazon may refuse: codes and attributes on their way out, free texts."""

from collections.abc import Iterator, Mapping
from typing import Any

from quickstart.product_types.enumerations import enumeration
from quickstart.product_types.findings import Finding, Severity
from quickstart.product_types.schemas import dereferenced, pointer
from quickstart.product_types.wording import any_of, choices, place, shown

_Place = tuple[str | int, ...]


def warnings(schema: Mapping[str, Any], attributes: Mapping[str, Any]) -> Iterator[Finding]:
    """Warnings for the values that are there. They come from `properties` and `items`, not from conditions."""
    for place_, field, value in _fields(schema, attributes):
        replaced = field.get("replacedBy")
        if isinstance(replaced, list) and replaced:
            names = [str(entry).rsplit("/", 1)[-1] for entry in replaced]
            message = f"{place(place_)} is replaced by {any_of(names)}. Amazon may stop accepting it"
            yield _warning(place_, "replacedBy", message, names)
        if isinstance(value, Mapping | list):
            continue
        codes = enumeration(schema, field)
        if codes is None:
            continue
        if codes.is_deprecated(value):
            current = [code for code in codes.codes if not codes.is_deprecated(code)]
            message = f"Amazon is removing {shown(value)} from the values of {place(place_)}; use another one"
            yield _warning(place_, "enumDeprecated", message, current)
        elif codes.open and isinstance(value, str) and not codes.has(value):
            code = codes.code_of(value)
            hint = (
                f"send the code {code}"
                if code is not None
                else f"Amazon's list has {choices(codes.codes, codes.labels)}"
            )
            message = f"{shown(value)} is not in Amazon's list for {place(place_)}, and Amazon often rejects it: {hint}"
            yield _warning(place_, "enum", message, list(codes.codes) if code is None else code)


def _warning(path: _Place, rule: str, message: str, expected: object) -> Finding:
    return Finding(pointer(path), rule, message, Severity.WARNING, (str(path[0]),), expected)


def _fields(
    schema: Mapping[str, Any], attributes: Mapping[str, Any]
) -> Iterator[tuple[_Place, Mapping[str, Any], Any]]:
    """Each value with its schema, the attributes themselves excepted."""
    waiting: list[tuple[_Place, Any, Any]] = [((), schema, attributes)]
    while waiting:
        path, described, value = waiting.pop()
        field = dereferenced(schema, described)
        if path:
            yield path, field, value
        if isinstance(value, Mapping):
            properties = field.get("properties")
            known = properties if isinstance(properties, Mapping) else {}
            waiting += [((*path, name), known[name], entry) for name, entry in value.items() if name in known]
        elif isinstance(value, list) and isinstance(field.get("items"), Mapping):
            waiting += [((*path, position), field["items"], entry) for position, entry in enumerate(value)]
