"""Wrong shapes: named, and corrected where only one correction is possible."""

import copy
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstart.product_types.defaults import filled
from quickstart.product_types.shapes import Corrected, corrected, example
from tests import hostile
from tests.unit.quickstart.product_types.support import FRANCE, check, listing_of, schema_of

SHIRT = schema_of("SHIRT")
NESTED_PRICE = [{"our_price": [{"schedule": [{"value_with_tax": 9}]}]}]


def named(offered: Corrected) -> list[tuple[str, str]]:
    return [(found.pointer, found.rule) for found in offered.findings]


@pytest.mark.parametrize(
    ("given_", "right", "findings"),
    [
        ({"item_name": "Chemise"}, {"item_name": [{"value": "Chemise"}]}, [("/item_name", "list")]),
        ({"item_name": {"value": "Chemise"}}, {"item_name": [{"value": "Chemise"}]}, [("/item_name", "list")]),
        (
            {"bullet_point": ["aa", {"value": "bb"}, "cc"]},
            {"bullet_point": [{"value": "aa"}, {"value": "bb"}, {"value": "cc"}]},
            [("/bullet_point/0", "object"), ("/bullet_point/2", "object")],
        ),
        (
            {"condition_type": "Neuf"},
            {"condition_type": [{"value": "new_new"}]},
            [("/condition_type", "list"), ("/condition_type", "label")],
        ),
        (
            {"condition_type": [{"value": "NEW_NEW"}]},
            {"condition_type": [{"value": "new_new"}]},
            [("/condition_type/0/value", "label")],
        ),
        (
            {"item_weight": [{"value": "2.5", "unit": "Kilograms"}]},
            {"item_weight": [{"value": 2.5, "unit": "kilograms"}]},
            [("/item_weight/0/value", "number"), ("/item_weight/0/unit", "label")],
        ),
        (
            {"number_of_items": [{"value": " 3 "}]},
            {"number_of_items": [{"value": 3}]},
            [("/number_of_items/0/value", "number")],
        ),
        ({"skip_offer": [{"value": "TRUE"}]}, {"skip_offer": [{"value": True}]}, [("/skip_offer/0/value", "boolean")]),
        (
            {"externally_assigned_product_identifier": [{"type": "EAN", "value": 4006381333931}]},
            {"externally_assigned_product_identifier": [{"type": "ean", "value": "4006381333931"}]},
            [
                ("/externally_assigned_product_identifier/0/type", "label"),
                ("/externally_assigned_product_identifier/0/value", "text"),
            ],
        ),
        ({"itemName": [{"value": "x"}]}, {"item_name": [{"value": "x"}]}, [("/itemName", "name")]),
        ({"Item-Name": [{"value": "x"}]}, {"item_name": [{"value": "x"}]}, [("/Item-Name", "name")]),
        ({"purchasable_offer": 9}, {"purchasable_offer": NESTED_PRICE}, [("/purchasable_offer", "list")]),
        (
            {"purchasable_offer": [{"our_price": [{"value": 9}]}]},
            {"purchasable_offer": NESTED_PRICE},
            [("/purchasable_offer/0/our_price/0", "nesting"), ("/purchasable_offer/0/our_price/0/value", "name")],
        ),
        (
            {"purchasable_offer": [{"our_price": [{"schedule": {"value_with_tax": 9}}]}]},
            {"purchasable_offer": NESTED_PRICE},
            [("/purchasable_offer/0/our_price/0/schedule", "nesting")],
        ),
    ],
)
def test_one_correction_is_possible(
    given_: dict[str, Any], right: dict[str, Any], findings: list[tuple[str, str]]
) -> None:
    before = copy.deepcopy(given_)
    offered = corrected(SHIRT, given_)
    assert (offered.attributes, named(offered)) == (right, findings)
    assert given_ == before
    assert check(SHIRT, filled(SHIRT, right, FRANCE, None), enforced=False).findings == ()
    assert corrected(SHIRT, right) == Corrected(None, ())


