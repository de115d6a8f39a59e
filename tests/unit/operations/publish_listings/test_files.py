"""JSON Lines: messages as the stack takes them, and rows."""

import codecs
import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from openpyxl.xml.constants import MAX_ROW

from operations.publish_listings import files
from operations.publish_listings.columns import Headings, find_table, match_columns
from operations.publish_listings.files import File, read_file
from operations.publish_listings.messages import Choices, Message, Read, read_contents
from operations.publish_listings.sheets import FileProblemError, Problem, Row, Sheet
from quickstart.listings.feed_documents import Limits, read_feed
from tests.spreadsheets import rows_of, suitcase, workbook
from tests.unit.operations.publish_listings.reading import LUGGAGE, outcome_of

DELETE = {"sku": "A", "operationType": "DELETE"}


def read_json(folder: Path, *lines: object, name: str = "products.jsonl", **options: Any) -> File:
    content = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return read_file(path, Headings(), **options)


@pytest.mark.parametrize("name", ["products.jsonl", "products.jsonl.gz"])
def test_messages_keep_their_lines(tmp_path: Path, name: str) -> None:
    patch = {"sku": "B", "operationType": "PATCH", "productType": "LUGGAGE"}
    patch["patches"] = [{"op": "delete", "path": "/attributes/color", "value": [{}]}]  # type: ignore[assignment]
    file = read_json(tmp_path, DELETE, "", patch, name=name)
    assert file.contents is not None
    read = read_contents(file.contents)
    assert [(message.row, message.sku, message.operation) for message in read.messages] == [
        (1, "A", "DELETE"),
        (3, "B", "PATCH"),
    ]
    assert "messageId" not in read.messages[0].content


def test_a_whole_document(tmp_path: Path) -> None:
    document = {"header": {"sellerId": "S1", "version": "2.0"}, "messages": [{"messageId": 7, **DELETE}]}
    file = read_json(tmp_path, document, name="feed.json", seller_id="S1")
    assert file.contents is not None
    assert [content["sku"] for _, content in file.contents] == ["A"]
    with pytest.raises(FileProblemError, match=r"the file is for S1, but the request for S2 \[otherSeller\]"):
        read_json(tmp_path, document, name="feed.json", seller_id="S2")


def test_a_wrong_message_is_a_problem_of_its_line(tmp_path: Path) -> None:
    file = read_json(tmp_path, DELETE, {"sku": "B", "operationType": "UPDATE"}, '{"sku": "C", "operationType":}')
    assert [(problem.row, problem.rule) for problem in file.problems] == [(2, "missing"), (2, "missing"), (3, "syntax")]
    first, _, syntax = (problem.sentence for problem in file.problems)
    assert re.fullmatch(r"productType: byte 41: .+ \[missing\]", first)
    assert re.fullmatch(r"byte \d+: .+ \[syntax\]", syntax)


def test_a_repeated_sku_is_a_problem_of_each_line(tmp_path: Path) -> None:
    file = read_json(tmp_path, DELETE, {**DELETE, "sku": "B"}, DELETE, name="products.json")
    last, first = file.problems
    assert (last.row, last.rule, last.column) == (3, "repeatedSku", "sku")
    assert first == Problem(1, "repeatedSku", "the SKU is also in line 3", "sku")
    assert [row for row, _ in file.contents or ()] == [1, 2]
    assert file.sheet == Sheet("", (Row(0, ("sku",)), Row(1, ("A",)), Row(2, ("B",))))


def test_a_file_that_is_cut_off_has_no_messages(tmp_path: Path) -> None:
    with pytest.raises(FileProblemError, match=r"line 2, byte \d+: the file ends in the middle .* \[cutOff\]"):
        read_json(tmp_path, DELETE, '{"sku": "B", "opera')


