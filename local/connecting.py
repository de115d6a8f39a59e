"""What stands around the authorization API on this machine: a custom domain for it, and the host product's web site."""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from deployment import Deployment, example
from servers import Servers
from simulator import CLIENT_ID, control

APPLICATION_ID = "amzn1.sp.solution.simulator"
APPLICATION_NAME = "Example product"
CONNECT_ACCOUNTS = example("connect_accounts")
_SECONDS = 120
# What a proxy passes on of a request and of an answer.
_REQUEST_HEADERS = ("Cookie", "User-Agent")
_ANSWER_HEADERS_KEPT_BACK = ("connection", "content-length", "date", "server", "transfer-encoding")

Answer = tuple[int, Mapping[str, str], str]


@dataclass
class CustomDomain:
    """An address of its own for the API's stage, as a custom domain of API Gateway is.

    `target` is set after deployment.
    """

    address: str = ""
    target: str = ""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        sent = {name: headers[name] for name in _REQUEST_HEADERS if name in headers}
        got = requests.get(f"{self.target}{path}", headers=sent, allow_redirects=False, timeout=_SECONDS)
        kept = {name: value for name, value in got.headers.items() if name.lower() not in _ANSWER_HEADERS_KEPT_BACK}
        return got.status_code, kept, got.text


@dataclass
class HostSite:
    """The web site of a host product whose users connect their accounts.

    Every browser is a user, known by a cookie. `connections` (docs/examples/connect_accounts.py) is set after
    deployment. With `asks_first` the log-in page waits for the user to continue.
    """

    address: str = ""
    connections: Any = None
    asks_first: bool = False
    outcomes: list[Mapping[str, Any]] = field(default_factory=list)
    _started: dict[str, str] = field(default_factory=dict)

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        known = SimpleCookie(headers.get("Cookie", "")).get("user")
        user = known.value if known else f"user-{secrets.token_hex(8)}"
        pages: Mapping[str, Callable[[str, Mapping[str, str]], Answer]] = {
            "/": self._home,
            "/start": self._start,
            "/connect": self._connect,
            "/return": self._return,
        }
        page = pages.get(parts.path)
        if page is None:
            return 404, {}, _page("Page not found", "")
        status, more, body = page(user, query)
        return (
            status,
            {"Cache-Control": "no-store", "Set-Cookie": f"user={user}; Path=/; HttpOnly; SameSite=Lax", **more},
            body,
        )

    def _home(self, _user: str, _query: Mapping[str, str]) -> Answer:
        links = "".join(
            f'<p><a id="{party}" href="/start?PartyType={party}&amp;RegionCode=NA">Connect a {party} account</a></p>'
            for party in ("seller", "vendor")
        )
        return 200, {}, _page(APPLICATION_NAME, links)

    def _start(self, user: str, query: Mapping[str, str]) -> Answer:
        """The user is logged in here and presses the button."""
        url, self._started[user] = self.connections.start(user, query["PartyType"], query["RegionCode"])
        return _see_other(url)

    def _connect(self, user: str, query: Mapping[str, str]) -> Answer:
        """The log-in page; a real one asks for a password first."""
        continue_url = self.connections.log_in(user, query["authorizationId"], self._started.pop(user, ""))
        if self.asks_first:
            link = f'<p><a id="continue" href="{escape(continue_url)}">Continue at Amazon</a></p>'
            return 200, {}, _page("You are logged in", link)
        return _see_other(continue_url)

    def _return(self, user: str, query: Mapping[str, str]) -> Answer:
        """The browser is back: what is shown is what the API says, and only to the user who started it."""
        self._started.pop(user, None)
        try:
            found = self.connections.returned(user, query["authorizationId"])
        except CONNECT_ACCOUNTS.AnotherUserError:
            return 403, {}, _page("This is another user's authorization", "")
        self.outcomes.append(found)
        text = f"{found['status']}: {found['sellerId'] or found['reason']}"
        return 200, {}, _page("Back in the product", f'<p id="outcome">{escape(text)}</p>')


@dataclass(frozen=True)
class Connecting:
    """Both servers, and the stack's parameters that name them."""

    domain: CustomDomain
    site: HostSite

    def parameters(self, servers: Servers) -> Mapping[str, str]:
        return {
            "AuthorizationEnabled": "Yes",
            "ApplicationId": APPLICATION_ID,
            "AuthorizationLoginPage": f"{self.site.address}/connect",
            "AuthorizationReturnUrls": f"{self.site.address}/",
            "AuthorizationAddress": self.domain.address,
            "CentralEndpoint": servers.simulator_endpoint + "/central/{host}",
        }

    def ready(self, deployment: Deployment, quick_start: Any) -> None:
        """Maps the custom domain to the deployed API, and registers its two addresses at Amazon."""
        url = deployment.url("AuthorizationsUrl")
        self.domain.target = url.removesuffix("/authorizations")
        self.site.connections = CONNECT_ACCOUNTS.Connections(quick_start, url, f"{self.site.address}/return")
        self.register(deployment)

    def register(self, deployment: Deployment, **settings: object) -> None:
        """What the developer console asks for; `settings` are further ones of the simulator's consent page."""
        known = {
            "name": APPLICATION_NAME,
            "redirectUris": [deployment.outputs["AuthorizationRedirectUri"]],
            "loginUri": deployment.outputs["AuthorizationLoginUri"],
        }
        control(deployment.servers.simulator_endpoint, "PUT", f"applications/{CLIENT_ID}/consent", known | settings)


@contextmanager
def running_connecting() -> Iterator[Connecting]:
    """Starts both servers on free ports, and stops them."""
    domain, site = CustomDomain(), HostSite()
    running = [_serve(domain.answer), _serve(site.answer)]
    domain.address, site.address = (f"http://127.0.0.1:{server.server_address[1]}" for server in running)
    try:
        yield Connecting(domain, site)
    finally:
        for server in running:
            server.shutdown()
            server.server_close()


def _serve(answer: Callable[[str, Mapping[str, str]], Answer]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer(self.path, dict(self.headers.items()))
            content = body.encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "text/html; charset=utf-8"} | dict(headers)).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Addresses here hold codes and states."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _see_other(address: str) -> Answer:
    return 303, {"Location": address, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}, ""


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
