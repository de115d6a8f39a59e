"""From an order change to the request of a review, on the real path: queue, scheduler, ledger, state machine, SP-API.

Step Functions' waits are shortened. What the functions read from the clock is brought about by the orders' dates, and
by setting back a time in the ledger where a wait must have passed.
"""

import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from deployment import Deployment, aws
from quickstart.solicitations.scheduling import NOT_RECORDED
from tests.end_to_end.host import HostProduct, Seller, as_sp_api, eventually, logs_of, table_of
from tests.end_to_end.large_removal import leave
from tests.waiting import SECONDS

MARKETPLACE = "ATVPDKIKX0DER"
ASK = "getSolicitationActionsForOrder"
SUBMIT = "createProductReviewAndSellerFeedbackSolicitation"
# A day lasts 0.9 seconds.
WAIT_SCALE = 0.00001
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Orders:
    """One test's orders of one seller."""

    deployment: Deployment
    seller: Seller
    order_id: str

    def table(self) -> Any:
        return table_of(self.deployment, "SolicitationsTableName")

    def send(self, body: object, copies: int = 1) -> None:
        for _ in range(copies):
            as_sp_api(self.deployment.servers).send_message(
                QueueUrl=self.deployment.outputs["OrdersQueueUrl"],
                MessageBody=body if isinstance(body, str) else json.dumps(body),
            )

    def received(self) -> None:
        """Waits until every notification is processed: one that comes later would change the record again."""
        sqs, url = aws(self.deployment.servers, "sqs"), self.deployment.outputs["OrdersQueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def processed() -> bool | None:
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return not any(int(attributes[name]) for name in names) or None

        eventually(processed, what="an empty queue of orders")

    def change(self, earliest: datetime | None, latest: datetime | None = None, **changed: Any) -> dict[str, Any]:
        """ORDER_CHANGE as SP-API sends it."""
        summary = {"MarketplaceId": MARKETPLACE, "OrderStatus": "Shipped", "OrderItems": []}
        dates = {"EarliestDeliveryDate": earliest, "LatestDeliveryDate": latest or earliest}
        summary |= {name: text(date) for name, date in dates.items() if date}
        return {
            "NotificationVersion": "1.0",
            "NotificationType": "ORDER_CHANGE",
            "PayloadVersion": "1.0",
            "EventTime": text(changed.pop("at", datetime.now(UTC))),
            "Payload": {
                "OrderChangeNotification": {
                    "NotificationLevel": "OrderLevel",
                    "SellerId": self.seller.seller_id,
                    "AmazonOrderId": self.order_id,
                    "OrderChangeType": "OrderStatusChange",
                    "Summary": summary | changed,
                }
            },
            "NotificationMetadata": {"SubscriptionId": "s", "NotificationId": "n", "ApplicationId": "a"},
        }

    def known_to_amazon(self, days_ago: float, **fields: object) -> None:
        """The order at the simulator, delivered so many days ago."""
        delivered = text(datetime.now(UTC) - timedelta(days=days_ago))
        body = {"sellerId": self.seller.seller_id, "marketplaceId": MARKETPLACE, "deliveredAt": delivered, **fields}
        self.seller.control("PUT", f"orders/{self.order_id}", body)

    def fault(self, operation: str, **fault: object) -> None:
        self.seller.control(
            "POST", "faults", {"operation": operation, "sellerId": self.seller.seller_id, "count": 1, **fault}
        )

    def calls(self, operation: str) -> list[tuple[str, int]]:
        """(endpoint, status) of each call of this seller."""
        entries = self.seller.control("GET", f"requests?operation={operation}")["requests"]
        return [(e["endpoint"], e["status"]) for e in entries if e["sellerId"] == self.seller.seller_id]

    def item(self, sandbox: bool = False) -> dict[str, Any] | None:
        key = {"AmazonOrderId": f"SANDBOX#{self.order_id}" if sandbox else self.order_id}
        item: dict[str, Any] | None = (
            self.table().get_item(Key=key | {"SellerId": self.seller.seller_id}, ConsistentRead=True).get("Item")
        )
        return item

    def becomes(self, state: str, *, sandbox: bool = False) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            item = self.item(sandbox)
            return item if item is not None and item["State"] == state else None

        return eventually(found, what=f"{state}, not {self.item(sandbox)}")

    def set_back(self, **times: str) -> None:
        """Rewrites times of the record, as if they had passed."""
        self.received()
        values = {f":{name}": value for name, value in times.items()}
        self.table().update_item(
            Key={"AmazonOrderId": self.order_id, "SellerId": self.seller.seller_id},
            UpdateExpression="ADD Version :one SET " + ", ".join(f"{name} = :{name}" for name in times),
            ExpressionAttributeValues={":one": 1, **values},
        )

    def fire(self, schedule: dict[str, Any]) -> None:
        """Moves the schedule into the past, where it is due at once."""
        definition = {name: schedule[name] for name in ("Name", "GroupName", "FlexibleTimeWindow", "Target")}
        aws(self.deployment.servers, "scheduler").update_schedule(
            **definition,
            ScheduleExpression=f"at({ago(minutes=1):%Y-%m-%dT%H:%M:%S})",
            ActionAfterCompletion="DELETE",
        )

    def executions(self) -> list[dict[str, Any]]:
        machine = self.deployment.outputs["SolicitationStateMachineArn"]
        states = aws(self.deployment.servers, "stepfunctions")
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
        listed = [execution for page in pages for execution in page["executions"]]
        # A schedule lets Step Functions name the execution; the ledger has its name once it has begun.
        own = (self.item() or {}).get("ExecutionName")
        return [e for e in listed if e["name"] == own or self.seller.seller_id in e["name"]]

    def ended(self) -> str:
        """How the one execution ended."""

        def status() -> str | None:
            (execution,) = self.executions()
            return None if execution["status"] == "RUNNING" else str(execution["status"])

        return eventually(status, what="the end of the execution")

    def last_state(self) -> str:
        """The state in which the one execution ended."""
        history = aws(self.deployment.servers, "stepfunctions").get_paginator("get_execution_history")
        pages = history.paginate(executionArn=self.executions()[0]["executionArn"])
        events = [event for page in pages for event in page["events"] if "stateEnteredEventDetails" in event]
        return str(events[-1]["stateEnteredEventDetails"]["name"])

    def schedules(self) -> list[dict[str, Any]]:
        scheduler = aws(self.deployment.servers, "scheduler")
        group = self.deployment.outputs["SolicitationScheduleGroupName"]
        names = [entry["Name"] for entry in scheduler.list_schedules(GroupName=group)["Schedules"]]
        return [scheduler.get_schedule(GroupName=group, Name=name) for name in names if self.seller.seller_id in name]


def text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


@pytest.fixture(autouse=True, scope="module")
def _short_waits(deployment: Deployment) -> Iterator[None]:
    def scale(factor: float) -> None:
        body = {"stepfunctions._SFN_WAIT_SCALE": factor}
        requests.post(
            f"{deployment.servers.aws_endpoint}/_ministack/config", json=body, timeout=SECONDS
        ).raise_for_status()

    scale(WAIT_SCALE)
    yield
    scale(1.0)


@pytest.fixture
def orders(deployment: Deployment, host: HostProduct, seller: Seller) -> Orders:
    host.store_token(seller)
    return Orders(deployment, seller, f"701-{next(_NUMBERS):07d}-7654321")


def test_a_subscribed_sellers_order_is_asked(orders: Orders, host: HostProduct) -> None:
    """From POST /notifications on, SP-API itself sends the notification."""
    answer = host.send(
        "NotificationsSubscriberUrl",
        {"SellerId": orders.seller.seller_id, "RegionCode": "NA", "NotificationType": "ORDER_CHANGE"},
    )
    assert answer.status_code == 200, answer.text
    orders.known_to_amazon(days_ago=6)
    payload = orders.change(ago(days=6), PurchaseDate=text(ago(days=9)))["Payload"]
    order_change = payload["OrderChangeNotification"]
    trigger = {"TimeOfOrderChange": text(ago(days=8)), "ChangeReason": "Shipped"}
    sent = {
        "sellerId": orders.seller.seller_id,
        "notificationType": "ORDER_CHANGE",
        "payload": {"OrderChangeNotification": order_change | {"OrderChangeTrigger": trigger}},
    }
    orders.seller.control("POST", "notifications", sent)
    orders.becomes("SOLICITED")
    assert orders.calls(SUBMIT) == [("na", 201)]


def test_a_shipped_order_is_asked_once_however_often_it_is_heard_of(orders: Orders) -> None:
    orders.known_to_amazon(days_ago=6)
    change = orders.change(ago(days=6))
    orders.send(change, copies=5)
    item = orders.becomes("SOLICITED")
    assert orders.ended() == "SUCCEEDED"
    assert orders.last_state() == "Finished with solicitation"
    orders.send(change)
    orders.send(orders.change(ago(days=7)))
    time.sleep(1.5)
    assert orders.calls(ASK) == [("na", 200)]
    assert orders.calls(SUBMIT) == [("na", 201)]
    assert len(orders.executions()) == 1
    assert (item["Asks"], item["Submits"], item["LastAnswer"]) == (1, 1, "requested")
    assert item["ExpiresAt"] > time.time() + 100 * 86400
    assert orders.schedules() == []


def test_many_orders_at_once_are_each_asked_once(deployment: Deployment, host: HostProduct, seller: Seller) -> None:
    """Copies are worked on side by side; of every third order a cancellation is among them."""
    host.store_token(seller)
    many = [Orders(deployment, seller, f"703-{number:07d}-7654321") for number in range(30)]
    bodies = []
    for number, order in enumerate(many):
        order.known_to_amazon(days_ago=6)
        # What is cancelled is due tomorrow, so that the cancellation always comes in time.
        cancelled = number % 3 == 0
        change = order.change(ago(days=4 if cancelled else 6))
        bodies += [change, change, change]
        if cancelled:
            bodies.append(order.change(ago(days=4), OrderStatus="Canceled"))
    # Any mixed order will do, as long as it is the same each time.
    entries = [{"Id": str(number), "MessageBody": json.dumps(body)} for number, body in enumerate(bodies)]
    entries.sort(key=lambda entry: hashlib.sha256(entry["Id"].encode()).digest())
    for start in range(0, len(entries), 10):
        as_sp_api(deployment.servers).send_message_batch(
            QueueUrl=deployment.outputs["OrdersQueueUrl"], Entries=entries[start : start + 10]
        )
    for number, order in enumerate(many):
        order.becomes("CANCELLED" if number % 3 == 0 else "SOLICITED")
    assert many[0].calls(SUBMIT) == [("na", 201)] * 20
    assert many[0].calls(ASK) == [("na", 200)] * 20
    eventually(lambda: not many[0].schedules() or None, what="no schedule")


def test_the_test_message_of_the_original_reaches_the_sandbox(orders: Orders) -> None:
    order = Orders(orders.deployment, orders.seller, "123-1234567-1234567")
    message = {
        "NotificationType": "ORDER_CHANGE",
        "Payload": {
            "OrderChangeNotification": {
                "SellerId": order.seller.seller_id,
                "AmazonOrderId": "123-1234567-1234567",
                "Summary": {
                    "MarketplaceId": MARKETPLACE,
                    "OrderStatus": "Shipped",
                    "EarliestDeliveryDate": "2024-01-01T13:30:00.000Z",
                    "LatestDeliveryDate": "2024-12-31T13:30:00.000Z",
                },
            }
        },
        "Sandbox": "Yes",
    }
    order.send(message)
    order.becomes("SOLICITED", sandbox=True)
    assert order.calls(ASK) == [("sandbox.na", 200)]
    assert order.calls(SUBMIT) == [("sandbox.na", 201)]
    assert order.item() is None


def test_an_order_waits_for_its_time_and_its_schedule_starts_it(orders: Orders) -> None:
    orders.known_to_amazon(days_ago=6)
    orders.send(orders.change(ago(days=1)))
    first = orders.becomes("SCHEDULED")
    moved = ago(days=-3)
    orders.send(orders.change(moved), copies=2)
    eventually(lambda: (orders.item() or {})["DueTime"] != first["DueTime"] or None, what="the new date")
    orders.send(orders.change(ago(days=2), at=ago(hours=1)))
    orders.received()
    item = orders.item()
    assert item is not None
    due = datetime.fromisoformat(item["DueTime"])
    assert abs(due - (moved + timedelta(days=5))) < timedelta(seconds=2)

    def scheduled() -> dict[str, Any] | None:
        schedules = orders.schedules()
        moved_there = schedules and schedules[0]["ScheduleExpression"] == f"at({due.strftime('%Y-%m-%dT%H:%M:%S')})"
        return schedules[0] if moved_there else None

    schedule = eventually(scheduled, what="the moved schedule")
    assert len(orders.schedules()) == 1
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185
    assert schedule["Target"]["DeadLetterConfig"]["Arn"].startswith("arn:aws:sqs:")
    assert orders.executions() == []

    # The days pass.
    passed = ago(seconds=1).isoformat(timespec="seconds")
    orders.set_back(DueTime=passed, ScheduledFor=passed)
    orders.fire(schedule)
    item = orders.becomes("SOLICITED")
    assert "ScheduledFor" not in item
    assert orders.schedules() == []
    assert [execution["status"] for execution in orders.executions()] == [orders.ended()] == ["SUCCEEDED"]


def test_a_seller_who_has_left_is_not_asked_for_and_nothing_fails(orders: Orders, host: HostProduct) -> None:
    orders.send(orders.change(ago(days=1)))
    (schedule,) = eventually(lambda: orders.schedules() or None, what="the schedule")
    answer = leave(host, orders.seller.seller_id)
    assert (answer.status_code, answer.json()["solicitationsDeleted"]) == (200, 1)
    assert orders.item() is None
    states = aws(orders.deployment.servers, "stepfunctions")
    machine = orders.deployment.outputs["SolicitationStateMachineArn"]

    def of_this_order() -> str | None:
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
        for execution in (execution for page in pages for execution in page["executions"]):
            described = states.describe_execution(executionArn=execution["executionArn"])
            if orders.order_id in described["input"] and described["status"] != "RUNNING":
                return str(described["status"])
        return None

    orders.fire(schedule)
    assert eventually(of_this_order, what="the end of the execution") == "SUCCEEDED"
    assert orders.calls(ASK) == []


def test_a_cancelled_order_loses_its_schedule(orders: Orders) -> None:
    orders.send(orders.change(ago(days=1)))
    eventually(lambda: orders.schedules() or None, what="the schedule")
    orders.send(orders.change(ago(days=1), OrderStatus="Canceled"))
    orders.becomes("CANCELLED")
    eventually(lambda: not orders.schedules() or None, what="no schedule")
    orders.send(orders.change(ago(days=2)))
    time.sleep(1)
    assert eventually(orders.item)["State"] == "CANCELLED"
    assert orders.schedules() == orders.executions() == []
    assert orders.calls(ASK) == []


def test_an_order_that_becomes_eligible_later_is_asked_day_by_day(orders: Orders) -> None:
    orders.known_to_amazon(days_ago=4)
    orders.send(orders.change(ago(days=6)))
    eventually(lambda: len(orders.calls(ASK)) >= 2 or None, what="two asks")
    orders.known_to_amazon(days_ago=6)
    item = orders.becomes("SOLICITED")
    assert item["Asks"] >= 3
    assert orders.calls(SUBMIT) == [("na", 201)]


def test_a_cancellation_stops_a_workflow_before_its_next_ask(orders: Orders) -> None:
    orders.known_to_amazon(days_ago=4)
    orders.send(orders.change(ago(days=6)))
    orders.becomes("WAITING")
    orders.send(orders.change(ago(days=6), OrderStatus="Canceled"))
    orders.becomes("CANCELLED")
    asked = len(orders.calls(ASK))
    orders.known_to_amazon(days_ago=6)
    assert orders.ended() == "SUCCEEDED"
    assert orders.last_state() == "Finished without solicitation"
    assert len(orders.calls(ASK)) == asked
    assert orders.calls(SUBMIT) == []


def test_after_the_deadline_nothing_is_asked(orders: Orders) -> None:
    orders.send(orders.change(ago(days=40), ago(days=31)))
    orders.becomes("FINISHED_WITHOUT_SOLICITATION")
    assert orders.ended() == "SUCCEEDED"
    assert orders.last_state() == "Finished without solicitation"
    assert orders.calls(ASK) == []


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("The requested solicitation is not available for this amazonOrderId.", "ALREADY_SOLICITED"),
        (
            "You can't use this feature to request a review outside the 5-30 day range after the order delivery date.",
            "OUTSIDE_WINDOW",
        ),
    ],
)
def test_what_sp_api_says_of_an_order_is_an_outcome(orders: Orders, words: str, state: str) -> None:
    orders.known_to_amazon(days_ago=6)
    orders.fault(SUBMIT, fault="status", status=403, code="Unauthorized", message=words)
    orders.send(orders.change(ago(days=6)))
    item = orders.becomes(state)
    assert words in item["LastAnswer"]
    assert orders.ended() == "SUCCEEDED"
    assert orders.calls(SUBMIT) == [("na", 403)]


