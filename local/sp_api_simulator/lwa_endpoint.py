"""The token endpoint of Login with Amazon over HTTP."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sp_api_simulator.exchange import Exchange
from sp_api_simulator.fault_answers import lwa_error
from sp_api_simulator.lwa import LwaError, grant_token
from sp_api_simulator.operations import SCOPES

LWA_OPERATION = "getAccessToken"


async def serve_token(exchange: Exchange) -> Response:
    """Accepts a form, as documented, and JSON, which some SDKs send."""
    headers = {"x-amzn-RequestId": exchange.request_id, "Cache-Control": "no-store", "Pragma": "no-cache"}
    fields = await _fields(exchange.request)
    exchange.body = {"grant_type": fields.get("grant_type", "")}
    if (authorization := exchange.state.authorizations.get(fields.get("refresh_token", ""))) is not None:
        exchange.seller_id = authorization.seller_id
    if fields.get("scope") in SCOPES:
        exchange.scope = fields["scope"]
    fault = await exchange.take_fault("status", "reset")
    if (answer := exchange.plain_fault(fault)) is not None:
        return answer
    if fault is not None:
        return _refused(exchange, lwa_error(fault), headers | dict(fault.headers))
    try:
        granted = grant_token(exchange.state, fields)
    except LwaError as error:
        return _refused(exchange, error, headers)
    return exchange.lost_answer() or JSONResponse(granted, headers=headers)


def _refused(exchange: Exchange, error: LwaError, headers: dict[str, str]) -> Response:
    exchange.error = error.error
    return JSONResponse(error.body(), error.status, headers)


async def _fields(request: Request) -> dict[str, str]:
    raw_body = (await request.body()).decode(errors="replace")
    if not request.headers.get("content-type", "").startswith("application/json"):
        return dict(parse_qsl(raw_body))
    try:
        fields = json.loads(raw_body)
    except ValueError:
        return {}
    return {name: value for name, value in fields.items() if isinstance(value, str)} if isinstance(fields, dict) else {}
