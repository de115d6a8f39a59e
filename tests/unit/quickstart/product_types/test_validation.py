"""The check of a listing: each rule in words, what is left unchecked and why, and hostile input."""

import copy
import json
import threading
import time
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft201909Validator

from quickstart.product_types import validation
from quickstart.product_types.schemas import pointer
from quickstart.product_types.validation import CompiledSchemas, Severity
from tests import hostile
from tests.unit.quickstart.product_types.support import SECONDS, check, listing_of, only, rules, schema_of

ANY = {"type": "object"}


@pytest.mark.parametrize(
    ("schema", "value", "where", "rule", "message"),
    [
        ({"type": "array"}, 5, "", "type", "a must be a list, not 5"),
        ({"type": ["string", "number"]}, [], "", "type", "a must be a text or a number, not a list"),
        ({"type": "boolean"}, "true", "", "type", 'a must be true or false, not "true"'),
        ({"type": "integer"}, 1.5, "", "type", "a must be a whole number, not 1.5"),
        ({"type": "null"}, 1, "", "type", "a must be null, not 1"),
        ({"type": "object"}, 1, "", "type", "a must be an object, not 1"),
        ({"required": ["value"]}, {}, "/value", "required", "a.value is missing"),
        (
            {"properties": {"value": {}}, "additionalProperties": False},
            {"valeu": 1},
            "/valeu",
            "additionalProperties",
            "valeu is not a field of a. Did you mean value?",
        ),
        (
            {"properties": {"value": {}, "unit": {}}, "additionalProperties": False},
            {"x": 1},
            "/x",
            "additionalProperties",
            "x is not a field of a. It has value, unit",
        ),
        ({"enum": ["s", "m"]}, "l", "", "enum", 'a must be one of s, m; it is "l"'),
        (
            {"enum": ["s", "m"], "enumNames": ["Small", "Medium"]},
            "l",
            "",
            "enum",
            'a must be one of s (Small), m (Medium); it is "l"',
        ),
        (
            {"enum": ["s", "m"], "enumNames": ["Small", "Medium"]},
            "SMALL",
            "",
            "enum",
            'a must be the code s, not "SMALL"',
        ),
        ({"const": 1}, 2, "", "const", "a must be 1, not 2"),
        ({"maxLength": 2}, "abc", "", "maxLength", "a must have at most 2 characters; it has 3"),
        ({"minLength": 1}, "", "", "minLength", "a must have at least 1 character; it has 0"),
        ({"maxItems": 1}, [1, 2], "", "maxItems", "a must have at most 1 item; it has 2"),
        ({"minItems": 1}, [], "", "minItems", "a must have at least 1 item; it has 0"),
        ({"minimum": 1}, 0, "", "minimum", "a must be at least 1; it is 0"),
        ({"maximum": 1}, 2.5, "", "maximum", "a must be at most 1; it is 2.5"),
        ({"exclusiveMinimum": 0}, 0, "", "exclusiveMinimum", "a must be more than 0; it is 0"),
        ({"exclusiveMaximum": 9}, 9, "", "exclusiveMaximum", "a must be less than 9; it is 9"),
        ({"multipleOf": 0.01}, 1.234, "", "multipleOf", "a must be a multiple of 0.01; it is 1.234"),
        ({"pattern": "^[A-Z]+$"}, "a1", "", "pattern", "a does not match the pattern ^[A-Z]+$"),
        ({"uniqueItems": True}, [{"x": 1}, {"x": 1.0}], "", "uniqueItems", "a has the same item twice"),
        (
            {"maxUtf8ByteLength": 3},
            "éé",
            "",
            "maxUtf8ByteLength",
            "a must have at most 3 bytes in UTF-8, where an accented letter has two; it has 4",
        ),
        (
            {"minUtf8ByteLength": 2},
            "e",
            "",
            "minUtf8ByteLength",
            "a must have at least 2 bytes in UTF-8, where an accented letter has two; it has 1",
        ),
        ({"minProperties": 1}, {}, "", "minProperties", "a must have at least 1 field; it has 0"),
        ({"maxProperties": 0}, {"b": 1}, "", "maxProperties", "a must have at most 0 fields; it has 1"),
        ({"not": {"required": ["b"]}}, {"b": 1}, "/b", "not", "a.b must be left out"),
        ({"not": {"required": ["b", "c"]}}, {"b": 1, "c": 1}, "/b", "not", "a.b and a.c must not all be given"),
        ({"not": {"enum": ["x"]}}, "x", "", "not", 'a must not be "x"'),
        (
            {"not": {"enum": list(range(13))}},
            5,
            "",
            "not",
            "a must not be 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 or 11",
        ),
        ({"not": True}, "x", "", "not", "a has values that the schema does not allow together"),
        ({"not": {"required": []}}, {}, "", "not", "a has values that the schema does not allow together"),
        (
            {"not": {"required": ["b"], "type": "object"}},
            {"b": 1},
            "",
            "not",
            "a has values that the schema does not allow together",
        ),
        (
            {"not": {"enum": ["x"], "type": "string"}},
            "x",
            "",
            "not",
            "a has values that the schema does not allow together",
        ),
        ({"not": {}}, "x", "", "not", "a has values that the schema does not allow together"),
        (
            {"contains": {"properties": {"kind": {"enum": ["front"]}}, "required": ["kind"]}},
            [{"kind": "back"}],
            "",
            "contains",
            'a needs an item whose kind is "front"',
        ),
        ({"contains": {"minimum": 5}}, [1], "", "contains", "a needs an item that meets the schema's condition"),
        (
            {"dependentRequired": {"value": ["unit"]}},
            {"value": 5},
            "/unit",
            "dependentRequired",
            "a.unit is missing; a.value needs it",
        ),
        ({"properties": {"b": False}}, {"b": 1}, "/b", "false", "a.b must be left out here"),
        ({"propertyNames": {"maxLength": 1}}, {"bb": 1}, "", "maxLength", "a must have at most 1 character; it has 2"),
        ({"anyOf": [{"required": ["b"]}, {"required": ["c"]}]}, {}, "", "anyOf", "One of a.b or a.c is needed"),
        (
            {"anyOf": [{"type": "string"}, {"type": "number"}]},
            [],
            "",
            "anyOf",
            "a matches none of the forms that the schema allows: a must be a text, not a list or a must be a number, "
            "not a list",
        ),
        (
            {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "number"}]},
            "xx",
            "",
            "maxLength",
            "a must have at most 1 character; it has 2",
        ),
        (
            {"anyOf": [{"minLength": 5}, {"minLength": 5}, {"maxLength": 1}, {"const": "y"}, {"const": "z"}]},
            "xx",
            "",
            "anyOf",
            "a matches none of the forms that the schema allows: a must have at least 5 characters; it has 2, a must "
            'have at most 1 character; it has 2 or a must be "y", not "xx"',
        ),
        (
            {"anyOf": [False, {"type": "string", "maxLength": 1}, False]},
            "xx",
            "",
            "anyOf",
            "a matches none of the forms that the schema allows: a must be left out here or a must have at most 1 "
            "character; it has 2",
        ),
        ({"anyOf": [False, False]}, 1, "", "false", "a must be left out here"),
        ({"anyOf": [{"type": "string"}]}, 1, "", "type", "a must be a text, not 1"),
        (
            {"anyOf": [{"required": ["b"]}, {"required": ["c", "d"]}]},
            {"d": 1},
            "",
            "anyOf",
            "a matches none of the forms that the schema allows: a.b is missing or a.c is missing",
        ),
        (
            {"anyOf": [{"required": ["b"]}, {"required": ["c"], "type": "object"}]},
            {},
            "",
            "anyOf",
            "a matches none of the forms that the schema allows: a.b is missing or a.c is missing",
        ),
        (
            {"anyOf": [{"enum": ["s"], "enumNames": ["Small"]}, {"enum": ["m"]}]},
            "small",
            "",
            "anyOf",
            'a must be the code s, not "small"',
        ),
        ({"anyOf": [{"enum": ["s"]}, {"type": "string"}]}, 5, "", "enum", "a must be one of s; it is 5"),
        (
            {"anyOf": [{"enum": ["s"]}, {"enum": ["m"]}]},
            [],
            "",
            "anyOf",
            "a matches none of the forms that the schema allows: a must be one of s; it is a list or a must be one of "
            "m; it is a list",
        ),
        (
            {"oneOf": [{"type": "string", "maxLength": 1}, {"type": "number"}]},
            "xx",
            "",
            "maxLength",
            "a must have at most 1 character; it has 2",
        ),
        ({"oneOf": [{"required": ["b"]}, {"required": ["c"]}]}, {}, "", "oneOf", "One of a.b or a.c is needed"),
        (
            {"unevaluatedProperties": False},
            {"b": 1},
            "",
            "unevaluatedProperties",
            "a breaks the schema's rule unevaluatedProperties",
        ),
        (
            {"contains": {"const": 1}, "maxContains": 1},
            [1, 1],
            "",
            "maxContains",
            "a breaks the schema's rule maxContains",
        ),
        (
            {"contains": {"properties": {"kind": {"enum": ["front"]}}, "required": ["kind"]}, "minContains": 2},
            [{"kind": "front"}],
            "",
            "minContains",
            'a needs an item whose kind is "front"',
        ),
        (
            {"contains": {"properties": {"x": {"enum": list(range(13))}, "y": True, "z": {"enum": [None]}, "w": {}}}},
            [{"x": 13}],
            "",
            "contains",
            "a needs an item whose x is 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 or 11 and whose z is null",
        ),
        ({"contains": False}, [1], "", "contains", "a needs an item that meets the schema's condition"),
        ({"maxItems": 2}, [1, 2, 3], "", "maxItems", "a must have at most 2 items; it has 3"),
        (
            {"type": ["null", "integer", "boolean"]},
            "x",
            "",
            "type",
            'a must be null, a whole number or true or false, not "x"',
        ),
        (
            {"properties": {}, "additionalProperties": False},
            {"x": 1},
            "/x",
            "additionalProperties",
            "x is not a field of a",
        ),
        (
            {"properties": {"purchasable_offer": {}}, "additionalProperties": False},
            {"price": 1},
            "/price",
            "additionalProperties",
            "price is not a field of a. It has purchasable_offer",
        ),
        (
            {"properties": {"item_prices": {}, "purchasable_offer": {}}, "additionalProperties": False},
            {"item_price": 1},
            "/item_price",
            "additionalProperties",
            "item_price is not a field of a. Did you mean item_prices?",
        ),
        (
            {"maxUniqueItems": 0},
            [{"x": 1}],
            "/0",
            "maxUniqueItems",
            "a has 1 item; at most 0 are allowed",
        ),
        (
            {"maxUniqueItems": 2, "selectors": ["x", "y"]},
            [{"x": 1}, {"x": 2}, {"x": 1}, {"x": 1}, {"x": 1}],
            "/3",
            "maxUniqueItems",
            "a has 4 items with x 1; at most 2 are allowed",
        ),
        (
            {"maxUniqueItems": 1},
            [{"x": 1}, {"x": 2}],
            "/1",
            "maxUniqueItems",
            "a has 2 items; at most 1 is allowed",
        ),
        (
            {"minUniqueItems": 2, "selectors": ["x"]},
            [5, {"x": "y"}],
            "/1",
            "minUniqueItems",
            'a has 1 item with x "y"; at least 2 items of the same kind must be there',
        ),
        (
            {"minUniqueItems": 3, "selectors": ["x"]},
            [5, {"x": "y"}, {"x": "y"}],
            "/1",
            "minUniqueItems",
            'a has 2 items with x "y"; at least 3 items of the same kind must be there',
        ),
        (
            {"anyOf": [{"type": "object", "properties": {"value": {"type": "string"}}}, {"type": "array"}]},
            {"value": []},
            "/value",
            "type",
            "a.value must be a text, not a list",
        ),
        (
            {"oneOf": [{"type": "string"}, {"maxLength": 5}]},
            "xx",
            "",
            "oneOf",
            "a matches several forms of which the schema allows only one",
        ),
        (
            {"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "string", "enum": ["y"]}]},
            "z",
            "",
            "anyOf",
            'a must be one of x, y; it is "z"',
        ),
    ],
)
def test_each_rule_in_words(schema: dict[str, Any], value: object, where: str, rule: str, message: str) -> None:
    found = only(check({"properties": {"a": schema}}, {"a": value}))
    assert (found.pointer, found.rule, found.severity) == (f"/a{where}", rule, Severity.ERROR)
    assert (found.attribute_names, found.message) == (("a",), message)


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": ["array", "null"]}, 5, ["array", "null"]),
        ({"enum": ["s", "m"]}, "l", ["s", "m"]),
        ({"enum": ["s", "m"], "enumNames": ["Small", "Medium"]}, "Small", "s"),
        ({"enum": [1, 2]}, [], [1, 2]),
        ({"enum": list(range(201))}, "l", list(range(200))),
        ({"anyOf": [{"enum": ["s"]}, {"enum": ["m"]}]}, "l", ["s", "m"]),
        ({"const": {"x": 1}}, 2, {"x": 1}),
        ({"maxLength": 2}, "abc", 2),
        ({"minimum": 1.5}, 0, 1.5),
        ({"multipleOf": 0.01}, 0.001, 0.01),
        ({"maxUtf8ByteLength": 3}, "éé", 3),
        ({"pattern": "^x$"}, "y", "^x$"),
        ({"maxUniqueItems": 0}, [{}], 0),
        ({"minUniqueItems": 2}, [{}], 2),
        ({"anyOf": [{"required": ["b"]}, {"required": ["c"]}]}, {}, ["b", "c"]),
        ({"properties": {"value": {}, "unit": {}}, "additionalProperties": False}, {"valeu": 1}, "value"),
        ({"properties": {"value": {}, "unit": {}}, "additionalProperties": False}, {"x": 1}, ["value", "unit"]),
        *(
            (schema, value, None)
            for schema, value in (
                ({"required": ["b"]}, {}),
                ({"not": {"required": ["b"]}}, {"b": 1}),
                ({"not": {"enum": ["x"]}}, "x"),
                ({"not": {}}, "x"),
                ({"contains": {"minimum": 5}}, [1]),
                ({"dependentRequired": {"value": ["unit"]}}, {"value": 5}),
                ({"oneOf": [{}, {}]}, 1),
                ({"anyOf": [{"minLength": 2}, {"const": "y"}]}, "x"),
                ({"uniqueItems": True}, [1, 1]),
                ({"properties": {"b": False}}, {"b": 1}),
                ({"unevaluatedProperties": False}, {"b": 1}),
            )
        ),
    ],
)
def test_what_a_rule_allows(schema: dict[str, Any], value: object, expected: object) -> None:
    assert only(check({"properties": {"a": schema}}, {"a": value})).expected == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["bullet_point", "bullet_points_2"], "bullet_point"),
        (["color"], None),
    ],
)
def test_an_unknown_attribute_may_be_a_similar_one(names: list[str], expected: str | None) -> None:
    schema = {"properties": {name: {} for name in names}, "additionalProperties": False}
    assert only(check(schema, {"bullet_points": 1})).expected == expected


