"""S3."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions
from ministack.services import s3

from aws_emulator.patching import wrap

MINIMUM_PART_BYTES = 5 * 1024 * 1024


def missing_objects_need_permission_to_list() -> None:
    """S3 returns 404 for a missing object only to callers who may list the bucket, and 403 to others; ministack returns
    404 to everyone who may get objects."""

    @wrap(iam_actions, "s3_additional_checks", "26e5e5602d74")
    def checks(
        original: Any, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> list[tuple[str, str]]:
        further: list[tuple[str, str]] = original(method, path, headers, body, query)
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        if iam_actions._s3_action(method, path, query) == "GetObject" and not _exists(bucket, key):
            further = [*further, ("s3:ListBucket", f"arn:aws:s3:::{bucket}")]
        return further


def parts_have_a_minimum_size() -> None:
    """S3 does not complete a multipart upload if a part other than the last is smaller than 5 MiB; ministack accepts
    parts of any size."""

    @wrap(s3, "_complete_multipart_upload", "9e2d6452dfe1")
    def complete(
        original: Any, bucket: str, key: str, body: bytes, query: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Any:
        parts = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {}).get("parts", {})
        if any(len(parts[number]["body"]) < MINIMUM_PART_BYTES for number in sorted(parts)[:-1]):
            message = "Your proposed upload is smaller than the minimum allowed size"
            return s3._error("EntityTooSmall", message, 400, f"/{bucket}/{key}")
        return original(bucket, key, body, query, headers)


def _exists(bucket: str, key: str) -> bool:
    return key in (s3._buckets.get(bucket) or {"objects": {key}})["objects"]
