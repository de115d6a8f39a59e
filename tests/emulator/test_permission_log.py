"""The permission log: what a stack's role may do, what it did, and what it was refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers import start_server, stop_processes
from tests.emulator.support import ACCOUNT, EMULATOR_PYTHON, FUNCTION_PYTHON, Emulator
from tests.permissions.comparison import Permission, compare, in_templates, read_recording
from tests.waiting import until

CALLER = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=event["queue"], MessageBody="body")
    try:
        boto3.client("sns").list_topics()
    except ClientError:
        pass
"""


def template(*actions: str) -> dict[str, Any]:
    queue = {"Effect": "Allow", "Action": list(actions), "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}}
    secret = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "Secret"}}
    stream = {"Effect": "Allow", "Action": "dynamodb:GetRecords", "Resource": {"Fn::GetAtt": ["Table", "StreamArn"]}}
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "text"}},
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
                    "BillingMode": "PAY_PER_REQUEST",
                    "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
                },
            },
            "CallerRole": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                    "Policies": [
                        {
                            "PolicyName": "Queue",
                            "PolicyDocument": {"Version": "2012-10-17", "Statement": [queue, secret, stream]},
                        }
                    ],
                },
            },
        }
    }


def here(service: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    (tmp_path / "scratch").mkdir()
    command = [EMULATOR_PYTHON, "-m", "aws_emulator", "--scratch", str(tmp_path / "scratch"), "--account", ACCOUNT]
    command += ["--function-python", FUNCTION_PYTHON, "--permission-log", str(tmp_path / "log.jsonl")]
    pid, port = start_server("aws_emulator", command, tmp_path)
    try:
        yield Emulator(f"http://127.0.0.1:{port}", tmp_path)
    finally:
        stop_processes({"aws_emulator": pid})


def test_what_a_role_may_do_is_logged_with_what_it_did(emulator: Emulator, tmp_path: Path) -> None:
    """One permission too many and one too few, on purpose."""
    made = template("sqs:SendMessage", "sqs:PurgeQueue")
    cloudformation, iam = emulator.client("cloudformation"), emulator.client("iam")
    cloudformation.create_stack(StackName="stack", TemplateBody=json.dumps(made), Capabilities=["CAPABILITY_IAM"])
    until(
        lambda: cloudformation.describe_stacks(StackName="stack")["Stacks"][0]["StackStatus"],
        lambda status: status == "CREATE_COMPLETE",
    )
    physical = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in cloudformation.describe_stack_resources(StackName="stack")["StackResources"]
    }
    role = iam.get_role(RoleName=physical["CallerRole"])["Role"]["Arn"]
    # A role of no stack, and a simulation, leave no trace.
    other = emulator.create_function(CALLER, emulator.create_role({"Effect": "Allow", "Action": "*", "Resource": "*"}))
    assert "FunctionError" not in emulator.invoke(other, {"queue": physical["Queue"]})
    iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["sqs:PurgeQueue", "sqs:DeleteQueue"])
    name = emulator.create_function(CALLER, role)
    for _ in range(2):
        assert "FunctionError" not in emulator.invoke(name, {"queue": physical["Queue"]})

    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    recording = read_recording(lines)
    queue = f"{here('sqs')}:${{Queue}}"
    sent = Permission("CallerRole", "sqs:SendMessage", queue)
    purged = Permission("CallerRole", "sqs:PurgeQueue", queue)
    # Names that differ between two stacks are left out.
    read = Permission("CallerRole", "secretsmanager:GetSecretValue", "${Secret}")
    followed = Permission("CallerRole", "dynamodb:GetRecords", f"{here('dynamodb')}:table/${{Table}}/stream/*")
    assert recording.granted == {sent, purged, read, followed}
    assert recording.used == {sent}
    assert recording.refused == {Permission("CallerRole", "sns:ListTopics", "*")}
    assert len(lines) == 6, "one line each, however often it is used"

    comparison = compare(recording, in_templates({"template": made}), ())
    assert set(comparison.unused) == {purged, read, followed}
    assert comparison.missing == (Permission("CallerRole", "sns:ListTopics"),)
