"""Schedules on which SP-API creates reports: reads the requests, deletes and describes schedules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quickstart.refusals import Refusal
from quickstart.times import to_text
from quickstart.validation import Fields
from sp_api import reports
from sp_api.caller import Caller
from sp_api.errors import NotFoundError
from sp_api.regions import Region
from sp_api.reports import CreateReportScheduleSpecification, ReportSchedule, SchedulePeriod


class ScheduleUnknownError(Refusal):
    """SP-API has no such schedule of this seller in this region."""

    status = 404
    code = "ScheduleUnknown"
    field = "ReportScheduleId"

    def __init__(self, seller_id: str, region: Region, report_schedule_id: str) -> None:
        super().__init__(
            f"SP-API has no schedule {report_schedule_id} of seller {seller_id} in region {region}: it was deleted, or "
            "replaced by a later schedule of the same type and marketplaces"
        )


@dataclass(frozen=True)
class CreateRequest:
    """A valid POST /schedules."""

    seller_id: str
    region: Region
    specification: CreateReportScheduleSpecification


@dataclass(frozen=True)
class ListRequest:
    """A valid GET /schedules."""

    seller_id: str
    region: Region
    report_types: Sequence[str]


@dataclass(frozen=True)
class DeleteRequest:
    """A valid DELETE /schedules/{reportScheduleId}."""

    seller_id: str
    region: Region
    report_schedule_id: str


def read_create_request(fields: Fields) -> CreateRequest:
    """Raises InvalidRequestError listing every invalid field."""
    seller_id = fields.seller_id()
    region = fields.region()
    report_type = fields.report_type()
    marketplace_ids = fields.marketplace_ids(region)
    period = fields.choice("Period", SchedulePeriod)
    next_report_creation_time = fields.time("NextReportCreationTime")
    report_options = fields.report_options()
    fields.finish()
    return CreateRequest(
        seller_id,
        region,
        CreateReportScheduleSpecification(
            report_type=report_type,
            marketplace_ids=marketplace_ids,
            period=SchedulePeriod(period),
            report_options=report_options,
            next_report_creation_time=next_report_creation_time,
        ),
    )


def read_list_request(fields: Fields) -> ListRequest:
    """Raises InvalidRequestError listing every invalid field."""
    request = ListRequest(fields.seller_id(), fields.region(), fields.report_types())
    fields.finish()
    return request


def read_delete_request(fields: Fields) -> DeleteRequest:
    """Raises InvalidRequestError listing every invalid field."""
    request = DeleteRequest(fields.seller_id(), fields.region(), fields.report_schedule_id())
    fields.finish()
    return request


def delete_schedule(caller: Caller, request: DeleteRequest) -> None:
    """cancelReportSchedule. Raises ScheduleUnknownError, and what else `sp_api` raises."""
    try:
        reports.cancel_report_schedule(caller, request.report_schedule_id)
    except NotFoundError:
        raise ScheduleUnknownError(request.seller_id, request.region, request.report_schedule_id) from None


def described(schedule: ReportSchedule) -> Mapping[str, object]:
    """The schedule as answers return it, under SP-API's names."""
    answer: dict[str, object] = {
        "reportScheduleId": schedule.report_schedule_id,
        "reportType": schedule.report_type,
        "marketplaceIds": list(schedule.marketplace_ids),
        "period": str(schedule.period),
    }
    if schedule.report_options:
        answer["reportOptions"] = dict(schedule.report_options)
    if schedule.next_report_creation_time is not None:
        answer["nextReportCreationTime"] = to_text(schedule.next_report_creation_time)
    return answer
