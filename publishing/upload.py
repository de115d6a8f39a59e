"""Puts artifacts into a bucket, and says in words what stands in the way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Never

import boto3
import botocore.exceptions
from botocore.config import Config

from publishing.archive import Artifact
from publishing.errors import PublishingError

_CONTENT_TYPES = {".json": "application/json", ".yaml": "application/yaml", ".zip": "application/zip"}


@dataclass(frozen=True)
class Uploaded:
    """What became of one artifact. `present` means that the bucket held it already and nothing was sent."""

    key: str
    size: int
    present: bool


def s3_client(session: boto3.Session, region: str | None, endpoint_url: str | None) -> Any:
    """Make an S3 client; an endpoint of one's own is addressed by path, as it serves no host name per bucket."""
    addressing: Literal["path", "virtual"] = "path" if endpoint_url else "virtual"
    config = Config(signature_version="s3v4", s3={"addressing_style": addressing}, retries={"mode": "standard"})
    return session.client(
        "s3", region_name=region or session.region_name or "us-east-1", endpoint_url=endpoint_url, config=config
    )


def bucket_region(s3: Any, bucket: str) -> str:
    """Tell the region of a bucket.

    Raises:
        PublishingError: there is no such bucket, it is not ours to use, or there are no credentials.
    """
    try:
        answer = s3.head_bucket(Bucket=bucket)
    except botocore.exceptions.ClientError as error:
        _explain(error, bucket)
    except botocore.exceptions.BotoCoreError as error:
        raise PublishingError(f"S3 cannot be asked about the bucket {bucket}: {error}") from error
    return str(answer["BucketRegion"])


def upload(s3: Any, bucket: str, prefix: str, artifacts: Iterable[Artifact]) -> Iterator[Uploaded]:
    """Upload each artifact that the bucket lacks; a key carries a hash of its content, so a key that is there is right.

    Raises:
        PublishingError: the bucket does not take the object.
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
            raise PublishingError(f"{key} cannot be uploaded to the bucket {bucket}: {error}") from error
        yield Uploaded(key, len(artifact.content), present)


def _exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except botocore.exceptions.ClientError as error:
        # Without s3:ListBucket S3 answers 403 for a key that is not there: then uploading tells.
        if _status(error) in (403, 404):
            return False
        raise
    return True


def _status(error: botocore.exceptions.ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _explain(error: botocore.exceptions.ClientError, bucket: str) -> Never:
    match _status(error):
        case 404:
            words = f"There is no bucket {bucket}. Make it first, in the region that stacks are to be launched in."
        case 403:
            # S3 gives no further reason in its answer to a HEAD request.
            words = (
                f"Access to the bucket {bucket} is denied. The credentials may be wrong or expired, or the bucket may "
                "belong to another account. Publishing needs s3:ListBucket on the bucket, and s3:GetObject and "
                "s3:PutObject on its objects."
            )
        case _:
            words = f"The bucket {bucket} cannot be used: {error}"
    raise PublishingError(words) from error
