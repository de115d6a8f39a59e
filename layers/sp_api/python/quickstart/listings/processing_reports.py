"""Reads the processing report of a JSON_LISTINGS_FEED as a stream.

With listings (`FeedHeader.included_data`), a report of 25,000 messages is too large for a function's memory. Field
names and meanings are those of Amazon's listings-feed-processing-report-schema-v2.json.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quickstart.listings.feed_documents import LARGEST_MESSAGE_ID
from quickstart.listings.json_scanning import ScanError, Scanner, SourceError, Value, parsed
from sp_api.wire import JsonObject, MalformedError, OpenEnum, optional_child, optional_text, text

# A listing with all of its data; Amazon publishes no limit.
_MOST_BYTES = 4 * 1024 * 1024


class ProcessingReportError(ValueError):
    """The report cannot be read: it is cut off, not JSON, or not in Amazon's schema. The text names the place."""


class Severity(OpenEnum):
    """ERROR: the message was rejected. WARNING, INFO: it was applied."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


@dataclass(frozen=True)
class ReportHeader:
    """`seller_id` is empty when Amazon could not read the feed."""

    seller_id: str
    feed_id: str


@dataclass(frozen=True)
class ReportIssue:
    """A problem of a message; of the whole feed when both `message_id` and `sku` are None."""

    severity: Severity
    message: str
    message_id: int | None = None
    sku: str | None = None
    code: str | None = None
    attribute_name: str | None = None


@dataclass(frozen=True)
class ReportItem:
    """A listing that a message created or changed, as getListingsItem shows it."""

    sku: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class ItemSummary:
    """Counts over the listings in the report."""

    items: int
    errors: int
    warnings: int


@dataclass(frozen=True)
class ReportSummary:
    """Counts over the messages of the feed; `items` is None for a report without listings."""

    errors: int
    warnings: int
    messages_processed: int
    messages_accepted: int
    messages_invalid: int
    items: ItemSummary | None = None


ReportPart = ReportHeader | ReportIssue | ReportItem | ReportSummary


def read_processing_report(pieces: Iterable[bytes]) -> Iterator[ReportPart]:
    """Yields the parts of a report in the order of the document, which is not fixed. `pieces` are decompressed.

    Raises ProcessingReportError, also at the end if the header, the issues or the summary are missing.
    """
    try:
        scanner = Scanner(pieces)
        scanner.skip_mark()
        yield from _parts(scanner)
    except ScanError as error:
        place = error.position
        raise ProcessingReportError(f"line {place.line}, byte {place.byte}: {error.reason}") from None
    except (MalformedError, SourceError) as error:
        raise ProcessingReportError(str(error)) from None


def _parts(scanner: Scanner) -> Iterator[ReportPart]:
    seen = set()
    for name in scanner.members():
        seen.add(name)
        if name in ("issues", "items") and scanner.skip_space() == ord("["):
            for value in scanner.elements(_MOST_BYTES):
                content = _object(_content(value), name)
                if name == "issues":
                    yield _issue(content)
                elif (sku := content.get("sku")) and isinstance(sku, str):
                    # One without a SKU says nothing of a message.
                    yield ReportItem(sku, content)
        else:
            content = _content(scanner.value(_MOST_BYTES))
            if name in ("issues", "items") and content is not None:
                raise MalformedError(f"{name} is not a list")
            if name == "header":
                yield _header(_object(content, "header"))
            elif name == "summary":
                yield _summary(_object(content, "summary"))
    missing = sorted({"header", "issues", "summary"} - seen)
    if missing:
        raise MalformedError(f"{', '.join(missing)} is missing")


def _content(value: Value) -> Any:
    """A value of the report. Raises ScanError.

    A text that Amazon has cut off in the middle of a character does not cost the outcome of every message.
    """
    try:
        return parsed(value, _MOST_BYTES)
    except ScanError as error:
        if error.rule not in ("unicode", "encoding"):
            raise
    try:
        loose = json.loads(value.content.decode(errors="replace"))
        return json.loads(json.dumps(loose, ensure_ascii=False).encode(errors="replace"))
    except ValueError:
        raise ScanError("syntax", "not JSON", value.start) from None


def _object(value: object, name: str) -> JsonObject:
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is not an object")
    return value


def _header(header: JsonObject) -> ReportHeader:
    return ReportHeader(optional_text(header, "sellerId") or "", text(header, "feedId"))


def _issue(issue: JsonObject) -> ReportIssue:
    return ReportIssue(
        severity=Severity(text(issue, "severity")),
        message=optional_text(issue, "message") or "Amazon gives no reason.",
        message_id=None if issue.get("messageId") is None else _message_id(issue),
        sku=optional_text(issue, "sku"),
        code=optional_text(issue, "code"),
        attribute_name=optional_text(issue, "attributeName"),
    )


def _summary(summary: JsonObject) -> ReportSummary:
    items = optional_child(summary, "itemSummary")
    return ReportSummary(
        errors=_count(summary, "errors"),
        warnings=_count(summary, "warnings"),
        messages_processed=_count(summary, "messagesProcessed"),
        messages_accepted=_count(summary, "messagesAccepted"),
        messages_invalid=_count(summary, "messagesInvalid"),
        items=None
        if items is None
        else ItemSummary(_count(items, "items"), _count(items, "errors"), _count(items, "warnings")),
    )


def _message_id(issue: JsonObject) -> int:
    number = _count(issue, "messageId")
    if number > LARGEST_MESSAGE_ID:
        raise MalformedError("messageId is too large")
    return number


def _count(document: JsonObject, name: str) -> int:
    value = document.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MalformedError(f"{name} is not a count")
    return value
