"""Listings, through real HTTP: a product without an ASIN, one with an ASIN, a vendor's, and their outcomes."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from deployment import Deployment, aws
from simulator import control
from smtp_mailbox import read_messages
from tests.end_to_end.host import HostProduct, Seller, eventually, new_seller, table_of
from tests.end_to_end.listing_helpers import (
    FRANCE,
    OFFER,
    listing_of,
    outcome,
    publish,
    scale_waits,
    subscribed,
    unique,
)


def test_a_product_without_an_asin_is_published_after_two_rounds_of_errors(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    sku = "VALISE 1/é#|"
    wrong = {**unique("4006381333931"), "shell_type": "Hard shell", "condition_type": [{"value": "Neuf"}]}
    first = publish(host, french_seller, sku, 400, Attributes=wrong)
    assert {error["field"] for error in first["errors"][1:]} >= {"Attributes/shell_type"}
    assert first["correctedAttributes"]["shell_type"][0]["value"] == "hard_shell"
    rule = {"invalid": [{"code": "90220", "message": "'x'", "attributeNames": ["x"]}], "count": 1, "sku": sku}
    control(french_seller.servers.simulator_endpoint, "PUT", "listing-outcomes", rule)
    second = publish(host, french_seller, sku, Attributes=unique("4006381333931"))
    # HTTP 200 with INVALID is not a success.
    assert (second["status"], second["issues"][0]["code"]) == ("INVALID", "90220")
    assert outcome(deployment, events, second["submissionId"])["Status"] == "INVALID"
    third = publish(host, french_seller, sku, Attributes=unique("4006381333931"))
    assert third["status"] == "ACCEPTED", third
    event = outcome(deployment, events, third["submissionId"])
    assert (event["Status"], event["Sku"], event["Issues"]) == ("PUBLISHED", sku, [])
    assert event["Asin"].startswith("B0")
    found = host.get(
        "ListingsUrl",
        f"/{quote(sku, safe='')}",
        SellerId=french_seller.seller_id,
        RegionCode="EU",
        MarketplaceId=FRANCE,
    )
    assert found.status_code == 200, found.text
    assert [entry["status"] for entry in found.json()["submissions"]] == ["PUBLISHED", "INVALID"]
    assert found.json()["amazon"]["summaries"][0]["asin"] == event["Asin"]
    # Defaults are filled in.
    assert found.json()["amazon"]["attributes"]["brand"][0]["language_tag"] == "fr_FR"
    mail = eventually(
        lambda: next((m for m in read_messages(deployment.servers.mail_directory) if sku in m.body), None),
        "the digest",
    )
    assert "Amazon listings" in mail.subject


def test_an_offer_on_an_asin_that_is_restricted_at_first(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    simulator, asin = french_seller.servers.simulator_endpoint, "B071VG5N9D"
    control(simulator, "PUT", f"products/{asin}", {"marketplaceIds": [FRANCE], "brand": "Moulin"})
    link = "https://sellercentral.amazon.fr/hz/approvalrequest"
    restriction = {"sellerId": french_seller.seller_id, "restrictions": [{"marketplaceId": FRANCE, "link": link}]}
    control(simulator, "PUT", f"products/{asin}/restrictions", restriction)
    offer = {"condition_type": [{"value": "new_new"}], "purchasable_offer": OFFER}
    request = {"Asin": asin, "Attributes": offer, "ProductType": "PRODUCT"}
    refused = publish(host, french_seller, "OFFER", 409, **request)
    assert refused["errors"][0]["code"] == "ListingRestricted"
    assert refused["restrictions"][0]["links"][0]["url"] == link
    control(simulator, "PUT", f"products/{asin}/restrictions", restriction | {"restrictions": []})
    accepted = publish(host, french_seller, "OFFER", **request)
    event = outcome(deployment, events, accepted["submissionId"])
    assert (event["Status"], event["Asin"]) == ("PUBLISHED", asin)


def test_a_product_with_the_same_gtin_is_returned_and_not_chosen(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    product = {"marketplaceIds": [FRANCE], "identifiers": {"EAN": "4012345678901"}, "itemName": "Autre valise"}
    control(french_seller.servers.simulator_endpoint, "PUT", "products/B0CANDIDAT", product)
    attributes = unique("4012345678901")
    found = publish(host, french_seller, "SAME", 409, Attributes=attributes)
    assert [candidate["asin"] for candidate in found["candidates"]] == ["B0CANDIDAT"]
    sent = publish(host, french_seller, "SAME", Attributes=attributes, OnFindings="SEND")
    assert outcome(deployment, events, sent["submissionId"])["Asin"] == "B0CANDIDAT"


def test_a_vendor_enriches_a_product(deployment: Deployment, host: HostProduct, events: str) -> None:
    simulator = deployment.servers.simulator_endpoint
    vendor = new_seller(deployment.servers, "amzn1.vg.4711")
    control(simulator, "POST", "sellers", {"sellerId": vendor.seller_id, "vendor": True, "vendorCodes": ["MOULI"]})
    subscribed(vendor, host)
    own = {"PartyType": "VENDOR", "VendorCode": "MOULI"}
    control(simulator, "PUT", "products/B0VENDOR01", {"marketplaceIds": [FRANCE]})
    refused = publish(host, vendor, "V-1", 400, Asin="B0VENDOR01", Requirements="LISTING_OFFER_ONLY", **own)
    assert refused["errors"][0]["field"] == "Requirements"
    # A vendor gets no notice of a status: the listing is read after the first wait.
    scale_waits(deployment, 0.05)
    try:
        sent = publish(host, vendor, "V-1", Attributes=unique("4012345678918"), **own)
        assert outcome(deployment, events, sent["submissionId"])["Status"] == "PUBLISHED"
        patch = {
            **{name: value for name, value in listing_of(vendor, "V-1", **own).items() if name != "Sku"},
            "ProductType": "LUGGAGE",
            "Patches": [{"op": "replace", "attribute": "color", "value": [{"value": "Bleu"}]}],
        }
        changed = host.patch("ListingsUrl", "/V-1", patch)
        assert changed.status_code == 200, changed.text
        assert outcome(deployment, events, changed.json()["submissionId"])["Status"] == "PUBLISHED"
        patch["Patches"] = [{"op": "delete", "attribute": "color", "value": [{"marketplace_id": FRANCE}]}]
        refused_patch = host.patch("ListingsUrl", "/V-1", patch)
        assert refused_patch.status_code == 400
    finally:
        scale_waits(deployment, 1)


def test_a_check_and_a_preview_send_nothing(host: HostProduct, french_seller: Seller) -> None:
    checked = publish(host, french_seller, "CHECKED", Attributes=unique("4012345678925"), Mode="CHECK")
    assert checked["status"] == "VALID"
    # The schema lists one brand, and Amazon has refused values that are not in a list.
    assert [(finding["severity"], finding["pointer"]) for finding in checked["findings"]] == [
        ("WARNING", "/brand/0/value")
    ]
    previewed = publish(host, french_seller, "CHECKED", Attributes=unique("4012345678925"), Mode="PREVIEW")
    assert previewed["status"] == "VALID"
    listings = control(french_seller.servers.simulator_endpoint, "GET", "listings")
    assert "CHECKED" not in {entry["sku"] for entry in listings["listings"] + listings["submissions"]}


def test_a_schema_whose_object_was_deleted_is_fetched_again(
    deployment: Deployment, host: HostProduct, french_seller: Seller
) -> None:
    fields = {"Attributes": unique("4012345678956"), "Mode": "CHECK"}
    checked = publish(host, french_seller, "DELETED-SCHEMA", **fields)
    assert checked["status"] == "VALID"
    s3, bucket = aws(deployment.servers, "s3"), deployment.outputs["ProductTypesBucketName"]

    def stored() -> set[str]:
        """The definitions that a listing of this product type is checked with: sellers may have different ones."""
        items = table_of(deployment, "ProductTypesTableName").scan()["Items"]
        collection = f"DEFINITIONS#EU#{FRANCE}#LISTING#ENFORCED"
        found = [item for item in items if item["Collection"].startswith(collection) and item["Entry"] == "LUGGAGE"]
        return {f"contents/{item['Checksum']}.json.gz" for item in found}

    before = stored()
    assert before
    for key in before:
        s3.delete_object(Bucket=bucket, Key=key)
    again = publish(host, french_seller, "DELETED-SCHEMA", **fields)
    assert (again["status"], again["findings"]) == ("VALID", checked["findings"])
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="contents/")
    assert stored() & {entry["Key"] for page in listed for entry in page.get("Contents", [])}


def test_a_lost_answer_is_followed_by_the_same_submission(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    simulator = french_seller.servers.simulator_endpoint
    control(
        simulator,
        "POST",
        "faults",
        {"fault": "lose", "operation": "putListingsItem", "sellerId": french_seller.seller_id},
    )
    token = "order-4711"
    # If Amazon has processed the first copy before the second, the second changes nothing and causes no notice. Then
    # only a later reading shows the outcome.
    scale_waits(deployment, 0.02)
    try:
        sent = publish(host, french_seller, "LOST", Attributes=unique("4012345678932"), ClientToken=token)
        event = outcome(deployment, events, sent["submissionId"])
    finally:
        scale_waits(deployment, 1)
    assert event["Status"] == "PUBLISHED"
    again = publish(host, french_seller, "LOST", Attributes=unique("4012345678932"), ClientToken=token)
    assert again["submissionId"] == sent["submissionId"]
    assert again["status"] == "PUBLISHED"
    other = publish(host, french_seller, "LOST", 409, Attributes=unique("4006381333931"), ClientToken=token)
    assert other["errors"][0]["code"] == "ClientTokenReused"
    submissions = control(simulator, "GET", "listings")["submissions"]
    bodies = [entry["body"] for entry in submissions if entry["sku"] == "LOST"]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


# The statuses after the first, the second and the third submission for a SKU, while the first is being sent.
HELD = {1: ["SENDING"], 2: ["SENDING", "WAITING"], 3: ["SENDING", "SUPERSEDED", "WAITING"]}


def statuses_of(deployment: Deployment, sku: str) -> list[str]:
    """The statuses of the SKU's submissions, in the order in which they were received."""
    items = table_of(deployment, "ListingsTableName").scan(ConsistentRead=True)["Items"]
    own = [item for item in items if item.get("Sku") == sku]
    return [str(item["Status"]) for item in sorted(own, key=lambda item: str(item["ReceivedTime"]))]


