"""Reads reports back from the Reports table, for GET /reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from quickstart.dynamodb import Item, Table, reading_item
from quickstart.links import Link, ObjectLinks
from quickstart.paging import token
from quickstart.refusals import Refusal
from quickstart.reports.ledger import NOT_A_REPORT, SELLER_INDEX, report_key
from quickstart.times import to_text
from quickstart.validation import Fields
from sp_api.wire import text, texts

# Together with the seller, a key of the index and of the table.
_POSITION = ("CreatedTime", "ReportId")
_PAGE = 20
_LARGEST_PAGE = 100
# The field of the answer for each attribute, under SP-API's names where it has them.
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
    "GuessedCharset": "guessedCharset",
    "DeliveryStatus": "deliveryStatus",
    "DeliveryError": "deliveryError",
    "DeliveryFailedTime": "deliveryFailedTime",
}


class ReportUnknownError(Refusal):
    """The Reports table has no such report of this seller."""

    status = 404
    code = "ReportUnknown"
    field = "ReportId"

    def __init__(self, seller_id: str, report_id: str) -> None:
        super().__init__(
            f"no report {report_id} of seller {seller_id} was found: this stack neither requested nor delivered it, "
            "its record has expired, or the seller was removed"
        )


@dataclass(frozen=True)
class ListRequest:
    """A valid GET /reports; `after` is where the previous page ended."""

    seller_id: str
    limit: int
    after: Mapping[str, str] | None


def read_list_request(fields: Fields) -> ListRequest:
    """Raises InvalidRequestError listing every invalid field."""
    request = ListRequest(fields.seller_id(), fields.limit(_PAGE, _LARGEST_PAGE), fields.next_token(_POSITION))
    fields.finish()
    return request


def read_find_request(fields: Fields) -> tuple[str, str]:
    """Seller id and report id of a GET /reports/{reportId}. Raises InvalidRequestError."""
    request = fields.seller_id(), fields.report_id()
    fields.finish()
    return request


def find_report(table: Table, seller_id: str, report_id: str, now: datetime) -> Item:
    """The report's item. Raises ReportUnknownError, also for another seller's report."""
    item = table.get(report_key(seller_id, report_id))
    if item is None or _expired(item, now):
        raise ReportUnknownError(seller_id, report_id)
    return item


def list_reports(table: Table, request: ListRequest, now: datetime) -> Mapping[str, object]:
    """A page of the seller's reports, newest first: {"reports": [...], "nextToken"?}.

    Newest means most recently recorded by this stack.
    """
    after = None if request.after is None else {"SellerId": request.seller_id, **request.after}
    items, last = table.latest(
        "SellerId",
        request.seller_id,
        index=SELLER_INDEX,
        limit=request.limit,
        above=("CreatedTime", NOT_A_REPORT),
        after=after,
    )
    page: dict[str, object] = {"reports": [described(item) for item in items if not _expired(item, now)]}
    if last is not None:
        page["nextToken"] = token({name: last[name] for name in _POSITION})
    return page


def read_report(
    table: Table, links: ObjectLinks, seller_id: str, report_id: str, now: datetime
) -> Mapping[str, object]:
    """One report, with a new link if it is stored. Raises ReportUnknownError."""
    item = find_report(table, seller_id, report_id, now)
    return described(item, links.presign(item["ObjectKey"], f"report-{report_id}") if "ObjectKey" in item else None)


def described(item: Item, link: Link | None = None) -> Mapping[str, object]:
    """The report as answers return it, with the link when there is one."""
    with reading_item(f"{item.get('ReportId')} of {item.get('SellerId')}"):
        answer: dict[str, object] = {
            name: list(texts(item, attribute)) if attribute == "MarketplaceIds" else text(item, attribute)
            for attribute, name in _NAMES.items()
            if item.get(attribute) is not None and attribute != "SizeBytes"
        }
        if "SizeBytes" in item:
            answer["sizeBytes"] = int(item["SizeBytes"])
    if link is not None:
        answer["link"] = {"url": link.url, "expires": to_text(link.expires)}
    return answer


def _expired(item: Item, now: datetime) -> bool:
    """Whether the item has expired: DynamoDB deletes it within days, and its document may already be gone."""
    with reading_item(f"{item.get('ReportId')} of {item.get('SellerId')}"):
        return "ExpiresAt" in item and int(item["ExpiresAt"]) <= now.timestamp()
