"""Whose a report is, and whether it is delivered: the table of docs/reports.md, row by row."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from deployment import Deployment, aws, confirm_subscriptions, deploy, stack_parameters
from servers import Servers
from simulator import control, served_document
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    as_sp_api,
    download,
    eventually,
    finished_report,
    ledger_item,
    link_in,
    mail_about,
    mails_about,
    reports_table,
)
from tests.end_to_end.test_delivery_failures import execution_of, waits_scaled
from tests.waiting import SECONDS


def send(deployment: Deployment, notification: dict[str, Any]) -> None:
    as_sp_api(deployment.servers).send_message(
        QueueUrl=deployment.outputs["NotificationsQueueUrl"], MessageBody=json.dumps(notification)
    )


def of_account(notification: dict[str, Any], account_id: str) -> dict[str, Any]:
    """The same notification as a vendor's, which names an account and no seller."""
    payload = notification["payload"]["reportProcessingFinishedNotification"]
    del payload["sellerId"]
    payload["accountId"] = account_id
    return notification


def made_elsewhere(seller: Seller, **outcome: object) -> str:
    """A report that was made in Seller Central, say; SP-API's notification is sent by the test itself."""
    order = {"sellerId": seller.seller_id, "region": "NA", "reportType": REPORT_TYPE, "notification": {"copies": 0}}
    return str(seller.control("POST", "reports", order | outcome)["reportId"])


def finish(seller: Seller, **changed: object) -> None:
    """The seller's reports finish at once."""
    outcome = {"sellerId": seller.seller_id, "queueSeconds": 0, "processingSeconds": 0}
    seller.control("POST", "report-outcomes", outcome | changed)


def assert_delivered(deployment: Deployment, seller: Seller, report_id: str) -> dict[str, Any]:
    """Stored, mailed once, and in the ledger as DONE."""
    mail = mail_about(deployment.servers, report_id)
    assert download(link_in(mail))[1] == served_document(deployment.servers.simulator_endpoint, report_id)
    item = eventually(lambda: _delivered(deployment, seller, report_id), what="the ledger")
    assert (item["ReportStatus"], item["RegionCode"]) == ("DONE", "NA")
    assert len(mails_about(deployment.servers, report_id)) == 1
    return item


def _delivered(deployment: Deployment, seller: Seller, report_id: str) -> dict[str, Any] | None:
    item = ledger_item(deployment, seller, report_id) or {}
    return item if item.get("DeliveryStatus") == "DELIVERED" else None


@contextmanager
def messages_tried_again_after(deployment: Deployment, seconds: int) -> Iterator[None]:
    """A message that fails is back in the queue after so many seconds instead of three minutes."""
    sqs, queue = aws(deployment.servers, "sqs"), deployment.outputs["NotificationsQueueUrl"]
    before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(seconds)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)


