"""Between a function and the services that it calls: ends the function's process after one of its calls."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from deployment import Deployment
from tests.end_to_end.host import changed_function, function_processes

# Killed after one of these is the same as killed after the call before it.
READS = frozenset({"GetSecretValue", "DescribeSecret", "GetItem"})
_SECONDS = 30


@dataclass
class KillingProxy:
    """`calls` has the names of the calls since `arm` that may have changed something, in the order made.

    The function's process is killed after call number `target` was carried out, and before it gets the answer. Then
    `killed` is that call, and the calls of the next process wait until `arm`.
    """

    deployment: Deployment
    function: str
    address: str = ""
    calls: list[str] = field(default_factory=list)
    target: int = 0
    killed: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: threading.Event = field(default_factory=threading.Event)

    def arm(self, target: int) -> None:
        """From now on, the process dies after call number `target`; 0 for never."""
        with self._lock:
            self.calls, self.target, self.killed = [], target, ""
            self._open.set()

    def wait(self) -> None:
        """Returns when a call may be carried out."""
        self._open.wait()

    def carried_out(self, name: str) -> bool:
        """Notes the call. Returns False if the process was killed and gets no answer."""
        with self._lock:
            if self.killed:
                return False
            if name in READS:
                return True
            self.calls.append(name)
            if len(self.calls) != self.target:
                return True
            for process in function_processes(self.deployment, self.function):
                os.kill(process, signal.SIGKILL)
            self._open.clear()
            self.killed, self.target = name, 0
        return False


@contextmanager
def killing_proxy(deployment: Deployment, function: str) -> Iterator[KillingProxy]:
    """The function calls AWS, LWA and SP-API through the proxy while this runs."""
    proxy = KillingProxy(deployment, function)
    proxy.arm(0)
    servers = deployment.servers

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            to_amazon = self.path.startswith("/amazon/")
            upstream = servers.simulator_endpoint if to_amazon else servers.aws_endpoint
            path = self.path.removeprefix("/amazon") if to_amazon else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            name = self.headers.get("X-Amz-Target", path).rpartition(".")[2]
            headers = {header: value for header, value in self.headers.items() if header.lower() != "accept-encoding"}
            proxy.wait()
            try:
                answer = requests.post(upstream + path, data=body, headers=headers, timeout=_SECONDS)
            except requests.ConnectionError:
                # A fault of the simulator's: the connection is reset, with or without effect.
                proxy.carried_out(name)
                self.close_connection = True
                return
            if not proxy.carried_out(name):
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for header in ("Content-Type", "x-amzn-RequestId", "x-amzn-ErrorType", "Retry-After"):
                if header in answer.headers:
                    self.send_header(header, answer.headers[header])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Says nothing of each request."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A killed process resets its connections."""

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.address = f"http://127.0.0.1:{server.server_address[1]}"
        environment = {
            "AWS_ENDPOINT_URL": proxy.address,
            "SP_API_ENDPOINT": f"{proxy.address}/amazon/{{sandbox}}{{region}}",
            "LWA_ENDPOINT": f"{proxy.address}/amazon/auth/o2/token",
        }
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            with changed_function(deployment, function, Environment=environment):
                yield proxy
        finally:
            proxy.arm(0)
            server.shutdown()
