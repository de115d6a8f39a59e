"""What the stack knows of a feed: a file with listings of one account, from its request to the last acknowledgement."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from quickstart.dynamodb import Item, reading_item
from quickstart.listings.records import FEED_PREFIX, GATE_PREFIX, ListingOf, Party
from sp_api.regions import Region
from sp_api.wire import optional_text, text, texts


class FeedMode(StrEnum):
    """CHECK only checks the file, PUBLISH sends it."""

    PUBLISH = "PUBLISH"
    CHECK = "CHECK"


class OnBadMessages(StrEnum):
    """What to do with a file that has messages that Amazon would refuse."""

    REFUSE = "REFUSE"
    SKIP = "SKIP"


class FeedState(StrEnum):
    """Where a feed is."""

    AWAITING_UPLOAD = "AWAITING_UPLOAD"
    CHECKING = "CHECKING"
    # Waits for earlier feeds of the account, and for submissions of its SKUs that are being sent.
    QUEUED = "QUEUED"
    SENDING = "SENDING"
    # Amazon has it.
    PROCESSING = "PROCESSING"
    # Final from here on.
    CHECKED = "CHECKED"
    REFUSED = "REFUSED"
    DONE = "DONE"
    FATAL = "FATAL"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"

    @property
    def final(self) -> bool:
        """Whether nothing changes it any more."""
        return self not in _OPEN


_OPEN = frozenset(
    {
        FeedState.AWAITING_UPLOAD,
        FeedState.CHECKING,
        FeedState.QUEUED,
        FeedState.SENDING,
        FeedState.PROCESSING,
    }
)


class ResultStatus(StrEnum):
    """What became of a message."""

    PUBLISHED = "PUBLISHED"
    PUBLISHED_WITH_ISSUES = "PUBLISHED_WITH_ISSUES"
    # Amazon has accepted it and reports no error, but its report does not show the listing yet.
    ACCEPTED = "ACCEPTED"
    DELETED = "DELETED"
    # Amazon has refused the message.
    INVALID = "INVALID"
    # Amazon has accepted the message, but does not show the listing because of errors.
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"
    NOT_SENT = "NOT_SENT"


@dataclass(frozen=True)
class Counts:
    """How many messages a file has, how many of them are bad, how many were sent, and what became of all."""

    messages: int = 0
    bad: int = 0
    sent: int = 0
    published: int = 0
    published_with_issues: int = 0
    accepted: int = 0
    deleted: int = 0
    invalid: int = 0
    refused: int = 0
    unknown: int = 0
    not_sent: int = 0

    @property
    def good(self) -> int:
        """The messages that can be sent."""
        return self.messages - self.bad

    def with_results(self, results: Mapping[ResultStatus, int], *, sent: int) -> "Counts":
        """The counts with the outcome."""
        outcome = {str(status).lower(): number for status, number in results.items()}
        return Counts(**{"messages": self.messages, "bad": self.bad, "sent": sent, **outcome})

    def by_name(self) -> Mapping[str, int]:
        """With names as in answers: publishedWithIssues."""
        return {_camel_case(each.name): getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Counts":
        return cls(**{each.name: int(item.get(each.name, 0)) for each in fields(cls)})

    def to_item(self) -> Mapping[str, int]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True)
class FeedOf:
    """Whose listings a feed is for. `seller_id` names the stored token, `listing_seller_id` the id at Amazon."""

    seller_id: str
    region: Region
    marketplace_ids: tuple[str, ...]
    listing_seller_id: str
    party: Party = Party.SELLER

    @property
    def gate(self) -> str:
        """The key of the account's gate in the Listings table."""
        return f"{GATE_PREFIX}{self.region}#{self.listing_seller_id}"

    def listings(self, sku: str) -> list[ListingOf]:
        """The listings of a SKU, one in each marketplace."""
        return [
            ListingOf(self.seller_id, self.region, marketplace_id, sku, self.listing_seller_id, self.party)
            for marketplace_id in self.marketplace_ids
        ]