@pytest.mark.parametrize(
    ("given_", "findings"),
    [
        # A number without its unit.
        ({"item_weight": 5}, [("/item_weight", "list")]),
        ({"item_weight": [5]}, []),
        (
            {"externally_assigned_product_identifier": "4006381333931"},
            [("/externally_assigned_product_identifier", "list")],
        ),
        # A comma may separate thousands or decimals.
        ({"item_weight": [{"value": "2,500", "unit": "grams"}]}, []),
        ({"item_weight": [{"value": "1e5", "unit": "grams"}]}, []),
        ({"number_of_items": [{"value": "3.5"}]}, []),
        ({"number_of_items": [{"value": "\u0663"}]}, []),
        ({"skip_offer": [{"value": "yes"}]}, []),
        ({"condition_type": [{"value": "as good as new"}]}, []),
        # Both names are given.
        ({"list_price": [{"value": 9, "value_with_tax": 10}]}, []),
        ({"itemName": 1, "item_name": [{"value": "x"}]}, []),
        ({"unknown": "x"}, []),
        ({"item_name": None}, []),
        ({"item_name": [[["x"]]]}, []),
    ],
)
def test_what_is_ambiguous_is_left_as_it_is(given_: dict[str, Any], findings: list[tuple[str, str]]) -> None:
    offered = corrected(SHIRT, given_)
    assert (offered.attributes, named(offered)) == (None, findings)


def test_one_finding_names_a_price_without_its_levels() -> None:
    (found,) = corrected(SHIRT, {"purchasable_offer": [{"our_price": 9.5}]}).findings
    assert found.message == "purchasable_offer.our_price must be a list of objects, not 9.5"
    assert found.expected == [{"schedule": [{"value_with_tax": 1.5}]}]


@pytest.mark.parametrize(
    ("given_", "message", "expected"),
    [
        ({"item_name": "Chemise"}, 'item_name must be a list of objects, not "Chemise"', [{"value": "..."}]),
        (
            {"bullet_point": ["aa"]},
            'bullet_point must have objects with the field value, not "aa"',
            {"value": "..."},
        ),
        (
            {"condition_type": [{"value": "NEW_NEW"}]},
            'condition_type.value must be the code new_new, not "NEW_NEW"',
            "new_new",
        ),
        (
            {"item_weight": [{"value": "2.5", "unit": "grams"}]},
            'item_weight.value must be a number without quotes, not "2.5"',
            2.5,
        ),
        (
            {"number_of_items": [{"value": " 3 "}]},
            'number_of_items.value must be a whole number without quotes, not " 3 "',
            3,
        ),
        (
            {"skip_offer": [{"value": "TRUE"}]},
            'skip_offer.value must be true or false without quotes, not "TRUE"',
            True,
        ),
        (
            {"externally_assigned_product_identifier": [{"type": "ean", "value": 4006381333931}]},
            "externally_assigned_product_identifier.value must be a text in quotes, not 4006381333931",
            "4006381333931",
        ),
        ({"itemName": [{"value": "x"}]}, "use item_name instead of itemName", "item_name"),
        (
            {"purchasable_offer": [{"our_price": [{"value": 9}]}]},
            "purchasable_offer.our_price leaves out the level schedule",
            {"schedule": [{"value_with_tax": 1.5}]},
        ),
    ],
)
def test_a_correction_in_words(given_: dict[str, Any], message: str, expected: object) -> None:
    found = corrected(SHIRT, given_).findings[0]
    assert (found.message, found.expected) == (message, expected)


def test_a_label_that_two_codes_share_is_left() -> None:
    codes = {"enum": ["a", "b"], "enumNames": ["Same", "same"]}
    schema = {"properties": {"x": {"type": "array", "items": {"properties": {"value": codes}}}}}
    assert corrected(schema, {"x": [{"value": "Same"}]}) == Corrected(None, ())
    assert corrected(schema, {"x": [{"value": "B"}]}).attributes == {"x": [{"value": "b"}]}


def test_schemas_that_refer_to_themselves_end() -> None:
    schema = {
        "properties": {"x": {"$ref": "#/properties/x"}, "y": {"type": "array", "items": {"$ref": "#/properties/y"}}}
    }
    corrected(schema, {"x": 1, "y": 1})
    corrected(schema, {"x": {}, "y": []})


