"""Takes SP-API's notifications from the queue: starts the delivery of each finished report, and hands the others on to
the event bus.
"""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from quickstart import settings, wiring
from quickstart.notification_forwarding import (
    EventRefusedError,
    event_detail,
    find_addressee,
    put_event,
    send_to_dead_letters,
)
from quickstart.notification_processing import (
    Notification,
    UnreadableNotificationError,
    find_owner,
    read_finished_report,
    read_notification,
    start_delivery,
)
from quickstart.observability import logger
from quickstart.subscriptions import REPORTS_TYPE


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """An SQS batch -> the messages that failed; the others are done, whatever became of their neighbours."""
    return process_partial_response(event=event, record_handler=_process, processor=_processor(), context=context)


@cache
def _processor() -> BatchProcessor:
    return BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def _process(record: SQSRecord) -> None:
    try:
        notification = read_notification(record.body)
        if notification.notification_type != REPORTS_TYPE:
            _forward(notification, record)
            return
        report = read_finished_report(notification)
    except UnreadableNotificationError as error:
        logger().error(
            "message cannot be handled and goes to the dead-letter queue",
            message_id=record.message_id,
            reason=str(error),
        )
        _return_at_once(record)
        raise
    owner = find_owner(report, notification.subscription_id, wiring.reports_table(), wiring.selling_partners_table())
    started = start_delivery(wiring.states(), settings.required("STATE_MACHINE_ARN"), report, owner)
    logger().info(
        "report finished",
        seller_id=owner.seller_id,
        region=owner.region,
        report_id=report.report_id,
        status=report.processing_status,
        notification_id=notification.notification_id,
        delivery="started" if started else "already started by an earlier copy",
    )


def _forward(notification: Notification, record: SQSRecord) -> None:
    """What EventBridge will never take goes to the dead-letter queue with the reason; that is then done."""
    addressee = find_addressee(notification, wiring.selling_partners_table())
    told = {
        "notification_type": notification.notification_type,
        "notification_id": notification.notification_id,
        "seller_id": addressee.seller_id,
        "region": addressee.region,
    }
    try:
        event_id = put_event(
            wiring.events(),
            settings.required("EVENT_BUS_NAME"),
            notification,
            event_detail(notification, record.body, addressee),
        )
    except EventRefusedError as error:
        logger().error("refused by the event bus, sent to the dead-letter queue", reason=str(error), extra=told)
        send_to_dead_letters(
            wiring.sqs(),
            settings.required("NOTIFICATIONS_DEAD_LETTER_QUEUE_URL"),
            record.body,
            notification,
            str(error),
        )
        return
    logger().info("notification handed on", event_id=event_id, extra=told)


def _return_at_once(record: SQSRecord) -> None:
    """Reading it again will not help: with no time to wait out, its receives are soon used up and SQS moves it."""
    wiring.sqs().change_message_visibility(
        QueueUrl=settings.required("NOTIFICATIONS_QUEUE_URL"), ReceiptHandle=record.receipt_handle, VisibilityTimeout=0
    )
