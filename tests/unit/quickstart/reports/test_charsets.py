"""Names of charsets, marks that prove one, and guesses."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart.reports.charsets import CharsetScan, StoredContentType
from tests import hostile

JAPAN, CHINA, GERMANY = "A1VC38T7YXB528", "AAHKV2X7AFYLW", "A1PA6795UKMFR9"


def result(content_type: str | None, text: bytes, *marketplace_ids: str) -> StoredContentType:
    """The same in one piece and byte by byte."""
    whole, pieces = CharsetScan(content_type, marketplace_ids), CharsetScan(content_type, marketplace_ids)
    whole.feed(text)
    for position in range(len(text)):
        pieces.feed(text[position : position + 1])
    whole.finish()
    pieces.finish()
    assert whole.result() == pieces.result()
    return whole.result()


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("text/plain; charset=Cp1252", "text/plain; charset=windows-1252"),
        ("text/plain;charset=Cp1252", "text/plain; charset=windows-1252"),
        ("text/plain; charset=ISO-8859-1", "text/plain; charset=windows-1252"),
        ("text/plain; charset=Shift_JIS", "text/plain; charset=ms932"),
        ('text/plain; charset="cp932"', "text/plain; charset=ms932"),
        ("text/plain; charset=utf8", "text/plain; charset=UTF-8"),
        ("text/plain; charset=UTF-8", "text/plain; charset=UTF-8"),
        ("text/plain; charset=UTF-16", "text/plain; charset=UTF-16"),
        ("text/plain; charset=Big5", "text/plain; charset=Big5"),
        ("text/xml", "text/xml"),
        ("application/xml", "application/xml"),
        ("application/json", "application/json"),
        ("application/json; charset=utf8", "application/json; charset=UTF-8"),
        ("application/json; charset=Big5", "application/json; charset=Big5"),
        ("text/csv; charset=Cp1252", "text/csv; charset=windows-1252"),
        ("text/plain; charset=us-ascii", "text/plain; charset=windows-1252"),
        ("application/pdf", "application/pdf"),
        (None, "application/octet-stream"),
        ("text/plain\r\nX-Injected: 1", "application/octet-stream"),
        ("text/plain; charset=ä", "application/octet-stream"),
    ],
)
def test_a_charset_gets_a_name_that_every_reader_knows(sent: str | None, stored: str) -> None:
    assert result(sent, "Größe".encode("cp1252")) == StoredContentType(stored)


@pytest.mark.parametrize(
    ("mark", "codec", "name"),
    [
        (codecs.BOM_UTF8, "utf-8", "UTF-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
        (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
        ("\ufeff".encode("gb18030"), "gb18030", "GB18030"),
    ],
)
@pytest.mark.parametrize("label", ["", "; charset=Cp1252", "; charset=UTF-8"])
def test_a_mark_is_proof_whatever_the_label(mark: bytes, codec: str, name: str, label: str) -> None:
    text = mark + "sku\tname\nGröße €\n".encode(codec)
    stored = result(f"text/plain{label}", text, JAPAN)
    assert stored == StoredContentType(f"text/plain; charset={name}")
    assert text.decode(name).removeprefix("\ufeff") == "sku\tname\nGröße €\n"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("application/json; charset=Cp1252", "application/json; charset=UTF-8"),
        ("text/csv", "text/csv; charset=UTF-8"),
        # These say their charset inside, or need not say it.
        ("application/json", "application/json"),
        ("text/xml", "text/xml"),
        ("TEXT/XML", "TEXT/XML"),
    ],
)
def test_a_mark_is_proof_where_the_type_has_a_charset(sent: str, stored: str) -> None:
    assert result(sent, codecs.BOM_UTF8 + b"x") == StoredContentType(stored)


@pytest.mark.parametrize(
    ("text", "codec", "marketplaces", "charset", "guess"),
    [
        ("", "ascii", (), "UTF-8", False),
        ("sku\tname\n", "ascii", (JAPAN,), "UTF-8", False),
        ("Größe\t€", "utf-8", (GERMANY,), "UTF-8", False),
        ("商品名", "utf-8", (JAPAN,), "UTF-8", False),
        ("Größe\t€", "cp1252", (GERMANY,), "windows-1252", True),
        ("Größe\t€", "cp1252", (), "windows-1252", True),
        # The last letter may be half a character of UTF-8.
        ("Caf\xe4", "cp1252", (), "windows-1252", True),
        ("商品名\t価格①", "cp932", (JAPAN,), "ms932", True),
        ("商品名\t価格", "cp932", ("A39IBJ37TRP1C6", JAPAN), "ms932", True),
        ("商品名\t價格𠮷", "gb18030", (CHINA,), "GB18030", True),
        # Not possible in the marketplace's usual charset.
        ("Größe\x81 x", "latin-1", (JAPAN,), "windows-1252", True),
    ],
)
def test_text_without_a_charset_gets_the_likely_one(
    text: str, codec: str, marketplaces: tuple[str, ...], charset: str, guess: bool
) -> None:
    stored = result("text/plain", text.encode(codec), *marketplaces)
    assert stored == StoredContentType(f"text/plain; charset={charset}", charset if guess else None)


def test_the_names_mean_to_python_what_windows_made_of_them() -> None:
    assert codecs.lookup("ms932").name == "cp932"
    assert codecs.lookup("windows-1252").name == "cp1252"


@given(st.none() | hostile.texts, st.binary(max_size=50), st.lists(hostile.texts, max_size=2))
def test_anything_gives_a_header(content_type: str | None, text: bytes, marketplaces: list[str]) -> None:
    stored = result(content_type, text, *marketplaces).value
    assert stored.isascii()
    assert stored.isprintable()
