"""Who may use the console: the person who has its address, in a browser on this machine.

A page of another site, which the same browser shows, could send requests to the console. What keeps it out: the name in
the Host header (DNS rebinding), a cookie that the browser sends only from the console's own pages, and for forms the
Origin header and a token as well.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NAMES = ("127.0.0.1", "localhost", "[::1]")
_STATIC = "/static/"
# The hidden field of each form.
FORM_KEY = "csrf"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    # Not no-referrer, with which browsers send forms without their origin.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Keys:
    """Random values of this run. `address` is in the printed address, `session` in the cookie, `form` in each form."""

    address: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    form: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def allow_form(self, request: Request, given: str) -> bool:
        """Whether one of the console's own pages has sent this form."""
        origin = urlsplit(request.headers.get("origin", ""))
        return (origin.scheme, origin.netloc) == ("http", request.headers.get("host")) and _same(given, self.form)


class Guard:
    """Refuses requests of others, and adds the security headers to every response. `refusal` renders a page."""

    def __init__(self, app: ASGIApp, keys: Keys, refusal: Callable[[int, str, str], Response]) -> None:
        self._app = app
        self._keys = keys
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        answer: ASGIApp = self._answer(Request(scope)) or self._app
        await answer(scope, receive, send_safely)

    def _answer(self, request: Request) -> Response | None:
        """The response if the request does not reach the pages."""
        cookie = f"console-{request.url.port}"
        if not _is_loopback(request.headers.get("host", "")):
            return PlainTextResponse("The console answers only to 127.0.0.1 and localhost.\n", 403)
        if request.url.path == "/" and "token" in request.query_params:
            if _same(request.query_params["token"], self._keys.address):
                return _welcome(cookie, self._keys.session)
            return self._refusal(
                403, "This address is not valid any longer", "Open the address that make console printed."
            )
        if request.method == "GET" and request.url.path.startswith(_STATIC):
            return None
        if not _same(_cookie(request.headers, cookie), self._keys.session):
            return self._refusal(
                401, "Open the printed address", "This browser has not opened the address that make console printed."
            )
        return None


def _welcome(cookie: str, session: str) -> Response:
    """Stores the cookie and goes on. Not a redirect: after a link of another program, browsers would leave the cookie
    out of the redirected request."""
    page = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Console</title>'
    page += '<meta http-equiv="refresh" content="0; url=/"></head><body><p><a href="/">Continue</a></p></body></html>'
    response = HTMLResponse(page)
    response.set_cookie(cookie, session, httponly=True, samesite="strict", path="/")
    return response


def _is_loopback(host: str) -> bool:
    """Whether the Host header names this machine, with any port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host) in _NAMES


def _cookie(headers: Headers, name: str) -> str:
    """Not Starlette's parser, which lets a cookie of another program on this machine hide the console's."""
    for part in headers.get("cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(errors="replace"), expected.encode())
