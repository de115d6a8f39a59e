"""Secrets Manager's versions and staging labels."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.emulator.support import Emulator, unique
from tests.waiting import until


def empty_secret(emulator: Emulator) -> str:
    """The ARN of a secret that a template made without a value."""
    cloudformation, name = emulator.client("cloudformation"), unique("secret")
    template = {
        "Resources": {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Description": "A test."}}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Secret", "Id"]}}},
    }
    stack = cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))["StackId"]

    def outputs() -> list[dict[str, str]]:
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        found: list[dict[str, str]] = described.get("Outputs", [])
        return found

    return until(outputs, bool)[0]["OutputValue"]


def test_a_secret_without_a_value_has_no_version(emulator: Emulator) -> None:
    secrets, arn = emulator.client("secretsmanager"), empty_secret(emulator)
    assert secrets.describe_secret(SecretId=arn).get("VersionIdsToStages", {}) == {}
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        secrets.get_secret_value(SecretId=arn)


def test_the_first_version_becomes_current_whatever_its_label(emulator: Emulator) -> None:
    secrets, arn = emulator.client("secretsmanager"), empty_secret(emulator)
    put = secrets.put_secret_value(SecretId=arn, SecretString="one", VersionStages=["AWSPENDING"])
    assert sorted(put["VersionStages"]) == ["AWSCURRENT", "AWSPENDING"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "one"


def test_a_version_is_written_once(emulator: Emulator) -> None:
    secrets, arn, token = emulator.client("secretsmanager"), empty_secret(emulator), unique("token") + "x" * 32
    secrets.put_secret_value(SecretId=arn, SecretString="one")
    put = {"SecretId": arn, "ClientRequestToken": token, "SecretString": "two", "VersionStages": ["AWSPENDING"]}
    secrets.put_secret_value(**put)
    current = secrets.get_secret_value(SecretId=arn)["VersionId"]
    secrets.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
    )
    secrets.put_secret_value(**put)
    stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert sorted(stages[token]) == ["AWSCURRENT", "AWSPENDING"]
    assert stages[current] == ["AWSPREVIOUS"]
    with pytest.raises(ClientError, match="ResourceExistsException"):
        secrets.put_secret_value(**{**put, "SecretString": "three"})
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "two"


def test_a_label_moves(emulator: Emulator) -> None:
    secrets, arn = emulator.client("secretsmanager"), empty_secret(emulator)
    secrets.put_secret_value(SecretId=arn, SecretString="one")
    for text in ("two", "three"):
        secrets.put_secret_value(SecretId=arn, SecretString=text, VersionStages=["AWSPENDING"])
    assert secrets.get_secret_value(SecretId=arn, VersionStage="AWSPENDING")["SecretString"] == "three"
    stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert sorted(label for labels in stages.values() for label in labels) == ["AWSCURRENT", "AWSPENDING"]
