"""Deletes what the plan lists, in the order in which AWS and SP-API allow it."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from operations.command import CommandError, counted
from operations.destroy import words
from operations.destroy.arrangements import (
    Failure,
    ReportSchedule,
    Subscription,
    delete_report_schedules,
    delete_subscriptions,
    delete_subscriptions_without_stack,
)
from operations.destroy.remains import Remains, empty_bucket
from operations.destroy.survey import Plan
from operations.destroy.target import Target, described
from operations.stack import NESTED_STACK
from sp_api.regions import Environment

_POLL_SECONDS = 3.0
# A small stack is gone within seconds.
_FIRST_POLL_SECONDS = 0.2
# API Gateway deletes one REST API in 30 seconds for an account (API Gateway quotas), whoever else deletes some.
_THROTTLED = re.compile(r"Too ?Many ?Requests|Rate exceeded|Throttl", re.IGNORECASE)
_ATTEMPTS = 5
_PAUSE_SECONDS = 60.0


def destroy(target: Target, plan: Plan, *, keep_data: bool, show: Callable[[str], None]) -> list[str]:
    """Deletes what the plan lists, shows each step, and returns what could not be deleted and why.

    Keeps the table of sellers if a subscription in it could not be deleted: the next run needs it. Raises CommandError
    if CloudFormation could not delete the stack.
    """
    failures = list(plan.unknown)
    deleted_subscriptions = 0
    for outcome in _delete_arrangements(target, plan):
        if isinstance(outcome, Failure):
            failures.append(outcome)
            show(f"  !! {outcome}")
        else:
            deleted_subscriptions += isinstance(outcome, Subscription)
            show(f"  deleted: {outcome}")
    if target.stack_id or target.stranded:
        _unblock(target.stack.client, plan, show)
    for stranded in target.stranded:
        _delete_or_raise(replace(target, stack_id=stranded, status="DELETE_FAILED", resources=()), show)
    if target.stack_id:
        _delete_or_raise(target, show)
    not_deleted = [str(failure) for failure in failures]
    if not keep_data:
        sellers = target.named("SellingPartnersTable") if deleted_subscriptions < len(plan.subscriptions) else ""
        not_deleted += _delete_data(target.stack.client, plan.remains, sellers, show)
    return not_deleted


def _delete_arrangements(target: Target, plan: Plan) -> Iterator[Subscription | ReportSchedule | Failure]:
    """Through the stack's endpoints while it has them, otherwise with the application's credentials."""
    if target.has_endpoints:
        yield from delete_report_schedules(target.stack, plan.schedules)
        yield from delete_subscriptions(target.stack, plan.subscriptions)
    elif plan.subscriptions and plan.remains.secrets:
        given = target.stack.parameters
        environment = Environment(given.get("SellingPartnerApiEndpoint", ""), given.get("LoginWithAmazonEndpoint", ""))
        yield from delete_subscriptions_without_stack(
            target.stack.client,
            environment,
            plan.remains.secrets[0],
            target.named("SellingPartnersTable"),
            plan.subscriptions,
        )
    else:
        for subscription in plan.subscriptions:
            yield Failure(
                str(subscription), "cannot be deleted, because both the stack and the application's secret are gone"
            )


def _unblock(client: Callable[[str], Any], plan: Plan, show: Callable[[str], None]) -> None:
    """Removes what would block or delay the deletion of the stack.

    IAM does not delete a user that has access keys. Step Functions deletes a state machine only when no execution is
    running, and one may wait for days.
    """
    for access_key in plan.access_keys:
        client("iam").delete_access_key(UserName=plan.user, AccessKeyId=access_key)
    if plan.access_keys:
        show(f"  {counted(len(plan.access_keys), 'access key')} deleted")
    states = client("stepfunctions")
    for execution in plan.executions:
        try:
            states.stop_execution(
                executionArn=execution, error="StackDeleted", cause="The stack of this state machine is being deleted."
            )
        except states.exceptions.ExecutionDoesNotExist:
            continue
    if plan.executions:
        show(f"  {counted(len(plan.executions), 'execution')} stopped")


def _delete_or_raise(target: Target, show: Callable[[str], None]) -> None:
    """Deletes the stack, again where a service was asked too often. Raises CommandError with what was not deleted."""
    for attempt in range(1, _ATTEMPTS + 1):
        failed = _delete_stack(target, show)
        if not failed:
            return
        throttled = any(_THROTTLED.search(reason) for _, reason in failed)
        if not throttled or attempt == _ATTEMPTS:
            raise CommandError("\n".join(words.failures(target, failed)))
        show(f"  AWS throttled the deletion (Too Many Requests). Trying again in {_PAUSE_SECONDS:.0f} seconds.")
        time.sleep(_PAUSE_SECONDS)
        target = replace(target, status="DELETE_FAILED")


def _delete_stack(target: Target, show: Callable[[str], None]) -> list[tuple[str, str]]:
    """Deletes the stack and shows each resource as it is deleted. Returns the path and the reason of each failure."""
    cloudformation = target.stack.client("cloudformation")
    stacks = {target.stack_id: ""} | {
        resource.physical_id: f"{resource.path}/" for resource in target.resources if resource.type == NESTED_STACK
    }
    seen = {event["EventId"] for stack_id in stacks for event in _events(cloudformation, stack_id, set())}
    if target.status != "DELETE_IN_PROGRESS":
        cloudformation.delete_stack(StackName=target.stack_id)
    begun, wait = time.monotonic(), _FIRST_POLL_SECONDS
    failed: list[tuple[str, str]] = []
    while True:
        status = described(cloudformation, target.stack_id)["StackStatus"]
        for stack_id, path in stacks.items():
            for event in reversed(list(_events(cloudformation, stack_id, seen))):
                seen.add(event["EventId"])
                if event["PhysicalResourceId"] == stack_id or event["ResourceStatus"].endswith("_IN_PROGRESS"):
                    continue
                failed += _shown(event, path, time.monotonic() - begun, show)
        if status == "DELETE_COMPLETE":
            show(f"  {time.monotonic() - begun:5.0f} s  the stack is deleted")
            return []
        if status != "DELETE_IN_PROGRESS":
            return failed or [(target.stack.name, status)]
        time.sleep(wait)
        wait = min(wait * 2, _POLL_SECONDS)


def _shown(event: Mapping[str, Any], path: str, seconds: float, show: Callable[[str], None]) -> list[tuple[str, str]]:
    """Shows the event. Returns the path and the reason of a failure, except a nested stack's own."""
    name = path + event["LogicalResourceId"]
    status = {"DELETE_COMPLETE": "deleted", "DELETE_SKIPPED": "kept"}.get(event["ResourceStatus"], "FAILED")
    show(f"  {seconds:5.0f} s  {status:<8} {name}")
    if status != "FAILED" or event["ResourceType"] == NESTED_STACK:
        return []
    return [(name, event.get("ResourceStatusReason", ""))]


def _events(cloudformation: Any, stack_id: str, seen: set[str]) -> Iterator[Mapping[str, Any]]:
    """The stack's events, newest first, until one that was seen before."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event["EventId"] in seen:
                return
            yield event


def _delete_data(
    client: Callable[[str], Any], found: Remains, needed_table: str, show: Callable[[str], None]
) -> list[str]:
    """Deletes buckets and tables, except the table that is still needed. Returns what was kept and why."""
    kept = []
    s3 = client("s3")
    for bucket in found.buckets:
        deleted = 0
        try:
            for number in empty_bucket(s3, bucket):
                deleted += number
                show(f"  {deleted:,} object versions deleted")
            s3.delete_bucket(Bucket=bucket)
            show(f"  bucket {bucket} deleted")
        except PermissionError as error:
            kept.append(str(error))
            show(f"  !! {error}")
    dynamodb = client("dynamodb")
    for name in found.tables:
        if name == needed_table:
            kept.append(f"table {name}: it holds the ids of subscriptions that were not deleted")
            continue
        dynamodb.delete_table(TableName=name)
        show(f"  table {name} deleted")
    return kept
