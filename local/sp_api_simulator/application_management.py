"""The Application Management API and the life of an application's client secrets.

A secret lives for 180 days. A rotation makes another one beside it, and ends the older ones within seven days. The new
secret is sent to the queue registered for it in the developer console, and never answered.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sp_api_simulator import delivery
from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.clock import Clock, notification_timestamp
from sp_api_simulator.errors import OperationError
from sp_api_simulator.state import Application, ClientSecret, Json, State

NEW_CREDENTIAL_TYPE = "APPLICATION_OAUTH_CLIENT_NEW_SECRET"
EXPIRY_TYPE = "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY"
EXAMPLE_SECRET = "amzn1.oa2-cs.v1.example"  # noqa: S105 it is a secret of no application
NOT_ENROLLED = (
    "Application is not enrolled for rotation notification. "
    "Please update application notification preference in Developer console."
)
SECRET_LIFE = timedelta(days=180)
OLD_SECRET_LIFE = timedelta(days=7)
# Amazon warns from 90 days before the deadline, repeatedly (SP-API docs, "Rotating your apps' LWA credentials"). It
# does not say how often: these days are the simulator's choice.
WARNING_DAYS = (90, 60, 45, 30, 14, 7, 3, 1)


async def rotate_application_client_secret(state: State, call: Call) -> Answer:
    """Makes a new secret and sends it to the registered queue. Raises OperationError 400 if no queue is registered."""
    application = state.applications[call.token.client_id]
    if not application.rotation_queue_arn:
        raise OperationError(400, "InvalidInput", NOT_ENROLLED, None)
    secret, old_end = add_secret(state, application.client_id)
    announce_secret(state, application.client_id, secret, old_end)
    return Answer(204)


def first_secret(clock: Clock, value: str) -> ClientSecret:
    """The secret that an application is registered with."""
    now = clock.now()
    return ClientSecret(value, now, now + SECRET_LIFE)


def add_secret(state: State, client_id: str) -> tuple[ClientSecret, datetime]:
    """One more secret of the application, and the moment the older ones end: seven days from now at the latest."""
    application = state.applications[client_id]
    now = state.clock.now()
    old_end = now + OLD_SECRET_LIFE
    starts = state.clock.moment_after(application.secret_delay_seconds)
    secret = ClientSecret(f"amzn1.oa2-cs.v1.{secrets.token_hex(32)}", starts, now + SECRET_LIFE)
    older = tuple(replace(old, expires=min(old.expires, old_end)) for old in application.secrets)
    state.applications[client_id] = replace(application, secrets=(*older, secret))
    state.clock.wake()
    return secret, old_end


def announce_secret(state: State, client_id: str, secret: ClientSecret, old_end: datetime) -> None:
    """Sends the secret to the registered queue, as often and as late as the application's settings say."""
    application = state.applications[client_id]
    payload = _new_secret_payload(client_id, secret.value, secret.expires, old_end)
    notification = delivery.to_application_queue(
        state, client_id, NEW_CREDENTIAL_TYPE, payload, application.rotation_queue_arn
    )
    if application.secret_delivery.hold:
        state.notifications.append(notification)
        return

    async def send() -> None:
        await state.clock.sleep(application.secret_delivery.delay_seconds)
        for _ in range(application.secret_delivery.copies):
            await delivery.send(state, notification)

    state.start(send())


async def warn_of_expiry(state: State, client_id: str) -> None:
    """Sends a warning that the newest secret ends, now."""
    application = state.applications[client_id]
    payload = _expiry_payload(client_id, application.secrets[-1].expires)
    await delivery.send(
        state,
        delivery.to_application_queue(state, client_id, EXPIRY_TYPE, payload, application.expiry_queue_arn),
    )


def queue_of(application: Application, notification_type: str) -> str:
    """The ARN of the queue for one of the two types that concern an application; empty if none is registered."""
    return application.rotation_queue_arn if notification_type == NEW_CREDENTIAL_TYPE else application.expiry_queue_arn


def example_payload(notification_type: str, client_id: str, now: datetime) -> Json:
    """An example payload of one of the two types. Its new secret is not one that works."""
    if notification_type == EXPIRY_TYPE:
        return _expiry_payload(client_id, now + timedelta(days=WARNING_DAYS[0]))
    return _new_secret_payload(client_id, EXAMPLE_SECRET, now + SECRET_LIFE, now + timedelta(days=7))


def _new_secret_payload(client_id: str, secret: str, expires: datetime, old_end: datetime) -> Json:
    return {
        "applicationOAuthClientNewSecret": {
            "clientId": client_id,
            "newClientSecret": secret,
            "newClientSecretExpiryTime": notification_timestamp(expires),
            "oldClientSecretExpiryTime": notification_timestamp(old_end),
        }
    }


def _expiry_payload(client_id: str, expires: datetime) -> Json:
    return {
        "applicationOAuthClientSecretExpiry": {
            "clientId": client_id,
            "clientSecretExpiryTime": notification_timestamp(expires),
            "clientSecretExpiryReason": "PERIODIC_ROTATION",
        }
    }


async def watch_secrets(state: State, client_id: str) -> None:
    """Warns on each of WARNING_DAYS before the newest secret ends, if a queue is registered for that.

    A clock that is moved past several of these days brings one warning.
    """
    warned: tuple[str, datetime] | None = None
    while True:
        application = state.applications[client_id]
        secret = application.secrets[-1]
        moments = [secret.expires - timedelta(days=days) for days in WARNING_DAYS]
        now = state.clock.now()
        due = max((moment for moment in moments if moment <= now), default=None)
        if due is not None and now < secret.expires and warned != (secret.value, due):
            warned = (secret.value, due)
            if application.expiry_queue_arn:
                await warn_of_expiry(state, client_id)
        await state.clock.wait_until(min((moment for moment in moments if moment > now), default=now + SECRET_LIFE))


def end_secrets(state: State, client_id: str, end: datetime) -> None:
    """Moves the end of every secret of the application to `end`."""
    application = state.applications[client_id]
    state.applications[client_id] = replace(
        application, secrets=tuple(replace(secret, expires=end) for secret in application.secrets)
    )
    state.clock.wake()


def register(state: State, application: Application) -> None:
    """Makes the application known and watches its secrets."""
    state.applications[application.client_id] = application
    state.start(watch_secrets(state, application.client_id))
