"""A mailbox on localhost: an SMTP server that saves every message to a file, and a reader for these files.

`python local/smtp_mailbox.py --directory DIR` prints `Mailbox listening on 127.0.0.1:PORT` and serves until stopped.
(Not named `mailbox`, which is a module of the standard library.)
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import email
import email.policy
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Mail:
    """One message: the envelope's recipient, the decoded subject and text, and when it arrived (UTC)."""

    to: str
    subject: str
    body: str
    received: datetime


def read_messages(directory: Path) -> list[Mail]:
    """The received messages, oldest first. Empty if the directory does not exist."""
    return [_read(path) for path in sorted(directory.glob("*.eml"))]


@lru_cache(maxsize=10_000)
def _read(path: Path) -> Mail:
    """A saved message, which no longer changes. Whoever waits for a message reads all of them again and again."""
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    text = message.get_body(("plain", "html"))
    return Mail(
        to=message["X-Envelope-To"],
        subject=message["Subject"] or "",
        body=text.get_content().replace("\r\n", "\n") if text else "",
        received=datetime.fromtimestamp(int(path.stem) / 1e9, UTC),
    )


class Mailbox:
    """aiosmtpd handler that saves each message to the directory, named by the time of arrival in nanoseconds."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        for recipient in envelope.rcpt_tos:
            self._keep(f"X-Envelope-To: {recipient}\r\n".encode() + content)
        return "250 Message accepted for delivery"

    def _keep(self, message: bytes) -> None:
        arrival = time.time_ns()
        while (path := self._directory / f"{arrival}.eml").exists():
            arrival += 1
        # Renaming is atomic, so readers never see a partial message.
        partial = path.with_suffix(".partial")
        partial.write_bytes(message)
        partial.rename(path)


@contextlib.contextmanager
def _stop_signals(loop: asyncio.AbstractEventLoop) -> Iterator[asyncio.Event]:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    yield stop


async def serve(port: int, directory: Path) -> None:
    """Serves until SIGTERM or SIGINT."""
    directory.mkdir(parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Mailbox(directory), loop=loop), "127.0.0.1", port)
    with _stop_signals(loop) as stop:
        print(f"Mailbox listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await stop.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Receives e-mail and saves every message to a file.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 for any free port, which is printed")
    parser.add_argument("--directory", type=Path, required=True, help="where to save the messages")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.directory))


if __name__ == "__main__":
    main()
