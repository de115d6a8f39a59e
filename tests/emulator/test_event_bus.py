"""EventBridge's checks of events, and of the deletion of a bus."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.emulator.support import Emulator, eventually, unique


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


def test_a_bus_with_rules_is_not_deleted(emulator: Emulator) -> None:
    events, cloudformation = emulator.client("events"), emulator.client("cloudformation")
    name, rule = unique("bus"), unique("rule")
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}}
    stack = cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Bus": bus}}))["StackId"]

    def status() -> str:
        described: str = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return described

    def ended(operation: str) -> str:
        return eventually(status, lambda found: found in (f"{operation}_COMPLETE", f"{operation}_FAILED"))

    assert ended("CREATE") == "CREATE_COMPLETE"
    events.put_rule(Name=rule, EventBusName=name, EventPattern='{"source": ["test"]}')
    with pytest.raises(ClientError, match=r"ValidationException.*since it has rules"):
        events.delete_event_bus(Name=name)
    cloudformation.delete_stack(StackName=stack)
    assert ended("DELETE") == "DELETE_FAILED"
    events.delete_rule(Name=rule, EventBusName=name)
    cloudformation.delete_stack(StackName=stack)
    assert eventually(status, lambda found: found == "DELETE_COMPLETE")
