"""How a log line is shown."""

import json
from argparse import ArgumentTypeError
from datetime import timedelta

import pytest

from operations.logs import Line, period, shown

BEGIN = "2026-11-21 09:15:03.250  SPAPIReportCreator  "


def line(text: object) -> str:
    message = text if isinstance(text, str) else json.dumps(text)
    return shown(Line(1795252503250, "SPAPIReportCreator", "1", message), len("SPAPIReportCreator"))


def test_a_line_of_powertools_shows_what_helps() -> None:
    told = {
        "level": "WARNING",
        "location": "answer:76",
        "message": "request refused",
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
    assert line(told) == BEGIN + (
        'WARNING  request refused  seller_id=A1 fields=["MarketplaceIds"] request_id=52fdfc07'
    )


def test_a_stack_trace_is_indented_below() -> None:
    told = {"level": "ERROR", "message": "failed\nbadly", "exception": "Traceback:\n  line 1\nKeyError: 'x'"}
    assert line(told) == "\n".join(
        [BEGIN + "ERROR    failed", "    badly", "    Traceback:", "      line 1", "    KeyError: 'x'"]
    )


def test_a_state_machine_names_its_execution_and_the_error() -> None:
    told = {
        "id": "5",
        "type": "TaskFailed",
        "details": {"error": "ReportGoneError", "cause": "gone", "resourceType": "lambda"},
        "execution_arn": "arn:aws:states:us-east-1:111122223333:execution:ReportProcessor:A1-7-DONE",
        "event_timestamp": "1795252503250",
    }
    assert line(told) == BEGIN + (
        "ERROR    TaskFailed  execution=A1-7-DONE error=ReportGoneError cause=gone resourceType=lambda"
    )


def test_metrics_show_their_values() -> None:
    told = {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "ReportsStored"}]}]}, "ReportsStored": [1.0]}
    assert line(told) == BEGIN + "METRIC   ReportsStored=[1.0]"


@pytest.mark.parametrize("text", ["START RequestId: 52fdfc07 Version: $LATEST", "[1, 2]", "{no json"])
def test_what_is_no_json_object_is_shown_as_it_stands(text: str) -> None:
    assert line(f"{text}\n") == BEGIN + text


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3600), ("2d", 172800)])
def test_periods(text: str, seconds: int) -> None:
    assert period(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "1w", "-1h", "1.5h", "99999d"])
def test_what_is_no_period_is_told(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="such as 30m or 2d"):
        period(text)
