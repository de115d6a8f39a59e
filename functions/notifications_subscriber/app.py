"""The subscriptions of sellers: makes, tells and ends them."""

from collections.abc import Mapping
from typing import Any

from quickstart import http_api, settings, wiring
from quickstart.subscriptions import (
    Comparison,
    find_unrecorded,
    list_subscriptions,
    queue_for,
    read_query,
    read_request,
    subscribe,
    unsubscribe,
)
from quickstart.validation import Fields
from sp_api.deadline import Deadline
from sp_api.notifications import directive_document


def handler(event: Mapping[str, Any], _context: object) -> http_api.Answer:
    """POST {SellerId, RegionCode, NotificationType, PayloadVersion?, ProcessingDirective?, Replace?} ->
    {"destinationId", "subscriptionId"}.

    GET ?SellerId=&RegionCode=&NotificationType= -> {"sellerId", "regionCode", "subscriptions", "notCompared"}.

    DELETE /{notificationType}?SellerId=&RegionCode= -> {"sellerId", "regionCode", "notificationType",
    "subscriptionIds", "destinationRemoved"}.
    """
    routes = {
        "POST /notifications": _subscribe,
        "GET /notifications": _list,
        "DELETE /notifications/{notificationType}": _unsubscribe,
    }
    return http_api.answer(event, routes)


def _subscribe(fields: Fields) -> Mapping[str, object]:
    request = read_request(fields)
    deadline = Deadline.after(http_api.CALL_BUDGET_SECONDS)
    subscription = subscribe(
        # Refused here, an unknown seller leaves no destination behind.
        wiring.seller(request.seller_id, request.region, deadline),
        wiring.application(request.region, deadline),
        wiring.destinations(),
        wiring.subscription_records(),
        request,
        queue_for(request.notification_type, settings.required("NOTIFICATIONS_QUEUE_ARN"), _queues_of_their_own()),
    )
    return {"destinationId": subscription.destination_id, "subscriptionId": subscription.subscription_id}


def _list(fields: Fields) -> Mapping[str, object]:
    query = read_query(fields, type_required=False)
    recorded = wiring.subscription_records().of_seller(query.seller_id, query.region, query.notification_type)
    deadline = Deadline.after(http_api.CALL_BUDGET_SECONDS)
    listed = list_subscriptions(
        wiring.seller(query.seller_id, query.region, deadline), recorded, query.notification_type
    )
    return {
        "sellerId": query.seller_id,
        "regionCode": query.region,
        "subscriptions": [_entry(comparison) for comparison in listed.subscriptions],
        "notCompared": [{"notificationType": name, "reason": why} for name, why in listed.not_compared.items()],
    }


def _unsubscribe(fields: Fields) -> Mapping[str, object]:
    query = read_query(fields, type_required=True)
    records = wiring.subscription_records()
    deadline = Deadline.after(http_api.CALL_BUDGET_SECONDS)
    application = wiring.application(query.region, deadline)
    recorded = records.of_seller(query.seller_id, query.region, query.notification_type)
    if not recorded:
        queue_arns = [settings.required("NOTIFICATIONS_QUEUE_ARN"), *_queues_of_their_own().values()]
        seller = wiring.seller(query.seller_id, query.region, deadline)
        recorded = (find_unrecorded(seller, application, query, queue_arns),)
    return {
        "sellerId": query.seller_id,
        "regionCode": query.region,
        "notificationType": query.notification_type,
        "subscriptionIds": [record.subscription_id for record in recorded],
        "destinationRemoved": unsubscribe(application, wiring.destinations(), records, recorded),
    }


def _queues_of_their_own() -> Mapping[str, str]:
    """The orders queue is there when the capability that reads it is: a flood of orders then delays no report."""
    orders_queue_arn = settings.optional("ORDERS_QUEUE_ARN")
    return {"ORDER_CHANGE": orders_queue_arn} if orders_queue_arn else {}


def _entry(comparison: Comparison) -> Mapping[str, object]:
    directive = comparison.processing_directive
    return {
        "notificationType": comparison.notification_type,
        "state": comparison.state,
        "subscriptionId": comparison.subscription_id,
        "destinationId": comparison.destination_id,
        "payloadVersion": comparison.payload_version,
    } | ({} if directive is None else {"processingDirective": directive_document(directive)})
