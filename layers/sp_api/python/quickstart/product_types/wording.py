"""Words for the findings: places, values and rules in plain English."""

import json
from collections.abc import Iterable, Mapping, Sequence

from sp_api.errors import presentable

_LONGEST_VALUE = 80
_MOST_CHOICES = 12
_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}


def place(path: Sequence[str | int]) -> str:
    """How a message names a value: item_name.value, or "the attributes" for all of them."""
    return shown_text(".".join(part for part in path if isinstance(part, str))) or "The listing"


def shown(value: object) -> str:
    """A value as a message quotes it: as JSON, on one line, cut to 80 characters."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, Mapping):
        return "an object"
    try:
        return shown_text(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError):
        return "a value that is not shown"


def shown_text(text: str) -> str:
    """A text as a message quotes it."""
    # A surrogate is not printable, so none is left.
    short = presentable(text[: 4 * _LONGEST_VALUE])
    return short if len(short) <= _LONGEST_VALUE else short[:_LONGEST_VALUE] + "..."


def type_name(names: object) -> str:
    """The name of one type or several: a list, or a text or a number."""
    listed = names if isinstance(names, list) else [names]
    return any_of([_TYPES.get(str(name), str(name)) for name in listed])


def any_of(texts: Sequence[str]) -> str:
    """a, b or c."""
    return _joined(texts, "or")


def all_of(texts: Sequence[str]) -> str:
    """a, b and c."""
    return _joined(texts, "and")


def choices(values: Iterable[object], labels: Sequence[object] = ()) -> str:
    """Codes with their labels, at most a dozen: new_new (New), used_good (Used - good), and 4 more."""
    codes = list(values)
    parts = []
    for number, code in enumerate(codes[:_MOST_CHOICES]):
        label = labels[number] if number < len(labels) else None
        text = shown_text(code) if isinstance(code, str) else shown(code)
        parts.append(f"{text} ({shown_text(str(label))})" if label not in (None, code) else text)
    more = len(codes) - len(parts)
    return ", ".join(parts) + (f", and {more} more" if more else "")


def counted(number: object, one: str) -> str:
    """1 item, 2 items."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def _joined(texts: Sequence[str], word: str) -> str:
    listed = list(texts)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} {word} {listed[-1]}" if listed else ""
