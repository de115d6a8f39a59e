"""Looking up and deleting subscriptions and report schedules through the stack's endpoints."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
import requests

from operations.destroy.arrangements import (
    Failure,
    ReportSchedule,
    Subscription,
    delete_report_schedules,
    delete_subscriptions,
    delete_subscriptions_without_stack,
    known_report_types,
    recorded_subscriptions,
    report_schedules,
)
from operations.stack import Stack
from quickstart.notifications.payload_versions import PayloadVersions
from quickstart.notifications.subscription_records import SubscriptionRecord, SubscriptionRecords
from sp_api.regions import Environment, Region
from tests.unit.quickstart.support import Aws, MemoryTable
from tests.unit.sp_api.support import TOKEN_PATH, Answer, ScriptedServer, answer_json, errors_json

SCHEDULE = ReportSchedule("A1", "NA", "schedule1", "GET_MERCHANT_LISTINGS_ALL_DATA", "PT12H")
REFUSED = "schedule schedule1 of seller A1 for GET_MERCHANT_LISTINGS_ALL_DATA every PT12H in NA: "


def test_a_subscription_in_a_message() -> None:
    subscription = Subscription("A1", "NA", "ORDER_CHANGE", "s-1", "d-1", "SUBSCRIPTION#NA#ORDER_CHANGE#1.0")
    assert str(subscription) == "subscription s-1 of seller A1 to ORDER_CHANGE in NA"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def stack(server: ScriptedServer) -> Stack:
    session = boto3.Session("test", "test", region_name="us-east-1")
    client: Any = session.client
    outputs = {
        "ReportSchedulesUrl": f"{server.url}/schedules",
        "NotificationsSubscriberUrl": f"{server.url}/notifications",
    }
    return Stack("quick-start", outputs, {}, client, lambda url: url, session)


SUBSCRIPTION = Subscription("A1", "NA", "TYPE_OF_TOMORROW", "s-1", "d-1", "SUBSCRIPTION#NA#TYPE_OF_TOMORROW#1.0")


def test_subscriptions_of_other_stacks_are_not_deleted(server: ScriptedServer) -> None:
    server.answer("DELETE", "/notifications/TYPE_OF_TOMORROW", answer_json({"destinationRemoved": True}))
    assert list(delete_subscriptions(stack(server), [SUBSCRIPTION])) == [SUBSCRIPTION]
    (request,) = server.requests
    given = {"SellerId": "A1", "RegionCode": "NA", "AllowUnknownType": "true", "OnlyOwn": "true"}
    assert dict(request.query) == given


def test_a_subscription_that_the_endpoint_does_not_know_is_a_failure(server: ScriptedServer) -> None:
    """Unlike a schedule: 404 also means that the seller's token is gone, and the subscription may be there."""
    server.answer("DELETE", "/notifications/TYPE_OF_TOMORROW", errors_json(404, "SellerUnknown", "no token"))
    (outcome,) = delete_subscriptions(stack(server), [SUBSCRIPTION])
    assert isinstance(outcome, Failure)
    assert str(outcome) == f"{SUBSCRIPTION}: HTTP 404: Not Found"


def test_a_destination_that_others_use_is_kept(server: ScriptedServer) -> None:
    server.answer("DELETE", "/notifications/TYPE_OF_TOMORROW", answer_json({"destinationRemoved": False}))
    done, kept = delete_subscriptions(stack(server), [SUBSCRIPTION])
    assert done == SUBSCRIPTION
    assert str(kept) == "destination d-1 in NA: kept by SP-API, because subscriptions still use it"


