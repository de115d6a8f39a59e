"""Names and headers of stored reports, and that each is stored once."""

import base64
import gzip
import hashlib
import threading
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.reports.ledger import ReportForgottenError, ReportLedger, StoredReport
from quickstart.reports.part_upload import MOST_ON_THEIR_WAY
from quickstart.reports.storage import DocumentNotDeletedError, ReportDocument, object_key, store_once
from sp_api.deadline import Deadline
from sp_api.documents import DocumentTruncatedError
from sp_api.transport import make_http
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable, always_known
from tests.unit.sp_api.support import Answer, ScriptedServer

LogLines = Callable[[], list[dict[str, Any]]]


def test_a_key_is_made_of_the_utc_date() -> None:
    japan = datetime(2026, 11, 22, 3, 0, tzinfo=timezone(timedelta(hours=9)))
    assert object_key("A1", "GET_X", "7", japan, "text/plain; charset=utf8") == "A1/GET_X/2026/11/21/7.tsv"
    assert object_key("A1", "GET_X", "7", datetime(2026, 1, 2, tzinfo=UTC), "Text/XML") == "A1/GET_X/2026/01/02/7.xml"
    assert object_key("A1", "GET_X", "7", datetime(2026, 1, 2, tzinfo=UTC), None) == "A1/GET_X/2026/01/02/7.tsv"


def test_a_hostile_report_leads_to_no_other_folder_and_breaks_no_header() -> None:
    day = datetime(2026, 1, 2, tzinfo=UTC)
    assert object_key("A1", '../../x"\r\nA: b', "7/..", day, None) == "A1/.._.._x___A__b/2026/01/02/7_...tsv"


def test_the_url_of_a_document_does_not_show_in_a_log() -> None:
    document = ReportDocument("A1", "7", "GET_X", datetime(2026, 1, 2, tzinfo=UTC), "https://secret")
    assert "https://secret" not in repr(document)


def reports_table(aws: Aws) -> MemoryTable:
    """A table with the item of report 7, as retrieving it leaves it."""
    table = MemoryTable(aws, "ReportId", "SellerId")
    table.items = [{"ReportId": "7", "SellerId": "A1", "CreatedTime": "2026-11-21T00:00:00.000000Z"}]
    return table


