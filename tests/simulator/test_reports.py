"""The Reports API: validation, life cycle, paging, cancellation, schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.simulator.conftest import running_simulator
from tests.simulator.support import (
    CLIENT_ID,
    CLIENT_SECRET,
    DESTINATIONS,
    LISTINGS,
    MARKETPLACES,
    QUEUE_ARN,
    REPORTS,
    SCHEDULES,
    SUBSCRIPTIONS,
    US,
    Contract,
    RecordingQueue,
    Simulator,
    eventually,
)

NOT_FOUND = ("NotFound", "One or more of the provided ReportRequestIds could not be found.", "")


def test_a_report_passes_through_its_states(simulator: Simulator) -> None:
    simulator.control("PUT", "/clock", {"scale": 25})
    token = simulator.seller()
    report_id = simulator.create_report(token)
    seen: list[Any] = []
    while not seen or seen[-1]["processingStatus"] != "DONE":
        report = simulator.call("GET", f"{REPORTS}/{report_id}", token, status=200).json
        if not seen or report["processingStatus"] != seen[-1]["processingStatus"]:
            seen.append(report)
    assert [report["processingStatus"] for report in seen] == ["IN_QUEUE", "IN_PROGRESS", "DONE"]
    assert seen[0].keys() == {
        "marketplaceIds",
        "reportId",
        "reportType",
        "dataStartTime",
        "dataEndTime",
        "createdTime",
        "processingStatus",
    }
    assert seen[1].keys() - seen[0].keys() == {"processingStartTime"}
    assert seen[2].keys() - seen[1].keys() == {"processingEndTime", "reportDocumentId"}
    assert seen[2]["createdTime"].endswith("+00:00")
    assert report_id.isdecimal()


def test_the_clock_decides_how_long_a_report_takes(simulator: Simulator) -> None:
    simulator.control("PUT", "/clock", {"scale": 0.001})
    token = simulator.seller()
    report_id = simulator.create_report(token)
    assert simulator.call("GET", f"{REPORTS}/{report_id}", token).json["processingStatus"] == "IN_QUEUE"
    simulator.control("PUT", "/clock", {"advanceSeconds": 5})
    eventually(lambda: simulator.call("GET", f"{REPORTS}/{report_id}", token).json["processingStatus"] == "IN_PROGRESS")
    simulator.control("PUT", "/clock", {"scale": 1000})
    assert simulator.finished(token, report_id)["processingStatus"] == "DONE"


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, "marketplaceIds;reportType;"),
        ({"reportType": LISTINGS}, "marketplaceIds;"),
        ({"reportType": LISTINGS, "marketplaceIds": []}, "marketplaceIds;"),
        ({"marketplaceIds": [US]}, "reportType;"),
    ],
)
def test_missing_fields(simulator: Simulator, body: Any, details: str) -> None:
    answer = simulator.call("POST", REPORTS, simulator.seller(), body, status=400)
    assert answer.error == ("InvalidInput", "One or more required parameters missing", details)


@pytest.mark.parametrize(
    "change",
    [
        {"marketplaceIds": [US] * 26},
        {"marketplaceIds": US},
        {"marketplaceIds": [1]},
        {"reportType": "no such type"},
        {"reportType": 7},
        {"reportType": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"},
        {"reportOptions": {"aggregate": True}},
        {"reportOptions": "aggregate=true"},
        {"marketplaceIds": ["A1PA6795UKMFR9"]},
        {"marketplaceIds": [US, "A1PA6795UKMFR9"]},
        {"marketplaceIds": ["NOSUCHMARKET"]},
        {"dataStartTime": "yesterday"},
        {"dataStartTime": "2025-02-01"},
        {"dataStartTime": "2025-02-01T00:00:00"},
        {"dataStartTime": "2025-02-01T00:00Z"},
        {"dataStartTime": "2025-02-01 00:00:00Z"},
        {"dataStartTime": "20250201T000000Z"},
        {"dataStartTime": "2025-W05-6T00:00:00Z"},
        {"dataStartTime": "2025-02-01T00:00:00,5Z"},
        {"dataStartTime": "2025-02-01T00:00:00+0100"},
        {"dataStartTime": "2025-02-30T00:00:00Z"},
        {"dataStartTime": "0001-01-01T00:00:00+02:00"},
        {"dataStartTime": "٢٠٢٥-02-01T00:00:00Z"},
        {"dataStartTime": 5},
        {"dataStartTime": (datetime.now(UTC) + timedelta(days=1)).isoformat()},
        {"dataStartTime": "2025-02-01T00:00:00Z", "dataEndTime": "2025-01-01T00:00:00Z"},
    ],
)
def test_invalid_fields(simulator: Simulator, change: Any) -> None:
    body = {"reportType": LISTINGS, "marketplaceIds": [US]} | change
    assert simulator.call("POST", REPORTS, simulator.seller(), body, status=400).error[0] == "InvalidInput"


@pytest.mark.parametrize(
    "text", ["2025-02-01T00:00:00Z", "2025-02-01t00:00:00.123456789z", "2025-02-01T01:00:00+01:00"]
)
def test_forms_of_rfc_3339(simulator: Simulator, text: str) -> None:
    token = simulator.seller()
    body = {"reportType": LISTINGS, "marketplaceIds": [US], "dataStartTime": text}
    report_id = simulator.call("POST", REPORTS, token, body, status=202).json["reportId"]
    report = simulator.call("GET", f"{REPORTS}/{report_id}", token, status=200).json
    assert report["dataStartTime"] == "2025-02-01T00:00:00+00:00"


@pytest.mark.parametrize(("endpoint", "marketplace"), MARKETPLACES.items())
def test_marketplaces_belong_to_a_region(simulator: Simulator, endpoint: str, marketplace: str) -> None:
    token = simulator.seller()
    for path, period in ((REPORTS, {}), (SCHEDULES, {"period": "P1D"})):
        body = {"reportType": LISTINGS, "marketplaceIds": [marketplace]} | period
        for other in MARKETPLACES:
            answer = simulator.call("POST", path, token, body, other)
            if other == endpoint:
                assert answer.status in (201, 202)
            else:
                message = "Report rejected for this client. your report could not be applied to any marketplaces"
                assert (answer.status, answer.error) == (400, ("InvalidInput", message, ""))


def test_a_report_type_that_is_not_in_the_list(simulator: Simulator) -> None:
    token = simulator.seller()
    body = {"reportType": "GET_NEW_DATA", "marketplaceIds": [US]}
    requests: list[tuple[str, str, Any]] = [
        ("POST", REPORTS, body),
        ("POST", SCHEDULES, body | {"period": "P1D"}),
        ("GET", f"{REPORTS}?reportTypes={LISTINGS},GET_NEW_DATA", None),
        ("GET", f"{SCHEDULES}?reportTypes=GET_NEW_DATA", None),
    ]
    for method, path, content in requests:
        answer = simulator.call(method, path, token, content)
        assert answer.status < 300
        assert answer.headers["x-simulator-warning"].endswith(": GET_NEW_DATA")
    known = simulator.call("POST", REPORTS, token, body | {"reportType": LISTINGS}, status=202)
    assert "x-simulator-warning" not in known.headers
    assert simulator.control("PUT", "/strict-mode", {"strict": True}) == {"strict": True}
    for method, path, content in requests:
        answer = simulator.call(method, path, token, content, status=400)
        assert answer.error == ("InvalidInput", "Invalid Report Type GET_NEW_DATA", "")
    simulator.call("POST", REPORTS, token, body | {"reportType": LISTINGS}, status=202)


def test_the_command_line_turns_strict_mode_on(contracts: tuple[Contract, ...]) -> None:
    application = ("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
    with running_simulator(contracts, "--strict", *application) as simulator:
        body = {"reportType": "GET_NEW_DATA", "marketplaceIds": [US]}
        simulator.call("POST", REPORTS, simulator.seller(), body, status=400)


def test_a_settlement_report_cannot_be_requested(simulator: Simulator) -> None:
    body = {"reportType": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", "marketplaceIds": [US]}
    answer = simulator.call("POST", REPORTS, simulator.seller(), body, status=400)
    assert answer.error[1].endswith("is not allowed at this time")


def test_everything_valid_is_taken(simulator: Simulator) -> None:
    token = simulator.seller()
    body = {
        "reportType": "GET_SALES_AND_TRAFFIC_REPORT",
        "marketplaceIds": [US, "A2EUQ1WTGCTBG2", "A1AM78C64UM0Y8", "A2Q3Y263D00KWC", "A2ZV50J4W1RKNI"] * 5,
        "reportOptions": {"dateGranularity": "WEEK"},
        "dataStartTime": "2025-01-01T00:00:00.000Z",
        "dataEndTime": "2025-01-31T23:59:59+01:00",
    }
    report_id = simulator.call("POST", REPORTS, token, body, status=202).json["reportId"]
    report = simulator.call("GET", f"{REPORTS}/{report_id}", token, status=200).json
    assert (report["dataStartTime"], report["dataEndTime"]) == (
        "2025-01-01T00:00:00+00:00",
        "2025-01-31T22:59:59+00:00",
    )


@pytest.mark.parametrize(
    ("content", "headers", "status"), [(b"{", {}, 400), (b"[]", {}, 400), (b"a=b", {"content-type": "text/plain"}, 415)]
)
def test_bodies_that_are_not_json_objects(
    simulator: Simulator, content: bytes, headers: dict[str, str], status: int
) -> None:
    simulator.call("POST", REPORTS, simulator.seller(), content, status=status, headers=headers)


def test_a_report_belongs_to_its_seller_and_region(simulator: Simulator) -> None:
    token = simulator.seller("A1")
    report_id = simulator.create_report(token, endpoint="eu")
    simulator.call("GET", f"{REPORTS}/{report_id}", token, endpoint="eu", status=200)
    assert simulator.call("GET", f"{REPORTS}/{report_id}", token, endpoint="na", status=404).error == NOT_FOUND
    other = simulator.seller("A2")
    assert simulator.call("GET", f"{REPORTS}/{report_id}", other, endpoint="eu", status=404).error == NOT_FOUND


def test_reports_come_in_pages(simulator: Simulator) -> None:
    token = simulator.seller()
    made = [simulator.create_report(token) for _ in range(5)]
    simulator.create_report(token, "GET_FLAT_FILE_OPEN_LISTINGS_DATA")
    page = simulator.call("GET", f"{REPORTS}?reportTypes={LISTINGS}&pageSize=2", token, status=200).json
    listed = [report["reportId"] for report in page["reports"]]
    assert len(listed) == 2
    while "nextToken" in page:
        page = simulator.call("GET", f"{REPORTS}?nextToken={page['nextToken']}", token, status=200).json
        listed += [report["reportId"] for report in page["reports"]]
    assert listed == made[::-1]


def test_filters_of_get_reports(simulator: Simulator) -> None:
    token = simulator.seller()
    simulator.control(
        "PUT", "/report-outcomes", {"reportType": "GET_FLAT_FILE_OPEN_LISTINGS_DATA", "status": "CANCELLED"}
    )
    done, cancelled = simulator.create_report(token), simulator.create_report(token, "GET_FLAT_FILE_OPEN_LISTINGS_DATA")
    simulator.finished(token, done)
    simulator.finished(token, cancelled)
    query = f"{REPORTS}?reportTypes={LISTINGS},GET_FLAT_FILE_OPEN_LISTINGS_DATA"

    def listed(more: str) -> set[str]:
        answer = simulator.call("GET", f"{query}{more}", token, status=200)
        return {report["reportId"] for report in answer.json["reports"]}

    assert listed("") == {done, cancelled}
    assert listed("&processingStatuses=CANCELLED,FATAL") == {cancelled}
    assert listed(f"&marketplaceIds={US}") == {done, cancelled}
    assert listed("&marketplaceIds=A1PA6795UKMFR9") == set()
    assert listed("&createdUntil=2020-01-01T00:00:00Z&createdSince=2019-01-01T00:00:00Z") == set()
    simulator.control("PUT", "/clock", {"advanceSeconds": 3000})
    assert listed("") == {done, cancelled}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?pageSize=5",
        f"?reportTypes={','.join(f'GET_{number}_DATA' for number in range(11))}",
        f"?reportTypes={LISTINGS}&pageSize=0",
        f"?reportTypes={LISTINGS}&pageSize=101",
        f"?reportTypes={LISTINGS}&pageSize=many",
        f"?reportTypes={LISTINGS}&processingStatuses=BAD_VALUE",
        f"?reportTypes={LISTINGS}&marketplaceIds={','.join([US] * 11)}",
        f"?reportTypes={LISTINGS}&createdSince=yesterday",
        "?nextToken=abc",
        "?nextToken=e30=",
        "?nextToken=eyJvZmZzZXQiOiJ4In0=",
        "?nextToken=eyJvZmZzZXQiOiJ4In0=.0",
        "?nextToken=%ED%A0%80",
        f"?nextToken=e30=&reportTypes={LISTINGS}",
    ],
)
def test_invalid_queries_of_get_reports(simulator: Simulator, query: str) -> None:
    assert simulator.call("GET", f"{REPORTS}{query}", simulator.seller(), status=400).error[0] == "InvalidInput"


def test_cancelling_a_report_that_waits(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.control("PUT", "/clock", {"scale": 1})
    token = simulator.seller()
    simulator.subscribe(token, simulator.destination())
    report_id = simulator.create_report(token)
    assert simulator.call("DELETE", f"{REPORTS}/{report_id}", token, status=200).content == b""
    report = simulator.call("GET", f"{REPORTS}/{report_id}", token).json
    assert report["processingStatus"] == "CANCELLED"
    assert "reportDocumentId" not in report
    message = eventually(lambda: queue.messages)[0].body
    assert message["payload"]["reportProcessingFinishedNotification"]["processingStatus"] == "CANCELLED"
    simulator.control("PUT", "/clock", {"advanceSeconds": 60})
    assert simulator.call("DELETE", f"{REPORTS}/{report_id}", token, status=400).error[0] == "InvalidInput"
    assert simulator.call("GET", f"{REPORTS}/{report_id}", token).json["processingStatus"] == "CANCELLED"
    assert len(queue.messages) == 1


def test_a_finished_report_cannot_be_cancelled(simulator: Simulator) -> None:
    token = simulator.seller()
    report_id = simulator.create_report(token)
    simulator.finished(token, report_id)
    simulator.call("DELETE", f"{REPORTS}/{report_id}", token, status=400)
    simulator.call("DELETE", f"{REPORTS}/1", token, status=404)


def test_a_schedule_makes_reports(simulator: Simulator) -> None:
    simulator.control("PUT", "/clock", {"scale": 3000})
    token = simulator.seller()
    body = {"reportType": LISTINGS, "marketplaceIds": [US], "period": "PT5M", "reportOptions": {"custom": "true"}}
    schedule_id = simulator.call("POST", SCHEDULES, token, body, status=201).json["reportScheduleId"]
    schedule = simulator.call("GET", f"{SCHEDULES}/{schedule_id}", token, status=200).json
    assert schedule["nextReportCreationTime"]
    assert {name: schedule[name] for name in body} == body
    listed = simulator.call("GET", f"{SCHEDULES}?reportTypes={LISTINGS}", token, status=200).json
    assert [entry["reportScheduleId"] for entry in listed["reportSchedules"]] == [schedule_id]

    def made() -> list[Any]:
        reports = simulator.call("GET", f"{REPORTS}?reportTypes={LISTINGS}", token, status=200).json["reports"]
        return [report for report in reports if report.get("reportScheduleId") == schedule_id]

    assert len(eventually(lambda: made() if len(made()) >= 2 else None)) >= 2
    simulator.call("DELETE", f"{SCHEDULES}/{schedule_id}", token, status=200)
    simulator.call("GET", f"{SCHEDULES}/{schedule_id}", token, status=404)
    simulator.call("DELETE", f"{SCHEDULES}/{schedule_id}", token, status=404)
    count = len(simulator.control("GET", "/reports")["reports"])
    simulator.control("PUT", "/clock", {"advanceSeconds": 900})
    assert len(simulator.control("GET", "/reports")["reports"]) == count


def test_a_schedule_starts_when_it_is_told_to(simulator: Simulator) -> None:
    token = simulator.seller()
    first = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    body = {
        "reportType": LISTINGS,
        "marketplaceIds": [US],
        "period": "P1D",
        "nextReportCreationTime": first.isoformat(),
    }
    schedule_id = simulator.call("POST", SCHEDULES, token, body, status=201).json["reportScheduleId"]
    schedule = simulator.call("GET", f"{SCHEDULES}/{schedule_id}", token, status=200).json
    assert schedule["nextReportCreationTime"] == first.isoformat()
    assert simulator.control("GET", "/reports")["reports"] == []
    simulator.control("PUT", "/clock", {"advanceSeconds": 3600})
    (report,) = eventually(lambda: simulator.control("GET", "/reports")["reports"])
    assert report["reportScheduleId"] == schedule_id


def test_a_schedule_replaces_the_same_one(simulator: Simulator) -> None:
    token = simulator.seller()
    body = {"reportType": LISTINGS, "marketplaceIds": [US], "period": "P1D"}
    first = simulator.call("POST", SCHEDULES, token, body, status=201).json["reportScheduleId"]
    second = simulator.call("POST", SCHEDULES, token, body | {"period": "P1M"}, status=201).json["reportScheduleId"]
    simulator.call("GET", f"{SCHEDULES}/{first}", token, status=404)
    other = simulator.call("POST", SCHEDULES, token, body | {"marketplaceIds": ["A2EUQ1WTGCTBG2"]}, status=201).json
    listed = simulator.call("GET", f"{SCHEDULES}?reportTypes={LISTINGS}", token, status=200).json["reportSchedules"]
    assert [entry["reportScheduleId"] for entry in listed] == [second, other["reportScheduleId"]]


@pytest.mark.parametrize(
    "change", [{"period": "PT7M"}, {"period": ""}, {"marketplaceIds": []}, {"nextReportCreationTime": "soon"}]
)
def test_invalid_schedules(simulator: Simulator, change: Any) -> None:
    body = {"reportType": LISTINGS, "marketplaceIds": [US], "period": "P1D"} | change
    simulator.call("POST", SCHEDULES, simulator.seller(), body, status=400)
    simulator.call("GET", SCHEDULES, simulator.seller(), status=400)


def test_reports_that_amazon_makes_are_listed(simulator: Simulator) -> None:
    token = simulator.seller("A1")
    settlement = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
    made = simulator.control("POST", "/reports", {"sellerId": "A1", "region": "NA", "reportType": settlement})
    (report,) = simulator.call("GET", f"{REPORTS}?reportTypes={settlement}", token, status=200).json["reports"]
    assert (report["reportId"], report["processingStatus"]) == (made["reportId"], "DONE")
    assert report["reportDocumentId"] == made["reportDocumentId"]


BODIES: dict[tuple[str, str], Any] = {
    ("createReport", REPORTS): {
        "reportType": LISTINGS,
        "marketplaceIds": [US],
        "reportOptions": {"a": "b"},
        "dataStartTime": "2025-01-01T00:00:00Z",
        "dataEndTime": "2025-01-02T00:00:00Z",
    },
    ("createReportSchedule", SCHEDULES): {
        "reportType": LISTINGS,
        "marketplaceIds": [US],
        "period": "P1D",
        "nextReportCreationTime": "2030-01-01T00:00:00Z",
    },
    ("createDestination", DESTINATIONS): {"name": "x", "resourceSpecification": {"sqs": {"arn": QUEUE_ARN}}},
    ("createSubscription", f"{SUBSCRIPTIONS}/ORDER_CHANGE"): {
        "payloadVersion": "1.0",
        "destinationId": "x",
        "processingDirective": {"eventFilter": {"eventFilterType": "ORDER_CHANGE", "orderChangeTypes": []}},
    },
    ("createRestrictedDataToken", "/tokens/2021-03-01/restrictedDataToken"): {
        "restrictedResources": [{"method": "GET", "path": "/orders/v0/orders"}]
    },
}
VALID: tuple[tuple[str, Any], ...] = (("name", "x"), ("reportOptions", {}), ("reportOptions", ""))
ODD_VALUES: list[Any] = [7, True, "", "x", [], [7], [[]], [{}], {}, {"a": {}}, {"sqs": []}, {"eventFilter": [[]]}]


@pytest.mark.parametrize(("operation", "path"), BODIES)
def test_odd_values_are_refused_and_break_nothing(simulator: Simulator, operation: str, path: str) -> None:
    token = simulator.grantless() if operation == "createDestination" else simulator.seller()
    body = BODIES[operation, path]
    for name in body:
        for value in ODD_VALUES:
            answer = simulator.call("POST", path, token, body | {name: value})
            assert answer.status == 400 or (name, value) in VALID, (name, value)
