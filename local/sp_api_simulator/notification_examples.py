"""An example payload for each notification type, with this simulator's own values.

The names of the fields are those of Amazon's schemas (selling-partner-api-models, schemas/notifications), and for
ACCOUNT_STATUS_CHANGED of the SP-API docs, "Notification type values".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sp_api_simulator.clock import notification_timestamp, timestamp
from sp_api_simulator.state import Json, Region, Seller

UNPUBLISHED_TYPES = frozenset({"EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE"})
"""Types whose payload is not published. Their examples have this simulator's own fields."""

ASIN = "B0SIMULATE"
SKU = "KETTLE-1"
ORDER_ID = "902-1000001-1000001"
SHIPMENT_ID = "SHIPMENT1"

_MARKETPLACES = {
    Region.NA: ("ATVPDKIKX0DER", "USD", "US"),
    Region.EU: ("A1PA6795UKMFR9", "EUR", "DE"),
    Region.FE: ("A1VC38T7YXB528", "JPY", "JP"),
}


@dataclass(frozen=True)
class _Facts:
    """What the examples name: the seller, a marketplace of its first region, and times around `now`."""

    seller: Seller
    now: datetime

    @property
    def _marketplace(self) -> tuple[str, str, str]:
        return next(found for region, found in _MARKETPLACES.items() if region in self.seller.regions)

    @property
    def marketplace_id(self) -> str:
        return self._marketplace[0]

    @property
    def currency(self) -> str:
        return self._marketplace[1]

    @property
    def country(self) -> str:
        return self._marketplace[2]

    def time(self, days: float = 0) -> str:
        return notification_timestamp(self.now + timedelta(days=days))

    def hour(self, hours: int) -> str:
        """The start of an hour, counted from the current one."""
        start = self.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=hours)
        return timestamp(start).replace("+00:00", "Z")

    def price(self, amount: float) -> dict[str, Json]:
        return {"Amount": amount, "CurrencyCode": self.currency}

    def small_price(self, amount: float) -> dict[str, Json]:
        """A price of a type whose fields are in camelCase."""
        return {"amount": amount, "currencyCode": self.currency}


def example(notification_type: str, seller: Seller, now: datetime) -> Json:
    """The example payload for a seller. Raises KeyError for a type of which delivery.py makes the payload."""
    return _EXAMPLES[notification_type](_Facts(seller, now))


def _account_status(_: _Facts) -> Json:
    change = {"previousAccountStatus": "NORMAL", "currentAccountStatus": "AT_RISK"}
    return {"accountStatusChangeNotification": change}


def _any_offer(facts: _Facts) -> Json:
    channel = {"Condition": "new", "FulfillmentChannel": "Merchant"}
    prices = {
        "LandedPrice": facts.price(34.9),
        "ListingPrice": facts.price(29.9),
        "Shipping": facts.price(5.0),
    }
    offer = {
        "SellerId": facts.seller.seller_id,
        "SubCondition": "new",
        "SellerFeedbackRating": {"FeedbackCount": 120, "SellerPositiveFeedbackRating": 97},
        "ShippingTime": {
            "MinimumHours": 24,
            "MaximumHours": 48,
            "AvailabilityType": "NOW",
            "AvailableDate": facts.time(),
        },
        "ListingPrice": facts.price(29.9),
        "Points": {"PointsNumber": 0},
        "Shipping": facts.price(5.0),
        "ShipsFrom": {"Country": facts.country, "State": ""},
        "IsFulfilledByAmazon": False,
        "PrimeInformation": {"IsOfferPrime": False, "IsOfferNationalPrime": False},
        "IsExpeditedShippingAvailable": False,
        "IsFeaturedMerchant": True,
        "ShipsDomestically": True,
        "ShipsInternationally": False,
    }
    summary = {
        "NumberOfOffers": [channel | {"OfferCount": 2}],
        "LowestPrices": [channel | prices],
        "BuyBoxPrices": [{"Condition": "new"} | prices],
        "ListPrice": facts.price(39.9),
        "MinimumAdvertisedPrice": facts.price(25.0),
        "SuggestedLowerPricePlusShipping": facts.price(33.9),
        "TotalBuyBoxEligibleOffers": 2,
        "SalesRankings": [{"ProductCategoryId": "kitchen", "Rank": 512}],
        "NumberOfBuyBoxEligibleOffers": [channel | {"OfferCount": 2}],
        "CompetitivePriceThreshold": facts.price(36.0),
    }
    trigger = {
        "MarketplaceId": facts.marketplace_id,
        "ASIN": ASIN,
        "ItemCondition": "new",
        "TimeOfOfferChange": facts.time(),
        "OfferChangeType": "External",
    }
    return {
        "AnyOfferChangedNotification": {
            "SellerId": facts.seller.seller_id,
            "OfferChangeTrigger": trigger,
            "Summary": summary,
            "Offers": [offer],
        }
    }


