"""Starts the processes of Python functions, as copies of an interpreter that has imported AWS's SDK."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

SCRIPT = Path(__file__).with_name("prepared_interpreter.py")
# Different sets of layers. An update of a stack makes new ones.
MOST_INTERPRETERS = 8


def can_copy() -> bool:
    """Whether the system has what this needs: Linux has."""
    return hasattr(os, "pidfd_open")


class FunctionProcess:
    """What ministack uses of subprocess.Popen, for a process that is not a child of this one."""

    def __init__(self, pidfd: int, streams: Sequence[int]) -> None:
        self._pidfd = pidfd
        self._ending = threading.Lock()
        self.returncode: int | None = None
        self.stdin = open(streams[0], "w", buffering=1, encoding="utf-8")  # noqa: SIM115, PTH123
        self.stdout = open(streams[1], encoding="utf-8")  # noqa: SIM115, PTH123
        self.stderr = open(streams[2], encoding="utf-8")  # noqa: SIM115, PTH123

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("a function", timeout or 0)
        return status

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def __del__(self) -> None:
        if self.returncode is None:
            os.close(self._pidfd)

    def _send(self, number: signal.Signals) -> None:
        with self._ending:
            if self.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, number)

    def _ended(self, seconds: float | None) -> int | None:
        """0 if the process has ended, with whatever status: only its parent can read it. None if it runs."""
        with self._ending:
            if self.returncode is None:
                poll = select.poll()
                poll.register(self._pidfd, select.POLLIN)
                if poll.poll(None if seconds is None else round(seconds * 1000)):
                    os.close(self._pidfd)
                    self.returncode = 0
            return self.returncode


class PreparedInterpreters:
    """One for each set of layers. Each ends with this process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._using = threading.Lock()
        self._connections: OrderedDict[tuple[str, ...], socket.socket] = OrderedDict()

    def start(
        self, command: Sequence[str], directory: str, environment: Mapping[str, str], layers: Sequence[str]
    ) -> FunctionProcess:
        """Starts the command, an interpreter and a script, in the directory with these environment variables."""
        interpreter, script = command
        request = json.dumps({"script": script, "directory": directory, "environment": environment}).encode()
        inner, outer = zip(*_pipes(), strict=True)
        try:
            with self._using:
                try:
                    pidfd = self._ask((interpreter, *layers), request, inner)
                except OSError:  # the interpreter was ended
                    self._connections.pop((interpreter, *layers)).close()
                    pidfd = self._ask((interpreter, *layers), request, inner)
        except BaseException:
            for descriptor in outer:
                os.close(descriptor)
            raise
        finally:
            for descriptor in inner:
                os.close(descriptor)
        return FunctionProcess(pidfd, outer)

    def _ask(self, command: tuple[str, ...], request: bytes, streams: Sequence[int]) -> int:
        if command not in self._connections:
            self._connections[command] = self._prepared(command)
            if len(self._connections) > MOST_INTERPRETERS:
                self._connections.popitem(last=False)[1].close()
        connection = self._connections[command]
        socket.send_fds(connection, [request], list(streams))
        _, found, _, _ = socket.recv_fds(connection, 16, 1)
        if not found:
            raise ConnectionResetError("the interpreter has ended")
        return found[0]

    def _prepared(self, command: tuple[str, ...]) -> socket.socket:
        interpreter, *layers = command
        connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            subprocess.Popen(
                [interpreter, str(SCRIPT), *layers],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=dict(self._environment),
            )
        return connection


def _pipes() -> list[tuple[int, int]]:
    """The standard streams: the end of the new process and the one of this process."""
    read, write = os.pipe()
    return [(read, write), os.pipe()[::-1], os.pipe()[::-1]]
