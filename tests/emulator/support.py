"""Access to the running emulator for tests.

EMULATOR_PYTHON and FUNCTION_PYTHON are the interpreters of the emulator and of the functions.
"""

from __future__ import annotations

import io
import json
import os
import urllib.request
import uuid
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from tests.waiting import until

T = TypeVar("T")
REPOSITORY = Path(__file__).resolve().parents[2]
EMULATOR_PYTHON = os.environ.get("EMULATOR_PYTHON", str(REPOSITORY / ".venv-emulator/bin/python"))
FUNCTION_PYTHON = os.environ.get("FUNCTION_PYTHON", str(REPOSITORY / ".venv-functions/bin/python"))
ACCOUNT = "111122223333"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}


@dataclass(frozen=True)
class Emulator:
    """The running emulator, with helpers to create resources."""

    endpoint: str
    mail_directory: Path

    def client(self, service: str, access_key: str = "test", secret_key: str = "test", token: str | None = None) -> Any:
        return _client(self.endpoint, service, access_key, secret_key, token)

    def scale_waits(self, scale: float) -> None:
        """Multiplies Step Functions' waits and retry delays by this factor."""
        body = json.dumps({"stepfunctions._SFN_WAIT_SCALE": scale}).encode()
        urllib.request.urlopen(f"{self.endpoint}/_ministack/config", data=body).close()

    def create_role(self, *statements: dict[str, Any]) -> str:
        """Returns the ARN."""
        name = unique("role")
        iam = self.client("iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        if statements:
            policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=policy)
        return arn

    def create_function(self, source: str, role: str = "", **options: Any) -> str:
        """Returns the name. The source must define `handler`."""
        name = unique("function")
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.handler",
            Role=role or self.create_role(),
            Code={"ZipFile": zipped(source)},
            **options,
        )
        return name

    def invoke(self, name: str, event: Any = None) -> dict[str, Any]:
        """Returns Lambda's response, with the decoded Payload."""
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        return {**answer, "Payload": json.load(answer["Payload"])}

    def function_arn(self, name: str) -> str:
        return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"

    def create_state_machine(self, definition: dict[str, Any], role: str = "") -> str:
        """Returns the ARN. The default role may invoke every function."""
        invoking = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
        arn: str = self.client("stepfunctions").create_state_machine(
            name=unique("machine"), definition=json.dumps(definition), roleArn=role or self.create_role(invoking)
        )["stateMachineArn"]
        return arn

    def run_state_machine(self, arn: str, execution_input: Any = None) -> dict[str, Any]:
        """Runs an execution to its end. Returns its description."""
        states = self.client("stepfunctions")
        started = states.start_execution(stateMachineArn=arn, input=json.dumps(execution_input or {}))
        return until(
            lambda: states.describe_execution(executionArn=started["executionArn"]),
            lambda execution: execution["status"] != "RUNNING",
        )

    def create_queue(self, **attributes: str) -> tuple[str, str]:
        """Returns the URL and ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=unique("queue"), Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


# Making a client costs more than several calls of it.
@lru_cache(maxsize=64)
def _client(endpoint: str, service: str, access_key: str, secret_key: str, token: str | None) -> Any:
    client: Any = boto3.client  # independent of installed type stubs
    return client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=token,
        config=Config(signature_version="s3v4") if service == "s3" else None,
    )


def unique(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:12]}"


def zipped(source: str, name: str = "app.py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, source)
    return buffer.getvalue()
