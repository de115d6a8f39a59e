"""Requests to what the simulator does not have: the answer says that it is the simulator's, and not Amazon's."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest

from sp_api_simulator.operations import IMPLEMENTED_APIS, OPERATIONS
from tests.simulator.support import Simulator


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/orders/v0/orders"),
        ("GET", "/orders/2026-01-01/orders/902-1"),
        ("GET", "/fba/inventory/v1/summaries"),
        ("POST", "/vendor/directFulfillment/orders/2021-12-28/acknowledgements"),
        ("POST", "/dataKiosk/2023-11-15/queries"),
        ("GET", "/reports/2020-09-04/reports"),
        ("GET", "/products/pricing/v0/price"),
    ],
)
@pytest.mark.parametrize("endpoint", ["eu", "sandbox.na"])
def test_an_api_that_is_not_implemented(simulator: Simulator, endpoint: str, method: str, path: str) -> None:
    answer = simulator.fetch(method, f"{simulator.address}/{endpoint}{path}")
    assert answer.status == 501
    code, message, details = answer.error
    assert code == "NotImplemented"
    assert message == f"This is the SP-API simulator, not Amazon. It does not implement {method} {path}"
    assert "/reports/2021-06-30" in details
    (logged,) = simulator.control("GET", "/requests?operation=unknown")["requests"]
    assert (logged["status"], logged["error"].startswith("NotImplemented: ")) == (501, True)


def test_the_implemented_apis_are_those_of_the_operations() -> None:
    assert all(operation.path.startswith(IMPLEMENTED_APIS) for operation in OPERATIONS)
    assert len(IMPLEMENTED_APIS) == len(set(IMPLEMENTED_APIS)) > 1


@pytest.mark.parametrize(
    "path", ["/reports/2021-06-30/reports", "/xx/orders/v0/orders", "/nothing", "/simulators", "//"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_that_is_none_of_its_own(simulator: Simulator, method: str, path: str) -> None:
    answer = simulator.fetch(method, f"{simulator.address}{path}")
    assert answer.status == 404
    words: Any = json.loads(answer.content)["message"]
    assert words.startswith("The SP-API simulator has no ")
    assert "The page at / lists all addresses" in words


def test_amazons_answer_to_a_path_that_an_implemented_api_lacks(simulator: Simulator) -> None:
    """Only where the whole API is implemented can the simulator know that Amazon has no such path."""
    for api in IMPLEMENTED_APIS:
        path = urllib.parse.quote(f"/na{api}/nothing")
        assert simulator.fetch("GET", f"{simulator.address}{path}").status == 403
