"""State machine step: asks SP-API whether a review of the order can be requested now."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from quickstart import wiring
from quickstart.solicitation_orders import OrderKey
from sp_api.deadline import Deadline


def handler(event: Mapping[str, Any], context: LambdaContext) -> Mapping[str, object]:
    """{AmazonOrderId, SellerId, Execution} -> {Step: SUBMIT | WAIT | END, WaitSeconds?, Outcome?}."""
    deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000 - 5)
    key = OrderKey(event["AmazonOrderId"], event["SellerId"])
    return wiring.solicitation_steps(deadline).ask(key, event["Execution"]).json()
