"""What make doctor says of connections, for every state that one can be in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from operations.connections import RENEW, describe
from quickstart.authorization.connections import CONSENT_LIFETIME, Connection

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
        (66.1, None),
        (65.9, "later: 1 consent ends within 65 days: vendor A2 in NA on 2027-03-17"),
        (14.1, "later: 1 consent ends within 65 days: vendor A2 in NA on 2027-01-24"),
        (13.9, "1 consent ends within 14 days: vendor A2 in NA on 2027-01-24"),
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


@pytest.mark.parametrize(("days", "missed"), [(64.5, False), (63.5, True)])
def test_a_daily_review_that_does_not_come(days: float, *, missed: bool) -> None:
    """The notice for 65 days is due once fewer than 66 are left."""
    connection = replace(ending(days), notice_days=None)
    assert any("daily review" in line for line in words(connection)) is missed
    assert not any("daily review" in line for line in words(connection, by_consent=False))
