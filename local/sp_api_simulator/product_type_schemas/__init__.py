"""Product types of the simulator: schema documents in Amazon's dialect, generated when they are first asked for.

A dozen types show what real schemas do: conditions 30 levels deep (SPACE_HEATER), half a megabyte (TELEVISION) and a
megabyte (PERSONAL_COMPUTER), empty lists of codes (BAKEWARE), attributes that others replace (VACUUM_CLEANER), a
country's own rules (COFFEE), changes by version (SHIRT), and a type that most marketplaces lack (SARI). Any number of
small types, GENERATED_0001 and so on, exist besides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sp_api_simulator.product_type_schemas.building import Attribute, choice, text
from sp_api_simulator.product_type_schemas.common import COLORS
from sp_api_simulator.product_type_schemas.context import MARKETPLACES, Context
from sp_api_simulator.product_type_schemas.documents import schema_bytes
from sp_api_simulator.product_type_schemas.meta_schema import meta_schema
from sp_api_simulator.product_type_schemas.types import PRODUCT_TYPES, ProductType

LATEST, RELEASE_CANDIDATE, DEFAULT_LOCALE = "LATEST", "RELEASE_CANDIDATE", "DEFAULT"
LATEST_VERSION = 1
"""The version that LATEST means unless the caller says otherwise; the one after it is the release candidate."""
_VERSION = re.compile(r"U[0-9a-f]{8}v([0-9]{1,6})")
_GENERATED = re.compile(r"GENERATED_([0-9]{4,6})")
_CHANGED_TYPES = 100


@dataclass(frozen=True)
class ProductTypeDocument:
    """A definition's documents. `product_type` is the one that the schema is of.

    That is a parent type, or PRODUCT, when the marketplace lacks the type that was asked for.
    """

    schema: bytes
    meta_schema: bytes
    property_groups: dict[str, Any]
    display_name: str
    product_type: str


class UnknownProductTypeError(KeyError):
    """No marketplace has this product type."""


class UnknownMarketplaceError(KeyError):
    """No such marketplace."""


class UnknownVersionError(KeyError):
    """No such version."""


def version_name(number: int) -> str:
    """The name of a version: opaque, as Amazon's are. Versions count from 0, and each differs from the one before."""
    return f"U{number * 2654435761 % 2**32:08x}v{number}"


def version_number(name: str, latest: int = LATEST_VERSION) -> int:
    """The number of a version by name. Raises UnknownVersionError."""
    if name == LATEST:
        return latest
    if name == RELEASE_CANDIDATE:
        return latest + 1
    known = _VERSION.fullmatch(name)
    if known is None or version_name(int(known[1])) != name:
        raise UnknownVersionError(name)
    return int(known[1])


def definition(
    product_type: str,
    marketplace_id: str,
    requirements: str = "LISTING",
    enforced: str = "ENFORCED",
    locale: str = DEFAULT_LOCALE,
    parentage_level: str | None = None,
    seller_id: str | None = None,
    version: str = LATEST,
) -> ProductTypeDocument:
    """The definition of a product type, with the values that getDefinitionsProductType takes.

    Raises UnknownProductTypeError, UnknownMarketplaceError and UnknownVersionError.
    """
    marketplace = MARKETPLACES.get(marketplace_id)
    if marketplace is None:
        raise UnknownMarketplaceError(marketplace_id)
    context = Context(
        marketplace=marketplace,
        locale=marketplace.languages[0] if locale == DEFAULT_LOCALE else locale,
        requirements=requirements,
        enforced=enforced == "ENFORCED",
        parentage_level=parentage_level,
        seller_id=seller_id,
        version=version_number(version),
    )
    return _definition(product_type, context)


@lru_cache(maxsize=128)
def _definition(product_type: str, context: Context) -> ProductTypeDocument:
    entry = _in_marketplace(product_type, context.marketplace.id)
    schema, groups = schema_bytes(entry, context)
    return ProductTypeDocument(schema, meta_schema(), groups, context.say(entry.display_name), entry.name)


def product_types(marketplace_id: str) -> list[tuple[str, str]]:
    """Name and display name of each product type of the marketplace, except the generated ones."""
    marketplace = MARKETPLACES.get(marketplace_id)
    if marketplace is None:
        raise UnknownMarketplaceError(marketplace_id)
    context = Context(marketplace, marketplace.languages[0], "LISTING", True, None, None, 0)
    return [
        (entry.name, context.say(entry.display_name))
        for entry in PRODUCT_TYPES.values()
        if marketplace_id in entry.marketplaces
    ]


def generated_product_types(count: int) -> list[tuple[str, str]]:
    """Name and display name of the first `count` generated types. Every marketplace has them."""
    return [(f"GENERATED_{number:04d}", f"Generated {number}") for number in range(1, count + 1)]


def _in_marketplace(name: str, marketplace_id: str) -> ProductType:
    """The type itself, its parent, or PRODUCT, whichever the marketplace has first."""
    generated = _GENERATED.fullmatch(name)
    if generated:
        return _generated(name, int(generated[1]))
    entry = PRODUCT_TYPES.get(name)
    if entry is None:
        raise UnknownProductTypeError(name)
    while marketplace_id not in entry.marketplaces:
        entry = PRODUCT_TYPES[entry.parent or "PRODUCT"]
    return entry


def _generated(name: str, number: int) -> ProductType:
    """A small type. With each version, one of a hundred generated types has one more color."""

    def attributes(context: Context) -> list[Attribute]:
        changes = (context.version + _CHANGED_TYPES - number % _CHANGED_TYPES) // _CHANGED_TYPES
        colors = {**COLORS, **{f"color_{change}": f"Color {change}" for change in range(1, changes + 1)}}
        return [
            Attribute("pattern_color", choice(context, "Pattern color", colors), "product_details"),
            Attribute(f"{name.lower()}_detail", text(context, f"Detail {number}", 100, "Example"), "product_details"),
        ]

    return ProductType(name, f"Generated {number}", attributes, small=True)
