"""The doctor, with responses of AWS that the local emulator cannot produce."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from operations import doctor, outcomes
from operations.client_secret import BY_HAND, REJECTED, ClientSecret
from operations.findings import Finding, addressed, as_json, report
from operations.stack import Stack
from quickstart.application_secret import CURRENT, IN_USE, PENDING
from quickstart.authorization.requests import read_connection_query
from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields
from reference.endpoints import CHECKOUT
from sp_api.deadline import Deadline
from tests.documents.reading import anchors
from tests.templates.test_operations_guide import FUNCTIONS, TARGETS
from tests.unit.quickstart.secret_rotation.test_versions import NEW, NOW, OLD, Manager
from tests.unit.sp_api.support import TOKEN_PATH, Answer, ScriptedServer, answer_json, token_json
from tests.yaml_reading import yaml_parse

TOPIC = "arn:aws:sns:us-east-1:111122223333:reports"


def test_every_topic_of_the_stack_that_sends_emails_is_checked() -> None:
    outputs = yaml_parse((CHECKOUT / "templates" / "quickstart.yaml").read_text())["Outputs"]
    assert {name for name in outputs if name.endswith("TopicArn")} == set(doctor.TOPICS.values())


def test_an_unsubscribed_address_is_not_a_subscriber(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_endpoints = tmp_path / "openapi.json"
    no_endpoints.write_text('{"paths": {}}')
    monkeypatch.setattr(doctor, "OPENAPI", no_endpoints)
    make: Callable[..., Any] = boto3.client
    client = make("sns", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    stub = Stubber(client)
    unsubscribed = {
        "SubscriptionArn": "Deleted",
        "Protocol": "email",
        "Endpoint": "reports@example.com",
        "TopicArn": TOPIC,
    }
    stub.add_response("list_subscriptions_by_topic", {"Subscriptions": [unsubscribed]}, {"TopicArn": TOPIC})
    stack = Stack("quick-start", {"ReportTopicArn": TOPIC}, {}, lambda _: client, str, boto3.Session())
    with stub:
        finding = next(doctor.examine(stack))
    assert (finding.subject, finding.state) == ("e-mails with reports", "no subscriber")


@pytest.mark.parametrize(
    ("entries", "state", "advice"),
    [
        ([("email", "arn:aws:sns:1")], "confirmed", ""),
        (
            [("email", "PendingConfirmation"), ("email", "arn:aws:sns:1")],
            "not confirmed",
            "open the e-mail that AWS sent to me0@example.com and confirm the subscription",
        ),
        # A queue of the host product neither confirms nor replaces an address.
        ([("sqs", "PendingConfirmation"), ("email", "arn:aws:sns:1")], "confirmed", ""),
        (
            [("sqs", "arn:aws:sns:1")],
            "no subscriber",
            "nobody receives these e-mails: subscribe an address to the topic in ReportTopicArn",
        ),
        ([], "no subscriber", "nobody receives these e-mails: subscribe an address to the topic in ReportTopicArn"),
    ],
)
def test_who_receives_the_emails(entries: list[tuple[str, str]], state: str, advice: str) -> None:
    make: Callable[..., Any] = boto3.client
    client = make("sns", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    listed = [
        {"SubscriptionArn": arn, "Protocol": protocol, "Endpoint": f"me{number}@example.com", "TopicArn": TOPIC}
        for number, (protocol, arn) in enumerate(entries)
    ]
    stub = Stubber(client)
    stub.add_response("list_subscriptions_by_topic", {"Subscriptions": listed}, {"TopicArn": TOPIC})
    with stub:
        stack = Stack("quick-start", {"ReportTopicArn": TOPIC}, {}, lambda _: client, str, boto3.Session())
        finding = doctor._subscription(stack, "ReportTopicArn", "e-mails")
    assert finding == Finding("e-mails", state, advice)


API = "https://authorize1.execute-api.us-east-1.amazonaws.com/prod"


def stack_with(clients: dict[str, Any], **outputs: str) -> Stack:
    session = boto3.Session("test", "test", region_name="us-east-1")
    return Stack("quick-start", outputs, {}, lambda name: clients[name], str, session)


def test_every_function_rejects_what_the_doctor_sends_even_if_all_its_fields_are_optional(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """GET /authorizations needs no field, and would list all connections."""
    sent: list[tuple[str, str]] = []

    def answer(method: str, address: str, **_: object) -> requests.Response:
        sent.append((method, address))
        given = dict(parse_qsl(urlsplit(address).query))
        response = requests.Response()
        with pytest.raises(InvalidRequestError):
            read_connection_query(Fields(given))
        response.status_code, response._content = 400, b'{"errors": []}'
        return response

    monkeypatch.setattr(requests, "request", answer)
    stack = stack_with({}, AuthorizationRestApiId="authorize1", AuthorizationsUrl=f"{API}/authorizations")
    finding = doctor._endpoint(stack, "AuthorizationRestApi", "GET", "/authorizations")
    assert sent == [("GET", f"{API}/authorizations?Doctor=check")]
    assert (finding.state, finding.advice) == ("responds", "")


def test_only_queues_that_sp_api_sends_to_must_allow_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EventBridge sends to the queue of consents."""
    no_endpoints = tmp_path / "openapi.json"
    no_endpoints.write_text('{"paths": {}}')
    monkeypatch.setattr(doctor, "OPENAPI", no_endpoints)
    make: Callable[..., Any] = boto3.client
    client = make("sqs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    stub = Stubber(client)
    allowed = [{"Effect": "Allow", "Principal": {"AWS": "437568002678"}, "Action": "sqs:SendMessage"}]
    for name in ("notifications", "secrets"):
        stub.add_response("get_queue_url", {"QueueUrl": f"https://sqs/{name}"}, {"QueueName": name})
        policy = {"Attributes": {"Policy": json.dumps({"Statement": allowed})}}
        stub.add_response("get_queue_attributes", policy)
    arn = "arn:aws:sqs:us-east-1:111122223333:{}".format
    stack = stack_with(
        {"sqs": client},
        NotificationsQueueArn=arn("notifications"),
        SecretQueueArn=arn("secrets"),
        ConsentsQueueArn=arn("consents"),
    )
    with stub:
        findings = list(islice(doctor.examine(stack), 2))
    assert [(found.subject, found.state) for found in findings] == [
        ("policy of NotificationsQueue", "allows SP-API to send"),
        ("policy of SecretQueue", "allows SP-API to send"),
    ]


def test_the_queues_of_the_doctor_are_those_whose_policy_names_sp_api() -> None:
    queues = set()
    for template in (CHECKOUT / "templates").glob("*.yaml"):
        resources = yaml_parse(template.read_text())["Resources"].values()
        for resource in resources:
            if resource["Type"] == "AWS::SQS::QueuePolicy" and "437568002678" in json.dumps(resource):
                queues |= {f"{queue['Ref']}Arn" for queue in resource["Properties"]["Queues"]}
    assert queues == set(doctor.SELLING_PARTNER_API_QUEUES)


def test_each_dead_letter_queue_has_advice_that_names_functions_and_sections_that_exist() -> None:
    root = yaml_parse((CHECKOUT / "templates/quickstart.yaml").read_text())
    queues = {name.removesuffix("Url") for name in root["Outputs"] if name.endswith("DeadLetterQueueUrl")}
    assert queues == set(outcomes.DEAD_LETTERS) | set(outcomes.READERS)
    sections = anchors(CHECKOUT / "docs/operations.md")
    stack = stack_with({}, **dict.fromkeys(root["Outputs"], "x"))
    for queue in queues:
        advice = outcomes.advice_about_dead_letters(stack, queue)
        (functions,) = re.findall(r"make logs FUNCTION=([\w,]+) SINCE=14d", advice)
        assert set(functions.split(",")) <= FUNCTIONS, advice
        assert advice.rpartition("#")[2] in sections
        remedy = advice.partition("Fix the cause, then ")[2].partition(": docs/operations.md#")[0]
        assert re.fullmatch("(run|start|delete|check) .{15,}", remedy), advice
        moved = "make redrive-queue" in advice
        assert moved == (queue.replace("DeadLetterQueue", "QueueArn") in root["Outputs"]), queue


def test_each_state_machine_has_advice() -> None:
    root = yaml_parse((CHECKOUT / "templates/quickstart.yaml").read_text())
    machines = {name for name in root["Outputs"] if name.endswith("StateMachineArn")}
    assert machines == set(outcomes.MACHINES)
    for machine in outcomes.MACHINES.values():
        assert machine.what
        assert re.search("fix the cause that make logs FUNCTION=.* shows, then .{15,}", machine.failed)
        assert re.match("if it was a mistake, .{15,}", machine.stopped)
        assert set(re.findall(r"FUNCTION=(\w+)", machine.failed)) <= FUNCTIONS
        assert set(re.findall(r"make ([a-z-]+)", f"{machine.failed} {machine.stopped}")) <= TARGETS


def test_commands_name_the_stack_and_its_region() -> None:
    advice = "make logs FUNCTION=X SINCE=14d shows why, then run make redrive-queue; or make doctor STACK=a"
    (finding,) = addressed([Finding("queue", "1 message", advice)], "STACK=mine REGION=eu-west-1")
    assert finding.advice == (
        "make logs STACK=mine REGION=eu-west-1 FUNCTION=X SINCE=14d shows why, then run make redrive-queue STACK=mine "
        "REGION=eu-west-1; or make doctor STACK=a"
    )


def test_the_report_for_programs() -> None:
    findings = [Finding("queue", "empty"), Finding("connections", "1 ends", "ask", later=True)]
    assert as_json(findings, "mine", "eu-west-1") == {
        "stack": "mine",
        "region": "eu-west-1",
        "healthy": True,
        "findings": [
            {"severity": "ok", "subject": "queue", "state": "empty"},
            {"severity": "soon", "subject": "connections", "state": "1 ends", "advice": "ask"},
        ],
    }
    sick = as_json([Finding("queue", "1 message", "look")], "mine", None)
    assert not sick["healthy"]
    assert sick["findings"] == [{"severity": "problem", "subject": "queue", "state": "1 message", "advice": "look"}]


def test_what_can_wait_is_no_problem() -> None:
    lines: list[str] = []
    later = Finding("connections", "1 consent ends", "ask", later=True)
    assert report(iter([Finding("queue", "empty"), later]), lines.append)
    assert [line[:2] for line in lines] == ["ok", "--", "  "]
    assert not report(iter([later, Finding("queue", "1 message", "look")]), lines.append)
    assert lines[-2:] == [f"!!  {'queue':<42} 1 message", "    -> look"]
    # A problem stays one, whatever follows it.
    assert report(iter([Finding("queue", "1 message", "look"), later]), lines.append) is False


class Sqs:
    """A queue with this policy and these numbers of messages."""

    def __init__(self, policy: object = None, **numbers: str) -> None:
        self.attributes = {**({"Policy": json.dumps(policy)} if policy else {}), **numbers}
        self.asked: list[object] = []

    def get_queue_url(self, **request: object) -> dict[str, str]:
        self.asked.append(request)
        return {"QueueUrl": "https://sqs/queue"}

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        found = {name: value for name, value in self.attributes.items() if name in request["AttributeNames"]}
        return {"Attributes": found} if found else {}


SP_API = {"AWS": "arn:aws:iam::437568002678:root"}


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Effect": "Allow", "Principal": SP_API, "Action": "sqs:SendMessage"}, True),
        ({"Effect": "Allow", "Principal": SP_API, "Action": ["sqs:GetQueueUrl", "SQS:SendMessage"]}, True),
        ({"Effect": "Allow", "Principal": SP_API, "Action": "sqs:*"}, True),
        ({"Effect": "Deny", "Principal": SP_API, "Action": "sqs:SendMessage"}, False),
        ({"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sqs:SendMessage"}, False),
        ({"Effect": "Allow", "Principal": SP_API, "Action": "sqs:GetQueueUrl"}, False),
        ({"Effect": "Allow", "Principal": SP_API}, False),
        (None, False),
    ],
)
def test_a_queue_whose_policy_was_changed(statement: object, *, allowed: bool) -> None:
    sqs = Sqs({"Statement": [statement]} if statement else None)
    stack = stack_with({"sqs": sqs}, SecretQueueArn="arn:aws:sqs:us-east-1:111122223333:secrets")
    finding = doctor._queue_policy(stack, "SecretQueueArn", "policy")
    assert finding == (
        Finding("policy", "allows SP-API to send")
        if allowed
        else Finding(
            "policy",
            "SP-API cannot send",
            "the queue's policy was changed outside CloudFormation: allow account 437568002678 to call "
            "sqs:SendMessage again",
        )
    )
    assert sqs.asked[0] == {"QueueName": "secrets"}


