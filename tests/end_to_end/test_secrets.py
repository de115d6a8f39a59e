"""After requests that succeed and requests that fail in every way, no secret is where it does not belong.

On a stack of its own with all capabilities: client secrets are rotated, and sellers connect themselves.
"""

import base64
import html
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from connecting import APPLICATION_ID, Connecting, running_connecting

from deployment import Deployment, aws, confirm_subscriptions, deploy, publish_templates, stack_parameters
from servers import Servers
from simulator import CLIENT_SECRET
from tests.end_to_end.conftest import SIMULATOR, started_servers
from tests.end_to_end.host import (
    HostProduct,
    Seller,
    as_sp_api,
    eventually,
    finished_report,
    function_of,
    invoke_user_key,
    link_in,
    mail_about,
    new_seller,
    report_of,
    subscription_of,
    table_of,
)
from tests.end_to_end.secret_life import APPLICATION, Life, new_secret_message
from tests.end_to_end.secret_places import KINDS, Found, Place, issued, places, search
from tests.end_to_end.test_delivery_failures import waits_scaled
from tests.end_to_end.test_ownership import finish
from tests.end_to_end.test_schedules import schedule_of
from tests.end_to_end.test_solicitations import ASK, SUBMIT, WAIT_SCALE, Orders, ago
from tests.secret_forms import Secret
from tests.waiting import SECONDS

# How an answer of Amazon's may quote a secret.
QUOTED: Mapping[str, Callable[[str], str]] = {
    "plain": lambda secret: f"The token {secret} is wrong",
    "URL": lambda secret: f"invalid parameter: refresh_token={quote(secret, safe='')}",
    "JSON": lambda secret: json.dumps({"given": {"token": json.dumps(secret)}}),
    "HTML": lambda secret: f"<p>{html.escape(secret)}</p> &#124;{secret.partition('|')[2]}",
    "base64": lambda secret: "Basic " + base64.b64encode(f"id:{secret}".encode()).decode(),
}
# What is where it belongs: the kind of place, the secret, and why. Each must be found.
BELONGS = {
    ("mail", "signature of a link"): "the e-mail brings the link",
    ("answer", "signature of a link"): "GET /reports/{reportId} returns a new link",
    ("answer", "state"): "POST /authorizations returns the address of Amazon's page, which has the state",
    ("queue", "refresh token"): "a message that could not be processed stays as it was sent",
    ("queue", "client secret of another application"): "an unprocessed message stays in its queue, which is encrypted",
}


@dataclass
class Stage:
    """The stack, its host product, and the secrets that the simulator does not know."""

    deployment: Deployment
    host: HostProduct
    connecting: Connecting
    life: Life
    secrets: list[Secret] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)

    def seller(self, name: str) -> Seller:
        return new_seller(self.deployment.servers, f"A1{name.upper():0<12}"[:14])

    def fault(self, seller: Seller, operation: str, **fault: object) -> None:
        given = {"sellerId": seller.seller_id, "operation": operation, "count": 1, **fault}
        seller.control("POST", "faults", given)

    def page(self, path: str, **headers: str) -> requests.Response:
        """A browser's request to the public pages."""
        url = f"{self.connecting.domain.address}/authorize/{path}"
        answer = requests.get(url, headers=headers, allow_redirects=False, timeout=SECONDS)
        self.pages.append(f"{answer.status_code}\n{answer.text}")
        return answer


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with started_servers(tmp_path_factory.mktemp("servers"), *SIMULATOR) as running:
        yield running


@pytest.fixture(scope="module")
def stage(servers: Servers) -> Iterator[Stage]:
    with running_connecting() as connecting:
        parameters = stack_parameters(servers, **connecting.parameters(servers))
        deployment = deploy(servers, "secrets", publish_templates(servers), parameters)
        confirm_subscriptions(deployment)
        host = HostProduct.of(deployment)
        connecting.ready(deployment, None)
        key = invoke_user_key(deployment)
        stage = Stage(deployment, host, connecting, Life(deployment, host))
        stage.secrets += [
            Secret("key of the invoke user", key["SecretAccessKey"]),
            Secret("key of the invoke role", host.credentials["SecretAccessKey"]),
            Secret("session of the invoke role", host.credentials["SessionToken"]),
        ]
        yield stage


