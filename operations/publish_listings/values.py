"""Turns a cell into the value that Amazon's schema asks for. What is not certain is refused, never guessed."""

import re
from datetime import date, datetime
from enum import StrEnum

from operations.publish_listings.definitions import Leaf
from operations.publish_listings.sheets import CellValue, Unreadable
from quickstart.product_types.enumerations import Enumeration
from quickstart.product_types.wording import any_of, shown_text

# What a double and spreadsheet programs can hold.
_DIGITS = 15
_SPACES = re.compile("[ \u00a0\u2009\u202f'\u2019]")
_PLAIN = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d*)([.,])(\d+)")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*(?:(?!\1)[.,]\d+)?")
_SHORTENED = re.compile(r"[+-]?\d(?:[.,]\d+)?E[+-]?\d+", re.IGNORECASE)
_WITH_UNIT = re.compile(r"([+-]?[\d.,' \u00a0\u202f]*\d)\s*([^\d\s.,'+-].*)")
# A tab and line breaks are white space.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# As the spreadsheet programs write truth values in CSV, by language.
_TRUE = frozenset(("true", "yes", "1", "wahr", "ja", "vrai", "oui", "vero", "sì", "verdadero", "sí", "prawda", "tak"))
_FALSE = frozenset(("false", "no", "0", "falsch", "nein", "faux", "non", "falso", "fałsz", "nie", "onwaar", "nee"))
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T](\d{1,2}:\d{2}(?::\d{2})?))?")
_SLASHES = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})(?:[ T](\d{1,2}:\d{2}(?::\d{2})?))?")


class DecimalSign(StrEnum):
    """What stands before the decimals, where the file leaves it open."""

    POINT = "point"
    COMMA = "comma"


class DateOrder(StrEnum):
    """What comes first in a date with slashes, where the file leaves it open."""

    DAY = "day-first"
    MONTH = "month-first"


