"""State machine step: the presigned link and the e-mail with it.

The link is mailed here and not by the state machine, because whatever passes through that stays in its history.
"""

from collections.abc import Mapping
from typing import Any

from quickstart import settings, wiring
from quickstart.observability import logger
from quickstart.report_announcement import FinishedReportNews, period, write_message


def handler(event: Mapping[str, Any], _context: object) -> Mapping[str, object]:
    """{SellerId, ReportId, ReportType, ReportStatus, ObjectKey?, SizeBytes?, DataStartTime?, DataEndTime?,
    Explanation?} -> {NotificationMessageId}.

    A report is announced once: what the ledger already has as announced is not announced again.
    """
    seller_id, report_id = event["SellerId"], event["ReportId"]
    ledger = wiring.report_ledger()
    announced = (ledger.find(seller_id, report_id) or {}).get("NotificationMessageId")
    if announced is not None:
        return {"NotificationMessageId": announced}
    message = write_message(
        FinishedReportNews(
            seller_id=seller_id,
            report_id=report_id,
            report_type=event["ReportType"],
            report_status=event["ReportStatus"],
            period=period(event.get("DataStartTime"), event.get("DataEndTime")),
            size_bytes=event.get("SizeBytes"),
            link=wiring.report_link(event["ObjectKey"], report_id) if "ObjectKey" in event else None,
            explanation=event.get("Explanation"),
        )
    )
    published = wiring.sns().publish(
        TopicArn=settings.required("REPORT_TOPIC_ARN"), Subject=message.subject, Message=message.body
    )
    ledger.announced(seller_id, report_id, event["ReportStatus"], published["MessageId"])
    logger().info("report announced", seller_id=seller_id, report_id=report_id, status=event["ReportStatus"])
    return {"NotificationMessageId": published["MessageId"]}
