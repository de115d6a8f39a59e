"""`make doctor` on a healthy stack, and on one in which everything that it looks at is broken, one after the other."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from doctor import local_stack

from deployment import REPOSITORY, Deployment, aws, confirm_subscriptions, delete, deploy, stack_parameters
from operations.doctor import SELLING_PARTNER_API_ACCOUNT, Finding, examine, report
from operations.stack import Stack, StackUnknownError, find_stack
from reference.endpoints import endpoints
from servers import Servers
from simulator import CLIENT_SECRET, control
from tests.end_to_end.host import changed_function

LWA = "Login with Amazon"
TOPICS = {"e-mails with reports", "e-mails with alarms"}


@pytest.fixture(scope="module")
def own(servers: Servers, template_url: str) -> Iterator[Deployment]:
    """A stack that these tests may break, and put right again."""
    deployment = deploy(servers, "doctor", template_url, stack_parameters(servers))
    confirm_subscriptions(deployment)
    yield deployment
    delete(servers, "doctor")


@pytest.fixture
def stack(own: Deployment) -> Stack:
    return local_stack(own.servers, own.stack_name)


def told(findings: Iterator[Finding]) -> dict[str, str]:
    """State and advice of what is not well, by subject; no line holds a secret."""
    lines: list[str] = []
    found = list(findings)
    well = report(iter(found), lines.append)
    troubles = {finding.subject: f"{finding.state}: {finding.advice}" for finding in found if finding.advice}
    assert well == (not troubles)
    assert not any(secret in line for line in lines for secret in (CLIENT_SECRET, "amzn1.oa2-cs", "wrong-secret"))
    return troubles


def test_a_healthy_stack(stack: Stack) -> None:
    found = list(examine(stack))
    assert told(iter(found)) == {}
    routes = {endpoint.route for endpoint in endpoints()}
    assert routes | TOPICS | {LWA, "application credentials"} <= {finding.subject for finding in found}


def test_subscriptions_that_nobody_confirmed_and_topics_without_any(own: Deployment, stack: Stack) -> None:
    sns = aws(own.servers, "sns")
    unconfirmed = "open the mail that AWS sent to new@example.com and confirm"
    topics = {"e-mails with reports": "ReportTopicArn", "e-mails with alarms": "AlarmTopicArn"}
    for subject, output in topics.items():
        topic = own.outputs[output]
        (old,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        sns.unsubscribe(SubscriptionArn=old["SubscriptionArn"])
        none = f"no subscriber: nobody is mailed: subscribe an address to the topic in {output}"
        assert told(examine(stack)).get(subject) == none
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="new@example.com")
        assert told(examine(stack)) == {subject: f"not confirmed: {unconfirmed}"}
        confirm_subscriptions(own)
        assert told(examine(stack)) == {}


def test_a_queue_that_sp_api_cannot_send_to_and_dead_letters(own: Deployment, stack: Stack) -> None:
    sqs = aws(own.servers, "sqs")
    dead, queue = own.outputs["NotificationsDeadLetterQueueUrl"], own.outputs["NotificationsQueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]
    sqs.send_message(QueueUrl=dead, MessageBody="lost")
    denied = policy["Policy"].replace('"Allow"', '"Deny"')
    of_another = policy["Policy"].replace(SELLING_PARTNER_API_ACCOUNT, "444455556666")
    assert policy["Policy"] not in (denied, of_another)
    for broken in ("", denied, of_another):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": broken})
        assert told(examine(stack)) == {
            "NotificationsDeadLetterQueue": "1 message: docs/operations.md says how to look at them and move them back",
            "policy of NotificationsQueue": "SP-API cannot send: "
            "the policy was changed by hand: update the stack to put it back",
        }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=policy)
    sqs.purge_queue(QueueUrl=dead)


@contextmanager
def stored_secret(own: Deployment, text: str) -> Iterator[None]:
    secrets, arn = aws(own.servers, "secretsmanager"), own.outputs["ApplicationSecretArn"]
    before = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(SecretId=arn, SecretString=text)
    yield
    secrets.put_secret_value(SecretId=arn, SecretString=before)


def test_credentials_that_lwa_refuses(own: Deployment, stack: Stack) -> None:
    wrong = {"AppClientId": "amzn1.application-oa2-client.other", "AppClientSecret": "wrong-secret"}
    with stored_secret(own, json.dumps(wrong)):
        troubles = told(examine(stack))
    assert list(troubles) == [LWA]
    assert troubles[LWA].startswith("invalid_client: the client id or secret is wrong, or the secret has expired")


def test_a_secret_that_is_no_longer_json_is_told_without_its_value(own: Deployment, stack: Stack) -> None:
    with stored_secret(own, "amzn1.oa2-cs.v1.secret"):
        troubles = told(examine(stack))
    assert set(troubles) == {LWA, "application credentials"}
    assert troubles["application credentials"].startswith("unreadable: ")
    assert "AppClientId, AppClientSecret" in troubles["application credentials"]
    assert troubles[LWA] == "not asked: mend the application credentials first"


@pytest.mark.parametrize(
    ("days", "state"),
    [(149, None), (151, "28 days left"), (179, "0 days left"), (181, "stored more than 180 days ago")],
)
def test_the_age_of_the_client_secret(stack: Stack, days: int, state: str | None) -> None:
    troubles = told(examine(stack, lambda: datetime.now(UTC) + timedelta(days=days)))
    advice = "rotate the client secret and store the new one in the secret"
    assert troubles == ({"application credentials": f"{state}: {advice}"} if state else {})


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 429}, "throttled: too many requests for tokens at the moment: ask again in a minute"),
        ({"status": 503}, "HTTP 503: LWA client_credentials"),
        ({"status": 400, "code": "invalid_scope"}, "invalid_scope: the application may not use this scope"),
        ({"status": 400, "code": "new_error"}, "new_error: LWA client_credentials"),
        ({"fault": "reset"}, "no answer: LWA client_credentials"),
    ],
)
def test_lwa_gives_no_token(own: Deployment, stack: Stack, fault: dict[str, object], expected: str) -> None:
    endpoint = own.servers.simulator_endpoint
    control(endpoint, "POST", "faults", {"fault": "status", "operation": "getAccessToken", "count": None} | fault)
    try:
        troubles = told(examine(stack))
    finally:
        control(endpoint, "DELETE", "faults")
    assert list(troubles) == [LWA]
    assert troubles[LWA].startswith(expected)


def test_a_function_that_is_broken(own: Deployment, stack: Stack) -> None:
    with changed_function(own, "SPAPITokenStorage", Handler="missing.handler"):
        troubles = told(examine(stack))
    assert troubles == {
        "POST /tokens": "HTTP 502: look at the function's log: it should refuse an empty request with 400"
    }


def test_addresses_that_do_not_answer(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    troubles = told(examine(replace(stack, address=lambda _: f"http://127.0.0.1:{port}/")))
    answer = "no answer: the address cannot be reached from here (ConnectionError)"
    assert troubles == {endpoint.route: answer for endpoint in endpoints()}


@pytest.fixture
def user_session(own: Deployment) -> Iterator[Callable[..., boto3.Session]]:
    """Makes a user who may do these actions and no more, and gives the session of an access key."""
    iam, name = aws(own.servers, "iam"), "inspector"

    def session(*actions: str) -> boto3.Session:
        iam.create_user(UserName=name)
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        iam.put_user_policy(UserName=name, PolicyName="policy", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=own.servers.region)

    yield session
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="policy")
    iam.delete_user(UserName=name)


def test_whoever_asks_has_too_few_rights(
    own: Deployment, stack: Stack, user_session: Callable[..., boto3.Session]
) -> None:
    session = user_session("cloudformation:DescribeStacks")
    found = find_stack(own.stack_name, session, own.servers.aws_endpoint, stack.address)
    troubles = told(examine(found))
    invoke = "HTTP 403: your own credentials need execute-api:Invoke on the stack's APIs for this check"
    routes = {endpoint.route for endpoint in endpoints()}
    assert {troubles.pop(route) for route in routes} == {invoke}
    assert set(troubles) == {finding.subject for finding in examine(stack)} - routes
    for state in troubles.values():
        assert state.startswith(("AccessDenied", "AuthorizationError"))
        assert "not authorized to perform: " in state


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "the stack"])
def test_what_keeps_it_from_beginning_is_told_in_one_line(servers: Servers, missing: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "layers/sp_api/python",
        "HOME": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": servers.aws_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": servers.region,
    }
    done = subprocess.run(
        [sys.executable, "-m", "operations.doctor", "elsewhere"],
        cwd=REPOSITORY,
        env={name: value for name, value in environment.items() if name != missing},
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    words = {"AWS_ACCESS_KEY_ID": "credentials", "AWS_DEFAULT_REGION": "region", "the stack": "no stack elsewhere"}
    assert (done.returncode, done.stdout, words[missing] in line) == (2, "", True), line


def test_a_stack_that_is_none_is_told(servers: Servers) -> None:
    with pytest.raises(StackUnknownError, match="no stack elsewhere"):
        local_stack(servers, "elsewhere")
