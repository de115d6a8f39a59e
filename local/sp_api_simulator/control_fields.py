"""Reads the JSON bodies of the control API."""

from __future__ import annotations

from typing import Any

from sp_api_simulator.state import Json


class ControlError(Exception):
    """A control request that is not valid, with the HTTP status of the answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Fields:
    """Reads a JSON object field by field. Unknown fields and values of a wrong type raise ControlError."""

    def __init__(self, value: Json) -> None:
        if not isinstance(value, dict):
            raise ControlError("the body must be a JSON object")
        self.rest = dict(value)

    def text(self, name: str, default: str = "") -> str:
        return str(self._take(name, str, default))

    def required_text(self, name: str) -> str:
        if not (value := self.text(name)):
            raise ControlError(f"{name} is required")
        return value

    def number(self, name: str, default: float) -> float:
        value = self._take(name, (int, float), default)
        if isinstance(value, bool) or value < 0:
            raise ControlError(f"{name} must be a number that is not negative")
        return float(value)

    def count(self, name: str, default: int | None) -> int | None:
        value = self._take(name, (int, type(None)), default)
        if isinstance(value, bool) or (value is not None and value < 0):
            raise ControlError(f"{name} must be a whole number that is not negative")
        return None if value is None else int(value)

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self._take(name, bool, default))

    def texts(self, name: str, default: list[str]) -> list[str]:
        values = self._take(name, list, default)
        if not all(isinstance(value, str) for value in values):
            raise ControlError(f"{name} must be a list of strings")
        return list(values)

    def any(self, name: str, default: Json = None) -> Json:
        return self.rest.pop(name, default)

    def end(self) -> None:
        if self.rest:
            raise ControlError(f"unknown fields: {', '.join(sorted(self.rest))}")

    def _take(self, name: str, kind: Any, default: Json) -> Any:
        value = self.rest.pop(name, default)
        if not isinstance(value, kind):
            raise ControlError(f"{name} has the wrong type")
        return value
