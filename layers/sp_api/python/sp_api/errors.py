"""What SP-API, Login with Amazon (LWA) and the document store can answer instead of a result.

Step Functions retries by the name of an exception's class, so the names here are part of the interface:

    SellingPartnerApiError
        PermanentError                        the same call will fail again
            InvalidInputError                 400
            AccessDeniedError                 401, 403: role missing, wrong region, authorisation gone
            NotFoundError                     404
            ConflictError                     409, and what SP-API refuses for the state of the resource
            AuthorizationError                LWA gives no access token; `action` says what the operator does about it
            SolicitationAlreadySentError      403: a review was already requested, or cannot be for this order
            SolicitationWindowError           403: outside 5 to 30 days after delivery
        ThrottledError                        429; `retry_after` seconds
        TransientError                        5xx, connection failures, unreadable answers
            DeadlineExceeded                  the caller's time is spent
            DocumentTruncatedError            a document ended early
        DocumentUrlExpiredError               ask getReportDocument for a new URL

An exception's text is made of the operation, status, code, message, details and request id. It holds no token, secret
or presigned URL, so it is safe to log.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

# The longest text of an answer that goes into a message.
_LONGEST_TEXT = 1000
# A rate near zero must not become a wait without end.
_LONGEST_WAIT_SECONDS = 3600.0
# LWA's tokens and restricted data tokens, client secrets, and what authorises a presigned URL.
_SECRET = re.compile(
    r"At[a-z][A-Za-z.]*\|[^\s\"'&<>]+|amzn1\.oa2-cs\.[\w.-]+|(?<=X-Amz-)(?:Signature|Security-Token)=[^\s&\"'<>]+"
)
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class SellingPartnerApiError(Exception):
    """A call that gave no result.

    `operation` is SP-API's operationId ("getReport"), an LWA grant or "document". `status` is None when no answer came.
    `code`, `message`, `details` and `request_id` are SP-API's, empty where it gave none.
    """

    def __init__(
        self,
        operation: str,
        *,
        status: int | None = None,
        code: str = "",
        message: str = "",
        details: str = "",
        request_id: str = "",
    ) -> None:
        self.operation = operation
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.request_id = request_id
        super().__init__(_sentence(operation, status, code, message, details, request_id))


class PermanentError(SellingPartnerApiError):
    """The same call will fail again."""


class InvalidInputError(PermanentError):
    """400: SP-API does not accept the input."""


class AccessDeniedError(PermanentError):
    """401 or 403: the role is missing, the region is wrong, or the selling partner's authorisation is gone."""


class NotFoundError(PermanentError):
    """404: there is no such resource."""


class ConflictError(PermanentError):
    """409, or another refusal for the state that a resource is in."""


class AuthorizationError(PermanentError):
    """LWA gives no access token.

    `error` is LWA's code (RFC 6749); `action` says in words what the operator does about it.
    """

    def __init__(
        self, operation: str, *, status: int, error: str, message: str, action: str, request_id: str = ""
    ) -> None:
        self.error = error
        self.action = action
        super().__init__(operation, status=status, code=error, message=message, details=action, request_id=request_id)


class SolicitationAlreadySentError(PermanentError):
    """403: the solicitation is not available for this order, mostly because it was already sent.

    The same answer comes for an order that may not be solicited at all, such as a refunded one.
    """


class SolicitationWindowError(PermanentError):
    """403: a review can be requested from 5 to 30 days after delivery, and now is outside."""


class ThrottledError(SellingPartnerApiError):
    """429: too many calls. `retry_after` is the wait in seconds after which one more call is allowed."""

    def __init__(
        self,
        operation: str,
        *,
        retry_after: float,
        status: int = 429,
        code: str = "",
        message: str = "",
        details: str = "",
        request_id: str = "",
    ) -> None:
        self.retry_after = retry_after
        super().__init__(operation, status=status, code=code, message=message, details=details, request_id=request_id)


