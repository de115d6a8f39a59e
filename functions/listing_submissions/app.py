"""POST /listings, PATCH and DELETE /listings/{sku}: checks, previews and publishes listings."""

from collections.abc import Callable, Mapping
from typing import Any

from quickstart import callers, http_api
from quickstart.invocation import Context
from quickstart.listings import wiring
from quickstart.listings.requests import Submission, handle, read_delete, read_patch, read_put
from quickstart.product_types import store, validation  # noqa: F401 - loaded while the function starts, see wiring
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{SellerId, RegionCode, MarketplaceId, Sku, ...} -> {"submissionId", "status", "issues", "findings", ...}."""
    return http_api.answer(event, context, ROUTES)


def _submit(fields: Fields, read: Callable[[Fields], Submission]) -> Mapping[str, object]:
    submission = read(fields)
    caller = callers.seller(submission.listing.seller_id, submission.listing.region, http_api.call_deadline())
    return handle(submission, caller, wiring.desk())


def _put(fields: Fields) -> Mapping[str, object]:
    """Checks, previews or publishes a listing. Publishing replaces the whole listing."""
    return _submit(fields, read_put)


def _patch(fields: Fields) -> Mapping[str, object]:
    """Changes attributes of a listing."""
    return _submit(fields, read_patch)


def _delete(fields: Fields) -> Mapping[str, object]:
    """Deletes a listing."""
    return _submit(fields, read_delete)


ROUTES: Mapping[str, http_api.Action] = {
    "POST /listings": _put,
    "PATCH /listings/{sku}": _patch,
    "DELETE /listings/{sku}": _delete,
}