def _business_offer(facts: _Facts) -> Json:
    counted = [{"Condition": "new", "FulfillmentChannel": "Merchant", "OfferCount": 1}]
    price = {
        "Condition": "new",
        "OfferType": "B2B",
        "QuantityTier": 10,
        "DiscountType": "QUANTITY_DISCOUNT",
        "LandedPrice": facts.price(27.5),
        "ListingPrice": facts.price(27.5),
        "Shipping": facts.price(0.0),
    }
    tier = {
        "QuantityTier": 10,
        "QuantityDiscountType": "QUANTITY_DISCOUNT",
        "ListingPrice": facts.price(27.5),
    }
    offer = {
        "SellerId": facts.seller.seller_id,
        "SubCondition": "new",
        "SellerFeedbackRating": {"FeedbackCount": 120, "SellerPositiveFeedbackRating": 97},
        "ShippingTime": {"MinimumHours": 24, "MaximumHours": 48, "AvailabilityType": "NOW"},
        "ListingPrice": facts.price(29.9),
        "QuantityDiscountPrice": [tier],
        "Shipping": facts.price(0.0),
        "ShipsFrom": {"Country": facts.country},
        "IsFulfilledByAmazon": False,
        "IsBuyBoxWinner": True,
        "PrimeInformation": {"IsPrime": False, "IsNationalPrime": False},
        "IsFeaturedMerchant": True,
    }
    trigger = {
        "MarketplaceId": facts.marketplace_id,
        "ASIN": ASIN,
        "ItemCondition": "new",
        "TimeOfOfferChange": facts.time(),
    }
    return {
        "B2BAnyOfferChangedNotification": {
            "SellerId": facts.seller.seller_id,
            "OfferChangeTrigger": trigger,
            "Summary": {
                "NumberOfOffers": counted,
                "BuyBoxEligibleOffers": counted,
                "LowestPrices": [price | {"FulfillmentChannel": "Merchant"}],
                "BuyBoxPrices": [price | {"SellerId": facts.seller.seller_id}],
            },
            "Offers": [offer],
        }
    }


def _branded_content(facts: _Facts) -> Json:
    return {
        "MarketplaceId": facts.marketplace_id,
        "BrandName": "Simulated Kettles",
        "Asin": ASIN,
        "AttributesChanged": ["item_name", "bullet_point"],
    }


def _data_kiosk(facts: _Facts) -> Json:
    return {
        "accountId": facts.seller.account_id,
        "queryId": "50000000001",
        "query": "query{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate{startDate}}}",
        "processingStatus": "DONE",
        "dataDocumentId": "amzn1.tortuga.4.na.00000000-0000-4000-8000-000000000001.T0000000000001",
    }


def _hourly(facts: _Facts) -> dict[str, Json]:
    """What the events of one hour have in common."""
    return {
        "accountId": facts.seller.account_id,
        "marketplaceId": facts.marketplace_id,
        "startTime": facts.hour(-1),
        "endTime": facts.hour(0),
        "asin": ASIN,
    }


