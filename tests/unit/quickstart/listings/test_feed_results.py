"""What became of each message of a feed: from Amazon's report, and without one."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.listings.feed_checks import FeedCheck
from quickstart.listings.feed_documents import Limits
from quickstart.listings.feed_files import (
    DOCUMENT,
    MESSAGES,
    PROBLEMS,
    RESULTS,
    UPLOAD,
    FeedFiles,
    NoEntryError,
    line_of,
)
from quickstart.listings.feed_records import Counts, FeedMode, FeedRecord, FeedState, OnBadMessages, ResultStatus
from quickstart.listings.feed_results import ReportedMessages, Verdict, judged, write_results
from quickstart.listings.processing_reports import ReportItem, ReportPart, read_processing_report
from quickstart.listings.records import Party
from tests.unit.quickstart.listings.test_feed_lanes import ACCOUNT, FRANCE, record

ERROR = {"code": "90220", "severity": "ERROR", "message": "'brand' is required.", "attributeName": "brand"}
WARNING = {"code": "1", "severity": "WARNING", "message": "Add the weight."}
BUYABLE = [{"marketplaceId": FRANCE, "productType": "LUGGAGE", "status": ["BUYABLE"], "asin": "B0SUITCASE"}]
HIDDEN = [{"marketplaceId": FRANCE, "productType": "LUGGAGE", "status": []}]
ENTRY = {"line": 1, "byte": 1, "messageId": 1, "sku": "A-1", "operation": "UPDATE", "productType": "LUGGAGE"}


class Bucket:
    """The bucket's part of S3 in memory, as the client's methods."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def head_object(self, Key: str, **_: object) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        if Key not in self.objects:
            missing: Any = {"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(missing, "HeadObject")
        return {"ContentLength": len(self.objects[Key])}

    def get_object(self, Key: str, Range: str = "bytes=0-", **_: object) -> Mapping[str, Any]:  # noqa: N803
        return {"Body": Body(self.objects[Key][int(Range[6:-1]) :])}

    def upload_file(self, path: str, _bucket: str, key: str, **_: object) -> None:
        self.objects[key] = Path(path).read_bytes()


class Body:
    """A response's body, as far as it is read."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, size: int) -> bytes:
        piece = self._content[self._place : self._place + size]
        self._place += len(piece)
        return piece

    def iter_lines(self, _size: int, *, keepends: bool = False) -> Iterator[bytes]:
        return iter(self._content.splitlines(keepends))


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def files(bucket: Bucket) -> FeedFiles:
    client: Any = bucket
    return FeedFiles(client, "bucket", "A1", "one")


def reported(folder: Path, *parts: Mapping[str, Any], items: list[Any] | None = None, processed: int = 1) -> Any:
    summary = {"errors": 0, "warnings": 0, "messagesProcessed": processed}
    summary |= {"messagesAccepted": processed, "messagesInvalid": 0}
    report: dict[str, Any] = {"header": {"sellerId": "A1", "feedId": "7"}, "issues": list(parts), "summary": summary}
    if items is not None:
        report["items"] = items
    found = ReportedMessages(folder / "report.sqlite")
    found.read(read_processing_report([json.dumps(report).encode()]))
    return found


@pytest.mark.parametrize(
    ("issues", "items", "status"),
    [
        # It names another message, but this SKU.
        ([{"messageId": 99, "sku": "A-1", **ERROR}], [], ResultStatus.INVALID),
        (
            [{"messageId": 1, **WARNING, "code": str(code)} for code in range(60)] + [{"messageId": 1, **ERROR}],
            [],
            ResultStatus.INVALID,
        ),
        ([{"messageId": 1, **ERROR}], [], ResultStatus.INVALID),
        ([{"sku": "A-1", **ERROR}], [], ResultStatus.INVALID),
        ([{"messageId": 2, **ERROR}], [{"sku": "A-1", "summaries": BUYABLE}], ResultStatus.PUBLISHED),
        ([], [{"sku": "A-1", "summaries": BUYABLE, "issues": []}], ResultStatus.PUBLISHED),
        ([{"messageId": 1, **WARNING}], [{"sku": "A-1", "summaries": BUYABLE}], ResultStatus.PUBLISHED_WITH_ISSUES),
        ([], [{"sku": "A-1", "summaries": BUYABLE, "issues": [ERROR]}], ResultStatus.PUBLISHED_WITH_ISSUES),
        ([], [{"sku": "A-1", "summaries": HIDDEN, "issues": [ERROR]}], ResultStatus.REFUSED),
        ([], [{"sku": "A-1", "summaries": HIDDEN, "issues": [WARNING]}], ResultStatus.ACCEPTED),
        ([], [{"sku": "A-1", "summaries": []}], ResultStatus.ACCEPTED),
        ([], [{"sku": "A-1", "summaries": "none"}], ResultStatus.ACCEPTED),
        ([], None, ResultStatus.ACCEPTED),
    ],
)
def test_the_status_of_a_message(tmp_path: Path, issues: list[Any], items: list[Any] | None, status: str) -> None:
    with reported(tmp_path, *issues, items=items) as found:
        verdict = judged(record("one"), ENTRY, found)
    assert verdict.status == status, verdict


@pytest.mark.parametrize(
    ("accepted", "issues", "statuses"),
    [
        (3, [], ["PUBLISHED", "ACCEPTED", "ACCEPTED", "DELETED"]),
        # Deletions may not be counted.
        (4, [], ["PUBLISHED", "ACCEPTED", "ACCEPTED", "DELETED"]),
        (2, [{"messageId": 3, **ERROR}], ["PUBLISHED", "ACCEPTED", "INVALID", "DELETED"]),
        # One of them was not accepted, and nobody knows which.
        (2, [], ["PUBLISHED", "UNKNOWN", "UNKNOWN", "UNKNOWN"]),
        (1, [ERROR], ["PUBLISHED", "UNKNOWN", "UNKNOWN", "UNKNOWN"]),
    ],
)
def test_a_report_that_does_not_account_for_every_message(
    files: FeedFiles, bucket: Bucket, tmp_path: Path, accepted: int, issues: list[Any], statuses: list[str]
) -> None:
    entries = [{**ENTRY, "sku": f"S-{number}", "messageId": number} for number in (1, 2, 3)]
    entries.append({**ENTRY, "sku": "S-4", "messageId": 4, "operation": "DELETE"})
    bucket.objects[files.key(MESSAGES)] = b"".join(map(line_of, entries))
    items = [{"sku": "S-1", "summaries": BUYABLE}]
    with reported(tmp_path, *issues, items=items, processed=accepted) as found:
        write_results(files, replace(record("one"), counts=Counts(4)), tmp_path, found, sent=True)
    results = list(files.entries(RESULTS))
    assert [one["status"] for one in results] == statuses
    if accepted < 2:
        assert results[1]["message"].endswith("Amazon reports: 'brand' is required.")


def test_a_vendors_listing_is_published_without_being_buyable(tmp_path: Path) -> None:
    vendor = replace(record("one"), account=replace(ACCOUNT, party=Party.VENDOR))
    with reported(tmp_path, items=[{"sku": "A-1", "summaries": HIDDEN}]) as found:
        assert judged(vendor, ENTRY, found).status is ResultStatus.PUBLISHED


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ([{"sku": "B", "summaries": BUYABLE}], ResultStatus.DELETED),
        ([{"sku": "A-1", "summaries": BUYABLE}], ResultStatus.ACCEPTED),
        (None, ResultStatus.ACCEPTED),
    ],
)
def test_a_deletion(tmp_path: Path, items: list[Any] | None, status: str) -> None:
    with reported(tmp_path, items=items) as found:
        assert judged(record("one"), {**ENTRY, "operation": "DELETE"}, found).status == status


def test_a_feed_that_amazon_refuses_as_a_whole(tmp_path: Path) -> None:
    with reported(tmp_path, ERROR, processed=0) as found:
        verdict = judged(record("one"), ENTRY, found)
    assert (verdict.status, verdict.message) == (
        ResultStatus.INVALID,
        "Amazon refused the whole feed: 'brand' is required.",
    )


def test_an_error_of_a_feed_whose_messages_amazon_accepted_is_no_refusal(tmp_path: Path) -> None:
    with reported(tmp_path, ERROR, items=[{"sku": "A-1", "summaries": BUYABLE}]) as found:
        assert judged(record("one"), ENTRY, found).status is ResultStatus.PUBLISHED


def test_an_issue_of_the_message_and_the_listing_is_shown_once(tmp_path: Path) -> None:
    issue = {**WARNING, "attributeName": "weight"}
    item = {"sku": "A-1", "summaries": BUYABLE, "issues": [{**WARNING, "attributeNames": ["weight"]}]}
    with reported(tmp_path, {"messageId": 1, **issue}, items=[item]) as found:
        assert len(judged(record("one"), ENTRY, found).issues) == 1


def test_memory_does_not_grow_with_the_report(tmp_path: Path) -> None:
    def parts() -> Iterator[ReportPart]:
        for number in range(3000):
            content = {"sku": f"S-{number}", "summaries": BUYABLE, "attributes": {"text": "x" * 1000}}
            yield ReportItem(f"S-{number}", content)

    with ReportedMessages(tmp_path / "report.sqlite") as found:
        found.read(parts())
        item = found.item("S-2999")
        assert item is not None
        assert "attributes" not in item


LINE = '{"sku":"%s","operationType":"UPDATE","productType":"LUGGAGE","attributes":{"color":[{"value":"red"}]}}\n'
BAD = '{"sku":"BAD","operationType":"UPDATE"}\n'


class Ledger:
    """What a check records."""

    def __init__(self) -> None:
        self.recorded: list[tuple[Any, ...]] = []

    def checked(self, *given: Any) -> None:
        self.recorded.append(("checked", *given[1:]))

    def concluded(self, _record: FeedRecord, state: FeedState, message: str, counts: Counts, **_: Any) -> None:
        self.recorded.append((state, message, counts))


def checking(files: FeedFiles, bucket: Bucket, folder: Path, text: str, **changed: Any) -> tuple[Any, ...]:
    bucket.objects[files.key(UPLOAD)] = text.encode()
    ledger: Any = Ledger()
    given = replace(record("one", FeedState.CHECKING), **changed)
    FeedCheck(ledger, files, folder, Limits(most_messages=100)).check(given)
    assert list(folder.iterdir()) == [], "a warm function has no file of another feed"
    recorded: tuple[Any, ...]
    (recorded,) = ledger.recorded
    return recorded


class TestCheck:
    def test_a_good_file_becomes_a_document(self, files: FeedFiles, bucket: Bucket, tmp_path: Path) -> None:
        name, counts, layout, size = checking(files, bucket, tmp_path, LINE % "A" + LINE % "B")
        assert (name, counts, layout) == ("checked", Counts(2, 0), "JSON_LINES")
        stored = bucket.objects[files.key(DOCUMENT)]
        assert size == len(stored)
        document = json.loads(stored)
        assert document["header"]["report"]["includedData"] == ["summaries", "issues"]
        assert [one["messageId"] for one in document["messages"]] == [1, 2]
        assert [entry["sku"] for entry in files.entries(MESSAGES)] == ["A", "B"]

    def test_the_header_of_a_document_keeps_its_wishes(self, files: FeedFiles, bucket: Bucket, tmp_path: Path) -> None:
        report = {"includedData": ["offers", "issues"], "apiVersion": "2021-08-01"}
        header = {"sellerId": "A1", "version": "2.0", "issueLocale": "fr_FR", "report": report}
        message = {"messageId": 5, **json.loads(LINE % "A")}
        checking(files, bucket, tmp_path, json.dumps({"header": header, "messages": [message]}))
        made = json.loads(bucket.objects[files.key(DOCUMENT)])["header"]
        assert (made["issueLocale"], made["report"]["includedData"]) == ("fr_FR", ["summaries", "issues", "offers"])

    @pytest.mark.parametrize(
        ("text", "changed", "words"),
        [
            (LINE % "A" + BAD, {}, "1 of 2 messages cannot be sent"),
            (BAD + BAD.replace("BAD", "WORSE"), {"on_bad": OnBadMessages.SKIP}, "none of the 2 messages can be sent"),
            (LINE % "A" + BAD, {}, "OnBadMessages to SKIP. The first: line 2, byte"),
            (BAD, {}, "line 1, byte 1: productType: is missing; UPDATE needs it"),
            (LINE % "A", {"message_count": 2}, "the file has 1 message, but MessageCount is 2"),
            ((LINE % "A")[:-9], {"on_bad": OnBadMessages.SKIP}, "line 1, byte"),
            ("".join(LINE % n for n in range(101)), {}, "at most 100 messages"),
        ],
    )
    def test_a_file_of_which_nothing_is_sent(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path, text: str, changed: dict[str, Any], words: str
    ) -> None:
        state, message, _ = checking(files, bucket, tmp_path, text, **changed)
        assert (state, message.startswith("Nothing was sent: "), words in message) == (FeedState.REFUSED, True, True)
        assert files.key(DOCUMENT) not in bucket.objects

    def test_a_file_that_is_only_checked(self, files: FeedFiles, bucket: Bucket, tmp_path: Path) -> None:
        changed = {"mode": FeedMode.CHECK, "on_bad": OnBadMessages.SKIP}
        state, message, counts = checking(files, bucket, tmp_path, LINE % "A" + BAD, **changed)
        assert state is FeedState.CHECKED
        assert message == "The file has 1 message that can be sent, and 1 message that cannot."
        assert (counts.messages, counts.bad, counts.sent, counts.not_sent) == (2, 1, 0, 2)
        (problem,) = files.entries(PROBLEMS)
        assert (problem["line"], {issue["code"] for issue in problem["issues"]}) == (2, {"missing"})

    def test_results_are_in_the_order_of_the_file(self, files: FeedFiles, bucket: Bucket, tmp_path: Path) -> None:
        changed = {"on_bad": OnBadMessages.SKIP}
        _, counts, *_ = checking(files, bucket, tmp_path, LINE % "A" + BAD + LINE % "B", **changed)
        sent = replace(record("one"), counts=counts)
        found = write_results(files, sent, tmp_path, Verdict(ResultStatus.UNKNOWN, "?"), sent=True)
        results = list(files.entries(RESULTS))
        assert [(one["sku"], one["status"]) for one in results] == [
            ("A", "UNKNOWN"),
            ("BAD", "NOT_SENT"),
            ("B", "UNKNOWN"),
        ]
        assert ["submissionId" in one for one in results] == [True, False, True]
        assert (found.sent, found.unknown, found.not_sent) == (2, 2, 1)


def test_pages_by_bytes(files: FeedFiles, bucket: Bucket) -> None:
    bucket.objects[files.key(RESULTS)] = b"".join(b'{"n":%d}\n' % number for number in range(5))

    def page(start: int, most: int, most_bytes: int = 1000, even: bool = False) -> tuple[list[int], int | None]:
        found, following = files.page(RESULTS, start, most, most_bytes, lambda one: not even or one["n"] % 2 == 0)
        return [one["n"] for one in found], following

    first, following = page(0, 2)
    assert (first, page(following or 0, 9)) == ([0, 1], ([2, 3, 4], None))
    assert page(0, 9, most_bytes=10)[0] == [0]
    evens, following = page(0, 2, even=True)
    assert (evens, page(following or 0, 2, even=True)) == ([0, 2], ([4], None))
    assert page(10_000, 1) == ([], None)


def test_a_page_starts_where_an_entry_starts(files: FeedFiles, bucket: Bucket) -> None:
    """A token from before the feed's end has a place in other results."""
    entries = [{"line": number, "sku": "Ü"} for number in range(3)]
    bucket.objects[files.key(RESULTS)] = b"".join(map(line_of, entries))
    found, following = files.page(RESULTS, 0, 2, 1000, lambda _: True)
    assert (found, following) == (entries[:2], 2 * len(line_of(entries[0])))
    assert files.page(RESULTS, following or 0, 2, 1000, lambda _: True) == (entries[2:], None)
    for place in range(1, following or 0):
        if place != len(line_of(entries[0])):
            with pytest.raises(NoEntryError):
                files.page(RESULTS, place, 2, 1000, lambda _: True)
