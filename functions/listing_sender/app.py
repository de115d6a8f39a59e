"""State machine step: sends a submission to SP-API."""

from collections.abc import Mapping
from typing import Any

from quickstart import invocation, settings
from quickstart.listings import lanes, sending, wiring  # noqa: F401 - loaded while the function starts, see wiring
from quickstart.listings.following import waits


def handler(event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, object]:
    """{SubmissionId, SellerId, StateMachineArn} -> {Step: FOLLOW | END, Waits: seconds before each reading}."""
    with wiring.listing_step(event, context):
        sender = wiring.sender(event["StateMachineArn"], invocation.deadline(context))
        step = sender.send(event["SellerId"], event["SubmissionId"])
        return {"Step": step, "Waits": waits(settings.whole_number("LISTING_OUTCOME_HOURS"))}
