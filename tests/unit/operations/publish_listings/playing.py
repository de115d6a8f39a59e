"""Answers that the local stack does not give: throttling, lost connections, expired links, an unknown feed.

A server plays them. Everything that the stack does answer is in tests/end_to_end/test_publish_listings.py.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import requests

from operations.api import FEEDS, PRODUCT_TYPES
from operations.publish_listings.api import StackApi, Target
from operations.stack import Stack

TARGET = Target("S", "EU", "M")
CLOSED = -1
# Amazon S3's answer to a presigned URL whose time is over.
EXPIRED = (403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")


@dataclass
class Played:
    """A server that gives these answers in turn: status and JSON or bytes, or CLOSED for a connection that is cut."""

    answers: list[tuple[int, Any]]
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    address: str = ""
    pauses: list[float] = field(default_factory=list)
    # The headers of each request, and how many seconds it may take.
    headers: list[Mapping[str, str]] = field(default_factory=list)
    limits: list[object] = field(default_factory=list)

    @property
    def api(self) -> StackApi:
        outputs = {FEEDS: f"{self.address}/feeds", PRODUCT_TYPES: f"{self.address}/types"}
        session = boto3.Session("test", "test", region_name="eu-west-1")
        stack = Stack("quick-start", outputs, {}, lambda _: None, lambda url: url, session)
        return StackApi(stack, self.pauses.append, _Session(self.limits))

    @property
    def upload(self) -> dict[str, Any]:
        return {"url": f"{self.address}/upload", "headers": {"Content-Type": "application/octet-stream"}}


class _Session(requests.Session):
    def __init__(self, limits: list[object]) -> None:
        super().__init__()
        self._limits = limits

    def request(self, *given: Any, **named: Any) -> requests.Response:
        self._limits.append(named["timeout"])
        return super().request(*given, **named)


@contextmanager
def playing(*answers: tuple[int, Any]) -> Iterator[Played]:
    played = Played(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            played.seen.append((self.command, self.path, body))
            played.headers.append(dict(self.headers))
            status, answer = played.answers.pop(0)
            if status == CLOSED:
                self.connection.close()
                return
            text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = handle_one  # noqa: N815 - the names that http.server asks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    played.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