@pytest.fixture(scope="module")
def after_everything(stage: Stage) -> Stage:
    _tokens(stage)
    _subscriptions(stage)
    _reports(stage)
    _schedules(stage)
    with waits_scaled(stage.deployment.servers, WAIT_SCALE):
        _solicitations(stage)
    _hostile_messages(stage)
    _consents(stage)
    _rotations(stage)
    _departures(stage)
    return stage


def _tokens(stage: Stage) -> None:
    seller, host = stage.seller("tokens"), stage.host
    token = seller.refresh_token
    for body in (
        {"SellerId": "?", "RefreshToken": token},
        {"SellerId": seller.seller_id, "RefreshToken": token, "Other": 1},
        {"SellerId": token, "RefreshToken": token},
        {"SellerId": seller.seller_id, "RefreshToken": [token]},
        {"SellerId": seller.seller_id, token: "RefreshToken"},
        {"SellerId": seller.seller_id, "RegionCode": token, "RefreshToken": token},
        f'{{"SellerId": "{seller.seller_id}", "RefreshToken": "{token}',
        f"SellerId={seller.seller_id}&RefreshToken={quote(token, safe='')}",
    ):
        assert host.send("TokenStorageUrl", body).status_code == 400, body
    for quoted in QUOTED.values():
        for status in (400, 500):
            body = {"error": "invalid_grant", "error_description": quoted(token)}
            stage.fault(seller, "getAccessToken", fault="status", status=status, body=body, sellerId="")
            given = {"SellerId": seller.seller_id, "RefreshToken": token, "Verify": True}
            assert host.send("TokenStorageUrl", given).status_code >= 400
        seller.control("DELETE", "faults")
    wrong = requests.post(
        stage.deployment.url("TokenStorageUrl"),
        json={"SellerId": seller.seller_id, "RefreshToken": token},
        auth=host.signature(aws_secret_access_key="wrong"),
        timeout=SECONDS,
    )
    assert wrong.status_code == 403
    host.answers.append(wrong.text)
    host.store_token(seller, Verify=True)


def _subscriptions(stage: Stage) -> None:
    for number, quoted in enumerate(QUOTED.values()):
        seller = stage.seller(f"subscribe{number}")
        stage.host.store_token(seller)
        message = quoted(seller.access_token())
        for operation in ("getSubscription", "createSubscription"):
            stage.fault(seller, operation, fault="status", status=403, code="Unauthorized", message=message)
            stage.host.send("NotificationsSubscriberUrl", subscription_of(seller))
        seller.control("DELETE", "faults")
    query = {"SellerId": seller.seller_id, "RegionCode": seller.refresh_token}
    assert stage.host.get("NotificationsSubscriberUrl", **query).status_code == 400


def _reports(stage: Stage) -> None:
    seller, host, servers = stage.seller("reports"), stage.host, stage.deployment.servers
    host.store_token(seller)
    host.subscribe(seller)
    finish(seller)
    for fault in (
        {"fault": "reset", "operation": "getAccessToken", "sellerId": ""},
        {"fault": "reset", "operation": "createReport"},
        {"fault": "lose", "operation": "createReport"},
        *(
            {"fault": "status", "status": status, "operation": "createReport", "code": "X", "message": quoted(token)}
            for quoted in QUOTED.values()
            for status, token in ((403, seller.access_token()), (400, seller.refresh_token))
        ),
    ):
        stage.fault(seller, **fault)
        # Each of another day: a request without an answer holds back those that cannot be told from it.
        day = f"2026-10-{len(host.answers) % 28 + 1:02d}"
        host.send("ReportCreatorUrl", {**report_of(seller), "ReportDataStartTime": day})
    for fault in (
        {"fault": "reset", "operation": "downloadDocument"},
        {"fault": "expire", "operation": "downloadDocument"},
        {"fault": "truncate", "afterBytes": 500, "operation": "downloadDocument"},
        {"fault": "status", "status": 500, "operation": "getReportDocument", "message": quote(seller.access_token())},
    ):
        stage.fault(seller, **fault)
    report_id = host.create_report(seller, ReportDataStartTime="2026-11-04")
    mailed = link_in(mail_about(servers, report_id))
    read = eventually(lambda: host.read_report(seller, report_id).get("link"), "a link")
    for link in (mailed, read["url"]):
        query = parse_qs(urlsplit(link).query)
        for name in ("X-Amz-Signature", "X-Amz-Security-Token"):
            stage.secrets += [Secret("signature of a link", value) for value in query.get(name, [])]
    finish(seller, status="FATAL")
    mail_about(servers, host.create_report(seller, ReportDataStartTime="2026-11-05"))
    finish(seller)
    # The execution fails in the end.
    refused = {"fault": "status", "status": 403, "operation": "getReportDocument", "count": None}
    stage.fault(seller, **refused, code="Unauthorized", message=f"{seller.access_token()} {seller.refresh_token}")
    mail_about(servers, host.create_report(seller, ReportDataStartTime="2026-11-06"))
    seller.control("DELETE", "faults")


