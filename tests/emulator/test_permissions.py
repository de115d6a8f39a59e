"""STS sessions and S3, which presigned URLs depend on."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.support import Emulator, unique

# Assumes a role and returns a presigned URL of the object, or the error code.
PRESIGNING = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

def handler(event, context):
    try:
        session = boto3.client("sts").assume_role(
            RoleArn=event["role"], RoleSessionName="report-link", DurationSeconds=event["seconds"]
        )["Credentials"]
    except ClientError as error:
        return error.response["Error"]["Code"] + ": " + error.response["Error"]["Message"]
    s3 = boto3.client(
        "s3",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
    )
    return s3.generate_presigned_url("get_object", Params={"Bucket": event["bucket"], "Key": "report"})
"""


def allow(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


@pytest.fixture(scope="module")
def bucket(emulator: Emulator) -> str:
    """A bucket with the object `report`."""
    name = unique("reports")
    emulator.client("s3").create_bucket(Bucket=name)
    emulator.client("s3").put_object(Bucket=name, Key="report", Body=b"rows")
    return name


@pytest.fixture(scope="module")
def presigner(emulator: Emulator) -> tuple[str, str]:
    """A function that may assume roles, and its role."""
    role = emulator.create_role(allow("sts:AssumeRole", "*"))
    return emulator.create_function(PRESIGNING, role, Timeout=10), role


def reader(emulator: Emulator, bucket: str, trusted: str, seconds: int = 3600) -> str:
    """A role that may read the bucket's objects and trusts one role."""
    name, iam = unique("reader"), emulator.client("iam")
    statement = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, MaxSessionDuration=seconds)["Role"]
    policy = {"Version": "2012-10-17", "Statement": [allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")]}
    iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=json.dumps(policy))
    return str(role["Arn"])


def test_a_function_presigns_with_a_role_that_trusts_it(
    emulator: Emulator, bucket: str, presigner: tuple[str, str]
) -> None:
    function, role = presigner
    event = {"role": reader(emulator, bucket, role), "bucket": bucket, "seconds": 3600}

    link = emulator.invoke(function, event)["Payload"]

    with urllib.request.urlopen(link) as response:
        assert response.read() == b"rows"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link.replace("/report?", "/other?"))


def test_a_role_that_does_not_trust_the_function_cannot_be_assumed(
    emulator: Emulator, bucket: str, presigner: tuple[str, str]
) -> None:
    role = reader(emulator, bucket, emulator.create_role())

    error = emulator.invoke(presigner[0], {"role": role, "bucket": bucket, "seconds": 3600})["Payload"]

    assert error.startswith("AccessDenied")


@pytest.mark.parametrize(("maximum", "reason"), [(3600, "MaxSessionDuration"), (43200, "role chaining")])
def test_a_chained_session_lasts_an_hour_at_most(
    emulator: Emulator, bucket: str, presigner: tuple[str, str], maximum: int, reason: str
) -> None:
    function, role = presigner
    event = {"role": reader(emulator, bucket, role, maximum), "bucket": bucket, "seconds": 3601}

    error = emulator.invoke(function, event)["Payload"]

    assert error.startswith("ValidationError")
    assert reason in error


@pytest.mark.parametrize(("size", "error"), [(5 * 1024 * 1024, ""), (5 * 1024 * 1024 - 1, "EntityTooSmall")])
def test_a_part_is_5_mib_at_least_unless_it_is_the_last(emulator: Emulator, bucket: str, size: int, error: str) -> None:
    s3 = emulator.client("s3")
    upload = {"Bucket": bucket, "Key": unique("document")}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate((b"1" * size, b"2"), start=1)
    ]

    try:
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        answer = ""
    except ClientError as raised:
        answer = raised.response["Error"]["Code"]

    assert answer == error


