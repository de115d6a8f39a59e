"""From an answer or an execution to its log lines: what happened to my request, and to my report?"""

import json
from typing import Any

from deployment import Deployment, aws
from tests.end_to_end.host import HostProduct, Seller, eventually, mail_about, report_of
from tests.end_to_end.test_delivery_failures import execution_of, failure_mail


def lines_with(deployment: Deployment, text: str) -> list[dict[str, Any]]:
    """Every log line of the functions that contains the text; `function` is the log group's name."""
    logs = aws(deployment.servers, "logs")
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
        if "vendedlogs" not in group["logGroupName"]
    ]
    return [
        {**_read(event["message"]), "function": group}
        for group in groups
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
        if text in event["message"]
    ]


def _read(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {"text": text}
    return line if isinstance(line, dict) else {"text": text}


def test_the_request_id_of_a_refusal_finds_its_one_warning(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    fault = {"fault": "status", "status": 403, "operation": "createReport", "code": "Unauthorized", "message": "denied"}
    subscribed_seller.control("POST", "faults", {"sellerId": subscribed_seller.seller_id, **fault})
    answer = host.send("ReportCreatorUrl", report_of(subscribed_seller))
    assert answer.status_code == 502
    (line,) = lines_with(deployment, answer.json()["requestId"])
    assert (line["level"], line["message"], line["status"]) == ("WARNING", "request rejected", 502)
    assert (line["api_request_id"], line["route"]) == (answer.json()["requestId"], "POST /reports")
    assert line["errors"][0]["code"] == "Unauthorized"
    invocation = lines_with(deployment, line["function_request_id"])
    assert not [entry for entry in invocation if "Traceback" in json.dumps(entry)]


def test_a_report_is_found_by_its_id_from_the_request_to_the_mail(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    report_id = host.create_report(seller)
    mail_about(deployment.servers, report_id)
    execution = execution_of(deployment, report_id)
    assert execution is not None
    eventually(lambda: lines_with(deployment, '"report announced"') or None, what="the line of the announcement")
    (requested,) = [line for line in lines_with(deployment, report_id) if line.get("route") == "POST /reports"]
    assert (requested["level"], requested["seller_id"], requested["region"]) == ("INFO", seller.seller_id, "NA")
    assert (requested["report_id"], requested["message"]) == (report_id, "request answered")
    assert requested["api_request_id"] != requested["function_request_id"]
    (notified,) = [line for line in lines_with(deployment, report_id) if line["message"] == "report finished"]
    assert notified["message_id"]
    of_execution = lines_with(deployment, execution["name"])
    assert {line["message"] for line in of_execution} >= {
        "report finished",
        "report retrieved",
        "report stored",
        "report announced",
    }
    for line in of_execution:
        assert (line["execution"], line["seller_id"], line["report_id"]) == (
            execution["name"],
            seller.seller_id,
            report_id,
        )
        assert line["function_request_id"]


def test_a_step_that_sp_api_refuses_is_one_warning_without_a_traceback(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    denied = {"fault": "status", "status": 403, "operation": "getReportDocument", "code": "Unauthorized"}
    subscribed_seller.control("POST", "faults", denied | {"sellerId": subscribed_seller.seller_id, "message": "denied"})
    report_id = host.create_report(subscribed_seller)
    failure_mail(deployment, report_id)
    warnings = [line for line in lines_with(deployment, report_id) if line.get("message") == "step failed"]
    assert [(line["level"], line["error"]) for line in warnings] == [("WARNING", "AccessDeniedError")]
    assert report_id in warnings[0]["execution"]
    logged = aws(deployment.servers, "logs").filter_log_events(logGroupName=warnings[0]["function"])["events"]
    of_lambda = [event["message"] for event in logged if event["message"].startswith("[ERROR] AccessDeniedError")]
    assert of_lambda
    assert not [text for text in of_lambda if "File " in text]
