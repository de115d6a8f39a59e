"""Reports: the search, one report, its first rows, and what can be done about it."""

import re
import uuid
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from operations.api import Api, RefusedError
from operations.console.advice import advice
from operations.console.console import Console, Form
from operations.console.pages.addresses import address as link_to
from operations.console.reading.census import troubles
from operations.console.reading.preview import ROWS, download_beginning, preview
from operations.console.reading.reports import (
    EXPLANATIONS,
    MOST_SELLERS,
    Position,
    Report,
    ReportState,
    Search,
    executions_of,
    find_report,
    ledger_events,
    overdue_hours,
    search,
)
from operations.console.reading.sellers import known_sellers
from operations.console.web import Page, ShownError, done, show
from operations.outcomes import MACHINES
from operations.redrive import redrive_execution

API = "ReportCreatorUrl"
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2})?")


def reports(console: Console, request: Request) -> Response:
    given = request.query_params
    sellers = known_sellers(console)
    seller = given.get("seller", "").strip()
    wanted = Search(
        sellers=[seller] if seller else sellers[:MOST_SELLERS],
        report_type=given.get("type", "").strip().upper(),
        state=_state(given.get("state", "")),
        least=_time(given.get("from", ""), "From"),
        most=_until(_time(given.get("to", ""), "To")),
        after=_position(given.get("after", "")),
    )
    found = (None if seller else troubles(console, wanted)) or search(console, wanted)
    filled = {name: given.get(name, "") for name in ("seller", "type", "state", "from", "to")}
    kept = {name: value for name, value in filled.items() if value}
    return show(
        console,
        request,
        "reports.html",
        given=filled,
        searching=bool(kept),
        sellers=sellers,
        too_many=len(sellers) > MOST_SELLERS and not seller,
        most_sellers=MOST_SELLERS,
        states=list(ReportState),
        found=found,
        older="?" + urlencode({**kept, "after": found.next.text()}) if found.next else "",
        newest="?" + urlencode(kept) if wanted.after else "",
        address=address,
    )


def report(console: Console, request: Request) -> Response:
    return _report(console, request, _found(console, request))


def _report(console: Console, request: Request, found: Report, link: Mapping[str, str] | None = None) -> Response:
    executions = console.part(partial(executions_of, console, found))
    # Again: the state must not be older than the executions, which may have ended in between.
    found = _found(console, request)
    return show(
        console,
        request,
        "report.html",
        report=found,
        events=ledger_events(found),
        executions=executions,
        advice=advice(console, MACHINES["ReportProcessorStateMachineArn"].failed),
        hours=overdue_hours(console.stack),
        address=address(found),
        logs=link_to("logs", find=found.report_id, since="14d", area="reports"),
        token=f"console-{uuid.uuid4()}",
        link=link,
    )


def rows(console: Console, request: Request) -> Response:
    """The first rows. The link is used by the console alone, and not shown."""
    found = _found(console, request)
    link = _link(console, found)
    content, content_type, encoding, more = download_beginning(link["url"])
    shown = preview(content, content_type, encoding, more=more)
    return show(console, request, "rows.html", report=found, address=address(found), preview=shown, most=ROWS)


def fresh_link(console: Console, request: Request) -> Response:
    """Shows the link on the page itself: it is neither kept nor in an address. Changes nothing in the stack."""
    found = _found(console, request)
    return _report(console, request, found, link=_link(console, found))


def ask_again(console: Console, request: Request, form: Form) -> Response:
    """Requests the same report again. The form has the ClientToken, so that sending it twice asks once."""
    found = _found(console, request)
    period = found.item if found.item.get("PeriodRequested") else {}
    given = {
        "SellerId": found.seller_id,
        "RegionCode": found.region,
        "ReportType": found.report_type,
        "MarketplaceIds": list(found.marketplaces),
        "ReportDataStartTime": period.get("DataStartTime"),
        "ReportDataEndTime": period.get("DataEndTime"),
        "ClientToken": form.get("token") or f"console-{uuid.uuid4()}",
    }
    body = {name: value for name, value in given.items() if value}
    created = str(Api(console.stack, attempts=1).send("POST", API, body=body)["reportId"])
    path = f"/reports/{quote(found.seller_id, safe='')}/{quote(created, safe='')}"
    return done(console, path, f"Requested: SP-API creates the report {created} for {found.seller_id}.")


def redrive(console: Console, request: Request, form: Form) -> Response:
    """Redrives one execution of the report, from the step that failed."""
    found = _found(console, request)
    arns = {execution.arn: execution for execution in executions_of(console, found)}
    chosen = arns.get(form.get("execution", ""))
    if chosen is None:
        raise ShownError(404, "Execution not found", "This report has no such execution. Reload its page.")
    outcome = redrive_execution(console.stack.client("stepfunctions"), chosen.arn)
    return done(console, address(found), f"{chosen.name}: {outcome}.", problem=outcome.startswith("cannot"))


def address(found: Report) -> str:
    return f"/reports/{quote(found.seller_id, safe='')}/{quote(found.report_id, safe='')}"


def _found(console: Console, request: Request) -> Report:
    seller_id, report_id = request.path_params["seller"], request.path_params["report"]
    found = find_report(console, seller_id, report_id)
    if found is None:
        raise ShownError(
            404,
            "Report not found",
            f"The Reports table has no report {report_id} of seller {seller_id}. Records are deleted after the days in "
            "the parameter ReportRetentionDays.",
        )
    return found


def _link(console: Console, found: Report) -> Mapping[str, str]:
    """{url, expires}. Raises ShownError if the report is not stored."""
    try:
        answer = Api(console.stack, attempts=1).send("GET", API, f"/{quote(found.report_id)}", SellerId=found.seller_id)
    except RefusedError as error:
        raise ShownError(502, "The stack did not return a link", str(error)) from None
    if "link" not in answer:
        raise ShownError(409, "The report is not stored", "The stack has no document of this report.")
    link: Mapping[str, str] = answer["link"]
    return link


def _state(given: str) -> ReportState | None:
    if not given:
        return None
    try:
        return ReportState(given)
    except ValueError:
        raise ShownError(400, "Unknown state", f"State must be one of: {', '.join(EXPLANATIONS)}.") from None


def _time(given: str, name: str) -> str:
    if given and not _TIME.fullmatch(given):
        raise ShownError(400, "Not a time", f"{name} must be a date or a time such as 2026-11-26 or 2026-11-26T12:00.")
    return given


def _until(given: str) -> str:
    """After every time that begins with this one."""
    return f"{given}~" if given else ""


def _position(given: str) -> Position | None:
    found = Position.read(given) if given else None
    if given and found is None:
        raise ShownError(400, "Not a page of this list", "Begin with the first page.")
    return found


ONE = "/reports/{seller}/{report}"
PAGE = Page(
    "Reports",
    "/reports",
    {"/reports": reports, ONE: report, f"{ONE}/rows": rows, f"{ONE}/link": fresh_link},
    {f"{ONE}/again": ask_again, f"{ONE}/redrive": redrive},
)
