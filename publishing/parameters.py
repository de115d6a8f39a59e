"""The parameters of a template, and the values that CloudFormation takes for them."""

import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML


def template_parameters(source: str) -> Mapping[str, Mapping[str, Any]]:
    """The parameters that a template declares, by name, as plain values."""
    loaded: dict[str, dict[str, Any]] = YAML(typ="rt").load(source)["Parameters"]
    return loaded


def accepts(parameter: Mapping[str, Any], value: str) -> bool:
    """Whether CloudFormation would take the value: its pattern, its list of values, its limits."""
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
    """What a value must be, in words."""
    if "AllowedValues" in parameter:
        return f"It is one of: {', '.join(map(str, parameter['AllowedValues']))}."
    return str(parameter["ConstraintDescription"])
