"""Events that the bus accepts, accepts later, or never accepts."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from quickstart import clients
from quickstart.dynamodb import DamagedItemError
from quickstart.notifications.forwarding import (
    FORWARDED,
    EventNotAllowedError,
    EventNotTakenError,
    EventRefusedError,
    Forwarder,
    event_detail,
    put_events,
)
from quickstart.notifications.ownership import Addressee
from quickstart.notifications.processing import Notification, read_notification
from quickstart.notifications.subscription_records import KnownSubscriptions, SubscriptionRecord, SubscriptionRecords
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable

BODY = """{"NotificationType": "ORDER_CHANGE", "Payload": {"amount": 10.00, "huge": 123456789012345678901234567890},
 "NotificationMetadata": {"SubscriptionId": "s-1", "NotificationId": "n-1"}}"""


@pytest.fixture
def notification() -> Notification:
    return read_notification(BODY)


class Events:
    """EventBridge with one answer."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self.answer = answer

    def put_events(self, *, Entries: list[dict[str, str]]) -> Mapping[str, Any]:  # noqa: N803
        assert all(set(entry) == {"EventBusName", "Source", "DetailType", "Detail"} for entry in Entries)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def failed(code: str) -> Mapping[str, Any]:
    return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "because"}]}


def client_error(status: int, code: str) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "because"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutEvents")


def test_the_detail_contains_the_message_exactly_as_received(notification: Notification) -> None:
    detail = event_detail(notification, BODY, Addressee("A1", Region.NA))
    known = '{"SellerId": "A1", "RegionCode": "NA", "NotificationId": "n-1", "SubscriptionId": "s-1"'
    assert detail == f'{known}, "Notification": {BODY}}}'
    assert {name: value for name, value in json.loads(detail).items() if name != "Notification"} == {
        "SellerId": "A1",
        "RegionCode": "NA",
        "NotificationId": "n-1",
        "SubscriptionId": "s-1",
    }
    unknown = json.loads(event_detail(notification, BODY, Addressee(None, None)))
    assert (unknown["SellerId"], unknown["RegionCode"]) == (None, None)


WITHOUT_IDS = '{"NotificationType": "ORDER_CHANGE", "Payload": {"SellerId": "A1"}}'


def test_ids_that_sp_api_did_not_send_are_null() -> None:
    detail = json.loads(event_detail(read_notification(WITHOUT_IDS), WITHOUT_IDS, Addressee("A1", None)))
    assert (detail["NotificationId"], detail["SubscriptionId"]) == (None, None)


def test_a_notification_without_ids_is_forwarded_and_a_test_order_is_not() -> None:
    aws = Aws(PutEvents=lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]})
    forwarder = Forwarder(
        events=aws.client("events"),
        bus_name="bus",
        dead_letter_queue_url="https://queue",
        selling_partners_table=MemoryTable(Aws(), "SellerId", "Item").table,
    )
    for body in (WITHOUT_IDS, "not JSON"):
        forwarder.forward_if_notification(body)
    assert aws.operations == []
    forwarder.forward(read_notification(WITHOUT_IDS), WITHOUT_IDS)
    assert aws.operations == ["PutEvents"]
    (entry,) = aws.calls[0][1]["Entries"]
    assert entry == {
        "EventBusName": "bus",
        "Source": "selling-partner-api",
        "DetailType": "ORDER_CHANGE",
        "Detail": event_detail(read_notification(WITHOUT_IDS), WITHOUT_IDS, Addressee("A1", None)),
    }


@pytest.mark.parametrize("name", ["SubscriptionId", "NotificationId"])
def test_one_id_of_sp_api_makes_a_notification(name: str) -> None:
    aws = Aws(PutEvents=lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]})
    sellers = Aws()
    table = MemoryTable(sellers, "SellerId", "Item").table
    body = json.dumps({"NotificationType": "X", "Payload": {}, "NotificationMetadata": {name: "1"}})
    Forwarder(aws.client("events"), "bus", "https://queue", table).forward_if_notification(body)
    assert aws.operations == ["PutEvents"]


