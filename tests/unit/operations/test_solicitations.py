"""Stopping running review requests, and sending a retained table's orders again."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from operations.command import CommandError
from operations.solicitations import exclude, exclusions, include, order_change, resume, stop
from operations.stack import Stack
from quickstart.solicitations.ledger import _item, shipped
from quickstart.solicitations.orders import OrderChange, OrderEvent, OrderKey, read_order_change
from tests.unit.quickstart.support import Aws, MemoryTable

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Solicitation-1"
NESTED = "arn:aws:cloudformation:us-east-1:111122223333:stack/quick-start-Solicitations/2"
TABLE, QUEUE = "old-table", "https://sqs.us-east-1.amazonaws.com/111122223333/orders"


def stubbed(service: str) -> tuple[Any, Stubber]:
    make: Callable[..., Any] = boto3.client
    client = make(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    return client, Stubber(client)


def stack(clients: Mapping[str, Any], **outputs: str) -> Stack:
    parameters = {"SolicitationDelayDays": "7"}
    return Stack("quick-start", outputs, parameters, lambda name: clients[name], str, boto3.Session())


def held(kind: str, logical_id: str, physical_id: str, status: str) -> dict[str, Any]:
    return {
        "LogicalResourceId": logical_id,
        "ResourceType": kind,
        "PhysicalResourceId": physical_id,
        "ResourceStatus": status,
        "LastUpdatedTimestamp": NOW,
    }


def nested_with_machine(stub: Stubber, status: str) -> None:
    nested = held("AWS::CloudFormation::Stack", "Solicitations", NESTED, status)
    stub.add_response("list_stack_resources", {"StackResourceSummaries": [nested]}, {"StackName": "quick-start"})
    machine = held("AWS::StepFunctions::StateMachine", "Solicitation", MACHINE, status)
    stub.add_response("list_stack_resources", {"StackResourceSummaries": [machine]}, {"StackName": NESTED})


def running(stub: Stubber, *names: str) -> None:
    executions = [
        {
            "executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:{name}",
            "stateMachineArn": MACHINE,
            "name": name,
            "status": "RUNNING",
            "startDate": NOW,
        }
        for name in names
    ]
    asked = {"stateMachineArn": MACHINE, "statusFilter": "RUNNING"}
    stub.add_response("list_executions", {"executions": executions}, asked)


def test_an_execution_that_an_update_deletes_meanwhile_does_not_end_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    (cloudformation, formation), (states, stub) = stubbed("cloudformation"), stubbed("stepfunctions")
    nested_with_machine(formation, "DELETE_IN_PROGRESS")
    running(stub, "a")
    stub.add_client_error("stop_execution", "ExecutionDoesNotExist")
    stub.add_client_error("list_executions", "StateMachineDoesNotExist")
    with formation, stub:
        assert stop(stack({"cloudformation": cloudformation, "stepfunctions": states})) == 1


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "DELETE_IN_PROGRESS"])
def test_executions_are_stopped_until_none_runs(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    why = {"error": "SolicitationsStopped", "cause": "make stop-solicitations"}
    (cloudformation, formation), (states, stub) = stubbed("cloudformation"), stubbed("stepfunctions")
    nested_with_machine(formation, status)
    running(stub, "a", "b")
    for name in ("a", "b"):
        arn = f"{MACHINE.replace('stateMachine', 'execution')}:{name}"
        stub.add_response("stop_execution", {"stopDate": NOW}, {"executionArn": arn, **why})
    running(stub, "b", "c")  # one is slow to stop, another has begun
    arn = f"{MACHINE.replace('stateMachine', 'execution')}:c"
    stub.add_response("stop_execution", {"stopDate": NOW}, {"executionArn": arn, **why})
    running(stub)
    with formation, stub:
        assert stop(stack({"cloudformation": cloudformation, "stepfunctions": states})) == 3
    stub.assert_no_pending_responses()
    assert slept == [1, 1]


def test_a_stack_without_the_state_machine_has_nothing_to_stop() -> None:
    """Others of its resources, and a machine that is deleted, do not count."""
    cloudformation, formation = stubbed("cloudformation")
    found = [
        held("AWS::StepFunctions::StateMachine", "Solicitation", MACHINE, "DELETE_COMPLETE"),
        held("AWS::StepFunctions::StateMachine", "ReportProcessor", MACHINE, "CREATE_COMPLETE"),
        held("AWS::SQS::Queue", "Solicitation", "queue", "CREATE_COMPLETE"),
    ]
    formation.add_response("list_stack_resources", {"StackResourceSummaries": found})
    root = {"StackName": "quick-start", "StackId": "root-id", "StackStatus": "UPDATE_COMPLETE", "CreationTime": NOW}
    formation.add_response("describe_stacks", {"Stacks": [root]})
    formation.add_response("list_stacks", {"StackSummaries": []})
    message = "^the stack quick-start requests no reviews: its SolicitationsEnabled is No$"
    with formation, pytest.raises(CommandError, match=message):
        stop(stack({"cloudformation": cloudformation}))


def test_who_is_excluded_from_reviews(aws: Aws) -> None:
    table = MemoryTable(aws, "AmazonOrderId", "SellerId")
    made = Stack("s", {"SolicitationsTableName": "table"}, {}, aws.client, str, boto3.Session())
    assert exclusions(made) == ()
    exclude(made, "A1")
    exclude(made, "*")
    assert exclusions(made) == ("A1", "*")
    include(made, "*")
    assert table.items == [{"AmazonOrderId": "#EXCLUDED", "SellerId": "A1"}]
    with pytest.raises(CommandError, match="SolicitationsEnabled is No"):
        exclusions(stack({"dynamodb": None}))


@pytest.fixture
def aws() -> Aws:
    return Aws()


def test_a_machine_that_an_update_could_not_delete_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    (cloudformation, formation), (states, stub) = stubbed("cloudformation"), stubbed("stepfunctions")
    formation.add_response("list_stack_resources", {"StackResourceSummaries": []})
    root = {"StackName": "quick-start", "StackId": "root-id", "StackStatus": "UPDATE_COMPLETE", "CreationTime": NOW}
    formation.add_response("describe_stacks", {"Stacks": [root]})
    left = {"StackId": NESTED, "StackName": "x", "StackStatus": "DELETE_FAILED", "CreationTime": NOW}
    formation.add_response("list_stacks", {"StackSummaries": [left | {"RootId": "root-id"}]})
    machine = held("AWS::StepFunctions::StateMachine", "Solicitation", MACHINE, "DELETE_FAILED")
    formation.add_response("list_stack_resources", {"StackResourceSummaries": [machine]}, {"StackName": NESTED})
    running(stub)
    with formation, stub:
        assert stop(stack({"cloudformation": cloudformation, "stepfunctions": states})) == 0
    formation.assert_no_pending_responses()


def test_a_machine_that_is_deleted_meanwhile_runs_nothing() -> None:
    (cloudformation, formation), (states, stub) = stubbed("cloudformation"), stubbed("stepfunctions")
    nested_with_machine(formation, "DELETE_IN_PROGRESS")
    stub.add_client_error("list_executions", "StateMachineDoesNotExist")
    with formation, stub:
        assert stop(stack({"cloudformation": cloudformation, "stepfunctions": states})) == 0


CHANGE = OrderChange(
    key=OrderKey.of("903-8868176-2219830", "A3TH9S8BH6GOGM", sandbox=False),
    marketplace_id="ATVPDKIKX0DER",
    event=OrderEvent.SHIPPED,
    order_status="Shipped",
    changed=NOW - timedelta(days=1),
    earliest_delivery=NOW + timedelta(days=1),
    latest_delivery=NOW + timedelta(days=4),
)


def stored(**changed: str) -> Mapping[str, Any]:
    """The item of CHANGE as the scheduler writes it, as DynamoDB returns it."""
    item = _item(shipped(None, CHANGE, timedelta(days=7), NOW)) | changed
    return {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in item.items()
        if value is not None
    }


def test_an_order_change_has_what_the_record_has() -> None:
    assert order_change(stored(), timedelta(days=7)) == {
        "NotificationType": "ORDER_CHANGE",
        "EventTime": "2026-11-25T12:00:00+00:00",
        "Payload": {
            "OrderChangeNotification": {
                "SellerId": "A3TH9S8BH6GOGM",
                "AmazonOrderId": "903-8868176-2219830",
                "Summary": {
                    "MarketplaceId": "ATVPDKIKX0DER",
                    "OrderStatus": "Shipped",
                    "EarliestDeliveryDate": "2026-11-27T12:00:00+00:00",
                    "LatestDeliveryDate": "2026-11-30T12:00:00+00:00",
                },
            }
        },
        "Sandbox": "No",
    }


@pytest.mark.parametrize("sandbox", [True, False])
def test_an_order_sent_again_has_the_same_due_time_and_deadline(sandbox: bool) -> None:
    item = stored(**({"AmazonOrderId": "SANDBOX#903-8868176-2219830"} if sandbox else {}))
    again = read_order_change(json.dumps(order_change(item, timedelta(days=7))), NOW)
    assert again is not None
    assert again.key == OrderKey.of("903-8868176-2219830", "A3TH9S8BH6GOGM", sandbox=sandbox)
    first, second = shipped(None, CHANGE, timedelta(days=7), NOW), shipped(None, again, timedelta(days=7), NOW)
    assert (second.due, second.deadline, second.marketplace_id) == (first.due, first.deadline, first.marketplace_id)


def test_unfinished_orders_alone_are_sent_again() -> None:
    (dynamodb, table), (sqs, queue) = stubbed("dynamodb"), stubbed("sqs")
    unfinished = [stored(State=state) for state in ("SCHEDULED", "WAITING", "SUBMITTING", "FAILED")]
    finished = [stored(State="SOLICITED"), stored(State="CANCELLED"), stored(Deadline="2026-11-26T12:00:00+00:00")]
    # Cancelled while its request was sent: it must never be requested again.
    finished.append({**stored(State="SUBMITTING"), "Cancelled": {"BOOL": True}})
    exclusion = {"AmazonOrderId": {"S": "#EXCLUDED"}, "SellerId": {"S": "*"}}
    items = [*unfinished, *finished, exclusion] * 3
    table.add_response("scan", {"Items": items}, {"TableName": TABLE, "ConsistentRead": True})
    for size in (10, 2):
        entries = [{"Id": str(number), "MessageId": "1", "MD5OfMessageBody": "1"} for number in range(size)]
        queue.add_response(
            "send_message_batch", {"Successful": entries, "Failed": []}, {"QueueUrl": QUEUE, "Entries": ANY}
        )
    found = stack({"dynamodb": dynamodb, "sqs": sqs}, OrdersQueueUrl=QUEUE, SolicitationsTableName="new-table")
    with table, queue:
        assert resume(found, TABLE, NOW) == 12
    queue.assert_no_pending_responses()


def test_a_damaged_item_does_not_keep_the_other_orders_from_being_sent() -> None:
    (dynamodb, table), (sqs, queue) = stubbed("dynamodb"), stubbed("sqs")
    damaged = [
        stored(Deadline="soon"),
        stored(Deadline="2027-01-01T00:00:00"),  # of no time zone
        {**stored(), "DueTime": {"N": "7"}},
        stored(DueTime="0001-01-01T00:00:00+00:00"),
        stored(State="ASLEEP"),
    ]
    table.add_response("scan", {"Items": [*damaged, stored()]})
    sent = {"Successful": [{"Id": "0", "MessageId": "1", "MD5OfMessageBody": "1"}], "Failed": []}
    queue.add_response("send_message_batch", sent, {"QueueUrl": QUEUE, "Entries": ANY})
    found = stack({"dynamodb": dynamodb, "sqs": sqs}, OrdersQueueUrl=QUEUE, SolicitationsTableName="new-table")
    with table, queue, pytest.raises(CommandError) as refused:
        resume(found, TABLE, NOW)
    assert str(refused.value) == (
        "1 order sent to the orders queue. These items cannot be read, so restore them from a backup of the table and "
        "run this again, or delete them: " + ", ".join(["903-8868176-2219830 of A3TH9S8BH6GOGM"] * 5)
    )
    queue.assert_no_pending_responses()


def test_what_sqs_refuses_ends_the_command() -> None:
    (dynamodb, table), (sqs, queue) = stubbed("dynamodb"), stubbed("sqs")
    table.add_response("scan", {"Items": [stored()]})
    failed = {"Id": "0", "Code": "InternalError", "Message": "try again", "SenderFault": False}
    queue.add_response("send_message_batch", {"Successful": [], "Failed": [failed]})
    found = stack({"dynamodb": dynamodb, "sqs": sqs}, OrdersQueueUrl=QUEUE, SolicitationsTableName="new-table")
    with table, queue, pytest.raises(CommandError, match="SQS did not accept 1 order: try again"):
        resume(found, TABLE, NOW)


def test_a_stack_without_reviews_and_its_own_table_are_refused() -> None:
    with pytest.raises(CommandError, match="SolicitationsEnabled is No"):
        resume(stack({}), TABLE, NOW)
    own = stack({}, OrdersQueueUrl=QUEUE, SolicitationsTableName=TABLE)
    with pytest.raises(CommandError) as refused:
        resume(own, TABLE, NOW)
    assert str(refused.value) == (
        "old-table is the stack's own table. To resume stopped executions: make redrive-executions STACK=quick-start "
        "ARGS=--aborted"
    )


def test_a_delay_that_the_stack_does_not_have_is_that_of_sp_api() -> None:
    """A stack of an earlier version: the window opens five days after the earliest delivery."""
    (dynamodb, table), (sqs, queue) = stubbed("dynamodb"), stubbed("sqs")
    table.add_response("scan", {"Items": [stored()]})
    message = json.dumps(order_change(stored(), timedelta(days=5)))
    sent = {"Successful": [{"Id": "0", "MessageId": "1", "MD5OfMessageBody": "1"}], "Failed": []}
    asked = {"QueueUrl": QUEUE, "Entries": [{"Id": "0", "MessageBody": message}]}
    queue.add_response("send_message_batch", sent, asked)
    found = stack({"dynamodb": dynamodb, "sqs": sqs}, OrdersQueueUrl=QUEUE, SolicitationsTableName="new-table")
    with table, queue:
        assert resume(replace(found, parameters={}), TABLE, NOW) == 1
