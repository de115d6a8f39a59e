"""Builds the schema of one attribute in Amazon's dialect: a list of objects, identified by selectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sp_api_simulator.product_type_schemas.context import Context

JsonSchema = dict[str, Any]

MARKETPLACE = "marketplace_id"
LANGUAGE = "language_tag"
_LOCAL_FIELDS = {
    MARKETPLACE: {"$ref": "#/$defs/marketplace_id"},
    LANGUAGE: {"$ref": "#/$defs/language_tag"},
}


@dataclass(frozen=True)
class Attribute:
    """`required_for` are the requirement sets that need it: LISTING, LISTING_PRODUCT_ONLY, LISTING_OFFER_ONLY.

    `offer`: it belongs to the offer. `catalogue`: it describes the product. Some belong to both.
    """

    name: str
    schema: JsonSchema
    group: str
    required_for: frozenset[str] = frozenset()
    offer: bool = False
    catalogue: bool = True


def field(context: Context, title: str, description: str = "", **rules: Any) -> JsonSchema:
    """One field inside an item."""
    schema: JsonSchema = {
        "title": context.say(title),
        "description": context.say(description) if description else f"Provide the {title.lower()} of the product",
        "editable": True,
        "hidden": False,
    }
    schema.update(rules)
    return schema


def coded(
    context: Context,
    title: str,
    labels: Mapping[str, str],
    *,
    free_text: bool = False,
    deprecated: Iterable[str] = (),
    **rules: Any,
) -> JsonSchema:
    """A field with a list of codes and their labels. With `free_text`, other texts are in the schema too."""
    choices: JsonSchema = {
        "type": "string",
        "enum": list(labels),
        "enumNames": [context.say(label) for label in labels.values()],
    }
    gone = [code for code in labels if code in set(deprecated)]
    if gone:
        choices["$lifecycle"] = {"enumDeprecated": gone}
    schema = field(context, title, examples=[next(iter(choices["enumNames"]), "")], **rules)
    schema.update({"anyOf": [{"type": "string"}, choices]} if free_text else choices)
    return schema


def attribute(
    context: Context,
    title: str,
    fields: Mapping[str, JsonSchema],
    *,
    selectors: Sequence[str] = (MARKETPLACE,),
    most: int = 1,
    required: Sequence[str] | None = None,
    description: str = "",
    **rules: Any,
) -> JsonSchema:
    """A list of objects. `most` is the number of items for each combination of the selectors' values."""
    local = {name: _LOCAL_FIELDS[name] for name in selectors if name in _LOCAL_FIELDS}
    needed = [*(fields if required is None else required), *local]
    examples = [example for entry in fields.values() for example in entry.get("examples", [])][:1]
    schema: JsonSchema = {
        "title": context.say(title),
        "description": description or f"Provide the {title.lower()} as it applies to the product",
        "examples": examples,
        "type": "array",
        "minItems": 1,
        "minUniqueItems": 1,
        "maxUniqueItems": most,
        "items": {
            "type": "object",
            "required": sorted(set(needed)),
            "properties": {**fields, **local},
            "additionalProperties": False,
        },
    }
    if selectors:
        schema["selectors"] = list(selectors)
    schema.update(rules)
    return schema


def text(
    context: Context, title: str, most_characters: int, example: str, *, most: int = 1, **rules: Any
) -> JsonSchema:
    """A text of the marketplace's languages."""
    value = field(context, title, examples=[example], type="string", minLength=1, maxLength=most_characters, **rules)
    return attribute(context, title, {"value": value}, selectors=(MARKETPLACE, LANGUAGE), most=most)


def plain(context: Context, title: str, **rules: Any) -> JsonSchema:
    """One value for the marketplace, whatever its type."""
    return attribute(context, title, {"value": field(context, title, **rules)})


def choice(
    context: Context,
    title: str,
    labels: Mapping[str, str],
    *,
    free_text: bool = False,
    deprecated: Iterable[str] = (),
    most: int = 1,
    selectors: Sequence[str] = (MARKETPLACE,),
) -> JsonSchema:
    """One of a list of codes. `most` above 1 allows several."""
    value = coded(context, title, labels, free_text=free_text, deprecated=deprecated)
    return attribute(context, title, {"value": value}, most=most, selectors=selectors)


def measure(context: Context, title: str, units: Mapping[str, str], *, maximum: float | None = None) -> JsonSchema:
    """A number with its unit."""
    number = field(context, title, examples=["2.5"], type="number", minimum=0)
    if maximum is not None:
        number["maximum"] = maximum
    return attribute(context, title, {"value": number, "unit": coded(context, f"{title} unit", units)})


def dimensions(context: Context, title: str, units: Mapping[str, str]) -> JsonSchema:
    """Length, width and height, each a number with its unit."""

    def side(name: str) -> JsonSchema:
        return {
            "title": context.say(name),
            "type": "object",
            "required": ["unit", "value"],
            "properties": {
                "value": field(context, name, examples=["10"], type="number", exclusiveMinimum=0),
                "unit": coded(context, f"{name} unit", units),
            },
            "additionalProperties": False,
        }

    return attribute(context, title, {name.lower(): side(name) for name in ("Length", "Width", "Height")})


def is_one_of(name: str, *codes: object, field_name: str = "value") -> JsonSchema:
    """The condition that an attribute is there, and one of its items has one of these values."""
    item = {"required": [field_name], "properties": {field_name: {"enum": list(codes)}}}
    return {"required": [name], "properties": {name: {"contains": item}}}
