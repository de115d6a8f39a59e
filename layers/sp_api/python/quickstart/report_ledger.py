"""What became of every report: one item each in the Reports table.

A notification may overtake the answer of createReport, so every write is an update that makes the item when it is not
there yet, and none takes back what a later step has written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from boto3.dynamodb.conditions import Attr, ConditionBase

from quickstart.dynamodb import Table
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification, Report

SELLER_INDEX = "SellerIdCreatedTimeIndex"


@dataclass(frozen=True)
class StoredReport:
    """A report's document in the bucket. `sha256` is hexadecimal and, like `size_bytes`, of the bytes as stored.

    `gzipped` tells whether those bytes are gzip.
    """

    key: str
    size_bytes: int
    sha256: str
    gzipped: bool


def report_owners(table: Table, report_id: str) -> list[tuple[str, Region]]:
    """Seller and region of every report with this id in the Reports table.

    SP-API's report ids are unique only together with their seller.
    """
    return [
        (str(item["SellerId"]), Region(item["RegionCode"]))
        for item in table.query("ReportId", report_id)
        if "RegionCode" in item
    ]


@dataclass(frozen=True)
class ReportLedger:
    """The Reports table. An item is forgotten `kept` after its report was made."""

    table: Table
    kept: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def requested(
        self,
        seller_id: str,
        region: Region,
        report_id: str,
        specification: CreateReportSpecification,
        client_token: str | None = None,
    ) -> bool:
        """createReport has answered a request of this stack; False when the report is another request's already."""
        return self._update(
            seller_id,
            report_id,
            {
                "RegionCode": str(region),
                "ReportType": specification.report_type,
                "MarketplaceIds": list(specification.marketplace_ids),
                "DataStartTime": _text(specification.data_start_time),
                "DataEndTime": _text(specification.data_end_time),
                "RequestedTime": _text(self.now()),
                "ClientToken": client_token,
            },
            {"ReportStatus": "IN_QUEUE"},
            condition=Attr("RequestedTime").not_exists(),
        )

    def finished(self, seller_id: str, region: Region, report: Report) -> None:
        """SP-API says that the report is DONE, CANCELLED or FATAL."""
        self._update(
            seller_id,
            report.report_id,
            {
                "RegionCode": str(region),
                "ReportType": report.report_type,
                "MarketplaceIds": list(report.marketplace_ids),
                "ReportStatus": str(report.processing_status),
                "ReportCreatedTime": _text(report.created_time),
                "DataStartTime": _text(report.data_start_time),
                "DataEndTime": _text(report.data_end_time),
            },
        )

    def stored(self, seller_id: str, report_id: str, report: StoredReport) -> None:
        """The document is in the bucket, complete."""
        self._update(
            seller_id,
            report_id,
            {
                "ObjectKey": report.key,
                "SizeBytes": report.size_bytes,
                "Sha256": report.sha256,
                "CompressionAlgorithm": "GZIP" if report.gzipped else "NONE",
                "StoredTime": _text(self.now()),
            },
        )

    def announced(self, seller_id: str, report_id: str, status: str, message_id: str) -> None:
        """The e-mail has been handed to SNS, which gave it this message id."""
        self._update(
            seller_id,
            report_id,
            {
                "ReportStatus": status,
                "DeliveryStatus": "DELIVERED",
                "NotificationMessageId": message_id,
                "NotifiedTime": _text(self.now()),
            },
        )

    def failed(self, seller_id: str, report_id: str, failure_id: str, error: str, message_id: str) -> None:
        """The execution `failure_id` did not deliver the report, and SNS has the e-mail about it.

        `error` names what went wrong. A later delivery changes DeliveryStatus and leaves the rest as history.
        """
        self._update(
            seller_id,
            report_id,
            {
                "DeliveryStatus": "FAILED",
                "DeliveryError": error,
                "DeliveryFailedTime": _text(self.now()),
                "AnnouncedFailure": failure_id,
                "FailureMessageId": message_id,
            },
        )

    def stored_document(self, seller_id: str, report_id: str) -> StoredReport | None:
        """What `stored` wrote, None when the document was not stored."""
        item = self.find(seller_id, report_id) or {}
        if "Sha256" not in item:
            return None
        return StoredReport(
            key=str(item["ObjectKey"]),
            size_bytes=int(str(item["SizeBytes"])),
            sha256=str(item["Sha256"]),
            gzipped=item["CompressionAlgorithm"] == "GZIP",
        )

    def find(self, seller_id: str, report_id: str) -> Mapping[str, object] | None:
        """The report's item, None when this stack does not know it."""
        return self.table.get({"ReportId": report_id, "SellerId": seller_id})

    def _update(
        self,
        seller_id: str,
        report_id: str,
        values: Mapping[str, object],
        unless_present: Mapping[str, object] | None = None,
        condition: ConditionBase | None = None,
    ) -> bool:
        now = self.now()
        return self.table.update(
            {"ReportId": report_id, "SellerId": seller_id},
            values,
            unless_present={
                # Finer than seconds, because lists are sorted by it.
                "CreatedTime": now.isoformat(timespec="microseconds"),
                "ExpiresAt": int((now + self.kept).timestamp()),
                **(unless_present or {}),
            },
            condition=condition,
        )


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat(timespec="seconds")
