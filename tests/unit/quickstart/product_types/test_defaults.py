"""Hidden fields that are filled in."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings

from quickstart.product_types.defaults import filled
from tests import hostile
from tests.unit.quickstart.product_types.support import FRANCE, UNITED_STATES, check, listing_of, schema_of

GERMANY = "A1PA6795UKMFR9"
LUGGAGE = schema_of("LUGGAGE")


def test_marketplace_and_language_are_filled_in() -> None:
    given_ = {"item_name": [{"value": "Valise"}], "number_of_items": [{"value": 1}]}
    before = copy.deepcopy(given_)
    assert filled(LUGGAGE, given_, FRANCE, None) == {
        "item_name": [{"value": "Valise", "marketplace_id": FRANCE, "language_tag": "fr_FR"}],
        "number_of_items": [{"value": 1, "marketplace_id": FRANCE}],
    }
    assert given_ == before


def test_the_callers_language_is_used() -> None:
    named = filled(LUGGAGE, {"item_name": [{"value": "Suitcase"}]}, FRANCE, "en_GB")
    assert named == {"item_name": [{"value": "Suitcase", "marketplace_id": FRANCE, "language_tag": "en_GB"}]}


def test_what_is_there_stays() -> None:
    item = {"value": "Koffer", "marketplace_id": GERMANY, "language_tag": "de_DE"}
    assert filled(LUGGAGE, {"item_name": [item]}, FRANCE, "fr_FR") == {"item_name": [item]}


def test_currency_is_filled_in_and_the_audience_is_not() -> None:
    """The schema hides the currency, which has one value; a person chooses the audience."""
    offer = {"our_price": [{"schedule": [{"value_with_tax": 9.99}]}]}
    american = filled(schema_of("LUGGAGE", UNITED_STATES), {"purchasable_offer": [offer]}, UNITED_STATES, None)
    assert american == {"purchasable_offer": [{**offer, "marketplace_id": UNITED_STATES, "currency": "USD"}]}


def test_hidden_fields_at_any_level() -> None:
    unit = {"type": "string", "default": "grams", "hidden": True}
    inner = {"properties": {"value": {}, "unit": unit}}
    schema = {
        "$defs": {"inner": inner},
        "properties": {"a": {"items": {"properties": {"list": {"items": {"$ref": "#/$defs/inner"}}}}}},
    }
    assert filled(schema, {"a": [{"list": [{"value": 1}, {"unit": "x"}]}]}, FRANCE, None) == {
        "a": [{"list": [{"value": 1, "unit": "grams"}, {"unit": "x"}]}]
    }


def test_a_default_that_people_see_is_their_choice() -> None:
    schema = {
        "properties": {"a": {"items": {"properties": {"b": {"default": 1}, "c": {"default": 2, "hidden": False}}}}}
    }
    assert filled(schema, {"a": [{}]}, FRANCE, None) == {"a": [{}]}


def test_wrong_shapes_and_unknown_attributes_stay() -> None:
    given_: dict[str, Any] = {"item_name": "Valise", "brand": {"value": "x"}, "unknown": [{}], "color": None}
    assert filled(LUGGAGE, given_, FRANCE, None) == {
        **given_,
        "brand": {"value": "x"},
    }


def test_a_listing_without_hidden_fields_is_complete_afterwards() -> None:
    for name in ("LUGGAGE", "SHIRT", "PERSONAL_COMPUTER"):
        schema = schema_of(name)
        hidden = ("marketplace_id", "language_tag", "currency")
        bare = {
            attribute: [{key: value for key, value in item.items() if key not in hidden} for item in items]
            for attribute, items in listing_of(schema).items()
        }
        assert check(schema, bare).findings
        assert check(schema, filled(schema, bare, FRANCE, None)).findings == ()


@settings(max_examples=80)
@given(hostile.objects("item_name", "purchasable_offer", "brand"))
def test_any_value_has_an_answer(attributes: dict[str, Any]) -> None:
    assert filled(LUGGAGE, attributes, FRANCE, "fr_FR").keys() == attributes.keys()


HIDDEN = {"type": "string", "default": "grams", "hidden": True}


@pytest.mark.parametrize(
    ("described", "value", "after"),
    [
        ({"properties": {"unit": HIDDEN}}, {}, {"unit": "grams"}),
        ({"properties": {"unit": {**HIDDEN, "hidden": "yes"}}}, {}, {}),
        ({"properties": {"unit": {"hidden": True}}}, {}, {}),
        ({"properties": {"unit": {"default": "grams"}}}, {}, {}),
        ({"properties": {"unit": {"hidden": True, "default": None}}}, {}, {"unit": None}),
        # A field without rules is none that the schema describes.
        ({"properties": {"marketplace_id": {}, "language_tag": True}}, {}, {}),
        ({"properties": {"marketplace_id": HIDDEN}}, {}, {"marketplace_id": FRANCE}),
        ({"properties": {"language_tag": HIDDEN}}, {}, {"language_tag": "fr_BE"}),
        ({"properties": {"unit": HIDDEN}}, [{}], [{}]),
        ({"items": {"properties": {"unit": HIDDEN}}}, [{}, 5, {"unit": "x"}], [{"unit": "grams"}, 5, {"unit": "x"}]),
        ({"items": {"properties": {"unit": HIDDEN}}}, {}, {}),
        ({"properties": {"inner": {"properties": {"unit": HIDDEN}}}}, {"inner": {}}, {"inner": {"unit": "grams"}}),
        ({"properties": {"inner": {"properties": {"unit": HIDDEN}}}}, {"other": {}}, {"other": {}}),
        ({"properties": ["unit"]}, {"unit": {}}, {"unit": {}}),
        ({}, {"unit": {}}, {"unit": {}}),
    ],
)
def test_each_kind_of_field(described: dict[str, Any], value: object, after: object) -> None:
    schema = {"properties": {"a": described}}
    assert filled(schema, {"a": value, "b": {}}, FRANCE, "fr_BE") == {"a": after, "b": {}}


@pytest.mark.parametrize("schema", [{}, {"properties": ["a"]}])
def test_a_schema_without_attributes_fills_in_nothing(schema: dict[str, object]) -> None:
    assert filled(schema, {"a": {}}, FRANCE, None) == {"a": {}}


@pytest.mark.parametrize(("levels", "after"), [(15, {"unit": "grams"}), (16, {})])
@pytest.mark.parametrize("in_lists", [True, False])
def test_sixteen_levels_are_filled_in(levels: int, after: dict[str, str], *, in_lists: bool) -> None:
    described: dict[str, Any] = {"properties": {"unit": HIDDEN}}
    value: object = {}
    wanted: object = after
    for _ in range(levels):
        described = {"items": described} if in_lists else {"properties": {"x": described}}
        value, wanted = ([value], [wanted]) if in_lists else ({"x": value}, {"x": wanted})
    assert filled({"properties": {"a": described}}, {"a": value}, FRANCE, None) == {"a": wanted}
