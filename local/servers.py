"""Starts and stops the three local servers: the mailbox, the AWS emulator and the SP-API simulator.

Each run has its own folder and free ports, so several runs can share one machine. The servers keep running after the
process that started them has ended. `servers.json` in the run's folder has the information to find and stop them.
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
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

START_SECONDS = 120.0
STOP_SECONDS = 5.0
# A server may write much before it ends.
SAVE_SECONDS = 60.0
RECORD = "servers.json"
MAIL = "mail"
STATE = "state"
LOCAL = Path(__file__).resolve().parent
LISTENING = re.compile(r"listening on (?:http://)?127\.0\.0\.1:(?P<port>\d+)\s")


class ServerError(Exception):
    """A server did not start. The message has the end of its log."""


@dataclass(frozen=True)
class Servers:
    """The running servers. URLs have no trailing slash, paths are absolute, and pids are by program name."""

    run_directory: Path
    aws_endpoint: str
    simulator_endpoint: str
    mail_directory: Path
    pids: Mapping[str, int]
    account: str
    region: str
    commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """With which each can be started again at the same address."""


def start_servers(
    run_directory: Path,
    *,
    emulator_python: Path,
    function_python: Path,
    simulator_arguments: Sequence[str] = (),
    emulator_arguments: Sequence[str] = (),
    port_base: int | None = None,
    keep_state: bool = False,
    account: str = "111122223333",
    region: str = "us-east-1",
) -> Servers:
    """Starts all three and saves their record. The mailbox and the simulator use the interpreter of this process.

    run_directory is created if needed, for mail, logs and temporary files. emulator_python is an interpreter with
    ministack, function_python the interpreter of the Lambda functions. The emulator listens on port_base, the simulator
    on the next port and the mailbox on the one after it; without port_base, each takes a free port. With keep_state,
    each keeps its state in the run's folder over `restart_server`. Raises ServerError if a server does not start, and
    stops the others.
    """
    run = run_directory.absolute()
    mail, scratch = run / MAIL, run / "scratch"
    for folder in (mail, scratch):
        folder.mkdir(parents=True, exist_ok=True)
    state = run / STATE
    shutil.rmtree(state, ignore_errors=True)
    pids: dict[str, int] = {}
    commands: dict[str, list[str]] = {}
    emulator_port, simulator_port, mail_port = (0, 0, 0) if port_base is None else range(port_base, port_base + 3)

    def start(program: str, command: Sequence[object]) -> str:
        words = [str(part) for part in command]
        _, port = start_server(program, words, run, pids)
        words[words.index("--port") + 1] = port
        commands[program] = words
        return port

    try:
        smtp_port = start(
            "smtp_mailbox", [sys.executable, LOCAL / "smtp_mailbox.py", "--directory", mail, "--port", mail_port]
        )
        emulator = [emulator_python.absolute(), "-m", "aws_emulator", "--scratch", scratch, "--smtp-port", smtp_port]
        emulator += ["--function-python", function_python.absolute(), "--account", account, "--region", region]
        emulator += ["--port", emulator_port, *(["--state", state / "aws"] if keep_state else [])]
        aws_endpoint = f"http://127.0.0.1:{start('aws_emulator', [*emulator, *emulator_arguments])}"
        simulator = [sys.executable, "-m", "sp_api_simulator", "--port", simulator_port, "--sqs-endpoint", aws_endpoint]
        simulator += ["--state", state / "sp-api"] if keep_state else []
        simulator_endpoint = f"http://127.0.0.1:{start('sp_api_simulator', [*simulator, *simulator_arguments])}"
        servers = Servers(run, aws_endpoint, simulator_endpoint, mail, pids, account, region, commands)
        save_servers(servers)
    except BaseException:
        stop_processes(pids)
        raise
    return servers


def restart_server(servers: Servers, program: str) -> Servers:
    """Stops one server and starts it again at the same address, with its state. Raises ServerError."""
    stop_processes({program: servers.pids[program]}, SAVE_SECONDS)
    pid, _ = start_server(program, servers.commands[program], servers.run_directory)
    changed = replace(servers, pids={**servers.pids, program: pid})
    save_servers(changed)
    return changed


def stop_servers(servers: Servers) -> None:
    """Stops the servers and removes their temporary files, state and record. Keeps mail and logs."""
    stop_processes(servers.pids)
    shutil.rmtree(servers.run_directory / STATE, ignore_errors=True)
    shutil.rmtree(servers.run_directory / "scratch", ignore_errors=True)
    (servers.run_directory / RECORD).unlink(missing_ok=True)


@contextlib.contextmanager
def running_servers(
    run_directory: Path,
    *,
    emulator_python: Path,
    function_python: Path,
    simulator_arguments: Sequence[str] = (),
    emulator_arguments: Sequence[str] = (),
) -> Iterator[Servers]:
    """Context manager that starts the servers and stops them at the end."""
    servers = start_servers(
        run_directory,
        emulator_python=emulator_python,
        function_python=function_python,
        simulator_arguments=simulator_arguments,
        emulator_arguments=emulator_arguments,
    )
    try:
        yield servers
    finally:
        stop_servers(servers)


def save_servers(servers: Servers) -> None:
    record = json.dumps(asdict(servers), default=str, indent=2)
    (servers.run_directory / RECORD).write_text(record + "\n")


def load_servers(run_directory: Path) -> Servers | None:
    """The recorded servers of a run, running or not. None if there is no record."""
    path = run_directory / RECORD
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    for name in ("run_directory", "mail_directory"):
        record[name] = Path(record[name])
    return Servers(**record)


def are_running(servers: Servers) -> bool:
    """Whether at least one of them runs: a record can be left by a machine that was switched off."""
    return any(_is_running(program, pid) for program, pid in servers.pids.items())


def start_server(
    program: str, command: Sequence[str], run: Path, pids: dict[str, int] | None = None
) -> tuple[int, str]:
    """Starts a server in a process group of its own, and waits until its output says where it listens.

    Returns its process id and port; the process id is in `pids` as soon as there is a process. The output goes to a
    file in the run's folder. Raises ServerError with the end of that file. The server is stopped when the wait ends
    with an error, also with Ctrl-C.
    """
    started = {} if pids is None else pids
    log = run / f"{program}.log"
    try:
        with log.open("wb") as output, _signals_wait():
            process = subprocess.Popen(
                command,
                cwd=run,
                env=_environment(run),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            started[program] = process.pid
        port = _port_of(program, process, log)
    except BaseException:
        stop_processes({program: started.pop(program)} if program in started else {})
        raise
    # stop_processes ends the server by its process id. Prevents a warning of Popen about a running process.
    process.returncode = 0
    return process.pid, port


def _port_of(program: str, process: subprocess.Popen[bytes], log: Path) -> str:
    """Waits until the output says where the server listens. Raises ServerError."""
    deadline = time.monotonic() + START_SECONDS
    while not (listening := LISTENING.search(log.read_text(errors="replace"))):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            end = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
            raise ServerError(f"{program} did not start (exit status {process.returncode}). The end of its log:\n{end}")
        time.sleep(0.02)
    return listening["port"]


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """SIGINT and SIGTERM take effect at the end: between a new process and the record of its id, it would be lost."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return
    received: list[int] = []
    held = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if received:
            signal.raise_signal(received[0])


def _environment(run: Path) -> dict[str, str]:
    """A server's environment. Inherits only search paths, and its home has no AWS configuration."""
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **inherited,
        "HOME": str(run),
        "TMPDIR": str(run / "scratch"),
        "PYTHONPATH": str(LOCAL),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }


def stop_processes(pids: Mapping[str, int], seconds: float = STOP_SECONDS) -> None:
    """Ends the servers and all processes that they started, with SIGTERM, then with SIGKILL after so many seconds."""
    running = {pid for program, pid in pids.items() if _is_running(program, pid)}
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, STOP_SECONDS)):
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)
        deadline = time.monotonic() + patience
        while running and time.monotonic() < deadline:
            running = {pid for pid in running if not _has_ended(pid)}
            time.sleep(0.02)


def _is_running(program: str, pid: int) -> bool:
    """Whether the process runs that program. The system may have reused the process id for another one."""
    if sys.platform == "linux":  # `ps` may not be installed
        try:
            return program in Path(f"/proc/{pid}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has ended, perhaps just now
            return False
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
