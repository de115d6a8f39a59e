"""Many attributes and conditions, so that a schema has a wanted size and depth."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sp_api_simulator.product_type_schemas.building import (
    Attribute,
    JsonSchema,
    choice,
    is_one_of,
    measure,
    plain,
    text,
)
from sp_api_simulator.product_type_schemas.context import Context

_PARTS = (
    "battery", "bezel", "cabinet", "cable", "camera", "case", "connector", "cooling", "display", "drive", "enclosure",
    "fan", "filter", "frame", "graphics", "handle", "housing", "keyboard", "lamp", "lens", "memory", "microphone",
    "motor", "mount", "network", "panel", "power_supply", "processor", "remote_control", "screen", "sensor", "shelf",
    "socket", "speaker", "stand", "storage", "switch", "touchpad", "tuner", "ventilation",
)  # fmt: skip
_ASPECTS = (
    "type", "series", "count", "capacity", "weight", "color", "finish", "material", "position", "technology", "rating",
    "class", "interface", "description", "certification", "resistance", "speed", "voltage", "mode", "format",
    "brightness", "compatibility", "cycle", "density", "efficiency", "grade", "latency", "layout", "level", "range",
    "revision", "shape", "standard", "temperature", "warranty",
)  # fmt: skip
_UNITS = {"grams": "Grams", "kilograms": "Kilograms", "ounces": "Ounces", "pounds": "Pounds", "volts": "Volts"}


def fillers(context: Context, group: str = "product_details") -> Iterator[Attribute]:
    """Attributes of all kinds, always in the same order; 1,400 of them."""
    for number, (aspect, part) in enumerate(itertools.product(_ASPECTS, _PARTS)):
        name = f"{part}_{aspect}"
        title = name.replace("_", " ").capitalize()
        match number % 5:
            case 0:
                labels = {f"{name}_{code}": f"{title} {code}" for code in range(1, 10 + number % 30)}
                schema = choice(context, title, labels, free_text=number % 2 == 0)
            case 1:
                schema = measure(context, title, _UNITS, maximum=100_000)
            case 2:
                schema = text(context, title, 500, f"Example of {title.lower()}", most=1 + number % 4)
            case 3:
                schema = plain(context, title, type="boolean")
            case _:
                schema = plain(context, title, type="integer", minimum=0, maximum=10_000)
        yield Attribute(name, schema, group)


def deep_conditions(levels: int, switch: str, codes: tuple[str, ...], needed: tuple[str, ...]) -> JsonSchema:
    """Conditions inside each other: each level is the `then` or the `else` of the one around it.

    A product without `switch` meets none of the conditions. With the last code all of them are read.
    """
    innermost: JsonSchema = {"required": [needed[-1]]} if needed else {}
    for level in reversed(range(levels)):
        last = codes[level % len(codes) :]
        condition = {"allOf": [is_one_of(switch, *last), {"not": is_one_of(switch, "never")}]}
        rule: JsonSchema = {"if": condition}
        if level % 2:
            rule["then"] = {"allOf": [innermost]}
            rule["else"] = {}
        else:
            rule["if"] = {"not": condition}
            rule["then"] = {}
            rule["else"] = {"allOf": [innermost]}
        innermost = rule
        if level % 10 == 9 and needed:
            innermost = {"allOf": [rule, {"if": is_one_of(switch, codes[-1]), "then": {"required": [needed[0]]}}]}
    return innermost


def flat_conditions(count: int, names: list[str], switch: str, codes: tuple[str, ...]) -> list[JsonSchema]:
    """Conditions side by side: some codes of `switch` need an attribute, or limit the values of one."""
    return [
        {
            "if": {
                "allOf": [is_one_of(switch, codes[number % len(codes)]), {"required": [names[number % len(names)]]}]
            },
            "then": {
                "properties": {
                    names[number % len(names)]: {
                        "items": {"properties": {"value": {"not": {"enum": [f"no_{number}"]}}}}
                    }
                }
            },
        }
        for number in range(count)
    ]
