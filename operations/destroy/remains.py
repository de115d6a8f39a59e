"""What a deleted stack leaves behind: buckets, tables, keys and the application's secret. Empties the buckets."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from operations.stack import Resource

_GONE = ("ResourceNotFoundException", "NotFoundException", "404", "NoSuchBucket")
# What the templates retain, by type. The secret with the signing credentials has the same type, but is deleted
# with the stack.
_RETAINED = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SecretsManager::Secret")
_DELETED_WITH_THE_STACK = "SigningSecret"


@dataclass(frozen=True)
class Remains:
    """Names of buckets and tables, ids of keys, ARNs of secrets."""

    buckets: tuple[str, ...]
    tables: tuple[str, ...]
    keys: tuple[str, ...]
    secrets: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.buckets or self.tables or self.keys or self.secrets)


@dataclass(frozen=True)
class Contents:
    """A bucket's number of versions and delete markers together, their size, and its unfinished multipart uploads."""

    versions: int
    size_bytes: int
    uploads: int


def remains(client: Callable[[str], Any], found: Iterable[Resource]) -> Remains:
    """The given resources that a stack keeps when it is deleted and that still exist."""
    names: dict[str, list[str]] = {kind: [] for kind in _RETAINED}
    for resource in found:
        if (
            resource.type in _RETAINED
            and resource.status != "DELETE_COMPLETE"
            and resource.logical_id != _DELETED_WITH_THE_STACK
            and resource.physical_id
            and _exists(client, resource)
        ):
            names[resource.type].append(resource.physical_id)
    return Remains(*(tuple(dict.fromkeys(names[kind])) for kind in _RETAINED))


def _exists(client: Callable[[str], Any], resource: Resource) -> bool:
    """A key or secret whose deletion is scheduled counts as deleted."""
    name = resource.physical_id
    try:
        match resource.type:
            case "AWS::S3::Bucket":
                client("s3").head_bucket(Bucket=name)
            case "AWS::DynamoDB::Table":
                return bool(client("dynamodb").describe_table(TableName=name)["Table"]["TableStatus"] != "DELETING")
            case "AWS::KMS::Key":
                return bool(client("kms").describe_key(KeyId=name)["KeyMetadata"]["KeyState"] != "PendingDeletion")
            case _:
                return "DeletedDate" not in client("secretsmanager").describe_secret(SecretId=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return False
        raise
    return True


def contents(s3: Any, bucket: str) -> Contents:
    """Counts what the bucket holds, which lists every version."""
    versions = size_bytes = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
        size_bytes += sum(version["Size"] for version in page.get("Versions", []))
    return Contents(versions, size_bytes, sum(1 for _ in _uploads(s3, bucket)))


def empty_bucket(s3: Any, bucket: str) -> Iterator[int]:
    """Deletes every version, delete marker and unfinished upload. Yields the number of deleted versions of each page.

    Raises PermissionError if S3 does not delete one of them.
    """
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            continue
        versions = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in found]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
        if errors := answer.get("Errors"):
            raise PermissionError(
                f"{len(errors)} versions in the bucket {bucket} could not be deleted, such as {errors[0]['Key']}: "
                f"{errors[0].get('Message', errors[0].get('Code'))}"
            )
        yield len(versions)
    for key, upload_id in _uploads(s3, bucket):
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)


def _uploads(s3: Any, bucket: str) -> Iterator[tuple[str, str]]:
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            yield upload["Key"], upload["UploadId"]


def items(dynamodb: Any, table: str) -> int:
    """Counts a table's items. The count in DynamoDB's description of the table can be six hours old."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, Select="COUNT")
    return sum(page["Count"] for page in pages)
