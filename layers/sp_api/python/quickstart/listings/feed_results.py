"""What became of each message of a feed, from Amazon's processing report.

The report of 25,000 messages with their listings is too large for a function's memory, and names messages in any order.
So its issues and listings go into a SQLite file in the function's folder, and the results are written in the order of
the uploaded file.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstart.listings.feed_files import MESSAGES, RESULTS, Entry, FeedFiles, line_of
from quickstart.listings.feed_records import Counts, FeedRecord, ResultStatus
from quickstart.listings.outcomes import issue_json
from quickstart.listings.processing_reports import (
    ReportHeader,
    ReportIssue,
    ReportItem,
    ReportPart,
    ReportSummary,
    Severity,
)
from quickstart.listings.records import Party, message_submission_id
from sp_api.listings import IssueSeverity, read_item
from sp_api.wire import MalformedError

# A result has at most these; Amazon's report, which is stored too, has all.
_MOST_ISSUES, _LONGEST_MESSAGE = 50, 1000
_WRITTEN_AT_ONCE = 1000


@dataclass(frozen=True)
class Verdict:
    """What became of a message, and why. `issues` are as in answers."""

    status: ResultStatus
    message: str
    issues: tuple[Mapping[str, Any], ...] = ()
    asin: str | None = None


class ReportedMessages:
    """Amazon's report, message by message. A context manager: the file is deleted at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("CREATE TABLE issues (message_id INTEGER, sku TEXT, is_error INTEGER, issue TEXT)")
        self._database.execute("CREATE TABLE items (sku TEXT PRIMARY KEY, item TEXT)")
        self.whole_feed: list[Mapping[str, Any]] = []
        self.header: ReportHeader | None = None
        self.summary: ReportSummary | None = None
        # Whether the summary counts fewer accepted messages than would have to be, by the issues.
        self.incomplete = False

    def __enter__(self) -> "ReportedMessages":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._path.unlink(missing_ok=True)

    def read(self, parts: Iterator[ReportPart]) -> None:
        """Reads a report to its end. Raises ProcessingReportError, and then keeps nothing."""
        for number, part in enumerate(parts):
            if isinstance(part, ReportIssue):
                self._add_issue(part)
            elif isinstance(part, ReportItem):
                self._database.execute(
                    "INSERT OR REPLACE INTO items VALUES (?, ?)", (part.sku, _shortened(part.content))
                )
            elif isinstance(part, ReportHeader):
                self.header = part
            else:
                self.summary = part
            if number % _WRITTEN_AT_ONCE == 0:
                self._database.commit()
        self._database.execute("CREATE INDEX by_message ON issues (message_id)")
        self._database.execute("CREATE INDEX by_sku ON issues (sku)")
        self._database.commit()

    def issues(self, message_id: int, sku: str) -> list[Mapping[str, Any]]:
        """The issues of a message, errors first. Amazon's schema requires neither its id nor its SKU; one that names
        another message beside the SKU is one of the SKU too.
        """
        found = self._database.execute(
            "SELECT issue FROM issues WHERE message_id = ?1 OR sku = ?2 ORDER BY is_error DESC, rowid LIMIT ?3",
            (message_id, sku, _MOST_ISSUES),
        )
        return [json.loads(issue) for (issue,) in found]

    def has_error(self, message_id: int, sku: str) -> bool:
        """Whether one of the message's issues is an error."""
        found = self._database.execute(
            "SELECT 1 FROM issues WHERE (message_id = ?1 OR sku = ?2) AND is_error LIMIT 1", (message_id, sku)
        )
        return found.fetchone() is not None

    def compare(self, sent: Iterable[Entry]) -> None:
        """Compares the summary with the messages that were sent.

        Deletions are left out: Amazon's example of a report does not count them.
        """
        without_error = sum(
            1
            for entry in sent
            if entry["operation"] != "DELETE" and not self.has_error(int(entry["messageId"]), str(entry["sku"]))
        )
        self.incomplete = self.summary is not None and self.summary.messages_accepted < without_error

    def item(self, sku: str) -> Mapping[str, Any] | None:
        """The listing in the report; None when it is not there."""
        found = self._database.execute("SELECT item FROM items WHERE sku = ?", (sku,)).fetchone()
        return None if found is None else json.loads(found[0])

    @property
    def has_items(self) -> bool:
        """Whether the report has listings at all."""
        return self._database.execute("SELECT 1 FROM items LIMIT 1").fetchone() is not None

    def _add_issue(self, issue: ReportIssue) -> None:
        entry: dict[str, Any] = {
            "code": issue.code,
            "message": issue.message[:_LONGEST_MESSAGE],
            "severity": str(issue.severity),
            "attributeNames": [issue.attribute_name] if issue.attribute_name else None,
        }
        entry = {name: value for name, value in entry.items() if value is not None}
        if issue.message_id is None and issue.sku is None:
            if len(self.whole_feed) < _MOST_ISSUES:
                self.whole_feed.append(entry)
            return
        is_error = issue.severity == Severity.ERROR
        self._database.execute(
            "INSERT INTO issues VALUES (?, ?, ?, ?)",
            (issue.message_id, issue.sku, is_error, json.dumps(entry, ensure_ascii=False)),
        )


