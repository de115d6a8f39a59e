"""An S3 that takes uploads of any size and keeps nothing but their number of bytes and SHA-256."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Sink:
    """The one upload, whose parts may overtake each other. `completed` when S3 would show the object."""

    endpoint: str = ""
    size_bytes: int = 0
    parts: int = 0
    completed: bool = False
    tagging: str = ""
    sha256: Any = field(default_factory=hashlib.sha256)
    # Parts that came before one with a smaller number.
    early: dict[int, bytes] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, number: int, part: bytes) -> None:
        with self.lock:
            assert number > self.parts
            self.early[number] = part
            while self.parts + 1 in self.early:
                self.parts += 1
                following = self.early.pop(self.parts)
                self.size_bytes += len(following)
                self.sha256.update(following)
            assert len(self.early) < 3, "more parts are on their way than the function may hold"


@contextmanager
def running_sink() -> Iterator[Sink]:
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(404)

        def do_POST(self) -> None:
            self._body()
            if "uploads" in self._query():
                self._answer(
                    200, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
                )
            else:
                assert not sink.early
                sink.completed = True
                self._answer(200, "<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>")

        def do_PUT(self) -> None:
            query = self._query()
            if "tagging" in query:
                sink.tagging = self._body().decode()
            else:
                sink.take(int(query["partNumber"][0]), self._body())
            self._answer(200)

        def log_message(self, *_: object) -> None:
            """Nothing: the client's errors show what goes wrong."""

        def _query(self) -> dict[str, list[str]]:
            return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _answer(self, status: int, body: str = "") -> None:
            self.send_response(status)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
