"""Streams documents from and to SP-API's presigned URLs unchanged: never whole in memory, never decompressed."""

import codecs
import re
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import BinaryIO, Self

import urllib3
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.response import BaseHTTPResponse

from sp_api import inflating
from sp_api.deadline import Deadline
from sp_api.errors import (
    AccessDeniedError,
    NotFoundError,
    PermanentError,
    SellingPartnerApiError,
    TransientError,
    presentable,
)
from sp_api.transport import attempt, end_reading_at, failure, open_response, read_into, read_some

_OPERATION = "document"
_UPLOAD_OPERATION = "document upload"
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 64 * 1024
_WINDOW_BYTES = 256 * 1024
_INFLATED_BYTES = 256 * 1024
_LARGEST_ERROR_BYTES = 16 * 1024
_LENGTH = re.compile(r"[0-9]{1,18}")
# Amazon S3 API reference, "Error responses": a retry may succeed, whatever the status.
_PASSING = frozenset({"InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown"})
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9][A-Za-z0-9_.:+-]{0,39})\"?\s*(?:;|$)", re.IGNORECASE)
# Documents that Amazon labels Shift_JIS contain characters that Windows added to it.
_CODECS = {"shift_jis": "cp932", "utf_8": "utf_8_sig"}


class DocumentUrlExpiredError(SellingPartnerApiError):
    """The document's URL has expired: the operation that returned it, such as getReportDocument, returns a new one."""


class DocumentTruncatedError(TransientError):
    """The document ended before its Content-Length or the end of its gzip data, or that data is damaged."""


class DocumentStream:
    """A document being read; a context manager, created by `open_document`.

    `content_type` is the header as sent, None when absent; `charset` its charset as sent ("Cp1252"), None when it has
    none. `content_length` is in bytes as sent, None when absent. `gzipped` is True when the first two bytes are those
    of gzip: the compression that SP-API names has been wrong (selling-partner-api-models issue 2648).
    """

    def __init__(self, response: BaseHTTPResponse, deadline: Deadline) -> None:
        self._response = response
        self._deadline = deadline
        self._ended = False
        self._timer: threading.Timer | None = None
        length = response.headers.get("content-length", "")
        self.content_type: str | None = response.headers.get("content-type")
        self.charset = charset_of(self.content_type)
        self.content_length = int(length) if _LENGTH.fullmatch(length) else None
        self._inflater: Inflater | None = None
        self._watcher: Callable[[bytes | memoryview], object] = len
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
        """`amount` bytes as sent, fewer only at the end; b"" after it. All remaining bytes when None.

        Raises DocumentTruncatedError when the document ends too early, TransientError, DeadlineExceeded.
        """
        pieces: list[bytes] = []
        missing = sys.maxsize if amount is None else amount
        while missing > 0 and (piece := self._some(min(missing, _CHUNK_BYTES))):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def read_into(self, buffer: memoryview) -> int:
        """Fills `buffer` with the next bytes as sent and returns their number, which is smaller only at the end.

        Raises as `read` does.
        """
        if self._timer is None:
            self._timer = end_reading_at(self._deadline, self._response, _OPERATION)
        filled = 0
        while filled < len(buffer) and (size := self._some_into(buffer[filled : filled + _WINDOW_BYTES])):
            filled += size
        return filled

    def watch(self, watcher: Callable[[bytes | memoryview], object]) -> None:
        """Calls `watcher` with the decompressed bytes as the document is read, in pieces of at most 256 KiB.

        Call it before anything is read. A piece may be passed some time before `read` returns it.
        """
        for piece in Inflater().feed(self._ahead) if self.gzipped else (self._ahead,):
            watcher(piece)
        self._watcher = watcher

    def text(self, limit: int) -> str:
        """The start of the document's text, decompressed, at most `limit` characters.

        It is decoded with the document's charset, otherwise UTF-8; undecodable bytes become U+FFFD. Raises as `read`
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
        """Closes the document; when it was not read to its end, its connection is closed too."""
        if self._timer is not None:
            self._timer.cancel()
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

    def _some_into(self, window: memoryview) -> int:
        """Fills the window and checks it."""
        filled = min(len(window), len(self._ahead))
        window[:filled], self._ahead = self._ahead[:filled], self._ahead[filled:]
        checked = filled
        with self._reading():
            if not self._ended:
                filled += read_into(self._response, window[filled:], _OPERATION, self._deadline)
                self._ended = filled < len(window)
        self._check_gzip(window[checked:filled])
        return filled

    def _next(self, limit: int) -> bytes:
        with self._reading():
            chunk = read_some(self._response, limit, _OPERATION, self._deadline)
        self._ended = not chunk
        return chunk

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except HTTPError as error:
            if isinstance(error, ProtocolError) and not self._deadline.spent:
                # Also fewer bytes than Content-Length announces, and chunks without an end.
                raise self._truncated("the connection broke or was closed") from None
            raise failure(_OPERATION, error, self._deadline) from None

    def _check_gzip(self, chunk: bytes | memoryview) -> None:
        if self._inflater is None:
            self._watcher(chunk)
            return
        try:
            for piece in self._inflater.feed(chunk):
                self._watcher(piece)
        except inflating.DAMAGED:
            raise self._truncated("its gzip data is damaged") from None
        if self._ended and not self._inflater.complete:
            raise self._truncated("its gzip data is incomplete")

    def _truncated(self, why: str) -> DocumentTruncatedError:
        announced = "" if self.content_length is None else f" of {self.content_length}"
        return DocumentTruncatedError(
            _OPERATION,
            status=self._response.status,
            message=f"the document ended after {self._response.tell()}{announced} bytes: {why}",
        )


class Inflater:
    """Decompresses gzip data of one or more members, piece by piece, in constant memory.

    Data after the last member that is not a member is ignored, as gzip does.
    """

    def __init__(self) -> None:
        self._member = inflating.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._between = b""
        self._over = False

    @property
    def complete(self) -> bool:
        """Whether the data so far ends with a complete member with a correct checksum."""
        complete: bool = self._member.eof
        return complete

    @property
    def trailing(self) -> bool:
        """Whether data that is no gzip member followed the last member."""
        return self._over or bool(self._between)

    def feed(self, given: bytes | memoryview) -> Iterator[bytes]:
        """The decompressed bytes in pieces of at most 256 KiB; read all before feeding more.

        Raises `inflating.DAMAGED`.
        """
        for start in range(0, len(given), _CHUNK_BYTES):
            # What is not consumed of a larger piece would be copied again and again.
            yield from self._feed(bytes(given[start : start + _CHUNK_BYTES]))

    def _feed(self, data: bytes) -> Iterator[bytes]:
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
                self._member = inflating.decompressobj(wbits=zlib.MAX_WBITS | 16)
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
        # Compression by the server would change the bytes and their number.
        return open_response(http, _OPERATION, "GET", url, {"accept-encoding": "identity"}, None, deadline)

    response = attempt(opened, _OPERATION, deadline, repeatable=True)
    try:
        if response.status == 200:
            return DocumentStream(response, deadline)
        refusal = _refusal(response, _OPERATION, deadline)
    except BaseException:
        response.close()
        raise
    response.close()
    raise refusal


def upload_document(
    http: urllib3.PoolManager,
    url: str,
    content_type: str,
    open_content: Callable[[], BinaryIO],
    length: int,
    deadline: Deadline,
) -> None:
    """Uploads `length` bytes to a presigned URL with exactly this Content-Type, which is part of the URL's signature.

    `open_content` opens the content at its start. After a connection failure it is called again, and the upload is
    repeated once. Raises ValueError for content of another length; DocumentUrlExpiredError, AccessDeniedError (also
    when the signature does not match), NotFoundError, PermanentError, TransientError, DeadlineExceeded.
    """

    def sent() -> BaseHTTPResponse:
        with open_content() as content:
            # A length makes S3 accept the stream; without one, the client would send chunks, which S3 refuses.
            headers = {"content-type": content_type, "content-length": str(length)}
            body = _outgoing(content, length, deadline)
            return open_response(http, _UPLOAD_OPERATION, "PUT", url, headers, body, deadline)

    response = attempt(sent, _UPLOAD_OPERATION, deadline, repeatable=True)
    try:
        if 200 <= response.status < 300:
            return
        refusal = _refusal(response, _UPLOAD_OPERATION, deadline)
    finally:
        response.close()
    raise refusal


def _outgoing(content: BinaryIO, length: int, deadline: Deadline) -> Iterator[bytes]:
    """The content in pieces, while there is time. Raises ValueError if it has another length, DeadlineExceeded."""
    missing = length
    while piece := content.read(_CHUNK_BYTES):
        missing -= len(piece)
        if missing < 0:
            break
        deadline.remaining(_UPLOAD_OPERATION)
        yield piece
    if missing:
        raise ValueError("the content of an upload has another length than announced")


def charset_of(content_type: str | None) -> str | None:
    """The charset in a Content-Type, as written there; None when it has none."""
    match = _CHARSET.search(content_type or "")
    return match.group(1) if match else None


def python_codec(charset: str | None) -> str:
    """The name of the text codec for a charset; UTF-8's for None and for unknown charsets."""
    try:
        name = codecs.lookup(charset or "utf-8").name.replace("-", "_")
        "".encode(name)
    except (LookupError, ValueError):
        name = "utf_8"
    return _CODECS.get(name, name)


