"""Uploads an object to S3 in parts, of which a few are on their way at once, from buffers that are used again."""

import base64
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from quickstart.aws_failures import FAILED_CALLS, code_of
from quickstart.observability import logger
from sp_api.inflating import crc32

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 allows 10,000 parts, so an object may be 78 GiB large.
PART_BYTES = 8 * 1024 * 1024
# How many parts are on their way while the next one is filled. On one connection each, two are as fast as a download.
MOST_ON_THEIR_WAY = 2


class PartUpload:
    """One multipart upload; a context manager that aborts it unless `complete` was called.

    The caller fills a buffer of PART_BYTES and gives it to `send`; `buffer` returns the next one. At most
    MOST_ON_THEIR_WAY + 1 buffers exist. S3 checks the CRC-32 of each part. Each method raises botocore's errors, also
    those of parts that were sent before.
    """

    def __init__(self, s3: "S3Client", bucket: str, key: str, headers: Mapping[str, Any]) -> None:
        self._s3: Any = s3
        self._object: dict[str, Any] = {"Bucket": bucket, "Key": key}
        # The caller brings the first one.
        self._buffers = 1
        self._sent: deque[tuple[Future[dict[str, Any]], bytearray]] = deque()
        self._parts: list[dict[str, Any]] = []
        self._threads = ThreadPoolExecutor(MOST_ON_THEIR_WAY, thread_name_prefix="part")
        self._completed = False
        created = self._s3.create_multipart_upload(**self._object, ChecksumAlgorithm="CRC32", **headers)
        self._object["UploadId"] = created["UploadId"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A part that arrives after the abort would stay.
        self._threads.shutdown(wait=True, cancel_futures=True)
        if not self._completed:
            self._abort()

    def buffer(self) -> bytearray:
        """A buffer that no part uses, after waiting for one if all are used."""
        if self._buffers <= MOST_ON_THEIR_WAY:
            self._buffers += 1
            return bytearray(PART_BYTES)
        return self._oldest()

    def send(self, buffer: bytearray, size: int) -> None:
        """Uploads the first `size` bytes as the next part. Only the last part may be smaller than the buffer."""
        number = len(self._parts) + len(self._sent) + 1
        body = buffer if size == len(buffer) else buffer[:size]
        self._sent.append((self._threads.submit(self._upload, number, body), buffer))

    def complete(self) -> None:
        """Waits for all parts and makes them an object."""
        while self._sent:
            self._oldest()
        self._s3.complete_multipart_upload(**self._object, MultipartUpload={"Parts": self._parts})
        self._completed = True

    def _oldest(self) -> bytearray:
        """The buffer of the part that was sent first, once S3 has the part."""
        sent, buffer = self._sent.popleft()
        self._parts.append(sent.result())
        return buffer

    def _upload(self, number: int, body: bytearray) -> dict[str, Any]:
        checksum = base64.b64encode(crc32(body).to_bytes(4, "big")).decode()
        # Of bytes, boto3 would make a file, which it sends in pieces of 16 KiB.
        answer = self._s3.upload_part(**self._object, PartNumber=number, Body=body, ChecksumCRC32=checksum)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": checksum}

    def _abort(self) -> None:
        """The error that ended the upload matters more than one here; the bucket's lifecycle deletes what is left."""
        try:
            self._s3.abort_multipart_upload(**self._object)
        except FAILED_CALLS as error:
            logger().warning("a multipart upload was not aborted", error=code_of(error))
