"""Names and headers of stored reports."""

import codecs
from datetime import UTC, datetime, timedelta, timezone

import pytest

from quickstart.report_storage import object_key, stored_content_type


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
        ("application/pdf", "application/pdf"),
        (None, "application/octet-stream"),
    ],
)
def test_a_charset_gets_a_name_that_every_reader_knows(sent: str | None, stored: str) -> None:
    assert stored_content_type(sent, b"") == stored


@pytest.mark.parametrize(
    ("beginning", "charset"),
    [
        (b"", "UTF-8"),
        (b"sku\tname\n", "UTF-8"),
        ("Größe\t€".encode(), "UTF-8"),
        # A piece may end inside a character.
        ("Größe\t€".encode()[:-1], "UTF-8"),
        ("Größe\t€".encode("cp1252"), "windows-1252"),
    ],
)
def test_text_without_a_charset_gets_the_one_that_it_looks_like(beginning: bytes, charset: str) -> None:
    assert stored_content_type("text/plain", beginning) == f"text/plain; charset={charset}"


def test_the_names_mean_to_python_what_windows_made_of_them() -> None:
    assert codecs.lookup("ms932").name == "cp932"
    assert codecs.lookup("windows-1252").name == "cp1252"


def test_a_key_is_made_of_the_utc_date() -> None:
    japan = datetime(2026, 11, 22, 3, 0, tzinfo=timezone(timedelta(hours=9)))
    assert object_key("A1", "GET_X", "7", japan, "text/plain; charset=utf8") == "A1/GET_X/2026/11/21/7.tsv"
    assert object_key("A1", "GET_X", "7", datetime(2026, 1, 2, tzinfo=UTC), "Text/XML") == "A1/GET_X/2026/01/02/7.xml"
    assert object_key("A1", "GET_X", "7", datetime(2026, 1, 2, tzinfo=UTC), None) == "A1/GET_X/2026/01/02/7.tsv"
