"""The parts of the rotation capability, each made when first needed, from the function's environment."""

from functools import cache
from typing import TYPE_CHECKING

from quickstart import callers, clients, settings
from quickstart.dynamodb import Table
from sp_api.deadline import Deadline
from sp_api.lwa import ApplicationCredentials, LwaClient, Scope
from sp_api.regions import Region

if TYPE_CHECKING:
    from quickstart.secret_rotation.replacement import Replacement
    from quickstart.secret_rotation.rotation import Rotator


@cache
def rotation_table() -> Table:
    return Table(clients.dynamodb(), settings.required("SECRET_ROTATION_TABLE"))


def replacement(deadline: Deadline) -> "Replacement":
    """Replaces the secret in use, within one invocation."""
    from quickstart.application_secret import ApplicationSecret
    from quickstart.secret_rotation.record import RotationRecords
    from quickstart.secret_rotation.replacement import Replacement
    from quickstart.secret_rotation.versions import SecretVersions

    def verify(credentials: ApplicationCredentials) -> None:
        endpoint = callers.selling_partner_api().environment.lwa_url
        lwa = LwaClient(clients.http(), endpoint, lambda *, fresh: credentials)  # noqa: ARG005 - never stored
        lwa.grantless_access_token(Scope.NOTIFICATIONS, deadline)

    secret = ApplicationSecret(clients.secretsmanager(), settings.required("APPLICATION_SECRET_ARN"))
    return Replacement(
        SecretVersions(secret),
        RotationRecords(rotation_table(), secret.in_use().client_id),
        verify,
    )


def rotator(deadline: Deadline) -> "Rotator":
    """Requests rotations, within one invocation."""
    from quickstart.secret_rotation.rotation import Rotator, given_expires_at
    from sp_api.application_management import rotate_application_client_secret

    region = Region(settings.required("ROTATION_REGION"))

    def request() -> None:
        api = callers.selling_partner_api()
        rotate_application_client_secret(api.grantless(Scope.CLIENT_CREDENTIAL_ROTATION, region, deadline))

    return Rotator(
        replacement(deadline),
        request,
        settings.whole_number("ROTATE_DAYS_BEFORE"),
        given_expires_at(settings.optional("CLIENT_SECRET_EXPIRES")),
    )
