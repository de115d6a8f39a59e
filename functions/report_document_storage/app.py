"""State machine step: copies the document from SP-API into the reports bucket."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from quickstart import clients, invocation, settings
from quickstart.reports import wiring
from quickstart.reports.storage import ReportDocument, store_once


def handler(event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, object]:
    """{SellerId, ReportId, ReportType, CreatedTime, ReportDocumentUrl, Execution?} -> {ObjectKey, SizeBytes, Sha256,
    CompressionAlgorithm, GuessedCharset?}; the algorithm is GZIP or NONE.
    """
    with wiring.report_step(event, context):
        return store_once(
            ReportDocument(
                seller_id=event["SellerId"],
                report_id=event["ReportId"],
                report_type=event["ReportType"],
                created_time=datetime.fromisoformat(event["CreatedTime"]),
                url=event["ReportDocumentUrl"],
            ),
            clients.http(),
            clients.s3_documents(),
            settings.required("REPORTS_BUCKET"),
            wiring.report_ledger(),
            invocation.deadline(context, reserve_seconds=10),
        ).attributes()
