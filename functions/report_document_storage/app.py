"""State machine step: the document, from SP-API into the reports bucket."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from quickstart import settings, wiring
from quickstart.report_storage import is_stored, store_document
from sp_api.deadline import Deadline


def handler(event: Mapping[str, Any], context: LambdaContext) -> Mapping[str, object]:
    """{SellerId, ReportId, ReportType, CreatedTime, ReportDocumentUrl} -> {ObjectKey, SizeBytes, Sha256,
    CompressionAlgorithm}, the last GZIP or NONE.

    A document that the ledger and the bucket have is not stored again.
    """
    seller_id, report_id = event["SellerId"], event["ReportId"]
    bucket = settings.required("REPORTS_BUCKET")
    stored = wiring.report_ledger().stored_document(seller_id, report_id)
    if stored is None or not is_stored(wiring.s3(), bucket, stored):
        stored = store_document(
            wiring.http(),
            wiring.s3(),
            bucket,
            url=event["ReportDocumentUrl"],
            seller_id=seller_id,
            report_type=event["ReportType"],
            report_id=report_id,
            created_time=datetime.fromisoformat(event["CreatedTime"]),
            deadline=Deadline.after(context.get_remaining_time_in_millis() / 1000 - 10),
        )
        wiring.report_ledger().stored(seller_id, report_id, stored)
    return {
        "ObjectKey": stored.key,
        "SizeBytes": stored.size_bytes,
        "Sha256": stored.sha256,
        "CompressionAlgorithm": "GZIP" if stored.gzipped else "NONE",
    }
