"""Gets a report's status from SP-API, and the URL of its document, each at its slot of the seller's quota."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3

from quickstart.invocation import ExpectedError
from quickstart.observability import logger
from quickstart.paced_calls import CallLater, PacedCalls
from quickstart.reports.ledger import ReportForgottenError, ReportLedger
from quickstart.reports.open_requests import Fit, OpenRequests
from quickstart.reports.paced_calls import GET_REPORT, GET_REPORT_DOCUMENT
from quickstart.times import to_text
from quickstart.token_vault import SellerBeingRemovedError, SellerUnknownError
from sp_api import reports
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.documents import open_document
from sp_api.errors import ThrottledError
from sp_api.redaction import redacted
from sp_api.regions import Region
from sp_api.reports import ProcessingStatus, Report

# SP-API may add statuses. A notification says that the report is finished, so any status but these ends it.
_UNFINISHED = (ProcessingStatus.IN_QUEUE, ProcessingStatus.IN_PROGRESS)
# Their document, if any, is an explanation; that of any other status is the report.
_NOT_CREATED = (ProcessingStatus.CANCELLED, ProcessingStatus.FATAL)
# The explanation in a FATAL report's document is one sentence; longer text is cut.
_LONGEST_EXPLANATION = 4096
# The e-mail about a report that SP-API did not create waits this long for the reason. Then it is sent without it.
_LONGEST_WAIT_FOR_EXPLANATION = 3600.0


class ReportUnfinishedError(ExpectedError):
    """SP-API returns the report as unfinished although its notification has arrived; retry later."""


class ReportMadeElsewhereError(ExpectedError):
    """Neither this stack nor a schedule requested the report, and the stack is configured to ignore such reports.

    A notification may arrive before createReport's answer is recorded, so the state machine retries once
    after a minute.
    """


class DocumentUrlKeepsExpiringError(ExpectedError):
    """The document's URL expired before it was read, as many times as the state machine allows."""


@dataclass(frozen=True)
class RetrievalRequest:
    """The state machine's input. `ignore_made_elsewhere` is the stack's parameter ReportsMadeElsewhere."""

    seller_id: str
    region: Region
    report_id: str
    asked_for_here: bool
    retrievals_left: int
    ignore_made_elsewhere: bool


@dataclass(frozen=True)
class RetrievedReport:
    """A finished report; `document_url` is valid for five minutes.

    `report` is what the state machine passes on: {ReportStatus, ReportType, CreatedTime, DataStartTime?, DataEndTime?,
    ExplanationDocumentId?}.
    """

    report: Mapping[str, object]
    document_url: str | None = field(default=None, repr=False)

    def to_workflow(self) -> Mapping[str, object]:
        """{Report, ReportDocumentUrl?}: the URL is separate, so that the state machine can pass on the rest without
        it.
        """
        return {"Report": self.report} | ({} if self.document_url is None else {"ReportDocumentUrl": self.document_url})


def retrieve_report(
    request: RetrievalRequest, calls: PacedCalls, ledger: ReportLedger, open_requests: OpenRequests
) -> RetrievedReport | CallLater:
    """Calls getReport, records the report's status in the ledger, and calls getReportDocument for a report that
    was created.

    The status is recorded first: it stays true whatever happens to the document. After the wait for a slot of
    getReportDocument, getReport is not called again.
    Raises DocumentUrlKeepsExpiringError, ReportUnfinishedError, ReportMadeElsewhereError, ReportForgottenError when the
    seller was removed, SellerBeingRemovedError, and what `sp_api` raises.
    """
    try:
        return _retrieve(request, calls, ledger, open_requests)
    except SellerUnknownError as error:
        # The record is read after the tokens: a removal deletes it later.
        if ledger.known(request.seller_id):
            raise
        if ledger.find(request.seller_id, request.report_id) is None:
            raise ReportForgottenError(request.seller_id, request.report_id) from error
        raise SellerBeingRemovedError(request.seller_id) from error


