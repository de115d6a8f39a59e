"""POST, GET and DELETE /schedules: reports that SP-API creates at regular intervals."""

from collections.abc import Mapping
from typing import Any

from quickstart import callers, http_api
from quickstart.invocation import Context
from quickstart.reports.schedules import (
    delete_schedule,
    described,
    read_create_request,
    read_delete_request,
    read_list_request,
)
from quickstart.validation import Fields
from sp_api import reports
from sp_api.caller import Caller
from sp_api.regions import Region


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{SellerId, RegionCode, ReportType, MarketplaceIds, Period, NextReportCreationTime?, ReportOptions?} ->
    {"reportScheduleId"}; {SellerId, RegionCode, ReportTypes} -> {"reportSchedules"}; {SellerId, RegionCode,
    ReportScheduleId} -> {"reportScheduleId", "status": "SUCCESS"}.
    """
    return http_api.answer(event, context, ROUTES)


def _create(fields: Fields) -> Mapping[str, object]:
    """Schedules a recurring report at SP-API; replaces a schedule of the same type and marketplaces."""
    request = read_create_request(fields)
    caller = _seller(request.seller_id, request.region)
    return {"reportScheduleId": reports.create_report_schedule(caller, request.specification)}


def _list(fields: Fields) -> Mapping[str, object]:
    """Lists the seller's schedules of the given report types."""
    request = read_list_request(fields)
    schedules = reports.get_report_schedules(_seller(request.seller_id, request.region), request.report_types)
    return {"reportSchedules": [described(schedule) for schedule in schedules]}


def _delete(fields: Fields) -> Mapping[str, object]:
    """Deletes a schedule."""
    request = read_delete_request(fields)
    delete_schedule(_seller(request.seller_id, request.region), request)
    return {"reportScheduleId": request.report_schedule_id, "status": "SUCCESS"}


def _seller(seller_id: str, region: Region) -> Caller:
    return callers.seller(seller_id, region, http_api.call_deadline())


ROUTES: Mapping[str, http_api.Action] = {
    "POST /schedules": _create,
    "GET /schedules": _list,
    "DELETE /schedules/{reportScheduleId}": _delete,
}
