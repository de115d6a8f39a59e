"""docs/iam/deployer-policy.json: what the user who creates, updates and deletes a stack may do."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reference.endpoints import CHECKOUT, load_template
from reference.resource_permissions import CALLER, NAME_PREFIX, RESOURCE_TYPES, Grant, Scope

PATH = "docs/iam/deployer-policy.json"

# A managed policy has at most 6,144 characters: where a wildcard covers what is needed and nothing besides, or nothing
# but settings besides, it is written in their place (tests/reference/test_deployer_policy.py tells which). IAM does not
# tell capital from small letters in actions, so *Tag* covers UntagResource.
ABBREVIATIONS = (
    "cloudformation:*ChangeSet*",
    "cloudformation:DescribeStack*",
    "cloudwatch:*Dashboard*",
    "dynamodb:Describe*",
    "events:*EventBus",
    "events:*Targets",
    "iam:*PermissionsBoundary",
    "iam:*TagRole",
    "iam:*TagUser",
    "iam:Get*",
    "iam:List*",
    "iam:UpdateRole*",
    "kms:*KeyRotation",
    "kms:GetKey*",
    "lambda:*EventSourceMapping",
    "lambda:*LayerVersion",
    "lambda:GetFunction*",
    "logs:*RetentionPolicy",
    "s3:Get*Configuration",
    "s3:GetBucket*",
    "s3:Put*Configuration",
    "s3:PutBucket*",
    "scheduler:*ScheduleGroup",
    "sns:*TopicAttributes",
    "sqs:*QueueAttributes",
    "states:*StateMachine",
)


def grants() -> Iterator[Grant]:
    """Everything that is granted, in the table's order."""
    yield from CALLER
    for resource_type in RESOURCE_TYPES.values():
        yield from resource_type.grants
        for needed in resource_type.properties.values():
            yield from needed


def deployer_policy(checkout: Path = CHECKOUT) -> dict[str, Any]:
    """The policy's document."""
    statements = {grant.scope.statement.sid: grant.scope.statement for grant in grants()}
    document = []
    for sid, statement in statements.items():
        held = [grant for grant in grants() if grant.scope.statement is statement]
        actions = {action for grant in held for action in grant.actions}
        patterns = {pattern for grant in held for pattern in resource_patterns(grant.scope, checkout)}
        entry: dict[str, Any] = {"Sid": sid, "Effect": "Allow"}
        entry |= {"Action": _listed(_abbreviated(actions)), "Resource": _listed(patterns)}
        if statement.condition:
            entry["Condition"] = _with_prefix(statement.condition)
        document.append(entry)
    return {"Version": "2012-10-17", "Statement": document}


def resource_patterns(scope: Scope, checkout: Path = CHECKOUT) -> list[str]:
    """The ARN patterns of a scope."""
    names = [NAME_PREFIX, *(f"{logical_id}-" for logical_id in _logical_ids(scope.named_like, checkout))]
    return [pattern.replace("{name}", name) for name in names for pattern in scope.resources]


def _logical_ids(resource_type: str, checkout: Path) -> list[str]:
    return [
        name
        for template in sorted((checkout / "templates").glob("*.yaml"))
        for name, resource in load_template(template)["Resources"].items()
        if resource["Type"] == resource_type
    ]


def _abbreviated(actions: set[str]) -> set[str]:
    services = {action.partition(":")[0] for action in actions}
    for pattern in (*ABBREVIATIONS, *(f"{service}:*Tag*" for service in services)):
        covered = {action for action in actions if fnmatchcase(action.lower(), pattern.lower())}
        if len(covered) > 1:
            actions = actions - covered | {pattern}
    return actions


def _with_prefix(value: Any) -> Any:
    """A condition with the prefix in the place of {name}."""
    if isinstance(value, dict):
        return {key: _with_prefix(inner) for key, inner in value.items()}
    return value.replace("{name}", NAME_PREFIX) if isinstance(value, str) else value


def _listed(values: set[str]) -> str | list[str]:
    return sorted(values) if len(values) > 1 else values.copy().pop()
