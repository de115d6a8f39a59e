"""The Notifications API: destinations and subscriptions."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace

from sp_api_simulator import delivery
from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.errors import OperationError, access_denied, resource_not_found, state_conflict, unparsable
from sp_api_simulator.notification_types import SUBSCRIBABLE_TYPES, check_directive
from sp_api_simulator.state import Destination, Json, State, Subscription
from sp_api_simulator.subscription_rules import DATED_VERSIONS, FIRST_VERSION

QUEUE_ARN = re.compile(r"arn:aws:sqs:\S+:\S+:\S+")
PAYLOAD_VERSION = re.compile(r"\d+\.\d+|\d{4}-\d{2}-\d{2}")
NAME_LENGTH = 256
ARN_LENGTH = 1000
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
    expression. State.subscription_rules decides which versions are accepted and what conflicts.
    """
    notification_type = _notification_type(call)
    body = _body(call)
    payload_version = body.get("payloadVersion")
    if not isinstance(payload_version, str) or not PAYLOAD_VERSION.fullmatch(payload_version):
        raise unparsable("payloadVersion is missing or invalid")
    rules = state.subscription_rules
    if payload_version not in rules.versions(notification_type):
        raise unparsable(f"payloadVersion {payload_version} is not supported for notification type {notification_type}")
    destination_id = body.get("destinationId")
    destination = state.destinations.get(destination_id) if isinstance(destination_id, str) else None
    if destination is None or destination not in _destinations(state, call):
        raise unparsable(f"No destination with id {destination_id}")
    directive = body.get("processingDirective")
    check_directive(notification_type, directive)
    expression = (directive or {}).get("filterExpression")
    for existing in _subscriptions(state, call, notification_type):
        same_expression = ((existing.processing_directive or {}).get("filterExpression")) == expression
        same_subscription = same_expression or expression is None
        if same_subscription and rules.conflicts(existing.payload_version, payload_version):
            details = rules.conflict_details.replace("{notificationType}", notification_type) or None
            raise state_conflict(details)
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
    """The seller's subscription of the type: of the given payload version, or of the latest."""
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
    """Sandbox only: sends a test notification to the destination. No subscription is needed."""
    notification_type = _notification_type(call)
    body = _body(call)
    test = body.get("testNotification")
    payload_version = test.get("payloadVersion") if isinstance(test, dict) else None
    destination_id = body.get("destinationId")
    destination = state.destinations.get(destination_id) if isinstance(destination_id, str) else None
    if destination is None or destination not in _destinations(state, call):
        details = "Invalid Input, recheck that the AppId and DestinationId are valid"
        raise _invalid_test(f"{details} and DestinationId belongs to the application")
    if not isinstance(payload_version, str):
        raise _invalid_test("testNotification.payloadVersion is missing")
    if payload_version not in (FIRST_VERSION, DATED_VERSIONS.get(notification_type)):
        raise _invalid_test(f"There is no payloadVersion {payload_version} of notification type {notification_type}")
    await delivery.send(state, delivery.test_notification(state, destination, notification_type, payload_version))
    return Answer(200, {})


def _invalid_test(details: str) -> OperationError:
    return OperationError(400, "InvalidInput", "InvalidInput", details)


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


def _subscriptions(state: State, call: Call, notification_type: str) -> list[Subscription]:
    return [
        subscription
        for subscription in state.subscriptions.values()
        if subscription.client_id == call.token.client_id
        and subscription.region == call.region
        and subscription.notification_type == notification_type
        and subscription.seller_id == call.token.seller_id
    ]


def _own_subscription(state: State, call: Call) -> Subscription:
    """The subscription of the path. A grantless token reaches all of the application's, a seller's token its own."""
    notification_type = _notification_type(call)
    if not state.subscription_rules.accepts_token(notification_type, grantless=not call.token.seller_id):
        raise access_denied()
    subscription = state.subscriptions.get(call.path["subscriptionId"])
    if (
        subscription is None
        or subscription.client_id != call.token.client_id
        or subscription.region != call.region
        or subscription.notification_type != notification_type
        or call.token.seller_id not in ("", subscription.seller_id)
    ):
        raise resource_not_found()
    return subscription


def _destination_json(state: State, destination: Destination) -> Json:
    """The kinds of resource that the destination does not have are null (selling-partner-api-docs issue 1800)."""
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
    return destination.queue_arn or delivery.event_source(destination, application_id)


def _subscription_json(subscription: Subscription) -> Json:
    body = {
        "subscriptionId": subscription.subscription_id,
        "payloadVersion": subscription.payload_version,
        "destinationId": subscription.destination_id,
    }
    directive = subscription.processing_directive
    return body if directive is None else body | {"processingDirective": directive}
