"""Amazon's own Python SDK (amzn-sp-api) drives every operation and reads every answer with its own models."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from spapi.api.applications_v2023_11_30.applications_api import ApplicationsApi
from spapi.api.feeds_v2021_06_30.feeds_api import FeedsApi
from spapi.api.notifications_v1.notifications_api import NotificationsApi
from spapi.api.product_type_definitions_v2020_09_01.definitions_api import DefinitionsApi
from spapi.api.reports_v2021_06_30.reports_api import ReportsApi
from spapi.api.solicitations_v1.solicitations_api import SolicitationsApi
from spapi.api.tokens_v2021_03_01.tokens_api import TokensApi
from spapi.auth.credentials import SPAPIConfig
from spapi.client import SPAPIClient
from spapi.models import (
    applications_v2023_11_30,
    feeds_v2021_06_30,
    notifications_v1,
    product_type_definitions_v2020_09_01,
    reports_v2021_06_30,
    solicitations_v1,
    tokens_v2021_03_01,
)
from spapi.rest import ApiException

from sp_api_simulator.operations import OPERATIONS
from tests.simulator.support import (
    CLIENT_ID,
    CLIENT_SECRET,
    LISTINGS,
    NOTIFICATIONS_SCOPE,
    QUEUE_ARN,
    RESTRICTED,
    ROTATION_SCOPE,
    US,
    Simulator,
    eventually,
)

ORDER = "903-1671087-0812628"
# Their errors are provoked in test_listing_sdk.py.
LISTING_FAILURES = {
    "putListingsItem",
    "patchListingsItem",
    "deleteListingsItem",
    "getListingsItem",
    "searchListingsItems",
    "searchCatalogItems",
    "getCatalogItem",
    "getListingsRestrictions",
}


class Sdk:
    """The SDK's interfaces for one seller, and for the two grantless scopes."""

    def __init__(self, simulator: Simulator, endpoint: str = "na") -> None:
        refresh_token = simulator.control("POST", "/sellers", {"sellerId": "A1"})["refreshToken"]
        oauth = f"{simulator.address}/auth/o2/token"
        host = f"{simulator.address}/{endpoint}"

        def client(**grant: str) -> Any:
            config = SPAPIConfig(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, **grant)
            return SPAPIClient(config, oauth_endpoint=oauth, endpoint=host).api_client

        self.seller = client(refresh_token=refresh_token)
        grantless = client(scope=NOTIFICATIONS_SCOPE)
        self.clients = (self.seller, grantless, client(scope=ROTATION_SCOPE))
        self.reports = ReportsApi(self.seller)
        self.feeds = FeedsApi(self.seller)
        self.subscriptions = NotificationsApi(self.seller)
        self.destinations = NotificationsApi(grantless)
        self.solicitations = SolicitationsApi(self.seller)
        self.tokens = TokensApi(self.seller)
        self.applications = ApplicationsApi(self.clients[2])
        self.definitions = DefinitionsApi(self.seller)

    def with_token(self, token: str) -> ReportsApi:
        """The Reports API with an access token of one's own, such as a restricted data token."""
        self.seller.configuration.access_token_cache = SimpleNamespace(get_lwa_access_token=lambda: token)
        return ReportsApi(self.seller)


@pytest.fixture
def sdk(simulator: Simulator) -> Iterator[Sdk]:
    made = Sdk(simulator)
    yield made
    for client in made.clients:
        client.rest_client.pool_manager.clear()


def create_destination(sdk: Sdk, arn: str = QUEUE_ARN) -> str:
    resource = notifications_v1.DestinationResourceSpecification(sqs=notifications_v1.SqsResource(arn=arn))
    request = notifications_v1.CreateDestinationRequest(name="sdk", resource_specification=resource)
    return str(sdk.destinations.create_destination(request).payload.destination_id)


def create_subscription(sdk: Sdk, destination_id: str) -> str:
    request = notifications_v1.CreateSubscriptionRequest(payload_version="1.0", destination_id=destination_id)
    created = sdk.subscriptions.create_subscription("REPORT_PROCESSING_FINISHED", request)
    return str(created.payload.subscription_id)


def create_report(sdk: Sdk, report_type: str = LISTINGS) -> Any:
    specification = reports_v2021_06_30.CreateReportSpecification(
        report_type=report_type,
        marketplace_ids=[US],
        data_start_time=datetime.now(UTC) - timedelta(days=30),
        report_options={"custom": "true"},
    )
    report_id = sdk.reports.create_report(specification).report_id
    return eventually(lambda: finished(sdk.reports.get_report(report_id)))


