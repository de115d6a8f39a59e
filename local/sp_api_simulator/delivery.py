"""Creates notifications and sends them to the subscribed queues."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from dataclasses import replace
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from sp_api_simulator import notification_examples
from sp_api_simulator.clock import notification_timestamp
from sp_api_simulator.event_sender import EventNotPutError
from sp_api_simulator.feed_state import Feed
from sp_api_simulator.notification_types import CAMEL_CASE_TYPES, passes
from sp_api_simulator.state import (
    Delivery,
    Destination,
    Json,
    Notification,
    Region,
    Report,
    Seller,
    State,
    Subscription,
)

logger = logging.getLogger("sp_api_simulator")

PROCESSING_VERSION = "2020-09-04"
"""notificationVersion of the two types that tell the end of a report or a feed; all others have 1.0."""

PROCESSING_TYPES = ("REPORT_PROCESSING_FINISHED", "FEED_PROCESSING_FINISHED")
APPLICATION_VERSION = "2023-11-30"
EXAMPLE_SELLER = Seller("A1SIMULATEDTEST", "amzn1.merchant.o.A1SIMULATEDTEST", False, frozenset(Region))


def report_finished(state: State, report: Report) -> list[Notification]:
    """The notifications of a finished report, one for each subscription that its application made for its seller."""
    payload = _report_payload(
        state.sellers[report.seller_id],
        report.report_id,
        report.report_type,
        report.processing_status,
        report.report_document_id,
    )
    return _finished(state, report, "REPORT_PROCESSING_FINISHED", payload)


def feed_finished(state: State, feed: Feed) -> list[Notification]:
    """The notifications of a finished feed, as with reports."""
    payload = _feed_payload(
        state.sellers[feed.seller_id], feed.feed_id, feed.feed_type, feed.processing_status, feed.result_document_id
    )
    return _finished(state, feed, "FEED_PROCESSING_FINISHED", payload)


def _finished(state: State, made: Report | Feed, notification_type: str, payload: Json) -> list[Notification]:
    return [
        _for_subscription(state, subscription, payload)
        for subscription in _subscriptions(state, made.seller_id, notification_type, made.region)
        if subscription.client_id == made.client_id
    ]


def for_subscribers(
    state: State, seller: Seller, notification_type: str, payload: Json, region: Region | None
) -> list[Notification]:
    """One notification for each subscription of the seller to this type (in all regions, if none is given) whose event
    filter lets the payload through.
    """
    return [
        _for_subscription(state, subscription, payload)
        for subscription in _subscriptions(state, seller.seller_id, notification_type, region)
        if passes(subscription.processing_directive, payload)
    ]


def verbatim(
    state: State, seller: Seller, notification_type: str, body: str, region: Region | None
) -> list[Notification]:
    """The caller's own body, once for each subscription of the seller to this type."""
    return [
        Notification(
            str(uuid.uuid4()),
            notification_type,
            _queue_arn(state, subscription),
            body,
            event_bus=_event_bus(state, subscription),
        )
        for subscription in _subscriptions(state, seller.seller_id, notification_type, region)
    ]


def to_application_queue(
    state: State, client_id: str, notification_type: str, payload: Json, queue_arn: str
) -> Notification:
    """A notification about the application itself, for the queue registered for it."""
    return _notification(
        state, client_id, str(uuid.uuid4()), notification_type, APPLICATION_VERSION, payload, queue_arn
    )


def test_notification(
    state: State, destination: Destination, notification_type: str, payload_version: str
) -> Notification:
    """A test notification for a destination."""
    return _notification(
        state,
        destination.client_id,
        str(uuid.uuid4()),
        notification_type,
        payload_version,
        example_payload(notification_type, EXAMPLE_SELLER, state.clock.now()),
        destination.queue_arn,
    )


def example_payload(notification_type: str, seller: Seller, now: datetime) -> Json:
    """An example payload of any type that a seller can subscribe to."""
    match notification_type:
        case "REPORT_PROCESSING_FINISHED":
            document_id = "amzn1.spdoc.1.4.na.00000000-0000-4000-8000-000000000000.T0000000000000.2500"
            return _report_payload(seller, "54517018502", "GET_MERCHANT_LISTINGS_ALL_DATA", "DONE", document_id)
        case "FEED_PROCESSING_FINISHED":
            document_id = "amzn1.tortuga.4.na.00000000-0000-4000-8000-000000000000.T0000000000000.2500"
            return _feed_payload(seller, "53347018456", "JSON_LISTINGS_FEED", "DONE", document_id)
        case _:
            return notification_examples.example(notification_type, seller, now)


async def send_in_manner(state: State, notifications: list[Notification], manner: Delivery) -> None:
    """Sends the notifications of a report or a feed as its outcome says: late, several times, or held."""
    if manner.hold:
        state.notifications.extend(notifications * manner.copies)
        return
    await state.clock.sleep(manner.delay_seconds)
    await asyncio.gather(*(send(state, notification) for notification in notifications * manner.copies))


