"""When a repeated ClientToken is the same submission."""

from dataclasses import replace
from typing import Any

import pytest

from quickstart.listings.records import ListingOf, Operation, Payload
from quickstart.listings.requests import Mode, OnFindings, Submission, request_hash
from sp_api.regions import Region

LISTING = ListingOf("A1", Region.EU, "A13V1IB3VIYZZH", "CUP", "A1")
ATTRIBUTES = {"color": [{"value": "blue", "language_tag": "fr_FR"}], "brand": [{"value": "Moulin"}]}
PAYLOAD = Payload(Operation.PUT, "LUGGAGE", "LISTING", ATTRIBUTES)
SUBMISSION = Submission(LISTING, PAYLOAD, Mode.PUBLISH, OnFindings.STOP, "token")


def test_the_order_of_names_makes_no_difference() -> None:
    turned = {"brand": [{"value": "Moulin"}], "color": [{"language_tag": "fr_FR", "value": "blue"}]}
    assert request_hash(replace(SUBMISSION, payload=replace(PAYLOAD, attributes=turned))) == request_hash(SUBMISSION)


@pytest.mark.parametrize(
    "changed",
    [
        {"operation": Operation.PATCH},
        {"product_type": "SHIRT"},
        {"requirements": "LISTING_OFFER_ONLY"},
        {"attributes": {"brand": [{"value": "Moulin"}]}},
        {"patches": ({"op": "delete"},)},
        {"issue_locale": "fr_FR"},
    ],
    ids=str,
)
def test_another_content_is_another_submission(changed: dict[str, Any]) -> None:
    assert request_hash(replace(SUBMISSION, payload=replace(PAYLOAD, **changed))) != request_hash(SUBMISSION)


@pytest.mark.parametrize(
    "changed",
    [
        {"seller_id": "A2"},
        {"region": Region.NA},
        {"marketplace_id": "M"},
        {"sku": "PAN"},
        {"listing_seller_id": "VENDOR"},
    ],
    ids=str,
)
def test_another_listing_is_another_submission(changed: dict[str, Any]) -> None:
    assert request_hash(replace(SUBMISSION, listing=replace(LISTING, **changed))) != request_hash(SUBMISSION)
