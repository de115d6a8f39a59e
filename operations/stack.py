"""A deployed stack, on AWS or on the local emulator."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

# The environment variable that sets an endpoint for API Gateway's invoke URLs (<endpoint>/<API id>/<stage>/<path>).
# Named like the AWS SDKs' variables for the endpoints of services.
INVOKE_ENDPOINT = "AWS_ENDPOINT_URL_EXECUTE_API"
NESTED_STACK = "AWS::CloudFormation::Stack"
_DENIED = ("AccessDenied", "UnauthorizedOperation")
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
"""Codes of AWS's errors for credentials that have expired."""
_NOT_CREATED = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")


class StackUnknownError(LookupError):
    """There is no such stack, it is not a Quick Start stack, or it cannot be described. The message says which."""


@dataclass(frozen=True)
class Stack:
    """The stack's outputs and parameters by name, and access to its services.

    `client` creates a boto3 client for a service. `address` maps an invoke URL from the outputs to one that can be
    reached from this machine.
    """

    name: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    client: Callable[[str], Any]
    address: Callable[[str], str]
    session: boto3.Session


@dataclass(frozen=True)
class Resource:
    """A resource of a stack or of one nested in it; `path` has the logical ids on the way to it, such as
    Reports/ReportsTable."""

    path: str
    type: str
    physical_id: str
    status: str

    @property
    def logical_id(self) -> str:
        return self.path.rpartition("/")[2]


def find_stack(
    name: str,
    session: boto3.Session,
    endpoint_url: str | None = None,
    address: Callable[[str], str] | None = None,
) -> Stack:
    """Raises StackUnknownError. Uses AWS's own endpoint if `endpoint_url` is None."""
    client = client_maker(session, endpoint_url)
    try:
        found = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except (ClientError, BotoCoreError) as error:
        raise StackUnknownError(explained(error, name, session.region_name)) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    status = found["StackStatus"]
    if not outputs and status.endswith("_IN_PROGRESS"):
        raise StackUnknownError(f"the stack {name} is {status} and has no outputs yet: wait until this has ended")
    if not outputs and status in _NOT_CREATED:
        raise StackUnknownError(
            f"the stack {name} is {status} and has no outputs. To find the reason, see docs/troubleshooting.md. "
            f"To delete what is left, run make destroy STACK={name} REGION={session.region_name}"
        )
    if "TokenStorageUrl" not in outputs:
        raise StackUnknownError(
            f"the stack {name} is not the Quick Start's root stack: it has no output TokenStorageUrl"
        )
    parameters = {given["ParameterKey"]: given["ParameterValue"] for given in found.get("Parameters", [])}
    return Stack(name, outputs, parameters, client, address or invoke_address, session)


def client_maker(session: boto3.Session, endpoint_url: str | None = None) -> Callable[[str], Any]:
    """Returns a function that returns boto3 clients with time-outs, the same one for the same service."""
    # botocore's default repeats a call to a local stack that was stopped for half a minute.
    attempts = Config(retries={"mode": "standard"}) if local_endpoint() else Config()

    @cache
    def client(service: str) -> Any:
        make: Callable[..., Any] = session.client
        config = Config(connect_timeout=5, read_timeout=30).merge(attempts)
        return make(service, endpoint_url=endpoint_url, config=config)

    return client


def invoke_address(url: str) -> str:
    """The URL to call for an invoke URL of the outputs: unchanged, unless the environment sets another endpoint."""
    endpoint = os.environ.get(INVOKE_ENDPOINT)
    if not endpoint:
        return url
    parts = urlsplit(url)
    return f"{endpoint}/{parts.netloc.partition('.')[0]}{parts.path}"


def signed_headers(stack: Stack, method: str, address: str, body: str | None = None) -> dict[str, str]:
    """The headers of a request to an endpoint of the stack, signed with the operator's own credentials."""
    credentials = stack.session.get_credentials()
    assert credentials is not None, "without them, find_stack fails"
    request = AWSRequest(method, address, data=body)
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", stack.session.region_name).add_auth(request)
    return dict(request.headers)


def resources(cloudformation: Any, stack_id: str, path: str = "") -> Iterator[Resource]:
    """Every resource of the stack and its nested stacks. A deleted stack can be listed by its id for 90 days."""
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id):
        for listed in page["StackResourceSummaries"]:
            found = Resource(
                path + listed["LogicalResourceId"],
                listed["ResourceType"],
                listed.get("PhysicalResourceId", ""),
                listed["ResourceStatus"],
            )
            yield found
            if found.type == NESTED_STACK and found.physical_id:
                yield from resources(cloudformation, found.physical_id, f"{found.path}/")


def local_endpoint() -> str | None:
    """The address that the environment sets in place of AWS's, if it is on this machine."""
    address = os.environ.get("AWS_ENDPOINT_URL", "")
    return address if urlsplit(address).hostname in ("127.0.0.1", "localhost") else None


def explained(error: ClientError | BotoCoreError, stack_name: str, region: str | None) -> str:
    """The error of AWS or its client as a message for the operator."""
    if isinstance(error, NoRegionError):
        return "no region is set: add REGION=<region>, or set AWS_DEFAULT_REGION"
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found: set AWS_PROFILE, or sign in with `aws configure` or `aws sso login`"
    local = local_endpoint()
    if isinstance(error, EndpointConnectionError) and local:
        return f"no response from the local stack at {local}: it was stopped. Start one with make up"
    if isinstance(error, EndpointConnectionError):
        return f"no response from AWS in the region {region}: check the region's name ({error})"
    if not isinstance(error, ClientError):
        return str(error)
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if local and error.operation_name == "DescribeStacks" and code.startswith(("ValidationError", *_DENIED)):
        return (
            f"no stack {stack_name} at {local}, the local stack's address, which AWS_ENDPOINT_URL is set to: "
            "for a stack on AWS, use a terminal without the local stack's env.sh"
        )
    if code == "ValidationError" and "does not exist" in message:
        return f"no stack {stack_name} in {region}: check the name, or add REGION=<region>"
    if code in EXPIRED:
        return "your AWS credentials have expired: sign in again"
    if code in ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"):
        return f"AWS does not accept your credentials ({code}): check AWS_PROFILE and the keys"
    text = f"{error.operation_name}: {message} ({code})"
    return f"{text}. For the policies that you need, see docs/iam/README.md" if code.startswith(_DENIED) else text
