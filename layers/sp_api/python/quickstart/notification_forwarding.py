"""Hands notifications on to an EventBridge bus, from which the host product takes them by rules of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from quickstart.dynamodb import Table
from quickstart.notification_processing import Notification
from quickstart.observability import logger
from quickstart.subscription_records import SubscriptionRecords
from quickstart.token_vault import ANY_REGION, token_regions
from sp_api.regions import Region

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SOURCE = "selling-partner-api"
# What EventBridge may do differently the next time (EventBridge API reference, PutEvents, "ErrorCode").
_PASSING = frozenset({"InternalFailure", "InternalException", "ServiceUnavailable", "ThrottlingException"})
# Where payloads name the selling partner.
_SELLER_FIELDS = ("sellerId", "merchantId")
_LONGEST_REASON = 500


class EventsClient(Protocol):
    """What is used of boto3's client for EventBridge."""

    def put_events(self, *, Entries: list[dict[str, str]]) -> Mapping[str, Any]: ...  # noqa: N803 - as boto3 has it


class EventRefusedError(ValueError):
    """EventBridge will never take this event: it is too large, or not what EventBridge calls JSON."""


class EventNotTakenError(RuntimeError):
    """EventBridge did not take the event this time."""


@dataclass(frozen=True)
class Addressee:
    """Whose a notification is and from which region, as far as that can be told."""

    seller_id: str | None
    region: Region | None


@dataclass(frozen=True)
class Forwarder:
    """Hands notifications on to a bus; what EventBridge will never take goes to a queue of dead letters."""

    events: EventsClient
    bus_name: str
    sqs: "SQSClient"
    dead_letter_queue_url: str
    selling_partners_table: Table

    def forward(self, notification: Notification, body: str) -> None:
        """`body` is the message as it came. Raises EventNotTakenError, after which it is to be tried again."""
        addressee = find_addressee(notification, self.selling_partners_table)
        told = {
            "notification_type": notification.notification_type,
            "notification_id": notification.notification_id,
            "seller_id": addressee.seller_id,
            "region": addressee.region,
        }
        try:
            detail = event_detail(notification, body, addressee)
            event_id = put_event(self.events, self.bus_name, notification, detail)
        except EventRefusedError as error:
            logger().error("refused by the event bus, sent to the dead-letter queue", reason=str(error), extra=told)
            send_to_dead_letters(self.sqs, self.dead_letter_queue_url, body, notification, str(error))
            return
        logger().info("notification handed on", event_id=event_id, extra=told)


def find_addressee(notification: Notification, selling_partners_table: Table) -> Addressee:
    """The subscription tells both; else the payload may name the seller, whose only token then tells the region."""
    recorded = SubscriptionRecords(selling_partners_table).find(notification.subscription_id)
    if recorded is not None:
        return Addressee(recorded.seller_id, recorded.region)
    seller_id = _seller_in(notification.payload)
    if seller_id is None:
        return Addressee(None, None)
    regions = token_regions(selling_partners_table, seller_id)
    known = len(regions) == 1 and regions[0] != ANY_REGION
    return Addressee(seller_id, Region(regions[0]) if known else None)


def event_detail(notification: Notification, body: str, addressee: Addressee) -> str:
    """{SellerId, RegionCode, NotificationId, SubscriptionId, Notification}: the last is the message as it came, letter
    by letter; the others stand in one place whatever letter case the type has. Unknown ones are null.
    """
    known = {
        "SellerId": addressee.seller_id,
        "RegionCode": addressee.region,
        "NotificationId": notification.notification_id,
        "SubscriptionId": notification.subscription_id,
    }
    return f'{json.dumps(known)[:-1]}, "Notification": {body}}}'


def put_event(events: EventsClient, bus_name: str, notification: Notification, detail: str) -> str:
    """Puts one event on the bus; gives its id. Raises EventRefusedError or EventNotTakenError, with the reason."""
    entry = {
        "EventBusName": bus_name,
        "Source": SOURCE,
        "DetailType": notification.notification_type,
        "Detail": detail,
    }
    try:
        answer = events.put_events(Entries=[entry])
    except ClientError as error:
        told = error.response["Error"]
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        raise _failure(told.get("Code", ""), told.get("Message", "")) from error
    # EventBridge answers 200 whatever becomes of the entries.
    (result,) = answer["Entries"]
    if answer["FailedEntryCount"] or "EventId" not in result:
        raise _failure(result.get("ErrorCode", ""), result.get("ErrorMessage", ""))
    return str(result["EventId"])


def send_to_dead_letters(sqs: "SQSClient", queue_url: str, body: str, notification: Notification, reason: str) -> None:
    """The message as it came, with the reason as its attribute."""
    attributes = {
        "Reason": reason[:_LONGEST_REASON],
        "NotificationType": notification.notification_type,
        "NotificationId": notification.notification_id,
    }
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=body,
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )


def _failure(code: str, message: str) -> Exception:
    told = f"EventBridge: {code}: {message}"
    return EventNotTakenError(told) if code in _PASSING else EventRefusedError(told)


def _seller_in(payload: Mapping[str, object]) -> str | None:
    """A seller's id at the top of the payload, or one level below it."""
    for fields in (payload, *(inner for inner in payload.values() if isinstance(inner, dict))):
        lower = {str(name)[:1].lower() + str(name)[1:]: value for name, value in fields.items()}
        for name in _SELLER_FIELDS:
            value = lower.get(name)
            if isinstance(value, str) and value:
                return value
    return None
