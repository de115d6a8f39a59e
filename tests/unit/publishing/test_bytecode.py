"""Bytecode, here of the Python that runs the tests."""

import marshal
import shutil
import sys
from pathlib import Path, PurePosixPath
from types import CodeType

import pytest

from publishing import bytecode
from publishing.bytecode import compiled, interpreter
from publishing.errors import PublishingError

HERE = Path(sys.executable)
TASK = PurePosixPath("/var/task")
TAG = sys.implementation.cache_tag


def test_each_module_has_bytecode_that_is_never_compared_with_its_source() -> None:
    deep = "/".join("d" * 20)
    sources = {
        PurePosixPath("app.py"): b"x = 1\n",
        PurePosixPath(f"{deep}/a.py"): b"y = 2\n",
        PurePosixPath("data.txt"): b"no code(",
        PurePosixPath("__pycache__/old.pyc"): b"old",
    }
    made = compiled(sources, HERE, TASK)
    assert set(made) == {
        PurePosixPath(f"__pycache__/app.{TAG}.pyc"),
        PurePosixPath(f"{deep}/__pycache__/a.{TAG}.pyc"),
    }
    app = made[PurePosixPath(f"__pycache__/app.{TAG}.pyc")]
    # PEP 552: bit 0 for a hash in place of a time, bit 1 for a comparison.
    assert int.from_bytes(app[4:8], "little") == 0b01
    code = marshal.loads(app[16:])  # noqa: S302 - made here
    assert isinstance(code, CodeType)
    assert code.co_filename == "/var/task/app.py", "the place in Lambda, for tracebacks"


def test_the_same_source_has_the_same_bytecode() -> None:
    sources = {PurePosixPath("a/app.py"): b"def f():\n    return {'a', 'b', 'c', 'd'} == {x for x in 'abcd'}\n"}
    assert compiled(sources, HERE, TASK) == compiled(sources, HERE, TASK)
    assert compiled(sources, HERE, TASK) != compiled(sources, HERE, PurePosixPath("/opt"))


def test_code_that_does_not_compile() -> None:
    with pytest.raises(PublishingError) as refused:
        compiled({PurePosixPath("a/app.py"): b"def f(:\n"}, HERE, TASK)
    assert str(refused.value) == (
        "Python 3.13 cannot compile the code: *** Error compiling 'a/app.py'...\n"
        '  File "/var/task/a/app.py", line 1\n    def f(:\n          ^\nSyntaxError: invalid syntax'
    ), "the folder in which it was compiled is gone when somebody reads it"


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        ({"/own": "3.13", "/path": "3.13"}, "/own"),
        ({"/own": "3.12", "/path": "3.13"}, "/path"),
        ({"/own": "3.12", "/path": ""}, None),
        ({"/own": "3.12"}, None),
    ],
)
def test_which_python_makes_it(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], found: str | None) -> None:
    """The running one, or the one on the path, if it is of Lambda's version."""

    def which(name: str) -> str | None:
        assert name == "python3.13"
        return "/path" if "/path" in versions else None

    monkeypatch.setattr(sys, "executable", "/own")
    monkeypatch.setattr(shutil, "which", which)
    monkeypatch.setattr(bytecode, "_version", lambda python: versions[python])
    assert interpreter() == (None if found is None else Path(found))
