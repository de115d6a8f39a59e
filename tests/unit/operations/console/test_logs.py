"""The lines of all functions about one text."""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from deployment import REPOSITORY
from operations.console.pages import logs
from operations.console.reading.lines import AREAS, Found, LogLine, read_lines
from tests.unit.operations.console.support import NOW, link, make_console, readable, visitor

PAGES = (logs.PAGE,)
ROOT_TEMPLATE = REPOSITORY / "templates" / "quickstart.yaml"
MILLISECONDS = int(NOW.timestamp() * 1000)


class Aws:
    """CloudFormation with two log groups, and CloudWatch Logs with these messages in the first.

    With `nested`, these groups are in nested stacks instead.
    """

    def __init__(self, *messages: object) -> None:
        self.messages = [each if isinstance(each, str) else json.dumps(each) for each in messages]
        self.asked: list[dict[str, Any]] = []
        self.nested: Mapping[str, Sequence[str]] = {}
        # How many groups are read at the same time, now and at most.
        self.reading = self.most_reading = 0
        self.lock = threading.Lock()

    def resources(self, stack: str) -> Iterator[tuple[str, str, str]]:
        """Logical id, type and physical id."""
        if self.nested and stack not in self.nested:
            yield from ((name, "AWS::CloudFormation::Stack", name) for name in self.nested)
        for name in self.nested.get(stack, () if self.nested else ("SPAPIReportCreator", "ReportProcessor")):
            yield f"{name}LogGroup", "AWS::Logs::LogGroup", f"group-{name}"

    def count(self, change: int) -> None:
        with self.lock:
            self.reading += change
            self.most_reading = max(self.most_reading, self.reading)

    def get_paginator(self, name: str) -> Any:
        aws = self

        class Pages:
            def paginate(self, **request: Any) -> Any:
                if name == "list_stack_resources":
                    yield {
                        "StackResourceSummaries": [
                            {
                                "LogicalResourceId": logical_id,
                                "ResourceType": kind,
                                "PhysicalResourceId": physical_id,
                                "ResourceStatus": "CREATE_COMPLETE",
                            }
                            for logical_id, kind, physical_id in aws.resources(request["StackName"])
                        ]
                    }
                    return
                aws.asked.append(request)
                aws.count(1)
                time.sleep(0.01)
                aws.count(-1)
                messages = aws.messages if request["logGroupName"] == "group-SPAPIReportCreator" else []
                yield {
                    "events": [
                        {"timestamp": MILLISECONDS + number, "eventId": str(number), "message": message}
                        for number, message in enumerate(messages)
                    ]
                }

        return Pages()


def page_of(aws: Aws, path: str) -> str:
    return visitor(make_console(lambda _: aws), PAGES).get(path)


def test_nothing_is_read_without_a_text() -> None:
    aws = Aws("line")
    assert "Find lines" in page_of(aws, "/logs")
    assert aws.asked == []


def test_a_text_is_looked_for_in_every_group_as_it_is() -> None:
    aws = Aws({"level": "ERROR", "message": "request failed\nbadly", "seller_id": "A1", "exception": "Traceback"})
    page = page_of(aws, "/logs?since=3d&find=a%22b%5C")
    assert [request["filterPattern"] for request in aws.asked] == ['"a\\"b\\\\"'] * 2
    assert {request["logGroupName"] for request in aws.asked} == {"group-SPAPIReportCreator", "group-ReportProcessor"}
    assert MILLISECONDS - aws.asked[0]["startTime"] == 3 * 86_400_000
    words = readable(page)
    assert "2026-11-26 12:00:00 SPAPIReportCreator ERROR request failed seller_id=A1" in words
    assert "Traceback" in words


def test_lines_are_text_without_secrets() -> None:
    page = page_of(Aws("<script>x</script>\u202e Atzr|IwEBexample", {"message": 7}, {"_aws": {}}), "/logs?find=x")
    for hidden in ("<script", "\u202e", "IwEB"):
        assert hidden not in page
    assert "&lt;script&gt;x&lt;/script&gt;⟨U+202E⟩ ***" in page


def test_a_line_of_lambda_has_no_level() -> None:
    assert "</strong>  START RequestId: 52fdfc07</span>" in page_of(
        Aws("START RequestId: 52fdfc07\n"), "/logs?find=52fdfc07"
    )


def test_too_many_lines_are_cut() -> None:
    page = page_of(Aws(*["line"] * 700), "/logs?find=line")
    assert page.count(" line</span></li>") == 500
    assert "There are more lines" in page
    assert "There are more lines" not in page_of(Aws(*["line"] * 500), "/logs?find=line")


def test_a_few_groups_are_read_at_the_same_time() -> None:
    aws = Aws("line of the first group")
    aws.nested = {"Reports": [f"SPAPI{number}" for number in range(23)], "Solicitations": ["SPAPIReportCreator"]}
    words = readable(page_of(aws, "/logs?find=line"))
    assert sorted(request["logGroupName"] for request in aws.asked) == sorted(
        f"group-{name}" for names in aws.nested.values() for name in names
    )
    assert 2 <= aws.most_reading <= 5
    assert "line of the first group" in words


