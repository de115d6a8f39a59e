"""Amazon's host names, for clients that do not let you set another host.

The host name of a request becomes a path prefix: `https://sellingpartnerapi-na.amazon.com/reports/...` becomes
`/na/reports/...`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from sp_api_simulator.state import Region

LOGIN_HOST = "api.amazon.com"
DOCUMENT_HOSTS: Mapping[Region, str] = {region: f"tortuga-prod-{region.lower()}.s3.amazonaws.com" for region in Region}
"""The hosts of document links."""

PATHS: Mapping[str, str] = {
    LOGIN_HOST: "",
    **{f"sellingpartnerapi-{region.lower()}.amazon.com": f"/{region.lower()}" for region in Region},
    **{f"sandbox.sellingpartnerapi-{region.lower()}.amazon.com": f"/sandbox.{region.lower()}" for region in Region},
    **dict.fromkeys(DOCUMENT_HOSTS.values(), ""),
}
"""Each host name with its path prefix."""


FOREIGN = "a page of another site cannot use the simulator"


def is_foreign(request: Request) -> bool:
    """Whether a browser sent the request for a page of another site. Programs send no Origin header.

    The page's own host must be an IP address or a name without a public domain: a site can let its name lead to this
    machine.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return False
    try:
        sent_by = urlsplit(origin)
    except ValueError:
        return True
    if sent_by.netloc.lower() != request.headers.get("host", "").lower():
        return True
    name = sent_by.hostname or ""
    return not (is_address(name) or "." not in name or name.endswith(".localhost"))


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class HostRouting:
    """Middleware that adds the path prefix of the host name. Requests to other hosts pass unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (prefix := PATHS.get(_host(scope)[0])):
            scope = {**scope, "path": prefix + scope["path"], "raw_path": prefix.encode() + scope["raw_path"]}
        await self.app(scope, receive, send)


def document_base_url(request: Request, region: Region) -> str:
    """The start of document links, chosen so that they reach the simulator in the same way as this request."""
    host, port = _host(request.scope)
    if host not in PATHS:
        return str(request.base_url).rstrip("/")
    if request.url.scheme == "https":
        return f"https://{DOCUMENT_HOSTS[region]}{port}"
    address, number = request.scope["server"]
    return f"http://{address}:{number}"


def _host(scope: Scope) -> tuple[str, str]:
    """The host name in lower case, and the port with its colon if the Host header has one."""
    header = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    name, colon, port = header.partition(":")
    return name.lower(), colon + port
