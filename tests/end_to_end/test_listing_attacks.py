"""Listings against unusual input, repeats and races, through real HTTP."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from deployment import Deployment, aws
from quickstart.listings.records import ListingOf, Operation, Payload
from quickstart.paging import token
from simulator import control
from sp_api.regions import Region
from tests.end_to_end.host import HostProduct, Seller, eventually, table_of
from tests.end_to_end.listing_helpers import FRANCE, Json, listing_of, outcome, publish, scale_waits, unique
from tests.end_to_end.test_listing_sweep import ledger_of

IDENTIFIER = "externally_assigned_product_identifier"
EXEMPTION = "supplier_declared_has_product_identifier_exemption"


@pytest.fixture(autouse=True)
def _usual_outcomes(deployment: Deployment) -> Iterator[None]:
    yield
    control(deployment.servers.simulator_endpoint, "PUT", "listing-outcomes", [])
    control(deployment.servers.simulator_endpoint, "DELETE", "faults", {})
    scale_waits(deployment, 1)


def rule(seller: Seller, **fields: object) -> None:
    control(seller.servers.simulator_endpoint, "PUT", "listing-outcomes", {"sellerId": seller.seller_id, **fields})


def query_of(seller: Seller) -> dict[str, str]:
    return {"SellerId": seller.seller_id, "RegionCode": "EU", "MarketplaceId": FRANCE}


def received_by_amazon(seller: Seller, sku: str) -> list[Json]:
    submissions = control(seller.servers.simulator_endpoint, "GET", "listings")["submissions"]
    return [one for one in submissions if (one["sellerId"], one["sku"]) == (seller.seller_id, sku)]


@pytest.mark.parametrize(
    "sku", ["100%", "%2F", "a+b c", "a/b/../c", "..a", "#1|2", "?x=1&y", "漢字é", "'\"\\;", "x" * 255], ids=repr
)
def test_a_sku_with_any_character_is_the_same_in_every_request(
    host: HostProduct, french_seller: Seller, sku: str
) -> None:
    path = f"/{quote(sku, safe='')}"
    assert publish(host, french_seller, sku, Attributes=unique())["sku"] == sku
    offer = {"op": "merge", "attribute": "color", "value": [{"value": "Bleu"}]}
    patch = {**query_of(french_seller), "ProductType": "LUGGAGE", "Patches": [offer]}
    changed = host.patch("ListingsUrl", path, patch)
    assert (changed.status_code, changed.json().get("sku")) == (200, sku), changed.text
    found = host.get("ListingsUrl", path, **query_of(french_seller))
    assert found.status_code == 200, found.text
    assert [one["operation"] for one in found.json()["submissions"]] == ["PATCH", "PUT"]
    eventually(lambda: len(received_by_amazon(french_seller, sku)) == 2 or None, "both submissions")


def test_an_exemption_that_is_false_is_no_identity(host: HostProduct, french_seller: Seller) -> None:
    attributes = {name: value for name, value in unique().items() if name != IDENTIFIER}
    refused = publish(
        host, french_seller, "NO-ID", 400, Attributes={**attributes, EXEMPTION: [{"value": False}]}, OnFindings="STOP"
    )
    assert "identity" in {error["code"] for error in refused["errors"]}
    assert received_by_amazon(french_seller, "NO-ID") == []


def test_each_identifier_is_searched(host: HostProduct, french_seller: Seller) -> None:
    """Also the second one, and one of another type."""
    for asin, kind, number in (("B0SECOND01", "EAN", "4006381333962"), ("B0THIRD001", "UPC", "036000291452")):
        product = {"marketplaceIds": [FRANCE], "identifiers": {kind: number}, "itemName": asin}
        control(french_seller.servers.simulator_endpoint, "PUT", f"products/{asin}", product)
    attributes: dict[str, Any] = unique()
    attributes[IDENTIFIER] = [
        *attributes[IDENTIFIER],
        {"type": "ean", "value": "4006381333962"},
        {"type": "upc", "value": "036000291452"},
    ]
    # The schema takes one identifier; what Amazon's catalogue has is found nevertheless.
    found = publish(host, french_seller, "SEVERAL", 200, Attributes=attributes, OnFindings="SEND")
    assert {one["asin"] for one in found["candidates"]} == {"B0SECOND01", "B0THIRD001"}


def test_an_asin_in_lower_case_is_named(host: HostProduct, french_seller: Seller) -> None:
    errors = publish(host, french_seller, "LOWER", 400, Asin="b071vg5n9d", Attributes=unique())["errors"]
    assert [(error["field"], "capital letters" in error["message"]) for error in errors] == [("Asin", True)]


def test_a_preview_with_a_broken_schema_is_amazon_s(host: HostProduct, french_seller: Seller) -> None:
    attributes = {"item_name": [{"value": "Moule"}], "pan_shape": [{"value": "round"}]}
    shown = publish(host, french_seller, "PAN", ProductType="BAKEWARE", Attributes=attributes, Mode="PREVIEW")
    assert shown["status"] in ("VALID", "INVALID")
    assert "schema" in {finding["rule"] for finding in shown["findings"]}


def test_a_deletion_is_not_repeated_over_a_later_submission(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    """The listing was created again before the deletion was found to be without effect."""
    first = publish(host, french_seller, "AGAIN", Attributes=unique())
    assert outcome(deployment, events, first["submissionId"])["Status"] == "PUBLISHED"
    rule(french_seller, dropped=True, count=1, sku="AGAIN")
    # The wait that follows keeps this scale: long enough for the next submission.
    scale_waits(deployment, 0.1)
    deletion = host.delete("ListingsUrl", "/AGAIN", **query_of(french_seller)).json()
    assert deletion["status"] == "ACCEPTED", deletion
    again = publish(host, french_seller, "AGAIN", Attributes=unique())
    scale_waits(deployment, 0.001)
    assert outcome(deployment, events, deletion["submissionId"])["Status"] == "SUPERSEDED"
    assert outcome(deployment, events, again["submissionId"])["Status"] == "PUBLISHED"
    operations = [one["operation"] for one in received_by_amazon(french_seller, "AGAIN")]
    assert operations == ["putListingsItem", "deleteListingsItem", "putListingsItem"]


def test_a_repeated_deletion_that_is_refused_ends_in_words(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    first = publish(host, french_seller, "STAYS", Attributes=unique())
    assert outcome(deployment, events, first["submissionId"])["Status"] == "PUBLISHED"
    rule(french_seller, dropped=True, count=1, sku="STAYS")
    # The wait that follows keeps this scale: long enough for the fault.
    scale_waits(deployment, 0.1)
    deletion = host.delete("ListingsUrl", "/STAYS", **query_of(french_seller)).json()
    fault = {"fault": "status", "status": 403, "operation": "deleteListingsItem", "code": "Unauthorized", "count": 20}
    french_seller.control("POST", "faults", fault | {"sellerId": french_seller.seller_id})
    scale_waits(deployment, 0.0002)
    event = outcome(deployment, events, deletion["submissionId"])
    assert (event["Status"], "still has the listing" in event["Message"]) == ("UNKNOWN", True)


def test_a_client_token_whose_record_has_expired_is_not_swallowed(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    """Its execution's name is taken for 90 days, so a second submission with it would never be sent."""
    attributes = unique()
    sent = publish(host, french_seller, "TOKEN", Attributes=attributes, ClientToken="once")
    assert outcome(deployment, events, sent["submissionId"])["Status"] == "PUBLISHED"
    table = table_of(deployment, "ListingsTableName")
    key = {"SubmissionId": sent["submissionId"], "SellerId": french_seller.seller_id}
    changes: dict[str, Any] = {
        "UpdateExpression": "SET ExpiresAt = :past",
        "ExpressionAttributeValues": {":past": int(time.time()) - 1},
    }
    table.update_item(Key=key, **changes)
    for _ in range(2):
        refused = publish(host, french_seller, "TOKEN", 409, Attributes=attributes, ClientToken="once")
        assert refused["errors"][0]["code"] == "ClientTokenReused"
        # DynamoDB deletes what has expired, within days.
        table.delete_item(Key=key)


