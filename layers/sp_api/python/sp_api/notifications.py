"""Notifications API v1: destinations of the application, and subscriptions of selling partners.

Operations on destinations are grantless (Scope.NOTIFICATIONS). Operations on a subscription by its id are documented as
grantless, but SP-API requires the selling partner's token for some types. All others are called as the selling partner.
Destinations exist per region: a destination of another region is not found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sp_api.caller import Caller, Operation
from sp_api.errors import AccessDeniedError, ConflictError
from sp_api.wire import (
    JsonObject,
    OpenEnum,
    child,
    children,
    nothing,
    optional_child,
    optional_text,
    text,
    texts,
    without_nothing,
)

_DESTINATIONS = "/notifications/v1/destinations"
_SUBSCRIPTIONS = "/notifications/v1/subscriptions"
_CREATE_DESTINATION = Operation("createDestination", "POST", _DESTINATIONS, 1)
_GET_DESTINATIONS = Operation("getDestinations", "GET", _DESTINATIONS, 1)
_GET_DESTINATION = Operation("getDestination", "GET", f"{_DESTINATIONS}/{{destinationId}}", 1)
_DELETE_DESTINATION = Operation("deleteDestination", "DELETE", f"{_DESTINATIONS}/{{destinationId}}", 1)
_CREATE_SUBSCRIPTION = Operation("createSubscription", "POST", f"{_SUBSCRIPTIONS}/{{notificationType}}", 1)
_GET_SUBSCRIPTION = Operation("getSubscription", "GET", f"{_SUBSCRIPTIONS}/{{notificationType}}", 1)
_GET_SUBSCRIPTIONS = Operation("getSubscriptions", "GET", _SUBSCRIPTIONS, 1)
_BY_ID = f"{_SUBSCRIPTIONS}/{{notificationType}}/{{subscriptionId}}"
_GET_SUBSCRIPTION_BY_ID = Operation("getSubscriptionById", "GET", _BY_ID, 1)
_DELETE_SUBSCRIPTION_BY_ID = Operation("deleteSubscriptionById", "DELETE", _BY_ID, 1)
_SEND_TEST_NOTIFICATION = Operation(
    "sendTestNotification", "POST", f"{_SUBSCRIPTIONS}/{{notificationType}}/testNotification", 1
)


class AggregationTimePeriod(OpenEnum):
    """The period over which frequent notifications are combined into one."""

    FIVE_MINUTES = "FiveMinutes"
    TEN_MINUTES = "TenMinutes"


class OrderChangeType(OpenEnum):
    """The kind of change that an ORDER_CHANGE notification reports."""

    BUYER_REQUESTED_CHANGE = "BuyerRequestedChange"
    DELIVERY_TIP_CHANGE = "DeliveryTipChange"
    ORDER_STATUS_CHANGE = "OrderStatusChange"


@dataclass(frozen=True)
class Destination:
    """Where notifications go: `queue_arn` is the SQS queue, None for a destination of EventBridge."""

    destination_id: str
    name: str
    queue_arn: str | None = None


@dataclass(frozen=True)
class EventFilter:
    """Which events of a type are sent. `event_filter_type` is ANY_OFFER_CHANGED, ORDER_CHANGE or
    SHIPMENT_TRACKING_MILESTONE_CHANGED. `other` has the fields that this client does not know, unchanged.
    """

    event_filter_type: str
    marketplace_ids: Sequence[str] = ()
    order_change_types: Sequence[OrderChangeType] = ()
    aggregation_time_period: AggregationTimePeriod | None = None
    other: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class ProcessingDirective:
    """How notifications are filtered: by `event_filter` or by `filter_expression` (at most 256 characters), not both.

    `other` has the fields that this client does not know, unchanged.
    """

    event_filter: EventFilter | None = None
    filter_expression: str | None = None
    other: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Subscription:
    """A selling partner's subscription to one notification type in one payload version."""

    subscription_id: str
    destination_id: str
    payload_version: str
    processing_directive: ProcessingDirective | None = None


