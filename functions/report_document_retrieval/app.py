"""State machine steps: gets from SP-API the report's status and its document's URL, or why there is no report."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from quickstart import callers, clients, invocation, settings
from quickstart.paced_calls import PacedCalls
from quickstart.reports import wiring
from quickstart.reports.paced_calls import slots_of
from quickstart.reports.retrieval import RetrievalRequest, retrieve_explanation, retrieve_report
from sp_api.regions import Region


def handler(event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, object]:
    """{SellerId, RegionCode, ReportId, AskedForHere, RetrievalsLeft, Slot?, Execution?} -> {Report,
    ReportDocumentUrl?}, and {SellerId, RegionCode, ReportId, ReportType, ExplanationDocumentId, Slot?, Execution?} ->
    {Explanation} or {ExplanationError}.

    Both may return {WaitSeconds, Slot, Report?} instead: after so many seconds, the state machine passes back Slot.
    """
    with wiring.report_step(event, context):
        deadline = invocation.deadline(context)
        seller_id, region = event["SellerId"], Region(event["RegionCode"])
        calls = PacedCalls(
            lambda: callers.seller(seller_id, region, deadline),
            partial(slots_of, wiring.reports_table(), seller_id, region),
            event.get("Slot"),
        )
        if "ExplanationDocumentId" in event:
            document_id, report_type = event["ExplanationDocumentId"], event["ReportType"]
            return retrieve_explanation(calls, clients.http(), report_type, document_id, deadline).to_workflow()
        request = RetrievalRequest(
            seller_id=seller_id,
            region=region,
            report_id=event["ReportId"],
            asked_for_here=event["AskedForHere"],
            retrievals_left=event["RetrievalsLeft"],
            ignore_made_elsewhere=settings.required("REPORTS_MADE_ELSEWHERE") == "ignore",
        )
        return retrieve_report(request, calls, wiring.report_ledger(), wiring.open_requests()).to_workflow()
