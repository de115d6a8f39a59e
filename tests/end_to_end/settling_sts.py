"""STS as it is while IAM settles: it refuses at first, and the sessions that it then gives end soon."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from tests.waiting import SECONDS


@dataclass
class SettlingSts:
    """Its address, and how many requests have come."""

    endpoint: str
    calls: int = 0
    refusals: list[str] = field(default_factory=list)


@contextmanager
def settling_sts(
    sts_endpoint: str, refusals: Sequence[str] = (), lifetime: timedelta | None = None
) -> Iterator[SettlingSts]:
    """Stands before the STS at the address. The first requests are refused with these codes; the others are handed on
    as they are, signature included. `lifetime` is what the answer says of the session's end, from now."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sts.calls += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if sts.refusals:
                code = sts.refusals.pop(0)
                error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>refused</Message></Error>"
                self._answer(403, f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>".encode())
                return
            answer = requests.post(sts_endpoint + self.path, data=body, headers=dict(self.headers), timeout=SECONDS)
            text = answer.text
            if lifetime is not None:
                end = (datetime.now(UTC) + lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
                text, changed = re.subn("<Expiration>.*?</Expiration>", f"<Expiration>{end}</Expiration>", text)
                assert changed == 1, text
            self._answer(answer.status_code, text.encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing of each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sts = SettlingSts(f"http://127.0.0.1:{server.server_address[1]}", refusals=list(refusals))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield sts
        finally:
            server.shutdown()
