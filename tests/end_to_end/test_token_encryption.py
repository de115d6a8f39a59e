"""Refresh tokens in the table: ciphertext, and each for its own seller and region alone."""

import base64
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment import Deployment, aws
from tests.end_to_end.host import HostProduct, Seller, new_seller, report_of, table_of


def table(deployment: Deployment) -> Any:
    return table_of(deployment, "SellingPartnersTableName")


def stored(deployment: Deployment, seller: Seller) -> dict[str, Any]:
    item: dict[str, Any] = table(deployment).get_item(Key={"SellerId": seller.seller_id, "Item": "TOKEN#NA"})["Item"]
    return item


def test_the_table_holds_ciphertext_for_one_seller_and_region(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller, RegionCode="NA")
    item = stored(deployment, seller)
    assert seller.refresh_token not in str(item)
    kms = aws(deployment.servers, "kms")
    ciphertext = base64.b64decode(item["Ciphertext"])
    context = {"SellerId": seller.seller_id, "RegionCode": "NA"}
    decrypted = kms.decrypt(KeyId=item["KeyArn"], CiphertextBlob=ciphertext, EncryptionContext=context)
    assert decrypted["Plaintext"].decode() == seller.refresh_token
    for other in ({}, context | {"RegionCode": "EU"}, context | {"SellerId": "AOTHER"}):
        with pytest.raises(ClientError, match="InvalidCiphertext"):
            kms.decrypt(KeyId=item["KeyArn"], CiphertextBlob=ciphertext, EncryptionContext=other)


def test_a_ciphertext_in_another_sellers_record_is_of_no_use(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    thief = new_seller(deployment.servers, f"{seller.seller_id}T")
    for one in (seller, thief):
        host.store_token(one, RegionCode="NA")
    table(deployment).put_item(Item=stored(deployment, seller) | {"SellerId": thief.seller_id})
    assert host.send("ReportCreatorUrl", report_of(thief)).status_code >= 500
    calls = seller.control("GET", "requests?operation=createReport")["requests"]
    assert [call for call in calls if call["sellerId"] in (seller.seller_id, thief.seller_id)] == []
