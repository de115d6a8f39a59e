"""Reads a file as the command does, with the simulator's schemas and without a stack."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.publish_listings.checks import check_messages
from operations.publish_listings.columns import Headings, find_table, match_columns
from operations.publish_listings.definitions import Definition, Definitions, definition
from operations.publish_listings.files import read_file
from operations.publish_listings.messages import Choices, Message, read_rows
from operations.publish_listings.progress import Progress
from operations.publish_listings.sheets import Problem, Row, Sheet
from sp_api_simulator.product_type_schemas import definition as simulated

FRANCE = "A13V1IB3VIYZZH"


def schema_of(product_type: str = "LUGGAGE", requirements: str = "LISTING", marketplace: str = FRANCE) -> Definition:
    document = simulated(product_type, marketplace, requirements)
    return definition(product_type, requirements, product_type, document.schema, document.property_groups)


def definitions_of(*product_types: str) -> Definitions:
    return Definitions({(name, "LISTING"): schema_of(name) for name in product_types})


LUGGAGE = definitions_of("LUGGAGE")


class Steps(Progress):
    """Keeps what a bar shows: its label, its total, and each step."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.shown: list[object] = []

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        self.shown += [label, total]
        yield self.shown.append


@dataclass(frozen=True)
class Outcome:
    """`messages` without an error, and the problems by rule."""

    messages: tuple[Message, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    @property
    def attributes(self) -> Any:
        """Of the only message."""
        (message,) = self.messages
        return message.attributes

    @property
    def errors(self) -> list[tuple[int, str, str]]:
        """Row, rule and column letter of each error."""
        return [
            (problem.row, problem.rule, problem.column.partition(" ")[0])
            for problem in self.problems
            if not problem.warning
        ]

    def said(self, rule: str) -> str:
        """What the first problem of a rule says, with its column."""
        return next(problem.sentence for problem in self.problems if problem.rule == rule)


def read(
    content: bytes,
    folder: Path,
    name: str = "products.csv",
    *,
    headings: str = "",
    sheet: str = "",
    encoding: str = "",
    choices: Choices = Choices(),  # noqa: B008 - frozen
    known: Definitions = LUGGAGE,
) -> Outcome:
    path = folder / name
    path.write_bytes(content)
    own = Headings.read(headings)
    return outcome_of(read_file(path, own, sheet=sheet, encoding=encoding).sheet, own, choices, known)


def outcome_of(sheet: Sheet, headings: Headings, choices: Choices, known: Definitions) -> Outcome:
    table = find_table(sheet, headings)
    columns, wrong = match_columns(table, headings, known.found)
    rows = read_rows(table, columns, known, choices)
    bad = {problem.row for problem in rows.problems}
    checked = check_messages(rows.messages, known, FRANCE, wrong=bad)
    return Outcome(checked.messages, (*wrong, *rows.problems, *checked.problems), sheet.notes)


def sheet_of(*rows: tuple[object, ...]) -> Sheet:
    """A sheet with these cells."""
    return Sheet("", tuple(Row(number, cells) for number, cells in enumerate(rows, start=1)))
