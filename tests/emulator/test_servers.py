"""Starting and stopping servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers import ServerError, load_servers, running_servers, start_server, stop_processes
from tests.emulator.support import EMULATOR_PYTHON, FUNCTION_PYTHON

PARENT_AND_CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, os.environ.get("SECRET"), "listening on http://127.0.0.1:1234", flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended (an ended one stays a while when its parent does not ask for it)."""
    if sys.platform == "linux":  # where `ps` may be missing
        status = Path(f"/proc/{pid}/stat")
        return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip()[:1] not in ("", "Z")


def test_a_server_is_stopped_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of this process")
    (tmp_path / "scratch").mkdir()
    pid, port = start_server("parent", [sys.executable, "-c", PARENT_AND_CHILD, "parent"], tmp_path)
    child, secret, *_ = (tmp_path / "parent.log").read_text().split()
    assert alive(pid)
    assert alive(int(child))

    stop_processes({"parent": pid})

    assert (port, secret) == ("1234", "None")
    assert not alive(pid)
    assert not alive(int(child))


def test_a_server_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"exit status 3(?s:.*)no such table"):
        start_server("broken", [sys.executable, "-c", "print('no such table'); raise SystemExit(3)"], tmp_path)


def test_a_process_of_another_program_is_left_alone() -> None:
    stop_processes({"aws_emulator": os.getpid()})

    assert alive(os.getpid())


def test_two_runs_stand_side_by_side(tmp_path: Path) -> None:
    emulator_python, function_python = Path(EMULATOR_PYTHON), Path(FUNCTION_PYTHON)
    with (
        running_servers(tmp_path / "one", emulator_python=emulator_python, function_python=function_python) as one,
        running_servers(tmp_path / "two", emulator_python=emulator_python, function_python=function_python) as two,
    ):
        assert load_servers(tmp_path / "one") == one
        assert one.aws_endpoint != two.aws_endpoint
        assert one.simulator_endpoint != two.simulator_endpoint
        assert all(alive(pid) for servers in (one, two) for pid in servers.pids.values())

    assert load_servers(tmp_path / "one") is None
    assert not any(alive(pid) for servers in (one, two) for pid in servers.pids.values())
    assert not (tmp_path / "one" / "scratch").exists()
