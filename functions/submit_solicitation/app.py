"""State machine step: requests the review, once."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from quickstart import callers, invocation
from quickstart.solicitations import wiring
from quickstart.solicitations.orders import OrderKey
from quickstart.solicitations.steps import SolicitationSteps


def handler(event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, object]:
    """{AmazonOrderId, SellerId, Execution} -> {Step: WAIT | END, WaitSeconds?, Outcome?}."""
    with invocation.WorkflowStep(context, event["Execution"]):
        seller = partial(callers.known_seller, deadline=invocation.deadline(context))
        steps = SolicitationSteps(
            wiring.solicitation_ledger(), callers.selling_partners_table(), seller, wiring.call_slots
        )
        return steps.submit(OrderKey(event["AmazonOrderId"], event["SellerId"]), event["Execution"]).json()
