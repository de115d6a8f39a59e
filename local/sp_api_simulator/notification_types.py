"""The notification types, the case of their fields, and the directives that their subscriptions accept."""

from __future__ import annotations

import json
import re

from sp_api_simulator.errors import unparsable
from sp_api_simulator.state import Json

CAMEL_CASE_TYPES = frozenset(
    {
        "ACCOUNT_STATUS_CHANGED",
        "APPLICATION_OAUTH_CLIENT_NEW_SECRET",
        "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY",
        "DATA_KIOSK_QUERY_PROCESSING_FINISHED",
        "DETAIL_PAGE_TRAFFIC_EVENT",
        "FEED_PROCESSING_FINISHED",
        "ITEM_INVENTORY_EVENT_CHANGE",
        "ITEM_SALES_EVENT_CHANGE",
        "PRICING_HEALTH",
        "REPORT_PROCESSING_FINISHED",
        "SHIPMENT_TRACKING_MILESTONE_CHANGED",
    }
)
"""Types whose envelope is written in camelCase; all others use PascalCase (selling-partner-api-models,
schemas/notifications).
"""

APPLICATION_TYPES = frozenset({"APPLICATION_OAUTH_CLIENT_NEW_SECRET", "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY"})
"""Types that are registered in the developer console, not with createSubscription."""

SUBSCRIBABLE_TYPES = (CAMEL_CASE_TYPES - APPLICATION_TYPES) | frozenset(
    {
        "ANY_OFFER_CHANGED",
        "B2B_ANY_OFFER_CHANGED",
        "BRANDED_ITEM_CONTENT_CHANGE",
        "EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE",
        "FBA_INVENTORY_AVAILABILITY_CHANGES",
        "FBA_OUTBOUND_SHIPMENT_STATUS",
        "FEE_PROMOTION",
        "FULFILLMENT_ORDER_STATUS",
        "ITEM_PRODUCT_TYPE_CHANGE",
        "LISTINGS_ITEM_ISSUES_CHANGE",
        "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
        "LISTINGS_ITEM_STATUS_CHANGE",
        "ORDER_CHANGE",
        "PRODUCT_TYPE_DEFINITIONS_CHANGE",
        "TRANSACTION_UPDATE",
    }
)

EVENT_FILTER_FIELDS = {
    "ANY_OFFER_CHANGED": frozenset({"eventFilterType", "marketplaceIds", "aggregationSettings"}),
    "ORDER_CHANGE": frozenset({"eventFilterType", "orderChangeTypes"}),
    "SHIPMENT_TRACKING_MILESTONE_CHANGED": frozenset({"eventFilterType", "trackingIdentifier"}),
}
"""Types that take an event filter, with the filter's fields.

ORDER_CHANGE refuses marketplaceIds (selling-partner-api-models issue 4135).
"""

TRACKING_IDENTIFIERS = frozenset(
    {"id", "acsin", "aftn", "containerNumber", "houseBillOfLadingNumber", "carrierTracking"}
)
AGGREGATION_PERIODS = frozenset({"FiveMinutes", "TenMinutes"})
ORDER_CHANGE_TYPES = frozenset({"BuyerRequestedChange", "DeliveryTipChange", "OrderStatusChange"})
EXPRESSION_FORBIDDEN = re.compile(r"[+\-*/%\[\]]")
STRING_LITERALS = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`""")
EXPRESSION_LENGTH = 256


def check_directive(notification_type: str, directive: Json) -> None:
    if directive is None:
        if notification_type == "ORDER_CHANGE":
            raise unparsable("processingDirective is required for notification type ORDER_CHANGE")
        return
    if not isinstance(directive, dict) or directive.keys() - {"eventFilter", "filterExpression"}:
        raise unparsable("processingDirective is invalid")
    event_filter, expression = directive.get("eventFilter"), directive.get("filterExpression")
    if (event_filter is None) == (expression is None):
        raise unparsable("processingDirective must have one of eventFilter and filterExpression")
    if expression is not None:
        valid_length = isinstance(expression, str) and 1 <= len(expression) <= EXPRESSION_LENGTH
        if not valid_length or EXPRESSION_FORBIDDEN.search(STRING_LITERALS.sub("", expression)):
            raise unparsable("filterExpression is invalid")
        return
    if not _valid_filter(notification_type, event_filter):
        payload = json.dumps(event_filter, separators=(",", ":"))
        raise unparsable(f"EventFilter Payload {payload} failed to validate for notification type {notification_type}")


def _valid_filter(notification_type: str, event_filter: Json) -> bool:
    fields = EVENT_FILTER_FIELDS.get(notification_type)
    if fields is None or not isinstance(event_filter, dict) or event_filter.get("eventFilterType") != notification_type:
        return False
    if event_filter.keys() - fields:
        return False
    settings = event_filter.get("aggregationSettings", {"aggregationTimePeriod": "FiveMinutes"})
    tracking = event_filter.get("trackingIdentifier", {"id": ""})
    return (
        _strings(event_filter.get("marketplaceIds", []))
        and _strings(event_filter.get("orderChangeTypes", []), ORDER_CHANGE_TYPES)
        and isinstance(settings, dict)
        and _strings([settings.get("aggregationTimePeriod")], AGGREGATION_PERIODS)
        and isinstance(tracking, dict)
        and len(tracking) == 1
        and tracking.keys() <= TRACKING_IDENTIFIERS
    )


def _strings(values: Json, allowed: frozenset[str] | None = None) -> bool:
    """Whether `values` is a list of strings, all of them allowed."""
    return isinstance(values, list) and all(
        isinstance(value, str) and (allowed is None or value in allowed) for value in values
    )


def passes(directive: Json, payload: Json) -> bool:
    """Whether the event filter lets the payload through. Filter expressions are stored, not evaluated."""
    event_filter = (directive or {}).get("eventFilter", {})
    content = payload if isinstance(payload, dict) else {}
    change = content.get("OrderChangeNotification", {})
    change_types = event_filter.get("orderChangeTypes")
    if change_types and change.get("OrderChangeType") not in change_types:
        return False
    marketplaces = event_filter.get("marketplaceIds")
    trigger = content.get("AnyOfferChangedNotification", {}).get("OfferChangeTrigger", {})
    return not marketplaces or trigger.get("MarketplaceId") in marketplaces
