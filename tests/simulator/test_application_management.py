"""The Application Management API: a rotated secret, and an expired one."""

from __future__ import annotations

import pytest
import urllib3

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


def new_secret(queue: RecordingQueue) -> str:
    (message,) = eventually(lambda: queue.messages)
    return str(message.body["payload"]["applicationOAuthClientNewSecret"]["newClientSecret"])


def test_a_secret_lives_for_180_days(simulator: Simulator) -> None:
    access_token = simulator.seller()
    simulator.control("PUT", "/clock", {"advanceSeconds": 180 * 86400 - 60})
    simulator.token(**GRANT)
    simulator.control("PUT", "/clock", {"advanceSeconds": 120})
    assert simulator.token(401, **GRANT)["error"] == "invalid_client"
    (secret,) = simulator.control("GET", f"/applications/{CLIENT_ID}")["secrets"]
    assert not secret["works"]
    assert access_token


def test_an_access_token_ends_with_the_secret_it_was_made_with(simulator: Simulator) -> None:
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"secretsEndInSeconds": 60})
    access_token = simulator.seller()
    simulator.call("GET", "/reports/2021-06-30/reports?reportTypes=X", access_token, status=200)
    simulator.control("PUT", "/clock", {"advanceSeconds": 120})
    answer = simulator.call("GET", "/reports/2021-06-30/reports?reportTypes=X", access_token, status=403)
    assert answer.error[2] == "The LWA secret token you provided has expired."
    errors = [entry["error"] for entry in simulator.control("GET", "/requests")["requests"]]
    assert errors[-1] == "Unauthorized: The LWA secret token you provided has expired."


def test_a_new_secret_starts_to_work_late(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.control(
        "PUT", f"/applications/{CLIENT_ID}", {"rotationQueueArn": QUEUE_ARN, "secretDelaySeconds": 100 * 3600}
    )
    simulator.call("POST", PATH, simulator.grantless(ROTATION_SCOPE), status=204)
    secret = new_secret(queue)
    assert simulator.token(401, client_secret=secret, **GRANT)["error"] == "invalid_client"
    simulator.token(**GRANT)
    simulator.control("PUT", "/clock", {"advanceSeconds": 3601})
    simulator.token(client_secret=secret, **GRANT)


def test_a_lost_answer_is_a_rotation(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"rotationQueueArn": QUEUE_ARN})
    simulator.control("POST", "/faults", {"fault": "lose", "operation": "rotateApplicationClientSecret"})
    token = simulator.grantless(ROTATION_SCOPE)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        simulator.call("POST", PATH, token)
    simulator.token(client_secret=new_secret(queue), **GRANT)


def test_a_message_is_lost_doubled_or_held(simulator: Simulator, queue: RecordingQueue) -> None:
    change = {"rotationQueueArn": QUEUE_ARN, "secretMessage": {"copies": 0}}
    simulator.control("PUT", f"/applications/{CLIENT_ID}", change)
    simulator.call("POST", PATH, simulator.grantless(ROTATION_SCOPE), status=204)
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"secretMessage": {"hold": True}})
    simulator.call("POST", PATH, simulator.grantless(ROTATION_SCOPE), status=204)
    assert not queue.messages
    assert simulator.control("POST", "/notifications/release") == {"released": 1}
    assert len(queue.messages) == 1
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"secretMessage": {"copies": 2}})
    simulator.call("POST", PATH, simulator.grantless(ROTATION_SCOPE), status=204)
    eventually(lambda: len(queue.messages) == 3)
    ids = [message.body["notificationMetadata"]["notificationId"] for message in queue.messages]
    assert ids[1] == ids[2] != ids[0]


def test_the_console_shows_the_secret_it_makes(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"rotationQueueArn": QUEUE_ARN})
    made = simulator.control("POST", f"/applications/{CLIENT_ID}/rotate-secret")
    simulator.token(client_secret=made["clientSecret"], **GRANT)
    assert not queue.messages
    made = simulator.control("POST", f"/applications/{CLIENT_ID}/rotate-secret", {"announce": True})
    assert new_secret(queue) == made["clientSecret"]


def test_warnings_before_a_secret_ends(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"expiryQueueArn": QUEUE_ARN})
    simulator.control("PUT", "/clock", {"advanceSeconds": 89 * 86400})
    simulator.control("PUT", "/clock", {"advanceSeconds": 2 * 86400})
    (message,) = eventually(lambda: queue.messages)
    assert message.body["notificationType"] == "APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY"
    fields = message.body["payload"]["applicationOAuthClientSecretExpiry"]
    assert fields.keys() == {"clientId", "clientSecretExpiryTime", "clientSecretExpiryReason"}
    assert fields["clientSecretExpiryReason"] == "PERIODIC_ROTATION"
    (secret,) = simulator.control("GET", f"/applications/{CLIENT_ID}")["secrets"]
    assert fields["clientSecretExpiryTime"] == secret["expires"]
    simulator.control("PUT", "/clock", {"advanceSeconds": 86400})
    simulator.control("PUT", "/clock", {"advanceSeconds": 60 * 86400})
    eventually(lambda: len(queue.messages) == 2)
    simulator.control("POST", f"/applications/{CLIENT_ID}/expiry-notice")
    assert len(queue.messages) == 3


def test_a_rotated_secret_has_its_own_warnings(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"expiryQueueArn": QUEUE_ARN})
    simulator.control("POST", f"/applications/{CLIENT_ID}/rotate-secret")
    simulator.control("PUT", "/clock", {"advanceSeconds": 91 * 86400})
    (message,) = eventually(lambda: queue.messages)
    *_, newest = simulator.control("GET", f"/applications/{CLIENT_ID}")["secrets"]
    assert message.body["payload"]["applicationOAuthClientSecretExpiry"]["clientSecretExpiryTime"] == newest["expires"]
