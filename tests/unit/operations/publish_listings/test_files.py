"""JSON Lines: messages as the stack takes them, and rows."""

import gzip
import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from operations.publish_listings.columns import Headings, find_table, match_columns
from operations.publish_listings.files import File, read_file
from operations.publish_listings.messages import Choices, read_contents
from operations.publish_listings.sheets import FileProblemError
from tests.spreadsheets import suitcase
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


def test_a_repeated_sku_is_a_problem_of_each_line(tmp_path: Path) -> None:
    file = read_json(tmp_path, DELETE, {**DELETE, "sku": "B"}, DELETE)
    assert [(problem.row, problem.rule, problem.column) for problem in file.problems] == [
        (3, "repeatedSku", "sku"),
        (1, "repeatedSku", "sku"),
    ]


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
