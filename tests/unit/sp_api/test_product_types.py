"""Definitions and lists as Amazon may send them, checksums of schema documents, and links that are not printed."""

import base64

import pytest

from sp_api.errors import TransientError
from sp_api.product_types import (
    LOCALES,
    RATE_OF_ACCOUNT,
    RATE_OF_APPLICATION,
    DefinitionRequest,
    ProductType,
    ProductTypeDefinition,
    ProductTypeList,
    ProductTypeVersion,
    PropertyGroup,
    Requirements,
    RequirementsEnforced,
    SchemaLink,
    get_definitions_product_type,
    md5_of_checksum,
    search_definitions_product_types,
)
from tests.unit.sp_api.models import models, resolved
from tests.unit.sp_api.support import ScriptedServer, answer_json, seller_of

HEX = "c7af9479ca7261645cea9db56c5f720d"


@pytest.mark.parametrize(
    ("checksum", "md5"),
    [
        (HEX, HEX),
        (HEX.upper(), HEX),
        (base64.b64encode(bytes.fromhex(HEX)).decode(), HEX),
        (f" {HEX}\n", HEX),
        ("TBr8ubaxXrUyay9hmxUXUw==", "4c1afcb9b6b15eb5326b2f619b151753"),
        ("", None),
        ("QUJD", None),
        ("x" * 32, None),
        ("€" * 32, None),
        *((base64.b64encode(bytes(size)).decode(), None) for size in (15, 17, 20)),
    ],
)
def test_a_checksum_is_an_md5_in_base64_or_hexadecimal(checksum: str, md5: str | None) -> None:
    assert md5_of_checksum(checksum) == md5


def test_a_link_is_not_printed() -> None:
    assert "Signature" not in repr(SchemaLink("https://s3.example.com/?X-Amz-Signature=1", HEX))


LINK = {"link": {"resource": "https://host/", "verb": "GET"}}
PATH = "/na/definitions/2020-09-01/productTypes"


def definition(server: ScriptedServer, **more: object) -> ProductTypeDefinition:
    server.answer("GET", f"{PATH}/LUGGAGE", answer_json({"productType": "LUGGAGE", "schema": LINK, **more}))
    return get_definitions_product_type(seller_of(server), DefinitionRequest("LUGGAGE", "ATVPDKIKX0DER"))


def test_a_definition_of_required_fields_alone(server: ScriptedServer) -> None:
    assert definition(server) == ProductTypeDefinition(
        product_type="LUGGAGE",
        display_name="LUGGAGE",
        version=ProductTypeVersion("", latest=False, release_candidate=False),
        schema=SchemaLink("https://host/"),
        meta_schema=None,
        property_groups={},
        requirements=Requirements.LISTING,
        requirements_enforced=RequirementsEnforced.ENFORCED,
        locale="",
    )
    (request,) = server.calls
    assert request.query == {
        "marketplaceIds": "ATVPDKIKX0DER",
        "requirements": "LISTING",
        "requirementsEnforced": "ENFORCED",
        "locale": "DEFAULT",
    }


def test_a_definition_keeps_what_amazon_says_of_it(server: ScriptedServer) -> None:
    read = definition(
        server,
        requirements="LISTING_OFFER_ONLY",
        requirementsEnforced="NOT_ENFORCED",
        propertyGroups={"offer": {}, "images": {"title": "Images", "description": "What buyers see."}},
        productTypeVersion={"version": "v", "releaseCandidate": True},
    )
    assert read.requirements is Requirements.LISTING_OFFER_ONLY
    assert read.requirements_enforced is RequirementsEnforced.NOT_ENFORCED
    assert read.property_groups == {
        "offer": PropertyGroup("offer", "", ()),
        "images": PropertyGroup("Images", "What buyers see.", ()),
    }
    assert read.version == ProductTypeVersion("v", latest=False, release_candidate=True)


@pytest.mark.parametrize("name", ["latest", "releaseCandidate"])
@pytest.mark.parametrize("flag", ["true", 1, {}])
def test_a_flag_that_is_none(server: ScriptedServer, name: str, flag: object) -> None:
    with pytest.raises(TransientError, match=f": {name} is not a boolean$"):
        definition(server, productTypeVersion={name: flag})


def test_a_list_of_required_fields_alone(server: ScriptedServer) -> None:
    server.answer("GET", PATH, answer_json({"productTypes": [{"name": "LUGGAGE"}]}))
    found = search_definitions_product_types(seller_of(server), "ATVPDKIKX0DER", item_name="A suitcase")
    assert found == ProductTypeList((ProductType("LUGGAGE", "LUGGAGE"),), "")
    assert server.calls[0].query == {"marketplaceIds": "ATVPDKIKX0DER", "itemName": "A suitcase"}


def test_the_rates_of_definitions() -> None:
    """SP-API docs, "Product Type Definitions API rate limits": for an account, and for the application."""
    assert (RATE_OF_ACCOUNT, RATE_OF_APPLICATION) == (5, 100)


def test_the_locales_are_the_models() -> None:
    for model in models():
        operation = model.operation("GET", "/definitions/2020-09-01/productTypes/LUGGAGE")
        if operation is not None:
            parameters = [resolved(model.document, raw) for raw in operation[1]["parameters"]]
            (locale,) = (one for one in parameters if one["name"] == "locale")
            assert set(LOCALES) == set((locale.get("schema") or locale)["enum"])
