"""The state of every report: one item each in the Reports table.

A notification may arrive before createReport's answer, so the first write of either creates the item, and no write
overwrites what a later step has written. When a seller is removed, the items are deleted, and nothing may bring them
back: the writes of later steps require the item, and a write that creates one requires that the seller has a token.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from boto3.dynamodb.conditions import Attr, ConditionBase

from quickstart.dynamodb import Table, reading_item
from quickstart.invocation import ExpectedError
from quickstart.times import to_text
from sp_api.regions import Region
from sp_api.wire import optional_text, text

if TYPE_CHECKING:
    from sp_api.reports import CreateReportSpecification, Report

SELLER_INDEX = "SellerIdCreatedTimeIndex"
# The CreatedTime of a seller's items that are no reports. The index has them, so that they are found when the seller is
# removed; it sorts before every time, so that lists of reports leave them out.
NOT_A_REPORT = "!"
# The functions that send e-mails time out within it.
LONGEST_ANNOUNCEMENT = timedelta(minutes=1)
_RELEASED = "RELEASED"
# Of the items about executions whose input names no seller.
NO_SELLER = "*"


class ReportForgottenError(ExpectedError):
    """The report's item was deleted: the seller was removed, or the item expired. Nothing more is to be done."""

    def __init__(self, seller_id: str, report_id: str) -> None:
        super().__init__(f"report {report_id} of seller {seller_id} was deleted")


class KnownSellers(Protocol):
    """Returns whether a token is stored for the seller in any region, now; `likely` is the region to try first."""

    def __call__(self, seller_id: str, likely: Region | None = None, /) -> bool: ...


@dataclass(frozen=True)
class StoredReport:
    """A report's document in the bucket. `sha256` is hexadecimal and, like `size_bytes`, of the bytes as stored.

    `gzipped` is True when those bytes are gzip. `guessed_charset` is set when the charset is a guess.
    """

    key: str
    size_bytes: int
    sha256: str
    gzipped: bool
    guessed_charset: str | None = None

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> "StoredReport":
        """The inverse of `attributes`, from the table or the state machine."""
        with reading_item(f"of report {attributes.get('ReportId')}"):
            return cls(
                key=text(attributes, "ObjectKey"),
                size_bytes=int(attributes["SizeBytes"]),
                sha256=text(attributes, "Sha256"),
                gzipped=attributes["CompressionAlgorithm"] == "GZIP",
                guessed_charset=optional_text(attributes, "GuessedCharset"),
            )

    def attributes(self) -> Mapping[str, object]:
        """{ObjectKey, SizeBytes, Sha256, CompressionAlgorithm, GuessedCharset?}; the algorithm is GZIP or NONE."""
        guess = {} if self.guessed_charset is None else {"GuessedCharset": self.guessed_charset}
        return {
            "ObjectKey": self.key,
            "SizeBytes": self.size_bytes,
            "Sha256": self.sha256,
            "CompressionAlgorithm": "GZIP" if self.gzipped else "NONE",
            **guess,
        }


@dataclass(frozen=True)
class OverdueReport:
    """A report that was requested and that SP-API has not finished. `requested_time` is ISO 8601."""

    seller_id: str
    region: str
    report_id: str
    report_type: str
    requested_time: str


def report_key(seller_id: str, report_id: str) -> Mapping[str, str]:
    """The key of a report's item. SP-API's report ids are unique only together with their seller."""
    return {"ReportId": report_id, "SellerId": seller_id}


def report_owners(table: Table, report_id: str) -> list[tuple[str, Region]]:
    """Seller and region of every report with this id in the Reports table."""
    with reading_item(f"of report {report_id}"):
        return [
            (text(item, "SellerId"), Region(text(item, "RegionCode")))
            for item in table.query("ReportId", report_id)
            if "RegionCode" in item
        ]


