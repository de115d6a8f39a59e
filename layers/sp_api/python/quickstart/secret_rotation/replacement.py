"""A new client secret takes the place of the one in use, once Login with Amazon accepts it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from quickstart.application_secret import SecretVersion
from quickstart.observability import logger
from quickstart.secret_rotation.messages import NewSecret, UnreadableSecretMessageError
from quickstart.secret_rotation.record import Outcome, Record, RotationRecords
from quickstart.secret_rotation.versions import SecretRetryError, SecretVersions, VersionTakenError
from sp_api.errors import AuthorizationError
from sp_api.lwa import ApplicationCredentials

# A client secret lives for 180 days (SP-API docs, "Rotating your apps' LWA credentials").
SECRET_LIFE = timedelta(days=180)

Verify = Callable[[ApplicationCredentials], None]


class SecretNotYetValidError(SecretRetryError):
    """LWA does not accept the new secret yet. It is stored."""


@dataclass(frozen=True)
class Replacement:
    """Replaces the secret in use. `verify` requests an access token, and raises the errors of `sp_api.errors`."""

    versions: SecretVersions
    records: RotationRecords
    verify: Verify

    def receive(self, message: NewSecret, now: datetime) -> None:
        """Stores, verifies and activates the secret of a message. The message may be deleted only afterwards.

        Raises UnreadableSecretMessageError for another application's secret, and if another message with the same
        notificationId had another content; SecretNotYetValidError, SecretChangedError and what LWA or AWS raise. A
        message that comes twice, or after a newer one, changes nothing.
        """
        used = self.versions.adopt()
        if message.client_id != used.client_id:
            raise UnreadableSecretMessageError(
                f"the secret is for client id {message.client_id}, and this stack's application is {used.client_id}"
            )
        self.records.message_received(now)
        version = version_of(message)
        if used.client_secret == version.client_secret:
            self._use(version, used, now)
            return
        if _is_older(version, used):
            logger().warning("the message is older than the secret in use", notification_id=message.notification_id)
            # It may have been stored before the newer one was in use.
            self.versions.discard_pending(version)
            self._complete(self.records.load(), used, now)
            return
        try:
            self.versions.store_pending(version)
        except VersionTakenError:
            raise UnreadableSecretMessageError(
                f"another message with the notificationId {message.notification_id} contained another secret or "
                "other expiry times"
            ) from None
        self.records.pending(now, self.records.load())
        self._verify_and_use(version, used, now)

    def retry_pending(self, used: SecretVersion, record: Record, now: datetime) -> SecretVersion:
        """Tries a secret again that was stored before and did not work. Returns the version in use afterwards.

        `record` was read before `used`. Raises SecretNotYetValidError and what LWA or AWS raise.
        """
        version = self.versions.pending(used.client_id)
        if version is not None and version.client_secret != used.client_secret and not _is_older(version, used):
            self._verify_and_use(version, used, now)
            return version
        if version is not None:
            self.versions.discard_pending(version)
        self._complete(record, used, now)
        return used

    def _complete(self, record: Record, used: SecretVersion, now: datetime) -> None:
        """Records that no secret is pending, if the process that moved the labels died before it could."""
        if record.outcome == Outcome.RECEIVED and self.versions.pending(used.client_id) is None:
            self.records.in_use(now, used.expires_at)

    def _verify_and_use(self, version: SecretVersion, used: SecretVersion, now: datetime) -> None:
        try:
            self.verify(version.credentials)
        except AuthorizationError as error:
            if error.error != "invalid_client":
                raise
            raise SecretNotYetValidError("LWA does not accept the new client secret yet (invalid_client)") from None
        self._use(version, used, now)

    def _use(self, version: SecretVersion, used: SecretVersion, now: datetime) -> None:
        if version.client_secret != used.client_secret:
            self.versions.switch(version, used)
            logger().info("the new client secret is in use", version_id=version.version_id)
        else:
            # The process that put it in use may have died before it took the label away.
            self.versions.discard_pending(version)
        self.records.in_use(now, version.expires_at)


def _is_older(version: SecretVersion, used: SecretVersion) -> bool:
    """Whether Amazon issued the secret before the one in use.

    Not when each ends: a date that an operator entered may be wrong.
    """
    return version.issued_at is not None and used.issued_at is not None and version.issued_at < used.issued_at


def version_of(message: NewSecret) -> SecretVersion:
    """The version in which a message's secret is stored: the same each time the message comes."""
    return SecretVersion(
        str(uuid.uuid5(uuid.NAMESPACE_OID, message.notification_id)),
        message.client_id,
        message.client_secret,
        issued_at=message.event_time,
        expires_at=message.expires_at or message.event_time + SECRET_LIFE,
        previous_expires_at=message.previous_expires_at,
    )