def test_a_refused_event_without_ids_reaches_the_dead_letter_queue(
    monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    aws = Aws(PutEvents=lambda _: failed("MalformedDetail"), SendMessage=lambda _: {"MessageId": "1"})
    monkeypatch.setattr(clients, "sqs", lambda: aws.client("sqs"))
    table = MemoryTable(Aws(), "SellerId", "Item").table
    Forwarder(aws.client("events"), "bus", "https://queue", table).forward(read_notification(WITHOUT_IDS), WITHOUT_IDS)
    assert aws.operations == ["PutEvents", "SendMessage"]
    sent = aws.calls[-1][1]
    assert (sent["QueueUrl"], sent["MessageBody"]) == ("https://queue", WITHOUT_IDS)
    attributes = {name: each["StringValue"] for name, each in sent["MessageAttributes"].items()}
    reason = "EventBridge: MalformedDetail: because"
    assert attributes == {"Reason": reason, "NotificationType": "ORDER_CHANGE"}
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("ERROR", "rejected by the event bus, sent to the dead-letter queue")
    assert (line["reason"], line["notification_type"], line["seller_id"]) == (reason, "ORDER_CHANGE", "A1")


def outgoing(detail: str = "{}") -> Any:
    return {"EventBusName": "bus", "Source": "s", "DetailType": "ORDER_CHANGE", "Detail": detail}


def put(answer: Any) -> Any:
    (result,) = put_events(Events(answer), [outgoing()])
    return result


def test_an_event_that_is_taken() -> None:
    assert put({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]}) == "e-1"


@pytest.mark.parametrize(
    "answer",
    [
        failed("MalformedDetail"),
        failed("InvalidArgument"),
        failed("RedactionFailure"),
        client_error(400, "ValidationException"),
        client_error(413, "RequestEntityTooLarge"),
    ],
)
def test_an_event_that_is_refused(answer: Any) -> None:
    result = put(answer)
    assert isinstance(result, EventRefusedError)
    assert re.fullmatch("EventBridge: [A-Za-z]+: because", str(result))


@pytest.mark.parametrize(
    "answer",
    [
        failed("ThrottlingException"),
        failed("InternalFailure"),
        failed("SomethingNew"),
        client_error(400, "ThrottlingException"),
        client_error(499, "ServiceUnavailable"),
    ],
)
def test_an_event_that_may_be_taken_later(answer: Any) -> None:
    result = put(answer)
    assert isinstance(result, EventNotTakenError)
    assert re.fullmatch("EventBridge: [A-Za-z]+: because", str(result))


@pytest.mark.parametrize(
    "answer",
    [
        failed("AccessDeniedException"),
        failed("NotAuthorizedForSourceException"),
        client_error(400, "AccessDeniedException"),
        client_error(400, "ResourceNotFoundException"),
    ],
)
def test_an_event_that_an_operator_can_allow_stays_in_the_queue(answer: Any) -> None:
    result = put(answer)
    assert isinstance(result, EventNotAllowedError)
    assert re.fullmatch("EventBridge: [A-Za-z]+: because", str(result))


@pytest.mark.parametrize(
    "error",
    [
        client_error(500, "ValidationException"),
        client_error(503, "ServiceUnavailable"),
        EndpointConnectionError(endpoint_url="https://events"),
    ],
)
def test_a_failure_of_eventbridge_is_tried_again_by_the_queue(error: Exception) -> None:
    assert put_events(Events(error), [outgoing(), outgoing()]) == [error, error]


