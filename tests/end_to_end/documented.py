"""Every answer that a test sees has a status of docs/openapi.json, and every error a section of docs/errors.md."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import requests

from tests.documents.reading import CHECKOUT, anchors


def assert_documented(answer: requests.Response) -> None:
    """Nothing for a path that the APIs do not have."""
    path = answer.request.url.partition("?")[0].partition("/prod")[2] if answer.request.url else ""
    operation = operation_of(str(answer.request.method), path)
    if operation is None:
        return
    assert str(answer.status_code) in operation["responses"], (
        f"{answer.request.method} {path} returned {answer.status_code}, which docs/openapi.json does not list: "
        f"{answer.text}"
    )
    for error in _errors(answer):
        page, _, anchor = error["documentation"].partition("#")
        assert page == "docs/errors.md", error
        assert anchor in _sections(), error
        assert anchor == "codes-of-amazon" or "Error" in error["code"] or _is_own(error["code"], anchor), error


def _is_own(code: str, anchor: str) -> bool:
    return anchor in (code.lower(), "sellerremains", "rules-of-a-product-type")


def _errors(answer: requests.Response) -> list[Mapping[str, str]]:
    try:
        body = answer.json()
    except ValueError:
        return []
    if answer.status_code < 400 or not isinstance(body, dict):
        return []
    errors: list[Mapping[str, str]] = body.get("errors", [])
    return errors


def operation_of(method: str, path: str) -> Mapping[str, Any] | None:
    """The operation of docs/openapi.json; None for a path or method that it does not have."""
    for pattern, operations in _paths():
        if pattern.fullmatch(path):
            found: Mapping[str, Any] | None = operations.get(method.lower())
            return found
    return None


@cache
def _paths() -> list[tuple[re.Pattern[str], Mapping[str, Any]]]:
    """Paths without parameters come first: /listings/submissions/{id} before /listings/{sku}."""
    paths = json.loads((CHECKOUT / "docs/openapi.json").read_text())["paths"]
    ordered = sorted(paths, key=lambda path: (path.count("{"), -len(path)))
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), paths[path]) for path in ordered]


@cache
def _sections() -> frozenset[str]:
    return frozenset(anchors(CHECKOUT / "docs/errors.md"))
