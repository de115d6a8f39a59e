"""Answers that the local stack does not give: throttling, lost connections, expired links, an unknown feed.

A server plays them. Everything that the stack does answer is in tests/end_to_end/test_publish_listings.py.
"""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from operations.api import FEEDS, PRODUCT_TYPES, RefusedError
from operations.command import CommandError
from operations.publish_listings.api import StackApi, Target, UploadExpiredError
from operations.publish_listings.journal import Journal, Pending, Published, Record, fingerprint, journal_of
from operations.publish_listings.messages import Message
from operations.publish_listings.progress import Progress
from operations.publish_listings.sending import Sending
from operations.stack import Stack

TARGET = Target("S", "EU", "M")
CLOSED = -1


@dataclass
class Played:
    """A server that gives these answers in turn: status and JSON, or CLOSED for a connection that is cut."""

    answers: list[tuple[int, Any]]
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    address: str = ""
    pauses: list[float] = field(default_factory=list)

    @property
    def api(self) -> StackApi:
        outputs = {FEEDS: f"{self.address}/feeds", PRODUCT_TYPES: f"{self.address}/types"}
        session = boto3.Session("test", "test", region_name="eu-west-1")
        stack = Stack("quick-start", outputs, {}, lambda _: None, lambda url: url, session)
        return StackApi(stack, self.pauses.append)

    @property
    def upload(self) -> dict[str, Any]:
        return {"url": f"{self.address}/upload", "headers": {"Content-Type": "application/octet-stream"}}


