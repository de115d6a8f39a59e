"""The same bytes from one socket to parts on another, and nothing else: no client library, no check. With `sha256` in
COPY_EXTRAS, the SHA-256 of all of them as well; with `decompress`, isal decompresses them, whatever that returns.
`COPY_CONNECTIONS` parts are on their way at once.
"""

import hashlib
import os
import queue
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from urllib.parse import urlsplit

from measured import measure

PART_BYTES = 8 * 1024 * 1024
CONTEXT = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
CONNECTIONS = int(os.environ.get("COPY_CONNECTIONS", "1"))
EXTRAS = os.environ.get("COPY_EXTRAS", "")
# Of larger pieces of memory, malloc would give each back to the system, in a process as small as this.
READ_BYTES, DECOMPRESSED_BYTES = 64 * 1024, 64 * 1024


def connected(url: str) -> ssl.SSLSocket:
    address = urlsplit(url)
    plain = socket.create_connection((address.hostname, address.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return CONTEXT.wrap_socket(plain, server_hostname=address.hostname)


def head(sock: ssl.SSLSocket) -> tuple[dict[str, str], bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += sock.recv(65536)
    lines, _, rest = received.partition(b"\r\n\r\n")
    fields = (line.split(": ", 1) for line in lines.decode().split("\r\n")[1:])
    return {name.lower(): value for name, value in fields}, rest


class Uploads:
    """So many connections, each of which sends the parts that it gets."""

    def __init__(self, endpoint: str) -> None:
        self._parts: queue.Queue[tuple[int, memoryview, bytearray] | None] = queue.Queue()
        self.free: queue.Queue[bytearray] = queue.Queue()
        for _ in range(CONNECTIONS + (CONNECTIONS > 1)):
            self.free.put(bytearray(PART_BYTES))
        self._sockets = [connected(endpoint) for _ in range(CONNECTIONS)]
        self._threads = [threading.Thread(target=self._run, args=(sock,)) for sock in self._sockets]
        if CONNECTIONS > 1:
            for thread in self._threads:
                thread.start()

    def send(self, number: int, part: memoryview, buffer: bytearray) -> None:
        if CONNECTIONS > 1:
            self._parts.put((number, part, buffer))
        else:
            self._send(self._sockets[0], number, part)
            self.free.put(buffer)

    def close(self) -> None:
        if CONNECTIONS > 1:
            for _ in self._threads:
                self._parts.put(None)
            for thread in self._threads:
                thread.join()
        for sock in self._sockets:
            sock.close()

    def _run(self, sock: ssl.SSLSocket) -> None:
        while (given := self._parts.get()) is not None:
            number, part, buffer = given
            self._send(sock, number, part)
            self.free.put(buffer)

    def _send(self, sock: ssl.SSLSocket, number: int, part: memoryview) -> None:
        query = f"partNumber={number}&uploadId=1"
        sock.sendall(f"PUT /key?{query} HTTP/1.1\r\nHost: s3\r\nContent-Length: {len(part)}\r\n\r\n".encode())
        sock.sendall(part)
        head(sock)


def decompressing() -> Callable[[memoryview], None]:
    from isal import isal_zlib

    member = isal_zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def decompress(part: memoryview) -> None:
        for start in range(0, len(part), READ_BYTES):
            data: bytes | memoryview = part[start : start + READ_BYTES]
            while data and not member.eof:
                member.decompress(data, DECOMPRESSED_BYTES)
                data = member.unconsumed_tail

    return decompress


def copy(url: str, endpoint: str) -> None:
    source, uploads = connected(url), Uploads(endpoint)
    source.sendall(f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: store\r\n\r\n".encode())
    fields, ahead = head(source)
    digest = hashlib.sha256() if "sha256" in EXTRAS else None
    decompress = decompressing() if "decompress" in EXTRAS else None
    missing, number = int(fields["content-length"]), 0
    while missing:
        buffer, number = uploads.free.get(), number + 1
        wanted = min(PART_BYTES, missing)
        part = memoryview(buffer)[:wanted]
        part[: len(ahead)] = ahead
        filled, ahead = len(ahead), b""
        while filled < wanted:
            filled += source.recv_into(part[filled:])
        if digest is not None:
            digest.update(part)
        if decompress is not None:
            decompress(part)
        uploads.send(number, part, buffer)
        missing -= wanted
    uploads.close()
    source.close()


measure(copy)
