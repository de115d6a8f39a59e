"""POST /reports: requests a report from SP-API."""

from collections.abc import Mapping
from typing import Any

from quickstart import callers, http_api
from quickstart.invocation import Context
from quickstart.reports import wiring
from quickstart.reports.requests import create_report, read_request
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{SellerId, RegionCode, ReportType, MarketplaceIds, ReportDataStartTime?, ReportDataEndTime?, ReportOptions?,
    ClientToken?} -> {"reportId"}.
    """
    return http_api.answer(event, context, ROUTES)


def _create(fields: Fields) -> Mapping[str, object]:
    """Requests a report from SP-API; the stack delivers it when it is finished."""
    request = read_request(fields)
    caller = callers.seller(request.seller_id, request.region, http_api.call_deadline())
    return {"reportId": create_report(caller, request, wiring.report_records())}


ROUTES: Mapping[str, http_api.Action] = {"POST /reports": _create}
