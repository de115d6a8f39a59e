"""Schema documents: parsed, repaired, resolved."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft201909Validator

from quickstart.product_types import schemas
from quickstart.product_types.schemas import SchemaUnreadableError, parsed, pointer, repaired, resolved
from tests import hostile
from tests.unit.quickstart.product_types.support import check, listing_of, rules, schema_of


def test_documents_that_are_no_objects() -> None:
    for document in hostile.NOT_OBJECTS:
        with pytest.raises(SchemaUnreadableError, match=r"^The schema is not"):
            parsed(document)


def test_empty_lists_of_codes_are_taken_out() -> None:
    schema = schema_of("BAKEWARE")
    made = repaired(schema)
    assert {(warned.attribute_name, warned.pointer) for warned in made.warnings} == {
        ("coating", "/properties/coating/items/properties/value/anyOf/1/enum"),
        ("pan_shape", "/properties/pan_shape/items/properties/value/enum"),
    }
    assert made.warnings[0].message.startswith("The rule enum of ")
    assert "enum" not in made.schema["properties"]["pan_shape"]["items"]["properties"]["value"]
    assert schema["properties"]["pan_shape"]["items"]["properties"]["value"]["enum"] == []


def test_whole_schemas_stay_as_they_are() -> None:
    for name in ("LUGGAGE", "SPACE_HEATER", "PERSONAL_COMPUTER"):
        schema = schema_of(name)
        assert repaired(schema) == schemas.Repaired(schema, ())


@pytest.mark.parametrize(
    ("keyword", "value", "reason"),
    [
        ("enum", [], "is empty"),
        ("enum", "x", "is not a list"),
        ("required", "x", "is not a list of names"),
        ("required", [1], "is not a list of names"),
        ("type", "text", "is not a type"),
        ("type", [], "is not a type"),
        ("properties", [], "is not a set of schemas"),
        ("properties", {"a": 1}, "is not a set of schemas"),
        ("allOf", [], "is not a list of schemas"),
        ("allOf", {}, "is not a list of schemas"),
        ("items", 5, "is not a schema"),
        ("if", "x", "is not a schema"),
        ("maxLength", -1, "is not a whole number"),
        ("maxLength", 1.5, "is not a whole number"),
        ("maxUniqueItems", "1", "is not a whole number"),
        ("maxUniqueItems", True, "is not a whole number"),
        ("minimum", float("nan"), "is not a number"),
        ("multipleOf", 0, "is not a number above 0"),
        ("pattern", 5, "is not a text"),
        ("selectors", "marketplace_id", "is not a list of names"),
        ("$ref", "#/nothing", "refers to nothing in the schema"),
        ("$ref", "other.json", "refers to nothing in the schema"),
        ("dependentRequired", {"a": "b"}, "is not a set of lists of names"),
        ("uniqueItems", 1, "is not true or false"),
    ],
)
def test_rules_that_no_validator_applies_are_taken_out(keyword: str, value: object, reason: str) -> None:
    made = repaired({"allOf": [{"properties": {"a": {"title": "A", keyword: value}}}]})
    (warned,) = made.warnings
    assert (warned.pointer, warned.attribute_name) == (pointer(("allOf", "0", "properties", "a", keyword)), None)
    assert warned.message == f"The rule {keyword} in Amazon's schema {reason}"
    assert made.schema == {"allOf": [{"properties": {"a": {"title": "A"}}}]}


def test_what_only_a_reference_leads_to_is_repaired_too() -> None:
    """A document may keep parts under any name, and in lists."""
    schema = {
        "properties": {"a": {"$ref": "#/parts/0"}, "b": {"$ref": "#/parts/0"}, "c": {"$ref": "#/properties/d"}},
        "parts": [{"type": "word", "maxLength": 1, "$ref": "#/x~1y"}, {"required": 5}],
        "x/y": {"required": 5, "items": {"enum": "x"}, "not": {"$ref": "#/parts/0"}},
    }
    made = repaired(schema)
    assert {(warned.pointer, warned.attribute_name) for warned in made.warnings} == {
        ("/parts/0/type", None),
        ("/x~1y/required", None),
        ("/x~1y/items/enum", None),
        ("/properties/c/$ref", "c"),
    }
    assert rules(check(schema, {"a": "xx"})) == {
        ("/a", "maxLength", "ERROR"),
        *(("", "schema", "WARNING") for _ in range(3)),
    }


@settings(max_examples=100)
@given(
    hostile.objects("type", "items", "properties", "required", "enum", "anyOf", "$ref", "if", "maxLength", "pattern")
)
def test_a_repaired_schema_is_one_that_the_draft_accepts(schema: dict[str, Any]) -> None:
    try:
        made = repaired({"properties": {"a": schema}})
    except SchemaUnreadableError:
        return
    known = {"type", "items", "properties", "required", "enum", "anyOf", "if", "maxLength"}
    left = {keyword: value for keyword, value in made.schema["properties"]["a"].items() if keyword in known}
    if "required" in left:
        # The draft excludes a name twice, which every validator applies.
        left["required"] = list(dict.fromkeys(left["required"]))
    Draft201909Validator.check_schema(left)


def test_references_are_replaced() -> None:
    schema = {
        "$defs": {
            "id": {"type": "string", "title": "Id", "default": "x"},
            "list": {"items": {"$ref": "#/$defs/id"}},
        },
        "properties": {
            "plain": {"$ref": "#/$defs/id"},
            "titled": {"$ref": "#/$defs/id", "title": "Own"},
            "stricter": {"$ref": "#/$defs/id", "type": "null"},
            "list": {"$ref": "#/$defs/list"},
            "elsewhere": {"$ref": "other.json"},
        },
    }
    assert resolved(schema)["properties"] == {
        "plain": {"type": "string", "title": "Id", "default": "x"},
        "titled": {"type": "string", "title": "Own", "default": "x"},
        "stricter": {"type": "null", "allOf": [{"type": "string", "title": "Id", "default": "x"}]},
        "list": {"items": {"type": "string", "title": "Id", "default": "x"}},
        "elsewhere": {"$ref": "other.json"},
    }


@pytest.mark.parametrize(
    "reference", ["#/$defs/a~1b", "#/%24defs/a~1b", "https://schemas.amazon.com/schema/v1/LUGGAGE#/$defs/a~1b"]
)
def test_references_into_the_document(reference: str) -> None:
    schema = {
        "$id": "https://schemas.amazon.com/schema/v1/LUGGAGE",
        "$defs": {"a/b": {"maxLength": 1}},
        "properties": {"title": {"$ref": reference}},
    }
    assert rules(check(schema, {"title": "xx"})) == {("/title", "maxLength", "ERROR")}
    assert repaired(schema).warnings == ()
    assert resolved(schema)["properties"]["title"] == {"maxLength": 1}


@pytest.mark.parametrize("reference", ["#anchor", "", "https://schemas.amazon.com/schema/v1/SHIRT#/$defs/a", 5])
def test_references_out_of_the_document(reference: object) -> None:
    made = repaired({"$id": "https://schemas.amazon.com/schema/v1/LUGGAGE", "$ref": reference, "$defs": {"a": {}}})
    assert [warned.pointer for warned in made.warnings] == ["/$ref"]


def test_a_schema_that_refers_to_itself_stays_one() -> None:
    schema = {"$defs": {"tree": {"properties": {"child": {"$ref": "#/$defs/tree"}}}}, "$ref": "#/$defs/tree"}
    whole = resolved(schema)
    assert whole["properties"]["child"] == {"$ref": "#/$defs/tree"}
    assert whole["$defs"] == schema["$defs"]


@pytest.mark.parametrize("name", ["LUGGAGE", "SPACE_HEATER", "PERSONAL_COMPUTER"])
def test_a_resolved_schema_finds_the_same(name: str) -> None:
    schema = schema_of(name)
    whole = resolved(schema)
    assert "$ref" not in json.dumps(whole)
    listing = listing_of(schema)
    assert check(whole, listing).findings == ()
    listing["item_name"] = [{"value": 5, "marketplace_id": "x"}]
    del listing["brand"]
    assert rules(check(whole, listing)) == rules(check(schema, listing))
