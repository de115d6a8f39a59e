"""One feed after the other, from its request to its end, also after an interruption."""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.api import RefusedError
from operations.command import CommandError
from operations.publish_listings.api import Target, UploadExpiredError
from operations.publish_listings.journal import Journal, Pending, Published, Record, fingerprint, journal_of
from operations.publish_listings.messages import Message
from operations.publish_listings.outcomes import Outcome
from operations.publish_listings.progress import Progress
from operations.publish_listings.sending import Ended, Sending
from tests.unit.operations.publish_listings.playing import EXPIRED, TARGET, Played, playing

MESSAGE = Message(2, {"sku": "A", "operationType": "DELETE"})
REQUESTED = (200, {"feedRequestId": "r1", "status": "AWAITING_UPLOAD"})


def sending(
    played: Played,
    folder: Path,
    *,
    stream: io.StringIO | None = None,
    target: Target = TARGET,
    skip_bad: bool = False,
) -> Sending:
    journal = journal_of(folder, "quick-start", "eu-west-1", target, "here")
    progress = Progress(stream or io.StringIO())
    return Sending(played.api, target, journal, progress, skip_bad, clock=lambda: 1_800_000_000.9)


def finished(status: str, *results: dict[str, Any], message: str = "why") -> list[tuple[int, Any]]:
    state = {"status": status, "final": True, "message": message}
    return [(200, state), (200, {**state, "results": list(results)})]


def kept(journal: Journal, **changed: object) -> None:
    pending = Pending("token", {"SellerId": "S"}, {"A": fingerprint(MESSAGE.content)}, uploading=True)
    journal.write_body(b"body")
    journal.write(Record({"A": Published("old", "PUBLISHED", "t")}, Pending(**{**vars(pending), **changed})))


def test_a_feed_from_its_request_to_its_end(tmp_path: Path) -> None:
    """The stack gets every message with the number of its row; the journal keeps what Amazon took, and when."""
    cup, hat, shoe = (Message(row, {"sku": sku, "operationType": "DELETE"}) for row, sku in enumerate("CHS", start=2))
    problem = {"code": "1", "severity": "WARNING", "message": "Add some."}
    results = (
        {"sku": "C", "status": "PUBLISHED_WITH_ISSUES", "issues": [problem]},
        {"sku": "H", "status": "INVALID", "issues": []},
        {"sku": "S", "status": "NOT_SENT", "message": "A bad message.", "issues": []},
        {"status": "INVALID", "message": "The header is wrong.", "issues": []},
        {"status": "INVALID", "message": "The header is wrong.", "issues": []},
    )
    before = {sku: Published("old", "PUBLISHED", "t") for sku in "HSX"}
    stream = io.StringIO()
    with playing() as played:
        own = sending(played, tmp_path, stream=stream, target=Target("S", "EU", "M", "CODE1"), skip_bad=True)
        played.answers += [(200, {**REQUESTED[1], "upload": played.upload}), (200, {})]
        played.answers += finished("FAILED", *results)
        with own.journal.locked():
            own.journal.write(Record(before))
            (ended,) = own.sent([cup, hat, shoe])
            record = own.journal.read()
    (_, path, requested), (_, _, uploaded), (_, looked, _), (_, last, _) = played.seen
    request = json.loads(requested)
    assert len(request.pop("ClientToken")) == 36
    assert (path, request) == (
        "/feeds",
        {
            "SellerId": "S",
            "RegionCode": "EU",
            "PartyType": "VENDOR",
            "VendorCode": "CODE1",
            "MarketplaceIds": ["M"],
            "OnBadMessages": "SKIP",
            "MessageCount": 3,
        },
    )
    assert gzip.decompress(uploaded).splitlines() == [
        b'{"messageId":2,"sku":"C","operationType":"DELETE"}',
        b'{"messageId":3,"sku":"H","operationType":"DELETE"}',
        b'{"messageId":4,"sku":"S","operationType":"DELETE"}',
    ]
    assert looked == "/feeds/r1?SellerId=S&Limit=1"
    assert last.startswith("/feeds/r1?SellerId=S&Results=ALL")
    prints = {message.sku: fingerprint(message.content) for message in (cup, hat, shoe)}
    outcomes = {
        "C": Outcome(2, "C", "PUBLISHED_WITH_ISSUES", ("Warning: Add some. [1]",)),
        "H": Outcome(3, "H", "INVALID"),
        "S": Outcome(4, "S", "NOT_SENT", ("A bad message.",)),
    }
    assert ended == Ended("FAILED", outcomes, ("FAILED: why", "The header is wrong."), prints)
    taken = Published(prints["C"], "PUBLISHED_WITH_ISSUES", "2027-01-15T08:00:00+00:00", ("Warning: Add some. [1]",))
    assert record == Record({"C": taken, "S": before["S"], "X": before["X"]})
    assert stream.getvalue() == "Uploading 3 messages, 1 KB ...\n"


