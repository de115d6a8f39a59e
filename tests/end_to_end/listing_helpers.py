"""What the tests of listings share: a French seller, submissions, and their outcomes."""

import itertools
import json
import time
from typing import Any

import requests

from deployment import Deployment, aws
from tests.end_to_end.host import HostProduct, Seller, eventually, queue_on_bus
from tests.waiting import SECONDS

Json = dict[str, Any]
FRANCE = "A13V1IB3VIYZZH"
OFFER = [{"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 49.9}]}]}]
SUITCASE: Json = {
    "brand": [{"value": "Moulin"}],
    "bullet_point": [{"value": "Légère"}],
    "condition_type": [{"value": "new_new"}],
    "country_of_origin": [{"value": "FR"}],
    "item_name": [{"value": "Valise Moulin"}],
    "product_description": [{"value": "Une valise légère"}],
    "purchasable_offer": OFFER,
    "shell_type": [{"value": "hard_shell"}],
    "externally_assigned_product_identifier": [{"type": "ean", "value": "4006381333931"}],
}


def outcomes_queue(deployment: Deployment) -> str:
    """A queue that a rule fills with the outcomes of listings."""
    return queue_on_bus(deployment, "listing-outcomes", ["Listing Outcome"])


_SEEN: dict[str, Json] = {}


def outcome(deployment: Deployment, queue: str, submission_id: str) -> Json:
    """The event of this submission, in the second after it at the earliest.

    Amazon's times are in whole seconds: what it changes within one second looks unchanged, and is judged later.
    """

    def look() -> Json | None:
        sqs = aws(deployment.servers, "sqs")
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            detail = json.loads(message["Body"])["detail"]
            assert detail["SubmissionId"] not in _SEEN, "an outcome is announced once"
            _SEEN[detail["SubmissionId"]] = detail
        return _SEEN.get(submission_id)

    event = eventually(look, f"the outcome of {submission_id}")
    time.sleep(1 - time.time() % 1)
    return event


def subscribed(seller: Seller, host: HostProduct) -> Seller:
    """The seller with a stored token, and with notices that go to the partner event bus."""
    host.store_token(seller)
    simulator = seller.servers.simulator_endpoint

    def call(token: str, path: str, body: Json) -> Json:
        headers = {"x-amz-access-token": token}
        answer = requests.post(f"{simulator}/eu/notifications/v1/{path}", json=body, headers=headers, timeout=SECONDS)
        if answer.status_code == 409:
            found = requests.get(f"{simulator}/eu/notifications/v1/{path}", headers=headers, timeout=SECONDS).json()
            # The stack has a destination of its own, its queue.
            (existing,) = [each for each in found["payload"] if each["resource"].get("eventBridge")]
            return {"payload": existing}
        assert answer.status_code == 200, answer.text
        body_of_answer: Json = answer.json()
        return body_of_answer

    bus = {"eventBridge": {"region": seller.servers.region, "accountId": "111122223333"}}
    made = call(seller.application_access_token(), "destinations", {"name": "bus", "resourceSpecification": bus})
    destination = made["payload"]["destinationId"]
    for kind, version in (("LISTINGS_ITEM_STATUS_CHANGE", "1.0"), ("LISTINGS_ITEM_ISSUES_CHANGE", "2023-12-13")):
        call(seller.access_token(), f"subscriptions/{kind}", {"payloadVersion": version, "destinationId": destination})
    return seller


def listing_of(seller: Seller, sku: str, **fields: object) -> Json:
    return {"SellerId": seller.seller_id, "RegionCode": "EU", "MarketplaceId": FRANCE, "Sku": sku, **fields}


def publish(host: HostProduct, seller: Seller, sku: str, status: int = 200, **fields: object) -> Json:
    answer = host.send("ListingsUrl", listing_of(seller, sku, **({"ProductType": "LUGGAGE"} | fields)))
    assert answer.status_code == status, answer.text
    body: Json = answer.json()
    return body


_NUMBERS = itertools.count(1)


def new_ean() -> str:
    """An EAN that no other test uses."""
    digits = f"401{next(_NUMBERS):09d}"
    weighted = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def unique(ean: str = "") -> Json:
    """A suitcase's attributes, with an identifier of its own."""
    ean = ean or new_ean()
    return {**SUITCASE, "externally_assigned_product_identifier": [{"type": "ean", "value": ean}]}


def scale_waits(deployment: Deployment, scale: float) -> None:
    """The scale of Step Functions' waits."""
    requests.post(
        f"{deployment.servers.aws_endpoint}/_ministack/config",
        json={"stepfunctions._SFN_WAIT_SCALE": scale},
        timeout=SECONDS,
    ).raise_for_status()
