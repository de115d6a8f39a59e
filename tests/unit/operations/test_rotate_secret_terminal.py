"""A client secret that is typed in a terminal."""

import os
import pty
import subprocess
import sys
import time

from deployment import REPOSITORY

PROGRAM = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # as a shell does for what it starts in a terminal
from operations.rotate_secret import read_secret
print("read", len(read_secret(None)), "characters", flush=True)
"""
SECRET = "amzn1.oa2-cs.v1.typed-in-a-terminal"


def test_the_terminal_asks_for_the_secret_and_does_not_show_it() -> None:
    terminal, side = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": ".:layers/sp_api/python"},
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    ) as process:
        os.close(side)
        shown = read_until(terminal, "New client secret (not shown): ")
        os.write(terminal, f"{SECRET}\n".encode())
        shown += read_until(terminal, "characters")
        assert process.wait(20) == 0, shown
    os.close(terminal)
    assert f"read {len(SECRET)} characters" in shown
    assert SECRET not in shown


def read_until(terminal: int, words: str) -> str:
    shown, give_up = "", time.monotonic() + 20
    while words not in shown and time.monotonic() < give_up:
        shown += os.read(terminal, 4096).decode()
    return shown
