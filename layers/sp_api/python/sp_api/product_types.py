"""Product Type Definitions API v2020-09-01: the product types of a marketplace and their JSON schemas."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sp_api.caller import Caller, Operation
from sp_api.wire import (
    JsonObject,
    MalformedError,
    OpenEnum,
    child,
    children,
    optional_child,
    optional_text,
    text,
    texts,
)

_BASE = "/definitions/2020-09-01/productTypes"
# SP-API docs, "Product Type Definitions API rate limits": 5 requests a second for each pair of selling partner and
# application, 100 a second for each application, burst 5. The model's text says burst 10.
RATE_OF_ACCOUNT = 5
RATE_OF_APPLICATION = 100
_SEARCH = Operation("searchDefinitionsProductTypes", "GET", _BASE, RATE_OF_ACCOUNT)
_GET_DEFINITION = Operation("getDefinitionsProductType", "GET", f"{_BASE}/{{productType}}", RATE_OF_ACCOUNT)
_HEX_MD5 = re.compile(r"[0-9A-Fa-f]{32}")
_MD5_BYTES = 16


class Requirements(OpenEnum):
    """Which attributes a schema contains (model, `requirements`)."""

    LISTING = "LISTING"
    LISTING_PRODUCT_ONLY = "LISTING_PRODUCT_ONLY"
    LISTING_OFFER_ONLY = "LISTING_OFFER_ONLY"


class RequirementsEnforced(OpenEnum):
    """Whether a schema has `required`: ENFORCED for whole listings, NOT_ENFORCED for parts of them."""

    ENFORCED = "ENFORCED"
    NOT_ENFORCED = "NOT_ENFORCED"


class ParentageLevel(OpenEnum):
    """Reduces a schema to the conditions of one kind of listing in a variation family."""

    NONE = "NONE"
    CHILD = "CHILD"
    PARENT = "PARENT"


# The marketplace's own language.
DEFAULT_LOCALE = "DEFAULT"
# The model's values of `locale`.
_LOCALES = """
ar ar_AE de de_DE en en_AE en_AU en_CA en_GB en_IN en_SG en_US es es_ES es_MX es_US fr fr_CA fr_FR it it_IT ja ja_JP nl
nl_NL pl pl_PL pt pt_BR pt_PT sv sv_SE tr tr_TR zh zh_CN zh_TW
"""
LOCALES = (DEFAULT_LOCALE, *_LOCALES.split())


@dataclass(frozen=True)
class ProductType:
    """A product type that searchDefinitionsProductTypes lists; `name` is its code (LUGGAGE)."""

    name: str
    display_name: str
    marketplace_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProductTypeList:
    """All product types that match; the operation has no pages. `version` is that of the whole list."""

    product_types: tuple[ProductType, ...]
    version: str


@dataclass(frozen=True)
class SchemaLink:
    """The location of a JSON document. `url` needs no access token, and expires after seven days (SP-API docs,
    "Product Type Definitions API v2020-09-01 use case guide").

    `checksum` is what SP-API returned. The model describes it as the Base64 of the MD5 of the document's bytes, and
    shows it in hexadecimal.
    """

    url: str = field(repr=False)
    checksum: str = ""

    @property
    def md5(self) -> str | None:
        """The checksum in hexadecimal; None when it is no MD5."""
        return md5_of_checksum(self.checksum)


@dataclass(frozen=True)
class PropertyGroup:
    """Attributes that a form shows together."""

    title: str
    description: str
    property_names: tuple[str, ...]


@dataclass(frozen=True)
class ProductTypeVersion:
    """The version of a definition. It may change while the schema stays the same (selling-partner-api-models issue
    4172): compare checksums instead.
    """

    version: str
    latest: bool
    release_candidate: bool


@dataclass(frozen=True)
class ProductTypeDefinition:
    """The definition of one product type in one marketplace.

    `product_type` differs from the requested one when the marketplace does not support that: SP-API then answers with a
    parent type or PRODUCT (selling-partner-api-docs issue 2747).
    """

    product_type: str
    display_name: str
    version: ProductTypeVersion
    schema: SchemaLink
    meta_schema: SchemaLink | None
    property_groups: Mapping[str, PropertyGroup]
    requirements: Requirements
    requirements_enforced: RequirementsEnforced
    locale: str
    marketplace_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class DefinitionRequest:
    """One definition; SP-API takes one marketplace per call. `seller_id` adds what is particular to a seller, such as
    its brands and the audience of business prices.
    """

    product_type: str
    marketplace_id: str
    requirements: str = Requirements.LISTING
    requirements_enforced: str = RequirementsEnforced.ENFORCED
    locale: str = DEFAULT_LOCALE
    parentage_level: str | None = None
    seller_id: str | None = None
    version: str | None = None


def search_definitions_product_types(
    caller: Caller, marketplace_id: str, keywords: Sequence[str] = (), item_name: str = "", locale: str = ""
) -> ProductTypeList:
    """searchDefinitionsProductTypes: every product type of the marketplace, or those that match.

    SP-API accepts either `keywords` or `item_name`, a product's title.
    """
    return caller.call(
        _SEARCH,
        _product_type_list,
        query={
            "marketplaceIds": [marketplace_id],
            "keywords": keywords,
            "itemName": item_name,
            "locale": locale,
        },
    )


def get_definitions_product_type(caller: Caller, request: DefinitionRequest) -> ProductTypeDefinition:
    """getDefinitionsProductType."""
    return caller.call(
        _GET_DEFINITION,
        _definition,
        path={"productType": request.product_type},
        query={
            "sellerId": request.seller_id,
            "marketplaceIds": [request.marketplace_id],
            "productTypeVersion": request.version,
            "requirements": request.requirements,
            "requirementsEnforced": request.requirements_enforced,
            "locale": request.locale,
            "parentageLevel": request.parentage_level,
        },
    )


def md5_of_checksum(checksum: str) -> str | None:
    """The MD5 in hexadecimal of a checksum in Base64 or hexadecimal; None for anything else."""
    checksum = checksum.strip()
    if _HEX_MD5.fullmatch(checksum):
        return checksum.lower()
    try:
        digest = base64.b64decode(checksum, validate=True)
    except ValueError:
        return None
    return digest.hex() if len(digest) == _MD5_BYTES else None


def _product_type_list(document: JsonObject) -> ProductTypeList:
    return ProductTypeList(
        children(document, "productTypes", _product_type), optional_text(document, "productTypeVersion") or ""
    )


def _product_type(document: JsonObject) -> ProductType:
    name = text(document, "name")
    return ProductType(name, optional_text(document, "displayName") or name, texts(document, "marketplaceIds"))


def _definition(document: JsonObject) -> ProductTypeDefinition:
    product_type = text(document, "productType")
    meta_schema = optional_child(document, "metaSchema")
    return ProductTypeDefinition(
        product_type=product_type,
        display_name=optional_text(document, "displayName") or product_type,
        version=_version(optional_child(document, "productTypeVersion") or {}),
        schema=_link(child(document, "schema")),
        meta_schema=None if meta_schema is None else _link(meta_schema),
        property_groups=_property_groups(optional_child(document, "propertyGroups") or {}),
        requirements=Requirements(optional_text(document, "requirements") or Requirements.LISTING),
        requirements_enforced=RequirementsEnforced(
            optional_text(document, "requirementsEnforced") or RequirementsEnforced.ENFORCED
        ),
        locale=optional_text(document, "locale") or "",
        marketplace_ids=texts(document, "marketplaceIds"),
    )


def _version(document: JsonObject) -> ProductTypeVersion:
    return ProductTypeVersion(
        version=optional_text(document, "version") or "",
        latest=_flag(document, "latest"),
        release_candidate=_flag(document, "releaseCandidate"),
    )


def _flag(document: JsonObject, name: str) -> bool:
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise MalformedError(f"{name} is not a boolean")
    return bool(value)


def _link(document: JsonObject) -> SchemaLink:
    return SchemaLink(text(child(document, "link"), "resource"), optional_text(document, "checksum") or "")


def _property_groups(document: JsonObject) -> Mapping[str, PropertyGroup]:
    groups = {}
    for name in document:
        group = child(document, name)
        groups[name] = PropertyGroup(
            optional_text(group, "title") or name,
            optional_text(group, "description") or "",
            texts(group, "propertyNames"),
        )
    return groups
