"""Each refusal carries the status, code and field of its answer, and docs/api.md lists each."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import quickstart
from quickstart.authorization.records import AuthorizationUnknownError, Status
from quickstart.authorization.requests import (
    AuthorizationEndedError,
    DifferentAuthorizationError,
    NotAtLoginPageError,
)
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
    refusal_of,
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
from sp_api.deadline import DeadlineExceeded
from sp_api.errors import (
    AccessDeniedError,
    AuthorizationError,
    ClientSecretExpiredError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermanentError,
    SellingPartnerApiError,
    ThrottledError,
    TransientError,
)
from sp_api.notifications import Subscription
from sp_api.regions import Region
from tests.documents.reading import CHECKOUT, anchors

API = Path(__file__).resolve().parents[3] / "docs/api.md"
OLD, RESTORED = Subscription("s-1", "d-1", "1.0"), Subscription("s-2", "d-1", "1.0")
QUERY = SubscriptionQuery("A1", Region.NA, "X")
THROTTLED = ThrottledError("createSubscription", retry_after=2.5, message="m")
DEPARTURE = Departure("A1", 1, 0, 0, 0, 0, 0, 0, 0, 0, (Remainder("ReportsRemain", "m", 1.0), Remainder("X", "n", 7.5)))
MOMENT = datetime(2026, 11, 21, tzinfo=UTC)
OPEN = OpenRequest("t", MOMENT, MOMENT + timedelta(seconds=90), frozenset())
FOUND = Checked(Payload(Operation.PUT))
EACH: list[tuple[Refusal, int, str, str | None, float | None]] = [
    (InvalidRequestError([FieldError("A", "Missing", "A is missing")]), 400, "InvalidRequest", None, None),
    (SellingPartnerApiRefusal(THROTTLED), 429, "ThrottledError", None, 2.5),
    (FeedRequestUnknownError("f-1"), 404, "FeedRequestUnknown", "FeedRequestId", None),
    (TooManyFeedsError(), 429, "TooManyFeeds", "SellerId", 600.0),
    (RefreshTokenRefusedError(), 409, "RefreshTokenRefused", "SellerId", None),
    (RefreshTokenNotAcceptedError("invalid_grant"), 400, "RefreshTokenNotAccepted", "RefreshToken", None),
    (
        SellingPartnerApiRefusal(ClientSecretExpiredError("getReport", status=403, code="Unauthorized")),
        503,
        "Unauthorized",
        None,
        60.0,
    ),
    (DamagedItemError("k", "ValueError"), 500, "StoredItemDamaged", None, None),
    (SecretUnreadableError(["A", "B"]), 500, "SecretUnreadable", None, None),
    (SellerUnknownError("A1", "NA"), 404, "SellerUnknown", "SellerId", None),
    (ReportUnknownError("A1", "7"), 404, "ReportUnknown", "ReportId", None),
    (ClientTokenReusedError("t"), 409, "ClientTokenReused", "ClientToken", None),
    (RequestInProgressError("t"), 409, "RequestInProgress", "ClientToken", 2.0),
    (AnotherRequestUnansweredError(OPEN, MOMENT, in_progress=False), 409, "AnotherRequestUnanswered", None, 30.0),
    (AnotherRequestUnansweredError(OPEN, MOMENT, in_progress=True), 409, "AnotherRequestUnanswered", None, 2.0),
    (RequestUnansweredError(TransientError("createReport"), "t"), 504, "TransientError", None, None),
    (OutcomeUnknownError("t", (), timedelta(minutes=10), final=False), 409, "OutcomeUnknown", "ClientToken", 60.0),
    (OutcomeUnknownError("t", ("7",), timedelta(minutes=10), final=True), 409, "OutcomeUnknown", "ClientToken", None),
    (ListingInvalidError(FOUND, Operation.PUT), 400, "ListingInvalid", "Attributes", None),
    (ListingInvalidError(FOUND, Operation.PATCH), 400, "ListingInvalid", "Patches", None),
    (CatalogMatchError(FOUND), 409, "CatalogMatch", "Attributes", None),
    (ListingRestrictedError(FOUND), 409, "ListingRestricted", "Asin", None),
    (SubmissionTokenReusedError("t"), 409, "ClientTokenReused", "ClientToken", None),
    (SchemaUnavailableError(["no schema"]), 409, "SchemaUnavailable", "ProductType", None),
    (TooManyValuesError("Attributes"), 413, "TooManyValues", "Attributes", None),
    (LaneFullError("CUP"), 429, "TooManyWaiting", "Sku", 60.0),
    (SubmissionUnknownError("7"), 404, "SubmissionUnknown", "SubmissionId", None),
    (PullUnknownError("7"), 404, "PullUnknown", "PullId", None),
    (PullTokenReusedError(), 409, "ClientTokenReused", "ClientToken", None),
    (PullRunsError("7", "RUNNING"), 409, "PullNotInterrupted", "PullId", None),
    (
        ProductTypeUnknownError(SchemaKey(Region.EU, "A13V1IB3VIYZZH", "LUGGAGE")),
        404,
        "ProductTypeUnknown",
        "ProductType",
        None,
    ),
    (ScheduleUnknownError("A1", Region.NA, "5"), 404, "ScheduleUnknown", "ReportScheduleId", None),
    (SubscriptionConflictError("m"), 409, "SubscriptionConflict", "NotificationType", None),
    (
        HiddenSubscriptionError(
            SubscriptionRequest("A1", Region.NA, "X"), ConflictError("createSubscription", status=409)
        ),
        409,
        "SubscriptionConflict",
        "NotificationType",
        60.0,
    ),
    (ElsewhereError(QUERY, ()), 409, "SubscriptionConflict", "OnlyOwn", None),
    (NotSubscribedError(QUERY), 404, "NotSubscribed", "NotificationType", None),
    (SubscriptionReplacementError([OLD], [], THROTTLED), 429, "SubscriptionNotReplaced", "NotificationType", 2.5),
    (
        SubscriptionReplacementError([OLD], [RESTORED], AccessDeniedError("createSubscription", status=403)),
        502,
        "SubscriptionNotReplaced",
        "NotificationType",
        None,
    ),
    (AuthorizationUnknownError(), 404, "AuthorizationUnknown", "AuthorizationId", None),
    (AuthorizationEndedError(Status.EXPIRED), 409, "AuthorizationEnded", "AuthorizationId", None),
    (NotAtLoginPageError(), 409, "NotAtLoginPage", "AuthorizationId", None),
    (DifferentAuthorizationError(), 409, "DifferentAuthorization", "ContinuesAuthorizationId", None),
    (
        SubscriptionReplacementError([OLD], [], ConflictError("createSubscription", status=409)),
        409,
        "SubscriptionNotReplaced",
        "NotificationType",
        60.0,
    ),
    (BodyTooLargeError(), 413, "BodyTooLarge", "body", None),
    (AwsCallFailedError(KeyError(), changes=True), 503, "AwsCallFailed", None, 5.0),
    (DepartureIncompleteError(DEPARTURE), 503, "SellerRemains", "SellerId", 7.5),
]


def refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Every subclass of Refusal, in whichever module of the package."""
    for module in pkgutil.walk_packages(quickstart.__path__, "quickstart."):
        importlib.import_module(module.name)
    for subclass in kind.__subclasses__():
        yield subclass
        yield from refusals(subclass)


