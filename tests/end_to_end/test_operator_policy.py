"""What an operator runs, run by a user who has docs/iam/operator-policy.json and nothing else.

The redrives are not run here: the stack is shared, and they would take up what other tests left.
"""

import re
from functools import partial

import boto3
import pytest
from botocore.exceptions import ClientError

from deployment import REPOSITORY, Deployment, aws, local_address
from operations.doctor import examine
from operations.stack import Stack, find_stack

POLICY = REPOSITORY / "docs" / "iam" / "operator-policy.json"


def policy_for(deployment: Deployment) -> str:
    """The policy, filled in. The emulator names secrets and state machines after the stack, where AWS names them after
    their logical ids."""
    text = POLICY.read_text().replace("REGION", deployment.servers.region).replace("ACCOUNT_ID", "*")
    for name in ("selling-partner-api-", "ApplicationSecret-", "ReportProcessor-", "Solicitation-"):
        text = text.replace(name, f"{deployment.stack_name}-")
    return text.replace(f"stack/{deployment.stack_name}-*", f"stack/{deployment.stack_name}*")


@pytest.fixture(scope="module")
def stack(deployment: Deployment) -> Stack:
    """The shared stack as the operator finds it."""
    servers = deployment.servers
    iam = aws(servers, "iam")
    iam.create_user(UserName="operator")
    policy = iam.create_policy(PolicyName="operator", PolicyDocument=policy_for(deployment))["Policy"]
    iam.attach_user_policy(UserName="operator", PolicyArn=policy["Arn"])
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=servers.region)
    return find_stack(deployment.stack_name, session, servers.aws_endpoint, partial(local_address, servers))


def test_the_doctor_may_look_at_everything(stack: Stack) -> None:
    told = [f"{finding.subject}: {finding.state} {finding.advice}" for finding in examine(stack)]
    assert not [
        line for line in told if re.search("403|AccessDenied|not authorized|not asked|needs? [a-z]+:[A-Z]", line)
    ]


def test_logs_may_be_read_and_nothing_be_changed(stack: Stack) -> None:
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
