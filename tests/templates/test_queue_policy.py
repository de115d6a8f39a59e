"""The policy of the notifications queue at work: who sends, and how."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from servers import start_server, stop_processes
from tests.templates.conftest import EMULATOR_PYTHON, Account
from tests.templates.reading import Template
from tests.templates.test_launch import settled

SP_API = "437568002678"
QUEUES = ("NotificationsQueue", "NotificationsDeadLetterQueue")


@pytest.fixture(scope="module")
def plain_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An emulator where plain HTTP is what it is, and does not count as TLS."""
    run: Path = tmp_path_factory.mktemp("emulator")
    (run / "scratch").mkdir()
    command = [EMULATOR_PYTHON, "-m", "aws_emulator", "--scratch", str(run / "scratch")]
    pid, port = start_server("aws_emulator", [*command, "--leave-open", "loopback_counts_as_tls"], run)
    try:
        yield Account(f"http://127.0.0.1:{port}")
    finally:
        stop_processes({"aws_emulator": pid})


def queue_url(account: Account, templates: dict[str, Template]) -> str:
    """The queues of the template, with their policies and nothing else, as a stack of their own."""
    whole = templates["notifications"]
    names = [name for queue in QUEUES for name in (queue, f"{queue}Policy")]
    part = {
        "Conditions": {"HasKey": {"Fn::Equals": ["a", "b"]}},
        "Resources": {name: whole["Resources"][name] for name in names},
        "Outputs": {"Url": {"Value": {"Ref": QUEUES[0]}}},
    }
    # The branch for a key is not taken, but what it names has to be there.
    part["Resources"]["NotificationsKey"] = whole["Resources"]["NotificationsKey"]
    cloudformation = account.client("cloudformation")
    made = cloudformation.create_stack(StackName="queues", TemplateBody=json.dumps(part))
    stack = settled(account, made["StackId"])
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    return str(stack["Outputs"][0]["OutputValue"])


def client_of(account: Account, sender: str) -> Any:
    """An SQS client of the root of an account, which the emulator takes from the access key id."""
    session: Any = boto3.Session(sender, "test", region_name="us-east-1")
    return session.client("sqs", endpoint_url=account.endpoint)


def test_sp_api_sends_and_another_account_does_not(account: Account, templates: dict[str, Template]) -> None:
    url = queue_url(account, templates)
    client_of(account, SP_API).send_message(QueueUrl=url, MessageBody="{}")
    with pytest.raises(ClientError, match="AccessDenied"):
        client_of(account, "999988887777").send_message(QueueUrl=url, MessageBody="{}")


def test_nobody_sends_over_plain_http(plain_http: Account, templates: dict[str, Template]) -> None:
    url = queue_url(plain_http, templates)
    with pytest.raises(ClientError, match="AccessDenied"):
        client_of(plain_http, SP_API).send_message(QueueUrl=url, MessageBody="{}")
    key, secret = plain_http.user_keys("sender", {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"})
    owner: Any = plain_http.session(key, secret)
    with pytest.raises(ClientError, match="AccessDenied"):
        owner.client("sqs", endpoint_url=plain_http.endpoint).send_message(QueueUrl=url, MessageBody="{}")
