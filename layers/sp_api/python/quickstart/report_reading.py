"""Reads reports back from the Reports table, for GET /reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from quickstart.dynamodb import Item, Table
from quickstart.paging import token
from quickstart.report_announcement import Link
from quickstart.validation import Fields

_INDEX = "SellerIdCreatedTimeIndex"
# With the seller, a key of the index and of the table.
_POSITION = ("CreatedTime", "ReportId")
_PAGE = 20
_LARGEST_PAGE = 100
# What an answer calls each attribute. SP-API's own names where it has them.
_NAMES: Mapping[str, str] = {
    "ReportId": "reportId",
    "SellerId": "sellerId",
    "RegionCode": "regionCode",
    "ReportType": "reportType",
    "MarketplaceIds": "marketplaceIds",
    "ReportStatus": "processingStatus",
    "ClientToken": "clientToken",
    "CreatedTime": "recordedTime",
    "RequestedTime": "requestedTime",
    "ReportCreatedTime": "createdTime",
    "DataStartTime": "dataStartTime",
    "DataEndTime": "dataEndTime",
    "StoredTime": "storedTime",
    "NotifiedTime": "notifiedTime",
    "SizeBytes": "sizeBytes",
    "Sha256": "sha256",
    "CompressionAlgorithm": "compressionAlgorithm",
    "DeliveryStatus": "deliveryStatus",
    "DeliveryError": "deliveryError",
    "DeliveryFailedTime": "deliveryFailedTime",
}


class ReportUnknownError(LookupError):
    """The Reports table has no such report of this seller."""

    def __init__(self, seller_id: str, report_id: str) -> None:
        super().__init__(
            f"no report {report_id} of seller {seller_id} is known: it was neither asked for nor delivered here, or it "
            "is older than the stack keeps reports"
        )


@dataclass(frozen=True)
class ListRequest:
    """A valid GET /reports; `after` is where the page before ended."""

    seller_id: str
    limit: int
    after: Mapping[str, str] | None


def read_list_request(fields: Fields) -> ListRequest:
    """Raises InvalidRequestError with every field that is wrong."""
    request = ListRequest(fields.seller_id(), fields.limit(_PAGE, _LARGEST_PAGE), fields.next_token(_POSITION))
    fields.finish()
    return request


def find_report(table: Table, seller_id: str, report_id: str, now: datetime) -> Item:
    """The report's item. Raises ReportUnknownError, for a report of another seller too."""
    item = table.get({"ReportId": report_id, "SellerId": seller_id})
    if item is None or _forgotten(item, now):
        raise ReportUnknownError(seller_id, report_id)
    return item


def list_reports(table: Table, request: ListRequest, now: datetime) -> Mapping[str, object]:
    """A page of the seller's reports, the newest first: {"reports": [...], "nextToken"?}.

    The newest is the one that this stack has learnt of last.
    """
    after = None if request.after is None else {"SellerId": request.seller_id, **request.after}
    items, last = table.latest("SellerId", request.seller_id, index=_INDEX, limit=request.limit, after=after)
    page: dict[str, object] = {"reports": [described(item) for item in items if not _forgotten(item, now)]}
    if last is not None:
        page["nextToken"] = token({name: last[name] for name in _POSITION})
    return page


def described(item: Item, link: Link | None = None) -> Mapping[str, object]:
    """What an answer says of a report; `link` is told where there is one."""
    told: dict[str, object] = {name: item[attribute] for attribute, name in _NAMES.items() if attribute in item}
    if "sizeBytes" in told:
        told["sizeBytes"] = int(item["SizeBytes"])
    if link is not None:
        told["link"] = {"url": link.url, "expires": link.expires.astimezone(UTC).isoformat(timespec="seconds")}
    return told


def _forgotten(item: Item, now: datetime) -> bool:
    """DynamoDB deletes an expired item within days; its document may be gone before."""
    return "ExpiresAt" in item and int(item["ExpiresAt"]) <= now.timestamp()
