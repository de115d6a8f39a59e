"""What a product type's schema says of the values that a column can have."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from quickstart.product_types import attributes, schemas
from quickstart.product_types.attributes import Attribute
from quickstart.product_types.enumerations import Enumeration, enumeration
from quickstart.product_types.schemas import dereferenced

# An attribute's own schema is at most a few levels deep. A schema that refers to itself ends here.
_MOST_LEVELS = 16
_VALUE, _UNIT = "value", "unit"


@dataclass(frozen=True)
class Step:
    """A field on the way from an attribute to a value. `listed`: the field holds a list of objects or values."""

    name: str
    listed: bool


@dataclass(frozen=True)
class Leaf:
    """One value that a column can have.

    `name` is the name in the flat table of attributes, such as fulfillment_availability.quantity. `type` is one of its
    types, "" if the schema names none. `repeatable`: the attribute takes several values.
    """

    name: str
    steps: tuple[Step, ...]
    type: str
    codes: Enumeration | None
    repeatable: bool
    units: Enumeration | None = None

    @property
    def attribute(self) -> str:
        return self.steps[0].name


@dataclass(frozen=True)
class Definition:
    """A product type of a marketplace. `schema` is Amazon's, repaired; `checksum` identifies it."""

    product_type: str
    requirements: str
    checksum: str
    schema: Mapping[str, Any]
    property_groups: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def lines(self) -> Mapping[str, Attribute]:
        """The flat table of attributes, by name."""
        return {line.name: line for line in attributes.table(self.schema, self.property_groups)}

    @cached_property
    def _letters(self) -> Mapping[str, str]:
        """The names in the flat table by the letters of name or title. Letters of several names are left out."""
        found: dict[str, set[str]] = {}
        for line in self.lines.values():
            found.setdefault(letters(line.title), set()).add(line.name)
        known = {key: next(iter(names)) for key, names in found.items() if len(names) == 1 and key}
        return known | {letters(name): name for name in self.lines}

    @property
    def titles(self) -> Mapping[str, str]:
        """The names by title, for suggestions."""
        return {line.title: line.name for line in self.lines.values() if line.title}

    def named(self, text: str) -> str | None:
        """The name in the flat table for a name or a title, whatever its spaces, hyphens and capitals."""
        return text if text in self.lines else self._letters.get(letters(text))

    def leaf(self, parts: tuple[str, ...]) -> Leaf | None:
        """The value at the end of a path of names, such as ("item_weight", "unit"); None if there is none.

        The last names can be left out if only one field remains, as in the flat table.
        """
        properties = self.schema.get("properties")
        if not parts or not isinstance(properties, Mapping) or parts[0] not in properties:
            return None
        steps: list[Step] = []
        name, rest, rules, repeatable = parts[0], list(parts[1:]), properties[parts[0]], False
        own, units = parts[0], None
        for _ in range(_MOST_LEVELS):
            described, listed = self._opened(rules)
            steps.append(Step(own, listed is not None))
            repeatable = repeatable or (len(steps) == 1 and listed is not None and listed > 1)
            fields = self._fields(described)
            if not fields:
                if rest:
                    return None
                codes = enumeration(self.schema, described)
                line = self.lines.get(name)
                kind = line.type if line is not None else str(described.get("type") or "")
                return Leaf(name, tuple(steps), kind, codes, repeatable, units)
            shown = {
                each for each, inner in fields.items() if dereferenced(self.schema, inner).get("hidden") is not True
            }
            if rest:
                own = rest.pop(0)
            elif _VALUE in shown:
                own = _VALUE
            elif len(shown) == 1:
                (own,) = shown
            else:
                return None
            if own not in fields:
                return None
            if own == _VALUE and shown == {_VALUE, _UNIT}:
                units = enumeration(self.schema, dereferenced(self.schema, fields[_UNIT]))
            elif shown != {_VALUE} or own != _VALUE:
                name = f"{name}.{own}"
            rules = fields[own]
        return None

    def _opened(self, rules: object) -> tuple[Mapping[str, Any], float | None]:
        """What is described inside the lists, and how many values the outermost takes; None without a list."""
        described, most = dereferenced(self.schema, rules), None
        for _ in range(_MOST_LEVELS):
            if "items" not in described:
                break
            limit = described.get("maxUniqueItems", described.get("maxItems", float("inf")))
            most = float(limit) if most is None else most
            described = dereferenced(self.schema, described["items"])
        return described, most

    @staticmethod
    def _fields(described: Mapping[str, Any]) -> Mapping[str, Any]:
        properties = described.get("properties")
        return properties if isinstance(properties, Mapping) else {}


@dataclass(frozen=True)
class Definitions:
    """The product types of a file, by product type and requirements; `refused` says why one cannot be used."""

    found: Mapping[tuple[str, str], Definition]
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)


def definition(
    product_type: str, requirements: str, checksum: str, body: bytes, property_groups: Mapping[str, Any]
) -> Definition:
    """From Amazon's document. Raises SchemaUnreadableError."""
    repaired = schemas.repaired(schemas.parsed(body))
    return Definition(product_type, requirements, checksum, repaired.schema, property_groups)


def letters(text: str) -> str:
    """What is compared of a heading: its letters and digits."""
    return re.sub(r"[\W_]+", "", text.casefold())


def all_names(definitions: Mapping[Any, Definition]) -> Iterator[str]:
    """The names and titles of the attributes of all product types, for suggestions."""
    for each in definitions.values():
        yield from each.lines
        yield from each.titles