@pytest.mark.parametrize(
    ("visible", "hidden", "state"),
    [
        (0, 0, "empty"),
        (1, 0, "1 message about the client secret not processed yet"),
        (1, 2, "3 messages about the client secret not processed yet"),
    ],
)
def test_messages_about_the_client_secret_are_counted_while_they_are_processed(
    visible: int, hidden: int, state: str
) -> None:
    numbers = {
        "ApproximateNumberOfMessages": str(visible),
        "ApproximateNumberOfMessagesNotVisible": str(hidden),
    }
    stack = stack_with({"sqs": Sqs(**numbers)}, SecretQueueArn="arn:aws:sqs:us-east-1:111122223333:secrets")
    finding = doctor._waiting_secrets(stack, "SecretQueue")
    advice = "this takes minutes; if it takes an hour, make logs FUNCTION=SPAPISecretReceiver shows why"
    assert finding == (
        Finding("SecretQueue", state, advice, later=True) if visible + hidden else Finding("SecretQueue", state)
    )


def secret_findings(*answers: Answer, unreadable: bool = False) -> list[Finding]:
    """What the doctor says of a secret that was stored on 10 January 2027, and ends 80 days later."""
    manager = Manager(OLD, NEW, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id, PENDING: NEW.version_id})
    if unreadable:
        manager.values = dict.fromkeys(manager.values, "{}")
    with ScriptedServer() as server:
        server.answer("POST", TOKEN_PATH, *answers)
        session = boto3.Session("test", "test", region_name="us-east-1")
        stack = Stack(
            "quick-start",
            {"ApplicationSecretArn": "arn"},
            {"LoginWithAmazonEndpoint": server.url + TOKEN_PATH},
            manager.aws.client,
            str,
            session,
        )
        return list(doctor.examine_client_secret(stack, lambda: NOW))


