"""Turns API Gateway's events into requests, and results into answers.

Every error has the shape {"message", "errors": [{"field"?, "code", "message", "documentation"}], "requestId"}, which
extends the {"message"} of API Gateway's own refusals. `documentation` is a section of docs/errors.md.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from quickstart import clients, invocation
from quickstart.aws_failures import FAILED_CALLS, call_of, code_of, needs_operator
from quickstart.invocation import Context
from quickstart.observability import logger
from quickstart.refusals import FieldError, InvalidRequestError, Refusal, refusal_of
from quickstart.validation import Fields, Sent, shown_name
from sp_api.deadline import Deadline
from sp_api.errors import SellingPartnerApiError

Answer = Mapping[str, Any]
Action = Callable[[Fields], Mapping[str, object]]

# API Gateway waits 29 s; LWA and SP-API share this much of it, so that there is always time to answer.
CALL_BUDGET_SECONDS = 20.0
# No attempt of an AWS call begins later than this; one takes at most 6 s. What SP-API did can still be recorded.
AWS_BUDGET_SECONDS = 22.0
# The largest request that a route needs is far below it.
LARGEST_BODY_BYTES = 256 * 1024
# The most errors of one answer, and the most characters of one of its fields and messages: a caller chooses the names
# of unknown fields, and SP-API the words of its errors.
MOST_ERRORS = 20
# SP-API's deepest request has four levels.
_MOST_LEVELS = 32
_LONGEST_FIELD = 64
_LONGEST_MESSAGE = 2000
_WITH_BODY = ("POST", "PATCH")
# name=value, as HTML forms and curl's --data-urlencode send it.
_FORM = re.compile(r"[A-Za-z]\w*=")
# What is logged of a request and its answer; no other field's value is.
_LOGGED_FIELDS: Mapping[str, str] = {
    "AuthorizationId": "authorization_id",
    "SellerId": "seller_id",
    "RegionCode": "region",
    "NotificationType": "notification_type",
    "ReportType": "report_type",
    "ReportId": "report_id",
    "ReportScheduleId": "report_schedule_id",
    "Sku": "sku",
    "SubmissionId": "submission_id",
    "FeedRequestId": "feed_request_id",
    "MarketplaceId": "marketplace_id",
    "ProductType": "product_type",
    "PullId": "pull_id",
}
_LOGGED_RESULTS: Mapping[str, str] = {
    "authorizationId": "authorization_id",
    "destinationId": "destination_id",
    "pullId": "pull_id",
    "reportId": "report_id",
    "reportScheduleId": "report_schedule_id",
    "subscriptionId": "subscription_id",
    "subscriptionIds": "subscription_ids",
    "submissionId": "submission_id",
    "feedRequestId": "feed_request_id",
}


class BodyTooLargeError(Refusal):
    """The body is larger than any request of this API."""

    status = 413
    code = "BodyTooLarge"
    field = "body"

    def __init__(self) -> None:
        super().__init__(f"The body is larger than {LARGEST_BODY_BYTES // 1024} KB")


class AwsCallFailedError(Refusal):
    """A call to an AWS service failed, so it is unknown how much of the request was carried out."""

    status = 503
    code = "AwsCallFailed"

    def __init__(self, error: BaseException, *, changes: bool) -> None:
        code = code_of(error)
        must_be_fixed = needs_operator(code)
        self.retry_after = 60.0 if must_be_fixed else 5.0
        known = (
            "The request may have been carried out in part: docs/api.md describes what happens if you send it again"
            if changes
            else "The request changed nothing"
        )
        remedy = " It fails again until the stack's operator fixes the cause." if must_be_fixed else ""
        super().__init__(f"{call_of(error)} to AWS failed ({code}).{remedy} {known}".replace("a call to", "A call to"))


def call_deadline() -> Deadline:
    """When a request's calls to LWA and SP-API must end."""
    return Deadline.after(CALL_BUDGET_SECONDS)


def answer(event: Mapping[str, Any], context: Context, routes: Mapping[str, Action]) -> Answer:
    """Runs the route's action on the request's fields, and returns 200 with its result, or the status of its Refusal.

    `routes` is keyed by method and resource as in the template ("GET /reports/{reportId}"). The fields of a POST or
    PATCH are those of its JSON body, of other methods those of the query string; the fields of the path are added to
    either, with a capital letter (`{reportId}` is the field ReportId).

    Each request logs one line: INFO when it succeeds, WARNING when it is refused, ERROR when it fails. Every line
    carries `api_request_id`, which is the answer's requestId, `function_request_id`, Lambda's, and `caller`, the ARN
    whose credentials signed the request. A failed AWS call is answered with 503. Any other exception is raised: Lambda
    logs it with its traceback and counts an error, and API Gateway answers 502.
    """
    request_id = event["requestContext"]["requestId"]
    route = f"{event['httpMethod']} {event['resource']}"
    invocation.begin(context, api_request_id=request_id, route=route, caller=_caller(event))
    clients.end_calls_by(Deadline.after(AWS_BUDGET_SECONDS))
    try:
        fields = _fields(event)
        try:
            result = routes[route](fields)
        except SellingPartnerApiError as error:
            raise refusal_of(error) from error
    except Refusal as refusal:
        return _refused(refusal, request_id)
    except FAILED_CALLS as error:
        logger().exception("request failed: an AWS call failed", status=AwsCallFailedError.status, error=code_of(error))
        return _response_to(AwsCallFailedError(error, changes=event["httpMethod"] != "GET"), request_id)
    except Exception as error:
        # Lambda's own log of it lacks the gateway's request id.
        logger().error("request failed", error=type(error).__name__)
        raise
    logger().info(
        "request answered", extra={**_logged(_LOGGED_FIELDS, fields.body), **_logged(_LOGGED_RESULTS, result)}
    )
    return _response(200, result)


