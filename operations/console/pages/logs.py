"""The log lines of all functions about one request, execution or order."""

from argparse import ArgumentTypeError
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from operations.console.console import Console
from operations.console.pages.addresses import address
from operations.console.reading.lines import AREAS, MOST, read_lines
from operations.console.web import Page, ShownError, show
from operations.logs import period

PERIODS = {"15m": "15 minutes", "1h": "hour", "6h": "6 hours", "1d": "day", "3d": "3 days", "14d": "14 days"}
_USUAL = "1d"
_LONGEST = 256


def logs(console: Console, request: Request) -> Response:
    given = request.query_params
    wanted, since, area = given.get("find", "").strip(), given.get("since", _USUAL), given.get("area", "")
    if len(wanted) > _LONGEST:
        raise ShownError(400, "The text is too long", f"Enter at most {_LONGEST} characters.")
    if area and area not in AREAS:
        raise ShownError(400, "Unknown area", f"The area must be one of: {', '.join(AREAS)}.")
    try:
        begin = console.now() - period(since)
    except ArgumentTypeError as error:
        raise ShownError(400, "Not a period", f"{error}.") from None
    found = console.part(lambda: read_lines(console, wanted, begin, area)) if wanted else None
    return show(
        console,
        request,
        "logs.html",
        wanted=wanted,
        since=since,
        area=area,
        areas=list(AREAS),
        periods=PERIODS if since in PERIODS else {**PERIODS, since: since},
        found=found,
        most=MOST,
        logs=partial(address, "logs"),
    )


PAGE = Page("Logs", "/logs", {"/logs": logs}, {})
