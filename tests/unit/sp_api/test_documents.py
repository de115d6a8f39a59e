"""Documents: read as sent, noticed when cut, and never whole in memory."""

import contextlib
import gzip
import io
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib
from urllib3.response import HTTPResponse

from sp_api import inflating
from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.documents import (
    DocumentStream,
    DocumentTruncatedError,
    DocumentUrlExpiredError,
    Inflater,
    charset_of,
    open_document,
    python_codec,
    upload_document,
)
from sp_api.errors import (
    AccessDeniedError,
    NotFoundError,
    PermanentError,
    SellingPartnerApiError,
    TransientError,
)
from sp_api.transport import exchange, make_http
from sp_api_simulator.certificates import make_certificates
from tests.unit.sp_api.support import Answer, ScriptedServer
from tests.waiting import SECONDS, assert_quick, until

PATH = "/documents/1"
QUERY = "?X-Amz-Signature=0123456789abcdef&X-Amz-Security-Token=secret-session"
TABLE = b"sku\tname\n" + b"".join(b"SKU-%d\tA thing of which there are some\n" % number for number in range(3000))
PACKED = gzip.compress(TABLE, mtime=0)
MEMBERS = gzip.compress(TABLE[:1000], mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(TABLE[1000:], mtime=0)


def opened(server: ScriptedServer, *answers: Answer, seconds: float = SECONDS) -> DocumentStream:
    server.answer("GET", PATH, *answers)
    return open_document(make_http(), server.url + PATH + QUERY, Deadline.after(seconds))


def answer(body: bytes, content_type: str | None = "text/plain; charset=UTF-8", **more: object) -> Answer:
    return Answer(200, body, {} if content_type is None else {"Content-Type": content_type}, **more)


def in_memory(content: BinaryIO) -> DocumentStream:
    """A document whose bytes are there at once, so that the size of each piece is known."""
    response = HTTPResponse(content, status=200, preload_content=False)
    return DocumentStream(response, Deadline.after(SECONDS))


WHOLE = {
    "plain": TABLE,
    "gzip": PACKED,
    "several members": MEMBERS,
    "empty": b"",
    "one byte": b"\x1f",
    "two": b"\x1f\x8c",
}


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("way", ["length", "chunked", "until close"])
def test_the_bytes_are_those_that_were_sent(server: ScriptedServer, body: bytes, way: str) -> None:
    sent = answer(body, chunked=way == "chunked", until_close=way == "until close")
    with opened(server, sent) as document:
        assert document.content_length == (len(body) if way == "length" else None)
        assert document.gzipped == body.startswith(b"\x1f\x8b")
        assert b"".join(document) == body
        assert document.read(10) == b""
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert "x-amz-access-token" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/plain; charset=Cp1252", "Cp1252"),
        ("text/plain;charset=utf8", "utf8"),
        ('text/xml; charset="UTF-8"', "UTF-8"),
        ("text/tab-separated-values; Charset = Shift_JIS ; x=y", "Shift_JIS"),
        ("text/plain", None),
        ("text/plain; charset=", None),
        ("text/plain; xcharset=utf-8", None),
        (None, None),
    ],
)
def test_content_type_and_charset(server: ScriptedServer, content_type: str | None, charset: str | None) -> None:
    with opened(server, answer(TABLE, content_type)) as document:
        assert document.content_type == content_type
        assert document.charset == charset


@pytest.mark.parametrize(("body", "text"), [(TABLE, TABLE), (PACKED, TABLE), (MEMBERS, TABLE), (b"", b"")])
def test_a_watcher_sees_all_of_the_text_once(server: ScriptedServer, body: bytes, text: bytes) -> None:
    with opened(server, answer(body)) as document:
        seen: list[bytes] = []
        document.watch(seen.append)
        assert document.read() == body
        assert b"".join(seen) == text