@pytest.mark.parametrize(
    ("name", "known", "similar"),
    [
        # Of two names, 72 of 96 characters are alike, or 72 of 97.
        ("a" * 36 + "b" * 24, "a" * 36, True),
        ("a" * 36 + "b" * 100, "a" * 36, True),
        ("a" * 36 + "b" * 24, "a" * 35, False),
        ("a" * 200, "a" * 100, True),
        ("a" * 200, "a" * 101, False),
    ],
)
def test_the_first_sixty_characters_of_a_name_are_compared(name: str, known: str, *, similar: bool) -> None:
    found = only(check({"properties": {known: {}}, "additionalProperties": False}, {name: 1}))
    assert found.expected == (known if similar else None)


@pytest.mark.parametrize(
    ("schema", "names", "message"),
    [
        ({"required": ["brand"]}, ("brand",), "brand is missing"),
        ({"additionalProperties": False}, ("a",), "a is not in the schema of this product type in this marketplace"),
        (
            {"dependentRequired": {"a": ["brand"]}},
            ("brand",),
            "brand is missing; a needs it",
        ),
        ({"not": {"required": ["a"]}}, ("a",), "a must be left out"),
        (
            {"anyOf": [{"required": ["b"]}, {"required": ["c"]}]},
            ("b", "c"),
            "One of b or c is needed",
        ),
        (
            {"if": {"required": ["a"]}, "then": {"required": ["brand"]}},
            ("brand",),
            "brand is missing; a condition on a asks for this",
        ),
    ],
)
def test_attributes_are_named(schema: dict[str, Any], names: tuple[str, ...], message: str) -> None:
    found = only(check(schema, {"a": 1}))
    assert (found.attribute_names, found.message) == (names, message)


