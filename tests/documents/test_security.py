"""docs/security.md: the actions that a permissions boundary must allow, and the files that it names."""

import re
from collections.abc import Iterator
from typing import Any

from reference.endpoints import load_template
from tests.documents.reading import CHECKOUT

PAGE = (CHECKOUT / "docs/security.md").read_text()


def test_the_boundary_must_allow_what_the_roles_and_the_user_may() -> None:
    part = PAGE.partition("## A permissions boundary")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([a-z0-9-]+:[A-Za-z]+)`", part)) == set(_actions())


def test_the_files_that_are_named_exist() -> None:
    named = re.findall(r"`((?:tests|templates|functions|layers|docs)/[^`*{}]+)`", PAGE)
    assert len(named) > 20
    assert [name for name in named if not (CHECKOUT / name).exists()] == []


def _actions() -> Iterator[str]:
    for path in (CHECKOUT / "templates").glob("*.yaml"):
        for resource in load_template(path)["Resources"].values():
            if resource["Type"] == "AWS::IAM::Role":
                for policy in resource["Properties"].get("Policies", []):
                    yield from _of(policy["PolicyDocument"])
            if resource["Type"] == "AWS::IAM::Policy":
                yield from _of(resource["Properties"]["PolicyDocument"])


def _of(document: Any) -> Iterator[str]:
    for statement in document["Statement"]:
        actions = statement["Action"]
        yield from [actions] if isinstance(actions, str) else actions
