"""A deployed stack, on AWS or on the local emulator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


class StackUnknownError(LookupError):
    """There is no such stack, or it is not one of the Quick Start's."""


@dataclass(frozen=True)
class Stack:
    """The stack's outputs and parameters by name, and how its services are reached.

    `client` makes a boto3 client of a service; `address` turns an invoke URL of the outputs into one that answers here.
    """

    name: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    client: Callable[[str], Any]
    address: Callable[[str], str]
    session: boto3.Session


def find_stack(
    name: str,
    session: boto3.Session,
    endpoint_url: str | None = None,
    address: Callable[[str], str] = lambda url: url,
) -> Stack:
    """Raises StackUnknownError. `endpoint_url` is AWS's own when None."""

    def client(service: str) -> Any:
        make: Callable[..., Any] = session.client
        return make(service, endpoint_url=endpoint_url, config=Config(connect_timeout=5, read_timeout=30))

    try:
        found = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        raise StackUnknownError(f"no stack {name} in {session.region_name}: {error}") from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    if "TokenStorageUrl" not in outputs:
        raise StackUnknownError(
            f"the stack {name} is not the Quick Start's root stack: it has no output TokenStorageUrl"
        )
    parameters = {given["ParameterKey"]: given["ParameterValue"] for given in found.get("Parameters", [])}
    return Stack(name, outputs, parameters, client, address, session)
