"""The hosts of Seller Central and Vendor Central, consent URIs, and the check of amazon_callback_uri."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from reference.endpoints import CHECKOUT
from sp_api.consent import (
    HOSTS,
    Central,
    PartyType,
    central_of_callback,
    confirmation_uri,
    consent_host,
    consent_uri,
)
from sp_api.regions import MARKETPLACES, Environment, Region
from sp_api_simulator.consent import CENTRALS

APPLICATION_ID = "amzn1.sp.solution.1a2b3c4d-1111-4222-8333-444455556666"
PATH = f"/apps/authorize/confirm/{APPLICATION_ID}"
REDIRECT = "https://connect.example.com/authorize/callback"
# Seller and vendor host by country ("Seller Central URLs" and "Vendor Central URLs" in SP-API's docs); empty where
# Amazon publishes none.
PUBLISHED = {
    "AE": ("sellercentral.amazon.ae", "vendorcentral.amazon.me"),
    "AU": ("sellercentral.amazon.com.au", "vendorcentral.amazon.com.au"),
    "BE": ("sellercentral.amazon.com.be", "vendorcentral.amazon.com.be"),
    "BR": ("sellercentral.amazon.com.br", "vendorcentral.amazon.com.br"),
    "CA": ("sellercentral.amazon.ca", "vendorcentral.amazon.ca"),
    "DE": ("sellercentral-europe.amazon.com", "vendorcentral.amazon.de"),
    "EG": ("sellercentral.amazon.eg", "vendorcentral.amazon.me"),
    "ES": ("sellercentral-europe.amazon.com", "vendorcentral.amazon.es"),
    "FR": ("sellercentral-europe.amazon.com", "vendorcentral.amazon.fr"),
    "GB": ("sellercentral-europe.amazon.com", "vendorcentral.amazon.co.uk"),
    "IE": ("sellercentral.amazon.ie", ""),
    "IN": ("sellercentral.amazon.in", "www.vendorcentral.in"),
    "IT": ("sellercentral-europe.amazon.com", "vendorcentral.amazon.it"),
    "JP": ("sellercentral.amazon.co.jp", "vendorcentral.amazon.co.jp"),
    "MX": ("sellercentral.amazon.com.mx", "vendorcentral.amazon.com.mx"),
    "NL": ("sellercentral.amazon.nl", "vendorcentral.amazon.nl"),
    "PL": ("sellercentral.amazon.pl", "vendorcentral.amazon.pl"),
    "SA": ("sellercentral.amazon.sa", "vendorcentral.amazon.me"),
    "SE": ("sellercentral.amazon.se", "vendorcentral.amazon.se"),
    "SG": ("sellercentral.amazon.sg", "vendorcentral.amazon.com.sg"),
    "TR": ("sellercentral.amazon.com.tr", "vendorcentral.amazon.com.tr"),
    "US": ("sellercentral.amazon.com", "vendorcentral.amazon.com"),
    "ZA": ("sellercentral.amazon.co.za", ""),
}
LOCAL = Environment(central_endpoint="http://127.0.0.1:8080/central/{host}")


def test_every_country_has_hosts_and_every_host_a_country() -> None:
    assert HOSTS.keys() == {marketplace.country_code for marketplace in MARKETPLACES.values()}


def test_the_hosts_are_the_published_ones() -> None:
    assert {country: (hosts.seller, hosts.vendor) for country, hosts in HOSTS.items()} == PUBLISHED


FACTS = CHECKOUT.parent / "shared" / "sp-api" / "authorization-workflow.md"


@pytest.mark.skipif(not FACTS.is_file(), reason="the collection of facts about SP-API is not beside this checkout")
def test_the_hosts_are_those_of_the_collected_facts() -> None:
    section = FACTS.read_text("utf-8").partition("### Hosts")[2].partition("\nSource:")[0]
    rows = [row for row in section.splitlines() if row.startswith("|")][2:]
    listed: dict[str, tuple[str, str]] = {}
    for countries, seller, vendor, *_ in ([cell.strip() for cell in row.strip("| ").split("|")] for row in rows):
        sellers, vendors = (re.findall(r"[a-z.-]+\.[a-z.]+|(?<=/ )\.[a-z.]+", text) for text in (seller, vendor))
        for number, country in enumerate(name.strip() for name in countries.split("/")):
            listed[country] = (_host(sellers, number), _host(vendors, number))
    listed["GB"] = listed.pop("UK")
    assert listed == PUBLISHED


def _host(hosts: list[str], number: int) -> str:
    """The host of a country in a row of several: "vendorcentral.amazon.es / .fr" gives the end of the others alone."""
    if not hosts:
        return ""
    host = hosts[min(number, len(hosts) - 1)]
    return hosts[0].partition(".amazon.")[0] + ".amazon" + host if host.startswith(".") else host


def test_the_simulator_has_the_same_hosts() -> None:
    regions = {marketplace.country_code: marketplace.region for marketplace in MARKETPLACES.values()}
    ours = {(hosts.of(party), regions[country], party) for country, hosts in HOSTS.items() for party in PartyType}
    theirs = {(central.host, Region(central.region), PartyType(central.party)) for central in CENTRALS.values()}
    assert {entry for entry in ours if entry[0]} == theirs


@pytest.mark.parametrize(
    ("region", "party", "marketplace_id", "host"),
    [
        (Region.NA, PartyType.SELLER, None, "sellercentral.amazon.com"),
        (Region.EU, PartyType.SELLER, None, "sellercentral-europe.amazon.com"),
        (Region.EU, PartyType.VENDOR, None, "vendorcentral.amazon.co.uk"),
        (Region.FE, PartyType.VENDOR, "A19VAU5U5O7RUS", "vendorcentral.amazon.com.sg"),
        (Region.EU, PartyType.VENDOR, "A21TJRUUN4KGV", "www.vendorcentral.in"),
        (Region.EU, PartyType.VENDOR, "A28R8C7NBKEWEA", None),
        (Region.EU, PartyType.SELLER, "A2UNKNOWN", "sellercentral-europe.amazon.com"),
    ],
)
def test_the_host_of_a_consent(region: Region, party: PartyType, marketplace_id: str | None, host: str | None) -> None:
    assert consent_host(region, party, marketplace_id) == host


def test_the_consent_uri() -> None:
    host = "sellercentral.amazon.com"
    address = consent_uri(Environment(), host, APPLICATION_ID, "a state&", REDIRECT, beta=False)
    assert address.startswith(
        "https://sellercentral.amazon.com/apps/authorize/consent?application_id=amzn1.sp.solution."
    )
    assert parse_qs(urlsplit(address).query) == {
        "application_id": [APPLICATION_ID],
        "state": ["a state&"],
        "redirect_uri": [REDIRECT],
    }
    assert consent_uri(LOCAL, host, APPLICATION_ID, "s", REDIRECT, beta=True).endswith("&version=beta")
    assert consent_uri(LOCAL, host, "a", "s", REDIRECT, beta=True).startswith(
        "http://127.0.0.1:8080/central/sellercentral.amazon.com/apps/authorize/consent?"
    )


@pytest.mark.parametrize(
    ("base", "central"),
    [
        ("https://sellercentral.amazon.com", Central(Region.NA, PartyType.SELLER)),
        ("https://sellercentral-europe.amazon.com", Central(Region.EU, PartyType.SELLER)),
        ("https://vendorcentral.amazon.de", Central(Region.EU, PartyType.VENDOR)),
        ("https://amazon.com", Central(Region.NA, PartyType.SELLER)),
        ("https://amazon.co.jp", Central(Region.FE, PartyType.SELLER)),
    ],
)
def test_amazons_callback_uris(base: str, central: Central) -> None:
    assert central_of_callback(Environment(), base + PATH, APPLICATION_ID) == central
    assert central_of_callback(Environment(), f"{base}{PATH}?some=~thing!&more=1", APPLICATION_ID) == central


@pytest.mark.parametrize(("length", "accepted"), [(2048, True), (2049, False)])
def test_the_longest_callback_uri(length: int, *, accepted: bool) -> None:
    callback_uri = f"https://sellercentral.amazon.com{PATH}?".ljust(length, "a")
    assert (central_of_callback(Environment(), callback_uri, APPLICATION_ID) is not None) is accepted


@pytest.mark.parametrize(
    "callback_uri",
    [
        "",
        "https://evil.example" + PATH,
        "http://sellercentral.amazon.com" + PATH,
        "//sellercentral.amazon.com" + PATH,
        "javascript:alert(1)//sellercentral.amazon.com" + PATH,
        "https://sellercentral.amazon.com.evil.example" + PATH,
        "https://sellercentral.amazon.com@evil.example" + PATH,
        "https://evil.example#@sellercentral.amazon.com" + PATH,
        "https://evil.example\\@sellercentral.amazon.com" + PATH,
        "https://user:password@sellercentral.amazon.com" + PATH,
        "https://sellercentral.amazon.com:8443" + PATH,
        "https://sellercentral.amazon.com:443" + PATH,
        "https://sellercentral.amazon.com." + PATH,
        "https://evilsellercentral.amazon.com" + PATH,
        "https://sellercentral.amazon.com/apps/authorize/confirm/amzn1.sp.solution.another",
        "https://sellercentral.amazon.com/gp/redirect?to=https://evil.example",
        f"https://sellercentral.amazon.com{PATH}/../../../elsewhere",
        f"https://sellercentral.amazon.com{PATH}/more",
        f"https://sellercentral.amazon.com{PATH}%2f..",
        f"https://sellercentral.amazon.com{PATH}#fragment",
        f"https://sellercentral.amazon.com{PATH}?a=1#fragment",
        f"https://sellercentral.amazon.com{PATH}\r\nSet-Cookie: a=b",
        f"https://sellercentral.amazon.com{PATH}?a=\r\nSet-Cookie: a=b",
        f'https://sellercentral.amazon.com{PATH}?a="><script>alert(1)</script>',
        f" https://sellercentral.amazon.com{PATH}",
        f"https://sellercentr\u00e0l.amazon.com{PATH}",
        f"https://sellercentral.amazon.com{PATH}?" + "a" * 2048,
        f"http://127.0.0.1:8080/central/sellercentral.amazon.com{PATH}",
    ],
)
def test_any_other_callback_uri_is_refused(callback_uri: str) -> None:
    assert central_of_callback(Environment(), callback_uri, APPLICATION_ID) is None


def test_a_local_central_takes_the_place_of_amazons() -> None:
    local = f"http://127.0.0.1:8080/central/sellercentral.amazon.com{PATH}"
    assert central_of_callback(LOCAL, local, APPLICATION_ID) == Central(Region.NA, PartyType.SELLER)
    assert central_of_callback(LOCAL, f"https://sellercentral.amazon.com{PATH}", APPLICATION_ID) is None


def test_the_way_back_to_amazon_keeps_its_query() -> None:
    base = f"https://sellercentral.amazon.com{PATH}"
    address = confirmation_uri(base, "their&state", "ours", REDIRECT, beta=True)
    assert parse_qs(urlsplit(address).query) == {
        "amazon_state": ["their&state"],
        "state": ["ours"],
        "redirect_uri": [REDIRECT],
        "version": ["beta"],
    }
    kept = f"{base}?kept=1&amazon_state=a&state=s&redirect_uri=r"
    for query in ("kept=1", "&kept=1&&", "kept=1&state=x&&"):
        assert confirmation_uri(f"{base}?{query}", "a", "s", "r", beta=False) == kept


@pytest.mark.parametrize("name", ["state", "redirect_uri", "amazon_state", "st%61te", "redirect%5furi"])
def test_the_way_back_to_amazon_names_no_parameter_twice(name: str) -> None:
    base = f"https://sellercentral.amazon.com{PATH}"
    address = confirmation_uri(f"{base}?{name}=theirs&kept=1&&{name}=x", "theirs", "ours", REDIRECT, beta=False)
    assert parse_qs(urlsplit(address).query) == {
        "kept": ["1"],
        "amazon_state": ["theirs"],
        "state": ["ours"],
        "redirect_uri": [REDIRECT],
    }
