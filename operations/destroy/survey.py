"""Finds what blocks a deletion, and what it removes. Changes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from operations.command import counted
from operations.destroy.arrangements import (
    Failure,
    ReportSchedule,
    Subscription,
    known_report_types,
    recorded_subscriptions,
    report_schedules,
)
from operations.destroy.remains import Contents, Remains, contents, items, remains
from operations.destroy.target import Target
from operations.stack import resources

_SAM_STACK = "aws-sam-cli-managed-default"
_GONE = ("NoSuchEntity", "ResourceNotFoundException", "StateMachineDoesNotExist")


@dataclass
class Plan:
    """What was found, and what the deletion removes.

    `unknown` is what could not be looked up at SP-API, `contents` and `items` are by bucket and table, and `code`
    is the S3 address (s3://bucket/prefix) that the stack was deployed from, empty if unknown.
    """

    account: str = ""
    sellers: int = 0
    subscriptions: list[Subscription] = field(default_factory=list)
    schedules: list[ReportSchedule] = field(default_factory=list)
    unknown: list[Failure] = field(default_factory=list)
    user: str = ""
    access_keys: list[str] = field(default_factory=list)
    executions: list[str] = field(default_factory=list)
    review_schedules: int = 0
    remains: Remains = field(default_factory=lambda: Remains((), (), (), ()))
    contents: Mapping[str, Contents] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    code: str = ""


def rules_on_bus(target: Target) -> Mapping[str, list[str]]:
    """The rules on the stack's event bus that are not the stack's own, each with the ids of its targets.

    CloudFormation knows a rule on a bus as "bus|rule".
    """
    bus = target.named("NotificationEventBus")
    if not bus:
        return {}
    own = {rule.rpartition("|")[2] for rule in target.of_type("AWS::Events::Rule")}
    events = target.stack.client("events")
    return {
        rule["Name"]: [
            entry["Id"]
            for entry in _all(events, "list_targets_by_rule", "Targets", Rule=rule["Name"], EventBusName=bus)
        ]
        for rule in _all(events, "list_rules", "Rules", EventBusName=bus)
        if rule["Name"] not in own
    }


def survey(target: Target, *, with_schedules: bool, show: Callable[[str], None]) -> Plan:
    """Looks up everything that a deletion concerns. `with_schedules` also asks SP-API for the report schedules."""
    client = target.stack.client
    plan = Plan(remains=remains(client, target.resources))
    plan.account = client("sts").get_caller_identity()["Account"]
    _find_at_sp_api(target, plan, with_schedules=with_schedules, show=show)
    plan.user = target.named("ApiGatewayInvokeUser")
    if plan.user:
        keys = _all(client("iam"), "list_access_keys", "AccessKeyMetadata", UserName=plan.user)
        plan.access_keys = [key["AccessKeyId"] for key in keys]
    states = client("stepfunctions")
    for machine in target.of_type("AWS::StepFunctions::StateMachine"):
        running = _all(states, "list_executions", "executions", stateMachineArn=machine, statusFilter="RUNNING")
        plan.executions += [execution["executionArn"] for execution in running]
    if group := target.named("SolicitationScheduleGroup"):
        plan.review_schedules = len(_all(client("scheduler"), "list_schedules", "Schedules", GroupName=group))
    plan.contents = {bucket: contents(client("s3"), bucket) for bucket in plan.remains.buckets}
    plan.items = {table: items(client("dynamodb"), table) for table in plan.remains.tables}
    plan.code = _code(target)
    return plan


def _find_at_sp_api(target: Target, plan: Plan, *, with_schedules: bool, show: Callable[[str], None]) -> None:
    dynamodb = target.stack.client("dynamodb")
    sellers_table, reports_table = target.named("SellingPartnersTable"), target.named("ReportsTable")
    if sellers_table in plan.remains.tables:
        plan.sellers, plan.subscriptions = recorded_subscriptions(dynamodb, sellers_table)
    if with_schedules and reports_table in plan.remains.tables and target.has_endpoints:
        known = known_report_types(dynamodb, reports_table)
        if known:
            show(f"Looking up the report schedules of {counted(len(known), 'seller')} at SP-API.")
        for found in report_schedules(target.stack, known):
            plan.unknown.append(found) if isinstance(found, Failure) else plan.schedules.append(found)


def _all(client: Any, operation: str, key: str, **of: str) -> list[Any]:
    """The entries of every page; empty if the resource that holds them was deleted by hand."""
    try:
        return [entry for page in client.get_paginator(operation).paginate(**of) for entry in page[key]]
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return []
        raise


def _code(target: Target) -> str:
    bucket = target.stack.parameters.get("QSS3BucketName", "")
    prefix = target.stack.parameters.get("QSS3KeyPrefix", "")
    if not bucket:
        bucket, prefix = _sam_bucket(target.stack.client("cloudformation")), f"{target.stack.name}/"
    return f"s3://{bucket}/{prefix}" if bucket else ""


def _sam_bucket(cloudformation: Any) -> str:
    """The bucket of the AWS SAM CLI in this region, empty if there is none."""
    try:
        for resource in resources(cloudformation, _SAM_STACK):
            if resource.type == "AWS::S3::Bucket":
                return resource.physical_id
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
    return ""
