"""Feeds API v2021-06-30: uploads feed documents, creates feeds, and finds their processing reports.

The order of a feed: `create_feed_document`, `upload` within five minutes, `create_feed` within two days. When the feed
is DONE, `get_feed_document` with its `result_feed_document_id` and `sp_api.documents.open_document` give the processing
report. DONE does not mean that every message was accepted: the report's summary says how many were.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

import urllib3

from sp_api.caller import Caller, Operation
from sp_api.deadline import Deadline
from sp_api.documents import upload_document
from sp_api.wire import (
    JsonObject,
    OpenEnum,
    children,
    iso_8601,
    nothing,
    optional_text,
    optional_time,
    text,
    texts,
    time,
    without_nothing,
)

_BASE = "/feeds/2021-06-30"
_GET_FEEDS = Operation("getFeeds", "GET", f"{_BASE}/feeds", 0.0222)
_CREATE_FEED = Operation("createFeed", "POST", f"{_BASE}/feeds", 0.0083)
_GET_FEED = Operation("getFeed", "GET", f"{_BASE}/feeds/{{feedId}}", 2)
_CANCEL_FEED = Operation("cancelFeed", "DELETE", f"{_BASE}/feeds/{{feedId}}", 2)
_CREATE_FEED_DOCUMENT = Operation("createFeedDocument", "POST", f"{_BASE}/documents", 0.5)
_GET_FEED_DOCUMENT = Operation("getFeedDocument", "GET", f"{_BASE}/documents/{{feedDocumentId}}", 0.0222)

LISTINGS_FEED = "JSON_LISTINGS_FEED"
# SP-API docs, "Feeds API v2021-06-30 use case guide", step 1.
JSON_CONTENT_TYPE = "application/json; charset=UTF-8"


class FeedStatus(OpenEnum):
    """The processing status of a feed. Feeds of an account wait IN_QUEUE for one another."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    FATAL = "FATAL"


@dataclass(frozen=True)
class FeedUpload:
    """A document to upload. `url` needs no further authorization and is valid for five minutes."""

    feed_document_id: str
    content_type: str
    url: str = field(repr=False)


@dataclass(frozen=True)
class CreateFeedSpecification:
    """A feed to create, for 1 to 25 marketplaces of a region, from a document that has been uploaded."""

    feed_type: str
    marketplace_ids: Sequence[str]
    input_feed_document_id: str
    feed_options: Mapping[str, str] | None = None


@dataclass(frozen=True)
class FeedFilter:
    """Which feeds getFeeds lists: 1 to 10 types, from the last 90 days unless `created_since` is set.

    `page_size` is 1 to 100, and 10 when None.
    """

    feed_types: Sequence[str]
    processing_statuses: Sequence[FeedStatus] = ()
    marketplace_ids: Sequence[str] = ()
    page_size: int | None = None
    created_since: datetime | None = None
    created_until: datetime | None = None


@dataclass(frozen=True)
class Feed:
    """A feed at SP-API; times are in UTC. `result_feed_document_id` is set once there is a processing report."""

    feed_id: str
    feed_type: str
    processing_status: FeedStatus
    created_time: datetime
    marketplace_ids: tuple[str, ...] = ()
    processing_start_time: datetime | None = None
    processing_end_time: datetime | None = None
    result_feed_document_id: str | None = None


@dataclass(frozen=True)
class FeedPage:
    """Part of a list of feeds; `next_token` requests the next part and is None on the last."""

    feeds: tuple[Feed, ...]
    next_token: str | None


@dataclass(frozen=True)
class FeedDocument:
    """The location of a document. `url` needs no further authorization and is valid for five minutes.

    `compression_algorithm` is "GZIP" or None; `sp_api.documents.DocumentStream.gzipped` tells it from the bytes.
    """

    feed_document_id: str
    url: str = field(repr=False)
    compression_algorithm: str | None = None


def create_feed_document(caller: Caller, content_type: str = JSON_CONTENT_TYPE) -> FeedUpload:
    """createFeedDocument: where to upload a document with this Content-Type.

    A document that is never used expires by itself, so the call may be repeated after a failure.
    """
    return caller.call(
        _CREATE_FEED_DOCUMENT,
        lambda answer: FeedUpload(text(answer, "feedDocumentId"), content_type, text(answer, "url")),
        body={"contentType": content_type},
    )