class TestWithoutStack:
    """The application's credentials outlive a deleted stack."""

    SUBSCRIPTIONS = "/na/notifications/v1/subscriptions/TYPE_OF_TOMORROW/s-1"
    DESTINATION = "/na/notifications/v1/destinations/d-1"

    def delete(self, server: ScriptedServer, subscription: Answer, destination: Answer) -> tuple[list[str], list[str]]:
        server.answer("DELETE", self.SUBSCRIPTIONS, subscription)
        server.answer("DELETE", self.DESTINATION, destination)
        secret = json.dumps({"AppClientId": "client", "AppClientSecret": "secret"})
        aws = Aws(
            GetSecretValue=lambda _: {"VersionId": "0" * 32, "SecretString": secret},
            DeleteItem=lambda _: {},
        )
        environment = Environment(f"{server.url}/{{region}}", server.url + TOKEN_PATH)
        found = delete_subscriptions_without_stack(aws.client, environment, "arn", "sellers", [SUBSCRIPTION])
        return [str(one) for one in found], [name for name in aws.operations if name == "DeleteItem"]

    def test_all_is_deleted(self, server: ScriptedServer) -> None:
        assert self.delete(server, answer_json({}), answer_json({})) == ([str(SUBSCRIPTION)], ["DeleteItem"])

    def test_what_is_gone_already_is_deleted(self, server: ScriptedServer) -> None:
        gone = errors_json(404, "NotFound", "gone")
        assert self.delete(server, gone, gone) == ([str(SUBSCRIPTION)], ["DeleteItem"])

    def test_what_sp_api_refuses_is_a_failure_and_stays_recorded(self, server: ScriptedServer) -> None:
        refused = errors_json(403, "Unauthorized", "no")
        failures, deleted = self.delete(server, refused, refused)
        assert [failure.partition(" HTTP")[0] for failure in failures] == [
            f"{SUBSCRIPTION}: deleteSubscriptionById:",
            "destination d-1 in NA: deleteDestination:",
        ]
        assert deleted == []


def test_what_belongs_to_no_seller_is_not_counted() -> None:
    table = MemoryTable(Aws(), "SellerId", "Item")
    record = SubscriptionRecord("A1", Region.NA, "TYPE_OF_TOMORROW", "s-1", "d-1", "1.0")
    SubscriptionRecords(table.table).store(record)
    PayloadVersions(table.table).remember("TYPE_OF_TOMORROW", "1.0")
    items = [{name: {"S": value} for name, value in item.items()} for item in table.items]
    dynamodb = Aws(Scan=lambda _: {"Items": items}).client("dynamodb")
    assert recorded_subscriptions(dynamodb, "sellers") == (1, [SUBSCRIPTION])


def test_throttled_requests_are_retried(server: ScriptedServer) -> None:
    throttled = errors_json(429, "QuotaExceeded", "later")
    with_retry_after = errors_json(429, "QuotaExceeded", "later", headers={"Retry-After": "0"})
    server.answer("DELETE", "/schedules/schedule1", throttled, with_retry_after, answer_json({}))
    assert list(delete_report_schedules(stack(server), [SCHEDULE])) == [SCHEDULE]
    assert len(server.requests) == 3
    assert {request.query["SellerId"] for request in server.requests} == {"A1"}
    assert all("/execute-api/aws4_request" in request.headers["authorization"] for request in server.requests)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (errors_json(404, "NotFound", "no such schedule"), ""),
        (answer_json({"message": "the seller was removed"}, 422), "HTTP 422: the seller was removed"),
        (answer_json({"message": "refused", "errors": []}, 403), "HTTP 403: refused"),
        (answer_json({"Message": "not authorized"}, 403), "HTTP 403: your credentials need execute-api:Invoke"),
        (Answer(500, b"not JSON"), "HTTP 500: "),
    ],
)
def test_a_failure_has_the_reason(server: ScriptedServer, answer: Answer, reason: str) -> None:
    server.answer("DELETE", "/schedules/schedule1", answer)
    (outcome,) = delete_report_schedules(stack(server), [SCHEDULE])
    if reason:
        assert isinstance(outcome, Failure)
        assert str(outcome).startswith(f"{REFUSED}{reason}")
    else:
        assert outcome == SCHEDULE


def test_a_request_names_at_most_ten_report_types(server: ScriptedServer) -> None:
    types = [f"GET_{number:02}" for number in range(21)]
    found = {"reportScheduleId": "1", "reportType": "GET_00", "period": "P1D"}
    server.answer("GET", "/schedules", answer_json({"reportSchedules": [found]}), answer_json({"reportSchedules": []}))
    assert list(report_schedules(stack(server), {("A1", "EU"): types})) == [
        ReportSchedule("A1", "EU", "1", "GET_00", "P1D")
    ]
    requested = [request.query["ReportTypes"].split(",") for request in server.requests]
    assert requested == [types[:10], types[10:20], types[20:]]


