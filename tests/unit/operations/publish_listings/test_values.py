"""Cells as values: what is certain is converted, and what is not is refused."""

from datetime import UTC, date, datetime

import pytest

from operations.publish_listings.definitions import Leaf
from operations.publish_listings.sheets import CellValue, Unreadable
from operations.publish_listings.values import CellError, DateOrder, DecimalSign, as_text, converted, with_unit
from quickstart.product_types.enumerations import Enumeration
from tests.unit.operations.publish_listings.reading import schema_of

WEIGHT = schema_of().leaf(("item_weight",))


def leaf(kind: str, codes: Enumeration | None = None) -> Leaf:
    return Leaf("field", (), kind, codes, repeatable=False)


def refused(cell: CellValue, kind: str, **options: object) -> str:
    with pytest.raises(CellError) as caught:
        converted(cell, leaf(kind), **options)
    assert str(caught.value), "a refusal has a reason"
    return caught.value.rule


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (49.9, 49.9),
        (49.900000000000006, 49.9),
        (50.0, 50),
        ("49.90", 49.9),
        ("49,9", 49.9),
        ("0,125", 0.125),
        (",5", 0.5),
        ("-3", -3),
        ("1234", 1234),
        ("1 234,50", 1234.5),
        ("1\u202f234,50", 1234.5),
        ("1'234.50", 1234.5),
        ("1.234,50", 1234.5),
        ("1,234.50", 1234.5),
        ("1.234.567", 1234567),
        ("1,234,567.25", 1234567.25),
        ("12.3456", 12.3456),
    ],
)
def test_numbers(cell: CellValue, value: float) -> None:
    found = converted(cell, leaf("number"))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("cell", "sign", "value"),
    [
        ("1.234", DecimalSign.COMMA, 1234),
        ("1.234", DecimalSign.POINT, 1.234),
        ("1,234", DecimalSign.COMMA, 1.234),
        ("1,234", DecimalSign.POINT, 1234),
    ],
)
def test_a_number_that_can_be_two_needs_the_decimal_sign(cell: str, sign: DecimalSign, value: float) -> None:
    assert converted(cell, leaf("number"), sign) == value
    assert refused(cell, "number") == "ambiguousNumber"


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("49,90 €", "type"),
        ("12.34.5", "type"),
        ("1,23,456", "type"),
        ("abc", "type"),
        (True, "type"),
        (date(2027, 5, 3), "type"),
        ("1234567890123456", "digitsLost"),
        (1234567890123456, "digitsLost"),
        (-1e15, "digitsLost"),
        pytest.param(10**400, "digitsLost", id="401 digits"),
        (Unreadable("formula", "has a formula"), "formula"),
    ],
)
def test_what_is_no_number(cell: CellValue, rule: str) -> None:
    assert refused(cell, "number") == rule


def test_a_number_that_a_spreadsheet_cannot_keep_says_so() -> None:
    with pytest.raises(CellError, match=r"^has more than 15 digits$"):
        converted(1234567890123456, leaf("number"))


def test_whole_numbers() -> None:
    assert converted("12.0", leaf("integer")) == 12
    assert converted(12.0, leaf("integer")) == 12
    assert refused("12.5", "integer") == "type"
    assert refused(12.5, "integer") == "type"
    assert refused("10.000", "integer") == "ambiguousNumber"


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (True, True),
        (False, False),
        ("VRAI", True),
        ("Falsch", False),
        ("yes", True),
        (1, True),
        (0.0, False),
        ("0", False),
    ],
)
def test_truth_values(cell: CellValue, value: bool) -> None:
    assert converted(cell, leaf("boolean")) is value


@pytest.mark.parametrize("cell", [999_999_999_999_999, -999_999_999_999_999])
def test_the_largest_numbers(cell: int) -> None:
    assert converted(cell, leaf("number")) == converted(float(cell), leaf("integer")) == cell
    assert as_text(cell) == as_text(float(cell)) == str(cell)


