"""Reads submissions of listings and files of listings, with what to do about those that Amazon has refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from operations.console.console import output
from operations.stack import Stack
from quickstart.dynamodb import Table
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import FeedRecord, FeedState
from quickstart.listings.feed_requests import ListRequest as FeedListRequest
from quickstart.listings.feed_requests import list_feeds
from quickstart.listings.ledger import OPEN, OPEN_INDEX, ListingLedger
from quickstart.listings.reading import ListRequest, list_submissions
from quickstart.listings.records import Record, Status
from quickstart.paging import read_token

_PAGE = 25
# What a page reads at most when it leaves out submissions with another status.
_READS = 10
# Only for what the stack writes.
_UNUSED = timedelta()
_POSITION = ("ReceivedTime", "SubmissionId")
_FEED_POSITION = ("ReceivedTime", "FeedRequestId")

STATUSES: Mapping[Status, tuple[str, str, str]] = {
    Status.RECEIVED: ("waiting", "The stack has recorded the submission.", ""),
    Status.WAITING: ("waiting", "The stack first finishes another submission for the same SKU.", ""),
    Status.SENDING: ("waiting", "The stack is sending the submission.", ""),
    Status.ACCEPTED: ("waiting", "Amazon has accepted the submission and is processing it.", ""),
    Status.INVALID: (
        "bad",
        "Amazon checked the submission and rejected it at once.",
        "Correct the attributes that the issues name, then send the submission again.",
    ),
    Status.PUBLISHED: ("good", "The listing is published.", ""),
    Status.PUBLISHED_WITH_ISSUES: (
        "waiting",
        "The listing is published, and Amazon reports issues.",
        "Correct the attributes that the issues name, and send them with a PATCH.",
    ),
    Status.DELETED: ("good", "Amazon no longer has the listing.", ""),
    Status.REFUSED: (
        "bad",
        "SP-API rejected the request, or Amazon reports errors and does not show the listing.",
        "Correct the attributes that the issues name, then send the submission again.",
    ),
    Status.UNKNOWN: (
        "bad",
        "There was no outcome in time.",
        "Send the submission again. If that does not help, give Amazon's submission id to Seller Support.",
    ),
    Status.SUPERSEDED: ("plain", "A later submission for the SKU took its place.", ""),
    Status.FAILED: (
        "bad",
        "The stack could not send the submission.",
        "Fix the cause that the message names, then send the submission again.",
    ),
}
"""The colour of each status, what it means, and what to do: as docs/listings.md says."""
CODES: Mapping[str, str] = {
    "90220": "An attribute is missing: add the attribute that the issue names.",
    "8541": "Your attributes contradict Amazon's catalogue: compare the brand and the identifier.",
    "8572": "Amazon did not apply the exemption from identifiers: write the brand exactly as Amazon approved it.",
    "13013": "Amazon did not apply the exemption from identifiers: write the brand exactly as Amazon approved it.",
}
"""What to do about an issue with this code: as docs/listings.md says."""
FEED_STATES: Mapping[FeedState, str] = {
    FeedState.CHECKED: "good",
    FeedState.DONE: "good",
    FeedState.REFUSED: "bad",
    FeedState.FATAL: "bad",
    FeedState.CANCELLED: "bad",
    FeedState.FAILED: "bad",
    FeedState.EXPIRED: "plain",
}
"""The colour of each final state of a file."""


@dataclass(frozen=True)
class Entries:
    """A page, the newest first; `following` leads to the next one, empty at the end."""

    entries: Sequence[Mapping[str, Any]]
    following: str


@dataclass(frozen=True)
class Issue:
    """One of Amazon's issues; `advice` says what to do, empty if only the message does."""

    severity: str
    code: str
    message: str
    attributes: Sequence[str]
    advice: str


def read_submissions(stack: Stack, seller_id: str, status: str, after: str, now: datetime) -> Entries:
    """A page of the seller's submissions, with the names of GET /listings; `status` empty for all.

    An unreadable `after` leads to the first page. Raises DamagedItemError and what AWS raises.
    """
    table = _table(stack)
    found: list[Mapping[str, Any]] = []
    following = after
    for _ in range(_READS):
        position = read_token(following, _POSITION) if following else None
        page: Mapping[str, Any] = list_submissions(table, ListRequest(seller_id, status, _PAGE, position), now)
        found += page["submissions"]
        following = page.get("nextToken", "")
        if not following or len(found) >= _PAGE:
            break
    return Entries(found, following)


def read_open(stack: Stack) -> list[Record]:
    """The submissions of all sellers whose outcome is open, those that the stack looks at next first; a page of them.

    Raises DamagedItemError and what AWS raises.
    """
    table = _table(stack)
    keys, _ = table.sorted_page("Open", OPEN, index=OPEN_INDEX, limit=_PAGE)
    named = [{"SubmissionId": item["SubmissionId"], "SellerId": item["SellerId"]} for item in keys]
    # They come in no order.
    found = {(item["SubmissionId"], item["SellerId"]): item for item in table.get_many(named)}
    return [Record.from_item(found[key]) for item in named if (key := tuple(item.values())) in found]


def find_submission(stack: Stack, seller_id: str, submission_id: str) -> Record | None:
    """Raises DamagedItemError and what AWS raises."""
    return ListingLedger(_table(stack), _UNUSED).find(seller_id, submission_id)


def issues(record: Record) -> list[Issue]:
    """Amazon's issues of the submission, the errors first."""
    found = [
        Issue(
            str(issue.get("severity", "")),
            str(issue.get("code", "")),
            str(issue.get("message", "")),
            [str(name) for name in issue.get("attributeNames") or ()],
            CODES.get(str(issue.get("code", "")), ""),
        )
        for issue in record.issues
    ]
    return sorted(found, key=lambda issue: issue.severity != "ERROR")


def read_feeds(stack: Stack, seller_id: str, after: str) -> Entries:
    """A page of the seller's files, with the names of GET /listings/feeds. Raises as `read_submissions`."""
    position = read_token(after, _FEED_POSITION) if after else None
    page: Mapping[str, Any] = list_feeds(_feeds(stack), FeedListRequest(seller_id, _PAGE, position))
    return Entries(page["feeds"], page.get("nextToken", ""))


def find_feed(stack: Stack, seller_id: str, feed_request_id: str) -> FeedRecord | None:
    """Raises DamagedItemError and what AWS raises."""
    return _feeds(stack).find(seller_id, feed_request_id)


def _table(stack: Stack) -> Table:
    return Table(stack.client("dynamodb"), output(stack, "ListingsTableName"))


def _feeds(stack: Stack) -> FeedLedger:
    return FeedLedger(Table(stack.client("dynamodb"), output(stack, "ListingFeedsTableName")), _UNUSED)
