"""The page at / for a browser: operations, state, request log, and buttons for faults, the clock and more.

Plain HTML without scripts. Each form is an operation of the control API: its fields are the fields of the body. All
data is escaped, because it comes from clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from html import escape
from itertools import islice
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sp_api_simulator import VERSION
from sp_api_simulator.clock import notification_timestamp
from sp_api_simulator.control import Handlers, perform
from sp_api_simulator.control_api import CONTROL_OPERATIONS, OPENAPI_PATH, OPERATION_NAMES
from sp_api_simulator.control_fields import ControlError
from sp_api_simulator.control_schema import Schema
from sp_api_simulator.faults import FAULT_KINDS
from sp_api_simulator.hosts import FOREIGN, is_foreign
from sp_api_simulator.notification_types import SUBSCRIBABLE_TYPES
from sp_api_simulator.operations import OPERATIONS
from sp_api_simulator.state import Json, State

LATEST = 50
"""How many requests and notifications the page shows."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer, with which browsers send forms without their origin.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STYLE_PATH = "/page.css"
STYLE = """\
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; overflow-wrap: anywhere; padding: 1rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0; }
h1, h2, h3 { line-height: 1.2; }
table { border-collapse: collapse; width: 100%; }
caption { font-weight: bold; padding: .5rem 0; text-align: left; }
th, td { border-bottom: 1px solid GrayText; padding: .25rem .5rem; text-align: left; vertical-align: top; }
td { min-width: 5rem; }
.wide { overflow-x: auto; }
form { align-items: end; display: flex; flex-wrap: wrap; gap: .5rem 1rem; margin: .75rem 0; }
label { display: flex; flex-direction: column; max-width: 100%; }
input, select, button { font: inherit; max-width: 100%; padding: .25rem .5rem; }
input[type=number] { width: 8rem; }
a:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible, .wide:focus-visible {
  outline: 3px solid Highlight; outline-offset: 2px;
}
.message { border: 2px solid; padding: .5rem 1rem; }
.skip:not(:focus) { left: -99rem; position: absolute; }
"""

ACTIONS: Mapping[str, str] = {
    "add-seller": "POST /simulator/sellers",
    "add-fault": "POST /simulator/faults",
    "remove-faults": "DELETE /simulator/faults",
    "set-clock": "PUT /simulator/clock",
    "send-notification": "POST /simulator/notifications",
    "release-notifications": "POST /simulator/notifications/release",
    "clear-requests": "DELETE /simulator/requests",
    "reset": "POST /simulator/reset",
}
"""The control operation of each form."""

SECTIONS = {
    "state": "State",
    "clock": "Clock",
    "faults": "Faults",
    "notifications": "Notifications",
    "requests": "Requests",
    "operations": "Operations and addresses",
}


def routes(state: State, known: Handlers) -> list[Route]:
    """The routes of the page. `known` are the handlers of the control API."""
    return [
        Route("/", partial(_show, state), methods=["GET"]),
        Route(STYLE_PATH, _style, methods=["GET"]),
        Route("/actions/{action}", partial(_act, state, known), methods=["POST"]),
    ]


async def _show(state: State, request: Request) -> Response:
    return _page(state, refresh=request.query_params.get("refresh") == "5")


async def _style(_: Request) -> Response:
    return Response(STYLE, media_type="text/css", headers=HEADERS)


async def _act(state: State, known: Handlers, request: Request) -> Response:
    """Carries out a form, and shows the page again. A refused form is answered with the reason on the page."""
    if is_foreign(request):
        return _page(state, f"Refused: {FOREIGN}.", 403)
    name = request.path_params["action"]
    if (route := ACTIONS.get(name)) is None:
        return _page(state, "There is no such form.", 404)
    operation = CONTROL_OPERATIONS[route]
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    try:
        body = _body(form, operation.body or {})
        answer = await perform(state, known[route], operation, request, body)
    except ControlError as error:
        return _page(state, f"Refused: {error}.", error.status)
    if name == "add-seller":
        return _page(state, f"Seller {answer['sellerId']} has this refresh token: {answer['refreshToken']}")
    if name == "send-notification" and not answer["notifications"]:
        return _page(state, "Nobody has subscribed to this type for this seller. Nothing was sent.")
    return RedirectResponse("/", 303, HEADERS)


