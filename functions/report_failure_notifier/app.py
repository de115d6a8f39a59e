"""Mails that a report was not delivered: EventBridge calls it for each execution that did not succeed."""

from collections.abc import Mapping
from typing import Any

from quickstart import settings, wiring
from quickstart.delivery_failure import read_failure, write_message
from quickstart.observability import logger
from quickstart.topic import publish


def handler(event: Mapping[str, Any], _context: object) -> None:
    """An event "Step Functions Execution Status Change" of FAILED, TIMED_OUT or ABORTED.

    A failure is announced once: what the ledger already has as announced is not announced again. Raises
    AnnouncementsTooFastError, after which Lambda tries twice again, and then hands the event to the dead-letter queue.
    """
    failed = read_failure(event, wiring.states())
    logger().error(
        "report not delivered",
        seller_id=failed.seller_id,
        report_id=failed.report_id,
        execution=failed.execution_arn,
        status=failed.status,
        error=failed.error,
    )
    ledger = wiring.report_ledger()
    known = failed.seller_id is not None and failed.report_id is not None
    if known:
        item = ledger.find(str(failed.seller_id), str(failed.report_id)) or {}
        if item.get("AnnouncedFailure") == failed.failure_id:
            return
    # Made first: it takes long in a function that starts cold, and what has its turn should leave soon.
    sns = wiring.sns()
    wiring.take_announcement_turn()
    message_id = publish(sns, settings.required("REPORT_TOPIC_ARN"), write_message(failed))
    if known:
        ledger.failed(
            str(failed.seller_id), str(failed.report_id), failed.failure_id, failed.error or failed.status, message_id
        )
