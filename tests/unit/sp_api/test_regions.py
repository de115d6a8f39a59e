"""Endpoints and marketplaces."""

import pytest

from sp_api.regions import MARKETPLACES, Environment, Region, region_of_marketplace


@pytest.mark.parametrize(
    ("region", "host"),
    [
        (Region.NA, "sellingpartnerapi-na.amazon.com"),
        (Region.EU, "sellingpartnerapi-eu.amazon.com"),
        (Region.FE, "sellingpartnerapi-fe.amazon.com"),
    ],
)
def test_amazons_endpoints(region: Region, host: str) -> None:
    assert Environment().base_url(region) == f"https://{host}"
    assert Environment(sandbox=True).base_url(region) == f"https://sandbox.{host}"
    assert Environment().lwa_url == "https://api.amazon.com/auth/o2/token"


def test_another_endpoint_is_a_pattern() -> None:
    environment = Environment("http://127.0.0.1:8080/{sandbox}{region}/", "http://127.0.0.1:8080/auth/o2/token")
    assert environment.base_url(Region.FE) == "http://127.0.0.1:8080/fe"
    assert environment.lwa_url == "http://127.0.0.1:8080/auth/o2/token"
    assert (
        Environment("http://localhost/{sandbox}{region}", sandbox=True).base_url(Region.EU)
        == "http://localhost/sandbox.eu"
    )


def test_a_pattern_may_name_one_host_and_hold_braces() -> None:
    assert Environment("http://proxy/{tenant}").base_url(Region.NA) == "http://proxy/{tenant}"


def test_signed_requests_name_the_aws_region() -> None:
    assert {region: region.aws_region for region in Region} == {
        Region.NA: "us-east-1",
        Region.EU: "eu-west-1",
        Region.FE: "us-west-2",
    }


@pytest.mark.parametrize(
    ("marketplace_id", "region"),
    [
        ("ATVPDKIKX0DER", Region.NA),
        ("A2Q3Y263D00KWC", Region.NA),
        ("A1F83G8C2ARO7P", Region.EU),
        ("A21TJRUUN4KGV", Region.EU),
        ("A1VC38T7YXB528", Region.FE),
        ("A39IBJ37TRP1C6", Region.FE),
        ("A2ZV50J4W1RKNI", None),
        ("", None),
    ],
)
def test_region_of_a_marketplace(marketplace_id: str, region: Region | None) -> None:
    assert region_of_marketplace(marketplace_id) == region


def test_marketplaces_are_those_of_the_documentation() -> None:
    assert len(MARKETPLACES) == 23
    assert all(key == marketplace.marketplace_id for key, marketplace in MARKETPLACES.items())
    countries = [marketplace.country_code for marketplace in MARKETPLACES.values()]
    assert len(set(countries)) == len(countries)
    assert MARKETPLACES["A1F83G8C2ARO7P"].country_code == "GB"
