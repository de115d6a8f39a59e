"""The attributes of a product type as a flat table, for import into a PIM (product information management)."""

import csv
import io
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from quickstart.product_types.enumerations import enumeration
from quickstart.product_types.schemas import dereferenced

# An attribute's own schema is at most a few levels deep. A schema that refers to itself ends here.
_MOST_LEVELS = 16
# So many branches of anyOf and oneOf, in each other too, are searched for a type. A branch that refers to itself ends
# here.
_MOST_BRANCHES = 64
CSV_COLUMNS = (
    "name",
    "title",
    "description",
    "type",
    "required",
    "enum_codes",
    "enum_labels",
    "enum_deprecated",
    "max_length",
    "max_bytes",
    "unit",
    "repeatable",
    "group",
    "example",
)
_SEPARATOR = "|"


@dataclass(frozen=True)
class EnumValue:
    """A code to send, its label to show, and whether Amazon is about to remove it."""

    code: str
    label: str
    deprecated: bool = False


@dataclass(frozen=True)
class Attribute:
    """One line of the table: an attribute, or a field inside it.

    `name`: of an attribute with one value, item_name; of a field inside one, purchasable_offer.audience.
    `type`: string, number, integer, boolean, date, or date-time.
    `required`: without regard to conditions, which depend on other attributes.
    `enum`: the values that Amazon lists; `open_enum` says that the schema accepts other texts too.
    `max_length` is in characters, `max_bytes` in bytes of UTF-8; None without a limit.
    `unit`: the codes of the units that a number can have, empty without a unit.
    `repeatable`: several values, besides one for each marketplace and language.
    `group`: the title of the property group.
    """

    name: str
    title: str
    description: str
    type: str
    required: bool
    enum: tuple[EnumValue, ...]
    open_enum: bool
    max_length: int | None
    max_bytes: int | None
    unit: tuple[str, ...]
    repeatable: bool
    group: str
    example: str


@dataclass(frozen=True)
class _Place:
    """A field on the way down. `name` is the line's name so far."""

    name: str
    required: bool
    repeatable: bool
    group: str
    titles: tuple[str, ...]
    example: str


def table(schema: Mapping[str, Any], property_groups: Mapping[str, Any]) -> tuple[Attribute, ...]:
    """The lines of a product type, in the order of its groups.

    Args:
        schema: the document; references in it are followed.
        property_groups: the propertyGroups of the same definition. An attribute without a group comes last.
    """
    properties = _object(schema.get("properties"))
    groups = _groups(property_groups)
    required = _names(schema.get("required"))
    ordered = [name for name in groups if name in properties]
    ordered += [name for name in properties if name not in groups]
    lines: list[Attribute] = []
    for name in ordered:
        place = _Place(name, name in required, repeatable=False, group=groups.get(name, ""), titles=(), example="")
        lines.extend(_lines(schema, properties[name], place, _MOST_LEVELS))
    return tuple(lines)


def as_json(attributes: Iterable[Attribute]) -> bytes:
    """A JSON list with one object for each line."""
    return json.dumps([asdict(attribute) for attribute in attributes], ensure_ascii=False).encode("utf-8", "replace")


