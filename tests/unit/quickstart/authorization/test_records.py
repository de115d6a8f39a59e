"""The items of the Authorizations table: what each write sets, and under which condition."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quickstart.authorization.records import (
    Authorization,
    Authorizations,
    AuthorizationUnknownError,
    Parked,
    Reason,
    Status,
    hashed,
)
from sp_api.consent import PartyType
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable

NOW = datetime(2027, 1, 10, tzinfo=UTC)
REDIRECT = "https://connect.example.com/authorize/callback"
DAY = 86400
CREATED = int(NOW.timestamp())


class World:
    def __init__(self) -> None:
        self.memory = MemoryTable(Aws(), "AuthorizationId")
        self.authorizations = Authorizations(self.memory.table, lambda: NOW)

    def begin(self, **changed: Any) -> Authorization:
        return self.authorizations.begin(Region.EU, PartyType.VENDOR, REDIRECT, beta=True, **changed)

    @property
    def written(self) -> Mapping[str, Any]:
        """The last write of the table."""
        return self.memory.aws.calls[-1][1]

    def refuse(self) -> None:
        """From now on, no condition is met."""

        def refused(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("ConditionalCheckFailedException")

        self.memory.aws.answers["UpdateItem"] = refused


def values_of(write: Mapping[str, Any]) -> dict[str, Any]:
    """What an update sets, by attribute."""
    names, values = write["ExpressionAttributeNames"], write["ExpressionAttributeValues"]
    given = write["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")[0].split(", ")
    return {names[name]: values[value] for name, value in (each.split(" = ") for each in given)}


def test_what_is_stored_of_an_attempt_that_the_host_product_starts() -> None:
    world = World()
    begun = world.begin(secret="s", host_reference="u", return_url="https://a.example/", seller_id="A1")
    (item,) = world.memory.items
    assert item == {
        "AuthorizationId": begun.authorization_id,
        "RegionCode": "EU",
        "PartyType": "vendor",
        "StateEndsAt": "2027-01-10T00:10:00+00:00",
        "CreatedAt": "2027-01-10T00:00:00+00:00",
        "RedirectUri": REDIRECT,
        "Status": "PENDING",
        "Beta": True,
        "HostReference": "u",
        "ReturnUrl": "https://a.example/",
        "SellerId": "A1",
        "SellerNamed": True,
        "StateHash": hashed("s"),
        "ExpiresAt": CREATED + 30 * DAY,
    }
    assert world.authorizations.get(begun.authorization_id) == begun


def test_what_is_stored_of_an_attempt_that_amazon_starts() -> None:
    world = World()
    begun = world.begin(seller_id="A1", browser="b", parked=Parked("https://amazon/", "s"))
    (item,) = world.memory.items
    parked = {name: item[name] for name in ("SellerId", "SellerNamed", "BrowserHash", "AmazonCallbackUri")}
    assert parked == {
        "SellerId": "A1",
        "SellerNamed": False,
        "BrowserHash": hashed("b"),
        "AmazonCallbackUri": "https://amazon/",
    }
    assert (item["AmazonState"], item["ExpiresAt"]) == ("s", CREATED + DAY)
    assert "StateHash" not in item
    assert world.authorizations.get(begun.authorization_id) == begun


def test_without_a_selling_partner_nobody_is_named() -> None:
    assert World().begin(secret="s").seller_named is False


def test_an_attempt_reads_back_with_its_outcome() -> None:
    world = World()
    begun = world.begin(secret="s")
    world.memory.items[0] |= {
        "Status": "REFUSED",
        "Reason": "CodeRefused",
        "UsedAt": "2027-01-10T00:05:00+00:00",
        "Continues": "other",
    }
    assert world.authorizations.find(begun.authorization_id) == replace(
        begun, status=Status.REFUSED, reason="CodeRefused", used_at="2027-01-10T00:05:00+00:00", continues="other"
    )


def test_an_attempt_that_is_not_stored() -> None:
    world = World()
    assert world.authorizations.find("x") is None
    with pytest.raises(AuthorizationUnknownError):
        world.authorizations.get("x")


def test_only_its_own_browser_may_finish_an_attempt() -> None:
    begun = World().begin(browser="b")
    assert (begun.is_of_browser("b"), begun.is_of_browser("c"), begun.is_of_browser("")) == (True, False, False)
    assert World().begin().is_of_browser("")


def test_only_the_state_that_was_given_out_counts() -> None:
    begun = World().begin(secret="s")
    assert (begun.has_state(hashed("s")), begun.has_state(hashed("t")), begun.has_state("\u00e9")) == (
        True,
        False,
        False,
    )
    assert not World().begin().has_state(hashed("s"))


@pytest.mark.parametrize("named", [True, False])
def test_a_state_is_bound_to_a_parked_attempt_once(*, named: bool) -> None:
    world = World()
    started = world.begin(secret="s", seller_id="A1" if named else None)
    parked = world.begin(seller_id="A1", parked=Parked("https://amazon/", "s"))
    assert world.authorizations.give_state(parked, "secret", "u", "https://a.example/", started)
    assert world.written["Key"] == {"AuthorizationId": {"S": parked.authorization_id}}
    assert world.written["ConditionExpression"] == "(attribute_not_exists(#n0) AND #n1 = :v0)"
    names = world.written["ExpressionAttributeNames"]
    assert (names["#n0"], names["#n1"]) == ("UsedAt", "Status")
    assert world.written["ExpressionAttributeValues"][":v0"] == {"S": "PENDING"}
    assert values_of(world.written) == {
        "StateHash": {"S": hashed("secret")},
        "HostReference": {"S": "u"},
        "ReturnUrl": {"S": "https://a.example/"},
        "Continues": {"S": started.authorization_id},
        "SellerNamed": {"BOOL": named},
        "ExpiresAt": {"N": str(CREATED + 30 * DAY)},
    }
    assert world.authorizations.give_state(parked, "secret", None, None, None)
    assert values_of(world.written).keys() == {"StateHash", "SellerNamed", "ExpiresAt"}
    assert values_of(world.written)["SellerNamed"] == {"BOOL": False}
    world.refuse()
    assert not world.authorizations.give_state(parked, "secret", None, None, None)


@pytest.mark.parametrize(("expected", "stored"), [("A1", "A1"), (None, "A2")])
def test_a_state_is_used_once_before_it_ends(expected: str | None, stored: str) -> None:
    world = World()
    begun = world.begin(secret="s", seller_id=expected)
    assert world.authorizations.use(begun, "A2")
    assert world.written["Key"] == {"AuthorizationId": {"S": begun.authorization_id}}
    assert world.written["ConditionExpression"] == (
        "(((#n0 = :v0 AND attribute_not_exists(#n1)) AND #n2 = :v1) AND #n3 > :v2)"
    )
    names, values = world.written["ExpressionAttributeNames"], world.written["ExpressionAttributeValues"]
    assert [names[f"#n{number}"] for number in range(4)] == ["StateHash", "UsedAt", "Status", "StateEndsAt"]
    now = {"S": "2027-01-10T00:00:00+00:00"}
    assert [values[f":v{number}"] for number in range(3)] == [{"S": hashed("s")}, {"S": "PENDING"}, now]
    assert values_of(world.written) == {"UsedAt": now, "SellerId": {"S": stored}}
    world.refuse()
    assert not world.authorizations.use(begun, "A2")


def test_an_outcome_is_recorded_for_both_attempts() -> None:
    world = World()
    started, finished = world.begin(secret="s"), world.begin(secret="t")
    continuing = replace(finished, continues=started.authorization_id)
    world.authorizations.end(continuing, Status.CONNECTED, "A1")
    writes = [given for operation, given in world.memory.aws.calls if operation == "UpdateItem"]
    assert [write["Key"]["AuthorizationId"]["S"] for write in writes] == [
        finished.authorization_id,
        started.authorization_id,
    ]
    for write in writes:
        assert write["ConditionExpression"] == "attribute_exists(#n0)"
        assert write["ExpressionAttributeNames"]["#n0"] == "AuthorizationId"
        assert values_of(write) == {"Status": {"S": "CONNECTED"}, "SellerId": {"S": "A1"}}
        assert "REMOVE" not in write["UpdateExpression"]


@pytest.mark.parametrize(("expected", "kept"), [(None, False), ("A1", True)])
def test_only_the_id_of_an_expected_selling_partner_outlives_a_refusal(expected: str | None, *, kept: bool) -> None:
    world = World()
    begun = world.begin(secret="s", seller_id=expected)
    world.authorizations.use(begun, "A1")
    world.authorizations.end(begun, Status.REFUSED, None, Reason.CODE_REFUSED)
    (item,) = world.memory.items
    assert (item["Status"], item["Reason"], "SellerId" in item) == ("REFUSED", "CodeRefused", kept)


def test_the_outcome_can_be_read_for_thirty_days() -> None:
    begun = World().begin()
    assert begun.deleted_at() == CREATED + 30 * DAY
    assert begun.deleted_at(timedelta(days=2)) == CREATED + 2 * DAY
