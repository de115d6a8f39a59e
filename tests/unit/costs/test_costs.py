"""`make costs`: its counts and prices, and that docs/costs.md has the tables that it prints."""

import dataclasses
import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from costs import counts, prices, usage
from costs.__main__ import DOCUMENT, TEMPLATES, main, with_tables
from costs.counting import BILLED, FREE, CountingError, item_bytes
from costs.counts import LARGE_REPORT, LISTING, ORDER, PULL, SMALL_REPORT, TYPES_OF_A_PULL
from costs.table import tables
from costs.usage import Assumptions, at_rest, of_flow
from tests.yaml_reading import yaml_parse

COUNTED = counts.load()
PRICES = prices.load().prices


def test_the_page_has_the_printed_tables() -> None:
    printed = tables(COUNTED, at_rest(TEMPLATES, COUNTED), prices.load(), Assumptions())
    document = DOCUMENT.read_text()
    assert with_tables(document, printed) == document, "run: make costs ARGS='--counts --write'"


def test_the_page_lists_each_assumption() -> None:
    document = DOCUMENT.read_text()
    for field in dataclasses.fields(Assumptions):
        assert f"`--{field.name.replace('_', '-')}`" in document


@pytest.mark.parametrize("dimension", PRICES)
def test_a_price_has_its_source_and_date(dimension: str) -> None:
    price = PRICES[dimension]
    assert price.usd > 0
    assert price.units > 0
    assert price.aws_page.startswith("https://aws.amazon.com/")
    assert price.source.startswith("https://")
    assert re.fullmatch(r"undated|20\d\d-\d\d-\d\d", price.as_of)


def test_prices_are_those_of_the_billed_items() -> None:
    billed = {dimension for count in COUNTED.values() for dimension in of_flow(count, Assumptions())}
    assert billed | set(at_rest(TEMPLATES, COUNTED)) == set(PRICES)


def test_the_dashboard_is_within_the_free_tier() -> None:
    """The free tier has three dashboards of up to fifty metrics."""
    drawn = re.findall(r'^ *\["AWS/', (TEMPLATES / "monitoring.yaml").read_text(), re.MULTILINE)
    assert 40 < len(drawn) <= 50
    assert prices.load().prices["dashboard"].free_each_month == 3


@pytest.mark.parametrize("flow", [SMALL_REPORT, LARGE_REPORT, ORDER, LISTING, PULL])
def test_the_counts_match_the_functions(flow: str) -> None:
    for name, function in COUNTED[flow].functions.items():
        assert _memory_sizes()[name] == function.memory_megabytes, "run: make costs ARGS=--write"
        assert function.invocations >= 1


def test_every_service_that_functions_may_call_is_billed_or_free() -> None:
    policies = "".join(template.read_text() for template in TEMPLATES.glob("*.yaml"))
    allowed = set(re.findall(r"(?:- |Action: )([a-z0-9]+):[A-Z]\w+", policies))
    # Functions are invoked by state machines; their logs are counted; iam is PassRole; xray is off by default.
    assert allowed - {"lambda", "logs", "iam", "xray"} <= {*BILLED, *FREE}


