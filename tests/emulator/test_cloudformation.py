"""CloudFormation: nested stacks with the SAM transform, updates in place, deletion."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.support import Emulator, unique, zipped
from tests.waiting import until

OPEN_API = {
    "openapi": "3.0.1",
    "info": {"title": "TokenStorageRestApi", "version": "1"},
    "paths": {},
}


def proxy(function: str) -> dict[str, Any]:
    uri = f"arn:aws:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{{function}.Arn}}/invocations"
    return {"x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": {"Fn::Sub": uri}}}


def child(greeting: str, paths: tuple[str, ...] = ("/tokens",)) -> dict[str, Any]:
    """A template with the SAM transform. Its bucket comes first, and must not affect the name of the function."""
    function = {
        "Type": "AWS::Serverless::Function",
        "DependsOn": "Reports",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "CodeUri": {"Bucket": {"Ref": "CodeBucket"}, "Key": "code.zip"},
            "Environment": {"Variables": {"GREETING": greeting}},
        },
    }
    table = {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "RetainExceptOnCreate",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "ReportId", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "ReportId", "KeyType": "HASH"}],
            "TimeToLiveSpecification": {"AttributeName": "ExpiresAt", "Enabled": True},
        },
    }
    api = {
        "Type": "AWS::Serverless::Api",
        "Properties": {
            "StageName": "prod",
            "OpenApiVersion": "3.0.1",
            "DefinitionBody": {**OPEN_API, "paths": {path: {"post": proxy("Greeter")} for path in paths}},
        },
    }
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "Greeter"},
            "Principal": "apigateway.amazonaws.com",
        },
    }
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {"CodeBucket": {"Type": "String"}},
        "Resources": {
            "Reports": {"Type": "AWS::S3::Bucket"},
            "Greeter": function,
            "Table": table,
            "Api": api,
            "Permission": permission,
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
        "Outputs": {
            "Function": {"Value": {"Ref": "Greeter"}},
            "FunctionRole": {"Value": {"Fn::GetAtt": ["GreeterRole", "Arn"]}},
            "Bucket": {"Value": {"Ref": "Reports"}},
            "Table": {"Value": {"Ref": "Table"}},
            "TableArn": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}},
            "Queue": {"Value": {"Ref": "Queue"}},
            "Api": {"Value": {"Ref": "Api"}},
        },
    }


@dataclass(frozen=True)
class Deployment:
    """Root stacks with one child, whose template is in a bucket."""

    emulator: Emulator
    bucket: str

    def put(self, template: dict[str, Any]) -> dict[str, Any]:
        """A root template with this child, whose URL has the bucket in the host name."""
        key = f"{unique('child')}.json"
        self.emulator.client("s3").put_object(Bucket=self.bucket, Key=key, Body=json.dumps(template))
        properties = {
            "TemplateURL": f"https://{self.bucket}.s3.us-east-1.amazonaws.com/{key}",
            "Parameters": {"CodeBucket": self.bucket},
        }
        outputs = {name: {"Value": {"Fn::GetAtt": ["Child", f"Outputs.{name}"]}} for name in template["Outputs"]}
        return {
            "Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": properties}},
            "Outputs": outputs,
        }

    def deploy(self, action: str, name: str, template: dict[str, Any]) -> dict[str, Any]:
        """Waits for the end of the operation. Returns the description of the root stack."""
        cloudformation = self.emulator.client("cloudformation")
        getattr(cloudformation, action)(
            StackName=name,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        return self.ended(name)

    def ended(self, name: str) -> dict[str, Any]:
        cloudformation = self.emulator.client("cloudformation")
        return until(
            lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0],
            lambda stack: not stack["StackStatus"].endswith("IN_PROGRESS"),
        )

    def delete(self, stack_id: str) -> dict[str, Any]:
        self.emulator.client("cloudformation").delete_stack(StackName=stack_id)
        return self.ended(stack_id)


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def exists(call: Any, **arguments: str) -> bool:
    try:
        call(**arguments)
    except ClientError:
        return False
    return True


@pytest.fixture(scope="module")
def deployment(emulator: Emulator) -> Deployment:
    bucket = unique("templates")
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=bucket)
    source = (
        "import json, os\n\n"
        "def handler(event, context):\n"
        "    return {'statusCode': 200, 'body': json.dumps(os.environ['GREETING'])}\n"
    )
    s3.put_object(Bucket=bucket, Key="code.zip", Body=zipped(source))
    return Deployment(emulator, bucket)


@pytest.fixture
def stack(deployment: Deployment) -> Iterator[dict[str, Any]]:
    created = deployment.deploy("create_stack", unique("stack"), deployment.put(child("hello")))
    assert created["StackStatus"] == "CREATE_COMPLETE", created.get("StackStatusReason")
    yield created
    deployment.delete(created["StackId"])


def answer_of(emulator: Emulator, api: str, path: str) -> str:
    url = f"{emulator.endpoint}/_aws/execute-api/{api}/prod{path}"
    with urllib.request.urlopen(urllib.request.Request(url, data=b"{}", method="POST")) as response:
        return str(json.load(response))


def test_a_child_with_the_sam_transform_works(emulator: Emulator, stack: dict[str, Any]) -> None:
    assert answer_of(emulator, outputs(stack)["Api"], "/tokens") == "hello"


def test_a_table_gets_its_time_to_live(emulator: Emulator, stack: dict[str, Any]) -> None:
    description = emulator.client("dynamodb").describe_time_to_live(TableName=outputs(stack)["Table"])

    assert description["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ExpiresAt"}


def test_an_update_changes_resources_in_place(
    emulator: Emulator, deployment: Deployment, stack: dict[str, Any]
) -> None:
    before = outputs(stack)
    changed = child("goodbye", paths=("/tokens", "/tokens/status"))

    updated = deployment.deploy("update_stack", stack["StackName"], deployment.put(changed))

    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    # Names, attributes of unchanged resources (roles, the table), and the API's id.
    assert outputs(updated) == before
    assert answer_of(emulator, before["Api"], "/tokens") == "goodbye"
    assert answer_of(emulator, before["Api"], "/tokens/status") == "goodbye"


def test_a_deleted_child_keeps_what_its_template_retains(
    emulator: Emulator, deployment: Deployment, stack: dict[str, Any]
) -> None:
    made = outputs(stack)

    deleted = deployment.delete(stack["StackId"])

    assert deleted["StackStatus"] == "DELETE_COMPLETE"
    assert exists(emulator.client("dynamodb").describe_table, TableName=made["Table"])
    assert not exists(emulator.client("s3").head_bucket, Bucket=made["Bucket"])
    assert not exists(emulator.client("lambda").get_function, FunctionName=made["Function"])
    assert not exists(emulator.client("sqs").get_queue_attributes, QueueUrl=made["Queue"])


def test_a_deleted_stack_lists_the_status_of_its_resources(
    emulator: Emulator, deployment: Deployment, stack: dict[str, Any]
) -> None:
    table = outputs(stack)["Table"]
    deployment.delete(stack["StackId"])

    def resources(stack_id: str) -> list[dict[str, Any]]:
        listed = emulator.client("cloudformation").list_stack_resources(StackName=stack_id)
        found: list[dict[str, Any]] = listed["StackResourceSummaries"]
        return found

    (nested,) = resources(stack["StackId"])
    of_child = {found["LogicalResourceId"]: found for found in resources(nested["PhysicalResourceId"])}

    assert nested["ResourceStatus"] == "DELETE_COMPLETE"
    pages = emulator.client("cloudformation").get_paginator("list_stacks").paginate()
    listed = {summary["StackId"]: summary for page in pages for summary in page["StackSummaries"]}
    assert listed[nested["PhysicalResourceId"]]["RootId"] == stack["StackId"]
    assert "RootId" not in listed[stack["StackId"]]
    assert (of_child["Table"]["ResourceStatus"], of_child["Table"]["PhysicalResourceId"]) == ("DELETE_SKIPPED", table)
    assert of_child["Greeter"]["ResourceStatus"] == "DELETE_COMPLETE"


def test_a_bucket_that_contains_an_object_is_not_deleted(
    emulator: Emulator, deployment: Deployment, stack: dict[str, Any]
) -> None:
    s3, bucket = emulator.client("s3"), outputs(stack)["Bucket"]
    s3.put_object(Bucket=bucket, Key="report", Body=b"rows")

    failed = deployment.delete(stack["StackId"])
    s3.delete_object(Bucket=bucket, Key="report")
    deleted = deployment.delete(stack["StackId"])

    assert failed["StackStatus"] == "DELETE_FAILED"
    assert deleted["StackStatus"] == "DELETE_COMPLETE"
    assert not exists(s3.head_bucket, Bucket=bucket)


def test_a_child_that_cannot_be_created_is_rolled_back(emulator: Emulator, deployment: Deployment) -> None:
    template = child("hello")
    broken = {"Type": "AWS::SQS::Queue", "DependsOn": ["Table", "Api"], "Properties": {"DelaySeconds": 99999}}
    template["Resources"]["Broken"] = broken
    tables, functions = emulator.client("dynamodb"), emulator.client("lambda")
    before = (tables.list_tables()["TableNames"], len(functions.list_functions()["Functions"]))

    failed = deployment.deploy("create_stack", unique("stack"), deployment.put(template))

    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert (tables.list_tables()["TableNames"], len(functions.list_functions()["Functions"])) == before


@pytest.mark.parametrize("missing", ["Greeter", "Layer"])
def test_missing_code_fails_the_stack(deployment: Deployment, missing: str) -> None:
    template = child("hello")
    content = {"Bucket": deployment.bucket, "Key": "code.zip"}
    template["Resources"]["Layer"] = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": content}}
    location = {"Greeter": "CodeUri", "Layer": "ContentUri"}[missing]
    template["Resources"][missing]["Properties"][location]["Key"] = "nothing.zip"

    failed = deployment.deploy("create_stack", unique("stack"), deployment.put(template))

    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"


def test_a_rule_of_the_root_rejects_parameters(emulator: Emulator) -> None:
    assertion = {"Fn::Equals": [{"Ref": "Bucket"}, "here"]}
    template = {
        "Parameters": {"Bucket": {"Type": "String"}},
        "Rules": {"SameRegion": {"Assertions": [{"Assert": assertion, "AssertDescription": "Take a bucket here"}]}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    }
    with pytest.raises(ClientError, match="Take a bucket here"):
        emulator.client("cloudformation").create_stack(
            StackName=unique("stack"),
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": "Bucket", "ParameterValue": "there"}],
        )


def test_a_failed_root_rolls_back_its_completed_children(emulator: Emulator, deployment: Deployment) -> None:
    root = deployment.put(child("hello"))
    root["Resources"]["Broken"] = {
        "Type": "AWS::SQS::Queue",
        "DependsOn": "Child",
        "Properties": {"DelaySeconds": 99999},
    }
    before = emulator.client("dynamodb").list_tables()["TableNames"]

    failed = deployment.deploy("create_stack", unique("stack"), root)

    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert emulator.client("dynamodb").list_tables()["TableNames"] == before


def test_a_function_has_the_dead_letter_queue_of_its_template(emulator: Emulator, deployment: Deployment) -> None:
    _, queue = emulator.create_queue()
    template = child("hello")
    template["Parameters"]["CodeBucket"]["Default"] = deployment.bucket
    (function,) = [r for r in template["Resources"].values() if r["Type"] == "AWS::Serverless::Function"]

    def dead_letter_queue(action: str, name: str) -> str:
        stack = deployment.deploy(action, name, template)
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack
        resources = emulator.client("cloudformation").list_stack_resources(StackName=name)["StackResourceSummaries"]
        (physical,) = [r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::Lambda::Function"]
        found = emulator.client("lambda").get_function_configuration(FunctionName=physical)
        return str(found.get("DeadLetterConfig", {}).get("TargetArn", ""))

    name = unique("stack")
    function["Properties"]["DeadLetterQueue"] = {"Type": "SQS", "TargetArn": queue}
    assert dead_letter_queue("create_stack", name) == queue
    del function["Properties"]["DeadLetterQueue"]
    assert dead_letter_queue("update_stack", name) == ""


def role_with(boundary: str) -> dict[str, Any]:
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trusted]}}
    if boundary:
        properties["PermissionsBoundary"] = boundary
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    return {"Resources": {"Role": role}, "Outputs": {"Role": {"Value": {"Ref": "Role"}}}}


def test_a_role_has_the_permissions_boundary_of_its_template(emulator: Emulator, deployment: Deployment) -> None:
    iam, name = emulator.client("iam"), unique("stack")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    policy = iam.create_policy(PolicyName=unique("boundary"), PolicyDocument=json.dumps(document))["Policy"]["Arn"]

    def boundary(action: str, template: dict[str, Any]) -> str:
        role = outputs(deployment.deploy(action, name, template))["Role"]
        found = iam.get_role(RoleName=role)["Role"].get("PermissionsBoundary", {})
        return str(found.get("PermissionsBoundaryArn", ""))

    assert boundary("create_stack", role_with(policy)) == policy
    assert boundary("update_stack", role_with("")) == ""
    assert boundary("update_stack", role_with(policy)) == policy


def test_a_boundary_that_does_not_exist_fails_the_stack(emulator: Emulator, deployment: Deployment) -> None:
    name = unique("stack")

    failed = deployment.deploy("create_stack", name, role_with("arn:aws:iam::111122223333:policy/Nowhere"))

    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    roles = [role["RoleName"] for role in emulator.client("iam").list_roles()["Roles"]]
    assert not [role for role in roles if role.startswith(name)]
