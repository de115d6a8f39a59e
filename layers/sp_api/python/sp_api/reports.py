"""Reports API v2021-06-30: requests reports and schedules, and finds their documents."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sp_api.caller import Caller, Operation, filled
from sp_api.tokens import RestrictedResource, create_restricted_data_token
from sp_api.wire import (
    JsonObject,
    OpenEnum,
    children,
    iso_8601,
    nothing,
    optional_text,
    optional_time,
    string_map,
    text,
    texts,
    time,
    without_nothing,
)

_BASE = "/reports/2021-06-30"
_GET_REPORTS = Operation("getReports", "GET", f"{_BASE}/reports", 0.0222)
_CREATE_REPORT = Operation("createReport", "POST", f"{_BASE}/reports", 0.0167)
_GET_REPORT = Operation("getReport", "GET", f"{_BASE}/reports/{{reportId}}", 2)
_CANCEL_REPORT = Operation("cancelReport", "DELETE", f"{_BASE}/reports/{{reportId}}", 0.0222)
_GET_REPORT_SCHEDULES = Operation("getReportSchedules", "GET", f"{_BASE}/schedules", 0.0222)
_CREATE_REPORT_SCHEDULE = Operation("createReportSchedule", "POST", f"{_BASE}/schedules", 0.0222)
_GET_REPORT_SCHEDULE = Operation("getReportSchedule", "GET", f"{_BASE}/schedules/{{reportScheduleId}}", 0.0222)
_CANCEL_REPORT_SCHEDULE = Operation("cancelReportSchedule", "DELETE", f"{_BASE}/schedules/{{reportScheduleId}}", 0.0222)
_GET_REPORT_DOCUMENT = Operation("getReportDocument", "GET", f"{_BASE}/documents/{{reportDocumentId}}", 0.0167)

# Their documents contain personal data, so getReportDocument requires a restricted data token for them
# (SP-API docs, "Tokens API v2021-03-01 use case guide", restricted report types).
RESTRICTED_REPORT_TYPES = frozenset(
    {
        "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_INVOICING",
        "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_TAX",
        "GET_EASYSHIP_DOCUMENTS",
        "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDERS_RECONCILIATION_DATA_INVOICING",
        "GET_FLAT_FILE_ORDERS_RECONCILIATION_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDERS_RECONCILIATION_DATA_TAX",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_INVOICING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_TAX",
        "GET_GST_MTR_B2B_CUSTOM",
        "GET_ORDER_REPORT_DATA_INVOICING",
        "GET_ORDER_REPORT_DATA_SHIPPING",
        "GET_ORDER_REPORT_DATA_TAX",
        "GET_VAT_TRANSACTION_DATA",
        "SC_VAT_TAX_REPORT",
    }
)


class ProcessingStatus(OpenEnum):
    """The processing status of a report."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    FATAL = "FATAL"


class SchedulePeriod(OpenEnum):
    """How often a schedule creates a report."""

    MINUTES_5 = "PT5M"
    MINUTES_15 = "PT15M"
    MINUTES_30 = "PT30M"
    HOURS_1 = "PT1H"
    HOURS_2 = "PT2H"
    HOURS_4 = "PT4H"
    HOURS_8 = "PT8H"
    HOURS_12 = "PT12H"
    DAYS_1 = "P1D"
    DAYS_2 = "P2D"
    DAYS_3 = "P3D"
    HOURS_84 = "PT84H"
    DAYS_7 = "P7D"
    DAYS_14 = "P14D"
    DAYS_15 = "P15D"
    DAYS_18 = "P18D"
    DAYS_30 = "P30D"
    MONTHS_1 = "P1M"


@dataclass(frozen=True)
class CreateReportSpecification:
    """A report to create, for 1 to 25 marketplaces. Times need an offset from UTC; options depend on the type."""

    report_type: str
    marketplace_ids: Sequence[str]
    data_start_time: datetime | None = None
    data_end_time: datetime | None = None
    report_options: Mapping[str, str] | None = None


