"""The Notifications API, and the notifications themselves: to whom, how often, when, in what shape."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from jsonschema import Draft7Validator

from tests.simulator.support import (
    APPLICATION_ID,
    DESTINATIONS,
    QUEUE_ARN,
    REPORTS,
    SUBSCRIPTIONS,
    US,
    RecordingQueue,
    Simulator,
    eventually,
)

UNPARSABLE = "Request has missing or invalid parameters and cannot be parsed."
FINISHED = "REPORT_PROCESSING_FINISHED"
Schemas = dict[tuple[str, str], list[Any]]
ORDER_FILTER = {"eventFilter": {"eventFilterType": "ORDER_CHANGE"}}


def received(queue: RecordingQueue, count: int = 1) -> list[Any]:
    """The bodies of the messages once there are `count` of them."""
    eventually(lambda: len(queue.messages) >= count)
    return [message.body for message in queue.messages]


def test_destinations_are_created_read_and_deleted(simulator: Simulator) -> None:
    token = simulator.grantless()
    destination_id = simulator.destination()
    expected = {
        "destinationId": destination_id,
        "name": "tests",
        "resource": {"sqs": {"arn": QUEUE_ARN}, "eventBridge": None, "privateSqs": None},
    }
    assert simulator.call("GET", f"{DESTINATIONS}/{destination_id}", token, status=200).json == {"payload": expected}
    assert simulator.call("GET", DESTINATIONS, token, status=200).json == {"payload": [expected]}
    assert simulator.call("DELETE", f"{DESTINATIONS}/{destination_id}", token, status=200).json == {}
    simulator.call("GET", f"{DESTINATIONS}/{destination_id}", token, status=404)
    simulator.call("DELETE", f"{DESTINATIONS}/{destination_id}", token, status=404)


def test_event_bridge_destinations(simulator: Simulator) -> None:
    specification = {"eventBridge": {"accountId": "111122223333", "region": "us-east-1"}}
    body = {"name": "events", "resourceSpecification": specification}
    answer = simulator.call("POST", DESTINATIONS, simulator.grantless(), body, status=200)
    resource = answer.json["payload"]["resource"]
    assert resource["sqs"] is None
    assert resource["eventBridge"]["name"] == f"aws.partner/sellingpartnerapi.amazon.com/111122223333/{APPLICATION_ID}"
    simulator.call("POST", DESTINATIONS, simulator.grantless(), body, status=409)


def test_a_destination_exists_once_in_each_region(simulator: Simulator) -> None:
    simulator.destination()
    body = {"name": "again", "resourceSpecification": {"sqs": {"arn": QUEUE_ARN}}}
    answer = simulator.call("POST", DESTINATIONS, simulator.grantless(), body, status=409)
    assert answer.error == (
        "Conflict",
        "The requested resource conflict with a resource in the server.",
        f"A destination with arn {QUEUE_ARN} already exists for the application {APPLICATION_ID}",
    )
    simulator.destination(endpoint="eu")
    assert (
        len(simulator.call("GET", DESTINATIONS, simulator.grantless(), endpoint="eu", status=200).json["payload"]) == 1
    )
    assert simulator.call("GET", DESTINATIONS, simulator.grantless(), endpoint="fe", status=200).json == {"payload": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "", "resourceSpecification": {"sqs": {"arn": QUEUE_ARN}}},
        {"name": "x" * 257, "resourceSpecification": {"sqs": {"arn": QUEUE_ARN}}},
        {"name": "x", "resourceSpecification": {}},
        {"name": "x", "resourceSpecification": {"sqs": {}}},
        {"name": "x", "resourceSpecification": {"sqs": {"arn": "arn:aws:sns:us-east-1:111122223333:topic"}}},
        {"name": "x", "resourceSpecification": {"sqs": {"arn": f"{QUEUE_ARN}.fifo"}}},
        {"name": "x", "resourceSpecification": {"sqs": {"arn": QUEUE_ARN + "x" * 1000}}},
        {"name": "x", "resourceSpecification": {"eventBridge": {"region": "us-east-1"}}},
        {
            "name": "x",
            "resourceSpecification": {
                "sqs": {"arn": QUEUE_ARN},
                "eventBridge": {"region": "us-east-1", "accountId": "111122223333"},
            },
        },
    ],
)
def test_invalid_destinations(simulator: Simulator, body: Any) -> None:
    assert simulator.call("POST", DESTINATIONS, simulator.grantless(), body, status=400).error[:2] == (
        "InvalidInput",
        UNPARSABLE,
    )


def test_subscriptions_are_created_read_and_deleted(simulator: Simulator) -> None:
    seller, grantless = simulator.seller(), simulator.grantless()
    destination_id = simulator.destination()
    path = f"{SUBSCRIPTIONS}/{FINISHED}"
    assert simulator.call("GET", path, seller, status=404).error[0] == "NotFound"
    subscription_id = simulator.subscribe(seller, destination_id)
    expected = {
        "payload": {"subscriptionId": subscription_id, "payloadVersion": "1.0", "destinationId": destination_id}
    }
    assert simulator.call("GET", path, seller, status=200).json == expected
    assert simulator.call("GET", f"{path}?payloadVersion=1.0", seller, status=200).json == expected
    simulator.call("GET", f"{path}?payloadVersion=2020-09-04", seller, status=404)
    assert simulator.call("GET", f"{path}/{subscription_id}", grantless, status=200).json == expected
    simulator.call("GET", f"{SUBSCRIPTIONS}/FEED_PROCESSING_FINISHED/{subscription_id}", grantless, status=404)
    assert simulator.call("DELETE", f"{path}/{subscription_id}", grantless, status=200).json == {}
    simulator.call("GET", path, seller, status=404)
    simulator.call("DELETE", f"{path}/{subscription_id}", grantless, status=404)


def test_a_subscription_exists_once_for_a_seller_type_version_and_region(simulator: Simulator) -> None:
    seller, destination_id = simulator.seller("A1"), simulator.destination()
    simulator.subscribe(seller, destination_id)
    body = {"payloadVersion": "1.0", "destinationId": destination_id}
    answer = simulator.call("POST", f"{SUBSCRIPTIONS}/{FINISHED}", seller, body, status=409)
    assert answer.error == (
        "StateConflict",
        "The resource specified conflicts with the current state.",
        f"Subscription already exist for notification type {FINISHED}",
    )
    simulator.control("PUT", "/subscription-rules", {"payloadVersions": "both"})
    simulator.subscribe(seller, destination_id, version="2020-09-04")
    simulator.subscribe(simulator.seller("A2"), destination_id)
    simulator.subscribe(seller, simulator.destination(endpoint="eu"), endpoint="eu")


def test_several_subscriptions_with_filter_expressions(simulator: Simulator) -> None:
    seller, destination_id = simulator.seller(), simulator.destination()
    expressions = ["A.B == `SHIPPED`", "A.B == `CANCELLED`"]
    made = {
        simulator.subscribe(seller, destination_id, "FULFILLMENT_ORDER_STATUS", directive={"filterExpression": text})
        for text in expressions
    }
    path = f"{SUBSCRIPTIONS}?notificationTypes=FULFILLMENT_ORDER_STATUS"
    listed = simulator.call("GET", path, seller, status=200).json["payload"]["subscriptions"]
    assert {entry["subscriptionId"] for entry in listed} == made
    assert simulator.call("GET", f"{path}&payloadVersion=2.0", seller).json == {"payload": {"subscriptions": []}}
    body = {
        "payloadVersion": "1.0",
        "destinationId": destination_id,
        "processingDirective": {"filterExpression": expressions[0]},
    }
    simulator.call("POST", f"{SUBSCRIPTIONS}/FULFILLMENT_ORDER_STATUS", seller, body, status=409)


def test_subscriptions_come_in_pages(simulator: Simulator) -> None:
    seller, destination_id = simulator.seller(), simulator.destination()
    for number in range(31):
        directive = {"filterExpression": f"A.B == `{number}`"}
        simulator.subscribe(seller, destination_id, "FULFILLMENT_ORDER_STATUS", directive=directive)
    path = f"{SUBSCRIPTIONS}?notificationTypes=FULFILLMENT_ORDER_STATUS"
    first = simulator.call("GET", path, seller, status=200).json["payload"]
    second = simulator.call("GET", f"{path}&nextToken={first['nextToken']}", seller, status=200).json["payload"]
    assert (len(first["subscriptions"]), len(second["subscriptions"])) == (30, 1)
    assert "nextToken" not in second


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?notificationTypes=A,B",
        "?notificationTypes=ORDER_CHANGE&pageSize=29",
        "?notificationTypes=ORDER_CHANGE&nextToken=x",
    ],
)
def test_invalid_queries_of_get_subscriptions(simulator: Simulator, query: str) -> None:
    simulator.call("GET", f"{SUBSCRIPTIONS}{query}", simulator.seller(), status=400)


def test_a_destination_of_another_region_is_unknown(simulator: Simulator) -> None:
    body = {"payloadVersion": "1.0", "destinationId": simulator.destination(endpoint="eu")}
    answer = simulator.call("POST", f"{SUBSCRIPTIONS}/{FINISHED}", simulator.seller(), body, status=400)
    assert answer.error == ("InvalidInput", UNPARSABLE, f"No destination with id {body['destinationId']}")


def test_a_destination_in_use_cannot_be_deleted(simulator: Simulator) -> None:
    destination_id = simulator.destination()
    subscription_id = simulator.subscribe(simulator.seller(), destination_id)
    answer = simulator.call("DELETE", f"{DESTINATIONS}/{destination_id}", simulator.grantless(), status=403)
    assert answer.error == ("Unauthorized", "The requested action is forbidden.", "Destination has subscriptions")
    simulator.call("DELETE", f"{SUBSCRIPTIONS}/{FINISHED}/{subscription_id}", simulator.grantless(), status=200)
    simulator.call("DELETE", f"{DESTINATIONS}/{destination_id}", simulator.grantless(), status=200)


@pytest.mark.parametrize(
    ("notification_type", "change"),
    [
        ("NO_SUCH_TYPE", {}),
        (FINISHED, {"payloadVersion": ""}),
        (FINISHED, {"payloadVersion": None}),
        (FINISHED, {"payloadVersion": "latest"}),
        (FINISHED, {"destinationId": None}),
        (FINISHED, {"destinationId": str(uuid.uuid4())}),
        (FINISHED, {"processingDirective": {"eventFilter": {"eventFilterType": FINISHED}}}),
        (FINISHED, {"processingDirective": {}}),
        ("ORDER_CHANGE", {}),
        ("ORDER_CHANGE", {"processingDirective": {"eventFilter": {"eventFilterType": "ANY_OFFER_CHANGED"}}}),
        (
            "ORDER_CHANGE",
            {"processingDirective": {"eventFilter": ORDER_FILTER["eventFilter"] | {"marketplaceIds": [US]}}},
        ),
        (
            "ORDER_CHANGE",
            {"processingDirective": {"eventFilter": ORDER_FILTER["eventFilter"] | {"orderChangeTypes": ["X"]}}},
        ),
        ("ORDER_CHANGE", {"processingDirective": ORDER_FILTER | {"filterExpression": "a == `b`"}}),
        ("ORDER_CHANGE", {"processingDirective": {"filterExpression": "a + 1 == 2"}}),
        ("ORDER_CHANGE", {"processingDirective": {"filterExpression": "x" * 257}}),
        (
            "ANY_OFFER_CHANGED",
            {
                "processingDirective": {
                    "eventFilter": {
                        "eventFilterType": "ANY_OFFER_CHANGED",
                        "aggregationSettings": {"aggregationTimePeriod": "OneMinute"},
                    }
                }
            },
        ),
    ],
)
def test_invalid_subscriptions(simulator: Simulator, notification_type: str, change: Any) -> None:
    body = {"payloadVersion": "1.0", "destinationId": simulator.destination()} | change
    answer = simulator.call("POST", f"{SUBSCRIPTIONS}/{notification_type}", simulator.seller(), body, status=400)
    assert answer.error[:2] == ("InvalidInput", UNPARSABLE)


def test_the_directive_is_kept(simulator: Simulator) -> None:
    directive = {
        "eventFilter": {
            "eventFilterType": "ANY_OFFER_CHANGED",
            "marketplaceIds": [US],
            "aggregationSettings": {"aggregationTimePeriod": "FiveMinutes"},
        }
    }
    seller = simulator.seller()
    simulator.subscribe(seller, simulator.destination(), "ANY_OFFER_CHANGED", directive=directive)
    payload = simulator.call("GET", f"{SUBSCRIPTIONS}/ANY_OFFER_CHANGED", seller, status=200).json["payload"]
    assert payload["processingDirective"] == directive


def test_a_finished_report_is_announced_by_sp_api(
    simulator: Simulator, queue: RecordingQueue, notification_schemas: Schemas
) -> None:
    seller = simulator.seller("A1")
    simulator.control("PUT", "/subscription-rules", {"payloadVersions": "dated"})
    subscription_id = simulator.subscribe(seller, simulator.destination(), version="2020-09-04")
    report = simulator.finished(seller, simulator.create_report(seller))
    (body,) = received(queue)
    (message,) = queue.messages
    assert message.account == "437568002678"
    assert message.queue_url == f"{queue.endpoint}/111122223333/notifications"
    assert body["payload"] == {
        "reportProcessingFinishedNotification": {
            "sellerId": "A1",
            "accountId": "amzn1.merchant.o.A1",
            "reportId": report["reportId"],
            "reportType": report["reportType"],
            "processingStatus": "DONE",
            "reportDocumentId": report["reportDocumentId"],
        }
    }
    assert (body["notificationVersion"], body["payloadVersion"]) == ("2020-09-04", "2020-09-04")
    metadata = body["notificationMetadata"]
    assert (metadata["applicationId"], metadata["subscriptionId"]) == (APPLICATION_ID, subscription_id)
    for schema in notification_schemas[FINISHED, "2020-09-04"]:
        Draft7Validator(schema).validate(body)


def test_a_vendor_has_no_seller_id(simulator: Simulator, queue: RecordingQueue, notification_schemas: Schemas) -> None:
    vendor = simulator.seller("V1", vendor=True, accountId="amzn1.vg.6213651")
    simulator.subscribe(vendor, simulator.destination())
    simulator.create_report(vendor)
    (body,) = received(queue)
    fields = body["payload"]["reportProcessingFinishedNotification"]
    assert fields["accountId"] == "amzn1.vg.6213651"
    assert "sellerId" not in fields
    for schema in notification_schemas[FINISHED, "2020-09-04"]:
        Draft7Validator(schema).validate(body)


def test_only_the_sellers_own_subscriptions_of_the_region_are_told(simulator: Simulator, queue: RecordingQueue) -> None:
    first, second = simulator.seller("A1"), simulator.seller("A2")
    destination_id = simulator.destination()
    subscription_id = simulator.subscribe(first, destination_id)
    simulator.subscribe(second, destination_id)
    simulator.subscribe(first, simulator.destination(endpoint="eu"), endpoint="eu")
    simulator.finished(first, simulator.create_report(first))
    simulator.finished(second, simulator.create_report(second, endpoint="fe"), endpoint="fe")
    assert [body["notificationMetadata"]["subscriptionId"] for body in received(queue)] == [subscription_id]


def test_the_same_notification_many_times(simulator: Simulator, queue: RecordingQueue) -> None:
    seller = simulator.seller()
    simulator.subscribe(seller, simulator.destination())
    simulator.control("PUT", "/report-outcomes", {"notification": {"copies": 5}})
    simulator.create_report(seller)
    bodies = received(queue, 5)
    assert len({body["notificationMetadata"]["notificationId"] for body in bodies}) == 1


def test_a_late_notification(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.control("PUT", "/report-outcomes", {"notification": {"delaySeconds": 3600}})
    seller = simulator.seller()
    simulator.subscribe(seller, simulator.destination())
    simulator.finished(seller, simulator.create_report(seller))
    assert queue.messages == []
    simulator.control("PUT", "/clock", {"advanceSeconds": 3600})
    received(queue)


def test_a_notification_before_the_answer(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.control("PUT", "/report-outcomes", {"notification": {"beforeAnswer": True}})
    seller = simulator.seller()
    simulator.subscribe(seller, simulator.destination())
    report_id = simulator.create_report(seller)
    (message,) = queue.messages
    assert message.body["payload"]["reportProcessingFinishedNotification"]["reportId"] == report_id
    assert simulator.call("GET", f"{REPORTS}/{report_id}", seller).json["processingStatus"] == "DONE"


def test_notifications_out_of_order(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.control("PUT", "/report-outcomes", {"notification": {"hold": True}})
    seller = simulator.seller()
    simulator.subscribe(seller, simulator.destination())
    made = []
    for _ in range(3):
        made.append(simulator.create_report(seller))
        simulator.finished(seller, made[-1])
    eventually(lambda: len(simulator.control("GET", "/notifications")["notifications"]) == 3)
    assert queue.messages == []
    assert simulator.control("POST", "/notifications/release", {"order": "reversed"}) == {"released": 3}
    told = [body["payload"]["reportProcessingFinishedNotification"]["reportId"] for body in received(queue, 3)]
    assert told == made[::-1]


def test_a_queue_that_refuses_is_written_down(simulator: Simulator, queue: RecordingQueue) -> None:
    queue.refused.add("notifications")
    seller = simulator.seller()
    simulator.subscribe(seller, simulator.destination())
    simulator.create_report(seller)
    (noted,) = eventually(lambda: simulator.control("GET", "/notifications")["notifications"])
    assert noted["state"] == "failed"
    assert "AccessDenied" in noted["error"]


def test_every_type_of_notification(simulator: Simulator, queue: RecordingQueue, notification_schemas: Schemas) -> None:
    seller, destination_id = simulator.seller("A1"), simulator.destination()
    assert len(notification_schemas) >= 20
    simulator.control("PUT", "/subscription-rules", {"payloadVersions": "both", "tokens": "both"})
    for (notification_type, version), schemas in notification_schemas.items():
        example = schemas[-1]["examples"][0]
        directive = ORDER_FILTER if notification_type == "ORDER_CHANGE" else None
        subscription_id = simulator.subscribe(seller, destination_id, notification_type, version, directive)
        payload = example.get("payload") or example["Payload"]
        order = {"sellerId": "A1", "notificationType": notification_type, "payload": payload}
        queue.messages.clear()
        simulator.control("POST", "/notifications", order)
        (body,) = received(queue)
        assert body.keys() == example.keys(), notification_type
        metadata = body.get("notificationMetadata") or body["NotificationMetadata"]
        assert subscription_id in metadata.values()
        simulator.call(
            "DELETE", f"{SUBSCRIPTIONS}/{notification_type}/{subscription_id}", simulator.grantless(), status=200
        )
        for schema in schemas:
            assert complaints(schema, body) <= complaints(schema, schema["examples"][0]), notification_type


def complaints(schema: Any, body: Any) -> set[tuple[str, str]]:
    """Where a body breaks a schema, and which rule. Amazon's own examples break some of them
    (LISTINGS_ITEM_STATUS_CHANGE: the schema's enum has another spelling), so they are the measure."""
    return {(error.json_path, error.validator) for error in Draft7Validator(schema).iter_errors(body)}


def test_a_notification_word_for_word(simulator: Simulator, queue: RecordingQueue) -> None:
    simulator.subscribe(simulator.seller("A1"), simulator.destination())
    order = {"sellerId": "A1", "notificationType": FINISHED}
    simulator.control("POST", "/notifications", order | {"body": {"anything": ["at", "all"]}, "copies": 2})
    assert received(queue, 2) == [{"anything": ["at", "all"]}] * 2
    simulator.control("POST", "/notifications", order)
    assert queue.messages[-1].body["payload"]["reportProcessingFinishedNotification"]["sellerId"] == "A1"
    simulator.control("POST", "/notifications", order | {"region": "EU"})
    assert len(queue.messages) == 3


@pytest.mark.parametrize(("change", "count"), [("OrderStatusChange", 1), ("BuyerRequestedChange", 0)])
def test_event_filters_are_applied(simulator: Simulator, queue: RecordingQueue, change: str, count: int) -> None:
    directive = {"eventFilter": {"eventFilterType": "ORDER_CHANGE", "orderChangeTypes": ["OrderStatusChange"]}}
    simulator.subscribe(simulator.seller("A1"), simulator.destination(), "ORDER_CHANGE", directive=directive)
    payload = {"OrderChangeNotification": {"SellerId": "A1", "OrderChangeType": change}}
    order = {"sellerId": "A1", "notificationType": "ORDER_CHANGE", "payload": payload}
    assert len(simulator.control("POST", "/notifications", order)["notifications"]) == count
    assert len(queue.messages) == count


def test_a_test_notification_exists_in_the_sandbox_only(simulator: Simulator, queue: RecordingQueue) -> None:
    destination_id = simulator.destination()
    path = f"{SUBSCRIPTIONS}/{FINISHED}/testNotification"
    body = {"destinationId": destination_id, "testNotification": {"payloadVersion": "2020-09-04"}}
    assert simulator.fetch("POST", f"{simulator.address}/na{path}").status == 403
    assert simulator.call("POST", path, simulator.grantless(), body, "sandbox.na", status=200).json == {}
    assert received(queue)[0]["notificationType"] == FINISHED
    unknown = body | {"testNotification": {"payloadVersion": "2.0"}}
    simulator.call("POST", path, simulator.grantless(), unknown, "sandbox.na", status=400)
    wrong = body | {"destinationId": "unknown"}
    answer = simulator.call("POST", path, simulator.grantless(), wrong, "sandbox.na", status=400)
    assert answer.error[2].startswith("Invalid Input, recheck that the AppId and DestinationId are valid")
