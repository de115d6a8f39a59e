"""Where the emulators of a test session write their permission logs, and what becomes of them."""

import hashlib
import json
import os
import uuid
from collections.abc import Collection
from pathlib import Path

from tests.permissions.comparison import Recording, read_recording
from tests.templates.reading import CHECKOUT

# Set by the process that started the tests. Its workers inherit it.
FOLDER = "PERMISSION_LOGS"
END_TO_END = "tests/end_to_end"
KEPT = CHECKOUT / ".local" / "permissions.jsonl"
_SOURCES = ("templates", "functions", "layers/sp_api")


def emulator_arguments() -> list[str]:
    """The options with which an emulator logs permissions. Empty outside a test session."""
    folder = os.environ.get(FOLDER)
    return ["--permission-log", str(Path(folder) / f"{uuid.uuid4()}.jsonl")] if folder else []


def end_to_end_files() -> set[str]:
    """Those with tests that `make test` runs."""
    return {
        f"{END_TO_END}/{path.name}"
        for path in (CHECKOUT / END_TO_END).glob("test_*.py")
        if "\npytestmark = pytest.mark.proof\n" not in path.read_text("utf-8")
    }


def recorded(folder: Path) -> Recording:
    """Joins the logs of all emulators of the session."""
    return read_recording(line for log in folder.glob("*.jsonl") for line in log.read_text("utf-8").splitlines())


def keep(recording: Recording) -> None:
    """Saves a complete recording for `make permissions`."""
    lines = [json.dumps({"sources": _sources()})]
    for what in ("granted", "used", "refused"):
        for each in sorted(getattr(recording, what)):
            lines.append(
                json.dumps({"what": what, "role": each.role, "action": each.action, "resource": each.resource})
            )
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text("\n".join(lines) + "\n", "utf-8")


def kept() -> Recording | None:
    """The recording of the last complete run. None without one, or if templates or functions have changed since."""
    if not KEPT.exists():
        return None
    first, *lines = KEPT.read_text("utf-8").splitlines()
    return read_recording(lines) if json.loads(first) == {"sources": _sources()} else None


def is_complete(passed: Collection[str], others: Collection[str]) -> bool:
    """Whether all end-to-end tests passed, apart from the long proofs.

    Both have node ids; `others` has those that failed or did not run.
    """
    files = {node.partition("::")[0] for node in passed}
    return end_to_end_files() <= files and not any(node.startswith(END_TO_END) for node in others)


def _sources() -> str:
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((CHECKOUT / folder).rglob("*")):
            if path.suffix in (".yaml", ".json", ".py"):
                digest.update(f"{path.relative_to(CHECKOUT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
