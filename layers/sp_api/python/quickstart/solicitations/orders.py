"""Reads SP-API's ORDER_CHANGE and computes when a review of the order may be requested."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from quickstart.observability import logger
from sp_api.redaction import holds_secret
from sp_api.wire import is_unicode

NOTIFICATION_TYPE = "ORDER_CHANGE"
# From five days after EarliestDeliveryDate to thirty days after LatestDeliveryDate (SP-API docs, "Set up the
# Solicitations API").
WINDOW_OPENS_AFTER = timedelta(days=5)
WINDOW_CLOSES_AFTER = timedelta(days=30)
# The first attempt is at least this long before the window ends: the scheduler spreads its work over an hour.
_LEAST_TIME_TO_ASK = timedelta(days=1)
# The sandbox's example order is in the past; a review is requested anyway.
_SANDBOX_TIME_TO_ASK = timedelta(days=1)
_SELLER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_LONGEST_TEXT = 256
_SANDBOX_PREFIX = "SANDBOX#"
_EARLIEST_YEAR, _LATEST_YEAR = 2000, 2100


class UnreadableOrderChangeError(ValueError):
    """The message is not an order change that this stack can process; a retry will not help.

    The error's message names what is wrong and never quotes the body.
    """


class OrderEvent(StrEnum):
    """What an order change means for the review request."""

    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class OrderKey:
    """An order of a seller. A sandbox order is never confused with a real order of the same id."""

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
        """The order's id at SP-API."""
        return self.order_id.removeprefix(_SANDBOX_PREFIX)


@dataclass(frozen=True)
class OrderChange:
    """One ORDER_CHANGE that matters for a review. Missing delivery dates are filled in.

    For a cancellation they are the time of the message, and the marketplace is empty: nothing will be requested.
    """

    key: OrderKey
    marketplace_id: str
    event: OrderEvent
    order_status: str
    changed: datetime
    earliest_delivery: datetime
    latest_delivery: datetime


def read_order_change(body: str, sent: datetime) -> OrderChange | None:
    """None for a change that does not matter for a review; of such a change only the status is read.

    `sent` is when the message entered the queue; it is used when the notification has no time of its own.
    EarliestDeliveryDate and LatestDeliveryDate are optional in SP-API's schema. Each replaces the other when that is
    missing; without both, the items' dates are used, and without those the time of the change. They are read only for
    an order that was shipped. A date that cannot be one of a delivery, such as one of 1970, is treated as missing:
    SP-API decides each day whether the review can be requested. Raises UnreadableOrderChangeError.
    """
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadableOrderChangeError("the message is not JSON") from None
    if not isinstance(envelope, dict):
        raise UnreadableOrderChangeError("the message is not a JSON object")
    notification_type = _text(_lower(envelope), "NotificationType")
    if notification_type != NOTIFICATION_TYPE:
        raise UnreadableOrderChangeError("notifications of other types are not supported here")
    change = _object(_object(_lower(envelope), "Payload"), "OrderChangeNotification")
    summary = _object(change, "Summary")
    status = _text(summary, "OrderStatus")
    event = _EVENTS.get(status.lower())
    if event is None:
        return None
    if event is OrderEvent.SHIPPED:
        marketplace_id, changed = _text(summary, "MarketplaceId"), _time(_lower(envelope), "EventTime") or sent
        earliest, latest = _delivery_dates(summary)
        earliest, latest = earliest or latest or changed, latest or earliest or changed
    else:
        # A cancellation is final whenever and wherever it happened.
        marketplace_id, changed, earliest, latest = "", sent, sent, sent
    return OrderChange(
        key=OrderKey.of(
            _matching(change, "AmazonOrderId", _ORDER_ID),
            _matching(change, "SellerId", _SELLER_ID),
            sandbox=_sandbox(_lower(envelope).get("sandbox", "No")),
        ),
        marketplace_id=marketplace_id,
        event=event,
        order_status=status,
        changed=changed,
        earliest_delivery=earliest,
        latest_delivery=max(earliest, latest),
    )


# SP-API writes Shipped and Canceled. It has changed the letter case of notifications before, and its APIs use both
# spellings.
_EVENTS: Mapping[str, OrderEvent] = {
    "shipped": OrderEvent.SHIPPED,
    "canceled": OrderEvent.CANCELLED,
    "cancelled": OrderEvent.CANCELLED,
}


def due_time(change: OrderChange, delay: timedelta) -> datetime:
    """When to try first: `delay` after the earliest delivery, in whole seconds, and at least a day before the window
    ends.
    """
    due = min(
        change.earliest_delivery + max(delay, WINDOW_OPENS_AFTER),
        change.latest_delivery + WINDOW_CLOSES_AFTER - _LEAST_TIME_TO_ASK,
    )
    # Rounded up, because a second too early is outside the window.
    return due if due.microsecond == 0 else due.replace(microsecond=0) + timedelta(seconds=1)


def deadline(change: OrderChange, now: datetime) -> datetime:
    """When it is too late to request a review."""
    closes = (change.latest_delivery + WINDOW_CLOSES_AFTER).replace(microsecond=0)
    return max(closes, now.replace(microsecond=0) + _SANDBOX_TIME_TO_ASK) if change.key.sandbox else closes


def _sandbox(value: object) -> bool:
    """Accepts only Yes and No, so that a typing error in a test cannot reach a buyer."""
    if value not in ("Yes", "No"):
        raise UnreadableOrderChangeError("Sandbox must be Yes or No")
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
    """An ISO 8601 time with or without fractions and with any offset; UTC when it has none.

    None when there is none, and for a value that is no time of this century, which is logged.
    """
    value = fields.get(name.lower())
    if value is None or value == "":
        return None
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        time = None if parsed is None else (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        time = None
    if time is None or not _EARLIEST_YEAR <= time.year <= _LATEST_YEAR:
        logger().warning("a time of an order change is not valid and is treated as missing", field=name)
        return None
    return time


def _lower(fields: Mapping[str, object]) -> dict[str, object]:
    """SP-API has changed the letter case of notifications before; names are compared without it."""
    return {name.lower(): value for name, value in fields.items()}


def _object(fields: Mapping[str, object], name: str) -> dict[str, object]:
    value = fields.get(name.lower())
    if not isinstance(value, dict):
        raise UnreadableOrderChangeError(f"{name} is missing or not an object")
    return _lower(value)


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name.lower())
    if not isinstance(value, str) or not value:
        raise UnreadableOrderChangeError(f"{name} is missing or not a string")
    if len(value) > _LONGEST_TEXT or not is_unicode(value):
        raise UnreadableOrderChangeError(f"{name} is longer than {_LONGEST_TEXT} characters or not valid Unicode")
    if holds_secret(value):
        raise UnreadableOrderChangeError(f"{name} seems to be a token or a secret")
    return value


def _matching(fields: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = _text(fields, name)
    if not pattern.fullmatch(value):
        raise UnreadableOrderChangeError(f"{name} has characters that are not allowed in such an id")
    return value
