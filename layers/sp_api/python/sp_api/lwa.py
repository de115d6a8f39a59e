"""Access tokens from Login with Amazon.

See "Connect to the SP-API", "Grantless operations" and "Website authorization workflow" in SP-API's docs.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
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
from sp_api.least_recently_used import LeastRecentlyUsed
from sp_api.transport import HttpAnswer, exchange

Value_co = TypeVar("Value_co", covariant=True)

# A token is not used in its last minute, so that it does not expire during a call.
_MARGIN_SECONDS = 60.0
# A token goes into a header of HTTP, or is stored and sent in a form.
_TOKEN = re.compile(r"[!-~]{1,16384}")
# LWA publishes no rate limit, and its 429 usually has no Retry-After.
_THROTTLED_WAIT_SECONDS = 1.0
# A stored value may have changed since it was read; after these errors it is read again.
_STALE_VALUE_ERRORS = frozenset({"invalid_grant", "invalid_client", "unauthorized_client"})
_SECRET_REFUSED = "invalid_client"  # noqa: S105 - an error code
_TRANSIENT_ERRORS = frozenset({"server_error", "temporarily_unavailable"})
_ACTIONS: Mapping[str, str] = {
    "invalid_client": (
        "the client id or secret is wrong, or the secret has expired (after 180 days): rotate the client secret in "
        "the Solution Provider Portal and store the new one"
    ),
    "unauthorized_client": (
        "the application may not use this grant, or the token was issued to another application: check that the stored "
        "client id is the one that the selling partner authorized"
    ),
    "invalid_scope": "the application may not use this scope: check the roles of the application",
    "access_denied": "access was denied: the selling partner must authorize the application again",
    "invalid_request": "LWA does not accept the request: check the LWA endpoint and the stored credentials",
    "unsupported_grant_type": "LWA does not accept the request: check the LWA endpoint",
}
_INVALID_GRANT_ACTIONS: Mapping[str, str] = {
    "refresh_token": (
        "either the refresh token is not one of this application, or the selling partner's authorization was revoked "
        "or has expired: check which application the token was issued to; otherwise the selling partner must authorize "
        "the application again; then store the token"
    ),
    "authorization_code": (
        "the authorization code is wrong, was used before or is older than five minutes: start the authorization again"
    ),
}


class StoredValue(Protocol[Value_co]):
    """Reads a stored value. `fresh=True` bypasses any cache."""

    def __call__(self, *, fresh: bool) -> Value_co: ...


class GrantObserver(Protocol):
    """Learns what LWA made of a refresh token."""

    def granted(self, refresh_token: str, returned: str) -> None:
        """The token works; LWA returned `returned`, which is a new token where it differs."""

    def revoked(self, refresh_token: str) -> None:
        """LWA refused the token with invalid_grant. If it is still the stored one, the selling partner must authorize
        the application again.
        """


class Scope(StrEnum):
    """The scope of an access token for grantless operations (SP-API docs, "Grantless operations")."""

    NOTIFICATIONS = "sellingpartnerapi::notifications"
    CLIENT_CREDENTIAL_ROTATION = "sellingpartnerapi::client_credential:rotation"


@dataclass(frozen=True)
class ApplicationCredentials:
    """The LWA credentials of an SP-API application."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class AuthorizationGrant:
    """The result of exchanging an authorization code. The access token is valid for `expires_in` seconds."""

    refresh_token: str = field(repr=False)
    access_token: str = field(repr=False)
    expires_in: float


@dataclass(frozen=True)
class _AccessToken:
    value: str = field(repr=False)
    usable_until: float


