"""Which seller and region a subscription belongs to: some notifications name neither."""

from dataclasses import dataclass

from quickstart.dynamodb import Table
from sp_api.regions import Region

_INDEX = "SubscriptionIdIndex"


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
    """The subscriptions in the SellingPartners table, found again by subscription id."""

    table: Table

    def store(self, record: SubscriptionRecord) -> None:
        """Writes the record in place of an earlier one for the same seller, region and notification type."""
        self.table.put(
            {
                "SellerId": record.seller_id,
                "Item": f"SUBSCRIPTION#{record.region}#{record.notification_type}",
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
        if not found:
            return None
        item = found[0]
        return SubscriptionRecord(
            seller_id=item["SellerId"],
            region=Region(item["RegionCode"]),
            notification_type=item["NotificationType"],
            subscription_id=item["SubscriptionId"],
            destination_id=item["DestinationId"],
            payload_version=item["PayloadVersion"],
        )
