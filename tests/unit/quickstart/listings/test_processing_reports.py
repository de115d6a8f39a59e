"""Processing reports, read as a stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        (REPORT | {"issues": [{"severity": "ERROR", "message": "x", "messageId": 2**70}]}, "messageId is too large"),
        (REPORT | {"items": [{"sku": "x" * 5_000_000}]}, "bytes; at most"),
        (b'{"header": {"feedId": NaN}}', "NaN is not JSON"),
    ],
)
def test_reports_that_cannot_be_read(report: Any, reason: str) -> None:
    with pytest.raises(ProcessingReportError, match=reason):
        read(report)


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
