"""What the command prints. Calls nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from operations.command import counted, table
from operations.destroy.survey import Plan
from operations.destroy.target import Target

_SHOWN = 5


def blocked_by_state(target: Target) -> list[str]:
    """What the operator must do before the stack can be deleted, because of its own state; empty if nothing."""
    name, region = target.stack.name, target.stack.session.region_name
    if target.status.endswith("_IN_PROGRESS") and target.status not in ("REVIEW_IN_PROGRESS", "DELETE_IN_PROGRESS"):
        return [f"The stack is {target.status}. Wait until this has ended, then try again."]
    if target.protected:
        return [
            "Termination protection is enabled for the stack. To disable it, run:",
            f"  aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {name}"
            f" --region {region}",
        ]
    return []


def blocked_by_rules(target: Target, rules: Mapping[str, Sequence[str]]) -> list[str]:
    """How to delete the rules on the stack's event bus, given with the ids of their targets; empty if there are none.

    EventBridge does not delete an event bus that has rules.
    """
    if not rules:
        return []
    lines = [
        "Your product has rules on the stack's event bus, and EventBridge does not delete an event bus that has rules.",
        "Delete them where they were created (such as your product's own stack), or run:",
    ]
    name, region = target.named("NotificationEventBus"), target.stack.session.region_name
    on = f"--event-bus-name {name} --region {region}"
    for rule, targets in rules.items():
        if targets:
            lines.append(f"  aws events remove-targets --rule {rule} --ids {' '.join(targets)} {on}")
        lines.append(f"  aws events delete-rule --name {rule} {on}")
    return lines


def summary(target: Target, plan: Plan, *, keep_data: bool) -> Iterator[str]:
    """What is deleted and what is kept, with numbers."""
    stack = target.stack
    where = f"in {stack.session.region_name}, account {plan.account}"
    if target.stack_id:
        yield f"Stack {stack.name} {where} ({target.status})"
    else:
        yield f"The stack {stack.name} {where} is already deleted. It left these resources behind:"
    if target.stranded:
        yield "\nDeleted first: nested stacks that CloudFormation could not delete before"
        yield from (f"  {stack_id.split('/')[1]}" for stack_id in target.stranded)
        if plan.executions and not target.stack_id:
            yield f"  running executions: {len(plan.executions)}, stopped first"
    if plan.subscriptions or plan.schedules or plan.unknown:
        yield from _deleted_at_sp_api(target, plan)
    if plan.remains.tables and not target.has_endpoints:
        yield "\nWithout the stack, report schedules at SP-API cannot be looked up: see docs/clean-up.md."
    if target.stack_id:
        yield "\nDeleted with the stack"
        yield from table(_deleted_with_the_stack(target, plan), "  ")
    if plan.remains.buckets or plan.remains.tables:
        yield f"\n{'Kept, because of KEEP_DATA' if keep_data else 'Deleted after the stack'}"
        yield from table(_data(plan), "  ")
    if plan.remains.keys or plan.remains.secrets:
        yield "\nKept, because it cannot be recovered"
        rows = [("secret", f"{arn}") for arn in plan.remains.secrets] + [("key", key) for key in plan.remains.keys]
        yield from table(rows, "  ")


def _deleted_at_sp_api(target: Target, plan: Plan) -> Iterator[str]:
    yield "\nDeleted at SP-API, where they would otherwise stay active"
    sellers = len({subscription.seller_id for subscription in plan.subscriptions})
    rows = [("subscriptions", f"{len(plan.subscriptions)} of {counted(sellers, 'seller')}")]
    if target.has_endpoints:
        rows.append(("report schedules", f"{len(plan.schedules)}, of the report types in the Reports table"))
    yield from table(rows, "  ")
    yield from _first(str(schedule) for schedule in plan.schedules)
    for failure in plan.unknown:
        yield f"  !! {failure}"


def _first(texts: Iterable[str]) -> Iterator[str]:
    listed = list(texts)
    yield from (f"    {text}" for text in listed[:_SHOWN])
    if len(listed) > _SHOWN:
        yield f"    and {len(listed) - _SHOWN} more"


def _deleted_with_the_stack(target: Target, plan: Plan) -> Iterator[tuple[str, str]]:
    found = plan.remains
    kept = {*found.buckets, *found.tables, *found.keys, *found.secrets}
    deleted = sum(
        1
        for resource in target.resources
        if resource.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED") and resource.physical_id not in kept
    )
    yield "resources", f"{deleted}"
    if plan.access_keys:
        yield "access keys", f"{len(plan.access_keys)} of {plan.user}: your product loses its access"
    if plan.executions:
        yield "running executions", f"{len(plan.executions)}, stopped first"
    if plan.review_schedules:
        yield "review requests", f"for {counted(plan.review_schedules, 'order')}, not sent yet"


def _data(plan: Plan) -> Iterator[tuple[str, str]]:
    for bucket, held in plan.contents.items():
        uploads = f", {counted(held.uploads, 'unfinished upload')}" if held.uploads else ""
        yield "bucket", f"{bucket}: {held.versions:,} object versions, {counted(held.size_bytes, 'byte')}{uploads}"
    for name, number in plan.items.items():
        sellers = f" of {counted(plan.sellers, 'seller')}" if plan.sellers and "SellingPartnersTable" in name else ""
        yield "table", f"{name}: {counted(number, 'item')}{sellers}"


def closing(target: Target, plan: Plan, *, keep_data: bool) -> Iterator[str]:
    """What stays in the account, why, and the command that removes each."""
    region = f"--region {target.stack.session.region_name}"
    found = plan.remains
    if keep_data:
        yield "\nThe data is kept, as requested. To delete it, run the same command without KEEP_DATA:"
        yield f"  make destroy STACK={target.stack.name} REGION={target.stack.session.region_name}"
        yield from table(
            [*(("bucket", name) for name in found.buckets), *(("table", name) for name in found.tables)], "  "
        )
    for secret in found.secrets:
        yield "\nThe application's credentials are kept, because Amazon shows a rotated client secret only once. When"
        yield "you have a copy, or do not need them any more:"
        yield f"  aws secretsmanager delete-secret --recovery-window-in-days 30 --secret-id {secret} {region}"
    if found.keys:
        yield "\nThe keys are kept. DynamoDB keeps a backup of a deleted table for 35 days, and the tokens in it cannot"
        yield "be decrypted without them. A deleted key cannot be restored. Until deletion, each costs 1 USD a month:"
        for key in found.keys:
            yield f"  aws kms schedule-key-deletion --pending-window-in-days 30 --key-id {key} {region}"
    role = target.named("ApiGatewayLogsRole")
    if role:
        yield "\nThe role with which API Gateway writes access logs is kept, because it is set for the whole account"
        yield "and region, and other APIs may use it. When no API writes logs any more:"
        yield f"  aws iam delete-role-policy --role-name {role} --policy-name WriteLogs"
        yield f"  aws iam delete-role --role-name {role}"
    yield from _registered(target)
    if plan.code:
        yield "\nThe published templates and code are kept, because other stacks may use them. If no other stack does:"
        yield f"  aws s3 rm --recursive {plan.code} {region}"


def _registered(target: Target) -> Iterator[str]:
    """What somebody registered at Amazon by hand. Only the developer console shows and removes it."""
    found = []
    if target.named("SecretQueue"):
        found.append("the queue under Notification Preferences")
    if target.named("AuthorizationRestApi"):
        found.append("the OAuth redirect URI and log-in URI")
    if found:
        yield "\nIf you registered them for this stack, remove these from your application in the developer console:"
        yield f"  {', '.join(found)}"


def failures(target: Target, failed: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What to do if CloudFormation could not delete some resources. `failed` has the path and the reason of each."""
    yield "CloudFormation could not delete these resources:"
    for path, reason in failed:
        yield f"  {path}: {reason}"
    yield "Fix the cause of each, then run the command again: " + (
        f"make destroy STACK={target.stack.name} REGION={target.stack.session.region_name}"
    )
    yield "No data has been deleted yet."
