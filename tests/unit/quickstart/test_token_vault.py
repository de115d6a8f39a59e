"""What the vault records of a token when LWA accepts, replaces or refuses it, and when another was stored meanwhile."""

import json
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from boto3.dynamodb.conditions import ConditionBase
from botocore.exceptions import ClientError, ReadTimeoutError

from quickstart.aws_failures import AwsDeadlineExceededError
from quickstart.token_vault import Consent, SellerUnknownError, StoredTokens, TokenVault, has_token
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
def test_a_note_that_fails_does_not_fail_the_request(failure: Exception) -> None:
    table: Any = Refusing(failure)
    kms: Any = Kms()
    vault = TokenVault(table, kms, "key", lambda: NOW)
    vault.store("A1", Region.NA, "Atzr|1")
    token = vault.refresh_token("A1", Region.NA)
    token.granted("Atzr|1", "Atzr|1")
    token.revoked("Atzr|1")
    with pytest.raises(type(failure)):
        token.granted("Atzr|1", "Atzr|2")


def test_a_token_shows_in_no_repr(vault: TokenVault) -> None:
    vault.store("A1", Region.NA, "Atzr|1")
    token = vault.refresh_token("A1", Region.NA)
    token()
    assert "Atzr" not in repr(token)
    assert "Atzr" not in repr(vault)


def test_a_seller_without_a_token(vault: TokenVault) -> None:
    with pytest.raises(SellerUnknownError):
        vault.refresh_token("A1", Region.NA)()


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
