"""What each refusal says, word for word: hosts' developers read these messages, and docs/api.md sends them there."""

from datetime import UTC, datetime, timedelta

import pytest

from quickstart.authorization.records import AuthorizationUnknownError, Status
from quickstart.authorization.requests import AuthorizationEndedError, DifferentAuthorizationError, NotAtLoginPageError
from quickstart.dynamodb import DamagedItemError
from quickstart.http_api import AwsCallFailedError, BodyTooLargeError
from quickstart.listings.checks import Checked
from quickstart.listings.feed_requests import FeedRequestUnknownError, TooManyFeedsError
from quickstart.listings.fields import ClientTokenReusedError as SubmissionTokenReusedError
from quickstart.listings.ledger import LaneFullError
from quickstart.listings.reading import SubmissionUnknownError
from quickstart.listings.records import Operation, Payload
from quickstart.listings.requests import (
    CatalogMatchError,
    ListingInvalidError,
    ListingRestrictedError,
    SchemaUnavailableError,
    TooManyValuesError,
)
from quickstart.notifications.ending import ElsewhereError, NotSubscribedError
from quickstart.notifications.subscription_records import SubscriptionRecord
from quickstart.notifications.subscription_requests import SubscriptionQuery, SubscriptionRequest
from quickstart.notifications.subscriptions import (
    HiddenSubscriptionError,
    SubscriptionConflictError,
    SubscriptionReplacementError,
)
from quickstart.product_types.catalogue import ProductTypeUnknownError
from quickstart.product_types.reading import SchemaKey
from quickstart.product_types.requests import PullRunsError, PullTokenReusedError, PullUnknownError
from quickstart.refusals import (
    FieldError,
    InvalidRequestError,
    RefreshTokenNotAcceptedError,
    RefreshTokenRefusedError,
    Refusal,
    SellingPartnerApiRefusal,
)
from quickstart.reports.open_requests import OpenRequest
from quickstart.reports.reading import ReportUnknownError
from quickstart.reports.requests import (
    AnotherRequestUnansweredError,
    ClientTokenReusedError,
    OutcomeUnknownError,
    RequestInProgressError,
    RequestUnansweredError,
)
from quickstart.reports.schedules import ScheduleUnknownError
from quickstart.secrets import SecretUnreadableError
from quickstart.seller_removal import Departure, DepartureIncompleteError, Remainder
from quickstart.token_vault import SellerUnknownError
from sp_api.catalog import CatalogItem
from sp_api.errors import AccessDeniedError, ConflictError, ThrottledError, TransientError
from sp_api.notifications import Subscription
from sp_api.regions import Region
from sp_api.restrictions import Restriction
from tests.unit.quickstart.test_refusals import refusals

