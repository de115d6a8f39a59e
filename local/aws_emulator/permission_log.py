"""A log of permissions: what the policies of a stack's roles allow, and which of it was used."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator
from ministack.services.cloudformation import _stacks

from aws_emulator.identity import is_simulation
from aws_emulator.patching import wrap

# Whether a resource's own policy is being evaluated, such as a queue's.
_OF_RESOURCE: ContextVar[bool] = ContextVar("of_resource", default=False)
# Shorter names, such as a stage's, occur in ARNs by accident.
_SHORTEST_NAME = 8
# What AWS appends to the name of a secret, and the time of a table's stream.
_VARYING = re.compile(r"(?<=\})-[0-9A-Za-z]{6}$|(?<=/stream/).+$")


def log_permissions(path: Path) -> None:
    """Writes one line of JSON to the file for each new permission: {what, role, action, resource}.

    `what` is `granted` (a policy allows it), `used` (a request was allowed by it) or `refused` (no policy allows the
    request). `role` is the role's name in its template. In `resource`, ${Name} is a resource of a stack. Roles that no
    stack created are left out, and so are simulations of policies.
    """
    seen: set[tuple[str, ...]] = set()
    names: dict[str, str] = {}  # also those of deleted stacks, whose functions may still run
    writing = threading.Lock()

    def write(role: str, *found: tuple[str, str, str]) -> None:
        with writing:
            new = [each for each in found if (role, *each) not in seen]
            if not new:
                return
            names.update(_names())
            if role not in names:
                return
            seen.update((role, *each) for each in new)
            with path.open("a", encoding="utf-8") as file:
                for what, action, resource in new:
                    named = _named(resource, names)
                    line = {"what": what, "role": names[role], "action": action, "resource": named}
                    file.write(json.dumps(line) + "\n")

    @wrap(iam_evaluator, "evaluate_resource_policy", "e49ce7161ad6")
    def evaluate_resource_policy(original: Any, *arguments: Any, **options: Any) -> Any:
        token = _OF_RESOURCE.set(True)
        try:
            return original(*arguments, **options)
        finally:
            _OF_RESOURCE.reset(token)

    @wrap(iam_evaluator, "evaluate", "2a5dd6932d1a")
    def evaluate(original: Any, context: Any, policies: Any, *limits: Any) -> Any:
        result = original(context, policies, *limits)
        if not is_simulation() and not _OF_RESOURCE.get() and context.principal_type == "AssumedRole":
            permissions = list(_permissions(context, policies, result.decision))
            write(_role_name(context.principal_arn), *permissions)
        return result


def _permissions(context: Any, policies: Any, decision: str) -> Iterator[tuple[str, str, str]]:
    for statement in (statement for policy in policies for statement in policy):
        if statement.effect != "Allow":
            continue
        matches = decision == "Allow" and iam_evaluator._conditions_met(statement.conditions, context)
        for action in statement.actions:
            for resource in statement.resources:
                yield "granted", action, resource
                if (
                    matches
                    and iam_evaluator.fnmatch_iam(context.action, action)
                    and iam_evaluator.fnmatch_iam_cs(context.resource_arn, resource)
                ):
                    yield "used", action, resource
    if decision == "ImplicitDeny":
        yield "refused", context.action, context.resource_arn


def _role_name(principal: str) -> str:
    """The role's name in the ARN of a role or of its session."""
    kind, _, name = principal.rpartition(":")[2].partition("/")
    return name.partition("/")[0] if kind == "assumed-role" else name.rpartition("/")[2]


def _names() -> dict[str, str]:
    """The names in their templates of all resources of all stacks, by physical name."""
    names: dict[str, str] = {}
    for stack in list(_stacks.values()):
        for logical_id, resource in list(stack.get("_resources", {}).items()):
            physical = str(resource.get("PhysicalResourceId") or "")
            # Of a queue's URL and of an ARN, the last part is the name.
            for name in (physical, re.split("[:/]", physical)[-1]):
                if len(name) >= _SHORTEST_NAME:
                    names.setdefault(name, logical_id)
    return names


def _named(resource: str, names: dict[str, str]) -> str:
    for physical, logical_id in sorted(names.items(), key=lambda item: -len(item[0])):
        resource = resource.replace(physical, f"${{{logical_id}}}")
    return _VARYING.sub("*", resource)
