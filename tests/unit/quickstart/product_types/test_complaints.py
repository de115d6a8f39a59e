"""Public complaints about listings that concern schemas and validation: what the check says about each.

The numbers and links are those of issues of Amazon's public repositories.
"""

import json
from typing import Any

import pytest

from quickstart.product_types import shapes
from quickstart.product_types.validation import Severity
from tests.unit.quickstart.product_types.support import (
    FRANCE,
    UNITED_KINGDOM,
    UNITED_STATES,
    check,
    listing_of,
    only,
    rules,
    schema_of,
)


@pytest.fixture(scope="module")
def luggage() -> dict[str, Any]:
    return schema_of("LUGGAGE")


def test_models_4968_a_value_outside_the_list_of_codes_although_any_text_fits(luggage: dict[str, Any]) -> None:
    """anyOf of any text and a list of codes: Amazon's schema accepts it, its backend refuses it."""
    listing = listing_of(luggage)
    listing["material"][0]["value"] = "vibranium"
    found = only(check(luggage, listing))
    assert (found.severity, found.pointer, found.rule) == (Severity.WARNING, "/material/0/value", "enum")
    assert found.expected == ["cotton", "leather", "polyester", "steel"]
    assert found.message == (
        "\"vibranium\" is not in Amazon's list for material.value, and Amazon often rejects it: Amazon's list has "
        "cotton (Coton), leather (Cuir), polyester (Polyester), steel (Steel)"
    )


def test_models_5238_a_label_in_place_of_the_code(luggage: dict[str, Any]) -> None:
    listing = listing_of(luggage)
    listing["condition_type"][0]["value"] = "Neuf"
    found = only(check(luggage, listing))
    assert (found.severity, found.pointer, found.rule) == (Severity.ERROR, "/condition_type/0/value", "enum")
    assert (found.expected, found.message) == ("new_new", 'condition_type.value must be the code new_new, not "Neuf"')
    offered = shapes.corrected(luggage, listing)
    assert offered.attributes is not None
    assert only(check(luggage, listing)).rule == "enum"
    assert check(luggage, offered.attributes).findings == ()


def test_models_5238_a_label_of_an_open_list_is_a_warning_with_the_code(luggage: dict[str, Any]) -> None:
    listing = listing_of(luggage)
    listing["material"][0]["value"] = "Cuir"
    found = only(check(luggage, listing))
    assert (found.severity, found.expected) == (Severity.WARNING, "leather")


def test_models_4799_an_attribute_that_the_schema_lacks(luggage: dict[str, Any]) -> None:
    """It belongs to another type, or to another marketplace."""
    packaging = "epr_packaging_registration"
    french, american = schema_of("COFFEE", FRANCE), schema_of("COFFEE", UNITED_STATES)
    listing = listing_of(american)
    listing[packaging] = [{"value": "FR123456_12ABCD", "marketplace_id": UNITED_STATES}]
    assert packaging in french["properties"]
    found = only(check(american, listing))
    assert (found.pointer, found.rule) == (f"/{packaging}", "additionalProperties")
    assert found.attribute_names == (packaging,)
    assert found.message == f"{packaging} is not in the schema of this product type in this marketplace"

    misspelt = listing_of(luggage)
    misspelt["bullet_points"] = misspelt.pop("bullet_point")
    assert "bullet_points is not in the schema" in str(check(luggage, misspelt).findings)
    assert "Did you mean bullet_point?" in str(check(luggage, misspelt).findings)


@pytest.mark.parametrize(
    "offer",
    [
        12.5,
        {"our_price": 12.5},
        [{"our_price": 12.5}],
        [{"our_price": [{"value_with_tax": 12.5}]}],
        [{"our_price": [{"schedule": {"value_with_tax": 12.5}}]}],
        {"our_price": {"schedule": {"value_with_tax": "12.5"}}},
        [{"ourPrice": [{"schedule": [{"valueWithTax": 12.5}]}]}],
    ],
    ids=["bare", "object", "price", "no schedule", "schedule is no list", "no lists", "spelling"],
)
def test_jlevers_675_and_models_3001_a_price_that_is_nested_wrongly(luggage: dict[str, Any], offer: object) -> None:
    """Amazon ignores purchasable_offer then; here it is an error, and the right body is offered."""
    listing = listing_of(luggage) | {"purchasable_offer": offer}
    errors = check(luggage, listing).findings
    assert {found.attribute_names for found in errors} == {("purchasable_offer",)}
    assert {found.severity for found in errors} == {Severity.ERROR}
    offered = shapes.corrected(luggage, listing)
    assert offered.attributes is not None
    assert offered.attributes["purchasable_offer"] == [{"our_price": [{"schedule": [{"value_with_tax": 12.5}]}]}]
    assert {found.attribute_names for found in offered.findings} == {("purchasable_offer",)}


