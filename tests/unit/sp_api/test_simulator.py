"""The client against the project's simulator: real flows, and each kind of trouble."""

import gzip
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from sp_api import application_management, documents, notifications, reports, solicitations, tokens
from sp_api.caller import Caller, SellingPartnerApi, user_agent
from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.documents import DocumentTruncatedError, DocumentUrlExpiredError
from sp_api.errors import (
    AccessDeniedError,
    AuthorizationError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SellingPartnerApiError,
    SolicitationAlreadySentError,
    SolicitationWindowError,
    ThrottledError,
    TransientError,
)
from sp_api.lwa import ApplicationCredentials, LwaClient, Scope
from sp_api.notifications import EventFilter, OrderChangeType, ProcessingDirective
from sp_api.regions import Environment, Region
from sp_api.reports import (
    CreateReportScheduleSpecification,
    CreateReportSpecification,
    ProcessingStatus,
    ReportFilter,
    SchedulePeriod,
)
from sp_api.tokens import RestrictedResource
from sp_api.transport import make_http
from tests.unit.sp_api.support import Stored
from tests.waiting import SECONDS, assert_quick

REPOSITORY = Path(__file__).resolve().parents[3]
CLIENT_ID = "amzn1.application-oa2-client.simulator"
CLIENT_SECRET = "simulator-client-secret"
SELLER_ID = "A3TH9S8BH6GOGM"
US = "ATVPDKIKX0DER"
LISTINGS = CreateReportSpecification("GET_MERCHANT_LISTINGS_ALL_DATA", [US])
QUEUE_ARN = "arn:aws:sqs:us-east-1:111122223333:notifications"


