"""Final statuses: what Amazon's answers mean, and the event that tells the host product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from quickstart.announcing import put_event
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.records import Operation, Party, Record, Status
from quickstart.observability import logger
from quickstart.times import from_text, to_text
from sp_api.listings import Issue, IssueSeverity, Item

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

DETAIL_TYPE = "Listing Outcome"
# The record has all issues.
_MOST_ISSUES = 100
_LONGEST_MESSAGE = 1000
# How far Amazon's clock may be behind this one; its times are in whole seconds.
_CLOCKS_DIFFER = timedelta(seconds=5)


@dataclass(frozen=True)
class Verdict:
    """A final status and why."""

    status: Status
    message: str


def issue_json(issue: Issue) -> dict[str, Any]:
    """The issue as records, events and answers have it."""
    known = {
        "code": issue.code,
        "message": issue.message,
        "severity": str(issue.severity),
        "attributeNames": list(issue.attribute_names),
        "categories": list(issue.categories),
        "actions": list(issue.actions),
        "exemption": issue.exemption,
        "exemptionEnds": to_text(issue.exemption_ends),
    }
    return {name: value for name, value in known.items() if value not in (None, [])}


def judged(record: Record, item: Item | None, *, patient: bool) -> Verdict | None:
    """What the listing at Amazon says about the submission; None while that is open.

    `item` is getListingsItem's answer, None for a 404. Until `patient` is False, a listing that Amazon has not
    changed since the submission was sent may still show the state from before.
    """
    if record.payload.operation is Operation.DELETE:
        if item is None or item.summary(record.listing.marketplace_id) is None:
            return Verdict(Status.DELETED, "Amazon has deleted the listing.")
        return None
    summary = None if item is None else item.summary(record.listing.marketplace_id)
    if item is None or summary is None:
        return None
    changed = _changed(record, summary.last_updated or summary.created)
    if not changed and patient:
        return None
    issues = own_issues(record, item)
    errors = [issue for issue in issues if issue.severity == IssueSeverity.ERROR]
    rest = "" if changed else " Amazon has not changed the listing since the submission was sent."
    published = not errors if record.listing.party is Party.VENDOR else bool(summary.statuses)
    if published:
        where = "The listing is published" if record.listing.party is Party.VENDOR else _published(summary.statuses)
        if any(issue.severity != IssueSeverity.INFO for issue in issues):
            return Verdict(Status.PUBLISHED_WITH_ISSUES, f"{where}, and Amazon reports issues.{rest}")
        return Verdict(Status.PUBLISHED, f"{where}.{rest}")
    if errors:
        return Verdict(Status.REFUSED, f"The listing is not published, because of errors: {_words(errors)}{rest}")
    return None


def unknown(record: Record, item: Item | None, hours: int) -> Verdict:
    """The verdict when the time for an outcome is over."""
    if record.payload.operation is Operation.DELETE:
        message = "Amazon accepted the deletion, but still has the listing"
    elif item is None:
        message = "Amazon accepted the submission, but has no such listing (getListingsItem answers 404)"
    else:
        message = "Amazon has the listing, but it is neither buyable nor discoverable, and Amazon reports no error"
    return Verdict(Status.UNKNOWN, f"{message} {hours} hours later. Check it in Seller Central or Vendor Central.")


def own_issues(record: Record, item: Item) -> tuple[Issue, ...]:
    """The issues in the submission's marketplace."""
    marketplace_id = record.listing.marketplace_id
    return tuple(issue for issue in item.issues if not issue.marketplace_ids or marketplace_id in issue.marketplace_ids)


@dataclass(frozen=True)
class Announcer:
    """Tells the host product of final statuses: one event each, on the stack's bus."""

    ledger: ListingLedger
    events: "EventBridgeClient"
    bus_name: str

    def announce(self, current: Record | None) -> None:
        """Puts the event of a final status, unless that was done. After a crash it is put again.

        `current` is the record as it is now. Raises EventNotPutError.
        """
        if current is None or not current.status.final or current.announced:
            return
        put_event(self.events, self.bus_name, DETAIL_TYPE, event_detail(current))
        self.ledger.announced(current)
        logger().info(
            "listing outcome announced",
            extra={
                "submission_id": current.submission_id,
                "seller_id": current.listing.seller_id,
                "sku": current.listing.sku,
                "status": str(current.status),
            },
        )


def event_detail(record: Record) -> Mapping[str, Any]:
    """The event's detail. Issues beyond the hundredth are only in the record."""
    return {
        "SubmissionId": record.submission_id,
        "SellerId": record.listing.seller_id,
        "RegionCode": str(record.listing.region),
        "MarketplaceId": record.listing.marketplace_id,
        "Sku": record.listing.sku,
        "PartyType": str(record.listing.party),
        "Operation": str(record.payload.operation),
        "ProductType": record.payload.product_type or None,
        "Status": str(record.status),
        "Message": record.message,
        "Asin": record.asin,
        "Issues": [_cut(issue) for issue in record.issues[:_MOST_ISSUES]],
        "IssueCount": len(record.issues),
        "AmazonSubmissionId": record.amazon_submission_id,
        "ReceivedTime": record.received,
        "OutcomeTime": record.times.get("OutcomeTime"),
    }


def _cut(issue: Mapping[str, Any]) -> Mapping[str, Any]:
    message = str(issue.get("message", ""))
    return issue if len(message) <= _LONGEST_MESSAGE else {**issue, "message": message[:_LONGEST_MESSAGE] + "..."}


def _changed(record: Record, updated: datetime | None) -> bool:
    """Whether Amazon changed the listing after the submission was sent, and not for an earlier submission."""
    sent, before = from_text(record.times.get("SentTime")), from_text(record.updated_before)
    if updated is None or (before is not None and updated <= before):
        return False
    return sent is None or updated >= sent - _CLOCKS_DIFFER


def _published(statuses: Sequence[str]) -> str:
    words = {"BUYABLE": "buyable", "DISCOVERABLE": "discoverable"}
    return f"The listing is {' and '.join(words.get(str(status), str(status)) for status in statuses)}"


def _words(issues: Sequence[Issue]) -> str:
    shown = "; ".join(issue.message or issue.code for issue in issues[:3])
    return shown[:_LONGEST_MESSAGE] + (f" (and {len(issues) - 3} more)" if len(issues) > 3 else "")
