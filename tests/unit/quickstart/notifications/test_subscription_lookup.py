"""A seller's subscriptions at SP-API: one list of all, or one call for each payload version."""

import pytest

from quickstart.notifications.subscription_lookup import subscriptions_to
from sp_api.errors import InvalidInputError, ThrottledError, TransientError
from sp_api.notifications import Subscription
from tests.unit.sp_api.support import Answer, ScriptedServer, answer_json, errors_json, seller_of

TYPE = "ORDER_CHANGE"
LISTED = "/na/notifications/v1/subscriptions"
ONE = f"{LISTED}/{TYPE}"
NONE = errors_json(404, "NotFound", "none")
INVALID = errors_json(400, "InvalidInput", "It cannot be parsed.")
THROTTLED = errors_json(429, "QuotaExceeded", "too many")


def subscription(number: int, version: str = "1.0") -> dict[str, str]:
    return {"subscriptionId": f"s-{number}", "destinationId": "d-1", "payloadVersion": version}


def page(*numbers: int, next_token: str | None = None) -> Answer:
    more = {} if next_token is None else {"nextToken": next_token}
    return answer_json({"payload": {"subscriptions": [subscription(number) for number in numbers], **more}})


def found(server: ScriptedServer, *versions: str, despite_throttling: bool = False) -> list[str]:
    there = subscriptions_to(seller_of(server), TYPE, versions, despite_throttling=despite_throttling)
    return [each.subscription_id for each in there]


def asked(server: ScriptedServer) -> list[dict[str, str]]:
    """The queries of the calls for one version."""
    return [dict(call.query) for call in server.received(ONE)]


def test_every_page_of_the_list_is_read(server: ScriptedServer) -> None:
    server.answer("GET", LISTED, page(1, 2, next_token="n"), page(3))
    assert found(server) == ["s-1", "s-2", "s-3"]
    queries = [dict(call.query) for call in server.received(LISTED)]
    assert [query.get("nextToken") for query in queries] == [None, "n"]
    assert asked(server) == []


@pytest.mark.parametrize("refusal", [errors_json(403, "Unauthorized", "denied"), INVALID, NONE])
def test_where_sp_api_refuses_the_list_each_version_is_asked_for_once(server: ScriptedServer, refusal: Answer) -> None:
    server.answer("GET", LISTED, refusal)
    latest, other = (answer_json({"payload": subscription(n, version)}) for n, version in ((1, "2.0"), (2, "1.0")))
    server.answer("GET", ONE, latest, NONE, INVALID, other)
    there = subscriptions_to(seller_of(server), TYPE, ["2.0", "3.0", "4.0", "1.0"])
    assert there == (Subscription("s-1", "d-1", "2.0"), Subscription("s-2", "d-1", "1.0"))
    # The latest version is that of the first answer.
    assert asked(server) == [{}, {"payloadVersion": "3.0"}, {"payloadVersion": "4.0"}, {"payloadVersion": "1.0"}]


def test_one_that_two_versions_answer_with_is_one(server: ScriptedServer) -> None:
    server.answer("GET", LISTED, NONE)
    server.answer("GET", ONE, answer_json({"payload": subscription(1)}))
    assert found(server, "2.0") == ["s-1"]


def test_a_type_that_sp_api_does_not_know_is_its_answer(server: ScriptedServer) -> None:
    server.answer("GET", LISTED, INVALID)
    server.answer("GET", ONE, INVALID)
    with pytest.raises(InvalidInputError):
        found(server, "1.0")
    assert asked(server) == [{}]


def test_a_throttled_list_is_given_up_unless_it_must_be_known(server: ScriptedServer) -> None:
    server.answer("GET", LISTED, THROTTLED)
    server.answer("GET", ONE, answer_json({"payload": subscription(1)}))
    with pytest.raises(ThrottledError):
        found(server)
    assert asked(server) == []
    assert found(server, despite_throttling=True) == ["s-1"]


def test_another_failure_is_raised(server: ScriptedServer) -> None:
    server.answer("GET", LISTED, errors_json(500, "InternalFailure", "failed"))
    with pytest.raises(TransientError):
        found(server, despite_throttling=True)