def _page_traffic(facts: _Facts) -> Json:
    return {"detailPageTrafficEvents": [_hourly(facts) | {"glanceViews": 17}]}


def _item_inventory(facts: _Facts) -> Json:
    return {"itemInventoryEventChanges": [_hourly(facts) | {"highlyAvailableInventory": 80}]}


def _item_sales(facts: _Facts) -> Json:
    sales = {"currencyCode": facts.currency, "orderedUnits": 3, "orderedRevenue": 89.7}
    return {"itemSalesEventChanges": [_hourly(facts) | sales]}


def _external_shipment(facts: _Facts) -> Json:
    return {
        "SellerId": facts.seller.seller_id,
        "LocationId": "LOCATION1",
        "ShipmentId": SHIPMENT_ID,
        "ShipmentStatus": "CONFIRMED",
    }


def _fba_inventory(facts: _Facts) -> Json:
    inventory = {
        "InboundQuantityBreakdown": {"Working": 0, "Shipped": 20, "Receiving": 0},
        "Fulfillable": 80,
        "Unfulfillable": 1,
        "Researching": 0,
        "ReservedQuantityBreakdown": {"WarehouseProcessing": 0, "WarehouseTransfer": 0, "PendingCustomerOrder": 2},
        "FutureSupplyBuyable": 0,
        "PendingCustomerOrderInTransit": 0,
    }
    marketplace = {
        "MarketplaceId": facts.marketplace_id,
        "ItemName": "Simulated kettle",
        "FulfillmentInventory": inventory,
        "Stores": [],
    }
    return {
        "SellerId": facts.seller.seller_id,
        "FNSKU": "X000SIMULA",
        "ASIN": ASIN,
        "SKU": SKU,
        "FulfillmentInventoryByMarketplace": [marketplace],
    }


def _fba_shipment(facts: _Facts) -> Json:
    return {
        "FBAOutboundShipmentStatusNotification": {
            "SellerId": facts.seller.seller_id,
            "AmazonOrderId": ORDER_ID,
            "AmazonShipmentId": SHIPMENT_ID,
            "ShipmentStatus": "Created",
        }
    }


def _fee_promotion(facts: _Facts) -> Json:
    fee: dict[str, Json] = {
        "FeeType": "ReferralFee",
        "FeeAmount": facts.price(4),
        "TaxAmount": facts.price(0),
        "FeePromotion": facts.price(1),
        "FinalFee": facts.price(3),
    }
    information = {
        "FeeType": "ReferralFee",
        "FeeDiscountType": "Percentage",
        "FeeDiscountValue": 25.0,
        "PriceThreshold": facts.price(20),
        "FeeDiscountMonetaryAmount": facts.price(1),
        "FeesEstimate": {
            "TimeOfFeesEstimated": facts.time(),
            "TotalFeesEstimate": facts.price(3),
            "FeeDetails": [fee | {"IncludedFees": [fee]}],
        },
    }
    value = {"IdentifierValueId": ASIN, "IdentifierValueFriendlyName": "Simulated kettle"}
    return {
        "FeePromotionNotification": {
            "MerchantId": facts.seller.seller_id,
            "MarketplaceId": facts.marketplace_id,
            "FeePromotionType": "ReferralFeeDiscount",
            "FeePromotionTypeDescription": "A lower referral fee",
            "PromotionActiveTimeRange": {
                "EffectiveFromDate": facts.time(),
                "EffectiveThroughDate": facts.time(days=30),
            },
            "Identifiers": [{"IdentifierType": "ASIN", "IdentifierValues": [value]}],
            "PromotionInformation": [information],
        }
    }


