"""Scenarios of the functions that publish and follow listings."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from quickstart import callers
from quickstart.listings import wiring as listings
from quickstart.listings.records import ListingOf, Operation, Payload, Record, Status
from quickstart.listings.sending import submit
from sp_api.deadline import Deadline
from sp_api.listings import SubmissionStatus
from sp_api.regions import Region
from tests.faults.product_type_scenarios import stored_schema
from tests.faults.scenario import MARKETPLACE, Kind, Scenario, message, notification, request, seller_fields
from tests.faults.world import Invocation, World

SKU = "SKU-0001"
ASIN = "B0SIMULATE"
_EAN = "4006381333931"
_ATTRIBUTES: Mapping[str, Any] = {
    "brand": [{"value": "Moulin"}],
    "bullet_point": [{"value": "Light"}],
    "condition_type": [{"value": "new_new"}],
    "country_of_origin": [{"value": "FR"}],
    "item_name": [{"value": "Suitcase"}],
    "product_description": [{"value": "A light suitcase"}],
    "purchasable_offer": [{"currency": "USD", "our_price": [{"schedule": [{"value_with_tax": 49.9}]}]}],
    "shell_type": [{"value": "hard_shell"}],
    "externally_assigned_product_identifier": [{"type": "ean", "value": _EAN}],
}
_PUT = Payload(Operation.PUT, "LUGGAGE", "LISTING", _ATTRIBUTES)
_PATCH = Payload(
    Operation.PATCH, "LUGGAGE", patches=({"op": "replace", "attribute": "brand", "value": [{"value": "Moulin"}]},)
)
DELETION = Payload(Operation.DELETE)
# Longer than the sweep leaves a submission to its request.
_UNTIL_DUE_SECONDS = 600
# Final statuses of a submission for which SP-API did not answer as expected.
_FAILED = (Status.FAILED, Status.REFUSED, Status.UNKNOWN)


def _listing(world: World, sku: str = SKU) -> ListingOf:
    return ListingOf(world.seller_id, Region.NA, MARKETPLACE, sku, world.seller_id)


def submitted(world: World, payload: Payload) -> Record:
    """A submission that has entered the lane of the SKU."""
    ledger = listings.listing_ledger()
    record = ledger.receive(uuid.uuid4().hex, _listing(world), payload, "hash", None)
    assert record is not None
    ledger.enter(record)
    return record


def _accepted(world: World, payload: Payload) -> Record:
    """A submission that Amazon has accepted, and that has left the lane."""
    record, ledger = submitted(world, payload), listings.listing_ledger()
    assert ledger.sending(record, ledger.lane(record.listing))
    assert ledger.accepted(record, "amazon-1", [])
    ledger.leave(record)
    return record


def _at_amazon(world: World) -> None:
    """Puts a listing at Amazon."""
    world.control("PUT", "/listing-outcomes", {"seconds": 0, "notices": False})
    answer = submit(callers.seller(world.seller_id, Region.NA, Deadline.after(20)), _listing(world), _PUT)
    assert answer.status == SubmissionStatus.ACCEPTED, answer.issues
    for _ in range(50):
        if world.control("GET", "/listings")["listings"]:
            return
        time.sleep(0.05)
    raise AssertionError("Amazon does not show the listing")


def _step(world: World, record: Record, **more: object) -> dict[str, Any]:
    machine = world.resources["STATE_MACHINE_ARN"]
    return {
        "SubmissionId": record.submission_id,
        "SellerId": world.seller_id,
        "StateMachineArn": machine,
        **more,
    }


# The API.


def _submission(world: World, **more: object) -> dict[str, Any]:
    return seller_fields(world, MarketplaceId=MARKETPLACE, ClientToken="token-1", **more)


def _post(world: World) -> dict[str, Any]:
    """A product that Amazon's catalogue has, so that every check is made."""
    product = {"itemName": "Suitcase", "identifiers": {"EAN": _EAN}, "marketplaceIds": [MARKETPLACE]}
    world.control("PUT", f"/products/{ASIN}", product)
    fields = {"Sku": SKU, "ProductType": "LUGGAGE", "Attributes": _ATTRIBUTES, "OnFindings": "SEND"}
    return request("POST", "/listings", _submission(world, **fields))


