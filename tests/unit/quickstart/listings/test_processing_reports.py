"""Processing reports, read as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart.listings.json_scanning import SourceError
from quickstart.listings.processing_reports import (
    ItemSummary,
    ProcessingReportError,
    ReportHeader,
    ReportIssue,
    ReportItem,
    ReportPart,
    ReportSummary,
    Severity,
    read_processing_report,
)

EXAMPLE = (
    Path(__file__).resolve().parents[5] / "shared/sp-api/models/listings-feed-processing-report-schema-v2.example.json"
)
REPORT: dict[str, Any] = {
    "header": {"sellerId": "A1", "version": "2.0", "feedId": "7"},
    "issues": [
        {
            "messageId": 2,
            "sku": "B",
            "code": "90220",
            "severity": "ERROR",
            "message": "'brand' is required.",
            "attributeName": "brand",
        },
        {"severity": "INFO", "message": "Été"},
    ],
    "summary": {"errors": 1, "warnings": 0, "messagesProcessed": 2, "messagesAccepted": 1, "messagesInvalid": 1},
}
READ = [
    ReportHeader("A1", "7"),
    ReportIssue(Severity.ERROR, "'brand' is required.", 2, "B", "90220", "brand"),
    ReportIssue(Severity.INFO, "Été"),
    ReportSummary(1, 0, 2, 1, 1),
]


def read(report: Any, piece: int = 1000) -> list[ReportPart]:
    content = report if isinstance(report, bytes) else json.dumps(report, ensure_ascii=False).encode()
    return list(read_processing_report(content[at : at + piece] for at in range(0, len(content), piece)))


@pytest.mark.parametrize("piece", [1, 10, 1000])
def test_a_report(piece: int) -> None:
    assert read(REPORT, piece) == READ
    assert read(json.dumps(REPORT, indent=2).encode(), piece) == READ


def test_a_report_with_listings() -> None:
    item = {"sku": "A", "issues": [{"code": "1", "severity": "WARNING", "message": "x"}]}
    summary = REPORT["summary"] | {"itemSummary": {"items": 1, "errors": 0, "warnings": 1.0}}
    *_, read_summary, read_item = read(REPORT | {"summary": summary, "items": [item]})
    assert read_summary == ReportSummary(1, 0, 2, 1, 1, ItemSummary(1, 0, 1))
    assert read_item == ReportItem("A", item)


@pytest.mark.parametrize(
    ("report", "message"),
    [
        # Texts that Amazon has cut off in the middle of a character.
        (json.dumps(REPORT).replace("'brand' is", "Koffer \\ud83d").encode(), "Koffer ? required."),
        (json.dumps(REPORT).encode().replace(b"'brand' is", b"Koffer \xc3"), "Koffer \ufffd required."),
        (json.dumps(REPORT).replace("'brand' is required.", "").encode(), "Amazon gives no reason."),
        (b"\xef\xbb\xbf" + json.dumps(REPORT).encode(), "'brand' is required."),
    ],
)
def test_one_odd_value_does_not_cost_the_others(report: bytes, message: str) -> None:
    header, issue, *others = read(report)
    assert (header, others) == (READ[0], READ[2:])
    assert issue == ReportIssue(Severity.ERROR, message, 2, "B", "90220", "brand")


def test_lists_that_are_null_are_empty() -> None:
    assert read(REPORT | {"issues": None, "items": None}) == [READ[0], READ[3]]


def test_a_listing_without_a_sku_says_nothing() -> None:
    assert read(REPORT | {"items": [{"summaries": []}, {"sku": "A"}]}) == [*READ, ReportItem("A", {"sku": "A"})]


def test_a_failure_of_the_whole_feed() -> None:
    issue = {"code": "4002001", "severity": "ERROR", "message": "Item 'Feed' cannot be parsed."}
    header, read_issue, _ = read(REPORT | {"header": {"sellerId": "", "feedId": "7"}, "issues": [issue]})
    assert header == ReportHeader("", "7")
    assert read_issue == ReportIssue(Severity.ERROR, issue["message"], code="4002001")


def test_amazons_example() -> None:
    if not EXAMPLE.is_file():
        pytest.skip("Amazon's example is not there")
    parts = read(EXAMPLE.read_bytes())
    assert [type(part).__name__ for part in parts] == [
        "ReportHeader",
        *["ReportIssue"] * 3,
        "ReportSummary",
        *["ReportItem"] * 2,
    ]
    assert parts[4] == ReportSummary(3, 0, 4, 2, 2, ItemSummary(2, 0, 2))


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (b"", "expected { at the start"),
        (b"<html>", "line 1, byte 1: expected {"),
        (json.dumps(REPORT).encode()[:-1], "ends too early"),
        (json.dumps(REPORT).encode() + b"x", "expected the end"),
        ({"header": REPORT["header"]}, "issues, summary is missing"),
        (REPORT | {"header": []}, "header is not an object"),
        (REPORT | {"issues": {}}, "issues is not a list"),
        (REPORT | {"issues": [1]}, "issues is not an object"),
        (REPORT | {"issues": [{"message": "x"}]}, "severity is missing"),
        (REPORT | {"issues": [{"severity": "ERROR", "message": "x", "messageId": "y"}]}, "messageId is not a count"),
        (REPORT | {"summary": REPORT["summary"] | {"errors": -1}}, "errors is not a count"),
        (REPORT | {"summary": REPORT["summary"] | {"itemSummary": {}}}, "items is not a count"),
        (REPORT | {"items": [3]}, "items is not an object"),
        (REPORT | {"issues": [{"severity": "ERROR", "message": "x", "messageId": 2**31}]}, "messageId is too large"),
        (REPORT | {"items": [{"sku": "x" * 5_000_000}]}, "bytes; at most"),
        (b'{"header": {"feedId": NaN}}', "NaN is not JSON"),
    ],
)
def test_reports_that_cannot_be_read(report: Any, reason: str) -> None:
    with pytest.raises(ProcessingReportError, match=reason):
        read(report)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (b'{"header"\n: x', r"line 2, byte 13: not JSON: Expecting value"),
        (b'{"header": {"feedId": "7"}, "issues": [,', r"line 1, byte 40: expected a value, but found ,"),
        (b"[]", r"line 1, byte 1: expected { at the start of the document, but found \["),
        (
            b'{"header": {"feedId": "\xff"}, "summary": tru}',
            r"line 1, byte 43: the message is incomplete: Expecting value",
        ),
        (b'{"header": {\xff}}', r"line 1, byte 12: not JSON"),
        ({}, "header, issues, summary is missing"),
        ({"header": {"feedId": "7"}, "issues": []}, "summary is missing"),
        (REPORT | {"header": {"sellerId": "A1"}}, "feedId is missing"),
        (REPORT | {"summary": 1}, "summary is not an object"),
        (REPORT | {"items": {}}, "items is not a list"),
        (REPORT | {"summary": REPORT["summary"] | {"errors": True}}, "errors is not a count"),
        (REPORT | {"summary": REPORT["summary"] | {"warnings": 1.5}}, "warnings is not a count"),
        (REPORT | {"summary": {"errors": 0, "warnings": 0}}, "messagesProcessed is not a count"),
        (REPORT | {"summary": REPORT["summary"] | {"messagesAccepted": "1"}}, "messagesAccepted is not a count"),
        (REPORT | {"summary": REPORT["summary"] | {"messagesInvalid": None}}, "messagesInvalid is not a count"),
        (REPORT | {"summary": REPORT["summary"] | {"itemSummary": {"items": 1}}}, "errors is not a count"),
        (
            REPORT | {"summary": REPORT["summary"] | {"itemSummary": {"items": 1, "errors": 0}}},
            "warnings is not a count",
        ),
    ],
)
def test_why_a_report_cannot_be_read(report: Any, words: str) -> None:
    with pytest.raises(ProcessingReportError, match=rf"^{words}") as failed:
        read(report)
    assert failed.value.__cause__ is None


def test_a_source_that_ends_with_an_error() -> None:
    def pieces() -> Iterator[bytes]:
        yield json.dumps(REPORT).encode()[:-1]
        raise SourceError("gzip", "the gzip data is damaged")

    parts = read_processing_report(pieces())
    assert [next(parts) for _ in READ] == READ
    with pytest.raises(ProcessingReportError, match=r"^the gzip data is damaged$"):
        next(parts)


@pytest.mark.parametrize(("number", "read_as"), [(0, 0), (2.0, 2), (2_147_483_647, 2_147_483_647)])
def test_the_number_of_a_message(number: float, read_as: int) -> None:
    issue = {"severity": "WARNING", "message": "x", "messageId": number}
    assert read(REPORT | {"issues": [issue]})[1] == ReportIssue(Severity.WARNING, "x", read_as)


@pytest.mark.parametrize("sku", ["", None, 7])
def test_a_listing_with_an_odd_sku_says_nothing(sku: object) -> None:
    assert read(REPORT | {"items": [{"sku": sku}]}) == READ


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_a_listing_has_four_mebibytes_at_most(*, more: int, fits: bool) -> None:
    item = {"sku": "A", "data": "x" * (4 * 1024 * 1024 - len('{"sku": "A", "data": ""}') + more)}
    report = REPORT | {"items": [item]}
    if fits:
        assert read(report, 1 << 16)[-1] == ReportItem("A", item)
    else:
        with pytest.raises(ProcessingReportError, match="4194305 bytes; at most 4194304 are accepted"):
            read(report, 1 << 16)


def test_what_the_reader_does_not_know_is_passed_over() -> None:
    assert read({"version": [1, {"a": None}], **REPORT, "more": {"issues": 1}}) == READ


@given(data=st.data(), piece=st.integers(1, 50))
def test_no_report_breaks_the_reader(data: st.DataObject, piece: int) -> None:
    broken = bytearray(json.dumps(REPORT).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        parts = read(bytes(broken), piece)
    except ProcessingReportError as error:
        assert str(error)
    else:
        assert [part for part in parts if isinstance(part, ReportSummary)]
