"""What a deletion finds."""

from botocore.stub import Stubber

from operations.destroy.survey import rules_on_bus, survey
from tests.unit.operations.destroy.support import resource, stubbed, target

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
