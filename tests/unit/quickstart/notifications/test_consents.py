"""Subscriptions after a consent, against the simulator."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from quickstart.notifications.consents import subscribe_after_consent
from quickstart.notifications.subscription_requests import SubscriptionRequest
from quickstart.notifications.subscriptions import Subscriber
from quickstart.token_vault import SellerUnknownError
from sp_api.errors import InvalidInputError
from tests.unit.quickstart.notifications.test_subscriber import REPORTS, Stack, of_the_old_quick_start, simulator
from tests.unit.sp_api.test_simulator import SELLER_ID, Simulator, address

__all__ = ["address", "simulator"]

LogLines = Callable[[], list[dict[str, Any]]]
OTHER = "PRICING_HEALTH"


@pytest.fixture
def stack(simulator: Simulator) -> Stack:
    return Stack(simulator)


def subscriber(stack: Stack, _: SubscriptionRequest) -> Subscriber:
    return Subscriber(
        stack.simulator.seller(),
        stack.simulator.grantless(),
        stack.destinations,
        stack.records,
        stack.versions,
        stack.queue_arn,
    )


def test_each_type_is_subscribed_and_a_repeat_changes_nothing(stack: Stack, log_lines: LogLines) -> None:
    for _ in range(2):
        subscribe_after_consent(SELLER_ID, "NA", [REPORTS, OTHER], partial(subscriber, stack))
        assert len(stack.at_sp_api(REPORTS)) == len(stack.at_sp_api(OTHER)) == 1
    assert len(stack.recorded()) == 2
    names = ("level", "message", "seller_id", "region", "notification_type", "subscription_id")
    assert [[line[name] for name in names] for line in log_lines()] == [
        ["INFO", "subscribed after consent", SELLER_ID, "NA", each, subscription_id]
        for each in (REPORTS, OTHER)
        for subscription_id, _ in stack.at_sp_api(each)
    ] * 2


def test_another_installations_subscription_is_kept_and_the_other_types_are_subscribed(
    stack: Stack, log_lines: LogLines
) -> None:
    old = of_the_old_quick_start(stack.simulator)
    subscribe_after_consent(SELLER_ID, "NA", [REPORTS, OTHER], partial(subscriber, stack))
    assert [found for found, _ in stack.at_sp_api(REPORTS)] == [old.subscription_id]
    assert [found for found, _ in stack.at_sp_api(OTHER)] == stack.recorded()
    (line,) = [line for line in log_lines() if line["level"] == "ERROR"]
    assert line["message"] == "not subscribed: the seller has another subscription"
    assert (line["notification_type"], line["seller_id"]) == (REPORTS, SELLER_ID)
    assert old.subscription_id in line["reason"]


def test_a_seller_that_has_left_is_not_subscribed(log_lines: LogLines) -> None:
    """Its message must not wait in the queue, nor become a dead letter with its id."""

    def left(_: SubscriptionRequest) -> Subscriber:
        raise SellerUnknownError(SELLER_ID, "NA")

    subscribe_after_consent(SELLER_ID, "NA", [REPORTS, OTHER], left)
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("INFO", "not subscribed: the seller has left")


def test_of_a_type_that_is_not_in_the_list_sp_api_is_asked_and_the_others_are_subscribed(
    stack: Stack, log_lines: LogLines
) -> None:
    """The first failure is raised."""
    types = ["TAX_INVOICE_CREATED", "TAX_INVOICE_CANCELLED", OTHER]
    with pytest.raises(InvalidInputError, match="Invalid notification type TAX_INVOICE_CREATED"):
        subscribe_after_consent(SELLER_ID, "NA", types, partial(subscriber, stack))
    assert len(stack.at_sp_api(OTHER)) == 1
    failed = [line for line in log_lines() if line["level"] == "WARNING"]
    assert [(line["message"], line["notification_type"]) for line in failed] == [
        ("not subscribed", "TAX_INVOICE_CREATED"),
        ("not subscribed", "TAX_INVOICE_CANCELLED"),
    ]
    assert "Invalid notification type TAX_INVOICE_CANCELLED" in failed[1]["reason"]
