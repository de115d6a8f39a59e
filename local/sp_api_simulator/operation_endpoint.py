"""The SP-API endpoints: every request passes route, access token, quota and input checks in the service's order."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sp_api_simulator import application_management, lwa, notifications, reports, solicitations, tokens
from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.errors import (
    OperationError,
    internal_failure,
    invalid_input,
    no_such_route,
    quota_exceeded,
    service_unavailable,
)
from sp_api_simulator.exchange import Exchange
from sp_api_simulator.faults import Fault
from sp_api_simulator.operations import SANDBOX_BURST, SANDBOX_RATE, Operation, find_operation
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
    "rotateApplicationClientSecret": application_management.rotate_application_client_secret,
}

LIST_PARAMETERS = frozenset({"reportTypes", "processingStatuses", "marketplaceIds", "notificationTypes"})
USER_AGENT_LENGTH = 500


async def serve_operation(exchange: Exchange) -> Response:
    """Answers a request to `/na`, `/eu`, `/fe` or their sandboxes."""
    request, state = exchange.request, exchange.state
    exchange.endpoint, _, rest = request.scope["raw_path"].decode().lstrip("/").partition("/")
    region_name = exchange.endpoint.removeprefix("sandbox.").upper()
    sandbox = exchange.endpoint.startswith("sandbox.")
    if region_name not in set(Region):
        message = f"There is no endpoint {exchange.endpoint}: there are na, eu, fe, and these with sandbox. in front"
        return JSONResponse({"message": message}, 404)
    path = f"/{rest}"
    found = find_operation(request.method, path)
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
            return _refused(exchange, _ordered(fault), operation, rate)
        token = lwa.check_access_token(
            state, operation, Region(region_name), request.method, unquote(path), access_token
        )
        key = (operation.name, exchange.endpoint, token.client_id, token.seller_id)
        if not state.rate_limits.take(key, rate, burst, state.clock.service_seconds()):
            return _refused(exchange, quota_exceeded(), operation, rate)
        call = Call(
            operation=operation,
            region=Region(region_name),
            token=token,
            path={name: unquote(value) for name, value in parameters.items()},
            query=request.query_params,
            body=_checked_body(request, raw_body),
            base_url=str(request.base_url).rstrip("/"),
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
    """The body for the log; None if it is not JSON."""
    try:
        return json.loads(raw_body)
    except ValueError:
        return None


def _checked_body(request: Request, raw_body: bytes) -> Json:
    if len(request.headers.get("user-agent", "")) > USER_AGENT_LENGTH:
        raise invalid_input("Invalid Input", f"The user-agent header must not exceed {USER_AGENT_LENGTH} characters")
    if not raw_body:
        return None
    content_type = request.headers.get("content-type", "application/json")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise OperationError(415, "UnsupportedMediaType", "The request's Content-Type header is invalid.")
    try:
        return json.loads(raw_body)
    except ValueError:
        raise invalid_input("Invalid Input", "The request body is not JSON") from None


def _ordered(fault: Fault) -> OperationError:
    """The error that a fault orders; what it leaves open is as usual for the status."""
    usual = {429: quota_exceeded(), 503: service_unavailable()}.get(fault.status, internal_failure())
    headers = dict(fault.headers)
    return OperationError(
        fault.status, fault.code or usual.code, fault.message or usual.message, fault.details, headers
    )


def _answered(exchange: Exchange, answer: Answer, operation: Operation, rate: float) -> Response:
    headers = _headers(exchange, operation, answer.status, rate)
    if answer.body is None:
        return Response(b"", answer.status, headers)
    return JSONResponse(answer.body, answer.status, headers)


def _refused(exchange: Exchange, error: OperationError, operation: Operation | None, rate: float) -> Response:
    headers = _headers(exchange, operation, error.status, rate)
    return JSONResponse(error.body(), error.status, headers | error.headers)


def _headers(exchange: Exchange, operation: Operation | None, status: int, rate: float) -> dict[str, str]:
    """The request id always; the rate limit where the models declare it."""
    headers = {"x-amzn-RequestId": exchange.request_id, "x-amz-apigw-id": f"{secrets.token_urlsafe(11)}="}
    if operation is not None and operation.shows_limit(status):
        headers["x-amzn-RateLimit-Limit"] = rate_header(rate)
    return headers
