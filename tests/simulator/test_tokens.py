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


def test_other_resources(simulator: Simulator) -> None:
    token = simulator.seller()
    restricted_token(simulator, token, "/orders/v0/orders/902-1845936-5435065/address")
    body = {"restrictedResources": [{"method": "GET", "path": "/catalog/2022-04-01/items"}]}
    answer = simulator.call("POST", PATH, token, body, status=400)
    assert answer.error == ("InvalidInput", "Application do not have access to some or all requested resource", "")


@pytest.mark.parametrize(
    "resources",
    [
        None,
        [],
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
