"""Finds the headings of a sheet, and what each column holds.

A heading is a name of the flat table of attributes (item_name, fulfillment_availability.quantity), its title, or a path
as in Amazon's own listing spreadsheets: purchasable_offer[audience=ALL]#1.our_price#1.schedule#1.value_with_tax. For
several values of an attribute, a heading is repeated or numbered: bullet_point, bullet_point; bullet_point_1,
bullet_point_2; bullet_point#1, bullet_point#2.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from operations.publish_listings.definitions import Definition, Leaf, all_names, letters
from operations.publish_listings.sheets import (
    FIRST_ROWS,
    FileProblemError,
    Problem,
    Row,
    Sheet,
    column_letters,
    texts,
)
from operations.publish_listings.workbooks import PROBLEMS_HEADING, STATUS_HEADING
from quickstart.product_types.wording import any_of, shown_text

# So many rows above the headings can have a heading for several columns.
_LEVELS = 2
_NAME = re.compile(r"([A-Za-z0-9_]+)((?:\[[^\[\]=]+=[^\[\]]*\])*)(?:#(\d{1,4}))?")
_SELECTOR = re.compile(r"\[([^\[\]=]+)=([^\[\]]*)\]")
_NUMBERED = re.compile(r"(.*?[^\W\d])[\s_.#-]?(\d{1,4})")


class Role(StrEnum):
    """What a column holds that is no attribute."""

    SKU = "sku"
    PRODUCT_TYPE = "product_type"
    OPERATION = "operation"
    REQUIREMENTS = "requirements"
    LEFT_OUT = "left_out"


# As Amazon's spreadsheets and feeds have named them. Each is compared by its letters.
_ROLES: Mapping[str, Role] = {
    letters(name): role
    for role, names in {
        Role.SKU: ("sku", "seller sku", "item sku", "contribution_sku", "contribution_sku#1.value"),
        Role.PRODUCT_TYPE: ("product type", "feed product type", "product_type#1.value"),
        Role.OPERATION: ("operation", "operation type", "::record_action", "update delete"),
        Role.REQUIREMENTS: ("requirements",),
        Role.LEFT_OUT: (STATUS_HEADING, PROBLEMS_HEADING),
    }.items()
    for name in names
}


@dataclass(frozen=True)
class Place:
    """Where a column's value goes in a message: `indexes` is parallel to the leaf's steps, counted from 1.

    `selectors` are fields of the attribute's item that the heading itself names, such as audience=B2B.
    """

    leaf: Leaf
    indexes: tuple[int, ...]
    selectors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of the sheet, counted from 0. `places` is by product type and requirements; empty for a role."""

    position: int
    heading: str
    role: Role | None = None
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How a message names it: F (item_name)."""
        return f"{column_letters(self.position)} ({shown_text(self.heading)})"


@dataclass(frozen=True)
class Headings:
    """`renamed`: other headings of this file, with the name that counts; an empty one leaves the column out."""

    renamed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "Headings":
        """From `Artikelnummer=sku; Preis=list_price; Notiz=`. Raises FileProblemError."""
        found: dict[str, str] = {}
        for entry in filter(str.strip, text.split(";")):
            heading, sign, name = entry.partition("=")
            if not sign or not heading.strip():
                raise FileProblemError(
                    "headings", f'HEADINGS has {shown_text(entry.strip())}; write "heading=name; heading=name"'
                )
            found[" ".join(heading.casefold().split())] = name.strip()
        return cls(found)

    def name_of(self, heading: str) -> str | None:
        """The name that counts for a heading; None to leave its column out."""
        name = self.renamed.get(" ".join(heading.casefold().split()), heading)
        return name or None

    def role(self, heading: str) -> Role | None:
        name = self.name_of(heading)
        return Role.LEFT_OUT if name is None else _ROLES.get(letters(name))

    def has_sku(self, cells: Sequence[str]) -> bool:
        """Whether one of the texts is the heading of the SKUs."""
        return any(self.role(cell) is Role.SKU for cell in cells)


@dataclass(frozen=True)
class Table:
    """The sheet's products. `levels` are the rows with headings, from above; `rows` those below them, if not empty."""

    sheet: Sheet
    levels: tuple[Row, ...]
    rows: tuple[Row, ...]

    @property
    def heading_row(self) -> int:
        return self.levels[-1].number

    def positions(self) -> range:
        """The columns, counted from 0."""
        return range(max(len(row.cells) for row in (*self.levels, *self.rows)))


