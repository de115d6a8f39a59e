"""API Gateway's events in, answers out, and the one map from exceptions to status codes.

Every error has the shape {"message", "errors": [{"field"?, "code", "message"}], "requestId"}, which extends the
{"message"} of API Gateway's own refusals.
"""

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from quickstart.leaving import DepartureIncompleteError
from quickstart.observability import logger
from quickstart.report_reading import ReportUnknownError
from quickstart.report_requests import ClientTokenReusedError, OutcomeUnknownError, RequestInProgressError
from quickstart.report_schedules import ScheduleUnknownError
from quickstart.subscriptions import NotSubscribedError, SubscriptionConflictError, SubscriptionReplacementError
from quickstart.token_vault import SellerUnknownError
from quickstart.validation import FieldError, Fields, InvalidRequestError
from sp_api.errors import (
    AuthorizationError,
    InvalidInputError,
    SellingPartnerApiError,
    ThrottledError,
    TransientError,
)

Answer = Mapping[str, Any]
Action = Callable[[Fields], Mapping[str, object]]

# API Gateway waits 29 s; LWA and SP-API share this much of it, so that there is always time left to answer.
CALL_BUDGET_SECONDS = 20.0


# Everything that `_refusal` has a place for.
_REFUSED = (
    InvalidRequestError,
    SellerUnknownError,
    ReportUnknownError,
    ScheduleUnknownError,
    ClientTokenReusedError,
    RequestInProgressError,
    OutcomeUnknownError,
    SubscriptionConflictError,
    NotSubscribedError,
    SubscriptionReplacementError,
    DepartureIncompleteError,
    SellingPartnerApiError,
)


@dataclass(frozen=True)
class _Refusal:
    status: int
    errors: tuple[FieldError, ...]
    retry_after: float | None = None


def answer(event: Mapping[str, Any], routes: Mapping[str, Action]) -> Answer:
    """Runs the route's action on the request's fields; what it returns is the body of a 200, what it raises a refusal.

    `routes` is keyed by method and resource as the template has them ("GET /reports/{reportId}"). The fields of a POST
    are those of its JSON body; otherwise they are the query string's and the path's, the latter with a capital
    (`{reportId}` is the field ReportId).

    An exception that the map does not know is left to Lambda: it is logged with its stack, counted as an error of the
    function, and API Gateway answers it with a bare 502.
    """
    request_id = event["requestContext"]["requestId"]
    try:
        return _response(200, routes[f"{event['httpMethod']} {event['resource']}"](Fields(_fields(event))))
    except _REFUSED as error:
        refusal = _refusal(error)
    logger().warning(
        "request refused",
        status=refusal.status,
        errors=[{"field": error.field, "code": error.code, "message": error.message} for error in refusal.errors],
        api_request_id=request_id,
    )
    headers = {} if refusal.retry_after is None else {"Retry-After": str(max(1, math.ceil(refusal.retry_after)))}
    return _response(refusal.status, _error_body(refusal.errors, request_id), headers)


def _fields(event: Mapping[str, Any]) -> Mapping[str, object]:
    if event["httpMethod"] == "POST":
        return _body(event)
    in_path = {name[:1].upper() + name[1:]: value for name, value in (event.get("pathParameters") or {}).items()}
    return {**(event.get("queryStringParameters") or {}), **in_path}


def _body(event: Mapping[str, Any]) -> Mapping[str, object]:
    """The JSON object that was sent, whatever Content-Type came with it."""
    raw = event.get("body") or ""
    try:
        text = base64.b64decode(raw).decode() if event.get("isBase64Encoded") else raw
        body = json.loads(text)
    except ValueError:
        raise InvalidRequestError(
            [FieldError("body", "InvalidJson", "the body must be a JSON object, and is not JSON")]
        ) from None
    if not isinstance(body, dict):
        raise InvalidRequestError([FieldError("body", "InvalidType", "the body must be a JSON object")])
    return body


def _refusal(error: Exception) -> _Refusal:
    match error:
        case InvalidRequestError():
            return _Refusal(400, error.errors)
        case SellerUnknownError():
            return _Refusal(404, (FieldError("SellerId", "SellerUnknown", str(error)),))
        case ReportUnknownError():
            return _Refusal(404, (FieldError("ReportId", "ReportUnknown", str(error)),))
        case ScheduleUnknownError():
            return _Refusal(404, (FieldError("ReportScheduleId", "ScheduleUnknown", str(error)),))
        case ClientTokenReusedError():
            return _Refusal(409, (FieldError("ClientToken", "ClientTokenReused", str(error)),))
        case RequestInProgressError():
            return _Refusal(409, (FieldError("ClientToken", "RequestInProgress", str(error)),), error.retry_after)
        case OutcomeUnknownError():
            return _Refusal(409, (FieldError("ClientToken", "OutcomeUnknown", str(error)),), error.retry_after)
        case SubscriptionConflictError():
            return _Refusal(409, (FieldError("NotificationType", "SubscriptionConflict", str(error)),))
        case NotSubscribedError():
            return _Refusal(404, (FieldError("NotificationType", "NotSubscribed", str(error)),))
        case SubscriptionReplacementError():
            because = _refusal(error.cause)
            told = FieldError("NotificationType", "SubscriptionNotReplaced", str(error))
            return _Refusal(because.status, (told,), because.retry_after)
        case DepartureIncompleteError():
            left = error.departure.remaining
            errors = [FieldError("SellerId", "SellerRemains", str(error))]
            errors += [FieldError(None, remainder.code, remainder.message) for remainder in left]
            return _Refusal(503, tuple(errors), max(remainder.retry_after for remainder in left))
        case AuthorizationError(error="invalid_grant"):
            message = (
                "LWA refused this seller's refresh token (invalid_grant): "
                "the seller must authorise the application again, then POST /tokens"
            )
            return _Refusal(409, (FieldError("SellerId", "RefreshTokenRefused", message),))
        case ThrottledError():
            return _Refusal(429, (_from_sp_api(error),), error.retry_after)
        case InvalidInputError():
            return _Refusal(400, (_from_sp_api(error),))
        case TransientError(status=None):
            return _Refusal(504, (_from_sp_api(error),))
        case SellingPartnerApiError():
            return _Refusal(502, (_from_sp_api(error),))
    raise AssertionError(f"{type(error).__name__} has no place in the map") from error


def _from_sp_api(error: SellingPartnerApiError) -> FieldError:
    return FieldError(None, error.code or type(error).__name__, str(error))


def _error_body(errors: Iterable[FieldError], request_id: str) -> Mapping[str, object]:
    listed = [
        {"code": error.code, "message": error.message} | ({"field": error.field} if error.field else {})
        for error in errors
    ]
    return {"message": "; ".join(entry["message"] for entry in listed), "errors": listed, "requestId": request_id}


def _response(status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answer:
    return {
        "statusCode": status,
        # An answer may hold a link that opens a report.
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})},
        "body": json.dumps(body),
    }