@pytest.mark.parametrize(("body", "gzipped"), [(PACKED, True), (TABLE, False)])
@pytest.mark.parametrize("label", [None, "gzip"])
def test_gzip_is_seen_by_its_bytes_and_not_by_a_label(
    server: ScriptedServer, body: bytes, gzipped: bool, label: str | None
) -> None:
    headers = {"Content-Type": "text/plain"} | ({"Content-Encoding": label} if label else {})
    with opened(server, Answer(200, body, headers)) as document:
        assert document.gzipped == gzipped
        assert document.read(1000) == body[:1000]
        rest = bytearray(len(body))
        assert document.read_into(memoryview(rest)) == len(body) - 1000
        assert rest[: len(body) - 1000] == body[1000:]
    with opened(server, Answer(200, body, headers)) as document:
        assert document.read() == body


def test_pieces_have_64_kib() -> None:
    body = os.urandom(200_000)
    with in_memory(io.BytesIO(b"x" + body)) as document:
        pieces = list(document)
    assert [len(piece) for piece in pieces] == [65_536, 65_536, 65_536, 200_001 - 3 * 65_536]
    assert b"".join(pieces) == b"x" + body


def test_a_watcher_of_plain_text_gets_256_kib_at_most() -> None:
    body = bytes(600_000)
    with in_memory(io.BytesIO(body)) as document:
        sizes: list[int] = []
        document.watch(lambda piece: sizes.append(len(piece)))
        assert document.read_into(memoryview(bytearray(len(body)))) == len(body)
    # The first 64 KiB tell whether it is gzip.
    assert sizes == [65_536, 262_144 - 65_536, 262_144, 600_000 - 2 * 262_144]


def test_a_read_takes_no_more_than_it_is_asked_for() -> None:
    body = os.urandom(70_000)
    with in_memory(io.BytesIO(body)) as document:
        amounts = [65_536, 0, 1, 2]
        assert b"".join(document.read(amount) for amount in amounts) == body[:65_539]
        assert document.read() == body[65_539:]


