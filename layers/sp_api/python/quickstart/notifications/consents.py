"""After a consent: subscribes the selling partner to the notification types that the operator chose."""

from collections.abc import Callable, Iterable

from quickstart.invocation import EXPECTED
from quickstart.notifications.subscription_requests import SubscriptionRequest, read_request
from quickstart.notifications.subscriptions import Subscriber, SubscriptionConflictError
from quickstart.observability import logger
from quickstart.token_vault import SellerUnknownError
from quickstart.validation import Fields


def subscribe_after_consent(
    seller_id: str,
    region_code: str,
    notification_types: Iterable[str],
    subscriber: Callable[[SubscriptionRequest], Subscriber],
) -> None:
    """Subscribes the seller to each type. A subscription of another stack is kept, and its conflict logged.

    A seller that has left in the meantime is not subscribed. The operator may name a type that SP-API added later, so
    SP-API's own answer decides. A type that cannot be subscribed does not keep the others from it: the first failure is
    raised afterwards, among them what `Subscriber.subscribe` raises. A repeat is harmless.
    """
    failures: list[Exception] = []
    for notification_type in notification_types:
        logged = {"seller_id": seller_id, "region": region_code, "notification_type": notification_type}
        body = {
            "SellerId": seller_id,
            "RegionCode": region_code,
            "NotificationType": notification_type,
            "AllowUnknownType": True,
        }
        try:
            request = read_request(Fields(body))
            subscription = subscriber(request).subscribe(request)
        except SellerUnknownError:
            # The event follows the token, so there was one: DELETE /tokens has removed it.
            logger().info("not subscribed: the seller has left", extra=logged)
            return
        except SubscriptionConflictError as conflict:
            logger().error("not subscribed: the seller has another subscription", reason=str(conflict), extra=logged)
            continue
        except EXPECTED as error:
            logger().warning("not subscribed", reason=str(error), extra=logged)
            failures.append(error)
            continue
        logger().info("subscribed after consent", subscription_id=subscription.subscription_id, extra=logged)
    if failures:
        raise failures[0]
