"""The objects of a feed: their names, what S3 is asked for, and pages of entries."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from quickstart.listings.feed_files import RESULTS, FeedFiles, NoEntryError, line_of, object_key, request_of_upload
from tests.unit.quickstart.listings.test_feed_lanes import record
from tests.unit.quickstart.support import Aws, AwsError

# Four lines of 8 bytes.
LINES = b"".join(b'{"n":%d}\n' % number for number in range(4))


@pytest.fixture
def files(aws: Aws) -> FeedFiles:
    def head(_: object) -> Mapping[str, Any]:
        return {"ContentLength": len(LINES)}

    def get(given: Mapping[str, Any]) -> Mapping[str, Any]:
        content = LINES[int(given.get("Range", "bytes=0-")[6:-1]) :]
        return {"Body": StreamingBody(io.BytesIO(content), len(content))}

    aws.answers |= {"HeadObject": head, "GetObject": get}
    return FeedFiles.of(aws.client("s3"), "bucket", record("one"))


def numbers(files: FeedFiles, start: int, most: int = 9, most_bytes: int = 1000, least: int = 0) -> Any:
    """The numbers of the entries of a page, and where the next one starts."""
    found, following = files.page(RESULTS, start, most, most_bytes, lambda entry: entry["n"] >= least)
    return [entry["n"] for entry in found], following


def test_a_sellers_objects_begin_with_its_id(files: FeedFiles) -> None:
    assert files == FeedFiles(files.s3, "bucket", "A1", "one")
    assert files.key(RESULTS) == object_key("A1", "one", RESULTS) == "A1/one/results.jsonl"


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("A1/one/upload", ("A1", "one")),
        ("A1/one/document.json", None),
        ("A1/upload", None),
        ("A1/one/upload/upload", None),
        ("A1/one/two/upload", None),
    ],
)
def test_only_an_upload_begins_a_feed(key: str, found: tuple[str, str] | None) -> None:
    assert request_of_upload(key) == found


def test_an_object_is_read_from_the_bucket_by_its_key(files: FeedFiles, aws: Aws) -> None:
    assert files.size(RESULTS) == 32
    assert files.open(RESULTS).read() == LINES
    assert b"".join(files.pieces(RESULTS)) == LINES
    assert list(files.entries(RESULTS)) == [{"n": number} for number in range(4)]
    assert aws.operations == ["HeadObject", "GetObject", "GetObject", "GetObject"]
    assert {(given["Bucket"], given["Key"]) for _, given in aws.calls} == {("bucket", "A1/one/results.jsonl")}


def test_an_object_comes_in_pieces_of_64_kib(files: FeedFiles, aws: Aws) -> None:
    content = b"x" * (2 * 64 * 1024 + 1)
    aws.answers["GetObject"] = lambda _: {"Body": StreamingBody(io.BytesIO(content), len(content))}
    assert [len(piece) for piece in files.pieces(RESULTS)] == [65_536, 65_536, 1]


def test_an_object_that_is_not_there_has_no_size(files: FeedFiles, aws: Aws) -> None:
    aws.answers["HeadObject"] = failing("404", 404)
    assert files.size(RESULTS) is None
    assert numbers(files, 0) == ([], None)
    aws.answers["HeadObject"] = failing("403", 403)
    with pytest.raises(ClientError, match="403"):
        files.size(RESULTS)


def failing(code: str, status: int) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    def fail(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError(code, status)

    return fail


class TestPage:
    def test_it_starts_at_a_byte_and_says_where_the_next_one_does(self, files: FeedFiles, aws: Aws) -> None:
        assert numbers(files, 0, most=2) == ([0, 1], 16)
        assert numbers(files, 16, most=2) == ([2, 3], None)
        assert numbers(files, 24, most=2) == ([3], None)
        # With the end of the line before it.
        ranges = [given["Range"] for name, given in aws.calls if name == "GetObject"]
        assert ranges == ["bytes=0-", "bytes=15-", "bytes=23-"]

    @pytest.mark.parametrize("start", [32, 33])
    def test_behind_the_end_there_is_nothing_to_read(self, files: FeedFiles, aws: Aws, start: int) -> None:
        assert numbers(files, start) == ([], None)
        assert aws.operations == ["HeadObject"]

    @pytest.mark.parametrize(("start", "first"), [(1, None), (7, None), (8, 1), (9, None), (31, None)])
    def test_it_starts_only_where_an_entry_does(self, files: FeedFiles, start: int, first: int | None) -> None:
        if first is not None:
            assert numbers(files, start)[0][0] == first
            return
        with pytest.raises(NoEntryError, match=rf"^no entry starts at byte {start}$"):
            numbers(files, start)

    @pytest.mark.parametrize(
        ("most_bytes", "page"),
        [
            # The first entry is there however large it is.
            (1, ([0], 8)),
            (15, ([0], 8)),
            (16, ([0, 1], 16)),
            (23, ([0, 1], 16)),
            (24, ([0, 1, 2], 24)),
            (31, ([0, 1, 2], 24)),
            (32, ([0, 1, 2, 3], None)),
        ],
    )
    def test_it_has_at_most_some_bytes(self, files: FeedFiles, most_bytes: int, page: Any) -> None:
        assert numbers(files, 0, most_bytes=most_bytes) == page

    def test_entries_that_are_not_wanted_count_neither_as_entries_nor_as_bytes(self, files: FeedFiles) -> None:
        assert numbers(files, 0, most=1, most_bytes=8, least=2) == ([2], 24)
        assert numbers(files, 0, most=2, most_bytes=16, least=2) == ([2, 3], None)
        assert numbers(files, 0, least=9) == ([], None)


class TestStore:
    @pytest.mark.parametrize(
        ("name", "content_type"),
        [("results.jsonl", "application/jsonl"), ("document.json", "application/json")],
    )
    def test_a_browser_saves_the_file(
        self, files: FeedFiles, aws: Aws, tmp_path: Path, name: str, content_type: str
    ) -> None:
        stored: list[bytes] = []

        def put(given: Mapping[str, Any]) -> Mapping[str, Any]:
            stored.append(given["Body"].read())
            return {}

        aws.answers["PutObject"] = put
        (tmp_path / "file").write_bytes(LINES)
        files.store(name, tmp_path / "file")
        ((_, given),) = aws.calls
        assert (given["Bucket"], given["Key"], given["ContentType"], given["ContentDisposition"]) == (
            "bucket",
            f"A1/one/{name}",
            content_type,
            f'attachment; filename="{name}"',
        )
        assert stored == [LINES]

    def test_a_large_file_is_sent_in_parts_of_8_mib(self, files: FeedFiles, aws: Aws, tmp_path: Path) -> None:
        """One after the other, so that only one is in memory."""
        parts: list[int] = []

        def put(given: Mapping[str, Any]) -> Mapping[str, Any]:
            parts.append(len(given["Body"].read()))
            return {"ETag": "tag"}

        aws.answers |= {
            "PutObject": put,
            "CreateMultipartUpload": lambda _: {"UploadId": "u"},
            "UploadPart": put,
            "CompleteMultipartUpload": lambda _: {},
        }
        eight = 8 * 1024 * 1024
        for size, sent in ((eight - 1, [eight - 1]), (eight, [eight]), (eight + 1, [eight, 1])):
            parts.clear()
            aws.calls.clear()
            with (tmp_path / "file").open("wb") as file:
                file.truncate(size)
            files.store(RESULTS, tmp_path / "file")
            assert parts == sent
            assert ("CreateMultipartUpload" in aws.operations) is (size >= eight)


def test_a_line_has_no_empty_values_and_readable_text() -> None:
    line = line_of({"sku": "Köfferchen", "message": None, "asin": "", "issues": [], "line": 0})
    assert line == '{"sku":"Köfferchen","asin":"","issues":[],"line":0}\n'.encode()
    assert json.loads(line)["line"] == 0