def find_table(sheet: Sheet, headings: Headings) -> Table:
    """Raises FileProblemError if there is no heading of the SKUs, or no row below it."""
    rows = _without_merged(sheet)
    found = next(
        (index for index, row in enumerate(rows[:FIRST_ROWS]) if headings.has_sku([text for _, text in texts(row)])),
        None,
    )
    if found is None:
        seen = next((row for row in rows if len(list(texts(row))) > 1), None)
        shown = ", ".join(shown_text(text) for _, text in texts(seen)) if seen else "nothing"
        raise FileProblemError(
            "headings",
            f"no row has the heading sku in the first {FIRST_ROWS} rows; row {seen.number if seen else 1} has {shown}. "
            'If the SKUs have another heading, name it: HEADINGS="Article number=sku"',
        )
    last = found
    while last + 1 < len(rows) and _continues(sheet, rows[found], rows[last + 1], headings):
        last += 1
    levels = rows[max(0, found - _LEVELS) : last + 1]
    below = tuple(row for row in rows[last + 1 :] if not row.empty)
    if not below:
        raise FileProblemError("noRows", f"there is no row below the headings in row {rows[last].number}")
    return Table(sheet, tuple(levels), below)


def _continues(sheet: Sheet, first: Row, row: Row, headings: Headings) -> bool:
    """Whether the row is a lower level of the headings: that of the SKUs is merged with the cell above it.

    CSV has no merged cells. There, the lower level has texts only, and each of them belongs to a group: a heading
    that is the first of several columns.
    """
    position = next(at for at, text in texts(first) if headings.role(text) is Role.SKU)
    for area in sheet.merged:
        if area.first_column <= position <= area.last_column and area.first_row <= first.number <= area.last_row:
            return row.number <= area.last_row
    return (
        not sheet.merged
        and row.number == first.number + 1
        and row.cell(position) is None
        and not row.empty
        and all(cell is None or (isinstance(cell, str) and _is_grouped(first, at)) for at, cell in enumerate(row.cells))
    )


def _is_grouped(row: Row, position: int) -> bool:
    """Whether a column has no heading of its own, or its heading is followed by columns without one."""
    return row.cell(position) is None or (position + 1 < len(row.cells) and row.cell(position + 1) is None)


def _without_merged(sheet: Sheet) -> list[Row]:
    """The rows; each of several merged cells has the value of all of them."""
    if not sheet.merged:
        return list(sheet.rows)
    rows = {row.number: list(row.cells) for row in sheet.rows}
    for area in sheet.merged:
        value = next((row.cell(area.first_column) for row in sheet.rows if row.number == area.first_row), None)
        for number in range(area.first_row, area.last_row + 1):
            cells = rows.get(number, [])
            for position in range(area.first_column, min(area.last_column + 1, len(cells))):
                cells[position] = value
    return [Row(number, tuple(cells)) for number, cells in rows.items()]


def column_texts(table: Table, headings: Headings, role: Role) -> Mapping[int, str]:
    """The text of each row in the column of a role, by number of the row; empty if there is no such column."""
    position = next(
        (
            at
            for at in table.positions()
            for level in table.levels
            if isinstance(text := level.cell(at), str) and headings.role(text) is role
        ),
        None,
    )
    if position is None:
        return {}
    return {row.number: cell for row in table.rows if isinstance(cell := row.cell(position), str)}


def match_columns(
    table: Table, headings: Headings, definitions: Mapping[tuple[str, str], Definition]
) -> tuple[tuple[Column, ...], tuple[Problem, ...]]:
    """What each column holds, and each heading that is not known.

    Args:
        table: the products.
        headings: other names of columns.
        definitions: the schemas of the file, by product type and requirements.
    """
    columns: list[Column] = []
    problems: list[Problem] = []
    for position in table.positions():
        written = _headings_at(table, position, headings)
        if not written:
            problems.extend(_unnamed(table, position, columns))
            continue
        column = _matched(position, written, headings, definitions)
        if column is None:
            problems.append(_unknown(table, position, written[0], definitions))
        else:
            columns.append(column)
    columns, repeated = _numbered(table, columns)
    return tuple(columns), (*problems, *repeated, *_roles_twice(table, columns))


def _headings_at(table: Table, position: int, headings: Headings) -> list[str]:
    """What can be the heading of a column, the likeliest first: the lowest level, both levels together, the upper."""
    levels: list[str] = []
    for level in table.levels:
        cell = level.cell(position)
        if cell is None and level is not table.levels[-1] and not table.sheet.merged:
            # In CSV, a merged heading is in the first of its columns.
            cell = next((level.cell(at) for at in range(position, -1, -1) if level.cell(at) is not None), None)
        if isinstance(cell, str) and (not levels or levels[-1] != cell):
            levels.append(cell)
    if not isinstance(table.levels[-1].cell(position), str):
        # A title above the table is no heading of a column.
        row = next((level for level in reversed(table.levels) if isinstance(level.cell(position), str)), None)
        return [str(row.cell(position))] if row and headings.has_sku([text for _, text in texts(row)]) else []
    if len(levels) < 2:
        return levels
    upper, lower = levels[-2:]
    return [lower, f"{upper}.{lower}", f"{upper}: {lower}"]


