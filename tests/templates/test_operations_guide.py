"""docs/operations.md and docs/clean-up.md name what the templates have."""

import re
from collections.abc import Iterator

import pytest
from ruamel.yaml import YAML

from deployment import REPOSITORY

DOCS = REPOSITORY / "docs"


def logical_ids(*types: str) -> Iterator[str]:
    for path in sorted((REPOSITORY / "templates").glob("*.yaml")):
        resources = YAML().load(path.read_text())["Resources"]
        yield from (name for name, resource in resources.items() if resource["Type"] in types)


def test_each_alarm_is_explained_and_no_other() -> None:
    explained = re.findall(r"^\| `(\w+Alarm)` \|", (DOCS / "operations.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(logical_ids("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("document", ["operations.md", "clean-up.md"])
def test_each_target_is_one_of_the_makefile(document: str) -> None:
    targets = set(re.findall(r"(?:`|^    )make ([a-z-]+)", (DOCS / document).read_text(), re.MULTILINE))
    made = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert targets <= made
