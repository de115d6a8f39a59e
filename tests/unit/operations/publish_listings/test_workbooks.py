"""Workbooks as spreadsheet programs write them, and the copies with results."""

import io
import warnings
import zipfile
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from operations.publish_listings import workbooks
from operations.publish_listings.columns import Headings
from operations.publish_listings.files import read_file
from operations.publish_listings.sheets import FileProblemError, Row, Sheet, Unreadable
from operations.publish_listings.workbooks import PROBLEMS_HEADING, STATUS_HEADING, ResultCells, write_result
from tests.spreadsheets import HEADINGS, cells_of, raw_cells, rows_of, suitcase, workbook
from tests.unit.operations.publish_listings.reading import Outcome, read, sheet_of

IDENTIFIER, PRICE = "externally_assigned_product_identifier", "purchasable_offer"


def read_book(folder: Path, rows: list[list[object]], name: str = "products.xlsx", **options: object) -> Outcome:
    settings = {name: options.pop(name) for name in ("merged", "formats", "stored", "title") if name in options}
    return read(workbook(rows, **settings), folder, name, **options)


def sheet_in(path: Path) -> Sheet:
    return read_file(path, Headings()).sheet


def test_texts_numbers_and_formats_keep_their_digits(tmp_path: Path) -> None:
    products = [
        suitcase(1234567890),
        suitcase(2, **{f"{IDENTIFIER}.value": 12345678905}),
        suitcase(3, sku=4711, **{f"{IDENTIFIER}.value": 4006381333931.0}),
    ]
    outcome = read_book(tmp_path, rows_of(products), formats={"K3": "0000000000000", "A4": "00000000"})
    assert outcome.errors == []
    numbers = [message.attributes[IDENTIFIER][0]["value"] for message in outcome.messages]
    assert numbers == ["0012345678905", "0012345678905", "4006381333931"]
    assert [message.sku for message in outcome.messages] == ["VALISE-1234567890", "VALISE-0002", "00004711"]


def test_formulas_give_the_stored_values(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1), suitcase(2), suitcase(3), suitcase(4)], [*HEADINGS, "wheel_count", "color"])
    price, name, wheels, color = 11, 3, 12, 13
    rows[1][price], rows[1][name], rows[1][color] = "=41.58*1.2", '="Valise "&A2', '=IF(B2="","x","")'
    rows[2][price], rows[3][price], rows[4][wheels] = "=41.58*1.2", "=1/0", "=2+2"
    stored = {"L2": 49.900000000000006, "D2": "Valise 1", "N2": "", "L4": ValueError("#DIV/0!"), "M5": 4}
    outcome = read_book(tmp_path, rows, stored=stored)
    assert outcome.errors == [(3, "formula", "L"), (4, "formulaError", "L")]
    assert outcome.said("formula").endswith(
        ": has a formula without a stored value: open the file in a spreadsheet program, and save it there [formula]"
    )
    assert outcome.said("formulaError").endswith(": has the error #DIV/0!; correct the formula [formulaError]")
    first, last = outcome.messages
    assert first.attributes[PRICE][0]["our_price"][0]["schedule"][0]["value_with_tax"] == 49.9
    assert first.attributes["item_name"][0]["value"] == "Valise 1"
    assert "color" not in first.attributes, "a formula can give an empty text"
    assert last.attributes["wheel_count"][0]["value"] == 4


