"""Wrong shapes of attributes: named with the right shape, and corrected where only one correction is possible."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quickstart.product_types.enumerations import enumeration
from quickstart.product_types.findings import Finding, Severity
from quickstart.product_types.schemas import dereferenced, pointer
from quickstart.product_types.wording import place, shown, shown_text

_Path = tuple[str | int, ...]
# An attribute's own schema is at most a few levels deep. A schema that refers to itself ends here.
_MOST_LEVELS = 16
_LONGEST_NUMBER = 40
MOST_FINDINGS = 200
"""Findings for one listing. More are corrected and not named."""
# The same amount under the other of two names: list_price has one of them, by marketplace.
_AMOUNTS = ("value", "value_with_tax")


@dataclass(frozen=True)
class Corrected:
    """`attributes` is the corrected body, None when nothing could be corrected without guessing."""

    attributes: Mapping[str, object] | None
    findings: tuple[Finding, ...]


@dataclass
class _Work:
    """`wrapped` counts the levels that were added around the current value. One finding names the outermost."""

    root: Mapping[str, Any]
    findings: list[Finding] = field(default_factory=list)
    wrapped: int = 0

    def found(self, path: _Path, rule: str, message: str, expected: object) -> None:
        """Notes a wrong shape. `path` leads to the value as it was given."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(pointer(path), rule, message, Severity.ERROR, (str(path[0]),), expected))

    def lacks_level(self, path: _Path, rule: str, message: str, described: Mapping[str, Any]) -> None:
        """Notes that levels are missing around a value, unless this was noted for a level further out."""
        if self.wrapped == 0 and len(self.findings) < MOST_FINDINGS:
            self.found(path, rule, message, example(self.root, described))

    def inside(self, schema: object, value: object, path: _Path, levels: int) -> object:
        """The value inside a level that was added around it."""
        self.wrapped += 1
        try:
            return _shaped(self, schema, value, path, levels)
        finally:
            self.wrapped -= 1


def corrected(schema: Mapping[str, object], attributes: Mapping[str, object]) -> Corrected:
    """Finds attributes in a wrong shape, and offers a body in the right one.

    The rules of the findings: `list` (a list of objects belongs here), `object` (an object with a field belongs here),
    `nesting` (a level is left out, as in prices), `label` (a label in place of a code), `number`, `boolean` and `text`
    (a value in another type of JSON), `name` (a field under a slightly different name).
    """
    properties = schema.get("properties")
    known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    work = _Work(schema)
    body: dict[str, object] = {}
    names = _Names(known, attributes)
    for name, value in attributes.items():
        right = names.of(name)
        if right != name:
            work.found((name,), "name", f"use {right} instead of {shown_text(name)}", right)
        body[right] = _shaped(work, known[right], value, (name,), _MOST_LEVELS) if right in known else value
    return Corrected(body if body != attributes else None, tuple(work.findings))


def example(root: Mapping[str, Any], schema: object, levels: int = _MOST_LEVELS) -> object:
    """The shape of a value with the schema's own examples, and without the fields that are filled in."""
    described = dereferenced(root, schema)
    if levels == 0:
        return "..."
    if "items" in described or described.get("type") == "array":
        return [example(root, described.get("items"), levels - 1)]
    properties = described.get("properties")
    if isinstance(properties, Mapping):
        shown_fields = _visible(root, described)
        required = described.get("required")
        needed = [name for name in shown_fields if isinstance(required, list) and name in required]
        return {name: example(root, properties[name], levels - 1) for name in needed or shown_fields}
    codes = enumeration(root, described)
    if codes is not None:
        return codes.codes[0]
    return {"boolean": True, "integer": 1, "number": 1.5}.get(str(described.get("type")), "...")


def _shaped(work: _Work, schema: object, value: object, path: _Path, levels: int) -> object:
    described = dereferenced(work.root, schema)
    if levels == 0 or value is None:
        return value
    if described.get("type") == "array" and isinstance(described.get("items"), Mapping):
        return _list(work, described, value, path, levels)
    if isinstance(described.get("properties"), Mapping):
        return _object(work, described, value, path, levels)
    return _scalar(work, described, value, path)


def _list(work: _Work, described: Mapping[str, Any], value: object, path: _Path, levels: int) -> object:
    items: Mapping[str, Any] = described["items"]
    if isinstance(value, list):
        # A level added further out leaves these items where they were given.
        return [_shaped(work, items, entry, (*path, number), levels - 1) for number, entry in enumerate(value)]
    rule = "list" if len(path) == 1 else "nesting"
    work.lacks_level(path, rule, f"{place(path)} must be a list of objects, not {shown(value)}", described)
    item = dereferenced(work.root, items)
    if "properties" in item and not isinstance(value, Mapping) and _principal(work.root, item) is None:
        return value
    return [work.inside(items, value, path, levels - 1)]


def _object(work: _Work, described: Mapping[str, Any], value: object, path: _Path, levels: int) -> object:
    properties: Mapping[str, Any] = described["properties"]
    inner = _principal(work.root, described)
    if isinstance(value, Mapping):
        return _fields(work, described, value, path, levels, inner)
    if isinstance(value, list) or inner is None:
        return value
    message = f"{place(path)} must have objects with the field {inner}, not {shown(value)}"
    work.lacks_level(path, "object", message, described)
    return {inner: work.inside(properties[inner], value, path, levels - 1)}


