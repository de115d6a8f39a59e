"""The Listings table: one item for each submission, and one lane for each SKU.

A lane has a holder, which is being sent, and those that wait: a later PUT or DELETE supersedes them, a PATCH waits
behind them. A submission leaves the lane when Amazon's answer is recorded; then the first waiting one holds it. So two
submissions for a SKU are never under way at the same time, and none is sent after a later one.

A feed enters the lanes of all its SKUs and waits in each behind what is there. Nothing supersedes a feed, and a feed
supersedes nothing. It holds its lanes for as long as its marker is in the table: when the feed ends, only the lanes in
which somebody waits have to be written.

Until a feed has entered its lanes, nobody knows its SKUs. So an account has a gate, which a feed closes before its file
is checked. Submissions that come meanwhile wait at the gate, and enter their lanes behind the feed.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from quickstart.dynamodb import (
    MOST_ATTEMPTS,
    MOST_CHANGED_AT_ONCE,
    Change,
    Item,
    ItemContestedError,
    Table,
    reading_item,
)
from quickstart.listings.records import ListingOf, Operation, Payload, Record, Status, of_feed, packed
from quickstart.refusals import Refusal
from quickstart.times import from_text, to_text
from sp_api.wire import optional_text, texts

SELLER_INDEX = "SellerIdReceivedTimeIndex"
# Has the submissions whose outcome is not announced yet, by the time when the sweep looks at them.
OPEN_INDEX = "OpenDueTimeIndex"
OPEN = "LISTING"
# A submission's execution is started within seconds.
LEFT_TO_ITS_REQUEST = timedelta(minutes=5)
# Keeps lanes out of every list of submissions: no time is lower.
NOT_A_SUBMISSION = "0"
# The submissions that a lane remembers, newest first.
MOST_REMEMBERED = 20
# The patches that wait behind the waiting submission. An item has room for thousands.
MOST_QUEUED = 500
# Records of a feed's messages, between two looks whether the feed is still wanted.
_RECORDED_AT_ONCE = 500
# A sender that is still not done is gone: its execution retries for less than this.
LONGEST_SENDING = timedelta(hours=12)
_LONGEST_PAUSE_SECONDS = 0.4
_OPEN = (Status.RECEIVED, Status.WAITING, Status.SENDING, Status.ACCEPTED)


class LaneFullError(Refusal):
    """Too many patches for one SKU are waiting."""

    status = 429
    code = "TooManyWaiting"
    field = "Sku"
    retry_after = 60.0

    def __init__(self, sku: str) -> None:
        super().__init__(
            f"{MOST_QUEUED} changes of SKU {sku} in this marketplace are waiting to be sent: "
            "put several attributes into one PATCH"
        )


@dataclass(frozen=True)
class Lane:
    """A SKU's lane. `superseded` are waiting submissions that were replaced and are not marked yet."""

    holder: str | None = None
    held: datetime | None = None
    waiting: str | None = None
    # Patches behind the waiting submission, in their order.
    queue: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    asin: str | None = None
    # Amazon's lastUpdatedDate of the listing, when it was last read.
    updated: str | None = None
    version: int = 0

    @property
    def waiters(self) -> tuple[str, ...]:
        """All submissions that wait, the next one first."""
        return (*([self.waiting] if self.waiting else []), *self.queue)

    @classmethod
    def from_item(cls, item: Item) -> "Lane":
        """Raises DamagedItemError."""
        with reading_item(f"{item.get('SubmissionId')} of {item.get('SellerId')}"):
            return cls(
                optional_text(item, "Holder") or None,
                from_text(optional_text(item, "HeldTime") or None),
                optional_text(item, "Waiting") or None,
                texts(item, "Queue"),
                texts(item, "Recent"),
                texts(item, "Superseded"),
                optional_text(item, "Asin"),
                optional_text(item, "Updated"),
                int(item["Version"]),
            )


@dataclass(frozen=True)
class Gate:
    """An account's gate. `feeds` keep it closed; `waiting` are submissions that came since, in their order."""

    feeds: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    version: int = 0

    @classmethod
    def from_item(cls, item: Item) -> "Gate":
        """Raises DamagedItemError."""
        with reading_item(f"{item.get('SubmissionId')} of {item.get('SellerId')}"):
            return cls(texts(item, "Feeds"), texts(item, "Waiting"), int(item["Version"]))


