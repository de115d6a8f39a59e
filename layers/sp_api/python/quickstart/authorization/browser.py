"""Reads the parameters with which a browser comes back from Amazon. They may be hostile."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SELLING_PARTNER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OPAQUE = re.compile(r"[!-~]{1,2048}")
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
_COOKIE = "authorize"


@dataclass(frozen=True)
class Callback:
    """The parameters of the redirect URI. `code` is the query parameter `spapi_oauth_code`."""

    state: str = field(repr=False)
    selling_partner_id: str
    code: str = field(repr=False)


@dataclass(frozen=True)
class Login:
    """The parameters of the log-in URI."""

    callback_uri: str = field(repr=False)
    amazon_state: str = field(repr=False)
    selling_partner_id: str
    beta: bool


def read_callback(event: Mapping[str, Any]) -> Callback | None:
    """None when a parameter is missing, malformed, or there with two values. Other parameters, such as
    mws_auth_token, are ignored.
    """
    state = _only(event, "state", _OPAQUE)
    selling_partner_id = _only(event, "selling_partner_id", _SELLING_PARTNER_ID)
    code = _only(event, "spapi_oauth_code", _OPAQUE)
    return Callback(state, selling_partner_id, code) if state and selling_partner_id and code else None


def read_login(event: Mapping[str, Any]) -> Login | None:
    """None when a parameter is missing, malformed, or there with two values."""
    callback_uri = _only(event, "amazon_callback_uri", _OPAQUE)
    amazon_state = _only(event, "amazon_state", _OPAQUE)
    selling_partner_id = _only(event, "selling_partner_id", _SELLING_PARTNER_ID)
    beta = _only(event, "version", _OPAQUE) == "beta"
    if not (callback_uri and amazon_state and selling_partner_id):
        return None
    return Login(callback_uri, amazon_state, selling_partner_id, beta)


def cookie_of(event: Mapping[str, Any], own: str) -> str:
    """The value that binds an authorization to this browser; empty when it has none."""
    headers = event.get("headers") or {}
    header = next((value for name, value in headers.items() if name.lower() == "cookie"), "") or ""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == _cookie_name(own) and _COOKIE_VALUE.fullmatch(value):
            return str(value)
    return ""


def cookie(value: str, own: str, seconds: int) -> str:
    """The Set-Cookie header. SameSite=Lax lets it come back when Amazon sends the browser here."""
    return f"{_cookie_name(own)}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"


def _cookie_name(own: str) -> str:
    """The prefix keeps other hosts from setting it; browsers accept it over https only."""
    return f"__Host-{_COOKIE}" if own.startswith("https://") else _COOKIE


def _only(event: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    """The parameter's one value; empty when it is absent, malformed, or has two different ones."""
    values = set((event.get("multiValueQueryStringParameters") or {}).get(name) or ())
    value = str(values.pop()) if len(values) == 1 else ""
    return value if pattern.fullmatch(value) else ""
