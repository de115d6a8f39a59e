"""Reads templates as the SAM translator does, with libyaml: ten times as fast."""

from typing import Any

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor


class _Loader(yaml.CSafeLoader):
    """A separate class, because constructors are registered on the class."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def yaml_parse(text: str) -> Any:
    """The template, with each intrinsic function in its long form."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
