"""Reads the file that somebody wants to publish: a workbook, CSV, or JSON Lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.publish_listings.columns import Headings
from operations.publish_listings.csv_files import read_csv
from operations.publish_listings.sheets import FileProblemError, Problem, Row, Sheet
from operations.publish_listings.workbooks import read_workbook
from quickstart.listings.feed_documents import FeedMessage, Limits, read_feed
from quickstart.listings.feed_documents import Problem as FeedProblem
from quickstart.listings.json_scanning import UTF_8_MARK, Position, ScanError, Value, parsed

# As many rows as a workbook can have. A request takes 25,000 of them.
_MOST_ROWS = 1_048_576
_ZIP, _OLD_WORKBOOK, _GZIP = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b"
_REPEATED_SKU = "repeatedSku"
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class File:
    """What a file has: a `sheet`, or `contents`, which are messages of a feed by line.

    `workbook` are the bytes of a workbook, into whose copy the results go. `problems` are those of single messages.
    """

    sheet: Sheet
    contents: tuple[tuple[int, Mapping[str, Any]], ...] | None = None
    workbook: bytes | None = None
    problems: tuple[Problem, ...] = ()


def read_file(path: Path, headings: Headings, *, sheet: str = "", encoding: str = "", seller_id: str = "") -> File:
    """Reads the file by its content, not by its name. Raises FileProblemError, which names place and rule."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileProblemError("file", f"{path} cannot be read: {error.strerror}") from None
    if not content.strip():
        raise FileProblemError("file", f"{path} is empty")
    if content.startswith(_OLD_WORKBOOK):
        raise FileProblemError(
            "format", f"{path} is protected by a password, or in Excel's old format .xls. Save it as .xlsx without one"
        )
    if content.startswith(_ZIP):
        if path.suffix.lower() in (".ods", ".numbers", ".zip"):
            raise FileProblemError("format", f"{path} is no Excel workbook: save it as .xlsx or as CSV in UTF-8")
        return File(read_workbook(content, headings.has_sku, sheet), workbook=content)
    if path.suffix.lower() in _JSON_SUFFIXES or content.startswith(_GZIP):
        return _read_json(content, seller_id)
    return File(read_csv(content, headings.has_sku, encoding))


def _read_json(content: bytes, seller_id: str) -> File:
    """Messages of a feed, or rows: objects whose names are headings."""
    rows = _rows(content)
    if rows is not None:
        return File(rows)
    contents: list[tuple[int, Mapping[str, Any]]] = []
    problems: list[Problem] = []
    repeated: dict[str, int] = {}
    limits = Limits(most_messages=_MOST_ROWS, most_bytes=max(Limits().most_bytes, len(content)))
    for item in read_feed((content,), limits=limits, seller_id=seller_id or None):
        match item:
            case FeedMessage():
                contents.append((item.position.line, item.content))
            case FeedProblem(whole_file=True):
                raise FileProblemError(item.rule, item.sentence)
            case FeedProblem():
                reason = f"byte {item.position.byte}: {item.reason}"
                problems.append(Problem(item.position.line, item.rule, reason, item.field))
                if item.rule == _REPEATED_SKU and item.sku is not None:
                    repeated[item.sku] = item.position.line
    # The first message of a repeated SKU is as doubtful as the others.
    for line, message in contents:
        if other := repeated.get(str(message["sku"])):
            problems.append(Problem(line, _REPEATED_SKU, f"the SKU is also in line {other}", "sku"))
    shown = Sheet("", (Row(0, ("sku",)), *(Row(line, (str(message["sku"]),)) for line, message in contents)))
    return File(shown, tuple(contents), problems=tuple(problems))


def _rows(content: bytes) -> Sheet | None:
    """JSON Lines with flat objects as a table, its headings in row 0, so that the rows have the numbers of the lines.

    None for messages of a feed, and for what is no JSON Lines. Raises FileProblemError for a line that is no JSON.
    """
    rows: list[tuple[int, dict[str, Any]]] = []
    wrong: ScanError | None = None
    place = Position(1 + len(content) - len(content.removeprefix(UTF_8_MARK)), 1)
    for line in content.removeprefix(UTF_8_MARK).split(b"\n"):
        start, place = place, Position(place.byte + len(line) + 1, place.line + 1)
        if not line.strip():
            continue
        try:
            value = parsed(Value(line, start, len(line)), len(line))
        except ScanError as error:
            wrong = wrong or error
            continue
        if not isinstance(value, dict) or {"operationType", "header", "messages"} & value.keys():
            return None
        rows.append((start.line, value))
    if not rows:
        return None
    if wrong is not None:
        where = f"line {wrong.position.line}, byte {wrong.position.byte}"
        raise FileProblemError(wrong.rule, f"{where}: {wrong.reason}")
    names = list(dict.fromkeys(name for _, value in rows for name in value))
    headings = [f"{name}" for name, value in _widened(rows, names) for _ in range(value)]
    table = [Row(0, tuple(headings))]
    widths = dict(_widened(rows, names))
    for number, value in rows:
        cells: list[Any] = []
        for name in names:
            given = value.get(name)
            several = given if isinstance(given, list) else [given]
            cells += [*several, *[None] * (widths[name] - len(several))]
        if not all(cell is None or isinstance(cell, str | int | float | bool) for cell in cells):
            raise FileProblemError(
                "type", f"line {number} has an object in a row: write a message with operationType, or flat names"
            )
        table.append(Row(number, tuple(cell if cell != "" else None for cell in cells)))
    return Sheet("", tuple(table))


def _widened(rows: list[tuple[int, dict[str, Any]]], names: list[str]) -> Iterator[tuple[str, int]]:
    """How many columns each name needs: a list has several values."""
    for name in names:
        lists = (value[name] for _, value in rows if isinstance(value.get(name), list))
        yield name, max((len(each) for each in lists), default=1) or 1
