"""Refresh tokens, encrypted with KMS, in the SellingPartners table."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quickstart.dynamodb import Item, Table
from quickstart.remembered import Remembered
from sp_api.regions import Region

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

# A token stored without a region serves every region that has none of its own.
ANY_REGION = "*"
_PREFIX = "TOKEN#"


class SellerUnknownError(LookupError):
    """No refresh token is stored for this seller in this region."""

    def __init__(self, seller_id: str, region: str) -> None:
        super().__init__(
            f"no refresh token is stored for seller {seller_id} in region {region}: store it with POST /tokens first"
        )


def token_regions(table: Table, seller_id: str) -> tuple[str, ...]:
    """The region codes for which the SellingPartners table has a token of the seller, `*` for every region."""
    stored = table.query("SellerId", seller_id, starts_with=("Item", _PREFIX))
    return tuple(str(item["Item"]).removeprefix(_PREFIX) for item in stored)


def delete_tokens(table: Table, seller_id: str) -> int:
    """Deletes the seller's tokens of all regions; gives their number."""
    regions = token_regions(table, seller_id)
    for region_code in regions:
        table.delete({"SellerId": seller_id, "Item": _PREFIX + region_code})
    return len(regions)


@dataclass(frozen=True)
class TokenVault:
    """Stores refresh tokens and reads them back.

    Each is encrypted under the key with the encryption context {SellerId, RegionCode}, so that one seller's ciphertext
    copied into another's record does not decrypt.
    """

    table: Table
    kms: "KMSClient"
    key_arn: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _held: dict[tuple[str, Region], Remembered[str]] = field(default_factory=dict, repr=False)

    def store(self, seller_id: str, region: Region | None, refresh_token: str) -> None:
        """Writes the token in place of an earlier one for the same seller and region; None is every region."""
        region_code = region or ANY_REGION
        encrypted = self.kms.encrypt(
            KeyId=self.key_arn,
            Plaintext=refresh_token.encode(),
            EncryptionContext=_encryption_context(seller_id, region_code),
        )
        self.table.put(
            {
                "SellerId": seller_id,
                "Item": _PREFIX + region_code,
                "Ciphertext": base64.b64encode(encrypted["CiphertextBlob"]).decode(),
                "KeyArn": encrypted["KeyId"],
                "StoredAt": self.now().isoformat(timespec="seconds"),
            }
        )

    def refresh_token(self, seller_id: str, region: Region) -> Remembered[str]:
        """The seller's token as a stored value; calling it raises SellerUnknownError when there is none."""
        key = (seller_id, region)
        if key not in self._held:
            self._held[key] = Remembered(lambda: self._read(seller_id, region))
        return self._held[key]

    def require(self, seller_id: str, region: Region) -> None:
        """Raises SellerUnknownError when no token is stored now, whatever is remembered of one."""
        self._stored(seller_id, region)

    def _read(self, seller_id: str, region: Region) -> str:
        region_code, item = self._stored(seller_id, region)
        decrypted = self.kms.decrypt(
            KeyId=self.key_arn,
            CiphertextBlob=base64.b64decode(item["Ciphertext"]),
            EncryptionContext=_encryption_context(seller_id, region_code),
        )
        return decrypted["Plaintext"].decode()

    def _stored(self, seller_id: str, region: Region) -> tuple[str, Item]:
        for region_code in (str(region), ANY_REGION):
            item = self.table.get({"SellerId": seller_id, "Item": _PREFIX + region_code})
            if item is not None:
                return region_code, item
        raise SellerUnknownError(seller_id, region)


def _encryption_context(seller_id: str, region_code: str) -> dict[str, str]:
    return {"SellerId": seller_id, "RegionCode": region_code}
