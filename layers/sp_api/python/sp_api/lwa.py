"""Access tokens from Login with Amazon.

See "Connect to the SP-API", "Grantless operations" and "Website authorization workflow" in SP-API's docs.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar
from urllib.parse import urlencode

import urllib3

from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.errors import (
    AuthorizationError,
    SellingPartnerApiError,
    ThrottledError,
    TransientError,
    presentable,
)
from sp_api.transport import HttpAnswer, exchange

Value_co = TypeVar("Value_co", covariant=True)

# A token is not used in its last minute, so that it does not expire on its way or while SP-API works.
_MARGIN_SECONDS = 60.0
# LWA publishes no rate; its 429 mostly carries no Retry-After.
_THROTTLED_WAIT_SECONDS = 1.0
# A stored value may have changed since it was read; after these refusals it is read again.
_STALE_VALUE_ERRORS = frozenset({"invalid_grant", "invalid_client", "unauthorized_client"})
_TRANSIENT_ERRORS = frozenset({"server_error", "temporarily_unavailable"})
_ACTIONS: Mapping[str, str] = {
    "invalid_client": (
        "the client id or secret is wrong, or the secret has expired (it lives 180 days): rotate the client secret in "
        "the Solution Provider Portal and store the new one"
    ),
    "unauthorized_client": (
        "the application may not use this grant, or the token was issued to another application: check that the stored "
        "client id is the one that the selling partner authorised"
    ),
    "invalid_scope": "the application may not use this scope: check the roles of the application",
    "access_denied": "access was refused: the selling partner must authorise the application again",
    "invalid_request": "LWA does not accept the request: check the LWA endpoint and the stored credentials",
    "unsupported_grant_type": "LWA does not accept the request: check the LWA endpoint",
}
_INVALID_GRANT_ACTIONS: Mapping[str, str] = {
    "refresh_token": (
        "the selling partner's authorisation was revoked or has expired: the selling partner must authorise the "
        "application again, and the new refresh token be stored"
    ),
    "authorization_code": (
        "the authorisation code is wrong, was used before or is older than five minutes: start the authorisation again"
    ),
}


class StoredValue(Protocol[Value_co]):
    """Reads a stored value. `fresh=True` reads it from where it is stored, past any cache."""

    def __call__(self, *, fresh: bool) -> Value_co: ...


class Scope(StrEnum):
    """What an access token of a grantless operation is for (SP-API docs, "Grantless operations")."""

    NOTIFICATIONS = "sellingpartnerapi::notifications"
    CLIENT_CREDENTIAL_ROTATION = "sellingpartnerapi::client_credential:rotation"


@dataclass(frozen=True)
class ApplicationCredentials:
    """The LWA credentials of an SP-API application."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class AuthorizationGrant:
    """What a selling partner's authorisation code was exchanged for. The access token lives `expires_in` seconds."""

    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    expires_in: float


@dataclass(frozen=True)
class _AccessToken:
    value: str = field(repr=False)
    usable_until: float


