"""Processes ORDER_CHANGE notifications from the queue: schedules a review request for each shipped order and forwards
every notification to the event bus.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from quickstart import invocation, settings
from quickstart.notifications.forwarding import FORWARDED
from quickstart.notifications.wiring import forwarder
from quickstart.queue_batches import BatchAnswer, Message, process_batch
from quickstart.solicitations import wiring
from quickstart.solicitations.orders import NOTIFICATION_TYPE, UnreadableOrderChangeError, read_order_change
from quickstart.solicitations.scheduling import schedule_solicitation
from quickstart.token_vault import token_regions

_DEAD_LETTERS = "ORDERS_DEAD_LETTER_QUEUE_URL"


def handler(event: Mapping[str, Any], context: invocation.Context) -> BatchAnswer:
    """An SQS batch -> the messages that failed."""
    queue_url, dead_letters = settings.required("ORDERS_QUEUE_URL"), settings.required(_DEAD_LETTERS)
    return process_batch(event, context, _process, UnreadableOrderChangeError, queue_url, dead_letters)


def _process(message: Message) -> None:
    sent = datetime.fromtimestamp(int(message.attributes["SentTimestamp"]) / 1000, UTC)
    bus = forwarder(_DEAD_LETTERS)
    # A message that was moved back from the dead-letter queue.
    forwarded_before = FORWARDED in message.message_attributes
    try:
        change = read_order_change(message.body, sent)
    except UnreadableOrderChangeError as error:
        # What is wrong for a solicitation may be of no concern to the host product.
        if not bus.forward_and_set_aside(
            NOTIFICATION_TYPE, message.body, str(error), forwarded_before=forwarded_before
        ):
            raise
        return
    if change is not None:
        schedule_solicitation(
            change,
            wiring.solicitation_ledger(),
            wiring.solicitation_arranger(),
            timedelta(days=settings.whole_number("SOLICITATION_DELAY_DAYS")),
            lambda seller_id: bool(token_regions(wiring.selling_partners_table(), seller_id)),
        )
    if not forwarded_before:
        bus.forward_if_notification(message.body)
