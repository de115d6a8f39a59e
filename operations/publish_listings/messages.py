"""Turns rows into messages of a JSON_LISTINGS_FEED."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operations.publish_listings.columns import Column, Place, Role, Table
from operations.publish_listings.definitions import Definitions
from operations.publish_listings.sheets import Problem, Row
from operations.publish_listings.values import CellError, DateOrder, DecimalSign, as_text, converted, with_unit
from quickstart.listings.feed_documents import OperationType
from quickstart.listings.skus import sku_fault
from quickstart.product_types.schemas import pointer
from quickstart.product_types.wording import any_of, shown_text

REQUIREMENTS = ("LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY")
# A spreadsheet has no columns for patches.
_OPERATIONS = (OperationType.UPDATE, OperationType.PARTIAL_UPDATE, OperationType.DELETE)
# Amazon's spreadsheets have other words for the same.
_OTHER_WORDS = {
    "createorreplace": OperationType.UPDATE,
    "fullupdate": OperationType.UPDATE,
    "editpartial": OperationType.PARTIAL_UPDATE,
    "partialupdate": OperationType.PARTIAL_UPDATE,
}


@dataclass(frozen=True)
class Message:
    """A message without its messageId, which is the number of its row.

    `columns` tells by JSON pointer inside the attributes which column a value comes from. `unread` are the attributes
    with a cell that could not be read: such a message is checked for what else is wrong, and never sent.
    """

    row: int
    content: Mapping[str, Any]
    columns: Mapping[str, Column] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()

    @property
    def sku(self) -> str:
        return str(self.content["sku"])

    @property
    def operation(self) -> str:
        return str(self.content["operationType"])

    @property
    def attributes(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.content.get("attributes", {})
        return found

    @property
    def definition_key(self) -> tuple[str, str]:
        """Product type and requirements."""
        return str(self.content.get("productType", "")), str(self.content.get("requirements", REQUIREMENTS[0]))


@dataclass(frozen=True)
class Choices:
    """What counts for each row that does not say it itself."""

    product_type: str = ""
    requirements: str = REQUIREMENTS[0]
    decimal_sign: DecimalSign | None = None
    date_order: DateOrder | None = None


@dataclass(frozen=True)
class Read:
    """The messages that could be made, and what is wrong. A row with a problem is not sent.

    `skus` is by row, where known.
    """

    messages: tuple[Message, ...]
    problems: tuple[Problem, ...]
    skus: Mapping[int, str]


def type_name(text: str) -> str:
    """A product type as Amazon writes it, for one in other letters: luggage, Hair band."""
    return "_".join(text.upper().split())


def read_rows(
    table: Table,
    columns: Sequence[Column],
    known: Definitions,
    choices: Choices,
) -> Read:
    """A message for each row of which one can be made. A row without a SKU is a problem."""
    messages: list[Message] = []
    problems: list[Problem] = []
    skus: dict[int, str] = {}
    by_role: dict[Role, Column] = {column.role: column for column in columns if column.role is not None}
    across = [area for area in table.sheet.merged if area.first_column != area.last_column]
    for row in table.rows:
        reading = _Row(row, by_role, choices)
        if area := next((area for area in across if area.first_row <= row.number <= area.last_row), None):
            reading.problem(None, "mergedCells", f"the cells {area.place} are merged: give each column its own cell")
        elif message := reading.message(columns, known):
            messages.append(message)
        if reading.sku:
            skus[row.number] = reading.sku
        problems.extend(reading.problems)
    found = (*problems, *_duplicates(skus))
    return Read(tuple(messages), tuple(sorted(found, key=lambda problem: problem.row)), skus)


def read_contents(contents: Iterable[tuple[int, Mapping[str, Any]]]) -> Read:
    """Messages that a file has as they are, by line. The stack's rules for them have been checked."""
    messages = [
        Message(row, {name: value for name, value in content.items() if name != "messageId"})
        for row, content in contents
    ]
    return Read(tuple(messages), (), {message.row: message.sku for message in messages})


