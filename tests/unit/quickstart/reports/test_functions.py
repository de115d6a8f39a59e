"""What the functions of reports and subscriptions hand to the parts that do the work, and what they answer."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from quickstart import callers, clients, settings
from quickstart.call_slots import CallSlots
from quickstart.notifications import wiring as notifications
from quickstart.notifications.ending import Ended
from quickstart.notifications.subscription_requests import SubscriptionQuery, SubscriptionRequest
from quickstart.paced_calls import PacedCalls
from quickstart.reports import wiring
from quickstart.reports.announcement import FinishedReport
from quickstart.reports.ledger import StoredReport
from quickstart.reports.reading import ListRequest
from quickstart.reports.retrieval import RetrievalRequest
from quickstart.reports.schedules import DeleteRequest
from quickstart.reports.storage import ReportDocument
from quickstart.validation import Fields
from reference.endpoints import CHECKOUT, _load
from sp_api import reports
from sp_api.notifications import Subscription
from sp_api.regions import Region
from sp_api.reports import CreateReportScheduleSpecification, ReportSchedule, SchedulePeriod
from tests.unit.quickstart.support import Aws, Context, MemoryTable

STEP = {"SellerId": "A1", "RegionCode": "EU", "ReportId": "7", "Execution": "A1-7-DONE"}
DEADLINE = "deadline"


class Parts:
    """Replaces a part by one that notes what it is given, and returns a result of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.given: dict[str, list[Any]] = {}

    def stand_in(self, module: Any, name: str, result: object) -> None:
        def part(*given: object, **named: object) -> object:
            self.given[name] = [*given, *([named] if named else [])]
            return result

        self.monkeypatch.setattr(module, name, part)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    made = Parts(monkeypatch)
    monkeypatch.setattr(settings, "required", lambda name: f"<{name}>")
    monkeypatch.setattr(callers, "seller", lambda *given: ("seller", *given))
    monkeypatch.setattr(callers, "application", lambda *given: ("application", *given))
    for name in ("reports_table", "report_ledger", "open_requests", "report_topic", "report_links"):
        monkeypatch.setattr(wiring, name, lambda name=name: f"the {name}")
    for name in ("destinations", "queue_arns"):
        monkeypatch.setattr(notifications, name, lambda name=name: f"the {name}")
    for name in ("http", "s3_documents", "states"):
        monkeypatch.setattr(clients, name, lambda name=name: f"the client {name}")
    return made


def app(function: str) -> Any:
    loaded: Any = _load(CHECKOUT / f"functions/{function}/app.py")
    if hasattr(loaded, "http_api"):
        loaded.http_api = SimpleNamespace(call_deadline=lambda: DEADLINE, answer=loaded.http_api.answer)
    return loaded


def answered(document: Mapping[str, object]) -> Any:
    return SimpleNamespace(to_workflow=lambda: document, attributes=lambda: document)


@pytest.mark.parametrize(("elsewhere", "ignored"), [("ignore", True), ("deliver", False)])
def test_a_report_is_retrieved_with_the_sellers_slots(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, elsewhere: str, ignored: bool
) -> None:
    table = MemoryTable(Aws(), "ReportId", "SellerId").table
    monkeypatch.setattr(wiring, "reports_table", lambda: table)
    monkeypatch.setattr(settings, "required", lambda name: elsewhere if name == "REPORTS_MADE_ELSEWHERE" else "?")
    function = app("report_document_retrieval")
    parts.stand_in(function, "retrieve_report", answered({"Report": {}}))
    event = STEP | {"AskedForHere": True, "RetrievalsLeft": 6, "Slot": {"Operation": "getReport"}}
    assert function.handler(event, Context()) == {"Report": {}}
    request, calls, ledger, opened = parts.given["retrieve_report"]
    assert request == RetrievalRequest("A1", Region.EU, "7", True, 6, ignored)
    assert (ledger, opened) == ("the report_ledger", "the open_requests")
    assert isinstance(calls, PacedCalls)
    assert calls.slot == {"Operation": "getReport"}
    assert calls.seller()[:3] == ("seller", "A1", Region.EU)  # type: ignore[index]
    slots = calls.slots("getReport")
    assert isinstance(slots, CallSlots)
    assert (slots.table, slots.key) == (table, {"ReportId": "SLOTS#getReport#EU", "SellerId": "A1"})


