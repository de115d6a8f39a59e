"""What a deleted stack leaves behind."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.destroy.remains import Remains, contents, empty_bucket, items, remains
from operations.stack import Resource
from tests.unit.operations.destroy.support import resource, stubbed

KEY = resource("TokenKey", "AWS::KMS::Key", "key-1")
SECRET = resource("ApplicationSecret", "AWS::SecretsManager::Secret", "secret-1")


@pytest.mark.parametrize(("state", "exists"), [("Enabled", True), ("Disabled", True), ("PendingDeletion", False)])
def test_a_key_whose_deletion_is_scheduled_does_not_remain(state: str, exists: bool) -> None:
    kms, stub = stubbed("kms")
    stub.add_response("describe_key", {"KeyMetadata": {"KeyId": "key-1", "KeyState": state}}, {"KeyId": "key-1"})
    with stub:
        assert remains({"kms": kms}.__getitem__, [KEY]) == Remains((), (), ("key-1",) * exists, ())


@pytest.mark.parametrize(
    ("found", "service", "operation", "code"),
    [
        (resource("Bucket", "AWS::S3::Bucket", "reports"), "s3", "head_bucket", "404"),
        (resource("Table", "AWS::DynamoDB::Table", "table"), "dynamodb", "describe_table", "ResourceNotFoundException"),
        (KEY, "kms", "describe_key", "NotFoundException"),
        (SECRET, "secretsmanager", "describe_secret", "ResourceNotFoundException"),
    ],
)
def test_deleted_resources_do_not_remain(found: Resource, service: str, operation: str, code: str) -> None:
    client, stub = stubbed(service)
    stub.add_client_error(operation, code)
    stub.add_client_error(operation, "AccessDeniedException")
    with stub:
        assert not remains({service: client}.__getitem__, [found])
        with pytest.raises(ClientError, match="AccessDeniedException"):
            remains({service: client}.__getitem__, [found])


def test_resources_that_are_deleted_with_the_stack_do_not_remain() -> None:
    found = [
        resource("Access/SigningSecret", "AWS::SecretsManager::Secret", "signing"),
        resource("Table", "AWS::DynamoDB::Table", "table", "DELETE_COMPLETE"),
        resource("Queue", "AWS::SQS::Queue", "queue"),
        resource("Bucket", "AWS::S3::Bucket", ""),
    ]
    clients: dict[str, Any] = {}
    assert not remains(clients.__getitem__, found)


def test_a_bucket_is_counted_and_emptied_with_its_delete_markers_and_uploads() -> None:
    s3, stub = stubbed("s3")
    version = {"Key": "report", "VersionId": "1", "Size": 4}
    listed = {"Versions": [version], "DeleteMarkers": [{"Key": "report", "VersionId": "2"}]}
    uploads = {"Uploads": [{"Key": "large", "UploadId": "3"}]}
    stub.add_response("list_object_versions", listed)
    stub.add_response("list_multipart_uploads", uploads)
    stub.add_response("list_object_versions", listed)
    both = [{"Key": "report", "VersionId": "1"}, {"Key": "report", "VersionId": "2"}]
    stub.add_response("delete_objects", {}, {"Bucket": "reports", "Delete": {"Objects": both, "Quiet": True}})
    stub.add_response("list_multipart_uploads", uploads)
    stub.add_response("abort_multipart_upload", {}, {"Bucket": "reports", "Key": "large", "UploadId": "3"})
    with stub:
        held = contents(s3, "reports")
        assert (held.versions, held.size_bytes, held.uploads) == (2, 4, 1)
        assert list(empty_bucket(s3, "reports")) == [2]
    stub.assert_no_pending_responses()


@pytest.mark.parametrize("kind", range(4))
def test_one_thing_that_is_left_is_enough(kind: int) -> None:
    assert Remains(*(("x",) if number == kind else () for number in range(4)))
    assert not Remains((), (), (), ())


@pytest.mark.parametrize(
    ("found", "service", "operation", "answer", "exists"),
    [
        ("AWS::S3::Bucket", "s3", "head_bucket", {}, True),
        ("AWS::DynamoDB::Table", "dynamodb", "describe_table", {"Table": {"TableStatus": "ACTIVE"}}, True),
        ("AWS::DynamoDB::Table", "dynamodb", "describe_table", {"Table": {"TableStatus": "DELETING"}}, False),
        ("AWS::SecretsManager::Secret", "secretsmanager", "describe_secret", {}, True),
        ("AWS::SecretsManager::Secret", "secretsmanager", "describe_secret", {"DeletedDate": 0}, False),
    ],
)
def test_what_exists_remains_and_is_named_once(
    found: str, service: str, operation: str, answer: dict[str, Any], exists: bool
) -> None:
    client, stub = stubbed(service)
    for _ in range(2):
        stub.add_response(operation, answer)
    with stub:
        left = remains({service: client}.__getitem__, [resource(f"{n}/Kept", found, "kept") for n in "AB"])
    assert [*left.buckets, *left.tables, *left.keys, *left.secrets] == ["kept"] * exists
    assert bool(left) is exists


def test_items_are_counted_on_every_page() -> None:
    dynamodb, stub = stubbed("dynamodb")
    key = {"ReportId": {"S": "1"}}
    asked = {"TableName": "table", "Select": "COUNT"}
    stub.add_response("scan", {"Count": 2, "LastEvaluatedKey": key}, asked)
    stub.add_response("scan", {"Count": 3}, asked | {"ExclusiveStartKey": key})
    with stub:
        assert items(dynamodb, "table") == 5


def test_what_s3_does_not_delete_is_told_with_its_code_at_least() -> None:
    s3, stub = stubbed("s3")
    stub.add_response("list_object_versions", {})
    stub.add_response("list_multipart_uploads", {})
    stub.add_response("list_object_versions", {"Versions": [{"Key": "a", "VersionId": "1", "Size": 1}]})
    errors = [{"Key": "a", "Code": "SlowDown"}, {"Key": "b", "Code": "AccessDenied"}]
    stub.add_response("delete_objects", {"Errors": errors})
    with stub:
        assert list(empty_bucket(s3, "reports")) == []
        with pytest.raises(PermissionError) as refused:
            list(empty_bucket(s3, "reports"))
    assert str(refused.value) == ("2 versions in the bucket reports could not be deleted, such as a: SlowDown")
