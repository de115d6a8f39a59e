"""SP-API's notification types: which can be subscribed to here, in which payload version, and filtered by what.

Sources: SP-API docs, "Notification type values" and "Create and filter notification subscriptions"; the examples in
selling-partner-api-models, schemas/notifications.
"""

from collections.abc import Mapping
from dataclasses import dataclass

USE_CASE_GUIDE = "https://developer-docs.amazon.com/sp-api/docs/notifications-api-v1-use-case-guide"


@dataclass(frozen=True)
class NotificationType:
    """A type of SP-API's SQS workflow.

    `event_filter` holds the fields that its event filter takes beside eventFilterType; None when it takes no event
    filter. SP-API demands a filter from `filled_in` types, so one that filters nothing out is sent where none is asked.
    """

    payload_version: str
    event_filter: frozenset[str] | None = None
    filled_in: bool = False
    filter_expression: bool = True


SQS_TYPES: Mapping[str, NotificationType] = {
    "ACCOUNT_STATUS_CHANGED": NotificationType("2021-01-01"),
    "ANY_OFFER_CHANGED": NotificationType(
        "1.0", event_filter=frozenset({"marketplaceIds", "aggregationSettings"}), filled_in=True
    ),
    "B2B_ANY_OFFER_CHANGED": NotificationType("1.0"),
    "DATA_KIOSK_QUERY_PROCESSING_FINISHED": NotificationType("2023-11-15", filter_expression=False),
    "DETAIL_PAGE_TRAFFIC_EVENT": NotificationType("2020-09-04"),
    "EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE": NotificationType("1.0"),
    "FBA_INVENTORY_AVAILABILITY_CHANGES": NotificationType("1.0"),
    "FBA_OUTBOUND_SHIPMENT_STATUS": NotificationType("1.0"),
    "FEE_PROMOTION": NotificationType("1.0"),
    "FEED_PROCESSING_FINISHED": NotificationType("2020-09-04"),
    "FULFILLMENT_ORDER_STATUS": NotificationType("1.0"),
    "ITEM_INVENTORY_EVENT_CHANGE": NotificationType("2020-09-04"),
    "ITEM_SALES_EVENT_CHANGE": NotificationType("2020-09-04"),
    # SP-API refuses marketplaceIds for it (selling-partner-api-models issue 4135).
    "ORDER_CHANGE": NotificationType("1.0", event_filter=frozenset({"orderChangeTypes"}), filled_in=True),
    "PRICING_HEALTH": NotificationType("1.0"),
    "REPORT_PROCESSING_FINISHED": NotificationType("2020-09-04"),
    "TRANSACTION_UPDATE": NotificationType("1.0"),
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
"""Types that SP-API sends to an Amazon EventBridge partner event source and to no queue."""

APPLICATION_TYPES = frozenset({"APPLICATION_OAUTH_CLIENT_NEW_SECRET", "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY"})
"""Types about the application itself, which no seller subscribes to."""


def why_not(notification_type: str) -> tuple[str, str] | None:
    """The error code and the words for a type that cannot be subscribed to here; None for one that can."""
    if notification_type in SQS_TYPES:
        return None
    if notification_type in EVENT_BRIDGE_TYPES:
        return (
            "EventBridgeWorkflow",
            f"SP-API sends {notification_type} to Amazon EventBridge and to no queue, so it cannot be subscribed to "
            f"here: associate SP-API's partner event source with an event bus of your own, see 'Set up notifications "
            f"using the Amazon EventBridge workflow' in {USE_CASE_GUIDE}",
        )
    if notification_type in APPLICATION_TYPES:
        return (
            "ApplicationNotification",
            f"{notification_type} is about the application and not about a seller: enter a queue for it under "
            "Notification Preferences in the developer console",
        )
    return "InvalidValue", f"NotificationType must be one of {', '.join(SQS_TYPES)}"
