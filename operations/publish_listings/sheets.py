"""The rows of a spreadsheet, whatever the format of its file, and what is wrong with them."""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from operations.command import CommandError

# The headings are looked for in so many rows.
FIRST_ROWS = 50
# Zero-width spaces, marks of the direction, and a byte order mark within the file.
_UNSEEN = "\u200b\u200e\u200f\u2060\ufeff"
# As the spreadsheet programs show errors, in English and other languages: #N/A, #NV, #NAME?, #BEZUG!, #DIV/0!, ####.
_ERROR = re.compile(r"#(?:N/A|N/D|N/V|NV|ND|#{2,}|[^\W\d_a-z][^\s_a-z]*[!?])")


@dataclass(frozen=True)
class Unreadable:
    """A cell that has something, but no value that can be sent: `rule` is a name that does not change.

    `written` is the text of the cell in a file that has nothing but texts.
    """

    rule: str
    reason: str
    written: str = ""


CellValue = str | int | float | bool | date | datetime | Unreadable | None
"""A date without a time of day is a `date` or a `datetime` at midnight. A cell without a value is None."""


@dataclass(frozen=True)
class Row:
    """`number` counts from 1, as spreadsheet programs show it."""

    number: int
    cells: tuple[CellValue, ...]

    def cell(self, position: int) -> CellValue:
        """The cell in a column, counted from 0; None behind the last one."""
        return self.cells[position] if position < len(self.cells) else None

    @property
    def empty(self) -> bool:
        return all(cell is None for cell in self.cells)


@dataclass(frozen=True)
class Merged:
    """Cells that are merged into one: rows counted from 1, columns from 0, both ends included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int

    @property
    def place(self) -> str:
        first, last = column_letters(self.first_column), column_letters(self.last_column)
        return f"{first}{self.first_row}:{last}{self.last_row}"


@dataclass(frozen=True)
class Sheet:
    """One table of a file. `notes` say how it was read, in sentences for people. `name` is empty for CSV."""

    name: str
    rows: tuple[Row, ...]
    merged: tuple[Merged, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a row. `rule` is a name that does not change.

    `column` is how people find it, such as "F (item_name)", and empty for a whole row. `position` is the column
    counted from 0, None for a whole row. A `warning` stops nothing.
    """

    row: int
    rule: str
    message: str
    column: str = ""
    position: int | None = None
    warning: bool = False

    @property
    def sentence(self) -> str:
        """The problem for the column of errors beside the row."""
        where = f"{self.column}: " if self.column else ""
        return f"{where}{self.message} [{self.rule}]"


class FileProblemError(CommandError):
    """The file cannot be used. The message names the place and the rule."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{message} [{rule}]")
        self.rule = rule


def column_letters(position: int) -> str:
    """A, B ... Z, AA: how spreadsheet programs name the column, counted from 0."""
    letters = ""
    position += 1
    while position:
        position, letter = divmod(position - 1, 26)
        letters = string.ascii_uppercase[letter] + letters
    return letters


def trimmed(text: str) -> str | None:
    """A text without what nobody sees at the ends of a cell, such as white space; None for nothing else."""
    seen = None
    while seen != text:
        seen, text = text, text.strip().strip(_UNSEEN)
    return text or None


def text_cell(text: str) -> CellValue:
    """The value of a cell with a text. The name of an error is what a formula gave: "#N/A" is no title."""
    found = trimmed(text)
    if found is not None and _ERROR.fullmatch(found):
        return Unreadable(
            "formulaError", f"has the error {found}; correct the formula, or the width of the column", found
        )
    return found


def texts(row: Row) -> Iterator[tuple[int, str]]:
    """Position and text of each cell of a row that has a text."""
    for position, cell in enumerate(row.cells):
        if isinstance(cell, str):
            yield position, cell
