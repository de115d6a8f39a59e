"""The tables of docs/deployment.md name what the root template has, as the console groups it."""

import re
from pathlib import Path

from reference.endpoints import load_template
from tests.documents.reading import CHECKOUT

GUIDE = (CHECKOUT / "docs/deployment.md").read_text()
ROOT = load_template(Path(CHECKOUT / "templates/quickstart.yaml"))


def test_the_parameters_stand_as_the_console_groups_them() -> None:
    groups = ROOT["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert documented() == {group["Label"]["default"]: group["Parameters"] for group in groups}


def test_the_defaults_are_those_of_the_template() -> None:
    for names, default in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]*?) ?\|", GUIDE, re.MULTILINE):
        for name in re.findall(r"\w+", names):
            if name in ROOT["Parameters"]:
                assert str(ROOT["Parameters"][name].get("Default", "")) == default.strip(), name


def test_every_value_to_fill_in_that_is_named_like_an_output_is_one() -> None:
    named = set(re.findall(r"<([A-Z]\w+)>", GUIDE))
    assert named
    # Template is what `make publish` prints.
    assert named - {"Template"} <= set(ROOT["Outputs"])


def documented() -> dict[str, list[str]]:
    """The parameters in the tables of the guide, by the bold words above each table."""
    part = GUIDE.partition("### Create the stack")[2].partition("\n### ")[0]
    return {
        label: [
            name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
        ]
        for label, table in re.findall(r"\*\*(.+?)\*\*\n\n((?:\|.*\n)+)", part)
    }