def _fields(
    work: _Work,
    described: Mapping[str, Any],
    value: Mapping[Any, Any],
    path: _Path,
    levels: int,
    inner: str | None,
) -> object:
    properties: Mapping[str, Any] = described["properties"]
    names = [name for name in value if name not in properties]
    if inner is not None and value and len(names) == len(value) and _fits(work.root, properties[inner], value):
        # A level is left out: {"value_with_tax": 9} where {"schedule": [{"value_with_tax": 9}]} belongs.
        work.lacks_level(path, "nesting", f"{place(path)} leaves out the level {inner}", described)
        return {inner: work.inside(properties[inner], value, path, levels - 1)}
    whole: dict[str, object] = {}
    alike = _Names(properties, value)
    for name, entry in value.items():
        right = alike.of(name) if isinstance(name, str) else name
        other = next((amount for amount in _AMOUNTS if amount != name), "")
        if name in _AMOUNTS and name not in properties and other in properties and other not in value:
            right = other
        if right != name:
            work.found((*path, name), "name", f"use {right} instead of {place((*path, name))}", right)
        known = right in properties
        whole[right] = _shaped(work, properties[right], entry, (*path, name), levels - 1) if known else entry
    return whole


def _fits(root: Mapping[str, Any], schema: object, value: Mapping[Any, Any]) -> bool:
    """Whether the names of an object are fields of the objects that a schema describes, in a list or not."""
    described = dereferenced(root, schema)
    if isinstance(described.get("items"), Mapping):
        described = dereferenced(root, described["items"])
    properties = described.get("properties")
    return isinstance(properties, Mapping) and all(
        name in properties or (name in _AMOUNTS and any(amount in properties for amount in _AMOUNTS)) for name in value
    )


def _scalar(work: _Work, described: Mapping[str, Any], value: object, path: _Path) -> object:
    codes = enumeration(work.root, described)
    if codes is not None:
        code = codes.code_of(value) if isinstance(value, str) and not codes.has(value) else None
        if code is None:
            return value
        work.found(path, "label", f"{place(path)} must be the code {shown_text(str(code))}, not {shown(value)}", code)
        return code
    convert = _CONVERTED.get(str(described.get("type")))
    if convert is None:
        return value
    rule, words, convert_value = convert
    right = convert_value(value)
    if right is None:
        return value
    work.found(path, rule, f"{place(path)} must be {words}, not {shown(value)}", right)
    return right


def _number(value: object) -> object | None:
    """The number in a text, None for anything else. Texts with a comma are not read: it may separate thousands."""
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER or not value.strip().isascii():
        return None
    text = value.strip()
    digits = text.removeprefix("-").replace(".", "", 1)
    if not digits.isdigit():
        return None
    return float(text) if "." in text else int(text)


def _whole_number(value: object) -> object | None:
    number = _number(value)
    return number if isinstance(number, int) else None


def _boolean(value: object) -> object | None:
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def _text(value: object) -> object | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15 else None


_CONVERTED: Mapping[str, tuple[str, str, Callable[[object], object | None]]] = {
    "boolean": ("boolean", "true or false without quotes", _boolean),
    "integer": ("number", "a whole number without quotes", _whole_number),
    "number": ("number", "a number without quotes", _number),
    "string": ("text", "a text in quotes", _text),
}


def _visible(root: Mapping[str, Any], described: Mapping[str, Any]) -> list[str]:
    properties = described.get("properties")
    if not isinstance(properties, Mapping):
        return []
    return [name for name, rules in properties.items() if dereferenced(root, rules).get("hidden") is not True]


def _principal(root: Mapping[str, Any], described: Mapping[str, Any]) -> str | None:
    """The field that a bare value or a nested object can only belong to: `value`, or the one visible required field."""
    names = _visible(root, described)
    if len(names) == 1:
        return names[0]
    required = described.get("required")
    needed = [name for name in names if isinstance(required, list) and name in required]
    if needed in (["value"], ["value_with_tax"]):
        return needed[0]
    return needed[0] if len(needed) == 1 else None


class _Names:
    """Known and given names by their letters. A name of either kind that is not alone is not corrected."""

    def __init__(self, known: Mapping[str, Any], given: Mapping[Any, Any]) -> None:
        self._known = known
        self._given = given
        self._alike: dict[str, list[str]] | None = None
        self._times: Counter[str] = Counter()

    def of(self, name: str) -> str:
        """The one known name that differs only in case, spaces, hyphens and underscores; otherwise the name itself."""
        if name in self._known:
            return name
        if self._alike is None:
            self._alike = {}
            for other in self._known:
                self._alike.setdefault(_letters(other), []).append(other)
            self._times.update(_letters(other) for other in self._given if isinstance(other, str))
        letters = _letters(name)
        alike = self._alike.get(letters, ())
        return alike[0] if len(alike) == 1 and self._times[letters] == 1 else name


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in " -_")