class TestSeveralEvents:
    """Few calls, and each event has an outcome of its own."""

    def sent(self, aws: Aws) -> list[int]:
        return [len(given["Entries"]) for operation, given in aws.calls if operation == "PutEvents"]

    def test_ten_are_one_call_and_the_results_have_their_order(self, aws: Aws) -> None:
        aws.answers["PutEvents"] = lambda given: {
            "FailedEntryCount": 0,
            "Entries": [{"EventId": entry["Detail"]} for entry in given["Entries"]],
        }
        details = [f'{{"number": {number}}}' for number in range(23)]
        assert put_events(aws.client("events"), [outgoing(detail) for detail in details]) == details
        assert self.sent(aws) == [10, 10, 3]

    def test_a_call_is_no_larger_than_eventbridge_accepts(self, aws: Aws) -> None:
        """In UTF-8. An event that is larger alone is sent alone: the region may accept it."""
        aws.answers["PutEvents"] = lambda given: {
            "FailedEntryCount": 0,
            "Entries": [{"EventId": "e"} for _ in given["Entries"]],
        }
        sizes = [100_000, 100_000, 100_000, 300_000, 10, 262_144 - 36, 1]
        details = [chr(0xE4) * (size // 2) if size % 2 == 0 else "a" * size for size in sizes]
        assert put_events(aws.client("events"), [outgoing(detail) for detail in details]) == ["e"] * 7
        assert self.sent(aws) == [2, 1, 1, 2, 1]

    def test_one_that_fails_does_not_hold_back_the_others(self, aws: Aws) -> None:
        aws.answers["PutEvents"] = lambda _: {
            "FailedEntryCount": 2,
            "Entries": [
                {"EventId": "e-1"},
                {"ErrorCode": "MalformedDetail", "ErrorMessage": "because"},
                {"ErrorCode": "InternalFailure", "ErrorMessage": "because"},
            ],
        }
        first, second, third = put_events(aws.client("events"), [outgoing()] * 3)
        assert first == "e-1"
        assert isinstance(second, EventRefusedError)
        assert isinstance(third, EventNotTakenError)

    def test_a_call_that_is_refused_because_of_one_event_is_made_again_for_each(self, aws: Aws) -> None:
        def answer(given: Mapping[str, Any]) -> Mapping[str, Any]:
            if any(entry["Detail"] == "bad" for entry in given["Entries"]):
                raise AwsError("ValidationException")
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in given["Entries"]]}

        aws.answers["PutEvents"] = answer
        first, second, third = put_events(
            aws.client("events"), [outgoing(detail) for detail in ("good", "bad", "good")]
        )
        assert (first, third) == ("e", "e")
        assert isinstance(second, EventRefusedError)
        assert self.sent(aws) == [3, 1, 1, 1]

    def test_a_subscription_is_looked_up_once(self, aws: Aws) -> None:
        aws.answers["PutEvents"] = lambda given: {
            "FailedEntryCount": 0,
            "Entries": [{"EventId": "e"} for _ in given["Entries"]],
        }
        table = MemoryTable(aws, "SellerId", "Item")
        SubscriptionRecords(table.table).store(RECORD)
        forwarder = Forwarder(aws.client("events"), "bus", "https://queue", table.table)
        aws.calls.clear()
        notification = read_notification(BODY)
        events = [forwarder.addressed(notification, BODY) for _ in range(10)]
        assert {event.addressee for event in events} == {Addressee("A1", Region.EU)}
        for last_step in forwarder.forward_together(events):
            last_step()
        assert aws.operations == ["Query", "PutEvents"]

    def test_a_sellers_records_are_those_of_a_region_and_of_a_type(self, aws: Aws) -> None:
        records = SubscriptionRecords(MemoryTable(aws, "SellerId", "Item").table)
        others = [
            replace(RECORD, region=Region.NA, subscription_id="s-2"),
            replace(RECORD, notification_type="FEE_PROMOTION", subscription_id="s-3"),
            replace(RECORD, payload_version="2.0", subscription_id="s-4"),
        ]
        for record in (RECORD, *others, replace(RECORD, seller_id="A2", subscription_id="s-9")):
            records.store(record)
        assert records.of_seller("A1") == (RECORD, *others)
        assert records.of_seller("A1", Region.EU) == (RECORD, *others[1:])
        assert records.of_seller("A1", notification_type="ORDER_CHANGE") == (RECORD, others[0], others[2])
        assert records.of_seller("A1", Region.EU, "ORDER_CHANGE") == (RECORD, others[2])
        # One of the same seller, region, type and version replaces it.
        renewed = replace(RECORD, subscription_id="s-5")
        records.store(renewed)
        records.remove(others[2])
        assert records.of_seller("A1", Region.EU, "ORDER_CHANGE") == (renewed,)
        assert (records.find("s-1"), records.find("")) == (None, None)

    def test_a_damaged_record_is_named(self, aws: Aws) -> None:
        table = MemoryTable(aws, "SellerId", "Item")
        SubscriptionRecords(table.table).store(RECORD)
        table.items[0]["RegionCode"] = "XX"
        message = r"^the stored item SUBSCRIPTION#EU#ORDER_CHANGE#1\.0 of A1 cannot be read \(ValueError\)"
        with pytest.raises(DamagedItemError, match=message):
            SubscriptionRecords(table.table).find("s-1")

    def test_an_unknown_subscription_and_one_of_long_ago_are_looked_up_again(self, aws: Aws) -> None:
        table, now = MemoryTable(aws, "SellerId", "Item"), [0.0]
        known = KnownSubscriptions(table.table, lambda: now[0])
        assert known.find("s-1") is None
        SubscriptionRecords(table.table).store(RECORD)
        assert known.find("s-1") == RECORD
        table.items.clear()
        now[0] = 299
        assert known.find("s-1") == RECORD
        now[0] = 300
        assert known.find("s-1") is None