class TransientError(SellingPartnerApiError):
    """The service, or the way to it, failed; the same call may succeed later.

    `outcome_unknown` is True when the request may have been carried out though no answer came. Repeating such a
    createReport may make a second report.
    """

    def __init__(
        self,
        operation: str,
        *,
        status: int | None = None,
        code: str = "",
        message: str = "",
        details: str = "",
        request_id: str = "",
        outcome_unknown: bool = False,
    ) -> None:
        self.outcome_unknown = outcome_unknown
        super().__init__(operation, status=status, code=code, message=message, details=details, request_id=request_id)


def error_for(
    operation: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    retry_after: float,
    outcome_unknown: bool = False,
) -> SellingPartnerApiError:
    """The error that an SP-API answer with a status outside 200 to 299 means.

    `headers` is looked up by SP-API's spelling of the names, so give a case-insensitive mapping. `retry_after` is the
    wait in seconds that a 429 gets; `outcome_unknown` is what a 5xx gets. A body that is not an SP-API error list (HTML
    from a proxy, nothing) is described by its type and size and never quoted: a proxy may echo the request's headers.
    """
    code, message, details = read_error_list(body)
    if not code:
        code = headers.get("x-amzn-ErrorType", "").partition(":")[0].strip()
    if not message:
        message = f"no error list in the answer ({headers.get('content-type') or 'no content type'}, {len(body)} bytes)"
    make: Callable[..., SellingPartnerApiError]
    if status == 429:
        make = partial(ThrottledError, retry_after=retry_after)
    elif status >= 500 or status == 408:
        make = partial(TransientError, outcome_unknown=outcome_unknown)
    else:
        make = _BY_STATUS.get(status, PermanentError)
    return make(
        operation,
        status=status,
        code=presentable(code),
        message=presentable(message),
        details=presentable(details),
        request_id=presentable(headers.get("x-amzn-RequestId", "")),
    )


_BY_STATUS: Mapping[int, type[PermanentError]] = {
    400: InvalidInputError,
    401: AccessDeniedError,
    403: AccessDeniedError,
    404: NotFoundError,
    409: ConflictError,
}


def read_error_list(body: bytes) -> tuple[str, str, str]:
    """(code, message, details) of the first error in a body, each empty when it is not there.

    Takes SP-API's {"errors": [{"code", "message", "details"}]}, a bare list or error, and API Gateway's {"message"}.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "", "", ""
    if isinstance(document, dict) and isinstance(document.get("errors"), list):
        document = document["errors"]
    if isinstance(document, list):
        document = next((entry for entry in document if isinstance(entry, dict)), {})
    if not isinstance(document, dict):
        return "", "", ""
    lower = {str(name).lower(): value for name, value in document.items()}
    code, message, details = (_plain(lower.get(name)) for name in ("code", "message", "details"))
    return code, message, details


def wait_for(rate_limit: float | None, documented_rate: float) -> float:
    """Seconds until a bucket that is refilled at `rate_limit` requests per second has room for one more.

    Without a known limit the operation's documented default rate counts (SP-API docs, "Usage plans and rate limits").
    """
    return min(1 / (rate_limit or documented_rate), _LONGEST_WAIT_SECONDS)


def read_rate_limit(header: str | None) -> float | None:
    """Requests per second from x-amzn-RateLimit-Limit ("2.0"); None when absent or not a positive number."""
    text = (header or "").partition(",")[0].strip()
    rate = float(text) if _NUMBER.fullmatch(text) else 0.0
    return rate if rate > 0 and math.isfinite(1 / rate) else None


def presentable(text: str, secrets: Iterable[str] = ()) -> str:
    """Text of an answer for a message: in one line, without tokens and the given secrets, at most 1000 characters."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = " ".join(_SECRET.sub("***", text).split())
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."


def _plain(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _sentence(operation: str, status: int | None, code: str, message: str, details: str, request_id: str) -> str:
    what = " ".join(part for part in (f"HTTP {status}" if status else "", code) if part)
    parts = [part for part in (operation, what, message) if part]
    return ": ".join(parts) + (f" ({details})" if details else "") + (f" [request {request_id}]" if request_id else "")
