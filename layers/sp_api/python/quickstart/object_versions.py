"""All versions of a bucket's objects: only deleting each of them deletes permanently in a versioned bucket."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

# S3: the most objects in one DeleteObjects request.
MOST_OBJECTS = 1000


def object_versions(s3: "S3Client", bucket: str, prefix: str) -> Iterator["ObjectIdentifierTypeDef"]:
    """The first MOST_OBJECTS versions and delete markers of keys with this prefix, as DeleteObjects takes them."""
    page = s3.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=MOST_OBJECTS)
    for found in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
        yield {"Key": found["Key"], "VersionId": found["VersionId"]}
