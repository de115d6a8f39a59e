"""The operations and their usage plans, as in the public models (selling-partner-api-models, models/*, "Usage
Plan").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NOTIFICATIONS_SCOPE = "sellingpartnerapi::notifications"
ROTATION_SCOPE = "sellingpartnerapi::client_credential:rotation"
SCOPES = frozenset({NOTIFICATIONS_SCOPE, ROTATION_SCOPE})

SANDBOX_RATE = 5.0
SANDBOX_BURST = 15


@dataclass(frozen=True)
class Operation:
    """One operation. `rate` is requests per second; `scope` is the grantless scope, or empty for a seller's own
    operation; `application_rate` is what all selling partners of an application share, 0 when only the pair is limited;
    `seller_too` lets a seller's token call a grantless operation; `limit_in_throttled_answer` says whether
    the model declares x-amzn-RateLimit-Limit for 429, too; `media_type` is what it produces."""

    name: str
    method: str
    path: str
    rate: float
    burst: int
    success: int = 200
    scope: str = ""
    application_rate: float = 0.0
    seller_too: bool = False
    sandbox_only: bool = False
    limit_in_throttled_answer: bool = False
    media_type: str = "application/json"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path parameters (still encoded) if the request matches this operation."""
        if method != self.method:
            return None
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None

    def shows_limit(self, status: int) -> bool:
        """Whether a response with this status has x-amzn-RateLimit-Limit."""
        if self.sandbox_only:
            return False
        return status < 300 or status in (400, 404) or (status == 429 and self.limit_in_throttled_answer)


_REPORTS = "/reports/2021-06-30"
_FEEDS = "/feeds/2021-06-30"
_NOTIFICATIONS = "/notifications/v1"
_PRODUCT_TYPES = "/definitions/2020-09-01/productTypes"
_HAL = "application/hal+json"
_LISTING = "/listings/2021-08-01/items/{sellerId}/{sku}"
_CATALOG = "/catalog/2022-04-01/items"
_ORDER = "/solicitations/v1/orders/{amazonOrderId}"

