"""A stack of the earlier version becomes one of this version in place: data, outputs and keys stay."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployment import (
    BUCKET,
    REPOSITORY,
    Deployment,
    aws,
    confirm_subscriptions,
    deploy,
    host_product,
    stack_parameters,
)
from servers import Servers
from simulator import control
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    eventually,
    held_notifications,
    invoke_user_key,
    ledger_item,
    mail_about,
    mails_about,
    new_seller,
    table_of,
)
from tests.end_to_end.test_solicitations import Orders

# The last commits before the version 1.0.0, and before the functions' package was divided by capability.
BEFORE_1_0_0 = "a93c076fa471f4dc6b4ae34b027266971f977c48"
BEFORE_PACKAGES = "70221b0e606f4b7eedb32b972e175deef2bc2693"
REPORTS_DURING_THE_UPDATE = 6


def _history_is_whole() -> bool:
    asked = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() == "false"


@pytest.fixture(autouse=True)
def _dated_payload_versions(servers: Servers) -> Iterator[None]:
    """The earlier versions subscribe with the dated payload version."""
    control(servers.simulator_endpoint, "PUT", "subscription-rules", {"payloadVersions": "both"})
    yield
    control(servers.simulator_endpoint, "PUT", "subscription-rules", {"payloadVersions": "evidence"})


@pytest.fixture(
    params=[
        pytest.param(BEFORE_1_0_0, id="before-1.0.0"),
        pytest.param(BEFORE_PACKAGES, id="before-packages", marks=pytest.mark.proof),
    ]
)
def earlier_template_url(servers: Servers, template_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """An earlier version as it was published: with its own publishing, to the same bucket."""
    del template_url  # makes the bucket
    return publish_earlier(servers, request.param, tmp_path)


def publish_earlier(servers: Servers, commit: str, tmp_path: Path) -> str:
    """Publishes the version of a commit with its own code, and returns the URL of its template."""
    archive = subprocess.run(
        ["git", "archive", commit, "templates", "functions", "layers", "publishing"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        missing = f"the earlier version, commit {commit[:7]}, is not in this checkout's history: {archive.stderr!r}"
        # Left out only where there is no history, or a part of it: else the commit is lost, and this test with it.
        assert not _history_is_whole(), missing
        pytest.skip(missing)
    checkout = tmp_path / "earlier"
    checkout.mkdir()
    subprocess.run(["tar", "--extract"], input=archive.stdout, cwd=checkout, check=True)
    dependencies = "layers/dependencies/python"
    shutil.copytree(REPOSITORY / dependencies, checkout / dependencies, ignore=shutil.ignore_patterns("__pycache__"))
    published = subprocess.run(
        [sys.executable, "-m", "publishing", "--bucket", BUCKET, "--endpoint-url", servers.aws_endpoint],
        cwd=checkout,
        env={"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": servers.region},
        capture_output=True,
        text=True,
        check=False,
    )
    assert published.returncode == 0, published.stderr
    (url,) = re.findall(r"^Template +(\S+)$", published.stdout, re.MULTILINE)
    return str(url)


def test_a_stack_of_the_earlier_version_is_updated_with_all_that_it_holds(
    servers: Servers, earlier_template_url: str, template_url: str, request: pytest.FixtureRequest
) -> None:
    number = request.node.callspec.indices["earlier_template_url"]
    stack = f"earlier-{number}"
    before = deploy(servers, stack, earlier_template_url, stack_parameters(servers))
    confirm(before)
    key = invoke_user_key(before)
    host = signing_with(before, key)
    seller = new_seller(servers, f"AUPDATE000010{number}")
    host.store_token(seller)
    host.subscribe(seller)
    delivered = host.create_report(seller)
    mail_about(servers, delivered)
    rotated = rotate_secret(before)
    order = Orders(before, seller, "902-0000000-0000001")
    order.send(order.change(datetime.now(UTC) + timedelta(days=10)))
    scheduled = eventually(
        lambda: found if "ScheduledFor" in (found := order.item() or {}) else None, what="a schedule"
    )
    (schedule,) = order.schedules()
    (held,) = ask_for_reports_that_are_announced_later(host, seller, 1)
    kept = everything(before, seller)

    after = deploy(servers, stack, template_url, stack_parameters(servers))

    assert after.outputs["TemplateVersion"].startswith("1.")
    kept_outputs = before.outputs.keys() - {"TemplateVersion"}
    assert {name: after.outputs[name] for name in kept_outputs} == {name: before.outputs[name] for name in kept_outputs}
    assert everything(after, seller) == kept
    assert order.item() == scheduled
    (still_there,) = order.schedules()
    for field in ("Name", "ScheduleExpression", "Target", "CreationDate"):
        assert still_there[field] == schedule[field]
    secret = aws(servers, "secretsmanager").get_secret_value(SecretId=after.outputs["ApplicationSecretArn"])
    assert secret["SecretString"] == rotated

    eventually(lambda: held_notifications(seller) or None, "the notification that is held back")
    seller.control("POST", "notifications/release", {"order": "made"})
    mail_about(servers, held)
    signs = signing_with(after, key)
    assert signs.read_report(seller, delivered)["deliveryStatus"] == "DELIVERED"
    asked = signs.create_report(seller)
    mail_about(servers, asked)
    assert [len(mails_about(servers, report)) for report in (delivered, held, asked)] == [1, 1, 1]


@pytest.mark.proof
def test_reports_that_finish_while_functions_are_half_updated_are_delivered_once(
    servers: Servers, template_url: str, tmp_path: Path
) -> None:
    """CloudFormation changes a function's layers and its code in two calls; between them they do not fit together."""
    before = deploy(servers, "halfway", publish_earlier(servers, BEFORE_PACKAGES, tmp_path), stack_parameters(servers))
    confirm(before)
    host = signing_with(before, invoke_user_key(before))
    seller = new_seller(servers, "AUPDATE0000002")
    host.store_token(seller)
    host.subscribe(seller)
    # A failed message comes again after three minutes; here after some seconds.
    aws(servers, "sqs").set_queue_attributes(
        QueueUrl=before.outputs["NotificationsQueueUrl"], Attributes={"VisibilityTimeout": "8"}
    )
    new = deploy(servers, "new", template_url, stack_parameters(servers))
    held = ask_for_reports_that_are_announced_later(host, seller, REPORTS_DURING_THE_UPDATE)
    eventually(lambda: len(held_notifications(seller)) == len(held) or None, "the notifications")

    under_way = [host.create_report(seller) for _ in range(REPORTS_DURING_THE_UPDATE)]
    reports = under_way + held
    give_layers(before, layers_of(new))
    seller.control("POST", "notifications/release", {"order": "made"})
    assert not works(before)
    eventually(lambda: in_flight(before) or None, "a notification that a function failed on")
    after = deploy(servers, "halfway", template_url, stack_parameters(servers))

    assert works(after)
    for report in reports:
        eventually(lambda report=report: mails_about(servers, report) or None, f"the e-mail about {report}")  # type: ignore[misc]
    assert [len(mails_about(servers, report)) for report in reports] == [1] * len(reports)
    states = [host.read_report(seller, report)["deliveryStatus"] for report in reports]
    assert states == ["DELIVERED"] * len(reports)
    dead_letters = aws(servers, "sqs").get_queue_attributes(
        QueueUrl=after.outputs["NotificationsDeadLetterQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert dead_letters["Attributes"]["ApproximateNumberOfMessages"] == "0"


def functions_of(deployment: Deployment) -> Mapping[str, str]:
    """The names of a stack's functions, by logical id."""
    cloudformation = aws(deployment.servers, "cloudformation")
    found: dict[str, str] = {}
    stacks = [deployment.stack_name]
    while stacks:
        for resource in cloudformation.describe_stack_resources(StackName=stacks.pop())["StackResources"]:
            if resource["ResourceType"] == "AWS::CloudFormation::Stack":
                stacks.append(resource["PhysicalResourceId"])
            elif resource["ResourceType"] == "AWS::Lambda::Function":
                found[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
    return found


def layers_of(deployment: Deployment) -> list[str]:
    client = aws(deployment.servers, "lambda")
    name = functions_of(deployment)["SPAPIReportCreator"]
    return [layer["Arn"] for layer in client.get_function_configuration(FunctionName=name)["Layers"]]


def give_layers(deployment: Deployment, layers: list[str]) -> None:
    """The first of the two calls of an update, for all functions."""
    client = aws(deployment.servers, "lambda")
    for name in functions_of(deployment).values():
        client.update_function_configuration(FunctionName=name, Layers=layers)


def works(deployment: Deployment) -> bool:
    """Whether a function's modules can be imported: an empty request is refused, and not failed."""
    client = aws(deployment.servers, "lambda")
    event = {"httpMethod": "POST", "resource": "/tokens", "body": "{}", "requestContext": {"requestId": "request-1"}}
    name = functions_of(deployment)["SPAPITokenStorage"]
    answer = json.load(client.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"])
    return bool(answer.get("statusCode") == 400)


def in_flight(deployment: Deployment) -> int:
    """How many notifications a function took and did not finish, so that they come again."""
    name = "ApproximateNumberOfMessagesNotVisible"
    asked = aws(deployment.servers, "sqs").get_queue_attributes(
        QueueUrl=deployment.outputs["NotificationsQueueUrl"], AttributeNames=[name]
    )
    return int(asked["Attributes"][name])


def confirm(deployment: Deployment) -> None:
    """The earlier version does not tell the topic of the alarms, which nobody reads here."""
    topics = {"AlarmTopicArn": deployment.outputs["ReportTopicArn"], **deployment.outputs}
    confirm_subscriptions(Deployment(deployment.servers, deployment.stack_name, topics))


def signing_with(deployment: Deployment, key: Mapping[str, str]) -> HostProduct:
    """The host product with an access key that it has."""
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    sts = aws(deployment.servers, "sts", **keys)
    role = deployment.outputs["ApiGatewayInvokeRoleArn"]
    return HostProduct(deployment, host_product().QuickStart(role, deployment.servers.region, sts).assume_role())


def rotate_secret(deployment: Deployment) -> str:
    """Stores other text with the credentials, as a person does who has rotated the client secret."""
    secrets = aws(deployment.servers, "secretsmanager")
    arn = deployment.outputs["ApplicationSecretArn"]
    fields = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    rotated = json.dumps(fields, indent=1)
    secrets.put_secret_value(SecretId=arn, SecretString=rotated)
    return rotated


def ask_for_reports_that_are_announced_later(host: HostProduct, seller: Seller, count: int) -> list[str]:
    """Reports whose notifications the simulator keeps until it is asked to release them."""
    rule = {"sellerId": seller.seller_id, "reportType": REPORT_TYPE, "count": count, "notification": {"hold": True}}
    seller.control("POST", "report-outcomes", [rule])
    report_ids = [host.create_report(seller) for _ in range(count)]
    assert all(ledger_item(host.deployment, seller, report_id) for report_id in report_ids)
    return report_ids


def everything(deployment: Deployment, seller: Seller) -> Mapping[str, Any]:
    """What the stack holds of the seller: items of the tables, objects of the bucket."""
    servers = deployment.servers
    tables = ("SellingPartnersTableName", "ReportsTableName", "SolicitationsTableName")
    items = {table: table_of(deployment, table).scan()["Items"] for table in tables}
    s3 = aws(servers, "s3")
    bucket = deployment.outputs["ReportsBucketName"]
    versions = s3.list_object_versions(Bucket=bucket, Prefix=f"{seller.seller_id}/")["Versions"]
    assert all(items.values())
    return {**items, "versions": [(version["Key"], version["VersionId"]) for version in versions]}
