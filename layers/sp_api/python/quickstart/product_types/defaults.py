"""Fills in what a person need not write: marketplace_id, language_tag and other hidden fields with a default."""

from collections.abc import Mapping
from typing import Any

from quickstart.product_types.schemas import dereferenced

MARKETPLACE = "marketplace_id"
LANGUAGE = "language_tag"
# An attribute's own schema is at most a few levels deep. A schema that refers to itself ends here.
_MOST_LEVELS = 16


def filled(
    schema: Mapping[str, object], attributes: Mapping[str, object], marketplace_id: str, language_tag: str | None
) -> dict[str, object]:
    """A copy of `attributes` with the missing hidden fields of each item. Values that are there stay as they are.

    Args:
        schema: the document of the product type.
        attributes: the listing's attributes. What has a wrong shape is left as it is.
        marketplace_id: for `marketplace_id`, where an item has none.
        language_tag: for `language_tag`, where an item has none; None for the marketplace's usual language, which the
            schema names as the default.
    """
    own = {MARKETPLACE: marketplace_id} | ({LANGUAGE: language_tag} if language_tag else {})
    properties = schema.get("properties")
    known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    return {
        name: _filled(schema, known[name], value, own, _MOST_LEVELS) if name in known else value
        for name, value in attributes.items()
    }


def _filled(root: Mapping[str, object], schema: object, value: object, own: Mapping[str, str], levels: int) -> object:
    described = dereferenced(root, schema)
    if levels == 0:
        return value
    if isinstance(value, list):
        items = described.get("items")
        return [_filled(root, items, entry, own, levels - 1) for entry in value]
    properties = described.get("properties")
    if not isinstance(value, Mapping) or not isinstance(properties, Mapping):
        return value
    whole: dict[str, object] = {
        name: _filled(root, properties[name], entry, own, levels - 1) if name in properties else entry
        for name, entry in value.items()
    }
    for name, rules in properties.items():
        if name not in whole:
            field = dereferenced(root, rules)
            if name in own and field:
                whole[name] = own[name]
            elif field.get("hidden") is True and "default" in field:
                whole[name] = field["default"]
    return whole
