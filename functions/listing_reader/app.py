"""GET /listings, /listings/{sku} and /listings/submissions/{submissionId}: submissions and their outcomes."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quickstart import callers, http_api
from quickstart.invocation import Context
from quickstart.listings import wiring
from quickstart.listings.fields import read_listing
from quickstart.listings.reading import find_submission, list_submissions, read_list_request, read_side_by_side
from quickstart.validation import Fields

_SUBMISSION_ID = re.compile(r"[0-9a-f]{32}")


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{SellerId, ...} -> {"submissions", "nextToken"?}, a SKU's submissions beside Amazon's listing, or one."""
    return http_api.answer(event, context, ROUTES)


def _list(fields: Fields) -> Mapping[str, object]:
    """Lists a seller's submissions, newest first."""
    request = read_list_request(fields)
    return list_submissions(wiring.listings_table(), request, datetime.now(UTC))


def _listing(fields: Fields) -> Mapping[str, object]:
    """Returns your submissions for a SKU, and the listing as Amazon has it."""
    listing = read_listing(fields)
    fields.finish()
    caller = callers.seller(listing.seller_id, listing.region, http_api.call_deadline())
    return read_side_by_side(wiring.listing_ledger(), listing, caller)


def _submission(fields: Fields) -> Mapping[str, object]:
    """Returns one submission: its status, and Amazon's issues."""
    seller_id = fields.seller_id()
    submission_id = fields.matching(
        "SubmissionId", _SUBMISSION_ID, "the submissionId from an earlier response: 32 characters"
    )
    fields.finish()
    return find_submission(wiring.listing_ledger(), seller_id, submission_id)


ROUTES: Mapping[str, http_api.Action] = {
    "GET /listings": _list,
    "GET /listings/{sku}": _listing,
    "GET /listings/submissions/{submissionId}": _submission,
}