@dataclass(frozen=True)
class SubscriptionPage:
    """Part of a list of subscriptions; `next_token` requests the next part and is None on the last."""

    subscriptions: tuple[Subscription, ...]
    next_token: str | None


def create_destination(caller: Caller, name: str, queue_arn: str) -> Destination:
    """createDestination for a standard SQS queue. Raises ConflictError when the application has one for this queue."""
    body = {"name": name, "resourceSpecification": {"sqs": {"arn": queue_arn}}}
    return caller.call(_CREATE_DESTINATION, _destination_payload, body=body)


def get_destinations(caller: Caller) -> tuple[Destination, ...]:
    """getDestinations: all of the application's in the region."""
    return caller.call(_GET_DESTINATIONS, lambda answer: children(answer, "payload", _destination))


def get_destination(caller: Caller, destination_id: str) -> Destination:
    """getDestination."""
    return caller.call(_GET_DESTINATION, _destination_payload, path={"destinationId": destination_id})


def delete_destination(caller: Caller, destination_id: str) -> None:
    """deleteDestination. Raises ConflictError when subscriptions use it.

    SP-API answers with a 403, as for a missing role (selling-partner-api-docs issue 1800).
    """
    try:
        caller.call(_DELETE_DESTINATION, nothing, path={"destinationId": destination_id})
    except AccessDeniedError as error:
        if "has subscriptions" not in error.details.lower():
            raise
        raise ConflictError(
            error.operation,
            status=error.status,
            code=error.code,
            message=error.message,
            details=error.details,
            request_id=error.request_id,
        ) from None


def create_subscription(
    caller: Caller,
    notification_type: str,
    payload_version: str,
    destination_id: str,
    processing_directive: ProcessingDirective | None = None,
) -> Subscription:
    """createSubscription. Raises ConflictError when the selling partner has one for this type and version."""
    body = without_nothing(
        payloadVersion=payload_version,
        destinationId=destination_id,
        processingDirective=None if processing_directive is None else directive_document(processing_directive),
    )
    return caller.call(
        _CREATE_SUBSCRIPTION, _subscription_payload, path={"notificationType": notification_type}, body=body
    )


def get_subscription(caller: Caller, notification_type: str, payload_version: str | None = None) -> Subscription:
    """getSubscription, of the latest payload version when None. Raises NotFoundError when there is none."""
    return caller.call(
        _GET_SUBSCRIPTION,
        _subscription_payload,
        path={"notificationType": notification_type},
        query={"payloadVersion": payload_version},
    )


def get_subscriptions(
    caller: Caller,
    notification_type: str,
    payload_version: str | None = None,
    page_size: int | None = None,
    next_token: str | None = None,
) -> SubscriptionPage:
    """getSubscriptions: the selling partner's of a type, where filters allow several. `page_size` is 30 to 100."""
    return caller.call(
        _GET_SUBSCRIPTIONS,
        _subscription_page,
        query={
            "notificationTypes": [notification_type],
            "payloadVersion": payload_version,
            "pageSize": None if page_size is None else str(page_size),
            "nextToken": next_token,
        },
    )


def get_subscription_by_id(caller: Caller, notification_type: str, subscription_id: str) -> Subscription:
    """getSubscriptionById; see `delete_subscription_by_id` for the caller."""
    return caller.call(_GET_SUBSCRIPTION_BY_ID, _subscription_payload, path=_by_id(notification_type, subscription_id))


def delete_subscription_by_id(caller: Caller, notification_type: str, subscription_id: str) -> None:
    """deleteSubscriptionById.

    A grantless caller may delete any selling partner's subscription (Notifications API v1), but SP-API refuses it for
    B2B_ANY_OFFER_CHANGED (selling-partner-api-docs issue 493). The selling partner may delete its own, except for
    other types (selling-partner-api-models issue 4753).
    """
    caller.call(_DELETE_SUBSCRIPTION_BY_ID, nothing, path=_by_id(notification_type, subscription_id))


