"""The life of a connection: its state, its notices, and what a change of its item means."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from quickstart.authorization import wiring
from quickstart.authorization.connections import (
    Change,
    Connection,
    Connections,
    ConnectionState,
    change_between,
    event_detail,
)
from quickstart.authorization.requests import ConnectionQuery, list_connections
from quickstart.dynamodb import DamagedItemError, Table
from quickstart.paging import read_token
from quickstart.times import to_text
from reference.endpoints import CHECKOUT, _load
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError, Context, MemoryTable

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def connection(days_left: float | None = 200, **changed: object) -> Connection:
    consented = None if days_left is None else NOW - timedelta(days=365) + timedelta(days=days_left)
    known = Connection("A1", "NA", party="seller", stored_at="2026-01-01", consented_at=consented)
    return replace(known, **changed)


@pytest.mark.parametrize(
    ("days_left", "state"),
    [
        (None, ConnectionState.CONNECTED),
        (365, ConnectionState.CONNECTED),
        (66, ConnectionState.CONNECTED),
        (65.9, ConnectionState.RENEW_SOON),
        (0, ConnectionState.RENEW_SOON),
        (-5, ConnectionState.RENEW_SOON),
    ],
)
def test_the_state_follows_the_end_of_the_consent(days_left: float | None, state: ConnectionState) -> None:
    assert connection(days_left).state(NOW) is state


def test_only_a_refused_token_needs_a_reconnection() -> None:
    """The end of the year is Amazon's to decide: until LWA refuses the token, it is to be renewed."""
    assert connection(-5).state(NOW) is ConnectionState.RENEW_SOON
    assert connection(200, reconnect_since="2026-11-25").state(NOW) is ConnectionState.RECONNECT_NEEDED


@pytest.mark.parametrize(
    ("days_left", "given", "due"),
    [
        (66, None, None),
        (65, None, 65),
        (65, 65, None),
        (31, 65, None),
        (30, 65, 30),
        (14, 30, 14),
        (3, 14, 3),
        (3, 3, None),
        (0, 3, None),
        (2, None, 3),
        (None, None, None),
    ],
)
def test_a_notice_is_given_once_for_each_step(days_left: float | None, given: int | None, due: int | None) -> None:
    assert connection(days_left, notice_days=given).notice_due(NOW) == due


def test_a_connection_that_is_lost_already_gets_no_notice() -> None:
    assert connection(3, reconnect_since="2026-11-25").notice_due(NOW) is None


STORED = connection()
LOST = connection(reconnect_since="2026-11-25")


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (None, STORED, Change.CONNECTED),
        (STORED, None, Change.LEFT),
        (STORED, replace(STORED, stored_at="later"), Change.RENEWED),
        (LOST, replace(STORED, stored_at="later"), Change.CONNECTED),
        (STORED, LOST, Change.RECONNECT_NEEDED),
        (LOST, STORED, Change.CONNECTED),
        (STORED, replace(STORED, notice_days=65), Change.RENEW_SOON),
        (replace(STORED, notice_days=65), replace(STORED, notice_days=30), Change.RENEW_SOON),
        (STORED, replace(STORED, worked_at="now"), None),
        (LOST, replace(LOST, worked_at="now"), None),
        # Somebody removed the note of the last notice.
        (replace(STORED, notice_days=65), STORED, None),
        (replace(STORED, notice_days=65), replace(STORED, notice_days=65, worked_at="now"), None),
        (LOST, replace(LOST, reconnect_since="2026-11-26"), None),
        # A new token matters more than what else changed.
        (LOST, replace(LOST, stored_at="later", notice_days=65), Change.CONNECTED),
        (STORED, replace(LOST, stored_at="later"), Change.RENEWED),
        (STORED, replace(LOST, notice_days=65), Change.RECONNECT_NEEDED),
    ],
)
def test_what_two_states_of_an_item_mean(old: Connection | None, new: Connection | None, change: Change | None) -> None:
    assert change_between(old, new) is change


@pytest.mark.parametrize(
    ("state", "regions"), [(None, ["NA", "EU"]), (ConnectionState.CONNECTED, ["NA"]), (ConnectionState.RENEW_SOON, [])]
)
def test_a_sellers_connections_in_a_state(state: ConnectionState | None, regions: list[str]) -> None:
    memory = MemoryTable(Aws(), "SellerId", "Item")
    memory.items = [
        {"SellerId": "A1", "Item": "TOKEN#NA", "StoredAt": "now"},
        {"SellerId": "A1", "Item": "TOKEN#EU", "StoredAt": "now", "ReconnectSince": "2026-11-25"},
        {"SellerId": "A1", "Item": "SUBSCRIPTION#NA#x#1.0"},
        {"SellerId": "A2", "Item": "TOKEN#NA", "StoredAt": "now"},
    ]
    found = list_connections(ConnectionQuery("A1", state, 100, None), Connections(memory.table, lambda: NOW))
    assert [connection.region_code for connection in found.connections] == regions
    assert found.next_token is None


