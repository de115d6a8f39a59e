"""Seller Central's and Vendor Central's pages around consent, as plain HTML without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sp_api_simulator import consent
from sp_api_simulator.consent import CENTRALS, Central, ConsentError
from sp_api_simulator.exchange import Exchange
from sp_api_simulator.state import Seller, State

CONSENT_OPERATION = "consentPage"
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

Page = Callable[[State, Central, Request, Mapping[str, str]], Response]


async def serve_central(exchange: Exchange) -> Response:
    """Answers a browser at `/central/{host}/...`."""
    request = exchange.request
    central = CENTRALS.get(request.path_params["host"])
    page = PAGES.get((request.method, request.path_params["path"].partition("/confirm/")[0]))
    if central is None or page is None:
        return _page("Page not found", ["<p>There is no such page.</p>"], 404)
    exchange.endpoint = central.host
    parameters = dict(request.query_params)
    if request.method == "POST":
        parameters = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
    fault = await exchange.take_fault("status", "reset")
    if (answer := exchange.plain_fault(fault)) is not None:
        return answer
    if fault is not None:
        return _error(ConsentError(fault.code or "MD9999", fault.message or "Something went wrong at Amazon."))
    try:
        return page(exchange.state, central, request, parameters)
    except ConsentError as error:
        return _error(error)


def _sign_in_or_consent(state: State, central: Central, request: Request, parameters: Mapping[str, str]) -> Response:
    """The consent URI: first which account signs in, then whether it agrees."""
    asked = consent.check_request(state, central, parameters)
    if "account" not in parameters:
        return _sign_in(state, central, request, parameters)
    seller = consent.find_account(state, central, parameters["account"])
    body = [
        _text(f"{asked.settings.name} asks for access to the data of account {seller.seller_id}."),
        _form("post", request.url.path, parameters, '<button id="confirm">Confirm</button>'),
        f'<p><a id="cancel" href="{escape(_address(request, central))}/home">Cancel</a></p>',
    ]
    return _page(f"Authorize {asked.settings.name}", body)


def _confirm(state: State, central: Central, request: Request, parameters: Mapping[str, str]) -> Response:
    asked = consent.check_request(state, central, parameters)
    seller = consent.find_account(state, central, parameters.get("account", ""))
    return _see_other(consent.confirm(state, asked, seller, _address(request, central)))


def _finish(state: State, _: Central, request: Request, parameters: Mapping[str, str]) -> Response:
    application_id = request.path_params["path"].partition("/confirm/")[2]
    return _see_other(consent.finish(state, application_id, parameters))


def _home(_: State, central: Central, __: Request, ___: Mapping[str, str]) -> Response:
    return _page(central.name, ["<p>No application was authorized.</p>"])


def _manage(state: State, central: Central, request: Request, parameters: Mapping[str, str]) -> Response:
    """ "Manage Your Apps": what this account has authorized, with renewal and revocation."""
    if "account" not in parameters:
        return _sign_in(state, central, request, parameters)
    seller = consent.find_account(state, central, parameters["account"])
    address = f"{_address(request, central)}/apps/manage"
    rows = []
    for application, settings in consent.authorized_applications(state, seller):
        known = {"account": seller.seller_id, "application_id": application.application_id}
        known |= {"version": "beta"} if settings.draft else {}
        rows += [
            f"<h2>{escape(settings.name)}</h2>",
            _form("get", f"{address}/renew", known, '<button class="renew">Re-Authorize</button>'),
            _form("post", f"{address}/disable", known, '<button class="disable">Disable authorization</button>'),
        ]
    return _page("Manage Your Apps", rows or ["<p>No application is authorized.</p>"])


def _review(state: State, central: Central, request: Request, parameters: Mapping[str, str]) -> Response:
    """The page between "Re-Authorize" and the application's log-in page."""
    _, settings = consent.find_application(state, parameters.get("application_id", ""))
    seller = consent.find_account(state, central, parameters.get("account", ""))
    button = f'<button id="login">Login to {escape(settings.name)} now</button>'
    body = [_text(f"Renew the access of {settings.name} to the data of account {seller.seller_id}.")]
    return _page("Review", [*body, _form("post", request.url.path, parameters, button)])


def _renew(state: State, central: Central, request: Request, parameters: Mapping[str, str]) -> Response:
    application, settings = consent.find_application(state, parameters.get("application_id", ""))
    seller = consent.find_account(state, central, parameters.get("account", ""))
    beta = parameters.get("version") == "beta"
    address = _address(request, central)
    return _see_other(consent.login_address(state, application, settings, seller, address, beta=beta))


def _disable(state: State, central: Central, _: Request, parameters: Mapping[str, str]) -> Response:
    application, settings = consent.find_application(state, parameters.get("application_id", ""))
    consent.disable(state, application, consent.find_account(state, central, parameters.get("account", "")))
    return _page("Authorization disabled", [_text(f"{settings.name} can no longer use this account's data.")])


def _appstore(state: State, central: Central, request: Request, parameters: Mapping[str, str]) -> Response:
    """The application's page in the Selling Partner Appstore: "Authorize Now" begins at the log-in URI."""
    _, settings = consent.find_application(state, parameters.get("application_id", ""))
    if "account" not in parameters:
        return _sign_in(state, central, request, parameters)
    button = '<button id="authorize">Authorize Now</button>'
    return _page(settings.name, [_form("post", request.url.path, parameters, button)])


PAGES: Mapping[tuple[str, str], Page] = {
    ("GET", "home"): _home,
    ("GET", "apps/authorize/consent"): _sign_in_or_consent,
    ("POST", "apps/authorize/consent"): _confirm,
    ("GET", "apps/authorize"): _finish,
    ("GET", "apps/manage"): _manage,
    ("GET", "apps/manage/renew"): _review,
    ("POST", "apps/manage/renew"): _renew,
    ("POST", "apps/manage/disable"): _disable,
    ("GET", "apps/store"): _appstore,
    ("POST", "apps/store"): _renew,
}


def _sign_in(state: State, central: Central, request: Request, parameters: Mapping[str, str]) -> Response:
    found = consent.accounts(state, central)
    if not found:
        raise ConsentError("SPDC8143", f"No account of {central.region} can sign in here.")
    choices = "".join(_choice(number, seller) for number, seller in enumerate(found))
    fields = f'<fieldset><legend>Account</legend>{choices}</fieldset><button id="continue">Continue</button>'
    return _page(f"Sign in to {central.name}", [_form("get", request.url.path, parameters, fields)])


def _choice(number: int, seller: Seller) -> str:
    checked = " checked" if number == 0 else ""
    value = escape(seller.seller_id)
    return f'<label><input type="radio" name="account" value="{value}"{checked}> {value}</label><br>'


def _form(method: str, action: str, parameters: Mapping[str, str], content: str) -> str:
    """A form that sends the parameters on, unseen."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in parameters.items()
    )
    return f'<form method="{method}" action="{escape(action)}">{hidden}{content}</form>'


def _address(request: Request, central: Central) -> str:
    return f"{str(request.base_url).rstrip('/')}/central/{central.host}"


def _see_other(address: str) -> Response:
    return RedirectResponse(address, 302, HEADERS)


def _error(error: ConsentError) -> Response:
    return _page("Amazon could not do this", [_text(f"Error {error.code}"), _text(error.message)], 400)


def _text(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _page(title: str, body: Iterable[str], status: int = 200) -> Response:
    heading = escape(title)
    document = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{heading}</title></head>'
        f"<body><main><h1>{heading}</h1>{''.join(body)}</main></body></html>"
    )
    return HTMLResponse(document, status, HEADERS)
