"""What a deletion finds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from operations.destroy.arrangements import Failure, ReportSchedule
from operations.destroy.remains import Contents, Remains
from operations.destroy.survey import Plan, rules_on_bus, survey
from tests.unit.operations.destroy.support import ENDPOINTS, FUNCTIONS, resource, stubbed, target
from tests.unit.quickstart.support import Aws, AwsError

BUS = resource("Foundation/NotificationEventBus", "AWS::Events::EventBus", "bus")
USER = resource("Access/ApiGatewayInvokeUser", "AWS::IAM::User", "user")
ACCOUNT = {"Account": "111122223333", "UserId": "1", "Arn": "arn:aws:iam::111122223333:root"}


def test_rules_are_found_with_their_targets() -> None:
    events, stub = stubbed("events")
    stub.add_response("list_rules", {"Rules": [{"Name": "own"}]}, {"EventBusName": "bus"})
    targets = {"Targets": [{"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:111122223333:queue"}]}
    stub.add_response("list_targets_by_rule", targets, {"Rule": "own", "EventBusName": "bus"})
    with stub:
        assert rules_on_bus(target(BUS, clients={"events": events})) == {"own": ["queue"]}


def test_the_stacks_own_rule_on_the_bus_does_not_block_its_deletion() -> None:
    """The stack has one if AuthorizationNotificationTypes is set."""
    own = resource("Authorization/ConsentsRule", "AWS::Events::Rule", "bus|quick-start-ConsentsRule-1")
    daily = resource("Reports/SPAPIReportSweepRule", "AWS::Events::Rule", "quick-start-Sweep-1")
    events, stub = stubbed("events")
    stub.add_response("list_rules", {"Rules": [{"Name": "quick-start-ConsentsRule-1"}]}, {"EventBusName": "bus"})
    with stub:
        assert rules_on_bus(target(BUS, own, daily, clients={"events": events})) == {}


def test_a_bus_that_was_deleted_by_hand_has_no_rules() -> None:
    events, stub = stubbed("events")
    stub.add_client_error("list_rules", "ResourceNotFoundException")
    with stub:
        assert rules_on_bus(target(BUS, clients={"events": events})) == {}
    assert rules_on_bus(target()) == {}


def surveyed_user(iam_stub: Stubber, iam: object) -> list[str]:
    sts, sts_stub = stubbed("sts")
    sts_stub.add_response("get_caller_identity", ACCOUNT)
    cloudformation, cloudformation_stub = stubbed("cloudformation")
    cloudformation_stub.add_client_error("list_stack_resources", "ValidationError")
    states, _ = stubbed("stepfunctions")
    clients = {"sts": sts, "iam": iam, "cloudformation": cloudformation, "stepfunctions": states, "dynamodb": None}
    with iam_stub, sts_stub, cloudformation_stub:
        plan = survey(target(USER, clients=clients), with_schedules=True, show=print)
    assert (plan.account, plan.user, plan.code) == ("111122223333", "user", "")
    return plan.access_keys


def test_access_keys_of_the_user_are_found() -> None:
    iam, stub = stubbed("iam")
    key = {"UserName": "user", "AccessKeyId": "AKIAEXAMPLEEXAMPLE00", "Status": "Active"}
    stub.add_response("list_access_keys", {"AccessKeyMetadata": [key]}, {"UserName": "user"})
    assert surveyed_user(stub, iam) == ["AKIAEXAMPLEEXAMPLE00"]


def test_a_user_who_was_deleted_by_hand_has_no_access_keys() -> None:
    iam, stub = stubbed("iam")
    stub.add_client_error("list_access_keys", "NoSuchEntity")
    assert surveyed_user(stub, iam) == []


def test_a_whole_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = "arn:aws:states:us-east-1:111122223333:stateMachine:Solicitation"
    functions = [resource(f"Nested/{name}", "AWS::Lambda::Function", name) for name in FUNCTIONS]
    found = target(
        *functions,
        resource("TokenStorage/SellingPartnersTable", "AWS::DynamoDB::Table", "sellers"),
        resource("Reports/ReportsTable", "AWS::DynamoDB::Table", "reports"),
        resource("Reports/ReportsBucket", "AWS::S3::Bucket", "bucket"),
        resource("Solicitations/Solicitation", "AWS::StepFunctions::StateMachine", machine),
        resource("Solicitations/SolicitationScheduleGroup", "AWS::Scheduler::ScheduleGroup", "group"),
        outputs=ENDPOINTS,
    )
    found = replace(found, stack=replace(found.stack, parameters={"QSS3BucketName": "code", "QSS3KeyPrefix": "v1/"}))
    seller = {"SellerId": {"S": "A1"}, "Item": {"S": "TOKEN#NA"}}
    report = {"SellerId": {"S": "A1"}, "RegionCode": {"S": "NA"}, "ReportType": {"S": "GET_X"}}
    failure = Failure("report schedules of seller A1 in NA", "HTTP 400")
    schedule = ReportSchedule("A1", "NA", "1", "GET_X", "P1D")

    def scan(given: Mapping[str, Any]) -> Mapping[str, Any]:
        if given.get("Select") == "COUNT":
            return {"Count": 7}
        return {"Items": [seller if given["TableName"] == "sellers" else report]}

    def running(given: Mapping[str, Any]) -> Mapping[str, Any]:
        assert (given["stateMachineArn"], given["statusFilter"]) == (machine, "RUNNING")
        return {"executions": [{"executionArn": "e-1"}]}

    aws = Aws(
        DescribeTable=lambda _: {"Table": {"TableStatus": "ACTIVE"}},
        HeadBucket=lambda _: {},
        GetCallerIdentity=lambda _: {"Account": "111122223333"},
        ListObjectVersions=lambda _: {"Versions": [{"Size": 4}, {"Size": 5}]},
        ListMultipartUploads=lambda _: {},
        Scan=scan,
        ListExecutions=running,
        ListSchedules=lambda given: {"Schedules": [{}] * (2 if given["GroupName"] == "group" else 0)},
    )
    found = replace(found, stack=replace(found.stack, client=aws.client))
    monkeypatch.setattr("operations.destroy.survey.report_schedules", lambda *_: iter([failure, schedule]))
    shown: list[str] = []
    plan = survey(found, with_schedules=True, show=shown.append)
    assert plan == Plan(
        account="111122223333",
        sellers=1,
        schedules=[schedule],
        unknown=[failure],
        executions=["e-1"],
        review_schedules=2,
        remains=Remains(("bucket",), ("sellers", "reports"), (), ()),
        contents={"bucket": Contents(2, 9, 0)},
        items={"sellers": 7, "reports": 7},
        code="s3://code/v1/",
    )
    assert shown == ["Looking up the report schedules of 1 seller at SP-API."]
    shown.clear()
    without = survey(found, with_schedules=False, show=shown.append)
    assert (without.schedules, without.unknown, shown) == ([], [], [])
    # Nobody is asked about where there are no endpoints, or no reports.
    gone = survey(replace(found, status="DELETE_IN_PROGRESS"), with_schedules=True, show=shown.append)
    assert (gone.schedules, gone.sellers, shown) == ([], 1, [])
    report.clear()
    monkeypatch.setattr("operations.destroy.survey.report_schedules", lambda *_: iter([]))
    assert survey(found, with_schedules=True, show=shown.append).schedules == []
    assert shown == []


@pytest.mark.parametrize(
    ("kind", "code"), [("AWS::S3::Bucket", "s3://sam-bucket/quick-start/"), ("AWS::S3::BucketPolicy", "")]
)
def test_code_that_sam_uploaded_is_in_sams_bucket(kind: str, code: str) -> None:
    held = {"LogicalResourceId": "B", "ResourceType": kind, "PhysicalResourceId": "sam-bucket", "ResourceStatus": "X"}
    aws = Aws(
        GetCallerIdentity=lambda _: {"Account": "1"},
        ListStackResources=lambda given: {
            "StackResourceSummaries": [held] if given["StackName"] == "aws-sam-cli-managed-default" else []
        },
    )
    found = target()
    found = replace(found, stack=replace(found.stack, client=aws.client))
    assert survey(found, with_schedules=False, show=print).code == code


def test_what_the_operator_may_not_read_is_an_error() -> None:
    events, stub = stubbed("events")
    stub.add_client_error("list_rules", "AccessDeniedException")
    with stub, pytest.raises(ClientError, match="AccessDeniedException"):
        rules_on_bus(target(BUS, clients={"events": events}))
    aws = Aws(GetCallerIdentity=lambda _: {"Account": "1"}, ListStackResources=denied)
    found = target()
    found = replace(found, stack=replace(found.stack, client=aws.client))
    with pytest.raises(ClientError, match="AccessDenied"):
        survey(found, with_schedules=False, show=print)


def denied(_: Mapping[str, Any]) -> Mapping[str, Any]:
    raise AwsError("AccessDenied", 403)
