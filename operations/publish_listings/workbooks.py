"""Reads and writes Excel workbooks (.xlsx, .xlsm). The only module that uses openpyxl."""

import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils.escape import unescape
from openpyxl.utils.exceptions import InvalidFileException

from operations.command import counted
from operations.publish_listings.sheets import (
    FIRST_ROWS,
    CellValue,
    FileProblemError,
    Merged,
    Row,
    Sheet,
    Unreadable,
    column_letters,
    text_cell,
)

# A sheet with more has formats far below its rows, or is no list of products.
_MOST_CELLS = 5_000_000
_ZEROS = re.compile(r"0{2,}")
# What openpyxl and the modules under it raise for workbooks that are damaged, or that have what it does not expect.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    ParseError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    OSError,
    EOFError,
)
_QUOTED_FORMAT = re.compile(r'"[^"]*"|\\.')
# What openpyxl calls the type of an empty text that a formula gives.
_TEXT_OF_FORMULA = "str"
_GREEN, _RED = "E2F0D9", "F8CBAD"
STATUS_HEADING = "publish_status"
PROBLEMS_HEADING = "publish_problems"


def read_workbook(content: bytes, has_sku: Callable[[Sequence[str]], bool], sheet_name: str = "") -> Sheet:
    """The rows of the sheet with the products: the one that is named, or the only one with a heading for SKUs.

    Formulas give the values that the spreadsheet program stored. A number with a format of zeros is a text with its
    leading zeros. Raises FileProblemError.
    """
    values = _loaded(content, data_only=True)
    sheets = [sheet for sheet in values.worksheets if sheet.sheet_state == "visible"]
    names = ", ".join(sheet.title for sheet in values.worksheets) or "none"
    if sheet_name:
        found = [sheet for sheet in values.worksheets if sheet.title.casefold() == sheet_name.casefold()]
        if not found:
            raise FileProblemError("sheet", f"the workbook has no sheet {sheet_name}; it has {names}")
    else:
        found = [sheet for sheet in sheets if _has_heading(sheet, has_sku)]
        if len(found) > 1:
            several = ", ".join(sheet.title for sheet in found)
            raise FileProblemError("sheet", f"several sheets have products: {several}. Choose one with SHEET=<name>")
        if not found:
            hidden = [
                sheet.title for sheet in values.worksheets if sheet not in sheets and _has_heading(sheet, has_sku)
            ]
            hint = f". The hidden sheet {hidden[0]} has one: to read it, set SHEET={hidden[0]}" if hidden else ""
            raise FileProblemError(
                "headings", f"no sheet has a heading sku in its first {FIRST_ROWS} rows; the workbook has {names}{hint}"
            )
    return _sheet(found[0], _formulas(content, found[0].title), len(values.worksheets))


def _formulas(content: bytes, title: str) -> frozenset[tuple[int, int]]:
    """Row and column, counted from 1, of each cell with a formula."""
    book = _loaded(content, data_only=False, read_only=True)
    sheet: Any = book[title]
    try:
        with _without_warnings():
            # Some programs write wrongly which cells a sheet uses.
            sheet.reset_dimensions()
            return frozenset(
                (cell.row, cell.column) for row in sheet.iter_rows() for cell in row if cell.data_type == "f"
            )
    except _BROKEN as error:
        raise _broken(error) from None
    finally:
        book.close()


def _loaded(content: bytes, *, data_only: bool, read_only: bool = False) -> Workbook:
    try:
        with _without_warnings():
            return load_workbook(BytesIO(content), data_only=data_only, read_only=read_only)
    except _BROKEN as error:
        raise _broken(error) from None


