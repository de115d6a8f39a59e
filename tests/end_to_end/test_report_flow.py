"""From a stored token to a downloaded report, and what must not go wrong on the way."""

import gzip
import hashlib
import json
import time

import pytest

from deployment import EMAIL, Deployment, aws
from servers import Servers
from simulator import served_document
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
)
from tests.end_to_end.test_delivery_failures import waits_scaled


def test_a_report_is_delivered(deployment: Deployment, host: HostProduct, subscribed_seller: Seller) -> None:
    servers = deployment.servers
    report_id = host.create_report(subscribed_seller, ReportDataStartTime="2026-11-01T00:00:00Z")
    mail = mail_about(servers, report_id)
    assert mail.to == EMAIL
    assert mail.subject == f"{REPORT_TYPE} is ready: report {report_id} of seller {subscribed_seller.seller_id}"
    answer, stored = download(link_in(mail))
    assert answer.status_code == 200
    assert stored == served_document(servers.simulator_endpoint, report_id)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert f'filename="{REPORT_TYPE}_{report_id}.tsv"' in answer.headers["Content-Disposition"]
    assert gzip.decompress(stored).decode().count("\n") > 100
    item = ledger_item(deployment, subscribed_seller, report_id)
    assert item is not None
    assert item["ReportStatus"] == "DONE"
    assert item["Sha256"] == hashlib.sha256(stored).hexdigest()
    assert item["SizeBytes"] == len(stored)
    assert item["ObjectKey"].startswith(f"{subscribed_seller.seller_id}/{REPORT_TYPE}/20")
    assert item["DataStartTime"] == "2026-11-01T00:00:00+00:00"
    assert item["ExpiresAt"] > time.time() + 29 * 86400