def test_a_large_report_costs_more_only_for_its_size() -> None:
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
    # Parts of 8 MiB, the start and completion of the upload, and the tag.
    assert large["bucket-write"] == -(-50_000_000 // (8 * 1024 * 1024)) + 3
    assert large["gigabyte-out"] == pytest.approx(50_000_000 / 1024**3)


def test_durations_are_computed_from_calls() -> None:
    instant = Assumptions(0, 0, 0, 0, 0, float("inf"), 1, 30)
    count = COUNTED[SMALL_REPORT]

    def seconds(**changed: float) -> float:
        return of_flow(count, dataclasses.replace(instant, **changed))["function-gigabyte-second"]

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


def test_a_function_that_waits_is_billed_for_the_wait() -> None:
    """SPAPIListingSubmissions waits while SPAPIListingSender calls Amazon."""
    instant = Assumptions(0, 0, 0, 0, 0, float("inf"), 1, 30)
    count = COUNTED[LISTING]
    seconds = of_flow(count, dataclasses.replace(instant, sp_api_call_milliseconds=1000))["function-gigabyte-second"]
    memories = {name: function.memory_megabytes / 1024 for name, function in count.functions.items()}
    # A token and one call each: search, put and get.
    assert count.sp_api_calls == {
        "getAccessToken": 3,
        "getListingsItem": 1,
        "putListingsItem": 1,
        "searchCatalogItems": 1,
    }
    waiting = memories[usage.SUBMISSIONS_FUNCTION] * (2 + 2)
    assert seconds == pytest.approx(
        waiting + memories[usage.SENDER_FUNCTION] * 2 + memories["SPAPIListingFollower"] * 2
    )


def test_a_pull_lasts_as_long_as_the_quota_makes_it() -> None:
    instant = Assumptions(0, 0, 0, 0, 0, float("inf"), 1, 30)
    seconds = of_flow(COUNTED[PULL], instant)["function-gigabyte-second"]
    memory = COUNTED[PULL].functions[usage.FETCHER_FUNCTION].memory_megabytes / 1024
    assert seconds == pytest.approx(memory * TYPES_OF_A_PULL / 5)


def test_costs_at_rest_are_counted_from_the_templates(tmp_path: Path) -> None:
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
  OptionalFunction:
    Type: AWS::Serverless::Function
    Condition: SendsDigest
    Properties:
      Role: !GetAtt Role.Arn
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt OptionalQueue.Arn}}}
"""
    )
    (tmp_path / "two.yaml").write_text("Resources:\n  Alarm: {Type: AWS::CloudWatch::Alarm}\n")
    (tmp_path / "three.yaml").write_text("Resources:\n  Alarm: {Type: AWS::CloudWatch::Alarm}\n")
    (tmp_path / "quickstart.yaml").write_text(
        """
Parameters:
  TwoEnabled: {Type: String, Default: 'Yes'}
  ThreeEnabled: {Type: String, Default: 'No'}
Conditions:
  HasTwo: !Equals [!Ref TwoEnabled, 'Yes']
  HasThree: !Equals [!Ref ThreeEnabled, 'Yes']
Resources:
  One: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: one.yaml}}
  Two: {Type: AWS::CloudFormation::Stack, Condition: HasTwo, Properties: {TemplateURL: two.yaml}}
  Three: {Type: AWS::CloudFormation::Stack, Condition: HasThree, Properties: {TemplateURL: three.yaml}}
"""
    )
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
def test_item_sizes_follow_dynamodbs_rules(item: dict[str, Any], size: int) -> None:
    assert item_bytes(item) == size


def test_a_value_of_an_unknown_type_is_an_error() -> None:
    with pytest.raises(CountingError, match="type SS"):
        item_bytes({"Names": {"SS": ["a"]}})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--downloads", "-1"], "--downloads: must be a number of at least 0, not -1"),
        (["--cold-start-share", "2"], "--cold-start-share: must be between 0 and 1"),
        (["--copied-bytes-each-second", "0"], "--copied-bytes-each-second: must be above 0"),
        (["--prices", "nowhere.json"], "nowhere.json: No such file"),
        (["--prices", "empty.json"], 'must be an object with "region" and "prices"'),
        (["--prices", "short.json"], "short.json has no price for: alarm, api-request"),
        (["--prices", "free.json"], "free.json, email: usd must be a number above 0, not 0"),
        (["--prices", "unsourced.json"], "unsourced.json, email: must be an object with the fields as_of, aws_page"),
        (["--write", "--downloads", "0"], "--write needs the default assumptions"),
    ],
)
def test_invalid_input_is_reported(
    arguments: list[str],
    message: str,
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
    assert message in capsys.readouterr().err
    assert DOCUMENT.read_text() == before


def test_counts_are_saved_and_loaded_unchanged(tmp_path: Path) -> None:
    counts.save(COUNTED, tmp_path / "counts.json")
    assert counts.load(tmp_path / "counts.json") == COUNTED


@cache
def _memory_sizes() -> Mapping[str, int]:
    return {
        name: resource["Properties"]["MemorySize"]
        for template in TEMPLATES.glob("*.yaml")
        for name, resource in yaml_parse(template.read_text())["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
