"""The orders of a storm: the notifications that SP-API sends about each, and its real state at Amazon."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sp_api_simulator.state import Order

DAY = timedelta(days=1)
MARKETPLACES = ("ATVPDKIKX0DER", "A1F83G8C2ARO7P", "A1VC38T7YXB528")

# Percentage of each kind. The remaining orders are on time.
KINDS = {
    "delivered two days late, eligible at the third check": 8,
    "delivery date moved later": 6,
    "delivery date moved earlier": 3,
    "delivery date moved later while the execution runs": 3,
    "notification without delivery dates": 4,
    "notifications arrive days late, all at once": 4,
    "cancelled before the due time": 5,
    "cancelled while the execution runs": 3,
    "cancellation notification arrives before the shipment": 2,
    "never eligible": 4,
}
ON_TIME = "on time"
NOT_ELIGIBLE = (
    "cancelled before the due time",
    "cancellation notification arrives before the shipment",
    "never eligible",
)
CANCELLED_WHILE_RUNNING = "cancelled while the execution runs"


@dataclass(frozen=True)
class Notice:
    """One ORDER_CHANGE: when the order changed, when SP-API sends the notification, and its contents."""

    changed: datetime
    sent: datetime
    status: str
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True)
class Plan:
    """One order. `truth` has the states of the order at Amazon, each with the time from which it is valid."""

    kind: str
    order_id: str
    seller_id: str
    marketplace_id: str
    notices: tuple[Notice, ...]
    truth: tuple[tuple[datetime, Order], ...]

    @property
    def eligible(self) -> bool:
        return self.kind not in (*NOT_ELIGIBLE, CANCELLED_WHILE_RUNNING)

    def body(self, notice: Notice) -> str:
        """The notification as SP-API sends it, with times in two formats."""
        summary = {"MarketplaceId": self.marketplace_id, "OrderStatus": notice.status, "OrderItems": []}
        if notice.earliest:
            summary["EarliestDeliveryDate"] = notice.earliest.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        if notice.latest:
            summary["LatestDeliveryDate"] = notice.latest.isoformat()
        change = {"SellerId": self.seller_id, "AmazonOrderId": self.order_id, "Summary": summary}
        return json.dumps(
            {
                "NotificationType": "ORDER_CHANGE",
                "EventTime": notice.changed.isoformat(),
                "Payload": {"OrderChangeNotification": change},
            }
        )


def plans(count: int, sellers: int, begin: datetime, chance: random.Random) -> Iterator[Plan]:
    """Generates orders that ship within two days."""
    kinds = [kind for kind, share in KINDS.items() for _ in range(share)]
    kinds += [ON_TIME] * (100 - len(kinds))
    for number in range(count):
        # Keeps the percentages even for few orders.
        kind = kinds[number * 37 % 100]
        # One seller has a third of the orders.
        seller = 0 if number % 3 == 0 else number % sellers
        shipped = begin + timedelta(seconds=round(chance.uniform(0, 2 * 86400)))
        # Carriers promise days, so the orders of one day are due together.
        day = shipped.replace(hour=0, minute=0, second=0, microsecond=0)
        earliest = day + chance.choice((1, 2)) * DAY + timedelta(hours=chance.choice((8, 18)))
        yield _plan(
            kind,
            Order(
                order_id=f"{700 + seller:03d}-{number:07d}-{chance.randrange(10**7):07d}",
                seller_id=f"ASELLER{seller:07d}",
                marketplace_id=MARKETPLACES[seller % 3],
                status="Shipped",
                earliest_delivery=max(earliest, shipped),
                latest_delivery=max(earliest, shipped) + chance.choice((0, 1)) * DAY,
            ),
            shipped,
            # After every due time: orders notified then start at once and exhaust the sellers' quotas.
            begin + 9.5 * DAY,
            chance,
        )


def _plan(kind: str, order: Order, shipped: datetime, backlog: datetime, chance: random.Random) -> Plan:
    earliest, latest = order.earliest_delivery, order.latest_delivery
    first = Notice(shipped, shipped, "Shipped", earliest, latest)
    notices, truth = [first], [(shipped, order)]
    soon = shipped + timedelta(hours=chance.uniform(8, 20))
    while_running = earliest + 5 * DAY + timedelta(hours=chance.uniform(3, 20))

    def moved(days: int, when: datetime) -> None:
        at = replace(order, earliest_delivery=earliest + days * DAY, latest_delivery=latest + days * DAY)
        truth.append((when, at))
        notices.append(Notice(when, when, "Shipped", at.earliest_delivery, at.latest_delivery))

    def late(days: int) -> Order:
        return replace(order, earliest_delivery=earliest + days * DAY, latest_delivery=latest + days * DAY)

    match kind:
        case "delivered two days late, eligible at the third check":
            truth = [(shipped, late(2))]
        case "delivery date moved later":
            moved(2, soon)
        case "delivery date moved earlier":
            moved(-1, soon)
        case "delivery date moved later while the execution runs":
            truth = [(shipped, late(3))]
            moved(3, while_running)
        case "notification without delivery dates":
            notices = [replace(first, earliest=None, latest=None)]
        case "notifications arrive days late, all at once":
            notices = [replace(first, sent=backlog)]
        case "cancelled before the due time":
            truth.append((soon, replace(order, status="Canceled")))
            notices.append(replace(first, changed=soon, sent=soon, status="Canceled"))
        case "cancelled while the execution runs":
            truth = [(shipped, late(4)), (while_running, replace(late(4), status="Canceled"))]
            notices.append(replace(first, changed=while_running, sent=while_running, status="Canceled"))
        case "cancellation notification arrives before the shipment":
            truth.append((soon, replace(order, status="Canceled")))
            notices = [
                replace(first, changed=soon, sent=soon, status="Canceled"),
                replace(first, sent=soon + timedelta(hours=7)),
            ]
        case "never eligible":
            truth = [(shipped, replace(order, solicited=True))]
    return Plan(kind, order.order_id, order.seller_id, order.marketplace_id, tuple(notices), tuple(truth))
