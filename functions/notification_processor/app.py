"""Processes SP-API's notifications from the queue: starts the delivery of each finished report, and forwards the others
to the event bus.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quickstart import callers, clients, invocation, settings
from quickstart.notifications import wiring
from quickstart.notifications.forwarding import Outgoing
from quickstart.notifications.ownership import find_owner
from quickstart.notifications.processing import (
    UnreadableNotificationError,
    execution_name,
    read_finished_report,
    read_notification,
    start_delivery,
)
from quickstart.notifications.types import REPORTS_TYPE
from quickstart.observability import logger
from quickstart.queue_batches import BatchAnswer, Message, process_batch
from quickstart.reports.wiring import reports_table

_DEAD_LETTERS = "NOTIFICATIONS_DEAD_LETTER_QUEUE_URL"


def handler(event: Mapping[str, Any], context: invocation.Context) -> BatchAnswer:
    """An SQS batch -> the messages that failed."""
    queue_url, dead_letters = settings.required("NOTIFICATIONS_QUEUE_URL"), settings.required(_DEAD_LETTERS)
    return process_batch(event, context, _process, UnreadableNotificationError, queue_url, dead_letters, _forward)


def _process(message: Message) -> Outgoing | None:
    """Starts the delivery of a finished report. Any other notification is returned, to be forwarded with the others."""
    notification = read_notification(message.body)
    if notification.notification_type != REPORTS_TYPE:
        return wiring.forwarder(_DEAD_LETTERS).addressed(notification, message.body)
    report = read_finished_report(notification)
    owner = find_owner(report, notification.subscription_id, reports_table(), callers.selling_partners_table())
    execution = start_delivery(clients.states(), settings.required("STATE_MACHINE_ARN"), report, owner)
    logger().info(
        "report finished",
        seller_id=owner.seller_id,
        region=owner.region,
        report_id=report.report_id,
        status=report.processing_status,
        notification_id=notification.notification_id,
        execution=execution or execution_name(report, owner),
        delivery="started" if execution else "already started by an earlier copy",
    )
    return None


def _forward(events: Sequence[Outgoing]) -> Sequence[Callable[[], None]]:
    return wiring.forwarder(_DEAD_LETTERS).forward_together(events)
