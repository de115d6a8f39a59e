"""How the console starts: its port, and what it knows of the local servers."""

import io
import os
import queue
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import uvicorn

from operations.command import CommandError
from operations.console import __main__ as command
from operations.console.__main__ import LOOPBACK, _announce, _listen, local_servers
from operations.console.console import Console
from operations.stack import INVOKE_ENDPOINT
from tests.unit.operations.console.support import LOCAL, make_console


def test_a_port_that_is_in_use_or_does_not_exist_is_explained() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            CommandError, match=rf"cannot use the port {port}: .* in use .*\. Choose another: PORT=<number>$"
        ):
            _listen(port)
    with pytest.raises(CommandError, match=r"cannot use the port 70000: .*\. Choose another: PORT=<number>$"):
        _listen(70_000)


def test_it_listens_on_the_loopback_address_alone() -> None:
    with _listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_the_local_servers_are_known_only_for_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MAILBOX", "mail")
    # As after `. .local/demo/env.sh`, with the name of a stack on AWS.
    monkeypatch.delenv(INVOKE_ENDPOINT, raising=False)
    assert local_servers() is None
    monkeypatch.setenv(INVOKE_ENDPOINT, "http://127.0.0.1:2")
    monkeypatch.delenv("SIMULATOR_URL")
    assert local_servers() is None
    monkeypatch.setenv("SIMULATOR_URL", "http://127.0.0.1:1")
    found = local_servers()
    assert found is not None
    assert (found.simulator_endpoint, found.mail_directory) == ("http://127.0.0.1:1", Path("mail"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"local": LOCAL}, "The console of the local stack is ready."),
        ({"allows_changes": True}, "The console of the stack quick-start in eu-west-1 is ready."),
        (
            {"allows_changes": False},
            "The console of the stack quick-start in eu-west-1 is ready. It is read-only; with ALLOW_CHANGES=1, it has "
            "buttons.",
        ),
    ],
)
def test_it_says_what_it_shows_and_whether_it_changes_anything(
    given: dict[str, object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _announce(make_console(**given), "http://127.0.0.1:1/?token=t")
    assert capsys.readouterr().out == (
        f"{words} Open this address:\n\n  http://127.0.0.1:1/?token=t\n\n"
        "Anyone who has the address can use the console from this machine. Stop it with Ctrl-C.\n"
    )


def test_the_command_line_says_which_stack_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is that of the command."""
    started: list[tuple[str, str | None]] = []

    def run(_: object, stack: str, region: str | None) -> int:
        started.append((stack, region))
        return 7

    monkeypatch.setattr(command, "run_command", run)
    monkeypatch.setattr(sys, "argv", ["command", "quick-start", "--region", "eu-west-1", "--port", "8000"])
    assert command.main() == 7
    assert started == [("quick-start", "eu-west-1")]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, as in a terminal. A process in the background may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> "queue.Queue[tuple[Console, str]]":
    """The command's arguments, and what it will announce."""
    announced: queue.Queue[tuple[Console, str]] = queue.Queue()
    monkeypatch.setattr(command, "find_stack", lambda name, session: make_console().stack)  # noqa: ARG005
    monkeypatch.setattr(command, "_announce", lambda *what: announced.put(what))
    monkeypatch.setattr(command, "_warm_up", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["command", "quick-start", "--region", "eu-west-1", *arguments])
    monkeypatch.delenv(INVOKE_ENDPOINT, raising=False)
    return announced


@pytest.mark.usefixtures("interruptible")
def test_it_answers_once_it_has_said_so_until_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    announced = started(monkeypatch)
    answers: list[requests.Response] = []

    def visit() -> None:
        _, address = announced.get()
        try:
            answers.append(requests.get(address, timeout=60))
            answers.append(requests.get(address.partition("?")[0], timeout=60))
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    browser = threading.Thread(target=visit, daemon=True)
    browser.start()
    assert command.main() == 0
    browser.join()
    assert [answer.status_code for answer in answers] == [200, 401]
    assert not any("server" in answer.headers for answer in answers)
    assert capsys.readouterr() == ("\n", "")


@pytest.mark.parametrize(
    ("arguments", "local", "changes"), [((), False, False), (("--allow-changes",), False, True), ((), True, True)]
)
def test_it_changes_a_stack_on_aws_only_if_told_so(
    arguments: tuple[str, ...], local: bool, changes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced = started(monkeypatch, *arguments)
    if local:
        for name in (INVOKE_ENDPOINT, "SIMULATOR_URL", "MAILBOX"):
            monkeypatch.setenv(name, "x")
    configured: list[uvicorn.Config] = []

    def run(self: command._Server, **_: object) -> None:
        configured.append(self.config)
        self._ready()

    monkeypatch.setattr(command._Server, "run", run)
    assert command.main() == 0
    # Ctrl-C does not wait for a browser that keeps its connection.
    assert [config.timeout_graceful_shutdown for config in configured] == [1]
    console, address = announced.get_nowait()
    assert (console.allows_changes, console.local is not None) == (changes, local)
    port, _, token = address.removeprefix("http://127.0.0.1:").partition("/?token=")
    assert int(port) > 0
    assert len(token) >= 43


def test_what_would_make_the_first_page_slow_is_done_before(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(command, "quantities_at_rest", lambda: made.append("quantities"))
    command._warm_up(make_console(lambda service: made.append(service)))
    assert made[-1] == "quantities"
    assert sorted(made[:-1]) == [
        "cloudformation", "cloudwatch", "dynamodb", "logs", "secretsmanager", "sqs", "stepfunctions",
    ]  # fmt: skip


def test_the_help_names_each_option(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["command", "--help"])
    with pytest.raises(SystemExit):
        command.main()
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "Serves the web console of a stack to this machine",
        "stack name of the root stack",
        "--region REGION the stack's region (default: the region of your AWS configuration)",
        "--port PORT port on 127.0.0.1 (default: a free one)",
        "--allow-changes show the buttons that change a stack on AWS",
    ):
        assert words in shown


def test_what_it_says_is_seen_at_once_where_its_output_is_read_by_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Output(io.StringIO):
        def flush(self) -> None:
            seen.append(self.getvalue())

    monkeypatch.setattr(sys, "stdout", Output())
    _announce(make_console(), "http://127.0.0.1:1/?token=t")
    first, second = seen
    assert first.endswith("/?token=t\n\n")
    assert second.endswith("Stop it with Ctrl-C.\n")


def test_the_program_ends_with_the_exit_code_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.command.run_command", lambda *_: 7)
    monkeypatch.setattr(sys, "argv", ["command", "quick-start"])
    monkeypatch.delitem(sys.modules, "operations.console.__main__")
    with pytest.raises(SystemExit) as raised:
        runpy.run_module("operations.console", run_name="__main__")
    assert raised.value.code == 7
