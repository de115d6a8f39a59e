"""CSV as programs export it: encodings, separators, quotes, and what is cut off or lost."""

import codecs
from pathlib import Path

import pytest

from operations.publish_listings.columns import Headings
from operations.publish_listings.files import read_file
from operations.publish_listings.sheets import FileProblemError, Unreadable
from tests.spreadsheets import HEADINGS, csv_bytes, rows_of, suitcase
from tests.unit.operations.publish_listings.reading import read

IDENTIFIER = "externally_assigned_product_identifier"

ROWS = rows_of([suitcase(1234567890)])


@pytest.mark.parametrize(
    ("encoding", "delimiter", "note"),
    [
        ("utf-8", ",", "UTF-8, separated by comma"),
        ("utf-8-sig", ";", "UTF-8, separated by semicolon"),
        ("utf-16", "\t", "UTF-16, separated by tab"),
        ("utf-32", "\t", "UTF-32, separated by tab"),
        ("cp1252", ";", 'Windows-1252 (it has "légère"; if that is wrong, set ENCODING), separated by semicolon'),
        ("utf-8", "|", "UTF-8, separated by vertical bar"),
    ],
)
def test_encoding_and_separator_are_recognized(tmp_path: Path, encoding: str, delimiter: str, note: str) -> None:
    outcome = read(csv_bytes(ROWS, encoding, delimiter), tmp_path)
    assert outcome.errors == []
    assert outcome.notes == (f"Read as CSV: {note}.",)
    assert outcome.attributes["item_name"][0]["value"] == "Valise légère n° 1234567890"
    identifier = outcome.attributes["externally_assigned_product_identifier"][0]
    assert (identifier["type"], identifier["value"]) == ("ean", "0012345678905")


def test_excels_line_with_the_separator_is_no_row(tmp_path: Path) -> None:
    outcome = read(b"sep=;\r\n" + csv_bytes([*ROWS, ["", *ROWS[1][1:]]], "cp1252", ";"), tmp_path)
    assert outcome.errors == [(3, "missing", "A")]


@pytest.mark.parametrize("line", [b'sep="\r\n', b"sep=\r\n"])
def test_a_line_that_names_no_separator_is_a_row(tmp_path: Path, line: bytes) -> None:
    """Neither a double quote nor an end of line can separate cells."""
    outcome = read(line + csv_bytes([*ROWS, ["", *ROWS[1][1:]]], delimiter=";"), tmp_path)
    assert outcome.errors == [(4, "missing", "A")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_line(tmp_path: Path, end: str) -> None:
    assert read(csv_bytes(ROWS, end=end), tmp_path).errors == []


def test_another_encoding_is_used_when_it_is_named(tmp_path: Path) -> None:
    polish = suitcase(1, item_name="Walizka łódzka", product_description="Walizka", bullet_point="Lekka")
    content = csv_bytes(rows_of([polish]), "cp1250", ";")
    assert read(content, tmp_path, encoding="cp1250").attributes["item_name"][0]["value"] == "Walizka łódzka"
    with pytest.raises(FileProblemError, match=r"^ENCODING=cp9 is no encoding that Python knows \[encoding\]$"):
        read(content, tmp_path, encoding="cp9")
    with pytest.raises(FileProblemError, match=r"line 2, byte \d+ is not ascii: .* \[encoding\]"):
        read(content, tmp_path, encoding="ascii")


@pytest.mark.parametrize(
    "error", ["#N/A", "#NV", "#REF!", "#BEZUG!", "#DIV/0!", "#NAME?", "####", "=A1+B1", "=cmd|' /C'!A0"]
)
def test_what_a_formula_gave_is_no_text(tmp_path: Path, error: str) -> None:
    rows = rows_of([suitcase(1, item_name=error), suitcase(2, sku=error), suitcase(3)])
    outcome = read(csv_bytes(rows, delimiter=";"), tmp_path)
    rule = "formula" if error.startswith("=") else "formulaError"
    assert [(row, found) for row, found, _ in outcome.errors] == [(2, rule), (3, rule)]
    assert [message.row for message in outcome.messages] == [4]


@pytest.mark.parametrize("text", ["#1 in Europe!", "# 5", "+33 1", "-x", "@home", "=", "#hashtag!"])
def test_texts_that_begin_like_formulas(tmp_path: Path, text: str) -> None:
    outcome = read(csv_bytes(rows_of([suitcase(1, item_name=text)]), delimiter=";"), tmp_path)
    assert outcome.attributes["item_name"][0]["value"] == text


def test_excels_way_to_keep_zeros(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1, **{f"{IDENTIFIER}.value": '="0012345678905"'}, item_name='="Koffer 20"" groß"')])
    outcome = read(csv_bytes(rows, delimiter=";"), tmp_path)
    assert outcome.attributes[IDENTIFIER][0]["value"] == "0012345678905"
    assert outcome.attributes["item_name"][0]["value"] == 'Koffer 20" groß'


