"""/authorize: the pages that Amazon sends a selling partner's browser to. Anybody can call them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quickstart import clients, http_api, invocation, settings
from quickstart.announcing import EventNotPutError
from quickstart.authorization import (
    flow,  # noqa: F401 - loaded while the function starts, see wiring
    pages,
    wiring,
)
from quickstart.authorization.addresses import own_address
from quickstart.authorization.pages import Page, Redirect
from quickstart.aws_failures import FAILED_CALLS
from quickstart.dynamodb import DamagedItemError
from quickstart.invocation import Context
from quickstart.observability import logger
from sp_api.deadline import Deadline


@dataclass(frozen=True)
class Public:
    """One public path: what serves it, and the parameters of its query."""

    serve: Callable[[Mapping[str, Any], str], Page | Redirect]
    parameters: Mapping[str, str]


def handler(event: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    """GET /authorize/callback and GET /authorize/login -> a page, or a redirect to the host product."""
    route = f"{event['httpMethod']} {event['resource']}"
    invocation.begin(context, api_request_id=event["requestContext"]["requestId"], route=route)
    clients.end_calls_by(Deadline.after(http_api.AWS_BUDGET_SECONDS))
    own = own_address(event, settings.optional("AUTHORIZATION_ADDRESS"))
    try:
        result = PAGES[route].serve(event, own)
    except DamagedItemError as error:
        logger().error("a stored item is damaged", reason=str(error))
        result = pages.FAILED
    except (*FAILED_CALLS, EventNotPutError):
        logger().exception("an AWS service failed")
        result = pages.FAILED
    logger().info("browser answered", extra={"page": result.kind})
    return pages.answer(result)


def _callback(event: Mapping[str, Any], own: str) -> Page | Redirect:
    """The redirect URI of your Amazon application. The stack exchanges Amazon's code for a refresh token and stores the
    token.
    """
    return wiring.redirect_uri().serve(event, own, http_api.call_deadline())


def _log_in(event: Mapping[str, Any], own: str) -> Page | Redirect:
    """The log-in URI of your Amazon application. The stack redirects the browser to your product's log-in page."""
    return wiring.login_uri().serve(event, own)


PAGES: Mapping[str, Public] = {
    "GET /authorize/callback": Public(
        _callback,
        {
            "state": "the value with which the stack recognizes the authorization that it started",
            "selling_partner_id": "the seller's merchant token, or the vendor's vendor group",
            "spapi_oauth_code": "Amazon's authorization code",
        },
    ),
    "GET /authorize/login": Public(
        _log_in,
        {
            "amazon_callback_uri": "the page at Amazon to which the browser returns after the log-in",
            "amazon_state": "Amazon's own state, which the stack returns to Amazon unchanged",
            "selling_partner_id": "the seller's merchant token, or the vendor's vendor group",
            "version": "beta if the application is a draft; otherwise absent",
        },
    ),
}
