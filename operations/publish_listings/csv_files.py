"""Reads CSV as spreadsheet programs and other programs write it: any separator, Windows-1252, UTF-8 or UTF-16."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from operations.publish_listings.sheets import (
    FIRST_ROWS,
    CellValue,
    FileProblemError,
    Row,
    Sheet,
    Unreadable,
    text_cell,
)

_SEPARATORS = {";": "semicolon", ",": "comma", "\t": "tab", "|": "vertical bar"}
# UTF-32's begins with the one of UTF-16. The codec utf-8-sig would name the place of an error without the mark.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
# What a program in western Europe and America writes when it does not write Unicode.
_USUAL = "cp1252"
# Excel's own line above a table, which names the separator.
_SEPARATOR_LINE = re.compile(r'sep=([^"\r\n])\r?\n', re.IGNORECASE)
_QUOTED = re.compile(r'="((?:[^"]|"")*)"')
_EXAMPLE = re.compile(r"[\w.,'-]*[^\x00-\x7f][\w.,'-]*")


def read_csv(content: bytes, has_sku: Callable[[Sequence[str]], bool], encoding: str = "") -> Sheet:
    """The rows of a CSV file.

    Args:
        content: the file.
        has_sku: whether the texts of a row have the heading of the SKUs. It tells which character separates the cells.
        encoding: the name of the encoding; empty to recognize Unicode, and take the rest for Windows-1252.

    Raises FileProblemError for a file that cannot be read without losing something.
    """
    text, notes = _decoded(content, encoding)
    separator = ""
    if named := _SEPARATOR_LINE.match(text):
        separator, text = named[1], text[named.end() :]
    separator = separator or _separator(text, has_sku)
    rows = []
    width = 0
    for number, cells in enumerate(_records(text, separator), start=1):
        row = Row(number, tuple(map(_cell, cells)))
        width = width or (len(cells) if has_sku(cells) else 0)
        if width and any(cell is not None for cell in row.cells[width:]):
            raise FileProblemError(
                "cells",
                f"row {number} has {len(cells)} cells, but the row of headings has {width}: put a value that contains "
                f"{separator!r} in double quotes",
            )
        rows.append(row)
    ends_in_line = text.endswith(("\n", "\r"))
    if width and not ends_in_line and len(rows[-1].cells) < width:
        raise FileProblemError(
            "cutOff",
            f"row {rows[-1].number}, the last one, ends after {len(rows[-1].cells)} of {width} cells: the file is cut "
            "off. Export it again",
        )
    notes.append(f"separated by {_SEPARATORS.get(separator, repr(separator))}")
    return Sheet("", tuple(rows), notes=(f"Read as CSV: {', '.join(notes)}.",))


def _cell(text: str) -> CellValue:
    """The value of a cell. Programs write ="0012" so that Excel keeps the zeros; another formula has no value here."""
    plain = text.strip()
    if quoted := _QUOTED.fullmatch(plain):
        return text_cell(quoted[1].replace('""', '"'))
    if plain.startswith("=") and len(plain) > 1:
        return Unreadable("formula", "has a formula, whose value is not in the file: export the values", plain)
    return text_cell(text)


def _decoded(content: bytes, encoding: str) -> tuple[str, list[str]]:
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return _strictly(content, codec, name).removeprefix("\ufeff"), [name]
    if encoding:
        return _strictly(content, encoding, encoding), [encoding]
    if b"\0" in content:
        place = content.index(b"\0")
        raise FileProblemError("encoding", f"byte {place + 1} is zero, so this is no text. Export it as CSV in UTF-8")
    try:
        return content.decode("utf-8"), ["UTF-8"]
    except UnicodeDecodeError:
        text = _strictly(content, _USUAL, "Windows-1252")
    example = _EXAMPLE.search(text)
    shown = f' (it has "{example[0][:40]}"; if that is wrong, set ENCODING)' if example else ""
    return text, [f"Windows-1252{shown}"]


def _strictly(content: bytes, codec: str, name: str) -> str:
    try:
        return content.decode(codec)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileProblemError(
            "encoding",
            f"line {line}, byte {error.start + 1} is not {name}: save the file as CSV in UTF-8, or set ENCODING to its "
            "encoding, such as cp1250",
        ) from None
    except LookupError:
        raise FileProblemError("encoding", f"ENCODING={codec} is no encoding that Python knows") from None


def _separator(text: str, has_sku: Callable[[Sequence[str]], bool]) -> str:
    """The separator with which a row has the heading of the SKUs, and most cells."""
    widths: dict[str, int] = {}
    for separator in _SEPARATORS:
        try:
            for _, cells in zip(range(FIRST_ROWS), _records(text, separator), strict=False):
                if has_sku(cells):
                    widths[separator] = len(cells)
                    break
        except FileProblemError:
            continue
    return max(widths, key=lambda separator: widths[separator]) if widths else _most_frequent(text)


def _most_frequent(text: str) -> str:
    """For the message about a file in which no row has the heading."""
    start = text[:4096]
    return max(_SEPARATORS, key=start.count)


def _records(text: str, separator: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileProblemError(
                "quotes",
                f"lines {begins} to {reader.line_num} cannot be read as CSV ({error}): check the double quotes; inside "
                'a value in quotes, a double quote is written twice ("")',
            ) from None
        begins = reader.line_num + 1
        yield cells
