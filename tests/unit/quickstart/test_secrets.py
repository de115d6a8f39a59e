"""Secrets that people store by hand: what is not as it should be is named by its fields, never by its values."""

import json
from typing import Any

import pytest

from quickstart.secrets import SecretUnreadableError, read_fields, signing_credentials
from sp_api.signing import SigningCredentials
from tests.unit.quickstart.support import Aws

NAMES = ("First", "Second")


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"SecretBinary": b"{}"},
        {"SecretString": ""},
        {"SecretString": "the value"},
        {"SecretString": "[" * 100_000},
        {"SecretString": '["First", "Second"]'},
        {"SecretString": "null"},
        {"SecretString": '{"First": "the value"}'},
        {"SecretString": '{"First": "the value", "Second": ""}'},
        {"SecretString": '{"First": "the value", "Second": 2}'},
        {"SecretString": '{"First": "the value", "Second": null}'},
        {"SecretString": '{"First": "the value", "Second": "\\ud800"}'},
    ],
)
def test_a_secret_that_cannot_be_read(value: dict[str, Any]) -> None:
    with pytest.raises(SecretUnreadableError) as caught:
        read_fields(value, NAMES)
    assert str(caught.value) == (
        "the secret with the fields First and Second cannot be read: store it in Secrets Manager as a JSON object with "
        "these fields, each a text that is not empty"
    )
    # Its cause would quote the secret.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_secret_may_have_more_fields() -> None:
    fields = {"First": "1", "Second": "2", "Third": 3}
    assert read_fields({"SecretString": json.dumps(fields)}, NAMES) == fields


def test_the_credentials_that_sign_requests() -> None:
    stored = {"AccessKeyId": "AKIAEXAMPLE", "SecretKey": "key", "RoleArn": "role"}
    aws = Aws(GetSecretValue=lambda _: {"VersionId": "v" * 32, "SecretString": json.dumps(stored)})
    found = signing_credentials(aws.client("secretsmanager"), "arn")
    assert found == SigningCredentials("AKIAEXAMPLE", "key", "role")
    assert aws.calls == [("GetSecretValue", {"SecretId": "arn"})]
    del stored["RoleArn"]
    with pytest.raises(SecretUnreadableError, match="AccessKeyId and SecretKey and RoleArn"):
        signing_credentials(aws.client("secretsmanager"), "arn")