def test_a_read_that_is_given_up_before_the_deadline_is_no_end_of_the_document() -> None:
    class Stalled(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:  # noqa: ARG002 - as BytesIO has it
            raise TimeoutError

    with pytest.raises(TransientError, match=r"^document: no answer came in time$") as raised:
        in_memory(Stalled())
    assert type(raised.value) is TransientError


@pytest.mark.parametrize("body", [TABLE, PACKED], ids=["plain", "gzip"])
def test_read_gives_what_is_asked_for(server: ScriptedServer, body: bytes) -> None:
    with opened(server, answer(body)) as document:
        amounts = [1, 2, 0, 5000, 1000]
        assert [document.read(amount) for amount in amounts] == [
            body[sum(amounts[:index]) : sum(amounts[: index + 1])] for index in range(len(amounts))
        ]
        assert document.read() == body[sum(amounts) :]
        assert document.read(1) == document.read() == b""


@pytest.mark.parametrize("body", [TABLE, PACKED, MEMBERS, b"", b"\x1f"])
@pytest.mark.parametrize("size", [17, 1000, 300_000])
def test_a_buffer_is_filled_and_a_shorter_one_is_the_last(server: ScriptedServer, body: bytes, size: int) -> None:
    with opened(server, answer(body, chunked=size == 1000)) as document:
        seen: list[bytes] = []
        document.watch(lambda piece: seen.append(bytes(piece)))
        buffer, received = bytearray(size), b""
        while filled := document.read_into(memoryview(buffer)):
            received += buffer[:filled]
            assert filled == size or document.read_into(memoryview(buffer)) == 0
        assert received == body
        assert b"".join(seen) == (body if body in (TABLE, b"", b"\x1f") else TABLE)


def test_read_fills_up_from_small_pieces(server: ScriptedServer) -> None:
    with opened(server, answer(TABLE[:60], drip=0.002)) as document:
        assert document.read(50) == TABLE[:50]
        assert document.read(50) == TABLE[50:60]


CUT = {
    "before Content-Length": answer(TABLE[:5000], announced=len(TABLE)),
    "before any byte": answer(b"", announced=len(TABLE)),
    "in the chunks": answer(TABLE[:5000], chunked=True, cut=True),
    "by a reset": answer(TABLE[:5000], announced=len(TABLE), reset="after"),
    "in the gzip data": answer(PACKED[:-20]),
    "in the gzip end": answer(PACKED[:-1]),
    "in the gzip head": answer(PACKED[:5]),
    "after two bytes of gzip": answer(PACKED[:2]),
    "in the second member": answer(MEMBERS[:-5]),
    "in the gzip data, until close": answer(PACKED[:-20], until_close=True),
    "in the gzip data, chunked": answer(PACKED[:-20], chunked=True),
    "gzip before Content-Length": answer(PACKED[:-20], announced=len(PACKED)),
}


def read_in_pieces(server: ScriptedServer, answered: Answer, amount: int | None) -> None:
    """`amount` is less than 0 for a buffer of so many bytes."""
    with opened(server, answered) as document:
        if amount is not None and amount < 0:
            buffer = memoryview(bytearray(-amount))
            while document.read_into(buffer):
                pass
        while document.read(amount):
            pass


@pytest.mark.parametrize("cut", CUT.values(), ids=CUT)
@pytest.mark.parametrize("amount", [None, 1000, -1000, -1_000_000])
def test_a_document_that_ends_early_is_noticed(server: ScriptedServer, cut: Answer, amount: int | None) -> None:
    with pytest.raises(DocumentTruncatedError, match="the document ended after") as raised:
        read_in_pieces(server, cut, amount)
    assert isinstance(raised.value, TransientError)
    assert len(server.requests) == 1


@pytest.mark.parametrize("amount", [None, -1000, -8000])
def test_the_words_tell_how_much_came(server: ScriptedServer, amount: int | None) -> None:
    for cut, words in (
        (answer(TABLE[:5000], announced=9000), "5000 of 9000 bytes: the connection broke or was closed"),
        (answer(TABLE[:500], chunked=True, cut=True), "500 bytes: the connection broke or was closed"),
        (answer(PACKED[:5]), "5 of 5 bytes: its gzip data is incomplete"),
    ):
        with pytest.raises(DocumentTruncatedError) as raised:
            read_in_pieces(server, cut, amount)
        assert str(raised.value) == f"document: HTTP 200: the document ended after {words}"
        assert not raised.value.outcome_unknown


def test_damaged_gzip_is_noticed(server: ScriptedServer) -> None:
    damaged = bytearray(PACKED)
    damaged[len(damaged) // 2] ^= 0xFF
    with (
        pytest.raises(DocumentTruncatedError, match="its gzip data is damaged"),
        opened(server, answer(bytes(damaged))) as document,
    ):
        document.read()


def test_what_follows_gzip_is_no_damage(server: ScriptedServer) -> None:
    """Some writers pad gzip files with zeros; gzip itself ignores that."""
    with opened(server, answer(PACKED + bytes(512))) as document:
        assert document.read() == PACKED + bytes(512)


def test_the_first_bytes_of_another_member_are_not_padding(server: ScriptedServer) -> None:
    with (
        pytest.raises(DocumentTruncatedError, match="its gzip data is incomplete"),
        opened(server, answer(PACKED + b"\x1f\x8b")) as document,
    ):
        document.read()


def xml(code: str, message: str, more: str = "") -> bytes:
    return f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>'.encode()


EXPIRED = Answer(403, xml("AccessDenied", "Request has expired", "<X-Amz-Expires>300</X-Amz-Expires>"))


@pytest.mark.parametrize("refusal", [EXPIRED, Answer(400, xml("ExpiredToken", "The provided token has expired."))])
def test_an_expired_url(server: ScriptedServer, refusal: Answer) -> None:
    with pytest.raises(DocumentUrlExpiredError) as raised:
        opened(server, refusal)
    assert not isinstance(raised.value, TransientError | PermanentError)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (
            Answer(403, xml("SignatureDoesNotMatch", "No.", "<StringToSign>secret-session</StringToSign>")),
            AccessDeniedError,
        ),
        (Answer(403, b"<html>proxy: secret-session</html>"), AccessDeniedError),
        (Answer(404, xml("NoSuchKey", "The specified key does not exist.")), NotFoundError),
        (Answer(400, xml("InvalidRequest", "Bad")), PermanentError),
        (Answer(400, xml("InvalidRequest", "The date has expired")), PermanentError),
        (Answer(400, xml("SlowDown", "Please reduce your request rate.")), TransientError),
        (Answer(201), PermanentError),
        (Answer(307, headers={"Location": "http://127.0.0.1:1/"}), PermanentError),
        (Answer(206, TABLE), PermanentError),
        (Answer(407), PermanentError),
        (Answer(408), TransientError),
        (Answer(429), TransientError),
        (Answer(499), PermanentError),
        (Answer(503, xml("SlowDown", "Please reduce your request rate.")), TransientError),
        (Answer(500), TransientError),
        (Answer(503, b"x", announced=1000), TransientError),
    ],
)
def test_refusals_of_the_document_store(
    server: ScriptedServer, refusal: Answer, kind: type[SellingPartnerApiError]
) -> None:
    with pytest.raises(SellingPartnerApiError) as raised:
        opened(server, refusal)
    assert type(raised.value) is kind
    assert len(server.requests) == 1
    assert all(secret not in str(raised.value) for secret in ("secret-session", "0123456789abcdef"))


