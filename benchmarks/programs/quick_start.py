"""The stack's own function for storing documents, as far as it moves bytes."""

from datetime import UTC, datetime

from measured import measure

from quickstart import clients
from quickstart.reports.storage import store_document
from sp_api.deadline import Deadline


def copy(url: str, _endpoint: str) -> None:
    store_document(
        clients.http(),
        clients.s3_documents(),
        "bucket",
        url=url,
        seller_id="A1",
        report_type="GET_X",
        report_id="7",
        created_time=datetime(2026, 11, 26, tzinfo=UTC),
        marketplace_ids=(),
        deadline=Deadline.after(600),
    )


measure(copy)
