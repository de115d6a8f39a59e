"""The Notifications API: destinations, subscriptions, and the sending of notifications to them."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Iterable
from dataclasses import replace

from botocore.exceptions import BotoCoreError, ClientError

from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.clock import notification_timestamp
from sp_api_simulator.errors import OperationError, resource_not_found, unparsable
from sp_api_simulator.state import Destination, Json, Notification, Region, Report, Seller, State, Subscription

logger = logging.getLogger(__name__)

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

QUEUE_ARN = re.compile(r"arn:aws:sqs:\S+:\S+:\S+")
PAYLOAD_VERSION = re.compile(r"\d+\.\d+|\d{4}-\d{2}-\d{2}")
NAME_LENGTH = 256
ARN_LENGTH = 1000
EXPRESSION_LENGTH = 256
PAGE_SIZES = range(30, 101)


async def create_destination(state: State, call: Call) -> Answer:
    """409 if the region has such a destination of the application already (selling-partner-api-docs issue 1800)."""
    body = _body(call)
    name = body.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_LENGTH:
        raise unparsable(f"name must be a string of 1 to {NAME_LENGTH} characters")
    destination = _destination(call, name, body.get("resourceSpecification"))
    for existing in _destinations(state, call):
        if _resource_key(existing) == _resource_key(destination):
            application_id = state.applications[call.token.client_id].application_id
            details = (
                f"A destination with arn {_resource_name(existing)} already exists for the application {application_id}"
            )
            raise OperationError(
                409, "Conflict", "The requested resource conflict with a resource in the server.", details
            )
    state.destinations[destination.destination_id] = destination
    return Answer(200, {"payload": _destination_json(state, destination)})


async def get_destinations(state: State, call: Call) -> Answer:
    return Answer(
        200, {"payload": [_destination_json(state, destination) for destination in _destinations(state, call)]}
    )


async def get_destination(state: State, call: Call) -> Answer:
    return Answer(200, {"payload": _destination_json(state, _own_destination(state, call))})


async def delete_destination(state: State, call: Call) -> Answer:
    """403 while a subscription uses the destination (selling-partner-api-docs issue 1800)."""
    destination = _own_destination(state, call)
    if any(subscription.destination_id == destination.destination_id for subscription in state.subscriptions.values()):
        raise OperationError(403, "Unauthorized", "The requested action is forbidden.", "Destination has subscriptions")
    del state.destinations[destination.destination_id]
    return Answer(200, {})


async def create_subscription(state: State, call: Call) -> Answer:
    """409 if the seller has a subscription of this type and payload version; several may exist if each has a filter
    expression.
    """
    notification_type = _notification_type(call)
    body = _body(call)
    payload_version = body.get("payloadVersion")
    if not isinstance(payload_version, str) or not PAYLOAD_VERSION.fullmatch(payload_version):
        raise unparsable("payloadVersion is missing or invalid")
    destination_id = body.get("destinationId")
    destination = state.destinations.get(destination_id) if isinstance(destination_id, str) else None
    if destination is None or destination not in _destinations(state, call):
        raise unparsable(f"No destination with id {destination_id}")
    directive = body.get("processingDirective")
    _check_directive(notification_type, directive)
    expression = (directive or {}).get("filterExpression")
    for existing in _subscriptions(state, call, notification_type):
        same_expression = ((existing.processing_directive or {}).get("filterExpression")) == expression
        if existing.payload_version == payload_version and (same_expression or expression is None):
            details = f"Subscription already exist for notification type {notification_type}"
            raise OperationError(
                409, "StateConflict", "The resource specified conflicts with the current state.", details
            )
    subscription = Subscription(
        str(uuid.uuid4()),
        call.token.client_id,
        call.token.seller_id,
        call.region,
        notification_type,
        payload_version,
        destination.destination_id,
        directive,
    )
    state.subscriptions[subscription.subscription_id] = subscription
    return Answer(200, {"payload": _subscription_json(subscription)})


async def get_subscription(state: State, call: Call) -> Answer:
    """The seller's subscription of the type; without a payload version that of the latest one."""
    payload_version = call.query.get("payloadVersion")
    found = [
        subscription
        for subscription in _subscriptions(state, call, _notification_type(call))
        if payload_version in (None, subscription.payload_version)
    ]
    if not found:
        raise resource_not_found()
    latest = max(found, key=lambda subscription: (len(subscription.payload_version), subscription.payload_version))
    return Answer(200, {"payload": _subscription_json(latest)})


