"""Requests about schedules, what an answer tells of one, and a schedule that is gone."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from quickstart.refusals import InvalidRequestError
from quickstart.reports.schedules import (
    CreateRequest,
    DeleteRequest,
    ListRequest,
    ScheduleUnknownError,
    delete_schedule,
    described,
    read_create_request,
    read_delete_request,
    read_list_request,
)
from quickstart.validation import Fields
from sp_api.errors import AccessDeniedError
from sp_api.regions import Region
from sp_api.reports import CreateReportScheduleSpecification, ReportSchedule, SchedulePeriod
from tests.unit.sp_api.support import SELLER_ID, ScriptedServer, answer_json, errors_json, seller_of

WHOSE = {"SellerId": SELLER_ID, "RegionCode": "NA"}
BODY = WHOSE | {"ReportType": "GET_X", "MarketplaceIds": "ATVPDKIKX0DER,A2EUQ1WTGCTBG2", "Period": "PT5M"}
SCHEDULE = "/na/reports/2021-06-30/schedules/5"


def test_a_whole_request_is_read() -> None:
    given: dict[str, Any] = {"NextReportCreationTime": "2026-11-21T01:00:00+01:00", "ReportOptions": {"custom": "true"}}
    assert read_create_request(Fields(BODY | given)) == CreateRequest(
        SELLER_ID,
        Region.NA,
        CreateReportScheduleSpecification(
            report_type="GET_X",
            marketplace_ids=("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"),
            period=SchedulePeriod.MINUTES_5,
            report_options={"custom": "true"},
            next_report_creation_time=datetime(2026, 11, 21, tzinfo=UTC),
        ),
    )


def test_which_schedules_are_asked_for() -> None:
    assert read_list_request(Fields(WHOSE | {"ReportTypes": "GET_X,GET_Y"})) == ListRequest(
        SELLER_ID, Region.NA, ("GET_X", "GET_Y")
    )
    assert read_delete_request(Fields(WHOSE | {"ReportScheduleId": "5"})) == DeleteRequest(SELLER_ID, Region.NA, "5")


@pytest.mark.parametrize(
    ("read", "missing"),
    [
        (read_create_request, {"ReportType", "MarketplaceIds", "Period"}),
        (read_list_request, {"ReportTypes"}),
        (read_delete_request, {"ReportScheduleId"}),
    ],
)
def test_every_missing_field_is_named(read: Callable[[Fields], object], missing: set[str]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read(Fields({}))
    assert {error.field for error in caught.value.errors} == {"SellerId", "RegionCode"} | missing


def test_an_answer_has_what_the_schedule_has() -> None:
    schedule = ReportSchedule("5", "GET_X", SchedulePeriod.DAYS_1, ("M1", "M2"))
    told = {"reportScheduleId": "5", "reportType": "GET_X", "marketplaceIds": ["M1", "M2"], "period": "P1D"}
    assert described(schedule) == told
    whole = ReportSchedule(
        "5", "GET_X", SchedulePeriod.DAYS_1, ("M1", "M2"), {"a": "b"}, datetime(2026, 11, 21, tzinfo=UTC)
    )
    assert described(whole) == told | {
        "reportOptions": {"a": "b"},
        "nextReportCreationTime": "2026-11-21T00:00:00+00:00",
    }


def test_a_schedule_that_is_gone_is_unknown(server: ScriptedServer) -> None:
    request = DeleteRequest(SELLER_ID, Region.NA, "5")
    server.answer("DELETE", SCHEDULE, answer_json({}), errors_json(404, "NotFound", "gone"))
    delete_schedule(seller_of(server), request)
    assert len(server.received(SCHEDULE, "DELETE")) == 1
    with pytest.raises(ScheduleUnknownError, match=f"no schedule 5 of seller {SELLER_ID} in region NA") as caught:
        delete_schedule(seller_of(server), request)
    assert (caught.value.status, caught.value.code, caught.value.field) == (404, "ScheduleUnknown", "ReportScheduleId")


def test_another_refusal_of_sp_api_is_its_own(server: ScriptedServer) -> None:
    server.answer("DELETE", SCHEDULE, errors_json(403, "Unauthorized", "denied"))
    with pytest.raises(AccessDeniedError):
        delete_schedule(seller_of(server), DeleteRequest(SELLER_ID, Region.NA, "5"))
