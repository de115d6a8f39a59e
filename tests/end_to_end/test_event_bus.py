"""Notifications that are not a report's, from SP-API to a rule of the host product on the event bus."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment import REPOSITORY, Deployment, aws, deploy, stack_parameters
from quickstart.notifications.types import SQS_TYPES
from servers import Servers
from tests.end_to_end.host import HostProduct, Seller, as_sp_api, eventually, subscription_of
from tests.end_to_end.official_examples import official_examples

FORWARDED = sorted(set(SQS_TYPES) - {"REPORT_PROCESSING_FINISHED"})
Json = dict[str, Any]


@pytest.fixture(scope="session")
def everything(deployment: Deployment) -> str:
    return queue_of_everything(deployment)


def queue_of_everything(deployment: Deployment) -> str:
    """A new queue that a rule fills with every event of the bus."""
    sqs, events = aws(deployment.servers, "sqs"), aws(deployment.servers, "events")
    bus = deployment.outputs["NotificationEventBusName"]
    rule = events.put_rule(
        Name="everything", EventBusName=bus, EventPattern=json.dumps({"source": ["selling-partner-api"]})
    )["RuleArn"]
    queue: str = sqs.create_queue(QueueName=f"everything-{deployment.stack_name}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events.put_targets(Rule="everything", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return queue


def received(deployment: Deployment, queue: str, notification_id: str, absent: str = "") -> Json:
    """The event of this notification; others are dropped. An event of the notification `absent` fails the test."""

    def look() -> Json | None:
        sqs = aws(deployment.servers, "sqs")
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        found = None
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            event: Json = json.loads(message["Body"])
            assert event["detail"]["NotificationId"] != absent
            if event["detail"]["NotificationId"] == notification_id:
                found = event
        return found

    return eventually(look, f"the event of notification {notification_id}")


def dead_letter(
    deployment: Deployment, notification_id: str, queues: str = "Notifications", *, delete: bool = True
) -> Json | None:
    sqs = aws(deployment.servers, "sqs")
    queue = deployment.outputs[f"{queues}DeadLetterQueueUrl"]
    received = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], VisibilityTimeout=30 if delete else 0)
    for message in received.get("Messages", []):
        if notification_id in message["Body"]:
            if delete:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            found: Json = message
            return found
    return None


def move_back(deployment: Deployment, queues: str) -> None:
    """Moves the one dead letter back to its queue, as make redrive-queue does."""
    sqs = aws(deployment.servers, "sqs")
    dead_letters, destination = (deployment.outputs[f"{queues}{name}"] for name in ("DeadLetterQueueUrl", "QueueArn"))

    def attributes() -> Json:
        names = ["QueueArn", "ApproximateNumberOfMessages"]
        found: Json = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=names)["Attributes"]
        return found

    eventually(lambda: attributes()["ApproximateNumberOfMessages"] == "1" or None, "the dead letter")
    source = attributes()["QueueArn"]
    sqs.start_message_move_task(SourceArn=source, DestinationArn=destination)
    eventually(
        lambda: sqs.list_message_move_tasks(SourceArn=source)["Results"][0]["Status"] == "COMPLETED" or None,
        "the move",
    )


def addressed(name: str, subscription_id: str) -> tuple[str, str]:
    """The official example for this subscription as it is sent, and its own notification id."""
    example = json.loads(json.dumps(official_examples()[name]))
    notification_id = str(uuid.uuid4())
    metadata = example.get("notificationMetadata") or example["NotificationMetadata"]
    spelled = {key.lower(): key for key in metadata}
    metadata[spelled["subscriptionid"]] = subscription_id
    metadata[spelled["notificationid"]] = notification_id
    return json.dumps(example, indent=1, ensure_ascii=False), notification_id


def subscribe(host: HostProduct, seller: Seller, name: str, **fields: object) -> Json:
    answer = host.send("NotificationsSubscriberUrl", subscription_of(seller) | {"NotificationType": name} | fields)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


@pytest.mark.parametrize("name", FORWARDED)
def test_every_type_reaches_a_rule_of_the_host_product(
    deployment: Deployment, host: HostProduct, seller: Seller, everything: str, name: str
) -> None:
    reaches_the_rule(deployment, host, seller, everything, name)


def test_orders_reach_a_rule_where_no_reviews_are_requested_too(
    servers: Servers, template_url: str, seller: Seller
) -> None:
    parameters = stack_parameters(servers, SolicitationsEnabled="No")
    deployment = deploy(servers, "no-solicitations", template_url, parameters)
    reaches_the_rule(deployment, HostProduct.of(deployment), seller, queue_of_everything(deployment), "ORDER_CHANGE")


@pytest.mark.parametrize("status", ["Unshipped", "Canceled", "Shipped"])
def test_an_order_change_reaches_the_bus_whatever_its_dates(
    deployment: Deployment, host: HostProduct, seller: Seller, everything: str, status: str
) -> None:
    host.store_token(seller)
    body, notification_id = addressed("ORDER_CHANGE", "unknown")
    envelope = json.loads(body)
    change = envelope["Payload"]["OrderChangeNotification"]
    change["SellerId"], summary = seller.seller_id, change["Summary"]
    dates = {"EarliestDeliveryDate": "1970-01-01T00:00:00Z", "LatestDeliveryDate": "0001-01-01T00:00:00+02:00"}
    summary.update({"OrderStatus": status, **dates})
    send(deployment, json.dumps(envelope), "Orders")
    notified = received(deployment, everything, notification_id)["detail"]["Notification"]
    assert notified["Payload"]["OrderChangeNotification"]["Summary"]["OrderStatus"] == status
    # Written before the event is put on the bus.
    key = {"AmazonOrderId": {"S": change["AmazonOrderId"]}, "SellerId": {"S": change["SellerId"]}}
    found = aws(deployment.servers, "dynamodb").get_item(
        TableName=deployment.outputs["SolicitationsTableName"], Key=key
    )
    assert ("Item" in found) == (status != "Unshipped")
    assert dead_letter(deployment, notification_id, "Orders") is None


def test_an_order_change_that_is_set_aside_is_one_event_also_after_a_redrive(
    deployment: Deployment, everything: str
) -> None:
    body, notification_id = addressed("ORDER_CHANGE", "unknown")
    envelope = json.loads(body)
    envelope["Payload"]["OrderChangeNotification"]["Summary"].update({"OrderStatus": "Shipped", "MarketplaceId": None})
    send(deployment, json.dumps(envelope), "Orders")
    assert received(deployment, everything, notification_id)
    for _ in range(2):
        move_back(deployment, "Orders")
        message = eventually(
            lambda: dead_letter(deployment, notification_id, "Orders", delete=False), "the dead letter"
        )
        assert "MarketplaceId" in message["MessageAttributes"]["Reason"]["StringValue"]
    assert dead_letter(deployment, notification_id, "Orders")
    another, another_id = addressed("ORDER_CHANGE", "unknown")
    send(deployment, another, "Orders")
    assert received(deployment, everything, another_id, absent=notification_id)


def reaches_the_rule(deployment: Deployment, host: HostProduct, seller: Seller, everything: str, name: str) -> None:
    host.store_token(seller)
    subscription_id = subscribe(host, seller, name)["subscriptionId"]
    body, notification_id = addressed(name, subscription_id)
    order = {"sellerId": seller.seller_id, "notificationType": name, "body": body}
    assert seller.control("POST", "notifications", order)["notifications"]
    event = received(deployment, everything, notification_id)
    assert (event["source"], event["detail-type"]) == ("selling-partner-api", name)
    assert event["detail"] == {
        "SellerId": seller.seller_id,
        "RegionCode": "NA",
        "NotificationId": notification_id,
        "SubscriptionId": subscription_id,
        "Notification": json.loads(body),
    }


def test_the_region_of_a_sellers_subscription_is_told(
    deployment: Deployment, host: HostProduct, seller: Seller, everything: str
) -> None:
    host.store_token(seller)
    for region in ("NA", "EU"):
        subscription_id = subscribe(host, seller, "ACCOUNT_STATUS_CHANGED", RegionCode=region)["subscriptionId"]
        body, notification_id = addressed("ACCOUNT_STATUS_CHANGED", subscription_id)
        send(deployment, body)
        detail = received(deployment, everything, notification_id)["detail"]
        assert (detail["SellerId"], detail["RegionCode"]) == (seller.seller_id, region)


def test_a_notification_of_an_unknown_subscription_is_handed_on_with_what_is_known(
    deployment: Deployment, host: HostProduct, seller: Seller, everything: str
) -> None:
    body, notification_id = addressed("FEE_PROMOTION", "unknown")
    send(deployment, body.replace("A3TH9S8BH6GOGM", seller.seller_id))
    detail = received(deployment, everything, notification_id)["detail"]
    assert detail["RegionCode"] is None
    host.store_token(seller, RegionCode="FE")
    body, notification_id = addressed("ORDER_CHANGE", "unknown")
    send(deployment, body.replace("A3TH9S8BH6GOGM", seller.seller_id))
    detail = received(deployment, everything, notification_id)["detail"]
    assert (detail["SellerId"], detail["RegionCode"]) == (seller.seller_id, "FE")
    body, notification_id = addressed("ACCOUNT_STATUS_CHANGED", "unknown")
    send(deployment, body)
    detail = received(deployment, everything, notification_id)["detail"]
    assert (detail["SellerId"], detail["RegionCode"]) == (None, None)


def test_what_the_bus_refuses_is_a_dead_letter_with_the_reason(deployment: Deployment) -> None:
    notification_id = str(uuid.uuid4())
    notification = official_examples()["FEED_PROCESSING_FINISHED"] | {
        "notificationMetadata": {"subscriptionId": "unknown", "notificationId": notification_id},
        "number": float("nan"),
    }
    body = json.dumps(notification)
    send(deployment, body)
    message = eventually(lambda: dead_letter(deployment, notification_id), "the dead letter")
    assert message["Body"] == body
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["NotificationType"] == "FEED_PROCESSING_FINISHED"
    assert attributes["NotificationId"] == notification_id
    assert "MalformedDetail" in attributes["Reason"]


@pytest.mark.parametrize(
    ("queues", "example", "metadata"),
    [
        ("Notifications", "FEED_PROCESSING_FINISHED", ("notificationMetadata", "subscriptionId", "notificationId")),
        ("Orders", "ORDER_CHANGE", ("NotificationMetadata", "SubscriptionId", "NotificationId")),
    ],
)
def test_what_is_too_large_for_the_bus_is_a_dead_letter_of_its_own_queue(
    deployment: Deployment, queues: str, example: str, metadata: tuple[str, str, str]
) -> None:
    """The largest message that SQS accepts, which leaves no room for attributes."""
    notification_id = str(uuid.uuid4())
    envelope, subscription, notification = metadata
    message = official_examples()[example] | {envelope: {subscription: "unknown", notification: notification_id}}
    padding = 1024 * 1024 - len(json.dumps(message | {"padding": ""}))
    body = json.dumps(message | {"padding": "x" * padding})
    send(deployment, body, queues)
    found = eventually(lambda: dead_letter(deployment, notification_id, queues), "the dead letter")
    assert found["Body"] == body
    assert "MessageAttributes" not in found


def test_the_example_rule_serves_the_host_product(deployment: Deployment, host: HostProduct, seller: Seller) -> None:
    cloudformation = aws(deployment.servers, "cloudformation")
    bus = deployment.outputs["NotificationEventBusName"]
    cloudformation.create_stack(
        StackName="my-product",
        TemplateBody=(REPOSITORY / "docs/examples/any-offer-changed-rule.yaml").read_text(),
        Parameters=[{"ParameterKey": "EventBusName", "ParameterValue": bus}],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = eventually(lambda: _complete(deployment, "my-product"), what="the example's stack")
    table = stack["Outputs"][0]["OutputValue"]
    host.store_token(seller)
    sent = {}
    for name in ("FEE_PROMOTION", "ANY_OFFER_CHANGED"):
        body, sent[name] = addressed(name, subscribe(host, seller, name)["subscriptionId"])
        for _ in range(2):
            send(deployment, body)

    def kept() -> list[Json] | None:
        items: list[Json] = aws(deployment.servers, "dynamodb").scan(TableName=table)["Items"]
        return items or None

    (item,) = eventually(kept, what="the function's item")
    assert {name: value["S"] for name, value in item.items()} == {
        "NotificationId": sent["ANY_OFFER_CHANGED"],
        "SellerId": seller.seller_id,
        "RegionCode": "NA",
        "MarketplaceId": "ATVPDKIKX0DER",
        "ASIN": "123",
        "TimeOfOfferChange": "2020-07-13T19:42:04.284Z",
    }


class TestWhoMaySend:
    def test_another_account_may_not(self, deployment: Deployment) -> None:
        queue = deployment.outputs["NotificationsQueueUrl"]
        other = aws(deployment.servers, "sqs", aws_access_key_id="999988887777", aws_secret_access_key="test")
        with pytest.raises(ClientError, match="AccessDenied"):
            other.send_message(QueueUrl=queue, MessageBody="{}")

    def test_sp_api_may_send_and_look_and_nothing_else(self, deployment: Deployment) -> None:
        queue = deployment.outputs["NotificationsQueueUrl"]
        sp_api = as_sp_api(deployment.servers)
        sp_api.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        with pytest.raises(ClientError, match="AccessDenied"):
            sp_api.receive_message(QueueUrl=queue)
        with pytest.raises(ClientError, match="AccessDenied"):
            sp_api.send_message(QueueUrl=deployment.outputs["NotificationsDeadLetterQueueUrl"], MessageBody="{}")


def send(deployment: Deployment, body: str, queues: str = "Notifications") -> None:
    """As SP-API sends, past the simulator."""
    as_sp_api(deployment.servers).send_message(QueueUrl=deployment.outputs[f"{queues}QueueUrl"], MessageBody=body)


def _complete(deployment: Deployment, name: str) -> Json | None:
    stack: Json = aws(deployment.servers, "cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    assert "FAILED" not in stack["StackStatus"], stack.get("StackStatusReason")
    return stack if stack["StackStatus"] == "CREATE_COMPLETE" else None
