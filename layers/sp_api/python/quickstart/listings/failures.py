"""Executions that ended without an outcome."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_REASONS = {
    "FAILED": "the execution failed after all retries. See the logs of SPAPIListingSender and SPAPIListingFollower",
    "TIMED_OUT": "the execution took too long",
    "ABORTED": "somebody stopped the execution",
}


@dataclass(frozen=True)
class Failure:
    """The submission of an execution, and why it ended."""

    seller_id: str
    submission_id: str
    reason: str


def read_failure(event: Mapping[str, Any]) -> Failure:
    """From an event of Step Functions. It has the input, because that is far below 256 KB."""
    detail = event["detail"]
    started = json.loads(detail["input"])
    return Failure(started["SellerId"], started["SubmissionId"], reason(detail["status"]))


def reason(status: str) -> str:
    """Why an execution with this status has no outcome, in words."""
    return _REASONS.get(status, f"the execution has ended ({status})")