RECORD = SubscriptionRecord("A1", Region.EU, "ORDER_CHANGE", "s-1", "d-1", "1.0")


class TestForwardAndSetAside:
    """A notification that this stack cannot process reaches the bus and, with the reason, the dead-letter queue."""

    @pytest.fixture
    def forwarder(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Forwarder:
        monkeypatch.setattr(clients, "sqs", lambda: aws.client("sqs"))
        aws.answers["PutEvents"] = lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]}
        aws.answers["SendMessage"] = lambda _: {"MessageId": "m-1"}
        table = MemoryTable(aws, "SellerId", "Item").table
        return Forwarder(aws.client("events"), "bus", "https://sqs.test/dlq", table)

    def test_it_is_forwarded_first(
        self, aws: Aws, forwarder: Forwarder, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        assert forwarder.forward_and_set_aside("ORDER_CHANGE", BODY, "SellerId is missing") is True
        forwarded, set_aside = log_lines()
        assert (forwarded["message"], forwarded["event_id"], forwarded["notification_id"]) == (
            "notification forwarded",
            "e-1",
            "n-1",
        )
        assert (set_aside["level"], set_aside["message"], set_aside["reason"]) == (
            "ERROR",
            "message cannot be processed and goes to the dead-letter queue",
            "SellerId is missing",
        )
        assert [operation for operation in aws.operations if operation != "Query"] == ["PutEvents", "SendMessage"]
        sent = aws.calls[-1][1]
        assert sent["MessageBody"] == BODY
        assert sent["MessageAttributes"]["Reason"]["StringValue"] == "SellerId is missing"

    def test_a_copy_that_was_moved_back_is_not_forwarded_again(self, aws: Aws, forwarder: Forwarder) -> None:
        assert forwarder.forward_and_set_aside("ORDER_CHANGE", BODY, "reason")
        assert aws.calls[-1][1]["MessageAttributes"][FORWARDED]["StringValue"] == "true"
        aws.calls.clear()
        assert forwarder.forward_and_set_aside("ORDER_CHANGE", BODY, "reason", forwarded_before=True)
        assert aws.operations == ["SendMessage"]
        assert FORWARDED in aws.calls[-1][1]["MessageAttributes"]

    def test_what_the_bus_refuses_too_is_one_dead_letter_with_both_reasons(
        self, aws: Aws, forwarder: Forwarder
    ) -> None:
        aws.answers["PutEvents"] = lambda _: failed("MalformedDetail")
        assert forwarder.forward_and_set_aside("ORDER_CHANGE", BODY, "Sandbox must be Yes or No")
        assert aws.operations.count("SendMessage") == 1
        attributes = aws.calls[-1][1]["MessageAttributes"]
        assert FORWARDED not in attributes
        reasons = "Sandbox must be Yes or No; EventBridge: MalformedDetail: because"
        assert attributes["Reason"]["StringValue"] == reasons

    def test_a_test_order_is_not_forwarded(self, aws: Aws, forwarder: Forwarder) -> None:
        refused = forwarder.forward_and_set_aside("ORDER_CHANGE", WITHOUT_IDS, "Sandbox must be Yes or No")
        assert refused is False
        assert aws.calls == []

    def test_the_bus_that_fails_leaves_the_message_to_the_queue(self, aws: Aws, forwarder: Forwarder) -> None:
        aws.answers["PutEvents"] = lambda _: failed("InternalFailure")
        with pytest.raises(EventNotTakenError):
            forwarder.forward_and_set_aside("ORDER_CHANGE", BODY, "reason")
        assert "SendMessage" not in aws.operations

    @pytest.mark.parametrize("body", [BODY.replace("ORDER_CHANGE", "FEE_PROMOTION"), "{}", "not JSON", "[" * 100_000])
    def test_anything_else_is_left_to_the_caller(self, aws: Aws, forwarder: Forwarder, body: str) -> None:
        assert not forwarder.forward_and_set_aside("ORDER_CHANGE", body, "reason")
        assert aws.calls == []
