"""Public complaints about single listings, each with what the stack says or does about it.

The numbers are those of issues of amzn/selling-partner-api-models and -docs.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from deployment import Deployment
from simulator import control
from tests.end_to_end.host import HostProduct, Seller
from tests.end_to_end.listing_helpers import (
    FRANCE,
    Json,
    listing_of,
    outcome,
    publish,
    scale_waits,
    unique,
)

PRICE: Json = {"marketplace_id": FRANCE, "currency": "EUR", "audience": "ALL"}
OWN_STOCK: Json = {"fulfillment_channel_code": "DEFAULT", "quantity": 3, "lead_time_to_ship_max_days": 2}


@pytest.fixture(autouse=True)
def _usual_outcomes(deployment: Deployment) -> Iterator[None]:
    # A change of attributes alone causes no notice, so the first reading is after a minute: here, after three seconds.
    scale_waits(deployment, 0.05)
    yield
    control(deployment.servers.simulator_endpoint, "PUT", "listing-outcomes", [])
    control(deployment.servers.simulator_endpoint, "DELETE", "faults", {})
    scale_waits(deployment, 1)


def rule(seller: Seller, **fields: object) -> None:
    control(seller.servers.simulator_endpoint, "PUT", "listing-outcomes", {"sellerId": seller.seller_id, **fields})


def patch(host: HostProduct, seller: Seller, sku: str, *patches: Json, status: int = 200) -> Json:
    own = {name: value for name, value in listing_of(seller, sku).items() if name != "Sku"}
    answer = host.patch("ListingsUrl", f"/{sku}", own | {"ProductType": "LUGGAGE", "Patches": list(patches)})
    assert answer.status_code == status, answer.text
    body: Json = answer.json()
    return body


def published(deployment: Deployment, host: HostProduct, seller: Seller, events: str, sku: str, **more: Any) -> None:
    sent = publish(host, seller, sku, Attributes={**unique(), **more})
    assert outcome(deployment, events, sent["submissionId"])["Status"] == "PUBLISHED"


def amazon(seller: Seller, sku: str) -> Json:
    listings = control(seller.servers.simulator_endpoint, "GET", "listings")["listings"]
    found: list[Json] = [one for one in listings if (one["sellerId"], one["sku"]) == (seller.seller_id, sku)]
    return found[0]["attributes"] if found else {}


def rules_of(answer: Json) -> dict[str, str]:
    return {finding["rule"]: finding["message"] for finding in answer["findings"]}


def test_5001_amazon_is_stricter_than_the_feed_was(host: HostProduct, french_seller: Seller) -> None:
    """A preview shows Amazon's own issues, by category and attribute."""
    issue = {"code": "90220", "categories": ["MISSING_ATTRIBUTE"], "attributeNames": ["item_weight"]}
    rule(french_seller, invalid=[issue])
    shown = publish(host, french_seller, "STRICT", Attributes=unique(), Mode="PREVIEW")
    assert shown["status"] == "INVALID"
    assert shown["issues"][0]["categories"] == ["MISSING_ATTRIBUTE"]
    assert shown["issues"][0]["attributeNames"] == ["item_weight"]


