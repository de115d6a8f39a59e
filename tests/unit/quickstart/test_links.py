"""Links are those that boto3 would presign with a client of the session's own."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from quickstart import clients
from quickstart.links import ObjectLinks
from tests.unit.quickstart.support import Aws

SESSION = {"AccessKeyId": "ASIA" + "A" * 12, "SecretAccessKey": "secret", "SessionToken": "token/with+special="}
EXPIRES = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def links(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> ObjectLinks:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws.answers["AssumeRole"] = lambda _: {"Credentials": {**SESSION, "Expiration": EXPIRES}}
    clients.s3_unsigned.cache_clear()
    role = "arn:aws:iam::111122223333:role/reader"
    return ObjectLinks(aws.client("sts"), clients.s3_unsigned(), role, "the-bucket", timedelta(minutes=30))


def presigned_by_boto3(key: str) -> str:
    client: Any = boto3.client(
        "s3",
        config=clients._S3,
        aws_access_key_id=SESSION["AccessKeyId"],
        aws_secret_access_key=SESSION["SecretAccessKey"],
        aws_session_token=SESSION["SessionToken"],
    )
    parameters = {"Bucket": "the-bucket", "Key": key}
    return str(client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=1800))


@pytest.mark.parametrize("key", ["A1/GET_X/2026/11/26/7.tsv", "a b/ü+&?#%=;,'\"~.tsv", "/", "ends with /"])
def test_a_link_has_the_address_and_signature_of_boto3(links: ObjectLinks, key: str) -> None:
    """The order of the parameters is of no meaning. The date is the only thing that may differ."""
    for _ in range(5):
        ours, theirs = (urlsplit(url) for url in (links.presign(key, "name").url, presigned_by_boto3(key)))
        if parse_qs(ours.query)["X-Amz-Date"] == parse_qs(theirs.query)["X-Amz-Date"]:
            break
    assert (ours.scheme, ours.netloc, ours.path) == (theirs.scheme, theirs.netloc, theirs.path)
    assert ours.netloc == "the-bucket.s3.eu-west-1.amazonaws.com"
    assert parse_qs(ours.query) == parse_qs(theirs.query)


def test_each_key_has_its_own_link_from_one_session(links: ObjectLinks, aws: Aws) -> None:
    first, second = links.presign_all(("one", "two"), "name")
    assert urlsplit(first.url).path == "/one"
    assert urlsplit(second.url).path == "/two"
    assert first.url != second.url
    assert aws.operations == ["AssumeRole"]
