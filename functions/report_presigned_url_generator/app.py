"""State machine step: creates the presigned link and sends the e-mail with it.

The state machine never receives the link, because its history would keep it.
"""

from collections.abc import Mapping
from typing import Any

from quickstart import invocation, settings
from quickstart.reports import wiring
from quickstart.reports.announcement import FinishedReport, announce_report


def handler(event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, object]:
    """{SellerId, ReportId, ReportType, ReportStatus, Execution?, ObjectKey?, SizeBytes?, Sha256?,
    CompressionAlgorithm?, DataStartTime?, DataEndTime?, Explanation?, AnnouncementSlot?} -> {NotificationMessageId}.
    """
    with wiring.report_step(event, context):
        message_id = announce_report(
            FinishedReport.from_workflow(event),
            wiring.report_ledger(),
            wiring.report_topic(),
            wiring.report_links(),
            settings.required("REPORT_CREATOR_URL"),
            slot_taken=event.get("AnnouncementSlot"),
        )
    return {"NotificationMessageId": message_id}
