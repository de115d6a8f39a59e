"""Removes a seller: ends the subscriptions and permanently deletes tokens, records, attempts to connect, and reports.

Amazon's Data Protection Policy requires that a seller's data be deleted on request. Every step can be repeated; the
next run continues where this one stopped.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quickstart.dynamodb import MOST_WRITTEN_AT_ONCE, Item, Table
from quickstart.notifications.ending import end_subscription
from quickstart.notifications.subscription_records import SubscriptionRecord, SubscriptionRecords
from quickstart.object_versions import object_versions
from quickstart.observability import logger
from quickstart.refusals import FieldError, Refusal
from quickstart.reports.ledger import NOT_A_REPORT, SELLER_INDEX
from quickstart.token_vault import delete_tokens
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.errors import PermanentError, SellingPartnerApiError, ThrottledError
from sp_api.regions import Region

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The most keys in memory.
_MOST_ITEMS = 1000
# Between two attempts to delete what DynamoDB had no capacity for: at most so long, doubled each time.
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 1.0


@dataclass(frozen=True)
class Remainder:
    """Something that remains: a code, a message, and how many seconds to wait before a retry.

    `needs_token` is whether the next run may need the seller's token for it.
    """

    code: str
    message: str
    retry_after: float = 1.0
    needs_token: bool = False


@dataclass(frozen=True)
class Departure:
    """How much one run removed, and what remains."""

    seller_id: str
    tokens_deleted: int
    subscriptions_ended: int
    reports_deleted: int
    objects_deleted: int
    solicitations_deleted: int
    pulls_deleted: int
    listing_records_deleted: int
    listing_feeds_deleted: int
    authorizations_deleted: int
    remaining: tuple[Remainder, ...]

    def described(self) -> Mapping[str, object]:
        """The answer's body."""
        return {
            "sellerId": self.seller_id,
            "status": "SUCCESS",
            "tokensDeleted": self.tokens_deleted,
            "subscriptionsEnded": self.subscriptions_ended,
            "reportsDeleted": self.reports_deleted,
            "objectsDeleted": self.objects_deleted,
            "solicitationsDeleted": self.solicitations_deleted,
            "pullsDeleted": self.pulls_deleted,
            "listingRecordsDeleted": self.listing_records_deleted,
            "listingFeedsDeleted": self.listing_feeds_deleted,
            "authorizationsDeleted": self.authorizations_deleted,
        }


class DepartureIncompleteError(Refusal):
    """Part of the seller's data remains; sending the same request again continues the removal."""

    status = 503
    code = "SellerRemains"
    field = "SellerId"

    def __init__(self, departure: Departure) -> None:
        self.departure = departure
        self.retry_after = max(remainder.retry_after for remainder in departure.remaining)
        super().__init__(
            f"seller {departure.seller_id} was only partly removed; send the request again. This request deleted "
            f"{departure.tokens_deleted} tokens, {departure.reports_deleted} reports in the table, "
            f"{departure.objects_deleted} stored objects, {departure.solicitations_deleted} orders in the "
            f"solicitations table, {departure.pulls_deleted} pulls of product types, "
            f"{departure.listing_records_deleted} records of listings, "
            f"{departure.listing_feeds_deleted} records of files of listings and {departure.authorizations_deleted} "
            f"authorizations, and ended {departure.subscriptions_ended} subscriptions"
        )

    @property
    def errors(self) -> tuple[FieldError, ...]:
        remaining = (
            FieldError(None, remainder.code, remainder.message, "sellerremains")
            for remainder in self.departure.remaining
        )
        return (*super().errors, *remaining)


