"""EventBridge Scheduler."""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions
from ministack.services import scheduler

from aws_emulator.patching import UnexpectedSourceError, wrap

TICK_SECONDS = 0.5


def schedules_fire_when_due() -> None:
    """AWS invokes a target within the minute of its schedule; ministack checks schedules every 10 seconds. Checks twice
    a second, so that tests wait less."""
    if scheduler._SCHEDULE_TICK_INTERVAL != 10:
        raise UnexpectedSourceError("scheduler._SCHEDULE_TICK_INTERVAL is not 10 seconds")
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS


def schedule_policies_see_the_group() -> None:
    """On AWS, the ARN of a schedule contains the name of its group, and policies match that ARN; ministack uses the
    default group for every schedule."""

    @wrap(iam_actions, "extract_resource_arn", "82f51700695c")
    def extract(
        original: Any,
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        *scope: Any,
    ) -> Any:
        arn = original(service, method, path, headers, body, query, *scope)
        if service != "scheduler" or ":schedule/default/" not in arn:
            return arn
        group = _group_of(method, body, query)
        return arn.replace(":schedule/default/", f":schedule/{group}/") if group else arn


def _group_of(method: str, body: bytes, query: dict[str, Any]) -> str:
    """The schedule group of a request, from its query (get, delete) or body (create, update)."""
    named = query.get("groupName")
    if named:
        return str(named[0] if isinstance(named, list) else named)
    if method in ("POST", "PUT"):
        return str(json.loads(body or b"{}").get("GroupName", ""))
    return ""