def test_throttling_and_outages_are_waited_out(orders: Orders) -> None:
    orders.known_to_amazon(days_ago=6)
    for operation in (ASK, SUBMIT):
        orders.fault(operation, fault="status", status=429, count=3)
    orders.fault(ASK, fault="status", status=503)
    orders.send(orders.change(ago(days=6)))
    item = orders.becomes("SOLICITED")
    assert [status for _, status in orders.calls(ASK)] == [429, 429, 429, 503, 200]
    assert [status for _, status in orders.calls(SUBMIT)] == [429, 429, 429, 201]
    assert (item["Asks"], item["Submits"]) == (1, 1)


@pytest.mark.parametrize("sent", [True, False])
def test_a_request_whose_answer_is_lost_is_looked_after(orders: Orders, sent: bool) -> None:
    orders.known_to_amazon(days_ago=6)
    orders.fault(SUBMIT, fault="status", status=504)
    orders.send(orders.change(ago(days=6)))
    orders.becomes("SUBMITTING")
    assert len(orders.calls(ASK)) == 1
    orders.known_to_amazon(days_ago=6, solicited=sent)
    orders.set_back(SubmittedTime=ago(minutes=11).isoformat(timespec="seconds"))
    item = orders.becomes("SOLICITED")
    assert len(orders.calls(ASK)) == 2
    assert len(orders.calls(SUBMIT)) == (1 if sent else 2)
    assert item["LastAnswer"] == ("not available" if sent else "requested")


