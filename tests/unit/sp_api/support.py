"""A scripted HTTP server on loopback, and the client wired to it."""

import json
import socket
import ssl
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

from sp_api.caller import Caller, RequestSigner, SellingPartnerApi
from sp_api.deadline import Deadline
from sp_api.lwa import ApplicationCredentials, LwaClient, Scope
from sp_api.regions import Environment, Region
from sp_api.transport import make_http

CLIENT_ID = "amzn1.application-oa2-client.test"
CLIENT_SECRET = "amzn1.oa2-cs.v1.client-secret-of-the-test"
REFRESH_TOKEN = "Atzr|refresh-token-of-the-test"
ACCESS_TOKEN = "Atza|access-token-of-the-test"
SELLER_ID = "A3TH9S8BH6GOGM"
USER_AGENT = "Test/1.0 (Language=Python)"
TOKEN_PATH = "/auth/o2/token"
Value = TypeVar("Value")


@dataclass(frozen=True)
class Answer:
    """What the server does with a request.

    `announced` is a Content-Length other than the body's; `chunked` sends none, but chunks, and no end of them when
    `cut`. `reset` cuts the connection: "before" without an answer, "after" when the body was sent. `silent` sends
    headers and body and then nothing more, holding the connection; `drip` sends the body byte by byte, so many seconds
    apart; `stream` writes the body itself.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    chunked: bool = False
    cut: bool = False
    until_close: bool = False
    reset: str = ""
    silent: bool = False
    no_answer: bool = False
    drip: float = 0.0
    stream: Callable[[BinaryIO], None] | None = None


def answer_json(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})


def errors_json(
    status: int, code: str, message: str, details: str = "", headers: Mapping[str, str] | None = None
) -> Answer:
    return answer_json({"errors": [{"code": code, "message": message, "details": details}]}, status, headers)


def token_json(token: str = ACCESS_TOKEN, expires_in: object = 3600, **more: object) -> Answer:
    return answer_json({"access_token": token, "token_type": "bearer", "expires_in": expires_in, **more})


@dataclass(frozen=True)
class Received:
    """A request as it came. `connection` numbers the connections in the order they were made."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def form(self) -> Mapping[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Answers each method and path in the order told; the last answer stays. What nobody told is a 418.

    With a certificate, a file with its key as well, it uses TLS.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.requests: list[Received] = []
        self.once_per_connection = False
        self._answers: dict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._connections = 0
        self.stopping = threading.Event()
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30
            disable_nagle_algorithm = True
            connection_number = 0
            served = 0

            def setup(self) -> None:
                super().setup()
                self.connection_number = scripted._count_connection()

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (OSError, ValueError):
                    # The connection was cut, by either side.
                    self.close_connection = True

            def do(self) -> None:
                scripted._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Tests read `requests` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self.answer("POST", TOKEN_PATH, token_json())

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def answer(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[method, path] = deque(answers)

    def received(self, path: str, method: str | None = None) -> list[Received]:
        return [
            request
            for request in self.requests
            if request.path == path and (method is None or request.method == method)
        ]

    @property
    def token_requests(self) -> list[Received]:
        return self.received(TOKEN_PATH)

    @property
    def calls(self) -> list[Received]:
        """The requests to SP-API: all but LWA's."""
        return [request for request in self.requests if request.path != TOKEN_PATH]

    def _count_connection(self) -> int:
        with self._lock:
            self._connections += 1
            return self._connections

    def _serve(self, handler: Any) -> None:
        address = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        with self._lock:
            handler.served += 1
            if self.once_per_connection and handler.served > 1:
                _cut(handler)
                return
            self.requests.append(
                Received(
                    handler.command,
                    address.path,
                    dict(parse_qsl(address.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in handler.headers.items()},
                    body,
                    handler.connection_number,
                )
            )
            told = self._answers.get((handler.command, address.path))
            answer = Answer(418) if not told else told[0] if len(told) == 1 else told.popleft()
        self._send(handler, answer)

    def _send(self, handler: Any, answer: Answer) -> None:
        if answer.reset == "before":
            _cut(handler)
            return
        if answer.no_answer:
            self.stopping.wait(20)
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        elif answer.until_close:
            handler.send_header("Connection", "close")
        elif answer.status != 204:
            handler.send_header(
                "Content-Length", str(len(answer.body) if answer.announced is None else answer.announced)
            )
        handler.end_headers()
        if answer.stream is not None:
            answer.stream(handler.wfile)
        elif answer.chunked:
            for start in range(0, len(answer.body), 1000):
                piece = answer.body[start : start + 1000]
                handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            handler.wfile.write(b"" if answer.cut else b"0\r\n\r\n")
        elif answer.drip:
            for byte in answer.body:
                handler.wfile.write(bytes([byte]))
                if self.stopping.wait(answer.drip):
                    break
        else:
            handler.wfile.write(answer.body)
        if answer.silent:
            self.stopping.wait(20)
        if answer.reset == "after":
            _cut(handler)
        if answer.cut or answer.until_close or answer.announced is not None:
            handler.close_connection = True


def _cut(handler: Any) -> None:
    """Ends the connection with a reset instead of a proper end."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    # Both files over the socket must go, or it stays open.
    handler.rfile.close()
    handler.wfile.close()
    handler.connection.close()


@dataclass
class Stored(Generic[Value]):
    """A stored value and what a cache still holds of it; counts the readings."""

    value: Value
    held: Value | None = None
    fresh_readings: int = 0

    def __call__(self, *, fresh: bool) -> Value:
        if fresh:
            self.fresh_readings += 1
            self.held = None
        return self.value if self.held is None else self.held


def credentials(secret: str = CLIENT_SECRET) -> ApplicationCredentials:
    return ApplicationCredentials(CLIENT_ID, secret)


def api_of(
    server: ScriptedServer, *, signer: RequestSigner | None = None, sp_api_endpoint: str = "", sandbox: bool = False
) -> SellingPartnerApi:
    http = make_http()
    environment = Environment(sp_api_endpoint or server.url + "/{sandbox}{region}", server.url + TOKEN_PATH, sandbox)
    return SellingPartnerApi(
        environment, LwaClient(http, environment.lwa_url, Stored(credentials())), http, USER_AGENT, signer
    )


def seller_of(server: ScriptedServer, seconds: float = 10, *, region: Region = Region.NA) -> Caller:
    return api_of(server).for_seller(SELLER_ID, region, Stored(REFRESH_TOKEN), Deadline.after(seconds))


def application_of(server: ScriptedServer, scope: Scope = Scope.NOTIFICATIONS) -> Caller:
    return api_of(server).grantless(scope, Region.NA, Deadline.after(10))
