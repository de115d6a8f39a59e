"""Taking requests for files of listings when many files wait already."""

import random
from datetime import timedelta
from typing import Any

import pytest

from product_types_storm.cloud import DynamoDB, Trouble
from quickstart.dynamodb import Table
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import FeedMode, FeedRecord, FeedState, OnBadMessages
from quickstart.listings.feed_requests import FeedDesk, NewFeed, TooManyFeedsError
from tests.unit.quickstart.listings.test_feed_lanes import ACCOUNT, NOW


def new_feed(client_token: str | None) -> NewFeed:
    return NewFeed(ACCOUNT, FeedMode.PUBLISH, OnBadMessages.REFUSE, None, None, client_token)


def test_a_repeat_is_answered_when_too_many_files_wait() -> None:
    """Its file is among those that wait: only the answer to the first request was lost."""
    database: Any = DynamoDB(Trouble(random.Random(1)), ("FeedRequestId", "SellerId"))
    ledger = FeedLedger(Table(database, "feeds"), timedelta(days=1), lambda: NOW)
    no_links: Any = None
    desk = FeedDesk(ledger, no_links, lambda *_: None, lambda: NOW)
    feed = new_feed("token")
    record = FeedRecord(
        feed.feed_request_id,
        ACCOUNT,
        feed.mode,
        feed.on_bad,
        feed.request_hash,
        FeedState.CHECKING,
        NOW.isoformat(),
        NOW.isoformat(),
    )
    ledger.receive(record)
    ledger.table.update(
        {"FeedRequestId": f"QUEUE#{ACCOUNT.region}#{ACCOUNT.listing_seller_id}", "SellerId": ACCOUNT.seller_id},
        {"Feeds": [record.feed_request_id, *map(str, range(499))], "Version": 1},
    )
    assert desk.request(feed) == {"feedRequestId": record.feed_request_id, "status": "CHECKING"}
    for other in ("another token", None):
        with pytest.raises(TooManyFeedsError):
            desk.request(new_feed(other))
