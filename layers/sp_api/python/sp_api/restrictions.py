"""Listings Restrictions API v2021-08-01: whether a seller may list a product. Vendors cannot call it."""

from dataclasses import dataclass

from sp_api.caller import Caller, Operation
from sp_api.wire import JsonObject, OpenEnum, children, optional_text, text

_GET_LISTINGS_RESTRICTIONS = Operation("getListingsRestrictions", "GET", "/listings/2021-08-01/restrictions", 5)


class ReasonCode(OpenEnum):
    """Why a seller may not list a product."""

    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    ASIN_NOT_FOUND = "ASIN_NOT_FOUND"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"


@dataclass(frozen=True)
class Link:
    """A page of Seller Central where the seller can ask for the approval."""

    url: str
    title: str | None = None


@dataclass(frozen=True)
class Restriction:
    """One reason. `condition_type` None means every condition."""

    marketplace_id: str
    condition_type: str | None
    reason_code: ReasonCode | None
    message: str
    links: tuple[Link, ...]


def get_listings_restrictions(
    caller: Caller,
    seller_id: str,
    marketplace_id: str,
    asin: str,
    *,
    condition_type: str | None = None,
    reason_locale: str | None = None,
) -> tuple[Restriction, ...]:
    """getListingsRestrictions: empty when the seller may list the product.

    A seller who has the approval may remain restricted until the link was opened once (selling-partner-api-models
    issue 4956).
    """
    return caller.call(
        _GET_LISTINGS_RESTRICTIONS,
        _restrictions,
        query={
            "asin": asin,
            "sellerId": seller_id,
            "marketplaceIds": marketplace_id,
            "conditionType": condition_type,
            "reasonLocale": reason_locale,
        },
    )


def _restrictions(document: JsonObject) -> tuple[Restriction, ...]:
    found = children(document, "restrictions", _restriction)
    return tuple(reason for reasons in found for reason in reasons)


def _restriction(document: JsonObject) -> tuple[Restriction, ...]:
    marketplace_id, condition_type = text(document, "marketplaceId"), optional_text(document, "conditionType")

    def reason(entry: JsonObject) -> Restriction:
        code = optional_text(entry, "reasonCode")
        return Restriction(
            marketplace_id,
            condition_type,
            None if code is None else ReasonCode(code),
            optional_text(entry, "message") or "",
            children(entry, "links", lambda link: Link(text(link, "resource"), optional_text(link, "title"))),
        )

    # A restriction without reasons is one all the same.
    return children(document, "reasons", reason) or (
        Restriction(marketplace_id, condition_type, None, "Amazon gives no reason", ()),
    )
