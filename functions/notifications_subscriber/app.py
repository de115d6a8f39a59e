"""Creates, lists and ends sellers' subscriptions."""

from collections.abc import Mapping
from typing import Any

from quickstart import callers, http_api
from quickstart.invocation import Context
from quickstart.notifications import (
    subscription_list,
    subscriptions,  # noqa: F401 - loaded while the function starts, see wiring
    wiring,
)
from quickstart.notifications.ending import unsubscribe
from quickstart.notifications.subscription_requests import read_end_query, read_list_query, read_request
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """POST {SellerId, RegionCode, NotificationType, AllowUnknownType?, PayloadVersion?, ProcessingDirective?, Replace?}
    -> {"destinationId", "subscriptionId", "payloadVersion"}.

    GET ?SellerId=&RegionCode=&NotificationType=&AllowUnknownType= -> {"sellerId", "regionCode", "subscriptions",
    "notCompared"}.

    DELETE /{notificationType}?SellerId=&RegionCode=&AllowUnknownType=&OnlyOwn= -> {"sellerId", "regionCode",
    "notificationType", "subscriptionIds", "destinationRemoved", "notCompared"?}.
    """
    return http_api.answer(event, context, ROUTES)


def _subscribe(fields: Fields) -> Mapping[str, object]:
    """Subscribes a seller to a notification type, with the stack's queue as the destination."""
    request = read_request(fields)
    deadline = http_api.call_deadline()
    subscriber = wiring.subscriber(
        # An unknown seller is refused before a destination is created.
        callers.seller(request.seller_id, request.region, deadline),
        callers.application(request.region, deadline),
        request.notification_type,
    )
    subscription = subscriber.subscribe(request)
    return {
        "destinationId": subscription.destination_id,
        "subscriptionId": subscription.subscription_id,
        "payloadVersion": subscription.payload_version,
    }


def _list(fields: Fields) -> Mapping[str, object]:
    """Lists the seller's subscriptions, compared with SP-API's list."""
    query = read_list_query(fields)
    recorded = wiring.subscription_records().of_seller(query.seller_id, query.region, query.notification_type)
    seller = callers.seller(query.seller_id, query.region, http_api.call_deadline())
    listed = subscription_list.list_subscriptions(seller, recorded, query.notification_type)
    return {"sellerId": query.seller_id, "regionCode": query.region, **listed.described()}


def _unsubscribe(fields: Fields) -> Mapping[str, object]:
    """Cancels all subscriptions to a type, and deletes the destination if nothing else uses it."""
    query = read_end_query(fields)
    deadline = http_api.call_deadline()
    ended = unsubscribe(
        query,
        lambda: callers.seller(query.seller_id, query.region, deadline),
        callers.application(query.region, deadline),
        wiring.destinations(),
        wiring.subscription_records(),
        wiring.queue_arns(),
    )
    answer: dict[str, object] = {
        "sellerId": query.seller_id,
        "regionCode": query.region,
        "notificationType": query.notification_type,
        "subscriptionIds": list(ended.subscription_ids),
        "destinationRemoved": ended.destination_removed,
    }
    return answer if ended.not_compared is None else answer | {"notCompared": ended.not_compared}


ROUTES: Mapping[str, http_api.Action] = {
    "POST /notifications": _subscribe,
    "GET /notifications": _list,
    "DELETE /notifications/{notificationType}": _unsubscribe,
}
