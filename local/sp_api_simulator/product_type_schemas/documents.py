"""Puts a definition together: the schema for one request, and its property groups."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sp_api_simulator.product_type_schemas.building import Attribute, JsonSchema, is_one_of
from sp_api_simulator.product_type_schemas.common import LISTING, OFFER_ONLY, PRODUCT_ONLY, common_attributes
from sp_api_simulator.product_type_schemas.context import Context
from sp_api_simulator.product_type_schemas.filling import fillers
from sp_api_simulator.product_type_schemas.meta_schema import BASE, META_SCHEMA_ID
from sp_api_simulator.product_type_schemas.types import ProductType

NONE, CHILD, PARENT = "NONE", "CHILD", "PARENT"
_IDENTIFIERS = frozenset(
    {
        "externally_assigned_product_identifier",
        "merchant_suggested_asin",
        "supplier_declared_has_product_identifier_exemption",
    }
)
_VARIATIONS = frozenset({"parentage_level", "child_parent_sku_relationship", "variation_theme"})
_STOCK_AND_PRICE = frozenset({"condition_type", "fulfillment_availability", "list_price", "purchasable_offer"})
_SMALL = frozenset({"brand", "item_name", "merchant_suggested_asin"})
_GROUPS = {
    "offer": "Offer",
    "images": "Images",
    "shipping": "Shipping",
    "variations": "Variations",
    "safety_and_compliance": "Safety and compliance",
    "product_identity": "Product identity",
    "product_details": "Product details",
}


def schema_bytes(product_type: ProductType, context: Context) -> tuple[bytes, dict[str, Any]]:
    """The schema document, and the property groups."""
    common: Iterable[Attribute] = common_attributes(context, product_type.themes, product_type.gone_themes)
    if product_type.small:
        common = [entry for entry in common if entry.name in _SMALL]
    attributes = _wanted([*common, *product_type.attributes(context)], context)
    conditions = _conditions(product_type, context)
    schema = _schema(product_type.name, attributes, conditions, context)
    body = _encoded(schema)
    if product_type.size and context.requirements != OFFER_ONLY:
        length = len(body)
        for filler in fillers(context):
            if length >= product_type.size:
                break
            attributes.append(filler)
            length += len(_encoded({filler.name: filler.schema})) - 1
        body = _encoded(_schema(product_type.name, attributes, conditions, context))
    return body, _groups(attributes, context)


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _wanted(attributes: Iterable[Attribute], context: Context) -> list[Attribute]:
    """The attributes that belong to the requirement set and the parentage level."""
    missing: frozenset[str] = frozenset()
    match context.parentage_level:
        case "NONE":
            missing = _VARIATIONS
        case "PARENT":
            missing = _IDENTIFIERS | _STOCK_AND_PRICE
    return [
        entry
        for entry in attributes
        if entry.name not in missing
        and (context.requirements != PRODUCT_ONLY or entry.catalogue)
        and (context.requirements != OFFER_ONLY or entry.offer)
    ]


def _required(attributes: Iterable[Attribute], context: Context) -> list[str]:
    names = {entry.name for entry in attributes if context.requirements in entry.required_for}
    if context.requirements != OFFER_ONLY:
        if context.parentage_level == PARENT:
            names |= {"parentage_level", "child_parent_sku_relationship", "variation_theme"}
        if context.parentage_level == CHILD:
            names |= {"parentage_level", "child_parent_sku_relationship"}
    return sorted(names)


def _conditions(product_type: ProductType, context: Context) -> list[JsonSchema]:
    if context.requirements == OFFER_ONLY or product_type.small:
        return []
    conditions: list[JsonSchema] = []
    if context.parentage_level is None:
        parent: JsonSchema = {"required": ["variation_theme"]}
        if context.requirements == LISTING:
            parent["not"] = {"required": ["purchasable_offer"]}
        child = {"required": ["child_parent_sku_relationship", "variation_theme"]}
        conditions.append(
            {
                "if": is_one_of("parentage_level", "parent"),
                "then": parent,
                "else": {"if": is_one_of("parentage_level", "child"), "then": child},
            }
        )
    if context.parentage_level != PARENT:
        conditions.append(
            {
                "if": {"not": is_one_of("parentage_level", "parent")},
                "then": {"anyOf": [{"required": [name]} for name in sorted(_IDENTIFIERS)]},
            }
        )
    return [*conditions, *product_type.conditions(context)]


def _schema(name: str, attributes: list[Attribute], conditions: list[JsonSchema], context: Context) -> JsonSchema:
    languages = context.marketplace.languages
    schema: JsonSchema = {
        "$schema": META_SCHEMA_ID,
        "$id": f"{BASE}/schema/v1/{name}",
        "$comment": "A schema of the SP-API simulator in the dialect of Amazon's product type definitions",
        "$defs": {
            "language_tag": {
                "title": context.say("Language tag"),
                "examples": [languages[0]],
                "type": "string",
                "enum": list(languages),
                "enumNames": list(languages),
                "default": languages[0],
                "editable": False,
                "hidden": True,
            },
            "marketplace_id": {
                "title": context.say("Marketplace ID"),
                "examples": [context.marketplace.id],
                "type": "string",
                "enum": [context.marketplace.id],
                "enumNames": [context.marketplace.country],
                "default": context.marketplace.id,
                "editable": False,
                "hidden": True,
            },
        },
        "type": "object",
    }
    if context.enforced:
        schema["required"] = _required(attributes, context)
    schema["properties"] = {entry.name: entry.schema for entry in attributes}
    schema["additionalProperties"] = False
    kept = conditions if context.enforced else [_without_required(entry) for entry in conditions]
    if kept:
        schema["allOf"] = kept
    return schema


def _without_required(rule: JsonSchema) -> JsonSchema:
    """The rule for a part of a listing: nothing is required, while the conditions stay as they are."""
    lenient: JsonSchema = {}
    for keyword, value in rule.items():
        if keyword in ("required", "anyOf", "not"):
            continue
        if keyword in ("then", "else"):
            lenient[keyword] = _without_required(value)
        elif keyword == "allOf":
            lenient[keyword] = [_without_required(entry) for entry in value]
        else:
            lenient[keyword] = value
    return lenient


def _groups(attributes: Iterable[Attribute], context: Context) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    names: dict[str, list[str]] = {}
    for entry in attributes:
        names.setdefault(entry.group, []).append(entry.name)
    for group, title in _GROUPS.items():
        if group in names:
            groups[group] = {
                "title": context.say(title),
                "description": context.say(title),
                "propertyNames": names[group],
            }
    return groups
