"""GET /reports and GET /reports/{reportId}: what became of a seller's reports."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quickstart import http_api, wiring
from quickstart.report_reading import described, find_report, list_reports, read_list_request
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], _context: object) -> http_api.Answer:
    """{SellerId, Limit?, NextToken?} -> {"reports", "nextToken"?}, and {SellerId, ReportId} -> one report, with a
    fresh link when it is stored.
    """
    return http_api.answer(event, ROUTES)


def _list(fields: Fields) -> Mapping[str, object]:
    """Lists a seller's reports, newest first."""
    request = read_list_request(fields)
    return list_reports(wiring.reports_table(), request, datetime.now(UTC))


def _read(fields: Fields) -> Mapping[str, object]:
    """Tells what became of a report, with a fresh link when it is stored."""
    seller_id = fields.seller_id()
    report_id = fields.report_id()
    fields.finish()
    item = find_report(wiring.reports_table(), seller_id, report_id, datetime.now(UTC))
    return described(item, wiring.report_link(item["ObjectKey"], report_id) if "ObjectKey" in item else None)


ROUTES: Mapping[str, http_api.Action] = {"GET /reports": _list, "GET /reports/{reportId}": _read}
