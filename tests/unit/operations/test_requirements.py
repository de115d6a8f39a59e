"""A fresh clone installs requirements/demo.txt, and nothing else, for the operator's commands and the local stack."""

import re
import subprocess
import sys

import pytest

from reference.endpoints import CHECKOUT

# Imports the module while every package that is not in the list is missing.
PROGRAM = """
import importlib, importlib.abc, re, sys
from importlib.metadata import packages_distributions
named = {re.sub(r"[-_.]+", "-", name).lower() for name in sys.argv[2:]}
missing = {
    package
    for package, distributions in packages_distributions().items()
    if not any(re.sub(r"[-_.]+", "-", name).lower() in named for name in distributions)
}
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Missing())
importlib.import_module(sys.argv[1])
"""
MODULES = [
    *(f"operations.{name}" for name in ("doctor", "logs", "outputs", "redrive", "rotate_secret", "solicitations")),
    "operations.destroy.deletion",
    *("demo", "notify", "operate", "restart", "stop"),
]


@pytest.mark.parametrize("module", MODULES)
def test_a_command_needs_only_what_is_installed_for_it(module: str) -> None:
    listed = re.findall(r"^([\w.-]+)==", (CHECKOUT / "requirements/demo.txt").read_text(), re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, module, *listed],
        cwd=CHECKOUT,
        env={"PYTHONPATH": ".:local:layers/sp_api/python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
