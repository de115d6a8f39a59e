"""What a seller's submissions are shown as, one and beside Amazon's listing."""

from collections.abc import Mapping
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from quickstart.dynamodb import DamagedItemError, Table
from quickstart.listings.reading import (
    SubmissionUnknownError,
    described,
    find_submission,
    list_submissions,
    read_list_request,
    read_side_by_side,
)
from quickstart.listings.records import TIMES, Record, Status, message_submission_id
from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields
from sp_api.regions import Region
from tests.unit.quickstart.listings.test_lanes import LISTING, NOW, PUT, World
from tests.unit.quickstart.support import Aws
from tests.unit.sp_api.support import ScriptedServer, answer_json, errors_json, seller_of

ITEM = f"/eu/listings/2021-08-01/items/{LISTING.seller_id}/{LISTING.sku}"


@pytest.fixture
def world(server: ScriptedServer) -> World:
    return World(server)


def test_one_submission_is_found_for_its_seller_alone(world: World) -> None:
    record = world.receive(1)
    assert find_submission(world.ledger, LISTING.seller_id, "1") == described(record)
    for seller_id, submission_id in (("another", "1"), (LISTING.seller_id, "2")):
        with pytest.raises(SubmissionUnknownError):
            find_submission(world.ledger, seller_id, submission_id)


def test_amazons_listing_beside_the_submissions_newest_first(world: World, server: ScriptedServer) -> None:
    first, second = world.entered(1), world.entered(2)
    server.answer("GET", ITEM, answer_json({"sku": LISTING.sku}))
    caller = seller_of(server, region=Region.EU)
    shown = read_side_by_side(world.ledger, LISTING, caller)
    assert shown == {
        "sku": LISTING.sku,
        "marketplaceId": LISTING.marketplace_id,
        "submissions": [described(world.record(number)) for number in (2, 1)],
        "amazon": {"sku": LISTING.sku},
    }
    assert (first.submission_id, second.submission_id) == ("1", "2")
    (asked,) = server.received(ITEM)
    assert set(asked.query["includedData"].split(",")) == {
        "summaries",
        "attributes",
        "issues",
        "offers",
        "fulfillmentAvailability",
        "procurement",
        "productTypes",
    }
    server.answer("GET", ITEM, errors_json(404, "NOT_FOUND", "no"))
    assert read_side_by_side(world.ledger, LISTING, caller)["amazon"] is None
    world.table.items = [item for item in world.table.items if item["SubmissionId"] != "2"]
    shown = read_side_by_side(world.ledger, LISTING, caller)
    assert shown["submissions"] == [described(world.record(1))], "the other has expired"


def test_a_submission_with_all_that_is_known_of_it() -> None:
    record = Record(
        "1",
        LISTING,
        PUT,
        "hash",
        Status.REFUSED,
        "2026-11-26T12:00:00Z",
        "The listing is not published.",
        "B0",
        ({"code": "90220"},),
        "amazon-1",
        times={name: f"2026-11-26T12:00:0{place}Z" for place, name in enumerate(TIMES)},
        task_token="secret",
        client_token="token-1",
        feed_request_id="feed-1",
    )
    assert described(record) == {
        "submissionId": "1",
        "sellerId": "A1",
        "regionCode": "EU",
        "marketplaceId": "A13V1IB3VIYZZH",
        "sku": "CUP",
        "operation": "PUT",
        "productType": "LUGGAGE",
        "status": "REFUSED",
        "message": "The listing is not published.",
        "asin": "B0",
        "issues": [{"code": "90220"}],
        "amazonSubmissionId": "amazon-1",
        "clientToken": "token-1",
        "feedRequestId": "feed-1",
        "receivedTime": "2026-11-26T12:00:00Z",
        "sentTime": "2026-11-26T12:00:00Z",
        "answeredTime": "2026-11-26T12:00:01Z",
        "noticedTime": "2026-11-26T12:00:02Z",
        "checkedTime": "2026-11-26T12:00:03Z",
        "outcomeTime": "2026-11-26T12:00:04Z",
        "announcedTime": "2026-11-26T12:00:05Z",
    }


