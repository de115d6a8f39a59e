"""POST /tokens: stores a seller's refresh token."""

from collections.abc import Mapping
from typing import Any

from quickstart import callers, http_api
from quickstart.invocation import Context
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{SellerId, RefreshToken, RegionCode?, Verify?} -> {"sellerId", "status": "SUCCESS"}."""
    return http_api.answer(event, context, ROUTES)


def _store(fields: Fields) -> Mapping[str, object]:
    """Encrypts and stores a seller's refresh token, and replaces an earlier one."""
    seller_id = fields.seller_id()
    refresh_token = fields.refresh_token()
    region = fields.optional_region()
    verify = fields.flag(
        "Verify", rule="true to store the token only if Login with Amazon (LWA) accepts it; false by default"
    )
    fields.finish()
    if verify:
        callers.check_refresh_token(refresh_token, http_api.call_deadline())
    callers.token_vault().store(seller_id, region, refresh_token)
    return {"sellerId": seller_id, "status": "SUCCESS"}


ROUTES: Mapping[str, http_api.Action] = {"POST /tokens": _store}
