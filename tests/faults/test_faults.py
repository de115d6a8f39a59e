"""A sample of `make faults`: the most telling rows, each as the table in docs/reliability.md has it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from quickstart import http_api
from quickstart.listings.outcomes import Announcer
from tests.emulator.support import REPOSITORY
from tests.faults.page import PAGE
from tests.faults.rows import RECORDED, course, run
from tests.faults.scenarios import SCENARIOS
from tests.faults.table import outcomes
from tests.faults.world import Fault, World, running_world

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
# The scenario, the call (its last one of this name) and the fault.
SAMPLE = (
    ("POST /reports", "SP-API POST /reports/2021-06-30/reports", Fault.ANSWER_LOST),
    ("POST /reports", "DynamoDB UpdateItem", Fault.KILLED_AFTER),
    ("report finished", "SFN StartExecution", Fault.ANSWER_LOST),
    ("other notification", "EventBridge PutEvents", Fault.DENIED),
    ("order shipped", "Scheduler CreateSchedule", Fault.KILLED_AFTER),
    ("connection changed", "SNS Publish", Fault.THROTTLED),
    ("retrieve", "KMS Decrypt", Fault.TIME_OUT),
    ("store", "S3 PutObject", Fault.KILLED_AFTER),
    ("announce", "SNS Publish", Fault.KILLED_AFTER),
    ("submit", "DynamoDB PutItem", Fault.SERVER_ERROR),
    ("daily sweep", "SNS Publish", Fault.DENIED),
    ("submit", "KMS Decrypt", Fault.DENIED),
    ("daily check", "SP-API POST /applications/2023-11-30/clientSecret", Fault.TIME_OUT),
    ("POST /listings", "DynamoDB PutItem", Fault.KILLED_AFTER),
    ("GET /listings/{sku}", "SP-API GET /listings/2021-08-01/items/{id}/{id}", Fault.SERVER_ERROR),
    ("send", "SP-API PUT /listings/2021-08-01/items/{id}/{id}", Fault.DENIED),
    ("send", "EventBridge PutEvents", Fault.KILLED_AFTER),
    ("follow", "SFN SendTaskSuccess", Fault.ANSWER_LOST),
    ("submission failed", "SFN StartExecution", Fault.TIME_OUT),
    ("sweep of submissions", "EventBridge PutEvents", Fault.KILLED_AFTER),
    ("listing changed", "SFN SendTaskSuccess", Fault.THROTTLED),
    ("listing outcomes", "SNS Publish", Fault.DENIED),
    ("POST /listings/feeds", "DynamoDB PutItem", Fault.ANSWER_LOST),
    ("send a feed", "SP-API POST /feeds/2021-06-30/feeds", Fault.KILLED_AFTER),
    ("finish a feed", "SFN StartExecution", Fault.TIME_OUT),
    ("file uploaded", "SFN StartExecution", Fault.KILLED_AFTER),
    ("POST /product-types/pulls", "SFN StartExecution", Fault.KILLED_AFTER),
    ("GET /product-types/{productType}", "S3 PutObject", Fault.DENIED),
    ("search", "S3 PutObject", Fault.SERVER_ERROR),
    ("fetch what has changed", "EventBridge PutEvents", Fault.ANSWER_LOST),
    ("daily refresh", "SFN StartExecution", Fault.DENIED),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.mark.parametrize(("name", "call", "fault"), SAMPLE)
def test_nothing_is_lost_doubled_or_silent(world: World, name: str, call: str, fault: Fault) -> None:
    scenario = BY_NAME[name]
    undisturbed = course(world, scenario)
    position = max(number for number, made in enumerate(undisturbed.names) if made == call)
    row = run(world, scenario, undisturbed, position, fault)
    assert row.deviations == []
    shown = outcomes(PAGE.read_text("utf-8")).get((scenario.function, name, position, call), {})
    assert row.outcome == shown.get(fault, row.outcome)


def test_a_failure_without_an_explanation_deviates(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = course(world, BY_NAME["POST /authorizations"])
    monkeypatch.setattr(http_api, "FAILED_CALLS", ())
    row = run(world, BY_NAME["POST /authorizations"], undisturbed, 0, Fault.DENIED)
    assert row.deviations
    assert "API Gateway answers 502 without an explanation" in row.deviations[0]


def test_a_deed_that_is_done_twice_deviates(world: World) -> None:
    scenario = BY_NAME["POST /reports"]
    undisturbed = course(world, scenario)
    undisturbed.effects.subtract(["SP-API POST /reports/2021-06-30/reports"])
    row = run(world, scenario, undisturbed, 0, Fault.THROTTLED)
    assert row.deviations == ["SP-API POST /reports/2021-06-30/reports was carried out 1 times too often"]


def test_a_fault_of_another_call_than_the_rows_deviates(world: World) -> None:
    scenario = BY_NAME["POST /reports"]
    undisturbed = course(world, scenario)
    reordered = replace(undisturbed, names=(undisturbed.names[-1], *undisturbed.names[:-1]))
    row = run(world, scenario, reordered, 1, Fault.THROTTLED)
    assert row.deviations == ["the calls came in another order than without the fault, so the fault met another call"]


@pytest.mark.parametrize("name", ["sweep of submissions", "sweep of feeds"])
def test_a_sweep_makes_its_calls_in_the_same_order_each_time(world: World, name: str) -> None:
    """Whatever the random ids of what it finds."""
    assert len({course(world, BY_NAME[name]).names for _ in range(4)}) == 1


def test_a_refusal_that_nobody_is_told_of_deviates(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = BY_NAME["send a deletion"]
    undisturbed = course(world, scenario)
    call = "SP-API DELETE /listings/2021-08-01/items/{id}/{id}"
    position = undisturbed.names.index(call)
    assert run(world, scenario, undisturbed, position, Fault.DENIED).outcome == RECORDED
    monkeypatch.setattr(Announcer, "announce", lambda *_: None)
    row = run(world, scenario, undisturbed, position, Fault.DENIED)
    assert row.deviations[0] == f"{call} was carried out 1 times too few"


def test_every_function_has_a_scenario() -> None:
    functions = {path.parent.name for path in (REPOSITORY / "functions").glob("*/app.py")}
    assert functions == {scenario.function for scenario in SCENARIOS}
    assert len(BY_NAME) == len(SCENARIOS)


def test_the_sample_has_every_function_of_listings_and_product_types() -> None:
    functions = {scenario.function for scenario in SCENARIOS}
    sampled = {BY_NAME[name].function for name, *_ in SAMPLE}
    assert {name for name in functions - sampled if name.startswith(("listing_", "product_type_"))} == set()


def test_the_table_has_every_scenario_and_no_row_that_deviates() -> None:
    found = outcomes(PAGE.read_text("utf-8"))
    assert found
    assert {(function, name) for function, name, *_ in found} == {(one.function, one.name) for one in SCENARIOS}
    assert not [key for key, row in found.items() if any("**" in outcome or not outcome for outcome in row.values())]
