"""A seller leaves, with and without a valid token, at once and in parts."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from deployment import Deployment, aws
from servers import Servers
from simulator import control
from tests.end_to_end import large_removal
from tests.end_to_end.host import (
    HostProduct,
    Seller,
    eventually,
    mail_about,
    mails_about,
    new_seller,
    report_of,
    subscription_of,
)
from tests.end_to_end.large_removal import leave
from tests.end_to_end.test_delivery_failures import execution_of
from tests.waiting import SECONDS, until

CHECKOUT = Path(__file__).resolve().parents[2]


def subscribe(host: HostProduct, seller: Seller, types: Sequence[str], region: str = "NA") -> list[str]:
    ids = []
    for name in types:
        wanted = subscription_of(seller) | {"NotificationType": name, "RegionCode": region}
        answer = host.send("NotificationsSubscriberUrl", wanted)
        assert answer.status_code == 200, answer.text
        ids.append(answer.json()["subscriptionId"])
    return ids


def alive(seller: Seller, name: str, subscription_id: str, region: str = "na") -> bool:
    answer = requests.get(
        f"{seller.servers.simulator_endpoint}/{region}/notifications/v1/subscriptions/{name}/{subscription_id}",
        headers={"x-amz-access-token": seller.application_access_token()},
        timeout=SECONDS,
    )
    return answer.status_code == 200


def held(deployment: Deployment, seller_id: str) -> dict[str, list[Any]]:
    """What the stack holds of a seller: items of both tables, and versions of objects."""
    dynamodb = aws(deployment.servers, "dynamodb")
    of_seller = {"ExpressionAttributeValues": {":seller": {"S": seller_id}}}
    found = {
        output: dynamodb.scan(TableName=deployment.outputs[output], FilterExpression="SellerId = :seller", **of_seller)[
            "Items"
        ]
        for output in ("SellingPartnersTableName", "ReportsTableName")
    }
    versions = aws(deployment.servers, "s3").list_object_versions(
        Bucket=deployment.outputs["ReportsBucketName"], Prefix=f"{seller_id}/"
    )
    return found | {"objects": [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]}


def traces(deployment: Deployment, seller_id: str) -> set[str]:
    """Where the seller's id is found: in any table, index or bucket of the account, or in a log group's lines."""
    named = re.compile(rf"(?<![A-Za-z0-9]){re.escape(seller_id)}(?![A-Za-z0-9])")
    dynamodb, s3, logs = (aws(deployment.servers, service) for service in ("dynamodb", "s3", "logs"))
    found = set()
    for table in dynamodb.list_tables()["TableNames"]:
        described = dynamodb.describe_table(TableName=table)["Table"]
        for index in ({}, *({"IndexName": each["IndexName"]} for each in described.get("GlobalSecondaryIndexes", []))):
            for page in dynamodb.get_paginator("scan").paginate(TableName=table, **index):
                found |= {f"table {table}" for item in page["Items"] if named.search(json.dumps(item, default=str))}
    for bucket in s3.list_buckets()["Buckets"]:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
            versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            found |= {f"bucket {bucket['Name']}" for version in versions if named.search(version["Key"])}
    for group in logs.get_paginator("describe_log_groups").paginate().search("logGroups[].logGroupName"):
        if named.search(group):
            found.add(f"log group {group}")
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            found |= {"log lines" for event in page["events"] if named.search(event["message"])}
    return found


def test_nothing_of_a_seller_is_left_but_log_lines(
    deployment: Deployment, host: HostProduct, servers: Servers, subscribed_seller: Seller
) -> None:
    """docs/notifications.md names what stays: lines of the logs, executions and dead letters."""
    seller = subscribed_seller
    report_id = host.create_report(seller, ClientToken="token-1")
    mail_about(servers, report_id)
    assert len(traces(deployment, seller.seller_id)) >= 4
    answer = leave(host, seller.seller_id)
    assert (answer.status_code, answer.json()["reportsDeleted"]) == (200, 1), answer.text
    assert traces(deployment, seller.seller_id) == {"log lines"}
    page = (CHECKOUT / "docs/notifications.md").read_text().partition("## Removing a seller")[2].partition("## ")[0]
    assert "Logs contain seller ids" in page


@pytest.mark.parametrize(
    ("operation", "step"),
    [
        ("getReport", "RetrieveDocument"),
        ("getReportDocument", "RetrieveDocument"),
        ("downloadDocument", "StoreDocument"),
    ],
)
def test_a_report_that_is_being_delivered_leaves_nothing_and_sends_nothing(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, operation: str, step: str
) -> None:
    """SP-API answers slowly, and the seller is removed meanwhile. The execution succeeds, so no alarm is triggered."""
    seller = subscribed_seller
    seller.control("POST", "faults", {"fault": "slow", "seconds": 5, "operation": operation})
    report_id = host.create_report(seller)
    states = aws(deployment.servers, "stepfunctions")

    def entered() -> str | None:
        execution = execution_of(deployment, report_id)
        if execution is None:
            return None
        history = states.get_execution_history(executionArn=execution["executionArn"])["events"]
        reached = [event.get("stateEnteredEventDetails", {}).get("name") for event in history]
        return str(execution["executionArn"]) if step in reached else None

    arn = eventually(entered, f"the step {step}")
    answer = leave(host, seller.seller_id)
    assert answer.status_code == 200, answer.text
    statuses = ("SUCCEEDED", "FAILED", "TIMED_OUT")
    ended = until(
        lambda: states.describe_execution(executionArn=arn), lambda found: found["status"] in statuses, "its end"
    )
    assert ended["status"] == "SUCCEEDED", ended
    history = states.get_execution_history(executionArn=arn)["events"]
    assert "ReportForgotten" in [event.get("stateEnteredEventDetails", {}).get("name") for event in history]
    assert traces(deployment, seller.seller_id) <= {"log lines"}
    assert mails_about(deployment.servers, report_id) == []


def test_everything_of_a_seller_is_deleted_and_nothing_of_another(
    deployment: Deployment, host: HostProduct, servers: Servers, subscribed_seller: Seller
) -> None:
    seller, neighbour = subscribed_seller, new_seller(servers, f"{subscribed_seller.seller_id}X")
    host.store_token(seller, RegionCode="EU")
    host.store_token(neighbour)
    (stays,) = subscribe(host, neighbour, ["REPORT_PROCESSING_FINISHED"])
    (american,) = subscribe(host, seller, ["FEE_PROMOTION"])
    (european,) = subscribe(host, seller, ["FEE_PROMOTION"], "EU")
    for report_id in [host.create_report(each) for each in (seller, neighbour)]:
        mail_about(servers, report_id)
    stored_again(deployment, seller)
    before = held(deployment, neighbour.seller_id)
    assert all(before.values())
    answer = leave(host, seller.seller_id)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "sellerId": seller.seller_id,
        "status": "SUCCESS",
        "tokensDeleted": 2,
        "subscriptionsEnded": 3,
        "reportsDeleted": 1,
        "objectsDeleted": 3,
        "solicitationsDeleted": 0,
        "authorizationsDeleted": 0,
        "pullsDeleted": 0,
        "listingRecordsDeleted": 0,
        "listingFeedsDeleted": 0,
    }
    assert held(deployment, seller.seller_id) == {"SellingPartnersTableName": [], "ReportsTableName": [], "objects": []}
    assert not alive(seller, "FEE_PROMOTION", american)
    assert not alive(seller, "FEE_PROMOTION", european, "eu")
    # At once, though functions are warm that have served this seller.
    for url, body in (("ReportCreatorUrl", report_of(seller)), ("NotificationsSubscriberUrl", subscription_of(seller))):
        assert host.send(url, body).status_code == 404
    assert held(deployment, neighbour.seller_id) == before
    assert alive(neighbour, "REPORT_PROCESSING_FINISHED", stays)
    host.create_report(neighbour)
    again = leave(host, seller.seller_id)
    assert again.status_code == 200
    assert not any(count for name, count in again.json().items() if name not in ("sellerId", "status"))


def test_more_orders_than_one_page_are_deleted(
    deployment: Deployment, host: HostProduct, servers: Servers, subscribed_seller: Seller
) -> None:
    """A page has 1,000 keys, and a batch 25. The items of quotas go too, and are not counted."""
    seller, neighbour = subscribed_seller, new_seller(servers, f"{subscribed_seller.seller_id}X")
    for each, number in ((seller, 2010), (neighbour, 30)):
        large_removal.store_orders(deployment, each.seller_id, number)
    aws(servers, "dynamodb").put_item(
        TableName=deployment.outputs["SolicitationsTableName"],
        Item={
            "AmazonOrderId": {"S": "#SLOTS#NA"},
            "SellerId": {"S": seller.seller_id},
            "DueTime": {"S": "!"},
            "LatestSlot": {"N": "1"},
        },
    )
    removal = large_removal.remove(host, seller.seller_id)
    assert sum(removal.deleted) == 2010
    assert large_removal.orders_of(deployment, seller.seller_id) == 0
    assert large_removal.orders_of(deployment, neighbour.seller_id) == 30


def test_a_seller_whose_token_is_revoked_leaves(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    (subscription_id,) = subscribe(host, seller, ["FEE_PROMOTION"])
    seller.control("POST", f"sellers/{seller.seller_id}/revoke")
    answer = leave(host, seller.seller_id)
    assert answer.status_code == 200, answer.text
    assert answer.json()["subscriptionsEnded"] == 2
    assert not alive(seller, "FEE_PROMOTION", subscription_id)
    assert not any(held(deployment, seller.seller_id).values())


def test_a_subscription_that_was_gone_already_is_no_hindrance(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    (subscription_id,) = subscribe(host, seller, ["FEE_PROMOTION"])
    requests.delete(
        f"{seller.servers.simulator_endpoint}/na/notifications/v1/subscriptions/FEE_PROMOTION/{subscription_id}",
        headers={"x-amz-access-token": seller.application_access_token()},
        timeout=SECONDS,
    ).raise_for_status()
    assert leave(host, seller.seller_id).status_code == 200
    assert not any(held(deployment, seller.seller_id).values())


def test_what_sp_api_fails_to_end_is_told_and_ended_the_next_time(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    subscribe(host, seller, ["FEE_PROMOTION", "PRICING_HEALTH"])
    seller.control("POST", "faults", {"fault": "status", "status": 500, "operation": "deleteSubscriptionById"})
    answer = leave(host, seller.seller_id)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    codes = [error["code"] for error in answer.json()["errors"]]
    assert codes == ["SellerRemains", "SubscriptionRemains"]
    # The remaining one may be one that SP-API deletes only with the seller's token.
    assert "0 tokens" in answer.json()["message"]
    assert "ended 2 subscriptions" in answer.json()["message"]
    assert len(held(deployment, seller.seller_id)["SellingPartnersTableName"]) == 2
    again = leave(host, seller.seller_id)
    assert again.status_code == 200
    assert (again.json()["subscriptionsEnded"], again.json()["tokensDeleted"]) == (1, 1)
    assert not any(held(deployment, seller.seller_id).values())


def test_what_sp_api_throttles_waits_for_the_next_time(
    host: HostProduct, servers: Servers, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    types = ["ACCOUNT_STATUS_CHANGED", "ANY_OFFER_CHANGED", "FEE_PROMOTION", "ORDER_CHANGE", "PRICING_HEALTH"]
    subscribe(host, seller, [*types, "TRANSACTION_UPDATE", "FULFILLMENT_ORDER_STATUS"])
    rate = {"operations": {"deleteSubscriptionById": {"rate": 0.01, "burst": 5}}}
    control(servers.simulator_endpoint, "PUT", "rate-limits", {"scale": 1, **rate})
    try:
        answer = leave(host, seller.seller_id)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
        remaining = [error for error in answer.json()["errors"] if error["code"] == "SubscriptionRemains"]
        assert len(remaining) == 3
    finally:
        control(servers.simulator_endpoint, "PUT", "rate-limits", {"scale": 0})
    again = leave(host, seller.seller_id)
    assert (again.status_code, again.json()["subscriptionsEnded"]) == (200, 3)


@pytest.mark.parametrize("seller_id", ["-", "a%2Fb"])
def test_what_is_no_sellers_id_is_refused(host: HostProduct, seller_id: str) -> None:
    answer = leave(host, seller_id)
    assert answer.status_code in (400, 403)


def stored_again(deployment: Deployment, seller: Seller) -> None:
    """A second version of the seller's report, and a marker that hides both."""
    s3, bucket = aws(deployment.servers, "s3"), deployment.outputs["ReportsBucketName"]
    key = held(deployment, seller.seller_id)["objects"][0]["Key"]
    s3.put_object(Bucket=bucket, Key=key, Body=b"again")
    s3.delete_object(Bucket=bucket, Key=key)
