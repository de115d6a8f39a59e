"""The HTTP application: the SP-API endpoints, Login with Amazon, document links and the control API."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import secrets
import socket
import struct
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sp_api_simulator import application_management, control, lwa, notifications, reports, solicitations, tokens
from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.clock import Clock
from sp_api_simulator.delivery import QueueSender
from sp_api_simulator.documents import (
    SIGNATURE_MISMATCH,
    DocumentLinks,
    LinkError,
    StoredDocument,
    document_bytes,
    s3_error,
)
from sp_api_simulator.errors import (
    OperationError,
    internal_failure,
    invalid_input,
    no_such_route,
    quota_exceeded,
    service_unavailable,
)
from sp_api_simulator.faults import DOWNLOAD_OPERATION, LWA_OPERATION, Fault, Faults
from sp_api_simulator.operations import SANDBOX_BURST, SANDBOX_RATE, Operation, find_operation
from sp_api_simulator.rate_limits import RateLimits, rate_header
from sp_api_simulator.request_log import RequestEntry, RequestLog
from sp_api_simulator.sandbox import SandboxExamples
from sp_api_simulator.state import Application, Authorization, ClientSecret, Json, Region, Seller, Settings, State

logger = logging.getLogger("sp_api_simulator")

Handler = Callable[[State, Call], Awaitable[Answer]]
Connections = dict[tuple[str, int], asyncio.Transport]
"""The open connections by the client's address and port, so that a fault can cut one."""

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
DEFAULT_LWA_ERRORS = {400: "invalid_grant", 401: "invalid_client", 500: "server_error", 503: "temporarily_unavailable"}


@dataclass
class Trace:
    """What is learnt about a request while it is handled, for the log."""

    operation: str
    path: str
    endpoint: str = ""
    seller_id: str = ""
    scope: str = ""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    fault: str = ""
    body: Json = None


def new_state(settings: Settings, sandbox_examples: SandboxExamples) -> State:
    """A fresh run with the application and the sellers of the settings."""
    state = State(
        settings=settings,
        clock=Clock(settings.time_scale),
        rate_limits=RateLimits(settings.rate_limit_scale),
        faults=Faults(),
        request_log=RequestLog(),
        queue_sender=QueueSender(settings.sqs_endpoint.rstrip("/")),
        document_links=DocumentLinks(secrets.token_bytes(32)),
        sandbox_examples=sandbox_examples,
        next_report_id=50_000_000_000 + secrets.randbelow(10**9),
    )
    state.applications[settings.client_id] = Application(
        settings.client_id, settings.application_id, (ClientSecret(settings.client_secret),)
    )
    for seller_id, refresh_token in settings.sellers:
        state.sellers[seller_id] = Seller(seller_id, f"amzn1.merchant.o.{seller_id}", False, frozenset(Region))
        state.authorizations[refresh_token] = Authorization(settings.client_id, seller_id)
    return state


