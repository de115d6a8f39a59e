"""What make doctor says of the client secret, for every state that a rotation can be in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from operations.client_secret import BY_HAND, REGISTER, REJECTED, ClientSecret, age, read_client_secret, rotation
from operations.stack import Stack
from quickstart.application_secret import CURRENT, IN_USE, PENDING, PREVIOUS, SecretVersion
from quickstart.secret_rotation.record import UNANSWERED, Outcome, Record, RotationRecords
from tests.unit.quickstart.secret_rotation.test_versions import NEW, OLD, Manager
from tests.unit.quickstart.support import MemoryTable

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
        (2 - 1 / 86400, 100, None),
        (2, 100, "the daily run last succeeded on 2027-01-08 -> make logs FUNCTION=SPAPISecretRotator shows why"),
        (3, 100, "the daily run last succeeded on 2027-01-07 -> make logs FUNCTION=SPAPISecretRotator shows why"),
        (None, 100, "the daily run has never succeeded -> make logs FUNCTION=SPAPISecretRotator shows why"),
        (None, 1, None),
    ],
)
def test_a_daily_run_that_does_not_come(checked: float | None, created: int, line: str | None) -> None:
    used = replace(USED, created_at=NOW - timedelta(days=created))
    record = Record(checked_at=None if checked is None else NOW - timedelta(days=checked))
    lines = [" -> ".join(found) for found in rotation(ClientSecret(used, None, False, record), NOW)]
    assert [found for found in lines if "daily run" in found] == ([] if line is None else [line])


def test_a_secret_that_waits_and_one_that_an_update_wrote() -> None:
    update, waiting, off = words(None, pending=NEXT, written=True)
    assert update == (
        "a stack update wrote another client secret, which is not used -> if that one is newer, run make "
        "rotate-secret; otherwise set the parameter ClientSecret back"
    )
    assert waiting == f"a new client secret is stored and does not work yet -> if this lasts for hours, {BY_HAND}"
    assert BY_HAND == "rotate it in the developer console, then run make rotate-secret"
    assert off == "switched off (SecretRotationEnabled) -> "


def test_a_secret_whose_use_is_not_recorded_yet() -> None:
    record = Record(outcome=Outcome.RECEIVED, secret_at=NOW, message_at=NOW)
    completed = "a new client secret was received; its message or the next daily run completes the rotation -> "
    assert words(record)[0] == completed
    assert completed not in words(record, pending=NEXT)
    assert completed not in words(replace(record, outcome=Outcome.IN_USE))


def test_a_secret_of_unknown_age_whose_daily_run_has_not_come_yet_is_not_late() -> None:
    used = SecretVersion("v1", "client", "secret", expires_at=NOW + timedelta(days=80))
    lines = list(rotation(ClientSecret(used, None, False, Record()), NOW))
    assert not any("daily run" in state for state, _ in lines)


@pytest.mark.parametrize(("days", "advice"), [(90, ""), (89, REGISTER)])
def test_the_registration_matters_when_amazon_warns(days: int, advice: str) -> None:
    used = replace(USED, expires_at=NOW + timedelta(days=days))
    (*_, last) = rotation(ClientSecret(used, None, False, Record()), NOW)
    assert last == ("no message received yet: nothing proves that the queue is registered", advice)


def test_the_operator_is_told_where_to_register() -> None:
    assert REGISTER == (
        "register the queue in the output SecretQueueArn in the developer console, for both rows: "
        "docs/secret-rotation.md"
    )
    assert (
        "the client id is wrong, or the client secret is wrong, replaced or expired, whatever age is shown above: "
        f"{BY_HAND}: docs/secret-rotation.md#rotate-by-hand"
    ) == REJECTED


def versions(*found: SecretVersion, rotation_on: bool = False, **stages: str) -> ClientSecret:
    """What is read of a stack with these versions of its secret."""
    manager = Manager(*found, **stages)
    table = MemoryTable(manager.aws, "Item")
    RotationRecords(table.table, "client").in_use(NOW, NOW + timedelta(days=180))
    outputs = {"ApplicationSecretArn": "arn", **({"SecretRotationTableName": "table"} if rotation_on else {})}
    stack = Stack("s", outputs, {"ClientSecretExpires": "2027-03-01"}, manager.aws.client, str, boto3.Session())
    return read_client_secret(stack)


def test_what_is_read_of_the_secret_and_its_rotation() -> None:
    plain = versions(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id})
    assert (plain.used.client_secret, plain.pending, plain.written_by_update) == ("old secret", None, False)
    assert (plain.record, plain.has_previous) == (None, False)
    assert plain.given_expires_at == datetime(2027, 3, 1, tzinfo=UTC)
    assert (plain.expires_at, plain.end_is_known) == (datetime(2027, 3, 1, tzinfo=UTC), True)
    rotated = versions(
        OLD, NEW, rotation_on=True, **{CURRENT: NEW.version_id, IN_USE: NEW.version_id, PREVIOUS: OLD.version_id}
    )
    assert (rotated.used.client_secret, rotated.has_previous) == ("new secret", True)
    assert rotated.record is not None
    assert rotated.record.secret_at == NOW


def test_a_secret_that_is_used_already_does_not_wait() -> None:
    waiting = versions(OLD, NEW, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id, PENDING: NEW.version_id})
    assert waiting.pending is not None
    assert (waiting.pending.client_secret, waiting.written_by_update) == ("new secret", False)
    used = versions(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id, PENDING: OLD.version_id})
    assert used.pending is None


def test_a_secret_that_an_update_wrote_is_not_the_one_in_use() -> None:
    by_update = replace(NEW, issued_at=None)
    stages = {CURRENT: NEW.version_id, IN_USE: OLD.version_id}
    assert versions(OLD, by_update, **stages).written_by_update is True
    assert versions(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id}).written_by_update is False


@pytest.mark.parametrize(("days", "kept"), [(1, True), (0, False), (-1, False)])
def test_the_secret_before(days: int, *, kept: bool) -> None:
    used = replace(USED, previous_expires_at=NOW + timedelta(days=days))
    lines = [state for state, _ in rotation(ClientSecret(used, None, False, Record(), has_previous=True), NOW)]
    assert ("the previous client secret is kept as a reserve until 2027-01-11" in lines) is kept
    lines = [state for state, _ in rotation(ClientSecret(used, None, False, Record()), NOW)]
    assert not any("previous" in line for line in lines)


@pytest.mark.parametrize(
    ("days", "state", "advice"),
    [
        (30, "expires in 30 days", False),
        (30 - 1 / 86400, "expires in 29 days", True),
        (1, "expires in 1 day", True),
        (0, "expires in 0 days", True),
        (-1 / 86400, "has expired", True),
    ],
)
def test_the_days_that_are_left(days: float, state: str, advice: bool) -> None:
    now = NOW + timedelta(days=80 - days)
    found = age(ClientSecret(USED, None, False, Record()), now)
    assert found == (state, BY_HAND if advice else "")


def test_an_end_that_nobody_has_said_is_a_hundred_and_eighty_days_after_the_secret_was_stored_at_most() -> None:
    adopted = SecretVersion("v1", "client", "secret", issued_at=NOW - timedelta(days=100))
    assert age(ClientSecret(adopted, None, False, Record()), NOW)[0] == "expires in at most 80 days"
    assert age(ClientSecret(adopted, None, False, None), NOW + timedelta(days=79)) == (
        "expires in at most 1 day",
        BY_HAND,
    )
    assert age(ClientSecret(adopted, None, False, None), NOW + timedelta(days=80))[0] == "expires in at most 0 days"
    assert age(ClientSecret(adopted, None, False, None), NOW + timedelta(days=81)) == (
        "stored more than 180 days ago, so it has expired",
        BY_HAND,
    )
    said = ClientSecret(adopted, None, False, None, given_expires_at=NOW + timedelta(days=40))
    assert age(said, NOW)[0] == "expires in 40 days"
    warned = Record(notice_at=NOW, notice_expires_at=NOW + timedelta(days=40))
    assert age(ClientSecret(adopted, None, False, warned), NOW)[0] == "expires in 40 days"
