"""What the Listings table holds of a submission, read back."""

import gzip
from datetime import UTC, datetime
from typing import Any

import pytest

from quickstart.dynamodb import DamagedItemError
from quickstart.listings.ledger import Gate, Lane
from quickstart.listings.records import (
    ListingOf,
    Operation,
    Party,
    Payload,
    Record,
    Status,
    lane_key,
    message_submission_id,
    of_feed,
    packed,
    unpacked,
)
from sp_api.regions import Region

FRANCE = "A13V1IB3VIYZZH"
PATCHES = ({"op": "merge", "attribute": "color", "value": [{"value": "blue"}]},)
PAYLOAD = Payload(Operation.PATCH, "LUGGAGE", "LISTING", {"brand": [{"value": "Rive"}]}, PATCHES, "fr_FR")
# What every record has.
LEAST: dict[str, Any] = {
    "SubmissionId": "1",
    "SellerId": "A1",
    "RegionCode": "EU",
    "MarketplaceId": FRANCE,
    "Sku": "CUP",
    "ListingSellerId": "MOULI",
    "PartyType": "VENDOR",
    "Operation": "PATCH",
    "Status": "PUBLISHED",
    "ReceivedTime": "2026-11-26T12:00:00+00:00",
}
TIMES = {
    name: f"2026-11-26T12:00:0{place}+00:00"
    for place, name in enumerate(
        ("SentTime", "AnsweredTime", "NoticedTime", "CheckedTime", "OutcomeTime", "AnnouncedTime")
    )
}
LISTING = ListingOf("A1", Region.EU, FRANCE, "CUP", "MOULI", Party.VENDOR)


def test_a_record_with_everything() -> None:
    item = {
        **LEAST,
        **TIMES,
        "ProductType": "LUGGAGE",
        "Request": PAYLOAD.packed(),
        "RequestHash": "hash",
        "Message": "done",
        "Asin": "B0",
        "Issues": packed([{"code": "1", "message": "\u00e9t\u00e9"}]),
        "AmazonSubmissionId": "amazon-1",
        "Attempts": 2,
        "TaskToken": "token",
        "Open": "LISTING",
        "UpdatedBefore": "2026-11-25T12:00:00+00:00",
        "ClientToken": "client",
        "FeedRequestId": "feed",
    }
    assert Record.from_item(item) == Record(
        "1",
        LISTING,
        PAYLOAD,
        "hash",
        Status.PUBLISHED,
        "2026-11-26T12:00:00+00:00",
        "done",
        "B0",
        ({"code": "1", "message": "\u00e9t\u00e9"},),
        "amazon-1",
        2,
        TIMES,
        "token",
        announced=True,
        open=True,
        updated_before="2026-11-25T12:00:00+00:00",
        client_token="client",
        feed_request_id="feed",
    )


def test_a_record_with_as_little_as_possible() -> None:
    """A message of a feed has no request of its own."""
    record = Record.from_item(LEAST)
    received = "2026-11-26T12:00:00+00:00"
    assert record == Record("1", LISTING, Payload(Operation.PATCH), "", Status.PUBLISHED, received)
    assert Record.from_item({**LEAST, "Request": Payload(Operation.PATCH).packed()}) == record


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({name: value for name, value in LEAST.items() if name != "Sku"}, "Sku is missing"),
        ({**LEAST, "Status": "DONE"}, "ValueError"),
        ({**LEAST, "SentTime": "2026-11-26"}, "ValueError"),
        ({**LEAST, "UpdatedBefore": "yesterday"}, "ValueError"),
        ({**LEAST, "Request": "text"}, "TypeError"),
        ({**LEAST, "Issues": gzip.compress(b"no JSON")}, "JSONDecodeError"),
    ],
)
def test_a_damaged_record_is_named_by_its_key(item: dict[str, Any], reason: str) -> None:
    with pytest.raises(DamagedItemError, match=rf"^the stored item 1 of A1 cannot be read \({reason}\)"):
        Record.from_item(item)


@pytest.mark.parametrize("kind", [Lane, Gate])
def test_so_is_a_damaged_lane_or_gate(kind: type[Lane] | type[Gate]) -> None:
    with pytest.raises(DamagedItemError, match=r"^the stored item LANE of A1 cannot be read \(KeyError\)"):
        kind.from_item({"SubmissionId": "LANE", "SellerId": "A1"})


def test_an_empty_lane() -> None:
    """Nobody holds it any more: its texts are empty."""
    empty = {"Holder": "", "HeldTime": "", "Waiting": "", "Queue": [], "Version": 3}
    assert Lane.from_item(empty) == Lane(version=3)
    held = {"Holder": "1", "HeldTime": "2026-11-26T12:00:00+00:00", "Waiting": "2", "Queue": ["3"], "Version": 4}
    lane = Lane.from_item({**held, "Asin": "B0", "Updated": "u", "Recent": ["1"], "Superseded": ["0"]})
    moment = datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert lane == Lane("1", moment, "2", ("3",), ("1",), ("0",), "B0", "u", 4)
    assert lane.waiters == ("2", "3")


def test_issues_are_read_as_they_were_packed() -> None:
    issues = [{"code": "1", "message": "\u00e9"}]
    assert unpacked(packed(issues)) == issues
    assert packed(issues) == packed(issues), "the same bytes at any time"
    assert "\u00e9".encode() in gzip.decompress(packed(issues))
    with pytest.raises(TypeError):
        unpacked("text")


@pytest.mark.parametrize("status", Status)
def test_which_statuses_are_final_or_answered(status: Status) -> None:
    open_ones = {Status.RECEIVED, Status.WAITING, Status.SENDING, Status.ACCEPTED}
    assert status.final == (status not in open_ones)
    assert status.answered == (status not in open_ones - {Status.ACCEPTED})


def test_the_keys_of_a_listing() -> None:
    assert (LISTING.lane, LISTING.gate) == (f"LANE#MOULI#{FRANCE}#CUP", "GATE#EU#MOULI")
    assert lane_key("A1", FRANCE, "a#b") == f"LANE#A1#{FRANCE}#a#b"
    assert [of_feed(entry) for entry in ("FEED#1", "1", None)] == [True, False, False]


def test_a_message_of_a_feed_always_has_the_same_id() -> None:
    ids = [message_submission_id(feed, sku) for feed, sku in (("1", "A"), ("1", "B"), ("2", "A"), ("A", "1"))]
    assert len(set(ids)) == 4
    assert {len(one) for one in ids} == {32}
    assert message_submission_id("1", "A") == ids[0]
