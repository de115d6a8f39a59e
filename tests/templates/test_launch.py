"""The published root template, launched through CloudFormation on the local AWS emulator."""

import itertools
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from publishing import Publication, publish
from tests.templates.conftest import Account
from tests.templates.reading import copy_checkout
from tests.templates.test_resources import FUNCTIONS

REQUIRED = {
    "ClientId": "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef",
    "ClientSecret": "amzn1.oa2-cs.v1.0123456789abcdef0123456789abcdef",
    "ReportStorageNotificationEmail": "reports@example.com",
}
SIGNING = {
    "AccessKey": "AKIAIOSFODNN7EXAMPLE",
    "SecretKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "RoleArn": "arn:aws:iam::111122223333:role/SellingPartner",
}
OPTIONAL = SIGNING | {
    "ReportLinkLifetime": "600",
    "ReportRetentionDays": "7",
    "LogRetentionDays": "14",
    "NotificationsEncryption": "KMS",
    "SellingPartnerApiEndpoint": "http://127.0.0.1:9/{sandbox}{region}",
    "LoginWithAmazonEndpoint": "http://127.0.0.1:9/auth/o2/token",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("launch") / "checkout")


@pytest.fixture(scope="module")
def publication(account: Account, checkout: Path) -> Publication:
    account.client("s3").create_bucket(Bucket="launch")
    return publish("launch", endpoint_url=account.endpoint, session=account.session(), checkout=checkout)


def request(name: str, publication: Publication, parameters: Mapping[str, str]) -> dict[str, Any]:
    return {
        "StackName": name,
        "TemplateURL": publication.template_url,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }


def settled(account: Account, stack_id: str) -> dict[str, Any]:
    cloudformation = account.client("cloudformation")
    while True:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(0.05)


def create(account: Account, name: str, publication: Publication, parameters: Mapping[str, str]) -> dict[str, str]:
    """Create a stack; gives its outputs and, as StackId, its id."""
    made = account.client("cloudformation").create_stack(**request(name, publication, parameters))
    stack = settled(account, made["StackId"])
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return {**outputs, "StackId": made["StackId"]}


def environments(account: Account, stack_name: str) -> dict[str, dict[str, str]]:
    """The functions' own variables, by POWERTOOLS_SERVICE_NAME."""
    found = {}
    for page in account.client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["FunctionName"].startswith(f"{stack_name}-"):
                variables = function["Environment"]["Variables"]
                found[variables["POWERTOOLS_SERVICE_NAME"]] = variables
    return found


def test_with_every_optional_parameter_and_with_none_side_by_side(account: Account, publication: Publication) -> None:
    plain = create(account, "plain", publication, REQUIRED)
    full = create(account, "full", publication, REQUIRED | OPTIONAL)
    assert set(plain) == set(full)
    shared = {name for name in plain if plain[name] == full[name]}
    assert not shared
    unsigned, signed = environments(account, "plain"), environments(account, "full")
    assert set(unsigned) == set(signed) == set(FUNCTIONS)
    secrets = account.client("secretsmanager")

    for name, variables in unsigned.items():
        assert "SIGNING_SECRET_ARN" not in variables, name
        assert not set(REQUIRED.values()) & set(variables.values()), name
    for name, variables in signed.items():
        assert ("SIGNING_SECRET_ARN" in variables) == ("APPLICATION_SECRET_ARN" in variables), name
        assert not set((REQUIRED | SIGNING).values()) & set(variables.values()), name
    creator = signed["SPAPIReportCreator"]
    assert creator["SP_API_ENDPOINT"] == OPTIONAL["SellingPartnerApiEndpoint"]
    assert creator["LWA_ENDPOINT"] == OPTIONAL["LoginWithAmazonEndpoint"]
    assert unsigned["SPAPIReportCreator"]["SP_API_ENDPOINT"] == ""
    assert signed["SPAPIReportPresignedUrlGenerator"]["LINK_LIFETIME_SECONDS"] == "600"
    held = json.loads(secrets.get_secret_value(SecretId=creator["SIGNING_SECRET_ARN"])["SecretString"])
    assert held == {
        "AccessKeyId": SIGNING["AccessKey"],
        "SecretKey": SIGNING["SecretKey"],
        "RoleArn": SIGNING["RoleArn"],
    }
    held = json.loads(secrets.get_secret_value(SecretId=creator["APPLICATION_SECRET_ARN"])["SecretString"])
    assert held == {"AppClientId": REQUIRED["ClientId"], "AppClientSecret": REQUIRED["ClientSecret"]}


