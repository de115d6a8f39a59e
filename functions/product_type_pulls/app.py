"""/product-types/pulls: starts, shows, resumes and ends pulls of product type definitions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quickstart import callers, http_api
from quickstart.invocation import Context
from quickstart.product_types import wiring
from quickstart.product_types.requests import (
    end_pull,
    read_pull_id,
    read_pull_request,
    read_show_request,
    resume_pull,
    show_pull,
    start_pull,
)
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{SellerId, RegionCode, MarketplaceIds, ProductTypes | Keywords | All, Requirements?, RequirementsEnforced?,
    Locale?, ParentageLevel?, RefreshDaily?, ClientToken?} -> {"pullId"}, and {PullId} -> its progress.
    """
    return http_api.answer(event, context, ROUTES)


def _start(fields: Fields) -> Mapping[str, object]:
    """Fetches product type definitions from SP-API in the background."""
    request = read_pull_request(fields)
    return start_pull(wiring.pulls(), wiring.machine(), request, callers.token_vault().require, datetime.now(UTC))


def _show(fields: Fields) -> Mapping[str, object]:
    """Returns a pull's progress, what failed and why, and which product types SP-API substituted."""
    pull_id, limit, after = read_show_request(fields)
    return show_pull(wiring.pulls(), wiring.machine(), pull_id, limit, after)


def _resume(fields: Fields) -> Mapping[str, object]:
    """Continues a pull that failed or was stopped."""
    pull_id = read_pull_id(fields)
    return resume_pull(wiring.pulls(), wiring.machine(), pull_id)


def _end(fields: Fields) -> Mapping[str, object]:
    """Stops a pull and its daily refresh, and keeps the stored definitions."""
    pull_id = read_pull_id(fields)
    return end_pull(wiring.pulls(), wiring.machine(), pull_id)


ROUTES: Mapping[str, http_api.Action] = {
    "POST /product-types/pulls": _start,
    "GET /product-types/pulls/{pullId}": _show,
    "POST /product-types/pulls/{pullId}/resume": _resume,
    "DELETE /product-types/pulls/{pullId}": _end,
}
