"""What became of each message of a feed: from Amazon's report, and without one."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
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
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import Counts, FeedMode, FeedRecord, FeedState, OnBadMessages, ResultStatus
from quickstart.listings.feed_results import ReportedMessages, Verdict, judged, write_results
from quickstart.listings.processing_reports import ReportHeader, ReportItem, ReportPart, read_processing_report
from quickstart.listings.records import Party, message_submission_id
from tests.unit.quickstart.listings.test_feed_lanes import ACCOUNT, FRANCE, NOW, record
from tests.unit.quickstart.support import Aws, MemoryTable

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


def issue(number: object, severity: str = "ERROR", **more: Any) -> dict[str, Any]:
    """An issue of the report for ENTRY's message."""
    return {"messageId": 1, "code": f"c-{number}", "severity": severity, "message": f"m-{number}", **more}


def shown(number: object, severity: str = "ERROR", **more: Any) -> dict[str, Any]:
    """The same as a result has it."""
    return {"code": f"c-{number}", "message": f"m-{number}", "severity": severity, **more}


NO_ERROR = "Amazon has accepted the message and reports no error"
OF_ITEM = {"code": "c-9", "message": "m-9", "severity": "ERROR", "attributeNames": ["brand"]}


@pytest.mark.parametrize(
    ("issues", "items", "verdict"),
    [
        (
            [issue(1, "WARNING"), issue(2, attributeName="brand"), issue(3, sku="A-1")],
            [],
            Verdict(
                ResultStatus.INVALID,
                "Amazon refused the message: m-2; m-3",
                (shown(2, attributeNames=["brand"]), shown(3), shown(1, "WARNING")),
            ),
        ),
        (
            [issue(1, "WARNING")],
            None,
            Verdict(
                ResultStatus.ACCEPTED,
                f"{NO_ERROR}. Its report does not show the listing yet.",
                (shown(1, "WARNING"),),
            ),
        ),
        (
            [issue(1, "INFO")],
            [{"sku": "A-1", "summaries": BUYABLE}],
            Verdict(ResultStatus.PUBLISHED, "The listing is published.", (shown(1, "INFO"),), "B0SUITCASE"),
        ),
        (
            [issue(1, "WARNING")],
            [{"sku": "A-1", "summaries": BUYABLE, "issues": [OF_ITEM]}],
            Verdict(
                ResultStatus.PUBLISHED_WITH_ISSUES,
                "The listing is published, and Amazon reports issues.",
                (shown(1, "WARNING"), OF_ITEM),
                "B0SUITCASE",
            ),
        ),
        (
            [],
            [{"sku": "A-1", "summaries": [HIDDEN[0], {**HIDDEN[0], "asin": "B0LATER"}], "issues": [OF_ITEM]}],
            Verdict(
                ResultStatus.REFUSED,
                "The listing is not published, because of errors: m-9",
                (OF_ITEM,),
                "B0LATER",
            ),
        ),
        (
            [issue(1, "INFO")],
            [{"sku": "A-1", "summaries": HIDDEN}],
            Verdict(
                ResultStatus.ACCEPTED,
                f"{NO_ERROR}, but buyers cannot see the listing yet.",
                (shown(1, "INFO"),),
            ),
        ),
    ],
)
def test_what_became_of_a_message_and_why(
    tmp_path: Path, issues: list[Any], items: list[Any] | None, verdict: Verdict
) -> None:
    with reported(tmp_path, *issues, items=items) as found:
        assert judged(record("one"), ENTRY, found) == verdict


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        (
            [{"sku": "B", "summaries": BUYABLE}],
            Verdict(ResultStatus.DELETED, "Amazon has deleted the listing.", (shown(1, "INFO"),)),
        ),
        (
            [{"sku": "A-1", "summaries": []}],
            Verdict(ResultStatus.DELETED, "Amazon has deleted the listing.", (shown(1, "INFO"),)),
        ),
        (
            [{"sku": "A-1", "summaries": BUYABLE}],
            Verdict(ResultStatus.ACCEPTED, "Amazon has accepted the deletion.", (shown(1, "INFO"),)),
        ),
    ],
)
def test_what_became_of_a_deletion(tmp_path: Path, items: list[Any], verdict: Verdict) -> None:
    with reported(tmp_path, issue(1, "INFO"), items=items) as found:
        assert judged(record("one"), {**ENTRY, "operation": "DELETE"}, found) == verdict