def finished(report: Any) -> Any:
    return report if report.processing_status not in ("IN_QUEUE", "IN_PROGRESS") else None


def test_reports(sdk: Sdk, simulator: Simulator) -> None:
    report = create_report(sdk)
    assert isinstance(report, reports_v2021_06_30.Report)
    assert report.processing_status == "DONE"
    assert report.created_time.tzinfo is not None
    assert report.processing_end_time >= report.processing_start_time
    document = sdk.reports.get_report_document(report.report_document_id)
    assert isinstance(document, reports_v2021_06_30.ReportDocument)
    assert document.compression_algorithm == "GZIP"
    assert gzip.decompress(simulator.fetch("GET", document.url).content).startswith(b"item-name")


def test_lists_of_reports(sdk: Sdk) -> None:
    made = [create_report(sdk).report_id for _ in range(3)]
    page = sdk.reports.get_reports(
        report_types=[LISTINGS, RESTRICTED],
        processing_statuses=["DONE", "IN_QUEUE"],
        marketplace_ids=[US],
        page_size=2,
        created_since=datetime.now(UTC) - timedelta(days=1),
    )
    rest = sdk.reports.get_reports(next_token=page.next_token)
    assert [report.report_id for report in (*page.reports, *rest.reports)] == made[::-1]
    assert rest.next_token is None


def test_cancelled_reports(sdk: Sdk, simulator: Simulator) -> None:
    simulator.control("PUT", "/clock", {"scale": 0.01})
    specification = reports_v2021_06_30.CreateReportSpecification(report_type=LISTINGS, marketplace_ids=[US])
    report_id = sdk.reports.create_report(specification).report_id
    assert sdk.reports.cancel_report(report_id) is None
    assert sdk.reports.get_report(report_id).processing_status == "CANCELLED"


def test_schedules(sdk: Sdk) -> None:
    specification = reports_v2021_06_30.CreateReportScheduleSpecification(
        report_type=LISTINGS, marketplace_ids=[US], period="P1D"
    )
    schedule_id = sdk.reports.create_report_schedule(specification).report_schedule_id
    schedule = sdk.reports.get_report_schedule(schedule_id)
    assert (schedule.period, schedule.next_report_creation_time > datetime.now(UTC)) == ("P1D", True)
    (listed,) = sdk.reports.get_report_schedules([LISTINGS]).report_schedules
    assert listed == schedule
    assert sdk.reports.cancel_report_schedule(schedule_id) is None
    assert sdk.reports.get_report_schedules([LISTINGS]).report_schedules == []


def create_feed(sdk: Sdk, simulator: Simulator, content: bytes) -> str:
    content_type = "application/json; charset=UTF-8"
    made = sdk.feeds.create_feed_document(feeds_v2021_06_30.CreateFeedDocumentSpecification(content_type=content_type))
    assert isinstance(made, feeds_v2021_06_30.CreateFeedDocumentResponse)
    assert simulator.fetch("PUT", made.url, {"content-type": content_type}, content).status == 200
    specification = feeds_v2021_06_30.CreateFeedSpecification(
        feed_type="JSON_LISTINGS_FEED", marketplace_ids=[US], input_feed_document_id=made.feed_document_id
    )
    return str(sdk.feeds.create_feed(specification).feed_id)


def test_feeds(sdk: Sdk, simulator: Simulator) -> None:
    messages = [{"messageId": 1, "sku": "A-1", "operationType": "DELETE"}]
    content = json.dumps({"header": {"sellerId": "A1", "version": "2.0"}, "messages": messages}).encode()
    feed_id = create_feed(sdk, simulator, content)
    feed = eventually(lambda: finished(sdk.feeds.get_feed(feed_id)))
    assert isinstance(feed, feeds_v2021_06_30.Feed)
    assert (feed.processing_status, feed.marketplace_ids, feed.feed_type) == ("DONE", [US], "JSON_LISTINGS_FEED")
    document = sdk.feeds.get_feed_document(feed.result_feed_document_id)
    assert isinstance(document, feeds_v2021_06_30.FeedDocument)
    assert document.compression_algorithm == "GZIP"
    report = json.loads(gzip.decompress(simulator.fetch("GET", document.url).content))
    assert report["summary"]["messagesAccepted"] == 1
    assert sdk.feeds.get_feeds(feed_types=["JSON_LISTINGS_FEED"], processing_statuses=["DONE"]).feeds == [feed]
    simulator.control("PUT", "/clock", {"scale": 0.01})
    queued = create_feed(sdk, simulator, content)
    page = sdk.feeds.get_feeds(feed_types=["JSON_LISTINGS_FEED"], marketplace_ids=[US], page_size=1)
    assert [listed.feed_id for listed in page.feeds] == [queued]
    assert sdk.feeds.get_feeds(next_token=page.next_token).feeds == [feed]
    assert sdk.feeds.cancel_feed(queued) is None
    assert sdk.feeds.get_feed(queued).processing_status == "CANCELLED"


