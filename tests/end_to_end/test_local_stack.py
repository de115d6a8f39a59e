"""docs/develop.md, as somebody follows it who develops a product against the local stack."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtp_mailbox import read_messages
from tests.documents.guide import Terminal, clone, environment
from tests.documents.reading import CHECKOUT, Block, blocks
from tests.waiting import SECONDS, until


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("develop")
    checkout = clone(folder / "clone")
    opened = Terminal(checkout, environment(folder))
    yield opened
    run(opened, "make down")


def run(terminal: Terminal, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=terminal.checkout,
        env=terminal.environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def chapter(title: str) -> list[Block]:
    """The commands below a heading of docs/develop.md."""
    return [block for block in blocks(CHECKOUT / "docs" / "develop.md", "sh") if block.section == title]


def test_a_product_is_developed_against_the_local_stack(terminal: Terminal) -> None:
    demo, *others = chapter("Start the stack")
    assert re.search(r"[\d,]+ bytes of gzip, the same as SP-API served", terminal.run(demo))
    for block in others:
        terminal.run(block)
    started = terminal.environment
    assert Path(started["MAILBOX"]).is_dir()
    assert oct((terminal.checkout / ".local/demo/env.sh").stat().st_mode & 0o777) == "0o600"

    *calls, look = chapter("Call the API")
    reports = [re.findall(r'"reportId": ?"(\d+)"', terminal.run(block)) for block in calls]
    assert [len(found) for found in reports] == [1, 1, 1, 1]
    for (report_id,) in reports:
        _wait_for_mail(started["MAILBOX"], rf"is ready: report {report_id}\b")
    subjects = [line for line in terminal.run(look).splitlines() if line.startswith("Subject: ")]
    assert sum("is ready" in line for line in subjects) == 5, "the demo's own report, and one for each example"

    own_python, own_node, listing, downloading, leaving = chapter("Write your own program")
    saved = terminal.checkout / "report.tsv"
    for block in (own_python, own_node, downloading):
        printed = terminal.run(block)
        if block is not downloading:
            assert re.search(r"^refused: 404 ReportUnknown .+", printed, re.MULTILINE), printed
        assert saved.read_text().startswith("item-name\t"), f"{block}: not decompressed"
        saved.unlink()
    assert len(re.findall(r'"reportId"', terminal.run(listing))) == 7
    left, stored, subscribed = terminal.run(leaving).splitlines()
    assert '"reportsDeleted": 7' in left
    assert "SUCCESS" in stored
    assert "subscriptionId" in subscribed

    (europe,) = chapter("Publish listings in Europe")
    assert "subscriptionId" in terminal.run(europe)

    order, log = chapter("Send notifications by hand")
    assert "Sent ORDER_CHANGE to OrdersQueue" in terminal.run(order)
    until(lambda: terminal.run(log), lambda printed: "SubmitSolicitation" in printed, "the review's log line")
    broken = run(terminal, "make notify <<< nonsense")
    assert (broken.returncode, broken.stderr.splitlines()[0][:46]) == (
        2,
        "Nothing was sent: the message is not valid JSO",
    )

    fatal, without_quotas, throttled, remove_faults, expired, revoked, authorized, strict = chapter("Cause failures")
    for block in (own_python, own_node):
        terminal.run(fatal)
        ended = run(terminal, block.text)
        assert ended.returncode == 1
        assert "no report: FATAL, DELIVERED. The e-mail says why" in ended.stderr
    _wait_for_mail(started["MAILBOX"], r"failed: report \d+")
    assert json.loads(terminal.run(without_quotas))["scale"] == 0
    terminal.run(throttled)
    assert "HTTP 429" in run(terminal, calls[0].text).stderr
    for block in (remove_faults, expired):
        terminal.run(block)
    assert "reportId" in terminal.run(calls[0]), "a new access token is used"
    terminal.run(revoked)
    assert "HTTP 409" in run(terminal, calls[0].text).stderr
    send, _, store, _ = leaving.text.splitlines()
    assert "HTTP 400" in run(terminal, f"{send}\n{store}").stderr, "the token of env.sh no longer works"
    assert "SUCCESS" in terminal.run(authorized)
    assert "reportId" in terminal.run(calls[0]), "the new refresh token is used"
    terminal.run(strict)
    assert "HTTP 400" in run(terminal, calls[0].text.replace("LISTINGS_DATA", "LISTING_DATA")).stderr

    outputs, logs = terminal.run(chapter("Operate the local stack")[0]).split("\n", 1)
    assert outputs.startswith("AlarmTopicArn")
    assert "request answered" in logs or "SPAPIReportCreator" in logs


def test_the_commands_of_an_operator_use_the_local_stack(terminal: Terminal) -> None:
    outputs = run(terminal, "make outputs ARGS=--json").stdout
    assert "127.0.0.1" in outputs
    assert "execute-api.us-east-1" not in outputs, "an address that does not answer here"
    doctor = run(terminal, "make doctor")
    assert "POST /reports" in doctor.stdout
    # The reader of the pipe ends after the first line.
    closed = run(terminal, "set -o pipefail; make doctor | head -1")
    assert "Traceback" not in closed.stderr, closed.stderr
    # As the e-mails of the local stack name it.
    named = run(terminal, "make outputs STACK=local-quick-start REGION=us-east-1 ARGS=--json")
    assert named.stdout == outputs
    nothing = run(terminal, "make redrive-queue")
    assert nothing.returncode == 0, nothing


def test_a_server_that_is_restarted_keeps_its_state(terminal: Terminal) -> None:
    (restart,) = chapter("Restart a server")
    own_python, _, listing, *_ = chapter("Write your own program")
    before = terminal.run(listing)
    assert terminal.run(restart) == "Restarted: emulator\n"
    assert terminal.run(listing) == before
    everything = run(terminal, "make restart")
    assert everything.stdout.split() == ["Restarted:", "mailbox", "Restarted:", "emulator", "Restarted:", "simulator"]
    # A whole report: functions, queues, state machines, the simulator and the mailbox go on.
    assert "saved: report.tsv" in terminal.run(own_python)
    assert len(re.findall(r'"reportId"', terminal.run(listing))) == len(re.findall(r'"reportId"', before)) + 1


def test_a_stack_that_runs_is_not_replaced_or_deleted(terminal: Terminal) -> None:
    again = run(terminal, "make demo")
    assert (again.returncode, again.stdout) == (2, "")
    assert "already runs in this checkout" in again.stderr.splitlines()[0]
    cleaned = run(terminal, "make clean")
    assert (cleaned.returncode, cleaned.stdout) == (2, "A local stack is running. Stop it first: make down\n")
    other = run(terminal, "rm .local/python-3.*; make demo-environment")
    assert "with another Python version" in other.stdout
    run(terminal, f"touch -d @0 .local/python-{sys.version_info.major}.{sys.version_info.minor}")


def test_the_stack_is_stopped(terminal: Terminal) -> None:
    (block,) = chapter("Stop the stack")
    received = run(terminal, "make mail").stdout
    assert "is ready: report" in received
    assert terminal.run(block) == "Stopped.\n"
    kept = run(terminal, "make mail")
    assert (kept.returncode, kept.stdout) == (0, received)
    assert kept.stderr.startswith("The local stack is stopped.")
    assert run(terminal, "make down").stdout == "Nothing is running.\n"
    unnamed = run(terminal, "make outputs")
    assert unnamed.returncode == 2
    assert "make up" in unnamed.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_demo_leaves_nothing_running(terminal: Terminal, number: signal.Signals) -> None:
    printed = run(terminal, "make -n demo").stdout.replace("\\\n", " ")
    (command,) = [line for line in printed.splitlines() if "local/demo.py" in line]
    with subprocess.Popen(
        ["bash", "-c", f"exec env {command}"],
        cwd=terminal.checkout,
        env=terminal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        begun = ""
        while (found := re.search(r"AWS http://127\.0\.0\.1:(\d+)\s", begun)) is None:
            begun += demo.stdout.read(1)
        second = run(terminal, "make demo")
        demo.send_signal(number)
        assert demo.wait(SECONDS) == 130
        assert demo.stderr.read() == "\nStopped.\n"
    assert (second.returncode, second.stderr.splitlines()[0]) == (
        2,
        "make demo already runs in this checkout. Wait until it ends, or stop it.",
    )
    assert not (terminal.checkout / ".local/demo/servers.json").exists()
    assert run(terminal, f"curl --silent http://127.0.0.1:{found[1]}/").returncode == 7, "nothing listens there"


def _wait_for_mail(folder: str, subject: str) -> None:
    give_up = time.monotonic() + SECONDS
    while time.monotonic() < give_up:
        if any(re.search(subject, mail.subject) for mail in read_messages(Path(folder))):
            return
        time.sleep(0.2)
    raise AssertionError(f"no e-mail with the subject {subject} in {folder}")
