"""Creates the parts of the notifications capability when they are first needed, from the function's environment.

Imports are inside the functions, so that a function loads only what it uses. Handlers import what they use at the top,
because Lambda does not limit the CPU while a function starts.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from quickstart import callers, clients, settings

if TYPE_CHECKING:
    from quickstart.notifications.destinations import Destinations
    from quickstart.notifications.forwarding import Forwarder
    from quickstart.notifications.payload_versions import PayloadVersions
    from quickstart.notifications.subscription_records import SubscriptionRecords
    from quickstart.notifications.subscriptions import Subscriber
    from sp_api.caller import Caller


@cache
def destinations() -> "Destinations":
    from quickstart.notifications.destinations import Destinations

    return Destinations()


@cache
def subscription_records() -> "SubscriptionRecords":
    from quickstart.notifications.subscription_records import SubscriptionRecords

    return SubscriptionRecords(callers.selling_partners_table())


@cache
def payload_versions() -> "PayloadVersions":
    from quickstart.notifications.payload_versions import PayloadVersions

    return PayloadVersions(callers.selling_partners_table())


@cache
def forwarder(dead_letter_queue_setting: str) -> "Forwarder":
    """Forwards to the event bus; what the bus refuses goes to the queue in this setting."""
    from quickstart.notifications.forwarding import Forwarder

    return Forwarder(
        events=clients.events(),
        bus_name=settings.required("EVENT_BUS_NAME"),
        dead_letter_queue_url=settings.required(dead_letter_queue_setting),
        selling_partners_table=callers.selling_partners_table(),
    )


def subscriber(seller: "Caller", application: "Caller", notification_type: str) -> "Subscriber":
    """Subscribes one seller to a notification type."""
    from quickstart.notifications.subscriptions import Subscriber

    return Subscriber(
        seller, application, destinations(), subscription_records(), payload_versions(), queue_for(notification_type)
    )


def dedicated_queues() -> Mapping[str, str]:
    """The ARN of a notification type's own queue, where the stack has one.

    ORDER_CHANGE has its own where solicitations are enabled, so that many orders do not delay reports.
    """
    orders_queue_arn = settings.optional("ORDERS_QUEUE_ARN")
    return {"ORDER_CHANGE": orders_queue_arn} if orders_queue_arn else {}


def queue_arns() -> tuple[str, ...]:
    """The ARNs of all queues that receive notifications."""
    return settings.required("NOTIFICATIONS_QUEUE_ARN"), *dedicated_queues().values()


def queue_for(notification_type: str) -> str:
    """The ARN of the queue that receives a type."""
    return dedicated_queues().get(notification_type, settings.required("NOTIFICATIONS_QUEUE_ARN"))