def test_wrong_paging_tokens(host: HostProduct, french_seller: Seller) -> None:
    odd = ["x", "e30", token({"Entry": "A"}), token({"ReceivedTime": "", "SubmissionId": ""}), "é" * 10]
    for text in odd:
        refused = host.get("ListingsUrl", SellerId=french_seller.seller_id, NextToken=text)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "NextToken"), text
    # Another seller's position shows only one's own.
    foreign = token({"ReceivedTime": "2099-01-01T00:00:00.000000+00:00", "SubmissionId": "0" * 32})
    answer = host.get("ListingsUrl", SellerId=french_seller.seller_id, NextToken=foreign)
    assert (answer.status_code, answer.json()) == (200, {"submissions": []})
    for path in ("", "/changes", "/LUGGAGE/changes"):
        refused = host.get("ProductTypesUrl", path, MarketplaceId=FRANCE, NextToken="e30")
        assert refused.status_code == 400


def test_notices_of_nothing_of_others_and_twice(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    """Before the submission's record, for another seller's SKU, and the same one several times."""
    sqs = aws(deployment.servers, "sqs")
    queue = sqs.get_queue_url(QueueName=deployment.outputs["ListingNoticesQueueArn"].rpartition(":")[2])["QueueUrl"]

    def notice(seller_id: str, sku: str) -> None:
        payload = {"SellerId": seller_id, "MarketplaceId": FRANCE, "Sku": sku, "Status": ["BUYABLE"]}
        body = {"detail": {"NotificationType": "LISTINGS_ITEM_STATUS_CHANGE", "Payload": payload}}
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(body))

    notice(french_seller.seller_id, "NOTED")
    rule(french_seller, notices=False, seconds=2)
    sent = publish(host, french_seller, "NOTED", Attributes=unique())
    notice("ASOMEBODYELSE", "NOTED")
    time.sleep(3)
    for _ in range(4):
        notice(french_seller.seller_id, "NOTED")
    assert outcome(deployment, events, sent["submissionId"])["Status"] == "PUBLISHED"
    notice(french_seller.seller_id, "NOTED")
    kinds = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def empty() -> bool:
        counts: Any = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=kinds)["Attributes"]
        return all(counts[kind] == "0" for kind in kinds)

    eventually(empty, "the end of the notices")
    found = host.get("ListingsUrl", f"/submissions/{sent['submissionId']}", SellerId=french_seller.seller_id).json()
    assert found["status"] == "PUBLISHED"


