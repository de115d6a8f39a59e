"""The first rows of a stored report, through a link of the stack's API."""

import csv
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import requests

from operations.command import CommandError
from sp_api.documents import charset_of

ROWS = 25
COLUMNS = 60
_LONGEST_CELL = 300
# Enough for the rows of every report that a person would look at.
_BYTES = 128 * 1024
_SECONDS = 20.0
_LONGEST_TEXT = 8000


@dataclass(frozen=True)
class Preview:
    """`heading` and `rows` of a table; `text` instead if the document is not one. `cut` is whether there is more."""

    charset: str
    media_type: str
    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: str
    cut: bool


def download_beginning(link: str) -> tuple[bytes, str, str, bool]:
    """The first bytes behind a link with its Content-Type and Content-Encoding, and whether there is more.

    Raises CommandError, whose message never has the link: anybody could use it.
    """
    headers = {"Range": f"bytes=0-{_BYTES - 1}", "Accept-Encoding": "identity"}
    try:
        with requests.get(link, headers=headers, timeout=_SECONDS, stream=True) as answer:
            if answer.status_code == 416:  # an empty object has no first byte
                return b"", "", "", False
            answer.raise_for_status()
            content = answer.raw.read(_BYTES + 1, decode_content=False)
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            more = len(content) > _BYTES or (total.isdecimal() and int(total) > len(content))
            encoding = answer.headers.get("Content-Encoding", "")
            return content[:_BYTES], answer.headers.get("Content-Type", ""), encoding, more
    except requests.RequestException as error:
        raise CommandError(f"the stored report cannot be read ({type(error).__name__})") from None


def preview(content: bytes, content_type: str, encoding: str, *, more: bool) -> Preview:
    """The table at the beginning of a document. Raises CommandError if it cannot be decompressed."""
    if encoding == "gzip" or content[:2] == b"\x1f\x8b":
        content, more = _inflated(content, more=more)
    charset = charset_of(content_type) or "UTF-8"
    media_type = content_type.partition(";")[0].strip()
    text = _decoded(content, charset)
    lines = text.splitlines()
    complete = lines[:-1] if more and len(lines) > 1 else lines
    delimiter = _delimiter(media_type, complete[0] if complete else "")
    if delimiter is None:
        return Preview(charset, media_type, (), (), text[:_LONGEST_TEXT], more or len(text) > _LONGEST_TEXT)
    # Amazon's files with tabs have no quotes around cells, and cells contain quotes.
    source = io.StringIO("\n".join(complete[: ROWS + 200]))
    if delimiter == "\t":
        reader = csv.reader(source, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(source, delimiter=delimiter)
    try:
        rows = [[cell[:_LONGEST_CELL] for cell in row[:COLUMNS]] for row in islice(reader, ROWS + 1)]
    except csv.Error:
        return Preview(charset, media_type, (), (), text[:_LONGEST_TEXT], more or len(text) > _LONGEST_TEXT)
    heading, rest = (rows[0], rows[1:]) if rows else ([], [])
    return Preview(charset, media_type, heading, rest, "", more or len(complete) > ROWS + 1)


def _inflated(content: bytes, *, more: bool) -> tuple[bytes, bool]:
    """The beginning of a gzip file, decompressed, and whether there is more."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        inflated = inflater.decompress(content, 4 * _BYTES)
    except zlib.error:
        raise CommandError("the stored report is not valid gzip, although it is stored as gzip") from None
    return inflated, more or not inflater.eof


def _decoded(content: bytes, charset: str) -> str:
    """With a mark in place of what is not valid, such as half of a character at the end."""
    try:
        return content.decode(charset, errors="replace").removeprefix("\ufeff")
    except LookupError:
        return content.decode(errors="replace")


def _delimiter(media_type: str, first: str) -> str | None:
    """Of a table's cells; None if the document is no table."""
    if media_type in ("application/json", "application/xml", "text/xml", "application/pdf"):
        return None
    if "\t" in first or media_type == "text/tab-separated-values":
        return "\t"
    if media_type == "text/csv" or first.count(",") > 1:
        return ","
    return None
