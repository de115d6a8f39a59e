"""The Retry of the state machine that delivers reports: what it names exists, and its patience is enough."""

import json
import random
from typing import Any

import pytest

from quickstart import token_vault
from quickstart.reports import announcement_pace, retrieval, topic
from quickstart.reports.ledger import ReportForgottenError
from sp_api import deadline, documents, errors
from tests.unit.statemachines import throttling
from tests.unit.statemachines.throttling import STATE_MACHINE, delay

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


WITHOUT_JITTER = (["ReportMadeElsewhereError"], ["DocumentUrlExpiredError"])


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
    modules = (errors, documents, deadline, announcement_pace, retrieval, token_vault, topic)
    assert ours == {error for error in ours if any(hasattr(module, error) for module in modules)}


@pytest.mark.parametrize("task", TASKS)
def test_a_fault_of_lambda_is_tried_again_with_jitter(task: str) -> None:
    for error in LAMBDA:
        retrier = retrier_of(task, error)
        assert error in retrier["ErrorEquals"]
        assert retrier["MaxAttempts"] >= 8
    for retrier in TASKS[task]["Retry"]:
        # These wait as long as createReport may take to answer, and until getReportDocument allows another call.
        if retrier["MaxAttempts"] and retrier["ErrorEquals"] not in WITHOUT_JITTER:
            assert (retrier["JitterStrategy"], retrier["BackoffRate"]) == ("FULL", 2)
            assert retrier["MaxDelaySeconds"] > retrier["IntervalSeconds"]


def test_what_will_fail_again_is_not_tried_again() -> None:
    refusals: list[type[Exception]] = [errors.PermanentError, *errors.PermanentError.__subclasses__()]
    of_other_operations = {errors.SolicitationAlreadySentError, errors.SolicitationWindowError}
    for refusal in {*refusals} - of_other_operations:
        assert retrier_of("RetrieveDocument", refusal.__name__)["MaxAttempts"] == 0, refusal
    for refusal in (errors.PermanentError, errors.AccessDeniedError, errors.NotFoundError):
        assert retrier_of("StoreDocument", refusal.__name__)["MaxAttempts"] == 0, refusal
    # This one is no failure: the machine goes back and asks for a new URL.
    assert retrier_of("StoreDocument", "DocumentUrlExpiredError")["MaxAttempts"] == 0
    renewal = TASKS["StoreDocument"]["Catch"][0]
    assert renewal["ErrorEquals"] == ["DocumentUrlExpiredError"]
    # getReportDocument's quota refills once a minute.
    wait = DEFINITION["States"][renewal["Next"]]
    assert (wait["Type"], wait["Next"]) == ("Wait", "RetrieveDocument")
    assert "one getReportDocument a minute" in renewal["Output"]["WaitingFor"]
    assert "60 * $power(2, $retrievals - 1)" in wait["Seconds"]


def test_an_explanation_whose_url_expired_is_fetched_again_when_the_quota_allows() -> None:
    retrier = retrier_of("RetrieveExplanation", "DocumentUrlExpiredError")
    # getReportDocument: one call a minute after its burst (Reports API 2021-06-30).
    assert retrier["IntervalSeconds"] >= 60
    assert "JitterStrategy" not in retrier


def test_a_report_that_nobody_asked_for_is_looked_up_again_when_createreport_must_have_answered() -> None:
    retrier = retrier_of("RetrieveDocument", "ReportMadeElsewhereError")
    assert retrier == {"ErrorEquals": ["ReportMadeElsewhereError"], "IntervalSeconds": 60, "MaxAttempts": 1}
    # The function that calls createReport ends within 29 seconds.
    assert retrier["IntervalSeconds"] > 29
    assert TASKS["RetrieveDocument"]["Catch"] == [
        {"ErrorEquals": ["ReportMadeElsewhereError"], "Next": "MadeElsewhere"},
        {"ErrorEquals": ["ReportForgottenError"], "Next": "ReportForgotten"},
    ]


@pytest.mark.parametrize("task", ["RetrieveDocument", "StoreDocument", "PresignAndNotify"])
def test_the_execution_of_a_removed_seller_succeeds_at_once(task: str) -> None:
    """It is no failure: there is nobody to deliver to, and an alarm or an e-mail would name the seller again."""
    assert retrier_of(task, ReportForgottenError.__name__)["MaxAttempts"] == 0
    catcher = next(each for each in TASKS[task]["Catch"] if each["ErrorEquals"] == [ReportForgottenError.__name__])
    assert DEFINITION["States"][catcher["Next"]]["Type"] == "Succeed"


