"""Takes ORDER_CHANGE notifications from the queue and schedules the request of a review for each shipped order."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from quickstart import settings, wiring
from quickstart.observability import logger
from quickstart.solicitation_orders import UnreadableOrderChangeError, read_order_change
from quickstart.solicitation_scheduling import schedule_solicitation


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """An SQS batch -> the messages that failed; the others are done, whatever became of their neighbours."""
    return process_partial_response(event=event, record_handler=_process, processor=_processor(), context=context)


@cache
def _processor() -> BatchProcessor:
    return BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def _process(record: SQSRecord) -> None:
    sent = datetime.fromtimestamp(int(record.attributes.sent_timestamp) / 1000, UTC)
    try:
        change = read_order_change(record.body, sent)
    except UnreadableOrderChangeError as error:
        logger().error(
            "message cannot be handled and goes to the dead-letter queue",
            message_id=record.message_id,
            reason=str(error),
        )
        _return_at_once(record)
        raise
    schedule_solicitation(
        change,
        wiring.solicitation_ledger(),
        wiring.solicitation_arranger(),
        timedelta(days=settings.whole_number("SOLICITATION_DELAY_DAYS")),
    )


def _return_at_once(record: SQSRecord) -> None:
    """Reading it again will not help: with no time to wait out, its receives are soon used up and SQS moves it."""
    wiring.sqs().change_message_visibility(
        QueueUrl=settings.required("ORDERS_QUEUE_URL"), ReceiptHandle=record.receipt_handle, VisibilityTimeout=0
    )