def _refusal(response: BaseHTTPResponse, operation: str, deadline: Deadline) -> SellingPartnerApiError:
    """The error for an answer of the document store.

    The XML of Amazon S3's errors may quote the signature, so only its code and message are used.
    """
    body = b""
    try:
        while len(body) < _LARGEST_ERROR_BYTES and (chunk := read_some(response, _CHUNK_BYTES, operation, deadline)):
            body += chunk
    except HTTPError as error:
        return failure(operation, error, deadline)
    code, message = store_error(body)
    request_id = presentable(response.headers.get("x-amz-request-id", ""))
    status = response.status
    if says_expired(status, code, message):
        return DocumentUrlExpiredError(operation, status=status, code=code, message=message, request_id=request_id)
    if status >= 500 or status in (408, 429) or code in _PASSING:
        return TransientError(operation, status=status, code=code, message=message, request_id=request_id)
    kinds: dict[int, type[PermanentError]] = {403: AccessDeniedError, 404: NotFoundError}
    return kinds.get(status, PermanentError)(
        operation, status=status, code=code, message=message, request_id=request_id
    )


def store_error(body: bytes) -> tuple[str, str]:
    """Code and message in an error of Amazon S3; empty where it has none."""
    return _element(body, "Code"), _element(body, "Message")


def says_expired(status: int, code: str, message: str) -> bool:
    """Whether an error of Amazon S3 says that a presigned URL, or the credentials that signed it, have expired."""
    return code == "ExpiredToken" or (status == 403 and "expired" in message.lower())


def _element(body: bytes, name: str) -> str:
    match = re.search(rf"<{name}>([^<]{{0,300}})</{name}>", body.decode("utf-8", errors="replace"))
    return presentable(match.group(1)) if match else ""