def _body(form: Mapping[str, str], schema: Schema) -> dict[str, Json]:
    """The body of the control operation. Empty fields are left out."""
    properties = schema.get("properties", {})
    return {name: _value(name, text, properties.get(name, {})) for name, text in form.items() if text}


def _value(name: str, text: str, schema: Schema) -> Json:
    kinds = schema.get("type", "string")
    if text == "null" and "null" in kinds:
        return None
    try:
        if "integer" in kinds:
            return int(text)
        return float(text) if "number" in kinds else text
    except ValueError as error:
        raise ControlError(f"{name} must be a number") from error


def _page(state: State, message: str = "", status: int = 200, *, refresh: bool = False) -> Response:
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in SECTIONS.items())
    again = '<a href="/">Stop reloading</a>' if refresh else '<a href="/?refresh=5">Reload every 5 seconds</a>'
    head = [
        '<a class="skip" href="#state">Skip to the state</a>',
        "<header><h1>SP-API simulator</h1>",
        f"<p>Version {escape(VERSION)}. This is not Amazon. Everything is lost when the simulator stops.</p>",
        f'<p class="message" role="status">{escape(message)}</p>' if message else "",
        f'<nav aria-label="Sections"><ul>{links}<li><a href="/">Reload</a></li><li>{again}</li>',
        f'<li><a href="{OPENAPI_PATH}">Control API (OpenAPI)</a></li></ul></nav></header>',
    ]
    body = [_state(state), _clock(state), _faults(state), _notifications(state), _requests(state), _operations()]
    meta = '<meta http-equiv="refresh" content="5">' if refresh else ""
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{meta}<title>SP-API simulator</title>'
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{STYLE_PATH}"></head>'
        f"<body>{''.join(head)}<main>{''.join(body)}</main></body></html>"
    )
    # A logged request can have half a character, which is no UTF-8.
    return Response(document.encode(errors="replace"), status, HEADERS, "text/html")


def _state(state: State) -> str:
    counts = {
        "Applications": len(state.applications),
        "Sellers": len(state.sellers),
        "Destinations": len(state.destinations),
        "Subscriptions": len(state.subscriptions),
        "Reports": len(state.reports),
        "Feeds": len(state.feeds.feeds),
        "Listings": len(state.listings.items),
        "Orders": len(state.orders),
    }
    sellers = [
        (
            seller.seller_id,
            seller.account_id,
            "vendor" if seller.vendor else "seller",
            ", ".join(sorted(seller.regions)),
        )
        for seller in islice(state.sellers.values(), LATEST)
    ]
    reports = [
        (report.report_id, report.seller_id, report.report_type, report.processing_status)
        for report in islice(reversed(state.reports.values()), LATEST)
    ]
    return _section(
        "state",
        _table("Counts", ("what", "number"), [(name, str(number)) for name, number in counts.items()]),
        _table("Sellers", ("seller id", "account id", "kind", "regions"), sellers),
        _form("add-seller", "Add a seller", _text("sellerId", "Seller id (empty: a new one)")),
        _table("Latest reports", ("report id", "seller id", "type", "status"), reports),
        _form("reset", "Restore the state at the start"),
    )


def _clock(state: State) -> str:
    clock = state.clock
    facts = [
        ("Time for clients", notification_timestamp(clock.now())),
        ("Added seconds", f"{clock.added_seconds:g}"),
        ("Speed of service time", f"{clock.scale:g}"),
    ]
    steps = {"301": "5 minutes: document links expire", "3601": "1 hour: access tokens expire", "86400": "1 day"}
    return _section(
        "clock",
        _table("Time", ("what", "value"), facts),
        _form("set-clock", "Move the clock forward", _select("advanceSeconds", "By", steps)),
        _form("set-clock", "Move the clock by seconds", _number("advanceSeconds", "Seconds", "any")),
        _form("set-clock", "Set the speed", _number("scale", "Times real time", "any")),
    )


