"""Reads SP-API's ORDER_CHANGE and says when a review of the order may be asked for."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

NOTIFICATION_TYPE = "ORDER_CHANGE"
# From five days after EarliestDeliveryDate to thirty days after LatestDeliveryDate (SP-API docs, "Set up the
# Solicitations API").
WINDOW_OPENS_AFTER = timedelta(days=5)
WINDOW_CLOSES_AFTER = timedelta(days=30)
# A first ask later than this before the end could come too late: the scheduler has an hour to spread its work.
_LEAST_TIME_TO_ASK = timedelta(days=1)
# The sandbox's example order lies in the past; it is asked for all the same.
_SANDBOX_TIME_TO_ASK = timedelta(days=1)
_SELLER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_SANDBOX_PREFIX = "SANDBOX#"
_EARLIEST_YEAR, _LATEST_YEAR = 2000, 2100


class UnreadableOrderChangeError(ValueError):
    """The message is no order change that this stack can ever handle; reading it again will not help.

    The message says what is wrong and never quotes the body.
    """


class OrderEvent(StrEnum):
    """What an order change means for the request of a review."""

    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"
    OTHER = "OTHER"


@dataclass(frozen=True)
class OrderKey:
    """An order of a seller. One at the sandbox never meets a real order of the same id."""

    order_id: str
    seller_id: str

    @classmethod
    def of(cls, amazon_order_id: str, seller_id: str, *, sandbox: bool) -> "OrderKey":
        return cls(f"{_SANDBOX_PREFIX}{amazon_order_id}" if sandbox else amazon_order_id, seller_id)

    @property
    def sandbox(self) -> bool:
        return self.order_id.startswith(_SANDBOX_PREFIX)

    @property
    def amazon_order_id(self) -> str:
        """The id as SP-API knows it."""
        return self.order_id.removeprefix(_SANDBOX_PREFIX)


@dataclass(frozen=True)
class OrderChange:
    """One ORDER_CHANGE. The delivery dates are filled in where the notification lacks them."""

    key: OrderKey
    marketplace_id: str
    event: OrderEvent
    order_status: str
    changed: datetime
    earliest_delivery: datetime
    latest_delivery: datetime


def read_order_change(body: str, sent: datetime) -> OrderChange:
    """`sent` is when the message came into the queue; it stands in where the notification has no time of its own.

    EarliestDeliveryDate and LatestDeliveryDate are optional in SP-API's schema. Each stands in for the other; without
    both the items' dates are taken, and without those the time of the change. Raises UnreadableOrderChangeError.
    """
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadableOrderChangeError("the message is not JSON") from None
    if not isinstance(envelope, dict):
        raise UnreadableOrderChangeError("the message is not a JSON object")
    notification_type = _text(_lower(envelope), "NotificationType")
    if notification_type != NOTIFICATION_TYPE:
        raise UnreadableOrderChangeError(f"notifications of type {notification_type[:64]} are not handled")
    change = _object(_object(_lower(envelope), "Payload"), "OrderChangeNotification")
    summary = _object(change, "Summary")
    changed = _time(_lower(envelope), "EventTime") or sent
    earliest, latest = _delivery_dates(summary)
    earliest, latest = earliest or latest or changed, latest or earliest or changed
    status = _text(summary, "OrderStatus")
    return OrderChange(
        key=OrderKey.of(
            _matching(change, "AmazonOrderId", _ORDER_ID),
            _matching(change, "SellerId", _SELLER_ID),
            sandbox=_sandbox(_lower(envelope).get("sandbox", "No")),
        ),
        marketplace_id=_text(summary, "MarketplaceId"),
        event=_EVENTS.get(status, OrderEvent.OTHER),
        order_status=status[:64],
        changed=changed,
        earliest_delivery=earliest,
        latest_delivery=max(earliest, latest),
    )


# SP-API writes Canceled; the other spelling costs nothing.
_EVENTS: Mapping[str, OrderEvent] = {
    "Shipped": OrderEvent.SHIPPED,
    "Canceled": OrderEvent.CANCELLED,
    "Cancelled": OrderEvent.CANCELLED,
}


def due_time(change: OrderChange, delay: timedelta) -> datetime:
    """When to ask first: so long after the earliest delivery, to the second, and a day before the window ends at the
    latest.
    """
    asked = min(
        change.earliest_delivery + max(delay, WINDOW_OPENS_AFTER),
        change.latest_delivery + WINDOW_CLOSES_AFTER - _LEAST_TIME_TO_ASK,
    )
    # Up, because a second too early is outside the window.
    return asked if asked.microsecond == 0 else asked.replace(microsecond=0) + timedelta(seconds=1)


def deadline(change: OrderChange, now: datetime) -> datetime:
    """When it is too late to ask."""
    closes = (change.latest_delivery + WINDOW_CLOSES_AFTER).replace(microsecond=0)
    return max(closes, now.replace(microsecond=0) + _SANDBOX_TIME_TO_ASK) if change.key.sandbox else closes


def _sandbox(value: object) -> bool:
    """Anything but the two words is refused: a test must not reach a buyer for a slip of the pen."""
    if value not in ("Yes", "No"):
        raise UnreadableOrderChangeError("Sandbox is neither Yes nor No")
    return value == "Yes"


def _delivery_dates(summary: Mapping[str, object]) -> tuple[datetime | None, datetime | None]:
    earliest, latest = _time(summary, "EarliestDeliveryDate"), _time(summary, "LatestDeliveryDate")
    if earliest or latest:
        return earliest, latest
    items = list(_items(summary))
    return (
        min((date for item in items if (date := _time(item, "ItemEarliestDeliveryDate"))), default=None),
        max((date for item in items if (date := _time(item, "ItemLatestDeliveryDate"))), default=None),
    )


def _items(summary: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    items = summary.get("orderitems")
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            yield _lower(item)


def _time(fields: Mapping[str, object], name: str) -> datetime | None:
    """An ISO 8601 time with or without fractions, of any offset, UTC where it names none."""
    value = fields.get(name.lower())
    if value is None or value == "":
        return None
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        time = None if parsed is None else (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        time = None
    if time is None or not _EARLIEST_YEAR <= time.year <= _LATEST_YEAR:
        raise UnreadableOrderChangeError(f"{name} is no ISO 8601 time of this century")
    return time


def _lower(fields: Mapping[str, object]) -> dict[str, object]:
    """SP-API has changed the letter case of notifications before; names are compared without it."""
    return {name.lower(): value for name, value in fields.items()}


def _object(fields: Mapping[str, object], name: str) -> dict[str, object]:
    value = fields.get(name.lower())
    if not isinstance(value, dict):
        raise UnreadableOrderChangeError(f"{name} is missing, or is no object")
    return _lower(value)


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name.lower())
    if not isinstance(value, str) or not value:
        raise UnreadableOrderChangeError(f"{name} is missing, or is no text")
    return value


def _matching(fields: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = _text(fields, name)
    if not pattern.fullmatch(value):
        raise UnreadableOrderChangeError(f"{name} has characters that no such id has")
    return value
