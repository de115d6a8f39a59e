"""docs/migration.md, followed from the state in which the Quick Start of 2022 leaves a seller."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers import Servers
from simulator import control
from tests.end_to_end.host import HostProduct, Seller, mail_about, subscription_of
from tests.end_to_end.test_subscriptions import at_sp_api, subscribe_elsewhere

REPORTS = "REPORT_PROCESSING_FINISHED"
URL = "NotificationsSubscriberUrl"
GUIDE = Path(__file__).resolve().parents[2] / "docs/migration.md"


@pytest.fixture(params=["version", "type"])
def old_subscription(servers: Servers, seller: Seller, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The old stack's: payload version 1.0, to its own queue. SP-API may refuse a second version beside it."""
    old = subscribe_elsewhere(seller, REPORTS)
    rules = {"payloadVersions": "both", "conflictScope": request.param}
    control(servers.simulator_endpoint, "PUT", "subscription-rules", rules)
    yield old
    rules = {"payloadVersions": "evidence", "conflictScope": "version"}
    control(servers.simulator_endpoint, "PUT", "subscription-rules", rules)


def listed(seller: Seller) -> list[Any]:
    found: list[Any] = at_sp_api(seller, "GET", f"subscriptions?notificationTypes={REPORTS}")["subscriptions"]
    return found


def test_the_guide_leads_from_the_old_stack_to_the_new_one_and_back(
    host: HostProduct, seller: Seller, old_subscription: Any
) -> None:
    assert old_subscription["payloadVersion"] == "1.0"
    host.store_token(seller)  # step 2
    told = host.send(URL, subscription_of(seller))
    assert (told.status_code, told.json()["errors"][0]["code"]) == (409, "SubscriptionConflict")
    assert old_subscription["subscriptionId"] in told.json()["message"]
    assert listed(seller) == [old_subscription]
    moved = host.send(URL, subscription_of(seller) | {"Replace": True})  # step 3
    assert moved.status_code == 200, moved.text
    assert [found["subscriptionId"] for found in listed(seller)] == [moved.json()["subscriptionId"]]
    report_id = host.create_report(seller)  # step 4
    assert mail_about(seller.servers, report_id)
    back = host.delete(URL, f"/{REPORTS}", SellerId=seller.seller_id, RegionCode="NA")
    assert back.json()["subscriptionIds"] == [moved.json()["subscriptionId"]]
    assert listed(seller) == []
    # The old stack subscribes again as it always did.
    wanted = {"payloadVersion": "1.0", "destinationId": old_subscription["destinationId"]}
    again = at_sp_api(seller, "POST", f"subscriptions/{REPORTS}", wanted)
    assert listed(seller) == [again]


def test_the_guide_has_these_steps() -> None:
    section = GUIDE.read_text().partition("### How to migrate\n")[2].partition("\n### ")[0]
    steps = re.findall(r"^\d\. (.*?)(?=^\d\. |\Z)", section, re.MULTILINE | re.DOTALL)
    assert "Store every seller's token" in steps[1]
    assert all(text in steps[2] for text in ("POST /notifications", '"Replace": true', "409 `SubscriptionConflict`"))
    assert f"DELETE /notifications/{REPORTS}" in section
