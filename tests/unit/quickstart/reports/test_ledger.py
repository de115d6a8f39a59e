"""What the Reports table has of a report after each step, and which writes wait for which."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quickstart.dynamodb import DamagedItemError
from quickstart.reports.ledger import OverdueReport, ReportForgottenError, ReportLedger, StoredReport
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification, ProcessingStatus, Report
from tests.unit.quickstart.reports.report_world import ReportsTable

NOW = datetime(2026, 11, 21, 5, 0, 0, 250_000, tzinfo=UTC)
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REQUESTED = {
    "ReportId": "7",
    "SellerId": "A1",
    "RegionCode": "EU",
    "ReportType": "GET_X",
    "MarketplaceIds": ["M1", "M2"],
    "ReportStatus": "IN_QUEUE",
    "RequestedTime": "2026-11-21T05:00:00+00:00",
    "ClientToken": "t",
    "PeriodRequested": False,
    "CreatedTime": "2026-11-21T05:00:00.250000+00:00",
    "ExpiresAt": int((NOW + timedelta(days=90)).timestamp()),
}


@dataclass
class Stack:
    """A ledger at a moment of its own. `asked` has the sellers and regions whose token was looked for."""

    table: ReportsTable = field(default_factory=ReportsTable)
    time: datetime = NOW
    known: bool = True
    asked: list[tuple[str, Region | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = ReportLedger(self.table, timedelta(days=90), self.seller_known, lambda: self.time)

    def seller_known(self, seller_id: str, likely: Region | None = None) -> bool:
        self.asked.append((seller_id, likely))
        return self.known

    def request(self, report_id: str = "7", **changed: Any) -> bool:
        specification = replace(CreateReportSpecification("GET_X", ("M1", "M2")), **changed)
        return self.ledger.requested("A1", Region.EU, report_id, specification, "t")

    def finish(self, **changed: Any) -> None:
        report = Report(
            report_id="7",
            report_type="GET_X",
            processing_status=ProcessingStatus.DONE,
            created_time=NOW,
            marketplace_ids=("M1", "M2"),
        )
        self.ledger.finished("A1", Region.EU, replace(report, **changed))

    def item(self, report_id: str = "7") -> dict[str, Any]:
        return dict(self.ledger.require("A1", report_id))


@pytest.fixture
def stack() -> Stack:
    return Stack()


class TestRequested:
    def test_the_item_of_a_request(self, stack: Stack) -> None:
        assert stack.request() is True
        assert stack.item() == REQUESTED
        assert stack.asked == [("A1", Region.EU)]

    @pytest.mark.parametrize(
        ("period", "requested"),
        [
            ({}, False),
            ({"data_start_time": START}, True),
            ({"data_end_time": END}, True),
            ({"data_start_time": START, "data_end_time": END}, True),
        ],
    )
    def test_the_item_says_whether_the_request_had_a_period(
        self, stack: Stack, period: dict[str, datetime], requested: bool
    ) -> None:
        stack.request(**period)
        assert stack.item()["PeriodRequested"] is requested
        names = {"data_start_time": "DataStartTime", "data_end_time": "DataEndTime"}
        assert {name: stack.item().get(name) for name in names.values()} == {
            "DataStartTime": "2026-11-01T00:00:00+00:00" if "data_start_time" in period else None,
            "DataEndTime": "2026-11-02T00:00:00+00:00" if "data_end_time" in period else None,
        }

    def test_a_report_belongs_to_the_first_request_alone(self, stack: Stack) -> None:
        stack.request()
        stack.time += SECOND
        assert stack.request() is False
        assert stack.item() == REQUESTED

    def test_an_answer_after_the_notification_keeps_the_status(self, stack: Stack) -> None:
        """The notification of a finished report may arrive before createReport's answer."""
        stack.finish()
        stack.time += SECOND
        assert stack.request() is True
        assert stack.item() == {
            **REQUESTED,
            "RequestedTime": "2026-11-21T05:00:01+00:00",
            "ReportStatus": "DONE",
            "ReportCreatedTime": "2026-11-21T05:00:00+00:00",
        }
        # The seller was looked for when the item was created.
        assert stack.asked == [("A1", Region.EU)]


