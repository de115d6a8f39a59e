"""`make destroy` leaves nothing in the account or at SP-API except what it prints."""

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
import requests
from botocore import xform_name

from deployment import REPOSITORY, Deployment, aws, delete, deploy, stack_parameters
from servers import Servers
from simulator import control
from tests.end_to_end.account import account, destinations, difference
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    as_sp_api,
    eventually,
    finished_report,
    new_seller,
    subscription_of,
)
from tests.end_to_end.operator_commands import command_of, make, operator_environment
from tests.end_to_end.test_leaving import alive
from tests.waiting import SECONDS

# One more than S3 lists or deletes in one request.
VERSIONS = 1001


@dataclass(frozen=True)
class InUse:
    """A stack with two sellers, and what was in the account before it was created."""

    deployment: Deployment
    before: dict[str, set[str]]
    host: HostProduct
    sellers: tuple[Seller, Seller]
    subscription_ids: tuple[str, ...]

    def make(self, *variables: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        return make(
            self.deployment.servers, "destroy", f"STACK={self.deployment.stack_name}", *variables, answer=answer
        )

    def new(self) -> dict[str, set[str]]:
        return difference(self.before, account(self.deployment.servers))


def in_use(servers: Servers, template_url: str, name: str) -> InUse:
    before = account(servers)
    deployment = deploy(servers, name, template_url, stack_parameters(servers))
    host = HostProduct.of(deployment)
    sellers = (new_seller(servers, f"A{name.upper()}1"), new_seller(servers, f"A{name.upper()}2"))
    ids = []
    for seller in sellers:
        host.store_token(seller)
        ids.append(host.subscribe(seller)["subscriptionId"])
    return InUse(deployment, before, host, sellers, tuple(ids))


def report_schedules(seller: Seller) -> list[Any]:
    """The seller's report schedules at SP-API."""
    answer = requests.get(
        f"{seller.servers.simulator_endpoint}/na/reports/2021-06-30/schedules",
        params={"reportTypes": REPORT_TYPE},
        headers={"x-amz-access-token": seller.access_token()},
        timeout=SECONDS,
    )
    found: list[Any] = answer.json()["reportSchedules"]
    return found


@pytest.fixture
def full(servers: Servers, template_url: str) -> Iterator[InUse]:
    """A stack with reports, report schedules, a scheduled order and a running execution."""
    stack = in_use(servers, template_url, "leaving")
    deployment, (first, second) = stack.deployment, stack.sellers
    host = stack.host
    orders = host.send("NotificationsSubscriberUrl", subscription_of(first) | {"NotificationType": "ORDER_CHANGE"})
    assert orders.status_code == 200, orders.text
    # The execution of the first report waits for its place in SP-API's quota; the second report is not made meanwhile.
    throttled = {"fault": "status", "status": 429, "operation": "getReport", "sellerId": first.seller_id, "count": None}
    control(servers.simulator_endpoint, "POST", "faults", throttled)
    second.control("POST", "report-outcomes", [{"sellerId": second.seller_id, "count": 1, "queueSeconds": 3600}])
    host.create_report(first)
    period = {"ReportType": REPORT_TYPE, "MarketplaceIds": "ATVPDKIKX0DER", "Period": "PT12H"}
    assert host.send("ReportSchedulesUrl", {"SellerId": first.seller_id, "RegionCode": "NA"} | period).ok
    # This seller has revoked the authorization, so SP-API does not return the report schedules.
    host.create_report(second)
    second.control("POST", f"sellers/{second.seller_id}/revoke")
    stored_reports(deployment)
    scheduled_order(deployment)
    as_sp_api(servers).send_message(
        QueueUrl=deployment.outputs["NotificationsQueueUrl"],
        MessageBody=json.dumps(finished_report(first.seller_id, "1234567")),
    )
    eventually(lambda: running_executions(deployment) or None, what="a running execution")
    yield stack
    control(servers.simulator_endpoint, "DELETE", "faults")


def stored_reports(deployment: Deployment) -> None:
    """More than a page of versions, a delete marker and an unfinished upload."""
    s3, bucket = aws(deployment.servers, "s3"), deployment.outputs["ReportsBucketName"]

    def put(number: int) -> None:
        s3.put_object(Bucket=bucket, Key=f"report-{number % 500}", Body=b"rows")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(VERSIONS)))
    s3.delete_object(Bucket=bucket, Key="report-0")
    s3.create_multipart_upload(Bucket=bucket, Key="report-large")


