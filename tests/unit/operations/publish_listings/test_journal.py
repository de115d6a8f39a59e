"""The journal: what it keeps, and for whom."""

import gzip
import hashlib
import json
import multiprocessing
import os
import re
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


@pytest.mark.parametrize("content", ['{"version": 0}', '{"version": 2}'])
def test_a_journal_of_another_version_is_empty(tmp_path: Path, content: str) -> None:
    own = journal(tmp_path, "d")
    with own.locked():
        own.path.write_text(content)
        assert own.read() == Record()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"version": 1}', "KeyError"),
        ('{"version": 1, "deployment": "d", "published": 1}', "AttributeError"),
        ('{"version": 1, "deployment": "d", "published": {}, "pending": {}}', "TypeError"),
        (None, "IsADirectoryError"),
    ],
)
def test_a_damaged_journal_is_said(tmp_path: Path, content: str | None, error: str) -> None:
    own = journal(tmp_path, "d")
    with own.locked():
        if content is None:
            own.path.mkdir()
        else:
            own.path.write_text(content)
        with pytest.raises(CommandError) as damaged:
            own.read()
    assert str(damaged.value) == (
        f"{own.path} cannot be read ({error}). If you delete it, the next run sends every row"
    )
    assert damaged.value.__suppress_context__


def test_a_body_that_somebody_deleted_is_said(tmp_path: Path) -> None:
    own = journal(tmp_path)
    with own.locked(), pytest.raises(CommandError) as missing:
        own.read_body()
    assert str(missing.value) == (
        f"{own.body_path} cannot be read (No such file or directory), so an interrupted upload cannot be completed. "
        f"If you delete {own.path}, the next run sends every row"
    )


def test_people_can_read_the_file(tmp_path: Path) -> None:
    """It has a line for each value, and letters as they are."""
    own = journal(tmp_path, "d")
    with own.locked():
        own.write(Record({"Größe": Published("f1", "PUBLISHED", "t")}))
    assert own.path.read_text("utf-8").splitlines() == [
        "{",
        ' "version": 1,',
        ' "deployment": "d",',
        ' "pending": null,',
        ' "published": {',
        '  "Größe": {',
        '   "fingerprint": "f1",',
        '   "status": "PUBLISHED",',
        '   "time": "t",',
        '   "problems": []',
        "  }",
        " }",
        "}",
    ]


def test_the_file_of_a_request_is_packed(tmp_path: Path) -> None:
    """The same messages give the same bytes at any time, so an upload can be repeated."""
    own = journal(tmp_path)
    with own.locked():
        packed = own.write_body(b"messages")
        assert own.read_body() == packed
        assert own.body_path.name == "quick-start-eu-west-1-S-M.jsonl.gz"
    assert gzip.decompress(packed) == b"messages"
    assert packed[4:8] == bytes(4), "no time"


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
        with pytest.raises(CommandError) as refused, journal(tmp_path).locked():
            pass
        assert str(refused.value) == (
            "another run publishes for the same seller and marketplace from this folder: wait for it"
        )
    finally:
        done.set()
        other.join(60)
    with journal(tmp_path).locked():
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(CommandError) as refused, journal(file).locked():
        pass
    assert str(refused.value) == (
        f"{file / 'published-listings'} cannot be written (Not a directory): the command keeps there what it has "
        "published. Copy the spreadsheet into a folder of yours"
    )


def test_an_interrupted_write_leaves_the_old_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = journal(tmp_path)
    with own.locked():
        own.write(RECORD)

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(CommandError) as refused:
            own.write(Record())
        assert str(refused.value) == f"{own.path} cannot be written: No space left on device"
        assert own.read() == RECORD


def test_a_fingerprint_depends_on_the_content_alone() -> None:
    one = {"sku": "A", "attributes": {"a": [{"x": 1, "y": 2}], "b": []}}
    same = json.loads('{"attributes": {"b": [], "a": [{"y": 2, "x": 1}]}, "sku": "A"}')
    assert fingerprint(one) == fingerprint(same)
    assert fingerprint(one) != fingerprint({**one, "sku": "B"})
    assert re.fullmatch("[0-9a-f]{32}", fingerprint(one))


def test_a_fingerprint_stays_the_same_in_later_versions() -> None:
    """Otherwise, the first run of a version would send every row again."""
    content = {"sku": "Größe", "operationType": "DELETE"}
    canonical = '{"operationType":"DELETE","sku":"Größe"}'.encode()
    assert fingerprint(content) == hashlib.sha256(canonical).hexdigest()[:32]


def test_each_step_of_a_write_is_on_the_disk_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a power cut leaves the old journal or the new one, never an empty one."""
    own, synced = journal(tmp_path), list[bytes]()
    new = own.path.with_name(f"{own.path.name}.new")
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(new.read_bytes()))
    with own.locked():
        own.write(RECORD)
    assert synced == [own.path.read_bytes()]