def test_an_error_without_a_text_is_named_by_its_code(tmp_path: Path) -> None:
    item = {"sku": "A-1", "summaries": HIDDEN, "issues": [{**OF_ITEM, "message": ""}]}
    with reported(tmp_path, items=[item]) as found:
        verdict = judged(record("one"), ENTRY, found)
    assert verdict.message == "The listing is not published, because of errors: c-9"


def test_a_vendors_listing_with_errors_is_not_published(tmp_path: Path) -> None:
    vendor = replace(record("one"), account=replace(ACCOUNT, party=Party.VENDOR))
    with reported(tmp_path, items=[{"sku": "A-1", "summaries": BUYABLE, "issues": [OF_ITEM]}]) as found:
        assert judged(vendor, ENTRY, found).status is ResultStatus.REFUSED


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (3, "m-0; m-1; m-2"),
        (4, "m-0; m-1; m-2 (and 1 more)"),
        (50, "m-0; m-1; m-2 (and 47 more)"),
        # A result has at most 50; the report has all.
        (51, "m-0; m-1; m-2 (and 47 more)"),
    ],
)
def test_a_message_names_three_errors_and_a_result_has_fifty(tmp_path: Path, numbers: int, words: str) -> None:
    with reported(tmp_path, *map(issue, range(numbers))) as found:
        verdict = judged(record("one"), ENTRY, found)
    assert verdict.message == f"Amazon refused the message: {words}"
    assert verdict.issues == tuple(shown(number) for number in range(min(numbers, 50)))


def test_a_listing_with_many_issues_shows_fifty(tmp_path: Path) -> None:
    issues = [{"code": f"c-{number}", "message": "m", "severity": "WARNING"} for number in range(51)]
    with reported(tmp_path, items=[{"sku": "A-1", "summaries": BUYABLE, "issues": issues}]) as found:
        assert [one["code"] for one in judged(record("one"), ENTRY, found).issues] == [f"c-{n}" for n in range(50)]


def test_long_texts_of_amazon_are_cut(tmp_path: Path) -> None:
    for length in (999, 1000, 1001):
        with reported(tmp_path, {**issue(1), "message": "x" * length}) as found:
            verdict = judged(record("one"), ENTRY, found)
        assert verdict.issues[0]["message"] == "x" * min(length, 1000)
    with reported(tmp_path, *({**issue(number), "message": "x" * 999} for number in range(4))) as found:
        verdict = judged(record("one"), ENTRY, found)
    assert verdict.message == f"Amazon refused the message: {'x' * 999}; (and 1 more)"


def test_issues_of_the_whole_feed_are_fifty_at_most(tmp_path: Path) -> None:
    issues = [{name: value for name, value in issue(number).items() if name != "messageId"} for number in range(51)]
    with reported(tmp_path, *issues, processed=0) as found:
        verdict = judged(record("one"), ENTRY, found)
    assert verdict.status is ResultStatus.INVALID
    assert verdict.issues == tuple(map(shown, range(50)))
    assert verdict.message == "Amazon refused the whole feed: m-0; m-1; m-2 (and 47 more)"


def test_a_warning_about_the_whole_feed_refuses_nothing(tmp_path: Path) -> None:
    with reported(tmp_path, WARNING, processed=0) as found:
        assert judged(record("one"), ENTRY, found).status is ResultStatus.ACCEPTED


def test_without_a_report_no_error_of_the_feed_refuses_it(tmp_path: Path) -> None:
    with ReportedMessages(tmp_path / "report.sqlite") as found:
        found.compare([ENTRY])
        assert not found.incomplete
        found.whole_feed.append(ERROR)
        assert judged(record("one"), ENTRY, found).status is ResultStatus.ACCEPTED
        found.incomplete = True
        assert judged(record("one"), ENTRY, found).message.startswith("Amazon's report counts only 0 accepted")


