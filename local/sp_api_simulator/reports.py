"""The Reports API: reports and their life cycle, schedules, and links to report documents."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from sp_api_simulator import delivery
from sp_api_simulator.calls import Answer, Call, body_object, time_field
from sp_api_simulator.clock import timestamp
from sp_api_simulator.documents import DocumentSpecification, StoredDocument, measure
from sp_api_simulator.errors import OperationError, access_denied, invalid_input, missing_parameters
from sp_api_simulator.processing_pages import page_of, page_query
from sp_api_simulator.report_checks import (
    FILTER_VALUES,
    check_count,
    past_time,
    report_options,
    type_and_marketplaces,
    warnings,
)
from sp_api_simulator.state import (
    Delivery,
    Json,
    Outcome,
    ProcessingStatus,
    Region,
    Report,
    ReportSchedule,
    State,
)

RESTRICTED_TYPES = frozenset(
    {
        "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_INVOICING",
        "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_TAX",
        "GET_EASYSHIP_DOCUMENTS",
        "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_INVOICING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDER_REPORT_DATA_TAX",
        "GET_FLAT_FILE_ORDERS_RECONCILIATION_DATA_INVOICING",
        "GET_FLAT_FILE_ORDERS_RECONCILIATION_DATA_SHIPPING",
        "GET_FLAT_FILE_ORDERS_RECONCILIATION_DATA_TAX",
        "GET_GST_MTR_B2B_CUSTOM",
        "GET_ORDER_REPORT_DATA_INVOICING",
        "GET_ORDER_REPORT_DATA_SHIPPING",
        "GET_ORDER_REPORT_DATA_TAX",
        "GET_VAT_TRANSACTION_DATA",
        "SC_VAT_TAX_REPORT",
    }
)
"""Types whose document needs a restricted data token (SP-API docs, "Tokens API use case guide", restricted report
types).
"""

JSON_TYPE_PREFIXES = (
    "GET_SALES_AND_TRAFFIC",
    "GET_BRAND_ANALYTICS",
    "GET_VENDOR_",
    "GET_PROMOTION_PERFORMANCE",
    "GET_COUPON_PERFORMANCE",
)

MINUTE, HOUR, DAY = 60, 3600, 86400
PERIOD_SECONDS = {
    "PT5M": 5 * MINUTE,
    "PT15M": 15 * MINUTE,
    "PT30M": 30 * MINUTE,
    "PT1H": HOUR,
    "PT2H": 2 * HOUR,
    "PT4H": 4 * HOUR,
    "PT8H": 8 * HOUR,
    "PT12H": 12 * HOUR,
    "P1D": DAY,
    "P2D": 2 * DAY,
    "P3D": 3 * DAY,
    "PT84H": 84 * HOUR,
    "P7D": 7 * DAY,
    "P14D": 14 * DAY,
    "P15D": 15 * DAY,
    "P18D": 18 * DAY,
    "P30D": 30 * DAY,
    "P1M": 30 * DAY,
}
"""Schedule periods. A month counts as 30 days."""


async def create_report(state: State, call: Call) -> Answer:
    body = body_object(call)
    report_type, marketplace_ids = type_and_marketplaces(call, body)
    headers = warnings(state, [report_type])
    report_options(body)
    now = state.clock.now()
    start = past_time(body, "dataStartTime", now)
    end = past_time(body, "dataEndTime", now)
    if start > end:
        raise invalid_input("Invalid Input", "dataStartTime must not be after dataEndTime")
    report, outcome = new_report(
        state, call.token.seller_id, call.token.client_id, call.region, report_type, marketplace_ids, start, end
    )
    if outcome.delivery.before_answer:
        await _live(state, report, replace(outcome, queue_seconds=0, processing_seconds=0))
    else:
        state.start(_live(state, report, outcome))
    return Answer(202, {"reportId": report.report_id}, headers)


async def get_report(state: State, call: Call) -> Answer:
    return Answer(200, _report_json(_own_report(state, call)))


async def get_reports(state: State, call: Call) -> Answer:
    """The seller's reports in the region, no matter who requested them, newest first, in pages."""
    query = page_query(state, call, "reportTypes")
    headers = warnings(state, query["types"])
    listed, token = page_of(
        state, call, query, state.reports.values(), lambda report: (report.report_type, report.report_id)
    )
    page: dict[str, Json] = {"reports": [_report_json(report) for report in listed]}
    return Answer(200, page if token is None else page | {"nextToken": token}, headers)


