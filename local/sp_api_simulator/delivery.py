"""Notifications on their way: from an event to a message in the subscribed queue."""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import replace

from botocore.exceptions import BotoCoreError, ClientError

from sp_api_simulator.clock import notification_timestamp
from sp_api_simulator.notification_types import CAMEL_CASE_TYPES, passes
from sp_api_simulator.state import Destination, Json, Notification, Region, Report, Seller, State, Subscription

logger = logging.getLogger("sp_api_simulator")

REPORT_VERSION = "2020-09-04"
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
    subscriptions = [
        subscription
        for subscription in _subscriptions(state, report.seller_id, "REPORT_PROCESSING_FINISHED", report.region)
        if subscription.client_id == report.client_id
    ]
    return [_for_subscription(state, subscription, payload) for subscription in subscriptions]


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
        Notification(str(uuid.uuid4()), notification_type, _queue_arn(state, subscription), body)
        for subscription in _subscriptions(state, seller.seller_id, notification_type, region)
    ]


def to_application_queue(state: State, client_id: str, notification_type: str, payload: Json) -> Notification:
    """A notification about the application itself, for the queue registered for it."""
    queue_arn = state.applications[client_id].rotation_queue_arn
    return _notification(
        state, client_id, str(uuid.uuid4()), notification_type, APPLICATION_VERSION, payload, queue_arn
    )


def test_notification(
    state: State, destination: Destination, notification_type: str, payload_version: str
) -> Notification | None:
    """A made-up notification for a destination; None if the simulator has no example of the type."""
    payload = example_payload(notification_type, EXAMPLE_SELLER)
    if payload is None:
        return None
    subscription_id = str(uuid.uuid4())
    return _notification(
        state,
        destination.client_id,
        subscription_id,
        notification_type,
        payload_version,
        payload,
        destination.queue_arn,
    )


def example_payload(notification_type: str, seller: Seller) -> Json | None:
    """A payload for the types that the simulator has one for, or None."""
    match notification_type:
        case "ACCOUNT_STATUS_CHANGED":
            change = {"previousAccountStatus": "NORMAL", "currentAccountStatus": "AT_RISK"}
            return {"accountStatusChangeNotification": change}
        case "REPORT_PROCESSING_FINISHED":
            document_id = "amzn1.spdoc.1.4.na.00000000-0000-4000-8000-000000000000.T0000000000000.2500"
            return _report_payload(seller, "54517018502", "GET_MERCHANT_LISTINGS_ALL_DATA", "DONE", document_id)
        case _:
            return None


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


def _subscriptions(state: State, seller_id: str, notification_type: str, region: Region | None) -> list[Subscription]:
    return [
        subscription
        for subscription in state.subscriptions.values()
        if subscription.seller_id == seller_id
        and subscription.notification_type == notification_type
        and region in (None, subscription.region)
    ]


def _for_subscription(state: State, subscription: Subscription, payload: Json) -> Notification:
    return _notification(
        state,
        subscription.client_id,
        subscription.subscription_id,
        subscription.notification_type,
        subscription.payload_version,
        payload,
        _queue_arn(state, subscription),
    )


def _queue_arn(state: State, subscription: Subscription) -> str:
    return state.destinations[subscription.destination_id].queue_arn


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
        "notificationVersion": REPORT_VERSION if notification_type == "REPORT_PROCESSING_FINISHED" else "1.0",
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