@dataclass
class Simulator:
    """A running simulator, and the client wired to it as a warm function has it."""

    url: str
    control_http: urllib3.PoolManager
    refresh_token: Stored[str]
    application: Stored[ApplicationCredentials]

    def __post_init__(self) -> None:
        self.http = make_http()
        self.environment = Environment(self.url + "/{sandbox}{region}", self.url + "/auth/o2/token")
        self.api = SellingPartnerApi(
            self.environment,
            LwaClient(self.http, self.environment.lwa_url, self.application),
            self.http,
            user_agent("Test", "1.0"),
        )

    def control(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else json.dumps(body)
        answer = self.control_http.request(method, f"{self.url}/simulator{path}", body=content)
        assert answer.status == 200, answer.data
        return json.loads(answer.data)

    def seller(self, region: Region = Region.NA, seconds: float = 10) -> Caller:
        return self.api.for_seller(SELLER_ID, region, self.refresh_token, Deadline.after(seconds))

    def grantless(self, scope: Scope = Scope.NOTIFICATIONS, region: Region = Region.NA) -> Caller:
        return self.api.grantless(scope, region, Deadline.after(10))

    def fault(self, fault: str, operation: str, count: int = 1, **more: object) -> None:
        self.control("POST", "/faults", {"fault": fault, "operation": operation, "count": count, **more})

    def calls(self, operation: str) -> list[int]:
        """The status of each request of the operation, 0 for one cut off."""
        return [entry["status"] for entry in self.control("GET", f"/requests?operation={operation}")["requests"]]

    def finished_report(self, specification: CreateReportSpecification = LISTINGS) -> reports.Report:
        """Makes a report and waits for its end."""
        report_id = reports.create_report(self.seller(), specification)
        until = time.monotonic() + SECONDS
        while (report := reports.get_report(self.seller(), report_id)).processing_end_time is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        return report

    def document_url(self, report: reports.Report) -> str:
        assert report.report_document_id is not None
        return reports.get_report_document(self.seller(), report.report_document_id, report.report_type).url


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "sp_api_simulator", "--port", "0", "--quiet", "--time-scale", "50"]
    times = ["--queue-seconds", "1", "--processing-seconds", "1", "--rate-limit-scale", "0"]
    environment = {"PYTHONPATH": str(REPOSITORY / "local"), "PATH": os.environ["PATH"]}
    process = subprocess.Popen(
        [*command, *times], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        assert "listening on" in line, line + (process.communicate()[1] if process.poll() is not None else "")
        yield line.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


@pytest.fixture
def simulator(address: str) -> Simulator:
    started = Simulator(
        address,
        urllib3.PoolManager(),
        Stored(""),
        Stored(ApplicationCredentials(CLIENT_ID, CLIENT_SECRET)),
    )
    started.control("POST", "/reset")
    started.control("PUT", "/rate-limits", {"scale": 0})
    started.refresh_token.value = started.control("POST", "/sellers", {"sellerId": SELLER_ID})["refreshToken"]
    return started


class TestReports:
    def test_a_report_from_request_to_document(self, simulator: Simulator) -> None:
        report = simulator.finished_report()
        assert report.processing_status is ProcessingStatus.DONE
        assert report.marketplace_ids == (US,)
        assert report.report_document_id is not None
        found = reports.get_report_document(simulator.seller(), report.report_document_id, report.report_type)
        assert found.compression_algorithm == "GZIP"
        with documents.open_document(simulator.http, found.url, Deadline.after(10)) as document:
            assert document.gzipped
            assert document.charset is not None
            received = document.read()
        served = simulator.control_http.request("GET", f"{simulator.url}/simulator/reports/{report.report_id}/document")
        assert received == served.data
        assert gzip.decompress(received).startswith(b"item-name\t")
        assert simulator.calls("createReport") == [202]
        assert len(simulator.calls("getAccessToken")) == 1

    def test_pages_of_reports(self, simulator: Simulator) -> None:
        made = {reports.create_report(simulator.seller(), LISTINGS) for _ in range(5)}
        listed = reports.list_reports(simulator.seller(), ReportFilter([LISTINGS.report_type], page_size=2))
        assert {report.report_id for report in listed} == made
        assert simulator.calls("getReports") == [200, 200, 200]

    def test_filters_of_reports(self, simulator: Simulator) -> None:
        report = simulator.finished_report()
        day = timedelta(days=1)
        wanted = ReportFilter(
            [LISTINGS.report_type],
            [ProcessingStatus.DONE],
            [US],
            created_since=report.created_time - day,
            created_until=report.created_time + day,
        )
        assert reports.get_reports(simulator.seller(), wanted).reports == (report,)
        other = ReportFilter([LISTINGS.report_type], [ProcessingStatus.FATAL])
        assert reports.get_reports(simulator.seller(), other).reports == ()

    def test_a_report_is_cancelled(self, simulator: Simulator) -> None:
        simulator.control("PUT", "/report-outcomes", {"queueSeconds": 3600})
        report_id = reports.create_report(simulator.seller(), LISTINGS)
        reports.cancel_report(simulator.seller(), report_id)
        assert reports.get_report(simulator.seller(), report_id).processing_status is ProcessingStatus.CANCELLED

    def test_schedules(self, simulator: Simulator) -> None:
        later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        specification = CreateReportScheduleSpecification(
            LISTINGS.report_type, [US], SchedulePeriod.DAYS_30, next_report_creation_time=later
        )
        schedule_id = reports.create_report_schedule(simulator.seller(), specification)
        schedule = reports.get_report_schedule(simulator.seller(), schedule_id)
        assert (schedule.report_type, schedule.period, schedule.marketplace_ids) == (
            LISTINGS.report_type,
            SchedulePeriod.DAYS_30,
            (US,),
        )
        assert schedule.next_report_creation_time == later
        assert reports.get_report_schedules(simulator.seller(), [LISTINGS.report_type]) == (schedule,)
        reports.cancel_report_schedule(simulator.seller(), schedule_id)
        with pytest.raises((NotFoundError, InvalidInputError)):
            reports.get_report_schedule(simulator.seller(), schedule_id)

    def test_a_restricted_report(self, simulator: Simulator) -> None:
        specification = CreateReportSpecification("GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING", [US])
        report = simulator.finished_report(specification)
        assert report.report_document_id is not None
        with pytest.raises(AccessDeniedError):
            reports.get_report_document(simulator.seller(), report.report_document_id)
        with documents.open_document(simulator.http, simulator.document_url(report), Deadline.after(5)) as document:
            assert document.text(100)
        assert simulator.calls("createRestrictedDataToken") == [200]

    def test_an_unknown_document_is_refused_a_restricted_data_token(self, simulator: Simulator) -> None:
        resource = RestrictedResource("GET", "/reports/2021-06-30/documents/amzn1.spdoc.unknown")
        with pytest.raises(InvalidInputError, match="Invalid or unsupported document ID found"):
            tokens.create_restricted_data_token(simulator.seller(), [resource])

    def test_a_fatal_reports_explanation(self, simulator: Simulator) -> None:
        simulator.control("PUT", "/report-outcomes", {"status": "FATAL"})
        report = simulator.finished_report()
        assert report.processing_status is ProcessingStatus.FATAL
        with documents.open_document(simulator.http, simulator.document_url(report), Deadline.after(5)) as document:
            assert json.loads(document.text(4096))["errorDetails"].startswith("A client error occurred.")

    @pytest.mark.parametrize(
        ("document", "charset", "gzipped"),
        [
            ({"compression": "none", "charset": "Cp1252", "text": "Größe"}, "Cp1252", False),
            ({"compression": "declared", "charset": "UTF-8", "text": "Größe"}, "UTF-8", False),
            ({"compression": "gzip", "charset": "Shift_JIS", "text": "商品名"}, "Shift_JIS", True),
            ({"compression": "multi-member-gzip", "charset": "utf8", "text": "Größe"}, "utf8", True),
            ({"compression": "gzip", "charset": None, "text": "Groesse"}, None, True),
            ({"compression": "none", "sizeBytes": 0}, "UTF-8", False),
        ],
    )
    def test_documents_of_every_kind(
        self, simulator: Simulator, document: dict[str, object], charset: str | None, gzipped: bool
    ) -> None:
        simulator.control("PUT", "/report-outcomes", {"document": document})
        url = simulator.document_url(simulator.finished_report())
        with documents.open_document(simulator.http, url, Deadline.after(5)) as opened:
            assert (opened.charset, opened.gzipped) == (charset, gzipped)
            assert opened.text(100) == document.get("text", "")

    def test_a_document_url_that_has_expired(self, simulator: Simulator) -> None:
        url = simulator.document_url(simulator.finished_report())
        simulator.control("PUT", "/clock", {"advanceSeconds": 301})
        with pytest.raises(DocumentUrlExpiredError):
            documents.open_document(simulator.http, url, Deadline.after(5))

    @pytest.mark.parametrize("compression", ["gzip", "none"])
    def test_a_document_that_is_cut(self, simulator: Simulator, compression: str) -> None:
        simulator.control("PUT", "/report-outcomes", {"document": {"compression": compression, "rows": 2000}})
        url = simulator.document_url(simulator.finished_report())
        simulator.fault("truncate", "downloadDocument", afterBytes=5000)
        with (
            pytest.raises(DocumentTruncatedError),
            documents.open_document(simulator.http, url, Deadline.after(5)) as document,
        ):
            document.read()

    def test_invalid_input(self, simulator: Simulator) -> None:
        with pytest.raises(InvalidInputError) as raised:
            reports.create_report(simulator.seller(), CreateReportSpecification("GET_X", []))
        assert raised.value.code == "InvalidInput"
        assert raised.value.request_id
        with pytest.raises((NotFoundError, InvalidInputError)):
            reports.get_report(simulator.seller(), "1")
        with pytest.raises(InvalidInputError):
            reports.get_report_document(simulator.seller(), "50311019412")


class TestNotifications:
    def test_destinations_and_subscriptions(self, simulator: Simulator) -> None:
        application, seller = simulator.grantless(), simulator.seller()
        destination = notifications.create_destination(application, "notifications", QUEUE_ARN)
        assert destination.queue_arn == QUEUE_ARN
        assert notifications.get_destinations(application) == (destination,)
        assert notifications.get_destination(application, destination.destination_id) == destination
        with pytest.raises(ConflictError, match=QUEUE_ARN):
            notifications.create_destination(application, "again", QUEUE_ARN)

        made = notifications.create_subscription(
            seller, "REPORT_PROCESSING_FINISHED", "1.0", destination.destination_id
        )
        assert notifications.get_subscription(seller, "REPORT_PROCESSING_FINISHED") == made
        assert notifications.get_subscription(seller, "REPORT_PROCESSING_FINISHED", "1.0") == made
        assert notifications.get_subscriptions(seller, "REPORT_PROCESSING_FINISHED").subscriptions == (made,)
        by_id = notifications.get_subscription_by_id(application, "REPORT_PROCESSING_FINISHED", made.subscription_id)
        assert by_id == made
        with pytest.raises(ConflictError, match="Subscription already exist"):
            notifications.create_subscription(seller, "REPORT_PROCESSING_FINISHED", "1.0", destination.destination_id)
        with pytest.raises(ConflictError, match="Destination has subscriptions"):
            notifications.delete_destination(application, destination.destination_id)
        notifications.delete_subscription_by_id(application, "REPORT_PROCESSING_FINISHED", made.subscription_id)
        with pytest.raises(NotFoundError):
            notifications.get_subscription(seller, "REPORT_PROCESSING_FINISHED")
        notifications.delete_destination(application, destination.destination_id)
        assert notifications.get_destinations(application) == ()

    def test_a_processing_directive(self, simulator: Simulator) -> None:
        destination = notifications.create_destination(simulator.grantless(), "orders", QUEUE_ARN)
        directive = ProcessingDirective(
            EventFilter("ORDER_CHANGE", order_change_types=(OrderChangeType.ORDER_STATUS_CHANGE,))
        )
        seller = simulator.seller()
        with pytest.raises(InvalidInputError):
            notifications.create_subscription(seller, "ORDER_CHANGE", "1.0", destination.destination_id)
        made = notifications.create_subscription(seller, "ORDER_CHANGE", "1.0", destination.destination_id, directive)
        assert made.processing_directive == directive

    def test_destinations_are_per_region(self, simulator: Simulator) -> None:
        destination = notifications.create_destination(simulator.grantless(), "notifications", QUEUE_ARN)
        assert notifications.get_destinations(simulator.grantless(region=Region.EU)) == ()
        with pytest.raises(InvalidInputError, match="No destination with id"):
            notifications.create_subscription(
                simulator.seller(Region.EU), "REPORT_PROCESSING_FINISHED", "1.0", destination.destination_id
            )

    def test_each_operation_wants_its_own_kind_of_token(self, simulator: Simulator) -> None:
        with pytest.raises(AccessDeniedError):
            notifications.get_destinations(simulator.seller())
        with pytest.raises(AccessDeniedError):
            notifications.get_subscription(simulator.grantless(), "REPORT_PROCESSING_FINISHED")
        assert simulator.calls("getDestinations") == [403]


class TestSolicitations:
    def order(self, simulator: Simulator, **more: object) -> str:
        order_id = f"404-2977735-{uuid.uuid4().int % 10**7:07}"
        simulator.control("PUT", f"/orders/{order_id}", {"sellerId": SELLER_ID, "marketplaceId": US, **more})
        return order_id

    def test_an_order_is_solicited_once(self, simulator: Simulator) -> None:
        order_id = self.order(simulator)
        seller = simulator.seller()
        assert solicitations.get_solicitation_actions_for_order(seller, order_id, US) == (
            solicitations.PRODUCT_REVIEW_AND_SELLER_FEEDBACK,
        )
        solicitations.create_product_review_and_seller_feedback_solicitation(seller, order_id, US)
        assert solicitations.get_solicitation_actions_for_order(seller, order_id, US) == ()
        with pytest.raises(SolicitationAlreadySentError):
            solicitations.create_product_review_and_seller_feedback_solicitation(seller, order_id, US)

    def test_an_order_outside_the_window(self, simulator: Simulator) -> None:
        order_id = self.order(simulator, deliveredAt=datetime.now(UTC).isoformat())
        with pytest.raises(SolicitationWindowError):
            solicitations.create_product_review_and_seller_feedback_solicitation(simulator.seller(), order_id, US)


class TestAuthorization:
    def test_an_authorization_code(self, simulator: Simulator) -> None:
        code = simulator.control("POST", f"/sellers/{SELLER_ID}/authorization-code", {})["authorizationCode"]
        grant = simulator.api.lwa.authorization_code(code, "https://example.com/back", Deadline.after(5))
        simulator.refresh_token.value = grant.refresh_token
        assert reports.create_report(simulator.seller(), LISTINGS)
        with pytest.raises(AuthorizationError) as raised:
            simulator.api.lwa.authorization_code(code, "https://example.com/back", Deadline.after(5))
        assert raised.value.error == "invalid_grant"

    def test_a_revoked_seller_and_one_authorized_again(self, simulator: Simulator) -> None:
        """The access token in hand is refused, the refresh token too; the stored one, when it is new, works at once."""
        reports.get_reports(simulator.seller(), ReportFilter(["GET_X"]))
        simulator.control("POST", f"/sellers/{SELLER_ID}/revoke")
        simulator.refresh_token.held = simulator.refresh_token.value
        with pytest.raises(AuthorizationError) as raised:
            reports.get_reports(simulator.seller(), ReportFilter(["GET_X"]))
        assert raised.value.error == "invalid_grant"
        assert simulator.calls("getReports") == [200, 403]
        authorized = simulator.control("POST", f"/sellers/{SELLER_ID}/authorize", {})
        simulator.refresh_token.held, simulator.refresh_token.value = "Atzr|old", authorized["refreshToken"]
        reports.get_reports(simulator.seller(), ReportFilter(["GET_X"]))

    def test_an_expired_access_token_is_renewed(self, simulator: Simulator) -> None:
        reports.get_reports(simulator.seller(), ReportFilter(["GET_X"]))
        simulator.control("PUT", "/clock", {"advanceSeconds": 3601})
        reports.get_reports(simulator.seller(), ReportFilter(["GET_X"]))
        assert simulator.calls("getReports") == [200, 403, 200]
        assert simulator.calls("getAccessToken") == [200, 200]

    def test_an_expired_client_secret(self, simulator: Simulator) -> None:
        simulator.control("POST", f"/applications/{CLIENT_ID}/expire-secrets")
        with pytest.raises(AuthorizationError, match="rotate the client secret") as raised:
            reports.create_report(simulator.seller(), LISTINGS)
        assert raised.value.error == "invalid_client"
        assert simulator.calls("createReport") == []

    def test_the_client_secret_is_rotated(self, simulator: Simulator) -> None:
        rotation = simulator.grantless(Scope.CLIENT_CREDENTIAL_ROTATION)
        with pytest.raises(InvalidInputError, match="not enrolled for rotation"):
            application_management.rotate_application_client_secret(rotation)
        simulator.control("PUT", f"/applications/{CLIENT_ID}", {"rotationQueueArn": QUEUE_ARN})
        application_management.rotate_application_client_secret(rotation)
        assert simulator.calls("rotateApplicationClientSecret") == [400, 204]

    def test_a_region_that_the_seller_does_not_sell_in(self, simulator: Simulator) -> None:
        added = simulator.control("POST", "/sellers", {"sellerId": SELLER_ID, "regions": ["NA"]})
        simulator.refresh_token.value = added["refreshToken"]
        with pytest.raises(AccessDeniedError):
            reports.create_report(simulator.seller(Region.FE), LISTINGS)
        assert simulator.calls("createReport") == [403]


def create(simulator: Simulator) -> object:
    return reports.create_report(simulator.seller(), LISTINGS)


def look(simulator: Simulator) -> object:
    return reports.get_reports(simulator.seller(), ReportFilter(["GET_X"]))


@pytest.mark.parametrize(
    ("call", "operation", "fault", "kind", "statuses"),
    [
        (look, "getReports", {"fault": "status", "status": 500}, TransientError, [500]),
        (look, "getReports", {"fault": "status", "status": 503}, TransientError, [503]),
        (look, "getReports", {"fault": "status", "status": 429}, ThrottledError, [429]),
        (look, "getReports", {"fault": "status", "status": 403}, AccessDeniedError, [403]),
        (look, "getReports", {"fault": "status", "status": 404}, NotFoundError, [404]),
        (look, "getReports", {"fault": "reset"}, None, [0, 200]),
        (look, "getReports", {"fault": "reset", "count": 2}, TransientError, [0, 0]),
        (create, "createReport", {"fault": "status", "status": 500}, TransientError, [500]),
        (create, "createReport", {"fault": "status", "status": 503}, TransientError, [503]),
        (create, "createReport", {"fault": "status", "status": 429}, ThrottledError, [429]),
        (create, "createReport", {"fault": "reset"}, TransientError, [0]),
        (look, "getAccessToken", {"fault": "status", "status": 500}, TransientError, [500]),
        (look, "getAccessToken", {"fault": "status", "status": 503}, TransientError, [503]),
        (look, "getAccessToken", {"fault": "status", "status": 429}, ThrottledError, [429]),
        (look, "getAccessToken", {"fault": "status", "status": 401}, AuthorizationError, [401]),
        (look, "getAccessToken", {"fault": "reset"}, None, [0, 200]),
        (
            look,
            "getReports",
            {"fault": "status", "status": 502, "body": "<html>", "contentType": "text/html"},
            TransientError,
            [502],
        ),
        (
            look,
            "getReports",
            {"fault": "status", "status": 200, "body": "<html>", "contentType": "text/html"},
            TransientError,
            [200],
        ),
    ],
)
def test_trouble(
    simulator: Simulator,
    call: Callable[[Simulator], object],
    operation: str,
    fault: dict[str, object],
    kind: type[SellingPartnerApiError] | None,
    statuses: list[int],
) -> None:
    """The right class after the right number of requests; the next call works."""
    simulator.control("POST", "/faults", {"operation": operation, **fault})
    if kind is None:
        call(simulator)
    else:
        with pytest.raises(kind) as raised:
            call(simulator)
        assert type(raised.value) is kind
    assert simulator.calls(operation) == statuses
    simulator.control("DELETE", "/faults")
    call(simulator)


def test_a_slow_answer(simulator: Simulator) -> None:
    reports.get_reports(simulator.seller(), ReportFilter(["GET_X"]))

    def call() -> None:
        simulator.fault("slow", "getReports", seconds=2)
        with pytest.raises(DeadlineExceeded):
            reports.get_reports(simulator.seller(seconds=0.3), ReportFilter(["GET_X"]))

    assert_quick(1.8, call)


def test_quotas(simulator: Simulator) -> None:
    """The wait is that of the rate which the last answer named."""
    simulator.control("PUT", "/rate-limits", {"scale": 1, "operations": {"getReports": {"rate": 0.001, "burst": 2}}})
    seller = simulator.seller()
    for _ in range(2):
        reports.get_reports(seller, ReportFilter(["GET_X"]))
    with pytest.raises(ThrottledError) as raised:
        reports.get_reports(seller, ReportFilter(["GET_X"]))
    assert raised.value.code == "QuotaExceeded"
    assert raised.value.retry_after == 1000


@pytest.mark.parametrize("region", list(Region))
def test_the_sandbox_knows_the_published_example_of_create_report(simulator: Simulator, region: Region) -> None:
    """It compares the body word for word, the form of its time included."""
    sandbox = replace(simulator.environment, sandbox=True)
    api = SellingPartnerApi(sandbox, simulator.api.lwa, simulator.http, user_agent("Test", "1.0"))
    caller = api.for_seller(SELLER_ID, region, simulator.refresh_token, Deadline.after(10))
    start = datetime(2024, 3, 10, 20, 11, 24, tzinfo=UTC)
    example = CreateReportSpecification("GET_MERCHANT_LISTINGS_ALL_DATA", ["A1PA6795UKMFR9", US], start)
    assert reports.create_report(caller, example) == "ID323"
