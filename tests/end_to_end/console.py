"""Starts the console of a stack, as `make console` does."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployment import REPOSITORY
from environment import operator_environment
from servers import Servers
from tests.end_to_end.browser import Browser
from tests.waiting import SECONDS, until


@dataclass(frozen=True)
class RunningConsole:
    """Its address, with the token, and its process."""

    address: str
    process: subprocess.Popen[bytes]
    output: Path

    def url(self, path: str) -> str:
        return self.address.partition("/?")[0] + path


def enter(browser: Browser, console: RunningConsole) -> None:
    """Opens the printed address, which leads to the overview."""
    browser.open(console.address)
    until(browser.address, lambda address: address == console.url("/"), "the overview")


@contextmanager
def running_console(
    servers: Servers, stack_name: str, folder: Path, *arguments: str, **environment: str
) -> Iterator[RunningConsole]:
    """`environment` is added to what the operator's commands get for the local stack; an empty value removes one."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "console.log"
    given: Mapping[str, str] = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / part) for part in ("", "local", "layers/sp_api/python")),
        **operator_environment(servers),
        **environment,
    }
    with output.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "operations.console", stack_name, *arguments],
            cwd=REPOSITORY,
            env={name: value for name, value in given.items() if value},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        give_up = time.monotonic() + SECONDS
        while not (found := re.search(r"http://\S+", output.read_text())) or "Ctrl-C" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < give_up, output.read_text()
            time.sleep(0.05)
        yield RunningConsole(found[0], process, output)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