def test_each_field_that_another_one_needs_is_named() -> None:
    schema = {"dependentRequired": {"a": ["x", "y", "b"], "b": ["z"], "c": ["d"]}}
    found = check(schema, {"a": 1, "b": 1}).findings
    assert [(one.pointer, one.rule, one.attribute_names, one.message) for one in found] == [
        ("/x", "dependentRequired", ("x",), "x is missing; a needs it"),
        ("/y", "dependentRequired", ("y",), "y is missing; a needs it"),
        ("/z", "dependentRequired", ("z",), "z is missing; b needs it"),
    ]
    assert check({"properties": {"a": schema}}, {"a": [1]}).findings == ()


def test_a_name_is_explained_where_the_schema_has_its_place() -> None:
    schema = {"properties": {"fulfillment_availability": {}}, "additionalProperties": False}
    messages = [
        found.message for found in check(schema, {"stock": 1, "price": 1, "fullfilment_availability": 1}).findings
    ]
    absent = "is not in the schema of this product type in this marketplace"
    assert messages == [
        f"fullfilment_availability {absent}. Did you mean fulfillment_availability?",
        f"price {absent}",
        f"stock {absent}. Stock belongs in fulfillment_availability, next to fulfillment_channel_code",
    ]


def test_a_text_that_an_open_list_does_not_allow_either() -> None:
    schema = {"properties": {"a": {"anyOf": [{"enum": ["s"]}, {"type": "string", "maxLength": 1}]}}}
    error, warning = check(schema, {"a": "xx"}).findings
    assert (error.rule, error.message) == (
        "anyOf",
        'a matches none of the forms that the schema allows: a must be one of s; it is "xx" or a must have at most 1 '
        "character; it has 2",
    )
    assert (warning.rule, warning.severity) == ("enum", Severity.WARNING)


def test_the_innermost_condition_is_named() -> None:
    """The path to a rule leads through references and through conditions in each other."""
    schema = {
        "$defs": {
            "inner": {
                "if": {"not": {"required": ["b"]}},
                "then": {"properties": {"a": {"$ref": "#/$defs/limit"}}},
            },
            "limit": {"maxLength": 1},
        },
        "allOf": [{"if": {"properties": {"c": {"const": 2}}}, "else": True, "then": {"$ref": "#/$defs/inner"}}],
    }
    found = only(check(schema, {"a": "xx", "c": 2}))
    assert found.message == "a must have at most 1 character; it has 2; a condition on b asks for this"
    assert check(schema, {"a": "xx", "b": 1, "c": 2}).findings == ()


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"required": ["a"]}, "a"),
        ({"properties": {"a": {"const": 1}}}, "a"),
        ({"required": ["c"], "properties": {"a": {}}}, "a or c"),
        ({"not": {"required": ["d"]}}, "d"),
        ({"allOf": [{"required": ["a"]}], "anyOf": [{"required": ["c"]}, False], "oneOf": [True]}, "a or c"),
        ({"not": {"anyOf": [{"required": ["d"]}, {"required": ["e"]}]}, "required": ["a"]}, "a, d or e"),
        ({"oneOf": [{"required": ["a"]}, {"required": ["d"]}]}, "a or d"),
        ({"anyOf": [{"not": {"required": ["d"]}}, {"required": ["a", "e"]}]}, "a, e or d"),
        ({"required": ["a", "c"], "properties": {"f": {}, "g": {}}}, "f, g or a"),
    ],
)
def test_what_a_condition_reads(condition: dict[str, Any], words: str) -> None:
    """At most three attributes, from the outside in."""
    found = only(check({"if": condition, "then": {"required": ["b"]}}, {"a": 1, "c": 2}))
    assert found.message == f"b is missing; a condition on {words} asks for this"
    assert (found.pointer, found.rule, found.attribute_names) == ("/b", "required", ("b",))


def test_what_a_condition_asks_for_otherwise() -> None:
    schema = {"if": {"required": ["c"]}, "else": {"properties": {"a": {"maxLength": 1}}}}
    found = only(check(schema, {"a": "xx"}))
    assert found.message == "a must have at most 1 character; it has 2; a condition on c asks for this"
    assert found.expected == 1


def test_attributes_with_the_names_of_keywords() -> None:
    """No condition asks for them."""
    schema = {"properties": {"then": {"maxLength": 1}, "else": {"properties": {"if": {"maxLength": 1}}}}}
    found = check(schema, {"then": "xx", "else": {"if": "xx"}}).findings
    assert [one.message for one in found] == [
        "else.if must have at most 1 character; it has 2",
        "then must have at most 1 character; it has 2",
    ]


def test_a_rule_behind_a_recursive_reference() -> None:
    schema = {"if": {}, "then": {"properties": {"x": {"$recursiveRef": "#"}}, "maxProperties": 1}}
    found = check(schema, {"x": {"y": 1, "z": 2}}).findings
    assert [one.message for one in found] == ["x must have at most 1 field; it has 2"]