async def send(state: State, notification: Notification) -> None:
    """Sends one notification and records the result.

    If the queue refuses it, the result says so; nothing is raised, because SP-API reports this to nobody either.
    """
    if not notification.queue_arn and notification.event_bus is None:
        done = replace(notification, state="undeliverable", error="the destination is not a queue or event bus")
    elif not state.queue_sender.endpoint:
        done = replace(notification, state="undeliverable", error="the simulator was started without --sqs-endpoint")
    else:
        try:
            if notification.event_bus is not None:
                bus, kind = notification.event_bus, notification.notification_type
                await state.event_sender.send(bus, kind, notification.body)
            else:
                await state.queue_sender.send(notification.queue_arn, notification.body)
            done = replace(notification, state="sent")
        except (BotoCoreError, ClientError, EventNotPutError) as error:
            to = notification.queue_arn or notification.event_bus
            logger.warning("%s was refused by %s: %s", notification.notification_type, to, error)
            done = replace(notification, state="failed", error=str(error))
    state.notifications.append(done)


def _subscriptions(state: State, seller_id: str, notification_type: str, region: Region | None) -> list[Subscription]:
    return [
        subscription
        for subscription in state.subscriptions.values()
        if subscription.seller_id == seller_id
        and subscription.notification_type == notification_type
        and region in (None, subscription.region)
    ]


def _for_subscription(state: State, subscription: Subscription, payload: Json) -> Notification:
    notification = _notification(
        state,
        subscription.client_id,
        subscription.subscription_id,
        subscription.notification_type,
        subscription.payload_version,
        payload,
        _queue_arn(state, subscription),
    )
    return replace(notification, event_bus=_event_bus(state, subscription))


def _queue_arn(state: State, subscription: Subscription) -> str:
    return state.destinations[subscription.destination_id].queue_arn


def _event_bus(state: State, subscription: Subscription) -> tuple[str, str, str] | None:
    """Region, account and partner event source of a destination that is EventBridge; None for a queue."""
    destination = state.destinations[subscription.destination_id]
    if destination.queue_arn:
        return None
    source = event_source(destination, state.applications[destination.client_id].application_id)
    return destination.event_bus_region, destination.event_bus_account_id, source


def event_source(destination: Destination, application_id: str) -> str:
    """The name of the partner event source, and of the event bus that takes its events."""
    return f"aws.partner/sellingpartnerapi.amazon.com/{destination.event_bus_account_id}/{application_id}"


def _report_payload(seller: Seller, report_id: str, report_type: str, status: str, document_id: str) -> Json:
    """A vendor has no sellerId; a report without a document no reportDocumentId."""
    fields = {
        "sellerId": "" if seller.vendor else seller.seller_id,
        "accountId": seller.account_id,
        "reportId": report_id,
        "reportType": report_type,
        "processingStatus": status,
        "reportDocumentId": document_id,
    }
    return {"reportProcessingFinishedNotification": {name: value for name, value in fields.items() if value}}


def _feed_payload(seller: Seller, feed_id: str, feed_type: str, status: str, document_id: str) -> Json:
    """A vendor has no sellerId; a feed without a report no resultFeedDocumentId."""
    fields = {
        "sellerId": "" if seller.vendor else seller.seller_id,
        "accountId": seller.account_id,
        "feedId": feed_id,
        "feedType": feed_type,
        "processingStatus": status,
        "resultFeedDocumentId": document_id,
    }
    return {"feedProcessingFinishedNotification": {name: value for name, value in fields.items() if value}}


def _notification(
    state: State,
    client_id: str,
    subscription_id: str,
    notification_type: str,
    payload_version: str,
    payload: Json,
    queue_arn: str,
) -> Notification:
    now = notification_timestamp(state.clock.now())
    notification_id = str(uuid.uuid4())
    metadata = {
        "applicationId": state.applications[client_id].application_id,
        "subscriptionId": subscription_id,
        "publishTime": now,
        "notificationId": notification_id,
    }
    envelope: dict[str, Json] = {
        "notificationVersion": PROCESSING_VERSION if notification_type in PROCESSING_TYPES else "1.0",
        "notificationType": notification_type,
        "payloadVersion": payload_version,
        "eventTime": now,
        "payload": payload,
        "notificationMetadata": metadata,
    }
    if notification_type not in CAMEL_CASE_TYPES:
        envelope = _pascal_case(envelope | {"notificationMetadata": _pascal_case(metadata)})
    body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))
    return Notification(notification_id, notification_type, queue_arn, body)


def _pascal_case(fields: dict[str, Json]) -> dict[str, Json]:
    return {name[:1].upper() + name[1:]: value for name, value in fields.items()}
