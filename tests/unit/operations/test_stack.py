"""AWS's errors as messages for the operator."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)

from operations import stack
from operations.stack import NESTED_STACK, Resource, Stack, StackUnknownError, explained, resources


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (
            "ExpiredToken",
            "The security token included in the request is expired",
            "your AWS credentials have expired: sign in again",
        ),
        ("ExpiredTokenException", "m", "your AWS credentials have expired: sign in again"),
        ("RequestExpired", "Request has expired.", "your AWS credentials have expired: sign in again"),
        *(
            (code, "m", f"AWS does not accept your credentials ({code}): check AWS_PROFILE and the keys")
            for code in (
                "InvalidClientTokenId",
                "UnrecognizedClientException",
                "SignatureDoesNotMatch",
                "AuthFailure",
            )
        ),
        (
            "ValidationError",
            "Stack with id quick-start does not exist",
            "no stack quick-start in eu-west-1: check the name, or add REGION=<region>",
        ),
        ("ValidationError", "The name is too long", "DescribeStacks: The name is too long (ValidationError)"),
        (
            "AccessDenied",
            "User: me is not authorized",
            "DescribeStacks: User: me is not authorized (AccessDenied). For the policies that you need, see "
            "docs/iam/README.md",
        ),
        (
            "AccessDeniedException",
            "User: me is not authorized",
            "DescribeStacks: User: me is not authorized (AccessDeniedException). For the policies that you need, see "
            "docs/iam/README.md",
        ),
        ("ThrottlingException", "Rate exceeded", "DescribeStacks: Rate exceeded (ThrottlingException)"),
    ],
)
def test_an_error_says_what_to_do(code: str, message: str, words: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")
    assert explained(error, "quick-start", "eu-west-1") == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoRegionError(), "no region is set: add REGION=<region>, or set AWS_DEFAULT_REGION"),
        (
            NoCredentialsError(),
            "no AWS credentials were found: set AWS_PROFILE, or sign in with `aws configure` or `aws sso login`",
        ),
        (
            EndpointConnectionError(endpoint_url="https://x.test"),
            "no response from AWS in the region eu-west-1: check the region's name (Could not connect to the endpoint "
            'URL: "https://x.test")',
        ),
        (ReadTimeoutError(endpoint_url="https://x.test"), 'Read timeout on endpoint URL: "https://x.test"'),
    ],
)
def test_an_error_of_the_aws_client_says_what_to_do(error: BotoCoreError, words: str) -> None:
    assert explained(error, "quick-start", "eu-west-1") == words


LOCAL = "http://127.0.0.1:4566"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDenied", "User: me is not authorized to perform: cloudformation:DescribeStacks"),
        ("ValidationError", "Stack with id quick-start does not exist"),
    ],
)
def test_a_command_that_went_to_the_local_stack_says_so(
    monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    """In a terminal with the local stack's env.sh, with STACK=<a stack on AWS>."""
    error = ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    assert explained(error, "quick-start", "eu-west-1") == (
        f"no stack quick-start at {LOCAL}, the local stack's address, which AWS_ENDPOINT_URL is set to: for a stack on "
        "AWS, use a terminal without the local stack's env.sh"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws.example.com")
    assert "local stack" not in explained(error, "quick-start", "eu-west-1")


def test_a_local_stack_that_was_stopped_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    error = EndpointConnectionError(endpoint_url=LOCAL)
    words = f"no response from the local stack at {LOCAL}: it was stopped. Start one with make up"
    assert explained(error, "quick-start", "us-east-1") == words


@pytest.mark.parametrize("address", [LOCAL, None])
def test_a_local_stack_that_was_stopped_is_noticed_after_three_attempts(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    """AWS gets as many attempts as botocore makes by default."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    if address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    attempts: list[object] = []

    def refused(**_: object) -> None:
        attempts.append(None)
        raise EndpointConnectionError(endpoint_url=LOCAL)

    client = stack.client_maker(session)("sqs")
    client.meta.events.register("before-send", refused)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(EndpointConnectionError):
        client.list_queues()
    assert len(attempts) == (3 if address else 5)


class Formation:
    """CloudFormation with one stack."""

    def __init__(self, status: str = "CREATE_COMPLETE", **outputs: str) -> None:
        self.status, self.outputs = status, outputs

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        listed = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        given = [{"ParameterKey": "LogRetentionDays", "ParameterValue": "90"}]
        return {"Stacks": [{"StackStatus": self.status, "Outputs": listed, "Parameters": given}]}


def found(monkeypatch: pytest.MonkeyPatch, formation: Formation) -> Stack:
    monkeypatch.setattr(stack, "client_maker", lambda *_: lambda _: formation)
    return stack.find_stack("quick-start", boto3.Session(region_name="eu-west-1"))


def test_a_root_stack_is_found_with_its_outputs_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    made = found(monkeypatch, Formation("UPDATE_IN_PROGRESS", TokenStorageUrl="https://x", Other="y"))
    assert made.outputs == {"TokenStorageUrl": "https://x", "Other": "y"}
    assert made.parameters == {"LogRetentionDays": "90"}


@pytest.mark.parametrize(
    ("formation", "words"),
    [
        (
            Formation("CREATE_IN_PROGRESS"),
            "the stack quick-start is CREATE_IN_PROGRESS and has no outputs yet: wait until this has ended",
        ),
        (
            Formation("ROLLBACK_COMPLETE"),
            "the stack quick-start is ROLLBACK_COMPLETE and has no outputs. To find the reason, see "
            "docs/troubleshooting.md. To delete what is left, run make destroy STACK=quick-start REGION=eu-west-1",
        ),
        (
            Formation(Other="y"),
            "the stack quick-start is not the Quick Start's root stack: it has no output TokenStorageUrl",
        ),
        (
            Formation("ROLLBACK_COMPLETE", Other="y"),
            "the stack quick-start is not the Quick Start's root stack: it has no output TokenStorageUrl",
        ),
    ],
)
def test_a_stack_that_cannot_be_used_says_why(
    monkeypatch: pytest.MonkeyPatch, formation: Formation, words: str
) -> None:
    with pytest.raises(StackUnknownError) as unknown:
        found(monkeypatch, formation)
    assert str(unknown.value) == words


@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"])
def test_a_stack_that_was_not_created_is_told_how_to_delete_it(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    with pytest.raises(StackUnknownError, match=f"is {status} and has no outputs. To find the reason"):
        found(monkeypatch, Formation(status))


def test_aws_gets_five_seconds_to_connect_and_thirty_to_answer() -> None:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    client = stack.client_maker(session, "http://127.0.0.1:1")
    made = client("sqs")
    assert client("sqs") is made
    config = made.meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 30)
    assert made.meta.endpoint_url == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("", "https://api1.execute-api.us-east-1.amazonaws.com/prod/reports/7"),
        ("http://127.0.0.1:4566/_api", "http://127.0.0.1:4566/_api/api1/prod/reports/7"),
    ],
)
def test_where_an_api_is_called(monkeypatch: pytest.MonkeyPatch, endpoint: str, address: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EXECUTE_API", endpoint)
    url = "https://api1.execute-api.us-east-1.amazonaws.com/prod/reports/7"
    assert stack.invoke_address(url) == address


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://localhost:4566", True),
        ("https://sqs.us-east-1.amazonaws.com", False),
        ("", False),
    ],
)
def test_which_endpoint_is_on_this_machine(monkeypatch: pytest.MonkeyPatch, address: str, local: bool) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    assert stack.local_endpoint() == (address if local else None)


def test_another_error_of_the_local_stack_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    scan = ClientError({"Error": {"Code": "ValidationError", "Message": "m"}}, "Scan")
    assert explained(scan, "quick-start", "eu-west-1") == "Scan: m (ValidationError)"
    throttled = ClientError({"Error": {"Code": "Throttling", "Message": "m"}}, "DescribeStacks")
    assert explained(throttled, "quick-start", "eu-west-1") == "DescribeStacks: m (Throttling)"
    gone = ClientError({"Error": {"Code": "NoSuchKey", "Message": "it does not exist"}}, "GetObject")
    assert explained(gone, "quick-start", "eu-west-1") == "GetObject: it does not exist (NoSuchKey)"
    denied = ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "Scan")
    assert explained(denied, "x", None).endswith(". For the policies that you need, see docs/iam/README.md")


def test_the_resources_of_nested_stacks_follow_their_stack() -> None:
    """A nested stack that was not created has no id, and nothing to list."""

    def held(name: str, kind: str, physical_id: str | None) -> dict[str, str]:
        named = {} if physical_id is None else {"PhysicalResourceId": physical_id}
        return {"LogicalResourceId": name, "ResourceType": kind, "ResourceStatus": "X", **named}

    pages = {
        "root": [[held("A", NESTED_STACK, "nested")], [held("B", NESTED_STACK, None), held("C", "AWS::X", "c")]],
        "nested": [[held("D", "AWS::X", "d")]],
    }

    class Listing:
        def get_paginator(self, name: str) -> Any:
            assert name == "list_stack_resources"
            return self

        def paginate(self, *, StackName: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's spelling
            return [{"StackResourceSummaries": page} for page in pages[StackName]]

    assert list(resources(Listing(), "root")) == [
        Resource("A", NESTED_STACK, "nested", "X"),
        Resource("A/D", "AWS::X", "d", "X"),
        Resource("B", NESTED_STACK, "", "X"),
        Resource("C", "AWS::X", "c", "X"),
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoRegionError(), "no region is set"),
        (
            ClientError({"Error": {"Code": "ExpiredToken", "Message": "m"}}, "DescribeStacks"),
            "your AWS credentials have expired: sign in again",
        ),
    ],
)
def test_a_stack_that_cannot_be_described_says_why(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    class Refusing:
        def describe_stacks(self, **_: str) -> dict[str, Any]:
            raise error

    monkeypatch.setattr(stack, "client_maker", lambda *_: lambda _: Refusing())
    with pytest.raises(StackUnknownError, match=f"^{words}"):
        stack.find_stack("quick-start", boto3.Session(region_name="eu-west-1"))


def test_a_program_may_say_where_an_api_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoints: list[str | None] = []

    def clients(_: boto3.Session, endpoint_url: str | None) -> Any:
        endpoints.append(endpoint_url)
        return lambda _: Formation(TokenStorageUrl="x")

    monkeypatch.setattr(stack, "client_maker", clients)
    session = boto3.Session(region_name="eu-west-1")
    made = stack.find_stack("quick-start", session, LOCAL, lambda url: f"my {url}")
    assert made.address("url") == "my url"
    assert stack.find_stack("quick-start", session).address is stack.invoke_address
    assert endpoints == [LOCAL, None]