async def cancel_report(state: State, call: Call) -> Answer:
    """Only a report that is still IN_QUEUE can be cancelled."""
    report = _own_report(state, call)
    if report.processing_status is not ProcessingStatus.IN_QUEUE:
        raise invalid_input(
            "Invalid Input", f"Report {report.report_id} is {report.processing_status} and cannot be cancelled"
        )
    now = state.clock.now()
    cancelled = replace(report, processing_status=ProcessingStatus.CANCELLED, processing_end=now)
    state.reports[report.report_id] = cancelled
    state.start(_notify(state, cancelled, Delivery()))
    return Answer(200)


async def create_report_schedule(state: State, call: Call) -> Answer:
    """A schedule with the same type and marketplaces is replaced."""
    body = body_object(call)
    report_type, marketplace_ids = type_and_marketplaces(call, body, "period")
    headers = warnings(state, [report_type])
    options = report_options(body)
    period = body["period"]
    if not isinstance(period, str) or period not in PERIOD_SECONDS:
        raise invalid_input("Invalid Input", f"period must be one of {', '.join(PERIOD_SECONDS)}")
    first = body.get("nextReportCreationTime")
    next_creation = (
        state.clock.moment_after(PERIOD_SECONDS[period])
        if first is None
        else time_field(first, "nextReportCreationTime")
    )
    schedule = ReportSchedule(
        next_id(state),
        call.token.seller_id,
        call.token.client_id,
        call.region,
        report_type,
        marketplace_ids,
        options,
        period,
        next_creation,
    )
    for existing in _own_schedules(state, call):
        if existing.report_type == report_type and set(existing.marketplace_ids) == set(marketplace_ids):
            del state.schedules[existing.report_schedule_id]
    state.schedules[schedule.report_schedule_id] = schedule
    state.start(_run_schedule(state, schedule.report_schedule_id))
    return Answer(201, {"reportScheduleId": schedule.report_schedule_id}, headers)


async def get_report_schedules(state: State, call: Call) -> Answer:
    report_types = call.list_parameter("reportTypes")
    if not report_types:
        raise missing_parameters(["reportTypes"])
    check_count("reportTypes", report_types, FILTER_VALUES)
    headers = warnings(state, report_types)
    found = [
        _schedule_json(schedule) for schedule in _own_schedules(state, call) if schedule.report_type in report_types
    ]
    return Answer(200, {"reportSchedules": found}, headers)


async def get_report_schedule(state: State, call: Call) -> Answer:
    return Answer(200, _schedule_json(_own_schedule(state, call)))


async def cancel_report_schedule(state: State, call: Call) -> Answer:
    del state.schedules[_own_schedule(state, call).report_schedule_id]
    return Answer(200)


async def get_report_document(state: State, call: Call) -> Answer:
    """400 for an unknown document (jlevers/selling-partner-api issue 487); 403 for a restricted report without a
    restricted data token.
    """
    document = own_document(state, call.token.seller_id, call.region, call.path["reportDocumentId"])
    if document is None:
        raise invalid_input(f"Invalid reportDocumentId {call.path['reportDocumentId']}")
    if document.report_type in RESTRICTED_TYPES and not call.token.restricted_resources:
        raise access_denied()
    return document_answer(state, call, document, "reportDocumentId")


