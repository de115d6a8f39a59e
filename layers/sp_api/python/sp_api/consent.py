"""Where a selling partner authorizes an application: the hosts of Seller Central and Vendor Central, and consent URIs.

See "Website authorization workflow", "Selling Partner Appstore authorization workflow", "Seller Central URLs" and
"Vendor Central URLs" in SP-API's docs. Any host of a region authorizes the whole region; the host only has to be one
where the selling partner has an account.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote_plus, urlencode

from sp_api.regions import MARKETPLACES, Environment, Region

_CONSENT_PATH = "/apps/authorize/consent"
_CONFIRM_PATH = "/apps/authorize/confirm/"
_LONGEST_URI = 2048


class PartyType(StrEnum):
    """The business that a selling partner does with Amazon. It decides between Seller Central and Vendor Central."""

    SELLER = "seller"
    VENDOR = "vendor"


@dataclass(frozen=True)
class Hosts:
    """The hosts of one country; empty where Amazon publishes none. `store` is the domain of its retail site."""

    seller: str
    vendor: str
    store: str

    def of(self, party: PartyType) -> str:
        return self.seller if party is PartyType.SELLER else self.vendor


def _hosts(seller: str, vendor: str, store: str) -> Hosts:
    prefix = "" if seller.startswith("sellercentral-") else "sellercentral."
    central = vendor if vendor.startswith("www.") or not vendor else f"vendorcentral.{vendor}"
    return Hosts(prefix + seller, central, store)


_EUROPE = "sellercentral-europe.amazon.com"
HOSTS: Mapping[str, Hosts] = {
    "CA": _hosts("amazon.ca", "amazon.ca", "amazon.ca"),
    "US": _hosts("amazon.com", "amazon.com", "amazon.com"),
    "MX": _hosts("amazon.com.mx", "amazon.com.mx", "amazon.com.mx"),
    "BR": _hosts("amazon.com.br", "amazon.com.br", "amazon.com.br"),
    "IE": _hosts("amazon.ie", "", "amazon.ie"),
    "ES": _hosts(_EUROPE, "amazon.es", "amazon.es"),
    "GB": _hosts(_EUROPE, "amazon.co.uk", "amazon.co.uk"),
    "FR": _hosts(_EUROPE, "amazon.fr", "amazon.fr"),
    "BE": _hosts("amazon.com.be", "amazon.com.be", "amazon.com.be"),
    "NL": _hosts("amazon.nl", "amazon.nl", "amazon.nl"),
    "DE": _hosts(_EUROPE, "amazon.de", "amazon.de"),
    "IT": _hosts(_EUROPE, "amazon.it", "amazon.it"),
    "SE": _hosts("amazon.se", "amazon.se", "amazon.se"),
    "ZA": _hosts("amazon.co.za", "", "amazon.co.za"),
    "PL": _hosts("amazon.pl", "amazon.pl", "amazon.pl"),
    "EG": _hosts("amazon.eg", "amazon.me", "amazon.eg"),
    "TR": _hosts("amazon.com.tr", "amazon.com.tr", "amazon.com.tr"),
    "SA": _hosts("amazon.sa", "amazon.me", "amazon.sa"),
    "AE": _hosts("amazon.ae", "amazon.me", "amazon.ae"),
    "IN": _hosts("amazon.in", "www.vendorcentral.in", "amazon.in"),
    "SG": _hosts("amazon.sg", "amazon.com.sg", "amazon.sg"),
    "AU": _hosts("amazon.com.au", "amazon.com.au", "amazon.com.au"),
    "JP": _hosts("amazon.co.jp", "amazon.co.jp", "amazon.co.jp"),
}
# The host of a request that names no marketplace.
_USUAL_COUNTRY: Mapping[Region, str] = {Region.NA: "US", Region.EU: "GB", Region.FE: "JP"}


@dataclass(frozen=True)
class Central:
    """What a host of Amazon's authorizes."""

    region: Region
    party: PartyType


def consent_host(region: Region, party: PartyType, marketplace_id: str | None = None) -> str | None:
    """The host where such a selling partner authorizes an application; None where Amazon publishes none."""
    marketplace = MARKETPLACES.get(marketplace_id or "")
    country = marketplace.country_code if marketplace else _USUAL_COUNTRY[region]
    return HOSTS[country].of(party) or None


def consent_uri(
    environment: Environment, host: str, application_id: str, state: str, redirect_uri: str, *, beta: bool
) -> str:
    """The address at which a selling partner agrees. `beta` is for an application in draft."""
    parameters = {"application_id": application_id, "state": state, "redirect_uri": redirect_uri}
    parameters |= {"version": "beta"} if beta else {}
    return f"{environment.central_url(host)}{_CONSENT_PATH}?{urlencode(parameters, quote_via=quote)}"


def central_of_callback(environment: Environment, callback_uri: str, application_id: str) -> Central | None:
    """What an `amazon_callback_uri` belongs to; None unless it is this application's confirmation page at Amazon.

    The parameter comes from the browser, and so from anybody. Scheme, host and path must be, character by character,
    the ones that Amazon publishes; only a query may follow. An Appstore page of the retail site is a seller's.
    """
    if len(callback_uri) > _LONGEST_URI or not all("!" <= character <= "~" for character in callback_uri):
        return None
    if any(character in callback_uri for character in '#"<>\\^`{|}'):
        return None
    base = callback_uri.partition("?")[0]
    for host, central in _centrals():
        if base == f"{environment.central_url(host)}{_CONFIRM_PATH}{application_id}":
            return central
    return None


def confirmation_uri(callback_uri: str, amazon_state: str, state: str, redirect_uri: str, *, beta: bool) -> str:
    """Where the browser goes after the log-in page; `amazon_state` is handed back as it came.

    The query of `callback_uri` is kept, except for parameters that are set here: it comes from the browser, and Amazon
    must not find a second state or redirect URI in it.
    """
    parameters = {"amazon_state": amazon_state, "state": state, "redirect_uri": redirect_uri}
    parameters |= {"version": "beta"} if beta else {}
    base, _, query = callback_uri.partition("?")
    kept = [part for part in query.split("&") if part and unquote_plus(part.partition("=")[0]) not in parameters]
    return f"{base}?{'&'.join([*kept, urlencode(parameters, quote_via=quote)])}"


def _centrals() -> Iterator[tuple[str, Central]]:
    regions = {marketplace.country_code: marketplace.region for marketplace in MARKETPLACES.values()}
    for country, hosts in HOSTS.items():
        region = regions[country]
        yield hosts.seller, Central(region, PartyType.SELLER)
        yield hosts.store, Central(region, PartyType.SELLER)
        if hosts.vendor:
            yield hosts.vendor, Central(region, PartyType.VENDOR)
