"""The first step of a feed: checks the file line by line, and makes the document for Amazon from the good messages."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from quickstart.listings.feed_documents import (
    DEFAULT_LIMITS,
    Ending,
    FeedHeader,
    FeedMessage,
    FeedPart,
    Limits,
    Problem,
    read_feed,
    write_feed,
)
from quickstart.listings.feed_files import DOCUMENT, MESSAGES, PROBLEMS, UPLOAD, FeedFiles, line_of
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import Counts, FeedMode, FeedRecord, FeedState, OnBadMessages, ResultStatus

# With these, Amazon's report has the listings, and also errors that it finds after it has accepted a message
# (selling-partner-api-models issue 4801).
INCLUDED_DATA = ("summaries", "issues")
# A message that is wrong in more places than these shows the first ones.
_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class FeedCheck:
    """Checks a file. `folder` is where files are written before they are stored."""

    ledger: FeedLedger
    files: FeedFiles
    folder: Path
    limits: Limits = DEFAULT_LIMITS

    def check(self, record: FeedRecord) -> None:
        """Records the counts, or why nothing is sent. Can be repeated."""
        found = _Found()
        paths = {name: self.folder / f"{record.feed_request_id}-{name}" for name in (DOCUMENT, MESSAGES, PROBLEMS)}
        try:
            with paths[MESSAGES].open("wb") as messages, paths[PROBLEMS].open("wb") as problems:
                items = read_feed(
                    self.files.pieces(UPLOAD), limits=self.limits, seller_id=record.account.listing_seller_id
                )
                bodies = _Bodies(items, found, messages, problems)
                with paths[DOCUMENT].open("wb") as document:
                    written = _written(record, bodies, found, document)
            self._conclude(record, found, written, paths)
        finally:
            for path in paths.values():
                path.unlink(missing_ok=True)

    def _conclude(self, record: FeedRecord, found: "_Found", written: int, paths: dict[str, Path]) -> None:
        counts = Counts(found.good + found.bad, found.bad)
        layout = None if found.ending is None or found.ending.layout is None else str(found.ending.layout)
        refusal = _refusal(record, found, counts)
        if refusal is not None or record.mode is FeedMode.CHECK:
            self.files.store(PROBLEMS, paths[PROBLEMS])
            state = FeedState.CHECKED if refusal is None else FeedState.REFUSED
            message = refusal or f"The file has {_messages(counts.good)} that can be sent{_bad(counts)}."
            not_sent = counts.with_results({ResultStatus.NOT_SENT: counts.messages}, sent=0)
            self.ledger.concluded(record, state, message, not_sent, layout=layout, has_results=True)
            return
        for name in (DOCUMENT, MESSAGES, PROBLEMS):
            self.files.store(name, paths[name])
        self.ledger.checked(record, counts, layout or "", written)


@dataclass
class _Found:
    """What was read of a file."""

    good: int = 0
    bad: int = 0
    # The first problem of a message, and those of the whole file.
    first: Problem | None = None
    whole_file: list[Problem] = field(default_factory=list)
    header: FeedHeader | None = None
    ending: Ending | None = None


class _Bodies:
    """The bodies of the good messages. In passing, writes what is known of each message, and all problems."""

    def __init__(
        self,
        items: Iterator[FeedPart],
        found: _Found,
        messages: BinaryIO,
        problems: BinaryIO,
    ) -> None:
        self._items, self._found = items, found
        self._messages, self._problems = messages, problems
        self._of_one: list[Problem] = []

    def __iter__(self) -> Iterator[bytes]:
        for item in self._items:
            if isinstance(item, Problem) and not item.whole_file:
                if self._of_one and self._of_one[0].position != item.position:
                    self._flush()
                self._of_one.append(item)
                continue
            self._flush()
            if isinstance(item, Ending):
                self._found.ending = item
            elif isinstance(item, FeedHeader):
                self._found.header = item
            elif isinstance(item, Problem):
                self._found.whole_file.append(item)
                self._problems.write(line_of(_entry([item])))
            else:
                self._found.good += 1
                self._messages.write(line_of(_message_entry(item)))
                yield item.body

    def _flush(self) -> None:
        """Writes the problems of one message."""
        if not self._of_one:
            return
        self._found.bad += 1
        self._found.first = self._found.first or self._of_one[0]
        line = line_of(_entry(self._of_one))
        self._of_one = []
        self._messages.write(line)
        self._problems.write(line)


def _written(record: FeedRecord, bodies: _Bodies, found: _Found, document: BinaryIO) -> int:
    """The size of the document; 0 without a good message."""
    remaining = iter(bodies)
    first = next(remaining, None)
    if first is None:
        return 0
    # Amazon's examples have the header first. One that comes behind the messages is checked, and its wishes are lost.
    own = found.header or FeedHeader(record.account.listing_seller_id)
    included = (*INCLUDED_DATA, *(name for name in own.included_data if name not in INCLUDED_DATA))
    header = FeedHeader(record.account.listing_seller_id, record.issue_locale or own.issue_locale, included)
    return write_feed(header, itertools.chain((first,), remaining), document).length


def _refusal(record: FeedRecord, found: _Found, counts: Counts) -> str | None:
    """Why nothing of the file is sent; None when it is."""
    if found.whole_file:
        return f"Nothing was sent: {found.whole_file[0].sentence}"
    if record.message_count is not None and record.message_count != counts.messages:
        return (
            f"Nothing was sent: the file has {_messages(counts.messages)}, but MessageCount is {record.message_count}. "
            "The file may have been cut off"
        )
    if not counts.bad or (counts.good and record.on_bad is OnBadMessages.SKIP):
        return None
    first = "" if found.first is None else found.first.sentence
    if counts.messages == 1:
        return f"Nothing was sent: {first}"
    if not counts.good:
        return f"Nothing was sent: none of the {_messages(counts.bad)} can be sent. The first: {first}"
    return (
        f"Nothing was sent: {counts.bad:,} of {_messages(counts.messages)} cannot be sent. Correct them, or set "
        f"OnBadMessages to SKIP. The first: {first}"
    )


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number:,} messages"


def _bad(counts: Counts) -> str:
    return f", and {_messages(counts.bad)} that cannot" if counts.bad else ""


def _message_entry(message: FeedMessage) -> dict[str, object]:
    return {
        "line": message.position.line,
        "byte": message.position.byte,
        "messageId": message.message_id,
        "sku": message.sku,
        "operation": str(message.operation_type),
        "productType": message.content.get("productType"),
    }


def _entry(problems: list[Problem]) -> dict[str, object]:
    """The result of a message with problems, or of the whole file."""
    first = problems[0]
    return {
        "line": first.position.line,
        "byte": first.position.byte,
        "messageId": first.message_id,
        "sku": first.sku,
        "status": str(ResultStatus.NOT_SENT),
        "message": "; ".join(problem.sentence for problem in problems[:3]),
        "issues": [
            {
                "code": one.rule,
                "message": one.reason,
                "severity": "ERROR",
                **({"field": one.field} if one.field else {}),
            }
            for one in problems[:_MOST_PROBLEMS]
        ],
    }