def document_answer(state: State, call: Call, document: StoredDocument, id_field: str) -> Answer:
    """The link to a document of a report or a feed."""
    encoded = call.query.get("enableContentEncodingUrlHeader", "false")
    if encoded not in ("true", "false"):
        raise invalid_input("Invalid Input", "enableContentEncodingUrlHeader must be true or false")
    labelled = document.specification.labelled_gzip
    encoding = ("gzip" if encoded == "true" else "identity") if labelled else ""
    lifetime = state.settings.document_url_seconds
    url = state.document_links.make(call.base_url, document.document_id, encoding, state.clock.now(), lifetime)
    body = {id_field: document.document_id, "url": url}
    return Answer(200, body | {"compressionAlgorithm": "GZIP"} if labelled else body)


def own_document(state: State, seller_id: str, region: Region, document_id: str) -> StoredDocument | None:
    document = state.documents.get(document_id)
    return document if document is not None and (document.seller_id, document.region) == (seller_id, region) else None


def new_report(
    state: State,
    seller_id: str,
    client_id: str,
    region: Region,
    report_type: str,
    marketplace_ids: tuple[str, ...],
    data_start: datetime,
    data_end: datetime,
    report_schedule_id: str = "",
) -> tuple[Report, Outcome]:
    """Stores a report IN_QUEUE and chooses how it will end."""
    report = Report(
        next_id(state),
        seller_id,
        client_id,
        region,
        report_type,
        marketplace_ids,
        state.clock.now(),
        ProcessingStatus.IN_QUEUE,
        data_start,
        data_end,
        report_schedule_id,
    )
    state.reports[report.report_id] = report
    return report, _choose_outcome(state, report)


async def finish_now(state: State, report: Report, outcome: Outcome) -> None:
    """Finishes a report without waiting."""
    await _live(state, report, replace(outcome, queue_seconds=0, processing_seconds=0))


def resume(state: State) -> None:
    """Begins again with the reports that were not finished, and waits for the schedules, after a restart."""
    for report in list(state.reports.values()):
        if report.processing_status in (ProcessingStatus.IN_QUEUE, ProcessingStatus.IN_PROGRESS):
            waiting = replace(report, processing_status=ProcessingStatus.IN_QUEUE, processing_start=None)
            state.reports[report.report_id] = waiting
            state.start(_live(state, waiting, default_outcome(state)))
    for report_schedule_id in list(state.schedules):
        state.start(_run_schedule(state, report_schedule_id))


def default_outcome(state: State) -> Outcome:
    """DONE with a gzip document, after the times in the settings."""
    return Outcome(
        ProcessingStatus.DONE,
        DocumentSpecification(),
        Delivery(),
        state.settings.queue_seconds,
        state.settings.processing_seconds,
    )


def _default_format(report_type: str) -> str:
    if report_type.startswith(JSON_TYPE_PREFIXES):
        return "json"
    return "xml" if "_XML_" in report_type else "tsv"


async def _live(state: State, report: Report, outcome: Outcome) -> None:
    """The life cycle of a report: IN_QUEUE, IN_PROGRESS, its end, its notification."""
    await state.clock.sleep(outcome.queue_seconds)
    report = state.reports[report.report_id]
    if report.processing_status is not ProcessingStatus.IN_QUEUE:
        return
    report = replace(report, processing_status=ProcessingStatus.IN_PROGRESS, processing_start=state.clock.now())
    state.reports[report.report_id] = report
    await state.clock.sleep(outcome.processing_seconds)
    document = await asyncio.to_thread(_make_document, report, outcome.document)
    if document is not None:
        state.documents[document.document_id] = document
    report = replace(
        report,
        processing_status=outcome.status,
        processing_end=state.clock.now(),
        report_document_id="" if document is None else document.document_id,
    )
    state.reports[report.report_id] = report
    await _notify(state, report, outcome.delivery)


async def _notify(state: State, report: Report, manner: Delivery) -> None:
    await delivery.send_in_manner(state, delivery.report_finished(state, report), manner)


def _make_document(report: Report, specification: DocumentSpecification | None) -> StoredDocument | None:
    if specification is None:
        return None
    if not specification.format:
        specification = replace(specification, format=_default_format(report.report_type))
    return StoredDocument(
        new_document_id("amzn1.spdoc.1.4", report.region),
        report.report_id,
        report.seller_id,
        report.region,
        report.report_type,
        specification,
        measure(specification),
    )