def _refused(refusal: Refusal, request_id: str) -> Answer:
    errors = _listed(refusal)
    logger().warning(
        "request rejected",
        status=refusal.status,
        errors=[{"field": error.field, "code": error.code, "message": error.message} for error in errors],
    )
    return _response_to(refusal, request_id)


def _response_to(refusal: Refusal, request_id: str) -> Answer:
    errors = _listed(refusal)
    wait = refusal.retry_after
    headers = {} if wait is None else {"Retry-After": str(max(1, math.ceil(wait)))}
    # What the caller needs to decide stands beside the errors.
    return _response(refusal.status, {**refusal.details, **_error_body(errors, request_id)}, headers)


def _listed(refusal: Refusal) -> tuple[FieldError, ...]:
    """At most MOST_ERRORS of the refusal's errors, cut to size, and how many more there are."""
    errors = refusal.errors
    listed = tuple(
        FieldError(
            None if error.field is None else _cut(error.field, _LONGEST_FIELD),
            error.code,
            _cut(error.message, _LONGEST_MESSAGE),
            error.section,
        )
        for error in errors[:MOST_ERRORS]
    )
    more = len(errors) - len(listed)
    return (*listed, FieldError(None, "MoreErrors", f"{more} more errors are not listed")) if more else listed


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "..."


def _caller(event: Mapping[str, Any]) -> str:
    """The ARN of the principal that signed the request; empty when API Gateway does not pass it."""
    return (event["requestContext"].get("identity") or {}).get("userArn") or ""


def _logged(names: Mapping[str, str], values: Mapping[str, object]) -> Mapping[str, object]:
    return {key: values[name] for name, key in names.items() if values.get(name)}


def _fields(event: Mapping[str, Any]) -> Fields:
    with_body = event["httpMethod"] in _WITH_BODY
    query = event.get("queryStringParameters") or {}
    given = _body(event, query) if with_body else query
    # A REST API passes the path's parameters percent-encoded, unlike those of the query (serverless issue 5037).
    in_path = {
        name[:1].upper() + name[1:]: unquote(value, errors="surrogateescape")
        for name, value in (event.get("pathParameters") or {}).items()
    }
    return Fields(
        {**given, **in_path},
        sent=Sent.BODY if with_body else Sent.QUERY,
        elsewhere=tuple(query) if with_body else (),
    )


def _body(event: Mapping[str, Any], query: Collection[str]) -> Mapping[str, object]:
    """The body as a JSON object, whatever its Content-Type."""
    raw = event.get("body") or ""
    if not raw.strip():
        hint = "the fields are in the query string, so send them in the body" if query else "send the fields in it"
        raise InvalidRequestError([FieldError("body", "Empty", f"The body is empty: {hint}, as a JSON object")])
    try:
        content = base64.b64decode(raw) if event.get("isBase64Encoded") else raw.encode("utf-8", "surrogatepass")
        if len(content) > LARGEST_BODY_BYTES:
            raise BodyTooLargeError
        body = json.loads(content, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        form = not event.get("isBase64Encoded") and _FORM.match(raw)
        words = "The body is a form, not JSON: send a JSON object" if form else "The body is not valid JSON"
        raise InvalidRequestError([FieldError("body", "InvalidJson", words)]) from None
    if not isinstance(body, dict):
        raise InvalidRequestError([FieldError("body", "InvalidType", "The body must be a JSON object")])
    for name, value in body.items():
        if _is_deeper(value, _MOST_LEVELS):
            shown = shown_name(name)
            message = f"{shown} must have at most {_MOST_LEVELS} levels of lists and objects"
            raise InvalidRequestError([FieldError(shown, "TooDeep", message)])
    return body


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Python would keep the last value of a name, and drop the others without a word."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        shown = shown_name(next(name for position, name in enumerate(names) if name in names[:position]))
        raise InvalidRequestError([FieldError(shown, "DuplicateName", f"{shown} is a duplicate key")])
    return members


def _no_constant(name: str) -> object:
    """Python reads NaN and Infinity, which are not JSON."""
    raise ValueError(name)


def _is_deeper(value: object, levels: int) -> bool:
    """Whether lists and objects are nested in more levels: Python reads some that it cannot write again."""
    level = [value]
    for _ in range(levels):
        level = [
            entry
            for inner in level
            if isinstance(inner, list | dict)
            for entry in (inner.values() if isinstance(inner, dict) else inner)
        ]
    return any(isinstance(inner, list | dict) for inner in level)


def _error_body(errors: Iterable[FieldError], request_id: str) -> Mapping[str, object]:
    listed = [
        {"code": error.code, "message": error.message, "documentation": error.documentation}
        | ({"field": error.field} if error.field else {})
        for error in errors
    ]
    return {"message": "; ".join(entry["message"] for entry in listed), "errors": listed, "requestId": request_id}


def _response(status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answer:
    return {
        "statusCode": status,
        # An answer may contain a link to a report.
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})},
        "body": json.dumps(body),
    }
