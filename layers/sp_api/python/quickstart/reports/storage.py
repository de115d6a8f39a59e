"""Streams a report's document from SP-API into the bucket, unchanged and without holding it in memory."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from quickstart.dynamodb import reading_item
from quickstart.invocation import ExpectedError
from quickstart.object_versions import object_versions
from quickstart.observability import logger
from quickstart.reports.charsets import CharsetScan
from quickstart.reports.ledger import ReportForgottenError, ReportLedger, StoredReport
from quickstart.reports.part_upload import PART_BYTES, PartUpload
from sp_api.deadline import Deadline
from sp_api.documents import DocumentStream, open_document
from sp_api.wire import texts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]")
# S3 copies these parts itself, within seconds each; none of their bytes come here.
_COPIED_BYTES = 256 * 1024 * 1024
_COPYING = TransferConfig(multipart_threshold=_COPIED_BYTES, multipart_chunksize=_COPIED_BYTES)
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

# A tag of the stored object, in addition to the Reports table: S3 has no SHA-256 of an object uploaded in parts.
SHA256_TAG = "Sha256"


class DocumentNotDeletedError(ExpectedError):
    """S3 kept versions of a removed seller's document; a retry deletes them."""


@dataclass(frozen=True)
class ReportDocument:
    """A report's document at SP-API. `url` is valid for five minutes."""

    seller_id: str
    report_id: str
    report_type: str
    created_time: datetime
    url: str = field(repr=False)


def store_once(
    document: ReportDocument,
    http: urllib3.PoolManager,
    s3: "S3Client",
    bucket: str,
    ledger: ReportLedger,
    deadline: Deadline,
) -> StoredReport:
    """Stores the document unless both the ledger and the bucket have it.

    Raises ReportForgottenError when the seller was removed, also meanwhile: the bucket then has nothing of the report.
    Raises DocumentNotDeletedError when it still has, and what `store_document` does, too.
    """
    try:
        return _store(document, http, s3, bucket, ledger, deadline)
    except ReportForgottenError:
        # Also what an earlier attempt stored, whose function was ended before it could delete it.
        deleted = _delete(document, s3, bucket)
        logger().info("report not kept: the seller was removed", object_versions_deleted=deleted)
        raise


def _store(
    document: ReportDocument,
    http: urllib3.PoolManager,
    s3: "S3Client",
    bucket: str,
    ledger: ReportLedger,
    deadline: Deadline,
) -> StoredReport:
    recorded = ledger.require(document.seller_id, document.report_id)
    with reading_item(f"{document.report_id} of {document.seller_id}"):
        marketplace_ids = texts(recorded, "MarketplaceIds")
    stored = StoredReport.from_attributes(recorded) if "Sha256" in recorded else None
    known = stored is not None and is_stored(s3, bucket, stored)
    if stored is None or not known:
        stored = store_document(
            http,
            s3,
            bucket,
            url=document.url,
            seller_id=document.seller_id,
            report_type=document.report_type,
            report_id=document.report_id,
            created_time=document.created_time,
            marketplace_ids=marketplace_ids,
            deadline=deadline,
        )
        ledger.stored(document.seller_id, document.report_id, stored)
    logger().info(
        "report was stored before" if known else "report stored", object_key=stored.key, size_bytes=stored.size_bytes
    )
    return stored


