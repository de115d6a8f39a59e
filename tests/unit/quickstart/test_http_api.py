"""API Gateway's events in, answers out, and the map from exceptions to status codes."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from quickstart.http_api import answer
from quickstart.subscriptions import SubscriptionConflictError
from quickstart.token_vault import SellerUnknownError
from quickstart.validation import Fields
from sp_api.deadline import DeadlineExceeded
from sp_api.errors import (
    AccessDeniedError,
    AuthorizationError,
    InvalidInputError,
    NotFoundError,
    SellingPartnerApiError,
    ThrottledError,
    TransientError,
)


def event(method: str = "POST", resource: str = "/reports", **changed: Any) -> dict[str, Any]:
    return {
        "httpMethod": method,
        "resource": resource,
        "body": "{}",
        "isBase64Encoded": False,
        "pathParameters": None,
        "queryStringParameters": None,
        "requestContext": {"requestId": "request-1"},
        **changed,
    }


def echo(fields: Fields) -> Mapping[str, object]:
    return fields.body


def body_of(response: Mapping[str, Any]) -> Any:
    return json.loads(response["body"])


def test_a_post_has_the_fields_of_its_body() -> None:
    response = answer(event(body='{"SellerId": "A1"}'), {"POST /reports": echo})
    assert response["statusCode"] == 200
    assert response["headers"]["Content-Type"] == "application/json"
    assert body_of(response) == {"SellerId": "A1"}


def test_a_body_in_base64_is_read() -> None:
    encoded = base64.b64encode('{"SellerId": "Ä1"}'.encode()).decode()
    assert body_of(answer(event(body=encoded, isBase64Encoded=True), {"POST /reports": echo})) == {"SellerId": "Ä1"}


def test_other_methods_have_the_fields_of_query_and_path() -> None:
    read = event(
        "GET",
        "/reports/{reportId}",
        body=None,
        pathParameters={"reportId": "5"},
        queryStringParameters={"SellerId": "A1", "ReportId": "6"},
    )
    assert body_of(answer(read, {"GET /reports/{reportId}": echo})) == {"SellerId": "A1", "ReportId": "5"}


@pytest.mark.parametrize("body", [None, "", "x", "[]", "null", '"text"'])
def test_what_is_no_json_object_is_400(body: str | None) -> None:
    response = answer(event(body=body), {"POST /reports": echo})
    assert response["statusCode"] == 400
    assert body_of(response)["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (SellerUnknownError("A1", "NA"), 404, "SellerUnknown"),
        (SubscriptionConflictError("elsewhere"), 409, "SubscriptionConflict"),
        (
            AuthorizationError("LWA refresh_token", status=400, error="invalid_grant", message="m", action="a"),
            409,
            "RefreshTokenRefused",
        ),
        (
            AuthorizationError("LWA refresh_token", status=401, error="invalid_client", message="m", action="rotate"),
            502,
            "invalid_client",
        ),
        (InvalidInputError("createReport", status=400, code="InvalidInput", message="m"), 400, "InvalidInput"),
        (AccessDeniedError("createReport", status=403, code="Unauthorized", message="m"), 502, "Unauthorized"),
        (NotFoundError("getReport", status=404, message="m"), 502, "NotFoundError"),
        (TransientError("createReport", status=503, code="ServiceUnavailable"), 502, "ServiceUnavailable"),
        (TransientError("createReport", message="no answer came in time"), 504, "TransientError"),
        (DeadlineExceeded("createReport"), 504, "DeadlineExceeded"),
    ],
)
def test_each_refusal_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    def refuse(_: Fields) -> Mapping[str, object]:
        raise error

    response = answer(event(), {"POST /reports": refuse})
    assert response["statusCode"] == status
    refusal = body_of(response)
    assert refusal["errors"][0]["code"] == code
    assert refusal["requestId"] == "request-1"
    assert refusal["message"] == "; ".join(entry["message"] for entry in refusal["errors"])
    if isinstance(error, SellingPartnerApiError) and code != "RefreshTokenRefused":
        assert str(error) == refusal["message"]


@pytest.mark.parametrize(("wait", "header"), [(0.2, "1"), (59.9, "60")])
def test_throttling_says_how_long_to_wait(wait: float, header: str) -> None:
    def refuse(_: Fields) -> Mapping[str, object]:
        raise ThrottledError("createReport", retry_after=wait, code="QuotaExceeded", message="m")

    response = answer(event(), {"POST /reports": refuse})
    assert (response["statusCode"], response["headers"]["Retry-After"]) == (429, header)


def test_what_nobody_foresaw_is_left_to_lambda() -> None:
    def break_down(_: Fields) -> Mapping[str, object]:
        raise KeyError("unforeseen")

    with pytest.raises(KeyError):
        answer(event(), {"POST /reports": break_down})
