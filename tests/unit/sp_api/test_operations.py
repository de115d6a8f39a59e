"""Every operation: the request as Amazon's models want it, the answer as the caller gets it, refusals told apart."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from jsonschema import ValidationError

import sp_api
from sp_api import (
    application_management,
    notifications,
    product_types,
    reports,
    solicitations,
    tokens,
)
from sp_api.caller import Caller
from sp_api.errors import (
    AccessDeniedError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermanentError,
    SolicitationAlreadySentError,
    SolicitationWindowError,
    ThrottledError,
    TransientError,
)
from sp_api.feeds import FeedStatus
from sp_api.lwa import Scope
from sp_api.notifications import (
    AggregationTimePeriod,
    Destination,
    EventFilter,
    OrderChangeType,
    ProcessingDirective,
    Subscription,
    SubscriptionPage,
)
from sp_api.reports import (
    RESTRICTED_REPORT_TYPES,
    CreateReportScheduleSpecification,
    CreateReportSpecification,
    ProcessingStatus,
    Report,
    ReportDocument,
    ReportFilter,
    ReportSchedule,
    SchedulePeriod,
)
from sp_api.tokens import RestrictedDataToken, RestrictedResource
from tests.unit.sp_api.models import check, models, resolved
from tests.unit.sp_api.support import (
    ACCESS_TOKEN,
    Answer,
    Received,
    ScriptedServer,
    answer_json,
    application_of,
    errors_json,
    seller_of,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
QUEUE_ARN = "arn:aws:sqs:us-east-1:111122223333:notifications"
ORDER_ID = "404-2977735-6558754"
MARKETPLACE = "A1RKKUPIHCS9HS"
REPORT = {
    "reportId": "383187020424",
    "reportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
    "processingStatus": "DONE",
    "createdTime": "2025-12-02T11:59:18+00:00",
    "processingStartTime": "2025-12-02T11:59:27+00:00",
    "processingEndTime": "2025-12-02T12:00:01+00:00",
    "dataStartTime": "2025-12-01T00:00:00+00:00",
    "dataEndTime": "2025-12-02T00:00:00+00:00",
    "marketplaceIds": ["ATVPDKIKX0DER", "A2ZV50J4W1RKNI"],
    "reportDocumentId": "amzn1.spdoc.1.4.na.0356cf79-b8b0-4226-b4b9-0ee058ea5760.T1ABCDEFGHIJKL.5",
}
READ_REPORT = Report(
    report_id="383187020424",
    report_type="GET_MERCHANT_LISTINGS_ALL_DATA",
    processing_status=ProcessingStatus.DONE,
    created_time=datetime(2025, 12, 2, 11, 59, 18, tzinfo=UTC),
    marketplace_ids=("ATVPDKIKX0DER", "A2ZV50J4W1RKNI"),
    data_start_time=datetime(2025, 12, 1, tzinfo=UTC),
    data_end_time=datetime(2025, 12, 2, tzinfo=UTC),
    processing_start_time=datetime(2025, 12, 2, 11, 59, 27, tzinfo=UTC),
    processing_end_time=datetime(2025, 12, 2, 12, 0, 1, tzinfo=UTC),
    report_document_id="amzn1.spdoc.1.4.na.0356cf79-b8b0-4226-b4b9-0ee058ea5760.T1ABCDEFGHIJKL.5",
)
SCHEDULE = {
    "reportScheduleId": "ID1",
    "reportType": "GET_X",
    "period": "PT84H",
    "marketplaceIds": ["ATVPDKIKX0DER"],
    "reportOptions": {"a": "b"},
    "nextReportCreationTime": "2026-11-21T12:00:00Z",
}
READ_SCHEDULE = ReportSchedule("ID1", "GET_X", SchedulePeriod.HOURS_84, ("ATVPDKIKX0DER",), {"a": "b"}, NOON)
# As on the wire, with the nulls that SP-API sends.
DESTINATION = {
    "resource": {"sqs": {"arn": QUEUE_ARN}, "eventBridge": None, "privateSqs": None},
    "destinationId": "d-1",
    "name": "notifications",
}
READ_DESTINATION = Destination("d-1", "notifications", queue_arn=QUEUE_ARN)
EVENT_BRIDGE_DESTINATION = {
    "resource": {"eventBridge": {"name": "aws.partner/x", "region": "us-east-1", "accountId": "111122223333"}},
    "destinationId": "d-2",
    "name": "bus",
}
READ_EVENT_BRIDGE = Destination("d-2", "bus")
DIRECTIVE = ProcessingDirective(
    EventFilter(
        "ORDER_CHANGE",
        marketplace_ids=("ATVPDKIKX0DER",),
        order_change_types=(OrderChangeType.ORDER_STATUS_CHANGE, OrderChangeType.BUYER_REQUESTED_CHANGE),
        aggregation_time_period=AggregationTimePeriod.FIVE_MINUTES,
    )
)
DIRECTIVE_DOCUMENT = {
    "eventFilter": {
        "eventFilterType": "ORDER_CHANGE",
        "marketplaceIds": ["ATVPDKIKX0DER"],
        "orderChangeTypes": ["OrderStatusChange", "BuyerRequestedChange"],
        "aggregationSettings": {"aggregationTimePeriod": "FiveMinutes"},
    }
}
SUBSCRIPTION = {
    "subscriptionId": "s-1",
    "payloadVersion": "1.0",
    "destinationId": "d-1",
    "processingDirective": DIRECTIVE_DOCUMENT,
}
READ_SUBSCRIPTION = Subscription("s-1", "d-1", "1.0", DIRECTIVE)
ACTIONS_PATH = f"/solicitations/v1/orders/{ORDER_ID}"
SOLICITATION_PATH = f"{ACTIONS_PATH}/solicitations/productReviewAndSellerFeedback"
RDT_PATH = "/tokens/2021-03-01/restrictedDataToken"
RDT = answer_json({"restrictedDataToken": "Atz.sprdt|restricted", "expiresIn": 3600})
RDT_READ = RestrictedDataToken("Atz.sprdt|restricted", 3600)


@dataclass(frozen=True)
class Case:
    """A call of one operation: what it sends to where, what it is answered, and what the caller gets."""

    operation: str
    call: Callable[[Caller], object]
    method: str
    path: str
    answer: Answer
    result: object
    query: dict[str, str] | None = None
    body: object = None
    grantless: bool = False


DEFINITIONS_PATH = "/definitions/2020-09-01/productTypes"
DEFINITION = {
    "metaSchema": {"link": {"resource": "https://m.example.com/?X-Amz-Signature=1", "verb": "GET"}, "checksum": "QUJD"},
    "schema": {
        "link": {"resource": "https://s.example.com/?X-Amz-Signature=2", "verb": "GET"},
        "checksum": "c7af9479ca7261645cea9db56c5f720d",
    },
    "requirements": "LISTING",
    "requirementsEnforced": "ENFORCED",
    "propertyGroups": {"offer": {"title": "Offer", "description": "", "propertyNames": ["list_price"]}},
    "locale": "fr_FR",
    "marketplaceIds": [MARKETPLACE],
    "productType": "LUGGAGE",
    "displayName": "Bagages",
    "productTypeVersion": {"version": "UHqSqmb4FNUk=", "latest": True, "releaseCandidate": False},
}
READ_DEFINITION = product_types.ProductTypeDefinition(
    product_type="LUGGAGE",
    display_name="Bagages",
    version=product_types.ProductTypeVersion("UHqSqmb4FNUk=", latest=True, release_candidate=False),
    schema=product_types.SchemaLink("https://s.example.com/?X-Amz-Signature=2", "c7af9479ca7261645cea9db56c5f720d"),
    meta_schema=product_types.SchemaLink("https://m.example.com/?X-Amz-Signature=1", "QUJD"),
    property_groups={"offer": product_types.PropertyGroup("Offer", "", ("list_price",))},
    requirements=product_types.Requirements.LISTING,
    requirements_enforced=product_types.RequirementsEnforced.ENFORCED,
    locale="fr_FR",
    marketplace_ids=(MARKETPLACE,),
)

CASES = [
    Case(
        "searchDefinitionsProductTypes",
        lambda caller: product_types.search_definitions_product_types(
            caller, MARKETPLACE, keywords=["sac", "valise"], locale="fr_FR"
        ),
        "GET",
        DEFINITIONS_PATH,
        answer_json(
            {
                "productTypes": [{"name": "LUGGAGE", "displayName": "Bagages", "marketplaceIds": [MARKETPLACE]}],
                "productTypeVersion": "UHqSqmb4FNUk=",
            }
        ),
        product_types.ProductTypeList(
            (product_types.ProductType("LUGGAGE", "Bagages", (MARKETPLACE,)),), "UHqSqmb4FNUk="
        ),
        query={"marketplaceIds": MARKETPLACE, "keywords": "sac,valise", "locale": "fr_FR"},
    ),
    Case(
        "getDefinitionsProductType",
        lambda caller: product_types.get_definitions_product_type(
            caller,
            product_types.DefinitionRequest(
                "LUGGAGE",
                MARKETPLACE,
                product_types.Requirements.LISTING_OFFER_ONLY,
                product_types.RequirementsEnforced.NOT_ENFORCED,
                "fr_FR",
                seller_id="A3TH9S8BH6GOGM",
                version="LATEST",
            ),
        ),
        "GET",
        f"{DEFINITIONS_PATH}/LUGGAGE",
        answer_json(DEFINITION),
        READ_DEFINITION,
        query={
            "sellerId": "A3TH9S8BH6GOGM",
            "marketplaceIds": MARKETPLACE,
            "productTypeVersion": "LATEST",
            "requirements": "LISTING_OFFER_ONLY",
            "requirementsEnforced": "NOT_ENFORCED",
            "locale": "fr_FR",
        },
    ),
    Case(
        "createReport",
        lambda caller: reports.create_report(
            caller,
            CreateReportSpecification(
                "GET_X", ("ATVPDKIKX0DER", "A1AM78C64UM0Y8"), NOON, NOON, {"reportPeriod": "DAY"}
            ),
        ),
        "POST",
        "/reports/2021-06-30/reports",
        answer_json({"reportId": "383187020424"}, 202),
        "383187020424",
        body={
            "reportType": "GET_X",
            "marketplaceIds": ["ATVPDKIKX0DER", "A1AM78C64UM0Y8"],
            "dataStartTime": "2026-11-21T12:00:00.000Z",
            "dataEndTime": "2026-11-21T12:00:00.000Z",
            "reportOptions": {"reportPeriod": "DAY"},
        },
    ),
    Case(
        "createReport",
        lambda caller: reports.create_report(caller, CreateReportSpecification("GET_X", ["ATVPDKIKX0DER"])),
        "POST",
        "/reports/2021-06-30/reports",
        answer_json({"reportId": 383187020424}, 202),
        "383187020424",
        body={"reportType": "GET_X", "marketplaceIds": ["ATVPDKIKX0DER"]},
    ),
    Case(
        "getReport",
        lambda caller: reports.get_report(caller, "383187020424"),
        "GET",
        "/reports/2021-06-30/reports/383187020424",
        answer_json(REPORT),
        READ_REPORT,
    ),
    Case(
        "getReports",
        lambda caller: reports.get_reports(
            caller,
            ReportFilter(
                ["GET_X", "GET_Y"],
                [ProcessingStatus.DONE, ProcessingStatus.FATAL],
                ["ATVPDKIKX0DER"],
                page_size=100,
                created_since=NOON,
                created_until=NOON,
            ),
        ),
        "GET",
        "/reports/2021-06-30/reports",
        answer_json({"reports": [REPORT, REPORT], "nextToken": "more/of+it=="}),
        reports.ReportPage((READ_REPORT, READ_REPORT), "more/of+it=="),
        query={
            "reportTypes": "GET_X,GET_Y",
            "processingStatuses": "DONE,FATAL",
            "marketplaceIds": "ATVPDKIKX0DER",
            "pageSize": "100",
            "createdSince": "2026-11-21T12:00:00.000Z",
            "createdUntil": "2026-11-21T12:00:00.000Z",
        },
    ),
    Case(
        "getReports",
        lambda caller: reports.get_reports(caller, ReportFilter(["GET_X"])),
        "GET",
        "/reports/2021-06-30/reports",
        answer_json({"reports": []}),
        reports.ReportPage((), None),
        query={"reportTypes": "GET_X"},
    ),
    Case(
        "getReports",
        lambda caller: reports.get_next_reports(caller, "more/of+it=="),
        "GET",
        "/reports/2021-06-30/reports",
        answer_json({"reports": [], "nextToken": ""}),
        reports.ReportPage((), None),
        query={"nextToken": "more/of+it=="},
    ),
    Case(
        "cancelReport",
        lambda caller: reports.cancel_report(caller, "1"),
        "DELETE",
        "/reports/2021-06-30/reports/1",
        Answer(200),
        None,
    ),
    Case(
        "createReportSchedule",
        lambda caller: reports.create_report_schedule(
            caller,
            CreateReportScheduleSpecification("GET_X", ["ATVPDKIKX0DER"], SchedulePeriod.HOURS_84, {"a": "b"}, NOON),
        ),
        "POST",
        "/reports/2021-06-30/schedules",
        answer_json({"reportScheduleId": "ID1"}, 201),
        "ID1",
        body={
            "reportType": "GET_X",
            "marketplaceIds": ["ATVPDKIKX0DER"],
            "period": "PT84H",
            "reportOptions": {"a": "b"},
            "nextReportCreationTime": "2026-11-21T12:00:00.000Z",
        },
    ),
    Case(
        "getReportSchedules",
        lambda caller: reports.get_report_schedules(caller, ["GET_X", "GET_Y"]),
        "GET",
        "/reports/2021-06-30/schedules",
        answer_json({"reportSchedules": [SCHEDULE]}),
        (READ_SCHEDULE,),
        query={"reportTypes": "GET_X,GET_Y"},
    ),
    Case(
        "getReportSchedule",
        lambda caller: reports.get_report_schedule(caller, "ID1"),
        "GET",
        "/reports/2021-06-30/schedules/ID1",
        answer_json(SCHEDULE),
        READ_SCHEDULE,
    ),
    Case(
        "cancelReportSchedule",
        lambda caller: reports.cancel_report_schedule(caller, "ID1"),
        "DELETE",
        "/reports/2021-06-30/schedules/ID1",
        Answer(200),
        None,
    ),
    Case(
        "getReportDocument",
        lambda caller: reports.get_report_document(caller, "amzn1.spdoc.1", "GET_MERCHANT_LISTINGS_ALL_DATA"),
        "GET",
        "/reports/2021-06-30/documents/amzn1.spdoc.1",
        answer_json(
            {"reportDocumentId": "amzn1.spdoc.1", "url": "https://x/?X-Amz-Signature=s", "compressionAlgorithm": "GZIP"}
        ),
        ReportDocument("amzn1.spdoc.1", "https://x/?X-Amz-Signature=s", "GZIP"),
    ),
    Case(
        "createDestination",
        lambda caller: notifications.create_destination(caller, "notifications", QUEUE_ARN),
        "POST",
        "/notifications/v1/destinations",
        answer_json({"payload": DESTINATION}),
        READ_DESTINATION,
        body={"name": "notifications", "resourceSpecification": {"sqs": {"arn": QUEUE_ARN}}},
        grantless=True,
    ),
    Case(
        "getDestinations",
        notifications.get_destinations,
        "GET",
        "/notifications/v1/destinations",
        answer_json({"payload": [DESTINATION, EVENT_BRIDGE_DESTINATION]}),
        (READ_DESTINATION, READ_EVENT_BRIDGE),
        grantless=True,
    ),
    Case(
        "getDestination",
        lambda caller: notifications.get_destination(caller, "d-1"),
        "GET",
        "/notifications/v1/destinations/d-1",
        answer_json({"payload": DESTINATION}),
        READ_DESTINATION,
        grantless=True,
    ),
    Case(
        "deleteDestination",
        lambda caller: notifications.delete_destination(caller, "d-1"),
        "DELETE",
        "/notifications/v1/destinations/d-1",
        answer_json({}),
        None,
        grantless=True,
    ),
    Case(
        "createSubscription",
        lambda caller: notifications.create_subscription(caller, "ORDER_CHANGE", "1.0", "d-1", DIRECTIVE),
        "POST",
        "/notifications/v1/subscriptions/ORDER_CHANGE",
        answer_json({"payload": SUBSCRIPTION}),
        READ_SUBSCRIPTION,
        body={"payloadVersion": "1.0", "destinationId": "d-1", "processingDirective": DIRECTIVE_DOCUMENT},
    ),
    Case(
        "createSubscription",
        lambda caller: notifications.create_subscription(caller, "REPORT_PROCESSING_FINISHED", "2020-09-04", "d-1"),
        "POST",
        "/notifications/v1/subscriptions/REPORT_PROCESSING_FINISHED",
        answer_json({"payload": {**SUBSCRIPTION, "processingDirective": None}}),
        Subscription("s-1", "d-1", "1.0"),
        body={"payloadVersion": "2020-09-04", "destinationId": "d-1"},
    ),
    Case(
        "getSubscription",
        lambda caller: notifications.get_subscription(caller, "ORDER_CHANGE"),
        "GET",
        "/notifications/v1/subscriptions/ORDER_CHANGE",
        answer_json({"payload": SUBSCRIPTION}),
        READ_SUBSCRIPTION,
    ),
    Case(
        "getSubscription",
        lambda caller: notifications.get_subscription(caller, "ORDER_CHANGE", "1.0"),
        "GET",
        "/notifications/v1/subscriptions/ORDER_CHANGE",
        answer_json({"payload": SUBSCRIPTION}),
        READ_SUBSCRIPTION,
        query={"payloadVersion": "1.0"},
    ),
    Case(
        "getSubscriptionById",
        lambda caller: notifications.get_subscription_by_id(caller, "ORDER_CHANGE", "s-1"),
        "GET",
        "/notifications/v1/subscriptions/ORDER_CHANGE/s-1",
        answer_json({"payload": SUBSCRIPTION}),
        READ_SUBSCRIPTION,
        grantless=True,
    ),
    Case(
        "deleteSubscriptionById",
        lambda caller: notifications.delete_subscription_by_id(caller, "ORDER_CHANGE", "s-1"),
        "DELETE",
        "/notifications/v1/subscriptions/ORDER_CHANGE/s-1",
        answer_json({}),
        None,
        grantless=True,
    ),
    Case(
        "getSolicitationActionsForOrder",
        lambda caller: solicitations.get_solicitation_actions_for_order(caller, ORDER_ID, MARKETPLACE),
        "GET",
        ACTIONS_PATH,
        answer_json(
            {
                "_links": {
                    "actions": [
                        {
                            "href": f"{SOLICITATION_PATH}?marketplaceIds={MARKETPLACE}",
                            "name": "productReviewAndSellerFeedback",
                        }
                    ],
                    "self": {"href": f"{ACTIONS_PATH}?marketplaceIds={MARKETPLACE}"},
                },
                "_embedded": {"actions": []},
            }
        ),
        (solicitations.PRODUCT_REVIEW_AND_SELLER_FEEDBACK,),
        query={"marketplaceIds": MARKETPLACE},
    ),
    Case(
        "getSolicitationActionsForOrder",
        lambda caller: solicitations.get_solicitation_actions_for_order(caller, ORDER_ID, MARKETPLACE),
        "GET",
        ACTIONS_PATH,
        answer_json({"_links": {"actions": [], "self": {"href": ACTIONS_PATH}}, "_embedded": {"actions": []}}),
        (),
        query={"marketplaceIds": MARKETPLACE},
    ),
    Case(
        "createProductReviewAndSellerFeedbackSolicitation",
        lambda caller: solicitations.create_product_review_and_seller_feedback_solicitation(
            caller, ORDER_ID, MARKETPLACE
        ),
        "POST",
        SOLICITATION_PATH,
        answer_json({}, 201),
        None,
        query={"marketplaceIds": MARKETPLACE},
    ),
    Case(
        "createRestrictedDataToken",
        lambda caller: tokens.create_restricted_data_token(
            caller,
            [RestrictedResource("GET", "/orders/v0/orders", ["buyerInfo"]), RestrictedResource("GET", "/mfn/v0/x")],
            "amzn1.sellerapps.app.target-application",
        ),
        "POST",
        RDT_PATH,
        RDT,
        RDT_READ,
        body={
            "targetApplication": "amzn1.sellerapps.app.target-application",
            "restrictedResources": [
                {"method": "GET", "path": "/orders/v0/orders", "dataElements": ["buyerInfo"]},
                {"method": "GET", "path": "/mfn/v0/x"},
            ],
        },
    ),
    Case(
        "rotateApplicationClientSecret",
        application_management.rotate_application_client_secret,
        "POST",
        "/applications/2023-11-30/clientSecret",
        Answer(204),
        None,
        grantless=True,
    ),
]
# Newer than the npm package.
NEWER_CASES = [
    Case(
        "getDefinitionsProductType",
        lambda caller: product_types.get_definitions_product_type(
            caller,
            product_types.DefinitionRequest(
                "LUGGAGE",
                MARKETPLACE,
                product_types.Requirements.LISTING_OFFER_ONLY,
                product_types.RequirementsEnforced.NOT_ENFORCED,
                "fr_FR",
                product_types.ParentageLevel.CHILD,
                "A3TH9S8BH6GOGM",
                "LATEST",
            ),
        ),
        "GET",
        f"{DEFINITIONS_PATH}/LUGGAGE",
        answer_json(DEFINITION),
        READ_DEFINITION,
        query={
            "sellerId": "A3TH9S8BH6GOGM",
            "marketplaceIds": MARKETPLACE,
            "productTypeVersion": "LATEST",
            "requirements": "LISTING_OFFER_ONLY",
            "requirementsEnforced": "NOT_ENFORCED",
            "locale": "fr_FR",
            "parentageLevel": "CHILD",
        },
    ),
    Case(
        "getSubscriptions",
        lambda caller: notifications.get_subscriptions(caller, "ORDER_CHANGE", "1.0", 100, "more"),
        "GET",
        "/notifications/v1/subscriptions",
        answer_json({"payload": {"subscriptions": [SUBSCRIPTION], "nextToken": "even more"}}),
        SubscriptionPage((READ_SUBSCRIPTION,), "even more"),
        query={"notificationTypes": "ORDER_CHANGE", "payloadVersion": "1.0", "pageSize": "100", "nextToken": "more"},
    ),
    Case(
        "sendTestNotification",
        lambda caller: notifications.send_test_notification(caller, "ORDER_CHANGE", "d-1", "1.0", "scenario"),
        "POST",
        "/notifications/v1/subscriptions/ORDER_CHANGE/testNotification",
        answer_json({"payload": None}),
        None,
        body={"destinationId": "d-1", "testNotification": {"payloadVersion": "1.0", "testScenario": "scenario"}},
        grantless=True,
    ),
]


def ids(cases: list[Case]) -> list[str]:
    return [case.operation for case in cases]


def run(server: ScriptedServer, case: Case) -> Received:
    """Makes the call, checks its result, and returns the one request it sent."""
    server.answer(case.method, "/na" + case.path, case.answer)
    caller = application_of(server) if case.grantless else seller_of(server)
    assert case.call(caller) == case.result
    (request,) = server.calls
    assert (request.method, request.path) == (case.method, "/na" + case.path)
    assert request.query == (case.query or {})
    assert (request.json if request.body else None) == case.body
    assert request.headers["x-amz-access-token"] == ACCESS_TOKEN
    return request


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_operation(server: ScriptedServer, case: Case) -> None:
    assert set(check(run(server, case))) == {case.operation}


@pytest.mark.parametrize("case", NEWER_CASES, ids=ids(NEWER_CASES))
def test_operation_that_is_newer_than_the_package(server: ScriptedServer, case: Case) -> None:
    request = run(server, case)
    # The npm package alone does not have all parameters.
    if len(models()) > 1:
        assert set(check(request)) == {case.operation}


def test_every_operation_of_the_issue_is_here() -> None:
    assert len({case.operation for case in CASES}) == 23


def test_documented_rates_are_the_models() -> None:
    """The default rate of each operation stands in its description in the models."""
    operations = {
        operation.name: operation
        for module in pkgutil.iter_modules(sp_api.__path__)
        for operation in vars(importlib.import_module(f"sp_api.{module.name}")).values()
        if type(operation).__name__ == "Operation"
    }
    assert len(operations) == 39
    seen = set()
    for model in models():
        for path, described in model.document["paths"].items():
            for method, raw in described.items():
                if not isinstance(raw, dict) or raw.get("operationId") not in operations:
                    continue
                operation = operations[raw["operationId"]]
                if operation.path != path:
                    continue
                assert operation.method == method.upper()
                assert f"| {operation.rate} |" in raw["description"]
                seen.add(operation.name)
    assert seen >= {case.operation for case in CASES}


def test_the_check_itself_refuses_what_the_models_refuse(server: ScriptedServer) -> None:
    for call in (
        lambda caller: reports.create_report(caller, CreateReportSpecification("GET_X", ["M"] * 26)),
        lambda caller: reports.create_report_schedule(
            caller, CreateReportScheduleSpecification("GET_X", ["M"], SchedulePeriod("P9D"))
        ),
        lambda caller: reports.get_reports(caller, ReportFilter(["GET_X"], page_size=101)),
        lambda caller: notifications.create_destination(caller, "x", "not-an-arn"),
    ):
        with pytest.raises(PermanentError):
            call(seller_of(server))
        with pytest.raises(ValidationError):
            check(server.calls[-1])


def test_enumerations_are_the_models() -> None:
    for model in models():
        schemas = model.document.get("definitions") or model.document["components"]["schemas"]
        for name, schema in schemas.items():
            if name.endswith("CreateReportScheduleSpecification"):
                periods = resolved(model.document, schema["properties"]["period"])["enum"]
                assert {period.value for period in SchedulePeriod} == set(periods)
            if name in ("Feed", "feeds_2021-06-30_Feed"):
                statuses = resolved(model.document, schema["properties"]["processingStatus"])["enum"]
                assert {status.value for status in FeedStatus} == set(statuses)
            if name in ("Report", "reports_2021-06-30_Report"):
                statuses = resolved(model.document, schema["properties"]["processingStatus"])["enum"]
                assert {status.value for status in ProcessingStatus} == set(statuses)


class TestReports:
    def test_pages_are_followed_to_the_last(self, server: ScriptedServer) -> None:
        pages = [answer_json({"reports": [{**REPORT, "reportId": str(n)}], "nextToken": f"t{n}"}) for n in range(3)]
        server.answer("GET", "/na/reports/2021-06-30/reports", *pages, answer_json({"reports": [REPORT]}))
        listed = reports.list_reports(seller_of(server), ReportFilter(["GET_X"], page_size=1))
        assert [report.report_id for report in listed] == ["0", "1", "2", "383187020424"]
        queries = [call.query for call in server.calls]
        assert queries == [
            {"reportTypes": "GET_X", "pageSize": "1"},
            {"nextToken": "t0"},
            {"nextToken": "t1"},
            {"nextToken": "t2"},
        ]

    def test_pages_are_fetched_as_they_are_needed(self, server: ScriptedServer) -> None:
        server.answer("GET", "/na/reports/2021-06-30/reports", answer_json({"reports": [REPORT], "nextToken": "t"}))
        listed: Iterator[Report] = reports.list_reports(seller_of(server), ReportFilter(["GET_X"]))
        next(listed)
        assert len(server.calls) == 1

    def test_a_later_page_that_is_throttled_says_so(self, server: ScriptedServer) -> None:
        first = answer_json({"reports": [REPORT], "nextToken": "t"})
        server.answer("GET", "/na/reports/2021-06-30/reports", first, errors_json(429, "QuotaExceeded", "Too many."))
        listed = reports.list_reports(seller_of(server), ReportFilter(["GET_X"]))
        assert next(listed) == READ_REPORT
        with pytest.raises(ThrottledError) as raised:
            next(listed)
        assert raised.value.retry_after == pytest.approx(1 / 0.0222)

    def test_a_report_of_required_fields_alone(self, server: ScriptedServer) -> None:
        required = {name: REPORT[name] for name in ("reportId", "reportType", "processingStatus", "createdTime")}
        server.answer("GET", "/na/reports/2021-06-30/reports/1", answer_json(required))
        report = reports.get_report(seller_of(server), "1")
        assert report.report_document_id is None
        assert report.marketplace_ids == ()

    def test_a_status_that_is_added_later_reaches_the_caller(self, server: ScriptedServer) -> None:
        server.answer("GET", "/na/reports/2021-06-30/reports/1", answer_json({**REPORT, "processingStatus": "PAUSED"}))
        assert reports.get_report(seller_of(server), "1").processing_status == "PAUSED"

    def test_a_time_without_offset_is_not_sent(self, server: ScriptedServer) -> None:
        naive = datetime(2026, 11, 21)  # noqa: DTZ001
        with pytest.raises(ValueError, match="offset"):
            reports.create_report(seller_of(server), CreateReportSpecification("GET_X", ["M"], naive))
        assert server.requests == []

    def test_create_report_refused(self, server: ScriptedServer) -> None:
        refusal = errors_json(400, "InvalidInput", "One or more required parameters missing", "marketplaceIds;")
        server.answer("POST", "/na/reports/2021-06-30/reports", refusal)
        with pytest.raises(InvalidInputError, match=r"createReport: HTTP 400 InvalidInput: .*\(marketplaceIds;\)"):
            reports.create_report(seller_of(server), CreateReportSpecification("GET_X", []))
        assert len(server.calls) == 1

    def test_a_documents_url_does_not_show(self) -> None:
        assert "Signature" not in repr(ReportDocument("id", "https://x/?X-Amz-Signature=s"))


DOCUMENT_PATH = "/na/reports/2021-06-30/documents/amzn1.spdoc.1.4.na.x"
DOCUMENT = answer_json({"reportDocumentId": "amzn1.spdoc.1.4.na.x", "url": "https://x/"})


class TestRestrictedReports:
    @pytest.mark.parametrize("report_type", sorted(RESTRICTED_REPORT_TYPES))
    def test_their_document_is_asked_for_with_a_restricted_data_token(
        self, server: ScriptedServer, report_type: str
    ) -> None:
        server.answer("POST", "/na" + RDT_PATH, RDT)
        server.answer("GET", DOCUMENT_PATH, DOCUMENT)
        reports.get_report_document(seller_of(server), "amzn1.spdoc.1.4.na.x", report_type)
        token_request, document_request = server.calls
        check(token_request)
        assert token_request.json == {
            "restrictedResources": [{"method": "GET", "path": "/reports/2021-06-30/documents/amzn1.spdoc.1.4.na.x"}]
        }
        assert token_request.headers["x-amz-access-token"] == ACCESS_TOKEN
        assert document_request.headers["x-amz-access-token"] == "Atz.sprdt|restricted"

    @pytest.mark.parametrize("report_type", [None, "GET_MERCHANT_LISTINGS_ALL_DATA", "GET_SOMETHING_NEW"])
    def test_other_documents_need_none(self, server: ScriptedServer, report_type: str | None) -> None:
        server.answer("GET", DOCUMENT_PATH, DOCUMENT)
        reports.get_report_document(seller_of(server), "amzn1.spdoc.1.4.na.x", report_type)
        assert [call.method for call in server.calls] == ["GET"]

    def test_an_application_without_the_role_is_told_so(self, server: ScriptedServer) -> None:
        message = "Application do not have access to some or all requested resource"
        server.answer("POST", "/na" + RDT_PATH, errors_json(400, "InvalidInput", message))
        with pytest.raises(AccessDeniedError, match=f"createRestrictedDataToken: HTTP 400 InvalidInput: {message}"):
            reports.get_report_document(seller_of(server), "amzn1.spdoc.1.4.na.x", "GET_VAT_TRANSACTION_DATA")
        assert len(server.calls) == 1

    def test_a_refused_restricted_data_token_is_not_renewed(self, server: ScriptedServer) -> None:
        server.answer("POST", "/na" + RDT_PATH, RDT)
        details = "The access token you provided is revoked, malformed or invalid."
        server.answer("GET", DOCUMENT_PATH, errors_json(403, "Unauthorized", "Access denied.", details))
        with pytest.raises(AccessDeniedError):
            reports.get_report_document(seller_of(server), "amzn1.spdoc.1.4.na.x", "GET_VAT_TRANSACTION_DATA")
        assert len(server.calls) == 2

    def test_the_token_does_not_show(self) -> None:
        assert "restricted" not in repr(RDT_READ)

    @pytest.mark.parametrize("life", [{}, {"expiresIn": "3600"}, {"expiresIn": True}, {"expiresIn": 3600.5}])
    def test_a_token_of_no_known_life_is_unreadable(self, server: ScriptedServer, life: dict[str, object]) -> None:
        server.answer("POST", "/na" + RDT_PATH, answer_json({"restrictedDataToken": "Atz.sprdt|x", **life}))
        with pytest.raises(TransientError, match=r": expiresIn is not a whole number$"):
            tokens.create_restricted_data_token(seller_of(server), [RestrictedResource("GET", "/x")])


class TestNotifications:
    def test_an_existing_subscription_is_a_conflict(self, server: ScriptedServer) -> None:
        details = "Subscription already exist for notification type REPORT_PROCESSING_FINISHED"
        message = "The resource specified conflicts with the current state."
        path = "/na/notifications/v1/subscriptions/REPORT_PROCESSING_FINISHED"
        server.answer("POST", path, errors_json(409, "StateConflict", message, details))
        with pytest.raises(ConflictError) as raised:
            notifications.create_subscription(seller_of(server), "REPORT_PROCESSING_FINISHED", "2020-09-04", "d-1")
        assert (raised.value.code, raised.value.details) == ("StateConflict", details)
        assert len(server.calls) == 1

    def test_an_existing_destination_is_a_conflict(self, server: ScriptedServer) -> None:
        message = "The requested resource conflict with a resource in the server."
        server.answer("POST", "/na/notifications/v1/destinations", errors_json(409, "Conflict", message))
        with pytest.raises(ConflictError):
            notifications.create_destination(application_of(server), "x", QUEUE_ARN)

    def test_no_subscription_is_not_found(self, server: ScriptedServer) -> None:
        path = "/na/notifications/v1/subscriptions/ORDER_CHANGE"
        server.answer("GET", path, errors_json(404, "NotFound", "The specified resource does not exist."))
        with pytest.raises(NotFoundError):
            notifications.get_subscription(seller_of(server), "ORDER_CHANGE")
        assert len(server.calls) == 1

    def test_a_destination_with_subscriptions_is_a_conflict(self, server: ScriptedServer) -> None:
        refusal = errors_json(
            403, "Unauthorized", "The requested action is forbidden.", "Destination has subscriptions"
        )
        server.answer("DELETE", "/na/notifications/v1/destinations/d-1", refusal)
        with pytest.raises(ConflictError, match="Destination has subscriptions") as raised:
            notifications.delete_destination(application_of(server), "d-1")
        assert raised.value.status == 403

    def test_a_forbidden_deletion_is_none(self, server: ScriptedServer) -> None:
        refusal = errors_json(403, "Unauthorized", "Access to requested resource is denied.")
        server.answer("DELETE", "/na/notifications/v1/destinations/d-1", refusal)
        with pytest.raises(AccessDeniedError):
            notifications.delete_destination(application_of(server), "d-1")

    @pytest.mark.parametrize(
        ("directive", "document"),
        [
            (ProcessingDirective(), {}),
            (ProcessingDirective(filter_expression="a == b"), {"filterExpression": "a == b"}),
            (
                ProcessingDirective(EventFilter("ANY_OFFER_CHANGED")),
                {"eventFilter": {"eventFilterType": "ANY_OFFER_CHANGED"}},
            ),
            (
                ProcessingDirective(
                    EventFilter("SHIPMENT_TRACKING_MILESTONE_CHANGED", other={"trackingIdentifier": {"id": "x"}})
                ),
                {
                    "eventFilter": {
                        "eventFilterType": "SHIPMENT_TRACKING_MILESTONE_CHANGED",
                        "trackingIdentifier": {"id": "x"},
                    }
                },
            ),
        ],
    )
    def test_processing_directives(
        self, server: ScriptedServer, directive: ProcessingDirective, document: dict[str, object]
    ) -> None:
        path = "/na/notifications/v1/subscriptions/ANY_OFFER_CHANGED"
        server.answer("POST", path, answer_json({"payload": {**SUBSCRIPTION, "processingDirective": document}}))
        made = notifications.create_subscription(seller_of(server), "ANY_OFFER_CHANGED", "1.0", "d-1", directive)
        assert made.processing_directive == directive
        assert server.calls[0].json.get("processingDirective", {}) == document

    def test_filters_that_are_added_later_read_as_themselves(self, server: ScriptedServer) -> None:
        directive = {
            "eventFilter": {
                "eventFilterType": "NEW",
                "orderChangeTypes": ["NewChange"],
                "aggregationSettings": {"aggregationTimePeriod": "OneHour"},
                "newFilter": {},
            }
        }
        path = "/na/notifications/v1/subscriptions/NEW"
        server.answer("GET", path, answer_json({"payload": {**SUBSCRIPTION, "processingDirective": directive}}))
        read = notifications.get_subscription(seller_of(server), "NEW").processing_directive
        assert read is not None
        assert read.event_filter is not None
        assert read.event_filter.order_change_types == ("NewChange",)
        assert read.event_filter.aggregation_time_period == "OneHour"
        assert notifications.directive_document(read) == directive

    def test_settings_with_more_fields_than_the_model_has_stay_as_they_are(self) -> None:
        settings = {"aggregationTimePeriod": "FiveMinutes", "newField": 1}
        document = {"eventFilter": {"eventFilterType": "ANY_OFFER_CHANGED", "aggregationSettings": settings}}
        read = notifications.read_directive(document)
        assert read == ProcessingDirective(EventFilter("ANY_OFFER_CHANGED", other={"aggregationSettings": settings}))
        assert notifications.directive_document(read) == document

    @pytest.mark.parametrize("more", [{}, {"nextToken": None}, {"nextToken": ""}])
    def test_the_last_page_of_subscriptions(self, server: ScriptedServer, more: dict[str, object]) -> None:
        server.answer("GET", "/na/notifications/v1/subscriptions", answer_json({"payload": more}))
        assert notifications.get_subscriptions(seller_of(server), "ORDER_CHANGE") == SubscriptionPage((), None)
        assert server.calls[0].query == {"notificationTypes": "ORDER_CHANGE"}

    def test_a_payload_version_may_be_a_number(self, server: ScriptedServer) -> None:
        path = "/na/notifications/v1/subscriptions/ORDER_CHANGE"
        server.answer("POST", path, answer_json({"payload": {**SUBSCRIPTION, "payloadVersion": 1.0}}))
        made = notifications.create_subscription(seller_of(server), "ORDER_CHANGE", "1.0", "d-1")
        assert made.payload_version == "1.0"

    def test_null_is_not_a_filter(self, server: ScriptedServer) -> None:
        directive = {
            "eventFilter": {"eventFilterType": "ORDER_CHANGE", "marketplaceIds": None, "trackingIdentifier": None}
        }
        path = "/na/notifications/v1/subscriptions/ORDER_CHANGE"
        answer = {**SUBSCRIPTION, "processingDirective": {**directive, "filterExpression": None}}
        server.answer("GET", path, answer_json({"payload": answer}))
        read = notifications.get_subscription(seller_of(server), "ORDER_CHANGE").processing_directive
        assert read == ProcessingDirective(EventFilter("ORDER_CHANGE"))


class TestSolicitations:
    ALREADY = "The requested solicitation is not available for this amazonOrderId."
    WINDOW = "You can't use this feature to request a review outside the 5-30 day range after the order delivery date."

    @pytest.mark.parametrize(
        ("message", "kind"),
        [
            (ALREADY, SolicitationAlreadySentError),
            (WINDOW, SolicitationWindowError),
            ("The day range of this report is too long.", AccessDeniedError),
            ("The order is outside your marketplaces.", AccessDeniedError),
            ("Access to requested resource is denied.", AccessDeniedError),
        ],
    )
    def test_the_refusals_are_told_apart(
        self, server: ScriptedServer, message: str, kind: type[PermanentError]
    ) -> None:
        server.answer("POST", "/na" + SOLICITATION_PATH, errors_json(403, "Unauthorized", message))
        with pytest.raises(PermanentError) as raised:
            solicitations.create_product_review_and_seller_feedback_solicitation(
                seller_of(server), ORDER_ID, MARKETPLACE
            )
        assert type(raised.value) is kind
        assert (raised.value.status, raised.value.code, raised.value.message) == (403, "Unauthorized", message)
        assert len(server.calls) == 1
        assert len(server.token_requests) == 1

    def test_a_broken_connection_sends_no_second_request(self, server: ScriptedServer) -> None:
        server.answer("POST", "/na" + SOLICITATION_PATH, Answer(reset="before"))
        with pytest.raises(TransientError) as raised:
            solicitations.create_product_review_and_seller_feedback_solicitation(
                seller_of(server), ORDER_ID, MARKETPLACE
            )
        assert raised.value.outcome_unknown
        assert len(server.calls) == 1


class TestRotation:
    PATH = "/na/applications/2023-11-30/clientSecret"

    def test_its_scope(self, server: ScriptedServer) -> None:
        server.answer("POST", self.PATH, Answer(204))
        application_management.rotate_application_client_secret(
            application_of(server, Scope.CLIENT_CREDENTIAL_ROTATION)
        )
        assert server.token_requests[0].form["scope"] == "sellingpartnerapi::client_credential:rotation"

    def test_without_a_registered_queue(self, server: ScriptedServer) -> None:
        message = "Application is not enrolled for rotation notification."
        server.answer("POST", self.PATH, errors_json(400, "InvalidInput", message))
        with pytest.raises(InvalidInputError, match=message):
            application_management.rotate_application_client_secret(application_of(server))

    def test_it_is_never_sent_twice(self, server: ScriptedServer) -> None:
        server.answer("POST", self.PATH, Answer(reset="before"))
        with pytest.raises(TransientError) as raised:
            application_management.rotate_application_client_secret(application_of(server))
        assert raised.value.outcome_unknown
        assert len(server.calls) == 1
