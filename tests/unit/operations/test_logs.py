"""How log lines are formatted."""

import json
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import boto3
import pytest

from operations import logs
from operations.command import CommandError
from operations.logs import Line, _chosen, following, lines, period, shown
from operations.stack import Stack
from reference.endpoints import CHECKOUT
from tests.waiting import until

BEGIN = "2026-11-21 09:15:03.250  SPAPIReportCreator  "


def line(text: object) -> str:
    message = text if isinstance(text, str) else json.dumps(text)
    return shown(Line(1795252503250, "SPAPIReportCreator", "1", message), len("SPAPIReportCreator"))


def test_a_powertools_line_shows_its_message_and_fields() -> None:
    fields = {
        "level": "WARNING",
        "location": "answer:76",
        "message": "request rejected",
        "timestamp": "2026-11-21 09:15:03,250+0000",
        "service": "SPAPIReportCreator",
        "cold_start": True,
        "function_arn": "arn:aws:lambda:us-east-1:111122223333:function:creator",
        "function_request_id": "52fdfc07",
        "seller_id": "A1",
        "report_id": None,
        "fields": ["MarketplaceIds"],
        "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793",
    }
    assert line(fields) == BEGIN + (
        'WARNING  request rejected  seller_id=A1 fields=["MarketplaceIds"] request_id=52fdfc07'
    )


def test_a_stack_trace_is_indented_below() -> None:
    fields = {"level": "ERROR", "message": "failed\nbadly", "exception": "Traceback:\n  line 1\nKeyError: 'x'"}
    assert line(fields) == "\n".join(
        [BEGIN + "ERROR    failed", "    badly", "    Traceback:", "      line 1", "    KeyError: 'x'"]
    )


def test_a_state_machine_names_its_execution_and_the_error() -> None:
    fields = {
        "id": "5",
        "type": "TaskFailed",
        "details": {"error": "ReportGoneError", "cause": "gone", "resourceType": "lambda"},
        "execution_arn": "arn:aws:states:us-east-1:111122223333:execution:ReportProcessor:A1-7-DONE",
        "event_timestamp": "1795252503250",
    }
    assert line(fields) == BEGIN + (
        "ERROR    TaskFailed  execution=A1-7-DONE error=ReportGoneError cause=gone resourceType=lambda"
    )


def test_metrics_show_their_values() -> None:
    fields = {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "ReportsStored"}]}]}, "ReportsStored": [1.0]}
    assert line(fields) == BEGIN + "METRIC   ReportsStored=[1.0]"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("", ""),
        ({"level": "INFO", "message": ""}, "INFO     "),
        ({"level": "INFO", "message": {"a": [1]}}, 'INFO     {"a": [1]}'),
        ({"message": "m", "a": "", "b": {}, "c": [], "d": 0, "e": False}, "         m  d=0 e=false"),
        ({"message": "m", "a": "two\nlines"}, "         m  a=two lines"),
        ({"_aws": {}}, "METRIC   "),
    ],
)
def test_what_is_empty_is_not_shown(text: object, end: str) -> None:
    assert line(text) == BEGIN + end


@pytest.mark.parametrize("text", ["START RequestId: 52fdfc07 Version: $LATEST", "[1, 2]", "{not json"])
def test_text_that_is_not_a_json_object_is_shown_unchanged(text: str) -> None:
    assert line(f"{text}\n") == BEGIN + text


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3600), ("2d", 172800)])
def test_periods(text: str, seconds: int) -> None:
    assert period(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "1w", "-1h", "1.5h", "99999d"])
def test_an_invalid_period_is_rejected(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="such as 30m or 2d"):
        period(text)


def test_a_wrong_argument_names_the_make_variable() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "operations.logs", "quick-start", "--since", "soon"],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": ".:layers/sp_api/python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        [
            "SINCE: 'soon' is not a valid period: use a number and s, m, h or d, such as 30m or 2d",
            "Usage: make logs [STACK=<name>] [REGION=] [FUNCTION=] [SINCE=1h] [FOLLOW=1]",
        ],
    )


