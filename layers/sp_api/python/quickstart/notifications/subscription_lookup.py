"""Finds a seller's subscriptions to a type at SP-API, of every payload version."""

from collections.abc import Iterable

from sp_api import notifications
from sp_api.caller import Caller
from sp_api.errors import AccessDeniedError, InvalidInputError, NotFoundError, ThrottledError
from sp_api.notifications import Subscription


def subscriptions_to(
    seller: Caller, notification_type: str, versions: Iterable[str], *, despite_throttling: bool = False
) -> tuple[Subscription, ...]:
    """The seller's subscriptions of this application to the type; none when SP-API has none.

    getSubscriptions returns those of all payload versions. Where SP-API refuses that operation, getSubscription is
    called for the latest version and for each of `versions`. With `despite_throttling` also where it throttles, because
    getSubscription has a quota of its own.
    """
    try:
        return _listed(seller, notification_type)
    except (AccessDeniedError, InvalidInputError, NotFoundError):
        return _one_by_one(seller, notification_type, versions)
    except ThrottledError:
        if not despite_throttling:
            raise
        return _one_by_one(seller, notification_type, versions)


def _listed(seller: Caller, notification_type: str) -> tuple[Subscription, ...]:
    page = notifications.get_subscriptions(seller, notification_type)
    found = page.subscriptions
    while page.next_token is not None:
        page = notifications.get_subscriptions(seller, notification_type, next_token=page.next_token)
        found += page.subscriptions
    return found


def _one_by_one(seller: Caller, notification_type: str, versions: Iterable[str]) -> tuple[Subscription, ...]:
    found: dict[str, Subscription] = {}
    for version in (None, *versions):
        if version in {subscription.payload_version for subscription in found.values()}:
            continue
        try:
            subscription = notifications.get_subscription(seller, notification_type, version)
        except NotFoundError:
            continue
        except InvalidInputError:
            # SP-API does not know this version, so there is no subscription of it.
            if version is None:
                raise
            continue
        found[subscription.subscription_id] = subscription
    return tuple(found.values())
