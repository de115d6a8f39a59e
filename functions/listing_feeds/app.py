"""/listings/feeds: takes requests for files of listings, and shows what became of each message."""

from collections.abc import Mapping
from typing import Any

from quickstart import http_api
from quickstart.invocation import Context
from quickstart.listings import feed_wiring
from quickstart.listings.feed_requests import (
    list_feeds,
    read_list_request,
    read_new_feed,
    read_show_request,
    show_feed,
)
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{SellerId, RegionCode, MarketplaceIds, ...} -> {"feedRequestId", "status", "upload"?}, and a feed's results."""
    return http_api.answer(event, context, ROUTES)


def _request(fields: Fields) -> Mapping[str, object]:
    """Returns a link to which you upload a file with up to 25,000 messages for listings."""
    feed = read_new_feed(fields)
    return feed_wiring.desk().request(feed)


def _list(fields: Fields) -> Mapping[str, object]:
    """Lists a seller's feeds, newest first."""
    request = read_list_request(fields)
    return list_feeds(feed_wiring.feed_ledger(), request)


def _show(fields: Fields) -> Mapping[str, object]:
    """Returns a feed, and what became of each message."""
    request = read_show_request(fields)
    return show_feed(feed_wiring.feed_ledger(), feed_wiring.feed_links(), feed_wiring.files, request)


ROUTES: Mapping[str, http_api.Action] = {
    "POST /listings/feeds": _request,
    "GET /listings/feeds": _list,
    "GET /listings/feeds/{feedRequestId}": _show,
}
