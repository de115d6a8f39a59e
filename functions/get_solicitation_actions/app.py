"""State machine step: asks SP-API whether a review of the order can be requested now."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from quickstart import callers, invocation
from quickstart.solicitations import wiring
from quickstart.solicitations.orders import OrderKey
from quickstart.solicitations.steps import SolicitationSteps


def handler(event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, object]:
    """{AmazonOrderId, SellerId, Execution, HasSlot?} -> {Step: SUBMIT | WAIT | END, WaitSeconds?, HasSlot?, Outcome?}

    HasSlot of a WAIT is passed back after it.
    """
    with invocation.WorkflowStep(context, event["Execution"]):
        seller = partial(callers.known_seller, deadline=invocation.deadline(context))
        steps = SolicitationSteps(
            wiring.solicitation_ledger(), callers.selling_partners_table(), seller, wiring.call_slots
        )
        key = OrderKey(event["AmazonOrderId"], event["SellerId"])
        return steps.ask(key, event["Execution"], has_slot=event.get("HasSlot")).json()
