"""Attributes that every product type has: identity, texts, offer, images, variations."""

from __future__ import annotations

from functools import lru_cache

from sp_api_simulator.product_type_schemas.building import (
    MARKETPLACE,
    Attribute,
    JsonSchema,
    attribute,
    choice,
    coded,
    dimensions,
    field,
    measure,
    plain,
    text,
)
from sp_api_simulator.product_type_schemas.context import Context, in_amazon_business

LISTING = "LISTING"
PRODUCT_ONLY = "LISTING_PRODUCT_ONLY"
OFFER_ONLY = "LISTING_OFFER_ONLY"
FACTS = frozenset({LISTING, PRODUCT_ONLY})
OFFERS = frozenset({LISTING, OFFER_ONLY})

WEIGHT_UNITS = {"grams": "Grams", "kilograms": "Kilograms", "ounces": "Ounces", "pounds": "Pounds"}
LENGTH_UNITS = {"centimeters": "Centimeters", "inches": "Inches", "meters": "Meters", "millimeters": "Millimeters"}
COUNTRIES = {"CN": "China", "DE": "Germany", "FR": "France", "IN": "India", "IT": "Italy", "JP": "Japan", "US": "USA"}
COLORS = {"black": "Black", "blue": "Blue", "green": "Green", "red": "Red", "white": "White"}
MATERIALS = {"cotton": "Cotton", "leather": "Leather", "polyester": "Polyester", "steel": "Steel"}


# A storm asks for thousands of small types in the same few contexts.
@lru_cache(maxsize=32)
def common_attributes(context: Context, themes: tuple[str, ...], gone_themes: tuple[str, ...]) -> tuple[Attribute, ...]:
    """The attributes that do not depend on the product type, except the variation themes. Their schemas are shared."""
    return (
        *_identity(context),
        *_texts(context),
        *_offer(context),
        *_images(context),
        *_variations(context, themes, gone_themes),
    )


def _identity(context: Context) -> list[Attribute]:
    brands: dict[str, str] = {"generic": "Generic"}
    if context.seller_id:
        brands[f"brand_of_{context.seller_id.lower()}"] = f"Brand of {context.seller_id}"
    brand = coded(context, "Brand name", brands, free_text=True, maxLength=100)
    identifier = attribute(
        context,
        "External product ID",
        {
            "type": coded(context, "External product ID type", {"ean": "EAN", "gtin": "GTIN", "upc": "UPC"}),
            "value": field(context, "External product ID", examples=["4006381333931"], type="string", maxLength=14),
        },
        selectors=(MARKETPLACE, "type"),
    )
    made_in = choice(context, "Country of origin", COUNTRIES)
    return [
        Attribute(
            "brand",
            attribute(context, "Brand", {"value": brand}, selectors=(MARKETPLACE, "language_tag")),
            "product_identity",
            required_for=FACTS,
        ),
        Attribute("externally_assigned_product_identifier", identifier, "product_identity"),
        Attribute(
            "supplier_declared_has_product_identifier_exemption",
            plain(context, "Has product identifier exemption", type="boolean"),
            "product_identity",
        ),
        Attribute(
            "merchant_suggested_asin",
            plain(context, "Suggested ASIN", type="string", minLength=10, maxLength=10, examples=["B007KQFL3M"]),
            "product_identity",
            required_for=frozenset({OFFER_ONLY}),
            offer=True,
        ),
        Attribute("manufacturer", text(context, "Manufacturer", 100, "Example Works"), "product_identity"),
        Attribute("country_of_origin", made_in, "safety_and_compliance", required_for=FACTS),
    ]


def _texts(context: Context) -> list[Attribute]:
    return [
        Attribute(
            "item_name",
            text(context, "Item name", 200, "Example hardside suitcase, 55 cm", maxUtf8ByteLength=500),
            "product_identity",
            required_for=FACTS,
        ),
        Attribute(
            "product_description",
            text(context, "Product description", 2000, "A suitcase for a weekend", maxUtf8ByteLength=4000),
            "product_details",
            required_for=FACTS,
        ),
        Attribute(
            "bullet_point",
            text(context, "Bullet point", 700, "Four quiet wheels", most=10, minUtf8ByteLength=2),
            "product_details",
            required_for=FACTS,
        ),
        Attribute(
            "generic_keyword",
            text(context, "Search terms", 500, "trolley cabin baggage", maxUtf8ByteLength=249),
            "product_details",
        ),
        Attribute("color", text(context, "Color", 50, "Black"), "product_details"),
        Attribute("size", text(context, "Size", 50, "M"), "product_details"),
        Attribute("material", choice(context, "Material", MATERIALS, free_text=True, most=3), "product_details"),
        Attribute("item_weight", measure(context, "Item weight", WEIGHT_UNITS), "shipping"),
        Attribute("item_package_dimensions", dimensions(context, "Package dimensions", LENGTH_UNITS), "shipping"),
        Attribute("number_of_items", plain(context, "Number of items", type="integer", minimum=1), "product_details"),
    ]


