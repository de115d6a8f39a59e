"""The confirmation, and the steps around it."""

import argparse
import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from operations.command import CommandError
from operations.destroy import __main__ as command
from operations.destroy.__main__ import run, unconfirmed
from operations.destroy.arrangements import Subscription
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
STRANDED = replace(GONE, stranded=("arn:aws:cloudformation:us-east-1:111122223333:stack/nested/2",))
DATA = Plan(account="1", remains=Remains(("reports",), (), (), ()))
TABLE = Plan(account="1", remains=Remains((), ("sellers",), (), ()))
SUBSCRIBED = Plan(account="1", subscriptions=[Subscription("A1", "NA", "ORDER_CHANGE", "s-1", "d-1", "item")])
NOTHING = Plan(account="1", code="s3://bucket/")
NOTHING_LEFT = (
    r"^The stack quick-start in us-east-1, account 1 is already deleted\. It left these resources behind:\n\n"
    r"There is nothing left to delete\.\n\nThe published templates and code are kept, .*\n  aws s3 rm "
    r"--recursive s3://bucket/ --region us-east-1\n$"
)
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
        (GONE, NOTHING, {}, "", [], 0, False, NOTHING_LEFT, ""),
        (STACK, NOTHING, {"yes": True}, "", [], 0, True, "s3://bucket/", ""),
        (GONE, TABLE, {"yes": True}, "", [], 0, True, "UTC", ""),
        (GONE, SUBSCRIBED, {"yes": True}, "", [], 0, True, "UTC", ""),
        (STRANDED, NOTHING, {"yes": True}, "", [], 0, True, "UTC", ""),
        (STACK, DATA, {"yes": True, "keep_data": True}, "", [], 0, True, "The data is kept, as requested", ""),
        (STACK, DATA, {"yes": True, "keep_schedules": True}, "", [], 0, True, "UTC", ""),
    ],
    ids=[
        "confirmed",
        "not confirmed",
        "without a question",
        "not all",
        "only data",
        "data is kept",
        "nothing",
        "only a stack",
        "only a table",
        "only a subscription",
        "only a nested stack",
        "without the data",
        "without the schedules",
    ],
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
    looked_up: list[bool] = []

    def survey(_: Target, *, with_schedules: bool, show: Callable[[str], None]) -> Plan:
        assert callable(show)
        looked_up.append(with_schedules)
        return plan

    def destroy(_: Target, __: Plan, *, keep_data: bool, show: object) -> list[str]:
        assert callable(show)
        done.append(keep_data)
        return left

    monkeypatch.setattr(command, "find_target", lambda *_: found)
    monkeypatch.setattr(command, "rules_on_bus", lambda _: {})
    monkeypatch.setattr(command, "survey", survey)
    monkeypatch.setattr(command, "destroy", destroy)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
    given = {"stack": "quick-start", "keep_data": False, "keep_schedules": False, "yes": False, **options}
    assert run(found.stack.session, argparse.Namespace(**given)) == code
    shown = capsys.readouterr()
    assert re.search(printed, shown.out)
    assert shown.err == error
    assert done == [given["keep_data"]] * destroyed
    assert looked_up == [not given["keep_schedules"]]
    assert shown.out.startswith(("Stack quick-start in us-east-1", "The stack quick-start in us-east-1"))


class Screen(io.StringIO):
    """What has been flushed."""

    flushed = ""

    def flush(self) -> None:
        self.flushed = self.getvalue()


def test_each_line_is_shown_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    command._show("a line")
    assert screen.flushed == "a line\n"


def test_the_question_asks_for_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return "quick-start"

    monkeypatch.setattr("builtins.input", typed)
    assert unconfirmed("quick-start") == ""
    assert asked == ["\nType the stack's name to confirm: "]


def test_the_command_line_says_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []

    def noted(_: object, options: argparse.Namespace) -> int:
        given.append(vars(options))
        return 0

    monkeypatch.setattr(command, "run", noted)
    monkeypatch.setattr(command, "run_command", lambda work, *_: work(None))
    for arguments in ([], ["--keep-data", "--keep-schedules", "--yes"]):
        monkeypatch.setattr("sys.argv", ["destroy", "quick-start", *arguments])
        assert command.main() == 0
    names = ("keep_data", "keep_schedules", "yes")
    assert [[options[name] for name in names] for options in given] == [[False] * 3, [True] * 3]


def test_a_stack_that_cannot_be_deleted_now_is_not_looked_at_any_further(monkeypatch: pytest.MonkeyPatch) -> None:
    changing = target(status="UPDATE_IN_PROGRESS")
    monkeypatch.setattr(command, "find_target", lambda *_: changing)
    with pytest.raises(CommandError, match="The stack is UPDATE_IN_PROGRESS"):
        run(changing.stack.session, argparse.Namespace(stack="quick-start"))
    monkeypatch.setattr(command, "find_target", lambda *_: STACK)
    monkeypatch.setattr(command, "rules_on_bus", lambda _: {"own": []})
    with pytest.raises(CommandError, match="Your product has rules on the stack's event bus"):
        run(STACK.stack.session, argparse.Namespace(stack="quick-start"))