def test_models_3958_list_price_in_the_united_kingdom() -> None:
    british, american = schema_of("LUGGAGE", UNITED_KINGDOM), schema_of("LUGGAGE", UNITED_STATES)
    listing = listing_of(british)
    price = {"value": 49.99, "currency": "GBP", "marketplace_id": UNITED_KINGDOM}
    listing["list_price"] = [price]
    assert rules(check(british, listing)) == {
        ("/list_price/0/value", "additionalProperties", "ERROR"),
        ("/list_price/0/value_with_tax", "required", "ERROR"),
    }
    offered = shapes.corrected(british, listing)
    (named,) = offered.findings
    assert named.message == "use value_with_tax instead of list_price.value"
    assert offered.attributes is not None
    assert check(british, offered.attributes).findings == ()
    other = listing_of(american)
    other["list_price"] = [{"value_with_tax": 49.99, "currency": "USD", "marketplace_id": UNITED_STATES}]
    corrected = shapes.corrected(american, other).attributes
    assert corrected is not None
    assert check(american, corrected).findings == ()


def test_models_4175_the_audience_b2b_of_a_seller_outside_amazon_business() -> None:
    plain, business = schema_of("LUGGAGE"), schema_of("LUGGAGE", seller_id="A1EXAMPLEB2B")
    listing = listing_of(plain)
    listing["purchasable_offer"].append({**listing["purchasable_offer"][0], "audience": "B2B"})
    found = only(check(plain, listing))
    assert (found.pointer, found.rule) == ("/purchasable_offer/1/audience", "enum")
    assert found.message.endswith("only for sellers who are enrolled in Amazon Business")
    assert check(business, listing).findings == ()
    listing["purchasable_offer"][1]["audience"] = "EVERYONE"
    assert "Amazon Business" not in only(check(plain, listing)).message
    del listing["purchasable_offer"][1]
    listing["condition_type"] = [{"value": "B2B"}]
    (found,) = [each for each in check(plain, listing).findings if each.pointer == "/condition_type/0/value"]
    assert found.message.endswith('it is "B2B"')


@pytest.mark.parametrize("name", ["b2b_price", "business_price"])
def test_models_5022_a_business_price_as_an_attribute_of_its_own(luggage: dict[str, Any], name: str) -> None:
    listing = listing_of(luggage) | {name: [{"value": 10}]}
    found = only(check(luggage, listing))
    assert (found.pointer, found.rule) == (f"/{name}", "additionalProperties")
    assert found.message.endswith("A business price belongs in purchasable_offer, in an item with audience B2B")


@pytest.mark.parametrize(
    ("name", "belongs"),
    [
        *((name, "purchasable_offer") for name in ("our_price", "price", "sale_price", "standard_price")),
        *((name, "fulfillment_availability") for name in ("handling_time", "inventory", "quantity", "stock")),
        *((name, "externally_assigned_product_identifier") for name in ("barcode", "ean", "gtin", "upc")),
        ("asin", "merchant_suggested_asin"),
    ],
)
def test_where_a_value_belongs_whose_attribute_has_another_name(
    luggage: dict[str, Any], name: str, belongs: str
) -> None:
    found = only(check(luggage, listing_of(luggage) | {name: [{"value": 10}]}))
    assert (found.pointer, found.rule) == (f"/{name}", "additionalProperties")
    assert f" belongs in {belongs}" in found.message


def test_models_4026_empty_lists_of_codes() -> None:
    """The schema is repaired, everything else in it is still checked, and a warning says what was left out."""
    schema = schema_of("BAKEWARE")
    assert schema["properties"]["pan_shape"]["items"]["properties"]["value"]["enum"] == []
    listing = listing_of(_without_enums(schema))
    checked = check(json.dumps(schema).encode(), listing)
    assert rules(checked) == {("/coating", "schema", "WARNING"), ("/pan_shape", "schema", "WARNING")}
    assert checked.findings[1].message == ("The rule enum of pan_shape in Amazon's schema is empty; it was not applied")
    del listing["pan_shape"], listing["coating"]
    assert rules(check(schema, listing)) == {
        ("/pan_shape", "required", "ERROR"),
        # It is required, so the warning concerns this listing.
        ("/pan_shape", "schema", "WARNING"),
    }


def _without_enums(schema: dict[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(schema))
    for name in ("pan_shape", "coating"):
        copy["properties"][name]["items"]["properties"]["value"] = {"type": "string"}
    return copy


def test_models_4621_a_stored_attribute_that_the_schema_no_longer_has() -> None:
    """What the check says about an attribute that an earlier version had."""
    from sp_api_simulator.product_type_schemas import version_name

    earlier, later = schema_of("SHIRT", version=version_name(0)), schema_of("SHIRT", version=version_name(1))
    listing = listing_of(earlier)
    assert check(earlier, listing).findings == ()
    found = check(later, listing).findings
    assert [(one.pointer, one.rule) for one in found] == [("/collar_style", "additionalProperties")]


def test_docs_3537_and_models_4173_no_identifier(luggage: dict[str, Any]) -> None:
    listing = listing_of(luggage)
    del listing["externally_assigned_product_identifier"]
    found = only(check(luggage, listing))
    assert (found.pointer, found.rule) == ("", "anyOf")
    assert found.attribute_names == (
        "externally_assigned_product_identifier",
        "merchant_suggested_asin",
        "supplier_declared_has_product_identifier_exemption",
    )
    assert found.message.startswith("One of externally_assigned_product_identifier, merchant_suggested_asin or ")