def scheduled_order(deployment: Deployment) -> None:
    aws(deployment.servers, "scheduler").create_schedule(
        Name="order",
        GroupName=deployment.outputs["SolicitationScheduleGroupName"],
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(days=5):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": deployment.outputs["SolicitationStateMachineArn"],
            "RoleArn": deployment.outputs["ApiGatewayInvokeRoleArn"],
        },
    )


def running_executions(deployment: Deployment) -> list[Any]:
    arn = deployment.outputs["ReportProcessorStateMachineArn"]
    listed = aws(deployment.servers, "stepfunctions").list_executions(stateMachineArn=arn, statusFilter="RUNNING")
    executions: list[Any] = listed["executions"]
    return executions


def protect(deployment: Deployment, *, enabled: bool) -> None:
    aws(deployment.servers, "cloudformation").update_termination_protection(
        StackName=deployment.stack_name, EnableTerminationProtection=enabled
    )


def rule_on_bus(deployment: Deployment) -> None:
    bus = deployment.outputs["NotificationEventBusName"]
    events = aws(deployment.servers, "events")
    events.put_rule(Name="products-own", EventBusName=bus, EventPattern='{"source": ["selling-partner-api"]}')
    events.put_targets(
        Rule="products-own",
        EventBusName=bus,
        Targets=[{"Id": "queue", "Arn": deployment.outputs["NotificationsQueueArn"]}],
    )


def remove_rule(deployment: Deployment) -> None:
    bus = deployment.outputs["NotificationEventBusName"]
    events = aws(deployment.servers, "events")
    events.remove_targets(Rule="products-own", EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name="products-own", EventBusName=bus)


def assert_commands_exist(shown: str) -> None:
    """Every AWS CLI command in the output names an existing operation and existing parameters."""
    commands = [line.split() for line in shown.splitlines() if line.startswith("  aws ")]
    assert commands
    for _, service, operation, *arguments in commands:
        if service == "s3":  # not an API operation
            assert (operation, arguments[0]) == ("rm", "--recursive")
            continue
        client = botocore.session.Session().create_client(service, region_name="us-east-1")
        (name,) = [
            name for method, name in client.meta.method_to_api_mapping.items() if method.replace("_", "-") == operation
        ]
        shape = client.meta.service_model.operation_model(name).input_shape
        assert shape is not None
        known = {xform_name(member, "-") for member in shape.members} | {"region"}
        assert {
            argument.removeprefix("--").removeprefix("no-") for argument in arguments if argument.startswith("--")
        } <= known


def test_a_stack_in_use_is_deleted_except_for_what_is_printed(servers: Servers, full: InUse) -> None:
    deployment, (first, second) = full.deployment, full.sellers
    queues = {deployment.outputs["NotificationsQueueArn"], deployment.outputs["OrdersQueueArn"]}
    before = account(servers)

    protect(deployment, enabled=True)
    protected = full.make("ARGS=--yes")
    assert protected.returncode == 1
    assert "Termination protection is enabled for the stack." in protected.stderr
    assert_commands_exist(protected.stderr)
    protect(deployment, enabled=False)

    rule_on_bus(deployment)
    blocked = full.make("ARGS=--yes")
    assert blocked.returncode == 1
    bus = deployment.outputs["NotificationEventBusName"]
    assert f"aws events delete-rule --name products-own --event-bus-name {bus} --region us-east-1" in blocked.stderr
    assert "--rule products-own --ids queue" in blocked.stderr
    assert_commands_exist(blocked.stderr)
    remove_rule(deployment)

    unanswered = full.make()
    assert unanswered.returncode == 1
    assert (
        "There is no terminal to confirm at: add ARGS=--yes to skip the confirmation. Nothing was changed."
        in unanswered.stderr
    )
    declined = full.make(answer="leavin\n")
    assert declined.returncode == 1
    assert "That is not leaving. Nothing was changed." in declined.stderr
    printed = " ".join(declined.stdout.split())
    assert "subscriptions 3 of 2 sellers" in printed
    assert f"for {REPORT_TYPE} every PT12H in NA" in printed
    assert f"report schedules of seller {second.seller_id} in NA" in printed
    assert f"access keys 1 of {deployment.outputs['ApiGatewayInvokeUserName']}" in printed
    # The report created above is throttled too, once it is finished.
    assert re.search(r"running executions [12], stopped first", printed), printed
    assert "review requests for 1 order, not sent yet" in printed
    assert f": {VERSIONS + 1:,} object versions, {VERSIONS * 4:,} bytes, 1 unfinished upload" in printed
    assert account(servers) == before
    assert queues <= set(destinations(servers))
    assert len(report_schedules(first)) == 1
    assert all(alive(first, "REPORT_PROCESSING_FINISHED", each) for each in full.subscription_ids)

    running = [execution["executionArn"] for execution in running_executions(deployment)]
    done = full.make(answer="leaving\n")
    assert done.returncode == 1, "the report schedules of the second seller could not be looked up"
    assert f"report schedules of seller {second.seller_id} in NA: HTTP 4" in done.stdout.rpartition("Not deleted:")[2]
    assert "deleted  Reports/ReportProcessor\n" in done.stdout
    states = aws(servers, "stepfunctions")
    assert {states.describe_execution(executionArn=arn).get("error") for arn in running} == {"StackDeleted"}
    assert "1,000 object versions deleted" in done.stdout
    left = full.new()
    secret = deployment.outputs["ApplicationSecretArn"].rpartition(":")[2].rpartition("-")[0]
    assert left.keys() == {"secrets", "keys", "roles"}
    assert left["secrets"] == {secret}
    assert_commands_exist(done.stdout)
    for name in (*left["secrets"], *left["keys"], *left["roles"]):
        assert name in done.stdout
    assert not queues & set(destinations(servers))
    assert report_schedules(first) == []
    assert not any(alive(first, "REPORT_PROCESSING_FINISHED", each) for each in full.subscription_ids)

    again = full.make()
    assert (again.returncode, "There is nothing left to delete." in again.stdout) == (0, True), (
        again.stdout + again.stderr
    )


