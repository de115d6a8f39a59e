"""Opaque tokens that lead from one page of a list to the next."""

import base64
import json
from collections.abc import Mapping

from sp_api.wire import is_unicode

# Real tokens are shorter: keys have a few dozen characters.
_LONGEST_TOKEN = 1024


def token(position: Mapping[str, str]) -> str:
    """The position as text that is safe in a query string."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def read_token(text: str, names: tuple[str, ...]) -> Mapping[str, str] | None:
    """The position encoded by `token`; None when the text is not a position with exactly these names."""
    if len(text) > _LONGEST_TOKEN:
        return None
    try:
        position = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return None
    if not isinstance(position, dict) or set(position) != set(names):
        return None
    return (
        position if all(isinstance(value, str) and value and is_unicode(value) for value in position.values()) else None
    )
