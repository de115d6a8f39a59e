"""Feed documents: what the reader accepts is what Amazon's schema accepts, and every fault has a line and a byte."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from quickstart.listings.feed_documents import (
    Ending,
    FeedHeader,
    FeedMessage,
    Layout,
    Limits,
    OperationType,
    Problem,
    Written,
    message_body,
    read_feed,
    write_feed,
)
from quickstart.listings.json_scanning import Position, Value, without_duplicates
from quickstart.listings.skus import sku_fault

ROOT = Path(__file__).resolve().parents[4]
SCHEMAS = ROOT.parent / "shared/sp-api/models"
MESSAGE: dict[str, Any] = {
    "sku": "A-1",
    "operationType": "UPDATE",
    "productType": "LUGGAGE",
    "requirements": "LISTING",
    "attributes": {"item_name": [{"value": "Koffer für Österreich 旅行", "marketplace_id": "A1PA6795UKMFR9"}]},
}
HEADER = {"sellerId": "A1", "version": "2.0"}
Item = FeedMessage | Problem | Ending
UNHURRIED = settings(max_examples=150)


def line(**changes: Any) -> bytes:
    return json.dumps(MESSAGE | changes, ensure_ascii=False).encode()


def document(*messages: dict[str, Any], header: Any = HEADER, **more: Any) -> bytes:
    numbered = [{"messageId": number, **message} for number, message in enumerate(messages, 1)]
    return json.dumps({"header": header, "messages": numbered} | more, ensure_ascii=False).encode()


def read(content: bytes, piece: int = 1 << 16, **options: Any) -> tuple[list[FeedMessage], list[Problem], Ending]:
    pieces = (content[at : at + piece] for at in range(0, len(content), piece))
    items = [item for item in read_feed(pieces, **options) if not isinstance(item, FeedHeader)]
    ending = items.pop()
    assert isinstance(ending, Ending)
    messages = [item for item in items if isinstance(item, FeedMessage)]
    problems = [item for item in items if isinstance(item, Problem)]
    assert len(messages) + len(problems) == len(items)
    assert ending.messages == len(messages)
    assert ending.usable == (not any(problem.whole_file for problem in problems))
    return messages, problems, ending


def only_problem(content: bytes, piece: int = 1 << 16, **options: Any) -> Problem:
    _, problems, _ = read(content, piece, **options)
    assert len(problems) == 1, problems
    return problems[0]


def place(content: bytes, mark: bytes) -> tuple[int, int]:
    """Line and byte of the first byte of `mark` in the content."""
    offset = content.index(mark)
    return content[:offset].count(b"\n") + 1, offset + 1


def located(problem: Problem) -> tuple[int, int]:
    return problem.position.line, problem.position.byte


LINES = line() + b"\n" + line(sku="B-2") + b"\n"


@pytest.mark.parametrize(
    "content",
    [
        LINES,
        LINES.rstrip(),
        LINES.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + LINES,
        b"\n \n" + LINES.replace(b"\n", b"\n\t\r\n"),
        gzip.compress(LINES),
        gzip.compress(LINES[:50]) + gzip.compress(LINES[50:]),
        b"\xef\xbb\xbf" + document(MESSAGE, MESSAGE | {"sku": "B-2"}),
        gzip.compress(document(MESSAGE, MESSAGE | {"sku": "B-2"})),
        json.dumps(json.loads(document(MESSAGE, MESSAGE | {"sku": "B-2"})), indent=2).replace("\n", "\r\n").encode(),
        json.dumps({"messages": [{"messageId": 1, **MESSAGE}, {"messageId": 2, **MESSAGE, "sku": "B-2"}]}).encode()[:-1]
        + b', "header": {"sellerId": "A1", "version": "2.0"}}',
    ],
    ids=["lines", "no last end", "CRLF", "BOM", "empty lines", "gzip", "members", "document", "gz", "pretty", "order"],
)
@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
def test_files_that_are_good(content: bytes, piece: int) -> None:
    messages, problems, ending = read(content, piece)
    assert problems == []
    assert [message.sku for message in messages] == ["A-1", "B-2"]
    assert {message.operation_type for message in messages} == {OperationType.UPDATE}
    for message in messages:
        assert (
            json.loads(message.body)
            == message.content
            == {**MESSAGE, "sku": message.sku} | {"messageId": message.message_id}
        )
    if ending.layout is Layout.DOCUMENT:
        assert ending.header == FeedHeader("A1")
    else:
        assert [message.message_id for message in messages] == [message.position.line for message in messages]


def test_the_header_of_a_document() -> None:
    header = HEADER | {"issueLocale": "de_DE", "report": {"includedData": ["issues"], "apiVersion": "2021-08-01"}}
    _, problems, ending = read(document(MESSAGE, header=header), seller_id="A1")
    assert (problems, ending.header) == ([], FeedHeader("A1", "de_DE", ("issues",)))
    other = only_problem(document(MESSAGE, header=header), seller_id="A2")
    assert (other.rule, other.field, other.whole_file) == ("otherSeller", "header/sellerId", True)


WHOLE_FILE: dict[str, tuple[bytes, str, bytes | None]] = {
    "UTF-16": (b"\xff\xfe" + LINES.decode().encode("utf-16-le"), "encoding", b"\xff\xfe"),
    "UTF-16 without a mark": (LINES.decode().encode("utf-16-be"), "encoding", b"\0"),
    "UTF-32": (LINES.decode().encode("utf-32"), "encoding", b"\xff\xfe"),
    "Windows-1252": (line() + b'\n{"sku":"f\xfcr"}', "encoding", b"\xfc"),
    "nothing": (b"", "noMessages", None),
    "white space": (b"\n \n", "noMessages", None),
    "an array": (b"\n[" + line() + b"]", "format", b"["),
    "CSV": (b"sku;title\nA;B\n", "format", b"sku"),
    "XML": (b"<?xml version='1.0'?>", "format", b"<"),
    "a spreadsheet": (b"PK\x03\x04....", "format", b"PK"),
    "gzip twice": (gzip.compress(gzip.compress(LINES)), "format", None),
    "a line cut off": (LINES[:-30], "cutOff", None),
    "a document cut off": (document(MESSAGE, MESSAGE)[:-30], "cutOff", None),
    "a string cut off": (b'{"header": {"sellerId": "A', "cutOff", None),
    "an escape cut off": (b'{"header": {"sellerId": "A\\', "cutOff", None),
    "gzip cut off": (gzip.compress(LINES)[:-9], "cutOff", None),
    "gzip damaged": (gzip.compress(LINES)[:-4] + b"0000", "gzip", None),
    "a comma after the last message": (document(MESSAGE)[:-2] + b",]}", "trailingComma", b",]}"),
    "a comma after the last member": (document(MESSAGE)[:-1] + b" , }", "trailingComma", b", }"),
    "no comma": (document(MESSAGE, MESSAGE).replace(b"}, {", b"} {"), "syntax", b'{"messageId": 2'),
    "another bracket": (document(MESSAGE)[:-2] + b"}}", "syntax", None),
    "a bracket too many": (document(MESSAGE) + b"]", "syntax", None),
    "something after it": (document(MESSAGE) + b"\n" + line(), "syntax", line()),
    "no messages": (document(), "noMessages", None),
    "messages twice": (document(MESSAGE)[:-1] + b', "messages": []}', "duplicateKey", b'"messages": []'),
    "header twice": (document(MESSAGE)[:-1] + b', "header": {}}', "duplicateKey", b'"header": {}'),
    "no header": (b'{"messages": [' + line(messageId=1) + b"]}", "missing", None),
    "only a header": (b'{"header": {"sellerId": "A1", "version": "2.0"}}', "missing", None),
    "header no object": (document(MESSAGE, header=3), "type", b"3, "),
    "header with another version": (document(MESSAGE, header=HEADER | {"version": "1.0"}), "notAllowed", b'{"sellerId'),
    "header with an empty report": (document(MESSAGE, header=HEADER | {"report": []}), "type", b'{"sellerId'),
    "too deep": (b'{"header": ' + b"[" * 100_000, "depth", None),
}


@pytest.mark.parametrize("name", WHOLE_FILE)
@pytest.mark.parametrize("piece", [1, 1 << 16])
def test_files_of_which_nothing_can_be_sent(name: str, piece: int) -> None:
    content, rule, mark = WHOLE_FILE[name]
    _, problems, ending = read(content, piece)
    whole = [problem for problem in problems if problem.whole_file]
    assert ending.usable is False
    assert whole[0].rule == rule
    if mark is not None:
        assert located(whole[0]) == place(content, mark)
    assert whole[0].sentence.startswith(f"line {whole[0].position.line}, byte {whole[0].position.byte}: ")


EXPECTED = 'expected { of a message in JSON Lines, or of {"header": ..., "messages": [...]}, but found'
WHOLE_FILE_WORDS = {
    "UTF-16": "the file is UTF-16; save it as UTF-8",
    "UTF-16 without a mark": "the file is UTF-16 or UTF-32; save it as UTF-8",
    "UTF-32": "the file is UTF-32; save it as UTF-8",
    "Windows-1252": "byte 0xFC is not UTF-8; save the file as UTF-8 (it may be Windows-1252 now)",
    "nothing": "the file has no message",
    "an array": f"{EXPECTED} a JSON array",
    "CSV": f"{EXPECTED} s, as in CSV or other text",
    "XML": f"{EXPECTED} XML, which Amazon no longer accepts for listings",
    "a spreadsheet": "the file is a ZIP file or a spreadsheet; expected JSON",
    "gzip twice": "the file is gzip inside gzip; expected JSON",
    "a line cut off": (
        "the file ends in the middle of a message (the message is incomplete: Unterminated string starting at)"
    ),
    "a document cut off": 'the file ends too early: expected " at the end of a string',
    "a comma after the last message": "there is a comma before ]; remove it",
    "a comma after the last member": "there is a comma before }; remove it",
    "no comma": "expected a comma or ] in the list, but found {",
    "another bracket": "expected a comma or ] in the list, but found }",
    "a bracket too many": "expected the end of the file after the document, but found ]",
    "no messages": "the file has no message",
    "messages twice": "messages appears twice",
    "header twice": "header appears twice",
    "no header": "the document has no header",
    "only a header": "the document has no messages",
    "header no object": "header must be a JSON object",
    "header with another version": 'must be "2.0"',
    "header with an empty report": "must be an object",
    "too deep": "more than 200 levels of brackets",
}


@pytest.mark.parametrize("name", WHOLE_FILE_WORDS)
def test_why_nothing_of_a_file_can_be_sent(name: str) -> None:
    _, problems, _ = read(WHOLE_FILE[name][0])
    assert next(problem.reason for problem in problems if problem.whole_file) == WHOLE_FILE_WORDS[name]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"%PDF-1.7", "the file is a PDF file; expected JSON"),
        (b"\xd0\xcf\x11\xe0", "the file is an Excel file in the old format, or one with a password; expected JSON"),
        (b"\xff", f"{EXPECTED} byte 0xFF, as in CSV or other text"),
        (b'{"header": ', "the file ends too early: expected a value"),
        (b'{"header": }', "expected a value, but found }"),
        (b'{"header": {', "the file ends too early: expected }"),
        (b'{"header": [}', "expected ], but found }"),
        (b'{"header" 1}', "expected : after 'header', but found 1"),
        (b'{"messages": {"sku": "A"}', "expected [ at the start of a list, but found {"),
        (b'{"messages": [{"sku": "A"}', "the file ends too early: expected a comma or ] in the list"),
        (b'{"header": {} "messages": []}', 'expected a comma or } in the document, but found "'),
        (
            gzip.compress(LINES) + b"more",
            "other data follows the gzip data in the compressed file; compress the file again",
        ),
    ],
)
def test_other_files_of_which_nothing_can_be_sent(content: bytes, reason: str) -> None:
    _, problems, ending = read(content)
    assert not ending.usable
    assert reason in [problem.reason for problem in problems if problem.whole_file]


def test_damaged_gzip_data_says_where() -> None:
    packed = gzip.compress(LINES)
    damaged = only_problem(packed[:-4] + b"0000")
    assert damaged.reason == f"the gzip data is damaged between byte 1 and {len(packed)} of the compressed file"
    cut_off = only_problem(packed[:9])
    assert cut_off.reason == "the gzip data ends too early, after byte 9 of the compressed file"


GOOD = line(sku="GOOD")
BAD_LINES: dict[str, tuple[bytes, str, str, bytes]] = {
    "a comma after it": (line() + b",", "trailingComma", "", b",\n"),
    "a comma in it": (line()[:-1] + b", }", "trailingComma", "", b", }"),
    "two in a line": (line() + b" " + line(sku="B"), "syntax", "", b'{"sku": "B"'),
    "no JSON": (b"sku;title", "syntax", "", b"sku;"),
    "half of it": (line()[:-9], "cutOff", "", b"\n" + GOOD),
    "single quotes": (b"{'sku': 'A'}", "syntax", "", b"'sku'"),
    "no object": (b'["sku"]', "type", "", b'["sku"]'),
    "NaN": (line()[:-1] + b', "x": NaN}', "value", "", b'{"sku": "A-1"'),
    "too large a number": (line()[:-1] + b', "x": 1e999}', "value", "", b'{"sku": "A-1"'),
    "a name twice": (line()[:-1] + b', "sku": "Z"}', "value", "", b'{"sku": "A-1"'),
    "half a pair": (line()[:-1] + b', "x": "\\ud800"}', "unicode", "", b'{"sku": "A-1"'),
    "too deep": (line()[:-1] + b', "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "depth", "", b'{"sku": "A-1"'),
    "too large": (line(x="y" * 200_000), "tooLarge", "", b'{"sku": "A-1"'),
    "no SKU": (b'{"operationType": "DELETE"}', "missing", "sku", b'{"operationType'),
    "an empty SKU": (line(sku=""), "type", "sku", b'{"sku": ""'),
    "a SKU with a line break": (line(sku="A\nB"), "sku", "sku", b'{"sku": "A\\nB"'),
    "a SKU with a zero byte": (line(sku="A\0B"), "sku", "sku", b'{"sku": "A\\u0000B"'),
    "a SKU that a path cannot have": (line(sku=".."), "sku", "sku", b'{"sku": ".."'),
    "a SKU with a space before it": (line(sku=" A"), "sku", "sku", b'{"sku": " A"'),
    "a SKU of 256 characters": (line(sku="X" * 256), "sku", "sku", b'{"sku": "XX'),
    "a number of 5,000 digits": (line()[:-1] + b', "x": ' + b"9" * 5000 + b"}", "value", "", b'{"sku": "A-1"'),
    "a number as SKU": (line(sku=12345), "type", "sku", b'{"sku": 12345'),
    "an unknown operation": (line(operationType="PUT"), "notAllowed", "operationType", b'{"sku": "A-1"'),
    "no product type": (
        b'{"sku":"A","operationType":"UPDATE","attributes":{"a":1}}',
        "missing",
        "productType",
        b'{"sku":',
    ),
    "no attributes": (line(attributes={}), "type", "attributes", b'{"sku": "A-1"'),
    "unknown requirements": (line(requirements="ALL"), "notAllowed", "requirements", b'{"sku": "A-1"'),
    "patches in an update": (line(patches=[{"op": "add", "path": "/"}]), "notAllowed", "patches", b'{"sku": "A-1"'),
    "a messageId among none": (line(messageId=7), "messageId", "messageId", b'{"sku": "A-1"'),
    "a messageId of 0": (line(messageId=0), "messageId", "messageId", b'{"sku": "A-1"'),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_leaves_the_others(name: str) -> None:
    bad, rule, field, mark = BAD_LINES[name]
    content = GOOD + b"\n" + bad + b"\n" + GOOD.replace(b"GOOD", b"LAST") + b"\n"
    # Only what is looked for after the first line counts.
    shifted = b"-" * (len(GOOD)) + content[len(GOOD) :]
    if mark == b"\n" + GOOD:
        mark = b"\n" + GOOD.replace(b"GOOD", b"LAST")
    messages, problems, ending = read(content, limits=Limits(most_message_bytes=150_000))
    assert [message.sku for message in messages] == ["GOOD", "LAST"]
    assert (ending.usable, ending.bad_messages) == (True, 1)
    assert {(problem.rule, problem.field) for problem in problems} >= {(rule, field)}
    assert located(problems[0]) == place(shifted, mark)


BAD_SKU = "must be 1 to 255 characters without control characters; not . or .."
BAD_LINES_WORDS = {
    "a comma after it": "there is a comma after the message; in JSON Lines nothing follows it",
    "a comma in it": "there is a comma before }; remove it",
    "two in a line": "a line must be one JSON object and nothing else",
    "no JSON": "not JSON: Expecting value",
    "half of it": (
        "the message is incomplete: Unterminated string starting at. In JSON Lines, a message is in one line: without "
        "line breaks between its values"
    ),
    "single quotes": "not JSON: Expecting property name enclosed in double quotes",
    "no object": "a message must be a JSON object",
    "NaN": "NaN is not JSON",
    "too large a number": "the number 1e999 is too large",
    "a name twice": "'sku' appears twice in one object",
    "half a pair": "half of a surrogate pair (such as \\ud800) is not text",
    "too deep": "too many levels of brackets",
    "too large": "200215 bytes; at most 150000 are accepted",
    "no SKU": "is missing",
    "an empty SKU": "must be a text that is not empty",
    "a SKU with a line break": BAD_SKU,
    "a SKU that a path cannot have": BAD_SKU,
    "a SKU with a space before it": "must not begin or end with white space",
    "a SKU of 256 characters": BAD_SKU,
    "a number of 5,000 digits": f"the number {'9' * 40}... has 5000 digits; at most 1000 are accepted",
    "a number as SKU": "must be a text that is not empty",
    "an unknown operation": "must be one of UPDATE, PARTIAL_UPDATE, PATCH, DELETE",
    "no product type": "is missing; UPDATE needs it",
    "no attributes": "must be an object with at least one attribute",
    "unknown requirements": "must be one of LISTING, LISTING_PRODUCT_ONLY, LISTING_OFFER_ONLY",
    "patches in an update": "is not allowed with UPDATE",
    "a messageId among none": "the first message has none: either all messages have it, or none",
}


@pytest.mark.parametrize("name", BAD_LINES_WORDS)
def test_why_a_line_is_bad(name: str) -> None:
    bad, rule, field, _ = BAD_LINES[name]
    _, problems, _ = read(GOOD + b"\n" + bad + b"\n", limits=Limits(most_message_bytes=150_000))
    reasons = [problem.reason for problem in problems if (problem.rule, problem.field) == (rule, field)]
    assert reasons[:1] == [BAD_LINES_WORDS[name]]


@pytest.mark.parametrize(
    ("patches", "faults"),
    [
        ([], [("type", "patches", "must be a list with at least one patch")]),
        ({}, [("type", "patches", "must be a list with at least one patch")]),
        ([3], [("type", "patches/0", "must be an object")]),
        (
            [{}],
            [("missing", "patches/0/op", "is missing"), ("missing", "patches/0/path", "is missing")],
        ),
        (
            [{"op": "add", "path": "/"}, {"op": "move", "path": 7, "value": [1]}],
            [
                ("notAllowed", "patches/1/op", "must be one of add, replace, merge, delete"),
                ("type", "patches/1/path", "must be a text"),
                ("type", "patches/1/value", "must be a list of objects"),
            ],
        ),
        ([{"op": "add", "path": "/", "value": {}}], [("type", "patches/0/value", "must be a list of objects")]),
    ],
)
def test_what_is_wrong_with_patches(patches: object, faults: list[tuple[str, str, str]]) -> None:
    bad = json.dumps({"sku": "A", "operationType": "PATCH", "productType": "X", "patches": patches}).encode()
    _, problems, _ = read(bad)
    assert [(problem.rule, problem.field, problem.reason) for problem in problems if problem.field] == faults


REPORT = {"includedData": ["issues"], "apiVersion": "2021-08-01"}
NO_DATA: tuple[object, ...] = ([], "issues", 7)


@pytest.mark.parametrize(
    ("header", "rule", "field", "reason"),
    [
        ({"version": "2.0"}, "missing", "header/sellerId", "is missing"),
        ({"sellerId": "A1"}, "missing", "header/version", "is missing"),
        (HEADER | {"sellerId": 7}, "type", "header/sellerId", "must be a text"),
        (HEADER | {"issueLocale": 7}, "type", "header/issueLocale", "must be a text"),
        (HEADER | {"version": "1"}, "notAllowed", "header/version", 'must be "2.0"'),
        (HEADER | {"report": 7}, "type", "header/report", "must be an object"),
        (HEADER | {"report": {"apiVersion": "2021-08-01"}}, "missing", "header/report/includedData", "is missing"),
        (HEADER | {"report": {"includedData": ["issues"]}}, "missing", "header/report/apiVersion", "is missing"),
        (
            HEADER | {"report": REPORT | {"apiVersion": "1"}},
            "notAllowed",
            "header/report/apiVersion",
            'must be "2021-08-01"',
        ),
        *(
            (
                HEADER | {"report": REPORT | {"includedData": included}},
                "type",
                "header/report/includedData",
                "must be a list with at least one entry",
            )
            for included in NO_DATA
        ),
        (
            HEADER | {"report": REPORT | {"includedData": ["issues", "all"]}},
            "notAllowed",
            "header/report/includedData",
            "must be of attributes, fulfillmentAvailability, issues, offers, procurement, productTypes, "
            "relationships, summaries",
        ),
    ],
)
def test_what_is_wrong_with_a_header(header: dict[str, Any], rule: str, field: str, reason: str) -> None:
    _, problems, _ = read(document(MESSAGE, header=header))
    assert [(one.rule, one.field, one.reason) for one in problems if one.field.startswith("header")] == [
        (rule, field, reason)
    ]


def test_a_bad_message_of_a_document_leaves_the_others() -> None:
    content = document(MESSAGE, {"sku": "B-2", "operationType": "DELETE", "productType": "X"}, {"operationType": 1})
    content = content[:-2] + (b', 3, {"messageId": 1, "sku": "C", "operationType": "DELETE"}, {"a": 1,}]}')
    messages, problems, ending = read(content)
    assert [message.sku for message in messages] == ["A-1"]
    assert ending.bad_messages == 5
    assert [(problem.message_id, problem.sku, problem.rule, problem.field) for problem in problems] == [
        (2, "B-2", "notAllowed", "productType"),
        (3, None, "missing", "sku"),
        (3, None, "notAllowed", "operationType"),
        (None, None, "type", ""),
        (1, "C", "duplicateMessageId", "messageId"),
        (None, None, "trailingComma", ""),
    ]
    assert located(problems[-1]) == place(content, b",}")


@pytest.mark.parametrize(
    ("content", "limits", "reason"),
    [
        (b"\n".join([line(messageId=7), line(messageId=7)]), Limits(), "7 was used before in this file"),
        (
            LINES,
            Limits(most_bytes=len(line()) + 20),
            f"the file has more than {len(line()) + 20} bytes; divide it",
        ),
        (line()[:-1] + b", }", Limits(), "there is a comma before }; remove it"),
        (line() + b",", Limits(), "there is a comma after the message; in JSON Lines nothing follows it"),
        (line() + b" 1", Limits(), "a line must be one JSON object and nothing else"),
        # The comma is not the mistake in these.
        (b'{"sku": "A", ]', Limits(), "there is a comma before ]; remove it"),
        (b'{"sku": "A", 7: 1}\n', Limits(), "not JSON: Expecting property name enclosed in double quotes"),
        (b'{"header": {"sellerId": "A1"}, 7: 1}', Limits(), 'expected " at the start of a name, but found 7'),
    ],
)
def test_a_fault_in_words(content: bytes, limits: Limits, reason: str) -> None:
    _, problems, _ = read(content, limits=limits)
    assert reason in [problem.reason for problem in problems]


def test_the_longest_sku() -> None:
    ((message,), _, _) = read(line(sku="ü" * 255))
    assert len(message.sku) == 255


def test_a_sku_that_is_too_long_is_not_repeated_in_the_results() -> None:
    assert only_problem(line(sku="X" * 100_000)).sku is None


def test_lines_that_end_in_cr_alone() -> None:
    problem = only_problem(LINES.replace(b"\n", b"\r"))
    assert (problem.rule, located(problem)) == ("lineEnd", (1, len(line()) + 1))
    assert problem.reason == "the line ends in CR alone; save the file with LF or CRLF"


def test_a_message_in_several_lines() -> None:
    _, problems, ending = read(json.dumps(MESSAGE, indent=1).encode())
    assert "In JSON Lines, a message is in one line" in problems[0].reason
    assert ending.messages == 0


def test_a_header_that_is_no_object() -> None:
    _, problems, _ = read(document(MESSAGE, header=3))
    assert problems[0].reason == "header must be a JSON object"


def test_data_after_the_gzip_data() -> None:
    """It may be a part that was appended and damaged, with messages that would be lost."""
    damaged = bytearray(gzip.compress(line(sku="B-2") + b"\n"))
    damaged[0] = 0
    _, problems, ending = read(gzip.compress(LINES) + damaged)
    assert (ending.usable, [problem.rule for problem in problems]) == (False, ["gzip"])


def test_a_message_has_at_most_some_problems() -> None:
    """Half a million patches that are none would be as many problems, of 200 bytes each."""
    _, problems, _ = read(line(operationType="PATCH", requirements=0, attributes=0, patches=[1] * 100_000))
    assert 20 <= len(problems) < 30
    assert problems[0].field != ""


def steps_of(content: bytes, piece: int = 1 << 16) -> int:
    """How many lines of Python reading the file takes: the same on every machine, unlike its time."""
    steps = 0

    def count(_frame: object, event: str, _argument: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        read(content, piece)
    finally:
        sys.settrace(before)
    return steps


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (line() + b"\n" * 1_000, line() + b"\n" * 1_000_000),
        (b'{"header": "' + rb"\n" * 1_000, b'{"header": "' + rb"\n" * 30_000),
    ],
    ids=["empty lines", "escapes"],
)
def test_odd_files_take_no_longer_than_others(small: bytes, large: bytes) -> None:
    assert steps_of(large) < 3 * steps_of(small)


def test_a_name_twice_is_found_without_comparing_each_with_each() -> None:
    """A message of 1 MiB can have a hundred thousand names in one object."""
    compared = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    names = [Name(number) for number in range(1_000)]
    with pytest.raises(ValueError, match="'999' appears twice"):
        without_duplicates([(name, 1) for name in (*names, Name("999"))])
    assert compared < 3_000


def test_a_repeated_sku_is_a_bad_message() -> None:
    messages, (problem,), ending = read(LINES + line())
    assert len(messages) == 2
    assert (ending.messages, ending.bad_messages, ending.usable) == (2, 1, True)
    assert (problem.rule, problem.whole_file, problem.message_id, problem.sku) == ("repeatedSku", False, 3, "A-1")
    assert problem.reason == "the SKU is also in line 1, byte 1; a file can have each SKU once"


def test_numbers_stay_as_they_are_written() -> None:
    content = b'{"sku":"A","operationType":"UPDATE","productType":"X","attributes":{"p":[{"value":19.990}],"n":1e2}}'
    ((message,), _, _) = read(content)
    output = io.BytesIO()
    write_feed(FeedHeader("A1"), [message.body], output)
    assert b'"value":19.990}],"n":1e2' in output.getvalue()


def test_limits() -> None:
    many = b"\n".join(line(sku=str(number)) for number in range(4))
    messages, (problem,), ending = read(many, limits=Limits(most_messages=3))
    assert (len(messages), problem.rule, problem.whole_file, ending.usable) == (3, "tooManyMessages", True, False)
    assert problem.reason == "a feed has at most 3 messages; divide the file"
    assert len(read(many, limits=Limits(most_messages=4))[0]) == 4
    assert read(LINES, limits=Limits(most_bytes=len(LINES)))[1] == []
    assert located(problem) == place(many, line(sku="3"))
    _, (problem,), _ = read(many, limits=Limits(most_bytes=len(line()) + 20))
    assert (problem.rule, problem.position.byte) == ("fileTooLarge", len(line()) + 21)
    bomb = gzip.compress(b" " * 20_000_000)
    assert only_problem(bomb, limits=Limits(most_bytes=1_000_000)).rule == "fileTooLarge"


def test_writing_a_document_that_reads_back() -> None:
    output = io.BytesIO()
    bodies = [message_body(number, MESSAGE | {"sku": f"S {number}"}) for number in (3, 1, 2)]
    header = FeedHeader("A1", "de_DE", ("summaries", "issues"))
    written = write_feed(header, iter(bodies), output)
    assert written == Written(len(output.getvalue()), 3)
    messages, problems, ending = read(output.getvalue(), seller_id="A1")
    assert ([message.body for message in messages], problems, ending.header) == (bodies, [], header)


@pytest.mark.parametrize(
    ("header", "bodies", "reason"),
    [
        (FeedHeader(""), [b"{}"], "^a feed needs the seller id or vendor code$"),
        (FeedHeader("A1", None, ("issues", "z", "everything")), [b"{}"], "^unknown included data: everything, z$"),
        (FeedHeader("A1"), [], "^a feed needs at least one message$"),
        (FeedHeader("A1"), [b"{}"] * 25_001, "^a feed has at most 25000 messages$"),
    ],
)
def test_documents_that_cannot_be_written(header: FeedHeader, bodies: list[bytes], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        write_feed(header, bodies, io.BytesIO())


@pytest.mark.parametrize(
    "changes",
    [{"sku": ""}, {"attributes": {"a": float("nan")}}, {"attributes": {"a": "\ud800"}}, {"patches": []}],
    ids=["no SKU", "NaN", "half a pair", "patches"],
)
def test_messages_that_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"sku|Out of range|surrogates|patches"):
        message_body(1, MESSAGE | changes)


def test_a_catalogue_with_bad_messages() -> None:
    """25,000 lines, 3 % of them bad, each kind in turn: every line has exactly one answer, and only good ones go."""
    kinds = [kind for kind in BAD_LINES.values() if len(kind[0]) < 10_000]
    bad = {number: kinds[number % len(kinds)] for number in range(2, 25_001, 33)}
    rows = [bad[number][0] if number in bad else line(sku=f"S-{number}") for number in range(1, 25_001)]
    messages, problems, ending = read(b"\n".join(rows) + b"\n")
    assert (ending.messages, ending.bad_messages, ending.usable) == (25_000 - len(bad), len(bad), True)
    assert {message.message_id for message in messages} == set(range(1, 25_001)) - set(bad)
    assert {(problem.position.line, problem.rule) for problem in problems} >= {
        (number, rule) for number, (_, rule, _, _) in bad.items()
    }
    assert {problem.position.line for problem in problems} == set(bad)
    output = io.BytesIO()
    assert write_feed(FeedHeader("A1"), (message.body for message in messages), output).messages == len(messages)
    sent = json.loads(output.getvalue())["messages"]
    assert [message["sku"] for message in sent] == [message.sku for message in messages]


PROGRAM = """
import json, resource, sys
from quickstart.listings.feed_documents import Ending, read_feed, write_feed, FeedHeader, FeedMessage, Limits
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
row = json.dumps({"sku": "S-%d", "operationType": "UPDATE", "productType": "X", "attributes": {"a": ["y" * 3000] * 2}})
def pieces(layout):
    if layout == "document":
        yield b'{"header":{"sellerId":"A1","version":"2.0"},"messages":['
    for number in range(10000):
        if layout == "document":
            yield (',' if number else '').encode() + b'{"messageId":%d,' % (number + 1) + (row % number).encode()[1:]
        else:
            yield (row % number).encode() + b"\\n"
    if layout == "document":
        yield b"]}"
