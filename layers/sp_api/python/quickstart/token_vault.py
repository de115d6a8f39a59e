"""Refresh tokens, encrypted with KMS, in the SellingPartners table."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from quickstart.aws_failures import FAILED_CALLS
from quickstart.dynamodb import Item, Table, reading_item
from quickstart.invocation import ExpectedError
from quickstart.observability import logger
from quickstart.refusals import Refusal
from quickstart.remembered import Remembered
from quickstart.times import to_text
from sp_api.least_recently_used import LeastRecentlyUsed
from sp_api.regions import Region

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

    from sp_api.consent import PartyType

# A token stored without a region is used for every region without a token of its own.
ANY_REGION = "*"
ITEM_PREFIX = "TOKEN#"


class SellerUnknownError(Refusal):
    """No refresh token is stored for this seller in this region."""

    status = 404
    code = "SellerUnknown"
    field = "SellerId"

    def __init__(self, seller_id: str, region: str) -> None:
        super().__init__(
            f"no refresh token is stored for seller {seller_id} in region {region}: store it with POST /tokens first"
        )


class SellerBeingRemovedError(ExpectedError):
    """The seller has no token for any region, but records: a removal deletes records after tokens.

    A retry finds no record any more, unless the removal ended early.
    """

    def __init__(self, seller_id: str) -> None:
        super().__init__(
            f"seller {seller_id} has no refresh token, but still has records: DELETE /tokens/{seller_id} is in "
            "progress, or must be sent again"
        )


def token_key(seller_id: str, region_code: str) -> Mapping[str, str]:
    """The key of a token in the SellingPartners table."""
    return {"SellerId": seller_id, "Item": ITEM_PREFIX + region_code}


def region_code_of(item: Item) -> str:
    """The region code in the key of a token's item."""
    return str(item["Item"]).removeprefix(ITEM_PREFIX)


def token_items(table: Table, seller_id: str) -> Sequence[Item]:
    """The items of the seller's tokens in all regions."""
    return table.query("SellerId", seller_id, starts_with=("Item", ITEM_PREFIX))


def find_token_item(table: Table, seller_id: str, region: Region) -> Item | None:
    """The item of the seller's token for this region, or of the one for every region."""
    found = (table.get(token_key(seller_id, region_code)) for region_code in (str(region), ANY_REGION))
    return next((item for item in found if item is not None), None)


def has_token(table: Table, seller_id: str, likely: Region | None = None) -> bool:
    """Whether a token is stored for the seller in any region; `likely` is the region to try first."""
    first = [] if likely is None else [str(likely), ANY_REGION]
    codes = dict.fromkeys([*first, *map(str, Region), ANY_REGION])
    return any(table.get(token_key(seller_id, code)) is not None for code in codes)


def token_regions(table: Table, seller_id: str) -> tuple[str, ...]:
    """The region codes of the seller's tokens in the SellingPartners table; `*` means every region."""
    return tuple(region_code_of(item) for item in token_items(table, seller_id))


@dataclass(frozen=True)
class StoredTokens:
    """For which regions a seller has a token: region codes, and `*` for every region."""

    seller_id: str
    region_codes: Sequence[str]

    @classmethod
    def keys(cls, seller_id: str) -> Sequence[Item]:
        """The keys of all tokens that the seller may have."""
        return [token_key(seller_id, code) for code in (*Region, ANY_REGION)]

    @classmethod
    def of(cls, seller_id: str, items: Iterable[Item | None]) -> "StoredTokens":
        """From the items with these keys."""
        return cls(seller_id, [region_code_of(item) for item in items if item is not None])

    def require(self, region: Region) -> None:
        """Raises SellerUnknownError when there is none for this region."""
        if not {str(region), ANY_REGION} & {*self.region_codes}:
            raise SellerUnknownError(self.seller_id, region)

    @property
    def only_region(self) -> Region | None:
        """The region of the only token; None when there are several, none, or one for every region."""
        match self.region_codes:
            case [code] if code != ANY_REGION:
                return Region(code)
        return None


def delete_tokens(table: Table, seller_id: str) -> int:
    """Deletes the seller's tokens of all regions and returns how many there were."""
    regions = token_regions(table, seller_id)
    for region_code in regions:
        table.delete(token_key(seller_id, region_code))
    return len(regions)


@dataclass(frozen=True)
class Consent:
    """What is stored beside a token that a consent page gave. A vendor's seller id is its vendor group."""

    party: "PartyType"
    consented_at: datetime
    authorization_id: str
    host_reference: str | None = None


@dataclass(frozen=True)
class _Decrypted:
    """A token with the ciphertext that it was read from."""

    value: str = field(repr=False)
    ciphertext: str
    region_code: str


