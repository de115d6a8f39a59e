"""State machine step: lists the definitions that a pull fetches."""

from collections.abc import Mapping
from typing import Any

from quickstart import invocation
from quickstart.product_types import wiring
from quickstart.product_types.fetching import find_pull, list_types

_CALL_SECONDS = 30.0


def handler(event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, object]:
    """{PullId, Execution} -> {}; the list is stored in the bucket."""
    with wiring.pull_step(event, context):
        pull = find_pull(wiring.pulls(), event["PullId"])
        list_types(wiring.pulls(), pull, wiring.sellers(pull, _CALL_SECONDS))
        return {}
