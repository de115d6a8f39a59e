"""An example of each request, of its answer, and of each refusal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reference.endpoints import Endpoint

SELLER = {"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "NA"}
REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"

REPORT = {**SELLER, "ReportType": REPORT_TYPE, "MarketplaceIds": "ATVPDKIKX0DER"}
SUBSCRIPTION_ID = "7d78cc50-95c8-4641-add7-10af4b1fedc9"
DESTINATION_ID = "3acafc7e-121b-1329-8ae8-1571be663aa2"

REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "POST /tokens": {**SELLER, "RefreshToken": "Atzr|example"},
    "DELETE /tokens/{sellerId}": {"SellerId": "A3TH9S8BH6GOGM"},
    "POST /notifications": {**SELLER, "NotificationType": "REPORT_PROCESSING_FINISHED"},
    "GET /notifications": SELLER,
    "DELETE /notifications/{notificationType}": {**SELLER, "NotificationType": "REPORT_PROCESSING_FINISHED"},
    "POST /reports": {**REPORT, "ReportDataStartTime": "2026-11-01T00:00:00Z"},
    "GET /reports": {"SellerId": "A3TH9S8BH6GOGM", "Limit": "20"},
    "GET /reports/{reportId}": {"SellerId": "A3TH9S8BH6GOGM", "ReportId": "54517018502"},
    "POST /schedules": {**REPORT, "Period": "P1D"},
    "GET /schedules": {**SELLER, "ReportTypes": REPORT_TYPE},
    "DELETE /schedules/{reportScheduleId}": {**SELLER, "ReportScheduleId": "50034018503"},
}
_REPORT = {
    "reportId": "54517018502",
    "sellerId": "A3TH9S8BH6GOGM",
    "regionCode": "NA",
    "reportType": REPORT_TYPE,
    "marketplaceIds": ["ATVPDKIKX0DER"],
    "processingStatus": "IN_QUEUE",
    "recordedTime": "2026-11-21T04:10:02.104512+00:00",
}
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "POST /tokens": {"sellerId": "A3TH9S8BH6GOGM", "status": "SUCCESS"},
    "DELETE /tokens/{sellerId}": {
        "sellerId": "A3TH9S8BH6GOGM",
        "status": "SUCCESS",
        "tokensDeleted": 1,
        "subscriptionsEnded": 1,
        "reportsDeleted": 1,
        "objectsDeleted": 1,
        "solicitationsDeleted": 0,
    },
    "POST /notifications": {"destinationId": DESTINATION_ID, "subscriptionId": SUBSCRIPTION_ID},
    "GET /notifications": {
        "sellerId": "A3TH9S8BH6GOGM",
        "regionCode": "NA",
        "subscriptions": [
            {
                "notificationType": "REPORT_PROCESSING_FINISHED",
                "state": "Subscribed",
                "subscriptionId": SUBSCRIPTION_ID,
                "destinationId": DESTINATION_ID,
                "payloadVersion": "2020-09-04",
            }
        ],
        "notCompared": [],
    },
    "DELETE /notifications/{notificationType}": {
        "sellerId": "A3TH9S8BH6GOGM",
        "regionCode": "NA",
        "notificationType": "REPORT_PROCESSING_FINISHED",
        "subscriptionIds": [SUBSCRIPTION_ID],
        "destinationRemoved": True,
    },
    "POST /reports": {"reportId": "54517018502"},
    "GET /reports": {"reports": [_REPORT]},
    "GET /reports/{reportId}": _REPORT,
    "POST /schedules": {"reportScheduleId": "50034018503"},
    "GET /schedules": {
        "reportSchedules": [
            {
                "reportScheduleId": "50034018503",
                "reportType": REPORT_TYPE,
                "marketplaceIds": ["ATVPDKIKX0DER"],
                "period": "P1D",
            }
        ]
    },
    "DELETE /schedules/{reportScheduleId}": {"reportScheduleId": "50034018503", "status": "SUCCESS"},
}


@dataclass(frozen=True)
class Refusal:
    """One status of the table in docs/api.md; `applies_to` tells for which endpoints."""

    status: int
    when: str
    body: Mapping[str, Any]
    applies_to: Callable[[Endpoint], bool]


def _error(code: str, message: str, field: str | None = None) -> Mapping[str, Any]:
    named = {} if field is None else {"field": field}
    return {"message": message, "errors": [{**named, "code": code, "message": message}], "requestId": "c6af9ac6-7b61"}


def _asks_sp_api(endpoint: Endpoint) -> bool:
    return any(field.name == "RegionCode" and field.required for field in endpoint.fields)


REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        400,
        "A field is missing, empty, of the wrong type or breaks its rule; or SP-API finds the input invalid.",
        _error("Missing", "SellerId is missing", "SellerId"),
        lambda _: True,
    ),
    Refusal(403, "Not signed, wrongly signed, or not allowed.", {"message": "Forbidden"}, lambda _: True),
    Refusal(
        404,
        "Nothing is known by these ids; mostly no token is stored for this seller in this region.",
        _error(
            "SellerUnknown",
            "no refresh token is stored for seller A3TH9S8BH6GOGM in region NA: store it with POST /tokens first",
            "SellerId",
        ),
        lambda endpoint: endpoint.route not in ("POST /tokens", "GET /reports", "DELETE /tokens/{sellerId}"),
    ),
    Refusal(
        409,
        "What is stored is in the way; mostly the seller must authorise the application again.",
        _error(
            "RefreshTokenRefused",
            "LWA refused this seller's refresh token (invalid_grant): "
            "the seller must authorise the application again, then POST /tokens",
            "SellerId",
        ),
        _asks_sp_api,
    ),
    Refusal(
        429,
        "SP-API is asked too often; Retry-After says after how many seconds to try again.",
        _error("QuotaExceeded", "createReport: HTTP 429 QuotaExceeded: You exceeded your quota"),
        _asks_sp_api,
    ),
    Refusal(
        502,
        "SP-API refused, or failed with a 5xx; what it said is inside.",
        _error("Unauthorized", "createReport: HTTP 403 Unauthorized: Access to requested resource is denied."),
        _asks_sp_api,
    ),
    Refusal(
        504,
        "SP-API or LWA did not answer in time.",
        _error("TransientError", "createReport: no answer came in time"),
        _asks_sp_api,
    ),
)
