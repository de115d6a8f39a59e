"""Login with Amazon: the token endpoint with its three grants, and the check of the access token that each SP-API
request carries.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sp_api_simulator.errors import access_denied
from sp_api_simulator.operations import SCOPES, Operation
from sp_api_simulator.state import (
    AccessToken,
    Authorization,
    AuthorizationCode,
    Json,
    Region,
    Seller,
    State,
)

REVOKED = (
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."
)
AUTHENTICATION_FAILED = "Client authentication failed"
AUTHORIZATION_CODE_SECONDS = 300
# A selling partner authorizes a public application for a year ("Renew authorizations" in SP-API's docs).
CONSENT_DAYS = 365


@dataclass(eq=False)
class LwaError(Exception):
    """An error response of the token endpoint (RFC 6749, section 5.2, with LWA's texts)."""

    status: int
    error: str
    error_description: str

    def body(self) -> dict[str, str]:
        return {"error_description": self.error_description, "error": self.error}


def grant_token(state: State, form: Mapping[str, str]) -> Json:
    """Handles a token request. Raises LwaError."""
    grant_type = _required(form, "grant_type")
    match grant_type:
        case "refresh_token":
            client_id, client_secret = _authenticate(state, form)
            refresh_token = _required(form, "refresh_token")
            authorization = state.authorizations.get(refresh_token)
            if authorization is None or authorization.client_id != client_id or _expired(state, authorization):
                raise LwaError(400, "invalid_grant", REVOKED)
            return _issue(state, client_id, client_secret, seller_id=authorization.seller_id) | {
                "refresh_token": refresh_token
            }
        case "client_credentials":
            client_id, client_secret = _authenticate(state, form)
            scope = _required(form, "scope")
            if scope not in SCOPES:
                raise LwaError(400, "invalid_scope", "The request has an invalid parameter : scope")
            return _issue(state, client_id, client_secret, scope=scope)
        case "authorization_code":
            client_id, client_secret = _authenticate(state, form)
            code = state.authorization_codes.pop(_required(form, "code"), None)
            if (
                code is None
                or code.client_id != client_id
                or code.expires <= state.clock.now()
                or code.redirect_uri not in ("", form.get("redirect_uri"))
            ):
                raise LwaError(400, "invalid_grant", "The request has an invalid grant parameter : code")
            end = state.clock.now() + timedelta(days=CONSENT_DAYS) if code.redirect_uri else None
            refresh_token = authorize(state, code.seller_id, client_id, end)
            return _issue(state, client_id, client_secret, seller_id=code.seller_id) | {"refresh_token": refresh_token}
        case _:
            text = "The authorization grant type is not supported by the authorization server"
            raise LwaError(400, "unsupported_grant_type", text)


def authorize(state: State, seller_id: str, client_id: str, expires: datetime | None = None) -> str:
    """A new refresh token of the seller for the application. Earlier ones keep working until they are revoked."""
    refresh_token = state.issue("refresh token", f"Atzr|{secrets.token_urlsafe(48)}")
    state.authorizations[refresh_token] = Authorization(client_id, seller_id, expires)
    return refresh_token


def revoke(state: State, seller_id: str, client_id: str = "") -> None:
    """Ends the seller's refresh tokens and the access tokens made from them, for one application if it is given."""

    def ends(meaning: Authorization | AccessToken) -> bool:
        return meaning.seller_id == seller_id and client_id in ("", meaning.client_id)

    for refresh_token in [token for token, meaning in state.authorizations.items() if ends(meaning)]:
        del state.authorizations[refresh_token]
    for access_token in [token for token, meaning in state.access_tokens.items() if ends(meaning)]:
        del state.access_tokens[access_token]


def authorization_code(state: State, seller_id: str, client_id: str, redirect_uri: str = "") -> str:
    """A code as the OAuth redirect carries it (spapi_oauth_code): good once, for five minutes.

    LWA takes it only with the redirect URI that it was sent to, where one is given.
    """
    code = state.issue("authorization code", f"AN{secrets.token_urlsafe(12)}")
    expires = state.clock.now() + timedelta(seconds=AUTHORIZATION_CODE_SECONDS)
    state.authorization_codes[code] = AuthorizationCode(client_id, seller_id, expires, redirect_uri)
    return code


def restricted_token(state: State, token: AccessToken) -> str:
    """Stores a restricted data token."""
    return _store(state, "Atz.sprdt|", token)


def check_access_token(
    state: State, operation: Operation, region: Region, method: str, path: str, access_token: str | None
) -> AccessToken:
    """What the token in x-amz-access-token allows. Raises OperationError unless it allows this operation here."""
    if not access_token:
        raise access_denied("Access token is missing in the request header.")
    token = state.access_tokens.get(access_token)
    if token is None:
        raise access_denied("The access token you provided is revoked, malformed or invalid.")
    if token.expires <= state.clock.now():
        raise access_denied("The access token you provided has expired.")
    if _secret_has_ended(state, token):
        # SP-API changelog, "Urgent: Login with Amazon rotation deadline is May 22, 2023".
        raise access_denied("The LWA secret token you provided has expired.")
    if token.scope != operation.scope and (token.scope or not operation.seller_too):
        raise access_denied()
    if token.seller_id:
        _check_region(state.sellers.get(token.seller_id), region)
    if token.restricted_resources and not any(
        resource.method == method and resource.path == path for resource in token.restricted_resources
    ):
        raise access_denied()
    return token


def _check_region(seller: Seller | None, region: Region) -> None:
    if seller is None or region not in seller.regions:
        raise access_denied()


def _issue(
    state: State, client_id: str, client_secret: str, *, seller_id: str = "", scope: str = ""
) -> dict[str, Json]:
    lifetime = state.settings.access_token_seconds
    expires = state.clock.now() + timedelta(seconds=lifetime)
    token = AccessToken(client_id, expires, client_secret, seller_id, scope)
    access_token = _store(state, "Atza|" if seller_id else "Atc|", token)
    return {"access_token": access_token, "token_type": "bearer", "expires_in": lifetime}


def _store(state: State, prefix: str, token: AccessToken) -> str:
    access_token = state.issue("access token", f"{prefix}{secrets.token_urlsafe(64)}")
    state.access_tokens[access_token] = token
    return access_token


def _authenticate(state: State, form: Mapping[str, str]) -> tuple[str, str]:
    """The client id and the secret, if the secret works now. Raises LwaError."""
    application = state.applications.get(_required(form, "client_id"))
    given = _required(form, "client_secret")
    now = state.clock.now()
    if application is None or not any(
        secrets.compare_digest(secret.value.encode(), given.encode()) and secret.works(now)
        for secret in application.secrets
    ):
        raise LwaError(401, "invalid_client", AUTHENTICATION_FAILED)
    return application.client_id, given


def _secret_has_ended(state: State, token: AccessToken) -> bool:
    now = state.clock.now()
    return any(
        secret.value == token.client_secret and secret.expires <= now
        for secret in state.applications[token.client_id].secrets
    )


def _expired(state: State, authorization: Authorization) -> bool:
    return authorization.expires is not None and authorization.expires <= state.clock.now()


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise LwaError(400, "invalid_request", f"The request is missing a required parameter : {name}")
    return value
