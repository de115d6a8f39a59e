"""What the tests of feeds share: files, uploads, and what became of them."""

import json
from collections.abc import Iterable
from typing import Any

import requests

from deployment import Deployment
from tests.end_to_end.host import HostProduct, Seller, eventually, queue_on_bus
from tests.end_to_end.listing_helpers import FRANCE, SUITCASE
from tests.waiting import SECONDS

Json = dict[str, Any]


def message(sku: str, **fields: Any) -> Json:
    """A line of a file: it creates a suitcase."""
    return {"sku": sku, "operationType": "UPDATE", "productType": "LUGGAGE", "attributes": SUITCASE, **fields}


def lines(messages: Iterable[Json]) -> bytes:
    """A file in JSON Lines."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in messages)


def request_feed(host: HostProduct, seller: Seller, status: int = 200, **fields: Any) -> Json:
    """The answer to a POST /listings/feeds."""
    body = {"SellerId": seller.seller_id, "RegionCode": "EU", "MarketplaceIds": [FRANCE], **fields}
    answer = host.send("ListingFeedsUrl", body)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def put(upload: Json, content: bytes, **headers: str) -> requests.Response:
    """Uploads a file as the answer says."""
    return requests.request(
        upload["method"], upload["url"], data=content, headers={**upload["headers"], **headers}, timeout=SECONDS
    )


def send_file(host: HostProduct, seller: Seller, content: bytes, **fields: Any) -> str:
    """Requests a feed and uploads its file; returns the id."""
    requested = request_feed(host, seller, **fields)
    answer = put(requested["upload"], content)
    assert answer.status_code == 200, answer.text
    return str(requested["feedRequestId"])


def show(host: HostProduct, seller: Seller, feed_request_id: str, **query: Any) -> Json:
    """The answer to a GET of the feed."""
    answer = host.get("ListingFeedsUrl", f"/{feed_request_id}", SellerId=seller.seller_id, **query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def ended(host: HostProduct, seller: Seller, feed_request_id: str, seconds: float = SECONDS, **query: Any) -> Json:
    """The feed once its final state is announced."""

    def look() -> Json | None:
        found = show(host, seller, feed_request_id, **query)
        return found if found["final"] and "announcedTime" in found else None

    return eventually(look, f"the end of feed {feed_request_id}", seconds)


def in_state(host: HostProduct, seller: Seller, feed_request_id: str, *states: str) -> Json:
    """The feed once it is in one of these states."""

    def look() -> Json | None:
        found = show(host, seller, feed_request_id)
        return found if found["status"] in states else None

    return eventually(look, f"{states} of feed {feed_request_id}")


def subscribe_feeds(host: HostProduct, seller: Seller) -> None:
    """SP-API tells the stack of the seller's finished feeds."""
    body = {"SellerId": seller.seller_id, "RegionCode": "EU", "NotificationType": "FEED_PROCESSING_FINISHED"}
    answer = host.send("NotificationsSubscriberUrl", body)
    assert answer.status_code == 200, answer.text


def feeds_at_amazon(seller: Seller) -> list[Json]:
    """The seller's feeds at Amazon, in the order of their creation."""
    found = seller.control("GET", "feeds")["feeds"]
    return [feed for feed in found if feed["sellerId"] == seller.seller_id]


def document_at_amazon(seller: Seller, feed_id: str) -> Json:
    """What was uploaded for a feed."""
    url = f"{seller.servers.simulator_endpoint}/simulator/feeds/{feed_id}/document"
    document: Json = requests.get(url, timeout=SECONDS).json()
    return document


def feed_outcomes_queue(deployment: Deployment) -> str:
    """A queue that a rule fills with the outcomes of feeds."""
    return queue_on_bus(deployment, "listing-feed-outcomes", ["Listing Feed Outcome"])
