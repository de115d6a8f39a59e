"""What make doctor says of the client secret, for every state that a rotation can be in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from operations.client_secret import BY_HAND, REGISTER, ClientSecret, age, rotation
from quickstart.application_secret import SecretVersion
from quickstart.secret_rotation.record import UNANSWERED, Outcome, Record

NOW = datetime(2027, 1, 10, tzinfo=UTC)
USED = SecretVersion("v1", "client", "secret", issued_at=NOW - timedelta(days=100), expires_at=NOW + timedelta(days=80))
NEXT = SecretVersion("v2", "client", "next", issued_at=NOW)


def words(record: Record | None, *, pending: SecretVersion | None = None, written: bool = False) -> list[str]:
    return [" -> ".join(line) for line in rotation(ClientSecret(USED, pending, written, record), NOW)]


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("unanswered", [0, 1, 2])
@pytest.mark.parametrize("hours", [0, 2])
def test_each_state_is_explained(outcome: Outcome, unanswered: int, hours: int) -> None:
    requested = NOW - timedelta(hours=hours)
    lines = words(Record(requested_at=requested, outcome=outcome, reason="why", unanswered=unanswered, secret_at=NOW))
    assert len(lines) == 2
    needs_somebody = outcome in (Outcome.NOT_ENROLLED, Outcome.REFUSED, Outcome.FAILED) or (
        outcome in UNANSWERED and hours > 0
    )
    assert (not lines[0].endswith(" -> ")) == needs_somebody


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (
            Record(requested_at=NOW, outcome=Outcome.NOT_ENROLLED),
            f"rejected on 2027-01-10 00:00 UTC: the queue is not registered -> {REGISTER}",
        ),
        (
            Record(requested_at=NOW, outcome=Outcome.REFUSED, reason="why"),
            f"failed on 2027-01-10 00:00 UTC: why -> the daily run tries again; if it keeps failing, {BY_HAND}",
        ),
        (
            Record(requested_at=NOW, outcome=Outcome.FAILED, reason="why"),
            f"failed on 2027-01-10 00:00 UTC: why -> the daily run tries again; if it keeps failing, {BY_HAND}",
        ),
        (
            Record(requested_at=NOW, outcome=sorted(UNANSWERED)[0]),
            "requested on 2027-01-10 00:00 UTC; the new secret should come within seconds -> ",
        ),
        (
            Record(requested_at=NOW - timedelta(hours=2), outcome=sorted(UNANSWERED)[0]),
            "requested on 2027-01-09 22:00 UTC, and no new secret has come -> the daily run tries once more; check "
            f"that the queue is registered: {REGISTER}",
        ),
        (
            Record(requested_at=NOW - timedelta(hours=2), outcome=sorted(UNANSWERED)[0], unanswered=2),
            f"requested 2 times, and no new secret has come -> {BY_HAND}; {REGISTER}",
        ),
        (Record(secret_at=NOW), "last new secret in use since 2027-01-10 -> "),
        (Record(), "not needed so far -> "),
    ],
)
def test_the_last_request_in_words(record: Record, line: str) -> None:
    assert words(record)[0] == line


def test_the_message_that_proves_the_registration() -> None:
    assert words(Record())[-1] == f"no message received yet: nothing proves that the queue is registered -> {REGISTER}"
    assert words(Record(message_at=NOW))[-1] == "last message received on 2027-01-10 -> "


@pytest.mark.parametrize(
    ("checked", "created", "line"),
    [
        (1, 100, None),
        (3, 100, "the daily run last succeeded on 2027-01-07 -> make logs FUNCTION=SPAPISecretRotator shows why"),
        (None, 100, "the daily run has never succeeded -> make logs FUNCTION=SPAPISecretRotator shows why"),
        (None, 1, None),
    ],
)
def test_a_daily_run_that_does_not_come(checked: int | None, created: int, line: str | None) -> None:
    used = replace(USED, created_at=NOW - timedelta(days=created))
    record = Record(checked_at=None if checked is None else NOW - timedelta(days=checked))
    lines = [" -> ".join(found) for found in rotation(ClientSecret(used, None, False, record), NOW)]
    assert [found for found in lines if "daily run" in found] == ([] if line is None else [line])


def test_a_secret_that_waits_and_one_that_an_update_wrote() -> None:
    update, waiting, off = words(None, pending=NEXT, written=True)
    assert update.startswith("a stack update wrote another client secret, which is not used -> ")
    assert waiting.startswith("a new client secret is stored and does not work yet -> ")
    assert off == "switched off (SecretRotationEnabled) -> "


def test_a_secret_whose_use_is_not_recorded_yet() -> None:
    record = Record(outcome=Outcome.RECEIVED, secret_at=NOW, message_at=NOW)
    completed = "a new client secret was received; its message or the next daily run completes the rotation -> "
    assert words(record)[0] == completed
    assert completed not in words(record, pending=NEXT)
    assert completed not in words(replace(record, outcome=Outcome.IN_USE))


@pytest.mark.parametrize(("days", "kept"), [(1, True), (-1, False)])
def test_the_secret_before(days: int, *, kept: bool) -> None:
    used = replace(USED, previous_expires_at=NOW + timedelta(days=days))
    lines = [state for state, _ in rotation(ClientSecret(used, None, False, Record(), has_previous=True), NOW)]
    assert ("the previous client secret is kept as a reserve until 2027-01-11" in lines) is kept
    lines = [state for state, _ in rotation(ClientSecret(used, None, False, Record()), NOW)]
    assert not any("previous" in line for line in lines)


@pytest.mark.parametrize(
    ("days", "state", "advice"),
    [
        (31, "expires in 31 days", False),
        (29, "expires in 29 days", True),
        (1, "expires in 1 day", True),
        (-1, "has expired", True),
    ],
)
def test_the_days_that_are_left(days: int, state: str, advice: bool) -> None:
    now = NOW + timedelta(days=80 - days)
    found = age(ClientSecret(USED, None, False, Record()), now)
    assert (found[0], bool(found[1])) == (state, advice)


def test_an_end_that_nobody_has_said_is_a_hundred_and_eighty_days_after_the_secret_was_stored_at_most() -> None:
    adopted = SecretVersion("v1", "client", "secret", issued_at=NOW - timedelta(days=100))
    assert age(ClientSecret(adopted, None, False, Record()), NOW)[0] == "expires in at most 80 days"
    warned = Record(notice_at=NOW, notice_expires_at=NOW + timedelta(days=40))
    assert age(ClientSecret(adopted, None, False, warned), NOW)[0] == "expires in 40 days"
