"""Schemas of the simulator, listings that fit them, and a table that is read page by page."""

import json
from collections.abc import Mapping
from typing import Any

from product_types_storm.cloud import DynamoDB
from quickstart.product_types.schemas import dereferenced
from quickstart.product_types.validation import Checked, CompiledSchemas, Finding
from sp_api_simulator.product_type_schemas import definition

FRANCE = "A13V1IB3VIYZZH"
UNITED_KINGDOM = "A1F83G8C2ARO7P"
UNITED_STATES = "ATVPDKIKX0DER"
SECONDS = 60.0
"""A time limit that only a check that hangs reaches."""
# Only one way to identify a product, and none of the attributes of a variation.
_LEFT_OUT = frozenset(
    {
        "child_parent_sku_relationship",
        "merchant_suggested_asin",
        "parentage_level",
        "supplier_declared_has_product_identifier_exemption",
        "variation_theme",
    }
)


def schema_of(product_type: str, marketplace_id: str = FRANCE, **request: Any) -> dict[str, Any]:
    return dict(json.loads(definition(product_type, marketplace_id, **request).schema))


def listing_of(schema: Mapping[str, Any], most: int = 1000) -> dict[str, Any]:
    """A listing with the required attributes of a schema of the simulator, and others, so that there are `most`."""
    required = schema.get("required", [])
    others = [name for name in schema["properties"] if name not in required and name not in _LEFT_OUT]
    listing: dict[str, Any] = {}
    for name in [*required, "externally_assigned_product_identifier", *others]:
        wanted = len(listing) < most or name in required or name.startswith("externally")
        if wanted and name in schema["properties"]:
            listing[name] = _value(schema, schema["properties"][name])
    if "power_source_type" in listing:
        # Conditions read it. With this code they are read to the innermost.
        listing["power_source_type"][0]["value"] = "solar_powered"
    if "epr_packaging_registration" in listing:
        listing["epr_packaging_registration"][0]["value"] = "FR123456_12ABCD"
    return listing


def _value(root: Mapping[str, Any], described: Mapping[str, Any]) -> Any:
    field = dereferenced(root, described)
    if "anyOf" in field:
        field = field["anyOf"][-1]
    if "enum" in field:
        return field["enum"][0]
    match field["type"]:
        case "array":
            return [_value(root, field["items"])]
        case "object":
            return {name: _value(root, inner) for name, inner in field["properties"].items()}
        case "string" if "pattern" in field:
            return "https://images.example.com/front.jpg"
        case "string":
            return {"date": "2026-12-01", "date-time": "2026-12-01T00:00:00Z"}.get(field.get("format", ""), "Example")
        case "number":
            return 1.5
        case "integer":
            return 1
    return True


def check(
    schema: Mapping[str, Any] | bytes,
    attributes: Mapping[str, Any],
    *,
    enforced: bool = True,
    time_limit: float = SECONDS,
) -> Checked:
    return CompiledSchemas(1).check(schema, "key", attributes, enforced=enforced, time_limit=time_limit)


def only(checked: Checked) -> Finding:
    """The one finding of a check."""
    assert checked.incomplete is None
    (found,) = checked.findings
    return found


def rules(checked: Checked) -> set[tuple[str, str, str]]:
    """Pointer, rule and severity of each finding."""
    return {(found.pointer, found.rule, found.severity) for found in checked.findings}


class PagedDynamoDB(DynamoDB):
    """The table of product types and its index of changes, whose queries end after `Limit` items as DynamoDB's do."""

    def query(
        self,
        *,
        TableName: str,  # noqa: N803
        Limit: int,  # noqa: N803
        ScanIndexForward: bool,  # noqa: N803
        ExclusiveStartKey: Mapping[str, Any] | None = None,  # noqa: N803
        IndexName: str = "",  # noqa: N803
        **given: Any,
    ) -> dict[str, Any]:
        assert TableName == "table"
        assert IndexName in ("", "MarketplaceIdChangeOrderIndex")
        order = "ChangeOrder" if IndexName else "Entry"
        keys = {"Collection", "Entry", *(("MarketplaceId", "ChangeOrder") if IndexName else ())}
        found = [item for item in self._query(given) if order in item]
        found.sort(key=lambda item: str(item[order]["S"]), reverse=not ScanIndexForward)
        if ExclusiveStartKey is not None:
            assert set(ExclusiveStartKey) == keys
            places = [{name: item[name] for name in keys} for item in found]
            found = found[places.index(dict(ExclusiveStartKey)) + 1 :]
        page = found[:Limit]
        last = {"LastEvaluatedKey": {name: page[-1][name] for name in keys}} if len(found) > Limit else {}
        return {"Items": page, **last}
