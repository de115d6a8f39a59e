"""Handlers of queues and schedules pass on what they are given, and answer with what SQS must deliver again."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from quickstart import callers, clients
from quickstart.notifications import wiring as notifications
from quickstart.notifications.forwarding import FORWARDED
from quickstart.observability import logger
from quickstart.product_types import wiring as product_types
from quickstart.product_types.pulls import Pulls
from quickstart.product_types.requests import Machine
from quickstart.reports import wiring as reports
from quickstart.reports.requests import read_request
from quickstart.secret_rotation import wiring as secret_rotation
from quickstart.secret_rotation.rotation import Check
from quickstart.solicitations import wiring as solicitations
from quickstart.solicitations.ledger import State, _item
from quickstart.validation import Fields
from reference.endpoints import CHECKOUT, _load
from sp_api.regions import Region
from tests.unit.quickstart.secret_rotation.test_messages import new_secret
from tests.unit.quickstart.solicitations.test_ledger import FULL, KEY
from tests.unit.quickstart.support import Aws, AwsError, Context

Handle = Callable[[str, Mapping[str, Any]], Any]
SETTINGS = {
    "AWS_REGION": "us-east-1",
    "EVENT_BUS_NAME": "bus",
    "LISTING_DIGEST_DEAD_LETTER_QUEUE_URL": "https://sqs/digest-dead",
    "LISTING_DIGEST_QUEUE_URL": "https://sqs/digest",
    "LISTING_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:listings",
    "NOTIFICATIONS_DEAD_LETTER_QUEUE_URL": "https://sqs/notifications-dead",
    "NOTIFICATIONS_QUEUE_URL": "https://sqs/notifications",
    "REPORTS_TABLE": "reports",
    "REPORT_RETENTION_DAYS": "90",
    "APPLICATION_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:111122223333:secret:application",
    "ORDERS_DEAD_LETTER_QUEUE_URL": "https://sqs/orders-dead",
    "ORDERS_QUEUE_URL": "https://sqs/orders",
    "SCHEDULE_DEAD_LETTER_QUEUE_ARN": "arn:aws:sqs:us-east-1:111122223333:schedule-dead",
    "SCHEDULE_GROUP": "orders",
    "SCHEDULE_ROLE_ARN": "arn:aws:iam::111122223333:role/schedule",
    "SECRET_QUEUE_URL": "https://sqs/secret",
    "SELLING_PARTNERS_TABLE": "sellers",
    "SOLICITATIONS_TABLE": "solicitations",
    "SOLICITATION_DELAY_DAYS": "6",
    "STACK_NAME": "quick-start",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:111122223333:stateMachine:report-processor",
}


def queue(*bodies: object) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": f"r-{number}",
                "body": json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for number, body in enumerate(bodies)
        ]
    }


def failed(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"m-{number}"} for number in numbers]}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    made = Aws()
    names = {name: name for name in ("dynamodb", "events", "scheduler", "sns", "sqs")} | {"states": "stepfunctions"}
    for name, service in names.items():
        client = made.client(service)
        monkeypatch.setattr(clients, name, lambda client=client: client)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def handle() -> Iterator[Handle]:
    parts = (
        callers.selling_partners_table,
        notifications.forwarder,
        reports.reports_table,
        solicitations.selling_partners_table,
        solicitations.solicitation_arranger,
        solicitations.solicitation_ledger,
        solicitations.solicitations_table,
    )
    for part in parts:
        part.cache_clear()
    yield lambda function, event: _load(CHECKOUT / f"functions/{function}/app.py").handler(event, Context())
    for part in parts:
        part.cache_clear()


class TestListingDigest:
    OUTCOME: Mapping[str, Any] = {"detail": {"Status": "REFUSED", "Sku": "CUP", "Issues": []}}

    def test_one_e_mail_for_all(self, aws: Aws, handle: Handle) -> None:
        aws.answers["Publish"] = lambda _: {"MessageId": "m"}
        assert handle("listing_digest", queue(self.OUTCOME, self.OUTCOME)) == failed()
        ((_, given),) = aws.calls
        assert given["TopicArn"] == SETTINGS["LISTING_TOPIC_ARN"]
        assert given["Subject"] == "Amazon listings: 2 REFUSED"
        assert "Stack quick-start (us-east-1)" in given["Message"]

    def test_what_sns_refuses_comes_again(self, aws: Aws, handle: Handle) -> None:
        def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("AuthorizationError", 403)

        aws.answers |= {"Publish": refuse, "ChangeMessageVisibilityBatch": lambda _: {}}
        assert handle("listing_digest", queue(self.OUTCOME, self.OUTCOME)) == failed(0, 1)

    def test_what_is_no_outcome_is_set_aside(self, aws: Aws, handle: Handle) -> None:
        aws.answers |= {"Publish": lambda _: {"MessageId": "m"}, "SendMessage": lambda _: {}}
        assert handle("listing_digest", queue({}, self.OUTCOME)) == failed()
        assert aws.operations == ["SendMessage", "Publish"]
        assert aws.calls[0][1]["QueueUrl"] == SETTINGS["LISTING_DIGEST_DEAD_LETTER_QUEUE_URL"]


class TestNotificationProcessor:
    ORDER: Mapping[str, Any] = {"notificationType": "ORDER_CHANGE", "payload": {}, "notificationMetadata": {}}
    FINISHED: Mapping[str, Any] = {
        "notificationType": "REPORT_PROCESSING_FINISHED",
        "payload": {
            "reportProcessingFinishedNotification": {
                "sellerId": "A1",
                "reportId": "7",
                "reportType": "GET_X",
                "processingStatus": "DONE",
            }
        },
        "notificationMetadata": {"subscriptionId": "s", "notificationId": "n"},
    }

    def test_a_finished_report_starts_an_execution_and_the_rest_goes_to_the_bus(self, aws: Aws, handle: Handle) -> None:
        owner = {"SellerId": {"S": "A1"}, "ReportId": {"S": "7"}, "RegionCode": {"S": "NA"}}
        aws.answers |= {
            "Query": lambda given: {"Items": [owner] if given["TableName"] == "reports" else []},
            "StartExecution": lambda _: {"executionArn": "arn", "startDate": datetime(2026, 1, 1, tzinfo=UTC)},
            "PutEvents": lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
        }
        assert handle("notification_processor", queue(self.FINISHED, self.ORDER)) == failed()
        started, put = (dict(aws.calls)[operation] for operation in ("StartExecution", "PutEvents"))
        assert started["stateMachineArn"] == SETTINGS["STATE_MACHINE_ARN"]
        assert json.loads(started["input"])["ReportId"] == "7"
        assert [entry["DetailType"] for entry in put["Entries"]] == ["ORDER_CHANGE"]

    @pytest.mark.parametrize("earlier", [False, True])
    def test_the_log_says_which_execution_delivers_a_finished_report(
        self, aws: Aws, handle: Handle, log_lines: Callable[[], list[dict[str, Any]]], earlier: bool
    ) -> None:
        def start(_: Mapping[str, Any]) -> Mapping[str, Any]:
            if earlier:
                raise AwsError("ExecutionAlreadyExists")
            return {"executionArn": "arn", "startDate": datetime(2026, 1, 1, tzinfo=UTC)}

        owner = {"SellerId": {"S": "A1"}, "ReportId": {"S": "7"}, "RegionCode": {"S": "NA"}}
        same = json.dumps({"SellerId": "A1", "ReportId": "7", "ProcessingStatus": "DONE"})
        aws.answers |= {
            "Query": lambda _: {"Items": [owner]},
            "StartExecution": start,
            "DescribeExecution": lambda _: {"input": same},
        }
        assert handle("notification_processor", queue(self.FINISHED)) == failed()
        (line,) = [line for line in log_lines() if line["message"] == "report finished"]
        names = ("seller_id", "region", "report_id", "status", "notification_id", "execution", "delivery")
        assert [line[name] for name in names] == [
            "A1",
            "NA",
            "7",
            "DONE",
            "n",
            "A1-7-DONE",
            "already started by an earlier copy" if earlier else "started",
        ]

    def test_each_message_fails_by_itself(self, aws: Aws, handle: Handle) -> None:
        aws.answers |= {
            "Query": lambda _: {"Items": []},
            "PutEvents": lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
            "SendMessage": lambda _: {},
            "GetItem": lambda _: {},
        }
        assert handle("notification_processor", queue(self.FINISHED, {}, self.ORDER)) == failed(0)
        sent = dict(aws.calls)["SendMessage"]
        assert sent["QueueUrl"] == SETTINGS["NOTIFICATIONS_DEAD_LETTER_QUEUE_URL"]
        assert "PutEvents" in aws.operations


def test_the_receiver_of_secrets_gives_each_message_the_time_that_is_left(
    aws: Aws, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[float, str]] = []

    class Replacement:
        def __init__(self, deadline: Any) -> None:
            self.seconds = deadline.remaining()

        def receive(self, message: Any, _now: datetime) -> None:
            taken.append((self.seconds, type(message).__name__))

    monkeypatch.setattr(secret_rotation, "replacement", Replacement)
    aws.answers["ChangeMessageVisibility"] = lambda _: {}
    assert handle("secret_receiver", queue(new_secret(), {})) == failed(1)
    ((seconds, kind),) = taken
    assert 0 < seconds <= 25
    assert kind == "NewSecret"
    assert aws.calls[0][1]["QueueUrl"] == SETTINGS["SECRET_QUEUE_URL"]


@pytest.mark.parametrize(("problem", "count"), [("", 0), ("no", 1)])
@pytest.mark.parametrize("event", [{"time": "2027-01-10T06:00:00Z"}, {}])
def test_the_rotator_of_secrets_publishes_what_it_found(
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    log_lines: Callable[[], list[dict[str, Any]]],
    problem: str,
    count: int,
    event: Any,
) -> None:
    checked: list[tuple[float, datetime]] = []

    class Rotator:
        def __init__(self, deadline: Any) -> None:
            self.seconds = deadline.remaining()

        def check(self, now: datetime) -> Check:
            checked.append((self.seconds, now))
            logger().info("checked")
            return Check(29, problem)

    function = _load(CHECKOUT / "functions/secret_rotator/app.py")
    monkeypatch.setattr(function, "rotator", Rotator)
    before = datetime.now(UTC)
    function.handler(event, Context())
    ((seconds, now),) = checked
    assert 20 < seconds <= 25
    assert [line["function_request_id"] for line in log_lines()] == [Context.aws_request_id]
    if event:
        assert now == datetime(2027, 1, 10, 6, tzinfo=UTC)
    else:
        assert before <= now <= datetime.now(UTC)
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [(one.get("ClientSecretDaysLeft"), one.get("ClientSecretRotationProblem")) for one in metrics] == [
        ([29.0], None),
        (None, [float(count)]),
    ]
    assert {one["ApplicationSecretArn"] for one in metrics} == {SETTINGS["APPLICATION_SECRET_ARN"]}
    assert aws.calls == []


class TestSolicitationScheduler:
    SENT = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)

    def order(self, status: str = "Shipped", **changed: Any) -> dict[str, Any]:
        change = {"SellerId": "A1", "AmazonOrderId": "903-1"}
        change["Summary"] = {"MarketplaceId": "ATVPDKIKX0DER", "OrderStatus": status}  # type: ignore[assignment]
        return {
            "NotificationType": "ORDER_CHANGE",
            "Payload": {"OrderChangeNotification": {**change, **changed}},
            "NotificationMetadata": {"NotificationId": "n-1", "SubscriptionId": "s-1"},
        }

    def received(self, body: object, **attributes: Any) -> dict[str, Any]:
        event = queue(body)
        (record,) = event["Records"]
        record["attributes"]["SentTimestamp"] = str(int(self.SENT.timestamp() * 1000))
        record["messageAttributes"] = attributes
        return event

    @pytest.fixture(autouse=True)
    def answers(self, aws: Aws) -> None:
        token = {"SellerId": {"S": "A1"}, "Item": {"S": "TOKEN#NA"}, "RegionCode": {"S": "NA"}}
        aws.answers |= {
            "PutItem": lambda _: {},
            "Query": lambda given: {"Items": [token] if "TOKEN#" in str(given) else []},
            "StartExecution": lambda _: {"executionArn": "arn", "startDate": self.SENT},
            "GetItem": lambda _: {},
            "PutEvents": lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
            "SendMessage": lambda _: {},
            "ChangeMessageVisibility": lambda _: {},
        }

    def test_a_shipped_order_is_scheduled_and_forwarded(self, aws: Aws, handle: Handle) -> None:
        assert handle("solicitation_scheduler", self.received(self.order())) == failed()
        assert aws.operations[:4] == ["PutItem", "Query", "StartExecution", "PutItem"]
        assert aws.operations[-1] == "PutEvents"
        calls = dict(aws.calls)
        item = calls["PutItem"]["Item"]
        assert calls["PutItem"]["TableName"] == SETTINGS["SOLICITATIONS_TABLE"]
        # The time of the message stands for the delivery dates, and the delay is six days.
        assert (item["AmazonOrderId"], item["SellerId"]) == ({"S": "903-1"}, {"S": "A1"})
        assert item["ChangedTime"] == {"S": "2026-11-21T12:00:00.250000+00:00"}
        assert item["DueTime"] == {"S": "2026-11-27T12:00:01+00:00"}
        assert calls["StartExecution"]["stateMachineArn"] == SETTINGS["STATE_MACHINE_ARN"]
        (entry,) = calls["PutEvents"]["Entries"]
        assert (entry["EventBusName"], entry["DetailType"]) == ("bus", "ORDER_CHANGE")

    def test_another_change_is_only_forwarded(self, aws: Aws, handle: Handle) -> None:
        assert handle("solicitation_scheduler", self.received(self.order("Unshipped"))) == failed()
        assert "PutEvents" in aws.operations
        assert "PutItem" not in aws.operations

    def test_what_was_forwarded_before_is_not_forwarded_again(self, aws: Aws, handle: Handle) -> None:
        attributes = {FORWARDED: {"stringValue": "true", "dataType": "String"}}
        assert handle("solicitation_scheduler", self.received(self.order(), **attributes)) == failed()
        assert aws.operations == ["PutItem", "Query", "StartExecution", "PutItem"]

    @pytest.mark.parametrize("forwarded", [False, True])
    def test_a_change_that_cannot_be_read_is_set_aside_and_forwarded_once(
        self, aws: Aws, handle: Handle, forwarded: bool
    ) -> None:
        attributes = {FORWARDED: {"stringValue": "true", "dataType": "String"}} if forwarded else {}
        assert handle("solicitation_scheduler", self.received(self.order(SellerId="a/b"), **attributes)) == failed()
        assert aws.operations.count("PutEvents") == (0 if forwarded else 1)
        sent = dict(aws.calls)["SendMessage"]
        assert sent["QueueUrl"] == SETTINGS["ORDERS_DEAD_LETTER_QUEUE_URL"]
        reason = "SellerId has characters that are not allowed in such an id"
        assert sent["MessageAttributes"]["Reason"]["StringValue"] == reason
        assert sent["MessageAttributes"][FORWARDED]["StringValue"] == "true"

    def test_what_is_no_notification_goes_to_the_dead_letters(self, aws: Aws, handle: Handle) -> None:
        assert handle("solicitation_scheduler", self.received({})) == failed()
        assert aws.operations == ["SendMessage"]
        assert aws.calls[0][1]["QueueUrl"] == SETTINGS["ORDERS_DEAD_LETTER_QUEUE_URL"]


@pytest.mark.parametrize("function", ["get_solicitation_actions", "submit_solicitation"])
def test_a_step_of_an_order_looks_at_its_record(aws: Aws, handle: Handle, function: str) -> None:
    record = replace(FULL, state=State.SOLICITED, execution="one", scheduled_for=None, version=1)
    stored = {name: TypeSerializer().serialize(value) for name, value in _item(record).items() if value is not None}
    aws.answers["BatchGetItem"] = lambda _: {"Responses": {"solicitations": [stored], "sellers": []}}
    event = {"AmazonOrderId": KEY.order_id, "SellerId": KEY.seller_id, "Execution": "one"}
    assert handle(function, event) == {"Step": "END", "Outcome": "SOLICITED"}
    assert handle(function, {**event, "Execution": "two"}) == {"Step": "END", "Outcome": "DUPLICATE"}
    asked = dict(aws.calls)["BatchGetItem"]["RequestItems"]
    assert set(asked) == {"solicitations", "sellers"}
    assert {"AmazonOrderId": {"S": KEY.order_id}, "SellerId": {"S": KEY.seller_id}} in asked["solicitations"]["Keys"]


def test_the_daily_refresh_asks_for_each_sellers_token(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    item = {
        "Collection": "REFRESHES",
        "Entry": "one",
        "PullId": "pull-1",
        "SellerId": "A1",
        "RegionCode": "NA",
        "MarketplaceIds": ["ATVPDKIKX0DER"],
        "ProductTypes": ["LUGGAGE"],
        "Keywords": [],
        "EveryType": False,
        "Requirements": "LISTING",
        "RequirementsEnforced": "ENFORCED",
        "Locale": "DEFAULT",
    }
    asked: list[tuple[str, Region]] = []

    class Vault:
        def require(self, seller_id: str, region: Region) -> None:
            asked.append((seller_id, region))

    made: list[str] = []
    monkeypatch.setattr(callers, "token_vault", Vault)
    monkeypatch.setattr(Pulls, "refreshes", lambda _: [item])
    monkeypatch.setattr(Pulls, "create", lambda *_: made.append("created"))
    monkeypatch.setattr(Machine, "start", lambda *_: made.append("started"))
    monkeypatch.setattr(product_types, "pulls", lambda: Pulls.__new__(Pulls))
    monkeypatch.setattr(product_types, "machine", lambda: Machine(Aws().client("stepfunctions"), "arn"))
    answer = handle("product_type_refresh", {})
    assert (asked, made) == ([("A1", Region.NA)], ["created", "started"])
    assert answer["started"] == 1


def test_a_created_report_is_answered_with_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    caller, records = object(), object()
    asked: list[object] = []

    def answer(result: object) -> Callable[..., object]:
        def call(*given: object) -> object:
            asked.append(given)
            return result

        return call

    function = _load(CHECKOUT / "functions/report_creator/app.py")
    monkeypatch.setattr(function.callers, "seller", answer(caller))
    monkeypatch.setattr(function.http_api, "call_deadline", lambda: "deadline")
    monkeypatch.setattr(function.wiring, "report_records", lambda: records)
    monkeypatch.setattr(function, "create_report", answer("7"))
    sent = {"SellerId": "A1EXAMPLE", "RegionCode": "NA", "ReportType": "GET_X", "MarketplaceIds": "ATVPDKIKX0DER"}
    (create,) = function.ROUTES.values()
    assert create(Fields(sent)) == {"reportId": "7"}
    assert asked == [("A1EXAMPLE", Region.NA, "deadline"), (caller, read_request(Fields(sent)), records)]
