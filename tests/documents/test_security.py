"""docs/security.md: the actions that a permissions boundary must allow, and the files that it names."""

import re
from collections.abc import Iterator
from typing import Any

from tests.documents.reading import CHECKOUT
from tests.templates.reading import unconditional
from tests.yaml_reading import yaml_parse

PAGE = (CHECKOUT / "docs/security.md").read_text()


def test_the_boundary_must_allow_what_the_roles_and_the_user_may() -> None:
    part = PAGE.partition("## A permissions boundary")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([a-z0-9-]+:[A-Za-z]+)`", part)) == set(_actions())


def test_the_files_that_are_named_exist() -> None:
    named = re.findall(r"`((?:templates|functions|layers|docs|publishing)/[^`*{}]+)`", PAGE)
    assert len(named) > 10
    assert [name for name in named if not (CHECKOUT / name).exists()] == []


def test_who_can_decrypt_tokens() -> None:
    """Of the functions that the page names, those and only those that it says so of."""
    part = PAGE.partition("| who | can |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1:3] for row in part.splitlines() if row.startswith("| `SPAPI")]
    says = {name: "decrypt the" in can for who, can in rows for name in re.findall(r"`(SPAPI\w+)`", who)}
    assert len(says) > 6
    assert says == {name: name in set(_decrypting()) for name in says}


def _decrypting() -> Iterator[str]:
    """The functions whose role may decrypt what TokenKey encrypted, other than a queue's messages."""
    for path in (CHECKOUT / "templates").glob("*.yaml"):
        for name, resource in yaml_parse(path.read_text())["Resources"].items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            for policy in resource["Properties"].get("Policies", []):
                for statement in unconditional(policy["PolicyDocument"]["Statement"]):
                    tokens = "kms:EncryptionContext:SellerId" in str(statement.get("Condition"))
                    if tokens and "kms:Decrypt" in _of({"Statement": [statement]}):
                        yield name.removesuffix("Role")


def _actions() -> Iterator[str]:
    for path in (CHECKOUT / "templates").glob("*.yaml"):
        for resource in yaml_parse(path.read_text())["Resources"].values():
            if resource["Type"] == "AWS::IAM::Role":
                for policy in resource["Properties"].get("Policies", []):
                    yield from _of(policy["PolicyDocument"])
            if resource["Type"] == "AWS::IAM::Policy":
                yield from _of(resource["Properties"]["PolicyDocument"])


def _of(document: Any) -> Iterator[str]:
    for statement in unconditional(document["Statement"]):
        actions = statement["Action"]
        yield from [actions] if isinstance(actions, str) else actions
