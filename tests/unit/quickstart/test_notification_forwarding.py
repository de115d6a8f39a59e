"""What becomes of an event that the bus takes, takes later, or never takes."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.notification_forwarding import (
    Addressee,
    EventNotTakenError,
    EventRefusedError,
    event_detail,
    put_event,
)
from quickstart.notification_processing import Notification, read_notification
from sp_api.regions import Region

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
        assert [set(entry) for entry in Entries] == [{"EventBusName", "Source", "DetailType", "Detail"}]
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


def test_the_message_stands_in_the_detail_letter_by_letter(notification: Notification) -> None:
    detail = event_detail(notification, BODY, Addressee("A1", Region.NA))
    assert BODY in detail
    assert {name: value for name, value in json.loads(detail).items() if name != "Notification"} == {
        "SellerId": "A1",
        "RegionCode": "NA",
        "NotificationId": "n-1",
        "SubscriptionId": "s-1",
    }
    unknown = json.loads(event_detail(notification, BODY, Addressee(None, None)))
    assert (unknown["SellerId"], unknown["RegionCode"]) == (None, None)


def test_an_event_that_is_taken(notification: Notification) -> None:
    assert (
        put_event(Events({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]}), "bus", notification, "{}") == "e-1"
    )


@pytest.mark.parametrize(
    "answer",
    [failed("MalformedDetail"), failed("NotAuthorizedForSourceException"), client_error(400, "ValidationException")],
)
def test_an_event_that_is_refused(notification: Notification, answer: Any) -> None:
    with pytest.raises(EventRefusedError, match="because"):
        put_event(Events(answer), "bus", notification, "{}")


@pytest.mark.parametrize(
    "answer", [failed("ThrottlingException"), failed("InternalFailure"), client_error(400, "ThrottlingException")]
)
def test_an_event_that_may_be_taken_later(notification: Notification, answer: Any) -> None:
    with pytest.raises(EventNotTakenError, match="because"):
        put_event(Events(answer), "bus", notification, "{}")


def test_a_failure_of_eventbridge_is_tried_again_by_the_queue(notification: Notification) -> None:
    with pytest.raises(ClientError):
        put_event(Events(client_error(503, "ServiceUnavailable")), "bus", notification, "{}")