seen = []
def bodies():
    for item in read_feed(pieces(sys.argv[1])):
        if isinstance(item, FeedMessage):
            yield item.body
        else:
            seen.append(item)
with open("/dev/null", "wb") as output:
    written = write_feed(FeedHeader("A1"), bodies(), output)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"written": written.messages, "bytes": written.length, "seen": len(seen), "grown": after - before}))
"""


@pytest.mark.parametrize("layout", ["lines", "document"])
def test_memory_stays_flat(layout: str) -> None:
    """60 MB pass through; the process grows by a tenth of that at most."""
    environment = {"PYTHONPATH": str(ROOT / "layers/sp_api/python")}
    done = subprocess.run([sys.executable, "-c", PROGRAM, layout], env=environment, capture_output=True, check=True)
    result = json.loads(done.stdout)
    # The ending, and the header of a document.
    assert (result["written"], result["seen"]) == (10_000, 2 if layout == "document" else 1)
    assert result["bytes"] > 60_000_000
    assert result["grown"] < 8_000


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def maybe(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | JSON


PATCH = st.fixed_dictionaries(
    {},
    optional={
        "op": maybe("add", "replace", "merge", "delete"),
        "path": maybe("/attributes/a"),
        "value": st.lists(st.dictionaries(TEXT, JSON, max_size=2), max_size=2) | JSON,
    },
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "messageId": maybe(1, 2, 3, 2**31 - 1, 2**31, 0, -1, 1.0, 1.5),
        "sku": maybe("A", "B", ""),
        "operationType": maybe("UPDATE", "PARTIAL_UPDATE", "PATCH", "DELETE"),
        "productType": maybe("X", ""),
        "requirements": maybe("LISTING", "LISTING_OFFER_ONLY"),
        "attributes": st.dictionaries(TEXT, JSON, max_size=2) | JSON,
        "patches": st.lists(PATCH, max_size=2) | JSON,
        "other": JSON,
    },
)


def feed_schema() -> Any:
    path = SCHEMAS / "listings-feed-schema-v2.json"
    if not path.is_file():
        pytest.skip("Amazon's feed schema is not there")
    return json.loads(path.read_text())


@UNHURRIED
@given(message=MESSAGES)
def test_the_reader_agrees_with_amazons_schema(message: dict[str, Any]) -> None:
    whole = {"header": HEADER, "messages": [message]}
    # The tables and paths of the stack cannot have every SKU of the schema.
    accepted = Draft7Validator(feed_schema()).is_valid(whole) and sku_fault(message["sku"]) is None
    messages, problems, _ = read(json.dumps(whole).encode())
    assert accepted == bool(messages), problems
    assert accepted != bool(problems)


@UNHURRIED
@given(
    header=st.fixed_dictionaries(
        {},
        optional={
            "sellerId": maybe("A1"),
            "version": maybe("2.0"),
            "issueLocale": maybe("de_DE"),
            "report": st.fixed_dictionaries(
                {},
                optional={
                    "includedData": st.lists(maybe("issues", "offers"), max_size=2) | JSON,
                    "apiVersion": maybe("2021-08-01"),
                },
            )
            | JSON,
        },
    )
    | JSON
)
def test_the_reader_agrees_with_amazons_schema_on_headers(header: Any) -> None:
    whole = {"header": header, "messages": [{"messageId": 1, "sku": "A", "operationType": "DELETE"}]}
    accepted = Draft7Validator(feed_schema()).is_valid(whole)
    _, problems, ending = read(json.dumps(whole).encode())
    assert accepted == ending.usable, problems


def test_what_is_written_is_what_amazons_schema_has(tmp_path: Path) -> None:
    with (tmp_path / "feed").open("wb") as output:
        bodies = (message.body for message in read(LINES)[0])
        write_feed(FeedHeader("A1", "de_DE", ("summaries", "issues")), bodies, output)
    Draft7Validator(feed_schema()).validate(json.loads((tmp_path / "feed").read_bytes()))


@UNHURRIED
@given(messages=st.lists(MESSAGES, min_size=1, max_size=4), piece=st.integers(1, 40), data=st.data())
def test_the_pieces_make_no_difference(messages: list[dict[str, Any]], piece: int, data: st.DataObject) -> None:
    indent = data.draw(st.sampled_from([None, 1]))
    ascii_only = data.draw(st.booleans())
    if indent is None and data.draw(st.booleans()):
        content = "\n".join(json.dumps(message, ensure_ascii=ascii_only) for message in messages).encode()
    else:
        whole = {"header": HEADER, "messages": messages}
        content = json.dumps(whole, indent=indent, ensure_ascii=ascii_only).encode()
    packed = data.draw(st.sampled_from([content, gzip.compress(content)]))
    assert read(packed, piece) == read(content)


def mutations() -> Iterator[bytes]:
    whole = document(MESSAGE, {"sku": "B", "operationType": "DELETE"})
    yield from (LINES, whole, json.dumps(json.loads(whole), indent=1).encode(), gzip.compress(LINES))


@UNHURRIED
@given(data=st.data(), content=st.sampled_from(list(mutations())), piece=st.sampled_from([1, 5, 1000]))
def test_no_file_breaks_the_reader(data: st.DataObject, content: bytes, piece: int) -> None:
    """Bytes changed, removed, added, cut off: there is always one ending, and every place is within the file."""
    broken = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(len(broken) - 1, 0)))
        match data.draw(st.sampled_from(["change", "remove", "add", "cut"])):
            case "change" if broken:
                broken[at] = data.draw(st.integers(0, 255))
            case "remove":
                del broken[at : at + data.draw(st.integers(1, 20))]
            case "add":
                broken[at:at] = data.draw(st.sampled_from([b",", b"}", b"]", b'"', b"\\", b"\n", b"\xff", b"\0", b"{"]))
            case _:
                del broken[at:]
    messages, problems, ending = read(bytes(broken), piece)
    text = bytes(broken)
    for message in messages:
        assert json.loads(message.body) == message.content
    if not text.startswith(b"\x1f\x8b"):
        for problem in problems:
            assert problem.position.line <= text.count(b"\n") + 1
            assert problem.position.byte <= len(text) + 1
        assert ending.end.byte <= len(text) + 1


@UNHURRIED
@given(message=st.dictionaries(TEXT, JSON, max_size=4), ascii_only=st.booleans(), data=st.data())
def test_every_file_that_is_cut_off_is_noticed(message: dict[str, Any], ascii_only: bool, data: st.DataObject) -> None:
    good = json.dumps(message | MESSAGE, ensure_ascii=ascii_only).encode()
    at = data.draw(st.integers(1, len(good) - 1))
    messages, problems, ending = read(GOOD + b"\n" + good[:at])
    assert len(messages) == 1
    assert [(problem.rule, problem.position.line) for problem in problems] == [("cutOff", 2)]
    assert not ending.usable
    whole = document(MESSAGE | message)
    at = data.draw(st.integers(20, len(whole) - 1))
    _, problems, ending = read(whole[:at])
    assert [problem.rule for problem in problems if problem.whole_file] == ["cutOff"]


@UNHURRIED
@given(content=st.binary(max_size=200))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    read(content, 3)
    read(b"{" + content, 3)
    read(b'{"messages":[' + content, 3)


def test_the_place_of_a_byte_of_a_value() -> None:
    value = Value(b"\n{\n1\n", Position(100, 7), 6)
    assert [value.at(offset) for offset in (0, 1, 3, 6)] == [
        Position(100, 7),
        Position(101, 8),
        Position(103, 9),
        Position(106, 10),
    ]


class TestLimits:
    """The largest that is accepted, and one more."""

    @pytest.mark.parametrize(("more", "rule"), [(0, None), (1, "tooLarge")])
    def test_a_message_has_one_mib(self, more: int, rule: str | None) -> None:
        padding = 1024 * 1024 - len(line(x="")) + more
        messages, problems, _ = read(line(x="y" * padding) + b"\n")
        assert ([problem.rule for problem in problems], len(messages)) == ([rule] if rule else [], 0 if rule else 1)

    @pytest.mark.parametrize(("more", "rule"), [(0, None), (1, "fileTooLarge")])
    def test_a_file_has_100_mib_after_decompression(self, more: int, rule: str | None) -> None:
        blank = b" " * (1024 * 1024)
        pieces = [line(), b"\n", *[blank] * 99, blank[: 1024 * 1024 - len(line()) - 1 + more]]
        *_, ending = items = list(read_feed(pieces))
        assert [item.rule for item in items if isinstance(item, Problem)] == ([rule] if rule else [])
        assert isinstance(ending, Ending)
        assert ending.end.byte == 100 * 1024 * 1024 + 1

    @pytest.mark.parametrize(("number", "good"), [(1, True), (2_147_483_647, True), (2_147_483_648, False), (0, False)])
    def test_a_message_id_has_31_bits(self, number: int, *, good: bool) -> None:
        messages, problems, _ = read(line(messageId=number))
        assert [message.message_id for message in messages] == ([number] if good else [])
        assert [problem.reason for problem in problems] == (
            [] if good else ["must be a whole number from 1 to 2147483647"]
        )
        assert [problem.message_id for problem in problems] == ([] if good else [None])

    def test_a_feed_has_25000_messages(self) -> None:
        assert write_feed(FeedHeader("A1"), [b"{}"] * 25_000, io.BytesIO()).messages == 25_000

    def test_a_message_shows_20_problems_of_its_patches(self) -> None:
        _, problems, _ = read(line(operationType="PATCH", patches=[1] * 21))
        of_patches = [problem.field for problem in problems if problem.field.startswith("patches/")]
        assert of_patches == [f"patches/{number}" for number in range(20)]

    def test_the_first_name_of_a_document_is_in_the_first_4096_bytes(self) -> None:
        whole = document(MESSAGE)
        for spaces, layout in (
            (4096 - len(b'{"header"'), Layout.DOCUMENT),
            (4097 - len(b'{"header"'), Layout.JSON_LINES),
        ):
            _, _, ending = read(whole.replace(b"{", b"{" + b" " * spaces, 1), 1000)
            assert ending.layout is layout

    @pytest.mark.parametrize(("sku", "known"), [("X" * 255, True), ("X" * 256, False), ("", False), (7, False)])
    def test_a_sku_of_at_most_255_characters_is_named(self, sku: object, *, known: bool) -> None:
        _, problems, _ = read(line(sku=sku, operationType="NONE"))
        assert {problem.sku for problem in problems} == {sku if known else None}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00\x00{", "the file is UTF-32; save it as UTF-8"),
        (b"\x00\x00\xfe\xff{", "the file is UTF-32; save it as UTF-8"),
        (b"\xff\xfe{\x00", "the file is UTF-16; save it as UTF-8"),
        (b"\xfe\xff\x00{", "the file is UTF-16; save it as UTF-8"),
        (b"\x00\x00\x00{", "the file is UTF-16 or UTF-32; save it as UTF-8"),
        (b'{"a\x00', "the file is UTF-16 or UTF-32; save it as UTF-8"),
        (b"\xef\xbb\xbf\xff\xfe{\x00", "the file is UTF-16; save it as UTF-8"),
        (b"\xef\xbb\xbf%PDF", "the file is a PDF file; expected JSON"),
    ],
)
def test_a_file_in_another_encoding(content: bytes, reason: str) -> None:
    problem = only_problem(content)
    mark = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    assert (problem.reason, located(problem), problem.whole_file) == (reason, (1, 1 + mark), True)


def test_a_zero_byte_behind_the_first_four_is_a_fault_of_its_line() -> None:
    assert "UTF-16" not in only_problem(b'{"ab\x00"}\n').reason


@pytest.mark.parametrize("first", ["header", "messages", "$schema"])
def test_a_document_is_known_by_its_first_name(first: str) -> None:
    whole = {"header": HEADER, "messages": [{"messageId": 1, **MESSAGE}], "$schema": "x"}
    content = json.dumps({first: whole[first], **whole}).encode()
    messages, problems, ending = read(content, seller_id="A1")
    assert (len(messages), problems, ending.layout, ending.header) == (1, [], Layout.DOCUMENT, FeedHeader("A1"))
    _, _, ending = read(b'{"other": 1, ' + content[1:])
    assert ending.layout is Layout.JSON_LINES


def test_what_is_missing_in_a_document_is_said_at_its_start() -> None:
    _, problems, _ = read(b'{"$schema": "x"}')
    assert problems == [
        Problem("missing", f"the document has no {name}", Position(1, 1), name, whole_file=True)
        for name in ("header", "messages")
    ]
    assert [problem.sentence for problem in problems] == [
        "line 1, byte 1: header: the document has no header",
        "line 1, byte 1: messages: the document has no messages",
    ]


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ([line(messageId=5), line(sku="B")], [("missing", "is missing", None)]),
        (
            [line(), line(sku="B", messageId=5)],
            [("messageId", "the first message has none: either all messages have it, or none", 5)],
        ),
        (
            [line(messageId=5), line(sku="B", messageId=5)],
            [("duplicateMessageId", "5 was used before in this file", 5)],
        ),
        (
            [line(messageId=5), line(sku="B", messageId=5.0)],
            [("duplicateMessageId", "5 was used before in this file", 5)],
        ),
        # One of a bad message is free.
        ([line(messageId=5, sku=""), line(sku="B", messageId=5)], [("type", "must be a text that is not empty", 5)]),
        ([line(messageId=True)], [("messageId", "must be a whole number from 1 to 2147483647", None)]),
        ([line(messageId=1.5)], [("messageId", "must be a whole number from 1 to 2147483647", None)]),
        ([line(messageId="1")], [("messageId", "must be a whole number from 1 to 2147483647", None)]),
    ],
)
def test_the_ids_of_messages(lines: list[bytes], problems: list[tuple[str, str, int | None]]) -> None:
    messages, found, ending = read(b"\n".join(lines))
    assert [(problem.rule, problem.reason, problem.message_id) for problem in found] == problems
    assert (len(messages), ending.bad_messages) == (len(lines) - 1, 1)


def test_an_id_that_is_written_as_a_fraction_is_a_whole_number() -> None:
    ((message,), _, _) = read(line(messageId=5.0))
    assert (message.message_id, type(message.message_id)) == (5, int)


def test_a_message_without_an_id_gets_the_number_of_its_line() -> None:
    ((message,), _, _) = read(b'\n  {"sku":"A","operationType":"DELETE"} \n')
    assert message == FeedMessage(
        2,
        "A",
        OperationType.DELETE,
        b'{"messageId":2,"sku":"A","operationType":"DELETE"}',
        {"messageId": 2, "sku": "A", "operationType": "DELETE"},
        Position(4, 2),
    )


@pytest.mark.parametrize(
    ("message", "faults"),
    [
        ({}, [("missing", "sku", "is missing"), ("missing", "operationType", "is missing")]),
        (
            {"sku": "A", "operationType": "UPDATE"},
            [
                ("missing", "productType", "is missing; UPDATE needs it"),
                ("missing", "attributes", "is missing; UPDATE needs it"),
            ],
        ),
        (
            {"sku": "A", "operationType": "PARTIAL_UPDATE", "requirements": "LISTING", "patches": [{}]},
            [
                ("missing", "patches/0/op", "is missing"),
                ("missing", "patches/0/path", "is missing"),
                ("missing", "productType", "is missing; PARTIAL_UPDATE needs it"),
                ("missing", "attributes", "is missing; PARTIAL_UPDATE needs it"),
                ("notAllowed", "requirements", "is not allowed with PARTIAL_UPDATE"),
                ("notAllowed", "patches", "is not allowed with PARTIAL_UPDATE"),
            ],
        ),
        (
            {"sku": "A", "operationType": "PATCH", "requirements": "LISTING", "attributes": {"a": 1}},
            [
                ("missing", "productType", "is missing; PATCH needs it"),
                ("missing", "patches", "is missing; PATCH needs it"),
                ("notAllowed", "requirements", "is not allowed with PATCH"),
                ("notAllowed", "attributes", "is not allowed with PATCH"),
            ],
        ),
        (
            {
                "sku": "A",
                "operationType": "DELETE",
                "requirements": "LISTING",
                "attributes": {"a": 1},
                "productType": "X",
                "patches": [{"op": "add", "path": "/"}],
            },
            [
                ("notAllowed", name, "is not allowed with DELETE")
                for name in ("requirements", "attributes", "productType", "patches")
            ],
        ),
        (
            {"sku": 7, "operationType": ["UPDATE"], "productType": "", "attributes": []},
            [
                ("type", "sku", "must be a text that is not empty"),
                ("type", "productType", "must be a text that is not empty"),
                ("notAllowed", "operationType", "must be one of UPDATE, PARTIAL_UPDATE, PATCH, DELETE"),
                ("type", "attributes", "must be an object with at least one attribute"),
            ],
        ),
    ],
)
def test_all_that_is_wrong_with_a_message(message: dict[str, Any], faults: list[tuple[str, str, str]]) -> None:
    _, problems, ending = read(json.dumps(message).encode())
    assert [(problem.rule, problem.field, problem.reason) for problem in problems] == faults
    assert ending.bad_messages == 1
    with pytest.raises(ValueError, match="is") as raised:
        message_body(1, message)
    assert str(raised.value) == "; ".join(f"{field}: {reason}" for _, field, reason in faults)


@pytest.mark.parametrize("requirements", ["LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"])
def test_the_requirements_of_an_update(requirements: str) -> None:
    assert len(read(line(requirements=requirements))[0]) == 1


@pytest.mark.parametrize("name", ["add", "replace", "merge", "delete"])
@pytest.mark.parametrize("value", [{}, {"value": []}, {"value": [{"a": 1}]}])
def test_patches_that_are_good(name: str, value: dict[str, Any]) -> None:
    patch = {"op": name, "path": "/", **value}
    message = {"sku": "A", "operationType": "PATCH", "productType": "X", "patches": [patch]}
    assert len(read(json.dumps(message).encode())[0]) == 1


@pytest.mark.parametrize(
    "name",
    [
        "summaries",
        "attributes",
        "issues",
        "offers",
        "fulfillmentAvailability",
        "procurement",
        "relationships",
        "productTypes",
    ],
)
def test_data_that_a_report_can_include(name: str) -> None:
    header = HEADER | {"report": REPORT | {"includedData": [name]}}
    _, problems, ending = read(document(MESSAGE, header=header))
    assert (problems, ending.header) == ([], FeedHeader("A1", None, (name,)))


def test_a_header_for_another_seller_says_for_whom() -> None:
    problem = only_problem(document(MESSAGE), seller_id="A2")
    assert problem == Problem(
        "otherSeller",
        "the file is for A1, but the request for A2",
        Position(12, 1),
        "header/sellerId",
        whole_file=True,
    )
    # What else is wrong with it comes first.
    assert only_problem(document(MESSAGE, header={"sellerId": "A1"}), seller_id="A2").rule == "missing"


def test_a_document_as_it_is_sent() -> None:
    output = io.BytesIO()
    header = FeedHeader("Ä1", "de_DE", ("issues", "offers"))
    content = (
        '{"header":{"sellerId":"Ä1","version":"2.0","issueLocale":"de_DE","report":{"includedData":["issues","offers"],'
        '"apiVersion":"2021-08-01"}},"messages":[\n{"a":1},\n{"b":2}\n]}\n'
    ).encode()
    assert write_feed(header, [b'{"a":1}', b'{"b":2}'], output) == Written(len(content), 2)
    assert output.getvalue() == content
    plain = io.BytesIO()
    write_feed(FeedHeader("A1"), [b"{}"], plain)
    assert plain.getvalue() == b'{"header":{"sellerId":"A1","version":"2.0"},"messages":[\n{}\n]}\n'
    with pytest.raises(ValueError, match=r"^sku: is missing; operationType: is missing$"):
        message_body(1, {})
    assert message_body(1, {"sku": "Ä", "operationType": "DELETE"}) == (
        '{"messageId":1,"sku":"Ä","operationType":"DELETE"}'.encode()
    )


def test_damaged_gzip_data_is_between_two_bytes() -> None:
    packed = gzip.compress(LINES)
    damaged = only_problem(packed[:-4] + b"0000", 10)
    start = (len(packed) - 1) // 10 * 10
    ends = f"between byte {start + 1} and {len(packed)} of the compressed file"
    starts = f"between byte {start - 9} and {start} of the compressed file"
    assert damaged.reason in (f"the gzip data is damaged {ends}", f"the gzip data is damaged {starts}")
    cut_off = only_problem(packed[:25], 10)
    assert cut_off.reason == "the gzip data ends too early, after byte 25 of the compressed file"


def test_pieces_may_be_empty() -> None:
    packed = gzip.compress(LINES)
    for content in (LINES, packed):
        pieces = [b"", content[:1], b"", content[1:], b""]
        assert [item.sku for item in read_feed(pieces) if isinstance(item, FeedMessage)] == ["A-1", "B-2"]


def test_a_repeated_sku_of_a_later_message_names_the_first_one() -> None:
    content = b"\n".join([line(messageId=3), line(messageId=4), line(messageId=5)])
    _, problems, ending = read(content)
    assert problems == [
        Problem(
            "repeatedSku",
            "the SKU is also in line 1, byte 1; a file can have each SKU once",
            Position(1 + (number - 1) * (len(line(messageId=3)) + 1), number),
            "sku",
            number + 2,
            "A-1",
        )
        for number in (2, 3)
    ]
    assert (ending.messages, ending.bad_messages, ending.usable) == (1, 2, True)


def test_a_file_with_only_bad_messages_has_messages() -> None:
    _, problems, ending = read(b'{"sku":"A"}\n')
    assert [problem.rule for problem in problems] == ["missing"]
    assert (ending.messages, ending.bad_messages, ending.usable) == (0, 1, True)
    assert ending.end == Position(13, 2)


@pytest.mark.parametrize("layout", [Layout.DOCUMENT, Layout.JSON_LINES])
def test_a_message_too_many_is_not_read(layout: Layout) -> None:
    """Good and bad ones count."""
    parts = [line(messageId=1, sku=""), *(line(messageId=number, sku=str(number)) for number in (2, 3, 4))]
    content = b"\n".join(parts)
    if layout is Layout.DOCUMENT:
        content = b'{"header": {"sellerId": "A1", "version": "2.0"}, "messages": [' + b",".join(parts) + b"]}"
    messages, problems, ending = read(content, limits=Limits(most_messages=3))
    assert [message.sku for message in messages] == ["2", "3"]
    assert [problem.rule for problem in problems] == ["type", "tooManyMessages"]
    assert located(problems[1]) == place(content, parts[3])
    assert (ending.messages, ending.bad_messages, ending.usable, ending.layout) == (2, 1, False, layout)


def test_a_last_line_that_is_no_json_is_a_bad_message_and_a_cut_one_spoils_the_file() -> None:
    _, (problem,), ending = read(GOOD + b"\nsku;title")
    assert (problem.rule, problem.whole_file, ending.usable) == ("syntax", False, True)
    _, (problem,), ending = read(GOOD + b'\n{"sku": "A')
    assert (problem.rule, problem.whole_file, ending.usable) == ("cutOff", True, False)
    _, (problem,), ending = read(GOOD + b'\n{"sku": "A\n')
    assert (problem.rule, problem.whole_file, ending.usable) == ("cutOff", False, True)


def test_other_members_of_a_document_are_passed_over() -> None:
    content = document(MESSAGE, header=HEADER, more={"a": [1, {"messages": []}]}, last=None)
    messages, problems, ending = read(content)
    assert (len(messages), problems, ending.usable) == (1, [], True)