def edited(content: bytes, old: bytes, new: bytes) -> bytes:
    """A workbook whose sheet another program has written differently."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            part = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert part.count(old) == 1
                part = part.replace(old, new)
            target.writestr(name, part)
    return changed.getvalue()


def test_a_formula_outside_of_what_the_sheet_says_it_uses(tmp_path: Path) -> None:
    """Some programs write that a sheet uses its first cell only."""
    rows = rows_of([suitcase(1)])
    rows[1][11] = "=41.58*1.2"
    content = edited(workbook(rows), b'<dimension ref="A1:L2"', b'<dimension ref="A1"')
    assert (2, "formula", "L") in read(content, tmp_path, "products.xlsx").errors


def test_dates_and_times(tmp_path: Path) -> None:
    headings = [*HEADINGS, "fulfillment_availability.fulfillment_channel_code", "fulfillment_availability.restock_date"]
    headings += ["purchasable_offer.start_at", "size"]
    stock = {headings[12]: "DEFAULT", headings[13]: date(2027, 3, 4), headings[14]: datetime(2027, 3, 4, 12, 30)}  # noqa: DTZ001
    bad = {headings[15]: date(2027, 10, 12), headings[13]: time(12, 30)}
    outcome = read_book(tmp_path, rows_of([suitcase(1, **stock), suitcase(2, **bad)], headings))
    assert outcome.errors == [(3, "type", "N"), (3, "type", "P")]
    assert "has a time of day or a duration (12:30:00): format the column as text [type]" in outcome.said("type")
    assert outcome.attributes["fulfillment_availability"][0]["restock_date"] == "2027-03-04"
    assert outcome.attributes[PRICE][0]["start_at"] == "2027-03-04T12:30:00Z"
    assert datetime.fromisoformat(outcome.attributes[PRICE][0]["start_at"]).tzinfo == UTC


def test_merged_headings_over_two_rows(tmp_path: Path) -> None:
    """As an export has them: a title, groups over several columns, and headings over two rows."""
    upper = ["sku", "product_type", "fulfillment_availability", None, "bullet_point", None, None, "External product ID"]
    lower = [None, None, "fulfillment_channel_code", "Quantité", None, None, None, "External product ID type"]
    rest = [name for name in HEADINGS if name not in ("sku", "product_type", "bullet_point", f"{IDENTIFIER}.type")]
    product = suitcase(1)
    values = ["VALISE-1", "LUGGAGE", "DEFAULT", 5, "a première", None, "la troisième", "EAN"]
    rows = [
        ["Catalogue 2027"],
        [],
        [*upper, *rest],
        lower,
        [*values, *(product[name] for name in rest)],
    ]
    merged = ["A1:P1", "A3:A4", "B3:B4", "C3:D3", "E3:G4"]
    merged += [f"{letter}3:{letter}4" for letter in "IJKLMNOP"]
    outcome = read_book(tmp_path, rows, merged=merged)
    assert outcome.errors == []
    attributes = outcome.attributes
    assert attributes["fulfillment_availability"] == [{"fulfillment_channel_code": "DEFAULT", "quantity": 5}]
    assert [point["value"] for point in attributes["bullet_point"]] == ["a première", "la troisième"]
    assert attributes[IDENTIFIER][0]["type"] == "ean"


def test_cells_merged_downwards_have_one_value(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1), suitcase(2, brand=None)])
    outcome = read_book(tmp_path, rows, merged=["C2:C3"])
    assert [message.attributes["brand"][0]["value"] for message in outcome.messages] == ["generic", "generic"]


def test_cells_merged_across_are_no_product(tmp_path: Path) -> None:
    rows = [*rows_of([suitcase(1)]), ["Accessoires"]]
    outcome = read_book(tmp_path, rows, merged=["A3:L3"])
    assert outcome.errors == [(3, "mergedCells", "")]
    assert "the cells A3:L3 are merged" in outcome.said("mergedCells")
    assert len(outcome.messages) == 1


def test_the_sheet_with_products_is_found_and_can_be_named(tmp_path: Path) -> None:
    book = load_workbook(io.BytesIO(workbook(rows_of([suitcase(1)]))))
    book.create_sheet("Notes", 0)["A1"] = "Prices of spring"
    second = book.create_sheet("Autumn")
    hidden = book.create_sheet("Old")
    for sheet in (second, hidden):
        for row in rows_of([suitcase(7)]):
            sheet.append(row)
    hidden.sheet_state = "hidden"
    book["Products"].row_dimensions[2].hidden = True
    content = io.BytesIO()
    book.save(content)
    with pytest.raises(
        FileProblemError,
        match=r"^several sheets have products: Products, Autumn\. Choose one with SHEET=<name> \[sheet\]$",
    ):
        read(content.getvalue(), tmp_path, "two.xlsx")
    assert [message.sku for message in read(content.getvalue(), tmp_path, "two.xlsx", sheet="autumn").messages] == [
        "VALISE-0007"
    ]
    outcome = read(content.getvalue(), tmp_path, "two.xlsx", sheet="Products")
    assert outcome.notes == ("Read the sheet Products of 4.", "The products include 1 hidden row.")
    with pytest.raises(
        FileProblemError,
        match=r"^the workbook has no sheet Winter; it has Notes, Products, Autumn, Old \[sheet\]$",
    ):
        read(content.getvalue(), tmp_path, "two.xlsx", sheet="Winter")
    with pytest.raises(
        FileProblemError,
        match=r"^no sheet has a heading sku in its first 50 rows; the workbook has Notes \[headings\]$",
    ):
        read(workbook([["Notes"]], title="Notes"), tmp_path, "none.xlsx")


def test_files_that_are_no_workbooks(tmp_path: Path) -> None:
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as file:
        file.writestr("content.xml", "<a/>")
    with pytest.raises(FileProblemError, match=r"cannot be read .* \[workbook\]"):
        read(empty.getvalue(), tmp_path, "products.xlsx")
    with pytest.raises(FileProblemError, match=r"cannot be read .* \[workbook\]"):
        read(workbook(rows_of([suitcase(1)]))[:-900], tmp_path, "products.xlsx")
    with pytest.raises(FileProblemError, match=r"no Excel workbook: .* \[format\]"):
        read(empty.getvalue(), tmp_path, "products.ods")
    with pytest.raises(FileProblemError, match=r"protected by a password, or .*\.xls\. .* \[format\]"):
        read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", tmp_path, "products.xls")


def test_a_workbook_that_openpyxl_does_not_expect(tmp_path: Path) -> None:
    """It raises AttributeError for a sheet of charts without a chart."""
    book, content = Workbook(), io.BytesIO()
    book.create_chartsheet("Chart")
    book.save(content)
    with pytest.raises(
        FileProblemError, match=r"cannot be read \(AttributeError: .* only with the sheet of the products"
    ):
        read(content.getvalue(), tmp_path, "products.xlsx")


def test_a_hidden_sheet_is_offered(tmp_path: Path) -> None:
    book, content = load_workbook(io.BytesIO(workbook(rows_of([suitcase(1)]), title="Old"))), io.BytesIO()
    book["Old"].sheet_state = "hidden"
    book.copy_worksheet(book["Old"]).title = "Older"
    book["Older"].sheet_state = "veryHidden"
    book.create_sheet("Notes")
    book.active = 2
    book.save(content)
    with pytest.raises(FileProblemError, match=r"The hidden sheet Old has one: to read it, set SHEET=Old"):
        read(content.getvalue(), tmp_path, "products.xlsx")


def test_a_hidden_sheet_without_products_is_not_offered(tmp_path: Path) -> None:
    book, content = load_workbook(io.BytesIO(workbook([["Notes"]], title="Notes"))), io.BytesIO()
    book.create_sheet("Old").sheet_state = "hidden"
    book.save(content)
    with pytest.raises(
        FileProblemError,
        match=r"^no sheet has a heading sku in its first 50 rows; the workbook has Notes, Old \[headings\]$",
    ):
        read(content.getvalue(), tmp_path, "products.xlsx")


def test_a_workbook_with_charts_only(tmp_path: Path) -> None:
    book, content = Workbook(), io.BytesIO()
    book.create_chartsheet("Chart").add_chart(BarChart())
    del book["Sheet"]
    book.save(content)
    with pytest.raises(FileProblemError, match=r"in its first 50 rows; the workbook has none \[headings\]$"):
        read(content.getvalue(), tmp_path, "products.xlsx")


@pytest.mark.parametrize(("row", "found"), [(50, True), (51, False)])
def test_the_heading_is_looked_for_in_fifty_rows_of_a_sheet(tmp_path: Path, row: int, found: bool) -> None:
    rows = [["Catalogue"]] * (row - 1) + rows_of([suitcase(1)])
    if found:
        assert read_book(tmp_path, rows).messages[0].row == row + 1
        return
    with pytest.raises(FileProblemError, match=r"^no sheet has a heading sku in its first 50 rows"):
        read_book(tmp_path, rows)


@pytest.mark.parametrize(
    ("error", "said"),
    [(EOFError(), "EOFError: "), (ValueError("one\ntwo"), "ValueError: one"), (OSError("x"), "OSError: x")],
)
def test_what_is_said_of_a_damaged_workbook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def load(*_: object, **__: object) -> Workbook:
        raise error

    monkeypatch.setattr(workbooks, "load_workbook", load)
    with pytest.raises(FileProblemError) as damaged:
        read(b"PK\x03\x04", tmp_path, "products.xlsx")
    assert str(damaged.value) == (
        f"the workbook cannot be read ({said}). Save it again as .xlsx, only with the sheet of the products [workbook]"
    )


def test_a_cell_that_cannot_be_read_while_formulas_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object) -> None:
        raise ValueError("row 2")

    monkeypatch.setattr(ReadOnlyWorksheet, "reset_dimensions", fails)
    with pytest.raises(FileProblemError, match=r"^the workbook cannot be read \(ValueError: row 2\)"):
        read_book(tmp_path, rows_of([suitcase(1)]))


def test_what_openpyxl_leaves_out_is_no_warning(tmp_path: Path) -> None:
    """It has nothing to do with the products."""
    extension = b'<extLst><ext uri="{CCE6A557-97BC-4B89-ADB6-D9C93CAAB3DF}"/></extLst></worksheet>'
    content = edited(workbook(rows_of([suitcase(1)])), b"</worksheet>", extension)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(content, tmp_path, "products.xlsx").errors == []


def test_hidden_rows_are_counted_if_they_have_values(tmp_path: Path) -> None:
    book = load_workbook(io.BytesIO(workbook(rows_of([suitcase(number) for number in range(3)]))))
    for row in (2, 4, 6):
        book["Products"].row_dimensions[row].hidden = True
    book["Products"].row_dimensions[3].height = 40
    content = io.BytesIO()
    book.save(content)
    outcome = read(content.getvalue(), tmp_path, "products.xlsx")
    assert outcome.notes == ("Read the sheet Products.", "The products include 2 hidden rows.")


@pytest.mark.parametrize(
    ("value", "form", "cell"),
    [
        (12, "00000", "00012"),
        (0, "00", "00"),
        (12, "000;[Red]-000", "012"),
        (12.0, "000", "012"),
        (12, "0", 12),
        (-12, "000", -12),
        (1.5, "000", 1.5),
        (5, '0" %"', 5),
        (5, "0\\%", 5),
        (5, "0;0%", 5),
        (True, "000", True),
        ("a_x000D_b", "@", "a\rb"),
        (
            0.05,
            "0%",
            Unreadable("percent", "has the format of a percentage, and the value 0.05: format it as a number"),
        ),
    ],
)
def test_a_value_and_its_format(tmp_path: Path, value: object, form: str, cell: object) -> None:
    path = tmp_path / "products.xlsx"
    path.write_bytes(workbook([["sku", "x"], ["A", value]], formats={"B2": form}))
    (found,) = sheet_in(path).rows[1].cells[1:]
    assert (found, type(found)) == (cell, type(cell))


@pytest.mark.parametrize("form", ["0%", "0.00 %", "0.0%;[Red]-0.0%"])
def test_a_percentage_is_not_certain(tmp_path: Path, form: str) -> None:
    outcome = read_book(tmp_path, rows_of([suitcase(1, **{HEADINGS[-1]: 0.05})]), formats={"L2": form})
    assert [rule for _, rule, _ in outcome.errors] == ["percent"], outcome


def test_a_sheet_that_is_used_far_below_its_rows(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1)])
    with pytest.raises(FileProblemError) as large:
        read_book(tmp_path, rows, formats={"A1000000": "@"})
    assert str(large.value) == (
        "the sheet Products is used up to row 1,000,000 and column L: delete the empty rows and columns after the "
        "products [sheet]"
    )


@pytest.mark.parametrize(("most", "read_whole"), [(24, True), (23, False)])
def test_how_many_cells_a_sheet_can_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, read_whole: bool
) -> None:
    monkeypatch.setattr(workbooks, "_MOST_CELLS", most)
    if read_whole:
        assert read_book(tmp_path, rows_of([suitcase(1)])).errors == []
        return
    with pytest.raises(FileProblemError, match=r"is used up to row 2 and column L"):
        read_book(tmp_path, rows_of([suitcase(1)]))


@pytest.mark.parametrize(("last_row", "accepted"), [(1_000_000, True), (1_000_001, False)])
def test_a_sheet_can_have_five_million_cells(monkeypatch: pytest.MonkeyPatch, last_row: int, accepted: bool) -> None:
    sheet = Workbook().active
    assert sheet is not None
    sheet.cell(last_row, 5, "x")
    # Reading that many cells takes too long for a test.
    monkeypatch.setattr(sheet, "iter_rows", lambda: iter(()))
    if accepted:
        assert workbooks._sheet(sheet, frozenset(), 1).rows == ()
    else:
        with pytest.raises(FileProblemError, match=r"is used up to row 1,000,001 and column E"):
            workbooks._sheet(sheet, frozenset(), 1)


def test_the_copy_has_results_beside_the_rows_and_can_be_read_again(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1), suitcase(2)])
    rows[1][11] = "=41.58*1.2"
    source, copy, again = (tmp_path / name for name in ("products.xlsx", "copy.xlsx", "again.xlsx"))
    source.write_bytes(workbook(rows, stored={"L2": 49.9}, formats={"K3": "@"}))
    results = {2: ResultCells("PUBLISHED", "", True), 3: ResultCells("INVALID", '=HYPERLINK("x")\x00', False)}
    write_result(source.read_bytes(), sheet_in(source), 1, results, copy)
    cells = cells_of(copy)
    assert cells[0] == [*HEADINGS, STATUS_HEADING, PROBLEMS_HEADING]
    assert cells[1][11:] == ["=41.58*1.2", "PUBLISHED", None]
    assert cells[2][12:] == ["INVALID", '=HYPERLINK("x")\ufffd']
    evil = raw_cells(copy)[2][13]
    assert (evil.data_type, evil.quotePrefix) == ("s", True), "a message of Amazon is no formula"
    write_result(copy.read_bytes(), sheet_in(copy), 1, {3: ResultCells("PUBLISHED", "", True)}, again)
    assert cells_of(again)[0] == cells[0], "the columns are written anew"
    assert cells_of(again)[2][12] == "PUBLISHED"


@pytest.mark.parametrize(("length", "written"), [(32_767, 32_767), (32_768, 32_767)])
def test_a_text_is_cut_where_excel_would_refuse_the_file(tmp_path: Path, length: int, written: int) -> None:
    source, copy = tmp_path / "products.csv", tmp_path / "copy.xlsx"
    source.write_text("sku;size\nA;1\n")
    write_result(None, sheet_in(source), 1, {2: ResultCells("INVALID", "x" * length, False)}, copy)
    assert cells_of(copy)[1][3] == "x" * written


def test_a_copy_of_csv_has_texts(tmp_path: Path) -> None:
    source, copy = tmp_path / "products.csv", tmp_path / "copy.xlsx"
    source.write_text("sku;externally_assigned_product_identifier.value;size\nA;0012345678905;=1+1\n")
    write_result(None, sheet_in(source), 1, {2: ResultCells("NOT_SENT", "C (size): wrong", False)}, copy)
    assert cells_of(copy)[1] == ["A", "0012345678905", "=1+1", "NOT_SENT", "C (size): wrong"]
    assert [cell.data_type for cell in raw_cells(copy)[1]] == ["s"] * 5
    assert read_file(copy, Headings()).sheet.rows[1].cells[:3] == ("A", "0012345678905", "=1+1")


def test_the_results_stand_behind_the_last_value(tmp_path: Path) -> None:
    source, copy = tmp_path / "products.xlsx", tmp_path / "copy.xlsx"
    source.write_bytes(workbook(rows_of([suitcase(1)]), formats={"ZZ1": "@"}))
    write_result(source.read_bytes(), sheet_in(source), 1, {2: ResultCells("PUBLISHED", "", True)}, copy)
    assert cells_of(copy)[0][12:14] == [STATUS_HEADING, PROBLEMS_HEADING]
    with pytest.raises(FileProblemError, match=r"cannot be written: No such file or directory \[file\]"):
        write_result(None, sheet_in(source), 1, {}, tmp_path / "nowhere" / "copy.xlsx")


def test_a_merged_place_for_the_results(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["sku", STATUS_HEADING, PROBLEMS_HEADING])
    sheet.append(["A"])
    sheet.merge_cells("A2:B2")
    path = tmp_path / "products.xlsx"
    book.save(path)
    with pytest.raises(FileProblemError, match=r"the cell B2 for the results is merged with others \[mergedCells\]"):
        write_result(
            path.read_bytes(), sheet_in(path), 1, {2: ResultCells("INVALID", "", False)}, tmp_path / "copy.xlsx"
        )


def test_how_the_results_look(tmp_path: Path) -> None:
    """Wide enough to read, the status in green or red, and every line of the problems to be seen."""
    source, copy = tmp_path / "products.xlsx", tmp_path / "copy.xlsx"
    book = load_workbook(io.BytesIO(workbook([["Title"], ["sku", "brand"], ["A"], ["B"], ["C"]])))
    book.create_sheet("Notes", 0)
    book.save(source)
    results = {
        3: ResultCells("PUBLISHED", "", True),
        4: ResultCells("INVALID", "one\ntwo", False),
        5: ResultCells("READY", "+1", None),
    }
    write_result(source.read_bytes(), sheet_in(source), 2, results, copy)
    written = load_workbook(copy)
    sheet = written["Products"]
    assert written.active is sheet
    assert written.calculation.fullCalcOnLoad is True, "the copy has no stored values of formulas"
    assert sheet.freeze_panes is None
    assert [(cell.value, cell.font.b) for cell in sheet[2]] == [
        ("sku", False),
        ("brand", False),
        (STATUS_HEADING, True),
        (PROBLEMS_HEADING, True),
    ]
    assert (sheet.column_dimensions["C"].width, sheet.column_dimensions["D"].width) == (24, 80)
    colors = [(cell.fill.fill_type, cell.fill.fgColor.rgb[2:]) for cell in (sheet["C3"], sheet["C4"], sheet["C5"])]
    assert colors == [("solid", "E2F0D9"), ("solid", "F8CBAD"), (None, "000000")]
    wrapped = sheet["D4"]
    assert (wrapped.value, wrapped.alignment.wrap_text, wrapped.alignment.vertical) == ("one\ntwo", True, "top")
    assert [sheet[name].number_format for name in ("C3", "D4", "D5")] == ["@", "@", "@"]
    assert [sheet[name].quotePrefix for name in ("C3", "D4", "D5")] == [False, False, True]
    assert sheet["A1"].value == "Title"


@pytest.mark.parametrize(("text", "quoted"), [("=1", True), ("+1", True), ("-1", True), ("@a", True), ("1=1", False)])
def test_a_text_that_looks_like_a_formula_is_quoted(tmp_path: Path, text: str, quoted: bool) -> None:
    copy = tmp_path / "copy.xlsx"
    write_result(None, sheet_of(("sku",), ("A",)), 1, {2: ResultCells("INVALID", text, False)}, copy)
    cell = raw_cells(copy)[1][2]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (text, "s", quoted)


@pytest.mark.parametrize("first", [0, 1])
def test_a_copy_of_rows_without_a_workbook(tmp_path: Path, first: int) -> None:
    """Lines of JSON are one row lower: they have no row of headings of their own."""
    copy = tmp_path / "copy.xlsx"
    formula = Unreadable("formula", "has a formula", "=A1")
    rows = (Row(first, ("sku", "x", "y")), Row(first + 2, ("A", 5, True)), Row(first + 3, ("B", 1.5, None, formula)))
    error = Row(first + 4, ("C", Unreadable("formulaError", "has the error #N/A", "#N/A")))
    results = {first + 2: ResultCells("PUBLISHED", "", True), first + 4: ResultCells("NOT_SENT", "x", False)}
    write_result(None, Sheet("", (*rows, error)), first, results, copy)
    assert cells_of(copy) == [
        ["sku", "x", "y", None, STATUS_HEADING, PROBLEMS_HEADING],
        [None] * 6,
        ["A", 5, True, None, "PUBLISHED", None],
        ["B", 1.5, None, "=A1", None, None],
        ["C", "#N/A", None, None, "NOT_SENT", "x"],
    ]
    sheet = load_workbook(copy)["Products"]
    assert sheet.freeze_panes == "A2"


@pytest.mark.parametrize(
    ("headings", "places"),
    [
        ((STATUS_HEADING, "sku", PROBLEMS_HEADING), (0, 2)),
        (("sku", STATUS_HEADING), (2, 3)),
        (("sku", PROBLEMS_HEADING), (2, 3)),
        (("sku", "x"), (2, 3)),
    ],
)
def test_the_columns_of_the_results(tmp_path: Path, headings: tuple[str, ...], places: tuple[int, int]) -> None:
    """Those that the sheet has, or new ones on its right."""
    copy = tmp_path / "copy.xlsx"
    row = tuple("A" if heading == "sku" else None for heading in headings)
    write_result(None, sheet_of(headings, row), 1, {2: ResultCells("PUBLISHED", "Warning", True)}, copy)
    found = cells_of(copy)[1]
    assert (found.index("PUBLISHED"), found.index("Warning")) == places