def test_an_explanation_is_retrieved_by_its_document(parts: Parts) -> None:
    function = app("report_document_retrieval")
    parts.stand_in(function, "retrieve_explanation", answered({"Explanation": "why"}))
    event = STEP | {"ReportType": "GET_X", "ExplanationDocumentId": "d-7"}
    assert function.handler(event, Context()) == {"Explanation": "why"}
    calls, http, report_type, document_id, deadline = parts.given["retrieve_explanation"]
    assert (calls.slot, http, report_type, document_id) == (None, "the client http", "GET_X", "d-7")
    # Some seconds are left to answer.
    assert 24 < deadline.remaining() <= 25


def test_a_document_is_stored_while_ten_seconds_are_left(parts: Parts) -> None:
    function = app("report_document_storage")
    parts.stand_in(function, "store_once", StoredReport("key", 1, "ab", gzipped=False))
    event = STEP | {
        "ReportType": "GET_X",
        "CreatedTime": "2026-11-21T05:00:00+00:00",
        "ReportDocumentUrl": "https://document",
    }
    stored = {"ObjectKey": "key", "SizeBytes": 1, "Sha256": "ab", "CompressionAlgorithm": "NONE"}
    assert function.handler(event, Context()) == stored
    *given, deadline = parts.given["store_once"]
    created = datetime(2026, 11, 21, 5, tzinfo=UTC)
    document = ReportDocument("A1", "7", "GET_X", created, "https://document")
    assert given == [document, "the client http", "the client s3_documents", "<REPORTS_BUCKET>", "the report_ledger"]
    assert 19 < deadline.remaining() <= 20


@pytest.mark.parametrize("slot", [None, True, False])
def test_a_report_is_announced(parts: Parts, slot: bool | None) -> None:
    function = app("report_presigned_url_generator")
    parts.stand_in(function, "announce_report", "m-1")
    event: dict[str, Any] = STEP | {"ReportType": "GET_X", "ReportStatus": "FATAL"}
    if slot is not None:
        event["AnnouncementSlot"] = slot
    assert function.handler(event, Context()) == {"NotificationMessageId": "m-1"}
    assert parts.given["announce_report"] == [
        FinishedReport("A1", "7", "GET_X", "FATAL"),
        "the report_ledger",
        "the report_topic",
        "the report_links",
        "<REPORT_CREATOR_URL>",
        {"slot_taken": slot},
    ]


def test_a_failure_is_announced_under_its_executions_name(parts: Parts, log_lines: Callable[[], list[Any]]) -> None:
    function = app("report_failure_notifier")
    failed = SimpleNamespace(execution_name="A1-7-DONE")

    def announce(*given: object) -> None:
        parts.given["announce_failure"] = list(given)
        function.invocation.logger().info("announced")

    parts.stand_in(function, "read_failure", failed)
    parts.monkeypatch.setattr(function, "announce_failure", announce)
    assert function.handler({"detail": {}}, Context()) is None
    assert parts.given["read_failure"] == [{"detail": {}}, "the client states"]
    assert parts.given["announce_failure"] == [failed, "the report_ledger", "the report_topic"]
    (line,) = log_lines()
    assert line["execution"] == "A1-7-DONE"


def test_reports_are_read(parts: Parts) -> None:
    function = app("report_reader")
    parts.stand_in(function, "list_reports", {"reports": []})
    parts.stand_in(function, "read_report", {"reportId": "7"})
    assert function.ROUTES["GET /reports"](Fields({"SellerId": "A1"})) == {"reports": []}
    table, request, now = parts.given["list_reports"]
    assert (table, request) == ("the reports_table", ListRequest("A1", 20, None))
    assert abs((now - datetime.now(UTC)).total_seconds()) < 60
    found = function.ROUTES["GET /reports/{reportId}"](Fields({"SellerId": "A1", "ReportId": "7"}))
    assert found == {"reportId": "7"}
    assert parts.given["read_report"][:4] == ["the reports_table", "the report_links", "A1", "7"]


