"""API Gateway: what it answers before, and in place of, a function."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.emulator.support import ACCOUNT, Emulator, unique

FUNCTION = """
def handler(event, context):
    request = event["body"] or ""
    if request == "raise":
        raise ValueError("a secret of the function")
    if request == "sku":
        return {"statusCode": 200, "body": event["pathParameters"]["sku"]}
    if request == "text":
        return "no object"
    return {"statusCode": 200, "body": str(len(request))}
"""


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    error_type: str | None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Api:
    """A REST API with POST /tokens and POST /tokens/{sku} on its stage prod, and a user who may call it."""

    emulator: Emulator
    api_id: str
    key: Credentials

    def ask(
        self,
        path: str = "/prod/tokens",
        *,
        method: str = "POST",
        body: str = "",
        service: str = "execute-api",
        region: str = "us-east-1",
        key: Credentials | None = None,
    ) -> Answer:
        """Signed by the user, or by another."""
        url = f"{self.emulator.endpoint}/_aws/execute-api/{self.api_id}{path}"
        request = AWSRequest(method=method, url=url, data=body.encode())
        SigV4Auth(key or self.key, service, region).add_auth(request)
        return sent(urllib.request.Request(url, body.encode() or None, dict(request.headers), method=method))

    def ask_unsigned(self) -> Answer:
        return sent(
            urllib.request.Request(f"{self.emulator.endpoint}/_aws/execute-api/{self.api_id}/prod/tokens", b"{}")
        )


def sent(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request) as response:
            return Answer(response.status, response.read().decode(), None)
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read().decode(), error.headers.get("x-amzn-ErrorType"))


def user(emulator: Emulator, *statements: dict[str, Any]) -> tuple[str, Credentials]:
    """A user's ARN and access key."""
    name, iam = unique("user"), emulator.client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="policy", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return arn, Credentials(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture(scope="module")
def api(emulator: Emulator) -> Api:
    client = emulator.client("apigateway")
    api_id = client.create_rest_api(name=unique("api"))["id"]
    (root,) = client.get_resources(restApiId=api_id)["items"]
    tokens = client.create_resource(restApiId=api_id, parentId=root["id"], pathPart="tokens")["id"]
    token = client.create_resource(restApiId=api_id, parentId=tokens, pathPart="{sku}")["id"]
    function = emulator.function_arn(emulator.create_function(FUNCTION))
    for resource in (tokens, token):
        method = {"restApiId": api_id, "resourceId": resource, "httpMethod": "POST"}
        client.put_method(**method, authorizationType="AWS_IAM")
        client.put_integration(
            **method,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations",
        )
    client.create_deployment(restApiId=api_id, stageName="prod")
    _, key = user(emulator, {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"})
    return Api(emulator, api_id, key)


def test_a_signed_request_reaches_the_function(api: Api) -> None:
    assert api.ask(body="{}") == Answer(200, "2", None)


@pytest.mark.parametrize(
    ("path", "method"),
    [("/prod/tokens/", "POST"), ("/prod/token", "POST"), ("/stage/tokens", "POST"), ("/prod/tokens", "GET")],
)
def test_what_the_api_does_not_have_lacks_a_token(api: Api, path: str, method: str) -> None:
    _, stranger = user(api.emulator)
    for key in (api.key, stranger):
        answer = api.ask(path, method=method, key=key)
        assert (answer.status, answer.json) == (403, {"message": "Missing Authentication Token"})
        assert answer.error_type == "MissingAuthenticationTokenException"


def test_an_unsigned_request_lacks_a_token(api: Api) -> None:
    answer = api.ask_unsigned()
    assert (answer.status, answer.json) == (403, {"message": "Missing Authentication Token"})


@pytest.mark.parametrize("service", ["s3", "lambda"])
def test_a_signature_for_another_service_is_refused(api: Api, service: str) -> None:
    answer = api.ask(body="{}", service=service)
    assert (answer.status, answer.error_type) == (403, "InvalidSignatureException")
    assert answer.json == {"message": "Credential should be scoped to correct service: 'execute-api'. "}


def test_a_signature_for_another_region_is_refused(api: Api) -> None:
    region = "Credential should be scoped to a valid region. "
    answer = api.ask(body="{}", region="eu-west-1")
    assert (answer.status, answer.error_type) == (403, "InvalidSignatureException")
    assert answer.json == {"message": region}
    both = f"{region}Credential should be scoped to correct service: 'execute-api'. "
    assert api.ask(body="{}", region="eu-west-1", service="s3").json == {"message": both}


def test_a_wrong_signature_has_a_small_message(api: Api) -> None:
    answer = api.ask(body="{}", key=Credentials(api.key.access_key, "wrong"))
    assert (answer.status, set(answer.json)) == (403, {"message"})


def test_a_denial_has_a_capital_message_that_names_the_method(api: Api) -> None:
    arn, stranger = user(api.emulator)
    answer = api.ask(body="{}", key=stranger)
    assert (answer.status, answer.error_type) == (403, "AccessDeniedException")
    resource = f"arn:aws:execute-api:us-east-1:********{ACCOUNT[-4:]}:{api.api_id}/prod/POST/tokens"
    (message,) = answer.json.values()
    assert list(answer.json) == ["Message"]
    assert message.startswith(
        f"User: {arn} is not authorized to perform: execute-api:Invoke on resource: {resource} because"
    )


def test_a_body_over_10_mb_and_an_event_over_6_mb_are_too_long(api: Api) -> None:
    mebibyte = 1024 * 1024
    assert api.ask(body="x" * 5 * mebibyte).body == str(5 * mebibyte)
    too_much_for_lambda = api.ask(body="x" * 6 * mebibyte)
    assert (too_much_for_lambda.status, too_much_for_lambda.json) == (413, {"message": "Request Too Long"})
    too_much = api.ask(body="x" * (10 * mebibyte + 1))
    assert (too_much.status, too_much.body) == (413, "HTTP content length exceeded 10485760 bytes.")


@pytest.mark.parametrize("body", ["raise", "text"])
def test_a_failed_function_is_an_internal_server_error(api: Api, body: str) -> None:
    answer = api.ask(body=body)
    assert (answer.status, answer.json) == (502, {"message": "Internal server error"})


@pytest.mark.parametrize("sku", ["A%2FB%20%23%7C", "%C3%A4", "A%252F", "%2E%2E"])
def test_a_path_parameter_is_one_segment_as_it_was_sent(api: Api, sku: str) -> None:
    assert api.ask(f"/prod/tokens/{sku}", body="sku") == Answer(200, sku, None)
    assert api.ask(f"/prod/tokens/{sku}/x", body="sku").status == 403
