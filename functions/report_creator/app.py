"""POST /reports: asks SP-API for a report."""

from collections.abc import Mapping
from typing import Any

from quickstart import http_api, wiring
from quickstart.report_requests import create_report, read_request
from quickstart.validation import Fields
from sp_api.deadline import Deadline


def handler(event: Mapping[str, Any], _context: object) -> http_api.Answer:
    """{SellerId, RegionCode, ReportType, MarketplaceIds, ReportDataStartTime?, ReportDataEndTime?, ReportOptions?,
    ClientToken?} -> {"reportId"}.
    """
    return http_api.answer(event, ROUTES)


def _create(fields: Fields) -> Mapping[str, object]:
    """Asks SP-API for a report, which is delivered when it is made."""
    request = read_request(fields)
    caller = wiring.seller(request.seller_id, request.region, Deadline.after(http_api.CALL_BUDGET_SECONDS))
    return {"reportId": create_report(caller, request, wiring.report_ledger(), wiring.client_tokens())}


ROUTES: Mapping[str, http_api.Action] = {"POST /reports": _create}
