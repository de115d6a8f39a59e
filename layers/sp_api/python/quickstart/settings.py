"""What a function is told by its template: environment variables, read when first needed and never at import."""

import os


class SettingMissingError(RuntimeError):
    """The template does not give this function a variable that its code needs."""


def required(name: str) -> str:
    """The variable's value. Raises SettingMissingError when it is absent or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise SettingMissingError(
            f"the environment variable {name} is not set on this function; its template must set it"
        )
    return value


def optional(name: str) -> str:
    """The variable's value, empty when it is absent."""
    return os.environ.get(name, "")


def whole_number(name: str) -> int:
    """The variable's value. Raises SettingMissingError when it is absent, ValueError when it is no whole number."""
    return int(required(name))
