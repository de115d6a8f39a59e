"""How often the SDK repeats a call, how long an attempt takes, and when none begins any more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart import clients
from quickstart.aws_failures import AwsDeadlineExceededError
from sp_api.deadline import Deadline

# An operation of each service that needs no parameters.
OPERATIONS = {
    "get_caller_identity",
    "list_buckets",
    "list_event_buses",
    "list_keys",
    "list_queues",
    "list_schedules",
    "list_secrets",
    "list_state_machines",
    "list_tables",
    "list_topics",
}


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


# An attempt has to end within 6 s, so that a request of the API can still be answered; parts of documents take longer.
USUAL, ONCE, DOCUMENTS = (2, 4, 4), (2, 15, 1), (2, 15, 4)
EACH: list[tuple[Callable[[], Any], str, tuple[int, int, int]]] = [
    (clients.dynamodb, "dynamodb", USUAL),
    (clients.events, "events", ONCE),
    (clients.kms, "kms", USUAL),
    (clients.s3, "s3", USUAL),
    (clients.s3_documents, "s3", DOCUMENTS),
    (clients.s3_unsigned, "s3", USUAL),
    (clients.scheduler, "scheduler", USUAL),
    (clients.secretsmanager, "secretsmanager", USUAL),
    (clients.sns, "sns", ONCE),
    (clients.sqs, "sqs", USUAL),
    (clients.states, "stepfunctions", USUAL),
    (clients.sts, "sts", USUAL),
]
NAMES = [one[0].__name__ for one in EACH]


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    makers: list[Any] = [make for make, _, _ in EACH]
    for make in makers:
        make.cache_clear()
    yield
    for make in makers:
        make.cache_clear()


@pytest.mark.parametrize(("make", "service", "limits"), EACH, ids=NAMES)
@pytest.mark.usefixtures("region")
def test_how_long_and_how_often_a_client_tries(
    make: Callable[[], Any], service: str, limits: tuple[int, int, int]
) -> None:
    client = make()
    config = client.meta.config
    assert client.meta.service_model.service_name == service
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == limits
    assert make() is client


@pytest.mark.usefixtures("region")
def test_parts_of_documents_are_not_hashed_twice() -> None:
    """An upload has a checksum of its own."""
    configs: list[Any] = [client.meta.config for client in (clients.s3_documents(), clients.s3())]
    documents, usual = (config.s3 for config in configs)
    assert documents["payload_signing_enabled"] is False
    assert "payload_signing_enabled" not in usual


@pytest.mark.parametrize("make", [make for make, _, _ in EACH], ids=NAMES)
@pytest.mark.usefixtures("region")
def test_no_attempt_begins_after_the_requests_deadline(make: Callable[[], Any]) -> None:
    """Documents are stored by workflows, and links are not calls."""

    class SentError(Exception):
        """The attempt was sent."""

    def send(**_: object) -> None:
        raise SentError

    client = make()
    client.meta.events.register_last("before-send", send)
    (operation,) = OPERATIONS & {*dir(client)}
    call = getattr(client, operation)
    clients.end_calls_by(Deadline.after(-1))
    if make in (clients.s3_documents, clients.s3_unsigned):
        with pytest.raises(SentError):
            call()
    else:
        with pytest.raises(AwsDeadlineExceededError, match=r"^the request's time for AWS calls ran out$"):
            call()
    for deadline in (Deadline.after(10), None):
        clients.end_calls_by(deadline)
        with pytest.raises(SentError):
            call()