def test_destinations_and_subscriptions(sdk: Sdk) -> None:
    destination_id = create_destination(sdk)
    destination = sdk.destinations.get_destination(destination_id).payload
    assert isinstance(destination, notifications_v1.Destination)
    assert (destination.resource.sqs.arn, destination.resource.event_bridge) == (QUEUE_ARN, None)
    assert sdk.destinations.get_destinations().payload == [destination]
    subscription_id = create_subscription(sdk, destination_id)
    subscription = sdk.subscriptions.get_subscription("REPORT_PROCESSING_FINISHED").payload
    assert isinstance(subscription, notifications_v1.Subscription)
    assert subscription.subscription_id == subscription_id
    by_id = sdk.destinations.get_subscription_by_id(subscription_id, "REPORT_PROCESSING_FINISHED")
    assert by_id.payload == subscription
    listed = sdk.subscriptions.get_subscriptions(["REPORT_PROCESSING_FINISHED"]).payload
    assert listed.subscriptions == [subscription]
    deleted = sdk.destinations.delete_subscription_by_id(subscription_id, "REPORT_PROCESSING_FINISHED")
    assert deleted.errors is None
    assert sdk.destinations.delete_destination(destination_id).errors is None


def test_processing_directives(sdk: Sdk) -> None:
    event_filter = {"eventFilterType": "ORDER_CHANGE", "orderChangeTypes": ["OrderStatusChange"]}
    request = notifications_v1.CreateSubscriptionRequest(
        payload_version="1.0",
        destination_id=create_destination(sdk),
        processing_directive=notifications_v1.ProcessingDirective(event_filter=event_filter),
    )
    created = sdk.subscriptions.create_subscription("ORDER_CHANGE", request).payload
    assert created.processing_directive.event_filter.event_filter_type == "ORDER_CHANGE"


def test_a_test_notification(simulator: Simulator, sdk: Sdk) -> None:
    destination_id = create_destination(sdk)
    sandbox = Sdk(simulator, "sandbox.na").destinations
    request = notifications_v1.SendTestNotificationRequest(
        destination_id=destination_id,
        test_notification=notifications_v1.TestNotification(payload_version="2020-09-04", test_scenario="any"),
    )
    assert sandbox.send_test_notification("REPORT_PROCESSING_FINISHED", request).errors is None


def test_solicitations(sdk: Sdk, simulator: Simulator) -> None:
    simulator.control("PUT", f"/orders/{ORDER}", {"sellerId": "A1", "marketplaceId": US})
    offered = sdk.solicitations.get_solicitation_actions_for_order(ORDER, [US])
    assert [action.name for action in offered.links.actions] == ["productReviewAndSellerFeedback"]
    assert offered.embedded.actions[0].payload.name == "productReviewAndSellerFeedback"
    sent = sdk.solicitations.create_product_review_and_seller_feedback_solicitation(ORDER, [US])
    assert sent.errors is None


def test_restricted_data_tokens(sdk: Sdk) -> None:
    document_id = create_report(sdk, RESTRICTED).report_document_id
    resource = tokens_v2021_03_01.RestrictedResource(method="GET", path=f"/reports/2021-06-30/documents/{document_id}")
    request = tokens_v2021_03_01.CreateRestrictedDataTokenRequest(restricted_resources=[resource])
    answer = sdk.tokens.create_restricted_data_token(request)
    assert answer.expires_in == 3600
    document = sdk.with_token(answer.restricted_data_token).get_report_document(document_id)
    assert document.report_document_id == document_id


def test_rotation(sdk: Sdk, simulator: Simulator) -> None:
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"rotationQueueArn": QUEUE_ARN})
    assert sdk.applications.rotate_application_client_secret() is None


