"""Scenarios of the functions that publish files of listings."""

import json
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from quickstart.listings import feed_wiring, wiring
from quickstart.listings.feed_files import UPLOAD
from quickstart.listings.feed_ledger import CREATE_FEED, GET_FEED_DOCUMENT
from quickstart.listings.feed_records import FeedMode, FeedOf, FeedRecord, FeedState, OnBadMessages
from quickstart.listings.feed_sending import Step
from sp_api.regions import Region
from tests.faults.listing_scenarios import DELETION, SKU, submitted
from tests.faults.scenario import MARKETPLACE, Kind, Scenario, request, seller_fields
from tests.faults.world import Invocation, World

FUNCTION = "listing_feed_worker"
# Longer than a link to upload a file works.
_UNTIL_DUE_SECONDS = 3 * 3600
_SWEEP = {"detail-type": "Scheduled Event"}
_LINE = {"operationType": "UPDATE", "productType": "LUGGAGE", "attributes": {"brand": [{"value": "Moulin"}]}}
_FILE = b"".join(json.dumps({"sku": sku, **_LINE}).encode() + b"\n" for sku in (SKU, "SKU-0002"))


# The API.


def _post(world: World) -> dict[str, Any]:
    return request("POST", "/listings/feeds", seller_fields(world, MarketplaceIds=[MARKETPLACE], ClientToken="token-1"))


def _list(world: World) -> dict[str, Any]:
    _requested(world)
    return request("GET", "/listings/feeds", query={"SellerId": world.seller_id})


def _show(world: World) -> dict[str, Any]:
    path = {"feedRequestId": _checked(world).feed_request_id}
    return request("GET", "/listings/feeds/{feedRequestId}", query={"SellerId": world.seller_id}, path=path)


# The workflow.


def _requested(world: World) -> FeedRecord:
    ledger = feed_wiring.feed_ledger()
    account = FeedOf(world.seller_id, Region.NA, (MARKETPLACE,), world.seller_id)
    record = FeedRecord(
        uuid.uuid4().hex,
        account,
        FeedMode.PUBLISH,
        OnBadMessages.REFUSE,
        "hash",
        FeedState.AWAITING_UPLOAD,
        "2026-11-26T10:00:00.000000+00:00",
        "2100-01-01T00:00:00+00:00",
    )
    assert ledger.receive(record)
    return record


def _uploaded(world: World) -> FeedRecord:
    record = _requested(world)
    files = feed_wiring.files(record)
    world.client("s3").put_object(Bucket=files.bucket, Key=files.key(UPLOAD), Body=_FILE)
    ledger = feed_wiring.feed_ledger()
    assert ledger.uploaded(record, len(_FILE))
    ledger.join(record)
    return _now(record)


def _now(record: FeedRecord) -> FeedRecord:
    found = feed_wiring.feed_ledger().find(record.account.seller_id, record.feed_request_id)
    assert found is not None
    return found


def _step(record: FeedRecord, step: Step, **more: object) -> dict[str, Any]:
    return {
        "FeedRequestId": record.feed_request_id,
        "SellerId": record.account.seller_id,
        "Step": str(step),
        "Slot": {},
        "Reason": "the execution has failed",
        **more,
    }


def _did(world: World, record: FeedRecord, step: Step) -> FeedRecord:
    done = world.invoke(FUNCTION, _step(record, step))
    assert done.error is None, done.error
    return _now(record)


def _checked(world: World) -> FeedRecord:
    return _did(world, _uploaded(world), Step.CHECK)


def _entered(world: World) -> FeedRecord:
    return _did(world, _checked(world), Step.ENTER)


def _sent(world: World) -> FeedRecord:
    rule = {"queueSeconds": 0, "processingSeconds": 0, "notification": {"copies": 0}}
    world.control("PUT", "/feed-outcomes", rule)
    return _did(world, _entered(world), Step.SEND)


def _processed(world: World) -> FeedRecord:
    record = _sent(world)
    for _ in range(100):
        record = _did(world, record, Step.POLL)
        if record.amazon_status is not None:
            return record
    raise AssertionError("Amazon does not end the feed")


def _check(world: World) -> dict[str, Any]:
    return _step(_uploaded(world), Step.CHECK)


def _enter(world: World) -> dict[str, Any]:
    """While a single submission waits at the gate."""
    record = _checked(world)
    single = submitted(world, DELETION)
    wiring.listing_ledger().release(single.listing, single.submission_id)
    return _step(record, Step.ENTER)


def _send(world: World) -> dict[str, Any]:
    rule = {"queueSeconds": 3600, "notification": {"copies": 0}}
    world.control("PUT", "/feed-outcomes", rule)
    # As the state machine passes it back: the call is made at once.
    return _step(_entered(world), Step.SEND, Slot={"Operation": CREATE_FEED})


