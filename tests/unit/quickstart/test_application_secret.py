"""Which version of the client secret functions use: no stack update and no rollback brings an older one back."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from quickstart.application_secret import ApplicationSecret
from quickstart.secrets import SecretUnreadableError
from tests.unit.quickstart.support import Aws, AwsError

ROTATED = {"AppClientId": "client", "AppClientSecret": "rotated", "IssuedAt": "2026-11-21T00:00:00+00:00"}
NEWER = {"AppClientId": "client", "AppClientSecret": "newer", "IssuedAt": "2026-11-26T00:00:00+00:00"}
# What CloudFormation writes: the parameters of an update, or those that its rollback restores.
WRITTEN = {"AppClientId": "client", "AppClientSecret": "of the parameters"}
ANOTHER = {"AppClientId": "another client", "AppClientSecret": "of another application"}


def secret(**stages: Mapping[str, str]) -> ApplicationSecret:
    def value(given: Mapping[str, Any]) -> Mapping[str, Any]:
        stage = given["VersionStage"]
        if stage not in stages:
            raise AwsError("ResourceNotFoundException")
        return {"VersionId": stage.ljust(32, "0"), "SecretString": json.dumps(stages[stage])}

    return ApplicationSecret(Aws(GetSecretValue=value).client("secretsmanager"), "arn")


@pytest.mark.parametrize(
    ("stages", "used"),
    [
        ({"AWSCURRENT": WRITTEN}, "of the parameters"),
        ({"AWSCURRENT": ROTATED, "IN_USE": ROTATED}, "rotated"),
        ({"AWSCURRENT": WRITTEN, "AWSPREVIOUS": ROTATED, "IN_USE": ROTATED}, "rotated"),
        # The label moves last.
        ({"AWSCURRENT": NEWER, "IN_USE": ROTATED}, "newer"),
        # The stack was given another application.
        ({"AWSCURRENT": ANOTHER, "AWSPREVIOUS": ROTATED, "IN_USE": ROTATED}, "of another application"),
    ],
)
def test_the_version_in_use(stages: dict[str, Mapping[str, str]], used: str) -> None:
    assert secret(**stages).in_use().client_secret == used


def test_a_secret_without_a_value() -> None:
    with pytest.raises(SecretUnreadableError):
        secret().in_use()
