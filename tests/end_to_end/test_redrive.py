"""The make targets of docs/operations.md, as written there."""

import json

from deployment import REPOSITORY, Deployment, aws
from simulator import served_document
from tests.end_to_end import operator_commands
from tests.end_to_end.host import (
    HostProduct,
    Seller,
    download,
    eventually,
    finished_report,
    ledger_item,
    link_in,
    mails_about,
)
from tests.end_to_end.test_delivery_failures import execution_of, failure_mail
from tests.end_to_end.test_ownership import dead_letters_about, made_elsewhere, messages_tried_again_after, send


def make(deployment: Deployment, target: str) -> str:
    """The output of the target for this stack."""
    command = f"make {target} STACK="
    assert command in (REPOSITORY / "docs" / "operations.md").read_text()
    done = operator_commands.make(deployment.servers, target, f"STACK={deployment.stack_name}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_delivered_once(deployment: Deployment, seller: Seller, report_id: str) -> None:
    def ready() -> list[str] | None:
        mails = [mail for mail in mails_about(deployment.servers, report_id) if "is ready" in mail.subject]
        return [link_in(mail) for mail in mails] or None

    (link,) = eventually(ready, what="the e-mail with the link")
    assert download(link)[1] == served_document(deployment.servers.simulator_endpoint, report_id)
    item = eventually(
        lambda: found if (found := ledger_item(deployment, seller, report_id) or {}).get("NotifiedTime") else None
    )
    assert item["DeliveryStatus"] == "DELIVERED"


def test_dead_letters_are_moved_back_once_the_cause_is_fixed(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    report_id = made_elsewhere(seller)
    with messages_tried_again_after(deployment, 1):
        send(deployment, finished_report(seller.seller_id, report_id))
        eventually(lambda: dead_letters_about(deployment, report_id) or None, "the message in the dead-letter queue")
    host.store_token(seller, RegionCode="NA")
    assert "moved back" in make(deployment, "redrive-queue")
    assert_delivered_once(deployment, seller, report_id)
    assert dead_letters_about(deployment, report_id) == 0
    assert "NotificationsDeadLetterQueue: empty" in make(deployment, "redrive-queue")


def test_failed_executions_are_resumed(deployment: Deployment, host: HostProduct, subscribed_seller: Seller) -> None:
    denied = {"fault": "status", "status": 403, "operation": "getReport", "code": "Unauthorized"}
    subscribed_seller.control("POST", "faults", denied | {"sellerId": subscribed_seller.seller_id})
    report_id = host.create_report(subscribed_seller)
    failure_mail(deployment, report_id)
    execution = execution_of(deployment, report_id)
    assert execution is not None
    (line,) = [line for line in make(deployment, "redrive-executions").splitlines() if report_id in line]
    assert line.startswith(f"{execution['name']} (FAILED): restarted as {execution['name']}-r")
    assert_delivered_once(deployment, subscribed_seller, report_id)
    (again,) = [line for line in make(deployment, "redrive-executions").splitlines() if report_id in line]
    assert "already restarted" in again


def test_a_missing_permission_is_reported(deployment: Deployment) -> None:
    iam = aws(deployment.servers, "iam")
    iam.create_user(UserName="onlooker")
    allowed = {"Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="onlooker", PolicyName="look", PolicyDocument=document)
    key = iam.create_access_key(UserName="onlooker")["AccessKey"]
    done = operator_commands.make(
        deployment.servers,
        "redrive-executions",
        f"STACK={deployment.stack_name}",
        AWS_ACCESS_KEY_ID=key["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"],
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("ListExecutions: ")
