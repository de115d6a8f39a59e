"""The two notifications about an application's client secret, as SP-API sends them to the queue registered for them.

Source: SP-API docs, "Rotate your application's client secret" and "Set up credential rotation notifications".
A body holds a live credential, so no exception and no log line quotes it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from quickstart.times import calculable
from sp_api.redaction import holds_secret
from sp_api.wire import is_unicode

NEW_SECRET_TYPE = "APPLICATION_OAUTH_CLIENT_NEW_SECRET"  # noqa: S105 - a notification type
EXPIRY_TYPE = "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY"
# Far above what Amazon issues, and far below what Secrets Manager stores.
_LONGEST_TEXT = 4096


class UnreadableSecretMessageError(ValueError):
    """A message that is not one of the two notifications, or is about another application."""


@dataclass(frozen=True)
class NewSecret:
    """APPLICATION_OAUTH_CLIENT_NEW_SECRET. Times are None where SP-API gives none that can be read."""

    client_id: str
    notification_id: str
    event_time: datetime
    client_secret: str = field(repr=False)
    expires_at: datetime | None = None
    previous_expires_at: datetime | None = None


@dataclass(frozen=True)
class ExpiryNotice:
    """APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY: the secret ends at `expires_at`."""

    client_id: str
    event_time: datetime
    expires_at: datetime | None


def read_message(body: str) -> NewSecret | ExpiryNotice:
    """The notification in an SQS message. Raises UnreadableSecretMessageError."""
    document = _object(_decoded(body), "the message")
    kind = document.get("notificationType")
    payload = _object(document.get("payload"), "payload")
    event_time = calculable(document.get("eventTime"))
    if event_time is None:
        raise UnreadableSecretMessageError("eventTime must be a date-time")
    if kind == EXPIRY_TYPE:
        fields = _object(payload.get("applicationOAuthClientSecretExpiry"), "applicationOAuthClientSecretExpiry")
        return ExpiryNotice(
            _identifier(fields, "clientId"), event_time, calculable(fields.get("clientSecretExpiryTime"))
        )
    if kind == NEW_SECRET_TYPE:
        fields = _object(payload.get("applicationOAuthClientNewSecret"), "applicationOAuthClientNewSecret")
        metadata = _object(document.get("notificationMetadata"), "notificationMetadata")
        return NewSecret(
            _identifier(fields, "clientId"),
            _identifier(metadata, "notificationId"),
            event_time,
            _text(fields, "newClientSecret"),
            calculable(fields.get("newClientSecretExpiryTime")),
            calculable(fields.get("oldClientSecretExpiryTime")),
        )
    raise UnreadableSecretMessageError(f"notificationType must be {NEW_SECRET_TYPE} or {EXPIRY_TYPE}")


def _decoded(body: str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # The cause would quote the body.
        raise UnreadableSecretMessageError("the message must be JSON") from None


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise UnreadableSecretMessageError(f"{name} must be a JSON object")
    return value


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_TEXT or not is_unicode(value):
        raise UnreadableSecretMessageError(f"{name} must be a string of 1 to {_LONGEST_TEXT} Unicode characters")
    return value


def _identifier(fields: Mapping[str, object], name: str) -> str:
    """An id: unlike the secret, it may be logged."""
    value = _text(fields, name)
    if holds_secret(value):
        raise UnreadableSecretMessageError(f"{name} seems to be a token or a secret")
    return value