Attempt = Callable[[Sdk], Any]
REPORT_ERRORS = (reports_v2021_06_30, "ErrorList")
FEED_ERRORS = (feeds_v2021_06_30, "ErrorList")
DEFINITION_ERRORS = (product_type_definitions_v2020_09_01, "ErrorList")


def test_product_types(sdk: Sdk, simulator: Simulator) -> None:
    found = sdk.definitions.search_definitions_product_types([US], keywords=["hairband", "luggage"])
    assert isinstance(found, product_type_definitions_v2020_09_01.ProductTypeList)
    assert {entry.name for entry in found.product_types} == {"HAIRBAND", "LUGGAGE"}
    assert {tuple(entry.marketplace_ids) for entry in found.product_types} == {(US,)}
    definition = sdk.definitions.get_definitions_product_type(
        "HAIRBAND", [US], requirements="LISTING_OFFER_ONLY", requirements_enforced="NOT_ENFORCED", locale="en_US"
    )
    assert isinstance(definition, product_type_definitions_v2020_09_01.ProductTypeDefinition)
    assert (definition.product_type, definition.requirements) == ("HAIRBAND", "LISTING_OFFER_ONLY")
    assert definition.product_type_version.latest is True
    assert definition.product_type_version.version == found.product_type_version
    assert "offer" in definition.property_groups
    for link in (definition.var_schema, definition.meta_schema):
        content = simulator.fetch("GET", link.link.resource).content
        assert base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode() == link.checksum


def test_a_type_that_a_marketplace_lacks_is_another_type(sdk: Sdk) -> None:
    assert sdk.definitions.get_definitions_product_type("SARI", [US]).product_type == "CLOTHING"


