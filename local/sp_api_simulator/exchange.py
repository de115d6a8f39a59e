"""One HTTP request on its way through the simulator."""

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
    """A request, the state it works on, and what is learnt about it for the log."""

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
    body: Json = None

    async def take_fault(self, *kinds: str) -> Fault | None:
        """Lives through a delay ordered for this request and answers the other fault ordered for it, if any.

        `kinds` are the kinds that the caller can carry out.
        """
        if (slow := self.state.faults.take(self.operation, self.seller_id, ("slow",))) is not None:
            self.fault = slow.kind
            await asyncio.sleep(slow.seconds)
        fault = self.state.faults.take(self.operation, self.seller_id, kinds)
        if fault is not None:
            self.fault = fault.kind
        return fault

    def plain_fault(self, fault: Fault | None) -> Response | None:
        """The answer to a fault that needs no knowledge of the operation: a cut connection, or a body given in full."""
        if fault is not None and fault.kind == "reset":
            return ResetResponse(self.connections)
        if fault is not None and fault.kind == "status" and fault.body is not None:
            return Response(fault.body, fault.status, dict(fault.headers), fault.content_type)
        return None

    def lost_answer(self) -> Response | None:
        """A cut connection in place of the answer to what has been carried out, where that was ordered."""
        lost = self.state.faults.take(self.operation, self.seller_id, ("lose",))
        if lost is None:
            return None
        self.fault = lost.kind
        return ResetResponse(self.connections)


Endpoint = Callable[[Exchange], Awaitable[Response]]


async def serve(
    state: State, connections: Connections, operation: str, endpoint: Endpoint, request: Request
) -> Response:
    """Lets `endpoint` answer and writes the log. `operation` is the name until the endpoint knows better."""
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
        milliseconds=(time.monotonic() - started) * 1000,
        body=exchange.body,
    )
    state.request_log.add(entry)
    logger.info(entry.line())
    return response