def test_flat_objects_are_rows(tmp_path: Path) -> None:
    product = suitcase(1, bullet_point=["Légère", "Solide"])
    sheet = read_json(tmp_path, product, {**suitcase(2), "wheel_count": 4, "brand": ""}).sheet
    outcome = outcome_of(sheet, Headings(), Choices(), LUGGAGE)
    assert outcome.errors == [(2, "required", "")]
    assert outcome.messages[0].row == 1
    assert [point["value"] for point in outcome.messages[0].attributes["bullet_point"]] == ["Légère", "Solide"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ('{"sku": "A", "sku": "B"}', r"line 2, byte \d+: 'sku' appears twice in one object \[value\]"),
        ('{"sku": "A",}', r"line 2, byte \d+: there is a comma before }; remove it \[trailingComma\]"),
        ('{"sku": "A", "item_na', r"line 2, byte \d+: the message is incomplete: .* \[cutOff\]"),
        ('{"sku": NaN}', r"line 2, byte \d+: NaN is not JSON \[value\]"),
        ('{"sku": ' + "9" * 5000 + "}", r"line 2, byte \d+: the number 9+\.\.\. has 5000 digits; .* \[value\]"),
    ],
)
def test_a_row_that_is_no_json_is_named_and_not_the_others(tmp_path: Path, wrong: str, words: str) -> None:
    with pytest.raises(FileProblemError, match=words):
        read_json(tmp_path, suitcase(1), wrong, suitcase(2))