def _schedules(stage: Stage) -> None:
    seller, host = stage.seller("schedules"), stage.host
    host.store_token(seller)
    for quoted in QUOTED.values():
        stage.fault(
            seller,
            "createReportSchedule",
            fault="status",
            status=400,
            code="InvalidInput",
            message=quoted(seller.access_token()),
        )
        assert host.send("ReportSchedulesUrl", schedule_of(seller)).status_code >= 400
    assert host.send("ReportSchedulesUrl", schedule_of(seller, Period=seller.refresh_token)).status_code == 400


def _solicitations(stage: Stage) -> None:
    def asked(orders: Orders, operation: str, before: int) -> bool | None:
        return True if len(orders.calls(operation)) > before else None

    seller = stage.seller("orders")
    stage.host.store_token(seller)
    for number, (operation, quoted) in enumerate((each, q) for each in (ASK, SUBMIT) for q in QUOTED.values()):
        orders = Orders(stage.deployment, seller, f"701-{number:07d}-7654321")
        orders.known_to_amazon(10)
        message = quoted(seller.access_token())
        orders.fault(operation, fault="status", status=403, code="Unauthorized", message=message)
        orders.send(orders.change(ago(days=10)))
        eventually(partial(asked, orders, operation, number % len(QUOTED)), what=f"{operation} of {orders.order_id}")
    orders = Orders(stage.deployment, seller, "701-1234567-7654321")
    orders.known_to_amazon(10)
    orders.send(orders.change(ago(days=10)))
    orders.becomes("SOLICITED")


def _hostile_messages(stage: Stage) -> None:
    """Whoever can send to the queues could quote a secret, which the log of a failure must not repeat."""
    seller = stage.seller("messages")
    token = seller.refresh_token
    bodies = (
        json.dumps(finished_report(seller.seller_id, "1", status=token)),
        json.dumps({"notificationType": token}),
        f'{{"token": "{token}"',
    )
    queues = [stage.deployment.outputs[f"{name}QueueUrl"] for name in ("Notifications", "Orders")]
    for queue in queues:
        for body in bodies:
            as_sp_api(stage.deployment.servers).send_message(QueueUrl=queue, MessageBody=body)
    sqs, name = aws(stage.deployment.servers, "sqs"), "ApproximateNumberOfMessages"

    def received() -> bool | None:
        attributes = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"] for url in queues]
        return True if not any(int(found[name]) for found in attributes) else None

    eventually(received, "queues without waiting messages")
    groups = [
        function_of(stage.deployment, f"SPAPI{function}")["LoggingConfig"]["LogGroup"]
        for function in ("NotificationProcessor", "SolicitationScheduler")
    ]
    logs = aws(stage.deployment.servers, "logs")

    def failed() -> bool | None:
        found = [logs.filter_log_events(logGroupName=group, filterPattern="ERROR")["events"] for group in groups]
        return True if all(found) else None

    eventually(failed, "errors in the logs")


