"""The Product Type Definitions API: product types, their definitions, and the links to schema documents."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.errors import OperationError, access_denied, invalid_input
from sp_api_simulator.marketplaces import MARKETPLACES
from sp_api_simulator.product_type_schemas import (
    LATEST,
    UnknownMarketplaceError,
    UnknownProductTypeError,
    UnknownVersionError,
    definition,
    generated_product_types,
    product_types,
    version_name,
    version_number,
)
from sp_api_simulator.product_type_schemas.context import MARKETPLACES as SCHEMA_MARKETPLACES
from sp_api_simulator.state import Json, State

LINK_LIFETIME = timedelta(days=7)
FOLDER = "product-type-schemas"

REQUIREMENTS = ("LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY")
ENFORCED = ("ENFORCED", "NOT_ENFORCED")
PARENTAGE_LEVELS = ("NONE", "CHILD", "PARENT")
_LOCALES = """
DEFAULT ar ar_AE de de_DE en en_AE en_AU en_CA en_GB en_IN en_SG en_US es es_ES es_MX es_US fr fr_CA fr_FR it it_IT ja
ja_JP nl nl_NL pl pl_PL pt pt_BR pt_PT sv sv_SE tr tr_TR zh zh_CN zh_TW
"""
LOCALES = frozenset(_LOCALES.split())
"""The values that the model declares."""


async def search_definitions_product_types(state: State, call: Call) -> Answer:
    """Every product type of the marketplaces, or those that have one of the keywords. There are no pages."""
    marketplace_ids = _marketplaces(state, call)
    keywords, item_name = call.list_parameter("keywords"), call.query.get("itemName", "")
    if keywords and item_name:
        raise invalid_input("Invalid input", "keywords and itemName cannot be combined")
    _choice(call, "locale", LOCALES, "DEFAULT")
    _choice(call, "searchLocale", LOCALES, "DEFAULT")
    words = [word.casefold() for word in (keywords or item_name.split())]
    found: dict[str, dict[str, Json]] = {}
    for marketplace_id in marketplace_ids:
        for name, display_name in _product_types(state, marketplace_id):
            if words and not any(word in f"{name} {display_name}".casefold() for word in words):
                continue
            entry = found.setdefault(name, {"name": name, "displayName": display_name, "marketplaceIds": []})
            entry["marketplaceIds"].append(marketplace_id)
    version = version_name(state.product_types.latest_version)
    return Answer(200, {"productTypes": list(found.values()), "productTypeVersion": version})


async def get_definitions_product_type(state: State, call: Call) -> Answer:
    """A definition with links to its documents. A type that the marketplace lacks is answered with a parent type."""
    marketplace_ids = _marketplaces(state, call)
    if len(marketplace_ids) > 1:
        raise invalid_input("Invalid 'marketplaceIds' provided.", "Only one marketplace is supported")
    seller_id = call.query.get("sellerId")
    if seller_id and seller_id != call.token.seller_id:
        raise access_denied("The sellerId is not that of the access token")
    catalogue = state.product_types
    requested = call.query.get("productTypeVersion", LATEST)
    requirements = _choice(call, "requirements", REQUIREMENTS, "LISTING")
    enforced = _choice(call, "requirementsEnforced", ENFORCED, "ENFORCED")
    locale = _choice(call, "locale", LOCALES, "DEFAULT")
    parentage_level = _choice(call, "parentageLevel", PARENTAGE_LEVELS, "") or None
    try:
        number = version_number(requested, catalogue.latest_version)
        document = definition(
            call.path["productType"],
            marketplace_ids[0],
            requirements,
            enforced,
            locale,
            parentage_level,
            seller_id,
            version_name(number),
        )
    except UnknownProductTypeError:
        raise OperationError(
            404, "NOT_FOUND", f"Product type '{call.path['productType']}' not found", "The product type does not exist."
        ) from None
    except (UnknownVersionError, UnknownMarketplaceError):
        raise invalid_input("Invalid input", "productTypeVersion or marketplaceIds is not known") from None
    return Answer(
        200,
        {
            "metaSchema": _link(state, call, document.meta_schema),
            "schema": _link(state, call, document.schema),
            "requirements": requirements,
            "requirementsEnforced": enforced,
            "propertyGroups": document.property_groups,
            "locale": locale if locale != "DEFAULT" else SCHEMA_MARKETPLACES[marketplace_ids[0]].languages[0],
            "marketplaceIds": marketplace_ids,
            "productType": document.product_type,
            "displayName": document.display_name,
            "productTypeVersion": {
                "version": version_name(number),
                "latest": number == catalogue.latest_version,
                "releaseCandidate": number > catalogue.latest_version,
            },
        },
    )


def _link(state: State, call: Call, content: bytes) -> Json:
    digest = hashlib.md5(content, usedforsecurity=False)
    catalogue = state.product_types
    catalogue.documents.setdefault(digest.hexdigest(), content)
    seconds = int(LINK_LIFETIME.total_seconds())
    url = state.document_links.make(call.base_url, digest.hexdigest(), "", state.clock.now(), seconds, folder=FOLDER)
    in_base64 = base64.b64encode(digest.digest()).decode()
    checksum = digest.hexdigest() if catalogue.checksums == "hex" else in_base64
    return {"link": {"resource": url, "verb": "GET"}, "checksum": checksum}


def _product_types(state: State, marketplace_id: str) -> list[tuple[str, str]]:
    try:
        usual = product_types(marketplace_id)
    except UnknownMarketplaceError:
        return []
    return [*usual, *generated_product_types(state.product_types.generated)]


def _marketplaces(state: State, call: Call) -> list[str]:
    """selling-partner-api-models issue 2771: a marketplace of another region is invalid."""
    marketplace_ids = call.list_parameter("marketplaceIds")
    if not marketplace_ids:
        raise invalid_input("Missing required 'marketplaceIds' provided.")
    if not set(marketplace_ids) <= MARKETPLACES[call.region]:
        raise invalid_input("Invalid 'marketplaceIds' provided.")
    if set(marketplace_ids) & state.product_types.refused_marketplaces:
        raise access_denied()
    return marketplace_ids


def _choice(call: Call, name: str, choices: tuple[str, ...] | frozenset[str], default: str) -> str:
    value = call.query.get(name, default)
    if value != default and value not in choices:
        raise invalid_input(f"Invalid '{name}' provided.")
    return value
