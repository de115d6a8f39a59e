"""docs/operations.md and docs/clean-up.md name what the templates have."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from deployment import REPOSITORY
from tests.documents.reading import anchors
from tests.yaml_reading import yaml_parse

DOCS = REPOSITORY / "docs"
OPERATIONS = DOCS / "operations.md"
# CloudWatch, PutMetricAlarm, AlarmDescription.
LONGEST_DESCRIPTION = 1024
# CloudFormation's limit for the name of a stack, and the longest name of a region with some room.
LONGEST_NAMES = {"${QuickStartStackName}": 128, "${AWS::Region}": 20}


def alarms() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((REPOSITORY / "templates").glob("*.yaml")):
        for name, resource in yaml_parse(path.read_text())["Resources"].items():
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                yield name, resource["Properties"]


def functions() -> set[str]:
    found = set()
    for path in (REPOSITORY / "templates").glob("*.yaml"):
        for name, resource in yaml_parse(path.read_text())["Resources"].items():
            if resource["Type"] in ("AWS::Serverless::Function", "AWS::Serverless::StateMachine"):
                found.add(name)
    return found


ALARMS = dict(alarms())
FUNCTIONS = functions()
TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


def section(alarm: str) -> str:
    """The page's text below the heading with this alarm's name, with each list item on one line."""
    (text,) = re.findall(rf"^### {alarm}\n(.*?)(?=^##)", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL)
    return re.sub(r"\n +", " ", text)


def test_each_alarm_is_listed_and_has_a_section_and_no_other() -> None:
    page = OPERATIONS.read_text()
    assert sorted(re.findall(r"^\| \[`(\w+Alarm)`\]", page, re.MULTILINE)) == sorted(ALARMS)
    assert sorted(re.findall(r"^### (\w+Alarm)$", page, re.MULTILINE)) == sorted(ALARMS)


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_section_says_where_to_look_the_cause_and_the_command(alarm: str) -> None:
    parts = dict(re.findall(r"^- \*\*([^*]+):\*\* (.*?)(?=^- |\Z)", section(alarm), re.MULTILINE | re.DOTALL))
    assert list(parts) == ["Look at", "Cause", "Command"]
    assert re.search(r"`make [a-z-]+ STACK=<name>", parts["Command"])
    named = {name for names in re.findall(r"FUNCTION=([\w,]+)", section(alarm)) for name in names.split(",")}
    assert named <= FUNCTIONS


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_description_names_the_stack_the_command_and_the_section(alarm: str) -> None:
    description = ALARMS[alarm]["AlarmDescription"]["Fn::Sub"]
    assert description.startswith("Stack ${QuickStartStackName}: ")
    commands = re.findall(r"make ([a-z-]+) STACK=\$\{QuickStartStackName\} REGION=\$\{AWS::Region\}", description)
    assert commands
    assert set(commands) <= TARGETS
    text = section(alarm)
    assert all(f"`make {command} STACK=<name>" in text for command in commands)
    named = {name for names in re.findall(r"FUNCTION=([\w,]+)", description) for name in names.split(",")}
    assert named <= FUNCTIONS
    document, _, anchor = description.rpartition(" See ")[2].partition("#")
    assert (document, anchor) == ("docs/operations.md", alarm.lower())
    assert anchor in anchors(OPERATIONS)


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_description_is_short_enough_for_cloudwatch(alarm: str) -> None:
    description = ALARMS[alarm]["AlarmDescription"]["Fn::Sub"]
    for name, length in LONGEST_NAMES.items():
        description = description.replace(name, "x" * length)
    assert len(description) <= LONGEST_DESCRIPTION


@pytest.mark.parametrize("document", ["operations.md", "clean-up.md"])
def test_each_target_is_one_of_the_makefile(document: str) -> None:
    targets = set(re.findall(r"(?:`|^    )make ([a-z-]+)", (DOCS / document).read_text(), re.MULTILINE))
    assert targets <= TARGETS


def test_the_command_moves_the_messages_of_each_alarm_that_names_it() -> None:
    """`make redrive-queue` finds a queue by the outputs XDeadLetterQueueUrl and XQueueArn of the root stack."""
    outputs = yaml_parse((REPOSITORY / "templates/quickstart.yaml").read_text())["Outputs"]
    named = {
        alarm.removesuffix("Alarm")
        for alarm, properties in ALARMS.items()
        if alarm.endswith("DeadLetterQueueAlarm") and "make redrive-queue" in properties["AlarmDescription"]["Fn::Sub"]
    }
    assert "ListingDigestDeadLetterQueue" in named
    for queue in named:
        assert {f"{queue}Url", queue.replace("DeadLetterQueue", "QueueArn")} <= set(outputs)
