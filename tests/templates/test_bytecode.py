"""Published code has its bytecode, which the interpreter uses instead of the source."""

import importlib.util
import io
import marshal
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from types import CodeType

import pytest

from operations.command import CommandError
from operations.deploy import copy_with_bytecode
from publishing import PublishingError, build, bytecode
from publishing.bytecode import compiled, interpreter
from tests.templates.reading import HOSTING, copy_checkout
from tests.waiting import SECONDS
from tests.yaml_reading import yaml_parse

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(sys.executable)
# The interpreter of the tests names its bytecode with its own version.
TAG = sys.implementation.cache_tag


def archives(checkout: Path) -> dict[str, bytes]:
    made = build(HOSTING, checkout, python=HERE)
    return {one.key: one.content for one in made.artifacts if one.key.endswith(".zip")}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return archives(copy_checkout(tmp_path_factory.mktemp("published") / "checkout"))


def test_each_module_has_bytecode_of_its_source(published: dict[str, bytes]) -> None:
    """Its header says that it is unchecked (PEP 552: flags 1), and its file is where Lambda unpacks the archive."""
    for key, content in published.items():
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            names = opened.namelist()
            modules = [PurePosixPath(name) for name in names if name.endswith(".py")]
            assert modules, key
            for module in modules:
                pyc = opened.read(str(module.parent / "__pycache__" / f"{module.stem}.{TAG}.pyc"))
                assert pyc[:4] == importlib.util.MAGIC_NUMBER
                assert int.from_bytes(pyc[4:8], "little") == 1
                assert pyc[8:16] == importlib.util.source_hash(opened.read(str(module)))
                code: CodeType = marshal.loads(pyc[16:])  # noqa: S302 - our own
                assert code.co_filename == f"{'/opt' if key.startswith('layers/') else '/var/task'}/{module}"
            assert len([name for name in names if name.endswith(".pyc")]) == len(modules)


def test_the_same_source_makes_the_same_archives_in_any_folder(tmp_path: Path, published: dict[str, bytes]) -> None:
    assert archives(copy_checkout(tmp_path / "a" / "longer" / "path")) == published


def test_changed_source_has_changed_bytecode(tmp_path: Path, published: dict[str, bytes]) -> None:
    """Nothing of an earlier build, nor what an interpreter left beside the source, is published."""
    checkout = copy_checkout(tmp_path / "checkout")
    module = checkout / "functions/token_storage/app.py"
    stale = module.parent / "__pycache__" / f"app.{TAG}.pyc"
    stale.parent.mkdir(exist_ok=True)
    stale.write_bytes(b"stale")
    module.write_text("CHANGED = 1\n")
    after = archives(checkout)
    (key,) = set(after) - set(published)
    with zipfile.ZipFile(io.BytesIO(after[key])) as opened:
        pyc = opened.read(f"__pycache__/app.{TAG}.pyc")
    assert "CHANGED" in marshal.loads(pyc[16:]).co_names  # noqa: S302 - our own


def test_python_imports_the_bytecode_and_not_the_source(tmp_path: Path) -> None:
    made = compiled({PurePosixPath("module.py"): b"VALUE = 'compiled'\n"}, HERE, PurePosixPath("/var/task"))
    (tmp_path / "module.py").write_text("VALUE = 'source'\n")
    for path, content in made.items():
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_bytes(content)
    program = "import module; print(module.VALUE)"
    done = subprocess.run(
        [HERE, "-c", program], cwd=tmp_path, env={}, capture_output=True, text=True, check=True, timeout=SECONDS
    )
    assert done.stdout == "compiled\n"


def test_code_that_does_not_compile_is_not_published(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    (checkout / "functions/token_storage/app.py").write_text("def\n")
    with pytest.raises(PublishingError, match=r"token_storage.*cannot compile the code.*app\.py"):
        archives(checkout)


def test_an_interpreter_of_lambdas_version_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    templates = (yaml_parse(path.read_text()) for path in (CHECKOUT / "templates").glob("*.yaml"))
    runtimes = {template["Globals"]["Function"]["Runtime"] for template in templates if "Globals" in template}
    assert runtimes == {f"python{bytecode.PYTHON}"}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setattr(bytecode, "PYTHON", version)
    assert interpreter() == HERE
    # One that is on the path but does not run, as pyenv's, is none.
    monkeypatch.setattr(bytecode, "PYTHON", "3.99")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert interpreter() is None
    shim.write_text("#!/bin/sh\necho 3.99\n")
    assert interpreter() == shim


def test_without_an_interpreter_the_code_is_published_without_bytecode(tmp_path: Path) -> None:
    made = build(HOSTING, copy_checkout(tmp_path / "checkout"))
    for one in (one for one in made.artifacts if one.key.endswith(".zip")):
        with zipfile.ZipFile(io.BytesIO(one.content)) as opened:
            assert not [name for name in opened.namelist() if name.endswith(".pyc")]


@pytest.mark.parametrize("version", [f"{sys.version_info.major}.{sys.version_info.minor}", "3.99"])
def test_code_that_is_deployed_from_source_has_the_same_bytecode(
    version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bytecode, "PYTHON", version)
    checkout, copy = copy_checkout(tmp_path / "checkout"), tmp_path / "copy"
    copy_with_bytecode(checkout, copy)
    templates = {path.relative_to(checkout): path.read_bytes() for path in (checkout / "templates").rglob("*.*")}
    assert {path.relative_to(copy): path.read_bytes() for path in (copy / "templates").rglob("*.*")} == templates
    for reference in re.findall(rb"(?:CodeUri|ContentUri): \.\./(\S+)", b"".join(templates.values())):
        folder = reference.decode()
        source = {path.relative_to(checkout) for path in (checkout / folder).rglob("*.py")}
        assert {path.relative_to(copy) for path in (copy / folder).rglob("*.py")} == source
        made = {path.relative_to(copy) for path in (copy / folder).rglob("*.pyc")}
        expected = {path.parent / "__pycache__" / f"{path.stem}.{TAG}.pyc" for path in source}
        assert made == (set() if version == "3.99" else expected)
    told = "none, so that each cold start" if version == "3.99" else f"of Python {version}"
    assert capsys.readouterr().out.startswith(f"Bytecode: {told}")


def test_code_that_does_not_compile_is_not_deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bytecode, "PYTHON", f"{sys.version_info.major}.{sys.version_info.minor}")
    checkout = copy_checkout(tmp_path / "checkout")
    (checkout / "functions/token_storage/app.py").write_text("def\n")
    with pytest.raises(CommandError, match=r"token_storage.*cannot compile the code.*app\.py"):
        copy_with_bytecode(checkout, tmp_path / "copy")