@dataclass(frozen=True)
class SellerItems:
    """A table, an index that finds a seller's items in it, and the attributes of its key.

    `key` are the attributes of the table's key. `code` and `words` describe remaining items in an answer. Items with a
    value of `uncounted`, such as those of requests and quotas, are deleted and not counted; its attributes are in the
    index.
    """

    table: Table
    index: str
    key: tuple[str, ...]
    code: str
    words: str
    uncounted: Item | None = None

    def key_of(self, item: Item) -> Item:
        """The key of an item of the index."""
        return {name: item[name] for name in self.key}

    def counts(self, item: Item) -> bool:
        """Whether the answer counts this item."""
        return not any(item.get(name) == value for name, value in (self.uncounted or {}).items())


@dataclass(frozen=True)
class Identities:
    """Who ends subscriptions: the grantless application in a region, or the seller with its stored token."""

    application: Callable[[Region], Caller]
    seller: Callable[[Region], Caller]


@dataclass(frozen=True)
class SellerObjects:
    """A bucket whose keys begin with the seller's id. `words` describe remaining objects in an answer."""

    bucket: str
    words: str


@dataclass(frozen=True)
class StoredReports:
    """The bucket with the documents and the Reports table; `more` are other buckets with a seller's objects."""

    s3: "S3Client"
    bucket: str
    table: Table
    more: tuple[SellerObjects, ...] = ()


def remove_seller(
    seller_id: str,
    selling_partners_table: Table,
    identities: Identities,
    stored_reports: StoredReports,
    solicitations: SellerItems | None,
    pulls: SellerItems | None,
    listings: SellerItems | None,
    listing_feeds: SellerItems | None,
    authorizations: SellerItems | None,
    deadline: Deadline,
) -> Departure:
    """Deletes all of the seller's data in this stack.

    Subscriptions are ended by their ids, as the application; the seller's token may be revoked. SP-API requires that
    token for some types, so tokens are deleted after the subscriptions, and kept for the next run while a subscription
    may still need them. Subscriptions recorded in the meantime are ended too. When an order's schedule fires after its
    record was deleted, the workflow ends without a request. Objects are deleted after the records: what stores one
    meanwhile deletes it again when the record is gone. Attempts to connect are deleted last: anybody can add some
    through the log-in URI, and they must not use up the time. `solicitations` is None when the stack requests no
    reviews, `pulls` when it fetches no product types, `listings` and `listing_feeds` when it publishes none,
    `authorizations` when sellers do not connect themselves. Raises DepartureIncompleteError when something remains.
    """
    remaining: list[Remainder] = []
    records = SubscriptionRecords(selling_partners_table)
    known = records.of_seller(seller_id)
    subscriptions = _end_subscriptions(records, known, identities, remaining)
    tokens = 0
    if not any(remainder.needs_token for remainder in remaining):
        tokens = delete_tokens(selling_partners_table, seller_id)
        new = [record for record in records.of_seller(seller_id) if record not in known]
        subscriptions += _end_subscriptions(records, new, identities, remaining)
    reports = _delete_items(
        SellerItems(
            stored_reports.table,
            SELLER_INDEX,
            ("ReportId", "SellerId"),
            "ReportsRemain",
            "reports in the table",
            uncounted={"CreatedTime": NOT_A_REPORT},
        ),
        seller_id,
        deadline,
        remaining,
    )
    orders = _delete_items(solicitations, seller_id, deadline, remaining)
    pulled = _delete_items(pulls, seller_id, deadline, remaining)
    # Feeds first: what records the outcomes of a feed's messages stops when the feed has no record.
    files = _delete_items(listing_feeds, seller_id, deadline, remaining)
    submitted = _delete_items(listings, seller_id, deadline, remaining)
    buckets = (SellerObjects(stored_reports.bucket, "stored reports"), *stored_reports.more)
    objects = sum(_delete_objects(stored_reports.s3, each, seller_id, deadline, remaining) for each in buckets)
    attempts = _delete_items(authorizations, seller_id, deadline, remaining)
    departure = Departure(
        seller_id, tokens, subscriptions, reports, objects, orders, pulled, submitted, files, attempts, tuple(remaining)
    )
    if remaining:
        raise DepartureIncompleteError(departure)
    logger().info("seller removed", extra={"result": departure.described()})
    return departure