@pytest.mark.parametrize(("refusal", "status", "code", "field", "retry_after"), EACH)
def test_status_code_field_and_retry_after(
    refusal: Refusal, status: int, code: str, field: str | None, retry_after: float | None
) -> None:
    assert (refusal.status, refusal.code, refusal.field) == (status, code, field)
    assert refusal.retry_after == retry_after
    if not isinstance(refusal, InvalidRequestError):
        section = "codes-of-amazon" if code == "Unauthorized" else ""
        assert refusal.errors[0] == FieldError(field, code, str(refusal), section)


def test_every_refusal_is_tested_here() -> None:
    assert set(refusals()) == {type(entry[0]) for entry in EACH}


def test_an_invalid_request_lists_everything_that_is_wrong() -> None:
    errors = (FieldError("A", "Missing", "A is missing"), FieldError("B", "Empty", "B must not be empty"))
    assert InvalidRequestError(errors).errors == errors
    assert str(InvalidRequestError(errors)) == "A is missing; B must not be empty"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ThrottledError("getReport", retry_after=1, code="QuotaExceeded"), 429, "QuotaExceeded"),
        (InvalidInputError("getReport", status=400, code="InvalidInput"), 400, "InvalidInput"),
        (AccessDeniedError("getReport", status=403, code="Unauthorized"), 502, "Unauthorized"),
        (NotFoundError("getReport", status=404), 502, "NotFoundError"),
        (ConflictError("getReport", status=409, code="Conflict"), 502, "Conflict"),
        (PermanentError("getReport", status=413), 502, "PermanentError"),
        (TransientError("getReport", status=503, code="ServiceUnavailable"), 502, "ServiceUnavailable"),
        (TransientError("getReport"), 504, "TransientError"),
        (DeadlineExceeded("getReport"), 504, "DeadlineExceeded"),
        (
            AuthorizationError("LWA refresh_token", status=400, error="invalid_grant", message="m", action="a"),
            409,
            "RefreshTokenRefused",
        ),
        (
            AuthorizationError("LWA refresh_token", status=401, error="invalid_client", message="m", action="a"),
            502,
            "invalid_client",
        ),
    ],
)
def test_what_sp_api_refuses(error: SellingPartnerApiError, status: int, code: str) -> None:
    refusal = refusal_of(error)
    assert (refusal.status, refusal.code) == (status, code)
    assert refusal.retry_after == (1 if status == 429 else None)
    # A code of Amazon may be any.
    own = code in (type(error).__name__, "RefreshTokenRefused")
    section = code.lower() if own else "codes-of-amazon"
    assert refusal.errors[0].documentation == f"docs/errors.md#{section}"
    assert section in anchors(CHECKOUT / "docs/errors.md")
    if code != "RefreshTokenRefused":
        assert str(refusal) == str(error)


