"""Takes ORDER_CHANGE notifications from the queue: schedules the request of a review for each shipped order, and hands
the notification on to the event bus.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from quickstart import settings, wiring
from quickstart.notification_processing import UnreadableNotificationError, read_notification
from quickstart.queue_batches import process_batch
from quickstart.solicitation_orders import UnreadableOrderChangeError, read_order_change
from quickstart.solicitation_scheduling import schedule_solicitation


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """An SQS batch -> the messages that failed."""
    queue_url = settings.required("ORDERS_QUEUE_URL")
    return process_batch(event, context, _process, UnreadableOrderChangeError, queue_url)


def _process(record: SQSRecord) -> None:
    sent = datetime.fromtimestamp(int(record.attributes.sent_timestamp) / 1000, UTC)
    schedule_solicitation(
        read_order_change(record.body, sent),
        wiring.solicitation_ledger(),
        wiring.solicitation_arranger(),
        timedelta(days=settings.whole_number("SOLICITATION_DELAY_DAYS")),
    )
    _forward(record.body)


def _forward(body: str) -> None:
    try:
        notification = read_notification(body)
    except UnreadableNotificationError:
        # An order without SP-API's metadata was sent by hand, as a test: it is no notification for the host product.
        return
    wiring.forwarder("ORDERS_DEAD_LETTER_QUEUE_URL").forward(notification, body)
