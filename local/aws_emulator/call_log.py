"""A log of the emulator's HTTP calls: who called which operation, without request or response contents."""

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
# The fields of a DynamoDB request that are needed to count request units.
DYNAMODB_FIELDS = ("TableName", "IndexName")
Application = Callable[[Any, Any, Any], Awaitable[None]]


def logged(application: Application, path: Path) -> Application:
    """Wraps the ASGI application to write one line of JSON to the file for each signed request.

    {principal, service, operation, method, query, status} and, for DynamoDB, TableName and IndexName, and for a batch
    Items, the number of its items by table. `operation` is empty where path and method determine it (S3, API Gateway,
    Scheduler). `query` has only the parameter names.
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
            if signed["service"] not in (
                "s3",
                "execute-api",
            ):  # the others are small, and their body may name the operation
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
            request = json.loads(body)
            call |= {field: request[field] for field in DYNAMODB_FIELDS if field in request}
            batch = request.get("RequestItems", {}).items()
            if batch:
                items = {table: len(asked["Keys"] if isinstance(asked, dict) else asked) for table, asked in batch}
                call |= {"Items": items}
        with writing, path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(call) + "\n")

    return application_with_log


def _principal(access_key: str) -> str:
    """The ARN of the caller. For a function, that of its role's session, which ends in the function's name."""
    found = resolve_principal(access_key, get_account_id())
    return str(found.arn) if isinstance(found, PrincipalInfo) else ""


def _operation(headers: dict[str, str], body: bytes) -> str:
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    if target or headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
        return target
    found = re.search(rb"(?:^|&)Action=(\w+)", body)
    return found[1].decode() if found else ""
