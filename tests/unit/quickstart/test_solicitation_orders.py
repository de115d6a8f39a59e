"""Reading ORDER_CHANGE: times in every shape, dates that are missing, and what can never be read."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart.solicitation_orders import (
    OrderChange,
    OrderEvent,
    OrderKey,
    UnreadableOrderChangeError,
    deadline,
    due_time,
    read_order_change,
)

SENT = datetime(2026, 1, 10, 12, tzinfo=UTC)
CHANGED = datetime(2026, 1, 9, 3, tzinfo=UTC)


def message(envelope: dict[str, Any] | None = None, change: dict[str, Any] | None = None, **summary: Any) -> str:
    body = {
        "NotificationType": "ORDER_CHANGE",
        "EventTime": "2026-01-09T03:00:00.000Z",
        "Payload": {
            "OrderChangeNotification": {
                "SellerId": "A3TH9S8BH6GOGM",
                "AmazonOrderId": "903-8868176-2219830",
                "Summary": {"MarketplaceId": "ATVPDKIKX0DER", "OrderStatus": "Shipped", **summary},
                **(change or {}),
            }
        },
        **(envelope or {}),
    }
    return json.dumps(body)


def read(*parts: dict[str, Any], **summary: Any) -> OrderChange:
    return read_order_change(message(*parts, **summary), SENT)


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-07T19:42:04Z",
        "2026-01-07T19:42:04.000Z",
        "2026-01-07T19:42:04.0000000Z",
        "2026-01-07T19:42:04.0+00:00",
        "2026-01-08T01:12:04+05:30",
        "2026-01-08T01:12:04.000+0530",
        "2026-01-07T11:42:04-08:00",
        "2026-01-07T19:42:04",
        "20260107T194204Z",
    ],
)
def test_a_time_is_read_with_and_without_fractions_and_of_any_offset(written: str) -> None:
    assert read(EarliestDeliveryDate=written).earliest_delivery == datetime(2026, 1, 7, 19, 42, 4, tzinfo=UTC)


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - Hypothesis takes naive bounds
    st.timedeltas(timedelta(hours=-14), timedelta(hours=14)),
    st.sampled_from(["auto", "seconds", "milliseconds"]),
)
def test_no_offset_and_no_precision_moves_a_time(moment: datetime, offset: timedelta, precision: str) -> None:
    zone = timezone(timedelta(minutes=offset // timedelta(minutes=1)))
    time = moment.replace(tzinfo=UTC)
    parsed = read(EarliestDeliveryDate=time.astimezone(zone).isoformat(timespec=precision)).earliest_delivery
    assert parsed == (time if precision == "auto" else parsed)
    assert abs(parsed - time) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("summary", "earliest", "latest"),
    [
        ({"EarliestDeliveryDate": "2026-01-05T00:00:00Z", "LatestDeliveryDate": "2026-01-08T00:00:00Z"}, 5, 8),
        ({"EarliestDeliveryDate": "2026-01-05T00:00:00Z"}, 5, 5),
        ({"LatestDeliveryDate": "2026-01-08T00:00:00Z"}, 8, 8),
        ({"EarliestDeliveryDate": None, "LatestDeliveryDate": ""}, 9, 9),
        ({}, 9, 9),
        (
            {
                "OrderItems": [
                    {
                        "ItemEarliestDeliveryDate": "2026-01-06T00:00:00Z",
                        "ItemLatestDeliveryDate": "2026-01-07T00:00:00Z",
                    },
                    {"ItemEarliestDeliveryDate": "2026-01-04T00:00:00Z"},
                    "no item",
                ]
            },
            4,
            7,
        ),
        # Turned round: the later one counts for the end.
        ({"EarliestDeliveryDate": "2026-01-08T00:00:00Z", "LatestDeliveryDate": "2026-01-05T00:00:00Z"}, 8, 8),
    ],
)
def test_a_missing_delivery_date_is_filled_in(summary: dict[str, Any], earliest: int, latest: int) -> None:
    change = read(**summary)
    assert (change.earliest_delivery.day, change.latest_delivery.day) == (earliest, latest)


def test_without_a_time_of_its_own_a_notification_counts_from_when_it_was_sent() -> None:
    change = read({"EventTime": None})
    assert change.changed == change.earliest_delivery == SENT


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("Shipped", OrderEvent.SHIPPED),
        ("Canceled", OrderEvent.CANCELLED),
        ("PartiallyShipped", OrderEvent.OTHER),
        ("Unshipped", OrderEvent.OTHER),
        ("SomethingNew", OrderEvent.OTHER),
    ],
)
def test_what_a_status_means(status: str, event: OrderEvent) -> None:
    assert read(OrderStatus=status).event is event


def test_an_order_at_the_sandbox_is_another_order() -> None:
    real, sandbox = read({"Sandbox": "No"}), read({"Sandbox": "Yes"})
    assert real == read()
    assert sandbox.key != real.key
    assert sandbox.key.sandbox
    assert not real.key.sandbox
    assert sandbox.key.amazon_order_id == real.key.amazon_order_id == "903-8868176-2219830"


def test_letter_case_of_names_does_not_matter() -> None:
    assert (
        read_order_change(message().replace('"Payload"', '"payload"').replace('"Summary"', '"summary"'), SENT) == read()
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not JSON, Atzr|secret", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "NotificationType"),
        (message({"NotificationType": "REPORT_PROCESSING_FINISHED"}), "REPORT_PROCESSING_FINISHED"),
        (message({"Payload": "x"}), "Payload"),
        (message({"Payload": {}}), "OrderChangeNotification"),
        (message(change={"Summary": []}), "Summary"),
        (message(change={"SellerId": ""}), "SellerId"),
        (message(change={"SellerId": "a/b"}), "SellerId"),
        (message(change={"AmazonOrderId": "#EXCLUDED"}), "AmazonOrderId"),
        (message(MarketplaceId=None), "MarketplaceId"),
        (message(OrderStatus=7), "OrderStatus"),
        (message(EarliestDeliveryDate="tomorrow"), "EarliestDeliveryDate"),
        (message(LatestDeliveryDate=1767225600), "LatestDeliveryDate"),
        (message(LatestDeliveryDate="9999-12-31T23:59:59Z"), "LatestDeliveryDate"),
        (message(EarliestDeliveryDate="0001-01-01T00:00:00+14:00"), "EarliestDeliveryDate"),
        (message({"EventTime": "never"}), "EventTime"),
        (message({"Sandbox": "yes"}), "Sandbox"),
        (message({"Sandbox": True}), "Sandbox"),
        (message({"Sandbox": None}), "Sandbox"),
    ],
)
def test_what_can_never_be_handled_is_told(body: str, reason: str) -> None:
    with pytest.raises(UnreadableOrderChangeError, match=reason) as caught:
        read_order_change(body, SENT)
    assert "secret" not in str(caught.value)


@given(st.text() | st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(json.dumps))
def test_no_message_breaks_the_reader(body: str) -> None:
    with pytest.raises(UnreadableOrderChangeError):
        read_order_change(body, SENT)


@pytest.mark.parametrize(
    ("earliest", "latest", "days", "due"),
    [
        ("2026-01-05T00:00:00Z", "2026-01-08T00:00:00Z", 5, "2026-01-10T00:00:00+00:00"),
        ("2026-01-05T00:00:00Z", "2026-01-08T00:00:00Z", 10, "2026-01-15T00:00:00+00:00"),
        ("2026-01-05T00:00:00.001Z", None, 5, "2026-01-10T00:00:01+00:00"),
        # A day before the window closes at the latest.
        ("2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z", 30, "2026-02-03T00:00:00+00:00"),
        # Never before it opens.
        ("2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z", 0, "2026-01-10T00:00:00+00:00"),
    ],
)
def test_when_an_order_is_due(earliest: str, latest: str | None, days: int, due: str) -> None:
    change = read(EarliestDeliveryDate=earliest, LatestDeliveryDate=latest)
    assert due_time(change, timedelta(days=days)).isoformat() == due


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001
    st.timedeltas(timedelta(), timedelta(days=90)),
    st.integers(5, 30),
)
def test_an_order_is_due_within_its_window(moment: datetime, span: timedelta, days: int) -> None:
    earliest = moment.replace(tzinfo=UTC)
    change = read(EarliestDeliveryDate=earliest.isoformat(), LatestDeliveryDate=(earliest + span).isoformat())
    due = due_time(change, timedelta(days=days))
    assert earliest + timedelta(days=5) <= due <= deadline(change, SENT) - timedelta(hours=23)
    assert due.microsecond == 0


def test_a_deadline_is_thirty_days_after_the_latest_delivery_except_at_the_sandbox() -> None:
    dates = {"EarliestDeliveryDate": "2024-01-01T13:30:00.000Z", "LatestDeliveryDate": "2024-12-31T13:30:00.000Z"}
    assert deadline(read(**dates), SENT) == datetime(2025, 1, 30, 13, 30, tzinfo=UTC)
    assert deadline(read({"Sandbox": "Yes"}, **dates), SENT) == SENT + timedelta(days=1)


def test_an_order_key_keeps_its_two_ids() -> None:
    assert OrderKey.of("1", "A", sandbox=False) == OrderKey("1", "A")