def test_a_seller_without_authorization_is_a_failure_with_its_cause(orders: Orders, deployment: Deployment) -> None:
    orders.seller.control("POST", f"sellers/{orders.seller.seller_id}/revoke")
    orders.send(orders.change(ago(days=6)))
    item = orders.becomes("FAILED")
    assert "invalid_grant" in item["LastAnswer"]
    assert orders.ended() == "FAILED"
    (execution,) = orders.executions()
    described = aws(deployment.servers, "stepfunctions").describe_execution(executionArn=execution["executionArn"])
    assert described["error"] == "AuthorizationError"
    assert "invalid_grant" in described["cause"]


def test_an_order_of_a_seller_without_a_token_is_logged_and_leaves_no_record(
    deployment: Deployment, seller: Seller
) -> None:
    orders = Orders(deployment, seller, "702-0000001-0000001")
    orders.send(orders.change(ago(days=6)))

    def logged() -> bool:
        lines = logs_of(deployment, "SPAPISolicitationScheduler").splitlines()
        return any(NOT_RECORDED in line and orders.order_id in line for line in lines)

    assert eventually(lambda: logged() or None, what="the warning")
    assert (orders.item(), orders.executions()) == (None, [])


def test_a_lost_permission_is_a_failure(orders: Orders) -> None:
    orders.known_to_amazon(days_ago=6)
    message = "Access to requested resource is denied."
    orders.fault(SUBMIT, fault="status", status=403, code="Unauthorized", message=message)
    orders.send(orders.change(ago(days=6)))
    assert message in orders.becomes("FAILED")["LastAnswer"]
    assert orders.ended() == "FAILED"
    assert orders.last_state() == "SubmitSolicitation"


