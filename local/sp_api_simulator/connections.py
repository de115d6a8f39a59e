"""Keeps track of open connections, so that a fault can close or reset one."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Connections = dict[tuple[str, int, int], asyncio.Transport]
"""The open connections by the client's address and port and the server's port."""


def recording_protocol(base: Any, connections: Connections) -> type[asyncio.Protocol]:
    """A subclass of uvicorn's protocol class that registers its connections in `connections`."""

    class RecordingProtocol(base):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            self.address = (*transport.get_extra_info("peername")[:2], transport.get_extra_info("sockname")[1])
            connections[self.address] = transport
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self.address, None)
            super().connection_lost(exc)

    return RecordingProtocol


class ResetResponse(Response):
    """Resets the connection instead of answering. Its status, for the log, is 0."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.status_code = 0
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        reset(self.connections[_key(scope)])
        await _disconnected(receive)


class TruncatedResponse(Response):
    """Closes the connection before it has sent as many bytes as its Content-Length header says."""

    def __init__(self, connections: Connections, headers: Mapping[str, str], pieces: AsyncIterator[bytes]) -> None:
        self.connections = connections
        self.pieces = pieces
        self.status_code = 200
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        self.connections[_key(scope)].close()
        await _disconnected(receive)


def reset(transport: asyncio.WriteTransport) -> None:
    """Ends a connection with a TCP reset."""
    plain_socket: socket.socket = transport.get_extra_info("socket")
    plain_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _key(scope: Scope) -> tuple[str, int, int]:
    host, port = scope["client"]
    return host, port, scope["server"][1]


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
