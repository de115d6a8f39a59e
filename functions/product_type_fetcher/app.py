"""State machine step: fetches definitions at the pace of SP-API's quota for as long as the function may run."""

import time
from collections.abc import Mapping
from typing import Any

from quickstart import invocation
from quickstart.product_types import wiring
from quickstart.product_types.fetching import fetch_definitions, find_pull
from quickstart.product_types.paced_run import Threads

# One definition and its document, at the slowest.
_CALL_SECONDS = 60.0
# What is left when no further call begins: the slowest call, and recording the progress.
_RESERVE_SECONDS = 90.0


def handler(event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, object]:
    """{PullId, Execution} -> {Done, WaitSeconds}."""
    with wiring.pull_step(event, context):
        pulls = wiring.pulls()
        pull = find_pull(pulls, event["PullId"])
        stop_at = time.time() + context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
        seller = wiring.sellers(pull, _CALL_SECONDS)
        return fetch_definitions(pulls, pull, Threads, seller, wiring.announcements(), stop_at).to_workflow()
