"""The objects of a feed in the bucket: <SellerId>/<feedRequestId>/<name>. They stream; none is whole in memory."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from quickstart.listings.feed_records import FeedRecord

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What the host product uploads, what Amazon gets, and what is known of each message.
UPLOAD, DOCUMENT, MESSAGES = "upload", "document.json", "messages.jsonl"
# What is wrong with the file, Amazon's report as it came, and the outcome of each message.
PROBLEMS, REPORT, RESULTS = "problems.jsonl", "processing-report.json", "results.jsonl"
UPLOAD_CONTENT_TYPE = "application/octet-stream"
_JSON_LINES = "application/jsonl"
_JSON = "application/json"
_PIECE_BYTES = 64 * 1024
_PARTS = TransferConfig(multipart_threshold=8 * 1024 * 1024, multipart_chunksize=8 * 1024 * 1024, use_threads=False)

Entry = Mapping[str, Any]


def object_key(seller_id: str, feed_request_id: str, name: str) -> str:
    """The key of a feed's object. A seller's objects are found by its id."""
    return f"{seller_id}/{feed_request_id}/{name}"


def request_of_upload(key: str) -> tuple[str, str] | None:
    """Seller and id of the feed whose upload has this key; None for another object."""
    parts = key.split("/")
    return (parts[0], parts[1]) if len(parts) == 3 and parts[2] == UPLOAD else None


class NoEntryError(ValueError):
    """No entry starts at this byte."""


@dataclass(frozen=True)
class FeedFiles:
    """The objects of one feed."""

    s3: "S3Client"
    bucket: str
    seller_id: str
    feed_request_id: str

    @classmethod
    def of(cls, s3: "S3Client", bucket: str, record: FeedRecord) -> "FeedFiles":
        return cls(s3, bucket, record.account.seller_id, record.feed_request_id)

    def key(self, name: str) -> str:
        return object_key(self.seller_id, self.feed_request_id, name)

    def size(self, name: str) -> int | None:
        """The object's size in bytes; None when there is none."""
        try:
            return int(self.s3.head_object(Bucket=self.bucket, Key=self.key(name))["ContentLength"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise

    def open(self, name: str) -> BinaryIO:
        """The object's bytes, to be read once."""
        return cast("BinaryIO", self.s3.get_object(Bucket=self.bucket, Key=self.key(name))["Body"])

    def pieces(self, name: str) -> Iterator[bytes]:
        """The object's bytes, in pieces."""
        with self.open(name) as body:
            while piece := body.read(_PIECE_BYTES):
                yield piece

    def entries(self, name: str) -> Iterator[Entry]:
        """The objects of a JSON Lines file that this stack wrote."""
        body: Any = self.open(name)
        with body:
            for line in body.iter_lines(_PIECE_BYTES):
                yield json.loads(line)

    def page(
        self, name: str, start: int, most: int, most_bytes: int, wanted: Callable[[Entry], bool]
    ) -> tuple[list[Entry], int | None]:
        """At most `most` wanted entries from byte `start` on, and where the next page starts, None at the end.

        A page ends before its entries have more than `most_bytes`, unless the first one alone has. Raises NoEntryError.
        """
        if start >= (self.size(name) or 0):
            return [], None
        found: list[Entry] = []
        place, taken = start, 0
        # With the end of the line before it.
        begin = max(start - 1, 0)
        body: Any = self.s3.get_object(Bucket=self.bucket, Key=self.key(name), Range=f"bytes={begin}-")["Body"]
        with body:
            lines = body.iter_lines(_PIECE_BYTES, keepends=True)
            if begin < start and next(lines, b"") != b"\n":
                raise NoEntryError(f"no entry starts at byte {start}")
            for line in lines:
                entry = json.loads(line)
                if wanted(entry):
                    if len(found) == most or (found and taken + len(line) > most_bytes):
                        return found, place
                    found.append(entry)
                    taken += len(line)
                place += len(line)
        return found, None

    def store(self, name: str, file: Path) -> None:
        """Stores a file."""
        content_type = _JSON_LINES if name.endswith(".jsonl") else _JSON
        # Whoever opens a link gets a file, and no page of a browser.
        headers = {"ContentType": content_type, "ContentDisposition": f'attachment; filename="{name}"'}
        self.s3.upload_file(str(file), self.bucket, self.key(name), ExtraArgs=headers, Config=_PARTS)


def line_of(entry: Entry) -> bytes:
    """An entry as a line of a JSON Lines file, without empty values."""
    known = {name: value for name, value in entry.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
