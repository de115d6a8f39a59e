"""What Secrets Manager holds: the SP-API application's credentials and, where it still signs, an IAM user's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sp_api.lwa import ApplicationCredentials
from sp_api.signing import SigningCredentials

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class SecretUnreadableError(ValueError):
    """A secret is no JSON object of the fields it must have. The message names the fields, never their values."""


@dataclass(frozen=True)
class Secrets:
    """Reads secrets by ARN."""

    client: "SecretsManagerClient"

    def application_credentials(self, secret_arn: str) -> ApplicationCredentials:
        """The SP-API application's LWA credentials, stored as {AppClientId, AppClientSecret}."""
        fields = self._fields(secret_arn, ("AppClientId", "AppClientSecret"))
        return ApplicationCredentials(client_id=fields["AppClientId"], client_secret=fields["AppClientSecret"])

    def signing_credentials(self, secret_arn: str) -> SigningCredentials:
        """The IAM user and role that sign requests to SP-API, stored as {AccessKeyId, SecretKey, RoleArn}."""
        fields = self._fields(secret_arn, ("AccessKeyId", "SecretKey", "RoleArn"))
        return SigningCredentials(
            access_key_id=fields["AccessKeyId"], secret_key=fields["SecretKey"], role_arn=fields["RoleArn"]
        )

    def _fields(self, secret_arn: str, names: tuple[str, ...]) -> Mapping[str, str]:
        text = self.client.get_secret_value(SecretId=secret_arn)["SecretString"]
        try:
            fields = json.loads(text)
        except ValueError:
            # The cause would quote the secret.
            fields = None
        if not isinstance(fields, dict) or not all(
            isinstance(fields.get(name), str) and fields[name] for name in names
        ):
            raise SecretUnreadableError(
                f"the secret {secret_arn} must be a JSON object with the fields {', '.join(names)}"
            )
        return {name: fields[name] for name in names}