def test_what_nobody_sees_is_no_part_of_a_sku(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1, sku="\u200bA \ufeff\u00a0"), suitcase(2, sku="A")])
    outcome = read(csv_bytes(rows), tmp_path)
    assert [rule for _, rule, _ in outcome.errors] == ["duplicateSku", "duplicateSku"]


@pytest.mark.parametrize("sku", ["X" * 256, "..", "A\nB", "A\x1bB"])
def test_skus_that_the_stack_does_not_take(tmp_path: Path, sku: str) -> None:
    outcome = read(csv_bytes(rows_of([suitcase(1, sku=sku), suitcase(2)])), tmp_path)
    assert [(row, column) for row, _, column in outcome.errors] == [(2, "A")]
    assert [message.row for message in outcome.messages] == [3]


def test_a_row_whose_only_value_cannot_be_read(tmp_path: Path) -> None:
    content = b"sku;operation;product_type;item_name\nA;PARTIAL_UPDATE;LUGGAGE;#N/A\n"
    assert read(content, tmp_path).errors == [(2, "formulaError", "D")]


def test_a_control_character_names_its_cell(tmp_path: Path) -> None:
    outcome = read(csv_bytes(rows_of([suitcase(1, item_name="a\x07b")])), tmp_path)
    assert outcome.said("control").endswith("(item_name): has the control character U+0007: remove it [control]")


def test_bytes_that_windows_1252_does_not_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FileProblemError,
        match=r"^line 2, byte \d+ is not Windows-1252: save the file as CSV in UTF-8, or set ENCODING to its encoding, "
        r"such as cp1250 \[encoding\]$",
    ):
        read(csv_bytes(ROWS).replace("légère".encode(), b"l\x81g\xe8re"), tmp_path)


def test_utf_16_without_a_mark_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(FileProblemError, match=r"byte 2 is zero.* \[encoding\]"):
        read(csv_bytes(ROWS, "utf-16-le"), tmp_path)


def test_values_over_several_lines_and_with_separators_stay_whole(tmp_path: Path) -> None:
    text = 'Une valise;\nune "vraie", légère'
    outcome = read(csv_bytes(rows_of([suitcase(1, product_description=text)]), delimiter=";"), tmp_path)
    assert outcome.attributes["product_description"][0]["value"] == text


def test_rows_are_numbered_as_in_a_spreadsheet_program(tmp_path: Path) -> None:
    rows = rows_of([suitcase(1, product_description="une\nvalise"), suitcase(2, sku="")])
    content = csv_bytes([*rows[:2], [], rows[2]], delimiter=";")
    assert read(content, tmp_path).errors == [(4, "missing", "A")]


def test_a_quote_that_never_ends_in_the_first_row(tmp_path: Path) -> None:
    with pytest.raises(FileProblemError, match=r"^lines 1 to 2 cannot be read as CSV"):
        read(b'sku,"productType\nVALISE-1,LUGGAGE\n', tmp_path)


def test_a_quote_that_never_ends_names_its_lines(tmp_path: Path) -> None:
    content = csv_bytes(ROWS) + b'"VALISE-2,LUGGAGE\nVALISE-3,LUGGAGE\n'
    with pytest.raises(
        FileProblemError,
        match=r"^lines 3 to 4 cannot be read as CSV \(.+\): check the double quotes; inside a value in quotes, a "
        r'double quote is written twice \(""\) \[quotes\]$',
    ):
        read(content, tmp_path)


def test_a_row_with_too_many_cells_is_not_cut(tmp_path: Path) -> None:
    content = csv_bytes(ROWS, delimiter=";") + b";".join([b"x"] * (len(HEADINGS) + 1))
    with pytest.raises(
        FileProblemError,
        match="^row 3 has 13 cells, but the row of headings has 12: put a value that contains ';' in double quotes "
        r"\[cells\]$",
    ):
        read(content, tmp_path)
    more = csv_bytes([*ROWS, [*ROWS[1], "", ""]])
    assert (3, "cells", "") not in read(more, tmp_path).errors, "empty cells lose nothing"


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = csv_bytes(rows_of([suitcase(1), suitcase(2)]), delimiter=";")
    with pytest.raises(
        FileProblemError,
        match="^row 3, the last one, ends after 4 of 12 cells: the file is cut off. Export it again "
        r"\[cutOff\]$",
    ):
        read(whole[: whole.index(b"n\xc2\xb0 2") + 2], tmp_path)
    assert read(whole[:-2], tmp_path).errors == [], "the last line needs no end"