def test_an_order_outside_amazons_marketplaces_ends_without_a_failure(orders: Orders) -> None:
    orders.send(orders.change(ago(days=6), MarketplaceId="A000000000000"))
    assert "A000000000000" in orders.becomes("NOT_AVAILABLE")["LastAnswer"]
    assert orders.ended() == "SUCCEEDED"
    assert orders.calls(ASK) == []


def test_an_excluded_seller_is_not_asked_until_the_exclusion_ends(orders: Orders) -> None:
    key = {"AmazonOrderId": "#EXCLUDED", "SellerId": orders.seller.seller_id}
    orders.table().put_item(Item=key)
    orders.known_to_amazon(days_ago=6)
    orders.send(orders.change(ago(days=6)))
    eventually(lambda: "excluded" in (orders.item() or {}).get("LastAnswer", "") or None, what="a held order")
    assert orders.calls(ASK) == []
    orders.table().delete_item(Key=key)
    orders.becomes("SOLICITED")


def test_what_was_asked_can_be_looked_up_as_the_documentation_says(orders: Orders, deployment: Deployment) -> None:
    orders.known_to_amazon(days_ago=6)
    orders.send(orders.change(ago(days=6)))
    orders.becomes("SOLICITED")
    found = orders.table().query(
        IndexName="SellerIdDueTimeIndex",
        KeyConditionExpression="SellerId = :seller AND DueTime >= :since",
        ExpressionAttributeValues={":seller": orders.seller.seller_id, ":since": "2026-01-01"},
    )["Items"]
    assert [(item["AmazonOrderId"], item["LastAnswer"]) for item in found] == [(orders.order_id, "requested")]
    logs = aws(deployment.servers, "logs")
    pages = logs.get_paginator("describe_log_groups").paginate()
    groups = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    events = [
        json.loads(event["message"])
        for group in groups
        if "Solicitation" in group and "vendedlogs" not in group
        for event in logs.filter_log_events(logGroupName=group)["events"]
        if orders.order_id in event["message"]
    ]
    told = {event["message"]: event for event in events if event.get("amazon_order_id") == orders.order_id}
    assert {"order change", "asked whether a review can be requested", "review requested"} <= set(told)
    requested = told["review requested"]
    assert (requested["seller_id"], requested["state"]) == (orders.seller.seller_id, "SOLICITED")
    assert (requested["answer"], requested["asks"], requested["submits"]) == ("requested", 1, 1)
    assert requested["execution"] == told["asked whether a review can be requested"]["execution"] != ""


@pytest.mark.parametrize("poison", ["this is not JSON", '{"NotificationType": "REPORT_PROCESSING_FINISHED"}'])
def test_what_is_no_order_change_is_soon_in_the_dead_letter_queue(orders: Orders, poison: str) -> None:
    orders.known_to_amazon(days_ago=6)
    orders.send(poison)
    orders.send(orders.change(ago(days=6)))
    queue = orders.deployment.outputs["OrdersDeadLetterQueueUrl"]
    sqs = aws(orders.deployment.servers, "sqs")

    def dead() -> bool | None:
        """Other tests may have left messages of their own."""
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            if message["Body"] == poison:
                return True
        return None

    eventually(dead, what="the message in the dead-letter queue")
    orders.becomes("SOLICITED")
