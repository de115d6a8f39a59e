"""Subscribes a seller to a notification type, with this stack's queue as the destination."""

from collections.abc import Mapping
from dataclasses import dataclass

from quickstart.validation import Fields
from sp_api import notifications
from sp_api.caller import Caller
from sp_api.errors import ConflictError, NotFoundError
from sp_api.notifications import Destination, Subscription
from sp_api.regions import Region

# What the processor knows to handle, each with the payload version that it reads.
PAYLOAD_VERSIONS: Mapping[str, str] = {"REPORT_PROCESSING_FINISHED": "2020-09-04"}


class SubscriptionConflictError(RuntimeError):
    """The seller's notifications of this type already go to another destination."""


@dataclass(frozen=True)
class SubscriptionRequest:
    """A valid POST /notifications."""

    seller_id: str
    region: Region
    notification_type: str
    payload_version: str


def read_request(fields: Fields) -> SubscriptionRequest:
    """Raises InvalidRequestError with every field that is wrong."""
    seller_id = fields.seller_id()
    region = fields.region()
    notification_type = fields.choice("NotificationType", PAYLOAD_VERSIONS)
    version = PAYLOAD_VERSIONS.get(notification_type, "")
    payload_version = fields.choice("PayloadVersion", [version], required=False) if version else ""
    fields.known("PayloadVersion")
    fields.finish()
    return SubscriptionRequest(seller_id, region, notification_type, payload_version or version)


def destination_for(caller: Caller, queue_arn: str) -> Destination:
    """The application's destination for this queue in the caller's region, made when there is none.

    `caller` is grantless. SP-API keeps destinations per region and refuses a second one for the same queue (409), so
    two requests at once end with the same destination.
    """
    found = _destination(caller, queue_arn)
    if found is not None:
        return found
    try:
        return notifications.create_destination(caller, queue_arn.rsplit(":", 1)[1], queue_arn)
    except ConflictError:
        made_meanwhile = _destination(caller, queue_arn)
        if made_meanwhile is None:
            raise
        return made_meanwhile


def subscribe(caller: Caller, request: SubscriptionRequest, destination: Destination) -> Subscription:
    """The seller's subscription to this type, made when there is none; asking again gives the same one.

    `caller` is the seller. Raises SubscriptionConflictError when the existing one points to another destination.
    """
    try:
        subscription = notifications.get_subscription(caller, request.notification_type, request.payload_version)
    except NotFoundError:
        try:
            return notifications.create_subscription(
                caller, request.notification_type, request.payload_version, destination.destination_id
            )
        except ConflictError:
            subscription = notifications.get_subscription(caller, request.notification_type, request.payload_version)
    if subscription.destination_id != destination.destination_id:
        raise SubscriptionConflictError(
            f"seller {request.seller_id} is already subscribed to {request.notification_type} (subscription "
            f"{subscription.subscription_id}) with another destination ({subscription.destination_id}); "
            "SP-API allows one subscription for each type: delete that one first"
        )
    return subscription


def _destination(caller: Caller, queue_arn: str) -> Destination | None:
    for destination in notifications.get_destinations(caller):
        if destination.queue_arn == queue_arn:
            return destination
    return None
