"""mypy, which `make test` runs too, for a mutant that no unit test notices."""

import ast
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.mutants.mutations import Mutant, mutated
from tests.mutants.unit_tests import ROOT, Outcome

_LIMIT_SECONDS = 600.0


class TypeChecker:
    """Finds what mypy refuses in a changed module. `folder` is for its cache; nothing changes in the checkout."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._cache, self._shadow = folder, folder / "changed.py"
        self._unchanged: dict[str, Counter[str]] = {}

    def run(self, mutant: Mutant, source: str) -> Outcome:
        if mutant.path not in self._unchanged:
            # A syntax tree has no comments, so mypy also reports what "type: ignore" allows.
            self._unchanged[mutant.path] = self._errors(mutant.path, ast.parse(source))
        new = self._errors(mutant.path, mutated(mutant, source)) - self._unchanged[mutant.path]
        return Outcome(failed=True, by=f"mypy: {next(iter(new))}") if new else Outcome(failed=False)

    def _errors(self, path: str, tree: ast.Module) -> Counter[str]:
        """The messages for the module, without their lines."""
        self._shadow.write_text(ast.unparse(tree), "utf-8")
        # To mypy's cache, a file of the same size that was written in the same second is the same file.
        second = random.randrange(2**31)
        os.utime(self._shadow, (second, second))
        options = ["--follow-imports=silent", "--no-error-summary", "--cache-dir", str(self._cache)]
        command = [sys.executable, "-m", "mypy", *options, "--shadow-file", path, str(self._shadow), path]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False, encoding="utf-8"
        )
        if done.returncode not in (0, 1):
            raise RuntimeError(f"mypy cannot check {path}: {done.stdout}{done.stderr}")
        found = re.findall(rf"^{re.escape(path)}:\d+: error: (.*)$", done.stdout, re.MULTILINE)
        return Counter(found)
