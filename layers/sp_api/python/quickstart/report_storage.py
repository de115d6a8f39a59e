"""Copies a report's document from SP-API into the bucket, as it comes and without holding it in memory."""

import codecs
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, cast

import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from quickstart.report_ledger import StoredReport
from sp_api.deadline import Deadline
from sp_api.documents import DocumentStream, charset_of, open_document

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


# SP-API names charsets as Java does, or as the standards do and means what Windows made of them. These names are known
# to Python, to browsers and to iconv, and mean the same characters to all of them.
_CHARSETS: Mapping[str, str] = {
    "cp1252": "windows-1252",
    "iso-8859-1": "windows-1252",
    "latin1": "windows-1252",
    "us-ascii": "windows-1252",
    "cp932": "ms932",
    "shift-jis": "ms932",
    "shift_jis": "ms932",
    "sjis": "ms932",
    "windows-31j": "ms932",
    "utf8": "UTF-8",
}
# The tag of a stored object, beside the Reports table: S3 itself has no SHA-256 of an object uploaded in parts.
SHA256_TAG = "Sha256"


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
    """Stores the bytes as sent, under a key that the same report always gets.

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
    sha256 = measured.sha256.hexdigest()
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": SHA256_TAG, "Value": sha256}]})
    return StoredReport(key=key, size_bytes=measured.size_bytes, sha256=sha256, gzipped=document.gzipped)


def is_stored(s3: "S3Client", bucket: str, report: StoredReport) -> bool:
    """Whether the bucket holds what the ledger says of the report, so that it need not be stored again."""
    try:
        found = s3.head_object(Bucket=bucket, Key=report.key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return found["ContentLength"] == report.size_bytes


def object_key(
    seller_id: str, report_type: str, report_id: str, created_time: datetime, content_type: str | None
) -> str:
    """<SellerId>/<ReportType>/<yyyy>/<mm>/<dd>/<ReportId>.<ext>, by the UTC date of the report's createdTime."""
    extension = _EXTENSIONS.get((content_type or "").partition(";")[0].strip().lower(), _FLAT_FILE_EXTENSION)
    return f"{seller_id}/{report_type}/{created_time.astimezone(UTC):%Y/%m/%d}/{report_id}.{extension}"


def stored_content_type(content_type: str | None, beginning: bytes) -> str:
    """The Content-Type to store, for the one that SP-API sends and a document that begins so (decompressed).

    Its charset gets a name that every reader knows. Text without one gets UTF-8, or windows-1252 when it cannot be
    UTF-8: readers would guess, each in its own way. XML says it inside, and JSON is always UTF-8.
    """
    if not content_type:
        return "application/octet-stream"
    media_type = content_type.partition(";")[0].strip()
    charset = charset_of(content_type)
    if charset is not None:
        known = _CHARSETS.get(charset.lower())
        return f"{media_type}; charset={known}" if known else content_type
    if media_type.lower().startswith("text/") and media_type.lower() != "text/xml":
        return f"{media_type}; charset={'UTF-8' if _may_be_utf8(beginning) else 'windows-1252'}"
    return content_type


def _may_be_utf8(beginning: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return True


def _headers(document: DocumentStream, file_name: str) -> dict[str, Any]:
    headers = {
        "ContentType": stored_content_type(document.content_type, document.beginning()),
        "ContentDisposition": f'attachment; filename="{file_name}"',
    }
    if document.gzipped:
        headers["ContentEncoding"] = "gzip"
    return headers