WAITING = Finding(
    "client secret rotation",
    "a new client secret is stored and does not work yet",
    "if this lasts for hours, rotate it in the developer console, then run make rotate-secret",
)
OFF = Finding("client secret rotation", "switched off (SecretRotationEnabled)")
REFUSED = answer_json({"error": "invalid_client", "error_description": "no"}, 401)


def test_a_client_secret_that_works() -> None:
    assert secret_findings(token_json()) == [
        Finding("application credentials", "expires in at most 80 days, stored on 2027-01-10"),
        WAITING,
        OFF,
        Finding("Login with Amazon", "accepts the credentials"),
    ]


def test_another_stored_secret_that_works_is_found() -> None:
    *_, last = secret_findings(REFUSED, token_json())
    assert last == Finding(
        "Login with Amazon", "rejects the client secret in use, and accepts another stored one", BY_HAND
    )
    *_, last = secret_findings(REFUSED)
    assert last == Finding("Login with Amazon", "rejects the client id or the client secret (invalid_client)", REJECTED)


def test_a_client_secret_that_cannot_be_read_is_not_tried() -> None:
    credentials, login = secret_findings(unreadable=True)
    assert (credentials.subject, credentials.state) == ("application credentials", "unreadable")
    assert credentials.advice.startswith("the secret with the fields ")
    assert login == Finding("Login with Amazon", "not checked", "fix the application credentials first")