def test_two_submissions_at_the_same_moment_fifty_times(deployment: Deployment, french_seller: Seller) -> None:
    """One holds the lane and one waits, in every round; a PUT that loses its place is remembered as superseded."""
    ledger = ledger_of(deployment)
    with ThreadPoolExecutor(2) as pool:
        for number in range(50):
            sku = f"MOMENT-{number}"
            listing = ListingOf(french_seller.seller_id, Region.EU, FRANCE, sku, french_seller.seller_id)
            made = [ledger.receive(uuid4().hex, listing, Payload(Operation.PUT, "LUGGAGE"), "h", None) for _ in "12"]
            records = [record for record in made if record is not None]
            list(pool.map(ledger.enter, records))
            lane = ledger.lane(listing)
            assert {lane.holder, lane.waiting} == {record.submission_id for record in records}
            for record in (one for one in records if one.submission_id == lane.holder):
                list(pool.map(ledger.leave, [record, record]))
            assert ledger.lane(listing).holder == lane.waiting
    table = table_of(deployment, "ListingsTableName")
    for item in table.scan()["Items"]:
        if str(item.get("Sku", "")).startswith("MOMENT-"):
            table.delete_item(Key={"SubmissionId": item["SubmissionId"], "SellerId": item["SellerId"]})


def test_a_seller_that_leaves_during_a_submission(
    deployment: Deployment, host: HostProduct, french_seller: Seller
) -> None:
    fault = {"fault": "slow", "seconds": 10, "operation": "putListingsItem", "sellerId": french_seller.seller_id}
    control(french_seller.servers.simulator_endpoint, "POST", "faults", fault)
    table = table_of(deployment, "ListingsTableName")

    def own() -> list[Json]:
        items: list[Json] = table.scan(ConsistentRead=True)["Items"]
        return [item for item in items if item["SellerId"] == french_seller.seller_id]

    with ThreadPoolExecutor(1) as pool:
        body = listing_of(french_seller, "LEAVING", ProductType="LUGGAGE", Attributes=unique())
        pending = pool.submit(host.send, "ListingsUrl", body)
        sending = eventually(
            lambda: next((item for item in own() if item.get("Status") == "SENDING"), None), "the sending"
        )
        left = host.delete("TokenStorageUrl", f"/{french_seller.seller_id}")
        assert left.status_code == 200, left.text
        assert left.json()["listingRecordsDeleted"] == 2
        assert pending.result().status_code == 200
    machine = deployment.outputs["ListingStateMachineArn"]
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{sending['SubmissionId']}"
    states = aws(deployment.servers, "stepfunctions")
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED" or None, "its end")
    assert own() == [], "nothing of the seller comes back"
