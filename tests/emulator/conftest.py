"""One emulator and one mailbox for the whole folder.

EMULATOR_LEAVE_OPEN names gaps, separated by commas, that the emulator shall not close: the tests of these gaps then
fail.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from servers import LOCAL, start_server, stop_processes
from tests.emulator.support import ACCOUNT, EMULATOR_PYTHON, FUNCTION_PYTHON, Emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    run = tmp_path_factory.mktemp("emulator")
    (run / "scratch").mkdir()
    mail = run / "mail"
    pids: dict[str, int] = {}
    try:
        mailbox = [sys.executable, str(LOCAL / "smtp_mailbox.py"), "--directory", str(mail)]
        pids["smtp_mailbox"], smtp_port = start_server("smtp_mailbox", mailbox, run)
        command = [EMULATOR_PYTHON, "-m", "aws_emulator", "--scratch", str(run / "scratch"), "--smtp-port", smtp_port]
        command += ["--function-python", FUNCTION_PYTHON, "--account", ACCOUNT]
        for gap in filter(None, os.environ.get("EMULATOR_LEAVE_OPEN", "").split(",")):
            command += ["--leave-open", gap]
        pids["aws_emulator"], port = start_server("aws_emulator", command, run)
        yield Emulator(f"http://127.0.0.1:{port}", mail)
    finally:
        stop_processes(pids)