@pytest.mark.parametrize("cause", ["not one of this application", "authorization was revoked or has expired"])
def test_a_refused_token_names_both_causes(cause: str) -> None:
    """LWA's invalid_grant does not say which one it is."""
    assert cause in str(RefreshTokenRefusedError())


class TestDocumentation:
    """The table of statuses in docs/api.md has each refusal under its status, and no other code."""

    # These list the errors of each field or of SP-API, under codes of their own.
    WITHOUT_A_CODE = (InvalidRequestError, SellingPartnerApiRefusal, RequestUnansweredError)
    # Takes the status of SP-API's refusal.
    OF_ANY_STATUS = (SubscriptionReplacementError,)

    def rows(self) -> dict[str, set[int]]:
        """The statuses under which the table has a code."""
        section = API.read_text().partition("\n## Errors\n")[2].partition("\n## ")[0]
        statuses: dict[str, set[int]] = {}
        for status, row in re.findall(r"^\| (\d{3}) \|(.*)$", section, re.MULTILINE):
            for code in re.findall(r"`([A-Z][A-Za-z]+)`", row):
                statuses.setdefault(code, set()).add(int(status))
        return statuses

    def test_every_refusal_is_in_the_table_under_its_status(self) -> None:
        documented = self.rows()
        for refusal in set(refusals()) - set(self.WITHOUT_A_CODE) - set(self.OF_ANY_STATUS):
            assert refusal.status in documented.get(refusal.code, set()), f"{refusal.code}, {refusal.status}"

    def test_every_code_in_the_table_exists_with_its_status(self) -> None:
        existing = {
            (refusal.code, refusal.status) for refusal in set(refusals()) - {*self.WITHOUT_A_CODE, *self.OF_ANY_STATUS}
        }
        names = {"Replace", *(entry[3] for entry in EACH)}
        for code, statuses in self.rows().items():
            for status in statuses if code not in names else ():
                assert (code, status) in existing, f"{code}, {status}"

    def test_a_refusal_of_any_status_is_explained(self) -> None:
        section = API.read_text().partition("\n## Errors\n")[2].partition("\n## ")[0]
        for refusal in self.OF_ANY_STATUS:
            assert f"`{refusal.code}`" in section

    def test_every_status_is_in_the_table(self) -> None:
        section = API.read_text().partition("\n## Errors\n")[2].partition("\n## ")[0]
        documented = {int(status) for status in re.findall(r"^\| (\d{3}) \|", section, re.MULTILINE)}
        assert {entry[1] for entry in EACH} | {504} <= documented


def test_only_where_no_answer_came_the_host_is_named() -> None:
    """The 500 of a host is an answer."""
    for error, named in ((TransientError("getReport"), True), (TransientError("getReport", status=503), False)):
        error.host = "sellingpartnerapi-na.amazon.com"
        assert ("No answer came from sellingpartnerapi-na.amazon.com" in str(refusal_of(error))) is named