def test_a_refusal_keeps_the_words_and_the_request_id_of_the_document_store(server: ScriptedServer) -> None:
    refusal = Answer(404, xml("NoSuchKey", "The key does not exist."), {"x-amz-request-id": "R-1"})
    with pytest.raises(NotFoundError) as raised:
        opened(server, refusal)
    assert str(raised.value) == "document: HTTP 404 NoSuchKey: The key does not exist. [request R-1]"
    with pytest.raises(DocumentUrlExpiredError) as expired:
        opened(server, Answer(403, EXPIRED.body, {"x-amz-request-id": "R-2"}))
    assert str(expired.value) == "document: HTTP 403 AccessDenied: Request has expired [request R-2]"
    with pytest.raises(TransientError) as passing:
        opened(server, Answer(503, xml("SlowDown", "Slower."), {"x-amz-request-id": "R-3"}))
    assert str(passing.value) == "document: HTTP 503 SlowDown: Slower. [request R-3]"


@pytest.mark.parametrize(("before", "code"), [(16_383, "NoSuchKey"), (16_384, "")])
def test_of_a_refusal_16_kib_are_read(server: ScriptedServer, before: int, code: str) -> None:
    def stream(file: BinaryIO) -> None:
        for chunk in (b" " * before, xml("NoSuchKey", "None.")):
            file.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        file.write(b"0\r\n\r\n")

    with pytest.raises(NotFoundError) as raised:
        opened(server, Answer(404, chunked=True, stream=stream))
    assert raised.value.code == code


def test_no_failure_shows_the_url(server: ScriptedServer) -> None:
    address = server.url + PATH + QUERY
    failures: list[BaseException] = []
    for told, seconds in ((Answer(reset="before"), 5.0), (Answer(no_answer=True), 0.2), (EXPIRED, 5.0)):
        server.answer("GET", PATH, told)
        with pytest.raises(SellingPartnerApiError) as raised:
            open_document(make_http(), address, Deadline.after(seconds))
        failures.append(raised.value)
    with pytest.raises(SellingPartnerApiError) as raised:
        open_document(make_http(), "http://sp-api.invalid/" + QUERY, Deadline.after(5))
    for failure in [*failures, raised.value]:
        assert failure.__suppress_context__ or failure.__context__ is None
        assert "0123456789abcdef" not in str(failure) + repr(failure)