def test_an_empty_file_and_one_without_headings(tmp_path: Path) -> None:
    with pytest.raises(FileProblemError, match=r"is empty \[file\]"):
        read(b" \r\n", tmp_path)
    with pytest.raises(
        FileProblemError,
        match=r"^no row has the heading sku in the first 50 rows; row 1 has Artikel, Preis\. If the SKUs have another "
        r'heading, name it: HEADINGS="Article number=sku" \[headings\]$',
    ):
        read(b"Artikel;Preis\nA;1\n", tmp_path)
    with pytest.raises(FileProblemError, match=r"there is no row below the headings in row 1 \[noRows\]"):
        read(csv_bytes(ROWS[:1]), tmp_path)
    with pytest.raises(FileProblemError, match=r"nowhere\.csv cannot be read: No such file"):
        read_file(tmp_path / "nowhere.csv", Headings())


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FileProblemError,
        match=r"^byte 4 is zero, so this is no text\. Export it as CSV in UTF-8 \[encoding\]$",
    ):
        read(b"sku\0\0", tmp_path)


def test_a_formula_whose_value_is_not_in_the_file_says_so(tmp_path: Path) -> None:
    outcome = read(csv_bytes(rows_of([suitcase(1, item_name="=A1+B1")]), delimiter=";"), tmp_path)
    assert outcome.said("formula") == (
        "D (item_name): has a formula, whose value is not in the file: export the values [formula]"
    )
    outcome = read(csv_bytes(rows_of([suitcase(1, item_name="#N/A")]), delimiter=";"), tmp_path)
    assert outcome.said("formulaError") == (
        "D (item_name): has the error #N/A; correct the formula, or the width of the column [formulaError]"
    )


@pytest.mark.parametrize(("row", "found"), [(50, True), (51, False)])
def test_the_heading_is_looked_for_in_fifty_rows(tmp_path: Path, row: int, found: bool) -> None:
    content = csv_bytes([*[["Catalogue"]] * (row - 1), *ROWS])
    if found:
        assert read(content, tmp_path).messages[0].row == row + 1
        return
    with pytest.raises(FileProblemError, match="no row has the heading sku in the first 50 rows"):
        read(content, tmp_path)


@pytest.mark.parametrize(
    ("text", "example"),
    [
        ("Größe", "Größe"),
        ("x Käse-d'or,5.5_a b", "Käse-d'or,5.5_a"),
        ("x" * 38 + "éa b", "x" * 38 + "éa"),
        ("x" * 39 + "éa b", "x" * 39 + "é"),
        ("x" * 60 + "é", "x" * 40),
    ],
)
def test_the_note_has_a_word_by_which_people_see_a_wrong_encoding(tmp_path: Path, text: str, example: str) -> None:
    """At most forty characters of it."""
    file = tmp_path / "products.csv"
    file.write_bytes(f"sku;size\nA;{text}\n".encode("cp1252"))
    assert read_file(file, Headings()).sheet.notes == (
        f'Read as CSV: Windows-1252 (it has "{example}"; if that is wrong, set ENCODING), separated by semicolon.',
    )


def test_a_word_without_letters_of_its_own_is_no_example(tmp_path: Path) -> None:
    """Every character of Windows-1252 alone says nothing that UTF-8 does not say."""
    file = tmp_path / "products.csv"
    file.write_bytes(b"sku\xa0;size\nA;1\n")
    assert read_file(file, Headings()).sheet.notes[0].startswith("Read as CSV: Windows-1252")


@pytest.mark.parametrize(
    ("content", "line", "byte", "name"),
    [
        (b"sku;a\nA;\x81\n", 2, 9, "Windows-1252"),
        (b"\x81\n", 1, 1, "Windows-1252"),
        (codecs.BOM_UTF8 + b"sku\n\n\xff", 3, 9, "UTF-8"),
        (codecs.BOM_UTF16_LE + b"s\0k\0u", 1, 7, "UTF-16"),
    ],
)
def test_where_an_encoding_is_wrong(tmp_path: Path, content: bytes, line: int, byte: int, name: str) -> None:
    with pytest.raises(FileProblemError) as wrong:
        read(content, tmp_path)
    assert str(wrong.value) == (
        f"line {line}, byte {byte} is not {name}: save the file as CSV in UTF-8, or set ENCODING to its encoding, such "
        "as cp1250 [encoding]"
    )


