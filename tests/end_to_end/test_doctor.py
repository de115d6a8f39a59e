"""`make doctor` on a healthy stack, and on one in which each part that it checks is broken in turn."""

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

from deployment import (
    REPOSITORY,
    Deployment,
    aws,
    confirm_subscriptions,
    delete,
    deploy,
    stack_parameters,
)
from operations.client_secret import BY_HAND
from operations.doctor import SELLING_PARTNER_API_ACCOUNT, examine, examine_dead_letters
from operations.doctor import TOPICS as TOPIC_OUTPUTS
from operations.findings import Finding, report
from operations.stack import Stack, StackUnknownError, find_stack
from reference.endpoints import endpoints
from servers import Servers
from simulator import CLIENT_SECRET, control
from tests.end_to_end.host import (
    HostProduct,
    changed_function,
    eventually,
    invoke_function,
    new_seller,
    reports_table,
)
from tests.end_to_end.operator_commands import command_of, local_stack, make, operator_environment
from tests.end_to_end.test_delivery_failures import failure_mail
from tests.end_to_end.test_solicitations import Orders, ago
from tests.end_to_end.test_sweep import age
from tests.waiting import until

LWA = "Login with Amazon"
TOPICS = {
    "e-mails with reports",
    "e-mails with alarms",
    "e-mails with outcomes of listings",
    "e-mails with files of listings",
}


@pytest.fixture(scope="module")
def own(servers: Servers, template_url: str) -> Iterator[Deployment]:
    """A stack for these tests alone, which break and repair it."""
    deployment = deploy(servers, "doctor", template_url, stack_parameters(servers, ListingDigest="Yes"))
    confirm_subscriptions(deployment)
    yield deployment
    # CloudFormation does not delete a user that has keys.
    iam, user = aws(servers, "iam"), deployment.outputs["ApiGatewayInvokeUserName"]
    for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    delete(servers, "doctor")


@pytest.fixture
def stack(own: Deployment) -> Stack:
    return local_stack(own.servers, own.stack_name)


def problems(findings: Iterator[Finding]) -> dict[str, str]:
    """State and advice of each finding that needs a fix, by subject, without the alarms, which follow the problems with
    a delay. Asserts that no line holds a secret.
    """
    lines: list[str] = []
    found = list(findings)
    healthy = report(iter(found), lines.append)
    wrong = [finding for finding in found if finding.mark == "!!"]
    assert healthy == (not wrong)
    assert not any(secret in line for line in lines for secret in (CLIENT_SECRET, "amzn1.oa2-cs", "wrong-secret"))
    return {
        finding.subject: f"{finding.state}: {finding.advice}"
        for finding in wrong
        if not finding.subject.startswith("alarm ")
    }


def routes_of(stack: Stack) -> set[str]:
    """The routes of the capabilities that the stack has."""
    return {endpoint.route for endpoint in endpoints() if f"{endpoint.api}Id" in stack.outputs}


def test_a_healthy_stack(stack: Stack) -> None:
    found = list(examine(stack))
    assert problems(iter(found)) == {}
    routes = routes_of(stack)
    assert routes | TOPICS | {LWA, "application credentials"} <= {finding.subject for finding in found}


def test_unconfirmed_subscriptions_and_topics_without_subscriptions(own: Deployment, stack: Stack) -> None:
    sns = aws(own.servers, "sns")
    unconfirmed = "open the e-mail that AWS sent to new@example.com and confirm the subscription"
    topics = {f"e-mails with {what}": output for what, output in TOPIC_OUTPUTS.items()}
    for subject, output in topics.items():
        topic = own.outputs[output]
        (old,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        sns.unsubscribe(SubscriptionArn=old["SubscriptionArn"])
        none = f"no subscriber: nobody receives these e-mails: subscribe an address to the topic in {output}"
        assert problems(examine(stack)).get(subject) == none
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="new@example.com")
        assert problems(examine(stack)) == {subject: f"not confirmed: {unconfirmed}"}
        confirm_subscriptions(own)
        assert problems(examine(stack)) == {}


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
        assert problems(examine(stack)) == {
            "NotificationsDeadLetterQueue": "1 message, sent 0 minutes ago: "
            "make logs FUNCTION=SPAPINotificationProcessor SINCE=14d shows why they are here. Fix the cause, then run "
            "make redrive-queue: docs/operations.md#notificationsdeadletterqueuealarm",
            "policy of NotificationsQueue": "SP-API cannot send: "
            "the queue's policy was changed outside CloudFormation: allow account 437568002678 to call sqs:SendMessage "
            "again",
        }
    subject = "alarm NotificationsDeadLetterQueueAlarm"
    alarm = until(
        lambda: next((line for line in examine(stack) if line.subject == subject), None), bool, "the alarm in the list"
    )
    assert alarm is not None
    assert (alarm.mark, alarm.state[:15]) == ("!!", "in ALARM since ")
    assert f"make redrive-queue STACK={own.stack_name} REGION={own.servers.region}" in alarm.advice
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=policy)
    sqs.purge_queue(QueueUrl=dead)


