"""The journal: what it keeps, and for whom."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from operations.command import CommandError
from operations.publish_listings.api import Target
from operations.publish_listings.journal import Journal, Pending, Published, Record, fingerprint, journal_of

RECORD = Record(
    {"A": Published("f1", "PUBLISHED", "2026-11-26T15:00:00+00:00", ("Warning: x",))},
    Pending("token", {"SellerId": "S"}, {"B": "f2"}, uploading=True, feed_request_id="r1"),
)


def journal(folder: Path, deployment: str = "https://1.example/prod", vendor_code: str = "") -> Journal:
    return journal_of(folder, "quick-start", "eu-west-1", Target("S", "EU", "M", vendor_code), deployment)


def test_it_keeps_what_was_written(tmp_path: Path) -> None:
    own = journal(tmp_path)
    with own.locked():
        assert own.read() == Record()
        own.write_body(b"messages")
        own.write(RECORD)
        assert own.read() == RECORD
        assert own.read_body()
        own.write(Record(RECORD.published))
        assert not own.body_path.exists(), "the file of a request goes with it"
    assert sorted(path.name for path in own.path.parent.iterdir()) == [
        "quick-start-eu-west-1-S-M.json",
        "quick-start-eu-west-1-S-M.lock",
    ]


def test_another_deployment_of_the_stack_begins_anew(tmp_path: Path) -> None:
    with journal(tmp_path).locked():
        journal(tmp_path).write(RECORD)
        assert journal(tmp_path, "https://2.example/prod").read() == Record()


def test_each_vendor_code_has_a_journal_of_its_own(tmp_path: Path) -> None:
    """What was published under one code has not been published under another."""
    with journal(tmp_path, vendor_code="ABCDE").locked():
        journal(tmp_path, vendor_code="ABCDE").write(RECORD)
    assert journal(tmp_path, vendor_code="ABCDE").read() == RECORD
    assert journal(tmp_path, vendor_code="VWXYZ").read() == Record()
    assert journal(tmp_path).read() == Record()


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 1}', '{"version": 1, "deployment": "d", "published": 1}'])
def test_a_damaged_journal_is_said(tmp_path: Path, content: str) -> None:
    own = journal(tmp_path, "d")
    with own.locked():
        own.path.write_text(content)
        with pytest.raises(CommandError, match="If you delete it, the next run sends every row"):
            own.read()


def test_a_body_that_somebody_deleted_is_said(tmp_path: Path) -> None:
    own = journal(tmp_path)
    with own.locked(), pytest.raises(CommandError, match="an interrupted upload cannot be completed"):
        own.read_body()


def _hold(folder: Path, held: "multiprocessing.synchronize.Event", done: "multiprocessing.synchronize.Event") -> None:
    with journal(folder).locked():
        held.set()
        done.wait(60)


def test_two_runs_do_not_publish_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, done))
    other.start()
    try:
        assert held.wait(60)
        with pytest.raises(CommandError, match="another run publishes"), journal(tmp_path).locked():
            pass
    finally:
        done.set()
        other.join(60)
    with journal(tmp_path).locked():
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(CommandError, match="cannot be written"), journal(file).locked():
        pass


def test_an_interrupted_write_leaves_the_old_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = journal(tmp_path)
    with own.locked():
        own.write(RECORD)

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(CommandError, match="cannot be written: No space left on device"):
            own.write(Record())
        assert own.read() == RECORD


def test_a_fingerprint_depends_on_the_content_alone() -> None:
    one = {"sku": "A", "attributes": {"a": [{"x": 1, "y": 2}], "b": []}}
    same = json.loads('{"attributes": {"b": [], "a": [{"y": 2, "x": 1}]}, "sku": "A"}')
    assert fingerprint(one) == fingerprint(same)
    assert fingerprint(one) != fingerprint({**one, "sku": "B"})