def build_app(state: State, connections: Connections, on_start: Callable[[], None]) -> Starlette:
    """The application.

    `on_start` runs when it is ready for requests; reports in the making are dropped when it stops.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        on_start()
        yield
        stop_background(state)

    def reset() -> None:
        stop_background(state)
        fresh = new_state(state.settings, state.sandbox_examples)
        for attribute in dataclasses.fields(State):
            setattr(state, attribute.name, getattr(fresh, attribute.name))

    every_method = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/auth/o2/token", partial(_serve, state, connections, LWA_OPERATION, _lwa), methods=["POST"]),
            Route(
                "/documents/{document_id}",
                partial(_serve, state, connections, DOWNLOAD_OPERATION, _download),
                methods=["GET", "HEAD"],
            ),
            Route("/simulator/reports/{report_id}/document", partial(_stored_document, state), methods=["GET"]),
            *control.routes(state, reset),
            Route(
                "/{endpoint}/{path:path}",
                partial(_serve, state, connections, "unknown", _operate),
                methods=every_method,
            ),
        ],
    )


def stop_background(state: State) -> None:
    for task in list(state.background):
        task.cancel()


Step = Callable[[State, Connections, Request, Trace], Awaitable[Response]]


async def _serve(state: State, connections: Connections, operation: str, step: Step, request: Request) -> Response:
    """Runs one request and writes it to the log."""
    started = time.monotonic()
    trace = Trace(operation, request.url.path)
    response = await step(state, connections, request, trace)
    entry = RequestEntry(
        time=state.clock.now(),
        operation=trace.operation,
        method=request.method,
        path=trace.path,
        status=response.status_code,
        endpoint=trace.endpoint,
        seller_id=trace.seller_id,
        scope=trace.scope,
        request_id=trace.request_id,
        user_agent=request.headers.get("user-agent", ""),
        fault=trace.fault,
        milliseconds=(time.monotonic() - started) * 1000,
        body=trace.body,
    )
    state.request_log.add(entry)
    logger.info(entry.line())
    return response


async def _operate(state: State, connections: Connections, request: Request, trace: Trace) -> Response:
    """One request to an SP-API endpoint, checked in the service's order: route, access token, quota, input."""
    endpoint, _, raw_path = request.scope["raw_path"].decode().lstrip("/").partition("/")
    trace.endpoint = endpoint
    sandbox, region_name = endpoint.startswith("sandbox."), endpoint.removeprefix("sandbox.").upper()
    if region_name not in set(Region):
        message = f"There is no endpoint {endpoint}: there are na, eu, fe, sandbox.na, sandbox.eu and sandbox.fe"
        return JSONResponse({"message": message}, 404)
    path = f"/{raw_path}"
    found = find_operation(request.method, path)
    if found is None or (found[0].sandbox_only and not sandbox):
        return _refused(no_such_route(), None, 0.0, trace)
    operation, parameters = found
    trace.operation = operation.name
    trace.path = f"{path}?{request.url.query}" if request.url.query else path
    rate, burst = (
        (SANDBOX_RATE, SANDBOX_BURST)
        if sandbox
        else state.rate_limits.plan(operation.name, operation.rate, operation.burst)
    )
    raw_body = await request.body()
    try:
        token_text = request.headers.get("x-amz-access-token")
        known = state.access_tokens.get(token_text or "")
        trace.seller_id, trace.scope = (known.seller_id, known.scope) if known else ("", "")
        if (fault := await _fault(state, operation.name, trace, ("status", "reset"))) is not None:
            if fault.kind == "reset":
                return CutConnection(connections)
            return _fault_answer(fault, operation, rate, trace)
        token = lwa.check_access_token(state, operation, Region(region_name), request.method, unquote(path), token_text)
        key = (operation.name, endpoint, token.client_id, token.seller_id)
        if not state.rate_limits.take(key, rate, burst, state.clock.service_seconds()):
            raise quota_exceeded()
        trace.body = _json_body(request, raw_body)
        call = Call(
            operation=operation,
            region=Region(region_name),
            sandbox=sandbox,
            token=token,
            path={name: unquote(value) for name, value in parameters.items()},
            query=request.query_params,
            body=trace.body,
            base_url=str(request.base_url).rstrip("/"),
        )
        answer = (
            _sandbox_answer(state, call)
            if sandbox and not operation.sandbox_only
            else await HANDLERS[operation.name](state, call)
        )
        if (lost := state.faults.take(operation.name, trace.seller_id, ("lose",))) is not None:
            trace.fault = lost.kind
            return CutConnection(connections)
    except OperationError as refusal:
        return _refused(refusal, operation, rate, trace)
    return _answered(answer, operation, rate, trace)


def _sandbox_answer(state: State, call: Call) -> Answer:
    arguments: dict[str, Json] = {name: value for name, value in call.query.items() if name not in LIST_PARAMETERS}
    arguments |= {name: call.list_parameter(name) for name in LIST_PARAMETERS if name in call.query}
    arguments |= call.path
    arguments |= {} if call.body is None else {"body": call.body}
    example = state.sandbox_examples.answer(call.operation.name, arguments)
    return Answer(example.status, example.response if example.has_response else None)


def _json_body(request: Request, raw_body: bytes) -> Json:
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


