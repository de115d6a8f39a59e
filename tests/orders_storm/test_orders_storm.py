"""A small storm, and that a storm detects errors."""

from dataclasses import replace

import pytest

from orders_storm.amazon import ASK, SUBMIT
from orders_storm.orders import KINDS, ON_TIME
from orders_storm.storm import Result, Storm, calm, run
from orders_storm.table import faults, text
from quickstart.solicitations import ledger, scheduling, steps
from quickstart.solicitations.ledger import State
from quickstart.solicitations.orders import OrderEvent
from quickstart.solicitations.steps import SolicitationSteps, Step

SMALL = Storm(orders=400, sellers=5, seed=7, aws_failing=0.01, quota=0.02)
FEW = replace(SMALL, orders=100)
CALM = calm(Storm(orders=200))


@pytest.fixture(scope="module")
def result() -> Result:
    return run(SMALL)


def test_every_eligible_order_is_requested_once_within_its_window_and_every_order_is_accounted_for(
    result: Result,
) -> None:
    assert faults(result) == []


def test_the_storm_has_all_kinds_of_failures(result: Result) -> None:
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


def test_without_failures_an_order_needs_the_minimum_of_calls() -> None:
    result = run(CALM)
    assert faults(result) == []
    # The checks that are too early for Amazon, then one check and one request.
    expected = {
        ON_TIME: 2,
        "delivered two days late, eligible at the third check": 4,
        "delivery date moved later": 2,
        "delivery date moved earlier": 2,
        "delivery date moved later while the execution runs": 3,
        "cancelled before the due time": 0,
        "cancelled while the execution runs": 1,
        "cancellation notification arrives before the shipment": 0,
    }
    for order in result.orders:
        assert len(order.calls) == expected.get(order.plan.kind, len(order.calls)), order.plan
    # Only orders that start all at once exceed the quota.
    throttled = {order.plan.kind for order in result.orders for call in order.calls if call.status == 429}
    assert throttled <= {"notifications arrive days late, all at once"}


def test_a_request_that_is_not_claimed_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the claim, a request is repeated if its response was lost."""
    monkeypatch.setattr(steps, "_CLAIMABLE", (State.WAITING, State.FAILED, State.SUBMITTING))
    monkeypatch.setattr(steps, "claimed", lambda record, *_: record)
    found = faults(run(replace(FEW, answers_lost=0.2)))
    assert any("rejected" in fault or "ends as" in fault for fault in found)


def test_an_ignored_cancellation_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    ignoring = {OrderEvent.SHIPPED: ledger.shipped, OrderEvent.CANCELLED: ledger.shipped}
    monkeypatch.setattr(scheduling, "_TRANSITIONS", ignoring)
    assert any("cancelled" in fault for fault in faults(run(FEW)))


def test_a_missing_request_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SolicitationSteps, "ask", lambda *_: Step("END", outcome="SOLICITED"))
    assert any("0 times" in fault for fault in faults(run(FEW)))


def test_the_same_seed_produces_the_same_storm() -> None:
    assert text(run(FEW)) == text(run(FEW))
