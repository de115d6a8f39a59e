"""Waits after a 429, from SP-API's rate limits (SP-API docs, "Usage plans and rate limits")."""

import re

# A rate near zero must not become an endless wait.
_LONGEST_WAIT_SECONDS = 3600.0
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def wait_for(rate_limit: float | None, documented_rate: float) -> float:
    """Seconds until a token bucket that refills at `rate_limit` requests per second allows one more request.

    `documented_rate`, the operation's default in SP-API's documentation, applies when no limit is known.
    """
    return min(1 / (rate_limit or documented_rate), _LONGEST_WAIT_SECONDS)


def read_rate_limit(header: str | None) -> float | None:
    """Requests per second from x-amzn-RateLimit-Limit ("2.0"); None when absent or not a positive number."""
    text = (header or "").partition(",")[0].strip()
    rate = float(text) if _NUMBER.fullmatch(text) else 0.0
    return rate if rate > 0 else None
