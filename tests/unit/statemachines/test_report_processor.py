"""The Retry of the state machine that delivers reports: what it names exists, and its patience is enough."""

import json
import random
from typing import Any

import pytest

from quickstart import announcement_pace, report_retrieval, token_vault
from sp_api import deadline, documents, errors
from tests.unit.statemachines.throttling import STATE_MACHINE, delay, play, throttled_retrier

DEFINITION = json.loads(STATE_MACHINE.read_text())
TASKS = {name: state for name, state in DEFINITION["States"].items() if state["Type"] == "Task"}
# AWS: Step Functions Developer Guide, "Handle transient Lambda service exceptions", and a process that dies.
LAMBDA = {
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
}


def retrier_of(task: str, error: str) -> dict[str, Any]:
    """The first entry that takes the error, as Step Functions looks for it: by the very name."""
    return next(
        retrier
        for retrier in TASKS[task]["Retry"]
        if error in retrier["ErrorEquals"] or retrier["ErrorEquals"] == ["States.ALL"]
    )


def test_every_error_named_is_one_that_can_come() -> None:
    named = {error for task in TASKS.values() for retrier in task["Retry"] for error in retrier["ErrorEquals"]}
    ours = named - LAMBDA - {"States.ALL"}
    modules = (errors, documents, deadline, announcement_pace, report_retrieval, token_vault)
    assert ours == {error for error in ours if any(hasattr(module, error) for module in modules)}


@pytest.mark.parametrize("task", TASKS)
def test_a_fault_of_lambda_is_tried_again_with_jitter(task: str) -> None:
    for error in LAMBDA:
        retrier = retrier_of(task, error)
        assert error in retrier["ErrorEquals"]
        assert retrier["MaxAttempts"] >= 8
    for retrier in TASKS[task]["Retry"]:
        # That one waits as long as createReport may take to answer, once.
        if retrier["MaxAttempts"] and retrier["ErrorEquals"] != ["ReportMadeElsewhereError"]:
            assert (retrier["JitterStrategy"], retrier["BackoffRate"]) == ("FULL", 2)
            assert retrier["MaxDelaySeconds"] > retrier["IntervalSeconds"]


def test_what_will_fail_again_is_not_tried_again() -> None:
    refusals = [errors.PermanentError, *errors.PermanentError.__subclasses__()]
    of_other_operations = {errors.SolicitationAlreadySentError, errors.SolicitationWindowError}
    for refusal in {*refusals} - of_other_operations:
        assert retrier_of("RetrieveDocument", refusal.__name__)["MaxAttempts"] == 0, refusal
    for refusal in (errors.PermanentError, errors.AccessDeniedError, errors.NotFoundError):
        assert retrier_of("StoreDocument", refusal.__name__)["MaxAttempts"] == 0, refusal
    # This one is no failure: the machine goes back and asks for a new URL.
    assert retrier_of("StoreDocument", "DocumentUrlExpiredError")["MaxAttempts"] == 0
    assert TASKS["StoreDocument"]["Catch"] == [{"ErrorEquals": ["DocumentUrlExpiredError"], "Next": "RetrieveDocument"}]


def test_a_report_that_nobody_asked_for_is_looked_up_again_when_createreport_must_have_answered() -> None:
    retrier = retrier_of("RetrieveDocument", "ReportMadeElsewhereError")
    assert retrier == {"ErrorEquals": ["ReportMadeElsewhereError"], "IntervalSeconds": 60, "MaxAttempts": 1}
    # The function that calls createReport ends within 29 seconds.
    assert retrier["IntervalSeconds"] > 29
    assert TASKS["RetrieveDocument"]["Catch"] == [
        {"ErrorEquals": ["ReportMadeElsewhereError"], "Next": "MadeElsewhere"}
    ]


@pytest.mark.parametrize("task", ["RetrieveDocument", "StoreDocument"])
def test_an_outage_of_half_an_hour_is_waited_out(task: str) -> None:
    retrier = retrier_of(task, "TransientError")
    chance = random.Random(1)
    waits = [sum(delay(retrier, retry, chance) for retry in range(1, retrier["MaxAttempts"] + 1)) for _ in range(1000)]
    assert sum(waits) / len(waits) > 1800


def test_no_retry_and_no_day_outlives_the_execution() -> None:
    retrier = throttled_retrier(DEFINITION)
    assert retrier["MaxAttempts"] * retrier["MaxDelaySeconds"] < DEFINITION["TimeoutSeconds"]


def test_two_hundred_reports_that_finish_together_are_all_delivered() -> None:
    retrier = throttled_retrier(DEFINITION)
    outcomes = [play(retrier, 200, seed) for seed in range(30)]
    assert {(outcome.delivered, outcome.lost) for outcome in outcomes} == {(200, 0)}
    # The last 185 wait for one token a minute each; the spread of the tries costs little besides.
    assert all(185 * 60 <= outcome.last_delivery_seconds < 210 * 60 for outcome in outcomes)
    assert max(outcome.most_retries for outcome in outcomes) < 0.7 * retrier["MaxAttempts"], "little is left in reserve"


@pytest.mark.parametrize("changed", [{"MaxAttempts": 30}, {"MaxDelaySeconds": 120}])
def test_with_less_patience_reports_are_lost(changed: dict[str, int]) -> None:
    assert play({**throttled_retrier(DEFINITION), **changed}, 200, seed=1).lost > 0


def test_thousands_of_reports_that_are_stored_together_are_all_announced() -> None:
    """Nobody's turn comes in the first tries: the waits are long enough for all, at the template's pace."""
    retrier = retrier_of("PresignAndNotify", "AnnouncementsTooFastError")
    outcome = play(retrier, 3000, 1, [(3, 3)])
    assert (outcome.delivered, outcome.lost) == (3000, 0)
    assert outcome.last_delivery_seconds < 2 * 3000 / 3
    assert outcome.most_retries < 0.7 * retrier["MaxAttempts"]


def test_a_failed_execution_stays_at_the_state_that_failed() -> None:
    assert all(state["Type"] != "Fail" for state in DEFINITION["States"].values())
    caught = {error for task in TASKS.values() for catcher in task.get("Catch", []) for error in catcher["ErrorEquals"]}
    assert caught == {"DocumentUrlExpiredError", "ReportMadeElsewhereError"}
