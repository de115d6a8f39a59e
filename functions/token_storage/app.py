"""POST /tokens: stores a seller's refresh token."""

from collections.abc import Mapping
from typing import Any

from quickstart import http_api, wiring
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], _context: object) -> http_api.Answer:
    """{SellerId, RefreshToken, RegionCode?} -> {"sellerId", "status": "SUCCESS"}."""
    return http_api.answer(event, ROUTES)


def _store(fields: Fields) -> Mapping[str, object]:
    """Stores a seller's refresh token, encrypted, in place of an earlier one."""
    seller_id = fields.seller_id()
    refresh_token = fields.refresh_token()
    region = fields.optional_region()
    fields.finish()
    wiring.token_vault().store(seller_id, region, refresh_token)
    return {"sellerId": seller_id, "status": "SUCCESS"}


ROUTES: Mapping[str, http_api.Action] = {"POST /tokens": _store}
