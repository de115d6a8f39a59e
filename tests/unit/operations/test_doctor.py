"""The doctor against an answer of AWS that the local emulator cannot give."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from operations import doctor
from operations.stack import Stack

TOPIC = "arn:aws:sns:us-east-1:111122223333:reports"


def test_a_subscription_that_was_ended_by_its_link_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_endpoints = tmp_path / "openapi.json"
    no_endpoints.write_text('{"paths": {}}')
    monkeypatch.setattr(doctor, "OPENAPI", no_endpoints)
    make: Callable[..., Any] = boto3.client
    client = make("sns", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    stub = Stubber(client)
    ended = {"SubscriptionArn": "Deleted", "Protocol": "email", "Endpoint": "reports@example.com", "TopicArn": TOPIC}
    stub.add_response("list_subscriptions_by_topic", {"Subscriptions": [ended]}, {"TopicArn": TOPIC})
    stack = Stack("quick-start", {"ReportTopicArn": TOPIC}, {}, lambda _: client, str, boto3.Session())
    with stub:
        finding = next(doctor.examine(stack))
    assert (finding.subject, finding.state) == ("e-mails with reports", "no subscriber")
