"""Reads the log lines of all functions and state machines that have a text, such as an id."""

import heapq
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from operations.console.cleaning import clean
from operations.console.console import Console
from operations.logs import Line, lines, shown
from operations.stack import resources

MOST = 500
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "METRIC")
# A line is shown in full by `make logs`.
_LONGEST = 4000
# Only an update of the stack changes them.
_GROUPS_KEPT_SECONDS = 600.0
# CloudWatch Logs allows an account five FilterLogEvents calls a second in most Regions; more at once would be refused.
_AT_ONCE = 5
# The nested stacks whose functions and state machines log about something of this kind.
AREAS: Mapping[str, Sequence[str]] = {
    "reports": ("Reports", "Notifications"),
    "orders": ("Solicitations",),
    "listings": ("Listings", "ListingFeeds"),
    "product types": ("ProductTypes",),
    "sellers": ("TokenStorage", "Authorization", "Notifications"),
    "client secret": ("SecretRotation",),
}


@dataclass(frozen=True)
class LogLine:
    """A line of a function or a state machine. `level` is empty if it has none, `more` are its further lines."""

    time: datetime
    source: str
    level: str
    text: str
    more: str


@dataclass(frozen=True)
class Found:
    """The oldest lines; `more` if there are others."""

    lines: Sequence[LogLine]
    more: bool


def read_lines(console: Console, text: str, since: datetime, area: str = "") -> Found:
    """The lines with this text since then, the oldest first: of all log groups, or of those of an area.

    Raises what AWS raises.
    """
    logs = console.stack.client("logs")
    groups = list(_groups(console, area).items())

    def read(share: Mapping[str, str]) -> list[Line]:
        return list(itertools.islice(lines(logs, share, since, text), MOST + 1))

    shares = [dict(groups[first::_AT_ONCE]) for first in range(min(_AT_ONCE, len(groups)))]
    found = []
    for line in itertools.islice(heapq.merge(*console.together([partial(read, share) for share in shares])), MOST + 1):
        # Formatted as `make logs` does: the time, the source, then the level in eight characters.
        _, _, formatted = shown(line, 0).partition(f"  {line.source}  ")
        first, _, more = clean(formatted, _LONGEST).partition("\n")
        level, _, rest = first.partition(" ")
        if level not in _LEVELS:
            level, rest = "", first
        time = datetime.fromtimestamp(line.milliseconds / 1000, UTC)
        found.append(LogLine(time, line.source, level, rest.strip(), more))
    return Found(found[:MOST], len(found) > MOST)


def _groups(console: Console, area: str) -> Mapping[str, str]:
    """The names of the log groups by function or state machine."""
    stack = console.stack
    found = console.remembered(
        "log groups",
        _GROUPS_KEPT_SECONDS,
        lambda: [
            resource
            for resource in resources(stack.client("cloudformation"), stack.name)
            if resource.type == "AWS::Logs::LogGroup"
        ],
    )
    return {
        resource.logical_id.removesuffix("LogGroup"): resource.physical_id
        for resource in found
        if not area or resource.path.partition("/")[0] in AREAS[area]
    }