def upload(
    http: urllib3.PoolManager,
    destination: FeedUpload,
    open_content: Callable[[], BinaryIO],
    length: int,
    deadline: Deadline,
) -> None:
    """Uploads a document of `length` bytes, streaming, with the Content-Type that its URL was signed for.

    `open_content` opens the content at its start; it is called once more after a connection failure. An upload may be
    repeated: the last one counts. Raises as `sp_api.documents.upload_document` does; after DocumentUrlExpiredError,
    call `create_feed_document` again.
    """
    upload_document(http, destination.url, destination.content_type, open_content, length, deadline)


def create_feed(caller: Caller, specification: CreateFeedSpecification) -> str:
    """createFeed: submits an uploaded document and returns the feed's id. Never sent twice; see
    TransientError.outcome_unknown.
    """
    body = without_nothing(
        feedType=specification.feed_type,
        marketplaceIds=list(specification.marketplace_ids),
        inputFeedDocumentId=specification.input_feed_document_id,
        feedOptions=dict(specification.feed_options or {}),
    )
    return caller.call(_CREATE_FEED, lambda answer: text(answer, "feedId"), body=body)


def get_feed(caller: Caller, feed_id: str) -> Feed:
    """getFeed."""
    return caller.call(_GET_FEED, _feed, path={"feedId": feed_id})


def get_feeds(caller: Caller, feed_filter: FeedFilter) -> FeedPage:
    """getFeeds: the first page, the newest feed first."""
    page_size = feed_filter.page_size
    return caller.call(
        _GET_FEEDS,
        _feed_page,
        query={
            "feedTypes": feed_filter.feed_types,
            "processingStatuses": feed_filter.processing_statuses,
            "marketplaceIds": feed_filter.marketplace_ids,
            "pageSize": None if page_size is None else str(page_size),
            "createdSince": _time(feed_filter.created_since),
            "createdUntil": _time(feed_filter.created_until),
        },
    )


def get_next_feeds(caller: Caller, next_token: str) -> FeedPage:
    """getFeeds: the page after the one with this token; SP-API accepts the token only without the filter."""
    return caller.call(_GET_FEEDS, _feed_page, query={"nextToken": next_token})


def list_feeds(caller: Caller, feed_filter: FeedFilter) -> Iterator[Feed]:
    """getFeeds, page after page, until the last or the caller's deadline."""
    page = get_feeds(caller, feed_filter)
    yield from page.feeds
    while page.next_token is not None:
        page = get_next_feeds(caller, page.next_token)
        yield from page.feeds


def cancel_feed(caller: Caller, feed_id: str) -> None:
    """cancelFeed: cancels a feed that is still IN_QUEUE."""
    caller.call(_CANCEL_FEED, nothing, path={"feedId": feed_id})


def get_feed_document(caller: Caller, feed_document_id: str) -> FeedDocument:
    """getFeedDocument: the location of a processing report, valid for five minutes."""
    return caller.call(_GET_FEED_DOCUMENT, _feed_document, path={"feedDocumentId": feed_document_id})


def _feed(document: JsonObject) -> Feed:
    return Feed(
        feed_id=text(document, "feedId"),
        feed_type=text(document, "feedType"),
        processing_status=FeedStatus(text(document, "processingStatus")),
        created_time=time(document, "createdTime"),
        marketplace_ids=texts(document, "marketplaceIds"),
        processing_start_time=optional_time(document, "processingStartTime"),
        processing_end_time=optional_time(document, "processingEndTime"),
        result_feed_document_id=optional_text(document, "resultFeedDocumentId"),
    )


def _feed_page(document: JsonObject) -> FeedPage:
    return FeedPage(children(document, "feeds", _feed), optional_text(document, "nextToken") or None)


def _feed_document(document: JsonObject) -> FeedDocument:
    return FeedDocument(
        feed_document_id=text(document, "feedDocumentId"),
        url=text(document, "url"),
        compression_algorithm=optional_text(document, "compressionAlgorithm"),
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso_8601(moment)
