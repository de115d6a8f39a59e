"""What Amazon accepts of a subscription where that is uncertain: payload versions, tokens, and what conflicts."""

from __future__ import annotations

from typing import Any

import pytest

from sp_api_simulator.notification_types import SUBSCRIBABLE_TYPES
from sp_api_simulator.subscription_rules import DATED_VERSIONS
from tests.simulator.conftest import running_simulator
from tests.simulator.support import SUBSCRIPTIONS, Contract, Simulator

FINISHED = "REPORT_PROCESSING_FINISHED"
DATED = "2020-09-04"
RULES = "/subscription-rules"
DENIED = ("Unauthorized", "Access to requested resource is denied.", "")


def create(simulator: Simulator, seller: str, version: str, notification_type: str = FINISHED) -> Any:
    destinations = simulator.call("GET", "/notifications/v1/destinations", simulator.grantless()).json["payload"]
    destination_id = destinations[0]["destinationId"] if destinations else simulator.destination()
    body = {"payloadVersion": version, "destinationId": destination_id}
    return simulator.call("POST", f"{SUBSCRIPTIONS}/{notification_type}", seller, body)


@pytest.mark.parametrize(
    ("choice", "accepted"),
    [
        (None, ["1.0"]),
        ("evidence", ["1.0"]),
        ("1.0", ["1.0"]),
        ("dated", [DATED]),
        ("both", ["1.0", DATED]),
        ({FINISHED: "dated"}, [DATED]),
        ({"": "dated", FINISHED: "1.0"}, ["1.0"]),
        ({FINISHED: ["1.0", "2027-01-01"]}, ["1.0", "2027-01-01"]),
    ],
)
def test_versions_of_create_subscription(simulator: Simulator, choice: Any, accepted: list[str]) -> None:
    if choice is not None:
        simulator.control("PUT", RULES, {"payloadVersions": choice})
    seller = simulator.seller()
    for version in ("1.0", DATED, "2.0", "2027-01-01"):
        answer = create(simulator, seller, version)
        if version in accepted:
            assert answer.json["payload"]["payloadVersion"] == version
        else:
            assert (answer.status, answer.error) == (
                400,
                (
                    "InvalidInput",
                    "Request has missing or invalid parameters and cannot be parsed.",
                    f"payloadVersion {version} is not supported for notification type {FINISHED}",
                ),
            )


def test_known_versions_by_default(simulator: Simulator) -> None:
    versions = simulator.control("GET", RULES)["payloadVersions"]
    assert versions.keys() == SUBSCRIBABLE_TYPES
    assert versions["FEED_PROCESSING_FINISHED"] == versions["ORDER_CHANGE"] == ["1.0"]
    assert versions["DATA_KIOSK_QUERY_PROCESSING_FINISHED"] == versions["ACCOUNT_STATUS_CHANGED"] == ["1.0"]
    assert versions["LISTINGS_ITEM_ISSUES_CHANGE"] == ["2023-12-13"]
    assert versions["ITEM_SALES_EVENT_CHANGE"] == ["1.0", DATED]


def test_every_dated_version_is_one_of_a_type_that_exists() -> None:
    assert DATED_VERSIONS.keys() <= SUBSCRIBABLE_TYPES


def test_the_command_line_chooses_versions_and_a_reset_keeps_them(contracts: tuple[Contract, ...]) -> None:
    with running_simulator(contracts, "--payload-versions", "dated") as simulator:
        simulator.control("PUT", RULES, {"payloadVersions": "1.0"})
        assert simulator.control("GET", RULES)["payloadVersions"][FINISHED] == ["1.0"]
        simulator.control("POST", "/reset")
        assert simulator.control("GET", RULES)["payloadVersions"][FINISHED] == [DATED]


def test_two_versions_of_one_type(simulator: Simulator) -> None:
    simulator.control("PUT", RULES, {"payloadVersions": "both"})
    seller = simulator.seller()
    first, second = (create(simulator, seller, version).json["payload"] for version in ("1.0", DATED))
    path = f"{SUBSCRIPTIONS}/{FINISHED}"
    assert simulator.call("GET", path, seller, status=200).json["payload"] == second
    assert simulator.call("GET", f"{path}?payloadVersion=1.0", seller, status=200).json["payload"] == first
    assert simulator.call("GET", f"{path}?payloadVersion={DATED}", seller, status=200).json["payload"] == second
    simulator.call("GET", f"{path}?payloadVersion=2.0", seller, status=404)
    listing = f"{SUBSCRIPTIONS}?notificationTypes={FINISHED}"
    assert simulator.call("GET", listing, seller, status=200).json["payload"]["subscriptions"] == [first, second]
    dated = simulator.call("GET", f"{listing}&payloadVersion={DATED}", seller, status=200).json["payload"]
    assert dated["subscriptions"] == [second]
    assert create(simulator, seller, "1.0").status == 409