def _fulfillment_order(facts: _Facts) -> Json:
    package = {"PackageNumber": 1, "CarrierCode": "SIMULATED", "TrackingNumber": "TRACKING1"}
    return {
        "FulfillmentOrderStatusNotification": {
            "SellerId": facts.seller.seller_id,
            "EventType": "Shipment",
            "StatusUpdatedDateTime": facts.time(),
            "SellerFulfillmentOrderId": "FULFILLMENT-1",
            "FulfillmentOrderStatus": "PROCESSING",
            "FulfillmentShipment": {
                "FulfillmentShipmentStatus": "SHIPPED",
                "AmazonShipmentId": SHIPMENT_ID,
                "EstimatedArrivalDateTime": facts.time(days=2),
                # The schema requires it beside the list, in this case.
                "info": package,
                "FulfillmentShipmentPackages": [package],
            },
            "FulfillmentReturnItem": {
                "ReceivedDateTime": facts.time(),
                "ReturnedQuantity": 1,
                "SellerSKU": SKU,
            },
        }
    }


def _product_type_of_item(facts: _Facts) -> Json:
    return {
        "MarketplaceId": facts.marketplace_id,
        "Asin": ASIN,
        "PreviousProductType": "KITCHEN",
        "CurrentProductType": "TEA_KETTLE",
    }


def _listing(facts: _Facts) -> dict[str, Json]:
    return {
        "SellerId": facts.seller.seller_id,
        "MarketplaceId": facts.marketplace_id,
        "Asin": ASIN,
        "Sku": SKU,
    }


def _listing_issues(facts: _Facts) -> Json:
    return _listing(facts) | {"Severities": ["ERROR"], "EnforcementActions": ["SEARCH_SUPPRESSED"]}


def _listing_status(facts: _Facts) -> Json:
    return _listing(facts) | {"CreatedDate": facts.time(days=-1), "Status": ["BUYABLE", "DISCOVERABLE"]}


def _merchant_quantity(facts: _Facts) -> Json:
    return {
        "SellerId": facts.seller.seller_id,
        "FulfillmentChannelCode": "DEFAULT",
        "Sku": SKU,
        "Quantity": 80,
    }


def _order_change(facts: _Facts) -> Json:
    item = {
        "OrderItemId": "10000000000001",
        "SellerSKU": SKU,
        "SupplySourceId": None,
        "OrderItemStatus": "Unshipped",
        "Quantity": 1,
        "QuantityShipped": 0,
    }
    summary = {
        "MarketplaceId": facts.marketplace_id,
        "OrderStatus": "Unshipped",
        "PurchaseDate": facts.time(days=-0.1),
        "DestinationPostalCode": None,
        "FulfillmentType": "MFN",
        "OrderType": "StandardOrder",
        "NumberOfItemsShipped": 0,
        "NumberOfItemsUnshipped": 1,
        "EarliestDeliveryDate": facts.time(days=2),
        "LatestDeliveryDate": facts.time(days=4),
        "EarliestShipDate": facts.time(days=1),
        "LatestShipDate": facts.time(days=2),
        "OrderPrograms": [],
        "ShippingPrograms": [],
        "OrderItems": [item],
    }
    return {
        "OrderChangeNotification": {
            "NotificationLevel": "OrderLevel",
            "SellerId": facts.seller.seller_id,
            "AmazonOrderId": ORDER_ID,
            "OrderChangeType": "OrderStatusChange",
            "OrderChangeTrigger": {"TimeOfOrderChange": facts.time(), "ChangeReason": "Order status change"},
            "Summary": summary,
        }
    }


def _pricing_health(facts: _Facts) -> Json:
    channel: dict[str, Json] = {"condition": "new", "fulfillmentType": "MFN"}
    prices = {
        "landedPrice": facts.small_price(59.9),
        "listingPrice": facts.small_price(54.9),
        "shipping": facts.small_price(5.0),
    }
    return {
        "issueType": "BuyBoxDisqualification",
        "sellerId": facts.seller.seller_id,
        "offerChangeTrigger": {
            "marketplaceId": facts.marketplace_id,
            "asin": ASIN,
            "itemCondition": "new",
            "timeOfOfferChange": facts.time(),
        },
        "merchantOffer": channel | prices,
        "summary": {
            "numberOfOffers": [channel | {"offerCount": 2}],
            "buyBoxEligibleOffers": [channel | {"offerCount": 1}],
            "buyBoxPrices": [{"condition": "new"} | prices],
            "salesRankings": [{"productCategoryId": "kitchen", "rank": 512}],
            "referencePrice": {"competitivePriceThreshold": facts.small_price(36.0)},
        },
    }


