"""What the vault records of a token when LWA accepts, replaces or refuses it, and when another was stored meanwhile."""

import base64
import json
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from boto3.dynamodb.conditions import ConditionBase
from botocore.exceptions import ClientError, ReadTimeoutError

from quickstart.aws_failures import AwsDeadlineExceededError
from quickstart.dynamodb import DamagedItemError
from quickstart.token_vault import (
    Consent,
    SellerBeingRemovedError,
    SellerUnknownError,
    StoredTokens,
    TokenVault,
    delete_tokens,
    find_token_item,
    has_token,
    token_regions,
)
from sp_api.consent import PartyType
from sp_api.least_recently_used import MOST_ENTRIES
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY = ("A1", "TOKEN#NA")


class Kms:
    """Reversible, and bound to its context; every encryption differs, as KMS's do."""

    def __init__(self) -> None:
        self.count = 0

    def encrypt(self, *, KeyId: str, Plaintext: bytes, EncryptionContext: dict[str, str]) -> dict[str, Any]:  # noqa: N803
        self.count += 1
        sealed = f"{self.count}|{json.dumps(EncryptionContext, sort_keys=True)}|".encode() + Plaintext
        return {"CiphertextBlob": sealed, "KeyId": KeyId}

    def decrypt(self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: dict[str, str]) -> dict[str, Any]:  # noqa: N803
        assert KeyId == "key"
        _, context, plaintext = CiphertextBlob.split(b"|", 2)
        assert context.decode() == json.dumps(EncryptionContext, sort_keys=True)
        return {"Plaintext": plaintext}


