"""Submissions of listings and files of listings."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from operations.console.console import Console
from operations.console.pages.addresses import address
from operations.console.reading.listings import (
    FEED_STATES,
    STATUSES,
    find_feed,
    find_submission,
    issues,
    read_feeds,
    read_open,
    read_submissions,
)
from operations.console.reading.sellers import known_sellers
from operations.console.web import Page, ShownError, show
from quickstart.listings.feed_requests import described as described_feed
from quickstart.listings.reading import described
from quickstart.listings.records import Status

ROOT = "listings"
_MOST_OFFERED = 500


def listings(console: Console, request: Request) -> Response:
    given = request.query_params
    seller, status = given.get("seller", "").strip(), given.get("status", "")
    if status and status not in tuple(Status):
        raise ShownError(400, "Unknown status", f"The status must be one of {', '.join(Status)}.")
    after = given.get("after", "")
    found = None
    if seller:
        found = console.part(lambda: read_submissions(console.stack, seller, status, after, console.now()))
    link = partial(_address, seller=seller)
    return show(
        console,
        request,
        "listings.html",
        sellers=known_sellers(console)[:_MOST_OFFERED],
        seller=seller,
        chosen=status,
        statuses=STATUSES,
        found=found,
        open=None if seller else console.part(lambda: read_open(console.stack)),
        following=link(status=status, after=found.value.following)
        if found and found.value and found.value.following
        else "",
        newest=link(status=status) if after else "",
        has_feeds="ListingFeedsTableName" in console.stack.outputs,
        address=_address,
    )


def submission(console: Console, request: Request) -> Response:
    seller, submission_id = request.path_params["seller"], request.path_params["submission"]
    found = find_submission(console.stack, seller, submission_id)
    if found is None:
        raise ShownError(404, "Submission not found", f"The stack has no submission {submission_id} of {seller}.")
    shown = {name: value for name, value in described(found).items() if name not in ("issues", "status", "message")}
    return show(
        console,
        request,
        "submission.html",
        record=found,
        shown=shown,
        meaning=STATUSES[found.status],
        issues=issues(found),
        address=_address,
        logs=partial(address, "logs"),
    )


def feeds(console: Console, request: Request) -> Response:
    seller, after = request.query_params.get("seller", "").strip(), request.query_params.get("after", "")
    found = console.part(lambda: read_feeds(console.stack, seller, after)) if seller else None
    return show(
        console,
        request,
        "feeds.html",
        sellers=known_sellers(console)[:_MOST_OFFERED],
        seller=seller,
        found=found,
        kinds=FEED_STATES,
        following=_address("feeds", seller=seller, after=found.value.following)
        if found and found.value and found.value.following
        else "",
        newest=_address("feeds", seller=seller) if after else "",
        address=_address,
    )


def feed(console: Console, request: Request) -> Response:
    seller, feed_id = request.path_params["seller"], request.path_params["feed"]
    found = find_feed(console.stack, seller, feed_id)
    if found is None:
        raise ShownError(404, "File not found", f"The stack has no feed request {feed_id} of {seller}.")
    shown = {
        name: value for name, value in described_feed(found).items() if name not in ("counts", "status", "message")
    }
    return show(
        console,
        request,
        "feed.html",
        record=found,
        shown=shown,
        kinds=FEED_STATES,
        address=_address,
        executions=partial(address, "executions"),
        logs=partial(address, "logs"),
    )


def _address(*parts: str, **query: object) -> str:
    return address(ROOT, *parts, **query)


_FEEDS = f"/{ROOT}/feeds"
PAGE = Page(
    "Listings",
    f"/{ROOT}",
    {
        f"/{ROOT}": listings,
        _FEEDS: feeds,
        f"{_FEEDS}/{{seller}}/{{feed}}": feed,
        f"/{ROOT}/{{seller}}/{{submission}}": submission,
    },
    {},
    needs="ListingsTableName",
)
