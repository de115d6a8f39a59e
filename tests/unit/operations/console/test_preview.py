"""The first rows of stored documents: charsets, compression, tables and other documents."""

import gzip

import pytest
import requests

from operations.command import CommandError
from operations.console.reading.preview import COLUMNS, ROWS, Preview, download_beginning, preview
from tests.unit.sp_api.support import Answer, ScriptedServer

TSV = "sku\tname\nA\tGr\u00f6\u00dfe\nB\t\u2013 9,99 \u20ac\n"


@pytest.mark.parametrize("charset", ["windows-1252", "UTF-8", "UTF-16"])
@pytest.mark.parametrize("gzipped", [False, True])
def test_a_table_is_decoded_with_its_charset(charset: str, gzipped: bool) -> None:
    content = TSV.encode(charset)
    shown = preview(
        gzip.compress(content) if gzipped else content,
        f"text/plain;charset={charset}",
        "gzip" if gzipped else "",
        more=False,
    )
    assert (shown.heading, shown.rows) == (["sku", "name"], [["A", "Größe"], ["B", "\N{EN DASH} 9,99 €"]])
    assert (shown.charset, shown.cut) == (charset, False)


def test_japanese_characters_of_windows_are_decoded() -> None:
    shown = preview("a\tb\n①髙\t円".encode("cp932"), "text/plain;charset=ms932", "", more=False)
    assert shown.rows == [["①髙", "円"]]


def test_a_charset_that_nobody_knows_is_read_as_utf_8() -> None:
    assert preview(TSV.encode(), "text/plain;charset=klingon", "", more=False).rows[0] == ["A", "Größe"]


def test_quotes_of_files_with_tabs_are_text_and_those_of_csv_are_not() -> None:
    assert preview(b'a\tb\n"x\t5" tall\n', "text/plain", "", more=False).rows == [['"x', '5" tall']]
    assert preview(b'a,b,c\n"x, y",2,3\n', "text/csv", "", more=False).rows == [["x, y", "2", "3"]]


def test_only_the_first_rows_and_columns_are_shown() -> None:
    content = "\n".join("\t".join(str(column) for column in range(COLUMNS + 5)) for _ in range(ROWS + 5)).encode()
    shown = preview(content, "text/plain", "", more=False)
    assert (len(shown.rows), len(shown.heading), shown.cut) == (25, 60, True)


def test_half_a_row_at_the_end_of_what_was_read_is_left_out() -> None:
    assert preview(b"a\tb\n1\t2\n3", "text/plain", "", more=True).rows == [["1", "2"]]


def test_the_beginning_of_a_gzip_file_is_enough() -> None:
    content = gzip.compress("".join(f"{number}\t{number * 7919}\n" for number in range(20_000)).encode())
    shown = preview(content[:20_000], "text/plain", "gzip", more=True)
    assert (shown.rows[0], shown.cut) == (["1", "7919"], True)


def test_damaged_gzip_is_explained() -> None:
    with pytest.raises(CommandError, match="not valid gzip"):
        preview(b"\x1f\x8b" + bytes(50), "text/plain", "gzip", more=False)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ('{"a": [1, 2, 3]}', "application/json"),
        ("<?xml version='1.0'?><a>1,2,3</a>", "text/xml"),
        ("one line", "text/plain"),
    ],
)
def test_other_documents_are_shown_as_text(content: str, content_type: str) -> None:
    shown = preview(content.encode(), content_type, "", more=False)
    assert (shown.text, shown.rows, shown.cut) == (content, (), False)


def test_an_empty_document_has_neither() -> None:
    shown = preview(b"", "text/plain", "", more=False)
    assert (shown.text, shown.rows) == ("", ())


def test_only_the_beginning_is_downloaded() -> None:
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip", "Content-Range": "bytes 0-2/9"}
    with ScriptedServer() as server:
        server.answer("GET", "/r", Answer(206, b"abc", headers))
        assert download_beginning(f"{server.url}/r") == (b"abc", "text/plain", "gzip", True)
        assert server.received("/r")[0].headers["range"].startswith("bytes=0-")
        server.answer("GET", "/r", Answer(200, bytes(200_000)))
        content, _, _, more = download_beginning(f"{server.url}/r")
        assert (len(content), more) == (128 * 1024, True)
        server.answer("GET", "/r", Answer(416))
        assert download_beginning(f"{server.url}/r") == (b"", "", "", False)


def test_an_error_does_not_have_the_link() -> None:
    with ScriptedServer() as server:
        server.answer("GET", "/r", Answer(403))
        with pytest.raises(CommandError) as raised:
            download_beginning(f"{server.url}/r?X-Amz-Signature=secret")
    assert str(raised.value) == "the stored report cannot be read (HTTPError)"


def test_a_long_cell_is_cut() -> None:
    shown = preview(f"a\tb\n{'x' * 300}\t{'y' * 301}".encode(), "text/plain", "", more=False)
    assert shown.rows == [["x" * 300, "y" * 300]]


def test_gzip_is_known_by_its_first_bytes_as_well() -> None:
    assert preview(gzip.compress(TSV.encode()), "text/plain", "", more=False).rows[0] == ["A", "Größe"]
    with pytest.raises(CommandError, match=r"^the stored report is not valid gzip, although it is stored as gzip$"):
        preview(TSV.encode(), "text/plain", "gzip", more=False)
    whole = preview(gzip.compress(TSV.encode()), "text/plain", "gzip", more=False)
    assert not whole.cut
    assert preview(gzip.compress(TSV.encode()), "text/plain", "gzip", more=True).cut


