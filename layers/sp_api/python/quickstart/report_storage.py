"""Copies a report's document from SP-API into the bucket, as it comes and without holding it in memory."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, cast

import urllib3
from boto3.s3.transfer import TransferConfig

from quickstart.report_ledger import StoredReport
from sp_api.deadline import Deadline
from sp_api.documents import DocumentStream, open_document

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# One part in memory at a time; S3 takes 10,000 of them, so a document may have 78 GiB.
_PART_BYTES = 8 * 1024 * 1024
_STREAMING = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False)
# Most reports are tab-separated text; this extension opens in a spreadsheet.
_FLAT_FILE_EXTENSION = "tsv"
_EXTENSIONS: Mapping[str, str] = {
    "application/json": "json",
    "application/pdf": "pdf",
    "application/xml": "xml",
    "application/zip": "zip",
    "text/csv": "csv",
    "text/xml": "xml",
}


class _Measured:
    """The document with a file's `read`, all that s3transfer asks for; counts and hashes what is read."""

    def __init__(self, document: DocumentStream) -> None:
        self._document = document
        self.size_bytes = 0
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._document.read(size if size >= 0 else None)
        self.size_bytes += len(chunk)
        self.sha256.update(chunk)
        return chunk


def store_document(
    http: urllib3.PoolManager,
    s3: "S3Client",
    bucket: str,
    *,
    url: str,
    seller_id: str,
    report_type: str,
    report_id: str,
    created_time: datetime,
    deadline: Deadline,
) -> StoredReport:
    """Stores the bytes as sent under a key that the same report always gets, so that storing it again changes nothing.

    A multipart upload is completed only when the document is whole, and aborted otherwise. Raises
    DocumentUrlExpiredError, DocumentTruncatedError and what else `sp_api.documents` raises.
    """
    with open_document(http, url, deadline) as document:
        key = object_key(seller_id, report_type, report_id, created_time, document.content_type)
        measured = _Measured(document)
        s3.upload_fileobj(
            cast("IO[bytes]", measured),
            bucket,
            key,
            ExtraArgs=_headers(document, f"{report_type}_{report_id}.{key.rsplit('.', 1)[1]}"),
            Config=_STREAMING,
        )
    return StoredReport(key=key, size_bytes=measured.size_bytes, sha256=measured.sha256.hexdigest())


def object_key(
    seller_id: str, report_type: str, report_id: str, created_time: datetime, content_type: str | None
) -> str:
    """<SellerId>/<ReportType>/<yyyy>/<mm>/<dd>/<ReportId>.<ext>, by the UTC date of the report's createdTime."""
    extension = _EXTENSIONS.get((content_type or "").partition(";")[0].strip().lower(), _FLAT_FILE_EXTENSION)
    return f"{seller_id}/{report_type}/{created_time.astimezone(UTC):%Y/%m/%d}/{report_id}.{extension}"


def _headers(document: DocumentStream, file_name: str) -> dict[str, Any]:
    headers = {
        "ContentType": document.content_type or "application/octet-stream",
        "ContentDisposition": f'attachment; filename="{file_name}"',
    }
    if document.gzipped:
        headers["ContentEncoding"] = "gzip"
    return headers
