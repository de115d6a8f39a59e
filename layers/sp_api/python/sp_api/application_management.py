"""Application Management API v2023-11-30: rotation of the application's LWA client secret."""

from sp_api.caller import Caller, Operation
from sp_api.wire import nothing

_ROTATE = Operation("rotateApplicationClientSecret", "POST", "/applications/2023-11-30/clientSecret", 0.0167)


def rotate_application_client_secret(caller: Caller) -> None:
    """rotateApplicationClientSecret: creates a new secret, which SP-API sends to the queue registered for rotation.

    `caller` is grantless, with Scope.CLIENT_CREDENTIAL_ROTATION. The old secret is valid for seven more days (SP-API
    docs, "Rotate your application's client secret"). Raises InvalidInputError when no queue is registered. Never sent
    twice.
    """
    caller.call(_ROTATE, nothing)