def test_a_gzip_file_without_its_end_is_only_the_beginning() -> None:
    shown = preview(gzip.compress(TSV.encode())[:-1], "text/plain", "gzip", more=False)
    assert (shown.rows[0], shown.cut) == (["A", "Größe"], True)


def test_the_only_row_is_shown_even_if_there_is_more() -> None:
    shown = preview(b"a\tb", "text/plain", "", more=True)
    assert (shown.heading, shown.rows, shown.cut) == (["a", "b"], [], True)
    assert preview(b"a\tb\n1", "text/plain", "", more=True) == shown


@pytest.mark.parametrize(("rows", "cut"), [(25, False), (26, True)])
def test_twenty_five_rows_are_shown_below_the_heading(rows: int, cut: bool) -> None:
    content = "a\tb\n" + "1\t2\n" * rows
    shown = preview(content.encode(), "text/plain", "", more=False)
    assert shown == Preview("UTF-8", "text/plain", ["a", "b"], [["1", "2"]] * 25, "", cut)


@pytest.mark.parametrize(("length", "more", "cut"), [(8000, False, False), (8001, False, True), (1, True, True)])
@pytest.mark.parametrize("content_type", ["application/json", "text/csv"])
def test_a_text_is_shown_up_to_8000_characters(length: int, more: bool, cut: bool, content_type: str) -> None:
    """Also one that claims to be a table, and has a cell that no table has."""
    text = "x" * length if content_type == "application/json" else '"' + "x" * 140_000
    cut = cut or content_type == "text/csv"
    shown = preview(text.encode(), content_type, "", more=more)
    assert shown == Preview("UTF-8", content_type, (), (), text[:8000], cut)


def test_a_cell_may_have_many_lines() -> None:
    cell = "1" + "\n" * 199 + "2"
    content = "a,b\n" + "1,2\n" * (ROWS - 1) + f'"{cell}",3\n'
    shown = preview(content.encode(), "text/csv", "", more=False)
    assert shown.rows[-1] == [cell, "3"]


@pytest.mark.parametrize(
    ("content", "content_type", "heading"),
    [
        ("a", "text/tab-separated-values", ["a"]),
        ("a", "text/csv", ["a"]),
        ("a,b", "text/plain", None),
        ("a,b,c", "text/plain", ["a", "b", "c"]),
        ("a\tb", "text/plain", ["a", "b"]),
        ("a\tb\nend", "text/plain", ["a", "b"]),
        ("title\na\tb", "text/plain", None),
        ("a,b,c\td", "text/csv", ["a,b,c", "d"]),
        ('["a\tb"]', "application/json", None),
        ("<a\tb/>", "application/xml; charset=UTF-8", None),
        ("<a\tb/>", "text/xml ;charset=UTF-8", None),
        ("%PDF\t", "application/pdf", None),
        ("", "text/csv", []),
        ("", "text/plain", None),
    ],
)
def test_a_table_is_known_by_its_type_or_its_first_row(
    content: str, content_type: str, heading: list[str] | None
) -> None:
    shown = preview(content.encode(), content_type, "", more=False)
    assert shown.heading == (() if heading is None else heading)
    assert shown.text == (content if heading is None else "")
    assert shown.media_type == content_type.partition(";")[0].strip()


def test_marks_of_the_encoding_and_what_is_not_valid_are_not_shown_as_text() -> None:
    assert preview("\ufeffa\tb".encode(), "text/plain", "", more=False).heading == ["a", "b"]
    assert preview(b"a\t\xff\nb\tc", "text/plain", "", more=False).heading == ["a", "\ufffd"]
    assert preview(b"a\t\xff", "text/plain;charset=klingon", "", more=False).heading == ["a", "\ufffd"]


@pytest.mark.parametrize(
    ("length", "headers", "more"),
    [
        (128 * 1024, {}, False),
        (128 * 1024 + 1, {}, True),
        (3, {"Content-Range": "bytes 0-2/3"}, False),
        (3, {"Content-Range": "bytes 0-2/4"}, True),
        (3, {"Content-Range": "bytes 0-2/*"}, False),
    ],
)
def test_whether_there_is_more_is_known_from_the_length(length: int, headers: dict[str, str], more: bool) -> None:
    with ScriptedServer() as server:
        server.answer("GET", "/r", Answer(200, bytes(length), headers))
        content, content_type, encoding, found = download_beginning(f"{server.url}/r")
        (request,) = server.received("/r")
    assert (len(content), content_type, encoding, found) == (min(length, 128 * 1024), "", "", more)
    assert request.headers["range"] == "bytes=0-131071"
    assert request.headers["accept-encoding"] == "identity"


def test_a_store_that_does_not_answer_is_given_up_after_twenty_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def get(_: str, *, timeout: float, **__: object) -> None:
        waited.append(timeout)
        raise requests.ReadTimeout

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(CommandError, match=r"^the stored report cannot be read \(ReadTimeout\)$"):
        download_beginning("https://s3.example/r")
    assert waited == [20]
