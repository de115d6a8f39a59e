"""Messages of the secret queue reach the part that handles them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quickstart.secret_rotation.messages import ExpiryNotice, NewSecret, UnreadableSecretMessageError
from quickstart.secret_rotation.replacement import SecretNotYetValidError
from quickstart.secret_rotation.rotation import process_message
from quickstart.secret_rotation.versions import SecretChangedError
from tests.unit.quickstart.secret_rotation.test_messages import envelope, new_secret

SENT = datetime(2024, 1, 10, 22, 9, 17, 456000, UTC)
WARNING = envelope(
    "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY",
    {
        "applicationOAuthClientSecretExpiry": {
            "clientId": "amzn1.application-oa2-client.6",
            "clientSecretExpiryTime": "2024-07-08T22:09:17.198Z",
        }
    },
)


class Part:
    """Takes the messages of one kind."""

    def __init__(self) -> None:
        self.taken: list[tuple[Any, datetime]] = []

    def receive(self, message: NewSecret, now: datetime) -> None:
        self.taken.append((message, now))

    warned = receive


def process(message: dict[str, Any], now: datetime) -> tuple[Part, Part]:
    parts: Any = (Part(), Part())
    process_message(json.dumps(message), lambda: parts[0], lambda: parts[1], now)
    replacement, rotator = parts
    return replacement, rotator


def test_a_new_secret_is_put_in_place() -> None:
    now = SENT + timedelta(minutes=1)
    replacement, rotator = process(new_secret(), now)
    ((message, at),) = replacement.taken
    assert isinstance(message, NewSecret)
    assert (at, rotator.taken) == (now, [])


def test_a_warning_may_cause_a_rotation() -> None:
    replacement, rotator = process(WARNING, SENT + timedelta(minutes=1))
    ((message, _),) = rotator.taken
    assert isinstance(message, ExpiryNotice)
    assert replacement.taken == []


def test_no_message_is_processed_before_it_was_sent() -> None:
    replacement, _ = process(new_secret(), SENT - timedelta(days=1))
    assert [at for _, at in replacement.taken] == [SENT]


def test_another_notification_is_unreadable() -> None:
    with pytest.raises(UnreadableSecretMessageError):
        process(envelope("ORDER_CHANGE", {}), SENT)


@pytest.mark.parametrize("error", [SecretNotYetValidError, SecretChangedError])
def test_a_message_is_tried_again_soon_and_then_every_hour(error: type[SecretNotYetValidError]) -> None:
    assert error.queue_waits == (10, 60, 300, 600, 900, 1800, 3600)