def test_a_conflict_between_versions(simulator: Simulator) -> None:
    seller = simulator.seller()
    create(simulator, seller, "1.0")
    simulator.control("PUT", RULES, {"payloadVersions": "dated", "conflictScope": "type"})
    answer = create(simulator, seller, DATED)
    assert (answer.status, answer.error) == (
        409,
        (
            "StateConflict",
            "The resource specified conflicts with the current state.",
            f"Subscription already exist for notification type {FINISHED}",
        ),
    )
    assert "x-amzn-ratelimit-limit" not in answer.headers
    assert simulator.call("GET", f"{SUBSCRIPTIONS}/{FINISHED}", seller).json["payload"]["payloadVersion"] == "1.0"
    assert create(simulator, simulator.seller("A2"), DATED).status == 200


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        ("", None),
        (
            "Subscription already exists for notification type {notificationType}",
            f"Subscription already exists for notification type {FINISHED}",
        ),
    ],
)
def test_the_details_of_a_conflict(simulator: Simulator, details: str, shown: str | None) -> None:
    simulator.control("PUT", RULES, {"conflictDetails": details})
    seller = simulator.seller()
    create(simulator, seller, "1.0")
    (error,) = create(simulator, seller, "1.0").json["errors"]
    assert error.get("details") == shown


@pytest.mark.parametrize(
    ("notification_type", "rule", "seller_accepted", "grantless_accepted"),
    [
        (FINISHED, None, True, True),
        ("FULFILLMENT_ORDER_STATUS", None, False, True),
        ("FBA_OUTBOUND_SHIPMENT_STATUS", None, False, True),
        ("B2B_ANY_OFFER_CHANGED", None, True, False),
        (FINISHED, "grantless", False, True),
        (FINISHED, {FINISHED: "seller"}, True, False),
        ("B2B_ANY_OFFER_CHANGED", {FINISHED: "seller"}, True, False),
        (FINISHED, "neither", False, False),
        ("B2B_ANY_OFFER_CHANGED", "both", True, True),
    ],
)
def test_tokens_for_a_subscription_by_id(
    simulator: Simulator, notification_type: str, rule: Any, seller_accepted: bool, grantless_accepted: bool
) -> None:
    if rule is not None:
        simulator.control("PUT", RULES, {"tokens": rule})
    shown = simulator.control("GET", RULES)["tokens"][notification_type]
    assert shown == {"seller": seller_accepted, "grantless": grantless_accepted}
    seller = simulator.seller()
    for token, accepted in ((seller, seller_accepted), (simulator.grantless(), grantless_accepted)):
        made = create(simulator, seller, "1.0", notification_type)
        if made.status == 409:
            made = simulator.call("GET", f"{SUBSCRIPTIONS}/{notification_type}", seller)
        path = f"{SUBSCRIPTIONS}/{notification_type}/{made.json['payload']['subscriptionId']}"
        for method in ("GET", "DELETE"):
            answer = simulator.call(method, path, token, status=200 if accepted else 403)
            assert accepted or answer.error == DENIED


def test_a_seller_reaches_only_its_own_subscription_by_id(simulator: Simulator) -> None:
    subscription_id = create(simulator, simulator.seller("A1"), "1.0").json["payload"]["subscriptionId"]
    path = f"{SUBSCRIPTIONS}/{FINISHED}/{subscription_id}"
    simulator.call("DELETE", path, simulator.seller("A2"), status=404)
    simulator.call("DELETE", path, simulator.seller("A1"), status=200)


@pytest.mark.parametrize(
    "rules",
    [
        {"payloadVersions": "newest"},
        {"payloadVersions": []},
        {"payloadVersions": {FINISHED: [1]}},
        {"payloadVersions": {"NO_SUCH_TYPE": "1.0"}},
        {"tokens": "some"},
        {"tokens": {FINISHED: None}},
        {"conflictScope": "seller"},
        {"conflictDetails": None},
        {"versions": "1.0"},
    ],
)
def test_rules_that_do_not_exist(simulator: Simulator, rules: Any) -> None:
    before = simulator.control("GET", RULES)
    assert "error" in simulator.control("PUT", RULES, rules, status=400)
    assert simulator.control("GET", RULES) == before
