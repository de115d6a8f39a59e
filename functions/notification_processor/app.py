"""Takes SP-API's notifications from the queue: starts the delivery of each finished report, and hands the others on to
the event bus.
"""

from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from quickstart import settings, wiring
from quickstart.notification_processing import (
    UnreadableNotificationError,
    find_owner,
    read_finished_report,
    read_notification,
    start_delivery,
)
from quickstart.observability import logger
from quickstart.queue_batches import process_batch
from quickstart.subscriptions import REPORTS_TYPE


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """An SQS batch -> the messages that failed."""
    queue_url = settings.required("NOTIFICATIONS_QUEUE_URL")
    return process_batch(event, context, _process, UnreadableNotificationError, queue_url)


def _process(record: SQSRecord) -> None:
    notification = read_notification(record.body)
    if notification.notification_type != REPORTS_TYPE:
        wiring.forwarder("NOTIFICATIONS_DEAD_LETTER_QUEUE_URL").forward(notification, record.body)
        return
    report = read_finished_report(notification)
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
