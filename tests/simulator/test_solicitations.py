"""The Solicitations API: the action that is offered, the window, and the two refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.simulator.support import US, Simulator

ORDER = "903-1671087-0812628"
PATH = f"/solicitations/v1/orders/{ORDER}"
ACTION = f"{PATH}/solicitations/productReviewAndSellerFeedback"
MARKETPLACE = f"?marketplaceIds={US}"
UNAVAILABLE = ("Unauthorized", "The requested solicitation is not available for this amazonOrderId.", "")
OUTSIDE = (
    "Unauthorized",
    "You can't use this feature to request a review outside the 5-30 day range after the order delivery date.",
    "",
)


def order(simulator: Simulator, days_ago: float, **fields: Any) -> str:
    """A seller whose order was delivered `days_ago`."""
    token = simulator.seller("A1")
    delivered = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
    body = {"sellerId": "A1", "marketplaceId": US, "deliveredAt": delivered} | fields
    simulator.control("PUT", f"/orders/{ORDER}", body)
    return token


def test_the_action_is_offered_and_taken_once(simulator: Simulator) -> None:
    token = order(simulator, 7)
    offered = simulator.call("GET", f"{PATH}{MARKETPLACE}", token, status=200).json
    link = {"href": f"{ACTION}{MARKETPLACE}", "name": "productReviewAndSellerFeedback"}
    assert offered["_links"] == {"actions": [link], "self": {"href": f"{PATH}{MARKETPLACE}"}}
    (embedded,) = offered["_embedded"]["actions"]
    assert embedded["_links"]["schema"]["href"] == f"{ACTION}/schema"
    assert simulator.call("POST", f"{ACTION}{MARKETPLACE}", token, status=201).json == {}
    assert simulator.call("POST", f"{ACTION}{MARKETPLACE}", token, status=403).error == UNAVAILABLE
    nothing = simulator.call("GET", f"{PATH}{MARKETPLACE}", token, status=200).json
    assert nothing == {
        "_links": {"actions": [], "self": {"href": f"{PATH}{MARKETPLACE}"}},
        "_embedded": {"actions": []},
    }


@pytest.mark.parametrize(("days_ago", "open_"), [(4.9, False), (5.1, True), (29.9, True), (30.1, False)])
def test_the_window(simulator: Simulator, days_ago: float, open_: bool) -> None:
    token = order(simulator, days_ago)
    actions = simulator.call("GET", f"{PATH}{MARKETPLACE}", token, status=200).json["_links"]["actions"]
    assert bool(actions) == open_
    answer = simulator.call("POST", f"{ACTION}{MARKETPLACE}", token)
    assert answer.status == (201 if open_ else 403)
    if not open_:
        assert answer.error == OUTSIDE


def test_the_window_opens_as_time_passes(simulator: Simulator) -> None:
    token = order(simulator, 0)
    simulator.call("POST", f"{ACTION}{MARKETPLACE}", token, status=403)
    simulator.control("PUT", "/clock", {"advanceSeconds": 5 * 86400})
    renewed = simulator.control("POST", "/sellers/A1/authorize")["refreshToken"]
    token = simulator.token(grant_type="refresh_token", refresh_token=renewed)["access_token"]
    simulator.call("POST", f"{ACTION}{MARKETPLACE}", token, status=201)


def test_an_order_that_has_not_shipped(simulator: Simulator) -> None:
    token = order(simulator, 7, orderStatus="Unshipped")
    assert simulator.call("GET", f"{PATH}{MARKETPLACE}", token, status=200).json["_links"]["actions"] == []
    assert simulator.call("POST", f"{ACTION}{MARKETPLACE}", token, status=403).error == OUTSIDE


def test_orders_of_others_and_of_other_marketplaces(simulator: Simulator) -> None:
    order(simulator, 7)
    other = simulator.seller("A2")
    assert simulator.call("GET", f"{PATH}{MARKETPLACE}", other, status=200).json["_links"]["actions"] == []
    assert simulator.call("POST", f"{ACTION}{MARKETPLACE}", other, status=403).error == UNAVAILABLE
    own = simulator.seller("A1")
    simulator.call("POST", f"{ACTION}?marketplaceIds=A1PA6795UKMFR9", own, status=403)


@pytest.mark.parametrize("query", ["", f"{MARKETPLACE},A1PA6795UKMFR9"])
def test_exactly_one_marketplace(simulator: Simulator, query: str) -> None:
    token = order(simulator, 7)
    for method, path in (("GET", PATH), ("POST", ACTION)):
        answer = simulator.call(method, f"{path}{query}", token, status=400)
        assert answer.error[:2] == ("InvalidInput", "Missing or invalid request parameters: [marketplaceIds]")
