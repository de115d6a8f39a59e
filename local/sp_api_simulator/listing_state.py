"""Listings, the catalogue's products, approvals and the rules of how submissions end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = Any


@dataclass(frozen=True)
class ListingKey:
    """`seller_id` is the one in the path: a vendor's vendor code."""

    seller_id: str
    marketplace_id: str
    sku: str


@dataclass(frozen=True)
class Listing:
    """A listing as getListingsItem shows it. It exists only once Amazon has processed its first submission."""

    product_type: str
    requirements: str
    attributes: Mapping[str, Json]
    asin: str
    statuses: tuple[str, ...]
    issues: tuple[Json, ...]
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class Product:
    """A product of the catalogue. `identifiers` are (type, value)."""

    asin: str
    item_name: str
    brand: str
    product_type: str
    identifiers: tuple[tuple[str, str], ...]
    marketplace_ids: frozenset[str]


@dataclass(frozen=True)
class Restriction:
    """Why a seller may not list a product. A link of "" means none."""

    marketplace_id: str
    condition_type: str
    reason_code: str
    message: str
    link: str


@dataclass(frozen=True)
class Processing:
    """How Amazon processes an accepted submission.

    `seconds` of service time pass before it shows. `issues` are added, and `issue_seconds` later than the status if
    they are late. `dropped`: accepted, and never to be seen. `notices`: whether subscribers learn of it.
    """

    seconds: float = 5.0
    issues: tuple[Json, ...] = ()
    statuses: tuple[str, ...] | None = None
    issue_seconds: float = 0.0
    dropped: bool = False
    notices: bool = True


@dataclass(frozen=True)
class ProcessingRule:
    """Chooses how the next `remaining` submissions (None: all) that match are processed, or that they are INVALID with
    `invalid`. Empty strings match everything.
    """

    seller_id: str
    sku: str
    remaining: int | None
    processing: Processing
    invalid: tuple[Json, ...] = ()


@dataclass
class Listings:
    """What the simulator knows of listings. `approved_brands` are the GTIN exemptions, by seller."""

    items: dict[ListingKey, Listing] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    restrictions: dict[tuple[str, str], list[Restriction]] = field(default_factory=dict)
    approved_brands: dict[str, frozenset[str]] = field(default_factory=dict)
    vendor_codes: dict[str, frozenset[str]] = field(default_factory=dict)
    rules: list[ProcessingRule] = field(default_factory=list)
    submissions: list[Json] = field(default_factory=list)
    last_asin: int = 0

    def take_rule(self, seller_id: str, sku: str) -> ProcessingRule | None:
        """The first rule for this submission. Its count goes down by one."""
        for index, rule in enumerate(self.rules):
            if rule.seller_id in ("", seller_id) and rule.sku in ("", sku):
                if rule.remaining == 1:
                    del self.rules[index]
                elif rule.remaining is not None:
                    self.rules[index] = ProcessingRule(
                        rule.seller_id, rule.sku, rule.remaining - 1, rule.processing, rule.invalid
                    )
                return rule
        return None

    def new_asin(self) -> str:
        self.last_asin += 1
        return f"B0{self.last_asin:08d}"
