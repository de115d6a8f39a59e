"""Product Type Definitions: types by marketplace, definitions, links that expire, checksums, and two quotas."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.simulator.support import US, Simulator

TYPES = "/definitions/2020-09-01/productTypes"
FRANCE = "A13V1IB3VIYZZH"
INDIA = "A21TJRUUN4KGV"
QUOTA = ("QuotaExceeded", "You exceeded your quota for the requested resource.", "")


def definition(simulator: Simulator, name: str = "HAIRBAND", query: str = "", marketplace_id: str = US) -> Any:
    endpoint = "na" if marketplace_id == US else "eu"
    path = f"{TYPES}/{name}?marketplaceIds={marketplace_id}{query}"
    return simulator.call("GET", path, simulator.seller(), endpoint=endpoint, status=200).json


def test_the_whole_list_comes_without_pages_and_keywords_choose(simulator: Simulator) -> None:
    simulator.control("PUT", "/product-types", {"generated": 3000})
    token = simulator.seller()
    everything = simulator.call("GET", f"{TYPES}?marketplaceIds={US}", token, status=200).json
    assert len(everything["productTypes"]) > 3000
    some = simulator.call("GET", f"{TYPES}?marketplaceIds={US}&keywords=coffee,shirt", token, status=200).json
    assert {entry["name"] for entry in some["productTypes"]} == {"COFFEE", "SHIRT"}
    by_title = simulator.call("GET", f"{TYPES}?marketplaceIds={US}&itemName=blue%20shirt", token, status=200).json
    assert [entry["name"] for entry in by_title["productTypes"]] == ["SHIRT"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (TYPES, 400),
        (f"{TYPES}?marketplaceIds={FRANCE}", 400),
        (f"{TYPES}?marketplaceIds={US}&keywords=a&itemName=b", 400),
        (f"{TYPES}/HAIRBAND?marketplaceIds={US},A2EUQ1WTGCTBG2", 400),
        (f"{TYPES}/HAIRBAND?marketplaceIds={US}&requirements=ALL", 400),
        (f"{TYPES}/HAIRBAND?marketplaceIds={US}&locale=xx", 400),
        (f"{TYPES}/HAIRBAND?marketplaceIds={US}&productTypeVersion=nonsense", 400),
        (f"{TYPES}/HAIRBAND?marketplaceIds={US}&sellerId=SOMEBODYELSE", 403),
        (f"{TYPES}/NO_SUCH_TYPE?marketplaceIds={US}", 404),
    ],
)
def test_refusals(simulator: Simulator, path: str, status: int) -> None:
    simulator.call("GET", path, simulator.seller(), status=status)


def test_a_marketplace_without_the_type_answers_with_a_parent(simulator: Simulator) -> None:
    assert definition(simulator, "SARI", marketplace_id=INDIA)["productType"] == "SARI"
    assert definition(simulator, "SARI", marketplace_id=FRANCE)["productType"] == "CLOTHING"


def test_a_version_changes_without_its_content(simulator: Simulator) -> None:
    before = definition(simulator, "HAIRBAND")
    simulator.control("PUT", "/product-types", {"latestVersion": 7})
    after = definition(simulator, "HAIRBAND")
    assert before["schema"]["checksum"] == after["schema"]["checksum"]
    assert before["productTypeVersion"]["version"] != after["productTypeVersion"]["version"]
    assert after["productTypeVersion"]["latest"] is True
    candidate = definition(simulator, "HAIRBAND", "&productTypeVersion=RELEASE_CANDIDATE")["productTypeVersion"]
    assert (candidate["latest"], candidate["releaseCandidate"]) == (False, True)


def test_checksums_are_of_the_bytes_in_either_form(simulator: Simulator) -> None:
    simulator.control("PUT", "/product-types", {"checksums": "hex"})
    link = definition(simulator)["schema"]
    content = simulator.fetch("GET", link["link"]["resource"]).content
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == link["checksum"]


def test_a_link_needs_no_token_and_ends_after_seven_days(simulator: Simulator) -> None:
    url = definition(simulator)["schema"]["link"]["resource"]
    assert simulator.fetch("GET", url).status == 200
    assert simulator.fetch("GET", url, {"Authorization": "Bearer x"}).status == 400
    assert simulator.fetch("GET", url.replace("X-Amz-Expires=604800", "X-Amz-Expires=999999")).status == 403
    simulator.control("PUT", "/clock", {"advanceSeconds": 604_801})
    expired = simulator.fetch("GET", url)
    assert (expired.status, b"Request has expired" in expired.content) == (403, True)


def test_the_pair_has_five_calls_and_the_application_a_hundred(simulator: Simulator) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1})
    simulator.control("PUT", "/clock", {"scale": 0.001})
    path = f"{TYPES}/COFFEE?marketplaceIds={US}"
    statuses = []
    for number in range(21):
        token = simulator.seller(f"A{number}")
        statuses.append([simulator.call("GET", path, token).status for _ in range(6)])
    assert statuses[:20] == [[200] * 5 + [429]] * 20
    assert statuses[20] == [429] * 6
    assert simulator.call("GET", path, simulator.seller("A99"), status=429).error == QUOTA


def test_a_refused_marketplace(simulator: Simulator) -> None:
    simulator.control("PUT", "/product-types", {"refusedMarketplaceIds": [US]})
    simulator.call("GET", f"{TYPES}?marketplaceIds={US}", simulator.seller(), status=403)
    assert simulator.control("GET", "/product-types")["refusedMarketplaceIds"] == [US]
    simulator.control("PUT", "/product-types", {"checksums": "sha"}, status=400)
