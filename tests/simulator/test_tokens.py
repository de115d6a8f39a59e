"""The Tokens API: restricted data tokens, and the documents that need one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.support import DOCUMENTS, LISTINGS, REPORTS, RESTRICTED, Simulator

PATH = "/tokens/2021-03-01/restrictedDataToken"


def restricted_token(simulator: Simulator, token: str, path: str) -> str:
    body = {"restrictedResources": [{"method": "GET", "path": path}]}
    answer = simulator.call("POST", PATH, token, body, status=200).json
    assert answer["expiresIn"] == 3600
    return str(answer["restrictedDataToken"])


def document_path(simulator: Simulator, token: str, report_type: str) -> str:
    report = simulator.finished(token, simulator.create_report(token, report_type))
    return f"{DOCUMENTS}/{report['reportDocumentId']}"


def test_a_restricted_document_needs_a_token_of_its_own(simulator: Simulator) -> None:
    token = simulator.seller()
    path = document_path(simulator, token, RESTRICTED)
    assert simulator.call("GET", path, token, status=403).error[0] == "Unauthorized"
    rdt = restricted_token(simulator, token, path)
    assert rdt.startswith("Atz.sprdt|")
    url = simulator.call("GET", path, rdt, status=200).json["url"]
    assert simulator.fetch("GET", url).status == 200


def test_the_token_is_for_its_resource_only(simulator: Simulator) -> None:
    token = simulator.seller()
    path, other = (document_path(simulator, token, RESTRICTED) for _ in range(2))
    rdt = restricted_token(simulator, token, path)
    simulator.call("GET", other, rdt, status=403)
    simulator.call("GET", f"{REPORTS}?reportTypes={LISTINGS}", rdt, status=403)
    simulator.call("POST", PATH, rdt, {"restrictedResources": [{"method": "GET", "path": path}]}, status=403)


def test_the_token_ends(simulator: Simulator) -> None:
    token = simulator.seller()
    path = document_path(simulator, token, RESTRICTED)
    rdt = restricted_token(simulator, token, path)
    simulator.control("PUT", "/clock", {"advanceSeconds": 3600})
    answer = simulator.call("GET", path, rdt, status=403)
    assert answer.error[2] == "The access token you provided has expired."


def test_documents_that_no_token_is_made_for(simulator: Simulator) -> None:
    token = simulator.seller("A1")
    unrestricted = document_path(simulator, token, LISTINGS)
    foreign = document_path(simulator, simulator.seller("A2"), RESTRICTED)
    for path in (unrestricted, foreign, f"{DOCUMENTS}/{{reportDocumentId}}", f"{DOCUMENTS}/unknown"):
        body = {"restrictedResources": [{"method": "GET", "path": path}]}
        answer = simulator.call("POST", PATH, token, body, status=400)
        assert answer.error == ("InvalidInput", "Invalid or unsupported document ID found", "")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/orders/v0/orders"),
        ("GET", "/orders/v0/orders/902-1845936-5435065/address"),
        ("GET", "/orders/v0/orders/{orderId}/address"),
        ("GET", "/mfn/v0/shipments/1"),
        ("POST", "/mfn/v0/shipments"),
        ("DELETE", "/mfn/v0/shipments/1"),
        ("GET", "/vendor/directFulfillment/shipping/v1/packingSlips"),
    ],
)
def test_other_resources(simulator: Simulator, method: str, path: str) -> None:
    body = {"restrictedResources": [{"method": method, "path": path}]}
    simulator.call("POST", PATH, simulator.seller(), body, status=200)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/catalog/2022-04-01/items"),
        ("GET", ""),
        ("GET", "/"),
        ("GET", "orders/v0/orders"),
        ("GET", "/orders/v0/orders/"),
        ("GET", "https://sellingpartnerapi-na.amazon.com/orders/v0/orders"),
        ("POST", "/orders/v0/orders"),
        ("GET", "/mfn/v0/shipments"),
        ("GET", "/vendor/directFulfillment/orders/v1/anything/at/all"),
        ("GET", "/reports/2021-06-30/documents/"),
        ("DELETE", "/reports/2021-06-30/documents/1"),
    ],
)
def test_resources_that_are_not_restricted(simulator: Simulator, method: str, path: str) -> None:
    body = {"restrictedResources": [{"method": method, "path": path}]}
    answer = simulator.call("POST", PATH, simulator.seller(), body, status=400)
    assert answer.error == ("InvalidInput", "Application do not have access to some or all requested resource", "")


def test_data_elements(simulator: Simulator) -> None:
    token = simulator.seller()
    resource = {"method": "GET", "path": "/orders/v0/orders"}

    def call(elements: Any, status: int) -> Any:
        body = {"restrictedResources": [resource | {"dataElements": elements}]}
        return simulator.call("POST", PATH, token, body, status=status)

    call(["buyerInfo", "shippingAddress", "buyerTaxInformation"], 200)
    call([], 200)
    message = "Application does not have access to one or more requested data elements: [phoneNumber, e-mail]"
    assert call(["buyerInfo", "phoneNumber", "e-mail"], 400).error == ("InvalidInput", message, "")
    assert call("buyerInfo", 400).error[0] == "InvalidRequest"


def test_no_resource_at_all(simulator: Simulator) -> None:
    answer = simulator.call("POST", PATH, simulator.seller(), {"restrictedResources": []}, status=400)
    assert answer.error == ("InvalidInput", "Empty target resource arguement found", "")


@pytest.mark.parametrize(
    "resources",
    [
        None,
        "GET",
        [{}],
        [{"method": "", "path": "/orders/v0/orders"}],
        [{"method": "GET"}],
        [{"method": "GET", "path": "/orders/v0/orders"}] * 51,
    ],
)
def test_invalid_requests(simulator: Simulator, resources: Any) -> None:
    answer = simulator.call("POST", PATH, simulator.seller(), {"restrictedResources": resources}, status=400)
    assert answer.error[:2] == ("InvalidRequest", "Request is missing or has invalid parameters")
