"""The destination of a queue at SP-API: found, made once, and deleted."""

import json

import pytest

from quickstart.notifications.destinations import Destinations, is_unknown_destination, remove_destination
from sp_api.errors import AccessDeniedError, ConflictError, InvalidInputError
from tests.unit.sp_api.support import ScriptedServer, answer_json, application_of, errors_json

QUEUE = "arn:aws:sqs:us-east-1:111122223333:notifications"
DESTINATIONS = "/na/notifications/v1/destinations"
CONFLICT = errors_json(409, "Conflict", "It exists.")


def destination(destination_id: str, queue_arn: str = QUEUE) -> dict[str, object]:
    return {"destinationId": destination_id, "name": "n", "resource": {"sqs": {"arn": queue_arn}}}


def id_for(server: ScriptedServer) -> str:
    return Destinations().id_for(application_of(server), QUEUE)


def test_the_destination_of_the_queue_is_found_among_others(server: ScriptedServer) -> None:
    listed = [destination("d-0", f"{QUEUE}-of-another"), destination("d-1"), destination("d-2")]
    server.answer("GET", DESTINATIONS, answer_json({"payload": listed}))
    assert id_for(server) == "d-1"
    assert server.received(DESTINATIONS, "POST") == []


def test_a_queue_without_a_destination_gets_one_with_the_queues_name(server: ScriptedServer) -> None:
    server.answer("GET", DESTINATIONS, answer_json({"payload": [destination("d-0", f"{QUEUE}-of-another")]}))
    server.answer("POST", DESTINATIONS, answer_json({"payload": destination("d-1")}))
    assert id_for(server) == "d-1"
    (made,) = server.received(DESTINATIONS, "POST")
    assert json.loads(made.body) == {
        "name": "notifications",
        "resourceSpecification": {"sqs": {"arn": QUEUE}},
    }


def test_a_destination_that_another_request_makes_meanwhile_is_used(server: ScriptedServer) -> None:
    server.answer("GET", DESTINATIONS, answer_json({"payload": []}), answer_json({"payload": [destination("d-1")]}))
    server.answer("POST", DESTINATIONS, CONFLICT)
    assert id_for(server) == "d-1"


def test_a_conflict_without_a_destination_is_sp_apis_answer(server: ScriptedServer) -> None:
    server.answer("GET", DESTINATIONS, answer_json({"payload": []}))
    server.answer("POST", DESTINATIONS, CONFLICT)
    with pytest.raises(ConflictError):
        id_for(server)


def test_a_destination_in_use_is_not_removed(server: ScriptedServer) -> None:
    in_use = errors_json(403, "Unauthorized", "denied", "The destination has subscriptions")
    denied = errors_json(403, "Unauthorized", "denied")
    server.answer("DELETE", f"{DESTINATIONS}/d-1", answer_json({}), in_use, denied)
    assert remove_destination(application_of(server), "d-1") is True
    assert remove_destination(application_of(server), "d-1") is False
    with pytest.raises(AccessDeniedError):
        remove_destination(application_of(server), "d-1")


@pytest.mark.parametrize(
    ("details", "unknown"), [("There is No Destination with ID d-1", True), ("There is no subscription", False)]
)
def test_sp_apis_words_say_that_a_destination_is_unknown(details: str, unknown: bool) -> None:
    error = InvalidInputError("createSubscription", status=400, details=details)
    assert is_unknown_destination(error) is unknown
