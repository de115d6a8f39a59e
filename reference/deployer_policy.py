"""docs/iam/deployer-policy.json: the permissions for creating, updating and deleting a stack."""

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reference.endpoints import CHECKOUT, load_template
from reference.resource_permissions import CALLER, NAME_PREFIX, RESOURCE_TYPES, Grant, Scope

PATH = "docs/iam/deployer-policy.json"

# A managed policy has at most 6,144 characters. A wildcard therefore replaces actions if it covers only needed actions,
# or besides them only read and tag actions. IAM ignores case in actions, so *Tag* covers UntagResource.
ABBREVIATIONS = (
    "apigateway:P*",
    "cloudformation:*ChangeSet*",
    "cloudformation:DescribeStack*",
    "cloudwatch:*Dashboard*",
    "dynamodb:Describe*",
    "events:*EventBus",
    "events:*Targets",
    "iam:*PermissionsBoundary",
    "iam:DeleteRole*",
    "iam:DeleteUser*",
    "iam:Get*",
    "iam:List*",
    "iam:Update*Role*",
    "iam:*TagRole",
    "iam:*TagUser",
    "kms:*KeyRotation",
    "kms:GetKey*",
    "lambda:*EventSourceMapping",
    "lambda:*LayerVersion",
    "lambda:GetFunction*",
    "logs:*LogGroup",
    "logs:*RetentionPolicy",
    "logs:Describe*",
    "s3:*TagResource",
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
    """All grants, in the order of the table."""
    yield from CALLER
    for resource_type in RESOURCE_TYPES.values():
        yield from resource_type.grants
        for needed in resource_type.properties.values():
            yield from needed


def written(checkout: Path = CHECKOUT) -> str:
    """The text of the file."""
    return json.dumps(deployer_policy(checkout), indent=2) + "\n"


def deployer_policy(checkout: Path = CHECKOUT) -> dict[str, Any]:
    """The policy's document."""
    logical_ids = _logical_ids(checkout)
    document = []
    for statement in dict.fromkeys(grant.scope.statement for grant in grants()):
        held = [grant for grant in grants() if grant.scope.statement == statement]
        actions = {action for grant in held for action in grant.actions}
        patterns = {pattern for grant in held for pattern in _patterns(grant.scope, logical_ids)}
        entry: dict[str, Any] = {"Sid": statement.sid, "Effect": "Allow"}
        entry |= {"Action": _listed(_abbreviated(actions)), "Resource": _listed(patterns)}
        if statement.condition:
            entry["Condition"] = _with_prefix(statement.condition)
        document.append(entry)
    return {"Version": "2012-10-17", "Statement": document}


def _patterns(scope: Scope, logical_ids: Mapping[str, list[str]]) -> list[str]:
    """The ARN patterns of a scope."""
    names = [NAME_PREFIX, *(f"{logical_id}-" for logical_id in logical_ids.get(scope.named_like, []))]
    return [pattern.replace("{name}", name) for name in names for pattern in scope.resources]


def _logical_ids(checkout: Path) -> Mapping[str, list[str]]:
    """The logical ids in the templates, by type."""
    found: dict[str, list[str]] = {}
    for template in sorted((checkout / "templates").glob("*.yaml")):
        for name, resource in load_template(template)["Resources"].items():
            found.setdefault(resource["Type"], []).append(name)
    return found


def _abbreviated(actions: set[str]) -> set[str]:
    # ABBREVIATIONS covers the tag actions of IAM. For S3, *Tag* would include the tags of stored reports.
    services = {action.partition(":")[0] for action in actions} - {"iam", "s3"}
    for pattern in (*ABBREVIATIONS, *(f"{service}:*Tag*" for service in services)):
        covered = {action for action in actions if fnmatchcase(action.lower(), pattern.lower())}
        if len(covered) > 1:
            actions = actions - covered | {pattern}
    return actions


def _with_prefix(value: Any) -> Any:
    """A condition with {name} replaced by the prefix."""
    if isinstance(value, dict):
        return {key: _with_prefix(inner) for key, inner in value.items()}
    return value.replace("{name}", NAME_PREFIX) if isinstance(value, str) else value


def _listed(values: set[str]) -> str | list[str]:
    return sorted(values) if len(values) > 1 else values.copy().pop()
