"""Secrets of Secrets Manager, each a JSON object."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quickstart.refusals import Refusal
from sp_api.wire import is_unicode

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from sp_api.signing import SigningCredentials


class SecretUnreadableError(Refusal):
    """A secret in Secrets Manager is not what the stack or its operator should have stored.

    The message names the required fields, never their values.
    """

    status = 500
    code = "SecretUnreadable"

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(
            f"the secret with the fields {' and '.join(names)} cannot be read: store it in Secrets Manager as a JSON "
            "object with these fields, each a text that is not empty"
        )


def signing_credentials(client: "SecretsManagerClient", secret_arn: str) -> "SigningCredentials":
    """The IAM user and role that sign requests to SP-API, stored as {AccessKeyId, SecretKey, RoleArn}.

    Raises SecretUnreadableError.
    """
    # Few stacks sign, and the module is not loaded for the others.
    from sp_api.signing import SigningCredentials

    fields = read_fields(client.get_secret_value(SecretId=secret_arn), ("AccessKeyId", "SecretKey", "RoleArn"))
    return SigningCredentials(
        access_key_id=fields["AccessKeyId"], secret_key=fields["SecretKey"], role_arn=fields["RoleArn"]
    )


def read_fields(value: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    """The JSON object in a secret's value (AWS: GetSecretValue); `names` must be texts that are not empty.

    Raises SecretUnreadableError, also for a value that was stored as binary.
    """
    try:
        fields = json.loads(value.get("SecretString", ""))
    except (ValueError, RecursionError):
        # The cause would quote the secret.
        fields = None
    if not isinstance(fields, dict) or not all(_is_text(fields.get(name)) for name in names):
        raise SecretUnreadableError(names)
    return fields


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and is_unicode(value)
