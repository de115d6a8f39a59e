"""The product types of the simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sp_api_simulator.product_type_schemas.building import (
    Attribute,
    JsonSchema,
    attribute,
    choice,
    field,
    is_one_of,
    plain,
    text,
)
from sp_api_simulator.product_type_schemas.common import COLORS, FACTS, MATERIALS
from sp_api_simulator.product_type_schemas.context import MARKETPLACES, Context
from sp_api_simulator.product_type_schemas.filling import deep_conditions, flat_conditions

_EVERYWHERE = frozenset(MARKETPLACES)
_EXTENDED_PRODUCER_RESPONSIBILITY = frozenset({"A13V1IB3VIYZZH", "A1PA6795UKMFR9"})
POWER_SOURCES = ("battery_powered", "corded_electric", "gas_powered", "hand_powered", "solar_powered")


def _nothing(context: Context) -> list[Attribute]:
    del context
    return []


def _no_conditions(context: Context) -> list[JsonSchema]:
    del context
    return []


@dataclass(frozen=True)
class ProductType:
    """`size`: bytes that the schema has at least. `parent`: what takes its place in other marketplaces.

    `small`: of the attributes that all types have, only brand and name.
    """

    name: str
    display_name: str
    attributes: Callable[[Context], list[Attribute]] = _nothing
    conditions: Callable[[Context], list[JsonSchema]] = _no_conditions
    themes: tuple[str, ...] = ("COLOR", "SIZE", "SIZE/COLOR")
    gone_themes: tuple[str, ...] = ("COLOR_NAME", "SIZE_NAME")
    marketplaces: frozenset[str] = _EVERYWHERE
    parent: str | None = None
    size: int = 0
    small: bool = False


def _luggage(context: Context) -> list[Attribute]:
    wheels = plain(context, "Wheel count", type="integer", minimum=0, maximum=8)
    shells = {"hard_shell": "Hard shell", "soft_shell": "Soft shell"}
    return [
        Attribute("shell_type", choice(context, "Shell type", shells), "product_details", required_for=FACTS),
        Attribute("wheel_count", wheels, "product_details"),
    ]


def _hair_band(context: Context) -> list[Attribute]:
    hair = {"all": "All", "curly": "Curly", "straight": "Straight"}
    return [Attribute("hair_type", choice(context, "Hair type", hair, most=3), "product_details")]


def _shirt(context: Context) -> list[Attribute]:
    """What changes with each version: an attribute comes, one goes, one becomes required, a code goes."""
    fabrics = {"cotton": "Cotton", "linen": "Linen", "polyester": "Polyester", "acetate": "Acetate"}
    if context.version >= 1:
        del fabrics["acetate"]
    sizes = {"s": "S", "m": "M", "l": "L", "xl": "XL"}
    attributes = [
        Attribute("fabric_type", choice(context, "Fabric type", fabrics), "product_details", required_for=FACTS),
        Attribute("apparel_size", choice(context, "Apparel size", sizes), "product_details"),
        Attribute(
            "care_instructions",
            text(context, "Care instructions", 200, "Machine wash"),
            "product_details",
            required_for=FACTS if context.version >= 1 else frozenset(),
        ),
    ]
    if context.version >= 1:
        added = plain(context, "Stretch level", type="integer", minimum=0, maximum=5)
        attributes.append(Attribute("stretch_level", added, "product_details"))
    else:
        attributes.append(Attribute("collar_style", text(context, "Collar style", 50, "Classic"), "product_details"))
    return attributes


def _power(context: Context) -> list[Attribute]:
    sources = {code: code.replace("_", " ").capitalize() for code in POWER_SOURCES}
    batteries = attribute(
        context,
        "Batteries",
        {
            "quantity": field(context, "Battery count", type="integer", minimum=1),
            "type": field(context, "Battery type", type="string", maxLength=50),
        },
        selectors=("marketplace_id", "type"),
        most=1,
    )
    return [
        Attribute("power_source_type", choice(context, "Power source", sources), "product_details", required_for=FACTS),
        Attribute("batteries_required", plain(context, "Batteries required", type="boolean"), "safety_and_compliance"),
        Attribute("batteries", batteries, "safety_and_compliance"),
        Attribute(
            "supplier_declared_dg_hz_regulation",
            choice(
                context,
                "Dangerous goods regulation",
                {"ghs": "GHS", "not_applicable": "Not applicable", "transportation": "Transportation"},
                most=3,
            ),
            "safety_and_compliance",
        ),
        Attribute("wattage", plain(context, "Wattage", type="number", minimum=0), "product_details"),
    ]


def _deep(context: Context) -> list[JsonSchema]:
    del context
    return [deep_conditions(30, "power_source_type", POWER_SOURCES, ("supplier_declared_dg_hz_regulation", "wattage"))]


def _batteries(context: Context) -> list[JsonSchema]:
    del context
    return [
        {
            "if": is_one_of("batteries_required", True),
            "then": {"required": ["batteries"]},
            "else": {
                "if": is_one_of("power_source_type", "battery_powered"),
                "then": {"required": ["batteries_required"]},
            },
        }
    ]


def _heater_conditions(context: Context) -> list[JsonSchema]:
    return [*_batteries(context), *_deep(context)]


def _computer_conditions(context: Context) -> list[JsonSchema]:
    names = [f"{part}_type" for part in ("battery", "bezel", "cabinet", "cable", "camera", "case", "connector")]
    return [
        *_batteries(context),
        *_deep(context),
        *flat_conditions(150, names, "power_source_type", POWER_SOURCES),
    ]


def _television_conditions(context: Context) -> list[JsonSchema]:
    names = [f"{part}_type" for part in ("battery", "bezel", "cabinet", "cable")]
    return [*_batteries(context), *flat_conditions(60, names, "power_source_type", POWER_SOURCES)]


def _bakeware(context: Context) -> list[Attribute]:
    """Two of its lists of codes are empty: no value meets them, and some validators refuse the whole schema."""
    shape = choice(context, "Pan shape", {})
    coating = choice(context, "Coating", {}, free_text=True)
    return [
        Attribute("pan_shape", shape, "product_details", required_for=FACTS),
        Attribute("coating", coating, "product_details"),
        Attribute("oven_safe", plain(context, "Oven safe", type="boolean"), "product_details"),
    ]


def _coffee(context: Context) -> list[Attribute]:
    """A country's own rules: packaging is registered in France and Germany."""
    roasts = {"dark_roast": "Dark roast", "light_roast": "Light roast", "medium_roast": "Medium roast"}
    ingredients = text(context, "Ingredients", 2000, "100 % arabica")
    attributes = [
        Attribute("roast_level", choice(context, "Roast level", roasts), "product_details"),
        Attribute("ingredients", ingredients, "safety_and_compliance", required_for=FACTS),
    ]
    if context.marketplace.id in _EXTENDED_PRODUCER_RESPONSIBILITY:
        number = plain(
            context, "Packaging registration number", type="string", pattern="^[A-Z]{2}[0-9]{6}_[0-9]{2}[A-Z]{4}$"
        )
        attributes.append(Attribute("epr_packaging_registration", number, "safety_and_compliance", required_for=FACTS))
    return attributes