def test_queues_are_encrypted_by_sqs_or_by_a_key_that_sp_api_may_use(
    account: Account, publication: Publication
) -> None:
    sqs, kms = account.client("sqs"), account.client("kms")
    attributes = {}
    for encryption in ("SQS", "KMS"):
        outputs = create(account, f"by-{encryption}", publication, REQUIRED | {"NotificationsEncryption": encryption})
        attributes[encryption] = [
            sqs.get_queue_attributes(QueueUrl=outputs[name], AttributeNames=["All"])["Attributes"]
            for name in ("NotificationsQueueUrl", "NotificationsDeadLetterQueueUrl")
        ]
    assert [found["SqsManagedSseEnabled"] for found in attributes["SQS"]] == ["true", "true"]
    assert not any("KmsMasterKeyId" in found for found in attributes["SQS"])
    (key,) = {found["KmsMasterKeyId"] for found in attributes["KMS"]}
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    principals = [statement["Principal"]["AWS"] for statement in policy["Statement"]]
    assert principals == ["arn:aws:iam::111122223333:root", "arn:aws:iam::437568002678:root"]


def test_solicitations_are_left_out_and_taken_in_by_a_parameter(account: Account, publication: Publication) -> None:
    created = create(account, "silent", publication, REQUIRED | {"SolicitationsEnabled": "No"})
    assert not [name for name in created if "Solicitation" in name or "Order" in name]
    assert "SPAPISolicitationScheduler" not in environments(account, "silent")
    assert environments(account, "silent")["SPAPINotificationsSubscriber"]["ORDERS_QUEUE_ARN"] == ""

    account.client("cloudformation").update_stack(
        **request("silent", publication, REQUIRED | {"SolicitationsEnabled": "Yes", "SolicitationDelayDays": "7"})
    )
    stack = settled(account, created["StackId"])
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stack.get("StackStatusReason")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    variables = environments(account, "silent")
    assert variables["SPAPISolicitationScheduler"]["SOLICITATION_DELAY_DAYS"] == "7"
    assert variables["SPAPINotificationsSubscriber"]["ORDERS_QUEUE_ARN"] == outputs["OrdersQueueArn"]


