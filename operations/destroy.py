"""Deletes a stack and what it has left elsewhere: `python -m operations.destroy STACK` (make destroy).

Shows first what goes and what stays, and asks. It may be interrupted, and run again: it goes on from there, also after
somebody deleted the stack in the console.
"""

import argparse
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from operations.arrangements import (
    Refusal,
    ReportSchedule,
    Subscription,
    end_report_schedules,
    end_subscriptions,
    end_subscriptions_without_stack,
    known_report_types,
    recorded,
    report_schedules,
)
from operations.command import FAILED, CommandError, counted, ended, table
from operations.remains import Remains, contents, empty_bucket, items, remains
from operations.stack import NESTED_STACK, Resource, Stack, StackUnknownError, client_maker, invoke_address, resources
from sp_api.regions import Environment

# A parameter that every version of the root template has.
_OURS = "ReportStorageNotificationEmail"
_POLL_SECONDS = 3.0
# Before anybody has waited long, a look now and then costs nothing.
_FIRST_POLL_SECONDS = 0.2
_SAM_STACK = "aws-sam-cli-managed-default"
_SHOWN = 5
_GONE = ("NoSuchEntity", "ResourceNotFoundException", "StateMachineDoesNotExist")


@dataclass(frozen=True)
class Target:
    """What is to be destroyed. `stack_id` is empty when no stack of this name is there any more; `status` too.

    `resources` are those of the stack and its nested stacks, or what deleted stacks of this name have left.
    """

    stack: Stack
    stack_id: str
    status: str
    protected: bool
    resources: tuple[Resource, ...]

    @property
    def answers(self) -> bool:
        """Whether the endpoints that end subscriptions and report schedules are there."""
        return (
            self.status != "DELETE_IN_PROGRESS"
            and {"NotificationsSubscriberUrl", "ReportSchedulesUrl"} <= self.stack.outputs.keys()
            and all(self.named(function) for function in ("SPAPINotificationsSubscriber", "SPAPIReportSchedules"))
        )

    def named(self, logical_id: str) -> str:
        """The physical id of a resource that is there, else empty."""
        for resource in self.resources:
            if resource.logical_id == logical_id and resource.status != "DELETE_COMPLETE":
                return resource.physical_id
        return ""

    def of_type(self, kind: str) -> list[str]:
        return [
            resource.physical_id
            for resource in self.resources
            if resource.type == kind and resource.status != "DELETE_COMPLETE" and resource.physical_id
        ]


@dataclass
class Plan:
    """What was found, and what goes."""

    sellers: int = 0
    subscriptions: list[Subscription] = field(default_factory=list)
    schedules: list[ReportSchedule] = field(default_factory=list)
    unknown: list[Refusal] = field(default_factory=list)
    user: str = ""
    access_keys: list[str] = field(default_factory=list)
    executions: list[str] = field(default_factory=list)
    review_schedules: int = 0
    remains: Remains = field(default_factory=lambda: Remains((), (), (), ()))


