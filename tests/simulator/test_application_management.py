"""The Application Management API: a rotated secret, and an expired one."""

from __future__ import annotations

from tests.simulator.support import (
    CLIENT_ID,
    CLIENT_SECRET,
    NOTIFICATIONS_SCOPE,
    QUEUE_ARN,
    ROTATION_SCOPE,
    RecordingQueue,
    Simulator,
    eventually,
)

PATH = "/applications/2023-11-30/clientSecret"
GRANT = {"grant_type": "client_credentials", "scope": NOTIFICATIONS_SCOPE}
WEEK = 7 * 86400


def test_rotation_sends_a_new_secret_and_ends_the_old_one_in_a_week(
    simulator: Simulator, queue: RecordingQueue
) -> None:
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"rotationQueueArn": QUEUE_ARN})
    assert simulator.call("POST", PATH, simulator.grantless(ROTATION_SCOPE), status=204).content == b""
    (message,) = eventually(lambda: queue.messages)
    assert message.body["notificationType"] == "APPLICATION_OAUTH_CLIENT_NEW_SECRET"
    assert message.body["payloadVersion"] == "2023-11-30"
    fields = message.body["payload"]["applicationOAuthClientNewSecret"]
    assert fields.keys() == {"clientId", "newClientSecret", "newClientSecretExpiryTime", "oldClientSecretExpiryTime"}
    secret = fields["newClientSecret"]
    simulator.token(client_secret=secret, **GRANT)
    simulator.token(client_secret=CLIENT_SECRET, **GRANT)
    simulator.control("PUT", "/clock", {"advanceSeconds": WEEK})
    simulator.token(401, client_secret=CLIENT_SECRET, **GRANT)
    simulator.token(client_secret=secret, **GRANT)


def test_an_application_that_is_not_enrolled(simulator: Simulator) -> None:
    answer = simulator.call("POST", PATH, simulator.grantless(ROTATION_SCOPE), status=400)
    code, message, _ = answer.error
    assert code == "InvalidInput"
    assert message.startswith("Application is not enrolled for rotation notification.")


def test_the_scope_is_its_own(simulator: Simulator) -> None:
    simulator.call("POST", PATH, simulator.grantless(NOTIFICATIONS_SCOPE), status=403)
    simulator.call("POST", PATH, simulator.seller(), status=403)


def test_expired_secrets(simulator: Simulator) -> None:
    simulator.control("POST", f"/applications/{CLIENT_ID}/expire-secrets")
    assert simulator.token(401, **GRANT)["error"] == "invalid_client"