def test_a_broken_connection_is_tried_once_more_before_the_document_begins(server: ScriptedServer) -> None:
    with opened(server, Answer(reset="before"), answer(TABLE)) as document:
        assert document.read() == TABLE
    assert len(server.requests) == 2


def test_but_not_twice(server: ScriptedServer) -> None:
    with pytest.raises(TransientError, match="document: the connection broke") as raised:
        opened(server, Answer(reset="before"))
    assert not raised.value.outcome_unknown
    assert len(server.requests) == 2


@pytest.fixture(params=["http", "https"])
def any_server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[ScriptedServer]:
    authority, certificate = make_certificates(tmp_path, [], keep=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with ScriptedServer(certificate if request.param == "https" else None) as scripted:
        yield scripted


SLOW = {
    "stalled": answer(b"x", announced=100, silent=True),
    "stalled, of unknown length": answer(TABLE[:1000], until_close=True, silent=True),
    "byte by byte": answer(TABLE[:1000], drip=0.02),
    "byte by byte, of unknown length": answer(TABLE[:1000], drip=0.02, until_close=True),
    "byte by byte, compressed": answer(PACKED[:1000], drip=0.02, until_close=True),
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("into", [True, False])
def test_a_slow_document_ends_with_the_deadline(any_server: ScriptedServer, slow: Answer, into: bool) -> None:
    def read() -> None:
        with (
            pytest.raises(DeadlineExceeded, match="document: the time for the call"),
            opened(any_server, slow, seconds=0.3) as document,
        ):
            document.read_into(memoryview(bytearray(2000))) if into else document.read()

    assert_quick(1.2, read)


def test_nothing_is_read_after_the_deadline(any_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not what has already arrived."""
    window = memoryview(bytearray(100))
    with opened(any_server, answer(TABLE)) as document:
        assert document.read_into(window) == 100
        monkeypatch.setattr("sp_api.deadline.time", SimpleNamespace(monotonic=lambda: time.monotonic() + 3600))
        with pytest.raises(DeadlineExceeded, match="document: the time for the call"):
            document.read_into(window)


def test_after_a_document_nothing_ends_the_reads_of_its_connection(any_server: ScriptedServer) -> None:
    any_server.answer("GET", PATH, answer(TABLE))
    http, buffer = make_http(), bytearray(len(TABLE) + 1)
    for _ in range(2):
        with open_document(http, any_server.url + PATH, Deadline.after(SECONDS)) as document:
            assert document.read_into(memoryview(buffer)) == len(TABLE)
            # A document that stays open does not keep the process.
            assert all(each.daemon for each in threading.enumerate() if isinstance(each, threading.Timer))
        until(threading.enumerate, lambda threads: not any(isinstance(each, threading.Timer) for each in threads))
    assert [request.connection for request in any_server.requests] == [1, 1]


def test_leaving_a_document_closes_what_it_reads_from() -> None:
    content = io.BytesIO(TABLE)
    with in_memory(content) as document:
        assert document.read(10) == TABLE[:10]
        assert not content.closed
    assert content.closed


class OneAnswer(urllib3.PoolManager):
    """Gives this answer to every request, and reads all that is sent."""

    def __init__(self, status: int, content: BinaryIO) -> None:
        super().__init__()
        self._answer = HTTPResponse(content, status=status, preload_content=False)

    def request(self, *_: Any, body: Any = None, **__: Any) -> HTTPResponse:
        for _piece in body or ():
            pass
        return self._answer


class Endless(io.BytesIO):
    def read1(self, size: int | None = -1, /) -> bytes:
        return b"x" * (size or 0)


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("way", ["open", "upload", "exchange"])
def test_an_answer_that_is_not_read_to_its_end_is_closed(way: str, status: int) -> None:
    """Otherwise its connection stays open, with nobody to read from it."""
    content = b"\x1f\x8b, but not gzip" if status == 200 else b"no"
    answered = Endless() if way == "exchange" else io.BytesIO(content)
    http, deadline, url = OneAnswer(status, answered), Deadline.after(SECONDS), "http://host/"
    fails = way != "upload" or status == 404
    with pytest.raises(SellingPartnerApiError) if fails else contextlib.nullcontext():
        if way == "open":
            open_document(http, url, deadline)
        elif way == "upload":
            upload_document(http, url, "text/plain", lambda: io.BytesIO(b"x"), 1, deadline)
        else:
            exchange(http, "getReport", "GET", url, {}, None, deadline, repeatable=True)
    assert answered.closed


def test_leaving_early_drops_the_connection(server: ScriptedServer) -> None:
    server.answer("GET", PATH, answer(TABLE * 100))
    http = make_http()
    for _ in range(2):
        with open_document(http, server.url + PATH, Deadline.after(5)) as document:
            document.read(10)
    assert [request.connection for request in server.requests] == [1, 2]


def test_reading_to_the_end_keeps_the_connection(server: ScriptedServer) -> None:
    server.answer("GET", PATH, answer(TABLE))
    http = make_http()
    for _ in range(2):
        with open_document(http, server.url + PATH, Deadline.after(5)) as document:
            document.read()
    assert [request.connection for request in server.requests] == [1, 1]


FATAL = '{"errorDetails" : "A client error occurred."}'


@pytest.mark.parametrize(
    ("body", "content_type", "limit", "text"),
    [
        (FATAL.encode(), None, 1000, FATAL),
        (gzip.compress(FATAL.encode(), mtime=0), "application/json", 1000, FATAL),
        (gzip.compress(FATAL.encode(), mtime=0), "application/json", 10, FATAL[:10]),
        (gzip.compress(b"first ", mtime=0) + gzip.compress(b"second", mtime=0), None, 1000, "first second"),
        ("Größe €".encode("cp1252"), "text/plain; charset=Cp1252", 1000, "Größe €"),
        ("商品名①".encode("cp932"), "text/plain; charset=Shift_JIS", 1000, "商品名①"),
        ("\ufeffGröße".encode(), "text/plain; charset=UTF-8", 1000, "Größe"),
        ("Größe".encode("cp1252"), "text/plain", 1000, "Gr\ufffd\ufffde"),
        ("Größe".encode()[:3], None, 1000, "Gr\ufffd"),
        ("Größe".encode()[:3], None, 2, "Gr"),
        (b"words", "text/plain; charset=no-such", 1000, "words"),
        (b"", None, 1000, ""),
    ],
)
def test_text(server: ScriptedServer, body: bytes, content_type: str | None, limit: int, text: str) -> None:
    with opened(server, answer(body, content_type)) as document:
        assert document.text(limit) == text


def test_text_needs_no_more_than_its_limit(server: ScriptedServer) -> None:
    with opened(server, answer(TABLE[:100], announced=len(TABLE))) as document:
        assert document.text(100) == TABLE[:100].decode()


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        (None, "utf_8_sig"),
        ("UTF-8", "utf_8_sig"),
        ("Cp1252", "cp1252"),
        ("Shift_JIS", "cp932"),
        # What Python has no text codec for.
        ("no-such", "utf_8_sig"),
        ("base64", "utf_8_sig"),
        ("undefined", "utf_8_sig"),
        ("a\0b", "utf_8_sig"),
    ],
)
def test_the_codec_of_a_charset(charset: str | None, codec: str) -> None:
    assert python_codec(charset) == codec


def test_text_of_much_is_cut_without_unpacking_it_all(server: ScriptedServer) -> None:
    bomb = gzip.compress(bytes(64 << 20), mtime=0)
    with opened(server, answer(bomb)) as document:
        assert document.text(100) == "\0" * 100


# Parsers


@given(st.text() | st.just("text/plain; charset=").flatmap(lambda start: st.text(max_size=20).map(start.__add__)))
def test_any_content_type_names_a_charset_or_none(content_type: str) -> None:
    charset = charset_of(content_type)
    assert charset is None or (charset in content_type and charset.isascii() and len(charset) <= 40)
    codec = python_codec(charset)
    assert isinstance(b"abc".decode(codec, errors="replace"), str)


CHARSETS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=1, max_size=20).filter(
    lambda name: name[0] not in "-_"
)


@given(CHARSETS, st.sampled_from(["text/plain; charset={}", 'text/plain;CHARSET="{}"', "a/b; x=1; charset = {} ; y=2"]))
def test_a_charset_is_found_as_written(charset: str, pattern: str) -> None:
    assert charset_of(pattern.format(charset)) == charset


PIECES = st.lists(st.binary(max_size=400), max_size=5)
CUTS = st.lists(st.integers(1, 60), min_size=1, max_size=50)


LIBRARY = pytest.mark.parametrize("library", ["isal", "zlib"])


@contextlib.contextmanager
def inflating_with(library: str) -> Iterator[None]:
    """isal in its layer's function, zlib in all others."""
    before = inflating.decompressobj
    inflating.decompressobj = {"isal": isal_zlib.decompressobj, "zlib": zlib.decompressobj}[library]
    try:
        yield
    finally:
        inflating.decompressobj = before


def test_the_tests_have_isal() -> None:
    assert inflating.decompressobj is isal_zlib.decompressobj
    assert inflating.crc32 is isal_zlib.crc32


@pytest.mark.parametrize("module", ["", "raise ImportError('built for another processor')"])
def test_without_isal_python_does_the_same(tmp_path: Path, module: str) -> None:
    """As in every function but one, and where isal was built for another processor or another Python."""
    (tmp_path / "isal").mkdir()
    (tmp_path / "isal" / "__init__.py").write_text("")
    if module:
        (tmp_path / "isal" / "isal_zlib.py").write_text(module)
    program = """
import zlib
from sp_api import inflating
assert (inflating.decompressobj, inflating.crc32) == (zlib.decompressobj, zlib.crc32)
assert inflating.DAMAGED == (zlib.error, zlib.error)
"""
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[3] / "layers/sp_api/python")))
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": path}, check=True, timeout=SECONDS)