def _retrieve(
    request: RetrievalRequest, calls: PacedCalls, ledger: ReportLedger, open_requests: OpenRequests
) -> RetrievedReport | CallLater:
    if request.retrievals_left <= 0:
        raise DocumentUrlKeepsExpiringError(
            f"the document of report {request.report_id} could not be read before its URL expired"
        )
    if calls.slot is not None and calls.slot.get("Operation") == GET_REPORT_DOCUMENT:
        return _retrieve_document(calls, calls.slot["Report"], calls.slot["DocumentId"])
    report = calls.at_slot(GET_REPORT, lambda caller: finished_report(caller, request.report_id))
    if isinstance(report, CallLater):
        return report
    if not request.asked_for_here and request.ignore_made_elsewhere:
        _require_asked_for(request, report, ledger, open_requests)
    ledger.finished(request.seller_id, request.region, report)
    logger().info("report retrieved", status=report.processing_status, has_document=_document_id(report) is not None)
    document_id = _document_id(report)
    if document_id is None:
        return RetrievedReport(_passed_on(report))
    return _retrieve_document(calls, _passed_on(report), document_id)


def _document_id(report: Report) -> str | None:
    return None if report.processing_status in _NOT_CREATED else report.report_document_id


def _passed_on(report: Report) -> Mapping[str, object]:
    explained = report.processing_status in _NOT_CREATED
    fields = {
        "ReportStatus": str(report.processing_status),
        "ReportType": report.report_type,
        "CreatedTime": to_text(report.created_time),
        "DataStartTime": to_text(report.data_start_time),
        "DataEndTime": to_text(report.data_end_time),
        "ExplanationDocumentId": report.report_document_id if explained else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _retrieve_document(calls: PacedCalls, report: Mapping[str, Any], document_id: str) -> RetrievedReport | CallLater:
    document = calls.at_slot(
        GET_REPORT_DOCUMENT,
        lambda caller: reports.get_report_document(caller, document_id, report_type=report["ReportType"]),
        Report=report,
        DocumentId=document_id,
    )
    return document if isinstance(document, CallLater) else RetrievedReport(report, document_url=document.url)


def _require_asked_for(
    request: RetrievalRequest, report: Report, ledger: ReportLedger, open_requests: OpenRequests
) -> None:
    """A schedule's report counts as requested: only programs create schedules, and SP-API does not say which one.

    So does one that an open request may have created: its createReport was not answered, or the answer not recorded.
    While that request runs, the answer may still be recorded, which a retry will see.
    """
    if report.report_schedule_id is not None or ledger.find(request.seller_id, report.report_id) is not None:
        return
    opened = open_requests.of(request.seller_id, request.region, report.report_type)
    fitting = [open_request for open_request in opened if open_request.fit(report) is not Fit.NO]
    if not fitting or any(open_request.runs(open_requests.now()) for open_request in fitting):
        raise ReportMadeElsewhereError(f"this stack did not request report {report.report_id}")
    logger().info("report of an unanswered request", client_tokens=[found.client_token for found in fitting])


def finished_report(caller: Caller, report_id: str) -> Report:
    """getReport (SP-API: Reports API 2021-06-30). Raises ReportUnfinishedError, and what `sp_api` raises."""
    report = reports.get_report(caller, report_id)
    if report.processing_status in _UNFINISHED:
        raise ReportUnfinishedError(f"report {report_id} is {report.processing_status}")
    return report


@dataclass(frozen=True)
class Explanation:
    """Why SP-API did not create a report; or `error`, the class of the error, without which that is not known."""

    text: str | None = None
    error: str | None = None

    def to_workflow(self) -> Mapping[str, object]:
        """{Explanation} or {ExplanationError}."""
        return {"ExplanationError": self.error} if self.text is None else {"Explanation": self.text}


def retrieve_explanation(
    calls: PacedCalls, http: urllib3.PoolManager, report_type: str, document_id: str, deadline: Deadline
) -> Explanation | CallLater:
    """The start of the document that explains why SP-API did not create a report. Raises what `sp_api` raises."""
    document = calls.at_slot(
        GET_REPORT_DOCUMENT,
        lambda caller: reports.get_report_document(caller, document_id, report_type=report_type),
    )
    if isinstance(document, CallLater):
        late = document.seconds > _LONGEST_WAIT_FOR_EXPLANATION
        return Explanation(error=ThrottledError.__name__) if late else document
    with open_document(http, document.url, deadline) as body:
        return Explanation(redacted(body.text(_LONGEST_EXPLANATION)))
