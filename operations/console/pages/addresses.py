"""Addresses within the console."""

from urllib.parse import quote, urlencode


def address(*parts: str, **query: object) -> str:
    """/orders/A1/123?day=2026-11-26: the parts of the path, and the fields of the query that are not empty."""
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    given = {name: value for name, value in query.items() if value not in ("", None)}
    return f"{path}?{urlencode(given)}" if given else path