def fed(inflater: Inflater, data: bytes, cuts: Sequence[int]) -> bytes:
    """Feeds the data in pieces of the given sizes, over and over."""
    result, position, turn = b"", 0, 0
    while position < len(data):
        size = cuts[turn % len(cuts)]
        result += b"".join(inflater.feed(data[position : position + size]))
        position, turn = position + size, turn + 1
    return result


@LIBRARY
@given(
    members=PIECES.filter(bool),
    cuts=CUTS,
    level=st.integers(0, 9),
    padding=st.sampled_from([b"", b"\0", b"\0\0\0", b"\x1f", b"padding"]),
)
def test_gzip_of_any_members_in_any_pieces_is_whole(
    library: str, members: list[bytes], cuts: list[int], level: int, padding: bytes
) -> None:
    data = b"".join(gzip.compress(member, level, mtime=0) for member in members) + padding
    with inflating_with(library):
        inflater = Inflater()
        assert fed(inflater, data, cuts) == b"".join(members)
    assert inflater.complete
    assert inflater.trailing is bool(padding)


@LIBRARY
@pytest.mark.parametrize("size", [262_143, 262_144, 262_145, 600_000])
def test_much_text_comes_in_pieces_of_256_kib(library: str, size: int) -> None:
    data = gzip.compress(bytes(size), mtime=0) + gzip.compress(b"end", mtime=0)
    with inflating_with(library):
        inflater = Inflater()
        pieces = list(inflater.feed(data))
    assert b"".join(pieces) == bytes(size) + b"end"
    assert max(map(len, pieces)) == min(size, 262_144)
    assert inflater.complete


