"""Imports run one way: sp_api <- core <- capabilities <- functions."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LAYER = ROOT / "layers/sp_api/python"
# What each capability may import besides the core and itself. Whatever is not listed imports no other capability.
ALLOWED = {
    "reports": set[str](),
    "notifications": {"reports"},
    "solicitations": set[str](),
    "authorization": set[str](),
    "secret_rotation": set[str](),
    "product_types": set[str](),
    "listings": {"product_types"},
    "seller_removal": {"reports", "notifications"},
}


def imported(path: Path) -> Iterator[str]:
    """The full name of each module that a file imports, and of each name from it: that may be a module too.

    A relative import begins at the name of the layer's package that the file is in.
    """
    parts = path.parts
    packages = next((parts[parts.index(name) : -1] for name in ("quickstart", "sp_api") if name in parts), ())
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = packages[: len(packages) - node.level + 1] if node.level else ()
            base = ".".join((*start, *([node.module] if node.module else [])))
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from names


def part_of(module: str) -> str:
    """sp_api, core, the capability's name, or empty for a module of elsewhere."""
    package, _, rest = module.partition(".")
    if package != "quickstart":
        return package if package == "sp_api" else ""
    first = rest.split(".")[0]
    return first if first in ALLOWED else "core"


def wrong_arrows(root: Path) -> list[str]:
    """Each import that runs the wrong way, with the file's name."""
    wrong = []
    for path in sorted(root.rglob("*.py")):
        importer = part_of(".".join(path.relative_to(root).with_suffix("").parts))
        for name in imported(path):
            importee = part_of(name)
            allowed = {"sp_api": {"sp_api"}, "core": {"sp_api", "core"}}.get(
                importer, {"sp_api", "core", importer} | ALLOWED.get(importer, set())
            )
            if importee and importee not in allowed:
                wrong.append(f"{path.relative_to(root)} ({importer}) imports {name} ({importee})")
    return wrong


def test_every_package_of_the_layer_is_listed() -> None:
    packages = {folder.name for folder in (LAYER / "quickstart").iterdir() if (folder / "__init__.py").exists()}
    assert packages <= ALLOWED.keys()


def test_imports_run_one_way() -> None:
    assert wrong_arrows(LAYER) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("sp_api/regions.py", "from quickstart.settings import required"),
        ("quickstart/validation.py", "from quickstart.reports.ledger import SELLER_INDEX"),
        ("quickstart/http_api.py", "import quickstart.notifications.subscriptions"),
        ("quickstart/reports/reading.py", "from quickstart.notifications import types"),
        ("quickstart/solicitations/steps.py", "from quickstart.reports.ledger import ReportLedger"),
        ("quickstart/reports/reading.py", "def late():\n    from quickstart.solicitations import ledger"),
        ("quickstart/validation.py", "from .reports.ledger import SELLER_INDEX"),
        ("quickstart/validation.py", "from . import reports"),
        ("quickstart/reports/reading.py", "from ..notifications import types"),
    ],
)
def test_a_wrong_import_is_found_with_its_file(tmp_path: Path, path: str, line: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(line + "\n")
    (found,) = wrong_arrows(tmp_path)
    assert found.startswith(path)


def test_no_function_imports_another() -> None:
    functions = {folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir()} | {"functions"}
    for path in sorted((ROOT / "functions").rglob("*.py")):
        assert not {name.split(".")[0] for name in imported(path)} & functions, path


def test_the_core_needs_no_capability_at_run_time() -> None:
    """A capability's name in a string, as a late import would have it, is a wrong arrow too."""
    for path in sorted((LAYER / "quickstart").glob("*.py")):
        if path.stem not in ALLOWED:
            assert "import_module" not in path.read_text(), path