class TestFinished:
    def test_the_status_is_added_to_the_request(self, stack: Stack) -> None:
        stack.request()
        stack.finish(processing_status=ProcessingStatus.FATAL, data_start_time=START, data_end_time=END)
        assert stack.item() == {
            **REQUESTED,
            "ReportStatus": "FATAL",
            "ReportCreatedTime": "2026-11-21T05:00:00+00:00",
            "DataStartTime": "2026-11-01T00:00:00+00:00",
            "DataEndTime": "2026-11-02T00:00:00+00:00",
        }

    def test_an_item_that_is_created_for_a_removed_seller_is_deleted(self, stack: Stack) -> None:
        stack.known = False
        with pytest.raises(ReportForgottenError, match=r"^report 7 of seller A1 was deleted$"):
            stack.finish()
        assert stack.table.items == {}
        assert stack.asked == [("A1", Region.EU)]


STORED = StoredReport("A1/GET_X/7.tsv", 12, "ab" * 32, gzipped=True, guessed_charset="ms932")


class TestStored:
    def test_the_document_is_noted(self, stack: Stack) -> None:
        stack.request()
        stack.ledger.stored("A1", "7", STORED)
        assert stack.item() == {
            **REQUESTED,
            "ObjectKey": "A1/GET_X/7.tsv",
            "SizeBytes": 12,
            "Sha256": "ab" * 32,
            "CompressionAlgorithm": "GZIP",
            "GuessedCharset": "ms932",
            "StoredTime": "2026-11-21T05:00:00+00:00",
        }
        assert StoredReport.from_attributes(stack.item()) == STORED

    def test_an_item_that_was_deleted_is_not_brought_back(self, stack: Stack) -> None:
        with pytest.raises(ReportForgottenError, match=r"^report 7 of seller A1 was deleted$"):
            stack.ledger.stored("A1", "7", STORED)
        assert (stack.table.items, stack.asked) == ({}, [])

    def test_a_damaged_item_is_named(self) -> None:
        with pytest.raises(DamagedItemError, match=r"^the stored item of report 8 cannot be read \(ValueError\)"):
            StoredReport.from_attributes({"ReportId": "8", **STORED.attributes(), "SizeBytes": "x"})


class TestClaims:
    """One function at a time sends an e-mail about a report."""

    @pytest.mark.parametrize("creates", [False, True])
    def test_a_claim_lasts_for_a_minute(self, stack: Stack, creates: bool) -> None:
        stack.request()
        assert stack.ledger.claim_announcement("A1", "7", "DONE DELIVERED", creates=creates) is True
        assert stack.item() == {
            **REQUESTED,
            "AnnouncementClaim": "DONE DELIVERED",
            "AnnouncementClaimedTime": "2026-11-21T05:00:00+00:00",
        }
        stack.time = NOW + timedelta(minutes=1)
        assert stack.ledger.claim_announcement("A1", "7", "DONE DELIVERED", creates=creates) is False
        stack.time += SECOND
        assert stack.ledger.claim_announcement("A1", "7", "DONE DELIVERED", creates=creates) is True
        assert stack.item()["AnnouncementClaimedTime"] == "2026-11-21T05:01:01+00:00"

    @pytest.mark.parametrize("creates", [False, True])
    def test_another_email_does_not_wait_for_it(self, stack: Stack, creates: bool) -> None:
        stack.request()
        stack.ledger.claim_announcement("A1", "7", "arn#0", creates=creates)
        assert stack.ledger.claim_announcement("A1", "7", "arn#1", creates=creates) is True

    def test_a_claim_that_is_released_is_free_at_once(self, stack: Stack) -> None:
        stack.request()
        stack.ledger.claim_announcement("A1", "7", "arn#0")
        stack.ledger.release_announcement("A1", "7")
        assert stack.ledger.claim_announcement("A1", "7", "arn#0") is True

    def test_a_claim_needs_the_item_unless_it_may_create_it(self, stack: Stack) -> None:
        with pytest.raises(ReportForgottenError, match=r"^report 7 of seller A1 was deleted$"):
            stack.ledger.claim_announcement("A1", "7", "arn#0")
        assert stack.table.items == {}
        assert stack.ledger.claim_announcement("A1", "7", "arn#0", creates=True) is True
        assert stack.item() == {
            "ReportId": "7",
            "SellerId": "A1",
            "AnnouncementClaim": "arn#0",
            "AnnouncementClaimedTime": "2026-11-21T05:00:00+00:00",
            "CreatedTime": REQUESTED["CreatedTime"],
            "ExpiresAt": REQUESTED["ExpiresAt"],
        }
        assert stack.asked == [("A1", None)]

    def test_a_claim_creates_no_item_of_a_removed_seller(self, stack: Stack) -> None:
        stack.known = False
        with pytest.raises(ReportForgottenError):
            stack.ledger.claim_announcement("A1", "7", "arn#0", creates=True)
        assert stack.table.items == {}

    def test_an_execution_without_a_seller_is_nobodys_who_could_be_removed(self, stack: Stack) -> None:
        stack.known = False
        assert stack.ledger.claim_announcement("*", "EXECUTION#x", "arn#0", creates=True) is True
        assert stack.ledger.known("*") is True
        assert stack.ledger.known("A1") is False
        assert stack.asked == [("A1", None)]


