"""State machine step: reads a listing, and lets the execution wait until the next reading or a notice."""

from collections.abc import Mapping
from typing import Any

from quickstart import invocation
from quickstart.listings import (
    following,  # noqa: F401 - loaded while the function starts, see wiring
    wiring,
)


def handler(event: Mapping[str, Any], context: invocation.Context) -> None:
    """{SubmissionId, SellerId, TaskToken, Reading} -> nothing: the answer comes with the token."""
    with wiring.listing_step(event, context):
        follower = wiring.follower(invocation.deadline(context))
        follower.follow(event["SellerId"], event["SubmissionId"], event["TaskToken"], int(event["Reading"]))
