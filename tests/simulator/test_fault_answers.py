"""The body of a `status` fault belongs to its status, for SP-API, Login with Amazon and document links."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from tests.simulator.support import LISTINGS, REPORTS, Answer, Simulator

LIST = f"{REPORTS}?reportTypes={LISTINGS}"


def with_fault(simulator: Simulator, operation: str, status: int, **fields: str) -> None:
    simulator.control("POST", "/faults", {"fault": "status", "operation": operation, "status": status} | fields)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "InvalidInput", "Invalid Input"),
        (401, "Unauthorized", "Access to requested resource is denied."),
        (403, "Unauthorized", "Access to requested resource is denied."),
        (404, "NotFound", "The requested resource doesn't exist."),
        (415, "UnsupportedMediaType", "The request's Content-Type header is invalid."),
        (429, "QuotaExceeded", "You exceeded your quota for the requested resource."),
        (500, "InternalFailure", "We encountered an internal error. Please try again."),
        (503, "ServiceUnavailable", "Service is temporarily unavailable. Please try again."),
    ],
)
def test_sp_api(simulator: Simulator, status: int, code: str, message: str) -> None:
    token = simulator.seller()
    with_fault(simulator, "getReports", status)
    assert simulator.call("GET", LIST, token, status=status).error == (code, message, "")


@pytest.mark.parametrize(
    ("status", "code"),
    [(409, "StateConflict"), (413, "RequestTooLarge"), (418, "InvalidInput"), (599, "InternalFailure")],
)
def test_statuses_that_the_model_of_the_operation_lacks(simulator: Simulator, status: int, code: str) -> None:
    with_fault(simulator, "getReports", status)
    answer = fetch(simulator)
    assert (answer.status, answer.error[0]) == (status, code)


@pytest.mark.parametrize(("status", "message"), [(502, "Internal server error"), (504, "Endpoint request timed out")])
def test_the_gateway_itself(simulator: Simulator, status: int, message: str) -> None:
    with_fault(simulator, "getReports", status)
    answer = fetch(simulator)
    assert (answer.status, answer.json) == (status, {"message": message})
    with_fault(simulator, "getReports", status, code="Own")
    assert fetch(simulator).error[0] == "Own"


def fetch(simulator: Simulator) -> Answer:
    return simulator.fetch("GET", f"{simulator.address}/na{LIST}", {"x-amz-access-token": simulator.seller()})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "invalid_grant"),
        (401, "invalid_client"),
        (403, "access_denied"),
        (429, "temporarily_unavailable"),
        (500, "server_error"),
        (502, "server_error"),
        (503, "temporarily_unavailable"),
    ],
)
def test_login_with_amazon(simulator: Simulator, status: int, error: str) -> None:
    with_fault(simulator, "getAccessToken", status)
    answer = simulator.token(status=status, grant_type="client_credentials", scope="sellingpartnerapi::notifications")
    assert answer["error"] == error
    assert answer["error_description"]


def test_another_code_of_login_with_amazon_has_no_text_of_the_usual_one(simulator: Simulator) -> None:
    with_fault(simulator, "getAccessToken", 400, code="invalid_scope")
    answer = simulator.token(status=400, grant_type="client_credentials", scope="sellingpartnerapi::notifications")
    assert answer == {"error": "invalid_scope", "error_description": ""}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "InvalidRequest"),
        (403, "AccessDenied"),
        (404, "NoSuchKey"),
        (500, "InternalError"),
        (502, "InternalError"),
        (503, "SlowDown"),
    ],
)
def test_document_links(simulator: Simulator, status: int, code: str) -> None:
    url = simulator.document(simulator.seller())["url"]
    with_fault(simulator, "downloadDocument", status)
    answer = simulator.fetch("GET", url)
    assert answer.status == status
    document = ElementTree.fromstring(answer.content)  # noqa: S314 (the simulator's own answer)
    assert document.findtext("Code") == code
    assert document.findtext("Message")
    assert simulator.fetch("GET", url).status == 200


def test_the_answer_is_json(simulator: Simulator) -> None:
    with_fault(simulator, "getReports", 404, details="x")
    answer = simulator.call("GET", LIST, simulator.seller(), status=404)
    assert json.loads(answer.content)["errors"][0]["details"] == "x"