def send_test_notification(
    caller: Caller,
    notification_type: str,
    destination_id: str,
    payload_version: str,
    test_scenario: str | None = None,
) -> None:
    """sendTestNotification: a mock notification to the destination. Sandbox only; grantless."""
    body = without_nothing(
        destinationId=destination_id,
        testNotification=without_nothing(payloadVersion=payload_version, testScenario=test_scenario),
    )
    caller.call(_SEND_TEST_NOTIFICATION, nothing, path={"notificationType": notification_type}, body=body)


def _by_id(notification_type: str, subscription_id: str) -> Mapping[str, str]:
    return {"notificationType": notification_type, "subscriptionId": subscription_id}


def _destination_payload(document: JsonObject) -> Destination:
    return _destination(child(document, "payload"))


def _destination(document: JsonObject) -> Destination:
    resource = child(document, "resource")
    queue = optional_child(resource, "sqs")
    return Destination(
        destination_id=text(document, "destinationId"),
        name=text(document, "name"),
        queue_arn=None if queue is None else text(queue, "arn"),
    )


def _subscription_payload(document: JsonObject) -> Subscription:
    return _subscription(child(document, "payload"))


def _subscription(document: JsonObject) -> Subscription:
    directive = optional_child(document, "processingDirective")
    return Subscription(
        subscription_id=text(document, "subscriptionId"),
        destination_id=text(document, "destinationId"),
        payload_version=_payload_version(document),
        processing_directive=None if directive is None else read_directive(directive),
    )


def _payload_version(document: JsonObject) -> str:
    """SP-API has sent the number 1.0 (selling-partner-api-docs issue 2649)."""
    version = document.get("payloadVersion")
    return str(version) if isinstance(version, float) else text(document, "payloadVersion")


def _subscription_page(document: JsonObject) -> SubscriptionPage:
    payload = child(document, "payload")
    return SubscriptionPage(
        children(payload, "subscriptions", _subscription), optional_text(payload, "nextToken") or None
    )


def read_directive(document: JsonObject) -> ProcessingDirective:
    """The directive from SP-API's form. Raises `sp_api.wire.MalformedError`."""
    event_filter = optional_child(document, "eventFilter")
    return ProcessingDirective(
        event_filter=None if event_filter is None else _event_filter(event_filter),
        filter_expression=optional_text(document, "filterExpression"),
        other=_without(document, "eventFilter", "filterExpression"),
    )


def directive_document(directive: ProcessingDirective) -> JsonObject:
    """The directive in SP-API's form."""
    event_filter = directive.event_filter
    known = without_nothing(
        eventFilter=None if event_filter is None else _event_filter_document(event_filter),
        filterExpression=directive.filter_expression,
    )
    return {**known, **directive.other}


def _event_filter(document: JsonObject) -> EventFilter:
    known = ["eventFilterType", "marketplaceIds", "orderChangeTypes"]
    aggregation, period = optional_child(document, "aggregationSettings"), None
    # Settings with more fields than the model has stay as they are, in `other`.
    if aggregation is not None and aggregation.keys() == {"aggregationTimePeriod"}:
        known.append("aggregationSettings")
        period = AggregationTimePeriod(text(aggregation, "aggregationTimePeriod"))
    return EventFilter(
        event_filter_type=text(document, "eventFilterType"),
        marketplace_ids=texts(document, "marketplaceIds"),
        order_change_types=tuple(OrderChangeType(name) for name in texts(document, "orderChangeTypes")),
        aggregation_time_period=period,
        other=_without(document, *known),
    )


def _event_filter_document(event_filter: EventFilter) -> JsonObject:
    period = event_filter.aggregation_time_period
    known = without_nothing(
        eventFilterType=event_filter.event_filter_type,
        marketplaceIds=list(event_filter.marketplace_ids),
        orderChangeTypes=[str(change) for change in event_filter.order_change_types],
        aggregationSettings=None if period is None else {"aggregationTimePeriod": str(period)},
    )
    return {**known, **event_filter.other}


def _without(document: JsonObject, *names: str) -> JsonObject:
    """The other fields that have a value: SP-API writes null for fields that are not set."""
    return {name: value for name, value in document.items() if name not in names and value is not None}
