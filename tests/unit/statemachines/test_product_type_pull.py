"""How the state machine of a pull ends when nobody wants the pull any more."""

import json

import pytest

from quickstart.product_types.fetching import PullStoppedError, PullUnknownError
from reference.endpoints import CHECKOUT

STATES = json.loads((CHECKOUT / "templates/statemachines/product-type-pull.asl.json").read_text())["States"]


@pytest.mark.parametrize("task", ["ListTypes", "FetchDefinitions"])
@pytest.mark.parametrize("error", [PullStoppedError, PullUnknownError])
def test_a_pull_that_was_stopped_or_deleted_with_its_seller_is_no_failure(task: str, error: type[Exception]) -> None:
    """A failed execution would trigger an alarm."""
    catcher = next(each for each in STATES[task]["Catch"] if error.__name__ in each["ErrorEquals"])
    assert STATES[catcher["Next"]]["Type"] == "Succeed"
    retrier = next(each for each in STATES[task]["Retry"] if error.__name__ in each["ErrorEquals"])
    assert retrier["MaxAttempts"] == 0