def _poll(world: World) -> dict[str, Any]:
    return _step(_sent(world), Step.POLL)


def _collect(world: World) -> dict[str, Any]:
    return _step(_processed(world), Step.COLLECT, Slot={"Operation": GET_FEED_DOCUMENT})


def _acknowledge(world: World) -> dict[str, Any]:
    """While a single submission waits for the feed."""
    record = _did(world, _processed(world), Step.COLLECT)
    submitted(world, DELETION)
    return _step(record, Step.ACKNOWLEDGE)


def _wait(world: World) -> dict[str, Any]:
    """The news is there already."""
    record = _sent(world)
    feed_wiring.feed_ledger().news(record)
    return _step(record, Step.POLL, TaskToken=world.task_token())


# What EventBridge tells.


def _upload_event(world: World) -> dict[str, Any]:
    record = _requested(world)
    files = feed_wiring.files(record)
    return {"detail-type": "Object Created", "detail": {"object": {"key": files.key(UPLOAD), "size": len(_FILE)}}}


def _notice(world: World) -> dict[str, Any]:
    record = _sent(world)
    feed_wiring.feed_ledger().awaited(record, world.task_token())
    payload = {"feedProcessingFinishedNotification": {"feedId": record.feed_id}}
    return {"detail-type": "FEED_PROCESSING_FINISHED", "detail": {"Notification": {"payload": payload}}}


def _failed(world: World) -> dict[str, Any]:
    record = _checked(world)
    feed_wiring.feed_ledger().runs(record)
    name = record.feed_request_id
    given = json.dumps(_step(record, Step.CHECK))
    detail = {"name": name, "status": "FAILED", "input": given}
    return {"detail-type": "Step Functions Execution Status Change", "detail": detail}


def _interrupted(world: World) -> Mapping[str, Any]:
    """The event of an upload was lost, and the one of an execution that was stopped."""
    world.use_waiting_machine()
    record = _requested(world)
    files = feed_wiring.files(record)
    world.client("s3").put_object(Bucket=files.bucket, Key=files.key(UPLOAD), Body=_FILE)
    stopped = _checked(world)
    assert feed_wiring.feed_ledger().runs(stopped)
    world.stopped_execution(stopped.feed_request_id)
    world.clock.sleep(_UNTIL_DUE_SECONDS)
    return _SWEEP


def _next_sweep(world: World) -> None:
    """A feed that an interrupted sweep has begun with is due again within half an hour."""
    world.clock.sleep(_UNTIL_DUE_SECONDS)
    done = world.invoke("listing_feed_events", _SWEEP)
    assert done.error is None, done.error


def _again(step: Step, done: Invocation) -> bool:
    """The state machine waits and calls the step again, for example to look a lost createFeed up."""
    return isinstance(done.result, dict) and done.result.get("Step") == step


def _failed_feed(world: World) -> str:
    """What became of a feed that SP-API did not take, or whose report it did not return."""
    for table, item in world.stored():
        if table == "LISTING_FEEDS_TABLE" and "Status" in item:
            state, words = item["Status"]["S"], str(item["Message"]["S"])
            if state == FeedState.FAILED or "cannot be fetched" in words:
                return words
    return ""


def _scenarios() -> Iterator[Scenario]:
    api, events = "listing_feeds", "listing_feed_events"
    yield Scenario("POST /listings/feeds", api, Kind.API, _post)
    yield Scenario("GET /listings/feeds", api, Kind.API, _list)
    yield Scenario("GET /listings/feeds/{feedRequestId}", api, Kind.API, _show)
    yield Scenario("check a file", FUNCTION, Kind.STEP, _check, "CheckFile")
    yield Scenario("reserve the SKUs of a file", FUNCTION, Kind.STEP, _enter, "EnterLanes")
    sends, collects = partial(_again, Step.SEND), partial(_again, Step.COLLECT)
    yield Scenario("send a feed", FUNCTION, Kind.STEP, _send, "SendFeed", unfinished=sends, recorded=_failed_feed)
    yield Scenario("read the status of a feed", FUNCTION, Kind.STEP, _poll, "AskAmazon", recorded=_failed_feed)
    yield Scenario(
        "collect a report", FUNCTION, Kind.STEP, _collect, "CollectReport", unfinished=collects, recorded=_failed_feed
    )
    yield Scenario("finish a feed", FUNCTION, Kind.STEP, _acknowledge, "Acknowledge")
    yield Scenario("wait until a feed ends", FUNCTION, Kind.STEP, _wait, "WaitForNews")
    yield Scenario("file uploaded", events, Kind.EVENT, _upload_event)
    yield Scenario("feed finished", events, Kind.EVENT, _notice)
    yield Scenario("feed failed", events, Kind.EVENT, _failed)
    yield Scenario("sweep of feeds", events, Kind.EVENT, _interrupted, later=_next_sweep)


SCENARIOS = tuple(_scenarios())
