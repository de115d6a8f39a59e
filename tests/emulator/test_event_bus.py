"""EventBridge: checks of events, events of partners, and the deletion of a bus."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.emulator.support import Emulator, unique
from tests.waiting import until


def entry(detail: str) -> dict[str, str]:
    return {"Source": unique("source"), "DetailType": "test", "Detail": detail}


def test_entries_that_are_too_large_in_total_are_rejected(emulator: Emulator) -> None:
    events = emulator.client("events")
    half = json.dumps({"text": "x" * 512 * 1024})
    assert events.put_events(Entries=[entry(half)])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match=r"ValidationException.*over the limit"):
        events.put_events(Entries=[entry(half), entry(half)])


@pytest.mark.parametrize("detail", ["[]", "{", '{"number": NaN}'])
def test_only_the_entry_whose_detail_is_not_a_json_object_fails(emulator: Emulator, detail: str) -> None:
    answer = emulator.client("events").put_events(Entries=[entry("{}"), entry(detail), entry("{}")])
    assert answer["FailedEntryCount"] == 1
    assert [result.get("ErrorCode") for result in answer["Entries"]] == [None, "MalformedDetail", None]
    assert all("EventId" in answer["Entries"][number] for number in (0, 2))


# Notes each attempt in a queue, and fails as often as the event says.
FAILING = """
import json
import boto3

def handler(event, context):
    sqs, detail = boto3.client("sqs"), event["detail"]
    sqs.send_message(QueueUrl=detail["attempts"], MessageBody="attempt")
    count = sqs.get_queue_attributes(QueueUrl=detail["attempts"], AttributeNames=["ApproximateNumberOfMessages"])
    if int(count["Attributes"]["ApproximateNumberOfMessages"]) <= detail["failures"]:
        raise KeyError("unforeseen")
"""


@pytest.mark.parametrize(("failures", "attempts", "dead"), [(1, 2, 0), (99, 3, 1)])
def test_a_function_of_a_rule_is_retried_twice_and_its_event_then_dead_lettered(
    emulator: Emulator, failures: int, attempts: int, dead: int
) -> None:
    events, sqs = emulator.client("events"), emulator.client("sqs")
    noted, dead_letters = (sqs.create_queue(QueueName=unique("queue"))["QueueUrl"] for _ in range(2))
    dead_letters_arn = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])["Attributes"]
    role = emulator.create_role({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"})
    target = {"TargetArn": dead_letters_arn["QueueArn"]}
    function = emulator.create_function(FAILING, role, Timeout=10, DeadLetterConfig=target)
    arn = emulator.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    source, rule = unique("source"), unique("rule")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "function", "Arn": arn}])
    detail = json.dumps({"attempts": noted, "failures": failures})
    events.put_events(Entries=[{"Source": source, "DetailType": "test", "Detail": detail}])

    def waiting(queue: str) -> int:
        found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    assert until(lambda: (waiting(noted), waiting(dead_letters)), lambda found: found == (attempts, dead))
    if dead:
        body = sqs.receive_message(QueueUrl=dead_letters, WaitTimeSeconds=5)["Messages"][0]["Body"]
        assert json.loads(body)["source"] == source


def test_a_bus_with_rules_is_not_deleted(emulator: Emulator) -> None:
    events, cloudformation = emulator.client("events"), emulator.client("cloudformation")
    name, rule = unique("bus"), unique("rule")
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}}
    stack = cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Bus": bus}}))["StackId"]

    def status() -> str:
        described: str = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return described

    def ended(operation: str) -> str:
        return until(status, lambda found: found in (f"{operation}_COMPLETE", f"{operation}_FAILED"))

    assert ended("CREATE") == "CREATE_COMPLETE"
    events.put_rule(Name=rule, EventBusName=name, EventPattern='{"source": ["test"]}')
    with pytest.raises(ClientError, match=r"ValidationException.*since it has rules"):
        events.delete_event_bus(Name=name)
    cloudformation.delete_stack(StackName=stack)
    assert ended("DELETE") == "DELETE_FAILED"
    events.delete_rule(Name=rule, EventBusName=name)
    cloudformation.delete_stack(StackName=stack)
    assert until(status, lambda found: found == "DELETE_COMPLETE")


def test_the_event_of_a_partner_reaches_the_bus_of_its_source_only(emulator: Emulator) -> None:
    events, sqs = emulator.client("events"), emulator.client("sqs")
    source = f"aws.partner/sellingpartnerapi.amazon.com/{unique('account')}/app"
    events.create_event_bus(Name=source, EventSourceName=source)
    queues = {}
    for bus in (source, "default"):
        url, arn = emulator.create_queue()
        rule = unique("rule")
        rule_arn = events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps({"source": [source]}))
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn["RuleArn"]}},
                }
            ],
        }
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        queues[bus] = url

    sent = events.put_partner_events(Entries=[{"Source": source, "DetailType": "NOTICE", "Detail": '{"sku": "A"}'}])

    assert sent["FailedEntryCount"] == 0
    (message,) = until(lambda: sqs.receive_message(QueueUrl=queues[source]).get("Messages", []), len)
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"], event["detail"]) == (source, "NOTICE", {"sku": "A"})
    assert "Messages" not in sqs.receive_message(QueueUrl=queues["default"], WaitTimeSeconds=1)
