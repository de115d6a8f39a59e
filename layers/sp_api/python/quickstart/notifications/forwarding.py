"""Forwards notifications to an EventBridge bus, where the host product's rules receive them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from quickstart.aws_failures import FAILED_CALLS, needs_operator
from quickstart.dynamodb import Table
from quickstart.invocation import ExpectedError, OperatorNeededError
from quickstart.notifications.ownership import Addressee, find_addressee, seller_in
from quickstart.notifications.processing import Notification, UnreadableNotificationError, read_notification
from quickstart.notifications.subscription_records import KnownSubscriptions
from quickstart.observability import logger
from quickstart.queue_batches import send_to_dead_letters

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE = "selling-partner-api"
# The attribute of a message in the dead-letter queue whose event is on the bus already.
FORWARDED = "Forwarded"
# The most entries of one call (EventBridge API reference, PutEvents).
_MOST_EVENTS = 10
# Of all entries together, in regions that do not have the increase of January 2026 (EventBridge user guide,
# "PutEvents"). A larger entry is sent alone.
_LARGEST_CALL_BYTES = 256 * 1024
# Errors that say that this event will never be accepted (EventBridge API reference, PutEvents, "ErrorCode", and common
# errors). After any other, a retry may succeed, some only once an operator has fixed a policy or the bus.
_FINAL = frozenset(
    {"InvalidArgument", "MalformedDetail", "RedactionFailure", "RequestEntityTooLarge", "ValidationException"}
)


class EventRefusedError(ValueError):
    """EventBridge will never accept this event: it is too large, or not valid JSON for EventBridge."""


class EventNotTakenError(ExpectedError):
    """EventBridge did not accept the event this time; a retry may succeed."""


class EventNotAllowedError(OperatorNeededError):
    """EventBridge does not accept events from this function until an operator fixes a policy or the bus."""


@dataclass(frozen=True)
class Outgoing:
    """A notification on its way to the bus. `body` is the message as received."""

    notification: Notification
    body: str
    addressee: Addressee

    def entry(self, bus_name: str) -> "PutEventsRequestEntryTypeDef":
        """The event as PutEvents expects it."""
        return {
            "EventBusName": bus_name,
            "Source": SOURCE,
            "DetailType": self.notification.notification_type,
            "Detail": event_detail(self.notification, self.body, self.addressee),
        }


@dataclass(frozen=True)
class Forwarder:
    """Forwards notifications to a bus; events that EventBridge will never accept go to a dead-letter queue."""

    events: "EventBridgeClient"
    bus_name: str
    dead_letter_queue_url: str
    selling_partners_table: Table

    @cached_property
    def _known(self) -> KnownSubscriptions:
        return KnownSubscriptions(self.selling_partners_table)

    def forward_if_notification(self, body: str) -> None:
        """Forwards a message that SP-API sent."""
        notification = _sent_by_sp_api(body)
        if notification is not None:
            self.forward(notification, body)

    def forward_and_set_aside(
        self, notification_type: str, body: str, reason: str, *, forwarded_before: bool = False
    ) -> bool:
        """Forwards a notification that this stack itself cannot process, and sends a copy to the dead-letter queue.

        The copy has the attribute FORWARDED, so that a redrive does not forward it again: `forwarded_before`. Returns
        False, and does nothing, for a message that is not a notification of this type.
        """
        notification = _sent_by_sp_api(body)
        if notification is None or notification.notification_type != notification_type:
            return False
        refusal = None if forwarded_before else self._refusal_of_bus(notification, body)
        logger().error("message cannot be processed and goes to the dead-letter queue", reason=reason)
        reasons = reason if refusal is None else f"{reason}; {refusal}"
        self._send_to_dead_letters(body, notification, reasons, forwarded=refusal is None)
        return True

    def forward(self, notification: Notification, body: str) -> None:
        """`body` is the message as received. What the bus refuses for ever goes to the dead-letter queue.

        Raises EventNotTakenError and EventNotAllowedError, after which the caller retries.
        """
        (last_step,) = self.forward_together([self.addressed(notification, body)])
        last_step()

    def addressed(self, notification: Notification, body: str) -> "Outgoing":
        """A notification with the seller and region that are found for it."""
        addressee = find_addressee(
            notification.subscription_id, seller_in(notification.payload), self.selling_partners_table, self._known
        )
        return Outgoing(notification, body, addressee)

    def forward_together(self, events: Sequence["Outgoing"]) -> Sequence[Callable[[], None]]:
        """Forwards several notifications with few calls, and returns the last step of each.

        That logs what became of the event, and sends one that the bus refuses for ever to the dead-letter queue. It
        raises EventNotTakenError, EventNotAllowedError or the AWS error after which the caller retries the message.
        """
        entries = [event.entry(self.bus_name) for event in events]
        results = put_events(self.events, entries)
        return [partial(self._conclude, event, result) for event, result in zip(events, results, strict=True)]

    def _conclude(self, event: "Outgoing", result: str | Exception) -> None:
        refusal = self._refusal(event, result)
        if refusal is not None:
            self._send_to_dead_letters(event.body, event.notification, refusal)

    def _refusal_of_bus(self, notification: Notification, body: str) -> str | None:
        """Puts the event on the bus. Returns why the bus will never accept it, None when it has accepted it."""
        event = self.addressed(notification, body)
        (result,) = put_events(self.events, [event.entry(self.bus_name)])
        return self._refusal(event, result)

    def _refusal(self, event: "Outgoing", result: str | Exception) -> str | None:
        logged = {
            "notification_type": event.notification.notification_type,
            "notification_id": event.notification.notification_id,
            "seller_id": event.addressee.seller_id,
            "region": event.addressee.region,
        }
        if isinstance(result, EventRefusedError):
            logger().error("rejected by the event bus, sent to the dead-letter queue", reason=str(result), extra=logged)
            return str(result)
        if isinstance(result, Exception):
            raise result
        logger().info("notification forwarded", event_id=result, extra=logged)
        return None

    def _send_to_dead_letters(
        self, body: str, notification: Notification, reason: str, *, forwarded: bool = False
    ) -> None:
        attributes = {
            "Reason": reason,
            "NotificationType": notification.notification_type,
            "NotificationId": notification.notification_id,
            FORWARDED: "true" if forwarded else "",
        }
        send_to_dead_letters(self.dead_letter_queue_url, body, attributes)


def _sent_by_sp_api(body: str) -> Notification | None:
    """The notification in a message; None for anything else.

    A test order sent by hand lacks SP-API's metadata, so it is not a notification for the host product.
    """
    try:
        notification = read_notification(body)
    except UnreadableNotificationError:
        return None
    return notification if notification.subscription_id or notification.notification_id else None


def event_detail(notification: Notification, body: str, addressee: Addressee) -> str:
    """{SellerId, RegionCode, NotificationId, SubscriptionId, Notification}: the last is the message as received.

    The others have the same names whatever letter case the notification type uses. Unknown values are null.
    """
    known = {
        "SellerId": addressee.seller_id,
        "RegionCode": addressee.region,
        "NotificationId": notification.notification_id or None,
        "SubscriptionId": notification.subscription_id or None,
    }
    return f'{json.dumps(known)[:-1]}, "Notification": {body}}}'


def put_events(
    events: "EventBridgeClient", entries: Sequence["PutEventsRequestEntryTypeDef"]
) -> Sequence[str | Exception]:
    """Puts events on their bus, several with each call, and returns the id of each or why it was not accepted.

    The reason is an EventRefusedError, EventNotTakenError or EventNotAllowedError, or what the call raised.
    """
    results: list[str | Exception] = []
    for some in _calls(entries):
        results += _put_some(events, some)
    return results


def _calls(
    entries: Sequence["PutEventsRequestEntryTypeDef"],
) -> Iterator[Sequence["PutEventsRequestEntryTypeDef"]]:
    """The entries in their order, as many in each call as EventBridge accepts."""
    some: list[PutEventsRequestEntryTypeDef] = []
    size = 0
    for entry in entries:
        own = sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))
        if some and (len(some) == _MOST_EVENTS or size + own > _LARGEST_CALL_BYTES):
            yield some
            some, size = [], 0
        some.append(entry)
        size += own
    if some:
        yield some


def _put_some(
    events: "EventBridgeClient", entries: Sequence["PutEventsRequestEntryTypeDef"]
) -> Sequence[str | Exception]:
    try:
        answer = events.put_events(Entries=list(entries))
    except ClientError as error:
        refusal = error.response["Error"]
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            return [error] * len(entries)
        failure = _failure(refusal.get("Code", ""), refusal.get("Message", ""))
        if isinstance(failure, EventRefusedError) and len(entries) > 1:
            # It may be about one of them.
            return [result for entry in entries for result in _put_some(events, [entry])]
        return [failure] * len(entries)
    except FAILED_CALLS as error:
        return [error] * len(entries)
    # EventBridge answers 200 even when entries failed. Results have the order of the entries.
    return [
        str(result["EventId"])
        if "EventId" in result
        else _failure(result.get("ErrorCode", ""), result.get("ErrorMessage", ""))
        for result in answer["Entries"]
    ]


def _failure(code: str, message: str) -> Exception:
    reason = f"EventBridge: {code}: {message}"
    if code in _FINAL:
        return EventRefusedError(reason)
    return EventNotAllowedError(reason) if needs_operator(code) else EventNotTakenError(reason)