@dataclass(frozen=True)
class ReportLedger:
    """The Reports table. An item expires `kept` after it was created.

    `seller_known` is asked only about a report whose item this ledger has just created, or that has none.
    """

    table: Table
    kept: timedelta
    seller_known: KnownSellers
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def requested(
        self,
        seller_id: str,
        region: Region,
        report_id: str,
        specification: "CreateReportSpecification",
        client_token: str | None = None,
    ) -> bool:
        """createReport has answered a request of this stack; False when another request already has the report.

        Raises ReportForgottenError when the seller was removed meanwhile.
        """
        return self._create_or_update(
            seller_id,
            report_id,
            region,
            {
                "RegionCode": str(region),
                "ReportType": specification.report_type,
                "MarketplaceIds": list(specification.marketplace_ids),
                "DataStartTime": to_text(specification.data_start_time),
                "DataEndTime": to_text(specification.data_end_time),
                "RequestedTime": to_text(self.now()),
                "ClientToken": client_token,
                # SP-API's answer, which is written later, always has a period.
                "PeriodRequested": bool(specification.data_start_time or specification.data_end_time),
            },
            {"ReportStatus": "IN_QUEUE"},
            condition=Attr("RequestedTime").not_exists(),
        )

    def finished(self, seller_id: str, region: Region, report: "Report") -> None:
        """SP-API returned the report as DONE, CANCELLED or FATAL.

        Raises ReportForgottenError when the seller was removed meanwhile.
        """
        self._create_or_update(
            seller_id,
            report.report_id,
            region,
            {
                "RegionCode": str(region),
                "ReportType": report.report_type,
                "MarketplaceIds": list(report.marketplace_ids),
                "ReportStatus": str(report.processing_status),
                "ReportCreatedTime": to_text(report.created_time),
                "DataStartTime": to_text(report.data_start_time),
                "DataEndTime": to_text(report.data_end_time),
            },
        )

    def stored(self, seller_id: str, report_id: str, report: StoredReport) -> None:
        """The complete document is in the bucket. Raises ReportForgottenError when the report has no item any more."""
        values = {**report.attributes(), "StoredTime": to_text(self.now())}
        if not self._update(seller_id, report_id, values):
            raise ReportForgottenError(seller_id, report_id)

    def claim_announcement(self, seller_id: str, report_id: str, announcement: str, *, creates: bool = False) -> bool:
        """Before an e-mail is sent; False while another function may be sending the same one.

        `announcement` identifies the e-mail among those about the report. A claim ends after LONGEST_ANNOUNCEMENT if it
        is not released and no message id of SNS is recorded. Whether the e-mail was sent is then unknown, and it is
        sent again, because a lost e-mail is worse than a second one.

        `creates` is whether the report may have no item yet. Raises ReportForgottenError when it has none otherwise,
        and when the seller was removed.
        """
        now = self.now()
        free = (
            Attr("AnnouncementClaim").not_exists()
            | Attr("AnnouncementClaim").ne(announcement)
            | Attr("AnnouncementClaimedTime").lt(to_text(now - LONGEST_ANNOUNCEMENT))
        )
        values = {"AnnouncementClaim": announcement, "AnnouncementClaimedTime": to_text(now)}
        if creates:
            return self._create_or_update(seller_id, report_id, None, values, condition=free)
        if self._update(seller_id, report_id, values, condition=free):
            return True
        if self.find(seller_id, report_id) is None:
            raise ReportForgottenError(seller_id, report_id)
        return False

    def release_announcement(self, seller_id: str, report_id: str) -> None:
        """SNS has refused the claimed e-mail, so it was certainly not sent."""
        self._update(seller_id, report_id, {"AnnouncementClaim": _RELEASED})

    def announced(self, seller_id: str, report_id: str, status: str, outcome: str, message_id: str) -> None:
        """SNS has accepted the e-mail under this message id. `outcome` is what the e-mail says."""
        self._update(
            seller_id,
            report_id,
            {
                "ReportStatus": status,
                "DeliveryStatus": "DELIVERED",
                "AnnouncedOutcome": outcome,
                "NotificationMessageId": message_id,
                "NotifiedTime": to_text(self.now()),
            },
        )

    def failed(self, seller_id: str, report_id: str, failure_id: str, error: str, message_id: str) -> None:
        """The execution `failure_id` did not deliver the report, and SNS has accepted the e-mail about it.

        `error` is the class of the error, or the execution's status. A later delivery changes DeliveryStatus and keeps
        the rest as history.
        """
        self._update(
            seller_id,
            report_id,
            {
                "DeliveryStatus": "FAILED",
                "DeliveryError": error,
                "DeliveryFailedTime": to_text(self.now()),
                "AnnouncedFailure": failure_id,
                "FailureMessageId": message_id,
            },
        )

    def overdue(self, requested_before: datetime) -> Iterator[OverdueReport]:
        """The requested reports that SP-API has not finished and that no e-mail has said so about."""
        waiting = (
            Attr("ReportStatus").eq("IN_QUEUE")
            & Attr("RequestedTime").lt(to_text(requested_before))
            & Attr("DeliveryStatus").not_exists()
            & Attr("OverdueMessageId").not_exists()
        )
        for item in self.table.scan(waiting):
            yield OverdueReport(
                str(item["SellerId"]),
                str(item.get("RegionCode", "(unknown region)")),
                str(item["ReportId"]),
                str(item.get("ReportType", "(unknown type)")),
                str(item["RequestedTime"]),
            )

    def overdue_announced(self, report: OverdueReport, message_id: str) -> None:
        """SNS has accepted the e-mail that the report is overdue."""
        self._update(
            report.seller_id,
            report.report_id,
            {"OverdueMessageId": message_id, "OverdueNotifiedTime": to_text(self.now())},
        )

    def find(self, seller_id: str, report_id: str) -> Mapping[str, Any] | None:
        """The report's item; None when there is none."""
        return self.table.get(report_key(seller_id, report_id))

    def require(self, seller_id: str, report_id: str) -> Mapping[str, Any]:
        """The report's item. Raises ReportForgottenError when there is none."""
        item = self.find(seller_id, report_id)
        if item is None:
            raise ReportForgottenError(seller_id, report_id)
        return item

    def known(self, seller_id: str, likely: Region | None = None) -> bool:
        """Whether the seller has a token; True for NO_SELLER."""
        return seller_id == NO_SELLER or self.seller_known(seller_id, likely)

    def _update(
        self, seller_id: str, report_id: str, values: Mapping[str, object], condition: ConditionBase | None = None
    ) -> bool:
        """Returns False and changes nothing when the report has no item or `condition` is not met."""
        exists = Attr("ReportId").exists()
        return self.table.update(
            report_key(seller_id, report_id), values, condition=exists if condition is None else exists & condition
        )

    def _create_or_update(
        self,
        seller_id: str,
        report_id: str,
        region: Region | None,
        values: Mapping[str, object],
        unless_present: Mapping[str, object] | None = None,
        condition: ConditionBase | None = None,
    ) -> bool:
        """The same, but creates the item when there is none. Raises ReportForgottenError when the seller was removed.

        The seller's tokens are deleted before the items, so an item that was created while there was a token is found
        by the removal. Otherwise it is deleted here.
        """
        now = self.now()
        # In microseconds, because lists are sorted by it.
        created_time = to_text(now, unit="microseconds")
        item = self.table.updated(
            report_key(seller_id, report_id),
            values,
            unless_present={
                "CreatedTime": created_time,
                "ExpiresAt": int((now + self.kept).timestamp()),
                **(unless_present or {}),
            },
            condition=condition,
        )
        if item is None:
            return False
        if item["CreatedTime"] == created_time and not self.known(seller_id, region):
            self.table.delete(report_key(seller_id, report_id))
            raise ReportForgottenError(seller_id, report_id)
        return True
