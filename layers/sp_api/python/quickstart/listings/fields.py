"""What requests for listings and for files of listings have in common: the fields that name a listing and its owner.

It loads none of the checks, so that functions which only read start without them.
"""

import re

from quickstart.listings.records import ListingOf, Party
from quickstart.listings.skus import SKU_RULE, sku_fault
from quickstart.refusals import Refusal
from quickstart.validation import Fields

_VENDOR_CODE = re.compile(r"[A-Za-z0-9]{1,64}")
_LOCALE = re.compile(r"[a-z]{2}_[A-Z]{2}")


class ClientTokenReusedError(Refusal):
    """Another submission used this ClientToken before."""

    status = 409
    code = "ClientTokenReused"
    field = "ClientToken"

    def __init__(self, client_token: str) -> None:
        super().__init__(
            f"another submission used ClientToken {client_token} before: use a different token for each submission"
        )


def read_listing(fields: Fields) -> ListingOf:
    """SellerId, RegionCode, MarketplaceId, Sku, PartyType and VendorCode. Adds an error for each invalid one."""
    seller_id, region = fields.seller_id(), fields.region()
    marketplace_id = fields.marketplace_id()
    fields.check_marketplaces("MarketplaceId", [marketplace_id] if marketplace_id else [], region)
    sku = _sku(fields)
    party, vendor_code = read_party(fields)
    return ListingOf(
        seller_id,
        region,
        marketplace_id,
        sku,
        vendor_code or seller_id,
        party,
    )


def read_party(fields: Fields) -> tuple[Party, str]:
    """PartyType and VendorCode, which is empty when there is none. Adds an error for each invalid one."""
    party = fields.choice("PartyType", tuple(Party), required=False)
    rule = "a vendor code, such as MOULI; required for a vendor whose SellerId is not the vendor code"
    vendor_code = optional_text(fields, "VendorCode", _VENDOR_CODE, rule)
    if vendor_code and party == Party.SELLER:
        fields.wrong("VendorCode", "InvalidValue", "VendorCode is for PartyType VENDOR")
    return Party.VENDOR if party == Party.VENDOR or vendor_code else Party.SELLER, vendor_code


def read_issue_locale(fields: Fields) -> str | None:
    """IssueLocale; None when there is none."""
    rule = "the language of Amazon's issues, such as en_US; the marketplace's by default"
    return optional_text(fields, "IssueLocale", _LOCALE, rule) or None


def optional_text(fields: Fields, name: str, pattern: re.Pattern[str], rule: str) -> str:
    """The field's value, which must match the pattern; empty when there is none. Adds an error for an invalid one."""
    value = fields.text(name, required=False, rule=rule)
    if value and not pattern.fullmatch(value):
        fields.wrong(name, "InvalidValue", f"{name} must be {rule}")
        return ""
    return value


def _sku(fields: Fields) -> str:
    sku = fields.text("Sku", rule=SKU_RULE)
    if not sku:
        return ""
    # The field without the white space at its ends, and then as it was sent.
    if fault := sku_fault(sku) or sku_fault(str(fields.body.get("Sku"))):
        fields.wrong("Sku", "InvalidValue", f"Sku {fault}")
        return ""
    return sku
