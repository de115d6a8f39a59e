"""The simulator as a program of its own: installed in an empty folder, and used as docs/simulator.md says.

The recipes of the document run as they are, with the unmodified clients.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sp_api_simulator import VERSION
from tests.documents.reading import CHECKOUT, Block, blocks
from tests.programs import needs_curl
from tests.simulator.support import Simulator
from tests.waiting import SECONDS

pytestmark = pytest.mark.proof

DOCUMENT = CHECKOUT / "docs/simulator.md"
SOURCE = CHECKOUT / "local/sp_api_simulator"
FIRST_LINE = re.compile(r"item-name\t.+\n")


@dataclass(frozen=True)
class Installation:
    """A folder without this repository, with the simulator in an environment of its own."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / "environment/bin"

    def pip(self, *arguments: str | Path) -> None:
        run([self.programs / "python", "-m", "pip", "--disable-pip-version-check", "-q", *arguments], self.folder)


def run(command: list[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """What the command prints. Fails when it fails."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        command,
        cwd=folder,
        env=dict(inherited if environment is None else environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Installed from a copy of the folder, with the pinned packages."""
    made = Installation(tmp_path_factory.mktemp("installation"))
    source = made.folder / "source"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    before = {path.relative_to(source) for path in source.rglob("*")}
    venv.create(made.folder / "environment", with_pip=True)
    made.pip("install", "--constraint", source / "constraints.txt", source)
    assert {path.relative_to(source) for path in source.rglob("*")} == before, "the build left files in the folder"
    return made


@dataclass(frozen=True)
class Running:
    """A running simulator, and the variables that the document sets for a client."""

    simulator: Simulator
    environment: Mapping[str, str]


@contextmanager
def running(installation: Installation) -> Iterator[Running]:
    """Runs the command of the document's section "Start it", on free ports."""
    home = installation.folder
    (command,) = [block for block in blocks(DOCUMENT, "console") if block.section == "Start it"]
    program, *options = shlex.split(command.text.replace("\\\n", " "))
    options = [re.sub(r"^8\d{3}$", "0", option).replace("~", str(home)) for option in options]
    clean = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with subprocess.Popen(
        [installation.programs / program, *options],
        cwd=home,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            address, _, proxy = (process.stdout.readline().split()[-1] for _ in range(3))
            (variables,) = [block for block in blocks(DOCUMENT, "sh") if block.section == "Start it"]
            found = run(["bash", "-euc", f"{variables.text}\nenv -0"], home, clean).split("\0")
            environment = dict(entry.split("=", 1) for entry in found if entry)
            environment |= {"SIMULATOR": address, "HTTPS_PROXY": proxy}
            yield Running(Simulator(address, process.pid, ()), environment)
        finally:
            process.terminate()
            process.wait(SECONDS)


@pytest.fixture(scope="module")
def started(installation: Installation) -> Iterator[Running]:
    with running(installation) as found:
        yield found


def recipe(section: str, language: str) -> str:
    (found,) = [block for block in blocks(DOCUMENT, language) if block.section == section]
    return found.text


def test_it_is_not_the_checkout_that_runs(installation: Installation) -> None:
    shown = run(
        [installation.programs / "python", "-c", "import sp_api_simulator; print(sp_api_simulator.__file__)"],
        installation.folder,
    )
    assert Path(shown.strip()).is_relative_to(installation.folder / "environment")


def test_every_installed_package_is_pinned(installation: Installation) -> None:
    listed = run([installation.programs / "python", "-m", "pip", "freeze"], installation.folder).splitlines()
    pinned = [line for line in (SOURCE / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert sorted(line for line in listed if not line.startswith("sp-api-simulator")) == sorted(pinned)


@pytest.mark.parametrize(
    ("section", "python"),
    [("python-amazon-sp-api", CHECKOUT / ".venv-clients/bin/python"), ("amzn-sp-api", Path(sys.executable))],
)
def test_python_recipes(started: Running, installation: Installation, section: str, python: Path) -> None:
    assert python.exists(), f"{python} is missing: make test-environment installs it"
    printed = run([python, "-c", recipe(section, "python")], installation.folder, started.environment)
    assert FIRST_LINE.fullmatch(printed)


@pytest.mark.parametrize("section", ["@sp-api-sdk", "amazon-sp-api"])
def test_node_recipes(started: Running, installation: Installation, node_modules: Path, section: str) -> None:
    packages = installation.folder / "node_modules"
    if not packages.exists():
        packages.symlink_to(node_modules)
    program = recipe(section, "js")
    printed = run(["node", "--input-type=module", "--eval", program], installation.folder, started.environment)
    assert FIRST_LINE.fullmatch(printed)


@needs_curl
@pytest.mark.parametrize("block", [block for block in blocks(DOCUMENT, "sh") if block.section != "Start it"], ids=str)
def test_scenarios(started: Running, installation: Installation, block: Block) -> None:
    assert run(["bash", "-euo", "pipefail", "-c", block.text], installation.folder, started.environment)


def test_the_wheel_is_all_that_is_needed(installation: Installation) -> None:
    """A new installation from the wheel alone starts, and finds every part of itself."""
    installation.pip("wheel", "--no-deps", "--wheel-dir", "wheels", installation.folder / "source")
    (wheel,) = (installation.folder / "wheels").iterdir()
    assert wheel.name == f"sp_api_simulator-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    modules = {f"sp_api_simulator/{path.relative_to(SOURCE)}" for path in SOURCE.rglob("*.py")}
    information = f"sp_api_simulator-{VERSION}.dist-info"
    assert names - modules == {
        f"{information}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }
    assert modules <= names
    shutil.rmtree(installation.folder / "source")
    installation.pip("install", "--force-reinstall", "--no-deps", wheel)
    assert run([installation.programs / "sp-api-simulator", "--version"], installation.folder) == (
        f"sp-api-simulator {VERSION}\n"
    )
    with running(installation) as found:
        python = CHECKOUT / ".venv-clients/bin/python"
        program = recipe("python-amazon-sp-api", "python")
        assert FIRST_LINE.fullmatch(run([python, "-c", program], installation.folder, found.environment))
        assert found.simulator.fetch("GET", f"{found.simulator.address}/").status == 200
