"""The SP-API endpoints. They check route, access token, quota and input in the same order as Amazon."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sp_api_simulator import (
    application_management,
    catalog,
    feeds,
    listings,
    lwa,
    notifications,
    product_types,
    reports,
    restrictions,
    solicitations,
    tokens,
)
from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.errors import (
    OperationError,
    invalid_input,
    no_such_route,
    not_implemented,
    quota_exceeded,
)
from sp_api_simulator.exchange import Exchange
from sp_api_simulator.fault_answers import operation_error
from sp_api_simulator.hosts import document_base_url
from sp_api_simulator.operations import (
    IMPLEMENTED_APIS,
    SANDBOX_BURST,
    SANDBOX_RATE,
    Operation,
    find_operation,
    is_other_api,
)
from sp_api_simulator.rate_limits import rate_header
from sp_api_simulator.state import Json, Region, State

Handler = Callable[[State, Call], Awaitable[Answer]]

HANDLERS: Mapping[str, Handler] = {
    "getReports": reports.get_reports,
    "createReport": reports.create_report,
    "getReport": reports.get_report,
    "cancelReport": reports.cancel_report,
    "getReportSchedules": reports.get_report_schedules,
    "createReportSchedule": reports.create_report_schedule,
    "getReportSchedule": reports.get_report_schedule,
    "cancelReportSchedule": reports.cancel_report_schedule,
    "getReportDocument": reports.get_report_document,
    "getFeeds": feeds.get_feeds,
    "createFeed": feeds.create_feed,
    "getFeed": feeds.get_feed,
    "cancelFeed": feeds.cancel_feed,
    "createFeedDocument": feeds.create_feed_document,
    "getFeedDocument": feeds.get_feed_document,
    "getSubscriptions": notifications.get_subscriptions,
    "getSubscription": notifications.get_subscription,
    "createSubscription": notifications.create_subscription,
    "getSubscriptionById": notifications.get_subscription_by_id,
    "deleteSubscriptionById": notifications.delete_subscription_by_id,
    "sendTestNotification": notifications.send_test_notification,
    "getDestinations": notifications.get_destinations,
    "createDestination": notifications.create_destination,
    "getDestination": notifications.get_destination,
    "deleteDestination": notifications.delete_destination,
    "getSolicitationActionsForOrder": solicitations.get_solicitation_actions_for_order,
    "createProductReviewAndSellerFeedbackSolicitation": solicitations.create_solicitation,
    "createRestrictedDataToken": tokens.create_restricted_data_token,
    "searchDefinitionsProductTypes": product_types.search_definitions_product_types,
    "getDefinitionsProductType": product_types.get_definitions_product_type,
    "rotateApplicationClientSecret": application_management.rotate_application_client_secret,
    "putListingsItem": listings.put_listings_item,
    "patchListingsItem": listings.patch_listings_item,
    "deleteListingsItem": listings.delete_listings_item,
    "getListingsItem": listings.get_listings_item,
    "searchListingsItems": listings.search_listings_items,
    "searchCatalogItems": catalog.search_catalog_items,
    "getCatalogItem": catalog.get_catalog_item,
    "getListingsRestrictions": restrictions.get_listings_restrictions,
}

LIST_PARAMETERS = frozenset(
    {
        "identifiers",
        "includedData",
        "feedTypes",
        "keywords",
        "marketplaceIds",
        "notificationTypes",
        "processingStatuses",
        "reportTypes",
    }
)
USER_AGENT_LENGTH = 500


async def serve_operation(exchange: Exchange) -> Response:
    """Handles a request to `/na`, `/eu`, `/fe` or their sandboxes."""
    request, state = exchange.request, exchange.state
    exchange.endpoint, _, rest = request.scope["raw_path"].decode().lstrip("/").partition("/")
    region_name = exchange.endpoint.removeprefix("sandbox.").upper()
    sandbox = exchange.endpoint.startswith("sandbox.")
    if region_name not in set(Region):
        where = f"endpoint {exchange.endpoint}" if exchange.endpoint else "such address"
        endpoints = "The endpoints are na, eu and fe, and sandbox.na, sandbox.eu and sandbox.fe"
        message = f"The SP-API simulator has no {where}. {endpoints}. The page at / lists all addresses"
        return JSONResponse({"message": message}, 404)
    path = f"/{rest}"
    found = find_operation(request.method, path)
    if found is None and is_other_api(path):
        return _refused(exchange, not_implemented(request.method, path, IMPLEMENTED_APIS), None, 0.0)
    if found is None or (found[0].sandbox_only and not sandbox):
        return _refused(exchange, no_such_route(), None, 0.0)
    operation, parameters = found
    raw_body = await request.body()
    exchange.operation = operation.name
    exchange.path = f"{path}?{request.url.query}" if request.url.query else path
    exchange.body = _readable(raw_body)
    access_token = request.headers.get("x-amz-access-token", "")
    if (known := state.access_tokens.get(access_token)) is not None:
        exchange.seller_id, exchange.scope = known.seller_id, known.scope
    published = (SANDBOX_RATE, SANDBOX_BURST) if sandbox else (operation.rate, operation.burst)
    rate, burst = state.rate_limits.plan(operation.name, *published)
    fault = await exchange.take_fault("status", "reset")
    if (answer := exchange.plain_fault(fault)) is not None:
        return answer
    try:
        if fault is not None:
            return _refused(exchange, operation_error(fault), operation, rate)
        token = lwa.check_access_token(
            state, operation, Region(region_name), request.method, unquote(path), access_token
        )
        key = (operation.name, exchange.endpoint, token.client_id, token.seller_id)
        if not state.rate_limits.take(key, rate, burst, state.clock.service_seconds()):
            return _refused(exchange, quota_exceeded(), operation, rate)
        if operation.application_rate and not sandbox:
            shared = (operation.name, exchange.endpoint, token.client_id, "")
            most = operation.application_rate
            if not state.rate_limits.take(shared, most, int(most), state.clock.service_seconds()):
                return _refused(exchange, quota_exceeded(), operation, rate)
        call = Call(
            operation=operation,
            region=Region(region_name),
            token=token,
            path={name: unquote(value) for name, value in parameters.items()},
            query=request.query_params,
            body=_checked_body(request, raw_body),
            base_url=document_base_url(request, Region(region_name)),
        )
        handler = _sandbox_example if sandbox and not operation.sandbox_only else HANDLERS[operation.name]
        answered = await handler(state, call)
        return exchange.lost_answer() or _answered(exchange, answered, operation, rate)
    except OperationError as error:
        return _refused(exchange, error, operation, rate)


async def _sandbox_example(state: State, call: Call) -> Answer:
    arguments: dict[str, Json] = {name: value for name, value in call.query.items() if name not in LIST_PARAMETERS}
    arguments |= {name: call.list_parameter(name) for name in LIST_PARAMETERS if name in call.query}
    arguments |= call.path
    arguments |= {} if call.body is None else {"body": call.body}
    example = state.sandbox_examples.answer(call.operation.name, arguments)
    return Answer(example.status, example.response if example.has_response else None)


def _readable(raw_body: bytes) -> Json:
    """The body for the log; None if it is not JSON. What Python reads as infinity or NaN stays a text."""
    try:
        return json.loads(raw_body, parse_float=_finite, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _finite(digits: str) -> float | str:
    return value if math.isfinite(value := float(digits)) else digits


def _no_number(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _checked_body(request: Request, raw_body: bytes) -> Json:
    if len(request.headers.get("user-agent", "")) > USER_AGENT_LENGTH:
        raise invalid_input("Invalid Input", f"The user-agent header must not exceed {USER_AGENT_LENGTH} characters")
    if not raw_body:
        return None
    content_type = request.headers.get("content-type", "application/json")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise OperationError(415, "UnsupportedMediaType", "The request's Content-Type header is invalid.")
    try:
        return json.loads(raw_body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise invalid_input("Invalid Input", "The request body is not JSON") from None


def _answered(exchange: Exchange, answer: Answer, operation: Operation, rate: float) -> Response:
    headers = _headers(exchange, operation, answer.status, rate) | dict(answer.headers)
    if answer.body is None:
        return Response(b"", answer.status, headers)
    return JSONResponse(answer.body, answer.status, headers, operation.media_type)


def _refused(exchange: Exchange, error: OperationError, operation: Operation | None, rate: float) -> Response:
    exchange.error = f"{error.code}: {error.details}" if error.details else error.code
    headers = _headers(exchange, operation, error.status, rate)
    media_type = None if operation is None else operation.media_type
    return JSONResponse(error.body(), error.status, headers | error.headers, media_type)


def _headers(exchange: Exchange, operation: Operation | None, status: int, rate: float) -> dict[str, str]:
    """The request id, and the rate limit if the model declares it for the status."""
    headers = {"x-amzn-RequestId": exchange.request_id, "x-amz-apigw-id": f"{secrets.token_urlsafe(11)}="}
    if operation is not None and operation.shows_limit(status):
        headers["x-amzn-RateLimit-Limit"] = rate_header(rate)
    return headers