@contextmanager
def stored_secret(own: Deployment, text: str) -> Iterator[None]:
    secrets, arn = aws(own.servers, "secretsmanager"), own.outputs["ApplicationSecretArn"]
    before = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(SecretId=arn, SecretString=text)
    yield
    secrets.put_secret_value(SecretId=arn, SecretString=before)


def test_credentials_that_lwa_rejects(own: Deployment, stack: Stack) -> None:
    wrong = {"AppClientId": "amzn1.application-oa2-client.other", "AppClientSecret": "wrong-secret"}
    with stored_secret(own, json.dumps(wrong)):
        found = problems(examine(stack))
    assert list(found) == [LWA]
    assert found[LWA].startswith("rejects the client id or the client secret (invalid_client): ")
    assert "make rotate-secret" in found[LWA]


def test_a_secret_that_is_not_json_is_reported_without_its_value(own: Deployment, stack: Stack) -> None:
    with stored_secret(own, "amzn1.oa2-cs.v1.secret"):
        found = problems(examine(stack))
    assert set(found) == {LWA, "application credentials"}
    assert found["application credentials"].startswith("unreadable: ")
    assert "AppClientId and AppClientSecret" in found["application credentials"]
    assert found[LWA] == "not checked: fix the application credentials first"


@pytest.mark.parametrize(
    ("days", "state"),
    [
        (149, None),
        (151, "expires in at most 28 days"),
        (179, "expires in at most 0 days"),
        (181, "stored more than 180 days ago, so it has expired"),
    ],
)
def test_the_age_of_the_client_secret(stack: Stack, days: int, state: str | None) -> None:
    found = problems(examine(stack, lambda: datetime.now(UTC) + timedelta(days=days)))
    # Amazon warns from 90 days before the end, so by now a message proves that the queue is registered.
    assert found.pop("client secret rotation").startswith("no message received yet")
    stored = f"stored on {datetime.now(UTC):%Y-%m-%d}"
    assert found == ({"application credentials": f"{state}, {stored}: {BY_HAND}"} if state else {})


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 429}, "throttled: too many requests for tokens: try again in a minute"),
        ({"status": 503}, "HTTP 503: LWA client_credentials"),
        ({"status": 400, "code": "invalid_scope"}, "invalid_scope: the application may not use this scope"),
        ({"status": 400, "code": "new_error"}, "new_error: LWA client_credentials"),
        ({"fault": "reset"}, "no response: LWA client_credentials"),
    ],
)
def test_lwa_returns_no_token(own: Deployment, stack: Stack, fault: dict[str, object], expected: str) -> None:
    endpoint = own.servers.simulator_endpoint
    control(endpoint, "POST", "faults", {"fault": "status", "operation": "getAccessToken", "count": None} | fault)
    try:
        found = problems(examine(stack))
    finally:
        control(endpoint, "DELETE", "faults")
    assert list(found) == [LWA]
    assert found[LWA].startswith(expected)


def test_a_function_that_is_broken(own: Deployment, stack: Stack) -> None:
    with changed_function(own, "SPAPITokenStorage", Handler="missing.handler"):
        found = problems(examine(stack))
    assert found == {
        "POST /tokens": "HTTP 502: the function should return 400 for an empty request: make logs SINCE=1h shows why"
    }


