"""Rules of AWS for templates that the emulator does not check."""

import json
import re
import tomllib
from typing import Any

from tests.templates.reading import CHECKOUT, TEMPLATES, Template, rendered, resources
from tests.templates.test_resources import children

Templates = dict[str, Template]

# The services' own limits of names that the templates make of the stack's, which has 128 characters at most.
LONGEST_STACK_NAME = 128
LONGEST_GIVEN_NAMES = {
    "AWS::Events::EventBus": 256,
    "AWS::Lambda::LayerVersion": 140,
    "AWS::Logs::LogGroup": 512,
}


def test_a_name_made_of_the_longest_stack_name_is_not_too_long(templates: Templates) -> None:
    found = set()
    for resource in resources(templates):
        for given in ("Name", "LayerName", "LogGroupName", "DashboardName"):
            text = rendered(resource.properties.get(given, ""))
            if "${AWS::StackName}" in text:
                found.add(resource.type)
                # CloudFormation cuts the name of a nested stack at the same length.
                name = text.replace("${AWS::StackName}", "s" * LONGEST_STACK_NAME)
                assert len(name) <= LONGEST_GIVEN_NAMES[resource.type], resource
    assert found == set(LONGEST_GIVEN_NAMES)


def test_every_state_that_can_fail_has_a_name_that_is_logged() -> None:
    """StateEnteredEventDetails: only such names go to CloudWatch Logs. Errors alone are logged, and no end is one."""
    for path in TEMPLATES.glob("statemachines/*.json"):
        for name, state in json.loads(path.read_text())["States"].items():
            assert state["Type"] == "Succeed" or re.fullmatch(r"[0-9A-Za-z_-]{1,80}", name), (path.name, name)


def test_a_preview_of_nested_stacks_can_be_made(templates: Templates) -> None:
    """A change set with nested stacks gives a child a placeholder for what another child will return.

    Such a parameter must therefore accept any text, and a condition may only compare it with '': a placeholder is not
    empty, and the root passes '' by a condition of its own.
    """
    from_children = {
        (name, parameter)
        for name, child in children(templates).items()
        for parameter, value in child.properties["Parameters"].items()
        if "Outputs." in json.dumps(value)
    }
    assert len(from_children) > 20
    for name, parameter in from_children:
        declared = templates[name]["Parameters"][parameter]
        assert declared["Type"] == "String", (name, parameter)
        assert not {"AllowedPattern", "AllowedValues", "MinLength", "MaxLength"} & set(declared), (name, parameter)
        for condition in templates[name].get("Conditions", {}).values():
            for compared in comparisons(condition):
                if {"Ref": parameter} in compared:
                    assert "" in compared, (name, parameter)


def comparisons(condition: Any) -> list[list[Any]]:
    """The arguments of each Fn::Equals inside a condition."""
    match condition:
        case {"Fn::Equals": list(arguments)}:
            return [arguments]
        case dict():
            return [found for inner in condition.values() for found in comparisons(inner)]
        case list():
            return [found for inner in condition for found in comparisons(inner)]
    return []


def test_the_stacks_of_the_environments_have_distinct_names_after_cloudformation_cuts_them() -> None:
    """docs/iam/README.md: only the first 25 characters of a stack's name are certain to be kept."""
    environments = tomllib.loads((CHECKOUT / "samconfig.toml").read_text())
    names = [
        environment["global"]["parameters"]["stack_name"]
        for environment in environments.values()
        if isinstance(environment, dict)
    ]
    assert len({name[:25] for name in names}) == len(names) == 3
    assert all(name.startswith("selling-partner-api-") for name in names)
    assert [name for name in names if len(name) > 25] == ["selling-partner-api-quick-start"]
