"""Lists a seller's subscriptions, as recorded by this stack and as returned by SP-API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quickstart.notifications.subscription_lookup import subscriptions_to
from quickstart.notifications.subscription_records import SubscriptionRecord
from quickstart.notifications.types import SQS_TYPES, known_versions
from sp_api.caller import Caller
from sp_api.errors import AuthorizationError, SellingPartnerApiError, ThrottledError
from sp_api.notifications import ProcessingDirective, Subscription, directive_document


@dataclass(frozen=True)
class Comparison:
    """A subscription, as recorded and as returned by SP-API.

    `state` is Subscribed (in both), NotRecorded (only at SP-API: created by another stack or program),
    Gone (only recorded) or NotCompared (recorded; SP-API was not called or refused).
    """

    notification_type: str
    state: str
    subscription_id: str
    destination_id: str
    payload_version: str
    processing_directive: ProcessingDirective | None = None


@dataclass(frozen=True)
class SubscriptionList:
    """`not_compared` has, by notification type, the reason why SP-API's answer is missing."""

    subscriptions: tuple[Comparison, ...]
    not_compared: Mapping[str, str]

    def described(self) -> Mapping[str, object]:
        """{"subscriptions", "notCompared"}, as answers return them."""
        return {
            "subscriptions": [described(comparison) for comparison in self.subscriptions],
            "notCompared": [{"notificationType": name, "reason": why} for name, why in self.not_compared.items()],
        }


def list_subscriptions(
    seller: Caller, records: Sequence[SubscriptionRecord], notification_type: str
) -> SubscriptionList:
    """Compares the seller's records with SP-API's answers, for one type or, when it is empty, for all.

    Recorded types come first: SP-API allows a burst of five calls, then one a second, and throttles the rest. When
    SP-API answers for no type at all, its first refusal is raised.
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
                found += _compared(name, recorded, _at_sp_api(seller, name, recorded))
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


def described(comparison: Comparison) -> Mapping[str, object]:
    """The subscription as answers return it."""
    directive = comparison.processing_directive
    return {
        "notificationType": comparison.notification_type,
        "state": comparison.state,
        "subscriptionId": comparison.subscription_id,
        "destinationId": comparison.destination_id,
        "payloadVersion": comparison.payload_version,
    } | ({} if directive is None else {"processingDirective": directive_document(directive)})


def _at_sp_api(
    seller: Caller, notification_type: str, recorded: Sequence[SubscriptionRecord]
) -> tuple[Subscription, ...]:
    versions = (*(record.payload_version for record in recorded), *known_versions(notification_type))
    return subscriptions_to(seller, notification_type, dict.fromkeys(versions))


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
