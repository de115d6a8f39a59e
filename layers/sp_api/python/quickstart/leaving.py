"""A seller leaves: subscriptions ended, tokens, records and stored reports deleted for good.

Amazon's Data Protection Policy asks that a seller's data be deleted on request. Every step can be repeated, and what
one run leaves over the next one goes on with.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstart.dynamodb import Table
from quickstart.report_ledger import SELLER_INDEX
from quickstart.solicitation_ledger import SELLER_INDEX as SOLICITATIONS_INDEX
from quickstart.subscription_records import SubscriptionRecord, SubscriptionRecords
from quickstart.subscriptions import end_subscription
from quickstart.token_vault import delete_tokens
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.errors import SellingPartnerApiError, ThrottledError
from sp_api.regions import Region

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3: DeleteObjects takes this many at once.
_MOST_OBJECTS = 1000


@dataclass(frozen=True)
class Remainder:
    """Something that is still there: a code, words, and how many seconds to wait before going on."""

    code: str
    message: str
    retry_after: float = 1.0


@dataclass(frozen=True)
class Departure:
    """What one run has done, in numbers, and what it left."""

    seller_id: str
    tokens_deleted: int
    subscriptions_ended: int
    reports_deleted: int
    objects_deleted: int
    solicitations_deleted: int
    remaining: tuple[Remainder, ...]


class DepartureIncompleteError(RuntimeError):
    """Something of the seller is still there; the same request again goes on."""

    def __init__(self, departure: Departure) -> None:
        self.departure = departure
        super().__init__(
            f"seller {departure.seller_id} has not left altogether: send the request again. This time "
            f"{departure.tokens_deleted} tokens, {departure.reports_deleted} reports in the table and "
            f"{departure.objects_deleted} stored objects and {departure.solicitations_deleted} orders in the table of "
            f"solicitations were deleted, and {departure.subscriptions_ended} subscriptions ended"
        )


@dataclass(frozen=True)
class StoredReports:
    """The bucket of documents and the table of what became of each report."""

    s3: "S3Client"
    bucket: str
    table: Table


def leave(
    seller_id: str,
    selling_partners_table: Table,
    application: Callable[[Region], Caller],
    stored_reports: StoredReports,
    solicitations_table: Table | None,
    deadline: Deadline,
) -> Departure:
    """Deletes all that this stack holds of the seller; `application` gives the grantless caller of a region.

    The tokens go first, so that nothing new begins. Subscriptions are ended by their ids, without the seller's token,
    which may be revoked. An order whose record is gone is not asked: its schedule fires, finds nothing and ends.
    `solicitations_table` is None where the stack requests no reviews. Raises DepartureIncompleteError when something
    remains.
    """
    remaining: list[Remainder] = []
    tokens = delete_tokens(selling_partners_table, seller_id)
    records = SubscriptionRecords(selling_partners_table)
    subscriptions = _end_subscriptions(records, records.of_seller(seller_id), application, remaining)
    objects = _delete_objects(stored_reports, seller_id, deadline, remaining)
    reports = _delete_items(
        _Items(stored_reports.table, SELLER_INDEX, "ReportId", "ReportsRemain", "reports in the table"),
        seller_id,
        deadline,
        remaining,
    )
    solicitations = 0
    if solicitations_table is not None:
        orders = _Items(
            solicitations_table, SOLICITATIONS_INDEX, "AmazonOrderId", "SolicitationsRemain", "orders in the table"
        )
        solicitations = _delete_items(orders, seller_id, deadline, remaining)
    departure = Departure(seller_id, tokens, subscriptions, reports, objects, solicitations, tuple(remaining))
    if remaining:
        raise DepartureIncompleteError(departure)
    return departure


def _end_subscriptions(
    records: SubscriptionRecords,
    recorded: Sequence[SubscriptionRecord],
    application: Callable[[Region], Caller],
    remaining: list[Remainder],
) -> int:
    """A record goes when its subscription has ended; a region that throttles is left alone until the next run."""
    ended = 0
    throttled: dict[Region, ThrottledError] = {}
    for record in recorded:
        error: SellingPartnerApiError | None = throttled.get(record.region)
        if error is None:
            try:
                end_subscription(application(record.region), record.notification_type, record.subscription_id)
                records.remove(record)
                ended += 1
                continue
            except ThrottledError as refusal:
                throttled[record.region] = error = refusal
            except SellingPartnerApiError as refusal:
                error = refusal
        name = f"{record.subscription_id} to {record.notification_type} in region {record.region}"
        wait = error.retry_after if isinstance(error, ThrottledError) else 1.0
        remaining.append(Remainder("SubscriptionRemains", f"subscription {name}: {error}", wait))
    return ended


def _delete_objects(reports: StoredReports, seller_id: str, deadline: Deadline, remaining: list[Remainder]) -> int:
    """Every version of every object, which is what deletes for good in a bucket with versions."""
    deleted = 0
    while versions := list(_versions(reports, f"{seller_id}/")):
        if deadline.spent:
            message = f"{len(versions)} or more versions of stored reports: there was no time left to delete them"
            remaining.append(Remainder("StoredReportsRemain", message))
            break
        answer = reports.s3.delete_objects(Bucket=reports.bucket, Delete={"Objects": versions, "Quiet": True})
        errors = answer.get("Errors", [])
        deleted += len(versions) - len(errors)
        if errors:
            message = f"{len(errors)} or more versions of stored reports: {errors[0].get('Message', '')}"
            remaining.append(Remainder("StoredReportsRemain", message))
            break
    return deleted


def _versions(reports: StoredReports, prefix: str) -> Iterator[Any]:
    page = reports.s3.list_object_versions(Bucket=reports.bucket, Prefix=prefix, MaxKeys=_MOST_OBJECTS)
    for found in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
        yield {"Key": found["Key"], "VersionId": found["VersionId"]}


@dataclass(frozen=True)
class _Items:
    """A table with sellers as range key, and an index that finds a seller's items; how what is left is told."""

    table: Table
    index: str
    hash_key: str
    code: str
    words: str


def _delete_items(items: _Items, seller_id: str, deadline: Deadline, remaining: list[Remainder]) -> int:
    found = items.table.query("SellerId", seller_id, index=items.index)
    for number, item in enumerate(found):
        if deadline.spent:
            message = f"{len(found) - number} {items.words}: there was no time left to delete them"
            remaining.append(Remainder(items.code, message))
            return number
        items.table.delete({items.hash_key: item[items.hash_key], "SellerId": seller_id})
    return len(found)