def test_without_skipping_a_bad_message_stops_the_feed(tmp_path: Path) -> None:
    with playing((200, REQUESTED[1]), *finished("DONE")) as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            list(own.sent([MESSAGE]))
    assert json.loads(played.seen[0][2])["OnBadMessages"] == "REFUSE"


def test_the_journal_knows_a_request_before_the_stack_does(tmp_path: Path) -> None:
    """And that its file may be at the stack, before it is uploaded: so every interruption can be continued."""
    with playing((400, {"message": "no"})) as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            with pytest.raises(RefusedError):
                list(own.sent([MESSAGE]))
            asked = own.journal.read().pending
            assert gzip.decompress(own.journal.read_body()).startswith(b'{"messageId":2,')
    assert asked is not None
    assert (asked.uploading, asked.feed_request_id) == (False, "")
    assert asked.fingerprints == {"A": fingerprint(MESSAGE.content)}
    assert {**asked.request, "ClientToken": asked.client_token} == json.loads(played.seen[0][2])
    with playing() as played:
        played.answers += [(200, {**REQUESTED[1], "upload": played.upload}), (400, {})]
        own = sending(played, tmp_path)
        with own.journal.locked():
            with pytest.raises(CommandError, match="S3 refused"):
                list(own.sent([MESSAGE]))
            uploaded = own.journal.read().pending
    assert uploaded is not None
    assert (uploaded.uploading, uploaded.feed_request_id) == (True, "r1")


def test_what_is_not_there_is_not_uploaded_again(tmp_path: Path) -> None:
    """The stack has the file already, and gives no link for it."""
    with playing(REQUESTED, *finished("DONE", {"sku": "A", "status": "DELETED"})) as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            (ended,) = own.sent([MESSAGE])
    assert (ended.status, ended.whole) == ("DONE", ())
    assert [method for method, _, _ in played.seen] == ["POST", "GET", "GET"]


def test_an_expired_link_is_replaced(tmp_path: Path) -> None:
    with playing() as played:
        with_link = {**REQUESTED[1], "upload": played.upload}
        done = finished("DONE", {"sku": "A", "status": "DELETED", "issues": []})
        played.answers += [(200, with_link), EXPIRED, (200, with_link), (200, {}), *done]
        own = sending(played, tmp_path)
        with own.journal.locked():
            (ended,) = own.sent([MESSAGE])
            assert own.journal.read().published["A"].status == "DELETED"
    first, again = (json.loads(body) for method, _, body in played.seen if method == "POST")
    assert first == again, "the same ClientToken asks for the same feed"
    assert played.seen[3][2] == played.seen[1][2]
    assert ended.outcomes["A"].row == 2


@pytest.mark.parametrize("again", [True, False])
def test_an_expired_link_is_replaced_once(tmp_path: Path, again: bool) -> None:
    with playing() as played:
        with_link = (200, {**REQUESTED[1], "upload": played.upload})
        played.answers += [with_link, EXPIRED, with_link if again else REQUESTED, EXPIRED]
        if not again:
            # The stack has the file: it gives no other link.
            played.answers[3:] = finished("DONE")
        own = sending(played, tmp_path)
        with own.journal.locked():
            if again:
                with pytest.raises(UploadExpiredError):
                    list(own.sent([MESSAGE]))
            else:
                assert len(list(own.sent([MESSAGE]))) == 1
    assert [method for method, _, _ in played.seen] == ["POST", "PUT", "POST", *(["PUT"] if again else ["GET"] * 2)]


def test_each_state_is_shown_in_words(tmp_path: Path) -> None:
    stream = io.StringIO()
    states = ["AWAITING_UPLOAD", "CHECKING", "QUEUED", "SENDING", "PROCESSING", "NEW"]
    with playing(REQUESTED) as played:
        played.answers += [(200, {"status": state, "final": False}) for state in states]
        played.answers += finished("DONE")
        own = sending(played, tmp_path, stream=stream)
        with own.journal.locked():
            list(own.sent([MESSAGE]))
    assert stream.getvalue().splitlines() == [
        "The stack takes over the file [r1]",
        "The stack checks the file [r1]",
        "Queued: the stack sends the feeds of a seller one after the other [r1]",
        "The stack sends the feed to Amazon [r1]",
        "Amazon processes the feed; this can take hours. You can interrupt this, and run it again later [r1]",
        "NEW [r1]",
    ]


