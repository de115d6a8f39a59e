"""What a seller's submissions are shown as, one and beside Amazon's listing."""

import pytest

from quickstart.listings.reading import SubmissionUnknownError, described, find_submission, read_side_by_side
from quickstart.listings.records import Status, message_submission_id
from sp_api.regions import Region
from tests.unit.quickstart.listings.test_lanes import LISTING, PUT, World
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
    server.answer("GET", ITEM, errors_json(404, "NOT_FOUND", "no"))
    assert read_side_by_side(world.ledger, LISTING, caller)["amazon"] is None


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
