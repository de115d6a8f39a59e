"""Reports that are stored together are announced one after the other, at the pace that an e-mail subscription bears."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from deployment import Deployment, aws
from quickstart.announcement_pace import AnnouncementsTooFastError
from tests.end_to_end.host import (
    HostProduct,
    Seller,
    changed_function,
    eventually,
    function_of,
    ledger_item,
    mails_about,
    reports_table,
)
from tests.end_to_end.test_delivery_failures import execution_of, waits_scaled

TOGETHER = 4


def test_each_second_has_no_more_announcements_than_allowed(
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

    pace = {"ANNOUNCEMENTS_PER_SECOND": "1"}
    with (
        changed_function(deployment, "SPAPIReportPresignedUrlGenerator", Environment=pace),
        waits_scaled(deployment.servers, 0.3),
    ):
        before = _announcements(deployment)
        eventually(announced, 60, "all announcements")
    eventually(
        lambda: [len(mails_about(deployment.servers, one)) for one in report_ids] == [1] * TOGETHER or None,
        what="one e-mail about each",
    )
    new = {second: count for second, count in _announcements(deployment).items() if second not in before}
    assert sum(new.values()) >= TOGETHER
    assert set(new.values()) == {1}
    # Some had to wait: the function refused, and the state machine tried again.
    assert any(AnnouncementsTooFastError.__name__ in _history(deployment, report_id) for report_id in report_ids)


def test_a_failure_waits_for_its_turn_too(deployment: Deployment, host: HostProduct, subscribed_seller: Seller) -> None:
    """As Lambda calls it for an event of EventBridge: what fails is tried again."""
    report_id = host.create_report(subscribed_seller)
    execution = eventually(lambda: execution_of(deployment, report_id), what="the execution")
    arn = execution["executionArn"]
    event = {"detail": {"executionArn": arn, "status": "FAILED", "redriveCount": 7}}
    function = function_of(deployment, "SPAPIReportFailureNotifier")["FunctionName"]
    begun = datetime.now(UTC)
    seconds = [(begun + timedelta(seconds=later)).isoformat(timespec="seconds") for later in range(-1, 60)]
    keys = [{"ReportId": f"ANNOUNCEMENTS#{second}", "SellerId": "*"} for second in seconds]
    with reports_table(deployment).batch_writer() as batch:
        for key in keys:
            batch.put_item(Item={**key, "Announcements": 5})
    functions = aws(deployment.servers, "lambda")
    refused = functions.invoke(FunctionName=function, Payload=json.dumps(event))
    assert "FunctionError" in refused
    assert json.loads(refused["Payload"].read())["errorType"] == AnnouncementsTooFastError.__name__
    assert not _failure_mails(deployment, report_id)
    with reports_table(deployment).batch_writer() as batch:
        for key in keys:
            batch.delete_item(Key=key)

    def sent() -> bool | None:
        return "FunctionError" not in functions.invoke(FunctionName=function, Payload=json.dumps(event)) or None

    eventually(sent, 20, "a turn")
    eventually(lambda: len(_failure_mails(deployment, report_id)) == 1 or None, what="the e-mail")


def _announcements(deployment: Deployment) -> dict[str, int]:
    """How many there were in each second."""
    items: list[dict[str, Any]] = reports_table(deployment).scan()["Items"]
    return {
        item["ReportId"]: int(item["Announcements"]) for item in items if item["ReportId"].startswith("ANNOUNCEMENTS#")
    }


def _history(deployment: Deployment, report_id: str) -> str:
    execution = execution_of(deployment, report_id)
    assert execution is not None
    states = aws(deployment.servers, "stepfunctions")
    return str(states.get_execution_history(executionArn=execution["executionArn"])["events"])


def _failure_mails(deployment: Deployment, report_id: str) -> list[str]:
    return [mail.subject for mail in mails_about(deployment.servers, report_id) if "NOT delivered" in mail.subject]
