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
    Application,
    Authorization,
    AuthorizationCode,
    ClientSecret,
    Json,
    Region,
    Seller,
    State,
)

REVOKED = (
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."
)
AUTHORIZATION_CODE_SECONDS = 300
OLD_SECRET_SECONDS = 7 * 24 * 3600
NEW_SECRET_SECONDS = 180 * 24 * 3600


@dataclass(eq=False)
class LwaError(Exception):
    """An error answer of the token endpoint (RFC 6749, section 5.2, with LWA's texts)."""

    status: int
    error: str
    error_description: str

    def body(self) -> dict[str, str]:
        return {"error_description": self.error_description, "error": self.error}


def grant_token(state: State, form: Mapping[str, str]) -> Json:
    """Answers a token request. Raises LwaError."""
    grant_type = _required(form, "grant_type")
    match grant_type:
        case "refresh_token":
            client_id = _authenticate(state, form)
            refresh_token = _required(form, "refresh_token")
            authorization = state.authorizations.get(refresh_token)
            if authorization is None or authorization.client_id != client_id:
                raise LwaError(400, "invalid_grant", REVOKED)
            return _issue(state, client_id, seller_id=authorization.seller_id) | {"refresh_token": refresh_token}
        case "client_credentials":
            client_id = _authenticate(state, form)
            scope = _required(form, "scope")
            if scope not in SCOPES:
                raise LwaError(400, "invalid_scope", "The request has an invalid parameter : scope")
            return _issue(state, client_id, scope=scope)
        case "authorization_code":
            client_id = _authenticate(state, form)
            code = state.authorization_codes.pop(_required(form, "code"), None)
            if code is None or code.client_id != client_id or code.expires <= state.clock.now():
                raise LwaError(400, "invalid_grant", "The request has an invalid grant parameter : code")
            refresh_token = authorize(state, code.seller_id, client_id)
            return _issue(state, client_id, seller_id=code.seller_id) | {"refresh_token": refresh_token}
        case _:
            text = "The authorization grant type is not supported by the authorization server"
            raise LwaError(400, "unsupported_grant_type", text)


def authorize(state: State, seller_id: str, client_id: str) -> str:
    """A new refresh token of the seller for the application. Earlier ones keep working until they are revoked."""
    refresh_token = f"Atzr|{secrets.token_urlsafe(48)}"
    state.authorizations[refresh_token] = Authorization(client_id, seller_id)
    return refresh_token


def revoke(state: State, seller_id: str) -> None:
    """Ends all the seller's refresh tokens and the access tokens made from them."""
    for refresh_token in [
        token for token, authorization in state.authorizations.items() if authorization.seller_id == seller_id
    ]:
        del state.authorizations[refresh_token]
    for access_token in [token for token, meaning in state.access_tokens.items() if meaning.seller_id == seller_id]:
        del state.access_tokens[access_token]


def authorization_code(state: State, seller_id: str, client_id: str) -> str:
    """A code as the OAuth redirect carries it (spapi_oauth_code): good once, for five minutes."""
    code = f"AN{secrets.token_urlsafe(12)}"
    state.authorization_codes[code] = AuthorizationCode(
        client_id, seller_id, state.clock.now() + timedelta(seconds=AUTHORIZATION_CODE_SECONDS)
    )
    return code


def restricted_token(state: State, token: AccessToken) -> str:
    """Stores a restricted data token."""
    return _store(state, "Atz.sprdt|", token)


def new_secret(state: State, application: Application) -> tuple[Application, ClientSecret, datetime]:
    """The application with one more secret, that secret, and the moment the older ones end (seven days from now at the
    latest).
    """
    now = state.clock.now()
    end = now + timedelta(seconds=OLD_SECRET_SECONDS)
    secret = ClientSecret(f"amzn1.oa2-cs.v1.{secrets.token_hex(32)}", now + timedelta(seconds=NEW_SECRET_SECONDS))
    older = tuple(ClientSecret(old.value, min(old.expires or end, end)) for old in application.secrets)
    return (
        Application(
            application.client_id, application.application_id, (*older, secret), application.rotation_queue_arn
        ),
        secret,
        end,
    )


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
    if token.scope != operation.scope:
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


def _issue(state: State, client_id: str, *, seller_id: str = "", scope: str = "") -> dict[str, Json]:
    lifetime = state.settings.access_token_seconds
    expires = state.clock.now() + timedelta(seconds=lifetime)
    access_token = _store(state, "Atza|" if seller_id else "Atc|", AccessToken(client_id, expires, seller_id, scope))
    return {"access_token": access_token, "token_type": "bearer", "expires_in": lifetime}


def _store(state: State, prefix: str, token: AccessToken) -> str:
    access_token = f"{prefix}{secrets.token_urlsafe(64)}"
    state.access_tokens[access_token] = token
    return access_token


def _authenticate(state: State, form: Mapping[str, str]) -> str:
    application = state.applications.get(_required(form, "client_id"))
    given = _required(form, "client_secret").encode()
    now = state.clock.now()
    if application is None or not any(
        secrets.compare_digest(secret.value.encode(), given) and (secret.expires is None or secret.expires > now)
        for secret in application.secrets
    ):
        raise LwaError(401, "invalid_client", "Client authentication failed")
    return application.client_id


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise LwaError(400, "invalid_request", f"The request is missing a required parameter : {name}")
    return value