@pytest.mark.parametrize("task", ["RetrieveDocument", "StoreDocument"])
def test_an_outage_of_half_an_hour_is_waited_out(task: str) -> None:
    retrier = retrier_of(task, "TransientError")
    chance = random.Random(1)
    waits = [sum(delay(retrier, retry, chance) for retry in range(1, retrier["MaxAttempts"] + 1)) for _ in range(1000)]
    assert sum(waits) / len(waits) > 1800


def test_no_retry_outlives_the_execution() -> None:
    retrier = retrier_of("RetrieveDocument", "ThrottledError")
    assert retrier["MaxAttempts"] * retrier["MaxDelaySeconds"] < DEFINITION["TimeoutSeconds"]


@pytest.mark.parametrize("count", [15, 200, 2000])
def test_reports_that_finish_together_are_delivered_as_fast_as_the_quota_allows(count: int) -> None:
    outcome = throttling.reports(count)
    assert (outcome.done, outcome.refused) == (count, 0)
    # One call of the burst is held back, and the state machine waits whole seconds.
    assert outcome.last_seconds < 1.02 * throttling.minimum(count, throttling.REPORT_QUOTAS) + 70
    # A place in the queue never ends an execution.
    assert outcome.last_seconds < DEFINITION["TimeoutSeconds"] / 5


@pytest.mark.parametrize("tells", [True, False])
def test_half_the_documented_rate_costs_time_and_no_report(tells: bool) -> None:
    outcome = throttling.reports(200, conditions=throttling.Conditions(rate=0.5, tells=tells))
    assert outcome.done == 200
    assert outcome.last_seconds < 1.02 * throttling.minimum(200, throttling.REPORT_QUOTAS, rate=0.5) + 70


def test_another_program_that_uses_the_quota_costs_no_report() -> None:
    outcome = throttling.reports(200, conditions=throttling.Conditions(others=0.2))
    assert outcome.done == 200
    assert outcome.refused < 0.25 * 2 * 200


def test_thousands_of_reports_that_are_stored_together_are_all_announced_at_the_topics_pace() -> None:
    last, most = throttling.announcements(3000)
    assert 3000 / 2 - 1 <= last < 1.02 * 3000 / 2
    assert most < 10


def test_orders_due_in_one_hour_wait_for_the_quota() -> None:
    outcome = throttling.orders(10_000)
    assert (outcome.done, outcome.refused < 0.001 * 10_000) == (10_000, True)
    assert outcome.last_seconds < 1.02 * throttling.minimum(10_000, throttling.ORDER_QUOTAS)


def test_the_wait_before_an_announcement_is_read_from_the_errors_message() -> None:
    late = TASKS["PresignAndNotify"]["Catch"][0]
    assert late["ErrorEquals"] == ["AnnouncementsTooFastError"]
    assert retrier_of("PresignAndNotify", "AnnouncementsTooFastError")["MaxAttempts"] == 0
    assert late["Assign"] == {"announcementSlot": True}
    assert "$substringBefore($parse($states.errorOutput.Cause).errorMessage, ' ')" in late["Output"]["WaitSeconds"]
    assert str(announcement_pace.AnnouncementsTooFastError(12.1, reserved=True)).partition(" ")[0] == "13"


def test_a_failed_execution_stays_at_the_state_that_failed() -> None:
    assert all(state["Type"] != "Fail" for state in DEFINITION["States"].values())
    caught = {error for task in TASKS.values() for catcher in task.get("Catch", []) for error in catcher["ErrorEquals"]}
    assert caught == {
        "AnnouncementsTooFastError",
        "DocumentUrlExpiredError",
        "ReportForgottenError",
        "ReportMadeElsewhereError",
        "States.ALL",
    }


def test_only_the_explanation_may_be_missing() -> None:
    """A failure of the step that fetches it is caught, whatever it is; the report is announced without it."""
    catching_all = {name for name, task in TASKS.items() if "States.ALL" in str(task.get("Catch"))}
    assert catching_all == {"RetrieveExplanation"}
    assert TASKS["RetrieveExplanation"]["Catch"][0]["Next"] == "PresignAndNotify"


def test_no_announcement_is_made_before_sp_api_was_asked() -> None:
    assert DEFINITION["States"][DEFINITION["StartAt"]]["Next"] == "RetrieveDocument"


def test_an_expired_client_secret_is_waited_out_for_an_hour() -> None:
    retrier = retrier_of("RetrieveDocument", "ClientSecretExpiredError")
    chance = random.Random(1)
    waits = [sum(delay(retrier, retry, chance) for retry in range(1, retrier["MaxAttempts"] + 1)) for _ in range(1000)]
    assert sum(waits) / len(waits) > 3600
