"""A small storm, and that a storm finds what is wrong."""

from dataclasses import replace

import pytest

from orders_storm.amazon import ASK, SUBMIT
from orders_storm.orders import KINDS, ON_TIME
from orders_storm.storm import Result, Storm, calm, run
from orders_storm.table import faults, text
from quickstart import solicitation_ledger, solicitation_scheduling, solicitation_steps
from quickstart.solicitation_ledger import State
from quickstart.solicitation_orders import OrderEvent
from quickstart.solicitation_steps import SolicitationSteps, Step

SMALL = Storm(orders=600, sellers=5, seed=7, aws_failing=0.01, quota=0.02)
FEW = replace(SMALL, orders=100)
CALM = calm(Storm(orders=300))


@pytest.fixture(scope="module")
def result() -> Result:
    return run(SMALL)


def test_every_eligible_order_is_asked_once_within_its_window_and_every_order_is_accounted_for(result: Result) -> None:
    assert faults(result) == []


def test_the_storm_brings_what_it_promises(result: Result) -> None:
    assert {order.plan.kind for order in result.orders} == {ON_TIME, *KINDS}
    assert result.statuses[ASK, 429] > 50
    assert result.statuses[ASK, 503] > 0
    assert result.statuses[SUBMIT, 503] + result.statuses[SUBMIT, 504] > 0
    assert result.lost_answers > 0
    assert result.aws_failures > 20
    assert result.notifications > 1.2 * SMALL.orders


def test_the_table_counts_every_order(result: Result) -> None:
    lines = text(result).splitlines()
    assert len([line for line in lines if line.startswith("| ")]) == len(KINDS) + 3
    assert f"| all | {SMALL.orders} |" in text(result)


def test_in_calm_weather_an_order_costs_as_many_calls_as_it_must() -> None:
    result = run(CALM)
    assert faults(result) == []
    # The asks that come too early for Amazon, and then one ask and one request.
    expected = {
        ON_TIME: 2,
        "delivered two days late, eligible on the third ask": 4,
        "delivery date moved later": 2,
        "delivery date moved earlier": 2,
        "delivery date moved later while the workflow runs": 3,
        "cancelled before its time": 0,
        "cancelled while the workflow runs": 1,
        "cancellation heard of before the shipment": 0,
    }
    for order in result.orders:
        assert len(order.calls) == expected.get(order.plan.kind, len(order.calls)), order.plan
    # Only what starts all at once meets the quota, and is answered as often as any other.
    throttled = {order.plan.kind for order in result.orders for call in order.calls if call.status == 429}
    assert throttled <= {"heard of days too late, all at once"}


def test_a_request_that_is_not_claimed_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the claim a request whose answer was lost is made again."""
    monkeypatch.setattr(solicitation_steps, "_CLAIMABLE", (State.WAITING, State.FAILED, State.SUBMITTING))
    monkeypatch.setattr(solicitation_steps, "claimed", lambda record, _now: record)
    found = faults(run(replace(FEW, answers_lost=0.2)))
    assert any("refused" in fault or "ends as" in fault for fault in found)


def test_a_cancellation_that_is_not_heeded_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    shipments_alone = {OrderEvent.SHIPPED: solicitation_ledger.shipped}
    monkeypatch.setattr(solicitation_scheduling, "_TRANSITIONS", shipments_alone)
    assert any("cancelled" in fault for fault in faults(run(FEW)))


def test_an_order_that_is_not_asked_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SolicitationSteps, "ask", lambda *_: Step("END", outcome="SOLICITED"))
    assert any("0 times" in fault for fault in faults(run(FEW)))


def test_the_same_seed_gives_the_same_storm() -> None:
    assert text(run(FEW)) == text(run(FEW))