# The times of a feed besides ReceivedTime, in the order in which they come.
TIMES = ("UploadedTime", "CheckedTime", "SentTime", "ProcessedTime", "OutcomeTime", "AnnouncedTime")


@dataclass(frozen=True)
class FeedRecord:
    """A feed. `message` says the state in words; `runs` counts its executions."""

    feed_request_id: str
    account: FeedOf
    mode: FeedMode
    on_bad: OnBadMessages
    request_hash: str
    state: FeedState
    received: str
    upload_expires: str
    message: str = ""
    message_count: int | None = None
    client_token: str | None = None
    issue_locale: str | None = None
    layout: str | None = None
    size_bytes: int | None = None
    document_bytes: int = 0
    counts: Counts | None = None
    # When createFeed was about to be called and its answer is not recorded. Cleared when it is certain to have failed.
    creating: str | None = None
    lookups: int = 0
    feed_id: str | None = None
    amazon_status: str | None = None
    result_document_id: str | None = None
    report_asks: int = 0
    has_results: bool = False
    has_report: bool = False
    runs: int = 0
    news: str | None = None
    polled: str | None = None
    mailed: bool = False
    times: Mapping[str, str] = field(default_factory=dict)
    task_token: str | None = field(default=None, repr=False)

    @property
    def lane_entry(self) -> str:
        """The feed in the lanes of its SKUs."""
        return FEED_PREFIX + self.feed_request_id

    @property
    def announced(self) -> bool:
        """Whether the host product was told of the final state."""
        return "AnnouncedTime" in self.times

    @property
    def execution_name(self) -> str:
        """The name of the latest execution."""
        return self.feed_request_id if self.runs < 2 else f"{self.feed_request_id}-{self.runs}"

    @property
    def next_execution_name(self) -> str:
        """The name of the execution that takes the place of the latest one."""
        return f"{self.feed_request_id}-{self.runs + 1}" if self.runs else self.feed_request_id

    @classmethod
    def from_item(cls, item: Item) -> "FeedRecord":
        """Raises DamagedItemError."""
        with reading_item(f"{item.get('FeedRequestId')} of {item.get('SellerId')}"):
            return cls(
                feed_request_id=text(item, "FeedRequestId"),
                account=FeedOf(
                    text(item, "SellerId"),
                    Region(text(item, "RegionCode")),
                    texts(item, "MarketplaceIds"),
                    text(item, "ListingSellerId"),
                    Party(text(item, "PartyType")),
                ),
                mode=FeedMode(text(item, "Mode")),
                on_bad=OnBadMessages(text(item, "OnBadMessages")),
                request_hash=text(item, "RequestHash"),
                state=FeedState(text(item, "Status")),
                received=text(item, "ReceivedTime"),
                upload_expires=text(item, "UploadExpires"),
                message=optional_text(item, "Message") or "",
                message_count=_number(item, "MessageCount"),
                client_token=optional_text(item, "ClientToken"),
                issue_locale=optional_text(item, "IssueLocale"),
                layout=optional_text(item, "Layout"),
                size_bytes=_number(item, "SizeBytes"),
                document_bytes=_number(item, "DocumentBytes") or 0,
                counts=Counts.from_item(item["Counts"]) if "Counts" in item else None,
                creating=optional_text(item, "CreatingTime"),
                lookups=_number(item, "Lookups") or 0,
                feed_id=optional_text(item, "FeedId"),
                amazon_status=optional_text(item, "ProcessingStatus"),
                result_document_id=optional_text(item, "ResultFeedDocumentId"),
                report_asks=_number(item, "ReportAsks") or 0,
                has_results=bool(item.get("HasResults")),
                has_report=bool(item.get("HasReport")),
                runs=_number(item, "Runs") or 0,
                news=optional_text(item, "NewsTime"),
                polled=optional_text(item, "PolledTime"),
                mailed="MailedTime" in item,
                times={name: str(item[name]) for name in TIMES if name in item},
                task_token=optional_text(item, "TaskToken"),
            )


def _number(item: Item, name: str) -> int | None:
    return None if item.get(name) is None else int(item[name])


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
