"""What make doctor says of connections, for every state that one can be in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from operations.connections import RENEW, describe, read_connections
from operations.stack import Stack
from quickstart.authorization.connections import CONSENT_LIFETIME, Connection
from tests.unit.quickstart.support import Aws, MemoryTable

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
WORKING = Connection("A1", "NA", party="seller", stored_at="2026-12-01")


def ending(days: float, seller_id: str = "A2", **fields: str | int) -> Connection:
    consented_at = NOW + timedelta(days=days) - CONSENT_LIFETIME
    connection = Connection(seller_id, "NA", party="vendor", consented_at=consented_at, notice_days=1)
    return replace(connection, **fields)


def words(*connections: Connection, by_consent: bool = True) -> list[str]:
    lines = describe(connections, NOW, by_consent=by_consent)
    return [f"{'later: ' * line.later}{line.state} -> {line.advice}" for line in lines]


def test_connections_that_work() -> None:
    assert words() == ["none stored yet -> "]
    assert words(WORKING, ending(200)) == ["2 stored -> "]


def test_a_refused_token() -> None:
    refused = replace(WORKING, region_code="*", reconnect_since="2027-01-08T10:00:00+00:00", host_reference="user-7")
    state = "1 refresh token rejected by Login with Amazon: seller A1 in every region (user-7) since 2027-01-08"
    store = (
        "store a token that works with POST /tokens; if they have left, DELETE /tokens/{sellerId}: "
        "docs/authorization.md#the-life-of-a-connection"
    )
    assert words(refused)[1:] == [f"{state} -> ask them to press Authorize in your product, or {store}"]
    assert words(refused, by_consent=False)[1:] == [f"{state} -> {store}"]


@pytest.mark.parametrize(
    ("days", "line"),
    [
        (66, None),
        (66 - 1 / 86400, "later: 1 consent ends within 65 days: vendor A2 in NA on 2027-03-17"),
        (14 + 1 / 86400, "later: 1 consent ends within 65 days: vendor A2 in NA on 2027-01-24"),
        (14, "1 consent ends within 14 days: vendor A2 in NA on 2027-01-24"),
        (0, "1 consent expired: vendor A2 in NA on 2027-01-10"),
        (0.1, "1 consent ends within 14 days: vendor A2 in NA on 2027-01-10"),
        (-0.1, "1 consent expired: vendor A2 in NA on 2027-01-10"),
    ],
)
def test_a_consent_that_ends(days: float, line: str | None) -> None:
    assert words(ending(days))[1:] == ([] if line is None else [f"{line} -> {RENEW}"])


def test_a_refused_token_is_reported_once() -> None:
    assert len(words(ending(-1, reconnect_since="2027-01-09"))) == 2


def test_the_first_five_are_named_the_nearest_end_first() -> None:
    (line,) = words(*(ending(60 - number, f"A{number}") for number in range(7)))[1:]
    assert line.startswith("later: 7 consents end within 65 days: vendor A6 in NA on 2027-03-05, vendor A5")
    assert "vendor A2 in NA on 2027-03-09, and 2 more -> " in line


def test_five_are_all_named() -> None:
    (line,) = words(*(ending(60 - number, f"A{number}", party="") for number in range(5)))[1:]
    assert line.count("seller A") == 5
    assert " more" not in line


def test_several_refused_tokens_and_what_a_missed_review_leads_to() -> None:
    refused = [replace(WORKING, seller_id=f"A{n}", party="", reconnect_since="2027-01-08T10:00") for n in (1, 2)]
    (line,) = words(*refused)[1:]
    assert line.startswith(
        "2 refresh tokens rejected by Login with Amazon: seller A1 in NA since 2027-01-08, seller A2 in NA since "
        "2027-01-08 -> "
    )
    assert words(replace(ending(60), notice_days=None))[-1] == (
        "the daily review did not announce consents that end soon -> make logs FUNCTION=SPAPIConnectionReview SINCE=3d "
        "shows why"
    )
    assert RENEW == (
        "ask them to renew in Manage Your Apps (Seller Central, Vendor Central), or to press Authorize in your product"
    )


def test_the_connections_of_a_stack_are_read_and_damaged_ones_told(aws: Aws) -> None:
    table = MemoryTable(aws, "SellerId", "Item")
    table.items = [
        {"SellerId": "A1", "Item": "TOKEN#NA", "StoredAt": "2026-12-01T00:00:00+00:00"},
        {"SellerId": "A2", "Item": "TOKEN#EU", "NoticeDays": "soon"},
    ]
    outputs = {"SellingPartnersTableName": "partners"}
    found, damaged = read_connections(Stack("s", outputs, {}, aws.client, str, boto3.Session()))
    assert [(one.seller_id, one.region_code) for one in found] == [("A1", "NA")]
    assert [str(error).partition(" cannot")[0] for error in damaged] == ["the stored item TOKEN#EU of A2"]
    ((_, scanned),) = aws.calls
    assert scanned["TableName"] == "partners"
    assert scanned["FilterExpression"] == "begins_with(#n0, :v0)"


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.mark.parametrize(("days", "missed"), [(64, False), (64 - 1 / 86400, True), (63.5, True)])
def test_a_daily_review_that_does_not_come(days: float, *, missed: bool) -> None:
    """The notice for 65 days is due once fewer than 66 are left."""
    connection = replace(ending(days), notice_days=None)
    assert any("daily review" in line for line in words(connection)) is missed
    assert not any("daily review" in line for line in words(connection, by_consent=False))