def test_a_whole_listing_is_left_as_it_is() -> None:
    for name in ("SHIRT", "SPACE_HEATER", "PERSONAL_COMPUTER"):
        schema = schema_of(name)
        assert corrected(schema, listing_of(schema)) == Corrected(None, ())


def _bare(item: dict[str, Any]) -> Any:
    return item["value"]


WRONG = {
    "bare": lambda items: _bare(items[0]),
    "object": lambda items: items[0],
    "bare in a list": lambda items: [_bare(items[0])],
}


@settings(max_examples=40)
@given(st.data())
def test_a_listing_without_its_levels_is_restored(data: st.DataObject) -> None:
    """Whatever attributes lose their levels, the corrected body is the listing, without the fields filled in later."""
    hidden = ("marketplace_id", "language_tag", "currency")
    whole = {
        name: [{key: value for key, value in item.items() if key not in hidden} for item in items]
        for name, items in listing_of(SHIRT).items()
    }
    single = sorted(name for name, items in whole.items() if set(items[0]) == {"value"})
    chosen = data.draw(st.lists(st.sampled_from(single), min_size=1, unique=True))
    wrong = dict(whole)
    for name in chosen:
        wrong[name] = WRONG[data.draw(st.sampled_from(sorted(WRONG)))](whole[name])
    offered = corrected(SHIRT, wrong)
    assert offered.attributes == whole
    assert {found.attribute_names for found in offered.findings} == {(name,) for name in chosen}
    assert check(SHIRT, filled(SHIRT, offered.attributes, FRANCE, None)).findings == ()


@settings(max_examples=100)
@given(hostile.objects("item_name", "purchasable_offer", "item_weight", "condition_type", "item_package_dimensions"))
def test_any_value_has_an_answer(attributes: dict[str, Any]) -> None:
    offered = corrected(SHIRT, attributes)
    for found in offered.findings:
        assert found.message.isprintable()
    if offered.attributes is not None:
        # What is corrected needs no further correction.
        assert corrected(SHIRT, offered.attributes).attributes is None


@settings(max_examples=80)
@given(hostile.objects("type", "items", "properties", "required", "enum", "enumNames", "anyOf", "$ref", "hidden"))
def test_any_schema_has_an_answer(schema: dict[str, Any]) -> None:
    for whole in (schema, {"properties": {"x": schema}}, {"properties": {"x": {"type": "array", "items": schema}}}):
        for value in ("text", 5, [{"value": 1}], {"value": {"value": 2}}):
            corrected(whole, {"x": value})
            filled(whole, {"x": value}, FRANCE, "fr_FR")


def test_two_names_that_become_one_are_left() -> None:
    offered = corrected(SHIRT, {"ItemName": [{"value": "a"}], "itemName": [{"value": "b"}]})
    assert offered.attributes is None


def test_a_quarter_of_a_megabyte_of_unknown_names() -> None:
    schema = schema_of("PERSONAL_COMPUTER")
    before = time.thread_time()
    assert corrected(schema, {f"item_nome_{number}": 1 for number in range(16_000)}) == Corrected(None, ())
    assert corrected(schema, {"bullet_point": ["x"] * 30_000}).attributes == {"bullet_point": [{"value": "x"}] * 30_000}
    assert time.thread_time() - before < 5


@pytest.mark.parametrize("wrong", ["x", {"Value": "x"}])
@pytest.mark.parametrize(("items", "findings"), [(199, 199), (200, 200), (201, 200)])
def test_the_list_of_findings_is_limited(wrong: object, items: int, findings: int) -> None:
    """Everything is corrected."""
    offered = corrected(SHIRT, {"bullet_point": [wrong] * items})
    assert len(offered.findings) == findings
    assert offered.attributes == {"bullet_point": [{"value": "x"}] * items}


def test_deep_nesting() -> None:
    attributes = {"item_name": hostile.nested("x", 100_000), "purchasable_offer": hostile.nested({}, 100_000)}
    assert corrected(SHIRT, attributes).attributes is None
    filled(SHIRT, attributes, FRANCE, None)


