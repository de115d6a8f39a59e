"""How often the SDK repeats a call, counted by a server that always fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart import clients


@contextmanager
def failing_server() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths of the requests that it has answered with 500."""
    requests: list[str] = []

    class Failing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Prints nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", requests
        finally:
            server.shutdown()


CALLS: list[tuple[Any, Callable[[Any], object], int]] = [
    (clients.sns, lambda sns: sns.publish(TopicArn="arn:aws:sns:us-east-1:111122223333:t", Message="m"), 1),
    (
        clients.events,
        lambda events: events.put_events(Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}"}]),
        1,
    ),
    (clients.dynamodb, lambda dynamodb: dynamodb.get_item(TableName="t", Key={"id": {"S": "1"}}), 4),
]


@pytest.mark.parametrize(("client", "call", "attempts"), CALLS, ids=["sns", "events", "dynamodb"])
def test_what_is_not_idempotent_is_sent_once(
    client: Any, call: Callable[[Any], object], attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr("time.sleep", lambda _: None)
    with failing_server() as (url, requests):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        client.cache_clear()
        try:
            with pytest.raises(ClientError):
                call(client())
        finally:
            client.cache_clear()
    assert len(requests) == attempts