async def get_subscriptions(state: State, call: Call) -> Answer:
    """All of the seller's subscriptions of one type, in pages."""
    types = call.list_parameter("notificationTypes")
    if len(types) != 1 or types[0] not in SUBSCRIBABLE_TYPES:
        raise unparsable("notificationTypes must name one notification type")
    page_size = call.query.get("pageSize", str(PAGE_SIZES.start))
    if not page_size.isdecimal() or int(page_size) not in PAGE_SIZES:
        raise unparsable(f"pageSize must be between {PAGE_SIZES.start} and {PAGE_SIZES.stop - 1}")
    start = call.query.get("nextToken") or "0"
    if not start.isdecimal():
        raise unparsable("nextToken is invalid")
    payload_version = call.query.get("payloadVersion")
    found = [
        _subscription_json(subscription)
        for subscription in _subscriptions(state, call, types[0])
        if payload_version in (None, subscription.payload_version)
    ]
    end = int(start) + int(page_size)
    payload: dict[str, Json] = {"subscriptions": found[int(start) : end]}
    if end < len(found):
        payload["nextToken"] = str(end)
    return Answer(200, {"payload": payload})


async def get_subscription_by_id(state: State, call: Call) -> Answer:
    return Answer(200, {"payload": _subscription_json(_own_subscription(state, call))})


async def delete_subscription_by_id(state: State, call: Call) -> Answer:
    del state.subscriptions[_own_subscription(state, call).subscription_id]
    return Answer(200, {})


async def send_test_notification(state: State, call: Call) -> Answer:
    """Sandbox only: sends a made-up notification of the type to the destination, subscribed or not."""
    notification_type = _notification_type(call)
    body = _body(call)
    test = body.get("testNotification")
    payload_version = test.get("payloadVersion") if isinstance(test, dict) else None
    destination_id = body.get("destinationId")
    destination = state.destinations.get(destination_id) if isinstance(destination_id, str) else None
    if destination is None or destination not in _destinations(state, call):
        details = "Invalid Input, recheck that the AppId and DestinationId are valid"
        raise OperationError(
            400, "InvalidInput", "InvalidInput", f"{details} and DestinationId belongs to the application"
        )
    if not isinstance(payload_version, str) or notification_type not in EXAMPLE_PAYLOADS:
        raise OperationError(
            400,
            "InvalidInput",
            "InvalidInput",
            "payloadVersion is missing, or the notification type has no test scenario",
        )
    application_id = state.applications[call.token.client_id].application_id
    payload = EXAMPLE_PAYLOADS[notification_type](
        Seller("A1SIMULATEDTEST", "amzn1.merchant.o.A1SIMULATEDTEST", False, frozenset(Region))
    )
    envelope = _envelope(state, notification_type, payload_version, payload, application_id, str(uuid.uuid4()))
    await send(state, _notification(notification_type, destination, envelope))
    return Answer(200, {})


def report_finished(state: State, report: Report) -> list[Notification]:
    """The REPORT_PROCESSING_FINISHED notifications of a finished report, one for each subscription that its application
    made for its seller in its region.
    """
    seller = state.sellers[report.seller_id]
    fields: dict[str, Json] = {} if seller.vendor else {"sellerId": seller.seller_id}
    fields |= {
        "accountId": seller.account_id,
        "reportId": report.report_id,
        "reportType": report.report_type,
        "processingStatus": str(report.processing_status),
    }
    if report.report_document_id:
        fields["reportDocumentId"] = report.report_document_id
    payload = {"reportProcessingFinishedNotification": fields}
    return for_subscribers(state, seller, "REPORT_PROCESSING_FINISHED", payload, report.region, report.client_id)


def for_subscribers(
    state: State,
    seller: Seller,
    notification_type: str,
    payload: Json,
    region: Region | None,
    client_id: str | None = None,
) -> list[Notification]:
    """One notification for each subscription of the seller to this type whose event filter lets the payload through.

    `region` and `client_id` (an application's) narrow them.
    """
    made = []
    for subscription in state.subscriptions.values():
        if (
            subscription.seller_id == seller.seller_id
            and subscription.notification_type == notification_type
            and region in (None, subscription.region)
            and client_id in (None, subscription.client_id)
            and _passes(subscription, payload)
        ):
            application_id = state.applications[subscription.client_id].application_id
            version = subscription.payload_version
            envelope = _envelope(
                state, notification_type, version, payload, application_id, subscription.subscription_id
            )
            made.append(_notification(notification_type, state.destinations[subscription.destination_id], envelope))
    return made


def verbatim(
    state: State, seller: Seller, notification_type: str, body: str, region: Region | None
) -> list[Notification]:
    """The caller's own body, once for each subscription of the seller to this type."""
    return [
        replace(_notification(notification_type, state.destinations[subscription.destination_id], {}), body=body)
        for subscription in state.subscriptions.values()
        if subscription.seller_id == seller.seller_id
        and subscription.notification_type == notification_type
        and region in (None, subscription.region)
    ]