def test_what_is_no_truth_value() -> None:
    assert refused("x", "boolean") == "type"
    assert refused(2, "boolean") == "type"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("0012345678905", "0012345678905"),
        (4006381333931, "4006381333931"),
        (4006381333931.0, "4006381333931"),
        (42.5, "42.5"),
        ("1E5", "1E5"),
    ],
)
def test_texts(cell: CellValue, text: str) -> None:
    assert as_text(cell) == converted(cell, leaf("string")) == text


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("4,00638E+12", "digitsLost"),
        ("4.00638E+12", "digitsLost"),
        (1234567890123456, "digitsLost"),
        (1e15, "digitsLost"),
        (date(2027, 10, 12), "type"),
        (True, "type"),
        (None, "missing"),
        (Unreadable("formulaError", "has the error #REF!"), "formulaError"),
    ],
)
def test_what_a_spreadsheet_program_has_changed_is_no_text(cell: CellValue, rule: str) -> None:
    assert refused(cell, "string") == rule


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        (date(2027, 3, 4), "2027-03-04"),
        (datetime(2027, 3, 4), "2027-03-04"),  # noqa: DTZ001 - as openpyxl reads it
        ("2027-03-04", "2027-03-04"),
        ("4.3.2027", "2027-03-04"),
        ("31/12/2027", "2027-12-31"),
        ("12/31/2027", "2027-12-31"),
        ("12/13/2027", "2027-12-13"),
        ("13/12/2027", "2027-12-13"),
        ("13-12-2027", "2027-12-13"),
        ("5/5/2027", "2027-05-05"),
        ("12/12/2027", "2027-12-12"),
        ("4.3.2027 0:00:00", "2027-03-04"),
        (datetime(2027, 3, 4, tzinfo=UTC), "2027-03-04"),
    ],
)
def test_days(cell: CellValue, day: str) -> None:
    assert converted(cell, leaf("date")) == day


@pytest.mark.parametrize(
    ("cell", "day_first", "month_first"),
    [
        ("3/4/2027", "2027-04-03", "2027-03-04"),
        ("1/12/2027", "2027-12-01", "2027-01-12"),
        ("12/1/2027", "2027-01-12", "2027-12-01"),
        ("11-12-2027", "2027-12-11", "2027-11-12"),
    ],
)
def test_a_day_that_can_be_two_needs_the_order(cell: str, day_first: str, month_first: str) -> None:
    assert refused(cell, "date") == "ambiguousDate"
    assert converted(cell, leaf("date"), date_order=DateOrder.DAY) == day_first
    assert converted(cell, leaf("date"), date_order=DateOrder.MONTH) == month_first


@pytest.mark.parametrize(
    ("cell", "day"), [("31/12/2027", "2027-12-31"), ("13/5/2027", "2027-05-13"), ("12/13/2027", "2027-12-13")]
)
@pytest.mark.parametrize("order", [None, *DateOrder])
def test_a_day_that_can_be_only_one_needs_no_order(cell: str, day: str, order: DateOrder | None) -> None:
    assert converted(cell, leaf("date"), date_order=order) == day


@pytest.mark.parametrize("cell", ["31.2.2027", "tomorrow", 46000, "2027-03-04T10:00", "13/13/2027", True])
def test_what_is_no_day(cell: CellValue) -> None:
    assert refused(cell, "date") == "type"


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2027-03-04", "2027-03-04T00:00:00Z"),
        ("4.3.2027 9:05", "2027-03-04T09:05:00Z"),
        ("4.3.2027 9:05:07", "2027-03-04T09:05:07Z"),
        ("4.3.2027 19:05:07", "2027-03-04T19:05:07Z"),
        ("31-12-2027T00:00", "2027-12-31T00:00:00Z"),
        ("12/31/2027 9:05:07", "2027-12-31T09:05:07Z"),
        ("2027-03-04T10:00:00+02:00", "2027-03-04T10:00:00+02:00"),
        ("2027-03-04T10:00:00Z", "2027-03-04T10:00:00Z"),
        ("2027-03-04T10:00:00.5", "2027-03-04T10:00:00Z"),
        ("2027-03-04T10:00:00-00:30", "2027-03-04T10:00:00-00:30"),
        (date(2027, 3, 4), "2027-03-04T00:00:00Z"),
        (datetime(2027, 3, 4, 10), "2027-03-04T10:00:00Z"),  # noqa: DTZ001 - as openpyxl reads it
    ],
)
def test_moments(cell: CellValue, moment: str) -> None:
    assert converted(cell, leaf("date-time")) == moment


def test_codes_and_labels() -> None:
    codes = Enumeration(("hard_shell", "soft_shell"), ("Hard shell", "Soft shell"), (), open=False)
    assert converted("Hard  SHELL", leaf("string", codes)) == "hard_shell"
    assert converted("soft_shell", leaf("string", codes)) == "soft_shell"
    assert converted("no shell", leaf("string", codes)) == "no shell", "the schema's check has the words for it"
    numbers = Enumeration((1, 2), ("One", "Two"), (), open=False)
    assert converted("Two", leaf("integer", numbers)) == 2
    assert converted("3", leaf("integer", numbers)) == 3, "the schema's check has the words for it"
    assert converted(2.0, leaf("integer", numbers)) == 2
    empty = Enumeration((0, ""), ("None", "Nothing"), (), open=False)
    assert converted("None", leaf("integer", empty)) == 0
    assert converted("Nothing", leaf("string", empty)) == ""


@pytest.mark.parametrize(
    ("cell", "number", "unit"),
    [("2,5 kilograms", 2.5, "kilograms"), ("2.5Kilograms", 2.5, "kilograms"), (2.5, 2.5, None), ("3", 3, None)],
)
def test_units(cell: CellValue, number: float, unit: str | None) -> None:
    assert WEIGHT is not None
    assert with_unit(cell, WEIGHT) == (number, unit)


