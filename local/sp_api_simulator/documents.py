"""Report documents, and the expiring links to them.

A document is stored as a specification, not as bytes. Each download generates the same bytes again, so a document of
any size needs no memory.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

FORMATS = ("", "tsv", "json", "xml", "error")
COMPRESSIONS = ("gzip", "multi-member-gzip", "none", "declared")
CHARSETS = {
    "UTF-8": "utf-8",
    "utf8": "utf-8",
    "Cp1252": "cp1252",
    "ISO-8859-1": "latin-1",
    "Shift_JIS": "cp932",
    "UTF-16": "utf-16-le",
}
"""Charset names in the Content-Type of documents, with the name of Python's codec."""

ROWS_IN_A_BLOCK = 1000
LINK_ALGORITHM = "AWS4-HMAC-SHA256"
SIGNATURE_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)
ERROR_DETAILS = (
    "A client error occurred. "
    "Please double check that your parameters are valid and fulfill the requirements of the report type."
)
LINK_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class DocumentSpecification:
    """The contents of a document and how it is sent.

    format: `tsv`, `json` or `xml` with `rows` records, or `error`, the JSON that explains a FATAL report; empty until
    the report type determines it. `text` replaces the contents.
    size_bytes: the exact size before compression; rows are repeated to fill it, 0 is an empty document.
    compression: `gzip`; `multi-member-gzip`; `none`; `declared` (labelled GZIP, sent plain: selling-partner-api-models
    issue 2648).
    charset: a key of CHARSETS, or None to send no charset in Content-Type.
    """

    format: str = ""
    rows: int = 300
    size_bytes: int | None = None
    compression: str = "gzip"
    compression_level: int = 6
    charset: str | None = "UTF-8"
    text: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for any other value."""
        if self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS[1:])}")
        if self.compression not in COMPRESSIONS:
            raise ValueError(f"compression must be one of {', '.join(COMPRESSIONS)}")
        if self.charset is not None and self.charset not in CHARSETS:
            raise ValueError(f"charset must be null or one of {', '.join(CHARSETS)}")
        if self.rows < 0 or (self.size_bytes is not None and self.size_bytes < 0):
            raise ValueError("rows and sizeBytes must not be negative")
        if not 0 <= self.compression_level <= 9:
            raise ValueError("compressionLevel must be between 0 and 9")

    @property
    def labelled_gzip(self) -> bool:
        """Whether getReportDocument shows compressionAlgorithm GZIP."""
        return self.compression != "none"

    @property
    def content_type(self) -> str:
        media_type = {"tsv": "text/plain", "xml": "text/xml"}.get(self.format, "application/json")
        return media_type if self.charset is None else f"{media_type}; charset={self.charset}"


@dataclass(frozen=True)
class StoredDocument:
    """A document that a report produced. `length` is the number of bytes sent."""

    document_id: str
    report_id: str
    seller_id: str
    region: str
    report_type: str
    specification: DocumentSpecification
    length: int


def document_bytes(specification: DocumentSpecification) -> Iterator[bytes]:
    """The bytes as sent, in pieces."""
    content = _content(specification)
    match specification.compression:
        case "gzip":
            return _one_member(content, specification.compression_level)
        case "multi-member-gzip":
            return _many_members(content, specification.compression_level)
        case _:
            return content


def measure(specification: DocumentSpecification) -> int:
    """The number of bytes sent. Takes as long as generating the document once."""
    if (
        specification.size_bytes is not None
        and specification.compression in ("none", "declared")
        and specification.text is None
    ):
        return specification.size_bytes
    return sum(len(piece) for piece in document_bytes(specification))


def _one_member(content: Iterator[bytes], level: int) -> Iterator[bytes]:
    compressor = zlib.compressobj(level, zlib.DEFLATED, 31)
    for piece in content:
        if compressed := compressor.compress(piece):
            yield compressed
    yield compressor.flush()


def _many_members(content: Iterator[bytes], level: int) -> Iterator[bytes]:
    for piece in content:
        half = len(piece) // 2
        for part in (piece[:half], piece[half:]):
            compressor = zlib.compressobj(level, zlib.DEFLATED, 31)
            yield compressor.compress(part) + compressor.flush()


def _content(specification: DocumentSpecification) -> Iterator[bytes]:
    codec = CHARSETS[specification.charset or "UTF-8"]
    if specification.text is not None:
        yield specification.text.encode(codec, errors="replace")
        return
    if specification.format == "error":
        # The spacing around the colon is the service's own (selling-partner-api-models issue 2630).
        yield f'{{"errorDetails" : "{ERROR_DETAILS}"}}'.encode(codec)
        return
    layout = _LAYOUTS[specification.format]
    if specification.size_bytes is None:
        yield from _counted(layout, specification.rows, codec)
    else:
        yield from _sized(layout, specification.size_bytes, codec)


def _counted(layout: _Layout, rows: int, codec: str) -> Iterator[bytes]:
    yield layout.head.encode(codec, errors="replace")
    for start in range(0, rows, ROWS_IN_A_BLOCK):
        block = layout.rows(start, min(rows, start + ROWS_IN_A_BLOCK), first=start == 0)
        yield block.encode(codec, errors="replace")
    yield layout.tail.encode(codec, errors="replace")


def _sized(layout: _Layout, size: int, codec: str) -> Iterator[bytes]:
    """Exactly `size` bytes: the head, one block of rows as often as it fits, then single rows, then line feeds, then
    the tail.
    """
    head = layout.head.encode(codec, errors="replace")
    first = layout.rows(0, 1, first=True).encode(codec, errors="replace")
    tail = layout.tail.encode(codec, errors="replace")
    room = size - len(head) - len(first) - len(tail)
    if room < 0:
        yield (head + first + tail)[:size]
        return
    yield head + first
    rows = [
        layout.rows(number, number + 1, first=False).encode(codec, errors="replace")
        for number in range(1, ROWS_IN_A_BLOCK + 1)
    ]
    block = b"".join(rows)
    for _ in range(room // len(block)):
        yield block
    room %= len(block)
    rest = bytearray()
    for row in rows:
        if len(rest) + len(row) > room:
            break
        rest += row
    yield bytes(rest) + b"\n" * (room - len(rest)) + tail


@dataclass(frozen=True)
class _Layout:
    """How records become text: what comes before them, the function that writes one, what joins them, what comes after
    them.
    """

    head: str
    record: str
    separator: str
    tail: str

    def rows(self, start: int, end: int, *, first: bool) -> str:
        texts = [_record(self.record, number) for number in range(start, end)]
        return ("" if first else self.separator) + self.separator.join(texts)


_COLUMNS = (
    "item-name",
    "item-description",
    "listing-id",
    "seller-sku",
    "price",
    "quantity",
    "open-date",
    "item-is-marketplace",
    "product-id-type",
    "item-condition",
    "asin1",
    "will-ship-internationally",
    "product-id",
    "pending-quantity",
    "fulfillment-channel",
    "merchant-shipping-group",
    "status",
)
_PRODUCTS = (
    ("Enamel Mug", "Emaille-Becher für Camping und Küche, 350 ml"),
    ("Linen Tea Towel", "Torchon en lin lavé, 50 x 70 cm, brodé à la main"),
    ("Café Crème Cups", "Zwei Tassen aus Porzellan, spülmaschinenfest, 12,90 €"),
    ("Jalapeño Seeds", "Semillas de jalapeño, 25 unidades, cultivo ecológico"),
    ("Matcha Whisk", "抹茶用の竹製茶筅、職人の手作り"),
    ("Cast Iron Teapot", "南部鉄器の急須、容量0.6リットル"),
)
_XML_ESCAPES = {'"': "&quot;"}


def _fields(number: int) -> tuple[str, ...]:
    """One listing. The same number always gives the same listing."""
    name, description = _PRODUCTS[number % len(_PRODUCTS)]
    asin = f"B0{number * 7919 % 36**5:08d}"
    quantity = number * 37 % 240
    return (
        f"{name} {number + 1}",
        description,
        f"{1025 + number:04d}X{number * 104729 % 10**6:06d}",
        f"SKU-{number + 1:07d}",
        f"{4 + number * 13 % 90}.{number * 7 % 100:02d}",
        str(quantity),
        f"2025-{1 + number % 12:02d}-{1 + number % 28:02d} {number % 24:02d}:{number % 60:02d}:00 UTC",
        "y",
        "1",
        "11",
        asin,
        "1" if number % 3 == 0 else "",
        asin,
        str(number % 5),
        "AMAZON_EU" if number % 2 else "DEFAULT",
        "Standard",
        "Active" if quantity else "Inactive",
    )


def _record(kind: str, number: int) -> str:
    fields = _fields(number)
    if kind == "tsv":
        return "\t".join(fields) + "\n"
    if kind == "json":
        return json.dumps(dict(zip(_COLUMNS, fields, strict=True)), ensure_ascii=False)
    cells = "".join(
        f"<{column}>{escape(value, _XML_ESCAPES)}</{column}>" for column, value in zip(_COLUMNS, fields, strict=True)
    )
    return f"<listing>{cells}</listing>\n"


_LAYOUTS: Mapping[str, _Layout] = {
    "tsv": _Layout("\t".join(_COLUMNS) + "\n", "tsv", "", ""),
    "json": _Layout('{"listings": [\n', "json", ",\n", "\n]}\n"),
    "xml": _Layout("<listings>\n", "xml", "", "</listings>\n"),
}


@dataclass(eq=False)
class LinkError(Exception):
    """Why S3 does not serve a link: its error code, message and the further elements of the error document."""

    status: int
    code: str
    message: str
    elements: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DocumentLinks:
    """Creates and checks presigned links. Each start has a new key."""

    key: bytes

    def make(
        self,
        base_url: str,
        document_id: str,
        content_encoding: str,
        now: datetime,
        lifetime_seconds: int,
        folder: str = "documents",
    ) -> str:
        """A link that serves the document with this Content-Encoding until `lifetime_seconds` after `now`."""
        path = f"/{folder}/{quote(document_id)}"
        query = {
            "X-Amz-Algorithm": LINK_ALGORITHM,
            "X-Amz-Date": now.strftime(LINK_TIME),
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Expires": str(lifetime_seconds),
            "X-Amz-Credential": f"AKIASIMULATEDSPAPI00/{now:%Y%m%d}/us-east-1/s3/aws4_request",
        }
        if content_encoding:
            query["response-content-encoding"] = content_encoding
        return f"{base_url}{path}?{urlencode(query | {'X-Amz-Signature': self._signature(path, query)})}"

    def check(self, path: str, query: Mapping[str, str], now: datetime, *, expired: bool = False) -> None:
        """Raises LinkError if the link was changed or has expired. `expired` treats it as expired."""
        signed = {name: value for name, value in query.items() if name != "X-Amz-Signature"}
        signature = query.get("X-Amz-Signature", "")
        if "X-Amz-Date" not in query or "X-Amz-Expires" not in query or not signature:
            raise LinkError(403, "AccessDenied", "Access Denied")
        if not hmac.compare_digest(self._signature(path, signed), signature):
            raise LinkError(403, "SignatureDoesNotMatch", SIGNATURE_MISMATCH)
        check_expiry(query, now, expired=expired)

    def _signature(self, path: str, query: Mapping[str, str]) -> str:
        canonical = f"{path}?{urlencode(sorted(query.items()))}"
        return hmac.new(self.key, canonical.encode(), hashlib.sha256).hexdigest()


def check_expiry(query: Mapping[str, str], now: datetime, *, expired: bool = False) -> None:
    """Raises LinkError if a link has expired. `expired` treats it as expired."""
    signed_at = datetime.strptime(f"{query['X-Amz-Date']}+0000", f"{LINK_TIME}%z")
    expires = signed_at + timedelta(seconds=int(query["X-Amz-Expires"]))
    if expired or now >= expires:
        times = (
            ("X-Amz-Expires", query["X-Amz-Expires"]),
            ("Expires", _xml_time(expires)),
            ("ServerTime", _xml_time(now)),
        )
        raise LinkError(403, "AccessDenied", "Request has expired", times)


def s3_error(refusal: LinkError, request_id: str, host_id: str) -> bytes:
    """S3's error document."""
    elements = (
        ("Code", refusal.code),
        ("Message", refusal.message),
        *refusal.elements,
        ("RequestId", request_id),
        ("HostId", host_id),
    )
    body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{body}</Error>'.encode()


def _xml_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
