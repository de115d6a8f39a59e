"""What the package may import and do."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[3] / "layers/sp_api/python/sp_api"
MODULES = sorted(PACKAGE.glob("*.py"))


def imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_it_needs_urllib3_and_the_standard_library(module: Path) -> None:
    # isal need not be there.
    more = {"signing": {"botocore"}, "inflating": {"isal"}}.get(module.stem, set())
    allowed = set(sys.stdlib_module_names) | {"urllib3", "sp_api"} | more
    assert imports(ast.parse(module.read_text())) <= allowed


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_it_neither_sleeps_nor_starts_threads_nor_prints_nor_reads_the_environment(module: Path) -> None:
    text = module.read_text()
    for word in ("sleep(", "Thread(", "Executor", "asyncio", "print(", "os.environ", "getenv", "logging"):
        assert word not in text


def test_botocore_is_imported_only_when_a_signer_signs() -> None:
    names = ", ".join(f"sp_api.{module.stem}" for module in MODULES if module.stem != "__init__")
    program = f"import sys, {names}; print([name for name in sys.modules if name.startswith('boto')])"
    paths = [str(PACKAGE.parent), *[path for path in sys.path if path.endswith("site-packages")]]
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == "[]"
