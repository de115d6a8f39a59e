"""Subscribes sellers to notification types, with this stack's queues as destinations; tells and ends subscriptions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from quickstart.destinations import Destinations, is_unknown_destination, remove_destination
from quickstart.notification_types import SQS_TYPES, why_not
from quickstart.observability import logger
from quickstart.processing_directives import completed, read_directive, same_effect
from quickstart.subscription_records import SubscriptionRecord, SubscriptionRecords
from quickstart.validation import FieldError, Fields
from sp_api import notifications
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.errors import (
    AuthorizationError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SellingPartnerApiError,
    ThrottledError,
)
from sp_api.notifications import ProcessingDirective, Subscription
from sp_api.regions import Region

REPORTS_TYPE = "REPORT_PROCESSING_FINISHED"
_PAYLOAD_VERSION = re.compile(r"\d{1,3}\.\d{1,3}|\d{4}-\d{2}-\d{2}")
# What is left to the function after the calls of a request have used up their own budget.
_RESTORE_SECONDS = 6.0


class SubscriptionConflictError(RuntimeError):
    """The seller has a subscription of this type already, and it is another one than was asked for."""


class NotSubscribedError(LookupError):
    """There is no such subscription, neither recorded nor at SP-API."""


class SubscriptionReplacementError(RuntimeError):
    """The old subscription is deleted and the new one was not made; `cause` is what SP-API said."""

    def __init__(self, old: Subscription, restored: Subscription | None, cause: SellingPartnerApiError) -> None:
        self.cause = cause
        outcome = (
            "the seller is not subscribed now, and the old subscription could not be restored: send the request again"
            if restored is None
            else f"the old one is restored as subscription {restored.subscription_id}"
        )
        super().__init__(
            f"subscription {old.subscription_id} was deleted, but the one in its place was not made; {outcome}. {cause}"
        )


@dataclass(frozen=True)
class SubscriptionRequest:
    """A valid POST /notifications. Without a directive, an existing subscription serves whatever it filters."""

    seller_id: str
    region: Region
    notification_type: str
    payload_version: str
    processing_directive: ProcessingDirective | None = None
    replace: bool = False


@dataclass(frozen=True)
class SubscriptionQuery:
    """A valid GET or DELETE of subscriptions; no notification type means all of them."""

    seller_id: str
    region: Region
    notification_type: str


@dataclass(frozen=True)
class Comparison:
    """A subscription as recorded and as SP-API has it.

    `state` is Subscribed (both know it), NotRecorded (SP-API alone: made by another installation of the application),
    Gone (recorded alone) or NotCompared (recorded; SP-API was not asked or did not say).
    """

    notification_type: str
    state: str
    subscription_id: str
    destination_id: str
    payload_version: str
    processing_directive: ProcessingDirective | None = None


@dataclass(frozen=True)
class SubscriptionList:
    """`not_compared` holds, by notification type, why SP-API's answer is missing."""

    subscriptions: tuple[Comparison, ...]
    not_compared: Mapping[str, str]


def read_request(fields: Fields) -> SubscriptionRequest:
    """Raises InvalidRequestError with every field that is wrong."""
    seller_id = fields.seller_id()
    region = fields.region()
    notification_type = _notification_type(fields)
    directive = read_directive(fields, notification_type, region)
    payload_version = _payload_version(fields, notification_type)
    replaces = _flag(fields, "Replace")
    fields.finish()
    return SubscriptionRequest(seller_id, region, notification_type, payload_version, directive, replaces)


def read_query(fields: Fields, *, type_required: bool) -> SubscriptionQuery:
    """Raises InvalidRequestError with every field that is wrong."""
    seller_id = fields.seller_id()
    region = fields.region()
    notification_type = _notification_type(fields, required=type_required)
    fields.finish()
    return SubscriptionQuery(seller_id, region, notification_type)


def queue_for(notification_type: str, queue_arn: str, queues_of_their_own: Mapping[str, str]) -> str:
    """The ARN of the queue that a type goes to: one of its own where it has one, else the one for all."""
    return queues_of_their_own.get(notification_type, queue_arn)


def subscribe(
    seller: Caller,
    application: Caller,
    destinations: Destinations,
    records: SubscriptionRecords,
    request: SubscriptionRequest,
    queue_arn: str,
) -> Subscription:
    """The seller's subscription as asked for, made when there is none, and recorded; asking again gives the same one.

    `application` is grantless. An existing subscription with another destination or, when a directive was asked for,
    another filter raises SubscriptionConflictError, or is replaced when the request says so; then
    SubscriptionReplacementError says that it was deleted and no new one made.
    """
    destination_id = destinations.id_for(application, queue_arn)
    existing = _existing(seller, request)
    if existing is None:
        try:
            return _recorded(records, request, _create(seller, request, destination_id))
        except ConflictError:
            existing = _existing(seller, request)
            if existing is None:
                raise
        except InvalidInputError as error:
            if not is_unknown_destination(error):
                raise
            destination_id = destinations.id_for(application, queue_arn, fresh=True)
            return _recorded(records, request, _create(seller, request, destination_id))
    if existing.destination_id != destination_id:
        # What is remembered may be older than the destination.
        destination_id = destinations.id_for(application, queue_arn, fresh=True)
    if not _serves(existing, request, destination_id):
        if not request.replace:
            raise SubscriptionConflictError(_conflict(existing, request, destination_id))
        existing = _replaced(seller, application, records, request, existing, destination_id)
    return _recorded(records, request, existing)