def test_a_missing_object_is_404_only_for_those_who_may_list(emulator: Emulator, bucket: str) -> None:
    def status(key: str, *statements: dict[str, Any]) -> int:
        role = emulator.create_role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), *statements)
        session = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        s3 = emulator.client("s3", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
        try:
            answer = s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            answer = error.response
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    assert status("report") == 200
    assert status("missing") == 403
    assert status("missing", allow("s3:ListBucket", f"arn:aws:s3:::{bucket}")) == 404


def test_a_trust_policy_matches_the_role_of_a_session_with_its_path(emulator: Emulator) -> None:
    iam, sts = emulator.client("iam"), emulator.client("sts")
    anyone = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow("sts:AssumeRole", "*")]})

    def session_of(path: str) -> tuple[str, Any]:
        name, trust = unique("caller"), json.dumps({"Version": "2012-10-17", "Statement": [anyone]})
        role = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="assume", PolicyDocument=policy)
        session = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        keys = session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
        return role, emulator.client("sts", *keys)

    trusted, caller = session_of("/products/")
    _, neighbour = session_of("/products/")
    condition = {"ArnEquals": {"aws:PrincipalArn": trusted}}
    trust = {"Version": "2012-10-17", "Statement": [{**anyone, "Condition": condition}]}
    target = iam.create_role(RoleName=unique("target"), AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]

    assert caller.assume_role(RoleArn=target, RoleSessionName="test")["Credentials"]
    with pytest.raises(ClientError, match="AccessDenied"):
        neighbour.assume_role(RoleArn=target, RoleSessionName="test")


def test_a_simulation_uses_its_context(emulator: Emulator) -> None:
    role = emulator.create_role(
        {
            "Effect": "Allow",
            "Action": "kms:CreateKey",
            "Resource": "*",
            "Condition": {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}},
        }
    )

    def decision(*called_via: str) -> str:
        entry = {"ContextKeyName": "aws:CalledVia", "ContextKeyType": "stringList", "ContextKeyValues": called_via}
        answer = emulator.client("iam").simulate_principal_policy(
            PolicySourceArn=role, ActionNames=["kms:CreateKey"], ContextEntries=[entry] if called_via else []
        )
        return str(answer["EvaluationResults"][0]["EvalDecision"])

    assert decision("athena.amazonaws.com", "cloudformation.amazonaws.com") == "allowed"
    assert decision("athena.amazonaws.com") == "implicitDeny"
    assert decision() == "implicitDeny"


def test_conditions_see_the_encryption_context(emulator: Emulator) -> None:
    key = emulator.client("kms").create_key()["KeyMetadata"]["Arn"]
    condition = {
        "StringEquals": {"kms:EncryptionContext:RegionCode": ["NA", "*"]},
        "Null": {"kms:EncryptionContext:SellerId": "false"},
    }
    role = emulator.create_role(allow("kms:Encrypt", key) | {"Condition": condition})
    session = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    kms = emulator.client("kms", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])

    def encrypts(**context: str) -> bool:
        try:
            kms.encrypt(KeyId=key, Plaintext=b"token", EncryptionContext=context)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException"
            return False
        return True

    assert encrypts(SellerId="A1", RegionCode="NA")
    assert encrypts(SellerId="A1", RegionCode="*")
    assert not encrypts(SellerId="A1", RegionCode="EU")
    assert not encrypts(RegionCode="NA")
    assert not encrypts()


def test_a_session_policy_limits_a_session_to_one_object(emulator: Emulator, bucket: str) -> None:
    emulator.client("s3").put_object(Bucket=bucket, Key="other", Body=b"rows")
    role = emulator.create_role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    policy = {"Version": "2012-10-17", "Statement": [allow("s3:GetObject", f"arn:aws:s3:::{bucket}/report")]}
    session = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="test", Policy=json.dumps(policy))
    keys = session["Credentials"]
    s3 = emulator.client("s3", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert s3.get_object(Bucket=bucket, Key="report")["Body"].read() == b"rows"
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=bucket, Key="other")
