"""The token that leads from one page of a list to the next: opaque to whoever holds it."""

import base64
import json
from collections.abc import Mapping

# A longer one was never given out: keys are some dozen characters.
_LONGEST_TOKEN = 1024


def token(position: Mapping[str, str]) -> str:
    """The position as one word that fits a query string."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def read_token(text: str, names: tuple[str, ...]) -> Mapping[str, str] | None:
    """The position that `token` made the text of; None when it is not a position of exactly these names."""
    if len(text) > _LONGEST_TOKEN:
        return None
    try:
        position = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return None
    if not isinstance(position, dict) or set(position) != set(names):
        return None
    return position if all(isinstance(value, str) and value for value in position.values()) else None
