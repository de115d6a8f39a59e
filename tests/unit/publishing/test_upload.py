"""What an upload that fails says. The other tests of uploads are in tests/templates."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from publishing.archive import Artifact
from publishing.errors import PublishingError
from publishing.parameters import accepts
from publishing.upload import Uploaded, bucket_region, s3_client, upload

ANSWER: Any = {"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
MISSING = ClientError(ANSWER, "HeadObject")


def test_s3_out_of_reach() -> None:
    unreachable = Mock(side_effect=EndpointConnectionError(endpoint_url="https://s3.example"))
    s3 = SimpleNamespace(head_object=Mock(side_effect=MISSING), put_object=unreachable)
    with pytest.raises(PublishingError, match=r"Cannot upload 1.0/a.zip to the bucket artifacts: .*https://s3.example"):
        list(upload(s3, "artifacts", "1.0/", [Artifact("a.zip", b"content")]))
    unreachable.assert_called_once()


@pytest.mark.parametrize(
    ("parameter", "value", "accepted"),
    [
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "a", True),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "A", False),
        ({"Type": "String", "AllowedValues": ["Yes", "No"]}, "No", True),
        ({"Type": "String", "AllowedValues": ["Yes", "No"]}, "no", False),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 3}, "3", True),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 3}, "4", False),
    ],
)
def test_the_values_of_a_parameter(parameter: dict[str, object], value: str, *, accepted: bool) -> None:
    assert accepts(parameter, value) is accepted


def refusal(status: int, operation: str = "HeadBucket") -> ClientError:
    answer: Any = {
        "Error": {"Code": str(status), "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)


EXPLAINED = [
    (404, "The bucket artifacts does not exist. Create it first, in the region where stacks are launched."),
    (
        403,
        "Access to the bucket artifacts is denied. The credentials may be wrong or expired, or the bucket may belong "
        "to another account. Publishing needs s3:ListBucket on the bucket, and s3:GetObject and s3:PutObject on its "
        "objects.",
    ),
    (500, "The bucket artifacts cannot be used: An error occurred (500) when calling the HeadBucket operation: no"),
]


@pytest.mark.parametrize(("status", "words"), EXPLAINED)
def test_a_bucket_that_cannot_be_used(status: int, words: str) -> None:
    s3 = SimpleNamespace(head_bucket=Mock(side_effect=refusal(status)))
    with pytest.raises(PublishingError) as refused:
        bucket_region(s3, "artifacts")
    assert str(refused.value) == words


def test_the_region_of_a_bucket() -> None:
    assert bucket_region(SimpleNamespace(head_bucket=lambda **_: {"BucketRegion": "eu-west-1"}), "a") == "eu-west-1"
    unreachable = Mock(side_effect=EndpointConnectionError(endpoint_url="https://s3.example"))
    words = "^Cannot get the region of the bucket artifacts: .*https://s3.example"
    with pytest.raises(PublishingError, match=words):
        bucket_region(SimpleNamespace(head_bucket=unreachable), "artifacts")


@pytest.mark.parametrize(("status", "puts"), [(404, 1), (403, 1), (None, 0)])
def test_only_what_the_bucket_lacks_is_uploaded(status: int | None, puts: int) -> None:
    """Without s3:ListBucket, S3 answers 403 for a key that is not there."""
    put = Mock()
    head = Mock(side_effect=None if status is None else refusal(status, "HeadObject"))
    s3 = SimpleNamespace(head_object=head, put_object=put)
    (uploaded,) = upload(s3, "artifacts", "1.0/", [Artifact("a.b.zip", b"content")])
    assert uploaded == Uploaded("1.0/a.b.zip", 7, present=puts == 0)
    assert put.call_count == puts
    if puts:
        put.assert_called_once_with(
            Bucket="artifacts", Key="1.0/a.b.zip", Body=b"content", ContentType="application/zip"
        )


def test_an_error_while_looking_is_no_missing_object() -> None:
    s3 = SimpleNamespace(head_object=Mock(side_effect=refusal(500, "HeadObject")), put_object=Mock())
    with pytest.raises(PublishingError, match="cannot be used"):
        list(upload(s3, "artifacts", "", [Artifact("a.zip", b"")]))
    assert s3.put_object.call_count == 0


@pytest.mark.parametrize(
    ("region", "own", "used"),
    [("eu-west-1", "us-west-2", "eu-west-1"), (None, "us-west-2", "us-west-2"), (None, None, "us-east-1")],
)
def test_the_region_of_the_client(
    monkeypatch: pytest.MonkeyPatch, region: str | None, own: str | None, used: str
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    session = boto3.Session("test", "test", region_name=own)
    assert s3_client(session, region, None).meta.region_name == used
    local = s3_client(session, region, "http://127.0.0.1:1")
    assert (local.meta.endpoint_url, local.meta.config.s3) == ("http://127.0.0.1:1", {"addressing_style": "path"})
    assert s3_client(session, region, None).meta.config.s3 == {"addressing_style": "virtual"}


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("a.asl.json", "application/json"),
        ("a.cdx.json", "application/json"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.yaml", "application/yaml"),
        ("a.zip", "application/zip"),
    ],
)
def test_the_type_of_each_object(key: str, content_type: str) -> None:
    put = Mock()
    s3 = SimpleNamespace(head_object=Mock(side_effect=MISSING), put_object=put)
    list(upload(s3, "artifacts", "", [Artifact(key, b"")]))
    put.assert_called_once_with(Bucket="artifacts", Key=key, Body=b"", ContentType=content_type)


def test_each_object_is_looked_for_and_told_of_in_turn() -> None:
    calls: list[tuple[str, str, str]] = []

    def head(Bucket: str, Key: str) -> None:  # noqa: N803 - as boto3 calls it
        calls.append(("head", Bucket, Key))
        if Key != "p/b.zip":
            raise MISSING

    def put(Bucket: str, Key: str, **_: object) -> None:  # noqa: N803
        calls.append(("put", Bucket, Key))

    s3 = SimpleNamespace(head_object=head, put_object=put)
    made = [Artifact("a.zip", b"1"), Artifact("b.zip", b"22"), Artifact("c.zip", b"333")]
    told = upload(s3, "bucket", "p/", made)
    assert next(told) == Uploaded("p/a.zip", 1, present=False)
    assert calls == [("head", "bucket", "p/a.zip"), ("put", "bucket", "p/a.zip")]
    assert list(told) == [Uploaded("p/b.zip", 2, present=True), Uploaded("p/c.zip", 3, present=False)]
    assert [name for name, _, _ in calls] == ["head", "put", "head", "head", "put"]


def test_an_upload_that_is_denied() -> None:
    s3 = SimpleNamespace(head_object=Mock(side_effect=MISSING), put_object=Mock(side_effect=refusal(403, "PutObject")))
    with pytest.raises(PublishingError, match=r"^Access to the bucket artifacts is denied\."):
        list(upload(s3, "artifacts", "", [Artifact("a.zip", b"")]))


def test_how_the_client_signs_and_tries_again() -> None:
    config = s3_client(boto3.Session("test", "test"), "eu-west-1", None).meta.config
    assert (config.signature_version, config.retries["mode"]) == ("s3v4", "standard")