@dataclass(frozen=True)
class CreateReportScheduleSpecification:
    """A schedule to create; it replaces one with the same type and marketplaces."""

    report_type: str
    marketplace_ids: Sequence[str]
    period: SchedulePeriod
    report_options: Mapping[str, str] | None = None
    next_report_creation_time: datetime | None = None


@dataclass(frozen=True)
class ReportFilter:
    """Which reports getReports lists: 1 to 10 types, from the last 90 days unless `created_since` is set.

    `page_size` is 1 to 100, and 10 when None.
    """

    report_types: Sequence[str]
    processing_statuses: Sequence[ProcessingStatus] = ()
    marketplace_ids: Sequence[str] = ()
    page_size: int | None = None
    created_since: datetime | None = None
    created_until: datetime | None = None


@dataclass(frozen=True)
class Report:
    """A report at SP-API; times are in UTC. `report_document_id` is set once there is a document."""

    report_id: str
    report_type: str
    processing_status: ProcessingStatus
    created_time: datetime
    marketplace_ids: tuple[str, ...] = ()
    data_start_time: datetime | None = None
    data_end_time: datetime | None = None
    processing_start_time: datetime | None = None
    processing_end_time: datetime | None = None
    report_schedule_id: str | None = None
    report_document_id: str | None = None


@dataclass(frozen=True)
class ReportPage:
    """Part of a list of reports; `next_token` requests the next part and is None on the last."""

    reports: tuple[Report, ...]
    next_token: str | None


@dataclass(frozen=True)
class ReportSchedule:
    """A schedule at SP-API."""

    report_schedule_id: str
    report_type: str
    period: SchedulePeriod
    marketplace_ids: tuple[str, ...] = ()
    report_options: Mapping[str, str] = field(default_factory=dict)
    next_report_creation_time: datetime | None = None


@dataclass(frozen=True)
class ReportDocument:
    """The location of a document. `url` needs no further authorization and is valid for five minutes.

    `compression_algorithm` is "GZIP" or None, and has been wrong (selling-partner-api-models issue 2648).
    """

    report_document_id: str
    url: str = field(repr=False)
    compression_algorithm: str | None = None


def create_report(caller: Caller, specification: CreateReportSpecification) -> str:
    """createReport: requests a report and returns its id. Never sent twice; see TransientError.outcome_unknown."""
    body = without_nothing(
        reportType=specification.report_type,
        marketplaceIds=list(specification.marketplace_ids),
        dataStartTime=_time(specification.data_start_time),
        dataEndTime=_time(specification.data_end_time),
        reportOptions=dict(specification.report_options or {}),
    )
    return caller.call(_CREATE_REPORT, lambda answer: text(answer, "reportId"), body=body)


def get_report(caller: Caller, report_id: str) -> Report:
    """getReport."""
    return caller.call(_GET_REPORT, _report, path={"reportId": report_id})


def get_reports(caller: Caller, report_filter: ReportFilter) -> ReportPage:
    """getReports: the first page. Also lists reports created by other applications, Amazon and Seller Central."""
    page_size = report_filter.page_size
    return caller.call(
        _GET_REPORTS,
        _report_page,
        query={
            "reportTypes": report_filter.report_types,
            "processingStatuses": report_filter.processing_statuses,
            "marketplaceIds": report_filter.marketplace_ids,
            "pageSize": None if page_size is None else str(page_size),
            "createdSince": _time(report_filter.created_since),
            "createdUntil": _time(report_filter.created_until),
        },
    )


def get_next_reports(caller: Caller, next_token: str) -> ReportPage:
    """getReports: the page after the one with this token; SP-API accepts the token only without the filter."""
    return caller.call(_GET_REPORTS, _report_page, query={"nextToken": next_token})


def list_reports(caller: Caller, report_filter: ReportFilter) -> Iterator[Report]:
    """getReports, page after page, until the last or the caller's deadline."""
    page = get_reports(caller, report_filter)
    yield from page.reports
    while page.next_token is not None:
        page = get_next_reports(caller, page.next_token)
        yield from page.reports


