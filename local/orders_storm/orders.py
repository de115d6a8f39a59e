"""The orders of a storm: what SP-API tells about each, and what is true of it at Amazon."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sp_api_simulator.state import Order

DAY = timedelta(days=1)
MARKETPLACES = ("ATVPDKIKX0DER", "A1F83G8C2ARO7P", "A1VC38T7YXB528")

# Share of each kind, in hundredths; what is left is on time.
KINDS = {
    "delivered two days late, eligible on the third ask": 8,
    "delivery date moved later": 6,
    "delivery date moved earlier": 3,
    "delivery date moved later while the workflow runs": 3,
    "notification without delivery dates": 4,
    "heard of days too late, all at once": 4,
    "cancelled before its time": 5,
    "cancelled while the workflow runs": 3,
    "cancellation heard of before the shipment": 2,
    "never eligible": 4,
}
ON_TIME = "on time"
NOT_ELIGIBLE = ("cancelled before its time", "cancellation heard of before the shipment", "never eligible")
CANCELLED_UNDER_WAY = "cancelled while the workflow runs"


@dataclass(frozen=True)
class Notice:
    """One ORDER_CHANGE: when the order changed, when SP-API tells so, and what it tells."""

    changed: datetime
    told: datetime
    status: str
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True)
class Plan:
    """One order. `truth` is what the order is at Amazon, from which moment on."""

    kind: str
    order_id: str
    seller_id: str
    marketplace_id: str
    notices: tuple[Notice, ...]
    truth: tuple[tuple[datetime, Order], ...]

    @property
    def eligible(self) -> bool:
        return self.kind not in (*NOT_ELIGIBLE, CANCELLED_UNDER_WAY)

    def body(self, notice: Notice) -> str:
        """The notification as SP-API sends it, one of several ways to write a time."""
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
    """So many orders, shipped within two days."""
    kinds = [kind for kind, share in KINDS.items() for _ in range(share)]
    kinds += [ON_TIME] * (100 - len(kinds))
    for number in range(count):
        # Each kind has its share even among few orders.
        kind = kinds[number * 37 % 100]
        # A third of the orders are one seller's.
        seller = 0 if number % 3 == 0 else number % sellers
        shipped = begin + timedelta(seconds=round(chance.uniform(0, 2 * 86400)))
        # Carriers promise days, so that the orders of a day fall due together.
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
            # After every due time: what is heard of then starts at once, and uses up the sellers' quotas.
            begin + 9.5 * DAY,
            chance,
        )


def _plan(kind: str, order: Order, shipped: datetime, backlog: datetime, chance: random.Random) -> Plan:
    earliest, latest = order.earliest_delivery, order.latest_delivery
    first = Notice(shipped, shipped, "Shipped", earliest, latest)
    notices, truth = [first], [(shipped, order)]
    soon = shipped + timedelta(hours=chance.uniform(8, 20))
    under_way = earliest + 5 * DAY + timedelta(hours=chance.uniform(3, 20))

    def moved(days: int, when: datetime) -> None:
        at = replace(order, earliest_delivery=earliest + days * DAY, latest_delivery=latest + days * DAY)
        truth.append((when, at))
        notices.append(Notice(when, when, "Shipped", at.earliest_delivery, at.latest_delivery))

    def late(days: int) -> Order:
        return replace(order, earliest_delivery=earliest + days * DAY, latest_delivery=latest + days * DAY)

    match kind:
        case "delivered two days late, eligible on the third ask":
            truth = [(shipped, late(2))]
        case "delivery date moved later":
            moved(2, soon)
        case "delivery date moved earlier":
            moved(-1, soon)
        case "delivery date moved later while the workflow runs":
            truth = [(shipped, late(3))]
            moved(3, under_way)
        case "notification without delivery dates":
            notices = [replace(first, earliest=None, latest=None)]
        case "heard of days too late, all at once":
            notices = [replace(first, told=backlog)]
        case "cancelled before its time":
            truth.append((soon, replace(order, status="Canceled")))
            notices.append(replace(first, changed=soon, told=soon, status="Canceled"))
        case "cancelled while the workflow runs":
            truth = [(shipped, late(4)), (under_way, replace(late(4), status="Canceled"))]
            notices.append(replace(first, changed=under_way, told=under_way, status="Canceled"))
        case "cancellation heard of before the shipment":
            truth.append((soon, replace(order, status="Canceled")))
            notices = [
                replace(first, changed=soon, told=soon, status="Canceled"),
                replace(first, told=soon + timedelta(hours=7)),
            ]
        case "never eligible":
            truth = [(shipped, replace(order, solicited=True))]
    return Plan(kind, order.order_id, order.seller_id, order.marketplace_id, tuple(notices), tuple(truth))
