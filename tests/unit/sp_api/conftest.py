"""Fixtures of the client's tests."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.unit.sp_api.support import ScriptedServer

# A busy machine makes single examples slow; that is no failure.
settings.register_profile("any machine")
settings.load_profile("any machine")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted
