"""Concludes the submission of an execution that failed; EventBridge invokes it for each of them."""

from collections.abc import Mapping
from typing import Any

from quickstart import invocation, settings
from quickstart.listings import wiring
from quickstart.listings.failures import read_failure


def handler(event: Mapping[str, Any], context: invocation.Context) -> None:
    """An event "Step Functions Execution Status Change" of FAILED, TIMED_OUT or ABORTED."""
    failure = read_failure(event)
    with invocation.WorkflowStep(context, failure.submission_id, seller_id=failure.seller_id):
        sender = wiring.sender(settings.required("STATE_MACHINE_ARN"), invocation.deadline(context))
        sender.give_up(failure.seller_id, failure.submission_id, failure.reason)