def test_a_secret_without_a_date_does_not_say_when_it_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    used = replace(OLD, created_at=None, expires_at=NOW + timedelta(days=80))
    monkeypatch.setattr(doctor, "read_client_secret", lambda _: ClientSecret(used, None, False, None))
    assert doctor._client_secret(stack_with({}), lambda: NOW, "x") == Finding("x", "expires in 80 days")


@pytest.mark.parametrize("part", ["_rotation", "_connections"])
def test_what_aws_does_not_let_the_operator_read_is_a_finding(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    def refuse(_: Stack) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "Scan")

    monkeypatch.setattr(doctor, "read_client_secret", refuse)
    monkeypatch.setattr(doctor, "read_connections", refuse)
    stack = stack_with({}, SellingPartnersTableName="partners")
    subject = "connections" if part == "_connections" else "client secret rotation"
    check: Any = getattr(doctor, part)
    assert list(check(stack, lambda: NOW)) == [Finding(subject, "AccessDenied", "not authorized")]


def test_a_stack_of_an_earlier_version_shows_no_connections() -> None:
    assert list(doctor._connections(stack_with({}), lambda: NOW)) == []


def test_login_with_amazon_has_twenty_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    after = Deadline.after

    def noted(seconds: float) -> Deadline:
        given.append(seconds)
        return after(seconds)

    monkeypatch.setattr(Deadline, "after", noted)
    secret_findings(token_json())
    assert given == [20]


PATHS = {
    "/reports/{reportId}": {
        "servers": [],
        "get": {"tags": ["ReportsRestApi"]},
        "post": {"tags": ["ReportsRestApi"]},
        "delete": {"tags": ["ListingsRestApi"]},
    },
    "/login": {"get": {"tags": ["ReportsRestApi"], "security": []}},
    "/a": {"get": {"tags": ["ReportsRestApi"], "security": [{"iam": []}]}},
}


