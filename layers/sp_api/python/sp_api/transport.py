"""One HTTP exchange within a deadline."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

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

# SP-API's answers are some kilobytes; one without end must not fill the memory.
_LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
# Nothing has been sent when one of these is raised.
_UNSENT = (NewConnectionError, ConnectTimeoutError, ClosedPoolError)

Result = TypeVar("Result")


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer. `headers` ignores the case of names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def make_http() -> urllib3.PoolManager:
    """Connections for this client: it never repeats a request by itself. Keep one for the life of the process."""
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

    After a connection failure the request is sent once more, if the deadline allows and doing so cannot do anything
    twice: `repeatable`, or nothing was sent. Raises TransientError (with `outcome_unknown` where the request may have
    been carried out), DeadlineExceeded.
    """
    if not repeatable:
        # A connection kept while a function was frozen may be dead, which shows only after the request was sent.
        http.clear()

    def once() -> HttpAnswer:
        response = open_response(http, operation, method, url, headers, body, deadline)
        try:
            whole = b"".join(_read(response, operation, deadline))
        except DeadlineExceeded as spent:
            spent.outcome_unknown = not repeatable
            raise
        finally:
            # An answer read to its end has given its connection back already; any other takes its connection with it.
            response.close()
        return HttpAnswer(response.status, response.headers, whole)

    return attempt(once, operation, deadline, repeatable=repeatable)


def attempt(action: Callable[[], Result], operation: str, deadline: Deadline, *, repeatable: bool) -> Result:
    """Does `action`, and once more after a connection failure where that is safe, as `exchange` says."""
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
    body: bytes | None,
    deadline: Deadline,
) -> BaseHTTPResponse:
    """Sends a request once and returns the answer with its body unread, never to be decoded.

    Redirects are not followed: they would carry the access token to another host. Raises urllib3's errors and
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
    """What one read of the connection gives, at most `limit` bytes, b"" at the end.

    Raises urllib3's errors and DeadlineExceeded.
    """
    wait = deadline.timeout(operation).read_timeout
    connection = response.connection
    sock = None if connection is None else getattr(connection, "sock", None)
    if sock is not None:
        # The timeout set when the request was sent would let the last read run past the deadline.
        sock.settimeout(wait)
    return response.read1(limit, decode_content=False) or b""


def failure(operation: str, error: HTTPError, deadline: Deadline, *, outcome_unknown: bool = False) -> TransientError:
    """The connection failure as this client's own error: DeadlineExceeded when the time is spent, else TransientError.

    Only the kind of failure is told: urllib3's words may quote a presigned URL.
    """
    if deadline.spent:
        return DeadlineExceeded(operation, message=SPENT, outcome_unknown=outcome_unknown)
    words = next((words for kind, words in _KINDS if isinstance(error, kind)), type(error).__name__)
    return TransientError(operation, message=words, outcome_unknown=outcome_unknown)


# The first that fits counts.
_KINDS: Sequence[tuple[type[HTTPError], str]] = (
    (NameResolutionError, "the host's name could not be resolved"),
    (NewConnectionError, "no connection could be made"),
    (ConnectTimeoutError, "no connection could be made in time"),
    (ReadTimeoutError, "no answer came in time"),
    (SSLError, "no secure connection could be made"),
    (ProtocolError, "the connection broke before the answer was whole"),
)


def _read(response: BaseHTTPResponse, operation: str, deadline: Deadline) -> Iterator[bytes]:
    size = 0
    while chunk := read_some(response, _CHUNK_BYTES, operation, deadline):
        size += len(chunk)
        if size > _LARGEST_ANSWER_BYTES:
            raise TransientError(operation, status=response.status, message="the answer is larger than SP-API's are")
        yield chunk