def test_report_types_are_known_by_seller_and_region() -> None:
    def item(seller: str, **given: str) -> dict[str, Any]:
        return {name: {"S": value} for name, value in {"SellerId": seller, **given}.items()}

    items = [
        item("A2", RegionCode="NA", ReportType="GET_X"),
        item("A1", RegionCode="NA", ReportType="GET_Y"),
        item("A1", RegionCode="NA", ReportType="GET_X"),
        item("A1", RegionCode="NA", ReportType="GET_X"),
        item("A1", RegionCode="EU", ReportType="GET_X"),
        item("A1", RegionCode="FE"),
        item("A1", ReportType="GET_Z"),
    ]
    known = known_report_types(Aws(Scan=lambda _: {"Items": items}).client("dynamodb"), "reports")
    assert list(known.items()) == [
        (("A1", "EU"), ["GET_X"]),
        (("A1", "NA"), ["GET_X", "GET_Y"]),
        (("A2", "NA"), ["GET_X"]),
    ]


def test_a_seller_whose_schedules_are_not_returned_does_not_hide_the_others(server: ScriptedServer) -> None:
    refused = answer_json({"message": "no token", "errors": []}, 400)
    found = {"reportScheduleId": "1", "reportType": "GET_X", "period": "P1D"}
    server.answer("GET", "/schedules", refused, answer_json({"reportSchedules": [found]}))
    known = {("A1", "EU"): [f"GET_{number:02}" for number in range(11)], ("A2", "NA"): ["GET_X"]}
    failure, schedule = report_schedules(stack(server), known)
    assert str(failure) == "report schedules of seller A1 in EU: HTTP 400: no token"
    assert schedule == ReportSchedule("A2", "NA", "1", "GET_X", "P1D")
    # Nothing more is asked about the first one.
    assert [request.query["SellerId"] for request in server.requests] == ["A1", "A2"]


def test_one_request_deletes_the_subscriptions_of_every_version(server: ScriptedServer) -> None:
    path = "/notifications/TYPE_OF_TOMORROW"
    refused = answer_json({"message": "no token", "errors": []}, 400)
    server.answer("DELETE", path, answer_json({"destinationRemoved": True}), refused)
    second = replace(SUBSCRIPTION, subscription_id="s-2", item="SUBSCRIPTION#NA#TYPE_OF_TOMORROW#2.0")
    others = [replace(second, region="EU"), replace(second, region="EU", subscription_id="s-3")]
    done = list(delete_subscriptions(stack(server), [SUBSCRIPTION, second, *others]))
    assert done[:2] == [SUBSCRIPTION, second]
    assert [str(failure) for failure in done[2:]] == [f"{other}: HTTP 400: no token" for other in others]
    assert [request.query["RegionCode"] for request in server.requests] == ["NA", "EU"]


def test_an_endpoint_that_does_not_respond_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried twice."""
    tried: list[object] = []

    def connect(address: object, *_: object, **__: object) -> None:
        tried.append(address)
        raise OSError

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    session = boto3.Session("test", "test", region_name="us-east-1")
    outputs = {"ReportSchedulesUrl": "http://127.0.0.1:1/schedules"}
    gone = Stack("quick-start", outputs, {}, lambda name: name, str, session)
    (outcome,) = delete_report_schedules(gone, [SCHEDULE])
    assert str(outcome) == f"{REFUSED}the stack's endpoint does not respond (ConnectionError)"
    assert tried == [("127.0.0.1", 1)] * 2


def test_how_often_a_request_is_repeated(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    """Five times, which ends before the signature expires. The endpoint responds within 29 seconds."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    timeouts: list[object] = []
    send = requests.Session.request

    def noted(session: requests.Session, method: str, url: str, **given: Any) -> requests.Response:
        timeouts.append(given["timeout"])
        return send(session, method, url, **given)

    monkeypatch.setattr(requests.Session, "request", noted)
    server.answer("DELETE", "/schedules/schedule1", answer_json({"message": "busy"}, 503))
    (outcome,) = delete_report_schedules(stack(server), [SCHEDULE])
    assert str(outcome) == f"{REFUSED}HTTP 503: busy"
    assert (len(server.requests), timeouts) == (6, [35])
    assert slept == [2, 4, 8, 16]
