"""Values that JSON cannot carry to Amazon, or that are nested too deeply to be checked."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from quickstart.product_types.findings import Finding, Severity
from quickstart.product_types.schemas import pointer
from quickstart.product_types.wording import place
from sp_api.wire import is_unicode

DEEPEST = 32
"""Levels of lists and objects in the attributes. Amazon's schemas have at most 8."""


_LARGEST_NUMBER_BITS = 4096
"""Python writes no number with more than 4,300 digits. No JSON reader reads one."""


def unreadable_values(attributes: Mapping[str, Any]) -> Iterator[Finding]:
    """One finding for each value that is not JSON, or that is deeper than `DEEPEST` levels."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), attributes)]
    while waiting:
        path, value = waiting.pop()
        reason = _reason(value)
        if not reason and isinstance(value, Mapping | list) and len(path) >= DEEPEST:
            reason = f"is nested more than {DEEPEST} levels deep"
        if reason:
            names = tuple(str(part) for part in path[:1])
            yield Finding(pointer(path), "json", f"{place(path)} {reason}", Severity.ERROR, names)
        elif isinstance(value, Mapping):
            waiting += [
                ((*path, name if isinstance(name, str) else repr(name)), entry) for name, entry in value.items()
            ]
        elif isinstance(value, list):
            waiting += [((*path, position), entry) for position, entry in enumerate(value)]


def _reason(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > _LARGEST_NUMBER_BITS:
        return "is a number with too many digits"
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a number that JSON can carry"
    if isinstance(value, str):
        return "" if is_unicode(value) else "has half of a surrogate pair, which is not valid Unicode"
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            return "has a name that is not a text"
        return "" if all(map(is_unicode, value)) else "has a name with half of a surrogate pair"
    return "" if value is None or isinstance(value, bool | int | float | list) else "is not a value of JSON"