class TestIncomplete:
    """The summary counts fewer accepted messages than there would have to be."""

    WORDS = (
        "Amazon's report counts only {} accepted messages, and does not say which. Look at the listing before you send "
        "the message again."
    )

    @pytest.mark.parametrize(
        ("parts", "accepted", "operations", "incomplete"),
        [
            ([], 2, ["UPDATE", "UPDATE"], False),
            ([], 1, ["UPDATE", "UPDATE"], True),
            # Amazon's example of a report does not count deletions.
            ([], 1, ["UPDATE", "DELETE"], False),
            ([issue(1)], 1, ["UPDATE", "UPDATE"], False),
            ([{**issue(1), "messageId": None, "sku": "S-1"}], 1, ["UPDATE", "UPDATE"], False),
            ([issue(1, "WARNING")], 1, ["UPDATE", "UPDATE"], True),
        ],
    )
    def test_each_message_without_an_error_counts(
        self, tmp_path: Path, parts: list[Any], accepted: int, operations: list[str], *, incomplete: bool
    ) -> None:
        sent = [
            {**ENTRY, "messageId": number, "sku": f"S-{number}", "operation": operation}
            for number, operation in enumerate(operations, 1)
        ]
        with reported(tmp_path, *parts, processed=accepted) as found:
            found.compare(sent)
            assert found.incomplete is incomplete

    @pytest.mark.parametrize("items", [None, [{"sku": "A-1", "summaries": []}]])
    def test_a_message_whose_listing_is_not_shown_is_unknown(self, tmp_path: Path, items: list[Any] | None) -> None:
        with reported(tmp_path, issue(1, "INFO"), items=items, processed=1234) as found:
            found.incomplete = True
            verdict = judged(record("one"), ENTRY, found)
        words = self.WORDS.format("1,234")
        assert verdict == Verdict(ResultStatus.UNKNOWN, words, (shown(1, "INFO"),))

    def test_one_whose_listing_is_shown_is_not(self, tmp_path: Path) -> None:
        with reported(tmp_path, items=[{"sku": "A-1", "summaries": BUYABLE}]) as found:
            found.incomplete = True
            assert judged(record("one"), ENTRY, found).status is ResultStatus.PUBLISHED

    def test_errors_of_the_whole_feed_are_said(self, tmp_path: Path) -> None:
        whole = [{name: value for name, value in issue(number).items() if name != "messageId"} for number in range(2)]
        own = [issue(number, "INFO") for number in range(2, 51)]
        with reported(tmp_path, *whole, *own, processed=1) as found:
            found.incomplete = True
            verdict = judged(record("one"), ENTRY, found)
        assert verdict.message == f"{self.WORDS.format(1)} Amazon reports: m-0; m-1"
        assert verdict.issues == (*(shown(number, "INFO") for number in range(2, 51)), shown(0))


class TestReport:
    def test_what_it_knows_of_a_sku(self, tmp_path: Path) -> None:
        items = [
            {"sku": "A-1", "summaries": BUYABLE, "issues": [], "attributes": {"color": []}},
            {"sku": "B", "attributes": {}},
        ]
        with reported(tmp_path, items=items) as found:
            assert found.item("A-1") == {"sku": "A-1", "summaries": BUYABLE, "issues": []}
            assert found.item("B") == {"sku": "B"}
            assert found.item("C") is None
            assert found.has_items
        with reported(tmp_path, items=[]) as found:
            assert not found.has_items

    def test_an_issue_belongs_to_its_message_and_to_its_sku(self, tmp_path: Path) -> None:
        parts = [issue(1, "WARNING"), {**issue(2), "messageId": 7, "sku": "A-1"}, {**issue(3), "messageId": 8}]
        with reported(tmp_path, *parts) as found:
            assert [one["code"] for one in found.issues(1, "other")] == ["c-1"]
            assert [one["code"] for one in found.issues(1, "A-1")] == ["c-2", "c-1"]
            assert (found.has_error(1, "other"), found.has_error(7, "x"), found.has_error(0, "A-1")) == (
                False,
                True,
                True,
            )
            assert found.header == ReportHeader("A1", "7")

    def test_its_file_is_of_one_report_and_is_deleted(self, tmp_path: Path) -> None:
        """A warm function may have one of an attempt that was killed."""
        (tmp_path / "report.sqlite").write_bytes(b"of an earlier attempt")
        with reported(tmp_path, issue(1)) as found:
            assert len(found.issues(1, "A-1")) == 1
        assert list(tmp_path.iterdir()) == []


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


