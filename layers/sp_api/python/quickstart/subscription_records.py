"""Which seller and region a subscription belongs to: some notifications name neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quickstart.dynamodb import Table
from sp_api.regions import Region

_INDEX = "SubscriptionIdIndex"
_PREFIX = "SUBSCRIPTION#"


@dataclass(frozen=True)
class SubscriptionRecord:
    """One subscription as SP-API knows it, and whose it is."""

    seller_id: str
    region: Region
    notification_type: str
    subscription_id: str
    destination_id: str
    payload_version: str


@dataclass(frozen=True)
class SubscriptionRecords:
    """The subscriptions in the SellingPartners table, found again by subscription id or by seller."""

    table: Table

    def store(self, record: SubscriptionRecord) -> None:
        """Writes the record in place of an earlier one for the same seller, region, type and payload version."""
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
        """The record of this subscription id, None when this stack did not make the subscription."""
        found = self.table.query("SubscriptionId", subscription_id, index=_INDEX)
        return _record(found[0]) if found else None

    def of_seller(
        self, seller_id: str, region: Region | None = None, notification_type: str = ""
    ) -> tuple[SubscriptionRecord, ...]:
        """The seller's records, in one region and of one type where these are given."""
        prefix = _PREFIX + (f"{region}#" if region else "")
        found = (_record(item) for item in self.table.query("SellerId", seller_id, starts_with=("Item", prefix)))
        return tuple(record for record in found if notification_type in ("", record.notification_type))

    def remove(self, record: SubscriptionRecord) -> None:
        """Forgets the record; one that is not there is as good."""
        self.table.delete(_key(record))


def _key(record: SubscriptionRecord) -> Mapping[str, str]:
    item = f"{_PREFIX}{record.region}#{record.notification_type}#{record.payload_version}"
    return {"SellerId": record.seller_id, "Item": item}


def _record(item: Mapping[str, Any]) -> SubscriptionRecord:
    return SubscriptionRecord(
        seller_id=item["SellerId"],
        region=Region(item["RegionCode"]),
        notification_type=item["NotificationType"],
        subscription_id=item["SubscriptionId"],
        destination_id=item["DestinationId"],
        payload_version=item["PayloadVersion"],
    )