def _consents(stage: Stage) -> None:
    def attempt() -> tuple[str, str]:
        body = {"RegionCode": "NA", "PartyType": "seller", "SellerId": seller.seller_id}
        answer = stage.host.send("AuthorizationsUrl", body)
        assert answer.status_code == 200, answer.text
        state = parse_qs(urlsplit(answer.json()["authorizationUrl"]).query)["state"][0]
        stage.secrets.append(Secret("state", state.partition(".")[2]))
        code = seller.control("POST", f"sellers/{seller.seller_id}/authorization-code")["authorizationCode"]
        return state, str(code)

    def callback(state: str, code: str, **cookies: str) -> requests.Response:
        query = f"state={quote(state)}&selling_partner_id={seller.seller_id}&spapi_oauth_code={quote(code)}"
        return stage.page(f"callback?{query}", **cookies)

    seller = stage.seller("consents")
    for quoted in QUOTED.values():
        for status in (400, 503):
            state, code = attempt()
            body = {"error": "invalid_grant", "error_description": quoted(code)}
            stage.fault(seller, "getAccessToken", fault="status", status=status, body=body, sellerId="")
            assert callback(state, code).status_code >= 400
            seller.control("DELETE", "faults")
    state, code = attempt()
    stage.fault(seller, "getAccessToken", fault="reset", sellerId="")
    assert callback(state, code).status_code >= 400
    seller.control("DELETE", "faults")
    state, code = attempt()
    assert callback(state, f"{code}x").status_code == 400
    assert callback(f"{state}x", code).status_code == 400
    state, code = attempt()
    assert callback(state, code).status_code == 200
    callback(state, code)
    # By way of the log-in page, which sets a cookie.
    page = f"{stage.deployment.servers.simulator_endpoint}/central/sellercentral.amazon.com/apps/authorize/confirm"
    given = quote(f"{page}/{APPLICATION_ID}", safe="")
    login = stage.page(f"login?amazon_callback_uri={given}&amazon_state=s&selling_partner_id={seller.seller_id}")
    assert login.status_code == 303, login.text
    cookie = login.headers["Set-Cookie"].partition(";")[0]
    stage.secrets.append(Secret("cookie", cookie.partition("=")[2]))
    authorization_id = parse_qs(urlsplit(login.headers["Location"]).query)["authorizationId"][0]
    path = f"{stage.deployment.url('AuthorizationsUrl')}/{authorization_id}/login"
    continued = requests.post(path, json={}, auth=stage.host.signature(), timeout=SECONDS)
    stage.host.answers.append(continued.text)
    state = parse_qs(urlsplit(continued.json()["continueUrl"]).query)["state"][0]
    stage.secrets.append(Secret("state", state.partition(".")[2]))
    code = seller.control("POST", f"sellers/{seller.seller_id}/authorization-code")["authorizationCode"]
    assert callback(state, code).status_code >= 400, "without the cookie"
    callback(state, code, Cookie=cookie)


def _rotations(stage: Stage) -> None:
    life = stage.life
    life.register()
    life.control("PUT", APPLICATION, {"secretDelaySeconds": 0, "secretMessage": {"copies": 2}})
    life.check()
    assert life.in_use().managed, "the secret that the stack was created with"
    life.start_again()
    life.check()
    before = life.in_use().client_secret
    refused = {"fault": "status", "status": 403, "operation": "rotateApplicationClientSecret"}
    life.control("POST", "faults", refused | {"message": f"The secret {before} has ended"})
    life.control("POST", f"{APPLICATION}/expiry-notice")
    eventually(lambda: True if life.record().outcome == "REFUSED" else None, "the refusal")
    life.control("DELETE", "faults")
    life.pass_day()
    eventually(lambda: True if life.in_use().client_secret != before else None, "the new secret")
    foreign = "amzn1.oa2-cs.v1.of-another-application-0123456789"
    stage.secrets.append(Secret("client secret of another application", foreign))
    body = json.dumps(new_secret_message("amzn1.application-oa2-client.another", foreign))
    as_sp_api(life.deployment.servers).send_message(QueueUrl=life.queue_url(), MessageBody=body)
    dead = stage.deployment.outputs["SecretDeadLetterQueueUrl"]
    sqs = aws(life.deployment.servers, "sqs")
    name = "ApproximateNumberOfMessages"

    def in_dead_letters() -> bool | None:
        found = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=[name])["Attributes"][name]
        return True if int(found) else None

    eventually(in_dead_letters, "the dead letter")


def _departures(stage: Stage) -> None:
    seller = stage.seller("leaving")
    stage.host.store_token(seller)
    stage.host.subscribe(seller)
    for operation in ("getSubscription", "deleteSubscriptionById"):
        message = QUOTED["base64"](seller.access_token())
        stage.fault(seller, operation, fault="status", status=403, code="Unauthorized", message=message)
        stage.host.delete("TokenStorageUrl", f"/{seller.seller_id}")
    seller.control("DELETE", "faults")
    assert stage.host.delete("TokenStorageUrl", f"/{seller.seller_id}").status_code == 200
    assert stage.host.delete("TokenStorageUrl", f"/{quote(seller.refresh_token, safe='')}").status_code >= 400


