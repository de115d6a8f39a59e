"""Changes from the stream: an event for each, an e-mail where a person must act, and what fails is delivered again."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart import clients
from quickstart.announcing import EventNotPutError
from quickstart.authorization import wiring
from quickstart.authorization.connections import Change, Connection
from quickstart.authorization.events import (
    ConnectionEvents,
    ConnectionMails,
    UnreadableChangeError,
    read_consent,
    report_change,
)
from quickstart.aws_failures import AwsDeadlineExceededError
from quickstart.dynamodb import DamagedItemError
from quickstart.own_stack import OwnStack
from reference.endpoints import CHECKOUT, _load
from sp_api.deadline import Deadline
from sp_api.errors import AccessDeniedError
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, Context

STACK = OwnStack("quick-start", "eu-west-1")

STORED = {"SellerId": {"S": "A1"}, "Item": {"S": "TOKEN#NA"}, "Ciphertext": {"S": "c2VjcmV0"}, "StoredAt": {"S": "1"}}
CONSENT = {"PartyType": {"S": "seller"}, "ConsentedAt": {"S": "2026-01-01T00:00:00+00:00"}, "HostReference": {"S": "u"}}
LOST = STORED | CONSENT | {"ReconnectSince": {"S": "2026-11-25"}}


def record(old: dict[str, Any] | None, new: dict[str, Any] | None, number: str = "1") -> dict[str, Any]:
    images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
    item = new or old or {}
    keys = {"SellerId": item["SellerId"], "Item": item["Item"]}
    return {"dynamodb": {"Keys": keys, "SequenceNumber": number, **images}}


class Events:
    """EventBridge; it takes nothing while `refuses`, which the emulator's never does."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.refuses = False

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        if self.refuses:
            failed = {"ErrorCode": "ThrottlingException", "ErrorMessage": "too many"}
            return {"FailedEntryCount": 1, "Entries": [failed]}
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


class Topic:
    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []
        self.refuses = False

    def publish(self, **message: str) -> dict[str, str]:
        if self.refuses:
            raise ClientError({"Error": {"Code": "Throttled", "Message": "too many"}}, "Publish")
        self.sent.append(message)
        return {"MessageId": "m"}


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def report(events: Any, topic: Any) -> Any:
    def report(changed: dict[str, Any]) -> None:
        now = datetime(2026, 11, 26, tzinfo=UTC)
        report_change(changed, ConnectionEvents(events, "bus", lambda: now), ConnectionMails(topic, "topic", STACK))

    return report


FOOT = """

Stack quick-start (eu-west-1). For every connection with something to do, run:
make doctor STACK=quick-start REGION=eu-west-1
See docs/authorization.md#the-life-of-a-connection"""
RECONNECT = (
    "Login with Amazon does not accept the refresh token of {}. Either the authorization was revoked or has expired, "
    "or the stored token is not one of this application. Requests for this selling partner fail until a valid token is "
    "stored.\n\nWhat to do: ask them to press Authorize in your product, or store the right token with POST /tokens."
)
RENEW = (
    "The authorization of {} ends within 30 days, on {}.\n\nWhat to do: ask them to renew it, in Seller Central or "
    "Vendor Central under Manage Your Apps, or by pressing Authorize in your product."
)


