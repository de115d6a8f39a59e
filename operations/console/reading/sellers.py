"""Sellers: their connections and subscriptions, from the SellingPartners table. Refresh tokens are never read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operations.api import Api, RefusedError
from operations.console.console import Console, output
from quickstart.authorization.connections import Connection, ConnectionState
from quickstart.dynamodb import DamagedItemError, Item, unmarshal
from quickstart.token_vault import ANY_REGION, ITEM_PREFIX
from sp_api.regions import Region

SUBSCRIPTION = "SUBSCRIPTION#"
# Everything that a page shows: without the token, which is encrypted in the attribute Ciphertext.
_SHOWN = (
    "SellerId", "Item", "StoredAt", "WorkedAt", "ReconnectSince", "PartyType", "ConsentedAt", "AuthorizationId",
    "HostReference", "NoticeDays", "NotificationType", "PayloadVersion", "SubscriptionId", "RegionCode",
)  # fmt: skip
_KEPT_SECONDS = 20.0
_KINDS: Mapping[ConnectionState, str] = {
    ConnectionState.CONNECTED: "good",
    ConnectionState.RENEW_SOON: "waiting",
    ConnectionState.RECONNECT_NEEDED: "bad",
}


@dataclass(frozen=True)
class Subscription:
    """What the stack has recorded of a subscription at SP-API."""

    region: str
    notification_type: str
    payload_version: str
    subscription_id: str


@dataclass(frozen=True)
class Seller:
    """A selling partner of the stack. `damaged` says what is wrong with items that cannot be read."""

    seller_id: str
    connections: Sequence[Connection]
    subscriptions: Sequence[Subscription]
    damaged: Sequence[str]

    @property
    def regions(self) -> list[str]:
        """In which requests can be sent for the seller: those of its tokens and subscriptions."""
        codes = {connection.region_code for connection in self.connections}
        codes |= {each.region for each in self.subscriptions}
        return [str(region) for region in Region if str(region) in codes or ANY_REGION in codes]

    def worst(self, now: datetime) -> tuple[str, str]:
        """The state of the connection that needs most care, and its kind."""
        order = list(_KINDS)
        states = [connection.state(now) for connection in self.connections]
        if self.damaged:
            return "unreadable record", "bad"
        if not states:
            return "no token", "bad"
        state = max(states, key=order.index)
        return str(state), _KINDS[state]


def kind_of(connection: Connection, now: datetime) -> str:
    return _KINDS[connection.state(now)]


def sellers(console: Console) -> list[Seller]:
    """All sellers by their id. Read at most every few seconds. Raises what AWS raises."""
    return console.remembered("sellers", _KEPT_SECONDS, lambda: _scan(console))


def known_sellers(console: Console) -> list[str]:
    return [seller.seller_id for seller in sellers(console)]


def find_seller(console: Console, seller_id: str) -> Seller | None:
    """Read now. Raises what AWS raises."""
    pages = (
        _client(console)
        .get_paginator("query")
        .paginate(
            **_projected(console),
            KeyConditionExpression="SellerId = :seller",
            ExpressionAttributeValues={":seller": {"S": seller_id}},
            ConsistentRead=True,
        )
    )
    items = [unmarshal(item) for page in pages for item in page["Items"]]
    return _seller(seller_id, items) if items else None


def _scan(console: Console) -> list[Seller]:
    pages = _client(console).get_paginator("scan").paginate(**_projected(console))
    items: dict[str, list[Item]] = {}
    for page in pages:
        for item in map(unmarshal, page["Items"]):
            items.setdefault(str(item["SellerId"]), []).append(item)
    return [_seller(name, items[name]) for name in sorted(items) if name != "*"]


def _client(console: Console) -> Any:
    return console.stack.client("dynamodb")


def _projected(console: Console) -> Mapping[str, Any]:
    names = {f"#a{place}": name for place, name in enumerate(_SHOWN)}
    return {
        "TableName": output(console.stack, "SellingPartnersTableName"),
        "ProjectionExpression": ", ".join(names),
        "ExpressionAttributeNames": names,
    }


def _seller(seller_id: str, items: Sequence[Item]) -> Seller:
    connections: list[Connection] = []
    damaged: list[str] = []
    subscriptions: list[Subscription] = []
    for item in items:
        name = str(item["Item"])
        if name.startswith(ITEM_PREFIX):
            try:
                connections.append(Connection.from_item(item))
            except DamagedItemError as error:
                damaged.append(str(error))
        elif name.startswith(SUBSCRIPTION):
            fields = ("RegionCode", "NotificationType", "PayloadVersion", "SubscriptionId")
            subscriptions.append(Subscription(*(str(item.get(field) or "") for field in fields)))
    return Seller(seller_id, connections, subscriptions, damaged)


@dataclass(frozen=True)
class Compared:
    """GET /notifications: each subscription with its state, and why other types could not be compared."""

    subscriptions: Sequence[Mapping[str, str]]
    not_compared: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Schedule:
    """A report schedule at SP-API. `next_time` is ISO 8601."""

    schedule_id: str
    report_type: str
    marketplaces: Sequence[str]
    period: str
    next_time: str


COMPARISON: Mapping[str, tuple[str, str]] = {
    "Subscribed": ("good", "the stack has recorded it, and SP-API has it"),
    "NotRecorded": ("waiting", "SP-API has it, but the stack has no record: another program created it"),
    "Gone": ("bad", "the stack has recorded it, but SP-API no longer has it: subscribe again"),
    "NotCompared": ("waiting", "the stack has recorded it, but could not ask SP-API about it"),
}


def compare_subscriptions(console: Console, seller_id: str, region: str) -> Compared:
    """Asks the stack's API, which asks SP-API. Raises RefusedError and CommandError."""
    answer = Api(console.stack, attempts=1).send(
        "GET", "NotificationsSubscriberUrl", SellerId=seller_id, RegionCode=region
    )
    fields = ("notificationType", "state", "payloadVersion", "subscriptionId")
    return Compared(
        [{field: str(each.get(field) or "") for field in fields} for each in answer.get("subscriptions", [])],
        [(str(each.get("notificationType")), str(each.get("reason"))) for each in answer.get("notCompared", [])],
    )


# GET /schedules accepts this many.
MOST_TYPES = 10


def read_schedules(console: Console, seller_id: str, region: str, report_types: Sequence[str]) -> list[Schedule]:
    """Asks the stack's API about at most MOST_TYPES, which asks SP-API. Raises RefusedError and CommandError."""
    if not report_types:
        return []
    answer = Api(console.stack, attempts=1).send(
        "GET",
        "ReportSchedulesUrl",
        SellerId=seller_id,
        RegionCode=region,
        ReportTypes=",".join(report_types),
    )
    return [
        Schedule(
            str(each.get("reportScheduleId") or ""),
            str(each.get("reportType") or ""),
            [str(marketplace) for marketplace in each.get("marketplaceIds") or ()],
            str(each.get("period") or ""),
            str(each.get("nextReportCreationTime") or ""),
        )
        for each in answer.get("reportSchedules", [])
    ]


def refused_because_subscribed_elsewhere(error: RefusedError) -> bool:
    """Whether the seller has another subscription of the type, which only Replace deletes."""
    return "SubscriptionConflict" in error.codes