def _product_type_definitions(facts: _Facts) -> Json:
    return {
        "AccountId": facts.seller.account_id,
        "MarketplaceId": facts.marketplace_id,
        "ProductTypeVersion": "simulated-version-1",
        "NewProductTypes": ["TEA_KETTLE"],
    }


def _tracking_milestone(facts: _Facts) -> Json:
    delivered = {
        "status": {"code": "DELIVERED", "description": "The shipment was delivered"},
        "location": {"address": {"city": "Example", "countryCode": facts.country}},
        "occurredAt": facts.hour(-1),
    }
    shipped = {
        "status": {"code": "SHIPPED", "description": "The shipment has left its origin"},
        "occurredAt": facts.hour(-30),
    }
    estimate = {
        "type": "ESTIMATED_DELIVERY_DATE",
        "estimatedInterval": {"startTime": facts.hour(-2), "endTime": facts.hour(2)},
        "lastUpdatedTime": facts.hour(-30),
    }
    detail = {
        "identifier": {"aftn": "TRACKING1"},
        "latestMilestone": delivered,
        "milestoneHistory": [delivered, shipped],
        "trackingEstimates": [estimate],
        "trackingUrl": "https://example.com/track?id=TRACKING1",
    }
    return {"shipmentTrackingMilestoneChangedNotification": {"trackingDetail": detail}}


def _transaction(facts: _Facts) -> Json:
    return {
        "TransactionUpdateNotification": {
            "SellingPartnerMetadata": {
                "SellingPartnerId": facts.seller.seller_id,
                "MarketplaceId": facts.marketplace_id,
                "AccountType": "PAYABLE",
            },
            "RelatedIdentifiers": [{"RelatedIdentifierName": "OrderId", "RelatedIdentifierValue": ORDER_ID}],
            "TransactionType": "Shipment",
            "PostedDate": facts.time(),
            "TotalAmount": {"CurrencyAmount": 25.4, "CurrencyCode": facts.currency},
        }
    }


_EXAMPLES: Mapping[str, Callable[[_Facts], Any]] = {
    "ACCOUNT_STATUS_CHANGED": _account_status,
    "ANY_OFFER_CHANGED": _any_offer,
    "B2B_ANY_OFFER_CHANGED": _business_offer,
    "BRANDED_ITEM_CONTENT_CHANGE": _branded_content,
    "DATA_KIOSK_QUERY_PROCESSING_FINISHED": _data_kiosk,
    "DETAIL_PAGE_TRAFFIC_EVENT": _page_traffic,
    "EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE": _external_shipment,
    "FBA_INVENTORY_AVAILABILITY_CHANGES": _fba_inventory,
    "FBA_OUTBOUND_SHIPMENT_STATUS": _fba_shipment,
    "FEE_PROMOTION": _fee_promotion,
    "FULFILLMENT_ORDER_STATUS": _fulfillment_order,
    "ITEM_INVENTORY_EVENT_CHANGE": _item_inventory,
    "ITEM_PRODUCT_TYPE_CHANGE": _product_type_of_item,
    "ITEM_SALES_EVENT_CHANGE": _item_sales,
    "LISTINGS_ITEM_ISSUES_CHANGE": _listing_issues,
    "LISTINGS_ITEM_MFN_QUANTITY_CHANGE": _merchant_quantity,
    "LISTINGS_ITEM_STATUS_CHANGE": _listing_status,
    "ORDER_CHANGE": _order_change,
    "PRICING_HEALTH": _pricing_health,
    "PRODUCT_TYPE_DEFINITIONS_CHANGE": _product_type_definitions,
    "SHIPMENT_TRACKING_MILESTONE_CHANGED": _tracking_milestone,
    "TRANSACTION_UPDATE": _transaction,
}
"""By type, without the two that tell the end of a report or a feed."""
