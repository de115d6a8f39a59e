"""CSV as programs export it: encodings, separators, quotes, and what is cut off or lost."""

from pathlib import Path

import pytest

from operations.publish_listings.columns import Headings
from operations.publish_listings.files import read_file
from operations.publish_listings.sheets import FileProblemError
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