def test_an_event_holds_nothing_of_the_token() -> None:
    item = {"SellerId": "A1", "Item": "TOKEN#EU", "Ciphertext": "c2VjcmV0", "KeyArn": "arn", "StoredAt": "now"}
    detail = event_detail(Change.CONNECTED, Connection.from_item(item), NOW, Reason="x")
    assert detail == {
        "Change": "CONNECTED",
        "SellerId": "A1",
        "RegionCode": "EU",
        "PartyType": None,
        "HostReference": None,
        "AuthorizationId": None,
        "ConsentedAt": None,
        "EndsAt": None,
        "DaysLeft": None,
        "Reason": "x",
    }


ITEM = {
    "SellerId": "A1",
    "Item": "TOKEN#EU",
    "PartyType": "vendor",
    "HostReference": "user-1",
    "AuthorizationId": "a-1",
    "StoredAt": "2026-01-01T00:00:00.5+00:00",
    "ConsentedAt": "2026-01-31T12:00:00+00:00",
    "WorkedAt": "2026-11-20T00:00:00+00:00",
    "NoticeDays": Decimal(65),
}
# Of the connection of ITEM, with the end of its consent 365 days later.
SHOWN = {
    "sellerId": "A1",
    "regionCode": "EU",
    "partyType": "vendor",
    "hostReference": "user-1",
    "authorizationId": "a-1",
    "state": "CONNECTED",
    "consentedAt": "2026-01-31T12:00:00+00:00",
    "endsAt": "2027-01-31T12:00:00+00:00",
    "daysLeft": 66,
    "workedAt": "2026-11-20T00:00:00+00:00",
    "reconnectSince": None,
}


def test_what_is_shown_of_a_connection() -> None:
    stored = Connection.from_item(ITEM)
    assert (stored.stored_at, stored.notice_days) == ("2026-01-01T00:00:00.5+00:00", 65)
    assert stored.described(NOW) == SHOWN
    lost = Connection.from_item(ITEM | {"ReconnectSince": "2026-11-25T00:00:00+00:00"})
    later = {"state": "RECONNECT_NEEDED", "daysLeft": 0, "reconnectSince": "2026-11-25T00:00:00+00:00"}
    assert lost.described(NOW + timedelta(days=100)) == SHOWN | later


def test_connections_are_listed_page_by_page() -> None:
    """A page has what is in the state among so many items, and the token of the next one unless it is the last."""
    items = [ITEM | {"SellerId": seller_id} for seller_id in ("A1", "A2")]
    items[0]["ReconnectSince"] = "2026-11-25"
    key = {"SellerId": {"S": "A2"}, "Item": {"S": "TOKEN#EU"}}
    typed = [{name: TypeSerializer().serialize(value) for name, value in item.items()} for item in items]
    pages: list[dict[str, Any]] = [{"Items": typed, "LastEvaluatedKey": key}, {"Items": typed}]
    aws = Aws(Scan=lambda _: pages.pop(0))
    connections = Connections(Table(aws.client("dynamodb"), "table"), lambda: NOW)
    first = list_connections(ConnectionQuery(None, ConnectionState.CONNECTED, 2, None), connections).described(NOW)
    assert first["connections"] == [SHOWN | {"sellerId": "A2"}]
    after = read_token(str(first["nextToken"]), ("SellerId", "Item"))
    assert after == {"SellerId": "A2", "Item": "TOKEN#EU"}
    last = list_connections(ConnectionQuery(None, None, 7, after), connections)
    assert [connection.seller_id for connection in last.connections] == ["A1", "A2"]
    assert last.described(NOW).keys() == {"connections"}
    begun, continued = (given for _, given in aws.calls)
    assert begun == {
        "TableName": "table",
        "FilterExpression": "begins_with(#n0, :v0)",
        "ExpressionAttributeNames": {"#n0": "Item"},
        "ExpressionAttributeValues": {":v0": {"S": "TOKEN#"}},
        "Limit": 2,
    }
    assert continued == {**begun, "Limit": 7, "ExclusiveStartKey": key}