def to_application_queue(state: State, client_id: str, notification_type: str, payload: Json) -> Notification:
    """A notification about the application itself, for the queue registered for it."""
    application = state.applications[client_id]
    envelope = _envelope(state, notification_type, "2023-11-30", payload, application.application_id, str(uuid.uuid4()))
    destination = Destination(
        str(uuid.uuid4()), client_id, Region.NA, "application notifications", application.rotation_queue_arn
    )
    return _notification(notification_type, destination, envelope)


async def send(state: State, notification: Notification) -> None:
    """Sends one notification and keeps what became of it.

    A queue that refuses it is recorded, not raised: SP-API has no one to tell either.
    """
    if not notification.queue_arn:
        done = replace(notification, state="undeliverable", error="the destination is not a queue")
    elif not state.queue_sender.endpoint:
        done = replace(notification, state="undeliverable", error="the simulator was started without --sqs-endpoint")
    else:
        try:
            await state.queue_sender.send(notification.queue_arn, notification.body)
            done = replace(notification, state="sent")
        except (BotoCoreError, ClientError) as error:
            logger.warning("%s was not taken by %s: %s", notification.notification_type, notification.queue_arn, error)
            done = replace(notification, state="failed", error=str(error))
    state.notifications.append(done)


def _destination(call: Call, name: str, specification: Json) -> Destination:
    if not isinstance(specification, dict):
        raise unparsable("resourceSpecification is missing")
    queue, event_bus = specification.get("sqs"), specification.get("eventBridge")
    if (queue is None) == (event_bus is None):
        raise unparsable("resourceSpecification must have one of sqs and eventBridge")
    made = Destination(str(uuid.uuid4()), call.token.client_id, call.region, name)
    if queue is not None:
        arn = queue.get("arn") if isinstance(queue, dict) else None
        if not isinstance(arn, str) or len(arn) > ARN_LENGTH or not QUEUE_ARN.fullmatch(arn):
            raise unparsable("sqs.arn is not the ARN of an SQS queue")
        if arn.endswith(".fifo"):
            raise unparsable("FIFO queues are not supported")
        return replace(made, queue_arn=arn)
    region, account_id = (
        (event_bus.get("region"), event_bus.get("accountId")) if isinstance(event_bus, dict) else (None, None)
    )
    if not isinstance(region, str) or not region or not isinstance(account_id, str) or not account_id:
        raise unparsable("eventBridge needs region and accountId")
    return replace(made, event_bus_region=region, event_bus_account_id=account_id)


def _check_directive(notification_type: str, directive: Json) -> None:
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
    settings = event_filter.get("aggregationSettings")
    if settings is not None and not (
        isinstance(settings, dict) and settings.get("aggregationTimePeriod") in AGGREGATION_PERIODS
    ):
        return False
    change_types = event_filter.get("orderChangeTypes", [])
    if not isinstance(change_types, list) or not all(value in ORDER_CHANGE_TYPES for value in change_types):
        return False
    tracking = event_filter.get("trackingIdentifier")
    if tracking is not None and not (
        isinstance(tracking, dict) and len(tracking) == 1 and tracking.keys() <= TRACKING_IDENTIFIERS
    ):
        return False
    marketplaces = event_filter.get("marketplaceIds", [])
    return isinstance(marketplaces, list) and all(isinstance(value, str) for value in marketplaces)


def _passes(subscription: Subscription, payload: Json) -> bool:
    """Whether the event filter lets the payload through. Filter expressions are stored, not evaluated."""
    event_filter = (subscription.processing_directive or {}).get("eventFilter", {})
    content = payload if isinstance(payload, dict) else {}
    change = content.get("OrderChangeNotification", {})
    change_types = event_filter.get("orderChangeTypes")
    if change_types and change.get("OrderChangeType") not in change_types:
        return False
    marketplaces = event_filter.get("marketplaceIds")
    trigger = content.get("AnyOfferChangedNotification", {}).get("OfferChangeTrigger", {})
    return not marketplaces or trigger.get("MarketplaceId") in marketplaces


