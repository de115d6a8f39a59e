"""Retrieving a report: the rules before and after the calls to SP-API."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

import pytest

from quickstart.call_slots import LATEST_SLOT, CallSlots, Quota
from quickstart.dynamodb import Table
from quickstart.paced_calls import CallLater, PacedCalls
from quickstart.reports.ledger import KnownSellers, ReportForgottenError, ReportLedger
from quickstart.reports.open_requests import OpenRequest, OpenRequests
from quickstart.reports.paced_calls import slots_of
from quickstart.reports.retrieval import (
    DocumentUrlKeepsExpiringError,
    Explanation,
    ReportMadeElsewhereError,
    ReportUnfinishedError,
    RetrievalRequest,
    RetrievedReport,
    retrieve_explanation,
    retrieve_report,
)
from quickstart.token_vault import SellerBeingRemovedError, SellerUnknownError
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.errors import AccessDeniedError, NotFoundError, TransientError
from sp_api.regions import Region
from sp_api.transport import make_http
from tests.unit.quickstart.support import Aws, MemoryTable, always_known, never_known
from tests.unit.sp_api.support import SELLER_ID, Answer, ScriptedServer, answer_json, errors_json, seller_of

REPORT = "/na/reports/2021-06-30/reports/7"
DOCUMENT = "/na/reports/2021-06-30/documents/d-7"
REQUEST = RetrievalRequest(SELLER_ID, Region.NA, "7", True, 6, True)
CREATED = datetime(2026, 11, 21, 5, tzinfo=UTC)
NOW = CREATED + timedelta(minutes=2)


class Retrieve(Protocol):
    def __call__(self, request: RetrievalRequest) -> RetrievedReport: ...


@pytest.fixture
def table(aws: Aws) -> MemoryTable:
    return MemoryTable(aws, "ReportId", "SellerId")


@pytest.fixture
def retrieve(server: ScriptedServer, table: MemoryTable) -> Retrieve:
    at_sp_api(server)
    ledger = ReportLedger(table.table, timedelta(days=30), always_known)
    opened = OpenRequests(table.table, lambda: NOW)

    def seller() -> Caller:
        return seller_of(server)

    def retrieve(request: RetrievalRequest) -> RetrievedReport:
        found = retrieve_report(request, paced_calls(seller, table.table), ledger, opened)
        assert isinstance(found, RetrievedReport)
        return found

    return retrieve


def paced_calls(seller: Callable[[], Caller], table: Table, slot: Mapping[str, Any] | None = None) -> PacedCalls:
    return PacedCalls(seller, partial(slots_of, table, SELLER_ID, Region.NA), slot or {})


def at_sp_api(server: ScriptedServer, **changed: Any) -> None:
    report = {
        "reportId": "7",
        "reportType": "GET_X",
        "processingStatus": "DONE",
        "createdTime": "2026-11-21T05:00:00Z",
        "marketplaceIds": ["ATVPDKIKX0DER"],
        "reportDocumentId": "d-7",
        **changed,
    }
    server.answer("GET", REPORT, answer_json({name: value for name, value in report.items() if value is not None}))
    server.answer("GET", DOCUMENT, answer_json({"reportDocumentId": "d-7", "url": f"{server.url}/document"}))


def test_a_finished_report_has_its_url_and_its_status_in_the_table(
    server: ScriptedServer, table: MemoryTable, retrieve: Retrieve, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    assert retrieve(REQUEST).to_workflow() == {
        "Report": {"ReportStatus": "DONE", "ReportType": "GET_X", "CreatedTime": "2026-11-21T05:00:00+00:00"},
        "ReportDocumentUrl": f"{server.url}/document",
    }
    item = table.find(ReportId="7", SellerId=SELLER_ID) or {}
    assert (item["ReportStatus"], item["ReportType"], item["RegionCode"]) == ("DONE", "GET_X", "NA")
    (line,) = log_lines()
    assert (line["message"], line["status"], line["has_document"]) == ("report retrieved", "DONE", True)


@pytest.mark.parametrize("status", ["FATAL", "CANCELLED"])
@pytest.mark.parametrize("document_id", ["d-7", None])
def test_a_report_that_was_not_created_is_known_without_its_explanation(
    server: ScriptedServer, table: MemoryTable, retrieve: Retrieve, status: str, document_id: str | None
) -> None:
    at_sp_api(server, processingStatus=status, reportDocumentId=document_id)
    server.answer("GET", DOCUMENT, errors_json(404, "NotFound", "no such document"))
    retrieved = retrieve(REQUEST)
    assert (retrieved.document_url, retrieved.report.get("ExplanationDocumentId")) == (None, document_id)
    assert (table.find(ReportId="7") or {})["ReportStatus"] == status
    assert server.received(DOCUMENT) == []


def reports_in(table: MemoryTable) -> list[dict[str, Any]]:
    return [item for item in table.items if LATEST_SLOT not in item]


def explained(server: ScriptedServer, table: MemoryTable) -> Explanation | CallLater:
    calls = paced_calls(lambda: seller_of(server), table.table)
    return retrieve_explanation(calls, make_http(), "GET_X", "d-7", Deadline.after(10))


def test_its_explanation_is_the_start_of_its_document(server: ScriptedServer, table: MemoryTable) -> None:
    at_sp_api(server, processingStatus="FATAL")
    server.answer("GET", "/document", Answer(200, b"A client error occurred.\nAtzr|IwEBIHxq " + b"x" * 5_000))
    found = explained(server, table)
    assert isinstance(found, Explanation)
    assert (found.text or "").startswith("A client error occurred.\n*** xxx")
    assert len(found.text or "") <= 4096
    server.answer("GET", "/document", Answer(200, b"x" * 5_000))
    assert explained(server, table) == Explanation("x" * 4096)


@pytest.mark.parametrize("path", [DOCUMENT, "/document"])
def test_an_explanation_that_is_gone_is_not_found(server: ScriptedServer, table: MemoryTable, path: str) -> None:
    at_sp_api(server, processingStatus="FATAL")
    server.answer("GET", path, errors_json(404, "NotFound", "no such document"))
    with pytest.raises(NotFoundError):
        explained(server, table)


def test_used_up_retrievals_end_before_sp_api_is_called(
    server: ScriptedServer, table: MemoryTable, retrieve: Retrieve
) -> None:
    message = "^the document of report 7 could not be read before its URL expired$"
    with pytest.raises(DocumentUrlKeepsExpiringError, match=message):
        retrieve(replace(REQUEST, retrievals_left=0))
    assert (server.requests, table.items) == ([], [])
    assert retrieve(replace(REQUEST, retrievals_left=1)).document_url


@pytest.mark.parametrize("document_id", ["d-7", None])
def test_a_report_with_a_status_of_later_is_finished_and_its_document_the_report(
    server: ScriptedServer, table: MemoryTable, retrieve: Retrieve, document_id: str | None
) -> None:
    at_sp_api(server, processingStatus="DONE_IN_PART", reportDocumentId=document_id)
    retrieved = retrieve(REQUEST)
    assert retrieved.to_workflow()["Report"] == {
        "ReportStatus": "DONE_IN_PART",
        "ReportType": "GET_X",
        "CreatedTime": "2026-11-21T05:00:00+00:00",
    }
    assert (retrieved.document_url is not None) == (document_id is not None)
    assert (table.find(ReportId="7") or {})["ReportStatus"] == "DONE_IN_PART"


@pytest.mark.parametrize("status", ["IN_QUEUE", "IN_PROGRESS"])
def test_an_unfinished_report_is_not_written(
    server: ScriptedServer, table: MemoryTable, retrieve: Retrieve, status: str
) -> None:
    at_sp_api(server, processingStatus=status)
    with pytest.raises(ReportUnfinishedError, match=f"^report 7 is {status}$"):
        retrieve(REQUEST)
    assert reports_in(table) == []


@pytest.mark.parametrize(("code", "error"), [(404, NotFoundError), (403, AccessDeniedError), (500, TransientError)])
def test_a_done_report_is_done_whatever_happens_to_its_document(
    server: ScriptedServer, table: MemoryTable, retrieve: Retrieve, code: int, error: type[Exception]
) -> None:
    server.answer("GET", DOCUMENT, errors_json(code, "Some", "words"))
    with pytest.raises(error):
        retrieve(REQUEST)
    assert (table.find(ReportId="7") or {})["ReportStatus"] == "DONE"


class TestMadeElsewhere:
    """A report that this stack did not request is refused when the stack ignores such reports."""

    ELSEWHERE = replace(REQUEST, asked_for_here=False)

    def test_it_is_ignored(self, server: ScriptedServer, table: MemoryTable, retrieve: Retrieve) -> None:
        with pytest.raises(ReportMadeElsewhereError, match=r"^this stack did not request report 7$"):
            retrieve(self.ELSEWHERE)
        assert reports_in(table) == []
        assert server.received(DOCUMENT) == []

    def test_it_is_delivered_when_the_stack_does_not_ignore_it(self, table: MemoryTable, retrieve: Retrieve) -> None:
        assert retrieve(replace(self.ELSEWHERE, ignore_made_elsewhere=False)).document_url
        assert (table.find(ReportId="7") or {})["ReportStatus"] == "DONE"

    def test_a_schedules_report_is_delivered(self, server: ScriptedServer, retrieve: Retrieve) -> None:
        at_sp_api(server, reportScheduleId="5")
        assert retrieve(self.ELSEWHERE).document_url

    def test_a_report_recorded_meanwhile_is_delivered(self, table: MemoryTable, retrieve: Retrieve) -> None:
        table.items.append({"ReportId": "7", "SellerId": SELLER_ID})
        assert retrieve(self.ELSEWHERE).document_url

    def test_a_report_recorded_for_another_seller_is_not(self, table: MemoryTable, retrieve: Retrieve) -> None:
        table.items.append({"ReportId": "7", "SellerId": "A1"})
        with pytest.raises(ReportMadeElsewhereError):
            retrieve(self.ELSEWHERE)


class TestOfAnOpenRequest:
    """A report that a request of this stack may have created, though the stack has no answer of createReport."""

    ELSEWHERE = TestMadeElsewhere.ELSEWHERE

    @pytest.fixture(autouse=True)
    def listed(self, server: ScriptedServer, retrieve: Retrieve) -> None:  # noqa: ARG002 - comes after its answers
        at_sp_api(server, dataStartTime="2026-11-01T00:00:00Z", dataEndTime="2026-11-21T05:00:00Z")

    def opened(self, table: MemoryTable, claimed: datetime, region: Region = Region.NA, **changed: Any) -> None:
        request = OpenRequest(
            "t",
            claimed,
            claimed + timedelta(seconds=90),
            frozenset({"ATVPDKIKX0DER"}),
            datetime(2026, 11, 1, tzinfo=UTC),
        )
        OpenRequests(table.table, lambda: NOW).add(SELLER_ID, region, "GET_X", replace(request, **changed))

    def test_it_is_delivered(
        self, table: MemoryTable, retrieve: Retrieve, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        self.opened(table, CREATED - timedelta(seconds=1))
        self.opened(table, CREATED - timedelta(minutes=1), client_token="u", data_start_time=None)
        self.opened(table, CREATED - timedelta(minutes=5), client_token="v")
        assert retrieve(self.ELSEWHERE).document_url
        line = log_lines()[0]
        assert line["message"] == "report of an unanswered request"
        assert sorted(line["client_tokens"]) == ["t", "u"]

    def test_while_the_request_runs_its_answer_is_awaited(
        self, server: ScriptedServer, table: MemoryTable, retrieve: Retrieve
    ) -> None:
        at_sp_api(server, createdTime=NOW.isoformat(), dataStartTime="2026-11-01T00:00:00Z")
        self.opened(table, NOW - timedelta(seconds=29))
        with pytest.raises(ReportMadeElsewhereError):
            retrieve(self.ELSEWHERE)
        table.items.clear()
        self.opened(table, NOW - timedelta(seconds=30))
        assert retrieve(self.ELSEWHERE).document_url

    @pytest.mark.parametrize(
        "other",
        [
            {"claimed": CREATED - timedelta(seconds=91)},
            {"claimed": CREATED + timedelta(seconds=6)},
            {"data_start_time": datetime(2026, 10, 1, tzinfo=UTC)},
            {"marketplace_ids": frozenset({"A2EUQ1WTGCTBG2"})},
            {"region": Region.EU},
        ],
    )
    def test_another_programs_is_not(self, table: MemoryTable, retrieve: Retrieve, other: dict[str, Any]) -> None:
        self.opened(table, **{"claimed": CREATED, **other})
        with pytest.raises(ReportMadeElsewhereError):
            retrieve(self.ELSEWHERE)


def test_after_the_wait_for_its_document_the_report_is_not_asked_for_again(
    server: ScriptedServer, table: MemoryTable
) -> None:
    at_sp_api(server)
    ledger, opened = ReportLedger(table.table, timedelta(days=30), always_known), OpenRequests(table.table, lambda: NOW)

    def retrieve(slot: Mapping[str, Any] | None = None) -> RetrievedReport | CallLater:
        return retrieve_report(REQUEST, paced_calls(lambda: seller_of(server), table.table, slot), ledger, opened)

    # The slots of getReport are used up after ten reports, those of the document after fourteen.
    found = [retrieve({"Operation": "getReport"}) for _ in range(15)]
    (later,) = [one for one in found if isinstance(one, CallLater)]
    waiting = later.to_workflow()
    assert waiting["WaitSeconds"] == 60
    assert waiting["Report"] == {
        "ReportStatus": "DONE",
        "ReportType": "GET_X",
        "CreatedTime": "2026-11-21T05:00:00+00:00",
    }
    asked = len(server.received(REPORT))
    retrieved = retrieve(later.slot)
    assert isinstance(retrieved, RetrievedReport)
    assert (retrieved.report, retrieved.document_url) == (waiting["Report"], f"{server.url}/document")
    assert len(server.received(REPORT)) == asked


def test_an_execution_of_before_there_were_slots_is_retrieved_at_once(
    server: ScriptedServer, table: MemoryTable
) -> None:
    at_sp_api(server, processingStatus="FATAL", dataStartTime="2026-11-01T00:00:00Z")
    ledger, opened = ReportLedger(table.table, timedelta(days=30), always_known), OpenRequests(table.table, lambda: NOW)
    calls = replace(paced_calls(lambda: seller_of(server), table.table), slot=None)
    retrieved = retrieve_report(REQUEST, calls, ledger, opened)
    assert isinstance(retrieved, RetrievedReport)
    assert retrieved.to_workflow() == {
        "Report": {
            "ReportStatus": "FATAL",
            "ReportType": "GET_X",
            "CreatedTime": "2026-11-21T05:00:00+00:00",
            "DataStartTime": "2026-11-01T00:00:00+00:00",
            "ExplanationDocumentId": "d-7",
        }
    }
    assert reports_in(table) == table.items


def test_a_documents_url_does_not_show_in_a_log() -> None:
    assert "https://secret" not in repr(RetrievedReport({}, document_url="https://secret"))


@pytest.mark.parametrize(("interval", "waits"), [(3600, True), (3600.5, False)])
def test_an_explanation_that_comes_an_hour_later_is_waited_for(
    server: ScriptedServer, table: MemoryTable, interval: float, waits: bool
) -> None:
    server.answer("GET", "/document", Answer(200, b"why"))
    at_sp_api(server)

    def slots(operation: str) -> CallSlots:
        return CallSlots(
            table.table, {"ReportId": operation, "SellerId": "A1"}, Quota(1 / interval, 1), now=lambda: 1_000_000.0
        )

    calls = PacedCalls(lambda: seller_of(server), slots, {})
    first, second = (retrieve_explanation(calls, make_http(), "GET_X", "d-7", Deadline.after(10)) for _ in range(2))
    assert first == Explanation("why")
    if waits:
        assert second == CallLater(3600, {"Operation": "getReportDocument"})
    else:
        assert second == Explanation(error="ThrottledError")


def test_an_explanation_waits_an_hour_at_most(server: ScriptedServer, table: MemoryTable) -> None:
    server.answer("GET", "/document", Answer(200, b"why"))
    at_sp_api(server)
    found = [explained(server, table) for _ in range(80)]
    waits = [one.seconds for one in found if isinstance(one, CallLater)]
    assert len(waits) == 60
    assert max(waits) <= 3600
    missing = [one.to_workflow() for one in found[74:]]
    assert missing == [{"ExplanationError": "ThrottledError"}] * 6


def unknown_seller() -> Caller:
    raise SellerUnknownError(SELLER_ID, "NA")


class TestRemovedSeller:
    """A seller is removed: first the tokens are deleted, then the records of reports."""

    @staticmethod
    def retrieve(table: MemoryTable, seller: Callable[[], Caller], known: KnownSellers) -> RetrievedReport | CallLater:
        ledger, opened = ReportLedger(table.table, timedelta(days=30), known), OpenRequests(table.table, lambda: NOW)
        return retrieve_report(REQUEST, paced_calls(seller, table.table), ledger, opened)

    def test_after_the_removal_nothing_is_recorded(self, table: MemoryTable) -> None:
        with pytest.raises(ReportForgottenError):
            self.retrieve(table, unknown_seller, never_known)
        assert table.items == []

    def test_the_record_that_is_created_during_the_removal_is_deleted(
        self, server: ScriptedServer, table: MemoryTable
    ) -> None:
        at_sp_api(server)
        with pytest.raises(ReportForgottenError):
            self.retrieve(table, lambda: seller_of(server), never_known)
        assert [item for item in table.items if item["ReportId"] == "7"] == []
        assert server.received(DOCUMENT) == []

    def test_a_record_that_was_there_is_left_to_the_removal(self, server: ScriptedServer, table: MemoryTable) -> None:
        at_sp_api(server)
        table.items.append({"ReportId": "7", "SellerId": SELLER_ID, "CreatedTime": "2026-11-21T05:00:00.000000Z"})
        assert isinstance(self.retrieve(table, lambda: seller_of(server), never_known), RetrievedReport)

    def test_a_seller_with_a_token_for_another_region_was_not_removed(self, table: MemoryTable) -> None:
        with pytest.raises(SellerUnknownError):
            self.retrieve(table, unknown_seller, always_known)

    def test_between_tokens_and_records_it_is_tried_again(self, table: MemoryTable) -> None:
        table.items.append({"ReportId": "7", "SellerId": SELLER_ID})
        with pytest.raises(SellerBeingRemovedError):
            self.retrieve(table, unknown_seller, never_known)
        with pytest.raises(SellerUnknownError):
            self.retrieve(table, unknown_seller, always_known)
