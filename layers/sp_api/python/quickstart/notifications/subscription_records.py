"""Records the seller and region of each subscription, because some notifications name neither."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstart.dynamodb import Table, reading_item
from quickstart.remembered import KEPT_SECONDS
from sp_api.least_recently_used import LeastRecentlyUsed
from sp_api.regions import Region
from sp_api.wire import text

if TYPE_CHECKING:
    from sp_api.notifications import Subscription

_INDEX = "SubscriptionIdIndex"
_PREFIX = "SUBSCRIPTION#"


@dataclass(frozen=True)
class SubscriptionRecord:
    """One subscription at SP-API, with its seller and region."""

    seller_id: str
    region: Region
    notification_type: str
    subscription_id: str
    destination_id: str
    payload_version: str


@dataclass(frozen=True)
class SubscriptionRecords:
    """The subscriptions in the SellingPartners table, found by subscription id or by seller."""

    table: Table

    def store(self, record: SubscriptionRecord) -> None:
        """Writes the record; it replaces an earlier one for the same seller, region, type and payload version."""
        self.table.put(
            {
                **_key(record),
                "RegionCode": str(record.region),
                "NotificationType": record.notification_type,
                "SubscriptionId": record.subscription_id,
                "DestinationId": record.destination_id,
                "PayloadVersion": record.payload_version,
            }
        )

    def find(self, subscription_id: str) -> SubscriptionRecord | None:
        """The record of this subscription id; None when this stack did not create the subscription, or it is empty."""
        if not subscription_id:
            # DynamoDB accepts no empty key.
            return None
        found = self.table.query("SubscriptionId", subscription_id, index=_INDEX)
        return _record(found[0]) if found else None

    def of_seller(
        self, seller_id: str, region: Region | None = None, notification_type: str = ""
    ) -> tuple[SubscriptionRecord, ...]:
        """The seller's records, limited to a region and a type when given."""
        prefix = _PREFIX + (f"{region}#" if region else "")
        found = (_record(item) for item in self.table.query("SellerId", seller_id, starts_with=("Item", prefix)))
        return tuple(record for record in found if notification_type in ("", record.notification_type))

    def remove(self, record: SubscriptionRecord) -> None:
        """Deletes the record, if there is one."""
        self.table.delete(_key(record))


class KnownSubscriptions:
    """Finds subscriptions by their id, and remembers those that it found: each has one seller and region for ever.

    For five minutes only, so that a subscription that is gone is soon unknown.
    """

    def __init__(self, table: Table, clock: Callable[[], float] = time.monotonic) -> None:
        self._records, self._clock = SubscriptionRecords(table), clock
        self._found: LeastRecentlyUsed[str, tuple[float, SubscriptionRecord]] = LeastRecentlyUsed()

    def find(self, subscription_id: str) -> SubscriptionRecord | None:
        """As `SubscriptionRecords.find`."""
        known = self._found.get(subscription_id)
        if known is not None and self._clock() - known[0] < KEPT_SECONDS:
            return known[1]
        found = self._records.find(subscription_id)
        if found is not None:
            self._found.put(subscription_id, (self._clock(), found))
        return found


def record_of(
    seller_id: str, region: Region, notification_type: str, subscription: "Subscription"
) -> SubscriptionRecord:
    """The record of a subscription at SP-API."""
    return SubscriptionRecord(
        seller_id=seller_id,
        region=region,
        notification_type=notification_type,
        subscription_id=subscription.subscription_id,
        destination_id=subscription.destination_id,
        payload_version=subscription.payload_version,
    )


def _key(record: SubscriptionRecord) -> Mapping[str, str]:
    item = f"{_PREFIX}{record.region}#{record.notification_type}#{record.payload_version}"
    return {"SellerId": record.seller_id, "Item": item}


def _record(item: Mapping[str, Any]) -> SubscriptionRecord:
    with reading_item(f"{item.get('Item')} of {item.get('SellerId')}"):
        return SubscriptionRecord(
            seller_id=text(item, "SellerId"),
            region=Region(text(item, "RegionCode")),
            notification_type=text(item, "NotificationType"),
            subscription_id=text(item, "SubscriptionId"),
            destination_id=text(item, "DestinationId"),
            payload_version=text(item, "PayloadVersion"),
        )
