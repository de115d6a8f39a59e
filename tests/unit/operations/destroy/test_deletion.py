"""The steps of a deletion, and what it keeps when one fails."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from operations.command import CommandError
from operations.destroy import deletion
from operations.destroy.arrangements import Subscription
from operations.destroy.deletion import destroy
from operations.destroy.remains import Remains
from operations.destroy.survey import Plan
from operations.destroy.target import Target
from tests.unit.operations.destroy.support import STACK_ID, resource, stubbed, target

SELLERS = resource("TokenStorage/SellingPartnersTable", "AWS::DynamoDB::Table", "sellers")
SUBSCRIPTION = Subscription("A1", "NA", "ORDER_CHANGE", "subscription1", "destination1", "SUBSCRIPTION#1")


def event(number: int, path: str, kind: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "EventId": str(number),
        "StackId": STACK_ID,
        "StackName": "quick-start",
        "LogicalResourceId": path,
        "PhysicalResourceId": path,
        "ResourceType": kind,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "Timestamp": datetime.now(UTC),
    }


OLD = event(1, "Bus", "AWS::Events::EventBus", "DELETE_FAILED", "an earlier attempt")


@pytest.fixture
def cloudformation() -> Iterator[tuple[Any, Stubber]]:
    client, stub = stubbed("cloudformation")
    with stub:
        yield client, stub
    stub.assert_no_pending_responses()


def deleted(client: Any, stub: Stubber, status: str, *events: dict[str, Any]) -> Target:
    """A stack whose deletion ends with this status after these events, newest first."""
    stub.add_response("describe_stack_events", {"StackEvents": [OLD]})
    stub.add_response("delete_stack", {}, {"StackName": STACK_ID})
    stack = {"StackName": "quick-start", "StackStatus": status, "CreationTime": datetime.now(UTC)}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": STACK_ID})
    stub.add_response("describe_stack_events", {"StackEvents": [*events, OLD]})
    states, _ = stubbed("stepfunctions")
    return target(clients={"cloudformation": client, "stepfunctions": states, "s3": None, "dynamodb": None})


def test_a_deleted_stack_shows_its_new_events_oldest_first(cloudformation: tuple[Any, Stubber]) -> None:
    found = deleted(
        *cloudformation,
        "DELETE_COMPLETE",
        event(3, "Table", "AWS::DynamoDB::Table", "DELETE_SKIPPED"),
        event(2, "Queue", "AWS::SQS::Queue", "DELETE_COMPLETE"),
    )
    shown: list[str] = []
    assert destroy(found, Plan(), keep_data=False, show=shown.append) == []
    assert [line.split(" s  ")[1] for line in shown] == ["deleted  Queue", "kept     Table", "the stack is deleted"]


def test_a_failed_deletion_names_the_resources_and_keeps_the_data(cloudformation: tuple[Any, Stubber]) -> None:
    found = deleted(
        *cloudformation,
        "DELETE_FAILED",
        event(3, "Foundation", "AWS::CloudFormation::Stack", "DELETE_FAILED", "a nested resource failed"),
        event(2, "Bus", "AWS::Events::EventBus", "DELETE_FAILED", "it has rules"),
    )
    plan = Plan(remains=Remains(("reports",), ("sellers",), (), ()))
    with pytest.raises(CommandError) as raised:
        destroy(found, plan, keep_data=False, show=lambda _: None)
    assert str(raised.value).splitlines()[:2] == [
        "CloudFormation could not delete these resources:",
        "  Bus: it has rules",
    ]


def test_a_throttled_deletion_is_tried_again(
    cloudformation: tuple[Any, Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudFormation's words for API Gateway's 429 when several REST APIs of the account are deleted."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    reason = "Too Many Requests (Service: ApiGateway, Status Code: 429, Request ID: 1)"
    failed = event(2, "ReportCreatorRestApi", "AWS::ApiGateway::RestApi", "DELETE_FAILED", reason)
    deleted(*cloudformation, "DELETE_FAILED", failed)
    found = deleted(*cloudformation, "DELETE_COMPLETE")
    shown: list[str] = []
    assert destroy(found, Plan(), keep_data=False, show=shown.append) == []
    assert slept == [60]
    assert "  AWS throttled the deletion (Too Many Requests). Trying again in 60 seconds." in shown


def test_a_deletion_that_is_always_throttled_ends(
    cloudformation: tuple[Any, Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    failed = event(2, "Api", "AWS::ApiGateway::RestApi", "DELETE_FAILED", "Rate exceeded")
    for _ in range(5):
        found = deleted(*cloudformation, "DELETE_FAILED", failed)
    with pytest.raises(CommandError, match="Api: Rate exceeded"):
        destroy(found, Plan(), keep_data=False, show=lambda _: None)


def test_a_stranded_nested_stack_is_deleted_before_the_root_once_its_executions_are_stopped() -> None:
    nested = STACK_ID.replace("quick-start/1", "quick-start-Solicitations/2")
    calls: list[str] = []
    client, stub = stubbed("cloudformation")
    for stack_id in (nested, STACK_ID):
        name = stack_id.split("/")[1]
        stub.add_response("describe_stack_events", {"StackEvents": []}, {"StackName": stack_id})
        stub.add_response("delete_stack", {}, {"StackName": stack_id})
        stack = {"StackName": name, "StackStatus": "DELETE_COMPLETE", "CreationTime": datetime.now(UTC)}
        stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": stack_id})
        stub.add_response("describe_stack_events", {"StackEvents": []}, {"StackName": stack_id})
    states, states_stub = stubbed("stepfunctions")
    states_stub.add_response("stop_execution", {"stopDate": datetime.now(UTC)})
    for service in (client, states):
        service.meta.events.register_first("provide-client-params", lambda model, **_: calls.append(model.name))
    found = replace(
        target(clients={"cloudformation": client, "stepfunctions": states, "s3": None, "dynamodb": None}),
        stranded=(nested,),
    )
    execution = "arn:aws:states:us-east-1:111122223333:execution:Solicitation:waiting"
    with stub, states_stub:
        assert destroy(found, Plan(executions=[execution]), keep_data=False, show=lambda _: None) == []
    stub.assert_no_pending_responses()
    states_stub.assert_no_pending_responses()
    changing = [name for name in calls if name in ("StopExecution", "DeleteStack")]
    assert changing == ["StopExecution", "DeleteStack", "DeleteStack"]


def test_a_failure_without_events_names_the_status(cloudformation: tuple[Any, Stubber]) -> None:
    with pytest.raises(CommandError, match="  quick-start: ROLLBACK_FAILED"):
        destroy(deleted(*cloudformation, "ROLLBACK_FAILED"), Plan(), keep_data=False, show=lambda _: None)


def test_an_execution_that_has_ended_is_not_stopped() -> None:
    states, stub = stubbed("stepfunctions")
    stub.add_client_error("stop_execution", "ExecutionDoesNotExist")
    stub.add_response("stop_execution", {"stopDate": datetime.now(UTC)})
    arns = [f"arn:aws:states:us-east-1:111122223333:execution:Machine:{name}" for name in ("gone", "running")]
    with stub:
        deletion._unblock(lambda _: states, Plan(executions=arns), lambda _: None)
    stub.assert_no_pending_responses()


def test_the_sellers_stay_recorded_while_a_subscription_is_not_deleted() -> None:
    dynamodb, stub = stubbed("dynamodb")
    stub.add_response("delete_table", {}, {"TableName": "reports"})
    found = target(SELLERS, clients={"dynamodb": dynamodb, "s3": None}, stack_id="", status="")
    plan = Plan(subscriptions=[SUBSCRIPTION], remains=Remains((), ("sellers", "reports"), (), ()))
    with stub:
        kept = destroy(found, plan, keep_data=False, show=lambda _: None)
    assert kept == [
        f"{SUBSCRIPTION}: cannot be deleted, because both the stack and the application's secret are gone",
        "table sellers: it holds the ids of subscriptions that were not deleted",
    ]
    stub.assert_no_pending_responses()


def test_a_bucket_that_cannot_be_emptied_is_kept() -> None:
    s3, stub = stubbed("s3")
    version = {"Key": "report", "VersionId": "1", "Size": 1}
    stub.add_response("list_object_versions", {"Versions": [version]})
    denied = {"Key": "report", "Code": "AccessDenied", "Message": "Access Denied"}
    stub.add_response("delete_objects", {"Errors": [denied]})
    found = target(clients={"dynamodb": None, "s3": s3}, stack_id="", status="")
    with stub:
        kept = destroy(found, Plan(remains=Remains(("reports",), (), (), ())), keep_data=False, show=lambda _: None)
    assert kept == ["1 versions in the bucket reports could not be deleted, such as report: Access Denied"]
