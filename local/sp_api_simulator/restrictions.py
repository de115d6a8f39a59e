"""The Listings Restrictions API. Its errors are a bare list, unlike those of every other API."""

from __future__ import annotations

import re

from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.errors import OperationError
from sp_api_simulator.listing_state import Json, Restriction
from sp_api_simulator.marketplaces import MARKETPLACES
from sp_api_simulator.state import State

ASIN = re.compile(r"[A-Z0-9]{10}")


class RestrictionError(OperationError):
    """selling-partner-api-models, listingsRestrictions_2021-08-01.json: a bare list, and the words of its 400."""

    def body(self) -> Json:
        return [{"code": self.code, "message": self.message}]


async def get_listings_restrictions(state: State, call: Call) -> Answer:
    if state.sellers[call.token.seller_id].vendor:
        raise RestrictionError(403, "Unauthorized", "Access to requested resource is denied.")
    asin, marketplace_ids = call.query.get("asin", ""), call.list_parameter("marketplaceIds")
    if not ASIN.fullmatch(asin):
        raise _invalid("asin")
    if call.query.get("sellerId") != call.token.seller_id:
        raise _invalid("sellerId")
    if not marketplace_ids or not set(marketplace_ids) <= MARKETPLACES[call.region]:
        raise _invalid("marketplaceIds")
    condition = call.query.get("conditionType", "")
    found = [
        entry
        for entry in state.listings.restrictions.get((call.token.seller_id, asin), [])
        if entry.marketplace_id in marketplace_ids and condition in ("", entry.condition_type or condition)
    ]
    if asin not in state.listings.products:
        text = "The ASIN was not found in the catalog."
        found = [Restriction(entry, "", "ASIN_NOT_FOUND", text, "") for entry in marketplace_ids]
    return Answer(200, {"restrictions": [_json(entry) for entry in found]})


def _invalid(name: str) -> RestrictionError:
    return RestrictionError(400, "BAD_REQUEST", f"Invalid '{name}' provided.")


def _json(entry: Restriction) -> Json:
    links = [{"resource": entry.link, "verb": "GET", "title": "Request approval", "type": "text/html"}]
    reason = {"message": entry.message, "reasonCode": entry.reason_code, "links": links if entry.link else []}
    condition = {"conditionType": entry.condition_type} if entry.condition_type else {}
    return {"marketplaceId": entry.marketplace_id, **condition, "reasons": [reason]}
