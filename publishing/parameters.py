"""The parameters of a template, and the values that CloudFormation accepts for them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml


def composed(source: str) -> yaml.MappingNode:
    """The nodes of a template, with their places in the text. Raises TypeError if it is not a mapping."""
    node = yaml.compose(source, Loader=yaml.CSafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise TypeError("the template is not a mapping")
    return node


@lru_cache(maxsize=4)
def template_parameters(source: str) -> Mapping[str, Mapping[str, Any]]:
    """The parameters that a template declares, by name, as plain values. Not to be changed."""
    # Only this part is read into values: the rest has CloudFormation's own tags.
    (parameters,) = (value for key, value in composed(source).value if key.value == "Parameters")
    loaded: dict[str, dict[str, Any]] = yaml.CSafeLoader("").construct_document(parameters)
    return loaded


def accepts(parameter: Mapping[str, Any], value: str) -> bool:
    """Whether CloudFormation accepts the value, by AllowedPattern, AllowedValues, MinValue and MaxValue."""
    if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
        return False
    if "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
        return False
    if parameter["Type"] != "Number":
        return True
    return bool(re.fullmatch(r"-?[0-9]+", value)) and (
        parameter.get("MinValue", int(value)) <= int(value) <= parameter.get("MaxValue", int(value))
    )


def rule(parameter: Mapping[str, Any]) -> str:
    """The rule for the values of a parameter, as a sentence."""
    if "AllowedValues" in parameter:
        return f"It must be one of: {', '.join(map(str, parameter['AllowedValues']))}."
    return str(parameter["ConstraintDescription"])
