"""The operations and their usage plans, as the public models state them (selling-partner-api-models, models/*, "Usage
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
    operation; `limit_in_throttled_answer` says whether the model declares
    x-amzn-RateLimit-Limit for 429, too."""

    name: str
    method: str
    path: str
    rate: float
    burst: int
    success: int = 200
    scope: str = ""
    sandbox_only: bool = False
    limit_in_throttled_answer: bool = False

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path's parameters (as sent, still encoded) if the request is for this operation."""
        if method != self.method:
            return None
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None

    def shows_limit(self, status: int) -> bool:
        """Whether an answer with this status carries x-amzn-RateLimit-Limit."""
        if self.sandbox_only:
            return False
        return status < 300 or status in (400, 404) or (status == 429 and self.limit_in_throttled_answer)


_REPORTS = "/reports/2021-06-30"
_NOTIFICATIONS = "/notifications/v1"
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
    ),
    Operation(
        "deleteSubscriptionById",
        "DELETE",
        f"{_NOTIFICATIONS}/subscriptions/{{notificationType}}/{{subscriptionId}}",
        1.0,
        5,
        scope=NOTIFICATIONS_SCOPE,
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
    Operation("getSolicitationActionsForOrder", "GET", _ORDER, 1.0, 5, limit_in_throttled_answer=True),
    Operation(
        "createProductReviewAndSellerFeedbackSolicitation",
        "POST",
        f"{_ORDER}/solicitations/productReviewAndSellerFeedback",
        1.0,
        5,
        success=201,
        limit_in_throttled_answer=True,
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
)


def find_operation(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation that a request is for, with its path parameters."""
    for operation in OPERATIONS:
        parameters = operation.match(method, path)
        if parameters is not None:
            return operation, parameters
    return None