def test_schedules_are_made_listed_and_deleted(parts: Parts) -> None:
    function = app("report_schedules")
    whose = {"SellerId": "A1", "RegionCode": "NA"}
    seller = ("seller", "A1", Region.NA, DEADLINE)
    parts.stand_in(reports, "create_report_schedule", "5")
    parts.stand_in(reports, "get_report_schedules", (ReportSchedule("5", "GET_X", SchedulePeriod.DAYS_1),))
    parts.stand_in(function, "delete_schedule", None)
    fields = whose | {"ReportType": "GET_X", "MarketplaceIds": "ATVPDKIKX0DER", "Period": "P1D"}
    assert function.ROUTES["POST /schedules"](Fields(fields)) == {"reportScheduleId": "5"}
    specification = CreateReportScheduleSpecification("GET_X", ("ATVPDKIKX0DER",), SchedulePeriod.DAYS_1)
    assert parts.given["create_report_schedule"] == [seller, specification]
    assert function.ROUTES["GET /schedules"](Fields(whose | {"ReportTypes": "GET_X"})) == {
        "reportSchedules": [{"reportScheduleId": "5", "reportType": "GET_X", "marketplaceIds": [], "period": "P1D"}]
    }
    assert parts.given["get_report_schedules"] == [seller, ("GET_X",)]
    deleted = function.ROUTES["DELETE /schedules/{reportScheduleId}"](Fields(whose | {"ReportScheduleId": "5"}))
    assert deleted == {"reportScheduleId": "5", "status": "SUCCESS"}
    assert parts.given["delete_schedule"] == [seller, DeleteRequest("A1", Region.NA, "5")]


WHOSE = {"SellerId": "A1", "RegionCode": "NA"}
SELLER, APPLICATION = ("seller", "A1", Region.NA, DEADLINE), ("application", Region.NA, DEADLINE)


def test_a_seller_is_subscribed(parts: Parts) -> None:
    function = app("notifications_subscriber")
    asked: list[object] = []

    def subscribe(request: SubscriptionRequest) -> Subscription:
        asked.append(request)
        return Subscription("s-1", "d-1", "1.0")

    parts.stand_in(notifications, "subscriber", SimpleNamespace(subscribe=subscribe))
    answer = function.ROUTES["POST /notifications"](Fields(WHOSE | {"NotificationType": "FEE_PROMOTION"}))
    assert answer == {"destinationId": "d-1", "subscriptionId": "s-1", "payloadVersion": "1.0"}
    assert parts.given["subscriber"] == [SELLER, APPLICATION, "FEE_PROMOTION"]
    assert asked == [SubscriptionRequest("A1", Region.NA, "FEE_PROMOTION")]


def test_subscriptions_are_listed(parts: Parts) -> None:
    function = app("notifications_subscriber")
    records = SimpleNamespace(of_seller=lambda *given: ("records", *given))
    parts.monkeypatch.setattr(notifications, "subscription_records", lambda: records)
    listed = SimpleNamespace(described=lambda: {"subscriptions": [], "notCompared": []})
    parts.stand_in(function.subscription_list, "list_subscriptions", listed)
    answer = function.ROUTES["GET /notifications"](Fields(WHOSE | {"NotificationType": "FEE_PROMOTION"}))
    assert answer == {"sellerId": "A1", "regionCode": "NA", "subscriptions": [], "notCompared": []}
    recorded = ("records", "A1", Region.NA, "FEE_PROMOTION")
    assert parts.given["list_subscriptions"] == [SELLER, recorded, "FEE_PROMOTION"]


@pytest.mark.parametrize("not_compared", [None, "no token"])
def test_a_subscription_is_ended(parts: Parts, not_compared: str | None) -> None:
    function = app("notifications_subscriber")
    parts.monkeypatch.setattr(notifications, "subscription_records", lambda: "the records")
    parts.stand_in(function, "unsubscribe", Ended(("s-1", "s-2"), True, not_compared))
    end = function.ROUTES["DELETE /notifications/{notificationType}"]
    more = {} if not_compared is None else {"notCompared": not_compared}
    assert end(Fields(WHOSE | {"NotificationType": "FEE_PROMOTION"})) == {
        "sellerId": "A1",
        "regionCode": "NA",
        "notificationType": "FEE_PROMOTION",
        "subscriptionIds": ["s-1", "s-2"],
        "destinationRemoved": True,
        **more,
    }
    query, seller, *rest = parts.given["unsubscribe"]
    assert query == SubscriptionQuery("A1", Region.NA, "FEE_PROMOTION")
    assert seller() == SELLER
    assert rest == [APPLICATION, "the destinations", "the records", "the queue_arns"]