def test_the_number_before_a_unit_is_read_like_any_other() -> None:
    assert WEIGHT is not None
    assert with_unit("1.234 kilograms", WEIGHT, DecimalSign.COMMA) == (1234, "kilograms")
    assert with_unit("1.234", WEIGHT, DecimalSign.COMMA) == (1234, None)
    with pytest.raises(CellError, match=r"can be 1\.234 or 1234"):
        with_unit("1.234 kilograms", WEIGHT)
    assert with_unit("-1 234,5 Kilograms", WEIGHT) == (-1234.5, "kilograms")
    with pytest.raises(CellError, match=r"^must be a number, but is 2 kilograms$"):
        with_unit("2 kilograms", leaf("number"))


def test_an_unknown_unit() -> None:
    assert WEIGHT is not None
    with pytest.raises(
        CellError, match="has the unit stone; the units are grams, kilograms, ounces or pounds"
    ) as caught:
        with_unit("2 stone", WEIGHT)
    assert caught.value.rule == "unit"


UNEXPECTED_TEXT = "must be a text, but the spreadsheet has the date 2027-10-12: format the column as text, and enter "
SHORTENED = (
    "is a number that a spreadsheet program has shortened, so its digits are lost: format the column as text, and"
)
TOO_LONG = (
    "has more than 15 digits, which a spreadsheet program does not keep in a number: format the column as text, and"
)
FOR_THIS_FILE = "set DATES=day-first or DATES=month-first for this file, or write 2026-12-24"


@pytest.mark.parametrize(
    ("kind", "cell", "message"),
    [
        ("number", True, "must be a number, but is TRUE"),
        ("integer", False, "must be a whole number, but is FALSE"),
        (
            "number",
            date(2027, 5, 3),
            "must be a number, but the spreadsheet has the date 2027-05-03: format it as a number",
        ),
        ("number", "49,90 €", "must be a number, but is 49,90 €"),
        ("integer", "many", "must be a whole number, but is many"),
        ("integer", "12.5", "must be a whole number, but is 12.5"),
        ("number", "1.234", "1.234 can be 1.234 or 1234: set DECIMAL=comma or DECIMAL=point for this file"),
        ("number", "-1,234", "-1,234 can be -1.234 or -1234: set DECIMAL=comma or DECIMAL=point for this file"),
        ("number", "1234567890123456", "1234567890123456 has more than 15 digits"),
        ("boolean", "x", "must be true or false, but is x"),
        ("boolean", 2.0, "must be true or false, but is 2"),
        ("boolean", 2.5, "must be true or false, but is 2.5"),
        ("string", None, "is empty"),
        ("string", True, "must be a text, but is TRUE: format the column as text"),
        ("string", date(2027, 10, 12), f"{UNEXPECTED_TEXT}the value again"),
        ("string", "4,00638E+12", f"4,00638E+12 {SHORTENED} enter the number again"),
        ("string", 1234567890123456, f"1234567890123456 {TOO_LONG} enter it again"),
        ("string", "a\x07b", "has the control character U+0007: remove it"),
        ("date", 46000, "must be a date, but is the number 46000: format the column as a date"),
        ("date-time", True, "must be a date, but is the number True: format the column as a date"),
        ("date-time", "4.3.2027 24:00", "must be a date, but there is no 4.3.2027 24:00"),
        ("date", "13/13/2027", "must be a date, but there is no 13/13/2027"),
        ("date", "1.13.2027", "must be a date, but there is no 1.13.2027"),
        ("number", 10**15, "has more than 15 digits"),
        ("number", -float(10**15), "has more than 15 digits"),
        ("number", "", "must be a number, but is "),
        ("string", -(10**15), f"-1000000000000000 {TOO_LONG} enter it again"),
        ("date", "tomorrow", "must be a date such as 2026-12-24, but is tomorrow"),
        ("date", "31.2.2027", "must be a date, but there is no 31.2.2027"),
        ("date", "2027-03-04T10:00", "must be a date without a time, but is 2027-03-04 10:00:00"),
        ("date", "3/4/2027", f"3/4/2027 can be two days: {FOR_THIS_FILE}"),
    ],
)
def test_a_refusal_says_what_the_cell_has_and_what_to_do(kind: str, cell: CellValue, message: str) -> None:
    with pytest.raises(CellError) as caught:
        converted(cell, leaf(kind))
    assert str(caught.value) == message


@pytest.mark.parametrize("digits", ["123456789012345", "-0,00123456789012345", "12345678901234.5"])
def test_fifteen_digits_are_kept(digits: str) -> None:
    assert converted(digits, leaf("number")) == float(digits.replace(",", "."))
    assert refused(f"{digits}1", "number") == "digitsLost"
    assert as_text(999_999_999_999_999) == "999999999999999"
