"""Feed documents of the type JSON_LISTINGS_FEED: reads what a host uploads, and writes what Amazon gets.

A host uploads JSON Lines (one message in each line) or a whole document {"header": {...}, "messages": [...]}, plain or
gzip. `read_feed` checks it as it streams through, and names the line and the byte of everything that Amazon would
refuse. The rules are those of Amazon's listings-feed-schema-v2.json, unless a docstring names another source; a SKU
must also be one that the stack's tables and paths can have (`sku_fault`).

The memory in use does not grow with the size of the file: it holds one piece, one message, and for each message its id
and 16 bytes of its SKU's hash.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, BinaryIO

from quickstart.listings.json_scanning import (
    UTF_8_MARK,
    Position,
    ScanError,
    Scanner,
    SourceError,
    Value,
    parsed,
    shown,
)
from quickstart.listings.skus import LONGEST_SKU, sku_fault
from sp_api.documents import Inflater
from sp_api.inflating import DAMAGED

MOST_MESSAGES = 25_000
LARGEST_MESSAGE_ID = 2_147_483_647
FEED_VERSION = "2.0"
ITEM_API_VERSION = "2021-08-01"
INCLUDED_DATA = frozenset(
    {
        "summaries",
        "attributes",
        "issues",
        "offers",
        "fulfillmentAvailability",
        "procurement",
        "relationships",
        "productTypes",
    }
)
_OTHER_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_GZIP_MARK = b"\x1f\x8b"
# The start of files that are no JSON, and what they are.
_OTHER_FILES = (
    (b"PK\x03\x04", "a ZIP file or a spreadsheet"),
    (_GZIP_MARK, "gzip inside gzip"),
    (b"%PDF", "a PDF file"),
    (b"\xd0\xcf\x11\xe0", "an Excel file in the old format, or one with a password"),
)
_FIRST_KEY = re.compile(rb'\s*\{\s*"([^"\\]{0,40})"')
_DOCUMENT_KEYS = frozenset({b"header", b"messages", b"$schema"})
# A message that is wrong in more places than these shows the first ones.
_MOST_PATCH_FAULTS = 20
# Enough to see the first key of an object behind white space.
_START_BYTES = 4096


class Layout(StrEnum):
    """How a file is laid out."""

    JSON_LINES = "JSON_LINES"
    DOCUMENT = "DOCUMENT"


class OperationType(StrEnum):
    """What a message does with its SKU. UPDATE replaces all attributes, PARTIAL_UPDATE those that it has."""

    UPDATE = "UPDATE"
    PARTIAL_UPDATE = "PARTIAL_UPDATE"
    PATCH = "PATCH"
    DELETE = "DELETE"


@dataclass(frozen=True)
class Limits:
    """How much `read_feed` accepts. `most_bytes` counts after decompression.

    `most_messages` is Amazon's; the two others bound the memory and the time of a function.
    """

    most_messages: int = MOST_MESSAGES
    most_message_bytes: int = 1024 * 1024
    most_bytes: int = 100 * 1024 * 1024


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class FeedHeader:
    """The header of a feed document. With `included_data`, the processing report has the listings themselves, and also
    errors that Amazon finds after it has accepted a message (selling-partner-api-models issue 4801).
    """

    seller_id: str
    issue_locale: str | None = None
    included_data: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeedMessage:
    """A message without a problem. `body` is the JSON object as it goes into the document, with the numbers as written;
    `content` is the same, parsed. `position` is where it starts in the file.
    """

    message_id: int
    sku: str
    operation_type: OperationType
    body: bytes
    content: Mapping[str, Any]
    position: Position


@dataclass(frozen=True)
class Problem:
    """Something that is wrong. `rule` is a name that does not change, `field` a path such as messages/attributes.

    `whole_file` means that no part of the file can be sent. `message_id` and `sku` are None where they are not known.
    """

    rule: str
    reason: str
    position: Position
    field: str = ""
    message_id: int | None = None
    sku: str | None = None
    whole_file: bool = False

    @property
    def sentence(self) -> str:
        """The problem in one sentence for people."""
        about = f"{self.field}: " if self.field else ""
        return f"line {self.position.line}, byte {self.position.byte}: {about}{self.reason}"


@dataclass(frozen=True)
class Ending:
    """The last item of `read_feed`. `end` is the place after the last byte that was read.

    `header` is the header of a document, None for JSON Lines. `messages` counts the good ones, `bad_messages` those
    with a problem. `usable` is False when the whole file must be refused.
    """

    layout: Layout | None
    header: FeedHeader | None
    messages: int
    bad_messages: int
    usable: bool
    end: Position


@dataclass(frozen=True)
class Written:
    """What `write_feed` has written."""

    length: int
    messages: int


FeedPart = FeedHeader | FeedMessage | Problem | Ending


def read_feed(
    pieces: Iterable[bytes], *, limits: Limits = DEFAULT_LIMITS, seller_id: str | None = None
) -> Iterator[FeedPart]:
    """Reads a file and yields each message or what is wrong with it, in the order of the file, then one Ending. The
    header of a document is yielded too, at its place.

    `pieces` are the bytes of the file. With a `seller_id`, a header for another selling partner is a problem of the
    whole file, because Amazon refuses it (selling-partner-api-docs issue 2685). In JSON Lines, messageId is optional:
    without it, the line number becomes the messageId, so that Amazon's report names the lines of the file.
    """
    return _Reading(pieces, limits, seller_id).items()


def write_feed(header: FeedHeader, bodies: Iterable[bytes], output: BinaryIO) -> Written:
    """Writes a feed document from the bodies of messages (`FeedMessage.body` or `message_body`).

    Raises ValueError without a seller id, for unknown `included_data`, and unless there are 1 to 25,000 messages; then
    `output` holds a part of a document.
    """
    length = output.write(b'{"header":' + _encoded(_header_json(header)) + b',"messages":[\n')
    count = 0
    for body in bodies:
        if count == MOST_MESSAGES:
            raise ValueError(f"a feed has at most {MOST_MESSAGES} messages")
        length += output.write((b",\n" if count else b"") + body)
        count += 1
    if not count:
        raise ValueError("a feed needs at least one message")
    length += output.write(b"\n]}\n")
    return Written(length, count)


def message_body(message_id: int, content: Mapping[str, Any]) -> bytes:
    """The body of a message that is made of values and not read from a file; `content` is without messageId.

    Raises ValueError for what `read_feed` would refuse.
    """
    body = _encoded({"messageId": message_id, **content})
    faults = _faults(json.loads(body))
    if faults:
        raise ValueError("; ".join(f"{field}: {reason}" for _, field, reason in faults))
    return body


def _header_json(header: FeedHeader) -> dict[str, Any]:
    if not header.seller_id:
        raise ValueError("a feed needs the seller id or vendor code")
    unknown = sorted(set(header.included_data) - INCLUDED_DATA)
    if unknown:
        raise ValueError(f"unknown included data: {', '.join(unknown)}")
    made: dict[str, Any] = {"sellerId": header.seller_id, "version": FEED_VERSION}
    if header.issue_locale is not None:
        made["issueLocale"] = header.issue_locale
    if header.included_data:
        made["report"] = {"includedData": list(header.included_data), "apiVersion": ITEM_API_VERSION}
    return made


def _encoded(value: Mapping[str, Any]) -> bytes:
    """Raises ValueError for NaN, infinity and text that is not Unicode."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class _Reading:
    """One file while it is read."""

    def __init__(self, pieces: Iterable[bytes], limits: Limits, seller_id: str | None) -> None:
        self._scanner = Scanner(_within(_inflated(pieces), limits.most_bytes))
        self._limits = limits
        self._seller_id = seller_id
        self._layout: Layout | None = None
        self._header: FeedHeader | None = None
        self._good = 0
        self._bad = 0
        self._usable = True
        self._own_ids: bool | None = None
        self._ids: set[int] = set()
        self._skus: dict[bytes, Position] = {}

    def items(self) -> Iterator[FeedPart]:
        try:
            for item in self._file():
                self._usable = self._usable and not (isinstance(item, Problem) and item.whole_file)
                yield item
        except ScanError as error:
            self._usable = False
            yield Problem(error.rule, error.reason, error.position, whole_file=True)
        except SourceError as error:
            # The source knows nothing of lines.
            self._usable = False
            yield Problem(error.rule, error.reason, self._scanner.position, whole_file=True)
        if self._usable and not self._good and not self._bad:
            self._usable = False
            yield Problem("noMessages", "the file has no message", self._scanner.position, whole_file=True)
        yield Ending(self._layout, self._header, self._good, self._bad, self._usable, self._scanner.position)

    def _file(self) -> Iterator[FeedPart]:
        self._layout = self._recognized()
        if self._layout is None:
            return
        yield from self._document() if self._layout is Layout.DOCUMENT else self._lines()

    def _recognized(self) -> Layout | None:
        """The layout; None for an empty file. Raises ScanError for a file that is neither."""
        scanner = self._scanner
        start = scanner.start(_START_BYTES)
        if start.startswith(UTF_8_MARK):
            scanner.skip(len(UTF_8_MARK))
            start = start[len(UTF_8_MARK) :]
        for mark, name in _OTHER_MARKS:
            if start.startswith(mark):
                raise ScanError("encoding", f"the file is {name}; save it as UTF-8", scanner.position)
        for mark, name in _OTHER_FILES:
            if start.startswith(mark):
                raise ScanError("format", f"the file is {name}; expected JSON", scanner.position)
        if b"\0" in start[:4]:
            raise ScanError("encoding", "the file is UTF-16 or UTF-32; save it as UTF-8", scanner.position)
        first = scanner.skip_space()
        if first is None:
            return None
        if first != ord("{"):
            words = {ord("["): "a JSON array", ord("<"): "XML, which Amazon no longer accepts for listings"}
            found = words.get(first, f"{shown(first)}, as in CSV or other text")
            expected = 'expected { of a message in JSON Lines, or of {"header": ..., "messages": [...]}'
            raise ScanError("format", f"{expected}, but found {found}", scanner.position)
        key = _FIRST_KEY.match(start)
        return Layout.DOCUMENT if key is not None and key.group(1) in _DOCUMENT_KEYS else Layout.JSON_LINES

    def _lines(self) -> Iterator[FeedMessage | Problem]:
        most = self._limits.most_message_bytes
        while self._scanner.skip_space() is not None and (line := self._scanner.line(most)) is not None:
            self._count(line.start)
            yield from self._message(line, cut_off=not line.complete)

    def _document(self) -> Iterator[FeedPart]:
        scanner, most, seen = self._scanner, self._limits.most_message_bytes, set()
        for name in scanner.members():
            if name in ("header", "messages"):
                if name in seen:
                    raise ScanError("duplicateKey", f"{name} appears twice", scanner.member_start)
                seen.add(name)
            if name == "messages":
                for value in scanner.elements(most):
                    self._count(value.start)
                    yield from self._message(value)
            elif name == "header":
                yield from self._read_header(scanner.value(most))
                if self._header is not None:
                    yield self._header
            else:
                # Amazon's schema allows other members; they are not sent on.
                scanner.value(most)
        for name in ("header", "messages"):
            if name not in seen:
                yield Problem("missing", f"the document has no {name}", Position(1, 1), name, whole_file=True)

    def _count(self, place: Position) -> None:
        if self._good + self._bad == self._limits.most_messages:
            raise ScanError(
                "tooManyMessages", f"a feed has at most {self._limits.most_messages} messages; divide the file", place
            )

    def _message(self, value: Value, *, cut_off: bool = False) -> Iterator[FeedMessage | Problem]:
        try:
            content = self._object(value)
        except ScanError as error:
            if cut_off and error.rule == "cutOff":
                reason = f"the file ends in the middle of a message ({error.reason})"
                raise ScanError("cutOff", reason, error.position) from None
            if self._layout is Layout.JSON_LINES and error.rule == "cutOff":
                reason = (
                    f"{error.reason}. In JSON Lines, a message is in one line: without line breaks between its values"
                )
                error = ScanError("cutOff", reason, error.position)
            self._bad += 1
            # A wrong encoding spoils also what can be read: in another one, it says something else.
            yield Problem(error.rule, error.reason, error.position, whole_file=error.rule == "encoding")
            return
        message_id, sku = _known(content)
        faults = [*self._id_faults(content), *_faults(content)]
        if faults:
            self._bad += 1
            for rule, field, reason in faults:
                yield Problem(rule, reason, value.start, field, message_id, sku)
            return
        if "messageId" in content:
            number, body = int(content["messageId"]), value.content.strip()
        else:
            number = value.start.line
            body = b'{"messageId":%d,' % number + value.content.strip()[1:]
            content = {"messageId": number, **content}
        key = hashlib.blake2b(content["sku"].encode(), digest_size=16).digest()
        earlier = self._skus.setdefault(key, value.start)
        if earlier != value.start:
            # Amazon promises no order within a feed, so which of the messages would count is not known.
            self._bad += 1
            reason = f"the SKU is also in line {earlier.line}, byte {earlier.byte}; a file can have each SKU once"
            yield Problem("repeatedSku", reason, value.start, "sku", number, content["sku"])
            return
        self._ids.add(number)
        self._good += 1
        operation = OperationType(content["operationType"])
        yield FeedMessage(number, content["sku"], operation, body, content, value.start)

    def _object(self, value: Value, what: str = "a message") -> dict[str, Any]:
        """The value as a JSON object. Raises ScanError."""
        content = parsed(value, self._limits.most_message_bytes)
        if not isinstance(content, dict):
            raise ScanError("type", f"{what} must be a JSON object", value.start)
        return content

    def _id_faults(self, content: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
        """In a document, Amazon's schema requires messageId; in JSON Lines, all messages have it or none."""
        has_id = "messageId" in content
        if self._own_ids is None:
            self._own_ids = has_id or self._layout is Layout.DOCUMENT
        if has_id and not self._own_ids:
            yield "messageId", "messageId", "the first message has none: either all messages have it, or none"
        elif self._own_ids and not has_id:
            yield "missing", "messageId", "is missing"
        elif has_id and (number := _message_id(content["messageId"])) in self._ids:
            yield "duplicateMessageId", "messageId", f"{number} was used before in this file"

    def _read_header(self, value: Value) -> Iterator[Problem]:
        header = self._object(value, "header")
        faults = list(_header_faults(header))
        named = header.get("sellerId")
        if not faults and self._seller_id is not None and named != self._seller_id:
            reason = f"the file is for {named}, but the request for {self._seller_id}"
            faults.append(("otherSeller", "header/sellerId", reason))
        for rule, field, reason in faults:
            yield Problem(rule, reason, value.start, field, whole_file=True)
        if not faults:
            included = tuple(header.get("report", {}).get("includedData", ()))
            self._header = FeedHeader(str(named), header.get("issueLocale"), included)


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, decompressed if they are gzip. Raises SourceError for gzip data that is damaged or incomplete."""
    source = iter(pieces)
    start = b""
    while len(start) < len(_GZIP_MARK) and (piece := next(source, None)) is not None:
        start += piece
    if not start.startswith(_GZIP_MARK):
        yield start
        yield from source
        return
    inflater, received = Inflater(), 0
    for piece in _chain(start, source):
        try:
            yield from inflater.feed(piece)
        except DAMAGED:
            after = f"between byte {received + 1} and {received + len(piece)} of the compressed file"
            raise SourceError("gzip", f"the gzip data is damaged {after}") from None
        received += len(piece)
    if not inflater.complete:
        raise SourceError("cutOff", f"the gzip data ends too early, after byte {received} of the compressed file")
    if inflater.trailing:
        # A part that was appended and is damaged looks like this: its messages would be lost.
        raise SourceError("gzip", "other data follows the gzip data in the compressed file; compress the file again")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _within(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The pieces up to the limit. Raises SourceError when there is more."""
    size = 0
    for piece in pieces:
        if size + len(piece) > most:
            yield piece[: most - size]
            raise SourceError("fileTooLarge", f"the file has more than {most} bytes; divide it")
        size += len(piece)
        yield piece


def _known(content: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """The messageId and the SKU as far as a message has them."""
    number, sku = content.get("messageId"), content.get("sku")
    return _message_id(number), (sku if isinstance(sku, str) and 0 < len(sku) <= LONGEST_SKU else None)


def _message_id(value: object) -> int | None:
    """The value as a messageId; None if it cannot be one. JSON Schema counts 1.0 as an integer."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == int(value) and 1 <= value <= LARGEST_MESSAGE_ID else None


# Fields that each operation needs, and those that it must not have.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "UPDATE": ("productType", "attributes"),
    "PARTIAL_UPDATE": ("productType", "attributes"),
    "PATCH": ("productType", "patches"),
    "DELETE": (),
}
_FORBIDDEN: Mapping[str, tuple[str, ...]] = {
    "UPDATE": ("patches",),
    "PARTIAL_UPDATE": ("requirements", "patches"),
    "PATCH": ("requirements", "attributes"),
    "DELETE": ("requirements", "attributes", "productType", "patches"),
}
_REQUIREMENTS = ("LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY")
_PATCH_OPERATIONS = ("add", "replace", "merge", "delete")


def _faults(content: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Rule, field and reason of everything in a message that Amazon's schema refuses."""
    found: list[tuple[str, str, str]] = []
    if "messageId" in content and _message_id(content["messageId"]) is None:
        found.append(("messageId", "messageId", f"must be a whole number from 1 to {LARGEST_MESSAGE_ID}"))
    for name in ("sku", "operationType"):
        if name not in content:
            found.append(("missing", name, "is missing"))
    for name in ("sku", "productType"):
        if name in content and not (isinstance(content[name], str) and content[name]):
            found.append(("type", name, "must be a text that is not empty"))
    if isinstance(sku := content.get("sku"), str) and sku and (fault := sku_fault(sku)):
        found.append(("sku", "sku", fault))
    for name, allowed in (("operationType", tuple(OperationType)), ("requirements", _REQUIREMENTS)):
        if name in content and content[name] not in allowed:
            found.append(("notAllowed", name, f"must be one of {', '.join(allowed)}"))
    attributes = content.get("attributes")
    if "attributes" in content and not (isinstance(attributes, dict) and attributes):
        found.append(("type", "attributes", "must be an object with at least one attribute"))
    if "patches" in content:
        found.extend(islice(_patch_faults(content["patches"]), _MOST_PATCH_FAULTS))
    operation = content.get("operationType")
    if isinstance(operation, str) and operation in _NEEDED:
        for name in _NEEDED[operation]:
            if name not in content:
                found.append(("missing", name, f"is missing; {operation} needs it"))
        for name in _FORBIDDEN[operation]:
            if name in content:
                found.append(("notAllowed", name, f"is not allowed with {operation}"))
    return found


def _patch_faults(patches: object) -> Iterator[tuple[str, str, str]]:
    if not isinstance(patches, list) or not patches:
        yield "type", "patches", "must be a list with at least one patch"
        return
    for index, patch in enumerate(patches):
        field = f"patches/{index}"
        if not isinstance(patch, dict):
            yield "type", field, "must be an object"
            continue
        for name in ("op", "path"):
            if name not in patch:
                yield "missing", f"{field}/{name}", "is missing"
        if "op" in patch and patch["op"] not in _PATCH_OPERATIONS:
            yield "notAllowed", f"{field}/op", f"must be one of {', '.join(_PATCH_OPERATIONS)}"
        if "path" in patch and not isinstance(patch["path"], str):
            yield "type", f"{field}/path", "must be a text"
        value = patch.get("value", [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            yield "type", f"{field}/value", "must be a list of objects"


def _header_faults(header: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in ("sellerId", "version"):
        if name not in header:
            yield "missing", f"header/{name}", "is missing"
    for name in ("sellerId", "issueLocale"):
        if name in header and not isinstance(header[name], str):
            yield "type", f"header/{name}", "must be a text"
    if "version" in header and header["version"] != FEED_VERSION:
        yield "notAllowed", "header/version", f'must be "{FEED_VERSION}"'
    if "report" not in header:
        return
    report = header["report"]
    if not isinstance(report, dict):
        yield "type", "header/report", "must be an object"
        return
    for name in ("includedData", "apiVersion"):
        if name not in report:
            yield "missing", f"header/report/{name}", "is missing"
    if "apiVersion" in report and report["apiVersion"] != ITEM_API_VERSION:
        yield "notAllowed", "header/report/apiVersion", f'must be "{ITEM_API_VERSION}"'
    included = report.get("includedData", ["issues"])
    if not isinstance(included, list) or not included:
        yield "type", "header/report/includedData", "must be a list with at least one entry"
    elif not all(isinstance(name, str) and name in INCLUDED_DATA for name in included):
        yield "notAllowed", "header/report/includedData", f"must be of {', '.join(sorted(INCLUDED_DATA))}"
