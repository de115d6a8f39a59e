"""Every reader of requests and queue messages refuses hostile input by name, and none of it breaks a reader."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quickstart import http_api, paging
from quickstart.announcing import subject_line
from quickstart.application_secret import secret_string
from quickstart.authorization.addresses import HostAddresses
from quickstart.authorization.browser import cookie_of, read_callback, read_login
from quickstart.authorization.events import UnreadableChangeError, read_consent
from quickstart.authorization.records import hashed, read_state
from quickstart.authorization.requests import (
    read_authorization_id,
    read_authorization_request,
    read_connection_query,
    read_login_request,
)
from quickstart.notifications import subscription_requests
from quickstart.notifications.ownership import Owner, seller_in
from quickstart.notifications.processing import (
    UnreadableNotificationError,
    execution_name,
    read_finished_report,
    read_notification,
)
from quickstart.own_stack import OwnStack
from quickstart.product_types import catalogue
from quickstart.product_types import requests as pull_requests
from quickstart.reports import reading, requests, schedules
from quickstart.reports.failure_announcement import failed_delivery, read_failure, write_message
from quickstart.secret_rotation.messages import NewSecret, UnreadableSecretMessageError, read_message
from quickstart.secret_rotation.replacement import version_of
from quickstart.solicitations.orders import UnreadableOrderChangeError, read_order_change
from quickstart.validation import Fields
from sp_api.consent import central_of_callback
from sp_api.regions import Environment, Region
from tests import hostile
from tests.unit.quickstart.secret_rotation.test_messages import new_secret
from tests.unit.quickstart.support import Aws, Context

VARIANT = ("Requirements", "RequirementsEnforced", "Locale", "ParentageLevel")
HOST = HostAddresses("https://host.example.com/login", ("https://host.example.com/done/",))


def read_token_request(fields: Fields) -> None:
    """The fields of SPAPITokenStorage."""
    fields.seller_id()
    fields.refresh_token()
    fields.optional_region()
    fields.flag("Verify")
    fields.finish()


def read_one_authorization(fields: Fields) -> None:
    read_authorization_id(fields)
    fields.finish()


ROUTES: dict[str, tuple[Callable[[Fields], object], tuple[str, ...]]] = {
    "POST /reports": (
        requests.read_request,
        ("ReportType", "MarketplaceIds", "ReportDataStartTime", "ReportDataEndTime", "ReportOptions", "ClientToken"),
    ),
    "POST /schedules": (
        schedules.read_create_request,
        ("ReportType", "MarketplaceIds", "Period", "NextReportCreationTime", "ReportOptions"),
    ),
    "POST /notifications": (
        subscription_requests.read_request,
        ("NotificationType", "PayloadVersion", "ProcessingDirective", "Replace"),
    ),
    "POST /tokens": (read_token_request, ("RefreshToken", "Verify")),
    "POST /authorizations": (
        partial(read_authorization_request, host=lambda: HOST),
        ("PartyType", "MarketplaceId", "HostReference", "ReturnUrl"),
    ),
    "POST /authorizations/{authorizationId}/login": (
        partial(read_login_request, host=lambda: HOST),
        ("AuthorizationId", "HostReference", "ReturnUrl", "ContinuesAuthorizationId"),
    ),
    "GET /authorizations": (read_connection_query, ("State", "Limit", "NextToken")),
    "GET /authorizations/{authorizationId}": (read_one_authorization, ("AuthorizationId",)),
    "GET /notifications": (subscription_requests.read_list_query, ("NotificationType",)),
    "DELETE /notifications/{notificationType}": (
        subscription_requests.read_end_query,
        ("NotificationType", "OnlyOwn", "AllowUnknownType"),
    ),
    "GET /schedules": (schedules.read_list_request, ("ReportTypes",)),
    "DELETE /schedules/{reportScheduleId}": (schedules.read_delete_request, ("ReportScheduleId",)),
    "GET /reports": (reading.read_list_request, ("Limit", "NextToken")),
    "GET /reports/{reportId}": (reading.read_find_request, ("ReportId",)),
    "POST /product-types/pulls": (
        pull_requests.read_pull_request,
        ("MarketplaceIds", "ProductTypes", "Keywords", "All", *VARIANT, "RefreshDaily", "ClientToken"),
    ),
    "POST /product-types/pulls/{pullId}/resume": (pull_requests.read_pull_id, ("PullId",)),
    "GET /product-types/pulls/{pullId}": (pull_requests.read_show_request, ("PullId", "Limit", "NextToken")),
    "GET /product-types": (catalogue.read_list_request, ("MarketplaceId", "Query", "Limit", "NextToken", *VARIANT)),
    "GET /product-types/{productType}": (catalogue.read_show_request, ("MarketplaceId", "ProductType", *VARIANT)),
    "GET /product-types/changes": (
        lambda fields: catalogue.read_changes_request(fields, of_one_type=False),
        ("MarketplaceId", "Limit", "NextToken"),
    ),
    "GET /product-types/{productType}/changes": (
        lambda fields: catalogue.read_changes_request(fields, of_one_type=True),
        ("MarketplaceId", "ProductType", "Limit", "NextToken"),
    ),
}
GOOD = {
    "PartyType": "seller",
    "RefreshToken": "Atzr|IwEBIHxq",
    "AuthorizationId": "01234567-89ab-cdef-0123-456789abcdef",
    "SellerId": "A3TH9S8BH6GOGM",
    "RegionCode": "NA",
    "ReportType": "GET_X",
    "MarketplaceIds": "ATVPDKIKX0DER",
    "Period": "P1D",
    "NotificationType": "ORDER_CHANGE",
}
hostile_input = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def good(route: str) -> dict[str, str]:
    """The fields of a valid request that this route has."""
    names = ("SellerId", "RegionCode", *ROUTES[route][1])
    return {name: value for name, value in GOOD.items() if name in names}


def answer(route: str, body: str | None, query: dict[str, Any] | None = None) -> Any:
    method, resource = route.split(" ")
    event = {
        "httpMethod": method,
        "resource": resource,
        "body": body,
        "isBase64Encoded": False,
        "pathParameters": None,
        "queryStringParameters": query,
        "requestContext": {"requestId": "request-1"},
    }
    read = ROUTES[route][0]

    def action(fields: Fields) -> dict[str, object]:
        read(fields)
        return {}

    return http_api.answer(event, Context(), {route: action})


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith("POST")])
@hostile_input
@given(data=st.data())
def test_a_hostile_request_is_400_with_the_name_of_the_field(route: str, data: st.DataObject) -> None:
    names = ("SellerId", "RegionCode", *ROUTES[route][1])
    body = data.draw(
        st.one_of(
            hostile.bodies(*names),
            hostile.objects(*ROUTES[route][1]).map(lambda fields: json.dumps({**good(route), **fields}).encode()),
        )
    )
    response = answer(route, body.decode(errors="replace"))
    assert response["statusCode"] in (200, 400, 413)
    response["body"].encode()
    if response["statusCode"] == 400:
        errors = json.loads(response["body"])["errors"]
        assert errors
        assert all(error["field"] and error["message"] for error in errors)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith("GET")])
@hostile_input
@given(data=st.data())
def test_so_is_a_hostile_query(route: str, data: st.DataObject) -> None:
    query = data.draw(
        st.fixed_dictionaries({"SellerId": hostile.texts}, optional=dict.fromkeys(ROUTES[route][1], hostile.texts))
    )
    assert answer(route, None, query)["statusCode"] in (200, 400)


BROWSER_PARAMETERS = (
    "state",
    "selling_partner_id",
    "spapi_oauth_code",
    "amazon_callback_uri",
    "amazon_state",
    "version",
)


@hostile_input
@given(
    st.dictionaries(st.sampled_from(BROWSER_PARAMETERS), st.lists(hostile.texts, max_size=2)),
    st.dictionaries(st.sampled_from(["Cookie", "cookie", "host"]), hostile.texts),
)
def test_what_a_browser_brings_is_read_or_refused(parameters: dict[str, list[str]], headers: dict[str, str]) -> None:
    event = {"multiValueQueryStringParameters": parameters, "headers": headers}
    hashed(cookie_of(event, "https://api.example.com"))
    callback, login = read_callback(event), read_login(event)
    if callback is not None:
        read_state(callback.state)
        assert callback.selling_partner_id.isascii()
        assert callback.code.isascii()
    if login is not None:
        assert central_of_callback(Environment(), login.callback_uri, "amzn1.sp.solution.x") is None
        assert login.selling_partner_id.isascii()


@pytest.mark.parametrize("value", hostile.END_TIMES)
def test_a_date_at_the_ends_of_time_is_read_or_refused_by_name(value: str) -> None:
    response = answer("POST /reports", json.dumps({**GOOD_REPORT, "ReportDataStartTime": value}))
    if response["statusCode"] == 400:
        assert [error["field"] for error in json.loads(response["body"])["errors"]] == ["ReportDataStartTime"]


GOOD_REPORT = {name: GOOD[name] for name in ("SellerId", "RegionCode", "ReportType", "MarketplaceIds")}


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00"])
def test_a_time_outside_the_calendar_names_its_rule(value: str) -> None:
    response = answer("POST /reports", json.dumps({**GOOD_REPORT, "ReportDataEndTime": value}))
    (error,) = json.loads(response["body"])["errors"]
    assert error["message"] == "ReportDataEndTime must be in the years 1 to 9999 in UTC"


@pytest.mark.parametrize("body", hostile.NOT_OBJECTS)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    response = answer("POST /reports", body.decode(errors="replace"))
    assert response["statusCode"] in (400, 413)
    assert json.loads(response["body"])["errors"][0]["field"] == "body"


@pytest.mark.parametrize("levels", [33, 100, 500])
def test_a_field_that_is_nested_too_deeply_to_be_sent_on_is_refused_by_name(levels: int) -> None:
    """Some hundred levels can be read at the door, and no longer be written where SP-API is called."""
    deep = {"ProcessingDirective": {"other": hostile.nested("x", levels)}}
    given_fields = {name: GOOD[name] for name in ("SellerId", "RegionCode", "NotificationType")} | deep
    response = answer("POST /notifications", json.dumps(given_fields))
    assert response["statusCode"] == 400
    (error,) = json.loads(response["body"])["errors"]
    assert (error["field"], error["code"]) == ("ProcessingDirective", "TooDeep")


def test_a_field_with_a_few_levels_is_read() -> None:
    deep = {"ProcessingDirective": {"other": hostile.nested("x", 30)}}
    given_fields = {name: GOOD[name] for name in ("SellerId", "RegionCode", "NotificationType")} | deep
    assert answer("POST /notifications", json.dumps(given_fields))["statusCode"] == 200


@pytest.mark.parametrize(
    "name",
    [
        "Atzr|IwEBIHxq",
        "amzn1.oa2-cs.v1.0123456789abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "0123456789abcdef" * 4,
        "\u202ex",
        "\ud800",
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_token_as_the_name_of_a_field_is_not_quoted(
    name: str, nested: bool, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    directive = {"ProcessingDirective": {"eventFilter": {name: "x"}}}
    fields = GOOD | {"NotificationType": "ORDER_CHANGE"} | (directive if nested else {name: "x"})
    response = answer("POST /notifications", json.dumps(fields))
    assert response["statusCode"] == 400
    assert name not in json.dumps(json.loads(response["body"]), ensure_ascii=False)
    assert name not in json.dumps(log_lines(), ensure_ascii=False)


@pytest.mark.parametrize("field", ["SellerId", "ClientToken"])
@pytest.mark.parametrize("secret", ["amzn1.oa2-cs.v1.0123456789abcdef", "AKIAIOSFODNN7EXAMPLE"])
def test_a_secret_in_the_place_of_an_id_is_refused_and_not_quoted(
    field: str, secret: str, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    response = answer("POST /reports", json.dumps({**GOOD_REPORT, field: secret}))
    assert response["statusCode"] == 400
    assert [error["field"] for error in json.loads(response["body"])["errors"]] == [field]
    assert secret not in response["body"]
    assert secret not in json.dumps(log_lines())


def test_a_misspelt_name_is_quoted() -> None:
    response = answer("POST /reports", json.dumps({**GOOD_REPORT, "ReportOption": {}}))
    assert "ReportOption is not a field of this request" in response["body"]


@pytest.mark.parametrize("text", hostile.LONE_SURROGATES)
def test_a_page_token_is_valid_unicode(text: str) -> None:
    assert paging.read_token(paging.token({"ReportId": text}), ("ReportId",)) is None


ENVELOPE = {
    "notificationVersion": "2020-09-04",
    "notificationType": "REPORT_PROCESSING_FINISHED",
    "payloadVersion": "2020-09-04",
    "payload": {
        "reportProcessingFinishedNotification": {
            "sellerId": "A3TH9S8BH6GOGM",
            "accountId": "amzn1.merchant.o.A3TH9S8BH6GOGM",
            "reportId": "54517018502",
            "reportType": "GET_X",
            "processingStatus": "DONE",
            "reportDocumentId": "amzn1.tortuga.3.x",
        }
    },
    "notificationMetadata": {
        "applicationId": "amzn1.sellerapps.app.x",
        "subscriptionId": "subscription",
        "publishTime": "2026-11-21T05:00:00Z",
        "notificationId": "notification",
    },
}


ORDER_CHANGE = {
    "NotificationType": "ORDER_CHANGE",
    "EventTime": "2026-11-21T05:00:00Z",
    "Payload": {
        "OrderChangeNotification": {
            "SellerId": "A3TH9S8BH6GOGM",
            "AmazonOrderId": "903-8868176-2219830",
            "Summary": {"MarketplaceId": "ATVPDKIKX0DER", "OrderStatus": "Shipped"},
        }
    },
}


@hostile_input
@given(
    st.one_of(
        hostile.bodies("notificationType", "payload", "notificationMetadata"),
        hostile.altered(ENVELOPE).map(lambda envelope: json.dumps(envelope).encode()),
    )
)
def test_a_hostile_notification_is_unreadable_or_read(body: bytes) -> None:
    try:
        notification = read_notification(body.decode(errors="replace"))
        seller = seller_in(notification.payload)
        assert seller is None or (len(seller) <= 256 and seller.encode())
        report = read_finished_report(notification)
    except UnreadableNotificationError as error:
        str(error).encode()
    else:
        assert 1 <= len(execution_name(report, Owner("A1", Region.NA, asked_for_here=False))) <= 80
        for text in (
            report.seller_id or "x",
            report.account_id or "x",
            report.report_id,
            notification.subscription_id or "x",
        ):
            assert 1 <= len(text.encode()) <= 1024


@pytest.mark.parametrize("body", hostile.NOT_OBJECTS)
def test_a_message_that_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableNotificationError):
        read_notification(body.decode(errors="replace"))


@pytest.mark.parametrize("text", ["[" * 100_000, "\ud800", "null", '{"errorMessage": {}}', "Atzr%7CIwEBIHxq"])
def test_a_failure_of_any_words_is_announced(aws: Aws, text: str) -> None:
    arn = "arn:aws:states:us-east-1:111122223333:execution:machine:name"
    aws.answers["DescribeExecution"] = lambda _: {"input": text, "error": "E", "cause": text}
    event = {"detail": {"executionArn": arn, "status": "FAILED"}}
    message = write_message(read_failure(event, aws.client("stepfunctions")), OwnStack("quick-start", "us-east-1"))
    message.body.encode()
    assert "IwEBIHxq" not in message.body


TOKENS = ("Atzr|IwEBIHxq0123456789", "Atzr%7CIwEBIHxq0123456789", "Bearer abcdefgh01234567", "AKIAIOSFODNN7EXAMPLE")


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_in_the_place_of_an_id_makes_a_message_unreadable(token: str) -> None:
    """Ids are logged."""
    for path in hostile.paths(ENVELOPE):
        if path[-1] in ("notificationType", "subscriptionId", "notificationId", "reportId", "sellerId", "accountId"):
            with pytest.raises(UnreadableNotificationError) as raised:
                read_finished_report(read_notification(json.dumps(hostile.replaced(ENVELOPE, path, token))))
            assert token not in str(raised.value)
    for path in (("AmazonOrderId",), ("SellerId",), ("Summary", "MarketplaceId"), ("Summary", "OrderStatus")):
        changed = hostile.replaced(ORDER_CHANGE, ("Payload", "OrderChangeNotification", *path), token)
        with pytest.raises(UnreadableOrderChangeError) as refused:
            read_order_change(json.dumps(changed), datetime(2026, 11, 26, tzinfo=UTC))
        assert token not in str(refused.value)
    for path in (
        ("payload", "applicationOAuthClientNewSecret", "clientId"),
        ("notificationMetadata", "notificationId"),
    ):
        with pytest.raises(UnreadableSecretMessageError) as unread:
            read_message(json.dumps(hostile.replaced(new_secret(), path, token)))
        assert token not in str(unread.value)
    for name in ("SellerId", "RegionCode"):
        with pytest.raises(UnreadableChangeError) as unknown:
            read_consent(json.dumps(hostile.replaced(CONSENT, ("detail", name), token)))
        assert token not in str(unknown.value)


def test_a_token_is_no_seller_of_a_notification() -> None:
    assert seller_in({"sellerId": TOKENS[0], "inner": {"merchantId": "A1"}}) == "A1"


CONSENT = {"detail": {"Change": "CONNECTED", "SellerId": "A1", "RegionCode": "NA", "AuthorizationId": "a"}}
EXECUTION_ARN = "arn:aws:states:us-east-1:111122223333:execution:machine:name"
DELIVERY = {"SellerId": "A1", "ReportId": "7", "ReportType": "GET_X"}


@hostile_input
@given(
    st.one_of(
        hostile.bodies("notificationType", "payload", "eventTime"),
        hostile.altered(new_secret()).map(lambda message: json.dumps(message).encode()),
    )
)
def test_a_hostile_message_about_the_client_secret_is_unreadable_or_can_be_stored(body: bytes) -> None:
    try:
        message = read_message(body.decode(errors="replace"))
    except UnreadableSecretMessageError as error:
        str(error).encode()
        return
    if isinstance(message, NewSecret):
        secret_string(version_of(message)).encode()
        message.client_secret.encode()


@hostile_input
@given(st.one_of(hostile.bodies("detail"), hostile.altered(CONSENT).map(lambda event: json.dumps(event).encode())))
def test_a_hostile_event_about_a_connection_is_unreadable_or_names_a_seller(body: bytes) -> None:
    try:
        consent = read_consent(body.decode(errors="replace"))
    except UnreadableChangeError:
        return
    assert consent is None or (consent.seller_id.encode() and consent.region_code.encode())


@pytest.mark.parametrize("body", hostile.NOT_OBJECTS)
def test_a_document_that_is_no_object_is_no_message(body: bytes) -> None:
    text = body.decode(errors="replace")
    with pytest.raises(UnreadableChangeError):
        read_consent(text)
    with pytest.raises(UnreadableSecretMessageError):
        read_message(text)


@hostile_input
@given(hostile.altered(DELIVERY))
def test_an_execution_with_a_hostile_input_has_a_key_in_the_ledger(given_input: dict[str, Any]) -> None:
    """People start executions by hand; one that the ledger has no key for would stop the daily sweep for all."""
    failed = failed_delivery({"executionArn": EXECUTION_ARN, "status": "FAILED", "input": json.dumps(given_input)})
    for key in failed.recorded_as:
        assert 1 <= len(key.encode()) <= 1024
    message = write_message(failed, OwnStack("quick-start", "us-east-1"))
    message.body.encode()
    assert 1 <= len(subject_line(message.subject)) < 100