def test_a_later_submission_supersedes_a_waiting_one(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    simulator = french_seller.servers.simulator_endpoint
    # The first submission holds the lane until SP-API accepts it.
    fault = {"fault": "status", "status": 429, "count": None, "operation": "putListingsItem"}
    control(simulator, "POST", "faults", fault | {"sellerId": french_seller.seller_id})
    with ThreadPoolExecutor(3) as requests_at_once:
        pending = []
        for price in (10, 20, 30):
            offer = [{"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": price}]}]}]
            attributes = {**unique("4012345678949"), "purchasable_offer": offer}
            body = listing_of(french_seller, "LANE", ProductType="LUGGAGE", Attributes=attributes)
            pending.append(requests_at_once.submit(host.send, "ListingsUrl", body))
            eventually(lambda: statuses_of(deployment, "LANE") == HELD[len(pending)] or None, what="the place")
        control(simulator, "DELETE", "faults")
        sent = [one.result().json() for one in pending]
    assert outcome(deployment, events, sent[1]["submissionId"])["Status"] == "SUPERSEDED"
    assert outcome(deployment, events, sent[2]["submissionId"])["Status"] == "PUBLISHED"
    submissions = control(simulator, "GET", "listings")["submissions"]
    prices = [
        entry["body"]["attributes"]["purchasable_offer"][0]["our_price"][0]["schedule"][0]["value_with_tax"]
        for entry in submissions
        if entry["sku"] == "LANE"
    ]
    assert prices == [10, 30]


def test_a_deletion(deployment: Deployment, host: HostProduct, french_seller: Seller, events: str) -> None:
    sent = publish(host, french_seller, "GONE", Attributes=unique("4012345678956"))
    assert outcome(deployment, events, sent["submissionId"])["Status"] == "PUBLISHED"
    query = {"SellerId": french_seller.seller_id, "RegionCode": "EU", "MarketplaceId": FRANCE}
    deleted = host.delete("ListingsUrl", "/GONE", **query)
    assert deleted.status_code == 200, deleted.text
    assert outcome(deployment, events, deleted.json()["submissionId"])["Status"] == "DELETED"
    listed = host.get("ListingsUrl", SellerId=french_seller.seller_id, Limit=1).json()
    assert [entry["status"] for entry in listed["submissions"]] == ["DELETED"]
    rest = host.get("ListingsUrl", SellerId=french_seller.seller_id, NextToken=listed["nextToken"]).json()
    assert [entry["operation"] for entry in rest["submissions"]] == ["PUT"]
    assert table_of(deployment, "ListingsTableName").scan()["Count"] > 2