@dataclass(frozen=True)
class LwaClient:
    """Fetches access tokens and caches them until shortly before they expire.

    When several threads need the same token, one fetches it and the others wait. `clock` is the wall clock in seconds,
    because a monotonic clock may stop while a function is frozen, and tokens age meanwhile.
    `other_credentials` gives what to try when LWA refuses the application's secret; it is only called then.
    """

    http: urllib3.PoolManager
    endpoint: str
    application: StoredValue[ApplicationCredentials]
    clock: Callable[[], float] = time.time
    other_credentials: Callable[[], Iterable[ApplicationCredentials]] = tuple
    _tokens: LeastRecentlyUsed[tuple[str, str], _AccessToken] = field(
        default_factory=LeastRecentlyUsed, init=False, repr=False
    )
    # A lock that is in use may be replaced while thousands of others are needed: then two threads fetch one token.
    _locks: LeastRecentlyUsed[tuple[str, str], threading.Lock] = field(
        default_factory=LeastRecentlyUsed, init=False, repr=False
    )

    def seller_access_token(
        self,
        cache_key: str,
        refresh_token: StoredValue[str],
        deadline: Deadline,
        *,
        renew: bool = False,
        observer: GrantObserver | None = None,
    ) -> str:
        """An access token for the selling partner whose refresh token is given.

        `cache_key` names the authorization (such as seller and region). `renew` fetches a new token although the cached
        one has not expired. `observer` learns the outcome of each request to LWA, before this returns. Raises
        AuthorizationError, ThrottledError, TransientError, DeadlineExceeded, and what reading the stored values and the
        observer raise.
        """

        def parameters(*, fresh: bool) -> Mapping[str, str]:
            return {"refresh_token": refresh_token(fresh=fresh)}

        return self._access_token(("refresh_token", cache_key), parameters, deadline, renew=renew, observer=observer)

    def check_refresh_token(self, refresh_token: str, deadline: Deadline) -> None:
        """Requests an access token with a refresh token that is not stored yet, and forgets it.

        Raises as `seller_access_token` does; AuthorizationError when LWA does not accept the token.
        """
        self._ask("refresh_token", lambda *, fresh: {"refresh_token": refresh_token}, deadline)  # noqa: ARG005

    def grantless_access_token(self, scope: Scope, deadline: Deadline, *, renew: bool = False) -> str:
        """An access token for the application itself. Raises as `seller_access_token` does."""

        def parameters(*, fresh: bool) -> Mapping[str, str]:  # noqa: ARG001 - a scope is never stale
            return {"scope": scope}

        return self._access_token(("client_credentials", scope), parameters, deadline, renew=renew)

    def authorization_code(self, code: str, redirect_uri: str, deadline: Deadline) -> AuthorizationGrant:
        """Exchanges an authorization code (`spapi_oauth_code`, valid for five minutes and one use) for a refresh token.

        Raises as `seller_access_token` does. After a TransientError with `outcome_unknown` the code may be used up.
        """

        def parameters(*, fresh: bool) -> Mapping[str, str]:  # noqa: ARG001 - a code is never stored
            return {"code": code, "redirect_uri": redirect_uri}

        answer = self._ask("authorization_code", parameters, deadline)
        refresh_token = _token(answer, "refresh_token")
        if not refresh_token:
            raise TransientError(
                _operation("authorization_code"),
                status=200,
                message="the answer has no refresh token",
                outcome_unknown=True,
            )
        return AuthorizationGrant(refresh_token, _token(answer, "access_token"), _expires_in(answer))

    def _access_token(
        self,
        key: tuple[str, str],
        parameters: StoredValue[Mapping[str, str]],
        deadline: Deadline,
        *,
        renew: bool,
        observer: GrantObserver | None = None,
    ) -> str:
        known = self._tokens.get(key)
        if known is not None and not renew and self.clock() < known.usable_until:
            return known.value
        lock = self._locks.get_or_put(key, threading.Lock)
        if not lock.acquire(timeout=deadline.remaining(_operation(key[0]))):
            raise DeadlineExceeded(_operation(key[0]), message="the time ran out while waiting for an access token")
        try:
            fetched_meanwhile = self._tokens.get(key)
            if (
                fetched_meanwhile is not None
                and fetched_meanwhile is not known
                and self.clock() < fetched_meanwhile.usable_until
            ):
                return fetched_meanwhile.value
            asked_at = self.clock()
            answer = self._ask(key[0], parameters, deadline, observer, fresh=renew)
            token = _AccessToken(_token(answer, "access_token"), asked_at + _expires_in(answer) - _MARGIN_SECONDS)
            self._tokens.put(key, token)
            return token.value
        finally:
            lock.release()

    def _ask(
        self,
        grant: str,
        parameters: StoredValue[Mapping[str, str]],
        deadline: Deadline,
        observer: GrantObserver | None = None,
        *,
        fresh: bool = False,
    ) -> Mapping[str, object]:
        """LWA's answer; after an error that an outdated stored value may cause, retries once if a value has changed.

        `fresh` reads the stored values at once: SP-API refused a token that was made with the known ones. If LWA still
        refuses the secret, tries the others that may work: two work at once after a rotation, and the new one may start
        late (SP-API docs, "Rotate your application's client secret").
        """
        form = self._form(grant, parameters, fresh=fresh)
        try:
            return self._observed(grant, form, deadline, observer)
        except AuthorizationError as error:
            if error.error not in _STALE_VALUE_ERRORS:
                raise
            refusal = error
        stored = self._form(grant, parameters, fresh=True)
        if stored != form:
            try:
                return self._observed(grant, stored, deadline, observer)
            except AuthorizationError as error:
                refusal = error
        if refusal.error != _SECRET_REFUSED:
            raise refusal
        return self._ask_with_other_secrets(grant, stored, refusal, deadline, observer)

    def _ask_with_other_secrets(
        self,
        grant: str,
        form: Mapping[str, str],
        refusal: AuthorizationError,
        deadline: Deadline,
        observer: GrantObserver | None,
    ) -> Mapping[str, object]:
        for other in self.other_credentials():
            if other.client_id != form["client_id"]:
                continue
            try:
                return self._observed(grant, {**form, "client_secret": other.client_secret}, deadline, observer)
            except AuthorizationError as error:
                if error.error != _SECRET_REFUSED:
                    raise
        raise refusal

    def _observed(
        self, grant: str, form: Mapping[str, str], deadline: Deadline, observer: GrantObserver | None
    ) -> Mapping[str, object]:
        if observer is None:
            return self._post(grant, form, deadline)
        refresh_token = form["refresh_token"]
        try:
            answer = self._post(grant, form, deadline)
        except AuthorizationError as error:
            if error.error == "invalid_grant":
                observer.revoked(refresh_token)
            raise
        observer.granted(refresh_token, _token(answer, "refresh_token") or refresh_token)
        return answer

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
            # A code is valid for one use; the other grants return a new token each time.
            repeatable=grant != "authorization_code",
        )
        document = _json_object(answer.body)
        if answer.status == 200 and _token(document, "access_token"):
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
        # A 4xx without an LWA error comes from an intermediary.
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


def _token(document: Mapping[str, object], name: str) -> str:
    """Empty unless it is printable ASCII without spaces."""
    value = _text(document, name)
    return value if _TOKEN.fullmatch(value) else ""


def _expires_in(document: Mapping[str, object]) -> float:
    """Seconds; 0, which limits a token to one call, when LWA does not say."""
    value = document.get("expires_in")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    return float(value) if isinstance(value, int | float) and 0 < value < 10**9 else 0.0


def _retry_after(header: str | None) -> float:
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 5 else _THROTTLED_WAIT_SECONDS
