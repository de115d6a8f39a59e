"""Times as text in tables, answers and messages: ISO 8601 in UTC."""

from datetime import UTC, datetime
from typing import overload


@overload
def to_text(time: datetime, *, unit: str = "seconds") -> str: ...
@overload
def to_text(time: datetime | None, *, unit: str = "seconds") -> str | None: ...
def to_text(time: datetime | None, *, unit: str = "seconds") -> str | None:
    """2024-03-10T20:11:24+00:00; `unit` is "seconds", "microseconds" where lists are sorted by it, or "auto" for the
    fraction that the time has.
    """
    return None if time is None else time.astimezone(UTC).isoformat(timespec=unit)


def read_text(text: str) -> datetime:
    """The inverse of `to_text`, for a time of this stack. Raises ValueError for what nothing can be calculated with."""
    time = calculable(text)
    if time is None:
        raise ValueError("not a valid time with an offset")
    return time


def from_text(text: str | None) -> datetime | None:
    """The same for a time that may be missing."""
    return None if text is None else read_text(text)


def read_any_time(text: str | None) -> datetime | None:
    """The inverse of `to_text` for a time that a request names, which may be near the ends of the calendar.

    Raises TypeError, ValueError or OverflowError for anything else.
    """
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without an offset")
    return time.astimezone(UTC)


def calculable(value: object) -> datetime | None:
    """The ISO 8601 time with an offset in a value that others wrote; None for anything else.

    So is a time before 2001 or after 8999: at the ends of the calendar, another time zone or a period is out of range.
    """
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None and 2000 < time.year < 9000 else None
