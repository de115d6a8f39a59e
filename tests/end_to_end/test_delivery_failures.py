"""An execution that does not succeed is told of, once, with words; its report can still be delivered."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from deployment import Deployment, aws
from servers import Servers
from smtp_mailbox import Mail, read_messages
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    eventually,
    invoke_function,
    ledger_item,
    mails_about,
)
from tests.waiting import SECONDS


@contextmanager
def waits_scaled(servers: Servers, scale: float) -> Iterator[None]:
    """Step Functions' waits and time-outs are so much shorter for executions that start meanwhile."""
    _scale(servers, scale)
    try:
        yield
    finally:
        _scale(servers, 1)


def _scale(servers: Servers, scale: float) -> None:
    answer = requests.post(
        f"{servers.aws_endpoint}/_ministack/config", json={"stepfunctions._SFN_WAIT_SCALE": scale}, timeout=SECONDS
    )
    answer.raise_for_status()


def execution_of(deployment: Deployment, report_id: str) -> dict[str, Any] | None:
    states = aws(deployment.servers, "stepfunctions")
    listed = states.list_executions(stateMachineArn=deployment.outputs["ReportProcessorStateMachineArn"])["executions"]
    return next((execution for execution in listed if report_id in execution["name"]), None)


def failure_mail(deployment: Deployment, report_id: str) -> Mail:
    def found() -> Mail | None:
        mails = mails_about(deployment.servers, report_id)
        return next((mail for mail in mails if "NOT delivered" in mail.subject), None)

    return eventually(found, f"an e-mail about the failure of {report_id}")


def assert_told(deployment: Deployment, seller: Seller, report_id: str, error: str, words: list[str]) -> None:
    """One e-mail with these words, the link to the execution and the way to redrive it; the ledger says the same."""
    mail = failure_mail(deployment, report_id)
    assert mail.subject == f"{REPORT_TYPE} was NOT delivered: report {report_id} of seller {seller.seller_id}"
    execution = execution_of(deployment, report_id)
    assert execution is not None
    link = "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/"
    for word in (*words, f"{link}{execution['executionArn']}", "make redrive-executions"):
        assert word in mail.body, mail.body
    item = eventually(lambda: _marked(deployment, seller, report_id), what="the mark in the ledger")
    assert item["DeliveryError"] == error
    assert item["AnnouncedFailure"] == f"{execution['executionArn']}#0"


def _marked(deployment: Deployment, seller: Seller, report_id: str) -> dict[str, Any] | None:
    item = ledger_item(deployment, seller, report_id) or {}
    return item if item.get("DeliveryStatus") == "FAILED" else None


def test_a_failed_execution_is_told_of_once(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    denied = {"fault": "status", "status": 403, "operation": "getReportDocument", "code": "Unauthorized"}
    subscribed_seller.control("POST", "faults", denied | {"sellerId": subscribed_seller.seller_id, "message": "denied"})
    report_id = host.create_report(subscribed_seller)
    words = ["AccessDeniedError", "denied access", "denied", "role that this report type needs", "FAILED"]
    assert_told(deployment, subscribed_seller, report_id, "AccessDeniedError", words)
    execution = execution_of(deployment, report_id)
    assert execution is not None
    # It stays at the state that failed, where a redrive goes on.
    states = aws(deployment.servers, "stepfunctions")
    history = states.get_execution_history(executionArn=execution["executionArn"])["events"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]
    assert entered[-1] == "RetrieveDocument"
    # EventBridge delivers at least once: further copies of the event change nothing.
    event = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"executionArn": execution["executionArn"], "status": "FAILED", "redriveCount": 0},
    }
    invoke_function(deployment, "SPAPIReportFailureNotifier", event)
    assert len(mails_about(deployment.servers, report_id)) == 1
    # When that execution is redriven and fails again, it is another failure.
    event["detail"]["redriveCount"] = 1  # type: ignore[index]
    invoke_function(deployment, "SPAPIReportFailureNotifier", event)
    eventually(lambda: len(mails_about(deployment.servers, report_id)) == 2 or None, what="the second e-mail")


def test_an_execution_that_runs_too_long_is_told_of(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    slow = {"fault": "slow", "seconds": 8, "operation": "getReport", "sellerId": subscribed_seller.seller_id}
    subscribed_seller.control("POST", "faults", slow)
    report_id = host.create_report(subscribed_seller)
    with waits_scaled(deployment.servers, 2 / (14 * 86400)):
        eventually(lambda: execution_of(deployment, report_id), what="the execution")
        words = ["longer than its limit of 14 days", "TIMED_OUT"]
        assert_told(deployment, subscribed_seller, report_id, "TIMED_OUT", words)


def test_a_stopped_execution_is_told_of(deployment: Deployment, host: HostProduct, subscribed_seller: Seller) -> None:
    # The execution waits and tries again.
    throttled = {"fault": "status", "status": 429, "count": None, "operation": "getReport"}
    subscribed_seller.control("POST", "faults", throttled | {"sellerId": subscribed_seller.seller_id})
    report_id = host.create_report(subscribed_seller)
    execution = eventually(lambda: execution_of(deployment, report_id), what="the execution")
    aws(deployment.servers, "stepfunctions").stop_execution(
        executionArn=execution["executionArn"], error="Maintenance", cause="moving house"
    )
    words = ["Someone stopped the execution", "moving house", "ABORTED"]
    assert_told(deployment, subscribed_seller, report_id, "Maintenance", words)


def test_a_document_that_always_expires_is_given_up_after_five_more_addresses(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller_id = subscribed_seller.seller_id
    expired = {"fault": "expire", "operation": "downloadDocument", "sellerId": seller_id, "count": None}
    subscribed_seller.control("POST", "faults", expired)
    try:
        with waits_scaled(deployment.servers, 0.001):
            report_id = host.create_report(subscribed_seller)
            words = ["valid for five minutes, and six of them expired"]
            assert_told(deployment, subscribed_seller, report_id, "DocumentUrlKeepsExpiringError", words)
    finally:
        subscribed_seller.control("DELETE", "faults")
    log = subscribed_seller.control("GET", "requests?operation=getReportDocument")["requests"]
    assert len([entry for entry in log if entry["sellerId"] == seller_id]) == 6


def test_an_execution_that_somebody_started_by_hand_is_told_of(deployment: Deployment) -> None:
    name = f"by-hand-{time.time_ns()}"

    def told() -> Mail | None:
        return next((mail for mail in read_messages(deployment.servers.mail_directory) if name in mail.body), None)

    with waits_scaled(deployment.servers, 0.001):
        aws(deployment.servers, "stepfunctions").start_execution(
            stateMachineArn=deployment.outputs["ReportProcessorStateMachineArn"], name=name, input="{}"
        )
        mail = eventually(told, what="the e-mail")
    assert "NOT delivered: report (unknown) of seller (unknown)" in mail.subject