PARTS_OF_SIGNING = [
    {name: SIGNING[name] for name in names} for count in (1, 2) for names in itertools.combinations(SIGNING, count)
]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *[(part, "belong together") for part in PARTS_OF_SIGNING],
        ({"QSS3BucketRegion": "eu-west-1"}, "stack's own region"),
        ({"QSS3KeyPrefix": ""}, "belong together"),
        ({"ClientId": "client"}, "ClientId"),
        ({"ReportLinkLifetime": "3601"}, "ReportLinkLifetime"),
        ({"SolicitationDelayDays": "4"}, "SolicitationDelayDays"),
        ({"SolicitationsEnabled": "Maybe"}, "SolicitationsEnabled"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_work_is_refused_at_launch(
    account: Account, publication: Publication, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        account.client("cloudformation").create_stack(**request("refused", publication, REQUIRED | changes))


def test_an_update_keeps_data_and_a_deletion_keeps_what_is_retained(
    account: Account, publication: Publication, checkout: Path
) -> None:
    created = create(account, "lasting", publication, REQUIRED)
    dynamodb, s3, secrets = account.client("dynamodb"), account.client("s3"), account.client("secretsmanager")
    item = {"SellerId": {"S": "A1"}, "Item": {"S": "TOKEN#NA"}}
    dynamodb.put_item(TableName=created["SellingPartnersTableName"], Item=item)
    s3.put_object(Bucket=created["ReportsBucketName"], Key="report", Body=b"rows")
    before = environments(account, "lasting")["SPAPIReportCreator"]
    rotated = json.dumps({"AppClientId": REQUIRED["ClientId"], "AppClientSecret": "rotated since"})
    secrets.put_secret_value(SecretId=before["APPLICATION_SECRET_ARN"], SecretString=rotated)

    app = checkout / "functions/token_storage/app.py"
    app.write_text(app.read_text() + "\n# changed\n")
    changed = publish("launch", endpoint_url=account.endpoint, session=account.session(), checkout=checkout)
    assert changed.template_url != publication.template_url
    parameters = REQUIRED | {"ReportLinkLifetime": "600"}
    account.client("cloudformation").update_stack(**request("lasting", changed, parameters))
    stack = settled(account, created["StackId"])
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stack.get("StackStatusReason")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs == {name: value for name, value in created.items() if name != "StackId"}
    after = environments(account, "lasting")
    assert after["SPAPIReportPresignedUrlGenerator"]["LINK_LIFETIME_SECONDS"] == "600"
    assert dynamodb.get_item(TableName=created["SellingPartnersTableName"], Key=item)["Item"] == item
    assert s3.get_object(Bucket=created["ReportsBucketName"], Key="report")["Body"].read() == b"rows"
    held = secrets.get_secret_value(SecretId=after["SPAPIReportCreator"]["APPLICATION_SECRET_ARN"])
    assert held["SecretString"] == rotated

    assert all(what_is_there(account, "lasting").values())
    account.client("cloudformation").delete_stack(StackName="lasting")
    stack = settled(account, created["StackId"])
    assert stack["StackStatus"] == "DELETE_COMPLETE", stack.get("StackStatusReason")
    assert what_is_there(account, "lasting") == {
        "buckets": [created["ReportsBucketName"]],
        "tables": sorted(
            created[name] for name in ("ReportsTableName", "SellingPartnersTableName", "SolicitationsTableName")
        ),
        "functions": [],
        "queues": [],
        "topics": [],
        "schedule groups": [],
        "state machines": [],
        "roles": [],
        "users": [],
        "log groups": [],
        "layers": [],
    }
    apis = {api["id"] for api in account.client("apigateway").get_rest_apis()["items"]}
    assert not apis & set(created.values())
    assert account.client("kms").describe_key(KeyId=before["TOKEN_KEY_ARN"])["KeyMetadata"]["Enabled"] is True
    assert secrets.get_secret_value(SecretId=before["APPLICATION_SECRET_ARN"])["SecretString"] == rotated


def what_is_there(account: Account, stack_name: str) -> dict[str, list[str]]:
    """The names of what belongs to a stack, by kind."""
    iam = account.client("iam")
    listed = {
        "buckets": [bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"]],
        "tables": account.client("dynamodb").list_tables()["TableNames"],
        "functions": [function["FunctionName"] for function in account.client("lambda").list_functions()["Functions"]],
        "queues": [url.rpartition("/")[2] for url in account.client("sqs").list_queues().get("QueueUrls", [])],
        "topics": [topic["TopicArn"].rpartition(":")[2] for topic in account.client("sns").list_topics()["Topics"]],
        "schedule groups": [g["Name"] for g in account.client("scheduler").list_schedule_groups()["ScheduleGroups"]],
        "state machines": [m["name"] for m in account.client("stepfunctions").list_state_machines()["stateMachines"]],
        "roles": [role["RoleName"] for role in iam.list_roles()["Roles"]],
        "users": [user["UserName"] for user in iam.list_users()["Users"]],
        "log groups": [
            group["logGroupName"].rpartition("/states/")[2].removeprefix("/aws/cloudformation/")
            for group in account.client("logs").describe_log_groups()["logGroups"]
        ],
        "layers": [layer["LayerName"] for layer in account.client("lambda").list_layers()["Layers"]],
    }
    return {kind: sorted(name for name in names if name.startswith(f"{stack_name}-")) for kind, names in listed.items()}
