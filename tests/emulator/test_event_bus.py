"""EventBridge's checks of events."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.emulator.support import Emulator, unique


def entry(detail: str) -> dict[str, str]:
    return {"Source": unique("source"), "DetailType": "test", "Detail": detail}


def test_entries_that_are_too_large_together_are_refused(emulator: Emulator) -> None:
    events = emulator.client("events")
    half = json.dumps({"text": "x" * 128 * 1024})
    assert events.put_events(Entries=[entry(half)])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match=r"ValidationException.*over the limit"):
        events.put_events(Entries=[entry(half), entry(half)])


@pytest.mark.parametrize("detail", ["[]", "{", '{"number": NaN}'])
def test_a_detail_that_is_no_json_object_fails_alone(emulator: Emulator, detail: str) -> None:
    answer = emulator.client("events").put_events(Entries=[entry("{}"), entry(detail), entry("{}")])
    assert answer["FailedEntryCount"] == 1
    assert [result.get("ErrorCode") for result in answer["Entries"]] == [None, "MalformedDetail", None]
    assert all("EventId" in answer["Entries"][number] for number in (0, 2))
