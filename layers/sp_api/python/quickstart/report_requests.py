"""Reads a POST /reports and turns it into SP-API's createReport."""

from dataclasses import dataclass

from quickstart.validation import Fields
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification


@dataclass(frozen=True)
class ReportRequest:
    """A valid POST /reports."""

    seller_id: str
    region: Region
    specification: CreateReportSpecification


def read_request(fields: Fields) -> ReportRequest:
    """Raises InvalidRequestError with every field that is wrong."""
    seller_id = fields.seller_id()
    region = fields.region()
    report_type = fields.report_type()
    marketplace_ids = fields.marketplace_ids(region)
    start = fields.time("ReportDataStartTime")
    end = fields.time("ReportDataEndTime")
    fields.in_order(("ReportDataStartTime", start), ("ReportDataEndTime", end))
    report_options = fields.report_options()
    fields.finish()
    return ReportRequest(
        seller_id,
        region,
        CreateReportSpecification(
            report_type=report_type,
            marketplace_ids=marketplace_ids,
            data_start_time=start,
            data_end_time=end,
            report_options=report_options,
        ),
    )
