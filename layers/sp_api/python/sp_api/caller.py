"""Calls operations of SP-API as one identity, in one region, within one deadline."""

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode

import urllib3

from sp_api.deadline import Deadline
from sp_api.errors import SellingPartnerApiError, TransientError, error_for, is_secret_expired, presentable
from sp_api.least_recently_used import LeastRecentlyUsed
from sp_api.lwa import GrantObserver, LwaClient, Scope, StoredValue
from sp_api.rate_limits import read_rate_limit, wait_for
from sp_api.regions import Environment, Region
from sp_api.transport import HttpAnswer, exchange
from sp_api.wire import JsonObject, MalformedError

# SP-API rejects a longer one (Selling Partner API Developer Guide, "Include a User-Agent header in all requests").
_LONGEST_USER_AGENT = 500

Result = TypeVar("Result")
Query = Mapping[str, str | Sequence[str] | None]


@dataclass(frozen=True)
class Operation:
    """An operation of SP-API: its operationId, method, path and documented default rate in requests per second.

    `accept` is the media type that its model produces.
    """

    name: str
    method: str
    path: str
    rate: float
    accept: str = "application/json"

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the same effect as sending it once."""
        return self.method == "GET"


class RequestSigner(Protocol):
    """Returns the headers that sign a request (see `sp_api.signing`)."""

    def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        aws_region: str,
        deadline: Deadline,
    ) -> Mapping[str, str]: ...


class AccessTokens(Protocol):
    """Returns the access token of one identity."""

    def __call__(self, deadline: Deadline, *, renew: bool) -> str: ...


def user_agent(application: str, version: str) -> str:
    """The User-Agent that SP-API requires: application, version, language and platform.

    Raises ValueError when a part contains a character that would need escaping, or the whole is over 500 characters.
    """
    language = f"Python/{platform.python_version()}"
    value = f"{application}/{version} (Language={language}; Platform={platform.system()}/{platform.machine()})"
    if any(character in part for part in (application, version) for character in '\\/();="\r\n') or not value.isascii():
        raise ValueError("the application's name and version must be ASCII without \\ / ( ) ; = and quotes")
    return checked_user_agent(value)


def checked_user_agent(value: str) -> str:
    """The value itself. Raises ValueError for a User-Agent that SP-API rejects."""
    if not value.isascii() or not value.isprintable() or not 0 < len(value) <= _LONGEST_USER_AGENT:
        raise ValueError(f"a User-Agent must be 1 to {_LONGEST_USER_AGENT} printable ASCII characters")
    return value


@dataclass(frozen=True)
class SellingPartnerApi:
    """SP-API in one environment, for one application. It caches tokens: keep one for the life of the process."""

    environment: Environment
    lwa: LwaClient
    http: urllib3.PoolManager
    user_agent: str
    signer: RequestSigner | None = None
    # The last x-amzn-RateLimit-Limit for an identity, region and operation; a 429 itself does not have the header.
    _rate_limits: LeastRecentlyUsed[tuple[str, Region, str], float] = field(
        default_factory=LeastRecentlyUsed, init=False, repr=False
    )

    def __post_init__(self) -> None:
        checked_user_agent(self.user_agent)

    def for_seller(
        self,
        seller_id: str,
        region: Region,
        refresh_token: StoredValue[str],
        deadline: Deadline,
        observer: GrantObserver | None = None,
    ) -> "Caller":
        """Calls as a selling partner. `observer` learns what LWA makes of the refresh token."""

        def access_token(deadline: Deadline, *, renew: bool) -> str:
            return self.lwa.seller_access_token(
                f"{seller_id} {region}", refresh_token, deadline, renew=renew, observer=observer
            )

        return Caller(self, seller_id, region, deadline, access_token)

    def grantless(self, scope: Scope, region: Region, deadline: Deadline) -> "Caller":
        """Calls as the application (SP-API docs, "Grantless operations")."""

        def access_token(deadline: Deadline, *, renew: bool) -> str:
            return self.lwa.grantless_access_token(scope, deadline, renew=renew)

        return Caller(self, scope, region, deadline, access_token)


@dataclass(frozen=True)
class Caller:
    """One identity (`identity` is a seller id or a scope) in one region, with one deadline for all of its calls."""

    api: SellingPartnerApi
    identity: str
    region: Region
    deadline: Deadline
    access_token: AccessTokens = field(repr=False)

    def call(
        self,
        operation: Operation,
        read: Callable[[JsonObject], Result],
        *,
        path: Mapping[str, str] | None = None,
        query: Query | None = None,
        body: JsonObject | None = None,
        restricted_data_token: str | None = None,
    ) -> Result:
        """Calls the operation and reads its answer.

        `path` fills the fields of the operation's path, `query` its parameters (a list is joined with commas, None is
        omitted). A restricted data token replaces the access token. When SP-API answers that the access token, or the
        client secret behind it, has expired or is invalid, a new one is fetched and the call repeated once. Raises the
        errors of `sp_api.errors`; an answer that `read` finds malformed is a TransientError.
        """
        if restricted_data_token is not None:
            answer = self._send(operation, restricted_data_token, path or {}, query or {}, body)
        else:
            token = self.access_token(self.deadline, renew=False)
            answer = self._send(operation, token, path or {}, query or {}, body)
            if _refuses_token(answer):
                token = self.access_token(self.deadline, renew=True)
                answer = self._send(operation, token, path or {}, query or {}, body)
        if not 200 <= answer.status < 300:
            raise self._error(operation, answer)
        return _read(operation, answer, read)

    def _send(
        self, operation: Operation, access_token: str, path: Mapping[str, str], query: Query, body: JsonObject | None
    ) -> HttpAnswer:
        url = self.api.environment.base_url(self.region) + filled(operation.path, path, query)
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {
            "accept": operation.accept,
            "user-agent": self.api.user_agent,
            "x-amz-access-token": access_token,
        }
        if content is not None:
            headers["content-type"] = "application/json"
        if self.api.signer is not None:
            signature = self.api.signer(operation.method, url, headers, content, self.region.aws_region, self.deadline)
            headers.update(signature)
        answer = exchange(
            self.api.http,
            operation.name,
            operation.method,
            url,
            headers,
            content,
            self.deadline,
            repeatable=operation.repeatable,
        )
        rate_limit = read_rate_limit(answer.headers.get("x-amzn-RateLimit-Limit"))
        if rate_limit is not None:
            self.api._rate_limits.put((self.identity, self.region, operation.name), rate_limit)
        return answer

    def _error(self, operation: Operation, answer: HttpAnswer) -> SellingPartnerApiError:
        rate_limit = self.api._rate_limits.get((self.identity, self.region, operation.name))
        return error_for(
            operation.name,
            answer.status,
            answer.headers,
            answer.body,
            retry_after=wait_for(rate_limit, operation.rate),
            outcome_unknown=not operation.repeatable,
        )


def filled(path: str, fields: Mapping[str, str], query: Query | None = None) -> str:
    """The path with its {fields} filled in, percent-encoded, and the query after it."""
    for name, value in fields.items():
        if not value or value in (".", ".."):
            raise ValueError(f"{name} must not be empty or dots")
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    parameters = {
        name: value if isinstance(value, str) else ",".join(value) for name, value in (query or {}).items() if value
    }
    return path + ("?" + urlencode(parameters, quote_via=quote) if parameters else "")


def _read(operation: Operation, answer: HttpAnswer, read: Callable[[JsonObject], Result]) -> Result:
    """An empty body is read as an empty object, because some operations return nothing."""
    try:
        document = json.loads(answer.body) if answer.body.strip() else {}
        if isinstance(document, dict):
            return read(document)
        reason = "it is not a JSON object"
    except MalformedError as error:
        reason = str(error)
    except (ValueError, RecursionError):
        content_type = answer.headers.get("content-type") or "no content type"
        reason = f"it is not JSON ({content_type}, {len(answer.body)} bytes)"
    raise TransientError(
        operation.name,
        status=answer.status,
        message=f"the answer cannot be read: {reason}",
        request_id=presentable(answer.headers.get("x-amzn-RequestId", "")),
        outcome_unknown=not operation.repeatable,
    )


def _refuses_token(answer: HttpAnswer) -> bool:
    """Whether the access token itself is refused, as opposed to its permissions.

    The messages are "The access token you provided has expired." and "The access token you provided is revoked,
    malformed or invalid." (selling-partner-api-docs issue 2147), and "The LWA secret token you provided has expired."
    after a rotation of the client secret.
    """
    if answer.status not in (401, 403):
        return False
    words = answer.body.decode("utf-8", errors="replace").lower()
    if is_secret_expired(words):
        return True
    return "access token" in words and any(word in words for word in ("expired", "revoked", "malformed", "invalid"))
