"""Each list of packages is whole: what its packages need in turn is pinned in it too."""

from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[2]
# The emulator and the functions have environments of their own, which these tests do not see.
LISTS = ("demo", "lint", "deploy", "test")


def pinned(path: Path) -> set[str]:
    """Names, with those of the lists that the list begins with."""
    found: set[str] = set()
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            found |= pinned(path.parent / line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            name, pins, _ = line.partition("==")
            assert pins, line
            found.add(canonicalize_name(name))
    return found


def needed(name: str, extra: str = "") -> set[tuple[str, str]]:
    """Name and extra of each package that a package needs here, by itself or for an extra of its own."""
    found = set()
    for text in requires(name) or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            found |= {(canonicalize_name(requirement.name), asked) for asked in ("", *requirement.extras)}
    return found


@pytest.mark.parametrize("name", LISTS)
def test_everything_that_is_needed_is_pinned(name: str) -> None:
    names = pinned(CHECKOUT / "requirements" / f"{name}.txt")
    reached: set[tuple[str, str]] = set()
    waiting = {(package, "") for package in names}
    while waiting:
        reached |= waiting
        waiting = {more for package, extra in waiting for more in needed(package, extra)} - reached
    assert {package for package, _ in reached} - names == set()