def new_document_id(start: str, region: Region) -> str:
    """An id in the form of Amazon's."""
    tail = "".join(secrets.choice("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(13))
    return f"{start}.{region.lower()}.{uuid.uuid4()}.T{tail}.{secrets.randbelow(9000) + 1000}"


def _choose_outcome(state: State, report: Report) -> Outcome:
    for index, rule in enumerate(state.outcome_rules):
        if rule.report_type in ("", report.report_type) and rule.seller_id in ("", report.seller_id):
            if rule.remaining is not None and rule.remaining > 1:
                state.outcome_rules[index] = replace(rule, remaining=rule.remaining - 1)
            elif rule.remaining is not None:
                del state.outcome_rules[index]
            return rule.outcome
    return default_outcome(state)


async def _run_schedule(state: State, report_schedule_id: str) -> None:
    while (schedule := state.schedules.get(report_schedule_id)) is not None:
        await state.clock.sleep_until(schedule.next_creation)
        if report_schedule_id not in state.schedules:
            return
        now = state.clock.now()
        since = now - timedelta(seconds=PERIOD_SECONDS[schedule.period])
        report, outcome = new_report(
            state,
            schedule.seller_id,
            schedule.client_id,
            schedule.region,
            schedule.report_type,
            schedule.marketplace_ids,
            since,
            now,
            report_schedule_id,
        )
        state.start(_live(state, report, outcome))
        state.schedules[report_schedule_id] = replace(
            schedule, next_creation=state.clock.moment_after(PERIOD_SECONDS[schedule.period])
        )


def next_id(state: State) -> str:
    """An id that looks like Amazon's: a number that grows in irregular steps."""
    state.next_report_id += 1 + secrets.randbelow(1000)
    return str(state.next_report_id)


def _owned(resource: Report | ReportSchedule, call: Call) -> bool:
    return resource.seller_id == call.token.seller_id and resource.region == call.region


def _own_report(state: State, call: Call) -> Report:
    report = state.reports.get(call.path["reportId"])
    if report is None or not _owned(report, call):
        raise OperationError(404, "NotFound", "One or more of the provided ReportRequestIds could not be found.")
    return report


def _own_schedules(state: State, call: Call) -> list[ReportSchedule]:
    return [schedule for schedule in state.schedules.values() if _owned(schedule, call)]


def _own_schedule(state: State, call: Call) -> ReportSchedule:
    schedule = state.schedules.get(call.path["reportScheduleId"])
    if schedule is None or not _owned(schedule, call):
        raise OperationError(404, "NotFound", "The provided reportScheduleId could not be found.")
    return schedule


def _report_json(report: Report) -> Json:
    body: dict[str, Json] = {
        "marketplaceIds": list(report.marketplace_ids),
        "reportId": report.report_id,
        "reportType": report.report_type,
        "dataStartTime": timestamp(report.data_start),
        "dataEndTime": timestamp(report.data_end),
        "createdTime": timestamp(report.created),
        "processingStatus": str(report.processing_status),
    }
    optional = {
        "reportScheduleId": report.report_schedule_id,
        "processingStartTime": timestamp(report.processing_start) if report.processing_start else "",
        "processingEndTime": timestamp(report.processing_end) if report.processing_end else "",
        "reportDocumentId": report.report_document_id,
    }
    return body | {name: value for name, value in optional.items() if value}


def _schedule_json(schedule: ReportSchedule) -> Json:
    body: dict[str, Json] = {
        "reportScheduleId": schedule.report_schedule_id,
        "reportType": schedule.report_type,
        "marketplaceIds": list(schedule.marketplace_ids),
        "period": schedule.period,
        "nextReportCreationTime": timestamp(schedule.next_creation),
    }
    return body | {"reportOptions": dict(schedule.report_options)} if schedule.report_options else body