def test_4621_a_stale_attribute_is_deleted_by_its_selectors(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    published(deployment, host, french_seller, events, "STALE", color=[{"value": "Bleu"}])
    selectors = {"marketplace_id": FRANCE, "language_tag": "fr_FR"}
    sent = patch(host, french_seller, "STALE", {"op": "delete", "attribute": "color", "value": [selectors]})
    assert sent["findings"] == []
    outcome(deployment, events, sent["submissionId"])
    assert "color" not in amazon(french_seller, "STALE")


def test_4898_a_price_that_is_left_out_stays_until_it_is_deleted(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    """A merge without the sub-field keeps it, null removes it (models 4898, 4134)."""
    published(deployment, host, french_seller, events, "PRICE")
    schedule = [{"schedule": [{"value_with_tax": 39.9}]}]
    kept = patch(
        host,
        french_seller,
        "PRICE",
        {"op": "merge", "attribute": "purchasable_offer", "value": [{**PRICE, "our_price": schedule}]},
    )
    outcome(deployment, events, kept["submissionId"])
    assert amazon(french_seller, "PRICE")["purchasable_offer"][0]["our_price"] == schedule
    removed = patch(host, french_seller, "PRICE", {"op": "delete", "attribute": "purchasable_offer", "value": [PRICE]})
    outcome(deployment, events, removed["submissionId"])
    assert "purchasable_offer" not in amazon(french_seller, "PRICE")


def test_4941_an_image_is_deleted_with_its_selector(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    image = [{"media_location": "https://images.example.com/1.jpg"}]
    published(deployment, host, french_seller, events, "IMAGE", main_product_image_locator=image)
    refused = patch(
        host, french_seller, "IMAGE", {"op": "delete", "attribute": "main_product_image_locator"}, status=400
    )
    assert "selectors" in refused["errors"][0]["message"]
    selector = {"marketplace_id": FRANCE}
    sent = patch(
        host, french_seller, "IMAGE", {"op": "delete", "attribute": "main_product_image_locator", "value": [selector]}
    )
    outcome(deployment, events, sent["submissionId"])
    assert "main_product_image_locator" not in amazon(french_seller, "IMAGE")


def test_1714_another_channel_comes_beside_the_first(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    published(deployment, host, french_seller, events, "CHANNEL", fulfillment_availability=[OWN_STOCK])
    by_amazon = {"fulfillment_channel_code": "AMAZON_EU"}
    warned = patch(
        host, french_seller, "CHANNEL", {"op": "replace", "attribute": "fulfillment_availability", "value": [by_amazon]}
    )
    assert "fulfillment_channel_code differ" in rules_of(warned)["addsValue"]
    outcome(deployment, events, warned["submissionId"])
    channels = [one["fulfillment_channel_code"] for one in amazon(french_seller, "CHANNEL")["fulfillment_availability"]]
    assert channels == ["DEFAULT", "AMAZON_EU"]
    own = {"fulfillment_channel_code": "DEFAULT"}
    sent = patch(
        host, french_seller, "CHANNEL", {"op": "delete", "attribute": "fulfillment_availability", "value": [own]}
    )
    outcome(deployment, events, sent["submissionId"])
    assert len(amazon(french_seller, "CHANNEL")["fulfillment_availability"]) == 1


def test_4406_a_replace_that_drops_fields_is_warned_of_and_a_merge_keeps_them(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    published(deployment, host, french_seller, events, "STOCK", fulfillment_availability=[OWN_STOCK])
    stock = {"fulfillment_channel_code": "DEFAULT", "quantity": 9}
    merged = patch(
        host, french_seller, "STOCK", {"op": "merge", "attribute": "fulfillment_availability", "value": [stock]}
    )
    assert merged["findings"] == []
    outcome(deployment, events, merged["submissionId"])
    assert amazon(french_seller, "STOCK")["fulfillment_availability"] == [{**OWN_STOCK, "quantity": 9}]
    replaced = patch(
        host, french_seller, "STOCK", {"op": "replace", "attribute": "fulfillment_availability", "value": [stock]}
    )
    assert "lead_time_to_ship_max_days" in rules_of(replaced)["dropsFields"]
    outcome(deployment, events, replaced["submissionId"])
    assert amazon(french_seller, "STOCK")["fulfillment_availability"] == [stock]


def test_5370_a_deletion_without_effect_is_sent_again(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    published(deployment, host, french_seller, events, "REMAINS")
    rule(french_seller, dropped=True, count=1)
    scale_waits(deployment, 0.001)
    query = {"SellerId": french_seller.seller_id, "RegionCode": "EU", "MarketplaceId": FRANCE}
    sent = host.delete("ListingsUrl", "/REMAINS", **query).json()
    assert outcome(deployment, events, sent["submissionId"])["Status"] == "DELETED"
    submissions = control(french_seller.servers.simulator_endpoint, "GET", "listings")["submissions"]
    mine = [one for one in submissions if one["sku"] == "REMAINS" and one["operation"] == "deleteListingsItem"]
    assert len(mine) == 2


def test_2362_one_marketplace_for_each_request(host: HostProduct, french_seller: Seller) -> None:
    two = listing_of(french_seller, "TWO", ProductType="LUGGAGE", Attributes=unique())
    answer = host.send("ListingsUrl", two | {"MarketplaceId": f"{FRANCE},A1PA6795UKMFR9"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "MarketplaceId"


def test_3157_a_subscription_that_amazon_refuses_says_why(host: HostProduct, french_seller: Seller) -> None:
    """The kind of destination (docs 2134), or Amazon's own words for a role that the authorization lacks."""
    request = {"SellerId": french_seller.seller_id, "RegionCode": "EU"}
    wrong = host.send("NotificationsSubscriberUrl", request | {"NotificationType": "LISTINGS_ITEM_STATUS_CHANGE"})
    (error,) = wrong.json()["errors"]
    assert (wrong.status_code, error["code"]) == (400, "EventBridgeWorkflow")
    assert "Amazon EventBridge, not to queues" in error["message"]
    words = "Access to requested resource is denied."
    fault = {"fault": "status", "status": 403, "code": "Unauthorized", "message": words, "count": 20}
    for operation in ("createSubscription", "getSubscription"):
        french_seller.control("POST", "faults", fault | {"operation": operation, "sellerId": french_seller.seller_id})
    refused = host.send("NotificationsSubscriberUrl", request | {"NotificationType": "FEED_PROCESSING_FINISHED"})
    assert (refused.status_code, words in refused.json()["message"]) == (502, True), refused.text


def test_5219_http_200_with_invalid_is_no_success(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    rule(french_seller, invalid=[{"code": "8541", "message": "no"}], count=1)
    sent = publish(host, french_seller, "TWO-HUNDRED", Attributes=unique())
    assert sent["status"] == "INVALID"
    assert "rejected" in sent["message"]
    assert outcome(deployment, events, sent["submissionId"])["Status"] == "INVALID"


def test_5311_an_exemption_needs_the_brand_as_it_was_approved(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    simulator = french_seller.servers.simulator_endpoint
    control(simulator, "PUT", f"sellers/{french_seller.seller_id}/approved-brands", {"brands": ["Moulin"]})
    attributes = {**unique(), "brand": [{"value": "MOULIN"}]}
    del attributes["externally_assigned_product_identifier"]
    attributes["supplier_declared_has_product_identifier_exemption"] = [{"value": True}]
    sent = publish(host, french_seller, "EXEMPT", Attributes=attributes)
    refused = outcome(deployment, events, sent["submissionId"])
    assert refused["Status"] == "REFUSED"
    assert refused["Issues"][0]["categories"] == ["QUALIFICATION_REQUIRED"]
    assert refused["Issues"][0]["attributeNames"] == ["brand"]
    sent = publish(host, french_seller, "EXEMPT", Attributes={**attributes, "brand": [{"value": "Moulin"}]})
    assert outcome(deployment, events, sent["submissionId"])["Status"] == "PUBLISHED"


def test_4173_a_new_product_without_identity_is_not_sent(host: HostProduct, french_seller: Seller) -> None:
    attributes = unique()
    del attributes["externally_assigned_product_identifier"]
    refused = publish(host, french_seller, "NOBODY", 400, Attributes=attributes)
    assert any("externally_assigned_product_identifier" in error["message"] for error in refused["errors"])
    sent = control(french_seller.servers.simulator_endpoint, "GET", "listings")["submissions"]
    assert all(one["sku"] != "NOBODY" for one in sent)


def test_4956_a_restriction_comes_with_the_link_to_open(host: HostProduct, french_seller: Seller) -> None:
    simulator, link = french_seller.servers.simulator_endpoint, "https://sellercentral.amazon.fr/hz/approval"
    control(simulator, "PUT", "products/B0RESTRICT", {"marketplaceIds": [FRANCE]})
    entry = {"sellerId": french_seller.seller_id, "restrictions": [{"marketplaceId": FRANCE, "link": link}]}
    control(simulator, "PUT", "products/B0RESTRICT/restrictions", entry)
    offer = {"condition_type": [{"value": "new_new"}], "purchasable_offer": unique()["purchasable_offer"]}
    refused = publish(host, french_seller, "APPROVED", 409, Asin="B0RESTRICT", Attributes=offer, ProductType="PRODUCT")
    assert refused["restrictions"][0]["links"] == [{"url": link, "title": "Request approval"}]
    assert "have to open it once" in refused["message"]


def test_5021_an_accepted_listing_that_never_appears_ends_as_unknown(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    rule(french_seller, dropped=True)
    scale_waits(deployment, 0.0001)
    sent = publish(host, french_seller, "NEVER", Attributes=unique())
    event = outcome(deployment, events, sent["submissionId"])
    assert event["Status"] == "UNKNOWN"
    assert "24 hours later" in event["Message"]
    assert "404" in event["Message"]


def test_4516_an_issue_that_comes_after_its_notice_is_read(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    """The notice ends the wait; the listing has no status yet, so it is read again after a minute."""
    issue = {"code": "18027", "message": "Image", "severity": "ERROR", "categories": ["INVALID_IMAGE"]}
    rule(french_seller, issues=[issue], status=[], issueSeconds=1)
    scale_waits(deployment, 0.05)
    sent = publish(host, french_seller, "LATE", Attributes=unique())
    event = outcome(deployment, events, sent["submissionId"])
    assert (event["Status"], event["Issues"][0]["code"]) == ("REFUSED", "18027")


def test_4566_a_price_change_is_not_judged_by_the_state_from_before(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    """The listing is buyable all the time: only a later lastUpdatedDate shows that the change is in."""
    published(deployment, host, french_seller, events, "BEFORE")
    rule(french_seller, seconds=7, notices=False)
    scale_waits(deployment, 0.02)
    offer = [{**PRICE, "our_price": [{"schedule": [{"value_with_tax": 12.5}]}]}]
    sent = patch(host, french_seller, "BEFORE", {"op": "merge", "attribute": "purchasable_offer", "value": offer})
    event = outcome(deployment, events, sent["submissionId"])
    assert event["Status"] == "PUBLISHED"
    assert amazon(french_seller, "BEFORE")["purchasable_offer"][0]["our_price"] == offer[0]["our_price"]


def test_5322_a_published_listing_with_warnings(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    issue = {"code": "18155", "message": "Price", "severity": "WARNING", "categories": ["INVALID_PRICE"]}
    rule(french_seller, issues=[issue])
    sent = publish(host, french_seller, "WARNED", Attributes=unique())
    event = outcome(deployment, events, sent["submissionId"])
    assert (event["Status"], event["IssueCount"]) == ("PUBLISHED_WITH_ISSUES", 1)
