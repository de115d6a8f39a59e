"""Amazon's example of each notification type: from newer schemas where there are any, else from an npm package."""

import json
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

from deployment import REPOSITORY

_NEWER = REPOSITORY.parent / "shared/sp-api/notifications"
_PACKAGE = "const all = require('@sp-api-sdk/schemas').Notifications; console.log(JSON.stringify(Object.values(all)))"

Json = dict[str, Any]

# Types whose schema holds no example, or that have no published schema: what their documentation shows.
_DOCUMENTED: dict[str, Json] = {
    "ACCOUNT_STATUS_CHANGED": {
        "accountStatusChangeNotification": {"previousAccountStatus": "NORMAL", "currentAccountStatus": "AT_RISK"}
    },
    "EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE": {
        "externalFulfillmentShipmentNotification": {
            "merchantId": "A3TH9S8BH6GOGM",
            "locationId": "d7679e14-031b-4ab3-a81b-ec4fc7a460b3",
            "channelName": "AMAZON_IN",
            "shipmentId": "SHIPMENT-1",
            "shipmentStatus": "ACCEPTED",
        }
    },
    "B2B_ANY_OFFER_CHANGED": {
        "B2BAnyOfferChangedNotification": {
            "SellerId": "A3TH9S8BH6GOGM",
            "OfferChangeTrigger": {
                "MarketplaceId": "ATVPDKIKX0DER",
                "ASIN": "B00001ABCD",
                "ItemCondition": "New",
                "TimeOfOfferChange": "2020-07-13T19:42:04.284Z",
            },
            "Summary": {"NumberOfOffers": [], "BuyBoxEligibleOffers": []},
            "Offers": [],
        }
    },
}


@cache
def official_examples() -> dict[str, Json]:
    """A whole notification by type."""
    found: dict[str, Json] = {}
    for schema in _schemas():
        for example in schema.get("examples", []):
            name = example.get("notificationType") or example.get("NotificationType")
            found.setdefault(name, example)
        properties = schema.get("properties", {})
        for name in properties.get("NotificationType", {}).get("enum", []):
            # FBA_INVENTORY_AVAILABILITY_CHANGES has an example of its payload alone.
            found.setdefault(name, _envelope(name, "1.0", properties["Payload"]["examples"][0], pascal=True))
    for name, payload in _DOCUMENTED.items():
        version = "2021-01-01" if name == "ACCOUNT_STATUS_CHANGED" else "1.0"
        found.setdefault(name, _envelope(name, version, payload, pascal=name.startswith("B2B")))
    return found


def _schemas() -> Iterator[Json]:
    if _NEWER.is_dir():
        yield from (json.loads(path.read_text()) for path in sorted(_NEWER.glob("*.json")))
    done = subprocess.run(["node", "-e", _PACKAGE], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    yield from json.loads(done.stdout)


def _envelope(name: str, version: str, payload: Json, *, pascal: bool) -> Json:
    metadata = {
        "applicationId": "amzn1.sp.solution.1",
        "subscriptionId": "subscription-1",
        "publishTime": "2020-07-13T19:42:05.284Z",
        "notificationId": "d0e9e693-c3ad-4373-979f-ed4ec98dd746",
    }
    envelope: Json = {
        "notificationVersion": "1.0",
        "notificationType": name,
        "payloadVersion": version,
        "eventTime": "2020-07-13T19:42:04.284Z",
        "payload": payload,
        "notificationMetadata": metadata,
    }
    if not pascal:
        return envelope
    envelope["notificationMetadata"] = {key[:1].upper() + key[1:]: value for key, value in metadata.items()}
    return {key[:1].upper() + key[1:]: value for key, value in envelope.items()}