def test_a_condition_without_attributes_leaves_the_one_around_it() -> None:
    schema = {"if": {"required": ["a"]}, "then": {"if": True, "then": {"required": ["b"]}}}
    assert only(check(schema, {"a": 1})).message == "b is missing; a condition on a asks for this"


def test_references_in_attributes_are_followed() -> None:
    schema = {"$defs": {"text": {"type": "string"}}, "properties": {"a": {"items": {"$ref": "#/$defs/text"}}}}
    assert only(check(schema, {"a": ["x", 1]})).pointer == "/a/1"


def test_prices_are_compared_in_decimals() -> None:
    schema = {"properties": {"a": {"items": {"multipleOf": 0.01}}}}
    assert check(schema, {"a": [19.99, 0.07, 4.35, 1e15, 10**30]}).findings == ()
    assert [found.pointer for found in check(schema, {"a": [0.001, 19.99, 19.999]}).findings] == ["/a/0", "/a/2"]


def test_codes_and_attributes_on_their_way_out_are_warnings() -> None:
    schema = schema_of("VACUUM_CLEANER")
    listing = listing_of(schema)
    listing["filter_type"][0]["value"] = "paper"
    checked = check(schema, listing)
    assert rules(checked) == {
        ("/filter_kind", "replacedBy", "WARNING"),
        ("/filter_type/0/value", "enumDeprecated", "WARNING"),
    }
    messages = [found.message for found in checked.findings]
    assert messages == [
        "filter_kind is replaced by filter_type. Amazon may stop accepting it",
        'Amazon is removing "paper" from the values of filter_type.value; use another one',
    ]
    assert [found.expected for found in checked.findings] == [["filter_type"], ["hepa", "foam"]]


@pytest.mark.parametrize(
    ("keyword", "value", "right", "wrong"),
    [
        ("multipleOf", 2, [True, "3", 4, 4.0, None], [3, 4.5]),
        ("multipleOf", 0.1, [0.3, 1e30], [0.35]),
        ("uniqueItems", True, [[1, True], [[1], [2]], "aa", 5], [[1, 1.0], [{"a": [1]}, {"a": [1]}]]),
        ("uniqueItems", False, [[1, 1]], []),
        ("maxUtf8ByteLength", 4, ["éé", "aaaa", 12345, None], ["ééa", "aaaaa"]),
        ("minUtf8ByteLength", 4, ["éé", "aaaa", 1, None], ["éa", "aaa"]),
        ("maxUniqueItems", 1, [[{}], [{}, 5, 5], [], 5], [[{}, {"a": 1}]]),
        ("minUniqueItems", 2, [[{}, {}], [], [5], 5], [[{}]]),
        ("pattern", "^[A-Z]", ["Ab", 5, None, ["a"]], ["a", ""]),
        (
            "patternProperties",
            {"^a": {"maxLength": 1}, "z$": False},
            [{"ab": "x", "b": "xx"}, "a", ["az"]],
            [{"ab": "xx"}, {"z": 1}],
        ),
        ("required", ["b"], [{"b": None}, ["a"], "a", 5], [{}, {"c": 1}]),
        (
            "properties",
            {"b": False, "c": {"maxLength": 1}, "d": True},
            [{"c": "x", "d": 1}, {}, ["b"], "b"],
            [{"b": None}, {"c": "xx"}],
        ),
        ("additionalProperties", False, [{}, ["a"], "a", 5], [{"a": 1}]),
        ("additionalProperties", True, [{"a": 1}], []),
        ("additionalProperties", {"maxLength": 1}, [{"a": "x"}, {"a": 5}], [{"a": "xx"}]),
        ("dependentRequired", {"b": ["c"]}, [{"b": 1, "c": 1}, {"c": 1}, {}, "b", ["b"]], [{"b": 1}]),
    ],
)
def test_what_each_own_rule_allows(keyword: str, value: object, right: list[Any], wrong: list[Any]) -> None:
    schema = {"properties": {"a": {keyword: value}}}
    assert [one for one in right if check(schema, {"a": one}).findings] == []
    assert [one for one in wrong if not check(schema, {"a": one}).findings] == []


def test_names_that_the_schema_has_by_name_or_by_pattern() -> None:
    schema = {"properties": {"b": {}}, "patternProperties": {"^c": {}}, "additionalProperties": {"maximum": 1}}
    found = check(schema, {"b": 2, "cc": 2, "d": 2, "e": 1}).findings
    assert [(one.pointer, one.rule) for one in found] == [("/d", "maximum")]


@pytest.mark.parametrize(("length", "read"), [(4096, True), (4097, False)])
def test_patterns_of_at_most_four_thousand_characters_are_read(length: int, *, read: bool) -> None:
    checked = check({"properties": {"a": {"pattern": "x" * length}, "b": {"pattern": "["}}}, {"a": "y", "b": "y"})
    assert [one.pointer for one in checked.findings] == ["/a"] * read
    assert checked.incomplete == (
        "Not everything was checked: a pattern of the schema cannot be read. Amazon's preview checks the rest"
    )


def test_a_rule_of_draft_2019_09_in_each_part() -> None:
    """Whatever draft the document names, and whatever its address is."""
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://[example",
        "properties": {"a": {"$ref": "#"}},
        "additionalProperties": False,
    }
    found = only(check(schema, {"a": {"b": 1}}))
    assert (found.pointer, found.rule) == ("/a/b", "additionalProperties")


