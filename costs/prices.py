"""AWS's prices, each with where and when it was read: costs/prices.json."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PRICES = Path(__file__).with_name("prices.json")


@dataclass(frozen=True)
class Price:
    """`usd` buys `units` of it; `unit` says that in words.

    `aws_page` is where AWS publishes the price, `source` where it was read, `as_of` the date of that, or "undated".
    `free_each_month` never ends; what AWS gives to new customers is left out.
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
        """US dollars."""
        return quantity / self.units * self.usd


@dataclass(frozen=True)
class PriceList:
    """The prices of one region by dimension."""

    region: str
    prices: Mapping[str, Price]


def load(path: Path = PRICES) -> PriceList:
    saved = json.loads(path.read_text())
    return PriceList(saved["region"], {name: Price(**price) for name, price in saved["prices"].items()})