def test_a_whole_examination_goes_on_after_what_aws_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The operator may use the stack's API, and nothing else."""

    def refused(name: str) -> Any:
        raise ClientError({"Error": {"Code": "Denied", "Message": name}}, "X")

    def rejected(method: str, address: str, **given: Any) -> requests.Response:
        sent.append((method, address, given["data"], given["timeout"]))
        response = requests.Response()
        response.status_code, response._content = 400, b'{"errors": []}'
        return response

    sent: list[object] = []
    openapi = tmp_path / "openapi.json"
    openapi.write_text(json.dumps({"paths": PATHS}))
    monkeypatch.setattr(doctor, "OPENAPI", openapi)
    monkeypatch.setattr(requests, "request", rejected)
    outputs = {
        "Other": "https://another.execute-api.us-east-1.amazonaws.com/prod/x",
        "ReportsRestApiId": "reports1",
        "ReportsUrl": "https://reports1.execute-api.us-east-1.amazonaws.com/prod/reports",
        **dict.fromkeys(("AlarmTopicArn", "ReportTopicArn", "ListingTopicArn", "ListingFeedTopicArn"), "topic"),
        "SecretQueueArn": "a:secrets",
        "ApplicationSecretArn": "secret",
        "SellingPartnersTableName": "partners",
        "BDeadLetterQueueUrl": "b",
        "ADeadLetterQueueUrl": "a",
        "ReportProcessorStateMachineArn": "machine",
    }
    session = boto3.Session("test", "test", region_name="us-east-1")
    stack = Stack("quick-start", outputs, {}, refused, str, session)
    denied = [
        ("e-mails with reports", "sns"),
        ("e-mails with alarms", "sns"),
        ("e-mails with outcomes of listings", "sns"),
        ("e-mails with files of listings", "sns"),
        ("policy of SecretQueue", "sqs"),
        ("application credentials", "secretsmanager"),
        ("client secret rotation", "secretsmanager"),
        ("Login with Amazon", "secretsmanager"),
        ("SecretQueue", "sqs"),
        ("connections", "dynamodb"),
        ("ADeadLetterQueue", "sqs"),
        ("BDeadLetterQueue", "sqs"),
        ("deliveries of reports", "stepfunctions"),
        ("alarms", "cloudwatch"),
    ]
    assert list(doctor.examine(stack, lambda: NOW)) == [
        Finding("GET /a", "responds"),
        Finding("GET /reports/{reportId}", "responds"),
        Finding("POST /reports/{reportId}", "responds"),
        *(Finding(subject, "Denied", service) for subject, service in denied),
    ]
    url = "https://reports1.execute-api.us-east-1.amazonaws.com/prod"
    # No id begins with a tilde. The function answers within 29 s.
    assert sent == [
        ("GET", f"{url}/a?Doctor=check", None, 35),
        ("GET", f"{url}/reports/~?Doctor=check", None, 35),
        ("POST", f"{url}/reports/~", '{"Doctor": "check"}', 35),
    ]


def test_the_report_is_for_people_or_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = boto3.Session(region_name="eu-west-1")
    asked: list[object] = []

    def examine(_: Stack, *, since: timedelta) -> list[Finding]:
        asked.append(since)
        return [Finding("queue", "full", "make logs SINCE=1h shows why")]

    monkeypatch.setattr(doctor, "find_stack", lambda *_: stack_with({}))
    monkeypatch.setattr(doctor, "run_command", lambda run, *_: run(session))
    monkeypatch.setattr(doctor, "examine", examine)
    monkeypatch.setattr(sys, "argv", ["doctor", "quick-start"])
    assert doctor.main() == 1
    command = "make logs STACK=quick-start REGION=eu-west-1 SINCE=1h shows why"
    assert capsys.readouterr().out == f"!!  {'queue':<42} full\n    -> {command}\n"
    monkeypatch.setattr(sys, "argv", ["doctor", "quick-start", "--json", "--since", "12h"])
    assert doctor.main() == 1
    printed = capsys.readouterr().out
    found = [{"severity": "problem", "subject": "queue", "state": "full", "advice": command}]
    report_of = {"stack": "quick-start", "region": "eu-west-1", "healthy": False, "findings": found}
    assert printed == json.dumps(report_of, indent=2) + "\n"
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: [Finding("queue", "empty")])
    assert doctor.main() == 0
    assert asked == [timedelta(days=14), timedelta(hours=12)]


def test_what_aws_refuses_is_the_finding() -> None:
    def refused(_: str) -> Finding:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "GetQueueUrl")

    assert doctor._checked("queue", refused) == Finding("queue", "AccessDenied", "not authorized")