@pytest.mark.parametrize(
    ("schema", "attributes", "enforced", "warned"),
    [
        ({"required": 5}, {}, True, [("", "/required", ())]),
        ({"required": 5}, {}, False, [("", "/required", ())]),
        ({"properties": {"a": {"enum": []}}}, {}, True, []),
        ({"properties": {"a": {"enum": []}}}, {"a": 1}, True, [("/a", "/properties/a/enum", ("a",))]),
        ({"properties": {"a": {"enum": []}}}, {"a": 1}, False, [("/a", "/properties/a/enum", ("a",))]),
        ({"properties": {"a": {"enum": []}}, "required": ["a"]}, {}, True, [("/a", "/properties/a/enum", ("a",))]),
        ({"properties": {"a": {"enum": []}}, "required": ["a"]}, {}, False, []),
    ],
)
def test_what_was_left_out_of_the_schema_is_a_warning_for_a_listing_that_it_concerns(
    schema: dict[str, Any],
    attributes: dict[str, Any],
    warned: list[tuple[str, str, tuple[str, ...]]],
    *,
    enforced: bool,
) -> None:
    found = [
        (one.pointer, one.expected, one.attribute_names)
        for one in check(schema, attributes, enforced=enforced).findings
        if (one.rule, one.severity) == ("schema", Severity.WARNING)
    ]
    assert found == warned


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        (
            {"replacedBy": ["/properties/b"]},
            1,
            [("replacedBy", "a is replaced by b. Amazon may stop accepting it", ["b"])],
        ),
        (
            {"replacedBy": ["/properties/b/items", "c", 5]},
            {},
            [("replacedBy", "a is replaced by items, c or 5. Amazon may stop accepting it", ["items", "c", "5"])],
        ),
        ({"replacedBy": []}, 1, []),
        ({"replacedBy": "b"}, 1, []),
        (
            {"enum": ["x", "y", "z"], "$lifecycle": {"enumDeprecated": ["x", "z"]}},
            "x",
            [("enumDeprecated", 'Amazon is removing "x" from the values of a; use another one', ["y"])],
        ),
        ({"enum": ["x", "y"], "$lifecycle": {"enumDeprecated": ["x"]}}, "y", []),
        (
            {"anyOf": [{"type": "string"}, {"enum": ["x", "y"], "enumNames": ["Ex", "Why"]}]},
            "z",
            [
                (
                    "enum",
                    "\"z\" is not in Amazon's list for a, and Amazon often rejects it: Amazon's list has x (Ex), "
                    "y (Why)",
                    ["x", "y"],
                )
            ],
        ),
        (
            {"anyOf": [{"type": "string"}, {"enum": ["x", "y"], "enumNames": ["Ex", "Why"]}]},
            "why",
            [
                (
                    "enum",
                    '"why" is not in Amazon\'s list for a, and Amazon often rejects it: send the code y',
                    "y",
                )
            ],
        ),
        ({"anyOf": [{"type": "string"}, {"enum": ["x"]}]}, "x", []),
        ({"anyOf": [{"type": ["string", "number"]}, {"type": "string"}, {"enum": ["x"]}]}, 5, []),
        ({"anyOf": [{"type": "array"}, {"type": "string"}, {"enum": ["x"]}]}, ["z"], []),
    ],
)
def test_advice_in_words(field: dict[str, Any], value: object, found: list[tuple[str, str, object]]) -> None:
    """For an attribute, for a field in a list inside one, and for what a reference leads to."""
    checked = check({"properties": {"a": field}}, {"a": value, "b": value})
    assert [(one.rule, one.message, one.expected) for one in checked.findings] == found
    assert {(one.pointer, one.severity, one.attribute_names) for one in checked.findings} <= {
        ("/a", Severity.WARNING, ("a",))
    }
    inside = {
        "$defs": {"field": field},
        "properties": {"o": {"items": {"properties": {"a": {"$ref": "#/$defs/field"}}}}},
    }
    nested = check(inside, {"o": [5, {"b": 1}, {"a": value}]})
    assert [(one.rule, one.expected) for one in nested.findings] == [(rule, expected) for rule, _, expected in found]
    assert {(one.pointer, one.attribute_names) for one in nested.findings} <= {("/o/2/a", ("o",))}


def test_advice_for_values_in_a_wrong_shape_is_left_out() -> None:
    field = {"enum": ["x"], "$lifecycle": {"enumDeprecated": ["x"]}}
    for described, value in (
        ({"properties": ["x"]}, {"x": "x"}),
        ({"items": [field]}, ["x"]),
        ({"items": True}, ["x"]),
        ({"properties": {"x": field}}, ["x"]),
        ({"items": field}, {"x": "x"}),
    ):
        found = check({"properties": {"a": described}}, {"a": value}).findings
        assert "enumDeprecated" not in {one.rule for one in found}


def test_formats_are_left_to_amazon() -> None:
    """Draft 2019-09 takes formats as remarks, and Amazon does not say which forms of a date it reads."""
    assert check({"properties": {"a": {"format": "date"}}}, {"a": "2026-11-26T00:00:00Z"}).findings == ()