def _vacuum(context: Context) -> list[Attribute]:
    """An attribute that another one replaces, and codes that are about to go."""
    old = plain(context, "Filter kind", type="string", maxLength=50)
    old["replacedBy"] = ["1/filter_type"]
    new = choice(
        context,
        "Filter type",
        {"hepa": "HEPA", "foam": "Foam", "paper": "Paper"},
        deprecated=("paper",),
    )
    new["replaces"] = ["1/filter_kind"]
    return [
        *_power(context),
        Attribute("filter_kind", old, "product_details"),
        Attribute("filter_type", new, "product_details"),
    ]


def _clothing(context: Context) -> list[Attribute]:
    return [
        Attribute("outer_material", choice(context, "Outer material", MATERIALS, most=3), "product_details"),
        Attribute("pattern_color", choice(context, "Pattern color", COLORS), "product_details"),
    ]


def _sari(context: Context) -> list[Attribute]:
    return [*_clothing(context), Attribute("border_type", text(context, "Border type", 100, "Zari"), "product_details")]


_HEATER_THEMES = tuple(
    f"{first}/{second}" for first in ("COLOR", "SIZE", "WATTAGE") for second in ("STYLE", "VOLTAGE", "PLUG")
)
_HEATER_GONE = tuple(f"{theme}/EDITION" for theme in _HEATER_THEMES)

PRODUCT_TYPES: Mapping[str, ProductType] = {
    entry.name: entry
    for entry in (
        ProductType("LUGGAGE", "Luggage", _luggage),
        ProductType("HAIRBAND", "Hair band", _hair_band),
        ProductType("SHIRT", "Shirt", _shirt),
        ProductType("SPACE_HEATER", "Space heater", _power, _heater_conditions, _HEATER_THEMES, _HEATER_GONE),
        ProductType("SQUEEGEE", "Squeegee"),
        ProductType("VACUUM_CLEANER", "Vacuum cleaner", _vacuum, _batteries),
        ProductType("BAKEWARE", "Bakeware", _bakeware),
        ProductType("COFFEE", "Coffee", _coffee),
        ProductType("TELEVISION", "Television", _power, _television_conditions, size=512 * 1024),
        ProductType("PERSONAL_COMPUTER", "Personal computer", _power, _computer_conditions, size=1024 * 1024),
        ProductType("CLOTHING", "Clothing", _clothing, marketplaces=_EVERYWHERE - {"A1VC38T7YXB528"}),
        ProductType("SARI", "Sari", _sari, marketplaces=frozenset({"A21TJRUUN4KGV"}), parent="CLOTHING"),
        ProductType("PRODUCT", "Product"),
    )
}