def test_addresses_that_do_not_respond(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = problems(examine(replace(stack, address=lambda _: f"http://127.0.0.1:{port}/")))
    expected = "no response: the address cannot be reached from this machine (ConnectionError)"
    assert found == dict.fromkeys(routes_of(stack), expected)


@pytest.fixture
def user_session(own: Deployment) -> Iterator[Callable[..., boto3.Session]]:
    """Returns a function that creates a user with these permissions and returns a session with its access key."""
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


def test_an_operator_without_permissions(
    own: Deployment, stack: Stack, user_session: Callable[..., boto3.Session]
) -> None:
    session = user_session("cloudformation:DescribeStacks")
    limited = find_stack(own.stack_name, session, own.servers.aws_endpoint, stack.address)
    found = problems(examine(limited))
    invoke = "HTTP 403: for this check, your credentials need execute-api:Invoke on the stack's APIs"
    routes = routes_of(stack)
    assert {found.pop(route) for route in routes} == {invoke}
    subjects = {"alarms" if line.subject.startswith("alarm ") else line.subject for line in examine(stack)}
    assert set(found) == subjects - routes
    for state in found.values():
        assert state.startswith(("AccessDenied", "AuthorizationError"))
        assert "not authorized to perform: " in state


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "the stack"])
def test_a_missing_prerequisite_is_reported_in_one_line(servers: Servers, missing: str) -> None:
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


def test_an_unknown_stack_is_reported(servers: Servers) -> None:
    with pytest.raises(StackUnknownError, match="no stack elsewhere"):
        local_stack(servers, "elsewhere")


def test_dead_letters_are_shown_with_kind_reason_and_age_and_without_their_content(
    own: Deployment, stack: Stack
) -> None:
    sqs, dead = aws(own.servers, "sqs"), own.outputs["SecretDeadLetterQueueUrl"]
    body = {"notificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET", "payload": {"newClientSecret": CLIENT_SECRET}}
    reason = {"Reason": {"DataType": "String", "StringValue": f"not for this application: {CLIENT_SECRET}"}}
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(body), MessageAttributes=reason)
    sqs.send_message(QueueUrl=dead, MessageBody='{"detail-type": "Scheduled Event"}')
    for _ in range(2):  # looking leaves them there
        later = examine_dead_letters(stack, "SecretDeadLetterQueueUrl", lambda: datetime.now(UTC) + timedelta(days=3))
        assert later.state.startswith("2 messages, sent 3 days ago: "), later.state
        assert "APPLICATION_OAUTH_CLIENT_NEW_SECRET: not for this application: " in later.state
        assert "Scheduled Event" in later.state
        assert CLIENT_SECRET not in later.state + later.advice
        assert "make redrive-queue" in later.advice
    sqs.purge_queue(QueueUrl=dead)


def test_what_failed_is_shown_until_it_is_delivered(own: Deployment, stack: Stack) -> None:
    """Goes from a delivery that fails to the command that the doctor names, and its success."""
    host, seller = HostProduct.of(own), new_seller(own.servers, "A1DOCTOR000001")
    host.store_token(seller)
    host.subscribe(seller)
    denied = {"fault": "status", "status": 403, "operation": "getReportDocument", "code": "Unauthorized"}
    seller.control("POST", "faults", denied | {"sellerId": seller.seller_id, "message": "denied"})
    report_id = host.create_report(seller)
    mail = failure_mail(own, report_id)
    command = f"make redrive-executions STACK={own.stack_name} REGION={own.servers.region}"
    assert command in mail.body

    def shown(*arguments: str) -> subprocess.CompletedProcess[str]:
        return make(own.servers, "doctor", f"STACK={own.stack_name}", *arguments)

    def is_recorded() -> dict[str, str] | None:
        found = problems(examine(stack))
        return found if f"{report_id} of seller" in found.get("reports", "") else None

    found = eventually(is_recorded, "the report in the doctor's list")
    assert (
        found["deliveries of reports"].startswith(f"1 execution failed: {seller.seller_id}")
        or report_id in found["deliveries of reports"]
    )
    assert found["reports"].startswith(f"1 report not delivered: {report_id} of seller {seller.seller_id}")
    assert "AccessDeniedError" in found["reports"]
    sick = json.loads(shown("ARGS=--json").stdout)
    assert not sick["healthy"]
    assert {"deliveries of reports", "reports"} <= {
        finding["subject"] for finding in sick["findings"] if finding["severity"] == "problem"
    }
    done = make(own.servers, "redrive-executions", f"STACK={own.stack_name}")
    assert done.returncode == 0, done.stderr
    until(
        lambda: problems(examine(stack)), lambda found: "reports" not in found and "deliveries of reports" not in found
    )


