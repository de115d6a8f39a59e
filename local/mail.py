"""Prints the e-mails of the local stack as people read them, the newest last: `make mail`.

After `make down`, they are those of the stack that was stopped.
"""

import contextlib
import json
import sys
import unicodedata

from environment import RUN_DIRECTORY
from servers import MAIL, load_servers
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
    running = load_servers(RUN_DIRECTORY) is not None
    mails = read_messages(RUN_DIRECTORY / MAIL)
    if not running and not mails:
        print("No local stack is running. Start one with `make up`", file=sys.stderr)
        return 2
    for mail in mails:
        print(f"{_LINE}\n{text_of(mail)}\n")
    if not running:
        print("The local stack is stopped. Links in these e-mails no longer work.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
