"""Which stack is deleted, and which of its resources exist."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from operations.destroy import target as targets
from operations.destroy.target import Target, find_target
from operations.stack import StackUnknownError
from tests.unit.operations.destroy.support import ENDPOINTS, FUNCTIONS, STACK_ID, resource, stubbed, target
from tests.unit.quickstart.support import Aws, AwsError

ENDPOINT_FUNCTIONS = tuple(resource(f"Nested/{name}", "AWS::Lambda::Function", name) for name in FUNCTIONS)


def test_resources_are_found_by_the_last_part_of_their_path_and_by_type() -> None:
    table = resource("Reports/ReportsTable", "AWS::DynamoDB::Table", "table-1")
    deleted = resource("Reports/OldTable", "AWS::DynamoDB::Table", "table-0", "DELETE_COMPLETE")
    not_created = resource("Reports/NewTable", "AWS::DynamoDB::Table", "")
    found = target(table, deleted, not_created)
    assert [found.named(name) for name in ("ReportsTable", "OldTable", "Reports")] == ["table-1", "", ""]
    assert found.of_type("AWS::DynamoDB::Table") == ["table-1"]


def test_a_whole_stack_has_its_endpoints() -> None:
    assert target(*ENDPOINT_FUNCTIONS, outputs=ENDPOINTS).has_endpoints


@pytest.mark.parametrize(
    ("functions", "outputs", "status"),
    [
        (ENDPOINT_FUNCTIONS, ENDPOINTS, "DELETE_IN_PROGRESS"),
        (ENDPOINT_FUNCTIONS, ENDPOINTS[:1], "DELETE_FAILED"),
        (ENDPOINT_FUNCTIONS[:1], ENDPOINTS, "DELETE_FAILED"),
        ((), (), ""),
    ],
)
def test_a_partly_deleted_stack_has_no_endpoints(
    functions: tuple[object, ...], outputs: tuple[str, ...], status: str
) -> None:
    assert not target(*functions, outputs=outputs, status=status).has_endpoints


@pytest.mark.parametrize("root_status", ["UPDATE_COMPLETE", "DELETE_COMPLETE"])
def test_a_nested_stack_that_an_update_could_not_delete_is_found(
    monkeypatch: pytest.MonkeyPatch, root_status: str
) -> None:
    """SolicitationsEnabled from Yes to No, while an execution waits: the root has no such nested stack any more."""
    stranded = STACK_ID.replace("quick-start/1", "quick-start-Solicitations/2")
    failing = STACK_ID.replace("quick-start/1", "quick-start-Reports/3")
    others = STACK_ID.replace("quick-start/1", "another-Solicitations/4")
    now = datetime.now(UTC)
    machine = "arn:aws:states:us-east-1:111122223333:stateMachine:Solicitation-1"
    parameters = [{"ParameterKey": "ReportStorageNotificationEmail", "ParameterValue": "a@example.com"}]
    root = {"StackName": "quick-start", "StackId": STACK_ID, "StackStatus": root_status, "CreationTime": now}

    def listed(stack_id: str, status: str, root_id: str = "") -> dict[str, Any]:
        name = stack_id.split("/")[1]
        summary = {"StackId": stack_id, "StackName": name, "StackStatus": status, "CreationTime": now}
        return summary | ({"RootId": root_id} if root_id else {})

    def held(kind: str, physical_id: str, status: str) -> dict[str, Any]:
        return {
            "LogicalResourceId": kind.rpartition("::")[2],
            "ResourceType": kind,
            "PhysicalResourceId": physical_id,
            "ResourceStatus": status,
            "LastUpdatedTimestamp": now,
        }

    answers: dict[str, Any] = {
        STACK_ID: [held("AWS::CloudFormation::Stack", failing, "DELETE_FAILED")],
        failing: [],
        stranded: [held("AWS::StepFunctions::StateMachine", machine, "DELETE_FAILED")],
    }
    stacks = {
        "DELETE_FAILED": [
            listed(stranded, "DELETE_FAILED", STACK_ID),
            listed(others, "DELETE_FAILED", STACK_ID.replace("/1", "/9")),
            *([listed(failing, "DELETE_FAILED", STACK_ID)] if root_status != "DELETE_COMPLETE" else []),
        ],
        "DELETE_COMPLETE": [listed(STACK_ID, "DELETE_COMPLETE")] if root_status == "DELETE_COMPLETE" else [],
    }
    client, _ = stubbed("cloudformation")

    def answer(model: Any, params: dict[str, Any], **_: Any) -> Any:
        body = params["body"]
        response = {"ResponseMetadata": {"HTTPStatusCode": 200}}
        match model.name:
            case "DescribeStacks" if body["StackName"] == "quick-start" and root_status == "DELETE_COMPLETE":
                error = {"Code": "ValidationError", "Message": "does not exist"}
                return http(400), response | {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
            case "DescribeStacks":
                return http(200), response | {"Stacks": [root | {"Parameters": parameters}]}
            case "ListStackResources":
                return http(200), response | {"StackResourceSummaries": answers[body["StackName"]]}
            case "ListStacks":
                return http(200), response | {"StackSummaries": stacks[body["StackStatusFilter.member.1"]]}
        raise AssertionError(model.name)

    client.meta.events.register_first("before-call", answer)
    monkeypatch.setattr(targets, "client_maker", lambda _: lambda _: client)
    found = find_target("quick-start", boto3.Session("test", "test", region_name="us-east-1"))
    assert found.stranded == (stranded,)
    assert found.of_type("AWS::StepFunctions::StateMachine") == [machine]


def http(status: int) -> Any:
    return AWSResponse("https://aws.test", status, HTTPHeaders(), None)


class Deleted:
    """CloudFormation with deleted nested stacks, each with a bucket that was kept and a queue that was not."""

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=getattr(self, name))

    def list_stacks(self, *, StackStatusFilter: list[str]) -> list[Any]:  # noqa: N803 - boto3's spelling
        assert StackStatusFilter == ["DELETE_COMPLETE"]
        return [{"StackSummaries": [{"StackId": "mine", "RootId": "root"}, {"StackId": "other", "RootId": "else"}]}]

    def list_stack_resources(self, *, StackName: str) -> list[Any]:  # noqa: N803 - boto3's spelling
        def held(kind: str, status: str) -> dict[str, str]:
            return {
                "LogicalResourceId": kind,
                "ResourceType": f"AWS::{kind}",
                "PhysicalResourceId": f"{StackName}-{kind}",
                "ResourceStatus": status,
            }

        return [{"StackResourceSummaries": [held("Bucket", "DELETE_SKIPPED"), held("Queue", "DELETE_COMPLETE")]}]


def test_what_nested_stacks_left_behind() -> None:
    assert [found.physical_id for found in targets._left_by_nested(Deleted(), {"root"})] == ["mine-Bucket"]


def found_stack(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> Target:
    monkeypatch.setattr(targets, "client_maker", lambda _: aws.client)
    return find_target("quick-start", boto3.Session("test", "test", region_name="us-east-1"))


OURS = [{"ParameterKey": "ReportStorageNotificationEmail", "ParameterValue": "a@example.com"}]
EMPTY: dict[str, Any] = {
    "ListStackResources": lambda _: {"StackResourceSummaries": []},
    "ListStacks": lambda _: {"StackSummaries": []},
}


def root(**changed: Any) -> dict[str, Any]:
    return {"StackId": STACK_ID, "StackStatus": "CREATE_COMPLETE", "Parameters": OURS} | changed


def test_a_stack_is_found_with_what_cloudformation_says_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    described = root(Outputs=[{"OutputKey": "A", "OutputValue": "a"}], EnableTerminationProtection=True)
    found = found_stack(monkeypatch, Aws(DescribeStacks=lambda _: {"Stacks": [described]}, **EMPTY))
    assert (found.stack.name, found.stack_id, found.status) == ("quick-start", STACK_ID, "CREATE_COMPLETE")
    assert (found.protected, found.resources, found.stranded) == (True, (), ())
    assert found.stack.outputs == {"A": "a"}
    assert found.stack.parameters == {"ReportStorageNotificationEmail": "a@example.com"}
    plain = found_stack(monkeypatch, Aws(DescribeStacks=lambda _: {"Stacks": [root()]}, **EMPTY))
    assert (plain.protected, plain.stack.outputs) == (False, {})


def test_a_stack_of_another_template_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose creation was only reviewed has no parameters yet."""
    other = root(Parameters=[{"ParameterKey": "Other", "ParameterValue": "x"}])
    with pytest.raises(StackUnknownError) as refused:
        found_stack(monkeypatch, Aws(DescribeStacks=lambda _: {"Stacks": [other]}, **EMPTY))
    assert str(refused.value) == (
        "the stack quick-start is not the Quick Start's root stack: it has no parameter ReportStorageNotificationEmail"
    )
    reviewed = {"StackId": STACK_ID, "StackStatus": "REVIEW_IN_PROGRESS"}
    found = found_stack(monkeypatch, Aws(DescribeStacks=lambda _: {"Stacks": [reviewed]}, **EMPTY))
    assert found.status == "REVIEW_IN_PROGRESS"