def _post_offer(world: World) -> dict[str, Any]:
    stored_schema(world, "PRODUCT", requirements="LISTING_OFFER_ONLY")
    attributes = {name: _ATTRIBUTES[name] for name in ("condition_type", "purchasable_offer")}
    fields = {"Sku": SKU, "Asin": ASIN, "Attributes": attributes, "OnFindings": "SEND"}
    return request("POST", "/listings", _submission(world, **fields))


def _preview(world: World) -> dict[str, Any]:
    stored_schema(world, "LUGGAGE")
    fields = {"Sku": SKU, "ProductType": "LUGGAGE", "Attributes": _ATTRIBUTES, "Mode": "PREVIEW"}
    return request("POST", "/listings", _submission(world, **fields))


def _patch(world: World) -> dict[str, Any]:
    stored_schema(world, "LUGGAGE", enforced="NOT_ENFORCED")
    fields = {"ProductType": "LUGGAGE", "Patches": list(_PATCH.patches), "OnFindings": "SEND"}
    return request("PATCH", "/listings/{sku}", _submission(world, **fields), path={"sku": SKU})


def _delete(world: World) -> dict[str, Any]:
    """While another submission for the SKU is being sent."""
    submitted(world, _PUT)
    query = {name: str(value) for name, value in _submission(world).items()}
    return request("DELETE", "/listings/{sku}", query=query, path={"sku": SKU})


def _list(world: World) -> dict[str, Any]:
    submitted(world, _PUT)
    return request("GET", "/listings", query={"SellerId": world.seller_id})


def _side_by_side(world: World) -> dict[str, Any]:
    submitted(world, _PUT)
    query = seller_fields(world, MarketplaceId=MARKETPLACE)
    return request("GET", "/listings/{sku}", query=query, path={"sku": SKU})


def _show(world: World) -> dict[str, Any]:
    path = {"submissionId": submitted(world, _PUT).submission_id}
    return request("GET", "/listings/submissions/{submissionId}", query={"SellerId": world.seller_id}, path=path)


# The workflow.


def _send(world: World) -> dict[str, Any]:
    """Of three submissions, the first is sent, the second was superseded, and the third is next."""
    world.control("PUT", "/listing-outcomes", {"dropped": True})
    first = submitted(world, _PUT)
    submitted(world, _PATCH)
    submitted(world, DELETION)
    return _step(world, first)


def _send_patch(world: World) -> dict[str, Any]:
    world.control("PUT", "/listing-outcomes", {"dropped": True})
    return _step(world, submitted(world, _PATCH))


def _send_deletion(world: World) -> dict[str, Any]:
    world.control("PUT", "/listing-outcomes", {"dropped": True})
    return _step(world, submitted(world, DELETION))


def _send_refused(world: World) -> dict[str, Any]:
    """Amazon finds the submission invalid."""
    world.control("PUT", "/listing-outcomes", {"invalid": [{"code": "90220", "message": "brand is missing"}]})
    return _step(world, submitted(world, _PUT))


def _follow(world: World) -> dict[str, Any]:
    """The listing is published."""
    _at_amazon(world)
    return _step(world, _accepted(world, _PUT), TaskToken=world.task_token(), Reading=4)


def _follow_deletion(world: World) -> dict[str, Any]:
    """Amazon still has the listing, so the deletion is sent again."""
    _at_amazon(world)
    world.control("PUT", "/listing-outcomes", {"dropped": True})
    return _step(world, _accepted(world, DELETION), TaskToken=world.task_token(), Reading=4)


def _lacks(call: str, done: Invocation) -> bool:
    """The listing could not be read, so the execution goes on to wait, and reads it again."""
    return not any(name.startswith(call) for name in done.names)


def _not_deleted(done: Invocation) -> bool:
    """The deletion was not sent, or Amazon rejected it; the execution reads the listing again, and sends it again."""
    rejected = any(line.get("message") == "deletion rejected" for line in done.logged)
    return rejected or _lacks("SP-API DELETE", done)


def _failed(world: World) -> dict[str, Any]:
    """The execution of a submission for which Amazon's answer is not known has failed; another one waits."""
    record, ledger = submitted(world, _PUT), listings.listing_ledger()
    assert ledger.sending(record, ledger.lane(record.listing))
    submitted(world, DELETION)
    return {"detail": {"status": "FAILED", "input": json.dumps(_step(world, record))}}


