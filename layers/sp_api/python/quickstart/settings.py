"""Environment variables that the template sets on a function, read when needed and never at import."""

import os


class SettingMissingError(RuntimeError):
    """The template does not set an environment variable that the function needs."""


def required(name: str) -> str:
    """The variable's value. Raises SettingMissingError when it is absent or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise SettingMissingError(
            f"the environment variable {name} is not set on this function; its template must set it"
        )
    return value


def optional(name: str) -> str:
    """The variable's value; empty when it is not set."""
    return os.environ.get(name, "")


def whole_number(name: str) -> int:
    """The variable's value. Raises SettingMissingError when it is absent, ValueError when it is not a whole number."""
    return int(required(name))
