"""POST /notifications: subscribes a seller to a notification type."""

from collections.abc import Mapping
from typing import Any

from quickstart import http_api, settings, wiring
from quickstart.subscription_records import SubscriptionRecord
from quickstart.subscriptions import destination_for, read_request, subscribe
from quickstart.validation import Fields
from sp_api.deadline import Deadline


def handler(event: Mapping[str, Any], _context: object) -> http_api.Answer:
    """{SellerId, RegionCode, NotificationType, PayloadVersion?} -> {"destinationId", "subscriptionId"}."""
    return http_api.answer(event, {"POST /notifications": _subscribe})


def _subscribe(fields: Fields) -> Mapping[str, object]:
    request = read_request(fields)
    # Before SP-API is asked for anything: an unknown seller leaves no destination behind.
    wiring.token_vault().refresh_token(request.seller_id, request.region)()
    deadline = Deadline.after(http_api.CALL_BUDGET_SECONDS)
    destination = destination_for(
        wiring.application(request.region, deadline), settings.required("NOTIFICATIONS_QUEUE_ARN")
    )
    subscription = subscribe(wiring.seller(request.seller_id, request.region, deadline), request, destination)
    wiring.subscription_records().store(
        SubscriptionRecord(
            seller_id=request.seller_id,
            region=request.region,
            notification_type=request.notification_type,
            subscription_id=subscription.subscription_id,
            destination_id=destination.destination_id,
            payload_version=request.payload_version,
        )
    )
    return {"destinationId": destination.destination_id, "subscriptionId": subscription.subscription_id}
