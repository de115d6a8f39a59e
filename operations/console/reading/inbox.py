"""Reads the e-mails of a local stack as people see them."""

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

_PAGE = 25
_NAME = re.compile(r"\d{1,25}")
# Where a link ends: mail programs leave out punctuation at its end.
_LINK = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]", re.IGNORECASE)
_LONGEST = 200_000


@dataclass(frozen=True)
class Piece:
    """A piece of a text; `href` is the address of a link, empty for other text."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class Mail:
    """An e-mail. `name` is that of its file, `received` in UTC."""

    name: str
    received: datetime
    sender: str
    to: str
    subject: str
    text: str

    @property
    def pieces(self) -> list[Piece]:
        return pieces(self.text)


@dataclass(frozen=True)
class Inbox:
    """A page, the newest first; `following` is the name before which the next page begins, empty at the end."""

    mails: Sequence[Mail]
    count: int
    following: str


def read_inbox(directory: Path, before: str = "") -> Inbox:
    """A page of the e-mails that came before the one with this name; of the newest ones if it is empty."""
    # Names are times in nanoseconds, so they sort as numbers do.
    names = sorted((path.stem for path in directory.glob("*.eml") if _NAME.fullmatch(path.stem)), key=int, reverse=True)
    rest = [name for name in names if int(name) < int(before)] if _NAME.fullmatch(before) else names
    page = rest[:_PAGE]
    mails = [mail for name in page if (mail := find_mail(directory, name)) is not None]
    return Inbox(mails, len(names), page[-1] if len(rest) > len(page) else "")


def find_mail(directory: Path, name: str) -> Mail | None:
    """None if there is no such e-mail."""
    if not _NAME.fullmatch(name):
        return None
    try:
        content = (directory / f"{name}.eml").read_bytes()
    except FileNotFoundError:
        return None
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return Mail(
        name,
        datetime.fromtimestamp(int(name) / 1e9, UTC),
        _header(message, "From"),
        _header(message, "X-Envelope-To"),
        _header(message, "Subject"),
        _text(message)[:_LONGEST],
    )


def pieces(text: str) -> list[Piece]:
    """The text with its links: addresses that begin with http:// or https://, and nothing else."""
    found = []
    end = 0
    for match in _LINK.finditer(text):
        found += [Piece(text[end : match.start()]), Piece(match[0], match[0])]
        end = match.end()
    return [piece for piece in [*found, Piece(text[end:])] if piece.text]


def _header(message: EmailMessage, name: str) -> str:
    return " ".join(str(message[name] or "").split())


def _text(message: EmailMessage) -> str:
    """The text for people. That of an e-mail that has HTML alone is shown with its tags."""
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, ValueError):  # an unknown charset or a damaged encoding
        content = part.get_payload(decode=True)
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
