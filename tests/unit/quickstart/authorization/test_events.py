"""Changes from the stream: an event for each, an e-mail where a person must act, and what fails is delivered again."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.announcing import EventNotPutError
from quickstart.authorization import wiring
from quickstart.authorization.connections import Change
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
from sp_api.errors import AccessDeniedError
from tests.unit.quickstart.support import Context

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
        report_change(changed, ConnectionEvents(events, "bus"), ConnectionMails(topic, "topic", STACK))

    return report


def test_a_lost_connection_is_an_event_and_an_e_mail(report: Any, events: Events, topic: Topic) -> None:
    report(record(STORED | CONSENT, LOST))
    (entry,) = events.entries
    assert (entry["EventBusName"], entry["DetailType"]) == ("bus", "Connection Changed")
    assert json.loads(entry["Detail"])["Change"] == "RECONNECT_NEEDED"
    assert "c2VjcmV0" not in entry["Detail"]
    (mail,) = topic.sent
    assert mail["Subject"] == "Selling Partner API: reconnect needed"
    assert "seller A1 in region NA" in mail["Message"]
    assert "reference: u" in mail["Message"]
    assert "or the stored token is not one of this application" in mail["Message"]
    assert mail["Message"].splitlines()[-3:] == [
        "Stack quick-start (eu-west-1). For every connection with something to do, run:",
        "make doctor STACK=quick-start REGION=eu-west-1",
        "See docs/authorization.md#the-life-of-a-connection",
    ]


def test_a_connection_that_ends_soon(report: Any, events: Events, topic: Topic) -> None:
    report(record(STORED | CONSENT, STORED | CONSENT | {"NoticeDays": {"N": "30"}}))
    assert json.loads(events.entries[0]["Detail"])["NoticeDays"] == 30
    assert "ends within 30 days, on 2027-01-01" in topic.sent[0]["Message"]


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


def test_an_event_that_is_not_taken_is_reported_again(report: Any, events: Events) -> None:
    events.refuses = True
    with pytest.raises(EventNotPutError, match="ThrottlingException: too many"):
        report(record(None, STORED))


def test_the_stream_continues_at_the_first_record_that_failed(
    events: Any, topic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = _load(CHECKOUT / "functions/connection_events/app.py").handler
    monkeypatch.setattr(wiring, "connection_events", lambda: ConnectionEvents(events, "bus"))
    monkeypatch.setattr(wiring, "connection_mails", lambda: ConnectionMails(topic, "topic", STACK))
    records = [record(None, STORED, "1"), record(STORED | CONSENT, LOST, "2"), record(STORED, None, "3")]
    topic.refuses = True
    assert handler({"Records": records}, Context()) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    topic.refuses = False
    assert handler({"Records": records[1:]}, Context()) == {"batchItemFailures": []}
    changes = [json.loads(entry["Detail"])["Change"] for entry in events.entries]
    assert changes == ["CONNECTED", "RECONNECT_NEEDED", "RECONNECT_NEEDED", "LEFT"]


def test_a_damaged_item_in_the_stream_does_not_keep_back_the_changes_after_it(
    events: Any, topic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = _load(CHECKOUT / "functions/connection_events/app.py").handler
    monkeypatch.setattr(wiring, "connection_events", lambda: ConnectionEvents(events, "bus"))
    monkeypatch.setattr(wiring, "connection_mails", lambda: ConnectionMails(topic, "topic", STACK))
    damaged = STORED | {"ConsentedAt": {"S": "nonsense"}}
    records = [record(None, damaged, "1"), record(STORED | CONSENT, LOST, "2")]
    assert handler({"Records": records}, Context()) == {"batchItemFailures": []}
    assert [json.loads(entry["Detail"])["Change"] for entry in events.entries] == ["RECONNECT_NEEDED"]


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


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"detail": null}', '{"detail": {"Change": "CONNECTED"}}'])
def test_messages_that_are_not_a_change(body: str) -> None:
    with pytest.raises(UnreadableChangeError):
        read_consent(body)


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
