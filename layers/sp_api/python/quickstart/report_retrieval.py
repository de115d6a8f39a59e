"""Asks SP-API what became of a report and where its document is."""

from dataclasses import dataclass, field
from datetime import datetime

import urllib3

from sp_api import reports
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.documents import open_document
from sp_api.reports import ProcessingStatus, Report

_FINISHED = (ProcessingStatus.DONE, ProcessingStatus.CANCELLED, ProcessingStatus.FATAL)
# The explanation in a FATAL report's document is a sentence; what is longer is cut.
_LONGEST_EXPLANATION = 4096


class ReportUnfinishedError(RuntimeError):
    """SP-API says that the report is still being made, though its notification has come: ask again later."""


class ReportMadeElsewhereError(RuntimeError):
    """Neither this stack nor a schedule asked for the report, and the stack is told to ignore such reports.

    A notification may overtake the answer of createReport, so it is worth asking once more after a minute.
    """


class DocumentUrlKeepsExpiringError(RuntimeError):
    """The document's URL expired before it was read, as often as the state machine allows."""


@dataclass(frozen=True)
class RetrievedReport:
    """A finished report; `document_url` works for five minutes, and a FATAL report may have an `explanation`."""

    report: Report
    document_url: str | None = field(default=None, repr=False)
    explanation: str | None = None


def finished_report(caller: Caller, report_id: str) -> Report:
    """getReport (SP-API: Reports API 2021-06-30). Raises ReportUnfinishedError, and what `sp_api` raises."""
    report = reports.get_report(caller, report_id)
    if report.processing_status not in _FINISHED:
        raise ReportUnfinishedError(f"report {report_id} is {report.processing_status}")
    return report


def retrieve_document(caller: Caller, http: urllib3.PoolManager, report: Report, deadline: Deadline) -> RetrievedReport:
    """getReportDocument, where the report has a document. Raises what `sp_api` raises."""
    if report.report_document_id is None:
        return RetrievedReport(report)
    document = reports.get_report_document(caller, report.report_document_id, report_type=report.report_type)
    if report.processing_status is ProcessingStatus.DONE:
        return RetrievedReport(report, document_url=document.url)
    return RetrievedReport(report, explanation=_read_explanation(http, document.url, deadline))


def _read_explanation(http: urllib3.PoolManager, url: str, deadline: Deadline) -> str:
    with open_document(http, url, deadline) as document:
        return document.text(_LONGEST_EXPLANATION)


def iso(time: datetime | None) -> str | None:
    """A time as the state machine carries it, to the second."""
    return None if time is None else time.isoformat(timespec="seconds")
