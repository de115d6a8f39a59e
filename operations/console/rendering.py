"""Renders the templates. Everything from the stack is text: it is escaped, and invisible characters are shown."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from operations.command import counted

FOLDER = Path(__file__).parent
# Joiners, which many scripts need and which cannot change the order of text.
_KEPT = "\n\t\u200c\u200d"


def visible(value: Any) -> Any:
    """Text with a name in place of each character that has no glyph, or that changes the direction of text."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(
        letter if letter.isprintable() or letter in _KEPT else f"\u27e8U+{ord(letter):04X}\u27e9" for letter in value
    )


def moment(value: object) -> str:
    """A time of the stack (ISO 8601 or datetime) in UTC, to the second; other text unchanged."""
    if value in (None, ""):
        return ""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return f"{time.astimezone(UTC) if time.tzinfo else time:%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return str(value)


def duration(value: timedelta | float | None) -> str:
    """A duration as a person reads it: 340 ms, 12.4 s, 3 min, 5.2 h, 3 days."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def number(value: float | Decimal | None) -> str:
    return "" if value is None else f"{value:,}"


def size(value: float | None) -> str:
    """Bytes as a person reads them."""
    if value is None:
        return ""
    if value < 1000:
        return f"{value:,.0f} bytes"
    for unit, bytes_of_one in (("kB", 1e3), ("MB", 1e6)):
        if value < 1000 * bytes_of_one:
            return f"{value / bytes_of_one:,.1f} {unit}"
    return f"{value / 1e9:,.1f} GB"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=moment, duration=duration, number=number, size=size, counted=counted)
    return environment


_ENVIRONMENT = _environment()


def render(template: str, **values: Any) -> str:
    return _ENVIRONMENT.get_template(template).render(values)