def judged(record: FeedRecord, entry: Entry, reported: ReportedMessages) -> Verdict:
    """What the report says about a message that was sent."""
    issues = reported.issues(int(entry["messageId"]), str(entry["sku"]))
    errors = [issue for issue in issues if issue["severity"] == IssueSeverity.ERROR]
    if errors:
        return Verdict(ResultStatus.INVALID, f"Amazon refused the message: {_words(errors)}", tuple(issues))
    whole = [issue for issue in reported.whole_feed if issue["severity"] == IssueSeverity.ERROR]
    if whole and reported.summary is not None and not reported.summary.messages_accepted:
        return Verdict(ResultStatus.INVALID, f"Amazon refused the whole feed: {_words(whole)}", tuple(whole))
    document = reported.item(str(entry["sku"]))
    try:
        item = None if document is None else read_item(document)
    except MalformedError:
        item = None
    if reported.incomplete and (item is None or not item.summaries):
        counted = 0 if reported.summary is None else reported.summary.messages_accepted
        message = (
            f"Amazon's report counts only {counted:,} accepted messages, and does not say which. Look at the listing "
            "before you send the message again."
        )
        message += f" Amazon reports: {_words(whole)}" if whole else ""
        return Verdict(ResultStatus.UNKNOWN, message, tuple((*issues, *whole)[:_MOST_ISSUES]))
    if entry["operation"] == "DELETE":
        if reported.has_items and (item is None or not item.summaries):
            return Verdict(ResultStatus.DELETED, "Amazon has deleted the listing.", tuple(issues))
        return Verdict(ResultStatus.ACCEPTED, "Amazon has accepted the deletion.", tuple(issues))
    if item is None or not item.summaries:
        message = "Amazon has accepted the message and reports no error. Its report does not show the listing yet."
        return Verdict(ResultStatus.ACCEPTED, message, tuple(issues))
    # The same issue can be reported for the message and for the listing.
    both = list({json.dumps(one, sort_keys=True): one for one in (*issues, *map(issue_json, item.issues))}.values())
    of_item = [issue_json(issue) for issue in item.issues if issue.severity == IssueSeverity.ERROR]
    asin = next((summary.asin for summary in item.summaries if summary.asin), None)
    statuses = {str(status) for summary in item.summaries for status in summary.statuses}
    published = not of_item if record.account.party is Party.VENDOR else bool(statuses)
    shown = tuple(both[:_MOST_ISSUES])
    if published and any(issue["severity"] != IssueSeverity.INFO for issue in both):
        message = "The listing is published, and Amazon reports issues."
        return Verdict(ResultStatus.PUBLISHED_WITH_ISSUES, message, shown, asin)
    if published:
        return Verdict(ResultStatus.PUBLISHED, "The listing is published.", shown, asin)
    if of_item:
        message = f"The listing is not published, because of errors: {_words(of_item)}"
        return Verdict(ResultStatus.REFUSED, message, shown, asin)
    message = "Amazon has accepted the message and reports no error, but buyers cannot see the listing yet."
    return Verdict(ResultStatus.ACCEPTED, message, shown, asin)


def write_results(
    files: FeedFiles, record: FeedRecord, folder: Path, verdict: Verdict | ReportedMessages, *, sent: bool
) -> Counts:
    """Stores the outcome of every message, in the order of the file, and returns the counts. Can be repeated.

    `verdict` is the same one for all messages that were sent, or Amazon's report.
    """
    path = folder / f"{record.feed_request_id}-{RESULTS}"
    if isinstance(verdict, ReportedMessages):
        verdict.compare(entry for entry in files.entries(MESSAGES) if "status" not in entry)
    counted: Counter[ResultStatus] = Counter()
    try:
        with path.open("wb") as results:
            for entry in files.entries(MESSAGES):
                if "status" in entry:
                    counted[ResultStatus.NOT_SENT] += 1
                    results.write(line_of(entry))
                    continue
                one = judged(record, entry, verdict) if isinstance(verdict, ReportedMessages) else verdict
                counted[one.status] += 1
                results.write(line_of(_result(record, entry, one, sent=sent)))
        files.store(RESULTS, path)
    finally:
        path.unlink(missing_ok=True)
    counts = record.counts or Counts()
    return counts.with_results(counted, sent=counts.good if sent else 0)


def _result(record: FeedRecord, entry: Entry, verdict: Verdict, *, sent: bool) -> Entry:
    return {
        **{name: entry[name] for name in ("line", "byte", "messageId", "sku", "operation") if name in entry},
        "status": str(verdict.status),
        "message": verdict.message,
        "asin": verdict.asin,
        "submissionId": message_submission_id(record.feed_request_id, str(entry["sku"])) if sent else None,
        "productType": entry.get("productType"),
        "issues": list(verdict.issues),
    }


def _words(issues: Sequence[Mapping[str, Any]]) -> str:
    shown = "; ".join(str(issue.get("message") or issue.get("code")) for issue in issues[:3])
    return shown[:_LONGEST_MESSAGE] + (f" (and {len(issues) - 3} more)" if len(issues) > 3 else "")


def _shortened(item: Mapping[str, Any]) -> str:
    """What the verdict needs of a listing: attributes make up most of one."""
    return json.dumps({name: item[name] for name in ("sku", "summaries", "issues") if name in item}, ensure_ascii=False)