def _duplicates(skus: Mapping[int, str]) -> list[Problem]:
    """A problem for each row whose SKU another row has too: nobody knows which of them is right."""
    rows: dict[str, list[int]] = {}
    for number, sku in skus.items():
        rows.setdefault(sku, []).append(number)
    return [
        Problem(number, "duplicateSku", f"the SKU {shown_text(sku)} is also in row {_listed(numbers, number)}", "sku")
        for sku, numbers in rows.items()
        if len(numbers) > 1
        for number in numbers
    ]


def _listed(numbers: Sequence[int], own: int) -> str:
    others = [str(number) for number in numbers if number != own]
    return ", ".join(others[:5]) + (" and more" if len(others) > 5 else "")


class _Row:
    """One row while it is read."""

    def __init__(self, row: Row, by_role: Mapping[Role, Column], choices: Choices) -> None:
        self._row = row
        self._by_role = by_role
        self._choices = choices
        self._unread: set[str] = set()
        self.problems: list[Problem] = []
        self.sku = self._text(Role.SKU)
        if self.sku is None and not self.problems:
            message = "is empty, but the row has other values" if Role.SKU in by_role else "is missing"
            self.problem(by_role.get(Role.SKU), "missing", message)
        elif self.sku is not None and (fault := sku_fault(self.sku)):
            self.problem(by_role.get(Role.SKU), "sku", fault)

    def problem(self, column: Column | None, rule: str, message: str) -> None:
        name, position = (column.name, column.position) if column else ("", None)
        self.problems.append(Problem(self._row.number, rule, message, name, position))

    def _text(self, role: Role) -> str | None:
        """The text in the column of a role; None without one. A cell that is no text is a problem."""
        column = self._by_role.get(role)
        cell = None if column is None else self._row.cell(column.position)
        if cell is None:
            return None
        try:
            return as_text(cell)
        except CellError as error:
            self.problem(column, error.rule, str(error))
            return None

    def _operation(self) -> OperationType | None:
        text = self._text(Role.OPERATION)
        if text is None:
            return OperationType.UPDATE
        plain = "".join(letter for letter in text.casefold() if letter.isalpha())
        known = {"".join(filter(str.isalpha, each.casefold())): each for each in _OPERATIONS} | _OTHER_WORDS
        if found := known.get(plain):
            return found
        # Amazon's own words: "Create or Replace (Full Update)", "Edit (Partial Update)".
        for word, operation in known.items():
            if plain.startswith(word):
                return operation
        self.problem(
            self._by_role[Role.OPERATION], "operation", f"must be {any_of(_OPERATIONS)}, but is {shown_text(text)}"
        )
        return None

    def message(self, columns: Sequence[Column], known: Definitions) -> Message | None:
        operation = self._operation()
        if operation is None:
            return None
        if operation is OperationType.DELETE:
            return self._made({"sku": self.sku, "operationType": str(operation)}, {})
        product_type = type_name(self._text(Role.PRODUCT_TYPE) or self._choices.product_type)
        requirements = self._text(Role.REQUIREMENTS) or self._choices.requirements
        if not product_type:
            self.problem(
                self._by_role.get(Role.PRODUCT_TYPE),
                "missing",
                "the product type is missing: add a column product_type, or set PRODUCT_TYPE=<type>",
            )
            return None
        if requirements not in REQUIREMENTS:
            column = self._by_role.get(Role.REQUIREMENTS)
            message = f"must be {any_of(REQUIREMENTS)}, but is {shown_text(requirements)}"
            self.problem(column, "requirements", message)
            return None
        if (product_type, requirements) not in known.found:
            reason = known.refused.get((product_type, requirements), f"{shown_text(product_type)} is no product type")
            self.problem(self._by_role.get(Role.PRODUCT_TYPE), "productType", reason)
            return None
        built = _Attributes()
        for column in columns:
            cell = self._row.cell(column.position)
            if cell is None or column.role is not None:
                continue
            place = column.places.get((product_type, requirements))
            if place is None:
                message = f"the product type {product_type} has no such attribute: leave the cell empty"
                self.problem(column, "unknownAttribute", message)
                continue
            try:
                self._put(built, place, column)
            except CellError as error:
                self.problem(column, error.rule, str(error))
                self._unread.add(place.leaf.attribute)
        for column, other in built.differing_units():
            self.problem(column, "unit", f"the unit differs from the one in {other.name}")
        attributes, origins = built.finished()
        if not attributes and not self._unread:
            self.problem(None, "noAttributes", f"the row has no attributes; {operation} needs one")
            return None
        content = {"sku": self.sku, "operationType": str(operation), "productType": product_type}
        if operation is OperationType.UPDATE:
            content["requirements"] = requirements
        return self._made({**content, "attributes": attributes}, origins)

    def _made(self, content: Mapping[str, Any], origins: Mapping[str, Column]) -> Message | None:
        return None if self.sku is None else Message(self._row.number, content, origins, frozenset(self._unread))

    def _put(self, built: "_Attributes", place: Place, column: Column) -> None:
        """Raises CellError."""
        cell, sign = self._row.cell(column.position), self._choices.decimal_sign
        if place.leaf.units is None:
            built.put(place, converted(cell, place.leaf, sign, self._choices.date_order), column)
            return
        number, unit = with_unit(cell, place.leaf, sign)
        built.put(place, number, column)
        if len(place.leaf.units.codes) == 1:
            # A cell with another unit is refused above.
            (unit,) = place.leaf.units.codes
        if unit is not None:
            built.unit(place, unit, column)


