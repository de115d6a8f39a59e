"""What the stack's endpoints answer when schedules are looked for and ended."""

from collections.abc import Iterator

import boto3
import pytest

from operations.arrangements import Refusal, ReportSchedule, end_report_schedules, report_schedules
from operations.stack import Stack
from tests.unit.sp_api.support import Answer, ScriptedServer, answer_json, errors_json

SCHEDULE = ReportSchedule("A1", "NA", "schedule1", "GET_MERCHANT_LISTINGS_ALL_DATA", "PT12H")
REFUSED = "schedule schedule1 of seller A1 for GET_MERCHANT_LISTINGS_ALL_DATA every PT12H in NA: "


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def stack(server: ScriptedServer) -> Stack:
    session = boto3.Session("test", "test", region_name="us-east-1")
    outputs = {"ReportSchedulesUrl": f"{server.url}/schedules"}
    return Stack("quick-start", outputs, {}, session.client, lambda url: url, session)


def test_a_quota_is_waited_for(server: ScriptedServer) -> None:
    throttled = errors_json(429, "QuotaExceeded", "later")
    told_how_long = errors_json(429, "QuotaExceeded", "later", headers={"Retry-After": "0"})
    server.answer("DELETE", "/schedules/schedule1", throttled, told_how_long, answer_json({}))
    assert list(end_report_schedules(stack(server), [SCHEDULE])) == [SCHEDULE]
    assert len(server.requests) == 3
    assert {request.query["SellerId"] for request in server.requests} == {"A1"}
    assert all("/execute-api/aws4_request" in request.headers["authorization"] for request in server.requests)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (errors_json(404, "NotFound", "no such schedule"), ""),
        (answer_json({"message": "the seller has left"}, 422), "HTTP 422: the seller has left"),
        (answer_json({"message": "refused", "errors": []}, 403), "HTTP 403: refused"),
        (answer_json({"Message": "not authorized"}, 403), "HTTP 403: your own credentials need execute-api:Invoke"),
        (Answer(500, b"no JSON"), "HTTP 500: "),
    ],
)
def test_an_answer_is_told(server: ScriptedServer, answer: Answer, told: str) -> None:
    server.answer("DELETE", "/schedules/schedule1", answer)
    (outcome,) = end_report_schedules(stack(server), [SCHEDULE])
    if told:
        assert isinstance(outcome, Refusal)
        assert str(outcome).startswith(f"{REFUSED}{told}")
    else:
        assert outcome == SCHEDULE


def test_sp_api_is_asked_for_ten_types_at_once(server: ScriptedServer) -> None:
    types = [f"GET_{number:02}" for number in range(21)]
    found = {"reportScheduleId": "1", "reportType": "GET_00", "period": "P1D"}
    server.answer("GET", "/schedules", answer_json({"reportSchedules": [found]}), answer_json({"reportSchedules": []}))
    assert list(report_schedules(stack(server), {("A1", "EU"): types})) == [
        ReportSchedule("A1", "EU", "1", "GET_00", "P1D")
    ]
    asked = [request.query["ReportTypes"].split(",") for request in server.requests]
    assert asked == [types[:10], types[10:20], types[20:]]
