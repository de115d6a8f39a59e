"""State machine step: the document, from SP-API into the reports bucket."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from quickstart import settings, wiring
from quickstart.report_storage import store_document
from sp_api.deadline import Deadline


def handler(event: Mapping[str, Any], context: LambdaContext) -> Mapping[str, object]:
    """{SellerId, ReportId, ReportType, CreatedTime, ReportDocumentUrl} -> {ObjectKey, SizeBytes}."""
    stored = store_document(
        wiring.http(),
        wiring.s3(),
        settings.required("REPORTS_BUCKET"),
        url=event["ReportDocumentUrl"],
        seller_id=event["SellerId"],
        report_type=event["ReportType"],
        report_id=event["ReportId"],
        created_time=datetime.fromisoformat(event["CreatedTime"]),
        deadline=Deadline.after(context.get_remaining_time_in_millis() / 1000 - 10),
    )
    wiring.report_ledger().stored(event["SellerId"], event["ReportId"], stored)
    return {"ObjectKey": stored.key, "SizeBytes": stored.size_bytes}
