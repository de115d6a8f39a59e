"""A stack of the earlier version becomes one of this version in place: data, outputs and keys stay."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
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
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    eventually,
    invoke_user_key,
    ledger_item,
    mail_about,
    mails_about,
    new_seller,
    table_of,
)
from tests.end_to_end.test_solicitations import Orders

# The last commit before the version 1.0.0.
EARLIER = "a93c076fa471f4dc6b4ae34b027266971f977c48"
STACK = "earlier"


def _history_is_whole() -> bool:
    asked = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() == "false"


@pytest.fixture
def earlier_template_url(servers: Servers, template_url: str, tmp_path: Path) -> str:
    """The earlier version as it was published: with its own publishing, to the same bucket."""
    del template_url  # makes the bucket
    archive = subprocess.run(
        ["git", "archive", EARLIER, "templates", "functions", "layers", "publishing"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        missing = f"the earlier version, commit {EARLIER[:7]}, is not in this checkout's history: {archive.stderr!r}"
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
    servers: Servers, earlier_template_url: str, template_url: str
) -> None:
    before = deploy(servers, STACK, earlier_template_url, stack_parameters(servers))
    assert "TemplateVersion" not in before.outputs
    confirm(before)
    key = invoke_user_key(before)
    host = signing_with(before, key)
    seller = new_seller(servers, "AUPDATE0000001")
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
    held = ask_for_a_report_that_is_announced_later(host, seller)
    kept = everything(before, seller)

    after = deploy(servers, STACK, template_url, stack_parameters(servers))

    assert after.outputs["TemplateVersion"].startswith("1.")
    assert {name: after.outputs[name] for name in before.outputs} == before.outputs
    assert everything(after, seller) == kept
    assert order.item() == scheduled
    (still_there,) = order.schedules()
    for field in ("Name", "ScheduleExpression", "Target", "CreationDate"):
        assert still_there[field] == schedule[field]
    secret = aws(servers, "secretsmanager").get_secret_value(SecretId=after.outputs["ApplicationSecretArn"])
    assert secret["SecretString"] == rotated

    eventually(lambda: held_notifications(seller) or None, 30, "the notification that is held back")
    seller.control("POST", "notifications/release", {"order": "made"})
    mail_about(servers, held)
    signs = signing_with(after, key)
    assert signs.read_report(seller, delivered)["deliveryStatus"] == "DELIVERED"
    asked = signs.create_report(seller)
    mail_about(servers, asked)
    assert [len(mails_about(servers, report)) for report in (delivered, held, asked)] == [1, 1, 1]


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


def ask_for_a_report_that_is_announced_later(host: HostProduct, seller: Seller) -> str:
    """A report whose notification SP-API keeps until it is told to send it."""
    rule = {"sellerId": seller.seller_id, "reportType": REPORT_TYPE, "count": 1, "notification": {"hold": True}}
    seller.control("POST", "report-outcomes", [rule])
    report_id = host.create_report(seller)
    assert ledger_item(host.deployment, seller, report_id) is not None
    return report_id


def held_notifications(seller: Seller) -> list[Any]:
    return [one for one in seller.control("GET", "notifications")["notifications"] if one["state"] == "held"]


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
