"""Amazon's own Python SDK drives the operations of listings, catalogue and restrictions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from spapi.api.catalogitems_v2022_04_01.catalog_api import CatalogApi
from spapi.api.listings_items_v2021_08_01.listings_api import ListingsApi
from spapi.api.listings_restrictions_v2021_08_01.listings_restrictions_api import ListingsRestrictionsApi
from spapi.auth.credentials import SPAPIConfig
from spapi.client import SPAPIClient
from spapi.models import listings_items_v2021_08_01 as models
from spapi.rest import ApiException

from tests.simulator.support import CLIENT_ID, CLIENT_SECRET, US, Simulator, eventually
from tests.simulator.test_listings import OWN
from tests.simulator.test_official_sdk import LISTING_FAILURES

SELLER = "A1SELLER"
ASIN = "B071VG5N9D"


class Sdk:
    def __init__(self, simulator: Simulator) -> None:
        added = simulator.control("POST", "/sellers", {"sellerId": SELLER})
        config = SPAPIConfig(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, refresh_token=added["refreshToken"])
        oauth, endpoint = f"{simulator.address}/auth/o2/token", f"{simulator.address}/na"
        self.client = SPAPIClient(config, oauth_endpoint=oauth, endpoint=endpoint).api_client
        self.listings = ListingsApi(self.client)
        self.catalog = CatalogApi(self.client)
        self.restrictions = ListingsRestrictionsApi(self.client)

    def put(self, sku: str = "CUP", seller: str = SELLER, **options: Any) -> Any:
        body = models.ListingsItemPutRequest(
            product_type="LUGGAGE",
            requirements="LISTING",
            attributes=OWN,
        )
        return self.listings.put_listings_item(seller, sku, [US], body, **options)


@pytest.fixture
def sdk(simulator: Simulator) -> Iterator[Sdk]:
    simulator.control("PUT", f"/products/{ASIN}", {"marketplaceIds": [US], "identifiers": {"EAN": "4006381333931"}})
    made = Sdk(simulator)
    yield made
    made.client.rest_client.pool_manager.clear()


def test_a_listing_from_creation_to_deletion(sdk: Sdk) -> None:
    sku = "CUP 1/é#|"
    assert sdk.put(sku, mode="VALIDATION_PREVIEW", included_data=["identifiers", "issues"]).status == "VALID"
    submitted = sdk.put(sku)
    assert isinstance(submitted, models.ListingsItemSubmissionResponse)
    assert (submitted.sku, submitted.status) == (sku, "ACCEPTED")
    item = eventually(lambda: found(sdk, sku))
    assert (item.summaries[0].asin, item.summaries[0].status) == (ASIN, ["BUYABLE", "DISCOVERABLE"])
    patch = models.PatchOperation(op="merge", path="/attributes/color", value=[{"value": "blue"}])
    body = models.ListingsItemPatchRequest(product_type="LUGGAGE", patches=[patch])
    assert sdk.listings.patch_listings_item(SELLER, sku, [US], body).status == "ACCEPTED"
    eventually(lambda: "color" in found(sdk, sku).attributes)
    (listed,) = sdk.listings.search_listings_items(SELLER, [US], identifiers=[sku], identifiers_type="SKU").items
    assert listed.sku == sku
    assert sdk.listings.delete_listings_item(SELLER, sku, [US]).status == "ACCEPTED"
    eventually(lambda: found(sdk, sku) is None)


def found(sdk: Sdk, sku: str) -> Any:
    try:
        return sdk.listings.get_listings_item(
            SELLER, sku, [US], included_data=["summaries", "attributes", "issues", "offers", "productTypes"]
        )
    except ApiException as error:
        assert error.status == 404
        return None


def test_the_catalogue_and_restrictions(sdk: Sdk, simulator: Simulator) -> None:
    page = sdk.catalog.search_catalog_items(
        [US],
        identifiers=["4006381333931"],
        identifiers_type="EAN",
        included_data=["summaries", "identifiers", "productTypes"],
    )
    assert [item.asin for item in page.items] == [ASIN]
    assert sdk.catalog.get_catalog_item(ASIN, [US]).asin == ASIN
    assert sdk.restrictions.get_listings_restrictions(ASIN, SELLER, [US]).restrictions == []
    link = "https://sellercentral.amazon.com/hz/approvalrequest"
    entry = {"marketplaceId": US, "link": link}
    simulator.control("PUT", f"/products/{ASIN}/restrictions", {"sellerId": SELLER, "restrictions": [entry]})
    (restriction,) = sdk.restrictions.get_listings_restrictions(ASIN, SELLER, [US]).restrictions
    assert restriction.reasons[0].reason_code == "APPROVAL_REQUIRED"
    assert restriction.reasons[0].links[0].resource == link


FAILURES: dict[str, tuple[Callable[[Sdk], Any], int, str]] = {
    "putListingsItem": (lambda sdk: sdk.put(seller="A2OTHER"), 400, "InvalidInput"),
    "patchListingsItem": (
        lambda sdk: sdk.listings.patch_listings_item(
            SELLER, "CUP", [US], {"productType": "LUGGAGE", "patches": [{"op": "add", "path": "/color"}]}
        ),
        400,
        "InvalidInput",
    ),
    "deleteListingsItem": (
        lambda sdk: sdk.listings.delete_listings_item(SELLER, "CUP", ["A13V1IB3VIYZZH"]),
        400,
        "InvalidInput",
    ),
    "getListingsItem": (lambda sdk: sdk.listings.get_listings_item(SELLER, "NONE", [US]), 404, "NOT_FOUND"),
    "searchListingsItems": (
        lambda sdk: sdk.listings.search_listings_items(SELLER, [US], identifiers=["1"]),
        400,
        "InvalidInput",
    ),
    "searchCatalogItems": (lambda sdk: sdk.catalog.search_catalog_items([US]), 400, "InvalidInput"),
    "getCatalogItem": (lambda sdk: sdk.catalog.get_catalog_item("B000000000", [US]), 404, "NOT_FOUND"),
    "getListingsRestrictions": (
        lambda sdk: sdk.restrictions.get_listings_restrictions("no", SELLER, [US]),
        400,
        "BAD_REQUEST",
    ),
}


def test_every_operation_has_a_failure() -> None:
    assert FAILURES.keys() == LISTING_FAILURES


@pytest.mark.parametrize("operation", FAILURES)
def test_failures(sdk: Sdk, operation: str) -> None:
    attempt, status, code = FAILURES[operation]
    with pytest.raises(ApiException) as caught:
        attempt(sdk)
    assert caught.value.status == status
    document = json.loads(caught.value.body)
    (error,) = document["errors"] if isinstance(document, dict) else document
    assert error["code"] == code
