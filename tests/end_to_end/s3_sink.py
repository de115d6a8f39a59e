"""An S3 that takes uploads of any size and keeps nothing but their number of bytes and SHA-256."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PIECE = 1024 * 1024


@dataclass
class Sink:
    """The one upload: parts are taken in their order. `completed` when S3 would show the object."""

    endpoint: str = ""
    size_bytes: int = 0
    parts: int = 0
    completed: bool = False
    tagging: str = ""
    sha256: Any = field(default_factory=hashlib.sha256)


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
                sink.completed = True
                self._answer(200, "<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>")

        def do_PUT(self) -> None:
            query = self._query()
            if "tagging" in query:
                sink.tagging = self._body().decode()
            else:
                assert query["partNumber"] == [str(sink.parts + 1)]
                sink.parts += 1
                self._take()
            self._answer(200)

        def log_message(self, *_: object) -> None:
            """Nothing: the client's errors show what goes wrong."""

        def _query(self) -> dict[str, list[str]]:
            return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _take(self) -> None:
            missing = int(self.headers["Content-Length"])
            while missing:
                piece = self.rfile.read(min(missing, PIECE))
                missing -= len(piece)
                sink.size_bytes += len(piece)
                sink.sha256.update(piece)

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
