"""Schema documents: parsed, repaired, resolved."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft201909Validator

from quickstart.product_types import schemas
from quickstart.product_types.schemas import (
    SchemaUnreadableError,
    copied,
    dereferenced,
    parsed,
    pointer,
    referred,
    repair,
    repaired,
    resolved,
)
from tests import hostile
from tests.unit.quickstart.product_types.support import check, listing_of, rules, schema_of


def test_documents_that_are_no_objects() -> None:
    for document in hostile.NOT_OBJECTS:
        with pytest.raises(SchemaUnreadableError, match=r"^The schema is not"):
            parsed(document)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"{", "The schema is not JSON (JSONDecodeError)"),
        (b"\xff\xfe\xff", "The schema is not JSON (UnicodeDecodeError)"),
        (b"[" * 100_000, "The schema is not JSON (RecursionError)"),
        (b"[]", "The schema is not a JSON object"),
        (b"null", "The schema is not a JSON object"),
    ],
)
def test_why_a_document_cannot_be_read(document: bytes, message: str) -> None:
    with pytest.raises(SchemaUnreadableError) as refused:
        parsed(document)
    assert str(refused.value) == message


def test_why_a_schema_is_no_json() -> None:
    circle: dict[str, Any] = {}
    circle["x"] = circle
    deep: Any = hostile.nested(1, 100_000)
    for schema, reason in (({"x": {1}}, "TypeError"), (circle, "ValueError"), ({"x": deep}, "RecursionError")):
        with pytest.raises(SchemaUnreadableError) as refused:
            copied(schema)
        assert str(refused.value) == f"The schema is not JSON ({reason})"


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
        ("enum", "", "is not a list"),
        ("enum", {}, "is not a list"),
        ("enum", 0, "is not a list"),
        ("type", None, "is not a type"),
        ("type", ["string", "text"], "is not a type"),
        ("type", ["string", {}], "is not a type"),
        ("type", {"string": 1}, "is not a type"),
        ("required", {"a": 1}, "is not a list of names"),
        ("required", 5, "is not a list of names"),
        ("anyOf", [{}, 5], "is not a list of schemas"),
        ("oneOf", 5, "is not a list of schemas"),
        ("items", [], "is not a schema"),
        ("items", [5], "is not a schema"),
        ("items", "x", "is not a schema"),
        ("$defs", 5, "is not a set of schemas"),
        ("dependentSchemas", {"a": {}, "b": 5}, "is not a set of schemas"),
        ("patternProperties", [{}], "is not a set of schemas"),
        ("not", [], "is not a schema"),
        ("additionalProperties", "no", "is not a schema"),
        ("propertyNames", 1, "is not a schema"),
        ("minContains", "1", "is not a whole number"),
        ("minContains", False, "is not a whole number"),
        ("maxItems", 10.5, "is not a whole number"),
        ("maxItems", float("inf"), "is not a whole number"),
        ("minUtf8ByteLength", [], "is not a whole number"),
        ("maximum", True, "is not a number"),
        ("exclusiveMinimum", "5", "is not a number"),
        ("exclusiveMaximum", float("inf"), "is not a number"),
        ("multipleOf", -1, "is not a number above 0"),
        ("multipleOf", "1", "is not a number above 0"),
        ("multipleOf", True, "is not a number above 0"),
        ("pattern", ["x"], "is not a text"),
        ("dependentRequired", [], "is not a set of lists of names"),
        ("dependentRequired", {"a": ["b"], "c": [5]}, "is not a set of lists of names"),
        ("$ref", 5, "refers to nothing in the schema"),
        ("$ref", "#/allOf/1", "refers to nothing in the schema"),
        ("$ref", "#/allOf/x", "refers to nothing in the schema"),
        ("$ref", "#/allOf/\u00b2", "refers to nothing in the schema"),
        ("$ref", "#/allOf", "refers to nothing in the schema"),
        ("$ref", "#/allOf/0/properties/a/title/0", "refers to nothing in the schema"),
        ("$ref", "#allOf/0", "refers to nothing in the schema"),
    ],
)
def test_rules_that_no_validator_applies_are_taken_out(keyword: str, value: object, reason: str) -> None:
    made = repaired({"allOf": [{"properties": {"a": {"title": "A", keyword: value}}}]})
    (warned,) = made.warnings
    assert (warned.pointer, warned.attribute_name) == (pointer(("allOf", "0", "properties", "a", keyword)), None)
    assert warned.message == f"The rule {keyword} in Amazon's schema {reason}"
    assert made.schema == {"allOf": [{"properties": {"a": {"title": "A"}}}]}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("enum", [None]),
        ("type", "null"),
        ("type", ["string", "array", "boolean", "integer", "number", "object"]),
        ("required", []),
        ("selectors", ["x"]),
        ("allOf", [True, {}]),
        ("items", False),
        ("items", [{}, True]),
        ("properties", {}),
        ("properties", {"b": True}),
        ("contains", True),
        ("maxLength", 0),
        ("maxItems", 1.0),
        ("minimum", -1.5),
        ("maximum", 0),
        ("multipleOf", 1),
        ("multipleOf", 0.5),
        ("pattern", ""),
        ("dependentRequired", {"a": []}),
        ("uniqueItems", False),
        ("$ref", "#/properties/b"),
        ("$ref", "#/x/1"),
        ("$ref", "#"),
        ("const", {"enum": []}),
        ("default", {"required": 5}),
        ("unknown", {"type": "x"}),
    ],
)
def test_rules_that_can_be_applied_stay(keyword: str, value: object) -> None:
    schema = {"properties": {"a": {keyword: value}, "b": {}}, "x": [{}, {}]}
    assert repaired(schema) == schemas.Repaired(schema, ())


BROKEN = {"maxLength": "x"}


@pytest.mark.parametrize(
    ("schema", "pointer_", "name"),
    [
        *(
            ({keyword: BROKEN}, f"/{keyword}/maxLength", None)
            for keyword in (
                *("additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames"),
                *("then", "unevaluatedItems", "unevaluatedProperties"),
            )
        ),
        *(
            ({keyword: [{}, BROKEN]}, f"/{keyword}/1/maxLength", None)
            for keyword in ("allOf", "anyOf", "items", "oneOf")
        ),
        *(
            ({keyword: {"x": True, "y": BROKEN}}, f"/{keyword}/y/maxLength", None)
            for keyword in ("$defs", "definitions", "dependentSchemas", "patternProperties")
        ),
        ({"properties": {"x": True, "y": BROKEN}}, "/properties/y/maxLength", "y"),
        ({"properties": {"y": {"items": {"not": BROKEN}}}}, "/properties/y/items/not/maxLength", "y"),
        ({"items": {"properties": {"y": BROKEN}}}, "/items/properties/y/maxLength", None),
        ({"properties": 5}, "/properties", None),
        ({"properties": {"maxLength": {}}, "allOf": [{"$ref": "#/properties"}]}, "/properties/maxLength", None),
    ],
)
def test_where_a_wrong_rule_was(schema: dict[str, Any], pointer_: str, name: str | None) -> None:
    (warned,) = repaired(schema).warnings
    assert (warned.pointer, warned.attribute_name) == (pointer_, name)
    keyword = pointer_.rpartition("/")[2]
    of = f"of {name} " if name else ""
    assert warned.message.startswith(f"The rule {keyword} {of}in Amazon's schema is not ")


def test_each_schema_in_a_document_is_visited_once() -> None:
    visits: list[object] = []
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#"}, "b": {"not": {"$ref": "#/$defs/a"}}}}
    assert repair(schema, lambda: visits.append(None)) == ()
    assert len(visits) == 4


def chain(length: int) -> dict[str, Any]:
    """A field behind so many references."""
    links: dict[str, Any] = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(length - 1)}
    return {"$defs": {**links, f"d{length - 1}": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/d0"}}}


@pytest.mark.parametrize(("length", "ends"), [(64, True), (65, False)])
def test_sixty_four_references_in_each_other_are_followed(length: int, *, ends: bool) -> None:
    schema = chain(length)
    end: dict[str, Any] = {"type": "string"} if ends else {"$ref": "#/$defs/d64"}
    assert dereferenced(schema, schema["properties"]["x"]) == end
    whole = resolved(schema)
    assert whole["properties"] == {"x": end}
    assert ("$defs" in whole) != ends


@pytest.mark.parametrize("address", [None, 5, "https://example.com/a"])
@pytest.mark.parametrize("reference", ["#/x/1", "#/x/1/y~1z", "#/x/1/y~01"])
def test_what_a_reference_refers_to(address: object, reference: str) -> None:
    targets = {"#/x/1": {"y/z": {}, "y~1": {"a": 1}}, "#/x/1/y~1z": {}, "#/x/1/y~01": {"a": 1}}
    root = {"x": [{}, targets["#/x/1"]], "$id": address}
    assert referred(root, {"$ref": reference}) == targets[reference]
    if isinstance(address, str):
        assert referred(root, {"$ref": address + reference}) == targets[reference]
    assert referred(root, {}) is None


def test_what_is_beside_a_reference_counts_before_what_it_refers_to() -> None:
    root = {"$defs": {"a": {"$ref": "#/$defs/b", "title": "A"}, "b": {"title": "B", "type": "string", "maxLength": 1}}}
    assert dereferenced(root, {"$ref": "#/$defs/a", "maxLength": 2}) == {
        "title": "A",
        "type": "string",
        "maxLength": 2,
    }
    for other in (True, None, ["$ref"]):
        assert dereferenced(root, other) == {}


REMARKS = (
    "$comment",
    "default",
    "description",
    "editable",
    "enumNames",
    "examples",
    "hidden",
    "replacedBy",
    "replaces",
    "title",
)


@pytest.mark.parametrize(
    ("own", "other", "whole"),
    [
        ({"maxLength": 1}, {"type": "string"}, {"maxLength": 1, "type": "string"}),
        ({"title": "A"}, {"title": "B"}, {"title": "A"}),
        # Two rules of the same name both count.
        ({"maxLength": 1}, {"maxLength": 2}, {"maxLength": 1, "allOf": [{"maxLength": 2}]}),
        (
            {"maxLength": 1, "allOf": [{"minLength": 1}]},
            {"maxLength": 2},
            {"maxLength": 1, "allOf": [{"minLength": 1}, {"maxLength": 2}]},
        ),
        (dict.fromkeys(REMARKS, 1), dict.fromkeys(REMARKS, 2), dict.fromkeys(REMARKS, 1)),
    ],
)
def test_what_is_beside_a_reference_is_resolved_with_it(
    own: dict[str, Any], other: dict[str, Any], whole: dict[str, Any]
) -> None:
    schema = {"$defs": {"other": other}, "properties": {"a": {**own, "$ref": "#/$defs/other"}}}
    assert resolved(schema) == {"properties": {"a": whole}}


def test_definitions_stay_while_something_refers_to_them() -> None:
    definitions = {"a": {"anyOf": [{}, {"$ref": "#/$defs/a"}]}}
    made = resolved({"$defs": definitions, "properties": {"x": {"$ref": "#/$defs/a"}, "$ref": {"type": "string"}}})
    assert made == {
        "properties": {"x": {"anyOf": [{}, {"$ref": "#/$defs/a"}]}, "$ref": {"type": "string"}},
        "$defs": definitions,
    }
    assert resolved({"$defs": {}, "properties": {"$ref": {"type": "string"}}}) == {
        "properties": {"$ref": {"type": "string"}}
    }


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
