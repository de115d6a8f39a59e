"""Attributes of listings: the checks that Amazon makes at once, and what patches do with values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sp_api_simulator import product_type_schemas
from sp_api_simulator.errors import OperationError, invalid_input
from sp_api_simulator.listing_state import Json

# What identifies the values of attributes that the schema names no selectors for.
_SELECTORS: Mapping[str, tuple[str, ...]] = {
    "fulfillment_availability": ("fulfillment_channel_code",),
    "purchasable_offer": ("marketplace_id", "currency", "audience"),
}
_USUAL_SELECTORS = ("marketplace_id", "language_tag")
_PATH = "/attributes/"
IDENTITY = ("externally_assigned_product_identifier", "supplier_declared_has_product_identifier_exemption")
ASIN = "merchant_suggested_asin"


def issue(code: str, message: str, category: str, *names: str, severity: str = "ERROR") -> Json:
    """An issue as Amazon writes it."""
    return {
        "code": code,
        "message": message,
        "severity": severity,
        "attributeNames": list(names),
        "categories": [category],
    }


def required_but_missing(name: str) -> Json:
    return issue("90220", f"'{name}' is required but not supplied.", "MISSING_ATTRIBUTE", name)


@lru_cache(maxsize=64)
def schema_of(product_type: str, marketplace_id: str, requirements: str, enforced: str) -> Mapping[str, Any] | None:
    """The schema of a product type; None for a type that the marketplace does not have."""
    try:
        found = product_type_schemas.definition(product_type, marketplace_id, requirements, enforced)
    except product_type_schemas.UnknownProductTypeError:
        return None
    schema: Mapping[str, Any] = json.loads(found.schema)
    return schema


def check_attributes(schema: Mapping[str, Any], attributes: Mapping[str, Json], *, complete: bool) -> list[Json]:
    """The issues that Amazon finds before it accepts a submission. `complete`: required attributes must be there."""
    properties = schema.get("properties", {})
    found = [required_but_missing(name) for name in schema.get("required", ()) if complete and name not in attributes]
    for name, values in attributes.items():
        if properties and name not in properties:
            found.append(issue("90000900", "The attributes are invalid.", "INVALID_ATTRIBUTE", name))
        elif not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            found.append(issue("4000001", f"The value of '{name}' is invalid.", "INVALID_ATTRIBUTE", name))
        else:
            found += _check_values(name, values, _fields(properties.get(name, {})))
    return found


def _fields(attribute: Mapping[str, Any]) -> Mapping[str, Any]:
    items = attribute.get("items", {})
    fields = items.get("properties", {}) if isinstance(items, dict) else {}
    return fields if isinstance(fields, dict) else {}


def _check_values(name: str, values: list[Json], fields: Mapping[str, Any]) -> list[Json]:
    found = []
    for field, rule in fields.items():
        if not isinstance(rule, dict):
            continue
        for value in values:
            given = value.get(field)
            if given is None:
                continue
            if "enum" in rule and given not in rule["enum"]:
                text = f"The provided value for '{name}' is invalid."
                found.append(issue("90244", text, "INVALID_ATTRIBUTE", name))
            elif rule.get("type") == "array" and not isinstance(given, list):
                found.append(issue("4000001", f"The value of '{name}' is invalid.", "INVALID_ATTRIBUTE", name))
    return found


def selectors_of(schema: Mapping[str, Any] | None, name: str) -> tuple[str, ...]:
    """The fields that identify a value of the attribute."""
    declared = (schema or {}).get("properties", {}).get(name, {}).get("selectors")
    return tuple(declared) if declared else _SELECTORS.get(name, _USUAL_SELECTORS)


def check_patches(patches: Json, *, vendor: bool) -> list[tuple[str, str, list[Json]]]:
    """(op, attribute, values) of each patch. Raises OperationError with Amazon's words.

    The texts are those of selling-partner-api-models issues 4228 and 5383 and selling-partner-api-docs issue 3068.
    """
    if not isinstance(patches, list) or not patches:
        raise invalid_input("Invalid Input", "patches must not be empty")
    checked = []
    for index, patch in enumerate(patches):
        if not isinstance(patch, dict) or patch.get("op") not in ("add", "replace", "merge", "delete"):
            raise invalid_input(f"Invalid operation provided in patch at index of {index}.")
        path, values = patch.get("path"), patch.get("value")
        if not isinstance(path, str) or not path.startswith(_PATH) or "/" in path[len(_PATH) :] or path == _PATH:
            raise invalid_input(f"Invalid path provided in patch at index of {index}.")
        if vendor and patch["op"] == "delete":
            raise invalid_input(f"Invalid operation provided in patch at index of {index}.")
        if not isinstance(values, list) or not values or not all(isinstance(value, dict) and value for value in values):
            raise invalid_input(f"Invalid empty value provided in patch at index of {index}.")
        checked.append((str(patch["op"]), path[len(_PATH) :], values))
    return checked


def patched(
    schema: Mapping[str, Any] | None,
    attributes: Mapping[str, Json],
    patches: list[tuple[str, str, list[Json]]],
) -> dict[str, Json]:
    """The attributes after the patches. Values are matched by their selectors."""
    result = dict(attributes)
    for op, name, values in patches:
        selectors = selectors_of(schema, name)
        held = [value for value in result.get(name, []) if isinstance(value, dict)]
        for value in values:
            held = _applied(op, held, value, selectors)
        if held:
            result[name] = held
        else:
            result.pop(name, None)
    return result


def _applied(op: str, held: list[Json], value: Json, selectors: tuple[str, ...]) -> list[Json]:
    def same(other: Json) -> bool:
        # A selector that the patch leaves out matches every value.
        return all(name not in value or other.get(name, value[name]) == value[name] for name in selectors)

    if op == "delete":
        return [other for other in held if not same(other)]
    if not any(same(other) for other in held):
        return [*held, _without_nulls(value)]
    if op == "merge":
        return [_without_nulls({**other, **value}) if same(other) else other for other in held]
    return [value if same(other) else other for other in held]


def _without_nulls(value: Json) -> Json:
    return {name: inner for name, inner in value.items() if inner is not None}


def put_body(body: Mapping[str, Json]) -> tuple[str, str, Mapping[str, Json]]:
    """(product type, requirements, attributes) of putListingsItem. Raises OperationError."""
    product_type, requirements = body.get("productType"), body.get("requirements", "LISTING")
    attributes = body.get("attributes")
    if not isinstance(product_type, str) or not product_type:
        raise bad_request("Invalid 'productType' provided.")
    if requirements not in ("LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"):
        raise bad_request("Invalid 'requirements' provided.")
    if not isinstance(attributes, dict):
        raise bad_request("Invalid 'attributes' provided.")
    return product_type, requirements, attributes


def bad_request(message: str) -> OperationError:
    return invalid_input(message)


def first_value(attributes: Mapping[str, Json], name: str, field: str = "value") -> Json:
    """The field of the attribute's first value; None when there is none."""
    values = attributes.get(name)
    if isinstance(values, list) and values and isinstance(values[0], dict):
        return values[0].get(field)
    return None