class TestEnforced:
    """A part of a listing, as in a PATCH, is checked without the attributes that are required."""

    SCHEMA: ClassVar[dict[str, Any]] = {
        "required": ["brand"],
        "properties": {"title": {"items": {"required": ["value"]}}},
        "dependentRequired": {"title": ["brand"]},
        "oneOf": [{"required": ["ean"]}, {"required": ["asin"]}],
        "allOf": [
            {"if": {"required": ["title"]}, "then": {"required": ["color"]}, "else": {"minProperties": 5}},
            {"$ref": "#/$defs/more"},
            {"anyOf": [{"required": ["a", "b"]}, {"required": ["c"]}]},
        ],
        "$defs": {"more": {"required": ["material"]}},
    }

    def test_attributes_are_not_required(self) -> None:
        assert check(self.SCHEMA, {"title": [{"value": 1}]}, enforced=False).findings == ()
        assert check(self.SCHEMA, {}, enforced=False).findings == ()
        assert {found.rule for found in check(self.SCHEMA, {"title": []}).findings} == {
            *("anyOf", "dependentRequired", "oneOf", "required"),
        }

    @pytest.mark.parametrize(
        "rule",
        [
            {"required": ["value"]},
            {"minProperties": 1},
            {"dependentRequired": {"unit": ["value"]}},
            {"$ref": "#/$defs/more"},
            {"allOf": [{"anyOf": [{"required": ["value"]}]}]},
            {"oneOf": [{"required": ["value"]}, {"required": ["code"]}]},
            {"if": {"required": ["unit"]}, "then": {"required": ["value"]}},
            {"properties": {"inner": {"items": {"required": ["value"]}}}},
        ],
        ids=lambda rule: next(iter(rule)),
    )
    def test_nor_are_fields_inside_an_attribute(self, rule: dict[str, Any]) -> None:
        schema = {"properties": {"title": {"items": rule}}, "$defs": {"more": {"required": ["value"]}}}
        for item in ({}, {"unit": 1, "inner": [{}]}):
            assert check(schema, {"title": [item]}, enforced=False).findings == ()
        assert check(schema, {"title": [{}, {"unit": 1, "inner": [{}]}]}).findings != ()

    @pytest.mark.parametrize(
        "rule",
        [
            {"not": {"required": ["a", "b"]}},
            {"contains": {"required": ["z"]}},
            {"if": {"minProperties": 2}, "then": {"additionalProperties": {"maximum": 0}}},
        ],
        ids=lambda rule: next(iter(rule)),
    )
    def test_conditions_inside_an_attribute_still_ask(self, rule: dict[str, Any]) -> None:
        value: Any = [{"a": 1}] if "contains" in rule else {"a": 1, "b": 1}
        assert check({"properties": {"title": rule}}, {"title": value}, enforced=False).findings != ()

    @pytest.mark.parametrize(
        "condition",
        [
            {"not": {"required": ["z"]}},
            {"if": {"required": ["z"]}, "then": {}},
            {"if": {"required": ["x"]}, "then": {}},
            {"properties": {"x": {"contains": {"required": ["v"]}}}},
        ],
        ids=lambda rule: next(iter(rule)),
    )
    def test_nothing_is_required_behind_a_condition(self, condition: dict[str, Any]) -> None:
        for order in (1, -1):
            schema = {"allOf": [condition, {"required": ["b"]}][::order]}
            assert check(schema, {"x": [{"v": 1}]}, enforced=False).findings == ()
            assert only(check(schema, {"x": [{"v": 1}]})).pointer == "/b"

    def test_conditions_in_conditions_ask(self) -> None:
        """What two branches of oneOf require is asked as the schema says."""
        inner: dict[str, Any] = {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
        for condition in ({"not": inner}, {"not": {"not": {"not": inner}}}):
            assert check(condition, {"a": 1, "b": 1}, enforced=False).findings == ()
            assert check(condition, {}, enforced=False).findings == ()
            assert only(check(condition, {"a": 1}, enforced=False)).rule == "not"

    def test_conditions_still_ask_what_is_there(self) -> None:
        schema = {"if": {"required": ["a"]}, "then": {"properties": {"b": {"maxLength": 1}}}}
        assert check(schema, {"b": "xx"}, enforced=False).findings == ()
        assert only(check(schema, {"a": 1, "b": "xx"}, enforced=False)).rule == "maxLength"

    def test_a_reference_to_itself_ends(self) -> None:
        schema = {"$defs": {"x": {"required": ["a"], "allOf": [{"$ref": "#/$defs/x"}]}}, "$ref": "#/$defs/x"}
        assert check(schema, {"b": 1}, enforced=False).findings == ()

    @pytest.mark.parametrize("name", ["LUGGAGE", "SPACE_HEATER", "PERSONAL_COMPUTER"])
    def test_it_is_as_lenient_as_the_schema_that_is_not_enforced(self, name: str) -> None:
        """Amazon's schema for parts of a listing and the whole one, both without what they require."""
        whole, lenient = schema_of(name), schema_of(name, enforced="NOT_ENFORCED")
        long_name = {"brand": [{"value": "x" * 3000}]}
        parts: list[dict[str, Any]] = [{}, long_name, {"nothing": 1}, {"batteries_required": [{"value": True}]}]
        for part in parts:
            assert rules(check(whole, part, enforced=False)) == rules(check(lenient, part, enforced=False))


class TestCutOff:
    """A check ends at its time limit, and says so."""

    @staticmethod
    def ends(schema: dict[str, Any], attributes: dict[str, Any], limit: float = 0.3) -> str:
        """The time is this thread's CPU time, because other tests run at the same time."""
        before = time.thread_time()
        checked = check(schema, attributes, time_limit=limit)
        assert time.thread_time() - before < limit + 1
        assert checked.incomplete is not None
        return checked.incomplete

    def test_conditions_that_double_with_each_level(self) -> None:
        levels: dict[str, Any] = {"d0": {"required": ["z"]}}
        for level in range(1, 40):
            levels[f"d{level}"] = {"allOf": [{"$ref": f"#/$defs/d{level - 1}"}] * 2}
        reason = self.ends({"$defs": levels, "$ref": "#/$defs/d39"}, {"z": 1})
        assert reason == "The check was stopped after 0.3 seconds. Amazon's preview checks the rest"

    def test_a_pattern_that_backtracks(self) -> None:
        schema = {"properties": {"a": {"pattern": "^(a|aa)+$"}}}
        assert "stopped after 0.3 seconds" in self.ends(schema, {"a": "a" * 100 + "!"})

    def test_a_pattern_for_names_that_backtracks(self) -> None:
        schema = {"patternProperties": {"^(a|aa)+$": {}}, "additionalProperties": False}
        assert "stopped after" in self.ends(schema, {"a" * 100 + "!": 1})

    def test_a_pattern_outside_the_main_thread(self) -> None:
        reasons: list[str] = []
        schema = {"properties": {"a": {"pattern": "^(a|aa)+$"}}}
        thread = threading.Thread(target=lambda: reasons.append(self.ends(schema, {"a": "a" * 100 + "!"})))
        thread.start()
        thread.join(timeout=SECONDS)
        assert len(reasons) == 1

    def test_compiling(self) -> None:
        reason = self.ends(schema_of("PERSONAL_COMPUTER"), {}, limit=1e-9)
        assert reason == "The check was stopped after 1e-09 seconds. Amazon's preview checks the rest"

    def test_what_was_found_before_is_kept(self) -> None:
        schema = {"required": ["brand"], "properties": {"a": {"pattern": "^(a|aa)+$"}}}
        checked = check(schema, {"a": "a" * 100 + "!"}, time_limit=0.3)
        assert rules(checked) == {("/brand", "required", "ERROR")}
        assert checked.incomplete is not None

    def test_writing_the_findings(self) -> None:
        """Each unknown name is compared with a thousand names of the schema."""
        schemas, schema = CompiledSchemas(1), schema_of("PERSONAL_COMPUTER")
        schemas.check(schema, "k", {}, enforced=True, time_limit=SECONDS)
        listing = {f"battery_tipe_{number}": 1 for number in range(1_000)}
        checked = schemas.check(schema, "k", listing, enforced=True, time_limit=0.05)
        assert checked.incomplete is not None
        assert "stopped after" in checked.incomplete
        assert len(checked.findings) < validation.MOST_FINDINGS

    def test_the_end_of_the_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert check({"required": ["a"]}, {"a": 1}, time_limit=0.9).incomplete is None
        monkeypatch.setattr(validation, "time", SimpleNamespace(monotonic=lambda: 5.0))
        assert check({}, {}, time_limit=0.001).incomplete is None
        for limit in (0, -0.5):
            checked = check({}, {}, time_limit=limit)
            assert (
                checked.incomplete == f"The check was stopped after {limit} seconds. Amazon's preview checks the rest"
            )

    def test_the_next_check_has_its_own_time(self) -> None:
        schemas = CompiledSchemas(2)
        slow = {"properties": {"a": {"pattern": "^(a|aa)+$"}}}
        assert schemas.check(slow, "k", {"a": "a" * 100 + "!"}, enforced=True, time_limit=0.05).incomplete
        assert schemas.check(slow, "k", {"a": "aaa"}, enforced=True, time_limit=SECONDS).incomplete is None

    def test_large_lists_of_equal_objects(self) -> None:
        """Comparing each item with each other one would take minutes."""
        schema = {"properties": {"a": {"uniqueItems": True, "maxUniqueItems": 10**6}}}
        listed = [{"value": number, "more": [number]} for number in range(30_000)]
        before = time.thread_time()
        assert check(schema, {"a": listed}).findings == ()
        assert time.thread_time() - before < 5


class TestLeftOut:
    """What is wrong with a schema is left out, and the rest is checked."""

    def test_a_schema_that_is_no_json(self) -> None:
        for document in hostile.NOT_OBJECTS:
            checked = check(document, {"a": 1})
            assert checked.findings == ()
            assert checked.incomplete is not None
            assert checked.incomplete.startswith("The schema is not ")

    def test_a_schema_that_is_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(validation, "LARGEST_SCHEMA", 10)
        checked = check(b'{"a": "0123456789"}', {})
        assert checked.incomplete == "The schema has more than 10 bytes. Amazon's preview checks the rest"

    def test_sixteen_megabytes_are_read(self) -> None:
        most = 16 * 1024 * 1024
        assert check(b"{}".ljust(most), {}).incomplete is None
        assert check(b"{}".ljust(most + 1), {}).incomplete == (
            "The schema has more than 16,777,216 bytes. Amazon's preview checks the rest"
        )

    @pytest.mark.parametrize(("names", "listed", "complete"), [(199, 199, True), (200, 200, False), (201, 200, False)])
    def test_two_hundred_findings_are_listed(self, names: int, listed: int, *, complete: bool) -> None:
        schema = {"patternProperties": {"[": {}}, "required": [f"a{number:03d}" for number in range(names)]}
        checked = check(schema, {"b": 1})
        assert [one.pointer for one in checked.findings] == [f"/a{number:03d}" for number in range(listed)]
        assert checked.incomplete == (
            "Not everything was checked: a pattern of the schema cannot be read. Amazon's preview checks the rest"
            if complete
            else "The first 200 findings are listed. There may be more"
        )

    def test_two_hundred_values_that_are_no_json_are_listed(self) -> None:
        assert len(check({}, {f"a{number}": b"x" for number in range(201)}).findings) == 200

    def test_errors_come_first_and_then_the_order_of_the_places(self) -> None:
        schema = {
            "properties": {"a": {"replacedBy": ["b"]}, "c": {"maxLength": 1, "pattern": "y"}, "b": {"const": 1}},
            "allOf": [{"properties": {"c": {"maxLength": 0}}}],
        }
        found = check(schema, {"a": 1, "c": "xx", "b": 2}).findings
        assert [(one.pointer, one.rule, one.expected) for one in found] == [
            ("/b", "const", 1),
            ("/c", "maxLength", 0),
            ("/c", "maxLength", 1),
            ("/c", "pattern", "y"),
            ("/a", "replacedBy", ["b"]),
        ]

    def test_conditions_that_are_nested_too_deeply(self) -> None:
        schema: dict[str, Any] = {"required": ["brand"]}
        for _ in range(250):
            schema = {"if": {"required": ["a"]}, "then": {"allOf": [schema]}}
        checked = check({"required": ["color"], **schema}, {"a": 1})
        assert checked.incomplete == "The schema's conditions are nested too deeply. Amazon's preview checks the rest"
        assert rules(checked) == {("/color", "required", "ERROR")}

    def test_a_reference_to_itself(self) -> None:
        checked = check({"allOf": [{"$ref": "#"}]}, {"a": 1})
        assert checked.incomplete == "The schema's conditions are nested too deeply. Amazon's preview checks the rest"

    def test_a_reference_that_a_nested_id_leads_elsewhere(self) -> None:
        """JSON Schema resolves it against the nested `$id`, and nothing is fetched from there."""
        inner = {"$id": "https://example.com/other", "items": {"$ref": "#/$defs/text"}}
        checked = check({"$defs": {"text": {"type": "string"}}, "properties": {"a": inner}}, {"a": [1]})
        assert checked.findings == ()
        assert (
            checked.incomplete
            == "A reference in the schema points to something that does not exist. Amazon's preview checks the rest"
        )

    @pytest.mark.parametrize("pattern", ["[", "(?<n>a)(?<n", "a{99999999999999999999}", "x" * 5000])
    def test_a_pattern_that_cannot_be_read(self, pattern: str) -> None:
        schema = {"properties": {"a": {"pattern": pattern}, "b": {"maxLength": 1}}}
        checked = check(schema, {"a": "x", "b": "xx"})
        assert rules(checked) == {("/b", "maxLength", "ERROR")}
        assert checked.incomplete == (
            "Not everything was checked: a pattern of the schema cannot be read. Amazon's preview checks the rest"
        )

    def test_a_name_that_an_unreadable_pattern_may_match(self) -> None:
        checked = check({"patternProperties": {"[": {}}, "additionalProperties": False}, {"a": 1})
        assert checked.findings == ()
        assert checked.incomplete is not None

    def test_classes_of_unicode_in_patterns_are_read(self) -> None:
        schema = {"properties": {"a": {"pattern": r"^\p{L}+$"}}}
        assert check(schema, {"a": "Été"}).findings == ()
        assert only(check(schema, {"a": "1"})).rule == "pattern"

    @pytest.mark.parametrize(
        "schema",
        [
            {"properties": {"a": {"$ref": "https://example.com/schema.json"}}},
            {"properties": {"a": {"$ref": "#/$defs/nothing"}}},
        ],
    )
    def test_nothing_is_fetched(self, schema: dict[str, Any]) -> None:
        found = only(check(schema, {"a": 1}))
        assert (found.severity, found.rule) == (Severity.WARNING, "schema")
        assert found.message == (
            "The rule $ref of a in Amazon's schema refers to nothing in the schema; it was not applied"
        )


class TestCompiledSchemas:
    """What was compiled is kept, up to a number of schemas."""

    def test_a_schema_is_compiled_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compiled: list[bool] = []
        compile_ = validation._compile

        def counted(*arguments: Any, enforced: bool) -> Any:
            compiled.append(enforced)
            return compile_(*arguments, enforced=enforced)

        monkeypatch.setattr(validation, "_compile", counted)
        schemas = CompiledSchemas(2)

        def use(key: str, enforced: bool = True) -> int:
            schemas.check(b'{"required": ["a"]}', key, {}, enforced=enforced, time_limit=SECONDS)
            return len(compiled)

        assert [use("one"), use("one"), use("one", enforced=False), use("one")] == [1, 1, 2, 2]
        # The least recently used one goes first.
        assert [use("two"), use("one"), use("one", enforced=False)] == [3, 3, 4]
        assert len(schemas._compiled) == 2

    def test_the_callers_schema_stays_as_it_is(self) -> None:
        schema = schema_of("BAKEWARE")
        before = copy.deepcopy(schema)
        check(schema, {}, enforced=False)
        assert schema == before

    def test_at_least_one_is_kept(self) -> None:
        assert CompiledSchemas(1).check({}, "k", {}, enforced=True, time_limit=SECONDS).findings == ()
        with pytest.raises(ValueError, match=r"^max_entries must be at least 1$"):
            CompiledSchemas(0)


class TestHostile:
    """Anything that JSON can carry, and more, has an answer."""

    SCHEMA = schema_of("LUGGAGE")

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
    def test_numbers_that_json_cannot_carry(self, number: float) -> None:
        checked = check(self.SCHEMA, {"item_weight": [{"value": number}]})
        assert rules(checked) == {("/item_weight/0/value", "json", "ERROR")}
        assert checked.findings[0].message == "item_weight.value is not a number that JSON can carry"
        assert checked.incomplete == "The attributes cannot be sent as JSON. Nothing else was checked"

    @pytest.mark.parametrize("text", hostile.LONE_SURROGATES)
    def test_half_a_surrogate_pair(self, text: str) -> None:
        assert rules(check(self.SCHEMA, {"brand": [{"value": text}]})) == {("/brand/0/value", "json", "ERROR")}
        named = check(self.SCHEMA, {"brand": [{text: 1}]})
        assert rules(named) == {("/brand/0", "json", "ERROR")}
        assert rules(check(self.SCHEMA, {text: 1})) == {("", "json", "ERROR")}

    @pytest.mark.parametrize("levels", [32, 100_000])
    def test_deep_nesting(self, levels: int) -> None:
        checked = check(self.SCHEMA, {"brand": hostile.nested(1, levels)})
        (found,) = checked.findings
        assert (found.rule, found.attribute_names) == ("json", ("brand",))
        assert found.message == "brand is nested more than 32 levels deep"
        assert check(ANY, {"brand": hostile.nested(1, 31)}).findings == ()

    @pytest.mark.parametrize(
        ("value", "where", "message"),
        [
            (2**4096, "/a", "a is a number with too many digits"),
            (-(2**4096), "/a", "a is a number with too many digits"),
            ([1, {"b": float("inf")}], "/a/1/b", "a.b is not a number that JSON can carry"),
            ({"b": "\ud800"}, "/a/b", "a.b has half of a surrogate pair, which is not valid Unicode"),
            ({"b": {"\ud800": 1}}, "/a/b", "a.b has a name with half of a surrogate pair"),
            ({"b": {5: 1}}, "/a/b", "a.b has a name that is not a text"),
            ([b"x"], "/a/0", "a is not a value of JSON"),
            ((1,), "/a", "a is not a value of JSON"),
        ],
    )
    def test_what_is_no_json_in_words(self, value: object, where: str, message: str) -> None:
        checked = check(ANY, {"good": 1, "a": value})
        (found,) = checked.findings
        assert (found.pointer, found.rule, found.severity, found.message) == (where, "json", Severity.ERROR, message)
        assert (found.attribute_names, found.expected) == (("a",), None)
        assert checked.incomplete == "The attributes cannot be sent as JSON. Nothing else was checked"

    @pytest.mark.parametrize("value", [2**4096 - 1, 1 - 2**4096, 1.5, None, True, "é", [], {"é": []}])
    def test_what_json_can_carry(self, value: object) -> None:
        assert check(ANY, {"a": value}).findings == ()

    def test_a_listing_with_a_name_that_is_no_text(self) -> None:
        attributes: Any = {5: 1}
        (found,) = check(ANY, attributes).findings
        assert (found.pointer, found.attribute_names) == ("", ())
        assert found.message == "The listing has a name that is not a text"

    @pytest.mark.parametrize("value", [b"x", {1, 2}, object(), {5: 1}, [10**5000]])
    def test_values_of_no_type_of_json(self, value: object) -> None:
        assert only_json(check(self.SCHEMA, {"brand": value}))

    def test_a_quarter_of_a_megabyte_of_errors(self) -> None:
        """Each item is wrong, and the answer stays small."""
        listing = {"bullet_point": [{"valeu": number} for number in range(16_000)]}
        assert len(json.dumps(listing)) > 256_000
        before = time.thread_time()
        checked = check(self.SCHEMA, listing)
        assert time.thread_time() - before < 5
        assert len(checked.findings) == validation.MOST_FINDINGS
        assert checked.incomplete == "The first 200 findings are listed. There may be more"

    def test_a_quarter_of_a_megabyte_of_text(self) -> None:
        checked = check(self.SCHEMA, {"item_name": [{"value": "\u202e" + "x" * 256_000}], "x" * 256_000: 1})
        assert {found.rule for found in checked.findings} >= {"maxLength", "maxUtf8ByteLength", "additionalProperties"}
        for found in checked.findings:
            assert len(found.message) < 1000
            assert found.message.isprintable()

    def test_a_quarter_of_a_megabyte_of_unknown_names(self) -> None:
        listing = {f"item_nome_{number}": 1 for number in range(16_000)}
        before = time.thread_time()
        assert len(check(self.SCHEMA, listing).findings) == validation.MOST_FINDINGS
        assert time.thread_time() - before < 10

    @settings(max_examples=100)
    @given(hostile.objects("item_name", "brand", "purchasable_offer", "item_weight", "condition_type"))
    def test_any_value_has_an_answer(self, attributes: dict[str, Any]) -> None:
        checked = check(self.SCHEMA, attributes)
        assert checked.findings
        for found in checked.findings:
            assert found.message.isprintable()
            assert found.message.isascii() or found.message.encode()
            assert len(found.message) < 2000

    @settings(max_examples=80)
    @given(st.data())
    def test_any_change_of_a_listing_has_an_answer(self, data: st.DataObject) -> None:
        whole = listing_of(self.SCHEMA)
        changed = data.draw(hostile.altered({name: value[0] for name, value in whole.items()}))
        checked = check(self.SCHEMA, {name: [value] for name, value in changed.items()})
        for found in checked.findings:
            assert found.message
            assert found.rule != "json" or checked.incomplete

    @settings(max_examples=100)
    @given(
        hostile.objects("properties", "required", "allOf", "if", "items", "enum", "$ref", "pattern", "$defs", "type")
    )
    def test_any_schema_has_an_answer(self, schema: dict[str, Any]) -> None:
        check(schema, {"item_name": [{"value": "x"}]}, time_limit=5)
        check({"properties": {"item_name": {"items": schema}}}, {"item_name": [{"value": "x"}]}, time_limit=5)
        check({"allOf": [schema]}, {"item_name": [{"value": "x"}]}, enforced=False, time_limit=5)

    @settings(max_examples=60)
    @given(st.data())
    def test_any_change_of_a_schema_has_an_answer(self, data: st.DataObject) -> None:
        small = {name: self.SCHEMA[name] for name in ("required", "allOf", "$defs")}
        small["properties"] = {
            name: self.SCHEMA["properties"][name] for name in ("item_name", "purchasable_offer", "material")
        }
        changed = data.draw(hostile.altered(small))
        check(changed, listing_of(self.SCHEMA), time_limit=5)


def only_json(checked: validation.Checked) -> bool:
    return {found.rule for found in checked.findings} == {"json"}


names = st.sampled_from("abc")
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 4), st.sampled_from([0.5, 2.0]), st.sampled_from(["", "a", "bb"])
)
instances = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
simple = st.one_of(
    st.booleans(),
    st.builds(
        lambda kind: {"type": kind}, st.sampled_from(["array", "boolean", "integer", "number", "object", "string"])
    ),
    st.builds(lambda listed: {"enum": listed}, st.lists(leaves, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, leaves),
    st.builds(
        lambda name, limit: {name: limit},
        st.sampled_from(["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"]),
        st.integers(0, 2),
    ),
    st.builds(lambda name, limit: {name: limit}, st.sampled_from(["minimum", "exclusiveMaximum"]), st.integers(-1, 3)),
    st.builds(lambda step: {"multipleOf": step}, st.sampled_from([1, 2, 0.5])),
    st.builds(lambda listed: {"required": listed}, st.lists(names, max_size=2, unique=True)),
    st.builds(lambda pattern: {"pattern": pattern}, st.sampled_from(["^a", "b+$", "."])),
    st.just({"uniqueItems": True}),
)


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    branches = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda keyword, listed: {keyword: listed}, st.sampled_from(["allOf", "anyOf", "oneOf"]), branches),
        st.builds(lambda schema: {"not": schema}, inner),
        st.builds(lambda one, two, three: {"if": one, "then": two, "else": three}, inner, inner, inner),
        st.builds(lambda schema: {"items": schema}, inner),
        st.builds(lambda schema: {"contains": schema}, inner),
        st.builds(
            lambda known, other: {"properties": known, "additionalProperties": other},
            st.dictionaries(names, inner, max_size=2),
            inner,
        ),
        st.builds(
            lambda patterns: {"patternProperties": patterns},
            st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=2),
        ),
        st.builds(lambda listed: {"dependentSchemas": listed}, st.dictionaries(names, inner, max_size=2)),
    )


schemas = st.recursive(simple, _combined, max_leaves=8)


@settings(max_examples=300)
@given(schemas, instances)
def test_a_value_is_valid_exactly_when_jsonschema_says_so(schema: Any, instance: Any) -> None:
    """Draft 2019-09 as jsonschema has it, without the keywords that are replaced here."""
    whole = {"properties": {"value": schema}}
    checked = check(whole, {"value": instance})
    assert checked.incomplete is None
    errors = [found for found in checked.findings if found.severity == Severity.ERROR]
    assert (not errors) == Draft201909Validator(whole).is_valid({"value": instance})


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.integers(0, 3), max_size=4))
def test_pointers_can_be_followed(path: list[str | int]) -> None:
    found: Any = "here"
    for part in reversed(path):
        found = {part: found} if isinstance(part, str) else [None] * part + [found]
    for token in pointer(tuple(path)).split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        found = found[int(name)] if isinstance(found, list) else found[name]
    assert found == "here"
