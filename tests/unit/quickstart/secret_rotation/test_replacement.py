"""A new secret that cannot be stored. How one is put in place is in tests/end_to_end/test_secret_rotation.py."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from quickstart.application_secret import ApplicationSecret
from quickstart.secret_rotation.messages import NewSecret, UnreadableSecretMessageError, read_message
from quickstart.secret_rotation.record import RotationRecords
from quickstart.secret_rotation.replacement import Replacement
from quickstart.secret_rotation.versions import SecretVersions
from tests.unit.quickstart.secret_rotation.test_messages import SECRET, new_secret
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable

USED = {"AppClientId": "amzn1.application-oa2-client.6", "AppClientSecret": "old", "IssuedAt": "2023-07-10T00:00:00Z"}
VERSION = "v" * 32


def test_a_second_content_for_a_notification_is_unreadable(aws: Aws) -> None:
    """Secrets Manager refuses it for ever, so that no retry helps."""

    def taken(_: Any) -> dict[str, Any]:
        raise AwsError("ResourceExistsException")

    aws.answers |= {
        "GetSecretValue": lambda _: {"VersionId": VERSION, "SecretString": json.dumps(USED)},
        "DescribeSecret": lambda _: {"VersionIdsToStages": {VERSION: ["AWSCURRENT", "IN_USE"]}},
        "UpdateSecretVersionStage": lambda _: {},
        "PutSecretValue": taken,
    }
    table = MemoryTable(aws, "ClientId")
    secret = ApplicationSecret(aws.client("secretsmanager"), "arn")
    replacement = Replacement(SecretVersions(secret), RotationRecords(table.table, "c"), lambda _: None)
    message = read_message(json.dumps(new_secret()))
    assert isinstance(message, NewSecret)
    with pytest.raises(UnreadableSecretMessageError, match="another message with the notificationId") as raised:
        replacement.receive(message, datetime(2024, 1, 11, tzinfo=UTC))
    assert SECRET not in str(raised.value)
