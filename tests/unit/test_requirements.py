"""Each list of packages is whole: what its packages need in turn is pinned in it too."""

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[2]
# The emulator and the functions have environments of their own, which these tests do not see.
LISTS = ("demo", "spreadsheets", "console", "lint", "deploy", "test")
LAYERS = tuple(path.parent.name for path in sorted(CHECKOUT.glob("layers/*/requirements.txt")))


def pinned(path: Path) -> set[str]:
    """Names, with those of the lists that the list begins with."""
    found: set[str] = set()
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            found |= pinned(path.parent / line.removeprefix("-r "))
        elif line and not line.startswith(("#", "    --hash=")):
            name, pins, _ = line.partition("==")
            assert pins, line
            found.add(canonicalize_name(name))
    return found


def needed(name: str, extra: str = "") -> set[tuple[str, str]]:
    """Name and extra of each package that a package needs here, by itself or for an extra of its own."""
    found: set[tuple[str, str]] = set()
    for text in requires(name) or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            found |= {(canonicalize_name(requirement.name), asked) for asked in ("", *requirement.extras)}
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_the_tests_have_the_packages_of_the_layers(layer: str) -> None:
    """pip checks either all hashes or none, so the tests' list names the layers' packages itself."""
    text = (CHECKOUT / "layers" / layer / "requirements.txt").read_text()
    pins = re.findall(r"^(\S+==\S+) \\$", text, re.MULTILINE)
    assert pins
    lists = "\n".join((CHECKOUT / "requirements" / f"{name}.txt").read_text() for name in LISTS).splitlines()
    assert [pin for pin in pins if pin not in lists] == []


@pytest.mark.parametrize("layer", LAYERS)
def test_each_package_of_a_layer_has_the_hash_of_one_wheel_and_pip_checks_it(layer: str) -> None:
    text = (CHECKOUT / "layers" / layer / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for pin, digest in zip(lines[::2], lines[1::2], strict=True):
        assert re.fullmatch(r"[A-Za-z_-]+[a-z0-9]*==[0-9.]+ \\", pin)
        assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", digest)
    makefile = (CHECKOUT / "Makefile").read_text()
    install = makefile.partition(f"$({layer.upper()}_READY): ")[2].partition("\n\n")[0]
    makefile_lines = makefile.replace("\\\n", " ").splitlines()
    wheels_only = next(line for line in makefile_lines if line.startswith("FOR_LAMBDA :="))
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install.replace("$(FOR_LAMBDA)", wheels_only)


@pytest.mark.parametrize("name", LISTS)
def test_everything_that_is_needed_is_pinned(name: str) -> None:
    names = pinned(CHECKOUT / "requirements" / f"{name}.txt")
    reached: set[tuple[str, str]] = set()
    waiting = {(package, "") for package in names}
    while waiting:
        reached |= waiting
        waiting = {more for package, extra in waiting for more in needed(package, extra)} - reached
    assert {package for package, _ in reached} - names == set()


@pytest.mark.parametrize("name", ["dependencies", "validation", "inflating"])
def test_everything_that_a_layer_needs_is_in_it_or_in_the_runtime(name: str) -> None:
    lists = dict.fromkeys((name, "dependencies"))
    inside = set[str]().union(*(pinned(CHECKOUT / "layers" / layer / "requirements.txt") for layer in lists))
    inside |= pinned(CHECKOUT / "requirements" / "functions.txt")
    asked = {needed_name for package in inside for needed_name, _ in needed(package)}
    assert asked - inside == set()
