"""The program behind docs/costs.md: its counts, its prices, and that the page shows what it prints."""

import dataclasses
import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from costs import counts, prices, usage
from costs.__main__ import DOCUMENT, TEMPLATES, main, with_tables
from costs.counting import BILLED, FREE, CountingError, item_bytes
from costs.counts import LARGE_REPORT, ORDER, SMALL_REPORT
from costs.table import tables
from costs.usage import Assumptions, at_rest, of_flow

COUNTED = counts.load()
PRICES = prices.load().prices


def test_the_page_shows_what_is_printed() -> None:
    printed = tables(COUNTED, at_rest(TEMPLATES, COUNTED), prices.load(), Assumptions())
    document = DOCUMENT.read_text()
    assert with_tables(document, printed) == document, "run: make costs ARGS='--counts --write'"


def test_the_page_tells_each_assumption() -> None:
    told = DOCUMENT.read_text()
    for field in dataclasses.fields(Assumptions):
        assert f"`--{field.name.replace('_', '-')}`" in told


@pytest.mark.parametrize("dimension", PRICES)
def test_a_price_says_where_and_when_it_was_read(dimension: str) -> None:
    price = PRICES[dimension]
    assert price.usd > 0
    assert price.units > 0
    assert price.aws_page.startswith("https://aws.amazon.com/")
    assert price.source.startswith("https://")
    assert re.fullmatch(r"undated|20\d\d-\d\d-\d\d", price.as_of)


def test_what_is_billed_has_a_price_and_nothing_else_has() -> None:
    billed = {dimension for count in COUNTED.values() for dimension in of_flow(count, Assumptions())}
    assert billed | set(at_rest(TEMPLATES, COUNTED)) == set(PRICES)


def test_the_dashboard_is_one_of_the_free_ones() -> None:
    """AWS has three free that show fifty metrics at most."""
    drawn = re.findall(r'^ *\["AWS/', (TEMPLATES / "monitoring.yaml").read_text(), re.MULTILINE)
    assert 40 < len(drawn) <= 50
    assert prices.load().prices["dashboard"].free_each_month == 3


@pytest.mark.parametrize("flow", [SMALL_REPORT, LARGE_REPORT, ORDER])
def test_the_counts_are_of_the_functions_that_there_are(flow: str) -> None:
    for name, function in COUNTED[flow].functions.items():
        assert _memory_sizes()[name] == function.memory_megabytes, "run: make costs ARGS=--write"
        assert function.invocations >= 1


def test_every_service_that_functions_may_call_is_billed_or_known_as_free() -> None:
    policies = "".join(template.read_text() for template in TEMPLATES.glob("*.yaml"))
    allowed = set(re.findall(r"(?:- |Action: )([a-z0-9]+):[A-Z]\w+", policies))
    # Functions are invoked by state machines; their logs are counted; iam is PassRole.
    assert allowed - {"lambda", "logs", "iam"} <= {*BILLED, *FREE}


