"""Rate limits: the published plans, their headers, and whose bucket is whose."""

from __future__ import annotations

import pytest

from tests.simulator.support import DESTINATIONS, DOCUMENTS, LISTINGS, REPORTS, SCHEDULES, SUBSCRIPTIONS, US, Simulator

QUOTA = ("QuotaExceeded", "You exceeded your quota for the requested resource.", "")
SOLICITATION = f"/solicitations/v1/orders/903-1671087-0812628?marketplaceIds={US}"

PLANS = [
    ("GET", f"{REPORTS}?reportTypes={LISTINGS}", 200, "0.0222", 10),
    ("GET", f"{REPORTS}/1", 404, "2.0", 15),
    ("DELETE", f"{REPORTS}/1", 404, "0.0222", 10),
    ("GET", f"{SCHEDULES}?reportTypes={LISTINGS}", 200, "0.0222", 10),
    ("GET", f"{SCHEDULES}/1", 404, "0.0222", 10),
    ("GET", f"{DOCUMENTS}/1", 400, "0.0167", 15),
    ("GET", f"{SUBSCRIPTIONS}/ORDER_CHANGE", 404, "1.0", 5),
    ("GET", SOLICITATION, 200, "1.0", 5),
]


@pytest.mark.parametrize(("method", "path", "status", "rate", "burst"), PLANS)
def test_published_plans(simulator: Simulator, method: str, path: str, status: int, rate: str, burst: int) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1})
    simulator.control("PUT", "/clock", {"scale": 0.001})
    token = simulator.seller()
    for _ in range(burst):
        assert simulator.call(method, path, token, status=status).headers["x-amzn-ratelimit-limit"] == rate
    assert simulator.call(method, path, token, status=429).error == QUOTA


def test_the_bucket_of_create_report_fills_again(simulator: Simulator) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1})
    simulator.control("PUT", "/clock", {"scale": 0.001})
    token = simulator.seller()
    body = {"reportType": LISTINGS, "marketplaceIds": [US]}
    statuses = [simulator.call("POST", REPORTS, token, body).status for _ in range(16)]
    assert statuses == [202] * 15 + [429]
    simulator.control("PUT", "/clock", {"advanceSeconds": 60})
    statuses = [simulator.call("POST", REPORTS, token, body).status for _ in range(2)]
    assert statuses == [202, 429]


def test_buckets_fill_at_the_speed_of_the_clock(simulator: Simulator) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1})
    simulator.control("PUT", "/clock", {"scale": 0.001})
    token = simulator.seller()
    while simulator.call("GET", f"{REPORTS}/1", token).status == 404:
        pass
    simulator.control("PUT", "/clock", {"scale": 100_000})
    for _ in range(30):
        simulator.call("GET", f"{REPORTS}/1", token, status=404)


def test_each_seller_application_region_and_operation_has_a_bucket(simulator: Simulator) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1, "operations": {"getReport": {"rate": 0.001, "burst": 1}}})
    first, second = simulator.seller("A1"), simulator.seller("A2")
    path = f"{REPORTS}/1"
    simulator.call("GET", path, first, status=404)
    simulator.call("GET", path, first, status=429)
    simulator.call("GET", path, second, status=404)
    simulator.call("GET", path, first, endpoint="eu", status=404)
    simulator.call("GET", f"{REPORTS}?reportTypes={LISTINGS}", first, status=200)
    other = simulator.control("POST", "/applications")
    refresh_token = simulator.control("POST", "/sellers", {"sellerId": "A1", "clientId": other["clientId"]})[
        "refreshToken"
    ]
    credentials = {"client_id": other["clientId"], "client_secret": other["clientSecret"]}
    token = simulator.token(grant_type="refresh_token", refresh_token=refresh_token, **credentials)["access_token"]
    simulator.call("GET", path, token, status=404)


def test_a_new_token_does_not_bring_a_new_bucket(simulator: Simulator) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1, "operations": {"getReport": {"rate": 0.001, "burst": 1}}})
    simulator.call("GET", f"{REPORTS}/1", simulator.seller("A1"), status=404)
    simulator.call("GET", f"{REPORTS}/1", simulator.seller("A1"), status=429)


def test_grantless_operations_are_counted_by_application(simulator: Simulator) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1})
    simulator.control("PUT", "/clock", {"scale": 0.001})
    statuses = [simulator.call("GET", DESTINATIONS, simulator.grantless()).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]


def test_the_header_on_429_is_where_the_models_declare_it(simulator: Simulator) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1})
    simulator.control("PUT", "/clock", {"scale": 0.001})
    token = simulator.seller()
    for path, shown in ((SOLICITATION, True), (f"{SUBSCRIPTIONS}/ORDER_CHANGE", False)):
        answers = [simulator.call("GET", path, token) for _ in range(6)]
        assert answers[-1].status == 429
        assert ("x-amzn-ratelimit-limit" in answers[-1].headers) == shown


def test_the_scale(simulator: Simulator) -> None:
    token = simulator.seller()
    simulator.control("PUT", "/clock", {"scale": 0.001})
    simulator.control("PUT", "/rate-limits", {"scale": 2})
    statuses = [simulator.call("GET", f"{SUBSCRIPTIONS}/ORDER_CHANGE", token).status for _ in range(11)]
    assert statuses == [404] * 10 + [429]
    simulator.control("PUT", "/rate-limits", {"scale": 0})
    simulator.call("GET", f"{SUBSCRIPTIONS}/ORDER_CHANGE", token, status=404)


def test_the_sandbox_has_its_own_plan(simulator: Simulator) -> None:
    simulator.control("PUT", "/rate-limits", {"scale": 1})
    simulator.control("PUT", "/clock", {"scale": 0.001})
    token = simulator.seller()
    answers = [simulator.call("GET", f"{REPORTS}/ID323", token, endpoint="sandbox.na") for _ in range(16)]
    assert [answer.status for answer in answers] == [200] * 15 + [429]
    assert answers[0].headers["x-amzn-ratelimit-limit"] == "5.0"
