"""State machine step: what became of the report, and where its document is."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from quickstart import settings, wiring
from quickstart.report_retrieval import (
    DocumentUrlKeepsExpiringError,
    ReportMadeElsewhereError,
    finished_report,
    iso,
    retrieve_document,
)
from sp_api.deadline import Deadline
from sp_api.regions import Region
from sp_api.reports import Report


def handler(event: Mapping[str, Any], context: LambdaContext) -> Mapping[str, object]:
    """{SellerId, RegionCode, ReportId, AskedForHere, RetrievalsLeft} -> {Report, ReportDocumentUrl?}.

    Report is {ReportStatus, ReportType, CreatedTime, DataStartTime?, DataEndTime?, Explanation?}.

    The URL stands apart, so that the state machine passes on the rest without it.
    """
    if event["RetrievalsLeft"] <= 0:
        raise DocumentUrlKeepsExpiringError(
            f"the document of report {event['ReportId']} could not be read before its URL expired"
        )
    region = Region(event["RegionCode"])
    deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000 - 5)
    caller = wiring.seller(event["SellerId"], region, deadline)
    report = finished_report(caller, event["ReportId"])
    if not event["AskedForHere"] and settings.required("REPORTS_MADE_ELSEWHERE") == "ignore":
        _require_asked_for(event["SellerId"], report)
    retrieved = retrieve_document(caller, wiring.http(), report, deadline)
    wiring.report_ledger().finished(event["SellerId"], region, report)
    found = {
        "ReportStatus": str(report.processing_status),
        "ReportType": report.report_type,
        "CreatedTime": iso(report.created_time),
        "DataStartTime": iso(report.data_start_time),
        "DataEndTime": iso(report.data_end_time),
        "Explanation": retrieved.explanation,
    }
    answer: dict[str, object] = {"Report": {name: value for name, value in found.items() if value is not None}}
    if retrieved.document_url is not None:
        answer["ReportDocumentUrl"] = retrieved.document_url
    return answer


def _require_asked_for(seller_id: str, report: Report) -> None:
    """A schedule's report counts as asked for: only programs make schedules, and SP-API does not say which program."""
    if report.report_schedule_id is None and wiring.report_ledger().find(seller_id, report.report_id) is None:
        raise ReportMadeElsewhereError(f"nothing here asked for report {report.report_id}")