async def _lwa(state: State, connections: Connections, request: Request, trace: Trace) -> Response:
    """The token endpoint. It takes a form, as documented, and JSON, which some of Amazon's own SDKs send."""
    if (fault := await _fault(state, LWA_OPERATION, trace, ("status", "reset"))) is not None:
        if fault.kind == "reset":
            return CutConnection(connections)
        if fault.body is not None:
            return _raw_answer(fault)
        body = {
            "error_description": fault.message,
            "error": fault.code or DEFAULT_LWA_ERRORS.get(fault.status, "server_error"),
        }
        return JSONResponse(body, fault.status, dict(fault.headers))
    headers = {"x-amzn-RequestId": trace.request_id, "Cache-Control": "no-store", "Pragma": "no-cache"}
    try:
        return JSONResponse(lwa.grant_token(state, await _lwa_form(request)), headers=headers)
    except lwa.LwaError as refusal:
        return JSONResponse(refusal.body(), refusal.status, headers)


async def _lwa_form(request: Request) -> dict[str, str]:
    raw_body = (await request.body()).decode(errors="replace")
    if not request.headers.get("content-type", "").startswith("application/json"):
        return dict(parse_qsl(raw_body))
    try:
        fields = json.loads(raw_body)
    except ValueError:
        return {}
    return {name: value for name, value in fields.items() if isinstance(value, str)} if isinstance(fields, dict) else {}


async def _download(state: State, connections: Connections, request: Request, trace: Trace) -> Response:
    """A document link, as S3 serves one."""
    document = state.documents.get(request.path_params["document_id"])
    trace.seller_id = document.seller_id if document else ""
    fault = await _fault(state, DOWNLOAD_OPERATION, trace, ("status", "reset", "truncate", "expire"))
    kind = fault.kind if fault else ""
    if kind == "reset":
        return CutConnection(connections)
    if fault is not None and kind == "status" and fault.body is not None:
        return _raw_answer(fault)
    headers = {
        "x-amz-request-id": secrets.token_hex(8).upper(),
        "x-amz-id-2": secrets.token_urlsafe(48),
        "Server": "AmazonS3",
    }
    try:
        available = _check_link(state, request, document, fault)
    except LinkError as error:
        content = s3_error(error, headers["x-amz-request-id"], headers["x-amz-id-2"])
        return Response(content, error.status, headers, media_type="application/xml")
    if encoding := request.query_params.get("response-content-encoding"):
        headers["Content-Encoding"] = encoding
    if fault is not None and kind == "truncate":
        return TruncatedDocument(connections, available, headers, fault.after_bytes)
    return _document_response(available, headers)


def _check_link(state: State, request: Request, document: StoredDocument | None, fault: Fault | None) -> StoredDocument:
    """The document that the link leads to. Raises LinkError as S3 would, or as a fault orders."""
    if fault is not None and fault.kind == "status":
        message = fault.message or "We encountered an internal error. Please try again."
        raise LinkError(fault.status, fault.code or "InternalError", message)
    if request.headers.get("authorization"):
        raise LinkError(400, "InvalidArgument", "Only one auth mechanism allowed")
    if request.method == "HEAD":
        raise LinkError(403, "SignatureDoesNotMatch", SIGNATURE_MISMATCH)
    path = request.scope["raw_path"].decode()
    expired = fault is not None and fault.kind == "expire"
    state.document_links.check(path, request.query_params, state.clock.now(), expired=expired)
    if document is None:
        raise LinkError(404, "NoSuchKey", "The specified key does not exist.")
    return document


async def _stored_document(state: State, request: Request) -> Response:
    """The bytes of a report's document, for comparison with what a client made of it."""
    report = state.reports.get(request.path_params["report_id"])
    document = state.documents.get(report.report_document_id) if report else None
    if document is None:
        return JSONResponse({"error": "this report has no document"}, 404)
    return _document_response(document, {})


def _document_response(document: StoredDocument, headers: Mapping[str, str]) -> Response:
    pieces = iterate_in_threadpool(document_bytes(document.specification))
    return StreamingResponse(pieces, 200, _document_headers(document, headers))


