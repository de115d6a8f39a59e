"""The Feeds API: documents to upload, feeds and their life cycle, and links to documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Set
from dataclasses import replace
from datetime import timedelta

from sp_api_simulator import delivery
from sp_api_simulator.calls import Answer, Call, body_object
from sp_api_simulator.clock import timestamp
from sp_api_simulator.documents import DocumentSpecification, StoredDocument, measure
from sp_api_simulator.errors import OperationError, invalid_input, missing_parameters, quota_exceeded
from sp_api_simulator.feed_processing import process
from sp_api_simulator.feed_state import Feed, FeedOutcome, UploadedDocument
from sp_api_simulator.feed_uploads import UploadLinks
from sp_api_simulator.marketplaces import MARKETPLACES
from sp_api_simulator.processing_pages import page_of, page_query
from sp_api_simulator.report_checks import MARKETPLACE_COUNT, check_count
from sp_api_simulator.reports import document_answer, new_document_id, next_id, own_document
from sp_api_simulator.state import Delivery, Json, ProcessingStatus, State

LISTINGS_FEED = "JSON_LISTINGS_FEED"
LISTINGS_FEED_RATE, LISTINGS_FEED_BURST = 5 / 300, 5
"""5 per 5 minutes for each region and account (SP-API docs, "Feed type values")."""

DOCUMENT_LIFETIME = timedelta(days=2)
"""How long createFeed accepts a document (SP-API docs, "Feeds API v2021-06-30 use case guide")."""


async def create_feed_document(state: State, call: Call) -> Answer:
    content_type = body_object(call).get("contentType")
    if content_type in (None, ""):
        raise missing_parameters(["contentType"])
    if not isinstance(content_type, str) or not content_type.isascii() or not content_type.isprintable():
        raise invalid_input("Invalid Input", "contentType must be a media type")
    now = state.clock.now()
    document_id = new_document_id("amzn1.tortuga.4", call.region)
    state.feeds.uploads[document_id] = UploadedDocument(
        document_id, call.token.seller_id, call.region, content_type, now
    )
    links = UploadLinks(state.document_links.key)
    url = links.make(call.base_url, document_id, content_type, now, state.settings.document_url_seconds)
    return Answer(201, {"feedDocumentId": document_id, "url": url})


async def create_feed(state: State, call: Call) -> Answer:
    body = body_object(call)
    feed_type, marketplace_ids = _type_and_marketplaces(call, body)
    document = _input_document(state, call, body["inputFeedDocumentId"])
    _check_options(body.get("feedOptions"))
    if feed_type == LISTINGS_FEED:
        rate, burst = state.rate_limits.plan(LISTINGS_FEED, LISTINGS_FEED_RATE, LISTINGS_FEED_BURST)
        key = (LISTINGS_FEED, str(call.region), "", call.token.seller_id)
        if not state.rate_limits.take(key, rate, burst, state.clock.service_seconds()):
            raise quota_exceeded()
    feed = Feed(
        next_id(state),
        call.token.seller_id,
        call.token.client_id,
        call.region,
        feed_type,
        marketplace_ids,
        state.clock.now(),
        ProcessingStatus.IN_QUEUE,
        document.document_id,
    )
    state.feeds.feeds[feed.feed_id] = feed
    outcome = _choose_outcome(state, feed)
    if outcome.delivery.before_answer:
        await _live(state, feed, replace(outcome, queue_seconds=0, processing_seconds=0))
    else:
        state.start(_live(state, feed, outcome))
    return Answer(202, {"feedId": feed.feed_id})


def resume(state: State) -> None:
    """Begins again with the feeds that were not finished, after a restart."""
    for feed in list(state.feeds.feeds.values()):
        if feed.processing_status in (ProcessingStatus.IN_QUEUE, ProcessingStatus.IN_PROGRESS):
            waiting = replace(feed, processing_status=ProcessingStatus.IN_QUEUE, processing_start=None)
            state.feeds.feeds[feed.feed_id] = waiting
            state.start(_live(state, waiting, _choose_outcome(state, waiting)))


async def get_feed(state: State, call: Call) -> Answer:
    return Answer(200, _feed_json(_own_feed(state, call)))


async def get_feeds(state: State, call: Call) -> Answer:
    """The account's feeds in the region, newest first, in pages."""
    query = page_query(state, call, "feedTypes")
    feeds = state.feeds.feeds.values()
    listed, token = page_of(state, call, query, feeds, lambda feed: (feed.feed_type, feed.feed_id))
    page: dict[str, Json] = {"feeds": [_feed_json(feed) for feed in listed]}
    return Answer(200, page if token is None else page | {"nextToken": token})


