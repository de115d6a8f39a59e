"""The LWA credentials of the SP-API application in Secrets Manager, and which version of them is used.

A stack update that changes the parameter ClientSecret, and the rollback of such an update, write a version of
{AppClientId, AppClientSecret} and label it AWSCURRENT. That must never replace a secret that was rotated since. So
every version that the stack itself stores also has the field IssuedAt, and the one in use carries a label of its own,
IN_USE, which CloudFormation does not know and does not move.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from quickstart.secrets import SecretUnreadableError, read_fields
from quickstart.times import calculable, to_text
from sp_api.lwa import ApplicationCredentials

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

FIELDS = ("AppClientId", "AppClientSecret")
CURRENT, PREVIOUS, PENDING, IN_USE = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", "IN_USE"


@dataclass(frozen=True)
class SecretVersion:
    """One version of the application's credentials.

    `issued_at` is when Amazon issued the secret, and None for a version that CloudFormation or a person wrote without
    it. `expires_at` is when the secret ends, `previous_expires_at` when the one before it ends; None where unknown.
    """

    version_id: str
    client_id: str
    client_secret: str = field(repr=False)
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    previous_expires_at: datetime | None = None
    created_at: datetime | None = None

    @property
    def credentials(self) -> ApplicationCredentials:
        return ApplicationCredentials(self.client_id, self.client_secret)

    @property
    def managed(self) -> bool:
        """Whether the stack itself stored this version, rather than a template."""
        return self.issued_at is not None


@dataclass(frozen=True)
class ApplicationSecret:
    """Reads the versions of the secret with this ARN."""

    client: "SecretsManagerClient"
    arn: str

    def in_use(self) -> SecretVersion:
        """The version that functions work with. Raises SecretUnreadableError."""
        current = self.version(CURRENT)
        if current is None:
            raise SecretUnreadableError(FIELDS)
        if current.managed:
            return current
        # Another client id is another application: the parameters are right then, and the label is of no use.
        pinned = self.version(IN_USE)
        return pinned if pinned is not None and pinned.client_id == current.client_id else current

    def others(self, now: datetime) -> Iterator[SecretVersion]:
        """Versions to try, in this order, when LWA refuses the one in use.

        The previous one until its end; a new one that has not worked so far; one that a stack update wrote. One that
        cannot be read is left out: somebody may have edited the secret, and then corrected it.
        """
        used = self.in_use()
        tried = {used.client_secret}
        for stage in (PREVIOUS, PENDING, CURRENT):
            if stage == PREVIOUS and used.previous_expires_at is not None and now >= used.previous_expires_at:
                continue
            version = self.readable_version(stage)
            if version is None or version.client_id != used.client_id or version.client_secret in tried:
                continue
            tried.add(version.client_secret)
            yield version

    def readable_version(self, stage: str) -> SecretVersion | None:
        """As `version`, and None if its value cannot be read."""
        try:
            return self.version(stage)
        except SecretUnreadableError:
            return None

    def version(self, stage: str) -> SecretVersion | None:
        """The version with this label; None if there is none. Raises SecretUnreadableError."""
        try:
            found = self.client.get_secret_value(SecretId=self.arn, VersionStage=stage)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        fields = read_fields(found, FIELDS)
        # People edit the secret in the console.
        return SecretVersion(
            found["VersionId"],
            fields["AppClientId"],
            fields["AppClientSecret"],
            issued_at=calculable(fields.get("IssuedAt")),
            expires_at=calculable(fields.get("ExpiresAt")),
            previous_expires_at=calculable(fields.get("PreviousExpiresAt")),
            created_at=found.get("CreatedDate"),
        )


def secret_string(version: SecretVersion) -> str:
    """The version as it is stored."""
    times = {
        "IssuedAt": version.issued_at,
        "ExpiresAt": version.expires_at,
        "PreviousExpiresAt": version.previous_expires_at,
    }
    fields: Mapping[str, str] = {
        "AppClientId": version.client_id,
        "AppClientSecret": version.client_secret,
        **{name: to_text(time, unit="auto") for name, time in times.items() if time is not None},
    }
    return json.dumps(fields)