def of_attribute(described: object, value: object, **more: Any) -> tuple[object, list[tuple[str, str, object]]]:
    """The value of an attribute `a` afterwards, and where and why it was wrong and what belongs there."""
    offered = corrected({"properties": {"a": described}, **more}, {"a": value})
    after = value if offered.attributes is None else offered.attributes["a"]
    assert all(found.attribute_names == ("a",) for found in offered.findings)
    return after, [(found.pointer, found.rule, found.expected) for found in offered.findings]


NUMBER = {"type": "number"}
VALUE = {"properties": {"value": NUMBER}}
TWO = {"properties": {"value": NUMBER, "unit": {"type": "string"}}}
OFFER = {
    "properties": {
        "price": {"type": "array", "items": {"properties": {"value_with_tax": NUMBER, "start": {"type": "string"}}}},
        "audience": {"hidden": True},
    }
}


@pytest.mark.parametrize(
    ("described", "value", "after", "findings"),
    [
        # A list of values.
        ({"type": "array", "items": NUMBER}, 5, [5], [("/a", "list", [1.5])]),
        ({"type": "array", "items": NUMBER}, "5", [5], [("/a", "list", [1.5]), ("/a", "number", 5)]),
        ({"type": "array", "items": NUMBER}, ["5", 6, "x"], [5, 6, "x"], [("/a/0", "number", 5)]),
        ({"type": "array", "items": NUMBER}, None, None, []),
        ({"type": "array", "items": NUMBER}, [None], [None], []),
        ({"type": "array"}, 5, 5, []),
        ({"type": "array", "items": [NUMBER]}, "5", "5", []),
        ({"items": NUMBER}, "5", "5", []),
        ({"items": NUMBER, "type": "number"}, "5", 5, [("/a", "number", 5)]),
        # A list of objects with one field, with two, and with a reference.
        ({"type": "array", "items": VALUE}, 5, [{"value": 5}], [("/a", "list", [{"value": 1.5}])]),
        ({"type": "array", "items": TWO}, 5, 5, [("/a", "list", [{"value": 1.5, "unit": "..."}])]),
        (
            {"type": "array", "items": TWO},
            {"value": 5},
            [{"value": 5}],
            [("/a", "list", [{"value": 1.5, "unit": "..."}])],
        ),
        (
            {"type": "array", "items": {"$ref": "#/$defs/two"}},
            5,
            5,
            [("/a", "list", [{"value": 1.5, "unit": "..."}])],
        ),
        (
            {"type": "array", "items": {**TWO, "required": ["unit"]}},
            5,
            [{"unit": "5"}],
            [("/a", "list", [{"unit": "..."}]), ("/a", "text", "5")],
        ),
        (
            {"type": "array", "items": {**TWO, "required": "unit"}},
            5,
            5,
            [("/a", "list", [{"value": 1.5, "unit": "..."}])],
        ),
        (
            {"type": "array", "items": {**TWO, "required": ["unit", "value"]}},
            5,
            5,
            [("/a", "list", [{"value": 1.5, "unit": "..."}])],
        ),
        # An object.
        (VALUE, "5", {"value": 5}, [("/a", "object", {"value": 1.5}), ("/a", "number", 5)]),
        (VALUE, [5], [5], []),
        (VALUE, {}, {}, []),
        (TWO, 5, 5, []),
        ({"properties": 5, "type": "number"}, "5", 5, [("/a", "number", 5)]),
        (
            {"properties": {"b": VALUE}},
            {"b": "5"},
            {"b": {"value": 5}},
            [("/a/b", "object", {"value": 1.5}), ("/a/b", "number", 5)],
        ),
        (
            {"properties": {"b": {"type": "array", "items": VALUE}}},
            {"b": 5},
            {"b": [{"value": 5}]},
            [("/a/b", "nesting", [{"value": 1.5}])],
        ),
        # A level is left out.
        (
            OFFER,
            {"value_with_tax": 9},
            {"price": [{"value_with_tax": 9}]},
            [("/a", "nesting", {"price": [{"value_with_tax": 1.5, "start": "..."}]})],
        ),
        (
            OFFER,
            {"value": 9, "start": "x"},
            {"price": [{"value_with_tax": 9, "start": "x"}]},
            [
                ("/a", "nesting", {"price": [{"value_with_tax": 1.5, "start": "..."}]}),
                ("/a/value", "name", "value_with_tax"),
            ],
        ),
        (OFFER, {"value_with_tax": 9, "audience": "x"}, {"value_with_tax": 9, "audience": "x"}, []),
        (OFFER, {"value_with_tax": 9, "else": 1}, {"value_with_tax": 9, "else": 1}, []),
        (OFFER, {"else": 1}, {"else": 1}, []),
        (OFFER, {}, {}, []),
        (
            {"properties": {"b": VALUE}},
            {"value": "9"},
            {"b": {"value": 9}},
            [("/a", "nesting", {"b": {"value": 1.5}}), ("/a/value", "number", 9)],
        ),
        ({"properties": {"b": NUMBER}}, {"value": 9}, {"value": 9}, []),
        ({"properties": {"b": {"properties": {"c": NUMBER}}}}, {"value": 9}, {"value": 9}, []),
        ({"properties": {"b": VALUE, "c": NUMBER}}, {"value": 9}, {"value": 9}, []),
        # The two names of an amount.
        (VALUE, {"value_with_tax": 9}, {"value": 9}, [("/a/value_with_tax", "name", "value")]),
        (VALUE, {"value_with_tax": 9, "value": 8}, {"value_with_tax": 9, "value": 8}, []),
        (
            {"properties": {"value": NUMBER, "value_with_tax": NUMBER}},
            {"value_with_tax": 9},
            {"value_with_tax": 9},
            [],
        ),
        ({"properties": {"b": NUMBER}}, {"value_with_tax": 9}, {"value_with_tax": 9}, []),
        (VALUE, {"price": 9}, {"price": 9}, []),
        # Names that are alike.
        (
            TWO,
            {"VALUE": "9", "Unit": 5},
            {"value": 9, "unit": "5"},
            [
                ("/a/VALUE", "name", "value"),
                ("/a/VALUE", "number", 9),
                ("/a/Unit", "name", "unit"),
                ("/a/Unit", "text", "5"),
            ],
        ),
        ({"properties": {"b_c": NUMBER, "bC": NUMBER}}, {"b-c": 9}, {"b-c": 9}, []),
        (TWO, {"Value": 9, "vAlue": 8}, {"Value": 9, "vAlue": 8}, []),
        (TWO, {5: "9", "Value": 9}, {5: "9", "value": 9}, [("/a/Value", "name", "value")]),
        # Codes.
        ({"enum": ["s", 5], "enumNames": ["Small", "Five"]}, "SMALL", "s", [("/a", "label", "s")]),
        ({"enum": ["s", 5], "enumNames": ["Small", "Five"]}, "five", 5, [("/a", "label", 5)]),
        ({"enum": ["s", "S"]}, "s", "s", []),
        ({"enum": ["Small", "s"], "enumNames": ["x", "small"]}, "Small", "Small", []),
        ({"enum": ["5"], "type": "string"}, 5, 5, []),
        ({"enum": ["s"], "type": "string"}, "x", "x", []),
    ],
)
def test_each_shape(described: Any, value: object, after: object, findings: list[tuple[str, str, object]]) -> None:
    assert of_attribute(described, value, **{"$defs": {"two": TWO}}) == (after, findings)