def test_a_large_report_costs_more_for_its_bytes_alone() -> None:
    small, large = (of_flow(COUNTED[flow], Assumptions()) for flow in (SMALL_REPORT, LARGE_REPORT))
    differing = {dimension for dimension in small if small[dimension] != large[dimension]}
    assert differing <= {
        "function-gigabyte-second",
        "bucket-write",
        "bucket-gigabyte",
        "gigabyte-out",
        "log-gigabyte",
        "table-gigabyte",
        "table-backup-gigabyte",
    }
    # Parts of 8 MiB, begin and end, and the tag.
    assert large["bucket-write"] == -(-50_000_000 // (8 * 1024 * 1024)) + 3
    assert large["gigabyte-out"] == pytest.approx(50_000_000 / 1024**3)


def test_time_is_reckoned_from_calls() -> None:
    still = Assumptions(0, 0, 0, 0, 0, float("inf"), 1, 30)
    count = COUNTED[SMALL_REPORT]

    def seconds(**changed: float) -> float:
        return of_flow(count, dataclasses.replace(still, **changed))["function-gigabyte-second"]

    memories = {name: function.memory_megabytes / 1024 for name, function in count.functions.items()}
    assert seconds() == 0
    expected = sum(memories[name] * function.aws_calls for name, function in count.functions.items())
    assert seconds(aws_call_milliseconds=1000) == pytest.approx(expected)
    expected = sum(memories[name] * function.invocations for name, function in count.functions.items())
    assert seconds(own_milliseconds=1000) == pytest.approx(expected)
    assert seconds(cold_start_milliseconds=2000, cold_start_share=0.5) == pytest.approx(expected)
    assert seconds(copied_bytes_each_second=count.stored_bytes) == pytest.approx(memories[usage.STORAGE_FUNCTION])
    calls = sum(count.sp_api_calls.values()) - 1
    assert seconds(sp_api_call_milliseconds=1000) == pytest.approx(calls * 0.5 + memories[usage.STORAGE_FUNCTION])


def test_what_is_there_at_rest_is_counted_from_the_templates(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        """
Resources:
  Key: {Type: AWS::KMS::Key}
  AnotherKey: {Type: AWS::KMS::Key, Condition: HasKey}
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmActions: [!Ref Topic]}}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Role: !GetAtt Role.Arn
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}, Api: {Type: Api}}
"""
    )
    (tmp_path / "two.yaml").write_text("Resources:\n  Alarm: {Type: AWS::CloudWatch::Alarm}\n")
    assert at_rest(tmp_path, COUNTED) == {
        "key": 1,
        "secret": 0,
        "alarm": 2,
        "dashboard": 0,
        "metric": 0,
        "queue-request": 5 * 3 * 60 * 730,
    }


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"Id": {"S": "ä"}}, 2 + 2),
        ({"N": {"N": "1700000000"}}, 1 + 6),
        ({"Yes": {"BOOL": True}}, 3 + 1),
        ({"L": {"L": [{"S": "ab"}, {"S": "c"}]}}, 1 + 3 + 3 + 2),
        ({"M": {"M": {"k": {"S": "v"}}}}, 1 + 3 + 1 + 1 + 1),
    ],
)
def test_items_are_measured_as_dynamodb_does(item: dict[str, Any], size: int) -> None:
    assert item_bytes(item) == size


def test_a_value_of_an_unknown_type_is_not_passed_over() -> None:
    with pytest.raises(CountingError, match="type B"):
        item_bytes({"Blob": {"B": b""}})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--downloads", "-1"], "--downloads: must be a number from 0, not -1"),
        (["--cold-start-share", "2"], "--cold-start-share: must be from 0 to 1"),
        (["--copied-bytes-each-second", "0"], "--copied-bytes-each-second: must be above 0"),
        (["--prices", "nowhere.json"], "nowhere.json: No such file"),
        (["--prices", "empty.json"], 'must be an object with "region" and "prices"'),
        (["--prices", "short.json"], "short.json has no price of: alarm, api-request"),
        (["--prices", "free.json"], "free.json, email: usd must be a number above 0, not 0"),
        (["--prices", "unsourced.json"], "unsourced.json, email: must be an object with the fields as_of, aws_page"),
        (["--write", "--downloads", "0"], "--write is for the page's own assumptions"),
    ],
)
def test_wrong_input_is_named(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    email = dataclasses.asdict(PRICES["email"])
    unsourced = {name: value for name, value in email.items() if name != "source"}
    lists = {
        "empty": {},
        "short": {"region": "r", "prices": {"email": email}},
        "free": {"region": "r", "prices": {"email": {**email, "usd": 0}}},
        "unsourced": {"region": "r", "prices": {"email": unsourced}},
    }
    for name, saved in lists.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(saved))
    before = DOCUMENT.read_text()
    command = ["costs", "--emulator-python", "none", "--function-python", "none", "--counts", *arguments]
    monkeypatch.setattr(sys, "argv", command)
    try:
        status = main()
    except SystemExit as ended:
        status = int(str(ended.code))
    assert status == 2
    assert told in capsys.readouterr().err
    assert DOCUMENT.read_text() == before


def test_counts_are_kept_as_they_are(tmp_path: Path) -> None:
    counts.save(COUNTED, tmp_path / "counts.json")
    assert counts.load(tmp_path / "counts.json") == COUNTED


@cache
def _memory_sizes() -> Mapping[str, int]:
    yaml = YAML(typ="rt")
    return {
        name: resource["Properties"]["MemorySize"]
        for template in TEMPLATES.glob("*.yaml")
        for name, resource in yaml.load(template.read_text())["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