def _offer(context: Context) -> list[Attribute]:
    channels = {"DEFAULT": "Fulfilled by the seller"}
    if context.marketplace.currency in ("USD", "CAD", "MXN"):
        channels["AMAZON_NA"] = "Fulfilled by Amazon"
    elif context.marketplace.id == "A1VC38T7YXB528":
        channels["AMAZON_JP"] = "Fulfilled by Amazon"
    else:
        channels["AMAZON_EU"] = "Fulfilled by Amazon"
    conditions = {"new_new": "New", "used_very_good": "Used - very good", "used_good": "Used - good"}
    availability = attribute(
        context,
        "Fulfillment availability",
        {
            "fulfillment_channel_code": coded(context, "Fulfillment channel code", channels),
            "quantity": field(context, "Quantity", examples=["12"], type="integer", minimum=0),
            "lead_time_to_ship_max_days": field(context, "Handling time", type="integer", minimum=0, maximum=30),
            "restock_date": field(context, "Restock date", type="string", format="date"),
        },
        selectors=("fulfillment_channel_code",),
        required=("fulfillment_channel_code",),
    )
    list_price_field = "value_with_tax" if context.marketplace.prices_include_tax else "value"
    list_price = attribute(
        context,
        "List price",
        {list_price_field: _amount(context, "List price"), "currency": _currency(context)},
        selectors=(MARKETPLACE,),
    )
    shipping = plain(context, "Merchant shipping group", type="string", maxLength=100, examples=["legacy-template-id"])
    return [
        Attribute(
            "condition_type",
            choice(context, "Condition", conditions),
            "offer",
            required_for=OFFERS,
            offer=True,
            catalogue=False,
        ),
        Attribute(
            "purchasable_offer",
            purchasable_offer(context),
            "offer",
            required_for=OFFERS,
            offer=True,
            catalogue=False,
        ),
        Attribute("fulfillment_availability", availability, "offer", offer=True, catalogue=False),
        Attribute("list_price", list_price, "offer", offer=True, catalogue=False),
        Attribute("merchant_shipping_group", shipping, "shipping", offer=True, catalogue=False),
        Attribute(
            "skip_offer",
            plain(context, "Skip offer", type="boolean"),
            "offer",
            offer=True,
            catalogue=False,
        ),
    ]


def _amount(context: Context, title: str) -> JsonSchema:
    return field(
        context, title, f"Provide the {title.lower()}", examples=["49.99"], type="number", minimum=0, multipleOf=0.01
    )


def _currency(context: Context) -> JsonSchema:
    code = context.marketplace.currency
    return {
        "title": context.say("Currency"),
        "description": context.say("Currency"),
        "examples": [code],
        "type": "string",
        "enum": [code],
        "enumNames": [code],
        "default": code,
        "editable": False,
        "hidden": True,
    }


def purchasable_offer(context: Context) -> JsonSchema:
    """The price of an offer: a list of schedules inside a list of prices, for each audience."""

    def price(title: str, fields: dict[str, JsonSchema]) -> JsonSchema:
        schedule = {
            "title": f"{title} schedule",
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["value_with_tax"],
                "properties": {"value_with_tax": _amount(context, title), **fields},
                "additionalProperties": False,
            },
        }
        return {
            "title": title,
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["schedule"],
                "properties": {"schedule": schedule},
                "additionalProperties": False,
            },
        }

    dates = {
        name: field(context, name.replace("_", " ").capitalize(), type="string", format="date-time")
        for name in ("start_at", "end_at")
    }
    audiences = {"ALL": "Sell on Amazon"}
    if in_amazon_business(context.seller_id):
        audiences["B2B"] = "Amazon Business"
    audience = coded(context, "Audience", audiences)
    audience["default"] = "ALL"
    return attribute(
        context,
        "Purchasable offer",
        {
            "currency": _currency(context),
            "audience": audience,
            "our_price": price("Price", {}),
            "discounted_price": price("Sale price", dates),
            "minimum_seller_allowed_price": price("Minimum price", {}),
            "maximum_seller_allowed_price": price("Maximum price", {}),
            **dates,
        },
        selectors=(MARKETPLACE, "currency", "audience"),
        required=("currency", "our_price"),
    )


def _images(context: Context) -> list[Attribute]:
    names = ["main_product_image_locator", *(f"other_product_image_locator_{number}" for number in range(1, 9))]
    location = field(
        context,
        "Media location",
        examples=["https://images.example.com/front.jpg"],
        type="string",
        pattern=r"^(https?|s3)://.+",
        maxLength=2000,
    )
    return [Attribute(name, attribute(context, "Image", {"media_location": location}), "images") for name in names]


def _variations(context: Context, themes: tuple[str, ...], gone: tuple[str, ...]) -> list[Attribute]:
    labels = {theme: theme.replace("_", " ").title() for theme in (*themes, *gone)}
    theme = attribute(context, "Variation theme", {"name": coded(context, "Theme", labels, deprecated=gone)})
    level = choice(context, "Parentage level", {"parent": "Parent", "child": "Child"})
    relationship = attribute(
        context,
        "Parent SKU relationship",
        {
            "child_relationship_type": coded(context, "Relationship type", {"variation": "Variation"}),
            "parent_sku": field(context, "Parent SKU", examples=["SHIRT"], type="string", maxLength=40),
        },
        required=("child_relationship_type",),
    )
    return [
        Attribute("parentage_level", level, "variations"),
        Attribute("child_parent_sku_relationship", relationship, "variations"),
        Attribute("variation_theme", theme, "variations"),
    ]
