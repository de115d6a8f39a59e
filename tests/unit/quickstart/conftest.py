"""Fixtures of the tests of the functions' package."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quickstart import clients
from quickstart.observability import logger
from tests.unit.quickstart.support import Aws
from tests.unit.sp_api.support import ScriptedServer


@pytest.fixture(autouse=True)
def _no_deadline_of_an_earlier_request() -> None:
    clients.end_calls_by(None)


class _Collected(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def _every_log_line_has_a_message() -> Iterator[None]:
    """Operators look for it."""
    collected = _Collected()
    logger().addHandler(collected)
    yield
    logger().removeHandler(collected)  # type: ignore[attr-defined]
    assert [record for record in collected.records if not record.getMessage()] == []


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Answers for LWA, SP-API and the document store."""
    with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Returns what the functions have logged, line by line."""
    written = io.StringIO()
    monkeypatch.setattr(logger().registered_handler, "stream", written)
    logger().clear_state()
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]
