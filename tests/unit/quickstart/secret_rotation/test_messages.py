"""The two notifications about a client secret, and what is not one."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from quickstart.secret_rotation.messages import ExpiryNotice, NewSecret, UnreadableSecretMessageError, read_message
from quickstart.secret_rotation.replacement import version_of

SECRET = "amzn1.oa2-cs.v1.8b6a-secret-of-the-test"
LONGEST = 4096
NO_TEXT = f"must be a string of 1 to {LONGEST} Unicode characters"


def envelope(kind: str, payload: object, **changed: object) -> dict[str, Any]:
    return {
        "notificationVersion": "1.0",
        "notificationType": kind,
        "payloadVersion": "2023-11-30",
        "eventTime": "2024-01-10T22:09:17.456Z",
        "payload": payload,
        "notificationMetadata": {
            "applicationId": "amzn1.sp.solution.6",
            "subscriptionId": "8594dc0e",
            "publishTime": "2024-01-10T22:09:18.706Z",
            "notificationId": "b0805eb9-78f7-49bb-ac0e-000000000000",
        },
        **changed,
    }


def new_secret(**changed: object) -> dict[str, Any]:
    fields = {
        "clientId": "amzn1.application-oa2-client.6",
        "newClientSecret": SECRET,
        "newClientSecretExpiryTime": "2024-07-08T22:09:17.198Z",
        "oldClientSecretExpiryTime": "2024-01-17T22:09:17.180Z",
    }
    return envelope("APPLICATION_OAUTH_CLIENT_NEW_SECRET", {"applicationOAuthClientNewSecret": fields | changed})


def test_a_new_secret_as_amazon_sends_it() -> None:
    message = read_message(json.dumps(new_secret()))
    assert message == NewSecret(
        "amzn1.application-oa2-client.6",
        "b0805eb9-78f7-49bb-ac0e-000000000000",
        datetime(2024, 1, 10, 22, 9, 17, 456000, UTC),
        SECRET,
        datetime(2024, 7, 8, 22, 9, 17, 198000, UTC),
        datetime(2024, 1, 17, 22, 9, 17, 180000, UTC),
    )
    assert SECRET not in repr(message)


def test_a_warning_as_amazon_sends_it() -> None:
    fields = {
        "clientId": "amzn1.application-oa2-client.xxxx",
        "clientSecretExpiryTime": "2024-03-03T22:06:39.224Z",
        "clientSecretExpiryReason": "PERIODIC_ROTATION",
    }
    body = envelope("APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY", {"applicationOAuthClientSecretExpiry": fields})
    assert read_message(json.dumps(body)) == ExpiryNotice(
        "amzn1.application-oa2-client.xxxx",
        datetime(2024, 1, 10, 22, 9, 17, 456000, UTC),
        datetime(2024, 3, 3, 22, 6, 39, 224000, UTC),
    )


@pytest.mark.parametrize("time", [None, "", "soon", 5, "2024-07-08T22:09:17", "0001-01-01T00:00:00+14:00"])
def test_a_secret_whose_end_cannot_be_read_is_still_a_secret(time: object) -> None:
    message = read_message(json.dumps(new_secret(newClientSecretExpiryTime=time, oldClientSecretExpiryTime=time)))
    assert isinstance(message, NewSecret)
    assert (message.expires_at, message.previous_expires_at) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        SECRET,
        "[" * 100_000,
        "[]",
        json.dumps(envelope("REPORT_PROCESSING_FINISHED", {})),
        json.dumps(new_secret() | {"eventTime": "yesterday"}),
        json.dumps(new_secret() | {"payload": None}),
        json.dumps(new_secret() | {"payload": {"applicationOAuthClientNewSecret": [SECRET]}}),
        json.dumps(new_secret() | {"notificationMetadata": {}}),
        json.dumps(new_secret(newClientSecret="")),
        json.dumps(new_secret(newClientSecret=7)),
        json.dumps(new_secret(clientId=None)),
    ],
)
def test_what_is_not_one_of_them_is_refused_without_its_words(body: str) -> None:
    with pytest.raises(UnreadableSecretMessageError) as raised:
        read_message(body)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("x", "the message must be JSON"),
        ("[" * 100_000, "the message must be JSON"),
        ("[]", "the message must be a JSON object"),
        (json.dumps(new_secret() | {"payload": None}), "payload must be a JSON object"),
        (json.dumps(new_secret() | {"eventTime": "yesterday"}), "eventTime must be a date-time"),
        (
            json.dumps(envelope("REPORT_PROCESSING_FINISHED", {})),
            "notificationType must be APPLICATION_OAUTH_CLIENT_NEW_SECRET or APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY",
        ),
        (
            json.dumps(envelope("APPLICATION_OAUTH_CLIENT_NEW_SECRET", {})),
            "applicationOAuthClientNewSecret must be a JSON object",
        ),
        (
            json.dumps(envelope("APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY", {})),
            "applicationOAuthClientSecretExpiry must be a JSON object",
        ),
        (json.dumps(new_secret() | {"notificationMetadata": 7}), "notificationMetadata must be a JSON object"),
        (json.dumps(new_secret(clientId=SECRET)), "clientId seems to be a token or a secret"),
        (json.dumps(new_secret(newClientSecret="x" * 4097)), f"newClientSecret {NO_TEXT}"),
        (json.dumps(new_secret(newClientSecret=" ")), f"newClientSecret {NO_TEXT}"),
    ],
)
def test_why_a_message_is_refused(body: str, reason: str) -> None:
    with pytest.raises(UnreadableSecretMessageError) as raised:
        read_message(body)
    assert str(raised.value) == reason


def test_the_longest_secret() -> None:
    read = read_message(json.dumps(new_secret(newClientSecret="x" * LONGEST)))
    assert isinstance(read, NewSecret)
    assert len(read.client_secret) == LONGEST


def test_the_same_message_is_always_the_same_version() -> None:
    first, second = (read_message(json.dumps(new_secret())) for _ in range(2))
    assert isinstance(first, NewSecret)
    assert isinstance(second, NewSecret)
    assert version_of(first) == version_of(second)
    assert len(version_of(first).version_id) >= 32


@pytest.mark.parametrize("field", ["clientId", "newClientSecret"])
@pytest.mark.parametrize("value", ["\ud800", "a\udfffb", "A" * 5_000])
def test_a_text_that_cannot_be_stored_is_unreadable(field: str, value: str) -> None:
    with pytest.raises(UnreadableSecretMessageError, match=f"{field} must be a string"):
        read_message(json.dumps(new_secret(**{field: value})))
