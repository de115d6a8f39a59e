"""Reads documents from the presigned URLs that SP-API gives, as they come: never whole in memory, never unpacked."""

import codecs
import re
import sys
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import urllib3
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.response import BaseHTTPResponse

from sp_api.deadline import Deadline
from sp_api.errors import (
    AccessDeniedError,
    NotFoundError,
    PermanentError,
    SellingPartnerApiError,
    TransientError,
    presentable,
)
from sp_api.transport import attempt, failure, open_response, read_some

_OPERATION = "document"
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 64 * 1024
_INFLATED_BYTES = 256 * 1024
_LARGEST_ERROR_BYTES = 16 * 1024
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9][A-Za-z0-9_.:+-]{0,39})\"?\s*(?:;|$)", re.IGNORECASE)
# What Amazon labels Shift_JIS holds the characters that Windows added to it.
_CODECS = {"shift_jis": "cp932", "utf_8": "utf_8_sig"}


class DocumentUrlExpiredError(SellingPartnerApiError):
    """The document's URL has expired: getReportDocument gives a new one."""


class DocumentTruncatedError(TransientError):
    """The document ended before its Content-Length or the end of its gzip data, or that data is damaged."""


class DocumentStream:
    """A document being read; a context manager, made by `open_document`.

    `content_type` is the header as sent, None when absent; `charset` its charset as sent ("Cp1252"), None when it names
    none. `content_length` is in bytes as sent, None when not announced. `gzipped` tells whether the bytes are gzip, by
    their first two: the label that SP-API gives has been wrong (selling-partner-api-models issue 2648).
    """

    def __init__(self, response: BaseHTTPResponse, deadline: Deadline) -> None:
        self._response = response
        self._deadline = deadline
        self._received = 0
        self._ended = False
        length = response.headers.get("content-length", "")
        self.content_type: str | None = response.headers.get("content-type")
        self.charset = charset_of(self.content_type)
        self.content_length = int(length) if length.isascii() and length.isdigit() else None
        self._inflater: Inflater | None = None
        self._ahead = b""
        while len(self._ahead) < len(_GZIP_MAGIC) and not self._ended:
            self._ahead += self._next(_CHUNK_BYTES)
        self.gzipped = self._ahead.startswith(_GZIP_MAGIC)
        if self.gzipped:
            self._inflater = Inflater()
            self._check_gzip(self._ahead)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """The bytes as sent, in pieces of at most 64 KiB. Raises as `read` does."""
        while chunk := self._some(_CHUNK_BYTES):
            yield chunk

    def read(self, amount: int | None = None) -> bytes:
        """`amount` bytes as sent, fewer only at the end; b"" after it. All that is left when None.

        Raises DocumentTruncatedError when the document ends too early, TransientError, DeadlineExceeded.
        """
        pieces: list[bytes] = []
        missing = sys.maxsize if amount is None else amount
        while missing > 0 and (piece := self._some(min(missing, _CHUNK_BYTES))):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def beginning(self) -> bytes:
        """The first bytes, decompressed, some up to 256 KiB of them; ask before reading. They are read again after."""
        return next(Inflater().feed(self._ahead), b"") if self.gzipped else self._ahead

    def text(self, limit: int) -> str:
        """The start of the document's text, decompressed, at most `limit` characters.

        In the charset that the document names, else UTF-8; what that does not know reads as U+FFFD. Raises as `read`
        does.
        """
        inflater = Inflater() if self.gzipped else None
        decoder = codecs.getincrementaldecoder(python_codec(self.charset))(errors="replace")
        result = ""
        for chunk in self:
            for piece in (chunk,) if inflater is None else inflater.feed(chunk):
                result += decoder.decode(piece)
                if len(result) >= limit:
                    return result[:limit]
        return (result + decoder.decode(b"", final=True))[:limit]

    def close(self) -> None:
        """Ends the reading; a document that was not read to its end takes its connection with it."""
        self._response.close()

    def _some(self, limit: int) -> bytes:
        if self._ahead:
            chunk, self._ahead = self._ahead[:limit], self._ahead[limit:]
            return chunk
        if self._ended:
            return b""
        chunk = self._next(limit)
        self._check_gzip(chunk)
        return chunk

    def _next(self, limit: int) -> bytes:
        try:
            chunk = read_some(self._response, limit, _OPERATION, self._deadline)
        except ProtocolError:
            # urllib3 raises it for fewer bytes than Content-Length announces too, and for chunks without an end.
            raise self._truncated("the connection broke or was closed") from None
        except HTTPError as error:
            raise failure(_OPERATION, error, self._deadline) from None
        self._received += len(chunk)
        self._ended = not chunk
        return chunk

    def _check_gzip(self, chunk: bytes) -> None:
        if self._inflater is None:
            return
        try:
            for _ in self._inflater.feed(chunk):
                pass
        except zlib.error:
            raise self._truncated("its gzip data is damaged") from None
        if self._ended and not self._inflater.complete:
            raise self._truncated("its gzip data has no end")

    def _truncated(self, why: str) -> DocumentTruncatedError:
        announced = "" if self.content_length is None else f" of {self.content_length}"
        return DocumentTruncatedError(
            _OPERATION,
            status=self._response.status,
            message=f"the document ended after {self._received}{announced} bytes: {why}",
        )


