"""The Listings Items API: what is refused at once, what patches do, how submissions are processed, who is told."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from tests.simulator.support import US, Simulator, eventually

SELLER = "A1SELLER"
ITEMS = f"/listings/2021-08-01/items/{SELLER}"
FRANCE = "A13V1IB3VIYZZH"
ASIN = "B071VG5N9D"
FACTS: Any = {
    "brand": [{"value": "Moulin"}],
    "bullet_point": [{"value": "Light"}],
    "condition_type": [{"value": "new_new"}],
    "country_of_origin": [{"value": "FR"}],
    "item_name": [{"value": "A suitcase"}],
    "product_description": [{"value": "A light suitcase"}],
    "purchasable_offer": [{"currency": "USD", "our_price": [{"schedule": [{"value_with_tax": 49.9}]}]}],
    "shell_type": [{"value": "hard_shell"}],
}
OWN: Any = {**FACTS, "merchant_suggested_asin": [{"value": ASIN, "marketplace_id": US}]}


def item(sku: str) -> str:
    return f"{ITEMS}/{quote(sku, safe='')}"


@pytest.fixture
def token(simulator: Simulator) -> str:
    simulator.control("PUT", f"/products/{ASIN}", {"marketplaceIds": [US], "brand": "Moulin"})
    return simulator.seller(SELLER)


def put(simulator: Simulator, token: str, sku: str = "CUP", attributes: Any = None, **more: Any) -> Any:
    body = {"productType": "LUGGAGE", "attributes": {**OWN, **(attributes or {})}, **more}
    return simulator.call("PUT", f"{item(sku)}?marketplaceIds={US}", token, body, status=200).json


def patch(simulator: Simulator, token: str, *patches: Any, status: int = 200) -> Any:
    body = {"productType": "LUGGAGE", "patches": list(patches)}
    return simulator.call("PATCH", f"{item('CUP')}?marketplaceIds={US}", token, body, status=status)


def read(simulator: Simulator, token: str, sku: str = "CUP") -> Any:
    data = "summaries,attributes,issues,offers,fulfillmentAvailability,relationships,productTypes"
    answer = simulator.call("GET", f"{item(sku)}?marketplaceIds={US}&includedData={data}", token)
    assert answer.status in (200, 404)
    return answer.json if answer.status == 200 else None


def published(simulator: Simulator, token: str, attributes: Any = None) -> Any:
    put(simulator, token, attributes=attributes)
    return eventually(lambda: read(simulator, token))


@pytest.mark.parametrize("sku", ["a b", "a/b", "a#b", "a|b", "a%2Fb", "é漢", "a?b", "a+b", "a&b;c"])
def test_a_sku_is_one_segment_of_the_path(simulator: Simulator, token: str, sku: str) -> None:
    assert put(simulator, token, sku)["sku"] == sku
    assert eventually(lambda: read(simulator, token, sku))["sku"] == sku


def test_a_listing_shows_only_after_its_processing(simulator: Simulator, token: str) -> None:
    simulator.control("PUT", "/listing-outcomes", {"seconds": 1_000_000})
    put(simulator, token)
    answer = simulator.call("GET", f"{item('CUP')}?marketplaceIds={US}", token, status=404)
    assert answer.error[:2] == ("NOT_FOUND", f"SKU 'CUP' not found in marketplace {US}")


def test_a_refused_submission_is_answered_with_200(simulator: Simulator, token: str) -> None:
    issue = {"code": "90220", "message": "no", "categories": ["MISSING_ATTRIBUTE"], "attributeNames": ["brand"]}
    simulator.control("PUT", "/listing-outcomes", {"invalid": [issue], "count": 1})
    assert put(simulator, token)["status"] == "INVALID"
    assert put(simulator, token)["status"] == "ACCEPTED"


def test_a_new_product_needs_an_identity(simulator: Simulator, token: str) -> None:
    body = {"productType": "LUGGAGE", "attributes": {}}
    answer = simulator.call("PUT", f"{item('NEW')}?marketplaceIds={US}", token, body, status=200).json
    assert [(issue["code"], issue["attributeNames"]) for issue in answer["issues"][-2:]] == [
        ("90220", ["externally_assigned_product_identifier"]),
        ("90220", ["supplier_declared_has_product_identifier_exemption"]),
    ]


def test_a_preview_changes_nothing(simulator: Simulator, token: str) -> None:
    query = f"marketplaceIds={US}&mode=VALIDATION_PREVIEW&includedData=identifiers,issues"
    body = {"productType": "LUGGAGE", "attributes": OWN}
    answer = simulator.call("PUT", f"{item('CUP')}?{query}", token, body, status=200).json
    assert (answer["status"], answer["identifiers"]) == ("VALID", [{"marketplaceId": US, "asin": ASIN}])
    assert simulator.control("GET", "/listings")["submissions"] == []


@pytest.mark.parametrize("price", ["a lot", None, []])
def test_an_offer_whose_price_is_no_number_is_not_shown(simulator: Simulator, token: str, price: object) -> None:
    offer = {"currency": "USD", "our_price": [{"schedule": [{"value_with_tax": price}]}]}
    assert published(simulator, token, {"purchasable_offer": [offer]})["offers"] == []


def test_a_preview_of_a_patch_reads_no_attributes(simulator: Simulator, token: str) -> None:
    path = f"{item('CUP')}?marketplaceIds={US}&mode=VALIDATION_PREVIEW&includedData=identifiers,issues"
    patches = [{"op": "replace", "path": "/attributes/brand", "value": [{"value": "Moulin"}]}]
    body = {"productType": "LUGGAGE", "patches": patches, "attributes": [1]}
    assert simulator.call("PATCH", path, token, body, status=200).json["identifiers"] == []


OFFER = {"marketplace_id": US, "currency": "USD", "audience": "ALL"}


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        # The same selectors: replace drops what is not sent (selling-partner-api-models issue 4406), merge keeps it.
        ("replace", {**OFFER, "end": 2}, [{**OFFER, "end": 2}]),
        ("add", {**OFFER, "end": 2}, [{**OFFER, "end": 2}]),
        ("merge", {**OFFER, "end": 2}, [{**OFFER, "start": 1, "plan": 3, "end": 2}]),
        ("merge", {**OFFER, "plan": None}, [{**OFFER, "start": 1}]),
        ("delete", OFFER, None),
    ],
)
def test_patches_go_by_selectors(simulator: Simulator, token: str, op: str, value: Any, expected: Any) -> None:
    published(simulator, token, {"purchasable_offer": [{**OFFER, "start": 1, "plan": 3}]})
    answer = patch(simulator, token, {"op": op, "path": "/attributes/purchasable_offer", "value": [value]}).json
    assert answer["status"] == "ACCEPTED"
    eventually(lambda: read(simulator, token)["attributes"].get("purchasable_offer") == expected)


def test_a_value_with_other_selectors_comes_beside_the_first(simulator: Simulator, token: str) -> None:
    """selling-partner-api-docs issue 1714."""
    own, amazon = {"fulfillment_channel_code": "DEFAULT", "quantity": 3}, {"fulfillment_channel_code": "AMAZON_NA"}
    published(simulator, token, {"fulfillment_availability": [own]})
    patch(simulator, token, {"op": "replace", "path": "/attributes/fulfillment_availability", "value": [amazon]})
    eventually(lambda: read(simulator, token)["attributes"]["fulfillment_availability"] == [own, amazon])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"op": "add", "path": "/color", "value": [{"value": "x"}]}, "Invalid path provided in patch at index of 0."),
        (
            {"op": "add", "path": "/attributes/color/0", "value": [{"value": "x"}]},
            "Invalid path provided in patch at index of 0.",
        ),
        (
            {"op": "add", "path": "/attributes/color", "value": {"value": "x"}},
            "Invalid empty value provided in patch at index of 0.",
        ),
        ({"op": "delete", "path": "/attributes/color"}, "Invalid empty value provided in patch at index of 0."),
    ],
)
def test_patches_that_are_refused(simulator: Simulator, token: str, change: Any, message: str) -> None:
    assert patch(simulator, token, change, status=400).error[:2] == ("InvalidInput", message)


def test_an_asin_that_the_catalogue_contradicts(simulator: Simulator, token: str) -> None:
    found = published(simulator, token, {"brand": [{"value": "Other"}]})
    assert [issue["code"] for issue in found["issues"]] == ["8541"]
    assert found["summaries"][0]["status"] == []


def test_an_exemption_needs_the_brand_as_approved(simulator: Simulator, token: str) -> None:
    simulator.control("PUT", f"/sellers/{SELLER}/approved-brands", {"brands": ["Moulin"]})
    for brand, codes in (("moulin", ["8572"]), ("Moulin", [])):
        attributes = {
            **FACTS,
            "supplier_declared_has_product_identifier_exemption": [{"value": True}],
            "brand": [{"value": brand}],
        }
        body = {"productType": "LUGGAGE", "attributes": attributes}
        simulator.call("PUT", f"{item(brand)}?marketplaceIds={US}", token, body, status=200)
        found = eventually(partial(read, simulator, token, brand))
        assert [issue["code"] for issue in found["issues"]] == codes


def test_a_vendor(simulator: Simulator) -> None:
    token = simulator.seller("amzn1.vg.1234", vendor=True, vendorCodes=["MOULI"])
    simulator.control("PUT", f"/products/{ASIN}", {"marketplaceIds": [FRANCE]})
    own = "/listings/2021-08-01/items/MOULI/CUP"
    query = f"?marketplaceIds={FRANCE}"
    offer = [{**FACTS["purchasable_offer"][0], "currency": "EUR"}]
    body: Any = {"productType": "LUGGAGE", "attributes": {**OWN, "purchasable_offer": offer}}
    refused = simulator.call("PUT", own.replace("MOULI", "amzn1.vg.1234") + query, token, body, "eu", status=400)
    assert refused.error[1] == "Invalid 'sellerId' and 'marketplaceId' combination provided."
    simulator.call("PUT", own + query, token, body | {"requirements": "LISTING_OFFER_ONLY"}, "eu", status=400)
    simulator.call("PUT", own + query, token, body, "eu", status=200)
    found = eventually(lambda: simulator.call("GET", own + query, token, endpoint="eu").json.get("summaries"))
    assert found[0]["status"] == ["DISCOVERABLE"]
    change = {"op": "delete", "path": "/attributes/color", "value": [{"marketplace_id": FRANCE}]}
    patches = {"productType": "LUGGAGE", "patches": [change]}
    simulator.call("PATCH", own + query, token, patches, "eu", status=400)
    simulator.call(
        "GET", f"/listings/2021-08-01/restrictions{query}&asin={ASIN}&sellerId=MOULI", token, endpoint="eu", status=403
    )


@pytest.mark.parametrize("query", ["", "?marketplaceIds=", f"?marketplaceIds={FRANCE}", f"?marketplaceIds={US},{US}"])
def test_one_marketplace_of_the_region(simulator: Simulator, token: str, query: str) -> None:
    body = {"productType": "LUGGAGE", "attributes": OWN}
    refused = simulator.call("PUT", item("CUP") + query, token, body, status=400)
    assert refused.error[1] == "Invalid 'marketplaceIds' provided."


def test_a_dropped_submission_is_never_seen(simulator: Simulator, token: str) -> None:
    simulator.control("PUT", "/listing-outcomes", {"dropped": True, "sku": "LOST"})
    assert put(simulator, token, "LOST")["status"] == "ACCEPTED"
    put(simulator, token, "OTHER")
    eventually(lambda: read(simulator, token, "OTHER"))
    assert read(simulator, token, "LOST") is None


def test_notices_go_to_a_partner_event_bus_only(simulator: Simulator, token: str) -> None:
    specification = {"eventBridge": {"region": "us-east-1", "accountId": "111122223333"}}
    created = simulator.call(
        "POST",
        "/notifications/v1/destinations",
        simulator.grantless(),
        {"name": "bus", "resourceSpecification": specification},
        status=200,
    )
    destination = created.json["payload"]["destinationId"]
    simulator.subscribe(token, destination, "LISTINGS_ITEM_STATUS_CHANGE")
    simulator.subscribe(token, destination, "LISTINGS_ITEM_ISSUES_CHANGE", "2023-12-13")
    issue = {"code": "18027", "message": "text", "severity": "WARNING", "categories": ["INVALID_IMAGE"]}
    simulator.control("PUT", "/listing-outcomes", {"issues": [issue]})
    put(simulator, token, attributes={"purchasable_offer": [OFFER]})
    kinds = eventually(
        lambda: (
            len(sent := simulator.control("GET", "/notifications")["notifications"]) == 2
            and {entry["notificationType"] for entry in sent}
        )
    )
    assert kinds == {"LISTINGS_ITEM_STATUS_CHANGE", "LISTINGS_ITEM_ISSUES_CHANGE"}


def test_a_search_has_pages_and_filters(simulator: Simulator, token: str) -> None:
    for number in range(5):
        put(simulator, token, f"CUP{number}")
    eventually(lambda: len(simulator.control("GET", "/listings")["listings"]) == 5)
    first = simulator.call("GET", f"{ITEMS}?marketplaceIds={US}&pageSize=3", token, status=200).json
    more = first["pagination"]["nextToken"]
    second = simulator.call("GET", f"{ITEMS}?marketplaceIds={US}&pageSize=3&pageToken={more}", token, status=200).json
    assert {entry["sku"] for entry in first["items"] + second["items"]} == {f"CUP{number}" for number in range(5)}
    assert first["numberOfResults"] == 5
    failing = simulator.call("GET", f"{ITEMS}?marketplaceIds={US}&withIssueSeverity=ERROR", token, status=200).json
    assert failing["items"] == []


def test_the_application_has_a_limit_of_its_own(simulator: Simulator) -> None:
    simulator.control("PUT", "/clock", {"scale": 0.01})
    simulator.control("PUT", "/rate-limits", {"scale": 0.1})
    try:
        tokens = [simulator.seller(f"A{number}") for number in range(14)]
        statuses = [
            simulator.call("GET", f"/listings/2021-08-01/items/A{number}/X?marketplaceIds={US}", token).status
            for number, token in enumerate(tokens)
        ]
        # One request of each seller: only the application's ten are used up.
        assert statuses.count(404) == 10
        assert statuses.count(429) == 4
    finally:
        simulator.control("PUT", "/rate-limits", {"scale": 0})


@pytest.mark.parametrize(
    ("sku", "status", "answered"),
    [("ANY", 200, "ACCEPTED"), ("VALIDATION_INVALID", 200, "INVALID"), ("BadSKU", 400, "")],
)
def test_the_sandbox(simulator: Simulator, token: str, sku: str, status: int, answered: str) -> None:
    query = f"?marketplaceIds={US}&includedData=identifiers,issues&mode=VALIDATION_PREVIEW"
    body = {"productType": "LUGGAGE", "attributes": {"any": "thing"}}
    path = f"/listings/2021-08-01/items/{SELLER}/{sku}{query if sku.startswith('VALID') else f'?marketplaceIds={US}'}"
    answer = simulator.call("PUT", path, token, body, "sandbox.na")
    assert answer.status == status
    assert answer.json.get("status", "") == answered
