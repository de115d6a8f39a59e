"""The simulator's own schema documents: valid, of the size and depth they promise, and different where Amazon's are."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft201909Validator
from referencing.jsonschema import DRAFT201909, EMPTY_REGISTRY

from sp_api_simulator.product_type_schemas import (
    LATEST_VERSION,
    UnknownMarketplaceError,
    UnknownProductTypeError,
    UnknownVersionError,
    definition,
    generated_product_types,
    product_types,
    version_name,
    version_number,
)
from sp_api_simulator.product_type_schemas.context import MARKETPLACES
from sp_api_simulator.product_type_schemas.meta_schema import META_SCHEMA_ID

CHECKOUT = Path(__file__).resolve().parents[2]
FRANCE, JAPAN, INDIA, UNITED_STATES = "A13V1IB3VIYZZH", "A1VC38T7YXB528", "A21TJRUUN4KGV", "ATVPDKIKX0DER"
VALID = [name for name, _ in product_types(FRANCE) if name != "BAKEWARE"]


def schema_of(product_type: str, marketplace_id: str = FRANCE, **request: Any) -> dict[str, Any]:
    return dict(json.loads(definition(product_type, marketplace_id, **request).schema))


def depth(schema: object) -> int:
    """How many conditions are inside each other."""
    if isinstance(schema, list):
        return max(map(depth, schema), default=0)
    if not isinstance(schema, dict):
        return 0
    inner = max((depth(value) for key, value in schema.items() if key != "if"), default=0)
    return inner + ("if" in schema)


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize(
    "request_", [{}, {"parentage_level": "PARENT"}, {"requirements": "LISTING_OFFER_ONLY"}], ids=str
)
def test_documents_follow_their_meta_schema(name: str, request_: dict[str, Any]) -> None:
    document = definition(name, FRANCE, **request_)
    meta = json.loads(document.meta_schema)
    schema = json.loads(document.schema)
    assert schema["$schema"] == meta["$id"] == META_SCHEMA_ID
    Draft201909Validator.check_schema(schema)
    registry = EMPTY_REGISTRY.with_resource(META_SCHEMA_ID, DRAFT201909.create_resource(meta))
    own = {"properties": meta["properties"]}
    for attribute in schema["properties"].values():
        Draft201909Validator(own, registry=registry).validate(attribute)


def test_one_type_has_lists_of_codes_that_no_value_meets() -> None:
    pan_shape = schema_of("BAKEWARE")["properties"]["pan_shape"]["items"]["properties"]["value"]
    assert pan_shape["enum"] == []
    assert not Draft201909Validator(pan_shape).is_valid("round")


def test_sizes_and_depths() -> None:
    assert len(product_types(FRANCE)) >= 12
    assert 512 * 1024 <= len(definition("TELEVISION", FRANCE).schema) < 600 * 1024
    assert 1024 * 1024 <= len(definition("PERSONAL_COMPUTER", FRANCE).schema) < 1100 * 1024
    assert depth(schema_of("SPACE_HEATER")) >= 30
    assert depth(schema_of("PERSONAL_COMPUTER")) >= 30
    assert depth(schema_of("LUGGAGE")) < 5


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_request_has_the_same_bytes_in_every_process(seed: str) -> None:
    names = ["LUGGAGE", "SPACE_HEATER", "PERSONAL_COMPUTER", "GENERATED_0001"]
    program = (
        "import hashlib\nfrom sp_api_simulator.product_type_schemas import definition\n"
        f"for name in {names}:\n    print(hashlib.sha256(definition(name, {FRANCE!r}).schema).hexdigest())\n"
    )
    environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": "local"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [hashlib.sha256(definition(name, FRANCE).schema).hexdigest() for name in names]


def test_marketplaces_differ() -> None:
    french, american = schema_of("LUGGAGE"), schema_of("LUGGAGE", UNITED_STATES)
    assert french["$defs"]["marketplace_id"]["enum"] == [FRANCE]
    assert american["$defs"]["language_tag"]["default"] == "en_US"
    assert "value_with_tax" in french["properties"]["list_price"]["items"]["properties"]
    assert "value" in american["properties"]["list_price"]["items"]["properties"]
    assert "epr_packaging_registration" in schema_of("COFFEE")["required"]
    assert "epr_packaging_registration" not in schema_of("COFFEE", UNITED_STATES)["properties"]
    for marketplace_id in MARKETPLACES:
        Draft201909Validator.check_schema(schema_of("LUGGAGE", marketplace_id))


def test_locales_differ() -> None:
    assert schema_of("LUGGAGE")["properties"]["item_name"]["title"] == "Nom de l'article"
    assert schema_of("LUGGAGE", locale="en_GB")["properties"]["item_name"]["title"] == "Item name"
    assert definition("LUGGAGE", FRANCE, locale="de_DE").display_name == "Gepäck"
    assert dict(product_types(FRANCE))["LUGGAGE"] == "Bagages"


def test_requirement_sets_differ() -> None:
    whole = schema_of("LUGGAGE")
    facts = schema_of("LUGGAGE", requirements="LISTING_PRODUCT_ONLY")
    offer = schema_of("LUGGAGE", requirements="LISTING_OFFER_ONLY")
    assert "purchasable_offer" in whole["required"]
    assert "purchasable_offer" not in facts["properties"]
    assert "item_name" not in offer["properties"]
    assert set(offer["required"]) == {"condition_type", "merchant_suggested_asin", "purchasable_offer"}


def test_what_is_not_enforced_is_not_required() -> None:
    lenient = schema_of("SPACE_HEATER", enforced="NOT_ENFORCED")
    whole = schema_of("SPACE_HEATER")
    assert lenient["properties"] == whole["properties"]
    assert "required" not in lenient
    assert Draft201909Validator(lenient).is_valid({})
    assert not Draft201909Validator(whole).is_valid({})


def test_parentage_levels_differ() -> None:
    """A parent has no identifier, price or stock; a single product has no variation; a child names its parent."""
    variations = {"parentage_level", "child_parent_sku_relationship", "variation_theme"}
    single, parent, child = (schema_of("SQUEEGEE", parentage_level=level) for level in ("NONE", "PARENT", "CHILD"))
    assert not variations & set(single["properties"])
    assert variations <= set(parent["required"])
    assert not {"externally_assigned_product_identifier", "purchasable_offer"} & set(parent["properties"])
    assert {"child_parent_sku_relationship", "purchasable_offer"} <= set(child["required"])
    assert len(schema_of("SQUEEGEE")["allOf"]) > len(single["allOf"])


def test_sellers_differ() -> None:
    def offer_and_brand(seller_id: str | None) -> tuple[list[str], list[str]]:
        properties = schema_of("LUGGAGE", seller_id=seller_id)["properties"]
        audience = properties["purchasable_offer"]["items"]["properties"]["audience"]["enum"]
        return audience, properties["brand"]["items"]["properties"]["value"]["anyOf"][1]["enum"]

    assert offer_and_brand(None) == (["ALL"], ["generic"])
    assert offer_and_brand("A1SELLER") == (["ALL"], ["generic", "brand_of_a1seller"])
    assert offer_and_brand("A1SELLERB2B")[0] == ["ALL", "B2B"]


def test_versions_differ() -> None:
    """One attribute comes, one goes, one becomes required, a code goes; other types stay the same byte for byte."""
    before, after = (schema_of("SHIRT", version=version_name(number)) for number in (0, 1))
    assert set(after["properties"]) - set(before["properties"]) == {"stretch_level"}
    assert set(before["properties"]) - set(after["properties"]) == {"collar_style"}
    assert set(after["required"]) - set(before["required"]) == {"care_instructions"}
    codes = [one["properties"]["fabric_type"]["items"]["properties"]["value"]["enum"] for one in (before, after)]
    assert set(codes[0]) - set(codes[1]) == {"acetate"}
    for name in ("LUGGAGE", "TELEVISION"):
        assert definition(name, FRANCE, version=version_name(0)).schema == definition(name, FRANCE).schema


def test_names_of_versions() -> None:
    assert len({version_name(number) for number in range(1000)}) == 1000
    assert version_number("LATEST") == LATEST_VERSION
    assert version_number("RELEASE_CANDIDATE") == LATEST_VERSION + 1
    assert [version_number(version_name(number)) for number in (0, 7, 999)] == [0, 7, 999]
    for name in ("", "U00000000v7", "latest", "v1"):
        with pytest.raises(UnknownVersionError):
            version_number(name)


def test_a_missing_type_is_replaced_by_its_parent_or_product() -> None:
    assert definition("SARI", INDIA).product_type == "SARI"
    assert definition("SARI", FRANCE).product_type == "CLOTHING"
    assert definition("SARI", JAPAN).product_type == "PRODUCT"
    assert definition("CLOTHING", JAPAN).product_type == "PRODUCT"
    assert "SARI" not in dict(product_types(FRANCE))
    with pytest.raises(UnknownProductTypeError):
        definition("INVALID", FRANCE)
    with pytest.raises(UnknownMarketplaceError):
        definition("LUGGAGE", "ANOTHER")
    with pytest.raises(UnknownMarketplaceError):
        product_types("ANOTHER")


def test_generated_types_are_small_and_one_of_a_hundred_changes() -> None:
    names = [name for name, _ in generated_product_types(300)]
    assert len(set(names)) == 300
    changed = [
        name
        for name in names
        if definition(name, FRANCE, version=version_name(5)).schema
        != definition(name, FRANCE, version=version_name(6)).schema
    ]
    assert len(changed) == 3
    assert all(len(definition(name, FRANCE).schema) < 8_000 for name in names[:5])
    assert len({definition(name, FRANCE).schema for name in names[:50]}) == 50


def test_property_groups_name_every_attribute_once() -> None:
    for name, _ in product_types(FRANCE):
        document = definition(name, FRANCE)
        listed = [one for group in document.property_groups.values() for one in group["propertyNames"]]
        assert sorted(listed) == sorted(json.loads(document.schema)["properties"])
