"""SP-API's notification types: which are supported, in which payload versions, and with which filters.

Sources: SP-API docs, "Notification type values" and "Create and filter notification subscriptions"; the examples in
selling-partner-api-models, schemas/notifications.
"""

from collections.abc import Mapping
from dataclasses import dataclass

REPORTS_TYPE = "REPORT_PROCESSING_FINISHED"
USE_CASE_GUIDE = "https://developer-docs.amazon.com/sp-api/docs/notifications-api-v1-use-case-guide"
# Amazon's Quick Start and samples create every subscription with this version.
FIRST_VERSION = "1.0"


@dataclass(frozen=True)
class NotificationType:
    """A type of SP-API's SQS workflow.

    `payload_versions` are those to try for a new subscription, the one with the most evidence first. The version in a
    published example is that of a delivered message; createSubscription may not accept it. `event_filter` is whether
    the type accepts an event filter (Notifications API v1, EventFilter.eventFilterType). SP-API requires a filter for
    `filled_in` types, so one that filters nothing out is sent by default.
    """

    payload_versions: tuple[str, ...] = (FIRST_VERSION,)
    event_filter: bool = False
    filled_in: bool = False


SQS_TYPES: Mapping[str, NotificationType] = {
    "ACCOUNT_STATUS_CHANGED": NotificationType((FIRST_VERSION, "2021-01-01")),
    "ANY_OFFER_CHANGED": NotificationType(event_filter=True, filled_in=True),
    "B2B_ANY_OFFER_CHANGED": NotificationType(),
    "DATA_KIOSK_QUERY_PROCESSING_FINISHED": NotificationType((FIRST_VERSION, "2023-11-15")),
    "DETAIL_PAGE_TRAFFIC_EVENT": NotificationType((FIRST_VERSION, "2020-09-04")),
    "EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE": NotificationType(),
    "FBA_INVENTORY_AVAILABILITY_CHANGES": NotificationType(),
    "FBA_OUTBOUND_SHIPMENT_STATUS": NotificationType(),
    "FEE_PROMOTION": NotificationType(),
    "FEED_PROCESSING_FINISHED": NotificationType((FIRST_VERSION, "2020-09-04")),
    "FULFILLMENT_ORDER_STATUS": NotificationType(),
    "ITEM_INVENTORY_EVENT_CHANGE": NotificationType((FIRST_VERSION, "2020-09-04")),
    "ITEM_SALES_EVENT_CHANGE": NotificationType((FIRST_VERSION, "2020-09-04")),
    "ORDER_CHANGE": NotificationType(event_filter=True, filled_in=True),
    "PRICING_HEALTH": NotificationType(),
    REPORTS_TYPE: NotificationType((FIRST_VERSION, "2020-09-04")),
    "TRANSACTION_UPDATE": NotificationType(),
}

EVENT_BRIDGE_TYPES = frozenset(
    {
        "BRANDED_ITEM_CONTENT_CHANGE",
        "ITEM_PRODUCT_TYPE_CHANGE",
        "LISTINGS_ITEM_ISSUES_CHANGE",
        "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
        "LISTINGS_ITEM_STATUS_CHANGE",
        "PRODUCT_TYPE_DEFINITIONS_CHANGE",
        "SHIPMENT_TRACKING_MILESTONE_CHANGED",
    }
)
"""Types that SP-API sends to an Amazon EventBridge partner event source, not to queues."""

APPLICATION_TYPES = frozenset({"APPLICATION_OAUTH_CLIENT_NEW_SECRET", "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY"})
"""Types about the application itself, to which sellers do not subscribe."""


_ANY_TYPE = "AllowUnknownType: true sends the request to SP-API all the same"


def known_versions(notification_type: str) -> tuple[str, ...]:
    """The payload versions to try for a type; version 1.0 for one that this stack does not know."""
    known = SQS_TYPES.get(notification_type)
    return (FIRST_VERSION,) if known is None else known.payload_versions


def why_not(notification_type: str) -> tuple[str, str] | None:
    """The error code and message for a type that is not supported; None for one that is."""
    if notification_type in SQS_TYPES:
        return None
    if notification_type in EVENT_BRIDGE_TYPES:
        return (
            "EventBridgeWorkflow",
            f"SP-API sends {notification_type} to Amazon EventBridge, not to queues, so this stack cannot subscribe to "
            f"it: associate SP-API's partner event source with an event bus of your own, see 'Set up notifications "
            f"using the Amazon EventBridge workflow' in {USE_CASE_GUIDE}. {_ANY_TYPE}",
        )
    if notification_type in APPLICATION_TYPES:
        return (
            "ApplicationNotification",
            f"{notification_type} is about the application and not about a seller: enter a queue for it under "
            f"Notification Preferences in the developer console. {_ANY_TYPE}",
        )
    return (
        "InvalidValue",
        f"NotificationType must be one of {', '.join(SQS_TYPES)}. For a type that SP-API added later, {_ANY_TYPE}",
    )