def test_a_failed_deletion_can_be_fixed_and_retried(servers: Servers, template_url: str) -> None:
    stack = in_use(servers, template_url, "retried")
    command, environment = command_of("destroy", "STACK=retried")
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=operator_environment(servers) | environment | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        shown = ""
        while not shown.endswith("to confirm: "):
            letter = process.stdout.read(1)
            assert letter, shown
            shown += letter
        # The product creates a rule after the command has looked for rules.
        rule_on_bus(stack.deployment)
        _, errors = process.communicate("retried\n", timeout=SECONDS)
    assert process.returncode == 1
    assert "Foundation/NotificationEventBus: EventBus can't be deleted since it has rules." in errors
    assert "make destroy STACK=retried REGION=us-east-1" in errors
    assert stack.deployment.outputs["ReportsBucketName"] in stack.new()["buckets"]
    remove_rule(stack.deployment)

    kept = stack.make("KEEP_DATA=1", "ARGS=--yes")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert stack.new().keys() == {"secrets", "keys", "roles", "buckets", "tables"}
    for name in stack.new()["buckets"] | stack.new()["tables"]:
        assert name in kept.stdout

    assert stack.make("ARGS=--yes").returncode == 0
    assert stack.new().keys() == {"secrets", "keys", "roles"}


def test_what_a_stack_deleted_in_the_console_left_behind_is_deleted(servers: Servers, template_url: str) -> None:
    stack = in_use(servers, template_url, "console")
    deployment, (first, second) = stack.deployment, stack.sellers
    iam, user = aws(servers, "iam"), deployment.outputs["ApiGatewayInvokeUserName"]
    for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    delete(servers, "console")
    fault = {"fault": "status", "status": 403, "operation": "deleteSubscriptionById", "code": "Unauthorized"}
    control(servers.simulator_endpoint, "POST", "faults", fault)

    first_run = stack.make("ARGS=--yes")
    assert first_run.returncode == 1
    assert "subscriptions  2 of 2 sellers" in first_run.stdout
    assert f"subscription {stack.subscription_ids[0]} of seller {first.seller_id}" in first_run.stdout
    # Kept, because the next run needs it.
    assert stack.new()["tables"] == {deployment.outputs["SellingPartnersTableName"]}

    # KEEP_DATA does not keep the subscriptions at SP-API.
    second_run = stack.make("KEEP_DATA=1", "ARGS=--yes")
    assert second_run.returncode == 0, second_run.stdout + second_run.stderr
    for seller, subscription_id in zip((first, second), stack.subscription_ids, strict=True):
        assert not alive(seller, "REPORT_PROCESSING_FINISHED", subscription_id)
    assert deployment.outputs["NotificationsQueueArn"] not in destinations(servers)
    assert stack.new()["tables"] == {deployment.outputs["SellingPartnersTableName"]}

    assert "There is nothing left to delete." in stack.make("KEEP_DATA=1").stdout
    assert stack.make("ARGS=--yes").returncode == 0
    assert stack.new().keys() == {"secrets", "keys", "roles"}
