"""How a gap is closed: a function of ministack is wrapped, when it is the one that the wrapper was written for."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

MINISTACK_VERSION = "1.5.33"


class UnexpectedSourceError(Exception):
    """ministack is not the one this package was written for: look at each gap again before raising the pin."""


def require_ministack_version() -> None:
    """Raises UnexpectedSourceError when another version of ministack is installed."""
    installed = version("ministack")
    if installed != MINISTACK_VERSION:
        raise UnexpectedSourceError(f"ministack {installed} is installed, the gaps are closed for {MINISTACK_VERSION}")


def wrap(owner: Any, name: str, digest: str) -> Callable[[Callable[..., Any]], None]:
    """Decorator: the decorated function takes the place of owner's function `name` and gets that function first.

    `owner` is a module, a class or a dictionary of functions. `digest` is the start of the SHA-256 of the source of the
    function as ministack ships it; UnexpectedSourceError is raised when it differs. Wrappers of one function pile up.
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
    """The text with the one occurrence of `old` replaced; raises UnexpectedSourceError when there are none or more."""
    if text.count(old) != 1:
        raise UnexpectedSourceError(f"expected once, found {text.count(old)} times: {old!r}")
    return text.replace(old, new)
