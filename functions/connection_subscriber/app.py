"""After a consent: subscribes the selling partner to the notification types of the template's parameter."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from quickstart import callers, invocation, settings
from quickstart.authorization.events import UnreadableChangeError, read_consent
from quickstart.notifications import wiring
from quickstart.notifications.consents import subscribe_after_consent
from quickstart.notifications.subscription_requests import SubscriptionRequest
from quickstart.notifications.subscriptions import Subscriber
from quickstart.observability import logger
from quickstart.queue_batches import BatchAnswer, Message, process_batch
from sp_api.deadline import Deadline


def handler(event: Mapping[str, Any], context: invocation.Context) -> BatchAnswer:
    """An SQS batch of the bus's events -> the messages that failed."""
    process = partial(_process, invocation.deadline(context))
    return process_batch(event, context, process, UnreadableChangeError, settings.required("CONSENTS_QUEUE_URL"))


def _process(deadline: Deadline, message: Message) -> None:
    consent = read_consent(message.body)
    if consent is None:
        logger().info("the event is not about a consent, nothing to do")
        return
    types = settings.required("NOTIFICATION_TYPES").split(",")
    subscribe_after_consent(consent.seller_id, consent.region_code, types, partial(_subscriber, deadline))


def _subscriber(deadline: Deadline, request: SubscriptionRequest) -> Subscriber:
    return wiring.subscriber(
        callers.seller(request.seller_id, request.region, deadline),
        callers.application(request.region, deadline),
        request.notification_type,
    )