@LIBRARY
@given(members=PIECES.filter(bool), cuts=CUTS, data=st.data())
def test_gzip_cut_anywhere_is_not_whole(
    library: str, members: list[bytes], cuts: list[int], data: st.DataObject
) -> None:
    packed = [gzip.compress(member, mtime=0) for member in members]
    last = data.draw(st.integers(1 if len(packed) > 1 else 0, len(packed[-1]) - 1).filter(lambda kept: kept != 0))
    if last == 1 and len(packed) > 1:
        # One byte of another member cannot be told from padding.
        return
    with inflating_with(library):
        inflater = Inflater()
        fed(inflater, b"".join(packed[:-1]) + packed[-1][:last], cuts)
    assert not inflater.complete


@LIBRARY
@given(member=st.binary(min_size=1, max_size=400), cuts=CUTS, data=st.data())
def test_gzip_with_a_changed_byte_is_damaged_or_not_whole(
    library: str, member: bytes, cuts: list[int], data: st.DataObject
) -> None:
    """The data and its checksum; a header has bytes without a meaning."""
    packed = bytearray(gzip.compress(member, mtime=0))
    place = data.draw(st.integers(10, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    with inflating_with(library):
        inflater = Inflater()
        try:
            text = fed(inflater, bytes(packed), cuts)
        except inflating.DAMAGED:
            return
    # Some bits of deflate data have no meaning either.
    assert not inflater.complete or text == member


@LIBRARY
@given(data=st.binary(max_size=200), cuts=CUTS)
def test_any_bytes_after_the_magic_end_well_or_as_damage(library: str, data: bytes, cuts: list[int]) -> None:
    with inflating_with(library), contextlib.suppress(*inflating.DAMAGED):
        fed(Inflater(), b"\x1f\x8b" + data, cuts)


# Memory

READER = """
import resource, sys
from sp_api.deadline import Deadline
from sp_api.documents import open_document
from sp_api.transport import make_http

url, size = sys.argv[1], int(sys.argv[2])
http = make_http()
with open_document(http, url + "/warm", Deadline.after(60)) as document:
    document.read()
before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
received = 0
with open_document(http, url + "/documents/1", Deadline.after(60)) as document:
    while chunk := document.read(1 << 20):
        received += len(chunk)
assert received >= size, received
peak = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak - before)
"""
SIZE = 512 << 20
BLOCK = b"".join(b"%d\tof many rows\n" % number for number in range(60_000))[: 1 << 20]


def plain_blocks(file: BinaryIO) -> None:
    for _ in range(SIZE // len(BLOCK)):
        file.write(BLOCK)


def gzip_blocks(file: BinaryIO) -> None:
    # Stored, not deflated: it is the size on the wire that counts.
    packer = zlib.compressobj(level=0, wbits=31)
    for _ in range(SIZE // len(BLOCK)):
        file.write(packer.compress(BLOCK))
    file.write(packer.flush())


@pytest.mark.parametrize("write", [plain_blocks, gzip_blocks])
def test_memory_does_not_grow_with_the_document(server: ScriptedServer, write: Callable[[BinaryIO], None]) -> None:
    """512 MiB pass through a process of its own, which grows by less than 16 MiB."""
    server.answer("GET", "/warm", answer(gzip.compress(BLOCK[:100_000], mtime=0)))
    server.answer("GET", PATH, Answer(200, headers={"Content-Type": "text/plain"}, until_close=True, stream=write))
    layer = Path(__file__).resolve().parents[3] / "layers/sp_api/python"
    packages = next(path for path in sys.path if (Path(path) / "urllib3").is_dir())
    finished = subprocess.run(
        [sys.executable, "-c", READER, server.url, str(SIZE)],
        env={"PYTHONPATH": f"{layer}:{packages}"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) < 16 << 20


def test_one_slow_reader_does_not_block_another(server: ScriptedServer) -> None:
    """Streams share nothing but the pool of connections."""
    server.answer("GET", PATH, answer(TABLE[:40], drip=0.005))
    http = make_http()

    def reader(_: int) -> bytes:
        with open_document(http, server.url + PATH, Deadline.after(SECONDS)) as document:
            return document.read()

    def read() -> None:
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(reader, range(8))) == [TABLE[:40]] * 8

    # One after the other, they take 1.6 s.
    assert_quick(1.5, read)
