"""Wraps functions of ministack, after checking that their source is what the wrapper was written for."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

MINISTACK_VERSION = "1.5.33"


class UnexpectedSourceError(Exception):
    """This is not the version of ministack that the package was written for. Check each gap before changing the pin."""


def require_ministack_version() -> None:
    """Raises UnexpectedSourceError if another version of ministack is installed."""
    installed = version("ministack")
    if installed != MINISTACK_VERSION:
        raise UnexpectedSourceError(
            f"ministack {installed} is installed, but the gaps are closed for {MINISTACK_VERSION}"
        )


def wrap(owner: Any, name: str, digest: str) -> Callable[[Callable[..., Any]], None]:
    """Decorator that replaces owner's function `name`. The replacement gets the original as its first argument.

    `owner` is a module, a class or a dictionary of functions. `digest` is the start of the SHA-256 of the source of the
    original function; another source raises UnexpectedSourceError. A function can be wrapped more than once.
    """
    current = owner[name] if isinstance(owner, dict) else getattr(owner, name)
    require_source(f"{name}()", inspect.getsource(current), digest)

    def install(replacement: Callable[..., Any]) -> None:
        @functools.wraps(current)
        def wrapper(*arguments: Any, **options: Any) -> Any:
            return replacement(current, *arguments, **options)

        if isinstance(owner, dict):
            owner[name] = wrapper
        else:
            setattr(owner, name, wrapper)

    return install


def require_source(what: str, source: str, digest: str) -> None:
    """Raises UnexpectedSourceError unless the SHA-256 of the source starts with the digest."""
    found = hashlib.sha256(source.encode()).hexdigest()[:12]
    if found != digest:
        raise UnexpectedSourceError(f"{what} of ministack {MINISTACK_VERSION} has digest {digest}, found {found}")


def replace_once(text: str, old: str, new: str) -> str:
    """Replaces the only occurrence of `old`. Raises UnexpectedSourceError if there is none or more than one."""
    if text.count(old) != 1:
        raise UnexpectedSourceError(f"expected one occurrence, found {text.count(old)}: {old!r}")
    return text.replace(old, new)
