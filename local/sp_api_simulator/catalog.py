"""The Catalog Items API: search by identifiers, and one product."""

from __future__ import annotations

from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.errors import OperationError
from sp_api_simulator.listing_state import Json, Product
from sp_api_simulator.listing_values import bad_request
from sp_api_simulator.marketplaces import MARKETPLACES
from sp_api_simulator.state import State

IDENTIFIER_TYPES = frozenset({"ASIN", "EAN", "GTIN", "ISBN", "JAN", "MINSAN", "SKU", "UPC"})
INCLUDED = frozenset({"summaries", "identifiers", "productTypes"})
MOST_IDENTIFIERS = 20


async def search_catalog_items(state: State, call: Call) -> Answer:
    marketplace_id = _marketplace(call)
    included = _included(call)
    identifiers, kind = call.list_parameter("identifiers"), call.query.get("identifiersType", "")
    if not 1 <= len(identifiers) <= MOST_IDENTIFIERS:
        raise bad_request("Invalid 'identifiers' provided.")
    if kind not in IDENTIFIER_TYPES or (kind == "SKU" and "sellerId" not in call.query):
        raise bad_request("Invalid 'identifiersType' provided.")
    found = [
        product
        for product in state.listings.products.values()
        if marketplace_id in product.marketplace_ids
        and set(identifiers) & _identifiers(state, product, kind, call.query.get("sellerId", ""))
    ]
    body = {
        "numberOfResults": len(found),
        "items": [_json(product, marketplace_id, included) for product in found[:20]],
    }
    return Answer(200, body)


async def get_catalog_item(state: State, call: Call) -> Answer:
    marketplace_id = _marketplace(call)
    included = _included(call)
    product = state.listings.products.get(call.path["asin"])
    if product is None or marketplace_id not in product.marketplace_ids:
        text = f"Requested item '{call.path['asin']}' not found in marketplace(s) {marketplace_id}."
        raise OperationError(404, "NOT_FOUND", text)
    return Answer(200, _json(product, marketplace_id, included))


def _identifiers(state: State, product: Product, kind: str, seller_id: str) -> set[str]:
    if kind == "ASIN":
        return {product.asin}
    if kind == "SKU":
        return {
            key.sku
            for key, item in state.listings.items.items()
            if key.seller_id == seller_id and item.asin == product.asin
        }
    # GTIN covers the other numbers (GS1); EAN and UPC are told apart by their type.
    return {value for own, value in product.identifiers if kind in ("GTIN", own)}


def _marketplace(call: Call) -> str:
    ids = call.list_parameter("marketplaceIds")
    if len(ids) != 1 or ids[0] not in MARKETPLACES[call.region]:
        raise bad_request("Invalid 'marketplaceIds' provided.")
    return ids[0]


def _included(call: Call) -> list[str]:
    included = call.list_parameter("includedData") or ["summaries"]
    if not set(included) <= INCLUDED:
        raise bad_request("Invalid 'includedData' provided.")
    return included


def _json(product: Product, marketplace_id: str, included: list[str]) -> Json:
    parts = {
        "summaries": [{"marketplaceId": marketplace_id, "itemName": product.item_name, "brand": product.brand}],
        "identifiers": [
            {
                "marketplaceId": marketplace_id,
                "identifiers": [{"identifierType": kind, "identifier": value} for kind, value in product.identifiers],
            }
        ],
        "productTypes": [{"marketplaceId": marketplace_id, "productType": product.product_type}],
    }
    return {"asin": product.asin, **{name: parts[name] for name in included}}