async def cancel_feed(state: State, call: Call) -> Answer:
    """Only a feed that is still IN_QUEUE can be cancelled."""
    feed = _own_feed(state, call)
    if feed.processing_status is not ProcessingStatus.IN_QUEUE:
        raise invalid_input("Invalid Input", f"Feed {feed.feed_id} is {feed.processing_status} and cannot be cancelled")
    state.start(_notify(state, _ended(state, feed, ProcessingStatus.CANCELLED, None), Delivery()))
    return Answer(200)


async def get_feed_document(state: State, call: Call) -> Answer:
    """400 for an unknown document, as with report documents."""
    document_id = call.path["feedDocumentId"]
    document = own_document(state, call.token.seller_id, call.region, document_id)
    if document is None or document.report_id not in state.feeds.feeds:
        raise invalid_input(f"Invalid feedDocumentId {document_id}")
    return document_answer(state, call, document, "feedDocumentId")


def default_outcome(state: State) -> FeedOutcome:
    """DONE with a gzip report, after the times in the settings."""
    return FeedOutcome(
        ProcessingStatus.DONE, Delivery(), state.settings.queue_seconds, state.settings.processing_seconds
    )


async def _live(state: State, feed: Feed, outcome: FeedOutcome) -> None:
    """The life cycle of a feed: IN_QUEUE until the account's earlier feeds have ended, IN_PROGRESS, its end."""
    lane = state.feeds.lanes.setdefault((feed.seller_id, feed.region), asyncio.Lock())
    async with lane:
        if not _in_queue(state, feed):
            return
        await state.clock.sleep(outcome.queue_seconds)
        if not _in_queue(state, feed):
            return
        feed = replace(feed, processing_status=ProcessingStatus.IN_PROGRESS, processing_start=state.clock.now())
        state.feeds.feeds[feed.feed_id] = feed
        await state.clock.sleep(outcome.processing_seconds)
        content = state.feeds.uploads[feed.input_document_id].content
        status, document = outcome.status, None
        if content is None or feed.feed_type != LISTINGS_FEED:
            # Amazon no longer accepts the older types for listings; other types are not simulated.
            status = ProcessingStatus.FATAL
        elif status is ProcessingStatus.DONE and outcome.report:
            document = await asyncio.to_thread(_report_document, feed, content, outcome, _seller_ids(state, feed))
        ended = _ended(state, feed, status, document)
    await _notify(state, ended, outcome.delivery)


def _in_queue(state: State, feed: Feed) -> bool:
    return state.feeds.feeds[feed.feed_id].processing_status is ProcessingStatus.IN_QUEUE


def _seller_ids(state: State, feed: Feed) -> Set[str]:
    """What the header may name: a vendor is named by its vendor code (selling-partner-api-docs issue 3016)."""
    own = frozenset({feed.seller_id})
    return state.listings.vendor_codes.get(feed.seller_id, own) if state.sellers[feed.seller_id].vendor else own


def _report_document(feed: Feed, content: bytes, outcome: FeedOutcome, seller_ids: Set[str]) -> StoredDocument:
    report = process(feed, content, outcome, seller_ids).report
    text = json.dumps(report, ensure_ascii=False)
    specification = DocumentSpecification(format="json", text=text, compression=outcome.compression)
    return StoredDocument(
        new_document_id("amzn1.tortuga.4", feed.region),
        feed.feed_id,
        feed.seller_id,
        feed.region,
        feed.feed_type,
        specification,
        measure(specification),
    )