def _document_headers(document: StoredDocument, headers: Mapping[str, str]) -> dict[str, str]:
    return {
        "Content-Type": document.specification.content_type,
        "Content-Length": str(document.length),
        "ETag": f'"{document.document_id}"',
        **headers,
    }


def _answered(answer: Answer, operation: Operation, rate: float, trace: Trace) -> Response:
    content = (
        b"" if answer.body is None else json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
    )
    media_type = None if answer.body is None else "application/json"
    return Response(
        content, answer.status, _headers(operation, answer.status, rate, trace) | dict(answer.headers), media_type
    )


def _refused(refusal: OperationError, operation: Operation | None, rate: float, trace: Trace) -> Response:
    return JSONResponse(
        refusal.body(), refusal.status, _headers(operation, refusal.status, rate, trace) | refusal.headers
    )


def _headers(operation: Operation | None, status: int, rate: float, trace: Trace) -> dict[str, str]:
    """The request id always; the rate limit where the models declare it (on success, 400 and 404, and for some
    operations on 429).
    """
    headers = {"x-amzn-RequestId": trace.request_id, "x-amz-apigw-id": secrets.token_urlsafe(11) + "="}
    if operation is not None and not operation.sandbox_only and _shows_limit(operation, status):
        headers["x-amzn-RateLimit-Limit"] = rate_header(rate)
    return headers


def _shows_limit(operation: Operation, status: int) -> bool:
    return status < 300 or status in (400, 404) or (status == 429 and operation.limit_in_throttled_answer)


async def _fault(state: State, operation: str, trace: Trace, kinds: tuple[str, ...]) -> Fault | None:
    """Lives through the delays ordered for this request and returns the other fault ordered for it, if any."""
    if (slow := state.faults.take(operation, trace.seller_id, ("slow",))) is not None:
        trace.fault = "slow"
        await asyncio.sleep(slow.seconds)
    fault = state.faults.take(operation, trace.seller_id, kinds)
    if fault is not None:
        trace.fault = fault.kind
    return fault


def _fault_answer(fault: Fault, operation: Operation, rate: float, trace: Trace) -> Response:
    if fault.body is not None:
        return _raw_answer(fault)
    usual = {429: quota_exceeded(), 500: internal_failure(), 503: service_unavailable()}.get(fault.status)
    code = fault.code or (usual.code if usual else "InternalFailure")
    message = fault.message or (usual.message if usual else "The simulator was asked for this answer.")
    return _refused(
        OperationError(fault.status, code, message, fault.details, dict(fault.headers)), operation, rate, trace
    )


def _raw_answer(fault: Fault) -> Response:
    return Response(fault.body, fault.status, dict(fault.headers), fault.content_type)


class CutConnection(Response):
    """Resets the connection instead of answering. The log shows status 0."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.status_code = 0
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        transport = self.connections[_client(scope)]
        plain_socket: socket.socket = transport.get_extra_info("socket")
        plain_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await _disconnected(receive)


class TruncatedDocument(Response):
    """Announces the whole document, sends a part of it, and closes the connection."""

    def __init__(
        self, connections: Connections, document: StoredDocument, headers: Mapping[str, str], after_bytes: int
    ) -> None:
        self.connections = connections
        self.document = document
        self.after_bytes = min(after_bytes, max(0, document.length - 1))
        self.status_code = 200
        self.background = None
        self.init_headers(_document_headers(document, headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for piece in iterate_in_threadpool(
            _first_bytes(document_bytes(self.document.specification), self.after_bytes)
        ):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        self.connections[_client(scope)].close()
        await _disconnected(receive)


def _first_bytes(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    for piece in pieces:
        if count <= 0:
            return
        yield piece[:count]
        count -= len(piece)


def _client(scope: Scope) -> tuple[str, int]:
    host, port = scope["client"]
    return host, port


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def recording_protocol(base: Any, connections: Connections) -> type[asyncio.Protocol]:
    """uvicorn's protocol class, made to keep its connections in `connections`."""

    class RecordingProtocol(base):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            self.address = transport.get_extra_info("peername")[:2]
            connections[self.address] = transport
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self.address, None)
            super().connection_lost(exc)

    return RecordingProtocol
