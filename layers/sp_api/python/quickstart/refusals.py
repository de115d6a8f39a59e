"""Refused requests: each exception carries the status, code and field of its answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sp_api.errors import (
    AuthorizationError,
    ClientSecretExpiredError,
    InvalidInputError,
    SellingPartnerApiError,
    ThrottledError,
    TransientError,
)

# A page of this project. No address: a fork has its own, and an older stack its own version of the page.
_ERROR_PAGE = "docs/errors.md"
# SP-API's and LWA's codes are theirs, and new ones may come at any time.
_CODES_OF_AMAZON = "codes-of-amazon"


@dataclass(frozen=True)
class FieldError:
    """One error in a request; `field` is None when it concerns the request as a whole."""

    field: str | None
    code: str
    message: str
    section: str = ""

    @property
    def documentation(self) -> str:
        """The section of docs/errors.md about it: that of its code, unless `section` names another."""
        return f"{_ERROR_PAGE}#{self.section or self.code.lower()}"


class Refusal(Exception):  # noqa: N818 - the subclasses end in Error
    """A request that the stack refuses.

    Subclasses set `status` (HTTP), `code` and `field`; `retry_after` is in seconds, None when no Retry-After is sent.
    Step Functions retries by the names of the subclasses, so these are part of the interface.
    """

    status: int
    code: str
    field: str | None = None
    retry_after: float | None = None

    @property
    def details(self) -> Mapping[str, object]:
        """Further fields of the answer, beside `message`, `errors` and `requestId`."""
        return {}

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """The errors that the answer lists."""
        return (FieldError(self.field, self.code, str(self)),)


class InvalidRequestError(Refusal):
    """The request breaks one or more rules, all listed in `errors`."""

    status = 400
    code = "InvalidRequest"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self._errors = tuple(errors)
        super().__init__("; ".join(error.message for error in self._errors))

    @property
    def errors(self) -> tuple[FieldError, ...]:
        return self._errors


class SellingPartnerApiRefusal(Refusal):
    """SP-API or Login with Amazon (LWA) refused the call, or did not answer."""

    def __init__(self, error: SellingPartnerApiError) -> None:
        self.status = _status(error)
        self.code = error.code or type(error).__name__
        if isinstance(error, ThrottledError | ClientSecretExpiredError):
            self.retry_after = error.retry_after
        self._section = _CODES_OF_AMAZON if error.code else ""
        super().__init__(f"{error}{_what_to_check(error) if error.host and self.status == 504 else ''}")

    @property
    def errors(self) -> tuple[FieldError, ...]:
        return (FieldError(self.field, self.code, str(self), self._section),)


class RefreshTokenRefusedError(Refusal):
    """LWA does not accept the stored token: the authorization is gone, or the token is another application's."""

    status = 409
    code = "RefreshTokenRefused"
    field = "SellerId"

    def __init__(self) -> None:
        super().__init__(
            "LWA rejected this seller's refresh token (invalid_grant): either the stored token is not one of this "
            "application, or the seller's authorization was revoked or has expired. Check that the token was issued to "
            "this application's client id, or have the seller authorize the application again. Then store the token "
            "with POST /tokens"
        )


class RefreshTokenNotAcceptedError(Refusal):
    """LWA does not accept the refresh token of a request. Nothing is stored, and an earlier token stays."""

    status = 400
    code = "RefreshTokenNotAccepted"
    field = "RefreshToken"

    def __init__(self, error: str) -> None:
        super().__init__(
            f"LWA does not accept this RefreshToken ({error}): it is not a token of this application, or the "
            "authorization was revoked or has expired. Nothing was stored"
        )


def refusal_of(error: SellingPartnerApiError) -> Refusal:
    """The refusal that the host product receives for this error."""
    if isinstance(error, AuthorizationError) and error.error == "invalid_grant":
        return RefreshTokenRefusedError()
    return SellingPartnerApiRefusal(error)


def _what_to_check(error: SellingPartnerApiError) -> str:
    return (
        f". No answer came from {error.host}. Check the health of SP-API in the Solution Provider Portal, and the "
        "stack's "
        "parameters with endpoints if you have set them"
    )


def _status(error: SellingPartnerApiError) -> int:
    match error:
        case ThrottledError():
            return 429
        case InvalidInputError():
            return 400
        case ClientSecretExpiredError():
            return 503
        case TransientError(status=None):
            return 504
    return 502