def cancel_report(caller: Caller, report_id: str) -> None:
    """cancelReport: cancels a report that is still IN_QUEUE."""
    caller.call(_CANCEL_REPORT, nothing, path={"reportId": report_id})


def create_report_schedule(caller: Caller, specification: CreateReportScheduleSpecification) -> str:
    """createReportSchedule: returns the schedule's id."""
    body = without_nothing(
        reportType=specification.report_type,
        marketplaceIds=list(specification.marketplace_ids),
        period=str(specification.period),
        reportOptions=dict(specification.report_options or {}),
        nextReportCreationTime=_time(specification.next_report_creation_time),
    )
    return caller.call(_CREATE_REPORT_SCHEDULE, lambda answer: text(answer, "reportScheduleId"), body=body)


def get_report_schedules(caller: Caller, report_types: Sequence[str]) -> tuple[ReportSchedule, ...]:
    """getReportSchedules: the schedules of 1 to 10 report types."""
    return caller.call(
        _GET_REPORT_SCHEDULES,
        lambda answer: children(answer, "reportSchedules", _report_schedule),
        query={"reportTypes": report_types},
    )


def get_report_schedule(caller: Caller, report_schedule_id: str) -> ReportSchedule:
    """getReportSchedule."""
    return caller.call(_GET_REPORT_SCHEDULE, _report_schedule, path={"reportScheduleId": report_schedule_id})


def cancel_report_schedule(caller: Caller, report_schedule_id: str) -> None:
    """cancelReportSchedule."""
    caller.call(_CANCEL_REPORT_SCHEDULE, nothing, path={"reportScheduleId": report_schedule_id})


def get_report_document(caller: Caller, report_document_id: str, report_type: str | None = None) -> ReportDocument:
    """getReportDocument: the document's location, valid for five minutes.

    With a restricted `report_type`, a restricted data token for this document is fetched first and used.
    """
    path = {"reportDocumentId": report_document_id}
    token = None
    if report_type in RESTRICTED_REPORT_TYPES:
        resource = RestrictedResource("GET", filled(_GET_REPORT_DOCUMENT.path, path))
        token = create_restricted_data_token(caller, [resource]).token
    return caller.call(_GET_REPORT_DOCUMENT, _report_document, path=path, restricted_data_token=token)


def _report(document: JsonObject) -> Report:
    return Report(
        report_id=text(document, "reportId"),
        report_type=text(document, "reportType"),
        processing_status=ProcessingStatus(text(document, "processingStatus")),
        created_time=time(document, "createdTime"),
        marketplace_ids=texts(document, "marketplaceIds"),
        data_start_time=optional_time(document, "dataStartTime"),
        data_end_time=optional_time(document, "dataEndTime"),
        processing_start_time=optional_time(document, "processingStartTime"),
        processing_end_time=optional_time(document, "processingEndTime"),
        report_schedule_id=optional_text(document, "reportScheduleId"),
        report_document_id=optional_text(document, "reportDocumentId"),
    )


def _report_page(document: JsonObject) -> ReportPage:
    return ReportPage(children(document, "reports", _report), optional_text(document, "nextToken") or None)


def _report_schedule(document: JsonObject) -> ReportSchedule:
    return ReportSchedule(
        report_schedule_id=text(document, "reportScheduleId"),
        report_type=text(document, "reportType"),
        period=SchedulePeriod(text(document, "period")),
        marketplace_ids=texts(document, "marketplaceIds"),
        report_options=string_map(document, "reportOptions"),
        next_report_creation_time=optional_time(document, "nextReportCreationTime"),
    )


def _report_document(document: JsonObject) -> ReportDocument:
    return ReportDocument(
        report_document_id=text(document, "reportDocumentId"),
        url=text(document, "url"),
        compression_algorithm=optional_text(document, "compressionAlgorithm"),
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso_8601(moment)
