"""Compare every policy with AWS's Service Authorization Reference, which policy_sentry contains; make lint runs this.

A misspelt action, a resource of a type that the action does not work on, or a condition key that the action does not
have makes a statement that never matches. Neither CloudFormation nor IAM reports it.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from policy_sentry.querying.actions import get_action_data
from policy_sentry.shared.iam_data import get_service_prefix_data

from tests.templates.reading import CHECKOUT, Template, listed, rendered, resources, transformed_templates

Statement = dict[str, Any]


def template_statements(templates: dict[str, Template]) -> Iterator[tuple[str, Statement]]:
    """Every statement of a role, a policy, a key, a bucket or a queue, with the resource that has it."""
    for resource in resources(templates):
        for document in documents(resource.properties):
            for statement in listed(document["Statement"]):
                yield str(resource), statement


def documents(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case {"Statement": _}:
            yield value
        case dict():
            for inner in value.values():
                yield from documents(inner)
        case list():
            for inner in value:
                yield from documents(inner)


def file_statements(folder: Path) -> Iterator[tuple[str, Statement]]:
    for path in sorted(folder.glob("*.json")):
        for statement in json.loads(path.read_text("utf-8"))["Statement"]:
            yield path.name, statement


def problems(statement: Statement) -> list[str]:
    """What is wrong with a statement's actions, resources and condition keys; empty if AWS knows them all."""
    found = []
    keys = [key for comparison in statement.get("Condition", {}).values() for key in comparison]
    known_keys: set[str] = set()
    patterns: set[str] = set()
    for pattern in listed(statement.get("Action", statement.get("NotAction", []))):
        rows = action_rows(pattern)
        if not rows:
            found.append(f"AWS has no action {pattern}")
        known_keys |= {key.lower() for row in rows for key in row["condition_keys"]}
        patterns |= {row["resource_arn_format"] for row in rows}
        if pattern.startswith("apigateway:"):
            # AWS has a page for REST APIs and one for HTTP APIs. policy_sentry keeps the second page's resources only.
            patterns |= {kind["arn"] for kind in get_service_prefix_data("apigateway")["resources"].values()}
        if pattern == "cloudformation:CreateChangeSet":
            # CloudFormation User Guide, "Control access with IAM": "CreateChangeSet" of a template with a transform.
            patterns.add("arn:${Partition}:cloudformation:${Region}:aws:transform/${Transform}")
    if found:
        return found
    for target in listed(statement.get("Resource", "*")):
        arn = rendered(target)
        if arn.startswith("arn:") and not any(same_type(arn, pattern) for pattern in patterns):
            found.append(f"no action of {statement['Action']} works on {arn}")
    for key in keys:
        if not is_global(key) and not any(same_key(key, known) for known in known_keys):
            found.append(f"no action of {statement['Action']} has the condition key {key}")
    return found


def action_rows(pattern: str) -> list[dict[str, Any]]:
    """The reference's rows, one for each resource type, of the actions that a pattern as `s3:Get*` covers."""
    service, _, name = pattern.partition(":")
    privileges = (get_service_prefix_data(service) or {}).get("privileges", {})
    rows: list[dict[str, Any]] = []
    for action in privileges:
        if fnmatchcase(action.lower(), name.lower()):
            rows += get_action_data(service, action)[service]
    return rows


def same_type(arn: str, pattern: str) -> bool:
    """Whether an ARN, with ${...} for what is not known, can be one of a resource type's."""
    if pattern == "*":
        return False
    parts = pattern.split(":", 5)
    service, resource = parts[2], parts[5]
    given = re.sub(r"\$\{[^}]+\}", "*", arn).split(":", 5)
    if len(given) < 6 or not fnmatchcase(service, given[2]):
        return False
    return overlaps(given[5], re.sub(r"\$\{[^}]+\}", "*", resource))


def overlaps(one: str, other: str) -> bool:
    """Whether a text can match both patterns, in which * is any text."""
    if not one or not other:
        return set(one + other) <= {"*"}
    if one[0] == "*":
        return overlaps(one[1:], other) or overlaps(one, other[1:])
    if other[0] == "*":
        return overlaps(one, other[1:]) or overlaps(one[1:], other)
    return one[0] == other[0] and overlaps(one[1:], other[1:])


def is_global(key: str) -> bool:
    """IAM User Guide, "AWS global condition context keys": they are in every request, or in every signed one."""
    return key.lower().startswith("aws:") and "tag" not in key.lower()


def same_key(key: str, known: str) -> bool:
    return bool(re.fullmatch(re.sub(r"\\\$\\\{[^}]+\\\}", ".+", re.escape(known)), key.lower()))


def all_statements() -> list[tuple[str, Statement]]:
    with TemporaryDirectory() as folder:
        templates = transformed_templates(Path(folder) / "checkout")
    return [*template_statements(templates), *file_statements(CHECKOUT / "docs/iam")]


if __name__ == "__main__":
    # The SAM translator warns of its own metrics.
    logging.disable(logging.WARNING)
    wrong = [f"{where}: {problem}" for where, statement in all_statements() for problem in problems(statement)]
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)