@pytest.mark.parametrize(
    ("kind", "value", "right"),
    [
        ("number", "5", 5),
        ("number", "-5.5", -5.5),
        ("number", " .5 ", 0.5),
        ("number", "5.", 5.0),
        ("number", "0" * 39 + "5", 5),
        ("integer", "-12", -12),
        ("boolean", " True ", True),
        ("boolean", "FALSE", False),
        ("string", 10**15 - 1, "999999999999999"),
        ("string", 1 - 10**15, "-999999999999999"),
        ("string", 0, "0"),
    ],
)
def test_values_in_another_type_of_json(kind: str, value: object, right: object) -> None:
    after, findings = of_attribute({"type": kind}, value)
    rule = {"integer": "number", "string": "text"}.get(kind, kind)
    assert (after, type(after), findings) == (right, type(right), [("/a", rule, right)])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(
            ("number", text)
            for text in ("", "-", ".", "-.", "1.2.3", "--5", "5-", "²", "٣", "0" * 40 + "5", "5,5", "+5")
        ),
        *(("number", value) for value in (True, [5], {"x": "5"})),
        *(("integer", text) for text in ("5.0", "5.", "x", True)),
        *(("boolean", value) for value in ("1", "", 1, 0, "true!")),
        *(("string", value) for value in (10**15, -(10**15), 1.5, True, [5])),
        *(("null", value) for value in ("null", 5)),
        *((None, value) for value in ("5", 5)),
    ],
)
def test_what_may_mean_something_else_stays(kind: str | None, value: object) -> None:
    assert of_attribute({"type": kind}, value) == (value, [])


