"""E-mails as people see them, and what they must not do to the page."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations.console.console import LocalServers
from operations.console.pages import inbox
from operations.console.reading.inbox import Mail, Piece, find_mail, pieces, read_inbox
from tests.unit.operations.console.support import link, make_console, readable, visitor

HOSTILE = "<script>alert(1)</script>\u202e"


def received(folder: Path, number: int, text: str, *, subject: str = "Report", kind: str = "plain") -> str:
    name = str(1_795_000_000_000_000_000 + number)
    lines = [
        "X-Envelope-To: a@example.com",
        "From: AWS <no-reply@sns.example>",
        f"Subject: {subject}",
        f'Content-Type: text/{kind}; charset="utf-8"',
        "",
        text,
    ]
    (folder / f"{name}.eml").write_bytes("\r\n".join(lines).encode())
    return name


def test_only_addresses_of_the_web_are_links() -> None:
    text = "See (https://s3.example/a?b=1&c=2). javascript:alert(1) data:text/html,x HTTP://EXAMPLE.com/<b> ftp://x"
    assert [piece for piece in pieces(text) if piece.href] == [
        Piece("https://s3.example/a?b=1&c=2", "https://s3.example/a?b=1&c=2"),
        Piece("HTTP://EXAMPLE.com/", "HTTP://EXAMPLE.com/"),
    ]
    assert "".join(piece.text for piece in pieces(text)) == text
    assert pieces("") == []


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_hostile_e_mail_is_text(tmp_path: Path, kind: str) -> None:
    name = received(tmp_path, 1, f'{HOSTILE} https://x.example/"onclick="alert(1)', subject=HOSTILE, kind=kind)
    browser = visitor(make_console(local=LocalServers("http://127.0.0.1:1", tmp_path)), (inbox.PAGE,))
    for path in ("/inbox", f"/inbox/{name}"):
        page = browser.get(path)
        assert "<script" not in page
        assert "\u202e" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩" in page
        assert 'onclick="' not in page


def test_pages_have_the_newest_first(tmp_path: Path) -> None:
    names = [received(tmp_path, number, "text") for number in range(30)]
    (tmp_path / "notes.eml").write_text("not of the mailbox")
    (tmp_path / "1.partial").write_text("still being written")
    first = read_inbox(tmp_path)
    second = read_inbox(tmp_path, first.following)
    assert [mail.name for mail in [*first.mails, *second.mails]] == names[::-1]
    assert (first.count, len(first.mails), second.following) == (30, 25, "")


def test_a_damaged_e_mail_does_not_break_the_page(tmp_path: Path) -> None:
    (tmp_path / "1.eml").write_bytes(b"\xff\xfe\x00no headers")
    (tmp_path / "2.eml").write_bytes(b'Content-Type: text/plain; charset="none"\r\n\r\nJos\xe9')
    (tmp_path / "3.eml").write_bytes(b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n!!")
    texts = [mail.text for mail in read_inbox(tmp_path).mails]
    assert len(texts) == 3
    assert texts[1].startswith("Jos")


@pytest.mark.parametrize("name", ["..", "../1", "1/../1", "", "1.eml", "9" * 26, "²"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    received(tmp_path, 1, "text")
    assert find_mail(tmp_path, name) is None


def test_there_is_no_inbox_on_aws() -> None:
    visitor(make_console(), (inbox.PAGE,)).get("/inbox", 404)


def test_an_e_mail_that_is_not_there_is_explained(tmp_path: Path) -> None:
    browser = visitor(make_console(local=LocalServers("http://127.0.0.1:1", tmp_path)), (inbox.PAGE,))
    assert "E-mail not found The mailbox has no such e-mail." in readable(browser.get("/inbox/1", 404))


def test_an_e_mail_is_read_with_its_headers(tmp_path: Path) -> None:
    name = received(tmp_path, 0, "first\r\nsecond", subject="Report\r\n  of   today")
    assert find_mail(tmp_path, name) == Mail(
        name, datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC), "AWS <no-reply@sns.example>", "a@example.com",
        "Report of today", "first\nsecond",
    )  # fmt: skip
    (tmp_path / "7.eml").write_bytes(b"Content-Type: image/png\r\n\r\nx")
    assert find_mail(tmp_path, "7") == Mail("7", datetime(1970, 1, 1, tzinfo=UTC), "", "", "", "")


@pytest.mark.parametrize(("count", "more"), [(25, False), (26, True)])
def test_twenty_five_e_mails_are_on_a_page(tmp_path: Path, count: int, more: bool) -> None:
    for number in range(count):
        received(tmp_path, number, "text")
    found = read_inbox(tmp_path)
    assert (len(found.mails), found.following) == (25, found.mails[-1].name if more else "")
    browser = visitor(make_console(local=LocalServers("http://127.0.0.1:1", tmp_path)), (inbox.PAGE,))
    first = browser.get("/inbox")
    assert f"{count} e-mails that the local stack has sent." in readable(first)
    assert link(first, "Older e-mails") == (f"/inbox?before={found.following}" if more else "")
    assert link(first, "Newest") == ""
    assert link(browser.get(f"/inbox?before={found.mails[-1].name}"), "Newest") == "/inbox"


def test_e_mails_are_sorted_by_their_time(tmp_path: Path) -> None:
    """Also those whose names have another length."""
    for name in ("9", "10", "2"):
        (tmp_path / f"{name}.eml").write_bytes(b"Subject: s\r\n\r\ntext")
    assert [mail.name for mail in read_inbox(tmp_path).mails] == ["10", "9", "2"]
    assert [mail.name for mail in read_inbox(tmp_path, "10").mails] == ["9", "2"]
    assert [mail.name for mail in read_inbox(tmp_path, "x").mails] == ["10", "9", "2"]


def test_a_long_e_mail_is_cut(tmp_path: Path) -> None:
    name = received(tmp_path, 1, "\r\n".join(["x" * 99] * 2001))
    found = find_mail(tmp_path, name)
    assert found is not None
    assert len(found.text) == 200_000


@pytest.mark.parametrize("charset", ["none", "punycode"])
def test_a_text_whose_charset_does_not_fit_is_shown(tmp_path: Path, charset: str) -> None:
    (tmp_path / "2.eml").write_bytes(f'Content-Type: text/plain; charset="{charset}"\r\n\r\n'.encode() + b"Jos\xe9")
    found = find_mail(tmp_path, "2")
    assert found is not None
    assert found.text == "Jos\ufffd"
