"""Reports that are stored together are announced one after the other, at the pace that an e-mail subscription bears."""

import json
import time

from deployment import Deployment, aws
from quickstart.reports.announcement_pace import AnnouncementsTooFastError
from tests.end_to_end.host import (
    HostProduct,
    Seller,
    eventually,
    function_of,
    ledger_item,
    mails_about,
    reports_table,
)
from tests.end_to_end.test_delivery_failures import execution_of

TOGETHER = 4
OTHERS = {"ReportId": "ANNOUNCEMENTS#OTHERS", "SellerId": "*"}


def test_reports_that_are_stored_together_wait_for_reserved_times(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    held = {"sellerId": seller.seller_id, "count": TOGETHER, "notification": {"hold": True}}
    seller.control("POST", "report-outcomes", [held])
    report_ids = [host.create_report(seller) for _ in range(TOGETHER)]

    def announced() -> bool | None:
        seller.control("POST", "notifications/release", {})
        items = [ledger_item(deployment, seller, report_id) or {} for report_id in report_ids]
        return all(item.get("DeliveryStatus") == "DELIVERED" for item in items) or None

    eventually(announced, "all announcements")
    eventually(
        lambda: [len(mails_about(deployment.servers, one)) for one in report_ids] == [1] * TOGETHER or None,
        what="one e-mail about each",
    )
    # Those that had to wait were refused once: the time that they reserved was theirs.
    histories = [_history(deployment, report_id) for report_id in report_ids]
    waited = [history for history in histories if AnnouncementsTooFastError.__name__ in history]
    assert waited
    assert {history.count("'type': 'WaitStateEntered'") for history in waited} == {1}


def test_a_failure_waits_for_its_turn_too(deployment: Deployment, host: HostProduct, subscribed_seller: Seller) -> None:
    """As Lambda calls it for an event of EventBridge: what fails is tried again."""
    report_id = host.create_report(subscribed_seller)
    execution = eventually(lambda: execution_of(deployment, report_id), what="the execution")
    arn = execution["executionArn"]
    event = {"detail": {"executionArn": arn, "status": "FAILED", "redriveCount": 7}}
    function = function_of(deployment, "SPAPIReportFailureNotifier")["FunctionName"]
    reports_table(deployment).put_item(Item={**OTHERS, "LatestSlot": int(time.time()) + 60})
    functions = aws(deployment.servers, "lambda")
    refused = functions.invoke(FunctionName=function, Payload=json.dumps(event))
    assert "FunctionError" in refused
    assert json.loads(refused["Payload"].read())["errorType"] == AnnouncementsTooFastError.__name__
    assert not _failure_mails(deployment, report_id)
    reports_table(deployment).delete_item(Key=OTHERS)

    def sent() -> bool | None:
        return "FunctionError" not in functions.invoke(FunctionName=function, Payload=json.dumps(event)) or None

    eventually(sent, "a turn")
    eventually(lambda: len(_failure_mails(deployment, report_id)) == 1 or None, what="the e-mail")


def _history(deployment: Deployment, report_id: str) -> str:
    execution = execution_of(deployment, report_id)
    assert execution is not None
    states = aws(deployment.servers, "stepfunctions")
    return str(states.get_execution_history(executionArn=execution["executionArn"])["events"])


def _failure_mails(deployment: Deployment, report_id: str) -> list[str]:
    return [mail.subject for mail in mails_about(deployment.servers, report_id) if "NOT delivered" in mail.subject]