MOMENT = datetime(2026, 11, 21, tzinfo=UTC)
OPEN = OpenRequest("t", MOMENT, MOMENT + timedelta(seconds=90), frozenset())
QUERY = SubscriptionQuery("A1", Region.NA, "X")
CONFLICT = ConflictError("createSubscription", status=409)
FOUND = Checked(
    Payload(Operation.PUT),
    candidates=(CatalogItem("B000000001"), CatalogItem("B000000002")),
    restrictions=(
        Restriction("M1", None, None, "You need approval", ()),
        Restriction("M1", "new_new", None, "You need approval", ()),
        Restriction("M1", None, None, "Brand is gated", ()),
    ),
)
ELSEWHERE = tuple(SubscriptionRecord("A1", Region.NA, "X", f"s-{n}", f"d-{n}", "1.0") for n in (1, 2))
EACH: list[tuple[Refusal, str]] = [
    (
        LaneFullError("CUP"),
        "500 changes of SKU CUP in this marketplace are waiting to be sent: put several attributes into one PATCH",
    ),
    (TooManyValuesError("Attributes"), "Attributes has more than 10,000 values, lists and objects"),
    (InvalidRequestError([FieldError("A", "Missing", "A is"), FieldError("B", "E", "B is")]), "A is; B is"),
    (
        SellingPartnerApiRefusal(ThrottledError("createSubscription", retry_after=2.5, message="m")),
        "createSubscription: HTTP 429: m",
    ),
    (
        RefreshTokenRefusedError(),
        "LWA rejected this seller's refresh token (invalid_grant): either the stored token is not one of this "
        "application, or the seller's authorization was revoked or has expired. Check that the token was issued to "
        "this application's client id, or have the seller authorize the application again. Then store the token with "
        "POST /tokens",
    ),
    (
        RefreshTokenNotAcceptedError("invalid_grant"),
        "LWA does not accept this RefreshToken (invalid_grant): it is not a token of this application, or the "
        "authorization was revoked or has expired. Nothing was stored",
    ),
    (
        DamagedItemError("k", "ValueError"),
        "the stored item k cannot be read (ValueError): restore it from a backup of the table, or delete it",
    ),
    (
        SecretUnreadableError(["A", "B"]),
        "the secret with the fields A and B cannot be read: store it in Secrets Manager as a JSON object with these "
        "fields, each a text that is not empty",
    ),
    (
        SellerUnknownError("A1", "NA"),
        "no refresh token is stored for seller A1 in region NA: store it with POST /tokens first",
    ),
    (
        ReportUnknownError("A1", "7"),
        "no report 7 of seller A1 was found: this stack neither requested nor delivered it, its record has "
        "expired, or the seller was removed",
    ),
    (
        ClientTokenReusedError("t"),
        "another request used ClientToken t before: use a different token for each request",
    ),
    (RequestInProgressError("t"), "a request with ClientToken t is in progress: retry after 2 s"),
    (
        AnotherRequestUnansweredError(OPEN, MOMENT, in_progress=False),
        "SP-API has not answered an earlier request for the same report yet. If this one were sent too, the stack "
        "could not know which report belongs to which request, so it was not sent. To repeat the earlier request, use "
        "ClientToken t. Otherwise retry after 30 s: this request can be sent after 2026-11-21T00:01:35+00:00",
    ),
    (
        RequestUnansweredError(TransientError("createReport"), "t"),
        "createReport. It is unknown whether SP-API created the report: send the same request with ClientToken t until "
        "the answer is not a 409 with Retry-After",
    ),
    (
        OutcomeUnknownError("t", (), timedelta(minutes=10), final=False),
        "SP-API did not answer the first request with ClientToken t, and it does not list its report yet. Retry the "
        "same request with the same ClientToken after 60 s: it returns the report once SP-API lists it, and creates "
        "one if SP-API lists none 10 minutes after the first request",
    ),
    (
        OutcomeUnknownError("t", ("7", "8"), timedelta(minutes=10), final=True),
        "SP-API did not answer the first request with ClientToken t, and it lists reports that may belong to this "
        "request or to another one: 7, 8. Check them with GET /reports/{reportId} or in Seller Central. If one is "
        "yours, you are done; otherwise send the request with a different ClientToken",
    ),
    (
        ListingInvalidError(FOUND, Operation.PUT),
        "Nothing was sent: the checks found errors. To send it nevertheless, set OnFindings to SEND",
    ),
    (
        CatalogMatchError(FOUND),
        "Nothing was sent: Amazon's catalogue already has products with this identifier (B000000001, B000000002). To "
        "sell one of these products, send its Asin. To let Amazon match the product, set OnFindings to SEND",
    ),
    (
        ListingRestrictedError(FOUND),
        "Nothing was sent: Amazon restricts this product for the seller (You need approval; Brand is gated). Open "
        "Amazon's link in Seller Central: even an approved seller may have to open it once. To send it nevertheless, "
        "set OnFindings to SEND",
    ),
    (
        SubmissionTokenReusedError("t"),
        "another submission used ClientToken t before: use a different token for each submission",
    ),
    (SchemaUnavailableError(["no schema", "no table"]), "The submission cannot be checked: no schema; no table"),
    (SubmissionUnknownError("7"), "no submission 7 was found: the stack did not receive it, or it has expired"),
    (PullUnknownError("7"), "no pull 7 was found: its record is deleted 90 days after it was requested"),
    (PullTokenReusedError(), "this ClientToken was used for a pull with different fields: use a new one"),
    (
        PullRunsError("7", "RUNNING"),
        "pull 7 is RUNNING: only pulls with the status FAILED, TIMED_OUT, ABORTED, STOPPED or NOT_STARTED can be "
        "resumed",
    ),
    (
        ProductTypeUnknownError(SchemaKey(Region.EU, "A13V1IB3VIYZZH", "LUGGAGE")),
        "the definition of LUGGAGE in marketplace A13V1IB3VIYZZH is not stored with Requirements LISTING, "
        "RequirementsEnforced ENFORCED, Locale DEFAULT and ParentageLevel left out: pull it with POST "
        "/product-types/pulls",
    ),
    (
        ScheduleUnknownError("A1", Region.NA, "5"),
        "SP-API has no schedule 5 of seller A1 in region NA: it was deleted, or replaced by a later schedule of the "
        "same type and marketplaces",
    ),
    (SubscriptionConflictError("m"), "m"),
    (
        HiddenSubscriptionError(SubscriptionRequest("A1", Region.NA, "X"), CONFLICT),
        "SP-API reports that seller A1 has a subscription to X, but lists none: createSubscription: HTTP 409. SP-API's "
        "list may be out of date. Retry after 60 s; to replace the subscription, add Replace: true",
    ),
    (
        ElsewhereError(QUERY, ELSEWHERE),
        "no subscription of seller A1 to X goes to a queue of this stack, only s-1 (destination d-1), s-2 (destination "
        "d-2); without OnlyOwn, the request ends these too",
    ),
    (NotSubscribedError(QUERY), "seller A1 is not subscribed to X in region NA"),
    (
        SubscriptionReplacementError(ELSEWHERE, [], CONFLICT),
        "subscription s-1, s-2 was deleted, but its replacement was not created; not restored, so the seller is no "
        "longer subscribed: retry the request. createSubscription: HTTP 409",
    ),
    (
        SubscriptionReplacementError(
            [Subscription("s-1", "d-1", "1.0")],
            [Subscription("s-2", "d-1", "1.0")],
            AccessDeniedError("createSubscription", status=403),
        ),
        "subscription s-1 was deleted, but its replacement was not created; restored as subscription s-2. "
        "createSubscription: HTTP 403",
    ),
    (
        AuthorizationUnknownError(),
        "AuthorizationId: there is no such authorization, or it ended more than 30 days ago",
    ),
    (
        AuthorizationEndedError(Status.EXPIRED),
        "AuthorizationId: this authorization can no longer be continued; its status is EXPIRED",
    ),
    (
        NotAtLoginPageError(),
        "AuthorizationId: Amazon did not send this browser to the log-in URI; use the authorizationId that your log-in "
        "page received",
    ),
    (
        DifferentAuthorizationError(),
        "ContinuesAuthorizationId: the browser came from Amazon with another region, party type or selling partner "
        "than this authorization has",
    ),
    (BodyTooLargeError(), "The body is larger than 256 KB"),
    (
        AwsCallFailedError(KeyError(), changes=True),
        "A call to AWS failed (KeyError). The request may have been carried out in part: docs/api.md describes what "
        "happens if you send it again",
    ),
    (
        FeedRequestUnknownError("f-1"),
        "no feed request f-1 was found: the stack did not receive it, or it has expired",
    ),
    (
        TooManyFeedsError(),
        "500 files of listings of this seller in this region are not finished yet: put more messages into one file",
    ),
    (AwsCallFailedError(KeyError(), changes=False), "A call to AWS failed (KeyError). The request changed nothing"),
    (
        DepartureIncompleteError(Departure("A1", 1, 2, 3, 4, 5, 6, 7, 8, 9, (Remainder("ReportsRemain", "m", 1.0),))),
        "seller A1 was only partly removed; send the request again. This request deleted 1 tokens, 3 reports in the "
        "table, 4 stored objects, 5 orders in the solicitations table, 6 pulls of product types, 7 records of "
        "listings, 8 records of files of listings and 9 authorizations, and ended 2 subscriptions",
    ),
]


@pytest.mark.parametrize(("refusal", "message"), EACH, ids=[type(entry[0]).__name__ for entry in EACH])
def test_what_it_says(refusal: Refusal, message: str) -> None:
    assert str(refusal) == message


def test_every_refusal_is_read_here() -> None:
    assert set(refusals()) == {type(entry[0]) for entry in EACH}