def as_csv(attributes: Iterable[Attribute]) -> bytes:
    """CSV (RFC 4180) in UTF-8 with a byte order mark, as spreadsheets read it. Lists are separated by |."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for line in attributes:
        writer.writerow(
            (
                line.name,
                line.title,
                line.description,
                line.type,
                str(line.required).lower(),
                _joined(value.code for value in line.enum),
                _joined(value.label for value in line.enum),
                _joined(value.code for value in line.enum if value.deprecated),
                "" if line.max_length is None else line.max_length,
                "" if line.max_bytes is None else line.max_bytes,
                _joined(line.unit),
                str(line.repeatable).lower(),
                line.group,
                line.example,
            )
        )
    return ("\ufeff" + text.getvalue()).encode("utf-8", "replace")


def _joined(texts: Iterable[str]) -> str:
    return _SEPARATOR.join(text.replace("\\", "\\\\").replace(_SEPARATOR, f"\\{_SEPARATOR}") for text in texts)


def _lines(root: Mapping[str, Any], schema: object, place: _Place, levels: int) -> Iterator[Attribute]:
    described = dereferenced(root, schema)
    if described.get("hidden") is True or levels == 0:
        return
    inner = _inner(described, place)
    if "items" in described:
        most = described.get("maxUniqueItems", described.get("maxItems"))
        several = place.repeatable or most is None or most > 1
        yield from _lines(root, described["items"], _with(inner, repeatable=several), levels - 1)
        return
    properties = _object(described.get("properties"))
    if not properties:
        yield _line(root, described, place, ())
        return
    fields = {name: rules for name, rules in properties.items() if dereferenced(root, rules).get("hidden") is not True}
    required = _names(described.get("required"))
    if set(fields) == {"value", "unit"}:
        units = enumeration(root, fields["unit"])
        yield _line(
            root,
            dereferenced(root, fields["value"]),
            _with(inner, required=place.required and "value" in required),
            tuple(map(str, units.codes)) if units else (),
        )
        return
    for name, rules in fields.items():
        whole = inner.name if set(fields) == {"value"} else f"{inner.name}.{name}"
        # The example of several fields is that of one of them.
        example = inner.example if len(fields) == 1 else ""
        field = _with(inner, name=whole, required=place.required and name in required, example=example)
        yield from _lines(root, rules, field, levels - 1)


def _inner(described: Mapping[str, Any], place: _Place) -> _Place:
    """The place of what is inside, with this level's title and example."""
    title = described.get("title")
    titles = (*place.titles, title) if isinstance(title, str) and title not in place.titles else place.titles
    return _with(place, titles=titles, example=_example(described) or place.example)


def _with(place: _Place, **changes: Any) -> _Place:
    return _Place(**{**vars(place), **changes})


def _line(root: Mapping[str, Any], field: Mapping[str, Any], place: _Place, unit: tuple[str, ...]) -> Attribute:
    codes = enumeration(root, field)
    own = _inner(field, place)
    return Attribute(
        name=place.name,
        title=": ".join(own.titles),
        description=str(field.get("description", "")),
        type=_type(root, field),
        required=place.required,
        enum=tuple(
            EnumValue(_text(code), _text(codes.label(position)), codes.is_deprecated(code))
            for position, code in enumerate(codes.codes)
        )
        if codes
        else (),
        open_enum=bool(codes and codes.open),
        max_length=_count(field.get("maxLength")),
        max_bytes=_count(field.get("maxUtf8ByteLength")),
        unit=unit,
        repeatable=place.repeatable,
        group=place.group,
        example=own.example,
    )


def _type(root: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    """The type of a field, or of the first branch of anyOf or oneOf that has one."""
    waiting = deque([field])
    for _ in range(_MOST_BRANCHES):
        described = waiting.popleft()
        name = _own_type(described)
        if name:
            return name
        for keyword in ("anyOf", "oneOf"):
            branches = described.get(keyword)
            waiting.extend(dereferenced(root, branch) for branch in (branches if isinstance(branches, list) else ()))
        if not waiting:
            break
    return ""


def _own_type(field: Mapping[str, Any]) -> str:
    kind = field.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    name = next((str(one) for one in kinds if one not in (None, "null")), "")
    shape = field.get("format")
    return str(shape) if name == "string" and shape in ("date", "date-time") else name


def _example(described: Mapping[str, Any]) -> str:
    examples = described.get("examples")
    return _text(examples[0]) if isinstance(examples, list) and examples else ""


def _groups(property_groups: Mapping[str, Any]) -> dict[str, str]:
    """The title of the group of each attribute, in the order of the groups. The first group of several counts."""
    groups: dict[str, str] = {}
    for name, group in property_groups.items():
        described = _object(group)
        for attribute in _names(described.get("propertyNames")):
            groups.setdefault(attribute, str(described.get("title") or name))
    return groups


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names(value: object) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