def test_overdue_and_fatal_reports(own: Deployment, stack: Stack) -> None:
    host, seller = HostProduct.of(own), new_seller(own.servers, "A1DOCTOR000002")
    host.store_token(seller)
    overdue = host.create_report(seller)
    lines = [line for line in examine(stack) if "without a subscription" in line.state]
    assert [(line.mark, f"for seller {seller.seller_id} in NA" in line.state) for line in lines] == [("--", True)]
    age(own, seller, overdue, timedelta(hours=25))
    assert problems(examine(stack))["reports"].startswith(
        f"1 report not finished by SP-API within 24 hours: {overdue} of seller {seller.seller_id}, "
        "requested 25 hours ago: check with GET /notifications"
    )
    # Also once the e-mail about it is sent.
    invoke_function(own, "SPAPIReportSweep", {})
    assert overdue in problems(examine(stack))["reports"]
    host.subscribe(seller)
    seller.control("PUT", "report-outcomes", {"status": "FATAL", "count": 1, "sellerId": seller.seller_id})
    fatal = host.create_report(seller)
    line = eventually(
        lambda: next((line for line in examine(stack) if f"FATAL) in the last 14 days: {fatal}" in line.state), None)
    )
    assert (line.subject, line.mark) == ("reports", "--")
    reports_table(own).delete_item(Key={"ReportId": overdue, "SellerId": seller.seller_id})
    reports_table(own).delete_item(Key={"ReportId": fatal, "SellerId": seller.seller_id})


def test_stopped_executions_and_failed_orders(own: Deployment, stack: Stack) -> None:
    seller = new_seller(own.servers, "A1DOCTOR000003")
    HostProduct.of(own).store_token(seller)
    orders = Orders(own, seller, "702-1000001-0000001")
    orders.known_to_amazon(days_ago=6)
    orders.fault("getSolicitationActionsForOrder", fault="status", status=403, code="Unauthorized", message="denied")
    orders.send(orders.change(ago(days=6)))
    found = until(lambda: problems(examine(stack)), lambda found: "orders" in found and "review requests" in found)
    assert found["orders"].startswith(f"1 order in FAILED: 702-1000001-0000001 of seller {seller.seller_id}")
    assert "make redrive-executions before the order's request window ends" in found["orders"]
    assert found["review requests"].startswith("1 execution failed: ")
    stranger = Orders(own, new_seller(own.servers, "A1DOCTOR000004"), "702-1000001-0000002")
    stranger.send(stranger.change(ago(days=6)))

    def without_token() -> str:
        return next(line.state for line in examine(stack) if line.subject == "orders without a token")

    counted = until(without_token, lambda state: state.startswith("1 order not recorded"), "the order without a token")
    assert counted.endswith("in the last day, of A1DOCTOR000004")
    # What is older than the operator asks for is left out.
    recent = problems(examine(stack, since=timedelta(0)))
    assert "review requests" not in recent
    states = aws(own.servers, "stepfunctions")
    pull = states.start_execution(
        stateMachineArn=own.outputs["ProductTypePullStateMachineArn"], input='{"PullId": "0", "SellerId": "A1"}'
    )
    states.stop_execution(executionArn=pull["executionArn"])
    stopped = next(line for line in examine(stack) if line.subject == "pulls of product types" and line.advice)
    assert stopped.state.startswith("1 execution was stopped: ")
    assert stopped.mark == "--"


def test_a_closed_pipe_is_no_error(own: Deployment) -> None:
    command, set_by_make = command_of("doctor", f"STACK={own.stack_name}", "ARGS=--json")
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=operator_environment(own.servers) | set_by_make,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141
