"""The HTTP application: which address is served by what."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.routing import Route

from sp_api_simulator import control
from sp_api_simulator.clock import Clock
from sp_api_simulator.connections import Connections
from sp_api_simulator.document_endpoint import DOWNLOAD_OPERATION, serve_link, show_document
from sp_api_simulator.documents import DocumentLinks
from sp_api_simulator.exchange import Endpoint, serve
from sp_api_simulator.faults import Faults
from sp_api_simulator.lwa_endpoint import LWA_OPERATION, serve_token
from sp_api_simulator.operation_endpoint import serve_operation
from sp_api_simulator.queue_sender import QueueSender
from sp_api_simulator.rate_limits import RateLimits
from sp_api_simulator.request_log import RequestLog
from sp_api_simulator.sandbox import SandboxExamples
from sp_api_simulator.state import Application, Authorization, ClientSecret, Region, Seller, Settings, State

EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
FIRST_REPORT_ID = 50_000_000_000


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
        next_report_id=FIRST_REPORT_ID + secrets.randbelow(10**9),
    )
    application = Application(settings.client_id, settings.application_id, (ClientSecret(settings.client_secret),))
    state.applications[application.client_id] = application
    for seller_id, refresh_token in settings.sellers:
        state.sellers[seller_id] = Seller(seller_id, f"amzn1.merchant.o.{seller_id}", False, frozenset(Region))
        state.authorizations[refresh_token] = Authorization(application.client_id, seller_id)
    return state


def build_app(state: State, connections: Connections, on_start: Callable[[], None]) -> Starlette:
    """The application. `on_start` runs when it is ready; what it does in the background ends when it stops."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        on_start()
        yield
        _stop_background(state)

    def reset() -> None:
        _stop_background(state)
        fresh = new_state(state.settings, state.sandbox_examples)
        for attribute in dataclasses.fields(State):
            setattr(state, attribute.name, getattr(fresh, attribute.name))

    def logged(path: str, operation: str, endpoint: Endpoint, methods: list[str]) -> Route:
        return Route(path, partial(serve, state, connections, operation, endpoint), methods=methods)

    return Starlette(
        lifespan=lifespan,
        routes=[
            logged("/auth/o2/token", LWA_OPERATION, serve_token, ["POST"]),
            logged("/documents/{document_id}", DOWNLOAD_OPERATION, serve_link, ["GET", "HEAD"]),
            Route("/simulator/reports/{report_id}/document", partial(show_document, state), methods=["GET"]),
            *control.routes(state, reset),
            logged("/{endpoint}/{path:path}", "unknown", serve_operation, EVERY_METHOD),
        ],
    )


def _stop_background(state: State) -> None:
    for task in list(state.background):
        task.cancel()
