"""Links are those that boto3 would presign with a client of the session's own."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from quickstart import clients
from quickstart.links import ObjectLinks
from tests.unit.quickstart.support import Aws

SESSION = {"AccessKeyId": "ASIA" + "A" * 12, "SecretAccessKey": "secret", "SessionToken": "token/with+special="}
MADE = datetime(2026, 11, 26, 12, tzinfo=UTC)
EXPIRES = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def links(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> ObjectLinks:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws.answers["AssumeRole"] = lambda _: {"Credentials": {**SESSION, "Expiration": EXPIRES}}
    clients.s3_unsigned.cache_clear()
    role = "arn:aws:iam::111122223333:role/reader"
    return ObjectLinks(aws.client("sts"), clients.s3_unsigned(), role, "the-bucket", timedelta(minutes=30))


def presigned_by_boto3(key: str) -> str:
    return presigned("get_object", {"Bucket": "the-bucket", "Key": key})


def presigned(operation: str, parameters: dict[str, str]) -> str:
    client: Any = boto3.client(
        "s3",
        config=clients._S3,
        aws_access_key_id=SESSION["AccessKeyId"],
        aws_secret_access_key=SESSION["SecretAccessKey"],
        aws_session_token=SESSION["SessionToken"],
    )
    return str(client.generate_presigned_url(operation, Params=parameters, ExpiresIn=1800))


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


@pytest.mark.parametrize(
    ("minutes", "seconds", "name", "session_name"),
    [
        (30, 1800, "A1-7", "A1-7"),
        (5, 900, "a b/c\u00e9_=,.@-", "a_b_c__=,.@-"),
        (15, 900, "n" * 64, "n" * 64),
        (16, 960, "n" * 65, "n" * 64),
    ],
)
def test_a_session_has_a_name_that_sts_accepts_and_lasts_long_enough(
    links: ObjectLinks, aws: Aws, minutes: int, seconds: int, name: str, session_name: str
) -> None:
    """STS's shortest session is 15 minutes long, and its longest name has 64 characters."""
    link = replace(links, lifetime=timedelta(minutes=minutes), now=lambda: MADE).presign("key", name)
    ((_, given),) = aws.calls
    assert (given["RoleArn"], given["RoleSessionName"]) == ("arn:aws:iam::111122223333:role/reader", session_name)
    assert given["DurationSeconds"] == seconds
    assert link.expires == MADE + timedelta(minutes=minutes)
    assert parse_qs(urlsplit(link.url).query)["X-Amz-Expires"] == [str(minutes * 60)]


def test_a_link_ends_with_its_session(links: ObjectLinks, aws: Aws) -> None:
    ends = MADE + timedelta(minutes=20)
    aws.answers["AssumeRole"] = lambda _: {"Credentials": {**SESSION, "Expiration": ends}}
    link = replace(links, now=lambda: MADE).presign("key", "name")
    assert link.expires == ends
    assert repr(link) == "Link(expires=2026-11-26T12:20:00Z)"


@pytest.mark.parametrize(
    ("keys", "resource"),
    [
        (["A1/7.tsv"], "arn:aws-cn:s3:::the-bucket/A1/7.tsv"),
        (["a*?", "$b"], ["arn:aws-cn:s3:::the-bucket/a${*}${?}", "arn:aws-cn:s3:::the-bucket/${$}b"]),
    ],
)
def test_a_session_may_read_only_the_objects_that_are_linked(
    links: ObjectLinks, aws: Aws, keys: list[str], resource: object
) -> None:
    in_china = replace(links, reader_role_arn="arn:aws-cn:iam::111122223333:role/reader")
    in_china.presign_all(keys, "name")
    ((_, given),) = aws.calls
    assert json.loads(given["Policy"]) == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}],
    }
    assert " " not in given["Policy"]


def test_an_upload_creates_one_object_with_the_headers_that_are_signed(links: ObjectLinks, aws: Aws) -> None:
    parameters = {"Bucket": "the-bucket", "Key": "A1/x", "ContentType": "application/json", "IfNoneMatch": "*"}
    for _ in range(5):
        ours = parse_qs(urlsplit(links.presign_upload("A1/x", "name", "application/json").url).query)
        theirs = parse_qs(urlsplit(presigned("put_object", parameters)).query)
        if ours["X-Amz-Date"] == theirs["X-Amz-Date"]:
            break
    assert ours == theirs
    assert ours["X-Amz-SignedHeaders"] == ["content-type;host;if-none-match"]
    (statement,) = json.loads(aws.calls[0][1]["Policy"])["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("s3:PutObject", "arn:aws:s3:::the-bucket/A1/x")