def test_many_values_of_an_attribute(tmp_path: Path) -> None:
    """Each finds its index without passing those before it."""
    sheet = read_json(tmp_path, suitcase(1, bullet_point=["x"] * 4_000)).sheet
    steps = 0

    def count(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal steps
        steps += event == "line" and frame.f_code.co_name == "_numbered"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        columns, problems = match_columns(find_table(sheet, Headings()), Headings(), LUGGAGE.found)
    finally:
        sys.settrace(before)
    assert (len(columns), problems) == (4_000 + len(suitcase(1)) - 1, ())
    assert steps < 30 * len(columns)


def test_an_object_in_a_row(tmp_path: Path) -> None:
    with pytest.raises(FileProblemError, match=r"line 1 has an object in a row: .* \[type\]"):
        read_json(tmp_path, {"sku": "A", "item_name": {"value": "x"}})


@pytest.mark.parametrize("name", ["products.ndjson", "products.JSON"])
def test_the_names_of_json_files(tmp_path: Path, name: str) -> None:
    assert read_json(tmp_path, DELETE, name=name).contents is not None


def test_rows_of_json_have_the_numbers_of_their_lines(tmp_path: Path) -> None:
    """A name that has several values in a row has as many columns."""
    given = [
        {"sku": "A", "bullet_point": ["x", "", "z"], "size": 5, "ok": True},
        "",
        {"size": 1.5, "sku": "B", "bullet_point": "y", "color": None},
        {"sku": "C", "bullet_point": [], "color": []},
        " ",
    ]
    file = read_json(tmp_path, *given)
    assert file == File(
        Sheet(
            "",
            (
                Row(0, ("sku", "bullet_point", "bullet_point", "bullet_point", "size", "ok", "color")),
                Row(1, ("A", "x", None, "z", 5, True, None)),
                Row(3, ("B", "y", None, None, 1.5, None, None)),
                Row(4, ("C", None, None, None, None, None, None)),
            ),
        )
    )


@pytest.mark.parametrize("name", ["operationType", "header", "messages"])
def test_a_name_that_only_feeds_have_makes_every_line_a_message(tmp_path: Path, name: str) -> None:
    file = read_json(tmp_path, {"sku": "A", "item_name": "x"}, {"sku": "B", name: []})
    assert file.contents == ()
    assert [(problem.row, problem.column) for problem in file.problems] == [(1, "operationType"), (2, "operationType")]


def test_a_list_is_neither_row_nor_message(tmp_path: Path) -> None:
    with pytest.raises(FileProblemError, match=r"^line 1, byte 1: .* a JSON array \[format\]$"):
        read_json(tmp_path, ["sku"], {"sku": "A"})


def test_the_first_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    """With its byte in the file, also behind a byte order mark."""
    path = tmp_path / "products.jsonl"
    for mark, byte in ((b"", 19), (codecs.BOM_UTF8, 22)):
        path.write_bytes(mark + b'{"sku": "A"}\n\n{"a"!1}\n{"sku" 1}\n')
        with pytest.raises(FileProblemError) as wrong:
            read_file(path, Headings())
        assert str(wrong.value).startswith(f"line 3, byte {byte}: "), wrong.value


@pytest.mark.parametrize("value", [{"value": "x"}, [["x"]], [{"value": "x"}]])
def test_an_object_or_a_list_of_lists_in_a_row(tmp_path: Path, value: object) -> None:
    with pytest.raises(FileProblemError) as wrong:
        read_json(tmp_path, {"sku": "A"}, {"sku": "B", "item_name": value})
    assert str(wrong.value) == (
        "line 2 has an object in a row: write a message with operationType, or flat names [type]"
    )


def test_a_file_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    said = {}
    for name, content in (
        ("a.csv", b" \r\n"),
        ("b.xls", b"\xd0\xcf\x11\xe0\xa1\xb1"),
        ("c.ODS", b"PK\x03\x04"),
        ("d.numbers", b"PK\x03\x04"),
        ("e.zip", b"PK\x03\x04"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileProblemError) as refused:
            read_file(tmp_path / name, Headings())
        said[name] = str(refused.value)
    with pytest.raises(FileProblemError) as refused:
        read_file(tmp_path, Headings())
    assert str(refused.value) == f"{tmp_path} cannot be read: Is a directory [file]"
    old = "is protected by a password, or in Excel's old format .xls. Save it as .xlsx without one [format]"
    other = "is no Excel workbook: save it as .xlsx or as CSV in UTF-8 [format]"
    assert said == {
        "a.csv": f"{tmp_path / 'a.csv'} is empty [file]",
        "b.xls": f"{tmp_path / 'b.xls'} {old}",
        **{name: f"{tmp_path / name} {other}" for name in ("c.ODS", "d.numbers", "e.zip")},
    }


def test_a_workbook_is_recognized_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_bytes(workbook(rows_of([suitcase(1)])))
    assert read_file(path, Headings()).workbook == path.read_bytes()


def test_a_feed_without_a_seller_is_for_any(tmp_path: Path) -> None:
    document = {"header": {"sellerId": "S1", "version": "2.0"}, "messages": [{"messageId": 7, **DELETE}]}
    assert read_json(tmp_path, document, name="feed.json").contents is not None


def test_contents_have_the_skus_of_their_rows() -> None:
    read = read_contents([(3, {"messageId": 7, **DELETE}), (5, {**DELETE, "sku": "B"})])
    assert read == Read((Message(3, DELETE), Message(5, {**DELETE, "sku": "B"})), (), {3: "A", 5: "B"})


def test_a_file_can_have_as_many_messages_as_a_workbook_has_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than one feed. Its size is what it is: the command has it in memory already."""
    seen: list[Limits] = []

    def read(pieces: Any, *, limits: Limits, seller_id: str | None) -> Iterator[object]:
        seen.append(limits)
        return read_feed(pieces, limits=limits, seller_id=seller_id)

    monkeypatch.setattr(files, "read_feed", read)
    monkeypatch.setattr(files, "Limits", lambda **given: Limits(**{"most_bytes": 10} | given))
    read_json(tmp_path, DELETE, DELETE)
    assert seen == [Limits(most_messages=MAX_ROW, most_bytes=2 * len(json.dumps(DELETE)) + 1)]
    monkeypatch.setattr(files, "Limits", Limits)
    read_json(tmp_path, DELETE)
    assert seen[1] == Limits(most_messages=MAX_ROW)
