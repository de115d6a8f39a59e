"""The confirmation, and the steps around it."""

import argparse
import io
import re

import pytest

from operations.command import CommandError
from operations.destroy import __main__ as command
from operations.destroy.__main__ import run, unconfirmed
from operations.destroy.remains import Remains
from operations.destroy.survey import Plan
from operations.destroy.target import Target
from tests.unit.operations.destroy.support import target


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("quick-start\n", ""),
        ("  quick-start \n", ""),
        ("quick-star\n", "That is not quick-start."),
        ("", "\nThere is no terminal to confirm at: add ARGS=--yes to skip the confirmation."),
    ],
)
def test_only_the_stack_s_name_confirms(monkeypatch: pytest.MonkeyPatch, typed: str, reason: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert unconfirmed("quick-start") == reason


def test_an_interruption_does_not_confirm(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupt)
    assert unconfirmed("quick-start") == "\nInterrupted."


STACK, GONE = target(), target(stack_id="", status="")
DATA = Plan(account="1", remains=Remains(("reports",), (), (), ()))
NOTHING = Plan(account="1")
CHANGED_NOTHING = "That is not quick-start. Nothing was changed.\n"


@pytest.mark.parametrize(
    ("found", "plan", "options", "typed", "left", "code", "destroyed", "printed", "error"),
    [
        (STACK, DATA, {}, "quick-start", [], 0, True, r"\n\d{4}-\d\d-\d\d \d\d:\d\d UTC\n", ""),
        (STACK, DATA, {}, "other", [], 1, False, "Type the stack's name to confirm: ", CHANGED_NOTHING),
        (STACK, DATA, {"yes": True}, "", [], 0, True, "UTC", ""),
        (
            STACK,
            DATA,
            {"yes": True},
            "",
            ["bucket reports: denied"],
            1,
            True,
            r"\nNot deleted:\n  bucket reports: denied\nRun the same command to retry\. For other ways, see "
            r"docs/clean-up\.md\.\n$",
            "",
        ),
        (GONE, DATA, {"yes": True}, "", [], 0, True, "UTC", ""),
        (GONE, DATA, {"keep_data": True}, "", [], 0, False, r"\nThere is nothing left to delete\.\n", ""),
        (GONE, NOTHING, {}, "", [], 0, False, r"\nThere is nothing left to delete\.\n", ""),
    ],
    ids=["confirmed", "not confirmed", "without a question", "not all", "only data", "data is kept", "nothing"],
)
def test_nothing_is_deleted_before_somebody_has_confirmed_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: Target,
    plan: Plan,
    options: dict[str, bool],
    typed: str,
    left: list[str],
    code: int,
    destroyed: bool,
    printed: str,
    error: str,
) -> None:
    done: list[bool] = []

    def destroy(_: Target, __: Plan, *, keep_data: bool, show: object) -> list[str]:
        assert callable(show)
        done.append(keep_data)
        return left

    monkeypatch.setattr(command, "find_target", lambda *_: found)
    monkeypatch.setattr(command, "rules_on_bus", lambda _: {})
    monkeypatch.setattr(command, "survey", lambda *_, **__: plan)
    monkeypatch.setattr(command, "destroy", destroy)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
    given = {"stack": "quick-start", "keep_data": False, "keep_schedules": False, "yes": False, **options}
    assert run(found.stack.session, argparse.Namespace(**given)) == code
    shown = capsys.readouterr()
    assert re.search(printed, shown.out)
    assert shown.err == error
    assert bool(done) == destroyed


def test_a_stack_that_cannot_be_deleted_now_is_not_looked_at_any_further(monkeypatch: pytest.MonkeyPatch) -> None:
    changing = target(status="UPDATE_IN_PROGRESS")
    monkeypatch.setattr(command, "find_target", lambda *_: changing)
    with pytest.raises(CommandError, match="The stack is UPDATE_IN_PROGRESS"):
        run(changing.stack.session, argparse.Namespace(stack="quick-start"))
    monkeypatch.setattr(command, "find_target", lambda *_: STACK)
    monkeypatch.setattr(command, "rules_on_bus", lambda _: {"own": []})
    with pytest.raises(CommandError, match="Your product has rules on the stack's event bus"):
        run(STACK.stack.session, argparse.Namespace(stack="quick-start"))
