"""Reports of one seller beyond SP-API's quota: those that know of no other program, and one that does, twenty times
faster."""

from collections.abc import Iterator

import pytest

from deployment import Deployment
from simulator import control
from tests.end_to_end.host import HostProduct, Seller, eventually, finished_report, ledger_item, mails_about
from tests.end_to_end.test_delivery_failures import waits_scaled
from tests.end_to_end.test_ownership import made_elsewhere, send

FASTER = 20
# SP-API takes 15 calls of getReportDocument at once, more than the emulator can start in a minute of that time.
PER_SECOND, AT_ONCE, WAITING = 1 / 60, 3, 3


@pytest.fixture
def quotas(deployment: Deployment) -> Iterator[None]:
    endpoint = deployment.servers.simulator_endpoint
    control(endpoint, "PUT", "clock", {"scale": FASTER})
    plan = {"getReportDocument": {"rate": PER_SECOND, "burst": AT_ONCE}}
    control(endpoint, "PUT", "rate-limits", {"scale": 1, "operations": plan})
    yield
    plan = {"getReportDocument": {"rate": PER_SECOND, "burst": 15}}
    control(endpoint, "PUT", "rate-limits", {"scale": 0, "operations": plan})
    control(endpoint, "PUT", "clock", {"scale": 1})


@pytest.mark.usefixtures("quotas")
def test_reports_beyond_the_quota_wait_and_are_all_delivered(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller)
    subscription = host.subscribe(seller)
    report_ids = [made_elsewhere(seller) for _ in range(AT_ONCE + WAITING)]
    with waits_scaled(deployment.servers, 1 / FASTER):
        for report_id in report_ids:
            notification = finished_report(seller.seller_id, report_id)
            notification["notificationMetadata"]["subscriptionId"] = subscription["subscriptionId"]
            send(deployment, notification)

        def delivered() -> bool | None:
            items = [ledger_item(deployment, seller, report_id) or {} for report_id in report_ids]
            return all(item.get("DeliveryStatus") == "DELIVERED" for item in items) or None

        eventually(delivered, "all reports")
    assert [len(mails_about(deployment.servers, report_id)) for report_id in report_ids] == [1] * len(report_ids)
    log = [
        entry
        for entry in seller.control("GET", "requests?operation=getReportDocument")["requests"]
        if entry["sellerId"] == seller.seller_id
    ]
    assert len([entry for entry in log if entry["status"] == 200]) == len(report_ids)
    assert any(entry["status"] == 429 for entry in log)