class TestAnnounced:
    def test_what_was_sent_about_a_report_is_noted(self, stack: Stack) -> None:
        stack.request()
        stack.ledger.announced("A1", "7", "DONE", "DELIVERED", "m-1")
        assert stack.item() == {
            **REQUESTED,
            "ReportStatus": "DONE",
            "DeliveryStatus": "DELIVERED",
            "AnnouncedOutcome": "DELIVERED",
            "NotificationMessageId": "m-1",
            "NotifiedTime": "2026-11-21T05:00:00+00:00",
        }

    def test_what_was_sent_about_a_failure_is_noted(self, stack: Stack) -> None:
        stack.request()
        stack.ledger.failed("A1", "7", "arn#0", "NotFoundError", "m-1")
        assert stack.item() == {
            **REQUESTED,
            "DeliveryStatus": "FAILED",
            "DeliveryError": "NotFoundError",
            "DeliveryFailedTime": "2026-11-21T05:00:00+00:00",
            "AnnouncedFailure": "arn#0",
            "FailureMessageId": "m-1",
        }

    def test_notes_bring_no_deleted_item_back(self, stack: Stack) -> None:
        stack.ledger.announced("A1", "7", "DONE", "DELIVERED", "m-1")
        stack.ledger.failed("A1", "7", "arn#0", "NotFoundError", "m-1")
        stack.ledger.release_announcement("A1", "7")
        stack.ledger.overdue_announced(OverdueReport("A1", "EU", "7", "GET_X", "t"), "m-1")
        assert stack.table.items == {}
        assert stack.ledger.find("A1", "7") is None
        with pytest.raises(ReportForgottenError, match=r"^report 7 of seller A1 was deleted$"):
            stack.ledger.require("A1", "7")


class TestOverdue:
    def overdue(self, stack: Stack, after: timedelta = SECOND) -> list[OverdueReport]:
        return list(stack.ledger.overdue(NOW + after))

    def test_a_report_that_was_requested_before_is_overdue_until_an_email_says_so(self, stack: Stack) -> None:
        stack.request()
        assert self.overdue(stack, after=timedelta()) == []
        (found,) = self.overdue(stack)
        assert found == OverdueReport("A1", "EU", "7", "GET_X", "2026-11-21T05:00:00+00:00")
        stack.ledger.overdue_announced(found, "m-1")
        assert stack.item() == {
            **REQUESTED,
            "OverdueMessageId": "m-1",
            "OverdueNotifiedTime": "2026-11-21T05:00:00+00:00",
        }
        assert self.overdue(stack) == []

    def test_a_report_that_is_finished_or_failed_is_not_overdue(self, stack: Stack) -> None:
        stack.request()
        stack.request("8")
        stack.finish()
        stack.ledger.failed("A1", "8", "arn#0", "NotFoundError", "m-1")
        assert self.overdue(stack) == []

    def test_an_item_that_lost_its_region_and_its_type_is_overdue_too(self, stack: Stack) -> None:
        stack.request()
        for name in ("RegionCode", "ReportType"):
            del stack.table.items["7", "A1"][name]
        (found,) = self.overdue(stack)
        assert (found.region, found.report_type) == ("(unknown region)", "(unknown type)")