class TestList:
    ENTRY: Mapping[str, Any] = {
        "SubmissionId": "1",
        "SellerId": "A1",
        "RegionCode": "EU",
        "MarketplaceId": "A13V1IB3VIYZZH",
        "Sku": "CUP",
        "Operation": "PUT",
        "ProductType": "LUGGAGE",
        "Status": "REFUSED",
        "Message": "no",
        "Asin": "B0",
        "ReceivedTime": "2026-11-26T12:00:00Z",
        "OutcomeTime": "2026-11-26T12:00:01Z",
        "ExpiresAt": int(NOW.timestamp()) + 1,
    }
    POSITION: Mapping[str, str] = {"ReceivedTime": "2026-11-26T12:00:00Z", "SubmissionId": "1"}

    def read(self, table: Table, **fields: str) -> Mapping[str, object]:
        return list_submissions(table, read_list_request(Fields({"SellerId": "A1EXAMPLE", **fields})), NOW)

    def answer(self, aws: Aws, *items: Mapping[str, Any], last: Mapping[str, str] | None = None) -> Table:
        def typed(item: Mapping[str, Any]) -> dict[str, Any]:
            return {name: TypeSerializer().serialize(value) for name, value in item.items()}

        page = {"Items": [typed(item) for item in items], **({"LastEvaluatedKey": typed(last)} if last else {})}
        aws.answers["Query"] = lambda _: page
        return Table(aws.client("dynamodb"), "listings")

    def test_a_page_with_what_the_index_has(self, aws: Aws) -> None:
        table = self.answer(aws, self.ENTRY, {**self.ENTRY, "ExpiresAt": int(NOW.timestamp())})
        assert self.read(table) == {
            "submissions": [
                {
                    "submissionId": "1",
                    "regionCode": "EU",
                    "marketplaceId": "A13V1IB3VIYZZH",
                    "sku": "CUP",
                    "operation": "PUT",
                    "productType": "LUGGAGE",
                    "status": "REFUSED",
                    "message": "no",
                    "asin": "B0",
                    "receivedTime": "2026-11-26T12:00:00Z",
                    "outcomeTime": "2026-11-26T12:00:01Z",
                }
            ]
        }
        ((_, asked),) = aws.calls
        assert asked == {
            "TableName": "listings",
            "IndexName": "SellerIdReceivedTimeIndex",
            "KeyConditionExpression": "#hash = :hash",
            "FilterExpression": "attribute_exists(#n0)",
            "ExpressionAttributeNames": {"#hash": "SellerId", "#n0": "Sku"},
            "ExpressionAttributeValues": {":hash": {"S": "A1EXAMPLE"}},
            "ScanIndexForward": False,
            "Limit": 20,
        }

    def test_a_page_leads_to_the_next_one(self, aws: Aws) -> None:
        table = self.answer(aws, last={"SellerId": "A1EXAMPLE", **self.POSITION})
        page = self.read(table, Status="REFUSED", Limit="5")
        assert page["submissions"] == []
        self.read(table, NextToken=str(page["nextToken"]))
        (_, first), (_, second) = aws.calls
        assert (first["FilterExpression"], first["Limit"]) == ("(attribute_exists(#n0) AND #n1 = :v0)", 5)
        assert first["ExpressionAttributeNames"]["#n1"] == "Status"
        assert first["ExpressionAttributeValues"][":v0"] == {"S": "REFUSED"}
        assert "ExclusiveStartKey" not in first
        assert second["ExclusiveStartKey"] == {
            name: {"S": value} for name, value in {"SellerId": "A1EXAMPLE", **self.POSITION}.items()
        }

    def test_behind_the_submissions_are_only_lanes(self, aws: Aws) -> None:
        table = self.answer(aws, last={"SellerId": "A1EXAMPLE", "SubmissionId": LISTING.lane, "ReceivedTime": "0"})
        assert self.read(table) == {"submissions": []}

    def test_a_damaged_entry_is_named_by_its_key(self, aws: Aws) -> None:
        table = self.answer(aws, {name: value for name, value in self.ENTRY.items() if name != "Status"})
        with pytest.raises(DamagedItemError, match=r"^the stored item 1 of A1 cannot be read \(Status is missing\)"):
            self.read(table)

    @pytest.mark.parametrize("field", [{"Status": "DONE"}, {"Limit": "0"}, {"Limit": "101"}, {"NextToken": "x"}])
    def test_a_field_that_is_invalid_is_named(self, aws: Aws, field: dict[str, str]) -> None:
        with pytest.raises(InvalidRequestError) as refused:
            self.read(self.answer(aws), **field)
        assert [error.field for error in refused.value.errors] == [*field]


def test_the_message_of_a_feed_is_shown_once_it_has_a_record(world: World, server: ScriptedServer) -> None:
    server.answer("GET", ITEM, errors_json(404, "NOT_FOUND", "no"))
    world.ledger.feed_began(LISTING.seller_id, "FEED#one")
    world.ledger.enter_feed("FEED#one", [LISTING])

    def submissions() -> object:
        return read_side_by_side(world.ledger, LISTING, seller_of(server, region=Region.EU))["submissions"]

    assert submissions() == []
    submission_id = message_submission_id("one", LISTING.sku)
    record = world.ledger.receive(submission_id, LISTING, PUT, "hash", None)
    assert record is not None
    assert record.status is Status.RECEIVED
    assert submissions() == [described(record)]