def list_subscriptions(
    seller: Caller, records: Sequence[SubscriptionRecord], notification_type: str
) -> SubscriptionList:
    """What is recorded of the seller beside what SP-API answers, for one type or, when empty, for all.

    The types that are recorded are asked for first: SP-API allows five calls at once and one a second from then on, and
    says of the rest that there were too many. Raises what SP-API said first when it answers for no type at all.
    """
    recorded_types = dict.fromkeys(record.notification_type for record in records)
    types = [notification_type] if notification_type else list(dict.fromkeys([*recorded_types, *SQS_TYPES]))
    found: list[Comparison] = []
    refusals: dict[str, SellingPartnerApiError] = {}
    throttled: ThrottledError | None = None
    for name in types:
        recorded = [record for record in records if record.notification_type == name]
        try:
            if throttled is None:
                found += _compared(name, recorded, _at_sp_api(seller, name))
                continue
            refusals[name] = throttled
        except AuthorizationError:
            raise
        except ThrottledError as error:
            refusals[name] = throttled = error
        except SellingPartnerApiError as error:
            refusals[name] = error
        found += [_of_record(record, "NotCompared") for record in recorded]
    if len(refusals) == len(types):
        raise refusals[types[0]]
    return SubscriptionList(tuple(found), {name: str(error) for name, error in refusals.items()})


def unsubscribe(
    application: Caller,
    destinations: Destinations,
    records: SubscriptionRecords,
    recorded: Sequence[SubscriptionRecord],
) -> bool:
    """Ends recorded subscriptions and forgets them; True when their destination is gone too.

    Works without the seller's token. A destination that is still used stays; so does one that SP-API does not let go
    for another reason, which is logged: it is in nobody's way.
    """
    for record in recorded:
        end_subscription(application, record.notification_type, record.subscription_id)
        records.remove(record)
    return remove_destinations(application, destinations, {record.destination_id for record in recorded})


def end_subscription(application: Caller, notification_type: str, subscription_id: str) -> None:
    """Deletes a subscription by its id; one that is gone already is as good."""
    try:
        notifications.delete_subscription_by_id(application, notification_type, subscription_id)
    except NotFoundError:
        logger().info("the subscription was gone already", subscription_id=subscription_id)


def remove_destinations(application: Caller, destinations: Destinations, destination_ids: set[str]) -> bool:
    """Deletes those that no subscription uses; True when that is all of them."""
    removed = 0
    for destination_id in destination_ids:
        try:
            removed += remove_destination(application, destination_id)
        except NotFoundError:
            removed += 1
        except SellingPartnerApiError as error:
            logger().warning("a destination was left", destination_id=destination_id, reason=str(error))
            continue
        destinations.forget(destination_id)
    return removed == len(destination_ids)


def find_unrecorded(
    seller: Caller, application: Caller, query: SubscriptionQuery, queue_arns: Sequence[str]
) -> SubscriptionRecord:
    """A subscription to one of this stack's queues that has no record, such as one whose recording failed.

    Raises NotSubscribedError when SP-API has none, SubscriptionConflictError when it belongs to another destination.
    """
    try:
        found = notifications.get_subscription(seller, query.notification_type)
    except NotFoundError:
        raise NotSubscribedError(
            f"seller {query.seller_id} is not subscribed to {query.notification_type} in region {query.region}"
        ) from None
    own = {
        destination.destination_id
        for destination in notifications.get_destinations(application)
        if destination.queue_arn in queue_arns
    }
    if found.destination_id not in own:
        raise SubscriptionConflictError(
            f"subscription {found.subscription_id} of seller {query.seller_id} to {query.notification_type} goes to "
            f"another destination ({found.destination_id}), so it is not this installation's to end"
        )
    return _record(query.seller_id, query.region, query.notification_type, found)


def _existing(seller: Caller, request: SubscriptionRequest) -> Subscription | None:
    try:
        return notifications.get_subscription(seller, request.notification_type, request.payload_version)
    except NotFoundError:
        return None


def _create(seller: Caller, request: SubscriptionRequest, destination_id: str) -> Subscription:
    directive = completed(request.processing_directive, request.notification_type)
    return notifications.create_subscription(
        seller, request.notification_type, request.payload_version, destination_id, directive
    )


def _recorded(records: SubscriptionRecords, request: SubscriptionRequest, subscription: Subscription) -> Subscription:
    records.store(_record(request.seller_id, request.region, request.notification_type, subscription))
    return subscription


