"""The metric of the daily sweep is the one that the alarm OverdueReportsAlarm watches."""

import importlib.util
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quickstart.observability import logger
from quickstart.reports import wiring
from tests.yaml_reading import yaml_parse

CHECKOUT = Path(__file__).resolve().parents[4]


class Context:
    aws_request_id = "request-1"
    function_name = "quick-start-Reports-SPAPIReportSweep-1"


def test_the_alarm_watches_what_the_function_emits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    template = yaml_parse((CHECKOUT / "templates/reports.yaml").read_text())["Resources"]
    alarm = template["OverdueReportsAlarm"]["Properties"]
    monkeypatch.setenv(
        "POWERTOOLS_SERVICE_NAME",
        template["SPAPIReportSweep"]["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"],
    )
    sweep = SimpleNamespace(announce_lost_failures=lambda: 1, announce_overdue_reports=lambda: 3)
    monkeypatch.setattr(wiring, "report_sweep", lambda: sweep)
    spec = importlib.util.spec_from_file_location("report_sweep_app", CHECKOUT / "functions/report_sweep/app.py")
    assert spec is not None
    assert spec.loader is not None
    app: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    log = io.StringIO()
    monkeypatch.setattr(logger().registered_handler, "stream", log)
    app.handler({}, Context())

    written = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [
        (line["message"], line["lost_failures"], line["overdue_reports"], line["function_request_id"])
        for line in written
    ] == [("sweep finished", 1, 3, "request-1")]
    (emitted,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    (metrics,) = emitted["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == alarm["Namespace"]
    assert [metric["Name"] for metric in metrics["Metrics"]] == [alarm["MetricName"]]
    assert emitted[alarm["MetricName"]] == [3.0]
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
    assert sorted(metrics["Dimensions"][0]) == sorted(dimensions)
    assert (emitted["FunctionName"], dimensions["FunctionName"]) == (Context.function_name, {"Ref": "SPAPIReportSweep"})