OPERATIONS = (
    Operation("getReports", "GET", f"{_REPORTS}/reports", 0.0222, 10),
    Operation("createReport", "POST", f"{_REPORTS}/reports", 0.0167, 15, success=202),
    Operation("getReport", "GET", f"{_REPORTS}/reports/{{reportId}}", 2.0, 15),
    Operation("cancelReport", "DELETE", f"{_REPORTS}/reports/{{reportId}}", 0.0222, 10),
    Operation("getReportSchedules", "GET", f"{_REPORTS}/schedules", 0.0222, 10),
    Operation("createReportSchedule", "POST", f"{_REPORTS}/schedules", 0.0222, 10, success=201),
    Operation("getReportSchedule", "GET", f"{_REPORTS}/schedules/{{reportScheduleId}}", 0.0222, 10),
    Operation("cancelReportSchedule", "DELETE", f"{_REPORTS}/schedules/{{reportScheduleId}}", 0.0222, 10),
    Operation("getReportDocument", "GET", f"{_REPORTS}/documents/{{reportDocumentId}}", 0.0167, 15),
    Operation("getFeeds", "GET", f"{_FEEDS}/feeds", 0.0222, 10),
    Operation("createFeed", "POST", f"{_FEEDS}/feeds", 0.0083, 15, success=202),
    Operation("getFeed", "GET", f"{_FEEDS}/feeds/{{feedId}}", 2.0, 15),
    Operation("cancelFeed", "DELETE", f"{_FEEDS}/feeds/{{feedId}}", 2.0, 15),
    Operation("createFeedDocument", "POST", f"{_FEEDS}/documents", 0.5, 15, success=201),
    Operation("getFeedDocument", "GET", f"{_FEEDS}/documents/{{feedDocumentId}}", 0.0222, 10),
    Operation("getSubscriptions", "GET", f"{_NOTIFICATIONS}/subscriptions", 1.0, 5),
    Operation("getSubscription", "GET", f"{_NOTIFICATIONS}/subscriptions/{{notificationType}}", 1.0, 5),
    Operation("createSubscription", "POST", f"{_NOTIFICATIONS}/subscriptions/{{notificationType}}", 1.0, 5),
    Operation(
        "getSubscriptionById",
        "GET",
        f"{_NOTIFICATIONS}/subscriptions/{{notificationType}}/{{subscriptionId}}",
        1.0,
        5,
        scope=NOTIFICATIONS_SCOPE,
        seller_too=True,
    ),
    Operation(
        "deleteSubscriptionById",
        "DELETE",
        f"{_NOTIFICATIONS}/subscriptions/{{notificationType}}/{{subscriptionId}}",
        1.0,
        5,
        scope=NOTIFICATIONS_SCOPE,
        seller_too=True,
    ),
    Operation(
        "sendTestNotification",
        "POST",
        f"{_NOTIFICATIONS}/subscriptions/{{notificationType}}/testNotification",
        1.0,
        5,
        scope=NOTIFICATIONS_SCOPE,
        sandbox_only=True,
    ),
    Operation("getDestinations", "GET", f"{_NOTIFICATIONS}/destinations", 1.0, 5, scope=NOTIFICATIONS_SCOPE),
    Operation("createDestination", "POST", f"{_NOTIFICATIONS}/destinations", 1.0, 5, scope=NOTIFICATIONS_SCOPE),
    Operation(
        "getDestination", "GET", f"{_NOTIFICATIONS}/destinations/{{destinationId}}", 1.0, 5, scope=NOTIFICATIONS_SCOPE
    ),
    Operation(
        "deleteDestination",
        "DELETE",
        f"{_NOTIFICATIONS}/destinations/{{destinationId}}",
        1.0,
        5,
        scope=NOTIFICATIONS_SCOPE,
    ),
    Operation("getSolicitationActionsForOrder", "GET", _ORDER, 1.0, 5, limit_in_throttled_answer=True, media_type=_HAL),
    Operation(
        "createProductReviewAndSellerFeedbackSolicitation",
        "POST",
        f"{_ORDER}/solicitations/productReviewAndSellerFeedback",
        1.0,
        5,
        success=201,
        limit_in_throttled_answer=True,
        media_type=_HAL,
    ),
    Operation(
        "createRestrictedDataToken",
        "POST",
        "/tokens/2021-03-01/restrictedDataToken",
        1.0,
        10,
        limit_in_throttled_answer=True,
    ),
    Operation(
        "rotateApplicationClientSecret",
        "POST",
        "/applications/2023-11-30/clientSecret",
        0.0167,
        1,
        success=204,
        scope=ROTATION_SCOPE,
    ),
    # The rates of an application: SP-API docs, "Listings Items API rate limits", "Catalog Items API rate limits".
    Operation("putListingsItem", "PUT", _LISTING, 5.0, 10, application_rate=100.0),
    Operation("patchListingsItem", "PATCH", _LISTING, 5.0, 5, application_rate=500.0),
    Operation("deleteListingsItem", "DELETE", _LISTING, 5.0, 5, application_rate=100.0),
    Operation("getListingsItem", "GET", _LISTING, 5.0, 10, application_rate=100.0),
    Operation("searchListingsItems", "GET", "/listings/2021-08-01/items/{sellerId}", 5.0, 5),
    Operation("searchCatalogItems", "GET", _CATALOG, 2.0, 2, application_rate=500.0),
    Operation("getCatalogItem", "GET", f"{_CATALOG}/{{asin}}", 2.0, 2, application_rate=250.0),
    Operation("getListingsRestrictions", "GET", "/listings/2021-08-01/restrictions", 5.0, 10, application_rate=100.0),
    # SP-API docs, "Product Type Definitions API rate limits"; the model's text has burst 10.
    Operation("searchDefinitionsProductTypes", "GET", _PRODUCT_TYPES, 5.0, 5, application_rate=100.0),
    Operation("getDefinitionsProductType", "GET", f"{_PRODUCT_TYPES}/{{productType}}", 5.0, 5, application_rate=100.0),
)


_API = re.compile(r"((?!/(?:na|eu|fe)/)(?:/[A-Za-z-]+){1,3}/(?:v\d+|\d{4}-\d{2}-\d{2}))(?:/.*)?")
"""The path of a request to SP-API, whose start names the API and its version. It has no region: a client that sends the
prefix of the simulator's addresses to Amazon's host name gets Amazon's response.
"""


def _api(path: str) -> str:
    """The start of a path, up to the API's version; empty for a path without a version."""
    found = _API.fullmatch(path)
    return found[1] if found else ""


IMPLEMENTED_APIS = tuple(dict.fromkeys(_api(operation.path) for operation in OPERATIONS))


def is_other_api(path: str) -> bool:
    """Whether the path belongs to an API, or a version of one, that the simulator does not have."""
    return _api(path) not in ("", *IMPLEMENTED_APIS)


def find_operation(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation that matches a request, and its path parameters."""
    for operation in OPERATIONS:
        parameters = operation.match(method, path)
        if parameters is not None:
            return operation, parameters
    return None