@contextmanager
def playing(*answers: tuple[int, Any]) -> Iterator[Played]:
    played = Played(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            played.seen.append((self.command, self.path, body))
            status, answer = played.answers.pop(0)
            if status == CLOSED:
                self.connection.close()
                return
            text = json.dumps(answer).encode()
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
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    played.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_passes_is_asked_again() -> None:
    answers: tuple[tuple[int, Any], ...] = ((429, {}), (503, {}), (CLOSED, None), (504, {}), (200, {"pullId": "1"}))
    with playing(*answers) as played:
        assert played.api.send("POST", PRODUCT_TYPES, "/pulls", {"a": "é"}) == {"pullId": "1"}
    assert played.seen == [("POST", "/types/pulls", b'{"a": "\\u00e9"}')] * 5
    assert played.pauses == [7.0, 4.0, 8.0, 16.0]


def test_a_refusal_has_the_reason_of_each_field() -> None:
    errors = [{"field": "SellerId", "code": "Missing", "message": "SellerId is missing"}, {"message": "Two errors"}]
    with playing((400, {"message": "Two errors", "errors": errors})) as played:
        with pytest.raises(RefusedError, match=r": HTTP 400: Two errors; SellerId is missing$") as caught:
            played.api.send("GET", FEEDS, "", SellerId="a b", NextToken=None)
        assert caught.value.status == 400
    assert played.seen[0][1] == "/feeds?SellerId=a+b"
    with playing((403, ["no object"])) as played, pytest.raises(RefusedError, match="no reason was given"):
        played.api.send("GET", FEEDS)


@pytest.mark.parametrize("status", [CLOSED, 503])
def test_it_gives_up_at_last(status: int) -> None:
    with playing(*[(status, {"message": "busy"})] * 8) as played, pytest.raises(CommandError, match=r"no answer|busy"):
        played.api.send("GET", FEEDS)
    assert len(played.pauses) == 7


def test_a_stack_without_feeds() -> None:
    with playing() as played:
        played.api.needs(FEEDS, PRODUCT_TYPES)
        with pytest.raises(CommandError, match=r"no output ListingsUrl: .* ListingsEnabled Yes"):
            played.api.needs("ListingsUrl")


@pytest.mark.parametrize("last", [200, 412])
def test_an_upload_is_repeated_until_s3_has_the_file(last: int) -> None:
    done: list[int] = []
    with playing((CLOSED, None), (503, {}), (409, {}), (last, {})) as played:
        played.api.upload(played.upload, b"x" * 100_000, done.append)
    assert [body for _, _, body in played.seen] == [b"x" * 100_000] * 4
    assert done[-1] == 100_000


def test_an_upload_that_s3_refuses() -> None:
    expired = r"^S3 refused the upload: its link has expired\. Run this again$"
    with playing((403, {})) as played, pytest.raises(UploadExpiredError, match=expired):
        played.api.upload(played.upload, b"x", lambda _: None)
    with playing((400, {})) as played, pytest.raises(CommandError, match="S3 refused the upload: HTTP 400"):
        played.api.upload(played.upload, b"x", lambda _: None)
    nothing = r"^the upload got no answer \(\w+\)\. Run this again$"
    with playing(*[(CLOSED, None)] * 8) as played, pytest.raises(CommandError, match=nothing):
        played.api.upload(played.upload, b"x", lambda _: None)


def test_a_link_is_in_no_message() -> None:
    with playing((403, {})) as played, pytest.raises(CommandError) as caught:
        played.api.download(f"{played.address}/secret?X-Amz-Signature=abc")
    assert "abc" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_pull_shows_each_of_its_states() -> None:
    states = [{"status": "LISTING"}, {"status": "FETCHING"}, {"status": "FINISHED"}]
    with playing((200, {"pullId": "1"}), *[(200, state) for state in states]) as played:
        assert list(played.api.pull(TARGET, ["LUGGAGE"], "LISTING")) == states


def test_a_pull_that_fails() -> None:
    failed = {"status": "FAILED", "error": "Throttled", "cause": "too often"}
    with (
        playing((200, {"pullId": "1"}), (200, {"status": "FETCHING"}), (200, failed)) as played,
        pytest.raises(CommandError, match="the pull is FAILED: Throttled too often"),
    ):
        list(played.api.pull(TARGET, ["LUGGAGE"], "LISTING"))


MESSAGE = Message(2, {"sku": "A", "operationType": "DELETE"})
REQUESTED = (200, {"feedRequestId": "r1", "status": "AWAITING_UPLOAD"})


def sending(played: Played, folder: Path) -> Sending:
    journal = journal_of(folder, "quick-start", "eu-west-1", TARGET, "here")
    return Sending(played.api, TARGET, journal, Progress(io.StringIO()), clock=lambda: 0.0)


def finished(status: str, *results: dict[str, Any], message: str = "why") -> list[tuple[int, Any]]:
    state = {"status": status, "final": True, "message": message}
    return [(200, state), (200, {**state, "results": list(results)})]


def kept(journal: Journal, **changed: object) -> None:
    pending = Pending("token", {"SellerId": "S"}, {"A": fingerprint(MESSAGE.content)}, uploading=True)
    journal.write_body(b"body")
    journal.write(Record({"A": Published("old", "PUBLISHED", "t")}, Pending(**{**vars(pending), **changed})))


def test_an_expired_link_is_replaced(tmp_path: Path) -> None:
    with playing() as played:
        with_link = {**REQUESTED[1], "upload": played.upload}
        done = finished("DONE", {"sku": "A", "status": "DELETED", "issues": []})
        played.answers += [(200, with_link), (403, {}), (200, with_link), (200, {}), *done]
        own = sending(played, tmp_path)
        with own.journal.locked():
            (ended,) = own.sent([MESSAGE])
            assert own.journal.read().published["A"].status == "DELETED"
    first, again = (json.loads(body) for method, _, body in played.seen if method == "POST")
    assert first == again, "the same ClientToken asks for the same feed"
    assert ended.outcomes["A"].row == 2


@pytest.mark.parametrize(
    ("status", "outcome", "known"),
    [
        ("REFUSED", "NOT_SENT", "old"),
        ("EXPIRED", "NOT_SENT", "old"),
        ("FAILED", "UNKNOWN", None),
        ("DONE", "UNKNOWN", None),
    ],
)
def test_what_has_no_result_is_sent_again(tmp_path: Path, status: str, outcome: str, known: str | None) -> None:
    with playing() as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            kept(own.journal, feed_request_id="r1")
            played.answers += [(200, {**REQUESTED[1], "status": "PROCESSING"}), *finished(status)]
            ended = own.continued({"A": MESSAGE})
            assert ended is not None
            assert ended.outcomes["A"].status == outcome
            record = own.journal.read()
            assert record.pending is None
            assert (record.published["A"].fingerprint if "A" in record.published else None) == known
            assert own.changed([MESSAGE], everything=False) == ([MESSAGE], [])
            assert ended.has_sent(MESSAGE) == (outcome == "UNKNOWN")


def test_the_pauses_between_two_looks_become_longer(tmp_path: Path) -> None:
    with playing() as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            kept(own.journal, feed_request_id="r1")
            played.answers += [(200, {**REQUESTED[1], "status": "PROCESSING", "final": False})] * 20
            played.answers += finished("DONE")
            assert own.continued({"A": MESSAGE}) is not None
    assert played.pauses[:3] == pytest.approx([1.0, 1.3, 1.69])
    assert played.pauses[-1] == 15.0


def test_an_interrupted_upload_is_completed_with_its_own_file(tmp_path: Path) -> None:
    with playing() as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            kept(own.journal)
            done = finished("DONE", {"sku": "A", "status": "DELETED", "issues": []})
            played.answers += [(200, {**REQUESTED[1], "upload": played.upload}), (412, {}), *done]
            packed = own.journal.read_body()
            assert own.continued({}) is not None
    assert [body for method, _, body in played.seen if method == "PUT"] == [packed]
    assert json.loads(played.seen[0][2])["ClientToken"] == "token"


def test_a_request_whose_upload_never_began_is_dropped(tmp_path: Path) -> None:
    with playing() as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            kept(own.journal, uploading=False)
            assert own.continued({"A": MESSAGE}) is None
            assert own.journal.read().pending is None
    assert played.seen == []


def test_a_feed_that_the_stack_does_not_know(tmp_path: Path) -> None:
    with playing((404, {"message": "unknown"})) as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            kept(own.journal, feed_request_id="r1")
            with pytest.raises(CommandError, match=r"does not know the feed request r1 .* If you delete"):
                own.continued({})
            assert own.journal.read().pending is not None, "nothing is forgotten"


def test_many_messages_are_several_feeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.publish_listings.sending.MOST_MESSAGES", 2)
    messages = [Message(row, {"sku": f"S{row}", "operationType": "DELETE"}) for row in (2, 3, 4)]
    with playing() as played:
        for skus in (("S2", "S3"), ("S4",)):
            deleted: Iterator[dict[str, Any]] = ({"sku": sku, "status": "DELETED", "issues": []} for sku in skus)
            played.answers += [(200, {**REQUESTED[1], "upload": played.upload}), (200, {}), *finished("DONE", *deleted)]
        own = sending(played, tmp_path)
        with own.journal.locked():
            assert [set(ended.outcomes) for ended in own.sent(messages)] == [{"S2", "S3"}, {"S4"}]
            assert set(own.journal.read().published) == {"S2", "S3", "S4"}
    counts = [json.loads(body)["MessageCount"] for method, _, body in played.seen if method == "POST"]
    assert counts == [2, 1]


def test_a_schema_that_cannot_be_read_is_named() -> None:
    with playing() as played:
        links = {"schema": {"url": f"{played.address}/schema"}}
        stored = {"links": links, "checksum": "c", "propertyGroups": {}}
        played.answers += [(200, stored), (200, []), (404, {"errors": [{"code": "NotFound", "message": "no"}]})]
        with pytest.raises(CommandError, match=r"^the schema of LUGGAGE: The schema is not a JSON object$"):
            played.api.definition(TARGET, "LUGGAGE", "LISTING")
        assert played.seen[0][1] == "/types/LUGGAGE?MarketplaceId=M&RegionCode=EU&Requirements=LISTING"
        assert played.api.definition(TARGET, "LUGGAGE", "LISTING") is None
