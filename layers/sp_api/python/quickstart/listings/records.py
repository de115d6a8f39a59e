"""What the Listings table knows of a submission, and of the lane of a SKU."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from quickstart.dynamodb import Item, reading_item, unpacked_json
from quickstart.times import from_text
from sp_api.regions import Region
from sp_api.wire import optional_text, text

# No submission id contains "#".
LANE_PREFIX = "LANE#"
# The gate of an account's lanes, under this prefix, the region and the seller id or vendor code.
GATE_PREFIX = "GATE#"
# A feed holds the lanes of its SKUs, or waits in them, under this prefix and its id.
FEED_PREFIX = "FEED#"


class Operation(StrEnum):
    """What a submission does with the listing."""

    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class Status(StrEnum):
    """Where a submission is."""

    RECEIVED = "RECEIVED"
    # Another submission for the SKU is being sent.
    WAITING = "WAITING"
    # Sent, or about to be; Amazon's answer is not recorded yet.
    SENDING = "SENDING"
    ACCEPTED = "ACCEPTED"
    # Final from here on.
    INVALID = "INVALID"
    PUBLISHED = "PUBLISHED"
    PUBLISHED_WITH_ISSUES = "PUBLISHED_WITH_ISSUES"
    DELETED = "DELETED"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"
    SUPERSEDED = "SUPERSEDED"
    FAILED = "FAILED"

    @property
    def final(self) -> bool:
        """Whether nothing changes it any more."""
        return self not in (Status.RECEIVED, Status.WAITING, Status.SENDING, Status.ACCEPTED)

    @property
    def answered(self) -> bool:
        """Whether Amazon's answer is known, or there will be none."""
        return self.final or self is Status.ACCEPTED


class Party(StrEnum):
    """Sellers offer products to buyers, vendors sell to Amazon."""

    SELLER = "SELLER"
    VENDOR = "VENDOR"


@dataclass(frozen=True)
class ListingOf:
    """A listing. `seller_id` names the stored token, `listing_seller_id` the seller id or vendor code at Amazon."""

    seller_id: str
    region: Region
    marketplace_id: str
    sku: str
    listing_seller_id: str
    party: Party = Party.SELLER

    @property
    def gate(self) -> str:
        """The hash key of the account's gate."""
        return f"{GATE_PREFIX}{self.region}#{self.listing_seller_id}"

    @property
    def lane(self) -> str:
        """The hash key of the lane. A notice has all of its parts."""
        return lane_key(self.listing_seller_id, self.marketplace_id, self.sku)


def of_feed(entry: str | None) -> bool:
    """Whether an entry of a lane is a feed, and no submission."""
    return entry is not None and entry.startswith(FEED_PREFIX)


def message_submission_id(feed_request_id: str, sku: str) -> str:
    """The id of the record that a feed's message for this SKU gets: the same every time."""
    return hashlib.sha256(json.dumps([feed_request_id, sku]).encode()).hexdigest()[:32]


def lane_key(listing_seller_id: str, marketplace_id: str, sku: str) -> str:
    """Neither a seller id nor a marketplace id contains "#"; a SKU may, and comes last."""
    return f"{LANE_PREFIX}{listing_seller_id}#{marketplace_id}#{sku}"


@dataclass(frozen=True)
class Payload:
    """What is sent: a PUT has attributes, a PATCH patches as SP-API's model has them, a DELETE neither."""

    operation: Operation
    product_type: str = ""
    requirements: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    patches: tuple[Mapping[str, Any], ...] = ()
    issue_locale: str | None = None

    def packed(self) -> bytes:
        """As the item holds it: JSON, compressed."""
        content = {
            "productType": self.product_type,
            "requirements": self.requirements,
            "attributes": self.attributes,
            "patches": self.patches,
            "issueLocale": self.issue_locale,
        }
        return gzip.compress(json.dumps(content).encode(), mtime=0)


@dataclass(frozen=True)
class Record:
    """A submission. `issues` are Amazon's, as JSON; `message` says the status in words."""

    submission_id: str
    listing: ListingOf
    payload: Payload
    request_hash: str
    status: Status
    received: str
    message: str = ""
    asin: str | None = None
    issues: tuple[Mapping[str, Any], ...] = ()
    amazon_submission_id: str | None = None
    attempts: int = 0
    times: Mapping[str, str] = field(default_factory=dict)
    task_token: str | None = field(default=None, repr=False)
    announced: bool = False
    # Sent by an execution of its own, and the outcome is not announced yet.
    open: bool = False
    # Amazon's lastUpdatedDate of the listing when an earlier submission was followed.
    updated_before: str | None = None
    client_token: str | None = None
    # Set when the submission was a message of a feed.
    feed_request_id: str | None = None

    @classmethod
    def from_item(cls, item: Item) -> "Record":
        """Raises DamagedItemError."""
        with reading_item(f"{item.get('SubmissionId')} of {item.get('SellerId')}"):
            content = unpacked_json(item["Request"]) if "Request" in item else {}
            return cls(
                submission_id=text(item, "SubmissionId"),
                listing=ListingOf(
                    text(item, "SellerId"),
                    Region(text(item, "RegionCode")),
                    text(item, "MarketplaceId"),
                    text(item, "Sku"),
                    text(item, "ListingSellerId"),
                    Party(text(item, "PartyType")),
                ),
                payload=Payload(
                    Operation(text(item, "Operation")),
                    optional_text(item, "ProductType") or "",
                    content.get("requirements"),
                    content.get("attributes") or {},
                    tuple(content.get("patches") or ()),
                    content.get("issueLocale"),
                ),
                # A message of a feed has none: the feed's request has it.
                request_hash=optional_text(item, "RequestHash") or "",
                status=Status(text(item, "Status")),
                received=text(item, "ReceivedTime"),
                message=optional_text(item, "Message") or "",
                asin=optional_text(item, "Asin"),
                issues=tuple(unpacked(item["Issues"])) if "Issues" in item else (),
                amazon_submission_id=optional_text(item, "AmazonSubmissionId"),
                attempts=int(item.get("Attempts", 0)),
                times={name: text(item, name) for name in TIMES if _valid(optional_text(item, name))},
                task_token=optional_text(item, "TaskToken"),
                announced="AnnouncedTime" in item,
                open="Open" in item,
                updated_before=_valid(optional_text(item, "UpdatedBefore")),
                client_token=optional_text(item, "ClientToken"),
                feed_request_id=optional_text(item, "FeedRequestId"),
            )


def _valid(time: str | None) -> str | None:
    """The text of a time that can be calculated with. Raises ValueError for any other text."""
    from_text(time)
    return time


# The times of a record besides ReceivedTime, in the order in which they come.
TIMES = ("SentTime", "AnsweredTime", "NoticedTime", "CheckedTime", "OutcomeTime", "AnnouncedTime")


def packed(issues: object) -> bytes:
    """Issues as the item holds them: JSON, compressed, because a listing may have hundreds."""
    return gzip.compress(json.dumps(issues, ensure_ascii=False).encode(), mtime=0)


def unpacked(content: Any) -> list[dict[str, Any]]:
    """The inverse of `packed`. Raises ValueError or TypeError for anything else."""
    issues: list[dict[str, Any]] = unpacked_json(content)
    return issues