def test_a_signal_to_make_ends_the_command(tmp_path: Path) -> None:
    """Make's shell becomes the command, so that make ends it and not only the shell."""
    printed = subprocess.run(
        ["make", "-n", "logs", "STACK=x", "FOLLOW=1"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
    (line,) = [line for line in printed.splitlines() if "operations.logs" in line]
    assert " exec " in line
    waiting = (
        line.partition("exec ")[0]
        + f"exec {sys.executable} -c 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'"
    )
    (tmp_path / "Makefile").write_text(f"logs:\n\t@{waiting}\n")
    with subprocess.Popen(["make", "logs"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as make:
        assert make.stdout is not None
        pid = int(make.stdout.readline())
        make.terminate()
        make.wait(60)
    until(lambda: Path(f"/proc/{pid}").exists(), lambda there: not there, "the end of the command")


NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Aws:
    """CloudFormation with two log groups, and CloudWatch Logs with these events by group, one page after the other."""

    def __init__(self, **groups: list[list[tuple[int, str]]]) -> None:
        self.groups = groups
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, name: str) -> Any:
        aws = self

        class Pages:
            def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
                if name == "list_stack_resources":
                    kinds = {f"{group}LogGroup": "AWS::Logs::LogGroup" for group in aws.groups} | {"Other": "AWS::X"}
                    yield {
                        "StackResourceSummaries": [
                            {
                                "LogicalResourceId": name,
                                "ResourceType": kind,
                                "PhysicalResourceId": f"/aws/{name}",
                                "ResourceStatus": "CREATE_COMPLETE",
                            }
                            for name, kind in kinds.items()
                        ]
                    }
                    return
                aws.asked.append(request)
                group = request["logGroupName"].removeprefix("/aws/").removesuffix("LogGroup")
                for page in aws.groups[group]:
                    yield {
                        "events": [
                            {"timestamp": at, "eventId": f"{group}{at}", "message": text}
                            for at, text in page
                            if at >= request["startTime"]
                        ]
                    }

        return Pages()


GROUPS = {"A": "/aws/ALogGroup", "B": "/aws/BLogGroup"}


def test_the_groups_of_a_stack_are_named_after_their_functions() -> None:
    assert logs.log_groups(Aws(A=[], B=[]), "quick-start") == GROUPS


def test_lines_of_all_groups_are_in_the_order_of_time() -> None:
    aws = Aws(A=[[(1000, "one"), (4000, "four")], [(5000, "five")]], B=[[(2000, "two")], [], [(3000, "three")]])
    found = list(lines(aws, GROUPS, datetime.fromtimestamp(1, UTC)))
    assert [line.text for line in found] == ["one", "two", "three", "four", "five"]
    assert [request["startTime"] for request in aws.asked] == [1000, 1000]
    assert all("filterPattern" not in request for request in aws.asked)
    list(lines(aws, GROUPS, NOW, 'a"b'))
    assert aws.asked[-1]["filterPattern"] == '"a\\"b"'


def test_a_line_that_is_followed_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    aws = Aws(A=[[(now, "one")]])
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        aws.groups["A"][0].append((now + len(waited), f"line {len(waited)}"))

    monkeypatch.setattr(time, "sleep", sleep)
    found = following(aws, {"A": "/aws/ALogGroup"}, datetime.fromtimestamp(now / 1000 - 60, UTC))
    assert [line.text for line in islice(found, 3)] == ["one", "line 1", "line 2"]
    assert waited == [5.0, 5.0]


def test_a_line_that_comes_late_is_shown_for_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    aws = Aws(A=[[(now, "one")]])
    monkeypatch.setattr(time, "sleep", lambda _: aws.groups["A"][0].append((now - 29_000, "late")))
    found = following(aws, {"A": "/aws/ALogGroup"}, datetime.fromtimestamp(now / 1000 - 3600, UTC))
    assert [line.text for line in islice(found, 2)] == ["one", "late"]
    first, second = (request["startTime"] for request in aws.asked)
    assert first == now - 3_600_000
    assert now - 30_000 <= second <= now - 29_000


@pytest.mark.parametrize("kind", ["ExecutionFailed", "TaskTimedOut", "ExecutionAborted"])
def test_each_end_that_is_no_success_is_an_error(kind: str) -> None:
    arn = "arn:aws:states:us-east-1:111122223333:execution:ReportProcessor:A1-7-DONE"
    assert line({"type": kind, "execution_arn": arn}) == f"{BEGIN}ERROR    {kind}  execution=A1-7-DONE"
    assert line({"type": "TaskSucceeded", "execution_arn": arn}).startswith(f"{BEGIN}INFO     TaskSucceeded")


def test_lines_are_followed_until_somebody_interrupts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def follow(_: object, groups: dict[str, str], since: datetime) -> Iterator[Line]:
        assert groups == GROUPS
        assert 3599 < (datetime.now(UTC) - since).total_seconds() < 3660
        yield Line(1795252503250, "A", "1", "one")
        raise KeyboardInterrupt

    session = boto3.Session(region_name="eu-west-1")
    stack = Stack("quick-start", {}, {}, lambda _: Aws(A=[], B=[]), str, session)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(logs, "find_stack", lambda *_: stack)
    monkeypatch.setattr(logs, "run_command", lambda run, *_: run(session))
    monkeypatch.setattr(logs, "following", follow)
    monkeypatch.setattr(sys, "argv", ["logs", "quick-start", "--follow"])
    assert logs.main() == 0
    shown_lines = capsys.readouterr()
    assert (shown_lines.out, shown_lines.err) == ("2026-11-21 09:15:03.250  A  one\n", "")


def test_a_function_that_the_stack_lacks_is_named_with_those_that_it_has() -> None:
    assert _chosen(GROUPS, []) == GROUPS
    assert _chosen(GROUPS, ["B"]) == {"B": "/aws/BLogGroup"}
    with pytest.raises(CommandError) as unknown:
        _chosen(GROUPS, ["B", "C", "D"])
    assert str(unknown.value) == "The stack has no function or state machine C, D. Choose from:\n  A\n  B"


@pytest.mark.parametrize(
    ("arguments", "printed", "error"),
    [
        ([], ["A", "one", "B", "two"], ""),
        (["--function", "B"], ["B", "two"], ""),
        (
            ["--since", "1s"],
            [],
            "No log lines in this period. To look further back, set SINCE, such as SINCE=2d.\n",
        ),
    ],
)
def test_the_lines_of_the_last_hour_are_printed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    printed: list[str],
    error: str,
) -> None:
    half_an_hour_ago = int(datetime.now(UTC).timestamp() * 1000) - 1_800_000
    aws = Aws(
        A=[[(half_an_hour_ago - 3_600_000, "too old"), (half_an_hour_ago, "one")]], B=[[(half_an_hour_ago, "two")]]
    )
    session = boto3.Session(region_name="eu-west-1")
    stack = Stack("quick-start", {}, {}, lambda _: aws, str, session)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(logs, "find_stack", lambda *_: stack)
    monkeypatch.setattr(logs, "run_command", lambda run, *_: run(session))
    monkeypatch.setattr(sys, "argv", ["logs", "quick-start", *arguments])
    assert logs.main() == 0
    shown_lines = capsys.readouterr()
    assert [word for line in shown_lines.out.splitlines() for word in line.split()[2:]] == printed
    assert shown_lines.err == error
