"""The life of a connection: its state, its notices, and what a change of its item means."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quickstart.authorization.connections import (
    Change,
    Connection,
    Connections,
    ConnectionState,
    change_between,
    event_detail,
)
from quickstart.authorization.requests import ConnectionQuery, list_connections
from quickstart.dynamodb import DamagedItemError
from quickstart.times import to_text
from tests.unit.quickstart.support import Aws, MemoryTable

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