def everywhere(stage: Stage) -> list[Place]:
    answers = [Place("answer", "", text) for text in [*stage.host.answers, *stage.pages]]
    return [*places(stage.deployment.servers), *answers]


def test_no_secret_is_left_where_it_does_not_belong(after_everything: Stage) -> None:
    stage, servers = after_everything, after_everything.deployment.servers
    secrets = [*issued(servers), *stage.secrets, Secret("client secret", CLIENT_SECRET)]
    kinds = {"refresh token", "access token", "authorization code", "client secret", "state", "cookie"}
    assert kinds <= {secret.kind for secret in secrets}
    assert len([secret for secret in secrets if secret.kind == "client secret"]) >= 3, "rotated"
    searched = everywhere(stage)
    assert {place.kind for place in searched} >= {*KINDS, "answer"} - {"schedule"}
    logs = {place.name for place in searched if place.kind == "log" and "REPORT RequestId" in place.text}
    assert len(logs) >= 15, "every function that ran has its log"

    found = search(searched, secrets)
    wrong = {each for each in found if (each.place, each.secret) not in BELONGS}
    assert wrong == set()
    assert {(each.place, each.secret) for each in found} == set(BELONGS)


def test_a_secret_that_is_planted_is_found(after_everything: Stage) -> None:
    """Once in each kind of place, each time in another form."""
    deployment = after_everything.deployment
    servers = deployment.servers
    planted = {kind: Secret(kind, f"Atzr|planted-in-a-{kind.replace(' ', '-')}/0123456789abcdef") for kind in KINDS}
    planted.pop("state machine")  # its definition comes with the template
    quoted = dict(zip(planted, [*QUOTED.values()] * 3, strict=False))
    text = {kind: quoted[kind](secret.value) for kind, secret in planted.items()}
    function = function_of(deployment, "SPAPIReportCreator")
    group, stream = function["LoggingConfig"]["LogGroup"], "planted"
    logs = aws(servers, "logs")
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    event = {"timestamp": int(time.time() * 1000), "message": text["log"]}
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
    table_of(deployment, "ReportsTableName").put_item(Item={"ReportId": "1", "SellerId": "A1", "Note": text["table"]})
    variables = function["Environment"]["Variables"] | {"NOTE": text["function"]}
    aws(servers, "lambda").update_function_configuration(
        FunctionName=function["FunctionName"], Environment={"Variables": variables}
    )
    aws(servers, "sqs").send_message(
        QueueUrl=deployment.outputs["NotificationsDeadLetterQueueUrl"], MessageBody=text["queue"]
    )
    aws(servers, "stepfunctions").start_execution(
        stateMachineArn=deployment.outputs["ReportProcessorStateMachineArn"], input=json.dumps(text["execution"])
    )
    aws(servers, "cloudwatch").put_metric_alarm(
        AlarmName="planted",
        AlarmDescription=text["alarm"],
        MetricName="m",
        Namespace="n",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    aws(servers, "events").put_rule(Name="planted", ScheduleExpression="rate(1 day)", Description=text["rule"])
    aws(servers, "scheduler").create_schedule(
        Name="planted",
        ScheduleExpression="at(2099-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function["FunctionArn"], "RoleArn": function["Role"], "Input": text["schedule"]},
    )
    aws(servers, "sns").publish(TopicArn=deployment.outputs["ReportTopicArn"], Subject="planted", Message=text["mail"])
    resource = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": text["stack"]}}
    aws(servers, "cloudformation").create_stack(
        StackName="planted", TemplateBody=json.dumps({"Resources": {"Topic": resource}})
    )

    def where_it_was_planted() -> list[Found]:
        return [each for each in search(places(servers), planted.values()) if each.place == each.secret]

    eventually(lambda: True if {each.place for each in where_it_was_planted()} == set(planted) else None, "all")
    found = where_it_was_planted()
    assert {each.form for each in found} == {"plain or escaped", "base64"}
