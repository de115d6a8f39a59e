"""SP-API's regions, their endpoints and marketplaces (SP-API docs, "SP-API endpoints" and "Marketplace IDs")."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

AMAZON_SP_API_ENDPOINT = "https://{sandbox}sellingpartnerapi-{region}.amazon.com"
AMAZON_LWA_ENDPOINT = "https://api.amazon.com/auth/o2/token"
AMAZON_CENTRAL_ENDPOINT = "https://{host}"


class Region(StrEnum):
    """A selling region. Tokens, destinations and reports belong to one."""

    NA = "NA"
    EU = "EU"
    FE = "FE"

    @property
    def aws_region(self) -> str:
        """The AWS region that signed requests name."""
        return {Region.NA: "us-east-1", Region.EU: "eu-west-1", Region.FE: "us-west-2"}[self]


@dataclass(frozen=True)
class Environment:
    """The endpoints of SP-API and LWA.

    `sp_api_endpoint` is a URL with the fields {sandbox} ("sandbox." or empty) and {region} (na, eu, fe); `lwa_endpoint`
    is the URL of the token endpoint; `central_endpoint` is a URL with the field {host}, a host of Seller Central or
    Vendor Central. Empty means Amazon's endpoints.
    """

    sp_api_endpoint: str = ""
    lwa_endpoint: str = ""
    sandbox: bool = False
    central_endpoint: str = ""

    def base_url(self, region: Region) -> str:
        """The URL before an operation's path, without a slash at its end."""
        pattern = self.sp_api_endpoint or AMAZON_SP_API_ENDPOINT
        filled = pattern.replace("{sandbox}", "sandbox." if self.sandbox else "").replace("{region}", region.lower())
        return filled.rstrip("/")

    def central_url(self, host: str) -> str:
        """The URL before a path of Seller Central or Vendor Central, without a slash at its end."""
        return (self.central_endpoint or AMAZON_CENTRAL_ENDPOINT).replace("{host}", host).rstrip("/")

    @property
    def lwa_url(self) -> str:
        """LWA's token endpoint."""
        return self.lwa_endpoint or AMAZON_LWA_ENDPOINT


@dataclass(frozen=True)
class Marketplace:
    """One of Amazon's stores. `country_code` is ISO 3166's, so the United Kingdom is GB."""

    marketplace_id: str
    country_code: str
    region: Region


def _marketplaces(region: Region, countries: Mapping[str, str]) -> dict[str, Marketplace]:
    return {
        marketplace_id: Marketplace(marketplace_id, country_code, region)
        for country_code, marketplace_id in countries.items()
    }


MARKETPLACES: Mapping[str, Marketplace] = {
    **_marketplaces(
        Region.NA, {"CA": "A2EUQ1WTGCTBG2", "US": "ATVPDKIKX0DER", "MX": "A1AM78C64UM0Y8", "BR": "A2Q3Y263D00KWC"}
    ),
    **_marketplaces(
        Region.EU,
        {
            "IE": "A28R8C7NBKEWEA",
            "ES": "A1RKKUPIHCS9HS",
            "GB": "A1F83G8C2ARO7P",
            "FR": "A13V1IB3VIYZZH",
            "BE": "AMEN7PMS3EDWL",
            "NL": "A1805IZSGTT6HS",
            "DE": "A1PA6795UKMFR9",
            "IT": "APJ6JRA9NG5V4",
            "SE": "A2NODRKZP88ZB9",
            "ZA": "AE08WJ6YKNBMC",
            "PL": "A1C3SOZRARQ6R3",
            "EG": "ARBP9OOSHTCHU",
            "TR": "A33AVAJ2PDY3EV",
            "SA": "A17E79C6D8DWNP",
            "AE": "A2VIGQ35RCS4UG",
            "IN": "A21TJRUUN4KGV",
        },
    ),
    **_marketplaces(Region.FE, {"SG": "A19VAU5U5O7RUS", "AU": "A39IBJ37TRP1C6", "JP": "A1VC38T7YXB528"}),
}


def region_of_marketplace(marketplace_id: str) -> Region | None:
    """The region of one of Amazon's marketplaces; None for an id that is not in the published list.

    SP-API accepts more than it publishes (getReport shows ids of stores outside Amazon's own), so callers must
    not treat None as an error.
    """
    marketplace = MARKETPLACES.get(marketplace_id)
    return None if marketplace is None else marketplace.region
