"""The Solicitations API. The control API adds the orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.errors import OperationError, invalid_input
from sp_api_simulator.state import Json, Order, State

ACTION = "productReviewAndSellerFeedback"
OPENS_AFTER = timedelta(days=5)
CLOSES_AFTER = timedelta(days=30)
"""From five days after the earliest delivery date to thirty days after the latest one (SP-API docs, "Set up the
Solicitations API").
"""


async def get_solicitation_actions_for_order(state: State, call: Call) -> Answer:
    """The action if it is available. For an unknown order there is none."""
    marketplace_id = _marketplace(call)
    order_id = call.path["amazonOrderId"]
    order = _order(state, call, marketplace_id)
    if order is None or order.solicited or not _open(state, order):
        return Answer(200, _actions(order_id, marketplace_id, available=False))
    return Answer(200, _actions(order_id, marketplace_id, available=True))


async def create_solicitation(state: State, call: Call) -> Answer:
    """403 if it was already sent (selling-partner-api-models issue 19) and outside the window
    (selling-partner-api-docs issue 121).
    """
    marketplace_id = _marketplace(call)
    order = _order(state, call, marketplace_id)
    if order is None or order.solicited:
        raise OperationError(403, "Unauthorized", "The requested solicitation is not available for this amazonOrderId.")
    if not _open(state, order):
        text = (
            "You can't use this feature to request a review outside the 5-30 day range after the order delivery date."
        )
        raise OperationError(403, "Unauthorized", text)
    state.orders[order.order_id] = replace(order, solicited=True)
    return Answer(201, {})


def _marketplace(call: Call) -> str:
    marketplace_ids = call.list_parameter("marketplaceIds")
    if len(marketplace_ids) != 1:
        raise invalid_input("Missing or invalid request parameters: [marketplaceIds]")
    return marketplace_ids[0]


def _order(state: State, call: Call, marketplace_id: str) -> Order | None:
    order = state.orders.get(call.path["amazonOrderId"])
    return (
        order
        if order is not None and (order.seller_id, order.marketplace_id) == (call.token.seller_id, marketplace_id)
        else None
    )


def _open(state: State, order: Order) -> bool:
    now = state.clock.now()
    return (
        order.status == "Shipped"
        and order.earliest_delivery + OPENS_AFTER <= now <= order.latest_delivery + CLOSES_AFTER
    )


def _actions(order_id: str, marketplace_id: str, *, available: bool) -> Json:
    order = f"/solicitations/v1/orders/{order_id}"
    action = f"{order}/solicitations/{ACTION}"
    query = f"?marketplaceIds={marketplace_id}"
    links = [{"href": f"{action}{query}", "name": ACTION}]
    embedded = [
        {
            "_links": {
                "schema": {"href": f"{action}/schema", "name": ACTION},
                "self": {"href": f"{action}{query}", "name": ACTION},
            },
            "payload": {"name": ACTION},
        }
    ]
    return {
        "_links": {"actions": links if available else [], "self": {"href": f"{order}{query}"}},
        "_embedded": {"actions": embedded if available else []},
    }