@pytest.mark.parametrize(
    ("stored", "region", "found"),
    [(["NA", "*"], Region.NA, "NA"), (["NA", "*"], Region.EU, "*"), (["NA"], Region.EU, None)],
)
def test_a_region_has_its_own_connection_or_that_of_every_region(
    stored: list[str], region: Region, found: str | None
) -> None:
    memory = MemoryTable(Aws(), "SellerId", "Item")
    memory.items = [{"SellerId": "A1", "Item": f"TOKEN#{code}"} for code in stored]
    connection = Connections(memory.table).find("A1", region)
    assert (connection and connection.region_code) == found
    assert Connections(memory.table).find("A2", region) is None


def test_a_review_counts_connections_and_notices() -> None:
    """A notice is noted only if the token is still the one that was read."""
    memory = MemoryTable(Aws(), "SellerId", "Item")
    for seller_id, left in (("A1", 30), ("A2", 31), ("A3", 200), ("A4", 31), ("A5", 3)):
        consented = to_text(NOW - timedelta(days=365 - left))
        memory.table.put(
            {"SellerId": seller_id, "Item": "TOKEN#NA", "StoredAt": f"t-{seller_id}", "ConsentedAt": consented}
        )
    memory.items[3]["NoticeDays"] = 65
    memory.aws.calls.clear()
    assert Connections(memory.table, lambda: NOW).review() == {"connections": 5, "notices": 3}
    assert [item.get("NoticeDays") for item in memory.items] == [30, 65, None, 65, 3]
    scan, first, *_ = (given for _, given in memory.aws.calls)
    assert (scan["FilterExpression"], scan["ExpressionAttributeNames"]) == ("begins_with(#n0, :v0)", {"#n0": "Item"})
    assert scan["ExpressionAttributeValues"] == {":v0": {"S": "TOKEN#"}}
    assert first["Key"] == {"SellerId": {"S": "A1"}, "Item": {"S": "TOKEN#NA"}}
    assert (first["ConditionExpression"], first["ExpressionAttributeNames"]["#n0"]) == ("#n0 = :v0", "StoredAt")
    assert first["ExpressionAttributeValues"][":v0"] == {"S": "t-A1"}


def test_a_notice_for_a_token_that_was_replaced_meanwhile_does_not_count() -> None:
    memory = MemoryTable(Aws(), "SellerId", "Item")
    memory.table.put({"SellerId": "A1", "Item": "TOKEN#NA", "ConsentedAt": to_text(NOW - timedelta(days=340))})

    def replaced(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError("ConditionalCheckFailedException")

    memory.aws.answers["UpdateItem"] = replaced
    assert Connections(memory.table, lambda: NOW).review() == {"connections": 1, "notices": 0}


def test_a_damaged_connection_does_not_keep_the_others_from_their_notice() -> None:
    memory = MemoryTable(Aws(), "SellerId", "Item")
    soon = to_text(NOW - timedelta(days=340))
    for seller_id, consented_at in (("A1", soon), ("A2", "yesterday"), ("A3", soon)):
        memory.table.put({"SellerId": seller_id, "Item": "TOKEN#NA", "StoredAt": "1", "ConsentedAt": consented_at})
    with pytest.raises(DamagedItemError, match="TOKEN#NA of A2"):
        Connections(memory.table, lambda: NOW).review()
    assert [item.get("NoticeDays") for item in memory.items] == [30, None, 30]


def test_a_connection_without_the_time_of_storage_gets_its_notice() -> None:
    memory = MemoryTable(Aws(), "SellerId", "Item")
    memory.table.put({"SellerId": "A1", "Item": "TOKEN#NA", "ConsentedAt": to_text(NOW - timedelta(days=340))})
    assert Connections(memory.table, lambda: NOW).review() == {"connections": 1, "notices": 1}
    assert memory.items[0]["NoticeDays"] == 30


def test_the_daily_review_says_what_it_did(
    monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    memory = MemoryTable(Aws(), "SellerId", "Item")
    memory.items = [{"SellerId": seller_id, "Item": "TOKEN#NA"} for seller_id in ("A1", "A2")]
    monkeypatch.setattr(wiring, "connections", lambda: Connections(memory.table, lambda: NOW))
    handler = _load(CHECKOUT / "functions/connection_review/app.py").handler
    assert handler({}, Context()) == {"connections": 2, "notices": 0}
    (line,) = log_lines()
    assert (line["level"], line["message"], line["function_request_id"]) == (
        "INFO",
        "connections reviewed",
        "function-request-1",
    )
    assert (line["connections"], line["notices"]) == (2, 0)
