"""The Application Management API: rotation of the application's client secret."""

from __future__ import annotations

from dataclasses import replace

from sp_api_simulator import delivery
from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.clock import notification_timestamp
from sp_api_simulator.errors import OperationError
from sp_api_simulator.lwa import new_secret
from sp_api_simulator.state import State

NOT_ENROLLED = (
    "Application is not enrolled for rotation notification. "
    "Please update application notification preference in Developer console."
)


async def rotate_application_client_secret(state: State, call: Call) -> Answer:
    """Makes a new secret and sends it to the registered queue; the old one lives for seven more days.

    400 if no queue is registered.
    """
    application = state.applications[call.token.client_id]
    if not application.rotation_queue_arn:
        raise OperationError(400, "InvalidInput", NOT_ENROLLED, None)
    rotated, secret, old_end = new_secret(state, application)
    state.applications[application.client_id] = rotated
    payload = {
        "applicationOAuthClientNewSecret": {
            "clientId": application.client_id,
            "newClientSecret": secret.value,
            "newClientSecretExpiryTime": notification_timestamp(secret.expires or old_end),
            "oldClientSecretExpiryTime": notification_timestamp(old_end),
        }
    }
    notification = delivery.to_application_queue(
        state, application.client_id, "APPLICATION_OAUTH_CLIENT_NEW_SECRET", payload
    )
    state.start(delivery.send(state, notification))
    return Answer(204)


def expire_secrets(state: State, client_id: str) -> None:
    """Ends every secret of the application at once, as when a rotation was missed.

    Access tokens already made keep working.
    """
    application = state.applications[client_id]
    now = state.clock.now()
    state.applications[client_id] = replace(
        application, secrets=tuple(replace(secret, expires=now) for secret in application.secrets)
    )