def _end_subscriptions(
    records: SubscriptionRecords,
    recorded: Sequence[SubscriptionRecord],
    identities: Identities,
    remaining: list[Remainder],
) -> int:
    """Deletes each record after its subscription has ended; a region that throttles is skipped until the next run."""
    ended = 0
    throttled: dict[Region, ThrottledError] = {}
    for record in recorded:
        error: SellingPartnerApiError | None = throttled.get(record.region)
        if error is None:
            try:
                _end(record, identities)
                records.remove(record)
                ended += 1
                continue
            except ThrottledError as refusal:
                throttled[record.region] = error = refusal
            except SellingPartnerApiError as refusal:
                error = refusal
        remaining.append(_subscription_that_remains(record, error))
    return ended


def _end(record: SubscriptionRecord, identities: Identities) -> None:
    end_subscription(
        identities.application(record.region),
        lambda: identities.seller(record.region),
        record.notification_type,
        record.subscription_id,
    )


def _subscription_that_remains(record: SubscriptionRecord, error: SellingPartnerApiError) -> Remainder:
    name = f"{record.subscription_id} to {record.notification_type} in region {record.region}"
    return Remainder(
        "SubscriptionRemains",
        f"subscription {name}: {error}",
        error.retry_after if isinstance(error, ThrottledError) else 1.0,
        needs_token=not isinstance(error, PermanentError),
    )


def _delete_objects(
    s3: "S3Client", objects: SellerObjects, seller_id: str, deadline: Deadline, remaining: list[Remainder]
) -> int:
    """Deletes every version of every object: only that deletes permanently in a versioned bucket."""
    deleted = 0
    while versions := list(object_versions(s3, objects.bucket, f"{seller_id}/")):
        if deadline.spent:
            message = f"{len(versions)} or more versions of {objects.words}: the request ran out of time"
            remaining.append(Remainder("StoredReportsRemain", message))
            break
        answer = s3.delete_objects(Bucket=objects.bucket, Delete={"Objects": versions, "Quiet": True})
        errors = answer.get("Errors", [])
        deleted += len(versions) - len(errors)
        if errors:
            message = f"{len(errors)} or more versions of {objects.words}: {errors[0].get('Message', '')}"
            remaining.append(Remainder("StoredReportsRemain", message))
            break
    return deleted


def _delete_items(items: SellerItems | None, seller_id: str, deadline: Deadline, remaining: list[Remainder]) -> int:
    """Deletes the seller's items and returns how many of them count.

    They are read page by page and not counted first: there may be more than can be read in time.
    """
    if items is None:
        return 0
    deleted = 0
    attributes = dict.fromkeys((*items.key, *(items.uncounted or {})))
    for page in items.table.pages("SellerId", seller_id, index=items.index, attributes=attributes, limit=_MOST_ITEMS):
        # An index may show an item twice while the item changes, and DynamoDB refuses a batch with equal keys.
        found = list({tuple(item[name] for name in items.key): item for item in page}.values())
        for start in range(0, len(found), MOST_WRITTEN_AT_ONCE):
            batch = found[start : start + MOST_WRITTEN_AT_ONCE]
            left = _delete_batch(items, batch, deadline)
            deleted += sum(items.counts(item) for item in batch if items.key_of(item) not in left)
            if left:
                remaining.append(Remainder(items.code, f"{items.words}: the request ran out of time"))
                return deleted
    return deleted


def _delete_batch(items: SellerItems, batch: Sequence[Item], deadline: Deadline) -> Sequence[Item]:
    """Deletes these items, and returns the keys of those for which there was no time."""
    left = [items.key_of(item) for item in batch]
    wait = _FIRST_WAIT_SECONDS
    while left and not deadline.spent:
        left = items.table.delete_batch(left)
        if left:
            # DynamoDB Developer Guide, "Error handling": repeat what was not processed, with waits that grow.
            time.sleep(random.uniform(0, wait))  # noqa: S311 - no secret
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
    return left
