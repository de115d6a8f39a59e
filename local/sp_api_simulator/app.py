"""The HTTP application and its routes."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from sp_api_simulator import application_management, control, control_api, index_page, saved_state
from sp_api_simulator.clock import Clock
from sp_api_simulator.connections import Connections
from sp_api_simulator.consent_pages import CONSENT_OPERATION, serve_central
from sp_api_simulator.document_endpoint import (
    DOWNLOAD_OPERATION,
    SCHEMA_DOWNLOAD_OPERATION,
    serve_link,
    serve_schema_link,
    show_document,
)
from sp_api_simulator.documents import DocumentLinks
from sp_api_simulator.event_sender import EventSender
from sp_api_simulator.exchange import Endpoint, serve
from sp_api_simulator.faults import Faults
from sp_api_simulator.feed_control import show_document as show_feed_document
from sp_api_simulator.feed_uploads import UPLOAD_OPERATION, serve_upload
from sp_api_simulator.hosts import HostRouting
from sp_api_simulator.lwa_endpoint import LWA_OPERATION, serve_token
from sp_api_simulator.operation_endpoint import serve_operation
from sp_api_simulator.product_types import FOLDER
from sp_api_simulator.queue_sender import QueueSender
from sp_api_simulator.rate_limits import RateLimits
from sp_api_simulator.request_log import RequestLog
from sp_api_simulator.sandbox import SandboxExamples
from sp_api_simulator.state import Application, Authorization, Region, Seller, Settings, State
from sp_api_simulator.subscription_rules import EVERY_TYPE, SubscriptionRules

EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
FIRST_REPORT_ID = 50_000_000_000


def new_state(settings: Settings, sandbox_examples: SandboxExamples, clock: Clock | None = None) -> State:
    """The state at the start, with the application and the sellers of the settings."""
    state = State(
        settings=settings,
        clock=clock or Clock(settings.time_scale),
        rate_limits=RateLimits(settings.rate_limit_scale),
        faults=Faults(),
        request_log=RequestLog(),
        queue_sender=QueueSender(settings.sqs_endpoint.rstrip("/")),
        event_sender=EventSender(settings.sqs_endpoint.rstrip("/")),
        document_links=DocumentLinks(secrets.token_bytes(32)),
        sandbox_examples=sandbox_examples,
        next_report_id=FIRST_REPORT_ID + secrets.randbelow(10**9),
        subscription_rules=SubscriptionRules({EVERY_TYPE: settings.payload_versions}),
        strict=settings.strict,
    )
    secret = application_management.first_secret(state.clock, settings.client_secret)
    application = Application(settings.client_id, settings.application_id, (secret,))
    state.applications[application.client_id] = application
    for seller_id, refresh_token in settings.sellers:
        state.sellers[seller_id] = Seller(seller_id, f"amzn1.merchant.o.{seller_id}", False, frozenset(Region))
        state.authorizations[refresh_token] = Authorization(application.client_id, seller_id)
    return state


def build_app(
    state: State,
    connections: Connections,
    on_start: Callable[[], None],
    on_stop: Callable[[], None] = lambda: None,
    state_file: Path | None = None,
) -> Starlette:
    """The application. `on_start` runs when it is ready; `on_stop` runs when it stops, after its background work.

    The state comes from `state_file`, if it exists, and is written to it at the end.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        resumed = state_file is not None and saved_state.load(state, state_file)
        _watch_applications(state)
        if resumed:
            saved_state.resume(state)
        on_start()
        yield
        _stop_background(state)
        if state_file is not None:
            saved_state.save(state, state_file)
        on_stop()

    def reset() -> None:
        _stop_background(state)
        fresh = new_state(state.settings, state.sandbox_examples)
        for attribute in dataclasses.fields(State):
            setattr(state, attribute.name, getattr(fresh, attribute.name))
        _watch_applications(state)

    def logged(path: str, operation: str, endpoint: Endpoint, methods: list[str]) -> Route:
        return Route(path, partial(serve, state, connections, operation, endpoint), methods=methods)

    known = control.handlers(reset)
    return Starlette(
        lifespan=lifespan,
        middleware=[Middleware(HostRouting)],
        routes=[
            logged("/auth/o2/token", LWA_OPERATION, serve_token, ["POST"]),
            logged("/central/{host}/{path:path}", CONSENT_OPERATION, serve_central, ["GET", "POST"]),
            logged("/documents/{document_id}", DOWNLOAD_OPERATION, serve_link, ["GET", "HEAD"]),
            logged(f"/{FOLDER}/{{document_id}}", SCHEMA_DOWNLOAD_OPERATION, serve_schema_link, ["GET", "HEAD"]),
            logged("/uploads/{document_id}", UPLOAD_OPERATION, serve_upload, ["PUT"]),
            Route("/simulator/feeds/{feed_id}/document", partial(show_feed_document, state), methods=["GET"]),
            Route("/simulator/reports/{report_id}/document", partial(show_document, state), methods=["GET"]),
            *control.routes(state, known),
            *index_page.routes(state, known),
            logged("/{path:path}", control_api.UNKNOWN_OPERATION, serve_operation, EVERY_METHOD),
        ],
    )


def _watch_applications(state: State) -> None:
    for application in list(state.applications.values()):
        application_management.register(state, application)


def _stop_background(state: State) -> None:
    for task in list(state.background):
        task.cancel()
