"""The versions of the application's secret: a new one is stored beside the old one and replaces it once it works.

Every step can be repeated after a crash at any point, and at every point the version that functions read works.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from quickstart.application_secret import (
    CURRENT,
    IN_USE,
    PENDING,
    PREVIOUS,
    ApplicationSecret,
    SecretVersion,
    secret_string,
)
from quickstart.invocation import ExpectedError


class SecretRetryError(ExpectedError):
    """The same step can be tried again later."""

    # A new secret may take more than half an hour to work (selling-partner-api-models issue 4489).
    queue_waits: ClassVar[tuple[int, ...]] = (10, 60, 300, 600, 900, 1800, 3600)


class VersionTakenError(ValueError):
    """The version's id is in use for another value, and stays so."""


class SecretChangedError(SecretRetryError):
    """Another process has changed the secret in the meantime."""


@dataclass(frozen=True)
class SecretVersions:
    """Changes the versions of one secret. Raises botocore's ClientError where AWS refuses."""

    secret: ApplicationSecret

    def adopt(self) -> SecretVersion:
        """Labels the current version IN_USE, so that stack updates no longer replace it, and returns it.

        If CloudFormation or a person wrote the current version, it is first stored again as a version of the stack.
        Raises SecretUnreadableError.
        """
        used = self.secret.in_use()
        if not used.managed:
            used = replace(
                used,
                version_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{used.version_id} adopted")),
                issued_at=used.created_at,
            )
            self._put(used, CURRENT)
        self._attach(IN_USE, used.version_id)
        return used

    def store_pending(self, version: SecretVersion) -> None:
        """Stores the version beside the one in use. Storing it again does nothing. Raises VersionTakenError."""
        try:
            self._put(version, PENDING)
        except self.secret.client.exceptions.ResourceExistsException:
            raise VersionTakenError(version.version_id) from None
        if self._stages().get(IN_USE) != version.version_id:
            self._attach(PENDING, version.version_id)

    def pending(self, client_id: str) -> SecretVersion | None:
        """The version that is stored but not in use yet."""
        version = self.secret.version(PENDING)
        return version if version is not None and version.client_id == client_id else None

    def switch(self, version: SecretVersion, used: SecretVersion) -> None:
        """Makes `version` the one in use, in place of `used`, which becomes AWSPREVIOUS.

        Raises SecretChangedError if `used` is not in use any more.
        """
        if self._stages().get(IN_USE) not in (used.version_id, version.version_id, None):
            raise SecretChangedError("another rotation has replaced the secret in use")
        self._attach(IN_USE, version.version_id)
        self._attach(CURRENT, version.version_id)
        self._detach(PENDING, version.version_id)

    def discard_pending(self, version: SecretVersion) -> None:
        """The version is not to be used any more."""
        self._detach(PENDING, version.version_id)

    def wipe_previous(self, used: SecretVersion, now: datetime) -> bool:
        """Removes the label of the previous version once it has ended; Secrets Manager then deletes the version.

        Source: Secrets Manager, "Deprecated versions have no labels, and Secrets Manager can delete them".
        """
        previous = self._stages().get(PREVIOUS)
        ended = used.previous_expires_at is not None and now >= used.previous_expires_at
        if previous is None or previous == used.version_id or not ended:
            return False
        self._detach(PREVIOUS, previous)
        return True

    def _put(self, version: SecretVersion, stage: str) -> None:
        self.secret.client.put_secret_value(
            SecretId=self.secret.arn,
            ClientRequestToken=version.version_id,
            SecretString=secret_string(version),
            VersionStages=[stage],
        )

    def _stages(self) -> Mapping[str, str]:
        """The version id of each label."""
        described = self.secret.client.describe_secret(SecretId=self.secret.arn)
        return {
            stage: version_id
            for version_id, stages in described.get("VersionIdsToStages", {}).items()
            for stage in stages
        }

    def _attach(self, stage: str, version_id: str) -> None:
        holder = self._stages().get(stage)
        if holder == version_id:
            return
        # AWS moves the label only from the version named here: a concurrent change makes this fail.
        moved_from = {} if holder is None else {"RemoveFromVersionId": holder}
        try:
            self.secret.client.update_secret_version_stage(
                SecretId=self.secret.arn, VersionStage=stage, MoveToVersionId=version_id, **moved_from
            )
        except self.secret.client.exceptions.InvalidParameterException:
            raise SecretChangedError(f"the label {stage} was moved by another process") from None

    def _detach(self, stage: str, version_id: str) -> None:
        if self._stages().get(stage) == version_id:
            self.secret.client.update_secret_version_stage(
                SecretId=self.secret.arn, VersionStage=stage, RemoveFromVersionId=version_id
            )