def test_a_lost_connection_is_an_event_an_e_mail_and_a_log_line(
    report: Any, events: Events, topic: Topic, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    report(record(STORED | CONSENT, LOST))
    (entry,) = events.entries
    assert (entry["EventBusName"], entry["DetailType"]) == ("bus", "Connection Changed")
    assert json.loads(entry["Detail"]) == {
        "Change": "RECONNECT_NEEDED",
        "SellerId": "A1",
        "RegionCode": "NA",
        "PartyType": "seller",
        "HostReference": "u",
        "AuthorizationId": None,
        "ConsentedAt": "2026-01-01T00:00:00+00:00",
        "EndsAt": "2027-01-01T00:00:00+00:00",
        "DaysLeft": 36,
    }
    assert topic.sent == [
        {
            "TopicArn": "topic",
            "Subject": "Selling Partner API: reconnect needed",
            "Message": f"{RECONNECT.format('seller A1 in region NA')}\nYour product's reference: u{FOOT}",
        }
    ]
    (line,) = log_lines()
    logged = {name: line[name] for name in ("level", "message", "change", "seller_id", "region")}
    assert logged == {
        "level": "INFO",
        "message": "connection changed",
        "change": "RECONNECT_NEEDED",
        "seller_id": "A1",
        "region": "NA",
    }


def test_an_e_mail_about_a_connection_of_which_little_is_known(report: Any, topic: Topic) -> None:
    report(record(STORED, STORED | {"ReconnectSince": {"S": "2026-11-25"}}))
    assert topic.sent[0]["Message"] == RECONNECT.format("seller A1 in region NA") + FOOT
    report(record(STORED, STORED | {"NoticeDays": {"N": "30"}}))
    assert topic.sent[1]["Message"] == RENEW.format("seller A1 in region NA", "an unknown date") + FOOT


def test_a_connection_that_ends_soon(report: Any, events: Events, topic: Topic) -> None:
    old = STORED | CONSENT | {"PartyType": {"S": "vendor"}}
    report(record(old, old | {"NoticeDays": {"N": "30"}}))
    detail = json.loads(events.entries[0]["Detail"])
    assert (detail["Change"], detail["NoticeDays"]) == ("RENEW_SOON", 30)
    assert topic.sent[0] == {
        "TopicArn": "topic",
        "Subject": "Selling Partner API: renew an authorization",
        "Message": f"{RENEW.format('vendor A1 in region NA', '2027-01-01')}\nYour product's reference: u{FOOT}",
    }


def test_a_connection_that_has_left_is_an_event_with_what_it_was(report: Any, events: Events, topic: Topic) -> None:
    report(record(STORED | CONSENT | {"NoticeDays": {"N": "30"}}, None))
    detail = json.loads(events.entries[0]["Detail"])
    assert (detail["Change"], detail["SellerId"], detail["HostReference"]) == ("LEFT", "A1", "u")
    assert "NoticeDays" not in detail
    assert topic.sent == []


def test_a_change_that_means_nothing_is_not_reported(report: Any, events: Events, topic: Topic) -> None:
    report(record(STORED, STORED | {"WorkedAt": {"S": "2026-11-25"}}))
    without_images = record(STORED, None)
    del without_images["dynamodb"]["OldImage"]
    report(without_images)
    assert (events.entries, topic.sent) == ([], [])


@pytest.mark.parametrize("old", [None, LOST])
def test_nobody_gets_mail_about_good_news(
    report: Any, events: Events, topic: Topic, old: dict[str, Any] | None
) -> None:
    report(record(old, STORED | CONSENT | {"StoredAt": {"S": "2"}}))
    assert json.loads(events.entries[0]["Detail"])["Change"] == "CONNECTED"
    assert topic.sent == []


def test_subscriptions_are_nobodys_connection(report: Any, events: Events) -> None:
    report(record(None, {"SellerId": {"S": "A1"}, "Item": {"S": "SUBSCRIPTION#NA#x#1.0"}}))
    assert events.entries == []


def test_an_event_that_is_not_taken_is_reported_again(
    report: Any, events: Events, topic: Topic, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Nothing is sent or logged before, so that it is not sent or logged twice."""
    events.refuses = True
    with pytest.raises(EventNotPutError, match="ThrottlingException: too many"):
        report(record(STORED | CONSENT, LOST))
    assert (topic.sent, log_lines()) == ([], [])


def test_the_stream_continues_at_the_first_record_that_failed(
    events: Any, topic: Any, monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    handler = _load(CHECKOUT / "functions/connection_events/app.py").handler
    monkeypatch.setattr(wiring, "connection_events", lambda: ConnectionEvents(events, "bus"))
    monkeypatch.setattr(wiring, "connection_mails", lambda: ConnectionMails(topic, "topic", STACK))
    records = [record(None, STORED, "1"), record(STORED | CONSENT, LOST, "2"), record(STORED, None, "3")]
    topic.refuses = True
    assert handler({"Records": records}, Context()) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    *_, line = log_lines()
    assert (line["level"], line["message"]) == ("ERROR", "a change was not reported")
    assert (line["function_request_id"], line["exception_name"]) == ("function-request-1", "ClientError")
    topic.refuses = False
    assert handler({"Records": records[1:]}, Context()) == {"batchItemFailures": []}
    changes = [json.loads(entry["Detail"])["Change"] for entry in events.entries]
    assert changes == ["CONNECTED", "RECONNECT_NEEDED", "RECONNECT_NEEDED", "LEFT"]


@pytest.mark.parametrize("refused", ["event", "e-mail"])
def test_a_change_that_an_aws_service_does_not_take_comes_again(
    events: Any, topic: Any, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    handler = _load(CHECKOUT / "functions/connection_events/app.py").handler
    monkeypatch.setattr(wiring, "connection_events", lambda: ConnectionEvents(events, "bus"))
    monkeypatch.setattr(wiring, "connection_mails", lambda: ConnectionMails(topic, "topic", STACK))
    events.refuses, topic.refuses = refused == "event", refused == "e-mail"
    failed = handler({"Records": [record(STORED | CONSENT, LOST, "7")]}, Context())
    assert failed == {"batchItemFailures": [{"itemIdentifier": "7"}]}


def test_a_damaged_item_in_the_stream_does_not_keep_back_the_changes_after_it(
    events: Any, topic: Any, monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    handler = _load(CHECKOUT / "functions/connection_events/app.py").handler
    monkeypatch.setattr(wiring, "connection_events", lambda: ConnectionEvents(events, "bus"))
    monkeypatch.setattr(wiring, "connection_mails", lambda: ConnectionMails(topic, "topic", STACK))
    damaged = STORED | {"ConsentedAt": {"S": "nonsense"}}
    records = [record(None, damaged, "1"), record(STORED | CONSENT, LOST, "2")]
    assert handler({"Records": records}, Context()) == {"batchItemFailures": []}
    assert [json.loads(entry["Detail"])["Change"] for entry in events.entries] == ["RECONNECT_NEEDED"]
    line, _ = log_lines()
    assert (line["level"], line["message"]) == ("ERROR", "a change cannot be read")
    assert line["reason"].startswith("the stored item TOKEN#NA of A1 cannot be read (ValueError)")


def test_a_type_that_sp_api_refuses_does_not_keep_the_others_from_being_subscribed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = _load(CHECKOUT / "functions/connection_subscriber/app.py")
    subscribed: list[str] = []

    class Subscriber:
        def subscribe(self, request: Any) -> Any:
            if request.notification_type == "PRICING_HEALTH":
                raise AccessDeniedError("createSubscription", status=403, message="no role")
            subscribed.append(request.notification_type)
            return SimpleNamespace(subscription_id="s")

    monkeypatch.setattr(module, "_subscriber", lambda _deadline, _request: Subscriber())
    monkeypatch.setenv("CONSENTS_QUEUE_URL", "https://queue")
    monkeypatch.setenv("NOTIFICATION_TYPES", "PRICING_HEALTH,ORDER_CHANGE")
    detail = {"Change": "CONNECTED", "SellerId": "A1", "RegionCode": "NA", "AuthorizationId": "a"}
    message = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": json.dumps({"detail": detail}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }
    failed = module.handler({"Records": [message]}, Context())
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert subscribed == ["ORDER_CHANGE"]


class TestConnectionSubscriber:
    """The handler, with what it asks SP-API as whom."""

    @pytest.fixture
    def module(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        module = _load(CHECKOUT / "functions/connection_subscriber/app.py")
        monkeypatch.setenv("CONSENTS_QUEUE_URL", "https://queue")
        monkeypatch.setenv("NOTIFICATION_TYPES", "PRICING_HEALTH,ORDER_CHANGE")
        return module

    @staticmethod
    def batch(body: str) -> dict[str, Any]:
        attributes = {"ApproximateReceiveCount": "1"}
        return {"Records": [{"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes}]}

    def test_each_type_is_subscribed_as_the_seller_and_the_application(
        self, module: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        subscribed: list[tuple[object, ...]] = []

        def subscriber(seller: object, application: object, notification_type: str) -> Any:
            def subscribe(request: Any) -> Any:
                subscribed.append((seller, application, notification_type, request.seller_id, request.region))
                return SimpleNamespace(subscription_id="s")

            return SimpleNamespace(subscribe=subscribe)

        def seller(seller_id: str, region: Region, deadline: Deadline) -> str:
            assert 24 < deadline.remaining() <= 25
            return f"seller {seller_id} in {region}"

        def application(region: Region, deadline: Deadline) -> str:
            assert 24 < deadline.remaining() <= 25
            return f"application in {region}"

        monkeypatch.setattr(module.callers, "seller", seller)
        monkeypatch.setattr(module.callers, "application", application)
        monkeypatch.setattr(module.wiring, "subscriber", subscriber)
        assert module.handler(self.batch(consent(RegionCode="EU")), Context(30)) == {"batchItemFailures": []}
        assert subscribed == [
            ("seller A1 in EU", "application in EU", notification_type, "A1", Region.EU)
            for notification_type in ("PRICING_HEALTH", "ORDER_CHANGE")
        ]

    def test_another_change_needs_nothing(self, module: Any, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        assert module.handler(self.batch(consent(Change="LEFT")), Context()) == {"batchItemFailures": []}
        (line,) = log_lines()
        assert (line["level"], line["message"]) == ("INFO", "the event is not about a consent, nothing to do")
        assert line["message_id"] == "m"

    def test_what_is_no_event_soon_goes_to_the_dead_letter_queue(
        self, module: Any, aws: Aws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        aws.answers["ChangeMessageVisibility"] = lambda _: {}
        client = aws.client("sqs")
        monkeypatch.setattr(clients, "sqs", lambda: client)
        failed = module.handler(self.batch("{}"), Context())
        assert failed == {"batchItemFailures": [{"itemIdentifier": "m"}]}
        visible = {"QueueUrl": "https://queue", "ReceiptHandle": "r", "VisibilityTimeout": 0}
        assert aws.calls == [("ChangeMessageVisibility", visible)]


@pytest.mark.parametrize(
    ("change", "authorization_id", "consents"),
    [
        (Change.CONNECTED, "id", True),
        (Change.RENEWED, "id", True),
        (Change.CONNECTED, None, False),
        (Change.LEFT, "id", False),
        (Change.RENEW_SOON, "id", False),
    ],
)
def test_which_changes_are_a_consent(change: Change, authorization_id: str | None, *, consents: bool) -> None:
    detail = {"Change": change, "SellerId": "A1", "RegionCode": "NA", "AuthorizationId": authorization_id}
    assert (read_consent(json.dumps({"detail": detail})) is not None) is consents


def consent(**changed: object) -> str:
    detail = {"Change": "CONNECTED", "SellerId": "A1", "RegionCode": "*", "AuthorizationId": "id", **changed}
    return json.dumps({"detail": detail})


def test_a_consent_names_the_selling_partner_and_the_region() -> None:
    assert read_consent(consent()) == Connection("A1", "*")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"detail": null}',
        '{"detail": {"Change": "CONNECTED"}}',
        consent(SellerId=None),
        consent(RegionCode=None),
    ],
)
def test_messages_that_are_not_a_change(body: str) -> None:
    with pytest.raises(UnreadableChangeError, match=r"^the message is not an event about a connection$"):
        read_consent(body)


@pytest.mark.parametrize("name", ["SellerId", "RegionCode"])
def test_a_token_in_place_of_an_id_is_not_read(name: str) -> None:
    with pytest.raises(UnreadableChangeError, match=r"^SellerId or RegionCode seems to be a token or a secret$"):
        read_consent(consent(**{name: "Atzr|IwEBIHxqZf"}))


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, "GetItem"),
        AwsDeadlineExceededError("GetItem"),
        DamagedItemError("authorization a", "KeyError"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_failure_of_aws_is_a_page_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    handler = _load(CHECKOUT / "functions/authorization_pages/app.py").handler

    def failing() -> None:
        raise failure

    monkeypatch.setattr(wiring, "redirect_uri", failing)
    context = {"requestId": "1", "domainName": "id.example.com", "path": "/prod/authorize/callback"}
    event = {"httpMethod": "GET", "resource": "/authorize/callback", "requestContext": context}
    answer = handler(event, Context())
    assert answer["statusCode"] == 503
    assert "Something went wrong here" in answer["body"]
