"""/authorizations: the host product's side of consent."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from quickstart import callers, http_api, settings
from quickstart.authorization import requests, wiring
from quickstart.authorization.addresses import callback_address, own_address
from quickstart.invocation import Context
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """POST /authorizations -> {"authorizationId", "authorizationUrl", "expiresAt"}; GET lists connections or shows one
    authorization; POST /authorizations/{authorizationId}/login -> {"authorizationId", "continueUrl", ...}.
    """
    return http_api.answer(event, context, {**ROUTES, START: partial(_start, event=event)})


def _start(fields: Fields, event: Mapping[str, Any]) -> Mapping[str, object]:
    """Starts an authorization and returns the address of Amazon's consent page."""
    request = requests.read_authorization_request(fields, wiring.host)
    redirect_uri = callback_address(own_address(event, settings.optional("AUTHORIZATION_ADDRESS")))
    return requests.start(
        request, wiring.authorizations(), wiring.application(), callers.amazon(), redirect_uri
    ).described()


def _show(fields: Fields) -> Mapping[str, object]:
    """Returns the status of an authorization."""
    authorization_id = requests.read_authorization_id(fields)
    fields.finish()
    found = requests.settled(wiring.authorizations().get(authorization_id), wiring.connections())
    return requests.describe(found, datetime.now(UTC))


def _list(fields: Fields) -> Mapping[str, object]:
    """Lists connections with their state, the date of consent and the date on which it expires."""
    query = requests.read_connection_query(fields)
    return requests.list_connections(query, wiring.connections()).described(datetime.now(UTC))


def _continue(fields: Fields) -> Mapping[str, object]:
    """Returns the address at Amazon to which your product sends the browser once the user has logged in to your
    product.
    """
    request = requests.read_login_request(fields, wiring.host)
    return requests.continue_after_login(request, wiring.authorizations())


START = "POST /authorizations"
ROUTES: Mapping[str, http_api.Action] = {
    START: partial(_start, event={}),
    "GET /authorizations": _list,
    "GET /authorizations/{authorizationId}": _show,
    "POST /authorizations/{authorizationId}/login": _continue,
}