def _record(seller_id: str, region: Region, notification_type: str, subscription: Subscription) -> SubscriptionRecord:
    return SubscriptionRecord(
        seller_id=seller_id,
        region=region,
        notification_type=notification_type,
        subscription_id=subscription.subscription_id,
        destination_id=subscription.destination_id,
        payload_version=subscription.payload_version,
    )


def _serves(existing: Subscription, request: SubscriptionRequest, destination_id: str) -> bool:
    asked = request.processing_directive
    return existing.destination_id == destination_id and (
        asked is None or same_effect(existing.processing_directive, asked)
    )


def _conflict(existing: Subscription, request: SubscriptionRequest, destination_id: str) -> str:
    difference = (
        f"with another destination ({existing.destination_id} instead of {destination_id})"
        if existing.destination_id != destination_id
        else f"with another ProcessingDirective ({_directive_text(existing.processing_directive)})"
    )
    return (
        f"seller {request.seller_id} is already subscribed to {request.notification_type}, payload version "
        f"{existing.payload_version} (subscription {existing.subscription_id}), {difference}; "
        "send the request with Replace: true to have that subscription deleted and the new one made"
    )


def _directive_text(directive: ProcessingDirective | None) -> str:
    return "none" if directive is None else str(dict(notifications.directive_document(directive)))


def _replaced(
    seller: Caller,
    application: Caller,
    records: SubscriptionRecords,
    request: SubscriptionRequest,
    old: Subscription,
    destination_id: str,
) -> Subscription:
    """SP-API can neither move a subscription nor hold a second one, so the old one goes first."""
    end_subscription(application, request.notification_type, old.subscription_id)
    try:
        return _create(seller, request, destination_id)
    except SellingPartnerApiError as error:
        now = _made_or_restored(seller, request, old)
        if now is not None and _serves(now, request, destination_id):
            return now
        if now is not None and now.destination_id == destination_id:
            _recorded(records, request, now)
        raise SubscriptionReplacementError(old, now, error) from error


def _made_or_restored(seller: Caller, request: SubscriptionRequest, old: Subscription) -> Subscription | None:
    """What the seller has now: the new subscription if it was made after all, else the old one made again."""
    in_time = replace(seller, deadline=Deadline.after(_RESTORE_SECONDS))
    try:
        return _existing(in_time, request) or notifications.create_subscription(
            in_time, request.notification_type, old.payload_version, old.destination_id, old.processing_directive
        )
    except SellingPartnerApiError as error:
        logger().error("a deleted subscription could not be restored", reason=str(error))
        return None


def _at_sp_api(seller: Caller, notification_type: str) -> list[Subscription]:
    found: list[Subscription] = []
    next_token: str | None = None
    try:
        while True:
            page = notifications.get_subscriptions(seller, notification_type, next_token=next_token)
            found += page.subscriptions
            next_token = page.next_token
            if next_token is None:
                return found
    except NotFoundError:
        return found


def _compared(
    notification_type: str, recorded: Sequence[SubscriptionRecord], found: Sequence[Subscription]
) -> list[Comparison]:
    known = {record.subscription_id for record in recorded}
    there = {subscription.subscription_id for subscription in found}
    gone = [_of_record(record, "Gone") for record in recorded if record.subscription_id not in there]
    return [
        Comparison(
            notification_type,
            "Subscribed" if subscription.subscription_id in known else "NotRecorded",
            subscription.subscription_id,
            subscription.destination_id,
            subscription.payload_version,
            subscription.processing_directive,
        )
        for subscription in found
    ] + gone


def _of_record(record: SubscriptionRecord, state: str) -> Comparison:
    return Comparison(
        record.notification_type, state, record.subscription_id, record.destination_id, record.payload_version
    )


def _notification_type(fields: Fields, *, required: bool = True) -> str:
    """NotificationType: empty when it is missing or cannot be subscribed to here."""
    value = fields.text("NotificationType", required=required, rule=f"one of {', '.join(SQS_TYPES)}")
    refused = why_not(value) if value else None
    if refused is not None:
        fields.errors.append(FieldError("NotificationType", *refused))
        return ""
    return value


def _payload_version(fields: Fields, notification_type: str) -> str:
    """PayloadVersion: the type's current one when it is left out. The reports' is read here, so no other serves."""
    default = SQS_TYPES[notification_type].payload_version if notification_type else ""
    value = fields.text("PayloadVersion", required=False, rule="the type's current one without it") or default
    if notification_type == REPORTS_TYPE and value != default:
        fields.errors.append(FieldError("PayloadVersion", "InvalidValue", f"PayloadVersion must be {default}"))
    elif value and not _PAYLOAD_VERSION.fullmatch(value):
        message = "PayloadVersion must be a version such as 1.0 or 2020-09-04"
        fields.errors.append(FieldError("PayloadVersion", "InvalidValue", message))
    return value


def _flag(fields: Fields, name: str) -> bool:
    fields.known(name, rule="true or false; false without it", schema={"type": "boolean"})
    value = fields.body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        fields.errors.append(FieldError(name, "InvalidType", f"{name} must be true or false"))
        return False
    return value
