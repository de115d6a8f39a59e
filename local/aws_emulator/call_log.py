"""A log of the calls that the emulator gets over HTTP: who called which operation. Never what was in them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ministack.core.iam_evaluator import PrincipalInfo, resolve_principal
from ministack.core.responses import get_account_id

CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d+/[^/]+/(?P<service>[^/]+)/aws4_request")
# What a count of request units needs of a DynamoDB request.
DYNAMODB_FIELDS = ("TableName", "IndexName")
Application = Callable[[Any, Any, Any], Awaitable[None]]


def logged(application: Application, path: Path) -> Application:
    """The ASGI application, with one line of JSON in the file for each signed request that it has answered.

    {principal, service, operation, method, query, status} and, of DynamoDB, TableName and IndexName. `operation` is
    empty where path and method say it (S3, API Gateway, Scheduler); `query` has the names of the parameters alone.
    """
    writing = threading.Lock()

    async def application_with_log(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope.get("headers", [])}
        signed = CREDENTIAL.search(headers.get("authorization", ""))
        if signed is None:
            await application(scope, receive, send)
            return
        body, status = bytearray(), 0

        async def receive_and_keep() -> Any:
            message = await receive()
            if signed["service"] not in ("s3", "execute-api"):  # small ones, read for their operation
                body.extend(message.get("body", b""))
            return message

        async def send_and_note(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await application(scope, receive_and_keep, send_and_note)
        call = {
            "principal": _principal(signed["key"]),
            "service": signed["service"],
            "operation": _operation(headers, bytes(body)),
            "method": scope["method"],
            "query": sorted({part.split("=")[0] for part in scope["query_string"].decode().split("&") if part}),
            "status": status,
        }
        if signed["service"] == "dynamodb":
            asked = json.loads(body)
            call |= {field: asked[field] for field in DYNAMODB_FIELDS if field in asked}
        with writing, path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(call) + "\n")

    return application_with_log


def _principal(access_key: str) -> str:
    """The ARN of the caller: of a function that is its role's, ending in the function's name."""
    found = resolve_principal(access_key, get_account_id())
    return str(found.arn) if isinstance(found, PrincipalInfo) else ""


def _operation(headers: dict[str, str], body: bytes) -> str:
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    if target or headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
        return target
    found = re.search(rb"(?:^|&)Action=(\w+)", body)
    return found[1].decode() if found else ""
