"""Files with products as other programs export them: workbooks with formulas and merged cells, and CSV."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.utils.cell import coordinate_to_tuple

HEADINGS = (
    "sku",
    "product_type",
    "brand",
    "item_name",
    "product_description",
    "bullet_point",
    "country_of_origin",
    "condition_type",
    "shell_type",
    "externally_assigned_product_identifier.type",
    "externally_assigned_product_identifier.value",
    "purchasable_offer.our_price.schedule.value_with_tax",
)


def ean(number: int) -> str:
    """The EAN with this number before its check digit: 1234567890 gives 0012345678905."""
    digits = f"{number:012d}"
    weighted = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def suitcase(number: int, **changed: object) -> dict[str, object]:
    """The cells of a suitcase that Amazon accepts, by heading."""
    values = (
        f"VALISE-{number:04}",
        "LUGGAGE",
        "generic",
        f"Valise légère n° {number}",
        "Une valise légère pour le week-end",
        "Légère",
        "FR",
        "new_new",
        "Hard shell",
        "EAN",
        ean(number),
        49.9,
    )
    return dict(zip(HEADINGS, values, strict=True)) | changed


def rows_of(products: Iterable[Mapping[str, object]], headings: Sequence[str] = HEADINGS) -> list[list[object]]:
    """A row of headings, and one for each product."""
    return [list(headings), *([product.get(name) for name in headings] for product in products)]


def workbook(
    rows: Sequence[Sequence[object]],
    *,
    merged: Iterable[str] = (),
    formats: Mapping[str, str] | None = None,
    stored: Mapping[str, object] | None = None,
    title: str = "Products",
) -> bytes:
    """A workbook with one sheet. `merged` are areas such as A1:B1, `formats` number formats by cell, and `stored` the
    values of formulas by cell, as a spreadsheet program stores them."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = title
    for number, row in enumerate(rows, start=1):
        for position, value in enumerate(row, start=1):
            if value is not None:
                sheet.cell(number, position).value = value
    for cell, form in (formats or {}).items():
        sheet[cell].number_format = form
    for area in merged:
        sheet.merge_cells(area)
    file = io.BytesIO()
    book.save(file)
    return _with_values(file.getvalue(), stored or {})


def _with_values(content: bytes, stored: Mapping[str, object]) -> bytes:
    """The workbook with the values of its formulas, which openpyxl does not calculate."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                for cell, value in stored.items():
                    kind = ' t="str"' if isinstance(value, str) else ' t="e"' if isinstance(value, Exception) else ""
                    pattern = rf'<c r="{cell}"([^>]*)><f>(.*?)</f><v ?/?>(</v>)?</c>'
                    found = rf'<c r="{cell}"\1{kind}><f>\2</f><v>{value}</v></c>'
                    text, count = re.subn(pattern.encode(), found.encode(), text)
                    assert count == 1, f"{cell} has no formula"
            target.writestr(name, text)
    return changed.getvalue()


def csv_bytes(
    rows: Sequence[Sequence[object]], encoding: str = "utf-8", delimiter: str = ",", end: str = "\r\n"
) -> bytes:
    """CSV with numbers and texts as they are; None is an empty cell."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
    writer.writerows([["" if value is None else value for value in row] for row in rows])
    return file.getvalue().encode(encoding)


def cells_of(path: Path, sheet_name: str | None = None) -> list[list[object]]:
    """The values of a workbook as it is stored, row by row."""
    book = load_workbook(path)
    sheet: Any = book[sheet_name] if sheet_name else book.active
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def raw_cells(path: Path) -> list[list[Cell]]:
    sheet: Any = load_workbook(path).active
    return [list(row) for row in sheet.iter_rows()]


PRICE = "purchasable_offer.our_price.schedule.value_with_tax"
IDENTIFIER = "externally_assigned_product_identifier"


def export(products: int, changes: Mapping[str, object] | None = None) -> bytes:
    """A workbook as another program exports it: a title, groups of headings over merged cells, identifiers as texts,
    as numbers and as numbers with a format of zeros, prices as formulas, dates, empty cells and rows.

    `changes` are other values by cell. The products begin in row 5; after each hundred of them, a row is empty.
    """
    upper: list[object] = ["sku", "product_type", "brand", "item_name", "product_description", "country_of_origin"]
    upper += ["condition_type", "shell_type", f"{IDENTIFIER}.type", f"{IDENTIFIER}.value", PRICE]
    upper += ["fulfillment_availability", None, None, "bullet_point", None, "cost", "supplier"]
    stock: list[object] = ["fulfillment_channel_code", "quantity", "restock_date"]
    rows: list[list[object]] = [["Catalogue 2027"], [], upper, [*[None] * 11, *stock]]
    stored: dict[str, object] = {}
    formats: dict[str, str] = {}
    for number in range(1, products + 1):
        row = len(rows) + 1
        product = suitcase(number, fulfillment_availability="DEFAULT", cost=41.58, supplier="Moulin & Söhne")
        cells = [None if name is None else product.get(str(name)) for name in upper]
        if number % 3 == 1:
            cells[9], formats[f"J{row}"] = int(ean(number)), "0000000000000"
        if number % 2 == 0:
            cells[10], stored[f"K{row}"] = f"=ROUND(Q{row}*1.2,2)", 49.9
            cells[15] = "Solide"
        cells[12:14] = [number % 10, date(2027, 3, 4) if number % 5 == 0 else None]
        rows.append(cells)
        if number % 100 == 0:
            rows.append([])
    for place, value in (changes or {}).items():
        row, column = coordinate_to_tuple(place)
        rows[row - 1][column - 1] = value
        stored.pop(place, None)
        formats[place] = "@"
    merged = ["A1:R1", "L3:N3", "O3:P4"] + [f"{letter}3:{letter}4" for letter in "ABCDEFGHIJKQR"]
    return workbook(rows, merged=merged, formats=formats, stored=stored, title="Export")