def test_five_groups_are_read_at_the_same_time() -> None:
    """As many searches as AWS allows an account in a second."""
    barrier = threading.Barrier(5)

    class Meeting(Aws):
        def count(self, change: int) -> None:
            if change > 0:
                barrier.wait(60)

    aws = Meeting("line")
    aws.nested = {"Reports": [f"SPAPI{number}" for number in range(5)]}
    assert read_lines(make_console(lambda _: aws), "x", NOW).lines == []
    assert len(aws.asked) == 5


def test_an_area_has_the_groups_of_its_stacks_alone() -> None:
    aws = Aws()
    aws.nested = {"Reports": ["SPAPIReportCreator"], "Notifications": ["Processor"], "Solicitations": ["Solicitation"]}
    page = page_of(aws, "/logs?find=x&area=reports&since=3d")
    assert {request["logGroupName"] for request in aws.asked} == {"group-SPAPIReportCreator", "group-Processor"}
    assert "No line about reports has this text" in readable(page)
    assert 'href="/logs?find=x&amp;since=3d"' in page
    assert "<option selected>reports</option>" in page


def test_each_area_is_in_the_templates() -> None:
    stacks = re.findall(r"^  (\w+):\n    Type: AWS::CloudFormation::Stack$", ROOT_TEMPLATE.read_text(), re.MULTILINE)
    assert {name for names in AREAS.values() for name in names} <= set(stacks)


def test_an_unknown_area_is_refused() -> None:
    page = readable(visitor(make_console(lambda _: Aws()), PAGES).get("/logs?find=x&area=weather", 400))
    assert (
        "Unknown area The area must be one of: reports, orders, listings, product types, sellers, client secret."
    ) in page


def test_what_is_no_period_or_too_long_is_refused() -> None:
    browser = visitor(make_console(lambda _: Aws()), PAGES)
    assert "Not a period" in readable(browser.get("/logs?find=x&since=soon", 400))
    assert "The text is too long Enter at most 256 characters." in readable(browser.get(f"/logs?find={'x' * 257}", 400))
    browser.get(f"/logs?find={'x' * 256}")
    assert "No line has this text" in browser.get("/logs?find=x&since=2h")


def test_the_usual_periods_are_offered_and_the_one_of_the_address() -> None:
    browser = visitor(make_console(lambda _: Aws()), PAGES)
    words = readable(browser.get("/logs"))
    assert "15 minutes hour 6 hours day 3 days 14 days" in words
    assert "2h" not in words
    assert "2h" in readable(browser.get("/logs?since=2h"))


def test_a_line_has_its_level_its_text_and_what_follows_it() -> None:
    aws = Aws(
        {"level": "WARNING", "message": "first\nsecond\nthird", "seller_id": "A1"},
        {"level": "TRACE", "message": "unknown level"},
        "plain ERROR line",
        "x" * 5000,
    )
    found = read_lines(make_console(lambda _: aws), "x", NOW)
    source = "SPAPIReportCreator"

    def at(milliseconds: int) -> datetime:
        return NOW + timedelta(milliseconds=milliseconds)

    assert found == Found(
        [
            LogLine(at(0), source, "WARNING", "first  seller_id=A1", "    second\n    third"),
            LogLine(at(1), source, "", "TRACE    unknown level", ""),
            LogLine(at(2), source, "", "plain ERROR line", ""),
            LogLine(at(3), source, "", "x" * 4000, "… (5,000 characters)"),
        ],
        more=False,
    )


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_each_level_is_told_apart(level: str) -> None:
    (line,) = read_lines(make_console(lambda _: Aws({"level": level, "message": "m"})), "x", NOW).lines
    assert (line.level, line.text) == (level, "m")


def test_the_log_groups_are_looked_up_every_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    now = [0.0]
    monkeypatch.setattr("operations.console.console.time", SimpleNamespace(monotonic=lambda: now[0]))

    class Counting(Aws):
        def resources(self, stack: str) -> Iterator[tuple[str, str, str]]:
            listed.append(stack)
            yield "Function", "AWS::Lambda::Function", "function"
            yield from super().resources(stack)

    aws = Counting("line")
    console = make_console(lambda _: aws)
    for _ in range(2):
        read_lines(console, "x", NOW)
    assert listed == ["quick-start"]
    assert len(aws.asked) == 4
    # An update of the stack may add some.
    now[0] += 599.9
    read_lines(console, "x", NOW)
    assert listed == ["quick-start"]
    now[0] += 0.1
    read_lines(console, "x", NOW)
    assert listed == ["quick-start"] * 2


def test_a_day_is_searched_unless_another_period_is_chosen() -> None:
    aws = Aws("line")
    page = page_of(aws, "/logs?find=%20line%20")
    assert MILLISECONDS - aws.asked[0]["startTime"] == 86_400_000
    assert aws.asked[0]["filterPattern"] == '"line"'
    assert '<option value="1d" selected>day</option>' in page
    assert "1 line with line, the oldest first." in readable(page)
    page = page_of(Aws(), "/logs?find=x&area=reports")
    assert link(page, "Look everywhere") == "/logs?find=x&since=1d"
    assert "No line has this text in this time." in readable(page_of(Aws(), "/logs?find=x"))
