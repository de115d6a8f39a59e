"""A seller leaves, with and without a valid token, at once and in parts."""

from collections.abc import Sequence
from typing import Any

import pytest
import requests

from deployment import Deployment, aws
from servers import Servers
from simulator import control
from tests.end_to_end.host import HostProduct, Seller, mail_about, new_seller, report_of, subscription_of


def leave(host: HostProduct, seller_id: str) -> requests.Response:
    url = f"{host.deployment.url('TokenStorageUrl')}/{seller_id}"
    return requests.delete(url, auth=host.signature(), timeout=40)


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
        timeout=30,
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
    assert [again.json()[name] for name in again.json() if name not in ("sellerId", "status")] == [0, 0, 0, 0, 0]


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
        timeout=30,
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
    assert "1 tokens" in answer.json()["message"]
    assert "2 subscriptions ended" in answer.json()["message"]
    assert len(held(deployment, seller.seller_id)["SellingPartnersTableName"]) == 1
    again = leave(host, seller.seller_id)
    assert (again.status_code, again.json()["subscriptionsEnded"]) == (200, 1)
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