@pytest.mark.parametrize(
    ("rows", "separator"),
    [
        ("sku,a\nA;1,b\n", "comma"),
        ("a;b;c\nsku,d;e;f\nA;1;2\n", "comma"),
        ("sku;a,b,c,d\nA;1\n", "semicolon"),
        ("x,y\nsku|a\nA|1\n", "vertical bar"),
        ("sku\nA\n", "semicolon"),
        ('"sku";"a"\n"A";"1"\n', "semicolon"),
    ],
)
def test_the_separator_is_the_one_that_gives_the_heading(tmp_path: Path, rows: str, separator: str) -> None:
    file = tmp_path / "products.csv"
    file.write_text(rows)
    assert read_file(file, Headings()).sheet.notes == (f"Read as CSV: UTF-8, separated by {separator}.",)


def test_the_heading_with_the_most_columns_decides(tmp_path: Path) -> None:
    """A file can have a heading sku with either separator."""
    file = tmp_path / "products.csv"
    file.write_text("sku\tx;y\nsku;a;b;c\n")
    assert read_file(file, Headings()).sheet.notes == ("Read as CSV: UTF-8, separated by semicolon.",)


def test_the_most_frequent_separator_of_a_file_without_the_heading(tmp_path: Path) -> None:
    """At its beginning: what stands far below says nothing of the headings."""
    file = tmp_path / "products.csv"
    file.write_text("Artikel|Preis|x\n" + "y" * 4090 + ";" * 50)
    assert read_file(file, Headings()).sheet.rows[0].cells == ("Artikel", "Preis", "x")


def test_the_first_4096_characters_decide_without_the_heading(tmp_path: Path) -> None:
    """Of two that are equally frequent, the semicolon is the likelier one."""
    file = tmp_path / "products.csv"
    beginning = "Artikel|Preis|"
    file.write_text(f"{beginning}{'y' * (4094 - len(beginning))};;|||")
    assert read_file(file, Headings()).sheet.notes == ("Read as CSV: UTF-8, separated by semicolon.",)


def test_a_named_separator_of_any_kind(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text("SEP=^\nsku^size\nA^1\n")
    sheet = read_file(file, Headings()).sheet
    assert [(row.number, row.cells) for row in sheet.rows] == [(1, ("sku", "size")), (2, ("A", "1"))]
    assert sheet.notes == ("Read as CSV: UTF-8, separated by '^'.",)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('="0012"', "0012"),
        ('="a ""b"""', 'a "b"'),
        ('=" "', None),
        ("  ", None),
        ("=", "="),
        ("=A", Unreadable("formula", "has a formula, whose value is not in the file: export the values", "=A")),
        (" =A1 ", Unreadable("formula", "has a formula, whose value is not in the file: export the values", "=A1")),
    ],
)
def test_what_a_cell_has(tmp_path: Path, cell: str, value: object) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(csv_bytes([["sku", "size"], ["A", cell]]))
    assert read_file(file, Headings()).sheet.rows[1].cells == ("A", value)


@pytest.mark.parametrize(
    ("content", "cut"),
    [
        ("sku;a;b\nA;1;2\nB;1", "row 3, the last one, ends after 2 of 3 cells"),
        ("sku;a;b\nA;1;2\nB;1;", None),
        ("sku;a;b\nA;1;2\nB;1\n", None),
        ("sku;a;b\nA;1;2\nB;1\r", None),
        ("sku;a;b\nA", "row 2, the last one, ends after 1 of 3 cells"),
        ("x;y\nsku;a;b\nA;1;2", None),
        ("Artikel;a;b\nA", None),
    ],
)
def test_which_last_row_is_cut_off(tmp_path: Path, content: str, cut: str | None) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(content.encode())
    if cut is None:
        assert read_file(file, Headings()).sheet.rows
        return
    with pytest.raises(FileProblemError) as refused:
        read_file(file, Headings())
    assert str(refused.value) == f"{cut}: the file is cut off. Export it again [cutOff]"


def test_only_rows_below_the_headings_can_be_too_long(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text("Catalogue;of;2027;x\nsku;a\nA;1;;\n")
    assert len(read_file(file, Headings()).sheet.rows) == 3
    file.write_text("sku;a\nsku;b;\nA;1;x\n")
    with pytest.raises(FileProblemError, match=r"^row 3 has 3 cells, but the row of headings has 2: put a value"):
        read_file(file, Headings())


def test_a_quote_that_never_ends_after_a_value_over_two_lines(tmp_path: Path) -> None:
    with pytest.raises(FileProblemError, match=r"^lines 4 to 5 cannot be read as CSV"):
        read(b'sku;a\nA;"x\ny"\n"B;1\nC;2\n', tmp_path)
