"""Every notification type can be sent with the simulator's own example, which has the shape that Amazon publishes."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator

from sp_api_simulator.notification_examples import UNPUBLISHED_TYPES
from sp_api_simulator.notification_types import APPLICATION_TYPES, CAMEL_CASE_TYPES, SUBSCRIBABLE_TYPES
from tests.simulator.support import CLIENT_ID, QUEUE_ARN, RecordingQueue, Simulator
from tests.simulator.test_notifications import ORDER_FILTER, Schemas, complaints

WITHOUT_SCHEMA = {"ACCOUNT_STATUS_CHANGED", *UNPUBLISHED_TYPES}
"""Types with no schema in the packages."""


def own_schemas(notification_type: str, by_type: Schemas, packaged: dict[str, Any]) -> list[Any]:
    """The schemas of a type. Two of them have no example that names their type."""
    match notification_type:
        case "B2B_ANY_OFFER_CHANGED":
            # The published schema writes #ref in place of $ref, and so describes nothing.
            return [packaged["b2bAnyOfferChangedNotification"] | {"$ref": "#/definitions/NotificationResponse"}]
        case "FBA_INVENTORY_AVAILABILITY_CHANGES":
            return [packaged["fbaInventoryAvailabilityChangeNotification"]]
    return [schema for (name, _), schemas in by_type.items() if name == notification_type for schema in schemas]


@pytest.mark.parametrize("notification_type", sorted(SUBSCRIBABLE_TYPES))
def test_an_example_of_every_type_is_sent(
    simulator: Simulator,
    queue: RecordingQueue,
    notification_schemas: Schemas,
    packaged_schemas: dict[str, Any],
    notification_type: str,
) -> None:
    seller = simulator.seller("A1", regions=["EU"])
    destination_id = simulator.destination(endpoint="eu")
    simulator.control("PUT", "/subscription-rules", {"payloadVersions": "both"})
    directive = ORDER_FILTER if notification_type == "ORDER_CHANGE" else None
    version = "2023-12-13" if notification_type == "LISTINGS_ITEM_ISSUES_CHANGE" else "1.0"
    simulator.subscribe(seller, destination_id, notification_type, version, directive, "eu")
    sent = {"sellerId": "A1", "notificationType": notification_type}
    assert len(simulator.control("POST", "/notifications", sent)["notifications"]) == 1
    (message,) = queue.messages
    in_camel_case = notification_type in CAMEL_CASE_TYPES
    payload = message.body["payload" if in_camel_case else "Payload"]
    assert payload
    # The seller is in every example, except where the type names nobody.
    text = str(payload)
    if notification_type not in ("ACCOUNT_STATUS_CHANGED", "BRANDED_ITEM_CONTENT_CHANGE", "ITEM_PRODUCT_TYPE_CHANGE"):
        assert "A1" in text or notification_type == "SHIPMENT_TRACKING_MILESTONE_CHANGED"
    schemas = own_schemas(notification_type, notification_schemas, packaged_schemas)
    if notification_type == "SHIPMENT_TRACKING_MILESTONE_CHANGED" and not schemas:
        return
    assert bool(schemas) != (notification_type in WITHOUT_SCHEMA)
    for schema in schemas:
        published = (schema.get("examples") or [None])[0]
        known = set() if published is None else complaints(schema, published)
        assert complaints(schema, message.body) <= known, list(Draft7Validator(schema).iter_errors(message.body))
        if published is not None:
            assert (published.get("payload") or published.get("Payload")) != payload


def test_the_list_shows_every_type(simulator: Simulator) -> None:
    simulator.seller("A1", regions=["FE"])
    listed = simulator.control("GET", "/notification-types?sellerId=A1")["notificationTypes"]
    assert {each["notificationType"] for each in listed} == SUBSCRIBABLE_TYPES | APPLICATION_TYPES
    assert {each["notificationType"] for each in listed if not each["published"]} == UNPUBLISHED_TYPES
    (order,) = [each for each in listed if each["notificationType"] == "ORDER_CHANGE"]
    change = order["payload"]["OrderChangeNotification"]
    assert (change["SellerId"], change["Summary"]["MarketplaceId"]) == ("A1", "A1VC38T7YXB528")
    assert order["payloadVersions"] == ["1.0"]
    assert simulator.control("GET", "/notification-types?sellerId=A9", status=404)["error"] == "no seller A9"


@pytest.mark.parametrize(
    ("notification_type", "name", "field"),
    [
        ("APPLICATION_OAUTH_CLIENT_NEW_SECRET", "applicationOAuthClientNewSecret", "rotationQueueArn"),
        ("APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY", "applicationOAuthClientSecretExpiry", "expiryQueueArn"),
    ],
)
def test_what_concerns_the_application(
    simulator: Simulator, queue: RecordingQueue, notification_type: str, name: str, field: str
) -> None:
    sent = {"notificationType": notification_type}
    refused = simulator.control("POST", "/notifications", sent, status=400)["error"]
    assert refused == f"the application has no queue for {notification_type}: set its {field}"
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {field: QUEUE_ARN})
    simulator.control("POST", "/notifications", sent)
    simulator.control("POST", "/notifications", sent | {"payload": {"own": 1}})
    simulator.control("POST", "/notifications", sent | {"body": "own"} | {"body": {"own": 2}})
    first, second, third = (message.body for message in queue.messages)
    assert first["payload"][name]["clientId"] == CLIENT_ID
    assert (second["payload"], second["notificationType"], third) == ({"own": 1}, notification_type, {"own": 2})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"notificationType": "ORDER_CHANGE"}, "sellerId is required for ORDER_CHANGE"),
        (
            {"notificationType": "ORDER_CHANGE", "sellerId": "A1", "clientId": CLIENT_ID},
            "ORDER_CHANGE concerns a seller: it has no clientId",
        ),
        (
            {"notificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET", "sellerId": "A1"},
            "APPLICATION_OAUTH_CLIENT_NEW_SECRET concerns an application: it has no sellerId and no region",
        ),
        ({"notificationType": "ORDER_CHANGED", "sellerId": "A1"}, "notificationType must be one of "),
    ],
)
def test_a_notification_for_nobody_is_refused(simulator: Simulator, body: Any, words: str) -> None:
    simulator.seller("A1")
    assert simulator.control("POST", "/notifications", body, status=400)["error"].startswith(words)