def test_a_queue_that_subscribes_to_the_topic_gets_json(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    servers = deployment.servers
    sqs, sns = aws(servers, "sqs"), aws(servers, "sns")
    queue = sqs.create_queue(QueueName=f"subscriber-{subscribed_seller.seller_id}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = deployment.outputs["ReportTopicArn"]
    sends = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Statement": [sends | {"Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    raw = {"RawMessageDelivery": "true"}
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    try:
        report_id = host.create_report(subscribed_seller)

        def about_the_report() -> dict[str, object] | None:
            messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
            told = [json.loads(message["Body"]) for message in messages]
            return next((fields for fields in told if fields["ReportId"] == report_id), None)

        told = eventually(about_the_report, what="the message for programs")
    finally:
        sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    answer, stored = download(str(told["ReportUrl"]))
    assert answer.status_code == 200
    item = ledger_item(deployment, subscribed_seller, report_id)
    assert item is not None
    # ReportUrl and the next four are the fields that the AWS Quick Start's own message has.
    assert (told["ReportType"], told["ReportId"], told["ProcessingStatus"]) == (REPORT_TYPE, report_id, "DONE")
    assert told["CompressionAlgorithm"] == "GZIP"
    assert told["Sha256"] == hashlib.sha256(stored).hexdigest() == item["Sha256"]
    assert (told["SellerId"], told["ObjectKey"]) == (subscribed_seller.seller_id, item["ObjectKey"])
    assert told["DeliveryStatus"] == item["DeliveryStatus"] == "DELIVERED"
    # People get words.
    body = mail_about(servers, report_id).body
    assert not body.startswith("{")
    assert f"GET {deployment.url('ReportCreatorUrl')}/{report_id}?SellerId={subscribed_seller.seller_id}" in body


def test_five_copies_of_a_notification_make_one_e_mail(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    servers = deployment.servers
    host.store_token(seller)
    report_id = host.create_report(seller)
    eventually(lambda: _done(seller, report_id), what="the report")
    body = json.dumps(finished_report(seller.seller_id, report_id))
    for _ in range(5):
        as_sp_api(servers).send_message(QueueUrl=deployment.outputs["NotificationsQueueUrl"], MessageBody=body)
    mail_about(servers, report_id)
    _until_the_queue_is_empty(deployment)
    time.sleep(1)
    assert len(mails_about(servers, report_id)) == 1
    executions = _executions(deployment, report_id)
    assert [(execution["name"], execution["status"]) for execution in executions] == [
        (f"{seller.seller_id}-{report_id}-DONE", "SUCCEEDED")
    ]


def test_an_unreadable_message_is_soon_in_the_dead_letter_queue_and_its_neighbour_is_processed(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    servers = deployment.servers
    host.store_token(seller)
    report_id = host.create_report(seller)
    eventually(lambda: _done(seller, report_id), what="the report")
    as_sp_api(servers).send_message_batch(
        QueueUrl=deployment.outputs["NotificationsQueueUrl"],
        Entries=[
            {"Id": "poison", "MessageBody": "this is not JSON"},
            {"Id": "good", "MessageBody": json.dumps(finished_report(seller.seller_id, report_id))},
        ],
    )
    dead = eventually(lambda: _receive(deployment, "NotificationsDeadLetterQueueUrl"), "the message in the DLQ")
    assert dead == "this is not JSON"
    mail_about(servers, report_id)


def test_an_expired_document_address_is_replaced(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    subscribed_seller.control(
        "POST",
        "faults",
        {"fault": "expire", "operation": "downloadDocument", "sellerId": subscribed_seller.seller_id, "count": 2},
    )
    # The waits for a new address are a minute and two.
    with waits_scaled(deployment.servers, 0.005):
        report_id = host.create_report(subscribed_seller)
        mail = mail_about(deployment.servers, report_id)
    assert download(link_in(mail))[1] == served_document(deployment.servers.simulator_endpoint, report_id)
    entries = subscribed_seller.control("GET", "requests?operation=downloadDocument")["requests"]
    downloads = [entry["status"] for entry in entries if entry["sellerId"] == subscribed_seller.seller_id]
    assert downloads == [403, 403, 200]


@pytest.mark.parametrize("fault", [{"fault": "reset"}, {"fault": "truncate", "afterBytes": 1000}])
def test_a_broken_download_stores_nothing_and_is_repeated(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, fault: dict[str, object]
) -> None:
    order = {"operation": "downloadDocument", "sellerId": subscribed_seller.seller_id, "count": 2}
    subscribed_seller.control("POST", "faults", fault | order)
    report_id = host.create_report(subscribed_seller)
    mail = mail_about(deployment.servers, report_id)
    assert download(link_in(mail))[1] == served_document(deployment.servers.simulator_endpoint, report_id)
    versions = aws(deployment.servers, "s3").list_object_versions(
        Bucket=deployment.outputs["ReportsBucketName"], Prefix=f"{subscribed_seller.seller_id}/"
    )["Versions"]
    assert len(versions) == 1


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"status": "CANCELLED"}, ["was cancelled", "no data for the requested period"]),
        ({"status": "FATAL"}, ["failed", "errorDetails"]),
        ({"status": "FATAL", "document": None}, ["failed", "SP-API gave no reason"]),
        ({"status": "DONE", "document": None}, ["has no document", "(DONE)"]),
    ],
)
def test_a_report_that_comes_to_nothing_is_explained(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, outcome: dict[str, object], words: list[str]
) -> None:
    subscribed_seller.control("POST", "report-outcomes", {"sellerId": subscribed_seller.seller_id, **outcome})
    report_id = host.create_report(subscribed_seller)
    mail = mail_about(deployment.servers, report_id)
    for word in words:
        assert word in f"{mail.subject}\n{mail.body}"
    item = ledger_item(deployment, subscribed_seller, report_id)
    assert item is not None
    assert item["ReportStatus"] == outcome["status"]
    assert eventually(lambda: _ended(deployment, report_id), what="the end of the execution") == "SUCCEEDED"


@pytest.mark.parametrize("operation", ["getReportDocument", "downloadDocument"])
def test_a_fatal_report_whose_explanation_is_gone_is_fatal(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, operation: str
) -> None:
    seller_id = subscribed_seller.seller_id
    subscribed_seller.control("POST", "report-outcomes", {"sellerId": seller_id, "status": "FATAL"})
    gone = {"fault": "status", "status": 404, "operation": operation, "sellerId": seller_id}
    subscribed_seller.control("POST", "faults", gone)
    report_id = host.create_report(subscribed_seller)
    mail = mail_about(deployment.servers, report_id)
    assert "failed" in mail.subject
    assert "(FATAL)" in mail.body
    assert "could not be fetched (NotFoundError)" in mail.body
    assert eventually(lambda: _ended(deployment, report_id), what="the end of the execution") == "SUCCEEDED"
    assert (ledger_item(deployment, subscribed_seller, report_id) or {})["ReportStatus"] == "FATAL"


def test_a_done_report_whose_document_is_gone_is_done(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    gone = {"fault": "status", "status": 404, "operation": "getReportDocument", "sellerId": subscribed_seller.seller_id}
    subscribed_seller.control("POST", "faults", gone)
    report_id = host.create_report(subscribed_seller)
    mail_about(deployment.servers, report_id)
    item = ledger_item(deployment, subscribed_seller, report_id) or {}
    assert (item["ReportStatus"], "NotificationMessageId" in item) == ("DONE", False)


def test_what_is_mailed_is_what_sp_api_says_and_not_its_notification(
    deployment: Deployment, servers: Servers, host: HostProduct, subscribed_seller: Seller
) -> None:
    held = {"sellerId": subscribed_seller.seller_id, "status": "DONE", "notification": {"hold": True}}
    subscribed_seller.control("POST", "report-outcomes", held)
    report_id = host.create_report(subscribed_seller)
    as_sp_api(servers).send_message(
        QueueUrl=deployment.outputs["NotificationsQueueUrl"],
        MessageBody=json.dumps(finished_report(subscribed_seller.seller_id, report_id, "CANCELLED")),
    )
    assert "is ready" in mail_about(servers, report_id).subject


def test_a_report_of_another_application_is_found_by_its_subscription(
    deployment: Deployment, servers: Servers, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller)
    subscription = host.subscribe(seller)
    report_id = seller.control(
        "POST", "reports", {"sellerId": seller.seller_id, "region": "NA", "reportType": REPORT_TYPE}
    )["reportId"]
    notification = finished_report(seller.seller_id, report_id)
    notification["notificationMetadata"]["subscriptionId"] = subscription["subscriptionId"]
    as_sp_api(servers).send_message(
        QueueUrl=deployment.outputs["NotificationsQueueUrl"], MessageBody=json.dumps(notification)
    )
    mail_about(servers, report_id)
    item = ledger_item(deployment, seller, report_id)
    assert item is not None
    assert item["RegionCode"] == "NA"


def test_a_report_is_found_by_the_only_region_of_its_sellers_token(
    deployment: Deployment, servers: Servers, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller, RegionCode="EU")
    report_id = seller.control(
        "POST", "reports", {"sellerId": seller.seller_id, "region": "EU", "reportType": REPORT_TYPE}
    )["reportId"]
    as_sp_api(servers).send_message(
        QueueUrl=deployment.outputs["NotificationsQueueUrl"],
        MessageBody=json.dumps(finished_report(seller.seller_id, report_id)),
    )
    mail_about(servers, report_id)


def _done(seller: Seller, report_id: str) -> bool | None:
    reports = seller.control("GET", "reports")["reports"]
    return any(report["reportId"] == report_id and report["processingStatus"] == "DONE" for report in reports) or None


def _executions(deployment: Deployment, report_id: str) -> list[dict[str, str]]:
    listed = aws(deployment.servers, "stepfunctions").list_executions(
        stateMachineArn=deployment.outputs["ReportProcessorStateMachineArn"]
    )["executions"]
    return [execution for execution in listed if report_id in execution["name"]]


def _ended(deployment: Deployment, report_id: str) -> str | None:
    statuses = [execution["status"] for execution in _executions(deployment, report_id)]
    return statuses[0] if statuses and statuses[0] != "RUNNING" else None


def _receive(deployment: Deployment, output: str) -> str | None:
    sqs = aws(deployment.servers, "sqs")
    for message in sqs.receive_message(QueueUrl=deployment.outputs[output], WaitTimeSeconds=1).get("Messages", []):
        sqs.delete_message(QueueUrl=deployment.outputs[output], ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])
    return None


def _until_the_queue_is_empty(deployment: Deployment) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def empty() -> bool | None:
        counts = aws(deployment.servers, "sqs").get_queue_attributes(
            QueueUrl=deployment.outputs["NotificationsQueueUrl"], AttributeNames=names
        )["Attributes"]
        return all(counts[name] == "0" for name in names) or None

    eventually(empty, what="an empty queue")
