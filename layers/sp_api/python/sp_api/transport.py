"""One HTTP exchange within a deadline."""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from sp_api.deadline import SPENT, Deadline, DeadlineExceeded
from sp_api.errors import TransientError

# SP-API's answers are a few kilobytes; an endless one must not fill the memory.
_LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
# Nothing has been sent when one of these is raised.
_UNSENT = (NewConnectionError, ConnectTimeoutError, ClosedPoolError)

Result = TypeVar("Result")


@dataclass(frozen=True)
class HttpAnswer:
    """A complete answer. `headers` ignores the case of names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def make_http() -> urllib3.PoolManager:
    """A connection pool that never retries by itself. Keep one for the life of the process."""
    return urllib3.PoolManager(num_pools=16, maxsize=4, retries=False)


def exchange(
    http: urllib3.PoolManager,
    operation: str,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    deadline: Deadline,
    *,
    repeatable: bool,
) -> HttpAnswer:
    """Sends a request and reads the whole answer, whatever its status.

    After a connection failure the request is sent once more, if the deadline allows and it cannot take effect twice:
    `repeatable`, or nothing was sent. Raises TransientError (with `outcome_unknown` where the request may have
    been carried out), DeadlineExceeded.
    """
    if not repeatable:
        # A connection kept while a function was frozen may be dead, which is only noticed after sending the request.
        http.clear()

    def once() -> HttpAnswer:
        response = open_response(http, operation, method, url, headers, body, deadline)
        try:
            whole = b"".join(_read(response, operation, deadline))
        except TransientError as error:
            error.outcome_unknown = not repeatable
            raise
        finally:
            # A fully read answer has already returned its connection; otherwise the connection is closed.
            response.close()
        return HttpAnswer(response.status, response.headers, whole)

    try:
        return attempt(once, operation, deadline, repeatable=repeatable)
    except TransientError as error:
        if error.status is None:
            error.host = urlsplit(url).hostname or ""
        raise


def attempt(action: Callable[[], Result], operation: str, deadline: Deadline, *, repeatable: bool) -> Result:
    """Runs `action`, and once more after a connection failure when that is safe, as `exchange` describes."""
    attempts_left = 2
    while True:
        attempts_left -= 1
        try:
            return action()
        except HTTPError as error:
            outcome_unknown = not (repeatable or isinstance(error, _UNSENT))
            if outcome_unknown or not attempts_left or deadline.spent:
                raise failure(operation, error, deadline, outcome_unknown=outcome_unknown) from None


def open_response(
    http: urllib3.PoolManager,
    operation: str,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | Iterator[bytes] | None,
    deadline: Deadline,
) -> BaseHTTPResponse:
    """Sends a request once and returns the answer with its body unread and not decoded.

    A body in pieces needs a content-length in `headers`.

    Redirects are not followed, because they would send the access token to another host. Raises urllib3's errors and
    DeadlineExceeded.
    """
    return http.request(
        method,
        url,
        body=body,
        headers=headers,
        timeout=deadline.timeout(operation),
        retries=False,
        redirect=False,
        preload_content=False,
        decode_content=False,
    )


def read_some(response: BaseHTTPResponse, limit: int, operation: str, deadline: Deadline) -> bytes:
    """The result of one read of the connection: at most `limit` bytes, b"" at the end.

    Raises urllib3's errors and DeadlineExceeded.
    """
    wait, sock = deadline.longest_read(operation), _socket(response)
    if sock is not None:
        # With the timeout that was set for the request, the last read could exceed the deadline.
        sock.settimeout(wait)
    return response.read1(limit, decode_content=False)


def read_into(response: BaseHTTPResponse, window: memoryview, operation: str, deadline: Deadline) -> int:
    """Fills the window and returns the number of bytes, which is smaller only at the end.

    urllib3 fills a window with many reads of the connection, of which TLS needs one for 16 KiB, and none of
    them looks at the deadline: `end_reading_at` does. Raises as `read_some` does.
    """
    deadline.remaining(operation)
    filled = 0
    while filled < len(window):
        piece = response.read(len(window) - filled, decode_content=False)
        if not piece:
            # The connection of an answer without a length has also ended like this when its time ran out.
            deadline.remaining(operation)
            break
        end = filled + len(piece)
        window[filled:end] = piece
        filled = end
    return filled


def end_reading_at(deadline: Deadline, response: BaseHTTPResponse, operation: str) -> threading.Timer:
    """Ends the reads of the answer's body at the deadline, unless the timer is cancelled. Raises DeadlineExceeded."""
    # Not before the deadline by a rounding: what has ended earlier counts as complete.
    timer = threading.Timer(deadline.remaining(operation) + 0.001, _end_reading, (response,))
    timer.daemon = True
    timer.start()
    return timer


def _end_reading(response: BaseHTTPResponse) -> None:
    """A read that waits finds the end of the connection, and so does every later one."""
    # Where everything has been read, the response has no file any more. `connection.sock` is None if the answer says
    # "Connection: close", and after SSLSocket.shutdown, a read would return encrypted data.
    with (
        suppress(AttributeError, OSError, ValueError),
        socket.socket(fileno=os.dup(response.fileno())) as connection,
    ):
        connection.shutdown(socket.SHUT_RD)


def _socket(response: BaseHTTPResponse) -> socket.socket | None:
    connection = response.connection
    return None if connection is None else getattr(connection, "sock", None)


def failure(operation: str, error: HTTPError, deadline: Deadline, *, outcome_unknown: bool = False) -> TransientError:
    """The connection failure as this client's error: DeadlineExceeded when the time ran out, else TransientError.

    It names only the kind of failure, because urllib3's message may quote a presigned URL.
    """
    if deadline.spent:
        return DeadlineExceeded(operation, message=SPENT, outcome_unknown=outcome_unknown)
    words = next((words for kind, words in _KINDS if isinstance(error, kind)), type(error).__name__)
    return TransientError(operation, message=words, outcome_unknown=outcome_unknown)


# The first match applies.
_KINDS: Sequence[tuple[type[HTTPError], str]] = (
    (NameResolutionError, "the host's name could not be resolved"),
    (NewConnectionError, "no connection could be made"),
    (ConnectTimeoutError, "no connection could be made in time"),
    (ReadTimeoutError, "no answer came in time"),
    (SSLError, "no secure connection could be made"),
    (ProtocolError, "the connection broke before the response was complete"),
)


def _read(response: BaseHTTPResponse, operation: str, deadline: Deadline) -> Iterator[bytes]:
    size = 0
    while chunk := read_some(response, _CHUNK_BYTES, operation, deadline):
        size += len(chunk)
        if size > _LARGEST_ANSWER_BYTES:
            raise TransientError(operation, status=response.status, message="the answer is too large")
        yield chunk
