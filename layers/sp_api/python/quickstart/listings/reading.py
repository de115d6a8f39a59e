"""Reads submissions back, beside what Amazon shows of the listing now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from quickstart.dynamodb import Item, Table, reading_item
from quickstart.listings.ledger import NOT_A_SUBMISSION, SELLER_INDEX, ListingLedger, expired
from quickstart.listings.records import FEED_PREFIX, ListingOf, Record, Status, message_submission_id, of_feed
from quickstart.listings.sending import listing_key
from quickstart.paging import token
from quickstart.refusals import Refusal
from quickstart.validation import Fields
from sp_api import listings
from sp_api.caller import Caller
from sp_api.errors import NotFoundError
from sp_api.wire import optional_text, text

# Together with the seller, a key of the index and of the table.
_POSITION = ("ReceivedTime", "SubmissionId")
_PAGE = 20
_LARGEST_PAGE = 100
_INCLUDED = ("summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "procurement", "productTypes")
# The fields of the index, see the template.
_LISTED: Mapping[str, str] = {
    "SubmissionId": "submissionId",
    "RegionCode": "regionCode",
    "MarketplaceId": "marketplaceId",
    "Sku": "sku",
    "Operation": "operation",
    "ProductType": "productType",
    "Status": "status",
    "Message": "message",
    "Asin": "asin",
    "ReceivedTime": "receivedTime",
    "OutcomeTime": "outcomeTime",
}


class SubmissionUnknownError(Refusal):
    """The table has no such submission of this seller."""

    status = 404
    code = "SubmissionUnknown"
    field = "SubmissionId"

    def __init__(self, submission_id: str) -> None:
        super().__init__(f"no submission {submission_id} was found: the stack did not receive it, or it has expired")


@dataclass(frozen=True)
class ListRequest:
    """A valid GET /listings; `after` is where the previous page ended."""

    seller_id: str
    status: str
    limit: int
    after: Mapping[str, str] | None


def read_list_request(fields: Fields) -> ListRequest:
    """Raises InvalidRequestError listing every invalid field."""
    request = ListRequest(
        fields.seller_id(),
        fields.choice("Status", tuple(Status), required=False),
        fields.limit(_PAGE, _LARGEST_PAGE),
        fields.next_token(_POSITION),
    )
    fields.finish()
    return request


def list_submissions(table: Table, request: ListRequest, now: datetime) -> Mapping[str, object]:
    """A page of the seller's submissions, newest first: {"submissions": [...], "nextToken"?}.

    A page may have fewer entries than asked for, also none, although there are more.
    """
    condition: ConditionBase = Attr("Sku").exists()
    if request.status:
        condition = condition & Attr("Status").eq(request.status)
    items, last = table.sorted_page(
        "SellerId",
        request.seller_id,
        index=SELLER_INDEX,
        limit=request.limit,
        after=None if request.after is None else {"SellerId": request.seller_id, **request.after},
        descending=True,
        condition=condition,
    )
    page: dict[str, object] = {"submissions": [_listed(item) for item in items if not expired(item, now)]}
    if last is not None and last["ReceivedTime"] != NOT_A_SUBMISSION:
        page["nextToken"] = token({name: str(last[name]) for name in _POSITION})
    return page


def find_submission(ledger: ListingLedger, seller_id: str, submission_id: str) -> Mapping[str, object]:
    """One submission. Raises SubmissionUnknownError, also for another seller's."""
    record = ledger.find(seller_id, submission_id)
    if record is None:
        raise SubmissionUnknownError(submission_id)
    return described(record)


def read_side_by_side(ledger: ListingLedger, listing: ListingOf, caller: Caller) -> Mapping[str, object]:
    """The stack's submissions for a SKU, newest first, and Amazon's listing; `amazon` is null when there is none."""
    lane = ledger.lane(listing)
    records = [ledger.find(listing.seller_id, _submission_id(entry, listing.sku)) for entry in lane.recent]
    try:
        document: Mapping[str, Any] | None = listings.get_listings_item(
            caller, listing_key(listing), _INCLUDED
        ).document
    except NotFoundError:
        document = None
    return {
        "sku": listing.sku,
        "marketplaceId": listing.marketplace_id,
        "submissions": [described(record) for record in records if record is not None],
        "amazon": document,
    }


def _submission_id(entry: str, sku: str) -> str:
    """The submission of an entry in a lane. A message of a feed has a record once the feed has ended."""
    return message_submission_id(entry.removeprefix(FEED_PREFIX), sku) if of_feed(entry) else entry


def described(record: Record) -> dict[str, object]:
    """The submission as answers return it."""
    listing = record.listing
    known: dict[str, object] = {
        "submissionId": record.submission_id,
        "sellerId": listing.seller_id,
        "regionCode": str(listing.region),
        "marketplaceId": listing.marketplace_id,
        "sku": listing.sku,
        "operation": str(record.payload.operation),
        "productType": record.payload.product_type or None,
        "status": str(record.status),
        "message": record.message or None,
        "asin": record.asin,
        "issues": list(record.issues),
        "amazonSubmissionId": record.amazon_submission_id,
        "clientToken": record.client_token,
        "feedRequestId": record.feed_request_id,
        "receivedTime": record.received,
        **{name[:1].lower() + name[1:]: value for name, value in record.times.items()},
    }
    return {name: value for name, value in known.items() if value is not None}


def _listed(item: Item) -> Mapping[str, object]:
    with reading_item(f"{item.get('SubmissionId')} of {item.get('SellerId')}"):
        text(item, "Status")
        found = {name: optional_text(item, attribute) for attribute, name in _LISTED.items()}
    return {name: value for name, value in found.items() if value is not None}
