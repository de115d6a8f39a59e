"""A console of a stack whose services answer as a test says."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from starlette.testclient import TestClient

from operations.console.console import Console, LocalServers
from operations.console.security import Keys
from operations.console.web import Page, make_app
from operations.stack import Stack

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ORIGIN = "http://127.0.0.1:8000"
# Fixed, because they are in names of tests.
KEYS = Keys("the-address-of-tests", "the-session-of-tests", "the-form-of-tests")
LOCAL = LocalServers("http://127.0.0.1:1", Path("mail"))


def error(code: str, message: str = "no", operation: str = "Query") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def make_console(
    clients: Mapping[str, Any] | Callable[[str], Any] | None = None,
    *,
    allows_changes: bool = True,
    local: LocalServers | None = None,
    **outputs: str,
) -> Console:
    """`clients` gives the client of each service."""
    found = clients if callable(clients) else (clients or {}).__getitem__
    stack = Stack("quick-start", outputs, {}, found, str, boto3.Session("test", "test", region_name="eu-west-1"))
    return Console(stack, allows_changes, local, lambda: NOW)


@dataclass(frozen=True)
class Visitor:
    """A browser that has opened the printed address."""

    client: TestClient

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return str(answer.text)

    def post(self, path: str, status: int = 200, **fields: str) -> str:
        """Sends a form as a page does, and gives the page that this leads to."""
        answer = self.client.post(path, data={"csrf": KEYS.form, **fields}, headers={"Origin": ORIGIN})
        assert answer.status_code == status, answer.text
        return str(answer.text)


def visitor(console: Console, pages: Sequence[Page]) -> Visitor:
    client = TestClient(make_app(console, KEYS, pages), base_url=ORIGIN, raise_server_exceptions=False)
    assert client.get(f"/?token={KEYS.address}").status_code == 200
    return Visitor(client)


def readable(page: str) -> str:
    """The text of a page, with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def link(page: str, words: str) -> str:
    """The address of the only link with this text; empty if there is none."""
    found = re.findall(rf'<a [^>]*?href="([^"]*)"[^>]*>{re.escape(words)}<', page)
    assert len(found) < 2, found
    return html.unescape(found[0]) if found else ""


def forms(page: str) -> list[str]:
    """Where the forms of a page that change something are sent to."""
    return [html.unescape(found) for found in re.findall(r'<form method="post" action="([^"]*)"', page)]
