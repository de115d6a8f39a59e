"""What the command line of make publish-listings accepts."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from operations.publish_listings import __main__ as command
from operations.publish_listings.columns import Headings
from operations.publish_listings.messages import Choices
from operations.publish_listings.progress import Progress
from operations.publish_listings.run import Options
from operations.publish_listings.values import DateOrder, DecimalSign


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--file", "f"], None),
        (["--file", "f", "--check"], None),
        (["--file", "f", "--preview"], None),
        (["--file", "f", "--check", "--preview"], "choose one of CHECK=1 and PREVIEW=1"),
        (["--file", ""], "name the file: make publish-listings FILE=products.xlsx MARKETPLACE=FR"),
        ([], "--file"),
    ],
)
def test_which_options_go_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: list[str], message: str | None
) -> None:
    started: list[tuple[str, str | None]] = []

    def run(_: object, stack: str, region: str | None) -> int:
        started.append((stack, region))
        return 7

    monkeypatch.setattr(command, "run_command", run)
    monkeypatch.setattr(sys, "argv", ["command", "quick-start", *given])
    if message is None:
        assert command.main() == 7
        assert started == [("quick-start", None)]
        return
    with pytest.raises(SystemExit):
        command.main()
    assert message in capsys.readouterr().err
    assert started == []


@pytest.mark.parametrize(
    "given",
    [
        ["--region-code", "XX"],
        ["--requirements", "ALL"],
        ["--decimal", "dot"],
        ["--dates", "year-first"],
        ["--unknown", "x"],
    ],
)
def test_what_no_option_can_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    monkeypatch.setattr(command, "run_command", lambda *_: 0)
    monkeypatch.setattr(sys, "argv", ["command", "quick-start", "--file", "f", *given])
    with pytest.raises(SystemExit) as refused:
        command.main()
    assert refused.value.code == 2
    assert given[0] in capsys.readouterr().err


def test_the_help_says_what_it_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["command", "--help"])
    with pytest.raises(SystemExit):
        command.main()
    assert "Checks each row against Amazon's schema, sends the rows that" in " ".join(capsys.readouterr().out.split())


def test_the_region_of_the_stack_and_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session(region_name="eu-west-1")
    seen: list[Any] = []

    class Run:
        def __init__(self, *given: Any) -> None:
            seen.append(type(given[3]))

        def run(self) -> int:
            return 0

    def start(run: Callable[[boto3.Session], int], stack: str, region: str | None) -> int:
        seen.append((stack, region))
        return run(session)

    monkeypatch.setattr(command, "find_stack", lambda *given: seen.append(given))
    monkeypatch.setattr(command, "find_target", lambda *_: None)
    monkeypatch.setattr(command, "Run", Run)
    monkeypatch.setattr(command, "run_command", start)
    monkeypatch.setattr(sys, "argv", ["command", "quick-start", "--region", "eu-west-1", "--file", "f"])
    assert command.main() == 0
    assert seen == [("quick-start", "eu-west-1"), ("quick-start", session), Progress]


EVERYTHING = [
    *("--file", "p.csv", "--marketplace", "FR", "--seller", "A1", "--vendor-code", "V", "--region-code", "EU"),
    *("--product-type", "LUGGAGE", "--requirements", "LISTING_OFFER_ONLY", "--headings", "Nr=sku", "--sheet", "One"),
    *("--encoding", "cp1250", "--decimal", "comma", "--dates", "day-first", "--preview", "--skip-bad", "--all"),
]


@pytest.mark.parametrize(
    ("arguments", "target", "options"),
    [
        (
            ["--file", "p.csv"],
            ("", "", "", ""),
            Options(Path("p.csv"), Headings(), Choices("", "LISTING", None, None)),
        ),
        (
            ["--file", "p.csv", "--check"],
            ("", "", "", ""),
            Options(Path("p.csv"), Headings(), Choices("", "LISTING", None, None), check=True),
        ),
        (
            ["--file", "p.csv", "--all"],
            ("", "", "", ""),
            Options(Path("p.csv"), Headings(), Choices("", "LISTING", None, None), everything=True),
        ),
        (
            EVERYTHING,
            ("A1", "FR", "EU", "V"),
            Options(
                Path("p.csv"),
                Headings.read("Nr=sku"),
                Choices("LUGGAGE", "LISTING_OFFER_ONLY", DecimalSign.COMMA, DateOrder.DAY),
                sheet="One",
                encoding="cp1250",
                preview=True,
                skip_bad=True,
                everything=True,
            ),
        ),
    ],
    ids=["defaults", "check", "all rows", "everything"],
)
def test_what_the_options_become(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], target: tuple[str, ...], options: Options
) -> None:
    session = boto3.Session(region_name="eu-west-1")
    seen: list[Any] = []

    class Run:
        def __init__(self, *given: object) -> None:
            seen.append(given[:3])

        def run(self) -> int:
            return 5

    monkeypatch.setattr(command, "find_stack", lambda name, _: f"stack {name}")
    monkeypatch.setattr(command, "find_target", lambda stack, *given: (stack, given))
    monkeypatch.setattr(command, "Run", Run)
    monkeypatch.setattr(command, "run_command", lambda run, *_: run(session))
    monkeypatch.setattr(sys, "argv", ["command", "quick-start", *arguments])
    assert command.main() == 5
    assert seen == [("stack quick-start", ("stack quick-start", target), options)]
