"""DELETE /tokens/{sellerId}: a seller leaves."""

from collections.abc import Mapping
from typing import Any

from quickstart import http_api, settings, wiring
from quickstart.leaving import StoredReports, leave
from quickstart.observability import logger
from quickstart.validation import Fields
from sp_api.deadline import Deadline


def handler(event: Mapping[str, Any], _context: object) -> http_api.Answer:
    """{sellerId} in the path -> {"sellerId", "status": "SUCCESS", "tokensDeleted", "subscriptionsEnded",
    "reportsDeleted", "objectsDeleted"}.
    """
    return http_api.answer(event, ROUTES)


def _remove(fields: Fields) -> Mapping[str, object]:
    """Ends a seller's subscriptions and deletes the tokens, records and stored reports, and says what it did."""
    seller_id = fields.seller_id()
    fields.finish()
    deadline = Deadline.after(http_api.CALL_BUDGET_SECONDS)
    departure = leave(
        seller_id,
        wiring.selling_partners_table(),
        lambda region: wiring.application(region, deadline),
        StoredReports(wiring.s3(), settings.required("REPORTS_BUCKET"), wiring.reports_table()),
        wiring.solicitations_table() if settings.optional("SOLICITATIONS_TABLE") else None,
        deadline,
    )
    answer = {
        "sellerId": seller_id,
        "status": "SUCCESS",
        "tokensDeleted": departure.tokens_deleted,
        "subscriptionsEnded": departure.subscriptions_ended,
        "reportsDeleted": departure.reports_deleted,
        "objectsDeleted": departure.objects_deleted,
        "solicitationsDeleted": departure.solicitations_deleted,
    }
    logger().info("seller has left", extra={"departure": answer})
    return answer


ROUTES: Mapping[str, http_api.Action] = {"DELETE /tokens/{sellerId}": _remove}