def test_a_notification_overtakes_the_answer_of_createreport(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    finish(subscribed_seller, notification={"beforeAnswer": True, "copies": 3})
    slow = {"fault": "slow", "seconds": 2, "operation": "createReport", "sellerId": subscribed_seller.seller_id}
    subscribed_seller.control("POST", "faults", slow)
    report_id = host.create_report(subscribed_seller, ReportDataStartTime="2026-11-01T00:00:00Z")
    item = assert_delivered(deployment, subscribed_seller, report_id)
    assert item["MarketplaceIds"] == ["ATVPDKIKX0DER"]


def test_an_owner_that_only_createreports_answer_tells_is_found_on_a_later_try(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller)
    report_id = made_elsewhere(seller)
    with messages_tried_again_after(deployment, 2):
        send(deployment, finished_report(seller.seller_id, report_id))
        eventually(lambda: _being_tried(deployment), what="the first try")
        assert execution_of(deployment, report_id) is None
        # What POST /reports writes when createReport has answered.
        reports_table(deployment).put_item(
            Item={"ReportId": report_id, "SellerId": seller.seller_id, "RegionCode": "NA", "CreatedTime": "2026-11-21"}
        )
        assert_delivered(deployment, seller, report_id)


def test_a_report_made_elsewhere_is_delivered_to_its_subscriber(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller)
    subscription = host.subscribe(seller)
    report_id = made_elsewhere(seller)
    notification = finished_report(seller.seller_id, report_id)
    notification["notificationMetadata"]["subscriptionId"] = subscription["subscriptionId"]
    send(deployment, notification)
    assert_delivered(deployment, seller, report_id)


def test_a_vendors_report_is_found_by_its_id(deployment: Deployment, host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    finish(seller)
    report_id = host.create_report(seller)
    send(deployment, of_account(finished_report(seller.seller_id, report_id), "amzn1.vg.6213651"))
    assert_delivered(deployment, seller, report_id)
    execution = execution_of(deployment, report_id)
    assert execution is not None
    assert re.fullmatch(f"amzn1_vg_6213651-{report_id}-DONE-[0-9a-f]{{16}}", execution["name"])


def test_a_vendors_report_made_elsewhere_is_found_by_its_subscription(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller)
    subscription = host.subscribe(seller)
    report_id = made_elsewhere(seller)
    notification = of_account(finished_report(seller.seller_id, report_id), "amzn1.vg.6213652")
    notification["notificationMetadata"]["subscriptionId"] = subscription["subscriptionId"]
    send(deployment, notification)
    assert_delivered(deployment, seller, report_id)


def test_a_numeric_report_id_without_an_account_is_enough(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller)
    finish(seller)
    report_id = host.create_report(seller)
    notification = finished_report(seller.seller_id, report_id)
    fields = notification["payload"]["reportProcessingFinishedNotification"]
    del fields["accountId"], notification["notificationMetadata"]
    fields["reportId"] = int(report_id)
    send(deployment, notification)
    assert_delivered(deployment, seller, report_id)


@pytest.mark.parametrize("account", [None, "amzn1.vg.6213653"])
def test_a_report_whose_owner_nothing_tells_ends_in_the_dead_letter_queue(
    deployment: Deployment, host: HostProduct, seller: Seller, account: str | None
) -> None:
    host.store_token(seller)  # for every region, so it tells none
    report_id = made_elsewhere(seller)
    notification = finished_report(seller.seller_id, report_id)
    with messages_tried_again_after(deployment, 1):
        send(deployment, of_account(notification, account) if account else notification)
        dead = eventually(lambda: _dead_letter(deployment, report_id), "the message in the dead-letter queue")
    assert int(dead["Attributes"]["ApproximateReceiveCount"]) > 5
    assert execution_of(deployment, report_id) is None
    assert mails_about(deployment.servers, report_id) == []
    assert ledger_item(deployment, seller, report_id) is None


@pytest.fixture(scope="module")
def ignoring(servers: Servers, template_url: str) -> Deployment:
    """A second stack beside the first; it delivers what it asked for and nothing else."""
    deployment = deploy(servers, "ignoring", template_url, stack_parameters(servers, ReportsMadeElsewhere="ignore"))
    confirm_subscriptions(deployment)
    return deployment


@pytest.fixture
def ignored_seller(ignoring: Deployment, seller: Seller) -> Seller:
    host = HostProduct.of(ignoring)
    host.store_token(seller)
    host.subscribe(seller)
    return seller


@pytest.mark.parametrize("outcome", [{}, {"status": "CANCELLED"}, {"status": "FATAL"}])
def test_a_report_made_elsewhere_is_ignored_where_the_parameter_says_so(
    ignoring: Deployment, seller: Seller, outcome: dict[str, str]
) -> None:
    host = HostProduct.of(ignoring)
    host.store_token(seller)
    subscription = host.subscribe(seller)
    report_id = made_elsewhere(seller, **outcome)
    notification = finished_report(seller.seller_id, report_id, outcome.get("status", "DONE"))
    notification["notificationMetadata"]["subscriptionId"] = subscription["subscriptionId"]
    with waits_scaled(ignoring.servers, 0.01):
        send(ignoring, notification)
        assert eventually(lambda: _ended(ignoring, report_id), what="the end of the execution") == "SUCCEEDED"
    time.sleep(0.5)
    assert mails_about(ignoring.servers, report_id) == []
    assert ledger_item(ignoring, seller, report_id) is None
    assert "Contents" not in aws(ignoring.servers, "s3").list_objects_v2(
        Bucket=ignoring.outputs["ReportsBucketName"], Prefix=f"{seller.seller_id}/"
    )


def test_an_own_report_is_delivered_there_even_when_its_notification_overtakes_createreports_answer(
    ignoring: Deployment, ignored_seller: Seller
) -> None:
    finish(ignored_seller, notification={"beforeAnswer": True})
    slow = {"fault": "slow", "seconds": 3, "operation": "createReport", "sellerId": ignored_seller.seller_id}
    ignored_seller.control("POST", "faults", slow)
    # The state machine looks again after 60 s, which are 6 s here.
    with waits_scaled(ignoring.servers, 0.1):
        report_id = HostProduct.of(ignoring).create_report(ignored_seller)
        assert_delivered(ignoring, ignored_seller, report_id)


def test_what_a_schedule_makes_is_delivered_there(ignoring: Deployment, ignored_seller: Seller) -> None:
    endpoint = ignoring.servers.simulator_endpoint
    schedules = f"{endpoint}/na/reports/2021-06-30/schedules"
    token = {"x-amz-access-token": ignored_seller.access_token()}
    order = {"reportType": REPORT_TYPE, "marketplaceIds": ["ATVPDKIKX0DER"], "period": "PT5M"}
    finish(ignored_seller)
    # Five minutes of SP-API's time pass in two seconds.
    control(endpoint, "PUT", "clock", {"scale": 150})
    try:
        schedule_id = requests.post(schedules, json=order, headers=token, timeout=SECONDS).json()["reportScheduleId"]
        report_id = eventually(lambda: _made_by(ignored_seller, schedule_id), what="a report of the schedule")
        requests.delete(f"{schedules}/{schedule_id}", headers=token, timeout=SECONDS).raise_for_status()
    finally:
        control(endpoint, "PUT", "clock", {"scale": 1})
    assert_delivered(ignoring, ignored_seller, report_id)


def _made_by(seller: Seller, schedule_id: str) -> str | None:
    reports = requests.get(
        f"{seller.servers.simulator_endpoint}/na/reports/2021-06-30/reports?reportTypes={REPORT_TYPE}",
        headers={"x-amz-access-token": seller.access_token()},
        timeout=SECONDS,
    ).json()["reports"]
    return next((report["reportId"] for report in reports if report.get("reportScheduleId") == schedule_id), None)


def _ended(deployment: Deployment, report_id: str) -> str | None:
    execution = execution_of(deployment, report_id)
    return execution["status"] if execution and execution["status"] != "RUNNING" else None


def _being_tried(deployment: Deployment) -> bool | None:
    """Whether a message is with the processor, or waits to be given to it again."""
    attributes = aws(deployment.servers, "sqs").get_queue_attributes(
        QueueUrl=deployment.outputs["NotificationsQueueUrl"], AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    return attributes["ApproximateNumberOfMessagesNotVisible"] != "0" or None


def _dead_letter(deployment: Deployment, report_id: str) -> dict[str, Any] | None:
    sqs, queue = aws(deployment.servers, "sqs"), deployment.outputs["NotificationsDeadLetterQueueUrl"]
    found = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, AttributeNames=["All"], MaxNumberOfMessages=10)
    for message in found.get("Messages", []):
        if report_id in message["Body"]:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return dict(message)
    return None


def dead_letters_about(deployment: Deployment, report_id: str) -> int:
    """How many there are; they stay where they are."""
    sqs, queue = aws(deployment.servers, "sqs"), deployment.outputs["NotificationsDeadLetterQueueUrl"]
    found = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0, MaxNumberOfMessages=10).get("Messages", [])
    return sum(report_id in message["Body"] for message in found)
