"""Notifications API v1: destinations of the application, and subscriptions of selling partners.

Operations on destinations and on a subscription by its id are grantless (Scope.NOTIFICATIONS); the others are called as
the selling partner. Destinations exist per region: one made in another region is unknown here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    """How long frequent notifications are gathered into one."""

    FIVE_MINUTES = "FiveMinutes"
    TEN_MINUTES = "TenMinutes"


class OrderChangeType(OpenEnum):
    """What an ORDER_CHANGE notification tells of."""

    BUYER_REQUESTED_CHANGE = "BuyerRequestedChange"
    DELIVERY_TIP_CHANGE = "DeliveryTipChange"
    ORDER_STATUS_CHANGE = "OrderStatusChange"


@dataclass(frozen=True)
class EventBridgeResource:
    """A partner event source; SP-API gives the name when it makes the destination."""

    account_id: str
    region: str
    name: str | None = None


@dataclass(frozen=True)
class Destination:
    """Where notifications go: `queue_arn` of an SQS queue, or `event_bridge`."""

    destination_id: str
    name: str
    queue_arn: str | None = None
    event_bridge: EventBridgeResource | None = None


@dataclass(frozen=True)
class EventFilter:
    """Which events of a type are sent. `event_filter_type` is ANY_OFFER_CHANGED, ORDER_CHANGE or
    SHIPMENT_TRACKING_MILESTONE_CHANGED; `tracking_identifier` is SP-API's TrackingIdentifier as it stands.
    """

    event_filter_type: str
    marketplace_ids: Sequence[str] = ()
    order_change_types: Sequence[OrderChangeType] = ()
    aggregation_time_period: AggregationTimePeriod | None = None
    tracking_identifier: JsonObject | None = None


@dataclass(frozen=True)
class ProcessingDirective:
    """How notifications are filtered: by `event_filter` or by `filter_expression` (at most 256 characters), not both.

    ORDER_CHANGE needs an event filter; most types take none.
    """

    event_filter: EventFilter | None = None
    filter_expression: str | None = None


@dataclass(frozen=True)
class Subscription:
    """A selling partner's subscription to one notification type in one payload version."""

    subscription_id: str
    destination_id: str
    payload_version: str
    processing_directive: ProcessingDirective | None = None


@dataclass(frozen=True)
class SubscriptionPage:
    """Part of a list of subscriptions; `next_token` asks for the next part and is None on the last."""

    subscriptions: tuple[Subscription, ...]
    next_token: str | None


def create_destination(caller: Caller, name: str, queue_arn: str) -> Destination:
    """createDestination for a standard SQS queue. Raises ConflictError when the application has one for this queue."""
    return _create_destination(caller, name, {"sqs": {"arn": queue_arn}})


def create_event_bridge_destination(caller: Caller, name: str, account_id: str, region: str) -> Destination:
    """createDestination for EventBridge in the given AWS account and region. Raises ConflictError when there is one."""
    return _create_destination(caller, name, {"eventBridge": {"accountId": account_id, "region": region}})


def get_destinations(caller: Caller) -> tuple[Destination, ...]:
    """getDestinations: all of the application's in the region."""
    return caller.call(_GET_DESTINATIONS, lambda answer: children(answer, "payload", _destination))


def get_destination(caller: Caller, destination_id: str) -> Destination:
    """getDestination."""
    return caller.call(_GET_DESTINATION, _destination_payload, path={"destinationId": destination_id})


def delete_destination(caller: Caller, destination_id: str) -> None:
    """deleteDestination. Raises ConflictError when subscriptions use it.

    SP-API answers that with a 403 as for a missing role (selling-partner-api-docs issue 1800).
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
    """getSubscriptionById, of any selling partner; grantless."""
    return caller.call(_GET_SUBSCRIPTION_BY_ID, _subscription_payload, path=_by_id(notification_type, subscription_id))


def delete_subscription_by_id(caller: Caller, notification_type: str, subscription_id: str) -> None:
    """deleteSubscriptionById, of any selling partner; grantless."""
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


def _create_destination(caller: Caller, name: str, resource: Mapping[str, object]) -> Destination:
    body = {"name": name, "resourceSpecification": resource}
    return caller.call(_CREATE_DESTINATION, _destination_payload, body=body)


def _by_id(notification_type: str, subscription_id: str) -> Mapping[str, str]:
    return {"notificationType": notification_type, "subscriptionId": subscription_id}


def _destination_payload(document: JsonObject) -> Destination:
    return _destination(child(document, "payload"))


def _destination(document: JsonObject) -> Destination:
    resource = child(document, "resource")
    queue = optional_child(resource, "sqs")
    event_bridge = optional_child(resource, "eventBridge")
    return Destination(
        destination_id=text(document, "destinationId"),
        name=text(document, "name"),
        queue_arn=None if queue is None else text(queue, "arn"),
        event_bridge=None if event_bridge is None else _event_bridge(event_bridge),
    )


def _event_bridge(document: JsonObject) -> EventBridgeResource:
    return EventBridgeResource(
        account_id=text(document, "accountId"), region=text(document, "region"), name=optional_text(document, "name")
    )


def _subscription_payload(document: JsonObject) -> Subscription:
    return _subscription(child(document, "payload"))


def _subscription(document: JsonObject) -> Subscription:
    directive = optional_child(document, "processingDirective")
    return Subscription(
        subscription_id=text(document, "subscriptionId"),
        destination_id=text(document, "destinationId"),
        payload_version=text(document, "payloadVersion"),
        processing_directive=None if directive is None else _directive(directive),
    )


def _subscription_page(document: JsonObject) -> SubscriptionPage:
    payload = child(document, "payload")
    return SubscriptionPage(
        children(payload, "subscriptions", _subscription), optional_text(payload, "nextToken") or None
    )


def _directive(document: JsonObject) -> ProcessingDirective:
    event_filter = optional_child(document, "eventFilter")
    return ProcessingDirective(
        event_filter=None if event_filter is None else _event_filter(event_filter),
        filter_expression=optional_text(document, "filterExpression"),
    )


def _event_filter(document: JsonObject) -> EventFilter:
    aggregation = optional_child(document, "aggregationSettings")
    return EventFilter(
        event_filter_type=text(document, "eventFilterType"),
        marketplace_ids=texts(document, "marketplaceIds"),
        order_change_types=tuple(OrderChangeType(name) for name in texts(document, "orderChangeTypes")),
        aggregation_time_period=(
            None if aggregation is None else AggregationTimePeriod(text(aggregation, "aggregationTimePeriod"))
        ),
        tracking_identifier=optional_child(document, "trackingIdentifier"),
    )


def directive_document(directive: ProcessingDirective) -> JsonObject:
    """The directive as SP-API writes it."""
    event_filter = directive.event_filter
    return without_nothing(
        eventFilter=None if event_filter is None else _event_filter_document(event_filter),
        filterExpression=directive.filter_expression,
    )


def _event_filter_document(event_filter: EventFilter) -> JsonObject:
    period = event_filter.aggregation_time_period
    return without_nothing(
        eventFilterType=event_filter.event_filter_type,
        marketplaceIds=list(event_filter.marketplace_ids),
        orderChangeTypes=[str(change) for change in event_filter.order_change_types],
        aggregationSettings=None if period is None else {"aggregationTimePeriod": str(period)},
        trackingIdentifier=event_filter.tracking_identifier,
    )
