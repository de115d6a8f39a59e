"""Whose listings are published where, when the command names only a country."""

import re
from typing import Any, cast

import pytest

from operations.command import CommandError
from operations.publish_listings import run
from operations.publish_listings.api import Target
from operations.publish_listings.run import find_target
from operations.stack import Stack
from quickstart.authorization.connections import Connection

STACK = cast("Stack", None)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """The connections that the stack has."""
    found: list[Connection] = []

    def read(_stack: Stack) -> tuple[list[Connection], list[Any]]:
        return found, []

    monkeypatch.setattr(run, "read_connections", read)
    return found


@pytest.mark.parametrize("region", ["EU", "*"])
def test_the_only_seller_whose_token_is_for_the_region(stored: list[Connection], region: str) -> None:
    stored += [Connection("A1", region), Connection("A2", "NA")]
    target = find_target(STACK, "", "fr", "", "")
    assert (target.seller_id, target.marketplace_id) == ("A1", "A13V1IB3VIYZZH")


def test_a_seller_with_two_tokens_is_one_seller(stored: list[Connection]) -> None:
    stored += [Connection("A1", "EU"), Connection("A1", "*")]
    assert find_target(STACK, "", "FR", "", "").seller_id == "A1"


def test_several_sellers_or_none_must_be_named(stored: list[Connection]) -> None:
    stored += [Connection("A2", "NA")]
    with pytest.raises(CommandError, match="no seller of the region EU"):
        find_target(STACK, "", "FR", "", "")
    stored += [Connection("A1", "EU"), Connection("A3", "*")]
    with pytest.raises(CommandError, match="2 sellers: A1, A3"):
        find_target(STACK, "", "FR", "", "")
    assert find_target(STACK, "A9", "FR", "", "").seller_id == "A9"


def test_a_seller_and_a_marketplace_that_are_not_clear_say_what_to_set(stored: list[Connection]) -> None:
    with pytest.raises(CommandError) as none:
        find_target(STACK, "", "", "", "")
    assert str(none.value) == "Name the marketplace: MARKETPLACE=FR, or its id such as MARKETPLACE=A13V1IB3VIYZZH"
    with pytest.raises(CommandError) as unknown:
        find_target(STACK, "", "XX", "", "")
    assert re.fullmatch(
        r"MARKETPLACE=XX is not in Amazon's list\. Use one of (\w\w, )+\w\w; or an id, with its region: "
        r'ARGS="--region-code EU"',
        str(unknown.value),
    )
    with pytest.raises(CommandError) as nobody:
        find_target(STACK, "", "FR", "", "")
    assert str(nobody.value) == "the stack has no seller of the region EU: store a token with POST /tokens first"
    stored += [Connection(f"A{number}", "EU") for number in range(6)]
    with pytest.raises(CommandError) as several:
        find_target(STACK, "", "FR", "", "")
    assert str(several.value) == ("Name the seller: SELLER=<id>. The stack has 6 sellers: A0, A1, A2, A3, A4 and more")
    stored.pop()
    with pytest.raises(CommandError, match=r"The stack has 5 sellers: A0, A1, A2, A3, A4$"):
        find_target(STACK, "", "FR", "", "")


@pytest.mark.parametrize(
    ("marketplace", "region", "found"),
    [
        ("FR", "", ("EU", "A13V1IB3VIYZZH")),
        ("uk", "", ("EU", "A1F83G8C2ARO7P")),
        ("A13V1IB3VIYZZH", "", ("EU", "A13V1IB3VIYZZH")),
        ("A123456789", "FE", ("FE", "A123456789")),
        ("A13V1IB3VIYZZH", "NA", ("NA", "A13V1IB3VIYZZH")),
    ],
)
def test_a_marketplace_by_country_or_id(marketplace: str, region: str, found: tuple[str, str]) -> None:
    assert find_target(STACK, "A1", marketplace, region, "") == Target("A1", *found)
    assert find_target(STACK, "A1", marketplace, region, "CODE1") == Target("A1", *found, "CODE1")


@pytest.mark.parametrize(("marketplace", "region"), [("A12345678", "FE"), ("A123456789", "")])
def test_an_unknown_marketplace_needs_an_id_and_its_region(marketplace: str, region: str) -> None:
    with pytest.raises(CommandError, match="is not in Amazon's list"):
        find_target(STACK, "A1", marketplace, region, "")
