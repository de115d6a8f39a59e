"""Batches of an SQS queue, message by message."""

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from quickstart import wiring
from quickstart.observability import logger


def process_batch(
    event: dict[str, Any],
    context: LambdaContext,
    process: Callable[[SQSRecord], None],
    unreadable: type[Exception],
    queue_url: str,
) -> PartialItemFailureResponse:
    """The messages that failed; the others are done, whatever became of their neighbours.

    A message of which `process` raises `unreadable` is returned to the queue with no time to wait out: reading it again
    will not help, so its receives are soon used up and SQS moves it to the dead-letter queue.
    """

    def handle(record: SQSRecord) -> None:
        try:
            process(record)
        except unreadable as error:
            logger().error(
                "message cannot be handled and goes to the dead-letter queue",
                message_id=record.message_id,
                reason=str(error),
            )
            wiring.sqs().change_message_visibility(
                QueueUrl=queue_url, ReceiptHandle=record.receipt_handle, VisibilityTimeout=0
            )
            raise

    return process_partial_response(event=event, record_handler=handle, processor=_processor(), context=context)


@cache
def _processor() -> BatchProcessor:
    return BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
