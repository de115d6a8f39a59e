"""GET /reports and GET /reports/{reportId}: the state of a seller's reports."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quickstart import http_api
from quickstart.invocation import Context
from quickstart.reports import wiring
from quickstart.reports.reading import list_reports, read_find_request, read_list_request, read_report
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{SellerId, Limit?, NextToken?} -> {"reports", "nextToken"?}, and {SellerId, ReportId} -> one report, with a
    new link when it is stored.
    """
    return http_api.answer(event, context, ROUTES)


def _list(fields: Fields) -> Mapping[str, object]:
    """Lists a seller's reports, newest first."""
    request = read_list_request(fields)
    return list_reports(wiring.reports_table(), request, datetime.now(UTC))


def _read(fields: Fields) -> Mapping[str, object]:
    """Returns the status of a report, with a new link if it is stored."""
    seller_id, report_id = read_find_request(fields)
    return read_report(wiring.reports_table(), wiring.report_links(), seller_id, report_id, datetime.now(UTC))


ROUTES: Mapping[str, http_api.Action] = {"GET /reports": _list, "GET /reports/{reportId}": _read}
