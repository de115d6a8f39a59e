"""Starts and stops the three local servers: the mailbox, the AWS emulator and the SP-API simulator.

Each run has a folder of its own and free ports, so that several runs fit one machine. The servers outlive the process
that starts them: what is needed to find and stop them is in `servers.json` in the run's folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 5.0
RECORD = "servers.json"
LOCAL = Path(__file__).resolve().parent
LISTENING = re.compile(r"listening on (?:http://)?127\.0\.0\.1:(?P<port>\d+)\s")


class ServerError(Exception):
    """A server did not start; the message holds the end of its log."""


@dataclass(frozen=True)
class Servers:
    """What is running. URLs without a slash at their end, absolute paths; pids by the name of the program."""

    run_directory: Path
    aws_endpoint: str
    simulator_endpoint: str
    mail_directory: Path
    pids: Mapping[str, int]
    account: str
    region: str


def start_servers(
    run_directory: Path,
    *,
    emulator_python: Path,
    function_python: Path,
    simulator_arguments: Sequence[str] = (),
    emulator_arguments: Sequence[str] = (),
    account: str = "111122223333",
    region: str = "us-east-1",
) -> Servers:
    """Starts all three and writes their record. The mailbox and the simulator run on this process's interpreter.

    run_directory is made when missing; it holds mail, logs and temporary files. emulator_python is an interpreter with
    ministack, function_python the interpreter of the Lambda functions. Raises ServerError when a server does not start;
    the others are stopped then.
    """
    run = run_directory.absolute()
    mail, scratch = run / "mail", run / "scratch"
    for folder in (mail, scratch):
        folder.mkdir(parents=True, exist_ok=True)
    pids: dict[str, int] = {}

    def start(program: str, command: Sequence[object]) -> str:
        pids[program], port = start_server(program, [str(part) for part in command], run)
        return port

    try:
        smtp_port = start("smtp_mailbox", [sys.executable, LOCAL / "smtp_mailbox.py", "--directory", mail])
        emulator = [emulator_python.absolute(), "-m", "aws_emulator", "--scratch", scratch, "--smtp-port", smtp_port]
        emulator += ["--function-python", function_python.absolute(), "--account", account, "--region", region]
        aws_endpoint = f"http://127.0.0.1:{start('aws_emulator', [*emulator, *emulator_arguments])}"
        simulator = [sys.executable, "-m", "sp_api_simulator", "--port", "0", "--sqs-endpoint", aws_endpoint]
        simulator_endpoint = f"http://127.0.0.1:{start('sp_api_simulator', [*simulator, *simulator_arguments])}"
    except BaseException:
        stop_processes(pids)
        raise
    servers = Servers(run, aws_endpoint, simulator_endpoint, mail, pids, account, region)
    save_servers(servers)
    return servers


def stop_servers(servers: Servers) -> None:
    """Stops what is still running of them, and removes their temporary files and their record. Mail and logs stay."""
    stop_processes(servers.pids)
    shutil.rmtree(servers.run_directory / "scratch", ignore_errors=True)
    (servers.run_directory / RECORD).unlink(missing_ok=True)


@contextlib.contextmanager
def running_servers(
    run_directory: Path,
    *,
    emulator_python: Path,
    function_python: Path,
    simulator_arguments: Sequence[str] = (),
) -> Iterator[Servers]:
    """The servers for the time of a `with` statement."""
    servers = start_servers(
        run_directory,
        emulator_python=emulator_python,
        function_python=function_python,
        simulator_arguments=simulator_arguments,
    )
    try:
        yield servers
    finally:
        stop_servers(servers)


def save_servers(servers: Servers) -> None:
    record = json.dumps(asdict(servers), default=str, indent=2)
    (servers.run_directory / RECORD).write_text(record + "\n")


def load_servers(run_directory: Path) -> Servers | None:
    """The servers that a run has recorded, running or not; None when it has none."""
    path = run_directory / RECORD
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    for name in ("run_directory", "mail_directory"):
        record[name] = Path(record[name])
    return Servers(**record)


def start_server(program: str, command: Sequence[str], run: Path) -> tuple[int, str]:
    """Starts a server, in a process group of its own, and waits for the line that says where it listens. Gives its
    process id and its port. Its output goes to a file in the run's folder; ServerError holds the end of it."""
    log = run / f"{program}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=run,
            env=_environment(run),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while not (listening := LISTENING.search(log.read_text(errors="replace"))):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            end = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
            raise ServerError(f"{program} did not start (exit status {process.returncode}). The end of its log:\n{end}")
        time.sleep(0.02)
    # The server is stopped by its process id, perhaps from another process; this object shall not wait for it.
    process.returncode = 0
    return process.pid, listening["port"]


def _environment(run: Path) -> dict[str, str]:
    """A server's environment: nothing of this process's but where programs are. Its home holds no AWS configuration."""
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **inherited,
        "HOME": str(run),
        "TMPDIR": str(run / "scratch"),
        "PYTHONPATH": str(LOCAL),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }


def stop_processes(pids: Mapping[str, int]) -> None:
    """Ends the servers with all processes that they started: asks first, kills what is still there after a while."""
    running = {pid for program, pid in pids.items() if _is_running(program, pid)}
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)
        deadline = time.monotonic() + seconds
        while running and time.monotonic() < deadline:
            running = {pid for pid in running if not _has_ended(pid)}
            time.sleep(0.02)


def _is_running(program: str, pid: int) -> bool:
    """Whether the process is that program's: the system may have given a number of long ago to another one."""
    if sys.platform == "linux":  # where `ps` may be missing
        arguments = Path(f"/proc/{pid}/cmdline")
        return arguments.exists() and program in arguments.read_text()
    listed = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return program in listed.stdout


def _has_ended(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # another process started it
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