FAILURES: dict[str, tuple[Attempt, int, str, ModuleType, str]] = {
    "createReport": (
        lambda sdk: sdk.reports.create_report(
            reports_v2021_06_30.CreateReportSpecification(report_type="no", marketplace_ids=[US])
        ),
        400,
        "InvalidInput",
        *REPORT_ERRORS,
    ),
    "getReport": (lambda sdk: sdk.reports.get_report("1"), 404, "NotFound", *REPORT_ERRORS),
    "getReports": (lambda sdk: sdk.reports.get_reports(), 400, "InvalidInput", *REPORT_ERRORS),
    "cancelReport": (lambda sdk: sdk.reports.cancel_report("1"), 404, "NotFound", *REPORT_ERRORS),
    "createReportSchedule": (
        lambda sdk: sdk.reports.create_report_schedule({"reportType": LISTINGS, "marketplaceIds": [US]}),
        400,
        "InvalidInput",
        *REPORT_ERRORS,
    ),
    "getReportSchedules": (lambda sdk: sdk.reports.get_report_schedules([""]), 400, "InvalidInput", *REPORT_ERRORS),
    "getReportSchedule": (lambda sdk: sdk.reports.get_report_schedule("1"), 404, "NotFound", *REPORT_ERRORS),
    "cancelReportSchedule": (lambda sdk: sdk.reports.cancel_report_schedule("1"), 404, "NotFound", *REPORT_ERRORS),
    "getReportDocument": (lambda sdk: sdk.reports.get_report_document("1"), 400, "InvalidInput", *REPORT_ERRORS),
    "searchDefinitionsProductTypes": (
        lambda sdk: sdk.definitions.search_definitions_product_types(["A13V1IB3VIYZZH"]),
        400,
        "InvalidInput",
        *DEFINITION_ERRORS,
    ),
    "getDefinitionsProductType": (
        lambda sdk: sdk.definitions.get_definitions_product_type("NO_SUCH_TYPE", [US]),
        404,
        "NOT_FOUND",
        *DEFINITION_ERRORS,
    ),
    "getFeeds": (lambda sdk: sdk.feeds.get_feeds(), 400, "InvalidInput", *FEED_ERRORS),
    "createFeed": (
        lambda sdk: sdk.feeds.create_feed(
            feeds_v2021_06_30.CreateFeedSpecification(
                feed_type="JSON_LISTINGS_FEED", marketplace_ids=[US], input_feed_document_id="1"
            )
        ),
        400,
        "InvalidInput",
        *FEED_ERRORS,
    ),
    "getFeed": (lambda sdk: sdk.feeds.get_feed("1"), 404, "NotFound", *FEED_ERRORS),
    "cancelFeed": (lambda sdk: sdk.feeds.cancel_feed("1"), 404, "NotFound", *FEED_ERRORS),
    "createFeedDocument": (
        lambda sdk: sdk.feeds.create_feed_document({"contentType": ""}),
        400,
        "InvalidInput",
        *FEED_ERRORS,
    ),
    "getFeedDocument": (lambda sdk: sdk.feeds.get_feed_document("1"), 400, "InvalidInput", *FEED_ERRORS),
    "createDestination": (
        lambda sdk: [create_destination(sdk) for _ in range(2)],
        409,
        "Conflict",
        notifications_v1,
        "CreateDestinationResponse",
    ),
    "getDestinations": (
        lambda sdk: sdk.subscriptions.get_destinations(),
        403,
        "Unauthorized",
        notifications_v1,
        "GetDestinationsResponse",
    ),
    "getDestination": (
        lambda sdk: sdk.destinations.get_destination("1"),
        404,
        "NotFound",
        notifications_v1,
        "GetDestinationResponse",
    ),
    "deleteDestination": (
        lambda sdk: (
            create_subscription(sdk, made := create_destination(sdk)),
            sdk.destinations.delete_destination(made),
        ),
        403,
        "Unauthorized",
        notifications_v1,
        "DeleteDestinationResponse",
    ),
    "createSubscription": (
        lambda sdk: [create_subscription(sdk, made) for made in [create_destination(sdk)] * 2],
        409,
        "StateConflict",
        notifications_v1,
        "CreateSubscriptionResponse",
    ),
    "getSubscription": (
        lambda sdk: sdk.subscriptions.get_subscription("ORDER_CHANGE"),
        404,
        "NotFound",
        notifications_v1,
        "GetSubscriptionResponse",
    ),
    "getSubscriptions": (
        lambda sdk: sdk.subscriptions.get_subscriptions(["NONE"]),
        400,
        "InvalidInput",
        notifications_v1,
        "GetSubscriptionsResponse",
    ),
    "getSubscriptionById": (
        lambda sdk: sdk.destinations.get_subscription_by_id("1", "ORDER_CHANGE"),
        404,
        "NotFound",
        notifications_v1,
        "GetSubscriptionByIdResponse",
    ),
    "deleteSubscriptionById": (
        lambda sdk: sdk.destinations.delete_subscription_by_id("1", "ORDER_CHANGE"),
        404,
        "NotFound",
        notifications_v1,
        "DeleteSubscriptionByIdResponse",
    ),
    "sendTestNotification": (
        lambda sdk: sdk.destinations.send_test_notification("ORDER_CHANGE", {}),
        403,
        "MissingAuthenticationToken",
        notifications_v1,
        "SendTestNotificationResponse",
    ),
    "getSolicitationActionsForOrder": (
        lambda sdk: sdk.solicitations.get_solicitation_actions_for_order(ORDER, []),
        400,
        "InvalidInput",
        solicitations_v1,
        "GetSolicitationActionsForOrderResponse",
    ),
    "createProductReviewAndSellerFeedbackSolicitation": (
        lambda sdk: sdk.solicitations.create_product_review_and_seller_feedback_solicitation(ORDER, [US]),
        403,
        "Unauthorized",
        solicitations_v1,
        "CreateProductReviewAndSellerFeedbackSolicitationResponse",
    ),
    "createRestrictedDataToken": (
        lambda sdk: sdk.tokens.create_restricted_data_token({"restrictedResources": []}),
        400,
        "InvalidInput",
        tokens_v2021_03_01,
        "ErrorList",
    ),
    "rotateApplicationClientSecret": (
        lambda sdk: sdk.applications.rotate_application_client_secret(),
        400,
        "InvalidInput",
        applications_v2023_11_30,
        "ErrorList",
    ),
}


def test_every_operation_has_a_failure() -> None:
    assert FAILURES.keys() | LISTING_FAILURES == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("operation", FAILURES)
def test_failures(sdk: Sdk, operation: str) -> None:
    attempt, status, code, models, model = FAILURES[operation]
    with pytest.raises(ApiException) as caught:
        attempt(sdk)
    assert caught.value.status == status
    assert caught.value.headers["x-amzn-RequestId"]
    sdk.seller.api_models_module = models.__name__
    read = sdk.seller.deserialize(SimpleNamespace(data=caught.value.body), model)
    (error,) = read.errors
    assert error.code == code
    assert error.message


def test_throttled(sdk: Sdk, simulator: Simulator) -> None:
    simulator.control("POST", "/faults", {"fault": "status", "operation": "getReport", "status": 429})
    with pytest.raises(ApiException) as caught:
        sdk.reports.get_report("1")
    assert caught.value.status == 429
