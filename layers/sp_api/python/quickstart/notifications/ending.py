"""Ends sellers' subscriptions, and deletes the destinations that nothing uses after that."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from quickstart.notifications.destinations import Destinations, remove_destination
from quickstart.notifications.subscription_lookup import subscriptions_to
from quickstart.notifications.subscription_records import SubscriptionRecord, SubscriptionRecords, record_of
from quickstart.notifications.subscription_requests import SubscriptionQuery
from quickstart.notifications.types import known_versions
from quickstart.observability import logger
from quickstart.refusals import Refusal
from quickstart.token_vault import SellerUnknownError
from sp_api import notifications
from sp_api.caller import Caller
from sp_api.errors import (
    AccessDeniedError,
    AuthorizationError,
    InvalidInputError,
    NotFoundError,
    SellingPartnerApiError,
)


class NotSubscribedError(Refusal):
    """There is no such subscription, neither recorded nor at SP-API."""

    status = 404
    code = "NotSubscribed"
    field = "NotificationType"

    def __init__(self, query: SubscriptionQuery) -> None:
        super().__init__(
            f"seller {query.seller_id} is not subscribed to {query.notification_type} in region {query.region}"
        )


class ElsewhereError(Refusal):
    """With OnlyOwn: the seller's subscriptions all go to queues of other stacks or programs."""

    status = 409
    code = "SubscriptionConflict"
    field = "OnlyOwn"

    def __init__(self, query: SubscriptionQuery, elsewhere: Iterable[SubscriptionRecord]) -> None:
        found = ", ".join(f"{record.subscription_id} (destination {record.destination_id})" for record in elsewhere)
        super().__init__(
            f"no subscription of seller {query.seller_id} to {query.notification_type} goes to a queue of this stack, "
            f"only {found}; without OnlyOwn, the request ends these too"
        )


@dataclass(frozen=True)
class Ended:
    """The subscriptions that a request ended, and whether this stack's destination was deleted too.

    `not_compared` is why SP-API could not be asked for further subscriptions; None when it was.
    """

    subscription_ids: tuple[str, ...]
    destination_removed: bool
    not_compared: str | None = None


def unsubscribe(
    query: SubscriptionQuery,
    seller: Callable[[], Caller],
    application: Caller,
    destinations: Destinations,
    records: SubscriptionRecords,
    queue_arns: Sequence[str],
) -> Ended:
    """Ends all of the seller's subscriptions to the query's type, of every payload version and to every queue.

    With `only_own`, those to queues other than `queue_arns` stay. Deletes this stack's destination when nothing else
    uses it. Recorded subscriptions are ended even if the seller's token is revoked or deleted. Raises
    NotSubscribedError, and ElsewhereError when `only_own` leaves nothing to end.
    """
    recorded = records.of_seller(query.seller_id, query.region, query.notification_type)
    others, not_compared = _others(query, seller, recorded)
    own = _own_destinations(application, queue_arns) if others else set()
    elsewhere = [record for record in others if record.destination_id not in own]
    ending = [*recorded, *(record for record in others if not query.only_own or record not in elsewhere)]
    if not ending:
        raise ElsewhereError(query, elsewhere) if elsewhere else NotSubscribedError(query)
    for record in ending:
        end_subscription(application, seller, record.notification_type, record.subscription_id)
    unused = {record.destination_id for record in ending if record not in elsewhere}
    removed = _remove_destinations(application, destinations, unused)
    # Last, so that a repeat of a request that failed before finds what is left to do.
    for record in ending:
        records.remove(record)
    return Ended(tuple(record.subscription_id for record in ending), removed, not_compared)


def end_subscription(
    application: Caller, seller: Callable[[], Caller], notification_type: str, subscription_id: str
) -> None:
    """Deletes a subscription by its id; succeeds when it is already gone.

    The operation is documented as grantless, so it is called as the application first. Where SP-API refuses that, it
    is called as the seller. Raises AccessDeniedError when SP-API refuses both, or there is no token to try.
    """
    try:
        notifications.delete_subscription_by_id(application, notification_type, subscription_id)
    except NotFoundError:
        logger().info("subscription was already gone", subscription_id=subscription_id)
    except AccessDeniedError as refusal:
        try:
            notifications.delete_subscription_by_id(seller(), notification_type, subscription_id)
        except NotFoundError:
            logger().info("subscription was already gone", subscription_id=subscription_id)
        except (AccessDeniedError, AuthorizationError, SellerUnknownError) as error:
            raise _refused_to_both(refusal, error) from error


def _refused_to_both(application: AccessDeniedError, seller: Exception) -> AccessDeniedError:
    return AccessDeniedError(
        application.operation,
        status=application.status,
        code=application.code,
        message=application.message,
        details=f"{application.details or 'as the application'}; as the seller: {seller}",
        request_id=application.request_id,
    )


def _others(
    query: SubscriptionQuery, seller: Callable[[], Caller], recorded: Sequence[SubscriptionRecord]
) -> tuple[tuple[SubscriptionRecord, ...], str | None]:
    """The subscriptions at SP-API without a record, and why they could not be looked up.

    Without a record, a subscription can only be found there, so every error is raised. With one, only those that a
    retry may resolve.
    """
    versions = (*known_versions(query.notification_type), *(record.payload_version for record in recorded))
    try:
        found = subscriptions_to(seller(), query.notification_type, dict.fromkeys(versions), despite_throttling=True)
    except (AccessDeniedError, AuthorizationError, InvalidInputError, SellerUnknownError) as error:
        if not recorded:
            raise
        return (), str(error)
    known = {record.subscription_id for record in recorded}
    return tuple(
        record_of(query.seller_id, query.region, query.notification_type, subscription)
        for subscription in found
        if subscription.subscription_id not in known
    ), None


def _own_destinations(application: Caller, queue_arns: Sequence[str]) -> set[str]:
    return {
        destination.destination_id
        for destination in notifications.get_destinations(application)
        if destination.queue_arn in queue_arns
    }


def _remove_destinations(application: Caller, destinations: Destinations, destination_ids: set[str]) -> bool:
    """Deletes the destinations that no subscription uses; True when there were some and all were deleted.

    A destination that SP-API does not delete for another reason is logged: an unused destination does no harm.
    """
    removed = 0
    for destination_id in destination_ids:
        try:
            removed += remove_destination(application, destination_id)
        except NotFoundError:
            removed += 1
        except SellingPartnerApiError as error:
            logger().warning("destination was not deleted", destination_id=destination_id, reason=str(error))
            continue
        destinations.forget(destination_id)
    return 0 < removed == len(destination_ids)