@dataclass(frozen=True)
class TokenVault:
    """Stores refresh tokens and reads them back.

    Each is encrypted under the key with the encryption context {SellerId, RegionCode}, so that one seller's ciphertext
    cannot be decrypted in another seller's record.
    """

    table: Table
    kms: "KMSClient"
    key_arn: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _held: LeastRecentlyUsed[tuple[str, Region], "SellerToken"] = field(default_factory=LeastRecentlyUsed, repr=False)

    def store(self, seller_id: str, region: Region | None, refresh_token: str, consent: Consent | None = None) -> None:
        """Writes the token, replacing an earlier one for the same seller and region; None means every region."""
        region_code = region or ANY_REGION
        known: Item = {}
        if consent is not None:
            known = {
                "PartyType": consent.party,
                "ConsentedAt": to_text(consent.consented_at),
                "AuthorizationId": consent.authorization_id,
                "HostReference": consent.host_reference,
            }
        self.table.put(
            {
                **token_key(seller_id, region_code),
                **self._encrypted(seller_id, region_code, refresh_token),
                "StoredAt": to_text(self.now(), unit="microseconds"),
                **known,
            }
        )

    def refresh_token(self, seller_id: str, region: Region) -> "SellerToken":
        """The seller's token as a cached value; calling it raises SellerUnknownError when there is none."""
        return self._held.get_or_put(
            (seller_id, region), lambda: SellerToken(self, seller_id, Remembered(lambda: self._read(seller_id, region)))
        )

    def require(self, seller_id: str, region: Region) -> None:
        """Raises SellerUnknownError when no token is stored now, even if one is cached."""
        self._stored_item(seller_id, region)

    def replace(self, seller_id: str, held: _Decrypted, refresh_token: str) -> None:
        """Stores the token that LWA returned in place of the one it was asked with, unless another was stored since."""
        changed = {**self._encrypted(seller_id, held.region_code, refresh_token), "WorkedAt": to_text(self.now())}
        self._note(seller_id, held, changed, remove=("ReconnectSince",))

    def note_working(self, seller_id: str, held: _Decrypted) -> None:
        """Records that LWA accepts the token."""
        self._note(seller_id, held, {"WorkedAt": to_text(self.now())}, remove=("ReconnectSince",))

    def note_revoked(self, seller_id: str, held: _Decrypted) -> None:
        """Records that LWA refuses the token, and since when."""
        self._note(seller_id, held, {}, unless_present={"ReconnectSince": to_text(self.now())})

    def _note(
        self,
        seller_id: str,
        held: _Decrypted,
        values: Item,
        *,
        unless_present: Item | None = None,
        remove: Iterable[str] = (),
    ) -> None:
        """Updates the item only if it still contains this token, not one that was stored since."""
        self.table.update(
            token_key(seller_id, held.region_code),
            values,
            unless_present=unless_present,
            remove=remove,
            condition=Attr("Ciphertext").eq(held.ciphertext),
        )

    def _encrypted(self, seller_id: str, region_code: str, refresh_token: str) -> Item:
        encrypted = self.kms.encrypt(
            KeyId=self.key_arn,
            Plaintext=refresh_token.encode(),
            EncryptionContext=_encryption_context(seller_id, region_code),
        )
        ciphertext = base64.b64encode(encrypted["CiphertextBlob"]).decode()
        return {"Ciphertext": ciphertext, "KeyArn": encrypted["KeyId"]}

    def _read(self, seller_id: str, region: Region) -> _Decrypted:
        item = self._stored_item(seller_id, region)
        region_code = region_code_of(item)
        with reading_item(f"{ITEM_PREFIX}{region_code} of {seller_id}"):
            ciphertext = base64.b64decode(item["Ciphertext"], validate=True)
        decrypted = self.kms.decrypt(
            KeyId=self.key_arn,
            CiphertextBlob=ciphertext,
            EncryptionContext=_encryption_context(seller_id, region_code),
        )
        return _Decrypted(decrypted["Plaintext"].decode(), item["Ciphertext"], region_code)

    def _stored_item(self, seller_id: str, region: Region) -> Item:
        item = find_token_item(self.table, seller_id, region)
        if item is None:
            raise SellerUnknownError(seller_id, region)
        return item


@dataclass(frozen=True)
class SellerToken:
    """A seller's refresh token as LWA's client reads it, and the vault's record of whether LWA accepts it.

    Satisfies `sp_api.lwa.StoredValue` and `sp_api.lwa.GrantObserver`.
    """

    vault: TokenVault
    seller_id: str
    _held: Remembered[_Decrypted]

    def __call__(self, *, fresh: bool = False) -> str:
        return self._held(fresh=fresh).value

    def granted(self, refresh_token: str, returned: str) -> None:
        """Stores the token if LWA returned a new one; otherwise records when the token worked."""
        held = self._held()
        if held.value != refresh_token:
            return
        if returned == refresh_token:
            self._note(self.vault.note_working, held)
            return
        self.vault.replace(self.seller_id, held, returned)
        self._held(fresh=True)

    def revoked(self, refresh_token: str) -> None:
        """Marks the connection: the seller must authorize the application again."""
        held = self._held()
        if held.value == refresh_token:
            self._note(self.vault.note_revoked, held)

    def _note(self, note: Callable[[str, _Decrypted], None], held: _Decrypted) -> None:
        """If the state of a token cannot be recorded, the request still succeeds, and the log says so."""
        try:
            note(self.seller_id, held)
        except FAILED_CALLS as error:
            logger().warning(
                "the state of a refresh token was not recorded", reason=str(error), extra={"seller_id": self.seller_id}
            )


def _encryption_context(seller_id: str, region_code: str) -> dict[str, str]:
    return {"SellerId": seller_id, "RegionCode": region_code}
