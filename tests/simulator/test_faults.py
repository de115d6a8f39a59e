"""Trouble to order: each kind, the number of times it comes, and what the log says of it."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import pytest
import urllib3

from tests.simulator.support import DOCUMENTS, LISTINGS, NOTIFICATIONS_SCOPE, REPORTS, Simulator

LIST = f"{REPORTS}?reportTypes={LISTINGS}"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, ("QuotaExceeded", "You exceeded your quota for the requested resource.", "")),
        (500, ("InternalFailure", "We encountered an internal error. Please try again.", "")),
        (503, ("ServiceUnavailable", "Service is temporarily unavailable. Please try again.", "")),
    ],
)
def test_statuses(simulator: Simulator, status: int, error: tuple[str, str, str]) -> None:
    token = simulator.seller()
    simulator.control("POST", "/faults", {"fault": "status", "operation": "getReports", "status": status, "count": 2})
    simulator.call("GET", f"{REPORTS}/1", token, status=404)
    for _ in range(2):
        assert simulator.call("GET", LIST, token, status=status).error == error
    simulator.call("GET", LIST, token, status=200)


def test_an_error_of_ones_own(simulator: Simulator) -> None:
    token = simulator.seller()
    fault = {"fault": "status", "status": 403, "code": "Unauthorized", "message": "Access to the resource is forbidden"}
    simulator.control("POST", "/faults", fault | {"details": "x", "headers": {"x-test": "1"}})
    answer = simulator.call("GET", LIST, token, status=403)
    assert answer.error == ("Unauthorized", "Access to the resource is forbidden", "x")
    assert answer.headers["x-test"] == "1"


def test_a_body_that_is_not_json(simulator: Simulator) -> None:
    token = simulator.seller()
    page = "<html><body>502 Bad Gateway</body></html>"
    fault = {"fault": "status", "status": 502, "body": page, "contentType": "text/html"}
    simulator.control("POST", "/faults", fault)
    answer = simulator.fetch("GET", f"{simulator.address}/na{LIST}", {"x-amz-access-token": token})
    assert (answer.status, answer.content.decode()) == (502, page)
    assert answer.headers["content-type"].startswith("text/html")


def test_a_fault_for_one_seller_lasts_until_it_is_called_off(simulator: Simulator) -> None:
    first, second = simulator.seller("A1"), simulator.seller("A2")
    simulator.control("POST", "/faults", {"fault": "status", "status": 503, "sellerId": "A1", "count": None})
    for _ in range(3):
        simulator.call("GET", LIST, first, status=503)
    simulator.call("GET", LIST, second, status=200)
    assert len(simulator.control("GET", "/faults")["faults"]) == 1
    simulator.control("DELETE", "/faults")
    simulator.call("GET", LIST, first, status=200)


def test_a_slow_answer(simulator: Simulator) -> None:
    token = simulator.seller()
    simulator.control("POST", "/faults", {"fault": "slow", "operation": "getReports", "seconds": 0.3})
    started = time.monotonic()
    simulator.call("GET", LIST, token, status=200)
    assert time.monotonic() - started >= 0.3
    assert simulator.control("GET", "/faults")["faults"] == []


@pytest.mark.parametrize("operation", ["getReports", "getAccessToken", "downloadDocument"])
def test_a_reset_connection(simulator: Simulator, operation: str) -> None:
    token = simulator.seller()
    url = simulator.document(token)["url"]
    simulator.control("DELETE", "/requests")
    simulator.control("POST", "/faults", {"fault": "reset", "operation": operation})
    request = {
        "getReports": lambda: simulator.call("GET", LIST, token),
        "getAccessToken": lambda: simulator.token(grant_type="client_credentials", scope=NOTIFICATIONS_SCOPE),
        "downloadDocument": lambda: simulator.fetch("GET", url),
    }[operation]
    with pytest.raises(urllib3.exceptions.ProtocolError):
        request()
    request()
    assert simulator.control("GET", "/requests")["statuses"][operation] == {"0": 1, "200": 1}


def test_an_answer_that_is_lost_on_its_way(simulator: Simulator) -> None:
    token = simulator.seller()
    simulator.control("POST", "/faults", {"fault": "lose", "operation": "createReport"})
    body = {"reportType": LISTINGS, "marketplaceIds": ["ATVPDKIKX0DER"]}
    with pytest.raises(urllib3.exceptions.ProtocolError):
        simulator.call("POST", REPORTS, token, body=body)
    assert len(simulator.control("GET", "/reports")["reports"]) == 1
    assert simulator.control("GET", "/requests")["statuses"]["createReport"] == {"0": 1}
    simulator.call("POST", REPORTS, token, body=body, status=202)


@pytest.mark.parametrize("after_bytes", [0, 1000])
def test_a_truncated_document(simulator: Simulator, after_bytes: int) -> None:
    url = simulator.document(simulator.seller())["url"]
    fault = {"fault": "truncate", "operation": "downloadDocument", "afterBytes": after_bytes}
    simulator.control("POST", "/faults", fault)
    response = simulator.http.request("GET", url, preload_content=False, decode_content=False)
    received: list[bytes] = []
    with pytest.raises(urllib3.exceptions.ProtocolError):
        received.extend(response.stream(100))
    assert len(b"".join(received)) <= after_bytes < int(response.headers["Content-Length"])
    assert len(simulator.fetch("GET", url).content) == int(response.headers["Content-Length"])


def test_a_link_that_has_expired(simulator: Simulator) -> None:
    url = simulator.document(simulator.seller())["url"]
    simulator.control("POST", "/faults", {"fault": "expire", "operation": "downloadDocument"})
    answer = simulator.fetch("GET", url)
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in answer.content
    assert simulator.fetch("GET", url).status == 200


def test_s3_in_trouble(simulator: Simulator) -> None:
    url = simulator.document(simulator.seller())["url"]
    fault = {"fault": "status", "operation": "downloadDocument", "status": 503, "code": "SlowDown", "message": "Slow."}
    simulator.control("POST", "/faults", fault)
    answer = simulator.fetch("GET", url)
    assert answer.status == 503
    assert b"<Code>SlowDown</Code><Message>Slow.</Message>" in answer.content


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 400}, "invalid_grant"),
        ({"status": 401}, "invalid_client"),
        ({"status": 400, "code": "unauthorized_client"}, "unauthorized_client"),
        ({"status": 500}, "server_error"),
        ({"status": 503}, "temporarily_unavailable"),
    ],
)
def test_login_with_amazon_in_trouble(simulator: Simulator, fault: Any, error: str) -> None:
    simulator.control("POST", "/faults", {"fault": "status", "operation": "getAccessToken"} | fault)
    grant = {"grant_type": "client_credentials", "scope": NOTIFICATIONS_SCOPE}
    assert simulator.token(fault["status"], **grant)["error"] == error
    simulator.token(**grant)


def test_login_with_amazon_in_trouble_for_one_seller(simulator: Simulator) -> None:
    first, second = (simulator.control("POST", "/sellers", {"sellerId": name})["refreshToken"] for name in ("A1", "A2"))
    order = {"fault": "status", "operation": "getAccessToken", "status": 503, "sellerId": "A2"}
    simulator.control("POST", "/faults", order)
    simulator.token(grant_type="refresh_token", refresh_token=first)
    simulator.token(503, grant_type="refresh_token", refresh_token=second)
    log = simulator.control("GET", "/requests?operation=getAccessToken")["requests"]
    assert [(entry["sellerId"], entry["status"]) for entry in log] == [("A1", 200), ("A2", 503)]


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"fault": "flood"},
        {"fault": "status"},
        {"fault": "status", "status": 200},
        {"fault": "reset", "count": 0},
        {"fault": "reset", "often": 2},
    ],
)
def test_orders_that_make_no_sense(simulator: Simulator, fault: Any) -> None:
    assert simulator.control("POST", "/faults", fault, status=400)["error"]


def test_the_log_counts_and_keeps_secrets(simulator: Simulator) -> None:
    token = simulator.seller("A1")
    description = simulator.document(token)
    simulator.fetch("GET", description["url"])
    simulator.call(
        "GET", f"{DOCUMENTS}/{quote(description['reportDocumentId'])}", token, headers={"user-agent": "tests/1"}
    )
    log = simulator.control("GET", "/requests")
    assert log["counts"]["createReport"] == 1
    assert log["statuses"]["getReportDocument"] == {"200": 2}
    entry = log["requests"][-1]
    assert (entry["operation"], entry["sellerId"], entry["userAgent"]) == ("getReportDocument", "A1", "tests/1")
    (created,) = simulator.control("GET", "/requests?operation=createReport")["requests"]
    assert created["body"]["reportType"] == LISTINGS
    text = str(log)
    assert token not in text
    assert "X-Amz-Signature" not in text
    assert "Atzr|" not in text
    simulator.control("DELETE", "/requests")
    assert simulator.control("GET", "/requests")["counts"] == {}