class Items:
    """A table in memory: the real one cannot be changed between a reading and the write that follows it."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}

    def get(self, key: dict[str, str]) -> dict[str, Any] | None:
        return self.items.get((key["SellerId"], key["Item"]))

    def put(self, item: dict[str, Any]) -> None:
        kept = {name: value for name, value in item.items() if value is not None}
        self.items[item["SellerId"], item["Item"]] = kept

    def update(
        self,
        key: dict[str, str],
        values: dict[str, Any],
        *,
        unless_present: dict[str, Any] | None = None,
        remove: Iterable[str] = (),
        condition: ConditionBase,
    ) -> bool:
        item = self.items.get((key["SellerId"], key["Item"]), {})
        attribute, expected = condition.get_expression()["values"]
        if item.get(attribute.name) != expected:
            return False
        item |= values
        for name, value in (unless_present or {}).items():
            item.setdefault(name, value)
        for name in remove:
            item.pop(name, None)
        return True


@pytest.fixture
def items() -> Items:
    return Items()


@pytest.fixture
def vault(items: Items) -> TokenVault:
    table: Any = items
    kms: Any = Kms()
    return TokenVault(table, kms, "key", lambda: NOW)


def test_a_consent_is_stored_beside_its_token(vault: TokenVault, items: Items) -> None:
    vault.store("A1", Region.NA, "Atzr|1", Consent(PartyType.VENDOR, NOW, "id", "user"))
    item = items.items[KEY]
    assert (item["PartyType"], item["ConsentedAt"], item["AuthorizationId"], item["HostReference"]) == (
        "vendor",
        "2026-11-26T12:00:00+00:00",
        "id",
        "user",
    )
    vault.store("A1", Region.NA, "Atzr|2")
    assert "ConsentedAt" not in items.items[KEY]


def test_a_token_that_works(vault: TokenVault, items: Items) -> None:
    vault.store("A1", Region.NA, "Atzr|1")
    token = vault.refresh_token("A1", Region.NA)
    assert token() == "Atzr|1"
    token.revoked("Atzr|1")
    assert items.items[KEY]["ReconnectSince"] == "2026-11-26T12:00:00+00:00"
    token.granted("Atzr|1", "Atzr|1")
    assert items.items[KEY]["WorkedAt"] == "2026-11-26T12:00:00+00:00"
    assert "ReconnectSince" not in items.items[KEY]


def test_since_when_a_token_is_refused_is_kept(vault: TokenVault, items: Items) -> None:
    vault.store("A1", Region.NA, "Atzr|1")
    token = vault.refresh_token("A1", Region.NA)
    token.revoked("Atzr|1")
    items.items[KEY]["ReconnectSince"] = "earlier"
    token.revoked("Atzr|1")
    assert items.items[KEY]["ReconnectSince"] == "earlier"


def test_a_changed_token_is_stored_and_used(vault: TokenVault) -> None:
    vault.store("A1", Region.NA, "Atzr|1")
    token = vault.refresh_token("A1", Region.NA)
    token.granted("Atzr|1", "Atzr|2")
    assert token() == "Atzr|2"
    assert vault.refresh_token("A1", Region.NA)(fresh=True) == "Atzr|2"


def test_a_token_for_every_region_is_changed_where_it_is(vault: TokenVault, items: Items) -> None:
    vault.store("A1", None, "Atzr|1")
    vault.refresh_token("A1", Region.EU).granted("Atzr|1", "Atzr|2")
    assert items.items.keys() == {("A1", "TOKEN#*")}
    assert vault.refresh_token("A1", Region.FE)() == "Atzr|2"


@pytest.mark.parametrize("outcome", ["revoked", "granted", "changed"])
def test_a_token_that_was_stored_meanwhile_is_left_alone(vault: TokenVault, items: Items, outcome: str) -> None:
    """A seller connects again while an older function still asks with the old token."""
    vault.store("A1", Region.NA, "Atzr|1")
    token = vault.refresh_token("A1", Region.NA)
    assert token() == "Atzr|1"
    vault.store("A1", Region.NA, "Atzr|new")
    stored = dict(items.items[KEY])
    if outcome == "revoked":
        token.revoked("Atzr|1")
    else:
        token.granted("Atzr|1", "Atzr|1" if outcome == "granted" else "Atzr|2")
    assert items.items[KEY] == stored
    assert token(fresh=True) == "Atzr|new"


def test_what_was_asked_with_another_token_says_nothing(vault: TokenVault, items: Items) -> None:
    vault.store("A1", Region.NA, "Atzr|1")
    token = vault.refresh_token("A1", Region.NA)
    token.revoked("Atzr|other")
    token.granted("Atzr|other", "Atzr|another")
    assert items.items[KEY].keys() == {"SellerId", "Item", "Ciphertext", "KeyArn", "StoredAt"}


FAILURES = [
    ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not yet"}}, "UpdateItem"),
    ReadTimeoutError(endpoint_url="https://dynamodb"),
    AwsDeadlineExceededError("UpdateItem"),
]


class Refusing(Items):
    """Takes no update, as while a new permission spreads."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure = failure

    def update(self, *_: object, **__: object) -> bool:
        raise self.failure


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_note_that_fails_does_not_fail_the_request(
    failure: Exception, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    table: Any = Refusing(failure)
    kms: Any = Kms()
    vault = TokenVault(table, kms, "key", lambda: NOW)
    vault.store("A1", Region.NA, "Atzr|1")
    token = vault.refresh_token("A1", Region.NA)
    token.granted("Atzr|1", "Atzr|1")
    token.revoked("Atzr|1")
    noted = {
        "level": "WARNING",
        "message": "the state of a refresh token was not recorded",
        "reason": str(failure),
        "seller_id": "A1",
    }
    assert [{name: line[name] for name in noted} for line in log_lines()] == [noted, noted]
    with pytest.raises(type(failure)):
        token.granted("Atzr|1", "Atzr|2")


def test_a_token_shows_in_no_repr(vault: TokenVault) -> None:
    vault.store("A1", Region.NA, "Atzr|1")
    token = vault.refresh_token("A1", Region.NA)
    token()
    assert "Atzr" not in repr(token)
    assert "Atzr" not in repr(vault)
    assert "Atzr" not in repr(vault._read("A1", Region.NA))


def test_a_seller_without_a_token(vault: TokenVault) -> None:
    for read in (vault.refresh_token("A1", Region.NA), lambda: vault.require("A1", Region.NA)):
        with pytest.raises(SellerUnknownError) as unknown:
            read()
        assert str(unknown.value) == (
            "no refresh token is stored for seller A1 in region NA: store it with POST /tokens first"
        )
    vault.store("A1", Region.NA, "Atzr|1")
    vault.require("A1", Region.NA)


@pytest.mark.parametrize(
    ("stored", "region"),
    [
        ([Region.FE], Region.FE),
        ([], None),
        ([None], None),
        ([Region.NA, Region.FE], None),
        ([Region.FE, None], None),
    ],
)
def test_a_seller_with_one_token_has_one_region(
    vault: TokenVault, stored: list[Region | None], region: Region | None
) -> None:
    vault.store("A2", Region.EU, "Atzr|2")
    for code in stored:
        vault.store("A1", code, "Atzr|1")
    assert stored_tokens(vault, "A1").only_region is region


@pytest.mark.parametrize(("stored", "known"), [([Region.FE], True), ([None], True), ([Region.NA, Region.EU], False)])
def test_a_token_of_the_region_or_of_every_region_is_required(
    vault: TokenVault, stored: list[Region | None], known: bool
) -> None:
    for code in stored:
        vault.store("A1", code, "Atzr|1")
    with nullcontext() if known else pytest.raises(SellerUnknownError, match="A1 in region FE"):
        stored_tokens(vault, "A1").require(Region.FE)


def stored_tokens(vault: TokenVault, seller_id: str) -> StoredTokens:
    return StoredTokens.of(seller_id, map(vault.table.get, StoredTokens.keys(seller_id)))


def test_a_warm_function_does_not_remember_every_seller(aws: Aws) -> None:
    vault = TokenVault(MemoryTable(aws, "SellerId", "Item").table, aws.client("kms"), "key")
    for number in range(MOST_ENTRIES + 500):
        vault.refresh_token(f"A{number}", Region.EU)
    assert len(vault._held) == MOST_ENTRIES


@pytest.mark.parametrize("stored", ["EU", "*"])
def test_a_seller_has_a_token_while_one_is_stored_for_any_region(stored: str) -> None:
    table = MemoryTable(Aws(), "SellerId", "Item")
    table.items = [{"SellerId": "A1", "Item": f"TOKEN#{stored}"}, {"SellerId": "A2", "Item": "SUBSCRIPTION#EU#X"}]
    assert has_token(table.table, "A1")
    assert has_token(table.table, "A1", Region(stored) if stored != "*" else Region.FE)
    assert not has_token(table.table, "A2")
    assert not has_token(table.table, "A3")


def test_the_likely_region_is_read_first() -> None:
    aws = Aws()
    table = MemoryTable(aws, "SellerId", "Item")
    table.items = [{"SellerId": "A1", "Item": "TOKEN#FE"}]
    assert has_token(table.table, "A1", Region.FE)
    assert len(aws.operations) == 1


def test_what_is_stored_of_a_token(vault: TokenVault, items: Items) -> None:
    vault.store("A1", None, "Atzr|1")
    sealed = b'1|{"RegionCode": "*", "SellerId": "A1"}|Atzr|1'
    assert items.items == {
        ("A1", "TOKEN#*"): {
            "SellerId": "A1",
            "Item": "TOKEN#*",
            "Ciphertext": base64.b64encode(sealed).decode(),
            "KeyArn": "key",
            "StoredAt": "2026-11-26T12:00:00.000000+00:00",
        }
    }


def test_a_token_that_lwa_replaced_works(vault: TokenVault, items: Items) -> None:
    vault.store("A1", Region.NA, "Atzr|1", Consent(PartyType.SELLER, NOW, "id"))
    stored = dict(items.items[KEY])
    token = vault.refresh_token("A1", Region.NA)
    token.revoked("Atzr|1")
    token.granted("Atzr|1", "Atzr|2")
    assert items.items[KEY] == stored | {
        "Ciphertext": items.items[KEY]["Ciphertext"],
        "WorkedAt": "2026-11-26T12:00:00+00:00",
    }
    assert items.items[KEY]["Ciphertext"] != stored["Ciphertext"]


@pytest.mark.parametrize("ciphertext", ["c2Vj!cmV0", "x", None, 7])
def test_a_ciphertext_that_somebody_changed(vault: TokenVault, items: Items, ciphertext: object) -> None:
    vault.store("A1", Region.NA, "Atzr|1")
    items.items[KEY]["Ciphertext"] = ciphertext
    with pytest.raises(DamagedItemError, match="the stored item TOKEN#NA of A1 cannot be read"):
        vault.refresh_token("A1", Region.NA)()


def test_each_update_is_of_the_token_that_was_read() -> None:
    aws = Aws()
    table = MemoryTable(aws, "SellerId", "Item")
    kms: Any = Kms()
    vault = TokenVault(table.table, kms, "key", lambda: NOW)
    vault.store("A1", None, "Atzr|1")
    token = vault.refresh_token("A1", Region.EU)
    token.revoked("Atzr|1")
    token.granted("Atzr|1", "Atzr|1")
    ciphertext = table.items[0]["Ciphertext"]
    revoked, worked = (given for operation, given in aws.calls if operation == "UpdateItem")
    for update in (revoked, worked):
        assert update["Key"] == {"SellerId": {"S": "A1"}, "Item": {"S": "TOKEN#*"}}
        assert update["ConditionExpression"] == "#n0 = :v0"
        assert update["ExpressionAttributeNames"]["#n0"] == "Ciphertext"
        assert update["ExpressionAttributeValues"][":v0"] == {"S": ciphertext}
    assert revoked["UpdateExpression"] == "SET #a1 = if_not_exists(#a1, :a1)"
    assert worked["UpdateExpression"] == "SET #a2 = :a2 REMOVE #a1"
    assert worked["ExpressionAttributeNames"] == {"#n0": "Ciphertext", "#a1": "ReconnectSince", "#a2": "WorkedAt"}


@pytest.mark.parametrize(
    ("likely", "codes"),
    [(None, ["NA", "EU", "FE", "*"]), (Region.FE, ["FE", "*", "NA", "EU"]), (Region.NA, ["NA", "*", "EU", "FE"])],
)
def test_each_region_is_read_once_the_likely_ones_first(likely: Region | None, codes: list[str]) -> None:
    aws = Aws()
    assert not has_token(MemoryTable(aws, "SellerId", "Item").table, "A1", likely)
    assert [given["Key"] for _, given in aws.calls] == [
        {"SellerId": {"S": "A1"}, "Item": {"S": f"TOKEN#{code}"}} for code in codes
    ]


def test_the_tokens_of_a_seller_are_deleted_and_nothing_else() -> None:
    table = MemoryTable(Aws(), "SellerId", "Item")
    others = [{"SellerId": "A1", "Item": "SUBSCRIPTION#NA#X#1.0"}, {"SellerId": "A2", "Item": "TOKEN#NA"}]
    table.items = [{"SellerId": "A1", "Item": "TOKEN#NA"}, *others, {"SellerId": "A1", "Item": "TOKEN#*"}]
    assert token_regions(table.table, "A1") == ("NA", "*")
    assert delete_tokens(table.table, "A1") == 2
    assert table.items == others
    assert delete_tokens(table.table, "A1") == 0


def test_the_token_of_a_region_comes_before_that_of_every_region() -> None:
    table = MemoryTable(Aws(), "SellerId", "Item")
    table.items = [{"SellerId": "A1", "Item": "TOKEN#*"}, {"SellerId": "A1", "Item": "TOKEN#NA"}]
    assert find_token_item(table.table, "A1", Region.NA) == table.items[1]
    assert find_token_item(table.table, "A1", Region.EU) == table.items[0]
    assert find_token_item(table.table, "A2", Region.EU) is None


def test_a_seller_that_is_being_removed_is_named_with_what_to_send() -> None:
    assert str(SellerBeingRemovedError("A1")) == (
        "seller A1 has no refresh token, but still has records: DELETE /tokens/A1 is in progress, or must be sent again"
    )
