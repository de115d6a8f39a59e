"""The servers of the simulator: plain HTTP, and optionally TLS with an HTTPS proxy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sp_api_simulator.connections import Connections, recording_protocol
from sp_api_simulator.tunnel import Tunnel


@dataclass(frozen=True)
class TlsListeners:
    """Where TLS and the HTTPS proxy listen. `certificate` is a PEM file with the server's certificate and key."""

    tls: socket.socket
    proxy: socket.socket
    certificate: Path


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. It sets its protocol, because asyncio disables Nagle's algorithm only for such sockets.

    Raises OSError.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(256)
    return listener


def run(app: ASGIApp, connections: Connections, listener: socket.socket, tls: TlsListeners | None) -> None:
    """Runs the servers until Ctrl-C or a signal that ends the process."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(app, connections, listener, tls))


async def _serve(app: ASGIApp, connections: Connections, listener: socket.socket, tls: TlsListeners | None) -> None:
    plain = uvicorn.Server(_config(app, connections, "on"))
    if tls is None:
        await plain.serve(sockets=[listener])
        return
    secure = _Companion(_config(app, connections, "off", tls.certificate))
    serving = asyncio.create_task(secure.serve(sockets=[tls.tls]))
    proxy = await asyncio.start_server(Tunnel(*tls.tls.getsockname()[:2]), sock=tls.proxy)
    async with proxy:
        await plain.serve(sockets=[listener])
    secure.should_exit = True
    await serving


class _Companion(uvicorn.Server):
    """A second server in the process. It leaves signals to the first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: ASGIApp, connections: Connections, lifespan: str, certificate: Path | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=recording_protocol(H11Protocol, connections),
        ws="none",
        lifespan="on" if lifespan == "on" else "off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
    )
