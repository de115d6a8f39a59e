"""An HTTPS proxy that forwards Amazon's host names to the simulator. Clients use it through HTTPS_PROXY."""

from __future__ import annotations

import asyncio
import re

from sp_api_simulator.connections import reset
from sp_api_simulator.hosts import PATHS

CONNECT = re.compile(rb"CONNECT ([^\s:]+):(\d+) HTTP/1\.[01]\r\n")
HEAD_SECONDS = 10
PIECE_BYTES = 65536


class Tunnel:
    """Connects CONNECT requests for Amazon's host names to `host` and `port`, and refuses all others."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection, as asyncio.start_server calls it."""
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            refusal = _refusal(head)
            if refusal:
                writer.write(refusal)
                await writer.drain()
                return
            upstream_reader, upstream_writer = await asyncio.open_connection(self.host, self.port)
            try:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))
            finally:
                upstream_writer.close()
        except ConnectionResetError:
            reset(writer.transport)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            writer.close()


def _refusal(head: bytes) -> bytes:
    """The error response to a request that is not CONNECT to one of Amazon's host names; empty if it is."""
    found = CONNECT.match(head)
    if found is None:
        return _answer("405 Method Not Allowed", "This is an HTTPS proxy. It accepts CONNECT requests only.")
    host = found[1].decode("latin-1").lower()
    if host not in PATHS:
        return _answer("403 Forbidden", f"The simulator is not a proxy for {host}.")
    return b""


def _answer(status: str, text: str) -> bytes:
    body = f"{text}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