@dataclass(frozen=True)
class LwaClient:
    """Fetches access tokens and keeps them until shortly before they expire.

    However many threads ask for the same token, one fetches it and the others wait for that. `clock` is the wall clock
    in seconds: a monotonic clock may stand still while a function is frozen, and a token grows older.
    """

    http: urllib3.PoolManager
    endpoint: str
    application: StoredValue[ApplicationCredentials]
    clock: Callable[[], float] = time.time
    _tokens: dict[tuple[str, str], _AccessToken] = field(default_factory=dict, init=False, repr=False)
    _locks: dict[tuple[str, str], threading.Lock] = field(default_factory=dict, init=False, repr=False)

    def seller_access_token(
        self, cache_key: str, refresh_token: StoredValue[str], deadline: Deadline, *, renew: bool = False
    ) -> str:
        """An access token for the selling partner whose refresh token is given.

        `cache_key` names the authorisation (such as seller and region). `renew` fetches a new token though the kept one
        has not expired. Raises AuthorizationError, ThrottledError, TransientError, DeadlineExceeded, and what reading
        the stored values raises.
        """

        def parameters(*, fresh: bool) -> Mapping[str, str]:
            return {"refresh_token": refresh_token(fresh=fresh)}

        return self._access_token(("refresh_token", cache_key), parameters, deadline, renew=renew)

    def grantless_access_token(self, scope: Scope, deadline: Deadline, *, renew: bool = False) -> str:
        """An access token for the application itself. Raises as `seller_access_token` does."""

        def parameters(*, fresh: bool) -> Mapping[str, str]:  # noqa: ARG001 - a scope is never stale
            return {"scope": scope}

        return self._access_token(("client_credentials", scope), parameters, deadline, renew=renew)

    def authorization_code(self, code: str, redirect_uri: str, deadline: Deadline) -> AuthorizationGrant:
        """Exchanges an authorisation code (`spapi_oauth_code`, good for five minutes and one use) for a refresh token.

        Raises as `seller_access_token` does. After a TransientError with `outcome_unknown` the code may be used up.
        """

        def parameters(*, fresh: bool) -> Mapping[str, str]:  # noqa: ARG001 - a code is never stored
            return {"code": code, "redirect_uri": redirect_uri}

        answer = self._ask("authorization_code", parameters, deadline)
        refresh_token = answer.get("refresh_token")
        if not isinstance(refresh_token, str) or not refresh_token:
            raise TransientError(
                _operation("authorization_code"),
                status=200,
                message="the answer holds no refresh token",
                outcome_unknown=True,
            )
        return AuthorizationGrant(refresh_token, _text(answer, "access_token"), _expires_in(answer))

    def _access_token(
        self, key: tuple[str, str], parameters: StoredValue[Mapping[str, str]], deadline: Deadline, *, renew: bool
    ) -> str:
        known = self._tokens.get(key)
        if known is not None and not renew and self.clock() < known.usable_until:
            return known.value
        lock = self._locks.setdefault(key, threading.Lock())
        if not lock.acquire(timeout=deadline.remaining(_operation(key[0]))):
            raise DeadlineExceeded(_operation(key[0]), message="the time given was spent waiting for an access token")
        try:
            fetched_meanwhile = self._tokens.get(key)
            if (
                fetched_meanwhile is not None
                and fetched_meanwhile is not known
                and self.clock() < fetched_meanwhile.usable_until
            ):
                return fetched_meanwhile.value
            asked_at = self.clock()
            answer = self._ask(key[0], parameters, deadline)
            token = _AccessToken(_text(answer, "access_token"), asked_at + _expires_in(answer) - _MARGIN_SECONDS)
            self._tokens[key] = token
            return token.value
        finally:
            lock.release()

    def _ask(self, grant: str, parameters: StoredValue[Mapping[str, str]], deadline: Deadline) -> Mapping[str, object]:
        """LWA's answer; a refusal that a changed stored value explains is asked once more if one has changed."""
        used = self._form(grant, parameters, fresh=False)
        try:
            return self._post(grant, used, deadline)
        except AuthorizationError as error:
            if error.error not in _STALE_VALUE_ERRORS:
                raise
            stored = self._form(grant, parameters, fresh=True)
            if stored == used:
                raise
        return self._post(grant, stored, deadline)

    def _form(self, grant: str, parameters: StoredValue[Mapping[str, str]], *, fresh: bool) -> Mapping[str, str]:
        application = self.application(fresh=fresh)
        return {
            "grant_type": grant,
            **parameters(fresh=fresh),
            "client_id": application.client_id,
            "client_secret": application.client_secret,
        }

    def _post(self, grant: str, form: Mapping[str, str], deadline: Deadline) -> Mapping[str, object]:
        headers = {
            "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
            "accept": "application/json",
        }
        answer = exchange(
            self.http,
            _operation(grant),
            "POST",
            self.endpoint,
            headers,
            urlencode(form).encode("ascii"),
            deadline,
            # A code is good for one use; the other grants give another token each time.
            repeatable=grant != "authorization_code",
        )
        document = _json_object(answer.body)
        if answer.status == 200 and _text(document, "access_token"):
            return document
        secrets = [form[name] for name in ("client_secret", "refresh_token", "code") if name in form]
        raise _refusal(grant, answer, document, secrets)


def _refusal(
    grant: str, answer: HttpAnswer, document: Mapping[str, object], secrets: list[str]
) -> SellingPartnerApiError:
    operation = _operation(grant)
    error = presentable(_text(document, "error"), secrets)
    message = presentable(_text(document, "error_description"), secrets)
    request_id = presentable(answer.headers.get("x-amzn-RequestId", ""))
    if not message:
        content_type = answer.headers.get("content-type") or "no content type"
        message = f"no token and no error description in the answer ({content_type}, {len(answer.body)} bytes)"
    if answer.status == 429:
        wait = _retry_after(answer.headers.get("Retry-After"))
        return ThrottledError(operation, retry_after=wait, code=error, message=message, request_id=request_id)
    if not 400 <= answer.status < 500 or error in _TRANSIENT_ERRORS or not error:
        # A 4xx without LWA's own error comes from something on the way.
        return TransientError(operation, status=answer.status, code=error, message=message, request_id=request_id)
    action = _INVALID_GRANT_ACTIONS.get(grant, "") if error == "invalid_grant" else _ACTIONS.get(error, "")
    return AuthorizationError(
        operation, status=answer.status, error=error, message=message, action=action, request_id=request_id
    )


def _operation(grant: str) -> str:
    return f"LWA {grant}"


def _json_object(body: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _expires_in(document: Mapping[str, object]) -> float:
    """Seconds; 0, which makes a token good for one call, when LWA does not say."""
    value = document.get("expires_in")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return float(value) if isinstance(value, int | float) and 0 < value < 10**9 else 0.0


def _retry_after(header: str | None) -> float:
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 5 else _THROTTLED_WAIT_SECONDS
