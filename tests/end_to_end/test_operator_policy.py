"""The operator's commands, run by a user who has only docs/iam/operator-policy.json.

Does not run the redrives: the stack is shared, and they would also redrive what other tests left behind.
"""

import contextlib
import io
import re
from functools import partial
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from deployment import REPOSITORY, Deployment, aws, local_address
from operations.command import CommandError
from operations.doctor import examine
from operations.publish_listings.columns import Headings
from operations.publish_listings.messages import Choices
from operations.publish_listings.progress import Progress
from operations.publish_listings.run import Options, Run, find_target
from operations.stack import Stack, find_stack
from tests.end_to_end.feed_helpers import subscribe_feeds
from tests.end_to_end.host import HostProduct, Seller
from tests.spreadsheets import csv_bytes, rows_of, suitcase

POLICY = REPOSITORY / "docs" / "iam" / "operator-policy.json"


def policy_for(deployment: Deployment) -> str:
    """The policy with its placeholders replaced. The emulator names secrets and state machines after the stack, AWS
    after their logical ids. It begins the names of log groups with /aws/cloudformation/."""
    text = POLICY.read_text().replace("REGION", deployment.servers.region).replace("ACCOUNT_ID", "*")
    for name in ("selling-partner-api-", "ApplicationSecret-", "ReportProcessor-", "Solicitation-"):
        text = text.replace(name, f"{deployment.stack_name}-")
    text = text.replace(f"log-group:{deployment.stack_name}", f"log-group:/aws/cloudformation/{deployment.stack_name}")
    return text.replace(f"stack/{deployment.stack_name}-*", f"stack/{deployment.stack_name}*")


@pytest.fixture(scope="module")
def stack(deployment: Deployment) -> Stack:
    """The shared stack, accessed as the operator."""
    servers = deployment.servers
    iam = aws(servers, "iam")
    iam.create_user(UserName="operator")
    policy = iam.create_policy(PolicyName="operator", PolicyDocument=policy_for(deployment))["Policy"]
    iam.attach_user_policy(UserName="operator", PolicyArn=policy["Arn"])
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=servers.region)
    return find_stack(deployment.stack_name, session, servers.aws_endpoint, partial(local_address, servers))


def test_the_doctor_has_all_permissions(stack: Stack) -> None:
    lines = [f"{finding.subject}: {finding.state} {finding.advice}" for finding in examine(stack)]
    # AccessDeniedError is SP-API's: another test may have left a report that failed with it.
    refused = re.compile(r"\b403\b|AccessDenied(?!Error)|not authorized|not checked|needs? [a-z]+:[A-Z]")
    assert not [line for line in lines if refused.search(line)]


def test_a_spreadsheet_can_be_published(stack: Stack, host: HostProduct, seller: Seller, tmp_path: Path) -> None:
    host.store_token(seller)
    subscribe_feeds(host, seller)
    file = tmp_path / "products.csv"
    file.write_bytes(csv_bytes(rows_of([suitcase(1)])))
    with contextlib.suppress(CommandError):
        # The stack may have other sellers by now.
        find_target(stack, "", "FR", "", "")
    target = find_target(stack, seller.seller_id, "FR", "", "")
    assert Run(stack, target, Options(file, Headings(), Choices()), Progress(io.StringIO())).run() == 0


def test_logs_can_be_read_but_nothing_can_be_changed(stack: Stack) -> None:
    group = f"/aws/vendedlogs/states/{stack.name}-none"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        stack.client("logs").filter_log_events(logGroupName=group)
    for change in (
        partial(stack.client("cloudformation").delete_stack, StackName=stack.name),
        partial(stack.client("sqs").purge_queue, QueueUrl=stack.outputs["NotificationsQueueUrl"]),
        partial(stack.client("logs").delete_log_group, logGroupName=group),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            change()
