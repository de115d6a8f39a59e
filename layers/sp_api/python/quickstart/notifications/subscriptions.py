"""Creates sellers' subscriptions to notification types, with this stack's queues as destinations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quickstart.notifications.destinations import Destinations, is_unknown_destination
from quickstart.notifications.directives import completed, same_effect
from quickstart.notifications.ending import end_subscription
from quickstart.notifications.payload_versions import PayloadVersions, create_in_any_version
from quickstart.notifications.subscription_lookup import subscriptions_to
from quickstart.notifications.subscription_records import SubscriptionRecord, SubscriptionRecords, record_of
from quickstart.notifications.subscription_requests import SubscriptionRequest
from quickstart.observability import logger
from quickstart.refusals import Refusal, refusal_of
from sp_api import notifications
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.errors import ConflictError, InvalidInputError, SellingPartnerApiError
from sp_api.notifications import ProcessingDirective, Subscription

# The time that remains to the function after a request's calls have used up their budget.
_RESTORE_SECONDS = 6.0
_LOOK_AGAIN_SECONDS = 60.0


class SubscriptionConflictError(Refusal):
    """The seller has a different subscription to this type than the requested one."""

    status = 409
    code = "SubscriptionConflict"
    field = "NotificationType"


class HiddenSubscriptionError(SubscriptionConflictError):
    """SP-API rejects the subscription because one exists, but lists none."""

    retry_after = _LOOK_AGAIN_SECONDS

    def __init__(self, request: SubscriptionRequest, cause: ConflictError) -> None:
        super().__init__(
            f"SP-API reports that seller {request.seller_id} has a subscription to {request.notification_type}, but "
            f"lists none: {cause}. SP-API's list may be out of date. Retry after {_LOOK_AGAIN_SECONDS:.0f} s; to "
            "replace the subscription, add Replace: true"
        )


class SubscriptionReplacementError(Refusal):
    """Old subscriptions were deleted but the new one not created; the status is that of SP-API's refusal.

    It is 409 with a wait when SP-API still has, or still believes to have, another subscription.
    """

    code = "SubscriptionNotReplaced"
    field = "NotificationType"

    def __init__(
        self,
        deleted: Sequence[Subscription | SubscriptionRecord],
        restored: Sequence[Subscription],
        cause: SellingPartnerApiError,
    ) -> None:
        refusal = refusal_of(cause)
        self.status, self.retry_after = refusal.status, refusal.retry_after
        if isinstance(cause, ConflictError):
            self.status, self.retry_after = SubscriptionConflictError.status, _LOOK_AGAIN_SECONDS
        outcome = (
            f"restored as subscription {_ids(restored)}"
            if restored
            else "not restored, so the seller is no longer subscribed: retry the request"
        )
        super().__init__(
            f"subscription {_ids(deleted)} was deleted, but its replacement was not created; {outcome}. {cause}"
        )


@dataclass(frozen=True)
class Subscriber:
    """Subscribes one seller; `application` is grantless, `queue_arn` the queue that receives the type."""

    seller: Caller
    application: Caller
    destinations: Destinations
    records: SubscriptionRecords
    versions: PayloadVersions
    queue_arn: str

    def subscribe(self, request: SubscriptionRequest) -> Subscription:
        """Returns the requested subscription, after creating it if necessary, and records it; a repeat returns the
        same.

        An existing subscription of any payload version is found first. One with another destination or, when the
        request has a directive, another filter raises SubscriptionConflictError. With `replace`, all other
        subscriptions to the type are deleted instead; SubscriptionReplacementError means that some were deleted but no
        new one created.
        """
        destination_id = self._destination_id()
        existing = self._existing(request)
        if not existing:
            try:
                return self._recorded(request, self._create(request, destination_id))
            except ConflictError as error:
                existing = self._existing(request)
                if not existing:
                    return self._after_hidden_conflict(request, destination_id, error)
        if any(found.destination_id != destination_id for found in existing):
            # The cached id may be outdated.
            destination_id = self._destination_id(fresh=True)
        return self._beside(request, destination_id, existing)

    def _beside(
        self, request: SubscriptionRequest, destination_id: str, existing: Sequence[Subscription]
    ) -> Subscription:
        """The requested subscription, when there are some to the type."""
        serving = next((found for found in existing if _serves(found, request, destination_id)), None)
        others = [found for found in existing if found is not serving]
        if request.replace:
            return self._replaced(request, destination_id, serving, others)
        conflicting = [found for found in others if _conflicts(found, request, destination_id, serving)]
        if conflicting:
            raise SubscriptionConflictError(_conflict(conflicting, request, destination_id))
        if serving is not None:
            return self._recorded(request, serving)
        try:
            return self._recorded(request, self._create(request, destination_id))
        except ConflictError as error:
            raise SubscriptionConflictError(f"{_conflict(others, request, destination_id)}. {error}") from error

    def _replaced(
        self,
        request: SubscriptionRequest,
        destination_id: str,
        serving: Subscription | None,
        others: Sequence[Subscription],
    ) -> Subscription:
        """SP-API cannot change a subscription, and may refuse a second one, so the others are deleted first."""
        deleted: list[Subscription] = []
        try:
            for old in others:
                end_subscription(self.application, lambda: self.seller, request.notification_type, old.subscription_id)
                deleted.append(old)
            made = serving or self._create(request, destination_id, [old.payload_version for old in others])
        except SellingPartnerApiError as error:
            if serving is not None or not deleted:
                raise
            now = self._made_or_restored(request, deleted)
            made_after_all = next((found for found in now if _serves(found, request, destination_id)), None)
            if made_after_all is None or len(deleted) < len(others):
                for found in now:
                    if found.destination_id == destination_id:
                        self._recorded(request, found)
                raise SubscriptionReplacementError(deleted, now, error) from error
            made = made_after_all
        for old in others:
            self.records.remove(record_of(request.seller_id, request.region, request.notification_type, old))
        return self._recorded(request, made)

    def _after_hidden_conflict(
        self, request: SubscriptionRequest, destination_id: str, conflict: ConflictError
    ) -> Subscription:
        """With `replace`, the recorded subscriptions are deleted by their ids.

        Raises HiddenSubscriptionError, and SubscriptionReplacementError when some were deleted but no new one created.
        """
        recorded = self.records.of_seller(request.seller_id, request.region, request.notification_type)
        if not request.replace or not recorded:
            raise HiddenSubscriptionError(request, conflict) from conflict
        for record in recorded:
            end_subscription(self.application, lambda: self.seller, request.notification_type, record.subscription_id)
            self.records.remove(record)
        try:
            return self._recorded(request, self._create(request, destination_id))
        except ConflictError as error:
            raise HiddenSubscriptionError(request, error) from error
        except SellingPartnerApiError as error:
            raise SubscriptionReplacementError(recorded, (), error) from error

    def _made_or_restored(
        self, request: SubscriptionRequest, deleted: Sequence[Subscription]
    ) -> tuple[Subscription, ...]:
        """What the seller has now: the new subscription if it was created after all, otherwise the old ones, which are
        created again.
        """
        in_time = replace(self, seller=replace(self.seller, deadline=Deadline.after(_RESTORE_SECONDS)))
        try:
            now = in_time._existing(request)
            there = {found.payload_version for found in now}
            for old in deleted:
                if old.payload_version not in there:
                    now += (
                        notifications.create_subscription(
                            in_time.seller,
                            request.notification_type,
                            old.payload_version,
                            old.destination_id,
                            old.processing_directive,
                        ),
                    )
        except SellingPartnerApiError as error:
            logger().error("a deleted subscription could not be restored", reason=str(error))
            return ()
        return now

    def _destination_id(self, *, fresh: bool = False) -> str:
        return self.destinations.id_for(self.application, self.queue_arn, fresh=fresh)

    def _existing(self, request: SubscriptionRequest) -> tuple[Subscription, ...]:
        requested = (request.payload_version,) if request.payload_version else ()
        versions = self.versions.candidates(request.notification_type, requested)
        return subscriptions_to(self.seller, request.notification_type, versions, despite_throttling=True)

    def _create(
        self, request: SubscriptionRequest, destination_id: str, used_before: Sequence[str] = ()
    ) -> Subscription:
        """Creates the subscription; `used_before` are versions that SP-API accepted for the old ones."""
        try:
            return self._create_at(request, destination_id, used_before)
        except InvalidInputError as error:
            if not is_unknown_destination(error):
                raise
            # Somebody deleted the destination.
            return self._create_at(request, self._destination_id(fresh=True), used_before)

    def _create_at(self, request: SubscriptionRequest, destination_id: str, used_before: Sequence[str]) -> Subscription:
        directive = completed(request.processing_directive, request.notification_type)
        if request.payload_version is not None:
            return notifications.create_subscription(
                self.seller, request.notification_type, request.payload_version, destination_id, directive
            )
        candidates = self.versions.candidates(request.notification_type, used_before)
        made = create_in_any_version(self.seller, request.notification_type, candidates, destination_id, directive)
        self.versions.remember(request.notification_type, made.payload_version)
        return made

    def _recorded(self, request: SubscriptionRequest, subscription: Subscription) -> Subscription:
        self.records.store(record_of(request.seller_id, request.region, request.notification_type, subscription))
        return subscription


def _serves(found: Subscription, request: SubscriptionRequest, destination_id: str) -> bool:
    wanted = request.processing_directive
    return (
        found.destination_id == destination_id
        and request.payload_version in (None, found.payload_version)
        and (wanted is None or same_effect(found.processing_directive, wanted))
    )


def _conflicts(
    found: Subscription, request: SubscriptionRequest, destination_id: str, serving: Subscription | None
) -> bool:
    """Whether an existing subscription stands in the way of the requested one.

    One to another queue does in every version, because both queues would receive every notification. One to this
    stack's queue does when it has another filter and the request does not ask for another version.
    """
    if found.destination_id != destination_id:
        return True
    return serving is None and request.payload_version in (None, found.payload_version)


def _conflict(conflicting: Sequence[Subscription], request: SubscriptionRequest, destination_id: str) -> str:
    described = "; ".join(_described(found, destination_id) for found in conflicting)
    return (
        f"seller {request.seller_id} is already subscribed to {request.notification_type}: {described}; "
        "send the request with Replace: true to delete every other subscription to this type and create the requested "
        "one"
    )


def _described(found: Subscription, destination_id: str) -> str:
    difference = (
        f"with another destination ({found.destination_id} instead of {destination_id})"
        if found.destination_id != destination_id
        else f"with another ProcessingDirective ({_directive_text(found.processing_directive)})"
    )
    return f"subscription {found.subscription_id}, payload version {found.payload_version}, {difference}"


def _directive_text(directive: ProcessingDirective | None) -> str:
    return "none" if directive is None else str(dict(notifications.directive_document(directive)))


def _ids(subscriptions: Sequence[Subscription | SubscriptionRecord]) -> str:
    return ", ".join(subscription.subscription_id for subscription in subscriptions)
