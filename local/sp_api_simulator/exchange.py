"""Handles one HTTP request and logs it."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from sp_api_simulator.connections import Connections, ResetResponse
from sp_api_simulator.faults import Fault
from sp_api_simulator.request_log import RequestEntry
from sp_api_simulator.state import Json, State

logger = logging.getLogger("sp_api_simulator")


@dataclass
class Exchange:
    """A request, the state, and what the log says about the request."""

    state: State
    connections: Connections
    request: Request
    operation: str
    path: str
    endpoint: str = ""
    seller_id: str = ""
    scope: str = ""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    fault: str = ""
    error: str = ""
    body: Json = None

    async def take_fault(self, *kinds: str) -> Fault | None:
        """Waits if a fault delays this request, and returns another fault for it, if any.

        `kinds` are the kinds that the caller supports.
        """
        if (slow := self.state.faults.take(self.operation, self.seller_id, ("slow",))) is not None:
            self.fault = slow.kind
            await asyncio.sleep(slow.seconds)
        fault = self.state.faults.take(self.operation, self.seller_id, kinds)
        if fault is not None:
            self.fault = fault.kind
        return fault

    def plain_fault(self, fault: Fault | None) -> Response | None:
        """The response to a fault that does not depend on the operation: a reset, or the fault's own body."""
        if fault is not None and fault.kind == "reset":
            return ResetResponse(self.connections)
        if fault is not None and fault.kind == "status" and fault.body is not None:
            return Response(fault.body, fault.status, dict(fault.headers), fault.content_type)
        return None

    def lost_answer(self) -> Response | None:
        """A reset in place of the response of a request that has been carried out, if a fault says so."""
        lost = self.state.faults.take(self.operation, self.seller_id, ("lose",))
        if lost is None:
            return None
        self.fault = lost.kind
        return ResetResponse(self.connections)


Endpoint = Callable[[Exchange], Awaitable[Response]]


async def serve(
    state: State, connections: Connections, operation: str, endpoint: Endpoint, request: Request
) -> Response:
    """Calls `endpoint` and logs the request. `operation` is its name unless the endpoint sets another."""
    started = time.monotonic()
    exchange = Exchange(state, connections, request, operation, request.url.path)
    response = await endpoint(exchange)
    entry = RequestEntry(
        time=state.clock.now(),
        operation=exchange.operation,
        method=request.method,
        path=exchange.path,
        status=response.status_code,
        endpoint=exchange.endpoint,
        seller_id=exchange.seller_id,
        scope=exchange.scope,
        request_id=exchange.request_id,
        user_agent=request.headers.get("user-agent", ""),
        fault=exchange.fault,
        error=exchange.error,
        milliseconds=(time.monotonic() - started) * 1000,
        body=exchange.body,
    )
    state.request_log.add(entry)
    logger.info(entry.line())
    return response
