"""Catalog Items API v2022-04-01: finds the products in Amazon's catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass

from sp_api.caller import Caller, Operation
from sp_api.wire import JsonObject, OpenEnum, children, optional_text, text

_ITEMS = "/catalog/2022-04-01/items"
_SEARCH_CATALOG_ITEMS = Operation("searchCatalogItems", "GET", _ITEMS, 2)
_GET_CATALOG_ITEM = Operation("getCatalogItem", "GET", f"{_ITEMS}/{{asin}}", 2)
_INCLUDED_DATA = ("summaries", "identifiers", "productTypes")
# The model's limit of searchCatalogItems.
MOST_IDENTIFIERS = 20


class IdentifiersType(OpenEnum):
    """What the identifiers of a search are. SKU also needs the seller's id."""

    ASIN = "ASIN"
    EAN = "EAN"
    GTIN = "GTIN"
    ISBN = "ISBN"
    JAN = "JAN"
    MINSAN = "MINSAN"
    SKU = "SKU"
    UPC = "UPC"


@dataclass(frozen=True)
class CatalogItem:
    """A product of the catalogue, as one marketplace shows it. `identifiers` are (type, value)."""

    asin: str
    item_name: str | None = None
    brand: str | None = None
    product_type: str | None = None
    identifiers: tuple[tuple[str, str], ...] = ()


def search_catalog_items(
    caller: Caller,
    marketplace_id: str,
    identifiers: Sequence[str],
    identifiers_type: IdentifiersType,
    *,
    seller_id: str | None = None,
) -> tuple[CatalogItem, ...]:
    """searchCatalogItems by 1 to 20 identifiers, its first page. One identifier may belong to several products."""
    return caller.call(
        _SEARCH_CATALOG_ITEMS,
        lambda document: children(document, "items", lambda item: _item(item, marketplace_id)),
        query={
            "identifiers": identifiers,
            "identifiersType": str(identifiers_type),
            "marketplaceIds": marketplace_id,
            "includedData": _INCLUDED_DATA,
            "sellerId": seller_id,
            "pageSize": str(MOST_IDENTIFIERS),
        },
    )


def get_catalog_item(caller: Caller, marketplace_id: str, asin: str) -> CatalogItem:
    """getCatalogItem. Raises NotFoundError."""
    return caller.call(
        _GET_CATALOG_ITEM,
        lambda document: _item(document, marketplace_id),
        path={"asin": asin},
        query={"marketplaceIds": marketplace_id, "includedData": _INCLUDED_DATA},
    )


def _item(document: JsonObject, marketplace_id: str) -> CatalogItem:
    summary: JsonObject = _in_marketplace(document, "summaries", marketplace_id)
    product_type = _in_marketplace(document, "productTypes", marketplace_id)
    return CatalogItem(
        asin=text(document, "asin"),
        item_name=optional_text(summary, "itemName"),
        brand=optional_text(summary, "brand"),
        product_type=optional_text(product_type, "productType"),
        identifiers=children(
            _in_marketplace(document, "identifiers", marketplace_id),
            "identifiers",
            lambda entry: (text(entry, "identifierType"), text(entry, "identifier")),
        ),
    )


def _in_marketplace(document: JsonObject, name: str, marketplace_id: str) -> JsonObject:
    """The entry for the marketplace, an empty one when there is none."""
    entries = children(document, name, lambda entry: entry)
    return next((entry for entry in entries if entry.get("marketplaceId") == marketplace_id), {})