class TestStoreOnce:
    """A document that the table and the bucket already have is not copied again."""

    CONTENT = b"sku\tname\n"

    @pytest.fixture
    def table(self, aws: Aws) -> MemoryTable:
        return reports_table(aws)

    @pytest.fixture
    def store(self, server: ScriptedServer, aws: Aws, table: MemoryTable) -> Callable[[], StoredReport]:
        def missing(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("404", 404)

        server.answer("GET", "/document", Answer(200, self.CONTENT, {"Content-Type": "text/plain; charset=UTF-8"}))
        aws.answers |= {"HeadObject": missing, "PutObject": lambda _: {}, "PutObjectTagging": lambda _: {}}
        s3, ledger = aws.client("s3"), ReportLedger(table.table, timedelta(days=30), always_known)
        created = datetime(2026, 11, 21, tzinfo=UTC)
        document = ReportDocument("A1", "7", "GET_X", created, f"{server.url}/document")
        return lambda: store_once(document, make_http(), s3, "bucket", ledger, Deadline.after(10))

    def test_it_is_stored_and_then_noted(self, aws: Aws, table: MemoryTable, store: Callable[[], StoredReport]) -> None:
        stored = store()
        digest = hashlib.sha256(self.CONTENT).hexdigest()
        assert stored == StoredReport("A1/GET_X/2026/11/21/7.tsv", len(self.CONTENT), digest, gzipped=False)
        assert aws.operations == ["GetItem", "PutObject", "UpdateItem"]
        assert StoredReport.from_attributes(table.find(ReportId="7", SellerId="A1") or {}) == stored

    def test_a_repeat_copies_nothing(
        self, server: ScriptedServer, aws: Aws, store: Callable[[], StoredReport], log_lines: LogLines
    ) -> None:
        first = store()
        aws.answers["HeadObject"] = lambda _: {"ContentLength": len(self.CONTENT)}
        assert store() == first
        assert aws.operations[3:] == ["GetItem", "HeadObject"]
        assert len(server.received("/document")) == 1
        assert [(line["message"], line["object_key"], line["size_bytes"]) for line in log_lines()] == [
            ("report stored", "A1/GET_X/2026/11/21/7.tsv", len(self.CONTENT)),
            ("report was stored before", "A1/GET_X/2026/11/21/7.tsv", len(self.CONTENT)),
        ]

    @pytest.mark.parametrize("length", [None, 1])
    def test_an_object_that_is_gone_or_of_another_size_is_stored_again(
        self, aws: Aws, store: Callable[[], StoredReport], length: int | None
    ) -> None:
        first = store()
        if length is not None:
            aws.answers["HeadObject"] = lambda _: {"ContentLength": length}
        assert store() == first
        assert aws.operations[3:] == ["GetItem", "HeadObject", "PutObject", "UpdateItem"]

    def test_a_bucket_that_denies_access_is_not_an_absent_object(
        self, aws: Aws, store: Callable[[], StoredReport]
    ) -> None:
        def deny(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("403", 403)

        store()
        aws.answers["HeadObject"] = deny
        with pytest.raises(ClientError):
            store()
        assert aws.operations.count("PutObject") == 1

    def test_a_failed_upload_is_not_noted(
        self, aws: Aws, table: MemoryTable, store: Callable[[], StoredReport]
    ) -> None:
        def deny(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("AccessDenied", 403)

        aws.answers["PutObject"] = deny
        with pytest.raises(ClientError):
            store()
        assert "StoredTime" not in table.items[0]

    def test_a_document_of_a_seller_who_was_removed_is_not_fetched(
        self, server: ScriptedServer, aws: Aws, table: MemoryTable, store: Callable[[], StoredReport]
    ) -> None:
        """An earlier attempt may have stored it, and its function was ended before it could delete it."""
        removed = versions_of(aws, "A1/GET_X/2026/11/21/7.tsv")
        table.items = []
        with pytest.raises(ReportForgottenError):
            store()
        assert (removed, table.items, server.received("/document")) == ([], [], [])
        assert "PutObject" not in aws.operations

    def test_a_document_whose_seller_is_removed_meanwhile_is_deleted_again(
        self, aws: Aws, table: MemoryTable, store: Callable[[], StoredReport], log_lines: LogLines
    ) -> None:
        removed = versions_of(aws, "A1/GET_X/2026/11/21/7.tsv")

        def put(_: Mapping[str, Any]) -> Mapping[str, Any]:
            table.items = []
            return {}

        aws.answers["PutObject"] = put
        with pytest.raises(ReportForgottenError):
            store()
        assert (removed, table.items) == ([], [])
        (given,) = [given for operation, given in aws.calls if operation == "DeleteObjects"]
        assert (given["Bucket"], given["Delete"]["Quiet"], len(given["Delete"]["Objects"])) == ("bucket", True, 3)
        (line,) = log_lines()
        assert (line["message"], line["object_versions_deleted"]) == ("report not kept: the seller was removed", 3)

    def test_without_any_version_nothing_is_deleted(
        self, aws: Aws, table: MemoryTable, store: Callable[[], StoredReport]
    ) -> None:
        aws.answers["ListObjectVersions"] = lambda _: {}
        table.items = []
        with pytest.raises(ReportForgottenError):
            store()
        assert aws.operations == ["GetItem", "ListObjectVersions"]

    def test_what_s3_does_not_delete_of_a_removed_seller_is_deleted_by_a_retry(
        self, aws: Aws, table: MemoryTable, store: Callable[[], StoredReport]
    ) -> None:
        removed = versions_of(aws, "A1/GET_X/2026/11/21/7.tsv")
        delete = aws.answers["DeleteObjects"]
        kept = {"Key": "A1/GET_X/2026/11/21/7.tsv", "VersionId": "1", "Code": "InternalError"}
        aws.answers["DeleteObjects"] = lambda _: {"Errors": [kept, {**kept, "VersionId": "2", "Code": "SlowDown"}]}
        table.items = []
        message = "^S3 has not deleted 2 of the 3 versions of report 7: InternalError$"
        with pytest.raises(DocumentNotDeletedError, match=message):
            store()
        aws.answers["DeleteObjects"] = delete
        with pytest.raises(ReportForgottenError):
            store()
        assert removed == []


def versions_of(aws: Aws, key: str) -> list[dict[str, str]]:
    """Two versions of the object and a marker; what is deleted is removed from the returned list."""
    versions = [{"Key": key, "VersionId": each} for each in ("1", "2", "marker")]

    def listed(given: Mapping[str, Any]) -> Mapping[str, Any]:
        assert key.startswith(given["Prefix"])
        assert given["Prefix"].endswith("/7.")
        return {"Versions": versions[:2], "DeleteMarkers": versions[2:]}

    def delete(given: Mapping[str, Any]) -> Mapping[str, Any]:
        versions[:] = [each for each in versions if each not in given["Delete"]["Objects"]]
        return {}

    aws.answers |= {"ListObjectVersions": listed, "DeleteObjects": delete}
    return versions


PART = 8 * 1024 * 1024
JAPAN, CHINA, GERMANY = "A1VC38T7YXB528", "AAHKV2X7AFYLW", "A1PA6795UKMFR9"


class TestCharset:
    """The object has the charset of the whole document, however it arrives and wherever its first letter is."""

    @pytest.fixture
    def objects(self, aws: Aws) -> list[dict[str, Any]]:
        """The headers of the object after each call that sets them."""
        headers: list[dict[str, Any]] = []

        def put(given: Mapping[str, Any]) -> Mapping[str, Any]:
            headers.append({name: given[name] for name in ("ContentType", "ContentEncoding") if name in given})
            return {"UploadId": "u", "ETag": "e", "CopyObjectResult": {"ETag": "e"}}

        aws.answers |= {
            "HeadObject": lambda _: {"ContentLength": PART},
            "PutObjectTagging": lambda _: {},
            "UploadPart": lambda _: {"ETag": "e"},
            "CompleteMultipartUpload": lambda _: {"ETag": "e"},
            **dict.fromkeys(("PutObject", "CreateMultipartUpload", "CopyObject"), put),
        }
        return headers

    def stored(
        self, server: ScriptedServer, aws: Aws, answer: Answer, marketplaces: tuple[str, ...] = ()
    ) -> StoredReport:
        server.answer("GET", "/document", answer)
        table = reports_table(aws)
        table.items[0]["MarketplaceIds"] = list(marketplaces)
        document = ReportDocument("A1", "7", "GET_X", datetime(2026, 1, 2, tzinfo=UTC), f"{server.url}/document")
        ledger = ReportLedger(table.table, timedelta(days=30), always_known)
        stored = store_once(document, make_http(), aws.client("s3"), "bucket", ledger, Deadline.after(60))
        assert (table.find(ReportId="7") or {}).get("GuessedCharset") == stored.guessed_charset
        return stored

    @pytest.mark.parametrize("how", [{}, {"chunked": True}, {"drip": 0.0001}], ids=["whole", "chunks", "bytes"])
    @pytest.mark.parametrize("packed", [False, True])
    def test_how_it_arrives_does_not_matter(
        self, server: ScriptedServer, aws: Aws, objects: list[dict[str, Any]], how: dict[str, Any], packed: bool
    ) -> None:
        text = b"a" * 9_000 + "ö".encode("cp1252") + b"b" * 100
        body = gzip.compress(text) if packed else text
        stored = self.stored(server, aws, Answer(200, body, {"Content-Type": "text/plain"}, **how))
        assert [entry["ContentType"] for entry in objects] == ["text/plain; charset=windows-1252"]
        assert (stored.guessed_charset, stored.gzipped) == ("windows-1252", packed)

    @pytest.mark.parametrize(
        ("size", "parts"),
        [
            (256 * 1024 * 1024 - 1, []),
            (256 * 1024 * 1024, ["bytes=0-268435455"]),
            (256 * 1024 * 1024 + 1, ["bytes=0-268435455", "bytes=268435456-268435456"]),
        ],
    )
    def test_s3_copies_a_large_object_in_parts_of_256_mib(
        self, server: ScriptedServer, aws: Aws, objects: list[dict[str, Any]], size: int, parts: list[str]
    ) -> None:
        """S3 refuses to copy more than 5 GB at once."""
        aws.answers["HeadObject"] = lambda _: {"ContentLength": size, "ETag": "e"}
        aws.answers["UploadPartCopy"] = lambda _: {"CopyPartResult": {"ETag": "e"}}
        body = b"a" * PART + "ö".encode("cp1252")
        self.stored(server, aws, Answer(200, body, {"Content-Type": "text/plain"}))
        copied = [given["CopySourceRange"] for operation, given in aws.calls if operation == "UploadPartCopy"]
        assert sorted(copied) == parts
        assert ("CopyObject" in aws.operations) == (not parts)
        assert objects[-1] == {"ContentType": "text/plain; charset=windows-1252"}

    @pytest.mark.parametrize("after", [PART - 1, PART, PART + 1, 3 * PART])
    def test_a_later_byte_corrects_it_before_the_report_counts_as_stored(
        self, server: ScriptedServer, aws: Aws, objects: list[dict[str, Any]], log_lines: LogLines, after: int
    ) -> None:
        body = b"a" * after + "ö".encode("cp1252")
        stored = self.stored(server, aws, Answer(200, body, {"Content-Type": "text/plain"}))
        assert objects[-1] == {"ContentType": "text/plain; charset=windows-1252"}
        assert (stored.size_bytes, stored.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        if after >= PART:
            (copy,) = [given for operation, given in aws.calls if operation == "CopyObject"]
            assert (copy["MetadataDirective"], copy["Tagging"]) == ("REPLACE", f"Sha256={stored.sha256}")
            assert copy["CopySource"] == f"bucket/{stored.key}"
            assert copy["ContentDisposition"] == 'attachment; filename="GET_X_7.tsv"'
            line = log_lines()[0]
            assert (line["message"], line["content_type"]) == (
                "Content-Type changed: a later part of the document is not valid in the first charset",
                "text/plain; charset=windows-1252",
            )
        assert aws.operations[-1] == "UpdateItem"

    def test_a_gzip_is_corrected_by_its_text(
        self, server: ScriptedServer, aws: Aws, objects: list[dict[str, Any]]
    ) -> None:
        noise = b"".join(hashlib.sha256(bytes([number % 256, number // 256 % 256])).digest() for number in range(65536))
        text = noise.hex().encode() * 6 + "ö".encode("cp1252")
        body = gzip.compress(text, 1)
        assert len(body) > PART
        self.stored(server, aws, Answer(200, body, {"Content-Type": "text/plain"}))
        assert objects[-1] == {"ContentType": "text/plain; charset=windows-1252", "ContentEncoding": "gzip"}

    def test_the_charset_of_a_large_utf_8_document_needs_no_copy(
        self, server: ScriptedServer, aws: Aws, objects: list[dict[str, Any]]
    ) -> None:
        body = b"a" * (PART - 1) + "ö".encode() + b"b" * 10
        assert self.stored(server, aws, Answer(200, body, {"Content-Type": "text/plain"})).guessed_charset is None
        assert objects == [{"ContentType": "text/plain; charset=UTF-8"}]

    def test_it_is_guessed_by_the_marketplace_in_the_table(
        self, server: ScriptedServer, aws: Aws, objects: list[dict[str, Any]]
    ) -> None:
        body = "商品名\t価格\n".encode("cp932")
        stored = self.stored(server, aws, Answer(200, body, {"Content-Type": "text/plain"}), (JAPAN,))
        assert (objects[-1]["ContentType"], stored.guessed_charset) == ("text/plain; charset=ms932", "ms932")


class TestParts:
    """Several parts are on their way at once. An upload that does not end well leaves nothing."""

    BODY = b"".join(bytes([number]) * PART for number in range(5)) + b"end"

    @pytest.fixture
    def bucket(self, aws: Aws) -> "PartBucket":
        return PartBucket(aws)

    def store(self, server: ScriptedServer, aws: Aws, answer: Answer) -> StoredReport:
        server.answer("GET", "/document", answer)
        table = reports_table(aws)
        document = ReportDocument("A1", "7", "GET_X", datetime(2026, 1, 2, tzinfo=UTC), f"{server.url}/document")
        ledger = ReportLedger(table.table, timedelta(days=30), always_known)
        return store_once(document, make_http(), aws.client("s3"), "bucket", ledger, Deadline.after(60))

    def test_parts_overtake_each_other_and_make_the_document(
        self, server: ScriptedServer, aws: Aws, bucket: "PartBucket"
    ) -> None:
        """The buffers are used again, so a part whose buffer changes too early would arrive with other bytes."""
        stored = self.store(server, aws, Answer(200, self.BODY, {"Content-Type": "text/plain; charset=UTF-8"}))
        assert (stored.size_bytes, stored.sha256) == (len(self.BODY), hashlib.sha256(self.BODY).hexdigest())
        assert b"".join(bucket.parts[number] for number in range(1, 7)) == self.BODY
        assert [len(bucket.parts[number]) for number in range(1, 7)] == [*[PART] * 5, 3]
        # One is filled while the others are on their way.
        assert len(bucket.buffers) == MOST_ON_THEIR_WAY + 1
        assert bucket.most_at_once == MOST_ON_THEIR_WAY == 2
        assert [part["PartNumber"] for part in bucket.listed] == list(range(1, 7))
        assert [part["ChecksumCRC32"] for part in bucket.listed] == [
            bucket.checksum(bucket.parts[number]) for number in range(1, 7)
        ]
        assert aws.operations[-3:] == ["CompleteMultipartUpload", "PutObjectTagging", "UpdateItem"]

    @pytest.mark.parametrize("number", [1, 3, 6])
    def test_a_part_that_fails_ends_the_upload_after_the_others(
        self, server: ScriptedServer, aws: Aws, bucket: "PartBucket", number: int
    ) -> None:
        bucket.refused = number
        with pytest.raises(ClientError, match="AccessDenied"):
            self.store(server, aws, Answer(200, self.BODY, {"Content-Type": "text/plain; charset=UTF-8"}))
        assert bucket.on_their_way == 0
        assert aws.operations[-1] == "AbortMultipartUpload"
        assert "CompleteMultipartUpload" not in aws.operations
        assert len(bucket.parts) <= number + MOST_ON_THEIR_WAY

    def test_a_document_that_is_cut_in_a_later_part_is_aborted(
        self, server: ScriptedServer, aws: Aws, bucket: "PartBucket"
    ) -> None:
        cut = Answer(200, self.BODY, {"Content-Type": "text/plain; charset=UTF-8"}, announced=len(self.BODY) + 1)
        with pytest.raises(DocumentTruncatedError):
            self.store(server, aws, cut)
        assert bucket.on_their_way == 0
        assert aws.operations[-1] == "AbortMultipartUpload"

    def test_an_upload_that_cannot_be_aborted_shows_why_it_failed(
        self, server: ScriptedServer, aws: Aws, bucket: "PartBucket", log_lines: LogLines
    ) -> None:
        def deny(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("SlowDown", 503)

        bucket.refused = 2
        aws.answers["AbortMultipartUpload"] = deny
        with pytest.raises(ClientError, match="AccessDenied"):
            self.store(server, aws, Answer(200, self.BODY, {"Content-Type": "text/plain; charset=UTF-8"}))
        (line,) = (line for line in log_lines() if line["level"] == "WARNING")
        assert (line["message"], line["error"]) == ("a multipart upload was not aborted", "SlowDown")

    def test_a_small_document_is_one_request_with_its_tag_and_its_sha_256(
        self, server: ScriptedServer, aws: Aws
    ) -> None:
        aws.answers["PutObject"] = lambda _: {}
        stored = self.store(server, aws, Answer(200, b"small", {"Content-Type": "text/plain; charset=UTF-8"}))
        (put,) = [given for operation, given in aws.calls if operation == "PutObject"]
        assert put["Tagging"] == f"Sha256={stored.sha256}"
        assert (put["Bucket"], put["Key"], bytes(put["Body"])) == ("bucket", "A1/GET_X/2026/01/02/7.tsv", b"small")
        assert put["ContentType"] == "text/plain; charset=UTF-8"
        assert put["ContentDisposition"] == 'attachment; filename="GET_X_7.tsv"'
        assert "ContentEncoding" not in put
        assert base64.b64decode(put["ChecksumSHA256"]).hex() == stored.sha256 == hashlib.sha256(b"small").hexdigest()
        assert aws.operations == ["GetItem", "PutObject", "UpdateItem"]


class PartBucket:
    """S3's part of an upload in parts. Parts arrive one by one, and later ones first where there are several."""

    def __init__(self, aws: Aws) -> None:
        self.parts: dict[int, bytes] = {}
        self.listed: list[Any] = []
        self.refused = 0
        self.buffers: set[int] = set()
        self.on_their_way = self.most_at_once = 0
        self._lock = threading.Condition()
        aws.answers |= {
            "CreateMultipartUpload": lambda _: {"UploadId": "u"},
            "UploadPart": self._upload,
            "CompleteMultipartUpload": self._complete,
            "AbortMultipartUpload": lambda _: {},
            "PutObject": lambda _: {},
            "PutObjectTagging": lambda _: {},
        }

    @staticmethod
    def checksum(part: bytes) -> str:
        return base64.b64encode(zlib.crc32(part).to_bytes(4, "big")).decode()

    def _upload(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        number = given["PartNumber"]
        with self._lock:
            self.on_their_way += 1
            self.most_at_once = max(self.most_at_once, self.on_their_way)
            self._lock.notify_all()
            # An odd part waits for the next one, which takes its time itself.
            self._lock.wait_for(lambda: number % 2 == 0 or self.on_their_way > 1, timeout=5)
        body = bytes(given["Body"])
        if len(body) == PART:
            self.buffers.add(id(given["Body"]))
        with self._lock:
            self.on_their_way -= 1
            if number == self.refused:
                raise AwsError("AccessDenied", 403)
            assert given["ChecksumCRC32"] == self.checksum(body)
            self.parts[number] = body
        return {"ETag": f"e{number}"}

    def _complete(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        assert self.on_their_way == 0
        self.listed = given["MultipartUpload"]["Parts"]
        return {"ETag": "e"}
