"""Starting and stopping servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from servers import ServerError, load_servers, running_servers, start_server, stop_processes
from tests.emulator.support import EMULATOR_PYTHON, FUNCTION_PYTHON
from tests.waiting import until

CHECKOUT = Path(__file__).resolve().parents[2]
PARENT_AND_CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, os.environ.get("SECRET"), "listening on http://127.0.0.1:1234", flush=True)
time.sleep(60)
"""


# Prints the id of a server that never says where it listens, and waits for it until a signal comes.
INTERRUPTED_START = """
import signal, subprocess, sys, time
from pathlib import Path
import servers

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.default_int_handler)
run, when = Path(sys.argv[1]), sys.argv[2]

class SlowPopen(subprocess.Popen):
    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        print(self.pid, flush=True)
        if when == "while the process is made":
            time.sleep(2)

servers.subprocess.Popen = SlowPopen
try:
    servers.start_server("silent", [sys.executable, "-c", "import time; time.sleep(600)", "silent"], run)
except KeyboardInterrupt:
    sys.exit(130)
"""


def alive(pid: int) -> bool:
    """Whether the process is running. (A zombie, which its parent has not waited for, is not.)"""
    if sys.platform == "linux":  # `ps` may not be installed
        status = Path(f"/proc/{pid}/stat")
        return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip()[:1] not in ("", "Z")


def test_a_server_is_stopped_with_its_child_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of this process")
    (tmp_path / "scratch").mkdir()
    pid, port = start_server("parent", [sys.executable, "-c", PARENT_AND_CHILD, "parent"], tmp_path)
    child, secret, *_ = (tmp_path / "parent.log").read_text().split()
    assert alive(pid)
    assert alive(int(child))

    stop_processes({"parent": pid})

    assert (port, secret) == ("1234", "None")
    assert not alive(pid)
    # The kernel ends a killed process a moment later.
    until(lambda: alive(int(child)), lambda running: not running, "the end of the child process")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, ps is asked")
def test_a_server_that_ends_while_it_is_looked_for_is_not_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: Path) -> str:
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(Path, "read_text", gone)
    stop_processes({"no such program": os.getpid()})


def test_a_server_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"exit status 3(?s:.*)no such table"):
        start_server("broken", [sys.executable, "-c", "print('no such table'); raise SystemExit(3)"], tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["while the process is made", "while it is waited for"])
def test_a_server_whose_start_is_interrupted_is_stopped(tmp_path: Path, number: signal.Signals, when: str) -> None:
    """As `make up` is, with Ctrl-C."""
    (tmp_path / "scratch").mkdir()
    script = [sys.executable, "-c", INTERRUPTED_START, str(tmp_path), when]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "local")}
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, env=environment) as starting:
        assert starting.stdout is not None
        pid = int(starting.stdout.readline())
        assert alive(pid)
        starting.send_signal(number)
        assert starting.wait(60) == 130
    until(lambda: alive(pid), lambda running: not running, "the end of the server")


def test_ctrl_c_during_the_imports_of_the_demo_prints_no_traceback() -> None:
    source = (CHECKOUT / "local/demo.py").read_text()
    before = source.partition("\nimport argparse\n")[0]
    script = f"{before}\nimport os\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(60)\n"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


def test_a_process_of_another_program_is_left_alone() -> None:
    stop_processes({"aws_emulator": os.getpid()})

    assert alive(os.getpid())


def test_two_runs_can_share_a_machine(tmp_path: Path) -> None:
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
