"""How the console starts: its port, and what it knows of the local servers."""

import socket
import sys
from pathlib import Path

import pytest

from operations.command import CommandError
from operations.console import __main__ as command
from operations.console.__main__ import LOOPBACK, _announce, _listen, local_servers
from operations.stack import INVOKE_ENDPOINT
from tests.unit.operations.console.support import LOCAL, make_console


def test_a_port_that_is_in_use_or_does_not_exist_is_explained() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"cannot use the port {port}: .*PORT=<number>"):
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
    found = local_servers()
    assert found is not None
    assert (found.simulator_endpoint, found.mail_directory) == ("http://127.0.0.1:1", Path("mail"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"local": LOCAL}, "The console of the local stack is ready. Open"),
        ({"allows_changes": True}, "The console of the stack quick-start in eu-west-1 is ready. Open"),
        ({"allows_changes": False}, "It is read-only; with ALLOW_CHANGES=1, it has buttons."),
    ],
)
def test_it_says_what_it_shows_and_whether_it_changes_anything(
    given: dict[str, object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _announce(make_console(**given), "http://127.0.0.1:1/?token=t")
    printed = capsys.readouterr().out
    assert words in printed
    assert "Open this address:\n\n  http://127.0.0.1:1/?token=t\n" in printed
    assert "Anyone who has the address can use the console from this machine. Stop it with Ctrl-C." in printed


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