def _matched(
    position: int, written: Sequence[str], headings: Headings, definitions: Mapping[tuple[str, str], Definition]
) -> Column | None:
    for heading in written:
        if role := headings.role(heading):
            return Column(position, heading, role)
    for heading in written:
        name = headings.name_of(heading)
        assert name is not None, "a column that is left out has a role"
        places = {key: place for key, each in definitions.items() if (place := place_of(name, each)) is not None}
        if places:
            return Column(position, heading, places=places)
    return None


def place_of(name: str, definition: Definition) -> Place | None:
    """The place of a column with this name; None if the product type has no such attribute. Index 0: not numbered."""
    return _path(name, definition) or _by_name(name, definition) or _by_number(name, definition)


def _path(name: str, definition: Definition) -> Place | None:
    parts = [_NAME.fullmatch(part) for part in re.split(r"\.(?![^\[]*\])", name)]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    leaf = definition.leaf(tuple(part[1] for part in found))
    if leaf is None:
        return None
    indexes = [int(part[3] or 0) for part in found] + [0] * len(leaf.steps)
    selectors = tuple(pair for part in found for pair in _SELECTOR.findall(part[2]))
    return Place(leaf, tuple(indexes[: len(leaf.steps)]), selectors)


def _by_name(name: str, definition: Definition) -> Place | None:
    known = definition.named(name)
    leaf = None if known is None else definition.leaf(tuple(known.split(".")))
    return None if leaf is None else Place(leaf, (0,) * len(leaf.steps))


def _by_number(name: str, definition: Definition) -> Place | None:
    """bullet_point_2, Bullet point 2."""
    numbered = _NUMBERED.fullmatch(name)
    if numbered is None:
        return None
    place = _by_name(numbered[1], definition)
    if place is None or not place.leaf.repeatable or int(numbered[2]) == 0:
        return None
    return replace(place, indexes=(int(numbered[2]), *place.indexes[1:]))


def _numbered(table: Table, columns: Iterable[Column]) -> tuple[list[Column], list[Problem]]:
    """The columns with an index for each list, counted from 1, and a problem for each that says the same twice."""
    numbered: list[Column] = []
    problems: list[Problem] = []
    seen: dict[object, Column] = {}
    # From which index on to look for one that is free.
    free: dict[object, int] = {}
    for column in columns:
        places = {}
        for key, place in column.places.items():
            first, *others = place.indexes
            inner = tuple(index or 1 for index in others)
            counted = not first and place.leaf.repeatable
            beside = (key, place.leaf.name, place.selectors, inner)
            own = free.get(beside, 1) if counted else first or 1
            while (said := (*beside, own)) in seen and counted:
                own += 1
            if said in seen:
                other = seen[said]
                message = f"has the same value as the column {other.name}. For another value, write #2 after its name"
                problems.append(
                    Problem(table.heading_row, "duplicateColumn", message, column.name, position=column.position)
                )
                break
            if counted:
                free[beside] = own + 1
            seen[said] = column
            places[key] = replace(place, indexes=(own, *inner))
        else:
            numbered.append(replace(column, places=places))
    return numbered, problems


def _roles_twice(table: Table, columns: Iterable[Column]) -> Iterator[Problem]:
    counts: Counter[Role] = Counter()
    for column in columns:
        if column.role is None or column.role is Role.LEFT_OUT:
            continue
        counts[column.role] += 1
        if counts[column.role] > 1:
            message = f"is a second column for {column.role}"
            yield Problem(table.heading_row, "duplicateColumn", message, column.name, column.position)


def _unnamed(table: Table, position: int, columns: Sequence[Column]) -> Iterator[Problem]:
    """A column without a heading that has values: nothing of it may be lost."""
    row = next((row for row in table.rows if row.cell(position) is not None), None)
    if row is None:
        return
    before = next((column for column in reversed(columns) if not column.role), None)
    hint = f" If the heading of {before.name} is for this column too, repeat it." if before else ""
    message = f"has values, the first in row {row.number}, but no heading. Give it one, or delete the column.{hint}"
    yield Problem(table.heading_row, "noHeading", message, column_letters(position), position)


def _unknown(table: Table, position: int, heading: str, definitions: Mapping[tuple[str, str], Definition]) -> Problem:
    names = {letters(name): name for name in reversed([*Role, *all_names(definitions)]) if name != Role.LEFT_OUT}
    near = difflib.get_close_matches(letters(heading), names, n=3, cutoff=0.7)
    hint = f"Did you mean {any_of([names[each] for each in near])}? " if near else ""
    types = any_of(sorted({product_type for product_type, _ in definitions})) or "the product type"
    message = (
        f"is no attribute of {types}. {hint}To give it another name, or to leave it out: "
        f'HEADINGS="{shown_text(heading)}=<name>" or HEADINGS="{shown_text(heading)}="'
    )
    name = f"{column_letters(position)} ({shown_text(heading)})"
    return Problem(table.heading_row, "unknownColumn", message, name, position)
