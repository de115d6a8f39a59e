"""A secret as an operator gives it, its end, and what is stored."""

import os
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from operations.command import CommandError
from operations.rotate_secret import read_end, read_secret, store
from operations.stack import Stack
from quickstart.application_secret import CURRENT, IN_USE, PREVIOUS
from quickstart.secret_rotation.versions import SecretChangedError, SecretVersions
from tests.unit.quickstart.secret_rotation.test_versions import OLD, Manager
from tests.unit.sp_api.support import TOKEN_PATH, ScriptedServer, token_json

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def test_a_day_to_come_is_the_end() -> None:
    assert read_end("2027-05-22", NOW) == datetime(2027, 5, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("tomorrow", "must be a date such as"),
        ("22.05.2027", "must be a date such as"),
        ("2026-11-26", "in the future"),
        ("0001-01-01", "in the future"),
    ],
)
def test_what_is_no_day_to_come_is_refused(text: str, rule: str) -> None:
    with pytest.raises(CommandError, match=rule):
        read_end(text, NOW)


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


def stored(manager: Manager, client_secret: str) -> str:
    with ScriptedServer() as server:
        server.answer("POST", TOKEN_PATH, token_json())
        stack = Stack(
            "quick-start",
            {"ApplicationSecretArn": "arn"},
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
    assert "new secret" in manager.values[manager.stages[IN_USE]]


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