@contextmanager
def _without_warnings() -> Iterator[None]:
    """openpyxl warns of what it leaves out of a workbook, such as pictures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _broken(error: Exception) -> FileProblemError:
    reason = (str(error).splitlines() or [""])[0]
    return FileProblemError(
        "workbook",
        f"the workbook cannot be read ({type(error).__name__}: {reason}). Save it again as .xlsx, only with the sheet "
        "of the products",
    )


def _has_heading(sheet: Any, has_sku: Callable[[Sequence[str]], bool]) -> bool:
    rows = sheet.iter_rows(max_row=min(sheet.max_row, FIRST_ROWS), values_only=True)
    return any(has_sku([value for value in row if isinstance(value, str)]) for row in rows)


def _sheet(sheet: Any, formulas: frozenset[tuple[int, int]], sheets: int) -> Sheet:
    if sheet.max_row * sheet.max_column > _MOST_CELLS:
        raise FileProblemError(
            "sheet",
            f"the sheet {sheet.title} is used up to row {sheet.max_row:,} and column "
            f"{column_letters(sheet.max_column - 1)}: delete the empty rows and columns after the products",
        )
    rows = [
        Row(number, tuple(_value(cell, (cell.row, cell.column) in formulas) for cell in cells))
        for number, cells in enumerate(sheet.iter_rows(), start=1)
    ]
    merged = tuple(
        Merged(area.min_row, area.max_row, area.min_col - 1, area.max_col - 1) for area in sheet.merged_cells.ranges
    )
    notes = [f"Read the sheet {sheet.title}" + (f" of {sheets}." if sheets > 1 else ".")]
    filled = {row.number for row in rows if not row.empty}
    if hidden := sum(1 for number, row in sheet.row_dimensions.items() if row.hidden and number in filled):
        notes.append(f"The products include {counted(hidden, 'hidden row')}.")
    return Sheet(sheet.title, tuple(rows), merged, tuple(notes))


def _value(cell: Any, has_formula: bool) -> CellValue:
    value = cell.value
    if cell.data_type == "e":
        return Unreadable("formulaError", f"has the error {value}; correct the formula")
    if value is None:
        if has_formula and cell.data_type != _TEXT_OF_FORMULA:
            return Unreadable(
                "formula",
                "has a formula without a stored value: open the file in a spreadsheet program, and save it there",
            )
        return None
    if isinstance(value, str):
        return text_cell(unescape(value))
    if isinstance(value, bool | datetime):
        return value
    if isinstance(value, int | float):
        form = str(cell.number_format).split(";")[0]
        if value == int(value) and value >= 0 and _ZEROS.fullmatch(form):
            return str(int(value)).zfill(len(form))
        if "%" in _QUOTED_FORMAT.sub("", form):
            # Which of the two numbers is meant, the one that is shown or the one that is stored, is not certain.
            return Unreadable(
                "percent", f"has the format of a percentage, and the value {value}: format it as a number"
            )
        return value
    if isinstance(value, date):
        return value
    return Unreadable("type", f"has a time of day or a duration ({value}): format the column as text")


@dataclass(frozen=True)
class ResultCells:
    """What stands beside a row: its status, and the problems as one text. `good` colors the status; None leaves it."""

    status: str
    problems: str
    good: bool | None


def write_result(
    source: bytes | None, sheet: Sheet, heading_row: int, results: Mapping[int, ResultCells], path: Path
) -> None:
    """Writes a copy of the products with two columns of results beside each row. Nothing in it is a new formula.

    Args:
        source: the workbook that was read; None for another format, whose cells become texts.
        sheet: its rows.
        heading_row: the number of the row with the headings.
        results: by number of the row.
        path: the new file.

    Raises FileProblemError.
    """
    book, offset = Workbook() if source is None else _loaded(source, data_only=False), 0
    if source is None:
        target: Any = book.active
        target.title = "Products"
        # The lines of JSON have no row of headings of their own.
        offset = 1 - min(row.number for row in sheet.rows)
        for row in sheet.rows:
            for position, value in enumerate(row.cells, start=1):
                if isinstance(value, Unreadable):
                    value = value.written
                if isinstance(value, str):
                    _write_text(target.cell(row.number + offset, position), value)
                elif isinstance(value, bool | int | float):
                    target.cell(row.number + offset, position).value = value
    else:
        target = book[sheet.name]
        book.active = book.worksheets.index(target)
        # The stored values are not in the copy.
        book.calculation.fullCalcOnLoad = True
    heading_row += offset
    filled = [position for row in sheet.rows for position, cell in enumerate(row.cells, start=1) if cell is not None]
    status, problems = _places(target, heading_row, max(filled))
    for name, position, width in ((STATUS_HEADING, status, 24), (PROBLEMS_HEADING, problems, 80)):
        heading = target.cell(heading_row, position)
        _write_text(heading, name)
        heading.font = Font(bold=True)
        target.column_dimensions[heading.column_letter].width = width
    for number, result in results.items():
        cell = target.cell(number + offset, status)
        _write_text(cell, result.status)
        if result.good is not None:
            cell.fill = PatternFill("solid", fgColor=_GREEN if result.good else _RED)
        _write_text(target.cell(number + offset, problems), result.problems)
        target.cell(number + offset, problems).alignment = Alignment(wrap_text=True, vertical="top")
    if source is None:
        target.freeze_panes = target.cell(heading_row + 1, 1)
    try:
        book.save(path)
    except OSError as error:
        raise FileProblemError("file", f"{path} cannot be written: {error.strerror}") from None


def _places(target: Any, heading_row: int, last: int) -> tuple[int, int]:
    """The columns of status and problems, counted from 1: those that the sheet has, or new ones on its right."""
    headings = {cell.value: int(cell.column) for cell in target[heading_row] if isinstance(cell.value, str)}
    if STATUS_HEADING in headings and PROBLEMS_HEADING in headings:
        return headings[STATUS_HEADING], headings[PROBLEMS_HEADING]
    return last + 1, last + 2


def _write_text(cell: Any, text: str) -> None:
    """A text as it stands: one that begins with = is no formula, and digits stay a text."""
    if not isinstance(cell, Cell):
        raise FileProblemError("mergedCells", f"the cell {cell.coordinate} for the results is merged with others")
    # openpyxl cuts a text that is too long for Excel.
    cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)
    cell.data_type = "s"
    cell.number_format = "@"
    cell.quotePrefix = text.startswith(("=", "+", "-", "@"))