def _envelope(
    state: State, notification_type: str, payload_version: str, payload: Json, application_id: str, subscription_id: str
) -> Json:
    now = notification_timestamp(state.clock.now())
    version = "2020-09-04" if notification_type == "REPORT_PROCESSING_FINISHED" else "1.0"
    envelope = {
        "notificationVersion": version,
        "notificationType": notification_type,
        "payloadVersion": payload_version,
        "eventTime": now,
        "payload": payload,
        "notificationMetadata": {
            "applicationId": application_id,
            "subscriptionId": subscription_id,
            "publishTime": now,
            "notificationId": str(uuid.uuid4()),
        },
    }
    if notification_type in CAMEL_CASE_TYPES:
        return envelope
    metadata = {_pascal(name): value for name, value in envelope.pop("notificationMetadata").items()}
    return {_pascal(name): value for name, value in envelope.items()} | {"NotificationMetadata": metadata}


def _notification(notification_type: str, destination: Destination, envelope: Json) -> Notification:
    metadata = envelope.get("notificationMetadata") or envelope.get("NotificationMetadata") or {}
    notification_id = metadata.get("notificationId") or metadata.get("NotificationId") or str(uuid.uuid4())
    return Notification(
        notification_id,
        notification_type,
        destination.queue_arn,
        json.dumps(envelope, ensure_ascii=False, separators=(",", ":")),
    )


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


def _account_status_changed(_: Seller) -> Json:
    return {"accountStatusChangeNotification": {"previousAccountStatus": "NORMAL", "currentAccountStatus": "AT_RISK"}}


def _report_processing_finished(seller: Seller) -> Json:
    fields = {} if seller.vendor else {"sellerId": seller.seller_id}
    fields |= {
        "accountId": seller.account_id,
        "reportId": "54517018502",
        "reportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
        "processingStatus": "DONE",
        "reportDocumentId": "amzn1.spdoc.1.4.na.00000000-0000-4000-8000-000000000000.T0000000000000.2500",
    }
    return {"reportProcessingFinishedNotification": fields}


EXAMPLE_PAYLOADS = {
    "ACCOUNT_STATUS_CHANGED": _account_status_changed,
    "REPORT_PROCESSING_FINISHED": _report_processing_finished,
}
"""Types that the simulator can make up a payload for; any other payload comes from the caller."""


def _body(call: Call) -> dict[str, Json]:
    if not isinstance(call.body, dict):
        raise unparsable()
    return call.body


def _notification_type(call: Call) -> str:
    notification_type = call.path["notificationType"]
    if notification_type not in SUBSCRIBABLE_TYPES:
        raise unparsable(f"Invalid notification type {notification_type}")
    return notification_type


def _destinations(state: State, call: Call) -> list[Destination]:
    return [
        destination
        for destination in state.destinations.values()
        if destination.client_id == call.token.client_id and destination.region == call.region
    ]


def _own_destination(state: State, call: Call) -> Destination:
    destination = state.destinations.get(call.path["destinationId"])
    if destination is None or destination not in _destinations(state, call):
        raise resource_not_found()
    return destination


def _subscriptions(state: State, call: Call, notification_type: str) -> Iterable[Subscription]:
    return [
        subscription
        for subscription in state.subscriptions.values()
        if subscription.client_id == call.token.client_id
        and subscription.region == call.region
        and subscription.notification_type == notification_type
        and subscription.seller_id == call.token.seller_id
    ]


def _own_subscription(state: State, call: Call) -> Subscription:
    subscription = state.subscriptions.get(call.path["subscriptionId"])
    if (
        subscription is None
        or subscription.client_id != call.token.client_id
        or subscription.region != call.region
        or subscription.notification_type != _notification_type(call)
    ):
        raise resource_not_found()
    return subscription


def _destination_json(state: State, destination: Destination) -> Json:
    """Null stands for the resources that a destination does not have (selling-partner-api-docs issue 1800)."""
    event_bridge = {
        "name": _resource_name(destination, state.applications[destination.client_id].application_id),
        "region": destination.event_bus_region,
        "accountId": destination.event_bus_account_id,
    }
    resource = {
        "sqs": {"arn": destination.queue_arn} if destination.queue_arn else None,
        "eventBridge": None if destination.queue_arn else event_bridge,
        "privateSqs": None,
    }
    return {"resource": resource, "destinationId": destination.destination_id, "name": destination.name}


def _resource_key(destination: Destination) -> tuple[str, str, str]:
    return destination.queue_arn, destination.event_bus_region, destination.event_bus_account_id


def _resource_name(destination: Destination, application_id: str = "") -> str:
    return (
        destination.queue_arn
        or f"aws.partner/sellingpartnerapi.amazon.com/{destination.event_bus_account_id}/{application_id}"
    )


def _subscription_json(subscription: Subscription) -> Json:
    body = {
        "subscriptionId": subscription.subscription_id,
        "payloadVersion": subscription.payload_version,
        "destinationId": subscription.destination_id,
    }
    directive = subscription.processing_directive
    return body if directive is None else body | {"processingDirective": directive}