def _interrupted(world: World) -> dict[str, Any]:
    """Three submissions that nothing goes on with: a request ended after the record, an execution was stopped and its
    event was lost, and an outcome was not announced.
    """
    world.use_waiting_machine()
    ledger = listings.listing_ledger()

    def received(sku: str) -> Record:
        # The sweep takes them in the order of their times, which have whole seconds: at the same time, the random ids
        # would decide, and a call would have another number in each row.
        world.clock.sleep(1)
        record = ledger.receive(uuid.uuid4().hex, _listing(world, sku), _PUT, "hash", None)
        assert record is not None
        return record

    received("SKU-0001")
    stopped, concluded = received("SKU-0002"), received("SKU-0003")
    ledger.enter(stopped)
    world.stopped_execution(stopped.submission_id)
    ledger.enter(concluded)
    assert ledger.concluded(concluded, Status.REFUSED, "Amazon has refused it.")
    world.clock.sleep(_UNTIL_DUE_SECONDS)
    return {"detail-type": "Scheduled Event"}


# The queues.


def listing_notice(world: World) -> dict[str, object]:
    """A notice about a listing with a submission that Amazon has accepted and that an execution follows."""
    record = _accepted(world, DELETION)
    assert listings.listing_ledger().awaited(record, world.task_token())
    payload = {"SellerId": world.seller_id, "MarketplaceId": MARKETPLACE, "Sku": SKU, "Status": ["BUYABLE"]}
    return notification("LISTINGS_ITEM_STATUS_CHANGE", payload)


def _notice(world: World) -> dict[str, Any]:
    return message(world, "LISTING_NOTICES", listing_notice(world))


def listing_outcome(world: World, status: str = "REFUSED") -> dict[str, object]:
    """EventBridge's event of an outcome."""
    where = {"SellerId": world.seller_id, "MarketplaceId": MARKETPLACE, "Sku": SKU}
    return {"detail": {**where, "Status": status, "Message": "text", "Issues": []}}


def _outcomes(world: World) -> dict[str, Any]:
    records = []
    for status in ("PUBLISHED", "REFUSED"):
        records += message(world, "LISTING_DIGEST", listing_outcome(world, status))["Records"]
    return {"Records": records}


def _concluded(world: World) -> str:
    """The final status with which a submission ended that SP-API did not take, once it is announced."""
    for table, item in world.stored():
        if table == "LISTINGS_TABLE" and item.get("Status", {}).get("S") in _FAILED and "AnnouncedTime" in item:
            return str(item["Message"]["S"])
    return ""


def _scenarios() -> Iterator[Scenario]:
    function, reader = "listing_submissions", "listing_reader"
    schemas = ("PRODUCT_TYPES_BUCKET", "PRODUCT_TYPES_TABLE")
    yield Scenario("POST /listings", function, Kind.API, _post, spare=schemas)
    yield Scenario("POST /listings with Asin", function, Kind.API, _post_offer)
    yield Scenario("POST /listings, PREVIEW", function, Kind.API, _preview)
    yield Scenario("PATCH /listings/{sku}", function, Kind.API, _patch)
    yield Scenario("DELETE /listings/{sku}", function, Kind.API, _delete)
    yield Scenario("GET /listings", reader, Kind.API, _list)
    yield Scenario("GET /listings/{sku}", reader, Kind.API, _side_by_side)
    yield Scenario("GET /listings/submissions/{submissionId}", reader, Kind.API, _show)
    sender, send = "listing_sender", "SendSubmission"
    yield Scenario("send", sender, Kind.STEP, _send, send, recorded=_concluded)
    yield Scenario("send a patch", sender, Kind.STEP, _send_patch, send, recorded=_concluded)
    yield Scenario("send a deletion", sender, Kind.STEP, _send_deletion, send, recorded=_concluded)
    yield Scenario("send, found invalid", sender, Kind.STEP, _send_refused, send, recorded=_concluded)
    follower, follow = "listing_follower", "FollowSubmission"
    yield Scenario("follow", follower, Kind.STEP, _follow, follow, unfinished=partial(_lacks, "SFN SendTaskSuccess"))
    yield Scenario("follow a deletion", follower, Kind.STEP, _follow_deletion, follow, unfinished=_not_deleted)
    yield Scenario("submission failed", "listing_failures", Kind.EVENT, _failed)
    yield Scenario("sweep of submissions", "listing_sweep", Kind.EVENT, _interrupted)
    yield Scenario("listing changed", "listing_notices", Kind.QUEUE, _notice)
    yield Scenario("listing outcomes", "listing_digest", Kind.QUEUE, _outcomes)


SCENARIOS = tuple(_scenarios())
