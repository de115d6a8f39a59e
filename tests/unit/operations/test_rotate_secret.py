"""A secret as an operator gives it, its end, and what is stored."""

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from operations import rotate_secret
from operations.command import CommandError
from operations.rotate_secret import read_end, read_secret, store
from operations.stack import Stack
from quickstart.application_secret import CURRENT, IN_USE, PREVIOUS, ApplicationSecret
from quickstart.secret_rotation.record import RotationRecords
from quickstart.secret_rotation.versions import SecretChangedError, SecretVersions
from sp_api.deadline import Deadline
from tests.unit.quickstart.secret_rotation.test_versions import OLD, Manager
from tests.unit.quickstart.support import MemoryTable
from tests.unit.sp_api.support import TOKEN_PATH, ScriptedServer, token_json

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def test_a_day_to_come_is_the_end() -> None:
    assert read_end("2027-05-22", NOW) == datetime(2027, 5, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("tomorrow", "must be a date such as 2027-05-22"),
        ("22.05.2027", "must be a date such as 2027-05-22"),
        ("2026-11-26", "must be a date in the future"),
        ("0001-01-01", "must be a date in the future"),
    ],
)
def test_what_is_no_day_to_come_is_refused(text: str, rule: str) -> None:
    with pytest.raises(CommandError) as refused:
        read_end(text, NOW)
    assert str(refused.value) == f"EXPIRES {rule}, not {text}"


def test_a_day_that_begins_now_is_not_in_the_future() -> None:
    day = datetime(2027, 5, 22, tzinfo=UTC)
    assert read_end("2027-05-22", day - timedelta(seconds=1)) == day
    with pytest.raises(CommandError, match="in the future"):
        read_end("2027-05-22", day)


def test_a_secret_on_a_file_descriptor() -> None:
    reading, writing = os.pipe()
    os.write(writing, b" secret\n")
    os.close(writing)
    assert read_secret(reading) == "secret"
    with pytest.raises(CommandError) as closed:
        read_secret(reading)
    assert str(closed.value) == f"File descriptor {reading} cannot be read as text."


def test_without_a_terminal_the_descriptor_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(CommandError) as refused:
        read_secret(None)
    assert str(refused.value) == "Run this in a terminal, or give the secret on a file descriptor: FD=3 3< file"


def stored(manager: Manager, client_secret: str, **outputs: str) -> str:
    with ScriptedServer() as server:
        server.answer("POST", TOKEN_PATH, token_json())
        stack = Stack(
            "quick-start",
            {"ApplicationSecretArn": "arn", **outputs},
            {"LoginWithAmazonEndpoint": server.url + TOKEN_PATH},
            manager.aws.client,
            str,
            boto3.Session(region_name="us-east-1"),
        )
        return store(stack, client_secret, NOW + timedelta(days=180), NOW)


def test_a_new_secret_takes_the_place_of_the_old_one() -> None:
    manager = Manager(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id})
    assert stored(manager, "new secret") == (
        "The new secret is in use. It ends on 2027-05-25. The old one is kept as a reserve until 2026-12-03, when it "
        "ends."
    )
    assert manager.stages[PREVIOUS] == OLD.version_id
    assert manager.stages[CURRENT] == manager.stages[IN_USE] != OLD.version_id
    used = ApplicationSecret(manager.aws.client("secretsmanager"), "arn").in_use()
    assert (used.client_id, used.client_secret, used.issued_at) == ("client", "new secret", NOW)
    assert (used.expires_at, used.previous_expires_at) == (NOW + timedelta(days=180), NOW + timedelta(days=7))


def test_the_rotation_knows_that_the_secret_is_in_use() -> None:
    manager = Manager(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id})
    table = MemoryTable(manager.aws, "Item")
    for secret in ("new secret", "new secret"):
        stored(manager, secret, SecretRotationTableName="table")
        record = RotationRecords(table.table, "client").load()
        assert (record.secret_at, record.expires_at) == (NOW, NOW + timedelta(days=180))
        table.items.clear()


def test_login_with_amazon_has_twenty_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    after = Deadline.after

    def noted(seconds: float) -> Deadline:
        given.append(seconds)
        return after(seconds)

    monkeypatch.setattr(Deadline, "after", noted)
    stored(Manager(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id}), OLD.client_secret)
    assert given == [20]


@pytest.mark.parametrize(("arguments", "end"), [([], NOW + timedelta(days=180)), (["--expires", "2027-05-22"], None)])
def test_the_command_stores_the_secret_with_its_end(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    end: datetime | None,
) -> None:
    given: list[Any] = []

    class Now(datetime):
        @classmethod
        def now(cls, _tz: object = None) -> datetime:  # type: ignore[override]
            return NOW

    def store_it(*arguments: object) -> str:
        given.extend(arguments)
        return "Done."

    reading, writing = os.pipe()
    os.write(writing, b"secret")
    os.close(writing)
    monkeypatch.setattr(rotate_secret, "datetime", Now)
    monkeypatch.setattr(rotate_secret, "store", store_it)
    monkeypatch.setattr(rotate_secret, "find_stack", lambda *found: found)
    monkeypatch.setattr(rotate_secret, "run_command", lambda run, *_: run("session"))
    monkeypatch.setattr(sys, "argv", ["rotate-secret", "quick-start", "--fd", str(reading), *arguments])
    assert rotate_secret.main() == 0
    assert capsys.readouterr().out == "Done.\n"
    expected = end or datetime(2027, 5, 22, tzinfo=UTC)
    assert given == [("quick-start", "session"), "secret", expected, NOW]


def test_the_secret_in_use_is_not_stored_again() -> None:
    manager = Manager(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id})
    assert stored(manager, OLD.client_secret) == "This secret is already in use."
    assert set(manager.stages.values()) == {OLD.version_id}


def test_a_rotation_at_the_same_time_is_not_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*_: object) -> None:
        raise SecretChangedError("another rotation has replaced the secret in use")

    monkeypatch.setattr(SecretVersions, "switch", changed)
    with pytest.raises(CommandError) as refused:
        stored(Manager(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id}), "new secret")
    assert str(refused.value) == ("another rotation has replaced the secret in use. Run the same command again.")