def _ended(state: State, feed: Feed, status: ProcessingStatus, document: StoredDocument | None) -> Feed:
    if document is not None:
        state.documents[document.document_id] = document
    now = state.clock.now()
    ended = replace(
        feed,
        processing_status=status,
        processing_start=feed.processing_start or now,
        processing_end=now,
        result_document_id="" if document is None else document.document_id,
    )
    state.feeds.feeds[feed.feed_id] = ended
    return ended


async def _notify(state: State, feed: Feed, manner: Delivery) -> None:
    await delivery.send_in_manner(state, delivery.feed_finished(state, feed), manner)


def _choose_outcome(state: State, feed: Feed) -> FeedOutcome:
    rules = state.feeds.rules
    for index, rule in enumerate(rules):
        if rule.feed_type in ("", feed.feed_type) and rule.seller_id in ("", feed.seller_id):
            if rule.remaining is not None and rule.remaining > 1:
                rules[index] = replace(rule, remaining=rule.remaining - 1)
            elif rule.remaining is not None:
                del rules[index]
            return rule.outcome
    return default_outcome(state)


def _type_and_marketplaces(call: Call, body: Mapping[str, Json]) -> tuple[str, tuple[str, ...]]:
    required = ("feedType", "marketplaceIds", "inputFeedDocumentId")
    missing = [name for name in required if body.get(name) in (None, "", [])]
    if missing:
        raise missing_parameters(missing)
    feed_type, marketplace_ids = body["feedType"], body["marketplaceIds"]
    if not isinstance(feed_type, str):
        raise invalid_input("Invalid Input", "feedType must be a string")
    if not isinstance(marketplace_ids, list) or not all(isinstance(value, str) and value for value in marketplace_ids):
        raise invalid_input("Invalid Input", "marketplaceIds must be a list of marketplace identifiers")
    check_count("marketplaceIds", marketplace_ids, MARKETPLACE_COUNT)
    if not set(marketplace_ids) <= MARKETPLACES[call.region]:
        raise invalid_input("Invalid Input", "marketplaceIds must be of the region of the endpoint")
    return feed_type, tuple(marketplace_ids)


def _input_document(state: State, call: Call, document_id: Json) -> UploadedDocument:
    document = state.feeds.uploads.get(document_id) if isinstance(document_id, str) else None
    if document is None or (document.seller_id, document.region) != (call.token.seller_id, call.region):
        raise invalid_input("Invalid Input", "Invalid inputFeedDocumentId")
    if state.clock.now() - document.created > DOCUMENT_LIFETIME:
        raise invalid_input("Invalid Input", "The inputFeedDocumentId has expired")
    return document


def _check_options(options: Json) -> None:
    if options is None:
        return
    if not isinstance(options, dict) or not all(isinstance(value, str) for value in options.values()):
        raise invalid_input("Invalid Input", "feedOptions must be an object of strings")


def _own_feed(state: State, call: Call) -> Feed:
    feed = state.feeds.feeds.get(call.path["feedId"])
    if feed is None or (feed.seller_id, feed.region) != (call.token.seller_id, call.region):
        raise OperationError(404, "NotFound", "The provided feedId could not be found.")
    return feed


def _feed_json(feed: Feed) -> Json:
    body: dict[str, Json] = {
        "feedId": feed.feed_id,
        "feedType": feed.feed_type,
        "marketplaceIds": list(feed.marketplace_ids),
        "createdTime": timestamp(feed.created),
        "processingStatus": str(feed.processing_status),
    }
    optional = {
        "processingStartTime": timestamp(feed.processing_start) if feed.processing_start else "",
        "processingEndTime": timestamp(feed.processing_end) if feed.processing_end else "",
        "resultFeedDocumentId": feed.result_document_id,
    }
    return body | {name: value for name, value in optional.items() if value}
