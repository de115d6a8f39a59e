"""Reads and writes SP-API's JSON. A field that is missing or of another type raises MalformedError, never KeyError."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self, TypeVar

JsonObject = Mapping[str, object]
# A token goes into a header of HTTP.
_TOKEN = re.compile(r"[!-~]{1,16384}")
Item = TypeVar("Item")


class MalformedError(ValueError):
    """An answer does not match the operation's model. The text names the field, never its value."""


class OpenEnum(StrEnum):
    """An enumeration that SP-API may extend.

    An unknown value is read as a separate member: it equals its text and none of the known members, and does not appear
    when the enumeration is listed. So a status that SP-API adds later reaches the caller without breaking a reader.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = value
        unknown._value_ = value
        return unknown


def is_unicode(value: str) -> bool:
    """Whether the text can be encoded. JSON can hold half of a surrogate pair ("\\ud800"), and then it cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def nothing(document: JsonObject) -> None:
    """Reads an answer without content."""


def text(document: JsonObject, name: str) -> str:
    """A required string, not empty."""
    value = optional_text(document, name)
    if not value:
        raise MalformedError(f"{name} is missing")
    return value


def optional_text(document: JsonObject, name: str) -> str | None:
    """A string, None when absent or null. A number is read as text, because ids have been sent as numbers."""
    value = document.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise MalformedError(f"{name} is not a string")
    if value is not None and not is_unicode(value):
        raise MalformedError(f"{name} is not valid Unicode")
    return value


def token(document: JsonObject, name: str) -> str:
    """A required token: printable ASCII without spaces, as a header of HTTP can carry it."""
    value = text(document, name)
    if not _TOKEN.fullmatch(value):
        raise MalformedError(f"{name} is not a token")
    return value


def texts(document: JsonObject, name: str) -> tuple[str, ...]:
    """A list of strings, empty when absent or null."""
    value = document.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) and is_unicode(item) for item in value):
        raise MalformedError(f"{name} is not a list of strings")
    return tuple(value)


def string_map(document: JsonObject, name: str) -> Mapping[str, str]:
    """An object of strings, empty when absent or null."""
    value = optional_child(document, name) or {}
    if not all(isinstance(item, str) and is_unicode(key) and is_unicode(item) for key, item in value.items()):
        raise MalformedError(f"{name} is not an object of strings")
    return {key: str(item) for key, item in value.items()}


def child(document: JsonObject, name: str) -> JsonObject:
    """A required object."""
    value = optional_child(document, name)
    if value is None:
        raise MalformedError(f"{name} is missing")
    return value


def optional_child(document: JsonObject, name: str) -> JsonObject | None:
    """An object, None when absent or null."""
    value = document.get(name)
    if value is not None and not isinstance(value, dict):
        raise MalformedError(f"{name} is not an object")
    return value


def children(document: JsonObject, name: str, read: Callable[[JsonObject], Item]) -> tuple[Item, ...]:
    """A list of objects, each read by `read`; empty when absent or null."""
    value = document.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedError(f"{name} is not a list of objects")
    return tuple(read(item) for item in value)


def time(document: JsonObject, name: str) -> datetime:
    """A required time."""
    value = optional_time(document, name)
    if value is None:
        raise MalformedError(f"{name} is missing")
    return value


def optional_time(document: JsonObject, name: str) -> datetime | None:
    """A time in ISO 8601, None when absent or null; UTC when it has no offset."""
    value = optional_text(document, name)
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedError(f"{name} is not an ISO 8601 time") from None


def iso_8601(moment: datetime) -> str:
    """The time in UTC to the millisecond: 2024-03-10T20:11:24.000Z, as in all of SP-API's published examples.

    The sandbox compares a request with its example word for word, so the zeros matter.

    Raises ValueError for a time without an offset from UTC.
    """
    if moment.tzinfo is None:
        raise ValueError("a time for SP-API needs an offset from UTC")
    utc = moment.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def without_nothing(**fields: object) -> JsonObject:
    """The fields that have a value: None and empty collections are omitted, because SP-API refuses empty lists."""
    return {name: value for name, value in fields.items() if value is not None and value not in ((), [], {})}