def _faults(state: State) -> str:
    rows = [
        (
            fault.kind,
            fault.operation or "any",
            fault.seller_id or "any",
            "until removed" if fault.remaining is None else str(fault.remaining),
            str(fault.status or ""),
        )
        for fault in state.faults.open
    ]
    return _section(
        "faults",
        _table("Faults that remain", ("fault", "operation", "seller id", "requests", "status"), rows),
        _form(
            "add-fault",
            "Add the fault",
            _select("fault", "Fault", {kind: kind for kind in FAULT_KINDS}),
            _select("operation", "Operation", {"": "any"} | {name: name for name in OPERATION_NAMES}),
            _seller("Seller id (empty: any)"),
            _select("count", "Requests", {"1": "1", "3": "3", "10": "10", "null": "until removed"}),
            _number("status", "Status (fault status)"),
            _number("seconds", "Seconds (fault slow)", "any"),
            _number("afterBytes", "Bytes (fault truncate)"),
        ),
        _form("remove-faults", "Remove all faults"),
    )


def _notifications(state: State) -> str:
    rows = [
        (sent.notification_type, sent.queue_arn or " ".join(sent.event_bus or ()), sent.state, sent.error)
        for sent in islice(reversed(state.notifications), LATEST)
    ]
    return _section(
        "notifications",
        _table("Latest notifications", ("type", "to", "state", "error"), rows),
        _form(
            "send-notification",
            "Send an example",
            _select("notificationType", "Type", {name: name for name in sorted(SUBSCRIBABLE_TYPES)}),
            _seller("Seller id"),
        ),
        _sellers(state),
        _form("release-notifications", "Send the held notifications"),
    )


def _requests(state: State) -> str:
    rows = [
        (
            notification_timestamp(entry.time),
            entry.operation,
            f"{entry.method} {entry.path}",
            str(entry.status) if entry.status else "connection reset",
            entry.endpoint,
            entry.seller_id or entry.scope,
            entry.fault,
            entry.error,
        )
        for entry in islice(reversed(state.request_log.entries), LATEST)
    ]
    headings = ("time", "operation", "request", "status", "endpoint", "seller or scope", "fault", "error")
    return _section(
        "requests",
        _table("Latest requests", headings, rows),
        '<p><a href="/simulator/requests">All requests as JSON, with their bodies</a></p>',
        _form("clear-requests", "Clear the log"),
    )


def _operations() -> str:
    rows = [
        (each.name, f"{each.method} {each.path}", f"{each.rate:g}", str(each.burst), each.scope or "a seller's token")
        for each in OPERATIONS
    ]
    addresses = [
        ("/auth/o2/token", "https://api.amazon.com/auth/o2/token"),
        *((f"/{name}", f"https://sellingpartnerapi-{name}.amazon.com") for name in ("na", "eu", "fe")),
        *((f"/sandbox.{name}", f"https://sandbox.sellingpartnerapi-{name}.amazon.com") for name in ("na", "eu", "fe")),
    ]
    return _section(
        "operations",
        _table("Addresses", ("here", "in place of"), addresses),
        _table("Operations", ("operation", "request", "requests a second", "burst", "access token"), rows),
    )


def _section(name: str, *content: str) -> str:
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{SECTIONS[name]}</h2>{"".join(content)}</section>'


def _table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that can be scrolled with the keyboard where it is too wide."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    lines = lines or f'<tr><td colspan="{len(headings)}">None</td></tr>'
    name = escape(caption)
    return (
        f'<div class="wide" role="region" aria-label="{name}" tabindex="0"><table><caption>{name}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _form(action: str, button: str, *content: str) -> str:
    return f'<form method="post" action="/actions/{action}">{"".join(content)}<button>{escape(button)}</button></form>'


def _text(name: str, label: str) -> str:
    return f'<label>{escape(label)}<input name="{name}" maxlength="200"></label>'


def _seller(label: str) -> str:
    """A field for a seller id, with the first sellers as suggestions."""
    return f'<label>{escape(label)}<input name="sellerId" list="sellers" maxlength="200"></label>'


def _sellers(state: State) -> str:
    options = "".join(f'<option value="{escape(seller_id)}">' for seller_id in islice(state.sellers, LATEST))
    return f'<datalist id="sellers">{options}</datalist>'


def _number(name: str, label: str, step: str = "1") -> str:
    return f'<label>{escape(label)}<input type="number" name="{name}" min="0" step="{step}"></label>'


def _select(name: str, label: str, choices: Mapping[str, str]) -> str:
    options = "".join(f'<option value="{escape(value)}">{escape(shown)}</option>' for value, shown in choices.items())
    return f'<label>{escape(label)}<select name="{name}">{options}</select></label>'