@dataclass(frozen=True)
class ListingLedger:
    """Reads and writes submissions and lanes. All changes of a lane are conditional."""

    table: Table
    kept: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: Callable[[float], None] = time.sleep

    def receive(
        self, submission_id: str, listing: ListingOf, payload: Payload, request_hash: str, client_token: str | None
    ) -> Record | None:
        """Records a submission before anything is sent; None when there is one with this id."""
        now = self.now()
        item = {
            "SubmissionId": submission_id,
            "SellerId": listing.seller_id,
            "RegionCode": str(listing.region),
            "MarketplaceId": listing.marketplace_id,
            "Sku": listing.sku,
            "ListingSellerId": listing.listing_seller_id,
            "PartyType": str(listing.party),
            "Operation": str(payload.operation),
            "ProductType": payload.product_type or None,
            "Request": payload.packed(),
            "RequestHash": request_hash,
            "ClientToken": client_token,
            "Status": str(Status.RECEIVED),
            "ReceivedTime": to_text(now, unit="microseconds"),
            "Open": OPEN,
            "DueTime": to_text(now + LEFT_TO_ITS_REQUEST),
            "ExpiresAt": int((now + self.kept).timestamp()),
        }
        if not self.table.put(item, Attr("SubmissionId").not_exists()):
            return None
        return Record.from_item({name: value for name, value in item.items() if value is not None})

    def find(self, seller_id: str, submission_id: str) -> Record | None:
        """The submission; None when there is none, it has expired, or it is a feed. Raises DamagedItemError."""
        if of_feed(submission_id):
            return None
        item = self.table.get(_key(seller_id, submission_id))
        return None if item is None or expired(item, self.now()) else Record.from_item(item)

    def due(self) -> Iterator[tuple[str, str]]:
        """Seller and id of each submission that the sweep must look at, the longest due first."""
        now = to_text(self.now())
        for item in self.table.each("Open", OPEN, index=OPEN_INDEX):
            if str(item["DueTime"]) > now:
                return
            yield str(item["SellerId"]), str(item["SubmissionId"])

    def postponed(self, record: Record, until: datetime) -> None:
        """The sweep looks at the submission again then."""
        self._set(record, {"DueTime": to_text(until)}, _OPEN)

    def lane(self, listing: ListingOf) -> Lane:
        """The SKU's lane, an empty one when there is none."""
        item = self.table.get(_key(listing.seller_id, listing.lane))
        return Lane() if item is None else Lane.from_item(item)

    def lanes(self, lane_key: str) -> list[tuple[str, Lane]]:
        """The lanes with this key and the seller of each: a vendor code may belong to several accounts."""
        return [(str(item["SellerId"]), Lane.from_item(item)) for item in self.table.query("SubmissionId", lane_key)]

    def enter(self, record: Record) -> Lane:
        """Lets the submission hold the lane, or wait. Returns the lane afterwards.

        A PUT or a DELETE takes the place of those that wait, because it replaces all of the listing. A PATCH waits
        behind them. Repeating it changes nothing. Raises ItemContestedError and LaneFullError.
        """

        def entered(lane: Lane) -> Mapping[str, Any] | None:
            mine, waiters = record.submission_id, lane.waiters
            free = self._is_free(record.listing, lane)
            if mine == lane.holder or mine in waiters or mine in lane.recent:
                # Its lane may have lost its holder.
                return self._held_by(waiters) if free and waiters and mine != lane.holder else None
            superseded: tuple[str, ...] = ()
            if record.payload.operation is not Operation.PATCH:
                superseded = tuple(entry for entry in waiters if not of_feed(entry))
                waiters = tuple(entry for entry in waiters if of_feed(entry))
            elif len(waiters) >= MOST_QUEUED:
                raise LaneFullError(record.listing.sku)
            waiters = (*waiters, mine)
            return {
                **(self._held_by(waiters) if free else _waiting(waiters)),
                "Recent": [mine, *lane.recent][:MOST_REMEMBERED],
                "Superseded": [*lane.superseded, *superseded],
            }

        return self._change(record.listing, entered)

    def gate(self, seller_id: str, key: str) -> Gate:
        """The gate with this key, an open one when there is none."""
        item = self.table.get(_key(seller_id, key))
        return Gate() if item is None else Gate.from_item(item)

    def wait_at_gate(self, record: Record) -> Gate:
        """Lets the submission wait if the gate is closed, or others still wait to pass. Repeating it changes nothing.

        Returns the gate: the submission waits if it is among those that do. Raises ItemContestedError.
        """
        mine, listing = record.submission_id, record.listing

        def waited(gate: Gate) -> Mapping[str, Any] | None:
            if mine in gate.waiting or not (gate.feeds or gate.waiting):
                return None
            return {"Waiting": [*gate.waiting, mine]}

        return self._change_gate(listing.seller_id, listing.gate, waited)

    def close_gate(self, seller_id: str, key: str, feed: str) -> None:
        """Submissions that come from now on wait until the feed has entered its lanes."""
        self._change_gate(seller_id, key, lambda gate: None if feed in gate.feeds else {"Feeds": [*gate.feeds, feed]})

    def open_gate(self, seller_id: str, key: str, feed: str) -> Gate:
        """The feed no longer keeps the gate closed. Returns the gate; repeating it changes nothing."""
        return self._change_gate(
            seller_id,
            key,
            lambda gate: {"Feeds": [one for one in gate.feeds if one != feed]} if feed in gate.feeds else None,
        )

    def passed_gate(self, seller_id: str, key: str, submission_id: str) -> Gate:
        """The submission has entered its lane, or never will. Returns the gate."""

        def passed(gate: Gate) -> Mapping[str, Any] | None:
            left = [one for one in gate.waiting if one != submission_id]
            return None if len(left) == len(gate.waiting) else {"Waiting": left}

        return self._change_gate(seller_id, key, passed)

    def feed_began(self, seller_id: str, feed: str) -> None:
        """From now on, the feed can hold lanes. `feed` is its entry in lanes."""
        kept = int((self.now() + self.kept).timestamp())
        self.table.put({**_key(seller_id, feed), "ReceivedTime": NOT_A_SUBMISSION, "ExpiresAt": kept})

    def feed_ended(self, seller_id: str, feed: str) -> None:
        """The lanes that the feed holds are free."""
        self.table.delete(_key(seller_id, feed))

    def feed_runs(self, seller_id: str, feed: str) -> bool:
        """Whether the feed has begun and not ended."""
        return self.table.get(_key(seller_id, feed)) is not None

    def enter_feed(self, feed: str, listings: Sequence[ListingOf]) -> list[tuple[ListingOf, Lane]]:
        """Lets the feed hold the lanes, or wait in them. Returns those that it does not hold, with their lanes.

        Repeating it changes nothing, and gives a lane that has lost its holder to the first that waits. The listings
        are of one seller. Raises ItemContestedError and TableBusyError.
        """
        not_held = []
        for start in range(0, len(listings), MOST_CHANGED_AT_ONCE):
            some = listings[start : start + MOST_CHANGED_AT_ONCE]
            lanes = self.lanes_of(some)
            holders = {(listing.seller_id, lane.holder) for listing, lane in lanes if of_feed(lane.holder)}
            running = {holder: self.feed_runs(seller_id, holder) for seller_id, holder in holders if holder is not None}
            changes = [
                Change(
                    _key(listing.seller_id, listing.lane),
                    self._versioned(lane.version, values),
                    _unchanged(lane.version),
                )
                for listing, lane in lanes
                if (values := self._feed_entered(feed, listing, lane, running)) is not None
            ]
            if changes and self.table.change_all(changes):
                lanes = self.lanes_of(some)
            elif changes:
                lanes = [(listing, self._enter_one(feed, listing)) for listing in some]
            not_held += [(listing, lane) for listing, lane in lanes if lane.holder != feed]
        return not_held

    def lanes_of(self, listings: Sequence[ListingOf]) -> list[tuple[ListingOf, Lane]]:
        """Each listing with its lane, in the same order. Raises TableBusyError."""
        items = self.table.get_many([_key(listing.seller_id, listing.lane) for listing in listings])
        found = {str(item["SubmissionId"]): Lane.from_item(item) for item in items}
        return [(listing, found.get(listing.lane, Lane())) for listing in listings]

    def put_records(self, items: Iterable[Item], wanted: Callable[[], bool]) -> int:
        """Records of a feed's messages, whose outcome is known; returns how many.

        `wanted` is whether the feed still has a record: a seller's removal deletes that one first, and the records of
        listings that were written meanwhile are deleted here. Raises TableBusyError.
        """
        count, remaining = 0, iter(items)
        while some := list(islice(remaining, _RECORDED_AT_ONCE)):
            written = self.table.put_many(some)
            if not wanted():
                self.table.delete_many([_key(str(item["SellerId"]), str(item["SubmissionId"])) for item in some])
                return count
            count += written
        return count

    def _enter_one(self, feed: str, listing: ListingOf) -> Lane:
        return self._change(listing, lambda lane: self._feed_entered(feed, listing, lane))

    def _feed_entered(
        self, feed: str, listing: ListingOf, lane: Lane, running: Mapping[str, bool] | None = None
    ) -> Mapping[str, Any] | None:
        """What changes in a lane when the feed enters it; None when it has entered before.

        `running` are the feeds that hold lanes, as far as they are known.
        """
        if feed == lane.holder:
            return None
        known = None if running is None or lane.holder is None else running.get(lane.holder)
        waiters, free = lane.waiters, self._is_free(listing, lane) if known is None else not known
        if feed in waiters:
            return self._held_by(waiters) if free else None
        waiters = (*waiters, feed)
        return {
            **(self._held_by(waiters) if free else _waiting(waiters)),
            "Recent": [feed, *lane.recent][:MOST_REMEMBERED],
        }

    def _is_free(self, listing: ListingOf, lane: Lane) -> bool:
        """Whether nobody holds the lane any more."""
        if lane.holder is None or lane.held is None:
            return True
        if of_feed(lane.holder):
            return not self.feed_runs(listing.seller_id, lane.holder)
        return self.now() > lane.held + LONGEST_SENDING

    def release(self, listing: ListingOf, entry: str) -> Lane:
        """Ends the hold of a submission or a feed, or its wait. Repeating it changes nothing."""

        def released(lane: Lane) -> Mapping[str, Any] | None:
            if lane.holder == entry:
                return self._held_by(lane.waiters)
            left = tuple(waiter for waiter in lane.waiters if waiter != entry)
            return None if left == lane.waiters else _waiting(left)

        return self._change(listing, released)

    def leave(self, record: Record) -> Lane:
        """Ends the submission's hold, so that the first waiting one holds the lane. Repeating it changes nothing."""
        return self.release(record.listing, record.submission_id)

    def _held_by(self, waiters: tuple[str, ...]) -> Mapping[str, Any]:
        """The first of those that wait holds the lane; nobody when there is none."""
        if not waiters:
            return {"Holder": "", "HeldTime": "", **_waiting(())}
        return {"Holder": waiters[0], "HeldTime": self._time(), **_waiting(waiters[1:])}

    def superseded_marked(self, listing: ListingOf, submission_ids: tuple[str, ...]) -> None:
        """These submissions have the status SUPERSEDED."""

        def marked(lane: Lane) -> Mapping[str, Any] | None:
            left = [entry for entry in lane.superseded if entry not in submission_ids]
            return None if len(left) == len(lane.superseded) else {"Superseded": left}

        self._change(listing, marked)

    def remember(self, listing: ListingOf, asin: str | None, updated: datetime | None) -> None:
        """The listing's ASIN and lastUpdatedDate at Amazon."""
        seen = {"Asin": asin, "Updated": to_text(updated, unit="microseconds")}
        known = {name: value for name, value in seen.items() if value}
        self._change(
            listing,
            lambda lane: (
                None if known.get("Asin", lane.asin) == lane.asin and known.get("Updated") == lane.updated else known
            ),
        )

    def waiting(self, record: Record, message: str | None) -> Record | None:
        """It waits for another submission or for a feed."""
        values = {"Status": str(Status.WAITING), "Message": message}
        return self._set(record, values, (Status.RECEIVED, Status.WAITING))

    def sending(self, record: Record, lane: Lane) -> Record | None:
        """Before Amazon is called; None when the submission may not be sent any more."""
        values = {
            "Status": str(Status.SENDING),
            "Attempts": record.attempts + 1,
            "SentTime": self._time(),
            "UpdatedBefore": lane.updated,
        }
        return self._set(record, values, (Status.RECEIVED, Status.WAITING, Status.SENDING))

    def noted(self, record: Record, message: str) -> None:
        """What went wrong with the last attempt to send."""
        self._set(record, {"Message": message}, (Status.SENDING,))

    def not_sent(self, record: Record, message: str) -> None:
        """The last attempt ended before Amazon was called. `record` is from before the attempt."""
        self._set(record, {"Message": message, "Attempts": record.attempts}, (Status.SENDING,))

    def accepted(self, record: Record, amazon_submission_id: str, issues: object) -> Record | None:
        """Amazon has accepted the submission and processes it."""
        values = {
            "Status": str(Status.ACCEPTED),
            "Message": "Amazon has accepted the submission and is processing it.",
            "AmazonSubmissionId": amazon_submission_id,
            "Issues": packed(issues),
            "AnsweredTime": self._time(),
        }
        return self._set(record, values, (Status.SENDING,))

    def concluded(
        self,
        record: Record,
        status: Status,
        message: str,
        *,
        asin: str | None = None,
        issues: object = None,
        amazon_submission_id: str | None = None,
    ) -> Record | None:
        """The record with its final status; None when there is one already."""
        values = {
            "Status": str(status),
            "Message": message,
            "Asin": asin,
            "Issues": None if issues is None else packed(issues),
            "AmazonSubmissionId": amazon_submission_id,
            "OutcomeTime": self._time(),
        }
        return self._set(record, values, _OPEN)

    def awaited(self, record: Record, task_token: str) -> Record | None:
        """The execution waits with this token; None when the submission is final."""
        return self._set(record, {"TaskToken": task_token}, (Status.ACCEPTED,))

    def checked(self, record: Record, asin: str | None, issues: object) -> Record | None:
        """What Amazon shows of the listing, which is not final."""
        values = {"CheckedTime": self._time(), "Asin": asin, "Issues": packed(issues)}
        return self._set(record, values, (Status.ACCEPTED,))

    def noticed(self, record: Record) -> Record | None:
        """A notice about the listing has arrived; None when the submission is final."""
        return self._set(record, {"NoticedTime": self._time()}, (Status.SENDING, Status.ACCEPTED))

    def announced(self, record: Record) -> None:
        """EventBridge has taken the event about the final status."""
        final = tuple(status for status in Status if status.final)
        self._set(record, {"AnnouncedTime": self._time()}, final, remove=("Open", "DueTime"))

    def _set(
        self, record: Record, values: Mapping[str, Any], allowed: tuple[Status, ...], *, remove: tuple[str, ...] = ()
    ) -> Record | None:
        """The record as it has become; None when its status is not `allowed`."""
        item = self.table.updated(
            _key(record.listing.seller_id, record.submission_id),
            values,
            remove=remove,
            condition=Attr("Status").is_in([str(status) for status in allowed]),
        )
        return None if item is None else Record.from_item(item)

    def _change_gate(self, seller_id: str, key: str, change: Callable[[Gate], Mapping[str, Any] | None]) -> Gate:
        """Changes the gate unless `change` returns None. Concurrent changes do not lose each other's."""
        for attempt in range(MOST_ATTEMPTS):
            gate = self.gate(seller_id, key)
            values = change(gate)
            if values is None:
                return gate
            changed = self._versioned(gate.version, values)
            item = self.table.updated(_key(seller_id, key), changed, condition=_unchanged(gate.version))
            if item is not None:
                return Gate.from_item(item)
            self._wait(attempt)
        raise ItemContestedError(f"the gate {key}")

    def _change(self, listing: ListingOf, change: Callable[[Lane], Mapping[str, Any] | None]) -> Lane:
        """Changes the lane unless `change` returns None. Concurrent changes do not lose each other's."""
        key = _key(listing.seller_id, listing.lane)
        for attempt in range(MOST_ATTEMPTS):
            lane = self.lane(listing)
            values = change(lane)
            if values is None:
                return lane
            changed = self._versioned(lane.version, values)
            item = self.table.updated(key, changed, condition=_unchanged(lane.version))
            if item is not None:
                return Lane.from_item(item)
            self._wait(attempt)
        raise ItemContestedError(f"the lane of SKU {listing.sku}")

    def _wait(self, attempt: int) -> None:
        self.pause(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.02 * 2**attempt)))  # noqa: S311 - a wait, no secret

    def _versioned(self, version: int, values: Mapping[str, Any]) -> Item:
        return {
            **values,
            "ReceivedTime": NOT_A_SUBMISSION,
            "Version": version + 1,
            "ExpiresAt": int((self.now() + self.kept).timestamp()),
        }

    def _time(self) -> str:
        return to_text(self.now(), unit="microseconds")


def expired(item: Item, now: datetime) -> bool:
    """Whether the item has expired: DynamoDB deletes it within days."""
    with reading_item(f"{item.get('SubmissionId')} of {item.get('SellerId')}"):
        return "ExpiresAt" in item and int(item["ExpiresAt"]) <= now.timestamp()


def _waiting(waiters: tuple[str, ...]) -> Mapping[str, Any]:
    """The attributes of a lane for those that wait."""
    return {"Waiting": waiters[0] if waiters else "", "Queue": list(waiters[1:])}


def _key(seller_id: str, submission_id: str) -> Item:
    return {"SubmissionId": submission_id, "SellerId": seller_id}


def _unchanged(version: int) -> ConditionBase:
    return Attr("Version").eq(version) if version else Attr("Version").not_exists()