@pytest.mark.parametrize(
    ("described", "shape"),
    [
        ({"items": NUMBER}, [1.5]),
        ({"type": "array"}, ["..."]),
        ({"type": "boolean"}, True),
        ({"type": "integer"}, 1),
        ({"type": "number"}, 1.5),
        ({"type": "string"}, "..."),
        ({"type": "object"}, "..."),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"properties": {}}, {}),
        ({"properties": {"b": NUMBER, "c": {}, "d": {"hidden": True}}}, {"b": 1.5, "c": "..."}),
        ({"properties": {"b": NUMBER, "c": {}, "d": {"hidden": True}}, "required": ["c", "d"]}, {"c": "..."}),
        ({"properties": {"b": NUMBER}, "required": "b"}, {"b": 1.5}),
        ({"properties": {"d": {"$ref": "#/$defs/hidden"}, "b": NUMBER}}, {"b": 1.5}),
    ],
)
def test_examples_of_a_shape(described: dict[str, Any], shape: object) -> None:
    assert example({"$defs": {"hidden": {"hidden": True}}}, described) == shape


@pytest.mark.parametrize(
    "around", [lambda inner: {"type": "array", "items": inner}, lambda inner: {"properties": {"x": inner}}]
)
class TestDepth:
    """Sixteen levels are read: a schema that refers to itself ends."""

    @staticmethod
    def unwrapped(value: Any) -> tuple[int, object]:
        levels = 0
        while isinstance(value, list | dict):
            value = value[0] if isinstance(value, list) else value["x"]
            levels += 1
        return levels, value

    def test_an_example(self, around: Any) -> None:
        assert self.unwrapped(example({"$defs": {"a": around({"$ref": "#/$defs/a"})}}, {"$ref": "#/$defs/a"})) == (
            16,
            "...",
        )

    def test_levels_that_are_added(self, around: Any) -> None:
        after, findings = of_attribute({"$ref": "#/$defs/a"}, 5, **{"$defs": {"a": around({"$ref": "#/$defs/a"})}})
        assert self.unwrapped(after) == (16, 5)
        assert len(findings) == 1

    @pytest.mark.parametrize(("levels", "right"), [(15, 5), (16, "5")])
    def test_levels_that_are_there(self, around: Any, levels: int, right: object) -> None:
        described: dict[str, Any] = NUMBER
        value: object = "5"
        for _ in range(levels):
            described = around(described)
            value = [value] if "items" in described else {"x": value}
        after, findings = of_attribute(described, value)
        assert self.unwrapped(after) == (levels, right)
        assert len(findings) == (right == 5)


def test_levels_that_are_added_around_a_name() -> None:
    """Objects whose one field is left out again and again."""
    schema = {"$defs": {"a": {"properties": {"x": {"$ref": "#/$defs/a"}}}}, "properties": {"a": {"$ref": "#/$defs/a"}}}
    assert corrected(schema, {"a": {"y": 1}}) == Corrected(None, ())


@pytest.mark.parametrize("schema", [{}, {"properties": 5}, {"properties": {}}])
def test_a_schema_without_attributes_corrects_nothing(schema: dict[str, object]) -> None:
    assert corrected(schema, {"a": "5", "B": [1]}) == Corrected(None, ())
