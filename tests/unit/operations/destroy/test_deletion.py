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
from operations.destroy.arrangements import Failure, ReportSchedule, Subscription
from operations.destroy.deletion import destroy
from operations.destroy.remains import Remains
from operations.destroy.survey import Plan
from operations.destroy.target import Target
from sp_api.regions import Environment
from tests.unit.operations.destroy.support import ENDPOINTS, FUNCTIONS, STACK_ID, resource, stubbed, target

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
    shown: list[str] = []
    with stub:
        kept = destroy(found, Plan(remains=Remains(("reports",), (), (), ())), keep_data=False, show=shown.append)
    assert kept == ["1 versions in the bucket reports could not be deleted, such as report: Access Denied"]
    assert shown[-1] == f"  !! {kept[0]}"


def test_a_deletion_is_looked_at_more_and_more_rarely(
    cloudformation: tuple[Any, Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small stack is gone within seconds. One whose deletion has begun already is only watched."""
    client, stub = cloudformation
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    stub.add_response("describe_stack_events", {"StackEvents": [OLD]})
    running = event(2, "Queue", "AWS::SQS::Queue", "DELETE_IN_PROGRESS")
    for status in [*["DELETE_IN_PROGRESS"] * 7, "DELETE_COMPLETE"]:
        stack = {"StackName": "quick-start", "StackStatus": status, "CreationTime": datetime.now(UTC)}
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        stub.add_response("describe_stack_events", {"StackEvents": [running, OLD]})
    states, _ = stubbed("stepfunctions")
    clients = {"cloudformation": client, "stepfunctions": states, "s3": None, "dynamodb": None}
    shown: list[str] = []
    assert (
        destroy(target(clients=clients, status="DELETE_IN_PROGRESS"), Plan(), keep_data=False, show=shown.append) == []
    )
    assert slept == [0.2, 0.4, 0.8, 1.6, 3, 3, 3]
    assert [line.strip() for line in shown] == ["0 s  the stack is deleted"]


def test_resources_of_nested_stacks_are_shown_with_their_path(cloudformation: tuple[Any, Stubber]) -> None:
    client, stub = cloudformation
    nested = STACK_ID.replace("quick-start/1", "quick-start-Reports/2")
    for stack_id in (STACK_ID, nested):
        stub.add_response("describe_stack_events", {"StackEvents": []}, {"StackName": stack_id})
    stub.add_response("delete_stack", {}, {"StackName": STACK_ID})
    stack = {"StackName": "quick-start", "StackStatus": "DELETE_COMPLETE", "CreationTime": datetime.now(UTC)}
    stub.add_response("describe_stacks", {"Stacks": [stack]})
    own = event(1, "Reports", "AWS::CloudFormation::Stack", "DELETE_COMPLETE")
    stub.add_response("describe_stack_events", {"StackEvents": [own]}, {"StackName": STACK_ID})
    table = event(2, "Table", "AWS::DynamoDB::Table", "DELETE_COMPLETE")
    of_itself = event(3, "Reports", "AWS::CloudFormation::Stack", "DELETE_COMPLETE") | {"PhysicalResourceId": nested}
    stub.add_response("describe_stack_events", {"StackEvents": [of_itself, table]}, {"StackName": nested})
    states, _ = stubbed("stepfunctions")
    found = target(
        resource("Reports", "AWS::CloudFormation::Stack", nested),
        clients={"cloudformation": client, "stepfunctions": states, "s3": None, "dynamodb": None},
    )
    shown: list[str] = []
    destroy(found, Plan(), keep_data=False, show=shown.append)
    assert shown == [
        "      0 s  deleted  Reports",
        "      0 s  deleted  Reports/Table",
        "      0 s  the stack is deleted",
    ]


def test_a_deletion_is_tried_five_times(cloudformation: tuple[Any, Stubber], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that had begun before: the next attempt begins it again."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    failed = event(2, "Api", "AWS::ApiGateway::RestApi", "DELETE_FAILED", "Throttled")
    client, stub = cloudformation
    for attempt in range(5):
        stub.add_response("describe_stack_events", {"StackEvents": [OLD]})
        if attempt:
            stub.add_response("delete_stack", {}, {"StackName": STACK_ID})
        stack = {"StackName": "quick-start", "StackStatus": "DELETE_FAILED", "CreationTime": datetime.now(UTC)}
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        stub.add_response("describe_stack_events", {"StackEvents": [failed, OLD]})
    states, _ = stubbed("stepfunctions")
    found = target(clients={"cloudformation": client, "stepfunctions": states}, status="DELETE_IN_PROGRESS")
    with pytest.raises(CommandError, match="Api: Throttled"):
        destroy(found, Plan(), keep_data=False, show=lambda _: None)
    assert slept == [60] * 4


def test_what_would_block_the_deletion_is_removed_first() -> None:
    (iam, keys), (states, executions) = stubbed("iam"), stubbed("stepfunctions")
    keys.add_response("delete_access_key", {}, {"UserName": "user", "AccessKeyId": "AKIAEXAMPLEEXAMPLE00"})
    arns = [f"arn:aws:states:us-east-1:111122223333:execution:Machine:{name}" for name in "ab"]
    for arn in arns:
        why = {"error": "StackDeleted", "cause": "The stack of this state machine is being deleted."}
        executions.add_response("stop_execution", {"stopDate": datetime.now(UTC)}, {"executionArn": arn, **why})
    plan = Plan(user="user", access_keys=["AKIAEXAMPLEEXAMPLE00"], executions=arns)
    clients = {"iam": iam, "stepfunctions": states}
    shown: list[str] = []
    with keys, executions:
        deletion._unblock(clients.__getitem__, plan, shown.append)
    assert shown == ["  1 access key deleted", "  2 executions stopped"]
    shown.clear()
    deletion._unblock(clients.__getitem__, Plan(), shown.append)
    assert shown == []


def test_data_is_deleted_last_and_each_step_is_shown() -> None:
    (s3, bucket), (dynamodb, table) = stubbed("s3"), stubbed("dynamodb")
    version = {"Key": "report", "VersionId": "1", "Size": 1}
    more = {"IsTruncated": True, "NextKeyMarker": "report", "NextVersionIdMarker": "1"}
    bucket.add_response("list_object_versions", {"Versions": [version] * 1000, **more})
    bucket.add_response("delete_objects", {})
    bucket.add_response("list_object_versions", {"DeleteMarkers": [{"Key": "report", "VersionId": "2"}]})
    bucket.add_response("delete_objects", {})
    bucket.add_response("list_multipart_uploads", {})
    bucket.add_response("delete_bucket", {}, {"Bucket": "reports"})
    for name in ("sellers", "orders"):
        table.add_response("delete_table", {}, {"TableName": name})
    found = target(SELLERS, clients={"dynamodb": dynamodb, "s3": s3}, stack_id="", status="")
    plan = Plan(remains=Remains(("reports",), ("sellers", "orders"), (), ()))
    shown: list[str] = []
    with bucket, table:
        assert destroy(found, plan, keep_data=True, show=shown.append) == []
        assert shown == []
        assert destroy(found, plan, keep_data=False, show=shown.append) == []
    assert shown == [
        "  1,000 object versions deleted",
        "  1,001 object versions deleted",
        "  bucket reports deleted",
        "  table sellers deleted",
        "  table orders deleted",
    ]


SCHEDULE = ReportSchedule("A1", "NA", "schedule1", "GET_X", "P1D")
UNKNOWN = Failure("report schedules of seller A2 in NA", "HTTP 400")


def test_what_is_at_sp_api_is_deleted_first_and_what_is_left_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of sellers stays if a subscription does."""
    dynamodb, stub = stubbed("dynamodb")
    failure = Failure(str(SUBSCRIPTION), "HTTP 500")
    outcomes: list[list[Any]] = [[SUBSCRIPTION], [failure]]
    monkeypatch.setattr(deletion, "delete_report_schedules", lambda _, schedules: iter(schedules))
    monkeypatch.setattr(deletion, "delete_subscriptions", lambda *_: iter(outcomes.pop(0)))
    functions = [resource(f"Nested/{name}", "AWS::Lambda::Function", name) for name in FUNCTIONS]
    found = target(
        SELLERS, *functions, clients={"dynamodb": dynamodb, "s3": None}, outputs=ENDPOINTS, stack_id="", status=""
    )
    plan = Plan(
        subscriptions=[SUBSCRIPTION],
        schedules=[SCHEDULE],
        unknown=[UNKNOWN],
        remains=Remains((), ("sellers",), (), ("secret",)),
    )
    stub.add_response("delete_table", {}, {"TableName": "sellers"})
    shown: list[str] = []
    with stub:
        assert destroy(found, plan, keep_data=False, show=shown.append) == [str(UNKNOWN)]
        assert shown == [f"  deleted: {SCHEDULE}", f"  deleted: {SUBSCRIPTION}", "  table sellers deleted"]
        shown.clear()
        assert destroy(found, plan, keep_data=False, show=shown.append) == [
            str(UNKNOWN),
            str(failure),
            "table sellers: it holds the ids of subscriptions that were not deleted",
        ]
    assert shown == [f"  deleted: {SCHEDULE}", f"  !! {failure}"]


def test_without_the_stack_the_applications_credentials_delete_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def delete(*arguments: Any) -> Iterator[Subscription]:
        given.extend(arguments)
        return iter([SUBSCRIPTION])

    monkeypatch.setattr(deletion, "delete_subscriptions_without_stack", delete)
    found = target(SELLERS, stack_id="", status="")
    parameters = {"SellingPartnerApiEndpoint": "https://sp.test", "LoginWithAmazonEndpoint": "https://lwa.test"}
    found = replace(found, stack=replace(found.stack, parameters=parameters))
    plan = Plan(subscriptions=[SUBSCRIPTION], remains=Remains((), (), (), ("secret", "another")))
    assert destroy(found, plan, keep_data=True, show=lambda _: None) == []
    environment = Environment("https://sp.test", "https://lwa.test")
    assert given == [found.stack.client, environment, "secret", "sellers", [SUBSCRIPTION]]
    # Without subscriptions, nobody needs the secret.
    given.clear()
    assert destroy(found, replace(plan, subscriptions=[]), keep_data=True, show=lambda _: None) == []
    assert given == []
