"""The package of the simulator: what it needs, and that nothing in it drifts from the rest of the repository."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

from sp_api_simulator import VERSION
from tests.simulator.conftest import ROOT

FOLDER = ROOT / "local/sp_api_simulator"
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
NAMES_OF_MODULES = {"boto3": "botocore"}
"""Modules that come with another package."""


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def test_the_version_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_license_is_that_of_the_project() -> None:
    assert (FOLDER / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_pinned_packages_are_those_of_the_tests() -> None:
    tested = pins(ROOT / "requirements/deploy.txt") | pins(ROOT / "requirements/demo.txt")
    assert pins(FOLDER / "constraints.txt").items() <= tested.items()


def test_the_lower_bounds_are_the_pinned_versions() -> None:
    bounds = dict(re.fullmatch(r"(\w+)>=([\d.]+),<.+", needed).groups() for needed in PROJECT["dependencies"])  # type: ignore[union-attr,misc]
    pinned = pins(FOLDER / "constraints.txt")
    assert bounds == {name: pinned[name] for name in bounds}


def test_it_imports_nothing_but_its_dependencies_and_itself() -> None:
    """So nothing is shared with the client of this project, whose mistakes it has to find."""
    imported = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    needed = {re.split(r"[^\w]", needed)[0] for needed in PROJECT["dependencies"]}
    others = imported - sys.stdlib_module_names - {"sp_api_simulator"}
    assert others == needed | {NAMES_OF_MODULES["boto3"]}


def test_the_image_is_built_from_pypi_alone_and_runs_the_program() -> None:
    lines = (FOLDER / "Dockerfile").read_text().replace("\\\n", "").splitlines()
    commands = [line for line in lines if line.startswith("RUN ")]
    programs = {part.split()[0] for line in commands for part in line.removeprefix("RUN ").split("&&")}
    assert programs == {"pip", "rm"}
    (entry,) = [line for line in lines if line.startswith("ENTRYPOINT ")]
    program, *options = ast.literal_eval(entry.removeprefix("ENTRYPOINT "))
    assert PROJECT["scripts"][program] == "sp_api_simulator.__main__:main"
    assert options == ["--host", "0.0.0.0", "--port", "8080"]  # noqa: S104 inside a container
    assert "EXPOSE 8080" in lines
