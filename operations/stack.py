"""A deployed stack, on AWS or on the local emulator."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

# Where API Gateway's invoke addresses are answered if not at Amazon's: this address, then /<API id>/<stage>/<path>.
# It is named as AWS names the settings of this kind for every service.
INVOKE_ENDPOINT = "AWS_ENDPOINT_URL_EXECUTE_API"
NESTED_STACK = "AWS::CloudFormation::Stack"
_DENIED = ("AccessDenied", "UnauthorizedOperation")
_NEVER_MADE = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")


class StackUnknownError(LookupError):
    """There is no such stack, or it is not one of the Quick Start's; or it cannot be asked for, and the message says
    why."""


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


@dataclass(frozen=True)
class Resource:
    """A resource of a stack or of one nested in it; `path` names the way to it, such as Reports/ReportsTable."""

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
    """Raises StackUnknownError. `endpoint_url` is AWS's own when None."""
    client = client_maker(session, endpoint_url)
    try:
        found = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except (ClientError, BotoCoreError) as error:
        raise StackUnknownError(explained(error, name, session.region_name)) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    status = found["StackStatus"]
    if not outputs and status.endswith("_IN_PROGRESS"):
        raise StackUnknownError(f"the stack {name} is {status} and has no outputs yet: wait until that has ended")
    if not outputs and status in _NEVER_MADE:
        raise StackUnknownError(
            f"the stack {name} is {status} and has no outputs: docs/troubleshooting.md says how to find the reason, "
            f"make destroy STACK={name} REGION={session.region_name} removes what is left"
        )
    if "TokenStorageUrl" not in outputs:
        raise StackUnknownError(
            f"the stack {name} is not the Quick Start's root stack: it has no output TokenStorageUrl"
        )
    parameters = {given["ParameterKey"]: given["ParameterValue"] for given in found.get("Parameters", [])}
    return Stack(name, outputs, parameters, client, address or invoke_address, session)


def client_maker(session: boto3.Session, endpoint_url: str | None = None) -> Callable[[str], Any]:
    """Makes clients that give up on an address that does not answer."""

    def client(service: str) -> Any:
        make: Callable[..., Any] = session.client
        return make(service, endpoint_url=endpoint_url, config=Config(connect_timeout=5, read_timeout=30))

    return client


def invoke_address(url: str) -> str:
    """The invoke URL of an output as it is reached from here: as it stands, unless the environment names another."""
    endpoint = os.environ.get(INVOKE_ENDPOINT)
    if not endpoint:
        return url
    parts = urlsplit(url)
    return f"{endpoint}/{parts.netloc.partition('.')[0]}{parts.path}"


def signed_headers(stack: Stack, method: str, address: str, body: str | None = None) -> dict[str, str]:
    """The headers of a request to an endpoint of the stack, signed with the operator's own credentials."""
    credentials = stack.session.get_credentials()
    assert credentials is not None, "with none, the stack would not have been found"
    request = AWSRequest(method, address, data=body)
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", stack.session.region_name).add_auth(request)
    return dict(request.headers)


def resources(cloudformation: Any, stack_id: str, path: str = "") -> Iterator[Resource]:
    """Every resource of the stack and of those nested in it. By its id a stack is known for 90 days after deletion."""
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


def explained(error: ClientError | BotoCoreError, stack_name: str, region: str | None) -> str:
    """What AWS or its client says, for a person."""
    if isinstance(error, NoRegionError):
        return "no region is set: add REGION=<region>, or set AWS_DEFAULT_REGION"
    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials here: set AWS_PROFILE, or sign in with `aws configure` or `aws sso login`"
    if isinstance(error, EndpointConnectionError):
        return f"nothing answers for the region {region}: is that its name? ({error})"
    if not isinstance(error, ClientError):
        return str(error)
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code == "ValidationError" and "does not exist" in message:
        return f"no stack {stack_name} in {region}: look at its name, or add REGION=<region>"
    if code in ("ExpiredToken", "ExpiredTokenException", "RequestExpired"):
        return "your AWS credentials have expired: sign in again"
    if code in ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"):
        return f"AWS does not accept your credentials ({code}): look at AWS_PROFILE and the keys"
    told = f"{error.operation_name}: {message} ({code})"
    return f"{told}. docs/iam/README.md has the policies" if code.startswith(_DENIED) else told
