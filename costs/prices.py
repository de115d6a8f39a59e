"""AWS's prices, each with its source and date: costs/prices.json."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PRICES = Path(__file__).with_name("prices.json")


@dataclass(frozen=True)
class Price:
    """The price of `units` in US dollars. `unit` is the text for `units`, such as "million".

    `aws_page` is where AWS publishes the price, `source` where it was read, and `as_of` the date of the source, or
    "undated". `free_each_month` does not include offers for new customers.
    """

    name: str
    unit: str
    units: float
    usd: float
    aws_page: str
    source: str
    as_of: str
    free_each_month: float | None

    def of(self, quantity: float) -> float:
        """The cost of the quantity in US dollars."""
        return quantity / self.units * self.usd


@dataclass(frozen=True)
class PriceList:
    """The prices of one region by dimension."""

    region: str
    prices: Mapping[str, Price]


class PriceListError(ValueError):
    """The file is not a valid price list. The message names the price and the rule."""


def load(path: Path = PRICES) -> PriceList:
    """Reads a price list, which must have every price of the default one. Raises PriceListError."""
    try:
        saved = json.loads(path.read_text())
    except OSError as error:
        raise PriceListError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise PriceListError(f"{path} is not JSON: {error}") from error
    if not isinstance(saved, dict) or not isinstance(saved.get("prices"), dict) or "region" not in saved:
        raise PriceListError(f'{path} must be an object with "region" and "prices", like {PRICES.name}')
    found = {name: _price(path, name, price) for name, price in saved["prices"].items()}
    if path != PRICES and (missing := set(load().prices) - set(found)):
        raise PriceListError(f"{path} has no price for: {', '.join(sorted(missing))}")
    return PriceList(str(saved["region"]), found)


def _price(path: Path, name: str, saved: object) -> Price:
    fields = {field.name for field in dataclasses.fields(Price)}
    if not isinstance(saved, dict) or set(saved) != fields:
        raise PriceListError(f"{path}, {name}: must be an object with the fields {', '.join(sorted(fields))}")
    for field in ("usd", "units"):
        if not isinstance(saved[field], int | float) or saved[field] <= 0:
            raise PriceListError(f"{path}, {name}: {field} must be a number above 0, not {saved[field]!r}")
    return Price(**saved)