class _Attributes:
    """The attributes of a row while they are made. Columns for the same value of an attribute make one object."""

    def __init__(self) -> None:
        self._values: list[tuple[Place, object, Column]] = []
        self._units: dict[tuple[object, ...], tuple[object, Column]] = {}

    def put(self, place: Place, value: object, column: Column) -> None:
        self._values.append((place, value, column))

    def unit(self, place: Place, unit: object, column: Column) -> None:
        self._units[_holder(place)] = (unit, column)

    def differing_units(self) -> Iterator[tuple[Column, Column]]:
        """Each column with a unit, and the column whose cell has another one."""
        for place, value, column in self._values:
            if _is_unit(place) and (own := self._units.get(_holder(place))) and own[0] != value:
                yield column, own[1]

    def finished(self) -> tuple[dict[str, Any], dict[str, Column]]:
        """The attributes, and the column of each value by JSON pointer."""
        attributes: dict[str, Any] = {}
        origins: dict[str, Column] = {}
        numbers = {_holder(place) for place, _, _ in self._values if not _is_unit(place)}
        # A unit says nothing where the number is left empty.
        values = [entry for entry in self._values if not _is_unit(entry[0]) or _holder(entry[0]) in numbers]
        positions: dict[tuple[object, ...], int] = {}
        for place, value, column in values:
            current: Any = attributes
            path: list[str | int] = []
            said: tuple[object, ...] = ()
            last = len(place.leaf.steps) - 1
            for depth, (step, index) in enumerate(zip(place.leaf.steps, place.indexes, strict=True)):
                path.append(step.name)
                if not step.listed:
                    if depth == last:
                        current[step.name] = value
                    else:
                        current = current.setdefault(step.name, {})
                    continue
                items = current.setdefault(step.name, [])
                # Values that are left empty leave no gap.
                said = (*said, step.name, index, place.selectors if depth == 0 else ())
                if said not in positions:
                    positions[said] = len(items)
                    items.append(dict(place.selectors) if depth == 0 else {})
                path.append(positions[said])
                if depth == last:
                    items[positions[said]] = value
                current = items[positions[said]]
            origins[pointer(tuple(path))] = column
            if unit := self._units.get(_holder(place)):
                current["unit"] = unit[0]
                origins[pointer((*path[:-1], "unit"))] = unit[1]
        return attributes, origins


def _holder(place: Place) -> tuple[object, ...]:
    """The object that holds the value of a column."""
    return (*(step.name for step in place.leaf.steps[:-1]), *place.indexes[:-1], place.selectors)


def _is_unit(place: Place) -> bool:
    return place.leaf.steps[-1].name == "unit"
