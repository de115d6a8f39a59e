"""DELETE /tokens/{sellerId}: removes a seller."""

from collections.abc import Mapping
from typing import Any

from quickstart import callers, clients, http_api, settings
from quickstart.authorization.records import SELLER_INDEX as ATTEMPTS_INDEX
from quickstart.authorization.wiring import authorizations_table
from quickstart.invocation import Context
from quickstart.listings.feed_ledger import SELLER_INDEX as FEEDS_INDEX
from quickstart.listings.feed_wiring import feeds_table
from quickstart.listings.ledger import SELLER_INDEX as SUBMISSIONS_INDEX
from quickstart.listings.wiring import listings_table
from quickstart.product_types.pulls import SELLER_INDEX as PULLS_INDEX
from quickstart.product_types.wiring import product_types_table
from quickstart.reports.wiring import reports_table
from quickstart.seller_removal import Identities, SellerItems, SellerObjects, StoredReports, remove_seller
from quickstart.solicitations.ledger import NOT_AN_ORDER
from quickstart.solicitations.ledger import SELLER_INDEX as ORDERS_INDEX
from quickstart.solicitations.wiring import solicitations_table
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{sellerId} in the path -> {"sellerId", "status": "SUCCESS", "tokensDeleted", "subscriptionsEnded",
    "reportsDeleted", "objectsDeleted", "solicitationsDeleted", "pullsDeleted", "listingRecordsDeleted",
    "listingFeedsDeleted", "authorizationsDeleted"}.
    """
    return http_api.answer(event, context, ROUTES)


def _remove(fields: Fields) -> Mapping[str, object]:
    """Cancels a seller's subscriptions, deletes tokens, records and reports, and returns the counts."""
    seller_id = fields.seller_id()
    fields.finish()
    deadline = http_api.call_deadline()
    return remove_seller(
        seller_id,
        callers.selling_partners_table(),
        Identities(
            application=lambda region: callers.application(region, deadline),
            seller=lambda region: callers.seller(seller_id, region, deadline),
        ),
        StoredReports(clients.s3(), settings.required("REPORTS_BUCKET"), reports_table(), _more_objects()),
        _orders(),
        _pulls(),
        _listings(),
        _listing_feeds(),
        _attempts(),
        deadline,
    ).described()


def _orders() -> SellerItems | None:
    """The orders table, where solicitations are enabled."""
    if not settings.optional("SOLICITATIONS_TABLE"):
        return None
    return SellerItems(
        solicitations_table(),
        ORDERS_INDEX,
        ("AmazonOrderId", "SellerId"),
        "SolicitationsRemain",
        "orders in the table",
        uncounted={"DueTime": NOT_AN_ORDER},
    )


def _listings() -> SellerItems | None:
    """The table of submissions of listings, where they are enabled. The listings at Amazon stay."""
    if not settings.optional("LISTINGS_TABLE"):
        return None
    return SellerItems(
        listings_table(),
        SUBMISSIONS_INDEX,
        ("SubmissionId", "SellerId"),
        "ListingRecordsRemain",
        "records of listings",
    )


def _listing_feeds() -> SellerItems | None:
    """The table of files of listings, where they are enabled."""
    if not settings.optional("LISTING_FEEDS_TABLE"):
        return None
    return SellerItems(
        feeds_table(),
        FEEDS_INDEX,
        ("FeedRequestId", "SellerId"),
        "ListingFeedsRemain",
        "files of listings in the table",
    )


def _more_objects() -> tuple[SellerObjects, ...]:
    """The bucket with files of listings, where they are enabled."""
    bucket = settings.optional("LISTING_FEEDS_BUCKET")
    return (SellerObjects(bucket, "files of listings"),) if bucket else ()


def _pulls() -> SellerItems | None:
    """The table of product types, where they are enabled."""
    if not settings.optional("PRODUCT_TYPES_TABLE"):
        return None
    return SellerItems(
        product_types_table(), PULLS_INDEX, ("Collection", "Entry"), "PullsRemain", "pulls of product types"
    )


def _attempts() -> SellerItems | None:
    """The table of authorizations, where sellers connect themselves."""
    if not settings.optional("AUTHORIZATIONS_TABLE"):
        return None
    return SellerItems(
        authorizations_table(),
        ATTEMPTS_INDEX,
        ("AuthorizationId",),
        "AuthorizationsRemain",
        "authorizations in the table",
    )


ROUTES: Mapping[str, http_api.Action] = {"DELETE /tokens/{sellerId}": _remove}