def find_target(name: str, session: boto3.Session) -> Target:
    """Raises StackUnknownError when there is no such stack and nothing is left of one."""
    client = client_maker(session)
    cloudformation = client("cloudformation")
    try:
        found = _described(cloudformation, name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return _deleted_target(name, session, client)
    parameters = _parameters(found)
    if _OURS not in parameters and found["StackStatus"] != "REVIEW_IN_PROGRESS":
        raise StackUnknownError(f"the stack {name} is not the Quick Start's root stack: it has no parameter {_OURS}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    return Target(
        Stack(name, outputs, parameters, client, invoke_address, session),
        found["StackId"],
        found["StackStatus"],
        found.get("EnableTerminationProtection", False),
        (*resources(cloudformation, found["StackId"]), *_left_by_nested(cloudformation, [found["StackId"]])),
    )


def _deleted_target(name: str, session: boto3.Session, client: Callable[[str], Any]) -> Target:
    """What deleted stacks of this name have left; CloudFormation tells of them for 90 days."""
    cloudformation = client("cloudformation")
    ids = [stack["StackId"] for stack in _deleted(cloudformation) if stack["StackName"] == name]
    deleted = {stack_id: _parameters(_described(cloudformation, stack_id)) for stack_id in ids}
    ours = {stack_id: parameters for stack_id, parameters in deleted.items() if _OURS in parameters}
    left = _left_by_nested(cloudformation, ours)
    if not remains(client, left):
        raise StackUnknownError(
            f"no stack {name} in {session.region_name}, and nothing is left of one: look at its name, or add "
            "REGION=<region>"
        )
    parameters = next(iter(ours.values()))
    return Target(Stack(name, {}, parameters, client, invoke_address, session), "", "", False, tuple(left))


def _left_by_nested(cloudformation: Any, root_ids: Collection[str]) -> list[Resource]:
    """What deleted nested stacks of these roots have left: with their root, or when an update took one out of it."""
    return [
        resource
        for stack in _deleted(cloudformation)
        if stack.get("RootId") in root_ids
        for resource in resources(cloudformation, stack["StackId"])
        if resource.status == "DELETE_SKIPPED"
    ]


def _deleted(cloudformation: Any) -> Iterator[Mapping[str, Any]]:
    for page in cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"]):
        yield from page["StackSummaries"]


def _described(cloudformation: Any, stack: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return found


def _parameters(described_stack: Mapping[str, Any]) -> dict[str, str]:
    return {given["ParameterKey"]: given["ParameterValue"] for given in described_stack.get("Parameters", [])}


def hindrances(target: Target) -> list[str]:
    """What must be done first, by hand, in words; empty when nothing."""
    name, region = target.stack.name, target.stack.session.region_name
    if target.status.endswith("_IN_PROGRESS") and target.status not in ("REVIEW_IN_PROGRESS", "DELETE_IN_PROGRESS"):
        return [f"The stack is {target.status}: wait until that has ended."]
    if target.protected:
        return [
            "The stack is protected against deletion. Take the protection away:",
            f"  aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {name}"
            f" --region {region}",
        ]
    bus = target.named("NotificationEventBus")
    rules = _rules(target.stack.client("events"), bus) if bus else {}
    if not rules:
        return []
    told = ["Your product has rules on the stack's event bus, and EventBridge deletes no bus that has rules.",
            "Remove them where they were made (a stack of your product), or so:"]  # fmt: skip
    for rule, targets in rules.items():
        on = f"--event-bus-name {bus} --region {region}"
        if targets:
            told.append(f"  aws events remove-targets --rule {rule} --ids {' '.join(targets)} {on}")
        told.append(f"  aws events delete-rule --name {rule} {on}")
    return told


def _rules(events: Any, bus: str) -> Mapping[str, list[str]]:
    """The ids of the targets of each rule on the bus."""
    return {
        rule["Name"]: [
            target["Id"]
            for target in _all(events, "list_targets_by_rule", "Targets", Rule=rule["Name"], EventBusName=bus)
        ]
        for rule in _all(events, "list_rules", "Rules", EventBusName=bus)
    }


def _all(client: Any, operation: str, key: str, **of: str) -> list[Any]:
    """Every page's entries; none when that of which they are has been deleted by hand."""
    try:
        return [entry for page in client.get_paginator(operation).paginate(**of) for entry in page[key]]
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return []
        raise


def survey(target: Target, *, with_schedules: bool, show: Callable[[str], None]) -> Plan:
    """Looks at everything, and changes nothing."""
    stack, client = target.stack, target.stack.client
    plan = Plan(remains=remains(client, target.resources))
    dynamodb = client("dynamodb")
    sellers_table, reports_table = target.named("SellingPartnersTable"), target.named("ReportsTable")
    if sellers_table in plan.remains.tables:
        plan.sellers, plan.subscriptions = recorded(dynamodb, sellers_table)
    if with_schedules and reports_table in plan.remains.tables and target.answers:
        known = known_report_types(dynamodb, reports_table)
        if known:
            show(f"Asks SP-API for the report schedules of {counted(len(known), 'seller')}.")
        for found in report_schedules(stack, known):
            plan.unknown.append(found) if isinstance(found, Refusal) else plan.schedules.append(found)
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
    return plan


def described(target: Target, plan: Plan, *, keep_data: bool) -> Iterator[str]:
    """What goes and what stays, with numbers."""
    stack = target.stack
    where = f"in {stack.session.region_name}, account {stack.client('sts').get_caller_identity()['Account']}"
    if target.stack_id:
        yield f"The stack {stack.name} {where} ({target.status})"
    else:
        yield f"The stack {stack.name} {where} is deleted. This is left of it:"
    if plan.subscriptions or plan.schedules or plan.unknown:
        yield from _ended_at_sp_api(target, plan)
    if plan.remains.tables and not target.answers:
        yield "\nReport schedules at SP-API cannot be looked for without the stack: docs/clean-up.md."
    if target.stack_id:
        yield "\nGoes with the stack"
        found = plan.remains
        kept = {*found.buckets, *found.tables, *found.keys, *found.secrets}
        gone = sum(
            1
            for resource in target.resources
            if resource.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED") and resource.physical_id not in kept
        )
        rows = [("resources", f"{gone}")]
        if plan.access_keys:
            rows.append(("access keys", f"{len(plan.access_keys)} of {plan.user}: your product loses its access"))
        if plan.executions:
            rows.append(("running executions", f"{len(plan.executions)}: they are stopped first"))
        if plan.review_schedules:
            rows.append(("review requests", f"of {counted(plan.review_schedules, 'order')}, never made"))
        yield from table(rows, "  ")
    if plan.remains.buckets or plan.remains.tables:
        yield f"\n{'Stays, because you keep the data' if keep_data else 'Is deleted afterwards'}"
        yield from table(_data(stack.client, plan), "  ")
    if plan.remains.keys or plan.remains.secrets:
        yield "\nStays, because it cannot be had again"
        rows = [("secret", f"{arn}") for arn in plan.remains.secrets] + [("key", key) for key in plan.remains.keys]
        yield from table(rows, "  ")


def _ended_at_sp_api(target: Target, plan: Plan) -> Iterator[str]:
    yield "\nIs ended at SP-API, which otherwise goes on with it"
    sellers = len({subscription.seller_id for subscription in plan.subscriptions})
    rows = [("subscriptions", f"{len(plan.subscriptions)} of {counted(sellers, 'seller')}")]
    if target.answers:
        rows.append(("report schedules", f"{len(plan.schedules)}, of the report types that the Reports table knows"))
    yield from table(rows, "  ")
    yield from _some(str(schedule) for schedule in plan.schedules)
    for refusal in plan.unknown:
        yield f"  !! {refusal}"


def _some(texts: Iterator[str]) -> Iterator[str]:
    listed = list(texts)
    yield from (f"    {text}" for text in listed[:_SHOWN])
    if len(listed) > _SHOWN:
        yield f"    and {len(listed) - _SHOWN} more"


def _data(client: Callable[[str], Any], plan: Plan) -> Iterator[tuple[str, str]]:
    for bucket in plan.remains.buckets:
        held = contents(client("s3"), bucket)
        uploads = f", {counted(held.uploads, 'unfinished upload')}" if held.uploads else ""
        yield "bucket", f"{bucket}: {held.versions:,} versions of reports, {counted(held.size_bytes, 'byte')}{uploads}"
    for name in plan.remains.tables:
        sellers = f" of {counted(plan.sellers, 'seller')}" if plan.sellers and "SellingPartnersTable" in name else ""
        yield "table", f"{name}: {counted(items(client('dynamodb'), name), 'item')}{sellers}"


def destroy(target: Target, plan: Plan, *, keep_data: bool, show: Callable[[str], None]) -> list[str]:
    """Does what the plan says, tells each step, and gives what was not done, in words.

    The table of sellers stays while subscriptions are recorded in it that have not ended: the next run needs them.
    """
    outcomes = _end_arrangements(target, plan)
    refusals = list(plan.unknown)
    ended_subscriptions = 0
    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            refusals.append(outcome)
            show(f"  !! {outcome}")
        else:
            ended_subscriptions += isinstance(outcome, Subscription)
            show(f"  ended: {outcome}")
    if target.stack_id:
        if target.status != "DELETE_IN_PROGRESS":
            _free(target.stack.client, plan, show)
        failures = _delete_stack(target, show)
        if failures:
            raise CommandError("\n".join(_what_to_do(target.stack, failures)))
    left = [str(refusal) for refusal in refusals]
    if not keep_data:
        sellers = target.named("SellingPartnersTable") if ended_subscriptions < len(plan.subscriptions) else ""
        left += _delete_data(target.stack.client, plan.remains, sellers, show)
    return left


def _end_arrangements(target: Target, plan: Plan) -> Iterator[Subscription | ReportSchedule | Refusal]:
    """By the stack's endpoints as long as they are there, else with the application's credentials."""
    if target.answers:
        yield from end_report_schedules(target.stack, plan.schedules)
        yield from end_subscriptions(target.stack, plan.subscriptions)
    elif plan.subscriptions and plan.remains.secrets:
        given = target.stack.parameters
        environment = Environment(given.get("SellingPartnerApiEndpoint", ""), given.get("LoginWithAmazonEndpoint", ""))
        yield from end_subscriptions_without_stack(
            target.stack.client,
            environment,
            plan.remains.secrets[0],
            target.named("SellingPartnersTable"),
            plan.subscriptions,
        )
    else:
        for subscription in plan.subscriptions:
            yield Refusal(str(subscription), "neither the stack nor the application's secret is there to end it with")


def _free(client: Callable[[str], Any], plan: Plan, show: Callable[[str], None]) -> None:
    """Takes away what CloudFormation could not delete the stack with.

    IAM deletes no user that has access keys. Step Functions deletes a state machine only when its executions have
    ended, and one of them may wait for days.
    """
    for access_key in plan.access_keys:
        client("iam").delete_access_key(UserName=plan.user, AccessKeyId=access_key)
    if plan.access_keys:
        show(f"  {counted(len(plan.access_keys), 'access key')} deleted")
    states = client("stepfunctions")
    for execution in plan.executions:
        try:
            states.stop_execution(
                executionArn=execution, error="StackDeleted", cause="The stack of this state machine is deleted."
            )
        except states.exceptions.ExecutionDoesNotExist:
            continue
    if plan.executions:
        show(f"  {counted(len(plan.executions), 'execution')} stopped")


@dataclass(frozen=True)
class Failure:
    """A resource that CloudFormation could not delete, and why."""

    path: str
    reason: str


def _delete_stack(target: Target, show: Callable[[str], None]) -> list[Failure]:
    """Deletes the stack and tells of its resources as they go; what did not go."""
    cloudformation = target.stack.client("cloudformation")
    stacks = {target.stack_id: ""} | {
        resource.physical_id: f"{resource.path}/" for resource in target.resources if resource.type == NESTED_STACK
    }
    seen = {event["EventId"] for stack_id in stacks for event in _events(cloudformation, stack_id, set())}
    if target.status != "DELETE_IN_PROGRESS":
        cloudformation.delete_stack(StackName=target.stack_id)
    begun, wait = time.monotonic(), _FIRST_POLL_SECONDS
    failures: list[Failure] = []
    while True:
        status = _described(cloudformation, target.stack_id)["StackStatus"]
        for stack_id, path in stacks.items():
            for event in reversed(list(_events(cloudformation, stack_id, seen))):
                seen.add(event["EventId"])
                if event["PhysicalResourceId"] == stack_id or event["ResourceStatus"].endswith("_IN_PROGRESS"):
                    continue
                failures += _told(event, path, time.monotonic() - begun, show)
        if status == "DELETE_COMPLETE":
            show(f"  {time.monotonic() - begun:5.0f} s  the stack is deleted")
            return []
        if status != "DELETE_IN_PROGRESS":
            return failures or [Failure(target.stack.name, status)]
        time.sleep(wait)
        wait = min(wait * 2, _POLL_SECONDS)


def _told(event: Mapping[str, Any], path: str, seconds: float, show: Callable[[str], None]) -> list[Failure]:
    name = path + event["LogicalResourceId"]
    status = {"DELETE_COMPLETE": "deleted", "DELETE_SKIPPED": "kept"}.get(event["ResourceStatus"], "FAILED")
    show(f"  {seconds:5.0f} s  {status:<8} {name}")
    if status != "FAILED" or event["ResourceType"] == NESTED_STACK:
        return []
    return [Failure(name, event.get("ResourceStatusReason", ""))]


def _events(cloudformation: Any, stack_id: str, seen: set[str]) -> Iterator[Mapping[str, Any]]:
    """The stack's events from the latest back to one that was seen."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event["EventId"] in seen:
                return
            yield event


def _what_to_do(stack: Stack, failures: Sequence[Failure]) -> Iterator[str]:
    yield "CloudFormation could not delete these:"
    for failure in failures:
        yield f"  {failure.path}: {failure.reason}"
    yield f"Mend what the reasons name, then go on: make destroy STACK={stack.name} REGION={stack.session.region_name}"
    yield "Nothing of the data has been deleted yet."


def _delete_data(
    client: Callable[[str], Any], found: Remains, needed_table: str, show: Callable[[str], None]
) -> list[str]:
    """Buckets and tables, except the one that is still needed; what stays, in words."""
    left = []
    s3 = client("s3")
    for bucket in found.buckets:
        gone = 0
        try:
            for number in empty_bucket(s3, bucket):
                gone += number
                show(f"  {gone:,} versions of reports deleted")
            s3.delete_bucket(Bucket=bucket)
            show(f"  bucket {bucket} deleted")
        except PermissionError as error:
            left.append(str(error))
            show(f"  !! {error}")
    dynamodb = client("dynamodb")
    for name in found.tables:
        if name == needed_table:
            left.append(f"table {name}: it holds the ids of the subscriptions that have not ended")
            continue
        dynamodb.delete_table(TableName=name)
        show(f"  table {name} deleted")
    return left


def farewell(target: Target, plan: Plan, *, keep_data: bool) -> Iterator[str]:
    """What stays in the account, why, and the command that removes each."""
    region = f"--region {target.stack.session.region_name}"
    found = plan.remains
    if keep_data:
        yield "\nThe data stays, as you asked. The same command without KEEP_DATA deletes it:"
        yield f"  make destroy STACK={target.stack.name} REGION={target.stack.session.region_name}"
        yield from table(
            [*(("bucket", name) for name in found.buckets), *(("table", name) for name in found.tables)], "  "
        )
    for secret in found.secrets:
        yield "\nThe application's credentials stay: Amazon shows a rotated client secret only once. When you have them"
        yield "elsewhere, or need them no more:"
        yield f"  aws secretsmanager delete-secret --recovery-window-in-days 30 --secret-id {secret} {region}"
    if found.keys:
        yield "\nThe keys stay: DynamoDB keeps a backup of a deleted table for 35 days, whose tokens nobody can read"
        yield "without them, and a deleted key does not come back. Each costs 1 USD a month until you have it deleted:"
        for key in found.keys:
            yield f"  aws kms schedule-key-deletion --pending-window-in-days 30 --key-id {key} {region}"
    yield from _code(target, region)


def _code(target: Target, region: str) -> Iterator[str]:
    """The bucket that the templates came from; other stacks may come from it too."""
    bucket = target.stack.parameters.get("QSS3BucketName", "")
    prefix = target.stack.parameters.get("QSS3KeyPrefix", "")
    if not bucket:
        bucket, prefix = _sam_bucket(target.stack.client("cloudformation")), f"{target.stack.name}/"
    if not bucket:
        return
    yield "\nThe templates and the code stay where they were published: other stacks may use them. When none does:"
    yield f"  aws s3 rm --recursive s3://{bucket}/{prefix} {region}"


def _sam_bucket(cloudformation: Any) -> str:
    """sam's bucket in this region, empty when there is none."""
    try:
        for resource in resources(cloudformation, _SAM_STACK):
            if resource.type == "AWS::S3::Bucket":
                return resource.physical_id
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
    return ""


def refused(name: str) -> str:
    """Empty when the operator types the stack's name, else what came instead, in words."""
    try:
        typed = input("\nType the stack's name to go on: ").strip()
    except EOFError:
        return "\nNobody is here to ask: ARGS=--yes goes on without."
    except KeyboardInterrupt:
        return "\nInterrupted."
    return "" if typed == name else f"That is not {name}."


def run(session: boto3.Session, options: argparse.Namespace) -> int:
    target = find_target(options.stack, session)
    first = hindrances(target)
    if first:
        raise CommandError("\n".join(first))
    plan = survey(target, with_schedules=not options.keep_schedules, show=_show)
    for line in described(target, plan, keep_data=options.keep_data):
        print(line)
    found = plan.remains
    data_goes = not options.keep_data and bool(found.buckets or found.tables)
    if not target.stack_id and not plan.subscriptions and not data_goes:
        print("\nNothing is left to delete.")
        print("\n".join(farewell(target, plan, keep_data=options.keep_data)))
        return 0
    if not options.yes and (reason := refused(options.stack)):
        print(f"{reason} Nothing was changed.", file=sys.stderr)
        return FAILED
    print(f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    left = destroy(target, plan, keep_data=options.keep_data, show=_show)
    print("\n".join(farewell(target, plan, keep_data=options.keep_data)))
    if left:
        print("\nNot done:", *(f"  {text}" for text in left), sep="\n")
        print("The same command again tries once more; docs/clean-up.md says what else can be done.")
        return FAILED
    return 0


def _show(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="operations.destroy", description=__doc__.partition("\n")[0])
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="its region, if it is not your usual one")
    parser.add_argument("--keep-data", action="store_true", help="keep the reports bucket and the tables")
    parser.add_argument(
        "--keep-schedules",
        action="store_true",
        help="keep the report schedules at SP-API: another stack of the same application receives their reports",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args()
    return ended(lambda session: run(session, options), options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
