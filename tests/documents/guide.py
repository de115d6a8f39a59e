"""A reader of a document: runs its commands as they are written, with the reader's own values in the brackets."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.documents.reading import CHECKOUT, Block
from tests.waiting import SECONDS

# What a reader has who has cloned the repository and run nothing yet but `make demo` or `make test`.
_FOLDERS = (
    "docs",
    "functions",
    "layers",
    "local",
    "operations",
    "publishing",
    "reference",
    "requirements",
    "templates",
)
_FILES = ("Makefile", "package.json", "package-lock.json", "pyproject.toml", "samconfig.toml")
_ENVIRONMENTS = (".venv", ".venv-emulator", ".venv-functions", "node_modules")
_VALUE = re.compile(r"<[A-Za-z][A-Za-z ]*>")


@dataclass
class Terminal:
    """A shell that stays open: what one block exports, the next one has."""

    checkout: Path
    environment: dict[str, str]
    values: dict[str, str] = field(default_factory=dict)

    def run(self, block: Block) -> str:
        """What the block's commands print. Fails when one of them does, or when a value in brackets is not known."""
        text = _filled(block, self.values)
        exported = self.checkout / ".exported"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{text}\nenv --null > {exported}"],
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"
        self.environment = dict(entry.split("=", 1) for entry in exported.read_text().split("\0") if entry)
        return done.stdout


def _filled(block: Block, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        assert found[0] in values, f"{block} has {found[0]}, and nothing before it says what that is"
        return values[found[0]]

    return _VALUE.sub(value, block.text)


def commands(text: str) -> Iterator[str]:
    """The lines of a block that begin a command."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"<<'(\w+)'\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE))
    yield from (line for line in joined.splitlines() if line.strip())


def clone(folder: Path) -> Path:
    """A checkout of the reader's own, with the environments of this one."""
    folder.mkdir()
    for name in _FOLDERS:
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        shutil.copy2(CHECKOUT / name, folder / name)
    for name in _ENVIRONMENTS:
        (folder / name).symlink_to(Path(sys.prefix) if name == ".venv" else (CHECKOUT / name).resolve())
    # They are made, and make shall not make them again, whatever it thinks of the times of copies: the Python version
    # is older than all of them, and they are newer than their lists of packages.
    # Publishing packs files and follows no links.
    for name in (".local/validation", ".local/inflating"):
        shutil.copytree(CHECKOUT / name, folder / name)
    version = folder / f".local/python-{sys.version_info.major}.{sys.version_info.minor}"
    version.touch()
    os.utime(version, (0, 0))
    for stamp in re.findall(r":= (\.local/ready-[\w-]+)$", (folder / "Makefile").read_text(), re.MULTILINE):
        (folder / stamp).touch()
    return folder


def environment(home: Path, **variables: str) -> dict[str, str]:
    """A terminal's at first: programs, a home without settings, and `variables`."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHON": sys.executable,
        "AWS_PAGER": "",
        **variables,
    }
