"""Uploads artifacts to a bucket, and explains why an upload fails."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Never

import boto3
import botocore.exceptions
from botocore.config import Config

from publishing.archive import Artifact
from publishing.errors import PublishingError

_CONTENT_TYPES = {
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".yaml": "application/yaml",
    ".zip": "application/zip",
}


@dataclass(frozen=True)
class Uploaded:
    """The result for one artifact. `present` means that the bucket already had it and it was not uploaded."""

    key: str
    size: int
    present: bool


def s3_client(session: boto3.Session, region: str | None, endpoint_url: str | None) -> Any:
    """Create an S3 client. Uses path-style addressing for a custom endpoint, which has no host name per bucket."""
    addressing: Literal["path", "virtual"] = "path" if endpoint_url else "virtual"
    config = Config(signature_version="s3v4", s3={"addressing_style": addressing}, retries={"mode": "standard"})
    return session.client(
        "s3", region_name=region or session.region_name or "us-east-1", endpoint_url=endpoint_url, config=config
    )


def bucket_region(s3: Any, bucket: str) -> str:
    """Return the region of a bucket.

    Raises:
        PublishingError: the bucket does not exist, access is denied, or there are no credentials.
    """
    try:
        answer = s3.head_bucket(Bucket=bucket)
    except botocore.exceptions.ClientError as error:
        _explain(error, bucket)
    except botocore.exceptions.BotoCoreError as error:
        raise PublishingError(f"Cannot get the region of the bucket {bucket}: {error}") from error
    return str(answer["BucketRegion"])


def upload(s3: Any, bucket: str, prefix: str, artifacts: Iterable[Artifact]) -> Iterator[Uploaded]:
    """Upload each artifact that the bucket does not have. Keys contain a hash of the content, so none needs replacing.

    Raises:
        PublishingError: the bucket does not accept an object.
    """
    for artifact in artifacts:
        key = prefix + artifact.key
        try:
            present = _exists(s3, bucket, key)
            if not present:
                ending = artifact.key[artifact.key.rindex(".") :]
                s3.put_object(Bucket=bucket, Key=key, Body=artifact.content, ContentType=_CONTENT_TYPES[ending])
        except botocore.exceptions.ClientError as error:
            _explain(error, bucket)
        except botocore.exceptions.BotoCoreError as error:
            raise PublishingError(f"Cannot upload {key} to the bucket {bucket}: {error}") from error
        yield Uploaded(key, len(artifact.content), present)


def _exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except botocore.exceptions.ClientError as error:
        # Without s3:ListBucket, S3 returns 403 for a missing key. The upload then shows whether access is denied.
        if _status(error) in (403, 404):
            return False
        raise
    return True


def _status(error: botocore.exceptions.ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _explain(error: botocore.exceptions.ClientError, bucket: str) -> Never:
    match _status(error):
        case 404:
            words = f"The bucket {bucket} does not exist. Create it first, in the region where stacks are launched."
        case 403:
            # The response to a HEAD request has no error code.
            words = (
                f"Access to the bucket {bucket} is denied. The credentials may be wrong or expired, or the bucket may "
                "belong to another account. Publishing needs s3:ListBucket on the bucket, and s3:GetObject and "
                "s3:PutObject on its objects."
            )
        case _:
            words = f"The bucket {bucket} cannot be used: {error}"
    raise PublishingError(words) from error
