"""Prints the e-mails of the local stack as people read them, the newest last: `make mail`."""

import contextlib
import json
import sys
import unicodedata

from environment import RUN_DIRECTORY
from servers import load_servers
from smtp_mailbox import Mail, read_messages

_LINE = "-" * 100


def text_of(mail: Mail) -> str:
    """Headers and text. SNS sends an alarm to the local mailbox as JSON, which is indented here."""
    body = mail.body
    with contextlib.suppress(ValueError):  # of every other e-mail
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    shown = f"Date: {mail.received:%Y-%m-%d %H:%M:%S} UTC\nTo: {mail.to}\nSubject: {mail.subject}\n\n{body.rstrip()}"
    # A text that came from outside must not control the terminal.
    return "".join(character for character in shown if character == "\n" or unicodedata.category(character) != "Cc")


def main() -> int:
    servers = load_servers(RUN_DIRECTORY)
    if servers is None:
        print("No local stack is running. Start one with `make up`", file=sys.stderr)
        return 2
    for mail in read_messages(servers.mail_directory):
        print(f"{_LINE}\n{text_of(mail)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