def _delete(document: ReportDocument, s3: "S3Client", bucket: str) -> int:
    """Permanently deletes every version of the report's object; returns how many there were.

    Raises DocumentNotDeletedError.
    """
    key = object_key(document.seller_id, document.report_type, document.report_id, document.created_time, None)
    prefix = key.rsplit(".", 1)[0] + "."
    versions = list(object_versions(s3, bucket, prefix))
    if versions:
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
        if errors := answer.get("Errors"):
            kept = f"{len(errors)} of the {len(versions)} versions of report {document.report_id}"
            raise DocumentNotDeletedError(f"S3 has not deleted {kept}: {errors[0].get('Code', '')}")
    return len(versions)


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
    marketplace_ids: Iterable[str],
    deadline: Deadline,
) -> StoredReport:
    """Stores the bytes as sent, always under the same key for the same report.

    A document of less than a part is read to its end before anything is stored. Of a larger one, the charset in the
    object's Content-Type is chosen by the first part, and the rest is scanned in passing. A later byte that contradicts
    it corrects the object's headers by a copy within S3, before the report counts as stored.

    A multipart upload is completed only when the document is complete, and aborted otherwise. Raises
    DocumentUrlExpiredError, DocumentTruncatedError and what else `sp_api.documents` raises.
    """
    with open_document(http, url, deadline) as document:
        scan = CharsetScan(document.content_type, marketplace_ids)
        document.watch(scan.feed)
        key = object_key(seller_id, report_type, report_id, created_time, document.content_type)
        file_name = _in_a_name(f"{report_type}_{report_id}.{key.rsplit('.', 1)[1]}")
        stored = _Stored(s3, bucket, key, file_name, document.gzipped)
        # One byte more than announced, so that a buffer which is not full shows the end.
        announced = PART_BYTES if document.content_length is None else document.content_length + 1
        first = bytearray(min(PART_BYTES, announced))
        size = document.read_into(memoryview(first))
        if size < len(first):
            scan.finish()
            sha256, size_bytes = stored.at_once(first[:size], scan.result().value), size
        else:
            sha256, size_bytes = stored.in_parts(first, document, scan)
    return StoredReport(
        key=key,
        size_bytes=size_bytes,
        sha256=sha256,
        gzipped=document.gzipped,
        guessed_charset=scan.result().guessed_charset,
    )


@dataclass(frozen=True)
class _Stored:
    """An object to be stored. Both methods return the SHA-256 of its bytes in hexadecimal, which its tag has too."""

    s3: "S3Client"
    bucket: str
    key: str
    file_name: str
    gzipped: bool

    def at_once(self, body: bytearray, content_type: str) -> str:
        """S3 compares the SHA-256 with what arrives, and the tag comes with the object."""
        sha256 = hashlib.sha256(body)
        s3: Any = self.s3
        s3.put_object(
            Bucket=self.bucket,
            Key=self.key,
            Body=body,
            ChecksumSHA256=base64.b64encode(sha256.digest()).decode(),
            Tagging=f"{SHA256_TAG}={sha256.hexdigest()}",
            **self._headers(content_type),
        )
        return sha256.hexdigest()

    def in_parts(self, first: bytearray, document: DocumentStream, scan: CharsetScan) -> tuple[str, int]:
        """`first` is the first part, and `document` has the rest. The second value is the number of bytes."""
        chosen, sha256, size_bytes = scan.result(), hashlib.sha256(), 0
        with PartUpload(self.s3, self.bucket, self.key, self._headers(chosen.value)) as upload:
            buffer, size = first, len(first)
            while size:
                sha256.update(memoryview(buffer)[:size])
                size_bytes += size
                upload.send(buffer, size)
                buffer = upload.buffer()
                size = document.read_into(memoryview(buffer))
            upload.complete()
        scan.finish()
        self._label(sha256.hexdigest(), chosen.value, scan.result().value)
        return sha256.hexdigest(), size_bytes

    def _label(self, sha256: str, content_type: str, corrected: str) -> None:
        """Adds the tag, and replaces a Content-Type that turned out to be wrong."""
        if corrected == content_type:
            tags: Any = {"TagSet": [{"Key": SHA256_TAG, "Value": sha256}]}
            self.s3.put_object_tagging(Bucket=self.bucket, Key=self.key, Tagging=tags)
            return
        directives = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
        self.s3.copy(
            {"Bucket": self.bucket, "Key": self.key},
            self.bucket,
            self.key,
            ExtraArgs={**self._headers(corrected), **directives, "Tagging": f"{SHA256_TAG}={sha256}"},
            Config=_COPYING,
        )
        logger().info(
            "Content-Type changed: a later part of the document is not valid in the first charset",
            content_type=corrected,
        )

    def _headers(self, content_type: str) -> dict[str, Any]:
        headers = {"ContentType": content_type, "ContentDisposition": f'attachment; filename="{self.file_name}"'}
        if self.gzipped:
            headers["ContentEncoding"] = "gzip"
        return headers


def is_stored(s3: "S3Client", bucket: str, report: StoredReport) -> bool:
    """Whether the bucket has the object that the ledger recorded, so that it need not be stored again."""
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
    day = f"{created_time.astimezone(UTC):%Y/%m/%d}"
    return f"{_in_a_name(seller_id)}/{_in_a_name(report_type)}/{day}/{_in_a_name(report_id)}.{extension}"


def _in_a_name(text: str) -> str:
    """SP-API's ids and types have no other characters; these would lead to another folder or break a header."""
    return _NOT_IN_A_NAME.sub("_", text)
