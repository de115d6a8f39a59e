"""State machine step: the presigned link and the e-mail with it.

The link is mailed here and not by the state machine, because whatever passes through that stays in its history.
"""

from collections.abc import Mapping
from typing import Any

from quickstart import settings, wiring
from quickstart.observability import logger
from quickstart.report_announcement import FinishedReportNews, write_message
from quickstart.report_ledger import StoredReport
from quickstart.topic import publish


def handler(event: Mapping[str, Any], _context: object) -> Mapping[str, object]:
    """{SellerId, ReportId, ReportType, ReportStatus, ObjectKey?, SizeBytes?, Sha256?, CompressionAlgorithm?,
    DataStartTime?, DataEndTime?, Explanation?} -> {NotificationMessageId}.

    A report is announced once: what the ledger already has as announced is not announced again. Raises
    AnnouncementsTooFastError, after which the state machine waits and tries again.
    """
    seller_id, report_id = event["SellerId"], event["ReportId"]
    ledger = wiring.report_ledger()
    announced = (ledger.find(seller_id, report_id) or {}).get("NotificationMessageId")
    if announced is not None:
        return {"NotificationMessageId": announced}
    # These take long in a function that starts cold, and what has its turn should leave soon.
    sns, _ = wiring.sns(), wiring.sts()
    # Before the link is made, which lives from then on.
    wiring.take_announcement_turn()
    document = _document(event)
    message = write_message(
        FinishedReportNews(
            seller_id=seller_id,
            report_id=report_id,
            report_type=event["ReportType"],
            report_status=event["ReportStatus"],
            reports_url=settings.required("REPORT_CREATOR_URL"),
            data_start_time=event.get("DataStartTime"),
            data_end_time=event.get("DataEndTime"),
            document=document,
            link=None if document is None else wiring.report_link(document.key, report_id),
            explanation=event.get("Explanation"),
        )
    )
    message_id = publish(sns, settings.required("REPORT_TOPIC_ARN"), message)
    ledger.announced(seller_id, report_id, event["ReportStatus"], message_id)
    logger().info("report announced", seller_id=seller_id, report_id=report_id, status=event["ReportStatus"])
    return {"NotificationMessageId": message_id}


def _document(event: Mapping[str, Any]) -> StoredReport | None:
    if "ObjectKey" not in event:
        return None
    return StoredReport(
        key=event["ObjectKey"],
        size_bytes=event["SizeBytes"],
        sha256=event["Sha256"],
        gzipped=event["CompressionAlgorithm"] == "GZIP",
    )
