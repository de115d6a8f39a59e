"""Finds the stack to delete, or what deleted stacks of that name left behind."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from operations.destroy.remains import remains
from operations.stack import Resource, Stack, StackUnknownError, client_maker, invoke_address, resources

# A parameter that every version of the root template has.
_OURS = "ReportStorageNotificationEmail"


@dataclass(frozen=True)
class Target:
    """What to delete. `stack_id` and `status` are empty when there is no stack of this name any more.

    `resources` are those of the stack and its nested stacks, or those that deleted stacks of this name left behind.
    `stranded` are the ids of nested stacks that are no longer in the stack and that CloudFormation could not delete.
    """

    stack: Stack
    stack_id: str
    status: str
    protected: bool
    resources: tuple[Resource, ...]
    stranded: tuple[str, ...] = ()

    @property
    def has_endpoints(self) -> bool:
        """Whether the stack still has the endpoints that delete subscriptions and report schedules."""
        return (
            self.status != "DELETE_IN_PROGRESS"
            and {"NotificationsSubscriberUrl", "ReportSchedulesUrl"} <= self.stack.outputs.keys()
            and all(self.named(function) for function in ("SPAPINotificationsSubscriber", "SPAPIReportSchedules"))
        )

    def named(self, logical_id: str) -> str:
        """The physical id of a resource that exists, or an empty string."""
        for resource in self.resources:
            if resource.logical_id == logical_id and resource.status != "DELETE_COMPLETE":
                return resource.physical_id
        return ""

    def of_type(self, kind: str) -> list[str]:
        """The physical ids of the resources of this type that exist."""
        return [
            resource.physical_id
            for resource in self.resources
            if resource.type == kind and resource.status != "DELETE_COMPLETE" and resource.physical_id
        ]


def find_target(name: str, session: boto3.Session) -> Target:
    """Raises StackUnknownError if there is no such stack and nothing is left of an earlier one."""
    client = client_maker(session)
    cloudformation = client("cloudformation")
    try:
        found = described(cloudformation, name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return _deleted_target(name, session, client)
    parameters = _parameters(found)
    if _OURS not in parameters and found["StackStatus"] != "REVIEW_IN_PROGRESS":
        raise StackUnknownError(f"the stack {name} is not the Quick Start's root stack: it has no parameter {_OURS}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    current = list(resources(cloudformation, found["StackId"]))
    stranded = stranded_stacks(cloudformation, [found["StackId"]], {resource.physical_id for resource in current})
    return Target(
        Stack(name, outputs, parameters, client, invoke_address, session),
        found["StackId"],
        found["StackStatus"],
        found.get("EnableTerminationProtection", False),
        (
            *current,
            *_left_by_nested(cloudformation, [found["StackId"]]),
            *_resources_of(cloudformation, stranded),
        ),
        stranded,
    )


def described(cloudformation: Any, stack: str) -> Mapping[str, Any]:
    """CloudFormation's description of one stack, by name or id. Raises ClientError."""
    found: Mapping[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return found


def _deleted_target(name: str, session: boto3.Session, client: Callable[[str], Any]) -> Target:
    """What deleted stacks of this name left behind. CloudFormation lists deleted stacks for 90 days."""
    cloudformation = client("cloudformation")
    ids = [stack["StackId"] for stack in _listed(cloudformation, "DELETE_COMPLETE") if stack["StackName"] == name]
    deleted = {stack_id: _parameters(described(cloudformation, stack_id)) for stack_id in ids}
    ours = {stack_id: parameters for stack_id, parameters in deleted.items() if _OURS in parameters}
    stranded = stranded_stacks(cloudformation, ours, ())
    left = [*_left_by_nested(cloudformation, ours), *_resources_of(cloudformation, stranded)]
    if not stranded and not remains(client, left):
        raise StackUnknownError(
            f"no stack {name} in {session.region_name}, and no resources left by a deleted one: check the name, or "
            "add REGION=<region>"
        )
    parameters = next(iter(ours.values()))
    return Target(Stack(name, {}, parameters, client, invoke_address, session), "", "", False, tuple(left), stranded)


def _left_by_nested(cloudformation: Any, root_ids: Collection[str]) -> list[Resource]:
    """What these roots' nested stacks left behind, whether deleted with the root or by an update of it."""
    return [
        resource
        for stack in _listed(cloudformation, "DELETE_COMPLETE")
        if stack.get("RootId") in root_ids
        for resource in resources(cloudformation, stack["StackId"])
        if resource.status == "DELETE_SKIPPED"
    ]


def stranded_stacks(cloudformation: Any, root_ids: Collection[str], current: Collection[str]) -> tuple[str, ...]:
    """Nested stacks of these roots in DELETE_FAILED that are not among the root's `current` resources.

    After an update, CloudFormation deletes what the update removed, and gives up on what it cannot delete: such as a
    state machine with an execution that waits.
    """
    return tuple(
        stack["StackId"]
        for stack in _listed(cloudformation, "DELETE_FAILED")
        if stack.get("RootId") in root_ids and stack["StackId"] not in current
    )


def _resources_of(cloudformation: Any, stack_ids: Collection[str]) -> list[Resource]:
    return [resource for stack_id in stack_ids for resource in resources(cloudformation, stack_id)]


def _listed(cloudformation: Any, status: str) -> Iterator[Mapping[str, Any]]:
    for page in cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=[status]):
        yield from page["StackSummaries"]


def _parameters(described_stack: Mapping[str, Any]) -> dict[str, str]:
    return {given["ParameterKey"]: given["ParameterValue"] for given in described_stack.get("Parameters", [])}
