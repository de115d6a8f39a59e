"""Bytecode for Lambda's Python, so that no cold start has to compile the code.

Lambda's file systems are read-only, so Python cannot keep what it compiles there. The bytecode is in the same archive
as its source and was made from exactly that, so Python does not compare the two (PEP 552, unchecked hash-based pycs).
The same version of Python makes the same bytecode from the same source, in any folder and at any time.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from publishing.errors import PublishingError

# As Runtime in the templates: another version ignores the bytecode.
PYTHON = "3.13"


def interpreter() -> Path | None:
    """A Python of Lambda's version: the running one, or python3.13 on the path. None without one that runs."""
    for candidate in (sys.executable, shutil.which(f"python{PYTHON}")):
        if candidate and _version(candidate) == PYTHON:
            return Path(candidate)
    return None


def described(python: Path | None, command: str) -> str:
    """What the operator should know about the bytecode that the command adds with this interpreter."""
    if python is not None:
        return f"of Python {PYTHON}"
    return (
        f"none, so that each cold start takes a third longer: Python {PYTHON} is not on the path. Install it, or run "
        f"{command} PYTHON=<path of python{PYTHON}>"
    )


def compiled(
    sources: Mapping[PurePosixPath, bytes], python: Path, unpacked_in: PurePosixPath
) -> Mapping[PurePosixPath, bytes]:
    """The bytecode of the Python files among `sources`, by its path in `__pycache__`.

    `unpacked_in` is the folder in which Lambda unpacks the archive, for tracebacks.

    Raises:
        PublishingError: a file does not compile.
    """
    modules = {path: content for path, content in sources.items() if path.suffix == ".py"}
    with tempfile.TemporaryDirectory(prefix="bytecode-") as folder:
        root = Path(folder)
        for path, content in modules.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        # -r: tests of packages may be nested deeper than the default of ten folders.
        options = ["-q", "-r", "50", "--invalidation-mode", "unchecked-hash", "-s", folder, "-p", str(unpacked_in)]
        done = subprocess.run(
            [python, "-I", "-m", "compileall", *options, folder],
            env={"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).replace(f"{folder}/", "").strip()
            raise PublishingError(f"Python {PYTHON} cannot compile the code: {said}")
        return {
            PurePosixPath(made.relative_to(root).as_posix()): made.read_bytes()
            for made in root.rglob("__pycache__/*.pyc")
        }


def _version(python: str) -> str:
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        # pyenv has a python3.13 on the path also where that version is not chosen.
        return ""
