"""STS."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from aws_emulator.patching import wrap

ROLE_CHAINING_SECONDS = 3600


def sessions_last_no_longer_than_allowed() -> None:
    """AssumeRole rejects a session longer than the role's MaxSessionDuration, or than one hour if the caller is a role
    session (role chaining); ministack accepts any duration."""

    @wrap(sts, "handle_request", "f2d7c72d01d6")
    async def handle(
        original: Any, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        parameters = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        if parameters.get("Action") == "AssumeRole" and (problem := _duration_problem(parameters, headers, query)):
            return sts._error(400, "ValidationError", problem, ns="sts")
        return await original(method, path, headers, body, query)


def conditions_see_the_role_of_a_session() -> None:
    """The condition key aws:PrincipalArn of a role session is the ARN of the role, with its path; ministack uses the
    ARN of the session."""

    @wrap(iam_evaluator, "_resolve_condition_key", "15e26964cd38")
    def resolve(original: Any, key: str, context: Any) -> Any:
        if key.lower() == "aws:principalarn" and context.principal_type == "AssumedRole":
            name = iam_evaluator._role_name_from_assumed_arn(context.principal_arn)
            role = iam._roles.get_scoped(context.principal_account, None, name) or {}
            return role.get("Arn", context.principal_arn)
        return original(key, context)


def _duration_problem(parameters: dict[str, str], headers: dict[str, str], query: dict[str, Any]) -> str:
    """STS's error message if the requested session is too long, otherwise empty."""
    seconds = int(parameters.get("DurationSeconds", 3600))
    role = iam._roles.get(parameters.get("RoleArn", "").rsplit("/", 1)[-1]) or {}
    if seconds > int(role.get("MaxSessionDuration", 3600)):
        return "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    if seconds > ROLE_CHAINING_SECONDS and sts.extract_access_key_id(headers, query).startswith("ASIA"):
        return "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    return ""