def test_what_aws_refuses_is_not_taken_for_a_deleted_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError("AccessDenied", 403)

    with pytest.raises(ClientError, match="AccessDenied"):
        found_stack(monkeypatch, Aws(DescribeStacks=refuse, **EMPTY))


@pytest.mark.parametrize(
    ("name", "parameters", "exists", "found"),
    [
        ("quick-start", OURS, True, True),
        ("quick-start", OURS, False, False),
        ("quick-start", [], True, False),
        ("another", OURS, True, False),
    ],
)
def test_what_a_deleted_stack_left_is_found_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, parameters: list[dict[str, str]], exists: bool, found: bool
) -> None:
    def describe(given: Mapping[str, Any]) -> Mapping[str, Any]:
        if given["StackName"] == "quick-start":
            raise AwsError("ValidationError")
        return {"Stacks": [root(Parameters=parameters)]}

    def listed(given: Mapping[str, Any]) -> Mapping[str, Any]:
        if given["StackStatusFilter"] != ["DELETE_COMPLETE"]:
            return {"StackSummaries": []}
        nested = {"StackId": "nested", "StackName": "nested", "RootId": STACK_ID}
        return {"StackSummaries": [{"StackId": STACK_ID, "StackName": name}, nested]}

    def head(_: Mapping[str, Any]) -> Mapping[str, Any]:
        if not exists:
            raise AwsError("404", 404)
        return {}

    bucket = {
        "LogicalResourceId": "ReportsBucket",
        "ResourceType": "AWS::S3::Bucket",
        "PhysicalResourceId": "reports",
        "ResourceStatus": "DELETE_SKIPPED",
    }
    aws = Aws(
        DescribeStacks=describe,
        ListStacks=listed,
        ListStackResources=lambda _: {"StackResourceSummaries": [bucket]},
        HeadBucket=head,
    )
    if found:
        left = found_stack(monkeypatch, aws)
        assert (left.stack_id, left.status, left.protected, left.stranded) == ("", "", False, ())
        assert [one.physical_id for one in left.resources] == ["reports"]
        assert left.stack.parameters == {"ReportStorageNotificationEmail": "a@example.com"}
        return
    with pytest.raises(StackUnknownError) as unknown:
        found_stack(monkeypatch, aws)
    assert str(unknown.value) == (
        "no stack quick-start in us-east-1, and no resources left by a deleted one: check the name, or add "
        "REGION=<region>"
    )