class TestResults:
    ENTRIES = ({**ENTRY, "productType": None}, {"line": 2, "byte": 9, "status": "NOT_SENT", "message": "bad"})

    @pytest.mark.parametrize("sent", [True, False])
    def test_each_message_has_one_result(self, files: FeedFiles, bucket: Bucket, tmp_path: Path, *, sent: bool) -> None:
        bucket.objects[files.key(MESSAGES)] = b"".join(map(line_of, self.ENTRIES))
        verdict = Verdict(ResultStatus.UNKNOWN, "why", ({"code": "1"},), "B0")
        feed = replace(record("one"), counts=Counts(2, 1))
        counts = write_results(files, feed, tmp_path, verdict, sent=sent)
        assert counts == Counts(2, 1, 1 if sent else 0, unknown=1, not_sent=1)
        submission = {"submissionId": message_submission_id("one", "A-1")} if sent else {}
        assert list(files.entries(RESULTS)) == [
            {
                "line": 1,
                "byte": 1,
                "messageId": 1,
                "sku": "A-1",
                "operation": "UPDATE",
                "status": "UNKNOWN",
                "message": "why",
                "asin": "B0",
                **submission,
                "issues": [{"code": "1"}],
            },
            self.ENTRIES[1],
        ]
        assert list(tmp_path.iterdir()) == []

    def test_a_feed_without_counts_gets_those_of_its_results(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path
    ) -> None:
        bucket.objects[files.key(MESSAGES)] = line_of(ENTRY)
        verdict = Verdict(ResultStatus.UNKNOWN, "why")
        assert write_results(files, record("one"), tmp_path, verdict, sent=True) == Counts(unknown=1)

    def test_a_report_is_compared_with_the_messages_that_were_sent(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path
    ) -> None:
        bucket.objects[files.key(MESSAGES)] = b"".join(map(line_of, (ENTRY, self.ENTRIES[1])))
        with reported(tmp_path, items=[{"sku": "A-1", "summaries": BUYABLE}]) as found:
            counts = write_results(files, replace(record("one"), counts=Counts(2, 1)), tmp_path, found, sent=True)
            assert not found.incomplete
        assert counts == Counts(2, 1, 1, published=1, not_sent=1)
        assert next(iter(files.entries(RESULTS)))["productType"] == "LUGGAGE"

    def test_a_file_that_cannot_be_stored_is_not_left_behind(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError

        bucket.objects[files.key(MESSAGES)] = line_of(ENTRY)
        monkeypatch.setattr(bucket, "upload_file", full)
        with pytest.raises(OSError):  # noqa: PT011 - it has no text
            write_results(files, record("one"), tmp_path, Verdict(ResultStatus.UNKNOWN, "why"), sent=True)
        assert list(tmp_path.iterdir()) == []


class TestCheck:
    def recorded(self, files: FeedFiles, bucket: Bucket, folder: Path, text: str, **changed: Any) -> dict[str, Any]:
        """What the check records of the feed."""
        bucket.objects[files.key(UPLOAD)] = text.encode()
        memory = MemoryTable(Aws(), "FeedRequestId", "SellerId")
        ledger = FeedLedger(memory.table, timedelta(days=1), lambda: NOW)
        given = replace(record("one", FeedState.CHECKING), **changed)
        ledger.receive(given)
        FeedCheck(ledger, files, folder, Limits(most_messages=3000)).check(given)
        (item,) = memory.items
        item["Counts"] = {name: int(number) for name, number in item.get("Counts", {}).items() if number}
        names = ("Status", "Message", "Counts", "Layout", "DocumentBytes", "HasResults", "HasReport", "CheckedTime")
        return {name: item[name] for name in names if name in item}

    @pytest.mark.parametrize(
        ("text", "changed", "message", "counts"),
        [
            (
                LINE % "A" + BAD,
                {},
                "Nothing was sent: 1 of 2 messages cannot be sent. Correct them, or set OnBadMessages to SKIP. The "
                f"first: line 2, byte {len(LINE)}: productType: is missing; UPDATE needs it",
                {"messages": 2, "bad": 1, "not_sent": 2},
            ),
            (
                BAD * 2,
                {"on_bad": OnBadMessages.SKIP},
                "Nothing was sent: none of the 2 messages can be sent. The first: line 1, byte 1: productType: is "
                "missing; UPDATE needs it",
                {"messages": 2, "bad": 2, "not_sent": 2},
            ),
            (
                BAD,
                {},
                "Nothing was sent: line 1, byte 1: productType: is missing; UPDATE needs it",
                {"messages": 1, "bad": 1, "not_sent": 1},
            ),
            (
                LINE % "A" + LINE % "B",
                {"message_count": 3},
                "Nothing was sent: the file has 2 messages, but MessageCount is 3. The file may have been cut off",
                {"messages": 2, "not_sent": 2},
            ),
            (
                # Whatever is wrong with the file as a whole is said first.
                LINE % "A" + "{",
                {"message_count": 3, "on_bad": OnBadMessages.SKIP, "mode": FeedMode.CHECK},
                None,
                {"messages": 1, "not_sent": 1},
            ),
            (
                "".join(LINE % number for number in range(1000)) + BAD * 1200,
                {},
                None,
                {"messages": 2200, "bad": 1200, "not_sent": 2200},
            ),
        ],
    )
    def test_why_nothing_is_sent(
        self,
        files: FeedFiles,
        bucket: Bucket,
        tmp_path: Path,
        text: str,
        changed: dict[str, Any],
        message: str | None,
        counts: dict[str, int],
    ) -> None:
        found = self.recorded(files, bucket, tmp_path, text, **changed)
        said = found.pop("Message")
        assert found == {
            "Status": "REFUSED",
            "Counts": counts,
            "Layout": "JSON_LINES",
            "HasResults": True,
            "CheckedTime": "2026-11-26T12:00:00.000000+00:00",
        }
        if message is not None:
            assert said == message
        elif counts["messages"] > 1000:
            assert said.startswith("Nothing was sent: 1,200 of 2,200 messages cannot be sent. Correct them")
        else:
            assert said.startswith("Nothing was sent: line 2, byte ")
        assert set(bucket.objects) == {files.key(UPLOAD), files.key(PROBLEMS)}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (LINE % "A", "The file has 1 message that can be sent."),
            (
                LINE % "A" + LINE % "B" + BAD * 2,
                "The file has 2 messages that can be sent, and 2 messages that cannot.",
            ),
        ],
    )
    def test_what_a_check_says_of_a_file(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path, text: str, message: str
    ) -> None:
        changed = {"mode": FeedMode.CHECK, "on_bad": OnBadMessages.SKIP}
        found = self.recorded(files, bucket, tmp_path, text, **changed)
        assert (found["Status"], found["Message"], found["HasResults"]) == ("CHECKED", message, True)
        assert set(bucket.objects) == {files.key(UPLOAD), files.key(PROBLEMS)}

    def test_a_file_that_is_no_json_has_no_layout(self, files: FeedFiles, bucket: Bucket, tmp_path: Path) -> None:
        found = self.recorded(files, bucket, tmp_path, "sku;title\n")
        assert (found["Status"], "Layout" in found, found["Counts"]) == ("REFUSED", False, {})

    def test_of_several_problems_of_a_file_the_first_is_said(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path
    ) -> None:
        found = self.recorded(files, bucket, tmp_path, '{"$schema": "x"}')
        assert found["Message"] == "Nothing was sent: line 1, byte 1: header: the document has no header"
        problems = [entry["issues"][0]["message"] for entry in files.entries(PROBLEMS)]
        assert problems == ["the document has no header", "the document has no messages"]

    def test_a_good_file_is_queued_with_the_size_of_its_document(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path
    ) -> None:
        changed: dict[str, Any] = {"on_bad": OnBadMessages.SKIP, "message_count": 2}
        assert self.recorded(files, bucket, tmp_path, LINE % "A" + BAD, **changed) == {
            "Status": "QUEUED",
            "Message": "The feed waits for its turn.",
            "Counts": {"messages": 2, "bad": 1},
            "Layout": "JSON_LINES",
            "DocumentBytes": len(bucket.objects[files.key(DOCUMENT)]),
            "CheckedTime": "2026-11-26T12:00:00.000000+00:00",
        }
        assert set(bucket.objects) == {files.key(name) for name in (UPLOAD, DOCUMENT, MESSAGES, PROBLEMS)}

    def test_what_is_known_of_each_message(self, files: FeedFiles, bucket: Bucket, tmp_path: Path) -> None:
        """In the order of the file. The problems are also on their own."""
        worst = '{"operationType":"UPDATE","patches":1}\n'
        delete = '{"sku":"B","operationType":"DELETE"}\n'
        text = LINE % "A" + BAD + worst + delete + BAD
        self.recorded(files, bucket, tmp_path, text, on_bad=OnBadMessages.SKIP)
        starts = [1 + sum(map(len, text.splitlines(keepends=True)[:number])) for number in range(5)]

        def error(rule: str, reason: str, field: str) -> dict[str, str]:
            return {"code": rule, "message": reason, "severity": "ERROR", "field": field}

        def bad(number: int) -> dict[str, Any]:
            at = f"line {number + 1}, byte {starts[number]}"
            needs = "is missing; UPDATE needs it"
            return {
                "line": number + 1,
                "byte": starts[number],
                "sku": "BAD",
                "status": "NOT_SENT",
                "message": f"{at}: productType: {needs}; {at}: attributes: {needs}",
                "issues": [error("missing", needs, "productType"), error("missing", needs, "attributes")],
            }

        entries = list(files.entries(MESSAGES))
        assert entries[0] == {
            "line": 1,
            "byte": 1,
            "messageId": 1,
            "sku": "A",
            "operation": "UPDATE",
            "productType": "LUGGAGE",
        }
        assert (entries[1], entries[4]) == (bad(1), bad(4))
        assert entries[3] == {"line": 4, "byte": starts[3], "messageId": 4, "sku": "B", "operation": "DELETE"}
        at = f"line 3, byte {starts[2]}"
        assert entries[2]["message"] == (
            f"{at}: sku: is missing; {at}: patches: must be a list with at least one patch; {at}: productType: is "
            "missing; UPDATE needs it"
        )
        assert [issue["field"] for issue in entries[2]["issues"]] == [
            "sku",
            "patches",
            "productType",
            "attributes",
            "patches",
        ]
        assert list(files.entries(PROBLEMS)) == [entries[1], entries[2], entries[4]]
        assert len(entries) == 5

    def test_a_result_has_the_first_20_problems(self, files: FeedFiles, bucket: Bucket, tmp_path: Path) -> None:
        patches = [1] * 20
        text = json.dumps({"sku": "A", "operationType": "PATCH", "patches": patches}) + "\n"
        self.recorded(files, bucket, tmp_path, text)
        (problem,) = files.entries(PROBLEMS)
        # The product type is missing too.
        assert [issue["field"] for issue in problem["issues"]] == [f"patches/{number}" for number in range(20)]

    def test_a_problem_of_the_whole_file(self, files: FeedFiles, bucket: Bucket, tmp_path: Path) -> None:
        self.recorded(files, bucket, tmp_path, "\n")
        reason = "the file has no message"
        assert list(files.entries(PROBLEMS)) == [
            {
                "line": 2,
                "byte": 2,
                "status": "NOT_SENT",
                "message": f"line 2, byte 2: {reason}",
                "issues": [{"code": "noMessages", "message": reason, "severity": "ERROR"}],
            }
        ]

    @pytest.mark.parametrize(
        ("asked", "own", "locale"), [(None, "fr_FR", "fr_FR"), ("de_DE", "fr_FR", "de_DE"), (None, None, None)]
    )
    def test_the_document_is_for_the_account_in_the_language_of_the_request(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path, asked: str | None, own: str | None, locale: str | None
    ) -> None:
        header = {"sellerId": "MOULI", "version": "2.0", **({"issueLocale": own} if own else {})}
        text = json.dumps({"header": header, "messages": [{"messageId": 5, **json.loads(LINE % "A")}]})
        account = replace(ACCOUNT, listing_seller_id="MOULI", party=Party.VENDOR)
        found = self.recorded(files, bucket, tmp_path, text, account=account, issue_locale=asked)
        assert (found["Status"], found["Layout"]) == ("QUEUED", "DOCUMENT")
        made = json.loads(bucket.objects[files.key(DOCUMENT)])
        assert made["header"] == {
            "sellerId": "MOULI",
            "version": "2.0",
            **({"issueLocale": locale} if locale else {}),
            "report": {"includedData": ["summaries", "issues"], "apiVersion": "2021-08-01"},
        }
        other = self.recorded(files, bucket, tmp_path, text)
        assert (other["Status"], "the file is for MOULI, but the request for A1" in other["Message"]) == (
            "REFUSED",
            True,
        )

    def test_the_wishes_of_a_header_behind_the_messages_are_lost(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path
    ) -> None:
        messages = [{"messageId": number, **json.loads(LINE % number)} for number in (1, 2)]
        header = {"sellerId": "A1", "version": "2.0", "issueLocale": "fr_FR"}
        self.recorded(files, bucket, tmp_path, json.dumps({"messages": messages, "header": header}))
        made = json.loads(bucket.objects[files.key(DOCUMENT)])
        assert "issueLocale" not in made["header"]
        assert [one["sku"] for one in made["messages"]] == ["1", "2"]

    def test_no_file_stays_when_the_upload_cannot_be_read(
        self, files: FeedFiles, bucket: Bucket, tmp_path: Path
    ) -> None:
        ledger: Any = None
        with pytest.raises(KeyError):
            FeedCheck(ledger, files, tmp_path).check(record("one", FeedState.CHECKING))
        assert list(tmp_path.iterdir()) == []
        assert bucket.objects == {}

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
