"""Reading ORDER_CHANGE: times in every shape, dates that are missing, and what can never be read."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart.solicitations.orders import (
    OrderChange,
    OrderEvent,
    OrderKey,
    UnreadableOrderChangeError,
    deadline,
    due_time,
    read_order_change,
)
from tests import hostile

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
    change = read_order_change(message(*parts, **summary), SENT)
    assert change is not None
    return change


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


ITEMS = [{"ItemEarliestDeliveryDate": "2026-01-01T00:00:00Z", "ItemLatestDeliveryDate": "2026-01-31T00:00:00Z"}]


@pytest.mark.parametrize(
    ("summary", "earliest", "latest"),
    [
        ({"EarliestDeliveryDate": "2026-01-05T00:00:00Z", "LatestDeliveryDate": "2026-01-08T00:00:00Z"}, 5, 8),
        ({"EarliestDeliveryDate": "2026-01-05T00:00:00Z"}, 5, 5),
        ({"LatestDeliveryDate": "2026-01-08T00:00:00Z"}, 8, 8),
        ({"EarliestDeliveryDate": None, "LatestDeliveryDate": ""}, 9, 9),
        ({"EarliestDeliveryDate": "2026-01-05T00:00:00Z", "OrderItems": ITEMS}, 5, 5),
        ({"LatestDeliveryDate": "2026-01-08T00:00:00Z", "OrderItems": ITEMS}, 8, 8),
        ({"OrderItems": ITEMS}, 1, 31),
        ({"OrderItems": [{"ItemLatestDeliveryDate": "2026-01-31T00:00:00Z"}, {}]}, 31, 31),
        ({"OrderItems": "none"}, 9, 9),
        ({"OrderItems": {"1": ITEMS[0]}}, 9, 9),
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
def test_a_missing_delivery_date_is_filled_in(
    summary: dict[str, Any], earliest: int, latest: int, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    change = read(**summary)
    assert log_lines() == []
    assert (change.earliest_delivery.day, change.latest_delivery.day) == (earliest, latest)


def test_without_a_time_of_its_own_a_notification_counts_from_when_it_was_sent() -> None:
    change = read({"EventTime": None})
    assert change.changed == change.earliest_delivery == SENT


@pytest.mark.parametrize(
    ("date", "counts"),
    [
        ("1999-12-31T23:59:59Z", False),
        ("2000-01-01T00:00:00Z", True),
        ("2100-12-31T23:59:59Z", True),
        ("2101-01-01T00:00:00Z", False),
        # It is the time in UTC that counts.
        ("2000-01-01T00:00:00+01:00", False),
    ],
)
def test_the_years_of_a_delivery(date: str, *, counts: bool) -> None:
    assert (read(LatestDeliveryDate=date) != read()) is counts


NO_TIMES: list[object] = [*hostile.END_TIMES, "tomorrow", 1767225600, True, {}]


@pytest.mark.parametrize("date", NO_TIMES)
def test_a_delivery_date_that_cannot_be_one_counts_as_missing(
    date: object, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    assert read(EarliestDeliveryDate=date) == read(LatestDeliveryDate=date) == read()
    assert [line["field"] for line in log_lines()] == ["EarliestDeliveryDate", "LatestDeliveryDate"]
    assert {(line["level"], line["message"]) for line in log_lines()} == {
        ("WARNING", "a time of an order change is not valid and is treated as missing")
    }
    good = "2026-01-08T00:00:00Z"
    assert read(EarliestDeliveryDate=date, LatestDeliveryDate=good) == read(LatestDeliveryDate=good)
    items = [{"ItemEarliestDeliveryDate": good, "ItemLatestDeliveryDate": date}]
    assert read(EarliestDeliveryDate=date, OrderItems=items) == read(OrderItems=[{"ItemEarliestDeliveryDate": good}])


@pytest.mark.parametrize("time", NO_TIMES)
def test_a_time_of_the_change_that_cannot_be_one_is_when_it_was_sent(time: object) -> None:
    assert read({"EventTime": time}).changed == SENT


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("Shipped", OrderEvent.SHIPPED),
        ("Canceled", OrderEvent.CANCELLED),
        ("Cancelled", OrderEvent.CANCELLED),
        ("SHIPPED", OrderEvent.SHIPPED),
        ("CANCELLED", OrderEvent.CANCELLED),
        ("PartiallyShipped", None),
        ("Unshipped", None),
        ("SomethingNew", None),
    ],
)
def test_what_a_status_means(status: str, event: OrderEvent | None) -> None:
    change = read_order_change(message(OrderStatus=status), SENT)
    assert (change.event if change else None) is event


NO_CONCERN: dict[str, Any] = {
    "EarliestDeliveryDate": "1970-01-01T00:00:00Z",
    "LatestDeliveryDate": "0001-01-01T00:00:00+14:00",
    "MarketplaceId": None,
}


def test_of_a_change_that_does_not_matter_nothing_else_is_read() -> None:
    body = message({"EventTime": "never", "Sandbox": True}, {"SellerId": 7}, OrderStatus="Unshipped", **NO_CONCERN)
    assert read_order_change(body, SENT) is None


def test_a_cancellation_needs_no_dates_and_no_marketplace() -> None:
    change = read({"EventTime": "1970-01-01T00:00:00Z"}, OrderStatus="Canceled", **NO_CONCERN)
    assert (change.changed, change.earliest_delivery, change.latest_delivery) == (SENT, SENT, SENT)


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


NO_TEXT = "is missing or not a string"
NO_OBJECT = "is missing or not an object"
NO_STORED_TEXT = "is longer than 256 characters or not valid Unicode"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not JSON, Atzr|secret", "the message is not JSON"),
        ("[]", "the message is not a JSON object"),
        ("{}", f"NotificationType {NO_TEXT}"),
        (
            message({"NotificationType": "REPORT_PROCESSING_FINISHED"}),
            "notifications of other types are not supported here",
        ),
        ("[" * 100_000, "the message is not JSON"),
        (message(MarketplaceId="\ud800"), f"MarketplaceId {NO_STORED_TEXT}"),
        (message(MarketplaceId="M" * 257), f"MarketplaceId {NO_STORED_TEXT}"),
        (message(OrderStatus="\ud800"), f"OrderStatus {NO_STORED_TEXT}"),
        (message({"Payload": "x"}), f"Payload {NO_OBJECT}"),
        (message({"Payload": {}}), f"OrderChangeNotification {NO_OBJECT}"),
        (message(change={"Summary": []}), f"Summary {NO_OBJECT}"),
        (message(change={"SellerId": ""}), f"SellerId {NO_TEXT}"),
        (message(change={"SellerId": "a/b"}), "SellerId has characters that are not allowed in such an id"),
        (
            message(change={"AmazonOrderId": "#EXCLUDED"}),
            "AmazonOrderId has characters that are not allowed in such an id",
        ),
        (message(change={"SellerId": "Atzr|secret"}), "SellerId seems to be a token or a secret"),
        (message(MarketplaceId=None), f"MarketplaceId {NO_TEXT}"),
        (message(OrderStatus=7), f"OrderStatus {NO_TEXT}"),
        (message({"Sandbox": "yes"}), "Sandbox must be Yes or No"),
        (message({"Sandbox": True}), "Sandbox must be Yes or No"),
        (message({"Sandbox": None}), "Sandbox must be Yes or No"),
    ],
)
def test_a_message_that_can_never_be_processed_is_unreadable(body: str, reason: str) -> None:
    with pytest.raises(UnreadableOrderChangeError) as caught:
        read_order_change(body, SENT)
    assert str(caught.value) == reason


def test_the_longest_text_of_a_message() -> None:
    change = read_order_change(message(MarketplaceId="M" * 256), SENT)
    assert change is not None
    assert change.marketplace_id == "M" * 256


@given(
    st.one_of(
        hostile.bodies("NotificationType", "Payload", "EventTime", "Sandbox"),
        hostile.altered(json.loads(message(EarliestDeliveryDate="2026-01-05T00:00:00Z"))).map(
            lambda envelope: json.dumps(envelope).encode()
        ),
    )
)
def test_no_message_breaks_the_reader(body: bytes) -> None:
    try:
        change = read_order_change(body.decode(errors="replace"), SENT)
    except UnreadableOrderChangeError as error:
        str(error).encode()
    else:
        assert change is None or due_time(change, timedelta(days=30)) < deadline(change, SENT)


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
    later = datetime(2025, 1, 29, 13, 30, 0, 600_000, tzinfo=UTC)
    assert deadline(read({"Sandbox": "Yes"}, **dates), later) == datetime(2025, 1, 30, 13, 30, tzinfo=UTC)
    early = datetime(2024, 12, 1, tzinfo=UTC)
    assert deadline(read({"Sandbox": "Yes"}, **dates), early) == datetime(2025, 1, 30, 13, 30, tzinfo=UTC)


def test_a_deadline_is_in_whole_seconds() -> None:
    change = read(LatestDeliveryDate="2026-01-05T00:00:00.999Z")
    assert deadline(change, SENT) == datetime(2026, 2, 4, tzinfo=UTC)


def test_an_order_key_keeps_its_two_ids() -> None:
    assert OrderKey.of("1", "A", sandbox=False) == OrderKey("1", "A")
