"""After real traffic, refusals included: no secret in a log, a history or an environment variable."""

import json
import re
from urllib.parse import parse_qs, urlsplit

from deployment import Deployment, aws
from simulator import CLIENT_SECRET
from tests.end_to_end.host import HostProduct, Seller, link_in, mail_about, report_of

# What LWA's tokens begin with, refresh and access tokens alike.
TOKEN = re.compile(r"Atz[a-z]\|")


def test_no_secret_is_left_lying_about(deployment: Deployment, host: HostProduct, subscribed_seller: Seller) -> None:
    servers, seller = deployment.servers, subscribed_seller
    host.send("TokenStorageUrl", {"SellerId": "?", "RefreshToken": seller.refresh_token})
    host.send("TokenStorageUrl", {"SellerId": seller.seller_id, "RefreshToken": seller.refresh_token, "Other": 1})
    for order in (
        {"fault": "reset", "operation": "getAccessToken"},
        {"fault": "reset", "operation": "createReport"},
        {"fault": "status", "status": 403, "operation": "createReport", "code": "Unauthorized", "message": "denied"},
        {"fault": "reset", "operation": "downloadDocument"},
        {"fault": "expire", "operation": "downloadDocument"},
        {"fault": "truncate", "afterBytes": 500, "operation": "downloadDocument"},
    ):
        seller.control("POST", "faults", {"sellerId": seller.seller_id, **order})
    for _ in range(3):
        host.send("ReportCreatorUrl", report_of(seller))
    report_id = host.create_report(seller)
    link = link_in(mail_about(servers, report_id))
    signature = parse_qs(urlsplit(link).query)["X-Amz-Signature"][0]
    secrets = [seller.refresh_token, CLIENT_SECRET, signature, host.credentials["SecretAccessKey"]]

    logs = _logs(deployment)
    assert len(logs) >= 7, "every function that ran has its log"
    assert any(report_id in text for text in logs.values())
    history = _history(deployment, report_id)
    assert "ReportDocumentUrl" in history
    environments = _environments(deployment)
    for place, text in {**logs, "history": history, "environments": environments}.items():
        for secret in secrets:
            assert secret not in text, place
        assert not TOKEN.search(text), place
    for place, text in logs.items():
        assert "X-Amz-Signature" not in text, place


def _logs(deployment: Deployment) -> dict[str, str]:
    logs = aws(deployment.servers, "logs")
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
    ]
    texts = {}
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        text = "\n".join(event["message"] for page in pages for event in page["events"])
        if text:
            texts[group] = text
    return texts


def _history(deployment: Deployment, report_id: str) -> str:
    states = aws(deployment.servers, "stepfunctions")
    machine = deployment.outputs["ReportProcessorStateMachineArn"]
    executions = [
        execution["executionArn"]
        for execution in states.list_executions(stateMachineArn=machine)["executions"]
        if report_id in execution["name"]
    ]
    assert len(executions) == 1
    history = states.get_paginator("get_execution_history").paginate(executionArn=executions[0])
    described = states.describe_execution(executionArn=executions[0])
    return json.dumps([list(history), described], default=str)


def _environments(deployment: Deployment) -> str:
    functions = aws(deployment.servers, "lambda").get_paginator("list_functions").paginate()
    variables = [function.get("Environment", {}) for page in functions for function in page["Functions"]]
    assert any(variables)
    return json.dumps(variables)