def test_the_upload_shows_its_size(tmp_path: Path) -> None:
    """In whole kilobytes, at least one."""
    stream = io.StringIO()
    with playing() as played:
        own = sending(played, tmp_path, stream=stream)
        with own.journal.locked():
            for size in (2047, 2048, 3 * 1024 * 1024):
                kept(own.journal)
                own.journal.body_path.write_bytes(b"x" * size)
                played.answers += [(200, {**REQUESTED[1], "upload": played.upload}), (200, {}), *finished("DONE")]
                own.continued({"A": MESSAGE})
    assert stream.getvalue().splitlines() == [
        "Uploading 1 message, 1 KB ...",
        "Uploading 1 message, 2 KB ...",
        "Uploading 1 message, 3,072 KB ...",
    ]


def test_what_has_changed_since_the_last_run(tmp_path: Path) -> None:
    same, changed, new = (Message(row, {"sku": sku, "x": 1}) for row, sku in ((2, "SAME"), (3, "CHANGED"), (4, "NEW")))
    with playing() as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            assert own.changed([same], everything=False) == ([same], []), "without a journal, everything is new"
            taken = Published(fingerprint(same.content), "ACCEPTED", "2027-01-15T08:00:00+00:00", ("Warning: x",))
            own.journal.write(Record({"SAME": taken, "CHANGED": taken}))
            assert own.changed([same, changed, new], everything=True) == ([same, changed, new], [])
            to_send, unchanged = own.changed([same, changed, new], everything=False)
    assert to_send == [changed, new]
    assert unchanged == [Outcome(2, "SAME", "UNCHANGED", ("ACCEPTED 2027-01-15", "Warning: x"))]


def test_whether_a_request_has_sent_a_message() -> None:
    other = Message(2, {"sku": "A", "operationType": "UPDATE"})
    prints = {"A": fingerprint(MESSAGE.content)}
    for status, has_sent in (("INVALID", True), ("UNKNOWN", True), ("NOT_SENT", False)):
        ended = Ended("DONE", {"A": Outcome(2, "A", status)}, (), prints)
        assert ended.has_sent(MESSAGE) is has_sent
        assert not ended.has_sent(other), "the row has changed"
        assert not ended.has_sent(Message(3, {"sku": "B", "operationType": "DELETE"}))


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
            assert ended.outcomes == {"A": Outcome(2, "A", outcome, ("why",))}
            assert ended.whole == (() if status == "DONE" else (f"{status}: why",))
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
            ended = own.continued({})
            assert ended is not None
            assert ended.outcomes == {"A": Outcome(0, "A", "DELETED")}, "its row is no longer in the file"
            assert own.continued({}) is None
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
            with pytest.raises(CommandError) as unknown:
                own.continued({})
            assert own.journal.read().pending is not None, "nothing is forgotten"
    assert str(unknown.value) == (
        f"the stack does not know the feed request r1 of the interrupted run. If you delete {own.journal.path}, the "
        "next run sends every row"
    )


def test_a_feed_that_the_stack_does_not_show(tmp_path: Path) -> None:
    with playing((403, {"message": "denied"})) as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            kept(own.journal, feed_request_id="r1")
            with pytest.raises(RefusedError, match=r"HTTP 403: denied$"):
                own.continued({})


def test_a_feed_that_waits_for_its_file_is_asked_for_again(tmp_path: Path) -> None:
    """Its request with the same ClientToken gives the link."""
    with playing() as played:
        own = sending(played, tmp_path)
        with own.journal.locked():
            kept(own.journal, feed_request_id="r1")
            played.answers += [REQUESTED, (200, {**REQUESTED[1], "upload": played.upload}), (200, {})]
            played.answers += finished("DONE", {"sku": "A", "status": "DELETED"})
            assert own.continued({"A": MESSAGE}) is not None
    assert [(method, path) for method, path, _ in played.seen[:3]] == [
        ("GET", "/feeds/r1?SellerId=S&Limit=1"),
        ("POST", "/feeds"),
        ("PUT", "/upload"),
    ]
    assert json.loads(played.seen[1][2]) == {"SellerId": "S", "ClientToken": "token"}


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
