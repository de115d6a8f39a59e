"""`make doctor` on a healthy stack, and on one in which everything that it looks at is broken."""

import json
from collections.abc import Iterator

import pytest
from doctor import local_stack

from deployment import Deployment, aws, delete, deploy, stack_parameters
from operations.doctor import Finding, examine, report
from operations.stack import StackUnknownError
from reference.endpoints import endpoints
from servers import Servers


@pytest.fixture
def own(servers: Servers, template_url: str) -> Iterator[Deployment]:
    """A stack that a test may break."""
    yield deploy(servers, "doctor", template_url, stack_parameters(servers))
    delete(servers, "doctor")


def findings(deployment: Deployment) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(local_stack(deployment.servers, deployment.stack_name))}


def test_a_healthy_stack(own: Deployment) -> None:
    shown: list[str] = []
    assert report(examine(local_stack(own.servers, own.stack_name)), shown.append), "\n".join(shown)
    assert all(line.startswith("ok  ") for line in shown)
    routes = {endpoint.route for endpoint in endpoints()}
    assert routes | {"e-mail subscription", "Login with Amazon"} <= set(findings(own))


def test_what_is_broken_is_named_with_what_to_do(own: Deployment) -> None:
    servers = own.servers
    sqs = aws(servers, "sqs")
    sqs.send_message(QueueUrl=own.outputs["NotificationsDeadLetterQueueUrl"], MessageBody="lost")
    sqs.set_queue_attributes(QueueUrl=own.outputs["NotificationsQueueUrl"], Attributes={"Policy": ""})
    aws(servers, "secretsmanager").put_secret_value(
        SecretId=own.outputs["ApplicationSecretArn"],
        SecretString=json.dumps({"AppClientId": "amzn1.application-oa2-client.other", "AppClientSecret": "wrong"}),
    )
    sns = aws(servers, "sns")
    for entry in sns.list_subscriptions_by_topic(TopicArn=own.outputs["ReportTopicArn"])["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=entry["SubscriptionArn"])
    broken = {subject: finding.state for subject, finding in findings(own).items() if finding.advice}
    assert broken == {
        "NotificationsDeadLetterQueue": "1 messages",
        "policy of NotificationsQueue": "SP-API cannot send",
        "Login with Amazon": "invalid_client",
        "e-mail subscription": "none",
    }


def test_a_secret_that_is_no_longer_json_is_told_without_its_value(own: Deployment) -> None:
    aws(own.servers, "secretsmanager").put_secret_value(
        SecretId=own.outputs["ApplicationSecretArn"], SecretString="amzn1.oa2-cs.v1.secret"
    )
    finding = findings(own)["application credentials"]
    assert finding.state == "unreadable"
    assert "AppClientId, AppClientSecret" in finding.advice
    assert "oa2-cs" not in finding.advice


def test_a_stack_that_is_none_is_told(servers: Servers) -> None:
    with pytest.raises(StackUnknownError, match="no stack elsewhere"):
        local_stack(servers, "elsewhere")
