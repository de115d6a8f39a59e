"""Data of the stack as a page may show it: readable, cut to a length, and without secrets.

Messages, state machines' data and log lines of others may hold a token, a client secret or a signed link.
"""

import json
import re
from typing import Any

from sp_api.redaction import WITHHELD, redacted

_HIDDEN = "***"
# Whatever such a field has is not shown: it need not have the shape of a secret.
_SECRET_FIELD = re.compile(r"secret|token|password|credential|signature|authorization|api[-_]?key", re.IGNORECASE)
# Fields with such a name that say nothing secret.
_HARMLESS_FIELD = re.compile(r"clienttoken|expir|arn$|starts$|status|type$", re.IGNORECASE)
# What is longer is cut: cleaning a text of megabytes takes seconds.
_LONGEST = 8000


def clean(text: str, longest: int = _LONGEST) -> str:
    """The text without secrets, cut to `longest` characters. JSON is indented, and its secret fields are hidden."""
    try:
        found = read_json(text)
        if found is not None:
            text = json.dumps(without_secrets(found), indent=2, ensure_ascii=False)
    except RecursionError:
        return "(not shown, because it is nested too deeply)"
    cut = len(text) > longest
    # The text before it is cleaned is cut well behind the end, so that no half of a secret is left over.
    safe = redacted(text[: 2 * longest])
    return f"{safe[:longest]}\n… ({len(text):,} characters)" if cut and safe != WITHHELD else safe


def read_json(text: str) -> dict[str, Any] | list[Any] | None:
    """The JSON object or list of the text; None for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def without_secrets(value: Any) -> Any:
    """The same JSON, with *** in place of each text in a field whose name says that it is secret; also in texts that
    are JSON themselves. Raises RecursionError."""
    if isinstance(value, dict):
        return {name: _HIDDEN if _is_secret(name, found) else without_secrets(found) for name, found in value.items()}
    if isinstance(value, list):
        return [without_secrets(found) for found in value]
    inner = read_json(value) if isinstance(value, str) else None
    return value if inner is None else json.dumps(without_secrets(inner), ensure_ascii=False)


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and bool(_SECRET_FIELD.search(name)) and not _HARMLESS_FIELD.search(name)