class CellError(ValueError):
    """The cell does not have such a value. `rule` is a name that does not change."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


def as_text(cell: CellValue) -> str:
    """A cell as a text, such as a SKU. Raises CellError for what a spreadsheet program has changed."""
    match cell:
        case Unreadable():
            raise CellError(cell.rule, cell.reason)
        case bool():
            raise CellError("type", f"must be a text, but is {str(cell).upper()}: format the column as text")
        case str():
            if _SHORTENED.fullmatch(cell) and "+" in cell:
                raise CellError(
                    "digitsLost",
                    f"{cell} is a number that a spreadsheet program has shortened, so its digits are lost: format the "
                    "column as text, and enter the number again",
                )
            if unseen := _CONTROL.search(cell):
                raise CellError("control", f"has the control character U+{ord(unseen[0]):04X}: remove it")
            return cell
        case int() | float():
            return _digits(cell)
        case date():
            raise CellError(
                "type",
                f"must be a text, but the spreadsheet has the date {cell:%Y-%m-%d}: format the column as text, and "
                "enter the value again",
            )
    raise CellError("missing", "is empty")


def _digits(number: float) -> str:
    """The text of a number as a person entered it: 4006381333931, 42.5."""
    if isinstance(number, int) or number.is_integer():
        whole = int(number)
        if abs(whole) >= 10**_DIGITS:
            raise CellError(
                "digitsLost",
                f"{whole} has more than {_DIGITS} digits, which a spreadsheet program does not keep in a number: "
                "format the column as text, and enter it again",
            )
        return str(whole)
    return f"{number:.{_DIGITS}g}"


def converted(
    cell: CellValue, leaf: Leaf, decimal_sign: DecimalSign | None = None, date_order: DateOrder | None = None
) -> object:
    """The value of JSON for a cell that is not empty. Raises CellError.

    Labels of codes become codes. Other rules than the type, such as lengths, are the schema's to check.
    """
    if isinstance(cell, Unreadable):
        raise CellError(cell.rule, cell.reason)
    match leaf.type:
        case "number" | "integer":
            if leaf.codes is not None and isinstance(cell, str) and (code := leaf.codes.code_of(cell)) is not None:
                return code
            return _number(cell, whole=leaf.type == "integer", sign=decimal_sign)
        case "boolean":
            return _boolean(cell)
        case "date" | "date-time":
            return _date(cell, with_time=leaf.type == "date-time", order=date_order)
    text = as_text(cell)
    return text if leaf.codes is None else coded(text, leaf.codes)


def coded(text: str, codes: Enumeration) -> object:
    """The code for a code or a label. Another text stays, for the schema to judge."""
    if codes.has(text):
        return text
    code = codes.code_of(text)
    return text if code is None else code


def with_unit(cell: CellValue, leaf: Leaf, sign: DecimalSign | None = None) -> tuple[object, object]:
    """Number and unit of a cell such as "2.5 kilograms"; the unit is None if the cell has none. Raises CellError."""
    if isinstance(cell, str) and leaf.units is not None and (parts := _WITH_UNIT.fullmatch(cell)):
        unit = coded(parts[2].strip(), leaf.units)
        if not leaf.units.has(unit):
            known = any_of([shown_text(str(code)) for code in leaf.units.codes])
            raise CellError("unit", f"{shown_text(cell)} has the unit {shown_text(parts[2])}; the units are {known}")
        return converted(parts[1], leaf, sign), unit
    return converted(cell, leaf, sign), None


def _number(cell: CellValue, *, whole: bool, sign: DecimalSign | None) -> float:
    words = "a whole number" if whole else "a number"
    match cell:
        case bool():
            raise CellError("type", f"must be {words}, but is {str(cell).upper()}")
        case int() | float():
            if abs(cell) >= 10**_DIGITS:
                raise CellError("digitsLost", f"has more than {_DIGITS} digits")
            # What a formula gives differs from what the program shows in the 16th digit.
            found = float(f"{cell:.{_DIGITS}g}")
        case str():
            found = _parsed(cell, words, sign)
        case _:
            raise CellError("type", f"must be {words}, but the spreadsheet has the date {cell}: format it as a number")
    if found.is_integer():
        return int(found)
    if whole:
        raise CellError("type", f"must be a whole number, but is {shown_text(str(cell))}")
    return found


def _parsed(text: str, words: str, sign: DecimalSign | None) -> float:
    plain = _SPACES.sub("", text)
    if _PLAIN.fullmatch(plain):
        return _float(plain)
    decimal = _DECIMAL.fullmatch(plain)
    grouped = _GROUPED.fullmatch(plain)
    if decimal and grouped and not decimal[1].lstrip("0"):
        grouped = None  # nobody groups 0.125
    if decimal and grouped:
        if sign is None:
            one, other = plain.replace(",", "."), plain.replace(",", "").replace(".", "")
            raise CellError(
                "ambiguousNumber",
                f"{shown_text(text)} can be {one} or {other}: set DECIMAL=comma or DECIMAL=point for this file",
            )
        mark = "," if sign is DecimalSign.COMMA else "."
        return _float(plain.replace(",", ".") if decimal[2] == mark else plain.replace(decimal[2], ""))
    if decimal:
        return _float(plain.replace(",", "."))
    if grouped:
        return _float(plain.replace(grouped[1], "").replace(",", "."))
    raise CellError("type", f"must be {words}, but is {shown_text(text)}")


def _float(digits: str) -> float:
    if len(digits.lstrip("+-").replace(".", "").lstrip("0")) > _DIGITS:
        raise CellError("digitsLost", f"{shown_text(digits)} has more than {_DIGITS} digits")
    return float(digits)


def _boolean(cell: CellValue) -> bool:
    if isinstance(cell, bool):
        return cell
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    plain = text.casefold()
    if plain in _TRUE or plain in _FALSE:
        return plain in _TRUE
    raise CellError("type", f"must be true or false, but is {shown_text(text)}")


def _date(cell: CellValue, *, with_time: bool, order: DateOrder | None) -> str:
    """ISO 8601. A time without a time zone is in UTC."""
    if isinstance(cell, str):
        cell = _read_date(cell, order)
    if not isinstance(cell, date):
        raise CellError("type", f"must be a date, but is the number {cell}: format the column as a date")
    moment = cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - below
    if with_time:
        return moment.isoformat(timespec="seconds").removesuffix("+00:00") + ("" if _zoned(moment) else "Z")
    if moment.time() != datetime.min.time():
        raise CellError("type", f"must be a date without a time, but is {cell}")
    return moment.date().isoformat()


def _zoned(moment: datetime) -> bool:
    return moment.tzinfo is not None and moment.isoformat()[-6:] != "+00:00"


def _read_date(text: str, order: DateOrder | None) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if found := _DAY_FIRST.fullmatch(text):
        day, month = int(found[1]), int(found[2])
    elif found := _SLASHES.fullmatch(text):
        day, month = int(found[1]), int(found[2])
        if day <= 12 and (month > 12 or order is DateOrder.MONTH):
            day, month = month, day
        elif day <= 12 and day != month and order is None:
            raise CellError(
                "ambiguousDate",
                f"{shown_text(text)} can be two days: set DATES=day-first or DATES=month-first for this file, or write "
                "2026-12-24",
            )
    else:
        raise CellError("type", f"must be a date such as 2026-12-24, but is {shown_text(text)}")
    try:
        clock = [*map(int, (found[4] or "0:00").split(":")), 0]
        return datetime(int(found[3]), month, day, clock[0], clock[1], clock[2])  # noqa: DTZ001 - see _date
    except ValueError:
        raise CellError("type", f"must be a date, but there is no {shown_text(text)}") from None
