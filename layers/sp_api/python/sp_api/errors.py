"""Errors returned by SP-API, Login with Amazon (LWA) and the document store.

Step Functions retries by the name of an exception's class, so the names here are part of the interface:

    SellingPartnerApiError
        PermanentError                        the same call will fail again
            InvalidInputError                 400
            AccessDeniedError                 401, 403, or by its words: role missing, wrong region, authorization gone
            NotFoundError                     404
            ConflictError                     409, and refusals because of the state of the resource
            AuthorizationError                LWA issues no access token; `action` says how to fix it
            SolicitationAlreadySentError      403: a review was already requested, or cannot be for this order
            SolicitationWindowError           403: outside 5 to 30 days after delivery
        ThrottledError                        429; `retry_after` seconds
        TransientError                        5xx, connection failures, unreadable answers
            ClientSecretExpiredError          403: the client secret was replaced a short time ago
            DeadlineExceeded                  the caller's time ran out
            DocumentTruncatedError            a document ended early
        DocumentUrlExpiredError               the operation that returned the URL returns a new one

An exception's text consists of the operation, status, code, message, details and request id. It contains no token,
secret or presigned URL, so it is safe to log.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from sp_api.redaction import redacted

# The most text of an answer that is included in a message.
_LONGEST_TEXT = 1000
# SP-API also refuses with 400 what the application's roles do not cover (createRestrictedDataToken: "Application do not
# have access to some or all requested resource").
_NO_ACCESS = re.compile(
    r"do(es)? not have access|access to requested resource is denied|\b(is|are) not authori[sz]ed\b", re.IGNORECASE
)
# SP-API's codes of a 429 and of a 403, whatever the status they come with.
_QUOTA_EXCEEDED, _UNAUTHORIZED = "QuotaExceeded", "Unauthorized"
# "The LWA secret token you provided has expired": the client secret behind the access token was replaced.
_SECRET_EXPIRED = re.compile(r"secret.{0,40}\bexpired", re.IGNORECASE | re.DOTALL)


class SellingPartnerApiError(Exception):
    """A call that failed.

    `operation` is SP-API's operationId ("getReport"), an LWA grant or "document". `status` is None without an
    answer.
    `code`, `message`, `details` and `request_id` are SP-API's, empty when it returned none. `host` is the one that did
    not answer; empty when it answered, or was never asked.
    """

    host: str = ""

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
    """400: SP-API rejects the input as invalid."""


class AccessDeniedError(PermanentError):
    """401 or 403, or 400 with words to that effect: the role is missing, the region is wrong, or the selling partner's
    authorization is gone.
    """


class NotFoundError(PermanentError):
    """404: there is no such resource."""


class ConflictError(PermanentError):
    """409, or another refusal because of the state of a resource."""


class AuthorizationError(PermanentError):
    """LWA issues no access token.

    `error` is LWA's code (RFC 6749); `action` describes what the operator must do.
    """

    def __init__(
        self, operation: str, *, status: int, error: str, message: str, action: str, request_id: str = ""
    ) -> None:
        self.error = error
        self.action = action
        super().__init__(operation, status=status, code=error, message=message, details=action, request_id=request_id)


class SolicitationAlreadySentError(PermanentError):
    """403: the solicitation is not available for this order, usually because it was already sent.

    SP-API returns the same answer for an order for which no review may be requested, such as a refunded one.
    """


class SolicitationWindowError(PermanentError):
    """403: outside the window from 5 to 30 days after delivery in which a review can be requested."""


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
    """The service or the connection to it failed; the same call may succeed later.

    `outcome_unknown` is True when the request may have been carried out although there was no answer. Retrying such a
    createReport may create a second report.
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


class ClientSecretExpiredError(TransientError):
    """SP-API refuses the client secret behind the access token as expired, also after a renewal.

    That happens for some time after a rotation, until all of SP-API knows the new secret.
    """

    retry_after = 60.0


def error_for(
    operation: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    retry_after: float,
    outcome_unknown: bool = False,
) -> SellingPartnerApiError:
    """The error for an SP-API answer with a status outside 200 to 299.

    `headers` must be a case-insensitive mapping. `retry_after` is the wait in seconds for a 429, `outcome_unknown` the
    value for a 5xx. A body that is not an SP-API error list (HTML from a proxy, nothing) is described by its type and
    size and never quoted: a proxy may echo the request's headers.
    """
    code, message, details = read_error_list(body)
    if not code:
        code = headers.get("x-amzn-ErrorType", "").partition(":")[0].strip()
    if not message:
        message = f"no error list in the answer ({headers.get('content-type') or 'no content type'}, {len(body)} bytes)"
    make: Callable[..., SellingPartnerApiError]
    if status == 429 or code == _QUOTA_EXCEEDED:
        make = partial(ThrottledError, retry_after=retry_after)
    elif status >= 500 or status == 408:
        make = partial(TransientError, outcome_unknown=outcome_unknown)
    elif status in (401, 403) and is_secret_expired(f"{message} {details}"):
        make = ClientSecretExpiredError
    elif status == 400 and (code == _UNAUTHORIZED or _NO_ACCESS.search(f"{message} {details}")):
        make = AccessDeniedError
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


def is_secret_expired(words: str) -> bool:
    """Whether the words of a 401 or 403 say that the client secret behind the access token has expired."""
    return _SECRET_EXPIRED.search(words) is not None


def read_error_list(body: bytes) -> tuple[str, str, str]:
    """(code, message, details) of the first error in a body, each empty when absent.

    Accepts SP-API's {"errors": [{"code", "message", "details"}]}, a bare list or error, and API Gateway's {"message"}.
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


def presentable(text: str, secrets: Iterable[str] = ()) -> str:
    """Text of an answer for a message: on one line, printable, without secrets, at most 1000 characters.

    Secrets are those given and what has the shape of one, in any encoding (see `sp_api.redaction`).
    """
    # Long before the limit, because cleaning a text of megabytes takes seconds.
    text = redacted(text[: 64 * _LONGEST_TEXT], secrets)
    # Characters that change the direction of text, or have no glyph, would show another text than there is.
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except RecursionError:
        return ""


def _sentence(operation: str, status: int | None, code: str, message: str, details: str, request_id: str) -> str:
    what = " ".join(part for part in (f"HTTP {status}" if status else "", code) if part)
    parts = [part for part in (operation, what, message) if part]
    return ": ".join(parts) + (f" ({details})" if details else "") + (f" [request {request_id}]" if request_id else "")