class Inflater:
    """Decompresses gzip data of one or more members, piece by piece, in constant memory.

    What follows the last member and is none itself is ignored, as gzip does.
    """

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._between = b""
        self._over = False

    @property
    def complete(self) -> bool:
        """Whether what was fed so far ends with a whole member, its checksum right."""
        return self._member.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decompressed bytes in pieces of at most 256 KiB; read all before feeding more. Raises zlib.error."""
        while data and not self._over:
            if self._member.eof:
                data = self._between + data
                self._between = b""
                if len(data) < len(_GZIP_MAGIC):
                    self._between = data
                    return
                if not data.startswith(_GZIP_MAGIC):
                    self._over = True
                    return
                self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            while True:
                piece = self._member.decompress(data, _INFLATED_BYTES)
                data = self._member.unconsumed_tail
                if piece:
                    yield piece
                if self._member.eof or (not data and len(piece) < _INFLATED_BYTES):
                    break
            data = self._member.unused_data


def open_document(http: urllib3.PoolManager, url: str, deadline: Deadline) -> DocumentStream:
    """Opens a document's URL; use the result in a `with` statement.

    Raises DocumentUrlExpiredError, NotFoundError, AccessDeniedError, PermanentError, TransientError, DeadlineExceeded,
    and DocumentTruncatedError for a document that ends within its first bytes.
    """

    def opened() -> BaseHTTPResponse:
        # A server that compressed on the way would change the bytes and their number.
        return open_response(http, _OPERATION, "GET", url, {"accept-encoding": "identity"}, None, deadline)

    response = attempt(opened, _OPERATION, deadline, repeatable=True)
    try:
        if response.status == 200:
            return DocumentStream(response, deadline)
        refusal = _refusal(response, deadline)
    except BaseException:
        response.close()
        raise
    response.close()
    raise refusal


def charset_of(content_type: str | None) -> str | None:
    """The charset that a Content-Type names, as it is written there; None when it names none."""
    match = _CHARSET.search(content_type or "")
    return match.group(1) if match else None


def python_codec(charset: str | None) -> str:
    """The name of the text codec for a charset; UTF-8's for None and for one that Python does not know."""
    try:
        name = codecs.lookup(charset or "utf-8").name.replace("-", "_")
        "".encode(name)
    except (LookupError, ValueError):
        name = "utf_8"
    return _CODECS.get(name, name)


def _refusal(response: BaseHTTPResponse, deadline: Deadline) -> SellingPartnerApiError:
    """The error that an answer of the document store means (Amazon S3 answers errors in XML).

    The XML may quote the signature, so only its code and message are taken.
    """
    body = b""
    try:
        while len(body) < _LARGEST_ERROR_BYTES and (chunk := read_some(response, _CHUNK_BYTES, _OPERATION, deadline)):
            body += chunk
    except HTTPError as error:
        return failure(_OPERATION, error, deadline)
    code, message = _element(body, "Code"), _element(body, "Message")
    request_id = presentable(response.headers.get("x-amz-request-id", ""))
    status = response.status
    if code == "ExpiredToken" or (status == 403 and "expired" in message.lower()):
        return DocumentUrlExpiredError(_OPERATION, status=status, code=code, message=message, request_id=request_id)
    if status >= 500 or status in (408, 429):
        return TransientError(_OPERATION, status=status, code=code, message=message, request_id=request_id)
    kinds: dict[int, type[PermanentError]] = {403: AccessDeniedError, 404: NotFoundError}
    return kinds.get(status, PermanentError)(
        _OPERATION, status=status, code=code, message=message, request_id=request_id
    )


def _element(body: bytes, name: str) -> str:
    match = re.search(rf"<{name}>([^<]{{0,300}})</{name}>", body.decode("utf-8", errors="replace"))
    return presentable(match.group(1)) if match else ""
