"""What a definition is asked for: marketplace, language, requirements, parentage level, seller, version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sp_api_simulator.product_type_schemas.wordings import WORDINGS


@dataclass(frozen=True)
class Marketplace:
    """`languages`: the language tags that listings may have here, the usual one first."""

    id: str
    country: str
    currency: str
    languages: tuple[str, ...]

    @property
    def prices_include_tax(self) -> bool:
        """Whether list prices are given with tax, as they are where value-added tax is shown to consumers."""
        return self.currency not in ("USD", "CAD")


MARKETPLACES: Mapping[str, Marketplace] = {
    entry.id: entry
    for entry in (
        Marketplace("ATVPDKIKX0DER", "US", "USD", ("en_US", "es_US")),
        Marketplace("A2EUQ1WTGCTBG2", "CA", "CAD", ("en_CA", "fr_CA")),
        Marketplace("A1AM78C64UM0Y8", "MX", "MXN", ("es_MX",)),
        Marketplace("A2Q3Y263D00KWC", "BR", "BRL", ("pt_BR",)),
        Marketplace("A13V1IB3VIYZZH", "FR", "EUR", ("fr_FR", "en_GB")),
        Marketplace("A1PA6795UKMFR9", "DE", "EUR", ("de_DE", "en_GB", "fr_FR")),
        Marketplace("A1F83G8C2ARO7P", "UK", "GBP", ("en_GB",)),
        Marketplace("A1RKKUPIHCS9HS", "ES", "EUR", ("es_ES",)),
        Marketplace("APJ6JRA9NG5V4", "IT", "EUR", ("it_IT",)),
        Marketplace("A1805IZSGTT6HS", "NL", "EUR", ("nl_NL",)),
        Marketplace("AMEN7PMS3EDWL", "BE", "EUR", ("fr_BE", "nl_BE")),
        Marketplace("A1C3SOZRARQ6R3", "PL", "PLN", ("pl_PL",)),
        Marketplace("A2NODRKZP88ZB9", "SE", "SEK", ("sv_SE",)),
        Marketplace("A28R8C7NBKEWEA", "IE", "EUR", ("en_IE",)),
        Marketplace("A33AVAJ2PDY3EV", "TR", "TRY", ("tr_TR",)),
        Marketplace("A17E79C6D8DWNP", "SA", "SAR", ("ar_AE", "en_AE")),
        Marketplace("A2VIGQ35RCS4UG", "AE", "AED", ("ar_AE", "en_AE")),
        Marketplace("ARBP9OOSHTCHU", "EG", "EGP", ("ar_AE", "en_AE")),
        Marketplace("AE08WJ6YKNBMC", "ZA", "ZAR", ("en_ZA",)),
        Marketplace("A21TJRUUN4KGV", "IN", "INR", ("en_IN", "hi_IN")),
        Marketplace("A1VC38T7YXB528", "JP", "JPY", ("ja_JP", "en_US")),
        Marketplace("A39IBJ37TRP1C6", "AU", "AUD", ("en_AU",)),
        Marketplace("A19VAU5U5O7RUS", "SG", "SGD", ("en_SG",)),
    )
}


def in_amazon_business(seller_id: str | None) -> bool:
    """Whether this seller is enrolled in Amazon Business: here, whoever has an id that ends with B2B."""
    return seller_id is not None and seller_id.endswith("B2B")


@dataclass(frozen=True)
class Context:
    """One request for a definition. `version` counts from 0; `locale` is never DEFAULT."""

    marketplace: Marketplace
    locale: str
    requirements: str
    enforced: bool
    parentage_level: str | None
    seller_id: str | None
    version: int

    def say(self, english: str) -> str:
        """The text in the locale's language, or English where no translation exists."""
        return WORDINGS.get(self.locale.partition("_")[0], {}).get(english, english)
