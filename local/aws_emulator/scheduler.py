"""EventBridge Scheduler."""

from __future__ import annotations

import json
import logging
from typing import Any

from ministack.core import iam_actions
from ministack.core.arn import parse_arn
from ministack.core.iam_evaluator import EvalContext, _gather_role_policies, evaluate
from ministack.services import eventbridge, scheduler, stepfunctions

from aws_emulator.patching import UnexpectedSourceError, wrap

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
START_EXECUTION = "arn:aws:scheduler:::aws-sdk:sfn:startExecution"


def schedules_fire_when_due() -> None:
    """AWS invokes a target within the minute of its schedule; ministack looks every 10 seconds, which tests would spend
    waiting: it looks twice a second."""
    if scheduler._SCHEDULE_TICK_INTERVAL != 10:
        raise UnexpectedSourceError("scheduler._SCHEDULE_TICK_INTERVAL is not 10 seconds")
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS


def schedule_policies_see_the_group() -> None:
    """On AWS a schedule's ARN holds its group's name, and policies are checked against it; ministack checks every
    schedule against the default group."""

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
    """The schedule group a request names: in its query (get, delete) or in its body (create, update)."""
    named = query.get("groupName")
    if named:
        return str(named[0] if isinstance(named, list) else named)
    if method in ("POST", "PUT"):
        return str(json.loads(body or b"{}").get("GroupName", ""))
    return ""


def schedules_start_named_executions() -> None:
    """A schedule may call any API ("universal target"), with its role's permissions; what fails goes into its
    dead-letter queue. ministack knows only templated targets. Of the APIs, this knows StartExecution of Step Functions,
    and sends to the dead-letter queue at once, where AWS tries again first."""

    @wrap(eventbridge, "_invoke_target", "550e304af080")
    def invoke(original: Any, target: dict[str, Any], event: Any, rule: dict[str, Any], *view: Any) -> None:
        if target.get("Arn") != START_EXECUTION:
            original(target, event, rule, *view)
            return
        failure = _start_execution(target)
        if failure:
            logger.warning("Schedule %s could not start its execution: %s", rule.get("Arn"), failure)
            queue_arn = target.get("DeadLetterConfig", {}).get("Arn")
            if queue_arn and _may(target["RoleArn"], "sqs:SendMessage", queue_arn):
                eventbridge._dispatch_to_sqs(parse_arn(queue_arn), target["Input"])


def _start_execution(target: dict[str, Any]) -> str:
    """Why it could not be started; empty when it was."""
    request = {name[:1].lower() + name[1:]: value for name, value in json.loads(target["Input"]).items()}
    if not _may(target["RoleArn"], "states:StartExecution", request["stateMachineArn"]):
        return f"{target['RoleArn']} may not start it"
    status, _headers, body = stepfunctions._start_execution(request)
    return "" if status == 200 else body.decode()


def _may(role_arn: str, action: str, resource_arn: str) -> bool:
    account, region = role_arn.split(":")[4], resource_arn.split(":")[3]
    request = EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource_arn,
        region=region,
    )
    allowed: bool = evaluate(request, _gather_role_policies(role_arn.rsplit("/", 1)[-1], account)).decision == "Allow"
    return allowed
